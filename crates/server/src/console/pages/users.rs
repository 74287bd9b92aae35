//! A6, users: search, filters that live in the address, pages by keyset, and work on many at once.

use crate::admin::attributes::{self, Named};
use crate::admin::directory::{self, Found, Listing, Sorting};
use crate::admin::jobs::{self, Bulk, Chosen};
use crate::console::parts::{
    Column, Facet, Field, Row, Table, Tone, badge, card, count, empty, facets, field, form, link, note, pager, table,
    visible, when,
};
use crate::console::{Desk, Flash, Icon, Nav, Page, Shown, page};
use crate::query;
use axum::body::Bytes;
use axum::http::Method;
use maud::{Markup, html};
use scim::Filter;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const ROWS: u64 = 50;

/// The filters as the address holds them.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    text: String,
    filter: String,
    active: String,
    source: String,
    order: String,
    after: String,
}

impl Asked {
    fn parse(raw: &str) -> Self {
        let get = |name: &str| query::value(raw, name).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            text: get("q"),
            filter: get("filter"),
            active: get("active"),
            source: get("source"),
            order: get("order"),
            after: get("after"),
        }
    }

    fn address(&self, path: &str, after: &str) -> String {
        let all = [
            ("q", self.text.as_str()),
            ("filter", &self.filter),
            ("active", &self.active),
            ("source", &self.source),
            ("order", &self.order),
            ("after", after),
        ];
        query::address(path, &all)
    }

    fn is_filtered(&self) -> bool {
        [&self.text, &self.filter, &self.active, &self.source].iter().any(|part| !part.is_empty())
    }

    /// As a filter of the protocol. A search looks for beginnings: an index answers that for a million people.
    fn to_filter(&self) -> scim::Result<Option<Filter>> {
        let quoted = Value::from(self.text.as_str()).to_string();
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            let names = ["userName", "displayName", "name.familyName", "name.givenName", "emails.value", "externalId"];
            let any = names.map(|name| format!("{name} sw {quoted}")).join(" or ");
            parts.push(format!("({any})"));
        }
        match self.active.as_str() {
            "yes" => parts.push("not (active eq false)".into()),
            "no" => parts.push("active eq false".into()),
            _ => {}
        }
        match self.source.as_str() {
            "managed" => parts.push("externalId pr".into()),
            "local" => parts.push("not (externalId pr)".into()),
            _ => {}
        }
        if !self.filter.is_empty() {
            Filter::parse(&self.filter)?;
            parts.push(format!("({})", self.filter));
        }
        if parts.is_empty() { Ok(None) } else { Filter::parse(&parts.join(" and ")).map(Some) }
    }
}

/// `GET /app/users`.
pub(super) async fn list(cx: Desk) -> Shown {
    let asked = Asked::parse(&cx.query);
    let (listed, wrong) = match find(&cx, &asked).await {
        Ok(listed) => (listed, None),
        Err(error) if error.to_scim("").status < 500 && !asked.filter.is_empty() => {
            let without = Asked { filter: String::new(), ..asked.clone() };
            (find(&cx, &without).await?, Some(error.to_scim("").detail))
        }
        Err(error) => return Err(error.into()),
    };
    let is_bad = wrong.is_some();
    let body = html! {
        (filters(&asked))
        (by_filter(&asked, wrong.as_deref()))
        @if listed.found.is_empty() { (nobody(&cx, &asked)) } @else { (rows(&cx, &asked, &listed)) }
    };
    let action = html! {
        @if cx.may_change() { a .button href="/app/users/new" { (Icon::Plus.svg()) "New user" } }
        a .button.quiet href="/app/jobs" { "Jobs" }
    };
    let about = Page::new("Users", Nav::Users)
        .purpose("Everybody who has an account here, and where it came from.")
        .action(action);
    let shown = page(&cx, about, body);
    Ok(if is_bad { super::unprocessable(shown) } else { shown })
}

async fn find(cx: &Desk, asked: &Asked) -> Result<directory::Listed, crate::error::Error> {
    let listing = Listing {
        filter: asked.to_filter()?,
        order: Sorting::parse(&asked.order),
        after: Some(asked.after.clone()).filter(|after| !after.is_empty()),
        count: ROWS,
        want_groups: true,
    };
    directory::list(&cx.app, &cx.tenant, &cx.endpoint, "User", listing).await
}

fn filters(asked: &Asked) -> Markup {
    let choices = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    facets(
        "/app/users",
        Some(("q", &asked.text)),
        &[
            Facet {
                name: "active",
                label: "State",
                value: &asked.active,
                choices: choices(&[("", "All"), ("yes", "Active"), ("no", "Deactivated")]),
            },
            Facet {
                name: "source",
                label: "Source",
                value: &asked.source,
                choices: choices(&[("", "All"), ("managed", "Identity provider"), ("local", "Local")]),
            },
            Facet {
                name: "order",
                label: "Order",
                value: &asked.order,
                choices: choices(&[("", "Newest"), ("changed", "Last changed"), ("name", "Login")]),
            },
        ],
    )
}

fn by_filter(asked: &Asked, wrong: Option<&str>) -> Markup {
    html! {
        details .folded.by-filter open[!asked.filter.is_empty()] {
            summary { "SCIM filter" }
            form method="get" action="/app/users" {
                (field(&Field { name: "filter", label: "Filter", value: &asked.filter, mono: true, error: wrong,
                    hint: "For example: title eq \"Engineer\" and meta.created gt \"2026-01-01T00:00:00Z\"", ..Field::default() }))
                div .actions { button type="submit" { "Apply filter" } }
            }
        }
    }
}

/// Custom fields that have a column; the others are on the page of the person.
const CUSTOM_MAX: usize = 2;

fn rows(cx: &Desk, asked: &Asked, listed: &directory::Listed) -> Markup {
    let may = cx.may_change();
    let customs: Vec<Named> = attributes::list(&cx.tenant)
        .into_iter()
        .filter(|named| named.custom && named.resource_type == "User" && !named.attribute.multi_valued)
        .take(CUSTOM_MAX)
        .collect();
    let mut columns = vec![
        Column::new("Person"),
        Column::new("State"),
        Column::new("Source").minor(),
        Column::new("Manager").minor(),
        Column::new("Groups").number().minor(),
        Column::new("Changed").minor(),
    ];
    let names = customs.iter().map(|named| Column::new(&named.attribute.name).minor());
    columns.splice(4..4, names);
    let all = listed.found.iter().map(|found| row(found, &customs, cx.now, may)).collect();
    let list = table(&Table { caption: "Users", columns: &columns, rows: all, body_id: None });
    let next = listed.next.as_ref().map(|next| asked.address("/app/users", next));
    let first = (!asked.after.is_empty()).then(|| asked.address("/app/users", ""));
    html! {
        @if may { (form(cx, "/app/users/bulk", html! { (list) (on_many(asked, listed.total)) })) } @else { (list) }
        (pager(first.as_deref(), next.as_deref(), listed.found.len(), listed.total))
    }
}

/// What can be done with those who are ticked, or with everybody whom the filter fits.
fn on_many(asked: &Asked, total: Option<u64>) -> Markup {
    let everybody = match (asked.is_filtered(), total) {
        (true, _) => "everybody whom the filter fits".to_owned(),
        (false, Some(total)) => format!("all {}", count(total)),
        (false, None) => "everybody".to_owned(),
    };
    html! {
        input type="hidden" name="q" value=(asked.text);
        input type="hidden" name="filter" value=(asked.filter);
        input type="hidden" name="active" value=(asked.active);
        input type="hidden" name="source" value=(asked.source);
        fieldset .bulk {
            legend { "With those selected" }
            label .check { input type="checkbox" name="everybody" value="1"; span { "or with " (everybody) } }
            div .actions {
                button .small type="submit" name="do" value="deactivate" { "Deactivate…" }
                button .small type="submit" name="do" value="activate" { "Activate…" }
                button .small.danger type="submit" name="do" value="delete" { "Delete…" }
            }
        }
    }
}

pub(super) fn source(found: &Found) -> Markup {
    html! { @if found.is_managed() { (badge(Tone::Info, "Managed")) } @else { (badge(Tone::Quiet, "Local")) } }
}

pub(super) fn activity(found: &Found) -> Markup {
    html! { @if found.is_active() { (badge(Tone::Good, "Active")) } @else { (badge(Tone::Warn, "Deactivated")) } }
}

fn row(found: &Found, customs: &[Named], now: i64, may: bool) -> Row {
    let (name, login) = (found.name(), found.text("userName"));
    let mut cells = vec![
        html! { span .pick-cell {
            @if may { label .pick { span .unseen { "Select " (name) } input type="checkbox" name="id" value=(found.id) data-pick; } }
            a .person href={ "/app/users/" (found.id) } { (avatar(&name)) span { strong { (name) } @if name != login { span .hint { (login) } } } }
        } },
        activity(found),
        source(found),
        manager(found),
    ];
    cells.extend(customs.iter().map(|named| custom(found, named)));
    cells.push(html! { (count(found.groups.len() as u64)) });
    cells.push(when(found.modified_at, now));
    Row { cells, ..Row::default() }
}

fn manager(found: &Found) -> Markup {
    let Some(manager) = &found.manager else { return html! { span .quiet { "—" } } };
    match &manager.id {
        Some(id) => html! { a .clip href={ "/app/users/" (id) } { (manager.display.as_deref().unwrap_or(id)) } },
        None => html! { span .clip title="nobody matches yet" { (visible(&manager.raw)) } },
    }
}

fn custom(found: &Found, named: &Named) -> Markup {
    let value = found.document.get(&named.namespace).and_then(|part| part.get(&named.attribute.name));
    html! {
        @match value {
            None | Some(Value::Null) => span .quiet { "—" },
            Some(Value::String(text)) => span .clip { (visible(text)) },
            Some(other) => span .clip { (other.to_string()) },
        }
    }
}

/// A disc with the first letters of a name; one of six tints, always the same for the same name.
pub(super) fn avatar(name: &str) -> Markup {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = words.filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect();
    let tint = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 6;
    html! { span class={ "avatar tint-" (tint) } aria-hidden="true" { (letters) } }
}

fn nobody(cx: &Desk, asked: &Asked) -> Markup {
    if asked.is_filtered() || !asked.after.is_empty() {
        let text = html! { "A search looks for the beginnings of logins, names, e-mail addresses and external ids." };
        return empty(Icon::Search, "Nobody fits", text, Some(link("/app/users", "Show everybody", false)));
    }
    let text = html! { "Assign somebody to the application in your identity provider, and they appear here." };
    let action = html! { (link("/app/setup", "Set provisioning up", true)) @if cx.may_change() { (link("/app/users/new", "New local user", false)) } };
    empty(Icon::Users, "No people yet", text, Some(action))
}

/// Fields of a form that may come several times.
fn pairs(body: &[u8]) -> Vec<(String, String)> {
    query::pairs(&String::from_utf8_lossy(body)).collect()
}

/// `POST /app/users/bulk`: asks first, says how many, and begins a job once it is confirmed.
pub(super) async fn bulk(cx: Desk, body: Bytes) -> Shown {
    let fields = pairs(&body);
    let get =
        |name: &str| fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    let asked = Asked {
        text: get("q").into(),
        filter: get("filter").into(),
        active: get("active").into(),
        source: get("source").into(),
        ..Asked::default()
    };
    let Some(what) = Bulk::parse(get("do")) else {
        return cx.done("/app/users", Flash::bad("Nothing was done: choose what to do"));
    };
    let everybody = !get("everybody").is_empty();
    let ids: Vec<String> = fields.iter().filter(|(name, _)| name == "id").map(|(_, value)| value.clone()).collect();
    if ids.is_empty() && !everybody {
        return cx.done(&asked.address("/app/users", ""), Flash::bad("Nobody is selected: tick the people first"));
    }
    let chosen = if everybody { Chosen::Filter(asked.to_filter()?) } else { Chosen::Ids(ids.clone()) };
    if get("confirm") == what.as_str() {
        let id = jobs::begin(&cx.app, &cx.actor(), &cx.tenant.tenant.name, what, chosen).await?;
        return cx.done(&format!("/app/jobs/{id}"), Flash::good("The job has begun"));
    }
    let number = jobs::number(&cx.app, &cx.tenant, &chosen).await?;
    let mistyped = !get("confirm").is_empty();
    let body = confirmation(&cx, &asked, (what, number), &ids, everybody, mistyped);
    let about = Page::new(what.title(), Nav::Users).under("Users", "/app/users");
    Ok(page(&cx, about, body))
}

fn confirmation(
    cx: &Desk,
    asked: &Asked,
    (what, number): (Bulk, u64),
    ids: &[String],
    everybody: bool,
    mistyped: bool,
) -> Markup {
    let word = what.as_str();
    let result = match what {
        Bulk::Activate => "They may come in again.",
        Bulk::Deactivate => {
            "The door closes at once; profile and groups stay. The identity provider does not hear of it and may activate them again."
        }
        Bulk::Delete => {
            "They are removed for good, with profile and memberships. The identity provider does not hear of it and may create them again."
        }
    };
    html! {
        (note(if what == Bulk::Delete { Tone::Bad } else { Tone::Warn }, &format!("This concerns {} {}", count(number), if number == 1 { "user" } else { "users" }), html! { p { (result) } }))
        (card("Are you sure?", form(cx, "/app/users/bulk", html! {
            @for (name, value) in [("q", &asked.text), ("filter", &asked.filter), ("active", &asked.active), ("source", &asked.source)] {
                input type="hidden" name=(name) value=(value);
            }
            @for id in ids { input type="hidden" name="id" value=(id); }
            @if everybody { input type="hidden" name="everybody" value="1"; }
            input type="hidden" name="do" value=(word);
            (field(&Field { name: "confirm", label: &format!("Type “{word}” to confirm"), required: true, mono: true, autocomplete: "off",
                error: mistyped.then_some("That is not the word"), ..Field::default() }))
            div .actions { button .danger type="submit" { (what.title()) } (link(&asked.address("/app/users", ""), "Back", false)) }
        })))
    }
}

/// A local user as the form asks for one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct New {
    user_name: String,
    #[serde(default)]
    given: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    email: String,
}

/// `GET /app/users/new`.
pub(super) async fn form_new(cx: Desk) -> Shown {
    let body = new_form(&cx, &New::default(), None);
    Ok(page(&cx, new_page(), body))
}

fn new_page() -> Page {
    Page::new("New local user", Nav::Users)
        .under("Users", "/app/users")
        .purpose("For somebody who is not in the identity provider. One who arrives later with the same login finds this account.")
}

fn new_form(cx: &Desk, new: &New, wrong: Option<&str>) -> Markup {
    let of = |word: &str| wrong.filter(|said| said.contains(word));
    let other = wrong.filter(|_| of("userName").is_none() && of("emails").is_none());
    card(
        "Who is it?",
        form(
            cx,
            "/app/users",
            html! {
                @if let Some(said) = other { (note(Tone::Bad, "Not created", html! { p { (said) } })) }
                (field(&Field { name: "user_name", label: "Login (userName)", value: &new.user_name, required: true, error: of("userName"), max: Some(255), autofocus: true, autocomplete: "off", ..Field::default() }))
                div .columns {
                    (field(&Field { name: "given", label: "Given name", value: &new.given, max: Some(255), autocomplete: "off", ..Field::default() }))
                    (field(&Field { name: "family", label: "Family name", value: &new.family, max: Some(255), autocomplete: "off", ..Field::default() }))
                }
                (field(&Field { name: "email", label: "E-mail at work", kind: "email", value: &new.email, error: of("emails"), max: Some(255), autocomplete: "off", ..Field::default() }))
                div .actions { button .main type="submit" { "Create user" } (link("/app/users", "Back", false)) }
            },
        ),
    )
}

/// `POST /app/users`.
pub(super) async fn create(cx: Desk, crate::console::Form(new): crate::console::Form<New>) -> Shown {
    let mut person = Map::new();
    person.insert("schemas".into(), json!([scim::schema::USER]));
    person.insert("userName".into(), new.user_name.trim().into());
    let mut name = Map::new();
    for (part, value) in [("givenName", &new.given), ("familyName", &new.family)] {
        if !value.trim().is_empty() {
            name.insert(part.into(), value.trim().into());
        }
    }
    if !name.is_empty() {
        person.insert("name".into(), Value::Object(name));
    }
    if !new.email.trim().is_empty() {
        person.insert("emails".into(), json!([{"value": new.email.trim(), "type": "work", "primary": true}]));
    }
    person.insert("active".into(), true.into());
    let change = (Method::POST, "/Users".to_owned(), Value::Object(person));
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    if let Some(said) = directory::refusal(&acted.answer) {
        return Ok(super::unprocessable(page(&cx, new_page(), new_form(&cx, &new, Some(&said)))));
    }
    let made: Value = serde_json::from_slice(&acted.answer.body).unwrap_or_default();
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
    cx.done(&format!("/app/users/{id}"), Flash::good("User created"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_becomes_a_filter_whatever_is_typed() {
        let asked = Asked::parse("q=O%27Neil+%22%3Cscript%3E&active=no");
        let filter = asked.to_filter().unwrap().unwrap().to_string();
        assert!(filter.contains("userName sw \"O'Neil \\\"<script>\""), "{filter}");
        assert!(filter.contains("active eq false"));
        assert!(Asked::parse("filter=userName+eq").to_filter().is_err());
        assert!(Asked::parse("").to_filter().unwrap().is_none());
    }
}
