//! `PUT /{endpoint}/{id}` (RFC 7644 §3.5.1), which for some identity providers is our own GET body with theirs laid over it.

use super::save::{self, Condition, Draft};
use super::{Cx, create, ignored, json, no_such, read, unlinked};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::Result;
use crate::record::{self, Trace};
use scim::ResourceType;
use scim::patch_op::MemberOp;
use std::sync::Arc;
use store::Writer;

pub(super) async fn replace(cx: &Cx, endpoint: &str, id: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Update)?;
    let condition = Condition::of(cx);
    let draft = create::draft(cx, &rt, json(&cx.asked.body)?, trace).await?;
    let (id, of, projection) = (id.to_owned(), Arc::clone(&rt), draft.projection.clone());
    let put =
        record::write(cx, trace, move |w, cx, trace| overwrite(w, cx, trace, &of, &id, draft, &condition)).await?;
    read::behind(cx, trace, &rt, projection, put).await
}

/// The part inside the writer; a bulk operation enters here.
pub(super) fn overwrite(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    id: &str,
    draft: Draft,
    condition: &Condition,
) -> Result<Answer> {
    let stored = w.find(cx.tenant.tenant.id, rt, id)?.ok_or_else(|| no_such(rt))?;
    condition.check(&stored)?;
    trace.resource(rt, &stored.id);
    unlinked::hold(w, cx, trace, rt, &stored)?;
    let mut new = stored.resource.replaced_by(Arc::unwrap_or_clone(draft.resource), rt)?;
    ignored::keep(cx, rt, &stored.resource, &mut new, trace);
    save::keep_raw_manager(w, cx.tenant.tenant.id, &stored, &mut new, rt)?;
    // A PUT that does not speak of members leaves them: the body may come from a GET that excluded them.
    let members = draft.members.map(|members| vec![MemberOp::Replace(members)]).unwrap_or_default();
    let saved = save::save(w, cx, trace, rt, stored, new, &members)?;
    save::answer(w, cx, rt, &saved.stored, &draft.projection, 200)
}
