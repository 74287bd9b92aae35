//! The console: what an administrator sees. Pages are made here, on the server; a script only makes them quicker.
//!
//! How a page is written (`pages/*.rs`): a handler takes `cx: Desk`, asks the store or a use case of `admin`, and
//! answers `Ok(page(&cx, Page::new("Users", Nav::Users).purpose("…"), html! { … }))`; what fails is a `Fault` by `?`.
//! A change is a `POST` of a form made by `parts::form(&cx, "/app/…", …)`, taken as `Form<T>`, and ends in
//! `cx.done("/app/…", Flash::good("Saved"))`, a redirect that shows the sentence once. What is live is `parts::live`.
//!
//! Invariant: every route of `signed_in` is behind `desk::enter`: no session, no page; no token of the session in the
//! form (or `X-Csrf-Token`), no change; an auditor changes nothing. `open` lists what is shown to anybody; a change there
//! has to come from a page of this server (`desk::guard`). Every answer of both carries the headers of `secured`.

mod account;
mod assets;
mod chart;
mod desk;
mod entry;
mod fault;
mod icon;
mod live;
mod operators;
mod packed;
mod pages;
pub(crate) mod parts;
pub(crate) mod passkeys;
mod remedy;
mod shell;
mod trail;
pub(crate) mod upload;

pub(crate) use desk::{Desk, Flash, Form, Theme, origin_of, see_other, visitor};
pub(crate) use fault::{Fault, Shown, sentence};
pub(crate) use icon::Icon;
pub(crate) use live::event_stream;
pub(crate) use shell::{Nav, Page, bare, fragment, initials, page, settings_tabs};

use crate::app::App;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::routing::any;
use axum::{Router, middleware};

/// Nothing but what this server serves, no script or style inside a page, no frame around it.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                 font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                                 frame-ancestors 'none'";

/// The console's routes.
pub(crate) fn router(app: &App) -> Router<App> {
    let signed_in = Router::new()
        .merge(pages::router())
        .merge(account::router())
        .merge(entry::router())
        .merge(live::router())
        .merge(operators::router())
        .merge(passkeys::router())
        .merge(shell::router())
        .merge(trail::router())
        .route("/app/{*rest}", any(|| async { Fault::missing("there is no page at this address") }))
        .layer(middleware::from_fn_with_state(app.clone(), desk::enter));
    let open = Router::new()
        .merge(assets::router())
        .merge(entry::public())
        .merge(pages::public())
        .merge(passkeys::public())
        .merge(crate::person::router())
        .layer(middleware::from_fn_with_state(app.clone(), desk::guard));
    signed_in.merge(open).layer(middleware::map_response(secured)).layer(middleware::from_fn(packed::pack))
}

/// The headers of every answer of the console, besides those of every answer there is (`routes::bound`).
pub(crate) async fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
