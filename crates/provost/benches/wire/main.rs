//! What the wire costs: `cargo bench -p provost --bench wire` measures the real binary over HTTP, and in the same run
//! the two floors below it: an axum handler that answers the same bytes, and SQLite committing the same rows.
//!
//! Options behind `--`: `--quick` (small data, short runs), `--json` (one JSON object instead of the table),
//! `--seconds N` (per measurement), `--only TEXT` (operations with this in their name),
//! `--connections N`. Data lies on the disk of the target folder. The load comes from the same machine
//! and takes its share of it: read the ratios, not the figures.
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
mod data;
mod floor;
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod harness;
mod load;
mod operations;
mod report;
mod sqlite;

use data::Data;
use floor::Floor;
use harness::Server;
use load::{Measured, Plan, measure};
use operations::{Operation, operations};
use report::{LogCost, Report, Row};
use serde_json::json;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 16, 128];
/// How often an operation and its floors take turns: what else the machine does falls on all of them.
const TURNS: u32 = 3;
/// How often log on and log off take turns: what else the machine does falls on both.
const LOG_TURNS: usize = 5;

struct Options {
    quick: bool,
    json: bool,
    lasting: Duration,
    only: String,
    connections: Vec<usize>,
}

fn options() -> Options {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let quick = has("--quick");
    let given = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let seconds = given("--seconds")
        .map_or(if quick { 0.6 } else { 1.2 }, |text| text.parse().expect("--seconds takes a number"));
    let only = given("--only").cloned().unwrap_or_default();
    let one = |text: &String| vec![text.parse().expect("--connections takes a number")];
    let connections = given("--connections").map_or_else(|| CONNECTIONS.to_vec(), one);
    Options { quick, json: has("--json"), lasting: Duration::from_secs_f64(seconds), only, connections }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    if std::env::args().nth(1).as_deref() == Some(floor::ARGUMENT) {
        return runtime.block_on(floor::serve());
    }
    let options = options();
    let report = run(&options, &runtime);
    if options.json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_table());
    }
}

fn run(options: &Options, runtime: &tokio::runtime::Runtime) -> Report {
    let server = Server::start();
    let tenant = server.tenant();
    let data = Data::make(&tenant, if options.quick { 10_000 } else { 100_000 });
    let floor = Floor::start();
    let mut operations = operations(&tenant, &data);
    operations.retain(|operation| operation.name.contains(&options.only));
    let database = server.data.join("provost.db");
    let mut rows = Vec::new();
    for operation in &operations {
        let sample = operation.sample(&tenant);
        floor.answer_with(&sample);
        let mut sqlite = operation.writes.map(|write| sqlite::Floor::new(&database, write));
        for &connections in &options.connections {
            eprintln!("{} with {connections} connections …", operation.name);
            let mut row = Row::new(&operation.name, connections);
            for _ in 0..TURNS {
                settle(operation);
                let own = run_one(runtime, options, operation, connections, tenant.server.address);
                let axum = run_one(runtime, options, operation, connections, floor.address);
                settle(operation);
                let sqlite = sqlite.as_mut().map(|sqlite| sqlite.rate(connections, options.lasting / TURNS));
                row.turn(own, axum.per_second, sqlite);
            }
            rows.push(row);
        }
    }
    eprintln!("the log on and off …");
    let log = log_cost(runtime, options, &operations, &tenant);
    Report { people: data.users.len(), rows, log }
}

/// What others have written is on the disk before durable writes are measured, so that nobody waits for it in between.
fn settle(operation: &Operation) {
    if operation.writes.is_some() {
        let _ = std::process::Command::new("sync").status();
    }
}

fn run_one(
    runtime: &tokio::runtime::Runtime,
    options: &Options,
    operation: &Operation,
    connections: usize,
    address: std::net::SocketAddr,
) -> Measured {
    let lasting = options.lasting / TURNS;
    let plan = Plan { address, connections, lasting, warm_up: lasting / 5 };
    runtime.block_on(measure(&plan, &operation.request, &operation.expected))
}

/// The same requests with the provisioning log on and off, in turns.
fn log_cost(
    runtime: &tokio::runtime::Runtime,
    options: &Options,
    operations: &[Operation],
    tenant: &harness::Tenant<'_>,
) -> Vec<LogCost> {
    let mut costs = Vec::new();
    for operation in operations.iter().filter(|operation| operation.for_log) {
        for &connections in options.connections.iter().filter(|connections| **connections > 1) {
            let mut turns = Vec::new();
            for _ in 0..LOG_TURNS {
                let rate = |level: &str| {
                    tenant.settings(json!({ "log": { "level": level } }));
                    let plan = Plan {
                        address: tenant.server.address,
                        connections,
                        lasting: options.lasting / 2,
                        warm_up: options.lasting / 10,
                    };
                    runtime.block_on(measure(&plan, &operation.request, &operation.expected)).per_second
                };
                turns.push((rate("all"), rate("off")));
            }
            costs.push(LogCost { operation: operation.name.clone(), connections, turns });
        }
    }
    tenant.settings(json!({ "log": { "level": "all" } }));
    costs
}
