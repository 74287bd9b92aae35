//! One link, from a claim to rest: decide, write down, send, settle, and again.
//!
//! Invariant: what a request may do is on the disk before it is sent. Whoever is killed here, at any point, leaves a link
//! that says what may have been done; the next decision is a look. Nothing else waits for the disk: what is lost with the
//! machine is asked for again. What a decision is made from is read in `ready`; what is stored of it, and how the work on a
//! link ends, is in `rest`.

mod pen;
mod ready;
mod rest;

pub(crate) use ready::Shared;
pub(super) use ready::{Ready, ready};

use super::gate::{Pass, Stage};
use super::inputs::Inputs;
use super::send::{Sent, send_shown};
use super::{brakes, causes};
use crate::error::Result;
use crate::limits;
use pen::Entry;
pub(crate) use pen::Pen;
use provision::app::Adoption;
use provision::brake::{self, Held};
use provision::link::Link;
use provision::outcome::{Outcome, Settled as Judged, settle};
use provision::plan::{Action, Desired, Parking, is_namesake, next};
use provision::wire;
use ready::read_inputs;
use rest::{Rest, Unsaved};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Cause, Exchange, Intent, LinkKind, LinkRow, Settled, Standing, Writer};

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
    /// The account as it was when others last heard of it; nothing if somebody died over it, and they may not have.
    shown: Option<Option<Map<String, Value>>>,
    /// Leave to send.
    pass: Option<Pass>,
}

/// What became of an intent.
enum Begun {
    Stored,
    /// A brake holds it.
    Held(Held),
    /// The link is somebody else's by now, or its account.
    Lost,
}

/// Whether the work on a link goes on.
enum Step {
    On,
    Rest(Rest),
    /// It is somebody else's by now.
    Lost,
}

/// Works on a link until nothing more is to be done now.
pub(super) async fn push(shared: Arc<Shared>, ready: Ready) {
    let (id, fence, tenant, app) = (ready.row.id, ready.row.fence, ready.row.tenant, shared.app.clone());
    let done = match Push::start(shared, ready).await {
        Ok(mut push) => push.run().await,
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
            shared.app.store().write_in(tenant, move |w| w.members_forget(id, true)).await.map_err(lift)?;
            (inputs, read_at) = read_inputs(&shared, &row, &link).await?;
        }
        let rules = inputs.rules(&shared.integration, row.kind);
        let link = shared.census.vouch(link, &inputs.desired, &rules, read_at);
        let was_active = row.active;
        let shown = (link.intent.is_none() && !shared.readers.is_empty()).then(|| link.document.clone());
        Ok(Self {
            shared,
            row,
            link,
            inputs,
            read_at,
            unsaved: Unsaved::default(),
            reason: None,
            was_active,
            shown,
            pass: None,
        })
    }

    /// Whether it has come to rest; else it is somebody else's by now.
    async fn run(&mut self) -> Result<bool> {
        for _ in 0..limits::OUTBOUND_STEPS_MAX {
            match self.step().await? {
                Step::On => {}
                Step::Rest(rest) => return self.rest(rest).await,
                Step::Lost => return Ok(false),
            }
        }
        // Long work on one link, such as a large group, lets others go first.
        let now = self.shared.app.clock().now();
        self.rest(Rest::until(Standing::Waiting, now)).await
    }

    async fn step(&mut self) -> Result<Step> {
        let shared = Arc::clone(&self.shared);
        let now = shared.app.clock().now();
        if self.is_old(now) || self.inputs.unsure != self.link.unsure {
            let owed = !self.unsaved.members.is_empty() || !self.unsaved.blocked.is_empty();
            if owed && !self.keep().await? {
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
            Action::Adopt { id } => self.adopt(&id),
            Action::Wait { until } => {
                let cause = self.reason.take();
                let standing = if self.is_ended() { Standing::Linked } else { Standing::Waiting };
                Ok(Step::Rest(Rest { cause, ..Rest::until(standing, until) }))
            }
            Action::Park(Parking::Conflict { id }) if self.is_heir(&id).await? => self.adopt(&id),
            Action::Park(reason) => Ok(Step::Rest(Rest::parked(causes::parked(&reason)))),
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

    fn adopt(&mut self, id: &str) -> Result<Step> {
        self.link = self.link.clone().adopt(id);
        self.unsaved.matters = true;
        Ok(Step::On)
    }

    /// Whether an account that is claimed was claimed by us, for somebody of this name who is deleted here and out of use there:
    /// they are back under another id, and nobody else lays claim to it.
    async fn is_heir(&self, remote_id: &str) -> Result<bool> {
        let (Desired::Present(want), Some(account)) = (&self.inputs.desired, &self.link.document) else {
            return Ok(false);
        };
        let unclaimed = self.inputs.policy.adoption == Adoption::Unclaimed;
        if !unclaimed || self.row.kind != LinkKind::User || !is_namesake(want, account) {
            return Ok(false);
        }
        let (app, remote_id) = (self.row.app, remote_id.to_owned());
        let former: Option<LinkRow> =
            self.shared.app.store().read(move |r| r.link_by_remote(app, LinkKind::User, &remote_id)).await?;
        let claim = account.get("externalId").and_then(Value::as_str);
        Ok(former
            .is_some_and(|former| former.name.is_none() && !former.active && claim == Some(former.resource.as_str())))
    }

    /// Whether what it is decided by may have changed too long ago.
    fn is_old(&self, now: i64) -> bool {
        now.saturating_sub(self.read_at) > limits::OUTBOUND_INPUTS_AGE
    }

    fn held(&self, action: &Action, held: &Held) -> Step {
        let cause = Some(causes::held(held, action.word()));
        Step::Rest(Rest { standing: Standing::Held, cause, ..Rest::default() })
    }

    /// Writes down what is about to be done, unless a brake holds it; then does it.
    async fn begin(&mut self, action: Action) -> Result<Step> {
        let now = self.shared.app.clock().now();
        let rules = self.inputs.rules(&self.shared.integration, self.row.kind);
        let begun = self.link.clone().begin(&action, &self.inputs.desired, &rules, now);
        let lease = now.saturating_add(limits::OUTBOUND_LEASE);
        let mut settled = self.record(&begun, self.row.standing, Some(lease))?;
        settled.begun = Some(action.word().to_owned());
        // An account that is where it was: only the intent is new.
        let bare = settled.remote_id == self.row.remote_id
            && settled.active == self.was_active
            && (self.row.retry, self.row.evaluated_rev) == (0, settled.evaluated_rev);
        let woken = self.woken(&settled);
        let somebody = woken.is_some();
        let outcome = if bare && brake::weighs(&action).is_none() {
            let Settled { id, fence, state, .. } = settled;
            let what = Intent { id, fence, begun: action.word().to_owned(), state };
            let entry = Entry { what, link: id, unsaved: std::mem::take(&mut self.unsaved), woken, told: None };
            if pen::begin(&self.shared, entry).await? { Begun::Stored } else { Begun::Lost }
        } else {
            self.begin_alone(&action, settled, woken, now).await?
        };
        match outcome {
            Begun::Lost => self.not_stored().await,
            Begun::Held(held) => Ok(self.held(&action, &held)),
            Begun::Stored => {
                self.noted(somebody);
                let before = std::mem::replace(&mut self.link, begun);
                self.send(action, Some(before)).await
            }
        }
    }

    /// Writes down, in a transaction of its own, what a brake may hold, or what changes more than the intent.
    async fn begin_alone(
        &mut self,
        action: &Action,
        settled: Settled,
        woken: Option<String>,
        now: i64,
    ) -> Result<Begun> {
        let (unsaved, shared, id) = (std::mem::take(&mut self.unsaved), Arc::clone(&self.shared), self.row.id);
        let braked = brake::weighs(action).map(|_| action.clone());
        let work = move |w: &mut Writer| -> store::Result<Begun> {
            let integration = &shared.integration;
            let population = || w.population(integration.row.id);
            let apply = |action| brakes::apply(w, integration, action, id, now, population);
            let braked = braked.map(apply).transpose()?;
            if let Some(Action::Hold { held, .. }) = braked {
                Unsaved::write(w, integration, &[(id, &unsaved)], now)?;
                return Ok(Begun::Held(held));
            }
            if w.links_settle(&[&settled], now)? != [true] {
                return Ok(Begun::Lost);
            }
            if let Some(braked) = &braked {
                brakes::count(w, integration, braked, id, now)?;
            }
            Unsaved::write(w, integration, &[(id, &unsaved)], now)?;
            pen::wake(w, &shared, &woken.iter().map(String::as_str).collect::<Vec<_>>(), now)?;
            Ok(Begun::Stored)
        };
        Ok(self.shared.app.store().write_in(self.row.tenant, work).await?)
    }

    /// Sends it, and takes in what the answer means. What is not sent after all leaves things as they were before it was begun.
    async fn send(&mut self, action: Action, before: Option<Link>) -> Result<Step> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.gate.pass(Stage::Sending, self.row.lane, shared.app.clock()).await;
        // A token may be long in coming; whoever waited that long decides anew. Who gets none has nothing to decide.
        let shown = match &turn {
            Some(_) => shared.secret.shown(&shared.app).await,
            None => Ok(None),
        };
        if turn.is_none() || shown.is_ok() && self.is_old(shared.app.clock().now()) {
            if let Some(before) = before {
                self.link = before;
            }
            return Ok(if turn.is_none() { Step::Rest(self.left_alone()) } else { Step::On });
        }
        let rules = self.inputs.rules(&shared.integration, self.row.kind);
        let Some(request) = wire::request(&action, &self.link, &rules, nonce()) else {
            return Ok(Step::Rest(self.settled()));
        };
        let (secret, word) = ((&shared.secret, shown), action.word());
        let Sent { answer, exchange, .. } =
            send_shown(&shared.app, &shared.state, &shared.integration, secret, word, &request).await;
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
        self.inputs.moved(members.as_ref(), blocked.as_ref().map(|member| member.id.as_str()));
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
            Outcome::Throttled { until } => Step::Rest(Rest::until(Standing::Waiting, until)),
            // The pause is the app's and ends when somebody has put it right; nothing of a link has to be changed for that.
            Outcome::Breaker { .. } => Step::Rest(Rest::until(Standing::Waiting, now)),
        }
    }

    /// Tells the pace of the app; what is wrong with it as a whole is kept over a restart.
    async fn paced(&self, outcome: &Outcome, now: i64) {
        let (id, generation) = (self.row.app, self.shared.integration.row.generation);
        let (before, after) = self.shared.gate.heard(outcome, generation, now);
        if before.trouble != after.trouble {
            let kept = after.trouble.map(|_| json!(after));
            let write = move |w: &mut Writer| match &kept {
                Some(kept) => w.app_note_pace(id, generation, kept),
                None => w.app_set_pace(id, None),
            };
            let stored = self.shared.app.store().write_in(self.row.tenant, write).await;
            if let Err(error) = stored {
                tracing::warn!(%error, "the state of an app was not written down");
            }
            self.shared.app.events().publish(self.row.tenant, crate::events::Topic::Apps);
        }
    }
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

fn lift(error: store::Error) -> crate::error::Error {
    error.into()
}

/// An unpredictable number.
fn nonce() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness, pauses are less spread; a throw-away password is refused by whoever checks it.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
