//! Jobs: how far long work is, what went wrong in it, and the way to stop it.

use crate::admin::jobs;
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, count, definitions, empty, form, link, live, progress, table, time, visible,
    when,
};
use crate::console::{Desk, Flash, Icon, Nav, Page, Shown, fragment, page};
use axum::extract::Path;
use maud::{Markup, html};
use serde_json::Value;
use store::{Job, JobState};

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
        @if all.is_empty() { (empty(Icon::Clock, "No jobs", html! { "Work on many users at once becomes a job: choose them in the list of users." }, Some(link("/app/users", "Users", false)))) }
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
    let body = html! {
        @if job.state.is_open() { (live("job", &["jobs"], &format!("/app/jobs/{id}/now"), now(&cx, &job))) } @else { (now(&cx, &job)) }
        @if job.state.is_open() && cx.may_change() {
            (form(&cx, &format!("/app/jobs/{id}/cancel"), html! { button .danger type="submit" { "Stop" } }))
            p .hint { "What was done stays done. You can leave this page: the job goes on, also after a restart of the server." }
        }
    };
    let about = Page::new(format!("{} #{}", job.label, job.id), Nav::Jobs).under("Jobs", "/app/jobs");
    Ok(page(&cx, about, body))
}

/// `GET /app/jobs/{id}/now`.
pub(super) async fn fresh(cx: Desk, Path(id): Path<i64>) -> Shown {
    let job = jobs::find(&cx.app, cx.tenant.tenant.id, id).await?;
    Ok(fragment(now(&cx, &job)))
}

/// Seconds that are left at the pace so far.
fn left(job: &Job, now: i64) -> Option<u64> {
    let began = job.started_at.filter(|_| job.state.is_open() && job.done > 0)?;
    let spent = u64::try_from((now - began).max(0)).ok()?;
    Some(spent.saturating_mul(job.total.saturating_sub(job.done)) / job.done / 1_000_000)
}

fn now(cx: &Desk, job: &Job) -> Markup {
    let none = || html! { span .quiet { "—" } };
    html! {
        (card("How far it is", html! {
            (progress(&job.label, job.done, Some(job.total)))
            (definitions(&[
                ("State", state(job)),
                ("Went well", html! { (count(job.done.saturating_sub(job.failed))) }),
                ("Failed", html! { (count(job.failed)) }),
                ("Left", left(job, cx.now).map_or_else(none, |seconds| html! { "about " (count(seconds)) " s" })),
                ("Asked for", html! { (time(job.created_at)) " by " (job.created_by) }),
                ("Ended", job.finished_at.map_or_else(none, time)),
            ]))
        }))
        @if !job.failures.is_empty() {
            (card("What failed", html! {
                ul .list {
                    @for failure in &job.failures {
                        @let id = failure.get("id").and_then(Value::as_str).unwrap_or_default();
                        li { a href={ "/app/users/" (id) } { code { (id) } } " " (visible(failure.get("why").and_then(Value::as_str).unwrap_or_default())) }
                    }
                }
                @if job.failed > job.failures.len() as u64 { p .quiet { "The first " (job.failures.len()) " of " (count(job.failed)) "; all stand in the log." } }
            }))
        }
    }
}

/// `POST /app/jobs/{id}/cancel`.
pub(super) async fn cancel(cx: Desk, Path(id): Path<i64>) -> Shown {
    let stopped = jobs::cancel(&cx.app, &cx.actor(), &cx.tenant, id).await?;
    let flash = if stopped { Flash::good("Stopped") } else { Flash::bad("It was at its end already") };
    cx.done(&format!("/app/jobs/{id}"), flash)
}
