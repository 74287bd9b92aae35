//! The connection that writes, and the thread around it: group commit.
//!
//! The thread opens a transaction for the first write that waits and runs everything that arrives meanwhile
//! in it, each in a savepoint, up to the bound; then one commit (one fsync), then the answers.

use super::{Counters, Reader};
use crate::queue::Queue;
use crate::{Error, Result, TenantId};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Writes the store, and reads what it wrote.
pub struct Writer {
    reader: Reader,
    log_seq: Arc<AtomicI64>,
    /// Whether this write has made rows whose numbers the reader remembers.
    interned: bool,
}

impl Deref for Writer {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Writer {
    pub(super) fn new(connection: rusqlite::Connection, log_seq: Arc<AtomicI64>) -> Self {
        Self { reader: Reader::new(connection), log_seq, interned: false }
    }

    /// The next number of the provisioning log.
    pub fn next_log_seq(&self) -> i64 {
        self.log_seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of an indexed attribute; makes one the first time.
    pub(crate) fn intern(&mut self, tenant: TenantId, kind: &str, path: &str) -> Result<i64> {
        if let Some(id) = self.attribute(tenant, kind, path)? {
            return Ok(id);
        }
        self.interned = true;
        self.execute("insert into attribute (tenant, kind, path) values (?1, ?2, ?3)", (tenant.0, kind, path))?;
        self.attribute(tenant, kind, path)?.ok_or_else(|| Error::broken("an attribute has no number"))
    }

    /// Runs a part of a write in a savepoint of its own: an `Err` undoes that part alone.
    pub fn nested<T, E: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        cached(self, "savepoint part").map_err(Error::from)?;
        let result = part(self);
        if result.is_err() {
            cached(self, "rollback to part").map_err(Error::from)?;
            // `interned` stays as it is: the write around this part, or a panic, may have to undo rows as well.
            self.reader.forget_attributes();
        }
        cached(self, "release part").map_err(Error::from)?;
        result
    }

    fn undone(&mut self) {
        if std::mem::take(&mut self.interned) {
            self.reader.forget_attributes();
        }
    }
}

/// One write: it runs, and when it is clear what became of the commit, it answers.
pub(super) trait Job: Send {
    /// Runs the closure; whether its changes should stay.
    fn run(&mut self, writer: &mut Writer) -> bool;
    /// Answers with the closure's result, or with the failure of the commit.
    fn answer(self: Box<Self>, failed: bool);
}

struct Write<F, T, E, R> {
    closure: Option<F>,
    result: Option<Result<T, E>>,
    reply: R,
}

pub(super) fn job<T, E, F, R>(closure: F, reply: R) -> Box<dyn Job>
where
    F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
    R: FnOnce(Result<T, E>) + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    Box::new(Write { closure: Some(closure), result: None, reply })
}

impl<F, T, E, R> Job for Write<F, T, E, R>
where
    F: FnOnce(&mut Writer) -> Result<T, E> + Send,
    R: FnOnce(Result<T, E>) + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, writer: &mut Writer) -> bool {
        let Some(closure) = self.closure.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| closure(writer)))
            .unwrap_or_else(|_| Err(Error::broken("a write panicked").into()));
        let stays = result.is_ok();
        self.result = Some(result);
        stays
    }

    fn answer(self: Box<Self>, failed: bool) {
        let result = match self.result {
            // Its own error is the truth about it, whatever became of the others.
            Some(Err(error)) => Err(error),
            Some(result) if !failed => result,
            _ => Err(Error::Unavailable.into()),
        };
        (self.reply)(result);
    }
}

pub(super) fn run(mut writer: Writer, queue: &Queue<Box<dyn Job>>, batch_max: usize, counters: &Counters) {
    while let Some(first) = queue.pop() {
        let mut done = Vec::new();
        let result = batch(&mut writer, first, queue, batch_max, &mut done);
        let failed = result.is_err();
        if let Err(error) = result {
            counters.failed(error.to_string());
            if !writer.connection.is_autocommit() {
                writer.connection.execute_batch("rollback").ok();
            }
            writer.reader.forget_attributes();
        }
        let kept = done.iter().filter(|(_, stays)| *stays).count() as u64;
        let written = if failed { 0 } else { kept };
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.writes.fetch_add(written, Ordering::Relaxed);
        counters.failed_writes.fetch_add(done.len() as u64 - written, Ordering::Relaxed);
        counters.largest_batch.fetch_max(written, Ordering::Relaxed);
        for (job, _) in done {
            job.answer(failed);
        }
    }
}

/// Runs what waits in one transaction and commits it. An error means that nothing of it is there.
fn batch(
    writer: &mut Writer,
    first: Box<dyn Job>,
    queue: &Queue<Box<dyn Job>>,
    batch_max: usize,
    done: &mut Vec<(Box<dyn Job>, bool)>,
) -> rusqlite::Result<()> {
    let mut next = Some(first);
    let began = cached(writer, "begin immediate");
    while let Some(mut job) = next {
        if began.is_err() {
            done.push((job, false));
            break;
        }
        let kept = in_savepoint(writer, &mut *job);
        done.push((job, matches!(kept, Ok(true))));
        kept?;
        next = if done.len() < batch_max { queue.try_pop() } else { None };
    }
    began?;
    cached(writer, "commit")
}

fn in_savepoint(writer: &mut Writer, job: &mut dyn Job) -> rusqlite::Result<bool> {
    cached(writer, "savepoint one")?;
    writer.interned = false;
    let stays = job.run(writer);
    if !stays {
        // A full disk or a failing one may have undone the whole transaction; then this fails as well.
        cached(writer, "rollback to one")?;
        writer.undone();
    }
    cached(writer, "release one")?;
    Ok(stays)
}

fn cached(writer: &Writer, sql: &str) -> rusqlite::Result<()> {
    writer.connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}
