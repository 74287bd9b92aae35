//! Sorting what a filter leaves where that is little: the matches are read, keyed and put in order here, so that the
//! index of what is sorted by is not gone through for a handful of resources.

use super::{Found, Query, Search, Sort, Start};
use crate::db::{Reader, Sql};
use crate::filter_sql::SortBy;
use crate::index::{rows, sort_key};
use crate::render::visible;
use crate::{Result, TenantId};
use scim::{Filter, ResourceType};
use std::cmp::Ordering;

/// Most matches that are sorted in memory.
const FEW_MAX: usize = 1_000;

impl Reader {
    /// A page of the filter's matches in order; nothing if these are many, or if the database orders them better. Reads
    /// every match and its document.
    pub(super) fn few(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        filter: &Filter,
        sort: Sort<'_>,
        wanted: i64,
    ) -> Result<Option<Vec<Found>>> {
        let unsorted = Query { filter: Some(filter), sort: None, ..*query };
        let mut search = Search::new(self, tenant, resource_type, &unsorted)?;
        let Some(SortBy::Rows { path: Some(path), .. }) = search.compiler.sort_by(sort.path)? else { return Ok(None) };
        let Some(rids) = search.matches(FEW_MAX)? else { return Ok(None) };
        let mut found = Vec::with_capacity(rids.len());
        for stored in self.stored_of(resource_type, &rids)? {
            let rows = rows(&visible(&stored.resource, resource_type), resource_type);
            found.push(Found { rid: stored.rid, key: sort_key(&rows, &path).map(str::to_owned) });
        }
        found.sort_unstable_by(|a, b| order(place(a), place(b), sort.descending));
        let skip = match query.start {
            Start::Index(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
            Start::After(position) => {
                let last = (position.key.as_deref(), position.rid);
                found.partition_point(|one| order(place(one), last, sort.descending) != Ordering::Greater)
            }
        };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        Ok(Some(found.into_iter().skip(skip).take(wanted).collect()))
    }
}

impl Search<'_> {
    /// The rows of all matches; nothing if there are more than so many.
    fn matches(&self, most: usize) -> Result<Option<Vec<i64>>> {
        let mut values: Vec<Sql> = self.compiler.values().to_vec();
        values.push(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1).into());
        let (distinct, from, condition) = (self.distinct, &self.from, &self.condition);
        let sql = format!("select {distinct} r.rid from {from} where {condition} limit ?{}", values.len());
        let rids: Vec<i64> = self.reader.all(&sql, &values[..], |row| row.get(0))?;
        Ok((rids.len() <= most).then_some(rids))
    }
}

fn place(found: &Found) -> (Option<&str>, i64) {
    (found.key.as_deref(), found.rid)
}

/// Those without a key stand behind the others; descending is the reverse of all that.
fn order(a: (Option<&str>, i64), b: (Option<&str>, i64), descending: bool) -> Ordering {
    let ascending = (a.0.is_none(), a).cmp(&(b.0.is_none(), b));
    if descending { ascending.reverse() } else { ascending }
}
