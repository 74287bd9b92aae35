//! What browsers see on the way to an app.

use crate::answer::Answer;
use crate::auth::Actor;
use crate::console::{Fault, bare, sentence};
use crate::error::Error;
use crate::person::Visit;
use crate::record::{self, Trace};
use crate::scim::Asked;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use maud::html;
use saml::Refused;
use scim::Code;
use store::Scope;

/// Why an app is told nothing: a name for the log, a sentence for whoever administers, and whether the person hears it.
pub(super) struct Denied {
    pub(super) name: &'static str,
    pub(super) fix: String,
    /// For the person; without it they learn that it failed.
    pub(super) told: Option<&'static str>,
}

impl From<Refused> for Denied {
    fn from(why: Refused) -> Self {
        Self { name: why.name(), fix: why.fix().to_owned(), told: None }
    }
}

/// The entry of the log about a sign-in.
pub(super) fn log(visit: &Visit, asked: &Asked, trace: &Trace, app: &str, code: Option<Code>, status: u16) {
    let actor =
        Actor { label: format!("SAML app {app}"), scope: Scope::default(), address: visit.origin.address.clone() };
    let answer = Answer { code, ..Answer::empty(status) };
    record::later(&visit.app, &visit.tenant, asked, Some(&actor), trace, &answer, visit.now);
}

/// Ends a sign-in that failed.
pub(super) fn denied(visit: &Visit, asked: &Asked, trace: &mut Trace, app: &str, why: &Denied) -> Response<Body> {
    let words = ("You cannot sign in to this application", "the sign-in failed");
    failed(visit, asked, trace, app, why, words)
}

/// Ends a logout that failed.
pub(super) fn not_signed_out(
    visit: &Visit,
    asked: &Asked,
    trace: &mut Trace,
    app: &str,
    why: &Denied,
) -> Response<Body> {
    failed(visit, asked, trace, app, why, ("You are not signed out", "nobody was signed out here"))
}

fn failed(
    visit: &Visit,
    asked: &Asked,
    trace: &mut Trace,
    app: &str,
    why: &Denied,
    (title, otherwise): (&str, &'static str),
) -> Response<Body> {
    trace.step(format!("refused: {}", why.name));
    trace.step(why.fix.clone());
    log(visit, asked, trace, app, Some(Code::IDP_REFUSED), 403);
    let body = html! {
        h1 { (title) }
        p .lead { (sentence(why.told.unwrap_or(otherwise))) }
        p { "Whoever administers it can look up why, by this request:" }
        dl .definitions { div { dt { "Request" } dd .mono { (asked.request_id) } } }
    };
    let mut page = bare(visit.theme, title, body);
    *page.status_mut() = StatusCode::FORBIDDEN;
    if let Ok(id) = HeaderValue::from_str(&asked.request_id) {
        page.headers_mut().insert("x-request-id", id);
    }
    page
}

/// What cannot be written, because the server or the settings are not as they should be.
pub(super) fn unusable(why: Refused) -> Fault {
    Error::new(Code::SAML_SETTINGS, why.fix().trim_end_matches('.').to_owned()).into()
}
