//! Members that a push named and that are nobody here: they were left out, and whoever runs the directory has to hear of it.
//!
//! Not here: who is a member. Somebody who has come since, or was named again when they were there, is no longer absent;
//! that is looked up when it is read.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};
use scim::patch_op::MemberOp;

/// Most of them that are remembered of one request, and the longest id.
const REMEMBERED: usize = 1_000;
const CHARS_MAX: usize = 255;

/// One that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentMember {
    /// What was sent.
    pub value: String,
    /// When it last was.
    pub seen_at: i64,
    /// Whom it means by now, without being in the group: id, type, and name.
    pub here: Option<(String, String, Option<String>)>,
}

impl Reader {
    /// Those of a group, who is not in it by now, at most so many.
    pub fn absent_members(&self, tenant: TenantId, group_rid: i64, limit: u32) -> Result<Vec<AbsentMember>> {
        let sql = "select a.value, a.seen_at, r.id, r.kind, r.display from absent_member a
                   left join resource r on r.tenant = a.tenant and r.id = a.value and r.kind in ('User', 'Group')
                   where a.tenant = ?1 and a.group_rid = ?2 and not exists (
                       select 1 from member m where m.tenant = a.tenant and m.group_rid = a.group_rid and m.member_rid = r.rid)
                   order by a.value limit ?3";
        self.all(sql, (tenant.0, group_rid, limit), |row| {
            let (id, kind): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
            let display: Option<String> = row.get(4)?;
            let here = id.zip(kind).map(|(id, kind)| (id, kind, display));
            Ok(AbsentMember { value: row.get(0)?, seen_at: row.get(1)?, here })
        })
    }
}

impl Writer {
    /// Notes whom a request named in vain, and forgets whom it does not name any more.
    pub fn absent_members_noted(
        &mut self,
        tenant: TenantId,
        group_rid: i64,
        ops: &[MemberOp],
        unknown: &[String],
        now: i64,
    ) -> Result<()> {
        for op in ops {
            match op {
                MemberOp::Replace(_) | MemberOp::RemoveAll => self.absent_members_forgotten(tenant, group_rid)?,
                MemberOp::Remove(members) => {
                    let sql = "delete from absent_member where tenant = ?1 and group_rid = ?2 and value = ?3";
                    for member in members {
                        self.later(sql, (tenant.0, group_rid, &member.value))?;
                    }
                }
                MemberOp::Add(_) | MemberOp::RemoveMatching(_) => {}
            }
        }
        let sql = "insert into absent_member (tenant, group_rid, value, seen_at) values (?1, ?2, ?3, ?4)
                   on conflict (tenant, group_rid, value) do update set seen_at = excluded.seen_at";
        for value in unknown.iter().filter(|value| value.chars().count() <= CHARS_MAX).take(REMEMBERED) {
            self.later(sql, (tenant.0, group_rid, value, now))?;
        }
        Ok(())
    }

    /// Forgets them all.
    pub fn absent_members_forgotten(&mut self, tenant: TenantId, group_rid: i64) -> Result<()> {
        self.later("delete from absent_member where tenant = ?1 and group_rid = ?2", (tenant.0, group_rid))
    }
}
