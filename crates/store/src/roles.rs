//! Roles that the people of a group have at the application: rows of a group's id and a word.
//!
//! What somebody's roles are is not stored: it is those of the groups that they are in.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};
use std::collections::BTreeSet;

impl Reader {
    /// All groups that give a role, each with the role.
    pub fn group_roles(&self, tenant: TenantId) -> Result<Vec<(String, String)>> {
        let sql = "select group_id, role from group_role where tenant = ?1 order by group_id, role";
        self.all(sql, [tenant.0], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The roles that a group gives.
    pub fn roles_of_group(&self, tenant: TenantId, group: &str) -> Result<BTreeSet<String>> {
        let sql = "select role from group_role where tenant = ?1 and group_id = ?2";
        Ok(self.all(sql, (tenant.0, group), |row| row.get(0))?.into_iter().collect())
    }
}

impl Writer {
    /// Has a group give these roles and no others.
    pub fn group_roles_set(
        &mut self,
        tenant: TenantId,
        group: &str,
        roles: &BTreeSet<String>,
        (now, by): (i64, &str),
    ) -> Result<()> {
        let before = self.roles_of_group(tenant, group)?;
        for gone in before.difference(roles) {
            let sql = "delete from group_role where tenant = ?1 and group_id = ?2 and role = ?3";
            self.execute(sql, (tenant.0, group, gone))?;
        }
        for new in roles.difference(&before) {
            let sql = "insert into group_role (tenant, group_id, role, created_at, created_by)
                       values (?1, ?2, ?3, ?4, ?5)";
            self.execute(sql, (tenant.0, group, new, now, by))?;
        }
        Ok(())
    }

    /// A group that is deleted gives nothing; its id may come back.
    pub(crate) fn group_roles_forget(&mut self, tenant: TenantId, group: &str) -> Result<()> {
        self.execute("delete from group_role where tenant = ?1 and group_id = ?2", (tenant.0, group)).map(|_| ())
    }
}
