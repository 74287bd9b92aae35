//! How far a long command is: a bar on a terminal, a line every ten percent elsewhere, nothing with `--json`.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Things.
    Things,
}

/// Tells how far it is; goes away without a trace on a terminal.
pub struct Progress {
    out: Output,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    done: u64,
    told: u64,
    what: &'static str,
}

impl Progress {
    /// Starts at nothing of `total`.
    pub fn new(out: Output, what: &'static str, total: Option<u64>, unit: Unit) -> Self {
        let bar = (!out.json && io::stderr().is_terminal()).then(|| bar(what, total, unit));
        Self { out, bar, total, done: 0, told: 0, what }
    }

    /// What it is about now; a bar shows it.
    pub fn about(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {what}", self.what));
        }
    }

    /// Now there is so much of it.
    pub fn at(&mut self, done: u64) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let Some(total) = self.total.filter(|total| *total > 0) else { return };
        let tenth = (u128::from(done) * 10 / u128::from(total)).min(10);
        let tenth = u64::try_from(tenth).unwrap_or(10);
        if tenth > self.told {
            self.told = tenth;
            self.out.note(&format!("{}: {} %", self.what, tenth * 10));
        }
    }

    /// So much more of it.
    pub fn more(&mut self, more: u64) {
        self.at(self.done.saturating_add(more));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: Option<u64>, unit: Unit) -> ProgressBar {
    let template = match (total, unit) {
        (Some(_), Unit::Bytes) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        (Some(_), Unit::Things) => "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
        (None, Unit::Bytes) => "{msg} {spinner} {bytes} {bytes_per_sec}",
        (None, Unit::Things) => "{msg} {spinner} {pos} {per_sec}",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
