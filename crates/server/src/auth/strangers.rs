//! Whoever shows tokens that are not known here is told to wait after a few of them. A good token is never held up by
//! that: one address of an identity provider is that of many customers.

use crate::limits;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many there were since when.
#[derive(Clone, Copy, Debug)]
struct Count {
    since: i64,
    tokens: u32,
}

/// What was counted, by the network that it came from.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<String, Count>>);

impl Strangers {
    /// Counts a token that is not known; the seconds to wait, if there were too many.
    pub(super) fn another(&self, network: &str, now: i64) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::STRANGE_ADDRESSES_MAX && !all.contains_key(network) {
            all.clear();
        }
        let count = all.entry(network.to_owned()).or_insert(Count { since: now, tokens: 0 });
        if now - count.since >= limits::STRANGE_TOKENS_WITHIN {
            *count = Count { since: now, tokens: 0 };
        }
        count.tokens = count.tokens.saturating_add(1);
        let left = count.since.saturating_add(limits::STRANGE_TOKENS_WITHIN) - now;
        (count.tokens > limits::STRANGE_TOKENS_MAX).then(|| u64::try_from(left / 1_000_000).unwrap_or(0).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_free_and_each_address_has_its_own() {
        let strangers = Strangers::default();
        for _ in 0..limits::STRANGE_TOKENS_MAX {
            assert_eq!(strangers.another("a", 0), None);
        }
        assert_eq!(strangers.another("a", 0), Some(60));
        assert_eq!(strangers.another("a", 59_500_000), Some(1));
        assert_eq!(strangers.another("b", 0), None);
        assert_eq!(strangers.another("a", 60_000_000), None, "a minute later");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let strangers = Strangers::default();
        for address in 0..limits::STRANGE_ADDRESSES_MAX + 5 {
            strangers.another(&address.to_string(), 0);
        }
        assert_eq!(strangers.0.lock().unwrap().len(), 5);
    }
}
