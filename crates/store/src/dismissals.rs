//! Refusals that somebody has seen: a name for a group of them, and up to which entry of the log.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};
use std::collections::HashMap;

impl Reader {
    /// What was dismissed: for each name, up to which entry of the log.
    pub fn dismissals(&self, tenant: TenantId) -> Result<HashMap<String, i64>> {
        let sql = "select name, seq from dismissal where tenant = ?1";
        let rows: Vec<(String, i64)> = self.all(sql, [tenant.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }
}

impl Writer {
    /// Dismisses a group of refusals up to an entry of the log.
    pub fn dismiss(&mut self, tenant: TenantId, name: &str, seq: i64, now: i64, actor: &str) -> Result<()> {
        let sql = "insert into dismissal (tenant, name, seq, at, actor) values (?1, ?2, ?3, ?4, ?5)
                   on conflict (tenant, name) do update set seq = excluded.seq, at = excluded.at, actor = excluded.actor";
        self.execute(sql, (tenant.0, name, seq, now, actor))?;
        Ok(())
    }

    /// Takes a dismissal back.
    pub fn dismiss_undo(&mut self, tenant: TenantId, name: &str) -> Result<bool> {
        Ok(self.execute("delete from dismissal where tenant = ?1 and name = ?2", (tenant.0, name))? > 0)
    }
}
