//! B10, assignments: who has the app, through what, and where their account stands.

use super::{Tab, at, find, framed, standing, tenant};
use crate::admin::apps::{assign, links};
use crate::console::parts::{Column, Row, Table, confirm, count, empty, form, link, live, pager, table, tabs, when};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown, fragment};
use crate::outbound::inputs::Through;
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::app::{Leave, Policy};
use serde::Deserialize;
use store::{AssignmentRow, LinkKind, LinkQuery, LinkRow, Principal};

const ROWS: u32 = 50;
const PEOPLE: [Column; 5] = [
    Column::new("Person"),
    Column::new("Status"),
    Column::new("Assigned"),
    Column::new("Changed").minor(),
    Column::new(""),
];
const GROUPS: [Column; 4] =
    [Column::new("Group"), Column::new("Priority").number(), Column::new("Assigned").minor(), Column::new("")];

fn of(cx: &Desk) -> Principal {
    if cx.asked("of").as_deref() == Some("groups") { Principal::Group } else { Principal::User }
}

/// `GET /app/apps/{name}/assignments?of=people|groups`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let principal = of(&cx);
    let kinds = [
        ("People", at(&integration, "/assignments"), principal == Principal::User),
        ("Groups", at(&integration, "/assignments?of=groups"), principal == Principal::Group),
    ];
    let after = cx.asked("after").unwrap_or_default();
    let fresh = query::address(
        &at(&integration, "/assignments/rows"),
        &[("of", if principal == Principal::Group { "groups" } else { "" }), ("after", &after)],
    );
    let body = html! {
        @if cx.may_change() {
            details .drop.begin data-drop {
                summary .button.main { (Icon::Plus.svg()) "Assign" (Icon::Down.svg()) }
                div {
                    a .plain href=(at(&integration, "/assign?to=people")) { (Icon::Users.svg()) "Assign to People" }
                    a .plain href=(at(&integration, "/assign?to=groups")) { (Icon::Groups.svg()) "Assign to Groups" }
                }
            }
        }
        (tabs("Assigned", &kinds))
        (live("assigned", &["apps"], &fresh, rows(&cx, &integration, principal).await?))
    };
    Ok(framed(&cx, &integration, Tab::Assignments, body))
}

/// `GET /app/apps/{name}/assignments/rows`.
pub(super) async fn fresh(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    Ok(fragment(rows(&cx, &integration, of(&cx)).await?))
}

async fn rows(cx: &Desk, integration: &Integration, principal: Principal) -> Result<Markup, Fault> {
    match principal {
        Principal::User => people(cx, integration).await,
        Principal::Group => groups(cx, integration).await,
    }
}

fn after(cx: &Desk) -> i64 {
    cx.asked("after").and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Everybody who has, or had, a reason to be there, and those whom nobody has looked at yet.
async fn people(cx: &Desk, integration: &Integration) -> Result<Markup, Fault> {
    let name = integration.row.name.as_str();
    let query = LinkQuery { kind: LinkKind::User, after: after(cx), limit: ROWS, ..LinkQuery::default() };
    let found = links::list(&cx.app, tenant(cx), name, query).await?;
    let people = found.iter().map(|row| row.resource.clone()).collect();
    let through = assign::through(&cx.app, &cx.tenant, integration, people).await?;
    let next = found.last().filter(|_| found.len() == ROWS as usize).map(|row| row.id);
    let rows: Vec<Row> =
        found.iter().zip(through).map(|(row, through)| person(cx, integration, row, through)).collect();
    let more = next.map(|next| at(integration, &format!("/assignments?after={next}")));
    Ok(html! {
        @if rows.is_empty() { (empty(Icon::Users, "Nobody is assigned", html! { "Nothing is sent until somebody is." }, None)) }
        @else {
            (table(&Table { caption: "People", columns: &PEOPLE, rows, body_id: None }))
            (pager(None, more.as_deref(), found.len(), None, None))
        }
    })
}

/// Through what somebody has the app, in words.
fn source(through: Through) -> &'static str {
    match (through.own, through.group) {
        (true, true) => "Directly, and through a group",
        (true, false) => "Directly",
        (false, true) => "Through a group",
        (false, false) => "No longer",
    }
}

fn person(cx: &Desk, integration: &Integration, row: &LinkRow, through: Through) -> Row {
    let name = row.name.as_deref().or(row.display.as_deref()).unwrap_or(&row.resource);
    let why = query::address(&at(integration, "/on-demand"), &[("person", &row.resource)]);
    let Through { own, group, values } = through;
    let edits = own || group || values;
    let title = row.cause.as_ref().and_then(|cause| cause.detail.get("title")).and_then(serde_json::Value::as_str);
    let only = if own { "" } else { "1" };
    let edit = [("to", "people"), ("resource", row.resource.as_str()), ("values", only)];
    let edit = query::address(&at(integration, "/assign/one"), &edit);
    Row {
        cells: vec![
            html! { a href=(why) { (name) } },
            html! { (standing(row.standing, row.active)) @if let Some(title) = title { p .hint { (title) } } },
            html! {
                (source(through))
                @if values { p .hint { "with values of their own" } }
            },
            when(row.changed_at, cx.now),
            html! { @if cx.may_change() && (edits || row.cause.is_some()) { div .actions {
                @if row.cause.is_some() {
                    // The page behind it follows what is tried, step by step.
                    (form(cx, &at(integration, "/on-demand"), html! {
                        input type="hidden" name="person" value=(row.resource);
                        button .small type="submit" aria-label={ "Retry: " (name) } { "Retry" }
                    }))
                }
                @if edits { a .button.small href=(edit) aria-label={ "Edit: " (name) } { "Edit" } }
                @if own {
                    (removal(cx, integration, "user", &row.resource, html! { p { "Unless a group is another reason for their account: " (leaving(&integration.app.policy)) } }))
                }
            } } },
        ],
        ..Row::default()
    }
}

/// What the app is sent about somebody who loses it.
fn leaving(policy: &Policy) -> String {
    let off = !policy.actions.deactivate;
    match policy.on_unassign {
        Leave::Nothing => "nothing is sent, the account stays as it is.".to_owned(),
        _ if off => "nothing is sent, because Deactivate Users is off under To App.".to_owned(),
        Leave::Deactivate => "the app is sent active=false.".to_owned(),
        Leave::Delete => "the account is deleted at the app.".to_owned(),
        Leave::Staged { delete_after_ms } => {
            let days = delete_after_ms / 86_400_000;
            format!("the app is sent active=false, and after {days} days the account is deleted there.")
        }
    }
}

fn removal(cx: &Desk, integration: &Integration, principal: &str, resource: &str, what: Markup) -> Markup {
    let hidden = html! {
        input type="hidden" name="principal" value=(principal);
        input type="hidden" name="resource" value=(resource);
    };
    confirm(cx, &at(integration, "/assignments/unassign"), "Unassign", what, None, hidden)
}

async fn groups(cx: &Desk, integration: &Integration) -> Result<Markup, Fault> {
    let found = assign::list(&cx.app, tenant(cx), &integration.row.name, Principal::Group, after(cx), ROWS).await?;
    let next = found.last().filter(|_| found.len() == ROWS as usize).map(|row| row.id);
    let more = next.map(|next| at(integration, &format!("/assignments?of=groups&after={next}")));
    let row = |row: &AssignmentRow| {
        let edit = query::address(&at(integration, "/assign/one"), &[("to", "groups"), ("resource", &row.resource)]);
        Row {
            cells: vec![
                html! { a href={ "/app/groups/" (row.resource) } { (row.display.as_deref().unwrap_or(&row.resource)) } },
                html! { (count(u64::from(row.priority))) },
                html! { (when(row.created_at, cx.now)) " by " (row.created_by) },
                html! { @if cx.may_change() { div .actions {
                    a .button.small href=(edit) { "Edit" }
                    (removal(cx, integration, "group", &row.resource, html! { p { "For everybody who has the app through this group alone: " (leaving(&integration.app.policy)) } }))
                } } },
            ],
            ..Row::default()
        }
    };
    Ok(html! {
        @if found.is_empty() { (empty(Icon::Groups, "No group is assigned", html! { "Everybody in an assigned group has the app." }, None)) }
        @else {
            (table(&Table { caption: "Groups", columns: &GROUPS, rows: found.iter().map(row).collect(), body_id: None }))
            (pager(None, more.as_deref(), found.len(), None, None))
        }
        p .hint { "To have a group itself at the app, " (link(&at(integration, "/push-groups"), "push it", false)) }
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    principal: String,
    resource: String,
}

/// `POST /app/apps/{name}/assignments/unassign`.
pub(super) async fn unassign(cx: Desk, Path(name): Path<String>, Form(which): Form<Which>) -> Shown {
    let integration = find(&cx, &name).await?;
    let (principal, rest) = match which.principal.as_str() {
        "group" => (Principal::Group, "/assignments?of=groups"),
        _ => (Principal::User, "/assignments"),
    };
    assign::unassign(&cx.app, &cx.actor(), tenant(&cx), &name, principal, &which.resource).await?;
    cx.done(&at(&integration, rest), Flash::good("Unassigned"))
}
