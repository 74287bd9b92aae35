//! A connection that reads, and the thread around it.

use super::Counters;
use super::connection::{Asked, Connection};
use super::held::{Becomes, ValueRow};
use super::value::{Params, Row, Value};
use crate::queue::Queue;
use crate::{Error, Result, TenantId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

/// Reads the store. What its functions see within one closure is one state of the database.
pub struct Reader {
    pub(super) connection: Connection,
    /// Numbers of attributes that are known already. Rows are never changed and their numbers never used
    /// again, so what is in here stays true.
    attributes: RefCell<HashMap<i64, Kinds>>,
}

/// By the resource type's name, then by the path. Some thirty are looked up for each person that is written, so the hash is
/// a fast one.
type Kinds = Named<Named<i64>>;
type Named<T> = HashMap<Box<str>, T, foldhash::fast::RandomState>;

pub(super) type Job = Box<dyn FnOnce(&Reader) + Send>;

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, attributes: RefCell::default() }
    }

    /// Runs a statement that changes rows; the plan is kept.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.connection.execute(sql, params)
    }

    /// Runs a statement that changes rows and whose answer is not needed: it takes no way of its own where there is one.
    /// A failure may show only in the next statement, or at the end of the write.
    pub(crate) fn later(&self, sql: &str, params: impl Params) -> Result<()> {
        self.connection.later(sql, params)
    }

    /// The same for the sets of an `insert … values (…)`.
    pub(crate) fn insert_later<const N: usize>(&self, sql: &str, sets: &[[Value<'_>; N]]) -> Result<()> {
        self.connection.insert_later(sql, sets)
    }

    /// Changes rows of `attribute_value`. They are there for whoever looks at it, and a failure may show only then, or at
    /// the end of the write.
    pub(crate) fn values_later(&self, becomes: Becomes, rows: &[ValueRow<'_>]) -> Result<()> {
        self.connection.values_later(becomes, rows)
    }

    /// Runs one statement once for each set of parameters, on one way there and back where there is a way; answers
    /// how many rows each changed.
    pub(crate) fn execute_many<const N: usize>(&self, sql: &str, sets: &[[Value<'_>; N]]) -> Result<Vec<usize>> {
        self.connection.execute_many(sql, sets)
    }

    /// Runs statements that do not need each other's answers, on one way there and back where there is a way; hands out
    /// their rows with the number of the statement, and answers how many rows each changed where it has none.
    pub(crate) fn several(
        &self,
        asked: &[Asked<'_>],
        mut row: impl FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>> {
        self.connection.several(asked, &mut row)
    }

    /// Asks a question and inserts a row, on one way there and back where there is a way; hands out the rows of the
    /// answer, and answers the number of the new row, by the column that holds it: nothing if there was a conflict.
    pub(crate) fn insert_row_behind(
        &self,
        question: Option<Asked<'_>>,
        insert: Asked<'_>,
        column: &str,
        mut row: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<Option<i64>> {
        self.connection.insert_row_behind(question, insert, column, &mut row)
    }

    /// The first row for each set of parameters, in their order.
    pub(crate) fn first_of<T, const N: usize>(
        &self,
        sql: &str,
        sets: &[[Value<'_>; N]],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        let mut found = Vec::new();
        found.resize_with(sets.len(), || None);
        self.connection.each_of(sql, sets, &mut |number, row| {
            if let Some(place @ None) = found.get_mut(number) {
                *place = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The rows of each of these keys, in any order; as few statements as there can be. `sql` ends with the column that is
    /// one of them; `?1` is the tenant.
    pub(crate) fn each_key(
        &self,
        sql: &str,
        tenant: TenantId,
        keys: &[i64],
        mut row: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.connection.each_key(sql, tenant, keys, &mut row)
    }

    /// Which database it is, for the few things that only one of them has.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.connection, Connection::Sqlite(_))
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.connection.each(sql, params, |row| {
            found = read.take().map(|read| read(row)).transpose()?;
            Ok(false)
        })?;
        Ok(found)
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Hands out rows until there are no more, or the answer is that it is enough; nothing is collected. The
    /// closure may not ask the database.
    pub(crate) fn each(&self, sql: &str, params: impl Params, row: impl FnMut(&Row<'_>) -> Result<bool>) -> Result<()> {
        self.connection.each(sql, params, row)
    }

    /// What the statements have cost, in steps of SQLite's machine.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> &std::cell::Cell<i64> {
        match &self.connection {
            Connection::Sqlite(sqlite) => &sqlite.steps,
            Connection::Postgres(_) => panic!("PostgreSQL does not count steps"),
        }
    }

    /// Writes what waits for the commit.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        match &self.connection {
            Connection::Sqlite(sqlite) => sqlite.settle().unwrap(),
            Connection::Postgres(_) => panic!("PostgreSQL holds no rows back"),
        }
    }

    /// How many rows statements have written so far, on this connection.
    #[cfg(test)]
    pub(crate) fn rows_written(&self) -> u64 {
        match &self.connection {
            Connection::Sqlite(sqlite) => sqlite.connection.total_changes(),
            Connection::Postgres(_) => panic!("PostgreSQL does not count what a session writes"),
        }
    }

    /// The number of an indexed attribute; nothing if no resource ever had it.
    pub(crate) fn attribute(&self, tenant: TenantId, kind: &str, path: &str) -> Result<Option<i64>> {
        let known = self.attributes.borrow();
        if let Some(id) = known.get(&tenant.0).and_then(|kinds| kinds.get(kind)).and_then(|paths| paths.get(path)) {
            return Ok(Some(*id));
        }
        drop(known);
        let sql = "select id from attribute where tenant = ?1 and kind = ?2 and path = ?3";
        let found = self.first(sql, (tenant.0, kind, path), |row| row.get(0))?;
        if let Some(id) = found {
            let mut known = self.attributes.borrow_mut();
            known.entry(tenant.0).or_default().entry(kind.into()).or_default().insert(path.into(), id);
        }
        Ok(found)
    }

    /// Those that it knows already of several attributes of one type.
    pub(super) fn attributes_known<'p>(
        &self,
        tenant: TenantId,
        kind: &str,
        paths: impl Iterator<Item = &'p str>,
    ) -> Vec<Option<i64>> {
        let known = self.attributes.borrow();
        let of_kind = known.get(&tenant.0).and_then(|kinds| kinds.get(kind));
        paths.map(|path| of_kind?.get(path).copied()).collect()
    }

    /// Forgets the numbers that it knows; for a writer whose new rows were undone.
    pub(super) fn forget_attributes(&self) {
        self.attributes.borrow_mut().clear();
    }
}

pub(super) fn job<T, E, F, R>(closure: F, reply: R) -> Job
where
    F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    R: FnOnce(Result<T, E>) + Send + 'static,
    E: From<Error>,
{
    Box::new(move |reader| {
        let result = begin(reader, closure);
        reader.connection.end_read(|| reply(result));
    })
}

/// Takes a snapshot and reads in it, on this thread; the snapshot stays.
pub(super) fn begin<T, E: From<Error>>(reader: &Reader, closure: impl FnOnce(&Reader) -> Result<T, E>) -> Result<T, E> {
    within(reader, |reader| {
        reader.connection.begin_read()?;
        closure(reader)
    })
}

/// Reads in the snapshot that there is.
pub(super) fn within<T, E: From<Error>>(
    reader: &Reader,
    closure: impl FnOnce(&Reader) -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(|| closure(reader))).unwrap_or_else(|_| Err(Error::broken("a read panicked").into()))
}

pub(super) fn run(reader: &Reader, queue: &Queue<Job>, counters: &Counters) {
    while let Some(job) = queue.pop() {
        job(reader);
        counters.reads.fetch_add(1, Ordering::Relaxed);
    }
}
