//! One app: takes links while the app's pace allows, and has them worked on side by side.

use super::integration::Integration;
use super::push::{Shared, push};
use super::send::Secret;
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits;
use provision::pace::Pace;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{AppId, AppRow, Claimed};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

/// An app that is being worked on.
#[derive(Debug)]
pub(super) struct Driver {
    signal: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Driver {
    /// Begins.
    pub(super) fn start(app: &App, id: AppId, stop: watch::Receiver<bool>) -> Self {
        let signal = Arc::new(Notify::new());
        let work = drive(app.clone(), id, Arc::clone(&signal), stop);
        Self { task: tokio::spawn(work), signal }
    }

    /// There is something to do.
    pub(super) fn nudge(&self) {
        self.signal.notify_one();
    }

    /// Whether it has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end.
    pub(super) async fn ended(self) {
        let _ = self.task.await;
    }
}

async fn drive(app: App, id: AppId, signal: Arc<Notify>, stop: watch::Receiver<bool>) {
    let mut drive = Drive { app, id, pace: None, shared: None, tasks: JoinSet::new() };
    while !*stop.borrow() {
        match drive.turn().await {
            Ok(Turn::Ended) => break,
            Ok(Turn::Worked) => {}
            Ok(Turn::Idle(pause)) => {
                let mut stop = stop.clone();
                tokio::select! {
                    Some(_) = drive.tasks.join_next() => {}
                    () = signal.notified() => {}
                    () = tokio::time::sleep(pause) => if drive.tasks.is_empty() && pause >= limits::OUTBOUND_LINGER { break },
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(app = id.0, error = %error.to_scim(""), "an app is not worked on for a moment");
                tokio::time::sleep(limits::OUTBOUND_RETRY).await;
            }
        }
    }
    // What is under way is finished; whoever is cut off meanwhile finds a link that says so.
    while drive.tasks.join_next().await.is_some() {}
}

enum Turn {
    Worked,
    /// Nothing now; look again when something happens, or after this time.
    Idle(Duration),
    /// The app is gone.
    Ended,
}

struct Drive {
    app: App,
    id: AppId,
    pace: Option<Arc<Mutex<Pace>>>,
    shared: Option<Arc<Shared>>,
    tasks: JoinSet<()>,
}

impl Drive {
    /// Takes as many links as there is room for.
    async fn turn(&mut self) -> Result<Turn> {
        while self.tasks.try_join_next().is_some() {}
        let Some(shared) = self.shared().await? else { return Ok(Turn::Ended) };
        if shared.integration.options.paused || !shared.integration.is_reachable() {
            return Ok(Turn::Idle(limits::OUTBOUND_LINGER));
        }
        let now = self.app.clock().now();
        let (room, not_before) = self.room(now);
        if room == 0 {
            let pause = u64::try_from(not_before.saturating_sub(now)).unwrap_or(0);
            return Ok(Turn::Idle(Duration::from_micros(pause).clamp(Duration::from_millis(1), limits::OUTBOUND_TICK)));
        }
        let claimed = self.claim(&shared, room, now).await?;
        if claimed.is_empty() {
            return Ok(Turn::Idle(limits::OUTBOUND_LINGER));
        }
        for claimed in claimed {
            self.tasks.spawn(push(Arc::clone(&shared), claimed));
        }
        Ok(Turn::Worked)
    }

    /// How many more there is room for, and when there will be if there is none.
    fn room(&self, now: i64) -> (u32, i64) {
        let Some(pace) = &self.pace else { return (0, 0) };
        let pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        if !pace.allows(under_way, now) {
            return (0, pace.not_before.max(now.saturating_add(1_000)));
        }
        let most = if pace.trouble.is_some() { 1 } else { pace.at_once.max(1) };
        (most.saturating_sub(under_way), 0)
    }

    async fn claim(&self, shared: &Shared, room: u32, now: i64) -> Result<Vec<Claimed>> {
        let (id, node) = (self.id, self.app.node().to_owned());
        let until = now.saturating_add(limits::OUTBOUND_LEASE);
        self.app
            .store()
            .write_in(shared.state.tenant.id, move |w| w.links_claim(id, &node, now, until, room))
            .await
            .map_err(|error: store::Error| Error::from(error))
    }

    /// The app as it is now; read anew when it, or its tenant, has changed.
    async fn shared(&mut self) -> Result<Option<Arc<Shared>>> {
        let id = self.id;
        let found: Option<(i64, i64)> = self.app.store().read(move |r| r.app_generation(id)).await?;
        let Some((generation, revision)) = found else { return Ok(None) };
        if let Some(known) = &self.shared {
            let row = &known.integration.row;
            let current = self.app.tenants().find(&known.state.tenant.name);
            let same_tenant = current.is_some_and(|state| Arc::ptr_eq(&state, &known.state));
            if same_tenant && (row.generation, row.revision) == (generation, revision) {
                return Ok(self.shared.clone());
            }
        }
        let row: Option<AppRow> = self.app.store().read(move |r| r.app(id)).await?;
        let Some(row) = row else { return Ok(None) };
        let state = self.app.tenants().all().into_iter().find(|state| state.tenant.id == row.tenant);
        let Some(state) = state else { return Ok(None) };
        let kept = row.pace.clone().and_then(|kept| serde_json::from_value::<Pace>(kept).ok());
        let cleared = row.pace.is_none();
        let integration = Integration::of(row)?;
        let secret = Secret::of(&self.app, &integration).await?;
        let pace = Arc::clone(self.pace.get_or_insert_with(|| Arc::new(Mutex::new(kept.unwrap_or_default()))));
        if cleared {
            // Somebody changed what was wrong: try at once.
            let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            (pace.trouble, pace.opened) = (None, 0);
            pace.not_before = pace.not_before.min(self.app.clock().now());
        }
        let app = self.app.clone();
        self.shared = Some(Arc::new(Shared { app, state, integration, secret, pace }));
        Ok(self.shared.clone())
    }
}
