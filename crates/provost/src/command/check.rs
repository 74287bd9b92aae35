//! `provost check data`: is what is stored whole.

use super::{Cx, rows};
use crate::cli::Check;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, Output, text};
use serde_json::Value;

pub(super) async fn run(cx: &Cx, command: Check) -> Result<()> {
    match command {
        Check::Data => data(cx).await,
    }
}

async fn data(cx: &Cx) -> Result<()> {
    let (findings, next) = rows(&cx.client.get("/api/v1/check").await?);
    if findings.is_empty() {
        return cx.out.done("check.data", &findings.into(), "The data is whole.");
    }
    list(&cx.out, "check.data", &findings, &next)?;
    let fix = "stop the server, keep a copy of the folder, and restore a backup";
    Err(Failure::new(Exit::Findings, format!("{} findings", findings.len()), fix))
}

/// Prints what was found; what is of the file itself has no tenant.
pub(super) fn list(out: &Output, command: &str, findings: &[Value], next: &Value) -> Result<()> {
    let columns: [Column<'_>; 2] = [("TENANT", &|row| text(row, "tenant")), ("FINDING", &|row| text(row, "problem"))];
    out.list(command, &columns, findings, next)
}
