//! B2, *Duplicate*: another app like one that is there.

use super::{Tab, at, back, find, framed, tenant};
use crate::admin::apps::duplicate::{self, Called, LEFT};
use crate::console::parts::{Field, Tone, card, field, form, note};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use crate::outbound::integration::Integration;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;

/// `GET /app/apps/{name}/duplicate`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let new = New { name: format!("{name}-copy"), label: format!("Copy of {}", integration.app.label) };
    let body = editor(&cx, &integration, &new, None);
    Ok(framed(&cx, &integration, Tab::General, body))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct New {
    name: String,
    label: String,
}

fn editor(cx: &Desk, integration: &Integration, new: &New, wrong: Option<&str>) -> Markup {
    let what = html! {
        p { "The new app has the profile, the mappings, the switches and the rules of this one." }
        p { "It is made without " (LEFT) ". Nothing is sent until it is connected and somebody is assigned." }
    };
    let body = html! {
        (note(Tone::Info, "What is taken over", what))
        (field(&Field { name: "label", label: "Application label", value: &new.label, required: true, max: Some(100), autocomplete: "off", ..Field::default() }))
        (field(&Field { name: "name", label: "Name", value: &new.name, required: true, mono: true, max: Some(63), error: wrong, autocomplete: "off",
            hint: "A part of its address: lower-case letters, digits, - and _.", ..Field::default() }))
        div .actions { @if cx.may_change() { button .main type="submit" { "Duplicate" } } (back(integration, "", "Cancel")) }
    };
    card(&format!("Duplicate {}", integration.app.label), form(cx, &at(integration, "/duplicate"), body))
}

/// `POST /app/apps/{name}/duplicate`.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(new): Form<New>) -> Shown {
    let integration = find(&cx, &name).await?;
    let called = Called { name: new.name.trim().to_owned(), label: Some(new.label.trim().to_owned()) };
    match duplicate::duplicate(&cx.app, &cx.actor(), tenant(&cx), &name, called).await {
        Ok(made) => {
            let said = format!("{} is there, without {LEFT}", made.app.label);
            cx.done(&at(&made, ""), Flash::good(said))
        }
        Err(error) => {
            let said = Fault::from(error).refused()?;
            let body = editor(&cx, &integration, &new, Some(&said));
            Ok(super::super::unprocessable(framed(&cx, &integration, Tab::General, body)))
        }
    }
}
