//! Brakes: how much destruction an app sees before a person has agreed to it.
//!
//! Only the destructive action is held; everything else goes on. An approval is for the links that it names, and expires.

use crate::plan::Action;
use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Accounts put out of use.
    Deactivations,
    /// Accounts and groups deleted.
    Deletions,
    /// Members taken out of one group at once.
    MembershipShrink,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// What is counted.
    pub metric: Metric,
    /// Over how long.
    pub window_ms: i64,
    /// At most so many.
    #[serde(default)]
    pub count_max: Option<u64>,
    /// At most so many in a hundred of what is there,
    #[serde(default)]
    pub percent_max: Option<f64>,
    /// but always so many: of five accounts, one is twenty in a hundred.
    #[serde(default)]
    pub count_free: u64,
}

/// What has happened, as the store counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts that are there; for a group, its members.
    pub population: u64,
    /// How much of a limit's metric has happened in its window.
    pub done: u64,
}

/// Why an action is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// What is counted.
    pub metric: Metric,
    /// How many it would be.
    pub count: u64,
    /// How many are allowed.
    pub allowed: u64,
    /// Of how many.
    pub population: u64,
}

/// How many destructive steps an action is, and of which kind.
pub fn weighs(action: &Action) -> Option<(Metric, u64)> {
    match action {
        Action::Deactivate(_) => Some((Metric::Deactivations, 1)),
        Action::Delete { .. } => Some((Metric::Deletions, 1)),
        Action::Update(update) => {
            let gone = update.members.as_ref().map_or(0, |members| members.remove.len());
            (gone > 0).then(|| (Metric::MembershipShrink, u64::try_from(gone).unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

/// Lets an action through, or holds it. `approved_until` is what somebody has allowed; `tally` counts for a limit what has
/// happened since the beginning of its window, and fails as the store fails.
pub fn apply<E>(
    action: Action,
    limits: &[Limit],
    approved_until: Option<i64>,
    now: i64,
    mut tally: impl FnMut(&Limit, i64) -> Result<Tally, E>,
) -> Result<Action, E> {
    let Some((metric, weight)) = weighs(&action) else { return Ok(action) };
    if approved_until.is_some_and(|until| until > now) {
        return Ok(action);
    }
    for limit in limits.iter().filter(|limit| limit.metric == metric) {
        let since = now.saturating_sub(limit.window_ms.saturating_mul(1_000));
        let mut tally = tally(limit, since)?;
        if let Action::Update(update) = &action {
            // A group's own size is in the action.
            let before = update.members.as_ref().map_or(0, |members| members.before);
            tally.population = u64::try_from(before).unwrap_or(u64::MAX);
        }
        if let Some(held) = exceeds(limit, &tally, weight) {
            return Ok(Action::Hold { action: Box::new(action), held });
        }
    }
    Ok(action)
}

fn exceeds(limit: &Limit, tally: &Tally, weight: u64) -> Option<Held> {
    let count = tally.done.saturating_add(weight);
    let percent = limit.percent_max.map(|percent| share(tally.population, percent).max(limit.count_free));
    let allowed = limit.count_max.into_iter().chain(percent).min()?;
    (count > allowed).then_some(Held { metric: limit.metric, count, allowed, population: tally.population })
}

/// So many in a hundred, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage"
)]
pub(crate) fn share(population: u64, percent: f64) -> u64 {
    (population as f64 * percent.clamp(0.0, 100.0) / 100.0).floor() as u64
}
