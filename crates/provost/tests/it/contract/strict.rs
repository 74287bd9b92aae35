//! A strict tenant takes the letter of the RFCs, and each leniency is a switch of its own.

use crate::harness::{ENTERPRISE, Server, Tenant, USER, id};
use serde_json::{Value, json};

const NAMES: [&str; 18] = [
    "op_any_case",
    "boolean_strings",
    "numbers_for_strings",
    "scalar_for_complex",
    "object_for_array",
    "array_for_single",
    "keys_as_paths",
    "empty_string_unassigns",
    "create_missing_element",
    "remove_listed_values",
    "unknown_attributes_dropped",
    "unknown_schemas_ignored",
    "read_only_ignored",
    "unknown_members_dropped",
    "bare_extension_names",
    "message_schema_optional",
    "bulk_id_optional",
    "bare_token",
];

fn strict() -> Tenant<'static> {
    let tenant = Server::shared().tenant();
    let off: serde_json::Map<String, Value> = NAMES.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
    tenant.settings(json!({ "dialect": off }));
    tenant
}

#[test]
fn what_lenient_tenants_take_a_strict_one_refuses() {
    let tenant = strict();
    let base = |more: Value| {
        let mut body = json!({ "schemas": [USER, ENTERPRISE], "userName": "strict@x.test" });
        crate::harness::lay_over(&mut body, more);
        body
    };
    for body in [
        base(json!({ "unknown": 1 })),
        base(json!({ "active": "True" })),
        base(json!({ "externalId": 7 })),
        base(json!({ "emails": { "value": "x@x.test" } })),
        base(json!({ "name.givenName": "G" })),
        base(json!({ ENTERPRISE: { "manager": "text" } })),
        base(json!({ "schemas": [USER, "urn:unknown"] })),
        base(json!({ "schemas": "{absent}" })),
    ] {
        let answer = tenant.post("/Users", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        answer.expect_error(400);
    }
    let user = tenant.post("/Users", &json!({ "schemas": [USER], "userName": "strict@x.test" })).expect(201).json();
    let path = format!("/Users/{}", id(&user));
    for operations in [
        json!([{ "op": "Replace", "path": "title", "value": "T" }]),
        json!([{ "op": "replace", "path": "active", "value": "false" }]),
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@x.test" }]),
        json!([{ "op": "replace", "value": { "unknown": 1 } }]),
        json!([{ "op": "replace", "value": { "name.givenName": "G" } }]),
    ] {
        let answer = tenant.patch(&path, &operations);
        assert_eq!(answer.status, 400, "{operations}: {}", answer.text());
    }
    let no_urn = tenant.send(&tenant.request("PATCH", &path).json(&json!({ "Operations": [] })));
    assert_eq!(no_urn.status, 400, "{}", no_urn.text());
    let bare = crate::client::Request::new("GET", format!("{}/Users", tenant.prefix))
        .header("Authorization", tenant.token.clone());
    tenant.send(&bare).expect_error(401);
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G", "members": [{ "value": "nobody" }] });
    tenant.post("/Groups", &group).expect_error(400);
}

#[test]
fn a_strict_tenant_still_takes_the_letter() {
    let tenant = strict();
    let body = json!({ "schemas": [USER, ENTERPRISE], "userName": "letter@x.test", "active": true,
        "name": { "givenName": "G" }, "emails": [{ "value": "a@x.test", "type": "work" }],
        ENTERPRISE: { "manager": { "value": "nobody" } } });
    let user = tenant.post("/Users", &body).expect(201).json();
    let path = format!("/Users/{}", id(&user));
    let patched = tenant
        .patch(&path, &json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x.test" }]));
    assert_eq!(patched.expect(200).json()["emails"][0]["value"], "b@x.test");
    assert_eq!(tenant.put(&path, &tenant.read(&path)).expect(200).json()["userName"], "letter@x.test");
}

#[test]
fn one_leniency_alone_can_be_switched_off() {
    let tenant = Server::shared().tenant();
    tenant.settings(json!({ "dialect": { "boolean_strings": false } }));
    let body = |active: Value| json!({ "schemas": [USER], "userName": "one@x.test", "active": active, "unknown": 1 });
    tenant.post("/Users", &body(json!("true"))).expect_error(400);
    tenant.post("/Users", &body(json!(true))).expect(201);
}
