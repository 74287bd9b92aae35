//! PATCH beyond the vendors' forms: atomic, idempotent, and clear about what it refuses.

use crate::harness::{ENTERPRISE, Server, id};
use serde_json::json;

#[test]
fn all_operations_or_none() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("atomic@x.test", json!({ "title": "Before" }));
    let path = format!("/Users/{}", id(&user));
    let answer = tenant.patch(
        &path,
        &json!([{ "op": "replace", "path": "title", "value": "After" }, { "op": "replace", "path": "active", "value": "perhaps" }]),
    );
    assert_eq!(answer.expect_error(400)["scimType"], "invalidValue");
    assert_eq!(tenant.read(&path), user);
    let group = tenant.group("Atomic", &[]);
    let path = format!("/Groups/{}", id(&group));
    let answer = tenant.patch(
        &path,
        &json!([{ "op": "add", "path": "members", "value": [{ "value": id(&user) }] }, { "op": "remove", "path": "displayName" }]),
    );
    assert_eq!(answer.expect_error(400)["scimType"], "mutability", "a required attribute cannot be removed");
    assert_eq!(tenant.read(&path)["members"], json!([]));
}

#[test]
fn what_changes_nothing_makes_no_version() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("still@x.test", json!({ "title": "T", "active": true }));
    let path = format!("/Users/{}", id(&user));
    for operations in [
        json!([{ "op": "replace", "path": "title", "value": "T" }]),
        json!([{ "op": "replace", "value": { "active": true, "id": id(&user), "meta": {}, "schemas": [] } }]),
        json!([{ "op": "remove", "path": "nickName" }]),
        json!([{ "op": "add", "value": { "unknownAttribute": 1 } }]),
        json!([]),
    ] {
        let answer = tenant.patch(&path, &operations).expect(200).json();
        assert_eq!(answer, user, "{operations}");
    }
    let group = tenant.group("Still", &[id(&user)]);
    let path = format!("/Groups/{}", id(&group));
    let before = tenant.read(&path);
    tenant.patch(&path, &json!([{ "op": "add", "path": "members", "value": [{ "value": id(&user) }] }])).expect(204);
    tenant.patch(&path, &json!([{ "op": "remove", "path": "members[value eq \"nobody\"]" }])).expect(204);
    assert_eq!(tenant.read(&path), before);
}

#[test]
fn refusals_have_their_keyword() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("refuse@x.test", json!({ "emails": [{ "value": "a@x.test", "type": "work" }] }));
    let path = format!("/Users/{}", id(&user));
    for (operations, scim_type) in [
        (json!([{ "op": "replace", "path": "no such path!", "value": 1 }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "emails[type eq", "value": 1 }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([{ "op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z" }]), "mutability"),
        (json!([{ "op": "replace", "path": "groups", "value": [] }]), "mutability"),
        (json!([{ "op": "remove", "path": "userName" }]), "mutability"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (
            json!([{ "op": "replace", "path": "emails[type co \"hom\" and primary pr].value", "value": "x" }]),
            "noTarget",
        ),
        (json!([{ "op": "replace", "path": "userName", "value": "" }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "userName", "value": null }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "active", "value": { "a": 1 } }]), "invalidValue"),
        (json!([{ "op": "destroy", "path": "title" }]), "invalidSyntax"),
        (json!([{ "path": "title", "value": "x" }]), "invalidSyntax"),
        (json!([1]), "invalidSyntax"),
        (json!("x"), "invalidSyntax"),
        (json!([{ "op": "replace", "value": "no object" }]), "invalidValue"),
    ] {
        let answer = tenant.patch(&path, &operations);
        assert_eq!(answer.status, 400, "{operations}: {}", answer.text());
        let error = answer.expect_error(400);
        let either =
            scim_type == "invalidValue" && error["scimType"] == "invalidSyntax" && operations[0]["path"].is_null();
        assert!(either || error["scimType"] == scim_type, "{operations}: wanted {scim_type}, {error}");
    }
    assert_eq!(tenant.read(&path), user);
}

#[test]
fn extensions_and_sub_attributes() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("ext@x.test", json!({}));
    let path = format!("/Users/{}", id(&user));
    let patch = |operations| tenant.patch(&path, &operations).expect(200).json();
    let whole = patch(json!([{ "op": "add", "path": ENTERPRISE, "value": { "department": "D", "division": "V" } }]));
    assert_eq!(whole[ENTERPRISE], json!({ "division": "V", "department": "D" }));
    let one = patch(json!([{ "op": "remove", "path": format!("{ENTERPRISE}:division") }]));
    assert_eq!(one[ENTERPRISE], json!({ "department": "D" }));
    let none = patch(json!([{ "op": "remove", "path": ENTERPRISE }]));
    assert!(none.get(ENTERPRISE).is_none());
    let named = patch(json!([{ "op": "add", "path": "name.givenName", "value": "G" }]));
    assert_eq!(named["name"], json!({ "givenName": "G" }));
    let unnamed = patch(json!([{ "op": "remove", "path": "name.givenName" }]));
    assert!(unnamed.get("name").is_none());
    let full =
        patch(json!([{ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:title", "value": "T" }]));
    assert_eq!(full["title"], "T");
}

#[test]
fn elements_of_lists() {
    let tenant = Server::shared().tenant();
    let user = tenant.user(
        "list@x.test",
        json!({ "emails": [{ "value": "w@x.test", "type": "work" }, { "value": "h@x.test", "type": "home" }] }),
    );
    let path = format!("/Users/{}", id(&user));
    let emails = |operations| tenant.patch(&path, &operations).expect(200).json()["emails"].clone();
    let added = emails(json!([{ "op": "add", "path": "emails", "value": { "value": "o@x.test", "type": "other" } }]));
    assert_eq!(added.as_array().map(Vec::len), Some(3));
    let twice = emails(json!([{ "op": "add", "path": "emails", "value": [{ "value": "o@x.test", "type": "other" }] }]));
    assert_eq!(twice, added, "an element that is there is not added again");
    let removed = emails(json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }]));
    assert_eq!(removed.as_array().map(Vec::len), Some(2));
    let part = emails(json!([{ "op": "replace", "path": "emails[value eq \"o@x.test\"].display", "value": "O" }]));
    assert_eq!(part[1], json!({ "value": "o@x.test", "display": "O", "type": "other" }));
    let replaced = emails(
        json!([{ "op": "replace", "path": "emails[type eq \"work\"]", "value": { "value": "n@x.test", "type": "work" } }]),
    );
    assert_eq!(replaced[0]["value"], "n@x.test");
    let listed = emails(json!([{ "op": "remove", "path": "emails", "value": [{ "value": "n@x.test" }] }]));
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let all = tenant.patch(&path, &json!([{ "op": "remove", "path": "emails" }])).expect(200).json();
    assert!(all.get("emails").is_none());
}
