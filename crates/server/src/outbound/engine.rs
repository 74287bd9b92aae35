//! The engine's round: follow the feeds, fill, begin what is scheduled, wake the apps that have something to do.
//!
//! A nudge and the tick come here alike, so a nudge that is lost costs a second and no truth. With nothing to do a round is
//! a handful of lookups.

use super::driver::Driver;
use super::{follow, scan};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::limits;
use crate::tenants::TenantState;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{AppId, AppRow, Fill, Reader, Run, TenantId, Work};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The engine while it runs.
struct Engine {
    app: App,
    stop: watch::Receiver<bool>,
    drivers: HashMap<AppId, (TenantId, Driver)>,
    scan: Option<JoinHandle<()>>,
    kept_at: i64,
    pruned_at: i64,
}

/// What there is to do, read in one go.
struct Agenda {
    /// Whether there is any app.
    wanted: bool,
    /// The tenants whose feed has gone on.
    behind: Vec<TenantId>,
    fills: Vec<Fill>,
    /// The apps whose next scan has come.
    scheduled: Vec<AppRow>,
    /// Whether a scan could go on.
    scans: bool,
    /// The apps that are being deleted.
    deleting: Vec<(AppId, TenantId)>,
    work: Work,
}

impl Agenda {
    fn read(r: &Reader, node: &str, now: i64) -> store::Result<Self> {
        Ok(Self {
            wanted: r.has_apps()?,
            behind: r.feeds_behind()?,
            fills: r.fills(limits::OUTBOUND_FILLS)?,
            scheduled: r.apps_scheduled(now)?,
            scans: r.run_waits(node, now)?,
            deleting: r.apps_deleting()?,
            work: r.links_work(now)?,
        })
    }
}

/// Runs until the server stops.
pub(crate) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let node = app.node().to_owned();
    if let Err(error) = app.store().write(move |w| w.links_release(&node)).await {
        tracing::warn!(%error, "what the process before this one had begun waits for its time to run out");
    }
    let now = app.clock().now();
    let mut engine = Engine {
        app: app.clone(),
        stop: stop.clone(),
        drivers: HashMap::new(),
        scan: None,
        kept_at: now,
        pruned_at: now,
    };
    while !*stop.borrow() {
        let watch = Stopwatch::start();
        let round = engine.round().await;
        let took = Duration::from_micros(u64::try_from(watch.micros()).unwrap_or(0));
        let pause = match round {
            Ok(next_at) => engine.pause(next_at),
            Err(error) => {
                tracing::warn!(error = %error.to_scim(""), "the outbound engine rests for a moment");
                limits::OUTBOUND_TICK
            }
        };
        tokio::select! {
            () = app.outbound().nudged() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
        // What comes at once is done at once; while much comes, going round must not be what keeps the machine busy.
        tokio::time::sleep((took * 3).clamp(limits::OUTBOUND_GAP, limits::OUTBOUND_GAP_MAX)).await;
    }
    engine.end().await;
}

impl Engine {
    fn pause(&self, next_at: Option<i64>) -> Duration {
        let now = self.app.clock().now();
        let next = next_at.map(|at| Duration::from_micros(u64::try_from(at.saturating_sub(now)).unwrap_or(0)));
        next.unwrap_or(limits::OUTBOUND_TICK).min(limits::OUTBOUND_TICK)
    }

    async fn round(&mut self) -> Result<Option<i64>> {
        let (now, node) = (self.app.clock().now(), self.app.node().to_owned());
        let Agenda { wanted, behind, fills, scheduled, scans, deleting, mut work } =
            self.app.store().read(move |r| Agenda::read(r, &node, now)).await.map_err(lift)?;
        self.app.outbound().wanted(wanted);
        let (moved, filling) = (!behind.is_empty(), !fills.is_empty());
        self.follow(behind).await?;
        self.fill(fills, now).await?;
        let more = self.delete(deleting).await?;
        self.schedule(scheduled, now).await?;
        self.scan(scans);
        self.keep(now).await?;
        self.prune(now).await?;
        if moved || filling {
            // These have made links due.
            let now = self.app.clock().now();
            work = self.app.store().read(move |r| r.links_work(now)).await.map_err(lift)?;
        }
        self.drivers.retain(|_, (_, driver)| !driver.is_finished());
        for (app, tenant) in work.apps {
            let start = || (tenant, Driver::start(&self.app, app, self.stop.clone()));
            self.drivers.entry(app).or_insert_with(start).1.nudge();
        }
        Ok(if filling || more { Some(now) } else { work.next_at })
    }

    fn tenant(&self, id: TenantId) -> Option<Arc<TenantState>> {
        self.app.tenants().all().into_iter().find(|state| state.tenant.id == id)
    }

    async fn follow(&self, behind: Vec<TenantId>) -> Result<()> {
        for tenant in behind {
            let Some(state) = self.tenant(tenant) else { continue };
            while follow::follow(&self.app, &state).await? {}
        }
        Ok(())
    }

    /// Does the next part of each order.
    async fn fill(&self, orders: Vec<Fill>, now: i64) -> Result<()> {
        for Fill { id, tenant, .. } in orders {
            let turn = move |w: &mut store::Writer| w.fill_turn(id, limits::OUTBOUND_FILL, now);
            self.app.store().write_late_in(tenant, turn).await.map_err(lift)?;
        }
        Ok(())
    }

    /// Does the next part of each app's end; whether there is more to do. Everything else goes on in between.
    async fn delete(&self, apps: Vec<(AppId, TenantId)>) -> Result<bool> {
        let mut more = false;
        for (app, tenant) in apps {
            let turn = move |w: &mut store::Writer| w.app_delete_turn(app, limits::APP_DELETE_TURN);
            let done = self.app.store().write_late_in(tenant, turn).await.map_err(lift)?;
            self.app.events().publish(tenant, crate::events::Topic::Apps);
            more |= !done;
        }
        Ok(more)
    }

    /// Asks for the scans whose time has come.
    async fn schedule(&self, due: Vec<AppRow>, now: i64) -> Result<()> {
        for row in due {
            let integration = super::integration::Integration::of(row)?;
            let row = integration.row.clone();
            let options = &integration.options;
            let behind = |hours: Option<u32>| hours.map(|hours| now.saturating_add(i64::from(hours) * 3_600_000_000));
            let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now);
            let next = |at: Option<i64>, every: Option<u32>| if is_due(at) { behind(every) } else { at };
            let kinds = [("reconcile", is_due(row.reconcile_at)), ("import", is_due(row.import_at))];
            let reconcile_at = next(row.reconcile_at, options.reconcile_every_hours);
            let import_at = next(row.import_at, options.import_every_hours);
            let on = integration.app.provisioning && !options.is_still();
            let work = move |w: &mut store::Writer| {
                for (kind, _) in kinds.into_iter().filter(|(_, due)| *due && on) {
                    w.run_insert(&Run {
                        tenant: row.tenant,
                        app: row.id,
                        kind: kind.into(),
                        mode: "full".into(),
                        position: json!({}),
                        created_at: now,
                        created_by: "schedule".into(),
                        ..Run::default()
                    })?;
                }
                w.app_schedule(row.id, reconcile_at, import_at)
            };
            self.app.store().write_in(integration.row.tenant, work).await.map_err(lift)?;
        }
        Ok(())
    }

    /// One scan at a time is under way on each node.
    fn scan(&mut self, waits: bool) {
        let under_way = self.scan.take_if(|scan| !scan.is_finished());
        let begin = || tokio::spawn(scan::turns(self.app.clone(), self.stop.clone()));
        self.scan = under_way.or_else(|| waits.then(begin));
    }

    /// Keeps the claims of what is under way.
    async fn keep(&mut self, now: i64) -> Result<()> {
        if now.saturating_sub(self.kept_at) < limits::OUTBOUND_LEASE / 4 || self.drivers.is_empty() {
            return Ok(());
        }
        self.kept_at = now;
        let mut tenants: Vec<TenantId> = self.drivers.values().map(|(tenant, _)| *tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let (node, until) = (self.app.node().to_owned(), now.saturating_add(limits::OUTBOUND_LEASE));
            self.app.store().write_late_in(tenant, move |w| w.links_keep(tenant, &node, until)).await.map_err(lift)?;
        }
        Ok(())
    }

    /// Takes old evidence away.
    async fn prune(&mut self, now: i64) -> Result<()> {
        if now.saturating_sub(self.pruned_at) < limits::EVIDENCE_PRUNE_EVERY {
            return Ok(());
        }
        self.pruned_at = now;
        let before = now.saturating_sub(limits::EVIDENCE_LIFE);
        while self
            .app
            .store()
            .write(move |w| w.exchanges_prune(before, limits::EVIDENCE_PRUNE_ROWS))
            .await
            .map_err(lift)?
        {}
        Ok(())
    }

    /// Lets what is under way end.
    async fn end(self) {
        let ended = async {
            for (_, (_, driver)) in self.drivers {
                driver.ended().await;
            }
            if let Some(scan) = self.scan {
                let _ = scan.await;
            }
        };
        // Whoever is cut off leaves a link that says what was begun.
        let _ = tokio::time::timeout(limits::OUTBOUND_END, ended).await;
    }
}

fn lift(error: store::Error) -> Error {
    error.into()
}
