//! Fields that are put away: which there are, what would become of their values, and the way back or out.

use super::{COUNTED_MAX, TYPES, type_word};
use crate::admin::archived::{self, As, Fit};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, card, choice, confirm, count, form, note, table, visible, when,
};
use crate::console::{Desk, Fault, Flash, Form, Nav, Page, Shown, page};
use crate::query;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use store::{Archived, Job};

const COLUMNS: [Column; 4] =
    [Column::new("Field"), Column::new("Type"), Column::new("People with a value").number(), Column::new("Archived")];

fn here(value: &str) -> String {
    query::address("/app/fields/archived", &[("value", value)])
}

fn words(field: &Archived) -> String {
    let kind = type_word(&field.attribute);
    if field.attribute.multi_valued { format!("{kind}, list") } else { kind }
}

/// The card below the fields that are in use.
pub(super) async fn below(cx: &Desk) -> Result<Markup, Fault> {
    let mut rows = Vec::new();
    for field in archived::list(&cx.tenant) {
        let values = archived::count(&cx.app, &cx.tenant, field).await?;
        rows.push(Row {
            cells: vec![
                html! { a href=(here(&field.value())) { (field.attribute.name) }
                @if !field.attribute.description.is_empty() { p .hint { (field.attribute.description) } } },
                html! { (words(field)) },
                html! { (count(values)) },
                html! { (when(field.at, cx.now)) " by " (field.by) },
            ],
            ..Row::default()
        });
    }
    Ok(html! {
        @if !rows.is_empty() {
            h2 { "Archived" }
            p .quiet { "Nobody sends or is shown them; their values are kept, and come back with them." }
            (table(&Table { caption: "Archived fields", columns: &COLUMNS, rows, body_id: None }))
        }
    })
}

/// The card on the page of a field that is in use.
pub(super) fn way_in(cx: &Desk, value: &str, values: u64) -> Markup {
    let what = html! {
        p { "The identity provider is not offered it any more; what it sends for it is left out like anything unknown. "
            @if values == 0 { "Nobody has a value of it." }
            @else { (count(values.min(u64::from(COUNTED_MAX) - 1))) @if values >= u64::from(COUNTED_MAX) { " and more" } " values are kept, and stay visible on the pages of their people." }
        }
        p { "It can be restored at any time: as it was, or as another type." }
    };
    let hidden = html! { input type="hidden" name="value" value=(value); };
    card("Archive", confirm(cx, "/app/fields/archive", "Archive field", what, None, hidden))
}

/// `GET /app/fields/archived?value=…`; with `kind` and `many`, what would become of the values.
pub(in crate::console::pages) async fn show(cx: Desk) -> Shown {
    shown(&cx, &cx.asked("value").unwrap_or_default(), None).await
}

async fn shown(cx: &Desk, value: &str, wrong: Option<&str>) -> Shown {
    let field = archived::find(&cx.tenant, value)?;
    let values = archived::count(&cx.app, &cx.tenant, field).await?;
    let wanted = wanted(cx, field);
    let would = match &wanted {
        Some(wanted) => match archived::preview(&cx.app, &cx.tenant.tenant.name, value, wanted).await {
            Ok(fit) => Ok(Some(fit)),
            Err(error) => Err(error.to_scim("").detail),
        },
        None => Ok(None),
    };
    let job = cx.tenant.tenant.definitions.index(&field.value()).and_then(|index| index.job);
    let body = html! {
        @if let Some(said) = wrong { (note(Tone::Bad, "Not restored", html! { p { (said) } })) }
        @if let Some(job) = job {
            p .hint { "A " a href={ "/app/jobs/" (job) } { "job" } " is at work on it." }
        } @else if cx.may_change() {
            (restoring(cx, field, wanted.as_ref(), &would))
            (deletion(cx, field, values))
        }
        p .hint { "Each value is on the page of its person, under “Archived fields”." }
    };
    let about = Page::new(field.attribute.name.clone(), Nav::Fields)
        .under("Custom fields", "/app/fields")
        .purpose(html! { "Archived " (when(field.at, cx.now)) " by " (field.by) " · " (words(field)) " · " (count(values)) @if values == 1 { " value kept" } @else { " values kept" } })
        .help("manager-and-custom-fields");
    Ok(page(cx, about, body))
}

/// The other type that is asked about, if it is another one.
fn wanted(cx: &Desk, field: &Archived) -> Option<As> {
    let kind = cx.asked("kind").filter(|kind| *kind != type_word(&field.attribute));
    let many = cx.asked("kind").map(|_| cx.asked("many").is_some());
    let many = many.filter(|many| *many != field.attribute.multi_valued);
    (kind.is_some() || many.is_some()).then_some(As { kind, multi_valued: many, leave_out: false })
}

fn restoring(cx: &Desk, field: &Archived, wanted: Option<&As>, would: &Result<Option<Fit>, String>) -> Markup {
    let value = field.value();
    let kind = wanted.and_then(|wanted| wanted.kind.clone()).unwrap_or_else(|| type_word(&field.attribute));
    let many = wanted.and_then(|wanted| wanted.multi_valued).unwrap_or(field.attribute.multi_valued);
    html! {
        (card("Restore", html! {
            p { "The identity provider is offered the field again, and everybody has the value that they had." }
            (form(cx, "/app/fields/restore", html! {
                input type="hidden" name="value" value=(value);
                button .main type="submit" { "Restore as it was" }
            }))
        }))
        @if !field.attribute.is_complex() {
            (card("Restore as another type", html! {
                form method="get" action="/app/fields/archived" {
                    input type="hidden" name="value" value=(value);
                    (choice(&Field { name: "kind", label: "Type", value: &kind, ..Field::default() }, &TYPES))
                    label .check { input type="checkbox" name="many" value="1" checked[many]; span { "A list of values" } }
                    div .actions { button type="submit" { "See what becomes of them" } }
                }
                @match would {
                    Err(said) => (note(Tone::Bad, "It cannot be that", html! { p { (said) } })),
                    Ok(None) => p .hint { "Choose another type: nothing is changed before you have seen it." },
                    Ok(Some(fit)) => (effect(cx, field, wanted, fit)),
                }
            }))
        }
    }
}

fn effect(cx: &Desk, field: &Archived, wanted: Option<&As>, fit: &Fit) -> Markup {
    let tone = if fit.unfit == 0 { Tone::Good } else { Tone::Warn };
    let plural = |n: u64| if n == 1 { " value" } else { " values" };
    let hidden = html! {
        input type="hidden" name="value" value=(field.value());
        @if let Some(kind) = wanted.and_then(|wanted| wanted.kind.as_deref()) { input type="hidden" name="kind" value=(kind); }
        @if let Some(many) = wanted.and_then(|wanted| wanted.multi_valued) { input type="hidden" name="many" value=(many); }
    };
    html! {
        (note(tone, "", html! {
            p { (count(fit.fit)) (plural(fit.fit)) " will be converted" @if fit.unfit > 0 { ", " strong { (count(fit.unfit)) (plural(fit.unfit)) " cannot be" } } "." }
        }))
        @if !fit.examples.is_empty() {
            ul .list.rows {
                @for (id, value) in &fit.examples {
                    li { a href={ "/app/users/" (id) } { (visible(&told(value))) } }
                }
            }
            @if fit.unfit > fit.examples.len() as u64 { p .hint { "The first " (fit.examples.len()) " of them." } }
        }
        @if fit.unfit == 0 {
            (form(cx, "/app/fields/restore", html! { (hidden) button .main type="submit" { "Restore and convert" } }))
        } @else {
            (confirm(cx, "/app/fields/restore", "Restore without these", html! {
                p .danger-text { (count(fit.unfit)) (plural(fit.unfit)) " go for good. The job names whose they were." }
            }, Some(&field.attribute.name), html! { (hidden) input type="hidden" name="leave_out" value="1"; }))
        }
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => "not shown".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn deletion(cx: &Desk, field: &Archived, values: u64) -> Markup {
    let what = html! {
        @if values == 0 { p { "Nobody has a value of it." } }
        @else { p .danger-text { "The values of " (count(values)) @if values == 1 { " person go" } @else { " people go" } " for good." } }
        p { "Its name is free again." }
    };
    let hidden = html! { input type="hidden" name="value" value=(field.value()); };
    card(
        "Delete",
        confirm(cx, "/app/fields/forget", "Delete field and values", what, Some(&field.attribute.name), hidden),
    )
}

/// Which field, as what, and what was typed.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(in crate::console::pages) struct Which {
    value: String,
    kind: Option<String>,
    many: Option<bool>,
    leave_out: Option<String>,
    confirm: String,
}

impl Which {
    fn is_confirmed(&self, name: &str) -> bool {
        self.confirm.trim() == name
    }
}

/// Where one goes when such a job was begun, and what is said.
fn begun(cx: &Desk, job: &Job, to: &str, done: String) -> Shown {
    if job.state.is_open() {
        let said = "The field is read-only until this is done".to_owned();
        return cx.done(&format!("/app/jobs/{}", job.id), Flash::good(said));
    }
    cx.done(to, Flash::good(done))
}

/// `POST /app/fields/archive`.
pub(in crate::console::pages) async fn archive(cx: Desk, Form(which): Form<Which>) -> Shown {
    let job = archived::archive(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &which.value).await?;
    let name = which.value.rsplit(':').next().unwrap_or_default().to_owned();
    begun(&cx, &job, &here(&which.value), format!("{name} is archived; its values are kept"))
}

/// `POST /app/fields/restore`.
pub(in crate::console::pages) async fn restore(cx: Desk, Form(which): Form<Which>) -> Shown {
    let name = archived::find(&cx.tenant, &which.value)?.attribute.name.clone();
    if which.leave_out.is_some() && !which.is_confirmed(&name) {
        let said = Flash::bad("Not restored: what was typed is not the field's name");
        return cx.done(&here(&which.value), said);
    }
    let wanted = As { kind: which.kind.clone(), multi_valued: which.many, leave_out: which.leave_out.is_some() };
    match archived::restore(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &which.value, &wanted).await {
        Ok(job) => {
            let to = query::address("/app/fields/edit", &[("value", &which.value)]);
            begun(&cx, &job, &to, format!("{name} is back with its values"))
        }
        Err(error) => {
            let said = error.to_scim("").detail;
            shown(&cx, &which.value, Some(&said)).await.map(crate::console::pages::unprocessable)
        }
    }
}

/// `POST /app/fields/forget`.
pub(in crate::console::pages) async fn forget(cx: Desk, Form(which): Form<Which>) -> Shown {
    let name = archived::find(&cx.tenant, &which.value)?.attribute.name.clone();
    if !which.is_confirmed(&name) {
        return cx.done(&here(&which.value), Flash::bad("Not deleted: what was typed is not the field's name"));
    }
    let job = archived::forget(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &which.value).await?;
    begun(&cx, &job, "/app/fields", format!("{name} and its values are deleted"))
}

/// The card on somebody's page, if they have such values.
pub(in crate::console::pages) async fn of_person(cx: &Desk, id: &str) -> Result<Markup, Fault> {
    let values = archived::of_resource(&cx.app, &cx.tenant, id).await?;
    Ok(html! {
        @if !values.is_empty() {
            (card("Archived fields", html! {
                dl .definitions {
                    @for (field, value) in &values {
                        div { dt { a href=(here(&field.value())) title=(field.value()) { (field.attribute.name) } } dd { (visible(&told(value))) } }
                    }
                }
                p .hint { "Kept from fields that are no longer in use. Nobody sends or changes them." }
            }))
        }
    })
}
