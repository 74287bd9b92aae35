//! `provost conflict …`: what was refused and waits for somebody.

use super::{Cx, rows};
use crate::cli::Conflict;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, text};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};

pub(super) async fn run(cx: &Cx, command: Conflict) -> Result<()> {
    match command {
        Conflict::List => list(cx).await,
        Conflict::Link { subject } => {
            let conflict = find(cx, &subject).await?;
            confirm(&format!("let the account of {subject} take over every value that was refused"), cx.yes)?;
            let body = json!({"name": conflict.get("name")});
            let linked = cx.client.call(Method::POST, &cx.path("/conflicts/link"), Some(&body)).await?;
            cx.out.done("conflict.link", &linked, &format!("{subject} has what was refused."))
        }
        Conflict::Dismiss { subject } => {
            let mut chosen = Vec::with_capacity(subject.len());
            for one in &subject {
                let conflict = find(cx, one).await?;
                chosen.push(json!({"name": conflict.get("name"), "lastSeq": conflict.get("lastSeq")}));
            }
            let body = json!({"do": "dismiss", "conflicts": chosen});
            let gone = cx.client.call(Method::POST, &cx.path("/conflicts/bulk"), Some(&body)).await?;
            let said = format!("{}: hidden until the same is refused again.", subject.join(", "));
            cx.out.done("conflict.dismiss", &gone, &said)
        }
    }
}

async fn list(cx: &Cx) -> Result<()> {
    let (conflicts, next) = rows(&cx.client.get(&cx.path("/conflicts")).await?);
    let columns: [Column<'_>; 5] = [
        ("ABOUT", &|row| text(row, "subject")),
        ("CODE", &|row| text(row, "code")),
        ("TIMES", &|row| text(row, "count")),
        ("LAST", &|row| instant(row, "lastAt")),
        ("WHY", &|row| text(row, "detail")),
    ];
    cx.out.list("conflict.list", &columns, &conflicts, &next)
}

/// The newest conflict about somebody.
async fn find(cx: &Cx, subject: &str) -> Result<Value> {
    let (conflicts, _) = rows(&cx.client.get(&cx.path("/conflicts")).await?);
    let found = conflicts.into_iter().find(|conflict| text(conflict, "subject").eq_ignore_ascii_case(subject));
    let fix = format!("see `provost conflict list{}`", cx.again());
    found.ok_or_else(|| Failure::new(Exit::NotFound, format!("nothing about {subject} waits"), fix))
}
