//! Lines over time: how many went wrong, and how long answers took.

use super::{Cell, Chart, HEIGHT, drawing, figure, label, round_up, said, tenth, time_within};
use crate::console::parts::{ms, percent};
use maud::{Markup, html};
use store::LogCount;

/// From a value to its place between the lower and the upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// From nothing.
    Even { top: f64 },
    /// Each step is ten times the one before.
    Log { low: f64, top: f64 },
}

impl Scale {
    /// Whole powers of ten around these values; there is at least one between them.
    fn log(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::MAX, 1.0), |(low, high), value| (value.min(low), value.max(high)));
        let low = low.min(high).log10().floor();
        Self::Log { low: 10_f64.powf(low), top: 10_f64.powf(high.log10().ceil().max(low + 1.0)) }
    }

    fn y(self, value: f64) -> f64 {
        let part = match self {
            Self::Even { top } => value / top,
            Self::Log { low, top } => (value.max(low) / low).log10() / (top / low).log10(),
        };
        tenth(HEIGHT - part.clamp(0.0, 1.0) * HEIGHT)
    }

    /// What stands at the upper edge, in the middle and at the lower edge.
    fn edges(self) -> [f64; 3] {
        match self {
            Self::Even { top } => [top, top / 2.0, 0.0],
            Self::Log { low, top } => [top, (low * top).sqrt(), low],
        }
    }
}

/// How many of a hundred requests were refused or failed, with the marks from which on that is worth a look and a worry.
pub(crate) fn failures(chart: &Chart<'_>) -> Markup {
    let rate = |one: &LogCount| (one.total() > 0).then(|| failed(one) as f64 * 100.0 / one.total() as f64);
    let values: Vec<Option<f64>> = chart.counts.iter().map(rate).collect();
    let scale = Scale::Even { top: round_up(values.iter().flatten().copied().fold(10.0, f64::max)) };
    let inner = html! {
        (stretches(chart, |one| said(one, chart.step)))
        @for (class, mark) in [("mark-low", 1.0), ("mark-high", 5.0)] {
            line class=(class) x1="0" x2=(chart.width()) y1=(scale.y(mark)) y2=(scale.y(mark)) vector-effect="non-scaling-stroke" {}
        }
        (line("line-failed", &values, scale))
    };
    let legend = html! {
        ul .legend { li { span .key.line-failed {} "refused or failed" } li { span .key.mark-low {} "1 %" } li { span .key.mark-high {} "5 %" } }
    };
    let columns: [(&str, Cell<'_>); 3] = [
        ("Requests", &|one| crate::console::parts::count(one.total())),
        ("Refused or failed", &|one| crate::console::parts::count(failed(one))),
        ("Rate", &|one| percent(failed(one), one.total())),
    ];
    let axis = scale.edges().map(|value| format!("{value} %"));
    let what = "How many of a hundred requests were refused or failed, with marks at 1 % and 5 %.";
    figure(chart, legend, &axis, &columns, drawing(chart, what, inner))
}

fn failed(one: &LogCount) -> u64 {
    one.refused + one.broken
}

/// The lines of how long answers took: part, class, words.
const WITHIN: [(f64, &str, &str); 3] = [
    (0.99, "line-slowest", "99 % are faster"),
    (0.95, "line-slow", "95 % are faster"),
    (0.5, "line-middle", "half are faster"),
];

/// How long answers took: the middle one, and the slowest of twenty and of a hundred.
pub(crate) fn latency(chart: &Chart<'_>, is_log: bool) -> Markup {
    let lines = WITHIN.map(|(part, class, _)| {
        let values = chart.counts.iter().map(|one| one.quantile(part).map(|micros| micros as f64));
        (class, values.collect::<Vec<Option<f64>>>())
    });
    let all = lines.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    let scale = if is_log { Scale::log(all) } else { Scale::Even { top: round_up(all.fold(1_000.0, f64::max)) } };
    let told = |one: &LogCount| {
        let [most, slow, half] = WITHIN.map(|(part, _, _)| time_within(one, part));
        format!("{}: half within {half}, 95 % within {slow}, 99 % within {most}", label(one.at, chart.step))
    };
    let inner = html! {
        (stretches(chart, told))
        @for (class, values) in &lines { (line(class, values, scale)) }
    };
    let legend = html! {
        ul .legend { @for (_, class, words) in WITHIN.iter().rev() { li { span class={ "key " (class) } {} (words) } } }
    };
    let columns: [(&str, Cell<'_>); 3] = [
        ("Half within", &|one| time_within(one, 0.5)),
        ("95 % within", &|one| time_within(one, 0.95)),
        ("99 % within", &|one| time_within(one, 0.99)),
    ];
    let axis = scale.edges().map(|value| if value > 0.0 { ms(value as i64) } else { "0".into() });
    let what = "How long half, 95 % and 99 % of the answers took at the most.";
    figure(chart, legend, &axis, &columns, drawing(chart, what, inner))
}

/// What leads from each stretch to its entries. The keyboard finds the same links in the table, so that it need not pass
/// by every stretch of every chart.
fn stretches(chart: &Chart<'_>, told: impl Fn(&LogCount) -> String) -> Markup {
    html! {
        @for (at, one) in chart.counts.iter().enumerate().filter(|(_, one)| one.total() > 0) {
            a href=((chart.href)(one)) tabindex="-1" {
                title { (told(one)) }
                rect .fill-none x=(at * 10) y="0" width="10" height="100" {}
            }
        }
    }
}

fn line(class: &str, values: &[Option<f64>], scale: Scale) -> Markup {
    html! {
        @for (lone, points) in segments(values, scale) {
            polyline class={ (class) @if lone { " lone" } } points=(points) vector-effect="non-scaling-stroke" {}
        }
    }
}

/// The unbroken runs of a line, each with whether it is one value alone.
fn segments(values: &[Option<f64>], scale: Scale) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    let mut run: Vec<(f64, f64)> = Vec::new();
    for (at, value) in values.iter().chain(&[None]).enumerate() {
        match value {
            Some(value) => run.push((at as f64 * 10.0 + 5.0, scale.y(*value))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_nothing_was() {
        let runs = segments(&[Some(0.0), Some(50.0), None, Some(100.0)], Scale::Even { top: 100.0 });
        assert_eq!(runs, [(false, "5,100 15,50".to_owned()), (true, "34.9,0 35.1,0".to_owned())]);
    }

    #[test]
    fn a_log_scale_has_whole_powers_of_ten() {
        let scale = Scale::log([420.0, 1_900.0, 88_000.0].into_iter());
        assert_eq!(scale.edges().map(f64::round), [100_000.0, 3_162.0, 100.0]);
        assert_eq!(
            [100.0, 1_000.0, 10_000.0, 100_000.0, 0.0].map(|value| scale.y(value)),
            [100.0, 66.7, 33.3, 0.0, 100.0]
        );
        assert_eq!(Scale::log([1_000.0].into_iter()), Scale::Log { low: 1_000.0, top: 10_000.0 });
        assert_eq!(Scale::log(std::iter::empty()), Scale::Log { low: 1.0, top: 10.0 });
    }
}
