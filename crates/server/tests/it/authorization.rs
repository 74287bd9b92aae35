//! An authorization server on this machine, and an app behind it that takes its tokens alone: everything that the app is asked
//! with a good one goes on to a SCIM endpoint as it is.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Who may have tokens.
pub const CLIENT: &str = "engine";
pub const SECRET: &str = "zq9-client-secret/with:odd&signs";

/// What the token endpoint says next, instead of a token.
#[derive(Clone)]
pub struct Says(pub u16, pub Option<&'static str>, pub &'static str);

#[derive(Default)]
struct Inner {
    upstream: Option<(String, String)>,
    next: VecDeque<Says>,
    /// What it says as long as this is here.
    always: Option<Says>,
    lives: Option<u64>,
    /// Whether every token is refused by the app.
    closed: bool,
    good: BTreeSet<String>,
    given: usize,
    /// Codes by the challenge and the address that they were made for.
    codes: BTreeMap<String, (String, String)>,
    /// The one refresh token that is taken.
    refresh: Option<String>,
    asked: Vec<BTreeMap<String, String>>,
    shown: Vec<String>,
    refused: usize,
    /// Answers wait for this.
    held: Option<Arc<Notify>>,
    /// What the revocation endpoint says next, instead of doing it.
    unwilling: VecDeque<Says>,
    revoked: Vec<BTreeMap<String, String>>,
}

#[derive(Clone)]
pub struct Authorization {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    client: reqwest::Client,
}

impl Authorization {
    /// Listens; without an endpoint behind it the app has nobody.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner { lives: Some(3_600), ..Inner::default() };
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let server = Self { url, inner: Arc::new(Mutex::new(inner)), client };
        let router = axum::Router::new()
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .fallback(app)
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn token_url(&self) -> String {
        format!("{}/token", self.url)
    }

    pub fn revoke_url(&self) -> String {
        format!("{}/revoke", self.url)
    }

    /// What it says instead of revoking a token.
    pub fn revokes_not(&self, next: Says) {
        self.lock().unwilling.push_back(next);
    }

    /// The tokens that it was asked to revoke since somebody last looked, with their hints.
    pub fn revoked(&self) -> Vec<(String, String)> {
        let asked = std::mem::take(&mut self.lock().revoked);
        asked.into_iter().map(|form| (form["token_type_hint"].clone(), form["token"].clone())).collect()
    }

    pub fn scim_url(&self) -> String {
        format!("{}/scim/v2", self.url)
    }

    /// Where the app's people really are, and the token there.
    pub fn behind(&self, url: &str, token: &str) {
        self.lock().upstream = Some((url.to_owned(), token.to_owned()));
    }

    pub fn says(&self, next: Says) {
        self.lock().next.push_back(next);
    }

    pub fn always_says(&self, says: Option<Says>) {
        self.lock().always = says;
    }

    /// For how long the next tokens are good, by their own words.
    pub fn lives(&self, seconds: Option<u64>) {
        self.lock().lives = seconds;
    }

    /// No token that was given is taken any more.
    pub fn revoke(&self) {
        self.lock().good.clear();
    }

    /// Whether no token at all is taken.
    pub fn close(&self, closed: bool) {
        self.lock().closed = closed;
    }

    /// Nobody gets an answer for a token before this is notified.
    pub fn hold(&self) -> Arc<Notify> {
        Arc::clone(self.lock().held.get_or_insert_default())
    }

    /// Everybody gets their answers again.
    pub fn let_go(&self) {
        if let Some(held) = self.lock().held.take() {
            held.notify_waiters();
        }
    }

    /// Somebody agrees at this address, or does not; where their browser goes then.
    pub fn agree(&self, address: &str, agrees: bool) -> String {
        let (_, query) = address.split_once('?').unwrap();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let asked: BTreeMap<&str, String> = pairs.map(|(name, value)| (name, decoded(value))).collect();
        assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
        assert_eq!(asked["client_id"], CLIENT);
        let (back, state) = (&asked["redirect_uri"], &asked["state"]);
        if !agrees {
            return format!("{back}?error=access_denied&error_description=Not%20today&state={state}");
        }
        let mut inner = self.lock();
        let code = format!("zq9-code-{}", inner.codes.len());
        inner.codes.insert(code.clone(), (asked["code_challenge"].clone(), back.clone()));
        format!("{back}?code={code}&state={state}")
    }

    /// What somebody has agreed to is worth nothing any more.
    pub fn take_back(&self) {
        let mut inner = self.lock();
        inner.good.clear();
        inner.refresh = None;
    }

    /// Whether this is the refresh token that would be taken.
    pub fn refreshes_with(&self, number: usize) -> bool {
        self.lock().refresh == Some(format!("zq9-refresh-token-{number}"))
    }

    /// The forms that were sent for tokens; `authorization` is the header.
    pub fn asked(&self) -> Vec<BTreeMap<String, String>> {
        self.lock().asked.clone()
    }

    /// What the app was shown, each once, in its order.
    pub fn shown(&self) -> Vec<String> {
        let mut shown = self.lock().shown.clone();
        shown.dedup();
        shown
    }

    /// How often the app has refused.
    pub fn refused(&self) -> usize {
        self.lock().refused
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// Who asks, by header or by body.
fn client(form: &BTreeMap<String, String>) -> Option<(String, String)> {
    if let Some(id) = form.get("client_id") {
        return Some((id.clone(), form.get("client_secret")?.clone()));
    }
    let both = BASE64_STANDARD.decode(form.get("authorization")?.strip_prefix("Basic ")?).ok()?;
    let both = String::from_utf8(both).ok()?;
    let (id, secret) = both.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// RFC 7009: a token that is not known is none that has to be revoked.
async fn revoke(State(server): State<Authorization>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form(&headers, &body);
    let held = {
        let mut inner = server.lock();
        inner.revoked.push(form.clone());
        inner.held.clone()
    };
    if let Some(held) = held {
        held.notified().await;
    }
    let mut inner = server.lock();
    if let Some(says) = inner.unwilling.pop_front() {
        return said(says);
    }
    if client(&form) != Some((CLIENT.to_owned(), SECRET.to_owned())) {
        return json(401, r#"{"error":"invalid_client"}"#.into());
    }
    inner.good.remove(&form["token"]);
    inner.refresh.take_if(|refresh| *refresh == form["token"]);
    json(200, String::new())
}

fn said(Says(status, retry_after, body): Says) -> Response {
    let mut response = json(status, body.to_owned());
    if let Some(after) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, after.parse().unwrap());
    }
    response
}

/// What was sent; `authorization` is the header.
fn form(headers: &HeaderMap, body: &Bytes) -> BTreeMap<String, String> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let mut form: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        form.insert("authorization".into(), value.to_str().unwrap().to_owned());
    }
    form
}

async fn token(State(server): State<Authorization>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form(&headers, &body);
    let held = {
        let mut inner = server.lock();
        inner.asked.push(form.clone());
        inner.held.clone()
    };
    if let Some(held) = held {
        held.notified().await;
    }
    let mut inner = server.lock();
    if let Some(says) = inner.next.pop_front().or_else(|| inner.always.clone()) {
        return said(says);
    }
    let who = client(&form);
    if who != Some((CLIENT.to_owned(), SECRET.to_owned())) {
        // It says what it was sent, as some do.
        let sent = who.map(|(_, secret)| secret).unwrap_or_default().replace('"', "");
        return json(401, format!(r#"{{"error":"invalid_client","error_description":"not with {sent}"}}"#));
    }
    let granted = match form["grant_type"].as_str() {
        "client_credentials" => true,
        "authorization_code" => inner.codes.remove(&form["code"]).is_some_and(|(challenge, back)| {
            use base64::prelude::BASE64_URL_SAFE_NO_PAD;
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
            BASE64_URL_SAFE_NO_PAD.encode(digest) == challenge && back == form["redirect_uri"]
        }),
        // An old one is a stolen one: nothing is taken from then on.
        "refresh_token" => inner.refresh.take().as_ref() == Some(&form["refresh_token"]),
        _ => false,
    };
    if !granted {
        inner.good.clear();
        let sent = form.get("refresh_token").or(form.get("code")).cloned().unwrap_or_default();
        return json(400, format!(r#"{{"error":"invalid_grant","error_description":"not with {sent}"}}"#));
    }
    inner.given += 1;
    let refresh = form["grant_type"] != "client_credentials";
    let refresh = refresh.then(|| format!("zq9-refresh-token-{}", inner.given));
    inner.refresh.clone_from(&refresh);
    let given = format!("zq9-access-token-{}", inner.given);
    inner.good.insert(given.clone());
    let lives = inner.lives.map(|seconds| format!(r#","expires_in":{seconds}"#)).unwrap_or_default();
    let refresh = refresh.map(|refresh| format!(r#","refresh_token":"{refresh}""#)).unwrap_or_default();
    json(200, format!(r#"{{"access_token":"{given}","token_type":"Bearer"{lives}{refresh}}}"#))
}

async fn app(State(server): State<Authorization>, request: Request) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.unwrap_or_default().to_owned();
    let upstream = {
        let mut inner = server.lock();
        let token = shown.trim_start_matches("Bearer ").to_owned();
        inner.shown.push(token.clone());
        if inner.closed || !inner.good.contains(&token) {
            inner.refused += 1;
            return json(401, format!(r#"{{"status":"401","detail":"not good: {shown}"}}"#));
        }
        inner.upstream.clone()
    };
    let Some((url, token)) = upstream else {
        return json(
            200,
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}"#
                .into(),
        );
    };
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str().trim_start_matches("/scim/v2").to_owned();
    let mut headers = parts.headers;
    for name in [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let sent =
        server.client.request(parts.method, format!("{url}{path}")).headers(headers).bearer_auth(token).body(body);
    let answer = sent.send().await.unwrap();
    let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    response.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
    response
}
