//! A15, settings of the tenant: its address, what the log keeps, which oddities are understood, sizes and orders.

use crate::admin;
use crate::api::METRICS;
use crate::console::parts::{Field, Tone, bytes, card, choice, confirm, field, form, note};
use crate::console::{Desk, Flash, Form, Nav, Page, Shown, page};
use crate::query;
use axum::body::Bytes;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use store::ManagerMatch;

/// Who sends each oddity and why it is understood, in the words of `docs/deviations.toml`.
const DEVIATIONS: &str = include_str!("../../../../../docs/deviations.toml");

/// `GET /app/settings`.
pub(super) async fn show(cx: Desk) -> Shown {
    let id = cx.tenant.tenant.id;
    let used = cx.app.store().read(move |r| r.log_bytes(id)).await?;
    Ok(page(&cx, about(&cx), whole(&cx, used, None)))
}

fn about(cx: &Desk) -> Page {
    Page::new("Settings", Nav::Settings)
        .purpose(html! { "Of the tenant " strong { (cx.tenant.tenant.name) } "." })
        .action(html! {
            @if cx.may_change() { a .button href="/app/settings/import" { "Import" } }
            a .button href="/app/settings/export" download="settings.json" { "Export as JSON" }
        })
        .help("operate")
}

/// What was refused: the section, the fields as they were sent, the sentence.
type Wrong<'a> = (&'a str, &'a HashMap<String, String>, &'a str);

fn whole(cx: &Desk, used: u64, wrong: Option<Wrong<'_>>) -> Markup {
    let of = |section: &str| wrong.filter(|(have, ..)| *have == section);
    html! {
        (crate::console::settings_tabs("/app/settings"))
        (address(cx, of("address")))
        (log(cx, of("log"), used))
        (sizes(cx, of("sizes")))
        (managers(cx, of("managers")))
        (edits(cx))
        (dialect(cx))
        (passwords(cx))
        (elsewhere())
        (metrics(cx))
        (this_server(cx))
        @if admin::demo::is_one(&cx.app) && cx.may_change() { (demo(cx)) }
    }
}

/// What is set where it is used.
fn elsewhere() -> Markup {
    card(
        "Set elsewhere",
        html! {
            dl .definitions {
                div { dt { "Requests a second" } dd { a href="/app/scim" { "SCIM configuration" } ": matching, deletion and rate" } }
                div { dt { "Signing keys" } dd { a href="/app/saml" { "SAML sign-in" } " for people who come here; " a href="/app/apps" { "Sign On" } " of any application for people who go there; " a href="/app/oidc" { "OpenID Connect" } } }
                div { dt { "Administrators" } dd { a href="/app/settings/operators" { "Operators" } } }
            }
        },
    )
}

/// Where the numbers are, and what Prometheus has to be told.
fn metrics(cx: &Desk) -> Markup {
    let url = cx.server_url();
    let (scheme, host) = url.split_once("://").unwrap_or(("http", url));
    let sample = format!(
        "scrape_configs:\n  - job_name: provost\n    scheme: {scheme}\n    metrics_path: {METRICS}\n    authorization:\n      credentials_file: /etc/prometheus/provost.key\n    static_configs:\n      - targets: [\"{host}\"]\n"
    );
    card(
        "Metrics",
        html! {
            p { "Requests by outcome and time, sizes, what waits and when the next token ends, in the text format of Prometheus. Names of tenants and of resource types stand in it, nothing of anybody's data." }
            (crate::console::parts::copy_box("metrics", "Address", &format!("{url}{METRICS}")))
            p { "It takes an API key; that of an auditor is enough: " a href="/app/settings/keys" { "make one" } ", and put it into a file that only Prometheus reads." }
            (crate::console::parts::code("prometheus.yml", &sample))
        },
    )
}

/// What an operator is asked about the server itself, and where the rest of it is told.
fn this_server(cx: &Desk) -> Markup {
    let database = if cx.app.config().database.is_some() { "PostgreSQL" } else { "a file in the data folder (SQLite)" };
    let is_encrypted = cx.endpoint.starts_with("https://");
    card(
        "This server",
        html! {
            dl .definitions {
                div { dt { "Version" } dd { "Provost " (env!("CARGO_PKG_VERSION")) " · " a href="/docs" { "Guide" } " · " a href="/docs/api" { "Admin API" } } }
                div { dt { "Licence" } dd { "Apache-2.0 · " a href="/docs/licences" { "libraries of others and their licences" } } }
                div { dt { "Database" } dd { (database) } }
                div { dt { "Encryption" } dd { @if is_encrypted { "clients come by https; the proxy in front has the certificate" } @else { "clients come by http: put a proxy with a certificate in front" } " · " a href="/docs/operate" { "how" } } }
                div { dt { "Backup" } dd { code { "provost backup" } " · " a href="/docs/backup" { "how, and how to restore" } } }
            }
        },
    )
}

/// What is typed to have the sample data back.
const DEMO_WORD: &str = "reset";

/// Back to how the demo began.
fn demo(cx: &Desk) -> Markup {
    let what = html! {
        p { "The sample people, the application and the connection between them are made anew, and the story of the demo begins again." }
        p .danger-text { "Everything else goes: people, groups, apps, tokens, settings and logs of all tenants. Operators and the audit trail stay." }
    };
    card("Demo", confirm(cx, "/app/settings/demo", "Put the sample data back", what, Some(DEMO_WORD), html! {}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Confirmed {
    confirm: String,
}

/// `POST /app/settings/demo`.
pub(super) async fn reset_demo(cx: Desk, Form(confirmed): Form<Confirmed>) -> Shown {
    if confirmed.confirm.trim() != DEMO_WORD {
        return cx.done("/app/settings", Flash::bad(format!("Nothing was changed: type {DEMO_WORD} to confirm")));
    }
    admin::demo::reset(&cx.app, &cx.actor()).await?;
    cx.done("/app/dashboard", Flash::good("The sample data is back, and both sides are connected"))
}

fn section(cx: &Desk, id: &str, title: &str, wrong: Option<Wrong<'_>>, body: Markup) -> Markup {
    html! {
        section .card #(id) {
            header { h2 { (title) } }
            @if let Some((.., said)) = wrong { (note(Tone::Bad, "Not saved", html! { p { (said) } })) }
            (form(cx, &format!("/app/settings/general/{id}"), html! {
                (body)
                @if cx.may_change() { div .actions { button type="submit" { "Save " (title.to_lowercase()) } } }
            }))
        }
    }
}

/// What was sent, where it was refused; else what holds.
fn given(wrong: Option<Wrong<'_>>, name: &str, held: String) -> String {
    wrong.and_then(|(_, fields, _)| fields.get(name).cloned()).unwrap_or(held)
}

fn address(cx: &Desk, wrong: Option<Wrong<'_>>) -> Markup {
    let held = given(wrong, "base_url", cx.tenant.tenant.settings.base_url.clone().unwrap_or_default());
    section(
        cx,
        "address",
        "Address",
        wrong,
        html! {
            (field(&Field { name: "base_url", label: "Base URL", kind: "url", value: &held, mono: true, max: Some(1024), autocomplete: "off",
                error: wrong.map(|(.., said)| said),
                hint: "As clients call this server, without /scim/v2: https://scim.example.com. Without one, the name by which it is asked is used.", ..Field::default() }))
            p .quiet { "Now: " code .wrap { (cx.endpoint) } }
        },
    )
}

fn log(cx: &Desk, wrong: Option<Wrong<'_>>, used: u64) -> Markup {
    let limits = cx.tenant.tenant.settings.log;
    let level = json!(limits.level);
    let level = given(wrong, "level", level.as_str().unwrap_or_default().to_owned());
    let (days, body) =
        (given(wrong, "days", limits.keep_days.to_string()), given(wrong, "body", limits.body_bytes_max.to_string()));
    let masked = given(wrong, "masked", cx.tenant.tenant.settings.masked.join(", "));
    let size = given(wrong, "size", (limits.bytes_max >> 20).to_string());
    let of = |word: &str| wrong.map(|(.., said)| said).filter(|said| said.contains(word));
    section(
        cx,
        "log",
        "Log",
        wrong,
        html! {
            (choice(&Field { name: "level", label: "What is kept", value: &level, hint: "Secrets are never kept. Off also blinds this console: overview, setup and history read the log.", ..Field::default() },
                &[("all", "All requests"), ("writes", "Changes and refusals"), ("off", "Nothing")]))
            div .columns {
                (field(&Field { name: "days", label: "For how many days", kind: "number", value: &days, required: true, error: of("days"), ..Field::default() }))
                (field(&Field { name: "size", label: "Up to how many MiB", kind: "number", value: &size, required: true, error: of("MiB"), hint: "The oldest go first.", ..Field::default() }))
                (field(&Field { name: "body", label: "Bytes kept of a body", kind: "number", value: &body, required: true, error: of("body"), hint: "0 keeps none: then nothing can be rehearsed.", ..Field::default() }))
            }
            (field(&Field { name: "masked", label: "Attributes that are masked", value: &masked, mono: true, autocomplete: "off", error: of("masked"),
                hint: "Names with commas between them, such as birthDate, nickName. Their values stand nowhere in the log, and what held one cannot be rehearsed. Passwords and what is never returned are masked always.", ..Field::default() }))
            p .quiet { "In use: " (bytes(used)) }
        },
    )
}

fn sizes(cx: &Desk, wrong: Option<Wrong<'_>>) -> Markup {
    let settings = &cx.tenant.tenant.settings;
    let (usual, most) = (
        given(wrong, "page_default", settings.page_default.to_string()),
        given(wrong, "page_max", settings.page_max.to_string()),
    );
    let cursor = given(wrong, "cursor", settings.cursor_seconds.to_string());
    let of = |word: &str| wrong.map(|(.., said)| said).filter(|said| said.contains(word));
    section(
        cx,
        "sizes",
        "Page sizes",
        wrong,
        html! {
            div .columns {
                (field(&Field { name: "page_default", label: "Resources in a page", kind: "number", value: &usual, required: true, error: of("pageDefault"), hint: "When a request does not say.", ..Field::default() }))
                (field(&Field { name: "page_max", label: "At most", kind: "number", value: &most, required: true, ..Field::default() }))
                (field(&Field { name: "cursor", label: "Seconds that a cursor is good for", kind: "number", value: &cursor, required: true, error: of("cursorSeconds"), ..Field::default() }))
            }
        },
    )
}

fn match_words(by: ManagerMatch) -> (&'static str, &'static str) {
    match by {
        ManagerMatch::Id => ("id", "id of this server"),
        ManagerMatch::ExternalId => ("externalId", "externalId"),
        ManagerMatch::UserName => ("userName", "userName"),
        ManagerMatch::Emails => ("emails", "any e-mail address"),
        ManagerMatch::EmployeeNumber => ("employeeNumber", "employee number"),
    }
}

/// An order without dragging: a number before each, and 0 leaves it out.
fn managers(cx: &Desk, wrong: Option<Wrong<'_>>) -> Markup {
    let order = &cx.tenant.tenant.settings.manager_match;
    section(
        cx,
        "managers",
        "Manager matching",
        wrong,
        html! {
            p { "Whatever the identity provider sends as the manager is compared with these, in this order, until somebody matches. 0 leaves one out." }
            div .columns {
                @for by in ManagerMatch::ALL {
                    @let (name, words) = match_words(by);
                    @let place = order.iter().position(|held| *held == by).map_or(0, |at| at + 1);
                    (field(&Field { name, label: words, kind: "number", value: &given(wrong, name, place.to_string()), required: true, ..Field::default() }))
                }
            }
        },
    )
}

/// One entry of the list of deviations.
#[derive(Default)]
struct Deviation {
    who: String,
    why: String,
}

/// Reads what the page needs of the list: `id = …`, `who = …`, `why = …`.
fn deviations() -> HashMap<String, Deviation> {
    let mut all: HashMap<String, Deviation> = HashMap::new();
    let mut id = String::new();
    for line in DEVIATIONS.lines() {
        let Some((key, text)) = line.split_once(" = ") else { continue };
        let text = text
            .trim()
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or_default()
            .replace("\\\"", "\"");
        match key {
            "id" => {
                id = text;
                all.insert(id.clone(), Deviation::default());
            }
            "who" => all.entry(id.clone()).or_default().who = text,
            "why" => all.entry(id.clone()).or_default().why = text,
            _ => {}
        }
    }
    all
}

fn dialect(cx: &Desk) -> Markup {
    let known = deviations();
    section(
        cx,
        "dialect",
        "Leniencies",
        None,
        html! {
            p { "What real identity providers send and the standard does not allow. Each is understood unless it is switched off here; what is refused then says so in the log." }
            @for (title, of_group) in leniency_groups(&cx.tenant.tenant.settings.dialect) {
                @let on = of_group.iter().filter(|(_, on)| *on).count();
                details .folded.leniency-group open[on < of_group.len()] {
                    summary { (title) " " span .quiet { (on) " of " (of_group.len()) " on" } }
                    div .leniencies role="group" aria-label=(title) { @for (name, on) in of_group {
                        label .check.leniency {
                            input type="checkbox" name=(name) value="1" checked[on] disabled[!cx.may_change()];
                            span { strong { (leniency_words(name)) }
                                @if let Some(entry) = known.get(name) {
                                    span .hint { (entry.who) " " (entry.why) "." }
                                }
                            }
                        }
                    } }
                }
            }
        },
    )
}

/// The leniencies by what they are about; a new one that stands in no group is with the others.
const LENIENCY_GROUPS: [(&str, &[&str]); 4] = [
    (
        "Values in another shape",
        &[
            "boolean_strings",
            "numbers_for_strings",
            "scalar_for_complex",
            "object_for_array",
            "array_for_single",
            "empty_string_unassigns",
        ],
    ),
    (
        "Names and schemas",
        &[
            "keys_as_paths",
            "unknown_attributes_dropped",
            "unknown_schemas_ignored",
            "bare_extension_names",
            "message_schema_optional",
        ],
    ),
    (
        "PATCH",
        &[
            "op_any_case",
            "create_missing_element",
            "remove_listed_values",
            "read_only_ignored",
            "unknown_members_dropped",
        ],
    ),
    ("Access, and others", &[]),
];

type Leniency = (&'static str, bool);

fn leniency_groups(dialect: &scim::Dialect) -> Vec<(&'static str, Vec<Leniency>)> {
    let is_placed = |name: &str| LENIENCY_GROUPS.iter().any(|(_, names)| names.contains(&name));
    let of_group = |names: &[&str]| -> Vec<Leniency> {
        dialect.iter().filter(|(name, _)| names.contains(name) || names.is_empty() && !is_placed(name)).collect()
    };
    LENIENCY_GROUPS.iter().map(|(title, names)| (*title, of_group(names))).collect()
}

/// `op_any_case` is read as “Op any case”.
fn leniency_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// What is on or off.
fn tick(cx: &Desk, name: &str, is_on: bool, words: &str) -> Markup {
    html! {
        label .check { input type="checkbox" name=(name) value="1" checked[is_on] disabled[!cx.may_change()]; span { (words) } }
    }
}

fn edits(cx: &Desk) -> Markup {
    let held = cx.tenant.tenant.settings.manual_edits;
    section(
        cx,
        "edits",
        "Manual edits",
        None,
        html! {
            (tick(cx, "allow", held, "Allow manual edits of what an identity provider owns"))
            p .hint { "Off, its values can be read on a person's page and changed by it alone. On, they can be changed here, until its next push. Deactivating somebody always works." }
        },
    )
}

fn passwords(cx: &Desk) -> Markup {
    let held = cx.tenant.tenant.settings.keep_passwords;
    section(
        cx,
        "passwords",
        "Passwords",
        None,
        html! {
            (tick(cx, "keep", held, "Keep passwords that arrive, hashed with argon2id"))
            p .hint { "Okta sends a random one with every create. They are discarded unless an application signs people in with them." }
        },
    )
}

/// The change that a section's fields ask for, in the words of the API.
fn change(section: &str, fields: &HashMap<String, String>) -> Result<Map<String, Value>, String> {
    let get = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let number = |name: &str, words: &str| get(name).parse::<u64>().map_err(|_| format!("{words}: a whole number"));
    let change = match section {
        "address" => {
            let url = get("base_url").trim_end_matches('/').trim_end_matches("/scim/v2").to_owned();
            json!({"baseUrl": (!url.is_empty()).then_some(url)})
        }
        "log" => {
            let (days, size) = (number("days", "the days")?, number("size", "the MiB")?);
            let masked: Vec<&str> =
                get("masked").split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).collect();
            json!({"masked": masked, "log": {
                "level": get("level"), "keepDays": days, "bytesMax": size.saturating_mul(1 << 20), "bodyBytesMax": number("body", "the bytes of a body")?,
            }})
        }
        "sizes" => json!({
            "pageDefault": number("page_default", "pageDefault")?, "pageMax": number("page_max", "pageMax")?, "cursorSeconds": number("cursor", "cursorSeconds")?,
        }),
        "managers" => {
            let mut order = Vec::new();
            for by in ManagerMatch::ALL {
                let (name, words) = match_words(by);
                let place = number(name, words)?;
                if place > 0 {
                    order.push((place, by));
                }
            }
            order.sort_by_key(|(place, _)| *place);
            let order: Vec<ManagerMatch> = order.into_iter().map(|(_, by)| by).collect();
            json!({"managerMatch": order})
        }
        "dialect" => {
            let all: Map<String, Value> = scim::Dialect::NAMES
                .iter()
                .map(|name| ((*name).to_owned(), fields.contains_key(*name).into()))
                .collect();
            json!({"dialect": all})
        }
        "edits" => json!({"manualEdits": fields.contains_key("allow")}),
        "passwords" => json!({"keepPasswords": fields.contains_key("keep")}),
        _ => return Err("there is no such section".into()),
    };
    Ok(change.as_object().cloned().unwrap_or_default())
}

/// `POST /app/settings/general/{section}`.
pub(super) async fn save(cx: Desk, axum::extract::Path(section): axum::extract::Path<String>, body: Bytes) -> Shown {
    let fields: HashMap<String, String> = query::pairs(&String::from_utf8_lossy(&body)).collect();
    let outcome = match change(&section, &fields) {
        Ok(change) => admin::tenants::change(&cx.app, &cx.actor(), &cx.tenant.tenant.name, change)
            .await
            .map_err(|error| error.to_scim("").detail),
        Err(said) => Err(said),
    };
    match outcome {
        Ok(_) => cx.done(&format!("/app/settings#{section}"), Flash::good("Saved")),
        Err(said) => {
            let id = cx.tenant.tenant.id;
            let used = cx.app.store().read(move |r| r.log_bytes(id)).await?;
            let body = whole(&cx, used, Some((&section, &fields, &said)));
            Ok(super::unprocessable(page(&cx, about(&cx), body)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leniency_says_who_sends_it() {
        let known = deviations();
        for name in scim::Dialect::NAMES {
            let entry = known.get(*name).unwrap_or_else(|| panic!("{name} is not in docs/deviations.toml"));
            assert!(!entry.why.is_empty() && !entry.who.is_empty(), "{name}");
        }
    }
}
