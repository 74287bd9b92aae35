//! The libraries whose licences travel with the binary: the guide lists them, the binary carries their texts.

use super::{metadata, root};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

const PAGE: &str = "docs/guide/licences.md";
const HEAD: &str = "# Licences of others

Provost is Apache-2.0. These are the libraries that are linked into the binary, with the licences under which their authors give them; the list follows
`Cargo.lock`. Where an expression offers a choice, any of its licences may be taken. The binary carries the texts: `provost licences` prints them, and at
the console each name on this page leads to its own.

| library | version | licence | source |
|---|---|---|---|
";
const TEXTS: &str = "crates/server/assets/licences.txt.gz";
/// What is not a crate and is in the binary all the same.
const HTMX: &str = "crates/server/assets/vendor/LICENSE-htmx";
const MPL: &str = include_str!("licences/MPL-2.0.txt");

/// The packages that the binary is built of: normal dependencies, not those of tests and build scripts. What has no source
/// is ours.
fn linked(metadata: &Value) -> Vec<&Value> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    let product = packages.iter().find(|package| package["name"] == "provost").unwrap()["id"].as_str().unwrap();
    let (mut found, mut open) = (BTreeSet::from([product]), vec![product]);
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let is_normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().unwrap();
            if is_normal && found.insert(id) {
                open.push(id);
            }
        }
    }
    let is_others = |package: &&Value| !package["source"].is_null() && found.contains(text(package, "id"));
    let mut all: Vec<&Value> = packages.iter().filter(is_others).collect();
    all.sort_by_key(|package| (text(package, "name"), text(package, "version")));
    all
}

fn text<'v>(package: &'v Value, name: &str) -> &'v str {
    package[name].as_str().unwrap_or_default()
}

fn licence(package: &Value) -> String {
    text(package, "license").replace('/', " OR ")
}

#[test]
fn the_guide_lists_what_is_linked_with_its_licence() {
    let metadata = metadata();
    let linked = linked(&metadata);
    assert!(linked.len() > 100, "{} libraries", linked.len());
    let mut rows = BTreeSet::new();
    for package in linked {
        let source = text(package, "repository").trim_start_matches("https://");
        let (name, version) = (text(package, "name"), text(package, "version"));
        rows.insert(format!("| {name} | {version} | {} | `{source}` |", licence(package)));
    }
    let mut page = HEAD.to_owned();
    rows.iter().for_each(|row| writeln!(page, "{row}").unwrap());
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let held = fs::read_to_string(&path).unwrap_or_default();
    assert!(held == page, "{PAGE} is not what is linked: run the test with UPDATE=1");
}

/// A text without what differs from copy to copy and says nothing.
fn tidied(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// The files of a package that say under which licence it is, and whose it is.
fn files(package: &Value) -> Vec<String> {
    let folder = Path::new(text(package, "manifest_path")).parent().unwrap();
    let words = ["licen", "copying", "notice", "unlicense", "copyright"];
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|file| file.file_type().unwrap().is_file())
        .map(|file| file.file_name().into_string().unwrap())
        .filter(|name| words.iter().any(|word| name.to_lowercase().starts_with(word)))
        .collect();
    names.sort();
    names.iter().map(|name| tidied(&String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap()))).collect()
}

/// For a package without such a file: whose it is, and the licence's own words.
fn in_its_stead(package: &Value, words: &BTreeMap<&str, String>) -> String {
    let licence = licence(package);
    let by = ["MIT", "Apache-2.0", "MPL-2.0"]
        .into_iter()
        .find(|known| licence.split(['(', ')', ' ']).any(|word| word == *known));
    let by = by.unwrap_or_else(|| panic!("{} has no text of its licence {licence}", text(package, "name")));
    let authors: Vec<&str> = package["authors"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let authors = if authors.is_empty() { "its authors".to_owned() } else { authors.join(", ") };
    let source = text(package, "repository");
    format!(
        "Copyright (c) {authors}; {source}\nIts package holds no text of the licence {by}, which is this:\n\n{}",
        words[by]
    )
}

/// The file that the binary carries.
fn carried(metadata: &Value) -> String {
    let linked = linked(metadata);
    let own = |name: &str, mark: &str| {
        let package = linked.iter().find(|package| text(package, "name") == name).unwrap();
        files(package).into_iter().find(|file| file.contains(mark)).unwrap()
    };
    let words = BTreeMap::from([
        ("MIT", own("serde", "Permission is hereby granted")),
        ("Apache-2.0", own("serde", "Apache License")),
        ("MPL-2.0", tidied(MPL)),
    ]);
    let (mut numbers, mut texts) = (BTreeMap::new(), Vec::new());
    let mut number = |text: String| {
        *numbers.entry(text.clone()).or_insert_with(|| {
            texts.push(text);
            texts.len()
        })
    };
    let mut out = String::new();
    let mut line = |what: String, of: Vec<String>| {
        let numbers: BTreeSet<usize> = of.into_iter().map(&mut number).collect();
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        writeln!(out, "%library {what} | {}", numbers.join(" ")).unwrap();
    };
    for package in &linked {
        let mut of = files(package);
        of.retain(|text| text.len() > 100);
        if of.is_empty() {
            of.push(in_its_stead(package, &words));
        }
        line(format!("{} {} {}", text(package, "name"), text(package, "version"), licence(package)), of);
    }
    let htmx = tidied(&fs::read_to_string(root().join(HTMX)).unwrap());
    line("htmx 4 0BSD".to_owned(), vec![htmx]);
    for (number, text) in (1..).zip(&texts) {
        assert!(!text.contains("\n%text "));
        write!(out, "\n%text {number}\n{text}\n").unwrap();
    }
    out
}

#[test]
fn the_binary_carries_the_texts_of_what_is_linked() {
    let now = carried(&metadata());
    if std::env::var_os("UPDATE").is_some() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(now.as_bytes()).unwrap();
        fs::write(root().join(TEXTS), packer.finish().unwrap()).unwrap();
        return;
    }
    assert!(
        server::licences::text() == now,
        "{TEXTS} is not what is linked: run the test with UPDATE=1, and once more"
    );
}
