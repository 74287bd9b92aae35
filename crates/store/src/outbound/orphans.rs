//! Links of accounts that nobody goes with: they are made to put such an account out of use, and yield to whoever comes.

use super::{AppId, LinkKind, LinkRow};
use crate::db::Writer;
use crate::{Result, TenantId};

/// What stands in the place of a person, in front of the account's id. No id of the directory looks like this, so nobody will
/// ever be found by it.
const NOBODY: &str = "orphan:";

impl LinkRow {
    /// Whether it is of an account that nobody goes with.
    pub fn is_nobodys(&self) -> bool {
        self.resource.starts_with(NOBODY)
    }
}

impl Writer {
    /// The link of an account that nobody goes with; it is made, due, if it is not there.
    pub fn link_of_orphan(
        &mut self,
        (tenant, app, kind): (TenantId, AppId, LinkKind),
        remote_id: &str,
        lane: i64,
        at: i64,
    ) -> Result<Option<LinkRow>> {
        let nobody = format!("{NOBODY}{remote_id}");
        self.link_nudge(tenant, app, kind, &nobody, lane, at)?;
        self.link_of(app, kind, &nobody)
    }

    /// Somebody has come to whom the account belongs: the link that nobody goes with is no more, unless the account is being
    /// put out of use right now. Whether there was one that gave it up to this claim.
    pub(super) fn orphan_yields(&mut self, (id, fence): (i64, i64), remote_id: &str) -> Result<bool> {
        let sql =
            "select o.id, o.resource, o.tenant, o.app, o.kind = 'user' and o.active = 1 from link l join link o on o.app = l.app and o.kind = l.kind and o.remote_id = ?3
                   where l.id = ?1 and l.fence = ?2 and o.id <> ?1 and o.lease_until is null";
        let other = self.first(sql, (id, fence, remote_id), |row| {
            let app = (TenantId(row.get(2)?), AppId(row.get(3)?));
            Ok((row.get::<i64>(0)?, row.get::<String>(1)?, app, row.get::<bool>(4)?))
        })?;
        let other = other.filter(|(_, resource, ..)| resource.starts_with(NOBODY));
        let Some((other, _, (tenant, app), in_use)) = other else { return Ok(false) };
        if in_use {
            self.account_moved(tenant, app, false);
        }
        self.execute("delete from link_state where link = ?1", [other])?;
        self.execute("delete from link where id = ?1", [other])?;
        Ok(true)
    }
}
