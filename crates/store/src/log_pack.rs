//! Entries of changes, packed: those of a commit lie together, one row for some dozens of them. Whom they are about is
//! found through the change feed, whose rows the same commit wrote, so no entry costs an index row of its own, which for
//! the change of a person would be another page somewhere in the middle. The newest few lie in the open pack (`log_open`).
//!
//! Invariant: the packs of a tenant overlap neither in their entries nor in the changes of their commits, and both go up
//! together; packs of one commit name the same changes. Whoever writes has the tenant's turn, and gives the numbers.

use crate::db::{Reader, Row, Writer};
use crate::log::LogEntry;
use crate::log_block::{self, BYTES_ENOUGH, LogBlock};
use crate::log_count::Counts;
use crate::log_open::{FEW, OPEN};
use crate::log_search::{LOOKED_AT_MAX, LogQuery, Place, Seen};
use crate::log_text;
use crate::{Result, TenantId};
use std::collections::HashSet;

/// Where the entries of changes lie; what only looks at them needs no texts.
const HEADS: Place = Place { table: "log_pack", open: Some(OPEN), columns: "first, heads", unpack: heads };
pub(crate) const PACKS: Place =
    Place { table: "log_pack", open: Some(OPEN), columns: "first, heads, said", unpack: whole };

fn heads(row: &Row<'_>, tenant: TenantId) -> Result<(i64, Vec<LogEntry>)> {
    let (first, heads): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    Ok((first, log_block::entries(&log_text::expand(&heads)?, tenant, first)?))
}

fn whole(row: &Row<'_>, tenant: TenantId) -> Result<(i64, Vec<LogEntry>)> {
    let (first, mut entries) = heads(row, tenant)?;
    let texts = log_text::expand(&row.get::<Vec<u8>>(2)?)?;
    let mut rest = &*texts;
    for entry in &mut entries {
        [entry.body, entry.answer, entry.steps, entry.diff] = log_text::take(&mut rest)?;
    }
    Ok((first, entries))
}

/// The changes of a transaction so far: whose, their numbers, what they are about.
#[derive(Default)]
pub(crate) struct Changed(Vec<(TenantId, i64, String)>);

impl Changed {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub(crate) fn push(&mut self, tenant: TenantId, seq: i64, id: &str) {
        self.0.push((tenant, seq, id.to_owned()));
    }

    /// The first and the last one of a tenant.
    fn range(&self, tenant: TenantId) -> Option<(i64, i64)> {
        let mut seqs = self.0.iter().filter(|(of, ..)| *of == tenant).map(|(_, seq, _)| *seq);
        let first = seqs.next()?;
        Some((first, seqs.next_back().unwrap_or(first)))
    }

    /// Those of the entries that can be found through the changes of their commit, and the others.
    pub(crate) fn split(&self, entries: Vec<LogEntry>) -> (Vec<LogEntry>, Vec<LogEntry>) {
        let about: HashSet<(TenantId, &str)> = self.0.iter().map(|(tenant, _, id)| (*tenant, &**id)).collect();
        entries.into_iter().partition(|entry| match &entry.resource_id {
            _ if entry.status >= 400 || entry.code.is_some() => false,
            Some(id) => about.contains(&(entry.tenant, id)),
            None => self.range(entry.tenant).is_some(),
        })
    }
}

/// A row that is being filled. Its room is kept from commit to commit: what is given back in between comes as pages that the
/// system has to clear.
#[derive(Default)]
pub(crate) struct Pack {
    heads: LogBlock,
    texts: Vec<u8>,
}

impl Pack {
    fn is_full(&self) -> bool {
        self.heads.is_full() || self.texts.len() >= BYTES_ENOUGH
    }

    fn push(&mut self, entry: &LogEntry) {
        self.heads.push(entry.seq, &entry.line().without_texts());
        log_text::put(&mut self.texts, entry.texts());
    }

    /// What was put together; nothing is left but the room.
    fn take_row(&mut self, changes: (i64, i64)) -> PackRow {
        let (first, last, last_at) = (self.heads.first(), self.heads.last(), self.heads.last_at());
        let ((heads, counts), said) = (self.heads.take_packed(), log_text::compress_texts(&self.texts));
        self.texts.clear();
        PackRow { first, last, last_at, changes, heads, said, counts }
    }
}

/// A row of `log_pack`.
pub(crate) struct PackRow {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// When the newest request came.
    pub(crate) last_at: i64,
    /// The first and the last change of its commits.
    pub(crate) changes: (i64, i64),
    /// The entries without their texts, compressed.
    pub(crate) heads: Vec<u8>,
    /// Their texts, compressed.
    pub(crate) said: Vec<u8>,
    pub(crate) counts: Counts,
}

impl Writer {
    /// Writes entries of a tenant, in the order of their numbers, with the changes of this transaction.
    pub(crate) fn log_packs(&mut self, tenant: TenantId, changed: &Changed, entries: &[LogEntry]) -> Result<()> {
        let Some(changes) = changed.range(tenant) else { return Ok(()) };
        if self.is_sqlite() {
            if entries.len() <= FEW {
                return self.log_open(tenant, changes, entries);
            }
            self.close_open_pack(tenant)?;
        }
        let mut pack = std::mem::take(&mut self.pack);
        let mut rest = entries.iter().peekable();
        while let Some(entry) = rest.next() {
            pack.push(entry);
            if pack.is_full() || rest.peek().is_none() {
                self.log_pack_row(tenant, pack.take_row(changes))?;
            }
        }
        self.pack = pack;
        Ok(())
    }

    /// Writes a row, and counts it.
    pub(crate) fn log_pack_row(&mut self, tenant: TenantId, row: PackRow) -> Result<()> {
        let sql = "insert into log_pack (tenant, first, last, last_at, change_first, change_last, bytes, heads, said)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let PackRow { first, last, last_at, changes, heads, said, mut counts } = row;
        let bytes = i64::try_from(heads.len() + said.len()).unwrap_or(i64::MAX);
        counts.grow(bytes);
        self.later(sql, (tenant.0, first, last, last_at, changes.0, changes.1, bytes, heads, said))?;
        self.log_count(tenant, counts)
    }
}

/// The changes of a commit that has packs.
struct Commit {
    change_first: i64,
    change_last: i64,
}

impl Reader {
    /// The entries of changes that are wanted.
    pub(crate) fn log_in_packs(&self, tenant: TenantId, query: &LogQuery) -> Result<Seen> {
        let place = if query.needs_texts() { PACKS } else { HEADS };
        match &query.resource_id {
            _ if !query.wants_changes() => Ok(Seen::default()),
            Some(id) => self.packs_about(place, tenant, id, query),
            None => self.entries_in(place, tenant, query),
        }
    }

    /// The entries about one resource, however old: from change to change, with the packs of their commits.
    fn packs_about(&self, place: Place, tenant: TenantId, id: &str, query: &LogQuery) -> Result<Seen> {
        let (limit, forward) = (query.limit as usize, query.after.is_some());
        let (mut seen, mut looked_at) = (Seen::default(), 0);
        let mut bound = self.first_bound(tenant, query)?;
        while seen.entries.len() < limit {
            let Some(change) = self.next_change_of(tenant, id, bound, forward)? else { break };
            let Some(commit) = self.commit_of(tenant, change, forward)? else { break };
            if (commit.change_first..=commit.change_last).contains(&change) {
                let mut entries = self.entries_of_commit(place, tenant, commit.change_first)?;
                if !forward {
                    entries.reverse();
                }
                looked_at += entries.len();
                let end = entries.last().map(|entry| entry.seq);
                let wanted = entries.into_iter().filter(|entry| query.wants(entry));
                seen.entries.extend(wanted.map(|entry| query.shown(entry)));
                bound = if forward { commit.change_last + 1 } else { commit.change_first - 1 };
                if looked_at >= LOOKED_AT_MAX as usize {
                    seen.end = end;
                    break;
                }
            } else {
                // Nobody kept an entry of this change: on with the next commit that has some.
                bound = if forward { commit.change_first } else { commit.change_last };
            }
        }
        seen.entries.truncate(limit);
        Ok(seen)
    }

    /// The change to begin with: the first one, or the last, of the commit in which the query's numbers begin.
    fn first_bound(&self, tenant: TenantId, query: &LogQuery) -> Result<i64> {
        let (column, before, without) = match (query.after, query.before) {
            (Some(after), _) => ("change_first", after.saturating_add(1), 0),
            (None, Some(before)) => ("change_last", before, -1),
            (None, None) => return Ok(i64::MAX),
        };
        let sql = PACKS.nearest(column, "first < ?2", "desc");
        Ok(self.first(&sql, (tenant.0, before), |row| row.get(0))?.unwrap_or(without))
    }

    fn next_change_of(&self, tenant: TenantId, id: &str, bound: i64, forward: bool) -> Result<Option<i64>> {
        let which = if forward { "seq >= ?3 order by seq" } else { "seq <= ?3 order by seq desc" };
        let sql = format!(
            "select seq from change indexed by change_resource where tenant = ?1 and id = ?2 and {which} limit 1"
        );
        self.first(&sql, (tenant.0, id, bound), |row| row.get(0))
    }

    /// The commit that made a change; where nobody kept entries of it, the next one in the walk's direction.
    fn commit_of(&self, tenant: TenantId, change: i64, forward: bool) -> Result<Option<Commit>> {
        let end = self.packs_until(tenant, change)?;
        let find = |which: &str, order: &str| {
            let sql = PACKS.nearest("change_first, change_last", which, order);
            let commit = |row: &Row<'_>| Ok(Commit { change_first: row.get(0)?, change_last: row.get(1)? });
            self.first(&sql, (tenant.0, end), commit)
        };
        match find("first <= ?2", "desc")? {
            before if !forward => Ok(before),
            Some(commit) if commit.change_last >= change => Ok(Some(commit)),
            _ => find("first > ?2", "asc"),
        }
    }

    fn entries_of_commit(&self, place: Place, tenant: TenantId, change_first: i64) -> Result<Vec<LogEntry>> {
        let Place { table, columns, unpack, .. } = place;
        let sql = format!(
            "select {columns} from {table} where tenant = ?1 and first > ?2 and first <= ?3
             union all select {columns} from {OPEN} where first > ?2 and first <= ?3 order by first"
        );
        let (before, end) = (self.packs_until(tenant, change_first - 1)?, self.packs_until(tenant, change_first)?);
        let rows = self.all(&sql, (tenant.0, before, end), |row| unpack(row, tenant))?;
        Ok(rows.into_iter().flat_map(|(_, entries)| entries).collect())
    }

    /// The number of an entry up to which packs are of commits that begin with this change or an earlier one. Packs go up
    /// by both, so it is found bit by bit, the highest first, with a look for each: an index by changes would be one more
    /// page to be written with every commit.
    fn packs_until(&self, tenant: TenantId, change: i64) -> Result<i64> {
        let pack = PACKS.nearest("change_first", "first <= near.seq + near.step", "desc");
        let sql = format!(
            "with recursive near (seq, step) as (
                 select cast(0 as bigint), cast(?3 as bigint)
                 union all
                 select seq + case when coalesce(({pack}), 0) <= ?2 then step else 0 end, step / 2
                 from near where step > 0)
             select max(seq) from near"
        );
        let highest = self.last_in(PACKS, tenant)?.max(1).ilog2();
        Ok(self.first(&sql, (tenant.0, change, 1_i64 << highest), |row| row.get(0))?.unwrap_or(0))
    }
}
