//! A person's own page: the applications that they have, and who they are taken for. It goes the moment that their session
//! does.

use super::{Person, Visit, apps, end_cookie, entry, find, passkeys, sign_in_address};
use crate::admin::directory::{self, Found};
use crate::answer::Answer;
use crate::app::App;
use crate::clock::Stopwatch;
use crate::console::parts::{self, Tone, definitions, when};
use crate::console::{Fault, Form, Icon, Shown, bare, event_stream, initials, see_other};
use crate::error::Error;
use crate::record::{self, Trace};
use crate::saml::Addresses;
use crate::scim::Asked;
use crate::tenants::TenantState;
use crate::{limits, session};
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use maud::{Markup, html};
use scim::Code;
use scim::resource::full_name;
use serde::Deserialize;
use store::GroupView;
use tokio::sync::mpsc;

/// Pieces of a stream that wait for a slow browser.
const PIECES_MAX: usize = 4;
/// Groups that are named one by one.
const GROUPS_MAX: usize = 100;

/// `/me` and `/sign-in` of every tenant.
pub(crate) fn router() -> Router<App> {
    let mut router = Router::new();
    for tenant in ["", "/t/{tenant}"] {
        let at = |what: &str| format!("{tenant}{what}");
        router = router
            .route(&at("/me"), get(me))
            .route(&at("/me/events"), get(events))
            .route(&at("/me/apps/{app}/logo"), get(apps::picture))
            .route(&at("/me/sign-out"), post(sign_out))
            .route(&at("/me/passkeys/begin"), post(passkeys::begin))
            .route(&at("/me/passkeys/finish"), post(passkeys::finish))
            .route(&at("/me/passkeys/remove"), post(passkeys::remove))
            .route(&at("/sign-in"), get(entry::show).post(entry::submit))
            .route(&at("/sign-in/link"), get(entry::link).post(entry::choose))
            .route(&at("/sign-in/passkey"), post(passkeys::ask))
            .route(&at("/sign-in/passkey/finish"), post(passkeys::answer));
    }
    router
}

/// `GET /me`.
async fn me(visit: Visit) -> Shown {
    let Some(person) = visit.person().await? else { return nobody(&visit).await };
    let base = visit.app.base_url(&visit.tenant, &visit.headers)?;
    let found = directory::find(&visit.app, &visit.tenant, &base, "User", &person.user.id).await?;
    let parts = Parts { apps: apps::part(&visit, &person).await?, passkeys: passkeys::part(&visit, &person).await? };
    Ok(bare(visit.theme, &found.name(), profile(&visit, &person, &found, &parts)))
}

async fn nobody(visit: &Visit) -> Shown {
    let ways = entry::ways(visit).await?;
    let home = format!("{}/me", visit.tenant.root());
    let body = html! {
        h1 { "You are not signed in" }
        p .lead { "Your session has ended, or there was none." }
        @if ways.saml.is_empty() && !ways.has_passwords { p { "Whoever administers this application has not set up a sign-in yet." } }
        @if ways.has_passwords { a .button.wide.main href=(sign_in_address(visit, &home, false)) { "Sign in" } }
        @for (place, way) in ways.saml.iter().enumerate() {
            @let label = if way.settings.label.is_empty() { "single sign-on" } else { &way.settings.label };
            @let to = Addresses::below(&visit.tenant.root(), &way.id).login;
            a .button.wide.main[place == 0 && !ways.has_passwords] href=(to) { "Sign in with " (label) }
        }
    };
    let mut page = bare(visit.theme, "You are not signed in", body);
    *page.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(page)
}

/// What other files make of the page.
struct Parts {
    apps: Markup,
    passkeys: Markup,
}

fn profile(visit: &Visit, person: &Person, found: &Found, parts: &Parts) -> Markup {
    let root = visit.tenant.root();
    html! {
        div .me-head {
            span .avatar.large aria-hidden="true" { (initials(&found.name())) }
            div { h1 { (found.name()) } p .lead { (found.text("userName")) } }
        }
        (parts.apps)
        (details(person, found, &visit.tenant, visit.now))
        h2 { "Groups" }
        (groups(&found.groups))
        (parts.passkeys)
        form method="post" action={ (root) "/me/sign-out" } {
            input type="hidden" name="csrf" value=(person.form_token(&visit.app));
            button .main.wide type="submit" { (Icon::Out.svg()) "Sign out" }
        }
        // Hears when the session ends; without a script the next click does.
        span hx-sse:connect={ (root) "/me/events" } hidden {}
    }
}

/// Custom fields that people are to see of themselves, with their values.
fn own_fields(found: &Found, state: &TenantState) -> Vec<(String, String)> {
    let resource = scim::Resource { attributes: found.document.clone() };
    let Some(rt) = state.named("User") else { return Vec::new() };
    let definitions = &state.tenant.definitions;
    let shown = rt.attributes().filter(|(extension, attribute)| {
        let value = full_name(*extension, attribute);
        definitions.form(&value, attribute).is_some_and(|form| form.own_page)
            && attribute.returned != scim::Returned::Never
    });
    shown
        .filter_map(|(extension, attribute)| {
            let value = crate::admin::apps::preview::line(resource.value(extension, attribute));
            (!value.is_empty()).then(|| (attribute.name.clone(), value))
        })
        .collect()
}

fn details(person: &Person, found: &Found, state: &TenantState, now: i64) -> Markup {
    let manager = found.manager.as_ref().map(|m| m.display.clone().unwrap_or_else(|| m.raw.clone()));
    let first = |list: &str| {
        let elements = found.document.get(list).and_then(|list| list.as_array()).into_iter().flatten();
        let mut values = elements.filter_map(|element| element.get("value")?.as_str());
        values.next().map(str::to_owned)
    };
    let told = [
        ("E-mail", first("emails")),
        ("Phone", first("phoneNumbers")),
        ("Title", Some(found.text("title").to_owned()).filter(|title| !title.is_empty())),
        ("Manager", manager),
    ];
    let mut rows: Vec<(&str, Markup)> =
        told.into_iter().filter_map(|(word, value)| Some((word, html! { (value?) }))).collect();
    let own = own_fields(found, state);
    rows.extend(own.iter().map(|(name, value)| (name.as_str(), html! { (parts::visible(value)) })));
    let how = match person.session.method.as_str() {
        "saml" => "with SAML",
        "passkey" => "with a passkey",
        _ => "with a password",
    };
    rows.push(("Signed in", html! { (when(person.session.authenticated_at, now)) " " (how) }));
    rows.push(("Id", html! { code .wrap { (found.id) } }));
    definitions(&rows)
}

fn groups(groups: &[GroupView]) -> Markup {
    html! {
        @if groups.is_empty() { p .quiet { "None." } } @else {
            ul .plain-list {
                @for group in groups.iter().take(GROUPS_MAX) {
                    li {
                        (group.display.as_deref().unwrap_or(&group.id))
                        @if !group.direct { " " (parts::badge(Tone::Quiet, "through another group")) }
                    }
                }
                @if groups.len() > GROUPS_MAX { li .quiet { "and " (groups.len() - GROUPS_MAX) " more" } }
            }
        }
    }
}

#[derive(Deserialize)]
struct SignOut {
    csrf: String,
}

/// `POST /me/sign-out`. Repeating it does nothing.
async fn sign_out(visit: Visit, Form(form): Form<SignOut>) -> Shown {
    let home = format!("{}/me", visit.tenant.root());
    let Some(person) = visit.person().await? else { return Ok(see_other(&home)) };
    if !person.sent(&visit.app, &form.csrf) {
        let detail = "the form was not sent by a page of this session; nothing was changed";
        return Err(Error::new(Code::FOREIGN_FORM, detail).into());
    }
    let apps = crate::idp::leave(&visit, &person, None).await?;
    note(&visit, &person, "signed out");
    if let Some(on_to_them) = apps {
        return Ok(on_to_them);
    }
    let elsewhere = match &person.session.saml {
        Some(saml) => crate::saml::leave(&visit, saml, None).await?,
        None => None,
    };
    let mut response = elsewhere.unwrap_or_else(|| see_other(&home));
    session::forget(&mut response, end_cookie(&visit.app, &visit.tenant));
    Ok(response)
}

/// An entry of the log about a session.
fn note(visit: &Visit, person: &Person, step: &str) {
    let asked = Asked::of_page(visit, Method::POST, "/me/sign-out", Stopwatch::start());
    let mut trace = Trace::default();
    trace.step(step);
    trace.resource = Some(("User".to_owned(), person.user.id.clone()));
    let actor = person.actor(&visit.origin);
    record::later(&visit.app, &visit.tenant, &asked, Some(&actor), &trace, &Answer::empty(303), visit.now);
}

/// What a page hears when its session is over.
const ENDED: &[u8] = b"event: ended\ndata: 1\n\n";

/// `GET /me/events`: says `ended` when the session does.
async fn events(visit: Visit) -> Shown {
    let (pieces, out) = mpsc::channel(PIECES_MAX);
    let Some(person) = visit.person().await? else {
        // The session ended between the page and this request: the page that asks has to hear it, too.
        pieces.try_send(Bytes::from_static(ENDED)).ok();
        return Ok(event_stream(out));
    };
    let whose = format!("person {}", person.session.id);
    if !visit.app.desks().stream_open(&whose) {
        return Err(Fault::from(Error::busy(Code::STREAMS, "too many live pages are open; close some")));
    }
    tokio::spawn(async move {
        watch(&visit, pieces).await;
        visit.app.desks().stream_close(&whose);
    });
    Ok(event_stream(out))
}

/// Looks at the session until it ends or the page goes away. It looks instead of listening, because a session ends on
/// any node and by time as well.
async fn watch(visit: &Visit, pieces: mpsc::Sender<Bytes>) {
    let (_listener, mut stopping) = visit.app.events().listen();
    let mut look = tokio::time::interval(limits::PERSON_LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heartbeat = tokio::time::interval(limits::STREAM_HEARTBEAT);
    loop {
        let told: &[u8] = tokio::select! {
            _ = look.tick() => match still_there(visit).await {
                true => continue,
                false => ENDED,
            },
            _ = heartbeat.tick() => b"retry: 2000\n: still here\n\n",
            () = pieces.closed() => return,
            _ = stopping.changed() => return,
        };
        let ends = told.starts_with(b"event");
        if pieces.send(Bytes::copy_from_slice(told)).await.is_err() || ends {
            return;
        }
    }
}

/// A database that does not answer for a moment signs nobody out.
async fn still_there(visit: &Visit) -> bool {
    let now = visit.app.clock().now();
    !matches!(find(&visit.app, &visit.tenant, &visit.headers, now).await, Ok(None))
}
