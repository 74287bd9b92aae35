//! The licences of what is linked into the binary, with their texts: who passes the binary on has to pass them on too.
//!
//! The file is made by the test that holds it against what is linked (`crates/provost/tests/it/tidy/licences.rs`): a line
//! `%library name version licence | texts` for each library, then each text once behind a line `%text number`.

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::OnceLock;

const PACKED: &[u8] = include_bytes!("../assets/licences.txt.gz");

/// The file, unpacked.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = String::new();
        // It was packed by us, and a test reads it.
        GzDecoder::new(PACKED).read_to_string(&mut text).map(|_| text).unwrap_or_default()
    })
}

/// A library that is linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its licence, as an expression.
    pub licence: &'static str,
    /// The numbers of its texts.
    pub texts: Vec<usize>,
}

/// What is linked, by name.
pub fn libraries() -> Vec<Library> {
    let lines = text().lines().map_while(|line| line.strip_prefix("%library "));
    lines.filter_map(library).collect()
}

fn library(line: &'static str) -> Option<Library> {
    let (what, texts) = line.split_once(" | ")?;
    let mut words = what.splitn(3, ' ');
    let (name, version, licence) = (words.next()?, words.next()?, words.next()?);
    Some(Library { name, version, licence, texts: texts.split(' ').filter_map(|text| text.parse().ok()).collect() })
}

/// Each text, with its number.
fn texts() -> impl Iterator<Item = (usize, &'static str)> {
    text().split("\n%text ").skip(1).filter_map(|one| {
        let (number, text) = one.split_once('\n')?;
        Some((number.parse().ok()?, text.trim_end()))
    })
}

/// The texts of these numbers.
pub fn texts_of(numbers: &[usize]) -> Vec<&'static str> {
    texts().filter(|(number, _)| numbers.contains(number)).map(|(_, text)| text).collect()
}

/// All of it for a terminal or a file: what is linked, then each text below the names of those whose it is.
pub fn notices() -> String {
    let all = libraries();
    let mut out = String::from("Provost is given under the Apache License, version 2.0. Linked into it are:\n\n");
    for one in &all {
        out.push_str(&format!("{} {}: {}\n", one.name, one.version, one.licence));
    }
    for (number, text) in texts() {
        let names = all.iter().filter(|one| one.texts.contains(&number));
        let names: Vec<String> = names.map(|one| format!("{} {}", one.name, one.version)).collect();
        out.push_str(&format!("\n{}\n{}\n\n{text}\n", "-".repeat(80), names.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_has_a_text() {
        let all = libraries();
        assert!(all.len() > 100);
        for one in &all {
            assert!(!one.texts.is_empty(), "{}", one.name);
            let texts = texts_of(&one.texts);
            assert!(texts.len() == one.texts.len() && texts.iter().all(|text| text.len() > 100), "{}", one.name);
        }
        assert!(notices().contains("WITHOUT WARRANTY"));
    }
}
