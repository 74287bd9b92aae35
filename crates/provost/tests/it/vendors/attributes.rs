//! The attributes of Okta's SCIM 2.0 app template, one by one: each lands where its external name says and
//! comes back from there, by POST, by PUT over our own GET body, and by PATCH.

use crate::harness::{Server, Tenant, USER, id, lay_over};
use serde_json::{Value, json};

const ROWS: &str = include_str!("okta/default_attributes.jsonl");

/// How many rows the template has.
const COUNT: usize = 39;

#[test]
fn every_default_attribute_lands_and_comes_back() {
    let tenant = Server::shared().tenant();
    // The manager of the rows about managers; its externalId is what the directory holds.
    tenant.user("boss@x.test", json!({ "displayName": "X", "externalId": "m-x" }));
    let mut count = 0;
    for line in ROWS.lines() {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        by_post(&tenant, &row);
        by_put_over_our_own_body(&tenant, &row);
        by_patch(&tenant, &row);
        count += 1;
    }
    assert_eq!(count, COUNT);
}

fn name(row: &Value) -> &str {
    row["variable"].as_str().expect("a row has its variable")
}

fn lands(tenant: &Tenant<'_>, row: &Value, user: &str, how: &str) {
    let shown = tenant.read(&format!("/Users/{user}"));
    for assertion in row["lands"].as_array().expect("a row says where it lands") {
        let pointer = assertion[0].as_str().expect("a JSON pointer");
        assert_eq!(shown.pointer(pointer), Some(&assertion[1]), "{} by {how}: {pointer} in {shown}", name(row));
    }
}

fn fresh(tenant: &Tenant<'_>, row: &Value, how: &str, more: Value) -> String {
    let user_name = format!("{}-{how}@x.test", name(row).replace([' ', '(', ')'], ""));
    let mut body = json!({ "schemas": [USER], "userName": user_name });
    lay_over(&mut body, more);
    let made = tenant.post("/Users", &body);
    assert_eq!(made.status, 201, "{} by {how}: {}", name(row), made.text());
    id(&made.json()).to_owned()
}

/// A `userName` that is in the row itself has to stay free for the other ways.
fn sent(row: &Value, how: &str) -> (Value, Value) {
    let (mut json, mut row) = (row["json"].clone(), row.clone());
    if let Some(user_name) = json["userName"].as_str().map(|user_name| format!("{how}{user_name}")) {
        json["userName"] = user_name.clone().into();
        row["lands"] = json!([["/userName", user_name]]);
    }
    (json, row)
}

fn by_post(tenant: &Tenant<'_>, row: &Value) {
    let (json, row) = sent(row, "post-");
    let user = fresh(tenant, &row, "post", json);
    lands(tenant, &row, &user, "POST");
}

fn by_put_over_our_own_body(tenant: &Tenant<'_>, row: &Value) {
    let (json, row) = sent(row, "put-");
    let user = fresh(tenant, &row, "put", json!({}));
    let mut body = tenant.read(&format!("/Users/{user}"));
    lay_over(&mut body, json);
    let put = tenant.put(&format!("/Users/{user}"), &body);
    assert_eq!(put.status, 200, "{} by PUT: {}", name(&row), put.text());
    lands(tenant, &row, &user, "PUT");
}

fn by_patch(tenant: &Tenant<'_>, row: &Value) {
    let (json, row) = sent(row, "patch-");
    let user = fresh(tenant, &row, "patch", json!({}));
    let patched = tenant.patch(&format!("/Users/{user}"), &json!([{ "op": "replace", "value": json }]));
    assert_eq!(patched.status, 200, "{} by PATCH: {}", name(&row), patched.text());
    lands(tenant, &row, &user, "PATCH");
}
