//! What browsers see of the provider: why a request was not taken, and the way on.

use super::refusal::Refusal;
use crate::console::{bare, sentence};
use crate::person::Visit;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use maud::html;

/// A request that is answered to nobody: where the answer should go is not known, or not to be trusted.
pub(super) fn refused(visit: &Visit, request_id: &str, why: &Refusal) -> Response<Body> {
    let body = html! {
        h1 { "The application's request was not taken" }
        p .lead { (sentence(&why.description)) }
        p { "Go back to the application and try again. If that does not help, tell whoever administers it:" }
        dl .definitions {
            div { dt { "Error" } dd { code { (why.error) } } }
            div { dt { "Request" } dd .mono { (request_id) } }
        }
    };
    let mut page = bare(visit.theme, "The application's request was not taken", body);
    *page.status_mut() = StatusCode::BAD_REQUEST;
    if let Ok(id) = HeaderValue::from_str(request_id) {
        page.headers_mut().insert("x-request-id", id);
    }
    page
}

/// A page that goes on to the application by itself.
pub(crate) fn on(visit: &Visit, title: &str, to: &str) -> Response<Body> {
    let body = html! {
        h1 { (title) }
        meta http-equiv="refresh" content={ "0;url=" (to) };
        div .actions { a .button.main href=(to) { "Continue to the application" } }
    };
    bare(visit.theme, title, body)
}

/// Somebody came back from signing in and is not signed in.
pub(super) fn still_nobody(visit: &Visit, sign_in: &str) -> Response<Body> {
    let body = html! {
        h1 { "You are not signed in" }
        p .lead { "Signing in has not reached this browser. It has to take cookies from this address." }
        div .actions { a .button.main href=(sign_in) { "Sign in" } }
    };
    let mut page = bare(visit.theme, "You are not signed in", body);
    *page.status_mut() = StatusCode::UNAUTHORIZED;
    page
}
