//! B5, Sign On: what the application has to know of us and we of it, what it would be told of somebody, and the keys that
//! sign.

mod assertion;
mod draft;
mod editor;

use super::super::saml::{KeyWords, our_keys};
use super::super::unprocessable;
use super::{Tab, at, framed, tenant};
use crate::admin::{idp, saml, saml_keys};
use crate::console::parts::{Field, field};
use crate::console::parts::{
    Tone, badge, card, card_with, code, copy_box, definitions, form, link, note, text_area, time,
};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use crate::idp::{Addresses, SamlApp};
use crate::outbound::integration::Integration;
use ::saml::Certificate;
pub(super) use assertion::of_draft;
use axum::extract::Path;
use axum::http::{HeaderValue, Response, header};
use draft::{Draft, Wrong};
pub(super) use draft::{binding, groups_filter};
pub(super) use editor::{BINDINGS, FORMATS, GROUPS_BY};
use maud::{Markup, html};
use serde::Deserialize;
use store::{KeyState, SamlKey, SamlPurpose};

const IDP: SamlPurpose = SamlPurpose::IdentityProvider;

const WORDS: KeyWords = KeyWords {
    hint: "They sign what every app is told. A key is replaced in three steps, so that nobody is locked out.",
    old: "Old: signs no more",
    promote: "First have every application read our metadata again, or give it the new certificate: it has to know the key.",
    remove: "Nothing is signed with it any more.",
    take_back: "It has signed nothing yet. Our metadata no longer name it; an application that was given it by hand may forget it.",
};

async fn find(cx: &Desk, name: &str) -> Result<(Integration, SamlApp), Fault> {
    Ok(idp::settings(&cx.app, tenant(cx), name).await?)
}

/// `GET /app/apps/{name}/sign-on?edit=1`, or `?person=…`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let (integration, settings) = find(&cx, &name).await?;
    if cx.asked("edit").is_some() && cx.may_change() {
        let body = editor::form(&cx, &integration, &Draft::of(&settings), &Wrong::new());
        return Ok(framed(&cx, &integration, Tab::SignOn, body));
    }
    Ok(framed(&cx, &integration, Tab::SignOn, whole(&cx, &integration, &settings, &Brought::default(), None).await?))
}

async fn whole(
    cx: &Desk,
    integration: &Integration,
    settings: &SamlApp,
    brought: &Brought,
    wrong: Option<&str>,
) -> Result<Markup, Fault> {
    saml_keys::first(&cx.app, &cx.tenant, IDP).await?;
    let keys = saml_keys::list(&cx.app, tenant(cx), IDP).await?;
    let person = cx.asked("person").unwrap_or_default();
    Ok(html! {
        @if !settings.is_set() {
            (note(Tone::Warn, "Nobody can sign in to it yet", html! {
                p { "Give it its Single sign on URL and its Audience URI, or have its metadata read." }
            }))
        }
        (details(cx, integration, settings, &keys))
        (plain(cx, integration, settings))
        @if cx.may_change() { (metadata(cx, integration, brought, wrong)) }
        (assertion::card(cx, integration, None, &person).await?)
        (our_keys(cx, &keys, &at(integration, "/sign-on/keys"), &WORDS))
    })
}

/// What goes into the application.
fn details(cx: &Desk, integration: &Integration, settings: &SamlApp, keys: &[SamlKey]) -> Markup {
    let ours = Addresses::behind(&cx.endpoint, &integration.row.name);
    card(
        "What the application needs",
        html! {
            p .hint { "Have it read the metadata, or copy these into it. The link to the app is the single sign-on URL: without a request, sign-in starts here." }
            (copy_box("metadata", "Metadata URL", &ours.entity_id))
            (copy_box("sso", "Identity Provider Single Sign-On URL", &ours.sso))
            (copy_box("issuer", "Identity Provider Issuer", &ours.entity_id))
            @if settings.logout_url.is_some() { (copy_box("slo", "Identity Provider Single Logout URL", &ours.slo)) }
            @if let Some(certificate) = signing(keys) {
                details {
                    summary { "X.509 certificate" }
                    (code("X.509 certificate", &certificate.pem()))
                    p .hint { "SHA-256 " code .wrap { (certificate.fingerprint()) } ", until " (time(certificate.not_after_at())) }
                }
            }
            div .actions {
                a .button href=(ours.entity_id) download="idp-metadata.xml" { "Download metadata" }
                a .button href=(at(integration, "/sign-on/certificate")) { "Download certificate" }
            }
        },
    )
}

fn signing(keys: &[SamlKey]) -> Option<Certificate> {
    let current = keys.iter().find(|key| key.state == KeyState::Current)?;
    Certificate::from_der(&current.certificate).ok()
}

fn plain(cx: &Desk, integration: &Integration, settings: &SamlApp) -> Markup {
    let draft = Draft::of(settings);
    let edit =
        html! { @if cx.may_change() { (link(&at(integration, "/sign-on?edit=1"), "Edit", !settings.is_set())) } };
    let shown = |text: &str| html! { @if text.is_empty() { span .quiet { "—" } } @else { code .wrap { (text) } } };
    let yes =
        |there: bool, good: &str, none: &str| if there { badge(Tone::Good, good) } else { badge(Tone::Quiet, none) };
    let mut rows = vec![("Single sign on URL", shown(&settings.sso_url))];
    if !settings.other_acs_urls.is_empty() {
        let others = html! { @for url in &settings.other_acs_urls { div { code .wrap { (url) } } } };
        rows.push(("Other requestable SSO URLs", others));
    }
    rows.extend([
        ("Audience URI (SP Entity ID)", shown(&settings.audience)),
        ("Default RelayState", shown(draft.get("relayState"))),
        ("Name ID format", html! { (editor::format_word(draft.get("nameIdFormat"))) }),
        (
            "Application username",
            html! { @if settings.name_id.is_none() { "the login" } @else { code .wrap { (draft.get("nameId")) } } },
        ),
        ("Signed", html! { (editor::signed_word(draft.get("sign"))) }),
        (
            "Requests",
            match (settings.request_certificate.is_some(), settings.require_signed_requests) {
                (true, true) => badge(Tone::Good, "Must be signed"),
                (there, _) => yes(there, "Judged where they are signed", "Signatures are not looked at"),
            },
        ),
        (
            "Single logout",
            html! {
                @if settings.logout_url.is_none() { (yes(false, "", "Not allowed to the application")) }
                @else { code .wrap { (draft.get("logoutUrl")) } }
            },
        ),
        ("Assertions", yes(settings.encryption_certificate.is_some(), "Encrypted", "Not encrypted")),
    ]);
    let statements = html! {
        @if settings.attributes.is_empty() && settings.groups_attribute.is_none() { span .quiet { "none" } }
        @else { ul .list {
            @for one in &settings.attributes { li { code { (one.name) } " ← " code .wrap { (one.value.text()) } } }
            @if let Some(name) = &settings.groups_attribute { li { code { (name) } " ← " (editor::groups_word(&draft)) } }
        } }
    };
    rows.push(("Attribute statements", statements));
    card_with("SAML settings", edit, definitions(&rows))
}

/// The application's metadata, however it comes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Brought {
    url: String,
    xml: String,
}

fn metadata(cx: &Desk, integration: &Integration, brought: &Brought, wrong: Option<&str>) -> Markup {
    card(
        "The application's metadata",
        html! {
            p .hint { "It fills the settings in; you see them before anything is saved." }
            (super::super::saml::not_saved(wrong))
            (form(cx, &at(integration, "/sign-on/metadata"), html! {
                (field(&Field { name: "url", label: "Metadata URL of the application", kind: "url", value: &brought.url, mono: true, autocomplete: "off",
                    hint: "Fetched once, now. Leave it empty to paste or upload.", ..Field::default() }))
                div .field data-with-script hidden {
                    label for="file" { "Metadata file" span .optional { "optional" } }
                    input #file type="file" accept=".xml,application/xml,text/xml" data-into="xml";
                }
                (text_area(&Field { name: "xml", label: "Metadata XML", value: &brought.xml, mono: true, ..Field::default() }, 4))
                div .actions { button type="submit" { "Read the metadata" } }
            }))
        },
    )
}

/// `POST /app/apps/{name}/sign-on/metadata`: what it says, in the form, to be saved.
pub(super) async fn read(cx: Desk, Path(name): Path<String>, Form(brought): Form<Brought>) -> Shown {
    let (integration, known) = find(&cx, &name).await?;
    let read = match saml::brought_metadata(&cx.app, &brought.url, &brought.xml).await {
        Ok(bytes) => idp::from_metadata(&bytes, cx.now).and_then(|found| idp::laid_over(&known, found)),
        Err(error) => Err(error),
    };
    match read {
        Ok(settings) => {
            let body = html! {
                (note(Tone::Info, "Read from the metadata", html! { p { "Nothing is saved yet: look at it, then save." } }))
                (editor::form(&cx, &integration, &Draft::of(&settings), &Wrong::new()))
            };
            Ok(framed(&cx, &integration, Tab::SignOn, body))
        }
        Err(error) => {
            let said = Fault::from(error).refused()?;
            let body = whole(&cx, &integration, &known, &brought, Some(&said)).await?;
            Ok(unprocessable(framed(&cx, &integration, Tab::SignOn, body)))
        }
    }
}

/// `POST /app/apps/{name}/sign-on`: saved, or looked at with what stands in the form.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Shown {
    let (integration, known) = find(&cx, &name).await?;
    let draft = Draft::sent(pairs);
    let shown = |wrong: &Wrong, more: Markup| {
        let body = html! { (editor::form(&cx, &integration, &draft, wrong)) (more) };
        framed(&cx, &integration, Tab::SignOn, body)
    };
    if draft.get("do") == "add" {
        return Ok(shown(&Wrong::new(), html! {}));
    }
    match draft.over(&known) {
        Err(wrong) => Ok(unprocessable(shown(&wrong, html! {}))),
        Ok((_, settings)) if draft.get("do") == "preview" => {
            let told = assertion::of(&cx, &integration, Some(settings), draft.get("person")).await?;
            Ok(shown(&Wrong::new(), told))
        }
        Ok((change, _)) => {
            idp::change(&cx.app, &cx.actor(), tenant(&cx), &name, change).await?;
            cx.done(&at(&integration, "/sign-on"), Flash::good("Saved"))
        }
    }
}

/// `GET /app/apps/{name}/sign-on/certificate`.
pub(super) async fn certificate(cx: Desk, Path(name): Path<String>) -> Shown {
    find(&cx, &name).await?;
    saml_keys::first(&cx.app, &cx.tenant, IDP).await?;
    let keys = saml_keys::list(&cx.app, tenant(&cx), IDP).await?;
    let certificate = signing(&keys).ok_or_else(|| Fault::missing("there is no key that signs; make one"))?;
    let mut response = Response::new(certificate.pem().into());
    for (name, value) in [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"idp-certificate.pem\""),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// `POST /app/apps/{name}/sign-on/keys`.
pub(super) async fn new_key(cx: Desk, Path(name): Path<String>) -> Shown {
    let (integration, _) = find(&cx, &name).await?;
    saml_keys::add(&cx.app, &cx.actor(), tenant(&cx), IDP).await?;
    let said = "The next key is published in our metadata. Have every application read it.";
    cx.done(&at(&integration, "/sign-on"), Flash::good(said))
}

/// `POST /app/apps/{name}/sign-on/keys/{id}/promote`.
pub(super) async fn promote_key(cx: Desk, Path((name, id)): Path<(String, String)>) -> Shown {
    let (integration, _) = find(&cx, &name).await?;
    saml_keys::promote(&cx.app, &cx.actor(), tenant(&cx), IDP, &id).await?;
    cx.done(&at(&integration, "/sign-on"), Flash::good("The new key signs from now on."))
}

/// `POST /app/apps/{name}/sign-on/keys/{id}/remove`.
pub(super) async fn remove_key(cx: Desk, Path((name, id)): Path<(String, String)>) -> Shown {
    let (integration, _) = find(&cx, &name).await?;
    saml_keys::remove(&cx.app, &cx.actor(), tenant(&cx), IDP, &id).await?;
    cx.done(&at(&integration, "/sign-on"), Flash::good("The key is gone."))
}
