//! Changes somebody by hand: what the directory itself is the source of. Each field that was changed is an operation of
//! one PATCH, so that whatever else is known of them stays as it is. The form carries what stood there when it was opened:
//! what others have changed meanwhile stays, and where both changed the same, the operator is asked.
//!
//! What an identity provider has said of somebody can be read here and changed there, unless the tenant allows manual
//! edits. What it never said, or an operator said last, is anybody's; and the door can always be closed.

mod filled;

use crate::admin::apps::assign;
use crate::admin::directory::{self, Found};
use crate::console::pages::user::{LastChanges, is_operator, last_changes};
use crate::console::parts::{Field, Tone, card, choice, field, form, link, note};
use crate::console::{Desk, Fault, Flash, Form, Nav, Page, Shown, page};
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Method, Response};
use maud::{Markup, html};
use scim::resource::full_name;
use scim::{AttrType, Attribute, Mutability, Resource, Returned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{FieldForm, FieldKind, Lifecycle};

const MAIL: &str = "emails[type eq \"work\"].value";
const MAIL_WHOLE: &str = "emails[type eq \"work\"]";

/// Standard attributes with the words that people know, in their order.
const KNOWN: [(&str, &str); 5] = [
    ("userName", "Login (userName)"),
    ("name.givenName", "Given name"),
    ("name.familyName", "Family name"),
    ("displayName", "Display name"),
    (MAIL, "E-mail at work"),
];
/// Requests about somebody that are looked at for who owns what.
const ENTRIES: u32 = 50;
/// What others decide about.
const NOT_HERE: [&str; 5] = ["id", "externalId", "active", "userName", "displayName"];

const STATUSES: [(&str, &str); 4] = [
    ("active", "Active: apps give them an account"),
    ("staged", "Staged: they have not started, apps hear nothing yet"),
    ("suspended", "Suspended: held back for a while, as each app says"),
    ("deactivated", "Deactivated: they have left"),
];

/// A field of the form: its path, its words, what stands there now, how it is typed.
struct Line {
    path: String,
    label: String,
    value: String,
    kind: AttrType,
    /// How it is filled in, and what can be chosen.
    form: FieldForm,
    options: Vec<String>,
    required: bool,
    /// The identity provider's, and not to be changed here.
    owned: bool,
}

impl Line {
    /// Its name in the form: no space may be in an id.
    fn name(&self) -> &str {
        if self.path == MAIL { "email" } else { &self.path }
    }

    /// The attribute that it is a part of, as the log names it.
    fn attribute(&self) -> &str {
        match self.path.as_str() {
            MAIL => "emails",
            path if path.starts_with("urn:") => path,
            path => path.split('.').next().unwrap_or(path),
        }
    }
}

/// What becomes of a field.
#[derive(Debug, PartialEq)]
enum Wish {
    /// It was not touched, or is like that already.
    Leave,
    Change,
    /// Somebody else has made it a third thing since the form was opened.
    Clash,
}

fn wish(was: &str, now: &str, typed: &str) -> Wish {
    let [was, now, typed] = [was, now, typed].map(str::trim);
    if typed == was || typed == now {
        Wish::Leave
    } else if now == was {
        Wish::Change
    } else {
        Wish::Clash
    }
}

/// What a form says of a field: what was typed, and what stood there when it was opened.
fn said(fields: &BTreeMap<String, String>, name: &str, now: &str) -> (String, String) {
    let get = |name: &str| fields.get(name).cloned().unwrap_or_else(|| now.to_owned());
    (get(name), get(&format!("was.{name}")))
}

/// What stood there, for [`said`].
fn stood(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name={ "was." (name) } value=(value); }
}

/// The value of an attribute as one line.
fn text(value: Option<&Value>) -> String {
    crate::admin::apps::preview::line(value)
}

fn mail(found: &Found) -> String {
    let all = found.document.get("emails").and_then(Value::as_array);
    let work = all.into_iter().flatten().find(|mail| mail.get("type").and_then(Value::as_str) == Some("work"));
    text(work.and_then(|mail| mail.get("value")))
}

/// The lines, with those marked that are the identity provider's.
async fn whole(cx: &Desk, found: &Found) -> Result<Vec<Line>, Fault> {
    let mut all = lines(cx, found);
    if found.is_managed() && !cx.tenant.tenant.settings.manual_edits {
        let (entries, _) = directory::history(&cx.app, &cx.tenant, &found.id, None, ENTRIES).await?;
        let changed: LastChanges = last_changes(&entries);
        for line in &mut all {
            let by_hand = changed.get(line.attribute()).is_some_and(|(actor, ..)| is_operator(actor));
            line.owned = !line.value.is_empty() && !by_hand;
        }
    }
    Ok(all)
}

/// Everything that there is a field for.
fn lines(cx: &Desk, found: &Found) -> Vec<Line> {
    let mut all: Vec<Line> = KNOWN
        .iter()
        .map(|(path, label)| Line {
            path: (*path).to_owned(),
            label: (*label).to_owned(),
            value: if *path == MAIL { mail(found) } else { found.text(path).to_owned() },
            kind: AttrType::String,
            form: FieldForm::default(),
            options: Vec::new(),
            required: *path == "userName",
            owned: false,
        })
        .collect();
    let Some(rt) = cx.tenant.named("User") else { return all };
    let resource = Resource { attributes: found.document.clone() };
    let definitions = &cx.tenant.tenant.definitions;
    let fits = |form: &FieldForm, attribute: &Attribute| {
        (!attribute.multi_valued || form.kind == FieldKind::MultiSelect)
            && attribute.mutability == Mutability::ReadWrite
            && attribute.returned != Returned::Never
            && !matches!(attribute.attr_type, AttrType::Binary)
            && (attribute.attr_type != AttrType::Complex || attribute.name == "manager")
            && !NOT_HERE.contains(&attribute.name.as_str())
    };
    for (extension, attribute) in rt.attributes() {
        let form = definitions.form(&full_name(extension, attribute), attribute).cloned().unwrap_or_default();
        if !fits(&form, attribute) {
            continue;
        }
        let is_manager = attribute.attr_type == AttrType::Complex;
        let value = match &found.manager {
            Some(manager) if is_manager => manager.raw.clone(),
            _ if is_manager => String::new(),
            _ if attribute.multi_valued => filled::lines(resource.value(extension, attribute)),
            _ => text(resource.value(extension, attribute)),
        };
        let label = if is_manager { "Manager" } else { attribute.name.as_str() };
        all.push(Line {
            path: full_name(extension, attribute),
            label: label.to_owned(),
            value,
            kind: attribute.attr_type,
            form,
            options: attribute.canonical_values.clone(),
            required: false,
            owned: false,
        });
    }
    all
}

async fn find(cx: &Desk, id: &str) -> Result<Found, Fault> {
    Ok(directory::find(&cx.app, &cx.tenant, &cx.endpoint, "User", id).await?)
}

/// `GET /app/users/{id}/edit`.
pub(in crate::console::pages) async fn form_edit(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let (all, now) = (whole(&cx, &found).await?, found.status().as_str());
    let stood = shown(&all, now);
    Ok(framed(&cx, &found, &all, now, &stood, html! {}))
}

/// What stands there now, for the next time that the form is sent.
fn shown(all: &[Line], now: &str) -> Markup {
    html! { @for line in all { (stood(line.name(), &line.value)) } (stood("status", now)) }
}

fn framed(cx: &Desk, found: &Found, all: &[Line], now: &str, stood: &Markup, said: Markup) -> Response<Body> {
    let here = format!("/app/users/{}", found.id);
    let one = |line: &Line| {
        let hint = match line.label.as_str() {
            _ if line.owned => "Managed by the identity provider",
            "Manager" => "Their login, id, e-mail or employee number",
            _ => "",
        };
        let plain = Field { name: line.name(), label: &line.label, value: &line.value, ..Field::default() };
        match line.kind {
            _ if line.form.kind != FieldKind::Plain && !line.owned => filled::in_as(&plain, &line.form, &line.options),
            AttrType::Integer if !line.owned => field(&Field { kind: "number", autocomplete: "off", ..plain }),
            AttrType::DateTime if !line.owned => {
                field(&Field { hint: "Such as 2026-11-26T09:00:00Z", mono: true, autocomplete: "off", ..plain })
            }
            AttrType::Boolean if !line.owned => choice(&plain, &[("", "Not said"), ("true", "Yes"), ("false", "No")]),
            _ => field(&Field {
                name: line.name(),
                label: &line.label,
                value: &if line.owned { line.value.replace('\n', ", ") } else { line.value.clone() },
                hint,
                read_only: line.owned,
                required: line.required,
                autocomplete: "off",
                ..Field::default()
            }),
        }
    };
    let (standard, custom): (Vec<&Line>, Vec<&Line>) = all.iter().partition(|line| !line.path.starts_with("urn:"));
    // What takes several lines stands below the others: beside them it would draw them out.
    let (high, low): (Vec<&Line>, Vec<&Line>) =
        custom.iter().partition(|line| filled::is_high(&line.form) && !line.owned);
    let (known, rest) = standard.split_at(KNOWN.len().min(standard.len()));
    let body = html! {
        @if found.is_managed() {
            @if all.iter().any(|line| line.owned) {
                (note(Tone::Info, "An identity provider owns this person", html! { p {
                    "What it has said is changed there; the rest can be changed here. "
                    a href="/app/settings#edits" { "Allow manual edits" } " to change all of it, until its next push."
                } }))
            } @else {
                (note(Tone::Warn, "An identity provider owns this person", html! { p { "Its next push may undo what is changed here." } }))
            }
        }
        (said)
        (form(cx, &format!("{here}/edit"), html! {
            (stood)
            div .stack.wide {
            (card("Who it is", html! { div .columns { @for line in known { (one(line)) } } }))
            (card("Work and custom fields", html! {
                div .columns { @for line in low.iter().chain(rest) { (one(line)) } }
                @if !high.is_empty() { div .columns.high { @for line in &high { (one(line)) } } }
            }))
            (card("Status", choice(&Field { name: "status", label: "Status", value: now, ..Field::default() }, &STATUSES)))
            div .actions { button .main type="submit" { "Save" } (link(&here, "Cancel", false)) }
            }
        }))
    };
    let about = Page::new("Edit", Nav::Users)
        .under("Users", "/app/users")
        .under(found.name(), here)
        .help("provision-an-application");
    page(cx, about, body)
}

/// A text as a value of that type; what does not fit is sent as it is, and refused with the reason.
fn typed(kind: AttrType, text: &str) -> Value {
    match kind {
        AttrType::Integer | AttrType::Decimal | AttrType::Boolean => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        _ => text.into(),
    }
}

/// The operation that makes a field so, if it is not so yet.
fn operation(line: &Line, wanted: &str) -> Option<Value> {
    let wanted = wanted.trim();
    if wanted == line.value.trim() {
        return None;
    }
    Some(match (line.path.as_str(), wanted.is_empty(), line.value.is_empty()) {
        (MAIL, true, _) => json!({"op": "remove", "path": MAIL_WHOLE}),
        (MAIL, false, true) => {
            json!({"op": "add", "path": "emails", "value": [{"value": wanted, "type": "work", "primary": true}]})
        }
        (path, true, _) => json!({"op": "remove", "path": path}),
        (path, false, _) if line.form.kind == FieldKind::MultiSelect => {
            json!({"op": "replace", "path": path, "value": wanted.lines().collect::<Vec<_>>()})
        }
        (path, false, _) if line.kind == AttrType::Complex => {
            json!({"op": "replace", "path": path, "value": {"value": wanted}})
        }
        (path, false, _) => json!({"op": "replace", "path": path, "value": typed(line.kind, wanted)}),
    })
}

/// What others have changed while the form was open, and the operator wants otherwise.
fn meanwhile(clashes: &[(String, String)]) -> Markup {
    let now = |value: &str| if value.is_empty() { "empty".to_owned() } else { format!("“{value}”") };
    note(
        Tone::Warn,
        "Not saved: somebody has changed this meanwhile",
        html! {
            ul { @for (label, value) in clashes { li { (label) " is " (now(value)) " now." } } }
            p { "The form has what you typed. Save it again if that is how it should be." }
        },
    )
}

/// `POST /app/users/{id}/edit`.
pub(in crate::console::pages) async fn save(
    cx: Desk,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Shown {
    let found = find(&cx, &id).await?;
    let (mut all, before) = (whole(&cx, &found).await?, found.status().as_str());
    let fields = filled::gathered(pairs);
    let stands = shown(&all, before);
    let (mut operations, mut clashes) = (Vec::new(), Vec::new());
    for line in &mut all {
        if line.owned {
            continue;
        }
        let (typed, was) = said(&fields, line.name(), &line.value);
        match wish(&was, &line.value, &typed) {
            Wish::Leave => continue,
            Wish::Change => operations.extend(operation(line, &typed)),
            Wish::Clash => clashes.push((line.label.clone(), line.value.clone())),
        }
        line.value = typed;
    }
    let (typed, was) = said(&fields, "status", before);
    let wanted = match wish(&was, before, &typed) {
        Wish::Leave => before.to_owned(),
        Wish::Change => typed,
        Wish::Clash => {
            clashes.push(("Status".into(), before.to_owned()));
            typed
        }
    };
    if !clashes.is_empty() {
        let shown = framed(&cx, &found, &all, &wanted, &stands, meanwhile(&clashes));
        return Ok(crate::console::pages::unprocessable(shown));
    }
    let active = wanted != "deactivated";
    if active != found.is_active() {
        operations.push(json!({"op": "replace", "path": "active", "value": active}));
    }
    if !operations.is_empty() {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        let change = (Method::PATCH, format!("/Users/{id}"), body);
        let acted =
            directory::change(&cx.app, &cx.tenant, Arc::new(cx.actor()), &cx.endpoint, &cx.origin, change).await?;
        if let Some(why) = directory::refusal(&acted.answer) {
            let told = note(Tone::Bad, "Not saved", html! { p { (crate::console::sentence(&why)) } });
            let shown = framed(&cx, &found, &all, &wanted, &stands, told);
            return Ok(crate::console::pages::unprocessable(shown));
        }
    }
    if active && wanted != before {
        let status = match wanted.as_str() {
            "staged" => Lifecycle::Staged,
            "suspended" => Lifecycle::Suspended,
            _ => Lifecycle::AtWork,
        };
        assign::set_status(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id, status).await?;
    }
    cx.done(&format!("/app/users/{id}"), Flash::good("Saved"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_touched_follows_others_and_what_both_changed_is_asked() {
        for (was, now, typed, expected) in [
            ("a", "a", "a", Wish::Leave),
            ("a", "a", "b", Wish::Change),
            ("a", "a", "", Wish::Change),
            ("a", "b", "a", Wish::Leave),
            ("a", "b", "b ", Wish::Leave),
            ("a", "b", "c", Wish::Clash),
            ("", "b", "c", Wish::Clash),
            ("a", "", "c", Wish::Clash),
        ] {
            assert_eq!(wish(was, now, typed), expected, "{was} {now} {typed}");
        }
    }
}
