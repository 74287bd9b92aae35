//! A8, groups.

use crate::admin::directory::{self, By, Found, Listing, Sorting};
use crate::console::parts::{
    Column, Facet, Field, Order, Row, Table, Tone, Turn, badge, card, count, empty, facets, field, form, link, note,
    pager, table, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, page};
use crate::query;
use axum::http::Method;
use maud::{Markup, html};
use scim::Filter;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const ROWS: u64 = 50;

fn to_filter(text: &str, source: &str) -> scim::Result<Option<Filter>> {
    let quoted = Value::from(text).to_string();
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(format!("(displayName sw {quoted} or externalId eq {quoted})"));
    }
    match source {
        "managed" => parts.push("externalId pr".into()),
        "local" => parts.push("not (externalId pr)".into()),
        _ => {}
    }
    if parts.is_empty() { Ok(None) } else { Filter::parse(&parts.join(" and ")).map(Some) }
}

/// `GET /app/groups`.
pub(super) async fn list(cx: Desk) -> Shown {
    let get = |name: &str| cx.asked(name).unwrap_or_default();
    let (text, source, order, after) = (get("q"), get("source"), get("order"), get("after"));
    let listing = Listing {
        filter: to_filter(&text, &source)?,
        order: Sorting::parse(&order),
        after: Some(after.clone()).filter(|after| !after.is_empty()),
        count: ROWS,
        want_groups: false,
        only: store::Only::default(),
    };
    let listed = directory::list(&cx.app, &cx.tenant, &cx.endpoint, "Group", listing).await?;
    let address = |after: &str| {
        query::address("/app/groups", &[("q", &text), ("source", &source), ("order", &order), ("after", after)])
    };
    let choices = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let now = Sorting::parse(&order);
    let turn = |by: By| {
        let to = now.next(by).as_str();
        let href = query::address("/app/groups", &[("q", &text), ("source", &source), ("order", to)]);
        Turn { href, ascending: now.ascending(by) }
    };
    let (by_name, by_change) = (turn(By::Name), turn(By::Changed));
    let columns = [
        Column { order: Some(Order::of(&by_name)), ..Column::new("Name") },
        Column::new("Members").number(),
        Column::new("Source").minor(),
        Column { order: Some(Order::of(&by_change)), ..Column::new("Changed").minor() },
    ];
    let is_filtered = !(text.is_empty() && source.is_empty() && after.is_empty());
    let here = query::address("", &[("q", &text), ("source", &source), ("order", &order)]);
    let views = super::views::bar(&cx, "groups", &here).await?;
    let body = html! {
        (views)
        (facets("/app/groups", Some(("q", &text)), &[
            Facet { name: "order", label: "Order", value: &order, choices: choices(&Sorting::WORDS) },
        ]))
        @if listed.found.is_empty() { (none(&cx, is_filtered, listed.next.as_deref().filter(|_| listed.stopped_after.is_some()).map(address))) }
        @else {
            (table(&Table { caption: "Groups", columns: &columns, rows: listed.found.iter().map(|found| row(found, cx.now)).collect(), body_id: None }))
            (pager((!after.is_empty()).then(|| address("")).as_deref(), listed.next.as_deref().map(address).as_deref(), listed.found.len(), listed.total, listed.stopped_after))
        }
    };
    let action = html! { @if cx.may_change() { a .button href="/app/groups/new" { (Icon::Plus.svg()) "New group" } } };
    let about =
        Page::new("Groups", Nav::Groups).purpose("Groups that were pushed, and those made here.").action(action);
    Ok(page(&cx, about, body))
}

fn row(found: &Found, now: i64) -> Row {
    Row {
        cells: vec![
            html! { a href={ "/app/groups/" (found.id) } { (found.text("displayName")) } },
            html! { (count(found.member_count)) },
            origin(found),
            when(found.modified_at, now),
        ],
        ..Row::default()
    }
}

/// Okta sends no externalId with a group, so its absence says nothing.
pub(super) fn origin(found: &Found) -> Markup {
    let external = found.text("externalId");
    html! { @if external.is_empty() { span .quiet { "no external id" } } @else { (badge(Tone::Info, "Identity provider")) } }
}

fn none(cx: &Desk, is_filtered: bool, further: Option<String>) -> Markup {
    if let Some(further) = further {
        let text = html! { "The list goes on: what fits may stand behind those that were looked at." };
        return empty(Icon::Search, "No group fits so far", text, Some(link(&further, "Look further", true)));
    }
    if is_filtered {
        let text = html! { "A search looks for the beginnings of names." };
        return empty(Icon::Search, "No group fits", text, Some(link("/app/groups", "Show all groups", false)));
    }
    let text = html! { "Push a group from your identity provider. In Okta: the application, tab " strong { "Push Groups" } ", Push Groups, Find groups by name." };
    let action = html! { (link("/docs/connect-okta", "How to push a group", true)) @if cx.may_change() { (link("/app/groups/new", "New group", false)) } };
    empty(Icon::Groups, "No groups yet", text, Some(action))
}

/// A group as the form asks for one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct New {
    name: String,
}

fn new_page() -> Page {
    Page::new("New group", Nav::Groups)
        .under("Groups", "/app/groups")
        .purpose("A name may be used once: identity providers find groups by it.")
}

fn new_form(cx: &Desk, new: &New, wrong: Option<&str>) -> Markup {
    card(
        "Its name",
        form(
            cx,
            "/app/groups",
            html! {
                @if let Some(said) = wrong.filter(|said| !said.contains("displayName")) { (note(Tone::Bad, "Not created", html! { p { (said) } })) }
                (field(&Field { name: "name", label: "Name", value: &new.name, required: true, max: Some(255), autofocus: true, autocomplete: "off",
                    error: wrong.filter(|said| said.contains("displayName")), ..Field::default() }))
                div .actions { button .main type="submit" { "Create group" } (link("/app/groups", "Back", false)) }
            },
        ),
    )
}

/// `GET /app/groups/new`.
pub(super) async fn form_new(cx: Desk) -> Shown {
    let body = new_form(&cx, &New::default(), None);
    Ok(page(&cx, new_page(), body))
}

/// `POST /app/groups`.
pub(super) async fn create(cx: Desk, Form(new): Form<New>) -> Shown {
    let body = json!({"schemas": [scim::schema::GROUP], "displayName": new.name.trim()});
    let change = (Method::POST, "/Groups".to_owned(), body);
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    if let Some(said) = directory::refusal(&acted.answer) {
        return Ok(super::unprocessable(page(&cx, new_page(), new_form(&cx, &new, Some(&said)))));
    }
    let made: Value = serde_json::from_slice(&acted.answer.body).unwrap_or_default();
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
    cx.done(&format!("/app/groups/{id}"), Flash::good("Group created"))
}
