//! Sessions of the console: the cookie, how long it is good, and the token behind every form.
//!
//! The cookie is 256 random bits; the database has their SHA-256. The token for forms is derived from the session with
//! the folder's key, so there is nothing to keep and it cannot be told from outside.

use crate::app::App;
use crate::auth::Origin;
use crate::error::{Error, Result};
use crate::{limits, token};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use scim::Code;
use std::sync::Arc;
use store::{Operator, Session};

/// How exactly the last use of a session is known.
const SEEN_EVERY: i64 = 60_000_000;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) operator: Arc<Operator>,
    pub(crate) session: Arc<Session>,
}

impl SignedIn {
    /// Refuses to change how somebody signs in by a session that may have been left open, or taken.
    pub(crate) fn is_recent(&self, now: i64) -> bool {
        now - self.session.created_at < limits::SIGN_IN_RECENT
    }

    pub(crate) fn recent(&self, now: i64) -> Result<()> {
        let why = || {
            Error::new(Code::SIGN_IN, "confirm with your password that it is you, on the account page, then try again")
        };
        if self.is_recent(now) { Ok(()) } else { Err(why()) }
    }
}

/// Whether browsers reach this server by https, so that cookies can be bound to it.
pub(crate) fn is_https(app: &App) -> bool {
    app.config().url().starts_with("https://")
}

/// `__Host-` has the browser refuse the cookie to anything but this host over https.
fn cookie_name(app: &App) -> &'static str {
    if is_https(app) { "__Host-provost" } else { "provost" }
}

/// A cookie of a request.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (have, value) = pair.trim().split_once('=')?;
        (have == name).then_some(value)
    })
}

/// A cookie for an answer; without `seconds` it ends with the browser, with 0 at once.
pub(crate) fn set_cookie(app: &App, name: &str, value: &str, seconds: Option<i64>) -> Option<HeaderValue> {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if is_https(app) { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}")).ok()
}

/// 256 random bits as text.
pub(crate) fn random_text() -> Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    Ok(BASE64.encode(bytes))
}

/// Who the cookie of a request belongs to, if the session is still good. Notes the use once a minute.
pub(crate) async fn find(app: &App, headers: &HeaderMap, origin: &Origin, now: i64) -> Result<Option<SignedIn>> {
    let Some(value) = cookie(headers, cookie_name(app)) else { return Ok(None) };
    let hash = token::hash(value);
    let found = app
        .store()
        .read(move |r| -> store::Result<_> {
            let Some(session) = r.session(&hash)? else { return Ok(None) };
            Ok(r.operator(&session.operator)?.map(|operator| (session, operator)))
        })
        .await?;
    let Some((session, operator)) = found else { return Ok(None) };
    let is_good = operator.disabled_at.is_none()
        && now - session.seen_at < limits::SESSION_IDLE
        && now - session.created_at < limits::SESSION_LIFE;
    if !is_good {
        return Ok(None);
    }
    // What a page asks for by itself is no sign that somebody is there.
    let by_hand = !headers.contains_key("hx-request");
    if by_hand && now - session.seen_at >= SEEN_EVERY {
        let (address, agent) = short(origin);
        app.store().write(move |w| w.session_seen(&hash, now, &address, &agent)).await.map_err(|e: store::Error| e)?;
    }
    Ok(Some(SignedIn { operator: Arc::new(operator), session: Arc::new(session) }))
}

fn short(origin: &Origin) -> (String, String) {
    (crate::redact::cut(&origin.address, 64).into_owned(), crate::redact::cut(&origin.agent, 256).into_owned())
}

/// A new session, to be kept by the caller in the transaction of what led to it, and its cookie.
pub(crate) fn begin(
    app: &App,
    operator: &str,
    method: &str,
    origin: &Origin,
    now: i64,
) -> Result<(Session, HeaderValue)> {
    let value = random_text()?;
    let (address, agent) = short(origin);
    let session = Session {
        hash: token::hash(&value),
        id: crate::app::request_id(),
        operator: operator.to_owned(),
        tenant: crate::tenants::DEFAULT.into(),
        created_at: now,
        seen_at: now,
        address,
        agent,
        method: method.to_owned(),
    };
    let cookie = set_cookie(app, cookie_name(app), &value, Some(limits::SESSION_LIFE / 1_000_000))
        .ok_or_else(|| Error::new(Code::INTERNAL, "the cookie cannot be written"))?;
    Ok((session, cookie))
}

/// The cookie that takes the session's away.
pub(crate) fn end_cookie(app: &App) -> Option<HeaderValue> {
    set_cookie(app, cookie_name(app), "", Some(0))
}

/// What an answer says that ends a session: the cookie goes, and with it the pages that the browser keeps, so that the
/// way back shows nothing.
pub(crate) fn forget(response: &mut Response<Body>, end_cookie: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));
    if let Some(cookie) = end_cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// The token of a session's forms.
pub(crate) fn form_token(app: &App, session: &Session) -> String {
    BASE64.encode(app.store().mac("console form", &session.hash))
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// A short text that only this server can have written, bound to a purpose.
pub(crate) fn signed(app: &App, purpose: &str, text: &str) -> String {
    format!("{}.{}", BASE64.encode(text), BASE64.encode(app.store().mac(purpose, text.as_bytes())))
}

/// The text of `signed`, if this server wrote it for this purpose.
pub(crate) fn unsigned(app: &App, purpose: &str, whole: &str) -> Option<String> {
    let (text, mac) = whole.split_once('.')?;
    let (text, mac) = (BASE64.decode(text).ok()?, BASE64.decode(mac).ok()?);
    let fits = app.store().sealer().mac_matches(purpose, &text, &mac);
    fits.then(|| String::from_utf8(text).ok()).flatten()
}

/// Whether a request that changes something was sent by a page of this server: by `Sec-Fetch-Site`, which a page of
/// another site cannot forge; where a browser is too old for that, by `Origin`.
pub(crate) fn is_from_here(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let public = app.config().public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let host = origin.split_once("://").map(|(_, host)| host);
    public == Some(origin) || (host.is_some() && host == text("host"))
}
