//! A16, the page behind a setup link: the guide with the values of its tenant, for somebody without an account.
//!
//! The secret in the address is the only permission. Every request looks it up again, so a revoked link closes at once.

use super::scim::MANAGER;
use super::{attributes, setup};
use crate::admin::attributes::list;
use crate::admin::links;
use crate::app::App;
use crate::console::parts::{Tone, badge, card, card_with, code, copy_box, note, once, tabs, when};
use crate::console::{Shown, Theme, bare, fragment, see_other};
use crate::serve::Peer;
use crate::tenants::TenantState;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use std::sync::Arc;
use store::SetupLink;

const PROVIDERS: [(&str, &str); 3] = [("okta", "Okta"), ("entra", "Entra ID"), ("other", "Another one")];

/// The link and its tenant, if it opens.
async fn opened(
    app: &App,
    secret: &str,
    peer: Option<Peer>,
) -> crate::error::Result<Option<(SetupLink, Arc<TenantState>)>> {
    let from = peer.map(|peer| peer.address()).unwrap_or_default();
    let Some(link) = links::open(app, secret, &from).await? else { return Ok(None) };
    let state = app.tenants().all().into_iter().find(|state| state.tenant.id == link.tenant);
    Ok(state.map(|state| (link, state)))
}

/// Why nothing opens; who had a link that has ended can ask for a new one.
async fn closed(app: &App, secret: &str) -> Shown {
    let (ended, now) = (links::ended(app, secret).await?, app.clock().now());
    let body = match &ended {
        None => html! {
            h1 { "This link does not open anything" }
            p { "It is not complete, or was never made here. Open it as it was sent, whole, or ask whoever sent it for a new one." }
        },
        Some(link) => html! {
            h1 { "This link has ended" }
            p { "It was for " strong { (link.label) } " and "
                @match link.revoked_at { Some(at) => { "was closed " (when(at, now)) }, None => { "ended by itself " (when(link.expires_at, now)) } } "." }
            @match link.asked_at {
                Some(at) => (note(Tone::Good, "Somebody has asked for a new one", html! {
                    p { (when(at, now)) ". Whoever sent it sees that at the console, and sends another." }
                })),
                None => form method="post" action={ "/share/" (secret) "/ask" } {
                    p { "Whoever sent it is told at their console that you need another." }
                    div .actions { button .main type="submit" { "Ask for a new one" } }
                },
            }
        },
    };
    let mut response = bare(Theme::System, "Link closed", body);
    *response.status_mut() = if ended.is_some() { StatusCode::GONE } else { StatusCode::NOT_FOUND };
    Ok(response)
}

/// `POST /share/{secret}/ask`: a new link, please.
pub(super) async fn ask(State(app): State<App>, Path(secret): Path<String>) -> Shown {
    if let Some(link) = links::ended(&app, &secret).await? {
        links::ask(&app, &link).await?;
    }
    Ok(see_other(&format!("/share/{secret}")))
}

/// `POST /share/{secret}/done`: the work is done, the link ends.
pub(super) async fn done(State(app): State<App>, Path(secret): Path<String>, peer: Option<Extension<Peer>>) -> Shown {
    if let Some((link, state)) = opened(&app, &secret, peer.map(|Extension(peer)| peer)).await? {
        links::close(&app, &state.tenant.name, &link).await?;
    }
    let body = html! {
        h1 { "Done" }
        p { "The link is closed; the token that was made through it stays. You can close this page." }
    };
    Ok(bare(Theme::System, "Done", body))
}

/// `GET /share/{secret}`.
pub(super) async fn show(
    State(app): State<App>,
    Path(secret): Path<String>,
    peer: Option<Extension<Peer>>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Shown {
    let Some((link, state)) = opened(&app, &secret, peer.map(|Extension(peer)| peer)).await? else {
        return closed(&app, &secret).await;
    };
    let idp = raw.as_deref().and_then(|raw| crate::query::value(raw, "idp")).unwrap_or_else(|| "okta".into());
    let endpoint = app.base_url(&state, &headers)?;
    let progress = setup::progress(&app, &state).await?;
    let now = app.clock().now();
    let custom: Vec<_> = list(&state).into_iter().filter(|named| named.custom && named.accepted).collect();
    let all: Vec<(&str, String, bool)> =
        PROVIDERS.iter().map(|(key, word)| (*word, format!("/share/{secret}?idp={key}"), *key == idp)).collect();
    let body = html! { div .wide-page.stack {
        h1 { "Connect your identity provider" }
        p .purpose { "For " strong { (link.label) } ". This page needs no account; it closes " (when(link.expires_at, now)) "." }
        (card_with("What you need", html! { @if link.token.is_some() { (badge(Tone::Good, "token made")) } }, html! {
            (copy_box("endpoint", "SCIM Endpoint", &endpoint))
            @if link.token.is_none() {
                form method="post" action={ "/share/" (secret) "/token" } {
                    p { "The token is shown once, and this link makes one." }
                    div .actions { button .main type="submit" { "Generate token" } }
                }
            } @else { p .quiet { "The token of this link was made. If it is lost, ask for a new link." } }
            (attributes::three("manager", "Manager attribute", MANAGER))
            (attributes::of_fields(&custom.iter().collect::<Vec<_>>()))
        }))
        (card("How far it is", html! {
            div hx-get={ "/share/" (secret) "/steps" } hx-trigger="every 5s" hx-swap="innerMorph" { (setup::list(&progress, now, html! {}, "")) }
            p { a .button.small href={ "/share/" (secret) "?idp=" (idp) } { "Look again" } }
        }))
        section .card { header { h2 { "What to do there" } } (tabs("Identity provider", &all)) (setup::guide(&idp, &endpoint)) }
        (card("Finished?", html! {
            details .confirm {
                summary .button { "I am done" }
                div .confirm-body {
                    p { "The link ends at once, for everybody who has it. What was set up stays." }
                    form method="post" action={ "/share/" (secret) "/done" } { button type="submit" { "Close this link" } }
                }
            }
        }))
        (card("Try it from a terminal", code("curl", &format!("curl '{endpoint}/Users?startIndex=1&count=2' -H \"Authorization: Bearer $TOKEN\""))))
    } };
    Ok(bare(Theme::System, "Connect your identity provider", body))
}

/// `GET /share/{secret}/steps`: how far it is, while the page is open; nothing once the link is closed.
pub(super) async fn steps(State(app): State<App>, Path(secret): Path<String>) -> Shown {
    let link = links::look(&app, &secret).await?;
    let state = link.and_then(|link| app.tenants().all().into_iter().find(|state| state.tenant.id == link.tenant));
    let Some(state) = state else { return Ok(fragment(html! { p { "This link is closed." } })) };
    let progress = setup::progress(&app, &state).await?;
    Ok(fragment(setup::list(&progress, app.clock().now(), html! {}, "")))
}

/// `POST /share/{secret}/token`.
pub(super) async fn token(
    State(app): State<App>,
    Path(secret): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Shown {
    let Some((link, state)) = opened(&app, &secret, peer.map(|Extension(peer)| peer)).await? else {
        return closed(&app, &secret).await;
    };
    let back = format!("/share/{secret}");
    let body: Markup = match links::token(&app, &state.tenant.name, &link).await {
        Ok(made) => html! {
            h1 { "Your token" }
            (once("Authentication Token", &made.text, true, &back))
            (card("Where it goes", copy_box("endpoint", "SCIM Endpoint", &app.base_url(&state, &headers)?)))
        },
        Err(error) => html! {
            h1 { "No token was made" }
            (note(Tone::Bad, "", html! { p { (error.to_scim("").detail) } }))
            p { a .button href=(back) { "Back" } }
        },
    };
    Ok(bare(Theme::System, "Token", body))
}
