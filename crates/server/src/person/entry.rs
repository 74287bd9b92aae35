//! `/sign-in`: where somebody who is not signed in is sent to, and from where they go on to what they wanted.
//!
//! With one way in, which is somewhere else, it is taken without a question. Where people have passwords here, they are
//! asked for it; who guesses is slowed down as at the console, and who is not there costs the same.

use super::{Proof, Visit, begin, passkeys, users};
use crate::answer::Answer;
use crate::auth::Actor;
use crate::clock::Stopwatch;
use crate::console::parts::{Field, field};
use crate::console::{Fault, Form, Icon, Shown, bare, see_other, sentence};
use crate::error::{Error, Result};
use crate::record::{self, Trace};
use crate::saml::{Addresses, is_inside};
use crate::scim::Asked;
use crate::sign_in::{self, Visitor};
use crate::{query, token};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use maud::{Markup, html};
use scim::Code;
use serde::Deserialize;
use std::sync::Arc;
use store::{SamlConnection, Scope, Stored};

/// The address of the sign-in, from where a path of ours is gone on to. `again` has them prove anew who they are.
pub(crate) fn sign_in_address(visit: &Visit, next: &str, again: bool) -> String {
    let again = if again { "1" } else { "" };
    query::address(&format!("{}/sign-in", visit.tenant.root()), &[("next", next), ("again", again)])
}

/// `GET /sign-in`.
pub(super) async fn show(visit: Visit) -> Shown {
    let asked = |name: &str| query::value(&visit.query, name).unwrap_or_default();
    let ways = ways(&visit).await?;
    if let (false, [way]) = (ways.has_passwords, ways.saml.as_slice()) {
        return Ok(see_other(&login(&visit, way, &asked("next"), &asked("again"))));
    }
    let form = SignIn { next: asked("next"), again: asked("again"), ..SignIn::default() };
    Ok(bare(visit.theme, "Sign in", page(&visit, &ways, &form, None)))
}

/// How people of a tenant come in.
pub(super) struct Ways {
    pub(super) saml: Vec<SamlConnection>,
    pub(super) has_passwords: bool,
}

pub(super) async fn ways(visit: &Visit) -> Result<Ways> {
    let tenant = visit.tenant.tenant.id;
    let read = visit.app.store().read(move |r| -> store::Result<Ways> {
        let mut saml = r.saml_connections(tenant)?;
        saml.retain(|way| way.settings.enabled);
        Ok(Ways { saml, has_passwords: r.has_person_passwords(tenant)? })
    });
    Ok(read.await?)
}

fn login(visit: &Visit, way: &SamlConnection, next: &str, again: &str) -> String {
    query::address(&Addresses::below(&visit.tenant.root(), &way.id).login, &[("next", next), ("again", again)])
}

/// Name and password, and where to go on to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignIn {
    name: String,
    password: String,
    next: String,
    again: String,
}

fn page(visit: &Visit, ways: &Ways, form: &SignIn, wrong: Option<&str>) -> Markup {
    html! {
        h1 { "Sign in" }
        @if let Some(wrong) = wrong { div .flash.bad role="alert" { (Icon::Cross.svg()) p { (sentence(wrong)) } } }
        @if ways.saml.is_empty() && !ways.has_passwords {
            p .lead { "Whoever administers this application has not set up a sign-in yet." }
        }
        @if ways.has_passwords {
            form method="post" action={ (visit.tenant.root()) "/sign-in" } {
                input type="hidden" name="next" value=(form.next);
                (field(&Field { name: "name", label: "User name", value: &form.name, required: true, autocomplete: "username webauthn", autofocus: true, ..Field::default() }))
                (field(&Field { name: "password", label: "Password", kind: "password", required: true, autocomplete: "current-password", ..Field::default() }))
                button .main.wide type="submit" { "Sign in" }
            }
            (passkeys::button(visit, &form.next))
        }
        @for (place, way) in ways.saml.iter().enumerate() {
            @let label = if way.settings.label.is_empty() { "single sign-on" } else { &way.settings.label };
            a .button.wide.main[place == 0 && !ways.has_passwords] href=(login(visit, way, &form.next, &form.again)) { "Sign in with " (label) }
        }
    }
}

fn refused() -> Error {
    Error::new(Code::SIGN_IN, "user name and password do not fit together")
}

/// `POST /sign-in`.
pub(super) async fn submit(visit: Visit, Form(form): Form<SignIn>) -> Shown {
    let asked = Asked::of_page(&visit, Method::POST, "/sign-in", Stopwatch::start());
    let mut trace = Trace::default();
    match by_password(&visit, &mut trace, &form).await {
        Ok(cookie) => {
            trace.step("signed in with a password");
            note(&visit, &asked, &trace, form.name.trim(), None);
            Ok(welcome(&visit, &form.next, cookie))
        }
        Err(error) => {
            let told = error.to_scim(&asked.request_id);
            if !matches!(told.status, 401 | 429) {
                return Err(error.into());
            }
            trace.step(told.detail.clone());
            // The name is what somebody typed, perhaps a password.
            let label = if trace.resource.is_some() { form.name.trim() } else { "unknown" };
            note(&visit, &asked, &trace, label, Some(told.code));
            let page = page(&visit, &ways(&visit).await?, &form, Some(&told.detail));
            let mut response = bare(visit.theme, "Sign in", page);
            *response.status_mut() = StatusCode::from_u16(told.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let wait =
                error.answer(&asked.request_id).header("retry-after").and_then(|s| HeaderValue::from_str(s).ok());
            wait.into_iter().for_each(|wait| {
                response.headers_mut().insert(header::RETRY_AFTER, wait);
            });
            Ok(response)
        }
    }
}

pub(super) fn note(visit: &Visit, asked: &Asked, trace: &Trace, label: &str, code: Option<Code>) {
    let label = crate::redact::cut(label, 256);
    let actor = Actor { label: label.into(), scope: Scope::default(), address: visit.origin.address.clone() };
    let answer = Answer { code, ..Answer::empty(code.map_or(303, Code::status)) };
    record::later(&visit.app, &visit.tenant, asked, Some(&actor), trace, &answer, visit.now);
}

/// On to where they wanted to go. By a page: a redirect would be held against the policy of the page with the form, if
/// it led on to an application.
fn welcome(visit: &Visit, next: &str, cookie: HeaderValue) -> Response<Body> {
    let home = format!("{}/me", visit.tenant.root());
    let to = if is_inside(next) { next } else { &home };
    let body = html! {
        h1 { "You are signed in" }
        meta http-equiv="refresh" content={ "0;url=" (to) };
        div .actions { a .button.main href=(to) { "Go on" } }
    };
    let mut response = bare(visit.theme, "You are signed in", body);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

async fn by_password(visit: &Visit, trace: &mut Trace, form: &SignIn) -> Result<HeaderValue> {
    let (app, name) = (&visit.app, form.name.trim().to_owned());
    let account = format!("person {} {}", visit.tenant.tenant.name, scim::schema::fold(&name));
    let visitor = Visitor { origin: &visit.origin, headers: &visit.headers };
    sign_in::attempt(app, &account, &visitor, visit.now).await?;
    let (tenant, types) = (visit.tenant.tenant.id, Arc::clone(users(&visit.tenant)?));
    let found: Option<(Stored, Option<String>)> = app
        .store()
        .read(move |r| -> store::Result<_> {
            let person = r.find_unique(tenant, &types, "userName", &name)?;
            person.map(|person| r.person_password(tenant, &person.id).map(|hash| (person, hash))).transpose()
        })
        .await?;
    let (person, hash) = found.unzip();
    if let Some(person) = &person {
        trace.resource = Some(("User".to_owned(), person.id.clone()));
    }
    if !sign_in::fits(app, hash.flatten(), &form.password).await? {
        return Err(refused());
    }
    let person = person.filter(Stored::is_active).ok_or_else(refused)?;
    start(visit, &person.id, "password", sign_in::counted(app, &account, &visitor)).await
}

/// A session of somebody who has proved who they are; attempts that were counted are forgotten.
pub(super) async fn start(
    visit: &Visit,
    person: &str,
    method: &'static str,
    counted: Vec<([u8; 32], u32)>,
) -> Result<HeaderValue> {
    let proof = Proof { person: person.to_owned(), method, authenticated_at: visit.now, ends_at: None, saml: None };
    let (session, cookie) = begin(&visit.app, &visit.tenant, proof, &visit.origin, visit.now)?;
    let types = Arc::clone(users(&visit.tenant)?);
    let is_in = visit.app.store().write(move |w| -> store::Result<bool> {
        for (name, _) in &counted {
            w.throttle_clear(name)?;
        }
        w.person_session_insert(&types, &session)
    });
    if is_in.await? { Ok(cookie) } else { Err(refused()) }
}

/// The code of a link, and the password that is chosen.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    code: String,
    password: String,
}

fn gone() -> Fault {
    Error::new(Code::LINK_USED, "the link was used, has ended, or was never made; ask for a new one").into()
}

async fn owner(visit: &Visit, code: &str) -> std::result::Result<Stored, Fault> {
    let (tenant, hash, now) = (visit.tenant.tenant.id, token::hash(code), visit.now);
    let types = Arc::clone(users(&visit.tenant)?);
    let found = visit.app.store().read(move |r| -> store::Result<Option<Stored>> {
        let Some(id) = r.person_link(tenant, &hash, now)? else { return Ok(None) };
        Ok(r.find(tenant, &types, &id)?.filter(Stored::is_active))
    });
    found.await?.ok_or_else(gone)
}

/// `GET /sign-in/link?code=…`.
pub(super) async fn link(visit: Visit) -> Shown {
    let code = query::value(&visit.query, "code").unwrap_or_default();
    let person = owner(&visit, &code).await?;
    Ok(bare(visit.theme, "Choose a password", choosing(&visit, &person, &code, None)))
}

fn choosing(visit: &Visit, person: &Stored, code: &str, wrong: Option<&str>) -> Markup {
    let name = person.resource.attributes.get("userName").and_then(|name| name.as_str()).unwrap_or_default();
    html! {
        h1 { "Choose a password" }
        p .lead { "You will sign in as " strong { (name) } "." }
        form method="post" action={ (visit.tenant.root()) "/sign-in/link" } {
            input type="hidden" name="code" value=(code);
            // Password managers file it under this name.
            input type="hidden" name="name" value=(name) autocomplete="username";
            (field(&Field { name: "password", label: "Password", kind: "password", required: true, autocomplete: "new-password", autofocus: true, error: wrong,
                hint: "12 characters or more; several words are good.", ..Field::default() }))
            button .main.wide type="submit" { "Save and sign in" }
        }
    }
}

/// `POST /sign-in/link`.
pub(super) async fn choose(visit: Visit, Form(form): Form<Chosen>) -> Shown {
    let person = owner(&visit, &form.code).await?;
    let hash = match sign_in::hash(&visit.app, &form.password).await {
        Ok(hash) => hash,
        Err(error) => {
            let said = Fault::from(error).refused()?;
            let mut page = bare(visit.theme, "Choose a password", choosing(&visit, &person, &form.code, Some(&said)));
            *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(page);
        }
    };
    let (tenant, code, now) = (visit.tenant.tenant.id, token::hash(&form.code), visit.now);
    let kept = visit.app.store().write_in(tenant, move |w| -> store::Result<Option<String>> {
        let Some(person) = w.person_link_use(tenant, &code, now)? else { return Ok(None) };
        w.person_password_set(tenant, &person, &hash, now)?;
        Ok(Some(person))
    });
    let id = kept.await?.ok_or_else(gone)?;
    let cookie = start(&visit, &id, "password", Vec::new()).await?;
    let asked = Asked::of_page(&visit, Method::POST, "/sign-in/link", Stopwatch::start());
    let mut trace = Trace { resource: Some(("User".to_owned(), id)), ..Trace::default() };
    trace.step("chose a password and signed in");
    let name = person.resource.attributes.get("userName").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    note(&visit, &asked, &trace, &name, None);
    Ok(welcome(&visit, "", cookie))
}
