//! Every route of the console, found in its sources: who is let in, what may change, what every page keeps to.

use crate::browser::{Browser, EMAIL, PASSWORD};
use crate::desk::Desk;
use crate::routes::{Route, console};
use serde_json::json;

/// What anybody may see; a change there has to come from a page of this server all the same.
const OPEN: &[&str] = &[
    "/assets/{name}",
    "/favicon.ico",
    "/login",
    "/login/code",
    "/login/passkey",
    "/login/passkey/finish",
    "/setup",
    "/docs",
    "/docs/{slug}",
    "/docs/errors/{code}",
    "/docs/licences/{library}",
    "/docs/images/{name}",
    "/api/v1/openapi.json",
    "/share/{secret}",
    "/share/{secret}/steps",
    "/share/{secret}/token",
    "/share/{secret}/ask",
    "/share/{secret}/done",
];

/// What is one's own, whatever the role.
const OWN: &[&str] = &["/account", "/logout", "/console/"];

/// With something in place of what varies.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn guarded() -> impl Iterator<Item = Route> {
    console().into_iter().filter(|route| !OPEN.contains(&route.path.as_str()))
}

#[tokio::test]
async fn nothing_without_a_session() {
    let desk = Desk::new();
    let mut stranger = Browser::new(&desk);
    for route in guarded() {
        let path = filled(&route.path);
        if route.gets {
            let answer = stranger.get(&path).await;
            assert_eq!(answer.status, 303, "GET {path}");
            assert!(answer.location().starts_with("/login?next=/"), "GET {path}: {}", answer.location());
        }
        if route.posts {
            assert_eq!(stranger.post(&path, &[]).await.status, 401, "POST {path}");
        }
        let request = stranger.request("GET", &path).header("hx-request", "true").body(axum::body::Body::empty());
        let part = stranger.send(request.unwrap()).await;
        assert_eq!((part.status, part.header("hx-redirect").starts_with("/login")), (401, true), "part of {path}");
    }
    let request = stranger.request("GET", "/console/events").header("accept", "text/event-stream");
    let stream = stranger.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(stream.status, 401);
}

#[tokio::test]
async fn no_change_without_the_token_of_the_session() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let mut other = Browser::invited(&mut owner, "bea@example.com", "owner").await;
    for route in guarded().filter(|route| route.posts) {
        let path = filled(&route.path);
        let bare = owner.post_bare(&path, &[]).await;
        assert_eq!(bare.status, 403, "{path}");
        assert!(bare.text.contains("PRV-2007"), "{path}: {}", bare.text);
        let theirs = other.token.clone();
        assert_eq!(owner.post_bare(&path, &[("csrf", &theirs)]).await.status, 403, "another session's: {path}");
    }
    assert_eq!(other.get("/account").await.status, 200, "nobody was signed out by any of this");
}

#[tokio::test]
async fn no_change_from_another_site() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    owner.site = "cross-site";
    for route in console().into_iter().filter(|route| route.posts) {
        let path = filled(&route.path);
        assert_eq!(owner.post(&path, &[]).await.status, 403, "{path}");
    }
    // Without the header an `Origin` has to say it.
    for (origin, status) in [(None, 403), (Some("https://evil.example"), 403), (Some("http://localhost:8080"), 303)] {
        let mut request = owner.request("POST", "/console/theme");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let body = format!("csrf={}&theme=dark&next=/app", owner.token);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.into()).unwrap();
        assert_eq!(owner.send(request).await.status, status, "{origin:?}");
    }
}

#[tokio::test]
async fn an_auditor_sees_everything_and_changes_nothing() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let mut auditor = Browser::invited(&mut owner, "bea@example.com", "auditor").await;
    for route in guarded() {
        let path = filled(&route.path);
        if route.gets && route.path != "/console/events" {
            let status = auditor.get(&path).await.status;
            assert!(matches!(status, 200 | 303 | 400 | 404), "GET {path}: {status}");
        }
        if route.posts && !OWN.iter().any(|own| path.starts_with(own)) {
            let answer = auditor.post(&path, &[]).await;
            assert_eq!(answer.status, 403, "POST {path}");
            assert!(answer.text.contains("PRV-2008"), "POST {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn operators_and_keys_are_the_owners() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let mut admin = Browser::invited(&mut owner, "bea@example.com", "admin").await;
    let invitation = [("name", "Eve"), ("email", "eve@example.com"), ("role", "owner")];
    assert_eq!(admin.post("/app/settings/operators", &invitation).await.status, 403);
    assert_eq!(admin.post("/app/settings/keys", &[("label", "x"), ("role", "owner")]).await.status, 403);
    let page = owner.get("/app/settings/operators").await;
    let id = page.between("/app/settings/operators/", "\"");
    for change in ["link", "disable", "enable", "factors"] {
        let answer = admin.post(&format!("/app/settings/operators/{id}"), &[("change", change)]).await;
        assert_eq!(answer.status, 403, "{change}");
    }
    let made = owner.post("/app/settings/keys", &[("label", "nightly"), ("role", "auditor"), ("days", "30")]).await;
    assert_eq!(made.status, 200);
    let key = format!("pva_{}", made.between("value=\"pva_", "\""));
    assert_eq!(desk.with(&key, "GET", "/api/v1/tenants", json!(null)).await.status, 200);
    let refused = desk.with(&key, "POST", "/api/v1/tenants", json!({"name": "x"})).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (403, &json!("PRV-2008")));
    assert_eq!(desk.with(&key, "POST", "/scim/v2/Users", json!({"userName": "x"})).await.status, 403);
    assert_eq!(desk.with(&key, "GET", "/scim/v2/Users", json!(null)).await.status, 200);
    let made = desk.local("POST", "/api/v1/tokens/admin", json!({"label": "x", "role": "admin"})).await;
    let key = made.body["token"].as_str().unwrap().to_owned();
    assert_eq!(desk.with(&key, "POST", "/api/v1/tenants", json!({"name": "x"})).await.status, 201);
    for (method, path) in [("POST", "/api/v1/tokens/admin"), ("POST", "/api/v1/operators/setup-link")] {
        assert_eq!(desk.with(&key, method, path, json!({"label": "y"})).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn the_last_owner_stays() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let id = owner.get("/app/settings/operators").await.between("/app/settings/operators/", "\"");
    let path = format!("/app/settings/operators/{id}");
    for fields in [
        vec![("change", "role"), ("role", "auditor")],
        vec![("change", "disable")],
        vec![("change", "delete"), ("confirm", EMAIL)],
    ] {
        assert_eq!(owner.post(&path, &fields).await.status, 303);
        let told = owner.get(&path).await;
        assert!(told.text.contains("last owner"), "{fields:?}: {}", told.text);
    }
    assert_eq!(Browser::new(&desk).sign_in(EMAIL, PASSWORD).await.location(), "/account");
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_page_keeps_to_the_policy() {
    let desk = Desk::new();
    let user = desk.user("adam").await;
    let mut owner = Browser::owner(&desk).await;
    let mut pages: Vec<String> = console().iter().filter(|route| route.gets).map(|route| filled(&route.path)).collect();
    pages.retain(|path| path != "/console/events");
    pages.extend([format!("/app/users/{user}"), "/nothing".into(), "/app/nothing".into()]);
    let mut seen = 0;
    for path in pages {
        let mut stranger = Browser::new(&desk);
        for browser in [&mut owner, &mut stranger] {
            let request = browser.request("GET", &path).header("accept", "text/html").body(axum::body::Body::empty());
            let page = browser.send(request.unwrap()).await;
            assert_eq!(page.header("content-security-policy"), POLICY, "{path}");
            assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
            assert!(!page.header("cache-control").is_empty(), "{path}");
            assert!(page.status < 500, "{path}: {} {}", page.status, page.text);
            if page.header("content-type").starts_with("text/html") {
                seen += 1;
                clean(&path, &page.text);
            }
        }
    }
    assert!(seen > 50, "{seen} pages");
}

/// No script, style or handler inside the page, and nothing from elsewhere.
fn clean(path: &str, html: &str) {
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let end = tag_end(tag);
        let (tag, after) = tag.split_at(end);
        rest = after;
        if tag.starts_with(['/', '!']) {
            continue;
        }
        assert!(!tag.starts_with("style"), "{path}: <{tag}>");
        assert!(!tag.starts_with("script") || tag.contains(" src=\"/assets/"), "{path}: <{tag}>");
        for attribute in names(tag) {
            let is_handler = attribute.starts_with("on") || attribute.starts_with("hx-on");
            assert!(attribute != "style" && !is_handler, "{path}: {attribute} in <{tag}>");
        }
        for from in ["src=\"http", "href=\"javascript:", "action=\"http"] {
            assert!(!tag.contains(from), "{path}: <{tag}>");
        }
    }
}

fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    tag.char_indices()
        .find(|(_, c)| {
            quoted ^= *c == '"';
            !quoted && *c == '>'
        })
        .map_or(tag.len(), |(at, _)| at)
}

/// The names of a tag's attributes.
fn names(tag: &str) -> Vec<String> {
    let outside: String = tag.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    outside.split_whitespace().skip(1).map(|name| name.trim_end_matches('=').to_lowercase()).collect()
}

#[tokio::test]
async fn words_of_strangers_stay_words() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let evil = "<img src=x onerror=alert(1)>\"'";
    let made = desk.local("POST", "/scim/v2/Users", json!({"userName": evil, "displayName": evil})).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    owner.post("/app/settings/operators", &[("name", evil), ("email", "e@example.com"), ("role", "auditor")]).await;
    let query = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22";
    for path in [
        "/app/users".to_owned(),
        format!("/app/users/{id}"),
        format!("/app/users/{id}/raw"),
        "/app/log".to_owned(),
        "/app/settings/operators".to_owned(),
        "/app/settings/audit".to_owned(),
        format!("/app/settings/audit?q={query}"),
        format!("/app/search?q={query}"),
        format!("/app/log?text={query}"),
        format!("/login?next={query}"),
        format!("/setup?code={query}"),
    ] {
        let page = owner.get(&path).await;
        assert!(!page.text.contains("<img"), "{path}");
        clean(&path, &page.text);
    }
}

/// A form that is loaded instead of sent, and an address with a word where a number is.
#[tokio::test]
async fn what_the_router_refuses_is_a_page_too() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    for (path, status, words) in [
        ("/app/plans/seven", 404, "There is no page at this address"),
        ("/app/users/bulk", 405, "Go to the page that the form is on"),
        ("/logout", 405, "Go to the page that the form is on"),
    ] {
        let page = owner.get(path).await;
        assert!((page.status, page.text.contains(words)) == (status, true), "{path}: {} {}", page.status, page.text);
        assert!(page.text.contains("<nav"), "{path}: with the navigation");
    }
    assert_eq!(owner.get("/logout").await.header("allow"), "POST");
}
