//! What the outbound engine reaches: `cargo bench -p provost --bench push` brings a directory to an application, both of
//! them the real binary, each in a process of its own, over HTTP; and in the same run asks the application for the very
//! same creates by clients that do nothing else.
//!
//! Options behind `--`:
//! - `--people N` (100 000) and `--groups N` (a hundredth of the people): what is brought
//! - `--database sqlite|postgres`: what the company, whose engine it is, keeps everything in (sqlite)
//! - `--only push,changes,leavers,idle`: parts of it; everything needs `push`, but `idle`
//! - `--idle N` and `--idle-apps N`: people and apps that are stored and do nothing (1 000 000 and 1)
//! - `--quick`: 10 000 people
//!
//! Everything runs on one machine and shares it: read the ratios, not the figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

#[path = "../../tests/it/client.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod client;
#[path = "../../../store/tests/it/cluster.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod cluster;
#[path = "../wire/cpu.rs"]
mod cpu;
mod ends;
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod harness;
mod idle;
#[path = "../wire/load.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod load;
mod parts;
#[path = "../wire/people.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod people;

use ends::Ends;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the benchmark is told.
struct Options {
    people: usize,
    groups: usize,
    idle: usize,
    idle_apps: usize,
    postgres: bool,
    only: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let given = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
        let number = |name: &str, usual: usize| given(name).map_or(usual, |text| text.parse().expect("a number"));
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let people = number("--people", if quick { 10_000 } else { 100_000 });
        let only = given("--only").unwrap_or_else(|| "push,changes,leavers,idle".to_owned());
        Self {
            people,
            groups: number("--groups", people / 100),
            idle: number("--idle", if quick { 10_000 } else { 1_000_000 }),
            idle_apps: number("--idle-apps", 1),
            postgres: match given("--database").as_deref() {
                None | Some("sqlite") => false,
                Some("postgres") => true,
                Some(other) => panic!("--database {other}: sqlite or postgres"),
            },
            only: only.split(',').map(str::to_owned).collect(),
        }
    }

    fn has(&self, part: &str) -> bool {
        self.only.iter().any(|only| only == part)
    }
}

fn main() {
    let options = Options::read();
    if options.has("push") {
        let ends = Ends::make(options.people, options.groups, options.postgres);
        parts::push(&ends);
        if options.has("changes") {
            parts::changes(&ends);
        }
        if options.has("leavers") {
            parts::leavers(&ends);
        }
    }
    if options.has("idle") {
        idle::idle(options.idle, options.idle_apps);
    }
}
