//! A1, the overview: what arrives, how it goes, what needs somebody.

use super::log::{about, within};
use super::scim_test::AGENT;
use super::setup;
use crate::admin::conflicts;
use crate::admin::received::{Never, never_received};
use crate::admin::tokens::{State, used_though_rotated};
use crate::console::chart::{self, Chart, HOUR, Week};
use crate::console::parts::{
    self, Column, Row, Table, Tone, card, card_with, count, link, live, ms, percent, status, tile, when,
};
use crate::console::{Desk, Fault, Nav, Page, Shown, fragment, page};
use maud::{Markup, html};
use scim::Code;
use store::{LogCount, LogEntry, LogQuery, SLOT, SetupLink, Token};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * HOUR;
/// Deactivated users are counted up to here.
const COUNTED_MAX: u32 = 10_000;

/// A span to look at, and the stretches that its charts have; 60 at the most.
struct Range {
    key: &'static str,
    words: &'static str,
    span: i64,
    step: i64,
}

const RANGES: [Range; 4] = [
    Range { key: "1h", words: "1 hour", span: HOUR, step: SLOT },
    Range { key: "24h", words: "24 hours", span: DAY, step: 30 * MINUTE },
    Range { key: "7d", words: "7 days", span: 7 * DAY, step: 3 * HOUR },
    Range { key: "30d", words: "30 days", span: 30 * DAY, step: 12 * HOUR },
];

/// The hours of the last seven days, today's among them.
const WEEK: &str = "week";

/// The first midnight of those seven days.
fn week_begin(now: i64) -> i64 {
    (now.div_euclid(DAY) - 6) * DAY
}

fn range(cx: &Desk) -> &'static Range {
    let asked = cx.asked("range").unwrap_or_default();
    let [_, usual, ..] = &RANGES;
    RANGES.iter().find(|range| range.key == asked).unwrap_or(usual)
}

/// `GET /app/counts.csv?range=24h`: the numbers behind the charts.
pub(super) async fn csv(cx: Desk) -> Shown {
    let (tenant, now, range) = (cx.tenant.tenant.id, cx.now, range(&cx));
    let is_week = cx.asked("range").as_deref() == Some(WEEK);
    let (since, step) = if is_week { (week_begin(now), HOUR) } else { (now - range.span, range.step) };
    let counts: Vec<LogCount> = cx.app.store().read(move |r| r.log_counts(tenant, since, now, step)).await?;
    let mut text = String::from("from,answered,refused,failed,halfWithinUs,mostWithinUs,p99Us\r\n");
    for one in &counts {
        let time = |part| one.quantile(part).map(|us| us.to_string()).unwrap_or_default();
        let cells =
            [scim::meta::rfc3339(one.at), one.good.to_string(), one.refused.to_string(), one.broken.to_string()];
        text.push_str(&format!("{},{},{},{}\r\n", cells.join(","), time(0.5), time(0.95), time(0.99)));
    }
    Ok(super::download(super::CSV, "requests.csv", text))
}

/// Everything that the page shows of the moment.
struct Now {
    counts: Vec<LogCount>,
    users: u64,
    inactive: u64,
    groups: u64,
    tokens: Vec<Token>,
    turned_away: Option<LogEntry>,
    /// The newest setup link for which somebody asks anew.
    asked: Option<SetupLink>,
    /// The last hour, whatever the page shows.
    hour: LogCount,
    never: Vec<Never>,
}

async fn look(cx: &Desk, range: &Range) -> Result<Now, Fault> {
    let (state, now, span, step) = (std::sync::Arc::clone(&cx.tenant), cx.now, range.span, range.step);
    let look = cx
        .app
        .store()
        .read(move |r| -> store::Result<Now> {
            let tenant = state.tenant.id;
            let users = state.named("User");
            let inactive = match users {
                Some(rt) => r.count_with(tenant, rt, "active", &false.into(), COUNTED_MAX)?,
                None => 0,
            };
            let failed = LogQuery { limit: 50, failed: Some(true), since_at: Some(now - DAY), ..LogQuery::default() };
            Ok(Now {
                never: never_received(r, &state)?,
                asked: asked_anew(r.setup_links(tenant)?),
                hour: whole(&r.log_counts(tenant, now - HOUR, now, SLOT)?),
                counts: r.log_counts(tenant, now - span, now, step)?,
                users: r.count(tenant, "User")?,
                groups: r.count(tenant, "Group")?,
                inactive,
                tokens: r.tokens(Some(tenant))?,
                turned_away: r
                    .log(tenant, &failed)?
                    .into_iter()
                    .find(|entry| turned_away(entry) && entry.user_agent.as_deref() != Some(AGENT)),
            })
        })
        .await?;
    Ok(look)
}

/// `GET /app?range=24h`.
pub(super) async fn show(cx: Desk) -> Shown {
    let range = range(&cx);
    let progress = setup::progress(&cx.app, &cx.tenant).await?;
    let scale = Scale::of(&cx);
    let all: Vec<(&str, String, bool)> =
        RANGES.iter().map(|one| (one.words, scale.address("/app", one), one.key == range.key)).collect();
    let body = html! {
        @if let Some(setup) = setup::short(&progress) { (setup) }
        (live("now", &["tiles"], &scale.address("/app/now", range), moment(&cx, range).await?))
        (live("latest", &["log"], "/app/latest", latest(&cx).await?))
        (week(&cx).await?)
    };
    let about = Page::new("Overview", Nav::Overview)
        .purpose("What arrives, and what became of it.")
        .action(parts::tabs("Range", &all))
        .help("provisioning-log");
    Ok(page(&cx, about, body))
}

/// How the times of answers are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Even,
    Log,
}

impl Scale {
    fn of(cx: &Desk) -> Self {
        if cx.asked("scale").as_deref() == Some("log") { Self::Log } else { Self::Even }
    }

    fn address(self, path: &str, range: &Range) -> String {
        let scale = if self == Self::Log { "log" } else { "" };
        crate::query::address(path, &[("range", range.key), ("scale", scale)])
    }

    /// The way to the other one.
    fn switch(self, range: &Range) -> Markup {
        let one = |words, scale: Self| (words, scale.address("/app", range), scale == self);
        parts::tabs("Scale", &[one("Linear", Self::Even), one("Logarithmic", Self::Log)])
    }
}

/// When requests come, by day and hour. Drawn with the page and not anew with each request: an hour changes slowly, and
/// seven days of counts are the dearest of what the page reads.
async fn week(cx: &Desk) -> Result<Markup, Fault> {
    let (tenant, now) = (cx.tenant.tenant.id, cx.now);
    let counts = cx.app.store().read(move |r| r.log_counts(tenant, week_begin(now), now, HOUR)).await?;
    let week = Week {
        title: "Requests by day and hour",
        counts: &counts,
        csv: "/app/counts.csv?range=week",
        href: &|one| within(one.at, HOUR),
    };
    Ok(html! {
        @if counts.iter().any(|one| one.total() > 0) { (card("When requests come, last 7 days (UTC)", chart::week(&week))) }
    })
}

/// `GET /app/now`.
pub(super) async fn fresh(cx: Desk) -> Shown {
    let range = range(&cx);
    Ok(fragment(moment(&cx, range).await?))
}

async fn moment(cx: &Desk, range: &Range) -> Result<Markup, Fault> {
    let now = look(cx, range).await?;
    let (whole, scale) = (whole(&now.counts), Scale::of(cx));
    let needs = attention(cx, &now, &whole).await?;
    let csv = format!("/app/counts.csv?range={}", range.key);
    let href = |one: &LogCount| within(one.at, range.step);
    let chart = |title| Chart { title, counts: &now.counts, step: range.step, short: false, href: &href, csv: &csv };
    Ok(html! {
        (tiles(&now, &whole, range))
        (needs)
        @if whole.total() > 0 {
            div .two {
                (card("Requests", chart::requests(&chart("Requests over time"))))
                (card("Refused or failed", chart::failures(&chart("Rate of requests refused or failed"))))
            }
            (card_with("How long answers took", scale.switch(range), chart::latency(&chart("Time to answer"), scale == Scale::Log)))
        }
    })
}

/// Where nothing was counted, a tile says so; it does not say 0 %.
fn tiles(now: &Now, whole: &LogCount, range: &Range) -> Markup {
    let none = html! { "no requests in this time" };
    let failed = whole.refused + whole.broken;
    let half = whole.quantile(0.5).map(|us| ms(us.cast_signed()));
    let slow = whole.quantile(0.95).map(|us| ms(us.cast_signed()));
    // Counting stops somewhere: then the tile tells the number of all, which is kept.
    let is_exact = now.inactive < u64::from(COUNTED_MAX);
    let (people, word) = if is_exact {
        (count(now.users.saturating_sub(now.inactive)), "Active people")
    } else {
        (count(now.users), "People")
    };
    let inactive = if is_exact { count(now.inactive) } else { format!("more than {}", count(now.inactive)) };
    html! {
        div .tiles {
            (tile(&count(whole.total()), "Requests", html! { "in the last " (range.words) }))
            @if whole.total() == 0 { (tile("—", "Refused or failed", none.clone())) }
            @else { (tile(&percent(failed, whole.total()), "Refused or failed", html! {
                @if failed == 0 { "none" } @else { a href="/app/log?result=failed" { (count(failed)) " requests" } }
                @if whole.broken > 0 { ", " (count(whole.broken)) " of them ours (5xx)" }
            })) }
            @match (half, slow) {
                (Some(half), Some(slow)) => (tile(&half, "Time to answer", html! { "95 % within " (slow) })),
                _ => (tile("—", "Time to answer", none)),
            }
            @if now.users == 0 { (tile("—", "People", html! { "nobody has arrived yet" })) }
            @else { (tile(&people, word, html! { a href="/app/users?active=no" { (inactive) " deactivated" } " · " a href="/app/groups" { (count(now.groups)) @if now.groups == 1 { " group" } @else { " groups" } } })) }
        }
    }
}

fn whole(counts: &[LogCount]) -> LogCount {
    let mut whole = LogCount::default();
    counts.iter().for_each(|one| whole.add(one));
    whole
}

/// The link for which somebody asked anew last, unless one for the same people was made since.
fn asked_anew(links: Vec<SetupLink>) -> Option<SetupLink> {
    let is_answered = |link: &SetupLink| {
        links.iter().any(|other| other.label == link.label && Some(other.created_at) > link.asked_at)
    };
    links.iter().filter(|link| link.asked_at.is_some() && !is_answered(link)).max_by_key(|link| link.asked_at).cloned()
}

/// Refusals of the last hour from which on they are a burst, if they are also one request in five.
const BURST: u64 = 20;

fn burst(hour: &LogCount) -> bool {
    let failed = hour.refused + hour.broken;
    failed >= BURST && failed * 5 >= hour.total()
}

/// Without a token that is good, or with a good one from elsewhere.
fn turned_away(entry: &LogEntry) -> bool {
    entry.status == 401 || entry.code.as_deref() == Some(&Code::TOKEN_NETWORK.to_string())
}

/// How long a new field may wait for its first value before somebody should look, in microseconds.
const FIELD_WAITS: i64 = HOUR;

/// Names that are told one by one.
const NEVER_NAMED: usize = 4;

/// Attributes that no request has ever carried, those that were made here first.
fn never(cx: &Desk, all: &[Never]) -> Option<Markup> {
    let is_late = |one: &&Never| one.since.is_none_or(|at| cx.now - at >= FIELD_WAITS);
    let (custom, standard): (Vec<&Never>, Vec<&Never>) = all.iter().filter(is_late).partition(|one| one.custom);
    let late: Vec<&Never> = custom.into_iter().chain(standard).collect();
    let first = late.first()?;
    let place = crate::query::address("/app/scim/attributes", &[("type", &first.resource_type), ("source", "never")]);
    Some(html! {
        "No request has ever carried "
        @for (at, one) in late.iter().take(NEVER_NAMED).enumerate() {
            @if at > 0 { ", " }
            code { (one.value.rsplit(':').next().unwrap_or(&one.value)) }
            @if let Some(since) = one.since.filter(|_| one.custom) { " (made " (when(since, cx.now)) ")" }
        }
        @if late.len() > NEVER_NAMED { " and " (late.len() - NEVER_NAMED) " more" }
        ". Map " @if late.len() == 1 { "it" } @else { "them" } " in the identity provider and look at the namespace there, or press Ignore for what is not to come. " a href=(place) { "Attributes" }
    })
}

/// What somebody should look at, the worst first.
async fn attention(cx: &Desk, now: &Now, whole: &LogCount) -> Result<Markup, Fault> {
    let mut items: Vec<(Tone, Markup)> = Vec::new();
    let open: Vec<&Token> = now.tokens.iter().filter(|token| State::of(token, cx.now) == State::Active).collect();
    if open.is_empty() && !now.tokens.is_empty() {
        items.push((
            Tone::Bad,
            html! { "No token is active: every request is refused. " a href="/app/scim/tokens" { "Generate one" } },
        ));
    }
    for token in open.iter().filter(|token| token.rotated_to.is_none()) {
        let Some(at) = token.expires_at.filter(|at| at - cx.now < 30 * DAY) else { continue };
        let tone = if at - cx.now < 7 * DAY { Tone::Bad } else { Tone::Warn };
        items.push((tone, html! { "The token “" (token.label) "” ends " (when(at, cx.now)) ". " a href={ "/app/scim/tokens/" (token.id) } { "Rotate it" } }));
    }
    for token in &open {
        let Some(at) = used_though_rotated(token, &now.tokens, cx.now) else { continue };
        items.push((Tone::Warn, html! { "The token “" (token.label) "” was replaced and is still used: last " (when(at, cx.now)) ". " @if let Some(end) = token.expires_at { "It ends " (when(end, cx.now)) ". " } a href={ "/app/scim/tokens/" (token.id) } { "Put the new one in its place" } }));
    }
    let switches = cx.tenant.tenant.settings.switches;
    if !switches.users.read || !switches.users.update {
        let word = if switches.users.read { "Update" } else { "Read" };
        items.push((Tone::Bad, html! { (word) " is switched off for users: " @if switches.users.read { "nobody is deactivated. " } @else { "provisioning stands still. " } a href="/app/scim#operations" { "Operation switches" } }));
    }
    if whole.broken > 0 {
        items.push((Tone::Bad, html! { (count(whole.broken)) " requests failed inside this server. " a href="/app/log?result=broken" { "Look at them" } }));
    }
    if burst(&now.hour) {
        let failed = now.hour.refused + now.hour.broken;
        items.push((Tone::Bad, html! { (count(failed)) " of " (count(now.hour.total())) " requests of the last hour were refused or failed (" (percent(failed, now.hour.total())) "). " a href="/app/log?result=failed&last=1h" { "Look at them" } }));
    }
    if let Some(link) = &now.asked {
        items.push((Tone::Warn, html! { "A setup link for " strong { (link.label) } " has ended, and a new one was asked for " @if let Some(at) = link.asked_at { (when(at, cx.now)) } ". " a href="/app/setup#links" { "Setup links" } }));
    }
    if let Some(entry) = &now.turned_away {
        items.push((Tone::Warn, html! { @if entry.status == 401 { "A request without a valid token came " } @else { "A token came from where it may not come from " } (when(entry.at, cx.now)) @if let Some(from) = &entry.remote { " from " code { (from) } } ". " a href={ "/app/log/" (entry.seq) } { "Look at it" } }));
    }
    if let Some(never) = never(cx, &now.never) {
        items.push((Tone::Info, never));
    }
    let (waiting, _) = conflicts::list(&cx.app, &cx.tenant).await?;
    if let Some(newest) = waiting.first() {
        let (number, about) = (waiting.len(), super::conflicts::named(cx, newest).await);
        items.push((Tone::Warn, html! { (number) @if number == 1 { " conflict waits" } @else { " conflicts wait" } ", the newest about " strong { (about) } ". " a href="/app/conflicts" { "Conflicts" } }));
    }
    items.sort_by_key(|(tone, _)| *tone != Tone::Bad);
    if items.is_empty() {
        return Ok(html! {});
    }
    Ok(card(
        "Needs attention",
        html! {
            ul .attention { @for (tone, item) in &items { li class=(tone.class()) { (tone.icon().svg()) span { (item) } } } }
        },
    ))
}

const COLUMNS: [Column; 5] = [
    Column::new("Time"),
    Column::new("Request"),
    Column::new("About"),
    Column::new("Result"),
    Column::new("Took").number().minor(),
];

/// `GET /app/latest`.
pub(super) async fn fresh_latest(cx: Desk) -> Shown {
    Ok(fragment(latest(&cx).await?))
}

/// Apart from the numbers: it changes with every request, and costs ten rows.
async fn latest(cx: &Desk) -> Result<Markup, Fault> {
    let (tenant, now) = (cx.tenant.tenant.id, cx.now);
    let asked = LogQuery { limit: 10, want_texts: true, ..LogQuery::default() };
    let entries = crate::admin::log::list(&cx.app, tenant, asked).await?;
    Ok(listing(&entries, now))
}

fn listing(entries: &[LogEntry], now: i64) -> Markup {
    let rows = entries.iter().map(|entry| Row {
        cells: vec![
            html! { a href={ "/app/log/" (entry.seq) } { (when(entry.at, now)) } },
            html! { span .method { (entry.method) } },
            html! { (about(entry)) },
            status(entry.status, entry.code.as_deref()),
            html! { (ms(entry.took_us)) },
        ],
        ..Row::default()
    });
    html! {
        @if entries.is_empty() {
            (card("Latest requests", html! { p .quiet { "Nothing has arrived yet; the endpoint is up." } (link("/app/setup", "Set it up", false)) }))
        } @else {
            (card_with("Latest requests", html! { a href="/app/log" { "All of the log" } },
                parts::table(&Table { caption: "Latest requests", columns: &COLUMNS, rows: rows.collect(), body_id: None })))
        }
    }
}
