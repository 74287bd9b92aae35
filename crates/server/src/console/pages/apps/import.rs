//! B9, import and reconciliation: scans of the app, what they found, and what somebody decides about it.

use super::{Tab, at, find, framed, tenant};
use crate::admin::apps::runs::{self, Decision, Kind};
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, definitions, empty, form, note, pager, table, time, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown};
use crate::outbound::integration::Integration;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use store::{Run, RunItem, RunState};

const RUNS: [Column; 4] =
    [Column::new("Begun"), Column::new("Kind"), Column::new("State"), Column::new("Found").minor()];
const ITEMS: [Column; 4] = [Column::new("At the app"), Column::new("Verdict"), Column::new("Whose"), Column::new("")];
const ROWS: u32 = 100;

/// `GET /app/apps/{name}/import`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let mut all = runs::list(&cx.app, tenant(&cx), &name, Kind::Import).await?;
    all.extend(runs::list(&cx.app, tenant(&cx), &name, Kind::Reconcile).await?);
    all.sort_by_key(|run| std::cmp::Reverse(run.id));
    let rows: Vec<Row> = all.iter().map(|run| row(&cx, &integration, run)).collect();
    let body = html! {
        @if cx.may_change() {
            (form(&cx, &at(&integration, "/import"), html! {
                div .actions {
                    button .main type="submit" name="do" value="import" { "Import Now" }
                    button type="submit" name="do" value="changed" { "Import what changed" }
                    button type="submit" name="do" value="reconcile" { "Compare with the app" }
                }
            }))
        }
        @if rows.is_empty() {
            (empty(Icon::Clock, "No import yet", html! { "An import reads the app's people and says whose they are here. A comparison finds what differs, and puts it right." }, None))
        } @else { (table(&Table { caption: "Imports and comparisons", columns: &RUNS, rows, body_id: None })) }
    };
    Ok(framed(&cx, &integration, Tab::Import, body))
}

fn state(run: &Run) -> Markup {
    let (tone, word) = match run.state {
        RunState::Waiting => (Tone::Info, "Waiting"),
        RunState::Running => (Tone::Info, "Running"),
        RunState::Stopped => (Tone::Warn, "Stopped by the safeguard"),
        RunState::Done => (Tone::Good, "Done"),
        RunState::Failed => (Tone::Bad, "Failed"),
        RunState::Cancelled => (Tone::Quiet, "Cancelled"),
    };
    badge(tone, word)
}

fn counts(run: &Run) -> Markup {
    let empty = serde_json::Map::new();
    let counts = run.counts.as_object().unwrap_or(&empty);
    html! {
        @if counts.is_empty() { "—" }
        @for (word, number) in counts { span .pair { (number) " " (word) } }
    }
}

fn kind(run: &Run) -> &'static str {
    match (run.kind.as_str(), run.mode.as_str()) {
        ("import", "incremental") => "Import of what changed",
        ("import", _) => "Import",
        _ => "Comparison",
    }
}

fn row(cx: &Desk, integration: &Integration, run: &Run) -> Row {
    Row {
        cells: vec![
            html! { a href=(at(integration, &format!("/import/{}", run.id))) { (when(run.created_at, cx.now)) } p .hint { (run.created_by) } },
            html! { (kind(run)) },
            state(run),
            counts(run),
        ],
        ..Row::default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Begun {
    #[serde(rename = "do")]
    act: String,
}

/// `POST /app/apps/{name}/import`.
pub(super) async fn begin(cx: Desk, Path(name): Path<String>, Form(begun): Form<Begun>) -> Shown {
    let integration = find(&cx, &name).await?;
    let kind = if begun.act == "reconcile" { Kind::Reconcile } else { Kind::Import };
    let run = runs::begin(&cx.app, &cx.actor(), tenant(&cx), &name, kind, begun.act == "changed").await?;
    cx.done(&at(&integration, &format!("/import/{}", run.id)), Flash::good("Begun; this page says how it went"))
}

/// `GET /app/apps/{name}/import/{run}`.
pub(super) async fn run(cx: Desk, Path((name, number)): Path<(String, i64)>) -> Shown {
    let integration = find(&cx, &name).await?;
    let run = runs::find(&cx.app, tenant(&cx), &name, number).await?;
    let after = cx.asked("after").and_then(|text| text.parse().ok()).unwrap_or(0);
    let found = runs::items(&cx.app, tenant(&cx), &name, number, None, after, ROWS).await?;
    let place = at(&integration, &format!("/import/{number}"));
    let next = found.last().filter(|_| found.len() == ROWS as usize).map(|item| format!("{place}?after={}", item.id));
    let rows: Vec<Row> = found.iter().map(|item| found_row(&cx, &place, &run, item)).collect();
    let body = html! {
        (card(kind(&run), html! {
            (definitions(&[("State", state(&run)), ("Begun", time(run.created_at)), ("By", html! { (run.created_by) }), ("Found", counts(&run))]))
            @if let Some(error) = &run.error { (note(Tone::Bad, "", html! { p { (crate::console::sentence(error)) } })) }
            @if cx.may_change() { (steer(&cx, &place, &run)) }
        }))
        @if !rows.is_empty() {
            (table(&Table { caption: "What was found", columns: &ITEMS, rows, body_id: None }))
            (pager(None, next.as_deref(), found.len(), None, None))
        } @else if run.state == RunState::Done { (note(Tone::Good, "", html! { p { "Nothing waits for a decision." } })) }
        @else { p .hint { "Load this page again to see how far it is." } }
    };
    Ok(framed(&cx, &integration, Tab::Import, body))
}

fn steer(cx: &Desk, place: &str, run: &Run) -> Markup {
    let button = |act: &str, words: &str| {
        form(
            cx,
            place,
            html! { input type="hidden" name="item" value="0"; button type="submit" name="do" value=(act) { (words) } },
        )
    };
    html! {
        div .actions {
            @if matches!(run.state, RunState::Waiting | RunState::Running) { (button("cancel", "Cancel")) }
            @if run.state == RunState::Stopped { (button("resume", "Go on all the same")) (button("cancel", "Cancel")) }
        }
    }
}

fn found_row(cx: &Desk, place: &str, run: &Run, item: &RunItem) -> Row {
    let name = item.detail.get("name").or_else(|| item.detail.get("userName")).and_then(Value::as_str);
    let opens = run.kind == "import" && item.decided.is_none() && cx.may_change();
    let decide = html! {
        (form(cx, place, html! {
            input type="hidden" name="item" value=(item.id);
            div .joined { input type="text" name="person" value=(item.resource.as_deref().unwrap_or_default()) aria-label="Whose: userName or id" placeholder="userName or id";
                button .small type="submit" name="do" value="confirm" { "Link" } }
            div .actions {
                button .small type="submit" name="do" value="create" { "Create" }
                button .small type="submit" name="do" value="ignore" { "Ignore" }
            }
        }))
    };
    Row {
        cells: vec![
            html! { (name.unwrap_or(&item.remote_id)) p .hint { code .wrap { (item.remote_id) } } },
            html! { (badge(Tone::Info, &item.verdict)) },
            html! { @if let Some(resource) = &item.resource { a href={ "/app/users/" (resource) } { (resource) } } @else { "—" } },
            html! { @if let Some(decided) = &item.decided { (badge(Tone::Good, decided)) } @else if opens { (decide) } },
        ],
        ..Row::default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decided {
    #[serde(rename = "do")]
    act: String,
    item: i64,
    person: String,
}

/// `POST /app/apps/{name}/import/{run}`.
pub(super) async fn decide(cx: Desk, Path((name, number)): Path<(String, i64)>, Form(decided): Form<Decided>) -> Shown {
    let integration = find(&cx, &name).await?;
    let (actor, tenant) = (cx.actor(), tenant(&cx));
    let decision = match decided.act.as_str() {
        "cancel" => {
            runs::cancel(&cx.app, &actor, tenant, &name, number).await?;
            None
        }
        "resume" => {
            runs::resume(&cx.app, &actor, tenant, &name, number).await?;
            None
        }
        "create" => Some(Decision::Create),
        "ignore" => Some(Decision::Ignore),
        _ => Some(Decision::Confirm { person: Some(decided.person).filter(|person| !person.trim().is_empty()) }),
    };
    let mut flash = Flash::good("Done");
    if let Some(decision) = decision
        && let Err(error) = runs::decide(&cx.app, &actor, tenant, &name, (number, decided.item), decision).await
    {
        flash = Flash::bad(Fault::from(error).0.to_scim("").detail);
    }
    cx.done(&at(&integration, &format!("/import/{number}")), flash)
}
