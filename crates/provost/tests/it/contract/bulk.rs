//! Bulk (RFC 7644 §3.7): references in any order, circles, failOnErrors, and answers one by one.

use crate::harness::{GROUP, Server, Tenant, USER, id, values};
use serde_json::{Value, json};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

#[track_caller]
fn bulk(tenant: &Tenant<'_>, fail_on_errors: Option<u64>, operations: Value) -> Vec<Value> {
    let mut body = json!({ "schemas": [REQUEST], "Operations": operations });
    if let Some(count) = fail_on_errors {
        body["failOnErrors"] = count.into();
    }
    let answer = tenant.post("/Bulk", &body).expect(200);
    answer.check_media_type();
    let answer = answer.json();
    assert_eq!(answer["schemas"], json!([RESPONSE]));
    answer["Operations"].as_array().expect("Operations").clone()
}

fn user(bulk_id: &str, name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": { "schemas": [USER], "userName": name } })
}

fn group(bulk_id: &str, name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({ "value": member })).collect();
    let data = json!({ "schemas": [GROUP], "displayName": name, "members": members });
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn made(operations: &[Value], bulk_id: &str) -> String {
    let operation = operations.iter().find(|operation| operation["bulkId"] == bulk_id).expect("answered");
    assert_eq!(operation["status"], "201", "{operation}");
    operation["location"].as_str().expect("a location").rsplit('/').next().expect("an id").to_owned()
}

#[test]
fn references_backwards_forwards_and_in_a_circle() {
    let tenant = Server::shared().tenant();
    let answer = bulk(
        &tenant,
        None,
        json!([
            group("g0", "Forward", &["bulkId:u1", "bulkId:u2"]),
            user("u1", "bulk1@x.test"),
            user("u2", "bulk2@x.test"),
            group("g1", "Circle A", &["bulkId:g2", "bulkId:u1"]),
            group("g2", "Circle B", &["bulkId:g1"])
        ]),
    );
    assert_eq!(answer.len(), 5);
    let (u1, u2, g1, g2) = (made(&answer, "u1"), made(&answer, "u2"), made(&answer, "g1"), made(&answer, "g2"));
    let mut both = vec![u1.clone(), u2];
    both.sort();
    assert_eq!(tenant.members(&made(&answer, "g0")), both);
    let mut circle = vec![g2.clone(), u1];
    circle.sort();
    assert_eq!(tenant.members(&g1), circle);
    assert_eq!(tenant.members(&g2), [g1]);
    for operation in &answer {
        assert!(operation["version"].as_str().is_some_and(|version| version.starts_with("W/")), "{operation}");
    }
}

#[test]
fn every_method_with_statuses_as_strings() {
    let tenant = Server::shared().tenant();
    let there = tenant.user("there@x.test", json!({}));
    let gone = tenant.user("gone@x.test", json!({}));
    let team = tenant.group("Team", &[]);
    let answer = bulk(
        &tenant,
        None,
        json!([
            user("u", "new@x.test"),
            { "method": "PUT", "path": format!("/Users/{}", id(&there)), "data": { "schemas": [USER], "userName": "there@x.test", "title": "Put" } },
            { "method": "PATCH", "path": format!("/Groups/{}", id(&team)),
              "data": { "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:u" }] }] } },
            { "method": "DELETE", "path": format!("/Users/{}", id(&gone)) },
            { "method": "PATCH", "path": "/Users/bulkId:u", "data": { "Operations": [{ "op": "replace", "path": "title", "value": "Bulk" }] } }
        ]),
    );
    let statuses: Vec<&str> = answer.iter().map(|operation| operation["status"].as_str().expect("a string")).collect();
    assert_eq!(statuses, ["201", "200", "204", "204", "200"], "{answer:?}");
    let new = made(&answer, "u");
    assert_eq!(tenant.read(&format!("/Users/{new}"))["title"], "Bulk");
    assert_eq!(values(&tenant.read(&format!("/Groups/{}", id(&team)))["members"]), [new]);
    assert_eq!(tenant.read(&format!("/Users/{}", id(&there)))["title"], "Put");
    tenant.get(&format!("/Users/{}", id(&gone))).expect_error(404);
}

#[test]
fn one_failure_is_one_failure() {
    let tenant = Server::shared().tenant();
    tenant.user("taken@x.test", json!({}));
    let operations = json!([
        user("a", "a@x.test"),
        user("b", "TAKEN@x.test"),
        { "method": "POST", "path": "/Users", "bulkId": "c", "data": { "schemas": [USER] } },
        { "method": "DELETE", "path": "/Users/none" },
        group("g", "Broken reference", &["bulkId:b"]),
        user("d", "d@x.test")
    ]);
    let answer = bulk(&tenant, None, operations);
    let status = |n: usize| answer[n]["status"].as_str().expect("a string").to_owned();
    assert_eq!(answer.len(), 6, "{answer:?}");
    assert_eq!([status(0), status(1), status(2), status(3), status(5)].map(|s| s), ["201", "409", "400", "404", "201"]);
    assert!(matches!(status(4).as_str(), "409" | "412" | "400"), "{}", answer[4]);
    for failed in [1, 2, 3] {
        let response = &answer[failed]["response"];
        assert_eq!(response["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{response}");
        assert_eq!(response["status"], answer[failed]["status"], "{response}");
    }
    assert_eq!(answer[1]["response"]["scimType"], "uniqueness");
    assert_eq!(tenant.read("/Users")["totalResults"], 3);
}

#[test]
fn fail_on_errors_stops() {
    let tenant = Server::shared().tenant();
    tenant.user("taken@x.test", json!({}));
    let answer = bulk(
        &tenant,
        Some(1),
        json!([user("a", "a@x.test"), user("b", "taken@x.test"), user("c", "c@x.test"), user("d", "d@x.test")]),
    );
    assert_eq!(answer.len(), 2, "nothing after the first error: {answer:?}");
    assert_eq!(tenant.read("/Users")["totalResults"], 2);
}

#[test]
fn refused_as_a_whole() {
    let tenant = Server::shared().tenant();
    for (operations, why) in [
        (json!([{ "method": "GET", "path": "/Users" }]), "GET is no bulk method"),
        (json!([{ "method": "DELETE", "path": "/Nothing/1" }]), "no such endpoint"),
        (json!([{ "method": "DELETE", "path": "/Bulk" }]), "no bulk in bulk"),
        (json!("x"), "a list"),
        (json!([user("a", "a@x.test"), user("a", "b@x.test")]), "bulkIds are unique"),
    ] {
        let answer = tenant.post("/Bulk", &json!({ "schemas": [REQUEST], "Operations": operations }));
        if answer.status == 200 {
            let answer = answer.json();
            let statuses: Vec<&str> = answer["Operations"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|operation| operation["status"].as_str())
                .collect();
            assert!(statuses.iter().any(|status| status.starts_with('4') || *status == "501"), "{why}: {answer}");
        } else {
            answer.expect_error(400);
        }
    }
    let many: Vec<Value> = (0..1001).map(|n| user(&n.to_string(), &format!("b{n}@x.test"))).collect();
    tenant.post("/Bulk", &json!({ "schemas": [REQUEST], "Operations": many })).expect_error(413);
    assert_eq!(tenant.read("/Users")["totalResults"], 0);
}

#[test]
fn a_thousand_operations_are_taken() {
    let tenant = Server::shared().tenant();
    let many: Vec<Value> = (0..1000).map(|n| user(&n.to_string(), &format!("b{n}@x.test"))).collect();
    let answer = bulk(&tenant, None, many.into());
    assert!(answer.iter().all(|operation| operation["status"] == "201"));
    assert_eq!(tenant.read("/Users?count=0")["totalResults"], 1000);
}
