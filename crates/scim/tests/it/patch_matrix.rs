//! What identity providers were seen to send, row by row: state before, message, state after.

use crate::sample::json;
use scim::resource::MemberRef;
use scim::{Dialect, MemberOp, PatchOp, Resource, ResourceType};
use serde_json::{Value, json};

#[test]
fn every_row() {
    let mut failures = Vec::new();
    let rows: Vec<Value> = include_str!("patch_matrix.jsonl").lines().map(json).collect();
    assert_eq!(rows.len(), 32);
    for row in rows {
        let resource_type = if row["resource"] == "Group" { ResourceType::group() } else { ResourceType::user() };
        let parse = |body: &Value| Resource::parse(body.clone(), &resource_type, &Dialect::LENIENT).unwrap();
        let (before, after) = (parse(&row["before"]), parse(&row["after"]));
        let message = json(row["request_body_raw"].as_str().unwrap());
        let patched = PatchOp::parse(message, &Dialect::LENIENT)
            .and_then(|patch| patch.apply(&before.resource, &resource_type, &Dialect::LENIENT));
        match patched {
            Err(error) => failures.push(format!("{}: {error}", row["id"])),
            Ok(patched) => {
                let members = members_after(before.members.unwrap_or_default(), &patched.members, &resource_type);
                let want: Vec<String> = after.members.unwrap_or_default().into_iter().map(|one| one.value).collect();
                if patched.resource != after.resource || members != want || !patched.ignored.is_empty() {
                    failures.push(format!("{}: {patched:?} {members:?}", row["id"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn members_after(before: Vec<MemberRef>, steps: &[MemberOp], group: &ResourceType) -> Vec<String> {
    let mut members: Vec<String> = before.into_iter().map(|member| member.value).collect();
    let named = |refs: &[MemberRef]| refs.iter().map(|one| one.value.clone()).collect::<Vec<_>>();
    for step in steps {
        match step {
            MemberOp::Add(refs) => {
                let new: Vec<String> = named(refs).into_iter().filter(|one| !members.contains(one)).collect();
                members.extend(new);
            }
            MemberOp::Remove(refs) => members.retain(|one| !named(refs).contains(one)),
            MemberOp::RemoveMatching(filter) => {
                let attribute = group.schema.attribute("members").unwrap();
                members.retain(|one| !filter.matches_element(attribute, &json!({"value": one})));
            }
            MemberOp::Replace(refs) => members = named(refs),
            MemberOp::RemoveAll => members.clear(),
        }
    }
    members
}
