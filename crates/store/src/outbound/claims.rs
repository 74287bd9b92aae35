//! Links that are somebody's for a while: taken, kept, and given back with what became of them.

use super::links::{COLUMNS, FROM, STATE, link};
use super::{AppId, Cause, LANES, LinkRow, Standing};
use crate::db::{Row, Value as Sent, Writer, params};
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
}

/// A claimed link before it is settled.
struct Before {
    account: Account,
    /// Whether its new id at the app is another link's.
    taken: bool,
    /// Whether the account is another one, or stands elsewhere.
    moves: bool,
    /// Whether it is decided with another revision of the app.
    decided_anew: bool,
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

    /// Stores what is about to be done about a claimed link whose account is where it was: the link stays the caller's until
    /// then. `false` if it is somebody else's by now.
    pub fn link_begin(&mut self, (id, fence): (i64, i64), begun: &str, state: &str, until: i64) -> Result<bool> {
        let sql = "update link set begun = ?3, lease_until = ?4 where id = ?1 and fence = ?2";
        let stored = self.execute(sql, (id, fence, begun, until))? > 0;
        if stored {
            self.link_state_put(id, state)?;
        }
        Ok(stored)
    }

    /// Stores what became of a claimed link, and gives it back unless it is kept. `false` if it is somebody else's by
    /// now, or its id at the app is another link's: nothing is stored then.
    pub fn link_settle(&mut self, settled: &Settled, now: i64) -> Result<bool> {
        let Some(Before { account: was, taken, moves, decided_anew }) = self.settled_before(settled)? else {
            return Ok(false);
        };
        if let Some(remote_id) = settled.remote_id.as_ref().filter(|_| taken)
            && !self.orphan_yields((settled.id, settled.fence), remote_id)?
        {
            return Ok(false);
        }
        // An index is written for every column that is named, whether its value is another one or not.
        let moved = if moves { "remote_id = ?3, standing = ?5, active = ?6," } else { "" };
        let evaluated = if decided_anew { "evaluated_rev = ?11," } else { "" };
        let sql = format!(
            "update link set {moved} {evaluated} display = ?4,
             due_at = case when ?7 = 1 or desired_rev > ?9 then due_at else ?8 end,
             lane = case when ?7 = 1 or desired_rev > ?9 then lane else ?10 end,
             retry = case when desired_rev > ?9 then retry else 0 end,
             applied_rev = ?9, begun = ?12,
             caused_at = case when ?13 is null then null when cause = ?13 then caused_at else ?15 end,
             cause = ?13, detail = ?14, changed_at = ?15,
             lease_by = case when ?7 = 1 then lease_by else null end, lease_until = ?16
             where id = ?1 and fence = ?2 and (?3 is null or ?5 <> '' or ?6 >= 0 or ?11 >= 0)"
        );
        let detail = settled.cause.as_ref().map(|cause| cause.detail.to_string());
        let stored = self.execute(
            &sql,
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

    /// What a claimed link was before it is settled; nothing if the claim is lost.
    fn settled_before(&self, settled: &Settled) -> Result<Option<Before>> {
        let sql = "select l.tenant, l.app, l.kind = 'user', l.active, exists (select 1 from link o
                   where o.app = l.app and o.kind = l.kind and o.remote_id = ?3 and o.id <> l.id),
                   l.remote_id is distinct from ?3 or l.standing <> ?4 or l.active <> ?5, l.evaluated_rev <> ?6
                   from link l where l.id = ?1 and l.fence = ?2";
        let Settled { id, fence, remote_id, standing, active, evaluated_rev, .. } = settled;
        self.first(sql, (*id, *fence, remote_id, standing.as_str(), *active, *evaluated_rev), |row| {
            Ok(Before { account: account(row)?, taken: row.get(4)?, moves: row.get(5)?, decided_anew: row.get(6)? })
        })
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
}
