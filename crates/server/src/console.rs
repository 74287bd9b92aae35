//! The console: what an administrator sees. Pages are made here, on the server; a script only makes them quicker.
//!
//! How a page is written (`pages/*.rs`): a handler takes `cx: Desk`, asks the store or a use case of `admin`, and
//! answers `Ok(page(&cx, Page::new("Users", Nav::Users).purpose("…"), html! { … }))`; what fails is a `Fault` by `?`.
//! A change is a `POST` of a form made by `form(&cx, "/app/…")`, taken as `Form<T>`, and ends in
//! `cx.done("/app/…", Flash::good("Saved"))`, a redirect that shows the sentence once.
//!
//! Invariant: every route of `router` is behind `desk::enter`: no session, no page; no token of the session in the form
//! (or `X-Csrf-Token`), no change; an auditor changes nothing. `public` lists what is shown to anybody.

mod desk;
mod icon;
mod pages;
mod parts;
mod shell;

pub(crate) use desk::{Desk, Fault, Flash, Form, Shown, Theme};
pub(crate) use icon::Icon;
pub(crate) use shell::{Nav, Page, bare, fragment, page};

use crate::app::App;
use axum::{Router, middleware};

/// Everything that is shown to a signed-in operator.
pub(crate) fn router(app: &App) -> Router<App> {
    Router::new().merge(pages::router()).layer(middleware::from_fn_with_state(app.clone(), desk::enter))
}
