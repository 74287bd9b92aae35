//! A11, the provisioning log: what arrives, live, with filters that live in the address.

mod chains;

use crate::admin;
use crate::app::App;
use crate::console::chart::{self, Chart};
use crate::console::parts::{
    self, Column, Facet, Row, Table, card, count, empty, facets_with, link, live, ms, pager, status, when,
};
use crate::console::{Desk, Icon, Nav, Page, Shown, fragment, page};
use crate::pieces::{self, Pieces};
use crate::query;
use crate::worker::settle_log;
use axum::extract::RawQuery;
use maud::{Markup, html};
use serde_json::Value;
use store::{LogEntry, LogQuery, TenantId};

/// Rows of a page.
const ROWS: u32 = 50;
/// Entries that a page of chains is made of.
const CHAINED_ROWS: u32 = 150;
/// Entries that are read at once for an export.
const EXPORT_ROWS: u32 = 500;

/// How far back: as the address says it, in words, in seconds.
const SPANS: [(&str, &str, i64); 4] = [
    ("15m", "Last 15 minutes", 900),
    ("1h", "Last hour", 3_600),
    ("24h", "Last 24 hours", 86_400),
    ("7d", "Last 7 days", 604_800),
];

const COLUMNS: [Column; 7] = [
    Column::new("Time"),
    Column::new("Request"),
    Column::new("Result"),
    Column::new("About"),
    Column::new("Changed").minor(),
    Column::new("Took").number().minor(),
    Column::new("Token").minor(),
];

/// The filters as the address holds them.
#[derive(Clone, Debug, Default)]
struct Asked {
    text: String,
    result: String,
    op: String,
    kind: String,
    actor: String,
    code: String,
    resource: String,
    /// An attribute that was changed or named.
    attribute: String,
    /// A client's address.
    from: String,
    /// How far back, as one of `SPANS`.
    span: String,
    since: String,
    until: String,
    before: String,
    paused: bool,
    /// By what belongs together, instead of one by one.
    chained: bool,
}

impl Asked {
    fn parse(raw: &str) -> Self {
        let get = |name: &str| query::value(raw, name).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            text: get("text"),
            result: get("result"),
            op: get("op"),
            kind: get("type"),
            actor: get("token"),
            code: get("code"),
            resource: get("resource"),
            attribute: get("attribute"),
            from: get("from"),
            span: get("last"),
            since: get("since"),
            until: get("until"),
            before: get("before"),
            paused: !get("paused").is_empty(),
            chained: get("show") == "chains",
        }
    }

    fn address(&self, path: &str, before: &str, paused: bool) -> String {
        let parameters = [
            ("text", self.text.as_str()),
            ("result", &self.result),
            ("op", &self.op),
            ("type", &self.kind),
            ("token", &self.actor),
            ("code", &self.code),
            ("resource", &self.resource),
            ("attribute", &self.attribute),
            ("from", &self.from),
            ("last", &self.span),
            ("since", &self.since),
            ("until", &self.until),
            ("before", before),
            ("paused", if paused { "1" } else { "" }),
            ("show", if self.chained { "chains" } else { "" }),
        ];
        query::address(path, &parameters)
    }

    fn query(&self, limit: u32, now: i64) -> LogQuery {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let span = SPANS.iter().find(|(name, ..)| *name == self.span).map(|(.., seconds)| now - seconds * 1_000_000);
        let (mut failed, mut status_min) = (None, None);
        match self.result.as_str() {
            "good" => failed = Some(false),
            "failed" => failed = Some(true),
            "broken" => (failed, status_min) = (Some(true), Some(500)),
            _ => {}
        }
        LogQuery {
            before: self.before.parse().ok(),
            limit,
            resource_id: some(&self.resource),
            status_min,
            method: some(&self.op).filter(|op| !matches!(op.as_str(), "reads" | "writes")),
            failed,
            since_at: scim::schema::instant(&self.since).max(span),
            until_at: scim::schema::instant(&self.until),
            text: some(&self.text),
            actor: some(&self.actor),
            remote: some(&self.from),
            attribute: some(&self.attribute),
            code: some(&self.code),
            resource_type: some(&self.kind),
            writes: match self.op.as_str() {
                "writes" => Some(true),
                "reads" => Some(false),
                _ => None,
            },
            want_texts: true,
            ..LogQuery::default()
        }
    }

    fn is_filtered(&self) -> bool {
        !Self { chained: false, ..self.clone() }.address("", "", false).is_empty()
    }
}

/// Rows and where they go on.
async fn rows(cx: &Desk, asked: &Asked) -> Result<(Vec<LogEntry>, Option<i64>), crate::error::Error> {
    let rows = if asked.chained { CHAINED_ROWS } else { ROWS };
    let mut entries = admin::log::list(&cx.app, cx.tenant.tenant.id, asked.query(rows + 1, cx.now)).await?;
    let more = entries.len() > rows as usize;
    entries.truncate(rows as usize);
    let next = entries.last().filter(|_| more).map(|last| last.seq);
    Ok((entries, next))
}

/// `GET /app/log`.
pub(super) async fn show(cx: Desk, RawQuery(raw): RawQuery) -> Shown {
    let asked = Asked::parse(&raw.unwrap_or_default());
    settle_log(&cx.app).await;
    let (entries, next) = rows(&cx, &asked).await?;
    let id = cx.tenant.tenant.id;
    let until = cx.now;
    let counts = cx.app.store().read(move |r| r.log_counts(id, until - 3_600_000_000, until, store::SLOT)).await?;
    let tokens = admin::tokens::list(&cx.app, Some(id)).await?;
    let is_first = asked.before.is_empty();
    let hidden = hidden(&cx, &asked, &entries, next).await?;
    let list = html! { (hidden_line(&asked, hidden)) (listing(&cx, &asked, &entries, next)) };
    let body = html! {
        @if is_first && !asked.is_filtered() && counts.iter().any(|one| one.total() > 0) {
            (card("Last hour", chart::requests(&Chart {
                title: "Requests by five minutes",
                counts: &counts,
                step: store::SLOT,
                short: true,
                csv: "/app/counts.csv?range=1h",
                href: &|one| within(one.at, store::SLOT),
            })))
        }
        (filters(&asked, &cx, tokens.iter().map(|token| token.label.clone()).collect()))
        @if is_first && !asked.paused {
            (live("log", &["log"], &asked.address("/app/log/rows", "", false), list))
        } @else { (list) }
    };
    let paused = asked.paused || !is_first;
    let views = super::views::bar(&cx, "log", &asked.address("", "", false)).await?;
    let body = html! { (views) (body) };
    let action = html! {
        @if paused { a .button href=(asked.address("/app/log", "", false)) { (Icon::Play.svg()) "Follow" } }
        @else { a .button href=(asked.address("/app/log", "", true)) { (Icon::Pause.svg()) "Pause" } }
    };
    let about = Page::new("Provisioning log", Nav::Log)
        .purpose("Every request that arrived, what was answered, and why.")
        .action(action)
        .help("provisioning-log");
    Ok(page(&cx, about, body))
}

/// Most requests that are counted as hidden; of more it says so.
const HIDDEN_MAX: u32 = 1_000;

/// How many requests the filters hide in the stretch of the log that a page shows. Reads their heads, a thousand at most.
async fn hidden(
    cx: &Desk,
    asked: &Asked,
    entries: &[LogEntry],
    next: Option<i64>,
) -> Result<Option<u32>, crate::error::Error> {
    if !asked.is_filtered() {
        return Ok(None);
    }
    let all = LogQuery {
        after: Some(next.map_or(0, |last| last - 1)),
        before: asked.before.parse().ok(),
        limit: HIDDEN_MAX + u32::try_from(entries.len()).unwrap_or(ROWS) + 1,
        ..LogQuery::default()
    };
    let all = admin::log::list(&cx.app, cx.tenant.tenant.id, all).await?;
    let hidden = all.len().saturating_sub(entries.len());
    Ok(Some(u32::try_from(hidden).unwrap_or(u32::MAX)).filter(|hidden| *hidden > 0))
}

/// The same stretch without the filters.
fn hidden_line(asked: &Asked, hidden: Option<u32>) -> Markup {
    let everything =
        Asked { before: asked.before.clone(), paused: asked.paused, chained: asked.chained, ..Asked::default() };
    html! {
        @if let Some(hidden) = hidden {
            p .hidden-rows {
                @match hidden {
                    1 => "1 request hidden by filters. ",
                    _ if hidden > HIDDEN_MAX => { "More than " (count(u64::from(HIDDEN_MAX))) " requests hidden by filters. " }
                    _ => { (count(u64::from(hidden))) " requests hidden by filters. " }
                }
                a href=(everything.address("/app/log", &asked.before, asked.paused)) { "Show them" }
            }
        }
    }
}

/// The attributes of all resource types, each name once.
fn attributes(cx: &Desk) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = admin::attributes::list(&cx.tenant)
        .into_iter()
        .filter(|named| named.attribute.mutability != scim::Mutability::ReadOnly)
        .map(|named| (named.value, named.attribute.name))
        .collect();
    all.sort_by(|one, other| one.1.to_lowercase().cmp(&other.1.to_lowercase()).then_with(|| one.0.cmp(&other.0)));
    all.dedup();
    std::iter::once((String::new(), "All".to_owned())).chain(all).collect()
}

/// The log of a stretch of time.
pub(super) fn within(at: i64, step: i64) -> String {
    let (since, until) = (scim::meta::rfc3339(at), scim::meta::rfc3339(at + step));
    query::address("/app/log", &[("since", &since), ("until", &until)])
}

/// What came from one address.
pub(super) fn from(address: &str) -> String {
    query::address("/app/log", &[("from", address)])
}

/// `GET /app/log/rows`: what the live region asks for.
pub(super) async fn fresh(cx: Desk, RawQuery(raw): RawQuery) -> Shown {
    let asked = Asked::parse(&raw.unwrap_or_default());
    let (entries, next) = rows(&cx, &asked).await?;
    let hidden = hidden(&cx, &asked, &entries, next).await?;
    Ok(fragment(html! { (hidden_line(&asked, hidden)) (listing(&cx, &asked, &entries, next)) }))
}

fn filters(asked: &Asked, cx: &Desk, mut tokens: Vec<String>) -> Markup {
    tokens.push("local".into());
    tokens.sort();
    tokens.dedup();
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let named = |all: &str, names: Vec<String>| {
        std::iter::once((String::new(), all.to_owned())).chain(names.into_iter().map(|n| (n.clone(), n))).collect()
    };
    let spans = SPANS.iter().map(|(name, words, _)| ((*name).to_owned(), (*words).to_owned()));
    let types = cx.tenant.types.iter().map(|rt| rt.name.clone()).collect();
    let list = [
        Facet {
            name: "result",
            label: "Result",
            value: &asked.result,
            choices: pairs(&[
                ("", "All"),
                ("good", "Answered"),
                ("failed", "Refused or failed"),
                ("broken", "Failed (5xx)"),
            ]),
        },
        Facet {
            name: "op",
            label: "Operation",
            value: &asked.op,
            choices: pairs(&[
                ("", "All"),
                ("writes", "Changes"),
                ("reads", "Reads"),
                ("POST", "POST"),
                ("PUT", "PUT"),
                ("PATCH", "PATCH"),
                ("DELETE", "DELETE"),
            ]),
        },
        Facet {
            name: "last",
            label: "Time",
            value: &asked.span,
            choices: pairs(&[("", "All")]).into_iter().chain(spans).collect(),
        },
        Facet { name: "type", label: "Resource", value: &asked.kind, choices: named("All", types) },
        Facet { name: "attribute", label: "Attribute", value: &asked.attribute, choices: attributes(cx) },
        Facet { name: "token", label: "Token", value: &asked.actor, choices: named("All", tokens) },
        Facet {
            name: "show",
            label: "Show",
            value: if asked.chained { "chains" } else { "" },
            choices: pairs(&[("", "Each request"), ("chains", "What belongs together")]),
        },
    ];
    let narrowed = [
        ("Resource", &asked.resource),
        ("Code", &asked.code),
        ("From", &asked.from),
        ("Since", &asked.since),
        ("Until", &asked.until),
    ];
    let kept = [
        ("resource", asked.resource.as_str()),
        ("code", &asked.code),
        ("from", &asked.from),
        ("since", &asked.since),
        ("until", &asked.until),
    ];
    let kept: Vec<_> = kept.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    html! {
        (facets_with("/app/log", Some(("text", &asked.text)), &kept, &list))
        @if narrowed.iter().any(|(_, value)| !value.is_empty()) {
            p .narrowed {
                "Only "
                @for (word, value) in narrowed.iter().filter(|(_, value)| !value.is_empty()) {
                    span .chip { (word.to_lowercase()) " " code { (value.as_str()) } }
                }
                a href="/app/log" { "Show all" }
            }
        }
    }
}

fn listing(cx: &Desk, asked: &Asked, entries: &[LogEntry], next: Option<i64>) -> Markup {
    if entries.is_empty() {
        return nothing(cx, asked);
    }
    let more = next.map(|seq| asked.address("/app/log", &seq.to_string(), false));
    let first = (!asked.before.is_empty()).then(|| asked.address("/app/log", "", false));
    html! {
        @if asked.chained {
            (parts::table(&Table {
                caption: "Requests that belong together, newest first",
                columns: &chains::COLUMNS,
                rows: chains::chains(entries).iter().filter_map(|chain| chain.row(cx.now)).collect(),
                body_id: None,
            }))
        } @else { (parts::table(&Table {
            caption: "Requests, newest first",
            columns: &COLUMNS,
            rows: entries.iter().map(|entry| row(entry, cx.now)).collect(),
            body_id: None,
        })) }
        (pager(first.as_deref(), more.as_deref(), entries.len(), None, None))
        p .exports {
            "Export what is filtered: "
            a href=(query_and(&asked.address("/app/log/export", "", false), "format=ndjson")) download { "NDJSON" }
            " · "
            a href=(query_and(&asked.address("/app/log/export", "", false), "format=csv")) download { "CSV" }
            " · entries stay " (cx.tenant.tenant.settings.log.keep_days) " days "
            a href="/app/settings#log" { "(settings)" }
        }
    }
}

fn query_and(address: &str, parameter: &str) -> String {
    format!("{address}{}{parameter}", if address.contains('?') { '&' } else { '?' })
}

fn row(entry: &LogEntry, now: i64) -> Row {
    let href = format!("/app/log/{}", entry.seq);
    let about = about(entry);
    let path = entry.path.split('?').next().unwrap_or_default();
    Row {
        id: Some(format!("log-{}", entry.seq)),
        class: if entry.status >= 400 { "bad-row" } else { "" },
        cells: vec![
            html! { a href=(href) { (when(entry.at, now)) } },
            html! { span .method { (entry.method) } " " code .path.minor title=(entry.path) { (short(path)) } },
            status(entry.status, entry.code.as_deref()),
            match resource(entry) {
                Some(href) => html! { a .ellipsis href=(href) { (about) } },
                None => html! { span .ellipsis { (about) } },
            },
            html! { (changed(entry)) },
            html! { (ms(entry.took_us)) },
            html! { @if entry.actor.is_empty() { span .quiet { "—" } } @else { span .ellipsis.token-name title=(entry.actor) { (entry.actor) } } },
        ],
    }
}

/// An id in a path is long and the same everywhere: its beginning is enough beside the name.
fn short(path: &str) -> String {
    let cut = |part: &str| match part.char_indices().nth(9) {
        Some((at, _)) if part.len() >= 32 => format!("{}…", part.get(..at).unwrap_or_default()),
        _ => part.to_owned(),
    };
    path.split('/').map(cut).collect::<Vec<_>>().join("/")
}

/// The page of the resource that an entry is about, unless it deleted it.
pub(super) fn resource(entry: &LogEntry) -> Option<String> {
    let id = entry.resource_id.as_deref().filter(|_| entry.method != "DELETE" || entry.status >= 400)?;
    match entry.resource_type.as_deref() {
        Some("User") => Some(format!("/app/users/{id}")),
        Some("Group") => Some(format!("/app/groups/{id}")),
        _ => None,
    }
}

/// Whom or what an entry is about, as the request or the answer names it.
pub(super) fn about(entry: &LogEntry) -> String {
    let read = |text: &Option<String>| -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    for value in [read(&entry.body), read(&entry.answer)] {
        let named = ["userName", "displayName"].iter().find_map(|name| value.get(name).and_then(Value::as_str));
        if let Some(named) = named {
            return named.to_owned();
        }
    }
    if let Some(total) = read(&entry.answer).get("totalResults").and_then(Value::as_u64)
        && entry.status < 400
    {
        let asked = entry.path.split_once("filter=").map(|(_, filter)| query::decode(filter));
        let value = asked.as_deref().and_then(|filter| filter.split('"').nth(1)).map(str::to_owned);
        return match value {
            Some(value) if total == 0 => format!("{value} (not found)"),
            Some(value) => value,
            None => format!("{} found", count(total)),
        };
    }
    let asked = entry.path.split_once("filter=").map(|(_, filter)| query::decode(filter));
    if let Some(value) = asked.as_deref().and_then(|filter| filter.split('"').nth(1)) {
        return value.to_owned();
    }
    match entry.diff.as_deref().and_then(name_in) {
        Some(name) => name,
        None => entry.resource_id.as_deref().map(short).unwrap_or_else(|| "—".into()),
    }
}

fn name_in(diff: &str) -> Option<String> {
    let diff: Value = serde_json::from_str(diff).ok()?;
    let of = |one: &Value| ["after", "before"].iter().find_map(|side| Some(one.get(side)?.as_str()?.to_owned()));
    let named = |name: &str| {
        diff.as_array()?.iter().find(|one| one.get("attribute").and_then(Value::as_str) == Some(name)).and_then(of)
    };
    named("userName").or_else(|| named("displayName"))
}

/// The first attributes that changed, by their short names.
fn changed(entry: &LogEntry) -> String {
    let diff: Value = entry.diff.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let all: Vec<String> = diff
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| {
            let name = one.get("attribute")?.as_str()?;
            let short = name.rsplit(':').next().unwrap_or(name);
            Some(match (name, one.get("count").and_then(Value::as_u64)) {
                ("membersAdded", Some(number)) => format!("+{number} members"),
                ("membersRemoved", Some(number)) => format!("−{number} members"),
                _ => short.to_owned(),
            })
        })
        .collect();
    let first = all.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > 3 { format!("{first} +{}", all.len() - 3) } else { first }
}

fn nothing(cx: &Desk, asked: &Asked) -> Markup {
    if asked.is_filtered() || !asked.before.is_empty() {
        let text = html! { "Among the newest 50 000 requests none fits the filters." };
        return empty(Icon::Search, "Nothing fits", text, Some(link("/app/log", "Show all requests", false)));
    }
    let sample = format!("curl {}/Users?count=1 -H 'Authorization: Bearer YOUR-TOKEN'", cx.endpoint);
    html! {
        (empty(Icon::Log, "Nothing received yet", html! { "The endpoint is up and waits for its first request." }, Some(link("/app/setup", "Set it up", true))))
        (parts::code("Try it from a terminal", &sample))
    }
}

/// `GET /app/log/export?format=ndjson|csv`: everything that the filters let through, as it is read.
pub(super) async fn export(cx: Desk, RawQuery(raw): RawQuery) -> Shown {
    let raw = raw.unwrap_or_default();
    let csv = query::value(&raw, "format").is_some_and(|format| format == "csv");
    let asked = Asked::parse(&raw);
    settle_log(&cx.app).await;
    let (out, body) = pieces::channel();
    tokio::spawn(pump(cx.app.clone(), cx.tenant.tenant.id, asked.query(EXPORT_ROWS, cx.now), csv, out));
    let (kind, name) = if csv { (super::CSV, "csv") } else { ("application/x-ndjson", "ndjson") };
    Ok(super::download(kind, &format!("provisioning-log.{name}"), body))
}

async fn pump(app: App, tenant: TenantId, mut asked: LogQuery, csv: bool, out: Pieces) {
    let header = "seq,at,method,path,status,code,token,remote,resourceType,resourceId,tookUs\r\n";
    if csv && out.send(Ok(header.into())).await.is_err() {
        return;
    }
    loop {
        let entries = match admin::log::list(&app, tenant, asked.clone()).await {
            Ok(entries) => entries,
            Err(error) => return pieces::break_off(&out, &error).await,
        };
        let Some(last) = entries.last() else { return };
        asked.before = Some(last.seq);
        let text: String = entries.iter().map(|entry| if csv { csv_line(entry) } else { json_line(entry) }).collect();
        if out.send(Ok(text.into())).await.is_err() || entries.len() < EXPORT_ROWS as usize {
            return;
        }
    }
}

fn json_line(entry: &LogEntry) -> String {
    let mut line = crate::api::feeds::show_entry(entry, true).to_string();
    line.push('\n');
    line
}

fn csv_line(entry: &LogEntry) -> String {
    let cell = parts::csv_cell;
    let cells = [
        entry.seq.to_string(),
        scim::meta::rfc3339(entry.at),
        entry.method.clone(),
        cell(&entry.path),
        entry.status.to_string(),
        entry.code.clone().unwrap_or_default(),
        cell(&entry.actor),
        cell(entry.remote.as_deref().unwrap_or_default()),
        cell(entry.resource_type.as_deref().unwrap_or_default()),
        cell(entry.resource_id.as_deref().unwrap_or_default()),
        entry.took_us.to_string(),
    ];
    format!("{}\r\n", cells.join(","))
}
