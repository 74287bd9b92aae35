//! Moves the write-ahead log into the database, outside of commits, on a thread of its own.
//!
//! A passive checkpoint stands in nobody's way, but the log starts over only when nobody reads an old
//! part of it; when it has grown all the same, a truncating one waits for its moment and makes it small.

use super::Counters;
use super::short::Short;
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Pages in the log from which a checkpoint is worth its fsyncs: 8 MiB.
const PASSIVE_PAGES: u32 = 2_048;
/// Pages from which the writer is held up for a moment: 256 MiB.
const TRUNCATE_PAGES: u32 = 65_536;
/// Least time between two checkpoints.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells the thread how long the log is, or that it should end.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    pages: u32,
    closed: bool,
}

impl Signal {
    /// After a commit: the log has this many pages.
    pub(super) fn grown(&self, pages: u32) {
        self.lock().pages = pages;
        if pages >= PASSIVE_PAGES {
            self.ready.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// Waits until there is something to do; nothing when it is time to end.
    fn wait(&self) -> Option<u32> {
        let idle = |state: &mut State| state.pages < PASSIVE_PAGES && !state.closed;
        let mut state = self.ready.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let pages = std::mem::take(&mut state.pages);
        (!state.closed).then_some(pages)
    }

    /// Lets some time pass, less when it is time to end.
    fn pause(&self) {
        drop(self.ready.wait_timeout_while(self.lock(), PAUSE, |state| !state.closed));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn run(connection: &Connection, signal: &Signal, short: &Short, counters: &Counters) {
    let checkpoint = |mode| short.without_snapshots(|| checkpoint(connection, mode, counters));
    while let Some(pages) = signal.wait() {
        checkpoint(if pages >= TRUNCATE_PAGES { "truncate" } else { "passive" });
        signal.pause();
    }
    checkpoint("truncate");
}

fn checkpoint(connection: &Connection, mode: &str, counters: &Counters) {
    match connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], |_| Ok(())) {
        Ok(()) => _ = counters.checkpoints.fetch_add(1, Ordering::Relaxed),
        Err(error) => counters.failed(format!("checkpoint: {error}")),
    }
}
