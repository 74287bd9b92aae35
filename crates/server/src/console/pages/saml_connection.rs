//! One connection: what it knows of the identity provider, its switches, a test sign-in, and the way out.

use super::saml::{certificate_list, details, not_saved, outcomes};
use super::unprocessable;
use crate::admin::{saml as admin, saml_keys};
use crate::console::parts::{
    self, Field, Tone, badge, card, card_with, choice, confirm, copy_box, definitions, empty, field, form, link, note,
    switch, text_area, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, page};
use crate::error::Error;
use crate::person::Visit;
use crate::saml::{Outcome, Start, certificates, start};
use axum::extract::Path;
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use store::{SamlAttribute, SamlConnection, SamlMatch, SamlSettings};

async fn find(cx: &Desk, id: &str) -> Result<SamlConnection, Error> {
    admin::find(&cx.app, &cx.tenant.tenant.name, id).await
}

fn name(connection: &SamlConnection) -> &str {
    if connection.settings.label.is_empty() { &connection.id } else { &connection.settings.label }
}

fn about(connection: &SamlConnection) -> Page {
    let state = if connection.settings.enabled { badge(Tone::Good, "Enabled") } else { badge(Tone::Warn, "Off") };
    Page::new(name(connection), Nav::Saml).under("SAML sign-in", "/app/saml").action(state).help("sign-in-with-saml")
}

/// `GET /app/saml/connections/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let connection = find(&cx, &id).await?;
    Ok(page(&cx, about(&connection), whole(&cx, &connection, None).await?))
}

async fn whole(cx: &Desk, connection: &SamlConnection, wrong: Option<&str>) -> Result<Markup, Error> {
    let keys = saml_keys::list(&cx.app, &cx.tenant.tenant.name, super::saml::SP).await?;
    let last = cx.app.saml_tests().last(cx.tenant.tenant.id, &connection.id);
    let path = format!("/app/saml/connections/{}", connection.id);
    Ok(html! {
        (try_out(cx, &path, last.as_ref()))
        (theirs(cx, connection))
        (switches(cx, &path, &connection.settings))
        (rules(cx, &path, &connection.settings, wrong))
        (details(cx, &connection.id, &keys))
        @if cx.may_change() {
            (card("Take it away", confirm(cx, &format!("{path}/delete"), "Delete this connection", html! {
                p { "Nobody signs in with it any more, and who came by it is signed out at once." }
            }, Some(&connection.id), html! {})))
        }
    })
}

fn try_out(cx: &Desk, path: &str, last: Option<&Outcome>) -> Markup {
    card(
        "Test sign-in",
        html! {
            p { "Goes the whole way to the identity provider and back, signs nobody in, and shows what came and every check." }
            @if let Some(last) = last {
                p { @if last.passed() { (badge(Tone::Good, "Passed")) } @else { (badge(Tone::Bad, "Refused")) } " "
                    a href={ (path) "/tests/" (last.id) } { "the last test" } ", " (when(last.at, cx.now)) }
            }
            div .actions { (link(&format!("{path}/test"), "Test sign-in", true)) }
        },
    )
}

fn theirs(cx: &Desk, connection: &SamlConnection) -> Markup {
    let settings = &connection.settings;
    let logout = settings.logout_url.as_deref().unwrap_or("none");
    card_with(
        "The identity provider",
        html! { @if cx.may_change() { (link(&format!("/app/saml/new?into={}", connection.id), "New metadata", false)) } },
        html! {
            (definitions(&[
                ("Entity ID", html! { code .wrap { (settings.entity_id) } }),
                ("Single sign-on", html! { code .wrap { (settings.sign_on_url) } }),
                ("Single logout", html! { code .wrap { (logout) } }),
            ]))
            (certificate_list(&certificates(settings).unwrap_or_default(), cx.now))
        },
    )
}

/// The switches, each with what it means.
fn switches(cx: &Desk, path: &str, settings: &SamlSettings) -> Markup {
    let all: [(&str, &str, bool, &str); 7] = [
        (
            "enabled",
            "Enabled",
            settings.enabled,
            "Off: nobody signs in with it, and who came by it is signed out at once.",
        ),
        (
            "autoCreate",
            "Auto create user",
            settings.auto_create,
            "Somebody unknown is made at their first sign-in. Off: only people of the directory come in.",
        ),
        (
            "idpInitiated",
            "Sign-in may start at the identity provider",
            settings.idp_initiated,
            "Tiles and links there work. Somebody else's session can then be put into a browser (login CSRF).",
        ),
        (
            "signRequests",
            "Sign requests",
            settings.sign_requests,
            "Requests carry our signature; the identity provider needs our certificate.",
        ),
        ("forceAuthn", "Force authentication", settings.force_authn, "People prove who they are each time."),
        (
            "encryptedAssertions",
            "Encrypted assertions",
            settings.encrypted_assertions,
            "Taken with AES-GCM; our certificate is published for it.",
        ),
        (
            "allowCbc",
            "Allow AES-CBC",
            settings.allow_cbc,
            "Only inside a signed response, for identity providers that know nothing better.",
        ),
    ];
    let to = format!("{path}/switch");
    card(
        "Switches",
        html! {
            @for (key, label, on, what) in all { (switch(cx, &to, key, label, on, html! { (what) })) }
        },
    )
}

fn rules(cx: &Desk, path: &str, settings: &SamlSettings, wrong: Option<&str>) -> Markup {
    let matched = json!(settings.match_by);
    let mapping: Vec<String> = settings.attributes.iter().map(|one| format!("{} = {}", one.name, one.path)).collect();
    let minutes = settings.session_minutes.to_string();
    let body = html! {
        (field(&Field { name: "label", label: "Name", value: &settings.label, max: Some(100), ..Field::default() }))
        div .columns {
            (choice(&Field { name: "match_by", label: "Match by", value: matched.as_str().unwrap_or_default(),
                hint: "What of a person the NameID is compared with.", ..Field::default() },
                &[("userName", "userName"), ("externalId", "externalId"), ("email", "e-mail address"), ("id", "id")]))
            (field(&Field { name: "match_attribute", label: "Match attribute", value: settings.match_attribute.as_deref().unwrap_or_default(), mono: true,
                hint: "Compared instead of the NameID.", ..Field::default() }))
        }
        (field(&Field { name: "name_id_format", label: "NameID format to ask for", value: settings.name_id_format.as_deref().unwrap_or_default(), mono: true,
            hint: "Such as urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress.", ..Field::default() }))
        (field(&Field { name: "domains", label: "Allowed domains", value: &settings.domains.join(", "), mono: true,
            hint: "Only people of these domains come in. Empty means all.", ..Field::default() }))
        (field(&Field { name: "session_minutes", label: "Session in minutes", kind: "number", value: &minutes, required: true, ..Field::default() }))
        (text_area(&Field { name: "attributes", label: "Attribute mapping", value: &mapping.join("\n"), mono: true,
            hint: "For Auto create user, one a line: name in the assertion = SCIM attribute.", ..Field::default() }, 5))
        @if cx.may_change() { div .actions { button type="submit" { "Save rules" } } }
    };
    card("Rules", html! { (not_saved(wrong)) (form(cx, path, body)) })
}

/// `POST /app/saml/connections/{id}`: the rules.
pub(super) async fn save(cx: Desk, Path(id): Path<String>, Form(fields): Form<HashMap<String, String>>) -> Shown {
    let connection = find(&cx, &id).await?;
    let given = |name: &str| fields.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let some = |name: &str| Some(given(name)).filter(|text| !text.is_empty());
    let settings = SamlSettings {
        label: given("label"),
        match_by: serde_json::from_value(json!(given("match_by"))).unwrap_or(SamlMatch::UserName),
        match_attribute: some("match_attribute"),
        name_id_format: some("name_id_format"),
        domains: given("domains")
            .split([',', ' ', '\n'])
            .map(str::trim)
            .filter(|d| !d.is_empty())
            .map(str::to_owned)
            .collect(),
        session_minutes: given("session_minutes").parse().unwrap_or(0),
        attributes: mapping(&given("attributes")),
        ..connection.settings.clone()
    };
    changed(&cx, connection, settings, "The rules are saved.").await
}

/// `name = path`, one a line.
fn mapping(text: &str) -> Vec<SamlAttribute> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, path) = line.split_once(" = ").or_else(|| line.split_once('=')).unwrap_or((line, ""));
            SamlAttribute { name: name.trim().to_owned(), path: path.trim().to_owned() }
        })
        .collect()
}

async fn changed(cx: &Desk, connection: SamlConnection, settings: SamlSettings, words: &str) -> Shown {
    let (path, shown) = (
        format!("/app/saml/connections/{}", connection.id),
        SamlConnection { settings: settings.clone(), ..connection.clone() },
    );
    match admin::update(&cx.app, &cx.actor(), &cx.tenant.tenant.name, connection, settings).await {
        Ok(_) => cx.done(&path, Flash::good(words)),
        Err(error) => {
            let said = Fault::from(error).refused()?;
            Ok(unprocessable(page(cx, about(&shown), whole(cx, &shown, Some(&said)).await?)))
        }
    }
}

/// `POST /app/saml/connections/{id}/switch`: one switch, by its name.
pub(super) async fn turn(cx: Desk, Path(id): Path<String>, Form(fields): Form<HashMap<String, String>>) -> Shown {
    let connection = find(&cx, &id).await?;
    let mut whole = json!(connection.settings);
    for (name, value) in fields {
        // Only what is a switch.
        if let Some(slot) = whole.get_mut(&name).filter(|slot| slot.is_boolean()) {
            *slot = (value == "true").into();
        }
    }
    let settings = serde_json::from_value(whole).unwrap_or_else(|_| connection.settings.clone());
    changed(&cx, connection, settings, "Switched.").await
}

/// `POST /app/saml/connections/{id}/delete`.
pub(super) async fn delete(cx: Desk, Path(id): Path<String>, Form(fields): Form<HashMap<String, String>>) -> Shown {
    let connection = find(&cx, &id).await?;
    if fields.get("confirm").is_none_or(|typed| typed.trim() != connection.id) {
        return Err(scim::Error::invalid_value("the id was not typed as it is; nothing was deleted").into());
    }
    admin::delete(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/saml", Flash::good("The connection is gone."))
}

/// `GET /app/saml/connections/{id}/test`: off to the identity provider. It changes nothing, so whoever looks may try.
pub(super) async fn test(cx: Desk, Path(id): Path<String>, headers: HeaderMap) -> Shown {
    let connection = find(&cx, &id).await?;
    let visit = Visit {
        app: cx.app.clone(),
        tenant: Arc::clone(&cx.tenant),
        headers,
        origin: cx.origin.clone(),
        theme: cx.theme,
        path: String::new(),
        query: String::new(),
        now: cx.now,
    };
    start(&visit, &connection, Start::Test).await
}

/// `GET /app/saml/connections/{id}/tests/{test}`.
pub(super) async fn tested(cx: Desk, Path((id, test)): Path<(String, String)>) -> Shown {
    let connection = find(&cx, &id).await?;
    let path = format!("/app/saml/connections/{id}");
    let again = html! { div .actions { (link(&format!("{path}/test"), "Test again", true)) (link(&path, "Back to the connection", false)) } };
    let body = match cx.app.saml_tests().find(cx.tenant.tenant.id, &test) {
        None => {
            let why = html! { "Only the last tests are kept, in memory." };
            empty(Icon::Search, "This test is no longer kept.", why, Some(again))
        }
        Some(outcome) => html! {
            @if outcome.passed() { (note(Tone::Good, "This sign-in would succeed", html! { p { "Nobody was signed in: it was a test." } })) }
            @else { (note(Tone::Bad, "This sign-in would be refused", html! { p { code { (outcome.refused.unwrap_or_default()) } } })) }
            (card("Checks", outcomes(&outcome.checks)))
            (said(&outcome))
            (card(if outcome.name_id.is_some() { "The assertion" } else { "What came" }, html! {
                @if outcome.name_id.is_none() { p .hint { "It was not verified: nothing of it can be believed." } }
                (parts::xml("XML", &outcome.xml))
            }))
            (again)
        },
    };
    let page_about = Page::new("Test sign-in", Nav::Saml)
        .under("SAML sign-in", "/app/saml")
        .under(name(&connection), path)
        .secret()
        .help("sign-in-with-saml");
    Ok(page(&cx, page_about, body))
}

/// Who it is about, and the attributes with a look at what they can be mapped from.
fn said(outcome: &Outcome) -> Markup {
    let Some(name_id) = &outcome.name_id else { return html! {} };
    let mut rows: Vec<(&str, Markup)> = vec![("NameID", html! { code .wrap { (name_id) } })];
    rows.extend(
        outcome
            .attributes
            .iter()
            .map(|(name, values)| (name.as_str(), html! { @for value in values { div { (value) } } })),
    );
    card(
        "What it says",
        html! { (definitions(&rows)) @if outcome.attributes.is_empty() { p .quiet { "It has no attributes." } } (copy_box("nameid", "NameID", name_id)) },
    )
}
