//! Where a token may come from, and that it is still used though another has taken its place.

use crate::admin::tokens::{self, used_though_rotated};
use crate::console::parts::{self, Field, Tone, badge, form, note, text_area, time, when};
use crate::console::{Desk, Flash, Form, Shown};
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use store::Token;

/// The networks of a form: one a line, or with commas.
pub(super) fn listed(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

pub(super) fn networks_field(value: &str) -> Markup {
    let hint = "Networks of the identity provider, one a line, such as 203.0.113.0/24 or 2001:db8::/32. A request from \
                elsewhere is refused with 403. Empty: from anywhere.";
    text_area(&Field { name: "networks", label: "May come from", value, hint, mono: true, ..Field::default() }, 2)
}

/// In the row of a token.
pub(super) fn short(token: &Token) -> Markup {
    html! {
        @if let [first, rest @ ..] = token.networks.as_slice() {
            div .hint { "only from " code { (first) } @if !rest.is_empty() { " and " (rest.len()) " more" } }
        }
    }
}

/// On the page of a token.
pub(super) fn told(token: &Token) -> Markup {
    html! {
        @if token.networks.is_empty() { "anywhere" }
        @for (at, network) in token.networks.iter().enumerate() { @if at > 0 { ", " } code { (network) } }
    }
}

/// Where it may come from, to be changed.
pub(super) fn card(cx: &Desk, token: &Token, error: Option<&str>) -> Markup {
    let value = token.networks.join("\n");
    parts::card(
        "Networks",
        html! {
            @if let Some(from) = &token.last_used_from { p { "It was last used from " code { (from) } "." } }
            (form(cx, &format!("/app/scim/tokens/{}/networks", token.id), html! {
                @if let Some(error) = error { p .error { (error) } }
                (networks_field(&value))
                div .actions { button type="submit" { "Save networks" } }
            }))
        },
    )
}

/// In the row of a token that was replaced and still comes.
pub(super) fn still_used(token: &Token, all: &[Token], now: i64) -> Markup {
    html! { @if let Some(at) = used_though_rotated(token, all, now) {
        " " (badge(Tone::Warn, "still used")) div .hint { (when(at, now)) }
    } }
}

/// On its page.
pub(super) fn still_used_note(token: &Token, all: &[Token], now: i64) -> Markup {
    let Some(at) = used_though_rotated(token, all, now) else { return html! {} };
    let body = html! {
        p { "Last " (when(at, now)) @if let Some(from) = &token.last_used_from { " from " code { (from) } } "."
            @if let Some(end) = token.expires_at.filter(|end| *end > now) { " Whoever has it is locked out at " (time(end)) ": put the new token in its place." } }
    };
    note(Tone::Warn, "It is still used, though another took its place", body)
}

/// The networks as the form has them.
#[derive(Deserialize)]
pub(in super::super) struct Networks {
    #[serde(default)]
    networks: String,
}

/// `POST /app/scim/tokens/{id}/networks`.
pub(in super::super) async fn restrict(cx: Desk, Path(id): Path<String>, Form(asked): Form<Networks>) -> Shown {
    let here = format!("/app/scim/tokens/{id}");
    let networks = listed(&asked.networks);
    match tokens::restrict(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, &networks).await {
        Ok(token) if token.networks.is_empty() => {
            cx.done(&here, Flash::good(format!("Token “{}” may come from anywhere", token.label)))
        }
        Ok(token) => {
            cx.done(&here, Flash::good(format!("Token “{}” may come from {}", token.label, token.networks.join(", "))))
        }
        Err(error) => {
            let said = crate::console::Fault::from(error).refused()?;
            let mut token = tokens::find(&cx.app, Some(cx.tenant.tenant.id), &id).await?;
            token.networks = networks;
            let about = crate::console::Page::new(token.label.clone(), crate::console::Nav::Scim)
                .under("SCIM configuration", "/app/scim")
                .under("Tokens", "/app/scim/tokens")
                .help("tokens");
            Ok(super::super::unprocessable(crate::console::page(&cx, about, card(&cx, &token, Some(&said)))))
        }
    }
}
