//! What the cases are about: a user type with an extension that has an attribute of every kind.

use scim::resource_type::Extension;
use scim::{Dialect, ResourceType, Schema};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

pub(crate) static USER: LazyLock<ResourceType> = LazyLock::new(|| {
    let acme: Schema = serde_json::from_str(include_str!("acme.json")).unwrap();
    acme.check().unwrap();
    let mut user = ResourceType::user();
    user.extensions.push(Extension { schema: Arc::new(acme), required: false });
    user
});

pub(crate) static GROUP: LazyLock<ResourceType> = LazyLock::new(ResourceType::group);

/// A dialect in words: `strict`, `strict +flag`, `-flag`.
pub(crate) fn dialect(words: &str) -> Dialect {
    let mut dialect = Dialect::LENIENT;
    for word in words.split_whitespace() {
        match word.split_at(1) {
            ("+", name) => assert!(dialect.set(name, true), "no leniency {name}"),
            ("-", name) => assert!(dialect.set(name, false), "no leniency {name}"),
            _ => {
                assert_eq!(word, "strict");
                dialect = Dialect::STRICT;
            }
        }
    }
    dialect
}

const SHORT: [(&str, &str); 5] = [
    ("acme:", "urn:acme.test:scim:schemas:2.0:User:"),
    ("enterprise:", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"),
    ("ACME", "urn:acme.test:scim:schemas:2.0:User"),
    ("ENTERPRISE", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
    ("CORE", "urn:ietf:params:scim:schemas:core:2.0:User"),
];

/// `acme:department`, `ENTERPRISE` and so on stand for URNs in the cases.
pub(crate) fn long(text: &str) -> String {
    let mut long = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let found = SHORT.iter().find(|(short, _)| rest.starts_with(short) && !long.ends_with([':', '.']));
        long.push_str(found.map_or(&rest[..next.len_utf8()], |(_, urn)| urn));
        rest = &rest[found.map_or(next.len_utf8(), |(short, _)| short.len())..];
    }
    long
}

/// The opposite of `long`.
pub(crate) fn short(text: &str) -> String {
    SHORT.iter().fold(text.to_owned(), |text, (short, urn)| text.replace(urn, short))
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

pub(crate) fn refusal(error: &scim::Error) -> String {
    format!("{} {}: {}", error.status, error.scim_type.map_or("-", |scim_type| scim_type.as_str()), error.detail)
}
