//! The pen of an app: what is to be written down about links that are worked on side by side is gathered while it writes,
//! and written in one go. A hundred links cost hardly more ways to the database than one, and whoever leaves finds a short
//! queue in front of it.

use super::Shared;
use super::rest::Unsaved;
use crate::limits;
use crate::outbound::others;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Intent, Settled, Writer};
use tokio::sync::oneshot;

/// What is about to be done, which is on the disk before it is sent; and what has become of it.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    intents: Page<Intent>,
    settled: Page<Settled>,
}

/// Something about one link, with what belongs into the same transaction.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) what: T,
    pub(super) link: i64,
    pub(super) unsaved: Unsaved,
    /// Whose account came or went: those are due who wait for it.
    pub(super) woken: Option<String>,
    /// Whose account has other values: those are due who read it at other apps.
    pub(super) told: Option<String>,
}

/// What waits for its turn, and whether somebody writes.
#[derive(Debug)]
struct Page<T>(Arc<Mutex<Waiting<T>>>);

#[derive(Debug)]
struct Waiting<T> {
    entries: Vec<(Entry<T>, Reply)>,
    writing: bool,
}

/// Whether it was stored; if not, the link is somebody else's by now.
type Reply = oneshot::Sender<store::Result<bool>>;

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Waiting { entries: Vec::new(), writing: false })))
    }
}

impl<T> Clone for Page<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Page<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written next; nothing ends the writing.
    fn next(&self) -> Vec<(Entry<T>, Reply)> {
        let mut waiting = self.lock();
        let some = waiting.entries.len().min(limits::OUTBOUND_WRITTEN_MAX);
        waiting.writing = some > 0;
        waiting.entries.drain(..some).collect()
    }
}

/// What a page is about.
trait Written: Sized + Send + Sync + 'static {
    /// Whether it has to be on the disk before anything follows from it.
    const ON_DISK: bool;
    /// Writes the rows of links; whether each was stored.
    fn write(w: &mut Writer, shared: &Shared, all: &[&Self], now: i64) -> store::Result<Vec<bool>>;
}

impl Written for Intent {
    const ON_DISK: bool = true;

    fn write(w: &mut Writer, shared: &Shared, all: &[&Self], now: i64) -> store::Result<Vec<bool>> {
        w.links_begin(shared.state.tenant.id, all, now.saturating_add(limits::OUTBOUND_LEASE))
    }
}

impl Written for Settled {
    const ON_DISK: bool = false;

    fn write(w: &mut Writer, _: &Shared, all: &[&Self], now: i64) -> store::Result<Vec<bool>> {
        w.links_settle(all, now)
    }
}

/// Writes down what is about to be done about a link whose account is where it was.
pub(super) async fn begin(shared: &Arc<Shared>, entry: Entry<Intent>) -> store::Result<bool> {
    put(&shared.pen.intents, shared, entry).await
}

/// Writes down what has become of a link.
pub(super) async fn settle(shared: &Arc<Shared>, entry: Entry<Settled>) -> store::Result<bool> {
    put(&shared.pen.settled, shared, entry).await
}

async fn put<T: Written>(page: &Page<T>, shared: &Arc<Shared>, entry: Entry<T>) -> store::Result<bool> {
    let (reply, answer) = oneshot::channel();
    let is_first = {
        let mut waiting = page.lock();
        waiting.entries.push((entry, reply));
        !std::mem::replace(&mut waiting.writing, true)
    };
    if is_first {
        tokio::spawn(write_all(page.clone(), Arc::clone(shared)));
    }
    answer.await.unwrap_or(Err(store::Error::Unavailable))
}

/// Writes until nothing waits any more.
async fn write_all<T: Written>(page: Page<T>, shared: Arc<Shared>) {
    loop {
        let (entries, replies): (Vec<Entry<T>>, Vec<Reply>) = page.next().into_iter().unzip();
        if entries.is_empty() {
            return;
        }
        let (count, entries) = (entries.len(), Arc::new(entries));
        match write(&shared, &entries, 0..count).await {
            Ok(stored) => {
                for (reply, stored) in replies.into_iter().zip(stored) {
                    let _ = reply.send(Ok(stored));
                }
            }
            // The failure of one is not that of the others.
            Err(_) if count > 1 => {
                for (place, reply) in replies.into_iter().enumerate() {
                    let alone = write(&shared, &entries, place..place + 1).await;
                    let _ = reply.send(alone.map(|stored| stored == [true]));
                }
            }
            Err(error) => {
                if let Some(reply) = replies.into_iter().next() {
                    let _ = reply.send(Err(error));
                }
            }
        }
    }
}

/// Writes some of these in one transaction; whether each was stored.
async fn write<T: Written>(
    shared: &Arc<Shared>,
    entries: &Arc<Vec<Entry<T>>>,
    which: Range<usize>,
) -> store::Result<Vec<bool>> {
    let (now, tenant, store) = (shared.app.clock().now(), shared.state.tenant.id, shared.app.store());
    let (shared, entries) = (Arc::clone(shared), Arc::clone(entries));
    let work = move |w: &mut Writer| -> store::Result<Vec<bool>> {
        let some = entries.get(which).unwrap_or_default();
        let whats: Vec<&T> = some.iter().map(|entry| &entry.what).collect();
        let stored = T::write(w, &shared, &whats, now)?;
        let done = || some.iter().zip(&stored).filter(|(_, stored)| **stored).map(|(entry, _)| entry);
        let unsaved: Vec<(i64, &Unsaved)> = done().map(|entry| (entry.link, &entry.unsaved)).collect();
        Unsaved::write(w, &shared.integration, &unsaved, now)?;
        let woken: Vec<&str> = done().filter_map(|entry| entry.woken.as_deref()).collect();
        wake(w, &shared, &woken, now)?;
        done()
            .filter_map(|entry| entry.told.as_deref())
            .try_for_each(|who| others::tell(w, &shared.readers, who, now))?;
        Ok(stored)
    };
    if T::ON_DISK { store.write_in(tenant, work).await } else { store.write_late_in(tenant, work).await }
}

/// Those are due who wait for these people's accounts.
pub(super) fn wake(w: &mut Writer, shared: &Shared, people: &[&str], now: i64) -> store::Result<()> {
    let (tenant, app) = (shared.state.tenant.id, shared.integration.row.id);
    if people.is_empty() {
        return Ok(());
    }
    w.links_wake(tenant, app, people, now, now.saturating_add(limits::OUTBOUND_GATHER))
}
