//! From a response, or the way in which it failed, to the next state of a link.
//!
//! A request without an answer is *unknown*: the next decision is Probe. Failures of the app as a whole
//! open a breaker and cost the link nothing; failures that these inputs cause park it until they change.

mod answer;
mod settle;

pub use answer::{Answer, Body, Lost, NoToken, Page, Refusal, Response, http_date, page, retry_after};
pub use settle::{Outcome, Settled, Trouble, settle};

/// First pause after a failure.
pub const BACKOFF_FIRST_MS: i64 = 2_000;
/// Longest pause after a failure.
pub const BACKOFF_MAX_MS: i64 = 3_600_000;
/// Pause when a target says "too many requests" and not how long.
pub const THROTTLED_MS: i64 = 60_000;
/// Longest pause that a target can ask for.
pub const RETRY_AFTER_MAX_MS: i64 = 86_400_000;
/// Pause of a breaker before the next try.
pub const BREAKER_MS: i64 = 60_000;
/// Failures with the same inputs before a link is parked. Leavers are never parked.
pub const FAILURES_MAX: u32 = 12;
/// Contradictions before a link is parked.
pub const REFUSALS_MAX: u32 = 3;

/// Writes for the same inputs within `WRITES_MS` before somebody has to look: the target does not keep what
/// it is told, in a way that cannot be learned.
pub const WRITES_MAX: u32 = 8;
/// See `WRITES_MAX`.
pub const WRITES_MS: i64 = 3_600_000;

/// The pause before the next try in microseconds: it doubles, and the half of it is left to chance so
/// that links do not come back all at once. The same seed gives the same pause.
pub fn backoff(attempts: u32, seed: u64) -> i64 {
    let doubled = BACKOFF_FIRST_MS.saturating_mul(1_i64.checked_shl(attempts.min(20)).unwrap_or(i64::MAX));
    let whole = doubled.min(BACKOFF_MAX_MS).saturating_mul(1_000);
    let half = whole / 2;
    let chance = i64::try_from(mix(seed ^ u64::from(attempts)) % u64::try_from(half.max(1)).unwrap_or(1)).unwrap_or(0);
    half + chance
}

/// One round of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
