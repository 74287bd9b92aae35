//! Lists: filter, order, page.
//!
//! Without `sortBy` the order is that of the rows, which is the order of creation. With it, resources
//! stand in the order of the attribute's key (of a list: that of its primary element), those without a
//! value behind them; ties in the order of the rows. Descending is exactly the reverse, so those without a
//! value come first (RFC 7644 §3.4.2.3).
//!
//! Cost: a page by `Start::After` reads the page, wherever it is; one by `Start::Index` skips row by row
//! through a narrow index what is before it. `total` is a kept counter without a filter, and a count of the
//! matches with one. Sorting reads the attribute's index in order until the page is full, steps over the values
//! of other elements of a list, and tests the filter on each row; the page in which the resources without a
//! value begin costs a look at the whole index.

use crate::db::{Reader, Sql};
use crate::filter_sql::{Compiler, SortBy};
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
        let total = match (query.want_total, query.filter) {
            (false, _) => None,
            (true, None) => Some(self.count(tenant, &resource_type.name)?),
            (true, Some(_)) => {
                Some(Search::new(self, tenant, resource_type, &Query { sort: None, ..*query })?.count(Run::Rows)?)
            }
        };
        if query.count == 0 {
            return Ok(Page { total, views: Vec::new(), next: None });
        }
        // One more than the page tells whether there is another one.
        let wanted = i64::try_from(query.count).unwrap_or(i64::MAX - 1).min(i64::MAX - 1) + 1;
        let mut found = Search::new(self, tenant, resource_type, query)?.page(wanted)?;
        let has_more = found.len() as u64 > query.count;
        found.truncate(usize::try_from(query.count).unwrap_or(usize::MAX));
        let rids: Vec<i64> = found.iter().map(|one| one.rid).collect();
        let views = self.views(tenant, resource_type, &rids, query.want_groups)?;
        let last = found.pop().filter(|_| has_more);
        Ok(Page { total, views, next: last.map(|last| Position { key: last.key, rid: last.rid }) })
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
    sort: Option<SortBy>,
    descending: bool,
    start: Start<'a>,
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
        Ok(Self { reader, compiler, from, distinct, condition, sort, descending, start: query.start })
    }

    fn runs(&self) -> &'static [Run] {
        match (&self.sort, self.descending) {
            (None, _) => &[Run::Rows],
            (Some(SortBy::Column(_)), _) => &[Run::Keyed],
            (Some(SortBy::Rows { .. }), false) => &[Run::Keyed, Run::Unkeyed],
            (Some(SortBy::Rows { .. }), true) => &[Run::Unkeyed, Run::Keyed],
        }
    }

    /// At most this many, from the start on.
    fn page(mut self, wanted: i64) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let (mut skip, after) = match self.start {
            Start::Index(skip) => (i64::try_from(skip).unwrap_or(i64::MAX), None),
            Start::After(position) => (0, Some(position)),
        };
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
                skip = skip.saturating_sub(i64::try_from(self.count(*run)?).unwrap_or(i64::MAX));
            } else if !part.is_empty() {
                skip = 0;
            }
            found.extend(part);
        }
        Ok(found)
    }

    fn count(&self, run: Run) -> Result<u64> {
        let condition = &self.condition;
        let sql = match (run, &self.sort) {
            (Run::Keyed, Some(SortBy::Rows { source })) => format!(
                "select count(*) from {source} s cross join resource r on r.rid = s.rid
                 where {condition}"
            ),
            (Run::Unkeyed, Some(SortBy::Rows { source })) => format!(
                "select count(*) from resource r where {condition}
                 and r.rid not in (select s.rid from {source} s)"
            ),
            _ => format!(
                "select count(*) from (select {} r.rid from {} where {condition}) as x",
                self.distinct, self.from
            ),
        };
        let values = self.compiler.values();
        let count: Option<i64> = self.reader.first(&sql, values, |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    fn run(&mut self, run: Run, after: Option<&Position>, limit: i64, skip: i64) -> Result<Vec<Found>> {
        let (way, further) = if self.descending { ("desc", "<") } else { ("asc", ">") };
        let condition = &self.condition;
        let mut values: Vec<Sql> = self.compiler.values().to_vec();
        let mut bind = |value: Sql| {
            values.push(value);
            format!("?{}", values.len())
        };
        let mut place = String::from("true");
        let sql = match (run, &self.sort) {
            (Run::Keyed, Some(SortBy::Column(column))) => {
                if let Some(Position { key: Some(key), rid }) = after {
                    let number = (*column != "r.id").then(|| key.parse::<i64>().ok()).flatten();
                    let key = number.map_or_else(|| Sql::from(key.clone()), Sql::from);
                    place = format!("({column}, r.rid) {further} ({}, {})", bind(key), bind((*rid).into()));
                }
                format!(
                    "select r.rid, cast({column} as text) from resource r
                     where {condition} and {place}
                     order by {column} {way}, r.rid {way} limit {} offset {}",
                    bind(limit.into()),
                    bind(skip.into())
                )
            }
            (Run::Keyed, Some(SortBy::Rows { source })) => {
                if let Some(Position { key: Some(key), rid }) = after {
                    place =
                        format!("(s.value, s.rid) {further} ({}, {})", bind(key.clone().into()), bind((*rid).into()));
                }
                format!(
                    "select s.rid, s.value from {source} s cross join resource r on r.rid = s.rid
                     where {condition} and {place}
                     order by s.value {way}, s.rid {way} limit {} offset {}",
                    bind(limit.into()),
                    bind(skip.into())
                )
            }
            (run, sort) => {
                if let Some(position) = after {
                    place = format!("r.rid {further} {}", bind(position.rid.into()));
                }
                let unkeyed = match (run, sort) {
                    (Run::Unkeyed, Some(SortBy::Rows { source })) => {
                        format!("and r.rid not in (select s.rid from {source} s)")
                    }
                    _ => String::new(),
                };
                format!(
                    "select {} r.rid, null from {}
                     where {condition} and {place} {unkeyed}
                     order by r.rid {way} limit {} offset {}",
                    self.distinct,
                    self.from,
                    bind(limit.into()),
                    bind(skip.into())
                )
            }
        };
        self.reader.all(&sql, &values[..], |row| Ok(Found { rid: row.get(0)?, key: row.get(1)? }))
    }
}
