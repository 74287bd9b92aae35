//! Pushed groups, the rules that choose them, and members as they are known to be at an app.

use super::{AppId, LinkKind};
use crate::db::{Reader, Row, Writer};
use crate::{Error, Result, TenantId};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A group that is pushed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushGroupRow {
    /// Its number.
    pub id: i64,
    /// The group's id in the directory.
    pub resource: String,
    /// What it is called in the directory; nothing if it is gone.
    pub display: Option<String>,
    /// The rule that chose it.
    pub rule: Option<i64>,
    /// Its name at the app; nothing is its own.
    pub name: Option<String>,
    /// Whether a group of that name that is there already is taken: `link`, or in the way: `create`.
    pub mode: String,
    /// Whether changes go on being pushed.
    pub active: bool,
    /// When it was chosen.
    pub created_at: i64,
    /// How many of its people are there.
    pub headcount: Headcount,
}

/// How many of a pushed group's people are at the app, as it was when the group was last decided about. Kept, and not counted
/// for those who look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headcount {
    /// Its members there.
    pub there: i64,
    /// The people in it and in the groups within it.
    pub people: i64,
    /// Of these, whoever has no account in use, and so is left out.
    pub left_out: i64,
}

/// How the members of a group stand at an app to which it is not pushed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Precheck {
    /// The members that the group has.
    pub members: i64,
    /// Of these, how many were looked at.
    pub looked_at: i64,
    /// People among them who have an account in use.
    pub there: i64,
    /// People who are assigned, and have none yet.
    pub on_the_way: i64,
    /// People who are not assigned.
    pub not_assigned: i64,
    /// People who are assigned, and whose account is out of use.
    pub out_of_use: i64,
    /// Groups among them, whose people come as well and are not counted here.
    pub groups: i64,
}

/// A rule that chooses groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PushRuleRow {
    /// Its number.
    pub id: i64,
    /// `provision::push_group::PushRule`.
    pub rule: Value,
}

/// Somebody who should be in a pushed group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Their id in the directory.
    pub person: String,
    /// The id of their account, if they have one that is in use.
    pub remote_id: Option<String>,
    /// What they are called there.
    pub display: String,
}

/// A member at the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMember {
    /// The id there.
    pub remote_id: String,
    /// Whether the app does not take it.
    pub blocked: bool,
}

const COLUMNS: &str = "p.id, p.resource, r.display, p.rule, p.name, p.mode, p.active, p.created_at, l.members,
                       coalesce(l.members_of, r.member_count), l.members_out";
const FROM: &str = "from push_group p left join resource r on r.tenant = p.tenant and r.id = p.resource
                    left join link l on l.app = p.app and l.kind = 'group' and l.resource = p.resource";

fn pushed(row: &Row<'_>) -> Result<PushGroupRow> {
    let count = |place| Ok::<_, Error>(row.get::<Option<i64>>(place)?.unwrap_or(0));
    Ok(PushGroupRow {
        id: row.get(0)?,
        resource: row.get(1)?,
        display: row.get(2)?,
        rule: row.get(3)?,
        name: row.get(4)?,
        mode: row.get(5)?,
        active: row.get(6)?,
        created_at: row.get(7)?,
        headcount: Headcount { there: count(8)?, people: count(9)?, left_out: count(10)? },
    })
}

impl Reader {
    /// How the members of a group stand at an app, looked at up to a limit. Somebody has a link from when they are assigned,
    /// and it stands still once they are not.
    pub fn push_precheck(&self, tenant: TenantId, app: AppId, group: &str, limit: u32) -> Result<Precheck> {
        let sql = "select count(*), count(case when l.active = 1 then 1 end),
                   count(case when l.active = 0 and l.standing in ('new', 'waiting', 'held', 'parked') then 1 end),
                   count(case when r.kind = 'Group' then 1 end),
                   count(case when l.active = 0 and l.standing not in ('new', 'waiting', 'held', 'parked') and (exists (
                   select 1 from assignment a where a.app = ?3 and a.principal = 'user' and a.resource = r.id
                   and a.only_values = 0) or exists (select 1 from member m join resource g on g.rid = m.group_rid
                   join assignment a on a.app = ?3 and a.principal = 'group' and a.resource = g.id
                   where m.tenant = ?1 and m.member_rid = r.rid)) then 1 end) from (
                   select m.member_rid as rid from resource g join member m on m.tenant = g.tenant and m.group_rid = g.rid
                   where g.tenant = ?1 and g.id = ?2 limit ?4) seen
                   join resource r on r.rid = seen.rid
                   left join link l on l.app = ?3 and l.kind = 'user' and l.resource = r.id";
        let size = "select member_count from resource where tenant = ?1 and id = ?2";
        let members: Option<i64> = self.first(size, (tenant.0, group), |row| row.get(0))?;
        let found = self.first(sql, (tenant.0, group, app.0, limit), |row| {
            let (looked_at, there, on_the_way, groups, out_of_use): (i64, i64, i64, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let not_assigned = looked_at - there - on_the_way - groups - out_of_use;
            let members = members.unwrap_or(0);
            Ok(Precheck { members, looked_at, there, on_the_way, not_assigned, out_of_use, groups })
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The groups that are pushed to an app.
    pub fn push_groups(&self, app: AppId) -> Result<Vec<PushGroupRow>> {
        self.all(&format!("select {COLUMNS} {FROM} where p.app = ?1 order by p.id"), [app.0], pushed)
    }

    /// How one group is pushed.
    pub fn push_group(&self, app: AppId, resource: &str) -> Result<Option<PushGroupRow>> {
        self.first(&format!("select {COLUMNS} {FROM} where p.app = ?1 and p.resource = ?2"), (app.0, resource), pushed)
    }

    /// The rules of an app.
    pub fn push_rules(&self, app: AppId) -> Result<Vec<PushRuleRow>> {
        self.all("select id, rule from push_rule where app = ?1 order by id", [app.0], |row| {
            let rule: String = row.get(1)?;
            Ok(PushRuleRow { id: row.get(0)?, rule: serde_json::from_str(&rule)? })
        })
    }

    /// Everybody in a group and in the groups within it, each once, with their accounts at an app.
    pub fn push_wanted(&self, tenant: TenantId, app: AppId, group: &str) -> Result<Vec<Wanted>> {
        let sql = "select r.rid, r.kind, r.id, l.remote_id, l.display, l.active from member m
                   cross join resource r on r.rid = m.member_rid
                   left join link l on l.app = ?3 and l.kind = 'user' and l.resource = r.id
                   where m.tenant = ?1 and m.group_rid = ?2";
        let Some(rid) = self.rid_of(tenant, group)? else { return Ok(Vec::new()) };
        let (mut found, mut seen, mut frontier) = (BTreeMap::new(), BTreeSet::from([rid]), vec![rid]);
        while let Some(group) = frontier.pop() {
            self.each(sql, (tenant.0, group, app.0), |row| {
                let (rid, kind): (i64, String) = (row.get(0)?, row.get(1)?);
                if kind == "Group" && seen.insert(rid) {
                    frontier.push(rid);
                }
                if kind != "User" {
                    return Ok(true);
                }
                let person: String = row.get(2)?;
                let in_use = row.get::<Option<bool>>(5)?.unwrap_or(false);
                let remote_id: Option<String> = row.get(3)?;
                let display = row.get::<Option<String>>(4)?.unwrap_or_default();
                let wanted = Wanted { person: person.clone(), remote_id: remote_id.filter(|_| in_use), display };
                found.insert(person, wanted);
                Ok(true)
            })?;
        }
        Ok(found.into_values().collect())
    }

    /// A tenant's groups behind a row: row, id and name.
    pub fn groups_after(&self, tenant: TenantId, after: i64, limit: u32) -> Result<Vec<(i64, String, String)>> {
        let sql =
            "select rid, id, coalesce(display, '') from resource where tenant = ?1 and kind = 'Group' and rid > ?2
                   order by rid limit ?3";
        self.all(sql, (tenant.0, after, limit), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// A pushed group's members as they are known to be at the app.
    pub fn push_known(&self, link: i64) -> Result<Vec<KnownMember>> {
        self.all("select remote_id, blocked from member_link where link = ?1", [link], |row| {
            Ok(KnownMember { remote_id: row.get(0)?, blocked: row.get(1)? })
        })
    }
}

impl Writer {
    /// Pushes a group, or changes how; answers its number.
    pub fn push_group_insert(&mut self, tenant: TenantId, app: AppId, new: &PushGroupRow, now: i64) -> Result<i64> {
        let sql = "insert into push_group (tenant, app, resource, rule, name, mode, active, created_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (app, resource) do update
                   set name = excluded.name, mode = excluded.mode, active = excluded.active returning id";
        let made: Option<i64> = self.first(
            sql,
            (tenant.0, app.0, &new.resource, new.rule, &new.name, &new.mode, new.active, now),
            |row| row.get(0),
        )?;
        let id = made.ok_or_else(|| Error::broken("a pushed group has no number"))?;
        self.execute(
            "update link set leave = null where app = ?1 and kind = 'group' and resource = ?2",
            (app.0, &new.resource),
        )?;
        self.link_nudge(tenant, app, LinkKind::Group, &new.resource, 1, now)?;
        Ok(id)
    }

    /// Pushes a group no longer; whether it was. What becomes of it there the app's policy says.
    pub fn push_group_delete(&mut self, app: AppId, resource: &str, now: i64) -> Result<bool> {
        let gone = self.execute("delete from push_group where app = ?1 and resource = ?2", (app.0, resource))? > 0;
        if gone {
            self.link_nudge_known(app, LinkKind::Group, resource, 0, now)?;
        }
        Ok(gone)
    }

    /// What becomes of a group at the app that is pushed no longer, whatever the policy says.
    pub fn push_group_leave(&mut self, app: AppId, resource: &str, delete: bool) -> Result<()> {
        let sql = "update link set leave = ?3 where app = ?1 and kind = 'group' and resource = ?2";
        self.execute(sql, (app.0, resource, if delete { "delete" } else { "keep" })).map(|_| ())
    }

    /// Keeps a rule; answers its number.
    pub fn push_rule_insert(&mut self, tenant: TenantId, app: AppId, rule: &Value) -> Result<i64> {
        let sql = "insert into push_rule (tenant, app, rule) values (?1, ?2, ?3) returning id";
        let made = self.first(sql, (tenant.0, app.0, serde_json::to_string(rule)?), |row| row.get(0))?;
        made.ok_or_else(|| Error::broken("a rule has no number"))
    }

    /// Takes a rule away; the groups that it chose stay pushed, by name. Whether there was one.
    pub fn push_rule_delete(&mut self, app: AppId, id: i64) -> Result<bool> {
        self.execute("update push_group set rule = null where app = ?1 and rule = ?2", (app.0, id))?;
        Ok(self.execute("delete from push_rule where app = ?1 and id = ?2", (app.0, id))? > 0)
    }

    /// Notes members that are at the app now, and that are not.
    pub fn members_pushed(&mut self, tenant: TenantId, link: i64, added: &[String], removed: &[String]) -> Result<()> {
        let add = "insert into member_link (link, remote_id, tenant, blocked) values (?1, ?2, ?3, 0)
                   on conflict (link, remote_id) do update set blocked = 0";
        let added: Vec<[_; 3]> =
            added.iter().map(|id| [link.into(), crate::db::ToValue::value(id), tenant.0.into()]).collect();
        self.execute_many(add, &added)?;
        let removed: Vec<[_; 2]> = removed.iter().map(|id| [link.into(), crate::db::ToValue::value(id)]).collect();
        self.execute_many("delete from member_link where link = ?1 and remote_id = ?2", &removed)?;
        Ok(())
    }

    /// Notes a member that the app does not take; it is tried again when somebody asks for it.
    pub fn member_blocked(&mut self, tenant: TenantId, link: i64, remote_id: &str) -> Result<()> {
        let sql = "insert into member_link (link, remote_id, tenant, blocked) values (?1, ?2, ?3, 1)
                   on conflict (link, remote_id) do update set blocked = 1";
        self.execute(sql, (link, remote_id, tenant.0)).map(|_| ())
    }

    /// Forgets the members of a group that is no longer there, or blocked ones when somebody asks to try again.
    pub fn members_forget(&mut self, link: i64, only_blocked: bool) -> Result<()> {
        let sql = "delete from member_link where link = ?1 and (blocked = 1 or ?2 = 0)";
        self.execute(sql, (link, only_blocked)).map(|_| ())
    }
}
