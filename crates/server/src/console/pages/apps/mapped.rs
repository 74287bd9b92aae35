//! The preview of mappings: the values of one person, and where each comes from.

use super::mappings::{Way, change};
use crate::admin::apps::{self, preview};
use crate::console::parts::{Column, Row, Table, Tone, note, table};
use crate::console::{Desk, sentence};
use crate::outbound::integration::Integration;
use maud::{Markup, html};
use preview::Preview;
use provision::assignment::{Reason, Standing};
use provision::mapping::{self, Mapping, Origin};
use provision::plan::Desired;
use std::sync::Arc;

/// What one person would get.
pub(super) async fn shown(cx: &Desk, integration: &Integration, way: Way, rows: &[Mapping], person: &str) -> Markup {
    if person.trim().is_empty() {
        return html! { p .hint { "Name a person to see what they would get." } };
    }
    let looked = match apps::candidate(&cx.app, integration, change(way, rows)) {
        Ok(candidate) => preview::of(&cx.app, Arc::clone(&cx.tenant), candidate.clone(), person.trim())
            .await
            .map(|preview| (candidate, preview)),
        Err(error) => Err(error),
    };
    match looked {
        Err(error) => note(Tone::Warn, "No preview", html! { p { (sentence(&error.to_scim("").detail)) } }),
        Ok((_, preview)) if way == Way::ToApp => would_get(&preview),
        Ok((candidate, preview)) => match &preview.link.document {
            None => note(Tone::Info, "", html! { p { "There is no account at the app to read from yet." } }),
            Some(document) => back_values(&mapping::to_directory(&candidate.app, document, false, cx.now)),
        },
    }
}

/// What somebody gets; of somebody who is not assigned, what they would get if they were.
fn would_get(preview: &Preview) -> Markup {
    match &preview.if_assigned {
        None => values(&preview.explained.desired, Some(&preview.explained.standing)),
        Some(desired) => html! {
            (note(Tone::Info, "Not assigned yet", html! { p { "This is what they would get if they were assigned." } }))
            (values(desired, None))
        },
    }
}

const COLUMNS: [Column; 3] = [Column::new("Attribute"), Column::new("Value"), Column::new("From").minor()];

/// The values of somebody who should be there, or why there are none.
pub(super) fn values(desired: &Desired, standing: Option<&Standing>) -> Markup {
    let rows = match desired {
        Desired::Present(resource) => resource.values.iter().map(|valued| Row {
            cells: vec![
                html! { code { (valued.variable) } p .hint .wrap { (valued.place.path()) } },
                html! { @if valued.sensitive { span .quiet { "hidden" } } @else { span .wrap { (preview::line(valued.value.as_ref())) } } },
                html! { (origin(&valued.origin, standing)) },
            ],
            ..Row::default()
        }),
        Desired::Impossible(problems) => {
            return note(Tone::Bad, "Cannot be pushed", html! { ul .list { @for problem in problems { li { code { (problem.attribute) } ": " (problem.message) } } } });
        }
        Desired::Gone { .. } => return note(Tone::Info, "", html! { p { "They should have no account in use at this app." } }),
        Desired::Unmanaged => return note(Tone::Info, "", html! { p { "Whatever is there is left as it is." } }),
    };
    table(&Table { caption: "Preview", columns: &COLUMNS, rows: rows.collect(), body_id: None })
}

fn back_values((values, problems): &(Vec<mapping::Imported>, Vec<provision::profile::Problem>)) -> Markup {
    let rows = values.iter().map(|one| Row {
        cells: vec![
            html! { code { (one.attribute) } },
            html! { span .wrap { (preview::line(one.value.as_ref())) } },
            html! { (origin(&one.origin, None)) },
        ],
        ..Row::default()
    });
    html! {
        @for problem in problems { (note(Tone::Bad, "", html! { p { code { (problem.attribute) } ": " (problem.message) } })) }
        (table(&Table { caption: "Preview", columns: &COLUMNS, rows: rows.collect(), body_id: None }))
    }
}

/// Whose assignment it is, by its number: a group's that they are in, or their own.
fn assigned(id: &str, standing: Option<&Standing>) -> String {
    let group = standing.into_iter().flat_map(|standing| &standing.reasons).find_map(|reason| match reason {
        Reason::AssignedByGroup { assignment, group } if assignment == id => Some(group),
        _ => None,
    });
    group.map_or_else(|| "their own value".to_owned(), |group| format!("the assigned group {group}"))
}

/// Where a value came from, on one line.
pub(super) fn source(origin: &Origin, standing: &Standing) -> String {
    match origin {
        Origin::Assignments { assignments } => {
            assignments.iter().map(|id| assigned(id, Some(standing))).collect::<Vec<_>>().join(", ")
        }
        Origin::Direct { attribute } => format!("the mapping of {attribute}"),
        Origin::Expression { text, .. } => format!("the mapping {text}"),
        Origin::Constant => "a mapping that is always the same".to_owned(),
        Origin::Default => "the mapping's default".to_owned(),
        Origin::ManagerAccount => "the manager's account there".to_owned(),
    }
}

/// Where a value came from, in words.
pub(super) fn origin(origin: &Origin, standing: Option<&Standing>) -> Markup {
    html! {
        @match origin {
            Origin::Assignments { assignments } => {
                (assignments.iter().map(|id| assigned(id, standing)).collect::<Vec<_>>().join(", "))
            },
            Origin::Direct { attribute } => code { (attribute) },
            Origin::Expression { text, warnings, .. } => {
                code .wrap { (text) }
                @for warning in warnings { p .hint { (warning.message) } }
            },
            Origin::Constant => "always the same",
            Origin::Default => "the mapping's default",
            Origin::ManagerAccount => "the manager's account there",
        }
    }
}
