//! B10, *Assign to People* and *Assign to Groups*: choose, look at the values, *Save and Go Back*, *Done*.

use super::{at, find, mapped, tenant};
use crate::admin::apps::assign::{self, NewAssignment};
use crate::admin::apps::preview::{self, Preview};
use crate::admin::directory::{self, Found, Listing, Sorting};
use crate::console::parts::{Column, Field, Row, Table, Tone, badge, card, empty, field, form, link, note, table};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, page};
use crate::outbound::integration::Integration;
use crate::query;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use maud::{Markup, html};
use provision::plan::Desired;
use provision::profile::{Attribute, Scope};
use scim::Filter;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use store::{AssignmentRow, Principal};

fn principal(word: &str) -> Principal {
    if word == "groups" { Principal::Group } else { Principal::User }
}

fn word(principal: Principal) -> &'static str {
    if principal == Principal::Group { "groups" } else { "people" }
}

fn title(principal: Principal) -> &'static str {
    if principal == Principal::Group { "Assign to Groups" } else { "Assign to People" }
}

/// The assignments of the app.
fn list_at(integration: &Integration, principal: Principal) -> String {
    at(integration, if principal == Principal::Group { "/assignments?of=groups" } else { "/assignments" })
}

fn framed(cx: &Desk, integration: &Integration, principal: Principal, body: Markup) -> Response<Body> {
    let about = Page::new(title(principal), Nav::Apps)
        .under("Applications", "/app/apps")
        .under(integration.app.label.clone(), at(integration, ""))
        .under("Assignments", list_at(integration, principal))
        .help("provision-an-application");
    page(cx, about, body)
}

/// People, or groups, whose name or login begins so.
async fn found(cx: &Desk, principal: Principal, text: &str) -> Result<Vec<Found>, Fault> {
    let quoted = Value::from(text).to_string();
    let (kind, filter) = match principal {
        Principal::User => (
            "User",
            format!(
                "userName sw {quoted} or displayName sw {quoted} or name.givenName sw {quoted} or name.familyName sw {quoted}"
            ),
        ),
        Principal::Group => ("Group", format!("displayName sw {quoted}")),
    };
    let filter = if text.is_empty() { None } else { Some(Filter::parse(&filter)?) };
    let listing = Listing { filter, order: Sorting::parse("name"), after: None, count: SHOWN, ..Listing::default() };
    Ok(directory::list(&cx.app, &cx.tenant, &cx.endpoint, kind, listing).await?.found)
}

/// People of one search.
const SHOWN: u64 = 50;
const COLUMNS: [Column; 2] = [Column::new("Name"), Column::new("")];

/// `GET /app/apps/{name}/assign?to=people|groups&q=…`.
pub(super) async fn choose(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let principal = principal(&cx.asked("to").unwrap_or_default());
    let text = cx.asked("q").unwrap_or_default();
    let found = found(&cx, principal, &text).await?;
    let ids = found.iter().map(|one| one.id.clone()).collect();
    let held = assign::held(&cx.app, &integration, principal, ids).await?;
    let rows = found.iter().map(|one| {
        let (id, name) = (&one.id, one.name());
        let login = one.text("userName");
        let is_held = held.iter().any(|assignment| assignment.resource == *id && !assignment.only_values);
        let one = query::address(&at(&integration, "/assign/one"), &[("to", word(principal)), ("resource", id)]);
        let act = html! {
            @if is_held { (badge(Tone::Good, "Assigned")) }
            @else { a .button.small href=(one) aria-label={ "Assign " (name) " " (login) } { "Assign" } }
        };
        let who = html! { (name) @if !login.is_empty() && login != name { p .hint { (login) } } };
        Row { cells: vec![who, act], ..Row::default() }
    });
    let action = at(&integration, "/assign");
    let body = html! {
        form .facets method="get" action=(action) role="search" aria-label="Search" {
            input type="hidden" name="to" value=(word(principal));
            label .facet.search-field { span .unseen { "Search" } (Icon::Search.svg())
                input type="search" name="q" value=(text) placeholder="Search"; }
            button type="submit" { "Search" }
        }
        @if found.is_empty() { (empty(Icon::Search, "Nobody fits", html! { "Try a part of the name." }, None)) }
        @else { (table(&Table { caption: title(principal), columns: &COLUMNS, rows: rows.collect(), body_id: None })) }
        @if found.len() as u64 >= SHOWN { p .hint { "These are the first 50; search for others." } }
        div .actions { (link(&list_at(&integration, principal), "Done", true)) }
    };
    Ok(framed(&cx, &integration, principal, body))
}

/// The attributes that an assignment can give.
fn given(integration: &Integration, principal: Principal) -> impl Iterator<Item = &Attribute> {
    let fits = move |attribute: &&Attribute| principal == Principal::User || attribute.scope != Scope::UserPersonal;
    integration.app.profile.attributes.iter().filter(fits)
}

/// Whom an assignment is about, and whether it gives values and nothing else.
struct Whom {
    principal: Principal,
    resource: String,
    only_values: bool,
}

/// `GET /app/apps/{name}/assign/one?to=…&resource=…&values=…`.
pub(super) async fn one(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let principal = principal(&cx.asked("to").unwrap_or_default());
    let resource = cx.asked("resource").unwrap_or_default();
    let whom = Whom { only_values: principal == Principal::User && cx.asked("values").is_some(), principal, resource };
    let known = assign::held(&cx.app, &integration, principal, vec![whom.resource.clone()]).await?;
    let body = editor(&cx, &integration, &whom, known.first(), None).await?;
    Ok(framed(&cx, &integration, principal, body))
}

/// What each value of somebody is now, and where it comes from.
fn now(preview: &Preview, variable: &str) -> Option<String> {
    let Desired::Present(resource) = preview.if_assigned.as_ref().unwrap_or(&preview.explained.desired) else {
        return None;
    };
    let valued = resource.values.iter().find(|valued| valued.variable == variable)?;
    let value: String = preview::line(valued.value.as_ref()).chars().take(NOW_CHARS_MAX).collect();
    let value = if valued.sensitive { "hidden" } else { &value };
    Some(format!("Now {value}, from {}", mapped::source(&valued.origin, &preview.explained.standing)))
}

/// Characters of a value that are shown beside its field.
const NOW_CHARS_MAX: usize = 100;

/// What was typed, by field, and why it was not taken.
struct Refused<'f> {
    fields: &'f BTreeMap<String, String>,
    why: String,
}

async fn editor(
    cx: &Desk,
    integration: &Integration,
    whom: &Whom,
    known: Option<&AssignmentRow>,
    refused: Option<Refused<'_>>,
) -> Result<Markup, Fault> {
    let (principal, resource) = (whom.principal, whom.resource.as_str());
    let state = std::sync::Arc::clone(&cx.tenant);
    let mapped = match principal {
        Principal::User => preview::of(&cx.app, state, integration.clone(), resource).await.ok(),
        Principal::Group => None,
    };
    let user = mapped.as_ref().map(|preview| &preview.facts.user.profile);
    let name = user.and_then(|profile| profile.get("userName")).and_then(Value::as_str);
    let found = match principal {
        Principal::Group => directory::find(&cx.app, &cx.tenant, &cx.endpoint, "Group", resource).await.ok(),
        Principal::User => None,
    };
    let found = found.map(|group| group.name());
    let name = name.or(found.as_deref()).or(known.and_then(|known| known.display.as_deref())).unwrap_or(resource);
    let typed = |name: &str| refused.as_ref().and_then(|refused| refused.fields.get(name).cloned());
    let value = |variable: &str| {
        let known = || preview::line(known.and_then(|known| known.profile.get(variable)));
        typed(&format!("value.{variable}")).unwrap_or_else(known)
    };
    let priority = typed("priority").unwrap_or_else(|| known.map_or(0, |known| known.priority).to_string());
    let attribute = |attribute: &Attribute| {
        let variable = attribute.variable_name.as_str();
        let label = if attribute.display_name.is_empty() { variable } else { &attribute.display_name };
        let hint = mapped.as_ref().and_then(|preview| now(preview, variable)).unwrap_or_default();
        field(&Field {
            name: &format!("value.{variable}"),
            label,
            value: &value(variable),
            hint: &hint,
            autocomplete: "off",
            ..Field::default()
        })
    };
    let body = html! {
        @if let Some(refused) = &refused { (note(Tone::Bad, "Not assigned", html! { p { (refused.why) } })) }
        input type="hidden" name="to" value=(word(principal));
        input type="hidden" name="resource" value=(resource);
        @if whom.only_values {
            input type="hidden" name="only_values" value="1";
            p { "They have the app through a group, and keep it for as long as they are in one. What stands here is their own, and goes before what groups and mappings give." }
        }
        @if principal == Principal::Group {
            (field(&Field { name: "priority", label: "Priority", kind: "number", value: &priority, required: true,
                hint: "Of several groups that give a value, the lowest number wins.", ..Field::default() }))
        }
        details .folded open[whom.only_values || refused.is_some()] {
            summary { @if whom.only_values { "Values of their own" } @else { "Values of this assignment" } }
            div .stack {
                p .hint { "They go before the mappings. Empty is what the mappings say." }
                @for one in given(integration, principal) { (attribute(one)) }
            }
        }
        div .actions { button .main type="submit" { "Save and Go Back" } a .button href=(behind(integration, whom)) { "Cancel" } }
    };
    let title =
        if whom.only_values || known.is_some() { format!("Attributes of {name}") } else { format!("Assign {name}") };
    Ok(card(&title, form(cx, &at(integration, "/assign"), body)))
}

/// Where somebody goes on: with the next one to assign, or with the list that they came from.
fn behind(integration: &Integration, whom: &Whom) -> String {
    match whom.only_values {
        true => list_at(integration, whom.principal),
        false => at(integration, &format!("/assign?to={}", word(whom.principal))),
    }
}

/// A text as a value of the attribute; it is checked when somebody is pushed.
pub(super) fn typed(attribute: &Attribute, text: &str) -> Value {
    if attribute.data_type.is_list() {
        return text.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect();
    }
    attribute.fit(text.into()).unwrap_or_else(|_| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

/// `POST /app/apps/{name}/assign`.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Shown {
    let integration = find(&cx, &name).await?;
    let fields: BTreeMap<String, String> = pairs.into_iter().collect();
    let get = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let principal = principal(get("to"));
    let mut profile = Map::new();
    for attribute in given(&integration, principal) {
        let text = get(&format!("value.{}", attribute.variable_name));
        if !text.is_empty() {
            profile.insert(attribute.variable_name.clone(), typed(attribute, text));
        }
    }
    let only_values = !get("only_values").is_empty();
    let whom = Whom { principal, resource: get("resource").to_owned(), only_values };
    let resource = whom.resource.clone();
    if only_values && profile.is_empty() {
        return no_values(&cx, &integration, &whom).await;
    }
    let priority = match get("priority") {
        "" => Some(0),
        text => text.parse().ok(),
    };
    let made = match priority {
        Some(priority) => {
            let wanted = NewAssignment { principal, resource, priority, profile, only_values };
            assign::assign(&cx.app, &cx.actor(), tenant(&cx), &name, wanted).await
        }
        None => Err(scim::Error::invalid_value("the priority is a whole number, 0 or more").into()),
    };
    match made {
        Ok(made) => {
            let kind = if principal == Principal::User { "User" } else { "Group" };
            let who = directory::find(&cx.app, &cx.tenant, &cx.endpoint, kind, &made.resource).await?.name();
            let said = if only_values { format!("{who} has values of their own") } else { format!("{who} assigned") };
            cx.done(&behind(&integration, &whom), Flash::good(said))
        }
        Err(error) => {
            let refused = Refused { fields: &fields, why: Fault::from(error).refused()? };
            let known = assign::held(&cx.app, &integration, principal, vec![whom.resource.clone()]).await?;
            let body = editor(&cx, &integration, &whom, known.first(), Some(refused)).await?;
            Ok(super::super::unprocessable(framed(&cx, &integration, principal, body)))
        }
    }
}

/// Nobody has values of their own who has none: what is there is taken away.
async fn no_values(cx: &Desk, integration: &Integration, whom: &Whom) -> Shown {
    let held = assign::held(&cx.app, integration, whom.principal, vec![whom.resource.clone()]).await?;
    if held.iter().any(|one| one.only_values) {
        let name = integration.row.name.as_str();
        assign::unassign(&cx.app, &cx.actor(), tenant(cx), name, whom.principal, &whom.resource).await?;
    }
    cx.done(&behind(integration, whom), Flash::good("Nothing is theirs alone any more"))
}
