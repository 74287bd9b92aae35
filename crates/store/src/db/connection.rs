//! A connection to either database; the only place that asks which one it is.

use super::held::{Becomes, DELETE, ValueRow};
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::value::{Kind, Params, Row, Value};
use crate::{Result, TenantId};

/// Most rows of one statement that adds several.
const ROWS_MAX: usize = 32;

/// Most keys that one statement asks for.
const KEYS_MAX: usize = 1_024;

/// A statement with its parameters.
pub(crate) type Asked<'a> = (&'a str, &'a [Value<'a>]);

/// One connection, used by one thread.
pub(crate) enum Connection {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

impl Connection {
    /// Runs a statement that changes rows; answers how many.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        match self {
            Self::Sqlite(sqlite) => params.lend(|params| sqlite.execute(sql, params)),
            Self::Postgres(postgres) => params.lend(|params| postgres.execute(sql, params)),
        }
    }

    /// Runs a statement that changes rows, before the next one or at the end of its part.
    pub(super) fn later(&self, sql: &str, params: impl Params) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => params.lend(|params| sqlite.execute(sql, params).map(|_| ())),
            Self::Postgres(postgres) => params.lend(|params| postgres.later(sql, params)),
        }
    }

    /// The same for several sets of parameters of an `insert … values (…)`, in few statements where each costs.
    pub(super) fn insert_later<const N: usize>(&self, sql: &str, sets: &[[Value<'_>; N]]) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute_many(sql, sets).map(|_| ()),
            Self::Postgres(postgres) => {
                let (head, rest) = sql.split_once("values").unwrap_or((sql, ""));
                let (_, tail) = rest.split_once(')').unwrap_or_default();
                sets.chunks(ROWS_MAX).try_for_each(|some| {
                    let row = |number: usize| {
                        let marks: Vec<String> = (1..=N).map(|column| format!("?{}", number * N + column)).collect();
                        format!("({})", marks.join(", "))
                    };
                    let rows: Vec<String> = (0..some.len()).map(row).collect();
                    postgres.later(&format!("{head}values {}{tail}", rows.join(", ")), some.as_flattened())
                })
            }
        }
    }

    /// Changes rows of `attribute_value`, before somebody looks at it or at the end of the transaction.
    pub(super) fn values_later(&self, becomes: Becomes, rows: &[ValueRow<'_>]) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.values_later(becomes, rows),
            Self::Postgres(_) => {
                let sets: Vec<_> = rows.iter().map(ValueRow::params).collect();
                match becomes {
                    Becomes::There => self.insert_later(
                        "insert into attribute_value (tenant, attribute, value, rid, element)
                         values (?1, ?2, ?3, ?4, ?5)",
                        &sets,
                    ),
                    Becomes::Gone => sets.iter().try_for_each(|set| self.later(DELETE, &set[..])),
                }
            }
        }
    }

    /// Waits for what was to be done later.
    pub(super) fn flush(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.flush(),
        }
    }

    /// Runs one statement once for each set of parameters; answers how many rows each changed.
    pub(super) fn execute_many<const N: usize>(&self, sql: &str, sets: &[[Value<'_>; N]]) -> Result<Vec<usize>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute_many(sql, sets),
            Self::Postgres(postgres) => {
                let sets: Vec<&[Value<'_>]> = sets.iter().map(<[_; N]>::as_slice).collect();
                postgres.many(sql, &sets, &mut |_, _| Ok(()))
            }
        }
    }

    /// Asks one question once for each set of parameters; hands out the rows with the number of their set.
    pub(super) fn each_of<const N: usize>(
        &self,
        sql: &str,
        sets: &[[Value<'_>; N]],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.each_of(sql, sets, row),
            Self::Postgres(postgres) => {
                let sets: Vec<&[Value<'_>]> = sets.iter().map(<[_; N]>::as_slice).collect();
                postgres.many(sql, &sets, row).map(|_| ())
            }
        }
    }

    /// Asks a question that ends with a column for each key that this column may be; hands out the rows in any order.
    /// `?1` is the tenant.
    pub(super) fn each_key(
        &self,
        sql: &str,
        tenant: TenantId,
        keys: &[i64],
        row: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => {
                let sets: Vec<[Value<'_>; 2]> = keys.iter().map(|key| [tenant.0.into(), (*key).into()]).collect();
                sqlite.each_of(&format!("{sql} = ?2"), &sets, &mut |_, found| row(found))
            }
            Self::Postgres(postgres) => keys.chunks(KEYS_MAX).try_for_each(|some| {
                // A few lengths, so that few statements are kept; the last key fills up what is left.
                let last = some.last().copied().unwrap_or_default();
                let padding = std::iter::repeat_n(last, some.len().next_power_of_two() - some.len());
                let own = some.iter().copied().chain(padding);
                let params: Vec<Value<'_>> = std::iter::once(tenant.0).chain(own).map(Value::from).collect();
                let marks: Vec<String> = (2..=params.len()).map(|number| format!("?{number}")).collect();
                postgres
                    .each(&format!("{sql} in ({})", marks.join(", ")), &params, &mut |found| row(found).map(|()| true))
            }),
        }
    }

    /// Runs statements that do not need each other's answers, on one way there and back where there is a way; hands out
    /// their rows with the number of the statement, and answers how many rows each changed where it has none.
    pub(super) fn several(
        &self,
        asked: &[Asked<'_>],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>> {
        match self {
            Self::Sqlite(sqlite) => {
                let one =
                    |(number, (sql, params)): (usize, &Asked<'_>)| sqlite.run(sql, params, |found| row(number, found));
                asked.iter().enumerate().map(one).collect()
            }
            Self::Postgres(postgres) => postgres.several(asked, row),
        }
    }

    /// Asks a question and inserts a row, on one way there and back where there is a way; hands out the rows of the
    /// answer, and answers the number of the new row, by the column that holds it: nothing if there was a conflict.
    pub(super) fn insert_row_behind(
        &self,
        question: Option<Asked<'_>>,
        (sql, params): Asked<'_>,
        column: &str,
        row: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<Option<i64>> {
        match self {
            // It knows the number of the last row; for `returning` it would make a table to hold it.
            Self::Sqlite(sqlite) => {
                if let Some((sql, params)) = question {
                    sqlite.each(sql, params, |found| row(found).map(|()| true))?;
                }
                let inserted = sqlite.execute(sql, params)? > 0;
                Ok(inserted.then(|| sqlite.connection.last_insert_rowid()))
            }
            Self::Postgres(postgres) => {
                let insert = format!("{sql} returning {column}");
                let asked: Vec<Asked<'_>> = question.into_iter().chain([(insert.as_str(), params)]).collect();
                let (last, mut number) = (asked.len() - 1, None);
                postgres.several(&asked, &mut |of, found| {
                    if of == last { found.get(0).map(|rid| number = Some(rid)) } else { row(found) }
                })?;
                Ok(number)
            }
        }
    }

    /// Hands out rows until there are no more, or the answer is that it is enough. No other statement may run on
    /// this connection meanwhile.
    pub(crate) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut row: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => params.lend(|params| sqlite.each(sql, params, row)),
            Self::Postgres(postgres) => params.lend(|params| postgres.each(sql, params, &mut row)),
        }
    }

    /// Adds rows that are not there yet, by the columns named.
    pub(crate) fn load(&self, table: &str, columns: &str, kinds: &[Kind], rows: &[Vec<Value<'_>>]) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => {
                let marks: Vec<String> = (1..=kinds.len()).map(|number| format!("?{number}")).collect();
                let sql = format!("insert into {table} ({columns}) values ({})", marks.join(", "));
                rows.iter().try_for_each(|row| sqlite.execute(&sql, row).map(|_| ()))
            }
            Self::Postgres(postgres) => {
                postgres.load(&format!("copy {table} ({columns}) from stdin binary"), kinds, rows)
            }
        }
    }

    /// Begins what a closure that reads sees: one state of the database.
    pub(crate) fn begin_read(&self) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute("begin", &[]).map(|_| ()),
            Self::Postgres(postgres) => {
                postgres.begin_read();
                Ok(())
            }
        }
    }

    /// Ends it, whatever became of it, and gives the answer: behind the end where that costs nothing.
    pub(super) fn end_read(&self, answer: impl FnOnce()) {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.execute("commit", &[]).ok();
                if !sqlite.connection.is_autocommit() {
                    sqlite.connection.execute_batch("rollback").ok();
                }
                answer();
            }
            Self::Postgres(postgres) => {
                answer();
                postgres.end_read();
            }
        }
    }

    /// Begins a transaction that writes: to one tenant's rows, or to anything. Its commit waits for the disk, or does not.
    pub(crate) fn begin_write(&self, lane: Option<TenantId>, on_disk: bool) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_write(on_disk),
            Self::Postgres(postgres) => postgres.begin_write(lane, on_disk),
        }
    }

    /// Commits it; an error means that nothing of it is there.
    pub(crate) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.commit(),
            Self::Postgres(postgres) => postgres.commit(),
        }
    }

    /// Undoes the transaction, if there is one.
    pub(super) fn rollback(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.rollback(),
            Self::Postgres(postgres) => postgres.rollback(),
        }
    }

    /// Begins a part of a transaction that can be undone by itself.
    pub(super) fn savepoint(&self, name: Part) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.savepoint(name),
            Self::Postgres(postgres) => {
                postgres.savepoint(name);
                Ok(())
            }
        }
    }

    /// Ends a part; one that does not stay is undone. A full disk or a failing one may have undone the whole
    /// transaction; then this fails as well.
    pub(super) fn release(&self, name: Part, stays: bool) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.release(name, stays),
            Self::Postgres(postgres) => postgres.release(name, stays),
        }
    }
}

/// Parts of a transaction that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One write among those that share a commit.
    One,
    /// A part of a write.
    Nested,
}

impl Part {
    pub(super) fn begin(self) -> &'static str {
        if self == Self::One { "savepoint one" } else { "savepoint part" }
    }

    pub(super) fn undo(self) -> &'static str {
        if self == Self::One { "rollback to one" } else { "rollback to part" }
    }

    pub(super) fn end(self) -> &'static str {
        if self == Self::One { "release one" } else { "release part" }
    }
}
