//! What the crate promises, held against good messages, hostile ones, strangers and chance.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod bad;
mod bounds;
mod details;
mod good;
mod properties;
mod recipe;
mod signer;
mod strangers;
mod vectors;
