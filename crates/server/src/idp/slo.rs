//! `/idp/{app}/slo`: an app ends the session here that it was told of (SAML Profiles §4.4), and is answered.
//!
//! A request is believed for its signature alone: what another site posts brings no cookie along. Which session ends is
//! said by its `SessionIndex`, which only those apps hear that the person signed in to; without one it is the session of
//! this browser. The other apps of that session are asked to end theirs before the app is answered (`farewell`), and what
//! they answer comes here, too.

use super::farewell::{self, Audience, Farewell};
use super::page::{Denied, log, not_signed_out};
use super::sso::{integration, usable};
use super::{Addresses, NameIdFormat, SamlApp, said, signing};
use crate::clock::Stopwatch;
use crate::console::Shown;
use crate::error::Result;
use crate::outbound::integration::Integration;
use crate::person::{Visit, users};
use crate::record::Trace;
use crate::saml::{LOGOUT_REMEMBERED, posted_logout, send_logout};
use crate::scim::Asked;
use axum::body::Body;
use axum::http::{Method, Response};
use saml::binding::{Inbound, Kind};
use saml::logout::{LogoutMessage, LogoutRequest, NewLogout};
use saml::{EntityId, Location, Refused, fresh_id};
use std::sync::Arc;
use store::PersonSession;

/// `GET /idp/{app}/slo`.
pub(super) async fn by_query(visit: Visit) -> Shown {
    let inbound = Inbound::from_query(&visit.query);
    asked_for(visit, Method::GET, inbound).await
}

/// `POST /idp/{app}/slo`.
pub(super) async fn by_form(visit: Visit, body: Body) -> Shown {
    asked_for(visit, Method::POST, posted_logout(body).await).await
}

async fn asked_for(visit: Visit, method: Method, inbound: std::result::Result<Inbound, Refused>) -> Shown {
    let asked = Asked::of_page(&visit, method, &visit.path, Stopwatch::start());
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await?;
    let (mut trace, integration) = (Trace::default(), integration(&visit).await?);
    let name = integration.row.name.clone();
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &name)?;
    let done = match inbound {
        Ok(inbound) if inbound.kind() == Kind::Response => {
            farewell::answered(&visit, &integration, &at, &inbound, &mut trace).await?
        }
        inbound => match judged(&visit, &integration, &at, inbound) {
            Ok(asked) => answered(&visit, &integration, asked, &mut trace).await?,
            Err(why) => Err(why),
        },
    };
    match done {
        Ok(response) => {
            log(&visit, &asked, &trace, &name, None, 200);
            Ok(response)
        }
        Err(why) => Ok(not_signed_out(&visit, &asked, &mut trace, &name, &why)),
    }
}

/// What an app asks for, with what is sent back along with the answer.
pub(super) struct Question {
    saml: SamlApp,
    pub(super) request: LogoutRequest,
    pub(super) relay_state: Option<String>,
}

/// The request, if it is the app's.
fn judged(
    visit: &Visit,
    integration: &Integration,
    at: &Addresses,
    inbound: std::result::Result<Inbound, Refused>,
) -> std::result::Result<Question, Denied> {
    let saml = usable(integration)?;
    let inbound = inbound?;
    let peer = saml.logout_peer(Location::parse(&at.slo)?)?.ok_or_else(|| Denied {
        name: "logout_not_set_up",
        fix: "Set the app's Single Logout URL and its signature certificate.".to_owned(),
        told: Some("signing out from this application is not set up"),
    })?;
    let request = LogoutRequest::verify(&inbound, &peer, visit.now)?;
    Ok(Question { saml, request, relay_state: inbound.relay_state().map(str::to_owned) })
}

/// Ends the sessions that are meant, and tells the app.
async fn answered(
    visit: &Visit,
    integration: &Integration,
    question: Question,
    trace: &mut Trace,
) -> Result<std::result::Result<Response<Body>, Denied>> {
    let request = &question.request;
    let Some(sessions) = meant(visit, integration, &question).await? else {
        return Ok(Err(Denied {
            name: "somebody_else",
            fix: "The request names another person than the session belongs to; what the app calls the person may have changed since they signed in.".to_owned(),
            told: None,
        }));
    };
    // A session that it names and that is gone has ended; without a name for one there is nothing to say that of.
    let success = !sessions.is_empty() || !request.session_indexes().is_empty();
    let Some(ended) = end(visit, integration, request, sessions).await? else {
        return Ok(Err(Denied {
            name: "replayed",
            fix: "The request was used before; look at who sent it twice.".to_owned(),
            told: None,
        }));
    };
    trace.step(format!("the app ended {} sessions", ended.len()));
    trace.resource = ended.first().map(|(session, _)| ("User".to_owned(), session.person.clone()));
    let (app, relay) = (&integration.row.name, question.relay_state.as_deref());
    let Some(farewell) = Farewell::of(&question, app, ended) else {
        return Ok(respond(visit, integration, request.id(), success, relay).await?.map_err(Denied::from));
    };
    match farewell.begin(visit).await {
        Ok(page) => Ok(Ok(page)),
        // There is no room to remember the way; the sessions here have ended all the same.
        Err(_) => Ok(respond(visit, integration, request.id(), false, relay).await?.map_err(Denied::from)),
    }
}

/// Tells an app whether all sessions have ended that it asked about.
pub(super) async fn respond(
    visit: &Visit,
    integration: &Integration,
    request: &str,
    success: bool,
    relay_state: Option<&str>,
) -> Result<std::result::Result<Response<Body>, Refused>> {
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &integration.row.name)?;
    let ours = signing(visit).await?;
    let sent = || {
        let saml = SamlApp::of(integration).map_err(|_| Refused::EndpointMissing)?;
        let (issuer, id) = (EntityId::parse(&at.entity_id)?, fresh_id()?);
        let to = Location::parse(saml.logout_url.as_deref().ok_or(Refused::EndpointMissing)?)?;
        let message = LogoutMessage::Response { in_response_to: request, success };
        let new = NewLogout { id: &id, issuer: &issuer, destination: &to, message };
        let (key, words) = (ours.signing().ok_or(Refused::NoKey)?, ("Signing out", "Go back to the application"));
        send_logout(visit, &new, saml.logout_binding, key, relay_state, words)
    };
    Ok(sent())
}

/// The sessions that a request names; nothing if one belongs to somebody whom the app calls otherwise.
async fn meant(visit: &Visit, integration: &Integration, question: &Question) -> Result<Option<Vec<PersonSession>>> {
    let (indexes, name) = (question.request.session_indexes().to_vec(), question.request.name_id().value.clone());
    let here = match indexes.is_empty() {
        true => visit.person().await?.map(|person| PersonSession::clone(&person.session)),
        false => None,
    };
    let (state, of, settings, now) = (Arc::clone(&visit.tenant), integration.clone(), question.saml.clone(), visit.now);
    let read = visit.app.store().read(move |r| -> Result<Option<Vec<PersonSession>>> {
        let mut sessions = Vec::from_iter(here);
        for index in &indexes {
            let found = r.person_session_by_id(state.tenant.id, users(&state)?, index, now)?;
            sessions.extend(found.map(|(session, _)| session));
        }
        // A transient name is another one each time.
        if settings.name_id_format != NameIdFormat::Transient {
            for session in &sessions {
                if said(r, &state, &of, &settings, &session.person, now)?.name_id.value != name {
                    return Ok(None);
                }
            }
        }
        Ok(Some(sessions))
    });
    read.await
}

/// Ends them, and says who was told of them; nothing if the request was taken before, so that an old one does not end
/// what was begun since.
async fn end(
    visit: &Visit,
    integration: &Integration,
    request: &LogoutRequest,
    sessions: Vec<PersonSession>,
) -> Result<Option<Vec<(PersonSession, Audience)>>> {
    // No connection is called like this: the two sides of SAML do not meet.
    let (tenant, whose) = (visit.tenant.tenant.id, format!("idp/{}", integration.row.name));
    let (message, until) = (request.id().to_owned(), visit.now.saturating_add(LOGOUT_REMEMBERED));
    let ended = visit.app.store().write_in(tenant, move |w| -> store::Result<Option<Vec<_>>> {
        if !w.saml_replay_insert(tenant, &whose, &message, until)? {
            return Ok(None);
        }
        let mut ended = Vec::new();
        for session in &sessions {
            let audience = farewell::audience(w, &session.id, tenant)?;
            w.person_session_end(tenant, &session.id)?;
            ended.push((session.clone(), audience));
        }
        Ok(Some(ended))
    });
    Ok(ended.await?)
}
