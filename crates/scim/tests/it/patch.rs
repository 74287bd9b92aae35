//! PATCH: what operations make of a resource, and where they are refused.

use crate::sample::{GROUP, USER, dialect, json, long, refusal, short};
use scim::{Dialect, MemberOp, PatchOp, Patched, Resource, ResourceType, Result};
use serde_json::{Value, json};

/// The resource of a case that brings none of its own.
const ANN: &str = r#"{"userName": "ann", "name": {"givenName": "Ann", "familyName": "Lee"}, "title": "Dr", "active": true,
    "emails": [{"value": "a@work", "type": "work", "primary": true}, {"value": "a@home", "type": "home"}],
    "ENTERPRISE": {"department": "Sales", "manager": {"value": "m1"}},
    "ACME": {"badge": "b1", "tags": ["Red", "Blue"], "desk": {"room": "1a", "serial": "s1"}}}"#;

/// The lines of a case: `group`, `dialect …`, `before …`, `body …`, and the operations.
struct Case {
    resource_type: &'static ResourceType,
    dialect: Dialect,
    before: Value,
    body: Option<Value>,
    operations: Vec<Value>,
}

impl Case {
    fn read(input: &str) -> Self {
        let mut case = Self {
            resource_type: &USER,
            dialect: Dialect::LENIENT,
            before: json(&long(ANN)),
            body: None,
            operations: Vec::new(),
        };
        for line in input.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("group", _) => {
                    case.resource_type = &GROUP;
                    case.before = json!({"displayName": "Staff"});
                }
                ("dialect", words) => case.dialect = dialect(words),
                ("before", text) => case.before = json(&long(text)),
                ("body", text) => case.body = Some(json(text)),
                _ => case.operations.push(json(&long(line))),
            }
        }
        case
    }

    fn before(&self) -> Resource {
        Resource::parse(self.before.clone(), self.resource_type, &Dialect::LENIENT).unwrap().resource
    }

    fn apply(&self, to: &Resource) -> Result<Patched> {
        let body = self.body.clone().unwrap_or_else(
            || json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": self.operations}),
        );
        PatchOp::parse(body, &self.dialect)?.apply(to, self.resource_type, &self.dialect)
    }
}

fn show(case: &Case, patched: &Patched) -> String {
    let mut lines = Vec::new();
    for name in &patched.changed {
        let scim::Target::Attribute { extension, attribute, .. } = case.resource_type.resolve_text(name).unwrap()
        else {
            panic!("{name} is an attribute");
        };
        match patched.resource.value(extension, attribute) {
            Some(value) => lines.push(format!("{name} = {value}")),
            None => lines.push(format!("{name} gone")),
        }
    }
    for step in &patched.members {
        let names = |members: &[scim::resource::MemberRef]| {
            members.iter().map(|member| member.value.as_str()).collect::<Vec<_>>().join(" ")
        };
        lines.push(match step {
            MemberOp::Add(members) => format!("members + {}", names(members)),
            MemberOp::Remove(members) => format!("members - {}", names(members)),
            MemberOp::Replace(members) => format!("members = {}", names(members)),
            MemberOp::RemoveMatching(filter) => format!("members - where {filter}"),
            MemberOp::RemoveAll => "members - all".into(),
        });
    }
    lines.extend(patched.ignored.iter().map(|ignored| format!("ignored {}: {}", ignored.path, ignored.reason)));
    if lines.is_empty() {
        lines.push("no change".into());
    }
    short(&lines.join("\n"))
}

#[test]
fn patches() {
    crate::cases::run("patch.txt", |input| {
        let case = Case::read(input);
        let patched = match case.apply(&case.before()) {
            Ok(patched) => patched,
            Err(error) => return refusal(&error),
        };
        // Once more changes nothing; only what a filter no longer finds may be refused then.
        let again = match case.apply(&patched.resource) {
            Ok(again) if again.changed.is_empty() => String::new(),
            Ok(again) => format!("\nagain: {}", again.changed.join(", ")),
            Err(error) => format!("\nagain: {}", refusal(&error)),
        };
        show(&case, &patched) + &again
    });
}

#[test]
fn a_patch_has_a_thousand_operations_at_the_most() {
    let patch = |operations: usize| {
        let one = json!({"op": "replace", "path": "displayName", "value": "x"});
        let body =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": vec![one; operations]});
        PatchOp::parse(body, &Dialect::LENIENT)
    };
    assert!(patch(1_000).is_ok());
    assert!(patch(1_001).unwrap_err().detail.contains("1000"));
}
