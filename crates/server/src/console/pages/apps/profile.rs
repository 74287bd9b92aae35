//! B12, the profile editor: what an account at the app is made of, and where each value stands on the wire.

use super::{at, back, find, provisioning, tenant};
use crate::admin::apps;
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, choice, confirm, field, form, json, link, note, table, text_area,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown, fragment};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::mapping::Rule;
use provision::place::{Pasted, Place};
use provision::profile::{Attribute, DataType, Scope, Union};
use serde::Deserialize;
use serde_json::{Map, Value, json as value};

const COLUMNS: [Column; 5] = [
    Column::new("Attribute"),
    Column::new("Variable name"),
    Column::new("External name"),
    Column::new("Type").minor(),
    Column::new("Sent"),
];

const TYPES: [(&str, &str); 8] = [
    ("string", "string"),
    ("number", "number"),
    ("integer", "integer"),
    ("boolean", "boolean"),
    ("stringArray", "string array"),
    ("numberArray", "number array"),
    ("integerArray", "integer array"),
    ("json", "JSON as it is"),
];

const LENGTHS: [(&str, &str); 4] = [
    ("between", "Between"),
    ("less", "Less than or equal to"),
    ("greater", "Greater than or equal to"),
    ("none", "None"),
];

const PASTED: [(&str, &str); 3] = [
    ("split", "Namespace and name: {\"urn:…:User\": {\"field\": …}}"),
    ("wholeKey", "One key, as it was pasted: {\"urn:…:User:field\": …}"),
    ("dots", "Nested at its dots, as Okta does: {\"urn:…:2\": {\"0:User:field\": …}}"),
];

fn word<T: serde::Serialize>(of: T) -> String {
    serde_json::to_value(of).ok().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Whether a mapping writes an attribute.
fn mapped(integration: &Integration, variable: &str) -> bool {
    integration.app.to_app.iter().any(|mapping| mapping.attribute.eq_ignore_ascii_case(variable))
}

/// `GET /app/apps/{name}/profile`.
pub(super) async fn list(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let rows = integration.app.profile.attributes.iter().map(|attribute| row(&integration, attribute)).collect();
    let body = html! {
        div .actions {
            @if cx.may_change() { a .button.main href=(at(&integration, "/profile/new")) { (Icon::Plus.svg()) "Add Attribute" } }
            (link(&at(&integration, "/mappings"), "Mappings", false))
        }
        (table(&Table { caption: "Attributes", columns: &COLUMNS, rows, body_id: None }))
        @if cx.may_change() { (pasted_form(&cx, &integration)) }
    };
    Ok(provisioning(&cx, &integration, "/profile", body))
}

fn row(integration: &Integration, attribute: &Attribute) -> Row {
    let variable = attribute.variable_name.as_str();
    let edit = query::address(&at(integration, "/profile/edit"), &[("variable", variable)]);
    let place = attribute.place(integration.app.profile.pasted);
    let name = if attribute.display_name.is_empty() { variable } else { &attribute.display_name };
    Row {
        cells: vec![
            html! { a href=(edit) { (name) } @if attribute.required { " " (badge(Tone::Info, "required")) } },
            html! { code { (variable) } },
            html! { @match &place { Ok(place) => code .wrap { (place.path()) }, Err(why) => span .danger-text { (why) } } },
            html! { (word(attribute.data_type)) @if let Some(bounds) = bounds(attribute) { p .hint { (bounds) } } },
            html! { @if mapped(integration, variable) { (badge(Tone::Good, "Mapped")) } @else { (badge(Tone::Quiet, "Not mapped")) } },
        ],
        ..Row::default()
    }
}

/// What bounds its values, in words.
fn bounds(attribute: &Attribute) -> Option<String> {
    let length = match (attribute.length_min, attribute.length_max) {
        (Some(least), Some(most)) => Some(format!("{least} to {most} characters")),
        (Some(least), None) => Some(format!("at least {least} characters")),
        (None, Some(most)) => Some(format!("at most {most} characters")),
        (None, None) => None,
    };
    let values = (!attribute.values.is_empty()).then(|| format!("one of {} values", attribute.values.len()));
    let all: Vec<String> = length.into_iter().chain(values).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn pasted_form(cx: &Desk, integration: &Integration) -> Markup {
    let now = word(integration.app.profile.pasted);
    let body = html! {
        (choice(&Field { name: "pasted", label: "A whole value in External name is sent as", value: &now,
            hint: "Only for attributes whose External name is a whole value, such as urn:…:User:field.", ..Field::default() }, &PASTED))
        button type="submit" { "Save" }
    };
    card("Whole values", form(cx, &at(integration, "/profile/pasted"), body))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PastedForm {
    pasted: String,
}

/// `POST /app/apps/{name}/profile/pasted`.
pub(super) async fn pasted(cx: Desk, Path(name): Path<String>, Form(form): Form<PastedForm>) -> Shown {
    let mut change = Map::new();
    change.insert("profile".into(), value!({"pasted": form.pasted}));
    let after = apps::change(&cx.app, &cx.actor(), tenant(&cx), &name, change).await?;
    cx.done(&at(&after, "/profile"), Flash::good("Saved"))
}

/// The editor's fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    /// The attribute that is changed; nothing for a new one.
    of: String,
    data_type: String,
    display: String,
    variable: String,
    external: String,
    namespace: String,
    /// What becomes of a whole value in External name: `split`, or `keep`.
    whole: String,
    description: String,
    options: String,
    length: String,
    min: String,
    max: String,
    required: String,
    personal: String,
    combine: String,
    sensitive: String,
    #[serde(rename = "do")]
    act: String,
}

impl Draft {
    fn of(attribute: &Attribute) -> Self {
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        let bound = |bound: Option<u32>| bound.map(|n| n.to_string()).unwrap_or_default();
        let length = match (attribute.length_min, attribute.length_max) {
            (Some(_), Some(_)) => "between",
            (None, Some(_)) => "less",
            (Some(_), None) => "greater",
            (None, None) => "none",
        };
        let options: Vec<String> =
            attribute.values.iter().map(|value| crate::admin::apps::preview::line(Some(value))).collect();
        Self {
            of: attribute.variable_name.clone(),
            data_type: word(attribute.data_type),
            display: attribute.display_name.clone(),
            variable: attribute.variable_name.clone(),
            external: attribute.external_name.clone(),
            namespace: attribute.external_namespace.clone(),
            whole: "keep".into(),
            description: attribute.description.clone(),
            options: options.join("\n"),
            length: length.into(),
            min: bound(attribute.length_min),
            max: bound(attribute.length_max),
            required: flag(attribute.required),
            personal: flag(attribute.scope == Scope::UserPersonal),
            combine: flag(attribute.union == Union::Combine),
            sensitive: flag(attribute.sensitive),
            act: String::new(),
        }
    }

    /// As an attribute, or the field that is wrong and why.
    fn attribute(&self, before: Option<&Attribute>) -> Result<Attribute, (&'static str, String)> {
        let data_type: DataType = serde_json::from_value(value!(self.data_type)).unwrap_or_default();
        let bound = |field: &'static str, text: &str, used: bool| match text.trim() {
            _ if !used => Ok(None),
            "" => Ok(None),
            text => text.parse::<u32>().map(Some).map_err(|_| (field, "a whole number, or nothing".to_owned())),
        };
        let uses = |one: &str| self.length == "between" || self.length == one;
        let (external_name, external_namespace) = self.names();
        let typed = |text: &str| match data_type {
            DataType::String | DataType::StringArray => Value::from(text),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        Ok(Attribute {
            display_name: self.display.trim().to_owned(),
            variable_name: self.variable.trim().to_owned(),
            external_name,
            external_namespace,
            description: self.description.trim().to_owned(),
            data_type,
            values: self.options.lines().map(str::trim).filter(|line| !line.is_empty()).map(typed).collect(),
            length_min: bound("min", &self.min, uses("greater"))?,
            length_max: bound("max", &self.max, uses("less"))?,
            required: !self.required.is_empty(),
            scope: if self.personal.is_empty() { Scope::None } else { Scope::UserPersonal },
            union: if self.combine.is_empty() { Union::Priority } else { Union::Combine },
            apply: before.map(|before| before.apply).unwrap_or_default(),
            sensitive: !self.sensitive.is_empty(),
        })
    }

    /// Name and namespace: a whole value is taken apart if that was asked for.
    fn names(&self) -> (String, String) {
        let (external, namespace) = (self.external.trim(), self.namespace.trim());
        if self.whole == "split" && external.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
            let before_brackets = external.find('[').unwrap_or(external.len());
            let colon = external.get(..before_brackets).and_then(|head| head.rfind(':'));
            if let Some((urn, name)) = colon.and_then(|at| Some((external.get(..at)?, external.get(at + 1..)?))) {
                return (name.to_owned(), urn.to_owned());
            }
        }
        (external.to_owned(), namespace.to_owned())
    }
}

/// What the app would receive.
fn receives(draft: &Draft, pasted: Pasted) -> Markup {
    let (name, namespace) = draft.names();
    if name.is_empty() {
        return html! { p .hint { "With an External name it is shown here what the app will receive." } };
    }
    match Place::parse(&name, Some(&namespace), pasted) {
        Ok(place) => {
            let mut document = Map::new();
            place.write(&mut document, "…".into());
            html! { (json("The app will receive", &Value::Object(document).to_string())) }
        }
        Err(why) => note(Tone::Warn, "", html! { p { (crate::console::sentence(&why)) } }),
    }
}

/// `POST /app/apps/{name}/profile/preview`: while somebody types.
pub(super) async fn fresh(cx: Desk, Path(name): Path<String>, Form(draft): Form<Draft>) -> Shown {
    let integration = find(&cx, &name).await?;
    Ok(fragment(receives(&draft, integration.app.profile.pasted)))
}

fn editor(cx: &Desk, integration: &Integration, draft: &Draft, wrong: Option<(&str, &str)>) -> Markup {
    let of = |name: &str| wrong.filter(|(field, _)| *field == name).map(|(_, said)| said);
    let other = wrong.filter(|(field, _)| field.is_empty()).map(|(_, said)| said);
    let place = at(integration, "/profile/preview");
    let check = |name: &str, on: &str, words: &str| {
        html! { label .check { input type="checkbox" name=(name) value="1" checked[!on.is_empty()]; span { (words) } } }
    };
    let whole = |value: &str, words: &str| {
        html! { label .check { input type="radio" name="whole" value=(value) checked[draft.whole == value]; span { (words) } } }
    };
    let body = html! {
        @if let Some(said) = other { (note(Tone::Bad, "Not saved", html! { p { (said) } })) }
        input type="hidden" name="of" value=(draft.of);
        (choice(&Field { name: "data_type", label: "Data type", value: &draft.data_type, ..Field::default() }, &TYPES))
        (field(&Field { name: "display", label: "Display name", value: &draft.display, max: Some(100), autofocus: draft.of.is_empty(), autocomplete: "off", ..Field::default() }))
        (field(&Field { name: "variable", label: "Variable name", value: &draft.variable, required: true, mono: true, max: Some(100), error: of("variable"), autocomplete: "off",
            hint: "Its name in mappings: letters, digits, - and _.", ..Field::default() }))
        div .stack hx-post=(place) hx-trigger="input delay:200ms" hx-include="closest form" hx-target="#receives" hx-swap="innerHTML" {
            (field(&Field { name: "external", label: "External name", value: &draft.external, required: true, mono: true, max: Some(1000), error: of("external"), autocomplete: "off",
                hint: "Its name at the app: manager, name.givenName, emails[type eq \"work\"].value. Or paste the whole value, urn:…:field.", ..Field::default() }))
            (field(&Field { name: "namespace", label: "External namespace", value: &draft.namespace, mono: true, max: Some(1000), error: of("namespace"), autocomplete: "off",
                hint: "The value without its name: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.", ..Field::default() }))
            fieldset .checks-field {
                legend { "A whole value in External name" }
                (whole("split", "Split it into namespace and name"))
                (whole("keep", "Keep it as it was pasted"))
            }
        }
        div #receives .stack { (receives(draft, integration.app.profile.pasted)) }
        (text_area(&Field { name: "description", label: "Description", value: &draft.description, max: Some(1000), ..Field::default() }, 2))
        (text_area(&Field { name: "options", label: "Enum", value: &draft.options, hint: "The values that it may have, one a line. Nothing is any.", ..Field::default() }, 3))
        fieldset .checks-field {
            legend { "Attribute length" }
            (choice(&Field { name: "length", label: "Restriction", value: &draft.length, ..Field::default() }, &LENGTHS))
            div .columns {
                (field(&Field { name: "min", label: "From", kind: "number", value: &draft.min, error: of("min"), ..Field::default() }))
                (field(&Field { name: "max", label: "To", kind: "number", value: &draft.max, error: of("max"), ..Field::default() }))
            }
        }
        fieldset .checks-field {
            legend { "Rules" }
            (check("required", &draft.required, "Attribute required: without it nobody is pushed"))
            (check("personal", &draft.personal, "Scope: User personal – only a person's own assignment sets it, not a group's"))
            (check("combine", &draft.combine, "Combine what several groups give (lists only)"))
            (check("sensitive", &draft.sensitive, "Hide its value in previews and in the log"))
        }
        div .actions {
            button .main type="submit" { "Save" }
            @if draft.of.is_empty() { button type="submit" name="do" value="another" { "Save and Add Another" } }
            (back(integration, "/profile", "Cancel"))
        }
    };
    card(if draft.of.is_empty() { "Add Attribute" } else { "Attribute" }, form(cx, &at(integration, "/profile"), body))
}

/// `GET /app/apps/{name}/profile/new`.
pub(super) async fn form_new(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let draft = Draft {
        data_type: "string".into(),
        whole: "split".into(),
        length: "between".into(),
        min: "0".into(),
        max: "255".into(),
        ..Draft::default()
    };
    Ok(provisioning(&cx, &integration, "/profile", editor(&cx, &integration, &draft, None)))
}

fn attribute_of<'i>(integration: &'i Integration, variable: &str) -> Result<&'i Attribute, Fault> {
    let found = integration.app.profile.attribute(variable);
    found.ok_or_else(|| Fault::missing("the app's profile has no attribute of this name"))
}

/// `GET /app/apps/{name}/profile/edit?variable=…`.
pub(super) async fn form_edit(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let variable = cx.asked("variable").unwrap_or_default();
    let attribute = attribute_of(&integration, &variable)?;
    let body = html! {
        (editor(&cx, &integration, &Draft::of(attribute), None))
        @if cx.may_change() { (removal(&cx, &integration, attribute)) }
    };
    Ok(provisioning(&cx, &integration, "/profile", body))
}

fn removal(cx: &Desk, integration: &Integration, attribute: &Attribute) -> Markup {
    let variable = attribute.variable_name.as_str();
    let uses = apps::uses(integration, variable);
    if !uses.is_empty() {
        let what = html! {
            p { "It is mapped. Take these mappings away first:" }
            ul .list { @for one in &uses { li { (one) } } }
            div .actions { (link(&at(integration, "/mappings?way=to-app"), "Mappings to the app", false)) (link(&at(integration, "/mappings?way=to-directory"), "Mappings to the directory", false)) }
        };
        return card("Remove", note(Tone::Info, "", what));
    }
    let hidden = html! { input type="hidden" name="variable" value=(variable); };
    let what = html! { p { "It is not sent any more. What the app has of it stays there." } };
    card("Remove", confirm(cx, &at(integration, "/profile/remove"), "Remove attribute", what, None, hidden))
}

async fn store(
    cx: &Desk,
    integration: &Integration,
    attributes: Vec<Attribute>,
    mappings: Map<String, Value>,
) -> Result<Result<(), String>, Fault> {
    let mut change = mappings;
    change.insert("profile".into(), value!({"attributes": attributes}));
    match apps::change(&cx.app, &cx.actor(), tenant(cx), &integration.row.name, change).await {
        Ok(_) => Ok(Ok(())),
        Err(error) => Ok(Err(Fault::from(error).refused()?)),
    }
}

/// `POST /app/apps/{name}/profile`: a new attribute, or a change of one that is there.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(draft): Form<Draft>) -> Shown {
    let integration = find(&cx, &name).await?;
    let before = integration.app.profile.attribute(&draft.of).filter(|_| !draft.of.is_empty());
    let refused = |field: &str, said: &str| {
        let body = editor(&cx, &integration, &draft, Some((field, said)));
        Ok(super::super::unprocessable(provisioning(&cx, &integration, "/profile", body)))
    };
    let attribute = match draft.attribute(before) {
        Ok(attribute) => attribute,
        Err((field, said)) => return refused(field, &said),
    };
    let mut attributes = integration.app.profile.attributes.clone();
    let renamed = before.filter(|before| before.variable_name != attribute.variable_name);
    let mappings = renamed.map(|before| followed(&integration, &before.variable_name, &attribute.variable_name));
    match attributes.iter_mut().find(|known| before.is_some_and(|before| before.variable_name == known.variable_name)) {
        Some(known) => *known = attribute,
        None => attributes.push(attribute),
    }
    match store(&cx, &integration, attributes, mappings.unwrap_or_default()).await? {
        Err(said) => {
            let field = ["variable", "external"].into_iter().find(|field| said.contains(&format!("{field} name")));
            refused(field.unwrap_or_default(), &said)
        }
        Ok(()) if draft.act == "another" => {
            cx.done(&at(&integration, "/profile/new"), Flash::good("Attribute added. Here is the next one"))
        }
        Ok(()) => {
            let said = if before.is_none() { "Attribute added. Map it in both directions now" } else { "Saved" };
            cx.done(&at(&integration, "/profile"), Flash::good(said))
        }
    }
}

/// The mappings that follow an attribute to its new name. An expression that reads it is its author's to change.
fn followed(integration: &Integration, before: &str, after: &str) -> Map<String, Value> {
    let (mut to_app, mut to_directory) = (integration.app.to_app.clone(), integration.app.to_directory.clone());
    for row in to_app.iter_mut().filter(|row| row.attribute.eq_ignore_ascii_case(before)) {
        after.clone_into(&mut row.attribute);
    }
    for row in &mut to_directory {
        if let Rule::Direct(name) = &mut row.from
            && name.eq_ignore_ascii_case(before)
        {
            after.clone_into(name);
        }
    }
    Map::from_iter([("toApp".to_owned(), value!(to_app)), ("toDirectory".to_owned(), value!(to_directory))])
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    variable: String,
}

/// `POST /app/apps/{name}/profile/remove`.
pub(super) async fn remove(cx: Desk, Path(name): Path<String>, Form(which): Form<Which>) -> Shown {
    let integration = find(&cx, &name).await?;
    let variable = attribute_of(&integration, &which.variable)?.variable_name.clone();
    let mut attributes = integration.app.profile.attributes.clone();
    attributes.retain(|attribute| attribute.variable_name != variable);
    let flash = match store(&cx, &integration, attributes, Map::new()).await? {
        Ok(()) => Flash::good(format!("{variable} removed")),
        Err(said) => Flash::bad(said),
    };
    cx.done(&at(&integration, "/profile"), flash)
}
