//! The change feed: one row for every change, written with it.
//!
//! Invariant: a tenant's `seq` has no gaps and follows the order of the commits, so a reader that asks
//! for what comes after the last one it saw misses nothing.

use crate::db::{FromValue, Reader, Row, Value as Sent, Writer};
use crate::{Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its attributes changed.
    Updated,
    /// It is gone.
    Deleted,
    /// Its members changed.
    MembersChanged,
}

impl ChangeKind {
    const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::MembersChanged];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::MembersChanged => "membersChanged",
        }
    }
}

impl FromValue for ChangeKind {
    fn from_value(value: Sent<'_>) -> Option<Self> {
        let text = String::from_value(value)?;
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One row of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whose.
    pub tenant: TenantId,
    /// Its number in the tenant; given when it is written.
    pub seq: i64,
    /// What happened.
    pub kind: ChangeKind,
    /// The type of the resource.
    pub resource_type: String,
    /// The resource's id.
    pub id: String,
    /// When.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What changed, by its name: `attributes`, `active`; ids of members that were `added` or `removed`.
    pub what: Value,
}

fn row_of(tenant: TenantId, row: &Row<'_>) -> Result<Change> {
    let what: String = row.get(6)?;
    Ok(Change {
        tenant,
        seq: row.get(0)?,
        kind: row.get(1)?,
        resource_type: row.get(2)?,
        id: row.get(3)?,
        at: row.get(4)?,
        actor: row.get(5)?,
        what: serde_json::from_str(&what).unwrap_or(Value::Null),
    })
}

impl Reader {
    /// What comes after that number, in order.
    pub fn changes(&self, tenant: TenantId, after: i64, limit: u32) -> Result<Vec<Change>> {
        let sql = "select seq, kind, resource_type, id, at, actor, what from change
                   where tenant = ?1 and seq > ?2 order by seq limit ?3";
        self.all(sql, (tenant.0, after, limit), |row| row_of(tenant, row))
    }

    /// The changes of one resource before a number, newest first; its own, not those of groups that it is in.
    pub fn changes_of(&self, tenant: TenantId, id: &str, before: Option<i64>, limit: u32) -> Result<Vec<Change>> {
        // The planner would rather walk through the whole feed in its order, because of the limit.
        let sql = "select seq, kind, resource_type, id, at, actor, what from change indexed by change_resource
                   where tenant = ?1 and id = ?2 and seq < ?3 order by seq desc limit ?4";
        self.all(sql, (tenant.0, id, before.unwrap_or(i64::MAX), limit), |row| row_of(tenant, row))
    }
}

impl Writer {
    /// Adds to the feed and answers the number; `seq` of the argument is not looked at.
    pub fn change(&mut self, change: &Change) -> Result<i64> {
        let seq = self.next_change(change.tenant)?;
        self.changed.push(change.tenant, seq, &change.id);
        let sql = "insert into change (tenant, seq, kind, resource_type, id, at, actor, what)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let what = serde_json::to_string(&change.what)?;
        let kind = change.kind.as_str();
        let (resource_type, id) = (&change.resource_type, &change.id);
        self.later(sql, (change.tenant.0, seq, kind, resource_type, id, change.at, &change.actor, what))?;
        Ok(seq)
    }
}
