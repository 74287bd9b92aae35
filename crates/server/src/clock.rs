//! The only place that asks what time it is; everywhere else `now` is an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from: the system, or a test that sets it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until `advance` moves it.
    pub fn manual(now: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now))))
    }

    /// Microseconds since 1970.
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
        }
    }

    /// Moves a manual clock; a system clock does not listen.
    pub fn advance(&self, micros: i64) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(micros, Ordering::SeqCst);
        }
    }
}

/// Measures how long something took, undisturbed by changes of the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub fn micros(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}
