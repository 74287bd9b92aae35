//! A request of the rules as a request of HTTP, and back: the only way from the engine to an app.

use super::integration::{Authentication, Integration};
use super::token::{Failure, Holder};
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
use provision::outcome::{Answer, Body, Lost, NoToken, Response};
use provision::wire::{self, Request};
use serde_json::Value;
use std::sync::Arc;
use store::Exchange;

/// What the engine calls itself.
const PRODUCT: &str = concat!("Provost/", env!("CARGO_PKG_VERSION"));

/// What a request is for that tests the connection.
pub(crate) const TEST: &str = "test";

/// What is shorter is looked for in no answer: it would be found in words that have nothing to do with it.
pub(super) const SECRET_BYTES_MIN: usize = 6;
/// What the evidence of a request for a token calls it.
const TOKEN: &str = "token";

/// What an app is shown; never printed.
#[derive(Clone, Default)]
pub(crate) enum Secret {
    #[default]
    Nothing,
    /// The value of `Authorization`.
    Value(String),
    /// Whatever token is good at the moment.
    Token(Arc<Holder>),
}

/// The value of `Authorization`, if there is one; or why there is none although there should be.
pub(crate) type Shown = Result<Option<String>, Failure>;

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Secret").field(&!matches!(self, Self::Nothing)).finish()
    }
}

impl Secret {
    /// What is made of a secret that need not be stored.
    pub(crate) fn new(secret: Option<String>, integration: &Integration) -> Self {
        let Some(secret) = secret else { return Self::Nothing };
        let (options, row) = (&integration.options, &integration.row);
        match options.authentication {
            Authentication::Bearer => Self::Value(format!("Bearer {}", secret.trim_start_matches("Bearer ").trim())),
            Authentication::Basic => Self::Value(format!("Basic {}", BASE64_STANDARD.encode(secret))),
            Authentication::Header => Self::Value(secret),
            Authentication::OAuth2 => {
                Self::Token(Arc::new(Holder::new(row.id, &options.oauth, granted_at(integration), secret)))
            }
            Authentication::None => Self::Nothing,
        }
    }

    /// The sealed one of an app. Tokens are shared by everything that this process does with the app.
    pub(crate) async fn of(app: &App, integration: &Integration) -> store::Result<Self> {
        let (id, options) = (integration.row.id, &integration.options);
        let text = credential(app, integration).await?;
        Ok(match (options.authentication, text) {
            // A client without a secret is refused in words.
            (Authentication::OAuth2, text) => {
                let (granted_at, text) = (granted_at(integration), text.unwrap_or_default());
                Self::Token(app.access_tokens().of(id, &options.oauth, granted_at, text))
            }
            (_, text) => Self::new(text, integration),
        })
    }

    /// The same, with nothing in memory: a test is to see what the authorization server says now.
    pub(crate) fn anew(&self) -> Self {
        match self {
            Self::Token(holder) => Self::Token(holder.anew()),
            other => other.clone(),
        }
    }

    /// What is shown now. A token may have to be fetched first, which takes its time.
    pub(crate) async fn shown(&self, app: &App) -> Shown {
        match self {
            Self::Nothing => Ok(None),
            Self::Value(value) => Ok(Some(value.clone())),
            Self::Token(holder) => holder.token(app, None).await.map(|token| Some(bearer(&token))),
        }
    }

    /// What is shown instead of what was refused; nothing where there is nothing else.
    async fn renewed(&self, app: &App, refused: Option<&str>) -> Option<Shown> {
        let (Self::Token(holder), Some(refused)) = (self, refused) else { return None };
        let token = holder.token(app, refused.strip_prefix(BEARER)).await;
        Some(token.map(|token| Some(bearer(&token))))
    }
}

/// When somebody agreed to it at the authorization server.
fn granted_at(integration: &Integration) -> Option<i64> {
    integration.row.grant.as_ref().map(|grant| grant.at)
}

/// What was stored for an app, as it was typed.
pub(crate) async fn credential(app: &App, integration: &Integration) -> store::Result<Option<String>> {
    let id = integration.row.id;
    let sealed: Option<Vec<u8>> = app.store().read(move |r| r.app_credential(id)).await?;
    let purpose = crate::admin::apps::credential_purpose(integration);
    let plain = sealed.and_then(|sealed| app.store().unseal(&purpose, &sealed));
    Ok(plain.and_then(|plain| String::from_utf8(plain).ok()))
}

const BEARER: &str = "Bearer ";

fn bearer(token: &str) -> String {
    format!("{BEARER}{token}")
}

/// An answer without what it was shown: some servers send back, in words about an error, what they were sent.
fn hidden_in(body: Bytes, shown: Option<&str>) -> Bytes {
    let Some(secret) = shown.and_then(|value| value.rsplit(' ').next()) else { return body };
    if secret.len() < SECRET_BYTES_MIN || memchr::memmem::find(&body, secret.as_bytes()).is_none() {
        return body;
    }
    String::from_utf8_lossy(&body).replace(secret, "(credential)").into()
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
    let shown = secret.shown(app).await;
    send_shown(app, state, integration, (secret, shown), action, request).await
}

/// The same with what is shown at hand. A token that the app refuses is renewed, once, and the request sent again: who is
/// refused with 401 has done nothing. A second 401 is an answer like any other.
pub(crate) async fn send_shown(
    app: &App,
    state: &TenantState,
    integration: &Integration,
    (secret, shown): (&Secret, Shown),
    action: &str,
    request: &Request,
) -> Sent {
    let at = app.clock().now();
    let shown = match shown {
        Ok(shown) => shown,
        Err(failure) => return unsent(integration, secret, failure, at),
    };
    let sent = call(app, state, integration, shown.as_deref(), action, request).await;
    if !is_refused(&sent.answer) {
        return sent;
    }
    let Some(renewed) = secret.renewed(app, shown.as_deref()).await else { return sent };
    let waited = app.clock().now().saturating_sub(at);
    match renewed {
        Err(failure) => unsent(integration, secret, failure, at),
        // A look may be late; what changes something is decided anew.
        Ok(_) if request.method != wire::Method::Get && waited > limits::OUTBOUND_INPUTS_AGE => {
            Sent { answer: Answer::Unsent(NoToken::Late), ..sent }
        }
        Ok(shown) => call(app, state, integration, shown.as_deref(), action, request).await,
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Got(response) if response.refusal().is_some_and(|refusal| refusal.status == 401))
}

/// What was not sent, with what was asked for instead.
fn unsent(integration: &Integration, secret: &Secret, failure: Failure, at: i64) -> Sent {
    let Failure { why, status, said, took_us } = failure;
    let path = match secret {
        Secret::Token(holder) => holder.token_url().to_owned(),
        Secret::Nothing | Secret::Value(_) => String::new(),
    };
    let exchange = Exchange {
        tenant: integration.row.tenant,
        app: integration.row.id,
        at,
        took_us,
        action: TOKEN.to_owned(),
        method: wire::Method::Post.as_str().to_owned(),
        path,
        status,
        response: Some(said),
        ..Exchange::default()
    };
    Sent { answer: Answer::Unsent(why), exchange, headers: HeaderMap::new(), certificate_ends_at: None }
}

/// One request, once.
async fn call(
    app: &App,
    state: &TenantState,
    integration: &Integration,
    shown: Option<&str>,
    action: &str,
    request: &Request,
) -> Sent {
    let (at, watch) = (app.clock().now(), Stopwatch::start());
    let mut headers: Vec<(String, String)> = request
        .headers(&integration.app.target, PRODUCT)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    headers.extend(shown.map(|value| ("Authorization".to_owned(), value.to_owned())));
    let url = format!("{}{}", integration.app.connection.base_url.trim_end_matches('/'), request.target());
    let outgoing = egress::Request {
        method: method(request.method),
        url,
        headers,
        body: request.bytes().map(Into::into),
        time: Some(integration.options.patience()),
        bytes_max: None,
    };
    let outcome = app.egress().send(outgoing).await;
    let secrets = &state.secrets;
    let tested = outcome.as_ref().ok().filter(|_| action == TEST);
    let certificate_ends_at = tested.and_then(egress::Response::certificate_ends_at);
    let (answer, status, said, headers) = match outcome {
        Ok(mut response) => {
            response.body = hidden_in(response.body, shown);
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
