//! Create, Read, Update and Delete can be switched off per tenant, for users and for groups, and discovery says so.

use crate::client::Answer;
use crate::harness::{GROUP, Server, Tenant, USER, id};
use serde_json::{Value, json};

fn attempt(tenant: &Tenant<'_>, endpoint: &str, there: &str, operation: &str) -> Vec<(String, Answer)> {
    let (schema, name) = if endpoint == "/Users" { (USER, "userName") } else { (GROUP, "displayName") };
    let named = |text: &str| json!({ "schemas": [schema], name: text });
    let path = format!("{endpoint}/{there}");
    let patch = json!([{ "op": "replace", "path": "externalId", "value": "x" }]);
    let answers = match operation {
        "create" => vec![("POST", tenant.post(endpoint, &named("created@x.test")))],
        "read" => vec![
            ("GET one", tenant.get(&path)),
            ("GET list", tenant.get(endpoint)),
            ("POST .search", tenant.post(&format!("{endpoint}/.search"), &json!({}))),
        ],
        "update" => vec![("PUT", tenant.put(&path, &named("put@x.test"))), ("PATCH", tenant.patch(&path, &patch))],
        _ => vec![("DELETE", tenant.delete(&path))],
    };
    answers.into_iter().map(|(what, answer)| (format!("{what} {endpoint}"), answer)).collect()
}

#[test]
fn a_switched_off_operation_is_refused_by_name() {
    for (kind, endpoint) in [("users", "/Users"), ("groups", "/Groups")] {
        for operation in ["create", "read", "update", "delete"] {
            let tenant = Server::shared().tenant();
            let there =
                if kind == "users" { tenant.user("there@x.test", json!({})) } else { tenant.group("There", &[]) };
            tenant.admin("PATCH", "/switches", json!({ kind: { operation: false } })).expect(200);
            for (what, answer) in attempt(&tenant, endpoint, id(&there), operation) {
                assert_eq!(answer.status, 403, "{what}: {}", answer.text());
                let error = answer.expect_error(403);
                let detail = error["detail"].as_str().unwrap().to_ascii_lowercase();
                assert!(detail.contains(operation) && detail.contains(kind.trim_end_matches('s')), "{what}: {detail}");
            }
            for other in ["create", "read", "update", "delete"].iter().filter(|other| **other != operation) {
                for (what, answer) in attempt(&tenant, endpoint, id(&there), other) {
                    assert!(answer.status < 300, "{operation} is off, {what}: {} {}", answer.status, answer.text());
                }
            }
            let refused = super::log::log_until(&tenant, "?status=403", |entries| !entries.is_empty());
            assert_eq!(refused[0]["code"], "PRV-2005", "a refusal is logged: {refused:?}");
            tenant.admin("PATCH", "/switches", json!({ kind: { operation: true } })).expect(200);
        }
    }
}

#[test]
fn switches_are_shown_where_clients_look() {
    let tenant = Server::shared().tenant();
    let before = tenant.admin("GET", "/switches", Value::Null).expect(200).json();
    for kind in ["users", "groups"] {
        for operation in ["create", "read", "update", "delete"] {
            assert_eq!(before[kind][operation], true, "{before}");
        }
    }
    let discovery = |tenant: &Tenant<'_>| {
        [tenant.read("/ServiceProviderConfig").to_string(), tenant.read("/ResourceTypes").to_string()].concat()
    };
    let truth = discovery(&tenant);
    tenant
        .admin("PATCH", "/switches", json!({ "users": { "update": false }, "groups": { "update": false } }))
        .expect(200);
    assert_ne!(discovery(&tenant), truth, "discovery tells the truth about the switches");
    let config = tenant.read("/ServiceProviderConfig");
    assert_eq!(config["patch"]["supported"], false, "no update at all: no PATCH: {config}");
}

#[test]
fn bulk_keeps_to_the_switches() {
    let tenant = Server::shared().tenant();
    tenant.admin("PATCH", "/switches", json!({ "users": { "create": false } })).expect(200);
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": { "schemas": [USER], "userName": "b@x.test" } });
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation] });
    let answer = tenant.post("/Bulk", &body).expect(200).json();
    assert_eq!(answer["Operations"][0]["status"], "403", "{answer}");
    assert_eq!(tenant.read("/Users")["totalResults"], 0);
}

#[test]
fn a_query_over_all_types_shows_only_what_may_be_read() {
    let tenant = Server::shared().tenant();
    tenant.user("hidden@x.test", json!({}));
    tenant.group("Shown", &[]);
    tenant.admin("PATCH", "/switches", json!({ "users": { "read": false } })).expect(200);
    let answer =
        tenant.post("/.search", &json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] }));
    assert!(!answer.text().contains("hidden@x.test"), "{}", answer.text());
}

#[test]
fn a_setting_that_does_not_fit_is_named() {
    let tenant = Server::shared().tenant();
    for (settings, name, what) in [
        (json!({ "pageMax": "many" }), "pageMax", "a whole number"),
        (json!({ "pageDefault": 5, "pageMax": -1 }), "pageMax", "a whole number"),
        (json!({ "dialect": { "op_any_case": true, "bare_token": "perhaps" } }), "dialect.bare_token", "a boolean"),
        (json!({ "managerMatch": ["nobody"] }), "managerMatch", "`userName`"),
    ] {
        let answer = tenant.admin("PATCH", "", json!({ "settings": settings })).expect(400).json();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{name}: ")) && message.contains(what), "{settings}: {message}");
        assert!(!message.contains("perhaps") && !message.contains("nobody"), "{message}");
    }
}
