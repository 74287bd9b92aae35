//! What is taken and what is refused, at each bound and one behind it.

use base64::{Engine, engine::general_purpose::STANDARD};
use saml::{
    ATTRIBUTES_MAX, DEPTH_MAX, EntityId, Location, Metadata, NAME_BYTES_MAX, NAMESPACES_MAX, Refused, SKEW_US,
    TAGS_MAX,
    authn_request::REQUEST_AGE_MAX_US,
    binding::{INFLATED_BYTES_MAX, Inbound, Kind, RELAY_STATE_BYTES_MAX},
    c14n, fresh_id,
    metadata::METADATA_BYTES_MAX,
    response::{self, MESSAGE_BYTES_MAX},
};
use std::io::Write as _;

fn many(count: usize, what: impl Fn(usize) -> String) -> String {
    (0..count).map(what).collect()
}

/// Elements within each other, the innermost one given.
fn nested(depth: usize, inside: &str) -> String {
    format!("{}{inside}{}", "<a>".repeat(depth), "</a>".repeat(depth))
}

fn attributes(count: usize) -> String {
    format!("<a{}/>", many(count, |n| format!(" b{n}=\"\"")))
}

fn namespaces(count: usize) -> String {
    let element = |from: usize, to: usize| format!("<a{}/>", many(to - from, |n| format!(" xmlns:n{n}=\"urn:n\"")));
    let inside = many(count.div_ceil(60), |n| element(n * 60, count.min(n * 60 + 60)));
    format!("<a>{inside}</a>")
}

fn closed(spaces: usize) -> String {
    format!("<a></a{}>", " ".repeat(spaces))
}

#[test]
fn every_bound_is_where_it_is_said_to_be() {
    let long = "n".repeat(NAME_BYTES_MAX);
    let cases = [
        (nested(DEPTH_MAX, ""), nested(DEPTH_MAX + 1, ""), Refused::TooDeep),
        (nested(DEPTH_MAX - 1, "<b/>"), nested(DEPTH_MAX, "<b/>"), Refused::TooDeep),
        (attributes(ATTRIBUTES_MAX), attributes(ATTRIBUTES_MAX + 1), Refused::TooManyAttributes),
        (namespaces(NAMESPACES_MAX), namespaces(NAMESPACES_MAX + 1), Refused::TooManyNamespaces),
        (nested(1, &"<b/>".repeat(TAGS_MAX - 1)), nested(1, &"<b/>".repeat(TAGS_MAX)), Refused::TooManyTags),
        (format!("<{long}></{long}>"), format!("<{long}n></{long}n>"), Refused::NameTooLong),
        (format!("<a {long}=\"\"/>"), format!("<a {long}n=\"\"/>"), Refused::NameTooLong),
        // Space in front of the end of a closing tag is counted with its name.
        (closed(NAME_BYTES_MAX - 1), closed(NAME_BYTES_MAX), Refused::NameTooLong),
    ];
    for (taken, refused, reason) in cases {
        let start = |text: &str| text.chars().take(40).collect::<String>();
        assert!(c14n::exclusive(&taken, None, &[]).is_ok(), "{}", start(&taken));
        assert_eq!(c14n::exclusive(&refused, None, &[]), Err(reason), "{}", start(&refused));
    }
}

#[test]
fn references_and_namespaces_are_of_a_closed_kind() {
    let reference = |name: &str| format!("<a b=\"&{name};\">&{name};</a>");
    let namespace = |uri: &str| format!("<n:a xmlns:n=\"{uri}\"/>");
    for (text, verdict) in [
        (reference("#65"), None),
        (reference("#x41"), None),
        (reference("#00000065"), None),
        (reference("#x00000041"), None),
        (reference("#000000065"), Some(Refused::UnknownEntity)),
        (reference("#x000000041"), Some(Refused::UnknownEntity)),
        (reference("#+65"), Some(Refused::UnknownEntity)),
        (reference("#x+41"), Some(Refused::UnknownEntity)),
        (reference("#X41"), Some(Refused::UnknownEntity)),
        (reference("#x110000"), Some(Refused::ForbiddenCharacter)),
        (reference("#xFFFFFFFF"), Some(Refused::ForbiddenCharacter)),
        (reference("#xD800"), Some(Refused::ForbiddenCharacter)),
        (reference("#0"), Some(Refused::ForbiddenCharacter)),
        (namespace("urn:a"), None),
        (namespace("a1+-.:b"), None),
        (namespace("urn:"), Some(Refused::OddNamespace)),
        (namespace("1a:b"), Some(Refused::OddNamespace)),
        (namespace("a_b:c"), Some(Refused::OddNamespace)),
        (namespace(":c"), Some(Refused::OddNamespace)),
        (namespace("urn:&lt;"), Some(Refused::OddNamespace)),
        (namespace("urn:ä"), Some(Refused::OddNamespace)),
    ] {
        assert_eq!(c14n::exclusive(&text, None, &[]).err(), verdict, "{text}");
    }
}

/// Whether the size was what it was refused for.
fn too_large<T>(read: saml::Result<T>) -> bool {
    matches!(read, Err(Refused::MessageTooLarge))
}

#[test]
fn sizes_are_bounded_where_it_is_said() {
    let said = (MESSAGE_BYTES_MAX, METADATA_BYTES_MAX, INFLATED_BYTES_MAX, REQUEST_AGE_MAX_US, SKEW_US);
    assert_eq!(said, (262_144, 1_048_576, 65_536, 600_000_000, 60_000_000));
    // The message itself, and its form field with as many line ends as there is room for.
    let field = |bytes: usize| STANDARD.encode("x".repeat(bytes));
    assert!(!too_large(response::peek(&field(MESSAGE_BYTES_MAX))));
    assert!(too_large(response::peek(&field(MESSAGE_BYTES_MAX + 1))));
    let characters = MESSAGE_BYTES_MAX / 3 * 4 + MESSAGE_BYTES_MAX / 16;
    assert!(!too_large(response::peek(&"\n".repeat(characters))));
    assert!(too_large(response::peek(&"\n".repeat(characters + 1))));
    assert!(!too_large(Metadata::parse(&vec![b' '; METADATA_BYTES_MAX], 0)));
    assert!(too_large(Metadata::parse(&vec![b' '; METADATA_BYTES_MAX + 1], 0)));
    let padded = |length: usize| format!("SAMLRequest=x&{}", "y".repeat(length - 14));
    assert!(!too_large(Inbound::from_query(&padded(INFLATED_BYTES_MAX * 2))));
    assert!(too_large(Inbound::from_query(&padded(INFLATED_BYTES_MAX * 2 + 1))));
}

#[test]
fn what_travels_in_a_redirect_is_bounded() {
    let inflates_to = |bytes: usize| {
        let xml = format!("<a>{}</a>", " ".repeat(bytes - 7));
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(xml.as_bytes()).unwrap();
        let query = STANDARD.encode(encoder.finish().unwrap()).replace('+', "%2B");
        Inbound::from_query(&format!("SAMLRequest={query}&RelayState=a+b%2Bc"))
    };
    let read = inflates_to(INFLATED_BYTES_MAX).unwrap();
    assert_eq!(read.relay_state(), Some("a b+c"));
    assert_eq!(inflates_to(INFLATED_BYTES_MAX + 1).err(), Some(Refused::InflatesTooLarge));
    let state = |bytes: usize| {
        let state = "s".repeat(bytes);
        Inbound::from_form(Kind::Request, &STANDARD.encode("<a/>"), Some(&state)).err()
    };
    assert_eq!(state(RELAY_STATE_BYTES_MAX), None);
    assert_eq!(state(RELAY_STATE_BYTES_MAX + 1), Some(Refused::RelayStateTooLong));
}

#[test]
fn names_are_bounded_shown_as_they_are_and_never_made_twice() {
    let entity = |length: usize| EntityId::parse(&"ü".repeat(length));
    assert!(entity(1024).is_ok() && entity(1025).is_err());
    assert_eq!(EntityId::parse("urn:a").unwrap().to_string(), "urn:a");
    let location = |length: usize| Location::parse(&format!("https://a/{}", "b".repeat(length - 10)));
    assert!(location(2048).is_ok() && location(2049).is_err());
    assert_eq!(location(12).unwrap().to_string(), "https://a/bb");
    let (one, another) = (fresh_id().unwrap(), fresh_id().unwrap());
    assert!(one != another && one.len() == 41 && one.starts_with('_') && !one.contains(|c: char| c.is_uppercase()));
}
