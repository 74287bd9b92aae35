//! `cargo fuzz run saml_signed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provost_fuzz::targets::find("saml_signed")(bytes));
