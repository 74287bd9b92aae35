//! A10, custom fields: made, changed, put away, removed; the value to copy is shown while the name is typed.

pub(super) mod archived;
mod kinds;

use super::attributes::three;
use crate::admin::attributes::{self, Named, NewAttribute, Way, custom_urn};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, choice, confirm, copy_as, count, empty, field, form, link, note,
    table, text_area,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, fragment, page};
use crate::query;
use maud::{Markup, html};
use scim::{Attribute, Uniqueness};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{FieldForm, FieldKind};

/// Values are counted up to here.
const COUNTED_MAX: u32 = 10_001;

const COLUMNS: [Column; 6] = [
    Column::new("Field"),
    Column::new("Type"),
    Column::new("Rules").minor(),
    Column::new("Values").number(),
    Column::new("Copy"),
    Column::new("Order"),
];

fn type_word(attribute: &Attribute) -> String {
    let kind = serde_json::to_value(attribute.attr_type).ok();
    kind.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn holders(cx: &Desk, named: &Named) -> Result<u64, Fault> {
    let (state, kind, value) = (std::sync::Arc::clone(&cx.tenant), named.resource_type.clone(), named.value.clone());
    let count = cx.app.store().read(move |r| match state.named(&kind) {
        Some(rt) => r.holders(state.tenant.id, rt, &value, COUNTED_MAX),
        None => Ok(0),
    });
    Ok(count.await?)
}

fn number(values: u64) -> String {
    if values >= u64::from(COUNTED_MAX) { "more than 10 000".into() } else { count(values) }
}

/// `GET /app/fields`.
pub(super) async fn list(cx: Desk) -> Shown {
    let all: Vec<Named> = attributes::list(&cx.tenant).into_iter().filter(|named| named.custom).collect();
    let mut rows = Vec::new();
    for (at, named) in all.iter().enumerate() {
        let is_beside = |other: Option<&Named>| other.is_some_and(|other| other.namespace == named.namespace);
        let beside = (is_beside(at.checked_sub(1).and_then(|at| all.get(at))), is_beside(all.get(at + 1)));
        rows.push(row(&cx, named, holders(&cx, named).await?, beside));
    }
    let new = link("/app/fields/new", "New field", true);
    let below = archived::below(&cx).await?;
    let body = html! {
        @if all.is_empty() {
            (empty(Icon::Fields, "No custom fields yet", html! { "A field has a full name that you copy into the identity provider; what it sends there arrives here." },
                cx.may_change().then(|| new.clone())))
        } @else { (table(&Table { caption: "Custom fields", columns: &COLUMNS, rows, body_id: None })) }
        (below)
    };
    let action = html! { @if cx.may_change() && !all.is_empty() { (new) } };
    let about = Page::new("Custom fields", Nav::Fields)
        .purpose("What the standard has no attribute for, and your identity provider can fill.")
        .action(action)
        .help("manager-and-custom-fields");
    Ok(page(&cx, about, body))
}

/// Buttons that move a field past the ones above and below it, where there are such.
fn movers(cx: &Desk, named: &Named, (above, below): (bool, bool)) -> Markup {
    let name = &named.attribute.name;
    // A row is dragged among those of its namespace, which stand together.
    let place = attributes::list(&cx.tenant)
        .iter()
        .filter(|other| other.custom && other.namespace == named.namespace)
        .position(|other| other.value == named.value);
    let button = |to: &str, icon: Icon| {
        html! { button .small type="submit" name="to" value=(to) aria-label={ "Move " (name) " " (to) } { (icon.svg()) } }
    };
    html! {
        @if cx.may_change() && (above || below) {
            (form(cx, "/app/fields/move", html! {
                input type="hidden" name="value" value=(named.value);
                div .copies data-place=[place] data-among=(named.namespace) { @if above { (button("up", Icon::Up)) } @if below { (button("down", Icon::Down)) } }
            }))
        }
    }
}

fn row(cx: &Desk, named: &Named, values: u64, beside: (bool, bool)) -> Row {
    let attribute = &named.attribute;
    let mut rules = Vec::new();
    if attribute.required {
        rules.push("required".to_owned())
    }
    if attribute.uniqueness != Uniqueness::None {
        rules.push("unique".to_owned())
    }
    match (attribute.length_min, attribute.length_max) {
        (Some(min), Some(max)) => rules.push(format!("{min} to {max} characters")),
        (None, Some(max)) => rules.push(format!("at most {max} characters")),
        (Some(min), None) => rules.push(format!("at least {min} characters")),
        (None, None) => {}
    }
    if named.form.own_page {
        rules.push("on people's own page".to_owned())
    }
    if !attribute.canonical_values.is_empty() {
        rules.push(format!("{} options", attribute.canonical_values.len()))
    }
    let (namespace, name) = named.value.rsplit_once(':').unwrap_or(("", &named.value));
    Row {
        cells: vec![
            html! { a href=(query::address("/app/fields/edit", &[("value", &named.value)])) { (name) }
            @if named.resource_type != "User" { " " (badge(Tone::Info, &named.resource_type)) }
            @if !attribute.description.is_empty() { p .hint { (attribute.description) } } },
            html! { (kinds::of(&type_word(attribute), &named.form).label) @if attribute.multi_valued && named.form.kind != FieldKind::MultiSelect { ", list" } },
            html! { (rules.join(", ")) },
            html! { (number(values)) },
            html! { div .copies { (copy_as("Full value", name, &named.value)) (copy_as("Namespace", name, namespace)) (copy_as("Name", name, name)) } },
            movers(cx, named, beside),
        ],
        ..Row::default()
    }
}

/// The editor's fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    name: String,
    kind: String,
    of: String,
    namespace: String,
    description: String,
    many: String,
    required: String,
    unique: String,
    exact: String,
    min: String,
    max: String,
    options: String,
    depends_on: String,
    /// What can be chosen, by the value of that field.
    choices: String,
    own_page: String,
    /// The full value of the field that is changed; nothing for a new one.
    value: String,
}

impl Draft {
    fn of(named: &Named) -> Self {
        let attribute = &named.attribute;
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        let bound = |bound: Option<u32>| bound.map(|n| n.to_string()).unwrap_or_default();
        Self {
            name: attribute.name.clone(),
            kind: kinds::of(&type_word(attribute), &named.form).word.to_owned(),
            of: named.resource_type.clone(),
            namespace: named.namespace.clone(),
            description: attribute.description.clone(),
            many: flag(attribute.multi_valued),
            required: flag(attribute.required),
            unique: flag(attribute.uniqueness != Uniqueness::None),
            exact: flag(attribute.case_exact),
            min: bound(attribute.length_min),
            max: bound(attribute.length_max),
            options: attribute.canonical_values.join("\n"),
            depends_on: named.form.depends_on.clone(),
            choices: kinds::choices_text(&named.form.choices),
            own_page: flag(named.form.own_page),
            value: named.value.clone(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(kinds::of_word(&self.kind).scim, "string" | "reference")
    }

    fn urn(&self) -> String {
        let own = self.namespace.trim();
        let of = if self.of.is_empty() { "User" } else { &self.of };
        if own.is_empty() { custom_urn(of) } else { own.trim_end_matches(':').to_owned() }
    }

    fn full(&self) -> String {
        let name = if self.name.trim().is_empty() { "name" } else { self.name.trim() };
        format!("{}:{name}", self.urn())
    }

    /// How it is filled in.
    fn form(&self, kind: FieldKind) -> Result<FieldForm, (&'static str, String)> {
        let mut form = FieldForm { kind, own_page: !self.own_page.is_empty(), ..FieldForm::default() };
        if kind == FieldKind::Dependent {
            form.depends_on = self.depends_on.clone();
            form.choices = kinds::choices(&self.choices).map_err(|said| ("choices", said))?;
        }
        Ok(form)
    }

    /// As a definition; what does not go with the type is left out of it.
    fn definition(&self) -> Result<Value, (&'static str, String)> {
        let kind = kinds::of_word(&self.kind);
        let many = match kind.form {
            FieldKind::MultiSelect => true,
            FieldKind::Plain => !self.many.is_empty(),
            _ => false,
        };
        let form = self.form(kind.form)?;
        let mut definition = json!({
            "name": self.name.trim(),
            "type": kind.scim,
            "form": form,
            "description": self.description.trim(),
            "multiValued": many,
            "required": !self.required.is_empty(),
            "uniqueness": if self.unique.is_empty() { "none" } else { "server" },
        });
        let Some(map) = definition.as_object_mut() else { return Ok(definition) };
        if self.is_text() {
            map.insert("caseExact".into(), (!self.exact.is_empty()).into());
            for (field, key, text) in [("min", "lengthMin", &self.min), ("max", "lengthMax", &self.max)] {
                if !text.trim().is_empty() {
                    let number: u32 =
                        text.trim().parse().map_err(|_| (field, "a whole number, or nothing".to_owned()))?;
                    map.insert(key.into(), number.into());
                }
            }
            let mut options: Vec<&str> = self.options.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if kind.form == FieldKind::Dependent {
                // What can be chosen is what goes with any value of the other field.
                options = form.choices.values().flatten().map(String::as_str).collect();
                options.sort_unstable();
                options.dedup();
            }
            map.insert("canonicalValues".into(), json!(options));
        }
        Ok(definition)
    }
}

fn preview(draft: &Draft) -> Markup {
    html! { (three("preview", "The value to copy", &draft.full())) }
}

/// `GET /app/fields/preview`: the value for the name as it is typed.
pub(super) async fn preview_now(cx: Desk) -> Shown {
    let draft = Draft {
        name: cx.asked("name").unwrap_or_default(),
        of: cx.asked("of").unwrap_or_default(),
        namespace: cx.asked("namespace").unwrap_or_default(),
        ..Draft::default()
    };
    Ok(fragment(preview(&draft)))
}

const TYPES: [(&str, &str); 7] = [
    ("string", "Text"),
    ("boolean", "Yes or no"),
    ("integer", "Whole number"),
    ("decimal", "Number with a fraction"),
    ("dateTime", "Date and time"),
    ("reference", "Address (URI)"),
    ("binary", "Binary (base64)"),
];

fn editor(cx: &Desk, draft: &Draft, wrong: Option<(&str, &str)>) -> Markup {
    let is_new = draft.value.is_empty();
    let of = |name: &str| wrong.filter(|(field, _)| *field == name).map(|(_, said)| said);
    let known = ["name", "min", "max", "options", "namespace", "unique", "choices"];
    let other = wrong.filter(|(field, _)| !known.contains(field)).map(|(_, said)| said);
    let types: Vec<(&str, &str)> = cx.tenant.types.iter().map(|rt| (rt.name.as_str(), rt.name.as_str())).collect();
    let check = |name: &str, on: bool, words: &str| {
        html! {
            label .check { input type="checkbox" name=(name) value="1" checked[on]; span { (words) } }
        }
    };
    let kind = kinds::of_word(&draft.kind);
    let all = attributes::list(&cx.tenant);
    let parents = kinds::parents(&all, &draft.value);
    let mut kinds: Vec<(&str, &str)> = match is_new {
        true => kinds::ALL.iter().map(|kind| (kind.word, kind.label)).collect(),
        false => kinds::beside(kind.scim, !draft.many.is_empty()),
    };
    // Without a field to hang on there is nothing to depend on.
    kinds.retain(|(word, _)| *word != "dependent" || !parents.is_empty() || kind.word == "dependent");
    let body = html! {
        @if let Some(said) = other { (note(Tone::Bad, "Not saved", html! { p { (said) } })) }
        @if is_new {
            div .stack hx-get="/app/fields/preview" hx-trigger="input delay:150ms" hx-include="closest form" hx-target="#urn" hx-swap="innerHTML" {
                (field(&Field { name: "name", label: "Name", value: &draft.name, required: true, mono: true, max: Some(255), autofocus: true, autocomplete: "off",
                    error: of("name"), hint: "Letters, digits, - and _, beginning with a letter; such as costCentre. It cannot be changed later.", ..Field::default() }))
                div .columns {
                    (choice(&Field { name: "kind", label: "Type", value: kind.word, ..Field::default() }, &kinds))
                    (choice(&Field { name: "of", label: "Of", value: if draft.of.is_empty() { "User" } else { &draft.of }, ..Field::default() }, &types))
                }
                details .folded open[!draft.namespace.is_empty()] {
                    summary { "A namespace of your own" }
                    div { (field(&Field { name: "namespace", label: "Namespace (URN)", value: &draft.namespace, mono: true, max: Some(255), error: of("namespace"),
                        hint: "Without one the field goes into the tenant's own. Choose one without dots: identity providers split names at dots.", ..Field::default() })) }
                }
            }
            div #urn { (preview(draft)) }
        } @else {
            input type="hidden" name="value" value=(draft.value);
            input type="hidden" name="name" value=(draft.name);
            @if kinds.len() < 2 { input type="hidden" name="kind" value=(kind.word); }
            input type="hidden" name="of" value=(draft.of);
            input type="hidden" name="namespace" value=(draft.namespace);
            @if !draft.many.is_empty() { input type="hidden" name="many" value="1"; }
            (three("preview", "The value to copy", &draft.value))
            p .hint { "Name and type stay. To change the type, archive the field below and restore it as another one: you see before what becomes of its values." }
            @if kinds.len() > 1 { (choice(&Field { name: "kind", label: "Filled in as", value: kind.word, ..Field::default() }, &kinds)) }
        }
        (field(&Field { name: "description", label: "What it is", value: &draft.description, max: Some(1000), autocomplete: "off", hint: "For people: shown beside the value and at /Schemas.", ..Field::default() }))
        fieldset .checks-field {
            legend { "Rules" }
            (check("required", !draft.required.is_empty(), "Required: who sends the namespace has to send this field"))
            (check("unique", !draft.unique.is_empty(), "Unique: a value may be used once"))
            @if let Some(said) = of("unique") { p .error { (said) } }
            (check("own_page", !draft.own_page.is_empty(), "Shown to people on their own page"))
            @if is_new { (check("many", !draft.many.is_empty(), "A list of values")) }
            @if is_new || draft.is_text() { (check("exact", !draft.exact.is_empty(), "Case matters when values are compared (text only)")) }
        }
        @if is_new || draft.is_text() {
            div .columns {
                (field(&Field { name: "min", label: "Fewest characters", kind: "number", value: &draft.min, error: of("min"), hint: "Text only.", ..Field::default() }))
                (field(&Field { name: "max", label: "Most characters", kind: "number", value: &draft.max, error: of("max"), hint: "Text only.", ..Field::default() }))
            }
            @if is_new || kind.form != FieldKind::Dependent { (text_area(&Field { name: "options", label: "Options", value: &draft.options, error: of("options"), hint: "For a dropdown, radio or multi-select: one a line. An identity provider may send others; they are taken, as the standard says.", ..Field::default() }, 3)) }
            @if !parents.is_empty() {
                details .folded open[kind.word == "dependent"] {
                    summary { "For a dependent dropdown" }
                    div .stack { (choice(&Field { name: "depends_on", label: "Depends on", value: &draft.depends_on, ..Field::default() }, &parents))
                    (text_area(&Field { name: "choices", label: "Choices", value: &draft.choices, error: of("choices"), hint: "A line for each value of that field: Europe: Berlin, Paris", ..Field::default() }, 3)) }
                }
            }
        }
        div .actions { button .main type="submit" { @if is_new { "Create field" } @else { "Save field" } } (link("/app/fields", "Back", false)) }
    };
    card(if is_new { "The field" } else { "Change it" }, form(cx, "/app/fields", body))
}

fn new_page() -> Page {
    Page::new("New field", Nav::Fields).under("Custom fields", "/app/fields").help("manager-and-custom-fields")
}

/// `GET /app/fields/new`; `?value=urn:…:name` begins with that, `?like=urn:…:name` with the rules of a field that is there.
pub(super) async fn form_new(cx: Desk) -> Shown {
    let mut draft = match cx.asked("like") {
        Some(like) => Draft { name: String::new(), value: String::new(), ..Draft::of(&find(&cx, &like)?) },
        None => Draft { max: "255".into(), ..Draft::default() },
    };
    if let Some(value) = cx.asked("value") {
        let (namespace, name) = value.rsplit_once(':').map_or(("", value.as_str()), |(a, b)| (a, b));
        draft.name = name.to_owned();
        draft.namespace = if namespace.starts_with("urn:ietf:") { String::new() } else { namespace.to_owned() };
    }
    let body = editor(&cx, &draft, None);
    Ok(page(&cx, new_page(), body))
}

fn find(cx: &Desk, value: &str) -> Result<Named, Fault> {
    let found =
        attributes::list(&cx.tenant).into_iter().find(|named| named.custom && named.value.eq_ignore_ascii_case(value));
    found.ok_or_else(|| crate::admin::missing("there is no custom field with this value").into())
}

/// `GET /app/fields/edit?value=…`.
pub(super) async fn form_edit(cx: Desk) -> Shown {
    let named = find(&cx, &cx.asked("value").unwrap_or_default())?;
    edit_page(&cx, &named, &Draft::of(&named), None).await
}

async fn edit_page(cx: &Desk, named: &Named, draft: &Draft, wrong: Option<(&str, &str)>) -> Shown {
    let values = holders(cx, named).await?;
    let body = html! {
        @if let Some(job) = named.job {
            p .hint { "A " a href={ "/app/jobs/" (job) } { "job" } " is at work on what is stored of this field. It can be changed again when that is done." }
        }
        @if cx.may_change() { (editor(cx, draft, wrong)) @if named.job.is_none() { (archived::way_in(cx, &named.value, values)) (removal(cx, named, values)) } }
        @else { (card("The value to copy", three("value", "Full value", &named.value))) }
    };
    let like = query::address("/app/fields/new", &[("like", &named.value)]);
    let about = Page::new(named.attribute.name.clone(), Nav::Fields)
        .under("Custom fields", "/app/fields")
        .action(html! { @if cx.may_change() { (link(&like, "New field like this", false)) } })
        .purpose(html! { (kinds::of(&type_word(&named.attribute), &named.form).label) " of a " (named.resource_type) " · " (number(values)) @if values == 1 { " value" } @else { " values" } })
        .help("manager-and-custom-fields");
    Ok(page(cx, about, body))
}

fn removal(cx: &Desk, named: &Named, values: u64) -> Markup {
    let what = html! {
        @if values == 0 { p { "Nobody has a value of it. What an identity provider sends for it is left out from then on." } }
        @else { p .danger-text { (Icon::Warning.svg()) (number(values)) " values go for good. What an identity provider sends for it is left out from then on." } }
    };
    let hidden = html! { input type="hidden" name="value" value=(named.value); };
    card("Remove", confirm(cx, "/app/fields/remove", "Remove field", what, Some(&named.attribute.name), hidden))
}

/// The field of the form that a refusal is about.
fn about_field(said: &str) -> &'static str {
    let word = |word: &str| said.contains(word);
    if word("form: ") {
        "choices"
    } else if word("canonicalValues") {
        "options"
    } else if word("lengthMax") {
        "max"
    } else if word("lengthMin") {
        "min"
    } else if word("another resource already has") {
        "unique"
    } else if word("namespace") || word("id: a schema") {
        "namespace"
    } else if word("name:") || word("of this name") || word("an attribute's name") {
        "name"
    } else {
        ""
    }
}

/// `POST /app/fields`: a new one, or a change of one that is there.
pub(super) async fn save(cx: Desk, Form(draft): Form<Draft>) -> Shown {
    let outcome = match draft.definition() {
        Err((field, said)) => Err((field, said)),
        Ok(definition) => {
            let (actor, tenant) = (cx.actor(), &cx.tenant.tenant.name);
            let done = if draft.value.is_empty() {
                let of = if draft.of.is_empty() { "User".to_owned() } else { draft.of.clone() };
                let wanted = NewAttribute { resource_type: Some(of), schema: Some(draft.urn()), attribute: definition };
                attributes::add(&cx.app, &actor, tenant, wanted).await.map(|named| (named, None))
            } else {
                attributes::change(&cx.app, &actor, tenant, &draft.value, &definition).await
            };
            done.map_err(|error| {
                let said = error.to_scim("").detail;
                (about_field(&said), said)
            })
        }
    };
    match outcome {
        Ok((named, job)) => {
            let to = query::address("/app/fields/edit", &[("value", &named.value)]);
            let said = match job.filter(|job| job.state.is_open()) {
                _ if draft.value.is_empty() => "Field created: copy its value into the identity provider".to_owned(),
                None => "Field saved".to_owned(),
                Some(job) => format!("The new rules hold when job {} is done; until then the old ones do", job.id),
            };
            cx.done(&to, Flash::good(said))
        }
        Err((field, said)) if draft.value.is_empty() => {
            Ok(super::unprocessable(page(&cx, new_page(), editor(&cx, &draft, Some((field, &said))))))
        }
        Err((field, said)) => {
            let named = find(&cx, &draft.value)?;
            edit_page(&cx, &named, &draft, Some((field, &said))).await.map(super::unprocessable)
        }
    }
}

/// A field, and past which neighbour it goes, or to which place among those of its namespace.
#[derive(Deserialize)]
pub(super) struct Moved {
    value: String,
    to: String,
}

/// `POST /app/fields/move`.
pub(super) async fn shift(cx: Desk, Form(moved): Form<Moved>) -> Shown {
    let way = match (moved.to.as_str(), moved.to.parse()) {
        ("up", _) => Way::Up,
        (_, Ok(place)) => Way::To(place),
        _ => Way::Down,
    };
    attributes::shift(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &moved.value, way).await?;
    cx.done("/app/fields", Flash::good("Moved"))
}

/// The words that confirm.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    value: String,
    confirm: String,
}

/// `POST /app/fields/remove`.
pub(super) async fn remove(cx: Desk, Form(confirmed): Form<Confirmed>) -> Shown {
    let named = find(&cx, &confirmed.value)?;
    if confirmed.confirm.trim() != named.attribute.name {
        let to = query::address("/app/fields/edit", &[("value", &named.value)]);
        return cx.done(&to, Flash::bad("Not removed: what was typed is not the field's name"));
    }
    let job = attributes::remove(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &named.value).await?;
    if job.state.is_open() {
        let said = format!("{} is read-only now, and gone when its values are", named.attribute.name);
        return cx.done(&format!("/app/jobs/{}", job.id), Flash::good(said));
    }
    cx.done("/app/fields", Flash::good(format!("{} removed", named.attribute.name)))
}
