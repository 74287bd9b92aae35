//! A6, users: search, filters and columns that live in the address, pages by keyset, and work on many at once.

pub(super) mod apps;
pub(super) mod arrived;
pub(super) mod bulk;
mod columns;
pub(super) mod edit;
pub(super) mod export;
pub(super) mod new;

use crate::admin::attributes::Named;
use crate::admin::conflicts;
use crate::admin::directory::{self, By, Found, Listing, Sorting, Status};
use crate::console::parts::{
    Column, Facet, Field, Order, Row, Table, Tone, Turn, badge, count, empty, facets_with, field, form, link, pager,
    table, visible,
};
use crate::console::{Desk, Icon, Nav, Page, Shown, page};
use crate::query;
use bulk::on_many;
use columns::Choice;
use maud::{Markup, html};
use scim::Filter;
use serde_json::Value;
use store::Only;

const ROWS: u64 = 50;

/// The filters as the address holds them.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    text: String,
    filter: String,
    active: String,
    source: String,
    /// Only who is in a conflict.
    conflict: String,
    kind: String,
    order: String,
    after: String,
    /// The columns that were chosen; the usual ones if none is named.
    columns: Vec<String>,
}

impl Asked {
    fn parse(raw: &str) -> Self {
        let get = |name: &str| query::value(raw, name).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            text: get("q"),
            filter: get("filter"),
            active: get("active"),
            source: get("source"),
            conflict: get("conflict"),
            kind: get("type"),
            order: get("order"),
            after: get("after"),
            columns: query::pairs(raw).filter(|(name, _)| name == "col").map(|(_, value)| value).collect(),
        }
    }

    /// What a form that changes something else has to carry on, without the place in the list.
    fn kept(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("q", self.text.as_str()),
            ("filter", &self.filter),
            ("active", &self.active),
            ("source", &self.source),
            ("conflict", &self.conflict),
            ("type", &self.kind),
            ("order", &self.order),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn address(&self, path: &str, after: &str) -> String {
        let mut all = self.kept();
        all.extend(self.columns.iter().map(|column| ("col", column.as_str())));
        all.push(("after", after));
        query::address(path, &all)
    }

    /// The list in another order, from its beginning.
    fn ordered(&self, order: Sorting) -> String {
        Self { order: order.as_str().to_owned(), ..self.clone() }.address("/app/users", "")
    }

    fn is_filtered(&self) -> bool {
        [&self.text, &self.filter, &self.active, &self.source, &self.conflict, &self.kind]
            .iter()
            .any(|part| !part.is_empty())
    }

    /// Where they stand, if that was chosen: `active` in the address has the words that addresses had from the beginning.
    fn status(&self) -> Option<Status> {
        match self.active.as_str() {
            "yes" => Some(Status::Active),
            "no" => Some(Status::Deactivated),
            word => Status::parse(word),
        }
    }

    /// What no filter of the protocol says: of whom no identity provider has ever said anything (with `unsynced`, of those
    /// whom one manages), and who is staged, suspended or neither.
    fn only(&self) -> Only {
        Only {
            never_heard: matches!(self.source.as_str(), "never" | "unsynced"),
            lifecycle: self.status().and_then(|status| status.sought().1),
        }
    }

    /// As a filter of the protocol, with who is in a conflict if only they are wanted.
    pub(super) async fn whole_filter(&self, cx: &Desk) -> Result<Option<Filter>, crate::error::Error> {
        let filter = self.to_filter()?;
        if self.conflict != "yes" {
            return Ok(filter);
        }
        let theirs = Filter::parse(&conflicts::people(&cx.app, &cx.tenant).await?)?;
        Ok(Some(match filter {
            Some(filter) => Filter::And(Box::new(theirs), Box::new(filter)),
            None => theirs,
        }))
    }

    /// As a filter of the protocol. A search looks for beginnings: an index answers that for a million people.
    fn to_filter(&self) -> scim::Result<Option<Filter>> {
        let quoted = Value::from(self.text.as_str()).to_string();
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            let names = ["userName", "displayName", "name.familyName", "name.givenName", "emails.value", "externalId"];
            let any = names.map(|name| format!("{name} sw {quoted}")).join(" or ");
            parts.push(format!("({any})"));
        }
        parts.extend(self.status().map(|status| status.sought().0.to_owned()));
        match self.source.as_str() {
            "managed" | "unsynced" => parts.push("externalId pr".into()),
            "local" => parts.push("not (externalId pr)".into()),
            _ => {}
        }
        match self.kind.as_str() {
            "technician" | "requester" => parts.push(format!("userType eq \"{}\"", self.kind)),
            "none" => parts.push("not (userType pr)".into()),
            _ => {}
        }
        if !self.filter.is_empty() {
            Filter::parse(&self.filter)?;
            parts.push(format!("({})", self.filter));
        }
        if parts.is_empty() { Ok(None) } else { Filter::parse(&parts.join(" and ")).map(Some) }
    }
}

/// `GET /app/users`.
pub(super) async fn list(cx: Desk) -> Shown {
    let asked = Asked::parse(&cx.query);
    let (listed, wrong) = match find(&cx, &asked).await {
        Ok(listed) => (listed, None),
        Err(error) if error.to_scim("").status < 500 && !asked.filter.is_empty() => {
            let without = Asked { filter: String::new(), ..asked.clone() };
            (find(&cx, &without).await?, Some(error.to_scim("").detail))
        }
        Err(error) => return Err(error.into()),
    };
    let is_bad = wrong.is_some();
    let choices = columns::all(&cx, &asked);
    let arrived = arrived::place(&cx, &asked).await?;
    let views = super::views::bar(&cx, "users", &asked.address("", "")).await?;
    let body = html! {
        (views)
        (filters(&asked))
        div .folds {
            (by_filter(&asked, wrong.as_deref()))
            (columns::picker(&asked, &choices))
        }
        (arrived)
        @if listed.found.is_empty() { (nobody(&cx, &asked, &listed)) } @else { (rows(&cx, &asked, &listed, &choices)) }
    };
    let action = html! {
        @if cx.may_change() {
            a .button href="/app/users/imports" { (Icon::Up.svg()) "Import CSV" }
            a .button href="/app/users/new" { (Icon::Plus.svg()) "New user" }
        }
    };
    let about = Page::new("Users", Nav::Users)
        .purpose("Everybody who has an account here, and where it came from.")
        .action(action);
    let shown = page(&cx, about, body);
    Ok(if is_bad { super::unprocessable(shown) } else { shown })
}

async fn find(cx: &Desk, asked: &Asked) -> Result<directory::Listed, crate::error::Error> {
    let listing = Listing {
        filter: asked.whole_filter(cx).await?,
        order: Sorting::parse(&asked.order),
        after: Some(asked.after.clone()).filter(|after| !after.is_empty()),
        count: ROWS,
        want_groups: columns::all(cx, asked)
            .iter()
            .any(|choice| choice.shown && matches!(choice.what, columns::What::Groups)),
        only: asked.only(),
    };
    directory::list(&cx.app, &cx.tenant, &cx.endpoint, "User", listing).await
}

fn filters(asked: &Asked) -> Markup {
    let choices = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let keep: Vec<(&str, &str)> = asked
        .columns
        .iter()
        .map(|column| ("col", column.as_str()))
        .chain([("filter", asked.filter.as_str())])
        .filter(|(_, value)| !value.is_empty())
        .collect();
    facets_with(
        "/app/users",
        Some(("q", &asked.text)),
        &keep,
        &[
            Facet {
                name: "active",
                label: "State",
                value: &asked.active,
                choices: choices(&[
                    ("", "All"),
                    ("yes", "Active"),
                    ("staged", "Staged"),
                    ("suspended", "Suspended"),
                    ("no", "Deactivated"),
                ]),
            },
            Facet {
                name: "source",
                label: "Source",
                value: &asked.source,
                choices: choices(&[
                    ("", "All"),
                    ("managed", "Identity provider"),
                    ("local", "Local"),
                    ("never", "Never synced"),
                    ("unsynced", "Managed, never synced"),
                ]),
            },
            Facet {
                name: "conflict",
                label: "Conflict",
                value: &asked.conflict,
                choices: choices(&[("", "All"), ("yes", "In a conflict")]),
            },
            Facet {
                name: "type",
                label: "Type",
                value: &asked.kind,
                choices: choices(&[
                    ("", "All"),
                    ("requester", "Requesters"),
                    ("technician", "Technicians"),
                    ("none", "Not set"),
                ]),
            },
            Facet { name: "order", label: "Order", value: &asked.order, choices: choices(&Sorting::WORDS) },
        ],
    )
}

fn by_filter(asked: &Asked, wrong: Option<&str>) -> Markup {
    html! {
        details .folded.by-filter open[!asked.filter.is_empty()] {
            summary { "SCIM filter" }
            form method="get" action="/app/users" {
                @for column in &asked.columns { input type="hidden" name="col" value=(column); }
                (field(&Field { name: "filter", label: "Filter", value: &asked.filter, mono: true, error: wrong,
                    hint: "For example: title eq \"Engineer\" and meta.created gt \"2026-01-01T00:00:00Z\"", ..Field::default() }))
                div .actions { button type="submit" { "Apply filter" } }
            }
        }
    }
}

fn rows(cx: &Desk, asked: &Asked, listed: &directory::Listed, choices: &[Choice]) -> Markup {
    let may = cx.may_change();
    let shown: Vec<&columns::What> = choices.iter().filter(|choice| choice.shown).map(|choice| &choice.what).collect();
    let order = Sorting::parse(&asked.order);
    let turns: Vec<Option<Turn>> = std::iter::once(Some(By::Name))
        .chain(shown.iter().map(|what| what.by()))
        .map(|by| by.map(|by| Turn { href: asked.ordered(order.next(by)), ascending: order.ascending(by) }))
        .collect();
    let named = std::iter::once(Column::new("Person")).chain(shown.iter().map(|what| what.column()));
    let columns: Vec<Column<'_>> =
        named.zip(&turns).map(|(column, turn)| Column { order: turn.as_ref().map(Order::of), ..column }).collect();
    let all = listed.found.iter().map(|found| row(found, &shown, cx.now, may)).collect();
    let list = table(&Table { caption: "Users", columns: &columns, rows: all, body_id: None });
    let next = listed.next.as_ref().map(|next| asked.address("/app/users", next));
    let first = (!asked.after.is_empty()).then(|| asked.address("/app/users", ""));
    html! {
        @if may { (form(cx, "/app/users/bulk", html! { (list) (on_many(asked, listed.total)) })) } @else { (list) }
        (pager(first.as_deref(), next.as_deref(), listed.found.len(), listed.total, listed.stopped_after))
        p .exports {
            "Export what is filtered, with these columns: "
            a href=(Asked { after: String::new(), ..asked.clone() }.address("/app/users/export.csv", "")) download { "CSV" }
        }
    }
}

pub(super) fn source(found: &Found) -> Markup {
    html! {
        @if !found.is_managed() { (badge(Tone::Quiet, "Local")) }
        @else if found.heard_at.is_none() { (badge(Tone::Warn, "Managed, never synced")) }
        @else { (badge(Tone::Info, "Managed")) }
    }
}

/// Where somebody stands, as a badge.
pub(super) fn activity(status: Status) -> Markup {
    match status {
        Status::Active => badge(Tone::Good, "Active"),
        Status::Staged => badge(Tone::Info, "Staged"),
        Status::Suspended => badge(Tone::Warn, "Suspended"),
        Status::Deactivated => badge(Tone::Warn, "Deactivated"),
    }
}

fn row(found: &Found, shown: &[&columns::What], now: i64, may: bool) -> Row {
    let (name, login) = (found.name(), found.text("userName"));
    let mut cells = vec![html! { span .pick-cell {
        @if may { label .pick { span .unseen { "Select " (name) } input type="checkbox" name="id" value=(found.id) data-pick; } }
        a .person href={ "/app/users/" (found.id) } { (avatar(&name)) span { strong { (name) } @if name != login { span .hint { (login) } } } }
    } }];
    cells.extend(shown.iter().map(|what| what.cell(found, now)));
    Row { cells, ..Row::default() }
}

fn manager(found: &Found) -> Markup {
    let Some(manager) = &found.manager else { return html! { span .quiet { "—" } } };
    match &manager.id {
        Some(id) => html! { a .clip href={ "/app/users/" (id) } { (manager.display.as_deref().unwrap_or(id)) } },
        None => html! { span .clip title="nobody matches yet" { (visible(&manager.raw)) } },
    }
}

/// Somebody's value of an attribute.
fn value<'a>(found: &'a Found, named: &Named) -> Option<&'a Value> {
    let name = &named.attribute.name;
    let holder = if named.value == *name {
        Some(&found.document)
    } else {
        found.document.get(&named.namespace).and_then(Value::as_object)
    };
    holder.and_then(|part| part.get(name))
}

fn custom(found: &Found, named: &Named) -> Markup {
    html! {
        @match value(found, named) {
            None | Some(Value::Null) => span .quiet { "—" },
            Some(Value::String(text)) => span .clip { (visible(text)) },
            Some(other) => span .clip { (other.to_string()) },
        }
    }
}

/// A disc with the first letters of a name; one of six tints, always the same for the same name.
pub(super) fn avatar(name: &str) -> Markup {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = words.filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect();
    let tint = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 6;
    html! { span class={ "avatar tint-" (tint) } aria-hidden="true" { (letters) } }
}

fn nobody(cx: &Desk, asked: &Asked, listed: &directory::Listed) -> Markup {
    if let (Some(looked_at), Some(next)) = (listed.stopped_after, &listed.next) {
        let title = format!("Nobody among the first {} fits", count(looked_at));
        let text = html! { "The list goes on: whoever fits may stand behind them." };
        return empty(Icon::Search, &title, text, Some(link(&asked.address("/app/users", next), "Look further", true)));
    }
    if asked.is_filtered() || !asked.after.is_empty() {
        let text = html! { "A search looks for the beginnings of logins, names, e-mail addresses and external ids." };
        return empty(Icon::Search, "Nobody fits", text, Some(link("/app/users", "Show everybody", false)));
    }
    let text = html! { "Assign somebody to the application in your identity provider, and they appear here. To look around, sample people will do." };
    let action = html! {
        (link("/app/setup", "Set provisioning up", true))
        @if cx.may_change() {
            (link("/app/users/imports", "Import CSV", false))
            (form(cx, "/app/users/samples", html! { button type="submit" { "Create sample people" } }))
        }
    };
    empty(Icon::Users, "No people yet", text, Some(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_becomes_a_filter_whatever_is_typed() {
        let asked = Asked::parse("q=O%27Neil+%22%3Cscript%3E&active=no");
        let filter = asked.to_filter().unwrap().unwrap().to_string();
        assert!(filter.contains("userName sw \"O'Neil \\\"<script>\""), "{filter}");
        assert!(filter.contains("active eq false"));
        assert!(Asked::parse("filter=userName+eq").to_filter().is_err());
        assert!(Asked::parse("").to_filter().unwrap().is_none());
    }
}
