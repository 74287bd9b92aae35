//! What answers show: `cases/projection.txt` over one user that has every kind of `returned`.

use crate::cases;
use proptest::prelude::{Strategy, prop_assert, proptest};
use scim::projection::{NAME_BYTES_MAX, NAMES_MAX};
use scim::resource_type::Extension;
use scim::schema::{Returned, Schema};
use scim::{Projection, ResourceType};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const CUSTOM: &str = "urn:example:params:scim:schemas:custom:User";

/// A user type whose custom extension has an attribute of every kind of `returned`.
fn user_type() -> ResourceType {
    let custom = Schema::from_json(&json!({"id": CUSTOM, "attributes": [
        {"name": "badge", "returned": "always"},
        {"name": "pin", "mutability": "writeOnly"},
        {"name": "history", "returned": "request"},
        {"name": "seat"},
        {"name": "locker", "type": "complex", "subAttributes": [
            {"name": "number", "returned": "always"},
            {"name": "floor"},
            {"name": "code", "returned": "never"},
            {"name": "log", "returned": "request"},
        ]},
    ]}))
    .unwrap();
    let mut user = ResourceType::user();
    user.extensions.push(Extension { schema: Arc::new(custom), required: false });
    user.check().unwrap();
    user
}

fn document() -> Map<String, Value> {
    let enterprise = scim::schema::ENTERPRISE_USER;
    let document = json!({
        "schemas": [scim::schema::USER, enterprise, CUSTOM],
        "id": "u1",
        "externalId": "e1",
        "userName": "ada",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "password": "secret",
        "emails": [{"value": "a@example.com", "type": "work", "primary": true}, {"value": "b@example.com"}],
        "groups": [{"value": "g1", "display": "Makers"}],
        (enterprise): {"department": "R&D", "manager": {"value": "u2", "displayName": "Mary"}},
        (CUSTOM): {
            "badge": "7", "pin": "1234", "history": "long", "seat": "3A",
            "locker": {"number": "9", "floor": "2", "code": "0000", "log": "opened"},
        },
        "meta": {"resourceType": "User", "version": "W/\"1\"", "location": "/Users/u1"},
        "unheardOf": true,
    });
    document.as_object().unwrap().clone()
}

#[test]
fn cases() {
    let user = user_type();
    cases::run("projection.txt", |input| {
        let line = |name: &str| input.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let projection = Projection::parse(line("attributes"), line("excludedAttributes")).unwrap();
        let shown = projection.apply(document(), &user);
        shown.iter().map(|(name, value)| format!("{name} {value}\n")).collect()
    });
}

/// `shows` and `shows_name` must not promise what `apply` then leaves out, nor the other way round.
#[test]
fn shows_agrees_with_apply() {
    let user = user_type();
    for (attributes, excluded) in [
        (None, None),
        (Some("emails.value"), None),
        (Some("urn:example:params:scim:schemas:custom:User"), None),
        (Some("history,locker.log"), None),
        (None, Some("groups,emails,meta,manager")),
        (None, Some("urn:example:params:scim:schemas:custom:User,userName")),
    ] {
        let projection = Projection::parse(attributes, excluded).unwrap();
        let shown = projection.apply(document(), &user);
        let held = document();
        for (extension, attribute) in user.attributes() {
            let value = |document: &Map<String, Value>| match extension {
                None => document.get(&attribute.name).cloned(),
                Some(schema) => document.get(&schema.id).and_then(|held| held.get(&attribute.name)).cloned(),
            };
            if value(&held).is_some() {
                let there = value(&shown).is_some();
                assert_eq!(there, projection.shows(&user, extension, attribute), "{} {attributes:?}", attribute.name);
                assert!(!there || attribute.returned != Returned::Never);
            }
        }
        assert_eq!(shown.contains_key("groups"), projection.shows_name(&user, "GROUPS"));
        assert!(!projection.shows_name(&user, "nothing"));
    }
}

#[test]
fn the_default_is_known_as_such() {
    for (attributes, excluded, expected) in
        [(None, None, true), (Some(""), Some(" , "), true), (Some("id"), None, false), (None, Some("id"), false)]
    {
        let projection = Projection::parse(attributes, excluded).unwrap();
        assert_eq!(projection.is_default(), expected, "{attributes:?} {excluded:?}");
    }
    assert!(Projection::default().is_default());
}

#[test]
fn lists_are_bounded() {
    let many = vec!["userName".to_owned(); NAMES_MAX + 1];
    let error = Projection::from_lists(&many, &[]).unwrap_err();
    assert_eq!((error.status, error.detail.as_str()), (400, "attributes has more than 100 names"));
    assert!(Projection::from_lists(&many[1..], &[]).is_ok());
    assert!(Projection::from_lists(&[], &["x".repeat(NAME_BYTES_MAX + 1)]).is_err());
}

/// Names that select something, nothing, or what must never be shown.
const NAMES: [&str; 16] = [
    "password",
    "PIN",
    "locker",
    "locker.code",
    "locker.number",
    "urn:example:params:scim:schemas:custom:User:pin",
    "urn:example:params:scim:schemas:custom:User:locker.code",
    CUSTOM,
    scim::schema::USER,
    "urn:ietf:params:scim:schemas:core:2.0:User:password",
    "badge",
    "id",
    "schemas",
    "emails.value",
    "nothing",
    "a b",
];

fn list() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 0..6)
}

proptest! {
    #[test]
    fn never_leaks_and_always_shows(attributes in list(), excluded in list()) {
        let shown = Projection::from_lists(&attributes, &excluded).unwrap().apply(document(), &user_type());
        let text = Value::Object(shown.clone()).to_string();
        prop_assert!(!text.contains("secret") && !text.contains("1234") && !text.contains("0000"), "{text}");
        prop_assert!(shown.contains_key("id") && shown.contains_key("schemas") && shown[CUSTOM]["badge"] == "7");
        let urns: Vec<&str> = shown["schemas"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        prop_assert!(urns.iter().skip(1).all(|urn| shown.contains_key(*urn)), "{urns:?}");
    }
}
