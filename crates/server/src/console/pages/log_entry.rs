//! A12, one entry of the log: what came in, what we answered, what changed, why, and what followed.

use super::log::{about, resource};
use crate::admin;
use crate::auth::WAS_GOOD;
use crate::console::parts::{
    self, Tone, badge, card, card_with, code, definitions, form, json, link, ms, note, status, time, visible,
};
use crate::console::{Desk, Fault, Icon, Nav, Page, Shown, page, remedy, sentence};
use crate::scim::Acted;
use axum::extract::Path;
use maud::{Markup, html};
use scim::code::CATALOGUE;
use serde_json::Value;
use store::{Change, LogEntry, LogQuery};

/// What stands around an entry.
struct Around {
    /// The failures before and behind it.
    before: Option<i64>,
    behind: Option<i64>,
    /// What it told the change feed.
    changes: Vec<Change>,
}

/// `GET /app/log/{seq}`.
pub(super) async fn show(cx: Desk, Path(seq): Path<i64>) -> Shown {
    let entry = admin::log::entry(&cx.app, cx.tenant.tenant.id, seq).await?;
    whole(&cx, &entry, None).await
}

/// `POST /app/log/{seq}/replay`: the same request against what is there now, and everything undone at its end.
pub(super) async fn replay(cx: Desk, Path(seq): Path<i64>) -> Shown {
    let entry = admin::log::entry(&cx.app, cx.tenant.tenant.id, seq).await?;
    let acted = admin::log::rehearse(&cx.app, &cx.tenant, &cx.endpoint, &cx.origin, &entry).await?;
    let is_let_in = admin::log::is_let_in(&cx.app, cx.tenant.tenant.id, &entry).await?;
    whole(&cx, &entry, Some((&acted, is_let_in))).await
}

async fn around(cx: &Desk, entry: &LogEntry) -> Result<Around, Fault> {
    let (tenant, seq, at, id) = (cx.tenant.tenant.id, entry.seq, entry.at, entry.resource_id.clone());
    let around = cx
        .app
        .store()
        .read(move |r| -> store::Result<Around> {
            let failed = LogQuery { failed: Some(true), limit: 1, ..LogQuery::default() };
            let before = r.log(tenant, &LogQuery { before: Some(seq), ..failed.clone() })?;
            let behind = r.log(tenant, &LogQuery { after: Some(seq), ..failed })?;
            let mut changes = match &id {
                Some(id) => r.changes_of(tenant, id, None, 200)?,
                None => Vec::new(),
            };
            changes.retain(|change| change.at == at);
            Ok(Around { before: before.first().map(|e| e.seq), behind: behind.first().map(|e| e.seq), changes })
        })
        .await?;
    Ok(around)
}

async fn whole(cx: &Desk, entry: &LogEntry, replayed: Option<(&Acted, bool)>) -> Shown {
    let around = around(cx, entry).await?;
    let subject = about(entry);
    let title = format!("{} {}", entry.method, subject);
    let body = html! {
        (steps_between(&around))
        @if let Some((acted, is_let_in)) = replayed { (rehearsed(entry, acted, is_let_in)) }
        @if entry.status >= 400 { (trouble(entry)) }
        div .two { (came_in(cx, entry)) (answered(entry)) }
        (changes(entry))
        (why(cx, entry))
        (then(entry, &around.changes))
        (again(cx, entry))
    };
    let purpose = html! {
        (time(entry.at)) " · " (ms(entry.took_us)) " · "
        @if let Some(href) = resource(entry) { a href=(href) { "open " (subject) } } @else { (subject) }
    };
    let about = Page::new(title, Nav::Log)
        .under("Provisioning log", "/app/log")
        .purpose(purpose)
        .action(status(entry.status, entry.code.as_deref()))
        .help("provisioning-log");
    Ok(page(cx, about, body))
}

/// `GET /app/log/{seq}/json`: the entry as the API has it, as a file.
pub(super) async fn as_json(cx: Desk, Path(seq): Path<i64>) -> Shown {
    let entry = admin::log::entry(&cx.app, cx.tenant.tenant.id, seq).await?;
    let text = serde_json::to_string_pretty(&crate::api::feeds::show_entry(&entry, true)).unwrap_or_default();
    Ok(super::download(super::JSON, &format!("log-{seq}.json"), text))
}

/// `GET /app/report.json?seq=…`: a file for whoever helps.
pub(super) async fn report(cx: Desk) -> Shown {
    let seq = cx.asked("seq").and_then(|text| text.parse().ok());
    let report = admin::report::report(&cx.app, &cx.actor(), &cx.tenant, seq).await?;
    let text = serde_json::to_string_pretty(&report).unwrap_or_default();
    Ok(super::download(super::JSON, "provost-report.json", text))
}

fn steps_between(around: &Around) -> Markup {
    html! {
        nav .between aria-label="Errors around this one" {
            @if let Some(seq) = around.before { a .button.small href={ "/app/log/" (seq) } rel="prev" { "Previous error" } }
            @if let Some(seq) = around.behind { a .button.small href={ "/app/log/" (seq) } rel="next" { "Next error" } }
        }
    }
}

fn trouble(entry: &LogEntry) -> Markup {
    let code = entry.code.as_deref().unwrap_or_default();
    let known = CATALOGUE.iter().find(|known| known.code.to_string() == code);
    let answer: Value = entry.answer.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let detail = answer.get("detail").and_then(Value::as_str).unwrap_or_default();
    let detail = remedy::detail(detail.strip_suffix(&format!(" ({code})")).unwrap_or(detail));
    note(
        Tone::Bad,
        known.map_or("This was refused", |known| known.title),
        html! {
            @if !detail.is_empty() { p { (visible(&sentence(detail))) } }
            @if let Some(known) = known {
                p { strong { "What to do: " } (remedy::words(code, known.fix)) }
                div .actions {
                    @if let Some((word, href)) = remedy::of(code) { (link(href, word, false)) }
                    a .button.quiet href={ "/docs/errors/" (code) } { "About " (code) }
                }
            }
        },
    )
}

fn came_in(cx: &Desk, entry: &LogEntry) -> Markup {
    let url = format!("{}{}", cx.endpoint, entry.path);
    let none = || html! { span .quiet { "not told" } };
    let facts = [
        ("Address", html! { code .wrap { (entry.method) " " (visible(&url)) } }),
        (
            "Token",
            match told(entry).iter().find_map(|step| step.strip_prefix(WAS_GOOD)) {
                Some(over) => visible(over),
                None if entry.actor.is_empty() => html! { "none that is known" },
                None => html! { (entry.actor) " · " code { "$TOKEN" } },
            },
        ),
        (
            "From",
            entry.remote.as_deref().map_or_else(none, |from| {
                html! { code { (from) } " · " a href=(super::log::from(from)) { "all from there" } }
            }),
        ),
        ("Program", entry.user_agent.as_deref().map_or_else(none, |agent| html! { (visible(agent)) })),
        ("Request id", html! { code { (entry.request_id) } " " (parts::copy_button("request id", &entry.request_id)) }),
    ];
    card(
        "What came in",
        html! {
            (definitions(&facts))
            @match entry.body.as_deref() {
                Some(body) if !body.is_empty() => { (json("Body, secrets taken out", body)) (parts::raw("As it was sent, on one line", body)) },
                _ if matches!(entry.method.as_str(), "POST" | "PUT" | "PATCH") => p .quiet {
                    "No body was sent, or bodies are not kept. " a href="/app/settings#log" { "What the log keeps" }
                },
                _ => p .quiet { "A request of this kind has no body." },
            }
        },
    )
}

fn answered(entry: &LogEntry) -> Markup {
    card_with(
        "What we answered",
        status(entry.status, entry.code.as_deref()),
        html! {
            @match entry.answer.as_deref() {
                Some(answer) if !answer.is_empty() => { (json("Answer", answer)) (parts::raw("As it was answered, on one line", answer)) },
                _ => p .quiet { "An answer without a body: " (entry.status) "." },
            }
        },
    )
}

fn diff_of(text: Option<&str>) -> Vec<Value> {
    let diff: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    diff.as_array().cloned().unwrap_or_default()
}

fn changes(entry: &LogEntry) -> Markup {
    let diff = diff_of(entry.diff.as_deref());
    card(
        "What changed",
        html! {
            @if diff.is_empty() { p .quiet { @if entry.status >= 400 { "Nothing: the request was refused." } @else { "Nothing was different." } } }
            @else { (difference(&diff)) }
        },
    )
}

/// Attributes before and after, one row each.
pub(super) fn difference(diff: &[Value]) -> Markup {
    html! {
        div .scroll.stacked.diff-rows tabindex="0" role="group" aria-label="Attributes before and after" {
            table .diff {
                thead { tr { th scope="col" { "Attribute" } th scope="col" { "Before" } th scope="col" { "After" } } }
                tbody {
                    @for one in diff {
                        tr {
                            @let name = one.get("attribute").and_then(Value::as_str).unwrap_or_default();
                            th scope="row" { code .wrap { (name) } }
                            @if let Some(ids) = one.get("ids").and_then(Value::as_array) {
                                td {}
                                td { @let number = one.get("count").and_then(Value::as_u64).unwrap_or(0);
                                    (number) @if number == 1 { " member" } @else { " members" }
                                    ul .ids { @for id in ids.iter().filter_map(Value::as_str).take(20) { li { a href={ "/app/users/" (id) } { code { (id) } } } } }
                                }
                            } @else {
                                td .was data-label="Before" { (value(one.get("before"))) }
                                td .is data-label="After" { (value(one.get("after"))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn value(value: Option<&Value>) -> Markup {
    match value {
        None | Some(Value::Null) => html! { span .quiet { "—" } },
        Some(Value::String(text)) => visible(text),
        Some(other) => html! { code .wrap { (visible(&other.to_string())) } },
    }
}

/// The decisions as they were kept.
fn told(entry: &LogEntry) -> Vec<String> {
    entry.steps.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The decisions in their order: those that every request goes through, then those of this one.
fn why(cx: &Desk, entry: &LogEntry) -> Markup {
    let told = told(entry);
    let code = entry.code.as_deref().unwrap_or_default();
    let area = if entry.path.starts_with("/Groups") { "groups" } else { "users" };
    let operation = match entry.method.as_str() {
        "POST" if !entry.path.contains("/.search") => "create",
        "PUT" | "PATCH" => "update",
        "DELETE" => "delete",
        _ => "read",
    };
    let known = !entry.actor.is_empty();
    card(
        "Why",
        html! {
            ol .decisions {
                @if known { li .good { "Recognised by the token “" (entry.actor) "” of the tenant " (cx.tenant.tenant.name) } }
                @else if entry.status == 401 { li .bad { "Not recognised: no valid token" } }
                @if code == "PRV-2005" { li .bad { "The switch " strong { (operation) } " of " (area) " was off" } }
                @else if code == "PRV-2004" { li .bad { "The scope of the token does not cover this" } }
                @else if known && entry.status < 400 { li .good { "The switch " strong { (operation) } " of " (area) " was on, the scope covers it" } }
                @for step in &told { li { (visible(step)) } }
                @if entry.status >= 400 { li .bad { "Refused with " (entry.status) " " (code) } } @else { li .good { "Answered with " (entry.status) } }
            }
        },
    )
}

fn then(entry: &LogEntry, changes: &[Change]) -> Markup {
    card(
        "Then",
        html! {
            @if changes.is_empty() {
                p .quiet { @if entry.status >= 400 || entry.method == "GET" { "Nothing followed." } @else { "Nothing changed, so nothing followed." } }
            } @else {
                ul .list {
                    @for change in changes {
                        li { (badge(Tone::Info, change.kind.as_str())) " change " strong { "#" (change.seq) } " of the feed"
                            span .quiet { " · " code { (change.what.to_string()) } } }
                    }
                }
            }
        },
    )
}

fn again(cx: &Desk, entry: &LogEntry) -> Markup {
    card(
        "Again",
        html! {
            (code("Copy as curl", &curl(cx, entry)))
            @match admin::log::hindrance(entry) {
                Some(why) => p .quiet { (why) },
                None if cx.may_change() => (form(cx, &format!("/app/log/{}/replay", entry.seq), html! {
                    p .hint { "A rehearsal asks the same again, shows what would come of it now, and changes nothing." }
                    button type="submit" { (Icon::Play.svg()) span { "Rehearse it now" } }
                })),
                None => p .quiet { "A rehearsal needs the role admin." },
            }
            div .actions {
                a .button href={ "/app/report.json?seq=" (entry.seq) } download { "Report for support" }
                a .button href={ "/app/log/" (entry.seq) "/json" } download { "This entry as JSON" }
            }
            p .hint { "The report has this request and what its token asked just before, without anybody's data: every value is replaced by its length. The entry has the values." }
            p { "In a terminal: " code { "provost log show " (entry.seq) " --tenant " (cx.tenant.tenant.name) " --json" } }
        },
    )
}

/// The request for a shell; what is quoted stays quoted.
fn curl(cx: &Desk, entry: &LogEntry) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let url = format!("{}{}", cx.endpoint, entry.path);
    let mut lines =
        vec![format!("curl -i -X {} {}", entry.method, quote(&url)), "-H \"Authorization: Bearer $TOKEN\"".into()];
    if let Some(body) = entry.body.as_deref().filter(|body| !body.is_empty()) {
        lines.push("-H 'Content-Type: application/scim+json'".into());
        lines.push(format!("--data {}", quote(body)));
    }
    lines.join(" \\\n  ")
}

/// What a rehearsal came to. It asks behind the door: where the token itself would be turned away, that is said first.
fn rehearsed(entry: &LogEntry, acted: &Acted, is_let_in: bool) -> Markup {
    let answer = &acted.answer;
    let same = answer.status == entry.status;
    let title = match same {
        _ if !is_let_in => "Rehearsed as if its token were let in",
        true => "Rehearsed: the same would happen",
        false => "Rehearsed: now something else would happen",
    };
    let code = answer.code.map(|code| code.to_string()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = body.get("detail").and_then(Value::as_str).filter(|_| answer.status >= 400).unwrap_or_default();
    let detail = remedy::detail(detail.strip_suffix(&format!(" ({code})")).unwrap_or(detail));
    let told = acted.trace.told();
    note(
        if answer.status < 400 { Tone::Good } else { Tone::Warn },
        title,
        html! {
            @if !is_let_in { p { "The token that came is not let in: with it the answer would be " (status(401, None)) "." } }
            p { @if is_let_in { "The same request now" } @else { "With one that is let in the request" }
                " would be answered with " (status(answer.status, Some(code.as_str()).filter(|code| !code.is_empty())))
                ". Nothing was changed and nothing was logged." }
            @if !detail.is_empty() { p { (visible(&sentence(detail))) } }
            @if !acted.trace.diff.is_empty() { (difference(&acted.trace.diff.values())) }
            @else if answer.status < 400 { p { "Nothing would be different." } }
            @if !told.is_empty() { ol .decisions { @for step in &told { li { (visible(step)) } } } }
            @if !answer.body.is_empty() {
                details { summary { "The answer" } (json("Answer of the rehearsal", &String::from_utf8_lossy(&answer.body))) }
            }
        },
    )
}
