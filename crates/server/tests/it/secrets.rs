//! Marker secrets go in everywhere, and come out nowhere: no answer, no log entry, no byte of the data folder.

use crate::browser::{Browser, EMAIL};
use crate::desk::{Desk, SECOND};
use crate::routes;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::Command;

const MARKER: &str = "zq7-Marker-Secret-4711";

#[tokio::test]
async fn a_password_is_nowhere() {
    for keep in [false, true] {
        let desk = Desk::new();
        let settings = json!({"settings": {"keepPasswords": keep}});
        assert_eq!(desk.local("PATCH", "/api/v1/tenants/default", settings).await.status, 200);
        let mut answers = vec![
            desk.local("POST", "/scim/v2/Users", json!({"userName": "adam", "password": MARKER})).await,
            desk.local("POST", "/scim/v2/Users", json!({"userName": "adam", "password": MARKER})).await,
            desk.local("POST", "/scim/v2/Users", json!({"password": MARKER})).await,
        ];
        let id = answers[0].body["id"].as_str().unwrap().to_owned();
        let path = format!("/scim/v2/Users/{id}");
        for body in [
            json!({"Operations": [{"op": "replace", "path": "password", "value": MARKER}]}),
            json!({"Operations": [{"op": "replace", "value": {"password": MARKER}}]}),
            json!({"Operations": [{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": MARKER}]}),
            json!({"Operations": [{"op": "replace", "path": "userName", "value": null}, {"op": "add", "path": "password", "value": MARKER}]}),
        ] {
            answers.push(desk.local("PATCH", &path, body).await);
        }
        answers.push(desk.local("PUT", &path, json!({"userName": "adam", "password": MARKER})).await);
        let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "b", "password": MARKER}}]});
        answers.push(desk.local("POST", "/scim/v2/Bulk", bulk).await);
        let filter = format!("/scim/v2/Users?filter=password+eq+%22{MARKER}%22");
        answers.push(desk.local("GET", &filter, Value::Null).await);
        answers.push(desk.local("GET", &format!("{path}?attributes=password"), Value::Null).await);
        answers.push(desk.local("GET", "/api/v1/tenants/default/log", Value::Null).await);
        answers.push(desk.local("GET", "/api/v1/tenants/default/changes", Value::Null).await);
        for answer in &answers {
            assert!(!answer.text.contains(MARKER), "{}", answer.text);
            assert!(!answer.text.contains("$argon2"), "a hash is a secret too: {}", answer.text);
        }
        desk.app.store().close();
        nowhere_in(&desk.folder, MARKER);
    }
}

#[tokio::test]
async fn a_token_is_nowhere_but_in_the_answer_that_made_it() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await;
    desk.with(&token, "POST", "/scim/v2/Users", json!({"userName": "adam"})).await;
    desk.with(&token[..token.len() - 3], "GET", "/scim/v2/Users", Value::Null).await;
    let list = desk.local("GET", "/api/v1/tenants/default/tokens", Value::Null).await;
    assert!(!list.text.contains(&token) && list.text.contains("Okta"), "{}", list.text);
    desk.app.store().close();
    nowhere_in(&desk.folder, &token[..20]);
}

/// Everything that is secret, by its name.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn keep(&mut self, name: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 8, "{name}: {secret}");
        self.0.push((name, secret.to_owned()));
        secret.to_owned()
    }

    /// None of them is in these bytes, in any way of writing it.
    fn are_not_in(&self, bytes: &[u8], place: &str) {
        for (name, secret) in &self.0 {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, secret);
            let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            // The last characters of base64 depend on what follows.
            for form in [secret.as_str(), &hex, &hex.to_uppercase(), &base64[..base64.len() - 2], &escaped] {
                let found = memchr::memmem::find(bytes, form.as_bytes());
                assert_eq!(found, None, "{name} is in {place}, as {form}");
            }
        }
    }
}

/// A process of its own: what it logs, at the level that says most, goes into one file.
#[test]
fn no_secret_is_in_any_answer_log_or_file() {
    let folder = std::env::temp_dir().join(format!("provost-trace-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let trace = folder.join("trace.log");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::in_a_life_that_is_traced", "--ignored", "--nocapture"])
        .env("PROVOST_TEST_TRACE", &trace)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
#[ignore = "run by no_secret_is_in_any_answer_log_or_file in a process of its own"]
async fn in_a_life_that_is_traced() {
    let trace = std::env::var_os("PROVOST_TEST_TRACE").expect("started by its test");
    let file = File::create(&trace).unwrap();
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).with_writer(file).init();
    let desk = Desk::new();
    let workers = server::start_workers(&desk.app);
    let (mut secrets, mut said) = (Secrets::default(), Vec::new());
    people(&desk, &mut secrets, &mut said).await;
    tokens(&desk, &mut secrets, &mut said).await;
    let mut owner = operators(&desk, &mut secrets, &mut said).await;
    links(&desk, &mut owner, &mut secrets, &mut said).await;
    // What is only kept for a while is written down before the end is looked at.
    workers.stop().await;
    said.extend(sweep(&desk, &mut owner).await);
    said.extend(logged(&desk).await);
    for text in &said {
        secrets.are_not_in(text.as_bytes(), &text.chars().take(300).collect::<String>());
    }
    desk.app.store().close();
    for entry in std::fs::read_dir(&desk.folder).unwrap() {
        let path = entry.unwrap().path();
        secrets.are_not_in(&std::fs::read(&path).unwrap_or_default(), &path.display().to_string());
    }
    let traced = std::fs::read(Path::new(&trace)).unwrap();
    assert!(traced.len() > 1_000, "something was logged");
    secrets.are_not_in(&traced, "the log of the process");
}

/// People's passwords, in every way in which a body can hold one.
async fn people(desk: &Desk, secrets: &mut Secrets, said: &mut Vec<String>) {
    let secret = secrets.keep("a person's password", MARKER);
    let user = desk.user("eve").await;
    let path = format!("/scim/v2/Users/{user}");
    for (method, path, body) in [
        ("POST", "/scim/v2/Users", json!({"userName": "p", "password": secret})),
        ("PUT", &path, json!({"userName": "eve", "PassWord": secret})),
        ("PATCH", &path, json!({"Operations": [{"op": "add", "path": "password", "value": secret}]})),
        ("PATCH", &path, json!({"Operations": [{"op": "add", "path": "password[value eq 1]", "value": secret}]})),
        (
            "POST",
            "/scim/v2/Bulk",
            json!({"Operations": [{"method": "PUT", "path": "/Users/x", "data": {"password": secret}}]}),
        ),
        ("POST", "/scim/v2/Users/.search", json!({"filter": format!("password eq \"{secret}\"")})),
    ] {
        said.push(desk.local(method, path, body).await.text);
    }
    let broken = format!("{{\"userName\":\"x\",\"password\":\"{secret}\"");
    let request = Request::builder().method("POST").uri("/scim/v2/Users").header("content-type", "application/json");
    said.push(desk.send(Some(server::Peer::Local), request.body(Body::from(broken)).unwrap()).await.text);
}

/// Tokens, also where somebody puts them by mistake.
async fn tokens(desk: &Desk, secrets: &mut Secrets, said: &mut Vec<String>) {
    let (token, id) = desk.token("default", json!({"label": "Okta"})).await;
    let token = secrets.keep("a token", &token);
    let rotated = desk.local("POST", &format!("/api/v1/tenants/default/tokens/{id}/rotate"), json!({})).await;
    let rotated = secrets.keep("a rotated token", rotated.body["token"].as_str().unwrap());
    let admin = desk.local("POST", "/api/v1/tokens/admin", json!({"label": "ops"})).await;
    let admin = secrets.keep("an administrator's key", admin.body["token"].as_str().unwrap());
    for token in [&token, &rotated, &admin] {
        said.push(desk.with(token, "GET", "/scim/v2/Users", Value::Null).await.text);
        said.push(desk.with(token, "POST", "/scim/v2/Users", json!({"userName": "eve"})).await.text);
        said.push(desk.with(token, "GET", "/api/v1/status", Value::Null).await.text);
        said.push(desk.with(token, "GET", "/t/none/scim/v2/Users", Value::Null).await.text);
        // Cut off, in the address, in the path, in the body, in a header of another name.
        said.push(desk.with(&token[..token.len() - 1], "GET", "/scim/v2/Users", Value::Null).await.text);
        for path in [
            format!("/scim/v2/Users?access_token={token}"),
            format!("/scim/v2/Users/{token}"),
            format!("/api/v1/tokens?token={token}"),
            format!("/{token}"),
        ] {
            said.push(desk.with(token, "GET", &path, Value::Null).await.text.replace(token, ""));
        }
        said.push(
            desk.with(token, "POST", "/scim/v2/Users", json!({"authorization": token, "token": token})).await.text,
        );
        let request = Request::builder()
            .uri("/scim/v2/Users")
            .header("x-api-key", token)
            .header("cookie", format!("provost={token}"));
        said.push(desk.send(None, request.body(Body::empty()).unwrap()).await.text);
    }
    let list = desk.local("GET", "/api/v1/tenants/default/tokens", Value::Null).await;
    said.push(list.text);
}

/// How operators sign in.
async fn operators<'d>(desk: &'d Desk, secrets: &mut Secrets, said: &mut Vec<String>) -> Browser<'d> {
    let link = desk.local("POST", "/api/v1/operators/setup-link", Value::Null).await;
    let setup =
        secrets.keep("the code of a setup link", link.body["link"].as_str().unwrap().split_once("code=").unwrap().1);
    let password = secrets.keep("an operator's password", "zq8 correct horse battery");
    let mut owner = Browser::new(desk);
    let weak = [("code", setup.as_str()), ("name", "Ana"), ("email", "no address"), ("password", &password)];
    // The form comes back with the code in it, which whoever sent it has.
    said.push(owner.post("/setup", &weak).await.text.replace(&setup, ""));
    let fields = [("code", setup.as_str()), ("name", "Ana Ruiz"), ("email", EMAIL), ("password", &password)];
    said.push(owner.post("/setup", &fields).await.text);
    said.push(owner.post("/setup", &fields).await.text.replace(&setup, ""));
    let mut typo = Browser::new(desk);
    // A password in the field of the address, which is what people do when they hurry.
    for (email, tried) in [
        (EMAIL, "zq8 correct horse batterx"),
        (password.as_str(), password.as_str()),
        ("", &password),
        ("eve@x.test", &password),
    ] {
        said.push(typo.sign_in(email, tried).await.text.replace(&format!("value=\"{password}\""), ""));
    }
    said.push(owner.get("/account").await.text);
    let page = owner.get("/account/totp").await;
    let ticket = page.between("name=\"ticket\" value=\"", "\"");
    let secret = page.between("id=\"totp-secret\" type=\"text\" readonly value=\"", "\"");
    secrets.keep("the secret of an authenticator", &secret.replace(' ', ""));
    let now = desk.app.clock().now();
    let code = crate::console_sign_in::code(&secret, now);
    let on = owner.post("/account/totp", &[("ticket", &ticket), ("code", &code)]).await;
    for code in on.between("<code>", "</code>").lines() {
        secrets.keep("a recovery code", code.trim());
    }
    for cookie in owner.cookies.values() {
        secrets.keep("a session", cookie);
    }
    desk.clock.advance(61 * SECOND);
    let first = secrets.0.iter().find(|(name, _)| *name == "a recovery code").unwrap().1.clone();
    let half = Browser::new(desk).sign_in(EMAIL, &password).await;
    let ticket = half.between("name=\"ticket\" value=\"", "\"");
    for code in [first.as_str(), &first, "wrong-code-12345"] {
        said.push(Browser::new(desk).post("/login/code", &[("ticket", &ticket), ("code", code)]).await.text);
    }
    owner
}

/// Links that carry their own permission.
async fn links(desk: &Desk, owner: &mut Browser<'_>, secrets: &mut Secrets, said: &mut Vec<String>) {
    let made = owner.post("/app/setup/links", &[("label", "Okta team"), ("days", "7")]).await;
    let link = secrets.keep("the secret of a link", &made.between("/share/", "\""));
    let mut guest = Browser::new(desk);
    let path = format!("/share/{link}");
    said.push(guest.get(&path).await.text.replace(&link, ""));
    let token = guest.post(&format!("{path}/token"), &[]).await;
    secrets.keep("the token of a link", &format!("pv_{}", token.between("value=\"pv_", "\"")));
    said.push(guest.post(&format!("{path}/token"), &[]).await.text.replace(&link, ""));
    let invited =
        owner.post("/app/settings/operators", &[("name", "Bea"), ("email", "bea@example.com"), ("role", "auditor")]);
    secrets.keep("the code of an invitation", &invited.await.between("/setup?code=", "\""));
}

/// Everything that can be read by somebody who may read everything, lists and what is in them.
async fn sweep(desk: &Desk, owner: &mut Browser<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let log = desk.local("GET", "/api/v1/tenants/default/log?limit=1000", Value::Null).await;
    for entry in log.body["data"].as_array().unwrap() {
        said.push(desk.local("GET", &format!("/api/v1/tenants/default/log/{}", entry["seq"]), Value::Null).await.text);
        said.push(owner.get(&format!("/app/log/{}", entry["seq"])).await.text);
    }
    assert!(said.len() > 40, "{}", said.len());
    for (method, path) in routes::api() {
        if method == "GET" && !path.replace("{tenant}", "").contains('{') {
            let path = path.replace("{tenant}", "default");
            said.push(desk.local("GET", &format!("/api/v1{path}"), Value::Null).await.text);
        }
    }
    for route in routes::console() {
        // The page that shows an authenticator's secret makes a new one each time.
        if route.gets
            && !route.path.contains('{')
            && !["/console/events", "/account/totp"].contains(&route.path.as_str())
        {
            said.push(owner.get(&route.path).await.text);
        }
    }
    said
}

/// Every log entry with its texts, which lie compressed on the disk.
async fn logged(desk: &Desk) -> Vec<String> {
    let every = store::LogQuery { limit: 10_000, want_texts: true, ..Default::default() };
    let entries = desk.app.store().read(move |r| -> store::Result<Vec<String>> {
        let mut entries = Vec::new();
        for tenant in r.tenants()? {
            entries.extend(r.log(tenant.id, &every)?.iter().map(|entry| json!(entry).to_string()));
        }
        Ok(entries)
    });
    let entries = entries.await.unwrap();
    assert!(entries.iter().any(|entry| entry.contains("[redacted]")), "the log tells of what is left out");
    entries
}

fn nowhere_in(folder: &std::path::Path, marker: &str) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
        assert!(!found, "the marker is in {}", path.display());
    }
}
