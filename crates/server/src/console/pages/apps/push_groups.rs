//! B11, push groups: which groups are at the app, by name or by a rule, and how they stand there.

use super::{Tab, at, find, framed, standing, tenant};
use crate::admin::apps::{assign, links, push_groups};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, choice, confirm, count, empty, field, form, pager, table, when,
};
use crate::console::{Desk, Flash, Form, Icon, Shown};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::push_group::{Compare, LinkMode, PushRule};
use serde::Deserialize;
use store::{LinkRow, Principal, PushGroupRow, PushRuleRow};

const COLUMNS: [Column; 5] = [
    Column::new("Group"),
    Column::new("Name at the app"),
    Column::new("Status"),
    Column::new("Changed").minor(),
    Column::new(""),
];
/// Groups of one page.
const ROWS: usize = 50;
const MODES: [(&str, &str); 2] =
    [("link", "Take a group of that name that is there already"), ("create", "Always make a new one")];
const COMPARES: [(&str, &str); 4] =
    [("startsWith", "starts with"), ("endsWith", "ends with"), ("contains", "contains"), ("equals", "is")];

/// `GET /app/apps/{name}/push-groups`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let (groups, rules) = push_groups::list(&cx.app, tenant(&cx), &name).await?;
    let from = cx.asked("from").and_then(|text| text.parse().ok()).unwrap_or(0).min(groups.len());
    let until = groups.len().min(from + ROWS);
    let shown = groups.get(from..until).unwrap_or_default();
    let ids = shown.iter().map(|group| group.resource.clone()).collect();
    let known = links::of_groups(&cx.app, &integration, ids).await?;
    let left_out = push_groups::left_out(&cx.app, &cx.tenant, &integration, shown).await?;
    let each = shown.iter().zip(left_out);
    let rows: Vec<Row> = each.map(|(group, left_out)| row(&cx, &integration, group, &known, left_out)).collect();
    let first = (from > 0).then(|| at(&integration, "/push-groups"));
    let next = (until < groups.len()).then(|| at(&integration, &format!("/push-groups?from={until}")));
    let off = !integration.app.policy.actions.push_groups;
    let body = html! {
        @if off {
            (crate::console::parts::note(Tone::Warn, "Push Groups is off", html! { p { "Nothing is sent until it is among the supported provisioning actions: "
                a href=(at(&integration, if cx.may_change() { "/provisioning/integration?edit=1" } else { "/provisioning/integration" })) { "Integration" } "." } }))
        }
        @if rows.is_empty() { (empty(Icon::Groups, "No group is pushed", html! { "A pushed group is at the app with those of its members who have an account there." }, None)) }
        @else {
            (table(&Table { caption: "Pushed groups", columns: &COLUMNS, rows, body_id: None }))
            (pager(first.as_deref(), next.as_deref(), shown.len(), Some(groups.len() as u64), None))
        }
        @if cx.may_change() { div .two { (by_name(&cx, &integration).await?) (by_rule(&cx, &integration, &rules)) } }
    };
    Ok(framed(&cx, &integration, Tab::PushGroups, body))
}

/// Whoever has no account there cannot be in a group there: who they are, and what to do.
fn left_out_note(cx: &Desk, integration: &Integration, group: &PushGroupRow, left_out: u64) -> Markup {
    let assign = query::address(&at(integration, "/assign/one"), &[("to", "groups"), ("resource", &group.resource)]);
    html! {
        @if left_out > 0 {
            p .hint { @if left_out >= u64::from(push_groups::LEFT_OUT_COUNTED) { "At least " }
                (count(left_out)) @if left_out == 1 { " member has no account there, and is left out. " } @else { " members have no account there, and are left out. " }
                @if cx.may_change() { a href=(assign) { "Assign the group" } } }
        }
    }
}

fn row(cx: &Desk, integration: &Integration, group: &PushGroupRow, known: &[LinkRow], left_out: u64) -> Row {
    let link = known.iter().find(|link| link.resource == group.resource);
    let own = group.display.as_deref().unwrap_or(&group.resource);
    let title = link.and_then(|link| link.cause.as_ref()?.detail.get("title")?.as_str().map(str::to_owned));
    Row {
        cells: vec![
            html! { a href={ "/app/groups/" (group.resource) } { (own) } @if group.rule.is_some() { " " (badge(Tone::Info, "by rule")) } },
            html! { (group.name.as_deref().unwrap_or(own)) },
            html! {
                @if !group.active { (badge(Tone::Warn, "Paused")) }
                @else if let Some(link) = link { (standing(link.standing, link.active)) }
                @else { (badge(Tone::Info, "Queued")) }
                @if let Some(title) = title { p .hint { (title) } }
                (left_out_note(cx, integration, group, left_out))
            },
            html! { @if let Some(link) = link { (when(link.changed_at, cx.now)) } },
            html! { @if cx.may_change() { (acts(cx, integration, group)) } },
        ],
        ..Row::default()
    }
}

fn acts(cx: &Desk, integration: &Integration, group: &PushGroupRow) -> Markup {
    let place = at(integration, "/push-groups");
    let hidden = html! { input type="hidden" name="group" value=(group.resource); };
    let keep = html! {
        (hidden)
        input type="hidden" name="do" value="unlink";
        fieldset .checks-field {
            legend { "The group at the app" }
            label .check { input type="radio" name="leave" value="keep" checked; span { "Leave it there" } }
            label .check { input type="radio" name="leave" value="delete"; span { "Delete it there" } }
        }
    };
    html! {
        div .actions {
            (form(cx, &place, html! { (hidden) button .small type="submit" name="do" value="now" { "Push now" } }))
            (form(cx, &place, html! {
                (hidden)
                input type="hidden" name="name" value=(group.name.as_deref().unwrap_or_default());
                input type="hidden" name="mode" value=(group.mode);
                @if group.active { input type="hidden" name="paused" value="1"; }
                button .small type="submit" name="do" value="push" { @if group.active { "Pause" } @else { "Go on" } }
            }))
            (confirm(cx, &place, "Unlink", html! { p { "It is pushed no longer." } }, None, keep))
        }
    }
}

async fn by_name(cx: &Desk, integration: &Integration) -> Result<Markup, crate::console::Fault> {
    let found = assign::candidates(&cx.app, tenant(cx), Principal::Group, "").await?;
    let body = html! {
        div .field { label for="group" { "Group" } p .hint { "Its name or id" }
            input #group name="group" type="text" required list="groups" autocomplete="off";
            datalist #groups { @for (_, name) in &found { option value=(name) {} } } }
        (field(&Field { name: "name", label: "Name at the app", hint: "Nothing is its own name.", autocomplete: "off", ..Field::default() }))
        (choice(&Field { name: "mode", label: "At the app", value: "link", ..Field::default() }, &MODES))
        button .main type="submit" name="do" value="push" { "Push group" }
    };
    Ok(card("Find groups by name", form(cx, &at(integration, "/push-groups"), body)))
}

fn by_rule(cx: &Desk, integration: &Integration, rules: &[PushRuleRow]) -> Markup {
    let place = at(integration, "/push-groups");
    let told = |rule: &PushRuleRow| {
        let read: PushRule = serde_json::from_value(rule.rule.clone()).unwrap_or_default();
        let (compare, text) = read.name.unwrap_or_default();
        let words =
            COMPARES.iter().find(|(name, _)| serde_json::json!(compare) == *name).map_or("", |(_, words)| *words);
        format!("name {words} “{text}”")
    };
    card(
        "Find groups by rule",
        html! {
            @if !rules.is_empty() {
                ul .list.rows { @for rule in rules { li { div .actions { span { (told(rule)) }
                    (form(cx, &place, html! { input type="hidden" name="rule" value=(rule.id);
                        button .small type="submit" name="do" value="unrule" { "Remove rule" } })) } } } }
            }
            (form(cx, &place, html! {
                (choice(&Field { name: "compare", label: "Group name", value: "startsWith", ..Field::default() }, &COMPARES))
                (field(&Field { name: "text", label: "Text", required: true, autocomplete: "off", ..Field::default() }))
                button type="submit" name="do" value="rule" { "Create rule" }
            }))
        },
    )
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    #[serde(rename = "do")]
    act: String,
    group: String,
    name: String,
    mode: String,
    paused: String,
    leave: String,
    compare: String,
    text: String,
    rule: i64,
}

/// `POST /app/apps/{name}/push-groups`.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(asked): Form<Asked>) -> Shown {
    let integration = find(&cx, &name).await?;
    let (actor, tenant) = (cx.actor(), tenant(&cx));
    let done = match asked.act.as_str() {
        "push" => {
            let mode = if asked.mode == "create" { LinkMode::Create } else { LinkMode::Link };
            let given = Some(asked.name).filter(|name| !name.trim().is_empty());
            let wanted =
                push_groups::NewPushGroup { group: asked.group, name: given, mode, paused: !asked.paused.is_empty() };
            push_groups::push(&cx.app, &actor, tenant, &name, wanted).await.map(|_| "Saved".to_owned())
        }
        "now" => push_groups::push_now(&cx.app, &actor, tenant, &name, &asked.group)
            .await
            .map(|()| "Being pushed".to_owned()),
        "unlink" => {
            let delete = Some(asked.leave == "delete");
            push_groups::unlink(&cx.app, &actor, tenant, &name, &asked.group, delete)
                .await
                .map(|()| "Unlinked".to_owned())
        }
        "unrule" => push_groups::remove_rule(&cx.app, &actor, tenant, &name, asked.rule)
            .await
            .map(|()| "Rule removed; its groups stay pushed".to_owned()),
        _ => {
            let compare: Compare = serde_json::from_value(serde_json::json!(asked.compare)).unwrap_or_default();
            let rule = PushRule { name: Some((compare, asked.text.trim().to_owned())), ..PushRule::default() };
            let made = push_groups::add_rule(&cx.app, &actor, tenant, &name, rule).await;
            made.map(|(_, chosen)| format!("Rule made; it chose {chosen} groups"))
        }
    };
    let flash = match done {
        Ok(said) => Flash::good(said),
        Err(error) => Flash::bad(crate::console::Fault::from(error).refused()?),
    };
    cx.done(&at(&integration, "/push-groups"), flash)
}
