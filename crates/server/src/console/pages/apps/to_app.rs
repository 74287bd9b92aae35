//! B7, Provisioning › To App: what is sent, and the mappings that it is sent with.

use super::integration::supports;
use super::mappings::written;
use super::{at, back, find, provisioning, tenant};
use crate::admin::apps::{self, links};
use crate::console::parts::{Column, Row, Table, Tone, badge, card, card_with, definitions, form, link, table};
use crate::console::{Desk, Flash, Form, Shown};
use crate::outbound::integration::Integration;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, json};

/// The switches: field, words, the action of Integration that it needs, what it means.
const SWITCHES: [(&str, &str, &str, &str); 3] = [
    ("create", "Create Users", "push_users", "Whoever is assigned gets an account."),
    ("update", "Update User Attributes", "push_updates", "What changes here changes there."),
    ("deactivate", "Deactivate Users", "push_updates", "Whoever is unassigned or deactivated here loses access there."),
];

fn is_on(integration: &Integration, name: &str) -> bool {
    let actions = integration.app.policy.actions;
    match name {
        "create" => actions.create,
        "update" => actions.update,
        _ => actions.deactivate,
    }
}

/// `GET /app/apps/{name}/provisioning/to-app`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let edits = cx.asked("edit").is_some() && cx.may_change();
    let body = html! {
        @if edits { (editor(&cx, &integration)) } @else { (plain(&cx, &integration)) }
        (mappings(&cx, &integration))
    };
    Ok(provisioning(&cx, &integration, "/provisioning/to-app", body))
}

fn plain(cx: &Desk, integration: &Integration) -> Markup {
    let edit = html! { @if cx.may_change() { (link(&at(integration, "/provisioning/to-app?edit=1"), "Edit", false)) } };
    let state = |on: bool| if on { badge(Tone::Good, "Enabled") } else { badge(Tone::Quiet, "Off") };
    let mut pairs: Vec<(&str, Markup)> = SWITCHES
        .iter()
        .map(|(name, words, needs, what)| {
            let blocked = !supports(integration, needs);
            let told = html! {
                (state(is_on(integration, name))) p .hint { (what) }
                @if blocked { p .hint { "Not among the supported provisioning actions: "
                    @if cx.may_change() { a href=(at(integration, "/provisioning/integration?edit=1")) { "change Integration" } }
                    @else { a href=(at(integration, "/provisioning/integration")) { "see Integration" } } "." } }
            };
            (*words, told)
        })
        .collect();
    pairs.push((
        "Sync Password",
        html! { (state(false)) p .hint { "Not here: what is kept of a password cannot be turned back into one. People come to the app by single sign-on." } },
    ));
    pairs.push(("Exclude Username Updates", state(integration.app.policy.exclude_username_updates)));
    card_with("Provisioning to App", edit, definitions(&pairs))
}

fn editor(cx: &Desk, integration: &Integration) -> Markup {
    card(
        "Provisioning to App",
        form(
            cx,
            &at(integration, "/provisioning/to-app"),
            html! {
                fieldset .checks-field {
                    legend { "What is sent" }
                    @for (name, words, needs, what) in SWITCHES {
                        @let there = supports(integration, needs);
                        label .check {
                            input type="checkbox" name=(name) value="1" checked[is_on(integration, name)] disabled[!there];
                            span { (words) span .hint { " – " (what) @if !there { " Not supported: see Integration." } } }
                        }
                    }
                    label .check {
                        input type="checkbox" name="exclude" value="1" checked[integration.app.policy.exclude_username_updates];
                        span { "Exclude Username Updates" span .hint { " – the userName is written once" } }
                    }
                }
                div .actions { button .main type="submit" { "Save" } (back(integration, "/provisioning/to-app", "Cancel")) }
            },
        ),
    )
}

const COLUMNS: [Column; 3] = [Column::new("App attribute"), Column::new("Value"), Column::new("Apply on").minor()];

fn mappings(cx: &Desk, integration: &Integration) -> Markup {
    let rows = integration.app.to_app.iter().map(|mapping| Row {
        cells: vec![
            html! { code { (mapping.attribute) }
                @if let Some(attribute) = integration.app.profile.attribute(&mapping.attribute) {
                    @if let Ok(place) = attribute.place(integration.app.profile.pasted) { p .hint .wrap { (place.path()) } } } },
            html! { code .wrap { (written(&mapping.from, "user")) } },
            html! { (super::mappings::applied(mapping.apply)) },
        ],
        ..Row::default()
    });
    let links = html! {
        div .actions {
            (link(&at(integration, "/profile"), "Go to Profile Editor", false))
            (link(&at(integration, "/mappings?way=to-app"), "Edit mappings", false))
            @if cx.may_change() { (form(cx, &at(integration, "/provisioning/to-app/force"), html! { button type="submit" { "Force Sync" } })) }
        }
    };
    card(
        "Attribute Mappings",
        html! { (links) (table(&Table { caption: "Attribute mappings", columns: &COLUMNS, rows: rows.collect(), body_id: None })) },
    )
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Switched {
    create: String,
    update: String,
    deactivate: String,
    exclude: String,
}

/// `POST /app/apps/{name}/provisioning/to-app`.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(switched): Form<Switched>) -> Shown {
    let integration = find(&cx, &name).await?;
    let on = |field: &str, needs: &str| !field.is_empty() && supports(&integration, needs);
    let mut change = Map::new();
    change.insert(
        "policy".into(),
        json!({
            "actions": {
                "create": on(&switched.create, "push_users"),
                "update": on(&switched.update, "push_updates"),
                "deactivate": on(&switched.deactivate, "push_updates"),
            },
            "excludeUsernameUpdates": !switched.exclude.is_empty(),
        }),
    );
    let after = apps::change(&cx.app, &cx.actor(), tenant(&cx), &name, change).await?;
    cx.done(&at(&after, "/provisioning/to-app"), Flash::good("Saved"))
}

/// `POST /app/apps/{name}/provisioning/to-app/force`: everybody is decided anew, behind other work.
pub(super) async fn force(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let count = links::retry(&cx.app, &cx.actor(), tenant(&cx), &name, links::Retry::Everything).await?;
    let said = format!("{count} people and groups are looked at again");
    cx.done(&at(&integration, "/provisioning/to-app"), Flash::good(said))
}
