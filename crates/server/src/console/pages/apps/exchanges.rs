//! B17, the log of an app: every request that was sent to it, with its answer.

use super::{Tab, at, find, framed, tenant};
use crate::admin::apps::links;
use crate::console::parts::{Column, Row, Table, Tone, badge, card, empty, json, ms, pager, status, table, time, when};
use crate::console::{Desk, Icon, Shown};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use store::Exchange;

const COLUMNS: [Column; 4] =
    [Column::new("Request"), Column::new("Answer"), Column::new("For").minor(), Column::new("When")];
const ROWS: u32 = 50;

/// `GET /app/apps/{name}/log?link&before&open`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let number = |name: &str| cx.asked(name).and_then(|text| text.parse::<i64>().ok());
    let (link, before, open) = (number("link"), number("before"), number("open"));
    let found = links::exchanges(&cx.app, tenant(&cx), &name, link, before, ROWS).await?;
    let opened = match open {
        Some(open) => links::exchanges(&cx.app, tenant(&cx), &name, None, Some(open.saturating_add(1)), 1).await?,
        None => Vec::new(),
    };
    let opened = opened.into_iter().find(|one| Some(one.id) == open);
    let of = link.map(|link| link.to_string()).unwrap_or_default();
    let address = |before: &str| query::address(&at(&integration, "/log"), &[("link", &of), ("before", before)]);
    let next = found.last().filter(|_| found.len() == ROWS as usize).map(|one| address(&one.id.to_string()));
    let body = html! {
        @if let Some(one) = &opened { (whole(one)) }
        @if found.is_empty() { (empty(Icon::Log, "Nothing was sent yet", html! { "Requests are here as soon as somebody is assigned and To App lets them be sent." }, None)) }
        @else {
            (table(&Table { caption: "Requests", columns: &COLUMNS, rows: found.iter().map(|one| row(&cx, &integration, one)).collect(), body_id: None }))
            (pager(before.map(|_| address("")).as_deref(), next.as_deref(), found.len(), None, None))
        }
    };
    Ok(framed(&cx, &integration, Tab::Log, body))
}

/// One request as a row.
pub(super) fn row(cx: &Desk, integration: &Integration, one: &Exchange) -> Row {
    let href = query::address(&at(integration, "/log"), &[("open", &one.id.to_string())]);
    Row {
        cells: vec![
            html! { a href=(href) { span .method { (one.method) } " " span .wrap { (query::decode(&one.path)) } } },
            answer(one),
            html! { (one.action) @if !one.outcome.is_empty() { p .hint { (one.outcome) } } },
            html! { (when(one.at, cx.now)) p .hint { (ms(one.took_us)) } },
        ],
        ..Row::default()
    }
}

pub(super) fn answer(one: &Exchange) -> Markup {
    match one.status {
        Some(code) => status(code, None),
        None => badge(Tone::Bad, "No answer"),
    }
}

fn whole(one: &Exchange) -> Markup {
    card(
        &format!("{} {}", one.method, one.path),
        html! {
            p { (answer(one)) " " (time(one.at)) " · " (ms(one.took_us)) " · " (one.action) @if !one.outcome.is_empty() { " · " (one.outcome) } }
            @if let Some(request) = &one.request { (json("What was sent", request)) }
            @if let Some(response) = &one.response { (json("What the app answered", response)) }
        },
    )
}
