//! What filters mean: how they read, how they print, whom they match, and where they are refused.

use crate::sample::{USER, dialect, json, long, refusal, short};
use scim::{AttrPath, Filter};
use serde_json::{Map, Value};

/// Three people as full documents.
fn people() -> Vec<(&'static str, Map<String, Value>)> {
    let people = [
        (
            "ann",
            r#"{"schemas": ["CORE", "ENTERPRISE", "ACME"], "id": "A1", "externalId": "Ext-1", "userName": "Ann@X.test",
            "name": {"givenName": "Ann", "familyName": "O\"Hara"}, "title": "Dr.\\", "active": true,
            "emails": [{"value": "ann@x.test", "type": "work", "primary": true}, {"value": "ann@home.test", "type": "home"}],
            "addresses": [{"country": "DE", "type": "work"}],
            "groups": [{"value": "g1", "display": "Staff"}],
            "ENTERPRISE": {"employeeNumber": "7", "department": "Sales", "manager": {"value": "B2", "displayName": "Ben"}},
            "ACME": {"level": 10, "ratio": 0.5, "joined": "2026-01-02T03:04:05Z", "remote": true, "tags": ["Red", "Blue"],
                "codes": ["Red"], "seal": "AQID", "desk": {"room": "1a", "floor": 2}},
            "meta": {"resourceType": "User", "created": "2026-01-01T00:00:00Z", "lastModified": "2026-02-01T10:00:00.5Z",
                "version": "W/\"3\""}}"#,
        ),
        (
            "ben",
            r#"{"schemas": ["CORE", "ACME"], "id": "B2", "userName": "ben", "active": false, "displayName": "Straße",
            "emails": [{"value": "ben@y.test", "type": "home", "primary": true}, {"value": "x@x.test"}],
            "ACME": {"level": 9, "ratio": 10, "joined": "2026-01-02T05:04:05+02:00", "remote": false, "tags": ["Green"]},
            "meta": {"resourceType": "User", "created": "2026-03-01T00:00:00Z", "lastModified": "2026-03-01T00:00:00Z"}}"#,
        ),
        (
            "cy",
            r#"{"schemas": ["CORE"], "id": "c3", "userName": "cy", "title": "",
            "meta": {"resourceType": "User", "created": "2025-12-31T23:30:00Z", "lastModified": "2026-01-01T00:00:00Z"}}"#,
        ),
    ];
    people
        .into_iter()
        .map(|(name, text)| match json(&long(text)) {
            Value::Object(map) => (name, map),
            _ => panic!("{name} is an object"),
        })
        .collect()
}

#[test]
fn filters() {
    let people = people();
    crate::cases::run("filter.txt", |input| {
        let input = long(input);
        let filter = match Filter::parse(&input) {
            Ok(filter) => filter,
            Err(error) => return refusal(&error),
        };
        let printed = filter.to_string();
        assert_eq!(Filter::parse(&printed).unwrap(), filter, "{printed}");
        if let Err(error) = filter.check(&USER) {
            return refusal(&error);
        }
        let matching: Vec<&str> =
            people.iter().filter(|(_, person)| filter.matches(person, &USER)).map(|(name, _)| *name).collect();
        format!("{}\n=> {}", short(&printed), if matching.is_empty() { "nobody".into() } else { matching.join(" ") })
    });
}

#[test]
fn a_strict_tenant_wants_the_schema_in_front() {
    let bare = Filter::parse("department eq \"x\"").unwrap();
    assert!(bare.check_names(&USER, &dialect("")).is_ok());
    assert!(bare.check_names(&USER, &dialect("strict")).is_err());
    for fine in ["enterprise:department eq \"x\"", "userName pr", "nothing eq 1", "emails[type pr]"] {
        assert!(Filter::parse(&long(fine)).unwrap().check_names(&USER, &dialect("strict")).is_ok(), "{fine}");
    }
    assert!(Filter::parse("keys[type eq 1]").unwrap().check_names(&USER, &dialect("strict")).is_err());
}

#[test]
fn bounds() {
    let deep = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&deep(32)).is_ok());
    let error = Filter::parse(&deep(33)).unwrap_err();
    assert_eq!(error.detail, "more than 32 brackets within each other at character 34");
    assert!(Filter::parse(&"not (".repeat(100_000)).is_err());

    let long = |terms: usize| vec!["a pr"; terms].join(" or ");
    assert!(Filter::parse(&long(100)).is_ok());
    assert_eq!(Filter::parse(&long(101)).unwrap_err().detail, "more than 100 conditions at character 802");

    let wide = |length: usize| format!("a eq \"{}\"", "x".repeat(length - 7));
    assert!(Filter::parse(&wide(8192)).is_ok());
    assert!(Filter::parse(&wide(8193)).is_err());
}

#[test]
fn attribute_paths() {
    crate::cases::run("attr_path.txt", |input| {
        let input = long(input);
        let Some(path) = AttrPath::parse(&input) else { return "no path".into() };
        assert_eq!(path.to_string(), input);
        let means = match USER.resolve(&path) {
            None => "nothing".into(),
            Some(target) => target.index_path(),
        };
        let urn = path.urn.as_deref().unwrap_or("-");
        format!("{} | {} | {}\n=> {}", short(urn), path.name, path.sub.as_deref().unwrap_or("-"), short(&means))
    });
}
