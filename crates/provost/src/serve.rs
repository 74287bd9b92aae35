//! `provost serve`: the banner of the start, the log, and a sentence for everything that keeps it from starting.

use crate::Environment;
use crate::cli::{Global, Serve};
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Runs the server until it is told to stop.
pub async fn serve(_arguments: &Serve, _global: &Global, _environment: &Environment, _out: Output) -> Result<()> {
    Err(Failure::new(Exit::Failed, "not yet", ""))
}
