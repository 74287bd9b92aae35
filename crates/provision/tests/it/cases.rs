//! Expressions as case files: an expression, and below it what it is worth (`=`), what its author should
//! look at (`~`), what it depends on (`<`), or why it cannot be read or has no value (`!`).
//! `UPDATE=1` rewrites everything below the expressions.

use provision::expression::{Expression, Facts, Language, Source};
use std::fmt::Write as _;
use std::{env, fs};

/// 2015-07-31T17:18:37.979Z, a summer's day in New York.
pub(super) const NOW: i64 = 1_438_363_117_979_000;

pub(super) fn facts() -> Facts {
    serde_json::from_str(include_str!("cases/facts.json")).unwrap()
}

fn judged(text: &str, language: Language, facts: &Facts, with_dependencies: bool) -> String {
    let mut out = String::new();
    let expression = match Expression::parse(text, language) {
        Ok(expression) => expression,
        Err(error) => return format!("  ! {error}\n"),
    };
    match expression.evaluate(facts, NOW) {
        Err(error) => writeln!(out, "  ! {error}").unwrap(),
        Ok(done) => {
            writeln!(out, "  = {}{}", done.value, if done.ignored { " (left as it is)" } else { "" }).unwrap();
            for warning in &done.warnings {
                writeln!(out, "  ~ character {}: {}", warning.at, warning.message).unwrap();
            }
        }
    }
    if with_dependencies {
        for dependency in expression.dependencies(facts.source) {
            writeln!(out, "  < {}", serde_json::to_string(&dependency).unwrap()).unwrap();
        }
        for lint in expression.lints() {
            writeln!(out, "  ? character {}: {}", lint.at, lint.code).unwrap();
        }
    }
    out
}

/// Runs a file of cases, and says which expressions are in it.
fn run(name: &str, language: Language, source: Source, with_dependencies: bool) -> usize {
    let path = format!("{}/tests/it/cases/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let before = fs::read_to_string(&path).unwrap();
    let facts = Facts { source, ..facts() };
    let (mut after, mut count) = (String::new(), 0);
    for line in before.lines() {
        if line.starts_with("  ") {
            continue;
        }
        after.push_str(line);
        after.push('\n');
        if !line.is_empty() && !line.starts_with('#') {
            count += 1;
            after.push_str(&judged(line, language, &facts, with_dependencies));
        }
    }
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &after).unwrap();
    } else {
        for (number, (was, is)) in before.lines().zip(after.lines()).enumerate() {
            assert_eq!(was, is, "{name}.txt, line {}", number + 1);
        }
        assert_eq!(before, after, "{name}.txt");
    }
    count
}

#[test]
fn okta_expressions() {
    let count = run("okta", Language::Okta, Source::User, false);
    assert!(count > 300, "{count} cases");
}

#[test]
fn okta_expressions_from_the_app() {
    assert!(run("appuser", Language::Okta, Source::AppUser, false) > 10);
}

#[test]
fn entra_expressions() {
    let count = run("entra", Language::Entra, Source::User, false);
    assert!(count > 80, "{count} cases");
}

#[test]
fn dependencies_and_lints() {
    assert!(run("dependencies", Language::Okta, Source::User, true) > 20);
}

#[test]
fn expressions_that_cannot_be_read() {
    assert!(run("refused", Language::Okta, Source::User, false) > 30);
}

/// Sizes that must end in an error, and in a moment.
#[test]
fn bounds() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let okta = |text: &str| Expression::okta(text).and_then(|e| e.evaluate(&facts(), NOW));
    assert!(okta(&deep).unwrap_err().message.contains("longer"));
    assert!(okta(&format!("{}1{}", "(".repeat(2_000), ")".repeat(2_000))).unwrap_err().message.contains("nested"));
    assert!(okta(&format!("{}true", "!".repeat(5_000))).unwrap_err().message.contains("nested"));
    assert!(okta(&format!("{}1", "-".repeat(5_000))).unwrap_err().message.contains("nested"));
    assert!(okta(&format!("1{}", "+1".repeat(4_000))).unwrap_err().message.contains("row"));
    assert!(okta(&format!("user{}", ".a".repeat(4_000))).unwrap_err().message.contains("row"));
    assert!(okta(&"true ? 1 : ".repeat(900)).unwrap_err().message.contains("nested"));
    // Texts that double: 2^40 bytes if nobody stopped them.
    let mut doubled = "\"xxxxxxxxxx\"".to_owned();
    for _ in 0..40 {
        doubled = format!("String.replace({doubled}, \"x\", \"xx\")");
    }
    assert!(okta(&doubled).unwrap_err().message.contains("large"));
    let long = "a".repeat(9_000);
    let many = format!("String.replace(\"{long}\", \"a\", \"{}\")", "b".repeat(900));
    assert!(okta(&many).unwrap_err().message.contains("large"));
    // Patterns on which a backtracking engine would take for ever.
    let slow = format!("\"{}!\" matches \"(a+)+$\"", "a".repeat(5_000));
    assert_eq!(okta(&slow).unwrap().value, false);
    assert!(Expression::okta(&format!("user.x matches \"{}\"", "(a{99}){99}")).is_err());
    assert!(Expression::parse(&"A(".repeat(3_000), Language::Entra).is_err());
    assert!(Expression::parse(&format!("{}[x]{}", "Not(".repeat(1_000), ")".repeat(1_000)), Language::Entra).is_err());
}

/// The same facts and the same time give the same value; the time is asked only where it is written.
#[test]
fn now_is_an_argument() {
    let expression = Expression::okta("Time.now()").unwrap();
    let at = |now| expression.evaluate(&facts(), now).unwrap().value;
    assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(at(NOW), at(NOW));
}

/// Where a value comes from is part of the answer.
#[test]
fn provenance() {
    let text = "isMemberOfGroupName(\"Admins\") ? user.email : user.nickName ?: user.firstName";
    let done = Expression::okta(text).unwrap().evaluate(&facts(), NOW).unwrap();
    let steps = serde_json::to_value(&done.steps).unwrap();
    expect(&steps.to_string());
    fn expect(steps: &str) {
        assert_eq!(
            steps,
            r#"[{"groups":{"function":"isMemberOfGroupName","value":false}},{"branch":{"at":1,"taken":false}},{"read":{"path":"user.nickName","value":""}},{"read":{"path":"user.firstName","value":"Adam"}}]"#
        );
    }
}

/// An expression is kept as it was written, and read again when it is loaded.
#[test]
fn kept_as_written() {
    let expression = Expression::okta("user.email + 'x'").unwrap();
    let kept = serde_json::to_string(&expression).unwrap();
    assert_eq!(kept, r#"{"text":"user.email + 'x'","language":"okta"}"#);
    assert_eq!(serde_json::from_str::<Expression>(&kept).unwrap(), expression);
    let error = serde_json::from_str::<Expression>(r#"{"text":"user.email +"}"#).unwrap_err();
    assert!(error.to_string().contains("character 13"), "{error}");
}
