//! Bodies of POST and PUT: what is kept of them, and where they are refused.

use crate::sample::{GROUP, USER, dialect, json, long, refusal, short};
use scim::{Dialect, Resource, ResourceType};
use serde_json::Value;

/// Input: `group`, `dialect …`, `old {…}` (then it is a PUT), and the body in one line.
#[test]
fn bodies() {
    crate::cases::run("resource.txt", |input| {
        let (mut resource_type, mut dialect_, mut old): (&ResourceType, _, _) = (&USER, Dialect::LENIENT, None);
        let mut body = Value::Null;
        for line in input.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("group", _) => resource_type = &GROUP,
                ("dialect", words) => dialect_ = dialect(words),
                ("old", text) => old = Some(json(&long(text))),
                _ => body = json(&long(line)),
            }
        }
        let parsed = match Resource::parse(body, resource_type, &dialect_) {
            Ok(parsed) => parsed,
            Err(error) => return refusal(&error),
        };
        let resource = match old {
            None => parsed.resource,
            Some(old) => {
                let old = Resource::parse(old, resource_type, &Dialect::LENIENT).unwrap().resource;
                match old.replaced_by(parsed.resource, resource_type) {
                    Ok(resource) => resource,
                    Err(error) => return refusal(&error),
                }
            }
        };
        let mut document = resource.to_document(resource_type, "");
        document.shift_remove("id");
        document.shift_remove("schemas");
        let mut lines = vec![Value::Object(document).to_string()];
        if let Some(members) = parsed.members {
            let names: Vec<&str> = members.iter().map(|member| member.value.as_str()).collect();
            lines.push(format!("members = {}", names.join(" ")));
        }
        lines.extend(parsed.ignored.iter().map(|ignored| format!("ignored {}: {}", ignored.path, ignored.reason)));
        short(&lines.join("\n"))
    });
}

#[test]
fn the_schemas_follow_from_what_is_there() {
    let parse = |text: &str| Resource::parse(json(&long(text)), &USER, &Dialect::LENIENT).unwrap().resource;
    let schemas = |text: &str| short(&parse(text).schemas(&USER).join(" "));
    assert_eq!(schemas(r#"{"userName": "a"}"#), "CORE");
    assert_eq!(schemas(r#"{"userName": "a", "ACME": {"level": 1}}"#), "CORE ACME");
    assert_eq!(schemas(r#"{"userName": "a", "ACME": {"level": null}}"#), "CORE");
}

#[test]
fn hidden_values_part_and_join() {
    let body = r#"{"userName": "a", "password": "p", "ACME": {"pin": "1", "level": 2}}"#;
    let whole = Resource::parse(json(&long(body)), &USER, &Dialect::LENIENT).unwrap().resource;
    let (mut shown, hidden) = whole.split_hidden(&USER);
    assert_eq!(shown.text(&USER, "password"), None);
    assert_eq!(hidden.text(&USER, "pin"), Some("1"));
    shown.join_hidden(hidden, &USER);
    assert_eq!(shown, whole);
}
