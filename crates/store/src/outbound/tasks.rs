//! What somebody has to look at, grouped by cause; destruction that was done; what was approved.

use super::AppId;
use crate::db::{Reader, Value as Sent, Writer};
use crate::{Result, TenantId};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Links with one cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
    /// The cause's key.
    pub cause: String,
    /// How many links.
    pub count: u64,
    /// Since when.
    pub first_at: i64,
    /// The last one.
    pub last_at: i64,
    /// The detail of one of them.
    pub detail: Value,
    /// Whose that is.
    pub example: Option<String>,
    /// Why it is left as it is, if somebody has said so.
    pub note: Option<TaskNote>,
}

/// Why a task is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskNote {
    /// The reason.
    pub note: String,
    /// When it was given.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
}

/// Accounts or members that were taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destruction {
    /// Of which link.
    pub link: i64,
    /// How many.
    pub count: u64,
    /// When.
    pub at: i64,
}

impl Reader {
    /// What somebody has to look at, the largest first; also what they leave as it is, with the reason.
    pub fn tasks(&self, app: AppId) -> Result<Vec<TaskRow>> {
        let sql = "select cause, count(*), min(caused_at), max(caused_at), min(id) from link
                   where app = ?1 and cause is not null group by cause order by count(*) desc, cause limit 200";
        let rows = self.all(sql, [app.0], |row| {
            let cause: String = row.get(0)?;
            Ok((cause, row.get::<i64>(1)?, row.get::<Option<i64>>(2)?, row.get::<Option<i64>>(3)?, row.get::<i64>(4)?))
        })?;
        let mut notes = self.task_notes(app)?;
        let mut tasks = Vec::with_capacity(rows.len());
        for (cause, count, first_at, last_at, example) in rows {
            let example = self.link(example)?;
            let detail =
                example.as_ref().and_then(|link| Some(link.cause.as_ref()?.detail.clone())).unwrap_or_default();
            tasks.push(TaskRow {
                note: notes.remove(&cause),
                cause,
                count: count.cast_unsigned(),
                first_at: first_at.unwrap_or(0),
                last_at: last_at.unwrap_or(0),
                detail,
                example: example.map(|link| link.name.unwrap_or(link.resource)),
            });
        }
        Ok(tasks)
    }

    fn task_notes(&self, app: AppId) -> Result<BTreeMap<String, TaskNote>> {
        let sql = "select cause, note, created_at, created_by from task_note where app = ?1";
        let read = self.all(sql, [app.0], |row| {
            Ok((row.get(0)?, TaskNote { note: row.get(1)?, created_at: row.get(2)?, created_by: row.get(3)? }))
        });
        Ok(read?.into_iter().collect())
    }

    /// How many tasks' links there are, but for those that are left as they are.
    pub fn tasks_count(&self, app: AppId, most: u32) -> Result<u64> {
        let sql = "select count(*) from (select 1 from link where app = ?1 and cause is not null
                   and cause not in (select cause from task_note where app = ?1) limit ?2) n";
        let count: Option<i64> = self.first(sql, (app.0, most), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// How much destruction of a kind an app has seen since an instant. Each note holds the sum of all up to it.
    pub fn destroyed_since(&self, app: AppId, metric: &str, since: i64) -> Result<u64> {
        let before = "select total - count from destruction where app = ?1 and metric = ?2 and at > ?3
                      order by at, id limit 1";
        let Some(before) = self.first(before, (app.0, metric, since), |row| row.get::<i64>(0))? else { return Ok(0) };
        let (_, all) = self.destroyed_last(app, metric)?.unwrap_or_default();
        Ok(all.saturating_sub(before).cast_unsigned())
    }

    /// How much of it one link has seen.
    pub fn destroyed_of(&self, link: i64, metric: &str, since: i64) -> Result<u64> {
        let sql = "select coalesce(cast(sum(count) as bigint), 0) from destruction
                   where link = ?1 and metric = ?2 and at > ?3";
        let count: Option<i64> = self.first(sql, (link, metric, since), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// When the last note was made, and the sum of all.
    fn destroyed_last(&self, app: AppId, metric: &str) -> Result<Option<(i64, i64)>> {
        let sql = "select at, total from destruction where app = ?1 and metric = ?2 order by at desc, id desc limit 1";
        self.first(sql, (app.0, metric), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Until when a brake lets a link through, if somebody approved that.
    pub fn approved_until(&self, link: i64) -> Result<Option<i64>> {
        Ok(self.first("select approved_until from link where id = ?1", [link], |row| row.get(0))?.flatten())
    }
}

impl Writer {
    /// Leaves a task as it is; whether there is one of this cause.
    pub fn task_ignore(&mut self, tenant: TenantId, app: AppId, cause: &str, note: &TaskNote) -> Result<bool> {
        let sql = "insert into task_note (tenant, app, cause, note, created_at, created_by)
                   select ?1, ?2, ?3, ?4, ?5, ?6
                   where exists (select 1 from link where app = ?2 and cause = ?3)
                   on conflict (tenant, app, cause) do update set
                   note = excluded.note, created_at = excluded.created_at, created_by = excluded.created_by";
        let row = (tenant.0, app.0, cause, &note.note, note.created_at, &note.created_by);
        Ok(self.execute(sql, row)? > 0)
    }

    /// Takes a task up again; whether it was left.
    pub fn task_recall(&mut self, tenant: TenantId, app: AppId, cause: &str) -> Result<bool> {
        let sql = "delete from task_note where tenant = ?1 and app = ?2 and cause = ?3";
        Ok(self.execute(sql, (tenant.0, app.0, cause))? > 0)
    }

    /// Takes away the notes on causes that nobody waits for any more.
    pub fn task_notes_prune(&mut self, tenant: TenantId) -> Result<usize> {
        let sql = "delete from task_note where tenant = ?1 and not exists
                   (select 1 from link where link.app = task_note.app and link.cause = task_note.cause)";
        self.execute(sql, [tenant.0])
    }

    /// Notes destruction that is about to be done, or was; not again what was noted about the same link behind `once_since`:
    /// what is tried again is done once.
    pub fn destroyed(
        &mut self,
        tenant: TenantId,
        app: AppId,
        metric: &str,
        done: Destruction,
        once_since: Option<i64>,
    ) -> Result<()> {
        if let Some(since) = once_since
            && self.destroyed_of(done.link, metric, since)? > 0
        {
            return Ok(());
        }
        let (last_at, total) = self.destroyed_last(app, metric)?.unwrap_or((done.at, 0));
        let (count, at) = (done.count.cast_signed(), done.at.max(last_at));
        let sql = "insert into destruction (tenant, app, metric, link, count, at, total)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.execute(sql, (tenant.0, app.0, metric, done.link, count, at, total.saturating_add(count))).map(|_| ())
    }

    /// Lets held work go on: these links are due, and the brake lets them through until then. How many were held.
    pub fn approve(&mut self, app: AppId, links: &BTreeSet<i64>, now: i64, until: i64) -> Result<u64> {
        let sql = "update link set desired_rev = desired_rev + 1, due_at = ?3, approved_until = ?4
                   where app = ?1 and id = ?2 and standing = 'held'";
        let sets: Vec<[Sent<'_>; 4]> = links.iter().map(|link| [app.0, *link, now, until].map(Sent::Int)).collect();
        Ok(self.execute_many(sql, &sets)?.iter().sum::<usize>() as u64)
    }
}
