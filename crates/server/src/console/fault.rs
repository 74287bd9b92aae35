//! A page that could not be shown becomes a page that says what happened, why, and what to do.

use super::desk::{Desk, Theme};
use super::shell::{self, Nav, Page};
use super::{Icon, parts, remedy};
use crate::error::Error;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use maud::{Markup, html};
use scim::Code;

/// What a page answers.
pub(crate) type Shown = Result<Response<Body>, Fault>;

/// Why a page could not be shown, or a change not be made.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Error);

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Fault {
    /// There is nothing at this address.
    pub(crate) fn missing(what: &str) -> Self {
        Self(Error::new(Code::NOT_FOUND, what))
    }

    /// What is wrong, for a form that is shown again; anything but a refused value goes on as it is.
    pub(crate) fn refused(self) -> Result<String, Self> {
        match self.0.to_scim("") {
            error if matches!(error.status, 400 | 409) => Ok(sentence(remedy::detail(&error.detail))),
            _ => Err(self),
        }
    }
}

/// As a sentence: capital letter, full stop. A name such as `userName` in front stays as it is, and so does `adoption:`.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let is_name =
        text.split(' ').next().is_some_and(|word| word.ends_with(':') || word.chars().skip(1).any(char::is_uppercase));
    let capital = |first: char| if is_name { first.to_string() } else { first.to_uppercase().to_string() };
    let first = chars.next().map(capital).unwrap_or_default();
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// The error behind a response, for whoever can show it better.
#[derive(Clone)]
struct Note {
    error: scim::Error,
    request_id: String,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response<Body> {
        let request_id = crate::app::request_id();
        // Also logs what is broken inside.
        let answer = self.0.answer(&request_id);
        let note = Note { error: self.0.to_scim(&request_id), request_id: request_id.clone() };
        let mut response = shell::bare(Theme::System, title(note.error.status), told(&note, None));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(seconds) = answer.header("retry-after").and_then(|text| HeaderValue::from_str(text).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response.extensions_mut().insert(note);
        response
    }
}

/// What the router refuses by itself says nothing to people: a word where a number is, a method that is not served.
pub(crate) fn spoken(response: Response<Body>) -> Response<Body> {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    match response.status() {
        _ if response.extensions().get::<Note>().is_some() => response,
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "this address takes what a form sends, and is no page of its own";
            let mut told = Fault::from(Error::new(Code::METHOD, detail)).into_response();
            let allow = response.headers().get(header::ALLOW).cloned();
            allow.into_iter().for_each(|allow| drop(told.headers_mut().insert(header::ALLOW, allow)));
            told
        }
        StatusCode::BAD_REQUEST if kind.starts_with(b"text/plain") => {
            Fault::missing("there is no page at this address").into_response()
        }
        _ => response,
    }
}

/// Shows a fault with the navigation around it, or as a note where htmx asked for a part of a page.
pub(crate) fn dress(cx: &Desk, response: Response<Body>) -> Response<Body> {
    let response = spoken(response);
    let Some(note) = response.extensions().get::<Note>().cloned() else { return response };
    let body = told(&note, Some(cx));
    let page = if cx.is_htmx {
        shell::fragment(parts::note(
            parts::Tone::Bad,
            title(note.error.status),
            html! { p { (sentence(remedy::detail(&note.error.detail))) } },
        ))
    } else {
        shell::page(cx, Page::new(title(note.error.status), Nav::None), body)
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, page.into_body())
}

fn title(status: u16) -> &'static str {
    match status {
        401 => "You are not signed in",
        403 => "This is not allowed",
        404 | 410 => "There is nothing here",
        429 => "Too many at once",
        400..500 => "This did not work",
        503 => "The server is busy",
        _ => "Something is broken",
    }
}

fn told(note: &Note, cx: Option<&Desk>) -> Markup {
    let Note { error, request_id } = note;
    let code = error.code.to_string();
    let fix = error.code.entry().map(|entry| remedy::words_at_the_desk(&code, entry.fix)).unwrap_or_default();
    let home = if cx.is_some() { ("/app", "Go to the overview") } else { ("/login", "Sign in") };
    html! {
        @if cx.is_none() { h1 { (title(error.status)) } }
        div .empty.left {
            (if error.status == 404 { Icon::Search } else { Icon::Warning }.svg())
            p .lead { (sentence(remedy::detail(&error.detail))) }
            p { (fix) }
            dl .definitions {
                div { dt { "Code" } dd { a href={ "/docs/errors/" (code) } { (code) } } }
                div { dt { "Request" } dd .mono { (request_id) } }
            }
            div .actions { a .button.main href=(home.0) { (home.1) } }
        }
    }
}
