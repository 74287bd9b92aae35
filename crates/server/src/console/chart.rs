//! Charts as SVG, drawn here: bars of requests, lines of times. Words stand outside of the drawing, so they keep their size
//! however wide it is; a table below says the same.

mod lines;
mod week;

pub(crate) use lines::{failures, latency};
pub(crate) use week::{HOUR, Week, week};

use super::parts::{count, ms};
use maud::{Markup, html};
use store::LogCount;

/// Height of the drawing's own box; its width is one hundred for each part.
const HEIGHT: f64 = 100.0;

/// What a chart is drawn from, and where its parts lead.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    /// The stretches of time, in their order.
    pub(crate) counts: &'a [LogCount],
    /// The address of the numbers behind it.
    pub(crate) csv: &'a str,
    /// Less high.
    pub(crate) short: bool,
    /// Microseconds of one.
    pub(crate) step: i64,
    /// The address for the entries of a stretch.
    pub(crate) href: &'a dyn Fn(&LogCount) -> String,
}

impl Chart<'_> {
    /// Of the drawing's own box.
    fn width(&self) -> usize {
        self.counts.len() * 10
    }
}

/// What a column of the table behind a chart says of a stretch.
type Cell<'a> = &'a dyn Fn(&LogCount) -> String;

/// The start of a stretch as it is written below the chart: `14:05`, or `11-25` where one is longer than two hours.
fn label(at: i64, step: i64) -> String {
    let exact = scim::meta::rfc3339(at);
    let part = if step > 7_200_000_000 { exact.get(5..13) } else { exact.get(11..16) };
    let text = part.unwrap_or_default().replace('T', " ");
    if step > 7_200_000_000 { format!("{text}:00") } else { text }
}

/// A round number at or above: 1, 2, 5, 10, 20 …
fn round_up(number: f64) -> f64 {
    if number <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= number).unwrap_or(10.0 * power)
}

/// Requests over time, stacked: answered, refused, failed.
pub(crate) fn requests(chart: &Chart<'_>) -> Markup {
    let top = round_up(chart.counts.iter().map(LogCount::total).max().unwrap_or(0) as f64);
    let height = |number: u64| number as f64 / top * HEIGHT;
    let inner = html! {
        defs {
            pattern id="refused" width="2" height="4" patternUnits="userSpaceOnUse" {
                rect .fill-refused width="2" height="4" {}
                rect .fill-line y="0" width="2" height="1" {}
            }
        }
        @for (at, one) in chart.counts.iter().enumerate() {
            @let x = at as f64 * 10.0;
            @let (good, refused, broken) = (height(one.good), height(one.refused), height(one.broken));
            @if one.total() > 0 {
                a href=((chart.href)(one)) {
                    title { (said(one, chart.step)) }
                    rect .fill-none x=(x) y="0" width="10" height="100" {}
                    rect .fill-good x=(x + 1.5) y=(tenth(HEIGHT - good)) width="7" height=(tenth(good)) {}
                    @if refused > 0.0 {
                        rect .fill-refused x=(x + 1.5) y=(tenth(HEIGHT - good - refused)) width="7" height=(tenth(refused)) fill="url(#refused)" {}
                    }
                    @if broken > 0.0 {
                        rect .fill-broken x=(x + 1.5) y=(tenth(HEIGHT - good - refused - broken)) width="7" height=(tenth(broken)) {}
                    }
                }
            }
        }
    };
    let legend = html! {
        ul .legend {
            li { span .key.fill-good {} "answered" }
            li { span .key.fill-refused {} "refused (4xx)" }
            li { span .key.fill-broken {} "failed (5xx)" }
        }
    };
    let columns: [(&str, Cell<'_>); 3] = [
        ("Answered", &|one| count(one.good)),
        ("Refused", &|one| count(one.refused)),
        ("Failed", &|one| count(one.broken)),
    ];
    let axis = [top, top / 2.0, 0.0].map(|number| count(number as u64));
    let what = "How many requests were answered, refused and failed.";
    figure(chart, legend, &axis, &columns, drawing(chart, what, inner))
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A drawing with its lines behind what is drawn. It is a group and no picture: the links in it are to be found.
fn drawing(chart: &Chart<'_>, what: &str, inner: Markup) -> Markup {
    let width = chart.width();
    html! {
        svg .plot viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="group" {
            title { (chart.title) }
            desc { (what) }
            @for y in ["0.3", "50", "99.7"] {
                line .grid x1="0" x2=(width) y1=(y) y2=(y) vector-effect="non-scaling-stroke" {}
            }
            (inner)
        }
    }
}

fn said(one: &LogCount, step: i64) -> String {
    let mut text = format!("{}: {} requests", label(one.at, step), count(one.total()));
    for (number, word) in [(one.refused, "refused"), (one.broken, "failed")] {
        if number > 0 {
            text.push_str(&format!(", {} {word}", count(number)));
        }
    }
    text
}

/// The time within which this part of the answers came.
fn time_within(one: &LogCount, part: f64) -> String {
    one.quantile(part).map_or("—".into(), |us| ms(us.cast_signed()))
}

fn figure(
    chart: &Chart<'_>,
    legend: Markup,
    axis: &[String; 3],
    columns: &[(&str, Cell<'_>)],
    drawing: Markup,
) -> Markup {
    let at = |part: usize| chart.counts.get(part).map(|one| label(one.at, chart.step)).unwrap_or_default();
    let last = chart.counts.len().saturating_sub(1);
    let class = if chart.short { "chart short" } else { "chart" };
    let beside = html! { @for words in axis { span { (words) } } };
    let below = html! { @for part in [0, last / 2, last] { span { (at(part)) } } };
    figure_of((class, chart.csv), legend, (beside, below), drawing, as_table(chart, columns))
}

/// What stands around every drawing: words above, beside and below it, and the ways to its numbers.
fn figure_of(
    (class, csv): (&str, &str),
    legend: Markup,
    (beside, below): (Markup, Markup),
    drawing: Markup,
    table: Markup,
) -> Markup {
    html! {
        figure class=(class) {
            figcaption { (legend) }
            div .plot-row {
                div .y-axis aria-hidden="true" { (beside) }
                (drawing)
            }
            div .x-axis aria-hidden="true" { (below) }
            div .chart-foot { (table) a href=(csv) download { "Download CSV" } }
        }
    }
}

fn as_table(chart: &Chart<'_>, columns: &[(&str, Cell<'_>)]) -> Markup {
    html! {
        details .as-table {
            summary { "Show as table" }
            div .scroll tabindex="0" role="region" aria-label={ (chart.title) " as a table" } {
                table {
                    thead { tr { th scope="col" { "From (UTC)" } @for (title, _) in columns { th scope="col" .number { (title) } } } }
                    tbody {
                        @for one in chart.counts.iter().filter(|one| one.total() > 0) {
                            tr {
                                th scope="row" { a href=((chart.href)(one)) { (label(one.at, chart.step)) } }
                                @for (_, cell) in columns { td .number { (cell(one)) } }
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
    fn scales_end_at_round_numbers() {
        for (number, round) in [(0.0, 1.0), (3.0, 5.0), (21.0, 25.0), (130.0, 200.0), (5_000.0, 5_000.0)] {
            assert!((round_up(number) - round).abs() < f64::EPSILON, "{number}");
        }
    }
}
