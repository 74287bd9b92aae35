//! `/oidc/logout`: an application has somebody sign out (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Who shows an ID token of the session at hand signs out at once; anybody else could be a page that only wants to
//! annoy, so the person is asked.

use super::keys::{Hint, hint};
use super::refusal::{Refusal, Told};
use super::request::Parameters;
use super::{Addresses, page};
use crate::console::{Icon, Shown, bare, see_other};
use crate::error::Error;
use crate::person::{Person, Visit, end_cookie};
use crate::{limits, query, session};
use axum::body::Body;
use axum::http::{Method, Response};
use maud::html;

/// `GET /oidc/logout`.
pub(super) async fn by_query(visit: Visit) -> Shown {
    let mut told = Told::new(&visit, Method::GET, "/oidc/logout");
    let parameters = match Parameters::read(&visit.query) {
        Ok(parameters) => parameters,
        Err(why) => return Ok(refused(&visit, &mut told, &why)),
    };
    let (hint, next) = match asked(&visit, &parameters).await? {
        Ok(asked) => asked,
        Err(why) => return Ok(refused(&visit, &mut told, &why)),
    };
    match visit.person().await? {
        None => Ok(left(&visit, next.as_deref())),
        Some(person) if hint.as_ref().is_some_and(|hint| hint.sid == person.session.id) => {
            sign_out(&visit, &mut told, &person, next.as_deref(), left(&visit, next.as_deref())).await
        }
        Some(person) => Ok(question(&visit, &person, &parameters)),
    }
}

/// `POST /oidc/logout`: the answer to the question, or an application that prefers forms. The latter's brings no cookie
/// along, so the browser comes again.
pub(super) async fn by_form(visit: Visit, body: Body) -> Shown {
    let mut told = Told::new(&visit, Method::POST, "/oidc/logout");
    let bytes = axum::body::to_bytes(body, limits::OIDC_FORM_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let parameters = match Parameters::read(&text) {
        Ok(parameters) => parameters,
        Err(why) => return Ok(refused(&visit, &mut told, &why)),
    };
    let Some(csrf) = parameters.find("csrf") else {
        let kept = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];
        let pairs = kept.map(|name| (name, parameters.find(name).unwrap_or_default()));
        return Ok(see_other(&query::address(&format!("{}/oidc/logout", visit.tenant.root()), &pairs)));
    };
    let next = match asked(&visit, &parameters).await? {
        Ok((_, next)) => next,
        Err(why) => return Ok(refused(&visit, &mut told, &why)),
    };
    let on = match &next {
        Some(to) => page::on(&visit, "You are signed out", to),
        None => left(&visit, None),
    };
    match visit.person().await? {
        Some(person) if person.sent(&visit.app, csrf) => {
            sign_out(&visit, &mut told, &person, next.as_deref(), on).await
        }
        Some(person) => Ok(question(&visit, &person, &parameters)),
        None => Ok(on),
    }
}

fn refused(visit: &Visit, told: &mut Told<'_>, why: &Refusal) -> Response<Body> {
    told.refused(why, 400);
    page::refused(visit, told.request_id(), why)
}

type Asked = (Option<Hint>, Option<String>);

/// Whom the application takes the person for, and where to go on to: only to what is registered for it.
async fn asked(visit: &Visit, parameters: &Parameters) -> Result<Result<Asked, Refusal>, Error> {
    let (at, tenant) = (Addresses::of(&visit.app, &visit.tenant, &visit.headers)?, visit.tenant.tenant.id);
    let hint = match parameters.find("id_token_hint") {
        Some(text) => hint(&visit.app, tenant, &at.issuer, text).await?,
        None => None,
    };
    let Some(to) = parameters.find("post_logout_redirect_uri") else { return Ok(Ok((hint, None))) };
    let id = parameters.find("client_id").map(str::to_owned).or_else(|| hint.as_ref().map(|hint| hint.aud.clone()));
    if hint.as_ref().is_some_and(|hint| id.as_ref() != Some(&hint.aud)) {
        return Ok(Err(Refusal::request("the id_token_hint is another application's than the client_id")));
    }
    let client = match id {
        Some(id) => visit.app.store().read(move |r| r.oidc_client(tenant, &id)).await?,
        None => None,
    };
    let known = client.is_some_and(|client: store::OidcClient| {
        client.settings.post_logout_redirect_uris.iter().any(|known| known == to)
    });
    if !known {
        let why = "the post_logout_redirect_uri is not registered; send client_id or id_token_hint, and the address as it is registered";
        return Ok(Err(Refusal::request(why)));
    }
    let state = parameters.find("state").unwrap_or_default();
    let more = query::address("", &[("state", state)]);
    let joint = if to.contains('?') { more.replacen('?', "&", 1) } else { more };
    Ok(Ok((hint, Some(format!("{to}{joint}")))))
}

/// Ends the session, and has everybody told who was told of it: the apps, and the identity provider that they came from.
/// The browser goes on to the application when all have been.
async fn sign_out(
    visit: &Visit,
    told: &mut Told<'_>,
    person: &Person,
    next: Option<&str>,
    on: Response<Body>,
) -> Shown {
    let apps = crate::idp::leave(visit, person, next).await?;
    told.person(&person.user.id);
    told.step("signed out");
    told.done(303);
    if let Some(on_to_them) = apps {
        return Ok(on_to_them);
    }
    let elsewhere = match &person.session.saml {
        Some(saml) => crate::saml::leave(visit, saml, next).await?,
        None => None,
    };
    let mut response = elsewhere.unwrap_or(on);
    session::forget(&mut response, end_cookie(&visit.app, &visit.tenant));
    Ok(response)
}

/// Nobody is signed in any more.
fn left(visit: &Visit, next: Option<&str>) -> Response<Body> {
    match next {
        Some(to) => see_other(to),
        None => bare(
            visit.theme,
            "You are signed out",
            html! {
                h1 { "You are signed out" }
                p .lead { "You can close this window." }
            },
        ),
    }
}

fn question(visit: &Visit, person: &Person, parameters: &Parameters) -> Response<Body> {
    let body = html! {
        h1 { "Sign out?" }
        p .lead { "An application asks to sign you out. You are signed in as " strong { (person.label()) } "." }
        form method="post" action={ (visit.tenant.root()) "/oidc/logout" } {
            input type="hidden" name="csrf" value=(person.form_token(&visit.app));
            @for name in ["client_id", "post_logout_redirect_uri", "state", "id_token_hint"] {
                @if let Some(value) = parameters.find(name) { input type="hidden" name=(name) value=(value); }
            }
            button .main.wide type="submit" { (Icon::Out.svg()) "Sign out" }
        }
        div .actions { a .button.wide href={ (visit.tenant.root()) "/me" } { "Stay signed in" } }
    };
    bare(visit.theme, "Sign out?", body)
}
