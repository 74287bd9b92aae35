//! B9, import and reconciliation: scans of the app, what they found, and what somebody decides about it.

use super::{Tab, at, find, framed, tenant};
use crate::admin::apps::runs::{self, Decision, Kind};
use crate::console::parts::{
    self, Column, Row, Table, Tone, badge, card, confirm, definitions, empty, form, live, note, pager, progress, table,
    time, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown, fragment};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use store::{LinkKind, Run, RunItem, RunState};

const RUNS: [Column; 4] =
    [Column::new("Begun"), Column::new("Kind"), Column::new("State"), Column::new("Found").minor()];
const ITEMS: [Column; 4] = [Column::new("At the app"), Column::new("Verdict"), Column::new("Whose"), Column::new("")];
const ROWS: u32 = 100;
/// What a finding can be; other numbers of a scan have no rows.
const VERDICTS: [&str; 11] = [
    "exact",
    "partial",
    "new",
    "missing",
    "ambiguous",
    "denied",
    "drifted",
    "lingering",
    "orphaned",
    "unlinked",
    "disputed",
];

/// A number of a scan, in words.
fn said(word: &str) -> &str {
    match word {
        "exact" => "matched exactly",
        "partial" => "matched in part",
        "known" => "known already",
        "left" => "gone there, and acted on",
        "back" => "in use again there, and activated",
        "refused" => "could not be taken over",
        "denied" => "refused by the directory",
        "newGroups" => "new groups",
        "pushedGroups" => "groups that are pushed from here",
        "repeated" => "page that came again: the app does not page, and what it did not show is left alone",
        other => other,
    }
}

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

pub(super) fn counts(run: &Run) -> Markup {
    let empty = serde_json::Map::new();
    let counts = run.counts.as_object().unwrap_or(&empty);
    html! {
        @if counts.is_empty() { "—" }
        @for (at, (word, number)) in counts.iter().enumerate() { @if at > 0 { ", " } span .pair { (number) " " (said(word)) } }
    }
}

pub(super) fn kind(run: &Run) -> &'static str {
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

/// `GET /app/apps/{name}/import/{run}?verdict&after`.
pub(super) async fn run(cx: Desk, Path((name, number)): Path<(String, i64)>) -> Shown {
    let integration = find(&cx, &name).await?;
    let run = runs::find(&cx.app, tenant(&cx), &name, number).await?;
    let place = at(&integration, &format!("/import/{number}"));
    let inner = whole(&cx, &place, &name, &run).await?;
    let body = html! {
        @if is_going(&run) { (live("run", &["apps"], &format!("{place}/now"), inner)) } @else { (inner) }
    };
    Ok(framed(&cx, &integration, Tab::Import, body))
}

/// `GET /app/apps/{name}/import/{run}/now`: while it goes on.
pub(super) async fn fresh(cx: Desk, Path((name, number)): Path<(String, i64)>) -> Shown {
    let integration = find(&cx, &name).await?;
    let run = runs::find(&cx.app, tenant(&cx), &name, number).await?;
    let place = at(&integration, &format!("/import/{number}"));
    Ok(fragment(whole(&cx, &place, &name, &run).await?))
}

fn is_going(run: &Run) -> bool {
    matches!(run.state, RunState::Waiting | RunState::Running)
}

async fn whole(cx: &Desk, place: &str, name: &str, run: &Run) -> Result<Markup, Fault> {
    let seen = Seen::of(cx);
    let found = runs::items(&cx.app, tenant(cx), name, run.id, seen.verdict(), seen.after, ROWS).await?;
    let of = seen.verdict.as_str();
    let next = found.last().filter(|_| found.len() == ROWS as usize);
    let next = next.map(|item| query::address(place, &[("verdict", of), ("after", &item.id.to_string())]));
    let names =
        runs::names(&cx.app, &cx.tenant, found.iter().filter_map(|item| item.resource.clone()).collect()).await?;
    let rows: Vec<Row> = found.iter().map(|item| found_row(cx, (place, &seen), run, item, &names)).collect();
    let open = found.iter().filter(|item| item.decided.is_none()).count();
    Ok(html! {
        (card(kind(run), html! {
            (definitions(&[("State", state(run)), ("Begun", time(run.created_at)), ("By", html! { (run.created_by) }), ("Found", counts(run))]))
            @if is_going(run) { (progress("Looked at so far", looked_at(run), None)) }
            @if let Some(error) = &run.error { (note(Tone::Bad, "", html! { p { (crate::console::sentence(error)) } })) }
            @if cx.may_change() { (steer(cx, place, run)) }
        }))
        (verdicts(place, run, of))
        @if !rows.is_empty() {
            @if run.kind == "import" && open > 1 && matches!(of, "exact" | "partial" | "new") && cx.may_change() { (at_once(cx, place, &seen, open)) }
            (table(&Table { caption: "What was found", columns: &ITEMS, rows, body_id: None }))
            (pager((seen.after > 0).then(|| query::address(place, &[("verdict", of)])).as_deref(), next.as_deref(), found.len(), None, None))
        } @else if run.state == RunState::Done { (note(Tone::Good, "", html! { p { "Nothing waits for a decision." } })) }
    })
}

/// Everything that was counted.
fn looked_at(run: &Run) -> u64 {
    let counts = run.counts.as_object();
    counts.into_iter().flatten().filter_map(|(_, number)| number.as_u64()).sum()
}

/// The findings of one kind.
fn verdicts(place: &str, run: &Run, of: &str) -> Markup {
    let counts = run.counts.as_object();
    let words = counts.into_iter().flatten().map(|(word, _)| word.as_str());
    let words: Vec<&str> = words.filter(|word| VERDICTS.contains(word)).collect();
    let all = std::iter::once(("All", place.to_owned(), of.is_empty()));
    let each = words.iter().map(|word| (said(word), query::address(place, &[("verdict", word)]), *word == of));
    let tabs: Vec<_> = all.chain(each).collect();
    html! { @if words.len() > 1 { (parts::tabs("Found", &tabs)) } }
}

/// The same decision about everything in sight.
fn at_once(cx: &Desk, place: &str, seen: &Seen, open: usize) -> Markup {
    let (act, words) = match seen.verdict.as_str() {
        "new" => ("create-all", "Create all of these"),
        _ => ("confirm-all", "Link all of these"),
    };
    let hidden = html! { (seen.fields()) input type="hidden" name="do" value=(act); };
    confirm(cx, place, words, html! { p { (open) " findings on this page, as each row says." } }, None, hidden)
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
            @if run.state == RunState::Stopped { (resume(cx, place)) (button("cancel", "Cancel")) }
        }
    }
}

/// The safeguard stood in the way of something that many will notice.
fn resume(cx: &Desk, place: &str) -> Markup {
    let what = html! { p { "Everybody who is missing at the app becomes here what the app's settings say: deactivated, suspended, or nothing." } };
    let hidden = html! { input type="hidden" name="item" value="0"; input type="hidden" name="do" value="resume"; };
    confirm(cx, place, "Go on all the same", what, None, hidden)
}

/// What a finding says of itself: by what it was matched, in what it differs, who else it could be.
fn because(detail: &Value) -> String {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut said = Vec::new();
    // An import's finding holds its verdict beside the account; a comparison's is the situation itself.
    let verdict = detail.get("verdict").unwrap_or(detail);
    let by = verdict.get("by").map(&strings).unwrap_or_default();
    if !by.is_empty() {
        said.push(format!("by {}", by.join(", ")));
    }
    let people = verdict.get("people").map(&strings).unwrap_or_default();
    if people.len() > 1 {
        said.push(format!("{} people fit", people.len()));
    }
    let changes = verdict.get("changes").and_then(Value::as_array).map_or(0, Vec::len);
    if changes > 0 {
        said.push(format!("{changes} attributes differ"));
    }
    said.extend(detail.get("error").and_then(Value::as_str).map(crate::console::sentence));
    said.join("; ")
}

fn found_row(
    cx: &Desk,
    (place, seen): (&str, &Seen),
    run: &Run,
    item: &RunItem,
    names: &HashMap<String, String>,
) -> Row {
    let account = item.detail.get("account");
    let name = ["displayName", "userName"].iter().find_map(|part| account?.get(*part)?.as_str());
    let login = account.and_then(|account| account.get("userName")).and_then(Value::as_str);
    let because = because(&item.detail);
    let opens = run.kind == "import" && item.decided.is_none() && cx.may_change();
    let decide = html! {
        (form(cx, place, html! {
            (seen.fields())
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
            html! { (name.unwrap_or(&item.remote_id)) p .hint { @if let Some(login) = login { (login) " · " } code .wrap { (item.remote_id) } } },
            html! { (badge(Tone::Info, &item.verdict)) @if !because.is_empty() { p .hint { (because) } } },
            html! { @match &item.resource {
                Some(resource) => a href={ (if item.kind == LinkKind::Group { "/app/groups/" } else { "/app/users/" }) (resource) } { (names.get(resource).unwrap_or(resource)) },
                None => "—",
            } },
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
    #[serde(deserialize_with = "number")]
    item: i64,
    person: String,
    #[serde(flatten)]
    seen: Seen,
}

/// Which findings somebody looks at: of this verdict, behind that one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    verdict: String,
    #[serde(deserialize_with = "number")]
    after: i64,
}

/// In a flattened form every value is a text.
fn number<'de, D: serde::Deserializer<'de>>(of: D) -> Result<i64, D::Error> {
    Ok(String::deserialize(of)?.parse().unwrap_or(0))
}

impl Seen {
    fn of(cx: &Desk) -> Self {
        let after = cx.asked("after").and_then(|text| text.parse().ok()).unwrap_or(0);
        Self { verdict: cx.asked("verdict").unwrap_or_default(), after }
    }

    fn verdict(&self) -> Option<String> {
        Some(self.verdict.clone()).filter(|verdict| !verdict.is_empty())
    }

    fn fields(&self) -> Markup {
        html! {
            input type="hidden" name="verdict" value=(self.verdict);
            input type="hidden" name="after" value=(self.after);
        }
    }

    fn address(&self, place: &str) -> String {
        let after = if self.after > 0 { self.after.to_string() } else { String::new() };
        query::address(place, &[("verdict", &self.verdict), ("after", &after)])
    }
}

/// `POST /app/apps/{name}/import/{run}`.
pub(super) async fn decide(cx: Desk, Path((name, number)): Path<(String, i64)>, Form(decided): Form<Decided>) -> Shown {
    let integration = find(&cx, &name).await?;
    let (actor, tenant) = (cx.actor(), tenant(&cx));
    let one = |decision| vec![(decided.item, decision)];
    let wanted = match decided.act.as_str() {
        "cancel" => {
            runs::cancel(&cx.app, &actor, tenant, &name, number).await?;
            Vec::new()
        }
        "resume" => {
            runs::resume(&cx.app, &actor, tenant, &name, number).await?;
            Vec::new()
        }
        "confirm-all" | "create-all" => {
            let decision =
                if decided.act == "create-all" { Decision::Create } else { Decision::Confirm { person: None } };
            let seen = &decided.seen;
            let found = runs::items(&cx.app, tenant, &name, number, seen.verdict(), seen.after, ROWS).await?;
            let open = found.iter().filter(|item| item.decided.is_none());
            open.map(|item| (item.id, decision.clone())).collect()
        }
        "create" => one(Decision::Create),
        "ignore" => one(Decision::Ignore),
        _ => one(Decision::Confirm { person: Some(decided.person.clone()).filter(|person| !person.trim().is_empty()) }),
    };
    let (mut done, mut refused) = (0, None);
    for (item, decision) in wanted {
        match runs::decide(&cx.app, &actor, tenant, &name, (number, item), decision).await {
            Ok(_) => done += 1,
            Err(error) => refused = Some(Fault::from(error).refused()?),
        }
    }
    let flash = match refused {
        Some(said) if done > 0 => Flash::bad(format!("{done} done; the last one that was not: {said}")),
        Some(said) => Flash::bad(said),
        None => Flash::good("Done"),
    };
    cx.done(&decided.seen.address(&at(&integration, &format!("/import/{number}"))), flash)
}
