//! The open pack: the newest entries of a tenant's changes, in the row that has the last number of its change feed. That
//! row is written with every change anyway, so an entry that comes alone costs the commit no page of its own. When there
//! is no more room it becomes a row of `log_pack`, and is counted.
//!
//! Invariant: where a file holds the database, it lies behind every row of `log_pack`. PostgreSQL writes rows and not
//! pages, so nothing is added to one there; one that was copied there stays between the rows of `log_pack` until it is
//! pruned.

use crate::db::{Reader, Row, Writer};
use crate::log::LogEntry;
use crate::log_count::Counts;
use crate::log_pack::PackRow;
use crate::{Result, TenantId, log_block, log_text};

/// Most entries of a commit that are added to the open pack of the log; more are better off in a row of their own,
/// compressed together.
pub(crate) const FEW: usize = 4;
/// Bytes of the open pack of the log: with all else in its row it fits on a page of 4 096.
const BYTES_MAX: usize = 3_600;

/// It as a table whose columns have the names of those of `log_pack`.
pub(crate) const OPEN: &str = "(select open_first as first, open_last as last, open_change_first as change_first,
         open_change_last as change_last, open_heads as heads, open_said as said
     from change_seq where tenant = ?1 and open_first is not null) as open_pack";

/// The row while entries are added to it.
pub(crate) struct OpenPack {
    first: i64,
    last: i64,
    pub(crate) last_at: i64,
    changes: (i64, i64),
    /// The entries without their texts, as JSON.
    heads: Vec<u8>,
    /// Their texts, each compressed by itself.
    said: Vec<u8>,
}

impl OpenPack {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            first: row.get(0)?,
            last: row.get(1)?,
            last_at: row.get(2)?,
            changes: (row.get(3)?, row.get(4)?),
            heads: log_text::expand(&row.get::<Vec<u8>>(5)?)?,
            said: row.get(6)?,
        })
    }

    /// With nothing in it yet.
    fn before(entry: &LogEntry, changes: (i64, i64)) -> Self {
        let (first, last_at) = (entry.seq, entry.at);
        Self { first, last: first, last_at, changes, heads: Vec::new(), said: Vec::new() }
    }

    /// Adds the entries of a commit, if there is room for all of them or nothing else: a commit lies in one pack.
    fn push(&mut self, entries: &[LogEntry], changes: (i64, i64)) -> bool {
        let (heads, said) = (self.heads.len(), self.said.len());
        for entry in entries {
            log_block::push_line(&mut self.heads, entry.seq - self.first, &entry.line().without_texts());
            log_text::push_part(&mut self.said, &log_text::pack_all(entry.texts()));
        }
        if heads > 0 && self.is_too_long() {
            log_block::truncate(&mut self.heads, heads);
            self.said.truncate(said);
            return false;
        }
        self.changes.1 = changes.1;
        entries.iter().for_each(|entry| (self.last, self.last_at) = (entry.seq, entry.at));
        true
    }

    fn is_too_long(&self) -> bool {
        self.heads.len() + self.said.len() > BYTES_MAX
    }

    pub(crate) fn counts(&self) -> Result<Counts> {
        log_block::counts(&self.heads)
    }

    fn into_row(self) -> Result<PackRow> {
        let counts = self.counts()?;
        let Self { first, last, last_at, changes, heads, said } = self;
        Ok(PackRow { first, last, last_at, changes, heads: log_text::compress(&heads), said, counts })
    }
}

impl Reader {
    /// A tenant's open pack.
    pub(crate) fn open_pack(&self, tenant: TenantId) -> Result<Option<OpenPack>> {
        let sql =
            "select open_first, open_last, open_last_at, open_change_first, open_change_last, open_heads, open_said
                   from change_seq where tenant = ?1 and open_first is not null";
        self.first(sql, [tenant.0], OpenPack::read)
    }
}

impl Writer {
    /// Adds entries of changes of this transaction.
    pub(crate) fn log_open(&mut self, tenant: TenantId, changes: (i64, i64), entries: &[LogEntry]) -> Result<()> {
        let Some(first) = entries.first() else { return Ok(()) };
        let mut open = self.open_pack(tenant)?;
        if let Some(full) = open.take_if(|open| !open.push(entries, changes)) {
            self.log_pack_row(tenant, full.into_row()?)?;
        }
        let mut open = open.unwrap_or_else(|| OpenPack::before(first, changes));
        if open.heads.is_empty() {
            open.push(entries, changes);
        }
        if open.is_too_long() {
            self.set_open_pack(tenant, None)?;
            return self.log_pack_row(tenant, open.into_row()?);
        }
        self.set_open_pack(tenant, Some(&open))
    }

    /// Makes the open pack a row of `log_pack`.
    pub(crate) fn close_open_pack(&mut self, tenant: TenantId) -> Result<()> {
        let Some(open) = self.open_pack(tenant)? else { return Ok(()) };
        self.set_open_pack(tenant, None)?;
        self.log_pack_row(tenant, open.into_row()?)
    }

    fn set_open_pack(&mut self, tenant: TenantId, open: Option<&OpenPack>) -> Result<()> {
        let sql = "update change_seq set open_first = ?2, open_last = ?3, open_last_at = ?4, open_change_first = ?5,
                   open_change_last = ?6, open_heads = ?7, open_said = ?8 where tenant = ?1";
        let of = |number: fn(&OpenPack) -> i64| open.map(number);
        let values = (
            tenant.0,
            of(|open| open.first),
            of(|open| open.last),
            of(|open| open.last_at),
            of(|open| open.changes.0),
            of(|open| open.changes.1),
            open.map(|open| log_text::plain(&open.heads)),
            open.map(|open| &*open.said),
        );
        self.later(sql, values)
    }
}
