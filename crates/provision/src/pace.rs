//! How fast one app is worked on: how many requests at once, and when not at all.
//!
//! The limit doubles with each round until something goes wrong for the first time; from then on it grows by one when a whole
//! round went well, and is halved when the target says "too many" (AIMD). A breaker stops everything while the app as a whole does not work, with one try now and then.

use crate::outcome::{BREAKER_MS, Outcome, Trouble};
use serde::{Deserialize, Serialize};

/// Most requests at once to one app.
pub const AT_ONCE_MAX: u32 = 64;
/// Requests at once to an app that is not known yet.
pub const AT_ONCE_FIRST: u32 = 5;
/// Longest pause of a breaker.
pub const BREAKER_MAX_MS: i64 = 900_000;

/// The pace of one app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pace {
    /// Requests at once.
    pub at_once: u32,
    /// Good answers since the limit last changed.
    pub good: u32,
    /// Whether something has gone wrong yet: a limit is known, and approached slowly.
    pub careful: bool,
    /// Nothing before this time.
    pub not_before: i64,
    /// What is wrong with the app as a whole; one request at a time finds out whether it still is.
    pub trouble: Option<Trouble>,
    /// How often the breaker opened in a row.
    pub opened: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { at_once: AT_ONCE_FIRST, good: 0, careful: false, not_before: 0, trouble: None, opened: 0 }
    }
}

impl Pace {
    /// Whether another request may start while so many are under way.
    pub fn allows(&self, under_way: u32, now: i64) -> bool {
        let most = if self.trouble.is_some() { 1 } else { self.at_once.max(1) };
        now >= self.not_before && under_way < most
    }

    /// The pace after an outcome.
    #[must_use]
    pub fn after(mut self, outcome: &Outcome, now: i64) -> Self {
        self.careful |= !matches!(outcome, Outcome::Done | Outcome::Again | Outcome::Parked(_));
        match outcome {
            Outcome::Throttled { until } => {
                // Several answers of one round say the same thing once.
                if now >= self.not_before {
                    self.at_once = (self.at_once / 2).max(1);
                }
                (self.good, self.not_before) = (0, self.not_before.max(*until));
            }
            Outcome::Breaker { trouble, .. } => {
                if now >= self.not_before {
                    self.opened = self.opened.saturating_add(1);
                }
                let doubled = BREAKER_MS.saturating_mul(1_i64 << self.opened.saturating_sub(1).min(10));
                let until = now.saturating_add(doubled.min(BREAKER_MAX_MS).saturating_mul(1_000));
                (self.trouble, self.not_before) = (Some(*trouble), self.not_before.max(until));
            }
            // An answer of any kind but these is an app that works.
            Outcome::Done | Outcome::Again | Outcome::Parked(_) => {
                (self.trouble, self.opened, self.good) = (None, 0, self.good.saturating_add(1));
                if !self.careful || self.good >= self.at_once {
                    (self.at_once, self.good) = ((self.at_once + 1).min(AT_ONCE_MAX), 0);
                }
            }
            Outcome::Later { .. } | Outcome::Unknown { .. } => self.good = 0,
        }
        self
    }
}
