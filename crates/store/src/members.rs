//! Membership as rows: what a step costs is the number of members that it names.
//!
//! Invariant: `resource.member_count` is the number of a group's rows; both change in one transaction.

use crate::db::{Reader, Value as Sent, Writer};
use crate::filter_sql::Compiler;
use crate::resources::Stored;
use crate::{Error, Result, TenantId};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::schema::fold;
use scim::{Filter, ResourceType};
use std::collections::{BTreeMap, BTreeSet};

/// What the steps came to, taken together: somebody added and removed again is in neither list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembersChanged {
    /// Ids of those who are members now and were not.
    pub added: Vec<String>,
    /// Ids of those who were members and are not.
    pub removed: Vec<String>,
    /// What was sent and is nobody's id, or the group's own.
    pub unknown: Vec<String>,
}

impl MembersChanged {
    /// Whether anything is different from before.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The difference between before and now, by rows.
#[derive(Default)]
struct Delta {
    added: BTreeMap<i64, String>,
    removed: BTreeMap<i64, String>,
}

impl Delta {
    fn add(&mut self, rid: i64, id: String) {
        if self.removed.remove(&rid).is_none() {
            self.added.insert(rid, id);
        }
    }

    fn remove(&mut self, rid: i64, id: String) {
        if self.added.remove(&rid).is_none() {
            self.removed.insert(rid, id);
        }
    }
}

/// A group, and how what is sent about its members is read.
struct Group<'a> {
    tenant: TenantId,
    resource_type: &'a ResourceType,
    rid: i64,
    base: &'a str,
    drop_unknown: bool,
}

impl Group<'_> {
    /// The key of each member's row.
    fn rows(&self, members: &[(i64, String)]) -> Vec<[Sent<'static>; 3]> {
        members.iter().map(|(rid, _)| [self.tenant.0.into(), self.rid.into(), (*rid).into()]).collect()
    }
}

impl Reader {
    /// Whether somebody is a direct member of a group. Two lookups.
    pub fn is_member(&self, tenant: TenantId, group_rid: i64, id: &str) -> Result<bool> {
        let sql = "select 1 from resource r join member m
                   on m.tenant = ?1 and m.group_rid = ?2 and m.member_rid = r.rid where r.tenant = ?1 and r.id = ?3";
        Ok(self.first(sql, (tenant.0, group_rid, id), |_| Ok(()))?.is_some())
    }

    /// Row and id of those who can be members, in the order in which they were sent.
    fn member_rids_of(&self, tenant: TenantId, members: &[MemberRef]) -> Result<Vec<Option<(i64, String)>>> {
        let sql = "select rid, id from resource where tenant = ?1 and id = ?2 and kind in ('User', 'Group')";
        let ids: Vec<String> = members.iter().map(|member| fold(&member.value)).collect();
        let sets: Vec<[Sent<'_>; 2]> = ids.iter().map(|id| [tenant.0.into(), Sent::Text(id)]).collect();
        self.first_of(sql, &sets, |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Writer {
    /// Changes a group's members, step by step. Members are users and groups of the same tenant; unknown ids
    /// are left out and reported, or refused (`UnknownMembers`, `SelfMember`) unless `drop_unknown`. The group's
    /// own version does not change: call `touch` if the answer is not empty. `base` is the address of the
    /// service, for filters on `$ref`. Costs a few rows for each member named; `Replace` and `RemoveAll` cost a
    /// look at each present member, and a change of those that differ.
    pub fn members_apply(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        group: &Stored,
        ops: &[MemberOp],
        base: &str,
        drop_unknown: bool,
    ) -> Result<MembersChanged> {
        let group = Group { tenant, resource_type, rid: group.rid, base, drop_unknown };
        let (mut delta, mut unknown) = (Delta::default(), Vec::new());
        for op in ops {
            match op {
                MemberOp::Add(members) => {
                    let rids = self.known(&group, members, &mut unknown)?;
                    self.join(&group, rids, &mut delta)?;
                }
                MemberOp::Remove(members) => {
                    let known = self.member_rids_of(tenant, members)?;
                    self.part(&group, known.into_iter().flatten().collect(), &mut delta)?;
                }
                MemberOp::RemoveMatching(filter) => self.part_matching(&group, filter, &mut delta)?,
                MemberOp::Replace(members) => {
                    let wanted = self.known(&group, members, &mut unknown)?;
                    let stay: BTreeSet<i64> = wanted.iter().map(|(rid, _)| *rid).collect();
                    let rids = self.member_rids(&group)?.into_iter().filter(|rid| !stay.contains(rid)).collect();
                    self.part(&group, self.with_ids(rids)?, &mut delta)?;
                    self.join(&group, wanted, &mut delta)?;
                }
                MemberOp::RemoveAll => {
                    let sql = "delete from member where tenant = ?1 and group_rid = ?2 returning member_rid";
                    let rids: Vec<i64> = self.all(sql, (tenant.0, group.rid), |row| row.get(0))?;
                    self.with_ids(rids)?.into_iter().for_each(|(rid, id)| delta.remove(rid, id));
                }
            }
        }
        if !unknown.is_empty() && !drop_unknown {
            return Err(Error::UnknownMembers(unknown));
        }
        let grown = i64::try_from(delta.added.len()).unwrap_or(0) - i64::try_from(delta.removed.len()).unwrap_or(0);
        if grown != 0 {
            self.later("update resource set member_count = member_count + ?2 where rid = ?1", (group.rid, grown))?;
        }
        Ok(MembersChanged {
            added: delta.added.into_values().collect(),
            removed: delta.removed.into_values().collect(),
            unknown,
        })
    }

    fn known(&self, group: &Group<'_>, members: &[MemberRef], unknown: &mut Vec<String>) -> Result<Vec<(i64, String)>> {
        let mut known = Vec::with_capacity(members.len());
        let found = self.member_rids_of(group.tenant, members)?;
        for (member, found) in members.iter().zip(found) {
            match found {
                Some((rid, _)) if rid == group.rid && !group.drop_unknown => return Err(Error::SelfMember),
                Some((rid, id)) if rid != group.rid => known.push((rid, id)),
                _ => unknown.push(member.value.clone()),
            }
        }
        Ok(known)
    }

    fn join(&mut self, group: &Group<'_>, members: Vec<(i64, String)>, delta: &mut Delta) -> Result<()> {
        let sql = "insert into member (tenant, group_rid, member_rid) values (?1, ?2, ?3) on conflict do nothing";
        let stored = self.execute_many(sql, &group.rows(&members))?;
        for ((rid, id), _) in members.into_iter().zip(stored).filter(|(_, stored)| *stored > 0) {
            delta.add(rid, id);
        }
        Ok(())
    }

    fn part(&mut self, group: &Group<'_>, members: Vec<(i64, String)>, delta: &mut Delta) -> Result<()> {
        let sql = "delete from member where tenant = ?1 and group_rid = ?2 and member_rid = ?3";
        let gone = self.execute_many(sql, &group.rows(&members))?;
        for ((rid, id), _) in members.into_iter().zip(gone).filter(|(_, gone)| *gone > 0) {
            delta.remove(rid, id);
        }
        Ok(())
    }

    fn part_matching(&mut self, group: &Group<'_>, filter: &Filter, delta: &mut Delta) -> Result<()> {
        let mut compiler = Compiler::new(self, group.tenant, group.resource_type, group.base);
        let Some(sql) = compiler.members_matching(filter, group.rid)? else { return Ok(()) };
        let values = compiler.into_values();
        let rids: Vec<i64> = self.all(&sql, &values[..], |row| row.get(0))?;
        self.part(group, self.with_ids(rids)?, delta)
    }

    fn member_rids(&self, group: &Group<'_>) -> Result<Vec<i64>> {
        let sql = "select member_rid from member where tenant = ?1 and group_rid = ?2";
        self.all(sql, (group.tenant.0, group.rid), |row| row.get(0))
    }

    fn with_ids(&self, rids: Vec<i64>) -> Result<Vec<(i64, String)>> {
        let sets: Vec<[Sent<'_>; 1]> = rids.iter().map(|rid| [(*rid).into()]).collect();
        let ids = self.first_of("select id from resource where rid = ?1", &sets, |row| row.get(0))?;
        let named = |(rid, id): (i64, Option<String>)| {
            id.map(|id| (rid, id)).ok_or_else(|| Error::broken("a member row without a resource"))
        };
        rids.into_iter().zip(ids).map(named).collect()
    }

    /// Takes somebody who is leaving out of all groups; answers the ids of these, whose versions go up.
    pub(crate) fn leave_groups(&mut self, tenant: TenantId, rid: i64, now: i64) -> Result<Vec<String>> {
        let sql = "select group_rid from member where tenant = ?1 and member_rid = ?2";
        let groups: Vec<i64> = self.all(sql, (tenant.0, rid), |row| row.get(0))?;
        let mut ids = Vec::with_capacity(groups.len());
        for group in groups {
            let sql = "delete from member where tenant = ?1 and group_rid = ?2 and member_rid = ?3";
            self.execute(sql, (tenant.0, group, rid))?;
            let sql = "update resource set version = version + 1, member_count = member_count - 1,
                       modified_at = case when modified_at > ?2 then modified_at else ?2 end
                       where rid = ?1 returning id";
            ids.extend(self.first(sql, (group, now), |row| row.get::<String>(0))?);
        }
        Ok(ids)
    }
}
