//! Two tenants see nothing of each other, on any route, with any token.

use crate::client::Request;
use crate::harness::{Server, Tenant, USER, id};
use serde_json::{Value, json};

/// Every route with a body that would do something, were it let in.
fn routes(user: &str, group: &str) -> Vec<(&'static str, String, Value)> {
    let patch = json!({ "Operations": [{ "op": "replace", "path": "externalId", "value": "stolen" }] });
    let member = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": user }] }] });
    let put = json!({ "schemas": [USER], "userName": "stolen@x.test" });
    let group_put = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Stolen" });
    let bulk = json!({ "Operations": [{ "method": "DELETE", "path": format!("/Users/{user}") }] });
    vec![
        ("GET", "/Users".into(), Value::Null),
        ("POST", "/Users".into(), put.clone()),
        ("POST", "/Users/.search".into(), json!({})),
        ("GET", format!("/Users/{user}"), Value::Null),
        ("PUT", format!("/Users/{user}"), put),
        ("PATCH", format!("/Users/{user}"), patch.clone()),
        ("DELETE", format!("/Users/{user}"), Value::Null),
        ("GET", "/Groups".into(), Value::Null),
        ("POST", "/Groups".into(), group_put.clone()),
        ("POST", "/Groups/.search".into(), json!({})),
        ("GET", format!("/Groups/{group}"), Value::Null),
        ("PUT", format!("/Groups/{group}"), group_put),
        ("PATCH", format!("/Groups/{group}"), patch),
        ("PATCH", format!("/Groups/{group}"), member),
        ("DELETE", format!("/Groups/{group}"), Value::Null),
        ("POST", "/Bulk".into(), bulk),
        ("POST", "/.search".into(), json!({})),
        ("GET", "/".into(), Value::Null),
        ("GET", "/Me".into(), Value::Null),
        ("GET", "/ServiceProviderConfig".into(), Value::Null),
        ("GET", "/ResourceTypes".into(), Value::Null),
        ("GET", "/ResourceTypes/User".into(), Value::Null),
        ("GET", "/Schemas".into(), Value::Null),
        ("GET", format!("/Schemas/{USER}"), Value::Null),
    ]
}

fn state(tenant: &Tenant<'_>) -> Value {
    json!([tenant.read("/Users"), tenant.read("/Groups")])
}

fn furnished() -> (Tenant<'static>, String, String) {
    let tenant = Server::shared().tenant();
    let user = id(&tenant.user("own@x.test", json!({ "externalId": "own" }))).to_owned();
    let group = id(&tenant.group("Own", &[&user])).to_owned();
    (tenant, user, group)
}

#[test]
fn a_token_opens_its_own_tenant_only() {
    let (a, user, group) = furnished();
    let (b, ..) = furnished();
    let before = state(&a);
    let default = Tenant { prefix: "/scim/v2".into(), ..b.clone() };
    for (method, path, body) in routes(&user, &group) {
        for tenant in [&Tenant { prefix: a.prefix.clone(), ..b.clone() }, &default] {
            let mut request = tenant.request(method, &path);
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = tenant.send(&request);
            assert!(matches!(answer.status, 401 | 403 | 404), "{method} {}: {}", request.target, answer.status);
            assert!(!answer.text().contains("own@x.test"), "{}", answer.text());
        }
    }
    assert_eq!(state(&a), before);
}

#[test]
fn the_ids_of_one_tenant_mean_nothing_in_another() {
    let (a, user, group) = furnished();
    let (b, ..) = furnished();
    let before = state(&a);
    for (method, path, body) in routes(&user, &group) {
        let named = path.contains(&user) || path.contains(&group);
        let mut request = b.request(method, &path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = b.send(&request);
        if named {
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
        assert!(!answer.text().contains(&a.prefix), "{method} {path}: {}", answer.text());
    }
    assert_eq!(state(&a), before);
    let filters = [format!("id eq \"{user}\""), "externalId eq \"own\"".into(), "groups.display eq \"Own\"".into()];
    for filter in filters {
        for found in b.find("/Users", &filter) {
            assert_ne!(found["id"], user.as_str(), "{filter}");
        }
    }
}

#[test]
fn an_unknown_tenant_gives_nothing_away() {
    let (a, ..) = furnished();
    for prefix in ["/t/no-such-tenant/scim/v2", "/t//scim/v2", "/t/..%2fdefault/scim/v2"] {
        let known = Tenant { prefix: prefix.to_owned(), ..a.clone() };
        let answer = known.get("/Users");
        assert!(matches!(answer.status, 401 | 404), "{prefix}: {} {}", answer.status, answer.text());
        answer.clone().expect_error(answer.status);
        let stranger = known.send(&Request::new("GET", format!("{prefix}/Users")));
        assert!(matches!(stranger.status, 401 | 404), "{prefix}: {}", stranger.status);
    }
}

#[test]
fn a_deleted_tenant_is_gone() {
    let (a, ..) = furnished();
    let gone = a.admin("DELETE", "", Value::Null);
    assert!(matches!(gone.status, 200 | 204), "{}", gone.text());
    assert!(matches!(a.get("/Users").status, 401 | 404));
    let again = Server::shared().tenant_named(&a.name);
    assert_eq!(again.read("/Users")["totalResults"], 0, "nothing of the old one");
    assert!(matches!(again.with_token(&a.token).get("/Users").status, 401), "nor its tokens");
}
