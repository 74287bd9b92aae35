//! Which links are due, and what makes them so.

use super::{AppId, LinkKind, Standing};
use crate::db::{Reader, Value as Sent, Writer};
use crate::tally::Stand;
use crate::{Result, TenantId};

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The apps that have something to do now.
    pub apps: Vec<(AppId, TenantId)>,
    /// When the next thing is due at an app that has not.
    pub next_at: Option<i64>,
}

/// The lanes, those that are worked on first in front.
pub const LANES: [i64; 4] = [0, 1, 2, 3];

impl Reader {
    /// How many links of an app are due, by lane, each counted no further than `most`.
    pub fn links_due(&self, app: AppId, now: i64, most: u32) -> Result<[u64; 4]> {
        let mut due = [0; 4];
        let sql = "select count(*) from (select 1 from link where app = ?1 and lane = ?2 and due_at <= ?3 limit ?4) n";
        for (count, lane) in due.iter_mut().zip(LANES) {
            let found: Option<i64> = self.first(sql, (app.0, lane, now, most), |row| row.get(0))?;
            *count = found.unwrap_or(0).cast_unsigned();
        }
        Ok(due)
    }

    /// Whether somebody leaves who is nobody's yet.
    pub fn leaver_waits(&self, app: AppId, now: i64) -> Result<bool> {
        let sql = "select 1 from link where app = ?1 and lane = 0 and due_at <= ?2
                   and (lease_until is null or lease_until < ?2) limit 1";
        Ok(self.first(sql, (app.0, now), |_| Ok(()))?.is_some())
    }

    /// How many people are due for whom nothing was ever sent, counted no further than `most`.
    pub fn links_new(&self, app: AppId, now: i64, most: u32) -> Result<u64> {
        let sql = "select count(*) from (select 1 from link where app = ?1 and kind = 'user' and standing = 'new'
                   and due_at <= ?2 limit ?3) n";
        let count: Option<i64> = self.first(sql, (app.0, now, most), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// Whether an app's links were all decided with its revision, and how many were not, counted no further than `most`.
    pub fn links_stale(&self, app: AppId, revision: i64, most: u32) -> Result<u64> {
        let sql = "select count(*) from (select 1 from link where app = ?1 and evaluated_rev < ?2 limit ?3) n";
        let count: Option<i64> = self.first(sql, (app.0, revision, most), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// What there is to do. A lookup for each app that has anything due, and one for each app.
    pub fn links_work(&self, now: i64) -> Result<Work> {
        let (mut apps, mut next_at, mut last) = (Vec::new(), None::<i64>, i64::MIN);
        let sql = "select app from link where due_at is not null and app > ?1 order by app limit 1";
        while let Some(app) = self.first(sql, [last], |row| row.get::<i64>(0))? {
            last = app;
            let Some(earliest) = self.links_earliest(AppId(app))? else { continue };
            if earliest <= now {
                apps.push(app);
            } else {
                next_at = Some(next_at.map_or(earliest, |known| known.min(earliest)));
            }
        }
        let stale = "select a.id from app a where exists
                     (select 1 from link l where l.app = a.id and l.evaluated_rev < a.revision)";
        apps.extend(self.all(stale, (), |row| row.get::<i64>(0))?);
        apps.sort_unstable();
        apps.dedup();
        let mut work = Work { apps: Vec::with_capacity(apps.len()), next_at };
        for app in apps {
            let tenant = "select tenant from app where id = ?1 and deleting_at is null";
            let tenant = self.first(tenant, [app], |row| row.get(0))?;
            work.apps.extend(tenant.map(|tenant| (AppId(app), TenantId(tenant))));
        }
        Ok(work)
    }

    fn links_earliest(&self, app: AppId) -> Result<Option<i64>> {
        let mut earliest = None::<i64>;
        let sql = "select due_at from link where app = ?1 and lane = ?2 and due_at is not null order by due_at limit 1";
        for lane in LANES {
            let found = self.first(sql, (app.0, lane), |row| row.get::<i64>(0))?;
            earliest = earliest.into_iter().chain(found).min();
        }
        Ok(earliest)
    }
}

/// What makes a link due. A nudge that comes while somebody works on it makes it due again behind that.
const NUDGE: &str = "desired_rev = link.desired_rev + 1,
    lane = case when link.due_at is null or link.lane > ?4 then ?4 else link.lane end,
    due_at = case when link.due_at is null or link.due_at > ?5 then ?5 else link.due_at end";

impl Writer {
    /// Somebody's account may be out of date; the link is made if it is not there.
    pub fn link_nudge(
        &mut self,
        tenant: TenantId,
        app: AppId,
        kind: LinkKind,
        resource: &str,
        lane: i64,
        at: i64,
    ) -> Result<()> {
        self.links_nudge(tenant, (app, kind), &[resource], lane, at)
    }

    /// The same for several, in few statements one behind the other.
    pub fn links_nudge(
        &mut self,
        tenant: TenantId,
        (app, kind): (AppId, LinkKind),
        resources: &[&str],
        lane: i64,
        at: i64,
    ) -> Result<()> {
        let set = |resource| {
            let (app, kind) = (Sent::Int(app.0), Sent::Text(kind.as_str()));
            [app, kind, Sent::Text(resource), Sent::Int(lane), Sent::Int(at), Sent::Int(tenant.0)]
        };
        let sql =
            "insert into link (tenant, app, kind, resource, standing, active, lane, due_at, desired_rev, applied_rev,
             evaluated_rev, retry, fence, changed_at, seen_run) values (?6, ?1, ?2, ?3, 'new', 0, ?4, ?5, 1, 0,
             coalesce((select revision from app where id = ?1), 0), 0, 0, ?5, 0)
             on conflict (app, kind, resource) do nothing";
        let sets: Vec<[Sent<'_>; 6]> = resources.iter().copied().map(set).collect();
        let made = self.execute_many(sql, &sets)?;
        let new = i64::try_from(made.iter().filter(|count| **count > 0).count()).unwrap_or(i64::MAX);
        if new > 0 {
            self.links_stand(tenant, Stand { app, kind, standing: Standing::New, active: false }, new);
        }
        let known = resources.iter().zip(made).filter(|(_, made)| *made == 0);
        known.into_iter().try_for_each(|(resource, _)| self.link_nudge_known(app, kind, resource, lane, at))
    }

    /// The same for a link that is there.
    pub fn link_nudge_known(&mut self, app: AppId, kind: LinkKind, resource: &str, lane: i64, at: i64) -> Result<()> {
        let sql = format!("update link set {NUDGE} where app = ?1 and kind = ?2 and resource = ?3");
        self.later(&sql, (app.0, kind.as_str(), resource, lane, at))
    }

    /// Whoever is at these rows has another manager than before, or none: their accounts may be out of date, and no change of
    /// their own says so.
    pub(crate) fn links_nudge_rows(&mut self, tenant: TenantId, rows: &[i64]) -> Result<()> {
        let sql = "update link set desired_rev = desired_rev + 1,
                   lane = case when due_at is null or lane > 2 then 2 else lane end,
                   due_at = case when due_at is null or due_at > changed_at then changed_at else due_at end
                   where tenant = ?1 and kind = 'user' and resource = (select id from resource where rid = ?2)";
        rows.iter().try_for_each(|rid| self.later(sql, (tenant.0, *rid)))
    }

    /// Somebody asks to try again: 1, or also to forget what was learned: 2. Whether there is such a link.
    pub fn link_retry(&mut self, id: i64, how: i64, now: i64) -> Result<bool> {
        let sql = "update link set retry = ?2, desired_rev = desired_rev + 1, due_at = ?3,
                   lane = case when lane > 1 then 1 else lane end where id = ?1";
        Ok(self.execute(sql, (id, how, now))? > 0)
    }

    /// The same for all links of one task; how many.
    pub fn links_retry(&mut self, app: AppId, cause: &str, now: i64) -> Result<u64> {
        let sql = "update link set retry = 1, desired_rev = desired_rev + 1, due_at = ?3 where app = ?1 and cause = ?2";
        Ok(self.execute(sql, (app.0, cause, now))? as u64)
    }

    /// Drops work that a brake holds; it comes back when something changes. How many it were.
    pub fn links_drop(&mut self, app: AppId, ids: &[i64], now: i64) -> Result<u64> {
        let sql = "update link set standing = 'dropped', cause = null, detail = null, caused_at = null, due_at = null,
                   changed_at = ?3 where app = ?1 and id = ?2 and standing = 'held'";
        let mut dropped = 0;
        for id in ids {
            let Some((tenant, was)) = self.link_stand(*id)? else { continue };
            if self.execute(sql, (app.0, *id, now))? > 0 {
                self.link_stands(tenant, was, Stand { standing: Standing::Dropped, ..was });
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Makes everything due that waits for these people's accounts: those whose manager they are, and the pushed groups
    /// that they are in, each once.
    pub fn links_wake(
        &mut self,
        tenant: TenantId,
        app: AppId,
        people: &[&str],
        now: i64,
        groups_at: i64,
    ) -> Result<()> {
        let sql = "select (select rid from resource where tenant = ?1 and id = ?3),
                   exists (select 1 from link_wait where app = ?2 and person = ?3)";
        let sets: Vec<[Sent<'_>; 3]> =
            people.iter().map(|person| [Sent::Int(tenant.0), Sent::Int(app.0), Sent::Text(person)]).collect();
        let known = self.first_of(sql, &sets, |row| Ok((row.get::<Option<i64>>(0)?, row.get::<bool>(1)?)))?;
        let sql = "update link set desired_rev = desired_rev + 1, lane = case when due_at is null then 2 else lane end,
                   due_at = case when due_at is null or due_at > ?3 then ?3 else due_at end
                   where id in (select link from link_wait where app = ?1 and person = ?2)";
        for (person, _) in people.iter().zip(&known).filter(|(_, known)| matches!(known, Some((_, true)))) {
            self.later(sql, (app.0, *person, now))?;
        }
        // A group that is due by then and nobody's will be read behind this anyway.
        let sql = format!(
            "update link set {NUDGE} where app = ?1 and kind = ?2 and resource = ?3
             and (due_at is null or due_at > ?5 or lane > ?4 or lease_until is not null)"
        );
        let rids: Vec<i64> = known.into_iter().flatten().filter_map(|(rid, _)| rid).collect();
        for group in self.groups_around_all(tenant, &rids)? {
            self.later(&sql, (app.0, LinkKind::Group.as_str(), group, 2_i64, groups_at))?;
        }
        Ok(())
    }
}
