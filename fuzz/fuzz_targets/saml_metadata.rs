//! `cargo fuzz run saml_metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provost_fuzz::targets::find("saml_metadata")(bytes));
