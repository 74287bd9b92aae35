//! Lists and searches (RFC 7644 §3.4.2 and §3.4.3, RFC 9865): `GET /{endpoint}`, `POST …/.search`, and the same over all types.

use super::stream::{self, Rows, Sink, Written};
use super::unlinked::Sought;
use super::walks::List;
use super::{Cx, cursor, json, render};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::{Error, Result};
use crate::query;
use crate::record::Trace;
use scim::filter::{CompareOp, Filter};
use scim::list_response::ListResponse;
use scim::{Code, Projection, ResourceType, SearchRequest, Uniqueness};
use serde_json::Value;
use std::sync::Arc;
use store::{Query, Reader, Sort, Start, View};

pub(super) async fn list(cx: &Cx, endpoint: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Read)?;
    let search = SearchRequest::from_query(query::pairs(&cx.asked.query))?;
    run(cx, rt, search, trace).await
}

pub(super) async fn search(cx: &Cx, endpoint: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Read)?;
    let search = SearchRequest::from_json(json(&cx.asked.body)?, cx.dialect())?;
    run(cx, rt, search, trace).await
}

async fn run(cx: &Cx, rt: Arc<ResourceType>, search: SearchRequest, trace: &mut Trace) -> Result<Answer> {
    if let Some(filter) = &search.filter {
        filter.check(&rt)?;
        filter.check_names(&rt, cx.dialect())?;
    }
    search.without_order(&rt).into_iter().for_each(|step| trace.step(step));
    let (within, rows) = (cx.clone(), rows(&search, &rt));
    // An identity provider that is about to take somebody on looks for them by a filter first.
    let seeks = rt.is_user() && search.filter.is_some() && !cx.actor.scope.admin;
    let sought = seeks.then(Sought::default);
    let noted = sought.clone();
    let answer =
        stream::answer(cx, trace, rows, move |r, out| page(r, &within, &rt, &search, noted.as_ref(), out)).await?;
    if let Some(sought) = sought {
        sought.keep(cx).await?;
    }
    Ok(answer)
}

/// A search for the one resource that has this id or name, as identity providers make before each push, reads few rows.
fn rows(search: &SearchRequest, rt: &ResourceType) -> Rows {
    let Some(Filter::Compare(path, CompareOp::Eq, Value::String(_))) = &search.filter else { return Rows::Many };
    let leaf = rt.resolve(path).and_then(|target| target.leaf());
    let is_unique = leaf.is_some_and(|leaf| leaf.uniqueness != Uniqueness::None);
    if is_unique && !rt.has_members() { Rows::Few } else { Rows::Many }
}

fn page(
    r: &Reader,
    cx: &Cx,
    rt: &ResourceType,
    search: &SearchRequest,
    sought: Option<&Sought>,
    out: &mut Sink,
) -> Result<Written> {
    let settings = &cx.tenant.tenant.settings;
    let count = search.count.unwrap_or(u64::from(settings.page_default)).min(u64::from(settings.page_max));
    let skip = if search.cursor.is_some() { 0 } else { search.start_index.saturating_sub(1) };
    let after = match search.cursor.as_deref() {
        None | Some("") => None,
        Some(text) => Some(cursor::open(cx, rt, search, count, text)?),
    };
    let wanted = render::Wanted::new(rt, &search.projection);
    let by_index = after.is_none() && rows(search, rt) == Rows::Many;
    let walked = if by_index { List::of(cx, rt, search, r.last_change(cx.tenant.tenant.id)?) } else { None };
    let known = walked.as_ref().map(|list| cx.app.walks().find(list)).unwrap_or_default();
    let query = Query {
        filter: search.filter.as_ref(),
        sort: search.sort_by.as_ref().map(|path| Sort { path, descending: search.descending }),
        start: after.as_ref().or_else(|| known.behind(skip)).map_or(Start::Index(skip), Start::After),
        count,
        // Counting the matches again for every page of a cursor would cost more than the page (RFC 9865 §2.1).
        want_total: after.is_none() && known.total.is_none(),
        want_groups: wanted.groups,
        base: &cx.base,
    };
    let mut page = r.search(cx.tenant.tenant.id, rt, &query)?;
    page.total = page.total.or(known.total);
    if let (Some(sought), [one], Some(1)) = (sought, page.views.as_slice(), page.total) {
        sought.note(r, cx.tenant.tenant.id, one)?;
    }
    // A list that is at its end is not gone on with.
    if let Some(list) = walked.filter(|_| page.next.is_some()) {
        let behind = skip + page.views.len() as u64;
        cx.app.walks().note(list, page.total, page.next.clone().map(|place| (behind, place)));
    }
    if !out.takes(render::members_of(&page.views, &wanted)?) {
        return Ok(Written::Large);
    }
    let with_cursor = search.cursor.is_some();
    let next = match page.next {
        Some(position) if with_cursor => Some(cursor::make(cx, rt, search, count, position)?),
        _ => None,
    };
    let list = ListResponse {
        total_results: page.total,
        start_index: (!with_cursor).then_some(search.start_index),
        items_per_page: page.views.len() as u64,
        next_cursor: next,
        previous_cursor: None,
    };
    let of = page.total.map(|total| format!(" of {total}")).unwrap_or_default();
    let found = format!("{}{of} found", page.views.len());
    write(r, cx, &list, [(rt, page.views, wanted)], &search.projection, out)?;
    Ok(Written::Whole(Some(found)))
}

/// Resources of one type in a list, and what is shown of them.
type Part<'a> = (&'a ResourceType, Vec<View>, render::Wanted);

fn write<'a>(
    r: &Reader,
    cx: &Cx,
    list: &ListResponse,
    parts: impl IntoIterator<Item = Part<'a>>,
    projection: &Projection,
    out: &mut Sink,
) -> Result<()> {
    out.bytes().extend_from_slice(list.head().as_bytes());
    let mut is_first = true;
    for (rt, views, wanted) in parts {
        for view in &views {
            if !std::mem::take(&mut is_first) {
                out.bytes().push(b',');
            }
            render::resource(r, cx.tenant.tenant.id, &cx.base, rt, view, projection, &wanted, out)?;
            out.breathe()?;
        }
    }
    out.bytes().extend_from_slice(scim::list_response::TAIL);
    Ok(())
}

pub(super) async fn root(cx: &Cx, trace: &mut Trace) -> Result<Answer> {
    let search = SearchRequest::from_query(query::pairs(&cx.asked.query))?;
    run_root(cx, search, trace).await
}

pub(super) async fn root_search(cx: &Cx, trace: &mut Trace) -> Result<Answer> {
    let search = SearchRequest::from_json(json(&cx.asked.body)?, cx.dialect())?;
    run_root(cx, search, trace).await
}

/// A search over every resource type that the token may read: the types one behind the other.
async fn run_root(cx: &Cx, search: SearchRequest, trace: &mut Trace) -> Result<Answer> {
    // An empty cursor as well: without one for the next page, the first page would look like the last one.
    if search.sort_by.is_some() || search.cursor.is_some() {
        let detail =
            "a search over all resource types takes neither sortBy nor a cursor; ask one endpoint, such as /Users";
        return Err(Error::new(Code::INVALID_VALUE, detail));
    }
    let types: Vec<_> = cx.tenant.types.iter().filter(|rt| cx.may(rt, Operation::Read).is_ok()).cloned().collect();
    if let Some(filter) = &search.filter {
        types.iter().try_for_each(|rt| filter.check(rt))?;
    }
    let within = cx.clone();
    stream::answer(cx, trace, Rows::Many, move |r, out| root_page(r, &within, &types, &search, out)).await
}

fn root_page(
    r: &Reader,
    cx: &Cx,
    types: &[Arc<ResourceType>],
    search: &SearchRequest,
    out: &mut Sink,
) -> Result<Written> {
    let settings = &cx.tenant.tenant.settings;
    let count = search.count.unwrap_or(u64::from(settings.page_default)).min(u64::from(settings.page_max));
    let (mut total, mut found, mut members, mut parts) = (0, 0, 0, Vec::new());
    for rt in types {
        let wanted = render::Wanted::new(rt, &search.projection);
        let query = Query {
            filter: search.filter.as_ref(),
            sort: None,
            start: Start::Index(search.start_index.saturating_sub(1).saturating_sub(total)),
            count: count - found,
            want_total: true,
            want_groups: wanted.groups,
            base: &cx.base,
        };
        let page = r.search(cx.tenant.tenant.id, rt, &query)?;
        members += render::members_of(&page.views, &wanted)?;
        found += page.views.len() as u64;
        total += page.total.unwrap_or(0);
        parts.push((&**rt, page.views, wanted));
    }
    if !out.takes(members) {
        return Ok(Written::Large);
    }
    let list = ListResponse {
        total_results: Some(total),
        start_index: Some(search.start_index),
        items_per_page: found,
        next_cursor: None,
        previous_cursor: None,
    };
    write(r, cx, &list, parts, &search.projection, out)?;
    Ok(Written::Whole(Some(format!("{found} of {total} found over all types"))))
}
