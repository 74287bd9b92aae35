//! A week by day and hour: when requests come. How many they are is told by how large a square is as well as by its colour.

use super::{figure_of, said, tenth};
use crate::console::parts::count;
use maud::{Markup, html};
use store::LogCount;

/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;
const HOURS: usize = 24;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// The sides of a square by its level, in a box of ten.
const SIDES: [f64; 5] = [0.0, 3.4, 5.4, 7.4, 9.4];
/// One of so many refused or failed is marked.
const MARKED: u64 = 20;

/// The hours of some days, from a midnight on.
pub(crate) struct Week<'a> {
    pub(crate) title: &'a str,
    pub(crate) counts: &'a [LogCount],
    /// The address of the numbers behind it.
    pub(crate) csv: &'a str,
    /// The address for the entries of an hour.
    pub(crate) href: &'a dyn Fn(&LogCount) -> String,
}

/// How much of the most it is, from 0 for nothing to 4; each level is many times the one below.
fn level(number: u64, most: u64) -> usize {
    match number {
        0 => 0,
        1 if most > 1 => 1,
        _ => 1 + (3.0 * (number as f64).ln() / (most.max(2) as f64).ln()).round() as usize,
    }
    .min(SIDES.len() - 1)
}

/// `Mon 11-23`.
fn day(at: i64) -> String {
    // 1970 began on a Thursday.
    let number = (at.div_euclid(HOUR * HOURS as i64) + 3).rem_euclid(7);
    let name = usize::try_from(number).ok().and_then(|number| DAYS.get(number)).copied().unwrap_or_default();
    format!("{name} {}", scim::meta::rfc3339(at).get(5..10).unwrap_or_default())
}

fn is_marked(one: &LogCount) -> bool {
    (one.refused + one.broken) * MARKED >= one.total().max(1)
}

fn square(class: &str, x: f64, y: f64, side: f64) -> Markup {
    let edge = (10.0 - side) / 2.0;
    html! { rect class=(class) x=(tenth(x + edge)) y=(tenth(y + edge)) width=(side) height=(side) {} }
}

/// The map: a row for each day, a square for each hour.
pub(crate) fn week(week: &Week<'_>) -> Markup {
    let most = week.counts.iter().map(LogCount::total).max().unwrap_or(0);
    let days = week.counts.chunks(HOURS);
    let drawing = html! {
        svg .plot viewBox={ "0 0 240 " (days.len() * 10) } preserveAspectRatio="none" role="group" {
            title { (week.title) }
            desc { "A row for each day, a square for each hour in UTC: the more requests, the larger and the darker." }
            @for (row, hours) in week.counts.chunks(HOURS).enumerate() {
                @for (column, one) in hours.iter().enumerate() {
                    @let (x, y) = (column as f64 * 10.0, row as f64 * 10.0);
                    @if one.total() == 0 { (square("heat-0", x, y, 9.4)) }
                    @else {
                        @let level = level(one.total(), most);
                        // The keyboard finds the same links in the table.
                        a href=((week.href)(one)) tabindex="-1" {
                            title { (day(one.at)) " " (said(one, HOUR)) }
                            (square("heat-0", x, y, 9.4))
                            (square(&format!("heat-{level}"), x, y, SIDES.get(level).copied().unwrap_or_default()))
                            @if is_marked(one) { rect .fill-broken x=(x + 0.3) y=(y + 8.3) width="9.4" height="1.4" {} }
                        }
                    }
                }
            }
        }
    };
    let legend = html! {
        ul .legend {
            li { "fewer" @for level in 1..SIDES.len() { span class={ "key heat heat-" (level) } {} } "more requests" }
            li { span .key.fill-broken.thin {} "5 % or more refused or failed" }
        }
    };
    let rows = html! { @for hours in week.counts.chunks(HOURS) { span { (hours.first().map(|one| day(one.at)).unwrap_or_default()) } } };
    let columns = html! { @for hour in ["00:00", "06:00", "12:00", "18:00", "24:00"] { span { (hour) } } };
    figure_of(("chart week", week.csv), legend, (rows, columns), drawing, as_table(week))
}

fn as_table(week: &Week<'_>) -> Markup {
    html! {
        details .as-table {
            summary { "Show as table" }
            div .scroll tabindex="0" role="region" aria-label={ (week.title) " as a table" } {
                table {
                    thead { tr { th scope="col" { "Day (UTC)" } @for hour in 0..HOURS { th scope="col" .number { (format!("{hour:02}")) } } } }
                    tbody {
                        @for hours in week.counts.chunks(HOURS) {
                            tr {
                                th scope="row" { (hours.first().map(|one| day(one.at)).unwrap_or_default()) }
                                @for one in hours {
                                    td .number { @if one.total() == 0 { "0" } @else { a href=((week.href)(one)) { (count(one.total())) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_up_by_factors() {
        for (number, most, want) in
            [(0, 0, 0), (0, 9, 0), (1, 1, 1), (1, 1_000, 1), (10, 1_000, 2), (100, 1_000, 3), (1_000, 1_000, 4)]
        {
            assert_eq!(level(number, most), want, "{number} of {most}");
        }
    }

    #[test]
    fn days_have_their_names() {
        assert_eq!(day(0), "Thu 01-01");
        assert_eq!(day(1_780_272_000_000_000), "Mon 06-01", "2026");
    }
}
