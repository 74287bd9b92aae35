//! Which applications somebody has, where each account stands, and why they are there or not.

use crate::admin::apps::{self, links, preview};
use crate::console::pages::apps::{at, reason, standing};
use crate::console::pages::user::{find, framed};
use crate::console::parts::{Column, Row, Table, Tone, badge, empty, link, live, note, table, when};
use crate::console::{Desk, Fault, Icon, Shown, fragment, sentence};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::assignment::Presence;

/// Applications that are looked at for one person.
const APPS: usize = 50;

const COLUMNS: [Column; 5] = [
    Column::new("Application"),
    Column::new("Should be there"),
    Column::new("Account"),
    Column::new("Changed").minor(),
    Column::new("Look closer"),
];

/// `GET /app/users/{id}/apps`.
pub(in crate::console::pages) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let fresh = format!("/app/users/{}/apps/rows", found.id);
    let body = live("of-person", &["apps"], &fresh, rows(&cx, &found.id).await?);
    Ok(framed(&cx, &found, "apps", body))
}

/// `GET /app/users/{id}/apps/rows`.
pub(in crate::console::pages) async fn fresh(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    Ok(fragment(rows(&cx, &found.id).await?))
}

async fn rows(cx: &Desk, person: &str) -> Result<Markup, Fault> {
    let all = apps::list(&cx.app, &cx.tenant.tenant.name).await?;
    let mut rows = Vec::new();
    let on: Vec<&Integration> = all.iter().filter(|integration| integration.app.provisioning).collect();
    for integration in on.iter().take(APPS) {
        rows.push(row(cx, integration, person).await?);
    }
    Ok(html! {
        @if rows.is_empty() {
            (empty(Icon::Apps, "No application", html! { "No application of this directory has provisioning on." },
                Some(link("/app/apps", "Applications", false))))
        } @else { (table(&Table { caption: "Applications", columns: &COLUMNS, rows, body_id: None })) }
        @if on.len() > APPS { p .hint { "These are the first " (APPS) "." } }
    })
}

async fn row(cx: &Desk, integration: &Integration, person: &str) -> Result<Row, Fault> {
    let known = links::of_person(&cx.app, integration, person).await?;
    let looked = preview::of(&cx.app, std::sync::Arc::clone(&cx.tenant), integration.clone(), person).await;
    let should = match &looked {
        Ok(preview) => {
            let standing = &preview.explained.standing;
            let word = match standing.presence {
                Presence::Active => badge(Tone::Good, "Yes"),
                Presence::Inactive | Presence::Absent => badge(Tone::Quiet, "No"),
                Presence::Unmanaged => badge(Tone::Quiet, "As it is"),
            };
            html! { (word) @if let Some(why) = standing.reasons.first() { p .hint { (sentence(&reason(why))) } } }
        }
        Err(error) => note(Tone::Warn, "", html! { p { (sentence(&error.to_scim("").detail)) } }),
    };
    let title = known.as_ref().and_then(|row| row.cause.as_ref()?.detail.get("title")?.as_str().map(str::to_owned));
    let why = query::address(&at(integration, "/on-demand"), &[("person", person)]);
    Ok(Row {
        cells: vec![
            html! { a href=(at(integration, "/assignments")) { (integration.app.label) } },
            should,
            html! {
                @match &known { Some(row) => (standing(row.standing, row.active)), None => span .quiet { "None" } }
                @if let Some(title) = title { p .hint { (title) } }
            },
            html! { @if let Some(row) = &known { (when(row.changed_at, cx.now)) } },
            html! { a href=(why) { "Why, and what would be sent" } },
        ],
        ..Row::default()
    })
}
