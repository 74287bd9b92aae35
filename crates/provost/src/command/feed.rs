//! `provost log …` and `provost changes …`: what came in, and what became of it.

use super::{Cx, rows};
use crate::cli::{Changes, Log, LogFilter, LogList};
use crate::client::with_query;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, plain, printable, text};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How often a followed feed is asked for more.
const POLL: Duration = Duration::from_millis(500);
/// Entries asked for at once while following.
const PAGE: u64 = 500;

pub(super) async fn log(cx: &Cx, command: Log) -> Result<()> {
    match command {
        Log::List(arguments) => log_list(cx, &arguments).await,
        Log::Show { seq } => {
            let entry = cx.client.get(&cx.path(&format!("/log/{seq}"))).await?;
            cx.out.one("log.show", &entry, &serde_json::to_string_pretty(&entry).unwrap_or_default())
        }
        Log::Rehearse { seq } => {
            let path = cx.path(&format!("/log/{seq}"));
            let entry = cx.client.get(&path).await?;
            let now = cx.client.call(Method::POST, &format!("{path}/rehearsal"), None).await?;
            cx.out.one("log.rehearse", &now, &rehearsed(&entry, &now))
        }
        Log::Report { seq } => {
            let path = with_query(&cx.path("/report"), &[("seq", seq.map(|seq| seq.to_string()))]);
            let report = cx.client.get(&path).await?;
            cx.out.one("log.report", &report, &serde_json::to_string_pretty(&report).unwrap_or_default())
        }
        Log::Tail(filter) => {
            let newest = cx.client.get(&with_query(&cx.path("/log"), &[("limit", Some("1".to_owned()))])).await?;
            let last = rows(&newest).0.iter().map(seq).max().unwrap_or(0);
            follow(cx, last, |after| log_path(cx, &filter, None, Some(after), PAGE), log_line).await
        }
    }
}

async fn log_list(cx: &Cx, arguments: &LogList) -> Result<()> {
    let since = arguments.since.map(|span| ago(span.0));
    let path = log_path(cx, &arguments.filter, since, arguments.after, arguments.limit);
    let (mut entries, next) = rows(&cx.client.get(&path).await?);
    let next = if (entries.len() as u64) < arguments.limit { Value::Null } else { next };
    entries.sort_by_key(seq);
    let columns: [Column<'_>; 8] = [
        ("SEQ", &|row| text(row, "seq")),
        ("AT", &|row| instant(row, "at")),
        ("METHOD", &|row| text(row, "method")),
        ("PATH", &|row| text(row, "path")),
        ("STATUS", &|row| text(row, "status")),
        ("MS", &|row| millis(row)),
        ("BY", &|row| text(row, "actor")),
        ("CODE", &|row| text(row, "code")),
    ];
    cx.out.list("log.list", &columns, &entries, &next)?;
    if !entries.is_empty() {
        cx.out.hint(&format!("provost log show SEQ{}", cx.again()));
    }
    Ok(())
}

/// What would come of an entry's request now. It asks behind the door: whether its token is let in is said apart.
fn rehearsed(entry: &Value, now: &Value) -> String {
    let [method, path, then] = ["method", "path", "status"].map(|name| text(entry, name));
    let code = now.get("code").filter(|code| !code.is_null()).map(|code| format!(" {}", plain(code)));
    let mut lines =
        vec![format!("{method} {path}: {then} then, {}{} now", text(now, "status"), code.unwrap_or_default())];
    if now.get("letIn") == Some(&Value::Bool(false)) {
        lines.push("  with its own token 401: it is not let in any more".to_owned());
    }
    let all = |name| now.get(name).and_then(Value::as_array).into_iter().flatten();
    lines.extend(now.pointer("/answer/detail").map(|detail| format!("  {}", plain(detail))));
    lines.extend(all("steps").map(|step| format!("  {}", plain(step))));
    lines.extend(all("diff").map(|one| match one.get("count") {
        Some(count) => format!("  {}: {}", text(one, "attribute"), plain(count)),
        None => format!("  {}: {} → {}", text(one, "attribute"), text(one, "before"), text(one, "after")),
    }));
    lines.push("Nothing was changed.".to_owned());
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
}

fn log_path(cx: &Cx, filter: &LogFilter, since: Option<String>, after: Option<u64>, limit: u64) -> String {
    with_query(
        &cx.path("/log"),
        &[
            ("after", after.map(|seq| seq.to_string())),
            ("limit", Some(limit.to_string())),
            ("resource", filter.resource.clone()),
            ("status", filter.status.map(|status| status.to_string())),
            ("failed", filter.failed.then(|| "true".to_owned())),
            ("method", filter.method.as_ref().map(|method| method.to_uppercase())),
            ("token", filter.token.clone()),
            ("remote", filter.from.clone()),
            ("code", filter.code.as_ref().map(|code| code.to_uppercase())),
            ("text", filter.text.clone()),
            ("attribute", filter.attribute.clone()),
            ("since", since),
        ],
    )
}

fn log_line(row: &Value) -> String {
    format!(
        "{}  {:<6} {}  {}  {} ms  {}",
        instant(row, "at"),
        text(row, "method"),
        text(row, "status"),
        text(row, "path"),
        millis(row),
        row.get("code").map(plain).unwrap_or_default(),
    )
}

fn millis(row: &Value) -> String {
    let micros = row.get("tookUs").and_then(Value::as_f64);
    micros.map_or_else(|| "-".to_owned(), |micros| format!("{:.1}", micros / 1_000.0))
}

pub(super) async fn changes(cx: &Cx, command: Changes) -> Result<()> {
    let path = |after: u64, limit: u64| {
        with_query(&cx.path("/changes"), &[("after", Some(after.to_string())), ("limit", Some(limit.to_string()))])
    };
    match command {
        Changes::List { after, limit } => {
            let (found, next) = rows(&cx.client.get(&path(after, limit)).await?);
            let next = if (found.len() as u64) < limit { Value::Null } else { next };
            let columns: [Column<'_>; 6] = [
                ("SEQ", &|row| text(row, "seq")),
                ("AT", &|row| instant(row, "at")),
                ("KIND", &|row| text(row, "kind")),
                ("OF", &|row| text(row, "resourceType")),
                ("ID", &|row| text(row, "id")),
                ("BY", &|row| text(row, "actor")),
            ];
            cx.out.list("changes.list", &columns, &found, &next)
        }
        Changes::Tail { after } => {
            let after = match after {
                Some(after) => after,
                None => last_change(cx, path).await?,
            };
            follow(cx, after, |after| path(after, PAGE), change_line).await
        }
    }
}

fn change_line(row: &Value) -> String {
    format!(
        "{}  {:>6}  {} {} {}",
        instant(row, "at"),
        text(row, "seq"),
        text(row, "resourceType"),
        text(row, "kind"),
        text(row, "id"),
    )
}

/// Prints what comes after a number until somebody presses Ctrl-C.
async fn follow(cx: &Cx, after: u64, path: impl Fn(u64) -> String, line: impl Fn(&Value) -> String) -> Result<()> {
    let mut after = after;
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let (mut found, _) = rows(&cx.client.get(&path(after)).await?);
        found.sort_by_key(seq);
        let full = found.len() as u64 >= PAGE;
        for row in &found {
            cx.out.line(row, &line(row))?;
            after = after.max(seq(row));
        }
        if full {
            continue;
        }
        tokio::select! {
            _ = &mut interrupted => return Err(Failure::new(Exit::Interrupted, "", "")),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// The number of the newest change. The feed only goes forward and its numbers have no gaps, so the end is found by
/// doubling and halving, in few small questions however long the feed is.
async fn last_change(cx: &Cx, path: impl Fn(u64, u64) -> String) -> Result<u64> {
    let (mut known, mut step) = (0_u64, 1_u64 << 16);
    loop {
        let (found, _) = rows(&cx.client.get(&path(known + step - 1, 1)).await?);
        match found.first() {
            Some(row) => {
                known = seq(row).max(known);
                step = step.saturating_mul(2).min(1 << 40);
            }
            None if step == 1 => return Ok(known),
            None => step /= 2,
        }
    }
}

/// The instant so many seconds ago, as the API takes it.
fn ago(seconds: u64) -> String {
    let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    scim::meta::rfc3339(server::Clock::system().now().saturating_sub(micros))
}

fn seq(row: &Value) -> u64 {
    row.get("seq").and_then(Value::as_u64).unwrap_or(0)
}
