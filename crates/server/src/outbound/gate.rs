//! How many requests an app gets at once: the pace, and who waits for it, leavers first.
//!
//! A request is prepared, which ends with the commit of what it may do, and then sent. Only requests that are sent are at the
//! app; as many again may be prepared meanwhile, so that the app is kept busy while this side writes. Whoever waited long
//! decides anew before anything is sent.

use crate::clock::Clock;
use provision::outcome::Outcome;
use provision::pace::Pace;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::LANES;
use tokio::sync::oneshot;

/// The gate of one app.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pace: Pace,
    /// The app's generation in which somebody last changed what was wrong.
    mended: i64,
    preparing: Queue,
    sending: Queue,
}

/// Who is in a stage, and who waits for it.
#[derive(Debug, Default)]
struct Queue {
    inside: u32,
    waiting: [VecDeque<oneshot::Sender<()>>; LANES.len()],
}

/// What leave is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// To write down what a request may do, and to send it after that.
    Preparing,
    /// To send it.
    Sending,
}

/// Leave to be in a stage with one request; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>, Stage);

impl Gate {
    pub(crate) fn new(pace: Pace) -> Self {
        Self(Mutex::new(State { pace, ..State::default() }))
    }

    /// The pace as it is now.
    pub(crate) fn pace(&self) -> Pace {
        self.lock().pace.clone()
    }

    /// Changes the pace by what became of a request that was sent with this generation of the app; what it was and what it
    /// is. That the app does not work with what it was shown before somebody changed that says nothing of now.
    pub(crate) fn heard(&self, outcome: &Outcome, generation: i64, now: i64) -> (Pace, Pace) {
        let mut state = self.lock();
        let before = state.pace.clone();
        if !matches!(outcome, Outcome::Breaker { .. }) || generation >= state.mended {
            state.pace = before.clone().after(outcome, now);
        }
        let after = state.pace.clone();
        state.let_in();
        (before, after)
    }

    /// Somebody changed what was wrong, in this generation of the app: it is tried at once.
    pub(crate) fn mend(&self, generation: i64, now: i64) {
        let mut state = self.lock();
        let Pace { not_before, .. } = state.pace;
        state.pace = Pace { trouble: None, opened: 0, not_before: not_before.min(now), ..state.pace.clone() };
        state.mended = state.mended.max(generation);
        state.let_in();
    }

    /// Waits for leave. Nothing, if the app is to be left alone before it was this one's turn.
    pub(crate) async fn pass(self: &Arc<Self>, stage: Stage, lane: i64, clock: &Clock) -> Option<Pass> {
        let turn = {
            let mut state = self.lock();
            if state.pace.not_before > clock.now() {
                return None;
            }
            let (turn, wait) = oneshot::channel();
            let lane = usize::try_from(lane).unwrap_or_default().min(LANES.len() - 1);
            if let Some(waiting) = state.queue(stage).waiting.get_mut(lane) {
                waiting.push_back(turn);
            }
            state.let_in();
            wait
        };
        turn.await.ok()?;
        // Whoever let this one in has counted it.
        let pass = Pass(Arc::clone(self), stage);
        let rests = self.lock().pace.not_before > clock.now();
        (!rests).then_some(pass)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, stage: Stage) -> &mut Queue {
        match stage {
            Stage::Preparing => &mut self.preparing,
            Stage::Sending => &mut self.sending,
        }
    }

    fn let_in(&mut self) {
        let most = if self.pace.trouble.is_some() { 1 } else { self.pace.at_once.max(1) };
        self.preparing.let_in(most.saturating_mul(2));
        self.sending.let_in(most);
    }
}

impl Queue {
    /// Lets in whoever there is room for, those of the first lane first.
    fn let_in(&mut self, most: u32) {
        while self.inside < most {
            let Some(next) = self.waiting.iter_mut().find_map(VecDeque::pop_front) else { return };
            if next.send(()).is_ok() {
                self.inside += 1;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let queue = state.queue(self.1);
        queue.inside = queue.inside.saturating_sub(1);
        state.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provision::outcome::Trouble;
    use std::time::Duration;

    #[tokio::test]
    async fn leavers_pass_first_and_nobody_passes_while_the_app_rests() {
        let clock = Clock::manual(1_000);
        let gate = Arc::new(Gate::new(Pace { at_once: 1, ..Pace::default() }));
        let first = gate.pass(Stage::Sending, 3, &clock).await;
        assert!(first.is_some());
        let wait = |lane| {
            let (gate, clock) = (Arc::clone(&gate), clock.clone());
            tokio::spawn(async move { gate.pass(Stage::Sending, lane, &clock).await })
        };
        let change = wait(2);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let leaver = wait(0);
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(first);
        let passed = leaver.await.ok().flatten();
        assert!(passed.is_some() && !change.is_finished(), "who leaves is let in before who came earlier");
        gate.heard(&Outcome::Throttled { until: 2_000 }, 1, 1_000);
        drop(passed);
        assert!(change.await.ok().flatten().is_none(), "the app is left alone");
        assert!(gate.pass(Stage::Sending, 0, &clock).await.is_none());
        clock.advance(1_000);
        assert!(gate.pass(Stage::Sending, 0, &clock).await.is_some());
    }

    #[test]
    fn what_was_sent_before_it_was_mended_closes_nothing() {
        let gate = Gate::new(Pace::default());
        let refused = Outcome::Breaker { trouble: Trouble::Unauthorized, until: 0 };
        assert!(gate.heard(&refused, 3, 1_000).1.not_before > 1_000);
        gate.mend(5, 2_000);
        assert_eq!((gate.pace().trouble, gate.pace().not_before), (None, 2_000));
        for (generation, closes) in [(4, false), (5, true)] {
            let (before, after) = gate.heard(&refused, generation, 3_000);
            assert_eq!((before.trouble, after.trouble.is_some()), (None, closes), "{generation}");
        }
    }

    #[tokio::test]
    async fn as_many_again_are_prepared_as_are_sent() {
        let clock = Clock::manual(1_000);
        let gate = Arc::new(Gate::new(Pace { at_once: 2, ..Pace::default() }));
        let mut prepared = Vec::new();
        for _ in 0..4 {
            prepared.extend(gate.pass(Stage::Preparing, 2, &clock).await);
        }
        let fifth = tokio::time::timeout(Duration::from_millis(20), gate.pass(Stage::Preparing, 2, &clock)).await;
        assert!(prepared.len() == 4 && fifth.is_err());
        let sent = [gate.pass(Stage::Sending, 2, &clock).await, gate.pass(Stage::Sending, 2, &clock).await];
        let third = tokio::time::timeout(Duration::from_millis(20), gate.pass(Stage::Sending, 2, &clock)).await;
        assert!(sent.iter().all(Option::is_some) && third.is_err(), "no more are at the app than it takes");
        drop(sent);
        assert!(gate.pass(Stage::Sending, 2, &clock).await.is_some());
    }
}
