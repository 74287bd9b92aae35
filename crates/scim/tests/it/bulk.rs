//! Bulk requests: reading them, the order of their operations, and names put right.

use scim::Dialect;
use scim::bulk::{self, BulkLimits, BulkOperation, BulkRequest, BulkResponse, BulkResult, Part};
use serde_json::{Value, json};
use std::collections::HashMap;

const LIMITS: BulkLimits = BulkLimits { operations_max: 5, payload_bytes_max: 1_000_000 };

fn parse(operations: Value) -> scim::Result<BulkRequest> {
    BulkRequest::parse(json!({"Operations": operations}), &Dialect::LENIENT, &LIMITS)
}

fn post(name: &str, data: Value) -> Value {
    let endpoint = if data.get("members").is_some() { "/Groups" } else { "/Users" };
    json!({"method": "POST", "path": endpoint, "bulkId": name, "data": data})
}

fn group(members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|name| json!({"value": format!("bulkId:{name}")})).collect();
    json!({"displayName": "g", "members": members})
}

/// The plan as text: `0 1< 1>` is operation 0 whole, then 1 begun, then its rest.
fn plan(operations: Value) -> String {
    let mark = |part| match part {
        Part::Whole => "",
        Part::Start => "<",
        Part::Rest => ">",
    };
    let steps = parse(operations).unwrap().plan();
    steps.iter().map(|step| format!("{}{}", step.operation, mark(step.part))).collect::<Vec<_>>().join(" ")
}

#[test]
fn creations_stand_before_their_uses() {
    let user = json!({"userName": "u"});
    assert_eq!(plan(json!([post("u", user.clone()), post("g", group(&["u"]))])), "0 1");
    assert_eq!(plan(json!([post("g", group(&["u"])), post("u", user.clone())])), "1 0");
    assert_eq!(plan(json!([post("a", group(&["b"])), post("b", group(&["c"])), post("c", user.clone())])), "2 1 0");
    let patch = json!({"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
        {"op": "remove", "path": "members[value eq \"bulkId:u\"]"}]}});
    let delete = json!({"method": "DELETE", "path": "/Groups/bulkId:g"});
    let all = json!([patch, delete, post("g", group(&[])), post("x", user.clone()), post("u", user)]);
    assert_eq!(plan(all), "2 3 4 0 1", "what happens to one resource keeps its order");
}

#[test]
fn circles_are_broken_at_a_group() {
    assert_eq!(plan(json!([post("a", group(&["b"])), post("b", group(&["a"]))])), "0< 1 0>");
    assert_eq!(plan(json!([post("a", group(&["a"]))])), "0< 0>");
    let boss = |name: &str| json!({"userName": "u", "urn:x:User": {"manager": {"value": format!("bulkId:{name}")}}});
    assert_eq!(plan(json!([post("u", boss("v")), post("v", boss("u"))])), "0< 1 0>");
    let outside = json!([post("z", group(&["a"])), post("a", group(&["b"])), post("b", group(&["a"]))]);
    assert_eq!(plan(outside), "1< 0 2 1>", "what only looks at a circle is not taken apart");
    let twice = json!([post("a", group(&["b", "c"])), post("b", group(&["a"])), post("c", group(&["b", "a"]))]);
    assert_eq!(plan(twice), "0< 1 2 0>");
}

#[test]
fn order_has_every_operation_once() {
    let request = parse(json!([post("a", group(&["b"])), post("b", group(&["a"])), post("c", group(&["nobody"]))]));
    assert_eq!(request.unwrap().order(), [2, 0, 1]);
}

#[test]
fn names_become_ids_everywhere() {
    let ids = HashMap::from([("u".to_owned(), "id-1".to_owned())]);
    let mut data = json!({
        "members": [{"value": "bulkId:u", "$ref": "../Users/bulkId:u"}, {"value": "bulkId:v"}],
        "path": "members[value eq \"bulkId:u\" or value eq \"bulkId:w\"]",
        "title": "knows bulkId:u by name",
    });
    assert_eq!(bulk::resolve(&mut data, &ids), ["v", "w"]);
    assert_eq!(
        data,
        json!({
            "members": [{"value": "id-1", "$ref": "../Users/id-1"}, {"value": "bulkId:v"}],
            "path": "members[value eq \"id-1\" or value eq \"bulkId:w\"]",
            "title": "knows bulkId:u by name",
        })
    );
    let request = parse(json!([{"method": "DELETE", "path": "/Users/bulkId:u"}])).unwrap();
    assert_eq!(request.operations[0].path.resolve(&ids).unwrap().id.as_deref(), Some("id-1"));
    assert_eq!(request.operations[0].path.resolve(&HashMap::new()).unwrap_err(), "u");
}

#[test]
fn what_cannot_be_resolved_is_set_aside() {
    let ids = HashMap::from([("u".to_owned(), "id-1".to_owned())]);
    let mut data = json!({
        "displayName": "g",
        "members": [{"value": "bulkId:u"}, {"value": "bulkId:g2"}],
        "urn:x:User": {"manager": {"value": "bulkId:m"}, "department": "d"},
    });
    let later = bulk::set_aside(&mut data, &ids).unwrap();
    assert_eq!(
        data,
        json!({"displayName": "g", "members": [{"value": "bulkId:u"}], "urn:x:User": {"department": "d"}})
    );
    assert_eq!(
        later["Operations"],
        json!([
            {"op": "add", "path": "members", "value": [{"value": "bulkId:g2"}]},
            {"op": "add", "path": "urn:x:User:manager", "value": {"value": "bulkId:m"}},
        ])
    );
    assert_eq!(bulk::set_aside(&mut data, &ids), None);
}

#[test]
fn forms_are_refused_with_the_number_of_the_operation() {
    for (operation, expected) in [
        (json!(1), "it has to be an object"),
        (json!({"path": "/Users"}), "method is POST, PUT, PATCH or DELETE"),
        (json!({"method": "GET", "path": "/Users/1"}), "method is POST, PUT, PATCH or DELETE"),
        (json!({"method": "POST"}), "path is an endpoint such as /Users, or a resource such as /Users/<id>"),
        (
            json!({"method": "POST", "path": "/"}),
            "path is an endpoint such as /Users, or a resource such as /Users/<id>",
        ),
        (json!({"method": "POST", "path": "/Users/1"}), "a POST goes to an endpoint, not to a resource"),
        (json!({"method": "PUT", "path": "/Users"}), "the path has to name the resource: /Users/<id>"),
        (json!({"method": "POST", "path": "/Users", "bulkId": 3}), "bulkId is a string"),
    ] {
        let error = parse(json!([{"method": "DELETE", "path": "/Users/1"}, operation])).unwrap_err();
        assert_eq!(error.detail, format!("operation 2 of the bulk request: {expected}"));
        assert_eq!(error.status, 400);
    }
    assert_eq!(parse(json!([post("a", json!({})), post("a", json!({}))])).unwrap_err().status, 400);
    assert_eq!(parse(vec![post("a", json!({})); 6].into()).unwrap_err().status, 413);
    let strict = BulkRequest::parse(json!({"Operations": []}), &Dialect::STRICT, &LIMITS).unwrap_err();
    assert_eq!(strict.scim_type, Some(scim::ScimType::InvalidSyntax));
}

#[test]
fn a_strict_tenant_wants_a_bulk_id() {
    let dialect = Dialect { bulk_id_optional: false, ..Dialect::LENIENT };
    let operation = |bulk_id| json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {}});
    let parse = |bulk_id| BulkRequest::parse(json!({"Operations": [operation(bulk_id)]}), &dialect, &LIMITS);
    assert!(parse(json!("a")).is_ok());
    for missing in [json!(null), json!("")] {
        let error = parse(missing).unwrap_err();
        assert_eq!(error.detail, "operation 1 of the bulk request: a POST needs a bulkId");
    }
}

#[test]
fn small_liberties() {
    let body = json!({"failonerrors": 2, "operations": [
        {"METHOD": "post", "path": "Users", "data": {}},
        {"method": "delete", "path": "/Users/1/", "data": "none"},
        {"method": "POST", "path": "/Users", "bulkId": "operation-1"},
    ]});
    let request = BulkRequest::parse(body, &Dialect::LENIENT, &LIMITS).unwrap();
    let names: Vec<_> = request.operations.iter().map(|operation| operation.bulk_id.as_deref()).collect();
    assert_eq!(names, [Some("operation-1-"), None, Some("operation-1")], "a POST without a name gets a free one");
    assert_eq!(request.operations[1].data, None);
    assert!(request.goes_on(1) && !request.goes_on(2));
    assert!(parse(json!([])).unwrap().goes_on(1_000));
    let nothing = BulkRequest::parse(json!({"failOnErrors": 0, "Operations": []}), &Dialect::LENIENT, &LIMITS);
    assert!(nothing.is_err());
}

#[test]
fn answers_have_statuses_as_strings() {
    let request = parse(json!([post("a", json!({})), {"method": "DELETE", "path": "/Users/1"}])).unwrap();
    let [create, delete]: &[BulkOperation; 2] = request.operations.as_slice().try_into().unwrap();
    let error = scim::Error::not_found("there is no such user");
    let results = vec![
        BulkResult::done(create, 201, "https://x/Users/1".into(), Some("W/\"1\"".into())),
        BulkResult::failed(delete, Some("https://x/Users/1".into()), &error),
    ];
    assert_eq!(
        BulkResponse { results }.to_json(),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"], "Operations": [
            {"location": "https://x/Users/1", "method": "POST", "bulkId": "a", "version": "W/\"1\"", "status": "201"},
            {"location": "https://x/Users/1", "method": "DELETE", "status": "404", "response": error.to_json()},
        ]})
    );
}

/// A large request in the worst order is planned in a moment.
#[test]
fn a_long_chain_is_planned() {
    let limits = BulkLimits { operations_max: 1_000, ..LIMITS };
    let chain = |last: &[&str]| {
        let mut operations: Vec<Value> = Vec::new();
        for index in 0..999 {
            operations.push(post(&index.to_string(), group(&[&(index + 1).to_string()])));
        }
        operations.push(post("999", group(last)));
        BulkRequest::parse(json!({"Operations": operations}), &Dialect::LENIENT, &limits).unwrap().plan()
    };
    assert_eq!(chain(&[]).first().map(|step| step.operation), Some(999));
    assert_eq!(chain(&["0"]).len(), 1_001);
}
