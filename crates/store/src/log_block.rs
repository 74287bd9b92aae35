//! Entries of reads, packed: one row for a batch of them, because a row for each costs more than the read itself.
//!
//! Invariant: the blocks of a tenant do not overlap, so their order is the order of their entries. Who fills blocks gives
//! out their numbers in the same breath.

use crate::db::{Row, Writer};
use crate::log::LogEntry;
use crate::log_count::Counts;
use crate::log_search::Place;
use crate::log_text;
use crate::{Error, Result, TenantId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Most entries of a block: one of them is found by reading all. A range of numbers has room for it.
pub const LOG_BLOCK_MAX: usize = 1_000;
/// Bytes from which a block takes no more: memory that grows much further is new memory each time, and costs as much as
/// what is put into it.
pub(crate) const BYTES_ENOUGH: usize = 60 << 10;

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

impl LogEntry {
    /// What it says as a line: all but its number, its code and its difference.
    pub fn line(&self) -> LogLine<'_> {
        fn optional(text: &Option<String>) -> Cow<'_, str> {
            text.as_deref().unwrap_or_default().into()
        }
        LogLine {
            at: self.at,
            took_us: self.took_us,
            method: (&*self.method).into(),
            path: (&*self.path).into(),
            status: self.status,
            actor: (&*self.actor).into(),
            remote: optional(&self.remote),
            user_agent: optional(&self.user_agent),
            request_id: (&*self.request_id).into(),
            resource_type: optional(&self.resource_type),
            resource_id: optional(&self.resource_id),
            body: optional(&self.body),
            answer: optional(&self.answer),
            steps: optional(&self.steps),
        }
    }
}

impl LogLine<'_> {
    fn texts(&self) -> [&str; TEXTS] {
        [
            &self.method,
            &self.path,
            &self.actor,
            &self.remote,
            &self.user_agent,
            &self.request_id,
            &self.resource_type,
            &self.resource_id,
            &self.body,
            &self.answer,
            &self.steps,
        ]
    }

    /// What a list shows of it.
    pub(crate) fn without_texts(self) -> Self {
        Self { body: "".into(), answer: "".into(), steps: "".into(), ..self }
    }

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

/// Texts of a line.
const TEXTS: usize = 11;

/// A line as it lies in a block: its number counted from the block's first, when, how long, the status, the texts; nothing
/// for one that is the same as in the line before, as most are of requests that follow each other.
#[derive(Serialize)]
struct Packed<'a>(i64, i64, i64, u16, [Option<&'a str>; TEXTS]);

#[derive(Deserialize)]
struct Unpacked<'a>(i64, i64, i64, u16, #[serde(borrow)] [Option<Cow<'a, str>>; TEXTS]);

/// What is counted of a line.
#[derive(Deserialize)]
struct Counted(IgnoredAny, i64, i64, u16, IgnoredAny);

fn write_line(text: &mut Vec<u8>, number: i64, line: &LogLine<'_>, texts: [Option<&str>; TEXTS]) {
    // Writing texts into memory cannot fail.
    serde_json::to_writer(text, &Packed(number, line.at, line.took_us, line.status, texts)).ok();
}

/// Adds a line that says everything to a block of such lines, which is a whole one each time.
pub(crate) fn push_line(json: &mut Vec<u8>, number: i64, line: &LogLine<'_>) {
    let joint = if json.pop().is_some() { b',' } else { b'[' };
    json.push(joint);
    write_line(json, number, line, line.texts().map(Some));
    json.push(b']');
}

/// Takes the last line away again: the block had that length before it.
pub(crate) fn truncate(json: &mut Vec<u8>, length: usize) {
    json.truncate(length.saturating_sub(1));
    json.push(b']');
}

/// What a block adds to the counts.
pub(crate) fn counts(json: &[u8]) -> Result<Counts> {
    let lines: Vec<Counted> = serde_json::from_slice(json).map_err(|error| Error::Broken(Box::new(error)))?;
    let mut counts = Counts::default();
    lines.iter().for_each(|Counted(_, at, took_us, status, _)| counts.add(*at, *status, *took_us));
    Ok(counts)
}

/// Where the entries of reads lie.
pub(crate) const BLOCKS: Place = Place { table: "log_block", open: None, columns: "first, entries, packed", unpack };

/// A block's first number, and its entries.
fn unpack(row: &Row<'_>, tenant: TenantId) -> Result<(i64, Vec<LogEntry>)> {
    let (first, packed): (i64, Option<Vec<u8>>) = (row.get(0)?, row.get(2)?);
    let json = match packed {
        Some(packed) => log_text::expand(&packed)?,
        // From before blocks were compressed.
        None => row.get::<String>(1)?.into_bytes(),
    };
    Ok((first, entries(&json, tenant, first)?))
}

/// The entries that a `LogBlock` wrote.
pub(crate) fn entries(json: &[u8], tenant: TenantId, first: i64) -> Result<Vec<LogEntry>> {
    let lines: Vec<Unpacked<'_>> = serde_json::from_slice(json).map_err(|error| Error::Broken(Box::new(error)))?;
    let mut before = <[Cow<'_, str>; TEXTS]>::default();
    let mut read = Vec::with_capacity(lines.len());
    for Unpacked(number, at, took_us, status, texts) in lines {
        for (before, text) in before.iter_mut().zip(texts) {
            *before = text.unwrap_or_else(|| std::mem::take(before));
        }
        let [method, path, actor, remote, user_agent, request_id, resource_type, resource_id, body, answer, steps] =
            before.clone();
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
        read.push(line.into_entry(tenant, first + number));
    }
    Ok(read)
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
    /// The texts of the newest line; empty before the first.
    before: [String; TEXTS],
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

    /// The number of the oldest.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// When the newest request came.
    pub(crate) fn last_at(&self) -> i64 {
        self.last_at
    }

    /// Compressed, and what it adds to the counts; nothing is left but the room.
    pub(crate) fn take_packed(&mut self) -> (Vec<u8>, Counts) {
        let mut text = std::mem::take(&mut self.text);
        text.push(b']');
        let packed = log_text::compress(&text);
        text.clear();
        let mut before = std::mem::take(&mut self.before);
        before.iter_mut().for_each(String::clear);
        let Self { counts, .. } = std::mem::replace(self, Self { text, before, ..Self::default() });
        (packed, counts)
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
        let texts = line.texts();
        let mut new = [None; TEXTS];
        for ((new, before), text) in new.iter_mut().zip(&mut self.before).zip(texts) {
            if *before != text {
                before.clear();
                before.push_str(text);
                *new = Some(text);
            }
        }
        self.text.push(if self.is_empty() { b'[' } else { b',' });
        write_line(&mut self.text, number, line, new);
        self.counts.add(line.at, line.status, line.took_us);
        (self.last, self.last_at) = (self.first + number, line.at);
        self.length += 1;
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
        let (first, last, last_at) = (block.first, block.last, block.last_at);
        let (packed, mut counts) = block.take_packed();
        let bytes = i64::try_from(packed.len()).unwrap_or(i64::MAX);
        counts.grow(bytes);
        let sql = "insert into log_block (tenant, first, last, last_at, bytes, entries, packed)
                   values (?1, ?2, ?3, ?4, ?5, '', ?6)";
        self.execute(sql, (tenant.0, first, last, last_at, bytes, packed))?;
        self.log_count(tenant, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_line_before_says_is_not_said_again() {
        let line = |path, answer| LogLine {
            method: "GET".into(),
            path: Cow::Borrowed(path),
            answer: Cow::Borrowed(answer),
            ..LogLine::default()
        };
        let lines = [line("/a", ""), line("/a", ""), line("/a", "x"), line("/b", ""), line("", ""), line("", "x")];
        let mut block = LogBlock::default();
        // The second time in the room of the first.
        for _ in 0..2 {
            for (number, line) in (7..).zip(&lines) {
                block.push(number, line);
            }
            let text = block.text.clone();
            assert_eq!(String::from_utf8_lossy(&text).matches("GET").count(), 1);
            let (packed, _) = block.take_packed();
            let read = entries(&log_text::expand(&packed).unwrap(), TenantId(1), 7).unwrap();
            let due = (7..).zip(lines.clone()).map(|(number, line)| line.into_entry(TenantId(1), number));
            assert!(read.iter().eq(&due.collect::<Vec<_>>()), "{read:?}");
        }
    }

    #[test]
    fn blocks_that_say_everything_are_read() {
        let block = br#"[[0,5,6,200,["GET","/a","","","","","","","","",""]],[1,5,6,200,["GET","/b","","","","","","","","",""]]]"#;
        let read = entries(block, TenantId(1), 3).unwrap();
        assert_eq!(read.iter().map(|entry| &*entry.path).collect::<Vec<_>>(), ["/a", "/b"]);
        assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4]);
    }
}
