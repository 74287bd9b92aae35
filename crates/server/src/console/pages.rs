//! The pages, one file each, and their routes.

use crate::app::App;
use crate::console::{Desk, Nav, Page, Shown, page};
use axum::Router;
use axum::routing::get;
use maud::html;

/// Behind the sign-in.
pub(crate) fn router() -> Router<App> {
    Router::new().route("/app", get(overview))
}

/// For anybody: links that carry their own permission.
pub(crate) fn public() -> Router<App> {
    Router::new()
}

async fn overview(cx: Desk) -> Shown {
    Ok(page(&cx, Page::new("Overview", Nav::Overview).purpose("What arrives, and what became of it."), html! {}))
}
