//! The provisioning log and the change feed: complete, in order, and without secrets.

use crate::harness::{ENTERPRISE, Server, Tenant, USER, id};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The log as it is when `enough` says so: entries of reads come in batches.
pub(super) fn log_until(tenant: &Tenant<'_>, query: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let page = tenant.admin("GET", &format!("/log{query}"), Value::Null).expect(200).json();
        let entries = page["data"].as_array().expect("data").clone();
        if enough(&entries) {
            return entries;
        }
        assert!(Instant::now() < deadline, "the log never gets there: {entries:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn secrets_never_reach_the_log() {
    let tenant = Server::shared().tenant();
    let secret = "Sup3r-S3cret-Pa55";
    let body = json!({ "schemas": [USER], "userName": "log@x.test", "password": secret });
    let user = tenant.post("/Users", &body).expect(201).json();
    let path = format!("/Users/{}", id(&user));
    tenant.patch(&path, &json!([{ "op": "replace", "path": "password", "value": secret }])).expect(200);
    tenant.patch(&path, &json!([{ "op": "replace", "value": { "password": secret } }])).expect(200);
    tenant.put(&path, &json!({ "schemas": [USER], "userName": "log@x.test", "PASSWORD": secret })).expect(200);
    tenant.get(&format!("/Users?filter=password%20eq%20%22{secret}%22"));
    let broken = format!("{{\"userName\":\"x\",\"password\":\"{secret}\"");
    tenant.send(&tenant.request("POST", "/Users").header("Content-Type", "application/json").body(broken));
    let bulk = json!({ "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": { "userName": "b@x.test", "password": secret } }] });
    tenant.post("/Bulk", &bulk);
    let entries = log_until(&tenant, "?limit=100", |entries| entries.len() >= 7);
    let whole = tenant.admin("GET", "/log?limit=100", Value::Null).text();
    assert!(!whole.contains(secret), "the password is in the log");
    assert!(!whole.contains(&tenant.token), "the token is in the log");
    for entry in &entries {
        let seq = &entry["seq"];
        let one = tenant.admin("GET", &format!("/log/{seq}"), Value::Null).expect(200).text();
        assert!(!one.contains(secret) && !one.contains(&tenant.token), "{one}");
    }
}

#[test]
fn an_entry_tells_what_happened() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("story@x.test", json!({ "title": "Before", "unknownThing": 1 }));
    let path = format!("/Users/{}", id(&user));
    tenant.patch(&path, &json!([{ "op": "replace", "path": "title", "value": "After" }])).expect(200);
    tenant.get("/Users?filter=broken").expect_error(400);
    let entries = log_until(&tenant, "?limit=100", |entries| entries.len() >= 3);
    let mut seqs: Vec<i64> = entries.iter().filter_map(|entry| entry["seq"].as_i64()).collect();
    assert_eq!(seqs.len(), entries.len(), "every entry has its number");
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), entries.len());
    let find = |method: &str, status: u64| {
        let found = entries.iter().find(|entry| entry["method"] == method && entry["status"] == status);
        let found = found.unwrap_or_else(|| panic!("no {method} {status} in {entries:?}"));
        tenant.admin("GET", &format!("/log/{}", found["seq"]), Value::Null).expect(200).json()
    };
    let created = find("POST", 201).to_string();
    assert!(created.contains("unknownThing"), "what was dropped is reported: {created}");
    let patched = find("PATCH", 200).to_string();
    assert!(patched.contains("Before") && patched.contains("After"), "the diff of the attribute: {patched}");
    let refused = find("GET", 400).to_string();
    assert!(refused.contains("PRV-1003"), "{refused}");
    let of_resource = log_until(&tenant, &format!("?resource={}", id(&user)), |entries| entries.len() >= 2);
    assert!(of_resource.iter().all(|entry| entry["method"] != "GET" || entry["status"] != 400));
    let failed = log_until(&tenant, "?failed=true", |entries| !entries.is_empty());
    assert!(failed.iter().all(|entry| entry["status"].as_u64() >= Some(400)), "{failed:?}");
}

#[test]
fn the_log_can_be_paged_through() {
    let tenant = Server::shared().tenant();
    for n in 0..12 {
        tenant.user(&format!("page{n}@x.test"), json!({}));
    }
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = tenant.admin("GET", &format!("/log?after={after}&limit=5"), Value::Null).expect(200).json();
        let data = page["data"].as_array().unwrap().clone();
        if data.is_empty() {
            break;
        }
        assert!(data.len() <= 5);
        seen.extend(data.iter().filter_map(|entry| entry["seq"].as_i64()));
        after = *seen.iter().max().unwrap();
    }
    assert!(seen.len() >= 12, "{seen:?}");
}

#[test]
fn every_change_has_its_row_in_order() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("feed@x.test", json!({}));
    let path = format!("/Users/{}", id(&user));
    tenant.patch(&path, &json!([{ "op": "replace", "path": "title", "value": "T" }])).expect(200);
    tenant.patch(&path, &json!([{ "op": "replace", "path": "title", "value": "T" }])).expect(200);
    let group = tenant.group("Feed", &[]);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id(&user) }] }]);
    tenant.patch(&format!("/Groups/{}", id(&group)), &add).expect(204);
    tenant.patch(&format!("/Groups/{}", id(&group)), &add).expect(204);
    tenant.delete(&path).expect(204);
    let feed = tenant.admin("GET", "/changes?after=0&limit=100", Value::Null).expect(200).json();
    let rows = feed["data"].as_array().unwrap();
    let seqs: Vec<i64> = rows.iter().filter_map(|row| row["seq"].as_i64()).collect();
    let dense: Vec<i64> = (1..=seqs.len() as i64).collect();
    assert_eq!(seqs, dense, "dense and in order: {feed}");
    let of_user: Vec<&Value> = rows.iter().filter(|row| row["id"] == user["id"]).collect();
    assert_eq!(of_user.len(), 3, "created, updated once, deleted; what changes nothing is no change: {feed}");
    let of_group = rows.iter().filter(|row| row["id"] == group["id"]).count();
    assert!((2..=3).contains(&of_group), "created, one member in, and perhaps out with the user: {feed}");
    let rest = tenant.admin("GET", &format!("/changes?after={}", seqs[1]), Value::Null).expect(200).json();
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(seqs.len() - 2));
    let _ = ENTERPRISE;
}
