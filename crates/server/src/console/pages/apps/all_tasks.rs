//! B16, tasks: what waits for somebody in any application, by cause.

use super::{at, tenant};
use crate::admin::apps::health;
use crate::admin::apps::links::{self, Retry};
use crate::console::parts::{Column, Row, Table, Tone, badge, count, empty, form, link, live, table, when};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, fragment, page, sentence};
use crate::outbound::causes::told;
use crate::outbound::integration::Integration;
use maud::{Markup, html};
use serde::Deserialize;
use store::TaskRow;

const COLUMNS: [Column; 5] = [
    Column::new("What is wrong"),
    Column::new("Application"),
    Column::new("Whom it concerns"),
    Column::new("Since").minor(),
    Column::new("What to do"),
];

/// `GET /app/tasks`.
pub(super) async fn show(cx: Desk) -> Shown {
    let body = live("all-tasks", &["apps"], "/app/tasks/rows", rows(&cx).await?);
    let about = Page::new("Tasks", Nav::Tasks)
        .purpose("What cannot be sent until somebody looks: grouped by cause, over all applications.")
        .help("provision-an-application");
    Ok(page(&cx, about, body))
}

/// `GET /app/tasks/rows`.
pub(super) async fn fresh(cx: Desk) -> Shown {
    Ok(fragment(rows(&cx).await?))
}

async fn rows(cx: &Desk) -> Result<Markup, Fault> {
    let all = health::tasks(&cx.app, tenant(cx)).await?;
    let mut all: Vec<(&Integration, &TaskRow)> =
        all.iter().flat_map(|(integration, tasks)| tasks.iter().map(move |task| (integration, task))).collect();
    // What is left as it is comes last.
    all.sort_by_key(|(_, task)| task.note.is_some());
    let rows: Vec<Row> = all.into_iter().map(|(integration, task)| row(cx, integration, task)).collect();
    Ok(html! {
        @if rows.is_empty() {
            (empty(Icon::Check, "No tasks", html! { "Everything that was to be sent was sent, or is under way." }, Some(link("/app/dashboard", "Dashboard", false))))
        } @else { (table(&Table { caption: "Tasks", columns: &COLUMNS, rows, body_id: None })) }
    })
}

fn row(cx: &Desk, integration: &Integration, task: &TaskRow) -> Row {
    let (title, fix) = told(&task.detail);
    let held = task.cause.starts_with("held:");
    let act = html! {
        p { @if let Some(note) = &task.note { (note.note) } @else { (sentence(&fix)) } }
        @if held || task.note.is_some() { (link(&at(integration, "/tasks"), if held { "Look and decide" } else { "Look at it" }, false)) }
        @else if cx.may_change() {
            div .actions {
            (form(cx, "/app/tasks", html! {
                input type="hidden" name="app" value=(integration.row.name);
                input type="hidden" name="cause" value=(task.cause);
                button .small type="submit" aria-label={ "Retry: " (title) } { "Retry all of this cause" }
            }))
            }
        }
    };
    Row {
        cells: vec![
            html! { a href=(at(integration, "/tasks")) { (sentence(&title)) } " " @if held { (badge(Tone::Warn, "Held")) } @if task.note.is_some() { (badge(Tone::Quiet, "Ignored")) } },
            html! { (integration.app.label) },
            html! { (count(task.count)) @if let Some(example) = &task.example { p .hint { @if task.count > 1 { "such as " } (example) } } },
            when(task.first_at, cx.now),
            act,
        ],
        ..Row::default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Again {
    app: String,
    cause: String,
}

/// `POST /app/tasks`.
pub(super) async fn retry(cx: Desk, Form(again): Form<Again>) -> Shown {
    let number = links::retry(&cx.app, &cx.actor(), tenant(&cx), &again.app, Retry::Cause(again.cause)).await?;
    cx.app.waiting().forget(cx.tenant.tenant.id);
    cx.done("/app/tasks", Flash::good(format!("{number} are tried again")))
}
