//! The connection that writes, and the thread around it: group commit.
//!
//! The thread opens a transaction for the first write that waits and runs everything of the same lane that arrives
//! meanwhile in it, each in a savepoint, up to the bound; then one commit (one fsync), then the answers. Where all of them
//! are late ones ([`Store::write_late_in`](super::Store::write_late_in)), nothing waits for the disk.

use super::connection::{Connection, Part};
use super::lanes::Lanes;
use super::{Counters, Reader};
use crate::log::Waiting;
use crate::log_pack::{Changed, Pack};
use crate::tally::Tally;
use crate::{Error, Result, TenantId};
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Writes the store, and reads what it wrote.
pub struct Writer {
    reader: Reader,
    numbers: Numbers,
    /// Entries of the log, to be written with the commit.
    pub(crate) log_waiting: Vec<Waiting>,
    /// Where those of changes are put together.
    pub(crate) pack: Pack,
    /// What this transaction changed, for these entries.
    pub(crate) changed: Changed,
    /// Whether something changed that nodes keep in memory.
    shared_changed: bool,
    /// Whether this write has made rows whose numbers the reader remembers.
    interned: bool,
    /// Which builds of indexes are kept up follows from a tenant's definitions: the generations since which they are
    /// others, by the one process that writes.
    indexes: HashMap<TenantId, i64>,
    /// Those of this transaction.
    indexes_waiting: Vec<(TenantId, i64)>,
    /// Numbers that are written with the commit.
    pub(crate) tally: Tally,
    /// What the transaction took its turn for, and whether there is nothing in it yet.
    lane: Option<TenantId>,
    is_empty: bool,
    /// Whether it has to be on the disk before it is answered.
    on_disk: bool,
}

/// What of this transaction is in memory until the commit: how much there was before a part of it.
#[derive(Clone, Copy)]
struct Mark {
    log: usize,
    changed: usize,
    indexes: usize,
    tally: usize,
}

/// Where numbers of the log come from.
pub(super) enum Numbers {
    /// From the one process that there is.
    Process(Arc<AtomicI64>),
    /// From the database: the next one that this transaction may use, and the one behind its last.
    Transaction { next: Cell<i64>, end: Cell<i64> },
}

impl Deref for Writer {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Writer {
    pub(super) fn new(connection: Connection, numbers: Numbers) -> Self {
        let (reader, log_waiting) = (Reader::new(connection), Vec::new());
        let (indexes, indexes_waiting) = (HashMap::new(), Vec::new());
        Self {
            reader,
            numbers,
            log_waiting,
            pack: Pack::default(),
            changed: Changed::default(),
            shared_changed: false,
            interned: false,
            indexes,
            indexes_waiting,
            tally: Tally::default(),
            lane: None,
            is_empty: false,
            on_disk: true,
        }
    }

    /// The next number of the provisioning log.
    pub fn next_log_seq(&self) -> i64 {
        self.next_log_seqs(1)
    }

    /// The first of so many numbers of the provisioning log behind each other; 1 000 at the most.
    pub(crate) fn next_log_seqs(&self, count: usize) -> i64 {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match (&self.numbers, &self.reader.connection) {
            (Numbers::Process(last), _) => last.fetch_add(count, Ordering::Relaxed) + 1,
            (Numbers::Transaction { next, end }, Connection::Postgres(postgres)) => {
                if next.get() + count > end.get() {
                    // Without an answer there is no session, and what is written with this number will fail.
                    let (first, behind) = postgres.more_log_numbers().unwrap_or_default();
                    next.set(first);
                    end.set(behind);
                }
                next.replace(next.get() + count)
            }
            (Numbers::Transaction { next, .. }, Connection::Sqlite(_)) => next.replace(next.get() + count),
        }
    }

    /// In `write_in`, and where other nodes may have changed it: the tenant's generation as it is now, and stays until
    /// the commit; 0 if the tenant is gone.
    pub fn tenant_generation(&self) -> Option<i64> {
        match &self.reader.connection {
            Connection::Sqlite(_) => None,
            Connection::Postgres(postgres) => postgres.generation(),
        }
    }

    /// Whether what was prepared with the definitions of that generation must not be written any more: other builds of
    /// an index are to be kept up since. Where other nodes may have changed them, anything newer counts.
    pub fn is_outdated(&self, tenant: TenantId, generation: i64) -> bool {
        match self.tenant_generation() {
            Some(now) => now != generation,
            None => {
                let waiting = self.indexes_waiting.iter().rev().find(|(of, _)| *of == tenant).map(|(_, since)| since);
                waiting.or_else(|| self.indexes.get(&tenant)).is_some_and(|since| generation < *since)
            }
        }
    }

    /// Notes that a tenant's indexes are others from that generation on.
    pub(crate) fn indexes_changed(&mut self, tenant: TenantId, since: i64) {
        self.indexes_waiting.push((tenant, since));
    }

    fn mark(&self) -> Mark {
        Mark {
            log: self.log_waiting.len(),
            changed: self.changed.len(),
            indexes: self.indexes_waiting.len(),
            tally: self.tally.steps(),
        }
    }

    fn back_to(&mut self, mark: Mark) {
        self.log_waiting.truncate(mark.log);
        self.changed.truncate(mark.changed);
        self.indexes_waiting.truncate(mark.indexes);
        self.tally.back_to(mark.tally);
    }

    /// Tells the other nodes, with the commit, to look again at what they keep in memory.
    pub(crate) fn tell_nodes(&mut self) {
        self.shared_changed = true;
    }

    fn begin(&mut self, lane: Option<TenantId>, on_disk: bool) -> Result<()> {
        self.shared_changed = false;
        self.back_to(Mark { log: 0, changed: 0, indexes: 0, tally: 0 });
        self.tally.clear();
        (self.lane, self.is_empty, self.on_disk) = (lane, true, on_disk);
        self.reader.connection.begin_write(lane, on_disk)?;
        if let (Numbers::Transaction { next, end }, Connection::Postgres(postgres)) =
            (&self.numbers, &self.reader.connection)
        {
            let (first, behind) = postgres.log_numbers();
            next.set(first);
            end.set(behind);
            self.tally = postgres.tally();
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.tally_write()?;
        self.log_write()?;
        if self.shared_changed && !self.is_sqlite() {
            // Behind everything else: nobody waits for this row longer than for a commit.
            self.execute("update meta set value = value + 1 where name = 'generation'", ())?;
            self.first("select pg_notify('provost', '') is null", (), |_| Ok(()))?;
        }
        self.connection.commit()?;
        self.indexes.extend(self.indexes_waiting.drain(..));
        Ok(())
    }

    /// The number of an indexed attribute; makes one the first time.
    pub(crate) fn intern(&mut self, tenant: TenantId, kind: &str, path: &str) -> Result<i64> {
        if let Some(id) = self.attribute(tenant, kind, path)? {
            return Ok(id);
        }
        self.interned = true;
        let sql = "insert into attribute (tenant, kind, path) values (?1, ?2, ?3) on conflict do nothing";
        self.execute(sql, (tenant.0, kind, path))?;
        self.attribute(tenant, kind, path)?.ok_or_else(|| Error::broken("an attribute has no number"))
    }

    /// The numbers of several attributes of one type, in their order.
    pub(crate) fn intern_all<'p>(
        &mut self,
        tenant: TenantId,
        kind: &str,
        paths: impl Iterator<Item = &'p str> + Clone,
    ) -> Result<Vec<i64>> {
        let known = self.attributes_known(tenant, kind, paths.clone());
        paths.zip(known).map(|(path, known)| known.map_or_else(|| self.intern(tenant, kind, path), Ok)).collect()
    }

    /// Runs a part of a write in a savepoint of its own: an `Err`, or a panic, undoes that part alone.
    pub fn nested<T, E: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.is_empty = false;
        self.connection.savepoint(Part::Nested)?;
        let mark = self.mark();
        let result = catch_unwind(AssertUnwindSafe(|| self.whole(part)));
        let result = result.unwrap_or_else(|_| Err(Error::broken("a part of a write panicked").into()));
        self.connection.release(Part::Nested, result.is_ok())?;
        if result.is_err() {
            self.back_to(mark);
            // `interned` stays as it is: the write around this part, or a panic, may have to undo rows as well.
            self.reader.forget_attributes();
        }
        result
    }

    /// As `nested`, for much work at once, and without a savepoint where nothing else is in the transaction yet: an `Err`, or
    /// a panic, then undoes that and begins another one, in which what was true before may not be true any more. A savepoint
    /// keeps a copy of every page that is touched, and with SQLite each statement goes through all of these at its end.
    pub fn alone<T, E: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        if !std::mem::take(&mut self.is_empty) {
            return self.nested(part);
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.whole(part)));
        let result = result.unwrap_or_else(|_| Err(Error::broken("a part of a write panicked").into()));
        if result.is_err() {
            self.reader.connection.rollback();
            self.reader.forget_attributes();
            self.begin(self.lane, self.on_disk)?;
        }
        result
    }

    /// Runs a part to its end, with what it left for later: that its failure is its own.
    fn whole<T, E: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let done = part(self)?;
        self.connection.flush()?;
        Ok(done)
    }

    fn undone(&mut self) {
        if std::mem::take(&mut self.interned) {
            self.reader.forget_attributes();
        }
    }
}

/// One write: it runs, and when it is clear what became of the commit, it answers.
pub(super) trait Job: Send {
    /// What its caller needs to be true of it.
    fn way(&self) -> Way;
    /// Runs the closure; whether its changes should stay.
    fn run(&mut self, writer: &mut Writer) -> bool;
    /// Answers with the closure's result, or with the failure of the commit.
    fn answer(self: Box<Self>, failed: bool);
}

/// How a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In a savepoint of its own, and on the disk before it is answered.
    Usual,
    /// The same, but it changes something within its own parts alone.
    InParts,
    /// In a savepoint of its own; it may be lost with the machine.
    Late,
    /// As `Usual`, and it writes nothing but the log.
    Log,
}

impl Way {
    /// Whether it shares a commit with any other of its lane, and waits for the disk.
    fn is_usual(self) -> bool {
        matches!(self, Self::Usual | Self::Log)
    }
}

struct Write<F, T, E, R> {
    way: Way,
    closure: Option<F>,
    result: Option<Result<T, E>>,
    reply: R,
}

pub(super) fn job<T, E, F, R>(way: Way, closure: F, reply: R) -> Box<dyn Job>
where
    F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
    R: FnOnce(Result<T, E>) + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    Box::new(Write { way, closure: Some(closure), result: None, reply })
}

impl<F, T, E, R> Job for Write<F, T, E, R>
where
    F: FnOnce(&mut Writer) -> Result<T, E> + Send,
    R: FnOnce(Result<T, E>) + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn way(&self) -> Way {
        self.way
    }

    fn run(&mut self, writer: &mut Writer) -> bool {
        let Some(closure) = self.closure.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| writer.whole(closure)))
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

pub(super) fn run(mut writer: Writer, queue: &Lanes<Box<dyn Job>>, batch_max: usize, counters: &Counters) {
    while let Some((lane, first)) = queue.pop() {
        let mut done = Vec::new();
        let result = batch(&mut writer, (lane, first), queue, batch_max, &mut done);
        queue.free(lane);
        let failed = result.is_err();
        if let Err(error) = result {
            counters.failed(error.to_string());
            writer.connection.rollback();
            writer.reader.forget_attributes();
        }
        let kept = done.iter().filter(|(_, stays)| *stays).count() as u64;
        let written = if failed { 0 } else { kept };
        counters.batches.fetch_add(1, Ordering::Relaxed);
        if done.iter().any(|(job, _)| job.way() != Way::Log) {
            counters.changes.fetch_add(1, Ordering::Release);
        }
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
    (lane, first): (Option<TenantId>, Box<dyn Job>),
    queue: &Lanes<Box<dyn Job>>,
    batch_max: usize,
    done: &mut Vec<(Box<dyn Job>, bool)>,
) -> Result<()> {
    // A late one that finds others in front of it or behind it is on the disk with them.
    let on_disk = first.way() != Way::Late || queue.waits(lane, |job| job.way().is_usual());
    let fits = |way: Way| match way {
        // One that works in parts has the beginning of a transaction to itself.
        Way::InParts => false,
        Way::Usual | Way::Log => on_disk,
        Way::Late => true,
    };
    let mut next = Some(first);
    let began = writer.begin(lane, on_disk);
    while let Some(mut job) = next {
        if began.is_err() {
            done.push((job, false));
            break;
        }
        let kept = in_savepoint(writer, &mut *job);
        done.push((job, matches!(kept, Ok(true))));
        kept?;
        next = if done.len() < batch_max { queue.try_pop(lane, |job| fits(job.way())) } else { None };
    }
    began?;
    writer.commit()
}

/// One that works in parts needs no savepoint around them: it would keep a copy of every page that any of them touches,
/// and the end of each part would look through all of these.
fn in_savepoint(writer: &mut Writer, job: &mut dyn Job) -> Result<bool> {
    let in_parts = job.way() == Way::InParts;
    if !in_parts {
        writer.is_empty = false;
        writer.connection.savepoint(Part::One)?;
    }
    writer.interned = false;
    let mark = writer.mark();
    let stays = job.run(writer);
    if in_parts {
        return Ok(stays);
    }
    writer.connection.release(Part::One, stays)?;
    if !stays {
        writer.back_to(mark);
        writer.undone();
    }
    Ok(stays)
}
