//! B13, mappings in both directions, with a preview for a person. *Save Mappings* shows what it would do to everybody;
//! *Apply Updates* does it.

mod sent;

use super::{at, find, mapped, provisioning, tenant};
use crate::admin::apps::effect::{self, Effect};
use crate::admin::apps::{self, When, assign, preview};
use crate::console::parts::{Tone, badge, card, card_with, count, form, note, tabs};
use crate::console::{Desk, Fault, Flash, Form, Shown, fragment, sentence};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::expression::{Expression, Language, Source};
use provision::mapping::{Empty, Mapping, Rule};
use provision::profile::Apply;
use sent::{DEFAULT, FROM, Sent, Wrongs};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Principal;

/// What stands for the manager's account.
const MANAGER_ACCOUNT: &str = "managerAccount";

const APPLIES: [(&str, &str); 3] = [("createAndUpdate", "Create and update"), ("create", "Create"), ("never", "Never")];
const EMPTIES: [(&str, &str); 3] =
    [("omit", "Leave what is there"), ("clear", "Take it away"), ("default", "Use a default")];

/// When a mapping is applied, in words.
pub(super) fn applied(apply: Apply) -> &'static str {
    match apply {
        Apply::CreateAndUpdate => "Create and update",
        Apply::Create => "Create",
        Apply::Never => "Never",
    }
}

/// A direction: its name in addresses, its words, its place in the document, what its values are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToApp,
    ToDirectory,
}

impl Way {
    fn of(word: &str) -> Self {
        if word == "to-directory" { Self::ToDirectory } else { Self::ToApp }
    }

    fn word(self) -> &'static str {
        if self == Self::ToApp { "to-app" } else { "to-directory" }
    }

    fn key(self) -> &'static str {
        if self == Self::ToApp { "toApp" } else { "toDirectory" }
    }

    fn object(self) -> &'static str {
        if self == Self::ToApp { "user" } else { "appuser" }
    }

    fn source(self) -> Source {
        if self == Self::ToApp { Source::User } else { Source::AppUser }
    }

    fn rows(self, integration: &Integration) -> &[Mapping] {
        if self == Self::ToApp { &integration.app.to_app } else { &integration.app.to_directory }
    }
}

/// A rule as it is written in the editor.
pub(super) fn written(rule: &Rule, object: &str) -> String {
    match rule {
        Rule::Direct(name) => format!("{object}.{name}"),
        Rule::Constant(Value::String(text)) => format!("\"{text}\""),
        Rule::Constant(other) => other.to_string(),
        Rule::Expression(expression) => expression.text().to_owned(),
        Rule::ManagerAccount => MANAGER_ACCOUNT.to_owned(),
        Rule::None => String::new(),
    }
}

/// What was written as a rule: an attribute alone is direct, a text alone a constant, anything else an expression.
fn read(text: &str, object: &str) -> Result<Rule, String> {
    let text = text.trim();
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if text == MANAGER_ACCOUNT {
        return Ok(Rule::ManagerAccount);
    }
    if let Some(name) = text.strip_prefix(object).and_then(|rest| rest.strip_prefix('.')).filter(|name| plain(name)) {
        return Ok(Rule::Direct(name.to_owned()));
    }
    if let Ok(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) = serde_json::from_str::<Value>(text) {
        return Ok(Rule::Constant(value));
    }
    expression(text).map(Rule::Expression)
}

/// What was written as an expression: Entra's begin with a bracket.
pub(super) fn expression(text: &str) -> Result<Expression, String> {
    let language = if text.starts_with('[') { Language::Entra } else { Language::Okta };
    Expression::parse(text, language).map_err(|error| error.to_string())
}

/// `GET /app/apps/{name}/mappings?way=…&person=…`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let way = Way::of(&cx.asked("way").unwrap_or_default());
    let person = cx.asked("person").unwrap_or_default();
    let body = editor(&cx, &integration, way, way.rows(&integration), &Wrongs::new(), &person).await?;
    Ok(provisioning(&cx, &integration, "/mappings", body))
}

async fn editor(
    cx: &Desk,
    integration: &Integration,
    way: Way,
    rows: &[Mapping],
    wrong: &Wrongs,
    person: &str,
) -> Result<Markup, Fault> {
    let label = &integration.app.label;
    let words = [format!("{label} → Directory"), format!("Directory → {label}")];
    let [to_directory, to_app] = &words;
    let address = |word: &str| at(integration, &format!("/mappings?way={word}"));
    let ways = [
        (to_directory.as_str(), address("to-directory"), way == Way::ToDirectory),
        (to_app.as_str(), address("to-app"), way == Way::ToApp),
    ];
    let (mapped, open) = names(cx, integration, way, rows)?;
    let readable = readable(cx, integration, way).await?;
    let missing: Vec<&str> = match way {
        Way::ToApp => required(integration, rows),
        Way::ToDirectory => Vec::new(),
    };
    let shown = mapped::shown(cx, integration, way, rows, person).await;
    let place = at(integration, "/mappings");
    let people = assign::candidates(&cx.app, tenant(cx), Principal::User, "").await?;
    Ok(html! {
        (tabs("Direction", &ways))
        @if !missing.is_empty() {
            (note(Tone::Warn, "Required and not mapped", html! { p { (missing.join(", ")) ": without a value nobody is pushed." } }))
        }
        @if !wrong.is_empty() {
            (note(Tone::Bad, "Not saved", html! { p { "Something cannot be read; it is marked below." } }))
        }
        (card("Mappings", form(cx, &place, html! {
            input type="hidden" name="way" value=(way.word());
            div .stack hx-post={ (place) "/preview" } hx-trigger="input delay:250ms" hx-include="closest form" hx-target="#preview" hx-swap="innerHTML" {
                @for name in &mapped { (line(integration, way, name, rows, wrong, &readable)) }
                (adding(way, &open))
                div .columns {
                    div .field { label for="person" { "Preview for" } p .hint { "userName or id of a person" }
                        input #person name="person" type="text" value=(person) autocomplete="off" list="people"; }
                }
            }
            (known(cx, way)?)
            datalist #people { @for (_, name) in &people { option value=(name) {} } }
            div #preview .stack { (shown) }
            div .actions {
                @if cx.may_change() { button .main type="submit" name="do" value="save" { "Save Mappings" } }
                button type="submit" name="do" value="preview" { "Preview" }
            }
        })))
    })
}

/// Attributes that have a row, and those that could have one.
fn names(
    cx: &Desk,
    integration: &Integration,
    way: Way,
    rows: &[Mapping],
) -> Result<(Vec<String>, Vec<String>), Fault> {
    let all: Vec<String> = match way {
        Way::ToApp => integration.app.profile.attributes.iter().map(|one| one.variable_name.clone()).collect(),
        Way::ToDirectory => preview::directory_names(&cx.app, tenant(cx))?,
    };
    let mapped: Vec<String> = rows.iter().map(|row| row.attribute.clone()).collect();
    let open = all.into_iter().filter(|name| !mapped.iter().any(|known| known.eq_ignore_ascii_case(name))).collect();
    Ok((mapped, open))
}

fn required<'i>(integration: &'i Integration, rows: &[Mapping]) -> Vec<&'i str> {
    let all = integration.app.profile.attributes.iter().filter(|attribute| attribute.required);
    let has = |name: &str| rows.iter().any(|row| row.attribute.eq_ignore_ascii_case(name));
    all.map(|attribute| attribute.variable_name.as_str()).filter(|name| !has(name)).collect()
}

/// What a mapping can read.
struct Readable {
    attributes: Vec<String>,
    /// Other apps, and their settings.
    objects: Vec<String>,
}

async fn readable(cx: &Desk, integration: &Integration, way: Way) -> Result<Readable, Fault> {
    Ok(match way {
        Way::ToApp => Readable {
            attributes: preview::directory_names(&cx.app, tenant(cx))?,
            objects: preview::other_names(&cx.app, integration).await?,
        },
        Way::ToDirectory => {
            let names = integration.app.profile.attributes.iter().map(|attribute| attribute.variable_name.clone());
            Readable { attributes: names.collect(), objects: Vec::new() }
        }
    })
}

impl Readable {
    /// What a mapping reads and that there is not: it is always empty.
    fn unknown(&self, row: &Mapping, way: Way) -> Vec<(&'static str, String)> {
        let attributes = row.unknown(way.source(), &self.attributes).into_iter();
        let is_known = |object: &String| {
            self.objects.contains(object) || self.attributes.iter().any(|name| name.eq_ignore_ascii_case(object))
        };
        let objects = row.objects(way.source()).into_iter().filter(|object| !is_known(object));
        let named = attributes.map(|name| ("attribute", format!("{}.{name}", way.object())));
        named.chain(objects.map(|object| ("app", object))).collect()
    }
}

fn line(
    integration: &Integration,
    way: Way,
    name: &str,
    rows: &[Mapping],
    wrong: &Wrongs,
    readable: &Readable,
) -> Markup {
    let row = rows.iter().find(|row| row.attribute == name);
    let apply =
        row.map(|row| json!(row.apply)).as_ref().and_then(Value::as_str).unwrap_or("createAndUpdate").to_owned();
    let target = match way {
        Way::ToApp => format!("{}.{name}", integration.row.name),
        Way::ToDirectory => format!("user.{name}"),
    };
    let unread = wrong.get(&(FROM, name.to_owned()));
    let text = match unread {
        Some(wrong) => wrong.text.clone(),
        None => row.map(|row| written(&row.from, way.object())).unwrap_or_default(),
    };
    html! {
        div .columns.mapping {
            div .field {
                label for={ "from." (name) } { code { (target) } " ←" }
                input .mono id={ "from." (name) } name={ "from." (name) } type="text" value=(text) list="names" autocomplete="off" spellcheck="false" aria-invalid=[unread.map(|_| "true")];
                @if let Some(wrong) = unread { p .error { (sentence(&wrong.why)) } }
                @for (what, unknown) in row.map(|row| readable.unknown(row, way)).unwrap_or_default() {
                    p .hint .danger-text { "There is no " (what) " " code { (unknown) } ": it is always empty." }
                }
                @if let Some(Rule::Expression(expression)) = row.map(|row| &row.from) {
                    @for lint in expression.lints() { p .hint { "Character " (lint.at) ": " (lint.message) } }
                }
            }
            div .field { label for={ "apply." (name) } { "Apply on" }
                select id={ "apply." (name) } name={ "apply." (name) } {
                    @for (value, words) in APPLIES { option value=(value) selected[value == apply] { (words) } }
                } }
            (without(name, row.map(|row| &row.empty), wrong))
        }
    }
}

/// What is done without a value. The default has a field of its own, in sight while it is chosen.
fn without(name: &str, empty: Option<&Empty>, wrong: &Wrongs) -> Markup {
    let unread = wrong.get(&(DEFAULT, name.to_owned()));
    let (chosen, text) = match (unread, empty) {
        (Some(wrong), _) => ("default", wrong.text.clone()),
        (None, Some(Empty::Default(value))) => ("default", sent::shown(value)),
        (None, Some(Empty::Clear)) => ("clear", String::new()),
        (None, _) => ("omit", String::new()),
    };
    html! {
        div .field { label for={ "empty." (name) } { "Without a value" }
            select id={ "empty." (name) } name={ "empty." (name) } {
                @for (value, words) in EMPTIES { option value=(value) selected[value == chosen] { (words) } }
            } }
        div .field.default {
            label for={ "default." (name) } { "Default" }
            input id={ "default." (name) } name={ "default." (name) } type="text" value=(text) autocomplete="off" spellcheck="false" aria-invalid=[unread.map(|_| "true")];
            @if let Some(wrong) = unread { p .error { (sentence(&wrong.why)) } }
        }
    }
}

fn adding(way: Way, open: &[String]) -> Markup {
    let hint = match way {
        Way::ToApp => "user.managerId, an expression, or managerAccount for the id of the manager's account there",
        Way::ToDirectory => "appuser.manager, or an expression",
    };
    html! {
        fieldset .checks-field {
            legend { "Map another attribute" }
            div .columns {
                div .field { label for="add" { "Attribute" }
                    select #add name="add" { option value="" { "Choose" } @for name in open { option value=(name) { (name) } } } }
                div .field { label for="added" { "Value" } p .hint { (hint) }
                    input .mono #added name="added" type="text" list="names" autocomplete="off" spellcheck="false"; }
            }
        }
    }
}

/// What can be written, for a choice.
fn known(cx: &Desk, way: Way) -> Result<Markup, Fault> {
    let names: Vec<String> = match way {
        Way::ToApp => preview::directory_names(&cx.app, tenant(cx))?,
        Way::ToDirectory => Vec::new(),
    };
    Ok(html! { datalist #names { @for name in names { option value={ (way.object()) "." (name) } {} } } })
}

pub(super) fn change(way: Way, rows: &[Mapping]) -> Map<String, Value> {
    Map::from_iter([(way.key().to_owned(), json!(rows))])
}

/// `POST /app/apps/{name}/mappings/preview`: while somebody types.
pub(super) async fn fresh(cx: Desk, Path(name): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Shown {
    let integration = find(&cx, &name).await?;
    let sent = Sent::of(pairs);
    let (rows, wrong) = sent.mappings(&cx, &integration)?;
    let shown = mapped::shown(&cx, &integration, sent.way, &rows, &sent.person).await;
    Ok(fragment(html! {
        @for ((_, name), wrong) in &wrong { (note(Tone::Bad, "", html! { p { code { (name) } ": " (wrong.why) } })) }
        (shown)
    }))
}

/// `POST /app/apps/{name}/mappings`: a preview, or what saving would do.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Shown {
    let integration = find(&cx, &name).await?;
    let sent = Sent::of(pairs);
    let (rows, wrong) = sent.mappings(&cx, &integration)?;
    if sent.act != "save" || !wrong.is_empty() {
        let body = editor(&cx, &integration, sent.way, &rows, &wrong, &sent.person).await?;
        let page = provisioning(&cx, &integration, "/mappings", body);
        return Ok(if wrong.is_empty() { page } else { super::super::unprocessable(page) });
    }
    let looked = match sent.way {
        Way::ToApp => effect::effect(&cx.app, tenant(&cx), &name, change(sent.way, &rows)).await?,
        Way::ToDirectory => Effect::default(),
    };
    Ok(provisioning(&cx, &integration, "/mappings", sheet(&cx, &integration, &sent, &rows, &looked)))
}

/// What would happen, and the button that lets it.
fn sheet(cx: &Desk, integration: &Integration, sent: &Sent, rows: &[Mapping], effect: &Effect) -> Markup {
    let same = effect.looked_at.saturating_sub(effect.change + effect.fail);
    let back = query::address(&at(integration, "/mappings"), &[("way", sent.way.word()), ("person", &sent.person)]);
    let body = html! {
        @if sent.way == Way::ToApp {
            p { strong { (count(effect.change as u64)) } " change, " strong { (count(same as u64)) } " stay as they are, "
                strong { (count(effect.fail as u64)) } " cannot be pushed"
                @if effect.more { " – of the first " (count(effect.looked_at as u64)) " people" } "." }
        } @else { p { "They are used from the next import on, and for whoever is imported anew." } }
        @if !effect.failing.is_empty() {
            (note(Tone::Bad, "These would not be pushed any more", html! { ul .list { @for (who, why) in &effect.failing { li { strong { (who) } ": " (why) } } } }))
        }
        @if !effect.shown.is_empty() {
            ul .list.rows { @for (who, changes) in &effect.shown { li { strong { (who) }
                @for (name, was, is) in changes { p { code { (name) } ": " del .wrap { (preview::line(was.as_ref())) } " → " ins .wrap { (preview::line(is.as_ref())) } } } } } }
        }
        (form(cx, &at(integration, "/mappings/apply"), html! {
            input type="hidden" name="way" value=(sent.way.word());
            input type="hidden" name="rows" value=(json!(rows).to_string());
            div .actions {
                button .main type="submit" name="when" value="now" { "Apply Updates" }
                @if sent.way == Way::ToApp { button type="submit" name="when" value="later" { "Apply later" } }
                a .button href=(back) { "Back without saving" }
            }
            @if sent.way == Way::ToApp {
                p .hint { "Later: the mappings are saved. Whoever changes or is provisioned on demand gets them at once; everybody else when Apply Updates is pressed, or with the next reconciliation." }
            }
        }))
    };
    card_with("Apply updates now?", badge(Tone::Info, "Nothing is saved yet"), body)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Applied {
    way: String,
    rows: String,
    when: String,
}

/// `POST /app/apps/{name}/mappings/apply`.
pub(super) async fn apply(cx: Desk, Path(name): Path<String>, Form(applied): Form<Applied>) -> Shown {
    find(&cx, &name).await?;
    let way = Way::of(&applied.way);
    let rows: Value = serde_json::from_str(&applied.rows)
        .map_err(|_| scim::Error::invalid_value("the mappings were lost on the way; save them once more"))?;
    let change = Map::from_iter([(way.key().to_owned(), rows)]);
    let when = if applied.when == "later" { When::Later } else { When::Now };
    let (after, _) = apps::change_when(&cx.app, &cx.actor(), tenant(&cx), &name, change, when).await?;
    let to = at(&after, &format!("/mappings?way={}", way.word()));
    let said = match when {
        When::Now => "Mappings saved. Updates are being applied",
        When::Later => "Mappings saved. They wait to be applied to everybody",
    };
    cx.done(&to, Flash::good(said))
}
