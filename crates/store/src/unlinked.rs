//! People who were taken from their identity provider, and stay so until it matches them anew.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};

/// Somebody who was unlinked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlinked {
    /// What the identity provider called them.
    pub external_id: String,
    /// When an operator did it.
    pub at: i64,
    /// Which operator.
    pub by: String,
    /// When a token last found them by a filter, and which.
    pub sought: Option<(i64, String)>,
}

impl Reader {
    /// Whether somebody is unlinked, and since when. One look by key.
    pub fn unlinked(&self, tenant: TenantId, rid: i64) -> Result<Option<Unlinked>> {
        let sql =
            "select external_id, at, unlinked_by, sought_at, sought_by from unlinked where tenant = ?1 and rid = ?2";
        self.first(sql, (tenant.0, rid), |row| {
            let (at, by): (Option<i64>, Option<String>) = (row.get(3)?, row.get(4)?);
            Ok(Unlinked { external_id: row.get(0)?, at: row.get(1)?, by: row.get(2)?, sought: at.zip(by) })
        })
    }
}

impl Writer {
    /// Somebody is the identity provider's no more.
    pub fn unlink(&mut self, tenant: TenantId, rid: i64, external_id: &str, by: &str, now: i64) -> Result<()> {
        let sql = "insert into unlinked (tenant, rid, external_id, at, unlinked_by) values (?1, ?2, ?3, ?4, ?5)
                   on conflict (tenant, rid) do update set external_id = excluded.external_id, at = excluded.at,
                   unlinked_by = excluded.unlinked_by, sought_at = null, sought_by = null";
        self.execute(sql, (tenant.0, rid, external_id, now, by)).map(|_| ())
    }

    /// They may be an identity provider's again; whether they were unlinked.
    pub fn unlinked_forget(&mut self, tenant: TenantId, rid: i64) -> Result<bool> {
        Ok(self.execute("delete from unlinked where tenant = ?1 and rid = ?2", (tenant.0, rid))? > 0)
    }

    /// A token has found them by a filter.
    pub fn unlinked_sought(&mut self, tenant: TenantId, rid: i64, by: &str, now: i64) -> Result<()> {
        let sql = "update unlinked set sought_at = ?3, sought_by = ?4 where tenant = ?1 and rid = ?2";
        self.execute(sql, (tenant.0, rid, now, by)).map(|_| ())
    }
}
