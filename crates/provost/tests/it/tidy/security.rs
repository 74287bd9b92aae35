//! What SECURITY.md promises: each promise has its test, and what the source alone can show is shown here.

use super::{Text, is_test, none, root, rust, shipped};
use std::collections::BTreeSet;
use std::fs;

/// The last word in front of a comparison, or the first behind one, without what is called on it.
fn word(text: &str, last: bool) -> String {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = text.split(|c: char| !named(c) && !matches!(c, '.' | '*' | '&')).filter(|word| !word.is_empty());
    let whole = if last { words.next_back() } else { words.next() }.unwrap_or_default();
    whole.trim_matches(['*', '&', '.']).rsplit('.').next().unwrap_or_default().to_owned()
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let secrets = ["mac", "csrf", "secret", "password", "ticket", "cookie", "signature"];
    let is_secret = |text: &str, last: bool| {
        let word = word(text, last);
        secrets.iter().any(|secret| word == *secret || word.ends_with(&format!("_{secret}")))
    };
    assert!(is_secret("if have.mac ", true) && is_secret(" &form.csrf {", false) && !is_secret("secret.len() ", true));
    let mut findings = Vec::new();
    let served = |path: &str| path.starts_with("crates/server/src/") || path.starts_with("crates/store/src/");
    for file in rust().into_iter().filter(|file| served(&file.path) && !is_test(&file.path)) {
        for (number, line) in shipped(&file.text).lines().enumerate() {
            let mut parts = line.split(" == ").flat_map(|part| part.split(" != ")).peekable();
            while let (Some(left), Some(right)) = (parts.next(), parts.peek()) {
                if is_secret(left, true) || is_secret(right, false) {
                    findings.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
                }
            }
        }
    }
    none(findings, "secrets are compared with `session::same` or `mac_matches`, in a time that says nothing");
}

#[test]
fn no_banned_dependency_is_in_the_tree() {
    let table = |name: &str| fs::read_to_string(root().join(name)).unwrap().parse::<toml::Table>().unwrap();
    let deny = table("deny.toml");
    let banned: BTreeSet<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().filter_map(|entry| entry["crate"].as_str()).collect();
    assert!(banned.len() >= 4);
    let lock = table("Cargo.lock");
    let names = lock["package"].as_array().unwrap().iter().filter_map(|package| package["name"].as_str());
    none(names.filter(|name| banned.contains(name)).map(str::to_owned).collect(), "deny.toml bans it");
}

/// The text of every test: the tests of a file stand in a folder of tests, or in a module of its own.
fn tests() -> String {
    let own = |file: Text| {
        let (_, own) = file.text.split_once("#[cfg(test)]\nmod tests").unwrap_or_default();
        if is_test(&file.path) { file.text } else { own.to_owned() }
    };
    rust().into_iter().map(own).collect()
}

/// The names in a text that promise a test, `like_this`; what has a slash or a dot is a file or a setting.
fn promised(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|name| !name.contains(['/', '.'])).collect()
}

#[test]
fn what_security_md_promises_is_tested() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let section = |name: &str| {
        let (_, rest) = text.split_once(&format!("\n## {name}\n")).unwrap_or_else(|| panic!("no section {name}"));
        rest.split("\n## ").next().unwrap()
    };
    let held = format!("{}{}", section("How it is held"), section("Item by item"));
    let promised = promised(&held);
    assert!(promised.len() > 100, "{}", promised.len());
    let sources = tests();
    let missing = promised.into_iter().filter(|name| !sources.contains(&format!("fn {name}(")));
    none(missing.map(str::to_owned).collect(), "a promise without its test");
}

#[test]
fn every_line_of_asvs_is_held_by_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/asvs.md")).unwrap();
    let chapters = text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(chapters, 17);
    let sources = tests();
    let reasons = root().join("crates/saml/tests/bad");
    // A reason to refuse a message of SAML stands behind its test, in brackets.
    let held = |name: &str| sources.contains(&format!("fn {name}(")) || reasons.join(name).is_dir();
    let named = promised(&text).into_iter().filter(|name| name.len() > 12 && name.contains('_'));
    none(named.filter(|name| !held(name)).map(str::to_owned).collect(), "docs/asvs.md names a test that is not there");
}

#[test]
fn every_known_failure_of_others_has_its_case() {
    let text = fs::read_to_string(root().join("docs/known-failures.md")).unwrap();
    let sources = tests();
    let mut known = BTreeSet::new();
    let mut findings = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| CVE-") || line.starts_with("| GHSA-")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [names, _, cases] = cells.as_slice() else { panic!("three cells: {row}") };
        known.extend(names.split(", ").map(str::to_owned));
        let cases: Vec<&str> = cases.split('`').skip(1).step_by(2).collect();
        let is_there = |case: &&str| match case.contains('/') {
            true => root().join("crates/saml/tests/bad").join(format!("{case}.case")).is_file(),
            false => sources.contains(&format!("fn {case}(")),
        };
        findings.extend(cases.iter().filter(|case| !is_there(case)).map(|case| format!("{names}: {case}")));
        if cases.is_empty() {
            findings.push(format!("{names}: no case"));
        }
    }
    none(findings, "docs/known-failures.md names a case that is not there");
    assert!(known.len() >= 40, "{} are named", known.len());
}
