//! Everything that waits: HTTP, authentication, the SCIM use cases, the admin API, the workers beside them.

mod admin;
mod answer;
mod api;
mod app;
mod auth;
mod clock;
mod config;
mod console;
mod error;
pub mod limits;
mod query;
mod record;
mod redact;
mod routes;
mod scim;
mod serve;
mod tenants;
mod token;
mod worker;

pub use app::App;
pub use clock::{Clock, Stopwatch};
pub use config::{Config, variable};
pub use routes::{normalise, router};
pub use serve::{Peer, SOCKET, StartError, Started, run};
pub use worker::{Workers, start as start_workers};
