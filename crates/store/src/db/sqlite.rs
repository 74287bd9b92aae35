//! SQLite: how a database file is opened, and how statements run on it.

use super::connection::Part;
use super::held::{Becomes, DELETE, Held, TABLE, ValueRow};
use super::value::{Row, Value};
use super::{Options, STATEMENTS_MAX};
use crate::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OpenFlags, ToSql};
use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// Longest wait for a lock of the database; only a truncating checkpoint ever holds one against the writer.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Rows of one statement that adds several; what is left of them goes one by one.
const AT_ONCE: usize = 32;

static INSERT: LazyLock<String> = LazyLock::new(|| insert(1));
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert(AT_ONCE));

/// Takes the folder: two processes on one file would each trust what they remember of it.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let failed = |source| Error::Folder { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

pub(super) fn open(database: &Path, options: &Options) -> Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_MAX)?;
    // Without it SQLite plans a statement anew for every execution with other values: eight times the cost of a
    // lookup by key. Our plans do not depend on values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Nothing is mapped: each connection's mapping would count as memory of its own, and on a virtual machine a page
    // fault costs more than reading the page.
    connection.pragma_update(None, "cache_size", -(options.cache_bytes / 1024))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Opens a file that is there for reading alone.
pub(super) fn open_to_read(database: &Path) -> Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// A connection that runs statements.
pub(crate) struct Sqlite {
    pub(super) connection: rusqlite::Connection,
    /// Whether a commit waits for the disk.
    on_disk: Cell<bool>,
    held: Box<RefCell<Held>>,
    /// Whether there is something in it to be written.
    waits: Cell<bool>,
    /// What the statements have cost, in steps of SQLite's machine: the same on every computer.
    #[cfg(test)]
    pub(super) steps: Cell<i64>,
}

impl Sqlite {
    pub(super) fn new(connection: rusqlite::Connection) -> Self {
        Self {
            connection,
            on_disk: Cell::new(true),
            held: Box::default(),
            waits: Cell::new(false),
            #[cfg(test)]
            steps: Cell::default(),
        }
    }

    /// Begins a transaction that writes. The log is one file: what a commit leaves to the system is on the disk with the
    /// next one that waits for it, in order.
    pub(super) fn begin_write(&self, on_disk: bool) -> Result<()> {
        if self.on_disk.get() != on_disk {
            self.connection.pragma_update(None, "synchronous", if on_disk { "full" } else { "normal" })?;
            self.on_disk.set(on_disk);
        }
        self.forget();
        self.execute("begin immediate", &[]).map(|_| ())
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.settle()?;
        self.execute("commit", &[])?;
        self.forget();
        Ok(())
    }

    /// Undoes the transaction, if there is one.
    pub(super) fn rollback(&self) {
        self.forget();
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("rollback").ok();
        }
    }

    pub(super) fn savepoint(&self, name: Part) -> Result<()> {
        self.execute(name.begin(), &[])?;
        self.held.borrow_mut().savepoint();
        Ok(())
    }

    pub(super) fn release(&self, name: Part, stays: bool) -> Result<()> {
        if !stays {
            self.execute(name.undo(), &[])?;
        }
        self.execute(name.end(), &[])?;
        let mut held = self.held.borrow_mut();
        held.release(stays);
        self.waits.set(held.is_waiting());
        Ok(())
    }

    /// Changes rows of `attribute_value` before somebody looks at it, or with the commit.
    pub(super) fn values_later(&self, becomes: Becomes, rows: &[ValueRow<'_>]) -> Result<()> {
        let mut held = self.held.borrow_mut();
        rows.iter().for_each(|row| held.push(row, becomes));
        self.waits.set(held.is_waiting());
        let is_full = held.is_full();
        drop(held);
        if is_full { self.settle() } else { Ok(()) }
    }

    fn forget(&self) {
        self.held.borrow_mut().clear();
        self.waits.set(false);
    }

    /// Writes what was held back.
    pub(super) fn settle(&self) -> Result<()> {
        if !self.waits.get() {
            return Ok(());
        }
        let mut held = self.held.borrow_mut();
        let (gone, there) = held.changes();
        self.each_set(DELETE, gone.iter().map(ValueRow::params))?;
        let (many, few) = there.as_chunks::<AT_ONCE>();
        let sets = many.iter().map(|rows| rows.iter().flat_map(ValueRow::params).collect::<Vec<_>>());
        self.each_set(&INSERT_MANY, sets)?;
        self.each_set(&INSERT, few.iter().map(ValueRow::params))?;
        held.are_written();
        self.waits.set(false);
        Ok(())
    }

    /// One statement with one set of parameters after the other.
    fn each_set<'v>(&self, sql: &str, sets: impl ExactSizeIterator<Item: AsRef<[Value<'v>]>>) -> Result<()> {
        if sets.len() == 0 {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        for set in sets {
            statement.execute(rusqlite::params_from_iter(set.as_ref()))?;
        }
        self.count_steps(&statement);
        Ok(())
    }

    /// A statement by its text, in front of which nothing waits that it could ask for.
    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>> {
        if self.waits.get() && sql.contains(TABLE) {
            self.settle()?;
        }
        Ok(self.connection.prepare_cached(sql)?)
    }

    pub(super) fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize> {
        let mut statement = self.statement(sql)?;
        let changed = statement.execute(rusqlite::params_from_iter(params))?;
        self.count_steps(&statement);
        Ok(changed)
    }

    /// The same statement with one set of parameters after the other: it is looked up once.
    pub(super) fn execute_many<const N: usize>(&self, sql: &str, sets: &[[Value<'_>; N]]) -> Result<Vec<usize>> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.statement(sql)?;
        let one = |set: &[Value<'_>; N]| Ok(statement.execute(rusqlite::params_from_iter(set))?);
        let changed = sets.iter().map(one).collect();
        self.count_steps(&statement);
        changed
    }

    /// One question with one set of parameters after the other; hands out the rows with the number of their set.
    pub(super) fn each_of<const N: usize>(
        &self,
        sql: &str,
        sets: &[[Value<'_>; N]],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<()> {
        if sets.is_empty() {
            return Ok(());
        }
        let mut statement = self.statement(sql)?;
        for (number, set) in sets.iter().enumerate() {
            let mut rows = statement.query(rusqlite::params_from_iter(set))?;
            while let Some(found) = rows.next()? {
                row(number, &Row::Sqlite(found))?;
            }
        }
        self.count_steps(&statement);
        Ok(())
    }

    /// Runs a statement and hands out its rows, if it has any; answers how many it changed.
    pub(super) fn run(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut row: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<usize> {
        let mut statement = self.statement(sql)?;
        let mut changed = 0;
        if statement.column_count() == 0 {
            changed = statement.execute(rusqlite::params_from_iter(params))?;
        } else {
            let mut rows = statement.query(rusqlite::params_from_iter(params))?;
            while let Some(found) = rows.next()? {
                row(&Row::Sqlite(found))?;
            }
        }
        self.count_steps(&statement);
        Ok(changed)
    }

    /// Hands out rows until there are no more, or the answer is that it is enough.
    pub(super) fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut row: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        while let Some(found) = rows.next()? {
            if !row(&Row::Sqlite(found))? {
                break;
            }
        }
        drop(rows);
        self.count_steps(&statement);
        Ok(())
    }

    #[cfg(test)]
    fn count_steps(&self, statement: &CachedStatement<'_>) {
        let steps = statement.reset_status(rusqlite::StatementStatus::VmStep);
        self.steps.set(self.steps.get() + i64::from(steps));
    }

    #[cfg(not(test))]
    fn count_steps(&self, _: &CachedStatement<'_>) {}
}

/// Adds so many rows of the table, where they are not there yet.
fn insert(rows: usize) -> String {
    let row = |n: usize| format!("(?{}, ?{}, ?{}, ?{}, ?{})", n + 1, n + 2, n + 3, n + 4, n + 5);
    let rows: Vec<String> = (0..rows).map(|n| row(5 * n)).collect();
    format!(
        "insert into attribute_value (tenant, attribute, value, rid, element) values {} on conflict do nothing",
        rows.join(", ")
    )
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null(_) => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn cell<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Value<'r>> {
    use super::value::Kind;
    Ok(match row.get_ref(index)? {
        ValueRef::Null => Value::Null(Kind::Text),
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|error| Error::Broken(Box::new(error)))?),
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
        ValueRef::Real(_) => return Err(Error::broken(format!("column {index} of a row is no whole number"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use std::collections::BTreeSet;

    #[test]
    fn a_commit_waits_for_the_disk_unless_it_is_told_not_to() {
        let folder = std::env::temp_dir().join(format!("provost-disk-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let sqlite = Sqlite::new(open(&folder.join("provost.db"), &Options::default()).unwrap());
        let level = || sqlite.connection.query_row("pragma synchronous", [], |row| row.get::<_, i64>(0)).unwrap();
        for (on_disk, full) in [(true, 2), (false, 1), (false, 1), (true, 2)] {
            sqlite.begin_write(on_disk).unwrap();
            assert_eq!(level(), full);
            sqlite.commit().unwrap();
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// What a test does with one of a few rows, or with the transaction.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Change(i64, Becomes),
        Savepoint,
        Release(bool),
        Look,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..40_i64, prop_oneof![Just(Becomes::There), Just(Becomes::Gone)])
                .prop_map(|(rid, becomes)| Step::Change(rid, becomes)),
            1 => Just(Step::Savepoint),
            1 => any::<bool>().prop_map(Step::Release),
            1 => Just(Step::Look),
        ]
    }

    fn in_table(sqlite: &Sqlite) -> BTreeSet<i64> {
        let mut found = BTreeSet::new();
        let sql = "select rid from attribute_value where tenant = 1 and attribute = 2";
        sqlite.each(sql, &[], |row| Ok(found.insert(row.get(0)?))).unwrap();
        found
    }

    proptest! {
        #[test]
        fn rows_that_wait_are_there_for_whoever_looks_and_go_with_their_savepoint(
            transactions in proptest::collection::vec((proptest::collection::vec(step(), 0..120), any::<bool>()), 1..4)
        ) {
            let sqlite = Sqlite::new(rusqlite::Connection::open_in_memory().unwrap());
            sqlite.connection.execute_batch(
                "create table attribute_value (tenant integer, attribute integer, value text, rid integer,
                 element integer, primary key (tenant, attribute, value, rid, element)) without rowid",
            ).unwrap();
            let mut committed = BTreeSet::new();
            for (steps, stays) in transactions {
                sqlite.begin_write(true).unwrap();
                let (mut now, mut before) = (committed.clone(), Vec::new());
                for step in steps {
                    match step {
                        Step::Change(rid, becomes) => {
                            let value = format!("value {}", rid % 7);
                            let row = ValueRow { tenant: 1, attribute: 2, value: &value, rid, element: 0 };
                            sqlite.values_later(becomes, &[row]).unwrap();
                            if becomes == Becomes::There { now.insert(rid) } else { now.remove(&rid) };
                        }
                        Step::Savepoint if before.len() < 2 => {
                            sqlite.savepoint(if before.is_empty() { Part::One } else { Part::Nested }).unwrap();
                            before.push(now.clone());
                        }
                        Step::Release(stays) => if let Some(then) = before.pop() {
                            sqlite.release(if before.is_empty() { Part::One } else { Part::Nested }, stays).unwrap();
                            if !stays { now = then }
                        },
                        Step::Savepoint => {}
                        Step::Look => prop_assert_eq!(&in_table(&sqlite), &now),
                    }
                }
                if stays {
                    sqlite.commit().unwrap();
                    committed = now;
                } else {
                    sqlite.rollback();
                }
                prop_assert_eq!(&in_table(&sqlite), &committed);
            }
        }
    }
}
