//! A3, tokens: made once, shown once, rotated with an overlap, revoked with care.

mod bounds;

pub(super) use bounds::restrict;

use super::scim::plural;
use crate::admin::tokens::{self, Life, Made, NewToken, OVERLAP_SECONDS, State, scope_text};
use crate::app::FIRST_START;
use crate::auth::LOCAL;
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, card_with, choice, confirm, definitions, empty, field, form, live,
    note, once, table, time, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, fragment, page};
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;
use store::Token;

/// How long before its end a token is a matter of concern.
const SOON_DAYS: i64 = 30;
/// More open tokens than that are worth a question.
const OPEN_MAX: usize = 2;

const COLUMNS: [Column; 6] = [
    Column::new("Token"),
    Column::new("May"),
    Column::new("Made").minor(),
    Column::new("Last used"),
    Column::new("Expires"),
    Column::new("State"),
];

/// `GET /app/scim/tokens`.
pub(super) async fn list(cx: Desk) -> Shown {
    let all = tokens::list(&cx.app, Some(cx.tenant.tenant.id)).await?;
    let refused = refused(&cx, &all).await?;
    Ok(page(&cx, about(), whole(&cx, &all, &refused, None)))
}

/// The first request that each expired token could not make.
type Refused = HashMap<String, (i64, i64)>;

async fn refused(cx: &Desk, all: &[Token]) -> Result<Refused, crate::error::Error> {
    tokens::first_refused(&cx.app, cx.tenant.tenant.id, all, cx.now).await
}

fn about() -> Page {
    Page::new("Tokens", Nav::Scim)
        .under("SCIM configuration", "/app/scim")
        .purpose("What an identity provider shows to be let in. Only a hash is kept here.")
        .help("tokens")
}

fn whole(cx: &Desk, all: &[Token], refused: &Refused, wrong: Option<(&New, &str)>) -> Markup {
    let open = all.iter().filter(|token| State::of(token, cx.now) == State::Active).count();
    html! {
        @if all.is_empty() {
            (empty(Icon::Key, "No token yet", html! { "An identity provider cannot connect without one." }, None))
        } @else { (live("tokens", &["tokens"], "/app/scim/tokens/rows", rows(cx, all, refused))) }
        @if cx.may_change() { (generate(cx, open, wrong)) }
    }
}

/// `GET /app/scim/tokens/rows`.
pub(super) async fn fresh(cx: Desk) -> Shown {
    let all = tokens::list(&cx.app, Some(cx.tenant.tenant.id)).await?;
    let refused = refused(&cx, &all).await?;
    Ok(fragment(rows(&cx, &all, &refused)))
}

fn rows(cx: &Desk, all: &[Token], refused: &Refused) -> Markup {
    let (open, over): (Vec<&Token>, Vec<&Token>) =
        all.iter().rev().partition(|token| State::of(token, cx.now).is_open());
    let is_shut = !open.iter().any(|token| State::of(token, cx.now) == State::Active);
    let shown = |tokens: Vec<&Token>, caption: &str| {
        table(&Table {
            caption,
            columns: &COLUMNS,
            rows: tokens.into_iter().map(|token| row(token, all, refused.get(&token.id), cx.now)).collect(),
            body_id: None,
        })
    };
    html! {
        @if is_shut {
            (note(Tone::Warn, "No token is active", html! { p { "Every request is refused with 401 until there is one." } }))
        }
        @if !open.is_empty() { (shown(open, "Tokens")) }
        @if !over.is_empty() {
            details .folded { summary { (plural(over.len(), "token")) " that ended" } (shown(over, "Ended tokens")) }
        }
    }
}

fn state_badge(token: &Token, now: i64) -> Markup {
    let soon = token.expires_at.is_some_and(|at| at - now <= SOON_DAYS * 86_400_000_000);
    match State::of(token, now) {
        State::Active if token.rotated_to.is_some() => badge(Tone::Info, "being replaced"),
        State::Active if soon => badge(Tone::Warn, "ends soon"),
        State::Active => badge(Tone::Good, "active"),
        State::Expired => badge(Tone::Bad, "expired"),
        State::Revoked => badge(Tone::Quiet, "revoked"),
        State::Disabled => badge(Tone::Warn, "switched off"),
    }
}

fn row(token: &Token, all: &[Token], refused: Option<&(i64, i64)>, now: i64) -> Row {
    Row {
        cells: vec![
            html! { a href={ "/app/scim/tokens/" (token.id) } { (token.label) } " " code .quiet { (token.hint) } (bounds::short(token)) },
            html! { (may(token)) },
            html! { (when(token.created_at, now)) @if let Some(by) = made_by(token) { " " span .quiet { "by " (by) } } },
            html! { @match token.last_used_at {
                Some(at) => { (when(at, now)) @if let Some(from) = &token.last_used_from { span .quiet { " from " (from) } } },
                None => span .quiet { "never" },
            } },
            html! { @match token.expires_at { Some(at) => (when(at, now)), None => span .quiet { "never" } } },
            html! { (state_badge(token, now)) (bounds::still_used(token, all, now)) (first_refused(refused, now)) },
        ],
        class: if State::of(token, now) == State::Expired { "bad-row" } else { "" },
        ..Row::default()
    }
}

fn first_refused(refused: Option<&(i64, i64)>, now: i64) -> Markup {
    html! { @if let Some((seq, at)) = refused { p .hint { a href={ "/app/log/" (seq) } { "First refused request" } " " (when(*at, now)) } } }
}

/// Who made it, in words.
fn made_by(token: &Token) -> Option<&str> {
    token.created_by.as_deref().map(|by| match by {
        LOCAL => "the command line",
        FIRST_START => "the first start",
        other => other,
    })
}

fn may(token: &Token) -> String {
    let area = |read: bool, write: bool| match (read, write) {
        (true, true) => "read and write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "nothing",
    };
    let (users, groups) = (token.scope.users, token.scope.groups);
    match (area(users.read, users.write), area(groups.read, groups.write)) {
        (one, other) if one == other => format!("{one} everything"),
        (one, other) => format!("users: {one}; groups: {other}"),
    }
}

/// A new token as the form asks for it.
#[derive(Debug, Deserialize)]
pub(super) struct New {
    label: String,
    days: String,
    #[serde(default)]
    networks: String,
    #[serde(default)]
    users: String,
    #[serde(default)]
    groups: String,
}

fn generate(cx: &Desk, open: usize, wrong: Option<(&New, &str)>) -> Markup {
    let given = |from: fn(&New) -> &str, or: &'static str| wrong.map_or(or, |(new, _)| from(new)).to_owned();
    let (label, days) = (given(|new| &new.label, ""), given(|new| &new.days, "365"));
    let (users, groups) = (given(|new| &new.users, "write"), given(|new| &new.groups, "write"));
    let access = [("write", "Read and write"), ("read", "Read only"), ("none", "Nothing")];
    let body = html! {
        @if open >= OPEN_MAX {
            (note(Tone::Info, "", html! { p { (plural(open, "token")) " are active. To replace one, open it and rotate it: both work until the new one is in place." } }))
        }
        (field(&Field { name: "label", label: "What it is for", value: &label, required: true, max: Some(100), error: wrong.map(|(_, said)| said),
            hint: "The name stands in the log beside everything that it did, such as “Okta production”.", ..Field::default() }))
        div .columns {
            (choice(&Field { name: "days", label: "Ends", value: &days, ..Field::default() }, &[
                ("30", "in 30 days"), ("90", "in 90 days"), ("180", "in 180 days"), ("365", "in a year"), ("730", "in two years"), ("never", "never"),
            ]))
            (choice(&Field { name: "users", label: "Users", value: &users, ..Field::default() }, &access))
            (choice(&Field { name: "groups", label: "Groups", value: &groups, ..Field::default() }, &access))
        }
        (bounds::networks_field(&given(|new| &new.networks, "")))
        p .hint { "A token that ends stops provisioning on that day. You are warned here 30 days before; one that never ends is never warned about." }
        div .actions { button .main type="submit" { (Icon::Key.svg()) span { "Generate token" } } }
    };
    card("Generate a token", form(cx, "/app/scim/tokens", body))
}

/// `POST /app/scim/tokens`.
pub(super) async fn create(cx: Desk, Form(new): Form<New>) -> Shown {
    let mut scope = Vec::new();
    for (area, access) in [("users", &new.users), ("groups", &new.groups)] {
        match access.as_str() {
            "write" => scope.extend([format!("{area}:read"), format!("{area}:write")]),
            "read" => scope.push(format!("{area}:read")),
            _ => {}
        }
    }
    let wanted = NewToken {
        label: new.label.clone(),
        scope: Some(scope.join(",")),
        expires_in: Life::Usual,
        networks: bounds::listed(&new.networks),
    };
    let made = match Life::of_days(&new.days) {
        Ok(expires_in) => {
            let wanted = NewToken { expires_in, ..wanted };
            tokens::create(&cx.app, &cx.actor(), &cx.tenant.tenant.name, wanted).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(shown_once(&cx, &made, None)),
        Err(error) => {
            let said = error.to_scim("").detail;
            let all = tokens::list(&cx.app, Some(cx.tenant.tenant.id)).await?;
            let refused = refused(&cx, &all).await?;
            Ok(super::unprocessable(page(&cx, about(), whole(&cx, &all, &refused, Some((&new, &said))))))
        }
    }
}

fn shown_once(cx: &Desk, made: &Made, replaces: Option<&Token>) -> axum::http::Response<axum::body::Body> {
    let title = if replaces.is_some() { "The new token" } else { "Your token" };
    let body = html! {
        (once("Authentication Token", &made.text, true, &format!("/app/scim/tokens/{}", made.token.id)))
        (card("Where it goes", html! {
            (crate::console::parts::copy_box("endpoint", "SCIM Endpoint", &cx.endpoint))
            p { "In Okta: Provisioning, Integration, Authentication Mode " strong { "HTTP Header" } ", Authorization: paste the token behind “Bearer”. "
                "In Entra: Provisioning, Admin Credentials, " strong { "Secret Token" } "." }
            @if let Some(end) = made.old_ends_at {
                p { "The old token goes on until " (time(end)) "." }
            }
        }))
        (live("used", &["tokens", "log"], &format!("/app/scim/tokens/{}/used", made.token.id), used(&made.token, cx.now)))
    };
    page(
        cx,
        Page::new(title, Nav::Scim)
            .under("SCIM configuration", "/app/scim")
            .under("Tokens", "/app/scim/tokens")
            .secret()
            .help("tokens"),
        body,
    )
}

/// `GET /app/scim/tokens/{id}/used`.
pub(super) async fn waits(cx: Desk, Path(id): Path<String>) -> Shown {
    let token = tokens::find(&cx.app, Some(cx.tenant.tenant.id), &id).await?;
    Ok(fragment(used(&token, cx.now)))
}

/// Whether the first request has come.
fn used(token: &Token, now: i64) -> Markup {
    match token.last_used_at {
        None => note(
            Tone::Info,
            "Waiting for the first request with this token…",
            html! {
                p { "Press Test Connector in the identity provider. This line changes by itself within seconds." }
            },
        ),
        Some(at) => note(
            Tone::Good,
            "Used",
            html! {
                p { (when(at, now))
                    @if let Some(from) = &token.last_used_from { " from " (from) }
                    @if let Some(agent) = &token.last_used_agent { " by " (agent) } }
            },
        ),
    }
}

/// `GET /app/scim/tokens/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let all = tokens::list(&cx.app, Some(cx.tenant.tenant.id)).await?;
    let token = tokens::find(&cx.app, Some(cx.tenant.tenant.id), &id).await?;
    let successor = tokens::successor(&all, &token.id, cx.now);
    let predecessor = all.iter().find(|old| old.rotated_to.as_deref() == Some(token.id.as_str()));
    let none = || html! { span .quiet { "—" } };
    let facts = [
        ("Begins with", html! { code { (token.hint) } }),
        ("May", html! { (may(&token)) " " span .quiet { "(" (scope_text(&token.scope)) ")" } }),
        ("Made", html! { (time(token.created_at)) @if let Some(by) = made_by(&token) { " by " (by) } }),
        (
            "Ends",
            token
                .expires_at
                .map_or_else(|| html! { "never by itself" }, |at| html! { (time(at)) " · " (when(at, cx.now)) }),
        ),
        ("May come from", bounds::told(&token)),
        ("Switched off", token.disabled_at.map_or_else(none, time)),
        ("Revoked", token.revoked_at.map_or_else(none, time)),
        (
            "Last used",
            token.last_used_at.map_or_else(|| html! { "never" }, |at| html! { (time(at)) " · " (when(at, cx.now)) }),
        ),
        ("From", token.last_used_from.as_ref().map_or_else(none, |from| html! { code { (from) } })),
        (
            "Program",
            token
                .last_used_agent
                .as_ref()
                .filter(|agent| !agent.is_empty())
                .map_or_else(none, |agent| html! { (agent) }),
        ),
    ];
    let is_now = State::of(&token, cx.now);
    let refused = refused(&cx, std::slice::from_ref(&token)).await?;
    let waits = is_now == State::Active && token.last_used_at.is_none();
    let body = html! {
        @if waits { (live("used", &["tokens", "log"], &format!("/app/scim/tokens/{}/used", token.id), used(&token, cx.now))) }
        (card_with("About this token", state_badge(&token, cx.now), html! {
            (definitions(&facts))
            p { a href=(crate::query::address("/app/log", &[("token", &token.label)])) { "What it did, in the log" } }
            (first_refused(refused.get(&token.id), cx.now))
        }))
        (bounds::still_used_note(&token, &all, cx.now))
        @if let Some(old) = predecessor { (cut_over(&cx, old, &token)) }
        @if let Some(next) = successor { (cut_over(&cx, &token, next)) }
        @if cx.may_change() && is_now == State::Active && successor.is_none() { (rotation(&cx, &token)) }
        @if cx.may_change() && is_now.is_open() { (bounds::card(&cx, &token, None)) }
        @if cx.may_change() && is_now.is_open() { (switch(&cx, &token, is_now)) }
        @if cx.may_change() && is_now.is_open() { (revocation(&cx, &token)) }
    };
    let about = Page::new(token.label.clone(), Nav::Scim)
        .under("SCIM configuration", "/app/scim")
        .under("Tokens", "/app/scim/tokens")
        .help("tokens");
    Ok(page(&cx, about, body))
}

/// The way from the old token to the new one, step by step.
fn cut_over(cx: &Desk, old: &Token, new: &Token) -> Markup {
    let new_used = new.last_used_at;
    let old_idle = match (old.last_used_at, new_used) {
        (Some(old), Some(new)) => cx.now - old > 600_000_000 && new > old,
        (None, Some(_)) => true,
        _ => false,
    };
    let is_open = State::of(old, cx.now) == State::Active;
    let mark = |done: bool| if done { "good" } else { "open" };
    card(
        "Rotation",
        html! {
            ol .decisions {
                li .good { "The new token " code { (new.hint) } " was made " (when(new.created_at, cx.now)) }
                li class=(mark(new_used.is_some())) { @match new_used {
                    Some(at) => { "The new token is in use: last " (when(at, cx.now)) },
                    None => "Paste the new token into the identity provider and test the connection there",
                } }
                li class=(mark(old_idle || !is_open)) { @match old.last_used_at {
                    _ if !is_open => { "The old token has ended" },
                    Some(at) if old_idle => { "The old token is no longer used: last " (when(at, cx.now)) },
                    Some(at) => { "The old token was used " (when(at, cx.now)) "; wait until it has been quiet for 10 minutes" },
                    None => "The old token was never used",
                } }
                li class=(mark(!is_open)) { @if is_open {
                    "Revoke the old token, or let it end by itself" @if let Some(at) = old.expires_at { " " (when(at, cx.now)) }
                } @else { "Done" } }
            }
            @if is_open && old_idle && cx.may_change() {
                (form(cx, &format!("/app/scim/tokens/{}/revoke", old.id), html! { button .danger type="submit" { "Revoke the old token " (old.hint) } }))
            }
            @if old.id != new.id { p { a href={ "/app/scim/tokens/" (old.id) } { "The old token" } " · " a href={ "/app/scim/tokens/" (new.id) } { "The new token" } } }
        },
    )
}

fn rotation(cx: &Desk, token: &Token) -> Markup {
    let hours = (OVERLAP_SECONDS / 3600).to_string();
    card(
        "Rotate",
        html! {
            p { "Makes a second token with the same rights. Both work for a while, so that nothing is refused while you paste the new one." }
            (form(cx, &format!("/app/scim/tokens/{}/rotate", token.id), html! {
                (choice(&Field { name: "hours", label: "The old one goes on for", value: &hours, ..Field::default() },
                    &[("1", "an hour"), ("24", "a day"), ("168", "a week")]))
                div .actions { button type="submit" { "Rotate token" } }
            }))
        },
    )
}

/// Off for a while: what a revocation cannot be taken back from, this can.
fn switch(cx: &Desk, token: &Token, is_now: State) -> Markup {
    let is_off = is_now == State::Disabled;
    let (title, word, what) = if is_off {
        ("Switch on", "Switch token on", "Requests with it are accepted again at once.")
    } else {
        let what =
            "Every request with it is refused with 401 until it is switched on again; the identity provider keeps it.";
        ("Switch off", "Switch token off", what)
    };
    card(
        title,
        html! {
            p { (what) }
            (form(cx, &format!("/app/scim/tokens/{}/switch", token.id), html! {
                input type="hidden" name="off" value=(!is_off);
                div .actions { button type="submit" { (word) } }
            }))
        },
    )
}

fn revocation(cx: &Desk, token: &Token) -> Markup {
    let lately = token.last_used_at.is_some_and(|at| cx.now - at < 86_400_000_000);
    let what = html! {
        p { "Every request with it is refused from then on, and it cannot be taken back." }
        @if lately { p .danger-text { (Icon::Warning.svg()) "It was used within the last day: provisioning stops if no other token is in place." } }
    };
    let typed = lately.then_some(token.label.as_str());
    card(
        "Revoke",
        confirm(
            cx,
            &format!("/app/scim/tokens/{}/revoke", token.id),
            "Revoke token",
            what,
            typed,
            html! {
                @if lately { input type="hidden" name="asked" value="1"; }
            },
        ),
    )
}

/// How a rotation is asked for.
#[derive(Deserialize)]
pub(super) struct Rotation {
    hours: u64,
}

/// `POST /app/scim/tokens/{id}/rotate`.
pub(super) async fn rotate(cx: Desk, Path(id): Path<String>, Form(asked): Form<Rotation>) -> Shown {
    let old = tokens::find(&cx.app, Some(cx.tenant.tenant.id), &id).await?;
    let overlap = Some(asked.hours.saturating_mul(3600));
    match tokens::rotate(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, overlap).await {
        Ok(made) => Ok(shown_once(&cx, &made, Some(&old))),
        Err(error) => cx.refused(&format!("/app/scim/tokens/{id}"), error),
    }
}

/// Whether it is to be off.
#[derive(Deserialize)]
pub(super) struct Switched {
    off: bool,
}

/// `POST /app/scim/tokens/{id}/switch`.
pub(super) async fn switched(cx: Desk, Path(id): Path<String>, Form(asked): Form<Switched>) -> Shown {
    let token = tokens::disable(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, asked.off).await?;
    let here = format!("/app/scim/tokens/{id}");
    let back = (!asked.off).to_string();
    let word = if asked.off { "off" } else { "on" };
    cx.done(
        &here,
        Flash::good(format!("Token “{}” is switched {word}", token.label))
            .undo(&format!("{here}/switch"), &[("off", &back)]),
    )
}

/// The words that confirm, where they are asked for.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    asked: String,
    #[serde(default)]
    confirm: String,
}

/// `POST /app/scim/tokens/{id}/revoke`.
pub(super) async fn revoke(cx: Desk, Path(id): Path<String>, Form(confirmed): Form<Confirmed>) -> Shown {
    let token = tokens::find(&cx.app, Some(cx.tenant.tenant.id), &id).await?;
    if !confirmed.asked.is_empty() && confirmed.confirm.trim() != token.label {
        let to = format!("/app/scim/tokens/{id}");
        return cx.done(&to, Flash::bad("Not revoked: the name that was typed is not the token's"));
    }
    tokens::revoke(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/scim/tokens", Flash::good(format!("Token “{}” revoked", token.label)))
}
