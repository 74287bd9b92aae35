//! Brakes with the store's counts: a destructive request is counted in the transaction that writes it down, so no
//! number of workers on any number of nodes does more than was allowed.

use super::integration::Integration;
use provision::brake::{self, Metric, Tally};
use provision::plan::Action;
use store::{Destruction, Reader, Writer};

/// The word for a metric.
pub(crate) fn word(metric: Metric) -> &'static str {
    match metric {
        Metric::Deactivations => "deactivations",
        Metric::Deletions => "deletions",
        Metric::MembershipShrink => "membershipShrink",
    }
}

/// Lets an action of a link through, or holds it. `population` counts the accounts in use.
pub(crate) fn apply(
    r: &Reader,
    integration: &Integration,
    action: Action,
    link: i64,
    now: i64,
    population: impl Fn() -> store::Result<u64>,
) -> store::Result<Action> {
    let limits = &integration.app.brakes;
    let Some((metric, _)) = brake::weighs(&action) else { return Ok(action) };
    if !limits.iter().any(|limit| limit.metric == metric) {
        return Ok(action);
    }
    brake::apply(action, limits, r.approved_until(link)?, now, |_, since| {
        let own = r.destroyed_of(link, word(metric), since)?;
        Ok(match metric {
            // Of members, what this group has lost; of accounts, what everybody else has.
            Metric::MembershipShrink => Tally { population: 0, done: own },
            _ => {
                let all = r.destroyed_since(integration.row.id, word(metric), since)?;
                Tally { population: population()?, done: all.saturating_sub(own) }
            }
        })
    })
}

/// Counts an account that is about to be put out of use or deleted: once in the shortest window.
pub(crate) fn count(
    w: &mut Writer,
    integration: &Integration,
    action: &Action,
    link: i64,
    now: i64,
) -> store::Result<()> {
    match brake::weighs(action) {
        Some((metric @ (Metric::Deactivations | Metric::Deletions), count)) => {
            let (tenant, app) = (integration.row.tenant, integration.row.id);
            let windows = integration.app.brakes.iter().filter(|limit| limit.metric == metric);
            let window = windows.map(|limit| limit.window_ms).min().unwrap_or(0);
            let since = now.saturating_sub(window.saturating_mul(1_000));
            w.destroyed(tenant, app, word(metric), Destruction { link, count, at: now }, Some(since))
        }
        _ => Ok(()),
    }
}

/// Counts members that were taken out of a group.
pub(crate) fn count_members(
    w: &mut Writer,
    integration: &Integration,
    link: i64,
    count: usize,
    now: i64,
) -> store::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let (tenant, app) = (integration.row.tenant, integration.row.id);
    w.destroyed(tenant, app, word(Metric::MembershipShrink), Destruction { link, count, at: now }, None)
}
