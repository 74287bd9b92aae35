//! What is asked of the log, and the search in the places where its entries lie. Those with rows of their own are found
//! by SQL; those that lie together, of reads in blocks and of changes in packs, are read one row after the other, in the
//! order of their numbers, and looked through here.

use crate::db::{Reader, Row, Sql};
use crate::log::{COLUMNS, LogEntry, TEXTS, summary, whole};
use crate::log_block::BLOCKS;
use crate::{Result, TenantId};
use std::ops::ControlFlow;

/// Most entries that one query looks at, so that a rare condition cannot read the whole log at once.
pub(crate) const LOOKED_AT_MAX: u32 = 50_000;

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
    /// That changed this attribute, or named it in the body: by its full name, or by its last part alone.
    pub attribute: Option<String>,
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

/// Reads a row of a tenant: the number of its first entry, and its entries.
type Unpack = fn(&Row<'_>, TenantId) -> Result<(i64, Vec<LogEntry>)>;

/// A table whose rows hold entries. Rows of a tenant do not overlap.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    /// Where the newest one may lie beside it, as a table.
    pub(crate) open: Option<&'static str>,
    /// What `unpack` reads.
    pub(crate) columns: &'static str,
    pub(crate) unpack: Unpack,
}

impl Place {
    /// Asks for columns of the first row of tenant `?1` in this order to which the condition applies: a look at the key, and one
    /// at the row that is open.
    pub(crate) fn nearest(&self, columns: &str, which: &str, order: &str) -> String {
        let table = self.table;
        let stored = format!(
            "select {columns}, first as place from {table} where tenant = ?1 and {which} order by first {order} limit 1"
        );
        let open =
            self.open.map(|open| format!("union all select {columns}, first as place from {open} where {which}"));
        let open = open.unwrap_or_default();
        format!(
            "select {columns} from (select * from ({stored}) as stored {open}) as found order by place {order} limit 1"
        )
    }
}

/// Ways to the row that the walk goes on with.
const BEFORE: (&str, &str) = ("first < ?2", "desc");
const BEHIND: (&str, &str) = ("first > ?2", "asc");

fn is_read(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

impl LogQuery {
    /// Whether entries that were answered as asked may be wanted at all.
    fn wants_answered(&self) -> bool {
        self.failed != Some(true) && self.code.is_none() && self.status_min.is_none_or(|least| least < 400)
    }

    /// Whether those of reads may be.
    fn wants_reads(&self) -> bool {
        let is_theirs = |method: &String| is_read(&method.to_ascii_uppercase());
        self.wants_answered()
            && self.attribute.is_none()
            && self.writes != Some(true)
            && self.method.as_ref().is_none_or(is_theirs)
    }

    /// Whether those of changes may be.
    pub(crate) fn wants_changes(&self) -> bool {
        let is_theirs = |method: &String| !is_read(&method.to_ascii_uppercase());
        self.wants_answered() && self.writes != Some(false) && self.method.as_ref().is_none_or(is_theirs)
    }

    /// Whether somebody looks at the texts of entries.
    pub(crate) fn needs_texts(&self) -> bool {
        self.want_texts || self.text.is_some() || self.attribute.is_some()
    }

    /// Whether an answered entry is wanted; the same conditions as in the SQL of the other entries.
    pub(crate) fn wants(&self, entry: &LogEntry) -> bool {
        let same =
            |wanted: &Option<String>, have: Option<&str>| wanted.as_deref().is_none_or(|want| have == Some(want));
        self.after.is_none_or(|after| entry.seq > after)
            && self.before.is_none_or(|before| entry.seq < before)
            && self.status_min.is_none_or(|least| entry.status >= least)
            && self.since_at.is_none_or(|since| entry.at >= since)
            && self.until_at.is_none_or(|until| entry.at < until)
            && self.method.as_ref().is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && self.writes.is_none_or(|writes| writes != is_read(&entry.method))
            && same(&self.resource_id, entry.resource_id.as_deref())
            && same(&self.resource_type, entry.resource_type.as_deref())
            && same(&self.actor, Some(&entry.actor))
            && same(&self.remote, entry.remote.as_deref())
            && self.said(entry)
    }

    /// Whether its texts are as they are wanted.
    fn said(&self, entry: &LogEntry) -> bool {
        self.text.as_ref().is_none_or(|text| entry.holds(&text.to_ascii_lowercase()))
            && self.attribute.as_ref().is_none_or(|name| entry.names(name))
    }

    /// The entry as it goes into the answer.
    pub(crate) fn shown(&self, entry: LogEntry) -> LogEntry {
        if self.want_texts { entry } else { entry.without_texts() }
    }
}

impl Reader {
    /// Lists entries, without their texts unless they are wanted. Looks at 50 000 entries at most: a rare condition may
    /// come back with fewer than there are; go on with `before` (or `after`) from the last number. What changed or
    /// refused something about a resource is found through an index, however old; reads of it among the newest ones.
    pub fn log(&self, tenant: TenantId, query: &LogQuery) -> Result<Vec<LogEntry>> {
        let (rows, changes) = (self.log_in_rows(tenant, query)?, self.log_in_packs(tenant, query)?);
        let reads = if query.wants_reads() { self.entries_in(BLOCKS, tenant, query)? } else { Seen::default() };
        let forward = query.after.is_some();
        // Behind the place up to which one was looked at, the others' entries would hide what lies between them.
        let end_of_reads = if query.resource_id.is_some() { None } else { reads.end };
        let ends = [rows.end, changes.end, end_of_reads];
        let mut found: Vec<LogEntry> = [rows, changes, reads].into_iter().flat_map(|seen| seen.entries).collect();
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
        let wants_all = query.needs_texts();
        let columns = if wants_all { format!("{COLUMNS}, {TEXTS}") } else { COLUMNS.to_owned() };
        // Texts are compressed: whether one holds what is looked for is seen here.
        let looks_within = query.text.is_some() || query.attribute.is_some();
        let limit = if looks_within { LOOKED_AT_MAX } else { query.limit };
        let sql = format!(
            "select {columns} from (select * from {source} where {range} order by seq {order} limit {LOOKED_AT_MAX}) as seen
             where {rest} order by seq {order} limit ?{}",
            bind(i64::from(limit).into())
        );
        let mut entries = Vec::new();
        self.each(&sql, &values[..], |row| {
            let entry = if wants_all { whole(row)? } else { summary(row)? };
            if query.said(&entry) {
                entries.push(query.shown(entry));
            }
            Ok(entries.len() < query.limit as usize)
        })?;
        // Only where there are fewer than wanted can it have been the bound that ended the search.
        let is_every = rest == "true" && !looks_within;
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

    /// The number of a tenant's newest entry there; 0 without any.
    pub(crate) fn last_in(&self, place: Place, tenant: TenantId) -> Result<i64> {
        let sql = place.nearest("last", "true", "desc");
        Ok(self.first(&sql, [tenant.0], |row| row.get(0))?.unwrap_or(0))
    }

    /// One entry.
    pub(crate) fn entry_in(&self, place: Place, tenant: TenantId, seq: i64) -> Result<Option<LogEntry>> {
        let found = self.row_in(place, tenant, BEFORE, seq.saturating_add(1))?;
        Ok(found.and_then(|(_, entries)| entries.into_iter().find(|entry| entry.seq == seq)))
    }

    /// The entries there that are wanted, in the query's order, and how far it was looked if not to the end.
    pub(crate) fn entries_in(&self, place: Place, tenant: TenantId, query: &LogQuery) -> Result<Seen> {
        let (limit, mut looked_at, mut seen) = (query.limit as usize, 0, Seen::default());
        self.each_in(place, tenant, query, |entries| {
            looked_at += entries.len();
            let end = entries.last().map(|entry| entry.seq);
            seen.entries.extend(entries.into_iter().filter(|entry| query.wants(entry)).map(|entry| query.shown(entry)));
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
        Ok(seen)
    }

    /// Hands out the entries of each row that a query's numbers touch, in the query's order, one row at a time.
    fn each_in(
        &self,
        place: Place,
        tenant: TenantId,
        query: &LogQuery,
        mut row: impl FnMut(Vec<LogEntry>) -> ControlFlow<()>,
    ) -> Result<()> {
        let forward = query.after.is_some();
        let (after, before) = (query.after.unwrap_or(0), query.before.unwrap_or(i64::MAX));
        // `after` may lie within a row: the last one that begins before it.
        let within = if forward { self.row_in(place, tenant, BEFORE, after)? } else { None };
        let mut next = match within {
            Some(within) => Some(within),
            None if forward => self.row_in(place, tenant, BEHIND, after.saturating_sub(1))?,
            None => self.row_in(place, tenant, BEFORE, before)?,
        };
        while let Some((first, mut entries)) = next.filter(|(first, _)| *first < before) {
            if !forward {
                entries.reverse();
            }
            if row(entries).is_break() {
                break;
            }
            next = self.row_in(place, tenant, if forward { BEHIND } else { BEFORE }, first)?;
        }
        Ok(())
    }

    fn row_in(
        &self,
        place: Place,
        tenant: TenantId,
        (which, order): (&str, &str),
        bound: i64,
    ) -> Result<Option<(i64, Vec<LogEntry>)>> {
        let sql = place.nearest(place.columns, which, order);
        self.first(&sql, (tenant.0, bound), |row| (place.unpack)(row, tenant))
    }
}
