//! Tokens: typing errors, scopes, expiry, rotation with overlap, revocation, and what is kept about their use.

use crate::client::Request;
use crate::harness::{GROUP, Server, Tenant, USER, id, token_of, unique};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn status(tenant: &Tenant<'_>, token: &str) -> u16 {
    tenant.with_token(token).get("/Users?count=0").status
}

#[test]
fn a_mistyped_token_is_told_apart_from_a_wrong_one() {
    let tenant = Server::shared().tenant();
    let token = tenant.token.clone();
    assert!(token.starts_with("pv_"), "a prefix that scanners know");
    let mut typo = token.clone();
    let last = typo.pop().unwrap();
    typo.push(if last == 'a' { 'b' } else { 'a' });
    let mistyped = tenant.with_token(&typo).get("/Users").expect_error(401);
    assert!(mistyped["detail"].as_str().unwrap().contains("PRV-2003"), "{mistyped}");
    let cut = tenant.with_token(&token[..token.len() - 4]).get("/Users").expect_error(401);
    assert!(cut["detail"].as_str().unwrap().contains("PRV-2003"), "{cut}");
    assert!(!mistyped.to_string().contains(&typo), "the token is never shown");
    let foreign = tenant.with_token("eyJhbGciOi.something.else").get("/Users").expect_error(401);
    assert!(foreign["detail"].as_str().unwrap().contains("PRV-2001"), "{foreign}");
}

#[test]
fn scopes_of_users_and_groups_times_read_and_write() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("scope@x.test", json!({}));
    let group = tenant.group("Scope", &[]);
    for scope in
        ["users:read", "users:read,users:write", "groups:read", "groups:read,groups:write", "users:read,groups:read"]
    {
        let scoped = tenant.with_token(&tenant.new_token(json!({ "label": scope, "scope": scope })));
        let name = unique();
        let patch = json!([{ "op": "replace", "path": "externalId", "value": name.to_string() }]);
        let cases = [
            ("users:read", scoped.get(&format!("/Users/{}", id(&user)))),
            ("users:read", scoped.get("/Users")),
            (
                "users:write",
                scoped.post("/Users", &json!({ "schemas": [USER], "userName": format!("s{name}@x.test") })),
            ),
            ("users:write", scoped.patch(&format!("/Users/{}", id(&user)), &patch)),
            ("groups:read", scoped.get(&format!("/Groups/{}", id(&group)))),
            ("groups:read", scoped.get("/Groups")),
            ("groups:write", scoped.post("/Groups", &json!({ "schemas": [GROUP], "displayName": format!("S{name}") }))),
            ("groups:write", scoped.patch(&format!("/Groups/{}", id(&group)), &patch)),
        ];
        for (need, answer) in cases {
            if scope.split(',').any(|part| part == need) {
                assert!(answer.status < 300, "{scope} for {need}: {} {}", answer.status, answer.text());
            } else {
                assert_eq!(answer.status, 403, "{scope} for {need}: {}", answer.text());
                assert!(answer.expect_error(403)["detail"].as_str().unwrap().contains("PRV-2004"));
            }
        }
        scoped.get("/ServiceProviderConfig").expect(200);
    }
}

#[test]
fn a_query_over_all_types_stays_in_the_scope() {
    let tenant = Server::shared().tenant();
    tenant.user("private@x.test", json!({}));
    let scoped = tenant.with_token(&tenant.new_token(json!({ "label": "g", "scope": "groups:read" })));
    let answer =
        scoped.post("/.search", &json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] }));
    assert!(!answer.text().contains("private@x.test"), "{}", answer.text());
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": { "schemas": [USER], "userName": "b@x.test" } }
    ] });
    let answer = scoped.post("/Bulk", &bulk);
    assert!(answer.status == 403 || answer.json()["Operations"][0]["status"] == "403", "{}", answer.text());
}

#[test]
fn a_token_expires() {
    let tenant = Server::shared().tenant();
    let token = tenant.new_token(json!({ "label": "short", "expiresIn": 1 }));
    assert_eq!(status(&tenant, &token), 200);
    let deadline = Instant::now() + Duration::from_secs(5);
    while status(&tenant, &token) == 200 {
        assert!(Instant::now() < deadline, "it never expires");
        std::thread::sleep(Duration::from_millis(50));
    }
    let error = tenant.with_token(&token).get("/Users").expect_error(401);
    assert!(error["detail"].as_str().unwrap().contains("PRV-2002"), "{error}");
}

#[test]
fn rotation_with_overlap() {
    let tenant = Server::shared().tenant();
    let made = tenant.admin("POST", "/tokens", json!({ "label": "rotates" }));
    let (old, token_id) = (token_of(&made), made.json()["id"].as_str().expect("an id").to_owned());
    let rotated = tenant.admin("POST", &format!("/tokens/{token_id}/rotate"), json!({ "overlapSeconds": 2 }));
    let new = token_of(&rotated);
    assert_ne!(old, new);
    assert_eq!((status(&tenant, &old), status(&tenant, &new)), (200, 200), "both during the overlap");
    let deadline = Instant::now() + Duration::from_secs(6);
    while status(&tenant, &old) == 200 {
        assert!(Instant::now() < deadline, "the old one never ends");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((status(&tenant, &old), status(&tenant, &new)), (401, 200));
}

#[test]
fn a_revoked_token_ends_at_once() {
    let tenant = Server::shared().tenant();
    let made = tenant.admin("POST", "/tokens", json!({ "label": "revoked" }));
    let (token, token_id) = (token_of(&made), made.json()["id"].as_str().expect("an id").to_owned());
    assert_eq!(status(&tenant, &token), 200);
    let answer = tenant.admin("DELETE", &format!("/tokens/{token_id}"), Value::Null);
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
    assert_eq!(status(&tenant, &token), 401);
    assert_eq!(status(&tenant, &tenant.token), 200, "the others go on");
}

#[test]
fn the_use_of_a_token_is_kept_and_the_token_is_not() {
    let server = Server::shared();
    let tenant = server.tenant();
    let token = tenant.new_token(json!({ "label": "watched" }));
    let request = Request::new("GET", format!("{}/Users", tenant.prefix))
        .bearer(&token)
        .header("User-Agent", "Okta SCIM Client 1.0.0");
    tenant.send(&request).expect(200);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let listed = tenant.admin("GET", "/tokens", Value::Null).expect(200);
        assert!(!listed.text().contains(&token), "only a hash is kept");
        let listed = listed.json();
        let own = listed["data"].as_array().unwrap().iter().find(|token| token["label"] == "watched").cloned().unwrap();
        if own.to_string().contains("Okta SCIM Client 1.0.0") && own.to_string().contains("127.0.0.1") {
            return;
        }
        assert!(Instant::now() < deadline, "the use never shows up: {own}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_administrators_token_may_act_in_every_tenant() {
    let server = Server::shared();
    let admin = server.admin_token();
    assert!(admin.starts_with("pva_"));
    let tenant = server.tenant();
    tenant.user("adm@x.test", json!({}));
    assert_eq!(tenant.with_token(&admin).read("/Users")["totalResults"], 1);
    let api = server.send(&Request::new("GET", "/api/v1/tenants").bearer(&admin)).unwrap();
    assert_eq!(api.status, 200, "{}", api.text());
    for token in [Some(tenant.token.as_str()), None] {
        let mut request = Request::new("GET", "/api/v1/tenants");
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let refused = server.send(&request).unwrap();
        assert!(matches!(refused.status, 401 | 403), "a SCIM token is no administrator: {}", refused.status);
        assert!(
            refused.json()["error"]["code"].as_str().is_some_and(|code| code.starts_with("PRV-")),
            "{}",
            refused.text()
        );
    }
}
