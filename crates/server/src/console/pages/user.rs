//! A7, one user: the profile with who owns each field, the raw resource, groups, how they sign in, history.

pub(super) mod kind;
pub(super) mod sign_in;

use super::log_entry::difference;
use super::users::{activity, avatar, source};
use crate::admin::directory::{self, Found, Status};
use crate::admin::roles;
use crate::console::parts::{
    self, Tone, badge, card, card_with, confirm, copy_button, empty, form, json, link, note, status, tabs, time,
    visible, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, page};
use axum::body::Body;
use axum::extract::Path;
use axum::http::Method;
use axum::http::Response;
use maud::{Markup, html};
use scim::{Mutability, Returned};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Change, LogEntry};

const ENTRIES: u32 = 50;

pub(super) async fn find(cx: &Desk, id: &str) -> Result<Found, crate::error::Error> {
    directory::find(&cx.app, &cx.tenant, &cx.endpoint, "User", id).await
}

pub(super) fn framed(cx: &Desk, found: &Found, current: &str, body: Markup) -> Response<Body> {
    let base = format!("/app/users/{}", found.id);
    let name = found.name();
    let all = [
        ("Profile", "", base.clone()),
        ("Raw SCIM", "raw", format!("{base}/raw")),
        ("Groups", "groups", format!("{base}/groups")),
        ("Sign-in", "sign-in", format!("{base}/sign-in")),
        ("Applications", "apps", format!("{base}/apps")),
        ("History", "history", format!("{base}/history")),
    ];
    let all: Vec<(&str, String, bool)> =
        all.into_iter().map(|(word, key, href)| (word, href, key == current)).collect();
    let whole = html! {
        (tabs("About this user", &all))
        (body)
    };
    let purpose = html! { (avatar(&name)) span { (found.text("userName")) } " " (activity(found.status())) " " (source(found))
    @if let Some(at) = found.heard_at { " " span .quiet { "last synced " (when(at, cx.now)) } } };
    let about = Page::new(name, Nav::Users)
        .under("Users", "/app/users")
        .purpose(purpose)
        .action(actions(cx, found))
        .help("provisioning-log");
    page(cx, about, whole)
}

fn actions(cx: &Desk, found: &Found) -> Markup {
    let (word, to) = if found.is_active() { ("Deactivate", "false") } else { ("Activate", "true") };
    html! {
        @if cx.may_change() {
            (link(&format!("/app/users/{}/edit", found.id), "Edit", false))
            @if found.is_active() {
                (confirm(cx, &format!("/app/users/{}/active", found.id), word, html! {
                    p { "The door closes at once; profile and groups stay." }
                    @if found.is_managed() { p { "The identity provider does not hear of it: it may activate them again with its next push." } }
                }, None, html! { input type="hidden" name="active" value=(to); }))
            } @else {
                (form(cx, &format!("/app/users/{}/active", found.id), html! {
                    input type="hidden" name="active" value=(to); button type="submit" { (word) }
                }))
            }
        }
    }
}

/// `GET /app/users/{id}`.
pub(super) async fn profile(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let (entries, _) = directory::history(&cx.app, &cx.tenant, &found.id, None, ENTRIES).await?;
    let changed = last_changes(&entries);
    let archived = super::fields::archived::of_person(&cx, &found.id).await?;
    let unlinked = kind::unlinked(&cx, &found).await?;
    let body = html! {
        (held_back(&cx, &found))
        (unlinked)
        (fields(&cx, &found, &changed))
        (archived)
        @if cx.may_change() { (kind::change(&cx, &found, &changed)) (deletion(&cx, &found)) }
    };
    Ok(framed(&cx, &found, "", body))
}

/// Says so where somebody is not yet, or for a while not, at work; `active` does not tell.
fn held_back(cx: &Desk, found: &Found) -> Markup {
    let (title, what) = match found.status() {
        Status::Staged => {
            ("Staged", "They have not started: no app gives them an account yet, and they cannot sign in.")
        }
        Status::Suspended => (
            "Suspended",
            "They are held back for a while: they cannot sign in, and apps do as each one's settings say.",
        ),
        Status::Active | Status::Deactivated => return html! {},
    };
    let change = html! { @if cx.may_change() { p { a href={ "/app/users/" (found.id) "/edit" } { "Change it" } } } };
    note(Tone::Warn, title, html! { p { (what) } (change) })
}

/// Who last changed each attribute, when, and with which request.
pub(super) type LastChanges = HashMap<String, (String, i64, i64)>;

/// Reads that out of the newest requests about somebody.
pub(super) fn last_changes(entries: &[LogEntry]) -> LastChanges {
    let mut last = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.status < 400) {
        let diff: Value = entry.diff.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for one in diff.as_array().into_iter().flatten() {
            if let Some(name) = one.get("attribute").and_then(Value::as_str) {
                last.entry(name.to_owned()).or_insert_with(|| (entry.actor.clone(), entry.at, entry.seq));
            }
        }
    }
    last
}

fn fields(cx: &Desk, found: &Found, changed: &LastChanges) -> Markup {
    let Some(rt) = cx.tenant.named("User") else { return html! {} };
    let resource = scim::Resource { attributes: found.document.clone() };
    let shown: Vec<_> = rt
        .attributes()
        .filter(|(_, attribute)| attribute.returned != Returned::Never)
        .filter(|(_, attribute)| !matches!(attribute.name.as_str(), "schemas" | "meta" | "groups" | "id"))
        .filter_map(|(extension, attribute)| {
            let value = resource.value(extension, attribute)?;
            Some((scim::resource::full_name(extension, attribute), attribute, value))
        })
        .collect();
    card_with(
        "Profile",
        html! { span .quiet { "version " (found.version) } },
        html! {
            div .scroll tabindex="0" role="region" aria-label="Profile" {
                table .profile {
                    thead { tr { th scope="col" { "Attribute" } th scope="col" { "Value" } th scope="col" .minor { "Owner" } th scope="col" .minor { "Last changed" } } }
                    tbody {
                        tr { th scope="row" { "id" } td { code .wrap { (found.id) } " " (copy_button("id", &found.id)) } td .minor { "this server" } td .minor { (when(found.created_at, cx.now)) } }
                        @for (name, attribute, value) in &shown {
                            @let short = name.rsplit(':').next().unwrap_or(name);
                            @let last = changed.get(name);
                            tr {
                                th scope="row" { span title=(name) { (short) } @if name.contains(':') && !name.contains("enterprise") { " " (badge(Tone::Info, "custom")) } }
                                td { @if short == "manager" { (manager(found, value)) } @else { (told(value)) } }
                                td .minor { (owner(found, last.map(|(actor, ..)| actor.as_str()), attribute.mutability)) }
                                td .minor { @match last { Some((_, at, seq)) => a href={ "/app/log/" (seq) } { (when(*at, cx.now)) }, None => span .quiet { "before the log" } } }
                            }
                        }
                    }
                }
            }
            @if found.is_managed() {
                p .hint {
                    @if cx.tenant.tenant.settings.manual_edits { "What the identity provider owns is changed there; a change made here is undone by its next push." }
                    @else { "What the identity provider owns is changed there. " a href="/app/settings#edits" { "Allow manual edits" } " to change it here as well." }
                }
            }
        },
    )
}

/// Whether a name of the log is one of an operator, at the console or on this machine.
pub(super) fn is_operator(actor: &str) -> bool {
    actor.contains('@') || actor == "local"
}

fn owner(found: &Found, actor: Option<&str>, mutability: Mutability) -> Markup {
    let is_person = actor.is_some_and(is_operator);
    html! {
        @if mutability == Mutability::ReadOnly { "this server" }
        @else if is_person { "operator" p .hint { (actor.unwrap_or_default()) } }
        @else if found.is_managed() || actor.is_some_and(|actor| !actor.is_empty()) {
            span title=(actor.unwrap_or_default()) { "identity provider" }
        } @else { "local" }
    }
}

fn manager(found: &Found, value: &Value) -> Markup {
    let Some(manager) = &found.manager else { return told(value) };
    html! {
        @match &manager.id {
            Some(id) => { a href={ "/app/users/" (id) } { (manager.display.as_deref().unwrap_or(id)) } p .hint { "sent as " code { (visible(&manager.raw)) } } },
            None => { (visible(&manager.raw)) " " (badge(Tone::Warn, "nobody matches yet"))
                p .hint { "Found by id, externalId, userName, e-mail or employee number; it is looked for again whenever somebody arrives or changes." } },
        }
    }
}

/// A value for people: text as it is, parts of an object with their names, lists as lists.
fn told(value: &Value) -> Markup {
    match value {
        Value::String(text) => visible(text),
        Value::Bool(flag) => html! { (if *flag { "yes" } else { "no" }) },
        Value::Array(all) => html! { ul .list { @for one in all { li { (told(one)) } } } },
        Value::Object(parts) => {
            let main = parts.get("value").or_else(|| parts.get("formatted")).and_then(Value::as_str);
            html! {
                @if let Some(main) = main { span { (visible(main)) } }
                @for (name, part) in parts.iter().filter(|(name, _)| !matches!(name.as_str(), "value" | "formatted" | "$ref")) {
                    span .part { span .quiet { (name) } " " @match part { Value::String(text) => (visible(text)), other => (other.to_string()) } }
                }
            }
        }
        other => html! { (other.to_string()) },
    }
}

fn deletion(cx: &Desk, found: &Found) -> Markup {
    let login = found.text("userName");
    let what = html! {
        p { "Removes the person for good, with profile and memberships. Only the id is remembered, for somebody who returns with the same externalId." }
        @if found.is_managed() { p { "The identity provider does not hear of it: unassign them there first, or it may create them again." } }
    };
    card("Delete", confirm(cx, &format!("/app/users/{}/delete", found.id), "Delete user", what, Some(login), html! {}))
}

/// `GET /app/users/{id}/raw`.
pub(super) async fn raw(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let text = Value::Object(found.document.clone()).to_string();
    let body = html! {
        (card("As the API answers", html! {
            p .quiet { "GET " code .wrap { (cx.endpoint) "/Users/" (found.id) } }
            (json("Resource", &text))
        }))
    };
    Ok(framed(&cx, &found, "raw", body))
}

/// `GET /app/users/{id}/groups`.
pub(super) async fn groups(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let roles = roles::of_person(&cx.app, cx.tenant.tenant.id, &found).await?;
    let body = html! {
        @if !roles.is_empty() {
            (card("Roles at the application", html! {
                ul .list.rows { @for role in &roles { li { (role) } } }
                p .hint { "By the groups below; a group's roles are on its page." }
            }))
        }
        @if found.groups.is_empty() {
            (empty(Icon::Groups, "In no group", html! { "Groups that are pushed with this person in them appear here." }, None))
        } @else {
            (card("Groups", html! {
                ul .list.rows {
                    @for group in &found.groups {
                        li data-row { a href={ "/app/groups/" (group.id) } { (group.display.as_deref().unwrap_or(&group.id)) }
                            " " @if !group.direct { (badge(Tone::Quiet, "through another group")) } }
                    }
                }
            }))
        }
    };
    Ok(framed(&cx, &found, "groups", body))
}

/// `GET /app/users/{id}/history`.
pub(super) async fn history(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let before = cx.asked("before").and_then(|text| text.parse().ok());
    let (entries, changes) = directory::history(&cx.app, &cx.tenant, &found.id, before, ENTRIES).await?;
    let body = timeline(&cx, &format!("/app/users/{}/history", found.id), &entries, &changes);
    Ok(framed(&cx, &found, "history", body))
}

/// The requests about a resource with their differences, then what only the feed remembers.
pub(super) fn timeline(cx: &Desk, here: &str, entries: &[LogEntry], changes: &[Change]) -> Markup {
    let oldest = entries.last().map_or(i64::MAX, |entry| entry.at);
    let older: Vec<&Change> = changes.iter().filter(|change| change.at < oldest).collect();
    html! {
        @if entries.is_empty() && older.is_empty() {
            (empty(Icon::Clock, "No history", html! { "The log keeps " (cx.tenant.tenant.settings.log.keep_days) " days." }, None))
        }
        ol .timeline {
            @for entry in entries {
                li data-row {
                    p { a href={ "/app/log/" (entry.seq) } { (entry.method) } " " (status(entry.status, entry.code.as_deref()))
                        " by " strong { (if entry.actor.is_empty() { "nobody known" } else { &entry.actor }) } " · " (when(entry.at, cx.now)) " · " (time(entry.at)) }
                    @let diff: Vec<Value> = entry.diff.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
                    @if !diff.is_empty() { (difference(&diff)) }
                    @else if entry.status < 400 { p .quiet { "Nothing was different." } }
                }
            }
            @for change in &older {
                li { p { (badge(Tone::Quiet, change.kind.as_str())) " by " strong { (change.actor) } " · " (time(change.at)) }
                    p .quiet { code .wrap { (change.what.to_string()) } } }
            }
        }
        @if let (Some(last), true) = (entries.last(), entries.len() >= ENTRIES as usize) {
            (parts::pager(None, Some(&format!("{here}?before={}", last.seq)), entries.len(), None, None))
        }
    }
}

/// What to switch to.
#[derive(Deserialize)]
pub(super) struct Active {
    active: String,
}

/// `POST /app/users/{id}/active`.
pub(super) async fn set_active(cx: Desk, Path(id): Path<String>, Form(wanted): Form<Active>) -> Shown {
    let active = wanted.active == "true";
    let body = object!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": active}],
    });
    let change = (Method::PATCH, format!("/Users/{id}"), body);
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    let here = format!("/app/users/{id}");
    match directory::refusal(&acted.answer) {
        Some(said) => cx.done(&here, Flash::bad(said)),
        None => {
            let (word, back) = if active { ("Activated", "false") } else { ("Deactivated", "true") };
            cx.done(&here, Flash::good(word).undo(&format!("/app/users/{id}/active"), &[("active", back)]))
        }
    }
}

/// The words that confirm.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    confirm: String,
}

/// `POST /app/users/{id}/delete`.
pub(super) async fn delete(cx: Desk, Path(id): Path<String>, Form(confirmed): Form<Confirmed>) -> Shown {
    let login = find(&cx, &id).await?.text("userName").to_owned();
    if confirmed.confirm.trim() != login {
        return cx.done(&format!("/app/users/{id}"), Flash::bad("Not deleted: what was typed is not the login"));
    }
    let change = (Method::DELETE, format!("/Users/{id}"), Value::Null);
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    match directory::refusal(&acted.answer) {
        Some(said) => cx.done(&format!("/app/users/{id}"), Flash::bad(said)),
        None => cx.done("/app/users", Flash::good(format!("{login} deleted"))),
    }
}
