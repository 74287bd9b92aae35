//! A0, the setup assistant: what is to be done on both sides, with the reader's own values, ticking itself off; and the
//! links for somebody who has no account here.

use super::attributes::{of_fields, three};
use super::scim::{MANAGER, address_warning};
use super::scim_test::AGENT;
use crate::admin::received::{Never, never_received};
use crate::admin::tokens::State;
use crate::admin::{self, links};
use crate::app::App;
use crate::auth::SHOWN;
use crate::console::parts::{
    Field, Tone, badge, card, card_with, choice, confirm, copy_box, field, form, link, live, note, tabs, time, when,
};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, fragment, page};
use crate::error::Result;
use crate::tenants::TenantState;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use store::{LogEntry, LogQuery, SetupLink, Token};

/// The name under which it is remembered that somebody does not want to see the assistant.
const SKIPPED: &str = "setup|skipped";
/// People and groups that are counted; of groups the newest.
const COUNTED_MAX: u32 = 1_000;
/// What people map first.
const MAPPED: [(&str, &str); 5] = [
    ("userName", "userName"),
    ("name.givenName", "name"),
    ("name.familyName", "name"),
    ("emails", "emails"),
    ("manager", MANAGER),
];

/// Custom fields that are named one by one.
const NAMED_MAX: usize = 5;

/// Where setting up is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    token: Option<Token>,
    /// The first or newest request that was let in.
    request: Option<LogEntry>,
    /// A newer one that was not.
    wrong_token: Option<LogEntry>,
    /// How the token ended that it showed.
    wrong_end: Option<String>,
    users: u64,
    groups: u64,
    /// Attributes with a value somewhere, and those without.
    arrived: Vec<&'static str>,
    missing: Vec<&'static str>,
    /// Custom fields that no request has ever carried.
    never: Vec<Never>,
    pub(super) skipped: bool,
}

impl Progress {
    /// The steps that are done, of six.
    pub(super) fn done(&self) -> usize {
        [
            self.token.is_some(),
            self.is_pasted(),
            self.request.is_some(),
            self.users > 0,
            self.is_mapped(),
            self.groups > 0,
        ]
        .iter()
        .filter(|done| **done)
        .count()
    }

    fn is_pasted(&self) -> bool {
        self.request.is_some()
    }

    fn is_mapped(&self) -> bool {
        self.users > 0 && !self.missing.iter().any(|name| *name != "manager")
    }
}

/// Looks where setting up is. All of it are lookups, however much the tenant holds.
pub(super) async fn progress(app: &App, state: &Arc<TenantState>) -> Result<Progress> {
    let (state, now) = (Arc::clone(state), app.clock().now());
    app.store()
        .read(move |r| -> store::Result<Progress> {
            let tenant = state.tenant.id;
            let mut tokens = r.tokens(Some(tenant))?;
            tokens.retain(|token| token.label != super::scim_test::LABEL);
            let entries = r.log(tenant, &LogQuery { limit: 300, ..LogQuery::default() })?;
            let of_token = |entry: &&LogEntry| tokens.iter().any(|token| token.label == entry.actor);
            let request = entries.iter().find(|entry| entry.status < 400 && of_token(entry)).cloned();
            let last = request.as_ref().map_or(0, |entry| entry.seq);
            let wrong_token = entries
                .iter()
                .find(|entry| entry.status == 401 && entry.seq > last && entry.user_agent.as_deref() != Some(AGENT))
                .cloned();
            let wrong_end = match &wrong_token {
                Some(entry) => {
                    let one =
                        LogQuery { before: Some(entry.seq + 1), limit: 1, want_texts: true, ..LogQuery::default() };
                    r.log(tenant, &one)?.first().and_then(shown_end)
                }
                None => None,
            };
            let used =
                tokens.iter().filter(|token| token.last_used_at.is_some()).max_by_key(|token| token.last_used_at);
            let request = request.or_else(|| {
                let at = used?.last_used_at?;
                Some(LogEntry {
                    at,
                    actor: used?.label.clone(),
                    user_agent: used?.last_used_agent.clone(),
                    remote: used?.last_used_from.clone(),
                    ..LogEntry::default()
                })
            });
            let mut progress = Progress { request, wrong_token, wrong_end, ..Progress::default() };
            progress.token = tokens.into_iter().rev().find(|token| State::of(token, now) == State::Active);
            // One that was made by hand is no push.
            progress.groups = r.heard_among(tenant, "Group", COUNTED_MAX)?;
            if let Some(rt) = state.named("User") {
                progress.users = r.holders(tenant, rt, "externalId", COUNTED_MAX)?;
                for (name, value) in MAPPED {
                    let arrived = progress.users > 0
                        && match value {
                            MANAGER => r.has_managers(tenant)?,
                            value => r.holders(tenant, rt, value, 1)? > 0,
                        };
                    if arrived { progress.arrived.push(name) } else { progress.missing.push(name) }
                }
            }
            progress.never = never_received(r, &state)?.into_iter().filter(|one| one.custom).collect();
            progress.skipped = r.dismissals(tenant)?.contains_key(SKIPPED);
            Ok(progress)
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// The identity providers that the assistant speaks of.
const PROVIDERS: [(&str, &str); 3] = [("okta", "Okta"), ("entra", "Entra ID"), ("other", "Another one")];

/// `GET /app/setup?idp=okta`.
pub(super) async fn show(cx: Desk) -> Shown {
    let idp =
        cx.asked("idp").filter(|idp| PROVIDERS.iter().any(|(key, _)| key == idp)).unwrap_or_else(|| "okta".into());
    let progress = progress(&cx.app, &cx.tenant).await?;
    let all: Vec<(&str, String, bool)> =
        PROVIDERS.iter().map(|(key, word)| (*word, format!("/app/setup?idp={key}"), *key == idp)).collect();
    let body = html! {
        (live("steps", &["setup", "log"], &format!("/app/setup/steps?idp={idp}"), steps(&cx, &progress)))
        section .card {
            header { h2 { "In the identity provider" } }
            (tabs("Identity provider", &all))
            (guide(&idp, &cx.endpoint))
            (values(&cx))
        }
        @if cx.may_change() { (hand_over(&cx).await?) }
    };
    let action = html! {
        @if cx.may_change() {
            @if progress.skipped { (form(&cx, "/app/setup/restart", html! { button .quiet type="submit" { "Show on the overview again" } })) }
            @else { (form(&cx, "/app/setup/skip", html! { button .quiet type="submit" { "Hide from the overview" } })) }
        }
    };
    let about = Page::new("Setup", Nav::Setup)
        .purpose(
            "Six steps from nothing to the first person. They tick themselves off while you work in the other window.",
        )
        .action(action)
        .help("first-run");
    Ok(page(&cx, about, body))
}

/// `GET /app/setup/steps`.
pub(super) async fn fresh(cx: Desk) -> Shown {
    let progress = progress(&cx.app, &cx.tenant).await?;
    Ok(fragment(steps(&cx, &progress)))
}

fn step(done: bool, title: &str, body: Markup) -> Markup {
    html! {
        li class=(if done { "good" } else { "open" }) {
            p .step-title { strong { (title) } " " @if done { (badge(Tone::Good, "done")) } @else { span .unseen { "(to do)" } } }
            div .step-body { (body) }
        }
    }
}

/// The six steps as they stand; also for the page behind a setup link, where `cx` is not.
fn steps(cx: &Desk, progress: &Progress) -> Markup {
    let make = html! { @if cx.may_change() { (link("/app/scim/tokens", "Generate token", true)) } };
    list(progress, cx.now, make, "/app")
}

/// The list of steps; `base` is in front of links, which are left out where it is empty.
pub(super) fn list(progress: &Progress, now: i64, make: Markup, base: &str) -> Markup {
    let inside = !base.is_empty();
    let waiting = html! { p .quiet { span .pulse aria-hidden="true" {} "Waiting for the first request…" } };
    html! {
        p .steps-done { strong { (progress.done()) " of 6" } " done " progress max="6" value=(progress.done()) aria-label="Steps done" {} }
        ol .setup-steps {
            (step(progress.token.is_some(), "Make a token", match &progress.token {
                Some(token) => html! { p { (token.label) " " code { (token.hint) } @if inside { " · " a href="/app/scim/tokens" { "all tokens" } } } },
                None => html! { p { "It is shown once; keep it at hand for the next step." } (make) },
            }))
            (step(progress.is_pasted(), "Paste endpoint and token into the identity provider", html! {
                p { "The values are below. Then press " strong { "Test Connector Configuration" } " (Okta) or " strong { "Test Connection" } " (Entra)." }
            }))
            (step(progress.request.is_some(), "First request seen", html! {
                @if let Some(entry) = &progress.wrong_token { (wrong_token(entry, progress.wrong_end.as_deref(), now, inside)) }
                @match &progress.request {
                    Some(entry) => p { "With the token “" (entry.actor) "”, " (when(entry.at, now))
                        @if let Some(from) = &entry.remote { " from " (from) } @if let Some(agent) = &entry.user_agent { " by " (agent) } },
                    None => (waiting),
                }
            }))
            (step(progress.users > 0, "A test user arrived", match progress.users {
                0 => html! { p .quiet { "Assign one person to the application there. People who were assigned earlier are not created by a forced sync." } },
                users => html! { p { (users) @if users == 1 { " person has" } @else { " people have" } " come from the identity provider" @if inside { " · " a href="/app/users" { "users" } } } },
            }))
            (step(progress.is_mapped(), "Attributes checked", html! {
                p { @if progress.arrived.is_empty() { span .quiet { "What arrived and what never did stands here after the first person." } }
                    @else { "Arrived: " (progress.arrived.join(", ")) ". " @if !progress.missing.is_empty() { "Never: " strong { (progress.missing.join(", ")) } "." } }
                    @if inside { " " a href="/app/scim/attributes" { "All attributes" } } }
                @if !progress.never.is_empty() {
                    p { "Custom fields that no request has carried: "
                        @for (at, one) in progress.never.iter().take(NAMED_MAX).enumerate() {
                            @if at > 0 { ", " }
                            strong { (one.value.rsplit(':').next().unwrap_or_default()) } @if let Some(since) = one.since { " (made " (when(since, now)) ")" }
                        }
                        @if progress.never.len() > NAMED_MAX { " and " (progress.never.len() - NAMED_MAX) " more" } "."
                    }
                }
            }))
            (step(progress.groups > 0, "A group was pushed", match progress.groups {
                0 => html! { p .quiet { "Optional: Push Groups, by name. Members have to be assigned to the application first." } },
                groups => html! { p { (groups) @if groups == 1 { " group has" } @else { " groups have" } " come from the identity provider" @if inside { " · " a href="/app/groups" { "groups" } } } },
            }))
        }
    }
}

/// How the token ended that a refused request showed, as its decisions tell.
fn shown_end(entry: &LogEntry) -> Option<String> {
    let steps: Vec<String> = serde_json::from_str(entry.steps.as_deref()?).ok()?;
    steps.iter().find_map(|step| step.strip_prefix(SHOWN).map(str::to_owned))
}

fn wrong_token(entry: &LogEntry, end: Option<&str>, now: i64, inside: bool) -> Markup {
    let why = match entry.code.as_deref() {
        Some("PRV-2002") => "with a token that was revoked or has expired",
        Some("PRV-2012") => "with a token that is switched off",
        Some("PRV-2003") => "with a token that is cut off or mistyped",
        _ if end.is_some() => "with a token that is not known here",
        _ => "with a token that is not known here, or none",
    };
    note(
        Tone::Bad,
        "A request was turned away",
        html! {
            p { "It arrived " (when(entry.at, now)) @if let Some(from) = &entry.remote { " from " code { (from) } } " " (why)
                @if let Some(end) = end { " (it ends in " code { (end) } ")" } ". Paste the token again, whole, or make a new one."
                @if inside { " " a href={ "/app/log/" (entry.seq) } { "Look at it" } } }
        },
    )
}

/// What to do there, step by step, in the words of that product.
pub(super) fn guide(idp: &str, endpoint: &str) -> Markup {
    match idp {
        "entra" => html! {
            ol .guide {
                li { "Enterprise applications › your application › " strong { "Provisioning" } " › Get started › Provisioning Mode " strong { "Automatic" } "." }
                li { "Tenant URL: " code .wrap { (endpoint) } ". Secret Token: the token. Press " strong { "Test Connection" } ", then Save." }
                li { "Mappings: switch on users and groups; the matching attribute stays " code { "userName" } "." }
                li { "Users and groups: assign somebody, then " strong { "Provision on demand" } " to see it at once; the ordinary cycle takes 40 minutes." }
            }
            p { a href="/docs/connect-entra" { "The whole guide for Entra ID" } }
        },
        "okta" => html! {
            ol .guide {
                li { "Applications › Applications › " strong { "Create App Integration" } " › SAML 2.0 › Next. Name it, fill in the two SAML addresses, Finish." }
                li { strong { "General" } " tab › Edit › " strong { "Enable SCIM provisioning" } " › Save." }
                li { strong { "Provisioning" } " tab › Integration › Edit:"
                    dl .definitions {
                        div { dt { "SCIM connector base URL" } dd { code .wrap { (endpoint) } } }
                        div { dt { "Unique identifier field for users" } dd { code { "userName" } } }
                        div { dt { "Supported provisioning actions" } dd { "Push New Users, Push Profile Updates, Push Groups" } }
                        div { dt { "Authentication Mode" } dd { "HTTP Header" } }
                        div { dt { "Authorization" } dd { "Bearer, and the token" } }
                    }
                    strong { "Test Connector Configuration" } ", then Save." }
                li { strong { "To App" } " › Edit › Create Users, Update User Attributes, Deactivate Users › Save." }
                li { strong { "Assignments" } " › Assign › Assign to People › Done." }
            }
            p { a href="/docs/connect-okta" { "The whole guide for Okta" } }
        },
        _ => html! {
            ol .guide {
                li { "Look for “SCIM 2.0”, “automatic provisioning” or “user sync” in the application there." }
                li { "Base URL, tenant URL or endpoint: " code .wrap { (endpoint) } "." }
                li { "Authentication: bearer token, or a header " code { "Authorization: Bearer TOKEN" } "." }
                li { "Unique identifier: " code { "userName" } ". Test the connection, then assign one person." }
            }
        },
    }
}

fn values(cx: &Desk) -> Markup {
    let custom: Vec<_> = admin::attributes::list(&cx.tenant).into_iter().filter(|named| named.custom).collect();
    html! {
        div .values {
            (copy_box("endpoint", "SCIM Endpoint", &cx.endpoint))
            (address_warning(&cx.endpoint))
            (three("manager", "Manager attribute", MANAGER))
            (of_fields(&custom.iter().collect::<Vec<_>>()))
        }
    }
}

/// `POST /app/setup/skip`.
pub(super) async fn skip(cx: Desk) -> Shown {
    admin::conflicts::dismiss(&cx.app, &cx.actor(), &cx.tenant, SKIPPED, 0).await?;
    cx.done(
        "/app",
        Flash::good("The assistant is hidden from the overview; it stays in the navigation")
            .undo("/app/setup/restart", &[]),
    )
}

/// `POST /app/setup/restart`.
pub(super) async fn restart(cx: Desk) -> Shown {
    admin::conflicts::recall(&cx.app, &cx.actor(), &cx.tenant, SKIPPED).await?;
    cx.done("/app/setup", Flash::good("The assistant is on the overview again"))
}

async fn hand_over(cx: &Desk) -> Result<Markup> {
    let all = links::list(&cx.app, &cx.tenant.tenant.name).await?;
    Ok(html! {
        section .card #links {
            header { h2 { "Somebody else does it there?" } }
            p { "Send a link to whoever runs the identity provider. It opens this guide without an account, with your values, and lets one token be made. It ends by itself." }
            @if !all.is_empty() { ul .list.rows { @for link in &all { (link_row(cx, link)) } } }
            (form(cx, "/app/setup/links", html! {
                div .columns {
                    (field(&Field { name: "label", label: "For whom", required: true, max: Some(100), autocomplete: "off", hint: "Such as “Okta team at Example”; the token gets this name.", ..Field::default() }))
                    (choice(&Field { name: "days", label: "Ends", value: "7", ..Field::default() }, &[("1", "in a day"), ("7", "in a week"), ("30", "in 30 days")]))
                }
                div .actions { button type="submit" { (Icon::Link.svg()) span { "Make a setup link" } } }
            }))
        }
    })
}

fn link_row(cx: &Desk, link: &SetupLink) -> Markup {
    html! {
        li .link-row {
          p {
            strong { (link.label) } " "
            @if link.revoked_at.is_some() { (badge(Tone::Quiet, "revoked")) }
            @else if !link.is_open(cx.now) { (badge(Tone::Quiet, "ended")) }
            @else { (badge(Tone::Good, "open")) span .quiet { " ends " (when(link.expires_at, cx.now)) } }
            span .quiet {
                @match link.opened_at { Some(at) => { " · last opened " (when(at, cx.now)) @if let Some(from) = &link.opened_from { " from " (from) } }, None => " · not opened yet" }
                @if link.token.is_some() { " · token made" }
            }
            @if let Some(at) = link.asked_at { " " (badge(Tone::Warn, "asked for a new one")) " " span .quiet { (when(at, cx.now)) } }
          }
            @if link.asked_at.is_some() {
                (form(cx, "/app/setup/links", html! {
                    input type="hidden" name="label" value=(link.label); input type="hidden" name="days" value="7";
                    button .small type="submit" { "Make a new one" span .unseen { " for " (link.label) } }
                }))
            }
            @if link.is_open(cx.now) {
                (confirm(cx, &format!("/app/setup/links/{}/revoke", link.id), "Revoke link", html! { p { "The page behind it closes at once. A token that was made through it stays." } }, None, html! {}))
            }
        }
    }
}

/// A link as the form asks for one.
#[derive(Deserialize)]
pub(super) struct NewLink {
    label: String,
    days: u32,
}

/// `POST /app/setup/links`: shows the address once.
pub(super) async fn make_link(cx: Desk, Form(new): Form<NewLink>) -> Shown {
    let made = links::create(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &new.label, new.days).await;
    let (made, secret) = match made {
        Ok(made) => made,
        Err(error) => return cx.done("/app/setup#links", Flash::bad(error.to_scim("").detail)),
    };
    let address = format!("{}/share/{secret}", cx.server_url());
    let body = html! {
        (card_with("Send it now: it is shown only this once", badge(Tone::Warn, "Secret"), html! {
            (copy_box("link", &format!("Setup link for {}", made.label), &address))
            p .hint { "Whoever has it can make one token until " (time(made.expires_at)) ". Send it to one person, over a channel that you trust." }
            div .actions { (link("/app/setup", "Done", true)) }
        }))
    };
    Ok(page(&cx, Page::new("Setup link", Nav::Setup).under("Setup", "/app/setup").secret(), body))
}

/// `POST /app/setup/links/{id}/revoke`.
pub(super) async fn revoke_link(cx: Desk, Path(id): Path<String>) -> Shown {
    links::revoke(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &id).await?;
    cx.done("/app/setup#links", Flash::good("The link is closed"))
}

/// For the overview, while setting up is not done.
pub(super) fn short(progress: &Progress) -> Option<Markup> {
    let done = progress.done();
    (done < 6 && !progress.skipped).then(|| {
        card("Set provisioning up", html! {
            p { strong { (done) " of 6" } " steps are done. " @if progress.request.is_none() { "No identity provider has called yet." } }
            progress max="6" value=(done) aria-label="Steps done" {}
            div .actions { (link("/app/setup", if done == 0 { "Begin" } else { "Go on" }, true)) }
        })
    })
}
