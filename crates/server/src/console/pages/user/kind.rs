//! What somebody is, requester or technician, and whether an identity provider manages them: both can be changed here.

use super::{LastChanges, find, is_operator};
use crate::admin::directory::{self, Found};
use crate::admin::jobs::Bulk;
use crate::console::parts::{Tone, card, confirm, form, note, visible, when};
use crate::console::{Desk, Flash, Form, Shown};
use crate::scim::Acted;
use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// Whether what they are is said by the identity provider, and not to be changed here.
fn is_owned(cx: &Desk, found: &Found, changed: &LastChanges) -> bool {
    let by_hand = changed.get("userType").is_some_and(|(actor, ..)| is_operator(actor));
    found.is_managed() && !cx.tenant.tenant.settings.manual_edits && !found.text("userType").is_empty() && !by_hand
}

/// The card on the page of a person.
pub(super) fn change(cx: &Desk, found: &Found, changed: &LastChanges) -> Markup {
    let kind = found.text("userType");
    let at = format!("/app/users/{}/convert", found.id);
    html! {
        (card("Type", html! {
            p { "Their userType is " @if kind.is_empty() { "not set" } @else { strong { (kind) } } ". Applications tell requesters from technicians by it." }
            @if is_owned(cx, found, changed) {
                p .hint { "The identity provider says it: change it there, or " a href="/app/settings#edits" { "allow manual edits" } "." }
            } @else {
                div .actions {
                    @for (bulk, words) in [(Bulk::Technician, "Convert to technician"), (Bulk::Requester, "Convert to requester")] {
                        @if !bulk.user_type().is_some_and(|of| kind.eq_ignore_ascii_case(of)) {
                            (form(cx, &at, html! { input type="hidden" name="to" value=(bulk.as_str()); button type="submit" { (words) } }))
                        }
                    }
                }
                @if found.is_managed() { p .hint { "If the identity provider sends userType, its next push sets it again." } }
            }
        }))
        @if found.is_managed() { (card("Unlink from the identity provider", unlinking(cx, found))) }
    }
}

/// Since when the identity provider has no say, and the way back.
pub(super) async fn unlinked(cx: &Desk, found: &Found) -> Result<Markup, crate::error::Error> {
    let Some(unlinked) = directory::unlinked(&cx.app, &cx.tenant, found).await? else { return Ok(html! {}) };
    let again = form(cx, &format!("/app/users/{}/link", found.id), html! { button type="submit" { "Link again" } });
    Ok(note(
        Tone::Info,
        "Unlinked from the identity provider",
        html! {
            p { "By " strong { (unlinked.by) } ", " (when(unlinked.at, cx.now)) ". It called them " code .wrap { (visible(&unlinked.external_id)) }
                "; what it sends for them is refused, and stands in " a href="/app/conflicts" { "Conflicts" } "." }
            p { "They are managed again when somebody assigns them there anew, or here:" }
            @if cx.may_change() { div .actions { (again) } }
        },
    ))
}

fn unlinking(cx: &Desk, found: &Found) -> Markup {
    confirm(
        cx,
        &format!("/app/users/{}/unlink", found.id),
        "Unlink",
        html! {
            p { "They become a local person: the identity provider's id of them (externalId) goes, and every field can be changed here. Profile, groups and sign-in stay." }
            p { "From then on its pushes for them are refused and told in Conflicts, so unassign them there: that closes the door, and you open it again here. They stay local until somebody assigns them there anew, or you link them again." }
        },
        Some(found.text("userName")),
        html! {},
    )
}

async fn carried_out(cx: &Desk, id: &str, what: Bulk, good: &str) -> Shown {
    let actor = Arc::new(cx.actor());
    let acted = directory::change(&cx.app, &cx.tenant, actor, &cx.endpoint, &cx.origin, what.request(id)).await?;
    told(cx, id, &acted, good)
}

fn told(cx: &Desk, id: &str, acted: &Acted, good: &str) -> Shown {
    let here = format!("/app/users/{id}");
    match directory::refusal(&acted.answer) {
        Some(said) => cx.done(&here, Flash::bad(said)),
        None => cx.done(&here, Flash::good(good.to_owned())),
    }
}

/// What they become.
#[derive(Deserialize)]
pub(in crate::console::pages) struct Converted {
    to: String,
}

/// `POST /app/users/{id}/convert`.
pub(in crate::console::pages) async fn convert(
    cx: Desk,
    Path(id): Path<String>,
    Form(converted): Form<Converted>,
) -> Shown {
    match Bulk::parse(&converted.to) {
        Some(what @ Bulk::Technician) => carried_out(&cx, &id, what, "They are a technician now").await,
        Some(what @ Bulk::Requester) => carried_out(&cx, &id, what, "They are a requester now").await,
        _ => cx.done(&format!("/app/users/{id}"), Flash::bad("Nothing was done: choose what they become")),
    }
}

/// `POST /app/users/{id}/link`.
pub(in crate::console::pages) async fn link(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    let actor = Arc::new(cx.actor());
    let acted = directory::link_again(&cx.app, &cx.tenant, actor, &cx.endpoint, &cx.origin, &found).await?;
    told(&cx, &id, &acted, "Linked again: the identity provider manages them")
}

/// `POST /app/users/{id}/unlink`.
pub(in crate::console::pages) async fn unlink(
    cx: Desk,
    Path(id): Path<String>,
    Form(confirmed): Form<super::Confirmed>,
) -> Shown {
    let login = find(&cx, &id).await?.text("userName").to_owned();
    if confirmed.confirm.trim() != login {
        return cx.done(&format!("/app/users/{id}"), Flash::bad("Not unlinked: what was typed is not the login"));
    }
    carried_out(&cx, &id, Bulk::Unlink, "Unlinked: they are a local person now").await
}
