//! B11, push groups: which groups are at the app, by name or by a rule, and how they stand there.

use super::{Tab, at, find, framed, standing, tenant};
use crate::admin::apps::push_groups::Before;
use crate::admin::apps::{assign, links, push_groups};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, choice, confirm, count, empty, field, form, live, note, pager, table,
    when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Shown, fragment, sentence};
use crate::outbound::integration::Integration;
use crate::query;
use axum::extract::Path;
use maud::{Markup, html};
use provision::push_group::{Compare, LinkMode, PushRule};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Headcount, LinkRow, Principal, PushGroupRow, PushRuleRow};

const COLUMNS: [Column; 6] = [
    Column::new("Group"),
    Column::new("Name at the app"),
    Column::new("Members"),
    Column::new("Status"),
    Column::new("Last push").minor(),
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
    page(&cx, &integration, &Asked::default()).await
}

/// The page, with what was typed and what it would do.
async fn page(cx: &Desk, integration: &Integration, asked: &Asked) -> Shown {
    let from = cx.asked("from").unwrap_or_default();
    let fresh = query::address(&at(integration, "/push-groups/rows"), &[("from", &from)]);
    let (shown, rules) = pushed(cx, integration).await?;
    let off = !integration.app.policy.actions.push_groups;
    let body = html! {
        @if off {
            (note(Tone::Warn, "Push Groups is off", html! { p { "Nothing is sent until it is among the supported provisioning actions: "
                a href=(at(integration, if cx.may_change() { "/provisioning/integration?edit=1" } else { "/provisioning/integration" })) { "Integration" } "." } }))
        }
        (live("pushed", &["apps"], &fresh, shown))
        @if cx.may_change() { div .two { (by_name(cx, integration, asked).await?) (by_rule(cx, integration, &rules, asked).await?) } }
    };
    Ok(framed(cx, integration, Tab::PushGroups, body))
}

/// `GET /app/apps/{name}/push-groups/rows`.
pub(super) async fn fresh(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    Ok(fragment(pushed(&cx, &integration).await?.0))
}

/// The groups that are pushed, and the rules.
async fn pushed(cx: &Desk, integration: &Integration) -> Result<(Markup, Vec<PushRuleRow>), Fault> {
    let (groups, rules) = push_groups::list(&cx.app, tenant(cx), &integration.row.name).await?;
    let from = cx.asked("from").and_then(|text| text.parse().ok()).unwrap_or(0).min(groups.len());
    let until = groups.len().min(from + ROWS);
    let shown = groups.get(from..until).unwrap_or_default();
    let ids = shown.iter().map(|group| group.resource.clone()).collect();
    let known = links::of_groups(&cx.app, integration, ids).await?;
    let sent = links::last_sent(&cx.app, &known).await?;
    let rows: Vec<Row> = shown.iter().map(|group| row(cx, integration, group, &known, &sent)).collect();
    let first = (from > 0).then(|| at(integration, "/push-groups"));
    let next = (until < groups.len()).then(|| at(integration, &format!("/push-groups?from={until}")));
    let table = html! {
        @if rows.is_empty() { (empty(Icon::Groups, "No group is pushed", html! { "A pushed group is at the app with those of its members who have an account there." }, None)) }
        @else {
            (table(&Table { caption: "Pushed groups", columns: &COLUMNS, rows, body_id: None }))
            (pager(first.as_deref(), next.as_deref(), shown.len(), Some(groups.len() as u64), None))
        }
    };
    Ok((table, rules))
}

fn assign_link(cx: &Desk, integration: &Integration, group: &str, words: &str) -> Markup {
    let assign = query::address(&at(integration, "/assign/one"), &[("to", "groups"), ("resource", group)]);
    html! { @if cx.may_change() { a href=(assign) { (words) } } }
}

/// How many members are there of how many; whoever has no account there cannot be in a group there.
fn members(cx: &Desk, integration: &Integration, group: &PushGroupRow) -> Markup {
    let number = |number: i64| count(number.max(0).cast_unsigned());
    let Headcount { there, people, left_out } = group.headcount;
    html! {
        (number(there)) " of " (number(people))
        @if left_out > 0 {
            p .hint { (number(left_out)) @if left_out == 1 { " member has no account there, and is left out. " } @else { " members have no account there, and are left out. " }
                (assign_link(cx, integration, &group.resource, "Assign the group")) }
        }
    }
}

fn row(
    cx: &Desk,
    integration: &Integration,
    group: &PushGroupRow,
    known: &[LinkRow],
    pushed: &BTreeMap<i64, i64>,
) -> Row {
    let link = known.iter().find(|link| link.resource == group.resource);
    let own = group.display.as_deref().unwrap_or(&group.resource);
    let title = link.and_then(|link| link.cause.as_ref()?.detail.get("title")?.as_str().map(str::to_owned));
    let pushed = link.and_then(|link| pushed.get(&link.id));
    Row {
        cells: vec![
            html! { a href={ "/app/groups/" (group.resource) } { (own) } @if group.rule.is_some() { " " (badge(Tone::Info, "by rule")) } },
            html! { (group.name.as_deref().unwrap_or(own)) @if group.mode == "link" { p .hint { "One of that name is taken" } } },
            members(cx, integration, group),
            html! {
                @if !group.active { (badge(Tone::Warn, "Paused")) }
                @else if let Some(link) = link { (standing(link.standing, link.active)) }
                @else { (badge(Tone::Info, "Queued")) }
                @if let Some(title) = title { p .hint { (title) } }
            },
            html! { @match pushed { Some(pushed) => (when(*pushed, cx.now)), None => "–" } },
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

/// A form that says what it would do while somebody types; without the script there is a button for that.
fn telling(integration: &Integration, id: &str, fields: Markup, told: Markup, look: &str, buttons: Markup) -> Markup {
    let place = at(integration, "/push-groups/look");
    html! {
        div .stack hx-post={ (place) "?of=" (look) } hx-trigger="input delay:250ms" hx-include="closest form" hx-target={ "#" (id) } hx-swap="innerHTML" { (fields) }
        div .stack id=(id) role="status" { (told) }
        div .actions { (buttons) button type="submit" name="do" value={ "look-" (look) } formnovalidate { "Preview" } }
    }
}

async fn by_name(cx: &Desk, integration: &Integration, asked: &Asked) -> Result<Markup, Fault> {
    let found = assign::candidates(&cx.app, tenant(cx), Principal::Group, "").await?;
    let mode = if asked.mode.is_empty() { "link" } else { &asked.mode };
    let fields = html! {
        div .field { label for="group" { "Group" } p .hint { "Its name or id" }
            input #group name="group" type="text" required list="groups" autocomplete="off" value=(asked.group);
            datalist #groups { @for (_, name) in &found { option value=(name) {} } } }
        (field(&Field { name: "name", label: "Name at the app", value: &asked.name, hint: "Nothing is its own name.", autocomplete: "off", ..Field::default() }))
        (choice(&Field { name: "mode", label: "At the app", value: mode, ..Field::default() }, &MODES))
    };
    let told = told_of_group(cx, integration, &asked.group).await?;
    let button = html! { button .main type="submit" name="do" value="push" { "Push group" } };
    let body = telling(integration, "before", fields, told, "group", button);
    Ok(card("Find groups by name", form(cx, &at(integration, "/push-groups"), body)))
}

/// Who of a group's members would be left out.
async fn told_of_group(cx: &Desk, integration: &Integration, group: &str) -> Result<Markup, Fault> {
    if group.trim().is_empty() {
        return Ok(html! {});
    }
    let before = match push_groups::before(&cx.app, tenant(cx), &integration.row.name, group.trim()).await {
        Ok(before) => before,
        Err(error) => return Ok(html! { p .hint { (sentence(&error.to_scim("").detail)) } }),
    };
    let Before { display, pushed, members, group } = before;
    let number = |number: i64| count(number.max(0).cast_unsigned());
    let missing = members.not_assigned;
    Ok(html! {
        @if pushed { p .hint { (display) " is pushed already: this changes how." } }
        @if members.looked_at < members.members { p .hint { "Of " (number(members.members)) " members the first " (number(members.looked_at)) " were looked at." } }
        @if missing > 0 {
            (note(Tone::Warn, "", html! { p { (number(missing))
                @if missing == 1 { " member is not assigned to the app, and will be left out – " } @else { " members are not assigned to the app, and will be left out – " }
                (assign_link(cx, integration, &group, "Assign them")) "." } }))
        }
        p .hint {
            (number(members.there)) @if members.there == 1 { " member has" } @else { " members have" } " an account there"
            @if members.on_the_way > 0 { ", " (number(members.on_the_way)) " will have one" }
            @if members.out_of_use > 0 { ", of " (number(members.out_of_use)) " it is out of use" }
            @if members.groups > 0 { "; the people of " (number(members.groups)) " groups within it come as well" } "."
        }
    })
}

/// Which groups a rule would choose.
async fn told_of_rule(cx: &Desk, integration: &Integration, asked: &Asked) -> Result<Markup, Fault> {
    if asked.text.trim().is_empty() {
        return Ok(html! {});
    }
    let choice = push_groups::try_rule(&cx.app, tenant(cx), &integration.row.name, asked.chosen_by()).await?;
    let rest = choice.fitting.saturating_sub(choice.groups.len());
    Ok(html! {
        p { @match choice.fitting { 0 => "It matches no group now.", 1 => "It matches 1 group now", _ => { "It matches " (count(choice.fitting as u64)) " groups now" } }
            @if choice.fitting > 0 { @if choice.new == choice.fitting { "." } @else { ", of which " (count((choice.fitting - choice.new) as u64)) " are pushed already." } } }
        @if choice.more { p .hint { "The first " (count(choice.looked_at as u64)) " groups were looked at." } }
        @if !choice.groups.is_empty() {
            ul .list { @for one in &choice.groups { li { (one.display) @if one.pushed { " " (badge(Tone::Quiet, "pushed already")) } } }
                @if rest > 0 { li { "and " (count(rest as u64)) " more" } } }
        }
    })
}

async fn by_rule(cx: &Desk, integration: &Integration, rules: &[PushRuleRow], asked: &Asked) -> Result<Markup, Fault> {
    let place = at(integration, "/push-groups");
    let told = |rule: &PushRuleRow| {
        let read: PushRule = serde_json::from_value(rule.rule.clone()).unwrap_or_default();
        let (compare, text) = read.name.unwrap_or_default();
        let words =
            COMPARES.iter().find(|(name, _)| serde_json::json!(compare) == *name).map_or("", |(_, words)| *words);
        format!("name {words} “{text}”")
    };
    let compare = if asked.compare.is_empty() { "startsWith" } else { &asked.compare };
    let fields = html! {
        (choice(&Field { name: "compare", label: "Group name", value: compare, ..Field::default() }, &COMPARES))
        (field(&Field { name: "text", label: "Text", value: &asked.text, required: true, autocomplete: "off", ..Field::default() }))
    };
    let chosen = told_of_rule(cx, integration, asked).await?;
    let button = html! { button type="submit" name="do" value="rule" { "Create rule" } };
    let body = telling(integration, "chosen", fields, chosen, "rule", button);
    Ok(card(
        "Find groups by rule",
        html! {
            @if !rules.is_empty() {
                ul .list.rows { @for rule in rules { li { div .actions { span { (told(rule)) }
                    (form(cx, &place, html! { input type="hidden" name="rule" value=(rule.id);
                        button .small type="submit" name="do" value="unrule" { "Remove rule" } })) } } } }
            }
            (form(cx, &place, body))
        },
    ))
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

impl Asked {
    fn chosen_by(&self) -> PushRule {
        let compare: Compare = serde_json::from_value(serde_json::json!(self.compare)).unwrap_or_default();
        PushRule { name: Some((compare, self.text.trim().to_owned())), ..PushRule::default() }
    }
}

/// `POST /app/apps/{name}/push-groups/look`: what it would do, while somebody types.
pub(super) async fn look(cx: Desk, Path(name): Path<String>, Form(asked): Form<Asked>) -> Shown {
    let integration = find(&cx, &name).await?;
    let of_rule = cx.asked("of").as_deref() == Some("rule");
    Ok(fragment(match of_rule {
        true => told_of_rule(&cx, &integration, &asked).await?,
        false => told_of_group(&cx, &integration, &asked.group).await?,
    }))
}

/// `POST /app/apps/{name}/push-groups`.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(asked): Form<Asked>) -> Shown {
    let integration = find(&cx, &name).await?;
    if asked.act.starts_with("look-") {
        return page(&cx, &integration, &asked).await;
    }
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
            let made = push_groups::add_rule(&cx.app, &actor, tenant, &name, asked.chosen_by()).await;
            made.map(|(_, chosen)| format!("Rule made; it chose {chosen} groups"))
        }
    };
    let flash = match done {
        Ok(said) => Flash::good(said),
        Err(error) => Flash::bad(Fault::from(error).refused()?),
    };
    cx.done(&at(&integration, "/push-groups"), flash)
}
