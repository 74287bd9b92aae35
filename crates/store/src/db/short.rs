//! Readers for reads of a few rows, which run on the thread that asks: waking another thread twice would cost more than
//! the read itself.
//!
//! A reader keeps its snapshot for the next read, and takes a new one when something was committed since: to begin and
//! to end one costs about as much as a row that is read in it, and with a new one SQLite forgets every page that it has in
//! memory. Commits of the log alone do not count: reads make entries, and nobody reads the log in here.
//!
//! A snapshot that nobody uses would keep the write-ahead log from being moved into the database, so the checkpointer has
//! them given up first.

use super::Counters;
use super::reader::{self, Reader};
use crate::Error;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The readers that nobody uses at the moment.
pub(super) struct Short {
    state: Mutex<State>,
    counters: Arc<Counters>,
}

struct State {
    /// None once it is closed.
    idle: Option<Vec<Kept>>,
    /// Whether a reader keeps its snapshot when it comes back.
    keeps: bool,
}

/// A reader, and how many changes were committed when it took the snapshot that it has.
struct Kept {
    reader: Reader,
    seen: Option<u64>,
}

impl Short {
    pub(super) fn new(readers: Vec<Reader>, counters: Arc<Counters>) -> Self {
        let idle = readers.into_iter().map(|reader| Kept { reader, seen: None }).collect();
        Self { state: Mutex::new(State { idle: Some(idle), keeps: true }), counters }
    }

    /// Runs the closure now, or gives it back when all readers are in use.
    pub(super) fn run<T, E: From<Error>, F>(&self, closure: F) -> Result<Result<T, E>, F>
    where
        F: FnOnce(&Reader) -> Result<T, E>,
    {
        let Some(mut kept) = self.state().idle.as_mut().and_then(Vec::pop) else { return Err(closure) };
        // Counted before anybody is answered: whoever knows of a commit finds it counted.
        let changes = self.counters.changes.load(Ordering::Acquire);
        if kept.seen != Some(changes) {
            kept.give_up();
        }
        let result = if kept.seen.is_some() {
            reader::within(&kept.reader, closure)
        } else {
            reader::begin(&kept.reader, closure)
        };
        kept.seen = Some(changes);
        if result.is_err() {
            kept.give_up();
        }
        let mut state = self.state();
        if !state.keeps {
            kept.give_up();
        }
        if let Some(idle) = &mut state.idle {
            idle.push(kept);
        }
        Ok(result)
    }

    /// Does something that snapshots stand in the way of: none is kept until it is done.
    pub(super) fn without_snapshots(&self, work: impl FnOnce()) {
        let mut state = self.state();
        state.keeps = false;
        state.idle.iter_mut().flatten().for_each(Kept::give_up);
        drop(state);
        work();
        self.state().keeps = true;
    }

    /// Lets go of the connections.
    pub(super) fn close(&self) {
        self.state().idle.take();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn give_up(&mut self) {
        if self.seen.take().is_some() {
            self.reader.connection.end_read(|| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;
    use crate::{Definitions, Error, LogEntry, Options, Settings, Store, TenantId};

    #[test]
    fn a_snapshot_is_kept_until_a_commit_and_given_up_for_a_checkpoint() {
        let folder = std::env::temp_dir().join(format!("provost-short-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        let store = Store::open(&folder, Options { readers: 1, ..Options::default() }).unwrap();
        let short = store.inner.short.clone().unwrap();
        let file = rusqlite::Connection::open(folder.join("provost.db")).unwrap();
        file.busy_timeout(std::time::Duration::ZERO).unwrap();
        let is_held = || file.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, bool>(0)).unwrap();
        let tenants = || {
            let counted = short.run(|r| r.first("select count(*) from tenant", (), |row| row.get::<i64>(0)));
            counted.ok().unwrap().unwrap()
        };
        for number in 1..4 {
            let (settings, definitions) = (Settings::default(), Definitions::default());
            let made = store.write_blocking::<_, Error, _>(move |w| {
                w.tenant_insert(&format!("t{number}"), &settings, &definitions, 1)
            });
            made.unwrap();
            assert_eq!([tenants(), tenants()], [Some(number); 2]);
            assert!(is_held());
        }
        let entries = |r: &Reader| r.first("select count(*) from log", (), |row| row.get::<i64>(0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = store.write_log_in::<_, Error, _>(TenantId(1), |w| {
            w.log(LogEntry { tenant: TenantId(1), ..LogEntry::default() });
            Ok(())
        });
        runtime.block_on(told).unwrap();
        assert_eq!(store.read_blocking(entries).unwrap(), Some(1));
        assert_eq!(short.run(entries).ok().unwrap().unwrap(), Some(0), "an entry of the log is no reason to look anew");
        short.without_snapshots(|| {
            assert!(!is_held());
            assert_eq!(tenants(), Some(3));
            assert!(!is_held(), "what is read meanwhile is not kept");
        });
        let failed = short.run(|_| Err::<(), _>(Error::Unavailable)).ok().unwrap();
        assert!(failed.is_err() && !is_held(), "a read that failed leaves nothing behind");
        store.close();
        std::fs::remove_dir_all(&folder).ok();
    }
}
