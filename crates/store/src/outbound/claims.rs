//! Links that are somebody's for a while: taken, kept, and given back with what became of them.

use super::links::{COLUMNS, FROM, STATE, link};
use super::{AppId, Cause, Headcount, LANES, LinkRow, Standing};
use crate::db::{Kind, Row, ToValue, Value as Sent, Writer};
use crate::tally::Stand;
use crate::{Result, TenantId};

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
    /// Of a pushed group: how many of its people are there.
    pub headcount: Option<Headcount>,
}

/// What is about to be done about a claimed link.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// The link's number.
    pub id: i64,
    /// What the claim was given.
    pub fence: i64,
    /// What is being done.
    pub begun: String,
    /// `provision::Link` as JSON.
    pub state: String,
}

/// A claimed link before it is settled.
struct Before {
    tenant: TenantId,
    stand: Stand,
    /// Whether its new id at the app is another link's.
    taken: bool,
    shape: Shape,
    /// Whether it waits for somebody.
    waited: bool,
}

/// What of a link's row is written: an index is written for every column that is named, whether its value is another one
/// or not.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Whether the account is another one, or stands elsewhere.
    moves: bool,
    /// Whether it is decided with another revision of the app.
    anew: bool,
}

impl Shape {
    const ALL: [Self; 4] = [
        Self { moves: false, anew: false },
        Self { moves: true, anew: false },
        Self { moves: false, anew: true },
        Self { moves: true, anew: true },
    ];

    fn sql(self) -> String {
        let moved = if self.moves { "remote_id = ?3, standing = ?5, active = ?6," } else { "" };
        let evaluated = if self.anew { "evaluated_rev = ?11," } else { "" };
        format!(
            "update link set {moved} {evaluated} display = ?4,
             due_at = case when ?7 = 1 or desired_rev > ?9 then due_at else ?8 end,
             lane = case when ?7 = 1 or desired_rev > ?9 then lane else ?10 end,
             retry = case when desired_rev > ?9 then retry else 0 end,
             applied_rev = ?9, begun = ?12,
             caused_at = case when ?13 is null then null when cause = ?13 then caused_at else ?15 end,
             cause = ?13, detail = ?14, changed_at = ?15,
             lease_by = case when ?7 = 1 then lease_by else null end, lease_until = ?16,
             members = coalesce(?17, members), members_of = coalesce(?18, members_of),
             members_out = coalesce(?19, members_out)
             where id = ?1 and fence = ?2 and (?3 is null or ?5 <> '' or ?6 >= 0 or ?11 >= 0)"
        )
    }
}

/// Where a link stands: its tenant, app, kind, standing, and whether its account is in use, in this order.
pub(super) fn stand(row: &Row<'_>) -> Result<(TenantId, Stand)> {
    let (app, kind, standing, active) = (AppId(row.get(1)?), row.get(2)?, row.get(3)?, row.get(4)?);
    Ok((TenantId(row.get(0)?), Stand { app, kind, standing, active }))
}

impl Writer {
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

    /// Stores what is about to be done about claimed links whose accounts are where they were: they stay the caller's until
    /// then. `false` for each that is somebody else's by now.
    pub fn links_begin(&mut self, tenant: TenantId, intents: &[&Intent], until: i64) -> Result<Vec<bool>> {
        let sets: Vec<[Sent<'_>; 4]> = intents
            .iter()
            .map(|one| [Sent::Int(one.id), Sent::Int(one.fence), Sent::Text(&one.begun), Sent::Int(until)])
            .collect();
        let sql = "update link set begun = ?3, lease_until = ?4 where id = ?1 and fence = ?2";
        let stored: Vec<bool> = self.execute_many(sql, &sets)?.into_iter().map(|count| count > 0).collect();
        let states = intents.iter().zip(&stored).filter(|(_, stored)| **stored);
        self.states_put(states.map(|(one, _)| (one.id, tenant, one.state.as_str())))?;
        Ok(stored)
    }

    /// Stores what became of claimed links, each of them once, and gives them back unless they are kept. `false` for each that
    /// is somebody else's by now, or whose id at the app is another link's: nothing of it is stored then. As few statements
    /// one behind the other as there can be, however many links there are.
    pub fn links_settle(&mut self, all: &[&Settled], now: i64) -> Result<Vec<bool>> {
        let before = self.settled_before(all)?;
        let mut rest = Vec::with_capacity(all.len());
        for (settled, before) in all.iter().zip(&before) {
            let settled: &Settled = settled;
            rest.push(match (before, &settled.remote_id) {
                (Some(before), Some(remote_id)) if before.taken => {
                    self.orphan_yields((settled.id, settled.fence), remote_id)?.then_some((settled, before))
                }
                (before, _) => before.as_ref().map(|before| (settled, before)),
            });
        }
        let mut stored = vec![false; all.len()];
        for shape in Shape::ALL {
            let fits = |of: &Option<(&Settled, &Before)>| of.is_some_and(|(_, before)| before.shape == shape);
            let some: Vec<&Settled> =
                rest.iter().filter(|of| fits(of)).flatten().map(|(settled, _)| *settled).collect();
            let mut counts = self.settle_some(shape, &some, now)?.into_iter();
            for (stored, _) in stored.iter_mut().zip(&rest).filter(|(_, of)| fits(of)) {
                *stored = counts.next().is_some_and(|count| count > 0);
            }
        }
        let done = || rest.iter().zip(&stored).filter(|(_, stored)| **stored).filter_map(|(of, _)| *of);
        for (settled, before) in done() {
            let now = Stand { standing: settled.standing, active: settled.active, ..before.stand };
            self.link_stands(before.tenant, before.stand, now);
            if settled.keep_until.is_none() {
                self.link_waits(settled.id, &settled.waits, before.waited)?;
            }
        }
        self.states_put(done().map(|(settled, before)| (settled.id, before.tenant, settled.state.as_str())))?;
        Ok(stored)
    }

    /// Writes the rows of links that move alike; how many each has changed.
    fn settle_some(&mut self, shape: Shape, some: &[&Settled], now: i64) -> Result<Vec<usize>> {
        let detail = |settled: &&Settled| settled.cause.as_ref().map(|cause| cause.detail.to_string());
        let details: Vec<Option<String>> = some.iter().map(detail).collect();
        let sets = some.iter().zip(&details).map(|(settled, detail)| {
            let cause = settled.cause.as_ref().map(|cause| &cause.key);
            let counted =
                |part: fn(Headcount) -> i64| settled.headcount.map(part).map_or(Sent::Null(Kind::Int), Sent::Int);
            [
                settled.id.value(),
                settled.fence.value(),
                settled.remote_id.value(),
                settled.display.value(),
                Sent::Text(settled.standing.as_str()),
                settled.active.value(),
                Sent::Int(settled.keep_until.is_some().into()),
                settled.due_at.value(),
                settled.applied_rev.value(),
                settled.lane.value(),
                settled.evaluated_rev.value(),
                settled.begun.value(),
                cause.map_or(Sent::Null(Kind::Text), |cause| Sent::Text(cause)),
                detail.value(),
                Sent::Int(now),
                settled.keep_until.value(),
                counted(|head| head.there),
                counted(|head| head.people),
                counted(|head| head.left_out),
            ]
        });
        self.execute_many(&shape.sql(), &sets.collect::<Vec<_>>())
    }

    /// What is known of links that are this claim's, in few statements.
    pub(super) fn states_put<'s>(&mut self, states: impl Iterator<Item = (i64, TenantId, &'s str)>) -> Result<()> {
        let sql = "insert into link_state (link, tenant, state) values (?1, ?2, ?3)
                   on conflict (link) do update set state = excluded.state";
        let set =
            |(id, tenant, state): (i64, TenantId, &'s str)| [Sent::Int(id), Sent::Int(tenant.0), Sent::Text(state)];
        self.insert_later(sql, &states.map(set).collect::<Vec<_>>())
    }

    /// What claimed links were before they are settled; nothing for each whose claim is lost.
    fn settled_before(&self, all: &[&Settled]) -> Result<Vec<Option<Before>>> {
        let sql = "select l.tenant, l.app, l.kind, l.standing, l.active, exists (select 1 from link o
                   where o.app = l.app and o.kind = l.kind and o.remote_id = ?3 and o.id <> l.id),
                   l.remote_id is distinct from ?3 or l.standing <> ?4 or l.active <> ?5, l.evaluated_rev <> ?6,
                   exists (select 1 from link_wait w where w.link = l.id)
                   from link l where l.id = ?1 and l.fence = ?2";
        let sets = all.iter().map(|settled| {
            let Settled { id, fence, remote_id, standing, active, evaluated_rev, .. } = settled;
            let standing = Sent::Text(standing.as_str());
            [Sent::Int(*id), Sent::Int(*fence), remote_id.value(), standing, active.value(), Sent::Int(*evaluated_rev)]
        });
        let sets: Vec<[Sent<'_>; 6]> = sets.collect();
        self.first_of(sql, &sets, |row| {
            let ((tenant, stand), shape) = (stand(row)?, Shape { moves: row.get(6)?, anew: row.get(7)? });
            Ok(Before { tenant, stand, taken: row.get(5)?, shape, waited: row.get(8)? })
        })
    }

    /// Where a link stands.
    pub(super) fn link_stand(&self, id: i64) -> Result<Option<(TenantId, Stand)>> {
        self.first("select tenant, app, kind, standing, active from link where id = ?1", [id], stand)
    }

    /// Counts a link that stood there and stands here now.
    pub(super) fn link_stands(&mut self, tenant: TenantId, was: Stand, now: Stand) {
        if was != now {
            self.links_stand(tenant, was, -1);
            self.links_stand(tenant, now, 1);
        }
    }

    fn link_waits(&mut self, id: i64, people: &[String], waited: bool) -> Result<()> {
        if waited {
            self.later("delete from link_wait where link = ?1", [id])?;
        }
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
}
