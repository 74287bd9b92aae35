//! Long work as rows: it goes on after a restart, tells how far it is, and can be stopped.

use crate::db::{Reader, Row, Writer, params};
use crate::{Error, Result, TenantId};
use serde_json::Value;

/// Most failures that a job remembers.
pub const FAILURES_MAX: usize = 100;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// Not begun.
    #[default]
    Waiting,
    /// Under way.
    Running,
    /// At its end.
    Done,
    /// Stopped by somebody.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Cancelled];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether there is still something to do.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// What a job is about. Those of one kind go on beside those of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobsOf {
    /// Many resources.
    Resources,
    /// The index of an attribute: see `reindex`.
    Indexes,
}

impl JobsOf {
    fn condition(self) -> &'static str {
        match self {
            Self::Resources => "kind not in ('index', 'remove', 'clear', 'archive', 'restore', 'forget')",
            Self::Indexes => "kind in ('index', 'remove', 'clear', 'archive', 'restore', 'forget')",
        }
    }
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Job {
    /// Its number; given when it is made.
    pub id: i64,
    /// Whose.
    pub tenant: TenantId,
    /// What is done.
    pub kind: String,
    /// For people.
    pub label: String,
    /// What it is done to.
    pub input: Value,
    /// Where it is.
    pub state: JobState,
    /// How much there is to do.
    pub total: u64,
    /// How much was done.
    pub done: u64,
    /// How much of that went wrong.
    pub failed: u64,
    /// What comes behind this is still to do.
    pub position: i64,
    /// The first failures.
    pub failures: Vec<Value>,
    /// What it counts besides.
    pub counts: Value,
    /// When it was asked for.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// When it began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// It does not begin before.
    pub not_before: i64,
}

const COLUMNS: &str = "id, tenant, kind, label, input, state, total, done, failed, position, failures, created_at, \
                       created_by, started_at, finished_at, counts, not_before";

fn job(row: &Row<'_>) -> Result<Job> {
    let (input, state, failures): (String, String, String) = (row.get(4)?, row.get(5)?, row.get(10)?);
    let counts: String = row.get(15)?;
    Ok(Job {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        kind: row.get(2)?,
        label: row.get(3)?,
        input: serde_json::from_str(&input).unwrap_or_default(),
        state: JobState::ALL.into_iter().find(|known| known.as_str() == state).unwrap_or_default(),
        total: row.get::<i64>(6)?.cast_unsigned(),
        done: row.get::<i64>(7)?.cast_unsigned(),
        failed: row.get::<i64>(8)?.cast_unsigned(),
        position: row.get(9)?,
        failures: serde_json::from_str(&failures).unwrap_or_default(),
        counts: serde_json::from_str(&counts).unwrap_or_default(),
        created_at: row.get(11)?,
        created_by: row.get(12)?,
        started_at: row.get(13)?,
        finished_at: row.get(14)?,
        not_before: row.get(16)?,
    })
}

impl Reader {
    /// A tenant's jobs, newest first.
    pub fn jobs(&self, tenant: TenantId, limit: u32) -> Result<Vec<Job>> {
        let sql = format!("select {COLUMNS} from job where tenant = ?1 order by id desc limit ?2");
        self.all(&sql, (tenant.0, limit), job)
    }

    /// The job of that number.
    pub fn job(&self, tenant: TenantId, id: i64) -> Result<Option<Job>> {
        self.first(&format!("select {COLUMNS} from job where tenant = ?1 and id = ?2"), (tenant.0, id), job)
    }

    /// What a job could not do, behind a number; each with its own.
    pub fn job_failures(&self, tenant: TenantId, job: i64, after: i64, limit: u32) -> Result<Vec<(i64, Value)>> {
        let sql = "select number, failure from job_failure where tenant = ?1 and job = ?2 and number > ?3
                   order by number limit ?4";
        self.all(sql, (tenant.0, job, after, limit), |row| {
            let failure: String = row.get(1)?;
            Ok((row.get(0)?, serde_json::from_str(&failure).unwrap_or_default()))
        })
    }

    /// Whether there is something to do, for any tenant.
    pub fn job_waits(&self, of: JobsOf, now: i64) -> Result<bool> {
        let sql =
            format!("select 1 from job where finished_at is null and not_before <= ?1 and {} limit 1", of.condition());
        Ok(self.first(&sql, [now], |_| Ok(()))?.is_some())
    }
}

impl Writer {
    /// Makes a job; answers its number.
    pub fn job_insert(&mut self, new: &Job) -> Result<i64> {
        let sql = "insert into job (tenant, kind, label, input, state, total, done, failed, position, failures, created_at,
                   created_by, not_before) values (?1, ?2, ?3, ?4, 'waiting', ?5, 0, 0, 0, '[]', ?6, ?7, ?8) returning id";
        let (input, total) = (serde_json::to_string(&new.input)?, new.total.cast_signed());
        let made = (new.tenant.0, &new.kind, &new.label, input, total, new.created_at, &new.created_by, new.not_before);
        self.first(sql, made, |row| row.get(0))?.ok_or_else(|| Error::broken("a new job has no number"))
    }

    /// Takes the oldest job that is not at its end and nobody's, or still the caller's: it is the caller's until the
    /// given instant.
    pub fn job_claim(&mut self, of: JobsOf, by: &str, now: i64, until: i64) -> Result<Option<Job>> {
        let sql = format!(
            "update job set claimed_by = ?1, claimed_until = ?3 where id = (
                 select id from job where finished_at is null and not_before <= ?2 and {}
                 and (claimed_by is null or claimed_by = ?1 or claimed_until < ?2 or ?4 = 1) order by id limit 1)
             returning {COLUMNS}",
            of.condition()
        );
        // What another process had taken of this folder's file, it does not work on any more.
        let alone = self.is_sqlite();
        self.first(&sql, (by, now, until, alone), job)
    }

    /// Notes how far a job is; whether it may go on: one that was cancelled meanwhile may not, nor one that somebody
    /// else has taken. What was under way when it was cancelled is done, and counts. `failed` is what it could not do this
    /// time, which `job.failed` counts already.
    pub fn job_update(&mut self, job: &Job, by: &str, failed: &[Value]) -> Result<bool> {
        let sql = "update job set state = case when finished_at is null then ?2 else state end, total = ?3, done = ?4,
                   failed = ?5, position = ?6, failures = ?7, started_at = ?8, finished_at = coalesce(finished_at, ?9),
                   counts = ?11
                   where id = ?1 and (finished_at is null or state = 'cancelled') and claimed_by = ?10
                   returning state";
        let kept: Option<String> = self.first(
            sql,
            params![
                job.id,
                job.state.as_str(),
                job.total.cast_signed(),
                job.done.cast_signed(),
                job.failed.cast_signed(),
                job.position,
                serde_json::to_string(&job.failures)?,
                job.started_at,
                job.finished_at,
                by,
                serde_json::to_string(&job.counts)?,
            ],
            |row| row.get(0),
        )?;
        let Some(state) = kept else { return Ok(false) };
        let before = job.failed.cast_signed() - i64::try_from(failed.len()).unwrap_or(0);
        for (number, failure) in (before + 1..).zip(failed) {
            let sql = "insert into job_failure (tenant, job, number, failure) values (?1, ?2, ?3, ?4)
                       on conflict do nothing";
            self.execute(sql, (job.tenant.0, job.id, number, serde_json::to_string(failure)?))?;
        }
        Ok(state == job.state.as_str())
    }

    /// Takes a job that was just made: it is the caller's until the given instant.
    pub(crate) fn job_take(&mut self, id: i64, by: &str, until: i64) -> Result<()> {
        let sql = "update job set claimed_by = ?2, claimed_until = ?3 where id = ?1";
        self.execute(sql, (id, by, until)).map(|_| ())
    }

    /// Stops a job; whether there was one to stop. What it did stays done.
    pub fn job_cancel(&mut self, tenant: TenantId, id: i64, now: i64) -> Result<bool> {
        let sql = "update job set state = 'cancelled', finished_at = ?3
                   where tenant = ?1 and id = ?2 and finished_at is null";
        Ok(self.execute(sql, (tenant.0, id, now))? > 0)
    }
}
