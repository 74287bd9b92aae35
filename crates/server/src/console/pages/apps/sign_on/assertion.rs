//! What an app would be told of a person, before anybody is told.

use super::super::{at, tenant};
use crate::admin::apps::{self, NewIntegration, assign};
use crate::admin::idp::{self, Preview};
use crate::console::parts::{self, Column, Row, Table, Tone, definitions, note, table};
use crate::console::{Desk, Fault, Icon, sentence};
use crate::error::Error;
use crate::idp::SamlApp;
use crate::outbound::integration::Integration;
use maud::{Markup, html};
use store::Principal;

/// The part of the page where somebody is named and looked at.
pub(super) async fn card(
    cx: &Desk,
    integration: &Integration,
    draft: Option<SamlApp>,
    person: &str,
) -> Result<Markup, Fault> {
    let known = assign::candidates(&cx.app, tenant(cx), Principal::User, "").await?;
    let told = if person.is_empty() {
        html! {}
    } else {
        of(cx, integration, draft, person).await?
    };
    Ok(parts::card(
        "Preview the SAML assertion",
        html! {
            form .facets method="get" action=(at(integration, "/sign-on")) role="search" aria-label="Person" {
                label .facet.search-field { span { "Person" } (Icon::Search.svg())
                    input type="search" name="person" value=(person) placeholder="userName or id" list="people" required; }
                datalist #people { @for (_, name) in &known { option value=(name) {} } }
                button type="submit" { "Preview" }
            }
            (told)
        },
    ))
}

/// What would be said of somebody, and whether it would be.
pub(super) async fn of(
    cx: &Desk,
    integration: &Integration,
    draft: Option<SamlApp>,
    person: &str,
) -> Result<Markup, Fault> {
    if person.is_empty() {
        return Ok(note(Tone::Info, "", html! { p { "Name a person to see what the application would be told." } }));
    }
    let name = integration.row.name.as_str();
    Ok(match idp::preview(&cx.app, (tenant(cx), name), draft, person, &cx.endpoint).await {
        Ok(preview) => html! { (verdict(&preview)) (shown(&preview)) },
        Err(error) => none(&error),
    })
}

/// What an app that is not there yet would be told. Nobody is assigned to it, so whether they may is not said.
pub(in super::super) async fn of_draft(cx: &Desk, wanted: NewIntegration, settings: SamlApp, person: &str) -> Markup {
    let drawn = apps::not_yet(&cx.app, tenant(cx), wanted);
    let told = match drawn {
        Ok(app) => idp::preview_of(&cx.app, tenant(cx), (app, settings), person, &cx.endpoint).await,
        Err(error) => Err(error),
    };
    match told {
        Ok(preview) => shown(&preview),
        Err(error) => none(&error),
    }
}

fn none(error: &Error) -> Markup {
    note(Tone::Warn, "No preview", html! { p { (sentence(&error.to_scim("").detail)) } })
}

fn verdict(preview: &Preview) -> Markup {
    match preview.said.may {
        Ok(()) => {
            note(Tone::Good, "They may sign in", html! { p { "This is what the application is told when they do." } })
        }
        Err(why) => note(
            Tone::Warn,
            "They may not sign in",
            html! { p { (sentence(why)) " The application would be told this:" } },
        ),
    }
}

fn shown(preview: &Preview) -> Markup {
    let said = &preview.said;
    let format = said.name_id.format.as_deref().unwrap_or_default();
    html! {
        @for problem in &said.problems { (note(Tone::Warn, "", html! { p { (sentence(problem)) } })) }
        (definitions(&[
            ("NameID", html! { @if said.name_id.value.is_empty() { span .quiet { "none: nobody can sign in without one" } } @else { code .wrap { (said.name_id.value) } } }),
            ("Format", html! { code .wrap { (format) } }),
        ]))
        @if said.attributes.is_empty() { p .quiet { "It has no attributes." } } @else { (attributes(preview)) }
        @if let Some(xml) = &preview.xml { (parts::xml("Assertion, before it is signed", xml)) }
    }
}

fn attributes(preview: &Preview) -> Markup {
    const COLUMNS: [Column<'static>; 2] = [Column::new("Attribute"), Column::new("Values")];
    let rows = preview.said.attributes.iter().map(|one| Row {
        cells: vec![
            html! { code .wrap { (one.name) } },
            html! {
                @if one.values.is_empty() { span .quiet { "none" } }
                @for value in &one.values { div .wrap { (parts::visible(value)) } }
            },
        ],
        ..Row::default()
    });
    table(&Table { caption: "Attributes", columns: &COLUMNS, rows: rows.collect(), body_id: None })
}
