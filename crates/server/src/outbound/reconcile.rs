//! Reconciliation: what a scan shows, compared with what should be there, and put right by policy.
//!
//! Putting right is making the link due with a fresher picture: the worker, and its brakes, do the rest.

use super::directory::Profile;
use super::inputs;
use super::integration::Integration;
use super::scan::{Scan, is_inactive, remote_id};
use crate::admin::apps::assign::number;
use crate::error::Result;
use crate::tenants::TenantState;
use provision::link::Link;
use provision::plan::Lane;
use provision::reconcile::{Reaction, Situation, claimed, compare, members, refreshed, unlinked, unseen as lost};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::{Found, LinkKind, LinkRow, RunItem, Standing, Writer};

/// What the transactions of one scan share.
struct Judge {
    state: std::sync::Arc<TenantState>,
    integration: Integration,
    profile: Profile,
    run: i64,
    kind: LinkKind,
    now: i64,
    /// Whether the page shows the members of a group.
    shows_members: bool,
    counts: BTreeMap<&'static str, u64>,
}

impl Judge {
    fn of(scan: &Scan) -> Self {
        Self {
            state: std::sync::Arc::clone(&scan.state),
            integration: scan.integration.clone(),
            profile: scan
                .state
                .named("User")
                .map_or_else(Profile::default, |users| Profile::of(users, &scan.integration.app)),
            run: scan.run.id,
            kind: scan.kind(),
            now: scan.app.clock().now(),
            shows_members: false,
            counts: BTreeMap::new(),
        }
    }
}

/// The word for a situation.
fn word(situation: &Situation) -> &'static str {
    match situation {
        Situation::InSync => "inSync",
        Situation::Drifted { .. } => "drifted",
        Situation::Missing => "missing",
        Situation::Lingering => "lingering",
        Situation::Orphaned => "orphaned",
        Situation::Unlinked { .. } => "unlinked",
        Situation::Disputed { .. } => "disputed",
        Situation::Open => "open",
    }
}

/// Takes a page over.
pub(crate) async fn page(scan: &mut Scan, resources: Vec<Map<String, Value>>) -> Result<()> {
    let has_members = |group: &Map<String, Value>| members(group, false).is_some_and(|members| !members.is_empty());
    let mut judge = Judge { shows_members: resources.iter().any(has_members), ..Judge::of(scan) };
    let judge = scan
        .write(move |w| {
            for resource in &resources {
                if let Some(id) = remote_id(resource) {
                    judge.shown(w, &id, resource)?;
                }
            }
            Ok(judge)
        })
        .await?;
    tell(scan, judge);
    Ok(())
}

/// Looks at links that a whole list did not show.
pub(crate) async fn unseen(scan: &mut Scan, rows: Vec<LinkRow>) -> Result<()> {
    let mut judge = Judge::of(scan);
    let judge = scan
        .write(move |w| {
            for row in &rows {
                judge.judged(w, row, None)?;
            }
            Ok(judge)
        })
        .await?;
    tell(scan, judge);
    Ok(())
}

fn tell(scan: &mut Scan, judge: Judge) {
    for (word, count) in judge.counts {
        scan.count(word, count);
    }
}

impl Judge {
    fn shown(&mut self, w: &mut Writer, id: &str, resource: &Map<String, Value>) -> store::Result<()> {
        match w.link_by_remote(self.integration.row.id, self.kind, id)? {
            Some(row) => {
                w.run_seen(self.run, row.id)?;
                self.judged(w, &row, Some(resource))
            }
            None => self.stranger(w, id, resource),
        }
    }

    /// Somebody's account, as it was shown, or not shown.
    fn judged(&mut self, w: &mut Writer, row: &LinkRow, shown: Option<&Map<String, Value>>) -> store::Result<()> {
        let state = w.link_state(row.id)?;
        let link: Link = serde_json::from_str(state.as_deref().unwrap_or("{}"))?;
        let inputs = inputs::read(w, (&self.state, &self.integration, &self.profile), row, &link, self.now)
            .map_err(|error| store::Error::broken(error.to_scim("").detail))?;
        let rules = inputs.rules(&self.integration, row.kind);
        let mut situation = compare(&link, &inputs.desired, shown, &rules, self.now);
        let moved = self.members(w, row, shown)?;
        if moved && situation == Situation::InSync {
            situation = Situation::Drifted { changes: Vec::new() };
        }
        *self.counts.entry(word(&situation)).or_default() += 1;
        if matches!(situation, Situation::InSync | Situation::Open) {
            return Ok(());
        }
        let enforce = self.integration.options.reactions.to(&situation) == Reaction::Enforce;
        let repaired = enforce && self.repair(w, row, link, shown)?;
        let remote_id = row.remote_id.clone().unwrap_or_default();
        self.note(w, &remote_id, &situation, Some(row.resource.clone()), repaired)
    }

    fn repair(
        &self,
        w: &mut Writer,
        row: &LinkRow,
        link: Link,
        shown: Option<&Map<String, Value>>,
    ) -> store::Result<bool> {
        let active = shown.is_some_and(|shown| !is_inactive(link.kind, shown));
        let link = match shown {
            Some(shown) => refreshed(link, shown),
            None => lost(link),
        };
        let found = Found {
            id: row.id,
            remote_id: link.remote_id.clone(),
            state: serde_json::to_string(&link)?,
            standing: Standing::Waiting,
            active,
            lane: number(Lane::Backfill),
        };
        w.link_found(&found, self.now)
    }

    /// The members that a group shows are those that are there. Whether they are others than were known.
    fn members(&self, w: &mut Writer, row: &LinkRow, shown: Option<&Map<String, Value>>) -> store::Result<bool> {
        let readable = self.integration.app.target.members_readable;
        let (LinkKind::Group, Some(shown), true) = (row.kind, shown, readable) else { return Ok(false) };
        match members(shown, self.shows_members) {
            Some(ids) => w.members_shown(row.tenant, row.id, &ids),
            None => Ok(false),
        }
    }

    /// An account that no link names: whose could it be?
    fn stranger(&mut self, w: &mut Writer, id: &str, resource: &Map<String, Value>) -> store::Result<()> {
        let fitting = self.fitting(w, resource)?;
        let situation = unlinked(&fitting);
        *self.counts.entry(word(&situation)).or_default() += 1;
        let mut done = false;
        if let Situation::Unlinked { person } = &situation
            && self.integration.options.reactions.to(&situation) == Reaction::Adopt
        {
            // The worker finds it by what it looks for, and takes it if the policy agrees.
            let app = self.integration.row.id;
            w.link_nudge_known(app, self.kind, person, number(Lane::Backfill), self.now)?;
            done = w.link_of(app, self.kind, person)?.is_some();
        }
        let enforced = self.integration.options.reactions.to(&situation) == Reaction::Enforce;
        if situation == Situation::Orphaned && enforced && self.kind == LinkKind::User {
            done = self.end_orphan(w, id, resource)?;
        }
        let person = fitting.into_iter().next().map(|(person, _)| person);
        self.note(w, id, &situation, person, done)
    }

    /// An account that nobody goes with is put out of use as if its person had gone: by the worker, by the policy for leavers,
    /// and no faster than the brakes let through.
    fn end_orphan(&self, w: &mut Writer, id: &str, shown: &Map<String, Value>) -> store::Result<bool> {
        let (app, kind, lane) = (self.integration.row.id, self.kind, number(Lane::Backfill));
        let whose = (self.integration.row.tenant, app, kind);
        let Some(row) = w.link_of_orphan(whose, id, lane, self.now)? else { return Ok(false) };
        w.run_seen(self.run, row.id)?;
        let link = claimed(inputs::kind_of(kind), id, shown);
        let (remote_id, active) = (link.remote_id.clone(), !is_inactive(link.kind, shown));
        let state = serde_json::to_string(&link)?;
        w.link_found(&Found { id: row.id, remote_id, state, standing: Standing::Waiting, active, lane }, self.now)
    }

    /// The people, or groups, that an account fits, each with whether they have one.
    fn fitting(&self, w: &Writer, resource: &Map<String, Value>) -> store::Result<Vec<(String, bool)>> {
        let (kind, field) = match self.kind {
            LinkKind::User => ("User", "userName"),
            LinkKind::Group => ("Group", "displayName"),
        };
        let Some(rt) = self.state.named(kind) else { return Ok(Vec::new()) };
        let tenant = self.state.tenant.id;
        let text = |name: &str| resource.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut found = Vec::new();
        if let Some(claim) = text("externalId") {
            found.extend(w.find_by(tenant, rt, "id", claim)?);
        }
        if let (Some(name), true) = (text(field), found.is_empty()) {
            found.extend(w.find_by(tenant, rt, field, name)?);
        }
        let mut fitting = Vec::with_capacity(found.len());
        for one in found {
            let link = w.link_of(self.integration.row.id, self.kind, &one.id)?;
            fitting.push((one.id, link.is_some_and(|link| link.remote_id.is_some())));
        }
        Ok(fitting)
    }

    fn note(
        &self,
        w: &mut Writer,
        remote_id: &str,
        situation: &Situation,
        resource: Option<String>,
        done: bool,
    ) -> store::Result<()> {
        let item = RunItem {
            kind: self.kind,
            remote_id: remote_id.to_owned(),
            verdict: word(situation).to_owned(),
            detail: json!(situation),
            resource,
            decided: done.then(|| "done".to_owned()),
            ..RunItem::default()
        };
        w.run_item_put(self.state.tenant.id, self.run, &item)
    }
}
