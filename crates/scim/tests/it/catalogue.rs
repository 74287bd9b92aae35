//! The catalogue of errors and its page.

use scim::code::{self, CATALOGUE};
use std::path::Path;

/// `UPDATE=1` writes the page anew.
#[test]
fn page_lists_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/errors.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, code::markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == code::markdown(), "docs/guide/errors.md is not the catalogue: run the tests with UPDATE=1");
}

#[test]
fn codes_are_numbered_once_and_stay_in_a_known_area() {
    for (entry, next) in CATALOGUE.iter().zip(CATALOGUE.iter().skip(1)) {
        assert!(entry.code.number() < next.code.number(), "{} stands behind {}", next.code, entry.code);
    }
    for entry in CATALOGUE {
        assert!(code::markdown().contains(&format!("| {} | {} |", entry.code, entry.status)), "{}", entry.code);
        assert!((400..600).contains(&entry.status), "{}", entry.code);
        assert_eq!(entry.code.entry().map(|found| found.title), Some(entry.title));
    }
}
