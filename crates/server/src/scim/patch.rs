//! `PATCH /{endpoint}/{id}` (RFC 7644 §3.5.2), for every resource type.

use super::save::{self, Condition};
use super::{Cx, ignored, json, no_such, passwords, read, unlinked};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::Result;
use crate::record::{self, Trace};
use scim::{PatchOp, Projection, ResourceType};
use serde_json::Value;
use std::sync::Arc;
use store::Writer;

pub(super) async fn patch(cx: &Cx, endpoint: &str, id: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Update)?;
    let body = json(&cx.asked.body)?;
    cx.received(&rt, &body);
    let patch = parse(cx, body).await?;
    let (id, condition, projection) = (id.to_owned(), Condition::of(cx), cx.projection()?);
    let (of, shown) = (Arc::clone(&rt), projection.clone());
    let work = move |w: &mut Writer, cx: &Cx, trace: &mut Trace| {
        apply(w, cx, trace, &of, &id, &patch, &condition, &projection)
    };
    let patched = record::write(cx, trace, work).await?;
    read::behind(cx, trace, &rt, shown, patched).await
}

pub(super) async fn parse(cx: &Cx, mut body: Value) -> Result<PatchOp> {
    passwords::hash(cx, &mut body).await?;
    Ok(PatchOp::parse(body, cx.dialect())?)
}

/// The part inside the writer; a bulk operation enters here.
#[expect(clippy::too_many_arguments, reason = "the request's parts, each used once")]
pub(super) fn apply(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    id: &str,
    patch: &PatchOp,
    condition: &Condition,
    projection: &Projection,
) -> Result<Answer> {
    let stored = w.find(cx.tenant.tenant.id, rt, id)?.ok_or_else(|| no_such(rt))?;
    condition.check(&stored)?;
    trace.resource(rt, &stored.id);
    unlinked::hold(w, cx, trace, rt, &stored)?;
    let mut patched = patch.apply(&stored.resource, rt, cx.dialect())?;
    trace.ignored.append(&mut patched.ignored);
    passwords::discard(cx, rt, &mut patched.resource, trace);
    ignored::keep(cx, rt, &stored.resource, &mut patched.resource, trace);
    save::keep_raw_manager(w, cx.tenant.tenant.id, &stored, &mut patched.resource, rt)?;
    let saved = save::save(w, cx, trace, rt, stored, patched.resource, &patched.members)?;
    // Reading a large group back to somebody who added one member would cost more than the change itself.
    if rt.has_members() && projection.is_default() {
        return Ok(Answer::empty(204).with("etag", scim::meta::etag(saved.stored.version)));
    }
    save::answer(w, cx, rt, &saved.stored, projection, 200)
}
