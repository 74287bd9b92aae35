//! One link, from a claim to rest: decide, write down, send, settle, and again.
//!
//! Invariant: what a request may do is on the disk before it is sent. Whoever is killed here, at any point, leaves a link
//! that says what may have been done; the next decision is a look. Nothing else waits for the disk: what is lost with the
//! machine is asked for again.

use super::census::Known;
use super::gate::{Gate, Pass, Stage};
use super::inputs::{self, Inputs, kind_of};
use super::integration::Integration;
use super::send::{Secret, Sent, send};
use super::{brakes, causes};
use crate::admin::apps::assign::number;
use crate::app::App;
use crate::error::Result;
use crate::limits;
use crate::tenants::TenantState;
use provision::link::{Kind, Link};
use provision::outcome::{Outcome, Settled as Judged, settle};
use provision::plan::{Action, Desired, Lane, Members, next};
use provision::wire;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{AppId, Cause, Claimed, Exchange, LinkKind, LinkRow, Settled, Standing, TenantId, Writer};

/// What the work on all links of an app shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) state: Arc<TenantState>,
    pub(crate) integration: Integration,
    pub(crate) secret: Secret,
    pub(super) gate: Arc<Gate>,
    pub(super) census: Known,
}

/// A claimed link with everything that a decision about it takes.
pub(super) struct Ready {
    row: LinkRow,
    /// What is known of the account, and what should be there; or why that cannot be said.
    known: Result<(Link, Inputs)>,
    read_at: i64,
}

/// What is stored with the next write.
#[derive(Debug, Default)]
struct Unsaved {
    exchanges: Vec<Exchange>,
    members: Vec<Members>,
    blocked: Vec<String>,
    /// Whether an answer to something other than a look is among it.
    matters: bool,
}

/// A link that is being worked on.
struct Push {
    shared: Arc<Shared>,
    row: LinkRow,
    link: Link,
    inputs: Inputs,
    read_at: i64,
    unsaved: Unsaved,
    /// What somebody should know while it waits.
    reason: Option<Cause>,
    was_active: bool,
    /// Leave to send.
    pass: Option<Pass>,
}

/// Somebody's account came or went: those are due who wait for it.
struct Wake {
    tenant: TenantId,
    app: AppId,
    person: String,
}

impl Wake {
    fn write(&self, w: &mut Writer, now: i64) -> store::Result<()> {
        w.link_wake(self.tenant, self.app, &self.person, now, now.saturating_add(limits::OUTBOUND_GATHER))
    }
}

/// How a link comes to rest.
struct Rest {
    standing: Standing,
    due_at: Option<i64>,
    cause: Option<Cause>,
}

/// Whether the work on a link goes on.
enum Step {
    On,
    Rest(Rest),
    /// It is somebody else's by now.
    Lost,
}

/// Reads what decisions about these links take, all in one go.
pub(super) async fn ready(shared: &Arc<Shared>, claimed: Vec<Claimed>) -> Vec<Ready> {
    let (work, now) = (Arc::clone(shared), shared.app.clock().now());
    let rows: Vec<LinkRow> = claimed.iter().map(|one| one.row.clone()).collect();
    let read = shared.app.store().read(move |r| -> Result<Vec<Result<(Link, Inputs)>>> {
        let one = |one: &Claimed| {
            let link = known(&work, one)?;
            let inputs = inputs::read(r, &work.state, &work.integration, &one.row, &link, now)?;
            Ok((link, inputs))
        };
        Ok(claimed.iter().map(one).collect())
    });
    let mut read = read.await.unwrap_or_default().into_iter();
    // Whoever was not read has a claim that has to be given back.
    let next = |row| {
        let known = read.next().unwrap_or_else(|| Err(store_error(store::Error::Unavailable)));
        Ready { row, known, read_at: now }
    };
    rows.into_iter().map(next).collect()
}

/// What is known of the account.
fn known(shared: &Shared, claimed: &Claimed) -> Result<Link> {
    let row = &claimed.row;
    let link = match &claimed.state {
        Some(state) => serde_json::from_str::<Link>(state).map_err(store::Error::from)?,
        None => Link::new(kind_of(row.kind), &row.resource),
    };
    Ok(match row.retry {
        0 if row.evaluated_rev >= shared.integration.row.revision => link,
        0 | 1 => link.retried(),
        _ => link.forgotten(),
    })
}

/// Works on a link until nothing more is to be done now.
pub(super) async fn push(shared: Arc<Shared>, ready: Ready) {
    let (id, fence, tenant, app) = (ready.row.id, ready.row.fence, ready.row.tenant, shared.app.clone());
    let done = match Push::start(shared, ready).await {
        Ok(push) => push.run().await,
        Err(error) => Err(error),
    };
    match done {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => tracing::warn!(link = id, error = %error.to_scim(""), "a link is left for later"),
    }
    // It stays due; a moment's rest keeps a broken database from being asked without end. A claim that is not given back
    // would be kept with the others for as long as this process runs.
    tokio::time::sleep(limits::OUTBOUND_RETRY).await;
    let _ = app.store().write_late_in(tenant, move |w| w.link_release(id, fence)).await;
}

impl Push {
    async fn start(shared: Arc<Shared>, ready: Ready) -> Result<Self> {
        let Ready { row, known, mut read_at } = ready;
        let (link, mut inputs) = known?;
        if row.kind == LinkKind::Group && row.retry > 0 {
            let (tenant, id) = (row.tenant, row.id);
            shared.app.store().write_in(tenant, move |w| w.members_forget(id, true)).await.map_err(store_error)?;
            (inputs, read_at) = read_inputs(&shared, &row, &link).await?;
        }
        let rules = inputs.rules(&shared.integration, row.kind);
        let link = shared.census.vouch(link, &inputs.desired, &rules, read_at);
        let was_active = row.active;
        Ok(Self {
            shared,
            row,
            link,
            inputs,
            read_at,
            unsaved: Unsaved::default(),
            reason: None,
            was_active,
            pass: None,
        })
    }

    /// Whether it has come to rest; else it is somebody else's by now.
    async fn run(mut self) -> Result<bool> {
        for _ in 0..limits::OUTBOUND_STEPS_MAX {
            match self.step().await? {
                Step::On => {}
                Step::Rest(rest) => return self.rest(rest).await,
                Step::Lost => return Ok(false),
            }
        }
        // Long work on one link, such as a large group, lets others go first.
        let due_at = Some(self.shared.app.clock().now());
        self.rest(Rest { standing: Standing::Waiting, due_at, cause: None }).await
    }

    async fn step(&mut self) -> Result<Step> {
        let shared = Arc::clone(&self.shared);
        let now = shared.app.clock().now();
        if self.is_old(now) || !self.unsaved.members.is_empty() || self.inputs.unsure != self.link.unsure {
            if !self.unsaved.members.is_empty() && !self.keep().await? {
                return self.not_stored().await;
            }
            (self.inputs, self.read_at) = read_inputs(&self.shared, &self.row, &self.link).await?;
        }
        self.link.note(&self.inputs.desired, now);
        let rules = self.inputs.rules(&self.shared.integration, self.row.kind);
        let action = next(&self.link, &self.inputs.desired, &rules, now);
        if action.is_sent() && self.pass.is_none() {
            let pass = shared.gate.pass(Stage::Preparing, self.row.lane, shared.app.clock()).await;
            let Some(pass) = pass else { return Ok(Step::Rest(self.left_alone())) };
            self.pass = Some(pass);
            if self.is_old(shared.app.clock().now()) {
                // Whoever waited long for their turn may be somebody else by now.
                return Ok(Step::On);
            }
        }
        match action {
            Action::Nothing => Ok(Step::Rest(self.settled())),
            Action::Adopt { id } => {
                self.link = self.link.clone().adopt(&id);
                self.unsaved.matters = true;
                Ok(Step::On)
            }
            Action::Wait { until } => {
                let cause = self.reason.take();
                let standing = if self.is_ended() { Standing::Linked } else { Standing::Waiting };
                Ok(Step::Rest(Rest { standing, due_at: Some(until), cause }))
            }
            Action::Park(reason) => {
                let cause = Some(causes::parked(&reason));
                Ok(Step::Rest(Rest { standing: Standing::Parked, due_at: None, cause }))
            }
            Action::Hold { action, held } => Ok(self.held(&action, &held)),
            Action::Probe(_) => {
                // Whoever died over a request left one that may take effect yet.
                self.link = std::mem::take(&mut self.link).begin(&action, &self.inputs.desired, &rules, now);
                if self.unsaved.matters && !self.keep().await? {
                    return self.not_stored().await;
                }
                self.send(action, None).await
            }
            Action::Create(_) | Action::Update(_) | Action::Deactivate(_) | Action::Delete { .. } => {
                self.begin(action).await
            }
        }
    }

    /// Whether what it is decided by may have changed too long ago.
    fn is_old(&self, now: i64) -> bool {
        now.saturating_sub(self.read_at) > limits::OUTBOUND_INPUTS_AGE
    }

    fn held(&self, action: &Action, held: &provision::brake::Held) -> Step {
        let cause = Some(causes::held(held, action.word()));
        Step::Rest(Rest { standing: Standing::Held, due_at: None, cause })
    }

    /// An account that is out of use and waits for its end is as it should be.
    fn is_ended(&self) -> bool {
        matches!(self.inputs.desired, Desired::Gone { .. }) && self.link.remote_id.is_some() && !self.is_active()
    }

    fn is_active(&self) -> bool {
        let off = self.link.document.as_ref().and_then(|document| document.get("active"));
        let off = off.is_some_and(|active| provision::link::equal(&Value::Bool(false), active));
        self.link.remote_id.is_some() && !(off && self.link.kind == Kind::User)
    }

    fn settled(&self) -> Rest {
        let standing = match (&self.inputs.desired, &self.link.remote_id) {
            (_, Some(_)) => Standing::Linked,
            (Desired::Gone { .. }, None) => Standing::Gone,
            (_, None) => Standing::New,
        };
        Rest { standing, due_at: None, cause: None }
    }

    /// Writes down what is about to be done, unless a brake holds it; then does it.
    async fn begin(&mut self, action: Action) -> Result<Step> {
        let now = self.shared.app.clock().now();
        let rules = self.inputs.rules(&self.shared.integration, self.row.kind);
        let begun = self.link.clone().begin(&action, &self.inputs.desired, &rules, now);
        let lease = now.saturating_add(limits::OUTBOUND_LEASE);
        let mut settled = self.record(&begun, self.row.standing, Some(lease))?;
        settled.begun = Some(action.word().to_owned());
        let (unsaved, shared, id) = (std::mem::take(&mut self.unsaved), Arc::clone(&self.shared), self.row.id);
        let (wake, wanted) = (self.wake(&settled), action.clone());
        let woken = wake.is_some();
        let outcome = self
            .shared
            .app
            .store()
            .write_in(self.row.tenant, move |w| -> store::Result<Option<Action>> {
                let braked = brakes::apply(w, &shared.integration, wanted, id, now, || w.population(shared.integration.row.id))?;
                if matches!(braked, Action::Hold { .. }) {
                    unsaved.write(w, &shared.integration, id, now)?;
                    return Ok(Some(braked));
                }
                if !w.link_settle(&settled, now)? {
                    return Ok(None);
                }
                brakes::count(w, &shared.integration, &braked, id, now)?;
                unsaved.write(w, &shared.integration, id, now)?;
                wake.iter().try_for_each(|wake| wake.write(w, now))?;
                Ok(Some(braked))
            })
            .await?;
        match outcome {
            None => self.not_stored().await,
            Some(Action::Hold { action, held }) => Ok(self.held(&action, &held)),
            Some(action) => {
                self.noted(woken);
                let before = std::mem::replace(&mut self.link, begun);
                self.send(action, Some(before)).await
            }
        }
    }

    /// The app wants nothing for now.
    fn left_alone(&self) -> Rest {
        Rest { standing: self.row.standing, due_at: Some(self.shared.gate.pace().not_before), cause: None }
    }

    /// Sends it, and takes in what the answer means. What is not sent after all leaves things as they were before it was begun.
    async fn send(&mut self, action: Action, before: Option<Link>) -> Result<Step> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.gate.pass(Stage::Sending, self.row.lane, shared.app.clock()).await;
        if turn.is_none() || self.is_old(shared.app.clock().now()) {
            if let Some(before) = before {
                self.link = before;
            }
            return Ok(if turn.is_none() { Step::Rest(self.left_alone()) } else { Step::On });
        }
        let rules = self.inputs.rules(&shared.integration, self.row.kind);
        let Some(request) = wire::request(&action, &self.link, &rules, nonce()) else {
            return Ok(Step::Rest(self.settled()));
        };
        let Sent { answer, exchange } =
            send(&shared.app, &shared.state, &shared.integration, &shared.secret, action.word(), &request).await;
        let now = shared.app.clock().now();
        let link = std::mem::take(&mut self.link);
        let judged = settle(link, &action, &answer, &self.inputs.desired, &rules, now, nonce());
        self.unsaved.exchanges.push(Exchange {
            link: Some(self.row.id),
            resource: Some(self.row.resource.clone()),
            outcome: outcome_word(&judged.outcome).to_owned(),
            ..exchange
        });
        self.unsaved.matters |= !matches!(action, Action::Probe(_));
        let step = self.judged(judged, now).await;
        // The next one must not be let in before it is known that the app wants nobody.
        drop(turn);
        self.pass = None;
        Ok(step)
    }

    async fn judged(&mut self, judged: Judged, now: i64) -> Step {
        let Judged { link, outcome, members, blocked, linked: _ } = judged;
        self.link = link;
        self.unsaved.members.extend(members);
        self.unsaved.blocked.extend(blocked.map(|member| member.id));
        self.paced(&outcome, now).await;
        match outcome {
            Outcome::Done | Outcome::Again | Outcome::Unknown { .. } => Step::On,
            Outcome::Later { reason, .. } => {
                self.reason = reason.as_ref().map(causes::parked);
                Step::On
            }
            Outcome::Parked(_) => Step::On,
            Outcome::Throttled { until } | Outcome::Breaker { until, .. } => {
                Step::Rest(Rest { standing: Standing::Waiting, due_at: Some(until), cause: None })
            }
        }
    }

    /// Tells the pace of the app; what is wrong with it as a whole is kept over a restart.
    async fn paced(&self, outcome: &Outcome, now: i64) {
        let (before, after) = self.shared.gate.change(|pace| pace.after(outcome, now));
        if before.trouble != after.trouble {
            let (id, kept) = (self.row.app, after.trouble.map(|_| json!(after)));
            let stored =
                self.shared.app.store().write_in(self.row.tenant, move |w| w.app_set_pace(id, kept.as_ref())).await;
            if let Err(error) = stored {
                tracing::warn!(%error, "the state of an app was not written down");
            }
            self.shared.app.events().publish(self.row.tenant, crate::events::Topic::Apps);
        }
    }

    fn record(&self, link: &Link, standing: Standing, keep_until: Option<i64>) -> Result<Settled> {
        let display = match &self.inputs.desired {
            Desired::Present(want) => Some(want.unique.1.clone()),
            _ => self.row.display.clone(),
        };
        Ok(Settled {
            id: self.row.id,
            fence: self.row.fence,
            state: serde_json::to_string(link).map_err(store::Error::from)?,
            remote_id: link.remote_id.clone(),
            display,
            standing,
            active: self.is_active(),
            due_at: None,
            lane: self.lane(),
            applied_rev: self.row.desired_rev,
            evaluated_rev: self.shared.integration.row.revision,
            begun: None,
            cause: None,
            keep_until,
            waits: self.inputs.waits(),
        })
    }

    /// In which lane it comes back.
    fn lane(&self) -> i64 {
        let nudged = self.row.lane < number(Lane::Backfill);
        number(Lane::of(&self.link, &self.inputs.desired, nudged))
    }

    /// Stores what is known by now and goes on; `false` if it is somebody else's.
    async fn keep(&mut self) -> Result<bool> {
        let now = self.shared.app.clock().now();
        let lease = now.saturating_add(limits::OUTBOUND_LEASE);
        let settled = self.record(&self.link, self.row.standing, Some(lease))?;
        self.store(settled, now).await
    }

    async fn store(&mut self, settled: Settled, now: i64) -> Result<bool> {
        let (unsaved, shared, id) = (std::mem::take(&mut self.unsaved), Arc::clone(&self.shared), self.row.id);
        let wake = self.wake(&settled);
        let woken = wake.is_some();
        let stored = self
            .shared
            .app
            .store()
            .write_late_in(self.row.tenant, move |w| -> store::Result<bool> {
                if !w.link_settle(&settled, now)? {
                    return Ok(false);
                }
                unsaved.write(w, &shared.integration, id, now)?;
                wake.iter().try_for_each(|wake| wake.write(w, now))?;
                Ok(true)
            })
            .await?;
        if stored {
            self.noted(woken);
        }
        Ok(stored)
    }

    /// Whom to tell what has become of this person's account. Belongs into every transaction that stores it: whoever dies
    /// later finds it stored, and tells nobody.
    fn wake(&self, settled: &Settled) -> Option<Wake> {
        let news = settled.active != self.was_active || settled.remote_id != self.row.remote_id;
        let row = &self.row;
        (row.kind == LinkKind::User && news).then(|| Wake {
            tenant: row.tenant,
            app: row.app,
            person: row.resource.clone(),
        })
    }

    /// What is known of the account is stored, and whoever waits for it is due.
    fn noted(&mut self, woken: bool) {
        (self.was_active, self.row.remote_id) = (self.is_active(), self.link.remote_id.clone());
        if woken {
            self.shared.app.outbound().nudge();
        }
    }

    /// Nothing was stored: somebody else has the link, or its account.
    async fn not_stored(&mut self) -> Result<Step> {
        let (app, kind, id) = (self.row.app, self.row.kind, self.row.id);
        let Some(remote_id) = self.link.remote_id.clone() else { return Ok(Step::Lost) };
        let other: Option<LinkRow> =
            self.shared.app.store().read(move |r| r.link_by_remote(app, kind, &remote_id)).await?;
        let Some(other) = other.filter(|other| other.id != id) else { return Ok(Step::Lost) };
        self.link = Link::new(self.link.kind, &self.link.external_id);
        if other.is_nobodys() {
            // It is being put out of use for want of somebody; in a moment it can be taken over.
            let due_at = Some(self.shared.app.clock().now().saturating_add(limits::OUTBOUND_INPUTS_AGE));
            return Ok(Step::Rest(Rest { standing: Standing::Waiting, due_at, cause: None }));
        }
        // Two people for one account: the second one is told, and keeps nothing of it.
        Ok(Step::Rest(Rest { standing: Standing::Parked, due_at: None, cause: Some(causes::shared()) }))
    }

    async fn rest(mut self, rest: Rest) -> Result<bool> {
        let now = self.shared.app.clock().now();
        let of = |push: &Self, rest: &Rest| -> Result<Settled> {
            let mut settled = push.record(&push.link, rest.standing, None)?;
            (settled.due_at, settled.cause) = (rest.due_at, rest.cause.clone());
            Ok(settled)
        };
        let settled = of(&self, &rest)?;
        let mut stored = self.store(settled, now).await?;
        if !stored && let Step::Rest(rest) = self.not_stored().await? {
            let settled = of(&self, &rest)?;
            stored = self.store(settled, now).await?;
        }
        self.shared.app.events().publish(self.row.tenant, crate::events::Topic::Apps);
        Ok(stored)
    }
}

impl Unsaved {
    fn write(self, w: &mut Writer, integration: &Integration, link: i64, now: i64) -> store::Result<()> {
        for exchange in &self.exchanges {
            w.exchange_insert(exchange)?;
        }
        let ids = |members: &[provision::plan::Member]| members.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        let tenant = integration.row.tenant;
        for members in &self.members {
            w.members_pushed(tenant, link, &ids(&members.add), &ids(&members.remove))?;
            brakes::count_members(w, integration, link, members.remove.len(), now)?;
        }
        for blocked in &self.blocked {
            w.member_blocked(tenant, link, blocked)?;
        }
        Ok(())
    }
}

async fn read_inputs(shared: &Arc<Shared>, row: &LinkRow, link: &Link) -> Result<(Inputs, i64)> {
    let now = shared.app.clock().now();
    let (work, row, link) = (Arc::clone(shared), row.clone(), link.clone());
    let inputs =
        shared.app.store().read(move |r| inputs::read(r, &work.state, &work.integration, &row, &link, now)).await?;
    Ok((inputs, now))
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Again => "again",
        Outcome::Later { .. } => "later",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Parked(_) => "parked",
        Outcome::Throttled { .. } => "throttled",
        Outcome::Breaker { .. } => "breaker",
    }
}

fn store_error(error: store::Error) -> crate::error::Error {
    error.into()
}

/// An unpredictable number.
fn nonce() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness, pauses are less spread; a throw-away password is refused by whoever checks it.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
