//! Copies a whole directory from one database into another: SQLite and PostgreSQL, either way.
//!
//! How it works: every table is read in the order of its key, in one transaction of the source. An empty table of the target
//! is filled; one that has rows already is brought to what the source has (`merge`). So the same call that makes a copy also
//! goes on after it was broken off, and catches up with a source that was in use meanwhile.
//! Invariant: the target carries a mark, with which no server starts on it, until every row was read back from it and the
//! source stood still all the time, or a copy of one moment was asked for.
//! Not here: tables and columns; they are read from the migrations (`table`).

mod merge;
mod place;
mod side;
mod table;

pub use place::Place;

use crate::Result;
use merge::Sum;
use side::Side;
use std::path::PathBuf;
use table::Table;

/// Whether there is a mark.
pub(crate) const MARKED: &str = "select count(*) from meta where name = 'copying'";

/// What is to be copied.
#[derive(Clone, Debug)]
pub struct Order {
    /// The directory as it is.
    pub from: Place,
    /// Where it goes: an empty place, or one that an earlier call has left unfinished.
    pub to: Place,
    /// The folder that holds `secret.key`, where the source is no folder.
    pub key_folder: PathBuf,
    /// Whether the copy is finished although the source is in use: it is then that of the moment at which it began.
    pub moment: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The table.
    pub table: &'a str,
    /// Rows that have been dealt with, of all tables.
    pub done: u64,
    /// Rows that the source has.
    pub total: u64,
}

/// What became of one table. Both sides have so many rows, with this digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Rows that were written.
    pub written: u64,
    /// Rows that were taken away: the source does not have them, or has others.
    pub removed: u64,
    /// SHA-256 of each row, added up: the order does not matter.
    pub digest: String,
}

/// What became of all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Every table.
    pub tables: Vec<Copied>,
    /// Whether nobody worked on the source meanwhile.
    pub stood_still: bool,
    /// Whether servers may start on the target.
    pub finished: bool,
}

/// Copies, and verifies what it has copied. Blocks.
pub fn copy(order: &Order, told: &mut (dyn FnMut(Step<'_>) + Send)) -> Result<Outcome> {
    // Away from a caller's runtime: a session with PostgreSQL brings its own.
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| run(order, told));
        copying.join().unwrap_or_else(|_| Err(crate::Error::broken("copying panicked")))
    })
}

fn run(order: &Order, told: &mut (dyn FnMut(Step<'_>) + Send)) -> Result<Outcome> {
    let tables = table::all()?;
    let mut source = place::source(order).map_err(|error| of("source", error))?;
    let target = place::target(&order.to, &source.key, &tables).map_err(|error| of("target", error))?;
    // A text of PostgreSQL cannot hold a NUL; here it is exchanged as the store exchanges it.
    source.side.without_nul = !target.side.is_sqlite();
    source.side.begin_read()?;
    let counts = tables.iter().map(|table| source.side.count(table)).collect::<Result<Vec<_>>>()?;
    let total = counts.iter().sum();
    let (mut done, mut copied) = (0, Vec::new());
    for (table, count) in tables.iter().zip(&counts) {
        let mut step = |rows: u64| told(Step { table: &table.name, done: (done + rows).min(total), total });
        copied.push(one(&mut source.side, &target.side, table, &mut step)?);
        done += count;
    }
    numbers(&source.side, &target.side, &tables)?;
    target.side.learn()?;
    let stood_still = source.stood_still()?;
    let finished = stood_still || order.moment;
    target.finish(finished)?;
    Ok(Outcome { tables: copied, stood_still, finished })
}

/// Says of which of the two a database's words are.
fn of(side: &str, error: crate::Error) -> crate::Error {
    match error {
        crate::Error::Database(why) => crate::Error::Database(format!("{side}: {why}")),
        other => other,
    }
}

/// One table, and the proof that both sides hold the same.
fn one(source: &mut Side, target: &Side, table: &Table, step: &mut dyn FnMut(u64)) -> Result<Copied> {
    let merged = if target.is_empty(table)? {
        merge::fill(source, target, table, step)?
    } else {
        merge::bring(source, target, table, step)?
    };
    let (have, held) = (merged.source, merged.target);
    if have != held {
        return Err(crate::Error::Database(format!(
            "table {} was copied, but the target then held {} rows with the digest {} instead of {} rows with {}",
            table.name, held.rows, held, have.rows, have
        )));
    }
    Ok(Copied {
        table: table.name.clone(),
        rows: have.rows,
        written: merged.written,
        removed: merged.removed,
        digest: have.to_string(),
    })
}

/// Numbers that the database gives go on where the source's were: none is given twice, not even that of a row that is gone.
fn numbers(source: &Side, target: &Side, tables: &[Table]) -> Result<()> {
    target.begin()?;
    for table in tables.iter().filter(|table| table.numbered) {
        let last = source.last_number(table)?;
        if last > 0 {
            target.go_on_behind(table, last)?;
        }
    }
    target.log_goes_on()?;
    target.commit()
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
