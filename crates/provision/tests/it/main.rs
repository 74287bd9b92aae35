//! The integration tests of `provision`: one binary, a module for each area.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod answers;
mod cases;
mod census;
mod crash;
mod groups;
mod properties;
mod sim;
mod stories;
mod units;
mod world;
