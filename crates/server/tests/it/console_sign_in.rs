//! Coming in: the first owner, passwords, codes, sessions, and what holds up whoever guesses.

use crate::browser::{Browser, EMAIL, PASSWORD};
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const MINUTE: i64 = 60 * SECOND;

#[tokio::test]
async fn the_setup_link_is_good_once_and_kept_as_a_hash() {
    let desk = Desk::new();
    let mut visitor = Browser::new(&desk);
    assert!(visitor.get("/login").await.text.contains("provost operator setup-link"));
    assert_eq!(visitor.get("/setup?code=guess").await.status, 410);
    let mut link = String::new();
    for _ in 0..2 {
        let made = desk.local("POST", "/api/v1/operators/setup-link", Value::Null).await;
        let new = made.body["link"].as_str().unwrap().split_once("code=").unwrap().1.to_owned();
        let old = std::mem::replace(&mut link, new);
        assert_eq!(visitor.get(&format!("/setup?code={old}")).await.status, 410, "a newer one ends the older");
    }
    for short in ["", "too short"] {
        let fields = [("code", link.as_str()), ("name", "Ana"), ("email", EMAIL), ("password", short)];
        assert_eq!(visitor.post("/setup", &fields).await.status, 400);
    }
    let fields = [("code", link.as_str()), ("name", "Ana"), ("email", EMAIL), ("password", PASSWORD)];
    assert_eq!(visitor.post("/setup", &fields).await.status, 303);
    assert_eq!(visitor.get("/app").await.status, 200, "the first owner is signed in");
    assert_eq!(Browser::new(&desk).post("/setup", &fields).await.status, 410);
    assert_eq!(desk.local("POST", "/api/v1/operators/setup-link", Value::Null).await.status, 409);
    let database = std::fs::read(desk.folder.join("provost.db-wal")).unwrap();
    let database = [database, std::fs::read(desk.folder.join("provost.db")).unwrap()].concat();
    for secret in [link.as_str(), PASSWORD, visitor.cookies["provost"].as_str()] {
        assert!(!database.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in the database");
    }
}

#[tokio::test]
async fn guessing_gets_slower_and_nobody_is_locked_out() {
    let desk = Desk::new();
    Browser::owner(&desk).await;
    let mut guesser = Browser::new(&desk);
    let mut refused = 0;
    for guess in 0..12 {
        let answer = guesser.sign_in(EMAIL, &format!("guess {guess}")).await;
        match answer.status {
            401 => assert_eq!(refused, 0, "once slowed down, always slowed down"),
            429 => {
                refused += 1;
                assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
            }
            other => panic!("{other}"),
        }
        assert!(answer.text.contains("Sign in"));
    }
    assert_eq!(refused, 4);
    let mut elsewhere = Browser { address: [198, 51, 100, 7], ..Browser::new(&desk) };
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await.status, 429, "the account itself is slow now");
    desk.clock.advance(61 * SECOND);
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await.status, 303, "but never for more than a minute");
}

#[tokio::test]
async fn an_unknown_account_is_told_the_same() {
    let desk = Desk::new();
    Browser::owner(&desk).await;
    let mut visitor = Browser::new(&desk);
    let (wrong, unknown) = (visitor.sign_in(EMAIL, "x").await, visitor.sign_in("eve@example.com", "x").await);
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.text.replace(EMAIL, ""), unknown.text.replace("eve@example.com", ""));
}

#[tokio::test]
async fn a_session_ends_when_it_should() {
    let desk = Desk::new();
    let mut first = Browser::owner(&desk).await;
    let mut second = Browser::new(&desk);
    assert_eq!(second.sign_in(EMAIL, PASSWORD).await.location(), "/account");
    let page = second.get("/account").await;
    assert!(page.text.contains("Sign out everywhere else"));
    let other = page.between("name=\"id\" value=\"", "\"");
    assert_eq!(second.post("/account/sessions/end", &[("id", &other)]).await.status, 303);
    assert_eq!(first.get("/app").await.status, 303, "revoked");
    let stolen = second.cookies.clone();
    assert_eq!(second.post("/logout", &[]).await.status, 303);
    let mut thief = Browser { cookies: stolen, ..Browser::new(&desk) };
    assert_eq!(thief.get("/app").await.status, 303, "signed out");

    first.sign_in(EMAIL, PASSWORD).await;
    for _ in 0..4 {
        desk.clock.advance(29 * MINUTE);
        assert_eq!(first.get("/app").await.status, 200, "used within half an hour");
    }
    desk.clock.advance(30 * MINUTE);
    assert_eq!(first.get("/app").await.status, 303, "idle");
    first.sign_in(EMAIL, PASSWORD).await;
    for _ in 0..24 {
        assert_eq!(first.get("/app").await.status, 200, "used, and younger than twelve hours");
        desk.clock.advance(29 * MINUTE);
    }
    desk.clock.advance(24 * MINUTE);
    assert_eq!(first.get("/app").await.status, 303, "twelve hours old");
}

#[tokio::test]
async fn a_new_password_and_a_disabled_account_end_the_others() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let mut elsewhere = Browser::new(&desk);
    elsewhere.sign_in(EMAIL, PASSWORD).await;
    let wrong = owner.post("/account/password", &[("old", "no"), ("new", "another good password")]).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(elsewhere.get("/app").await.status, 200);
    let changed = owner.post("/account/password", &[("old", PASSWORD), ("new", "another good password")]).await;
    assert_eq!(changed.status, 303);
    assert_eq!((owner.get("/app").await.status, elsewhere.get("/app").await.status), (200, 303));
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await.status, 401);

    let mut bea = Browser::invited(&mut owner, "bea@example.com", "admin").await;
    let list = desk.local("GET", "/api/v1/operators", Value::Null).await;
    let id = list.body["data"][1]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/operators/{id}");
    assert_eq!(desk.local("PATCH", &path, json!({"disabled": true})).await.status, 200);
    assert_eq!(bea.get("/app").await.status, 303);
    assert_eq!(bea.sign_in("bea@example.com", PASSWORD).await.status, 401);
    assert_eq!(desk.local("PATCH", &path, json!({"disabled": false})).await.status, 200);
    assert_eq!(bea.sign_in("bea@example.com", PASSWORD).await.status, 303);
}

pub fn code(secret: &str, now: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let builder = totp_rs::Builder::new().with_secret(secret).with_account_name("x").with_issuer(Some("Provost"));
    builder.build().unwrap().generate(u64::try_from(now / SECOND).unwrap()).to_string()
}

#[tokio::test]
async fn a_code_is_wanted_and_good_once() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/account/totp").await;
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.text.contains("<svg") && page.text.contains("QR code"));
    let ticket = page.between("name=\"ticket\" value=\"", "\"");
    let secret = page.between("id=\"totp-secret\" type=\"text\" readonly value=\"", "\"");
    let now = desk.app.clock().now();
    assert_eq!(owner.post("/account/totp", &[("ticket", &ticket), ("code", "000000")]).await.status, 422);
    let on = owner.post("/account/totp", &[("ticket", &ticket), ("code", &code(&secret, now))]).await;
    assert_eq!(on.status, 200, "{}", on.text);
    let recovery = on.between("<code>", "</code>");
    assert_eq!(recovery.lines().count(), 10);

    let mut browser = Browser::new(&desk);
    let half = browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((half.status, browser.cookies.len()), (200, 0), "the password alone opens nothing");
    let ticket = half.between("name=\"ticket\" value=\"", "\"");
    let used = code(&secret, now);
    assert_eq!(
        browser.post("/login/code", &[("ticket", &ticket), ("code", &used)]).await.status,
        401,
        "used at enrolment"
    );
    desk.clock.advance(30 * SECOND);
    let fresh = code(&secret, desk.app.clock().now());
    let done = browser.post("/login/code", &[("ticket", &ticket), ("code", &fresh), ("next", "/account")]).await;
    assert_eq!((done.status, done.location()), (303, "/account"));
    assert_eq!(browser.post("/login/code", &[("ticket", &ticket), ("code", &fresh)]).await.status, 401, "used");

    let first = recovery.lines().next().unwrap();
    for status in [303, 401] {
        let mut phone_lost = Browser::new(&desk);
        let half = phone_lost.sign_in(EMAIL, PASSWORD).await;
        let ticket = half.between("name=\"ticket\" value=\"", "\"");
        let answer = phone_lost.post("/login/code", &[("ticket", &ticket), ("code", &first.to_uppercase())]).await;
        assert_eq!(answer.status, status);
    }
    let stale = browser.sign_in(EMAIL, PASSWORD).await;
    let ticket = stale.between("name=\"ticket\" value=\"", "\"");
    desk.clock.advance(301 * SECOND);
    let late = code(&secret, desk.app.clock().now());
    assert_eq!(browser.post("/login/code", &[("ticket", &ticket), ("code", &late)]).await.status, 401, "too slow");
}

#[tokio::test]
async fn a_sentence_of_somebody_else_is_not_shown() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let forged = "eyJnb29kIjp0cnVlLCJ0ZXh0IjoiUGF5IG1lIiwidW5kbyI6bnVsbH0.AAAA";
    owner.cookies.insert("provost-flash".into(), forged.into());
    assert!(!owner.get("/app").await.text.contains("Pay me"));
    owner.post("/account/sessions/end-others", &[]).await;
    assert!(owner.get("/account").await.text.contains("Signed out of 0 other sessions."));
    assert!(!owner.get("/account").await.text.contains("Signed out of"), "once");
}

#[tokio::test]
async fn colours_are_remembered() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let set = owner.post("/console/theme", &[("theme", "dark"), ("next", "//evil.example")]).await;
    assert_eq!(set.location(), "/app");
    assert!(owner.get("/app").await.text.contains("<html lang=\"en\" data-theme=\"dark\">"));
}

#[tokio::test]
async fn what_is_done_is_in_the_trail_and_the_trail_holds() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    Browser::new(&desk).sign_in(EMAIL, "wrong").await;
    Browser::invited(&mut owner, "bea@example.com", "admin").await;
    owner.post("/app/settings/keys", &[("label", "nightly"), ("role", "auditor")]).await;
    desk.token("default", json!({"label": "Okta"})).await;
    desk.local("PATCH", "/api/v1/tenants/default/switches", json!({"users": {"delete": false}})).await;
    let trail = desk.local("GET", "/api/v1/audit?limit=100", Value::Null).await;
    let rows = trail.body["data"].as_array().unwrap();
    for (action, actor) in [
        ("operator.create", EMAIL),
        ("session.begin", EMAIL),
        ("session.refuse", EMAIL),
        ("operator.create", EMAIL),
        ("operator.password", "bea@example.com"),
        ("token.create", EMAIL),
        ("token.create", "local"),
        ("tenant.switches", "local"),
    ] {
        assert!(
            rows.iter().any(|row| row["action"] == action && row["actor"] == actor),
            "{action} {actor}: {}",
            trail.text
        );
    }
    assert!(!trail.text.contains("pva_") && !trail.text.contains("pv_"), "no secret: {}", trail.text);
    let verified = desk.local("GET", "/api/v1/audit/verify", Value::Null).await;
    assert_eq!((&verified.body["holds"], &verified.body["rows"]), (&json!(true), &json!(rows.len())));
    assert!(owner.get("/app/settings/audit/verify").await.text.contains("The chain holds."));
    assert!(owner.get("/app/settings/audit?q=nightly").await.status == 200);
}

#[tokio::test]
async fn a_browser_that_was_here_before_is_not_held_up_by_strangers() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    owner.post("/logout", &[]).await;
    let mut guesser = Browser { address: [198, 51, 100, 7], ..Browser::new(&desk) };
    while guesser.sign_in(EMAIL, "guess").await.status == 401 {}
    assert_eq!(Browser::new(&desk).sign_in(EMAIL, PASSWORD).await.status, 429, "a new browser waits");
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303, "one that is known does not");
    let known = owner.cookies["provost-device"].clone();
    let forged = known.replacen(|c: char| c.is_ascii_uppercase(), "x", 1);
    for cookie in [forged.as_str(), "", "x.y"] {
        let mut other = Browser { address: [203, 0, 113, 1], ..Browser::new(&desk) };
        other.cookies.insert("provost-device".into(), cookie.into());
        assert_eq!(other.sign_in(EMAIL, PASSWORD).await.status, 429, "{cookie}");
    }
    let mut thief = Browser::new(&desk);
    thief.cookies.insert("provost-device".into(), known);
    let tries: Vec<u16> = [thief.sign_in(EMAIL, "0").await.status, thief.sign_in(EMAIL, "1").await.status].into();
    assert_eq!(tries, [401, 401]);
    for guess in 2..9 {
        thief.sign_in(EMAIL, &guess.to_string()).await;
    }
    assert_eq!(thief.sign_in(EMAIL, "9").await.status, 429, "its guesses are counted, too");
}

#[tokio::test]
async fn a_page_that_refreshes_itself_keeps_nobody_signed_in() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    for _ in 0..13 {
        desk.clock.advance(3 * MINUTE);
        let request = owner.request("GET", "/account").header("hx-request", "true").body(axum::body::Body::empty());
        owner.send(request.unwrap()).await;
    }
    assert_eq!(owner.get("/account").await.status, 303);
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_the_host() {
    let desk = Desk::at("https://scim.example.com");
    let owner = Browser::owner(&desk).await;
    assert!(owner.cookies.contains_key("__Host-provost"), "{:?}", owner.cookies.keys());
    let mut visitor = Browser::new(&desk);
    let page = visitor.get("/login").await;
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    let answer = visitor.sign_in(EMAIL, PASSWORD).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap().to_owned()).collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        assert!(
            cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age=") && cookie.ends_with("; Secure"),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let desk = Desk::at("https://scim.example.com");
    let mut visitor = Browser::new(&desk);
    for path in [
        "/",
        "/healthz",
        "/nothing",
        "/scim/v2/Users",
        "/t/none/scim/v2/Users",
        "/api/v1/tenants",
        "/saml/metadata",
        "/oidc/jwks",
        "/idp/none/sso",
        "/login",
        "/assets/none.js",
    ] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!answer.text.contains(env!("CARGO_PKG_VERSION")), "{path} tells strangers the version");
    }
    let desk = Desk::new();
    let mut visitor = Browser::new(&desk);
    assert_eq!(visitor.get("/healthz").await.header("strict-transport-security"), "", "there is no https to insist on");
}

#[tokio::test]
async fn who_signs_out_leaves_no_pages_behind() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let out = owner.post("/logout", &[]).await;
    assert_eq!((out.location(), out.header("clear-site-data")), ("/login", "\"cache\""));
    assert_eq!(owner.get("/app/users").await.location().split('?').next(), Some("/login"));
}

#[tokio::test]
async fn only_a_proxy_on_this_machine_says_who_is_behind_it() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    for (peer, shown) in [([127, 0, 0, 1], "198.51.100.9"), ([10, 0, 0, 1], "10.0.0.1")] {
        let mut visitor = Browser { address: peer, ..Browser::new(&desk) };
        let request = visitor
            .request("POST", "/login")
            .header("sec-fetch-site", "same-origin")
            .header("x-forwarded-for", "203.0.113.66, 198.51.100.9")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("email={EMAIL}&password=wrong").into());
        assert_eq!(visitor.send(request.unwrap()).await.status, 401);
        let trail = owner.get("/app/settings/audit").await;
        assert!(trail.text.contains(shown), "{shown}");
        assert!(!trail.text.contains("203.0.113.66"), "what a client wrote itself is not believed");
    }
}

#[tokio::test]
async fn how_somebody_signs_in_is_changed_by_who_was_there_a_moment_ago() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    assert_eq!(owner.get("/account/totp").await.status, 200);
    desk.clock.advance(16 * 60 * SECOND);
    assert_eq!(owner.get("/account/totp").await.location(), "/account");
    assert!(owner.get("/account").await.text.contains("confirm that it is you"));
    for path in ["/account/totp/off", "/account/passkeys/begin"] {
        let answer = owner.post(path, &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.text.contains("onfirm with your password"), "{path}: {}", answer.text);
    }
    assert_eq!(owner.post("/account/passkeys/remove", &[("id", "x")]).await.status, 401);
    assert_eq!(owner.post("/account/confirm", &[("confirm-password", "no")]).await.status, 422);
    let old = owner.cookies.clone();
    assert_eq!(owner.post("/account/confirm", &[("confirm-password", PASSWORD)]).await.location(), "/account");
    assert_eq!(owner.get("/account/totp").await.status, 200);
    assert_eq!(
        Browser { cookies: old, ..Browser::new(&desk) }.get("/app").await.status,
        303,
        "a new session took its place"
    );
}
