//! `GET /{endpoint}/{id}` (RFC 7644 §3.4.1), and the answer to a write of a group that is too large for memory.

use super::save::Condition;
use super::stream::{self, Rows, Sink, Written};
use super::{Cx, no_such, render};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::{Error, Result};
use crate::record::Trace;
use scim::meta::etag;
use scim::{Projection, ResourceType};
use std::sync::Arc;
use store::Reader;

pub(super) async fn read(cx: &Cx, endpoint: &str, id: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Read)?;
    let projection = cx.projection()?;
    let condition = Condition::of(cx);
    trace.resource(&rt, id);
    let (id, within) = (id.to_owned(), cx.clone());
    let rows = if render::Wanted::new(&rt, &projection).members { Rows::Many } else { Rows::Few };
    stream::answer(cx, trace, rows, move |r, out| show(r, &within, &rt, &id, &projection, &condition, out)).await
}

fn show(
    r: &Reader,
    cx: &Cx,
    rt: &ResourceType,
    id: &str,
    projection: &Projection,
    condition: &Condition,
    out: &mut Sink,
) -> Result<Written> {
    let wanted = render::Wanted::new(rt, projection);
    let tenant = cx.tenant.tenant.id;
    let view = r.view(tenant, rt, id, wanted.groups)?.ok_or_else(|| no_such(rt))?;
    let tag = etag(view.version);
    condition.check_wanted(view.version)?;
    if condition.unwanted.as_ref().is_some_and(|known| known.matches(view.version)) {
        out.head(Answer::empty(304).with("etag", tag));
        return Ok(Written::Whole(None));
    }
    if wanted.members && !out.takes(view.member_count) {
        return Ok(Written::Large);
    }
    out.head(Answer::empty(200).with("etag", tag));
    render::resource(r, tenant, &cx.base, rt, &view, projection, &wanted, out)?;
    Ok(Written::Whole(None))
}

/// The answer to a write. That of a group with very many members is read behind the commit, so that the writer is not
/// held up by it; what others changed in between is in it, and its entity tag is that of what it shows.
pub(super) async fn behind(
    cx: &Cx,
    trace: &mut Trace,
    rt: &Arc<ResourceType>,
    projection: Projection,
    written: Answer,
) -> Result<Answer> {
    let id = trace.resource.as_ref().map(|(_, id)| id.clone());
    let (true, false, Some(id)) = (written.large, cx.rehearsal, id) else { return Ok(written) };
    let (within, rt, any) = (cx.clone(), Arc::clone(rt), Condition::default());
    let shown =
        stream::answer(cx, trace, Rows::Many, move |r, out| show(r, &within, &rt, &id, &projection, &any, out)).await;
    Ok(match shown {
        Ok(mut shown) => {
            shown.status = written.status;
            written
                .headers
                .into_iter()
                .filter(|(name, _)| *name != "etag")
                .for_each(|(name, value)| shown.set(name, value));
            shown
        }
        // The write stays; that it cannot be shown is no failure of it.
        Err(Error::Store(_) | Error::Scim(_)) => Answer { status: 204, ..written },
        Err(error) => return Err(error),
    })
}
