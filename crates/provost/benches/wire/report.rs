//! What was measured, for people and for programs.

use crate::world::Made;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// One operation on one directory, in turns.
#[derive(Clone, Default)]
pub(crate) struct Cell {
    times: Vec<Duration>,
    rates: Vec<f64>,
}

impl Cell {
    pub(crate) fn turn(&mut self, times: Vec<Duration>, per_second: f64) {
        self.times.extend(times);
        self.rates.push(per_second);
    }

    /// To be called when there are no more turns.
    pub(crate) fn sort(&mut self) {
        self.times.sort_unstable();
    }

    fn at(&self, share: f64) -> Duration {
        self.times.get((self.times.len() as f64 * share) as usize).copied().unwrap_or_default()
    }

    pub(crate) fn p50(&self) -> Duration {
        self.at(0.5)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.at(0.99)
    }

    pub(crate) fn rate(&self) -> f64 {
        middle(self.rates.clone()).unwrap_or_default()
    }
}

/// One operation with so many connections: on directories, or groups, of several sizes.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) operation: String,
    pub(crate) connections: usize,
    /// By the size, the smallest first.
    pub(crate) cells: Vec<(usize, Cell)>,
    /// The size that the floors were measured beside.
    pub(crate) beside: usize,
    /// Requests a second of a handler that answers the same bytes, in each turn.
    pub(crate) axum: Vec<f64>,
    /// Operations a second of SQLite alone, in each turn.
    pub(crate) sqlite: Vec<f64>,
}

impl Row {
    pub(crate) fn cell(&self, size: usize) -> Option<&Cell> {
        self.cells.iter().find(|(of, _)| *of == size).map(|(_, cell)| cell)
    }

    /// The one beside the floors.
    pub(crate) fn main(&self) -> Option<&Cell> {
        self.cell(self.beside)
    }

    fn of(&self, floor: &[f64]) -> Option<f64> {
        let own = &self.main()?.rates;
        middle(own.iter().zip(floor).map(|(own, floor)| own / floor).collect()).filter(|ratio| ratio.is_finite())
    }

    pub(crate) fn of_axum(&self) -> Option<f64> {
        self.of(&self.axum)
    }

    pub(crate) fn of_sqlite(&self) -> Option<f64> {
        self.of(&self.sqlite)
    }

    /// p50 at the largest size against p50 at the smallest.
    pub(crate) fn growth(&self) -> Option<f64> {
        let ((_, first), (_, last)) = (self.cells.first()?, self.cells.last()?);
        let growth = last.p50().as_secs_f64() / first.p50().as_secs_f64();
        // Nothing was answered in time where it is not.
        Some(growth).filter(|growth| self.cells.len() > 1 && growth.is_normal())
    }
}

/// The middle one.
pub(crate) fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

/// What a turn took.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// Processor time of the server for it, to be compared with that of another turn.
    pub(crate) cpu: f64,
}

pub(crate) struct LogCost {
    pub(crate) operation: String,
    pub(crate) connections: usize,
    /// With the log and without it.
    pub(crate) turns: Vec<(Turn, Turn)>,
}

impl LogCost {
    /// The ratio with the log to that without it of each turn, the least first.
    pub(crate) fn ratios(&self, of: impl Fn(&Turn) -> f64) -> Vec<f64> {
        let mut ratios: Vec<f64> = self.turns.iter().map(|(on, off)| of(on) / of(off)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// The middle one, of requests a second.
    pub(crate) fn rate(&self) -> f64 {
        middle(self.ratios(|turn| turn.per_second)).unwrap_or_default()
    }

    /// The middle one, of processor time.
    pub(crate) fn cpu(&self) -> f64 {
        middle(self.ratios(|turn| turn.cpu)).unwrap_or_default()
    }
}

/// Everything about one database.
pub(crate) struct Report {
    pub(crate) database: &'static str,
    /// Operations of people, against the number of people.
    pub(crate) people: Vec<Row>,
    /// Operations of groups, against the number of members.
    pub(crate) members: Vec<Row>,
    pub(crate) log: Vec<LogCost>,
    /// How each directory was made, by its people.
    pub(crate) made: Vec<(usize, Made)>,
    /// People a second whose rows SQLite alone writes as an import does.
    pub(crate) imported_alone: Option<f64>,
}

pub(crate) fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        _ if micros < 1_000.0 => format!("{micros:.0} µs"),
        _ if micros < 100_000.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.0} ms", micros / 1e3),
    }
}

/// `100 000`
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

pub(crate) fn or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.2}"))
}

impl Report {
    /// Everything, a line for each operation, size and number of connections.
    pub(crate) fn to_table(&self) -> String {
        let mut out = format!("{}\n\n", self.database);
        let _ = writeln!(
            out,
            "| operation | size | connections | requests/s | p50 | p99 | of axum, same bytes | of SQLite alone |\n|---|--:|--:|--:|--:|--:|--:|--:|"
        );
        for row in self.people.iter().chain(&self.members) {
            for (size, cell) in &row.cells {
                let beside = *size == row.beside;
                let _ = writeln!(
                    out,
                    "| {} | {} | {} | {:.0} | {} | {} | {} | {} |",
                    row.operation,
                    count(*size),
                    row.connections,
                    cell.rate(),
                    time(cell.p50()),
                    time(cell.p99()),
                    or_dash(row.of_axum().filter(|_| beside)),
                    or_dash(row.of_sqlite().filter(|_| beside)),
                );
            }
        }
        out
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows = |rows: &[Row]| -> Vec<Value> {
            let one = |row: &Row| {
                let cells = row.cells.iter().map(|(size, cell)| {
                    json!({ "size": size, "perSecond": cell.rate(), "p50Us": cell.p50().as_micros() as u64,
                            "p99Us": cell.p99().as_micros() as u64 })
                });
                json!({
                    "operation": row.operation, "connections": row.connections, "cells": cells.collect::<Vec<_>>(),
                    "beside": row.beside, "axumPerSecond": middle(row.axum.clone()), "ofAxum": row.of_axum(),
                    "sqlitePerSecond": middle(row.sqlite.clone()), "ofSqlite": row.of_sqlite(), "growth": row.growth()
                })
            };
            rows.iter().map(one).collect()
        };
        let log = self.log.iter().map(
            |cost| json!({ "operation": cost.operation, "connections": cost.connections, "ratios": cost.ratios(|turn| turn.per_second), "cpu": cost.ratios(|turn| turn.cpu) }),
        );
        let made = self.made.iter().map(|(users, made)| {
            json!({ "users": users, "importedPerSecond": made.imported, "copiedRowsPerSecond": made.copied,
                    "coldStartMs": made.cold_start.as_millis() as u64, "ownKib": made.own_kib,
                    "residentKib": made.resident_kib })
        });
        json!({
            "database": self.database, "people": rows(&self.people), "members": rows(&self.members),
            "log": log.collect::<Vec<_>>(), "importedAlonePerSecond": self.imported_alone, "directories": made.collect::<Vec<_>>()
        })
    }
}
