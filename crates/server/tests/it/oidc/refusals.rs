//! What is refused, as tables: how the request is changed, and OAuth's word for it.

use super::{Application, REDIRECT, adam, code, is_page, sent, written};
use crate::browser::Browser;
use crate::desk::Desk;
use serde_json::json;

/// Requests that are answered to nobody: where the answer would go is not known, or not to be trusted.
const PAGES: &[(&str, &str)] = &[
    ("client_id", "unknown"),
    ("client_id", ""),
    ("redirect_uri", ""),
    ("redirect_uri", "https://app.example/cb/"),
    ("redirect_uri", "https://app.example/CB"),
    ("redirect_uri", "https://app.example/cb?x=1"),
    ("redirect_uri", "https://app.example/cb#x"),
    ("redirect_uri", "https://app.example.evil.example/cb"),
    ("redirect_uri", "https://evil.example/cb"),
    ("redirect_uri", "http://app.example/cb"),
    ("redirect_uri", "https://app.example@evil.example/cb"),
    ("redirect_uri", "https://app.example/cb/../evil"),
    ("redirect_uri", "//app.example/cb"),
];

/// Requests whose sender is told why.
const TOLD: &[(&str, &str, &str)] = &[
    ("response_type", "", "invalid_request"),
    ("response_type", "token", "unsupported_response_type"),
    ("response_type", "id_token", "unsupported_response_type"),
    ("response_type", "code id_token", "unsupported_response_type"),
    ("response_mode", "fragment", "invalid_request"),
    ("scope", "", "invalid_scope"),
    ("scope", "profile email", "invalid_scope"),
    ("code_challenge", "", "invalid_request"),
    ("code_challenge", "too-short", "invalid_request"),
    ("code_challenge_method", "", "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("prompt", "none login", "invalid_request"),
    ("prompt", "nonsense", "invalid_request"),
    ("max_age", "soon", "invalid_request"),
    ("request", "eyJ", "request_not_supported"),
    ("request_uri", "https://evil.example/", "request_uri_not_supported"),
    ("registration", "{}", "registration_not_supported"),
];

#[tokio::test]
async fn requests_that_are_refused() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    for (name, value) in PAGES {
        let answer = browser.get(&application.address(&[(name, value)])).await;
        assert!(is_page(&answer), "{name}={value}: {} {}", answer.status, answer.location());
    }
    for twice in ["client_id=other", "state=2", "redirect_uri=https%3A%2F%2Fevil.example%2F"] {
        let answer = browser.get(&format!("{}&{twice}", application.address(&[]))).await;
        assert!(is_page(&answer), "{twice}");
    }
    for (name, value, error) in TOLD {
        let answer = browser.get(&application.address(&[(name, value)])).await;
        let to = answer.location();
        assert!(to.starts_with(REDIRECT), "{name}={value}: {to}");
        assert_eq!((sent(to, "error").as_str(), sent(to, "state").as_str()), (*error, "st&te"), "{name}={value}");
        assert!(sent(to, "code").is_empty() && !sent(to, "error_description").is_empty());
    }
    for handle in ["", "unknown"] {
        assert!(is_page(&browser.get(&format!("/oidc/continue?request={handle}")).await));
    }
    // What another site posts comes again by itself, because it brings no cookie along.
    let form = written(&application.request());
    let request = browser.request("POST", "/oidc/authorize").body(axum::body::Body::from(form)).unwrap();
    let posted = browser.send(request).await;
    assert!(posted.location().starts_with("/oidc/continue?request="), "{}", posted.location());
    let to = posted.location().to_owned();
    assert!(browser.get(&to).await.text.contains("cb?code="));
}

/// What is changed in the form that exchanges a code; an empty value leaves the field out.
const EXCHANGES: &[(&str, &str, &str)] = &[
    ("grant_type", "", "invalid_request"),
    ("grant_type", "password", "unsupported_grant_type"),
    ("grant_type", "refresh_token", "unsupported_grant_type"),
    ("grant_type", "client_credentials", "unsupported_grant_type"),
    ("code", "", "invalid_request"),
    ("code", "pvc_guess", "invalid_grant"),
    ("redirect_uri", "", "invalid_request"),
    ("redirect_uri", "https://app.example/other", "invalid_grant"),
    ("code_verifier", "", "invalid_request"),
    ("code_verifier", "another-verifier-that-is-long-enough-for-the-standard", "invalid_grant"),
    ("client_secret", "twice", "invalid_request"),
    ("client_id", "another", "invalid_request"),
];

#[tokio::test]
async fn codes_that_are_not_exchanged() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    let good = code(&mut browser, &application).await;
    for (name, value, error) in EXCHANGES {
        let mut fields = application.exchange(&good);
        fields.retain(|(have, _)| have != name);
        fields.push((name, (*value).to_owned()));
        let answer = application.post(&fields, Some(&application.basic())).await;
        assert_eq!(answer.body["error"], *error, "{name}={value}: {}", answer.text);
        assert!(answer.body.get("id_token").is_none() && answer.status == 400);
    }
    let fields = application.exchange(&good);
    let other = Application::new(&desk).await;
    for (header, error) in [
        (None, "invalid_client"),
        (Some("Basic !"), "invalid_client"),
        (Some("Bearer x"), "invalid_client"),
        (Some("Basic YTpi"), "invalid_client"),
        (Some(other.basic().as_str()), "invalid_grant"),
    ] {
        let answer = application.post(&fields, header).await;
        assert_eq!(answer.body["error"], error, "{header:?}");
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
    }
    let mut twice = fields.clone();
    twice.push(("code", "other".into()));
    assert_eq!(application.post(&twice, Some(&application.basic())).await.body["error"], "invalid_request");
    let limit = server::limits::OIDC_FORM_BYTES_MAX;
    for (bytes, error) in [(limit, "invalid_client"), (limit + 1, "invalid_request")] {
        let fields = [("client_id", "a".repeat(bytes - "client_id=".len()))];
        assert_eq!(application.post(&fields, None).await.body["error"], error, "{bytes} bytes");
    }
    assert_eq!(application.redeem(&good).await.status, 200, "none of that used the code up");
    // In the form as well; and a code runs out.
    let late = code(&mut browser, &application).await;
    desk.clock.advance(server::limits::OIDC_CODE_LIFE);
    let mut fields = application.exchange(&late);
    fields.extend([("client_id", application.id.clone()), ("client_secret", application.secret.clone())]);
    assert_eq!(application.post(&fields, None).await.body["error"], "invalid_grant");
    let fresh = code(&mut browser, &application).await;
    let mut fields = application.exchange(&fresh);
    fields.extend([("client_id", application.id.clone()), ("client_secret", application.secret.clone())]);
    assert_eq!(application.post(&fields, None).await.status, 200);
}

#[tokio::test]
async fn a_public_client_has_no_secret() {
    let desk = Desk::new();
    let application = Application::of(&desk, "default", "", json!({"public": true})).await;
    assert_eq!(application.secret, "");
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    let code = code(&mut browser, &application).await;
    let mut fields = application.exchange(&code);
    assert_eq!(application.post(&fields, None).await.body["error"], "invalid_client");
    fields.push(("client_id", application.id.clone()));
    let mut with_secret = fields.clone();
    with_secret.push(("client_secret", "guess".into()));
    assert_eq!(application.post(&with_secret, None).await.body["error"], "invalid_client");
    let answer = application.post(&fields, None).await;
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].to_str().unwrap()), (200, "*"));
    let path = format!("/api/v1/tenants/default/oidc/clients/{}", application.id);
    assert_eq!(desk.local("POST", &format!("{path}/secret"), json!({})).await.status, 400);
    assert_eq!(desk.local("PATCH", &path, json!({"public": false})).await.status, 400);
}

#[tokio::test]
async fn signing_out_is_not_for_anybody() {
    let desk = Desk::new();
    let application = Application::new(&desk).await;
    let mut browser = Browser::new(&desk);
    adam(&mut browser).await;
    for foreign in [
        "post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F",
        "post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye",
        "client_id=other&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye",
    ] {
        assert!(is_page(&browser.get(&format!("/oidc/logout?{foreign}")).await), "{foreign}");
    }
    let asked = browser.get(&format!("/oidc/logout?client_id={}&id_token_hint=no.such.token", application.id)).await;
    assert!(asked.status == 200 && asked.text.contains("Sign out?"), "{}", asked.text);
    assert!(browser.get("/me").await.text.contains("Adam"), "a page that only asks signs nobody out");
    let csrf = asked.between("name=\"csrf\" value=\"", "\"");
    let forged = browser.post_bare("/oidc/logout", &[("csrf", "guess")]).await;
    assert!(forged.text.contains("Sign out?"));
    let bye = [
        ("csrf", csrf.as_str()),
        ("client_id", &application.id),
        ("post_logout_redirect_uri", "https://app.example/bye"),
        ("state", "x"),
    ];
    let out = browser.post_bare("/oidc/logout", &bye).await;
    assert!(out.text.contains("0;url=https://app.example/bye?state=x"), "{}", out.text);
    assert_eq!(browser.get("/me").await.status, 401);
}

#[tokio::test]
async fn clients_that_cannot_be_registered() {
    let desk = Desk::new();
    for (body, what) in [
        (json!({}), "label"),
        (json!({"label": "x"}), "redirectUris"),
        (json!({"label": "x", "redirectUris": ["http://app.example/cb"]}), "redirectUris"),
        (json!({"label": "x", "redirectUris": ["https://*.example/cb"]}), "redirectUris"),
        (json!({"label": "x", "redirectUris": ["javascript:alert(1)"], "public": true}), "redirectUris"),
        (
            json!({"label": "x", "redirectUris": [REDIRECT], "postLogoutRedirectUris": ["//evil"]}),
            "postLogoutRedirectUris",
        ),
    ] {
        let answer = desk.local("POST", "/api/v1/tenants/default/oidc/clients", body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(what), "{}", answer.text);
    }
}
