//! The outbound engine: brings every assigned person and every pushed group to their apps, and keeps them right.
//!
//! The rules are in the crate `provision`; the store keeps what must survive; here is what waits and sends.

pub(crate) mod integration;

use tokio::sync::Notify;

/// Wakes the engine: something may be out of date. One that is lost costs the time until the next look, and no truth.
#[derive(Debug, Default)]
pub(crate) struct Signal(Notify);

impl Signal {
    /// Look now.
    pub(crate) fn nudge(&self) {
        self.0.notify_one();
    }
}
