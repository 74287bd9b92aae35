//! Settings: the people at the console and the keys of scripts. Both are the owner's.

use super::account::{owners_only, role_words};
use super::desk::{Desk, Flash, Form};
use super::entry::link_url;
use super::fault::{Fault, Shown};
use super::parts::{self, Column, Field, Row, Table, Tone};
use super::shell::{Nav, Page, page, settings_tabs};
use crate::admin::tokens;
use crate::app::App;
use crate::operators::{Change, NewOperator};
use crate::{limits, operators};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use store::{Operator, Role, Token};

const OPERATORS: &str = "/app/settings/operators";
const KEYS: &str = "/app/settings/keys";

pub(super) fn router() -> Router<App> {
    Router::new()
        .route(OPERATORS, get(list).post(invite))
        .route("/app/settings/operators/{id}", get(one).post(change))
        .route(KEYS, get(keys).post(make_key))
        .route("/app/settings/keys/{id}/switch", post(switch_key))
        .route("/app/settings/keys/{id}/revoke", post(revoke_key))
}

fn roles() -> Vec<(&'static str, String)> {
    Role::ALL.iter().map(|role| (role.as_str(), format!("{}: {}", role.as_str(), role_words(*role)))).collect()
}

fn role_choice(value: &str) -> Markup {
    let roles = roles();
    let choices: Vec<_> = roles.iter().map(|(value, words)| (*value, words.as_str())).collect();
    parts::choice(&Field { name: "role", label: "Role", value, ..Field::default() }, &choices)
}

const COLUMNS: [Column; 5] = [
    Column::new("Name"),
    Column::new("Role"),
    Column::new("State"),
    Column::new("Second factor").minor(),
    Column::new("Last signed in").minor(),
];

async fn list(cx: Desk) -> Shown {
    list_page(&cx, ("", "", "admin"), None).await
}

async fn list_page(cx: &Desk, had: (&str, &str, &str), error: Option<&str>) -> Result<Response<Body>, Fault> {
    let all: Vec<Operator> = cx.app.store().read(|r| r.operators()).await?;
    let rows = all.iter().map(|operator| Row {
        cells: vec![
            html! { a href={ (OPERATORS) "/" (operator.id) } { (operator.name) } div .hint { (operator.email) } },
            html! { (operator.role.as_str()) },
            state(operator),
            html! { @if operator.totp.is_some() { (parts::badge(Tone::Good, "On")) } @else { (parts::badge(Tone::Quiet, "Off")) } },
            html! { @match operator.seen_at { Some(at) => (parts::when(at, cx.now)), None => "never" } },
        ],
        ..Row::default()
    });
    let table = Table { caption: "Operators", columns: &COLUMNS, rows: rows.collect(), body_id: None };
    let (email, name, role) = had;
    let body = html! {
        (settings_tabs(OPERATORS))
        (parts::card("Operators", parts::table(&table)))
        @if cx.operator.role == Role::Owner {
            (parts::card("Invite an operator", parts::form(cx, OPERATORS, html! {
                div .columns {
                    (parts::field(&Field { name: "name", label: "Name", value: name, required: true, max: Some(100), ..Field::default() }))
                    (parts::field(&Field { name: "email", label: "E-mail", kind: "email", value: email, required: true, error, max: Some(254),
                        ..Field::default() }))
                }
                (role_choice(role))
                p .hint { "You get a link to pass on; nothing is sent from here." }
                button .main type="submit" { "Invite" }
            })))
        }
    };
    let purpose = "Who may come to this console, and what each may do.";
    Ok(page(cx, Page::new("Operators", Nav::Settings).under("Settings", "/app/settings").purpose(purpose), body))
}

fn state(operator: &Operator) -> Markup {
    match operator {
        Operator { disabled_at: Some(_), .. } => parts::badge(Tone::Bad, "Disabled"),
        Operator { password: None, seen_at: None, .. } => parts::badge(Tone::Warn, "Invited"),
        _ => parts::badge(Tone::Good, "Active"),
    }
}

#[derive(Deserialize)]
struct Invitation {
    name: String,
    email: String,
    role: String,
}

async fn invite(cx: Desk, Form(form): Form<Invitation>) -> Shown {
    let role = Role::parse(&form.role).ok_or_else(|| scim::Error::invalid_value("there is no such role"))?;
    let wanted = NewOperator { email: form.email.clone(), name: form.name.clone() };
    match operators::invite(&cx.app, &cx.actor(), wanted, role, cx.now).await {
        Ok((operator, code)) => Ok(link_page(&cx, &operator, &code)),
        Err(error) => {
            let text = Fault::from(error).refused()?;
            let mut response = list_page(&cx, (&form.email, &form.name, &form.role), Some(&text)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// A link that lets an operator choose a password, shown once.
fn link_page(cx: &Desk, operator: &Operator, code: &str) -> Response<Body> {
    let days = limits::INVITATION / 86_400_000_000;
    let body = html! {
        p { "Pass this link on to " strong { (operator.name) } ". It is good once, for " (days) " days." }
        (parts::once("Invitation link", &link_url(cx.server_url(), code), false, OPERATORS))
    };
    let page_of =
        Page::new("Invitation", Nav::Settings).under("Settings", "/app/settings").under("Operators", OPERATORS);
    page(cx, page_of.secret(), body)
}

async fn find(cx: &Desk, id: &str) -> Result<Operator, Fault> {
    let id = id.to_owned();
    let found: Option<Operator> = cx.app.store().read(move |r| r.operator(&id)).await?;
    found.ok_or_else(|| Fault::missing("there is no such operator"))
}

async fn one(cx: Desk, Path(id): Path<String>) -> Shown {
    let operator = find(&cx, &id).await?;
    let action = format!("{OPERATORS}/{}", operator.id);
    let what = |what: &'static str| html! { input type="hidden" name="change" value=(what); };
    let is_off = operator.disabled_at.is_some();
    let body = html! {
        (parts::card_with("Account", state(&operator), parts::definitions(&[
            ("Name", html! { (operator.name) }),
            ("E-mail", html! { (operator.email) }),
            ("Made", parts::when(operator.created_at, cx.now)),
            ("Last signed in", html! { @match operator.seen_at { Some(at) => (parts::when(at, cx.now)), None => "never" } }),
            ("Second factor", html! { @if operator.totp.is_some() { "on" } @else { "off" } }),
        ])))
        @if cx.operator.role == Role::Owner {
            (parts::card("Role", parts::form(&cx, &action, html! {
                (what("role")) (role_choice(operator.role.as_str()))
                button type="submit" { "Save role" }
            })))
            (parts::card("Access", html! {
                div .actions {
                    (parts::form(&cx, &action, html! { (what("link")) button type="submit" { "New password link" } }))
                    @if operator.totp.is_some() {
                        (parts::confirm(&cx, &action, "Take second factors away",
                            html! { p { "Authenticator, recovery codes and passkeys go; the password stays." } }, None, what("factors")))
                    }
                    @if is_off {
                        (parts::form(&cx, &action, html! { (what("enable")) button type="submit" { "Enable" } }))
                    } @else {
                        (parts::confirm(&cx, &action, "Disable",
                            html! { p { "They are signed out everywhere and cannot come back until somebody enables them." } }, None, what("disable")))
                    }
                    (parts::confirm(&cx, &action, "Delete", html! { p { "What they did stays in the audit trail." } },
                        Some(&operator.email), what("delete")))
                }
            }))
        }
    };
    let page_of = Page::new(operator.name.clone(), Nav::Settings).under("Settings", "/app/settings");
    Ok(page(&cx, page_of.under("Operators", OPERATORS).purpose(role_words(operator.role)), body))
}

#[derive(Deserialize)]
struct Wanted {
    change: String,
    role: Option<String>,
    confirm: Option<String>,
}

async fn change(cx: Desk, Path(id): Path<String>, Form(form): Form<Wanted>) -> Shown {
    let actor = cx.actor();
    let back = format!("{OPERATORS}/{id}");
    let wanted = match form.change.as_str() {
        "link" => {
            let (operator, code) = operators::new_link(&cx.app, &actor, &id, cx.now).await?;
            return Ok(link_page(&cx, &operator, &code));
        }
        "role" => form.role.as_deref().and_then(Role::parse).map(Change::Role),
        "disable" => Some(Change::Disable),
        "enable" => Some(Change::Enable),
        "factors" => Some(Change::ResetFactors),
        "delete" => {
            let typed = form.confirm.as_deref().map(|text| text.trim().to_lowercase());
            if typed.as_deref() != Some(find(&cx, &id).await?.email.as_str()) {
                return cx.done(&back, Flash::bad("Nothing was deleted: the e-mail address was not typed as it is."));
            }
            Some(Change::Delete)
        }
        _ => None,
    };
    let wanted = wanted.ok_or_else(|| scim::Error::invalid_value("the form asks for nothing that is known"))?;
    match operators::change(&cx.app, &actor, &id, wanted, cx.now).await {
        Ok(_) if matches!(wanted, Change::Delete) => cx.done(OPERATORS, Flash::good("The operator is deleted.")),
        Ok(operator) => cx.done(&back, Flash::good(format!("{} is saved.", operator.name))),
        Err(error) => cx.done(&back, Flash::bad(Fault::from(error).refused()?)),
    }
}

const KEY_COLUMNS: [Column; 6] = [
    Column::new("Label"),
    Column::new("Role"),
    Column::new("State"),
    Column::new("Last used").minor(),
    Column::new("Expires").minor(),
    Column::new(""),
];

async fn keys(cx: Desk) -> Shown {
    keys_page(&cx, "", None).await
}

async fn keys_page(cx: &Desk, label: &str, error: Option<&str>) -> Shown {
    let all = tokens::list(&cx.app, None).await?;
    let is_owner = cx.operator.role == Role::Owner;
    let table = Table {
        caption: "API keys",
        columns: &KEY_COLUMNS,
        rows: all.iter().rev().map(|token| key_row(cx, token)).collect(),
        body_id: None,
    };
    let body = html! {
        (settings_tabs(KEYS))
        @if all.is_empty() {
            (parts::card("API keys", parts::empty(super::Icon::Key, "No key yet",
                html! { "The command line on this machine needs none; scripts elsewhere do." }, None)))
        } @else {
            (parts::card("API keys", parts::table(&table)))
        }
        @if is_owner {
            (parts::card("Make a key", parts::form(cx, KEYS, html! {
                (parts::field(&Field { name: "label", label: "What it is for", value: label, required: true, error, max: Some(100),
                    hint: "Such as: Terraform, nightly report.", ..Field::default() }))
                (role_choice("admin"))
                (parts::choice(&Field { name: "days", label: "Ends", value: "90", ..Field::default() },
                    &[("30", "after 30 days"), ("90", "after 90 days"), ("365", "after a year"), ("never", "never")]))
                button .main type="submit" { "Make key" }
            })))
        } @else { (owners_only("API keys")) }
    };
    let purpose =
        html! { "For scripts that use the admin API at " code { "/api/v1" } ". Each has a role, as people have." };
    Ok(page(cx, Page::new("API keys", Nav::Settings).under("Settings", "/app/settings").purpose(purpose), body))
}

fn key_row(cx: &Desk, token: &Token) -> Row {
    let state = tokens::State::of(token, cx.now);
    let tone = if state == tokens::State::Active { Tone::Good } else { Tone::Quiet };
    let role = token.scope.role().unwrap_or_default();
    Row {
        cells: vec![
            html! { (token.label) div .hint.mono { (token.hint) } },
            html! { (role.as_str()) },
            parts::badge(tone, state.as_str()),
            html! { @match token.last_used_at { Some(at) => (parts::when(at, cx.now)), None => "never" } },
            html! { @match token.expires_at { Some(at) => (parts::when(at, cx.now)), None => "never" } },
            html! {
                @if state.is_open() && cx.operator.role == Role::Owner {
                    @let is_off = state == tokens::State::Disabled;
                    (parts::form(cx, &format!("{KEYS}/{}/switch", token.id), html! {
                        input type="hidden" name="off" value=(!is_off);
                        button .small.quiet type="submit" { @if is_off { "Switch on" } @else { "Switch off" } }
                    }))
                    (parts::confirm(cx, &format!("{KEYS}/{}/revoke", token.id), "Revoke",
                        html! { p { "Whatever uses it is refused from now on." } }, None, html! {}))
                }
            },
        ],
        ..Row::default()
    }
}

#[derive(Deserialize)]
struct NewKey {
    label: String,
    role: String,
    #[serde(default)]
    days: String,
}

async fn make_key(cx: Desk, Form(form): Form<NewKey>) -> Shown {
    let expires_in = tokens::Life::of_days(&form.days)?;
    let wanted = tokens::NewKey { label: form.label.clone(), role: Some(form.role.clone()), expires_in };
    match tokens::create_admin(&cx.app, &cx.actor(), wanted).await {
        Ok(made) => {
            let body = parts::once("API key", &made.text, true, KEYS);
            let page_of =
                Page::new("New API key", Nav::Settings).under("Settings", "/app/settings").under("API keys", KEYS);
            Ok(page(&cx, page_of.secret(), body))
        }
        Err(error) => {
            let text = Fault::from(error).refused()?;
            let mut response = keys_page(&cx, &form.label, Some(&text)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

#[derive(Deserialize)]
struct Switched {
    off: bool,
}

async fn switch_key(cx: Desk, Path(id): Path<String>, Form(asked): Form<Switched>) -> Shown {
    let token = tokens::disable_admin(&cx.app, &cx.actor(), &id, asked.off).await?;
    let word = if asked.off { "off" } else { "on" };
    cx.done(KEYS, Flash::good(format!("{} is switched {word}.", token.label)))
}

async fn revoke_key(cx: Desk, Path(id): Path<String>) -> Shown {
    let token = tokens::revoke_admin(&cx.app, &cx.actor(), &id).await?;
    cx.done(KEYS, Flash::good(format!("{} is revoked.", token.label)))
}
