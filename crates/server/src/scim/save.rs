//! What every write has in common: its condition, what changed, the change rows, the answer.

use super::stream::Sink;
use super::{Cx, render, unlinked};
use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::record::Trace;
use axum::http::header;
use scim::meta::{EntityTags, etag};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{Code, Projection, Resource, ResourceType, Target};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Change, ChangeKind, MembersChanged, Stored, TenantId, View, Writer};

/// Most member ids in one change row; more make more rows.
const CHANGE_MEMBERS_MAX: usize = 1_000;

/// A parsed body of a POST or PUT.
pub(super) struct Draft {
    pub(super) resource: Arc<Resource>,
    pub(super) members: Option<Vec<MemberRef>>,
    pub(super) projection: Projection,
}

/// `If-Match` and `If-None-Match` of a write (RFC 7644 §3.14).
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) wanted: Option<EntityTags>,
    pub(super) unwanted: Option<EntityTags>,
}

impl Condition {
    pub(super) fn of(cx: &Cx) -> Self {
        Self { wanted: cx.entity_tags(header::IF_MATCH), unwanted: cx.entity_tags(header::IF_NONE_MATCH) }
    }

    pub(super) fn check(&self, stored: &Stored) -> Result<()> {
        self.check_wanted(stored.version)?;
        match &self.unwanted {
            Some(tags) if tags.matches(stored.version) => {
                let detail = "If-None-Match forbids it: the resource is there, in a version that the header names";
                Err(Error::new(Code::PRECONDITION, detail))
            }
            _ => Ok(()),
        }
    }

    /// `If-Match`, which holds for reads as well (RFC 9110 §13.2.2).
    pub(super) fn check_wanted(&self, version: i64) -> Result<()> {
        let missed = self.wanted.as_ref().is_some_and(|tags| !tags.matches(version));
        if missed { Err(store::Error::Stale.into()) } else { Ok(()) }
    }
}

/// A resource after a write that may have changed nothing.
pub(super) struct Saved {
    pub(super) stored: Stored,
}

/// Whether it is an identity provider that speaks, with a token or by signing somebody in; not an operator.
pub(super) fn is_heard(cx: &Cx) -> bool {
    !cx.actor.scope.admin
}

/// Brings a resource to its new state. Nothing changed → nothing is written: no new version, no event.
pub(super) fn save(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    stored: Stored,
    new: Resource,
    members: &[MemberOp],
) -> Result<Saved> {
    let tenant = cx.tenant.tenant.id;
    let changed = stored.resource.difference(&new, rt);
    let moved = apply_members(w, cx, trace, rt, &stored, members)?;
    if changed.is_empty() && moved.added.is_empty() && moved.removed.is_empty() {
        trace.step("nothing changed: nothing written");
        if is_heard(cx) && stored.heard_at.is_none() {
            w.heard(tenant, &stored, cx.now)?;
        }
        return Ok(Saved { stored });
    }
    trace.changed(&stored.resource, &new, rt, &cx.tenant.secrets);
    if changed.is_empty() {
        let stored = w.touch(tenant, &stored, cx.now)?;
        change_members(w, cx, rt, &stored.id, &moved)?;
        return Ok(Saved { stored });
    }
    unlinked::follow(w, cx, trace, rt, &stored, &new)?;
    let was_active = stored.is_active();
    let stored = Stored { heard_at: is_heard(cx).then_some(cx.now).or(stored.heard_at), ..stored };
    let stored = w.update(tenant, rt, &stored, &Arc::new(new), cx.now, &cx.tenant.tenant.settings.manager_match)?;
    let mut what = Map::from_iter([("attributes".to_owned(), json!(changed))]);
    if was_active != stored.is_active() {
        trace.step(if was_active { "deactivated" } else { "activated" });
        what.insert("active".into(), stored.is_active().into());
    }
    change(w, cx, rt, &stored.id, ChangeKind::Updated, Value::Object(what))?;
    change_members(w, cx, rt, &stored.id, &moved)?;
    Ok(Saved { stored })
}

/// Carries the membership changes out and reports what was left out.
pub(super) fn apply_members(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    stored: &Stored,
    members: &[MemberOp],
) -> Result<MembersChanged> {
    if members.is_empty() || !rt.has_members() {
        return Ok(MembersChanged::default());
    }
    let drop_unknown = cx.dialect().unknown_members_dropped;
    let moved = w.members_apply(cx.tenant.tenant.id, rt, stored, members, &cx.base, drop_unknown)?;
    w.absent_members_noted(cx.tenant.tenant.id, stored.rid, members, &moved.unknown, cx.now)?;
    trace.members(&moved);
    Ok(moved)
}

/// A row of the change feed.
pub(super) fn change(
    w: &mut Writer,
    cx: &Cx,
    rt: &ResourceType,
    id: &str,
    kind: ChangeKind,
    what: Value,
) -> Result<()> {
    w.change(&Change {
        tenant: cx.tenant.tenant.id,
        seq: 0,
        kind,
        resource_type: rt.name.clone(),
        id: id.to_owned(),
        at: cx.now,
        actor: cx.actor.label.clone(),
        what,
    })?;
    Ok(())
}

/// The change rows of a membership change, in slices.
pub(super) fn change_members(
    w: &mut Writer,
    cx: &Cx,
    rt: &ResourceType,
    id: &str,
    moved: &MembersChanged,
) -> Result<()> {
    for (name, ids) in [("added", &moved.added), ("removed", &moved.removed)] {
        for slice in ids.chunks(CHANGE_MEMBERS_MAX) {
            change(w, cx, rt, id, ChangeKind::MembersChanged, json!({name: slice}))?;
        }
    }
    Ok(())
}

/// The answer to a write: the resource as a GET would show it now; without a body where that is a large one.
pub(super) fn answer(
    w: &mut Writer,
    cx: &Cx,
    rt: &ResourceType,
    stored: &Stored,
    projection: &Projection,
    status: u16,
) -> Result<Answer> {
    let wanted = render::Wanted::new(rt, projection);
    let Some(view) = w.view_of(cx.tenant.tenant.id, rt, stored.rid, wanted.groups)? else {
        return Err(Error::new(Code::INTERNAL, "the resource that was just written cannot be read"));
    };
    answer_with(w, cx, rt, &view, projection, status)
}

/// The same, where it is known already how the resource is shown.
pub(super) fn answer_with(
    w: &mut Writer,
    cx: &Cx,
    rt: &ResourceType,
    view: &View,
    projection: &Projection,
    status: u16,
) -> Result<Answer> {
    let wanted = render::Wanted::new(rt, projection);
    let head = Answer::empty(status).with("etag", etag(view.version));
    let mut out = Sink::in_memory();
    if wanted.members && !out.takes(view.member_count) {
        return Ok(Answer { large: true, ..head });
    }
    render::resource(w, cx.tenant.tenant.id, &cx.base, rt, view, projection, &wanted, &mut out)?;
    out.head(head);
    Ok(out.whole())
}

/// The address of a resource.
pub(super) fn location(cx: &Cx, rt: &ResourceType, id: &str) -> String {
    format!("{}{}/{id}", cx.base, rt.endpoint)
}

/// An identity provider that sends our own GET body back sends the id that the manager was resolved to.
/// That says nothing new, so what it once sent as the manager stays.
pub(super) fn keep_raw_manager(
    w: &Writer,
    tenant: TenantId,
    stored: &Stored,
    new: &mut Resource,
    rt: &ResourceType,
) -> Result<()> {
    let Some(Target::Attribute { extension: Some(extension), attribute, .. }) = rt.resolve_text(MANAGER) else {
        return Ok(());
    };
    let value = |resource: &Resource| {
        resource.value(Some(extension), attribute).and_then(|manager| manager.get("value")).cloned()
    };
    let (Some(old), Some(sent)) = (value(&stored.resource), value(new)) else { return Ok(()) };
    if old == sent {
        return Ok(());
    }
    let resolved = w.view(tenant, rt, &stored.id, false)?.and_then(|view| view.manager?.id);
    if resolved.as_deref() == sent.as_str() && resolved.is_some() {
        let kept = stored.resource.value(Some(extension), attribute).cloned();
        new.set(Some(extension), attribute, kept);
    }
    Ok(())
}

/// The manager attribute, in full.
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

/// The texts at a path of a resource: one, or those of the list.
pub(super) fn texts(resource: &Resource, rt: &ResourceType, path: &str) -> Vec<String> {
    let Some(Target::Attribute { extension, attribute, .. }) = rt.resolve_text(path) else { return Vec::new() };
    let Some(value) = resource.value(extension, attribute) else { return Vec::new() };
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    elements.iter().filter_map(|e| e.get("value").unwrap_or(e).as_str()).map(str::to_owned).collect()
}
