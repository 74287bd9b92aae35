//! What just happened, told to whoever listens: the live console.
//!
//! An event says that something may be out of date, never what it is now, so losing one costs a moment and no truth.
//! Publishing costs the requests one step of a counter while nobody listens.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use store::TenantId;
use tokio::sync::{broadcast, watch};

/// Events that wait for a slow listener; what is older it has missed, and it looks at everything anew.
const WAITING_MAX: usize = 256;

/// What may be out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The provisioning log has new entries, up to this number.
    Log(i64),
    /// A job went on.
    Jobs,
    /// A token was made, ended or changed.
    Tokens,
    /// Settings, fields or links of the tenant.
    Settings,
    /// Apps: what they are, or what became of their people.
    Apps,
}

/// Something that happened in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) tenant: TenantId,
    pub(crate) topic: Topic,
}

/// The way from what happens to who listens.
#[derive(Debug)]
pub(crate) struct Events {
    events: broadcast::Sender<Event>,
    listeners: AtomicUsize,
    /// How many there were, counted from where another process most likely does not.
    count: AtomicU64,
    stopping: watch::Sender<bool>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            events: broadcast::Sender::new(WAITING_MAX),
            listeners: AtomicUsize::new(0),
            count: AtomicU64::new(uuid::Uuid::now_v7().as_u64_pair().1 >> 12),
            stopping: watch::Sender::new(false),
        }
    }
}

impl Events {
    /// Tells it; call it behind the commit.
    pub(crate) fn publish(&self, tenant: TenantId, topic: Topic) {
        self.count.fetch_add(1, Ordering::SeqCst);
        if self.listeners.load(Ordering::SeqCst) > 0 {
            // Nobody may be left by now; that is no failure.
            let _ = self.events.send(Event { tenant, topic });
        }
    }

    /// How many events there were. A page that is made notes it, and knows by it later whether it has missed one.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Everything from now on, and the word that the server stops.
    pub(crate) fn listen(&self) -> (Listener<'_>, watch::Receiver<bool>) {
        self.listeners.fetch_add(1, Ordering::SeqCst);
        (Listener { events: self.events.subscribe(), listeners: &self.listeners }, self.stopping.subscribe())
    }

    /// Sends the listeners home; otherwise a server that stops would wait for their pages to be closed.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

/// Hears events until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener<'e> {
    pub(crate) events: broadcast::Receiver<Event>,
    listeners: &'e AtomicUsize,
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_what_happens_while_it_is_there() {
        let events = Events::default();
        let before = events.count();
        events.publish(TenantId(1), Topic::Jobs);
        assert_eq!(events.count(), before + 1, "who comes later knows that there was something");
        let (mut listener, stopping) = events.listen();
        events.publish(TenantId(2), Topic::Log(7));
        assert_eq!(listener.events.try_recv(), Ok(Event { tenant: TenantId(2), topic: Topic::Log(7) }));
        drop(listener);
        assert_eq!(events.listeners.load(Ordering::SeqCst), 0);
        events.stop();
        assert!(*stopping.borrow());
    }
}
