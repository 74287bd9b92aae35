//! From the change feed to links: how far it was followed, and people that are still to be looked at.

use super::{AppId, LinkKind};
use crate::db::{Reader, Row, Writer};
use crate::{Result, TenantId};

/// The people of a group, a few hundred at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Its number; given when it is made.
    pub id: i64,
    /// Whose.
    pub tenant: TenantId,
    /// At which app.
    pub app: AppId,
    /// The group; groups within it have a row of their own.
    pub group: String,
    /// In which lane.
    pub lane: i64,
    /// Whether links that are not there are made.
    pub make: bool,
    /// The last member that was done.
    pub position: i64,
}

fn fill(row: &Row<'_>) -> Result<Fill> {
    Ok(Fill {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        group: row.get(3)?,
        lane: row.get(4)?,
        make: row.get(5)?,
        position: row.get(6)?,
    })
}

impl Reader {
    /// The tenants whose feed has gone on.
    pub fn feeds_behind(&self) -> Result<Vec<TenantId>> {
        let sql = "select f.tenant from feed_cursor f join change_seq c on c.tenant = f.tenant where c.last > f.seq";
        self.all(sql, (), |row| Ok(TenantId(row.get(0)?)))
    }

    /// How far a feed was followed; nothing where there is no app.
    pub fn feed_cursor(&self, tenant: TenantId) -> Result<Option<i64>> {
        self.first("select seq from feed_cursor where tenant = ?1", [tenant.0], |row| row.get(0))
    }

    /// People that are still to be looked at, the oldest orders first.
    pub fn fills(&self, limit: u32) -> Result<Vec<Fill>> {
        let sql = "select id, tenant, app, group_id, lane, make, position from fill order by id limit ?1";
        self.all(sql, [limit], fill)
    }

    /// Whether people of an app are still to be looked at.
    pub fn fill_waits(&self, app: AppId) -> Result<bool> {
        Ok(self.first("select 1 from fill where app = ?1 limit 1", [app.0], |_| Ok(()))?.is_some())
    }
}

impl Writer {
    /// Notes how far a feed was followed.
    pub fn feed_moved(&mut self, tenant: TenantId, seq: i64) -> Result<()> {
        self.execute("update feed_cursor set seq = ?2 where tenant = ?1 and seq < ?2", (tenant.0, seq)).map(|_| ())
    }

    /// Everybody in a group, and in the groups within it, is to be looked at.
    pub fn fill_insert(&mut self, tenant: TenantId, app: AppId, group: &str, lane: i64, make: bool) -> Result<()> {
        let sql = "insert into fill (tenant, app, group_id, lane, make, position) values (?1, ?2, ?3, ?4, ?5, 0)";
        for group in self.groups_within(tenant, group)? {
            self.execute(sql, (tenant.0, app.0, group, lane, make))?;
        }
        Ok(())
    }

    /// Does the next part of such an order; whether that was the last one. Somebody else may have done it meanwhile.
    pub fn fill_turn(&mut self, order: i64, limit: u32, now: i64) -> Result<bool> {
        let sql = "select id, tenant, app, group_id, lane, make, position from fill where id = ?1";
        let Some(order) = self.first(sql, [order], fill)? else { return Ok(true) };
        let people = self.group_people(order.tenant, &order.group, order.position, limit)?;
        let Some((last, _)) = people.last() else {
            self.execute("delete from fill where id = ?1", [order.id])?;
            return Ok(true);
        };
        self.execute("update fill set position = ?2 where id = ?1", (order.id, *last))?;
        for (_, person) in &people {
            if order.make {
                self.link_nudge(order.tenant, order.app, LinkKind::User, person, order.lane, now)?;
            } else {
                self.link_nudge_known(order.app, LinkKind::User, person, order.lane, now)?;
            }
        }
        Ok(false)
    }
}
