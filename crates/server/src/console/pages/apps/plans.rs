//! Plans: changes of applications that are looked at before they are made. Made from a document, shown line by line,
//! approved, applied; each by a function that the API and the command line call, too.

use super::{at, tenant};
use crate::admin::apps::config::{self, Config};
use crate::admin::apps::plans::{self, NewPlan, Words};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, at_least, badge, card, card_with, confirm, count, definitions, empty, field, form,
    json, link, note, pager, table, text_area, time, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, fragment, page};
use crate::limits;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use store::{PlanRow, PlanState};

/// Plans of one page.
const ROWS: u32 = 50;
/// Applications whose progress a page shows.
const APPS: usize = 50;
/// Lines of a plan that a page shows; the API has all of them.
const LINES_MAX: usize = 500;

const COLUMNS: [Column; 5] = [
    Column::new("Plan"),
    Column::new("State"),
    Column::new("Steps").number(),
    Column::new("Made by").minor(),
    Column::new("Made"),
];

fn state(plan: &PlanRow) -> Markup {
    match plan.state {
        PlanState::Waiting => badge(Tone::Warn, "Waits for approval"),
        PlanState::Approved => badge(Tone::Info, "Approved"),
        PlanState::Applied => badge(Tone::Good, "Applied"),
        PlanState::Dropped => badge(Tone::Quiet, "Dropped"),
    }
}

fn name(plan: &PlanRow) -> String {
    if plan.title.is_empty() { format!("Plan {}", plan.id) } else { format!("{} #{}", plan.title, plan.id) }
}

/// `GET /app/plans`; `?before=7` goes on behind that one.
pub(super) async fn list(cx: Desk) -> Shown {
    let before = cx.asked("before").and_then(|text| text.parse().ok());
    let all = plans::list(&cx.app, tenant(&cx), before, ROWS).await?;
    let rows = all.iter().map(|plan| Row {
        cells: vec![
            html! { a href={ "/app/plans/" (plan.id) } { (name(plan)) } },
            state(plan),
            html! { (count(plan.step_count)) },
            html! { (plan.created_by) },
            when(plan.created_at, cx.now),
        ],
        ..Row::default()
    });
    let new = link("/app/plans/new", "New plan", true);
    let next = all.last().filter(|_| all.len() >= ROWS as usize).map(|last| format!("/app/plans?before={}", last.id));
    let body = html! {
        @if all.is_empty() {
            (empty(Icon::Plan, "No plans", html! { "A change of mappings or assignments can change everybody. As a plan it is looked at and approved before anything happens." },
                cx.may_change().then(|| new.clone())))
        } @else {
            (table(&Table { caption: "Plans, newest first", columns: &COLUMNS, rows: rows.collect(), body_id: None }))
            (pager(before.map(|_: i64| "/app/plans"), next.as_deref(), all.len(), None, None))
        }
    };
    let about = Page::new("Plans", Nav::Plans)
        .purpose("Changes of applications that are looked at and approved before they are made.")
        .action(html! { @if cx.may_change() && !all.is_empty() { (new) } })
        .help("plans");
    Ok(page(&cx, about, body))
}

/// The form for a new plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    title: String,
    config: String,
    #[serde(rename = "do")]
    wanted: String,
}

/// `GET /app/plans/new`; `?app=wiki` begins with what is decided about that one now.
pub(super) async fn form_new(cx: Desk) -> Shown {
    let config = config::export(&cx.app, tenant(&cx), cx.asked("app")).await?;
    let config = serde_json::to_string_pretty(&config).map_err(store::Error::from)?;
    Ok(page(&cx, new_page(), editor(&cx, &Draft { config, ..Draft::default() }, html! {})))
}

fn new_page() -> Page {
    Page::new("New plan", Nav::Plans)
        .under("Plans", "/app/plans")
        .purpose("Change the document into what should be. What it does not name stays; a list that it names is the whole list.")
        .help("plans")
}

fn editor(cx: &Desk, draft: &Draft, said: Markup) -> Markup {
    html! {
        (said)
        (form(cx, "/app/plans", html! {
            (card("What should be", html! {
                (field(&Field { name: "title", label: "What it is for", value: &draft.title, autocomplete: "off",
                    max: u32::try_from(limits::PLAN_TITLE_CHARS_MAX).ok(), ..Field::default() }))
                (text_area(&Field { name: "config", label: "Document", value: &draft.config, required: true, mono: true,
                    hint: "JSON, as provost config export writes it. It may be shortened to what changes.", ..Field::default() }, 20))
                div .actions {
                    button type="submit" name="do" value="look" { "Look at the difference" }
                    button .main type="submit" name="do" value="make" { "Make the plan" }
                    (link("/app/plans", "Back", false))
                }
            }))
        }))
    }
}

/// `POST /app/plans`: the difference, to look at; or a plan of it, which waits for somebody to approve it.
pub(super) async fn create(cx: Desk, Form(draft): Form<Draft>) -> Shown {
    match outcome(&cx, &draft).await {
        Ok(Outcome::Made(plan)) => cx.done(
            &format!("/app/plans/{}", plan.id),
            Flash::good("Nothing has happened yet: the plan waits for approval"),
        ),
        Ok(Outcome::Looked(said)) => Ok(page(&cx, new_page(), editor(&cx, &draft, said))),
        Err(fault) => {
            let said = note(Tone::Bad, "No plan was made", html! { p { (fault.refused()?) } });
            Ok(crate::console::pages::unprocessable(page(&cx, new_page(), editor(&cx, &draft, said))))
        }
    }
}

enum Outcome {
    Looked(Markup),
    Made(Box<PlanRow>),
}

async fn outcome(cx: &Desk, draft: &Draft) -> Result<Outcome, Fault> {
    let broken = |error: serde_json::Error| {
        scim::Error::invalid_value(format!("this is not a document of applications: {error}"))
    };
    let config: Config = serde_json::from_str(&draft.config).map_err(broken)?;
    if draft.wanted == "make" {
        let wanted = NewPlan { title: draft.title.clone(), config };
        let plan = plans::create(&cx.app, &cx.actor(), tenant(cx), wanted).await?;
        return Ok(Outcome::Made(Box::new(plan)));
    }
    let drawn = plans::draw(&cx.app, tenant(cx), config).await?;
    Ok(Outcome::Looked(html! {
        @if drawn.steps.is_empty() { (note(Tone::Info, "Everything is like that already", html! { p { "There is nothing to plan." } })) }
        @else { (told("What would be done", &drawn.words())) }
        @if !drawn.secrets.is_empty() {
            (note(Tone::Info, "Secrets are given by themselves", html! { p { "Not known here yet: " (drawn.secrets.join(", ")) ". Each is typed on its application's page, Provisioning, Integration." } }))
        }
    }))
}

/// What is done, and whom it concerns.
fn told(title: &str, words: &Words) -> Markup {
    let class = |line: &str| match line.as_bytes().first() {
        Some(b'+') => Some("gain"),
        Some(b'-') => Some("loss"),
        _ => None,
    };
    html! {
        section .card {
            header { h2 { (title) } span .quiet { (count(words.done.len() as u64)) @if words.done.len() == 1 { " line" } @else { " lines" } } }
            figure .code {
                pre tabindex="0" role="group" aria-label=(title) { code {
                    @for line in words.done.iter().take(LINES_MAX) { span class=[class(line)] { (line) } "\n" }
                } }
            }
            @if words.done.len() > LINES_MAX { p .hint { "These are the first " (LINES_MAX) "; provost plan show has all of them." } }
        }
        @if !words.concerns.is_empty() {
            (card("Whom it concerns", html! {
                ul .list { @for line in words.concerns.iter().take(LINES_MAX) { li { (line) } } }
                p .hint { "Brakes are not lifted: when more people would lose access than they let through, the rest is held and listed under Tasks." }
            }))
        }
    }
}

/// `GET /app/plans/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<i64>) -> Shown {
    let plan = plans::find(&cx.app, tenant(&cx), id).await?;
    let words = plans::words(&plan)?;
    let done = |done: &Option<(i64, String)>| match done {
        Some((at, by)) => html! { (time(*at)) " by " (by) },
        None => html! { span .quiet { "—" } },
    };
    let decided = if plan.state == PlanState::Dropped { "Dropped" } else { "Approved" };
    let body = html! {
        (card_with("How it stands", state(&plan), html! {
            (definitions(&[
                ("Made", html! { (time(plan.created_at)) " by " (plan.created_by) }),
                (decided, done(&plan.decided)),
                ("Applied", done(&plan.applied)),
            ]))
            @if cx.may_change() { (next(&cx, &plan)) }
        }))
        @if plan.state == PlanState::Applied {
            div .live-part #plan-progress hx-get={ "/app/plans/" (id) "/now" } hx-trigger="apps from:body throttle:5s" hx-swap="innerMorph" { (progress(&cx, &plan).await?) }
        }
        (told(if plan.state == PlanState::Applied { "What was done" } else { "What would be done" }, &words))
        @if words.done.len() <= LINES_MAX {
            details .folded { summary { "Every value, as it is stored" } (json("Steps", &plan.steps.to_string())) }
        }
    };
    let about = Page::new(name(&plan), Nav::Plans).under("Plans", "/app/plans").help("plans");
    Ok(page(&cx, about, body))
}

const PROGRESS: [Column; 3] = [Column::new("Application"), Column::new("State"), Column::new("Still to do")];

/// How far the applications are: what was decided at once is brought to them by and by.
async fn progress(cx: &Desk, plan: &PlanRow) -> Result<Markup, Fault> {
    let all = plans::concerned(&cx.app, tenant(cx), plan, APPS).await?;
    let rows = all.iter().map(|(integration, numbers)| {
        let (queue, stale, tasks) = (numbers.queue(), numbers.stale, numbers.tasks);
        let left = html! {
            @if queue > 0 { p { (at_least(queue)) " waiting to be sent" } }
            @if stale > 0 { p { (at_least(stale)) " to look at anew" } }
            @if tasks > 0 { p { a href=(at(integration, "/tasks")) { (at_least(tasks)) @if tasks == 1 { " waits" } @else { " wait" } " for somebody" } } }
            @if queue + stale + tasks == 0 { (badge(Tone::Good, "Nothing")) }
        };
        let name = html! { a href=(at(integration, "")) { (integration.app.label) } };
        Row { cells: vec![name, super::state(integration), left], ..Row::default() }
    });
    let rows: Vec<Row> = rows.collect();
    Ok(html! {
        @if !rows.is_empty() {
            (card("At the applications", table(&Table { caption: "At the applications", columns: &PROGRESS, rows, body_id: None })))
        }
    })
}

/// `GET /app/plans/{id}/now`.
pub(super) async fn fresh(cx: Desk, Path(id): Path<i64>) -> Shown {
    let plan = plans::find(&cx.app, tenant(&cx), id).await?;
    Ok(fragment(progress(&cx, &plan).await?))
}

/// What can be done with it now.
fn next(cx: &Desk, plan: &PlanRow) -> Markup {
    let place = |what: &str| format!("/app/plans/{}/{what}", plan.id);
    let press = |what: &str, words: &str| form(cx, &place(what), html! { button .main type="submit" { (words) } });
    html! {
        @if matches!(plan.state, PlanState::Waiting | PlanState::Approved) {
            div .actions {
                @if plan.state == PlanState::Waiting { (press("approve", "Approve")) } @else { (press("apply", "Apply now")) }
                (confirm(cx, &place("drop"), "Drop", html! { p { "The plan will not be made. Another can be made from the same document." } }, None, html! {}))
            }
            p .hint { "Applied, it is done as it stands here, all of it or nothing. If an application has changed since the plan was made, nothing is done." }
        }
    }
}

/// `POST /app/plans/{id}/approve`.
pub(super) async fn approve(cx: Desk, Path(id): Path<i64>) -> Shown {
    let outcome = plans::decide(&cx.app, &cx.actor(), tenant(&cx), id, true).await;
    after(&cx, id, outcome.map(drop), "Approved: it can be applied now")
}

/// `POST /app/plans/{id}/drop`.
pub(super) async fn discard(cx: Desk, Path(id): Path<i64>) -> Shown {
    let outcome = plans::decide(&cx.app, &cx.actor(), tenant(&cx), id, false).await;
    after(&cx, id, outcome.map(drop), "Dropped")
}

/// `POST /app/plans/{id}/apply`.
pub(super) async fn apply(cx: Desk, Path(id): Path<i64>) -> Shown {
    let outcome = plans::apply(&cx.app, &cx.actor(), tenant(&cx), id).await;
    after(&cx, id, outcome.map(drop), "Applied")
}

fn after(cx: &Desk, id: i64, outcome: Result<(), crate::error::Error>, words: &str) -> Shown {
    let flash = match outcome {
        Ok(()) => Flash::good(words),
        Err(error) => Flash::bad(Fault::from(error).refused()?),
    };
    cx.done(&format!("/app/plans/{id}"), flash)
}
