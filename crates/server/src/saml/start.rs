//! `/saml/login`: a request to the identity provider, remembered, and bound to the browser that it is made with.
//!
//! The binding is a cookie of its own. The answer is posted by a page of another site, so the cookie has to be
//! `SameSite=None`, which browsers take with `Secure` only. On this machine they count plain http as secure (Chromium and
//! Firefox do, for `localhost` and 127.0.0.1), so trying it out works there as it is.

use super::page;
use super::{Addresses, ours};
use crate::app::App;
use crate::console::Shown;
use crate::error::{Error, Result};
use crate::person::{Visit, has_room, too_many};
use crate::session::{cookie, is_https, random_text};
use crate::{limits, query, token};
use ::saml::authn_request::NewAuthnRequest;
use ::saml::{EntityId, Location, Refused, fresh_id};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use scim::Code;
use store::{SamlBinding, SamlConnection, SamlPurpose, SamlRequest};

/// What a request is made for.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// Somebody signs in, and goes on to this path.
    SignIn(String),
    /// The same, by whom proves anew who they are.
    Again(String),
    /// An operator tries the connection out.
    Test,
}

impl Start {
    /// The purpose, and where its end is shown.
    fn parts(self, connection: &str, request: &str) -> (&'static str, String) {
        match self {
            Self::SignIn(next) => ("sign_in", next),
            Self::Again(next) => (AGAIN, next),
            Self::Test => ("test", format!("/app/saml/connections/{connection}/tests/{request}")),
        }
    }
}

/// A sign-in that has people prove who they are anew.
const AGAIN: &str = "sign_in_again";

/// `GET /saml/login`. `next` is a path of ours to go on to; with `again` people prove anew who they are.
pub(super) async fn login(visit: Visit) -> Shown {
    let connection = match super::connection(&visit).await? {
        Ok(connection) => connection,
        Err(_) => return Ok(page::nothing_here(&visit)),
    };
    let home = format!("{}/me", visit.tenant.root());
    let next = query::value(&visit.query, "next").filter(|next| is_inside(next)).unwrap_or(home);
    let again = query::value(&visit.query, "again").is_some();
    begin(&visit, &connection, if again { Start::Again(next) } else { Start::SignIn(next) }).await
}

/// Only a path of this server: `//host` and `https:` would lead away from it.
pub(crate) fn is_inside(next: &str) -> bool {
    next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']) && next.len() <= 2_048
}

/// Makes a request, remembers it and sends the browser off with it.
pub(crate) async fn begin(visit: &Visit, connection: &SamlConnection, start: Start) -> Shown {
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &connection.id)?;
    let (browser, cookie) = browser(&visit.app, &visit.headers)?;
    let id = fresh_id().map_err(page::unusable)?;
    let (purpose, target) = start.parts(&connection.id, &id);
    let request = SamlRequest {
        tenant: visit.tenant.tenant.id,
        id,
        connection: connection.id.clone(),
        purpose: purpose.to_owned(),
        browser: token::hash(&browser),
        relay: random_text()?,
        target,
        created_at: visit.now,
        expires_at: visit.now.saturating_add(limits::SAML_REQUEST_LIFE),
        network: visit.origin.network(),
    };
    let ours = if connection.settings.sign_requests {
        ours(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?
    } else {
        super::Ours::default()
    };
    let mut response = sent(visit, connection, &at, &request, &ours).map_err(page::unusable)?;
    let kept = visit.app.store().write_in(request.tenant, move |w| -> store::Result<bool> {
        let has_room = has_room(w, &request.network, request.created_at)?;
        if has_room {
            w.saml_request_insert(&request)?;
        }
        Ok(has_room)
    });
    if !kept.await? {
        return Err(too_many().into());
    }
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

fn sent(
    visit: &Visit,
    connection: &SamlConnection,
    at: &Addresses,
    request: &SamlRequest,
    ours: &super::Ours,
) -> std::result::Result<Response<Body>, Refused> {
    let settings = &connection.settings;
    let (issuer, acs) = (EntityId::parse(&at.entity_id)?, Location::parse(&at.acs)?);
    let destination = Location::parse(&settings.sign_on_url)?;
    let new = NewAuthnRequest {
        id: &request.id,
        issuer: &issuer,
        destination: &destination,
        acs: &acs,
        name_id_format: settings.name_id_format.as_deref(),
        force_authn: settings.force_authn || request.purpose == AGAIN,
        is_passive: false,
        authn_contexts: &[],
    };
    let key = if settings.sign_requests { Some(ours.signing().ok_or(Refused::NoKey)?) } else { None };
    match settings.sign_on_binding {
        SamlBinding::Redirect => {
            let url = new.redirect_url(Some(&request.relay), key, visit.now)?;
            let to = HeaderValue::from_str(&url).map_err(|_| Refused::LocationNotAllowed)?;
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
        }
        SamlBinding::Post => {
            let field = new.form_field(key, visit.now)?;
            let fields = [("SAMLRequest", field.as_str()), ("RelayState", request.relay.as_str())];
            Ok(page::post_on(visit, destination.as_str(), &fields, ("Signing in", "Continue to the identity provider")))
        }
    }
}

fn cookie_name(app: &App) -> &'static str {
    if is_https(app) { "__Host-provost-saml" } else { "provost-saml" }
}

/// What a browser is known by, if it has made a request lately.
pub(super) fn known_browser(app: &App, headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie(headers, cookie_name(app)).map(token::hash)
}

/// What a browser is known by from now on: several tabs may sign in at once.
fn browser(app: &App, headers: &HeaderMap) -> Result<(String, HeaderValue)> {
    let known = cookie(headers, cookie_name(app)).filter(|value| value.len() == 43).map(str::to_owned);
    let value = known.map_or_else(random_text, Ok)?;
    let seconds = limits::SAML_REQUEST_LIFE / 1_000_000;
    let name = cookie_name(app);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=None; Secure; Max-Age={seconds}");
    let cookie = HeaderValue::from_str(&text);
    Ok((value, cookie.map_err(|_| Error::new(Code::INTERNAL, "the cookie cannot be written"))?))
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert!(["/me", "/t/a/me?x=1"].into_iter().all(is_inside));
        assert!(
            !["//evil.example", "https://evil.example", "/\\evil", "", "javascript:x", "/a\nb"]
                .into_iter()
                .any(is_inside)
        );
    }
}
