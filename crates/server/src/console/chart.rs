//! Charts as SVG, drawn here: bars of requests, lines of times. Words stand outside of the drawing, so they keep their size
//! however wide it is; a table below says the same.

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
    let width = chart.counts.len() as f64 * 10.0;
    let drawing = html! {
        svg .plot viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="group" aria-label=(chart.title) {
            defs {
                pattern id="refused" width="2" height="4" patternUnits="userSpaceOnUse" {
                    rect .fill-refused width="2" height="4" {}
                    rect .fill-line y="0" width="2" height="1" {}
                }
            }
            (grid(width))
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
        }
    };
    let legend = html! {
        ul .legend {
            li { span .key.fill-good {} "answered" }
            li { span .key.fill-refused {} "refused (4xx)" }
            li { span .key.fill-broken {} "failed (5xx)" }
        }
    };
    figure(chart, legend, &count(top as u64), &count((top / 2.0) as u64), drawing)
}

/// How long answers took: the middle one, and the slowest of twenty.
pub(crate) fn latency(chart: &Chart<'_>) -> Markup {
    let line = |part: f64| -> Vec<Option<f64>> {
        chart.counts.iter().map(|one| one.quantile(part).map(|micros| micros as f64)).collect()
    };
    let (middle, slow) = (line(0.5), line(0.95));
    let top = round_up(slow.iter().flatten().copied().fold(1_000.0, f64::max));
    let width = chart.counts.len() as f64 * 10.0;
    let drawing = html! {
        svg .plot viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="img" aria-label=(chart.title) {
            (grid(width))
            @for (class, values) in [("line-slow", &slow), ("line-middle", &middle)] {
                @for (lone, points) in segments(values, top) {
                    polyline class={ (class) @if lone { " lone" } } points=(points) vector-effect="non-scaling-stroke" {}
                }
            }
        }
    };
    let legend = html! {
        ul .legend { li { span .key.line-middle {} "half are faster" } li { span .key.line-slow {} "95 % are faster" } }
    };
    figure(chart, legend, &ms(top as i64), &ms((top / 2.0) as i64), drawing)
}

/// The unbroken runs of a line, each with whether it is one value alone.
fn segments(values: &[Option<f64>], top: f64) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    let mut run: Vec<(f64, f64)> = Vec::new();
    for (at, value) in values.iter().chain(&[None]).enumerate() {
        match value {
            Some(value) => run.push((at as f64 * 10.0 + 5.0, tenth(HEIGHT - value / top * HEIGHT))),
            None if run.is_empty() => {}
            None => {
                // One point alone becomes a dot.
                let lone = run.len() == 1;
                if let [(x, y)] = run[..] {
                    run = vec![(x - 0.1, y), (x + 0.1, y)];
                }
                let points = run.drain(..).map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
                all.push((lone, points));
            }
        }
    }
    all
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn grid(width: f64) -> Markup {
    html! {
        @for y in ["0.3", "50", "99.7"] {
            line .grid x1="0" x2=(width) y1=(y) y2=(y) vector-effect="non-scaling-stroke" {}
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

fn figure(chart: &Chart<'_>, legend: Markup, top: &str, middle: &str, drawing: Markup) -> Markup {
    let at = |part: usize| chart.counts.get(part).map(|one| label(one.at, chart.step)).unwrap_or_default();
    let last = chart.counts.len().saturating_sub(1);
    html! {
        figure class=(if chart.short { "chart short" } else { "chart" }) {
            figcaption { (legend) }
            div .plot-row {
                div .y-axis aria-hidden="true" { span { (top) } span { (middle) } span { "0" } }
                (drawing)
            }
            div .x-axis aria-hidden="true" { span { (at(0)) } span { (at(last / 2)) } span { (at(last)) } }
            div .chart-foot { (as_table(chart)) a href=(chart.csv) download { "Download CSV" } }
        }
    }
}

fn as_table(chart: &Chart<'_>) -> Markup {
    let time = |one: &LogCount, part: f64| one.quantile(part).map_or("—".into(), |us| ms(us.cast_signed()));
    html! {
        details .as-table {
            summary { "Show as table" }
            div .scroll tabindex="0" role="region" aria-label={ (chart.title) " as a table" } {
                table {
                    thead { tr {
                        @for title in ["From (UTC)", "Answered", "Refused", "Failed", "Half within", "95 % within"] {
                            th scope="col" { (title) }
                        }
                    } }
                    tbody {
                        @for one in chart.counts.iter().filter(|one| one.total() > 0) {
                            tr {
                                th scope="row" { a href=((chart.href)(one)) { (label(one.at, chart.step)) } }
                                td .number { (count(one.good)) }
                                td .number { (count(one.refused)) }
                                td .number { (count(one.broken)) }
                                td .number { (time(one, 0.5)) }
                                td .number { (time(one, 0.95)) }
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

    #[test]
    fn a_line_breaks_where_nothing_was() {
        let runs = segments(&[Some(0.0), Some(50.0), None, Some(100.0)], 100.0);
        assert_eq!(runs, [(false, "5,100 15,50".to_owned()), (true, "34.9,0 35.1,0".to_owned())]);
    }
}
