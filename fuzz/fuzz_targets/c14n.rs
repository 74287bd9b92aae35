//! `cargo fuzz run c14n`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provost_fuzz::targets::find("c14n")(bytes));
