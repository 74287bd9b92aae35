//! Charts as SVG: how long something takes against how much there is, both axes logarithmic. A flat line is what is wanted.
//!
//! A picture in a page cannot ask for the page's colours, so it has its own, for light and for dark.

use crate::report::{Row, count};
use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const PLOT_LEFT: f64 = 64.0;
const PLOT_RIGHT: f64 = 700.0;
const PLOT_TOP: f64 = 44.0;
const PLOT_BOTTOM: f64 = 300.0;
/// Entries of the legend side by side.
const COLUMNS: usize = 2;
const LINE: f64 = 20.0;

/// Colours of the lines, for light pages and for dark ones; those for light ones stand in the drawing itself, so that it can
/// be read where a page forbids styles.
const COLORS: [(&str, &str); 10] = [
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#1a7f37", "#3fb950"),
    ("#8250df", "#bc8cff"),
    ("#bf3989", "#f778ba"),
    ("#6e7781", "#8b949e"),
    ("#9a6700", "#d29922"),
    ("#1b7c83", "#39c5cf"),
    ("#cf222e", "#ff7b72"),
    ("#4d2d9e", "#a5a0ff"),
];

fn style() -> String {
    let mut dark = String::from(".bg{fill:#161b22}.t{fill:#e6edf3}.g{stroke:#30363d}");
    for (number, (_, color)) in COLORS.iter().enumerate() {
        let _ = write!(dark, ".l{number}{{stroke:{color}}}.d{number}{{fill:{color}}}");
    }
    format!("@media(prefers-color-scheme:dark){{{dark}}}")
}

/// Dashes and dots, so that lines can be told apart without their colours.
const DASHES: [&str; 4] = ["", "6 3", "2 3", "9 3 2 3"];

/// p50 of these rows against their sizes.
pub(crate) fn draw(title: &str, axis: &str, rows: &[&Row]) -> String {
    let sizes: Vec<usize> = rows.iter().flat_map(|row| row.cells.iter().map(|(size, _)| *size)).collect();
    let (least, most) = (sizes.iter().min().copied().unwrap_or(1), sizes.iter().max().copied().unwrap_or(10));
    let micros: Vec<f64> =
        rows.iter().flat_map(|row| row.cells.iter().map(|(_, cell)| cell.p50().as_secs_f64() * 1e6)).collect();
    let floor = micros.iter().copied().fold(f64::INFINITY, f64::min).max(1.0).log10().floor();
    let ceiling = micros.iter().copied().fold(10.0, f64::max).log10().ceil().max(floor + 1.0);
    let x = |size: usize| {
        let part = (size as f64 / least as f64).log10() / (most as f64 / least as f64).log10().max(1e-9);
        PLOT_LEFT + 20.0 + part * (PLOT_RIGHT - PLOT_LEFT - 40.0)
    };
    let y =
        |micros: f64| PLOT_BOTTOM - (micros.max(1.0).log10() - floor) / (ceiling - floor) * (PLOT_BOTTOM - PLOT_TOP);
    let height = PLOT_BOTTOM + 56.0 + rows.len().div_ceil(COLUMNS) as f64 * LINE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\" font-family=\"system-ui,sans-serif\" font-size=\"13\">\n<style>{}</style>\n<rect class=\"bg\" fill=\"#fff\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n<text class=\"t\" fill=\"#1f2328\" font-size=\"15\" font-weight=\"600\" x=\"20\" y=\"26\">{title}</text>\n",
        style()
    );
    for power in floor as i32..=ceiling as i32 {
        let (at, value) = (y(10_f64.powi(power)), 10_f64.powi(power));
        let text = if value >= 1e6 {
            format!("{} s", value / 1e6)
        } else if value >= 1e3 {
            format!("{} ms", value / 1e3)
        } else {
            format!("{value} µs")
        };
        let _ = writeln!(
            out,
            "<line class=\"g\" stroke=\"#d0d7de\" x1=\"{PLOT_LEFT}\" x2=\"{PLOT_RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
        let _ = writeln!(
            out,
            "<text class=\"t\" fill=\"#1f2328\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            PLOT_LEFT - 8.0,
            at + 4.0
        );
    }
    let mut marks = sizes;
    marks.sort_unstable();
    marks.dedup();
    for size in marks {
        let _ = writeln!(
            out,
            "<text class=\"t\" fill=\"#1f2328\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(size),
            PLOT_BOTTOM + 20.0,
            count(size)
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"t\" fill=\"#1f2328\" x=\"{PLOT_RIGHT}\" y=\"{}\" text-anchor=\"end\">{axis}</text>",
        PLOT_BOTTOM + 38.0
    );
    for (number, row) in rows.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            row.cells.iter().map(|(size, cell)| (x(*size), y(cell.p50().as_secs_f64() * 1e6))).collect();
        let (class, dash) = (number % COLORS.len(), DASHES[number % DASHES.len()]);
        let drawn = format!(
            "class=\"l{class}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"",
            COLORS[class].0
        );
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(out, "<polyline {drawn} points=\"{}\"/>", line.join(" "));
        for (x, y) in points {
            let _ = write!(
                out,
                "<circle class=\"d{class}\" fill=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>",
                COLORS[class].0
            );
        }
        let left = 20.0 + (number % COLUMNS) as f64 * (WIDTH - 40.0) / COLUMNS as f64;
        let below = PLOT_BOTTOM + 56.0 + (number / COLUMNS) as f64 * LINE;
        let _ = writeln!(
            out,
            "\n<line {drawn} x1=\"{left}\" x2=\"{}\" y1=\"{below}\" y2=\"{below}\"/><text class=\"t\" fill=\"#1f2328\" x=\"{}\" y=\"{}\">{}</text>",
            left + 28.0,
            left + 36.0,
            below + 4.0,
            row.operation
        );
    }
    out.push_str("</svg>\n");
    out
}
