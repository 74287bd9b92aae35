//! Who was unlinked stays a local person until the identity provider takes them on anew, or an operator links them again.

use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn title(text: &str) -> Value {
    json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": text}]})
}

/// Somebody whom Okta made, unlinked by an operator.
async fn unlinked(desk: &Desk, okta: &str) -> String {
    let user = json!({"userName": "ana", "externalId": "00u1", "title": "Agent"});
    let id = desk.with(okta, "POST", "/scim/v2/Users", user).await.body["id"].as_str().unwrap().to_owned();
    let off = json!({"schemas": [PATCH], "Operations": [{"op": "remove", "path": "externalId"}]});
    assert_eq!(desk.local("PATCH", &format!("/scim/v2/Users/{id}"), off).await.status, 200);
    id
}

#[tokio::test]
async fn pushes_are_refused_with_the_reason_until_somebody_links_them_again() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = unlinked(&desk, &okta).await;
    let at = format!("/scim/v2/Users/{id}");
    let whole = json!({"userName": "ana", "externalId": "00u1", "title": "Boss", "active": false});
    for (method, body) in [("PUT", whole.clone()), ("PATCH", title("Boss")), ("DELETE", Value::Null)] {
        let refused = desk.with(&okta, method, &at, body).await;
        assert_eq!(refused.status, 403, "{method}");
        assert!(refused.text.contains("PRV-2014") && refused.text.contains("unlinked"), "{method}: {}", refused.text);
    }
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "PUT", "path": format!("/Users/{id}"), "data": whole}]});
    assert!(desk.with(&okta, "POST", "/scim/v2/Bulk", bulk).await.text.contains("PRV-2014"));
    // A look by our id, as before a usual push, is no assignment.
    assert_eq!(desk.with(&okta, "GET", &at, Value::Null).await.body["title"], "Agent");
    assert_eq!(desk.with(&okta, "PUT", &at, whole.clone()).await.status, 403);
    desk.local("GET", "/api/v1/tenants/default/log", Value::Null).await;
    let waiting = desk.local("GET", "/api/v1/tenants/default/conflicts", Value::Null).await;
    assert!(waiting.text.contains("PRV-2014"), "{}", waiting.text);
    assert_eq!(desk.local("PATCH", &at, title("Local")).await.body["title"], "Local", "an operator may");

    let link = format!("/api/v1/tenants/default/users/{id}/link");
    let since = desk.local("GET", &link, Value::Null).await.body;
    assert_eq!((&since["managed"], &since["unlinked"]["externalId"]), (&json!(false), &json!("00u1")));
    assert_eq!(desk.local("POST", &link, json!({})).await.status, 200);
    assert_eq!(desk.local("GET", &at, Value::Null).await.body["externalId"], "00u1");
    assert_eq!(desk.with(&okta, "PUT", &at, whole).await.status, 200);
    assert_eq!(desk.local("POST", &link, json!({})).await.status, 404, "not twice");
    assert_eq!(desk.local("GET", "/api/v1/check", Value::Null).await.body["data"], json!([]));
}

#[tokio::test]
async fn whoever_is_looked_up_and_changed_by_the_same_token_is_assigned_anew() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let (other, _) = desk.token("default", json!({"label": "Report"})).await;
    let id = unlinked(&desk, &okta).await;
    let at = format!("/scim/v2/Users/{id}");
    let (seek, all) = ("/scim/v2/Users?filter=userName%20eq%20%22ana%22", "/scim/v2/Users?count=10");
    let whole = json!({"userName": "ana", "externalId": "00u9", "title": "Boss"});
    // Who else looks, or looks at all, or looked long ago, assigns nobody.
    desk.with(&other, "GET", seek, Value::Null).await;
    desk.with(&okta, "GET", all, Value::Null).await;
    assert_eq!(desk.with(&okta, "PUT", &at, whole.clone()).await.status, 403);
    desk.with(&okta, "GET", seek, Value::Null).await;
    desk.clock.advance(601 * SECOND);
    assert_eq!(desk.with(&okta, "PUT", &at, whole.clone()).await.status, 403);
    desk.with(&okta, "GET", seek, Value::Null).await;
    assert_eq!(desk.with(&okta, "PUT", &at, whole.clone()).await.status, 200);
    let log = desk.local("GET", "/api/v1/tenants/default/log?method=PUT&limit=1", Value::Null).await;
    let entry = format!("/api/v1/tenants/default/log/{}", log.body["data"][0]["seq"]);
    let entry = desk.local("GET", &entry, Value::Null).await;
    assert!(entry.text.contains("matched anew"), "{}", entry.text);
    assert_eq!(desk.with(&okta, "PATCH", &at, title("Chief")).await.status, 200, "managed as before");
}

#[tokio::test]
async fn a_create_that_may_take_accounts_over_takes_them_on_anew() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = unlinked(&desk, &okta).await;
    let user = json!({"userName": "ana", "externalId": "00u2"});
    assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", user.clone()).await.status, 409);
    let rule = json!({"settings": {"adoption": "userName"}});
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/default", rule).await.status, 200);
    let made = desk.with(&okta, "POST", "/scim/v2/Users", user).await;
    assert_eq!((made.status, made.body["id"].as_str()), (201, Some(id.as_str())), "{}", made.text);
    assert_eq!(desk.with(&okta, "PATCH", &format!("/scim/v2/Users/{id}"), title("x")).await.status, 200);
}
