//! Scans of an app, for reconciliation and import: how far they are, and what they found.

use super::links::{COLUMNS, FROM, link, words};
use super::{AppId, LinkKind, LinkRow, Standing};
use crate::db::{FromValue, Reader, Row, Value as Sent, Writer, params};
use crate::tally::Stand;
use crate::{Error, Result, TenantId};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Not begun.
    #[default]
    Waiting,
    /// Under way.
    Running,
    /// The safeguard stopped it; somebody decides.
    Stopped,
    /// At its end.
    Done,
    /// It could not go on.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

words!(RunState {
    Waiting = "waiting",
    Running = "running",
    Stopped = "stopped",
    Done = "done",
    Failed = "failed",
    Cancelled = "cancelled",
});

/// One scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its number; given when it is made.
    pub id: i64,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Of which app.
    #[serde(skip)]
    pub app: AppId,
    /// `reconcile` or `import`.
    pub kind: String,
    /// `full` or `incremental`.
    pub mode: String,
    /// Where it is.
    pub state: RunState,
    /// How far it is.
    pub position: Value,
    /// What was found, by words.
    pub counts: Value,
    /// Why it could not go on.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// When it began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
}

/// Something that a run found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunItem {
    /// Its number; given when it is written.
    pub id: i64,
    /// A user or a group.
    pub kind: LinkKind,
    /// Its id at the app; for something that is missing there, the id that it had.
    pub remote_id: String,
    /// One word: `drifted`, `missing`, `orphaned` …; `exact`, `partial`, `new` …
    pub verdict: String,
    /// The same at length.
    pub detail: Value,
    /// Whose it is, or whose it could be.
    pub resource: Option<String>,
    /// `confirmed`, `ignored` or `done`; nothing: somebody has to look.
    pub decided: Option<String>,
}

/// What is known of an account now, from outside of the work on its link.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The link.
    pub id: i64,
    /// `provision::Link` as JSON.
    pub state: String,
    /// Its id at the app.
    pub remote_id: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// Whether the account is in use.
    pub active: bool,
    /// In which lane it is due.
    pub lane: i64,
}

const RUN: &str = "id, tenant, app, kind, mode, state, position, counts, error, created_at, created_by, started_at, \
                       finished_at";
const ITEM: &str = "id, kind, remote_id, verdict, detail, resource, decided";

/// A run that ?1 could go on with at ?2.
const FREE: &str =
    "finished_at is null and state <> 'stopped' and (lease_by is null or lease_by = ?1 or lease_until < ?2)";

fn run(row: &Row<'_>) -> Result<Run> {
    let (position, counts): (String, String) = (row.get(6)?, row.get(7)?);
    Ok(Run {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        kind: row.get(3)?,
        mode: row.get(4)?,
        state: row.get(5)?,
        position: serde_json::from_str(&position)?,
        counts: serde_json::from_str(&counts)?,
        error: row.get(8)?,
        created_at: row.get(9)?,
        created_by: row.get(10)?,
        started_at: row.get(11)?,
        finished_at: row.get(12)?,
    })
}

fn item(row: &Row<'_>) -> Result<RunItem> {
    let detail: String = row.get(4)?;
    Ok(RunItem {
        id: row.get(0)?,
        kind: row.get(1)?,
        remote_id: row.get(2)?,
        verdict: row.get(3)?,
        detail: serde_json::from_str(&detail)?,
        resource: row.get(5)?,
        decided: row.get(6)?,
    })
}

impl Reader {
    /// An app's runs of a kind, newest first.
    pub fn runs(&self, app: AppId, kind: &str, limit: u32) -> Result<Vec<Run>> {
        let sql = format!("select {RUN} from run where app = ?1 and kind = ?2 order by id desc limit ?3");
        self.all(&sql, (app.0, kind, limit), run)
    }

    /// One run.
    pub fn run(&self, app: AppId, id: i64) -> Result<Option<Run>> {
        self.first(&format!("select {RUN} from run where app = ?1 and id = ?2"), (app.0, id), run)
    }

    /// Whether there is a run that could go on.
    pub fn run_waits(&self, by: &str, now: i64) -> Result<bool> {
        let sql = format!("select 1 from run where {FREE} limit 1");
        Ok(self.first(&sql, (by, now), |_| Ok(()))?.is_some())
    }

    /// A tenant's runs that are not at their end: under way, waiting, or stopped until somebody decides.
    pub fn runs_open(&self, tenant: TenantId) -> Result<Vec<Run>> {
        let sql = format!("select {RUN} from run where finished_at is null and tenant = ?1 order by id");
        self.all(&sql, [tenant.0], run)
    }

    /// What a run found, behind one of its findings; of one verdict if it is named.
    pub fn run_items(&self, run: i64, verdict: Option<&str>, after: i64, limit: u32) -> Result<Vec<RunItem>> {
        match verdict {
            Some(verdict) => {
                let sql = format!(
                    "select {ITEM} from run_item where run = ?1 and verdict = ?2 and id > ?3 order by id limit ?4"
                );
                self.all(&sql, (run, verdict, after, limit), item)
            }
            None => {
                let sql = format!("select {ITEM} from run_item where run = ?1 and id > ?2 order by id limit ?3");
                self.all(&sql, (run, after, limit), item)
            }
        }
    }

    /// One finding.
    pub fn run_item(&self, run: i64, id: i64) -> Result<Option<RunItem>> {
        self.first(&format!("select {ITEM} from run_item where run = ?1 and id = ?2"), (run, id), item)
    }

    /// Links of an app with an account that a run has not seen, behind one of them. What came or changed while it went on
    /// may have been behind it.
    pub fn run_unseen(&self, run: &Run, kind: LinkKind, after: i64, limit: u32) -> Result<Vec<LinkRow>> {
        let sql = format!(
            "select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.id > ?3 and l.remote_id is not null
             and l.seen_run <> ?4 and l.changed_at < ?5 order by l.id limit ?6"
        );
        let began = run.started_at.unwrap_or(run.created_at);
        self.all(&sql, (run.app.0, kind.as_str(), after, run.id, began, limit), link)
    }

    /// How many accounts are known, and how many of them a run has not seen.
    pub fn run_missing(&self, run: &Run, kind: LinkKind) -> Result<(u64, u64)> {
        let sql = "select count(*), count(case when seen_run <> ?3 and changed_at < ?4 then 1 end) from link
                   where app = ?1 and kind = ?2 and remote_id is not null";
        let began = run.started_at.unwrap_or(run.created_at);
        let asked = (run.app.0, kind.as_str(), run.id, began);
        let found = self.first(sql, asked, |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        let (known, missing) = found.unwrap_or_default();
        Ok((known.cast_unsigned(), missing.cast_unsigned()))
    }
}

impl Writer {
    /// Asks for a run; the one that waits or is under way, if there is one. Answers its number.
    pub fn run_insert(&mut self, new: &Run) -> Result<i64> {
        if new.kind == "reconcile" {
            self.app_bump_pending(new.app)?;
        }
        let sql = "select id from run where app = ?1 and kind = ?2 and finished_at is null limit 1";
        if let Some(open) = self.first(sql, (new.app.0, &new.kind), |row| row.get(0))? {
            return Ok(open);
        }
        let sql = "insert into run (tenant, app, kind, mode, state, position, counts, created_at, created_by)
                   values (?1, ?2, ?3, ?4, 'waiting', ?5, '{}', ?6, ?7) returning id";
        let position = serde_json::to_string(&new.position)?;
        let made = (new.tenant.0, new.app.0, &new.kind, &new.mode, position, new.created_at, &new.created_by);
        self.first(sql, made, |row| row.get(0))?.ok_or_else(|| Error::broken("a new run has no number"))
    }

    /// Takes the run that could go on and has waited longest, so that all have their turns; it is the caller's until the given
    /// instant.
    pub fn run_claim(&mut self, by: &str, now: i64, until: i64) -> Result<Option<Run>> {
        let sql = format!(
            "update run set lease_by = ?1, lease_until = ?3 where id = (select id from run where {FREE}
             order by coalesce(lease_until, 0), id limit 1) returning {RUN}"
        );
        self.first(&sql, (by, now, until), run)
    }

    /// Nobody goes on with a run before that time.
    pub fn run_rest(&mut self, id: i64, until: i64) -> Result<()> {
        self.execute("update run set lease_by = '', lease_until = ?2 where id = ?1", (id, until)).map(|_| ())
    }

    /// Notes how far a run is; whether it may go on.
    pub fn run_update(&mut self, run: &Run, by: Option<&str>) -> Result<bool> {
        let sql = "update run set state = ?2, position = ?3, counts = ?4, error = ?5, started_at = ?6, finished_at = ?7
                   where id = ?1 and finished_at is null and (?8 is null or lease_by = ?8)";
        let kept = self.execute(
            sql,
            params![
                run.id,
                run.state.as_str(),
                serde_json::to_string(&run.position)?,
                serde_json::to_string(&run.counts)?,
                run.error,
                run.started_at,
                run.finished_at,
                by,
            ],
        )?;
        Ok(kept > 0)
    }

    /// Keeps a finding; one of the same resource is replaced.
    pub fn run_item_put(&mut self, tenant: TenantId, run: i64, new: &RunItem) -> Result<()> {
        let sql = "insert into run_item (tenant, run, kind, remote_id, verdict, detail, resource, decided)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (run, kind, remote_id) do update
                   set verdict = excluded.verdict, detail = excluded.detail, resource = excluded.resource,
                   decided = excluded.decided";
        let detail = serde_json::to_string(&new.detail)?;
        let (kind, remote_id, verdict) = (new.kind.as_str(), &new.remote_id, &new.verdict);
        let made = (tenant.0, run, kind, remote_id, verdict, detail, &new.resource, &new.decided);
        self.execute(sql, made).map(|_| ())
    }

    /// A run has seen the account of a link.
    pub fn run_seen(&mut self, run: i64, link: i64) -> Result<()> {
        self.execute("update link set seen_run = ?2 where id = ?1", (link, run)).map(|_| ())
    }

    /// Stores what a scan, or somebody, has found out about an account, and makes the link due; `false` if somebody works
    /// on it now: then it knows better.
    pub fn link_found(&mut self, found: &Found, now: i64) -> Result<bool> {
        let sql = "update link set remote_id = ?2, standing = ?3, active = ?4, lane = case when due_at is null then ?5 else lane end,
                   desired_rev = desired_rev + 1, due_at = case when due_at is null or due_at > ?6 then ?6 else due_at end,
                   changed_at = ?6 where id = ?1 and (lease_until is null or lease_until < ?6)
                   and not exists (select 1 from link o where o.app = link.app and o.kind = link.kind
                   and o.remote_id = ?2 and o.id <> ?1)";
        let standing = found.standing.as_str();
        let Some((tenant, was)) = self.link_stand(found.id)? else { return Ok(false) };
        if self.execute(sql, (found.id, &found.remote_id, standing, found.active, found.lane, now))? == 0 {
            return Ok(false);
        }
        self.link_stands(tenant, was, Stand { standing: found.standing, active: found.active, ..was });
        self.states_put([(found.id, tenant, found.state.as_str())].into_iter())?;
        Ok(true)
    }

    /// What was seen of an account, which makes nothing due; whether it is stored: not while somebody works on it.
    pub fn link_shown(&mut self, id: i64, state: &str, now: i64) -> Result<bool> {
        let sql = "update link_state set state = ?2 where link = ?1 and exists
                   (select 1 from link l where l.id = ?1 and (l.lease_until is null or l.lease_until < ?3))";
        Ok(self.execute(sql, (id, state, now))? > 0)
    }

    /// Whether a group's members are others than were known; they are what was shown from now on.
    pub fn members_shown(&mut self, tenant: TenantId, link: i64, shown: &[String]) -> Result<bool> {
        let known: BTreeSet<String> = self
            .push_known(link)?
            .into_iter()
            .filter_map(|member| (!member.blocked).then_some(member.remote_id))
            .collect();
        let shown: BTreeSet<String> = shown.iter().cloned().collect();
        let added: Vec<String> = shown.difference(&known).cloned().collect();
        let removed: Vec<String> = known.difference(&shown).cloned().collect();
        self.members_pushed(tenant, link, &added, &removed)?;
        Ok(!added.is_empty() || !removed.is_empty())
    }

    /// Notes what somebody decided about a finding; whether there is such a one.
    pub fn run_item_decide(&mut self, run: i64, id: i64, resource: Option<&str>, decided: &str) -> Result<bool> {
        let sql = "update run_item set decided = ?3, resource = coalesce(?4, resource) where run = ?1 and id = ?2";
        Ok(self.execute(sql, (run, id, decided, resource))? > 0)
    }
}
