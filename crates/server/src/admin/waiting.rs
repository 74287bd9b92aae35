//! What waits for somebody, as numbers for the navigation. They are kept for some seconds, so that a page costs the same
//! with them as without.

use super::apps::COUNTED;
use super::{conflicts, jobs};
use crate::app::App;
use crate::error::Result;
use crate::tenants::TenantState;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::TenantId;

/// How long a number is good, in microseconds.
const GOOD_FOR: i64 = 5_000_000;
/// How long a job that failed in part is a matter of concern, in microseconds: a day.
const LATELY: i64 = 86_400_000_000;

/// The numbers of one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Refusals that nobody solved or dismissed.
    pub(crate) conflicts: usize,
    /// Jobs of the last day of which something failed.
    pub(crate) jobs: usize,
    /// People and groups of apps that wait for somebody.
    pub(crate) tasks: usize,
}

/// The numbers by tenant, and since when.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<TenantId, (i64, Waiting)>>);

impl Known {
    fn at(&self, tenant: TenantId, now: i64, good_for: i64) -> Option<Waiting> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&tenant).filter(|(since, _)| (0..good_for).contains(&(now - since))).map(|(_, waiting)| *waiting)
    }

    fn keep(&self, tenant: TenantId, now: i64, waiting: Waiting) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, (now, waiting));
    }

    /// The next page counts anew: somebody has just done something about it.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }
}

/// What waits in a tenant; a few seconds old at the most.
pub(crate) async fn of(app: &App, state: &TenantState) -> Result<Waiting> {
    of_lately(app, state, GOOD_FOR).await
}

/// The same, so old at the most, in microseconds: what is read for many tenants at once need not be newer.
pub(crate) async fn of_lately(app: &App, state: &TenantState, good_for: i64) -> Result<Waiting> {
    let (tenant, now) = (state.tenant.id, app.clock().now());
    if let Some(waiting) = app.waiting().at(tenant, now, good_for) {
        return Ok(waiting);
    }
    let (open, _) = conflicts::list(app, state).await?;
    let all = jobs::list(app, tenant).await?;
    let failed = all.iter().filter(|job| job.failed > 0 && now - job.created_at < LATELY).count();
    let tasks: u64 = app
        .store()
        .read(move |r| -> store::Result<u64> { r.apps(tenant)?.iter().map(|one| r.tasks_count(one.id, COUNTED)).sum() })
        .await?;
    let waiting = Waiting { conflicts: open.len(), jobs: failed, tasks: usize::try_from(tasks).unwrap_or(usize::MAX) };
    app.waiting().keep(tenant, now, waiting);
    Ok(waiting)
}
