//! Entries of reads, packed: one row for a batch of them, because a row for each costs more than the read itself.
//!
//! Invariant: the blocks of a tenant do not overlap, so their order is the order of their entries. Who fills blocks gives
//! out their numbers in the same breath.

use crate::db::{Reader, Row, Writer};
use crate::log::{LOOKED_AT_MAX, LogEntry, LogQuery, Seen};
use crate::log_count::Counts;
use crate::log_text;
use crate::{Error, Result, TenantId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// Most entries of a block: one of them is found by reading all. A range of numbers has room for it.
pub const LOG_BLOCK_MAX: usize = 1_000;
/// Bytes from which a block takes no more: memory that grows much further is new memory each time, and costs as much as
/// what is put into it.
const BYTES_ENOUGH: usize = 60 << 10;

/// What an entry says, without its number and without what only a change or a refusal has. The texts are JSON and hold
/// no secrets; one that is not there is empty.
#[derive(Clone, Debug, Default)]
pub struct LogLine<'a> {
    /// When the request came.
    pub at: i64,
    /// How long it took, in microseconds.
    pub took_us: i64,
    /// HTTP method.
    pub method: Cow<'a, str>,
    /// Path and query.
    pub path: Cow<'a, str>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Whose token.
    pub actor: Cow<'a, str>,
    /// The client's address.
    pub remote: Cow<'a, str>,
    /// The client's program.
    pub user_agent: Cow<'a, str>,
    /// The request's id.
    pub request_id: Cow<'a, str>,
    /// Type of the resource that it was about.
    pub resource_type: Cow<'a, str>,
    /// Id of the resource that it was about.
    pub resource_id: Cow<'a, str>,
    /// What was sent.
    pub body: Cow<'a, str>,
    /// What was answered.
    pub answer: Cow<'a, str>,
    /// How it was decided.
    pub steps: Cow<'a, str>,
}

impl LogLine<'_> {
    /// As an entry of its own.
    pub fn into_entry(self, tenant: TenantId, seq: i64) -> LogEntry {
        let optional = |text: Cow<'_, str>| (!text.is_empty()).then(|| text.into_owned());
        LogEntry {
            seq,
            tenant,
            at: self.at,
            took_us: self.took_us,
            method: self.method.into_owned(),
            path: self.path.into_owned(),
            status: self.status,
            code: None,
            actor: self.actor.into_owned(),
            remote: optional(self.remote),
            user_agent: optional(self.user_agent),
            request_id: self.request_id.into_owned(),
            resource_type: optional(self.resource_type),
            resource_id: optional(self.resource_id),
            body: optional(self.body),
            answer: optional(self.answer),
            steps: optional(self.steps),
            diff: None,
        }
    }
}

/// A line as it lies in a block: its number counted from the block's first, when, how long, the status, the texts.
#[derive(Serialize)]
struct Packed<'a>(i64, i64, i64, u16, [&'a str; 11]);

#[derive(Deserialize)]
struct Unpacked<'a>(i64, i64, i64, u16, #[serde(borrow)] [Cow<'a, str>; 11]);

/// The columns of a block that `unpack` reads.
const COLUMNS: &str = "first, entries, packed";

/// A block's first number, and its entries.
fn unpack(row: &Row<'_>, tenant: TenantId) -> Result<(i64, Vec<LogEntry>)> {
    let (first, packed): (i64, Option<Vec<u8>>) = (row.get(0)?, row.get(2)?);
    let json = match packed {
        Some(packed) => log_text::expand(&packed)?,
        // From before blocks were compressed.
        None => row.get::<String>(1)?.into_bytes(),
    };
    let lines: Vec<Unpacked<'_>> = serde_json::from_slice(&json).map_err(|error| Error::Broken(Box::new(error)))?;
    let entry = |Unpacked(number, at, took_us, status, texts)| {
        let [method, path, actor, remote, user_agent, request_id, resource_type, resource_id, body, answer, steps] =
            texts;
        let line = LogLine {
            at,
            took_us,
            method,
            path,
            status,
            actor,
            remote,
            user_agent,
            request_id,
            resource_type,
            resource_id,
            body,
            answer,
            steps,
        };
        line.into_entry(tenant, first + number)
    };
    Ok((first, lines.into_iter().map(entry).collect()))
}

/// Entries of a tenant's reads that wait to be written, in their order; only what was answered and changed nothing.
#[derive(Debug, Default)]
pub struct LogBlock {
    /// The number of the first; 0 where numbers are given when they are written.
    first: i64,
    last: i64,
    last_at: i64,
    length: usize,
    text: Vec<u8>,
    counts: Counts,
}

impl LogBlock {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the next entry goes into another block.
    pub fn is_full(&self) -> bool {
        self.length >= LOG_BLOCK_MAX || self.text.len() >= BYTES_ENOUGH
    }

    /// The number of the newest; 0 where it is given later.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Takes one with its number from `next_log_seq`, which is greater than those before it, or with 0.
    pub fn push(&mut self, seq: i64, line: &LogLine<'_>) {
        if self.is_empty() {
            self.first = seq;
        }
        let number = if seq == 0 { i64::try_from(self.length).unwrap_or(0) } else { seq - self.first };
        let texts = [
            &*line.method,
            &line.path,
            &line.actor,
            &line.remote,
            &line.user_agent,
            &line.request_id,
            &line.resource_type,
            &line.resource_id,
            &line.body,
            &line.answer,
            &line.steps,
        ];
        self.text.push(if self.is_empty() { b'[' } else { b',' });
        // Writing texts into memory cannot fail.
        serde_json::to_writer(&mut self.text, &Packed(number, line.at, line.took_us, line.status, texts)).ok();
        self.counts.add(line.at, line.status, line.took_us);
        (self.last, self.last_at) = (self.first + number, line.at);
        self.length += 1;
    }
}

fn is_read(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

impl LogQuery {
    /// Whether entries in blocks may be wanted at all.
    fn wants_reads(&self) -> bool {
        self.failed != Some(true)
            && self.writes != Some(true)
            && self.code.is_none()
            && self.status_min.is_none_or(|least| least < 400)
            && self.method.as_ref().is_none_or(|method| is_read(&method.to_ascii_uppercase()))
    }

    /// Whether an entry of a block is wanted; the same conditions as in the SQL of the other entries.
    fn wants(&self, entry: &LogEntry) -> bool {
        let same =
            |wanted: &Option<String>, have: Option<&str>| wanted.as_deref().is_none_or(|want| have == Some(want));
        self.after.is_none_or(|after| entry.seq > after)
            && self.before.is_none_or(|before| entry.seq < before)
            && self.status_min.is_none_or(|least| entry.status >= least)
            && self.since_at.is_none_or(|since| entry.at >= since)
            && self.until_at.is_none_or(|until| entry.at < until)
            && self.method.as_ref().is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && same(&self.resource_id, entry.resource_id.as_deref())
            && same(&self.resource_type, entry.resource_type.as_deref())
            && same(&self.actor, Some(&entry.actor))
            && same(&self.remote, entry.remote.as_deref())
            && self.text.as_ref().is_none_or(|text| entry.holds(&text.to_ascii_lowercase()))
    }
}

impl Reader {
    /// The number of a tenant's newest entry in a block; 0 without any.
    pub(crate) fn last_in_block(&self, tenant: TenantId) -> Result<i64> {
        let sql = "select last from log_block where tenant = ?1 order by first desc limit 1";
        Ok(self.first(sql, [tenant.0], |row| row.get(0))?.unwrap_or(0))
    }

    /// The entries of blocks that are wanted, in the query's order, and how far it was looked if not to the end.
    pub(crate) fn log_in_blocks(&self, tenant: TenantId, query: &LogQuery) -> Result<Seen> {
        let mut seen = Seen::default();
        if !query.wants_reads() {
            return Ok(seen);
        }
        let (limit, mut looked_at) = (query.limit as usize, 0);
        self.each_block(tenant, query, |entries| {
            looked_at += entries.len();
            let end = entries.last().map(|entry| entry.seq);
            seen.entries.extend(entries.into_iter().filter(|entry| query.wants(entry)));
            if seen.entries.len() >= limit {
                return ControlFlow::Break(());
            }
            if looked_at >= LOOKED_AT_MAX as usize {
                seen.end = end;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        seen.entries.truncate(limit);
        if !query.want_texts {
            seen.entries = seen.entries.into_iter().map(LogEntry::without_texts).collect();
        }
        Ok(seen)
    }

    /// Hands out the entries of each block that a query's numbers touch, in the query's order, one block at a time.
    fn each_block(
        &self,
        tenant: TenantId,
        query: &LogQuery,
        mut block: impl FnMut(Vec<LogEntry>) -> ControlFlow<()>,
    ) -> Result<()> {
        const BEFORE: &str = "first < ?2 order by first desc";
        const BEHIND: &str = "first > ?2 order by first";
        let read = |which: &str, bound: i64| {
            let sql = format!("select {COLUMNS} from log_block where tenant = ?1 and {which} limit 1");
            self.first(&sql, (tenant.0, bound), |row| unpack(row, tenant))
        };
        let forward = query.after.is_some();
        let (after, before) = (query.after.unwrap_or(0), query.before.unwrap_or(i64::MAX));
        // `after` may lie within a block: the last one that begins before it.
        let within = if forward { read(BEFORE, after)? } else { None };
        let mut next = match within {
            Some(within) => Some(within),
            None if forward => read(BEHIND, after.saturating_sub(1))?,
            None => read(BEFORE, before)?,
        };
        while let Some((first, mut entries)) = next.filter(|(first, _)| *first < before) {
            if !forward {
                entries.reverse();
            }
            if block(entries).is_break() {
                break;
            }
            next = if forward { read(BEHIND, first)? } else { read(BEFORE, first)? };
        }
        Ok(())
    }

    /// One entry of a block.
    pub(crate) fn entry_in_block(&self, tenant: TenantId, seq: i64) -> Result<Option<LogEntry>> {
        let sql =
            format!("select {COLUMNS} from log_block where tenant = ?1 and first <= ?2 order by first desc limit 1");
        let found = self.first(&sql, (tenant.0, seq), |row| unpack(row, tenant))?;
        Ok(found.and_then(|(_, entries)| entries.into_iter().find(|entry| entry.seq == seq)))
    }
}

impl Writer {
    /// Writes a block of this tenant; its numbers lie behind those of every other.
    pub fn log_block(&mut self, tenant: TenantId, mut block: LogBlock) -> Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        if block.first == 0 {
            let first = self.next_log_seqs(block.len());
            (block.first, block.last) = (first, first + block.last);
        }
        block.text.push(b']');
        let packed = log_text::compress(&block.text);
        let bytes = i64::try_from(packed.len()).unwrap_or(i64::MAX);
        let sql = "insert into log_block (tenant, first, last, last_at, bytes, entries, packed)
                   values (?1, ?2, ?3, ?4, ?5, '', ?6)";
        self.execute(sql, (tenant.0, block.first, block.last, block.last_at, bytes, packed))?;
        self.log_grow(tenant, bytes)?;
        self.log_count(tenant, block.counts)
    }
}
