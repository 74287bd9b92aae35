//! Links of accounts that nobody goes with: they are made to put such an account out of use, and yield to whoever comes.

use super::claims::stand;
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

    /// Somebody has come to whom the account belongs: the link that nobody goes with, or whose person is deleted and out of it, is
    /// no more, unless the account is being put out of use right now. Whether there was one that gave it up to this claim.
    pub(super) fn orphan_yields(&mut self, (id, fence): (i64, i64), remote_id: &str) -> Result<bool> {
        let sql =
            "select o.tenant, o.app, o.kind, o.standing, o.active, o.id, o.resource, o.kind = 'user' and o.active = 0
                   and not exists (select 1 from resource r where r.tenant = o.tenant and r.id = o.resource)
                   from link l join link o on o.app = l.app and o.kind = l.kind and o.remote_id = ?3
                   where l.id = ?1 and l.fence = ?2 and o.id <> ?1 and o.lease_until is null";
        let other = self.first(sql, (id, fence, remote_id), |row| {
            let nobodys = row.get::<String>(6)?.starts_with(NOBODY) || row.get::<bool>(7)?;
            Ok((stand(row)?, row.get::<i64>(5)?, nobodys))
        })?;
        let Some(((tenant, was), other, true)) = other else { return Ok(false) };
        self.links_stand(tenant, was, -1);
        self.execute("delete from link_state where link = ?1", [other])?;
        self.execute("delete from link where id = ?1", [other])?;
        Ok(true)
    }
}
