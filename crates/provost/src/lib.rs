//! The command line of Provost, as a library so that tests can hold the documents against it.
//!
//! How it works: `cli` is what can be said, `command` does it, `client` is the one way to the data, `serve` runs the
//! server. Not here: any rule of the product; the commands ask the API.

pub mod cli;
pub mod client;
pub mod command;
pub mod demo;
pub mod failure;
pub mod output;
pub mod progress;
pub mod secret;
pub mod serve;
pub mod source;

use std::path::PathBuf;

/// What of the environment the command line looks at; read once, in `main`.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `PROVOST_DATA`: the data folder.
    pub data: Option<PathBuf>,
    /// `PROVOST_SERVER`: the server to speak to.
    pub server: Option<String>,
    /// `PROVOST_DATABASE`: the address of a database of PostgreSQL.
    pub database: Option<String>,
    /// `PROVOST_LOG`: the level of the log.
    pub log: Option<String>,
    /// Where temporary files are.
    pub temporary: PathBuf,
    /// `NO_COLOR`: no colours, whatever the terminal can do.
    pub no_color: bool,
}
