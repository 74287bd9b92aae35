//! OpenID Connect: the applications that use this sign-in, what each is set up with, and the keys behind it.

use crate::admin::oidc::{self, Change, Client, Made, OVERLAP_SECONDS};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, card_with, choice, confirm, copy_box, definitions, empty, field,
    form, note, once, switch, table, text_area, time, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, page};
use crate::oidc::Addresses;
use axum::extract::Path;
use maud::{Markup, html};
use scim::Code;
use serde::Deserialize;
use store::{KeyState, OidcGroups, OidcKey, OidcSettings};

fn about(title: &str) -> Page {
    Page::new(title, Nav::Saml).help("openid-connect")
}

fn inside(title: &str) -> Page {
    about(title).under("SAML sign-in", "/app/saml").under("OpenID Connect", "/app/oidc")
}

/// `GET /app/oidc`.
pub(super) async fn list(cx: Desk) -> Shown {
    Ok(page(&cx, front(), overview(&cx, None).await?))
}

/// On the page of the sign-in: what else it is good for.
pub(super) fn summary(cx: &Desk) -> Markup {
    card(
        "Sign-in for applications",
        html! {
            p { "Any application can use this sign-in with the OpenID Connect client it has." }
            (copy_box("issuer", "Issuer", &Addresses::behind(&cx.endpoint).issuer))
            div .actions { a .button href="/app/oidc" { "OpenID Connect applications" } }
        },
    )
}

fn front() -> Page {
    about("OpenID Connect")
        .under("SAML sign-in", "/app/saml")
        .purpose("Applications that use this sign-in with the OpenID Connect client they have.")
}

/// What the form for a new application holds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct New {
    label: String,
    redirect_uris: String,
    #[serde(default)]
    kind: String,
}

async fn overview(cx: &Desk, wrong: Option<(&New, &str)>) -> Result<Markup, crate::console::Fault> {
    let tenant = &cx.tenant.tenant.name;
    let (clients, keys) = (oidc::list(&cx.app, tenant).await?, oidc::keys(&cx.app, tenant).await?);
    let at = Addresses::behind(&cx.endpoint);
    Ok(html! {
        (card("Our side", html! {
            (copy_box("issuer", "Issuer", &at.issuer))
            (copy_box("configuration", "Discovery document", &at.configuration))
            p .hint { "Most applications find everything else by the issuer." }
            details .folded { summary { "For applications that do not" }
                (copy_box("authorize", "Authorization endpoint", &at.authorize))
                (copy_box("token", "Token endpoint", &at.token))
                (copy_box("userinfo", "Userinfo endpoint", &at.userinfo))
                (copy_box("jwks", "Keys (JWKS)", &at.jwks))
                (copy_box("logout", "End session endpoint", &at.logout))
            }
        }))
        @if clients.is_empty() {
            (empty(Icon::Shield, "No application yet", html! { "Register one to let it use this sign-in." }, None))
        } @else { (card("Applications", clients_table(cx, &clients))) }
        @if cx.may_change() { (card("Register an application", registration(cx, wrong))) }
        (card("Signing keys", keys_part(cx, &keys)))
    })
}

fn state_badge(settings: &OidcSettings) -> Markup {
    if settings.enabled { badge(Tone::Good, "on") } else { badge(Tone::Quiet, "off") }
}

fn clients_table(cx: &Desk, clients: &[Client]) -> Markup {
    const COLUMNS: [Column<'_>; 4] =
        [Column::new("Application"), Column::new("Kind"), Column::new("Registered"), Column::new("State")];
    let row = |one: &Client| Row {
        cells: vec![
            html! { a href={ "/app/oidc/" (one.client.id) } { (one.client.settings.label) } },
            html! { (kind(&one.client.settings)) },
            when(one.client.created_at, cx.now),
            state_badge(&one.client.settings),
        ],
        ..Row::default()
    };
    table(&Table { caption: "Applications", columns: &COLUMNS, rows: clients.iter().map(row).collect(), body_id: None })
}

fn kind(settings: &OidcSettings) -> &'static str {
    if settings.public { "public" } else { "with a secret" }
}

fn registration(cx: &Desk, wrong: Option<(&New, &str)>) -> Markup {
    let given = |from: fn(&New) -> &str| wrong.map(|(new, _)| from(new)).unwrap_or_default();
    form(
        cx,
        "/app/oidc",
        html! {
            (field(&Field { name: "label", label: "Application", value: given(|new| &new.label), required: true, max: Some(100), ..Field::default() }))
            (text_area(&Field { name: "redirect_uris", label: "Redirect URIs", value: given(|new| &new.redirect_uris), required: true, mono: true,
                error: wrong.map(|(_, said)| said),
                hint: "The application's documentation calls it redirect URI or callback URL. One a line; compared character by character.", ..Field::default() }, 3))
            (choice(&Field { name: "kind", label: "Kind", value: given(|new| &new.kind), ..Field::default() }, &[
                ("secret", "It has a server and keeps a secret"),
                ("public", "It runs in a browser or on a device: no secret"),
            ]))
            div .actions { button .main type="submit" { (Icon::Plus.svg()) span { "Register" } } }
        },
    )
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// `POST /app/oidc`.
pub(super) async fn create(cx: Desk, Form(new): Form<New>) -> Shown {
    let change = Change {
        label: Some(new.label.clone()),
        redirect_uris: Some(lines(&new.redirect_uris)),
        public: Some(new.kind == "public"),
        ..Change::default()
    };
    match oidc::create(&cx.app, &cx.actor(), &cx.tenant.tenant.name, change).await {
        Ok(made) => shown_once(&cx, &made),
        Err(error) if error.to_scim("").code == Code::OIDC_SETTINGS => {
            let said = error.to_scim("").detail;
            Ok(super::unprocessable(page(&cx, front(), overview(&cx, Some((&new, &said))).await?)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the application is set up with; the secret this once.
fn shown_once(cx: &Desk, made: &Made) -> Shown {
    let client = &made.client.client;
    let to = format!("/app/oidc/{}", client.id);
    let Some(secret) = &made.secret else {
        return cx.done(&to, Flash::good(format!("{} is registered", client.settings.label)));
    };
    let body = html! {
        (once("Client secret", secret, false, &to))
        (card("Where it goes", html! {
            (copy_box("issuer", "Issuer", &Addresses::behind(&cx.endpoint).issuer))
            (copy_box("client-id", "Client ID", &client.id))
            @if let Some(end) = made.old_ends_at { p { "The old secret goes on until " (time(end)) "." } }
        }))
    };
    Ok(page(cx, inside("Client secret").secret(), body))
}

/// `GET /app/oidc/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let one = oidc::find(&cx.app, &cx.tenant.tenant.name, &id).await?;
    Ok(page(&cx, inside(&one.client.settings.label), whole(&cx, &one, None)))
}

fn whole(cx: &Desk, one: &Client, wrong: Option<&str>) -> Markup {
    let (client, settings) = (&one.client, &one.client.settings);
    let secrets = html! {
        @if settings.public { "none: it proves itself by PKCE" }
        @for secret in &one.secrets {
            div { code { (secret.hint) } " made " (when(secret.created_at, cx.now))
                @if let Some(end) = secret.expires_at { ", ends " (when(end, cx.now)) } }
        }
    };
    let to = format!("/app/oidc/{}", client.id);
    html! {
        (card_with("What the application is set up with", state_badge(settings), html! {
            (copy_box("issuer", "Issuer", &Addresses::behind(&cx.endpoint).issuer))
            (copy_box("client-id", "Client ID", &client.id))
            (definitions(&[("Secret", secrets), ("Kind", html! { (kind(settings)) }), ("Scopes", html! { code { "openid profile email groups" } }),
                ("Registered", time(client.created_at))]))
            p { a href=(crate::query::address("/app/log", &[("q", "/oidc/")])) { "Its requests, in the log" } }
        }))
        (card("People can sign in", switch(cx, &format!("{to}/enabled"), "enabled", "Sign-in", settings.enabled,
            html! { "Off: nobody signs in to the application, and the access tokens it has end at once." })))
        (card("Settings", settings_form(cx, &to, settings, wrong)))
        @if cx.may_change() {
            @if !settings.public { (card("New secret", rotation(cx, &to, one))) }
            (card("Take away", confirm(cx, &format!("{to}/delete"), "Take the application away",
                html! { p { "Nobody can sign in to it any more. A new registration has another client ID." } }, Some(&settings.label), html! {})))
        }
    }
}

fn settings_form(cx: &Desk, to: &str, settings: &OidcSettings, wrong: Option<&str>) -> Markup {
    let groups = if settings.groups == OidcGroups::Id { "id" } else { "name" };
    let verified = if settings.email_verified { "yes" } else { "no" };
    form(
        cx,
        to,
        html! {
            (field(&Field { name: "label", label: "Application", value: &settings.label, required: true, max: Some(100), ..Field::default() }))
            (text_area(&Field { name: "redirect_uris", label: "Redirect URIs", value: &settings.redirect_uris.join("\n"), required: true, mono: true,
                error: wrong, hint: "One a line; compared character by character.", ..Field::default() }, 3))
            (text_area(&Field { name: "post_logout_redirect_uris", label: "After signing out", value: &settings.post_logout_redirect_uris.join("\n"), mono: true,
                hint: "Where the application may send a browser after signing out. One a line.", ..Field::default() }, 2))
            div .columns {
                (choice(&Field { name: "groups", label: "Groups are called", value: groups, ..Field::default() }, &[("name", "by their names"), ("id", "by their ids")]))
                (choice(&Field { name: "email_verified", label: "E-mail addresses", value: verified, ..Field::default() },
                    &[("no", "nothing is said about them"), ("yes", "are said to be verified")]))
            }
            @if cx.may_change() { div .actions { button .main type="submit" { "Save" } } }
        },
    )
}

fn rotation(cx: &Desk, to: &str, one: &Client) -> Markup {
    let hours = (OVERLAP_SECONDS / 3_600).to_string();
    html! {
        p { "Makes a second secret. Both work for a while, so that nobody is kept out while you paste the new one." }
        (form(cx, &format!("{to}/secret"), html! {
            input type="hidden" name="newest" value=(oidc::newest(&one.secrets));
            (choice(&Field { name: "hours", label: "The old one goes on for", value: &hours, ..Field::default() },
                &[("0", "no longer"), ("1", "an hour"), ("24", "a day"), ("168", "a week")]))
            div .actions { button type="submit" { (Icon::Key.svg()) span { "New secret" } } }
        }))
    }
}

/// What can be changed.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    label: String,
    redirect_uris: String,
    #[serde(default)]
    post_logout_redirect_uris: String,
    groups: String,
    email_verified: String,
}

/// `POST /app/oidc/{id}`.
pub(super) async fn save(cx: Desk, Path(id): Path<String>, Form(new): Form<Settings>) -> Shown {
    let change = Change {
        label: Some(new.label),
        redirect_uris: Some(lines(&new.redirect_uris)),
        post_logout_redirect_uris: Some(lines(&new.post_logout_redirect_uris)),
        groups: Some(if new.groups == "id" { OidcGroups::Id } else { OidcGroups::Name }),
        email_verified: Some(new.email_verified == "yes"),
        ..Change::default()
    };
    let tenant = &cx.tenant.tenant.name;
    match oidc::change(&cx.app, &cx.actor(), tenant, &id, change).await {
        Ok(_) => cx.done(&format!("/app/oidc/{id}"), Flash::good("Saved")),
        Err(error) if error.to_scim("").code == Code::OIDC_SETTINGS => {
            let (said, one) = (error.to_scim("").detail, oidc::find(&cx.app, tenant, &id).await?);
            let body = whole(&cx, &one, Some(&said));
            Ok(super::unprocessable(page(&cx, inside(&one.client.settings.label), body)))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
}

/// `POST /app/oidc/{id}/enabled`.
pub(super) async fn enable(cx: Desk, Path(id): Path<String>, Form(new): Form<Enabled>) -> Shown {
    let change = Change { enabled: Some(new.enabled), ..Change::default() };
    let one = oidc::change(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, change).await?;
    let word = if one.client.settings.enabled { "People can sign in" } else { "Nobody can sign in any more" };
    cx.done(&format!("/app/oidc/{id}"), Flash::good(word))
}

#[derive(Debug, Deserialize)]
pub(super) struct Rotation {
    hours: u64,
    newest: String,
}

/// `POST /app/oidc/{id}/secret`.
pub(super) async fn rotate(cx: Desk, Path(id): Path<String>, Form(new): Form<Rotation>) -> Shown {
    let overlap = Some(new.hours.saturating_mul(3_600));
    match oidc::rotate(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, overlap, Some(new.newest)).await {
        Ok(made) => shown_once(&cx, &made),
        Err(error) => cx.refused(&format!("/app/oidc/{id}"), error),
    }
}

/// `POST /app/oidc/{id}/delete`.
pub(super) async fn delete(cx: Desk, Path(id): Path<String>) -> Shown {
    oidc::delete(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/oidc", Flash::good("The application is taken away"))
}

fn keys_part(cx: &Desk, keys: &[OidcKey]) -> Markup {
    const COLUMNS: [Column<'_>; 4] = [Column::new("Key"), Column::new("Made"), Column::new("State"), Column::new("")];
    let act = |id: &str, step: &str, words: &str, what: &str| {
        confirm(cx, &format!("/app/oidc-keys/{id}/{step}"), words, html! { p { (what) } }, None, html! {})
    };
    let has_next = keys.iter().any(|key| key.state == KeyState::Next);
    let row = |key: &OidcKey| Row {
        cells: vec![
            html! { code .wrap { (key.id) } },
            when(key.created_at, cx.now),
            match key.state {
                KeyState::Current => badge(Tone::Good, "signs"),
                KeyState::Next => badge(Tone::Info, "published, next"),
                KeyState::Old => badge(Tone::Quiet, "published, old"),
            },
            html! { @if cx.may_change() {
                @match key.state {
                    KeyState::Current => {},
                    KeyState::Next => {
                        (act(&key.id, "promote", "Have it sign", "Applications that have not read our keys since it was published refuse what it signs: let a day pass."))
                        (act(&key.id, "remove", "Take it back", "It has signed nothing yet, so nobody notices."))
                    },
                    KeyState::Old => (act(&key.id, "remove", "Take away", "What it signed is no longer believed: let an hour pass since it signed last.")),
                }
            } },
        ],
        ..Row::default()
    };
    let rows = keys.iter().map(row).collect();
    html! {
        p { "To replace the key: make the next one, have it sign a day later, and take the old one away an hour after that. Applications notice nothing." }
        @if keys.is_empty() { (note(Tone::Info, "", html! { p { "The first key is made when the first person signs in." } })) }
        @else { (table(&Table { caption: "Signing keys", columns: &COLUMNS, rows, body_id: None })) }
        @if cx.may_change() && !has_next { (form(cx, "/app/oidc-keys", html! { div .actions { button type="submit" { (Icon::Key.svg()) span { "Make the next key" } } } })) }
    }
}

/// `POST /app/oidc-keys`.
pub(super) async fn new_key(cx: Desk) -> Shown {
    oidc::new_key(&cx.app, &cx.actor(), &cx.tenant.tenant.name).await?;
    cx.done("/app/oidc", Flash::good("The key is published"))
}

/// `POST /app/oidc-keys/{id}/promote`.
pub(super) async fn promote_key(cx: Desk, Path(id): Path<String>) -> Shown {
    oidc::promote_key(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/oidc", Flash::good("The key signs from now on"))
}

/// `POST /app/oidc-keys/{id}/remove`.
pub(super) async fn remove_key(cx: Desk, Path(id): Path<String>) -> Shown {
    oidc::remove_key(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/oidc", Flash::good("The key is taken away"))
}
