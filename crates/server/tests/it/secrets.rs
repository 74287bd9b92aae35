//! Marker secrets go in everywhere, and come out nowhere: no answer, no log entry, no byte of the data folder.

use crate::authorization::{Authorization, CLIENT, SECRET, Says};
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
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn keep(&mut self, name: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 8, "{name}: {secret}");
        self.0.push((name, secret.into()));
        secret.to_owned()
    }

    /// Of a key that was made here, a piece from its middle; where base64 and its lines begin.
    fn keep_key(&mut self, name: &'static str, key: &[u8]) {
        let middle = key.len() / 2 / 48 * 48;
        self.0.push((name, key[middle..middle + 24].to_owned()));
    }

    /// None of them is in these bytes, in any way of writing it.
    fn are_not_in(&self, bytes: &[u8], place: &str) {
        for (name, secret) in &self.0 {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, secret);
            let escaped: String = secret.iter().map(|byte| format!("%{byte:02X}")).collect();
            // The last characters of base64 depend on what follows.
            let base64 = &base64[..base64.len() - 2];
            let url_safe = base64.replace('+', "-").replace('/', "_");
            let upper = hex.to_uppercase();
            for form in [
                secret.as_slice(),
                hex.as_bytes(),
                upper.as_bytes(),
                base64.as_bytes(),
                url_safe.as_bytes(),
                escaped.as_bytes(),
            ] {
                let found = memchr::memmem::find(bytes, form);
                assert_eq!(found, None, "{name} is in {place}, as {}", String::from_utf8_lossy(form));
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
    let desk = Desk::that_calls_home();
    let workers = server::start_workers(&desk.app);
    let (mut secrets, mut said) = (Secrets::default(), Vec::new());
    people(&desk, &mut secrets, &mut said).await;
    tokens(&desk, &mut secrets, &mut said).await;
    let mut owner = operators(&desk, &mut secrets, &mut said).await;
    links(&desk, &mut owner, &mut secrets, &mut said).await;
    sign_ins(&desk, &mut owner, &mut secrets, &mut said).await;
    keys(&desk, &mut owner, &mut secrets, &mut said).await;
    engine(&desk, &mut owner, &mut secrets, &mut said).await;
    access_tokens(&desk, &mut owner, &mut secrets, &mut said).await;
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
    let first = String::from_utf8(first).unwrap();
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

/// How people sign in here: the link to choose a password, the password, sessions, and requests that wait.
async fn sign_ins(desk: &Desk, owner: &mut Browser<'_>, secrets: &mut Secrets, said: &mut Vec<String>) {
    let id = desk.user("sam@example.com").await;
    let path = format!("/api/v1/tenants/default/users/{id}/sign-in-link");
    let old = desk.local("POST", &path, Value::Null).await.body["link"].as_str().unwrap().to_owned();
    secrets.keep("the code of a link that another one replaced", old.split_once("code=").unwrap().1);
    let page = owner.post(&format!("/app/users/{id}/sign-in/link"), &[]).await;
    let code = secrets.keep("the code of a link to choose a password", &page.between("/sign-in/link?code=", "\""));
    said.push(owner.get(&format!("/app/users/{id}/sign-in")).await.text);
    let password = secrets.keep("a password that a person chose", "zq8 purple monkey dishwasher");
    let mut person = Browser::new(desk);
    // The form holds the code, which whoever opened the link has.
    said.push(person.get(&format!("/sign-in/link?code={code}")).await.text.replace(&code, ""));
    let short = person.post_bare("/sign-in/link", &[("code", &code), ("password", "zq8-short")]).await;
    said.push(short.text.replace(&code, ""));
    secrets.keep("a password that was too short", "zq8-short");
    let form = [("code", code.as_str()), ("password", password.as_str())];
    said.push(person.post_bare("/sign-in/link", &form).await.text);
    said.push(person.post_bare("/sign-in/link", &form).await.text);
    said.push(person.get("/me").await.text);
    let mut typo = Browser::new(desk);
    // A password where the name belongs: the form comes back with what was typed.
    for (name, tried) in
        [("sam@example.com", "zq8 purple monkey dishwashes"), (password.as_str(), password.as_str()), ("", &password)]
    {
        let form = [("name", name), ("password", tried), ("next", "/me")];
        said.push(typo.post_bare("/sign-in", &form).await.text.replace(&format!("value=\"{password}\""), ""));
    }
    said.push(typo.post_bare("/sign-in", &[("name", "sam@example.com"), ("password", &password)]).await.text);
    for browser in [&person, &typo] {
        for cookie in browser.cookies.values() {
            secrets.keep("a session of a person", cookie);
        }
    }
    said.push(owner.get(&format!("/app/users/{id}/sign-in")).await.text);
    said.push(desk.local("GET", &format!("/scim/v2/Users/{id}"), Value::Null).await.text);
}

/// Keys that sign and decrypt, and what applications sign in with.
async fn keys(desk: &Desk, owner: &mut Browser<'_>, secrets: &mut Secrets, said: &mut Vec<String>) {
    let app = json!({"name": "wiki", "label": "Wiki"});
    assert_eq!(desk.local("POST", "/api/v1/tenants/default/apps", app).await.status, 201);
    said.push(owner.get("/idp/wiki/metadata").await.text);
    for path in ["idp", "saml", "oidc"] {
        said.push(desk.local("POST", &format!("/api/v1/tenants/default/{path}/keys"), Value::Null).await.text);
    }
    let tenant = desk.app.store().read_blocking(|r| r.tenants()).unwrap()[0].id;
    let mut count = 0;
    for (purpose, sealed_for) in
        [(store::SamlPurpose::IdentityProvider, "saml idp key"), (store::SamlPurpose::ServiceProvider, "saml sp key")]
    {
        for key in desk.app.store().read_blocking(move |r| r.saml_keys(tenant, purpose)).unwrap() {
            secrets.keep_key("a SAML key", &desk.app.store().unseal(sealed_for, &key.sealed).unwrap());
            count += 1;
        }
    }
    for key in desk.app.store().read_blocking(move |r| r.oidc_keys(tenant)).unwrap() {
        secrets.keep_key("a key of OpenID Connect", &desk.app.store().unseal("oidc key", &key.sealed).unwrap());
        count += 1;
    }
    assert!(count >= 4, "{count}");
    let client = json!({"label": "Portal", "redirectUris": ["https://app.example/cb"]});
    let made = desk.local("POST", "/api/v1/tenants/default/oidc/clients", client).await;
    let secret = secrets.keep("a client's secret", made.body["secret"].as_str().unwrap());
    let id = made.body["id"].as_str().unwrap().to_owned();
    for (name, tried) in [(id.as_str(), "zq8-not-the-secret"), (id.as_str(), &secret), (secret.as_str(), &secret)] {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", "zq8-no-code"),
            ("client_id", name),
            ("client_secret", tried),
        ];
        said.push(Browser::new(desk).post_bare("/oidc/token", &form).await.text);
    }
    for page in ["/app/apps/wiki/sign-on", "/app/apps/wiki/sign-on/certificate", "/app/saml", "/app/oidc"] {
        said.push(owner.get(page).await.text);
    }
    said.push(owner.get(&format!("/app/oidc/{id}")).await.text);
}

/// An app that says in its errors what it was shown.
async fn echoes() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scim/v2", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 16_384];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let shown = head.lines().find(|line| line.to_lowercase().starts_with("authorization")).unwrap_or("nothing");
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "401", "detail": format!("not good: {shown}")});
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/scim+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    url
}

/// What the engine shows to an app, which says it back.
async fn engine(desk: &Desk, owner: &mut Browser<'_>, secrets: &mut Secrets, said: &mut Vec<String>) {
    let url = echoes().await;
    let at = "/api/v1/tenants/default/apps/wiki";
    let secret = secrets.keep("what the engine shows to an app", "zq8-engine-credential-4711");
    let typed = secrets.keep("what was typed for a test", "zq8-typed-credential-4711");
    let kept = desk.local("PUT", &format!("{at}/credential"), json!({"secret": secret})).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let change = json!({"provisioning": true, "connection": {"baseUrl": url}, "policy": {"actions": {"create": true, "update": true, "deactivate": true}}});
    let changed = desk.local("PATCH", at, change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let person = desk.user("eng@example.com").await;
    desk.local("POST", &format!("{at}/assignments"), json!({"resource": person})).await;
    let tested = desk.local("POST", &format!("{at}/test"), json!({})).await;
    assert!(tested.text.contains("not good: "), "the app was asked, and said what it was shown: {}", tested.text);
    said.extend([kept.text, changed.text, tested.text]);
    let form = [
        ("url", url.as_str()),
        ("unique", "userName"),
        ("mode", "bearer"),
        ("secret", &typed),
        ("timeout", "5"),
        ("do", "test"),
    ];
    said.push(owner.post("/app/apps/wiki/provisioning/integration", &form).await.text);
    for _ in 0..100 {
        let tried = desk.local("GET", &format!("{at}/exchanges"), Value::Null).await;
        if tried.text.contains("not good: ") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for path in ["", "/exchanges", "/links", "/tasks", "/runs"] {
        said.push(desk.local("GET", &format!("{at}{path}"), Value::Null).await.text);
    }
    assert!(said.iter().filter(|text| text.contains("not good: ")).count() > 2, "the engine came by as well");
    for page in ["", "/provisioning/integration", "/tasks", "/log", "/assignments"] {
        said.push(owner.get(&format!("/app/apps/wiki{page}")).await.text);
    }
}

/// What an authorization server is shown and gives; it says back what it was sent, and so does the app.
async fn access_tokens(desk: &Desk, owner: &mut Browser<'_>, secrets: &mut Secrets, said: &mut Vec<String>) {
    let server = Authorization::start().await;
    let at = "/api/v1/tenants/default/apps/portal";
    secrets.keep("a client's secret", SECRET);
    secrets.keep("access tokens", "zq9-access-token-");
    let wrong = secrets.keep("a client's wrong secret", "zq9-wrong-secret-4711");
    said.push(desk.local("POST", "/api/v1/tenants/default/apps", json!({"name": "portal"})).await.text);
    let oauth = json!({"tokenUrl": server.token_url(), "clientId": CLIENT, "clientAuthentication": "post"});
    let change = json!({"provisioning": true, "connection": {"baseUrl": server.scim_url()},
        "options": {"authentication": "oauth2", "oauth": oauth}, "policy": {"actions": {"create": true}}});
    let changed = desk.local("PATCH", at, change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let person = desk.user("tok@example.com").await;
    desk.local("POST", &format!("{at}/assignments"), json!({"resource": person})).await;
    for (secret, closed, words) in [(wrong.as_str(), false, "not with "), (SECRET, true, "not good: ")] {
        server.close(closed);
        said.push(desk.local("PUT", &format!("{at}/credential"), json!({"secret": secret})).await.text);
        let tested = desk.local("POST", &format!("{at}/test"), json!({})).await;
        assert!(tested.text.contains(words), "{}", tested.text);
        said.push(tested.text);
        for _ in 0..100 {
            let tried = desk.local("GET", &format!("{at}/exchanges"), Value::Null).await;
            if tried.text.contains(words) {
                said.push(tried.text);
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    server.close(false);
    // Nobody waits any more: the engine does not come between what is asked from here on.
    let left = desk.local("DELETE", &format!("{at}/assignments/user/{person}"), Value::Null).await;
    assert_eq!(left.status, 200, "{}", left.text);
    grants(desk, owner, &server, secrets, said).await;
    for path in ["", "/exchanges", "/tasks"] {
        said.push(desk.local("GET", &format!("{at}{path}"), Value::Null).await.text);
    }
    for page in ["", "/provisioning/integration", "/provisioning/integration?edit=1", "/log"] {
        said.push(owner.get(&format!("/app/apps/portal{page}")).await.text);
    }
}

/// What an authorization server gives somebody who agrees there: the code, and what renews the tokens.
async fn grants(
    desk: &Desk,
    owner: &mut Browser<'_>,
    server: &Authorization,
    secrets: &mut Secrets,
    said: &mut Vec<String>,
) {
    let at = "/api/v1/tenants/default/apps/portal";
    secrets.keep("a code", "zq9-code-");
    secrets.keep("refresh tokens", "zq9-refresh-token-");
    let oauth = json!({"grant": "authorizationCode", "authorizeUrl": format!("{}/authorize", server.url), "revokeUrl": server.revoke_url()});
    said.push(desk.local("PATCH", at, json!({"options": {"oauth": oauth}})).await.text);
    for good in [false, true] {
        let begun = desk.local("POST", &format!("{at}/grant"), json!({})).await;
        let back = server.agree(begun.body["address"].as_str().unwrap(), true);
        let back = &back[back.find("/app/").unwrap()..];
        // The server says which code it does not know.
        let back = if good { back.to_owned() } else { back.replace("zq9-code-", "zq9-code-wrong-") };
        said.push(owner.get(&back).await.text);
        let form = server.asked().last().unwrap().clone();
        assert_eq!(form["grant_type"], "authorization_code");
        secrets.keep("the verifier of a code", &form["code_verifier"]);
        let page = owner.get("/app/apps/portal/provisioning/integration").await.text;
        assert!(page.contains(if good { ">Authenticated<" } else { "not with (credential)" }), "{page}");
        said.extend([begun.text, page]);
    }
    // And which refresh token.
    for words in ["there is one, good for", "not with (credential)"] {
        let tested = desk.local("POST", &format!("{at}/test"), json!({})).await;
        assert!(tested.text.contains(words), "{}", tested.text);
        said.push(tested.text);
        server.take_back();
    }
    let config = desk.local("GET", "/api/v1/tenants/default/config", Value::Null).await;
    assert!(config.text.contains("authorizationCode"), "{}", config.text);
    said.push(config.text);
    // The server says what it is asked to revoke.
    let sent = server.asked().last().unwrap()["refresh_token"].clone();
    let echo = format!(r#"{{"error":"{sent}","error_description":"{sent} with {SECRET}"}}"#);
    server.revokes_not(Says(400, None, echo.leak()));
    let forgotten = desk.local("DELETE", &format!("{at}/grant"), Value::Null).await;
    assert!(forgotten.text.contains("revoke it there") && !server.revoked().is_empty(), "{}", forgotten.text);
    said.push(forgotten.text);
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
