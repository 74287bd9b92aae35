//! A9, one group: members by keyset, so that a hundred thousand open as fast as ten; the raw resource; history.

pub(super) mod absent;
pub(super) mod roles;

use super::groups::origin;
use super::user::timeline;
use super::users::activity;
use crate::admin::directory::{self, Found};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, card_with, confirm, count, empty, field, form, json, pager, table,
    tabs, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, page};
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Method, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;

const ROWS: u32 = 50;
/// Members of the group that the raw page shows.
const RAW_MEMBERS: u32 = 100;

const COLUMNS: [Column; 4] =
    [Column::new("Member"), Column::new("Kind").minor(), Column::new("State"), Column::new("")];

async fn find(cx: &Desk, id: &str) -> Result<Found, crate::error::Error> {
    directory::find(&cx.app, &cx.tenant, &cx.endpoint, "Group", id).await
}

fn framed(cx: &Desk, found: &Found, current: &str, body: Markup) -> Response<Body> {
    let base = format!("/app/groups/{}", found.id);
    let all = [
        ("Members", "", base.clone()),
        ("Roles", "roles", format!("{base}/roles")),
        ("Raw SCIM", "raw", format!("{base}/raw")),
        ("History", "history", format!("{base}/history")),
    ];
    let all: Vec<(&str, String, bool)> =
        all.into_iter().map(|(word, key, href)| (word, href, key == current)).collect();
    let purpose = html! {
        (count(found.member_count)) @if found.member_count == 1 { " member" } @else { " members" }
        " · changed " (when(found.modified_at, cx.now)) " · " (origin(found))
    };
    let about = Page::new(found.text("displayName"), Nav::Groups).under("Groups", "/app/groups").purpose(purpose);
    page(cx, about, html! { (tabs("About this group", &all)) (body) })
}

/// `GET /app/groups/{id}`.
pub(super) async fn members(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let after = cx.asked("after").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut members = directory::members_told(&cx.app, &cx.tenant, found.rid, after, ROWS + 1).await?;
    let more = members.len() > ROWS as usize;
    members.truncate(ROWS as usize);
    let here = format!("/app/groups/{}", found.id);
    let next = members.last().filter(|_| more).map(|last| format!("{here}?after={}", last.rid));
    let first = (after > 0).then_some(here.as_str());
    let may = cx.may_change();
    let rows = members
        .iter()
        .map(|member| {
            let name = &member.name;
            let place = if member.is_group { "groups" } else { "users" };
            let mut cells = vec![
                html! { a href={ "/app/" (place) "/" (member.id) } { (name) } },
                html! { @if member.is_group { (badge(Tone::Info, "Group")) } @else { "User" } },
                html! { @if let Some(status) = member.status { (activity(status)) } },
            ];
            if may {
                cells.push(form(
                    &cx,
                    &format!("{here}/members"),
                    html! {
                        input type="hidden" name="remove" value=(member.id);
                        button .small.quiet type="submit" aria-label={ "Remove " (name) } { "Remove" }
                    },
                ));
            }
            Row { cells, ..Row::default() }
        })
        .collect();
    let columns = if may { COLUMNS.as_slice() } else { COLUMNS.get(..3).unwrap_or_default() };
    let absent = absent::list(&cx, &found).await?;
    let body = html! {
        (absent)
        @if members.is_empty() {
            (empty(Icon::Users, "Nobody is in this group", html! { "Members who are not provisioned yet are left out of a push: assign them to the application first." }, None))
        } @else {
            (table(&Table { caption: "Members", columns, rows, body_id: None }))
            (pager(first, next.as_deref(), members.len(), Some(found.member_count), None))
        }
        @if may { (changes(&cx, &found, &here)) }
    };
    Ok(framed(&cx, &found, "", body))
}

fn changes(cx: &Desk, found: &Found, here: &str) -> Markup {
    let name = found.text("displayName");
    html! {
        (card("Change", html! {
            (form(cx, &format!("{here}/members"), html! {
                (field(&Field { name: "add", label: "Add somebody by login", required: true, autocomplete: "off",
                    hint: "A pushed group is replaced by the next push: change it in the identity provider if it comes from there.", ..Field::default() }))
                div .actions { button type="submit" { "Add member" } }
            }))
            (form(cx, &format!("{here}/name"), html! {
                (field(&Field { name: "name", label: "Name", value: name, required: true, max: Some(255), autocomplete: "off", ..Field::default() }))
                div .actions { button type="submit" { "Rename" } }
            }))
        }))
        (card("Delete", confirm(cx, &format!("{here}/delete"), "Delete group", html! { p { "Its members stay; only the group goes." } }, Some(name), html! {})))
    }
}

async fn patch(cx: &Desk, id: &str, operation: Value, good: String) -> Shown {
    let body = object!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
    let change = (Method::PATCH, format!("/Groups/{id}"), body);
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    let here = format!("/app/groups/{id}");
    match directory::refusal(&acted.answer) {
        Some(said) => cx.done(&here, Flash::bad(said)),
        None => cx.done(&here, Flash::good(good)),
    }
}

/// Who comes or goes.
#[derive(Deserialize)]
pub(super) struct Moved {
    #[serde(default)]
    add: String,
    #[serde(default)]
    remove: String,
}

/// `POST /app/groups/{id}/members`.
pub(super) async fn moved(cx: Desk, Path(id): Path<String>, Form(moved): Form<Moved>) -> Shown {
    if !moved.remove.is_empty() {
        let operation = object!({"op": "remove", "path": "members", "value": [{"value": moved.remove}]});
        return patch(&cx, &id, operation, "Member removed".into()).await;
    }
    let login = moved.add.trim();
    match directory::find_by(&cx.app, &cx.tenant, "User", "userName", login).await? {
        None => cx.done(&format!("/app/groups/{id}"), Flash::bad(format!("Nobody here has the login {login}"))),
        Some(user) => {
            let operation = object!({"op": "add", "path": "members", "value": [{"value": user}]});
            patch(&cx, &id, operation, format!("{login} added")).await
        }
    }
}

/// Another name.
#[derive(Deserialize)]
pub(super) struct Renamed {
    name: String,
}

/// `POST /app/groups/{id}/name`.
pub(super) async fn rename(cx: Desk, Path(id): Path<String>, Form(renamed): Form<Renamed>) -> Shown {
    let operation = object!({"op": "replace", "path": "displayName", "value": renamed.name.trim()});
    patch(&cx, &id, operation, "Group renamed".into()).await
}

/// The words that confirm.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    confirm: String,
}

/// `POST /app/groups/{id}/delete`.
pub(super) async fn delete(cx: Desk, Path(id): Path<String>, Form(confirmed): Form<Confirmed>) -> Shown {
    let name = find(&cx, &id).await?.text("displayName").to_owned();
    if confirmed.confirm.trim() != name.trim() {
        return cx
            .done(&format!("/app/groups/{id}"), Flash::bad("Not deleted: what was typed is not the group's name"));
    }
    let change = (Method::DELETE, format!("/Groups/{id}"), Value::Null);
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    match directory::refusal(&acted.answer) {
        Some(said) => cx.done(&format!("/app/groups/{id}"), Flash::bad(said)),
        None => cx.done("/app/groups", Flash::good(format!("{name} deleted"))),
    }
}

/// `GET /app/groups/{id}/raw`.
pub(super) async fn raw(cx: Desk, Path(id): Path<String>) -> Shown {
    let mut found = find(&cx, &id).await?;
    let members = directory::members(&cx.app, &cx.tenant, found.rid, 0, RAW_MEMBERS).await?;
    let shown: Vec<Value> = members.iter().map(|(_, member)| member.to_json(&cx.endpoint)).collect();
    found.document.insert("members".into(), shown.into());
    let text = Value::Object(found.document.clone()).to_string();
    let cut = found.member_count > u64::from(RAW_MEMBERS);
    let body = card_with(
        "As the API answers",
        html! { @if cut { (badge(Tone::Info, "first 100 members")) } },
        html! {
            p .quiet { "GET " code .wrap { (cx.endpoint) "/Groups/" (found.id) } }
            (json("Resource", &text))
        },
    );
    Ok(framed(&cx, &found, "raw", body))
}

/// `GET /app/groups/{id}/history`.
pub(super) async fn history(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let before = cx.asked("before").and_then(|text| text.parse().ok());
    let (entries, changes) = directory::history(&cx.app, &cx.tenant, &found.id, before, ROWS).await?;
    let body = timeline(&cx, &format!("/app/groups/{}/history", found.id), &entries, &changes);
    Ok(framed(&cx, &found, "history", body))
}
