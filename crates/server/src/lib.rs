//! Everything that waits: HTTP, authentication, the SCIM use cases, the admin API, the workers beside them.

mod admin;
mod answer;
mod api;
mod app;
mod audit;
mod auth;
mod clock;
mod config;
mod console;
pub mod egress;
mod error;
mod events;
mod gate;
mod idp;
mod json;
pub mod limits;
mod log_queue;
mod oidc;
mod operators;
#[allow(dead_code, reason = "as above: what the admin API does not reach yet")]
mod outbound;
mod passkeys;
mod person;
mod pieces;
mod query;
mod record;
mod redact;
mod routes;
mod saml;
mod scim;
mod serve;
mod session;
pub mod sheet;
mod sign_in;
mod tenants;
mod token;
mod totp;
mod worker;

pub use app::App;
pub use clock::{Clock, Stopwatch};
pub use config::{Config, Database, variable};
pub use routes::{normalise, router};
pub use serve::{Peer, SOCKET, StartError, Started, run};
pub use worker::{Workers, start as start_workers};
