//! Mappings: expressions in both languages, and the places where values go.

use provision::expression::{Expression, Facts, Language, OUTPUT_BYTES_MAX};
use provision::place::{Pasted, Place};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000;
static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../crates/provision/tests/it/cases/facts.json")).expect("facts")
});

/// An expression that can be read gives the same value for the same facts, and not too large a one.
pub(super) fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for language in [Language::Okta, Language::Entra] {
        let expression = match Expression::parse(text, language) {
            Ok(expression) => expression,
            Err(error) => {
                assert!(error.at >= 1 && error.at <= text.chars().count() + 1, "{error} at {}", error.at);
                continue;
            }
        };
        let _ = (expression.lints(), expression.dependencies(FACTS.source));
        let kept = serde_json::to_value(&expression).expect("it is kept as text");
        assert_eq!(serde_json::from_value::<Expression>(kept).ok().as_ref(), Some(&expression));
        let once = expression.evaluate(&FACTS, NOW);
        if let Ok(once) = &once {
            assert!(once.value.to_string().len() <= 8 * OUTPUT_BYTES_MAX, "{}", once.value.to_string().len());
        }
        assert_eq!(once.ok(), expression.evaluate(&FACTS, NOW).ok());
    }
}

/// A place reads what it writes, and nothing where it cleared.
pub(super) fn place(text: &str) {
    for pasted in [Pasted::Split, Pasted::WholeKey, Pasted::Dots] {
        let Ok(place) = Place::parse(text, None, pasted) else { continue };
        let mut document = Map::new();
        place.write(&mut document, Value::from("x"));
        // What an element is found by may be what is written into it; then it is another one.
        if text.contains('[') {
            let _ = (place.read(&document), place.path(), place.has_element(&document));
            place.clear(&mut document);
            continue;
        }
        assert_eq!(place.read(&document), Some(&Value::from("x")), "{text}: {document:?}");
        place.clear(&mut document);
        assert_eq!(place.read(&document), None, "{text}: {document:?}");
        let _ = (place.path(), place.has_element(&document));
    }
}
