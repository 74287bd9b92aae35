//! Jobs: how far long work is, what went wrong in it, and the way to stop it.

use crate::admin::apps::runs;
use crate::admin::imports::{self, KIND, Plan};
use crate::admin::jobs;
use crate::app::App;
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, card_with, count, csv_cell, definitions, empty, form, link, live, progress,
    table, time, visible, when,
};
use crate::console::{Desk, Fault, Flash, Icon, Nav, Page, Shown, fragment, page};
use crate::limits::JOB_LEASE;
use crate::pieces::{self, Pieces};
use axum::extract::Path;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::HashMap;
use store::{Job, JobState, TenantId};

const COLUMNS: [Column; 5] = [
    Column::new("Job"),
    Column::new("State"),
    Column::new("Done").number(),
    Column::new("By").minor(),
    Column::new("Asked for"),
];

/// `GET /app/jobs`.
pub(super) async fn list(cx: Desk) -> Shown {
    let all = jobs::list(&cx.app, cx.tenant.tenant.id).await?;
    let rows = all.iter().map(|job| Row {
        cells: vec![
            html! { a href={ "/app/jobs/" (job.id) } { (job.label) " #" (job.id) } },
            state(job),
            html! { (count(job.done)) " of " (count(job.total)) },
            html! { (job.created_by) },
            when(job.created_at, cx.now),
        ],
        ..Row::default()
    });
    let body = html! {
        @if all.is_empty() { (empty(Icon::Clock, "No jobs", html! { "Work on many users at once becomes a job: choose them in the list of users, or import a file. So does a change of a custom field that concerns what is stored." }, Some(html! { (link("/app/users", "Users", false)) @if cx.may_change() { (link("/app/users/imports", "Import CSV", false)) } }))) }
        @else { (table(&Table { caption: "Jobs, newest first", columns: &COLUMNS, rows: rows.collect(), body_id: None })) }
    };
    Ok(page(&cx, Page::new("Jobs", Nav::Jobs).purpose("Long work, and what became of it."), body))
}

/// A job whose parts went wrong is never shown as if it went well.
fn state(job: &Job) -> Markup {
    match job.state {
        JobState::Done if job.failed > 0 => badge(Tone::Warn, &format!("done, {} failed", job.failed)),
        JobState::Done => badge(Tone::Good, "done"),
        JobState::Cancelled => badge(Tone::Quiet, "stopped"),
        JobState::Running => badge(Tone::Info, "running"),
        JobState::Waiting => badge(Tone::Info, "waiting"),
    }
}

/// `GET /app/jobs/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<i64>) -> Shown {
    let job = jobs::find(&cx.app, cx.tenant.tenant.id, id).await?;
    // What was under way when it was stopped is counted a moment later.
    let names = names(&cx, &job).await?;
    let is_news = job.state.is_open() || job.finished_at.is_some_and(|at| cx.now - at < JOB_LEASE);
    let body = html! {
        @if is_news { (live("job", &["jobs"], &format!("/app/jobs/{id}/now"), now(&cx, &job, &names))) } @else { (now(&cx, &job, &names)) }
    };
    let about = Page::new(format!("{} #{}", job.label, job.id), Nav::Jobs).under("Jobs", "/app/jobs");
    Ok(page(&cx, about, body))
}

/// The way to stop it, as long as there is one.
fn stop(cx: &Desk, job: &Job) -> Markup {
    html! {
        @if job.state.is_open() && ["clear", "archive", "restore", "forget"].contains(&job.kind.as_str()) {
            p .hint { "It cannot be stopped. You can leave this page: it goes on, also after a restart of the server." }
        } @else if job.state.is_open() && cx.may_change() {
            (form(cx, &format!("/app/jobs/{}/cancel", job.id), html! { button .danger type="submit" { "Stop" } }))
            p .hint { (if job.kind == "index" { "Stopped, the field stays as it was." } else { "What was done stays done." }) " You can leave this page: the job goes on, also after a restart of the server." }
        }
    }
}

/// `GET /app/jobs/{id}/now`.
pub(super) async fn fresh(cx: Desk, Path(id): Path<i64>) -> Shown {
    let job = jobs::find(&cx.app, cx.tenant.tenant.id, id).await?;
    let names = names(&cx, &job).await?;
    Ok(fragment(now(&cx, &job, &names)))
}

/// What those are called with whom it went wrong, by their ids.
async fn names(cx: &Desk, job: &Job) -> Result<HashMap<String, String>, Fault> {
    let id = |failure: &Value| failure.get("id").and_then(Value::as_str).map(str::to_owned);
    let ids: Vec<String> = job.failures.iter().filter_map(id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(runs::names(&cx.app, &cx.tenant, ids).await?)
}

/// Seconds that are left at the pace so far.
fn left(job: &Job, now: i64) -> Option<u64> {
    let began = job.started_at.filter(|_| job.state.is_open() && job.done > 0)?;
    let spent = u64::try_from((now - began).max(0)).ok()?;
    Some(spent.saturating_mul(job.total.saturating_sub(job.done)) / job.done / 1_000_000)
}

fn now(cx: &Desk, job: &Job, names: &HashMap<String, String>) -> Markup {
    let none = || html! { span .quiet { "—" } };
    let is_over = !job.state.is_open();
    let leads = |name: &str, to: &str, is_there: bool| {
        let number = job.counts.get(name).and_then(Value::as_u64).unwrap_or(0);
        html! { @if is_there && number > 0 { a href=(to) { (count(number)) } } @else { (count(number)) } }
    };
    let failed = html! { @if job.failures.is_empty() { (count(job.failed)) } @else { a href="#failed" { (count(job.failed)) } } };
    let mut told = vec![("State", state(job))];
    if job.kind == KIND {
        let (_, name, plan) = imports::plan_of(job);
        let would = |will: &'static str, did: &'static str| if plan.dry_run { will } else { did };
        told.extend([
            ("File", html! { (visible(&name)) }),
            (would("Would be created", "Created"), leads("created", "/app/users", is_over && !plan.dry_run)),
            (
                would("Would be updated", "Updated"),
                leads("updated", "/app/users?order=changed", is_over && !plan.dry_run),
            ),
            ("As they are already", leads("unchanged", "", false)),
            (would("Would be refused", "Refused"), failed.clone()),
        ]);
    } else {
        told.extend([("Went well", html! { (count(job.done.saturating_sub(job.failed))) }), ("Failed", failed)]);
    }
    if is_over {
        let rest = job.total.saturating_sub(job.done);
        if job.state == JobState::Cancelled {
            told.push((
                "Not reached",
                html! { (count(rest)) @if rest > 0 { span .quiet { ", and left as they were" } } },
            ));
        }
    } else {
        told.push((
            "Time left",
            left(job, cx.now).map_or_else(none, |seconds| html! { "about " (count(seconds)) " s" }),
        ));
    }
    told.extend([
        ("Asked for", html! { (time(job.created_at)) " by " (job.created_by) }),
        ("Ended", job.finished_at.map_or_else(none, time)),
    ]);
    html! {
        (card("How far it is", html! {
            (progress(&job.label, job.done, Some(job.total)))
            (definitions(&told))
        }))
        (stop(cx, job))
        @if job.kind == KIND { (next_of_import(cx, job)) }
        @if !job.failures.is_empty() { div #failed { (what_failed(job, names)) } }
        @if !job.failures.is_empty() && job.kind != KIND && !job.state.is_open() && cx.may_change() {
            (form(cx, &format!("/app/jobs/{}/retry", job.id), html! {
                div .actions { button type="submit" { "Retry the " @if job.failed > jobs::IDS_MAX as u64 { "first " } (count(job.failed.min(jobs::IDS_MAX as u64))) " that failed" } }
                p .hint { "As another job. Put right first what stands beside them." }
            }))
        }
    }
}

/// Behind a trial comes the import; behind an import the people.
fn next_of_import(cx: &Desk, job: &Job) -> Markup {
    let (file, _, plan) = imports::plan_of(job);
    html! {
        @if job.state == JobState::Done && plan.dry_run && cx.may_change() {
            (card("Nothing was changed yet", html! {
                @let none = job.failed > 0 && job.failed >= job.done;
                p {
                    @if none { "Every row would be refused: the reasons stand below." }
                    @else if job.failed > 0 { "The rows below would be refused, all others imported." }
                    @else { "Every row can be imported." }
                }
                (form(cx, &format!("/app/jobs/{}/again", job.id), html! { div .actions {
                    @if !none { button .main type="submit" { "Import them now" } }
                    (link(&format!("/app/users/imports/{file}"), "Change the columns", false))
                } }))
            }))
        }
        @if job.state == JobState::Done && !plan.dry_run { div .actions { (link("/app/users?order=changed", "The people", true)) } }
    }
}

fn what_failed(job: &Job, names: &HashMap<String, String>) -> Markup {
    let text = |failure: &Value, name: &str| failure.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = format!("/app/jobs/{}/failures.csv", job.id);
    card_with(
        "What failed",
        link(&all, "Download all as CSV", false),
        html! {
            ul .list.rows {
                @for failure in &job.failures {
                    @let (id, code) = (text(failure, "id"), text(failure, "code"));
                    li {
                        @if let Some(line) = failure.get("line").and_then(Value::as_u64) { strong { "Line " (line) } ": " (visible(&text(failure, "message"))) }
                        @else { a href={ "/app/users/" (id) } { @match names.get(&id) { Some(name) => (visible(name)), None => code { (id) } } } ": " (visible(&text(failure, "why"))) }
                        @if !code.is_empty() { " " a href={ "/docs/errors/" (code) } { (code) } }
                    }
                }
            }
            @if job.failed > job.failures.len() as u64 { p .quiet { "The first " (job.failures.len()) " of " (count(job.failed)) "; the file has all of them." } }
        },
    )
}

/// Rows that are read at once.
const FAILURES_PAGE: u32 = 5_000;

/// `GET /app/jobs/{id}/failures.csv`: everything that a job could not do, sent while it is read.
pub(super) async fn failures(cx: Desk, Path(id): Path<i64>) -> Shown {
    let tenant = cx.tenant.tenant.id;
    let job = jobs::find(&cx.app, tenant, id).await?;
    let names: &'static [&'static str] = if job.kind == KIND { &["line", "code", "message"] } else { &["id", "why"] };
    let (out, body) = pieces::channel();
    tokio::spawn(pump(cx.app, tenant, id, names, out));
    Ok(super::download(super::CSV, &format!("job-{id}-failures.csv"), body))
}

async fn pump(app: App, tenant: TenantId, id: i64, names: &'static [&'static str], out: Pieces) {
    if out.send(Ok(format!("{}\r\n", names.join(",")).into())).await.is_err() {
        return;
    }
    let mut after = 0;
    loop {
        let some = match jobs::failures(&app, tenant, id, after, FAILURES_PAGE).await {
            Ok(some) => some,
            Err(error) => return pieces::break_off(&out, &error).await,
        };
        let Some((last, _)) = some.last() else { return };
        after = *last;
        let text: String = some.iter().map(|(_, failure)| csv_line(failure, names)).collect();
        if out.send(Ok(text.into())).await.is_err() {
            return;
        }
    }
}

fn csv_line(failure: &Value, names: &[&str]) -> String {
    let cells = names.iter().map(|name| match failure.get(*name) {
        Some(Value::String(text)) => csv_cell(text),
        Some(other) => other.to_string(),
        None => String::new(),
    });
    format!("{}\r\n", cells.collect::<Vec<_>>().join(","))
}

/// `POST /app/jobs/{id}/again`: a trial becomes the import, with the same columns.
pub(super) async fn again(cx: Desk, Path(id): Path<i64>) -> Shown {
    let job = jobs::find(&cx.app, cx.tenant.tenant.id, id).await?;
    if job.kind != KIND {
        return cx.done(&format!("/app/jobs/{id}"), Flash::bad("Only an import can be done after it was tried"));
    }
    let (file, _, plan) = imports::plan_of(&job);
    let plan = Plan { dry_run: false, ..plan };
    let begun = imports::begin(&cx.app, &cx.actor(), &cx.tenant, &file, &plan).await?;
    cx.done(&format!("/app/jobs/{begun}"), Flash::good("The job has begun"))
}

/// `POST /app/jobs/{id}/retry`.
pub(super) async fn retry(cx: Desk, Path(id): Path<i64>) -> Shown {
    match jobs::retry(&cx.app, &cx.actor(), &cx.tenant, id).await {
        Ok(begun) => cx.done(&format!("/app/jobs/{begun}"), Flash::good("The job has begun")),
        Err(error) => cx.refused(&format!("/app/jobs/{id}"), error),
    }
}

/// `POST /app/jobs/{id}/cancel`.
pub(super) async fn cancel(cx: Desk, Path(id): Path<i64>) -> Shown {
    let stopped = jobs::cancel(&cx.app, &cx.actor(), &cx.tenant, id).await?;
    let flash = if stopped { Flash::good("Stopped") } else { Flash::bad("It was at its end already") };
    cx.done(&format!("/app/jobs/{id}"), flash)
}
