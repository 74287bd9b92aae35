//! Roles of a group (A9): what its people have at the application, and who would gain or lose one before it is saved.

use super::{find, framed};
use crate::admin::roles::{self, Effect};
use crate::console::parts::{Field, Tone, card, count, form, note, text_area};
use crate::console::{Desk, Fault, Flash, Form, Shown, sentence};
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Names that are shown of those who gain or lose a role.
const NAMED: usize = 10;

/// `GET /app/groups/{id}/roles`.
pub(in crate::console::pages) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let held = roles::of_group(&cx.app, cx.tenant.tenant.id, &id).await?;
    let text = lines(&held);
    Ok(framed(&cx, &found, "roles", editor(&cx, &id, &text, None, html! {})))
}

/// What was typed, and what is to be done with it.
#[derive(Deserialize)]
pub(in crate::console::pages) struct Typed {
    #[serde(default)]
    roles: String,
    #[serde(default, rename = "do")]
    step: String,
}

/// `POST /app/groups/{id}/roles`.
pub(in crate::console::pages) async fn save(cx: Desk, Path(id): Path<String>, Form(typed): Form<Typed>) -> Shown {
    let found = find(&cx, &id).await?;
    let wanted = match roles::parsed(typed.roles.lines()) {
        Ok(wanted) => wanted,
        Err(error) => {
            let said = error.to_scim("").detail;
            let page = framed(&cx, &found, "roles", editor(&cx, &id, &typed.roles, Some(&said), html! {}));
            return Ok(crate::console::pages::unprocessable(page));
        }
    };
    if typed.step == "preview" {
        let effect = roles::effect(&cx.app, &cx.tenant, &cx.endpoint, &found, &wanted).await?;
        return Ok(framed(&cx, &found, "roles", editor(&cx, &id, &typed.roles, None, would(&effect))));
    }
    let kept = roles::set(&cx.app, &cx.actor(), &cx.tenant, &id, wanted).await.map_err(Fault::from)?;
    let said = if kept.is_empty() { "This group gives no role".to_owned() } else { "Saved".to_owned() };
    cx.done(&format!("/app/groups/{id}/roles"), Flash::good(said))
}

fn lines(roles: &BTreeSet<String>) -> String {
    roles.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn editor(cx: &Desk, id: &str, text: &str, wrong: Option<&str>, preview: Markup) -> Markup {
    let wrong = wrong.map(sentence);
    html! {
        (card("Roles at the application", html! {
            p { "Whoever is in this group has these roles, as long as they are in it. Applications that sign people in with OpenID Connect are told them along with the groups; others ask the admin API." }
            (form(cx, &format!("/app/groups/{id}/roles"), html! {
                (text_area(&Field { name: "roles", label: "Roles", hint: "One a line, as the application calls them: admin, Support agent.", value: text, error: wrong.as_deref(), ..Field::default() }, 4))
                div .actions {
                    button .main type="submit" name="do" value="save" { "Save roles" }
                    button type="submit" name="do" value="preview" { "Who gains, who loses" }
                }
            }))
        }))
        (preview)
    }
}

/// What saving would do.
fn would(effect: &Effect) -> Markup {
    let nobody = effect.gain.is_empty() && effect.lose.is_empty();
    html! {
        (card("Not saved yet", html! {
            @if nobody { p { "Nobody gains or loses a role by this." } }
            (people(&effect.gain, "gain"))
            (people(&effect.lose, "lose"))
            @if effect.looked_at < effect.members {
                (note(Tone::Info, "", html! { p { "The first " (count(effect.looked_at)) " of " (count(effect.members)) " members were looked at." } }))
            }
        }))
    }
}

fn people(all: &BTreeMap<String, Vec<(String, String)>>, verb: &str) -> Markup {
    html! {
        @for (role, people) in all {
            div {
                p { strong { (count(people.len() as u64)) @if people.len() == 1 { " person " (verb) "s " } @else { " people " (verb) " " } (role) } }
                p .quiet {
                    @for (at, (id, name)) in people.iter().take(NAMED).enumerate() {
                        @if at > 0 { ", " } a href={ "/app/users/" (id) } { (name) }
                    }
                    @if people.len() > NAMED { " and " (count((people.len() - NAMED) as u64)) " more" }
                }
            }
        }
    }
}
