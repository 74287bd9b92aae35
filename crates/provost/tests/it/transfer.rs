//! Much at once: backup and restore, export and import, over every way to the data.

mod backup;
mod database;
mod files;

use crate::cli::Way;
use crate::harness::Tenant;
use serde_json::Value;

/// Every resource of a tenant as SCIM shows it, by its id; the address of the service is taken out.
fn everything(way: &Way, tenant: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for of in ["user", "group"] {
        let listed = way.json(&[of, "list", "--all", "--tenant", tenant]);
        all.extend(listed.as_array().unwrap().iter().cloned());
    }
    for one in &mut all {
        one["meta"]["location"].take();
        let groups = one["groups"].as_array_mut();
        groups.into_iter().flatten().for_each(|group| drop(group["$ref"].take()));
    }
    all.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    all
}

/// Some users and a group of them all; the group's id.
fn people(tenant: &Tenant<'_>, count: usize) -> String {
    let ids: Vec<Value> = (0..count)
        .map(|n| {
            let user = serde_json::json!({
                "userName": format!("u{n}@example.com"),
                "externalId": format!("x{n}"),
                "name": {"givenName": "Ann", "familyName": format!("No. {n}, \"the\" ä")},
                "emails": [{"value": format!("u{n}@example.com"), "type": "work", "primary": true}],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D"},
            });
            let made = tenant.post("/Users", &user).expect(201);
            serde_json::json!({"value": made.json()["id"]})
        })
        .collect();
    let made = tenant.post("/Groups", &serde_json::json!({"displayName": "all", "members": ids})).expect(201);
    made.json()["id"].as_str().unwrap().to_owned()
}
