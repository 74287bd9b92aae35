//! Log entries on their way to the worker that writes them together: those of reads packed already, the others as they are.
//!
//! A request pays for a lock and a few hundred bytes; the worker is woken by the first entry and by a full batch, not by
//! each.

use crate::limits;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use store::{LogBlock, LogEntry, LogLine, TenantId};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, Notify};

#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    waiting: Mutex<Waiting>,
    first: Notify,
    full: Notify,
    dropped: AtomicU64,
    /// Held while a batch is written, so that whoever has had it has nothing on its way before them.
    writing: AsyncMutex<()>,
}

/// Entries by tenant; the last block of each is the one that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) reads: HashMap<TenantId, Vec<LogBlock>>,
    pub(crate) others: HashMap<TenantId, Vec<LogEntry>>,
    count: usize,
}

impl LogQueue {
    /// Takes an entry.
    pub(crate) fn push(&self, entry: LogEntry) {
        self.take_in(|waiting| waiting.others.entry(entry.tenant).or_default().push(entry));
    }

    /// Takes the entry of a read, with a number that is given out here, so that a block's numbers go up.
    pub(crate) fn push_read(&self, tenant: TenantId, seq: impl FnOnce() -> i64, line: &LogLine<'_>) {
        self.take_in(|waiting| {
            let blocks = waiting.reads.entry(tenant).or_default();
            match blocks.last_mut() {
                Some(block) if !block.is_full() => block.push(seq(), line),
                _ => {
                    let mut block = LogBlock::default();
                    block.push(seq(), line);
                    blocks.push(block);
                }
            }
        });
    }

    /// Counts an entry as dropped if too many wait.
    fn take_in(&self, push: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.count >= limits::LOG_QUEUE_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        push(&mut waiting);
        waiting.count += 1;
        let count = waiting.count;
        drop(waiting);
        match count {
            1 => self.first.notify_one(),
            limits::LOG_BATCH => self.full.notify_one(),
            _ => {}
        }
    }

    /// Waits for a batch: until it is full, or its first entry has waited long enough.
    pub(crate) async fn ready(&self) {
        self.first.notified().await;
        let _ = tokio::time::timeout(limits::LOG_DELAY, self.full.notified()).await;
    }

    /// The turn to write a batch.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Whether nothing waits and nothing is being written.
    pub(crate) fn is_idle(&self) -> bool {
        self.writing.try_lock().is_ok() && self.waiting.lock().unwrap_or_else(PoisonError::into_inner).count == 0
    }

    /// What waits.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many entries found too many others waiting.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Waiting {
    /// Everything of each tenant.
    pub(crate) fn by_tenant(mut self) -> impl Iterator<Item = (TenantId, Vec<LogBlock>, Vec<LogEntry>)> {
        let mut tenants: Vec<TenantId> = self.reads.keys().chain(self.others.keys()).copied().collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants.into_iter().map(move |tenant| {
            let (reads, others) = (self.reads.remove(&tenant), self.others.remove(&tenant));
            (tenant, reads.unwrap_or_default(), others.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::LOG_BLOCK_MAX;

    #[tokio::test]
    async fn a_full_batch_does_not_wait_and_too_many_are_counted() {
        let queue = LogQueue::default();
        queue.push(LogEntry::default());
        queue.ready().await;
        assert_eq!(queue.take().count, 1);
        for seq in 1..=limits::LOG_QUEUE_MAX as i64 + 1 {
            queue.push_read(TenantId(1), || seq, &LogLine::default());
        }
        let is_ready = tokio::select! {
            biased;
            () = queue.ready() => true,
            () = std::future::ready(()) => false,
        };
        assert!(is_ready, "a full batch waits for nothing");
        let taken = queue.take();
        assert_eq!((taken.count, queue.dropped()), (limits::LOG_QUEUE_MAX, 1));
        let (_, blocks, _) = taken.by_tenant().next().unwrap();
        assert_eq!(blocks.iter().map(LogBlock::len).sum::<usize>(), limits::LOG_QUEUE_MAX);
        assert!(blocks.iter().all(|block| block.len() <= LOG_BLOCK_MAX));
    }
}
