//! The store as its callers see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod commit;
mod crash;
mod feeds;
mod filters;
mod folder;
mod members;
mod operators;
mod resources;
mod support;
