//! One app: takes links while the app's pace allows, and has them worked on side by side.

use super::census;
use super::directory::Profile;
use super::gate::Gate;
use super::integration::Integration;
use super::others;
use super::push::{Pen, Shared, push, ready};
use super::send::Secret;
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits;
use provision::Dependency;
use provision::mapping::dependencies;
use provision::pace::Pace;
use std::sync::Arc;
use std::time::Duration;
use store::{AppId, AppRow, Claimed, LinkKind, Standing};
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
    let mut drive = Drive { app, id, gate: None, shared: None, tasks: JoinSet::new(), nudged: true, of_all: 0 };
    while !*stop.borrow() {
        match drive.turn().await {
            Ok(Turn::Ended) => break,
            Ok(Turn::Worked) => {}
            Ok(Turn::Idle(pause)) => {
                let mut stop = stop.clone();
                tokio::select! {
                    Some(_) = drive.tasks.join_next() => {}
                    () = signal.notified() => drive.nudged = true,
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
    gate: Option<Arc<Gate>>,
    shared: Option<Arc<Shared>>,
    tasks: JoinSet<()>,
    /// Whether the engine has found something due since the last turn.
    nudged: bool,
    /// The generations of all apps of the tenant together, as they were when `shared` was read: others may read this one.
    of_all: i64,
}

impl Drive {
    /// Takes as many links as there is room for.
    async fn turn(&mut self) -> Result<Turn> {
        while self.tasks.try_join_next().is_some() {}
        let now = self.app.clock().now();
        let nudged = std::mem::take(&mut self.nudged);
        if self.gate.is_some() && self.room(now).0 == 0 && !self.tasks.is_empty() && !nudged {
            return Ok(Turn::Idle(limits::OUTBOUND_TICK));
        }
        let Some(shared) = self.shared().await? else { return Ok(Turn::Ended) };
        if shared.integration.options.is_still() || !shared.integration.is_reachable() {
            return Ok(Turn::Idle(limits::OUTBOUND_LINGER));
        }
        let (room, not_before) = self.room(now);
        if room == 0 && nudged && not_before <= now.saturating_add(1_000) && self.leavers(&shared, now).await? {
            return Ok(Turn::Worked);
        }
        if room == 0 {
            let pause = u64::try_from(not_before.saturating_sub(now)).unwrap_or(0);
            return Ok(Turn::Idle(Duration::from_micros(pause).clamp(Duration::from_millis(1), limits::OUTBOUND_TICK)));
        }
        let claimed = self.claim(&shared, room, now, false).await?;
        if claimed.is_empty() {
            return Ok(Turn::Idle(limits::OUTBOUND_LINGER));
        }
        let newcomer = |one: &Claimed| one.row.kind == LinkKind::User && one.row.standing == Standing::New;
        if claimed.iter().any(newcomer)
            && let Err(error) = self.census(&shared, now).await
        {
            // It is a saving, and what is claimed has to be worked on.
            tracing::warn!(error = %error.to_scim(""), "nobody was counted: each is looked for singly");
        }
        self.work(&shared, claimed).await;
        Ok(Turn::Worked)
    }

    /// Takes those who leave, although there is no room for others; whether there were any.
    async fn leavers(&mut self, shared: &Arc<Shared>, now: i64) -> Result<bool> {
        let id = self.id;
        if !self.app.store().read(move |r| r.leaver_waits(id, now)).await? {
            return Ok(false);
        }
        let claimed = self.claim(shared, limits::OUTBOUND_LEAVERS, now, true).await?;
        let found = !claimed.is_empty();
        self.work(shared, claimed).await;
        Ok(found)
    }

    async fn work(&mut self, shared: &Arc<Shared>, claimed: Vec<Claimed>) {
        for one in ready(shared, claimed).await {
            self.tasks.spawn(push(Arc::clone(shared), one));
        }
    }

    /// Lists everybody at the app if so many are new there that it is worth it.
    async fn census(&self, shared: &Arc<Shared>, now: i64) -> Result<()> {
        if !shared.census.is_open(now) {
            return Ok(());
        }
        let id = self.id;
        let waiting: u64 = self.app.store().read(move |r| r.links_new(id, now, limits::CENSUS_COUNTED)).await?;
        if waiting >= u64::from(limits::CENSUS_PEOPLE) {
            census::begin(shared, waiting);
        } else {
            shared.census.rest(now.saturating_add(limits::CENSUS_LOOK));
        }
        Ok(())
    }

    /// How many more there is room for, and when there will be if there is none.
    fn room(&self, now: i64) -> (u32, i64) {
        let Some(gate) = &self.gate else { return (0, 0) };
        let pace = gate.pace();
        let under_way = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        if now < pace.not_before {
            return (0, pace.not_before);
        }
        let most = if pace.trouble.is_some() { 1 } else { pace.at_once.max(1).saturating_mul(limits::OUTBOUND_AHEAD) };
        let room = most.saturating_sub(under_way);
        // A claim is a commit: it is worth it for several.
        (if room >= most / 4 { room } else { 0 }, now.saturating_add(1_000))
    }

    async fn claim(&self, shared: &Shared, room: u32, now: i64, leavers: bool) -> Result<Vec<Claimed>> {
        let (id, node) = (self.id, self.app.node().to_owned());
        let until = now.saturating_add(limits::OUTBOUND_LEASE);
        self.app
            .store()
            .write_late_in(shared.state.tenant.id, move |w| w.links_claim(id, (&node, until), now, room, leavers))
            .await
            .map_err(|error: store::Error| Error::from(error))
    }

    /// The app as it is now; read anew when it, or its tenant, has changed.
    async fn shared(&mut self) -> Result<Option<Arc<Shared>>> {
        let id = self.id;
        let found: Option<(i64, i64, i64)> = self.app.store().read(move |r| r.app_generation(id)).await?;
        let Some((generation, revision, of_all)) = found else { return Ok(None) };
        if let Some(known) = &self.shared {
            let row = &known.integration.row;
            let current = self.app.tenants().find(&known.state.tenant.name);
            let same_tenant = current.is_some_and(|state| Arc::ptr_eq(&state, &known.state));
            if same_tenant && (row.generation, row.revision, self.of_all) == (generation, revision, of_all) {
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
        let gate = Arc::clone(self.gate.get_or_insert_with(|| Arc::new(Gate::new(kept.unwrap_or_default()))));
        if cleared {
            gate.mend(integration.row.generation, self.app.clock().now());
        }
        let (app, census, pen) = (self.app.clone(), census::Known::default(), Pen::default());
        let users = state.named("User");
        let profile = users.map_or_else(Profile::default, |users| Profile::of(users, &integration.app));
        let by_time = dependencies(&integration.app).contains(&Dependency::Clock);
        let (tenant, name) = (state.tenant.id, integration.row.name.clone());
        let readers = self.app.store().read(move |r| others::readers(r, tenant, id, &name)).await?;
        self.of_all = of_all;
        let shared = Shared { app, state, integration, secret, gate, census, pen, profile, by_time, readers };
        self.shared = Some(Arc::new(shared));
        Ok(self.shared.clone())
    }
}
