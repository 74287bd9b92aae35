//! Who may do what: every route without a token, with one of another tenant, with one of a smaller scope.

use crate::desk::{Desk, SECOND, request};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use server::Peer;

/// Every route of the admin API with every method that it takes.
const API: &[(&str, &str)] = &[
    ("GET", "/status"),
    ("GET", "/check"),
    ("POST", "/demo/reset"),
    ("POST", "/backup"),
    ("GET", "/tokens"),
    ("POST", "/tokens/admin"),
    ("PATCH", "/tokens/x"),
    ("DELETE", "/tokens/x"),
    ("GET", "/operators"),
    ("POST", "/operators"),
    ("POST", "/operators/setup-link"),
    ("PATCH", "/operators/x"),
    ("DELETE", "/operators/x"),
    ("POST", "/operators/x/link"),
    ("GET", "/audit"),
    ("GET", "/audit/verify"),
    ("GET", "/tenants"),
    ("POST", "/tenants"),
    ("GET", "/tenants/default"),
    ("PATCH", "/tenants/default"),
    ("DELETE", "/tenants/default"),
    ("GET", "/tenants/default/settings-file"),
    ("PUT", "/tenants/default/settings-file"),
    ("POST", "/tenants/default/settings-file/diff"),
    ("GET", "/tenants/default/switches"),
    ("PATCH", "/tenants/default/switches"),
    ("GET", "/tenants/default/tokens"),
    ("POST", "/tenants/default/tokens"),
    ("PATCH", "/tenants/default/tokens/x"),
    ("DELETE", "/tenants/default/tokens/x"),
    ("POST", "/tenants/default/tokens/x/rotate"),
    ("GET", "/tenants/default/attributes"),
    ("POST", "/tenants/default/attributes"),
    ("PATCH", "/tenants/default/attributes/x"),
    ("DELETE", "/tenants/default/attributes/x"),
    ("POST", "/tenants/default/attributes/x/move"),
    ("PUT", "/tenants/default/attributes/x/accepted"),
    ("GET", "/tenants/default/attributes-never-received"),
    ("POST", "/tenants/default/attributes/x/archive"),
    ("GET", "/tenants/default/archived-attributes"),
    ("DELETE", "/tenants/default/archived-attributes/x"),
    ("POST", "/tenants/default/archived-attributes/x/preview"),
    ("POST", "/tenants/default/archived-attributes/x/restore"),
    ("GET", "/tenants/default/users/x/archived-values"),
    ("GET", "/tenants/default/groups/x/absent-members"),
    ("DELETE", "/tenants/default/groups/x/absent-members"),
    ("GET", "/tenants/default/resource-types"),
    ("POST", "/tenants/default/resource-types"),
    ("DELETE", "/tenants/default/resource-types/x"),
    ("GET", "/tenants/default/log"),
    ("GET", "/tenants/default/log/1"),
    ("POST", "/tenants/default/log/1/rehearsal"),
    ("GET", "/tenants/default/log-counts"),
    ("GET", "/tenants/default/report"),
    ("GET", "/tenants/default/changes"),
    ("GET", "/tenants/default/export"),
    ("POST", "/tenants/default/import"),
    ("POST", "/tenants/default/samples"),
    ("GET", "/tenants/default/imports"),
    ("POST", "/tenants/default/imports"),
    ("GET", "/tenants/default/imports/x"),
    ("POST", "/tenants/default/imports/x"),
    ("DELETE", "/tenants/default/imports/x"),
    ("GET", "/tenants/default/views"),
    ("PUT", "/tenants/default/views"),
    ("DELETE", "/tenants/default/views"),
    ("GET", "/tenants/default/conflicts"),
    ("POST", "/tenants/default/conflicts/bulk"),
    ("POST", "/tenants/default/conflicts/dismiss"),
    ("POST", "/tenants/default/conflicts/link"),
    ("GET", "/tenants/default/jobs"),
    ("POST", "/tenants/default/jobs"),
    ("GET", "/tenants/default/jobs/1"),
    ("DELETE", "/tenants/default/jobs/1"),
    ("GET", "/tenants/default/jobs/1/failures"),
    ("POST", "/tenants/default/jobs/1/retry"),
    ("GET", "/tenants/default/setup-links"),
    ("POST", "/tenants/default/setup-links"),
    ("DELETE", "/tenants/default/setup-links/x"),
    ("GET", "/tenants/default/saml/connections"),
    ("POST", "/tenants/default/saml/connections"),
    ("GET", "/tenants/default/saml/connections/x"),
    ("PATCH", "/tenants/default/saml/connections/x"),
    ("DELETE", "/tenants/default/saml/connections/x"),
    ("POST", "/tenants/default/saml/metadata"),
    ("GET", "/tenants/default/saml/keys"),
    ("POST", "/tenants/default/saml/keys"),
    ("DELETE", "/tenants/default/saml/keys/x"),
    ("POST", "/tenants/default/saml/keys/x/promote"),
    ("GET", "/tenants/default/apps/x/saml"),
    ("PATCH", "/tenants/default/apps/x/saml"),
    ("POST", "/tenants/default/apps/x/saml/metadata"),
    ("GET", "/tenants/default/apps/x/saml/preview"),
    ("GET", "/tenants/default/idp/keys"),
    ("POST", "/tenants/default/idp/keys"),
    ("DELETE", "/tenants/default/idp/keys/x"),
    ("POST", "/tenants/default/idp/keys/x/promote"),
    ("POST", "/tenants/default/users/x/sign-in-link"),
    ("DELETE", "/tenants/default/users/x/password"),
    ("GET", "/tenants/default/oidc/clients"),
    ("POST", "/tenants/default/oidc/clients"),
    ("GET", "/tenants/default/oidc/clients/x"),
    ("PATCH", "/tenants/default/oidc/clients/x"),
    ("DELETE", "/tenants/default/oidc/clients/x"),
    ("POST", "/tenants/default/oidc/clients/x/secret"),
    ("GET", "/tenants/default/oidc/keys"),
    ("POST", "/tenants/default/oidc/keys"),
    ("DELETE", "/tenants/default/oidc/keys/x"),
    ("POST", "/tenants/default/oidc/keys/x/promote"),
    ("GET", "/tenants/default/users"),
    ("GET", "/tenants/default/users/x/status"),
    ("PUT", "/tenants/default/users/x/status"),
    ("GET", "/tenants/default/apps"),
    ("POST", "/tenants/default/apps"),
    ("GET", "/tenants/default/apps/x"),
    ("PATCH", "/tenants/default/apps/x"),
    ("DELETE", "/tenants/default/apps/x"),
    ("PUT", "/tenants/default/apps/x/credential"),
    ("POST", "/tenants/default/apps/x/grant"),
    ("DELETE", "/tenants/default/apps/x/grant"),
    ("POST", "/tenants/default/apps/x/duplicate"),
    ("POST", "/tenants/default/apps/x/test"),
    ("POST", "/tenants/default/apps/x/preview"),
    ("POST", "/tenants/default/apps/x/provision"),
    ("POST", "/tenants/default/apps/x/effect"),
    ("GET", "/tenants/default/apps/x/assignments"),
    ("POST", "/tenants/default/apps/x/assignments"),
    ("DELETE", "/tenants/default/apps/x/assignments/user/y"),
    ("GET", "/tenants/default/apps/x/push-groups"),
    ("POST", "/tenants/default/apps/x/push-groups"),
    ("GET", "/tenants/default/apps/x/push-groups/y"),
    ("DELETE", "/tenants/default/apps/x/push-groups/y"),
    ("POST", "/tenants/default/apps/x/push-groups/y/push"),
    ("POST", "/tenants/default/apps/x/push-rules"),
    ("POST", "/tenants/default/apps/x/push-rules/preview"),
    ("DELETE", "/tenants/default/apps/x/push-rules/1"),
    ("GET", "/tenants/default/config"),
    ("POST", "/tenants/default/config/diff"),
    ("GET", "/tenants/default/plans"),
    ("POST", "/tenants/default/plans"),
    ("GET", "/tenants/default/plans/1"),
    ("DELETE", "/tenants/default/plans/1"),
    ("POST", "/tenants/default/plans/1/approve"),
    ("POST", "/tenants/default/plans/1/apply"),
    ("GET", "/tenants/default/apps/x/links"),
    ("GET", "/tenants/default/apps/x/links/1"),
    ("GET", "/tenants/default/apps/x/tasks"),
    ("GET", "/tenants/default/roles"),
    ("GET", "/tenants/default/users/x/roles"),
    ("GET", "/tenants/default/users/x/link"),
    ("POST", "/tenants/default/users/x/link"),
    ("GET", "/tenants/default/groups/x/roles"),
    ("PUT", "/tenants/default/groups/x/roles"),
    ("POST", "/tenants/default/groups/x/roles/preview"),
    ("POST", "/tenants/default/apps/x/tasks/ignore"),
    ("POST", "/tenants/default/apps/x/tasks/recall"),
    ("POST", "/tenants/default/apps/x/retry"),
    ("POST", "/tenants/default/apps/x/held/approve"),
    ("POST", "/tenants/default/apps/x/held/drop"),
    ("GET", "/tenants/default/apps/x/exchanges"),
    ("GET", "/tenants/default/apps/x/runs"),
    ("POST", "/tenants/default/apps/x/runs"),
    ("GET", "/tenants/default/apps/x/runs/1"),
    ("DELETE", "/tenants/default/apps/x/runs/1"),
    ("POST", "/tenants/default/apps/x/runs/1/resume"),
    ("GET", "/tenants/default/apps/x/runs/1/items"),
    ("POST", "/tenants/default/apps/x/runs/1/items/1"),
];

/// Every SCIM route with every method, for the ids of one user and one group.
fn scim_routes(user: &str, group: &str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (endpoint, id) in [("Users", user), ("Groups", group)] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            all.push((method, format!("/{endpoint}/{id}")));
        }
        all.push(("GET", format!("/{endpoint}")));
        all.push(("POST", format!("/{endpoint}")));
        all.push(("POST", format!("/{endpoint}/.search")));
    }
    for path in ["/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/", "/Me"] {
        all.push(("GET", path.to_owned()));
    }
    all.push(("POST", "/Bulk".to_owned()));
    all.push(("POST", "/.search".to_owned()));
    all
}

#[tokio::test]
async fn the_api_routes_listed_here_are_all() {
    let source = include_str!("../../src/api.rs");
    let routed = source.lines().filter(|line| line.trim_start().starts_with(".route(\"")).count();
    let mut listed: Vec<_> = API.iter().map(|(_, path)| path).collect();
    listed.dedup();
    assert_eq!(routed, listed.len(), "a route was added or taken away: list it above");
}

#[tokio::test]
async fn nothing_without_a_token() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    for (method, path) in API {
        let path = format!("/api/v1{path}");
        assert_eq!(desk.send(None, request(method, &path, None, &json!({}))).await.status, 401, "{method} {path}");
        let answer = desk.with(&token, method, &path, json!({})).await;
        assert_eq!(answer.status, 403, "a SCIM token is no administrator: {method} {path}");
        assert_eq!(answer.body["error"]["code"], "PRV-2004");
    }
    for (method, path) in scim_routes("x", "x") {
        let path = format!("/scim/v2{path}");
        let answer = desk.send(None, request(method, &path, None, &json!({}))).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.body["status"], "401");
        assert_eq!(answer.headers["content-type"], "application/scim+json; charset=utf-8");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn who_tries_tokens_is_slowed_down_and_good_ones_are_not() {
    let desk = Desk::new();
    let (good, _) = desk.token("default", json!({"label": "Okta"})).await;
    let (revoked, id) = desk.token("default", json!({"label": "old"})).await;
    assert_eq!(desk.local("DELETE", &format!("/api/v1/tenants/default/tokens/{id}"), Value::Null).await.status, 200);
    let from = |address: [u8; 4]| Some(Peer::Remote((address, 40_000).into()));
    let show = async |address: [u8; 4], path: &str, token: &str| {
        desk.send(from(address), request("GET", path, Some(token), &Value::Null)).await
    };
    let other = desk.local("POST", "/api/v1/tenants", json!({"name": "other"})).await;
    assert_eq!(other.status, 201, "{}", other.text);
    let (foreign, _) = desk.token("other", json!({"label": "theirs"})).await;
    let (strange, _) = Desk::new().token("default", json!({"label": "of another server"})).await;
    let near = [192, 0, 2, 1];
    for at in 0..10 {
        let (path, token) = match at % 3 {
            0 => ("/scim/v2/Users", strange.as_str()),
            1 => ("/scim/v2/Users", "pv_mistyped"),
            _ => ("/api/v1/status", "nonsense"),
        };
        assert_eq!(show(near, path, token).await.status, 401, "{at}");
    }
    let slowed = show(near, "/scim/v2/Users", &strange).await;
    assert_eq!((slowed.status, slowed.headers["retry-after"].to_str().unwrap()), (429, "60"), "{}", slowed.text);
    assert!(slowed.text.contains("PRV-3011"), "{}", slowed.text);
    assert_eq!(show(near, "/api/v1/status", "nonsense").await.status, 429);
    assert_eq!(show(near, "/scim/v2/Users", &good).await.status, 200, "a good one is not held up");
    assert_eq!(
        show(near, "/scim/v2/Users", &foreign).await.status,
        401,
        "nor is one of another tenant, which is refused"
    );
    let ended = show(near, "/scim/v2/Users", &revoked).await;
    assert_eq!(ended.status, 401, "who has a token that has ended hears that: {}", ended.text);
    assert_eq!(show([192, 0, 2, 2], "/scim/v2/Users", &strange).await.status, 401, "from elsewhere");
    desk.clock.advance(60 * SECOND);
    assert_eq!(show(near, "/scim/v2/Users", &strange).await.status, 401, "a minute later");
}

#[tokio::test]
async fn how_fast_a_token_may_be_is_said_by_its_own_tenant() {
    let desk = Desk::new();
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "slow"})).await.status, 201);
    let slow = json!({"settings": {"ratePerSecond": 1, "rateBurst": 1}});
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/slow", slow).await.status, 200);
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let admin = desk.local("POST", "/api/v1/tokens/admin", json!({"label": "script"})).await;
    let admin = admin.body["token"].as_str().unwrap().to_owned();
    // Wherever it is shown first.
    assert_eq!(desk.with(&token, "GET", "/t/slow/scim/v2/Users", Value::Null).await.status, 401);
    for _ in 0..3 {
        assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
        assert_eq!(desk.with(&admin, "GET", "/t/slow/scim/v2/Users", Value::Null).await.status, 200);
    }
    let (theirs, _) = desk.token("slow", json!({"label": "Okta"})).await;
    assert_eq!(desk.with(&theirs, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    assert_eq!(desk.with(&theirs, "GET", "/api/v1/status", Value::Null).await.status, 403);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(desk.with(&theirs, "GET", "/t/slow/scim/v2/Users", Value::Null).await.status);
    }
    assert_eq!(told, [200, 429]);
}

#[tokio::test]
async fn nothing_of_another_tenant() {
    let desk = Desk::new();
    for name in ["one", "two"] {
        assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": name})).await.status, 201);
    }
    let (mine, _) = desk.token("one", json!({"label": "mine"})).await;
    let user = desk.local("POST", "/t/two/scim/v2/Users", json!({"userName": "u"})).await.body["id"].clone();
    let members = json!({"displayName": "g", "members": [{"value": user}]});
    let group = desk.local("POST", "/t/two/scim/v2/Groups", members).await.body["id"].clone();
    let (user, group) = (user.as_str().unwrap(), group.as_str().unwrap());
    for (method, path) in scim_routes(user, group) {
        let theirs = desk.with(&mine, method, &format!("/t/two/scim/v2{path}"), json!({})).await;
        assert_eq!(theirs.status, 401, "{method} {path}: {}", theirs.text);
        if path.ends_with(user) || path.ends_with(group) {
            let body = json!({"userName": "x", "displayName": "x", "Operations": []});
            let answer = desk.with(&mine, method, &format!("/t/one/scim/v2{path}"), body).await;
            assert_eq!(answer.status, 404, "another tenant's id is unknown here: {method} {path}: {}", answer.text);
        }
    }
    let stolen = json!({"displayName": "g", "members": [{"value": user}]});
    let made = desk.with(&mine, "POST", "/t/one/scim/v2/Groups", stolen).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["members"], json!([]), "another tenant's user is no member: {}", made.text);
    let left = desk.local("GET", "/t/two/scim/v2/Users", Value::Null).await;
    assert_eq!(left.body["totalResults"], 1);
}

#[tokio::test]
async fn a_scope_is_kept_to() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "reader", "scope": "users:read"})).await;
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    for (method, path) in [("POST", "/scim/v2/Users"), ("GET", "/scim/v2/Groups"), ("POST", "/scim/v2/Groups")] {
        let answer = desk.with(&token, method, path, json!({"userName": "u", "displayName": "g"})).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        assert!(answer.body["detail"].as_str().unwrap().contains("PRV-2004"), "{}", answer.text);
    }
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "b"}}]});
    let answer = desk.with(&token, "POST", "/scim/v2/Bulk", bulk).await;
    assert_eq!(answer.body["Operations"][0]["status"], "403", "{}", answer.text);
}

#[tokio::test]
async fn a_switched_off_operation_names_its_switch() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = desk.user("adam").await;
    let set = desk.local("PATCH", "/api/v1/tenants/default/switches", json!({"users": {"update": false}})).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let path = format!("/scim/v2/Users/{id}");
    for (method, body) in [
        ("PUT", json!({"userName": "eve"})),
        ("PATCH", json!({"Operations": [{"op": "replace", "value": {"active": false}}]})),
    ] {
        let answer = desk.with(&token, method, &path, body).await;
        assert_eq!(answer.status, 403);
        assert!(answer.body["detail"].as_str().unwrap().contains("users.update"), "{}", answer.text);
    }
    let config = desk.with(&token, "GET", "/scim/v2/ServiceProviderConfig", Value::Null).await;
    assert_eq!(config.body["patch"]["supported"], true, "groups can still be patched");
    let users = desk.with(&token, "GET", "/scim/v2/ResourceTypes/User", Value::Null).await;
    assert!(users.body["description"].as_str().unwrap().ends_with("(switched off: update)"), "{}", users.text);
}

#[tokio::test]
async fn who_the_server_is_asked_for_by_does_not_matter() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let odd = Request::builder()
        .uri("/scim/v2/Users")
        .header("host", "evil.example/\"><script>")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(desk.send(None, odd).await.status, 400);
}
