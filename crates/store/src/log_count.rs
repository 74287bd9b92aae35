//! How many requests there were, and how long they took: counted when an entry is written, by slots of five minutes. The
//! bytes of a tenant's entries are counted in the same place: one page fewer to be written with each commit.

use crate::db::{Reader, Value, Writer};
use crate::{Result, TenantId};
use std::collections::BTreeMap;

/// Microseconds of a slot.
pub const SLOT: i64 = 300_000_000;
/// Where the bytes are counted: behind every slot, so beside the newest one.
const BYTES: (i64, i64, i64) = (i64::MAX, 0, 0);
/// Largest bucket: some twelve days.
const BUCKET_MAX: i64 = 160;

/// The requests of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogCount {
    /// When it begins.
    pub at: i64,
    /// Answered as asked: 2xx and 3xx.
    pub good: u64,
    /// Refused: 4xx.
    pub refused: u64,
    /// Failed: 5xx.
    pub broken: u64,
    /// How long they took: numbers of requests by bucket.
    took: BTreeMap<i64, u64>,
}

impl LogCount {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.good + self.refused + self.broken
    }

    /// Adds another stretch.
    pub fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.refused += other.refused;
        self.broken += other.broken;
        for (bucket, count) in &other.took {
            *self.took.entry(*bucket).or_default() += count;
        }
    }

    /// The time in microseconds that this part of the requests (0.5, 0.95) stayed below, to a fifth more or less;
    /// nothing without requests.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let total: u64 = self.took.values().sum();
        let mut left = (total as f64 * part).ceil().max(1.0) as u64;
        for (bucket, count) in &self.took {
            if *count >= left {
                return Some(((*bucket as f64 + 0.5) / 4.0).exp2() as u64);
            }
            left -= count;
        }
        None
    }
}

fn bucket(took_us: i64) -> i64 {
    (((took_us.max(1)) as f64).log2() * 4.0).floor().clamp(0.0, BUCKET_MAX as f64) as i64
}

fn class(status: u16) -> i64 {
    match status {
        500.. => 5,
        400.. => 4,
        _ => 2,
    }
}

impl Reader {
    /// Bytes that a tenant's entries take. `log_size` has what earlier releases counted; the open pack is counted when it
    /// is full.
    pub fn log_bytes(&self, tenant: TenantId) -> Result<u64> {
        let sql = "select cast(coalesce(sum(bytes), 0) as bigint) from (
                       select bytes from log_size where tenant = ?1
                       union all select count from log_count where tenant = ?1 and slot = ?2
                       union all select coalesce(length(open_heads) + length(open_said), 0) from change_seq
                                 where tenant = ?1) as counted";
        let bytes: Option<i64> = self.first(sql, (tenant.0, BYTES.0), |row| row.get(0))?;
        Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    }

    /// The requests between two instants, in stretches of `step` microseconds (a multiple of five minutes), none left
    /// out. The first one begins at or before `from`. Costs a few rows for each five minutes. Those of the open pack are
    /// not counted yet, and added here.
    pub fn log_counts(&self, tenant: TenantId, from: i64, until: i64, step: i64) -> Result<Vec<LogCount>> {
        let slots = (step / SLOT).max(1);
        let first = from.div_euclid(SLOT).div_euclid(slots);
        let last = until.div_euclid(SLOT).div_euclid(slots).max(first);
        let mut counts: Vec<LogCount> =
            (first..=last).map(|number| LogCount { at: number * slots * SLOT, ..LogCount::default() }).collect();
        let sql = "select slot / ?4, class, bucket, cast(sum(count) as bigint) from log_count
                   where tenant = ?1 and slot >= ?2 and slot < ?3 group by 1, 2, 3";
        let mut rows: Vec<(i64, i64, i64, i64)> =
            self.all(sql, (tenant.0, first * slots, (last + 1) * slots, slots), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        let open = self.open_pack(tenant)?.map(|open| open.counts()).transpose()?.unwrap_or_default();
        rows.extend(
            open.0.into_iter().map(|((slot, class, bucket), count)| (slot.div_euclid(slots), class, bucket, count)),
        );
        for (number, class, bucket, count) in rows {
            let index = usize::try_from(number - first).unwrap_or(usize::MAX);
            let Some(one) = counts.get_mut(index) else { continue };
            let count = count.cast_unsigned();
            match class {
                5 => one.broken += count,
                4 => one.refused += count,
                _ => one.good += count,
            }
            *one.took.entry(bucket).or_default() += count;
        }
        Ok(counts)
    }
}

/// Requests to be counted: how many of each slot, class and bucket; and the bytes of their entries.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(i64, i64, i64), i64>);

impl Counts {
    pub(crate) fn add(&mut self, at: i64, status: u16, took_us: i64) {
        *self.0.entry((at.div_euclid(SLOT), class(status), bucket(took_us))).or_default() += 1;
    }

    /// What entries take beyond what they took, or less.
    pub(crate) fn grow(&mut self, bytes: i64) {
        *self.0.entry(BYTES).or_default() += bytes;
    }
}

impl Writer {
    /// Counts requests of one tenant.
    pub(crate) fn log_count(&mut self, tenant: TenantId, counts: Counts) -> Result<()> {
        let sql = "insert into log_count (tenant, slot, class, bucket, count) values (?1, ?2, ?3, ?4, ?5)
                   on conflict (tenant, slot, class, bucket) do update set count = log_count.count + excluded.count";
        let rows = counts.0.into_iter();
        let rows: Vec<_> = rows
            .map(|((slot, class, bucket), count)| [tenant.0, slot, class, bucket, count].map(Value::from))
            .collect();
        self.insert_later(sql, &rows)
    }

    /// Forgets counts from before an instant.
    pub(crate) fn log_counts_prune(&mut self, tenant: TenantId, before: i64) -> Result<()> {
        self.execute("delete from log_count where tenant = ?1 and slot < ?2", (tenant.0, before.div_euclid(SLOT)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near() {
        let mut count = LogCount::default();
        for took in 1..=1000_i64 {
            *count.took.entry(bucket(took * 100)).or_default() += 1;
        }
        let near = |got: Option<u64>, want: f64| (got.unwrap() as f64 / want - 1.0).abs() < 0.2;
        assert!(near(count.quantile(0.5), 50_000.0), "{:?}", count.quantile(0.5));
        assert!(near(count.quantile(0.95), 95_000.0), "{:?}", count.quantile(0.95));
        assert_eq!(LogCount::default().quantile(0.5), None);
    }
}
