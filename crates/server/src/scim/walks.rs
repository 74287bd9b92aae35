//! What is known of lists that somebody goes through by index: how many resources there are, and where a page ended. A
//! filter's matches are counted once and not for every page, and what is before the next page is not skipped again.
//!
//! Invariant: what is known holds for one state of the tenant, told by the last number of its change feed and its
//! generation, and is used in that state alone: the answer is the one that counting and skipping would give.

use super::Cx;
use scim::{ResourceType, SearchRequest};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use store::{Position, TenantId};

/// Lists that are remembered.
const LISTS_MAX: usize = 256;
/// Places that are remembered of each.
const PLACES_MAX: usize = 16;
/// Longest filter and order of a list that is remembered, in bytes.
const KEY_BYTES_MAX: usize = 2_048;

/// Which list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    tenant: TenantId,
    generation: i64,
    /// The state of its resources.
    change: i64,
    text: String,
}

/// What is known of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    /// How many there are.
    pub(super) total: Option<u64>,
    /// Places, each with the number of resources up to it.
    places: VecDeque<(u64, Position)>,
}

impl Walk {
    /// The place behind so many resources.
    pub(super) fn behind(&self, skip: u64) -> Option<&Position> {
        self.places.iter().find(|(behind, _)| *behind == skip).map(|(_, place)| place)
    }
}

impl List {
    /// Nothing where it costs nothing to count and to skip, or where values go without a change being told.
    pub(super) fn of(cx: &Cx, rt: &ResourceType, search: &SearchRequest, change: i64) -> Option<Self> {
        let tenant = &cx.tenant.tenant;
        let is_going = tenant.definitions.indexes.iter().any(|index| index.going.is_some());
        if is_going || (search.filter.is_none() && search.sort_by.is_none()) {
            return None;
        }
        let filter = search.filter.as_ref().map(ToString::to_string);
        let order = search.sort_by.as_ref().map(ToString::to_string);
        let text = format!("{} {} {filter:?} {order:?} {}", cx.base, rt.name, search.descending);
        let list = Self { tenant: tenant.id, generation: tenant.generation, change, text };
        (list.text.len() <= KEY_BYTES_MAX).then_some(list)
    }
}

/// The lists that are remembered, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Walks(Mutex<VecDeque<(List, Walk)>>);

impl Walks {
    /// What is known of a list.
    pub(super) fn find(&self, list: &List) -> Walk {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == list).map(|(_, walk)| walk.clone()).unwrap_or_default()
    }

    /// Remembers what a page has told. What was known of an earlier state of the same tenant is of no use any more.
    pub(super) fn note(&self, list: List, total: Option<u64>, place: Option<(u64, Position)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_past = |of: &List| of.tenant == list.tenant && of.change < list.change;
        known.retain(|(of, _)| !is_past(of));
        let at = known.iter().position(|(of, _)| *of == list);
        let (of, mut walk) = at.and_then(|at| known.remove(at)).unwrap_or((list, Walk::default()));
        walk.total = total.or(walk.total);
        if let Some(place) = place.filter(|(behind, _)| walk.behind(*behind).is_none()) {
            walk.places.push_back(place);
        }
        while walk.places.len() > PLACES_MAX {
            walk.places.pop_front();
        }
        known.push_back((of, walk));
        while known.len() > LISTS_MAX {
            known.pop_front();
        }
    }
}
