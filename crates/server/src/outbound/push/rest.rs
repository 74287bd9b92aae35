//! What is stored of the work on a link, who is told of it, and how it comes to rest.

use super::pen::{self, Entry};
use super::{Push, Step};
use crate::admin::apps::assign::number;
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::Integration;
use crate::outbound::{brakes, causes};
use provision::link::{Kind, Link};
use provision::plan::{Desired, Lane, Member, Members};
use serde_json::Value;
use store::{Cause, Exchange, LinkKind, LinkRow, Settled, Standing, Writer};

/// What is stored with the next write.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) members: Vec<Members>,
    pub(super) blocked: Vec<String>,
    /// Whether an answer to something other than a look is among it.
    pub(super) matters: bool,
}

impl Unsaved {
    /// Writes what belongs to these links.
    pub(super) fn write(
        w: &mut Writer,
        integration: &Integration,
        all: &[(i64, &Self)],
        now: i64,
    ) -> store::Result<()> {
        w.exchanges_insert(all.iter().flat_map(|(_, unsaved)| &unsaved.exchanges))?;
        let ids = |members: &[Member]| members.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        let tenant = integration.row.tenant;
        for (link, unsaved) in all {
            for members in &unsaved.members {
                w.members_pushed(tenant, *link, &ids(&members.add), &ids(&members.remove))?;
                brakes::count_members(w, integration, *link, members.remove.len(), now)?;
            }
            for blocked in &unsaved.blocked {
                w.member_blocked(tenant, *link, blocked)?;
            }
        }
        Ok(())
    }
}

/// How a link comes to rest.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) standing: Standing,
    pub(super) due_at: Option<i64>,
    pub(super) cause: Option<Cause>,
    /// Whether it is only the time that brings it back.
    pub(super) by_time: bool,
}

impl Rest {
    /// Nothing before that time.
    pub(super) fn until(standing: Standing, at: i64) -> Self {
        Self { standing, due_at: Some(at), ..Self::default() }
    }

    /// Somebody has to look.
    pub(super) fn parked(cause: Cause) -> Self {
        Self { standing: Standing::Parked, cause: Some(cause), ..Self::default() }
    }
}

impl Push {
    /// An account that is out of use and waits for its end is as it should be.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.inputs.desired, Desired::Gone { .. }) && self.link.remote_id.is_some() && !self.is_active()
    }

    pub(super) fn is_active(&self) -> bool {
        let off = self.link.document.as_ref().and_then(|document| document.get("active"));
        let off = off.is_some_and(|active| provision::link::equal(&Value::Bool(false), active));
        self.link.remote_id.is_some() && !(off && self.link.kind == Kind::User)
    }

    pub(super) fn settled(&self) -> Rest {
        let standing = match (&self.inputs.desired, &self.link.remote_id) {
            (_, Some(_)) => Standing::Linked,
            (Desired::Gone { .. }, None) => Standing::Gone,
            (_, None) => Standing::New,
        };
        let by_time = self.shared.by_time && standing == Standing::Linked;
        let due_at = by_time.then(|| self.shared.app.clock().now().saturating_add(limits::OUTBOUND_BY_TIME));
        Rest { standing, due_at, by_time, ..Rest::default() }
    }

    /// The app wants nothing for now. What it asked for lasts its time; what is wrong with it may be put right at any.
    pub(super) fn left_alone(&self) -> Rest {
        let (pace, now) = (self.shared.gate.pace(), self.shared.app.clock().now());
        Rest::until(self.row.standing, if pace.trouble.is_some() { now } else { pace.not_before })
    }

    pub(super) fn record(&self, link: &Link, standing: Standing, keep_until: Option<i64>) -> Result<Settled> {
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
            headcount: self.inputs.headcount,
        })
    }

    /// In which lane it comes back.
    fn lane(&self) -> i64 {
        let nudged = self.row.lane < number(Lane::Backfill);
        number(Lane::of(&self.link, &self.inputs.desired, nudged))
    }

    /// Stores what is known by now and goes on; `false` if it is somebody else's.
    pub(super) async fn keep(&mut self) -> Result<bool> {
        let now = self.shared.app.clock().now();
        let lease = now.saturating_add(limits::OUTBOUND_LEASE);
        let settled = self.record(&self.link, self.row.standing, Some(lease))?;
        self.store(settled).await
    }

    async fn store(&mut self, settled: Settled) -> Result<bool> {
        let (unsaved, woken, told) = (std::mem::take(&mut self.unsaved), self.woken(&settled), self.told());
        let somebody = woken.is_some() || told.is_some();
        let entry = Entry { what: settled, link: self.row.id, unsaved, woken, told };
        let stored = pen::settle(&self.shared, entry).await?;
        if stored {
            self.noted(somebody);
        }
        Ok(stored)
    }

    /// Whom to tell what has become of this person's account. Belongs into every transaction that stores it: whoever dies
    /// later finds it stored, and tells nobody.
    pub(super) fn woken(&self, settled: &Settled) -> Option<String> {
        let news = settled.active != self.was_active || settled.remote_id != self.row.remote_id;
        (self.row.kind == LinkKind::User && news).then(|| self.row.resource.clone())
    }

    /// Of whose account other apps have to hear, because they read its values and these are others than before.
    fn told(&mut self) -> Option<String> {
        if self.shared.readers.is_empty() || self.row.kind != LinkKind::User {
            return None;
        }
        let shown = self.shown.replace(self.link.document.clone());
        (shown != self.shown).then(|| self.row.resource.clone())
    }

    /// What is known of the account is stored, and whoever waits for it is due.
    pub(super) fn noted(&mut self, woken: bool) {
        (self.was_active, self.row.remote_id) = (self.is_active(), self.link.remote_id.clone());
        if woken {
            self.shared.app.outbound().nudge();
        }
    }

    /// Nothing was stored: somebody else has the link, or its account.
    pub(super) async fn not_stored(&mut self) -> Result<Step> {
        let (app, kind, id) = (self.row.app, self.row.kind, self.row.id);
        let Some(remote_id) = self.link.remote_id.clone() else { return Ok(Step::Lost) };
        let other: Option<LinkRow> =
            self.shared.app.store().read(move |r| r.link_by_remote(app, kind, &remote_id)).await?;
        let Some(other) = other.filter(|other| other.id != id) else { return Ok(Step::Lost) };
        self.link = Link::new(self.link.kind, &self.link.external_id);
        if other.is_nobodys() {
            // It is being put out of use for want of somebody; in a moment it can be taken over.
            let at = self.shared.app.clock().now().saturating_add(limits::OUTBOUND_INPUTS_AGE);
            return Ok(Step::Rest(Rest::until(Standing::Waiting, at)));
        }
        // Two people for one account: the second one is told, and keeps nothing of it.
        Ok(Step::Rest(Rest::parked(causes::shared())))
    }

    pub(super) async fn rest(&mut self, rest: Rest) -> Result<bool> {
        let of = |push: &Self, rest: &Rest| -> Result<Settled> {
            let mut settled = push.record(&push.link, rest.standing, None)?;
            (settled.due_at, settled.cause) = (rest.due_at, rest.cause.clone());
            if rest.by_time {
                settled.lane = number(Lane::Backfill);
            }
            Ok(settled)
        };
        let settled = of(self, &rest)?;
        let mut stored = self.store(settled).await?;
        if !stored && let Step::Rest(rest) = self.not_stored().await? {
            let settled = of(self, &rest)?;
            stored = self.store(settled).await?;
        }
        self.shared.app.events().publish(self.row.tenant, crate::events::Topic::Apps);
        Ok(stored)
    }
}
