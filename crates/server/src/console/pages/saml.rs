//! A5, SAML sign-in: what the identity provider asks for, who is connected, and our keys.

use crate::admin::{saml as admin, saml_keys};
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, card_with, confirm, copy_box, definitions, empty, form, link, note, table,
    time,
};
use crate::console::{Desk, Flash, Icon, Nav, Page, Shown, page};
use crate::limits::PEER_CERTIFICATE_SOON;
use crate::saml::{Addresses, Check, DEFAULT, Verdict, certificates};
use ::saml::Certificate;
use axum::extract::Path;
use maud::{Markup, html};
use store::{KeyState, SamlConnection, SamlKey, SamlPurpose};

/// Whose keys these pages show.
pub(super) const SP: SamlPurpose = SamlPurpose::ServiceProvider;

/// Our side of a connection, as this browser reaches it.
pub(super) fn addresses(cx: &Desk, connection: &str) -> Addresses {
    Addresses::below(cx.endpoint.strip_suffix("/scim/v2").unwrap_or(&cx.endpoint), connection)
}

/// Each demand, and what became of it.
pub(super) fn outcomes(all: &[Check]) -> Markup {
    html! {
        ol .outcomes {
            @for check in all {
                li {
                    @match check.verdict {
                        Verdict::Passed => (badge(Tone::Good, "Passed")),
                        Verdict::Warned => (badge(Tone::Warn, "Look")),
                        Verdict::Failed => (badge(Tone::Bad, "Failed")),
                        Verdict::NotReached => (badge(Tone::Quiet, "Not reached")),
                    }
                    " " (check.name)
                    @if !check.told.is_empty() { p .hint { (check.told) } }
                }
            }
        }
    }
}

/// `GET /app/saml`.
pub(super) async fn show(cx: Desk) -> Shown {
    let tenant = &cx.tenant.tenant.name;
    saml_keys::first(&cx.app, &cx.tenant, SP).await?;
    let (connections, keys) = (admin::list(&cx.app, tenant).await?, saml_keys::list(&cx.app, tenant, SP).await?);
    let body = html! {
        (address_note(&cx))
        (details(&cx, DEFAULT, &keys))
        (connected(&cx, &connections))
        @if !connections.is_empty() { (our_keys(&cx, &keys, "/app/saml/keys", &OURS)) }
        (super::oidc::summary(&cx))
    };
    let about = Page::new("SAML sign-in", Nav::Saml)
        .purpose("The people of the directory sign in with their identity provider, and only they.")
        .help("sign-in-with-saml");
    Ok(page(&cx, about, body))
}

/// Messages are taken over https only, but for trying out.
fn address_note(cx: &Desk) -> Markup {
    html! {
        @if !cx.endpoint.starts_with("https://") {
            (note(Tone::Warn, "These addresses work on this machine only", html! {
                p { "SAML is taken over https. Put a proxy with a certificate in front, then start the server with the address that browsers use: "
                    code { "--base-url" } "." }
            }))
        }
    }
}

/// What goes into the identity provider.
pub(super) fn details(cx: &Desk, id: &str, keys: &[SamlKey]) -> Markup {
    let at = addresses(cx, id);
    let current = keys.iter().find(|key| key.state == KeyState::Current);
    let certificate = current.and_then(|key| Certificate::from_der(&key.certificate).ok());
    card(
        "IDP details",
        html! {
            p .hint { "Copy these into the identity provider, or have it read the metadata." }
            (copy_box("acs", "Single sign on URL (ACS)", &at.acs))
            (copy_box("entity-id", "Audience URI (SP Entity ID)", &at.entity_id))
            (copy_box("metadata", "Metadata URL", &at.entity_id))
            (copy_box("slo", "Single logout URL", &at.logout))
            (copy_box("login", "Where people start", &at.login))
            @if let Some(certificate) = certificate {
                details {
                    summary { "Our certificate" }
                    (crate::console::parts::code("Certificate", &certificate.pem()))
                    p .hint { "SHA-256 " code .wrap { (certificate.fingerprint()) } ", until " (time(certificate.not_after_at())) }
                }
            }
            div .actions { a .button href=(at.entity_id) download="sp-metadata.xml" { "Download metadata" } }
        },
    )
}

fn connected(cx: &Desk, connections: &[SamlConnection]) -> Markup {
    const COLUMNS: [Column<'static>; 4] = [
        Column::new("Connection"),
        Column::new("Identity provider"),
        Column::new("State"),
        Column::new("Certificate").minor(),
    ];
    let rows = connections.iter().map(|connection| {
        let settings = &connection.settings;
        let name = if settings.label.is_empty() { &connection.id } else { &settings.label };
        let state = if settings.enabled { badge(Tone::Good, "Enabled") } else { badge(Tone::Warn, "Off") };
        let until = certificates(settings).unwrap_or_default().iter().map(Certificate::not_after_at).max();
        Row {
            cells: vec![
                html! { a href={ "/app/saml/connections/" (connection.id) } { (name) } },
                html! { code .wrap { (settings.entity_id) } },
                state,
                html! { @if let Some(until) = until { (good_until(until, cx.now)) } },
            ],
            ..Row::default()
        }
    });
    let rows: Vec<Row> = rows.collect();
    let action =
        html! { @if cx.may_change() { (link("/app/saml/new", "Connect an identity provider", rows.is_empty())) } };
    card_with(
        "Identity providers",
        html! { @if !rows.is_empty() { (action) } },
        html! {
            @if rows.is_empty() {
                (empty(Icon::Key, "SSO is off; SCIM works without it.",
                    html! { "Bring the identity provider's metadata to switch it on." }, Some(action.clone())))
            } @else {
                (table(&Table { caption: "Identity providers", columns: &COLUMNS, rows, body_id: None }))
            }
        },
    )
}

/// Until when a certificate is good, with a word where that is soon or over. The key is pinned, so sign-in goes on.
pub(super) fn good_until(until: i64, now: i64) -> Markup {
    let (tone, word) = match until {
        until if until <= now => (Tone::Bad, "expired"),
        until if until - now < PEER_CERTIFICATE_SOON => (Tone::Warn, "ends soon"),
        _ => (Tone::Good, "valid"),
    };
    html! { (badge(tone, word)) " " span .quiet { "until " (time(until)) } }
}

/// Certificates of the other side, with what people compare.
pub(super) fn certificate_list(all: &[Certificate], now: i64) -> Markup {
    html! {
        @for certificate in all {
            (definitions(&[
                ("Certificate", html! { (certificate.subject()) " " (good_until(certificate.not_after_at(), now)) }),
                ("SHA-256", html! { code .wrap { (certificate.fingerprint()) } }),
            ]))
        }
    }
}

/// What is said of keys where they are listed: what they do, what an old one still does, and what each step takes.
pub(super) struct KeyWords {
    pub(super) hint: &'static str,
    pub(super) old: &'static str,
    pub(super) promote: &'static str,
    pub(super) remove: &'static str,
    pub(super) take_back: &'static str,
}

const OURS: KeyWords = KeyWords {
    hint: "They sign requests and logout, and decrypt assertions. A key is replaced in three steps, so that nobody is locked out.",
    old: "Old: still decrypts",
    promote: "First have the identity provider read our metadata again: it has to know the key.",
    remove: "What is still encrypted to it can no longer be read.",
    take_back: "It has signed nothing yet. An identity provider that has read our metadata since may encrypt to it: have it read them again.",
};

/// Keys of ours, and the steps in which one takes another's place; `base` is where the steps are posted.
pub(super) fn our_keys(cx: &Desk, keys: &[SamlKey], base: &str, words: &KeyWords) -> Markup {
    let word = |state: KeyState| match state {
        KeyState::Next => badge(Tone::Info, "Next: published"),
        KeyState::Current => badge(Tone::Good, "Signs"),
        KeyState::Old => badge(Tone::Quiet, words.old),
    };
    const COLUMNS: [Column<'static>; 4] =
        [Column::new("Made"), Column::new("State"), Column::new("Certificate").minor(), Column::new("")];
    let rows = keys.iter().map(|key| {
        let at = format!("{base}/{}", key.id);
        let step = |to: &str, say: &str, what: &str| {
            confirm(cx, &format!("{at}/{to}"), say, html! { p { (what) } }, None, html! {})
        };
        let step = match key.state {
            KeyState::Next if cx.may_change() => html! {
                (step("promote", "Have it sign", words.promote)) (step("remove", "Take it back", words.take_back))
            },
            KeyState::Old if cx.may_change() => step("remove", "Remove", words.remove),
            _ => html! {},
        };
        let until = Certificate::from_der(&key.certificate).ok().map(|certificate| certificate.not_after_at());
        let until = html! { @if let Some(until) = until { (good_until(until, cx.now)) } };
        Row { cells: vec![time(key.created_at), word(key.state), until, step], ..Row::default() }
    });
    let rows: Vec<Row> = rows.collect();
    let has_next = keys.iter().any(|key| key.state == KeyState::Next);
    card(
        "Our keys",
        html! {
            p .hint { (words.hint) }
            (table(&Table { caption: "Our keys", columns: &COLUMNS, rows, body_id: None }))
            @if cx.may_change() && !has_next {
                (form(cx, base, html! { div .actions { button type="submit" { (Icon::Key.svg()) span { "Make the next key" } } } }))
            }
        },
    )
}

/// `POST /app/saml/keys`.
pub(super) async fn new_key(cx: Desk) -> Shown {
    saml_keys::add(&cx.app, &cx.actor(), &cx.tenant.tenant.name, SP).await?;
    cx.done("/app/saml", Flash::good("The next key is published in our metadata. Have the identity provider read it."))
}

/// `POST /app/saml/keys/{id}/promote`.
pub(super) async fn promote_key(cx: Desk, Path(id): Path<String>) -> Shown {
    saml_keys::promote(&cx.app, &cx.actor(), &cx.tenant.tenant.name, SP, &id).await?;
    cx.done("/app/saml", Flash::good("The new key signs from now on."))
}

/// `POST /app/saml/keys/{id}/remove`.
pub(super) async fn remove_key(cx: Desk, Path(id): Path<String>) -> Shown {
    saml_keys::remove(&cx.app, &cx.actor(), &cx.tenant.tenant.name, SP, &id).await?;
    cx.done("/app/saml", Flash::good("The key is gone."))
}

/// A box about something that was not saved.
pub(super) fn not_saved(said: Option<&str>) -> Markup {
    html! { @if let Some(said) = said { (note(Tone::Bad, "Not saved", html! { p { (said) } })) } }
}
