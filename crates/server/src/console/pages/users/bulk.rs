//! Work on many users at once: chosen one by one or by a filter, confirmed, then a job.

use super::Asked;
use crate::admin::directory::{self, Listing};
use crate::admin::jobs::{self, Bulk, Chosen, IDS_MAX};
use crate::console::parts::{Field, Tone, card, count, field, form, link, note};
use crate::console::{Desk, Fault, Flash, Nav, Page, Shown, page};
use crate::{limits, query};
use axum::body::Bytes;
use maud::{Markup, html};
use scim::Filter;
use serde_json::Value;
use store::{Lifecycle, Only};

/// What can be done with those who are ticked, or with everybody whom the filter fits.
pub(super) fn on_many(asked: &Asked, total: Option<u64>) -> Markup {
    let everybody = match (asked.is_filtered(), total) {
        (true, _) => "everybody whom the filter fits".to_owned(),
        (false, Some(total)) => format!("all {}", count(total)),
        (false, None) => "everybody".to_owned(),
    };
    html! {
        input type="hidden" name="q" value=(asked.text);
        input type="hidden" name="filter" value=(asked.filter);
        input type="hidden" name="active" value=(asked.active);
        input type="hidden" name="source" value=(asked.source);
        input type="hidden" name="conflict" value=(asked.conflict);
        input type="hidden" name="type" value=(asked.kind);
        fieldset .bulk {
            legend { "With those selected" }
            label .check { input type="checkbox" name="everybody" value="1"; span { "or with " (everybody) } }
            div .actions {
                button .small type="submit" name="do" value="deactivate" { "Deactivate…" }
                button .small type="submit" name="do" value="activate" { "Activate…" }
                button .small type="submit" name="do" value="technician" { "To technician…" }
                button .small type="submit" name="do" value="requester" { "To requester…" }
                button .small type="submit" name="do" value="unlink" { "Unlink…" }
                button .small.danger type="submit" name="do" value="delete" { "Delete…" }
            }
        }
    }
}

/// Fields of a form that may come several times.
fn pairs(body: &[u8]) -> Vec<(String, String)> {
    query::pairs(&String::from_utf8_lossy(body)).collect()
}

/// `POST /app/users/bulk`: asks first, says how many, and begins a job once it is confirmed.
pub(in crate::console::pages) async fn begin(cx: Desk, body: Bytes) -> Shown {
    let fields = pairs(&body);
    let get =
        |name: &str| fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    let asked = Asked {
        text: get("q").into(),
        filter: get("filter").into(),
        active: get("active").into(),
        source: get("source").into(),
        conflict: get("conflict").into(),
        kind: get("type").into(),
        ..Asked::default()
    };
    let Some(what) = Bulk::parse(get("do")) else {
        return cx.done("/app/users", Flash::bad("Nothing was done: choose what to do"));
    };
    let everybody = !get("everybody").is_empty();
    let ids: Vec<String> = fields.iter().filter(|(name, _)| name == "id").map(|(_, value)| value.clone()).collect();
    if ids.is_empty() && !everybody {
        return cx.done(&asked.address("/app/users", ""), Flash::bad("Nobody is selected: tick the people first"));
    }
    let chosen = match everybody {
        false => Chosen::Ids(ids.clone()),
        true => match all_of(&cx, &asked).await? {
            Some(chosen) => chosen,
            None => {
                let said = format!(
                    "Nothing was done: they are more than {IDS_MAX}, or far apart; narrow the filter, or tick them"
                );
                return cx.done(&asked.address("/app/users", ""), Flash::bad(said));
            }
        },
    };
    if get("confirm") == what.as_str() {
        let id = jobs::begin(&cx.app, &cx.actor(), &cx.tenant.tenant.name, what, chosen).await?;
        return cx.done(&format!("/app/jobs/{id}"), Flash::good("The job has begun"));
    }
    let number = jobs::number(&cx.app, &cx.tenant, &chosen, limits::JOB_COUNT_MAX + 1).await?;
    let so = jobs::number_so(&cx.app, &cx.tenant, what, &chosen).await?;
    let mistyped = !get("confirm").is_empty();
    let body = confirmation(&cx, &asked, (what, number, so), &ids, everybody, mistyped);
    let about = Page::new(what.title(), Nav::Users).under("Users", "/app/users");
    Ok(page(&cx, about, body))
}

/// Everybody on the list: by its filter, if one says who they are; else one by one, unless they are too many.
async fn all_of(cx: &Desk, asked: &Asked) -> Result<Option<Chosen>, Fault> {
    let (filter, only) = (asked.whole_filter(cx).await?, asked.only());
    if only == Only::default() {
        return Ok(Some(Chosen::Filter(filter)));
    }
    if only == (Only { lifecycle: Some(Lifecycle::AtWork), ..Only::default() })
        && let Some(at_work) = at_work(cx, filter.as_ref()).await?
    {
        return Ok(Some(Chosen::Filter(Some(at_work))));
    }
    let mut listing = Listing { filter, count: 200, only, ..Listing::default() };
    let mut ids = Vec::new();
    loop {
        let page = directory::list(&cx.app, &cx.tenant, &cx.endpoint, "User", listing.clone()).await?;
        ids.extend(page.found.into_iter().map(|found| found.id));
        if ids.len() > IDS_MAX || page.stopped_after.is_some() {
            return Ok(None);
        }
        if page.next.is_none() {
            return Ok(Some(Chosen::Ids(ids)));
        }
        listing.after = page.next;
    }
}

/// Most people that a filter leaves out by name.
const LEFT_OUT_MAX: u32 = 50;

/// The filter without those who are staged or suspended, where they are few enough for one.
async fn at_work(cx: &Desk, filter: Option<&Filter>) -> Result<Option<Filter>, Fault> {
    let tenant = cx.tenant.tenant.id;
    let ids: Vec<String> = cx.app.store().read(move |r| r.held_back(tenant, LEFT_OUT_MAX + 1)).await?;
    if ids.len() > LEFT_OUT_MAX as usize {
        return Ok(None);
    }
    let left_out = ids.iter().map(|id| format!("id ne {}", Value::from(id.as_str())));
    let parts: Vec<String> = filter.map(|filter| format!("({filter})")).into_iter().chain(left_out).collect();
    Ok(Filter::parse(&parts.join(" and ")).ok())
}

/// Matches are counted up to a bound; who is ticked, and everybody without a filter, always.
fn concerns(number: u64, everybody: bool) -> String {
    match number {
        1 => "This concerns 1 user".to_owned(),
        _ if everybody && number == limits::JOB_COUNT_MAX + 1 => {
            format!("This concerns more than {} users", count(limits::JOB_COUNT_MAX))
        }
        _ => format!("This concerns {} users", count(number)),
    }
}

fn confirmation(
    cx: &Desk,
    asked: &Asked,
    (what, number, so): (Bulk, u64, Option<u64>),
    ids: &[String],
    everybody: bool,
    mistyped: bool,
) -> Markup {
    let word = what.as_str();
    let result = match what {
        Bulk::Activate => "They may come in again.",
        Bulk::Deactivate => {
            "The door closes at once; profile and groups stay. The identity provider does not hear of it and may activate them again."
        }
        Bulk::Delete => {
            "They are removed for good, with profile and memberships. The identity provider does not hear of it and may create them again."
        }
        Bulk::Unlink => {
            "They become local people: the identity provider's id of them goes, every field can be changed here. Its pushes for them are refused until somebody assigns them there anew, or they are linked again on their page."
        }
        Bulk::Technician | Bulk::Requester => {
            "Their userType is set. Where the identity provider sends userType, its next push sets it again."
        }
    };
    let unchanged = so.filter(|so| *so > 0).map(|so| match so {
        1 => "1 of them is like that already and stays as they are.".to_owned(),
        _ if so > limits::JOB_COUNT_MAX => {
            format!("More than {} of them are like that already.", count(limits::JOB_COUNT_MAX))
        }
        _ => format!("{} of them are like that already and stay as they are.", count(so)),
    });
    html! {
        (note(if what == Bulk::Delete { Tone::Bad } else { Tone::Warn }, &concerns(number, everybody), html! { p { (result) } @if let Some(unchanged) = &unchanged { p { (unchanged) } } }))
        (card("Are you sure?", form(cx, "/app/users/bulk", html! {
            @for (name, value) in [("q", &asked.text), ("filter", &asked.filter), ("active", &asked.active), ("source", &asked.source), ("conflict", &asked.conflict), ("type", &asked.kind)] {
                input type="hidden" name=(name) value=(value);
            }
            @for id in ids { input type="hidden" name="id" value=(id); }
            @if everybody { input type="hidden" name="everybody" value="1"; }
            input type="hidden" name="do" value=(word);
            (field(&Field { name: "confirm", label: &format!("Type “{word}” to confirm"), required: true, mono: true, autocomplete: "off",
                error: mistyped.then_some("That is not the word"), ..Field::default() }))
            div .actions { button .danger type="submit" { (what.title()) } (link(&asked.address("/app/users", ""), "Back", false)) }
        })))
    }
}
