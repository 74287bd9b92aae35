//! The console in a real Chromium: the story from the first start to a rotated token, and what every page keeps to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub
)]

mod apps;
mod chromium;
mod gates;
mod guide;
mod idp;
mod load;
#[path = "saml.rs"]
mod saml_sign_in;
mod story;
mod visit;
mod walks;

#[path = "../it/client.rs"]
mod client;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/vendors"]
mod vendors {
    mod checks;
    pub(crate) mod replay;
}
