//! What keeps the house in order: rules of the design that a compiler does not check.

mod documents;
mod licences;
mod limits;
mod security;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file of code.
const LINES_MAX: usize = 700;

/// The top of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of the repository: its path from the top, and its text.
pub(super) struct Text {
    pub(super) path: String,
    pub(super) text: String,
}

/// Every text file, without what builds and runs leave behind.
pub(super) fn files(fits: impl Fn(&str) -> bool) -> Vec<Text> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            let skipped = [".git", ".venv", "target", "fuzz/target", "provost-data", "tests/scimmy/node_modules"];
            if kind.is_dir() && !skipped.contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file() && name != ".git" && fits(&name) {
                // Not text, or gone since the folder was read: nothing to look at.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push(Text { path: name, text });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty());
    found
}

pub(super) fn rust() -> Vec<Text> {
    files(|name| name.ends_with(".rs"))
}

/// Fails with every finding at once.
pub(super) fn none(findings: Vec<String>, rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// The part of a source file that is shipped: without its tests at the end.
pub(super) fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// `story` is what the outbound engine's own tests are in: `#[cfg(test)] mod story;`.
pub(super) fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.contains("/outbound/story")
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |file: &Text| {
        let first = file.text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.len() < 14
    };
    none(
        rust().into_iter().filter(silent).map(|file| file.path).collect(),
        "a source file opens with `//!` and a sentence about what it is for",
    );
}

#[test]
fn no_file_is_too_long() {
    let long = rust().into_iter().filter(|file| file.text.lines().count() > LINES_MAX);
    none(long.map(|file| file.path).collect(), &format!("a file has at most {LINES_MAX} lines"));
}

#[test]
fn no_file_is_called_mod_or_hides_in_a_drawer() {
    let drawers = ["mod.rs", "util.rs", "utils.rs", "common.rs", "helper.rs", "helpers.rs", "misc.rs"];
    let found = rust().into_iter().filter(|file| drawers.iter().any(|name| file.path.ends_with(&format!("/{name}"))));
    none(found.map(|file| file.path).collect(), "a file is named after what it does");
}

/// The dependencies of a crate by their names, without those of its tests.
fn dependencies(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{name} takes the lints of the workspace");
    let tables = [Some(&manifest), manifest.get("target").and_then(toml::Value::as_table)];
    let found = tables.into_iter().flatten().filter_map(|table| table.get("dependencies"));
    found.filter_map(toml::Value::as_table).flat_map(toml::Table::keys).cloned().collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("scim", &["jiff", "serde", "serde_json", "unicase"][..]),
        ("provision", &["jiff", "regex", "scim", "serde", "serde_json"]),
        ("saml", &["aws-lc-rs", "base64", "flate2", "jiff", "roxmltree", "x509-cert"]),
        (
            "store",
            &[
                "aws-lc-rs",
                "bytes",
                "foldhash",
                "futures-util",
                "lz4_flex",
                "rusqlite",
                "rustls-native-certs",
                "scim",
                "serde",
                "serde_json",
                "tokio",
                "tokio-postgres",
                "tokio-rustls",
                "tracing",
                "uuid",
            ],
        ),
    ]);
    // What a pure crate must never have, whatever else it needs.
    let waiting = ["axum", "hyper", "reqwest", "rusqlite", "server", "store", "tokio", "tracing"];
    let refused: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("conformance", &["provision", "rusqlite", "server", "store"][..]),
        ("provision", &waiting),
        ("provost", &["hyper", "rusqlite"]),
        ("saml", &waiting),
        ("server", &["clap", "provost", "rusqlite"]),
    ]);
    let mut findings = Vec::new();
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        for dependency in dependencies(&name) {
            let outside = allowed.get(name.as_str()).is_some_and(|list| !list.contains(&dependency.as_str()));
            let wrong_way = refused.get(name.as_str()).is_some_and(|list| list.contains(&dependency.as_str()));
            if outside || wrong_way {
                findings.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    none(findings, "a new edge between crates is a decision: docs/decisions");
}

/// The files that only tests are built with: `#[cfg(test)] mod costs;` beside them.
fn built_for_tests(files: &[Text]) -> BTreeSet<String> {
    let declared = |file: &Text| {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let names = file.text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.split_once(';'));
        let names = names.map(|(name, _)| name).filter(|name| !name.contains(char::is_whitespace));
        names.map(|name| format!("{folder}/{name}.rs")).collect::<Vec<_>>()
    };
    files.iter().flat_map(declared).collect()
}

/// Lines of shipped code with one of these words, in files that are not among those named.
fn uses(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    let files = rust();
    let tests = built_for_tests(&files);
    for file in files.iter().filter(|file| !is_test(&file.path) && !tests.contains(&file.path) && !may(&file.path)) {
        for (number, line) in shipped(&file.text).lines().enumerate() {
            let code = line.trim_start();
            if !code.starts_with("//") && words.iter().any(|word| code.contains(word)) {
                findings.push(format!("{}:{}: {code}", file.path, number + 1));
            }
        }
    }
    findings
}

#[test]
fn sql_is_only_in_the_store() {
    let words = ["rusqlite", "\"select ", "\"insert into ", "\"delete from ", "\"update resource", "\"create table "];
    none(uses(&words, |path| path.starts_with("crates/store/")), "SQL is in the store and nowhere else");
}

#[test]
fn the_clock_is_read_in_one_place() {
    let words = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "OffsetDateTime::now"];
    none(uses(&words, |path| path == "crates/server/src/clock.rs"), "`now` is an argument; only server/clock.rs asks");
}

#[test]
fn the_environment_is_read_in_two_places() {
    let may = ["crates/server/src/config.rs", "crates/provost/src/main.rs"];
    none(
        uses(&["std::env", "env::var", "env::args"], |path| may.contains(&path)),
        "the environment is read at the edge",
    );
}

#[test]
fn sockets_are_opened_where_they_are_named() {
    let words =
        ["TcpListener", "TcpStream", "UnixListener", "UnixStream", "UdpSocket", "reqwest::Client", "lookup_host"];
    let may = [
        "crates/server/src/serve.rs",
        "crates/server/src/tls.rs",
        "crates/server/src/egress.rs",
        "crates/provost/src/client.rs",
    ];
    none(
        uses(&words, |path| may.contains(&path)),
        "sockets are opened in server/serve.rs, server/egress.rs and provost/client.rs only, and shake hands in server/tls.rs",
    );
}

/// Tests of a file that do not run. One that another test starts as a process of its own says which.
fn sleeping(file: &Text) -> usize {
    let ignored = file.text.split(concat!("#[ig", "nore")).skip(1);
    let started = |rest: &str| {
        let by = rest.strip_prefix(" = \"run by ").and_then(|rest| rest.split(' ').next());
        by.is_some_and(|test| file.text.contains(&format!("fn {test}(")))
    };
    ignored.filter(|rest| !started(rest)).count()
}

#[test]
fn nothing_is_left_for_later() {
    let mut findings = uses(&["todo!(", "unimplemented!(", "dbg!("], |_| false);
    findings.extend(rust().into_iter().filter(|file| sleeping(file) > 0).map(|file| file.path));
    none(findings, "no unfinished code, no test that does not run");
}

#[test]
fn no_file_names_a_machine() {
    let paths = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("bash_", "jobs"),
        concat!("artif", "actory"),
    ];
    let mut findings = Vec::new();
    for file in files(|name| !name.ends_with("Cargo.lock")) {
        for (number, line) in file.text.lines().enumerate() {
            if paths.iter().any(|path| line.contains(path)) {
                findings.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    none(findings, "no path of anybody's machine in the repository");
}

/// What `cargo metadata` says about everything that is linked here.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether an SPDX expression can be met with the allowed licences: `OR` needs one side, `AND` both.
fn permitted(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let tokens = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "_WITH_");
    let tokens: Vec<&str> = tokens.split_whitespace().collect();
    let mut at = 0;
    let good = either(&tokens, &mut at, allowed);
    good && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut good = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        let right = both(tokens, at, allowed);
        good = good || right;
    }
    good
}

fn both(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut good = term(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        let right = term(tokens, at, allowed);
        good = good && right;
    }
    good
}

fn term(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token != "(" {
        return allowed.contains(&token.replace("_WITH_", " WITH "));
    }
    let good = either(tokens, at, allowed);
    let closed = tokens.get(*at) == Some(&")");
    *at += 1;
    good && closed
}

fn allowed_licences() -> BTreeSet<String> {
    let deny: toml::Table = fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_dependency_has_a_licence_that_we_may_use() {
    let allowed = allowed_licences();
    assert!(permitted("MIT OR GPL-3.0", &allowed) && permitted("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(!permitted("GPL-3.0", &allowed) && !permitted("MIT AND GPL-3.0", &allowed) && !permitted("", &allowed));
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    let refused =
        packages.iter().filter(|package| !permitted(package["license"].as_str().unwrap_or_default(), &allowed));
    let named = refused.map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]));
    none(named.collect(), "dependencies are permissive or MPL-2.0 (deny.toml)");
}

#[test]
fn dependencies_come_from_the_registry() {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let foreign = packages.iter().filter(|package| {
        package
            .get("source")
            .is_some_and(|from| from.as_str() != Some("registry+https://github.com/rust-lang/crates.io-index"))
    });
    none(
        foreign.map(|package| package["name"].as_str().unwrap_or_default().to_owned()).collect(),
        "no dependency from a repository or a copy",
    );
}
