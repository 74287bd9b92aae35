//! The fuzz targets on stable Rust and without libFuzzer: each corpus as it is, then changed by chance for a short while.
//!
//! `PROVOST_FUZZ_SECONDS` says how long for each target, `PROVOST_FUZZ_SEED` where chance begins. What libFuzzer adds is that
//! it sees which bytes lead somewhere new: `fuzz/README.md`.

#[path = "../../../../fuzz/src/targets.rs"]
mod targets;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// For each target, if nobody says otherwise.
const SECONDS: f64 = 3.0;
/// No input may take longer, unoptimised and on a machine with ten other things to do; what is quadratic takes much longer.
const SLOWEST: Duration = Duration::from_secs(30);
const BYTES_MAX: usize = 16 << 10;

/// xorshift64: the same seed gives the same run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n.max(1) as u64).unwrap()
    }

    /// A piece of some bytes, rather short.
    fn piece<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let from = self.below(bytes.len() + 1);
        let long = if self.below(4) == 0 { 400 } else { 24 };
        &bytes[from..(from + self.below(long)).min(bytes.len())]
    }
}

/// What breaks parsers, and what a grammar is made of.
const BITS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"[",
    b"]",
    b"(",
    b")",
    b"{",
    b"}",
    b"<",
    b">",
    b"&",
    b";",
    b":",
    b".",
    b",",
    b"'",
    b"/",
    b"#",
    b"$",
    b" ",
    b"\n",
    b"\0",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"\xc3\xa9",
    b"\xf0\x9f\x98\x80",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\\u0000",
    b"\\ud800",
    b"&#0;",
    b"&amp;",
    b"<!--",
    b"<![CDATA[",
    b"<?x ?>",
    b"<!DOCTYPE a>",
    b"]]>",
    b" xmlns:x=\"\"",
    b" not ",
    b" and ",
    b" or ",
    b" pr",
    b" eq ",
    b"%",
    b"%00",
    b"\r\n",
];

fn changed(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(4) {
        let place = chance.below(bytes.len() + 1);
        let end = (place + chance.below(40)).min(bytes.len());
        match chance.below(8) {
            0 if place < bytes.len() => bytes[place] ^= 1 << chance.below(8),
            1 => drop(bytes.drain(place..end)),
            2 => drop(bytes.splice(place..place, BITS[chance.below(BITS.len())].iter().copied())),
            3 => drop(bytes.splice(place..end, BITS[chance.below(BITS.len())].iter().copied())),
            4 => {
                let piece = chance.piece(&bytes).to_vec();
                bytes.splice(place..place, piece);
            }
            5 => {
                let other = &corpus[chance.below(corpus.len())];
                let piece = chance.piece(other).to_vec();
                bytes.splice(place..end, piece);
            }
            6 => {
                // The same many times: depth, and what grows.
                let many = chance.piece(&bytes).repeat(1 + chance.below(200));
                bytes.splice(place..place, many);
            }
            _ => bytes.truncate(place.max(1)),
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", folder.display());
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

thread_local! {
    /// Where a panic was, for the report.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs one input; what goes wrong is told with the input.
fn run(target: &Target, bytes: &[u8]) -> Result<Duration, String> {
    let begun = Instant::now();
    let done = panic::catch_unwind(AssertUnwindSafe(|| target.1(bytes)));
    let took = begun.elapsed();
    let shown = bytes.escape_ascii();
    match done {
        Err(_) => Err(format!("{}: {} with b\"{shown}\"", target.0, SAID.take())),
        Ok(()) if took > SLOWEST => Err(format!("{}: {took:?} for b\"{shown}\"", target.0)),
        Ok(()) => Ok(took),
    }
}

fn number(name: &str) -> Option<f64> {
    std::env::var(name).ok()?.parse().ok()
}

fn fuzz(target: &Target) -> Result<String, String> {
    let corpus = corpus(target.0);
    for bytes in &corpus {
        run(target, bytes)?;
    }
    let span = Duration::from_secs_f64(number("PROVOST_FUZZ_SECONDS").unwrap_or(SECONDS));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number is a seed")]
    let seed = number("PROVOST_FUZZ_SEED").unwrap_or(1.0) as u64;
    let mut chance = Chance(0x2545_F491_4F6C_DD1D ^ seed);
    let (begun, mut runs, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    while begun.elapsed() < span {
        slowest = slowest.max(run(target, &changed(&corpus, &mut chance))?);
        runs += 1;
    }
    Ok(format!("{:14} {:4} of the corpus, {runs:9} changed, slowest {slowest:?}", target.0, corpus.len()))
}

#[test]
fn no_target_breaks_or_hangs() {
    let quiet = panic::take_hook();
    panic::set_hook(Box::new(move |info| match std::thread::current().name() {
        Some(name) if name.starts_with("fuzz ") => SAID.set(info.to_string()),
        _ => quiet(info),
    }));
    let only = std::env::var("PROVOST_FUZZ_TARGET").ok();
    let wanted = TARGETS.iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name));
    let begun: Vec<_> = wanted
        .map(|target| {
            let builder = std::thread::Builder::new().name(format!("fuzz {}", target.0));
            // What is nested deeply is bounded by its parsers, not by the stack of whoever calls them.
            builder.stack_size(2 << 20).spawn(|| fuzz(target)).unwrap()
        })
        .collect();
    let told: Vec<_> = begun.into_iter().map(|thread| thread.join().unwrap()).collect();
    let failed: Vec<&String> = told.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    for line in told.iter().flatten() {
        println!("{line}");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Every target has its corpus and its program for libFuzzer, and there is no other.
#[test]
fn targets_corpora_and_programs_agree() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let names = |folder: &str| {
        let entries = std::fs::read_dir(fuzz.join(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.iter_mut().for_each(|name| *name = name.trim_end_matches(".rs").to_owned());
        names.sort();
        names
    };
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("corpus"), known);
    assert_eq!(names("fuzz_targets"), known);
    let manifest: toml::Table = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap().parse().unwrap();
    let programs: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().filter_map(|bin| bin["name"].as_str()).collect();
    assert_eq!(programs, known);
    for name in known {
        let _ = targets::find(name);
    }
}
