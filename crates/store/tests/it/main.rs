//! The store as its callers see it: one suite, run on each database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::duplicate_mod,
    missing_docs,
    unreachable_pub
)]

mod cluster;
mod postgres;
mod sqlite;
