//! Where the n-th resource of a type is: blocks of rows with their counts, so that `startIndex` skips blocks.
//!
//! Rows of a type are only ever added at the end. The last block is open and counted with the type's counter (`tally`), in
//! the same row, so that a new resource costs nothing more; every `BLOCK` resources it is closed and becomes a row, and so
//! many blocks become one of the wider ones. Who is deleted is counted down where it lay.
//!
//! Invariant: the counts of the narrow blocks and that of the open one are the type's counter.

use crate::db::{Reader, Writer};
use crate::tally::Open;
use crate::{Result, TenantId};

/// Resources of a block, and blocks of a wider one; fewer in tests of this crate, so that these see several levels.
const BLOCK: i64 = if cfg!(test) { 16 } else { 256 };
/// The levels, the widest first.
const WIDE: i64 = 2;
const NARROW: i64 = 1;

/// Where a page starts: at the first row from `rid` on, behind `skip` of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) rid: i64,
    pub(crate) skip: i64,
}

impl Reader {
    /// How many resources of a type there are: a kept counter.
    pub fn count(&self, tenant: TenantId, kind: &str) -> Result<u64> {
        let sql = "select count from resource_count where tenant = ?1 and kind = ?2";
        let count: Option<i64> = self.first(sql, (tenant.0, kind), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// The place behind so many resources in the order of rows. Reads a row for every 65 536 of them and some hundred
    /// more at the most.
    pub(crate) fn fence(&self, tenant: TenantId, kind: &str, skip: i64) -> Result<Fence> {
        let mut fence = Fence { rid: 0, skip };
        if skip < BLOCK {
            return Ok(fence);
        }
        for level in [WIDE, NARROW] {
            let sql = "select first_rid, end_rid, count from resource_block
                       where tenant = ?1 and kind = ?2 and level = ?3 and first_rid >= ?4 order by first_rid limit ?5";
            // More than these are never passed: a page ends in one of them.
            let most = if level == WIDE { i64::MAX } else { 2 * BLOCK };
            let from = fence.rid;
            self.each(sql, (tenant.0, kind, level, from, most), |row| {
                let (first, end, count): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if fence.skip < count {
                    fence.rid = first;
                    return Ok(false);
                }
                fence = Fence { rid: end, skip: fence.skip - count };
                Ok(true)
            })?;
        }
        Ok(fence)
    }
}

impl Writer {
    /// Counts a new resource, whose row is the last one of its type.
    pub(crate) fn count_in(&mut self, tenant: TenantId, kind: &str, rid: i64) -> Result<()> {
        let none = Open { count: 0, first: rid, in_block: 0, wide_first: rid, wide_blocks: 0 };
        let open = self.open_block(tenant, kind)?.unwrap_or(none);
        let mut open = Open { count: open.count + 1, in_block: open.in_block + 1, ..open };
        if open.in_block >= BLOCK {
            open = self.close_block(tenant, kind, open, rid + 1)?;
        }
        self.set_open_block(tenant, kind, open);
        Ok(())
    }

    fn close_block(&mut self, tenant: TenantId, kind: &str, open: Open, end: i64) -> Result<Open> {
        let sql = "insert into resource_block (tenant, kind, level, first_rid, end_rid, count)
                   values (?1, ?2, ?3, ?4, ?5, ?6)";
        self.later(sql, (tenant.0, kind, NARROW, open.first, end, open.in_block))?;
        let next = Open { first: end, in_block: 0, wide_blocks: open.wide_blocks + 1, ..open };
        if next.wide_blocks < BLOCK {
            return Ok(next);
        }
        let sql = "insert into resource_block (tenant, kind, level, first_rid, end_rid, count)
                   select ?1, ?2, ?3, ?4, ?5, coalesce(cast(sum(count) as bigint), 0) from resource_block
                   where tenant = ?1 and kind = ?2 and level = ?6 and first_rid >= ?4";
        self.later(sql, (tenant.0, kind, WIDE, open.wide_first, end, NARROW))?;
        Ok(Open { wide_first: end, wide_blocks: 0, ..next })
    }

    /// Counts a resource out.
    pub(crate) fn count_out(&mut self, tenant: TenantId, kind: &str, rid: i64) -> Result<()> {
        let Some(open) = self.open_block(tenant, kind)? else { return Ok(()) };
        let in_open = i64::from(rid >= open.first);
        let left = Open { count: open.count - 1, in_block: open.in_block - in_open, ..open };
        self.set_open_block(tenant, kind, left);
        for (level, first_open) in [(NARROW, open.first), (WIDE, open.wide_first)] {
            if rid < first_open {
                self.count_out_of(tenant, kind, level, rid)?;
            }
        }
        Ok(())
    }

    /// Takes one from a closed block; an empty one is in nobody's way.
    fn count_out_of(&mut self, tenant: TenantId, kind: &str, level: i64, rid: i64) -> Result<()> {
        let sql = "update resource_block set count = count - 1
                   where tenant = ?1 and kind = ?2 and level = ?3 and first_rid = (
                       select max(first_rid) from resource_block
                       where tenant = ?1 and kind = ?2 and level = ?3 and first_rid <= ?4)
                   returning first_rid, count";
        let left: Option<(i64, i64)> =
            self.first(sql, (tenant.0, kind, level, rid), |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some((first, 0)) = left {
            let sql = "delete from resource_block where tenant = ?1 and kind = ?2 and level = ?3 and first_rid = ?4";
            self.execute(sql, (tenant.0, kind, level, first))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Definitions, Error, ManagerMatch, Options, Policy, Query, Settings, Start, Store, TenantId};
    use scim::{Dialect, Resource, ResourceType};

    /// The ids of a page.
    fn page(store: &Store, tenant: TenantId, skip: u64) -> Vec<String> {
        let read = move |r: &crate::Reader| {
            let query = Query {
                filter: None,
                sort: None,
                start: Start::Index(skip),
                count: 3,
                want_total: false,
                want_groups: false,
                base: "",
            };
            let page = r.search(tenant, &ResourceType::user(), &query)?;
            Ok::<_, Error>(page.views.into_iter().map(|view| view.id).collect())
        };
        store.read_blocking(read).unwrap()
    }

    #[test]
    fn pages_are_where_they_are_whoever_comes_and_goes() {
        let folder = std::env::temp_dir().join(format!("provost-blocks-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        let store = Store::open(&folder, Options::default()).unwrap();
        let made = store.write_blocking::<_, Error, _>(|w| {
            Ok(w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)?.id)
        });
        let tenant = made.unwrap();
        let mut there: Vec<String> = Vec::new();
        let mut dice = 7_u64;
        for round in 0..40 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let die = usize::try_from(dice >> 33).unwrap();
            // Now and then a stretch goes, so that whole blocks are empty.
            let gone: Vec<String> = match die % 4 {
                0 if there.len() > 60 => there.drain(die % 30..die % 30 + 30).collect(),
                1 if !there.is_empty() => vec![there.remove(die % there.len())],
                _ => Vec::new(),
            };
            let new = store.write_blocking::<_, Error, _>(move |w| {
                let (of, order) = (ResourceType::user(), ManagerMatch::ALL);
                for id in gone {
                    let stored = w.find(tenant, &of, &id)?.unwrap();
                    w.delete(tenant, &of, &stored, 1, &order)?;
                }
                let mut ids = Vec::new();
                for number in 0..25 {
                    let body = serde_json::json!({"userName": format!("u{round}-{number}")});
                    let user = Resource::parse(body, &of, &Dialect::LENIENT).unwrap().resource;
                    let policy = Policy { return_same_id: true, manager_match: &order, heard: false };
                    ids.push(w.insert(tenant, &of, None, &user, 1, policy)?.id);
                }
                Ok(ids)
            });
            there.extend(new.unwrap());
            for skip in [0, 15, 16, 17, die % there.len(), there.len() / 2, there.len() - 2, there.len(), usize::MAX] {
                let want: Vec<String> = there.iter().skip(skip).take(3).cloned().collect();
                assert_eq!(page(&store, tenant, skip as u64), want, "behind {skip} in round {round}");
            }
        }
        let problems = store.read_blocking::<_, Error, _>(move |r| {
            r.verify(tenant, &[std::sync::Arc::new(ResourceType::user())], &ManagerMatch::ALL)
        });
        assert_eq!(problems.unwrap(), Vec::<String>::new());
        assert!(there.len() > 300, "wide blocks were closed");
        store.close();
        std::fs::remove_dir_all(&folder).ok();
    }
}
