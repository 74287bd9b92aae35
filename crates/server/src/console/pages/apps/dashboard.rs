//! B1, the dashboard of the directory's side: how every application is doing, and what waits for somebody.

use super::{at, state, tenant};
use crate::admin::apps::health::{self, Health, LATELY};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, at_least, badge, card, card_with, choice, count, empty, field, link, percent,
    table, tile, when,
};
use crate::console::{Desk, Fault, Icon, Nav, Page, Shown, fragment, page, see_other};
use crate::query;
use maud::{Markup, html};
use store::{Run, RunState};

/// The newest requests that are shown.
const LATEST: u32 = 10;

/// `GET /app/dashboard`.
pub(super) async fn show(cx: Desk) -> Shown {
    let inner = moment(&cx).await?;
    // Numbers over every link of every app: not more often than they can be read.
    let body = html! {
        div .live-part #dashboard hx-get="/app/dashboard/now" hx-trigger="apps from:body throttle:5s" hx-swap="innerMorph" { (inner) }
        (on_demand(&cx).await?)
    };
    let about = Page::new("Dashboard", Nav::Dashboard)
        .purpose("Where the people of this directory are brought to, and how that goes.")
        .help("provision-an-application");
    Ok(page(&cx, about, body))
}

/// `GET /app/dashboard/now`.
pub(super) async fn fresh(cx: Desk) -> Shown {
    Ok(fragment(moment(&cx).await?))
}

async fn moment(cx: &Desk) -> Result<Markup, Fault> {
    let all = health::of_all(&cx.app, tenant(cx), health::LATELY).await?;
    if all.is_empty() {
        let new = html! { a .button.main href="/app/create-app" { (Icon::Plus.svg()) "Create App Integration" } };
        let text = html! { "An app integration brings the people and groups of this directory to an application, and keeps them right there." };
        return Ok(empty(Icon::Apps, "Create your first app integration", text, cx.may_change().then_some(new)));
    }
    let runs = health::runs(&cx.app, cx.tenant.tenant.id).await?;
    Ok(html! {
        (tiles(&all))
        (attention(&all, &runs))
        (card_with("Applications", html! { a href="/app/apps" { "All applications" } }, apps(cx, &all)))
        (latest(cx, &all).await?)
    })
}

fn tiles(all: &[Health]) -> Markup {
    let sum = |of: fn(&Health) -> u64| all.iter().map(of).sum::<u64>();
    let (sent, failed, tasks) = (sum(|one| one.sent), sum(|one| one.failed), sum(|one| one.numbers.tasks));
    let leavers: u64 = all.iter().filter_map(|one| one.numbers.due.first()).sum();
    let more = all.iter().any(|one| one.sent >= u64::from(LATELY));
    html! {
        div .tiles {
            (tile(&count(sum(Health::accounts)), "Accounts in use", html! { "in " (count(all.len() as u64)) @if all.len() == 1 { " application" } @else { " applications" } }))
            (tile(&at_least(sum(Health::queue)), "Waiting to be sent", html! { @if leavers > 0 { (at_least(leavers)) " leave and go first" } @else { "nobody who leaves is among them" } }))
            (tile(&format!("{}{}", count(sent), if more { " +" } else { "" }), "Requests in a day", html! {
                @if sent == 0 { "nothing was sent" } @else if failed == 0 { "none failed" } @else { (count(failed)) " failed, " (percent(failed, sent)) }
            }))
            (tile(&at_least(tasks), "Tasks", html! { @if tasks == 0 { "nobody has to look" } @else { a href="/app/tasks" { "Look at them" } } }))
        }
    }
}

/// What somebody should look at, the worst first.
fn attention(all: &[Health], runs: &[Run]) -> Markup {
    let mut items: Vec<(Tone, Markup)> = Vec::new();
    for one in all {
        let integration = &one.integration;
        let label = &integration.app.label;
        if let Some(pace) = &integration.row.pace {
            let why = pace.get("why").or_else(|| pace.get("reason")).and_then(serde_json::Value::as_str);
            items.push((Tone::Bad, html! { (label) ": requests wait. " (why.unwrap_or("The app does not answer as it should.")) " " a href=(at(integration, "/log")) { "Look at its log" } }));
        }
        if integration.row.pending_at.is_some() {
            items.push((Tone::Warn, html! { (label) ": a change waits to be applied to everybody. " a href=(at(integration, "/provisioning/to-app")) { "Apply it" } }));
        }
        if integration.app.provisioning && !super::is_connected(integration) {
            items.push((Tone::Warn, html! { (label) " is not connected. " a href=(at(integration, "/provisioning/integration")) { "Connect it" } }));
        }
        if one.numbers.tasks > 0 {
            items.push((Tone::Bad, html! { (label) ": " (at_least(one.numbers.tasks)) @if one.numbers.tasks == 1 { " person or group waits for somebody. " } @else { " people or groups wait for somebody. " } a href=(at(integration, "/tasks")) { "Tasks" } }));
        }
        for run in runs.iter().filter(|run| run.app == integration.row.id && run.state == RunState::Stopped) {
            items.push((Tone::Bad, html! { (label) ": an import was stopped by its safeguard. " a href=(at(integration, &format!("/import/{}", run.id))) { "Decide" } }));
        }
    }
    items.sort_by_key(|(tone, _)| *tone != Tone::Bad);
    html! {
        @if !items.is_empty() {
            (card("Needs attention", html! { ul .attention { @for (tone, item) in &items { li class=(tone.class()) { (tone.icon().svg()) span { (item) } } } } }))
        }
        @let going: Vec<&Run> = runs.iter().filter(|run| run.state != RunState::Stopped).collect();
        @if !going.is_empty() {
            (card("Under way", html! { ul .list.rows { @for run in going {
                @if let Some(one) = all.iter().find(|one| one.integration.row.id == run.app) {
                    li { a href=(at(&one.integration, &format!("/import/{}", run.id))) { (one.integration.app.label) ": " (super::import::kind(run)) } " " (super::import::counts(run)) }
                }
            } } }))
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::new("Application"),
    Column::new("State"),
    Column::new("Accounts").number(),
    Column::new("Waiting").number(),
    Column::new("Last success").minor(),
    Column::new("Failed").number(),
];

fn apps(cx: &Desk, all: &[Health]) -> Markup {
    let rows = all.iter().map(|one| {
        let integration = &one.integration;
        Row {
            cells: vec![
                html! { a href=(at(integration, "")) { (integration.app.label) } },
                html! { (state(integration)) @if one.numbers.tasks > 0 { " " a href=(at(integration, "/tasks")) { (badge(Tone::Bad, &format!("{} task{}", at_least(one.numbers.tasks), if one.numbers.tasks == 1 { "" } else { "s" }))) } } },
                html! { a href=(at(integration, "/assignments")) { (count(one.accounts())) } },
                html! { (at_least(one.queue())) @if one.numbers.stale > 0 { p .hint { (at_least(one.numbers.stale)) " to look at anew" } } },
                html! { @match one.last_good_at { Some(good) => (when(good, cx.now)), None => span .quiet { "never" } } },
                html! { @if one.sent == 0 { "—" } @else { a href=(at(integration, "/log")) { (percent(one.failed, one.sent)) } p .hint { "of " (count(one.sent)) } } },
            ],
            ..Row::default()
        }
    });
    table(&Table { caption: "Applications", columns: &COLUMNS, rows: rows.collect(), body_id: None })
}

const REQUESTS: [Column; 4] =
    [Column::new("Request"), Column::new("Application"), Column::new("Answer"), Column::new("When")];

async fn latest(cx: &Desk, all: &[Health]) -> Result<Markup, Fault> {
    let found = health::latest(&cx.app, all, LATEST).await?;
    let rows = found.iter().filter_map(|(place, exchange)| {
        let integration = &all.get(*place)?.integration;
        let href = query::address(&at(integration, "/log"), &[("open", &exchange.id.to_string())]);
        Some(Row {
            cells: vec![
                html! { a href=(href) { span .method { (exchange.method) } " " span .wrap { (query::decode(&exchange.path)) } } },
                html! { (integration.app.label) },
                super::exchanges::answer(exchange),
                when(exchange.at, cx.now),
            ],
            ..Row::default()
        })
    });
    let rows: Vec<Row> = rows.collect();
    Ok(html! {
        @if !rows.is_empty() {
            (card("Latest requests", table(&Table { caption: "Latest requests", columns: &REQUESTS, rows, body_id: None })))
        }
    })
}

/// *Provision on demand* from here: which app, and whom.
async fn on_demand(cx: &Desk) -> Result<Markup, Fault> {
    let all = crate::admin::apps::list(&cx.app, tenant(cx)).await?;
    let there: Vec<(&str, &str)> = all
        .iter()
        .filter(|one| one.app.provisioning)
        .map(|one| (one.row.name.as_str(), one.app.label.as_str()))
        .collect();
    if there.is_empty() {
        return Ok(html! {});
    }
    Ok(card(
        "Provision on demand",
        html! {
            p { "What would be done for somebody, and why; then, if you say so, done." }
            form method="get" action="/app/dashboard/on-demand" {
                div .columns {
                    (choice(&Field { name: "app", label: "Application", ..Field::default() }, &there))
                    (field(&Field { name: "person", label: "Person", required: true, autocomplete: "off", hint: "userName or id", ..Field::default() }))
                }
                div .actions { button type="submit" { "Dry run" } (link("/app/users", "Choose among the users", false)) }
            }
        },
    ))
}

/// `GET /app/dashboard/on-demand?app=…&person=…`.
pub(super) async fn lead_on(cx: Desk) -> Shown {
    let integration = super::find(&cx, &cx.asked("app").unwrap_or_default()).await?;
    let person = cx.asked("person").unwrap_or_default();
    Ok(see_other(&query::address(&at(&integration, "/on-demand"), &[("person", person.trim())])))
}
