//! What is linked into the product is listed with its licence, in a page of the guide that follows `Cargo.lock`.

use super::{metadata, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

const PAGE: &str = "docs/guide/licences.md";
const HEAD: &str = "# Licences of others

Provost is Apache-2.0. These are the libraries that are linked into the binary, with the licences under which their authors give them; the list follows
`Cargo.lock`. Where an expression offers a choice, any of its licences may be taken. The full text of each lies beside its source.

| library | version | licence | source |
|---|---|---|---|
";

/// The packages that the binary is built of: normal dependencies, not those of tests and build scripts.
fn linked(metadata: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    let product = packages.iter().find(|package| package["name"] == "provost").unwrap()["id"].as_str().unwrap();
    let (mut found, mut open) = (BTreeSet::from([product.to_owned()]), vec![product]);
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let is_normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().unwrap();
            if is_normal && found.insert(id.to_owned()) {
                open.push(id);
            }
        }
    }
    found
}

#[test]
fn the_guide_lists_what_is_linked_with_its_licence() {
    let metadata = metadata();
    let linked = linked(&metadata);
    let mut rows = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let text = |name: &str| package[name].as_str().unwrap_or_default();
        // What has no source is ours.
        if package["source"].is_null() || !linked.contains(text("id")) {
            continue;
        }
        let source = text("repository").trim_start_matches("https://");
        rows.insert(format!(
            "| {} | {} | {} | `{source}` |",
            text("name"),
            text("version"),
            text("license").replace('/', " OR ")
        ));
    }
    assert!(rows.len() > 100, "{} libraries", rows.len());
    let mut page = HEAD.to_owned();
    rows.iter().for_each(|row| writeln!(page, "{row}").unwrap());
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let held = fs::read_to_string(&path).unwrap_or_default();
    assert!(held == page, "{PAGE} is not what is linked: run the test with UPDATE=1");
}
