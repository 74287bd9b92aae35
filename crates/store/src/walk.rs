//! A page of a list for somebody who browses: it costs about the same however many resources there are.
//!
//! `search` answers the protocol: it finds every match, whatever that takes. Whoever browses wants the next fifty. So
//! if an index gives few candidates, these are read and put in order; else the list is walked in its order and each
//! document is held against the filter, until the page is full or enough was looked at. Then the place is told where
//! the walk stopped, and the next page goes on from there.

use crate::db::Reader;
use crate::filter_sql::Compiler;
use crate::index::primary;
use crate::search::{Position, Query, Sort, Start};
use crate::view::View;
use crate::{Result, TenantId};
use scim::{AttrPath, Filter, ResourceType, Target};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Most candidates of an index that are read and sorted to make one page; with more, the list is walked.
const CANDIDATES_MAX: usize = 2_000;
/// Most resources that one page of a walk looks at: then it is given as it is, and the next one goes on.
const LOOKED_AT_MAX: usize = 3_000;
/// Resources that a walk reads at once.
const STRIDE: u64 = 250;

/// What a page may cost.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// As many candidates of an index are read and sorted; with more, the list is walked.
    pub candidates_max: usize,
    /// As many resources a walk looks at before it gives the page as it is.
    pub looked_at_max: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { candidates_max: CANDIDATES_MAX, looked_at_max: LOOKED_AT_MAX }
    }
}

/// Whom a walk is about, besides the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Of whom no identity provider has ever said anything.
    pub never_heard: bool,
    /// Who stands there, whatever `active` says.
    pub lifecycle: Option<Lifecycle>,
}

/// Where people stand besides what `active` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lifecycle {
    /// Neither of the others: `active` says it all.
    #[serde(rename = "active")]
    AtWork,
    /// Entered, not yet at work: no accounts.
    Staged,
    /// Held back for a while: accounts stay as they are, unless an app's policy says otherwise.
    Suspended,
}

impl Lifecycle {
    /// Its word, as it is stored; nothing is stored of those at work.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::AtWork => None,
            Self::Staged => Some("staged"),
            Self::Suspended => Some("suspended"),
        }
    }
}

/// A page of a walk.
#[derive(Clone, Debug)]
pub struct Walked {
    /// How many there are in all, where that is known without counting.
    pub total: Option<u64>,
    /// The resources.
    pub views: Vec<View>,
    /// Where the next page starts; nothing if this is the last one.
    pub next: Option<Position>,
    /// How many resources were looked at, if the page ends because they were enough.
    pub stopped_after: Option<u64>,
}

/// A resource that fits, and its place.
struct Fits {
    view: View,
    place: Position,
}

impl Reader {
    /// Lists resources from `query.start`, which has to be a position or the beginning; see the module.
    pub fn walk(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        only: Only,
        effort: Effort,
    ) -> Result<Walked> {
        if only != Only::default() {
            return self.walk_only(tenant, resource_type, query, only, effort);
        }
        match query.filter {
            // What is in neither document nor candidates, and what has no filter, is for the index alone.
            Some(filter) if !names_relations(filter) => {
                let candidates =
                    Compiler::new(self, tenant, resource_type, query.base).candidates(filter, effort.candidates_max)?;
                match candidates {
                    Some(rids) => self.walk_few(tenant, resource_type, query, only, &rids),
                    None => self.walk_many(tenant, resource_type, query, only, effort.looked_at_max),
                }
            }
            _ => {
                let page = self.search(tenant, resource_type, query)?;
                Ok(Walked { total: page.total, views: page.views, next: page.next, stopped_after: None })
            }
        }
    }

    /// Some are the candidates, where an index of them alone says that they are few; else they are met on the way. A filter
    /// that names groups is answered whole, and a page of it may come out short.
    fn walk_only(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        only: Only,
        effort: Effort,
    ) -> Result<Walked> {
        if query.filter.is_some_and(names_relations) {
            let page = self.search(tenant, resource_type, &Query { want_total: false, ..*query })?;
            let stopped_after = page.next.is_some().then_some(page.views.len() as u64);
            let views = self.those(tenant, only, page.views)?;
            return Ok(Walked { total: None, views, next: page.next, stopped_after });
        }
        if let Some(rids) = self.few_only(tenant, resource_type, only, effort.candidates_max)? {
            return self.walk_few(tenant, resource_type, query, only, &rids);
        }
        let of_filter = match query.filter {
            Some(filter) => {
                Compiler::new(self, tenant, resource_type, query.base).candidates(filter, effort.candidates_max)?
            }
            None => None,
        };
        match of_filter {
            Some(rids) => self.walk_few(tenant, resource_type, query, only, &rids),
            None => self.walk_many(tenant, resource_type, query, only, effort.looked_at_max),
        }
    }

    /// The rows of those whom a walk is about, if an index of them alone says that they are few.
    fn few_only(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        only: Only,
        few: usize,
    ) -> Result<Option<Vec<i64>>> {
        let most = i64::try_from(few).unwrap_or(i64::MAX - 1) + 1;
        let (tenant, kind) = (tenant.0, resource_type.name.as_str());
        let rids: Vec<i64> = match (only.lifecycle.and_then(Lifecycle::word), only.never_heard) {
            (Some(word), _) => {
                let sql = "select r.rid from lifecycle s
                           cross join resource r on r.tenant = s.tenant and r.id = s.resource and r.kind = ?2
                           where s.tenant = ?1 and s.status = ?3 limit ?4";
                self.all(sql, (tenant, kind, word, most), |row| row.get(0))?
            }
            (None, true) => {
                let sql = "select rid from resource where tenant = ?1 and kind = ?2 and heard_at is null
                           order by rid limit ?3";
                self.all(sql, (tenant, kind, most), |row| row.get(0))?
            }
            (None, false) => return Ok(None),
        };
        Ok(Some(rids).filter(|rids| rids.len() <= few))
    }

    /// Those whom a walk is about; where they stand is one read for all of them.
    fn those(&self, tenant: TenantId, only: Only, mut views: Vec<View>) -> Result<Vec<View>> {
        views.retain(|view| !only.never_heard || view.heard_at.is_none());
        if let Some(wanted) = only.lifecycle {
            let ids: Vec<&str> = views.iter().map(|view| view.id.as_str()).collect();
            let words = self.lifecycles(tenant, &ids)?;
            views.retain(|view| words.get(&view.id).map(String::as_str) == wanted.word());
        }
        Ok(views)
    }

    /// The candidates, sorted: their number bounds the cost, and the number of those that fit is known.
    fn walk_few(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        only: Only,
        rids: &[i64],
    ) -> Result<Walked> {
        let order = Order::of(resource_type, query.sort);
        let mut fits = Vec::new();
        for view in self.those(tenant, only, self.views(tenant, resource_type, rids, false)?)? {
            let document = view.document(query.base, resource_type)?;
            if query.filter.is_none_or(|filter| filter.matches(&document, resource_type)) {
                let place = Position { rid: view.rid, key: order.key(&view, &document) };
                fits.push(Fits { view, place });
            }
        }
        fits.sort_by(|a, b| order.compare(&a.place, &b.place));
        let total = Some(fits.len() as u64);
        if let Start::After(after) = query.start {
            fits.retain(|one| order.compare(&one.place, after) == Ordering::Greater);
        }
        let wanted = usize::try_from(query.count).unwrap_or(usize::MAX);
        let has_more = fits.len() > wanted;
        fits.truncate(wanted);
        let next = fits.last().filter(|_| has_more).map(|last| last.place.clone());
        let mut views: Vec<View> = fits.into_iter().map(|one| one.view).collect();
        if query.want_groups {
            self.with_groups(tenant, &mut views)?;
        }
        Ok(Walked { total, views, next, stopped_after: None })
    }

    /// The list in its order, until the page is full and one more tells that there is another.
    fn walk_many(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        query: &Query<'_>,
        only: Only,
        looked_at_max: usize,
    ) -> Result<Walked> {
        let order = Order::of(resource_type, query.sort);
        let wanted = usize::try_from(query.count).unwrap_or(usize::MAX);
        let mut place = if let Start::After(after) = query.start { Some(after.clone()) } else { None };
        let (mut found, mut full_at, mut looked_at) = (Vec::new(), None, 0_u64);
        let (next, stopped_after) = 'walk: loop {
            let start = place.as_ref().map_or(Start::Index(0), Start::After);
            let count = STRIDE.min(looked_at_max as u64);
            let stride = Query { filter: None, start, count, want_total: false, want_groups: false, ..*query };
            let page = self.search(tenant, resource_type, &stride)?;
            looked_at += page.views.len() as u64;
            for view in self.those(tenant, only, page.views)? {
                let document = view.document(query.base, resource_type)?;
                if query.filter.is_some_and(|filter| !filter.matches(&document, resource_type)) {
                    continue;
                }
                if found.len() == wanted {
                    break 'walk (full_at, None);
                }
                full_at = Some(Position { rid: view.rid, key: order.key(&view, &document) });
                found.push(view);
            }
            place = page.next;
            if place.is_none() || looked_at >= looked_at_max as u64 {
                let stopped_after = place.is_some().then_some(looked_at);
                break (place, stopped_after);
            }
        };
        if query.want_groups {
            self.with_groups(tenant, &mut found)?;
        }
        Ok(Walked { total: None, views: found, next, stopped_after })
    }
}

/// Memberships are rows of their own and stand in no document.
fn names_relations(filter: &Filter) -> bool {
    let is_one = |path: &AttrPath| ["members", "groups"].iter().any(|name| path.name.eq_ignore_ascii_case(name));
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => names_relations(a) || names_relations(b),
        Filter::Not(inner) => names_relations(inner),
        Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => is_one(path),
    }
}

/// The order of `search`, for what is in memory.
struct Order<'a> {
    by: By<'a>,
    descending: bool,
}

enum By<'a> {
    Rows,
    Created,
    Modified,
    Value(Target<'a>),
}

impl<'a> Order<'a> {
    fn of(resource_type: &'a ResourceType, sort: Option<Sort<'_>>) -> Self {
        let Some(sort) = sort else { return Self { by: By::Rows, descending: false } };
        let meta = sort.path.name.eq_ignore_ascii_case("meta").then_some(sort.path.sub.as_deref()).flatten();
        let by = match (meta.map(str::to_ascii_lowercase).as_deref(), resource_type.resolve(sort.path)) {
            (Some("created"), _) => By::Created,
            (Some("lastmodified"), _) => By::Modified,
            (_, Some(target)) => By::Value(target),
            (_, None) => By::Rows,
        };
        Self { by, descending: sort.descending }
    }

    /// The key that `search` has for it.
    fn key(&self, view: &View, document: &Map<String, Value>) -> Option<String> {
        match self.by {
            By::Rows => None,
            By::Created => Some(view.created_at.to_string()),
            By::Modified => Some(view.modified_at.to_string()),
            By::Value(target) => {
                let (elements, leaf) = (target.elements(document), target.leaf()?);
                let element = elements.get(primary(elements))?;
                let held = element.as_object().map_or(Some(element), |parts| parts.get(&leaf.name))?;
                let values = held.as_array().map_or(std::slice::from_ref(held), Vec::as_slice);
                values.iter().filter_map(|value| leaf.key(value)).filter(|key| !key.is_empty()).min()
            }
        }
    }

    fn compare(&self, a: &Position, b: &Position) -> Ordering {
        let keys = match (&a.key, &b.key) {
            (Some(a), Some(b)) => match self.by {
                By::Created | By::Modified => a.parse::<i64>().ok().cmp(&b.parse().ok()),
                By::Rows | By::Value(_) => a.cmp(b),
            },
            // Without a value behind those with one.
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let order = keys.then(a.rid.cmp(&b.rid));
        if self.descending { order.reverse() } else { order }
    }
}
