//! Brakes with the store's counts: a destructive request is counted in the transaction that writes it down, so no
//! number of workers on any number of nodes does more than was allowed.

use super::integration::Integration;
use provision::brake::{self, Approval, Metric, Tally};
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

/// Lets an action of a link through, or holds it.
pub(crate) fn apply(
    r: &Reader,
    integration: &Integration,
    action: Action,
    link: i64,
    now: i64,
) -> store::Result<Action> {
    let Some((metric, _)) = brake::weighs(&action) else { return Ok(action) };
    let limits = &integration.app.brakes;
    let Some(window) = limits.iter().filter(|limit| limit.metric == metric).map(|limit| limit.window_ms).max() else {
        return Ok(action);
    };
    let since = now.saturating_sub(window.saturating_mul(1_000));
    let done = r.destructions(integration.row.id, word(metric), since)?;
    let own = |done: &Destruction| match metric {
        // Of members, what this group has lost; of accounts, what everybody else has.
        Metric::MembershipShrink => done.link == link,
        _ => done.link != link,
    };
    let each = |done: &Destruction| std::iter::repeat_n(done.at, usize::try_from(done.count).unwrap_or(0));
    let tally = Tally {
        population: r.population(integration.row.id)?,
        done_at: done.iter().filter(|done| own(done)).flat_map(each).collect(),
    };
    let approvals: Vec<Approval> = r
        .approvals(integration.row.id, now)?
        .into_iter()
        .map(|given| Approval {
            links: given.links.iter().map(ToString::to_string).collect(),
            expires_at: given.expires_at,
        })
        .collect();
    Ok(brake::apply(action, &link.to_string(), limits, |_| tally.clone(), &approvals, now))
}

/// Counts an account that is about to be put out of use or deleted.
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
            w.destroyed(tenant, app, word(metric), Destruction { link, count, at: now }, true)
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
    w.destroyed(tenant, app, word(Metric::MembershipShrink), Destruction { link, count, at: now }, false)
}
