//! Marker secrets go in everywhere, and come out nowhere: no answer, no log entry, no byte of the data folder.

use crate::desk::Desk;
use serde_json::{Value, json};

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

fn nowhere_in(folder: &std::path::Path, marker: &str) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
        assert!(!found, "the marker is in {}", path.display());
    }
}
