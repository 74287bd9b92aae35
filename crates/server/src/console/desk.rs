//! Who sits at the console: the session behind every page, the token behind every form.

use super::fault::{self, Fault, Shown, sentence};
use super::{passkeys, upload};
use crate::admin::waiting::{self, Waiting};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Error;
use crate::serve::Peer;
use crate::session::{self, SignedIn};
use crate::tenants::{DEFAULT, TenantState};
use crate::{limits, query};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use scim::Code;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Operator, Role};

const FLASH: &str = "provost-flash";
const THEME: &str = "provost-theme";
const DENSITY: &str = "provost-rows";
/// What everybody may change, whatever the role: it is their own.
const OWN: [&str; 3] = ["/account", "/logout", "/console/"];

/// Everything that a page knows about its request.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) app: App,
    /// The tenant that the operator looks at.
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) operator: Arc<Operator>,
    pub(crate) signed: SignedIn,
    /// The session's token for forms.
    pub(crate) csrf: Arc<str>,
    pub(crate) theme: Theme,
    /// Rows of lists stand close together.
    pub(crate) is_compact: bool,
    pub(crate) now: i64,
    /// htmx asks for a part of a page.
    pub(crate) is_htmx: bool,
    /// Path and query of the request.
    pub(crate) path: String,
    pub(crate) query: String,
    /// The SCIM endpoint of the tenant as this browser reaches the server.
    pub(crate) endpoint: Arc<str>,
    /// The address by which this browser reaches the console.
    pub(crate) site: Arc<str>,
    pub(crate) origin: Origin,
    /// What the page before has to say, once.
    pub(crate) flash: Option<Flash>,
    /// The numbers beside the entries of the navigation.
    pub(crate) waiting: Waiting,
    /// How many events there were before the page was made.
    pub(crate) seen: u64,
}

impl Desk {
    fn new(app: &App, signed: SignedIn, parts: &Parts, origin: Origin, now: i64) -> Result<Self, Error> {
        let named = app.tenants().find(&signed.session.tenant).or_else(|| app.tenants().find(DEFAULT));
        let tenant = named.or_else(|| app.tenants().all().into_iter().next());
        let tenant = tenant.ok_or_else(|| Error::new(Code::INTERNAL, "there is no tenant"))?;
        let headers = &parts.headers;
        Ok(Self {
            app: app.clone(),
            endpoint: app.base_url(&tenant, headers)?.into(),
            site: passkeys::server_url(app, headers).into(),
            tenant,
            operator: Arc::clone(&signed.operator),
            csrf: session::form_token(app, &signed.session).into(),
            signed,
            theme: Theme::of(headers),
            is_compact: session::cookie(headers, DENSITY) == Some("compact"),
            now,
            is_htmx: headers.contains_key("hx-request"),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            origin,
            flash: session::cookie(headers, FLASH).and_then(|text| Flash::read(app, text)),
            waiting: Waiting::default(),
            seen: app.events().count(),
        })
    }

    /// Whether the operator may change things; buttons that may not be pressed are not shown.
    pub(crate) fn may_change(&self) -> bool {
        self.operator.role >= Role::Admin
    }

    /// Whether a form that is sent there would be taken from this operator.
    pub(crate) fn may_send(&self, action: &str) -> bool {
        self.may_change() || OWN.iter().any(|own| action.starts_with(own))
    }

    /// Refuses whoever has a smaller role.
    pub(crate) fn at_least(&self, role: Role) -> Result<(), Fault> {
        Ok(self.actor().at_least(role)?)
    }

    /// The operator as whoever a use case is done by.
    pub(crate) fn actor(&self) -> Actor {
        self.signed.actor(&self.origin)
    }

    /// The value of a parameter of the address; empty is none.
    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        query::value(&self.query, name).filter(|value| !value.is_empty())
    }

    /// The address of the server in front of the SCIM endpoint.
    pub(crate) fn server_url(&self) -> &str {
        let endpoint: &str = &self.endpoint;
        let end = endpoint.find("/t/").or_else(|| endpoint.find("/scim/")).unwrap_or(endpoint.len());
        endpoint.get(..end).unwrap_or(endpoint)
    }

    /// Ends a change: to that page, which says this sentence once.
    pub(crate) fn done(&self, to: &str, flash: Flash) -> Shown {
        let mut response = see_other(to);
        let cookie = session::set_cookie(&self.app, FLASH, &flash.write(&self.app), Some(60));
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// Ends a change that was refused: to that page, which says why. What is no refusal has a page of its own.
    pub(crate) fn refused(&self, to: &str, error: Error) -> Shown {
        let told = error.to_scim("");
        if told.status < 500 { self.done(to, Flash::bad(sentence(&told.detail))) } else { Err(error.into()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Desk {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let missing = || Fault::from(Error::new(Code::INTERNAL, "the page is not behind the sign-in"));
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// The fields of a form. Its token was looked at before (`enter`). For fields that come more than once take
/// `Form<Vec<(String, String)>>`.
#[derive(Debug)]
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        match axum::extract::Form::<T>::from_request(request, state).await {
            Ok(axum::extract::Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(scim::Error::invalid_value("the form is incomplete; load the page again").into()),
        }
    }
}

/// Colours: as the system says, or as the operator chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// As a browser that is not signed in chose it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        session::cookie(headers, THEME).map(Self::parse).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text).unwrap_or_default()
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// For `data-theme`; the system's own needs none.
    pub(crate) fn attribute(self) -> Option<&'static str> {
        (self != Self::System).then(|| self.as_str())
    }

    pub(crate) fn cookie(self, app: &App) -> Option<HeaderValue> {
        session::set_cookie(app, THEME, self.as_str(), Some(365 * 86_400))
    }
}

/// Keeps how close rows of lists stand.
pub(crate) fn density_cookie(app: &App, compact: bool) -> Option<HeaderValue> {
    session::set_cookie(app, DENSITY, if compact { "compact" } else { "usual" }, Some(365 * 86_400))
}

/// A sentence about what was just done, shown once on the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flash {
    pub(crate) good: bool,
    pub(crate) text: String,
    /// Where a POST undoes it, with its fields (`users.update=true`).
    pub(crate) undo: Option<(String, Vec<(String, String)>)>,
}

impl Flash {
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { good: true, text: text.into(), undo: None }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { good: false, text: text.into(), undo: None }
    }

    /// With a button that takes it back.
    #[must_use]
    pub(crate) fn undo(mut self, action: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.undo = Some((action.to_owned(), fields));
        self
    }

    /// Signed, so that nobody else puts words into the console's mouth.
    fn write(&self, app: &App) -> String {
        session::signed(app, FLASH, &serde_json::to_string(self).unwrap_or_default())
    }

    fn read(app: &App, text: &str) -> Option<Self> {
        serde_json::from_str(&session::unsigned(app, FLASH, text)?).ok()
    }
}

/// To another page, by GET.
pub(crate) fn see_other(to: &str) -> Response<Body> {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/app"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
        .into_response()
}

/// Where a request comes from.
pub(crate) fn origin_of(parts: &Parts) -> Origin {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = parts.extensions.get::<Peer>().map(|peer| peer.client(&parts.headers)).unwrap_or_default();
    Origin { address, agent: agent.to_owned() }
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Lets in who is signed in, and changes nothing for who did not mean to.
pub(crate) async fn enter(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    let now = app.clock().now();
    let (parts, body) = request.into_parts();
    let origin = origin_of(&parts);
    let signed = match session::find(&app, &parts.headers, &origin, now).await {
        Ok(Some(signed)) => signed,
        Ok(None) => return sign_in_first(&parts),
        Err(error) => return Fault::from(error).into_response(),
    };
    let cx = match Desk::new(&app, signed, &parts, origin, now) {
        Ok(cx) => cx,
        Err(error) => return Fault::from(error).into_response(),
    };
    let cx = match counted(cx, &parts.method).await {
        Ok(cx) => cx,
        Err(error) => return Fault::from(error).into_response(),
    };
    let request = match admitted(&cx, parts, body).await {
        Ok(mut request) => {
            request.extensions_mut().insert(cx.clone());
            request
        }
        Err(fault) => return fault::dress(&cx, fault.into_response()),
    };
    let mut response = fault::dress(&cx, next.run(request).await);
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if cx.flash.is_some() && is_page && !cx.is_htmx {
        let gone = session::set_cookie(&app, FLASH, "", Some(0));
        gone.into_iter().for_each(|cookie| {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        });
    }
    response
}

/// With the numbers of the navigation, which only whole pages have.
async fn counted(cx: Desk, method: &Method) -> Result<Desk, Error> {
    if cx.is_htmx || method != Method::GET {
        return Ok(cx);
    }
    Ok(Desk { waiting: waiting::of(&cx.app, &cx.tenant).await?, ..cx })
}

/// Who reads a page that is open to everybody, if they are signed in.
pub(crate) async fn visitor(app: &App, parts: &Parts) -> Option<Desk> {
    let (now, origin) = (app.clock().now(), origin_of(parts));
    let signed = session::find(app, &parts.headers, &origin, now).await.ok()??;
    Desk::new(app, signed, parts, origin, now).ok()
}

/// Nobody is signed in: a page leads to the sign-in and back, everything else is refused.
fn sign_in_first(parts: &Parts) -> Response<Body> {
    let next = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let to = format!("/login?next={}", encoded(&next));
    if parts.headers.contains_key("hx-request") {
        let to = HeaderValue::from_str(&to).unwrap_or(HeaderValue::from_static("/login"));
        return (StatusCode::UNAUTHORIZED, [(header::HeaderName::from_static("hx-redirect"), to)]).into_response();
    }
    let wants_page = parts.headers.get(header::ACCEPT).is_none_or(|accept| accept != "text/event-stream");
    if parts.method == Method::GET && wants_page {
        return see_other(&to);
    }
    Fault::from(Error::new(Code::SIGN_IN, "you are not signed in, or not any more; nothing was changed"))
        .into_response()
}

/// A value for the query of an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A change has to come from a page of ours, with the session's token, from somebody whose role allows it.
async fn admitted(cx: &Desk, parts: Parts, body: Body) -> Result<Request, Fault> {
    if !is_change(&parts.method) {
        return Ok(Request::from_parts(parts, body));
    }
    let foreign =
        || Error::new(Code::FOREIGN_FORM, "the form was not sent by a page of this session; nothing was changed");
    if !session::is_from_here(&cx.app, &parts.headers) {
        return Err(foreign().into());
    }
    // Before a file is read that nobody may bring.
    if !cx.may_send(&cx.path) {
        cx.at_least(Role::Admin)?;
    }
    let has_file = upload::is_one(&cx.path, &parts.headers);
    let most = if has_file { limits::IMPORT_FILE_BYTES_MAX } else { 0 } + limits::FORM_BYTES_MAX;
    let too_large =
        || if has_file { upload::too_large() } else { Error::new(Code::BODY_TOO_LARGE, "the form is too large") };
    let bytes = axum::body::to_bytes(body, most).await.map_err(|_| too_large())?;
    let in_header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let token = match in_header {
        None if has_file => upload::read(&parts.headers, bytes.clone()).await?.field("csrf").map(str::to_owned),
        None => std::str::from_utf8(&bytes).ok().and_then(|text| query::value(text, "csrf")),
        in_header => in_header,
    };
    if !token.is_some_and(|token| session::same(&token, &cx.csrf)) {
        return Err(foreign().into());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// For what is open to everybody: a change has to come from a page of ours.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    if is_change(request.method()) && !session::is_from_here(&app, request.headers()) {
        let detail = "the form was not sent by a page of this server; nothing was changed";
        return Fault::from(Error::new(Code::FOREIGN_FORM, detail)).into_response();
    }
    fault::spoken(next.run(request).await)
}
