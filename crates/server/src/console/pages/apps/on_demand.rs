//! *Provision on demand*, and "why": the six steps for one person as the worker takes them, the last one only if somebody
//! asks for it.

use super::mapped::values;
use super::{Tab, at, find, framed, standing, tenant};
use crate::admin::apps::{assign, links, preview};
use crate::console::parts::{
    Column, Row, Table, Tone, badge, card, card_with, definitions, form, json, live, note, table, when,
};
use crate::console::{Desk, Fault, Flash, Form, Shown, fragment, sentence};
use crate::outbound::integration::Integration;
use axum::extract::Path;
use maud::{Markup, html};
use preview::Preview;
use provision::assignment::{Presence, Reason};
use provision::plan::{Action, Change, Lookup};
use serde::Deserialize;
use store::{LinkRow, Principal};

/// `GET /app/apps/{name}/on-demand?person=…`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let person = cx.asked("person").unwrap_or_default();
    // Who said "now" sees how it goes; otherwise the page stays as it was read.
    let steps = match (person.is_empty(), cx.asked("now")) {
        (true, _) => html! {},
        (false, None) => looked(&cx, &integration, &person).await?,
        (false, Some(_)) => {
            let fresh = crate::query::address(&at(&integration, "/on-demand/steps"), &[("person", &person)]);
            live("steps", &["apps"], &fresh, looked(&cx, &integration, &person).await?)
        }
    };
    let known = assign::candidates(&cx.app, tenant(&cx), Principal::User, "").await?;
    let body = html! {
        (card("Who", html! {
            p { "What would be done for somebody right now, and why: the same steps as the engine takes, and nothing is sent until you say so." }
            form .facets method="get" action=(at(&integration, "/on-demand")) role="search" aria-label="Person" {
                label .facet.search-field { span { "Person" }
                    input type="search" name="person" value=(person) placeholder="userName or id" list="people" required; }
                datalist #people { @for (_, name) in &known { option value=(name) {} } }
                button .main type="submit" { "Dry run" }
            }
        }))
        (steps)
    };
    Ok(framed(&cx, &integration, Tab::OnDemand, body))
}

/// `GET /app/apps/{name}/on-demand/steps?person=…`.
pub(super) async fn fresh(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    Ok(fragment(looked(&cx, &integration, &cx.asked("person").unwrap_or_default()).await?))
}

async fn looked(cx: &Desk, integration: &Integration, person: &str) -> Result<Markup, Fault> {
    let state = std::sync::Arc::clone(&cx.tenant);
    let found = preview::of(&cx.app, state, integration.clone(), person).await;
    let preview = match found {
        Ok(preview) => preview,
        Err(error) => return Ok(note(Tone::Warn, "", html! { p { (sentence(&error.to_scim("").detail)) } })),
    };
    Ok(html! {
        (verdict(&preview))
        (card("1 Import", import(&preview)))
        (card("2 Scope", scope(&preview)))
        (card("3 Match", matched(cx, &preview)))
        (card("4 Map", values(&preview.explained.desired, Some(&preview.explained.standing))))
        (card("5 Decide", decided(&preview)))
        (send(cx, integration, &preview))
        @if let Some(row) = &preview.row { (history(cx, integration, row).await?) }
    })
}

/// Why somebody is, or is not, at the app, in one sentence.
fn verdict(preview: &Preview) -> Markup {
    let name = preview.facts.user.profile.get("userName").and_then(serde_json::Value::as_str).unwrap_or("This person");
    let (tone, words) = match preview.explained.standing.presence {
        Presence::Active => (Tone::Good, "should have an account at this app"),
        Presence::Inactive => (Tone::Info, "should have no account in use at this app"),
        Presence::Absent => (Tone::Info, "is gone, and should have no account at this app"),
        Presence::Unmanaged => (Tone::Warn, "is left as they are at this app"),
    };
    let why = preview.explained.standing.reasons.first().map(reason);
    note(tone, "", html! { p { strong { (name) } " " (words) @if let Some(why) = why { ": " (why) } "." } })
}

/// Why somebody should be there, or should not.
pub(in crate::console::pages) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::ProvisioningOff => "SCIM provisioning is off for the app".into(),
        Reason::AssignedDirectly { .. } => "they are assigned themselves".into(),
        Reason::AssignedByGroup { group, .. } => format!("they are in the assigned group {group}"),
        Reason::NotAssigned => "no assignment is about them".into(),
        Reason::Staged => "they have not started yet".into(),
        Reason::Suspended => "they are suspended".into(),
        Reason::Deactivated => "they are deactivated".into(),
        Reason::Deleted => "they are deleted".into(),
    }
}

fn import(preview: &Preview) -> Markup {
    let user = &preview.facts.user;
    let groups: Vec<&str> = user.groups.iter().map(|group| group.name.as_str()).collect();
    let text = |value: Option<&serde_json::Value>| preview::line(value);
    let manager = user.manager.as_ref().map(|manager| text(manager.profile.get("userName")));
    html! {
        (definitions(&[
            ("userName", html! { (text(user.profile.get("userName"))) }),
            ("Status", html! { (user.status.word()) }),
            ("Groups", html! { @if groups.is_empty() { "—" } @else { (groups.join(", ")) } }),
            ("Manager", html! { (manager.unwrap_or_else(|| "—".into())) }),
        ]))
        details .as-table { summary { "Everything that mappings can read" }
            (json("Profile", &serde_json::Value::Object(user.profile.clone()).to_string())) }
    }
}

fn scope(preview: &Preview) -> Markup {
    html! { ul .list { @for one in &preview.explained.standing.reasons { li { (sentence(&reason(one))) } } } }
}

fn matched(cx: &Desk, preview: &Preview) -> Markup {
    let link = &preview.link;
    html! {
        @match &link.remote_id {
            Some(id) => p { "Their account there is " code .wrap { (id) } @if link.read_at > 0 { ", read " (when(link.read_at, cx.now)) } "." },
            None => p { "No account of theirs is known; before one is made it is looked for." },
        }
        @if let Some(row) = &preview.row { p { (standing(row.standing, row.active)) } }
        @if let Some(document) = &link.document {
            details .as-table { summary { "The account as the app showed it" } (json("Account", &serde_json::Value::Object(document.clone()).to_string())) }
        }
    }
}

const CHANGES: [Column; 3] = [Column::new("Attribute"), Column::new("There"), Column::new("Should be")];

fn changes(all: &[Change]) -> Markup {
    let shown = |change: &Change, value: Option<&serde_json::Value>| {
        if change.sensitive { "hidden".to_owned() } else { preview::line(value) }
    };
    let rows = all.iter().map(|change| Row {
        cells: vec![
            html! { code .wrap { (change.place.path()) } },
            html! { span .wrap { (shown(change, change.was.as_ref())) } },
            html! { span .wrap { (shown(change, change.value.as_ref())) } },
        ],
        ..Row::default()
    });
    table(&Table { caption: "Changes", columns: &CHANGES, rows: rows.collect(), body_id: None })
}

fn decided(preview: &Preview) -> Markup {
    let words = match &preview.action {
        Action::Nothing => "Nothing: all is as it should be.".to_owned(),
        Action::Probe(Lookup::Id(_)) => "Read the account before anything is decided.".to_owned(),
        Action::Probe(Lookup::Filter { field, .. }) => format!("Look for an account with this {field} first."),
        Action::Create(_) => "Make the account.".to_owned(),
        Action::Adopt { .. } => "Take the account that was found as theirs.".to_owned(),
        Action::Update(_) => "Change the account.".to_owned(),
        Action::Deactivate(_) => "Put the account out of use.".to_owned(),
        Action::Delete { .. } => "Delete the account.".to_owned(),
        Action::Wait { .. } => "Wait and look again.".to_owned(),
        Action::Hold { .. } => "Held by a brake: somebody has to agree, under Tasks.".to_owned(),
        Action::Park(_) => "Somebody has to look: see Tasks.".to_owned(),
    };
    html! {
        p { (badge(Tone::Info, preview.action.word())) " " (words) }
        @if let Action::Update(update) = &preview.action { (changes(&update.changes)) }
        @if let Action::Park(parking) = &preview.action {
            @let cause = crate::outbound::causes::parked(parking);
            @let (title, fix) = crate::outbound::causes::told(&cause.detail);
            (note(Tone::Bad, &sentence(&title), html! { p { (fix) } }))
        }
    }
}

fn send(cx: &Desk, integration: &Integration, preview: &Preview) -> Markup {
    let now = html! {
        @if cx.may_change() {
            (form(cx, &at(integration, "/on-demand"), html! {
                input type="hidden" name="person" value=(preview.facts.user.id);
                button .main type="submit" { "Provision now" }
            }))
        }
    };
    let body = html! {
        @match &preview.request {
            None => p { "Nothing would be sent." },
            Some(request) => {
                p { code .wrap { (request.method.as_str()) " " (request.target()) } }
                @if let Some(body) = &request.body { (json("Body", &body.to_string())) }
            },
        }
    };
    card_with("6 Send", now, body)
}

const EXCHANGES: [Column; 4] =
    [Column::new("Request"), Column::new("Answer"), Column::new("For").minor(), Column::new("When")];

async fn history(cx: &Desk, integration: &Integration, row: &LinkRow) -> Result<Markup, Fault> {
    let whole = links::find(&cx.app, tenant(cx), &integration.row.name, row.id).await?;
    let rows: Vec<Row> =
        whole.exchanges.iter().take(20).map(|one| super::exchanges::row(cx, integration, one)).collect();
    Ok(card(
        "What was sent for them",
        html! {
            @if rows.is_empty() { p { "Nothing yet." } }
            @else { (table(&Table { caption: "Exchanges", columns: &EXCHANGES, rows, body_id: None })) }
        },
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Whom {
    person: String,
}

/// `POST /app/apps/{name}/on-demand`: the engine looks at this person now.
pub(super) async fn provision(cx: Desk, Path(name): Path<String>, Form(whom): Form<Whom>) -> Shown {
    let integration = find(&cx, &name).await?;
    let to = crate::query::address(&at(&integration, "/on-demand"), &[("person", &whom.person), ("now", "1")]);
    preview::provision_now(&cx.app, tenant(&cx), &name, &whom.person).await?;
    cx.done(&to, Flash::good("Under way: the page follows it"))
}
