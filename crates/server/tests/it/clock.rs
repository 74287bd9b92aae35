//! What depends on the time: tokens and cursors that end, instants that are shown.

use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_ends_when_it_says() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "short", "expiresIn": 60})).await;
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    desk.clock.advance(59 * SECOND);
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    desk.clock.advance(SECOND);
    let over = desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await;
    assert_eq!(over.status, 401);
    assert!(over.body["detail"].as_str().unwrap().contains("PRV-2002"), "{}", over.text);
}

#[tokio::test]
async fn a_rotated_token_goes_on_for_the_overlap() {
    let desk = Desk::new();
    let (old, id) = desk.token("default", json!({"label": "Okta", "scope": "users:read"})).await;
    let path = format!("/api/v1/tenants/default/tokens/{id}/rotate");
    let made = desk.local("POST", &path, json!({"overlapSeconds": 3600})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["scope"], "users:read", "the new token may do what the old one may");
    let new = made.body["token"].as_str().unwrap();
    for token in [&old, new] {
        assert_eq!(desk.with(token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    }
    // Asked once more, it makes no third one beside the second; but another second one, when that was never copied.
    let again = desk.local("POST", &path, json!({"overlapSeconds": 3600})).await;
    assert!(again.status == 400 && again.text.contains("it was rotated already, pv_"), "{}", again.text);
    let lost = format!("/api/v1/tenants/default/tokens/{}", made.body["id"].as_str().unwrap());
    assert_eq!(desk.local("DELETE", &lost, Value::Null).await.status, 200);
    let made = desk.local("POST", &path, json!({"overlapSeconds": 3600})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let new = made.body["token"].as_str().unwrap();
    desk.clock.advance(3600 * SECOND);
    assert_eq!(desk.with(&old, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    assert_eq!(desk.with(new, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_cursor_ends_and_belongs_to_its_query() {
    let desk = Desk::new();
    for name in ["a", "b", "c"] {
        desk.user(name).await;
    }
    let first = desk.local("GET", "/scim/v2/Users?cursor=&count=2", Value::Null).await;
    let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(first.body["totalResults"], 3);
    let page = |query: String| desk.local("GET", format!("/scim/v2/Users?{query}").leak(), Value::Null);
    let second = page(format!("cursor={cursor}&count=2")).await;
    assert_eq!(second.body["Resources"].as_array().unwrap().len(), 1);
    assert!(second.body.get("nextCursor").is_none(), "the last page has no next");
    let other_count = page(format!("cursor={cursor}&count=1")).await;
    assert_eq!(other_count.body["scimType"], "invalidCount");
    let other_query = page(format!("cursor={cursor}&count=2&filter=userName+eq+%22a%22")).await;
    assert_eq!(other_query.body["scimType"], "invalidCursor");
    let made_up = page("cursor=AAAA&count=2".into()).await;
    assert_eq!(made_up.body["scimType"], "invalidCursor");
    desk.clock.advance(601 * SECOND);
    let late = page(format!("cursor={cursor}&count=2")).await;
    assert_eq!((late.status, &late.body["scimType"]), (400, &json!("expiredCursor")));
}

#[tokio::test]
async fn nothing_changed_means_no_new_version() {
    let desk = Desk::new();
    let id = desk.user("adam").await;
    let path = format!("/scim/v2/Users/{id}");
    desk.clock.advance(SECOND);
    let same = desk.local("PUT", &path, json!({"userName": "adam"})).await;
    assert_eq!(same.body["meta"]["lastModified"], "2026-01-01T00:00:00.000000Z", "{}", same.text);
    let changed = desk.local("PUT", &path, json!({"userName": "adam", "title": "x"})).await;
    assert_eq!(changed.body["meta"]["lastModified"], "2026-01-01T00:00:01.000000Z");
    assert_ne!(same.body["meta"]["version"], changed.body["meta"]["version"]);
    let feed = desk.local("GET", "/api/v1/tenants/default/changes", Value::Null).await;
    let kinds: Vec<_> = feed.body["data"].as_array().unwrap().iter().map(|change| &change["kind"]).collect();
    assert_eq!(kinds.len(), 2, "one change row for each real change: {}", feed.text);
}
