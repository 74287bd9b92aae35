//! What the engine asks of the directory: people with their groups and manager, and who is around whom.

use super::{AppId, AssignmentRow, LinkKind, Principal};
use crate::db::{Reader, Value as Sent, Writer};
use crate::view::View;
use crate::{Result, TenantId};
use scim::ResourceType;
use std::collections::{BTreeSet, HashMap};

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
    /// People by their ids, with their accounts at an app; who is not there is left out. As few statements as there can be,
    /// and each group around them is looked up once.
    pub fn people(
        &self,
        tenant: TenantId,
        users: &ResourceType,
        app: AppId,
        ids: &[&str],
    ) -> Result<HashMap<String, PersonRow>> {
        let sql = "select r.rid, s.status, l.remote_id from resource r
                   left join lifecycle s on s.tenant = r.tenant and s.resource = r.id
                   left join link l on l.app = ?3 and l.kind = 'user' and l.resource = r.id and l.active = 1
                   where r.tenant = ?1 and r.id = ?2 and r.kind = ?4";
        let (of, at, kind) = (Sent::Int(tenant.0), Sent::Int(app.0), Sent::Text(&users.name));
        let sets: Vec<[Sent<'_>; 4]> = ids.iter().map(|id| [of, Sent::Text(id), at, kind]).collect();
        let found = self.first_of(sql, &sets, |row| {
            Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?, row.get::<Option<String>>(2)?))
        })?;
        let found: Vec<_> = found.into_iter().flatten().collect();
        let rids: Vec<i64> = found.iter().map(|(rid, ..)| *rid).collect();
        let views = self.views(tenant, users, &rids, true)?;
        let row = |(view, (_, status, remote_id)): (View, _)| (view.id.clone(), PersonRow { view, status, remote_id });
        Ok(views.into_iter().zip(found).map(row).collect())
    }

    /// The assignments of an app that are about a person: their own, and those of these groups.
    pub fn assignments_about(&self, app: AppId, person: &str, groups: &[String]) -> Result<Vec<AssignmentRow>> {
        let groups = groups.iter().map(|group| (Principal::Group, group.as_str()));
        let found =
            self.assignments_of(app, &std::iter::once((Principal::User, person)).chain(groups).collect::<Vec<_>>());
        Ok(found?.into_iter().flatten().collect())
    }

    /// Where a person stands when it is not what `active` says.
    pub fn lifecycle(&self, tenant: TenantId, resource: &str) -> Result<Option<String>> {
        let sql = "select status from lifecycle where tenant = ?1 and resource = ?2";
        self.first(sql, (tenant.0, resource), |row| row.get(0))
    }

    /// The same of many, by their ids: one read, and none of those of whom `active` says it all.
    pub fn lifecycles(&self, tenant: TenantId, ids: &[&str]) -> Result<HashMap<String, String>> {
        let sql = "select resource, status from lifecycle where tenant = ?1 and resource = ?2";
        let sets: Vec<[Sent<'_>; 2]> = ids.iter().map(|id| [Sent::Int(tenant.0), Sent::Text(id)]).collect();
        let found = self.first_of(sql, &sets, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Who is staged or suspended: so many of them, by id.
    pub fn held_back(&self, tenant: TenantId, limit: u32) -> Result<Vec<String>> {
        let sql = "select resource from lifecycle where tenant = ?1 order by resource limit ?2";
        self.all(sql, (tenant.0, limit), |row| row.get(0))
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

    pub(super) fn rid_of(&self, tenant: TenantId, id: &str) -> Result<Option<i64>> {
        self.first("select rid from resource where tenant = ?1 and id = ?2", (tenant.0, id), |row| row.get(0))
    }
}

impl Writer {
    /// Notes where a person stands; nothing leaves it to `active`. Whoever is staged or suspended is signed out.
    pub fn set_lifecycle(&mut self, tenant: TenantId, resource: &str, status: Option<&str>, now: i64) -> Result<()> {
        match status {
            Some(status) => {
                self.person_sessions_end(tenant, resource)?;
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
