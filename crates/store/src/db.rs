//! The database and its threads: one writer that shares an fsync among everything waiting, readers with
//! a snapshot each, and a checkpointer.
//!
//! Invariant: an answer to a write is given after the commit that holds it is on the disk
//! (`synchronous=FULL`). Invariant: a write's failure undoes that write alone.

mod checkpoint;
mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

use crate::queue::Queue;
use crate::seal::Sealer;
use crate::{Error, Result, migrate};
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Prepared statements kept by each connection; all of ours and some hundred shapes of filters.
const STATEMENTS_MAX: usize = 512;
/// How much of the file is mapped into memory; SQLite's own upper bound.
const MMAP_BYTES: i64 = 0x7fff_0000;
/// Longest wait for a lock of the database; only a truncating checkpoint ever holds one against the writer.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// What can be chosen when a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads; 0 means one a core, two at least.
    pub readers: usize,
    /// Most writes that share one commit.
    pub batch_max: usize,
    /// Most reads, and most writes, that wait; what comes on top is refused as unavailable.
    pub queue_max: usize,
    /// Page cache of each connection in bytes, besides the mapped file.
    pub cache_bytes: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 0, batch_max: 256, queue_max: 8192, cache_bytes: 32 << 20 }
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
    /// Why the last commit failed.
    pub last_failure: Option<String>,
}

#[derive(Default)]
pub(crate) struct Counters {
    batches: AtomicU64,
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

/// The store of one data folder; clones share it. The last clone to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    reads: Arc<Queue<reader::Job>>,
    writes: Arc<Queue<Box<dyn writer::Job>>>,
    checkpointer: Arc<checkpoint::Signal>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    checkpoints: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    log_seq: Arc<AtomicI64>,
    sealer: Sealer,
    folder: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the folder's database: makes what is missing, takes the lock, migrates, starts the threads.
    pub fn open(folder: &Path, options: Options) -> Result<Self> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        // People's data: a folder that is made here is its owner's alone, and so is the database (the files beside
        // it take its mode over).
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
        let lock = lock(&folder.join("provost.lock"))?;
        let database = folder.join("provost.db");
        let exists = database.try_exists().map_err(failed(&database))?;
        let sealer = Sealer::open(&folder.join("secret.key"), !exists)?;
        if !exists {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).map_err(failed(&database))?;
        }
        forget_copies(folder);
        let connection = open_connection(&database, &options)?;
        migrate::migrate(&connection)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        let last: i64 = connection.query_row("select coalesce(max(seq), 0) from log", [], |row| row.get(0))?;

        let inner = Inner {
            reads: Arc::new(Queue::new(options.queue_max)),
            writes: Arc::new(Queue::new(options.queue_max)),
            checkpointer: Arc::default(),
            readers: Mutex::default(),
            writer: Mutex::default(),
            checkpoints: Mutex::default(),
            counters: Arc::default(),
            log_seq: Arc::new(AtomicI64::new(last)),
            sealer,
            folder: folder.to_owned(),
            lock: Mutex::new(Some(lock)),
        };
        inner.start(connection, &database, &options)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a closure on a reader thread, in one snapshot: it sees every write that was answered before.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = reader::job(closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.reads.push(job).map_err(|_| E::from(Error::Unavailable))?;
        answer.await.unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
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

    /// Runs a closure on the writer thread, in a savepoint of its own: an `Err` undoes what it did, and
    /// nothing else. Answers after the commit. The closure should not wait for anything.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = writer::job(closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.writes.push(job).map_err(|_| E::from(Error::Unavailable))?;
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
        let job = writer::job(closure, move |result| {
            reply.send(result).ok();
        });
        self.inner.writes.push(job).map_err(|_| E::from(Error::Unavailable))?;
        answer.recv().unwrap_or_else(|_| Err(E::from(Error::Unavailable)))
    }

    /// The next number of the provisioning log, over all tenants; numbers follow the order of the calls.
    pub fn next_log_seq(&self) -> i64 {
        self.inner.log_seq.fetch_add(1, Ordering::Relaxed) + 1
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
    fn start(&self, mut connection: Connection, database: &Path, options: &Options) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let count = if options.readers == 0 { cores.max(2) } else { options.readers };
        let signal = Arc::clone(&self.checkpointer);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            signal.grown(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }))?;
        let writer = Writer::new(connection, Arc::clone(&self.log_seq));
        let (writes, counters) = (Arc::clone(&self.writes), Arc::clone(&self.counters));
        let batch_max = options.batch_max.max(1);
        let thread = spawn("store-writer", move || writer::run(writer, &writes, batch_max, &counters))?;
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);

        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..count {
            let reader = Reader::new(open_connection(database, options)?);
            let (reads, counters) = (Arc::clone(&self.reads), Arc::clone(&self.counters));
            readers.push(spawn("store-reader", move || reader::run(&reader, &reads, &counters))?);
        }
        drop(readers);

        let connection = open_connection(database, options)?;
        let (signal, counters) = (Arc::clone(&self.checkpointer), Arc::clone(&self.counters));
        let thread = spawn("store-checkpoint", move || checkpoint::run(&connection, &signal, &counters))?;
        *self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    fn close(&self) {
        self.writes.close();
        self.reads.close();
        join(self.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            join(Some(reader));
        }
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

fn lock(path: &Path) -> Result<File> {
    let failed = |source| Error::Folder { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
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

fn open_connection(database: &Path, options: &Options) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_MAX)?;
    // Without it SQLite plans a statement anew for every execution with other values: eight times the cost of a
    // lookup by key. Our plans do not depend on values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    connection.pragma_update(None, "cache_size", -(options.cache_bytes / 1024))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
