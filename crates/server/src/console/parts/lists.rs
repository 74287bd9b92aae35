//! Tables, what filters them, and what leads from one page of them to the next.

use super::words::count;
use crate::console::icon::Icon;
use maud::{Markup, html};

/// A column: its heading, and whether narrow windows can do without it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) title: &'a str,
    /// Left out below 832 px.
    pub(crate) minor: bool,
    /// Numbers stand to the right.
    pub(crate) number: bool,
    /// What its heading leads to, if the list can be sorted by it.
    pub(crate) order: Option<Order<'a>>,
}

/// The heading of a column as a link that sorts by it, or turns the order round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) href: &'a str,
    /// How the list stands by this column now, if it does: upwards or not.
    pub(crate) ascending: Option<bool>,
}

/// The same with an address of its own.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) href: String,
    pub(crate) ascending: Option<bool>,
}

impl<'a> Order<'a> {
    pub(crate) fn of(turn: &'a Turn) -> Self {
        Self { href: &turn.href, ascending: turn.ascending }
    }

    /// As `aria-sort` says it.
    fn word(self) -> &'static str {
        match self.ascending {
            Some(true) => "ascending",
            Some(false) => "descending",
            None => "none",
        }
    }
}

impl<'a> Column<'a> {
    pub(crate) const fn new(title: &'a str) -> Self {
        Self { title, minor: false, number: false, order: None }
    }

    pub(crate) const fn minor(self) -> Self {
        Self { minor: true, ..self }
    }

    pub(crate) const fn number(self) -> Self {
        Self { number: true, ..self }
    }
}

/// A row: a cell for each column. The first cell is the row's heading and should hold its link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// Unique on the page, if it has to be found again.
    pub(crate) id: Option<String>,
    pub(crate) class: &'static str,
    pub(crate) cells: Vec<Markup>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    /// What it lists; read aloud, not seen.
    pub(crate) caption: &'a str,
    pub(crate) columns: &'a [Column<'a>],
    pub(crate) rows: Vec<Row>,
    /// The id of `<tbody>`, where rows come in live.
    pub(crate) body_id: Option<&'a str>,
}

/// With so many columns a table does not fit into a narrow window: there each row becomes a block.
const STACKED_FROM: usize = 3;

/// A table that scrolls inside itself where it is too wide.
pub(crate) fn table(table: &Table<'_>) -> Markup {
    let is_wide = table.columns.iter().filter(|column| !column.minor).count() >= STACKED_FROM;
    html! {
        div .scroll.stacked[is_wide] tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption .unseen { (table.caption) }
                thead { tr { @for column in table.columns {
                    @if column.title.is_empty() { td class=[class(*column)] {} }
                    @else { th scope="col" class=[class(*column)] aria-sort=[column.order.map(Order::word)] { (heading(*column)) } }
                } } }
                tbody id=[table.body_id] { @for row in &table.rows { (tr(table.columns, row)) } }
            }
        }
    }
}

fn heading(column: Column<'_>) -> Markup {
    html! {
        @match column.order {
            Some(order) => a .sort href=(order.href) {
                (column.title)
                @if let Some(ascending) = order.ascending { (if ascending { Icon::Up } else { Icon::Down }.svg()) }
            },
            None => (column.title),
        }
    }
}

/// One row alone, for a table that is there already.
pub(crate) fn tr(columns: &[Column<'_>], row: &Row) -> Markup {
    html! {
        tr id=[row.id.as_deref()] class=[(!row.class.is_empty()).then_some(row.class)] data-row {
            @for (at, (column, cell)) in columns.iter().zip(&row.cells).enumerate() {
                @if at == 0 { th scope="row" class=[class(*column)] { (cell) } }
                @else { td class=[class(*column)] data-label=[(!column.title.is_empty()).then_some(column.title)] { (cell) } }
            }
        }
    }
}

fn class(column: Column<'_>) -> Option<&'static str> {
    match (column.minor, column.number) {
        (false, false) => None,
        (true, false) => Some("minor"),
        (false, true) => Some("number"),
        (true, true) => Some("minor number"),
    }
}

/// A filter of a list: a choice that lives in the address.
#[derive(Clone, Debug)]
pub(crate) struct Facet<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) value: &'a str,
    /// Value and words; the first one is what is chosen when nobody chooses.
    pub(crate) choices: Vec<(String, String)>,
}

/// The filters above a list, and a field for text if `search` names one (`name`, value). A GET form, so that the address
/// says everything.
pub(crate) fn facets(action: &str, search: Option<(&str, &str)>, facets: &[Facet<'_>]) -> Markup {
    facets_with(action, search, &[], facets)
}

/// The same with what else the address keeps.
pub(crate) fn facets_with(
    action: &str,
    search: Option<(&str, &str)>,
    keep: &[(&str, &str)],
    facets: &[Facet<'_>],
) -> Markup {
    let is_set = search.is_some_and(|(_, value)| !value.is_empty())
        || facets.iter().any(|facet| {
            let usual = facet.choices.first().map(|(value, _)| value.as_str()).unwrap_or_default();
            !facet.value.is_empty() && facet.value != usual
        });
    html! {
        form .facets method="get" action=(action) role="search" aria-label="Filter" {
            @for (name, value) in keep { input type="hidden" name=(name) value=(value); }
            @if let Some((name, value)) = search {
                label .facet.search-field { span .unseen { "Search" } (Icon::Search.svg())
                    input type="search" name=(name) value=(value) placeholder="Search" data-search; }
            }
            @for facet in facets {
                label .facet { span { (facet.label) }
                    select name=(facet.name) data-submit {
                        @for (value, words) in &facet.choices { option value=(value) selected[value == facet.value] { (words) } }
                    }
                }
            }
            button type="submit" { "Filter" }
            @if is_set { a .button.quiet href=(action) { "Clear" } }
        }
    }
}

/// Leads on in a list: links where there is more, and what is shown now.
/// `stopped_after` is how many were looked at, if the page ends because that was enough.
pub(crate) fn pager(
    first: Option<&str>,
    next: Option<&str>,
    shown: usize,
    total: Option<u64>,
    stopped_after: Option<u64>,
) -> Markup {
    html! {
        nav .pager aria-label="Pages" {
            p {
                (count(shown as u64)) @if let Some(total) = total { " of " (count(total)) } " shown"
                @if let Some(looked_at) = stopped_after { "; " (count(looked_at)) " were looked at, and the list goes on" }
            }
            div .actions {
                @if let Some(first) = first { a .button.small href=(first) { "First page" } }
                @if let Some(next) = next { a .button.small href=(next) rel="next" { @if stopped_after.is_some() { "Look further" } @else { "Next page" } (Icon::Next.svg()) } }
            }
        }
    }
}

/// Tabs are links: word, address, and whether it is this one.
pub(crate) fn tabs(label: &str, tabs: &[(&str, String, bool)]) -> Markup {
    html! {
        nav .tabs aria-label=(label) {
            ul { @for (word, href, current) in tabs { li { a href=(href) aria-current=[current.then_some("page")] { (word) } } } }
        }
    }
}

/// Terms and what they are.
pub(crate) fn definitions(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl .definitions { @for (term, what) in pairs { div { dt { (term) } dd { (what) } } } } }
}
