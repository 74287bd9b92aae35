//! `provost job …`: long work, how far it is, and the way to stop it.

use super::{Cx, rows};
use crate::cli::Job;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, text};
use crate::progress::{Progress, Unit};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How often a job that is waited for is asked for.
const POLL: Duration = Duration::from_millis(500);

pub(super) async fn run(cx: &Cx, command: Job) -> Result<()> {
    match command {
        Job::List => list(cx).await,
        Job::Show { id, wait } => {
            let job = cx.client.get(&path(cx, id)).await?;
            let job = if wait { waited(cx, job).await? } else { job };
            cx.out.one("job.show", &job, &serde_json::to_string_pretty(&job).unwrap_or_default())
        }
        Job::Retry { id, wait } => retry(cx, id, wait).await,
        Job::Cancel { id } => {
            confirm(&format!("stop job {id}"), cx.yes)?;
            let job = cx.client.call(Method::DELETE, &path(cx, id), None).await?;
            cx.out.done("job.cancel", &job, &format!("Job {id} is {}.", text(&job, "state")))
        }
    }
}

async fn retry(cx: &Cx, id: i64, wait: bool) -> Result<()> {
    let job = cx.client.call(Method::POST, &format!("{}/retry", path(cx, id)), None).await?;
    let job = if wait { waited(cx, job).await? } else { job };
    let sentence = format!("Job {} does again what job {id} could not do.", text(&job, "id"));
    cx.out.done("job.retry", &job, &sentence)
}

async fn list(cx: &Cx) -> Result<()> {
    let (jobs, next) = rows(&cx.client.get(&cx.path("/jobs")).await?);
    let columns: [Column<'_>; 6] = [
        ("ID", &|row| text(row, "id")),
        ("WHAT", &|row| text(row, "label")),
        ("STATE", &|row| text(row, "state")),
        ("DONE", &|row| format!("{} of {}", text(row, "done"), text(row, "total"))),
        ("FAILED", &|row| text(row, "failed")),
        ("ASKED FOR", &|row| instant(row, "createdAt")),
    ];
    cx.out.list("job.list", &columns, &jobs, &next)
}

fn path(cx: &Cx, id: i64) -> String {
    cx.path(&format!("/jobs/{id}"))
}

fn is_open(job: &Value) -> bool {
    matches!(job.get("state").and_then(Value::as_str), Some("waiting" | "running"))
}

/// The job at its end, with its progress until then; something that went wrong in it is an error.
pub(super) async fn waited(cx: &Cx, mut job: Value) -> Result<Value> {
    let number = |job: &Value, name: &str| job.get(name).and_then(Value::as_i64).unwrap_or(0);
    let id = number(&job, "id");
    let mut progress = Progress::new(cx.out, "job", Some(number(&job, "total").unsigned_abs()), Unit::Things);
    progress.about(&text(&job, "label"));
    while is_open(&job) {
        progress.at(number(&job, "done").unsigned_abs());
        tokio::time::sleep(POLL).await;
        job = cx.client.get(&path(cx, id)).await?;
    }
    drop(progress);
    if number(&job, "failed") == 0 {
        return Ok(job);
    }
    let first = job.pointer("/failures/0").map(|failure| (text(failure, "id"), text(failure, "why")));
    let (about, why) = first.unwrap_or_default();
    let message = format!("{} of it failed; the first was {about}: {why}", number(&job, "failed"));
    Err(Failure::new(Exit::Failed, message, format!("see `provost job show {id}{}`", cx.again())))
}
