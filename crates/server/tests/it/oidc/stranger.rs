//! A client that somebody else wrote signs somebody in over the network: Authlib, `tests/oidc_client/sign_in.py`.

use super::{Application, REDIRECT, adam};
use crate::browser::Browser;
use crate::desk::Desk;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment that `./test` makes; without it there is nobody to ask.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("PROVOST_TEST_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    python.exists().then_some(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_somebody_in() {
    let Some(python) = python() else { return };
    let desk = Desk::now();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let router = server::router(desk.app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (secret, public) =
        (Application::new(&desk).await, Application::of(&desk, "default", "", json!({"public": true})).await);
    let mut browser = Browser::new(&desk);
    let id = adam(&mut browser).await;
    let (name, value) = browser.cookies.iter().next().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc_client/sign_in.py");
    for application in [secret, public] {
        let mut command = Command::new(&python);
        command.arg(&script).args([
            &issuer,
            &application.id,
            &application.secret,
            REDIRECT,
            &format!("{name}={value}"),
        ]);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&told["id_token"]["sub"], &told["userinfo"]["email"]), (&json!(id), &json!("adam@example.com")));
        assert_eq!(told["userinfo"]["groups"], json!(["Editors"]));
    }
}
