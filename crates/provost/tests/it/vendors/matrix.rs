//! `patch_matrix.jsonl`: a resource, a PATCH body, and the resource that it makes, each row over HTTP.

use crate::harness::{Server, Tenant, id, values};
use serde_json::{Map, Value};

const ROWS: &str = include_str!("patch_matrix.jsonl");

/// Users that the rows name as members; `zz` and `m1` name nobody.
const MEMBERS: [&str; 7] = ["u1", "u2", "u3", "u4", "u7", "u8", "u9"];

#[test]
fn every_row_of_the_patch_matrix() {
    let mut count = 0;
    for line in ROWS.lines() {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        play(&row);
        count += 1;
    }
    assert_eq!(count, 32);
}

fn play(row: &Value) {
    let tenant = Server::shared().tenant();
    let mut names: Vec<(String, String)> = Vec::new();
    if row["resource"] == "Group" {
        for name in MEMBERS {
            names.push((name.to_owned(), id(&tenant.user(&format!("{name}@x.test"), Value::Null)).to_owned()));
        }
    }
    let path = if row["resource"] == "Group" { "/Groups" } else { "/Users" };
    let mut before = substituted(&row["before"].to_string(), &names);
    let own = before.as_object_mut().and_then(|before| before.shift_remove("id")).expect("a row has its id");
    let made = tenant.post(path, &before).expect(201).json();
    names.push((own.as_str().expect("a text").to_owned(), id(&made).to_owned()));
    let path = format!("{path}/{}", id(&made));
    for again in [false, true] {
        patch(&tenant, row, &path, &names, again);
    }
}

/// Every row is idempotent: the second time changes nothing.
fn patch(tenant: &Tenant<'_>, row: &Value, path: &str, names: &[(String, String)], again: bool) {
    let body = substituted(row["request_body_raw"].as_str().expect("a body"), names).to_string();
    let request = tenant.request("PATCH", path).header("Content-Type", "application/scim+json").body(body.clone());
    let answer = tenant.send(&request);
    let at = format!("row {} (again: {again})\n{body}\n=> {} {}", row["id"], answer.status, answer.text());
    assert_eq!(answer.status, if row["resource"] == "Group" { 204 } else { 200 }, "{at}");
    let after = substituted(&row["after"].to_string(), names);
    let shown = tenant.read(path);
    assert_eq!(comparable(&shown), comparable(&after), "{at}");
    if answer.status == 200 {
        assert_eq!(comparable(&answer.json()), comparable(&after), "{at}");
    }
}

/// Names of the matrix in quotation marks become the ids that the server gave, also inside filters.
fn substituted(text: &str, names: &[(String, String)]) -> Value {
    let replaced = names.iter().fold(text.to_owned(), |text, (name, id)| {
        text.replace(&format!("\\\"{name}\\\""), &format!("\\\"{id}\\\""))
            .replace(&format!("\"{name}\""), &format!("\"{id}\""))
    });
    serde_json::from_str(&replaced).expect("JSON stays JSON")
}

/// Without `meta`; members by their `value`, in any order; `schemas` may keep the URN of an extension that is empty now.
fn comparable(resource: &Value) -> Map<String, Value> {
    let mut map = resource.as_object().expect("a resource").clone();
    map.shift_remove("meta");
    map.shift_remove("schemas");
    let members = map.shift_remove("members");
    if resource["schemas"][0] == crate::harness::GROUP {
        map.insert("members".into(), values(&members.unwrap_or_default()).into());
    }
    map.sort_keys();
    map
}
