//! How many requests an app gets at once: the pace, and who waits for it, leavers first.
//!
//! Only requests count, each with the commit of what it may do. What is read before and written behind them goes on beside
//! them, so that the app is kept busy meanwhile. Whoever waited long decides anew before anything is sent.

use crate::clock::Clock;
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
    under_way: u32,
    waiting: [VecDeque<oneshot::Sender<()>>; LANES.len()],
}

/// Leave to send one request; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Gate {
    pub(crate) fn new(pace: Pace) -> Self {
        Self(Mutex::new(State { pace, ..State::default() }))
    }

    /// The pace as it is now.
    pub(crate) fn pace(&self) -> Pace {
        self.lock().pace.clone()
    }

    /// Changes the pace; what it was and what it is.
    pub(crate) fn change(&self, change: impl FnOnce(Pace) -> Pace) -> (Pace, Pace) {
        let mut state = self.lock();
        let before = state.pace.clone();
        state.pace = change(before.clone());
        let after = state.pace.clone();
        state.let_in();
        (before, after)
    }

    /// Waits for leave to send. Nothing, if the app is to be left alone before it was this one's turn.
    pub(crate) async fn pass(self: &Arc<Self>, lane: i64, clock: &Clock) -> Option<Pass> {
        let turn = {
            let mut state = self.lock();
            if state.pace.not_before > clock.now() {
                return None;
            }
            let (turn, wait) = oneshot::channel();
            let lane = usize::try_from(lane).unwrap_or_default().min(LANES.len() - 1);
            if let Some(waiting) = state.waiting.get_mut(lane) {
                waiting.push_back(turn);
            }
            state.let_in();
            wait
        };
        turn.await.ok()?;
        // Whoever let this one in has counted it.
        let pass = Pass(Arc::clone(self));
        let rests = self.lock().pace.not_before > clock.now();
        (!rests).then_some(pass)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets in whoever there is room for, those of the first lane first.
    fn let_in(&mut self) {
        let most = if self.pace.trouble.is_some() { 1 } else { self.pace.at_once.max(1) };
        while self.under_way < most {
            let Some(next) = self.waiting.iter_mut().find_map(VecDeque::pop_front) else { return };
            if next.send(()).is_ok() {
                self.under_way += 1;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way = state.under_way.saturating_sub(1);
        state.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn leavers_pass_first_and_nobody_passes_while_the_app_rests() {
        let clock = Clock::manual(1_000);
        let gate = Arc::new(Gate::new(Pace { at_once: 1, ..Pace::default() }));
        let first = gate.pass(3, &clock).await;
        assert!(first.is_some());
        let wait = |lane| {
            let (gate, clock) = (Arc::clone(&gate), clock.clone());
            tokio::spawn(async move { gate.pass(lane, &clock).await })
        };
        let change = wait(2);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let leaver = wait(0);
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(first);
        let passed = leaver.await.ok().flatten();
        assert!(passed.is_some() && !change.is_finished(), "who leaves is let in before who came earlier");
        gate.change(|pace| Pace { not_before: 2_000, ..pace });
        drop(passed);
        assert!(change.await.ok().flatten().is_none(), "the app is left alone");
        assert!(gate.pass(0, &clock).await.is_none());
        clock.advance(1_000);
        assert!(gate.pass(0, &clock).await.is_some());
    }
}
