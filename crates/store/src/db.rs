//! The database and its threads: one writer that shares an fsync among everything waiting, readers with
//! a snapshot each, and a checkpointer.
//!
//! Invariant: an answer to a write is given after the commit that holds it is on the disk
//! (`synchronous=FULL`), but for late ones (`Store::write_late_in`). Invariant: a write's failure undoes that write alone.

mod checkpoint;
mod connection;
mod held;
mod lanes;
mod postgres;
mod reader;
mod short;
mod sqlite;
mod value;
mod writer;

pub(crate) use connection::{Asked, Connection};
pub(crate) use held::{Becomes, ValueRow};
pub(crate) use postgres::Postgres;
pub use reader::Reader;
pub(crate) use sqlite::lock;
pub(crate) use value::{FromValue, Kind, Params, Row, Sql, ToValue, Value, params};
pub use writer::Writer;

use crate::queue::Queue;
use crate::seal::Sealer;
use crate::{Error, Result, TenantId, copy, migrate};
use lanes::Lanes;
use postgres::{Monitor, Shared};
use rusqlite::hooks::Wal;
use short::Short;
use sqlite::Sqlite;
use std::cell::Cell;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};
use writer::{Numbers, Way};

/// Prepared statements kept by each connection; all of ours and some hundred shapes of filters.
const STATEMENTS_MAX: usize = 512;
/// Page cache of a connection that answers are streamed from, in bytes: it goes through its rows once.
const STREAM_CACHE_BYTES: i64 = 1 << 20;

/// Page cache of a connection that copies.
const COPY_CACHE_BYTES: i64 = 256 << 20;

/// What can be chosen when a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads; 0 means one a core, two at least; eight at least with PostgreSQL, where they mostly wait.
    pub readers: usize,
    /// Most writes that share one commit.
    pub batch_max: usize,
    /// Most reads, and most writes, that wait; what comes on top is refused as unavailable.
    pub queue_max: usize,
    /// Threads for answers that are read while they are sent: a slow client holds one of these, and no reader.
    pub streams: usize,
    /// Page cache of each connection in bytes; SQLite.
    pub cache_bytes: i64,
    /// Writer threads, each with a connection; PostgreSQL. The writes of one tenant are done by one at a time.
    pub writers: usize,
    /// Whether a pooler that hands out connections by the transaction stands in front of PostgreSQL: statements then
    /// have no names, and other nodes' changes are noticed within a second instead of at once.
    pub pooled: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 0,
            batch_max: 256,
            queue_max: 8192,
            streams: 4,
            cache_bytes: 24 << 20,
            writers: 4,
            pooled: false,
        }
    }
}

/// What the threads have done since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits.
    pub batches: u64,
    /// Writes that were committed.
    pub writes: u64,
    /// Writes that failed or were undone by their own error.
    pub failed_writes: u64,
    /// Most writes in one commit.
    pub largest_batch: u64,
    /// Reads.
    pub reads: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Writes that wait now.
    pub writes_waiting: usize,
    /// Reads that wait now.
    pub reads_waiting: usize,
    /// Ways to PostgreSQL and back that somebody waited for.
    pub ways: u64,
    /// Why the last commit failed.
    pub last_failure: Option<String>,
}

#[derive(Default)]
pub(crate) struct Counters {
    batches: AtomicU64,
    /// Commits that wrote something besides the log.
    changes: AtomicU64,
    writes: AtomicU64,
    failed_writes: AtomicU64,
    largest_batch: AtomicU64,
    reads: AtomicU64,
    checkpoints: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Counters {
    fn failed(&self, why: String) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// The store of one data folder, and of one database, which may be shared with other nodes; clones share it. The last
/// clone to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    reads: Arc<Queue<reader::Job>>,
    streams: Arc<Queue<reader::Job>>,
    /// Where a read of a few rows costs less than waking a thread.
    short: Option<Arc<Short>>,
    writes: Arc<Lanes<Box<dyn writer::Job>>>,
    checkpointer: Arc<checkpoint::Signal>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    checkpoints: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    /// The last number of the log, where this process gives them.
    log_seq: Option<Arc<AtomicI64>>,
    /// Where there may be other nodes.
    monitor: Option<Monitor>,
    sealer: Sealer,
    folder: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the folder's database: makes what is missing, takes the lock, migrates, starts the threads.
    pub fn open(folder: &Path, options: Options) -> Result<Self> {
        let lock = lock_folder(folder)?;
        let database = folder.join("provost.db");
        let exists = database.try_exists().map_err(failed(&database))?;
        let sealer = Sealer::open(&folder.join("secret.key"), !exists)?;
        if !exists {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).map_err(failed(&database))?;
        }
        forget_copies(folder);
        let connection = sqlite::open(&database, &options)?;
        migrate::sqlite(&connection)?;
        if connection.query_row(copy::MARKED, [], |row| row.get::<_, i64>(0))? > 0 {
            return Err(Error::Unfinished);
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        let sql =
            "select coalesce(max((select last from log_block where tenant = t.id order by first desc limit 1)), 0)
                   from tenant t
             union all select coalesce(max((select last from log_pack where tenant = t.id order by first desc limit 1)), 0)
                   from tenant t
             union all select coalesce(max(open_last), 0) from change_seq
             union all select coalesce(max(seq), 0) from log order by 1 desc limit 1";
        let last: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        let log_seq = Some(Arc::new(AtomicI64::new(last)));
        let mut inner = Inner::new(folder, lock, sealer, &options, log_seq, None);
        inner.start_sqlite(connection, &database, &options)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a database of PostgreSQL, which other nodes may work on as well: connects, migrates, compares the
    /// folder's key with the one that the database's secrets are sealed with, starts the threads. The folder holds
    /// the key and belongs to this node alone; `url` is what libpq takes (`postgres://user:password@host/database`).
    pub fn connect(folder: &Path, url: &str, options: Options) -> Result<Self> {
        // Away from a caller's runtime: a session brings its own.
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| Self::connect_blocking(folder, url, &options));
            connecting.join().unwrap_or_else(|_| Err(Error::broken("connecting panicked")))
        })
    }

    fn connect_blocking(folder: &Path, url: &str, options: &Options) -> Result<Self> {
        let lock = lock_folder(folder)?;
        let shared = Arc::new(Shared::new(url, options.pooled)?);
        let first = Postgres::new(Arc::clone(&shared))?;
        first.start()?;
        let key = folder.join("secret.key");
        let (sealer, generation) = first.alone(|| {
            migrate::postgres(&first)?;
            first.forget_marks()?;
            let mut marked = 0_i64;
            first.each(copy::MARKED, &[], &mut |row| {
                marked = row.get(0)?;
                Ok(false)
            })?;
            if marked > 0 {
                return Err(Error::Unfinished);
            }
            let sealer = own_key(&first, &key)?;
            let mut generation = 0;
            first.each("select value from meta where name = 'generation'", &[], &mut |row| {
                generation = row.get(0)?;
                Ok(false)
            })?;
            Ok((sealer, generation))
        })?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        drop(first);
        let monitor = Monitor::start(Arc::clone(&shared), generation)?;
        let inner = Inner::new(folder, lock, sealer, options, None, Some(monitor));
        inner.start_postgres(&shared, options)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The number that goes up when tenants or tokens change, by whichever node; nothing where there is only this
    /// process.
    pub fn generation(&self) -> Option<watch::Receiver<i64>> {
        self.inner.monitor.as_ref().map(Monitor::generation)
    }

    /// Runs a closure on a reader thread, in one snapshot: it sees every write that was answered before.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        queued(&self.inner.reads, closure).await
    }

    /// As `read`, for a closure that waits for a client in between: it runs on a thread for these, of which there are
    /// few, and keeps its snapshot until it ends.
    pub async fn stream<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        queued(&self.inner.streams, closure).await
    }

    /// As `read`, for a closure that reads a few rows by their keys, none of them of the log: where the database is a file
    /// it runs on the thread that asks, which serves others as well and must not be kept.
    pub async fn read_short<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Some(short) = &self.inner.short else { return self.read(closure).await };
        match short.run(closure) {
            Ok(result) => {
                self.inner.counters.reads.fetch_add(1, Ordering::Relaxed);
                result
            }
            Err(closure) => self.read(closure).await,
        }
    }

    /// As `read`, for a caller that may block.
    pub fn read_blocking<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::channel();
        let job = reader::job(closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.reads.push(job).map_err(|_| E::from(Error::Unavailable))?;
        answer.recv().unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
    }

    /// Runs a closure on a writer thread, in a savepoint of its own: an `Err` undoes what it did, and
    /// nothing else. Answers after the commit. The closure should not wait for anything. It may change anything; what
    /// only changes one tenant's rows is better off in `write_in`.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_lane(None, Way::Usual, closure).await
    }

    /// As `write`, for a closure that changes nothing but rows of this tenant's resources, changes and log: with
    /// several nodes, the writes of other tenants go on beside it.
    pub async fn write_in<T, E, F>(&self, tenant: TenantId, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_lane(self.lane(tenant), Way::Usual, closure).await
    }

    /// As `write_in`, for what is found again and done again when it is lost: when the machine itself fails, not the process
    /// alone, the last moments of it may be gone. Nothing that is written later outlives it.
    pub async fn write_late_in<T, E, F>(&self, tenant: TenantId, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_lane(self.lane(tenant), Way::Late, closure).await
    }

    /// One writer of one file: a lane more would only part what can share a commit.
    fn lane(&self, tenant: TenantId) -> Option<TenantId> {
        self.inner.monitor.as_ref().map(|_| tenant)
    }

    /// As `write_in`, for a closure that writes nothing but entries of the log: `read_short` need not see them.
    pub async fn write_log_in<T, E, F>(&self, tenant: TenantId, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_lane(self.lane(tenant), Way::Log, closure).await
    }

    /// As `write_in`, for a closure that does many things, each in a `Writer::nested` of its own and nothing beside them:
    /// an `Err` or a panic undoes the part that it comes from, and an `Err` of the closure undoes none.
    pub async fn write_parts_in<T, E, F>(&self, tenant: TenantId, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_lane(self.lane(tenant), Way::InParts, closure).await
    }

    async fn write_lane<T, E, F>(&self, lane: Option<TenantId>, way: Way, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = writer::job(way, closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.writes.push(lane, job).map_err(|_| E::from(Error::Unavailable))?;
        answer.await.unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
    }

    /// As `write`, for a caller that may block.
    pub fn write_blocking<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::channel();
        let job = writer::job(Way::Usual, closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.writes.push(None, job).map_err(|_| E::from(Error::Unavailable))?;
        answer.recv().unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
    }

    /// The next number of the provisioning log, over all tenants; numbers follow the order of the calls. With several
    /// nodes it is 0: an entry is given its number when it is written.
    pub fn next_log_seq(&self) -> i64 {
        self.inner.log_seq.as_ref().map_or(0, |last| last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Encrypts for one purpose with the folder's key.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        self.inner.sealer.seal(purpose, plain)
    }

    /// Opens what was sealed for the same purpose; nothing if it was not, or was tampered with.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.inner.sealer.unseal(purpose, sealed)
    }

    /// A keyed digest (HMAC-SHA-256) for one purpose.
    pub fn mac(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        self.inner.sealer.mac(purpose, bytes)
    }

    /// The folder's key, to use inside a closure.
    pub fn sealer(&self) -> Sealer {
        self.inner.sealer.clone()
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// What the threads have done so far.
    pub fn stats(&self) -> Stats {
        let counters = &self.inner.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            batches: count(&counters.batches),
            writes: count(&counters.writes),
            failed_writes: count(&counters.failed_writes),
            largest_batch: count(&counters.largest_batch),
            reads: count(&counters.reads),
            checkpoints: count(&counters.checkpoints),
            ways: self.inner.monitor.as_ref().map_or(0, Monitor::ways),
            writes_waiting: self.inner.writes.len(),
            reads_waiting: self.inner.reads.len(),
            last_failure: counters.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Accepts nothing more, finishes what waits, moves the log into the database and gives up the lock.
    /// Blocks until it is done; calling it again does nothing.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn new(
        folder: &Path,
        lock: File,
        sealer: Sealer,
        options: &Options,
        log_seq: Option<Arc<AtomicI64>>,
        monitor: Option<Monitor>,
    ) -> Self {
        Self {
            reads: Arc::new(Queue::new(options.queue_max)),
            streams: Arc::new(Queue::new(options.queue_max)),
            short: None,
            writes: Arc::new(Lanes::new(options.queue_max)),
            checkpointer: Arc::default(),
            readers: Mutex::default(),
            writers: Mutex::default(),
            checkpoints: Mutex::default(),
            counters: Arc::default(),
            log_seq,
            monitor,
            sealer,
            folder: folder.to_owned(),
            lock: Mutex::new(Some(lock)),
        }
    }

    fn start_sqlite(&mut self, mut connection: rusqlite::Connection, database: &Path, options: &Options) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let count = if options.readers == 0 { cores.max(2) } else { options.readers };
        let signal = Arc::clone(&self.checkpointer);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            signal.grown(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }))?;
        let numbers = Numbers::Process(self.log_seq.clone().unwrap_or_default());
        self.writer(Writer::new(Connection::Sqlite(Sqlite::new(connection)), numbers), options)?;
        let reader = || Ok::<_, Error>(Reader::new(Connection::Sqlite(Sqlite::new(sqlite::open(database, options)?))));
        for _ in 0..count {
            self.reader(&self.reads, reader()?)?;
        }
        for _ in 0..options.streams.max(1) {
            let small = Options { cache_bytes: STREAM_CACHE_BYTES, ..options.clone() };
            let connection = sqlite::open(database, &small)?;
            self.reader(&self.streams, Reader::new(Connection::Sqlite(Sqlite::new(connection))))?;
        }
        let readers = (0..count).map(|_| reader()).collect::<Result<_>>()?;
        let short = Arc::new(Short::new(readers, Arc::clone(&self.counters)));
        self.short = Some(Arc::clone(&short));
        let connection = sqlite::open(database, options)?;
        let (signal, counters) = (Arc::clone(&self.checkpointer), Arc::clone(&self.counters));
        let thread = spawn("store-checkpoint", move || checkpoint::run(&connection, &signal, &short, &counters))?;
        *self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    fn start_postgres(&self, shared: &Arc<Shared>, options: &Options) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let connection = || Ok::<_, Error>(Connection::Postgres(Box::new(Postgres::new(Arc::clone(shared))?)));
        for _ in 0..options.writers.max(1) {
            let numbers = Numbers::Transaction { next: Cell::new(0), end: Cell::new(0) };
            self.writer(Writer::new(connection()?, numbers), options)?;
        }
        for _ in 0..if options.readers == 0 { cores.max(8) } else { options.readers } {
            self.reader(&self.reads, Reader::new(connection()?))?;
        }
        for _ in 0..options.streams.max(1) {
            self.reader(&self.streams, Reader::new(connection()?))?;
        }
        Ok(())
    }

    fn writer(&self, writer: Writer, options: &Options) -> Result<()> {
        let (writes, counters) = (Arc::clone(&self.writes), Arc::clone(&self.counters));
        let batch_max = options.batch_max.max(1);
        let thread = spawn("store-writer", move || writer::run(writer, &writes, batch_max, &counters))?;
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn reader(&self, queue: &Arc<Queue<reader::Job>>, reader: Reader) -> Result<()> {
        let (queue, counters) = (Arc::clone(queue), Arc::clone(&self.counters));
        let thread = spawn("store-reader", move || reader::run(&reader, &queue, &counters))?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn close(&self) {
        self.writes.close();
        self.reads.close();
        self.streams.close();
        if let Some(monitor) = &self.monitor {
            monitor.close();
        }
        for writer in self.writers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            join(Some(writer));
        }
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            join(Some(reader));
        }
        self.short.as_ref().inspect(|short| short.close());
        // The last one: nobody else has the database open when it truncates the log.
        self.checkpointer.close();
        join(self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs a closure on one of the threads that take from this queue.
async fn queued<T, E, F>(queue: &Queue<reader::Job>, closure: F) -> Result<T, E>
where
    F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = reader::job(closure, move |result| {
        reply.send(result).ok();
    });
    queue.push(job).map_err(|_| E::from(Error::Unavailable))?;
    answer.await.unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Folder { path, source }
}

/// Makes the folder if it is not there, and takes it.
fn lock_folder(folder: &Path) -> Result<File> {
    // People's data: a folder that is made here is its owner's alone, and so is the database (the files beside
    // it take its mode over).
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    sqlite::lock(&folder.join("provost.lock"))
}

/// The folder's key, if it is the one that all nodes of this database have; the first node makes it.
fn own_key(database: &Postgres, path: &Path) -> Result<Sealer> {
    let mut known: Option<Vec<u8>> = None;
    database.each("select digest from node_key", &[], &mut |row| {
        known = Some(row.get(0)?);
        Ok(false)
    })?;
    let sealer = Sealer::open(path, known.is_none())?;
    let digest = key_digest(&sealer);
    match known {
        Some(known) if known == digest => {}
        Some(_) => return Err(Error::OtherKey(path.to_owned())),
        None => {
            database.execute("insert into node_key (digest) values (?1)", &[Value::Bytes(&digest)])?;
        }
    }
    Ok(sealer)
}

/// What a database remembers of the key.
pub(crate) fn key_digest(sealer: &Sealer) -> [u8; 32] {
    sealer.mac("nodes", b"this is the key")
}

/// A connection of its own to a file that is there: for copying. Only to read means that nothing is written, not even by
/// migrating.
pub(crate) fn connect_file(database: &Path, only_read: bool) -> Result<Connection> {
    let options = Options { cache_bytes: COPY_CACHE_BYTES, ..Options::default() };
    let opened = if only_read { sqlite::open_to_read(database)? } else { sqlite::open(database, &options)? };
    if !only_read {
        migrate::sqlite(&opened)?;
    }
    Ok(Connection::Sqlite(Sqlite::new(opened)))
}

/// The same for a database of PostgreSQL.
pub(crate) fn connect_database(url: &str, only_read: bool) -> Result<Connection> {
    let postgres = Postgres::new(Arc::new(Shared::new(url, false)?.called("provost copy")))?;
    postgres.start()?;
    if !only_read {
        postgres.alone(|| migrate::postgres(&postgres))?;
    }
    Ok(Connection::Postgres(Box::new(postgres)))
}

/// Waits for a thread to end, unless it is the one that asks: a closure may hold the last clone.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread
        && thread.thread().id() != std::thread::current().id()
    {
        thread.join().ok();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| Error::Broken(Box::new(error)))
}

/// Takes away what a backup that was killed has left; nobody else works in the folder.
fn forget_copies(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("backup.") && name.ends_with(".tmp") {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}
