//! `cargo fuzz run saml_binding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provost_fuzz::targets::find("saml_binding")(bytes));
