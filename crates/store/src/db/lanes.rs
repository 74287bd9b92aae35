//! A bounded queue of writes in lanes: what is in one lane is done by one thread at a time, in order.
//!
//! A lane is what a transaction takes its turn for: a tenant, or everything. So the writes of one tenant share commits
//! however many threads there are, and tenants do not wait for each other.
//! Invariant: what was accepted is handed out, also after `close`; nothing is accepted after it.

use crate::TenantId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

type Lane = Option<TenantId>;

pub(super) struct Lanes<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
    length_max: usize,
}

struct State<T> {
    waiting: VecDeque<(Lane, T)>,
    busy: BTreeSet<Lane>,
    closed: bool,
}

impl<T> Lanes<T> {
    pub(super) fn new(length_max: usize) -> Self {
        let state = State { waiting: VecDeque::new(), busy: BTreeSet::new(), closed: false };
        Self { state: Mutex::new(state), ready: Condvar::new(), length_max }
    }

    /// Takes it, or gives it back when the queue is full or closed.
    pub(super) fn push(&self, lane: Lane, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.length_max {
            return Err(item);
        }
        state.waiting.push_back((lane, item));
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// The oldest one whose lane nobody works in, which is now the caller's until it is freed; waits for it. Nothing
    /// once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<(Lane, T)> {
        let mut state = self.lock();
        loop {
            let place = state.waiting.iter().position(|(lane, _)| !state.busy.contains(lane));
            if let Some(found) = place.and_then(|place| state.waiting.remove(place)) {
                state.busy.insert(found.0);
                return Some(found);
            }
            if state.closed && state.waiting.is_empty() {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next one of a lane that is the caller's, if it is there already and fits.
    pub(super) fn try_pop(&self, lane: Lane, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = self.lock();
        let place = state.waiting.iter().position(|(of, _)| *of == lane)?;
        state.waiting.get(place).filter(|(_, item)| fits(item))?;
        state.waiting.remove(place).map(|(_, item)| item)
    }

    /// Whether something of a lane waits that is such.
    pub(super) fn waits(&self, lane: Lane, is: impl Fn(&T) -> bool) -> bool {
        self.lock().waiting.iter().any(|(of, item)| *of == lane && is(item))
    }

    /// Gives a lane up.
    pub(super) fn free(&self, lane: Lane) {
        self.lock().busy.remove(&lane);
        self.ready.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_one_threads_and_a_closed_queue_drains() {
        let lanes = Lanes::new(4);
        let (a, b) = (Some(TenantId(1)), Some(TenantId(2)));
        for (lane, item) in [(a, 1), (a, 2), (b, 3), (None, 4)] {
            assert!(lanes.push(lane, item).is_ok());
        }
        assert_eq!(lanes.push(a, 5), Err(5), "it is full");
        assert_eq!(lanes.pop(), Some((a, 1)));
        assert_eq!(lanes.pop(), Some((b, 3)), "the lane before it is taken");
        assert_eq!(lanes.try_pop(a, |item| *item != 2), None, "it does not fit");
        assert!(lanes.waits(a, |item| *item == 2) && !lanes.waits(a, |item| *item == 4));
        assert_eq!((lanes.try_pop(a, |_| true), lanes.try_pop(a, |_| true)), (Some(2), None));
        lanes.close();
        assert_eq!(lanes.push(a, 6), Err(6));
        assert_eq!((lanes.pop(), lanes.pop()), (Some((None, 4)), None));
        lanes.free(a);
    }
}
