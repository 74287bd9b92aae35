//! Passkeys: signing in with what the device keeps, and making one.

use super::desk::Desk;
use crate::app::App;
use axum::Router;
use maud::{Markup, html};
use store::Passkey;

pub(super) fn router() -> Router<App> {
    Router::new()
}

pub(super) fn public() -> Router<App> {
    Router::new()
}

/// The button below the password; there only where a script and the browser can use it.
pub(super) fn sign_in_button(next: &str) -> Markup {
    html! { div .passkey data-passkey="sign-in" data-next=(next) hidden {} }
}

pub(super) fn card(_cx: &Desk, _keys: &[Passkey]) -> Markup {
    html! {}
}
