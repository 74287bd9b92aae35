//! The suite on SQLite, and what only a file can show.

/// Which database the modules below are about.
pub const POSTGRES: bool = false;

#[path = "commit.rs"]
mod commit;
#[path = "crash.rs"]
mod crash;
#[path = "feeds.rs"]
mod feeds;
#[path = "filters.rs"]
mod filters;
#[path = "folder.rs"]
mod folder;
#[path = "log.rs"]
mod log;
#[path = "members.rs"]
mod members;
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
