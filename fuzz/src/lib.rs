//! The functions that are fuzzed. `crates/provost/tests/it/fuzz.rs` drives the same ones without libFuzzer.

#[path = "targets.rs"]
pub mod targets;
