//! The provisioning log: requests and answers, redacted by whoever writes them.
//!
//! Entries are numbered over all tenants. A number is taken when a request is answered, so numbers keep
//! the order also where entries are written later, in batches. Those of reads lie packed in blocks (`log_block`), those
//! of changes in packs (`log_pack`), all others in rows of their own, with their texts compressed (`log_text`).

use crate::db::{Reader, Row, ToValue, Value, Writer};
use crate::log_block::BLOCKS;
use crate::log_count::Counts;
use crate::log_pack::PACKS;
use crate::log_text;
use crate::tenants::LogLimits;
use crate::{Result, TenantId};
use serde::Serialize;

/// Most rows and blocks that one call of `log_prune` removes.
pub const LOG_PRUNED_MAX: u64 = 2_000;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// One request. The texts are JSON and hold no secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// From `next_log_seq`; with 0 it is given when it is written.
    pub seq: i64,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// When the request came.
    pub at: i64,
    /// How long it took, in microseconds.
    pub took_us: i64,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Our code, if it failed.
    pub code: Option<String>,
    /// Whose token.
    pub actor: String,
    /// The client's address.
    pub remote: Option<String>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The request's id, also in the answer.
    pub request_id: String,
    /// Type of the resource that it was about.
    pub resource_type: Option<String>,
    /// Id of the resource that it was about.
    pub resource_id: Option<String>,
    /// What was sent.
    pub body: Option<String>,
    /// What was answered.
    pub answer: Option<String>,
    /// How it was decided.
    pub steps: Option<String>,
    /// What it changed.
    pub diff: Option<String>,
}

impl LogEntry {
    /// Whether a text is in the path or in one of the texts; it is given in lower case (ASCII).
    pub(crate) fn holds(&self, lower: &str) -> bool {
        let texts =
            [Some(&self.path), self.body.as_ref(), self.answer.as_ref(), self.steps.as_ref(), self.diff.as_ref()];
        texts.into_iter().flatten().any(|text| text.to_ascii_lowercase().contains(lower))
    }

    /// What was sent, what was answered, the steps, the difference.
    pub(crate) fn texts(&self) -> [&Option<String>; 4] {
        [&self.body, &self.answer, &self.steps, &self.diff]
    }

    /// The entry as it stands in a list.
    pub(crate) fn without_texts(self) -> Self {
        Self { body: None, answer: None, steps: None, diff: None, ..self }
    }
}

/// An entry that was taken, to be written with the commit.
pub(crate) struct Waiting {
    entry: LogEntry,
    /// Whether it tells what this transaction does.
    of_now: bool,
}

/// An entry that is ready to be stored.
struct Packed {
    entry: LogEntry,
    texts: Option<Vec<u8>>,
}

impl Packed {
    fn new(entry: LogEntry) -> Self {
        let texts = log_text::pack(entry.texts());
        Self { entry, texts }
    }

    /// All columns.
    fn row(&self) -> [Value<'_>; 16] {
        let entry = &self.entry;
        [
            entry.seq.into(),
            entry.tenant.0.into(),
            entry.at.into(),
            entry.took_us.into(),
            Value::Text(&entry.method),
            Value::Text(&entry.path),
            i64::from(entry.status).into(),
            entry.code.value(),
            Value::Text(&entry.actor),
            entry.remote.value(),
            entry.user_agent.value(),
            Value::Text(&entry.request_id),
            entry.resource_type.value(),
            entry.resource_id.value(),
            self.texts.value(),
            self.bytes().into(),
        ]
    }

    /// What it takes on the disk, about.
    fn bytes(&self) -> i64 {
        let length = self.texts.as_ref().map_or(0, Vec::len);
        i64::try_from(length + self.entry.path.len() + 200).unwrap_or(i64::MAX)
    }
}

pub(crate) const COLUMNS: &str = "seq, tenant, at, took_us, method, path, status, code, actor, remote, user_agent, request_id, \
                       resource_type, resource_id";

pub(crate) fn summary(row: &Row<'_>) -> Result<LogEntry> {
    Ok(LogEntry {
        seq: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        at: row.get(2)?,
        took_us: row.get(3)?,
        method: row.get(4)?,
        path: row.get(5)?,
        status: row.get(6)?,
        code: row.get(7)?,
        actor: row.get(8)?,
        remote: row.get(9)?,
        user_agent: row.get(10)?,
        request_id: row.get(11)?,
        resource_type: row.get(12)?,
        resource_id: row.get(13)?,
        ..LogEntry::default()
    })
}

/// The texts of entries from before they were compressed, and those of all others.
pub(crate) const TEXTS: &str = "body, answer, steps, diff, packed";

pub(crate) fn whole(row: &Row<'_>) -> Result<LogEntry> {
    let packed: Option<Vec<u8>> = row.get(18)?;
    let [body, answer, steps, diff] = match packed {
        Some(packed) => log_text::unpack(&packed)?,
        None => [row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?],
    };
    Ok(LogEntry { body, answer, steps, diff, ..summary(row)? })
}

impl Reader {
    /// The number of a tenant's newest entry; 0 without any.
    pub fn last_log(&self, tenant: TenantId) -> Result<i64> {
        let sql = "select seq from log where tenant = ?1 order by seq desc limit 1";
        let in_rows = self.first(sql, [tenant.0], |row| row.get(0))?.unwrap_or(0);
        Ok(self.last_in(BLOCKS, tenant)?.max(self.last_in(PACKS, tenant)?).max(in_rows))
    }

    /// One entry with its texts.
    pub fn log_entry(&self, tenant: TenantId, seq: i64) -> Result<Option<LogEntry>> {
        let sql = format!("select {COLUMNS}, {TEXTS} from log where tenant = ?1 and seq = ?2");
        let of_change = self.entry_in(PACKS, tenant, seq)?;
        let alone = if of_change.is_none() { self.first(&sql, (tenant.0, seq), whole)? } else { of_change };
        if alone.is_none() { self.entry_in(BLOCKS, tenant, seq) } else { Ok(alone) }
    }
}

impl Writer {
    /// Takes an entry, which is written with the commit.
    pub fn log(&mut self, entry: LogEntry) {
        self.log_waiting.push(Waiting { entry, of_now: false });
    }

    /// Takes the entry of what this transaction does, and answers the number that it gets.
    pub fn log_now(&mut self, mut entry: LogEntry) -> i64 {
        entry.seq = self.next_log_seq();
        let seq = entry.seq;
        self.log_waiting.push(Waiting { entry, of_now: true });
        seq
    }

    /// Writes what was taken. At the end of a transaction and for all of its writes together: a row of the log and its
    /// indexes then cost no part of a transaction its own copies of their pages.
    pub(crate) fn log_write(&mut self) -> Result<()> {
        let (waiting, changed) = (std::mem::take(&mut self.log_waiting), std::mem::take(&mut self.changed));
        let (of_now, other): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(|waiting| waiting.of_now);
        let (mut told, mut apart) = changed.split(of_now.into_iter().map(|waiting| waiting.entry).collect());
        apart.extend(other.into_iter().map(|waiting| waiting.entry));
        self.log_apart(apart)?;
        told.sort_by_key(|entry| entry.tenant);
        for of_tenant in told.chunk_by(|a, b| a.tenant == b.tenant) {
            let Some(tenant) = of_tenant.first().map(|entry| entry.tenant) else { continue };
            self.log_packs(tenant, &changed, of_tenant)?;
        }
        Ok(())
    }

    /// Writes entries with rows of their own.
    fn log_apart(&mut self, mut entries: Vec<LogEntry>) -> Result<()> {
        for entry in entries.iter_mut().filter(|entry| entry.seq == 0) {
            entry.seq = self.next_log_seqs(1);
        }
        let mut packed: Vec<Packed> = entries.into_iter().map(Packed::new).collect();
        self.log_rows(&packed)?;
        packed.sort_by_key(|one| one.entry.tenant);
        for of_tenant in packed.chunk_by(|a, b| a.entry.tenant == b.entry.tenant) {
            let Some(tenant) = of_tenant.first().map(|one| one.entry.tenant) else { continue };
            let mut counts = Counts::default();
            for one in of_tenant {
                counts.add(one.entry.at, one.entry.status, one.entry.took_us);
                counts.grow(one.bytes());
            }
            self.log_count(tenant, counts)?;
        }
        Ok(())
    }

    fn log_rows(&mut self, entries: &[Packed]) -> Result<()> {
        let sql = format!(
            "insert into log ({COLUMNS}, packed, bytes)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        );
        let rows: Vec<_> = entries.iter().map(Packed::row).collect();
        self.insert_later(&sql, &rows)
    }

    /// Removes the oldest entries that are over the limits, 2 000 rows or blocks at most; call it again while the answer
    /// is that many. The newest entry stays, so that numbers never start over.
    pub fn log_prune(&mut self, tenant: TenantId, limits: &LogLimits, now: i64) -> Result<u64> {
        let oldest_at = now.saturating_sub(i64::from(limits.keep_days).saturating_mul(DAY));
        let over = self.log_bytes(tenant)?.saturating_sub(limits.bytes_max);
        if self.open_pack(tenant)?.is_some_and(|open| over > 0 || open.last_at < oldest_at) {
            self.close_open_pack(tenant)?;
        }
        let mut over = i64::try_from(over).unwrap_or(i64::MAX);
        let sql = "select seq, at, bytes from (
                       select seq, at, bytes from log where tenant = ?1 and seq < ?3
                       union all select first, last_at, bytes from log_block where tenant = ?1 and last < ?3
                       union all select first, last_at, bytes from log_pack where tenant = ?1 and last < ?3) as entry
                   order by seq limit ?2";
        let newest = self.last_log(tenant)?;
        let oldest: Vec<(i64, i64, i64)> = self.all(sql, (tenant.0, LOG_PRUNED_MAX.cast_signed(), newest), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let (mut last, mut freed, mut count) = (None, 0_i64, 0);
        for (seq, at, bytes) in oldest {
            if at >= oldest_at && over <= 0 {
                break;
            }
            last = Some(seq);
            over -= bytes;
            freed += bytes;
            count += 1;
        }
        self.log_counts_prune(tenant, oldest_at)?;
        if let Some(last) = last {
            self.execute("delete from log where tenant = ?1 and seq <= ?2", (tenant.0, last))?;
            for place in [BLOCKS, PACKS] {
                let sql = format!("delete from {} where tenant = ?1 and first <= ?2 and last < ?3", place.table);
                self.execute(&sql, (tenant.0, last, newest))?;
            }
            let mut counts = Counts::default();
            counts.grow(-freed);
            self.log_count(tenant, counts)?;
        }
        Ok(count)
    }
}
