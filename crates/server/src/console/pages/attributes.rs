//! A4, attributes: the values that an administrator copies into the identity provider, and which of them arrive.
//!
//! "Last received" is what was noted of identity providers' requests; of what came before that was kept, and of what an
//! operator sent, what the newest changes in the log (300 at most) say.

use super::scim::MANAGER;
use crate::admin::attributes::{self, Named, list, must_come};
use crate::admin::received::Came;
use crate::console::parts::{
    Column, Facet, Row, Table, Tone, badge, card, copy_as, csv_cell, empty, facets, form, link, note, table, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, page};
use crate::redact::masked;
use maud::{Markup, html};
use scim::{Mutability, Returned, Uniqueness};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::{LogQuery, names_in};

/// Changes that are looked at.
const LOOKED_AT: u32 = 300;

const COLUMNS: [Column; 6] = [
    Column::new("Attribute"),
    Column::new("Type"),
    Column::new("Rules").minor(),
    Column::new("Last received"),
    Column::new("When sent").minor(),
    Column::new("Copy"),
];

/// `GET /app/scim/attributes`.
pub(super) async fn show(cx: Desk) -> Shown {
    let text = cx.asked("q").unwrap_or_default();
    let kind = cx.asked("type").unwrap_or_else(|| "User".into());
    let source = cx.asked("source").unwrap_or_default();
    let received = received(&cx).await?;
    let all = list(&cx.tenant);
    let of_type: Vec<&Named> = all.iter().filter(|named| named.resource_type.eq_ignore_ascii_case(&kind)).collect();
    let fits = |named: &&&Named| {
        let word = text.to_lowercase();
        let found = word.is_empty()
            || named.value.to_lowercase().contains(&word)
            || named.attribute.description.to_lowercase().contains(&word);
        let from = match source.as_str() {
            "custom" => named.custom,
            "ignored" => !named.accepted,
            "enterprise" => named.value.starts_with("urn:") && !named.custom,
            "core" => !named.value.starts_with("urn:"),
            "never" => received.is_never(named),
            _ => true,
        };
        found && from
    };
    let shown: Vec<&&Named> = of_type.iter().filter(fits).filter(|named| !is_of_server(named)).collect();
    let custom: Vec<&Named> = all.iter().filter(|named| named.custom).collect();
    let choices = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let types = cx.tenant.types.iter().map(|rt| (rt.name.clone(), rt.name.clone())).collect();
    let body = html! {
        (to_copy(&cx, &custom))
        (facets("/app/scim/attributes", Some(("q", &text)), &[
            Facet { name: "type", label: "Of", value: &kind, choices: types },
            Facet { name: "source", label: "Source", value: &source, choices: choices(&[
                ("", "All"), ("core", "Core"), ("enterprise", "Enterprise"), ("custom", "Custom fields"), ("never", "Never received"), ("ignored", "Ignored"),
            ]) },
        ]))
        @if shown.is_empty() {
            (empty(Icon::Search, "No attribute fits", html! { "Search looks at names, namespaces and descriptions." }, Some(link("/app/scim/attributes", "Show all", false))))
        } @else {
            (table(&Table { caption: "Attributes", columns: &COLUMNS, rows: shown.iter().map(|named| row(&cx, named, &received)).collect(), body_id: None }))
            p .hint { "Examples are masked. “Not lately” is what has values that came before this was noted, or were made here. All attributes as a file: " a href="/app/scim/attributes.csv" download { "CSV" } }
        }
        (unknown(&cx, &received))
    };
    let about = Page::new("Attributes", Nav::Scim)
        .under("SCIM configuration", "/app/scim")
        .purpose("What can arrive, what has arrived, and the values to copy into the identity provider.")
        .action(html! { @if cx.may_change() { (link("/app/fields/new", "New custom field", false)) } })
        .help("manager-and-custom-fields");
    Ok(page(&cx, about, body))
}

/// `GET /app/scim/attributes.csv`: all of them, as somebody at the other side wants them.
pub(super) async fn csv(cx: Desk) -> Shown {
    let mut text =
        String::from("of,name,fullValue,namespace,type,list,required,uniqueness,mutability,custom,description\r\n");
    for named in list(&cx.tenant) {
        let definition = named.attribute.to_json();
        let word = |name: &str| definition.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let attribute = &named.attribute;
        let cells = [
            named.resource_type.clone(),
            attribute.name.clone(),
            named.value.clone(),
            named.namespace.clone(),
            word("type"),
            flag(attribute.multi_valued),
            flag(attribute.required),
            word("uniqueness"),
            word("mutability"),
            flag(named.custom),
            attribute.description.clone(),
        ];
        text.push_str(&(cells.map(|cell| csv_cell(&cell)).join(",") + "\r\n"));
    }
    Ok(super::download(super::CSV, "attributes.csv", text))
}

/// What nobody sends.
fn is_of_server(named: &Named) -> bool {
    named.attribute.mutability == Mutability::ReadOnly || named.value == "schemas"
}

/// What came in.
#[derive(Default)]
pub(super) struct Received {
    came: Came,
    /// By resource type and name: when, and what, so that it is recognised without being read.
    lately: HashMap<(String, String), (i64, String)>,
    /// What has ever had a value, by the same.
    held: HashSet<(String, String)>,
    unknown: Vec<(String, i64)>,
}

fn key(named: &Named) -> (String, String) {
    (named.resource_type.clone(), named.value.to_lowercase())
}

impl Received {
    /// When it last came, and such as what.
    fn last(&self, named: &Named) -> Option<(i64, &str)> {
        let noted = self.came.last(named).map(|one| (one.at, one.example.as_str()));
        noted.or_else(|| self.lately.get(&key(named)).map(|(at, example)| (*at, example.as_str())))
    }

    fn is_never(&self, named: &Named) -> bool {
        self.last(named).is_none() && !self.held.contains(&key(named))
    }
}

/// Reads what was noted, and looks through the bodies of the newest changes; what was left out of them says which names
/// are unknown.
pub(super) async fn received(cx: &Desk) -> Result<Received, Fault> {
    let state = Arc::clone(&cx.tenant);
    let read = cx.app.store().read(move |r| -> store::Result<_> {
        let came = Came::read(r, &state)?;
        let mut held = HashSet::new();
        for named in list(&state) {
            if came.last(&named).is_none() && came.has_been(r, &state, &named)? {
                held.insert(key(&named));
            }
        }
        Ok((came, held))
    });
    let (came, held) = read.await?;
    let asked =
        LogQuery { limit: LOOKED_AT, writes: Some(true), failed: Some(false), want_texts: true, ..LogQuery::default() };
    let entries = crate::admin::log::list(&cx.app, cx.tenant.tenant.id, asked).await?;
    let mut received = Received { came, held, ..Received::default() };
    for entry in &entries {
        let Some(body) = entry.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
            continue;
        };
        let kind = entry.resource_type.as_deref().unwrap_or("User");
        names_in(&body, &mut |name, value| {
            let at = received.lately.entry((kind.to_owned(), name.to_lowercase()));
            at.or_insert_with(|| (entry.at, masked(value)));
        });
        let steps: Vec<String> =
            entry.steps.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for step in steps {
            let Some((name, reason)) = step.split_once(" was left out: ") else { continue };
            if reason == "no such attribute" && !received.unknown.iter().any(|(known, _)| known == name) {
                received.unknown.push((name.to_owned(), entry.at));
            }
        }
    }
    Ok(received)
}

fn to_copy(cx: &Desk, custom: &[&Named]) -> Markup {
    html! {
        section .card {
            header { h2 { "To copy" } a .quiet href="/docs/manager-and-custom-fields" { "How it is done" } }
            (three("manager", "Manager", MANAGER))
            (of_fields(custom))
            @if custom.is_empty() {
                p .quiet { "No custom fields yet. " @if cx.may_change() { a href="/app/fields/new" { "Make one that your identity provider can fill" } "." } }
            }
        }
    }
}

/// Custom fields whose values are in sight at once.
const IN_SIGHT: usize = 3;

/// The values of custom fields, the first of them in sight.
pub(super) fn of_fields(custom: &[&Named]) -> Markup {
    let one = |(at, named): (usize, &&Named)| three(&format!("custom-{at}"), &label(named), &named.value);
    let rest = custom.len().saturating_sub(IN_SIGHT);
    html! {
        @for field in custom.iter().enumerate().take(IN_SIGHT) { (one(field)) }
        @if rest > 0 {
            details .folded {
                summary { (rest) " more custom " (if rest == 1 { "field" } else { "fields" }) }
                div .stack { @for field in custom.iter().enumerate().skip(IN_SIGHT) { (one(field)) } }
            }
        }
    }
}

pub(super) fn label(named: &Named) -> String {
    let words = named.attribute.description.trim();
    if words.is_empty() || words.chars().count() > 60 { named.attribute.name.clone() } else { words.to_owned() }
}

/// A full value, and its two parts, each to copy; and what goes where in Okta.
pub(super) fn three(id: &str, title: &str, value: &str) -> Markup {
    let (namespace, name) = value.rsplit_once(':').unwrap_or(("", value));
    let is_manager = value == MANAGER;
    html! {
        div .three {
            label for=(id) { (title) }
            input .mono #(id) type="text" readonly value=(value) spellcheck="false" autocomplete="off";
            div .three-row {
                (copy_as("Copy full value", title, value))
                (copy_as("Copy namespace", title, namespace))
                (copy_as("Copy name", title, name))
            details .in-okta {
                summary { "In Okta enter…" }
                dl .definitions {
                    div { dt { "Data type" } dd { "string" } }
                    @if is_manager {
                        div { dt { "Variable name" } dd { code { "manager" } } }
                        div { dt { "External name" } dd { code { "manager" } } }
                        div { dt { "External namespace" } dd { code .wrap { (namespace) } } }
                    } @else {
                        div { dt { "Variable name" } dd { code { (name) } } }
                        div { dt { "External name" } dd { code .wrap { (value) } " (the whole value), or " code { (name) } " with the namespace below" } }
                        div { dt { "External namespace" } dd { code .wrap { (namespace) } } }
                    }
                    div { dt { "Attribute length" } dd { "between 0 and 255" } }
                }
                p .hint { "An attribute without a namespace is not sent by Okta when it was made before provisioning was switched on: look there first if a value never arrives." }
            }
            }
        }
    }
}

/// Whether it is taken when it comes, and the switch, or why there is none.
fn taken(cx: &Desk, named: &Named) -> Markup {
    if let Some(why) = must_come(named)
        && named.accepted
    {
        return html! { (badge(Tone::Good, "accepted")) p .hint { (why) } };
    }
    let (word, to) = if named.accepted { ("Ignore", "no") } else { ("Accept", "yes") };
    html! {
        @if named.accepted { (badge(Tone::Good, "accepted")) } @else { (badge(Tone::Warn, "ignored")) }
        @if cx.may_change() {
            (form(cx, "/app/scim/attributes/accept", html! {
                input type="hidden" name="of" value=(named.resource_type);
                input type="hidden" name="value" value=(named.value);
                input type="hidden" name="accepted" value=(to);
                button .quiet.small type="submit" { (word) span .unseen { " " (named.attribute.name) } }
            }))
        }
    }
}

/// Which attribute, and whether what comes of it is taken.
#[derive(Deserialize)]
pub(super) struct Taken {
    of: String,
    value: String,
    accepted: String,
}

/// `POST /app/scim/attributes/accept`.
pub(super) async fn accept(cx: Desk, Form(taken): Form<Taken>) -> Shown {
    let back = crate::query::address("/app/scim/attributes", &[("type", &taken.of)]);
    let (to, other) = if taken.accepted == "yes" { (true, "no") } else { (false, "yes") };
    let name = &cx.tenant.tenant.name;
    let done = attributes::accept(&cx.app, &cx.actor(), name, &taken.of, &taken.value, to).await;
    match done {
        Ok(named) if to => cx.done(&back, Flash::good(format!("{} is taken again", named.attribute.name))),
        Ok(named) => {
            let undo = [("of", taken.of.as_str()), ("value", &taken.value), ("accepted", other)];
            let said =
                format!("{} is ignored: what is sent of it is dropped and told in the log", named.attribute.name);
            cx.done(&back, Flash::good(said).undo("/app/scim/attributes/accept", &undo))
        }
        Err(error) => cx.refused(&back, error),
    }
}

fn row(cx: &Desk, named: &Named, received: &Received) -> Row {
    let attribute = &named.attribute;
    let kind = serde_json::to_value(attribute.attr_type)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default();
    let mut rules = Vec::new();
    if attribute.required {
        rules.push("required".to_owned())
    }
    if attribute.uniqueness != Uniqueness::None {
        rules.push("unique".to_owned())
    }
    if attribute.returned == Returned::Never {
        rules.push("never shown".to_owned())
    }
    if let Some(max) = attribute.length_max {
        rules.push(format!("at most {max} characters"))
    }
    match attribute.mutability {
        Mutability::ReadOnly => rules.push("read only".to_owned()),
        Mutability::Immutable => rules.push("never changed".to_owned()),
        Mutability::WriteOnly => rules.push("write only".to_owned()),
        Mutability::ReadWrite => {}
    }
    let (namespace, name) =
        named.value.rsplit_once(':').map_or((named.namespace.as_str(), named.value.as_str()), |(a, b)| (a, b));
    Row {
        cells: vec![
            html! {
                code .wrap { (name) }
                @if named.custom { " " a href=(crate::query::address("/app/fields/edit", &[("value", &named.value)])) { (badge(Tone::Info, "custom")) } }
                @if !attribute.description.is_empty() { p .hint { (attribute.description) } }
            },
            html! { (kind) @if attribute.multi_valued { ", list" } },
            html! { (rules.join(", ")) },
            last_received(cx, named, received),
            taken(cx, named),
            html! { div .copies {
                (copy_as("Value", name, &named.value)) (copy_as("Namespace", name, namespace)) (copy_as("Name", name, name))
            } },
        ],
        ..Row::default()
    }
}

fn last_received(cx: &Desk, named: &Named, received: &Received) -> Markup {
    let is_secret = cx.tenant.secrets.names(&named.attribute.name);
    html! {
        @match received.last(named) {
            Some((at, example)) => { (when(at, cx.now))
                @if !example.is_empty() && !is_secret { p .hint { "such as " code { (example) } } } },
            None if received.is_never(named) => span .quiet { "never received" },
            None => span .quiet { "not lately" },
        }
    }
}

fn unknown(cx: &Desk, received: &Received) -> Markup {
    html! {
        @if !received.unknown.is_empty() {
            (card("Unknown attributes received", html! {
                (note(Tone::Info, "", html! { p { "These arrived and are in no schema here. They were left out, everything else was saved." } }))
                ul .list {
                    @for (name, at) in &received.unknown {
                        li { code .wrap { (name) } span .quiet { " last " (when(*at, cx.now)) }
                            @if cx.may_change() { " " a href=(crate::query::address("/app/fields/new", &[("value", name)])) { "Create a custom field from this" } }
                        }
                    }
                }
            }))
        }
    }
}
