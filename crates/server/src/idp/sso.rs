//! `/idp/{app}/sso`: an app asks who somebody is, or they go to the app from here.

use super::page::{Denied, denied, log, unusable};
use super::{Addresses, SamlApp, farewell, said, signing};
use crate::clock::Stopwatch;
use crate::console::{Fault, Shown, see_other};
use crate::error::Error;
use crate::outbound::integration::Integration;
use crate::person::{Person, Visit, ask_later, sign_in_address};
use crate::record::Trace;
use crate::saml::{post_on, read_form};
use crate::scim::Asked;
use crate::{query, token};
use axum::body::Body;
use axum::http::{Method, Response};
use saml::authn_request::AuthnRequest;
use saml::binding::{Inbound, Kind, form_field};
use saml::issue::{Failure, Ids, Login, Recipient, authn_context, refusal, response};
use saml::{EntityId, Location, Refused, fresh_id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{AppRow, SignInRequest};

const PURPOSE: &str = "saml";

/// What is answered, as it is kept while the person signs in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    app: String,
    /// The request's ID; none where sign-in starts here.
    id: Option<String>,
    /// Where the answer goes: out of the app's settings, and looked up there again.
    acs: String,
    relay_state: Option<String>,
    force_authn: bool,
    is_passive: bool,
}

/// The app that the address names.
pub(super) async fn integration(visit: &Visit) -> Result<Integration, Fault> {
    let found = app_named(visit, visit.path.split('/').nth(2).unwrap_or_default()).await?;
    found.ok_or_else(|| Fault::missing("there is no app of this name"))
}

/// An app of the tenant.
pub(super) async fn app_named(visit: &Visit, name: &str) -> Result<Option<Integration>, Error> {
    let (tenant, name) = (visit.tenant.tenant.id, name.to_owned());
    let row: Option<AppRow> = visit.app.store().read(move |r| r.app_named(tenant, &name)).await?;
    row.map(Integration::of).transpose()
}

/// `GET /idp/{app}/sso`: a request in the query, or a person who follows the app's link.
pub(super) async fn by_query(visit: Visit) -> Shown {
    let asks = query::pairs(&visit.query).any(|(name, _)| name == "SAMLRequest");
    let inbound = asks.then(|| Inbound::from_query(&visit.query));
    begin(visit, Method::GET, inbound).await
}

/// `POST /idp/{app}/sso`. What another site posts brings no cookie along, so the browser comes again by itself.
pub(super) async fn by_form(visit: Visit, body: Body) -> Shown {
    begin(visit, Method::POST, Some(posted(body).await)).await
}

/// A request in a form.
async fn posted(body: Body) -> Result<Inbound, Refused> {
    let posted = read_form(body, Kind::Request.parameter()).await.ok_or(Refused::NoMessage)?;
    Inbound::from_form(Kind::Request, &posted.message, posted.relay_state.as_deref())
}

async fn begin(visit: Visit, method: Method, inbound: Option<Result<Inbound, Refused>>) -> Shown {
    let asked = Asked::of_page(&visit, method.clone(), &visit.path, Stopwatch::start());
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await?;
    let mut trace = Trace::default();
    let integration = integration(&visit).await?;
    let name = integration.row.name.clone();
    let saml = match usable(&integration) {
        Ok(saml) => saml,
        Err(why) => return Ok(denied(&visit, &asked, &mut trace, &name, &why)),
    };
    let question = match question(&visit, &name, &saml, inbound)? {
        Ok(question) => question,
        Err(why) => return Ok(denied(&visit, &asked, &mut trace, &name, &why)),
    };
    if method == Method::POST {
        return Ok(see_other(&wait(&visit, &question).await?));
    }
    answer(&visit, &asked, &mut trace, &integration, &saml, question, None).await
}

/// `GET /idp/{app}/continue?request=…`: somebody comes back from signing in.
pub(super) async fn go_on(visit: Visit) -> Shown {
    let asked = Asked::of_page(&visit, Method::GET, &visit.path, Stopwatch::start());
    let mut trace = Trace::default();
    let integration = integration(&visit).await?;
    let name = integration.row.name.clone();
    let hash = token::hash(&query::value(&visit.query, "request").unwrap_or_default());
    let (tenant, now) = (visit.tenant.tenant.id, visit.now);
    let waiting: Option<SignInRequest> =
        visit.app.store().read(move |r| r.sign_in_request(tenant, PURPOSE, &hash, now)).await?;
    let kept = waiting.and_then(|w| Some((serde_json::from_str::<Question>(&w.asked).ok()?, w)));
    let saml = usable(&integration);
    match (kept.filter(|(question, _)| question.app == name), saml) {
        (Some((question, waiting)), Ok(saml)) => {
            answer(&visit, &asked, &mut trace, &integration, &saml, question, Some(waiting)).await
        }
        (_, Err(why)) => Ok(denied(&visit, &asked, &mut trace, &name, &why)),
        (None, _) => Ok(denied(&visit, &asked, &mut trace, &name, &not_waiting())),
    }
}

fn not_waiting() -> Denied {
    Denied {
        name: "request_unknown",
        fix: "The request was answered already, or signing in took longer than ten minutes.".to_owned(),
        told: Some("signing in took too long, or was done already; start again in the application"),
    }
}

/// The settings of an app that people can sign in to.
pub(super) fn usable(integration: &Integration) -> Result<SamlApp, Denied> {
    let denied = |fix: String| Denied {
        name: "app_not_set_up",
        fix,
        told: Some("signing in to this application is not set up"),
    };
    let saml = SamlApp::of(integration).map_err(denied)?;
    if saml.is_set() { Ok(saml) } else { Err(denied("Set the app's Single sign on URL and Audience URI.".to_owned())) }
}

fn question(
    visit: &Visit,
    name: &str,
    saml: &SamlApp,
    inbound: Option<Result<Inbound, Refused>>,
) -> Result<Result<Question, Denied>, Error> {
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, name)?;
    let read = || -> Result<Question, Refused> {
        let app = saml.service_provider()?;
        let Some(inbound) = inbound else {
            return Ok(Question {
                app: name.to_owned(),
                id: None,
                acs: app.default_acs()?.as_str().to_owned(),
                relay_state: saml.relay_state.clone(),
                force_authn: false,
                is_passive: false,
            });
        };
        let request = AuthnRequest::verify(&inbound?, &app, &Location::parse(&at.sso)?, visit.now)?;
        Ok(Question {
            app: name.to_owned(),
            id: Some(request.id().to_owned()),
            acs: request.acs().as_str().to_owned(),
            relay_state: request.relay_state().map(str::to_owned),
            force_authn: request.force_authn(),
            is_passive: request.is_passive(),
        })
    };
    Ok(read().map_err(Denied::from))
}

/// Keeps the question; the path to come back to.
async fn wait(visit: &Visit, question: &Question) -> Result<String, Error> {
    let handle = ask_later(visit, PURPOSE, serde_json::to_string(question).unwrap_or_default()).await?;
    Ok(format!("{}/idp/{}/continue?request={handle}", visit.tenant.root(), question.app))
}

async fn answer(
    visit: &Visit,
    asked: &Asked,
    trace: &mut Trace,
    integration: &Integration,
    saml: &SamlApp,
    question: Question,
    waiting: Option<SignInRequest>,
) -> Shown {
    let person = visit.person().await?;
    let is_new = |person: &Person| waiting.as_ref().is_some_and(|w| person.session.created_at >= w.created_at);
    let Some(person) = person.filter(|person| !question.force_authn || is_new(person)) else {
        if question.is_passive {
            return passive(visit, asked, trace, saml, &question).await;
        }
        // Somebody who came back keeps the handle that they came with.
        let next = match &waiting {
            Some(_) => format!("{}{}?{}", visit.tenant.root(), visit.path, visit.query),
            None => wait(visit, &question).await?,
        };
        return Ok(see_other(&sign_in_address(visit, &next, question.force_authn)));
    };
    trace.resource = Some(("User".to_owned(), person.user.id.clone()));
    let (state, of, settings, id, now) =
        (Arc::clone(&visit.tenant), integration.clone(), saml.clone(), person.user.id.clone(), visit.now);
    let said = visit.app.store().read(move |r| said(r, &state, &of, &settings, &id, now)).await?;
    said.problems.iter().for_each(|problem| trace.step(problem.clone()));
    if let Err(why) = said.may {
        let told = match integration.options.deactivated {
            true => "this application is out of use",
            false => "you are not assigned to this application",
        };
        let why = Denied { name: "person_not_allowed", fix: format!("Nothing was sent: {why}."), told: Some(told) };
        return Ok(denied(visit, asked, trace, &integration.row.name, &why));
    }
    let login = Login {
        name_id: &said.name_id,
        attributes: &said.attributes,
        session_index: &person.session.id,
        authenticated_at: person.session.authenticated_at,
        authn_context: match person.session.method.as_str() {
            "password" => authn_context::PASSWORD,
            _ => authn_context::UNSPECIFIED,
        },
        session_ends_at: Some(person.session.expires_at),
    };
    // Before the app hears of the session: it has to hear of the end as well.
    farewell::remember(visit, &person.session.id, &integration.row.name, &said.name_id).await?;
    let page = match send(visit, saml, &question, Some(&login)).await? {
        Ok(page) => page,
        Err(why) => return Ok(denied(visit, asked, trace, &integration.row.name, &why.into())),
    };
    if let Some(SignInRequest { tenant, hash, .. }) = waiting {
        let taken = visit.app.store().write_in(tenant, move |w| w.sign_in_request_take(tenant, &hash));
        // Of two answers at once one is sent.
        if !taken.await.map_err(|error: store::Error| error)? {
            return Ok(denied(visit, asked, trace, &integration.row.name, &not_waiting()));
        }
    }
    trace.step(format!("the app is told that this is {}", said.name_id.value));
    log(visit, asked, trace, &integration.row.name, None, 200);
    Ok(page)
}

/// Nobody is signed in and nobody may be asked: the app hears that.
async fn passive(visit: &Visit, asked: &Asked, trace: &mut Trace, saml: &SamlApp, question: &Question) -> Shown {
    trace.step("nobody is signed in, and IsPassive forbids to ask");
    log(visit, asked, trace, &question.app, None, 200);
    send(visit, saml, question, None).await?.map_err(unusable)
}

/// A page that posts the answer to the app; without a login it says no.
async fn send(
    visit: &Visit,
    saml: &SamlApp,
    question: &Question,
    login: Option<&Login<'_>>,
) -> Result<Result<Response<Body>, Refused>, Error> {
    let ours = signing(visit).await?;
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &question.app)?;
    let written = || -> Result<String, Refused> {
        let app = saml.service_provider()?;
        // Looked up again: the settings may have changed while the person signed in.
        let acs = app.acs.iter().find(|acs| acs.location.as_str() == question.acs).ok_or(Refused::AcsNotRegistered)?;
        let encrypt_to = saml.encrypts_to()?.map(|certificate| certificate.key().clone());
        let recipient = Recipient {
            service_provider: &app.entity_id,
            acs: &acs.location,
            in_response_to: question.id.as_deref(),
            sign: saml.sign(),
            encrypt_to: encrypt_to.as_ref(),
        };
        let (issuer, key) = (EntityId::parse(&at.entity_id)?, ours.signing().ok_or(Refused::NoKey)?);
        let (response_id, assertion_id) = (fresh_id()?, fresh_id()?);
        match login {
            Some(login) => {
                let ids = Ids { response: &response_id, assertion: &assertion_id };
                response(&issuer, key, &recipient, login, ids, visit.now)
            }
            None => refusal(&issuer, key, &recipient, Failure::NoPassive, &response_id, visit.now),
        }
    };
    let field = match written() {
        Ok(xml) => form_field(&xml),
        Err(why) => return Ok(Err(why)),
    };
    let mut fields = vec![("SAMLResponse", field.as_str())];
    fields.extend(question.relay_state.as_deref().map(|relay| ("RelayState", relay)));
    Ok(Ok(post_on(visit, &question.acs, &fields, ("Signing in", "Continue to the application"))))
}
