//! `/saml/acs`: takes an answer, judges it, and lets the person in or says nothing.

use super::arrive::{self, Arrival};
use super::denied::Denied;
use super::start::known_browser;
use super::{Addresses, checks, connection, named, ours, page, trusted};
use crate::console::{Shown, see_other};
use crate::error::Error;
use crate::events::Topic;
use crate::limits;
use crate::person::Visit;
use crate::record::Trace;
use crate::scim::Asked;
use crate::{clock::Stopwatch, query};
use ::saml::{Connection, Outstanding, VerifiedAssertion, response};
use axum::body::Body;
use axum::http::{Method, header};
use std::sync::Arc;
use store::{SamlConnection, SamlPurpose, SamlRequest};

/// `GET /saml/acs`: somebody typed the address, or followed a link to it.
pub(super) async fn no_message(visit: Visit) -> Shown {
    Ok(see_other(&format!("{}/me", visit.tenant.root())))
}

/// What was posted.
pub(crate) struct Posted {
    pub(crate) message: String,
    pub(crate) relay_state: Option<String>,
}

/// `POST /saml/acs` (SAML Bindings §3.5).
pub(super) async fn consume(visit: Visit, body: Body) -> Shown {
    let asked = Arc::new(Asked::of_page(&visit, Method::POST, &visit.path, Stopwatch::start()));
    let mut trace = Trace::default();
    let id = named(&visit).to_owned();
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await?;
    let connection = match connection(&visit).await? {
        Ok(connection) => connection,
        Err(why) => return page::denied(&visit, &asked, &mut trace, &id, why),
    };
    let Some(posted) = read(body, "SAMLResponse").await else {
        return page::denied(&visit, &asked, &mut trace, &id, Denied::Form);
    };
    let answered = outstanding(&visit, &connection, &posted).await?;
    trace.step(match &answered {
        Some(request) => format!("answers the request {} of this browser", request.id),
        None => "answers no request of this browser".to_owned(),
    });
    let ours = ours(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?;
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &connection.id)?;
    let trusted = trusted(&connection.settings, &at, ours).map_err(page::unusable)?;
    let judged = judge(&visit, &trusted, &posted, answered.as_ref());
    if let Some(request) = answered.as_ref().filter(|request| request.purpose == "test") {
        return tested(&visit, &connection, request, &posted, judged).await;
    }
    let assertion = match judged {
        Ok(assertion) => assertion,
        Err(why) => return page::denied(&visit, &asked, &mut trace, &id, why),
    };
    trace.step(format!("the assertion {} is good", assertion.id()));
    let arrival = Arrival { connection, assertion, answered };
    match arrive::sign_in(&visit, &asked, &mut trace, arrival).await {
        Ok((cookie, target)) => {
            visit.app.events().publish(visit.tenant.tenant.id, Topic::Log(trace.seq));
            let mut response = see_other(&target);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => page::refused(&visit, &asked, &trace, &id, error),
    }
}

/// The fields of the form, each at most once; nothing if it is no such form.
pub(crate) async fn read(body: Body, field: &str) -> Option<Posted> {
    let bytes = axum::body::to_bytes(body, limits::SAML_FORM_BYTES_MAX).await.ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let (mut message, mut relay_state) = (None, None);
    for (name, value) in query::pairs(text) {
        let slot = match name.as_str() {
            name if name == field => &mut message,
            "RelayState" => &mut relay_state,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Posted { message: message?, relay_state: relay_state.filter(|relay| !relay.is_empty()) })
}

/// The request that the message says it answers, if this browser made it for this connection. Who says so is not
/// believed: `verify` compares again.
async fn outstanding(
    visit: &Visit,
    connection: &SamlConnection,
    posted: &Posted,
) -> Result<Option<SamlRequest>, Error> {
    let Some(id) = response::peek(&posted.message).ok().and_then(|hints| hints.in_response_to) else {
        return Ok(None);
    };
    let Some(browser) = known_browser(&visit.app, &visit.headers) else { return Ok(None) };
    let tenant = visit.tenant.tenant.id;
    let found = visit.app.store().read(move |r| r.saml_request(tenant, &id)).await?;
    let is_this = |request: &SamlRequest| {
        request.connection == connection.id && request.browser == browser && request.purpose != "logout"
    };
    Ok(found.filter(is_this))
}

/// The message alone: nothing of this needs a memory but the request.
fn judge(
    visit: &Visit,
    trusted: &Connection,
    posted: &Posted,
    answered: Option<&SamlRequest>,
) -> Result<VerifiedAssertion, Denied> {
    let outstanding = answered.map(|r| Outstanding { id: r.id.clone(), expires_at: r.expires_at });
    let assertion = response::verify(&posted.message, trusted, outstanding.as_ref(), visit.now)?;
    // What the other side sends along by itself is not read at all; what went with our request has to come back.
    let changed = answered.zip(posted.relay_state.as_ref()).is_some_and(|(request, relay)| request.relay != *relay);
    if changed { Err(Denied::RelayState) } else { Ok(assertion) }
}

/// A test signs nobody in: what came of it is kept for the operator who started it.
async fn tested(
    visit: &Visit,
    connection: &SamlConnection,
    request: &SamlRequest,
    posted: &Posted,
    judged: Result<VerifiedAssertion, Denied>,
) -> Shown {
    let (tenant, id) = (visit.tenant.tenant.id, request.id.clone());
    visit.app.store().write_in(tenant, move |w| w.saml_request_take(tenant, &id)).await.map_err(|e: store::Error| e)?;
    let judged = match judged {
        Ok(assertion) => {
            let welcome = arrive::rehearse(visit, connection, &assertion).await?;
            Ok((assertion, welcome))
        }
        Err(why) => Err(why),
    };
    let outcome = checks(connection, &request.id, &posted.message, judged, visit.now);
    visit.app.saml_tests().keep(tenant, outcome);
    Ok(see_other(&request.target))
}
