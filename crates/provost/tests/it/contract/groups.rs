//! Groups: unambiguous names, members that exist, groups in groups, and what a deleted user leaves.

use crate::harness::{GROUP, Server, id, values};
use serde_json::{Value, json};

#[test]
fn a_groups_name_is_unambiguous() {
    let tenant = Server::shared().tenant();
    let group = tenant.group("Straße Team", &[]);
    let error = tenant.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "STRASSE team" }));
    assert!(matches!(error.status, 201 | 409), "folding of ß is the simple one or the full one: {}", error.status);
    for again in ["Straße Team", "straße TEAM"] {
        let error = tenant.post("/Groups", &json!({ "schemas": [GROUP], "displayName": again })).expect_error(409);
        assert_eq!(error["scimType"], "uniqueness");
        assert!(error["detail"].as_str().unwrap().contains("displayName"), "{error}");
    }
    assert_eq!(tenant.find("/Groups", "displayName eq \"straße team\"")[0]["id"], group["id"]);
    let other = tenant.group("Other", &[]);
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "STRAßE TEAM" }]);
    tenant.patch(&format!("/Groups/{}", id(&other)), &rename).expect_error(409);
    let missing = tenant.post("/Groups", &json!({ "schemas": [GROUP] })).expect_error(400);
    assert_eq!(missing["scimType"], "invalidValue");
}

#[test]
fn members_are_shown_with_what_the_server_knows() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("known@x.test", json!({ "displayName": "Known" }));
    let sent = json!({ "schemas": [GROUP], "displayName": "G", "members": [
        { "value": id(&user), "display": "whatever", "type": "Robot", "$ref": null, "unknown": 1 }, { "value": id(&user) }
    ] });
    let group = tenant.post("/Groups", &sent).expect(201).json();
    let members = group["members"].as_array().unwrap();
    assert_eq!(members.len(), 1, "twice is once: {group}");
    assert_eq!(members[0]["value"], user["id"]);
    assert_eq!(members[0]["type"], "User");
    assert_eq!(members[0]["$ref"], user["meta"]["location"]);
    assert_eq!(members[0]["display"], "Known");
}

#[test]
fn groups_of_a_user_direct_and_through_groups() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("nested@x.test", json!({}));
    let inner = tenant.group("Inner", &[id(&user)]);
    let outer = tenant.group("Outer", &[id(&inner)]);
    let path = format!("/Users/{}", id(&user));
    let shown = tenant.read(&path);
    let kind = |group: &Value| {
        let groups = shown["groups"].as_array().unwrap_or_else(|| panic!("no groups in {shown}"));
        groups.iter().find(|have| have["value"] == group["id"]).map(|have| have["type"].clone())
    };
    assert_eq!(kind(&inner), Some(json!("direct")));
    assert_eq!(kind(&outer), Some(json!("indirect")));
    let listed = &tenant.read("/Users")["Resources"][0];
    assert_eq!(listed, &shown, "a list shows the same");
    assert_eq!(tenant.find("/Users", &format!("groups.value eq \"{}\"", id(&inner))).len(), 1);
    assert_eq!(tenant.find("/Users", "groups.display eq \"inner\"").len(), 1);
    assert_eq!(tenant.find("/Groups", &format!("members.value eq \"{}\"", id(&user)))[0]["id"], inner["id"]);
    assert_eq!(tenant.find("/Groups", &format!("members eq \"{}\"", id(&inner)))[0]["id"], outer["id"]);
    let member = &tenant.read(&format!("/Groups/{}", id(&outer)))["members"][0];
    assert_eq!((&member["type"], &member["$ref"]), (&json!("Group"), &inner["meta"]["location"]));
    // A circle ends.
    let close = json!([{ "op": "add", "path": "members", "value": [{ "value": id(&outer) }] }]);
    tenant.patch(&format!("/Groups/{}", id(&inner)), &close).expect(204);
    assert_eq!(values(&tenant.read(&path)["groups"]).len(), 2);
}

#[test]
fn a_group_is_not_its_own_member() {
    let tenant = Server::shared().tenant();
    let group = tenant.group("Self", &[]);
    let path = format!("/Groups/{}", id(&group));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id(&group) }] }]);
    let answer = tenant.patch(&path, &add);
    assert!(matches!(answer.status, 204 | 400), "{} {}", answer.status, answer.text());
    assert_eq!(tenant.read(&path)["members"], json!([]));
}

#[test]
fn a_deleted_user_or_group_leaves_no_member_behind() {
    let tenant = Server::shared().tenant();
    let (user, other) = (tenant.user("leaves@x.test", json!({})), tenant.user("stays@x.test", json!({})));
    let inner = tenant.group("Inner", &[]);
    let group = tenant.group("Team", &[id(&user), id(&other), id(&inner)]);
    let path = format!("/Groups/{}", id(&group));
    let before = tenant.read(&path)["meta"]["version"].clone();
    tenant.delete(&format!("/Users/{}", id(&user))).expect(204);
    tenant.delete(&format!("/Groups/{}", id(&inner))).expect(204);
    assert_eq!(tenant.members(id(&group)), [id(&other)]);
    assert_ne!(tenant.read(&path)["meta"]["version"], before, "the group has changed");
    tenant.delete(&path).expect(204);
    assert!(tenant.read(&format!("/Users/{}", id(&other))).get("groups").is_none());
}

#[test]
fn members_that_nobody_knows_are_dropped() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("real@x.test", json!({}));
    let group = tenant.group("Mixed", &["no-such-id", id(&user)]);
    assert_eq!(values(&group["members"]), [id(&user)]);
    let other = Server::shared().tenant();
    let foreign = other.user("foreign@x.test", json!({}));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id(&foreign) }] }]);
    tenant.patch(&format!("/Groups/{}", id(&group)), &add).expect(204);
    assert_eq!(tenant.members(id(&group)), [id(&user)], "nobody of another tenant");
}

#[test]
fn many_members_at_once() {
    let tenant = Server::shared().tenant();
    let ids: Vec<String> =
        (0..300).map(|n| id(&tenant.user(&format!("many{n}@x.test"), json!({}))).to_owned()).collect();
    let group = tenant.group("Many", &[]);
    let path = format!("/Groups/{}", id(&group));
    let list: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    tenant.patch(&path, &json!([{ "op": "add", "path": "members", "value": list }])).expect(204);
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(tenant.members(id(&group)), sorted);
    let removes: Vec<Value> = ids
        .iter()
        .take(256)
        .map(|id| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }))
        .collect();
    tenant.patch(&path, &removes.into()).expect(204);
    let mut left: Vec<&String> = ids.iter().skip(256).collect();
    left.sort();
    assert_eq!(tenant.members(id(&group)).iter().collect::<Vec<_>>(), left);
}

#[test]
fn members_of_whom_nothing_is_shown_are_no_empty_list() {
    let tenant = Server::shared().tenant();
    let nameless = tenant.user("nameless@x.test", json!({}));
    let (full, empty) = (tenant.group("Full", &[id(&nameless)]), tenant.group("Empty", &[]));
    let read = |group: &Value| tenant.read(&format!("/Groups/{}?attributes=members.display", id(group)));
    assert!(read(&full).get("members").is_none(), "{}", read(&full));
    assert_eq!(read(&empty)["members"], json!([]));
}
