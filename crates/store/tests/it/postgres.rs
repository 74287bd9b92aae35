//! The suite on PostgreSQL, and what only several nodes on one database can show.

/// Which database the modules below are about.
pub const POSTGRES: bool = true;

#[path = "commit.rs"]
mod commit;
#[path = "crash.rs"]
mod crash;
#[path = "feeds.rs"]
mod feeds;
#[path = "filters.rs"]
mod filters;
#[path = "log.rs"]
mod log;
#[path = "members.rs"]
mod members;
#[path = "nodes.rs"]
mod nodes;
#[path = "operators.rs"]
mod operators;
#[path = "outbound.rs"]
mod outbound;
#[path = "people.rs"]
mod people;
#[path = "reindex.rs"]
mod reindex;
#[path = "resources.rs"]
mod resources;
#[path = "support.rs"]
pub mod support;
#[path = "tls.rs"]
mod tls;
