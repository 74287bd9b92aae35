//! What the scan in front of the parser takes and refuses, at each bound and one behind it.

use saml::{ATTRIBUTES_MAX, DEPTH_MAX, NAME_BYTES_MAX, NAMESPACES_MAX, Refused, TAGS_MAX, c14n};

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
