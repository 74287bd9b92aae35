//! The documents say what is: no dead path or link, no command that does not exist, no deviation without its test.

use super::{Text, files, none, root};
use clap::CommandFactory;
use provost::cli::Cli;
use provost::failure::Exit;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Longest that the architecture may be.
const ARCHITECTURE_LINES_MAX: usize = 250;

fn documents() -> Vec<Text> {
    files(|name| name.ends_with(".md"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between backticks, outside of fenced blocks.
fn quoted(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The lines of fenced blocks of shell commands; a backslash at the end joins lines.
fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside && matches!(language.trim(), "sh" | "bash" | "console" | "shell");
            open = false;
        } else if inside {
            let (line, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
            match found.last_mut().filter(|_| open) {
                Some(last) => last.push_str(line),
                None => found.push(line.to_owned()),
            }
            open = goes_on;
        }
    }
    found
}

/// A line as a shell splits it, up to where something else than this command begins.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut has, mut quote) = (String::new(), false, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, has) = (Some(c), true),
            (None, '|' | '>' | '<' | ';' | '&' | '#') if word.is_empty() => break,
            (None, c) if c.is_whitespace() => {
                if has || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                has = false;
            }
            (None, c) => word.push(c),
        }
    }
    if has || !word.is_empty() {
        words.push(word);
    }
    words
}

/// The arguments of every use of our command in a line.
fn invocation(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let rest = ["provost ", "cargo run --release -- ", "./target/release/provost ", "target/release/provost "]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    Some(std::iter::once("provost".to_owned()).chain(words(rest)).collect())
}

/// Why clap does not take it, or nothing.
fn refusal(arguments: &[String]) -> Option<String> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    match Cli::command().try_get_matches_from(arguments) {
        Err(error) if !matches!(error.kind(), DisplayHelp | DisplayVersion) => Some(error.to_string()),
        _ => None,
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn documents_show_only_commands_that_exist() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for document in documents() {
        for arguments in commands(&document.text).iter().filter_map(|line| invocation(line)) {
            seen += 1;
            if let Some(why) = refusal(&arguments) {
                findings.push(format!("{}: {}: {why}", document.path, arguments.join(" ")));
            }
        }
        for inline in quoted(&document.text).iter().filter(|text| text.starts_with("provost ")) {
            if let Some(unknown) = unknown_command(inline) {
                findings.push(format!("{}: `{inline}`: there is no {unknown}", document.path));
            }
        }
    }
    assert!(seen > 20, "only {seen} commands were found in the documents");
    none(findings, "a command in a document has to work");
}

/// The first word that is no command, in a command that is only named: `provost user list`.
fn unknown_command(inline: &str) -> Option<String> {
    let mut command = Cli::command();
    for word in inline.split_whitespace().skip(1) {
        let is_name = word.chars().all(|c| c.is_ascii_lowercase());
        if !is_name || !command.has_subcommands() {
            return None;
        }
        match command.find_subcommand(word) {
            Some(found) => command = found.clone(),
            None => return Some(word.to_owned()),
        }
    }
    None
}

/// Every command with the names above it.
fn all_commands(command: &clap::Command, above: &str, found: &mut Vec<(String, clap::Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{above} {}", sub.get_name());
        all_commands(sub, &path, found);
        found.push((path, sub.clone()));
    }
}

#[test]
fn examples_in_the_help_work() {
    let mut found = vec![("provost".to_owned(), Cli::command())];
    all_commands(&Cli::command(), "provost", &mut found);
    let mut findings = Vec::new();
    for (path, command) in &found {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  provost ")) {
            // Two spaces set the explanation apart.
            let example = line.trim().split("   ").next().unwrap_or_default();
            if let Some(why) = invocation(example).and_then(|arguments| refusal(&arguments)) {
                findings.push(format!("{path}: {example}: {why}"));
            }
        }
        for sub in command.get_subcommands().chain(command.get_arguments().next().map(|_| command)) {
            if sub.get_about().is_none() && sub.get_name() != "provost" {
                findings.push(format!("{path} {} says nothing about itself", sub.get_name()));
            }
        }
    }
    none(findings, "the examples of --help have to work");
}

#[test]
fn the_guide_lists_every_command_and_every_exit_code() {
    let guide = read("docs/guide/cli.md");
    let mut found = Vec::new();
    all_commands(&Cli::command(), "provost", &mut found);
    let leaves = found.iter().filter(|(_, command)| !command.has_subcommands());
    let mut findings: Vec<String> = leaves.map(|(path, _)| path.clone()).filter(|path| !guide.contains(path)).collect();
    for exit in [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Configuration,
        Exit::Forbidden,
        Exit::NotFound,
        Exit::Conflict,
        Exit::Unreachable,
        Exit::Findings,
        Exit::Interrupted,
    ] {
        if !guide.contains(&format!("\n| {} |", exit as u8)) {
            findings.push(format!("exit code {}", exit as u8));
        }
    }
    none(findings, "docs/guide/cli.md is complete");
}

#[test]
fn the_architecture_is_short_and_its_paths_exist() {
    let text = read("ARCHITECTURE.md");
    assert!(text.lines().count() <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {} lines", text.lines().count());
    let is_path = |quoted: &String| {
        let plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let ending = [".rs", ".md", ".toml", ".sql", ".json", ".txt"].iter().any(|end| quoted.ends_with(end));
        plain && (ending || quoted.starts_with("crates/") || quoted.starts_with("docs/")) && !quoted.starts_with('.')
    };
    let exists = |path: &String| {
        let path = path.trim_end_matches('/');
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        root().join(path).exists() || root().join("crates").join(name).join("src").join(rest).exists()
    };
    let paths: Vec<String> = quoted(&text).into_iter().filter(is_path).collect();
    assert!(paths.len() > 20, "the code map names {} paths", paths.len());
    none(paths.into_iter().filter(|path| !exists(path)).collect(), "ARCHITECTURE.md names paths that exist");
}

#[test]
fn links_between_documents_are_alive() {
    let mut findings = Vec::new();
    for document in documents() {
        let folder = root().join(&document.path).parent().unwrap().to_owned();
        for part in document.text.split("](").skip(1) {
            let link = part.split(')').next().unwrap_or_default();
            let file = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                findings.push(format!("{}: {link}", document.path));
            }
        }
    }
    none(findings, "a link leads somewhere");
}

/// One place where a standard is bent, as `docs/deviations.toml` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    /// The name of the leniency in `Dialect`, or of the rule.
    id: String,
    /// `leniency`: switchable per tenant; `rule`: always so.
    kind: String,
    who: String,
    why: String,
    rfc: String,
    /// `path::name`: a test function, or the title of a case in a file of cases.
    test: String,
}

fn deviations() -> Vec<Deviation> {
    #[derive(Deserialize)]
    struct File {
        deviation: Vec<Deviation>,
    }
    toml::from_str::<File>(&read("docs/deviations.toml")).unwrap().deviation
}

#[test]
fn every_leniency_has_its_entry() {
    let names: BTreeSet<&str> = scim::Dialect::NAMES.iter().copied().collect();
    let entries = deviations();
    let mut findings = Vec::new();
    let mut known = BTreeMap::new();
    for entry in &entries {
        *known.entry(entry.id.as_str()).or_insert(0) += 1;
        match entry.kind.as_str() {
            "leniency" if !names.contains(entry.id.as_str()) => findings.push(format!("{} is no leniency", entry.id)),
            "rule" if names.contains(entry.id.as_str()) => findings.push(format!("{} is a leniency", entry.id)),
            "leniency" | "rule" => {}
            other => findings.push(format!("{}: {other} is neither leniency nor rule", entry.id)),
        }
        if [&entry.who, &entry.why, &entry.rfc].iter().any(|text| text.trim().len() < 3) {
            findings.push(format!("{} says too little", entry.id));
        }
    }
    findings.extend(known.iter().filter(|(_, count)| **count > 1).map(|(id, _)| format!("{id} stands twice")));
    findings.extend(names.iter().filter(|name| !known.contains_key(*name)).map(|name| format!("{name} has no entry")));
    none(findings, "docs/deviations.toml and Dialect agree");
}

#[test]
fn every_deviation_is_pinned_by_a_test() {
    let mut findings = Vec::new();
    for entry in deviations() {
        let Some((path, name)) = entry.test.split_once("::") else {
            findings.push(format!("{}: {} is not path::name", entry.id, entry.test));
            continue;
        };
        let Ok(text) = fs::read_to_string(root().join(path)) else {
            findings.push(format!("{}: there is no {path}", entry.id));
            continue;
        };
        let there = if path.ends_with(".rs") { text.contains(&format!("fn {name}(")) } else { text.contains(name) };
        if !there {
            findings.push(format!("{}: {path} has no {name}", entry.id));
        }
    }
    none(findings, "a deviation names a test that exists");
}

#[test]
fn deviations_that_the_code_cites_exist() {
    let ids: BTreeSet<String> = deviations().into_iter().map(|entry| entry.id).collect();
    let marker = concat!("deviations.toml", "#");
    let mut findings = Vec::new();
    for file in files(|name| name.ends_with(".rs") || name.ends_with(".md")) {
        for part in file.text.split(marker).skip(1) {
            let id: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !id.is_empty() && !ids.contains(&id) {
                findings.push(format!("{}: {id}", file.path));
            }
        }
    }
    none(findings, "a cited deviation is described in docs/deviations.toml");
}

#[test]
fn the_guide_lists_every_setting() {
    let guide = read("docs/guide/operate.md");
    let settings = serde_json::to_value(store::Settings::default()).unwrap();
    let named = |name: &str| guide.contains(&format!("`{name}`")) || guide.contains(&format!("`{name}.*`"));
    let missing = settings.as_object().unwrap().keys().filter(|name| !named(name));
    none(missing.cloned().collect(), "docs/guide/operate.md lists every setting of a tenant");
}
