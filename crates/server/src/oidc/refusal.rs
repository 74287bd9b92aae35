//! Refusals in the words of OAuth (RFC 6749 §5.2, RFC 6750 §3), and what the provisioning log is told.

use crate::answer::{Answer, JSON};
use crate::auth::Actor;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::person::Visit;
use crate::record::{self, Trace};
use crate::scim::Asked;
use axum::body::Body;
use axum::http::{Method, Response};
use scim::Code;
use serde_json::json;
use store::{OidcClient, Scope};

/// Why an application gets nothing: OAuth's word for it, and a sentence for whoever builds the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) description: String,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(super) fn client(description: impl Into<String>) -> Self {
        Self::new("invalid_client", description)
    }

    /// The status of an answer without a page.
    pub(super) fn status(&self) -> u16 {
        match self.error {
            "invalid_client" | "invalid_token" => 401,
            "temporarily_unavailable" => 503,
            "server_error" => 500,
            _ => 400,
        }
    }
}

impl From<Error> for Refusal {
    /// What is broken in here. The cause is in the server's own log.
    fn from(error: Error) -> Self {
        let id = crate::app::request_id();
        let answer = error.answer(&id);
        match answer.status {
            503 | 429 => Self::new("temporarily_unavailable", "the server is busy; try again in a moment"),
            _ => Self::new("server_error", format!("something is broken inside the server; request {id}")),
        }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Error::from(error).into()
    }
}

/// A request of an application, and what the log will tell of it.
pub(super) struct Told<'v> {
    visit: &'v Visit,
    asked: Asked,
    trace: Trace,
    /// Who asks, once that is known.
    client: Option<String>,
}

impl<'v> Told<'v> {
    pub(super) fn new(visit: &'v Visit, method: Method, path: &str) -> Self {
        let asked = Asked::of_page(visit, method, path, Stopwatch::start());
        Self { visit, asked, trace: Trace::default(), client: None }
    }

    pub(super) fn request_id(&self) -> &str {
        &self.asked.request_id
    }

    pub(super) fn client(&mut self, client: &OidcClient) {
        self.client = Some(if client.settings.label.is_empty() { &client.id } else { &client.settings.label }.clone());
    }

    pub(super) fn person(&mut self, id: &str) {
        self.trace.resource = Some(("User".to_owned(), id.to_owned()));
    }

    pub(super) fn step(&mut self, step: impl Into<String>) {
        self.trace.step(step);
    }

    fn keep(&self, answer: &Answer) {
        let label = self.client.as_ref().map_or_else(|| "OpenID Connect".to_owned(), |name| format!("OIDC {name}"));
        let actor = Actor { label, scope: Scope::default(), address: self.visit.origin.address.clone() };
        let Visit { app, tenant, now, .. } = self.visit;
        record::later(app, tenant, &self.asked, Some(&actor), &self.trace, answer, *now);
    }

    /// Notes that it went well.
    pub(super) fn done(&self, status: u16) {
        self.keep(&Answer::empty(status));
    }

    /// Notes why not.
    pub(super) fn refused(&mut self, why: &Refusal, status: u16) {
        self.step(format!("refused: {}", why.error));
        self.step(why.description.clone());
        self.keep(&Answer { code: Some(Code::OIDC_REFUSED), ..Answer::empty(status) });
    }

    /// The answer that refuses, for a program.
    pub(super) fn refuse(mut self, why: &Refusal) -> Response<Body> {
        self.refused(why, why.status());
        let body = json!({"error": why.error, "error_description": why.description});
        let mut answer = Answer { media_type: JSON, ..Answer::json(why.status(), &body) };
        match why.error {
            "invalid_client" => answer.set("www-authenticate", "Basic realm=\"oidc\"".to_owned()),
            "invalid_token" => answer.set(
                "www-authenticate",
                format!("Bearer error=\"{}\", error_description=\"{}\"", why.error, why.description.replace('"', "'")),
            ),
            _ => {}
        }
        answer.into_response(self.request_id(), false)
    }
}
