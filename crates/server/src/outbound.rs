//! The outbound engine: brings every assigned person and every pushed group to their apps, and keeps them right.
//!
//! The rules are in the crate `provision`; the store keeps what must survive; here is what waits and sends. `engine` goes
//! round: `follow` makes links due that a change of the directory may have put out of date, `driver` takes them for one app
//! at its pace, `push` works on one until nothing more is to be done. Several nodes share the work through claims.

pub(crate) mod brakes;
pub(crate) mod causes;
mod census;
pub(crate) mod directory;
mod driver;
mod engine;
mod follow;
mod gate;
pub(crate) mod import;
pub(crate) mod inputs;
pub(crate) mod integration;
pub(crate) mod others;
mod push;
mod reconcile;
mod scan;
pub(crate) mod send;
#[cfg(test)]
mod story;
pub(crate) mod token;

pub(crate) use engine::run;

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Wakes the engine: something may be out of date. One that is lost costs the time until the next look, and no truth.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    waiting: Notify,
    /// Whether any tenant has an app; without one, changes of the directory wake nobody.
    wanted: AtomicBool,
}

impl Signal {
    /// Look now.
    pub(crate) fn nudge(&self) {
        self.wanted.store(true, Ordering::Relaxed);
        self.waiting.notify_one();
    }

    /// The directory has changed.
    pub(crate) fn changed(&self) {
        if self.wanted.load(Ordering::Relaxed) {
            self.waiting.notify_one();
        }
    }

    /// Whether there is anybody to wake for, as the last look found.
    fn wanted(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Waits for the next nudge.
    async fn nudged(&self) {
        self.waiting.notified().await;
    }
}
