//! What was measured, for people and for programs.

use crate::load::Measured;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

pub(crate) struct Row {
    operation: String,
    connections: usize,
    times: Vec<Duration>,
    /// Per turn: requests a second of Provost, of axum, and of SQLite alone.
    turns: Vec<(f64, f64, Option<f64>)>,
}

impl Row {
    pub(crate) fn new(operation: &str, connections: usize) -> Self {
        Self { operation: operation.to_owned(), connections, times: Vec::new(), turns: Vec::new() }
    }

    pub(crate) fn turn(&mut self, own: Measured, axum: f64, sqlite: Option<f64>) {
        self.times.extend(own.times);
        self.times.sort_unstable();
        self.turns.push((own.per_second, axum, sqlite));
    }

    fn at(&self, share: f64) -> Duration {
        self.times.get((self.times.len() as f64 * share) as usize).copied().unwrap_or_default()
    }

    /// The middle of what the turns gave.
    fn middle(&self, pick: impl Fn(&(f64, f64, Option<f64>)) -> Option<f64>) -> Option<f64> {
        middle(self.turns.iter().filter_map(pick).collect())
    }

    fn own(&self) -> f64 {
        self.middle(|turn| Some(turn.0)).unwrap_or_default()
    }

    fn axum(&self) -> f64 {
        self.middle(|turn| Some(turn.1)).unwrap_or_default()
    }

    fn of_axum(&self) -> f64 {
        self.middle(|turn| Some(turn.0 / turn.1)).unwrap_or_default()
    }

    fn sqlite(&self) -> Option<f64> {
        self.middle(|turn| turn.2)
    }

    fn of_sqlite(&self) -> Option<f64> {
        self.middle(|turn| turn.2.map(|rate| turn.0 / rate))
    }
}

fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

pub(crate) struct LogCost {
    pub(crate) operation: String,
    pub(crate) connections: usize,
    /// Per turn: requests a second with the log and without it.
    pub(crate) turns: Vec<(f64, f64)>,
}

impl LogCost {
    /// The middle of the ratios of each turn.
    fn ratio(&self) -> f64 {
        middle(self.turns.iter().map(|(on, off)| on / off).collect()).unwrap_or_default()
    }

    fn mean(&self, pick: impl Fn(&(f64, f64)) -> f64) -> f64 {
        self.turns.iter().map(pick).sum::<f64>() / self.turns.len() as f64
    }
}

pub(crate) struct Report {
    pub(crate) people: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) log: Vec<LogCost>,
}

fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    if micros < 1_000.0 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1e3) }
}

impl Report {
    pub(crate) fn to_table(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut out = format!("{} users, {cores} cores for server and load together\n\n", self.people);
        let _ = writeln!(
            out,
            "| operation | connections | requests/s | p50 | p99 | axum, same bytes | of axum | SQLite alone | of SQLite |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        );
        for row in &self.rows {
            let or_none = |number: Option<String>| number.unwrap_or_else(|| "–".to_owned());
            let _ = writeln!(
                out,
                "| {} | {} | {:.0} | {} | {} | {:.0} | {:.2} | {} | {} |",
                row.operation,
                row.connections,
                row.own(),
                time(row.at(0.5)),
                time(row.at(0.99)),
                row.axum(),
                row.of_axum(),
                or_none(row.sqlite().map(|rate| format!("{rate:.0}"))),
                or_none(row.of_sqlite().map(|ratio| format!("{ratio:.2}"))),
            );
        }
        let _ =
            writeln!(out, "\n| the provisioning log | connections | with | without | ratio |\n|---|--:|--:|--:|--:|");
        for cost in &self.log {
            let _ = writeln!(
                out,
                "| {} | {} | {:.0} | {:.0} | {:.2} |",
                cost.operation,
                cost.connections,
                cost.mean(|turn| turn.0),
                cost.mean(|turn| turn.1),
                cost.ratio(),
            );
        }
        out
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "operation": row.operation, "connections": row.connections, "perSecond": row.own(),
                    "p50Us": row.at(0.5).as_micros() as u64, "p99Us": row.at(0.99).as_micros() as u64,
                    "axumPerSecond": row.axum(), "ofAxum": row.of_axum(),
                    "sqlitePerSecond": row.sqlite(), "ofSqlite": row.of_sqlite()
                })
            })
            .collect();
        let log: Vec<Value> = self
            .log
            .iter()
            .map(|cost| {
                json!({ "operation": cost.operation, "connections": cost.connections, "with": cost.mean(|turn| turn.0),
                        "without": cost.mean(|turn| turn.1), "ratio": cost.ratio() })
            })
            .collect();
        json!({ "users": self.people, "rows": rows, "log": log })
    }
}
