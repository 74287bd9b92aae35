//! The pages of apps that tell something as it happens, and those over all apps.

use crate::browser::{Browser, encoded};
use crate::desk::Desk;
use axum::body::Body;
use hyper::body::Body as _;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const APPS: &str = "/api/v1/tenants/default/apps";

/// An application that answers the first question of a test, and no other.
async fn slow_application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scim/v2", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4_096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            if String::from_utf8_lossy(&head[..read]).contains("/Users") {
                let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/scim+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
            } else {
                open.push(stream);
            }
        }
    });
    url
}

async fn app(desk: &Desk, name: &str, change: Value) {
    let made = desk.local("POST", APPS, json!({"name": name, "label": "ServiceOps SCIM"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let changed = desk.local("PATCH", &format!("{APPS}/{name}"), change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
}

#[tokio::test]
async fn a_test_of_the_connector_is_told_step_by_step() {
    let (desk, _) = Desk::over_http().await;
    let url = slow_application().await;
    app(&desk, "slow", json!({"provisioning": true})).await;
    let owner = Browser::owner(&desk).await;
    let fields = [
        ("url", url.as_str()),
        ("unique", "userName"),
        ("mode", "none"),
        ("timeout", "60"),
        ("do", "test"),
        ("csrf", &owner.token),
    ];
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let request = owner
        .request("POST", "/app/apps/slow/provisioning/integration")
        .header("sec-fetch-site", "same-origin")
        .header("accept-encoding", "gzip")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body.join("&")))
        .unwrap();
    let mut request = server::normalise(request);
    request.extensions_mut().insert(server::Peer::Remote(([192, 0, 2, 1], 1).into()));
    let router = server::router(desk.app.clone());
    let mut body = tower::ServiceExt::oneshot(router, request).await.unwrap().into_body();
    let mut page = String::new();
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        while !page.contains("Users can be read") {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.expect("more").expect("a piece");
            page.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    });
    told.await.expect("the first step is told while the second is waited for");
    assert!(page.contains("<h2>Test</h2>") && !page.contains("</html>") && !page.contains(">Save<"), "{page}");
}

#[tokio::test]
async fn the_pages_over_all_apps() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    for (path, told) in [
        ("/app/dashboard", "Create your first app integration"),
        ("/app/tasks", "No tasks"),
        ("/app/profiles", "No applications yet"),
    ] {
        assert!(owner.get(path).await.text.contains(told), "{path}: {told}");
    }
    let adam = desk.user("adam").await;
    app(&desk, "serviceops", json!({"provisioning": true})).await;
    for (path, told) in [
        ("/app/dashboard", "ServiceOps SCIM is not connected"),
        ("/app/dashboard/now", "Accounts in use"),
        ("/app/tasks/rows", "No tasks"),
        ("/app/profiles", "ServiceOps SCIM User"),
        (&format!("/app/users/{adam}/apps"), "No assignment is about them"),
        ("/app/apps/serviceops/provisioning/integration", "Not connected yet"),
    ] {
        let page = owner.get(path).await;
        assert!(page.status == 200 && page.text.contains(told), "{path}: {told}: {}", page.text);
    }
    let lead = owner.get("/app/dashboard/on-demand?app=serviceops&person=adam").await;
    assert_eq!(lead.location(), "/app/apps/serviceops/on-demand?person=adam");
    let again = owner.post("/app/tasks", &[("app", "serviceops"), ("cause", "conflict")]).await;
    assert_eq!(again.location(), "/app/tasks");
}

/// What an identity provider has said of somebody is changed there, unless the tenant allows it here as well.
#[tokio::test]
async fn what_an_identity_provider_owns_is_read_only_until_that_is_allowed() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let adam = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "adam", "externalId": "00u1", "title": "Clerk"});
    let made = desk.with(&token, "POST", "/scim/v2/Users", adam).await;
    let id = made.body["id"].as_str().unwrap();
    let (place, path) = (format!("/app/users/{id}/edit"), format!("/scim/v2/Users/{id}"));
    let page = owner.get(&place).await;
    assert!(page.text.contains("An identity provider owns this person"), "{}", page.text);
    assert!(page.between("id=\"title\"", ">").contains("readonly"), "{}", page.text);
    assert!(!page.between("id=\"nickName\"", ">").contains("readonly"), "{}", page.text);
    let fields =
        [("title", "Boss"), ("was.title", "Clerk"), ("nickName", "Ad"), ("was.nickName", ""), ("status", "active")];
    assert_eq!(owner.post(&place, &fields).await.status, 303);
    let stored = desk.local("GET", &path, Value::Null).await.body;
    assert_eq!((&stored["title"], &stored["nickName"]), (&json!("Clerk"), &json!("Ad")));
    // What an operator said last can be changed again, and the door can be closed.
    assert!(!owner.get(&place).await.between("id=\"nickName\"", ">").contains("readonly"));
    assert_eq!(owner.post(&format!("/app/users/{id}/active"), &[("active", "false")]).await.status, 303);
    assert_eq!(owner.post("/app/settings/general/edits", &[("allow", "1")]).await.status, 303);
    assert!(!owner.get(&place).await.text.contains("readonly"));
    assert_eq!(owner.post(&place, &fields[..2]).await.status, 303);
    let stored = desk.local("GET", &path, Value::Null).await.body;
    assert_eq!((&stored["title"], &stored["active"]), (&json!("Boss"), &json!(false)));
}

#[tokio::test]
async fn somebody_is_changed_by_hand() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let field = json!({"attribute": {"name": "badge", "type": "integer"}});
    desk.local("POST", "/api/v1/tenants/default/attributes", field).await;
    let (adam, bea) = (desk.user("adam").await, desk.user("bea").await);
    let place = format!("/app/users/{adam}/edit");
    let page = owner.get(&place).await;
    for label in ["Login (userName)", "E-mail at work", "Manager", "badge", "Suspended"] {
        assert!(page.text.contains(label), "{label}: {}", page.text);
    }
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let badge = "urn:provost:params:scim:schemas:custom:User:badge";
    let fields = |badged| {
        [
            ("userName", "adam"),
            ("name.givenName", "Adam"),
            ("email", "adam@example.com"),
            (manager, "bea"),
            (badge, badged),
            ("status", "suspended"),
        ]
    };
    let refused = owner.post(&place, &fields("seven")).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("Not saved") && refused.text.contains("value=\"seven\""), "{}", refused.text);
    let saved = owner.post(&place, &fields("7")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let stored = desk.local("GET", &format!("/scim/v2/Users/{adam}"), Value::Null).await.body;
    assert_eq!(stored["name"]["givenName"], "Adam");
    assert_eq!(stored["emails"][0]["value"], "adam@example.com");
    assert_eq!(stored["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"], bea.as_str());
    assert_eq!(stored["urn:provost:params:scim:schemas:custom:User"]["badge"], 7);
    assert!(owner.get(&place).await.text.contains("value=\"suspended\" selected"));
    // What somebody else changes while the form is open stays; what both change is asked about.
    let title = async || desk.local("GET", &format!("/scim/v2/Users/{adam}"), Value::Null).await.body["title"].clone();
    let chief = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "title", "value": "Chief"}]});
    assert_eq!(desk.local("PATCH", &format!("/scim/v2/Users/{adam}"), chief).await.status, 200);
    let stale = |typed| [("was.title", ""), ("title", typed), ("name.familyName", "Ant")];
    assert_eq!(owner.post(&place, &stale("")).await.status, 303);
    assert_eq!(title().await, "Chief");
    let asked = owner.post(&place, &stale("Boss")).await;
    assert_eq!((asked.status, title().await), (422, json!("Chief")));
    for part in ["title is “Chief” now", "value=\"Boss\"", "name=\"was.title\" value=\"Chief\""] {
        assert!(asked.text.contains(part), "{part}: {}", asked.text);
    }
    assert_eq!(owner.post(&place, &[("was.title", "Chief"), ("title", "Boss")]).await.status, 303);
    assert_eq!(title().await, "Boss");
    // What is emptied is gone; the rest stays as it is.
    let fields = [
        ("userName", "adam"),
        ("name.givenName", ""),
        ("email", ""),
        (manager, ""),
        (badge, "7"),
        ("status", "deactivated"),
    ];
    assert_eq!(owner.post(&place, &fields).await.status, 303);
    let stored = desk.local("GET", &format!("/scim/v2/Users/{adam}"), Value::Null).await.body;
    assert!(stored.get("emails").is_none() && stored["name"].get("givenName").is_none(), "{stored}");
    assert_eq!(
        (stored["active"].as_bool(), stored["urn:provost:params:scim:schemas:custom:User"]["badge"].as_i64()),
        (Some(false), Some(7))
    );
}
