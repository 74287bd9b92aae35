//! `cargo fuzz run path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provost_fuzz::targets::find("path")(bytes));
