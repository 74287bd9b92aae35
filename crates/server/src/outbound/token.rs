//! Access tokens for apps that speak OAuth 2 (RFC 6749): fetched through the guarded way out, kept in memory, and renewed
//! before they end or when the app refuses one.
//!
//! Invariant: for one app one request for a token is under way at a time in this process. Whoever waits for it gets what it
//! brought, be it a token or a refusal; so many workers ask no more often than one.
//! Not here: what an answer means, which is in `token/answer`; what somebody has agreed to, which is in `token/granted`; how that
//! is taken back, which is in `token/revoke`.

mod answer;
mod granted;
mod revoke;

pub(crate) use granted::{Granted, exchange, sealed};
pub(crate) use revoke::{Forgotten, Revocation, is_elsewhere, revoke};

use super::integration::{ClientAuthentication, OAuth};
use super::send::SECRET_BYTES_MIN;
use crate::app::App;
use crate::clock::Stopwatch;
use crate::egress::{self, Lost};
use crate::limits;
use crate::query;
use answer::{Given, Refusal};
use axum::http::Method;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use provision::outcome::NoToken;
use scim::Code;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::AppId;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Why there is no token to show, for the engine and for people.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) why: NoToken,
    /// The server's, if it answered.
    pub(crate) status: Option<u16>,
    /// What happened and what to do, without a secret.
    pub(crate) said: String,
    pub(crate) took_us: i64,
}

/// Who asks, and where: what a token depends on.
#[derive(Clone, PartialEq, Eq)]
struct Client {
    settings: OAuth,
    secret: String,
}

/// A token in memory.
#[derive(Clone)]
struct Token {
    text: String,
    /// From then on another one is asked for; nothing is never, until it is refused.
    renew_at: Option<i64>,
    /// From then on the app does not take it.
    ends_at: Option<i64>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// What the last request brought, if that was no token.
    failure: Option<Failure>,
}

/// Where the next token comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The client asks for itself.
    Client,
    /// Somebody has agreed, at that time; what was granted is kept with the app.
    Kept { app: AppId, at: i64 },
    /// Nowhere: nobody has agreed, or it is tried with what it has.
    Nowhere,
}

impl Source {
    fn of(settings: &OAuth, app: AppId, granted_at: Option<i64>) -> Self {
        match granted_at {
            _ if !settings.is_agreed() => Self::Client,
            Some(at) => Self::Kept { app, at },
            None => Self::Nowhere,
        }
    }
}

/// The token of one app, or of what is tried.
pub(crate) struct Holder {
    client: Client,
    source: Source,
    /// Whether the first token is not one that is kept.
    anew: bool,
    held: Arc<AsyncMutex<Held>>,
    /// Requests that came to an end.
    ended: AtomicU64,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

impl Holder {
    /// One that knows no token yet. `granted_at`: when somebody agreed, if they have to.
    pub(crate) fn new(app: AppId, settings: &OAuth, granted_at: Option<i64>, secret: String) -> Self {
        let client = Client { settings: settings.clone(), secret };
        let source = Source::of(settings, app, granted_at);
        Self { client, source, anew: false, held: Arc::default(), ended: AtomicU64::new(0) }
    }

    /// One that has what somebody has just agreed to, and nothing else.
    pub(crate) fn trying(app: AppId, settings: &OAuth, secret: String, granted: &Granted) -> Self {
        let held = Held { token: Some(granted.token()), failure: None };
        Self { held: Arc::new(AsyncMutex::new(held)), ..Self::new(app, settings, None, secret) }
    }

    /// One for the same client that gets another token first; itself, where it could get none.
    pub(crate) fn anew(self: &Arc<Self>) -> Arc<Self> {
        if self.source == Source::Nowhere {
            return Arc::clone(self);
        }
        let (client, source) = (self.client.clone(), self.source);
        Arc::new(Self { client, source, anew: true, held: Arc::default(), ended: AtomicU64::new(0) })
    }

    /// A token that is good, other than the one that the app has refused.
    pub(crate) async fn token(self: &Arc<Self>, app: &App, refused: Option<&str>) -> Result<String, Failure> {
        let before = self.ended.load(Ordering::Acquire);
        let held = Arc::clone(&self.held).lock_owned().await;
        let now = app.clock().now();
        let known = held.token.as_ref().filter(|token| Some(token.text.as_str()) != refused);
        if let Some(token) = known.filter(|token| token.renew_at.is_none_or(|at| now < at)) {
            return Ok(token.text.clone());
        }
        if let Some(failure) = held.failure.as_ref().filter(|_| self.ended.load(Ordering::Acquire) != before) {
            return Err(failure.clone());
        }
        let spare = known.filter(|token| token.ends_at.is_some_and(|at| now < at)).cloned();
        // In a task of its own: whoever waits may go away, and what comes is everybody's.
        let (holder, app, refused) = (Arc::clone(self), app.clone(), refused.map(str::to_owned));
        let asked = tokio::spawn(async move { holder.renew(&app, held, spare, refused.as_deref()).await });
        asked.await.unwrap_or_else(|_| Err(Failure::of(NoToken::Unreachable, "the request for a token broke off")))
    }

    /// Asks for a token; where that fails for the moment, the one that is still good goes on.
    async fn renew(
        &self,
        app: &App,
        mut held: OwnedMutexGuard<Held>,
        spare: Option<Token>,
        refused: Option<&str>,
    ) -> Result<String, Failure> {
        let asked = match self.source {
            Source::Client => {
                self.client.ask(app, &[("grant_type", "client_credentials")]).await.map(|given| given.token)
            }
            Source::Kept { app: id, .. } => granted::renewed(&self.client, app, (id, self.anew), refused).await,
            Source::Nowhere => Err(Failure::of(NoToken::NotGranted, granted::NOBODY)),
        };
        self.ended.fetch_add(1, Ordering::AcqRel);
        (held.token, held.failure) = match (asked, spare) {
            (Ok(token), _) => (Some(token), None),
            (Err(failure), Some(spare)) if !matches!(failure.why, NoToken::Refused | NoToken::NotGranted) => {
                let again = app.clock().now().saturating_add(limits::ACCESS_TOKEN_REST);
                tracing::warn!(why = failure.said, "a token is not renewed yet and used while it is good");
                (Some(Token { renew_at: Some(again).min(spare.ends_at), ..spare }), None)
            }
            (Err(failure), _) => (None, Some(failure)),
        };
        match (&held.token, &held.failure) {
            (Some(token), _) => Ok(token.text.clone()),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(Failure::of(NoToken::Unreachable, "there is no token")),
        }
    }

    /// How many wait, or ask.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        Arc::strong_count(&self.held) - 1
    }

    /// For how many seconds the token in memory is good, if that is known.
    pub(crate) async fn seconds_left(&self, now: i64) -> Option<i64> {
        let ends_at = self.held.lock().await.token.as_ref()?.ends_at?;
        Some(ends_at.saturating_sub(now) / 1_000_000)
    }

    /// Where tokens come from, without what may stand behind it.
    pub(crate) fn token_url(&self) -> &str {
        let url = self.client.settings.token_url.as_str();
        url.split(['?', '#']).next().unwrap_or(url)
    }
}

impl Client {
    /// Asks for a token with this form; what is in it comes back in no word.
    async fn ask(&self, app: &App, form: &[(&str, &str)]) -> Result<Got, Failure> {
        let (asked_at, watch) = (app.clock().now(), Stopwatch::start());
        let answer = app.egress().send(self.request(&self.settings.token_url, form)).await;
        let took_us = watch.micros();
        let failed = |status, why, said: String| Failure { status, took_us, ..Failure::of(why, &said) };
        let response = match answer {
            Ok(response) => response,
            Err(failure) => {
                let why = match failure.lost {
                    Lost::Refused(_) => NoToken::Refused,
                    _ => NoToken::Unreachable,
                };
                return Err(failed(None, why, format!("the authorization server: {}", failure.why)));
            }
        };
        let retry_after = response.header("retry-after");
        match answer::read(response.status, retry_after, &response.body, &self.secrets(form)) {
            Ok(given) => Ok(Got { refresh: given.refresh.clone(), token: kept(given, asked_at) }),
            Err(Refusal { why, said }) => {
                // Where nobody has to agree, nobody can.
                let agreed = self.settings.is_agreed() || why != NoToken::NotGranted;
                let why = if agreed { why } else { NoToken::Refused };
                Err(failed(Some(response.status), why, format!("the authorization server: {said}")))
            }
        }
    }

    /// A request to the server with the client as RFC 6749 §2.3.1 has it. Scope and audience are said with the client's own grant
    /// (§4.4.2); otherwise they are what somebody has agreed to.
    fn request(&self, url: &str, form: &[(&str, &str)]) -> egress::Request {
        let settings = &self.settings;
        let mut form = form.to_vec();
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("Accept".to_owned(), "application/json".to_owned()),
        ];
        let more = [("scope", settings.scope.as_str()), ("audience", settings.audience.as_str())];
        form.extend(more.into_iter().filter(|(_, value)| !value.is_empty() && !settings.is_agreed()));
        match settings.client_authentication {
            ClientAuthentication::Basic => {
                headers.push(("Authorization".to_owned(), format!("Basic {}", self.basic())));
            }
            ClientAuthentication::Post => {
                form.push(("client_id", settings.client_id.as_str()));
                // A public client has none.
                form.extend((!self.secret.is_empty()).then_some(("client_secret", self.secret.as_str())));
            }
        }
        let pairs: Vec<String> =
            form.into_iter().map(|(name, value)| format!("{name}={}", query::encode(value))).collect();
        egress::Request {
            method: Method::POST,
            url: url.to_owned(),
            headers,
            body: Some(pairs.join("&").into()),
            time: Some(limits::ACCESS_TOKEN_TIME),
            bytes_max: Some(limits::ACCESS_TOKEN_ANSWER_BYTES_MAX),
        }
    }

    /// What must not come back in words: the secrets that are sent, in each form in which they are.
    fn secrets(&self, form: &[(&str, &str)]) -> Vec<String> {
        let all = [self.secret.clone(), query::encode(&self.secret), self.basic()];
        let secret = |name: &str| matches!(name, "refresh_token" | "code" | "code_verifier" | "token");
        let sent = form
            .iter()
            .filter(|(name, _)| secret(name))
            .flat_map(|(_, value)| [(*value).to_owned(), query::encode(value)]);
        all.into_iter().chain(sent).filter(|secret| secret.len() >= SECRET_BYTES_MIN).collect()
    }

    /// RFC 6749 §2.3.1: both are encoded like a form before they are credentials of HTTP.
    fn basic(&self) -> String {
        let both = format!("{}:{}", query::encode(&self.settings.client_id), query::encode(&self.secret));
        BASE64_STANDARD.encode(both)
    }
}

/// What was given.
struct Got {
    token: Token,
    refresh: Option<String>,
}

impl Failure {
    fn of(why: NoToken, said: &str) -> Self {
        let code = if why == NoToken::NotGranted { Code::NOT_GRANTED } else { Code::NO_ACCESS_TOKEN };
        Self { why, status: None, said: format!("no access token: {said} ({code})"), took_us: 0 }
    }
}

/// A token as it is kept: renewed a while before its end, and that is counted from when it was asked for.
fn kept(given: Given, asked_at: i64) -> Token {
    let whole = given.seconds.map(|seconds| seconds.min(limits::ACCESS_TOKEN_SECONDS_MAX).saturating_mul(1_000_000));
    let after = |micros: i64| asked_at.saturating_add(micros);
    let renew_at = whole.map(|whole| after(whole - limits::ACCESS_TOKEN_MARGIN.min(whole / 4)));
    Token { text: given.access, renew_at, ends_at: whole.map(after) }
}

/// The holders of this process, by app.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<HashMap<AppId, Arc<Holder>>>);

impl Holders {
    /// That of an app; a new one when anything is other than it was.
    pub(crate) fn of(&self, id: AppId, settings: &OAuth, granted_at: Option<i64>, secret: String) -> Arc<Holder> {
        let new = Holder::new(id, settings, granted_at, secret);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&id) {
            Some(known) if known.client == new.client && known.source == new.source => Arc::clone(known),
            _ => {
                let new = Arc::new(new);
                all.insert(id, Arc::clone(&new));
                new
            }
        }
    }

    /// An app is gone, or what it had is not its any more.
    pub(crate) fn forget(&self, id: AppId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let kept = |seconds| {
            let token = kept(Given { access: "a".into(), seconds, refresh: None }, 0);
            (token.renew_at.map(|at| at / SECOND), token.ends_at.map(|at| at / SECOND))
        };
        for (seconds, renew, ends) in [
            (3_600, 3_540, 3_600),
            (240, 180, 240),
            (60, 45, 60),
            (4, 3, 4),
            (1, 0, 1),
            (i64::MAX, 31_535_940, 31_536_000),
        ] {
            assert_eq!(kept(Some(seconds)), (Some(renew), Some(ends)), "{seconds}");
        }
        assert_eq!(kept(None), (None, None), "good until it is refused");
    }

    fn client(client_authentication: ClientAuthentication) -> Client {
        let settings = OAuth {
            token_url: "https://as.example/token".into(),
            client_id: "a client".into(),
            client_authentication,
            scope: "scim users".into(),
            audience: "https://app.example/scim".into(),
            ..OAuth::default()
        };
        Client { settings, secret: "s:ü".into() }
    }

    #[test]
    fn the_client_says_who_it_is() {
        let sent = |how| {
            let request = client(how).request("https://as.example/token", &[("grant_type", "client_credentials")]);
            let header = request.headers.into_iter().find(|(name, _)| name == "Authorization");
            (header.map(|(_, value)| value), String::from_utf8(request.body.unwrap().to_vec()).unwrap())
        };
        let asked = "grant_type=client_credentials&scope=scim%20users&audience=https%3A%2F%2Fapp.example%2Fscim";
        let both = BASE64_STANDARD.encode("a%20client:s%3A%C3%BC");
        assert_eq!(sent(ClientAuthentication::Basic), (Some(format!("Basic {both}")), asked.to_owned()));
        let posted = format!("{asked}&client_id=a%20client&client_secret=s%3A%C3%BC");
        assert_eq!(sent(ClientAuthentication::Post), (None, posted));
    }

    #[test]
    fn the_secret_is_known_in_each_form_in_which_it_is_sent() {
        let both = BASE64_STANDARD.encode("a%20client:s%3A%C3%BC");
        assert_eq!(
            client(ClientAuthentication::Basic).secrets(&[("scope", "scim:users")]),
            ["s%3A%C3%BC".to_owned(), both],
            "and not what is short"
        );
    }
}
