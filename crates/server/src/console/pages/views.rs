//! The saved views above a list: links to filters that the operator has named, and the way to name the one at hand.

use crate::admin::views::{self, NAME_CHARS_MAX, Wanted};
use crate::console::parts::{Field, field, form};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use maud::{Markup, html};
use serde::Deserialize;
use store::SavedView;

/// Where a view is saved.
const SAVE: &str = "/console/views";

/// The views of a list; `query` is the filter at hand, without the place in the list.
pub(super) async fn bar(cx: &Desk, page: &str, query: &str) -> Result<Markup, Fault> {
    let query = query.trim_start_matches('?');
    let all = views::list(&cx.app, &cx.actor(), &cx.tenant.tenant.name).await?;
    let all: Vec<_> = all.into_iter().filter(|view| view.page == page).collect();
    let at_hand = all.iter().find(|view| view.query == query);
    Ok(html! {
        @if !all.is_empty() {
            nav .views aria-label="Saved views" {
                @for view in &all {
                    a .chip href={ "/app/" (page) "?" (view.query) } aria-current=[(view.query == query).then_some("true")] { (view.name) }
                }
            }
        }
        @if let Some(view) = at_hand {
            (form(cx, "/console/views/forget", html! {
                input type="hidden" name="page" value=(page);
                input type="hidden" name="name" value=(view.name);
                button .quiet.small type="submit" { "Remove the view “" (view.name) "”" }
            }))
        } @else if !query.is_empty() {
            details .folded.save-view {
                summary { "Save this view" }
                (form(cx, SAVE, html! {
                    input type="hidden" name="page" value=(page);
                    input type="hidden" name="query" value=(query);
                    (field(&Field { name: "name", label: "Name", required: true, max: Some(NAME_CHARS_MAX), autocomplete: "off",
                        hint: "For you alone. The address of this page says the same to others.", ..Field::default() }))
                    div .actions { button type="submit" { "Save view" } }
                }))
            }
        }
    })
}

/// The view of this name.
async fn named(cx: &Desk, page: &str, name: &str) -> Result<Option<SavedView>, Fault> {
    let all = views::list(&cx.app, &cx.actor(), &cx.tenant.tenant.name).await?;
    Ok(all.into_iter().find(|view| view.page == page && view.name == name))
}

/// What the form holds in which a view is saved.
fn fields(view: &SavedView) -> [(&str, &str); 3] {
    [("page", &view.page), ("name", &view.name), ("query", &view.query)]
}

/// `POST /console/views`.
pub(super) async fn save(cx: Desk, Form(wanted): Form<Wanted>) -> Shown {
    let back = back(&wanted.page, &wanted.query);
    let before = named(&cx, &wanted.page, wanted.name.trim()).await?.filter(|view| view.query != wanted.query);
    match views::save(&cx.app, &cx.actor(), &cx.tenant.tenant.name, wanted).await {
        Ok(view) => match before {
            None => cx.done(&back, Flash::good(format!("Saved as “{}”", view.name))),
            Some(before) => {
                let said = format!("Saved as “{}”, in place of the view that had this name", view.name);
                cx.done(&back, Flash::good(said).undo(SAVE, &fields(&before)))
            }
        },
        Err(error) => cx.refused(&back, error),
    }
}

/// A view by its name.
#[derive(Deserialize)]
pub(super) struct Named {
    page: String,
    name: String,
}

/// `POST /console/views/forget`.
pub(super) async fn forget(cx: Desk, Form(named): Form<Named>) -> Shown {
    let gone = self::named(&cx, &named.page, &named.name).await?;
    views::forget(&cx.app, &cx.actor(), &cx.tenant.tenant.name, &named.page, &named.name).await?;
    let said = Flash::good(format!("The view “{}” is removed", named.name));
    let said = gone.iter().fold(said, |said, gone| said.undo(SAVE, &fields(gone)));
    cx.done(&back(&named.page, ""), said)
}

/// The list that it came from.
fn back(page: &str, query: &str) -> String {
    let page = views::PAGES.into_iter().find(|known| *known == page).unwrap_or("users");
    let is_safe = !query.is_empty() && !query.contains(|c: char| c.is_control() || c == '#');
    if is_safe { format!("/app/{page}?{query}") } else { format!("/app/{page}") }
}
