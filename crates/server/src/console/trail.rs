//! Settings: the audit trail, and whether its chain holds.

use super::desk::{Desk, encoded};
use super::fault::Shown;
use super::parts::{self, Column, Row, Table, Tone};
use super::shell::{Nav, Page, page, settings_tabs};
use crate::app::App;
use axum::Router;
use axum::routing::get;
use maud::{Markup, html};
use serde_json::Value;
use store::Audit;

const HERE: &str = "/app/settings/audit";
const ROWS: u32 = 50;

pub(super) fn router() -> Router<App> {
    Router::new().route(HERE, get(trail)).route("/app/settings/audit/verify", get(verify))
}

const COLUMNS: [Column; 6] = [
    Column::new("When"),
    Column::new("Who"),
    Column::new("What"),
    Column::new("Object"),
    Column::new("Detail").minor(),
    Column::new("From").minor(),
];

async fn trail(cx: Desk) -> Shown {
    let before = cx.asked("before").and_then(|text| text.parse().ok()).unwrap_or(0);
    let text = cx.asked("q").unwrap_or_default();
    let asked = text.clone();
    let rows: Vec<Audit> = cx.app.store().read(move |r| r.audit(before, &asked, ROWS)).await?;
    let address = |before: Option<i64>| {
        let mut parts = Vec::new();
        parts.extend((!text.is_empty()).then(|| format!("q={}", encoded(&text))));
        parts.extend(before.map(|before| format!("before={before}")));
        if parts.is_empty() { HERE.to_owned() } else { format!("{HERE}?{}", parts.join("&")) }
    };
    let last = rows.last().filter(|_| rows.len() == ROWS as usize).map(|row| address(Some(row.seq)));
    let first = (before > 0).then(|| address(None));
    let table = Table {
        caption: "Audit trail",
        columns: &COLUMNS,
        rows: rows.iter().map(|row| shown(&cx, row)).collect(),
        body_id: None,
    };
    let body = html! {
        (settings_tabs(HERE))
        (parts::facets(HERE, Some(("q", &text)), &[]))
        @if rows.is_empty() {
            (parts::card("", parts::empty(super::Icon::Shield, "Nothing here", html! { "No change fits." }, None)))
        } @else {
            (parts::table(&table))
            (parts::pager(first.as_deref(), last.as_deref(), rows.len(), None, None))
        }
    };
    let purpose = "Everything that was changed here, by whom, from where. Rows are never changed; each holds the hash of the one before.";
    let check = parts::link("/app/settings/audit/verify", "Check the chain", false);
    Ok(page(
        &cx,
        Page::new("Audit trail", Nav::Settings).under("Settings", "/app/settings").purpose(purpose).action(check),
        body,
    ))
}

fn shown(cx: &Desk, row: &Audit) -> Row {
    Row {
        id: Some(format!("audit-{}", row.seq)),
        cells: vec![
            html! { (parts::when(row.at, cx.now)) },
            html! { (row.actor) },
            html! { code { (row.action) } },
            html! { span .mono.ellipsis title=(row.object) { (row.object) } },
            detail(&row.detail),
            html! { span .mono { (row.address) } },
        ],
        ..Row::default()
    }
}

fn detail(detail: &Value) -> Markup {
    let Value::Object(fields) = detail else { return html! {} };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let told = fields.iter().filter(|(_, value)| !value.is_null() && **value != Value::Array(Vec::new()));
    html! { div .trail-detail { @for (name, value) in told { span .pair { (name) " " code { (crate::redact::cut(&text(value), 200)) } } " " } } }
}

async fn verify(cx: Desk) -> Shown {
    let found = cx.app.store().read(|r| -> store::Result<_> { Ok((r.audit_verify()?, r.audit_head()?)) }).await?;
    let ((count, broken), (seq, hash)) = found;
    let hash = store::hex(&hash);
    let body = html! {
        (settings_tabs(HERE))
        @match broken {
            None => (parts::note(Tone::Good, "The chain holds.", html! { p { (parts::count(count)) " rows, each of which follows from the one before it." } })),
            Some(broken) => (parts::note(Tone::Bad, "The chain is broken.", html! {
                p { "At row " (broken.seq) ": " (broken.why) ". The " (parts::count(count)) " rows before it hold." }
            })),
        }
        (parts::card("The newest row", html! {
            p { "A chain does not show that its newest rows were cut off. Keep this hash somewhere else, such as a ticket: as long as a row with it is here, everything up to it is as it was." }
            (parts::copy_box("head", &format!("Hash of row {seq}"), &hash))
        }))
        @if let Some(key) = crate::checkpoint::key(&cx.app) {
            (parts::card("Checkpoints", html! {
                p { "A server that is started with " code { "--audit-checkpoints FILE" } " signs its newest row every minute and writes it there. "
                    code { "provost audit verify --checkpoints FILE" } " proves that nothing was cut off or written anew. Keep this key beside the file." }
                (parts::copy_box("key", "Public key (Ed25519)", &key))
            }))
        }
    };
    Ok(page(
        &cx,
        Page::new("Check of the chain", Nav::Settings).under("Settings", "/app/settings").under("Audit trail", HERE),
        body,
    ))
}
