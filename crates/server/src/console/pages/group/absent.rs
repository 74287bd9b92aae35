//! The amber list on a group's page: whom a push named, and who is not provisioned here.

use super::find;
use crate::admin::absent::{self, TOLD_MAX};
use crate::admin::directory::Found;
use crate::console::parts::{Tone, badge, count, form, note, visible, when};
use crate::console::{Desk, Fault, Flash, Shown};
use axum::extract::Path;
use maud::{Markup, html};
use store::AbsentMember;

/// The list, if there is anybody on it.
pub(super) async fn list(cx: &Desk, found: &Found) -> Result<Markup, Fault> {
    let all = absent::list(&cx.app, &cx.tenant, found).await?;
    if all.is_empty() {
        return Ok(html! {});
    }
    let told = all.get(..TOLD_MAX as usize).unwrap_or(&all);
    let more = told.len() < all.len();
    let title = match told.len() {
        1 => "1 member of the push is not provisioned here".to_owned(),
        n => format!(
            "{}{} members of the push are not provisioned here",
            if more { "More than " } else { "" },
            count(n as u64)
        ),
    };
    Ok(note(
        Tone::Warn,
        &title,
        html! {
            p { "The identity provider put them into this group, but nobody here has the id that it sent, so they were left out. Assign them to the application there, wait until they are in "
                a href="/app/users" { "Users" } ", then push the group once more (at Okta: Push Groups › Push now)." }
            details open[told.len() <= 5] {
                summary { "Who" }
                ul .list.rows { @for member in told { (row(cx, member)) } }
                @if more { p .hint { "The first " (told.len()) "." } }
            }
            @if cx.may_change() {
                (form(cx, &format!("/app/groups/{}/absent", found.id), html! {
                    button .small type="submit" { "Forget this list" }
                }))
            }
        },
    ))
}

fn row(cx: &Desk, member: &AbsentMember) -> Markup {
    html! {
        li {
            code .wrap { (visible(&member.value)) } " " span .quiet { "named " (when(member.seen_at, cx.now)) }
            @if let Some((id, kind, display)) = &member.here {
                " " (badge(Tone::Info, "here now")) " "
                a href={ "/app/" (if kind == "Group" { "groups" } else { "users" }) "/" (id) } { (display.as_deref().unwrap_or("open")) }
                span .quiet { " – push the group again" }
            }
        }
    }
}

/// `POST /app/groups/{id}/absent`.
pub(in crate::console::pages) async fn forget(cx: Desk, Path(id): Path<String>) -> Shown {
    let found = find(&cx, &id).await?;
    absent::forget(&cx.app, &cx.actor(), &cx.tenant, &found).await?;
    cx.done(&format!("/app/groups/{id}"), Flash::good("The list is empty until a push names somebody unknown again"))
}
