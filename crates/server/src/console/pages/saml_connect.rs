//! Connecting an identity provider: its metadata by file, address or paste, or typed by hand; shown before it is saved.

use super::saml::{certificate_list, details, not_saved, outcomes};
use super::unprocessable;
use crate::admin::saml_checks::checks;
use crate::admin::{saml as admin, saml_keys};
use crate::console::parts::{Field, Tone, badge, card, card_with, choice, definitions, field, form, text_area};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, page, sentence};
use crate::error::Error;
use crate::saml::DEFAULT;
use ::saml::Metadata;
use ::saml::metadata::Endpoint;
use maud::{Markup, html};
use serde::Deserialize;
use store::{SamlBinding, SamlConnection, SamlSettings};

/// The metadata of the other side, however it comes; `into` is the connection that takes it over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Brought {
    into: String,
    id: String,
    label: String,
    url: String,
    xml: String,
}

/// An identity provider, typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    id: String,
    label: String,
    entity_id: String,
    sign_on_url: String,
    binding: String,
    logout_url: String,
    certificate: String,
}

fn about(title: &str) -> Page {
    Page::new(title, Nav::Saml).under("SAML sign-in", "/app/saml").help("sign-in-with-saml")
}

/// What a new connection is called: the first one has the short addresses.
async fn free_id(cx: &Desk) -> Result<String, Error> {
    let taken = admin::list(&cx.app, &cx.tenant.tenant.name).await?;
    let is_free = |id: &String| taken.iter().all(|connection| connection.id != *id);
    let numbered = (2..).map(|number| format!("idp-{number}"));
    Ok(std::iter::once(DEFAULT.to_owned()).chain(numbered).find(is_free).unwrap_or_default())
}

/// `GET /app/saml/new`; with `into`, new metadata of a connection that is there.
pub(super) async fn show(cx: Desk) -> Shown {
    let into = cx.asked("into").unwrap_or_default();
    let brought = Brought { id: free_id(&cx).await?, into, ..Brought::default() };
    let typed = Typed { id: brought.id.clone(), ..Typed::default() };
    let keys = saml_keys::list(&cx.app, &cx.tenant.tenant.name, super::saml::SP).await?;
    let body = html! {
        (by_metadata(&cx, &brought, None))
        @if brought.into.is_empty() {
            (by_hand(&cx, &typed, None))
            (details(&cx, &brought.id, &keys))
        }
    };
    let title = if brought.into.is_empty() { "Connect an identity provider" } else { "New metadata" };
    Ok(page(&cx, about(title), body))
}

fn names(id: &str, label: &str) -> Markup {
    html! {
        div .columns {
            (field(&Field { name: "label", label: "Name", value: label, max: Some(100), hint: "People read it on the button: “Sign in with Okta”.", ..Field::default() }))
            (field(&Field { name: "id", label: "Id", value: id, required: true, mono: true, max: Some(32), autocomplete: "off",
                hint: "A word of its addresses. “default” has the short ones.", ..Field::default() }))
        }
    }
}

fn by_metadata(cx: &Desk, brought: &Brought, wrong: Option<&str>) -> Markup {
    card(
        "By metadata",
        html! {
            (not_saved(wrong))
            (form(cx, "/app/saml/preview", html! {
                input type="hidden" name="into" value=(brought.into);
                @if brought.into.is_empty() { (names(&brought.id, &brought.label)) }
                (field(&Field { name: "url", label: "Metadata URL", kind: "url", value: &brought.url, mono: true, autocomplete: "off",
                    hint: "Fetched once, now. Leave it empty to paste or upload.", ..Field::default() }))
                div .field data-with-script hidden {
                    label for="file" { "Metadata file" span .optional { "optional" } }
                    input #file type="file" accept=".xml,application/xml,text/xml" data-into="xml";
                }
                (text_area(&Field { name: "xml", label: "Metadata XML", value: &brought.xml, mono: true, ..Field::default() }, 6))
                div .actions { button .main type="submit" { "Look at it" } }
            }))
        },
    )
}

fn by_hand(cx: &Desk, typed: &Typed, wrong: Option<&str>) -> Markup {
    html! {
        section .card {
            details open[wrong.is_some()] {
                summary { h2 { "By hand" } }
                (not_saved(wrong))
                (form(cx, "/app/saml/by-hand", html! {
                    div .columns {
                        (field(&Field { name: "label", label: "Name ", value: &typed.label, max: Some(100), ..Field::default() }))
                        (field(&Field { name: "id", label: "Id ", value: &typed.id, required: true, mono: true, max: Some(32), ..Field::default() }))
                    }
                    (field(&Field { name: "entity_id", label: "Identity Provider Issuer (entity ID)", value: &typed.entity_id, required: true, mono: true, ..Field::default() }))
                    (field(&Field { name: "sign_on_url", label: "Identity Provider Single Sign-On URL", kind: "url", value: &typed.sign_on_url, required: true, mono: true, ..Field::default() }))
                    (choice(&Field { name: "binding", label: "Requests go", value: &typed.binding, ..Field::default() }, &[("redirect", "by redirect"), ("post", "by form")]))
                    (field(&Field { name: "logout_url", label: "Single logout URL of the identity provider", kind: "url", value: &typed.logout_url, mono: true, ..Field::default() }))
                    (text_area(&Field { name: "certificate", label: "X.509 certificate", value: &typed.certificate, required: true, mono: true, hint: "PEM. Several, one below the other, while its key rolls over.", ..Field::default() }, 6))
                    div .actions { button type="submit" { "Connect" } }
                }))
            }
        }
    }
}

/// `POST /app/saml/preview`.
pub(super) async fn preview(cx: Desk, Form(brought): Form<Brought>) -> Shown {
    let bytes = match admin::brought_metadata(&cx.app, &brought.url, &brought.xml).await {
        Ok(bytes) => bytes,
        Err(error) => {
            let said = Fault::from(error).refused()?;
            let body = by_metadata(&cx, &brought, Some(&said));
            return Ok(unprocessable(page(&cx, about("Connect an identity provider"), body)));
        }
    };
    let held = match brought.into.as_str() {
        "" => None,
        into => Some(admin::find(&cx.app, &cx.tenant.tenant.name, into).await?.settings),
    };
    let list = outcomes(&checks(&bytes, cx.now, held.as_ref()));
    match admin::read_metadata(&bytes, cx.now) {
        Ok(metadata) => {
            let xml = String::from_utf8_lossy(&bytes);
            let body = html! { (card("What was looked at", list)) (told(&cx, &brought, &metadata, &xml)?) };
            Ok(page(&cx, about("What the metadata says"), body))
        }
        Err(error) => {
            Fault::from(error).refused()?;
            let body = html! {
                (card_with("This cannot be connected", badge(Tone::Bad, "Not saved"), list))
                (by_metadata(&cx, &brought, None))
            };
            Ok(unprocessable(page(&cx, about("Connect an identity provider"), body)))
        }
    }
}

fn told(cx: &Desk, brought: &Brought, metadata: &Metadata, xml: &str) -> Result<Markup, Error> {
    let role =
        metadata.identity_provider().map_err(|_| scim::Error::invalid_value("it describes no identity provider"))?;
    let mut settings = SamlSettings::default();
    admin::take_over(metadata, &mut settings)?;
    let places = |all: &[Endpoint]| {
        html! {
            @if all.is_empty() { span .quiet { "none" } }
            @for one in all { div { code .wrap { (one.location) } " " span .quiet { @if one.binding == ::saml::Binding::Redirect { "by redirect" } @else { "by form" } } } }
        }
    };
    let rows = [
        ("Entity ID", html! { code .wrap { (metadata.entity_id) } }),
        ("Single sign-on", places(&role.sign_on)),
        ("Single logout", places(&role.role.logout)),
        ("Wants requests signed", html! { @if role.wants_signed_requests { "yes: they will be" } @else { "no" } }),
    ];
    Ok(card(
        "The identity provider",
        html! {
            (definitions(&rows))
            (certificate_list(&role.role.signing, cx.now))
            @for unusable in &role.role.unusable { p { (badge(Tone::Warn, "Certificate left out")) " " (unusable.fix()) } }
            (form(cx, "/app/saml/connections", html! {
                input type="hidden" name="into" value=(brought.into);
                input type="hidden" name="id" value=(brought.id);
                input type="hidden" name="label" value=(brought.label);
                input type="hidden" name="xml" value=(xml);
                div .actions {
                    button .main type="submit" { (Icon::Check.svg()) span { "Save" } }
                    a .button href="/app/saml" { "Cancel" }
                }
            }))
        },
    ))
}

/// `POST /app/saml/connections`: what was looked at is saved.
pub(super) async fn save(cx: Desk, Form(brought): Form<Brought>) -> Shown {
    match kept(&cx, &brought).await {
        Ok(connection) => connected(&cx, &connection),
        Err(error) => {
            let said = Fault::from(error).refused()?;
            let body = by_metadata(&cx, &brought, Some(&said));
            Ok(unprocessable(page(&cx, about("Connect an identity provider"), body)))
        }
    }
}

async fn kept(cx: &Desk, brought: &Brought) -> Result<SamlConnection, Error> {
    let (tenant, actor) = (&cx.tenant.tenant.name, cx.actor());
    let metadata = admin::read_metadata(brought.xml.as_bytes(), cx.now)?;
    if brought.into.is_empty() {
        let mut settings = SamlSettings { label: brought.label.trim().to_owned(), ..SamlSettings::default() };
        admin::take_over(&metadata, &mut settings)?;
        return admin::create(&cx.app, &actor, tenant, brought.id.trim(), settings).await;
    }
    let found = admin::find(&cx.app, tenant, &brought.into).await?;
    let mut settings = found.settings.clone();
    admin::take_over(&metadata, &mut settings)?;
    admin::update(&cx.app, &actor, tenant, found, settings).await
}

fn connected(cx: &Desk, connection: &SamlConnection) -> Shown {
    let to = format!("/app/saml/connections/{}", connection.id);
    cx.done(&to, Flash::good("Saved. Try it with a test sign-in."))
}

/// `POST /app/saml/by-hand`.
pub(super) async fn save_typed(cx: Desk, Form(typed): Form<Typed>) -> Shown {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let binding = if typed.binding == "post" { SamlBinding::Post } else { SamlBinding::Redirect };
    let settings = SamlSettings {
        label: typed.label.trim().to_owned(),
        entity_id: typed.entity_id.trim().to_owned(),
        sign_on_url: typed.sign_on_url.trim().to_owned(),
        sign_on_binding: binding,
        logout_url: some(&typed.logout_url),
        logout_binding: binding,
        certificates: pasted(&typed.certificate),
        ..SamlSettings::default()
    };
    let made = admin::create(&cx.app, &cx.actor(), &cx.tenant.tenant.name, typed.id.trim(), settings).await;
    match made {
        Ok(connection) => connected(&cx, &connection),
        Err(error) => {
            let said = sentence(&Fault::from(error).refused()?);
            let body = by_hand(&cx, &typed, Some(&said));
            Ok(unprocessable(page(&cx, about("Connect an identity provider"), body)))
        }
    }
}

/// Certificates that were pasted below each other.
fn pasted(text: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    if !text.contains(END) {
        return vec![text.trim().to_owned()];
    }
    text.split_inclusive(END).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}
