//! Links: what is due, who works on it, what became of it.

use super::AppId;
use crate::db::{FromValue, Reader, Row, Value as Sent, Writer, params};
use crate::{Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user or a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkKind {
    /// A user.
    #[default]
    User,
    /// A group.
    Group,
}

/// Where a link stands, for lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Nothing was decided yet, or nothing is there.
    #[default]
    New,
    /// It is ours, and as it should be.
    Linked,
    /// It is tried again later.
    Waiting,
    /// A brake holds it.
    Held,
    /// Somebody has to look.
    Parked,
    /// Held work that somebody dropped.
    Dropped,
    /// It was deleted there.
    Gone,
}

/// Words as they stand in a column.
macro_rules! words {
    ($type:ty { $($name:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What a word means.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }

        impl FromValue for $type {
            fn from_value(value: Sent<'_>) -> Option<Self> {
                Self::parse(&String::from_value(value)?)
            }
        }
    };
}
pub(super) use words;

words!(LinkKind { User = "user", Group = "group" });
words!(Standing {
    New = "new",
    Linked = "linked",
    Waiting = "waiting",
    Held = "held",
    Parked = "parked",
    Dropped = "dropped",
    Gone = "gone",
});

/// Why somebody should look at a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// What groups it: links with the same one are one task.
    pub key: String,
    /// The same at length.
    pub detail: Value,
}

/// A link without what is known of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkRow {
    /// Its number.
    pub id: i64,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Of which app.
    #[serde(skip)]
    pub app: AppId,
    /// A user or a group.
    pub kind: LinkKind,
    /// Its id in the directory.
    pub resource: String,
    /// What it is called in the directory; nothing if it is gone.
    pub name: Option<String>,
    /// Its id at the app.
    pub remote_id: Option<String>,
    /// What it is called at the app.
    pub display: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// Whether the account is in use.
    pub active: bool,
    /// In which order it is worked on.
    pub lane: i64,
    /// When something is to be done.
    pub due_at: Option<i64>,
    /// Goes up when it may be out of date.
    pub desired_rev: i64,
    /// What was decided last.
    pub applied_rev: i64,
    /// The app's revision that this was decided with.
    pub evaluated_rev: i64,
    /// 1: somebody asked to try again; 2: and to forget what was learned.
    pub retry: i64,
    /// Of a group that is pushed no longer: `delete` or `keep`; nothing is what the policy says.
    pub leave: Option<String>,
    /// What is being done.
    pub begun: Option<String>,
    /// Why somebody should look.
    pub cause: Option<Cause>,
    /// Goes up with every claim.
    #[serde(skip)]
    pub fence: i64,
    /// Since when.
    pub caused_at: Option<i64>,
    /// When something changed here.
    pub changed_at: i64,
}

/// A link that is somebody's for a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claimed {
    /// The link.
    pub row: LinkRow,
    /// `provision::Link` as JSON; nothing for one that is new.
    pub state: Option<String>,
}

/// What became of a claimed link.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The link's number.
    pub id: i64,
    /// What the claim was given.
    pub fence: i64,
    /// `provision::Link` as JSON.
    pub state: String,
    /// Its id at the app.
    pub remote_id: Option<String>,
    /// What it is called there.
    pub display: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// Whether the account is in use.
    pub active: bool,
    /// When to look again, if nothing happens meanwhile.
    pub due_at: Option<i64>,
    /// In which lane.
    pub lane: i64,
    /// The `desired_rev` that was decided with.
    pub applied_rev: i64,
    /// The app's revision that was decided with.
    pub evaluated_rev: i64,
    /// What is being done.
    pub begun: Option<String>,
    /// Why somebody should look.
    pub cause: Option<Cause>,
    /// Until when it stays the caller's; nothing gives it back.
    pub keep_until: Option<i64>,
    /// The people without whom it is not complete.
    pub waits: Vec<String>,
}

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The apps that have something to do now.
    pub apps: Vec<(AppId, TenantId)>,
    /// When the next thing is due at an app that has not.
    pub next_at: Option<i64>,
}

/// Which links a list shows.
#[derive(Clone, Debug, Default)]
pub struct LinkQuery {
    /// A user or a group.
    pub kind: LinkKind,
    /// Only these.
    pub standing: Option<Standing>,
    /// Only those of one task.
    pub cause: Option<String>,
    /// Behind this one.
    pub after: i64,
    /// How many.
    pub limit: u32,
}

pub(super) const COLUMNS: &str = "l.id, l.tenant, l.app, l.kind, l.resource, r.display, l.remote_id, l.display, l.standing, l.active, \
                       l.lane, l.due_at, l.desired_rev, l.applied_rev, l.evaluated_rev, l.retry, l.begun, l.cause, \
                       l.detail, l.fence, l.caused_at, l.changed_at, l.leave";
/// The place of what follows them.
const STATE: usize = 23;
pub(super) const FROM: &str = "from link l left join resource r on r.tenant = l.tenant and r.id = l.resource";

pub(super) fn link(row: &Row<'_>) -> Result<LinkRow> {
    let (key, detail): (Option<String>, Option<String>) = (row.get(17)?, row.get(18)?);
    let detail = detail.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(LinkRow {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        kind: row.get(3)?,
        resource: row.get(4)?,
        name: row.get(5)?,
        remote_id: row.get(6)?,
        display: row.get(7)?,
        standing: row.get(8)?,
        active: row.get(9)?,
        lane: row.get(10)?,
        due_at: row.get(11)?,
        desired_rev: row.get(12)?,
        applied_rev: row.get(13)?,
        evaluated_rev: row.get(14)?,
        retry: row.get(15)?,
        begun: row.get(16)?,
        cause: key.map(|key| Cause { key, detail }),
        fence: row.get(19)?,
        caused_at: row.get(20)?,
        changed_at: row.get(21)?,
        leave: row.get(22)?,
    })
}

/// What counting accounts takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    tenant: TenantId,
    app: AppId,
    /// Whether it is a person's.
    counts: bool,
    active: bool,
}

fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account { tenant: TenantId(row.get(0)?), app: AppId(row.get(1)?), counts: row.get(2)?, active: row.get(3)? })
}

/// The lanes, those that are worked on first in front.
pub const LANES: [i64; 4] = [0, 1, 2, 3];

impl Reader {
    /// The link of a person, or group, at an app.
    pub fn link_of(&self, app: AppId, kind: LinkKind, resource: &str) -> Result<Option<LinkRow>> {
        let sql = format!("select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.resource = ?3");
        self.first(&sql, (app.0, kind.as_str(), resource), link)
    }

    /// The link of that number.
    pub fn link(&self, id: i64) -> Result<Option<LinkRow>> {
        self.first(&format!("select {COLUMNS} {FROM} where l.id = ?1"), [id], link)
    }

    /// The link that has this id at the app.
    pub fn link_by_remote(&self, app: AppId, kind: LinkKind, remote_id: &str) -> Result<Option<LinkRow>> {
        let sql = format!("select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.remote_id = ?3");
        self.first(&sql, (app.0, kind.as_str(), remote_id), link)
    }

    /// What is known of an account: `provision::Link` as JSON.
    pub fn link_state(&self, id: i64) -> Result<Option<String>> {
        self.first("select state from link_state where link = ?1", [id], |row| row.get(0))
    }

    /// Everything of one person, over all apps.
    pub fn links_of_resource(&self, tenant: TenantId, resource: &str) -> Result<Vec<LinkRow>> {
        let sql = format!("select {COLUMNS} {FROM} where l.tenant = ?1 and l.resource = ?2 order by l.id");
        self.all(&sql, (tenant.0, resource), link)
    }

    /// A page of an app's links in the order in which they were made.
    pub fn links(&self, app: AppId, query: &LinkQuery) -> Result<Vec<LinkRow>> {
        let (kind, after, limit) = (query.kind.as_str(), query.after, query.limit);
        match (&query.cause, query.standing) {
            (Some(cause), _) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.cause = ?2 and l.id > ?3 order by l.id limit ?4"
                );
                self.all(&sql, (app.0, cause, after, limit), link)
            }
            (None, Some(standing)) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.standing = ?3 and l.id > ?4 order by l.id limit ?5"
                );
                self.all(&sql, (app.0, kind, standing.as_str(), after, limit), link)
            }
            (None, None) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.id > ?3 order by l.id limit ?4"
                );
                self.all(&sql, (app.0, kind, after, limit), link)
            }
        }
    }

    /// How many links of an app stand where.
    pub fn links_count(&self, app: AppId, kind: LinkKind) -> Result<Vec<(Standing, bool, u64)>> {
        let sql = "select standing, active, count(*) from link where app = ?1 and kind = ?2 group by standing, active";
        self.all(sql, (app.0, kind.as_str()), |row| Ok((row.get(0)?, row.get(1)?, row.get::<i64>(2)?.cast_unsigned())))
    }

    /// How many links of an app are due, by lane.
    pub fn links_due(&self, app: AppId, now: i64) -> Result<[u64; 4]> {
        let mut due = [0; 4];
        let sql = "select count(*) from link where app = ?1 and lane = ?2 and due_at <= ?3";
        for (count, lane) in due.iter_mut().zip(LANES) {
            let found: Option<i64> = self.first(sql, (app.0, lane, now), |row| row.get(0))?;
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

    /// Whether an app's links were all decided with its revision, and how many were not.
    pub fn links_stale(&self, app: AppId, revision: i64) -> Result<u64> {
        let sql = "select count(*) from link where app = ?1 and evaluated_rev < ?2";
        let count: Option<i64> = self.first(sql, (app.0, revision), |row| row.get(0))?;
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
            let tenant = self.first("select tenant from app where id = ?1", [app], |row| row.get(0))?;
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
        let sql = format!(
            "insert into link (tenant, app, kind, resource, standing, active, lane, due_at, desired_rev, applied_rev,
             evaluated_rev, retry, fence, changed_at, seen_run) values (?6, ?1, ?2, ?3, 'new', 0, ?4, ?5, 1, 0,
             coalesce((select revision from app where id = ?1), 0), 0, 0, ?5, 0)
             on conflict (app, kind, resource) do update set {NUDGE}"
        );
        self.later(&sql, (app.0, kind.as_str(), resource, lane, at, tenant.0))
    }

    /// The same for a link that is there; whether there is one.
    pub fn link_nudge_known(&mut self, app: AppId, kind: LinkKind, resource: &str, lane: i64, at: i64) -> Result<bool> {
        let sql = format!("update link set {NUDGE} where app = ?1 and kind = ?2 and resource = ?3");
        Ok(self.execute(&sql, (app.0, kind.as_str(), resource, lane, at))? > 0)
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
            dropped += self.execute(sql, (app.0, *id, now))? as u64;
        }
        Ok(dropped)
    }

    /// Takes what is due: leavers before arrivals before changes before backfill, and behind all that what was decided
    /// with an older revision of the app; or leavers alone. It is the caller's until the given instant.
    pub fn links_claim(
        &mut self,
        app: AppId,
        (by, until): (&str, i64),
        now: i64,
        limit: u32,
        leavers: bool,
    ) -> Result<Vec<Claimed>> {
        let mut ids = Vec::new();
        let free = "(lease_until is null or lease_until < ?3)";
        let sql = format!(
            "select id from link where app = ?1 and lane = ?2 and due_at <= ?3 and {free} order by due_at limit ?4"
        );
        for lane in LANES.into_iter().take(if leavers { 1 } else { LANES.len() }) {
            let rest = i64::from(limit) - i64::try_from(ids.len()).unwrap_or(i64::MAX);
            if rest > 0 {
                ids.extend(self.all(&sql, (app.0, lane, now, rest), |row| row.get::<i64>(0))?);
            }
        }
        let rest = i64::from(limit) - i64::try_from(ids.len()).unwrap_or(i64::MAX);
        if rest > 0 && !leavers {
            let sql = format!(
                "select id from link where app = ?1 and evaluated_rev < (select revision from app where id = ?1)
                 and (due_at is null or due_at > ?3) and {free} order by evaluated_rev, id limit ?2"
            );
            ids.extend(self.all(&sql, (app.0, rest, now), |row| row.get::<i64>(0))?);
        }
        self.claim(&ids, (by, until), now)
    }

    /// Takes one link, whether it is due or not; nothing if somebody else has it.
    pub fn link_claim(&mut self, id: i64, by: &str, now: i64, until: i64) -> Result<Option<Claimed>> {
        let sql = "select id from link where id = ?1 and (lease_until is null or lease_until < ?2)";
        match self.first(sql, (id, now), |row| row.get::<i64>(0))? {
            Some(id) => Ok(self.claim(&[id], (by, until), now)?.pop()),
            None => Ok(None),
        }
    }

    /// A fence is later than any before it, also than one that was lost with a database's machine while the node that held
    /// it went on.
    fn claim(&mut self, ids: &[i64], (by, until): (&str, i64), now: i64) -> Result<Vec<Claimed>> {
        let sets: Vec<[Sent<'_>; 4]> =
            ids.iter().map(|id| [Sent::Int(*id), Sent::Text(by), Sent::Int(until), Sent::Int(now)]).collect();
        let sql = "update link set lease_by = ?2, lease_until = ?3,
                   fence = case when fence < ?4 then ?4 else fence + 1 end where id = ?1";
        self.execute_many(sql, &sets)?;
        let sql = format!("select {COLUMNS}, s.state {FROM} left join link_state s on s.link = l.id where l.id = ?1");
        let sets: Vec<[Sent<'_>; 1]> = ids.iter().map(|id| [Sent::Int(*id)]).collect();
        let claimed = self.first_of(&sql, &sets, |row| Ok(Claimed { row: link(row)?, state: row.get(STATE)? }))?;
        Ok(claimed.into_iter().flatten().collect())
    }

    /// Stores what became of a claimed link, and gives it back unless it is kept. `false` if it is somebody else's by
    /// now, or its id at the app is another link's: nothing is stored then.
    pub fn link_settle(&mut self, settled: &Settled, now: i64) -> Result<bool> {
        let Some((was, taken)) = self.settled_before(settled)? else { return Ok(false) };
        if let Some(remote_id) = settled.remote_id.as_ref().filter(|_| taken)
            && !self.orphan_yields((settled.id, settled.fence), remote_id)?
        {
            return Ok(false);
        }
        let sql = "update link set remote_id = ?3, display = ?4, standing = ?5, active = ?6,
                   due_at = case when ?7 = 1 or desired_rev > ?9 then due_at else ?8 end,
                   lane = case when ?7 = 1 or desired_rev > ?9 then lane else ?10 end,
                   retry = case when desired_rev > ?9 then retry else 0 end,
                   applied_rev = ?9, evaluated_rev = ?11, begun = ?12,
                   caused_at = case when ?13 is null then null when cause = ?13 then caused_at else ?15 end,
                   cause = ?13, detail = ?14, changed_at = ?15,
                   lease_by = case when ?7 = 1 then lease_by else null end, lease_until = ?16
                   where id = ?1 and fence = ?2";
        let detail = settled.cause.as_ref().map(|cause| cause.detail.to_string());
        let stored = self.execute(
            sql,
            params![
                settled.id,
                settled.fence,
                settled.remote_id,
                settled.display,
                settled.standing.as_str(),
                settled.active,
                settled.keep_until.is_some(),
                settled.due_at,
                settled.applied_rev,
                settled.lane,
                settled.evaluated_rev,
                settled.begun,
                settled.cause.as_ref().map(|cause| &cause.key),
                detail,
                now,
                settled.keep_until,
            ],
        )?;
        if stored == 0 {
            return Ok(false);
        }
        self.account_is(Some(was), settled.active);
        self.link_state_put(settled.id, &settled.state)?;
        if settled.keep_until.is_none() {
            self.link_waits(settled.id, &settled.waits)?;
        }
        Ok(true)
    }

    pub(super) fn link_state_put(&mut self, id: i64, state: &str) -> Result<()> {
        let sql = "insert into link_state (link, tenant, state) select id, tenant, ?2 from link where id = ?1
                   on conflict (link) do update set state = excluded.state";
        self.later(sql, (id, state))
    }

    /// The account of a claimed link as it was, and whether its new id at the app is another link's; nothing if the claim is
    /// lost.
    fn settled_before(&self, settled: &Settled) -> Result<Option<(Account, bool)>> {
        let sql = "select l.tenant, l.app, l.kind = 'user', l.active, exists (select 1 from link o
                   where o.app = l.app and o.kind = l.kind and o.remote_id = ?3 and o.id <> l.id)
                   from link l where l.id = ?1 and l.fence = ?2";
        self.first(sql, (settled.id, settled.fence, &settled.remote_id), |row| Ok((account(row)?, row.get(4)?)))
    }

    pub(super) fn account_of(&self, id: i64) -> Result<Option<Account>> {
        self.first("select tenant, app, kind = 'user', active from link where id = ?1", [id], account)
    }

    /// Counts an account that is in use now and was not, or the other way round.
    pub(super) fn account_is(&mut self, was: Option<Account>, active: bool) {
        if let Some(was) = was.filter(|was| was.counts && was.active != active) {
            self.account_moved(was.tenant, was.app, active);
        }
    }

    fn link_waits(&mut self, id: i64, people: &[String]) -> Result<()> {
        self.later("delete from link_wait where link = ?1", [id])?;
        let sql = "insert into link_wait (app, person, link, tenant) select app, ?2, id, tenant from link where id = ?1
                   on conflict do nothing";
        people.iter().try_for_each(|person| self.later(sql, (id, person)))?;
        Ok(())
    }

    /// Gives a claim back without having done anything; it stays due.
    pub fn link_release(&mut self, id: i64, fence: i64) -> Result<()> {
        let sql = "update link set lease_by = null, lease_until = null where id = ?1 and fence = ?2";
        self.execute(sql, (id, fence)).map(|_| ())
    }

    /// Gives back whatever this process, or the one before it in the same folder, had claimed.
    pub fn links_release(&mut self, by: &str) -> Result<()> {
        self.execute("update link set lease_by = null, lease_until = null where lease_by = ?1", [by]).map(|_| ())
    }

    /// Keeps the claims of a tenant's links that are being worked on.
    pub fn links_keep(&mut self, tenant: TenantId, by: &str, until: i64) -> Result<()> {
        let sql = "update link set lease_until = ?3 where lease_by = ?2 and tenant = ?1 and lease_until < ?3";
        self.execute(sql, (tenant.0, by, until)).map(|_| ())
    }

    /// Makes everything due that waits for this person's account: those whose manager they are, and the pushed groups
    /// that they are in.
    pub fn link_wake(&mut self, tenant: TenantId, app: AppId, person: &str, now: i64, groups_at: i64) -> Result<()> {
        let sql = "update link set desired_rev = desired_rev + 1, lane = case when due_at is null then 2 else lane end,
                   due_at = case when due_at is null or due_at > ?3 then ?3 else due_at end
                   where id in (select link from link_wait where app = ?1 and person = ?2)";
        self.later(sql, (app.0, person, now))?;
        let sql = format!("update link set {NUDGE} where app = ?1 and kind = ?2 and resource = ?3");
        for group in self.groups_holding(tenant, person)? {
            self.later(&sql, (app.0, LinkKind::Group.as_str(), group, 2_i64, groups_at))?;
        }
        Ok(())
    }
}
