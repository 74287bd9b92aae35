//! Single logout (SAML Profiles §4.4), by redirect and by form, begun here or at the identity provider.

use super::acs::read;
use super::denied::Denied;
use super::{Addresses, certificates, named, ours, page};
use crate::answer::Answer;
use crate::clock::Stopwatch;
use crate::console::{Shown, see_other};
use crate::error::Error;
use crate::oidc::on;
use crate::person::{Visit, end_cookie};
use crate::record::{self, Trace};
use crate::scim::Asked;
use crate::{limits, session};
use ::saml::SKEW_US;
use ::saml::authn_request::REQUEST_AGE_MAX_US;
use ::saml::binding::{Inbound, Kind};
use ::saml::logout::{LogoutMessage, LogoutRequest, LogoutResponse, NewLogout, Peer};
use ::saml::{EntityId, Keys, Location, NameId, Refused, SigningKey, fresh_id};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use maud::html;
use serde_json::Value;
use store::{SamlBinding, SamlConnection, SamlPurpose, SamlRequest, SamlSession, SessionEnded};

/// How long a logout request is remembered: as long as its date would let it be taken.
pub(crate) const REQUEST_REMEMBERED: i64 = REQUEST_AGE_MAX_US + 2 * SKEW_US;

/// `GET /saml/logout`. Without a message it is somebody who wants to sign out: their own page has the button.
pub(super) async fn by_redirect(visit: Visit) -> Shown {
    if visit.query.is_empty() {
        return Ok(see_other(&format!("{}/me", visit.tenant.root())));
    }
    let inbound = Inbound::from_query(&visit.query);
    message(visit, Method::GET, inbound).await
}

/// `POST /saml/logout`.
pub(super) async fn by_post(visit: Visit, body: Body) -> Shown {
    message(visit, Method::POST, posted(body).await).await
}

/// A request or a response in a form.
pub(crate) async fn posted(body: Body) -> Result<Inbound, Refused> {
    let bytes = axum::body::to_bytes(body, limits::SAML_FORM_BYTES_MAX).await.unwrap_or_default();
    let is_request = bytes.windows(b"SAMLRequest=".len()).any(|window| window == b"SAMLRequest=");
    let kind = if is_request { Kind::Request } else { Kind::Response };
    let posted = read(Body::from(bytes), kind.parameter()).await.ok_or(Refused::NoMessage)?;
    Inbound::from_form(kind, &posted.message, posted.relay_state.as_deref())
}

async fn message(visit: Visit, method: Method, inbound: Result<Inbound, Refused>) -> Shown {
    let asked = Asked::of_page(&visit, method, &visit.path, Stopwatch::start());
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await?;
    let (mut trace, id) = (Trace::default(), named(&visit).to_owned());
    // A connection that is switched off may still end sessions.
    let (tenant, name) = (visit.tenant.tenant.id, id.clone());
    let Some(connection) = visit.app.store().read(move |r| r.saml_connection(tenant, &name)).await? else {
        return page::denied(&visit, &asked, &mut trace, &id, Denied::NoConnection);
    };
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &id)?;
    let peer = peer(&connection, &at);
    let (inbound, peer) = match inbound.and_then(|inbound| Ok((inbound, peer?))) {
        Ok(both) => both,
        Err(why) => return page::denied(&visit, &asked, &mut trace, &id, why.into()),
    };
    let done = match inbound.kind() {
        Kind::Request => asked_for(&visit, &connection, &at, &inbound, &peer, &mut trace).await?,
        Kind::Response => answered(&visit, &connection, &inbound, &peer, &mut trace).await?,
    };
    match done {
        Err(why) => page::denied(&visit, &asked, &mut trace, &id, why),
        Ok(response) => {
            let actor = page::actor(&id);
            record::later(&visit.app, &visit.tenant, &asked, Some(&actor), &trace, &Answer::empty(200), visit.now);
            Ok(response)
        }
    }
}

fn peer(connection: &SamlConnection, at: &Addresses) -> Result<Peer, Refused> {
    Ok(Peer {
        entity_id: EntityId::parse(&connection.settings.entity_id)?,
        keys: Keys::of_certificates(&certificates(&connection.settings)?)?,
        our_location: Location::parse(&at.logout)?,
    })
}

/// The identity provider ends sessions, and is told that they ended.
async fn asked_for(
    visit: &Visit,
    connection: &SamlConnection,
    at: &Addresses,
    inbound: &Inbound,
    peer: &Peer,
    trace: &mut Trace,
) -> Result<Result<Response<Body>, Denied>, Error> {
    let request = match LogoutRequest::verify(inbound, peer, visit.now) {
        Ok(request) => request,
        Err(why) => return Ok(Err(why.into())),
    };
    let (tenant, id) = (visit.tenant.tenant.id, connection.id.clone());
    let (name, indexes) = (request.name_id().value.clone(), request.session_indexes().to_vec());
    let (message, until) = (request.id().to_owned(), visit.now.saturating_add(REQUEST_REMEMBERED));
    let ended = visit
        .app
        .store()
        .write_in(tenant, move |w| -> store::Result<Option<Vec<SessionEnded>>> {
            // Whoever sends an old message again must not end the session that the person has begun since.
            let is_first = w.saml_replay_insert(tenant, &id, &message, until)?;
            is_first.then(|| w.person_sessions_logout(tenant, &id, &name, &indexes)).transpose()
        })
        .await?;
    let Some(ended) = ended else { return Ok(Err(Denied::Replayed)) };
    trace.step(format!("the identity provider ended {} sessions", ended.len()));
    trace.resource = ended.first().map(|session| ("User".to_owned(), session.person.clone()));
    let relay = inbound.relay_state();
    match crate::idp::pass_on(visit, &ended, (&connection.id, request.id(), relay)).await {
        Some(on_to_the_apps) => Ok(Ok(on_to_the_apps)),
        None => reply(visit, connection, at, (request.id(), true), relay).await,
    }
}

/// The apps of a session that the identity provider has ended were asked: it hears whether all have agreed.
pub(crate) async fn heard(
    visit: &Visit,
    connection: &str,
    request: &str,
    success: bool,
    relay_state: Option<&str>,
) -> Result<Response<Body>, Error> {
    let (tenant, id) = (visit.tenant.tenant.id, connection.to_owned());
    let Some(connection) = visit.app.store().read(move |r| r.saml_connection(tenant, &id)).await? else {
        return Ok(signed_out(visit));
    };
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &connection.id)?;
    let told = reply(visit, &connection, &at, (request, success), relay_state).await?;
    Ok(told.unwrap_or_else(|_| signed_out(visit)))
}

/// Tells the identity provider whether the sessions have ended, here and at the apps.
async fn reply(
    visit: &Visit,
    connection: &SamlConnection,
    at: &Addresses,
    (request, success): (&str, bool),
    relay_state: Option<&str>,
) -> Result<Result<Response<Body>, Denied>, Error> {
    let message = LogoutMessage::Response { in_response_to: request, success };
    let keys = ours(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?;
    let to = connection.settings.logout_response_url.as_ref().or(connection.settings.logout_url.as_ref());
    let (Some(to), Some(key)) = (to, keys.signing()) else {
        // Nowhere to answer to: they are signed out all the same.
        return Ok(Ok(signed_out(visit)));
    };
    let sent = fresh_id().and_then(|id| to_peer(visit, connection, at, (to, key), (&id, message), relay_state));
    Ok(sent
        .map(|mut response| {
            session::forget(&mut response, end_cookie(&visit.app, &visit.tenant));
            response
        })
        .map_err(Denied::from))
}

/// The identity provider says that its own session ended, or not.
async fn answered(
    visit: &Visit,
    connection: &SamlConnection,
    inbound: &Inbound,
    peer: &Peer,
    trace: &mut Trace,
) -> Result<Result<Response<Body>, Denied>, Error> {
    let tenant = visit.tenant.tenant.id;
    let relay = inbound.relay_state().unwrap_or_default().to_owned();
    let known = visit.app.store().read(move |r| r.saml_request(tenant, &relay)).await?;
    let is_this = |request: &SamlRequest| {
        request.purpose == "logout" && request.connection == connection.id && request.expires_at > visit.now
    };
    let Some(known) = known.filter(is_this) else { return Ok(Err(Denied::RelayState)) };
    let response = match LogoutResponse::verify(inbound, peer, &known.id, visit.now) {
        Ok(response) => response,
        Err(why) => return Ok(Err(why.into())),
    };
    let (id, next) = (known.id, known.target);
    visit
        .app
        .store()
        .write_in(tenant, move |w| w.saml_request_take(tenant, &id))
        .await
        .map_err(|error: store::Error| error)?;
    let success = response.success();
    trace.step(match success {
        true => "the identity provider ended its session as well".to_owned(),
        false => format!("the identity provider did not end all of its sessions: {}", response.status().join(", ")),
    });
    if !next.is_empty() {
        return Ok(Ok(on(visit, "You are signed out", &next)));
    }
    if success {
        return Ok(Ok(signed_out(visit)));
    }
    Ok(Ok(page::said(
        visit,
        "You are signed out here",
        html! {
            p .lead { "The identity provider could not sign you out everywhere." }
            p { "Close the browser to be sure." }
        },
    )))
}

fn signed_out(visit: &Visit) -> Response<Body> {
    page::said(visit, "You are signed out", html! { p .lead { "Here and at the identity provider." } })
}

/// Signs somebody out at the identity provider as well, whose session here has just ended. Nothing if they did not come
/// from there, or there is nothing to tell it by. Behind it they go on to the application that waits at `next`.
pub(crate) async fn leave(
    visit: &Visit,
    saml: &SamlSession,
    next: Option<&str>,
) -> Result<Option<Response<Body>>, Error> {
    let (tenant, id) = (visit.tenant.tenant.id, saml.connection.clone());
    let found = visit.app.store().read(move |r| r.saml_connection(tenant, &id)).await?;
    let Some(connection) = found.filter(|found| found.settings.logout_url.is_some()) else { return Ok(None) };
    let keys = ours(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?;
    let Some(key) = keys.signing() else { return Ok(None) };
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &connection.id)?;
    let Ok((request_id, response)) = goodbye(visit, &connection, &at, key, saml) else { return Ok(None) };
    let request = SamlRequest {
        tenant,
        relay: request_id.clone(),
        id: request_id,
        connection: connection.id,
        purpose: "logout".to_owned(),
        target: next.unwrap_or_default().to_owned(),
        created_at: visit.now,
        expires_at: visit.now.saturating_add(limits::SAML_REQUEST_LIFE),
        ..SamlRequest::default()
    };
    visit.app.store().write_in(tenant, move |w| w.saml_request_insert(&request)).await?;
    Ok(Some(response))
}

/// A request to end the session there. Its RelayState is its ID: the handle that it is stored by.
fn goodbye(
    visit: &Visit,
    connection: &SamlConnection,
    at: &Addresses,
    key: &SigningKey,
    saml: &SamlSession,
) -> Result<(String, Response<Body>), Refused> {
    let about: Value = serde_json::from_str(&saml.name_id_about).unwrap_or_default();
    let part = |name: &str| about.get(name).and_then(Value::as_str).map(str::to_owned);
    let name_id = NameId {
        value: saml.name_id.clone(),
        format: part("format"),
        name_qualifier: part("nameQualifier"),
        sp_name_qualifier: part("spNameQualifier"),
    };
    let message = LogoutMessage::Request { name_id: &name_id, session_index: saml.session_index.as_deref() };
    let to = connection.settings.logout_url.as_ref().ok_or(Refused::EndpointMissing)?;
    let id = fresh_id()?;
    let response = to_peer(visit, connection, at, (to, key), (&id, message), Some(&id))?;
    Ok((id, response))
}

fn to_peer(
    visit: &Visit,
    connection: &SamlConnection,
    at: &Addresses,
    (to, key): (&String, &SigningKey),
    (id, message): (&str, LogoutMessage<'_>),
    relay_state: Option<&str>,
) -> Result<Response<Body>, Refused> {
    let (issuer, destination) = (EntityId::parse(&at.entity_id)?, Location::parse(to)?);
    let new = NewLogout { id, issuer: &issuer, destination: &destination, message };
    let words = ("Signing out", "Go on to the identity provider");
    send(visit, &new, connection.settings.logout_binding, key, relay_state, words)
}

/// Has the browser take a message to the other side, signed.
pub(crate) fn send(
    visit: &Visit,
    new: &NewLogout<'_>,
    binding: SamlBinding,
    key: &SigningKey,
    relay_state: Option<&str>,
    words: (&str, &str),
) -> Result<Response<Body>, Refused> {
    let is_request = matches!(new.message, LogoutMessage::Request { .. });
    match binding {
        SamlBinding::Redirect => {
            let url = new.redirect_url(relay_state, key, visit.now)?;
            if is_request {
                // This answers a form of ours, whose policy would hold for the redirect.
                return Ok(page::go_on(visit, &url, words));
            }
            let to = HeaderValue::from_str(&url).map_err(|_| Refused::LocationNotAllowed)?;
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
        }
        SamlBinding::Post => {
            let field = new.form_field(key, visit.now)?;
            let name = if is_request { "SAMLRequest" } else { "SAMLResponse" };
            let mut fields = vec![(name, field.as_str())];
            fields.extend(relay_state.map(|relay| ("RelayState", relay)));
            Ok(page::post_on(visit, new.destination.as_str(), &fields, words))
        }
    }
}
