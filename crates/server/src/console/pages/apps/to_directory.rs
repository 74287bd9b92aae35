//! B8, Provisioning › To Directory: how accounts of the app become people here.

use super::mappings::{applied, written};
use super::{at, back, find, provisioning, tenant};
use crate::admin::apps;
use crate::console::parts::{
    Column, Field, Row, Table, Tone, badge, card, card_with, choice, definitions, field, form, link, table, text_area,
};
use crate::console::{Desk, Flash, Form, Shown};
use crate::outbound::integration::Integration;
use axum::extract::Path;
use maud::{Markup, html};
use provision::import::{OnBack, OnGone, Rule};
use serde::Deserialize;
use serde_json::{Map, json};

const SCHEDULES: [(&str, &str); 6] = [
    ("", "Never"),
    ("1", "Every hour"),
    ("6", "Every 6 hours"),
    ("12", "Every 12 hours"),
    ("24", "Every day"),
    ("168", "Every week"),
];
const GONE: [(&str, &str); 3] = [("nothing", "Do nothing"), ("deactivate", "Deactivate"), ("suspend", "Suspend")];

const BACK: [(&str, &str); 4] = [
    ("nothing", "Do nothing"),
    ("reactivateSuspended", "Reactivate suspended users"),
    ("reactivateDeactivated", "Reactivate deactivated users"),
    ("reactivate", "Reactivate suspended and deactivated users"),
];

fn back_word(back: OnBack) -> &'static str {
    match back {
        OnBack::Nothing => "nothing",
        OnBack::Reactivate => "reactivate",
        OnBack::ReactivateSuspended => "reactivateSuspended",
        OnBack::ReactivateDeactivated => "reactivateDeactivated",
    }
}

fn word(gone: OnGone) -> &'static str {
    match gone {
        OnGone::Nothing => "nothing",
        OnGone::Deactivate => "deactivate",
        OnGone::Suspend => "suspend",
    }
}

/// What happens without anybody looking: field, words, whether it is on.
fn confirmed(integration: &Integration) -> [(&'static str, &'static str, bool); 4] {
    let matching = &integration.options.matching;
    [
        ("exact", "Auto-confirm exact matches", matching.confirm_exact),
        ("partial", "Auto-confirm partial matches", matching.confirm_partial),
        ("new", "Auto-confirm new users", matching.confirm_new),
        ("activate", "Auto-activate new users", matching.activate_new),
    ]
}

/// `GET /app/apps/{name}/provisioning/to-directory`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let edits = cx.asked("edit").is_some() && cx.may_change();
    let body = html! {
        @if edits { (editor(&cx, &integration)) } @else { (plain(&cx, &integration)) }
        (mappings(&integration))
    };
    Ok(provisioning(&cx, &integration, "/provisioning/to-directory", body))
}

fn plain(cx: &Desk, integration: &Integration) -> Markup {
    let options = &integration.options;
    let edit =
        html! { @if cx.may_change() { (link(&at(integration, "/provisioning/to-directory?edit=1"), "Edit", false)) } };
    let state = |on: bool| if on { badge(Tone::Good, "On") } else { badge(Tone::Quiet, "Off") };
    let every = options.import_every_hours.map(|hours| hours.to_string()).unwrap_or_default();
    let schedule = SCHEDULES.iter().find(|(hours, _)| *hours == every).map_or("As set by the API", |(_, words)| *words);
    let gone = GONE.iter().find(|(name, _)| *name == word(options.on_gone)).map_or("", |(_, words)| *words);
    let mut pairs = vec![("Schedule import", html! { (schedule) })];
    pairs.push(("An account is somebody's if", html! { (exact_text(&options.matching.exact).replace('\n', ", or ")) }));
    if let Some(rule) = &options.matching.partial {
        pairs.push(("It may be somebody's if", html! { (rule_text(rule)) }));
    }
    pairs.extend(confirmed(integration).map(|(_, words, on)| (words, state(on))));
    pairs.push(("Profile source", state(options.profile_source)));
    pairs.push(("When a user is deactivated or gone in the app", html! { (gone) }));
    let again = BACK.iter().find(|(name, _)| *name == back_word(options.on_back)).map_or("", |(_, words)| *words);
    pairs.push(("When a user is reactivated in the app", html! { (again) }));
    pairs.push((
        "Import safeguard",
        html! { "Stop when more than " (options.safeguard_percent) " % of the people would be missing" },
    ));
    card_with("Provisioning to Directory", edit, definitions(&pairs))
}

fn editor(cx: &Desk, integration: &Integration) -> Markup {
    let options = &integration.options;
    let every = options.import_every_hours.map(|hours| hours.to_string()).unwrap_or_default();
    let as_set = format!("Every {every} hours, as set by the API");
    let mut schedules = SCHEDULES.to_vec();
    // A form that did not have it would switch it off.
    if !schedules.iter().any(|(hours, _)| *hours == every) {
        schedules.push((&every, &as_set));
    }
    let percent = options.safeguard_percent.to_string();
    let body = html! {
        (choice(&Field { name: "every", label: "Schedule import", value: &every, ..Field::default() }, &schedules))
        (text_area(&Field { name: "rules", label: "Imported user is an exact match if", value: &exact_text(&options.matching.exact), mono: true, required: true,
            hint: "App attribute = directory attribute, one rule a line; the first that finds somebody counts.", ..Field::default() }, 3))
        (field(&Field { name: "partial_rule", label: "Imported user is a partial match if", value: &options.matching.partial.as_ref().map(rule_text).unwrap_or_default(), mono: true, autocomplete: "off",
            hint: "All of these agree. Nothing is: no partial matches.", ..Field::default() }))
        fieldset .checks-field {
            legend { "User creation and matching" }
            @for (name, words, on) in confirmed(integration) {
                label .check { input type="checkbox" name=(name) value="1" checked[on]; span { (words) } }
            }
        }
        fieldset .checks-field {
            legend { "Profile and life cycle" }
            label .check { input type="checkbox" name="source" value="1" checked[options.profile_source];
                span { "Allow the app to source people's profiles" } }
        }
        (choice(&Field { name: "gone", label: "When a user is deactivated or gone in the app", value: word(options.on_gone), ..Field::default() }, &GONE))
        (choice(&Field { name: "back", label: "When a user is reactivated in the app", value: back_word(options.on_back),
            hint: "Only whom an import has suspended or deactivated; nobody whom somebody else did.", ..Field::default() }, &BACK))
        (field(&Field { name: "safeguard", label: "Import safeguard, in percent", kind: "number", value: &percent, required: true,
            hint: "An import that would find more people missing than this stops, and somebody looks.", ..Field::default() }))
        div .actions { button .main type="submit" { "Save" } (back(integration, "/provisioning/to-directory", "Cancel")) }
    };
    card("Provisioning to Directory", form(cx, &at(integration, "/provisioning/to-directory"), body))
}

/// A rule as it is typed: `email = primaryEmail`, several pairs with commas between them.
fn rule_text(rule: &Rule) -> String {
    let pairs = rule.pairs.iter().map(|(account, person)| format!("{account} = {person}"));
    pairs.collect::<Vec<_>>().join(", ")
}

fn exact_text(rules: &[Rule]) -> String {
    rules.iter().map(rule_text).collect::<Vec<_>>().join("\n")
}

/// What was typed as rules, one a line; one that is known already stays as it is.
fn rules(text: &str, known: &[Rule]) -> Result<Vec<Rule>, crate::error::Error> {
    let pair = |one: &str| {
        let (account, person) = one.split_once('=')?;
        Some((account.trim().to_owned(), person.trim().to_owned())).filter(|(a, b)| !a.is_empty() && !b.is_empty())
    };
    let rule = |line: &str| {
        let pairs: Option<Vec<_>> = line.split(',').map(pair).collect();
        let pairs = pairs?;
        let same = known.iter().find(|rule| rule.pairs == pairs).cloned();
        Some(same.unwrap_or(Rule { pairs, case_exact: false }))
    };
    let all: Option<Vec<Rule>> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(rule).collect();
    let wrong = || {
        scim::Error::invalid_value(
            "a rule of matching is written as APP ATTRIBUTE = DIRECTORY ATTRIBUTE, one rule a line",
        )
    };
    Ok(all.ok_or_else(wrong)?)
}

const COLUMNS: [Column; 3] =
    [Column::new("Directory attribute"), Column::new("Value"), Column::new("Apply on").minor()];

fn mappings(integration: &Integration) -> Markup {
    let rows = integration.app.to_directory.iter().map(|mapping| Row {
        cells: vec![
            html! { code { (mapping.attribute) } },
            html! { code .wrap { (written(&mapping.from, "appuser")) } },
            html! { (applied(mapping.apply)) },
        ],
        ..Row::default()
    });
    card(
        "Attribute Mappings",
        html! {
            div .actions {
                (link(&at(integration, "/mappings?way=to-directory"), "Edit mappings", false))
                (link(&at(integration, "/import"), "Import", false))
            }
            (table(&Table { caption: "Attribute mappings", columns: &COLUMNS, rows: rows.collect(), body_id: None }))
        },
    )
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Edited {
    every: String,
    exact: String,
    partial: String,
    new: String,
    activate: String,
    source: String,
    gone: String,
    back: String,
    safeguard: String,
    rules: String,
    partial_rule: String,
}

/// `POST /app/apps/{name}/provisioning/to-directory`.
pub(super) async fn save(cx: Desk, Path(name): Path<String>, Form(edited): Form<Edited>) -> Shown {
    let integration = find(&cx, &name).await?;
    let percent: f64 = edited
        .safeguard
        .trim()
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| scim::Error::invalid_value("the import safeguard is a number from 0 to 100"))?;
    let on = |field: &str| !field.is_empty();
    let known = &integration.options.matching;
    let (exact, partial) =
        (rules(&edited.rules, &known.exact)?, rules(&edited.partial_rule, known.partial.as_slice())?);
    let options = json!({
        "importEveryHours": edited.every.trim().parse::<u32>().ok(),
        "matching": {
            "exact": exact,
            "partial": partial.first(),
            "confirmExact": on(&edited.exact),
            "confirmPartial": on(&edited.partial),
            "confirmNew": on(&edited.new),
            "activateNew": on(&edited.activate),
        },
        "profileSource": on(&edited.source),
        "onGone": edited.gone,
        "onBack": if edited.back.is_empty() { back_word(integration.options.on_back) } else { edited.back.as_str() },
        "safeguardPercent": percent,
    });
    let change = Map::from_iter([("options".to_owned(), options)]);
    let after = apps::change(&cx.app, &cx.actor(), tenant(&cx), &name, change).await?;
    cx.done(&at(&after, "/provisioning/to-directory"), Flash::good("Saved"))
}
