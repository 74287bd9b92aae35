//! A14, conflicts: refusals that wait for a person.

use crate::admin::conflicts::{self, Conflict, Many};
use crate::admin::directory;
use crate::console::parts::{Tone, badge, confirm, copy_button, count, empty, form, link, status, visible, when};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, page, remedy, sentence};
use crate::worker::settle_log;
use maud::{Markup, html};
use scim::code::CATALOGUE;
use serde::Deserialize;
use std::sync::Arc;

/// `GET /app/conflicts`.
pub(super) async fn list(cx: Desk) -> Shown {
    settle_log(&cx.app).await;
    let (all, hidden) = conflicts::list(&cx.app, &cx.tenant).await?;
    let mut items = Vec::new();
    for conflict in &all {
        items.push(item(&cx, conflict).await?);
    }
    let body = html! {
        @if all.is_empty() {
            (empty(Icon::Check, "Nothing to solve", html! { "Whatever was refused lately has been solved or dismissed." }, Some(link("/app/log?result=failed", "All refusals in the log", false))))
        } @else {
            ol .conflicts { @for item in &items { (item) } }
            @if cx.may_change() && all.len() > 1 { (on_many(&cx)) }
        }
        @if hidden > 0 { p .quiet { (hidden) " dismissed; each comes back when it is refused again." } }
    };
    let about = Page::new("Conflicts", Nav::Conflicts)
        .purpose("Changes that were refused and have not gone through since. Each is solved by itself when the same thing succeeds.")
        .help("errors");
    Ok(page(&cx, about, body))
}

async fn item(cx: &Desk, conflict: &Conflict) -> Result<Markup, Fault> {
    let entry = &CATALOGUE.iter().find(|entry| entry.code.to_string() == conflict.code);
    let existing = existing(cx, conflict).await?;
    let subject = named(cx, conflict).await;
    let detail = conflict.detail.strip_suffix(&format!(" ({})", conflict.code)).unwrap_or(&conflict.detail);
    let detail = remedy::detail(detail);
    Ok(html! {
        li .card data-row {
            header {
                @if cx.may_change() {
                    label .pick { span .unseen { "Select " (subject) }
                        input type="checkbox" name="one" value={ (conflict.last.seq) " " (conflict.name) } form=(FORM) data-pick; }
                }
                h2 { a href={ "/app/log/" (conflict.last.seq) } { (subject) } }
                (status(conflict.last.status, Some(&conflict.code)))
            }
            p { strong { (entry.map_or("Refused", |entry| entry.title)) } ". " @if !detail.is_empty() { (visible(&sentence(detail))) } }
            p .quiet {
                (conflict.last.method) " " code .wrap { (conflict.last.path.split('?').next().unwrap_or_default()) }
                @if conflict.count > 1 { " · " (count(conflict.count)) " times since " (when(conflict.first_at, cx.now)) }
                " · last " (when(conflict.last.at, cx.now))
                @if !conflict.last.actor.is_empty() { " · by " (conflict.last.actor) }
            }
            @if let Some(entry) = entry { p { strong { "What to do: " } (remedy::words(&conflict.code, entry.fix)) } }
            @if let Some((href, name)) = &existing {
                p { (badge(Tone::Info, "Already here")) " " a href=(href) { (name) }
                    " has this value. Link the two, rename or delete one of them, or let every create take accounts over: "
                    a href="/app/scim#rules" { "matching" } "." }
            }
            div .actions {
                (link(&format!("/app/log/{}", conflict.last.seq), "Open the request", false))
                @if let Some((word, href)) = remedy::of(&conflict.code).filter(|(_, href)| *href != "/app/conflicts") { (link(href, word, false)) }
                a .button.quiet href={ "/docs/errors/" (conflict.code) } { "About " (conflict.code) }
                @if cx.may_change() {
                    @if existing.is_some() && conflicts::can_link(conflict) { (linking(cx, conflict)) }
                    (asking(cx, conflict, &subject))
                    (form(cx, "/app/conflicts/dismiss", html! {
                        input type="hidden" name="name" value=(conflict.name);
                        input type="hidden" name="seq" value=(conflict.last.seq);
                        button .quiet type="submit" { "Dismiss" }
                    }))
                }
            }
        }
    })
}

/// The form that the boxes of all items belong to.
const FORM: &str = "with-selected";

fn on_many(cx: &Desk) -> Markup {
    html! {
        form #(FORM) method="post" action="/app/conflicts/bulk" {
            input type="hidden" name="csrf" value=(cx.csrf);
            fieldset .bulk {
                legend { "With those selected" }
                p .hint { "Linking lets each account that is in the way take over what was refused; where there is none, it is told." }
                div .actions {
                    button .small type="submit" name="do" value="dismiss" { "Dismiss" }
                    button .small type="submit" name="do" value="link" { "Link existing" }
                }
            }
        }
    }
}

/// `POST /app/conflicts/bulk`.
pub(super) async fn bulk(cx: Desk, Form(fields): Form<Vec<(String, String)>>) -> Shown {
    let here = "/app/conflicts";
    let chosen: Vec<(String, i64)> = fields
        .iter()
        .filter(|(field, _)| field == "one")
        .filter_map(|(_, value)| value.split_once(' '))
        .filter_map(|(seq, name)| Some((name.to_owned(), seq.parse().ok()?)))
        .collect();
    let what = match fields.iter().find(|(field, _)| field == "do").map(|(_, value)| value.as_str()) {
        Some("dismiss") => Many::Dismiss,
        Some("link") => Many::Link,
        _ => return cx.done(here, Flash::bad("Nothing was done: choose what to do")),
    };
    if chosen.is_empty() {
        return cx.done(here, Flash::bad("Nothing is selected: tick the conflicts first"));
    }
    let (actor, from) = (Arc::new(cx.actor()), (&*cx.endpoint, &cx.origin));
    let outcome = conflicts::many(&cx.app, &actor, &cx.tenant, from, what, &chosen).await?;
    let word = if what == Many::Dismiss { "Dismissed" } else { "Linked" };
    let flash = match outcome.failed.first() {
        None => Flash::good(format!("{word}: {}", outcome.done)),
        Some((subject, why)) => Flash::bad(format!(
            "{word}: {}. {} could not be; the first of them is “{subject}”: {}",
            outcome.done,
            outcome.failed.len(),
            sentence(why)
        )),
    };
    cx.done(here, flash)
}

/// What was refused becomes the state of the account that is there.
fn linking(cx: &Desk, conflict: &Conflict) -> Markup {
    let what = html! {
        p { "The account that is there takes over what was refused: its external id, and every value that the request held. From then on the identity provider finds it." }
        p { "Its id, groups and history stay." }
    };
    let name = html! { input type="hidden" name="name" value=(conflict.name); };
    confirm(cx, "/app/conflicts/link", "Link existing", what, None, name)
}

/// Nothing here can make the other side send something: the words for whoever can.
fn asking(cx: &Desk, conflict: &Conflict, subject: &str) -> Markup {
    let words =
        format!("Please provision {subject} again: it was refused with {} and should go through now.", conflict.code);
    html! {
        details .confirm {
            summary .button { "Ask to resend" }
            div .confirm-body {
                p { "An identity provider sends again when somebody there asks it to." }
                ul .list {
                    li { strong { "Okta: " } "Dashboard, Tasks, choose the failed task, Retry selected." }
                    li { strong { "Entra: " } "the application, Provisioning, Provision on demand." }
                }
                p { "To pass on:" }
                p .label { (words) }
                (copy_button("what to pass on", &words))
                (form(cx, "/app/conflicts/dismiss", html! {
                    input type="hidden" name="name" value=(conflict.name);
                    input type="hidden" name="seq" value=(conflict.last.seq);
                    button type="submit" { "I asked: hide it until it is refused again" }
                }))
            }
        }
    }
}

/// Whom a refusal is about: a request that names nobody names them by the id in its address.
pub(super) async fn named(cx: &Desk, conflict: &Conflict) -> String {
    let mut parts = conflict.last.path.split(['/', '?']).filter(|part| !part.is_empty());
    let kind = match parts.next() {
        Some("Users") => "User",
        Some("Groups") => "Group",
        _ => return conflict.subject.clone(),
    };
    let Some(id) = parts.next().filter(|id| conflict.subject.contains(*id)) else {
        let is_path = conflict.subject.starts_with('/');
        return if is_path { format!("A new {}", kind.to_lowercase()) } else { conflict.subject.clone() };
    };
    let found = directory::find(&cx.app, &cx.tenant, &cx.endpoint, kind, id).await;
    found.map_or_else(|_| conflict.subject.clone(), |found| found.name())
}

/// Who has the value that was refused because it is taken.
async fn existing(cx: &Desk, conflict: &Conflict) -> Result<Option<(String, String)>, Fault> {
    if conflict.code != "PRV-1007" {
        return Ok(None);
    }
    let (kind, path, place) = match conflict.last.path.starts_with("/Groups") {
        true => ("Group", "displayName", "groups"),
        false => ("User", "userName", "users"),
    };
    let found = directory::find_by(&cx.app, &cx.tenant, kind, path, &conflict.subject).await?;
    Ok(found.map(|id| (format!("/app/{place}/{id}"), conflict.subject.clone())))
}

/// Which group of refusals.
#[derive(Deserialize)]
pub(super) struct Which {
    name: String,
    #[serde(default)]
    seq: i64,
}

/// `POST /app/conflicts/dismiss`.
pub(super) async fn dismiss(cx: Desk, Form(which): Form<Which>) -> Shown {
    conflicts::dismiss(&cx.app, &cx.actor(), &cx.tenant, &which.name, which.seq).await?;
    cx.done("/app/conflicts", Flash::good("Dismissed").undo("/app/conflicts/recall", &[("name", &which.name)]))
}

/// `POST /app/conflicts/link`.
pub(super) async fn link_existing(cx: Desk, Form(which): Form<Which>) -> Shown {
    let actor = Arc::new(cx.actor());
    match conflicts::link(&cx.app, actor, &cx.tenant, &cx.endpoint, &cx.origin, &which.name).await {
        Ok(id) => cx.done(&format!("/app/users/{id}"), Flash::good("Linked: the account has what was refused")),
        Err(error) => cx.refused("/app/conflicts", error),
    }
}

/// `POST /app/conflicts/recall`.
pub(super) async fn recall(cx: Desk, Form(which): Form<Which>) -> Shown {
    conflicts::recall(&cx.app, &cx.actor(), &cx.tenant, &which.name).await?;
    cx.done("/app/conflicts", Flash::good("Put back"))
}
