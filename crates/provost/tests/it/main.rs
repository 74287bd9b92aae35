//! The real binary over real HTTP: what identity providers send, what the contract promises, what a crash leaves.
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

mod cli;
mod client;
#[path = "../../../store/tests/it/cluster.rs"]
mod cluster;
mod concurrency;
mod contract;
mod crash;
mod fuzz;
mod harness;
mod large;
mod nodes;
mod outbound;
mod serve;
mod tester;
mod tidy;
mod transfer;
mod vendors;
