//! `docs/guide/limits.md` is made from the constants and their comments; `UPDATE=1` rewrites it.
//!
//! What happens beyond a limit is written by hand in the last column and kept.

use super::{Text, files, root};
use std::collections::BTreeMap;
use std::fs;

/// The sections of the page, and the files whose limits stand in them.
const SECTIONS: [(&str, &str); 4] = [
    ("Requests", "crates/server/src/limits.rs"),
    ("Messages and values", "crates/scim/src/"),
    ("Administration and log", "crates/server/src/"),
    ("The database", "crates/store/src/"),
];

/// A constant that bounds something.
struct Limit {
    place: String,
    name: String,
    number: String,
    about: String,
}

/// The number of a constant: `1 << 20`, `10 * 86_400`, `Duration::from_secs(5)`.
fn number(expression: &str) -> Option<u64> {
    let plain = expression.trim().replace('_', "");
    let inner = plain.strip_prefix("Duration::fromsecs(").or_else(|| plain.strip_prefix("Duration::frommillis("));
    if let Some(inner) = inner {
        return number(inner.strip_suffix(')')?);
    }
    if let Some((left, right)) = plain.split_once("<<") {
        return Some(number(left)? << number(right)?);
    }
    plain.split('*').map(|factor| factor.trim().parse::<u64>().ok()).product()
}

fn with_unit(name: &str, expression: &str, number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    let unit = match name {
        _ if expression.contains("from_millis") => " ms",
        _ if expression.contains("from_secs") || name.contains("SECONDS") => " s",
        _ if name.contains("BYTES") => " bytes",
        _ if name.contains("CHARS") => " characters",
        _ => "",
    };
    grouped + unit
}

/// The limits of a file: everything in the page of the server's limits, and elsewhere what is called `…_MAX`.
fn limits(file: &Text) -> Vec<Limit> {
    let source = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut about = String::new();
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            about = format!("{about} {}", comment.trim()).trim().to_owned();
            continue;
        }
        let about = std::mem::take(&mut about);
        let Some((name, expression)) = constant(line) else { continue };
        let bounds = name.ends_with("_MAX") || name.ends_with("_MAX_BYTES") || file.path == SECTIONS[0].1;
        if let (true, Some(value)) = (bounds && !about.is_empty(), number(expression)) {
            found.push(Limit {
                place: file.path.clone(),
                number: with_unit(name, expression, value),
                about: about.trim_end_matches('.').to_owned(),
                name: name.to_owned(),
            });
        }
    }
    found
}

/// `pub const NAME: usize = 1 << 20;`
fn constant(line: &str) -> Option<(&str, &str)> {
    let (before, rest) = line.split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (_, expression) = rest.strip_suffix(';')?.split_once(" = ")?;
    let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    (is_name && (before.is_empty() || before.starts_with("pub"))).then_some((name, expression))
}

/// The page as it should be, with the last column of the page as it is.
fn page(old: &str) -> String {
    let intro = old.split("\n## ").next().unwrap_or_default().trim_end();
    let mut beyond: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in old.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, _, _, name, place, what, ..] = cells.as_slice() {
            beyond.insert(((*name).to_owned(), (*place).to_owned()), (*what).to_owned());
        }
    }
    let mut text = format!("{intro}\n");
    let sources = files(|name| name.ends_with(".rs") && SECTIONS.iter().any(|(_, place)| name.starts_with(place)));
    for (title, place) in SECTIONS {
        text.push_str(&format!(
            "\n## {title}\n\n| limit | number | constant | in | beyond it |\n|---|--:|---|---|---|\n"
        ));
        let here = |file: &&Text| {
            SECTIONS.iter().find(|(_, place)| file.path.starts_with(place)).is_some_and(|s| s.1 == place)
        };
        for limit in sources.iter().filter(here).flat_map(limits) {
            let (name, place) = (format!("`{}`", limit.name), format!("`{}`", limit.place));
            let what = beyond.get(&(name.clone(), place.clone())).cloned().unwrap_or_default();
            text.push_str(&format!("| {} | {} | {name} | {place} | {what} |\n", limit.about, limit.number));
        }
    }
    text
}

#[test]
fn the_guide_lists_every_limit_with_its_number() {
    let path = root().join("docs/guide/limits.md");
    let old = fs::read_to_string(&path).unwrap();
    let new = page(&old);
    assert!(new.lines().count() > 40, "only {} lines", new.lines().count());
    assert_eq!((number("1 << 20"), number("10 * 365 * 86_400")), (Some(1 << 20), Some(315_360_000)));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &new).unwrap();
        return;
    }
    let changed: Vec<&str> = new.lines().filter(|line| !old.lines().any(|have| have == *line)).collect();
    assert!(old == new, "docs/guide/limits.md is not up to date (UPDATE=1 rewrites it): {changed:#?}");
}
