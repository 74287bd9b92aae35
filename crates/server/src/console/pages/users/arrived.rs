//! Who has come since the list was opened: told above it, never put into it while somebody reads.

use super::Asked;
use crate::console::parts::{count, live};
use crate::console::{Desk, Fault, Shown, fragment};
use crate::query;
use maud::{Markup, html};

/// More than these are told as "more than".
const COUNTED_MAX: u32 = 100;

/// The place where it is told, above a list of everybody from its beginning.
pub(super) async fn place(cx: &Desk, asked: &Asked) -> Result<Markup, Fault> {
    if asked.is_filtered() || !asked.after.is_empty() {
        return Ok(html! {});
    }
    let tenant = cx.tenant.tenant.id;
    let newest: i64 = cx.app.store().read(move |r| r.newest_row(tenant, "User")).await?;
    let mut parameters = asked.kept();
    let newest = newest.to_string();
    parameters.push(("behind", &newest));
    Ok(live("arrived", &["log"], &query::address("/app/users/arrived", &parameters), html! {}))
}

/// `GET /app/users/arrived?behind=…`.
pub(in crate::console::pages) async fn fresh(cx: Desk) -> Shown {
    let asked = Asked::parse(&cx.query);
    let Some(row) = cx.asked("behind").and_then(|text| text.parse().ok()) else { return Ok(fragment(html! {})) };
    let tenant = cx.tenant.tenant.id;
    let number: u64 = cx.app.store().read(move |r| r.rows_since(tenant, "User", row, COUNTED_MAX + 1)).await?;
    Ok(fragment(html! {
        @if number > 0 {
            p .arrived role="status" {
                @if number > u64::from(COUNTED_MAX) { "More than " (count(COUNTED_MAX.into())) } @else { (count(number)) }
                " new " (if number == 1 { "person" } else { "people" }) " – "
                a href=(asked.address("/app/users", "")) { "Show" }
            }
        }
    }))
}
