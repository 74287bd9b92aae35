//! The apps of a session hear that it has ended (SAML Profiles §4.4), by whichever door it did: an app that asks, the
//! person's own page, an application of OpenID Connect, the identity provider that they came from. The browser takes a
//! signed request to one app after the other, and in the end the answer to whoever asked.
//!
//! What is still to be done waits in the database under a handle, which travels as `RelayState` and is another one after
//! each step. The sessions here have ended before the first step, so an app that does not answer keeps nobody signed in.
//!
//! Invariant: what an app calls the person is said to the browser alone that the session was of, by its cookie. An app
//! that has no logout URL, does not agree or is asked by another browser makes the answer a partial logout.

use super::page::{Denied, log};
use super::slo::{Question, respond};
use super::{Addresses, SamlApp, sso};
use crate::clock::Stopwatch;
use crate::console::{Shown, see_other};
use crate::error::Result;
use crate::oidc::on;
use crate::outbound::integration::Integration;
use crate::person::{Person, Visit, ask_later, ask_on, end_cookie};
use crate::record::Trace;
use crate::saml::{said_page, send_logout};
use crate::scim::Asked;
use crate::{limits, query, saml as provider, token};
use axum::body::Body;
use axum::http::{Method, Response, header};
use maud::html;
use saml::binding::Inbound;
use saml::logout::{LogoutMessage, LogoutResponse, NewLogout};
use saml::{EntityId, Location, NameId, Refused, fresh_id};
use serde::{Deserialize, Serialize};
use store::{PersonSession, SamlSession, SessionEnded, Writer};

const PURPOSE: &str = "farewell";

/// An app that was told of a session, and what it calls the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    app: String,
    name: String,
    format: Option<String>,
}

/// All that were told of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Audience {
    apps: Vec<Told>,
    /// Whether there were more than are kept.
    more: bool,
}

/// What is still to be said of a session that has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Farewell {
    /// Whose session it was: the hash of its cookie.
    browser: [u8; 32],
    /// What the apps know it by.
    index: String,
    /// Who asked, and hears of the end: the app, its request's ID, its RelayState.
    asker: Option<(String, String, Option<String>)>,
    /// Where the person came from, when they sign out at their own page: connection, name, about it, session.
    onward: Option<(String, String, String, Option<String>)>,
    /// The identity provider that asked, and hears of the end: connection, its request's ID, its RelayState.
    #[serde(default)]
    provider: Option<(String, String, Option<String>)>,
    /// Where an application wants the person to go on to.
    #[serde(default)]
    next: Option<String>,
    rest: Vec<Told>,
    /// Whether everybody has agreed so far.
    complete: bool,
    /// The app that was asked last, and by which ID.
    waits: Option<(String, String)>,
}

/// Remembers with a session that an app was told of it, and by which name.
pub(super) async fn remember(visit: &Visit, session: &str, app: &str, name: &NameId) -> Result<()> {
    let (tenant, session) = (visit.tenant.tenant.id, session.to_owned());
    let new = Told { app: app.to_owned(), name: name.value.clone(), format: name.format.clone() };
    let kept = visit.app.store().write_in(tenant, move |w| -> store::Result<()> {
        let mut all = audience(w, &session, tenant)?;
        if all.apps.contains(&new) {
            return Ok(());
        }
        all.apps.retain(|one| one.app != new.app);
        if all.apps.len() < limits::SAML_SESSION_APPS_MAX {
            all.apps.push(new);
        } else {
            all.more = true;
        }
        w.person_session_tell(tenant, &session, &serde_json::to_string(&all).unwrap_or_default())
    });
    Ok(kept.await?)
}

/// Who was told of a session; nobody once it has ended.
pub(super) fn audience(w: &Writer, session: &str, tenant: store::TenantId) -> store::Result<Audience> {
    let kept = w.person_session_told(tenant, session)?;
    Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default())
}

impl Farewell {
    /// Of sessions that an app has ended; nothing where nobody else was told of them. The browser is one, so the apps of
    /// one session can be reached.
    pub(super) fn of(question: &Question, app: &str, ended: Vec<(PersonSession, Audience)>) -> Option<Self> {
        let others = ended.into_iter().map(|(session, mut all)| {
            all.apps.retain(|told| told.app != app);
            (session, all)
        });
        let mut others = others.filter(|(_, all)| !all.apps.is_empty() || all.more);
        let (session, all) = others.next()?;
        Some(Self {
            browser: session.hash,
            index: session.id,
            asker: Some((app.to_owned(), question.request.id().to_owned(), question.relay_state.clone())),
            onward: None,
            provider: None,
            next: None,
            complete: !all.more && others.next().is_none(),
            rest: all.apps,
            waits: None,
        })
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Begins the way from app to app.
    pub(super) async fn begin(&self, visit: &Visit) -> Result<Response<Body>> {
        Ok(see_other(&address(visit, &ask_later(visit, PURPOSE, self.text()).await?)))
    }
}

/// Ends the session of a person who signs out at their own page, or for an application that waits for them at `next`;
/// where to go from there, if any app was told of it.
pub(crate) async fn leave(visit: &Visit, person: &Person, next: Option<&str>) -> Result<Option<Response<Body>>> {
    let (tenant, session) = (visit.tenant.tenant.id, person.session.id.clone());
    let ended = visit.app.store().write_in(tenant, move |w| -> store::Result<Audience> {
        let all = audience(w, &session, tenant)?;
        w.person_session_end(tenant, &session)?;
        Ok(all)
    });
    let all = ended.await?;
    if all.apps.is_empty() {
        return Ok(None);
    }
    let onward = person.session.saml.clone();
    let farewell = Farewell {
        browser: person.session.hash,
        index: person.session.id.clone(),
        asker: None,
        onward: onward.map(|saml| (saml.connection, saml.name_id, saml.name_id_about, saml.session_index)),
        provider: None,
        next: next.map(str::to_owned),
        complete: !all.more,
        rest: all.apps,
        waits: None,
    };
    // Without room to remember the way they are signed out here.
    Ok(farewell.begin(visit).await.ok())
}

/// Goes to the apps of sessions that the identity provider has ended, before it is answered; nothing where none was told.
/// The browser is one, so the apps of one session can be reached: its own, if that is among them.
pub(crate) async fn pass_on(
    visit: &Visit,
    ended: &[SessionEnded],
    (connection, request, relay): (&str, &str, Option<&str>),
) -> Option<Response<Body>> {
    let told = ended.iter().filter_map(|one| {
        let all: Audience = serde_json::from_str(one.told.as_deref()?).ok()?;
        (!all.apps.is_empty() || all.more).then_some((one, all))
    });
    let mut told: Vec<_> = told.collect();
    let here = told.iter().position(|(one, _)| visit.browser() == Some(one.hash)).unwrap_or(0);
    let is_one = told.len() == 1;
    let (session, all) = (!told.is_empty()).then(|| told.swap_remove(here))?;
    let farewell = Farewell {
        browser: session.hash,
        index: session.id.clone(),
        asker: None,
        onward: None,
        provider: Some((connection.to_owned(), request.to_owned(), relay.map(str::to_owned))),
        next: None,
        complete: !all.more && is_one,
        rest: all.apps,
        waits: None,
    };
    // Without room to remember the way the provider is answered at once.
    farewell.begin(visit).await.ok()
}

fn address(visit: &Visit, handle: &str) -> String {
    format!("{}/idp/goodbye?request={handle}", visit.tenant.root())
}

async fn kept(visit: &Visit, handle: &str) -> Result<Option<([u8; 32], Farewell)>> {
    let (tenant, hash, now) = (visit.tenant.tenant.id, token::hash(handle), visit.now);
    let found = visit.app.store().read(move |r| r.sign_in_request(tenant, PURPOSE, &hash, now)).await?;
    Ok(found.and_then(|found| Some((hash, serde_json::from_str(&found.asked).ok()?))))
}

/// `GET /idp/goodbye?request=…`: on to the next app, or to the end.
pub(super) async fn go_on(visit: Visit) -> Shown {
    let asked = Asked::of_page(&visit, Method::GET, &visit.path, Stopwatch::start());
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await?;
    let handle = query::value(&visit.query, "request").unwrap_or_default();
    let Some((mut hash, mut farewell)) = kept(&visit, &handle).await? else { return Ok(over(&visit)) };
    if visit.browser() != Some(farewell.browser) {
        farewell.complete &= farewell.rest.is_empty();
        farewell.rest.clear();
    }
    while let Some(told) = farewell.rest.pop() {
        let (mut trace, id) = (Trace::default(), fresh_id().map_err(super::page::unusable)?);
        let Some((integration, saml)) = listener(&visit, &told.app).await? else {
            farewell.complete = false;
            continue;
        };
        farewell.waits = Some((told.app.clone(), id.clone()));
        let Some(next) = ask_on(&visit, hash, PURPOSE, farewell.text()).await? else { return Ok(over(&visit)) };
        hash = token::hash(&next);
        match ask(&visit, &integration, &saml, (&id, &told, &farewell.index), &next).await? {
            Ok(page) => {
                trace.step("the app is asked to end its session as well");
                log(&visit, &asked, &trace, &told.app, None, 200);
                return Ok(page);
            }
            Err(why) => {
                trace.step(format!("the app cannot be asked to end its session: {}", why.fix()));
                log(&visit, &asked, &trace, &told.app, None, 200);
                farewell.complete = false;
            }
        }
    }
    let tenant = visit.tenant.tenant.id;
    let taken = visit.app.store().write_in(tenant, move |w| w.sign_in_request_take(tenant, &hash));
    // Of two at once one is answered.
    if taken.await.map_err(|error: store::Error| error)? { finish(&visit, farewell).await } else { Ok(over(&visit)) }
}

/// The app, if it can be asked and its answer believed.
async fn listener(visit: &Visit, app: &str) -> Result<Option<(Integration, SamlApp)>> {
    let Some(integration) = sso::app_named(visit, app).await? else { return Ok(None) };
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, app)?;
    let Ok(saml) = SamlApp::of(&integration) else { return Ok(None) };
    let is_known = Location::parse(&at.slo).and_then(|slo| saml.logout_peer(slo)).is_ok_and(|peer| peer.is_some());
    Ok(is_known.then_some((integration, saml)))
}

/// Has the browser take the request to an app.
async fn ask(
    visit: &Visit,
    integration: &Integration,
    saml: &SamlApp,
    (id, told, index): (&str, &Told, &str),
    handle: &str,
) -> Result<std::result::Result<Response<Body>, Refused>> {
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &integration.row.name)?;
    let ours = super::signing(visit).await?;
    let name_id = NameId { value: told.name.clone(), format: told.format.clone(), ..NameId::default() };
    let sent = || {
        let to = saml.logout_request_url.as_ref().or(saml.logout_url.as_ref()).ok_or(Refused::EndpointMissing)?;
        let (issuer, destination) = (EntityId::parse(&at.entity_id)?, Location::parse(to)?);
        let message = LogoutMessage::Request { name_id: &name_id, session_index: Some(index) };
        let new = NewLogout { id, issuer: &issuer, destination: &destination, message };
        let words = ("Signing out", "Go on to the next application");
        send_logout(visit, &new, saml.logout_binding, ours.signing().ok_or(Refused::NoKey)?, Some(handle), words)
    };
    Ok(sent())
}

/// An app says that its session has ended, or not; either way it goes on.
pub(super) async fn answered(
    visit: &Visit,
    integration: &Integration,
    at: &Addresses,
    inbound: &Inbound,
    trace: &mut Trace,
) -> Result<std::result::Result<Response<Body>, Denied>> {
    let name = &integration.row.name;
    let found = kept(visit, inbound.relay_state().unwrap_or_default()).await?;
    let asked = found.and_then(|(hash, mut farewell)| {
        let (app, id) = farewell.waits.take()?;
        (app == *name).then_some((hash, farewell, id))
    });
    let Some((hash, mut farewell, id)) = asked else {
        return Ok(Err(Denied {
            name: "nobody_asked",
            fix: "The answer belongs to no logout that is under way; it came twice, or later than ten minutes."
                .to_owned(),
            told: None,
        }));
    };
    let read = || -> std::result::Result<LogoutResponse, Refused> {
        let peer = SamlApp::of(integration).map_err(|_| Refused::EndpointMissing)?;
        let peer = peer.logout_peer(Location::parse(&at.slo)?)?.ok_or(Refused::EndpointMissing)?;
        LogoutResponse::verify(inbound, &peer, &id, visit.now)
    };
    let agreed = match read() {
        Ok(response) if response.success() => {
            trace.step("the app has ended its session as well");
            true
        }
        Ok(response) => {
            trace.step(format!("the app did not end its session: {}", response.status().join(", ")));
            false
        }
        Err(why) => {
            trace.step(format!("the app's answer was not believed: {}: {}", why.name(), why.fix()));
            false
        }
    };
    farewell.complete &= agreed;
    Ok(Ok(match ask_on(visit, hash, PURPOSE, farewell.text()).await? {
        Some(next) => see_other(&address(visit, &next)),
        None => over(visit),
    }))
}

/// Tells whoever asked how it went; a person who signed out themselves goes on to where they came from.
async fn finish(visit: &Visit, farewell: Farewell) -> Shown {
    let mut response = match farewell {
        Farewell { asker: Some((app, id, relay)), complete, .. } => match sso::app_named(visit, &app).await? {
            None => over(visit),
            Some(integration) => {
                let sent = respond(visit, &integration, &id, complete, relay.as_deref()).await?;
                sent.map_err(super::page::unusable)?
            }
        },
        Farewell { provider: Some((connection, id, relay)), complete, .. } => {
            provider::logout_heard(visit, &connection, &id, complete, relay.as_deref()).await?
        }
        Farewell { onward: Some((connection, name_id, name_id_about, session_index)), next, .. } => {
            let saml = SamlSession { connection, name_id, name_id_about, session_index };
            let there = provider::leave(visit, &saml, next.as_deref()).await?;
            there.unwrap_or_else(|| next.map_or_else(|| over(visit), |to| on(visit, "You are signed out", &to)))
        }
        Farewell { next: Some(to), .. } => on(visit, "You are signed out", &to),
        Farewell { complete: true, .. } => see_other(&format!("{}/me", visit.tenant.root())),
        Farewell { .. } => said_page(
            visit,
            "You are signed out here",
            html! {
                p .lead { "Not every application could be told." }
                p { "Close the browser to be sure." }
            },
        ),
    };
    if visit.browser() == Some(farewell.browser) {
        end_cookie(&visit.app, &visit.tenant).into_iter().for_each(|cookie| {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        });
    }
    Ok(response)
}

/// Somebody comes again, or much later.
fn over(visit: &Visit) -> Response<Body> {
    said_page(
        visit,
        "You are signed out here",
        html! { p .lead { "Close the browser to be signed out of everything else." } },
    )
}
