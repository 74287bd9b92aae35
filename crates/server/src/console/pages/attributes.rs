//! A4, attributes: the values that an administrator copies into the identity provider, and which of them arrive.
//!
//! "Last received" is read from the newest changes in the log (300 at most), not counted at every request: a page that is
//! looked at now and then must not cost every request something.

use super::scim::MANAGER;
use crate::admin::attributes::{Named, list};
use crate::console::parts::{
    Column, Facet, Row, Table, Tone, badge, card, copy_as, csv_cell, empty, facets, link, note, table, when,
};
use crate::console::{Desk, Fault, Icon, Nav, Page, Shown, page};
use maud::{Markup, html};
use scim::{Mutability, Returned, Uniqueness};
use serde_json::Value;
use std::collections::HashMap;
use store::LogQuery;

/// Changes that are looked at.
const LOOKED_AT: u32 = 300;

const COLUMNS: [Column; 5] = [
    Column::new("Attribute"),
    Column::new("Type"),
    Column::new("Rules").minor(),
    Column::new("Last received"),
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
            "enterprise" => named.value.starts_with("urn:") && !named.custom,
            "core" => !named.value.starts_with("urn:"),
            "never" => received.at(&named.value).is_none(),
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
                ("", "All"), ("core", "Core"), ("enterprise", "Enterprise"), ("custom", "Custom fields"), ("never", "Never received"),
            ]) },
        ]))
        @if shown.is_empty() {
            (empty(Icon::Search, "No attribute fits", html! { "Search looks at names, namespaces and descriptions." }, Some(link("/app/scim/attributes", "Show all", false))))
        } @else {
            (table(&Table { caption: "Attributes", columns: &COLUMNS, rows: shown.iter().map(|named| row(named, &received, cx.now)).collect(), body_id: None }))
            p .hint { "“Last received” looks at the newest " (received.looked_at) " changes in the log. All attributes as a file: " a href="/app/scim/attributes.csv" download { "CSV" } }
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

/// What came in lately.
#[derive(Default)]
pub(super) struct Received {
    at: HashMap<String, i64>,
    unknown: Vec<(String, i64)>,
    looked_at: usize,
}

impl Received {
    /// When an attribute last came, by its full name.
    pub(super) fn at(&self, value: &str) -> Option<i64> {
        self.at.get(&value.to_lowercase()).copied()
    }
}

/// Looks through the bodies of the newest changes; what was left out of them says which names are unknown.
pub(super) async fn received(cx: &Desk) -> Result<Received, Fault> {
    let asked =
        LogQuery { limit: LOOKED_AT, writes: Some(true), failed: Some(false), want_texts: true, ..LogQuery::default() };
    let entries = crate::admin::log::list(&cx.app, cx.tenant.tenant.id, asked).await?;
    let mut received = Received { looked_at: entries.len(), ..Received::default() };
    for entry in &entries {
        let Some(body) = entry.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
            continue;
        };
        note_names(&mut received.at, &body, entry.at);
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

/// Notes the newest time of every name in a body, in lower case; what stands under a URN has it in front.
fn note_names(at: &mut HashMap<String, i64>, body: &Value, when: i64) {
    let add = |at: &mut HashMap<String, i64>, name: String| {
        at.entry(name.to_lowercase()).or_insert(when);
    };
    let Some(map) = body.as_object() else { return };
    for (name, value) in map {
        match value {
            Value::Object(parts) if name.starts_with("urn:") => {
                parts.keys().for_each(|part| add(at, format!("{name}:{part}")))
            }
            _ => add(at, name.clone()),
        }
    }
    for operation in map.get("Operations").and_then(Value::as_array).into_iter().flatten() {
        match (operation.get("path").and_then(Value::as_str), operation.get("value")) {
            (Some(path), _) => {
                let dot_from = path.rfind(':').map_or(0, |colon| colon + 1);
                let end = path
                    .get(dot_from..)
                    .and_then(|name| name.find(['.', '[']))
                    .map_or(path.len(), |cut| dot_from + cut);
                add(at, path.get(..end).unwrap_or(path).to_owned());
            }
            (None, Some(value)) => note_names(at, value, when),
            _ => {}
        }
    }
}

fn to_copy(cx: &Desk, custom: &[&Named]) -> Markup {
    html! {
        section .card {
            header { h2 { "To copy" } a .quiet href="/docs/manager-and-custom-fields" { "How it is done" } }
            (three("manager", "Manager", MANAGER))
            @for (at, named) in custom.iter().enumerate() { (three(&format!("custom-{at}"), &label(named), &named.value)) }
            @if custom.is_empty() {
                p .quiet { "No custom fields yet. " @if cx.may_change() { a href="/app/fields/new" { "Make one that your identity provider can fill" } "." } }
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

fn row(named: &Named, received: &Received, now: i64) -> Row {
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
            html! { @match received.at(&named.value) { Some(at) => (when(at, now)), None => span .quiet { "not lately" } } },
            html! { div .copies {
                (copy_as("Value", name, &named.value)) (copy_as("Namespace", name, namespace)) (copy_as("Name", name, name))
            } },
        ],
        ..Row::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_in_bodies_and_paths() {
        let mut at = HashMap::new();
        note_names(&mut at, &json!({"userName": "a", "urn:x:2.0:User": {"manager": "b"}}), 1);
        let patch = json!({"Operations": [
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"},
            {"op": "replace", "path": "urn:y:2.0:User:field", "value": "x"},
            {"op": "replace", "value": {"title": "t"}},
        ]});
        note_names(&mut at, &patch, 2);
        for name in ["username", "urn:x:2.0:user:manager", "emails", "urn:y:2.0:user:field", "title"] {
            assert!(at.contains_key(name), "{name}: {at:?}");
        }
    }
}
