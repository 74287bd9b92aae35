//! What tokens are bound to: a life, networks; and what is said of one that was replaced and still comes.

use crate::browser::{Browser, EMAIL, PASSWORD};
use crate::desk::{Answer, Desk, SECOND, request};
use axum::http::HeaderValue;
use serde_json::{Value, json};
use server::Peer;
use std::net::IpAddr;

const DAY: i64 = 86_400 * SECOND;

/// A request with a token from an address; through a proxy if the header says so.
async fn from(desk: &Desk, token: &str, peer: Peer, told: Option<&str>) -> Answer {
    let mut request = request("GET", "/scim/v2/Users?count=1", Some(token), &Value::Null);
    if let Some(told) = told {
        request.headers_mut().insert("x-forwarded-for", HeaderValue::from_str(told).unwrap());
    }
    desk.send(Some(peer), request).await
}

/// The newest entry of the log.
async fn newest(desk: &Desk) -> Value {
    let log = desk.local("GET", "/api/v1/tenants/default/log?limit=1", Value::Null).await;
    let path = format!("/api/v1/tenants/default/log/{}", log.body["data"][0]["seq"]);
    desk.local("GET", &path, Value::Null).await.body
}

fn remote(address: &str) -> Peer {
    Peer::Remote((address.parse::<IpAddr>().unwrap(), 40_000).into())
}

fn proxy(address: &str) -> Peer {
    Peer::Proxy((address.parse::<IpAddr>().unwrap(), 40_000).into())
}

#[tokio::test]
async fn a_token_opens_nothing_from_elsewhere() {
    let desk = Desk::new();
    let networks = json!({"label": "Okta", "networks": ["203.0.113.0/24", "2001:db8:7::/48", "192.0.2.9"]});
    let (token, id) = desk.token("default", networks).await;
    let cases = [
        (remote("203.0.113.200"), None, 200),
        (remote("::ffff:203.0.113.200"), None, 200),
        (remote("2001:db8:7:1::5"), None, 200),
        (remote("192.0.2.9"), None, 200),
        (remote("192.0.2.10"), None, 403),
        (remote("203.0.114.1"), None, 403),
        (remote("2001:db8:8::5"), None, 403),
        (remote("::1"), None, 403),
        // What a client says of itself counts only behind a proxy that is ours, and of a list only what the proxy added.
        (remote("198.51.100.1"), Some("203.0.113.200"), 403),
        (remote("127.0.0.1"), Some("203.0.113.200"), 200),
        (remote("127.0.0.1"), Some("203.0.113.200, 198.51.100.1"), 403),
        (proxy("10.0.0.5"), Some("198.51.100.1, 203.0.113.200"), 200),
        (proxy("10.0.0.5"), Some("198.51.100.1"), 403),
        (proxy("10.0.0.5"), None, 403),
    ];
    for (peer, told, status) in cases {
        let answer = from(&desk, &token, peer, told).await;
        assert_eq!(answer.status, status, "{peer:?} {told:?}: {}", answer.text);
    }
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 403, "from nowhere");
    let refused = from(&desk, &token, remote("198.51.100.77"), None).await;
    assert_eq!(refused.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{}", refused.text);
    assert!(refused.text.contains("PRV-2013") && !refused.text.contains("203.0.113"), "{}", refused.text);
    let entry = newest(&desk).await;
    assert_eq!((&entry["code"], &entry["remote"]), (&json!("PRV-2013"), &json!("198.51.100.77")), "{entry}");
    let said = entry["steps"].to_string();
    assert!(said.contains("“Okta”") && said.contains("198.51.100.77") && said.contains("203.0.113.0/24"), "{said}");
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app").await;
    assert!(page.text.contains("A token came from where it may not come from"), "{}", page.text);

    // Changed by the API, at once; wrong ones change nothing.
    let path = format!("/api/v1/tenants/default/tokens/{id}");
    let wrong = desk.local("PATCH", &path, json!({"networks": ["okta.com"]})).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let changed = desk.local("PATCH", &path, json!({"networks": ["198.51.100.0/24"]})).await;
    assert_eq!(changed.body["networks"], json!(["198.51.100.0/24"]), "{}", changed.text);
    assert_eq!(from(&desk, &token, remote("198.51.100.77"), None).await.status, 200);
    assert_eq!(from(&desk, &token, remote("203.0.113.200"), None).await.status, 403);
    // And in the console.
    let here = format!("/app/scim/tokens/{id}");
    let wrong = owner.post(&format!("{here}/networks"), &[("networks", "10.0.0.0/99")]).await;
    assert!(wrong.status == 422 && wrong.text.contains("10.0.0.0/99 is not a network"), "{}", wrong.text);
    let saved = owner.post(&format!("{here}/networks"), &[("networks", "2001:db8::/32\r\n203.0.113.0/24")]).await;
    assert_eq!((saved.status, saved.location()), (303, here.as_str()), "{}", saved.text);
    assert_eq!(from(&desk, &token, remote("203.0.113.200"), None).await.status, 200);
    assert!(owner.get("/app/scim/tokens").await.text.contains("only from <code>2001:db8::/32</code> and 1 more"));
    assert_eq!(owner.post(&format!("{here}/networks"), &[("networks", "")]).await.status, 303);
    assert_eq!(from(&desk, &token, remote("198.51.100.77"), None).await.status, 200);
}

#[tokio::test]
async fn a_token_says_who_made_it() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (_, local) = desk.token("default", json!({"label": "Entra"})).await;
    let new = [("label", "Okta"), ("days", "365"), ("users", "write"), ("groups", "write")];
    assert_eq!(owner.post("/app/scim/tokens", &new).await.status, 200);
    let list = async || desk.local("GET", "/api/v1/tenants/default/tokens", Value::Null).await.body["data"].clone();
    let by = |tokens: &Value, label: &str| -> Vec<String> {
        let tokens = tokens.as_array().unwrap().iter().filter(|token| token["label"] == label);
        tokens.map(|token| token["createdBy"].as_str().unwrap().to_owned()).collect()
    };
    let tokens = list().await;
    assert_eq!((by(&tokens, "Okta"), by(&tokens, "Entra")), (vec![EMAIL.into()], vec!["local".into()]), "{tokens}");
    // A successor is of whoever rotated.
    let rotated = owner.post(&format!("/app/scim/tokens/{local}/rotate"), &[("hours", "1")]).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    assert_eq!(by(&list().await, "Entra"), ["local", EMAIL]);
    let page = owner.get("/app/scim/tokens").await;
    assert!(page.text.contains(&format!("by {EMAIL}")) && page.text.contains("by the command line"), "{}", page.text);
}

#[tokio::test]
async fn a_token_lives_a_year_unless_somebody_says_otherwise() {
    let desk = Desk::new();
    let end = async |body: Value| {
        let made = desk.local("POST", "/api/v1/tenants/default/tokens", body).await;
        (made.status, made.body["expiresAt"].as_str().map(|at| at[..10].to_owned()))
    };
    assert_eq!(end(json!({"label": "a"})).await, (201, Some("2027-01-01".into())));
    assert_eq!(end(json!({"label": "a", "expiresIn": 2 * 365 * 86_400})).await, (201, Some("2028-01-01".into())));
    assert_eq!(end(json!({"label": "a", "expiresIn": "never"})).await, (201, None));
    for wrong in [json!(2 * 365 * 86_400 + 1), json!("soon"), json!(-1)] {
        assert_eq!(end(json!({"label": "a", "expiresIn": wrong})).await, (400, None), "{wrong}");
    }
    let key = desk.local("POST", "/api/v1/tokens/admin", json!({"label": "script"})).await;
    assert!(key.body["expiresAt"].as_str().unwrap().starts_with("2027-01-01"), "{}", key.text);
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    desk.clock.advance(334 * DAY);
    let mut owner = Browser::owner(&desk).await;
    assert!(!owner.get("/app").await.text.contains("The token “Okta” ends"));
    desk.clock.advance(2 * DAY);
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
    assert!(owner.get("/app").await.text.contains("The token “Okta” ends"), "30 days before");
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    desk.clock.advance(29 * DAY);
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
}

#[tokio::test]
async fn each_use_of_a_rotated_token_warns() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (old, id) = desk.token("default", json!({"label": "Okta", "networks": ["192.0.2.0/24"]})).await;
    let near = || remote("192.0.2.1");
    assert_eq!(from(&desk, &old, near(), None).await.status, 200);
    desk.clock.advance(2 * SECOND);
    let path = format!("/api/v1/tenants/default/tokens/{id}/rotate");
    let made = desk.local("POST", &path, json!({"overlapSeconds": 3600})).await;
    assert_eq!(made.body["networks"], json!(["192.0.2.0/24"]), "{}", made.text);
    assert!(
        made.body["expiresAt"].as_str().unwrap().starts_with("2027-01-01"),
        "as long as the old one: {}",
        made.text
    );
    let new = made.body["token"].as_str().unwrap();
    let newest = async || newest(&desk).await["steps"].to_string();
    let pages = async |owner: &mut Browser<'_>| {
        let workers = server::start_workers(&desk.app);
        workers.stop().await;
        let at = format!("/app/scim/tokens/{id}");
        [owner.get("/app").await.text, owner.get("/app/scim/tokens").await.text, owner.get(&at).await.text]
    };
    let words = ["was replaced and is still used", "still used", "It is still used, though another took its place"];
    let before = pages(&mut owner).await;
    assert!(!words.iter().zip(&before).any(|(word, page)| page.contains(word)), "the use was before");
    desk.clock.advance(2 * SECOND);
    assert_eq!(from(&desk, new, near(), None).await.status, 200);
    assert!(!newest().await.contains("rotated"), "the new one is as it should be");
    for body in [Value::Null, json!({"userName": "a"})] {
        desk.clock.advance(2 * SECOND);
        let method = if body.is_null() { "GET" } else { "POST" };
        let sent = request(method, "/scim/v2/Users", Some(&old), &body);
        let answer = desk.send(Some(near()), sent).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        let said = newest().await;
        assert!(said.contains("warning: the token “Okta”") && said.contains("2026-01-01T01:00:02"), "{method}: {said}");
    }
    let after = pages(&mut owner).await;
    for (word, page) in words.iter().zip(&after) {
        assert!(page.contains(word), "{word}: {page}");
    }
    // Once it has ended it is used no more: it is refused, and the entry says which one it was.
    desk.clock.advance(3700 * SECOND);
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
    let over = pages(&mut owner).await;
    assert!(!words.iter().zip(&over).any(|(word, page)| page.contains(word)), "{over:?}");
    assert_eq!(from(&desk, &old, near(), None).await.status, 401);
    let said = newest().await;
    assert!(said.contains("“Okta”") && said.contains("another took the place of"), "{said}");
    let seq =
        desk.local("GET", "/api/v1/tenants/default/log?limit=1", Value::Null).await.body["data"][0]["seq"].clone();
    let entry = owner.get(&format!("/app/log/{seq}")).await.text;
    assert!(entry.contains("which ended at") && !entry.contains("none that is known"), "{entry}");
    // What it asked would be refused again, whatever it was; with a good token it would be answered.
    let shown = owner.post(&format!("/app/log/{seq}/replay"), &[]).await.text;
    for words in ["as if its token were let in", "with it the answer would be", "With one that is let in"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let rotated = desk.local("POST", &path, json!({"overlapSeconds": 3600})).await;
    assert!(rotated.status == 400 && rotated.text.contains("the token is expired"), "{}", rotated.text);
}
