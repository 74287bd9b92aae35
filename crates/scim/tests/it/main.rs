//! The integration tests of `scim`: one binary, a module for each area.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod bulk;
mod cases;
mod catalogue;
mod definitions;
mod filter;
mod messages;
mod patch;
mod patch_matrix;
mod projection;
mod properties;
mod resource;
mod rfc;
mod sample;
mod schemas;
