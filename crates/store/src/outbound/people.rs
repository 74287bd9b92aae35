//! What the engine asks of the directory: people with their groups and manager, and who is around whom.

use super::{AppId, AssignmentRow, LinkKind, Principal};
use crate::db::{Reader, Writer};
use crate::view::View;
use crate::{Result, TenantId};
use scim::ResourceType;
use std::collections::BTreeSet;

/// A person as the directory has them.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// The resource, with groups.
    pub view: View,
    /// `staged` or `suspended`; nothing where `active` says it all.
    pub status: Option<String>,
    /// The id of their account at the app in question, once they have one.
    pub remote_id: Option<String>,
}

impl Reader {
    /// A person, with their account at an app.
    pub fn person(&self, tenant: TenantId, users: &ResourceType, app: AppId, id: &str) -> Result<Option<PersonRow>> {
        let Some(view) = self.view(tenant, users, id, true)? else { return Ok(None) };
        let sql = "select remote_id from link where app = ?1 and kind = 'user' and resource = ?2 and active = 1";
        let remote_id = self.first(sql, (app.0, &view.id), |row| row.get(0))?.flatten();
        Ok(Some(PersonRow { status: self.lifecycle(tenant, &view.id)?, view, remote_id }))
    }

    /// The assignments of an app that are about a person: their own, and those of these groups.
    pub fn assignments_about(&self, app: AppId, person: &str, groups: &[String]) -> Result<Vec<AssignmentRow>> {
        let mut found: Vec<AssignmentRow> = self.assignment(app, Principal::User, person)?.into_iter().collect();
        for group in groups {
            found.extend(self.assignment(app, Principal::Group, group)?);
        }
        Ok(found)
    }

    /// Where a person stands when it is not what `active` says.
    pub fn lifecycle(&self, tenant: TenantId, resource: &str) -> Result<Option<String>> {
        let sql = "select status from lifecycle where tenant = ?1 and resource = ?2";
        self.first(sql, (tenant.0, resource), |row| row.get(0))
    }

    /// The people whose manager this is.
    pub fn reports(&self, tenant: TenantId, manager: &str, limit: u32) -> Result<Vec<String>> {
        let sql = "select r.id from resource m join manager_link l on l.tenant = ?1 and l.manager_rid = m.rid
                   join resource r on r.rid = l.rid where m.tenant = ?1 and m.id = ?2 order by r.rid limit ?3";
        self.all(sql, (tenant.0, manager, limit), |row| row.get(0))
    }

    /// The groups that somebody is in, directly or through groups.
    pub fn groups_holding(&self, tenant: TenantId, id: &str) -> Result<Vec<String>> {
        let Some(rid) = self.rid_of(tenant, id)? else { return Ok(Vec::new()) };
        Ok(self.groups_of(tenant, rid)?.into_iter().map(|group| group.id).collect())
    }

    /// A group and all groups within it.
    pub fn groups_within(&self, tenant: TenantId, id: &str) -> Result<Vec<String>> {
        let Some(rid) = self.rid_of(tenant, id)? else { return Ok(Vec::new()) };
        let (mut found, mut seen, mut frontier) = (vec![id.to_owned()], BTreeSet::from([rid]), vec![rid]);
        let sql = "select r.rid, r.id from member m cross join resource r on r.rid = m.member_rid and r.kind = 'Group'
                   where m.tenant = ?1 and m.group_rid = ?2";
        while let Some(group) = frontier.pop() {
            for (rid, id) in self.all(sql, (tenant.0, group), |row| Ok((row.get::<i64>(0)?, row.get(1)?)))? {
                if seen.insert(rid) {
                    found.push(id);
                    frontier.push(rid);
                }
            }
        }
        Ok(found)
    }

    /// The people right in a group, behind one of them: row and id.
    pub fn group_people(&self, tenant: TenantId, group: &str, after: i64, limit: u32) -> Result<Vec<(i64, String)>> {
        let sql = "select r.rid, r.id from resource g join member m on m.tenant = ?1 and m.group_rid = g.rid
                   join resource r on r.rid = m.member_rid where g.tenant = ?1 and g.id = ?2 and m.member_rid > ?3
                   and r.kind = 'User' order by m.member_rid limit ?4";
        self.all(sql, (tenant.0, group, after, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// How many people are in a group and in the groups within it; whoever is in several counts for each.
    pub fn group_people_count(&self, tenant: TenantId, group: &str) -> Result<u64> {
        let sql = "select count(*) from resource g join member m on m.tenant = ?1 and m.group_rid = g.rid
                   join resource r on r.rid = m.member_rid and r.kind = 'User' where g.tenant = ?1 and g.id = ?2";
        let mut people = 0;
        for group in self.groups_within(tenant, group)? {
            people += self.first(sql, (tenant.0, &group), |row| row.get::<i64>(0))?.unwrap_or(0).cast_unsigned();
        }
        Ok(people)
    }

    /// The type of a resource: `User`, `Group` or a tenant's own.
    pub fn kind_of(&self, tenant: TenantId, id: &str) -> Result<Option<String>> {
        self.first("select kind from resource where tenant = ?1 and id = ?2", (tenant.0, id), |row| row.get(0))
    }

    /// What a resource is called.
    pub fn display_of(&self, tenant: TenantId, id: &str) -> Result<Option<String>> {
        let sql = "select display from resource where tenant = ?1 and id = ?2";
        Ok(self.first(sql, (tenant.0, id), |row| row.get(0))?.flatten())
    }

    /// People by what they are called, for a choice: those whose name, folded, holds this text.
    pub fn named_like(
        &self,
        tenant: TenantId,
        kind: LinkKind,
        text: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        let kind = match kind {
            LinkKind::User => "User",
            LinkKind::Group => "Group",
        };
        let sql = "select id, coalesce(display, id) from resource where tenant = ?1 and kind = ?2
                   and instr(coalesce(display_key, ''), ?3) > 0 order by rid limit ?4";
        let text = scim::schema::fold(text);
        self.all(sql, (tenant.0, kind, text, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn rid_of(&self, tenant: TenantId, id: &str) -> Result<Option<i64>> {
        self.first("select rid from resource where tenant = ?1 and id = ?2", (tenant.0, id), |row| row.get(0))
    }
}

impl Writer {
    /// Notes where a person stands; nothing leaves it to `active`.
    pub fn set_lifecycle(&mut self, tenant: TenantId, resource: &str, status: Option<&str>, now: i64) -> Result<()> {
        match status {
            Some(status) => {
                let sql = "insert into lifecycle (tenant, resource, status, at) values (?1, ?2, ?3, ?4)
                           on conflict (tenant, resource) do update set status = excluded.status, at = excluded.at";
                self.execute(sql, (tenant.0, resource, status, now)).map(|_| ())
            }
            None => {
                let sql = "delete from lifecycle where tenant = ?1 and resource = ?2";
                self.execute(sql, (tenant.0, resource)).map(|_| ())
            }
        }
    }
}
