//! How all apps of a tenant are doing: what a dashboard shows, and what waits for somebody in any of them.

use super::{Numbers, links, list, numbers};
use crate::admin::tenant_of;
use crate::app::App;
use crate::error::Result;
use crate::outbound::integration::Integration;
use store::{Exchange, Run, Standing, TaskRow, TenantId};

/// Requests of an app that are looked at; more would cost more than they tell.
pub(crate) const LATELY: u32 = 500;
/// The same where all that matters is how it goes now.
pub(crate) const FEW: u32 = 50;
/// What counts as lately, in microseconds: a day.
const DAY: i64 = 86_400_000_000;

/// One app.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) integration: Integration,
    pub(crate) numbers: Numbers,
    /// Requests of the last day, [`LATELY`] at the most.
    pub(crate) sent: u64,
    /// Those of them that were refused or got no answer.
    pub(crate) failed: u64,
    /// When it last took something.
    pub(crate) last_good_at: Option<i64>,
}

impl Health {
    /// Accounts in use there.
    pub(crate) fn accounts(&self) -> u64 {
        let linked = |(standing, active, _): &&(Standing, bool, u64)| *standing == Standing::Linked && *active;
        self.numbers.people.iter().filter(linked).map(|(.., count)| *count).sum()
    }

    /// People and groups that are to be looked at.
    pub(crate) fn queue(&self) -> u64 {
        self.numbers.queue()
    }
}

/// Every app of a tenant, with so many of its requests at the most.
pub(crate) async fn of_all(app: &App, tenant: &str, most: u32) -> Result<Vec<Health>> {
    let mut all = Vec::new();
    for integration in list(app, tenant).await? {
        let numbers = numbers(app, &integration).await?;
        let id = integration.row.id;
        let lately: Vec<(i64, Option<u16>)> = app.store().read(move |r| r.exchanges_lately(id, most)).await?;
        all.push(health(integration, numbers, &lately, app.clock().now()));
    }
    Ok(all)
}

fn health(integration: Integration, numbers: Numbers, lately: &[(i64, Option<u16>)], now: i64) -> Health {
    let went_well = |status: &Option<u16>| status.is_some_and(|status| status < 400);
    let today = || lately.iter().filter(|(at, _)| now - at < DAY);
    Health {
        sent: today().count() as u64,
        // Nobody there yet is what an account begins with, and no failure.
        failed: today().filter(|(_, status)| !went_well(status) && *status != Some(404)).count() as u64,
        last_good_at: lately.iter().find(|(_, status)| went_well(status)).map(|(at, _)| *at),
        integration,
        numbers,
    }
}

/// What somebody has to look at, with the app that it is about.
pub(crate) async fn tasks(app: &App, tenant: &str) -> Result<Vec<(Integration, Vec<TaskRow>)>> {
    let state = tenant_of(app, tenant)?;
    let mut all = Vec::new();
    for integration in list(app, tenant).await? {
        let tasks = links::tasks_of(app, &state, &integration).await?;
        if !tasks.is_empty() {
            all.push((integration, tasks));
        }
    }
    Ok(all)
}

/// Scans that are under way, or were stopped until somebody decides.
pub(crate) async fn runs(app: &App, tenant: TenantId) -> Result<Vec<Run>> {
    app.store().read(move |r| r.runs_open(tenant)).await.map_err(|error: store::Error| error.into())
}

/// The newest requests to any of these apps, each with the app's place in the list.
pub(crate) async fn latest(app: &App, all: &[Health], limit: u32) -> Result<Vec<(usize, Exchange)>> {
    let ids: Vec<_> = all.iter().map(|one| one.integration.row.id).collect();
    let mut found: Vec<(usize, Exchange)> = app
        .store()
        .read(move |r| -> store::Result<_> {
            let mut found = Vec::new();
            for (at, id) in ids.into_iter().enumerate() {
                found.extend(r.exchanges(id, None, None, limit)?.into_iter().map(|exchange| (at, exchange)));
            }
            Ok(found)
        })
        .await?;
    found.sort_by_key(|(_, exchange)| std::cmp::Reverse((exchange.at, exchange.id)));
    found.truncate(limit as usize);
    Ok(found)
}
