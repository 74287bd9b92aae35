//! B4, general: what the app is called, and whether SCIM provisioning is on.

use super::wizard::logo_field;
use super::{Tab, at, back, find, framed, integration as connection, tenant};
use crate::admin::apps::{self, logo};
use crate::console::parts::{
    Field, Tone, badge, card, card_with, choice, confirm, definitions, field, form, link, note,
};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use crate::idp::SamlApp;
use crate::outbound::integration::Integration;
use crate::query;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Response, header};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, json};

/// `GET /app/apps/{name}`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let edits = cx.asked("edit").is_some() && cx.may_change();
    let body = html! {
        @if edits { (editor(&cx, &integration)) } @else { (plain(&cx, &integration)) }
        (saml(&integration))
        @if cx.may_change() { (removal(&cx, &integration)) }
    };
    Ok(framed(&cx, &integration, Tab::General, body))
}

fn plain(cx: &Desk, integration: &Integration) -> Markup {
    let app = &integration.app;
    let plan = query::address("/app/plans/new", &[("app", &integration.row.name)]);
    let edit = html! { @if cx.may_change() { div .actions { (link(&plan, "Plan a change", false)) (link(&at(integration, "/duplicate"), "Duplicate", false)) (link(&at(integration, "?edit=1"), "Edit", false)) } } };
    let on = if app.provisioning { badge(Tone::Good, "SCIM enabled") } else { badge(Tone::Quiet, "Off") };
    card_with(
        "App settings",
        edit,
        definitions(&[
            ("Application label", html! { (app.label) }),
            ("Name in addresses and expressions", html! { code { (integration.row.name) } }),
            ("Speaks SCIM like", html! { (app.target.label) }),
            ("SCIM provisioning", on),
            (
                "On people's own page",
                html! { @if integration.options.hidden { "Hidden" } @else { "Shown to whoever is assigned and can sign in with SAML" } },
            ),
            ("Sending", html! { @if integration.options.is_still() { "Paused" } @else { "Going on" } }),
            (
                "In use",
                html! { @if integration.options.deactivated { (badge(Tone::Warn, "Deactivated")) } @else { "Yes" } },
            ),
        ]),
    )
}

fn editor(cx: &Desk, integration: &Integration) -> Markup {
    let app = &integration.app;
    let targets = apps::targets();
    let choices: Vec<(&str, &str)> = targets.iter().map(|(name, label)| (*name, label.as_str())).collect();
    card(
        "App settings",
        form(
            cx,
            &at(integration, "/general"),
            html! {
                (field(&Field { name: "label", label: "Application label", value: &app.label, required: true, max: Some(100), autocomplete: "off", ..Field::default() }))
                (logo_field(""))
                @if logo::has(integration) { label .check { input type="checkbox" name="no_logo" value="1"; span { "Take the logo away" } } }
                (choice(&Field { name: "target", label: "Speaks SCIM like", value: &app.target.name, hint: &app.target.source, ..Field::default() }, &choices))
                (visibility(integration.options.hidden))
                fieldset .checks-field {
                    legend { "Provisioning" }
                    label .check { input type="checkbox" name="scim" value="1" checked[app.provisioning]; span { "Enable SCIM provisioning" } }
                    label .check { input type="checkbox" name="paused" value="1" checked[integration.options.paused]; span { "Pause: nothing is sent, and nothing is forgotten" } }
                }
                fieldset .checks-field {
                    legend { "Use" }
                    label .check { input type="checkbox" name="deactivated" value="1" checked[integration.options.deactivated];
                        span { "Deactivate the app" span .hint { " – nobody signs in to it from here and nothing is sent; assignments stay, and so do accounts and sessions at the app" } } }
                }
                div .actions { button .main type="submit" { "Save" } (back(integration, "", "Cancel")) }
            },
        ),
    )
}

/// Whether people see it where they start their applications.
pub(super) fn visibility(is_hidden: bool) -> Markup {
    html! {
        fieldset .checks-field {
            legend { "Visibility" }
            label .check { input type="checkbox" name="hidden" value="1" checked[is_hidden];
                span { "Hide the app from people" span .hint { " – no tile on their own page; signing in from the app goes on" } } }
        }
    }
}

fn saml(integration: &Integration) -> Markup {
    let settings = SamlApp::of(integration).unwrap_or_default();
    let value = |text: &str| html! { @if text.is_empty() { span .quiet { "—" } } @else { code .wrap { (text) } } };
    card_with(
        "SAML settings",
        link(&at(integration, "/sign-on"), "Sign On", false),
        definitions(&[
            ("Single sign on URL", value(&settings.sso_url)),
            ("Audience URI (SP Entity ID)", value(&settings.audience)),
        ]),
    )
}

fn removal(cx: &Desk, integration: &Integration) -> Markup {
    if integration.app.provisioning {
        let what = html! { p { "Switch provisioning off before the app is deleted." } };
        return card("Delete", note(Tone::Info, "", what));
    }
    let what = html! { p .danger-text { "Nothing is sent: everybody keeps their account there, and nobody here knows of it any more." } };
    let name = integration.row.name.as_str();
    card("Delete", confirm(cx, &at(integration, "/delete"), "Delete app", what, Some(name), html! {}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Edited {
    label: String,
    target: String,
    scim: String,
    hidden: String,
    deactivated: String,
    paused: String,
    logo: String,
    no_logo: String,
}

/// `POST /app/apps/{name}/general`.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(edited): Form<Edited>) -> Shown {
    let before = find(&cx, &name).await?;
    let mut change = Map::new();
    change.insert("label".into(), edited.label.trim().into());
    change.insert("provisioning".into(), (!edited.scim.is_empty()).into());
    let is_set = |box_: &str| !box_.is_empty();
    let options = json!({"paused": is_set(&edited.paused), "hidden": is_set(&edited.hidden),
        "deactivated": is_set(&edited.deactivated)});
    change.insert("options".into(), options);
    if !edited.logo.is_empty() || !edited.no_logo.is_empty() {
        change.insert("settings".into(), json!({logo::KEY: edited.logo}));
    }
    if edited.target != before.app.target.name {
        change.insert("target".into(), edited.target.into());
    }
    let after = apps::change(&cx.app, &cx.actor(), tenant(&cx), &name, change).await?;
    let new = after.app.provisioning && !before.app.provisioning;
    let said = if new { "Saved. A Provisioning tab was added: connect the app there" } else { "Saved" };
    cx.done(&at(&after, ""), Flash::good(said))
}

/// `GET /app/apps/{name}/logo`.
pub(super) async fn picture(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let bytes = logo::of(&integration).ok_or_else(|| Fault::missing("this app has no logo"))?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Confirmed {
    confirm: String,
}

/// `POST /app/apps/{name}/delete`.
pub(super) async fn delete(cx: Desk, Path(name): Path<String>, Form(confirmed): Form<Confirmed>) -> Shown {
    let integration = find(&cx, &name).await?;
    if confirmed.confirm.trim() != name || integration.app.provisioning {
        return cx.done(&at(&integration, ""), Flash::bad("Not deleted: what was typed is not the app's name"));
    }
    let revocation = apps::delete(&cx.app, &cx.actor(), tenant(&cx), &name).await?;
    cx.done("/app/apps", connection::done(format!("{} deleted", integration.app.label), revocation))
}
