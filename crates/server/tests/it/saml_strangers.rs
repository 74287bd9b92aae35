//! Responses that signxml, pysaml2, python3-saml and xmlsec1 make, posted to `/saml/acs`: Adam comes in with each.

use crate::desk::Desk;
use crate::saml_bad::{COOKIE, posted, sha256, tenant};
use crate::signer;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{KeyState, SamlConnection, SamlKey, SamlPurpose, SamlRequest, SamlSettings};

const IDP: &str = "https://idp.example.com/saml/metadata";

fn made() -> Vec<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = std::env::var_os("PROVOST_TEST_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    let job = json!({"sp": "https://sp.example.com/saml/metadata", "acs": "https://sp.example.com/saml/acs", "idp": IDP,
        "request": "_request1"});
    let mut child = Command::new(venv.join("bin/python"))
        .arg(signer::file("strangers/make.py"))
        .arg(signer::file("keys"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run ./test once: it makes the Python environment");
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn adam_comes_in_with_what_strangers_sign() {
    let desk = Desk::at("https://sp.example.com");
    let tenant = tenant(&desk).await;
    desk.user("adam@example.com").await;
    let settings = SamlSettings {
        entity_id: IDP.into(),
        sign_on_url: "https://idp.example.com/sso".into(),
        certificates: ["idp", "p256", "p384"].map(|key| signer::certificate(key).base64()).into(),
        encrypted_assertions: true,
        ..SamlSettings::default()
    };
    let connection = SamlConnection { tenant, id: "default".into(), settings, ..SamlConnection::default() };
    let key = SamlKey {
        id: "sp".into(),
        state: KeyState::Current,
        certificate: signer::certificate("sp").der().to_vec(),
        sealed: desk.app.store().seal("saml sp key", signer::private_key("sp").pkcs8()).unwrap(),
        created_at: 1,
    };
    let kept = desk.app.store().write(move |w| -> store::Result<()> {
        w.saml_key_insert(tenant, SamlPurpose::ServiceProvider, &key)?;
        w.saml_connection_insert(&connection)
    });
    kept.await.unwrap();
    let all = made();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let stands = desk.clock.now();
    desk.clock.advance(i64::try_from(now).unwrap() - stands);
    assert!(all.len() >= 14, "only {}", all.len());
    for message in all {
        let request = SamlRequest {
            tenant,
            id: "_request1".into(),
            connection: "default".into(),
            purpose: "sign_in".into(),
            browser: sha256(COOKIE),
            target: "/me".into(),
            expires_at: i64::MAX,
            ..SamlRequest::default()
        };
        // They give their assertions the same ID, which counts once.
        let fresh = desk.app.store().write(move |w| -> store::Result<()> {
            w.sign_ins_prune(tenant, i64::MAX)?;
            w.saml_request_insert(&request)
        });
        fresh.await.unwrap();
        let fields = [("SAMLResponse", message["field"].as_str().unwrap())];
        let cookie = format!("__Host-provost-saml={COOKIE}");
        let answer = desk.send(None, posted("/saml/acs", &cookie, &fields)).await;
        assert_eq!(answer.status, 303, "{}: {}", message["name"], answer.text);
        let again = desk.send(None, posted("/saml/acs", &cookie, &fields)).await;
        assert_eq!(again.status, 403, "{}", message["name"]);
    }
}
