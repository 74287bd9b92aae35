//! Numbers that every write of a tenant moves: the last one of its change feed, how many resources it has of a type, how many
//! links each of its apps has, by where they stand. They are read once in a transaction, counted on in memory, and written once, with the
//! commit.
//!
//! Invariant: whoever writes has a tenant's turn to itself, so nobody else moves them meanwhile. Invariant: a part that is
//! undone takes back what it counted.

use crate::db::{Reader, Row, Writer};
use crate::{AppId, LinkKind, Result, Standing, TenantId};

/// How many resources of a type there are, with the block that is being filled and the wide one around it: see `blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// All of them.
    pub(crate) count: i64,
    /// The first row of the open block, and how many are in it.
    pub(crate) first: i64,
    pub(crate) in_block: i64,
    /// The first row of the open wide block, and how many closed blocks are in it.
    pub(crate) wide_first: i64,
    pub(crate) wide_blocks: i64,
}

/// A number as it is, and as the database has it: nothing where there is no row.
struct Kept<T> {
    now: Option<T>,
    stored: Option<T>,
}

/// The numbers of one transaction.
#[derive(Default)]
pub(crate) struct Tally {
    /// The tenant all of whose numbers were read when the transaction began.
    known: Option<TenantId>,
    feeds: Vec<(TenantId, Kept<i64>)>,
    counts: Vec<(TenantId, String, Kept<Open>)>,
    /// By how much links that stand there have become more.
    links: Vec<(TenantId, Stand, i64)>,
    /// What they were before each step, to go back by.
    before: Vec<Before>,
}

enum Before {
    Feed(usize, Option<i64>),
    Count(usize, Option<Open>),
    Links(usize, i64),
}

/// Where links of an app stand, and whether their accounts are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) app: AppId,
    pub(crate) kind: LinkKind,
    pub(crate) standing: Standing,
    pub(crate) active: bool,
}

impl Stand {
    /// Whether it is one that a brake counts: a person's account that is in use.
    fn is_inhabited(self) -> bool {
        self.kind == LinkKind::User && self.active
    }
}

/// The last number of a tenant's feed, and what it has of each type.
pub(crate) const FEED: &str = "select last from change_seq where tenant = ?1";
pub(crate) const COUNTS: &str =
    "select count, open_first, open_count, wide_first, wide_blocks, kind from resource_count
                                 where tenant = ?1";

fn open(row: &Row<'_>) -> Result<Open> {
    Ok(Open {
        count: row.get(0)?,
        first: row.get(1)?,
        in_block: row.get(2)?,
        wide_first: row.get(3)?,
        wide_blocks: row.get(4)?,
    })
}

impl Tally {
    /// Of a tenant whose numbers are learnt now.
    pub(crate) fn of_tenant(tenant: TenantId) -> Self {
        Self { known: Some(tenant), ..Self::default() }
    }

    /// From a row of `FEED`.
    pub(crate) fn learn_feed(&mut self, tenant: TenantId, row: &Row<'_>) -> Result<()> {
        let stored = Some(row.get(0)?);
        self.feeds.push((tenant, Kept { now: stored, stored }));
        Ok(())
    }

    /// From a row of `COUNTS`.
    pub(crate) fn learn_count(&mut self, tenant: TenantId, row: &Row<'_>) -> Result<()> {
        let stored = Some(open(row)?);
        self.counts.push((tenant, row.get(5)?, Kept { now: stored, stored }));
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many steps were done.
    pub(crate) fn steps(&self) -> usize {
        self.before.len()
    }

    /// Goes back to what it was when so many were done.
    pub(crate) fn back_to(&mut self, steps: usize) {
        while self.before.len() > steps {
            match self.before.pop() {
                Some(Before::Feed(at, was)) => {
                    self.feeds.get_mut(at).into_iter().for_each(|(_, kept)| kept.now = was);
                }
                Some(Before::Count(at, was)) => {
                    self.counts.get_mut(at).into_iter().for_each(|(.., kept)| kept.now = was);
                }
                Some(Before::Links(at, was)) => {
                    self.links.get_mut(at).into_iter().for_each(|(.., more)| *more = was);
                }
                None => return,
            }
        }
    }

    fn feed(&self, tenant: TenantId) -> Option<usize> {
        self.feeds.iter().position(|(of, _)| *of == tenant)
    }

    fn place(&self, tenant: TenantId, kind: &str) -> Option<usize> {
        self.counts.iter().position(|(of, name, _)| *of == tenant && name == kind)
    }

    fn set_feed(&mut self, at: usize, now: Option<i64>) {
        if let Some((_, kept)) = self.feeds.get_mut(at) {
            self.before.push(Before::Feed(at, std::mem::replace(&mut kept.now, now)));
        }
    }

    fn set_links(&mut self, at: usize, now: i64) {
        if let Some((.., more)) = self.links.get_mut(at) {
            self.before.push(Before::Links(at, std::mem::replace(more, now)));
        }
    }

    fn set_count(&mut self, at: usize, now: Option<Open>) {
        if let Some((.., kept)) = self.counts.get_mut(at) {
            self.before.push(Before::Count(at, std::mem::replace(&mut kept.now, now)));
        }
    }
}

impl Reader {
    /// The number of the last change; 0 before the first.
    pub fn last_change(&self, tenant: TenantId) -> Result<i64> {
        Ok(self.stored_feed(tenant)?.unwrap_or(0))
    }

    /// How many accounts of people are in use at an app.
    pub fn population(&self, app: AppId) -> Result<u64> {
        let sql = "select cast(sum(count) as bigint) from link_count where app = ?1 and kind = 'user' and active = 1";
        let count: Option<i64> = self.first(sql, [app.0], |row| row.get(0))?.flatten();
        Ok(u64::try_from(count.unwrap_or(0)).unwrap_or(0))
    }

    /// How many links of an app stand where.
    pub fn links_count(&self, app: AppId, kind: LinkKind) -> Result<Vec<(Standing, bool, u64)>> {
        let sql = "select standing, active, count from link_count where app = ?1 and kind = ?2 and count > 0
                   order by standing, active";
        self.all(sql, (app.0, kind.as_str()), |row| Ok((row.get(0)?, row.get(1)?, row.get::<i64>(2)?.cast_unsigned())))
    }

    fn stored_feed(&self, tenant: TenantId) -> Result<Option<i64>> {
        self.first(FEED, [tenant.0], |row| row.get(0))
    }

    fn stored_count(&self, tenant: TenantId, kind: &str) -> Result<Option<Open>> {
        self.first(&format!("{COUNTS} and kind = ?2"), (tenant.0, kind), open)
    }
}

impl Writer {
    /// The number of the last change, those of this transaction included; 0 before the first.
    pub fn last_change(&self, tenant: TenantId) -> Result<i64> {
        let known = self.tally.feed(tenant).and_then(|at| self.tally.feeds.get(at));
        match known {
            Some((_, kept)) => Ok(kept.now.unwrap_or(0)),
            None => Reader::last_change(self, tenant),
        }
    }

    /// How many resources of a type there are, with what this transaction did.
    pub fn count(&self, tenant: TenantId, kind: &str) -> Result<u64> {
        let known = self.tally.place(tenant, kind).and_then(|at| self.tally.counts.get(at));
        match known {
            Some((.., kept)) => Ok(kept.now.map_or(0, |open| open.count.cast_unsigned())),
            None => Reader::count(self, tenant, kind),
        }
    }

    /// How many accounts of people are in use at an app, with what this transaction did.
    pub fn population(&self, app: AppId) -> Result<u64> {
        let counts = |(_, stand, _): &&(TenantId, Stand, i64)| stand.app == app && stand.is_inhabited();
        let more = self.tally.links.iter().filter(counts).map(|(.., more)| *more).sum();
        Ok(Reader::population(self, app)?.saturating_add_signed(more))
    }

    /// So many links more stand there; fewer, if it is below zero.
    pub(crate) fn links_stand(&mut self, tenant: TenantId, stand: Stand, more: i64) {
        let at = self.tally.links.iter().position(|(_, of, _)| *of == stand).unwrap_or_else(|| {
            self.tally.links.push((tenant, stand, 0));
            self.tally.links.len() - 1
        });
        let known = self.tally.links.get(at).map_or(0, |(.., more)| *more);
        self.tally.set_links(at, known + more);
    }

    /// An app is gone, with its links.
    pub(crate) fn links_gone(&mut self, app: AppId) -> Result<()> {
        let of_app = |(at, (_, stand, _)): (usize, &(TenantId, Stand, i64))| (stand.app == app).then_some(at);
        let places: Vec<usize> = self.tally.links.iter().enumerate().filter_map(of_app).collect();
        places.into_iter().for_each(|at| self.tally.set_links(at, 0));
        self.execute("delete from link_count where app = ?1", [app.0]).map(|_| ())
    }

    /// The next number of a tenant's change feed.
    pub(crate) fn next_change(&mut self, tenant: TenantId) -> Result<i64> {
        let at = match self.tally.feed(tenant) {
            Some(at) => at,
            None => {
                let stored = if self.tally.known == Some(tenant) { None } else { self.stored_feed(tenant)? };
                self.tally.feeds.push((tenant, Kept { now: stored, stored }));
                self.tally.feeds.len() - 1
            }
        };
        let next = self.tally.feeds.get(at).and_then(|(_, kept)| kept.now).unwrap_or(0) + 1;
        self.tally.set_feed(at, Some(next));
        Ok(next)
    }

    /// How many there are, and the open blocks.
    pub(crate) fn open_block(&mut self, tenant: TenantId, kind: &str) -> Result<Option<Open>> {
        if let Some(at) = self.tally.place(tenant, kind) {
            return Ok(self.tally.counts.get(at).and_then(|(.., kept)| kept.now));
        }
        let stored = if self.tally.known == Some(tenant) { None } else { self.stored_count(tenant, kind)? };
        self.tally.counts.push((tenant, kind.to_owned(), Kept { now: stored, stored }));
        Ok(stored)
    }

    /// The same, as they are from now on.
    pub(crate) fn set_open_block(&mut self, tenant: TenantId, kind: &str, open: Open) {
        if let Some(at) = self.tally.place(tenant, kind) {
            self.tally.set_count(at, Some(open));
        }
    }

    /// The rows of a tenant's numbers are gone.
    pub(crate) fn tally_gone(&mut self, tenant: TenantId) {
        if let Some(at) = self.tally.feed(tenant) {
            self.tally.set_feed(at, None);
        }
        let of_tenant = |(at, (of, ..)): (usize, &(TenantId, String, Kept<Open>))| (*of == tenant).then_some(at);
        let places: Vec<usize> = self.tally.counts.iter().enumerate().filter_map(of_tenant).collect();
        places.into_iter().for_each(|at| self.tally.set_count(at, None));
        let of_tenant = |(at, (of, ..)): (usize, &(TenantId, Stand, i64))| (*of == tenant).then_some(at);
        let places: Vec<usize> = self.tally.links.iter().enumerate().filter_map(of_tenant).collect();
        places.into_iter().for_each(|at| self.tally.set_links(at, 0));
    }

    /// Writes what has moved.
    pub(crate) fn tally_write(&mut self) -> Result<()> {
        let tally = std::mem::take(&mut self.tally);
        for (tenant, kept) in tally.feeds {
            let sql = "insert into change_seq (tenant, last) values (?1, ?2)
                       on conflict (tenant) do update set last = excluded.last";
            if let Some(now) = kept.now.filter(|_| kept.now != kept.stored) {
                self.later(sql, (tenant.0, now))?;
            }
        }
        for (tenant, kind, kept) in tally.counts {
            let sql =
                "insert into resource_count (tenant, kind, count, open_first, open_count, wide_first, wide_blocks)
                       values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                       on conflict (tenant, kind) do update set count = excluded.count,
                       open_first = excluded.open_first, open_count = excluded.open_count,
                       wide_first = excluded.wide_first, wide_blocks = excluded.wide_blocks";
            if let Some(now) = kept.now.filter(|_| kept.now != kept.stored) {
                let Open { count, first, in_block, wide_first, wide_blocks } = now;
                self.later(sql, (tenant.0, &kind, count, first, in_block, wide_first, wide_blocks))?;
            }
        }
        for (tenant, stand, more) in tally.links.into_iter().filter(|(.., more)| *more != 0) {
            let sql = "insert into link_count (app, kind, standing, active, tenant, count) values (?1, ?2, ?3, ?4, ?5, ?6)
                       on conflict (app, kind, standing, active) do update set count = link_count.count + excluded.count";
            let Stand { app, kind, standing, active } = stand;
            self.later(sql, (app.0, kind.as_str(), standing.as_str(), active, tenant.0, more))?;
        }
        Ok(())
    }
}
