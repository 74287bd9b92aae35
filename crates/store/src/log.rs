//! The provisioning log: requests and answers, redacted by whoever writes them.
//!
//! Entries are numbered over all tenants. A number is taken when a request is answered, so numbers keep
//! the order also where entries are written later, in batches. Those of reads lie packed in blocks (`log_block`),
//! all others in rows of their own, with their texts compressed (`log_text`).

use crate::db::{Reader, Row, Sql, ToValue, Value, Writer};
use crate::log_count::Counts;
use crate::log_text;
use crate::tenants::LogLimits;
use crate::{Result, TenantId};
use serde::Serialize;

/// Most entries that one query looks at, so that a rare condition cannot read the whole log at once.
pub(crate) const LOOKED_AT_MAX: u32 = 50_000;
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

    /// The entry as it stands in a list.
    pub(crate) fn without_texts(self) -> Self {
        Self { body: None, answer: None, steps: None, diff: None, ..self }
    }
}

/// An entry that is ready to be stored.
struct Packed {
    entry: LogEntry,
    texts: Option<Vec<u8>>,
}

impl Packed {
    fn new(entry: LogEntry) -> Self {
        let texts = log_text::pack([&entry.body, &entry.answer, &entry.steps, &entry.diff]);
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

/// Which entries to list. Everything that is given has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Entries with a greater number, oldest first.
    pub after: Option<i64>,
    /// Entries with a smaller number; without `after`, newest first.
    pub before: Option<i64>,
    /// Most entries in the answer.
    pub limit: u32,
    /// About this resource.
    pub resource_id: Option<String>,
    /// This status or a greater one.
    pub status_min: Option<u16>,
    /// This method.
    pub method: Option<String>,
    /// With a status of 400 or greater; or, for `false`, smaller.
    pub failed: Option<bool>,
    /// From this instant on.
    pub since_at: Option<i64>,
    /// With this text in the path or in one of its texts, in any case (ASCII).
    pub text: Option<String>,
    /// Before this instant.
    pub until_at: Option<i64>,
    /// By this token.
    pub actor: Option<String>,
    /// From this client's address.
    pub remote: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// About resources of this type.
    pub resource_type: Option<String>,
    /// Only what may change something (`true`), or only what reads.
    pub writes: Option<bool>,
    /// With the texts: what was sent and answered, the steps, the difference.
    pub want_texts: bool,
}

/// Entries that were found in one of the places where entries lie.
#[derive(Default)]
pub(crate) struct Seen {
    /// In the query's order.
    pub(crate) entries: Vec<LogEntry>,
    /// The number up to which it was looked, when it was not looked to the end.
    pub(crate) end: Option<i64>,
}

const COLUMNS: &str = "seq, tenant, at, took_us, method, path, status, code, actor, remote, user_agent, request_id, \
                       resource_type, resource_id";

fn summary(row: &Row<'_>) -> Result<LogEntry> {
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
const TEXTS: &str = "body, answer, steps, diff, packed";

fn whole(row: &Row<'_>) -> Result<LogEntry> {
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
        Ok(self.last_in_block(tenant)?.max(in_rows))
    }

    /// Lists entries, without their texts unless they are wanted. Looks at 50 000 entries at most: a rare condition may
    /// come back with fewer than there are; go on with `before` (or `after`) from the last number. What changed or
    /// refused something about a resource is found through an index, however old; reads of it among the newest ones.
    pub fn log(&self, tenant: TenantId, query: &LogQuery) -> Result<Vec<LogEntry>> {
        let reads = self.log_in_blocks(tenant, query)?;
        let rows = self.log_in_rows(tenant, query)?;
        if reads.entries.is_empty() {
            return Ok(rows.entries);
        }
        let forward = query.after.is_some();
        // Behind the place up to which one was looked at, the other's entries would hide what lies between them.
        let ends = if query.resource_id.is_some() { [rows.end, None] } else { [rows.end, reads.end] };
        let mut found: Vec<LogEntry> = rows.entries.into_iter().chain(reads.entries).collect();
        for end in ends.into_iter().flatten() {
            found.retain(|entry| if forward { entry.seq <= end } else { entry.seq >= end });
        }
        found.sort_by_key(|entry| if forward { entry.seq } else { -entry.seq });
        found.truncate(query.limit as usize);
        Ok(found)
    }

    /// The entries with rows of their own.
    fn log_in_rows(&self, tenant: TenantId, query: &LogQuery) -> Result<Seen> {
        let (forward, order) = if query.after.is_some() { (true, "asc") } else { (false, "desc") };
        let mut values: Vec<Sql> = Vec::new();
        let mut bind = |value: Sql| {
            values.push(value);
            values.len()
        };
        let mut range = format!("tenant = ?{}", bind(tenant.0.into()));
        if let Some(after) = query.after.filter(|_| forward) {
            range.push_str(&format!(" and seq > ?{}", bind(after.into())));
        }
        if let Some(before) = query.before {
            range.push_str(&format!(" and seq < ?{}", bind(before.into())));
        }
        if let Some(id) = &query.resource_id {
            range.push_str(&format!(" and resource_id = ?{}", bind(id.clone().into())));
        }
        let mut rest = String::from("true");
        if let Some(status) = query.status_min {
            rest.push_str(&format!(" and status >= ?{}", bind(i64::from(status).into())));
        }
        if let Some(method) = &query.method {
            rest.push_str(&format!(" and method = ?{}", bind(method.to_ascii_uppercase().into())));
        }
        // The planner would rather walk through all entries in their order than sort the few of a resource.
        let mut source = if query.resource_id.is_some() { "log indexed by log_resource" } else { "log" };
        match query.failed {
            Some(true) => {
                range.push_str(" and status >= 400");
                if query.resource_id.is_none() {
                    source = "log indexed by log_failed";
                }
            }
            Some(false) => rest.push_str(" and status < 400"),
            None => {}
        }
        let same = [
            ("actor", &query.actor),
            ("remote", &query.remote),
            ("code", &query.code),
            ("resource_type", &query.resource_type),
        ];
        for (column, wanted) in same {
            if let Some(wanted) = wanted {
                rest.push_str(&format!(" and {column} = ?{}", bind(wanted.clone().into())));
            }
        }
        match query.writes {
            Some(true) => rest.push_str(" and method not in ('GET', 'HEAD')"),
            Some(false) => rest.push_str(" and method in ('GET', 'HEAD')"),
            None => {}
        }
        if let Some(until) = query.until_at {
            rest.push_str(&format!(" and at < ?{}", bind(until.into())));
        }
        if let Some(since) = query.since_at {
            rest.push_str(&format!(" and at >= ?{}", bind(since.into())));
        }
        let wants_all = query.want_texts || query.text.is_some();
        let columns = if wants_all { format!("{COLUMNS}, {TEXTS}") } else { COLUMNS.to_owned() };
        // Texts are compressed: whether one holds what is looked for is seen here.
        let limit = if query.text.is_some() { LOOKED_AT_MAX } else { query.limit };
        let sql = format!(
            "select {columns} from (select * from {source} where {range} order by seq {order} limit {LOOKED_AT_MAX}) as seen
             where {rest} order by seq {order} limit ?{}",
            bind(i64::from(limit).into())
        );
        let (lower, mut entries) = (query.text.as_ref().map(|text| text.to_ascii_lowercase()), Vec::new());
        self.each(&sql, &values[..], |row| {
            let entry = if wants_all { whole(row)? } else { summary(row)? };
            if lower.as_ref().is_none_or(|lower| entry.holds(lower)) {
                entries.push(if query.want_texts { entry } else { entry.without_texts() });
            }
            Ok(entries.len() < query.limit as usize)
        })?;
        // Only where there are fewer than wanted can it have been the bound that ended the search.
        let is_every = rest == "true" && query.text.is_none();
        let is_full = entries.len() >= query.limit as usize || is_every || query.resource_id.is_some();
        let end = if is_full { None } else { self.looked_to(tenant, query, order)? };
        Ok(Seen { entries, end })
    }

    /// The number of the last entry that a search through rows looks at, if there are more.
    fn looked_to(&self, tenant: TenantId, query: &LogQuery, order: &str) -> Result<Option<i64>> {
        let (after, before) = (query.after.unwrap_or(-1), query.before.unwrap_or(i64::MAX));
        let failed = if query.failed == Some(true) { "and status >= 400" } else { "" };
        let sql = format!(
            "select seq from log where tenant = ?1 and seq > ?2 and seq < ?3 {failed} order by seq {order} limit 1 offset {}",
            LOOKED_AT_MAX - 1
        );
        self.first(&sql, (tenant.0, after, before), |row| row.get(0))
    }

    /// One entry with its texts.
    pub fn log_entry(&self, tenant: TenantId, seq: i64) -> Result<Option<LogEntry>> {
        let sql = format!("select {COLUMNS}, {TEXTS} from log where tenant = ?1 and seq = ?2");
        match self.first(&sql, (tenant.0, seq), whole)? {
            None => self.entry_in_block(tenant, seq),
            found => Ok(found),
        }
    }

    /// Bytes that a tenant's entries take.
    pub fn log_bytes(&self, tenant: TenantId) -> Result<u64> {
        let sql = "select bytes from log_size where tenant = ?1";
        let bytes: Option<i64> = self.first(sql, [tenant.0], |row| row.get(0))?;
        Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    }
}

impl Writer {
    /// Takes an entry, which is written with the commit of what it tells about.
    pub fn log(&mut self, entry: LogEntry) {
        self.log_waiting.push(entry);
    }

    /// Writes what was taken. At the end of a transaction and for all of its writes together: a row of the log and its
    /// indexes then cost no part of a transaction its own copies of their pages.
    pub(crate) fn log_write(&mut self) -> Result<()> {
        let mut entries = std::mem::take(&mut self.log_waiting);
        for entry in entries.iter_mut().filter(|entry| entry.seq == 0) {
            entry.seq = self.next_log_seqs(1);
        }
        let mut packed: Vec<Packed> = entries.into_iter().map(Packed::new).collect();
        self.log_rows(&packed)?;
        packed.sort_by_key(|one| one.entry.tenant);
        for of_tenant in packed.chunk_by(|a, b| a.entry.tenant == b.entry.tenant) {
            let Some(tenant) = of_tenant.first().map(|one| one.entry.tenant) else { continue };
            self.log_grow(tenant, of_tenant.iter().map(Packed::bytes).sum())?;
            let mut counts = Counts::default();
            of_tenant.iter().for_each(|Packed { entry, .. }| counts.add(entry.at, entry.status, entry.took_us));
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

    pub(crate) fn log_grow(&mut self, tenant: TenantId, bytes: i64) -> Result<()> {
        let sql = "insert into log_size (tenant, bytes) values (?1, ?2)
                   on conflict (tenant) do update set bytes = log_size.bytes + excluded.bytes";
        self.later(sql, (tenant.0, bytes))
    }

    /// Removes the oldest entries that are over the limits, 2 000 rows or blocks at most; call it again while the answer
    /// is that many. The newest entry stays, so that numbers never start over.
    pub fn log_prune(&mut self, tenant: TenantId, limits: &LogLimits, now: i64) -> Result<u64> {
        let oldest_at = now.saturating_sub(i64::from(limits.keep_days).saturating_mul(DAY));
        let over = self.log_bytes(tenant)?.saturating_sub(limits.bytes_max);
        let mut over = i64::try_from(over).unwrap_or(i64::MAX);
        let sql = "select seq, at, bytes from (
                       select seq, at, bytes from log where tenant = ?1 and seq < ?3
                       union all select first, last_at, bytes from log_block where tenant = ?1 and last < ?3) as entry
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
            self.execute(
                "delete from log_block where tenant = ?1 and first <= ?2 and last < ?3",
                (tenant.0, last, newest),
            )?;
            self.log_grow(tenant, -freed)?;
        }
        Ok(count)
    }
}
