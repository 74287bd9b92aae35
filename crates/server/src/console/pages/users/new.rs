//! A user who is in no identity provider, made by hand.

use crate::admin::{directory, samples};
use crate::console::parts::{Field, Tone, card, field, form, link, note};
use crate::console::{Desk, Fault, Flash, Form, Nav, Page, Shown, page};
use axum::http::Method;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A local user as the form asks for one.
#[derive(Debug, Default, Deserialize)]
pub(in crate::console::pages) struct New {
    user_name: String,
    #[serde(default)]
    given: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    email: String,
}

/// `GET /app/users/new`.
pub(in crate::console::pages) async fn form_new(cx: Desk) -> Shown {
    let body = new_form(&cx, &New::default(), None);
    Ok(page(&cx, new_page(), body))
}

fn new_page() -> Page {
    Page::new("New local user", Nav::Users)
        .under("Users", "/app/users")
        .purpose("For somebody who is not in the identity provider. One who arrives later with the same login finds this account.")
}

fn new_form(cx: &Desk, new: &New, wrong: Option<&str>) -> Markup {
    let of = |word: &str| wrong.filter(|said| said.contains(word));
    let other = wrong.filter(|_| of("userName").is_none() && of("emails").is_none());
    card(
        "Who is it?",
        form(
            cx,
            "/app/users",
            html! {
                @if let Some(said) = other { (note(Tone::Bad, "Not created", html! { p { (said) } })) }
                (field(&Field { name: "user_name", label: "Login (userName)", value: &new.user_name, required: true, error: of("userName"), max: Some(255), autofocus: true, autocomplete: "off", ..Field::default() }))
                div .columns {
                    (field(&Field { name: "given", label: "Given name", value: &new.given, max: Some(255), autocomplete: "off", ..Field::default() }))
                    (field(&Field { name: "family", label: "Family name", value: &new.family, max: Some(255), autocomplete: "off", ..Field::default() }))
                }
                (field(&Field { name: "email", label: "E-mail at work", kind: "email", value: &new.email, error: of("emails"), max: Some(255), autocomplete: "off", ..Field::default() }))
                div .actions { button .main type="submit" { "Create user" } (link("/app/users", "Back", false)) }
            },
        ),
    )
}

/// `POST /app/users`.
pub(in crate::console::pages) async fn create(cx: Desk, Form(new): Form<New>) -> Shown {
    let mut person = Map::new();
    person.insert("schemas".into(), json!([scim::schema::USER]));
    person.insert("userName".into(), new.user_name.trim().into());
    let mut name = Map::new();
    for (part, value) in [("givenName", &new.given), ("familyName", &new.family)] {
        if !value.trim().is_empty() {
            name.insert(part.into(), value.trim().into());
        }
    }
    if !name.is_empty() {
        person.insert("name".into(), Value::Object(name));
    }
    if !new.email.trim().is_empty() {
        person.insert("emails".into(), json!([{"value": new.email.trim(), "type": "work", "primary": true}]));
    }
    person.insert("active".into(), true.into());
    let change = (Method::POST, "/Users".to_owned(), Value::Object(person));
    let acted = directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
    if let Some(said) = directory::refusal(&acted.answer) {
        return Ok(crate::console::pages::unprocessable(page(&cx, new_page(), new_form(&cx, &new, Some(&said)))));
    }
    let made: Value = serde_json::from_slice(&acted.answer.body).unwrap_or_default();
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
    cx.done(&format!("/app/users/{id}"), Flash::good("User created"))
}

/// `POST /app/users/samples`.
pub(in crate::console::pages) async fn samples(cx: Desk) -> Shown {
    let made = samples::create(&cx.app, &Arc::new(cx.actor()), &cx.tenant.tenant.name, &cx.origin).await;
    let said = match made {
        Ok(people) => Flash::good(format!("{people} sample people and a group are there")),
        Err(error) => Flash::bad(Fault::from(error).refused()?),
    };
    cx.done("/app/users", said)
}
