//! Passkeys of the directory's persons: made on their own page, used where they sign in.
//!
//! Only who has a password here may make one, and only shortly after having proved who they are: somebody whose identity
//! provider is elsewhere must not get past it.

use super::entry::{note, start};
use super::{Person, Visit, users};
use crate::clock::Stopwatch;
use crate::console::parts::{self, when};
use crate::console::passkeys::{body_of, server_url, sign_in_button, told};
use crate::console::{Form, Icon, Shown, see_other};
use crate::error::{Error, Result};
use crate::limits;
use crate::passkeys::{self, Owner, given, unknown};
use crate::record::Trace;
use crate::saml::is_inside;
use crate::scim::Asked;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, header};
use maud::{Markup, html};
use scim::Code;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{PersonPasskey, Stored};
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

/// Where a tenant's people sign in.
fn place(visit: &Visit) -> String {
    format!("people of {}", visit.tenant.tenant.name)
}

/// What a passkey remembers of a person: always the same, and nothing about them.
fn handle(visit: &Visit, person: &str) -> Uuid {
    let named = format!("{} {person}", visit.tenant.tenant.id.0);
    let mac = visit.app.store().mac("person passkey", named.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(mac).for_each(|(byte, mac)| *byte = mac);
    Uuid::from_bytes(bytes)
}

/// The button where people sign in.
pub(super) fn button(visit: &Visit, next: &str) -> Markup {
    sign_in_button(&format!("{}/sign-in/passkey", visit.tenant.root()), next)
}

/// The part of a person's own page; nothing for who signs in elsewhere.
pub(super) async fn part(visit: &Visit, person: &Person) -> Result<Markup> {
    let (tenant, id) = (visit.tenant.tenant.id, person.user.id.clone());
    let read = visit.app.store().read(move |r| -> store::Result<_> {
        Ok((r.person_password(tenant, &id)?.is_some(), r.person_passkeys(tenant, &id)?))
    });
    let (has_password, keys): (bool, Vec<PersonPasskey>) = read.await?;
    if !has_password {
        return Ok(html! {});
    }
    let csrf = person.form_token(&visit.app);
    let at = format!("{}/me/passkeys", visit.tenant.root());
    let is_recent = may_change(person, visit.now).is_ok();
    Ok(html! {
        h2 { "Passkeys" }
        p .quiet { "Sign in with the lock of your device or a security key, without a password. A passkey cannot be phished." }
        @if !keys.is_empty() { ul .plain-list { @for key in &keys { li { (row(&at, &csrf, key, is_recent, visit.now)) } } } }
        @if is_recent { (enrol(&at, &csrf)) } @else {
            p { a href=(super::sign_in_address(visit, &format!("{}/me", visit.tenant.root()), true)) { "Sign in once more" } " to add or remove one." }
        }
    })
}

fn row(at: &str, csrf: &str, key: &PersonPasskey, is_recent: bool, now: i64) -> Markup {
    html! {
        div .passkey-row {
            span { strong { (key.label) } " " span .quiet { "made " (when(key.created_at, now)) @if let Some(used) = key.used_at { ", used " (when(used, now)) } } }
            @if is_recent {
                form method="post" action={ (at) "/remove" } {
                    input type="hidden" name="csrf" value=(csrf);
                    input type="hidden" name="id" value=(key.id);
                    button .small type="submit" aria-label={ "Remove the passkey " (key.label) } { "Remove" }
                }
            }
        }
    }
}

fn enrol(at: &str, csrf: &str) -> Markup {
    html! {
        div .passkey data-passkey="enrol" data-at=(at) data-csrf=(csrf) hidden {
            (parts::field(&parts::Field { name: "passkey-label", label: "Name of the new passkey", max: Some(100), hint: "Such as: my laptop.", autocomplete: "off", ..parts::Field::default() }))
            button .wide type="button" { (Icon::Key.svg()) span { "Add a passkey" } }
            p .error role="alert" {}
        }
        noscript { p .quiet { "Making a passkey needs JavaScript." } }
    }
}

/// Whether somebody has proved who they are here, and lately.
fn may_change(person: &Person, now: i64) -> Result<()> {
    let session = &person.session;
    let is_recent = now.saturating_sub(session.authenticated_at) < limits::SIGN_IN_RECENT;
    match (session.method.as_str(), is_recent) {
        ("password" | "passkey", true) => Ok(()),
        _ => Err(Error::new(Code::SIGN_IN, "sign in once more with your password or a passkey, then try again")),
    }
}

/// Who asks, with the token of their session and fresh from signing in.
async fn asking(visit: &Visit) -> Result<Person> {
    let person = visit.person().await?;
    let person = person.ok_or_else(|| Error::new(Code::SIGN_IN, "you are not signed in any more"))?;
    let token = visit.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !person.sent(&visit.app, token) {
        return Err(foreign());
    }
    may_change(&person, visit.now)?;
    let (tenant, id) = (visit.tenant.tenant.id, person.user.id.clone());
    if visit.app.store().read(move |r| r.person_password(tenant, &id)).await?.is_none() {
        return Err(scim::Error::invalid_value("passkeys are for who signs in here with a password").into());
    }
    Ok(person)
}

fn foreign() -> Error {
    Error::new(Code::FOREIGN_FORM, "the form was not sent by a page of this session; nothing was changed")
}

fn whose(visit: &Visit, person: &Person) -> String {
    format!("person {} {}", visit.tenant.tenant.id.0, person.user.id)
}

/// `POST /me/passkeys/begin`.
pub(super) async fn begin(visit: Visit) -> Response<Body> {
    told(begun(&visit).await)
}

async fn begun(visit: &Visit) -> Result<Value> {
    let person = asking(visit).await?;
    let (tenant, id) = (visit.tenant.tenant.id, person.user.id.clone());
    let known: Vec<PersonPasskey> = visit.app.store().read(move |r| r.person_passkeys(tenant, &id)).await?;
    let display = person.user.resource.attributes.get("displayName").and_then(Value::as_str);
    let owner = Owner {
        handle: handle(visit, &person.user.id),
        login: person.label(),
        name: display.unwrap_or_else(|| person.label()),
        whose: &whose(visit, &person),
        known: known.iter().map(|key| key.credential.as_str()).collect(),
    };
    passkeys::begin(&visit.app, &server_url(&visit.app, &visit.headers), &owner, visit.now)
}

#[derive(Deserialize)]
struct Made {
    ticket: String,
    #[serde(default)]
    label: String,
    credential: RegisterPublicKeyCredential,
}

/// `POST /me/passkeys/finish`.
pub(super) async fn finish(visit: Visit, body: Body) -> Response<Body> {
    told(finished(&visit, body).await)
}

async fn finished(visit: &Visit, body: Body) -> Result<Value> {
    let person = asking(visit).await?;
    let made: Made = body_of(body).await?;
    let (url, named) = (server_url(&visit.app, &visit.headers), (made.ticket.as_str(), made.label.as_str()));
    let new = passkeys::finish(&visit.app, &url, &whose(visit, &person), named, &made.credential, visit.now)?;
    let tenant = visit.tenant.tenant.id;
    let key = PersonPasskey {
        tenant,
        id: new.id,
        person: person.user.id.clone(),
        label: new.label,
        credential: new.credential,
        created_at: visit.now,
        used_at: None,
    };
    visit.app.store().write_in(tenant, move |w| w.person_passkey_put(&key)).await.map_err(|e: store::Error| e)?;
    log(visit, "/me/passkeys/finish", &person.user, "made a passkey", None);
    Ok(json!({}))
}

/// Which one to take away.
#[derive(Deserialize)]
pub(super) struct One {
    csrf: String,
    id: String,
}

/// `POST /me/passkeys/remove`.
pub(super) async fn remove(visit: Visit, Form(form): Form<One>) -> Shown {
    let home = format!("{}/me", visit.tenant.root());
    let Some(person) = visit.person().await? else { return Ok(see_other(&home)) };
    if !person.sent(&visit.app, &form.csrf) {
        return Err(foreign().into());
    }
    may_change(&person, visit.now)?;
    let (tenant, id) = (visit.tenant.tenant.id, person.user.id.clone());
    let gone = visit.app.store().write_in(tenant, move |w| w.person_passkey_delete(tenant, &id, &form.id));
    if gone.await.map_err(|e: store::Error| e)? {
        log(&visit, "/me/passkeys/remove", &person.user, "took a passkey away", None);
    }
    Ok(see_other(&home))
}

/// `POST /sign-in/passkey`: the first half.
pub(super) async fn ask(visit: Visit) -> Response<Body> {
    let (url, network) = (server_url(&visit.app, &visit.headers), visit.origin.network());
    told(passkeys::ask(&visit.app, &url, &place(&visit), &network, visit.now))
}

#[derive(Deserialize)]
struct Answer {
    ticket: String,
    #[serde(default)]
    next: String,
    credential: PublicKeyCredential,
}

/// `POST /sign-in/passkey/finish`: the second half, and where to go on to.
pub(super) async fn answer(visit: Visit, body: Body) -> Response<Body> {
    match answered(&visit, body).await {
        Ok((cookie, to)) => {
            let mut response = told(Ok(json!({"to": to})));
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(error) => told(Err(error)),
    }
}

async fn answered(visit: &Visit, body: Body) -> Result<(HeaderValue, String)> {
    let answer: Answer = body_of(body).await?;
    let url = server_url(&visit.app, &visit.headers);
    let given = given(&visit.app, &url, &place(visit), &answer.ticket, &answer.credential, visit.now)?;
    let (tenant, id, types) = (visit.tenant.tenant.id, given.id.clone(), Arc::clone(users(&visit.tenant)?));
    let found = visit.app.store().read(move |r| -> store::Result<_> {
        let Some(key) = r.person_passkey(tenant, &id)? else { return Ok(None) };
        Ok(r.find(tenant, &types, &key.person)?.map(|person| (key, person)))
    });
    let found: Option<(PersonPasskey, Stored)> = found.await?;
    let fits = |found: &(PersonPasskey, Stored)| handle(visit, &found.1.id) == given.handle;
    let (mut key, person) = found.filter(fits).ok_or_else(unknown)?;
    let proved =
        given.proves(&key.credential).and_then(|kept| if person.is_active() { Ok(kept) } else { Err(unknown()) });
    let path = "/sign-in/passkey/finish";
    match proved {
        Ok(kept) => key.credential = kept,
        Err(error) => {
            log(visit, path, &person, "a passkey was refused", Some(Code::SIGN_IN));
            return Err(error);
        }
    }
    key.used_at = Some(visit.now);
    visit.app.store().write_in(tenant, move |w| w.person_passkey_put(&key)).await.map_err(|e: store::Error| e)?;
    let cookie = start(visit, &person.id, "passkey", Vec::new()).await?;
    log(visit, path, &person, "signed in with a passkey", None);
    let home = format!("{}/me", visit.tenant.root());
    Ok((cookie, if is_inside(&answer.next) { answer.next } else { home }))
}

fn log(visit: &Visit, path: &str, person: &Stored, step: &str, code: Option<Code>) {
    let asked = Asked::of_page(visit, Method::POST, path, Stopwatch::start());
    let mut trace = Trace { resource: Some(("User".to_owned(), person.id.clone())), ..Trace::default() };
    trace.step(step);
    let name = person.resource.attributes.get("userName").and_then(Value::as_str).unwrap_or_default();
    note(visit, &asked, &trace, name, code);
}
