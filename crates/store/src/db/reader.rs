//! A connection that reads, and the thread around it.

use super::Counters;
use crate::queue::Queue;
use crate::{Error, Result, TenantId};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

/// Reads the store. What its functions see within one closure is one state of the database.
pub struct Reader {
    pub(crate) connection: Connection,
    /// Numbers of attributes that are known already. Rows are never changed and their numbers never used
    /// again, so what is in here stays true.
    attributes: RefCell<HashMap<i64, Kinds>>,
    /// What the statements have cost, in steps of SQLite's machine: the same on every computer.
    #[cfg(test)]
    pub(crate) steps: std::cell::Cell<i64>,
}

/// By the resource type's name, then by the path.
type Kinds = HashMap<Box<str>, HashMap<Box<str>, i64>>;

pub(super) type Job = Box<dyn FnOnce(&Reader) + Send>;

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            attributes: RefCell::default(),
            #[cfg(test)]
            steps: std::cell::Cell::default(),
        }
    }

    /// Runs a statement that changes rows; the plan is kept.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params, read).optional()?;
        #[cfg(test)]
        self.count_steps(&statement);
        Ok(found)
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?.collect::<rusqlite::Result<_>>()?;
        #[cfg(test)]
        self.count_steps(&statement);
        Ok(rows)
    }

    #[cfg(test)]
    fn count_steps(&self, statement: &rusqlite::Statement<'_>) {
        let steps = statement.reset_status(rusqlite::StatementStatus::VmStep);
        self.steps.set(self.steps.get() + i64::from(steps));
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
        let read = || {
            reader.execute("begin", ())?;
            let result = closure(reader);
            reader.execute("commit", ())?;
            result
        };
        let result = catch_unwind(AssertUnwindSafe(read));
        if !reader.connection.is_autocommit() {
            reader.connection.execute_batch("rollback").ok();
        }
        reply(result.unwrap_or_else(|_| Err(Error::broken("a read panicked").into())));
    })
}

pub(super) fn run(reader: &Reader, queue: &Queue<Job>, counters: &Counters) {
    while let Some(job) = queue.pop() {
        job(reader);
        counters.reads.fetch_add(1, Ordering::Relaxed);
    }
}
