//! Whether what was signed elsewhere is still in the trail: every checkpoint of a file against the row that it names.

use super::super::{Cx, rows};
use crate::client::with_query;
use crate::failure::{Exit, Failure, Result};
use crate::output::text;
use serde_json::json;
use server::checkpoint::Checkpoint;
use std::collections::BTreeMap;
use std::path::Path;

/// Rows that are asked for at once.
const PAGE: u32 = 1_000;

/// Compares all of a file; one that proves something else is a finding.
pub(super) async fn compare(cx: &Cx, file: &Path, key: &str) -> Result<()> {
    let wrong = |line: usize, why: &str| {
        let message = format!("line {line} of {}: {why}", file.display());
        let fix = "compare with a backup and with the file where it was first written: one of the two was changed";
        Failure::new(Exit::Findings, message, fix)
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(
            Exit::NotFound,
            format!("{} cannot be read: {error}", file.display()),
            "name a file of checkpoints",
        )
    })?;
    let mut signed: BTreeMap<i64, (usize, Checkpoint)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let checkpoint = Checkpoint::proven(line, key).map_err(|why| wrong(at + 1, &why.to_string()))?;
        if let Some((_, other)) = signed.get(&checkpoint.seq)
            && other.hash != checkpoint.hash
        {
            let why = format!("row {} was signed before with another hash: the trail was written anew", checkpoint.seq);
            return Err(wrong(at + 1, &why));
        }
        signed.insert(checkpoint.seq, (at + 1, checkpoint));
    }
    let Some((newest, first)) = signed.last_key_value().map(|(newest, _)| *newest).zip(signed.keys().next().copied())
    else {
        return Err(wrong(1, "there is no checkpoint in it"));
    };
    let have = hashes(cx, newest, first).await?;
    for (seq, (line, checkpoint)) in &signed {
        match have.get(seq) {
            None => return Err(wrong(*line, &format!("row {seq} was signed and is not there: the trail was cut off"))),
            Some(hash) if *hash != checkpoint.hash => {
                return Err(wrong(
                    *line,
                    &format!("row {seq} is not the one that was signed: the trail was written anew"),
                ));
            }
            Some(_) => {}
        }
    }
    let told = json!({"checkpoints": signed.len(), "newest": newest, "key": key});
    let sentence =
        format!("All {} checkpoints hold: up to row {newest} nothing was cut off or written anew.", signed.len());
    cx.out.done("audit.checkpoints", &told, &sentence)
}

/// The hashes of the rows in between, by number.
async fn hashes(cx: &Cx, newest: i64, first: i64) -> Result<BTreeMap<i64, String>> {
    let (mut before, mut have) = (newest.saturating_add(1), BTreeMap::new());
    while before > first {
        let parameters = [("before", Some(before.to_string())), ("limit", Some(PAGE.to_string()))];
        let (page, _) = rows(&cx.client.get(&with_query("/api/v1/audit", &parameters)).await?);
        let numbered = page.iter().filter_map(|row| Some((row.get("seq")?.as_i64()?, text(row, "hash"))));
        let found: Vec<(i64, String)> = numbered.collect();
        let Some(oldest) = found.iter().map(|(seq, _)| *seq).min() else { break };
        before = oldest;
        have.extend(found);
    }
    Ok(have)
}
