//! `DELETE /{endpoint}/{id}` (RFC 7644 §3.6): gone at once; only a tombstone remembers the id.

use super::save::{self, Condition};
use super::{Cx, no_such, unlinked};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::Result;
use crate::record::{self, Trace};
use scim::ResourceType;
use serde_json::json;
use store::{ChangeKind, Writer};

pub(super) async fn delete(cx: &Cx, endpoint: &str, id: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Delete)?;
    let (id, condition) = (id.to_owned(), Condition::of(cx));
    record::write(cx, trace, move |w, cx, trace| remove(w, cx, trace, &rt, &id, &condition)).await
}

/// The part inside the writer; a bulk operation enters here.
pub(super) fn remove(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    id: &str,
    condition: &Condition,
) -> Result<Answer> {
    let stored = w.find(cx.tenant.tenant.id, rt, id)?.ok_or_else(|| no_such(rt))?;
    condition.check(&stored)?;
    trace.resource(rt, &stored.id);
    unlinked::hold(w, cx, trace, rt, &stored)?;
    trace.deleted(&stored.resource, rt, &cx.tenant.secrets);
    let left = w.delete(cx.tenant.tenant.id, rt, &stored, cx.now, &cx.tenant.tenant.settings.manager_match)?.groups;
    save::change(w, cx, rt, id, ChangeKind::Deleted, json!({}))?;
    if let Some(groups) = cx.tenant.named("Group") {
        for group in &left {
            save::change(w, cx, groups, group, ChangeKind::MembersChanged, json!({"removed": [id]}))?;
        }
        if !left.is_empty() {
            trace.step(format!("left {} groups", left.len()));
        }
    }
    Ok(Answer::empty(204))
}
