//! How somebody signs in here: the link to choose a password, passkeys, and where they are signed in.

use super::{find, framed};
use crate::admin::directory::Found;
use crate::admin::person_passwords::{self as admin, SignIn};
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, card_with, confirm, definitions, form, note, once, table, when,
};
use crate::console::{Desk, Fault, Flash, Icon, Nav, Page, Shown, page};
use axum::extract::Path;
use maud::{Markup, html};

fn here(id: &str) -> String {
    format!("/app/users/{id}/sign-in")
}

/// `GET /app/users/{id}/sign-in`.
pub(in super::super) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let sign_in = admin::of(&cx.app, &cx.tenant.tenant.name, &found.id).await?;
    let body = html! {
        (password(&cx, &found, &sign_in))
        @if !sign_in.passkeys.is_empty() { (passkeys(&cx, &sign_in)) }
        (sessions(&cx, &sign_in))
    };
    Ok(framed(&cx, &found, "sign-in", body))
}

fn password(cx: &Desk, found: &Found, sign_in: &SignIn) -> Markup {
    let (known, at) = (sign_in.known, here(&found.id));
    let state = match (known.password_at, known.link_until) {
        (Some(_), _) => badge(Tone::Good, "Signs in here"),
        (None, Some(_)) => badge(Tone::Info, "Link is out"),
        (None, None) => badge(Tone::Quiet, "No password here"),
    };
    card_with(
        "Password",
        state,
        html! {
            p { "For applications that take this server as their identity provider. The person chooses the password, or a new one, by a link that you pass on; nobody else knows it. What an identity provider sends as password over SCIM signs nobody in here." }
            (definitions(&[
                ("Chosen", html! { @match known.password_at { Some(chosen) => (when(chosen, cx.now)), None => span .quiet { "not yet" } } }),
                ("Link good until", html! { @match known.link_until { Some(until) => (when(until, cx.now)), None => span .quiet { "none is out" } } }),
            ]))
            @if cx.may_change() {
                @if found.is_active() {
                    (form(cx, &format!("{at}/link"), html! { div .actions { button .main[known.password_at.is_none()] type="submit" { (Icon::Key.svg()) span { "Make a sign-in link" } } } }))
                } @else { (note(Tone::Info, "", html! { p { "They are not active: only who is active signs in." } })) }
                @if known != store::PersonSignIn::default() || !sign_in.passkeys.is_empty() {
                    (confirm(cx, &format!("{at}/forget"), "Take password away", html! {
                        p { "Password, passkeys and links go. They are signed out at once, and sign in again only after a new link." }
                    }, None, html! {}))
                }
            }
        },
    )
}

fn passkeys(cx: &Desk, sign_in: &SignIn) -> Markup {
    const COLUMNS: [Column<'static>; 3] = [Column::new("Name"), Column::new("Made"), Column::new("Last used")];
    let rows = sign_in.passkeys.iter().map(|key| Row {
        cells: vec![
            html! { (key.label) },
            when(key.created_at, cx.now),
            html! { @match key.used_at { Some(at) => (when(at, cx.now)), None => "never" } },
        ],
        ..Row::default()
    });
    let rows = rows.collect();
    card("Passkeys", table(&Table { caption: "Passkeys", columns: &COLUMNS, rows, body_id: None }))
}

fn sessions(cx: &Desk, sign_in: &SignIn) -> Markup {
    const COLUMNS: [Column<'static>; 4] =
        [Column::new("Signed in"), Column::new("How"), Column::new("From"), Column::new("Until").minor()];
    let rows = sign_in.sessions.iter().map(|session| Row {
        cells: vec![
            when(session.authenticated_at, cx.now),
            html! { @match &session.saml { Some(saml) => { "SAML, " (saml.connection) }, None => (session.method) } },
            html! { (session.address) p .hint .wrap { (session.agent) } },
            when(session.expires_at, cx.now),
        ],
        ..Row::default()
    });
    let rows: Vec<Row> = rows.collect();
    card(
        "Signed in now",
        html! {
            @if rows.is_empty() { p .quiet { "Nowhere." } }
            @else { (table(&Table { caption: "Signed in now", columns: &COLUMNS, rows, body_id: None })) }
            p .hint { "Deactivating or deleting the person ends all of them at once." }
        },
    )
}

/// `POST /app/users/{id}/sign-in/link`: it is shown this once.
pub(in super::super) async fn link(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let made = match admin::make_link(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &found.id).await {
        Ok(made) => made,
        Err(error) => return cx.done(&here(&id), Flash::bad(Fault::from(error).refused()?)),
    };
    let about = Page::new("Link to choose a password", Nav::Users)
        .under("Users", "/app/users")
        .under(found.name(), here(&id))
        .secret()
        .help("identity-provider");
    let body = html! {
        p { "Pass it on to " strong { (found.name()) } " alone: whoever opens it first chooses the password. It is good once, until " (when(made.expires_at, cx.now)) "." }
        (once("Link to choose a password", &format!("{}{}", cx.server_url(), made.path), false, &here(&id)))
    };
    Ok(page(&cx, about, body))
}

/// `POST /app/users/{id}/sign-in/forget`.
pub(in super::super) async fn forget(cx: Desk, Path(id): Path<String>) -> Shown {
    find(&cx, &id).await?;
    admin::forget(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done(&here(&id), Flash::good("Password, passkeys and links are gone, and they are signed out."))
}
