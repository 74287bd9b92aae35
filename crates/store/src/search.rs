//! Lists: filter, order, page.
//!
//! Without `sortBy` the order is that of the rows, which is the order of creation. With it, resources
//! stand in the order of the attribute's key (of a list: that of its primary element), those without a
//! value behind them; ties in the order of the rows. Descending is exactly the reverse, so those without a
//! value come first (RFC 7644 §3.4.2.3).
//!
//! Cost: a page by `Start::After` reads the page, wherever it is. One by `Start::Index` finds its place through the blocks
//! of rows where there is neither a filter nor an order, and skips row by row through a narrow index otherwise. `total` is
//! a kept counter without a filter, and a count of the matches with one. Sorting reads the attribute's index in order
//! until the page is full; where a filter leaves few (`FEW_MAX`), these are read and sorted instead. Who has no value
//! is found through rows of their own for what is sorted by as a rule, and by a look at the whole index otherwise.
//!
//! Not here: the few that are sorted in memory (`search/few.rs`).

mod few;

use crate::db::{Reader, Sql};
use crate::filter_sql::{Compiler, SortBy, Unkeyed};
use crate::view::View;
use crate::{Result, TenantId};
use scim::{AttrPath, Filter, ResourceType};
use serde::{Deserialize, Serialize};

/// What to list.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Which resources; all of the type if there is none.
    pub filter: Option<&'a Filter>,
    /// In which order.
    pub sort: Option<Sort<'a>>,
    /// From where on.
    pub start: Start<'a>,
    /// Most resources of the page; 0 only counts.
    pub count: u64,
    /// Whether to say how many there are in all; costs a count where there is a filter.
    pub want_total: bool,
    /// Whether to read the groups of users.
    pub want_groups: bool,
    /// The address of the service, which `meta.location` and `$ref` start with.
    pub base: &'a str,
}

/// An order.
#[derive(Clone, Copy, Debug)]
pub struct Sort<'a> {
    /// By which attribute. One that does not exist is the same as no order.
    pub path: &'a AttrPath,
    /// The reverse.
    pub descending: bool,
}

/// Where a page starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Behind this many resources (`startIndex` less one).
    Index(u64),
    /// Behind this one.
    After(&'a Position),
}

/// A place in a list that stays where it is when others come and go: the last resource of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its sort key, if it has one.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its row.
    #[serde(rename = "r")]
    pub rid: i64,
}

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// How many resources there are in all, if it was wanted.
    pub total: Option<u64>,
    /// The resources.
    pub views: Vec<View>,
    /// Where the next page starts; nothing if this is the last one.
    pub next: Option<Position>,
}

/// One resource in order.
struct Found {
    rid: i64,
    key: Option<String>,
}

/// One run of the order: those with a value, or those without, or everybody in the order of rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Rows,
    Keyed,
    Unkeyed,
}

impl Reader {
    /// Lists resources; see the module's cost.
    pub fn search(&self, tenant: TenantId, resource_type: &ResourceType, query: &Query<'_>) -> Result<Page> {
        if query.count == 0 {
            return Ok(Page { total: self.total(tenant, resource_type, query)?, views: Vec::new(), next: None });
        }
        // One more than the page tells whether there is another one.
        let wanted = i64::try_from(query.count).unwrap_or(i64::MAX - 1).min(i64::MAX - 1) + 1;
        let mut found = self.page(tenant, resource_type, query, wanted)?;
        let has_more = found.len() as u64 > query.count;
        found.truncate(usize::try_from(query.count).unwrap_or(usize::MAX));
        let total = match query.start {
            // The last page tells how many there are.
            Start::Index(skip) if query.want_total && !has_more && (skip == 0 || !found.is_empty()) => {
                Some(skip + found.len() as u64)
            }
            _ => self.total(tenant, resource_type, query)?,
        };
        let rids: Vec<i64> = found.iter().map(|one| one.rid).collect();
        let views = self.views(tenant, resource_type, &rids, query.want_groups)?;
        let last = found.pop().filter(|_| has_more);
        Ok(Page { total, views, next: last.map(|last| Position { key: last.key, rid: last.rid }) })
    }

    /// How many there are, if that is wanted.
    fn total(&self, tenant: TenantId, resource_type: &ResourceType, query: &Query<'_>) -> Result<Option<u64>> {
        Ok(match (query.want_total, query.filter) {
            (false, _) => None,
            (true, None) => Some(self.count(tenant, &resource_type.name)?),
            (true, Some(_)) => {
                let counted = Query { sort: None, ..*query };
                Some(Search::new(self, tenant, resource_type, &counted)?.count(Run::Rows, i64::MAX)?)
            }
        })
    }

    /// How many resources a filter fits; counts up to `most` and no further.
    pub fn count_to(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        filter: &Filter,
        base: &str,
        most: u64,
    ) -> Result<u64> {
        let query = Query {
            filter: Some(filter),
            sort: None,
            start: Start::Index(0),
            count: 0,
            want_total: true,
            want_groups: false,
            base,
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Search::new(self, tenant, resource_type, &query)?.count(Run::Rows, most)
    }

    fn page(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        wanted: i64,
    ) -> Result<Vec<Found>> {
        if let (Some(filter), Some(sort)) = (query.filter, query.sort)
            && let Some(few) = self.few(tenant, resource_type, query, filter, sort, wanted)?
        {
            return Ok(few);
        }
        let search = Search::new(self, tenant, resource_type, query)?;
        match query.start {
            Start::After(position) => search.page(wanted, 0, Some(position)),
            Start::Index(skip) => {
                let skip = i64::try_from(skip).unwrap_or(i64::MAX);
                if query.filter.is_some() || query.sort.is_some() {
                    return search.page(wanted, skip, None);
                }
                let fence = self.fence(tenant, &resource_type.name, skip)?;
                let before = Position { key: None, rid: fence.rid - 1 };
                search.page(wanted, fence.skip, Some(&before))
            }
        }
    }
}

struct Search<'a> {
    reader: &'a Reader,
    compiler: Compiler<'a>,
    /// What `r` is: the resources, or the rows of an index where these answer the filter alone.
    from: String,
    /// `distinct` where `r` may be the same resource several times.
    distinct: &'static str,
    /// What has to hold of `r`.
    condition: String,
    /// Whether that is all resources of the type.
    is_all: bool,
    sort: Option<SortBy>,
    descending: bool,
}

impl<'a> Search<'a> {
    fn new(reader: &'a Reader, tenant: TenantId, resource_type: &'a ResourceType, query: &Query<'a>) -> Result<Self> {
        let mut compiler = Compiler::new(reader, tenant, resource_type, query.base);
        let rows = match query.filter {
            Some(filter) if query.sort.is_none() => compiler.rows_of(filter)?,
            _ => None,
        };
        let (from, distinct, condition) = match rows {
            Some(rows) => (format!("({rows}) r"), "distinct", "true".to_owned()),
            None => ("resource r".to_owned(), "", compiler.condition(query.filter)?),
        };
        let sort = match query.sort {
            Some(sort) => compiler.sort_by(sort.path)?,
            None => None,
        };
        let descending = query.sort.is_some_and(|sort| sort.descending);
        let is_all = query.filter.is_none();
        Ok(Self { reader, compiler, from, distinct, condition, is_all, sort, descending })
    }

    fn runs(&self) -> &'static [Run] {
        match (&self.sort, self.descending) {
            (None, _) => &[Run::Rows],
            (Some(SortBy::Column(_) | SortBy::Rows { unkeyed: Unkeyed::Nobody, .. }), _) => &[Run::Keyed],
            (Some(SortBy::Rows { .. }), false) => &[Run::Keyed, Run::Unkeyed],
            (Some(SortBy::Rows { .. }), true) => &[Run::Unkeyed, Run::Keyed],
        }
    }

    /// At most this many, behind a place and so many more.
    fn page(mut self, wanted: i64, mut skip: i64, after: Option<&Position>) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let runs = self.runs();
        for (index, run) in runs.iter().enumerate() {
            let left = wanted - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let place = match after {
                None => None,
                Some(position) if *run == Run::Rows || (*run == Run::Keyed) == position.key.is_some() => Some(position),
                // The position is in another run: this one is either behind us or all before us.
                Some(position) => {
                    let at = runs.iter().position(|run| (*run == Run::Keyed) == position.key.is_some());
                    if at.is_some_and(|at| at > index) {
                        continue;
                    }
                    None
                }
            };
            let part = self.run(*run, place, left, skip)?;
            if part.is_empty() && skip > 0 && index + 1 < runs.len() {
                skip = skip.saturating_sub(i64::try_from(self.count(*run, i64::MAX)?).unwrap_or(i64::MAX));
            } else if !part.is_empty() {
                skip = 0;
            }
            found.extend(part);
        }
        Ok(found)
    }

    fn count(&self, run: Run, most: i64) -> Result<u64> {
        let (distinct, Rows { from, rid, condition }) = (self.distinct, self.rows(run));
        let mut values: Vec<Sql> = self.compiler.values().to_vec();
        values.push(most.into());
        // The bound is the last parameter: the ones before may belong to another run.
        let sql = format!(
            "select count(*) from (select {distinct} {rid} from {from} where {condition} limit ?{}) as x",
            values.len()
        );
        let count: Option<i64> = self.reader.first(&sql, &values[..], |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// Where the resources of a run come from; in the order of an index where one has it.
    fn rows(&self, run: Run) -> Rows {
        let condition = self.condition.clone();
        let index = match (run, &self.sort) {
            (Run::Keyed, Some(SortBy::Rows { source, .. })) => source,
            (Run::Unkeyed, Some(SortBy::Rows { unkeyed: Unkeyed::Rows(rows), .. })) => rows,
            (Run::Unkeyed, Some(SortBy::Rows { source, .. })) => {
                let condition = format!("{condition} and r.rid not in (select s.rid from {source} s)");
                return Rows { from: self.from.clone(), rid: "r.rid", condition };
            }
            _ => return Rows { from: self.from.clone(), rid: "r.rid", condition },
        };
        // The rows of an index are of one tenant and type already.
        if self.is_all {
            return Rows { from: format!("{index} s"), rid: "s.rid", condition: "true".into() };
        }
        Rows { from: format!("{index} s cross join resource r on r.rid = s.rid"), rid: "s.rid", condition }
    }

    fn run(&mut self, run: Run, after: Option<&Position>, limit: i64, skip: i64) -> Result<Vec<Found>> {
        let (way, further) = if self.descending { ("desc", "<") } else { ("asc", ">") };
        let Rows { from, rid, condition } = self.rows(run);
        let mut values: Vec<Sql> = self.compiler.values().to_vec();
        let mut bind = |value: Sql| {
            values.push(value);
            format!("?{}", values.len())
        };
        let key = match (run, &self.sort) {
            (Run::Keyed, Some(SortBy::Column(column))) => Some((*column, format!("cast({column} as text)"))),
            (Run::Keyed, Some(SortBy::Rows { .. })) => Some(("s.value", "s.value".to_owned())),
            _ => None,
        };
        let place = match (after, &key) {
            (None, _) => "true".to_owned(),
            (Some(position), None) => format!("{rid} {further} {}", bind(position.rid.into())),
            (Some(Position { key: None, .. }), Some(_)) => "true".to_owned(),
            (Some(Position { key: Some(value), rid: last }), Some((column, _))) => {
                let is_number = matches!(*column, "r.created_at" | "r.modified_at" | "r.version");
                let number = is_number.then(|| value.parse::<i64>().ok()).flatten();
                let value = number.map_or_else(|| Sql::from(value.clone()), Sql::from);
                format!("({column}, {rid}) {further} ({}, {})", bind(value), bind((*last).into()))
            }
        };
        let (shown, order) = match key {
            Some((column, shown)) => (shown, format!("{column} {way}, {rid} {way}")),
            None => ("null".to_owned(), format!("{rid} {way}")),
        };
        let sql = format!(
            "select {} {rid}, {shown} from {from} where {condition} and {place} order by {order} limit {} offset {}",
            self.distinct,
            bind(limit.into()),
            bind(skip.into())
        );
        self.reader.all(&sql, &values[..], |row| Ok(Found { rid: row.get(0)?, key: row.get(1)? }))
    }
}

/// A run in SQL.
struct Rows {
    from: String,
    /// The column that says which resource.
    rid: &'static str,
    condition: String,
}
