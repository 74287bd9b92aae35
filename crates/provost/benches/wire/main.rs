//! What the wire costs: `cargo bench -p provost --bench wire` measures the real binary over HTTP, on directories and
//! groups of several sizes, and in the same run the two floors below it: an axum handler that answers the same bytes, and
//! SQLite committing the same rows.
//!
//! Options behind `--`:
//! - `--database sqlite|postgres|both`; PostgreSQL is started for the run, with its programs from the system
//! - `--users 1000,100000,1000000` and `--members 10,1000,10000,100000`: the sizes
//! - `--connections 1,16,128`, `--seconds N` (per measurement), `--only TEXT` (operations with this in their name)
//! - `--quick`: small and short
//! - `--write`: the figures of `docs/guide/performance.md` and its charts are made anew
//!
//! A table goes to standard output and a JSON file into the target folder, on whose disk the data lies as well. The load
//! comes from the same machine and takes its share of it: read the ratios, not the figures.
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

mod chart;
#[path = "../../tests/it/client.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod client;
#[path = "../../../store/tests/it/cluster.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod cluster;
mod cpu;
mod floor;
mod guide;
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod harness;
mod load;
mod measure;
mod operations;
mod options;
mod people;
mod report;
mod sqlite;
mod world;

use options::Options;
use std::path::Path;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(floor::ARGUMENT) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        return runtime.block_on(floor::serve());
    }
    let options = Options::read();
    for &database in &options.databases {
        let started = Instant::now();
        let report = measure::measure(&options, database);
        print!("{}", report.to_table());
        println!("\n{}", guide::section(&report));
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("../wire-{}.json", database.slug()));
        std::fs::write(&file, format!("{:#}\n", report.to_json())).expect("the target folder is writable");
        if options.write {
            guide::write(&report, database);
        }
        eprintln!("{} took {:.0} s; as JSON in {}", database.name(), started.elapsed().as_secs_f64(), file.display());
    }
}
