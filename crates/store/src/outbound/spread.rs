//! From the change feed to links: how far it was followed, and people that are still to be looked at.

use super::{AppId, LANES, LinkKind, Principal};
use crate::db::{Reader, Row, Writer};
use crate::{Error, Result, TenantId};
use std::collections::BTreeSet;

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
    /// Whether they are listed, because the group is gone.
    pub listed: bool,
}

const COLUMNS: &str = "id, tenant, app, group_id, lane, make, position, listed";

fn fill(row: &Row<'_>) -> Result<Fill> {
    Ok(Fill {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        group: row.get(3)?,
        lane: row.get(4)?,
        make: row.get(5)?,
        position: row.get(6)?,
        listed: row.get::<i64>(7)? == 1,
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

    /// People that are still to be looked at: those who may leave first, of these the oldest orders.
    pub fn fills(&self, limit: u32) -> Result<Vec<Fill>> {
        self.all(&format!("select {COLUMNS} from fill order by lane, id limit ?1"), [limit], fill)
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
        let within = self.groups_within(tenant, group)?;
        within.iter().try_for_each(|group| self.fill_order(tenant, app, (group, false), lane, make).map(|_| ()))
    }

    /// An order for those who are right in a group, or listed; its number.
    fn fill_order(
        &mut self,
        tenant: TenantId,
        app: AppId,
        (group, listed): (&str, bool),
        lane: i64,
        make: bool,
    ) -> Result<i64> {
        let sql = "insert into fill (tenant, app, group_id, lane, make, position, listed)
                   values (?1, ?2, ?3, ?4, ?5, 0, ?6) returning id";
        let made = self.first(sql, (tenant.0, app.0, group, lane, make, listed), |row| row.get(0))?;
        made.ok_or_else(|| Error::broken("an order has no number"))
    }

    /// A group is about to be deleted: everybody in it may have to leave where it, or a group around it, is assigned. Who is
    /// right in it is listed, because nobody will know it any more; a few bytes for each.
    pub(crate) fn group_dissolves(&mut self, tenant: TenantId, group: &str) -> Result<()> {
        let Some(rid) = self.rid_of(tenant, group)? else { return Ok(()) };
        let around = self.groups_around_all(tenant, &[rid])?;
        let mut apps = BTreeSet::new();
        for group in around.iter().map(String::as_str).chain([group]) {
            apps.extend(self.assigned_apps(tenant, Principal::Group, group)?);
        }
        let lane = LANES.first().copied().unwrap_or_default();
        for app in apps {
            for within in self.groups_within(tenant, group)?.iter().filter(|within| *within != group) {
                self.fill_order(tenant, app, (within, false), lane, false)?;
            }
            let order = self.fill_order(tenant, app, (group, true), lane, false)?;
            let sql = "insert into fill_person (fill, rid, tenant, person) select ?1, r.rid, ?2, r.id from member m
                       join resource r on r.rid = m.member_rid and r.kind = 'User'
                       where m.tenant = ?2 and m.group_rid = ?3";
            self.execute(sql, (order, tenant.0, rid))?;
        }
        Ok(())
    }

    /// The next people of an order. Those that are listed go from the list when they were done.
    fn fill_people(&mut self, order: &Fill, limit: u32) -> Result<Vec<(i64, String)>> {
        if !order.listed {
            return self.group_people(order.tenant, &order.group, order.position, limit);
        }
        self.execute("delete from fill_person where fill = ?1 and rid <= ?2", (order.id, order.position))?;
        let sql = "select rid, person from fill_person where fill = ?1 order by rid limit ?2";
        self.all(sql, (order.id, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Does the next part of such an order; whether that was the last one. Somebody else may have done it meanwhile.
    pub fn fill_turn(&mut self, order: i64, limit: u32, now: i64) -> Result<bool> {
        let sql = format!("select {COLUMNS} from fill where id = ?1");
        let Some(order) = self.first(&sql, [order], fill)? else { return Ok(true) };
        let people = self.fill_people(&order, limit)?;
        let Some((last, _)) = people.last() else {
            self.execute("delete from fill where id = ?1", [order.id])?;
            return Ok(true);
        };
        self.execute("update fill set position = ?2 where id = ?1", (order.id, *last))?;
        let people: Vec<&str> = people.iter().map(|(_, person)| person.as_str()).collect();
        if order.make {
            self.links_nudge(order.tenant, (order.app, LinkKind::User), &people, order.lane, now)?;
        } else {
            for person in people {
                self.link_nudge_known(order.app, LinkKind::User, person, order.lane, now)?;
            }
        }
        Ok(false)
    }
}
