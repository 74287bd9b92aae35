//! The OpenID Connect provider: what an application gets, what it is refused, and that nothing outlives the session.

mod refusals;
mod stranger;

use crate::browser::{Browser, Shown};
use crate::desk::{Answer, Desk, SECOND};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use store::PersonSession;

const REDIRECT: &str = "https://app.example/cb";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-standard-0123";

/// An application that is registered.
struct Application<'d> {
    desk: &'d Desk,
    /// In front of the addresses of the tenant.
    root: &'static str,
    id: String,
    secret: String,
}

impl<'d> Application<'d> {
    async fn new(desk: &'d Desk) -> Self {
        Self::of(desk, "default", "", json!({})).await
    }

    async fn of(desk: &'d Desk, tenant: &str, root: &'static str, more: Value) -> Self {
        let mut body =
            json!({"label": "Wiki", "redirectUris": [REDIRECT], "postLogoutRedirectUris": ["https://app.example/bye"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = desk.local("POST", &format!("/api/v1/tenants/{tenant}/oidc/clients"), body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let secret = made.body["secret"].as_str().unwrap_or_default().to_owned();
        Self { desk, root, id: made.body["id"].as_str().unwrap().to_owned(), secret }
    }

    fn request(&self) -> Vec<(&'static str, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        vec![
            ("client_id", self.id.clone()),
            ("redirect_uri", REDIRECT.into()),
            ("response_type", "code".into()),
            ("scope", "openid profile email groups".into()),
            ("state", "st&te".into()),
            ("nonce", "once".into()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".into()),
        ]
    }

    /// The address that the application sends a browser to, with some parameters changed: an empty one is left out.
    fn address(&self, changes: &[(&'static str, &str)]) -> String {
        let mut all = self.request();
        for (name, value) in changes {
            all.retain(|(have, _)| have != name);
            all.push((name, (*value).to_owned()));
        }
        format!("{}/oidc/authorize?{}", self.root, written(&all))
    }

    /// What the application posts for a code.
    fn exchange(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", REDIRECT.into()),
            ("code_verifier", VERIFIER.into()),
        ]
    }

    async fn post(&self, fields: &[(&'static str, String)], authorization: Option<&str>) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(format!("{}/oidc/token", self.root))
            .header("host", "localhost:8080")
            .header("content-type", "application/x-www-form-urlencoded");
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        self.desk.send(None, request.body(Body::from(written(fields))).unwrap()).await
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    async fn redeem(&self, code: &str) -> Answer {
        self.post(&self.exchange(code), Some(&self.basic())).await
    }

    async fn userinfo(&self, token: &str) -> Answer {
        let request = Request::builder()
            .uri(format!("{}/oidc/userinfo", self.root))
            .header("host", "localhost:8080")
            .header("authorization", format!("Bearer {token}"));
        self.desk.send(None, request.body(Body::empty()).unwrap()).await
    }
}

fn written(fields: &[(&'static str, String)]) -> String {
    let pairs = fields.iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A parameter of the address that a browser is sent to.
fn sent(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(have, _)| *have == name));
    let value = value.map(|(_, value)| value.replace('+', " ")).unwrap_or_default();
    let mut bytes = value.bytes();
    let mut out = Vec::new();
    while let Some(b) = bytes.next() {
        out.push(if b == b'%' {
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            u8::from_str_radix(&hex, 16).unwrap()
        } else {
            b
        });
    }
    String::from_utf8(out).unwrap()
}

/// Signs a person in, in this browser, as a sign-in would.
fn sign_in(browser: &mut Browser<'_>, tenant: &'static str, person: &str, authenticated_at: i64) -> String {
    let desk = browser.desk;
    let now = desk.clock.now();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let cookie = format!("cookie {number} of {person}");
    let session = PersonSession {
        hash: digest(&SHA256, cookie.as_bytes()).as_ref().try_into().unwrap(),
        id: format!("session {number} of {person}"),
        person: person.into(),
        created_at: now,
        authenticated_at,
        expires_at: now + 3_600 * SECOND,
        method: "password".into(),
        ..PersonSession::default()
    };
    let id = session.id.clone();
    let begun = desk.app.store().write_blocking(move |w| {
        let tenant = w.tenant(tenant)?.unwrap();
        let types = tenant.definitions.resource_types().unwrap();
        let users = types.iter().find(|rt| rt.name == "User").unwrap();
        w.person_session_insert(users, &PersonSession { tenant: tenant.id, ..session })
    });
    assert!(begun.unwrap());
    browser.cookies.insert(format!("provost-person-{tenant}"), cookie);
    id
}

/// Adam, in a group, signed in in a browser.
async fn adam(browser: &mut Browser<'_>) -> String {
    let desk = browser.desk;
    let body = json!({
        "userName": "adam@example.com", "name": {"givenName": "Adam", "familyName": "Smith"},
        "emails": [{"value": "home@example.com"}, {"value": "adam@example.com", "primary": true}],
    });
    let made = desk.local("POST", "/scim/v2/Users", body).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let group = json!({"displayName": "Editors", "members": [{"value": id}]});
    assert_eq!(desk.local("POST", "/scim/v2/Groups", group).await.status, 201);
    sign_in(browser, "default", &id, desk.clock.now());
    id
}

async fn code(browser: &mut Browser<'_>, application: &Application<'_>) -> String {
    let answer = browser.get(&application.address(&[])).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let code = sent(answer.location(), "code");
    assert!(code.starts_with("pvc_"), "{}", answer.location());
    code
}

fn claims(id_token: &str) -> Value {
    let part = id_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn deactivate(desk: &Desk, id: &str) {
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": false}]});
    assert_eq!(desk.local("PATCH", &format!("/scim/v2/Users/{id}"), patch).await.status, 200);
}

#[tokio::test]
async fn an_application_signs_somebody_in() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    let away = browser.get(&application.address(&[])).await;
    assert!(away.location().starts_with("/sign-in?next=%2Foidc%2Fcontinue%3Frequest%3D"), "{}", away.location());
    assert_eq!(browser.get(away.location()).await.status, 200);
    let back = sent(away.location(), "next");
    assert_eq!(browser.get(&back).await.status, 401, "nobody has signed in, and nobody goes round in circles");
    let id = adam(&mut browser).await;
    let groups = desk.local("GET", "/scim/v2/Groups?attributes=id", Value::Null).await;
    let path = format!("/api/v1/tenants/default/groups/{}/roles", groups.body["Resources"][0]["id"].as_str().unwrap());
    assert_eq!(desk.local("PUT", &path, json!({"roles": ["author"]})).await.status, 200);
    let page = browser.get(&back).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let to = page.between("content=\"0;url=", "\"").replace("&amp;", "&");
    assert!(to.starts_with("https://app.example/cb?code="), "{to}");
    assert_eq!((sent(&to, "state").as_str(), sent(&to, "iss").as_str()), ("st&te", "http://localhost:8080"));
    assert_eq!(browser.get(&back).await.status, 400, "the request is answered once");

    let token = application.redeem(&sent(&to, "code")).await;
    assert_eq!(token.status, 200, "{}", token.text);
    assert_eq!(token.headers["cache-control"], "no-store");
    let id_token = claims(token.body["id_token"].as_str().unwrap());
    for (claim, value) in [
        ("iss", json!("http://localhost:8080")),
        ("sub", json!(id)),
        ("aud", json!(application.id)),
        ("nonce", json!("once")),
        ("email", json!("adam@example.com")),
        ("groups", json!(["Editors"])),
        ("roles", json!(["author"])),
        ("name", json!("Adam Smith")),
        ("preferred_username", json!("adam@example.com")),
        ("amr", json!(["pwd"])),
        ("auth_time", json!(desk.clock.now() / SECOND)),
    ] {
        assert_eq!(id_token[claim], value, "{claim}");
    }
    assert!(id_token.get("email_verified").is_none());
    let access_token = token.body["access_token"].as_str().unwrap();
    let userinfo = application.userinfo(access_token).await;
    assert_eq!((userinfo.status, userinfo.body["given_name"].as_str()), (200, Some("Adam")));

    let again = application.redeem(&sent(&to, "code")).await;
    assert_eq!((again.status, again.body["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(application.userinfo(access_token).await.status, 401, "who shows a code twice takes back what it gave");
    let database = [
        std::fs::read(desk.folder.join("provost.db-wal")).unwrap(),
        std::fs::read(desk.folder.join("provost.db")).unwrap(),
    ]
    .concat();
    for secret in [access_token, &application.secret, &sent(&to, "code"), back.split_once('=').unwrap().1] {
        assert!(!database.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret is in the database");
    }
}

#[tokio::test]
async fn nothing_outlives_the_person_or_the_session() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    let id = adam(&mut browser).await;
    let first = application.redeem(&code(&mut browser, &application).await).await;
    let token = first.body["access_token"].as_str().unwrap().to_owned();
    let open = code(&mut browser, &application).await;
    assert_eq!(application.userinfo(&token).await.status, 200);
    deactivate(&desk, &id).await;
    let refused = application.userinfo(&token).await;
    assert_eq!((refused.status, refused.body["error"].as_str()), (401, Some("invalid_token")));
    assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer error=\"invalid_token\""));
    assert_eq!(application.redeem(&open).await.body["error"], "invalid_grant");
    assert!(browser.get(&application.address(&[])).await.location().starts_with("/sign-in"));

    // A token ends by itself, and a session that is signed out takes it along.
    let eve = desk.user("eve").await;
    sign_in(&mut browser, "default", &eve, desk.clock.now());
    let token = application.redeem(&code(&mut browser, &application).await).await;
    let text = token.body["access_token"].as_str().unwrap().to_owned();
    desk.clock.advance(token.body["expires_in"].as_i64().unwrap() * SECOND);
    assert_eq!(application.userinfo(&text).await.status, 401);
    let again = application.redeem(&code(&mut browser, &application).await).await;
    let text = again.body["access_token"].as_str().unwrap().to_owned();
    let hint = again.body["id_token"].as_str().unwrap();
    let bye = browser
        .get(&format!(
            "/oidc/logout?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=s"
        ))
        .await;
    assert_eq!((bye.status, bye.location()), (303, "https://app.example/bye?state=s"));
    assert_eq!(application.userinfo(&text).await.status, 401);
}

#[tokio::test]
async fn who_has_to_prove_it_again_does() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    let silent = browser.get(&application.address(&[("prompt", "none")])).await;
    assert_eq!(sent(silent.location(), "error"), "login_required");
    let id = adam(&mut browser).await;
    desk.clock.advance(100 * SECOND);
    // What is asked, and whether the session of 100 seconds ago is enough for it.
    for (name, value, enough) in [
        ("prompt", "none", true),
        ("prompt", "consent", true),
        ("prompt", "login", false),
        ("prompt", "select_account", false),
        ("max_age", "100", true),
        ("max_age", "99", false),
        ("max_age", "0", false),
    ] {
        let answer = browser.get(&application.address(&[(name, value)])).await;
        assert_eq!(answer.location().starts_with(REDIRECT), enough, "{name}={value}: {}", answer.location());
        if enough {
            assert!(!sent(answer.location(), "code").is_empty());
            continue;
        }
        assert_eq!(sent(answer.location(), "again"), "1", "{}", answer.location());
        let back = sent(answer.location(), "next");
        assert!(browser.get(&back).await.location().starts_with("/sign-in"), "coming back unasked is not enough");
        let kept = browser.cookies.clone();
        sign_in(&mut browser, "default", &id, desk.clock.now() - 90 * SECOND);
        let stale = browser.get(&back).await;
        let stale = stale.between("content=\"0;url=", "\"").replace("&amp;", "&");
        assert_eq!(sent(&stale, "error") == "login_required", value != "99", "{stale}");
        desk.clock.advance(SECOND);
        sign_in(&mut browser, "default", &id, desk.clock.now());
        if value != "99" {
            let fresh = browser.get(&back).await.text;
            assert!(fresh.contains("cb?code="), "{fresh}");
        }
        browser.cookies = kept;
        desk.clock.advance(-SECOND);
    }
    // Somebody else than the application means.
    let token = application.redeem(&code(&mut browser, &application).await).await;
    let hint = token.body["id_token"].as_str().unwrap().to_owned();
    let eve = desk.user("eve").await;
    sign_in(&mut browser, "default", &eve, desk.clock.now());
    let other = browser.get(&application.address(&[("prompt", "none"), ("id_token_hint", &hint)])).await;
    assert_eq!(sent(other.location(), "error"), "login_required");
}

#[tokio::test]
async fn keys_are_rolled_over_without_a_gap() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    let kid = |token: &Answer| {
        let head = token.body["id_token"].as_str().unwrap().split('.').next().unwrap().to_owned();
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap()["kid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = kid(&application.redeem(&code(&mut browser, &application).await).await);
    let keys = "/api/v1/tenants/default/oidc/keys";
    let next = desk.local("POST", keys, Value::Null).await;
    assert_eq!((next.status, next.body["state"].as_str()), (201, Some("next")), "{}", next.text);
    let next = next.body["id"].as_str().unwrap().to_owned();
    // One that is published and has signed nothing can be taken back, once somebody has said so twice.
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app/oidc").await.text;
    assert!(page.contains("Take it back") && page.contains("has signed nothing yet"), "{page}");
    assert!(!page.contains("Make the next key"), "one at a time: {page}");
    assert_eq!(owner.post(&format!("/app/oidc-keys/{next}/remove"), &[]).await.status, 303);
    assert_eq!(desk.local("GET", "/oidc/jwks", Value::Null).await.body["keys"].as_array().unwrap().len(), 1);
    let next = desk.local("POST", keys, Value::Null).await.body["id"].as_str().unwrap().to_owned();
    let published = desk.local("GET", "/oidc/jwks", Value::Null).await;
    assert_eq!(published.body["keys"].as_array().unwrap().len(), 2);
    assert!(!published.text.contains("\"d\""), "a private key is published");
    assert_eq!(kid(&application.redeem(&code(&mut browser, &application).await).await), first);
    assert_eq!(
        desk.local("DELETE", &format!("{keys}/{first}"), Value::Null).await.status,
        404,
        "the one that signs stays"
    );
    assert_eq!(desk.local("POST", &format!("{keys}/{next}/promote"), Value::Null).await.status, 200);
    assert_eq!(kid(&application.redeem(&code(&mut browser, &application).await).await), next);
    assert_eq!(desk.local("DELETE", &format!("{keys}/{first}"), Value::Null).await.status, 200);
    assert_eq!(desk.local("GET", "/oidc/jwks", Value::Null).await.body["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn secrets_are_rotated_and_clients_switched_off() {
    let desk = Desk::new();
    let mut application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    let path = format!("/api/v1/tenants/default/oidc/clients/{}", application.id);
    let old = application.basic();
    let made = desk.local("POST", &format!("{path}/secret"), json!({"overlapSeconds": 60})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    application.secret = made.body["secret"].as_str().unwrap().to_owned();
    for (seconds, works) in [(0, true), (60, false)] {
        desk.clock.advance(seconds * SECOND);
        let code = code(&mut browser, &application).await;
        assert_eq!(
            application.post(&application.exchange(&code), Some(&old)).await.status,
            if works { 200 } else { 401 }
        );
    }
    // A page with a new secret that is loaded again makes no other one.
    let mut owner = Browser::owner(&desk).await;
    let place = format!("/app/oidc/{}", application.id);
    let newest = owner.get(&place).await.between("name=\"newest\" value=\"", "\"");
    let asked = [("hours", "1"), ("newest", newest.as_str())];
    let shown = owner.post(&format!("{place}/secret"), &asked).await;
    assert!(shown.status == 200 && shown.text.contains("Client secret"), "{}", shown.text);
    let again = owner.post(&format!("{place}/secret"), &asked).await;
    assert_eq!((again.status, again.location()), (303, place.as_str()));
    let page = owner.get(&place).await.text;
    assert!(page.contains("There is a newer secret already"), "{page}");
    let hints = page.matches(" made <time").count();
    assert_eq!(hints, 2, "{page}");
    let token = application.redeem(&code(&mut browser, &application).await).await;
    let token = token.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(desk.local("PATCH", &path, json!({"enabled": false})).await.status, 200);
    assert_eq!(application.userinfo(&token).await.status, 401);
    assert_eq!(browser.get(&application.address(&[])).await.status, 400);
    assert_eq!(desk.local("PATCH", &path, json!({"enabled": true})).await.status, 200);
    assert_eq!(application.userinfo(&token).await.status, 401, "what was taken back stays so");
    assert_eq!(desk.local("DELETE", &path, Value::Null).await.status, 200);
    assert_eq!(desk.local("GET", &path, Value::Null).await.status, 404);
    assert_eq!(browser.get(&application.address(&[])).await.status, 400);
}

#[tokio::test]
async fn tenants_are_apart() {
    let desk = Desk::new();
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "acme"})).await.status, 201);
    let (here, there) = (Application::new(&desk).await, Application::of(&desk, "acme", "/t/acme", json!({})).await);
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    let about = desk.local("GET", "/t/acme/.well-known/openid-configuration", Value::Null).await;
    assert_eq!(about.body["issuer"], "http://scim.example.com/t/acme");
    assert_eq!(about.body["jwks_uri"], "http://scim.example.com/t/acme/oidc/jwks");
    assert!(browser.get(&there.address(&[])).await.location().starts_with("/t/acme/sign-in"), "Adam is not of acme");
    let foreign = Application { desk: &desk, root: "/t/acme", id: here.id.clone(), secret: here.secret.clone() };
    assert_eq!(browser.get(&foreign.address(&[])).await.status, 400);
    let mine = code(&mut browser, &here).await;
    assert_eq!(there.redeem(&mine).await.body["error"], "invalid_grant");
    assert_eq!(foreign.redeem(&mine).await.body["error"], "invalid_client");
    let token = here.redeem(&mine).await;
    let token = token.body["access_token"].as_str().unwrap();
    assert_eq!((here.userinfo(token).await.status, there.userinfo(token).await.status), (200, 401));
}

/// Whether a page refuses a request instead of sending the browser anywhere.
fn is_page(answer: &Shown) -> bool {
    answer.status == 400 && answer.location().is_empty() && answer.text.contains("was not taken")
}
