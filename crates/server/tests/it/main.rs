//! The whole server in one process, with a clock that the test sets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod apps;
mod apps_oauth;
mod apps_push;
mod apps_settings;
mod apps_steps;
#[allow(dead_code)]
mod authorization;
mod browser;
mod clock;
mod console_assets;
mod console_gates;
mod console_sign_in;
mod demo;
mod desk;
mod egress;
mod idp;
mod idp_logout;
mod imports;
mod model;
mod oidc;
mod pages_content;
mod pages_forms;
mod pages_lists;
mod people;
mod plans;
#[path = "../../../saml/tests/it/recipe.rs"]
#[allow(dead_code)]
mod recipe;
mod roles;
mod routes;
mod saml_bad;
mod saml_sign_in;
mod saml_strangers;
mod secrets;
mod settings_file;
#[path = "../../../saml/tests/it/signer.rs"]
#[allow(dead_code)]
mod signer;
mod taken;
mod tenants;
mod tls;
mod tokens;
mod unlinked;
mod who;
