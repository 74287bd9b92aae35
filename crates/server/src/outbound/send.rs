//! A request of the rules as a request of HTTP, and back: the only way from the engine to an app.

use super::integration::{Authentication, Integration};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::egress::{self, Lost as Way};
use crate::limits;
use crate::redact::Secrets;
use crate::tenants::TenantState;
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use provision::outcome::{Answer, Body, Lost, Response};
use provision::wire::{self, Request};
use serde_json::Value;
use store::Exchange;

/// What the engine calls itself.
const PRODUCT: &str = concat!("Provost/", env!("CARGO_PKG_VERSION"));

/// What a request is for that tests the connection.
pub(crate) const TEST: &str = "test";

/// What is shorter is looked for in no answer: it would be found in words that have nothing to do with it.
const SECRET_BYTES_MIN: usize = 6;

/// What an app is shown; never printed.
#[derive(Clone, Default)]
pub(crate) struct Secret(Option<String>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Secret").field(&self.0.is_some()).finish()
    }
}

impl Secret {
    /// The value of `Authorization`.
    pub(crate) fn new(secret: Option<String>, how: Authentication) -> Self {
        Self(secret.and_then(|secret| match how {
            Authentication::Bearer => Some(format!("Bearer {}", secret.trim_start_matches("Bearer ").trim())),
            Authentication::Basic => Some(format!("Basic {}", BASE64_STANDARD.encode(secret))),
            Authentication::Header => Some(secret),
            Authentication::None => None,
        }))
    }

    /// An answer without what it was shown: some servers send back, in words about an error, what they were sent.
    fn hidden_in(&self, body: Bytes) -> Bytes {
        let Some(secret) = self.0.as_deref().and_then(|value| value.rsplit(' ').next()) else { return body };
        if secret.len() < SECRET_BYTES_MIN || memchr::memmem::find(&body, secret.as_bytes()).is_none() {
            return body;
        }
        String::from_utf8_lossy(&body).replace(secret, "(credential)").into()
    }

    /// The sealed one of an app.
    pub(crate) async fn of(app: &App, integration: &Integration) -> store::Result<Self> {
        let id = integration.row.id;
        let sealed: Option<Vec<u8>> = app.store().read(move |r| r.app_credential(id)).await?;
        let purpose = crate::admin::apps::credential_purpose(integration);
        let plain = sealed.and_then(|sealed| app.store().unseal(&purpose, &sealed));
        let text = plain.and_then(|plain| String::from_utf8(plain).ok());
        Ok(Self::new(text, integration.options.authentication))
    }
}

/// What was sent and what came back.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// What the rules are told.
    pub(crate) answer: Answer,
    /// What somebody can read later.
    pub(crate) exchange: Exchange,
    /// The headers of the answer.
    pub(crate) headers: HeaderMap,
    /// When the certificate ends that the app showed; asked of a test alone, because it has to be read.
    pub(crate) certificate_ends_at: Option<i64>,
}

/// Sends a request to an app.
pub(crate) async fn send(
    app: &App,
    state: &TenantState,
    integration: &Integration,
    secret: &Secret,
    action: &str,
    request: &Request,
) -> Sent {
    let (at, watch) = (app.clock().now(), Stopwatch::start());
    let mut headers: Vec<(String, String)> = request
        .headers(&integration.app.target, PRODUCT)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    headers.extend(secret.0.iter().map(|secret| ("Authorization".to_owned(), secret.clone())));
    let url = format!("{}{}", integration.app.connection.base_url.trim_end_matches('/'), request.target());
    let outgoing = egress::Request {
        method: method(request.method),
        url,
        headers,
        body: request.bytes().map(Into::into),
        time: Some(integration.options.patience()),
    };
    let outcome = app.egress().send(outgoing).await;
    let secrets = &state.secrets;
    let shown = outcome.as_ref().ok().filter(|_| action == TEST);
    let certificate_ends_at = shown.and_then(egress::Response::certificate_ends_at);
    let (answer, status, said, headers) = match outcome {
        Ok(mut response) => {
            response.body = secret.hidden_in(response.body);
            let said = secrets.body(&response.body, limits::EVIDENCE_BYTES_MAX);
            (Answer::Got(read(&response)), Some(response.status), said, response.headers)
        }
        Err(failure) => (Answer::Lost(lost(&failure.lost)), None, failure.why, HeaderMap::new()),
    };
    let exchange = Exchange {
        tenant: integration.row.tenant,
        app: integration.row.id,
        at,
        took_us: watch.micros(),
        action: action.to_owned(),
        method: request.method.as_str().to_owned(),
        path: path(request, secrets),
        request: request.bytes().map(|body| secrets.body(&body, limits::EVIDENCE_BYTES_MAX)),
        status,
        response: (!said.is_empty()).then_some(said),
        ..Exchange::default()
    };
    Sent { answer, exchange, headers, certificate_ends_at }
}

fn method(method: wire::Method) -> Method {
    match method {
        wire::Method::Get => Method::GET,
        wire::Method::Post => Method::POST,
        wire::Method::Put => Method::PUT,
        wire::Method::Patch => Method::PATCH,
        wire::Method::Delete => Method::DELETE,
    }
}

fn path(request: &Request, secrets: &Secrets) -> String {
    let target = request.target();
    match target.split_once('?') {
        Some((path, query)) => format!("{path}?{}", secrets.query(query, 1_024)),
        None => target,
    }
}

fn read(response: &egress::Response) -> Response {
    let header = |name: &str| response.header(name).map(str::to_owned);
    let body = match serde_json::from_slice::<Value>(&response.body) {
        _ if response.body.is_empty() => Body::Empty,
        Ok(value) => Body::Json(value),
        Err(_) => Body::Other,
    };
    Response {
        status: response.status,
        retry_after: header("retry-after"),
        etag: header("etag"),
        location: header("location"),
        body,
    }
}

fn lost(way: &Way) -> Lost {
    match way {
        Way::Refused(_) => Lost::Refused,
        Way::Dns => Lost::Dns,
        Way::Connect => Lost::Connect,
        Way::Tls => Lost::Tls,
        Way::Timeout => Lost::Timeout,
        // An answer that is too large is one that never ended.
        Way::Reset | Way::TooLarge => Lost::Reset,
    }
}
