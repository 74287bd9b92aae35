//! `/oidc/authorize`: judges a request, waits for the person where nobody is signed in, and sends the code.
//!
//! Who has to sign in first is sent to the tenant's sign-in with a handle of the request that is kept here, and comes
//! back to `/oidc/continue`. That one goes on by a page and not by a redirect: browsers hold a redirect that ends a form
//! against the policy of the page with the form, which knows nothing of the application.

use super::keys::hint;
use super::refusal::{Refusal, Told};
use super::request::{Addressee, AuthenticationRequest, Parameters, Prompt};
use super::{Addresses, page};
use crate::console::{Shown, see_other};
use crate::error::Error;
use crate::person::{Person, Visit, ask_later, sign_in_address, users};
use crate::{limits, query, token};
use axum::body::Body;
use axum::http::Method;
use scim::Code;
use std::sync::Arc;
use store::{OidcGrant, SignInRequest};

/// How far the clock of whoever signs people in may be behind ours.
const SKEW: i64 = 60 * 1_000_000;

/// Whose requests wait.
const PURPOSE: &str = "oidc";
/// What a code looks like to whoever searches logs for secrets.
const CODE_PREFIX: &str = "pvc_";

/// `GET /oidc/authorize`.
pub(super) async fn by_query(visit: Visit) -> Shown {
    let told = Told::new(&visit, Method::GET, "/oidc/authorize");
    let text = visit.query.clone();
    asked(&visit, told, &text, Way::Here).await
}

/// `POST /oidc/authorize`. What another site posts brings no cookie along, so the browser comes again by itself.
pub(super) async fn by_form(visit: Visit, body: Body) -> Shown {
    let mut told = Told::new(&visit, Method::POST, "/oidc/authorize");
    match axum::body::to_bytes(body, limits::OIDC_FORM_BYTES_MAX).await {
        Ok(bytes) => asked(&visit, told, &String::from_utf8_lossy(&bytes), Way::AgainByItself).await,
        Err(_) => {
            let why = Refusal::request(format!("a request takes {} bytes at the most", limits::OIDC_FORM_BYTES_MAX));
            told.refused(&why, 400);
            Ok(page::refused(&visit, told.request_id(), &why))
        }
    }
}

/// `GET /oidc/continue?request=…`: somebody comes back from signing in.
pub(super) async fn go_on(visit: Visit) -> Shown {
    let mut told = Told::new(&visit, Method::GET, "/oidc/continue");
    let handle = token::hash(&query::value(&visit.query, "request").unwrap_or_default());
    let (tenant, now) = (visit.tenant.tenant.id, visit.now);
    let waiting: Option<SignInRequest> =
        visit.app.store().read(move |r| r.sign_in_request(tenant, PURPOSE, &handle, now)).await?;
    let Some(waiting) = waiting else {
        let why = Refusal::request("signing in took too long, or was done already; start again in the application");
        told.refused(&why, 400);
        return Ok(page::refused(&visit, told.request_id(), &why));
    };
    let text = waiting.asked.clone();
    asked(&visit, told, &text, Way::Back(waiting)).await
}

/// How a request has come here.
enum Way {
    Here,
    AgainByItself,
    Back(SignInRequest),
}

async fn asked(visit: &Visit, mut told: Told<'_>, text: &str, way: Way) -> Shown {
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers)?;
    let judged = match addressee(visit, text).await? {
        Ok((parameters, to)) => {
            told.client(&to.client);
            AuthenticationRequest::read(&parameters, to.clone()).map_err(|why| (to, why))
        }
        Err(why) => {
            told.refused(&why, 400);
            return Ok(page::refused(visit, told.request_id(), &why));
        }
    };
    let answered = match judged {
        Ok(request) => decide(visit, &mut told, &at, text, &request, &way).await?.map_err(|why| (request.to, why)),
        Err(refused) => Err(refused),
    };
    let to = match answered {
        Ok(Next::To(address)) => {
            told.done(303);
            address
        }
        Ok(Next::Inside(path)) => {
            told.done(303);
            return Ok(see_other(&path));
        }
        Ok(Next::Shown(page)) => return Ok(page),
        Err((to, why)) => {
            told.refused(&why, 400);
            to.with(&at.issuer, &[("error", why.error), ("error_description", &why.description)])
        }
    };
    Ok(match way {
        Way::Back(_) => page::on(visit, "Signing in", &to),
        Way::Here | Way::AgainByItself => see_other(&to),
    })
}

async fn addressee(visit: &Visit, text: &str) -> Result<Result<(Parameters, Addressee), Refusal>, Error> {
    let parameters = match Parameters::read(text) {
        Ok(parameters) => parameters,
        Err(why) => return Ok(Err(why)),
    };
    let (tenant, id) = (visit.tenant.tenant.id, parameters.find("client_id").unwrap_or_default().to_owned());
    let client = visit.app.store().read(move |r| r.oidc_client(tenant, &id)).await?;
    Ok(Addressee::of(&parameters, client).map(|to| (parameters, to)))
}

enum Next {
    /// The browser goes to the application.
    To(String),
    /// It goes to a path of ours first.
    Inside(String),
    /// It stays.
    Shown(axum::http::Response<Body>),
}

async fn decide(
    visit: &Visit,
    told: &mut Told<'_>,
    at: &Addresses,
    text: &str,
    request: &AuthenticationRequest,
    way: &Way,
) -> Result<Result<Next, Refusal>, Error> {
    if matches!(way, Way::AgainByItself) {
        return Ok(Ok(Next::Inside(wait(visit, text).await?)));
    }
    let waiting = if let Way::Back(waiting) = way { Some(waiting) } else { None };
    let login = |why: &str| Ok(Err(Refusal::new("login_required", why)));
    let person = visit.person().await?;
    if let Some(person) = &person {
        told.person(&person.user.id);
        if is_fresh(person, request, waiting, visit.now) {
            if !is_meant(visit, at, request, person).await? {
                return login("somebody else than the id_token_hint names is signed in");
            }
            return issue(visit, told, at, request, person, waiting).await;
        }
    }
    match (request.prompt, &person, waiting) {
        (Prompt::None, ..) => {
            login("nobody is signed in, or they have to sign in again, and prompt=none forbids to ask")
        }
        (_, Some(person), Some(waiting)) if person.session.created_at >= waiting.created_at => {
            login("the identity provider did not ask the person again, as prompt=login or max_age wants it")
        }
        // Somebody who came back without a session would go round in circles: they decide.
        (_, None, Some(_)) => {
            let next = format!("{}?{}", continue_path(visit), visit.query);
            Ok(Ok(Next::Shown(page::still_nobody(visit, &sign_in_address(visit, &next, true)))))
        }
        _ => {
            let again = person.is_some();
            let next = wait(visit, text).await?;
            told.step("the person is asked to sign in first");
            Ok(Ok(Next::Inside(sign_in_address(visit, &next, again))))
        }
    }
}

fn continue_path(visit: &Visit) -> String {
    format!("{}/oidc/continue", visit.tenant.root())
}

/// Keeps the request; the path to come back to.
async fn wait(visit: &Visit, text: &str) -> Result<String, Error> {
    let handle = ask_later(visit, PURPOSE, text.to_owned()).await?;
    Ok(format!("{}?request={handle}", continue_path(visit)))
}

/// Whether the person has proved who they are lately enough.
fn is_fresh(person: &Person, request: &AuthenticationRequest, waiting: Option<&SignInRequest>, now: i64) -> bool {
    let asked_at = waiting.map_or(now, |waiting| waiting.created_at);
    let from = match (request.prompt, request.max_age) {
        (Prompt::Login, _) => asked_at,
        (_, Some(age)) => asked_at.saturating_sub(age),
        (_, None) => return true,
    };
    let session = &person.session;
    if waiting.is_some_and(|waiting| session.created_at >= waiting.created_at) {
        return session.authenticated_at.saturating_add(SKEW) >= from;
    }
    // Somebody who was signed in before has not been asked again, however short ago that was.
    request.prompt != Prompt::Login && session.authenticated_at >= from && request.max_age != Some(0)
}

/// Whether it is the person that the application means, if it means one.
async fn is_meant(
    visit: &Visit,
    at: &Addresses,
    request: &AuthenticationRequest,
    person: &Person,
) -> Result<bool, Error> {
    let Some(text) = &request.id_token_hint else { return Ok(true) };
    let meant = hint(&visit.app, visit.tenant.tenant.id, &at.issuer, text).await?;
    Ok(meant.is_none_or(|meant| meant.sub == person.user.id))
}

async fn issue(
    visit: &Visit,
    told: &mut Told<'_>,
    at: &Addresses,
    request: &AuthenticationRequest,
    person: &Person,
    waiting: Option<&SignInRequest>,
) -> Result<Result<Next, Refusal>, Error> {
    let code = token::make(CODE_PREFIX);
    let code = code.ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    let grant = OidcGrant {
        id: crate::app::request_id(),
        tenant: visit.tenant.tenant.id,
        client: request.to.client.id.clone(),
        session: person.session.id.clone(),
        person: person.user.id.clone(),
        redirect_uri: request.to.redirect_uri.clone(),
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        code: code.hash,
        code_expires_at: visit.now.saturating_add(limits::OIDC_CODE_LIFE),
        created_at: visit.now,
        expires_at: visit.now.saturating_add(limits::OIDC_CODE_LIFE + limits::OIDC_TOKEN_LIFE),
        ..OidcGrant::default()
    };
    let (tenant, users) = (grant.tenant, Arc::clone(users(&visit.tenant)?));
    let handle = waiting.map(|waiting| waiting.hash);
    let is_given = visit.app.store().write_in(tenant, move |w| -> store::Result<bool> {
        if let Some(handle) = handle {
            w.sign_in_request_take(tenant, &handle)?;
        }
        w.oidc_grant_insert(&users, &grant)
    });
    if !is_given.await? {
        return Ok(Err(Refusal::new("login_required", "the session has just ended")));
    }
    told.step(format!("sends a code for: {}", request.scope));
    Ok(Ok(Next::To(request.to.with(&at.issuer, &[("code", &code.text)]))))
}
