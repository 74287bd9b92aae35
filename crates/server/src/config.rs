//! What the server is told at its start. The only place that reads the environment.

use crate::clock::Clock;
use crate::egress::Targets;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server keeps its data and where it listens.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// The database, where it is not a file in the data folder.
    pub database: Option<Database>,
    /// The address for HTTP.
    pub listen: SocketAddr,
    /// The address by which clients call it, if a proxy stands in front: `https://scim.example.com`.
    pub public_url: Option<String>,
    /// Where it may send requests itself, besides the internet.
    pub targets: Targets,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Config {
    /// With everything else as a newcomer wants it.
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self { data, database: None, listen, public_url: None, targets: Targets::default(), clock: Clock::system() }
    }
}

/// A database of PostgreSQL.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is and who asks: `postgres://user:password@host/database`.
    pub url: String,
    /// Whether a pooler that hands out connections by the transaction stands in front of it.
    pub pooled: bool,
}

impl std::fmt::Debug for Database {
    /// Without the address: there may be a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("pooled", &self.pooled).finish_non_exhaustive()
    }
}

/// An environment variable's text, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
