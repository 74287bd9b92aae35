//! Runs a file of cases. A case is a line `== title`, the input, a line `----`, and what is expected;
//! `UPDATE=1` writes the files anew with what came out.

use std::fmt::Write as _;
use std::path::Path;

/// Runs `cases/{file}`: `answer` turns the input of a case into what the case expects.
pub(crate) fn run(file: &str, answer: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut sections = text.split("\n== ");
    let head = sections.next().unwrap();
    let (mut rewritten, mut failures, mut count) = (head.trim_end().to_owned(), String::new(), 0);
    for section in sections {
        count += 1;
        let (title, rest) = section.split_once('\n').unwrap_or((section, ""));
        let (input, expected) = rest.split_once("----").unwrap_or((rest, ""));
        let (input, expected) = (input.trim_matches('\n'), expected.trim());
        let got = answer(input);
        let got = got.trim();
        let separator = if input.is_empty() { "" } else { "\n" };
        write!(rewritten, "\n\n== {title}\n{input}{separator}----\n{got}").unwrap();
        if got != expected {
            write!(failures, "\n== {title}\n{input}\n---- expected\n{expected}\n---- came out\n{got}\n").unwrap();
        }
    }
    assert!(count > 0, "{file} has no case");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, rewritten + "\n").unwrap();
        return;
    }
    assert!(failures.is_empty(), "{file}:{failures}");
}
