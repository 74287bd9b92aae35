//! Every route of the console and of the admin API, found in the sources: what is added later is in the tests at once.

use std::path::Path;

/// A route and what it takes.
pub struct Route {
    pub path: String,
    pub gets: bool,
    pub posts: bool,
}

/// The routes of `console/*.rs` and `console/pages/*.rs`.
pub fn console() -> Vec<Route> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console.rs"));
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for call in text.split(".route(").skip(1) {
            let (path, rest) = call.trim_start().split_once(',').unwrap();
            let path = match path.trim().strip_prefix('"') {
                Some(path) => path.trim_end_matches('"').to_owned(),
                None => constant(&text, path.trim()),
            };
            let end = rest.find(".route(").unwrap_or(rest.len());
            let handlers = rest[..end].split(['\n', ';']).next().unwrap();
            let any = handlers.contains("any(");
            let (gets, posts) = (any || handlers.contains("get("), any || handlers.contains("post("));
            assert!(gets || posts, "{path}: {handlers}");
            all.push(Route { path, gets, posts });
        }
    }
    assert!(all.len() > 60, "only {} routes were found", all.len());
    all
}

fn constant(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("const {name}: &str = \"")).unwrap_or_else(|| panic!("{name}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// The routes of the admin API below `/api/v1`, with each method.
pub fn api() -> Vec<(&'static str, String)> {
    let source = include_str!("../../src/api.rs");
    let mut all = Vec::new();
    for call in source.split(".route(\"").skip(1) {
        let (path, rest) = call.split_once('"').unwrap();
        let handlers = rest.split(".route(").next().unwrap().split(".fallback").next().unwrap();
        let methods = ["get", "post", "patch", "put", "delete"];
        let known = all.len();
        for (method, name) in methods.into_iter().zip(["GET", "POST", "PATCH", "PUT", "DELETE"]) {
            if handlers.contains(&format!("{method}(")) {
                all.push((name, path.to_owned()));
            }
        }
        assert!(all.len() > known, "{path}: {handlers}");
    }
    assert!(all.len() > 40, "only {} routes were found", all.len());
    all
}
