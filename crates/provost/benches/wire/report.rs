//! What was measured, for people and for programs.

use crate::load::Measured;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

pub(crate) struct Row {
    pub(crate) operation: String,
    pub(crate) connections: usize,
    pub(crate) own: Measured,
    pub(crate) axum: Measured,
    /// Operations a second that SQLite alone makes durable in batches of as many as there are connections.
    pub(crate) sqlite: Option<f64>,
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
        let mut ratios: Vec<f64> = self.turns.iter().map(|(on, off)| on / off).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
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
            let axum = row.own.per_second / row.axum.per_second;
            let (sqlite, of_sqlite) = row.sqlite.map_or_else(
                || ("–".to_owned(), "–".to_owned()),
                |rate| (format!("{rate:.0}"), format!("{:.2}", row.own.per_second / rate)),
            );
            let _ = writeln!(
                out,
                "| {} | {} | {:.0} | {} | {} | {:.0} | {axum:.2} | {sqlite} | {of_sqlite} |",
                row.operation,
                row.connections,
                row.own.per_second,
                time(row.own.p50),
                time(row.own.p99),
                row.axum.per_second,
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
                    "operation": row.operation, "connections": row.connections,
                    "perSecond": row.own.per_second, "p50Us": row.own.p50.as_micros() as u64, "p99Us": row.own.p99.as_micros() as u64,
                    "axumPerSecond": row.axum.per_second, "ofAxum": row.own.per_second / row.axum.per_second,
                    "sqlitePerSecond": row.sqlite, "ofSqlite": row.sqlite.map(|rate| row.own.per_second / rate)
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
