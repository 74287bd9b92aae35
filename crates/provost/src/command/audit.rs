//! `provost audit …`: who changed what, and whether the trail is whole.

mod checkpoints;

use super::{Cx, rows};
use crate::cli::Audit;
use crate::client::with_query;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, text};
use checkpoints::compare;
use serde_json::Value;
use std::path::Path;

pub(super) async fn run(cx: &Cx, command: Audit) -> Result<()> {
    match command {
        Audit::List { text, before, limit } => list(cx, text, before, limit).await,
        Audit::Verify { checkpoints, key } => verify(cx, checkpoints.as_deref(), key).await,
    }
}

async fn list(cx: &Cx, search: Option<String>, before: Option<u64>, limit: u32) -> Result<()> {
    let parameters =
        [("text", search), ("before", before.map(|seq| seq.to_string())), ("limit", Some(limit.to_string()))];
    let (lines, next) = rows(&cx.client.get(&with_query("/api/v1/audit", &parameters)).await?);
    let columns: [Column<'_>; 7] = [
        ("SEQ", &|row| text(row, "seq")),
        ("AT", &|row| instant(row, "at")),
        ("WHO", &|row| text(row, "actor")),
        ("WHAT", &|row| text(row, "action")),
        ("OBJECT", &|row| text(row, "object")),
        ("FROM", &|row| text(row, "address")),
        ("DETAIL", &|row| row.get("detail").map(Value::to_string).unwrap_or_default()),
    ];
    cx.out.list("audit.list", &columns, &lines, &next)
}

async fn verify(cx: &Cx, checkpoints: Option<&Path>, key: Option<String>) -> Result<()> {
    let found = cx.client.get("/api/v1/audit/verify").await?;
    let count = text(&found, "rows");
    if found.get("holds").and_then(Value::as_bool) == Some(true) {
        let (seq, hash) = (text(&found, "head.seq"), text(&found, "head.hash"));
        let key = key.unwrap_or_else(|| text(&found, "checkpointKey"));
        cx.out.one("audit.verify", &found, &format!("{seq} {hash}"))?;
        cx.out.note(&format!("The chain of {count} rows holds; above is its newest row, to be kept somewhere else."));
        return match checkpoints {
            Some(file) => compare(cx, file, &key).await,
            None => Ok(()),
        };
    }
    cx.out.one("audit.verify", &found, &format!("broken at row {}", text(&found, "broken.seq")))?;
    let why = text(&found, "broken.why");
    let message = format!("row {} of the audit trail is wrong: {why}", text(&found, "broken.seq"));
    Err(Failure::new(Exit::Findings, message, "compare with a backup; somebody has changed the database itself"))
}
