//! What a page of the console costs: `cargo bench -p provost --bench pages` makes a small directory and a large one and
//! opens the pages of both, over HTTP, signed in.
//!
//! Options behind `--`:
//! - `--users 1000,1000000`: the people of each directory
//! - `--log N`: entries of the large one's log; as many as people unless it says otherwise
//! - `--quick`: small and short
//! - `--write`: the table of `docs/guide/performance.md` is made anew
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
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod harness;
mod operator;
#[path = "../wire/options.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod options;
mod pages;
#[path = "../wire/people.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod people;
#[path = "../wire/world.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod world;

use client::Connection;
use operator::Operator;
use options::Database;
use pages::Page;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Members of the largest group; of a smaller directory everybody.
const MEMBERS_MAX: usize = 100_000;
/// How often a page is opened; the middle counts.
const TURNS: usize = 9;
/// Connections that fill the log.
const WRITERS: usize = 4;
/// Of so many requests one is refused.
const REFUSED_EVERY: usize = 50;

/// A directory of so many people, and how many milliseconds each page of it took.
struct Measured {
    users: usize,
    times: Vec<(&'static str, f64)>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let given = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
    let usual = if has("--quick") { "100,2000" } else { "1000,1000000" };
    let users: Vec<usize> = given("--users")
        .unwrap_or_else(|| usual.to_owned())
        .split(',')
        .map(|part| part.parse().expect("a number"))
        .collect();
    let entries = given("--log").map(|text| text.parse().expect("a number"));
    let mut measured: Vec<Measured> = Vec::new();
    for users in users {
        let world = World::make(Database::Sqlite, users, &[users.min(MEMBERS_MAX)]);
        let entries = entries.filter(|_| !measured.is_empty()).unwrap_or(users);
        fill_log(&world, entries);
        measured.push(Measured { users, times: opened(&world) });
    }
    let table = table(&measured);
    println!("{table}");
    if has("--write") {
        write(&table);
    }
}

/// So many reads of people, of which a few are refused.
fn fill_log(world: &World, entries: usize) {
    eprintln!("{entries} requests for the log …");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let tenant = world.tenant();
                let mut connection = Connection::tcp(world.server.address).expect("it listens");
                for n in (writer..entries).step_by(WRITERS) {
                    let of = if n % REFUSED_EVERY == 0 { "nobody".to_owned() } else { people::id(n % world.users) };
                    let answer = connection.send(&tenant.request("GET", &format!("/Users/{of}"))).expect("an answer");
                    assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
                }
            });
        }
    });
}

/// The pages and how many milliseconds each took.
fn opened(world: &World) -> Vec<(&'static str, f64)> {
    let mut operator = Operator::first(&world.server, "bench");
    let all = pages::all(world, &mut operator);
    let middle = |page: &Page| {
        operator.open(page);
        let mut times: Vec<Duration> = (0..TURNS).map(|_| operator.open(page)).collect();
        times.sort();
        times[TURNS / 2].as_secs_f64() * 1_000.0
    };
    let mut middle = middle;
    let began = Instant::now();
    let times = all.iter().map(|page| (page.name, middle(page))).collect();
    eprintln!("{} pages of {} people in {:?}", all.len(), world.users, began.elapsed());
    times
}

fn table(measured: &[Measured]) -> String {
    let mut out = String::from("| page |");
    for one in measured {
        let _ = write!(out, " {} |", spaced(one.users));
    }
    let _ = write!(out, "\n|---|{}\n", "--:|".repeat(measured.len()));
    let pages = measured.first().map(|first| first.times.as_slice()).unwrap_or_default();
    for (at, (name, _)) in pages.iter().enumerate() {
        let _ = write!(out, "| {name} |");
        for one in measured {
            let _ = write!(out, " {:.1} |", one.times[at].1);
        }
        out.push('\n');
    }
    out
}

/// A number with a space between its thousands.
fn spaced(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    groups.join(" ")
}

/// Puts the table in the place of the one that is there.
fn write(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/performance.md");
    let old = std::fs::read_to_string(&path).expect("the guide has a page about performance");
    let begin = old.find("| page |").expect("the page has the table");
    let rest = &old[begin..];
    let end = rest.find("\n\n").map_or(old.len(), |end| begin + end + 1);
    std::fs::write(&path, format!("{}{table}{}", &old[..begin], &old[end..])).expect("the page can be written");
}
