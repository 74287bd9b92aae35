//! Entity tags (RFC 7644 §3.14).

use crate::harness::{Server, Tenant, USER, id};
use serde_json::json;

/// Somebody new: where they are, and the tag of how they are.
fn somebody(tenant: &Tenant<'_>, login: &str) -> (String, String) {
    let user = tenant.user(login, json!({}));
    (format!("/Users/{}", id(&user)), user["meta"]["version"].as_str().unwrap().to_owned())
}

#[test]
fn a_tag_for_every_state() {
    let tenant = Server::shared().tenant();
    let (path, tag) = somebody(&tenant, "tag@x.test");
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    assert_eq!(tenant.get(&path).header("etag"), Some(tag.as_str()));
    for same in [tag.clone(), "*".to_owned(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").to_owned()] {
        let answer = tenant.send(&tenant.request("GET", &path).header("If-None-Match", same.clone()));
        assert_eq!(answer.status, 304, "{same}");
        assert!(answer.body.is_empty());
    }
    let changed = tenant.patch(&path, &json!([{ "op": "replace", "path": "title", "value": "T" }])).expect(200);
    let new = changed.header("etag").unwrap().to_owned();
    assert_ne!(new, tag);
    assert_eq!(changed.json()["meta"]["version"], new);
    tenant.send(&tenant.request("GET", &path).header("If-None-Match", tag.clone())).expect(200);
    stale_writes_are_refused(&tenant, &path, &tag);
    let body = json!({ "schemas": [USER], "userName": "tag@x.test" });
    tenant.send(&tenant.request("PUT", &path).header("If-Match", new).json(&body)).expect(200);
    tenant.send(&tenant.request("PUT", &path).header("If-Match", "*").json(&body)).expect(200);
    tenant.send(&tenant.request("DELETE", &path).header("If-Match", "*")).expect(204);
}

fn stale_writes_are_refused(tenant: &Tenant<'_>, path: &str, tag: &str) {
    let before = tenant.read(path);
    let put = json!({ "schemas": [USER], "userName": "other@x.test" });
    let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "stale" }] });
    for request in [
        tenant.request("PUT", path).json(&put),
        tenant.request("PATCH", path).json(&patch),
        tenant.request("DELETE", path),
    ] {
        tenant.send(&request.header("If-Match", tag)).expect_error(412);
    }
    assert_eq!(tenant.read(path), before);
}

#[test]
fn members_change_a_groups_tag() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("m@x.test", json!({}));
    let group = tenant.group("G", &[]);
    let path = format!("/Groups/{}", id(&group));
    let tag = tenant.get(&path).header("etag").unwrap().to_owned();
    let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id(&user) }] }] });
    tenant.send(&tenant.request("PATCH", &path).header("If-Match", tag.clone()).json(&add)).expect(204);
    assert_ne!(tenant.get(&path).header("etag"), Some(tag.as_str()));
    tenant.send(&tenant.request("PATCH", &path).header("If-Match", tag).json(&add)).expect_error(412);
}

#[test]
fn tags_in_several_lines_are_one_list() {
    let tenant = Server::shared().tenant();
    let (path, tag) = somebody(&tenant, "lines@x.test");
    let none = json!({ "Operations": [] });
    let patch = tenant.request("PATCH", &path).header("If-Match", "W/\"99\"").header("If-Match", tag.clone());
    tenant.send(&patch.json(&none)).expect(200);
    let get = tenant.request("GET", &path).header("If-None-Match", "W/\"99\"").header("If-None-Match", tag);
    tenant.send(&get).expect(304);
}

#[test]
fn a_read_may_ask_for_one_version() {
    let tenant = Server::shared().tenant();
    let (path, tag) = somebody(&tenant, "asked@x.test");
    tenant.send(&tenant.request("GET", &path).header("If-Match", tag)).expect(200);
    tenant.send(&tenant.request("GET", &path).header("If-Match", "W/\"99\"")).expect_error(412);
}

#[test]
fn a_refusal_names_the_condition_that_it_is_about() {
    let tenant = Server::shared().tenant();
    let (path, _) = somebody(&tenant, "why@x.test");
    let body = json!({ "schemas": [USER], "userName": "why@x.test" });
    for (header, other) in [("If-Match", "If-None-Match"), ("If-None-Match", "If-Match")] {
        let value = if header == "If-Match" { "W/\"99\"" } else { "*" };
        let error = tenant.send(&tenant.request("PUT", &path).header(header, value).json(&body)).expect_error(412);
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.contains(header) && !detail.contains(other), "{header}: {detail}");
    }
}
