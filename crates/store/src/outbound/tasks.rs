//! What somebody has to look at, grouped by cause; destruction that was done; what was approved.

use super::AppId;
use crate::db::{Reader, Writer};
use crate::{Result, TenantId};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

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

/// Somebody lets held work go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// The links that may.
    pub links: BTreeSet<i64>,
    /// Until when.
    pub expires_at: i64,
    /// When it was given.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
}

impl Reader {
    /// What somebody has to look at, the largest first.
    pub fn tasks(&self, app: AppId) -> Result<Vec<TaskRow>> {
        let sql = "select cause, count(*), min(caused_at), max(caused_at), min(id) from link
                   where app = ?1 and cause is not null group by cause order by count(*) desc, cause limit 200";
        let rows = self.all(sql, [app.0], |row| {
            let cause: String = row.get(0)?;
            Ok((cause, row.get::<i64>(1)?, row.get::<Option<i64>>(2)?, row.get::<Option<i64>>(3)?, row.get::<i64>(4)?))
        })?;
        let mut tasks = Vec::with_capacity(rows.len());
        for (cause, count, first_at, last_at, example) in rows {
            let example = self.link(example)?;
            let detail =
                example.as_ref().and_then(|link| Some(link.cause.as_ref()?.detail.clone())).unwrap_or_default();
            tasks.push(TaskRow {
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

    /// How many tasks' links there are.
    pub fn tasks_count(&self, app: AppId) -> Result<u64> {
        let sql = "select count(*) from link where app = ?1 and cause is not null";
        let count: Option<i64> = self.first(sql, [app.0], |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// Destruction of a kind since an instant, over the whole app.
    pub fn destructions(&self, app: AppId, metric: &str, since: i64) -> Result<Vec<Destruction>> {
        let sql = "select link, count, at from destruction where app = ?1 and metric = ?2 and at > ?3 order by at";
        self.all(sql, (app.0, metric, since), |row| {
            Ok(Destruction { link: row.get(0)?, count: row.get::<i64>(1)?.cast_unsigned(), at: row.get(2)? })
        })
    }

    /// How many accounts of an app are in use.
    pub fn population(&self, app: AppId) -> Result<u64> {
        let sql = "select count(*) from link where app = ?1 and kind = 'user' and active = 1";
        let count: Option<i64> = self.first(sql, [app.0], |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// What was approved and has not expired.
    pub fn approvals(&self, app: AppId, now: i64) -> Result<Vec<Approval>> {
        let sql = "select links, expires_at, created_at, created_by from approval where app = ?1 and expires_at > ?2";
        self.all(sql, (app.0, now), |row| {
            let links: String = row.get(0)?;
            Ok(Approval {
                links: serde_json::from_str(&links)?,
                expires_at: row.get(1)?,
                created_at: row.get(2)?,
                created_by: row.get(3)?,
            })
        })
    }
}

impl Writer {
    /// Notes destruction that is about to be done, or was. `instead` of an earlier note about the same link: what is tried
    /// again is done once.
    pub fn destroyed(
        &mut self,
        tenant: TenantId,
        app: AppId,
        metric: &str,
        done: Destruction,
        instead: bool,
    ) -> Result<()> {
        if instead {
            self.execute("delete from destruction where link = ?1 and metric = ?2", (done.link, metric))?;
        }
        let sql = "insert into destruction (tenant, app, metric, link, count, at) values (?1, ?2, ?3, ?4, ?5, ?6)";
        self.execute(sql, (tenant.0, app.0, metric, done.link, done.count.cast_signed(), done.at)).map(|_| ())
    }

    /// Lets held work go on: these links are due, and the brake lets them through. How many were held.
    pub fn approve(&mut self, tenant: TenantId, app: AppId, approval: &Approval) -> Result<u64> {
        let sql = "insert into approval (tenant, app, links, expires_at, created_at, created_by)
                   values (?1, ?2, ?3, ?4, ?5, ?6)";
        let (now, links) = (approval.created_at, serde_json::to_string(&approval.links)?);
        self.execute(sql, (tenant.0, app.0, links, approval.expires_at, now, &approval.created_by))?;
        self.execute("delete from approval where app = ?1 and expires_at <= ?2", (app.0, now))?;
        let sql = "update link set desired_rev = desired_rev + 1, due_at = ?3
                   where app = ?1 and id = ?2 and standing = 'held'";
        let mut held = 0;
        for link in &approval.links {
            held += self.execute(sql, (app.0, *link, now))? as u64;
        }
        Ok(held)
    }
}
