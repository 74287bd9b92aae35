//! B16, tasks of an app: what waits for somebody, by cause, with retry; held work, approved in part or dropped.

use super::{Tab, at, find, framed, tenant};
use crate::admin::apps::links::{self, Retry};
use crate::admin::apps::notes;
use crate::console::parts::{Tone, badge, card_with, count, definitions, empty, form, link, when};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown, sentence};
use crate::outbound::causes::told;
use crate::outbound::integration::Integration;
use crate::{limits, query};
use axum::extract::Path;
use maud::{Markup, html};
use store::{LinkKind, LinkQuery, LinkRow, TaskRow};

/// People of a cause that are shown.
const SHOWN: u32 = 50;

/// `GET /app/apps/{name}/tasks`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let mut tasks = links::tasks(&cx.app, tenant(&cx), &name).await?;
    // What is left as it is comes last.
    tasks.sort_by_key(|task| task.note.is_some());
    let mut items = Vec::new();
    for task in &tasks {
        items.push(item(&cx, &integration, task).await?);
    }
    let body = html! {
        @if items.is_empty() { (empty(Icon::Check, "No tasks", html! { "Everything that was to be sent was sent, or is under way." }, Some(link(&at(&integration, "/log"), "Log", false)))) }
        @for item in &items { (item) }
    };
    Ok(framed(&cx, &integration, Tab::Tasks, body))
}

/// People and groups alike: a cause is asked for whatever the kind.
async fn about(cx: &Desk, integration: &Integration, task: &TaskRow) -> Result<Vec<LinkRow>, Fault> {
    let query = LinkQuery { cause: Some(task.cause.clone()), limit: SHOWN, ..LinkQuery::default() };
    Ok(links::list(&cx.app, tenant(cx), &integration.row.name, query).await?)
}

async fn item(cx: &Desk, integration: &Integration, task: &TaskRow) -> Result<Markup, Fault> {
    let (title, fix) = told(&task.detail);
    let held = task.cause.starts_with("held:");
    let rows = about(cx, integration, task).await?;
    let aside = html! {
        @if task.note.is_some() { (badge(Tone::Quiet, "Ignored")) }
        (badge(if task.note.is_some() { Tone::Quiet } else if held { Tone::Warn } else { Tone::Bad }, &count(task.count)))
    };
    let more = task.count.saturating_sub(rows.len() as u64);
    let person = |row: &LinkRow| {
        let name = row.name.as_deref().or(row.display.as_deref()).unwrap_or(&row.resource).to_owned();
        match row.kind {
            LinkKind::User => {
                let href = query::address(&at(integration, "/on-demand"), &[("person", &row.resource)]);
                html! { a href=(href) { (name) } }
            }
            LinkKind::Group => html! { a href=(at(integration, "/push-groups")) { (name) } },
        }
    };
    let list = html! {
        ul .list {
            @for row in &rows {
                li .check-line {
                    @if cx.may_change() {
                        label .check { input type="checkbox" name="link" value=(row.id) checked[held]; span { (person(row)) } }
                    } @else { (person(row)) }
                    " " a .quiet href=(query::address(&at(integration, "/log"), &[("link", &row.id.to_string())])) { "log" span .unseen { " of " (row.name.as_deref().unwrap_or(&row.resource)) } }
                }
            }
            @if more > 0 { li .quiet { "and " (count(more)) " more" } }
        }
    };
    let place = at(integration, "/tasks");
    let body = html! {
        p { strong { "What to do: " } (sentence(&fix)) }
        p .quiet { "Since " (when(task.first_at, cx.now)) ", last " (when(task.last_at, cx.now)) }
        @if let Some(note) = &task.note {
            (definitions(&[("Why it is ignored", html! { (note.note) }), ("By", html! { (note.created_by) ", " (when(note.created_at, cx.now)) })]))
        }
        @if !cx.may_change() { (list) }
        @else if held {
            (form(cx, &place, html! {
                (list)
                div .actions {
                    button .main type="submit" name="do" value="approve" { "Approve the marked" }
                    button type="submit" name="do" value="drop" { "Drop the marked" }
                }
            }))
        } @else {
            (form(cx, &place, html! {
                input type="hidden" name="cause" value=(task.cause);
                (list)
                div .actions {
                    button .main type="submit" name="do" value="retry" { "Retry all of this cause" }
                    button type="submit" name="do" value="marked" { "Retry the marked" }
                }
            }))
        }
        @if cx.may_change() && !held { (note_form(cx, &place, task, rows.first().map_or(0, |row| row.id))) }
    };
    Ok(card_with(&sentence(&title), aside, body))
}

/// Leaves a task as it is, or takes it up again. Held work is dropped instead.
fn note_form(cx: &Desk, place: &str, task: &TaskRow, first: i64) -> Markup {
    // Nobody waits for two things at once, so that the first link tells tasks apart on the page.
    let id = format!("note-{first}");
    html! {
        @if task.note.is_some() {
            (form(cx, place, html! {
                input type="hidden" name="cause" value=(task.cause);
                div .actions { button type="submit" name="do" value="recall" { "Take it up again" } }
            }))
        } @else {
            details .as-table {
                summary { "Ignore it, with a note" }
                (form(cx, place, html! {
                    input type="hidden" name="cause" value=(task.cause);
                    div .field {
                        label for=(id) { "Why it is left as it is" }
                        p .hint { "It counts no longer among what waits. When nobody waits for this cause any more, the note goes with it." }
                        input id=(id) type="text" name="note" required maxlength=(limits::TASK_NOTE_MAX) autocomplete="off";
                    }
                    div .actions { button type="submit" name="do" value="ignore" { "Ignore" } }
                }))
            }
        }
    }
}

/// `POST /app/apps/{name}/tasks`.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Shown {
    let integration = find(&cx, &name).await?;
    let get = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let marked = || pairs.iter().filter(|(name, _)| name == "link").filter_map(|(_, value)| value.parse::<i64>().ok());
    let (actor, tenant) = (cx.actor(), tenant(&cx));
    let said = match get("do").as_deref() {
        Some("approve") => {
            let number = links::approve(&cx.app, &actor, tenant, &name, marked().collect()).await?;
            format!("{number} go on")
        }
        Some("drop") => {
            let number = links::discard(&cx.app, &actor, tenant, &name, marked().collect()).await?;
            format!("{number} dropped; each comes back when the person changes")
        }
        Some("ignore") => {
            let (cause, note) = (get("cause").unwrap_or_default(), get("note").unwrap_or_default());
            match notes::ignore(&cx.app, &actor, (tenant, &name), &cause, &note).await {
                Ok(_) => "Ignored; it stands at the end of the page".to_owned(),
                Err(error) => return cx.refused(&at(&integration, "/tasks"), error),
            }
        }
        Some("recall") => {
            notes::recall(&cx.app, &actor, (tenant, &name), &get("cause").unwrap_or_default()).await?;
            "It is a task again".to_owned()
        }
        Some("marked") => {
            let mut number = 0;
            for link in marked() {
                number += links::retry(&cx.app, &actor, tenant, &name, Retry::Link(link)).await?;
            }
            format!("{number} are tried again")
        }
        _ => {
            let cause = get("cause").unwrap_or_default();
            let number = links::retry(&cx.app, &actor, tenant, &name, Retry::Cause(cause)).await?;
            format!("{number} are tried again")
        }
    };
    cx.app.waiting().forget(cx.tenant.tenant.id);
    cx.done(&at(&integration, "/tasks"), Flash::good(said))
}
