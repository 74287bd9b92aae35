//! `POST /{endpoint}` (RFC 7644 §3.3).

use super::save::{self, Draft};
use super::{Cx, ignored, json, passwords, read, unlinked};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::Result;
use crate::record::{self, Trace};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{Projection, Resource, ResourceType};
use serde_json::{Value, json as object};
use std::sync::Arc;
use store::{Adoption, Policy, Prepared, Stored, Writer};

pub(super) async fn create(cx: &Cx, endpoint: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Create)?;
    let draft = draft(cx, &rt, json(&cx.asked.body)?, trace).await?;
    let prepared = Prepared::new(&draft.resource, &rt, None)?;
    trace.will_create(&draft.resource, &rt, &cx.tenant.secrets, is_answered(cx, &draft));
    let (of, projection) = (Arc::clone(&rt), draft.projection.clone());
    let made = record::write(cx, trace, move |w, cx, trace| insert(w, cx, trace, &of, draft, &prepared)).await?;
    read::behind(cx, trace, &rt, projection, made).await
}

/// Whether the answer to a creation will hold everything, and nothing that is masked by choice.
fn is_answered(cx: &Cx, draft: &Draft) -> bool {
    let whole = draft.projection == Projection::default() && draft.members.is_none();
    whole && !cx.rehearsal && cx.tenant.tenant.settings.masked.is_empty()
}

/// The body, parsed once; what it costs to hash a password is paid here, outside the writer.
pub(super) async fn draft(cx: &Cx, rt: &ResourceType, mut body: Value, trace: &mut Trace) -> Result<Draft> {
    passwords::hash(cx, &mut body).await?;
    parse(cx, rt, body, cx.projection()?, trace)
}

/// As `draft`, for a body in which passwords are hashed already.
pub(super) fn parse(
    cx: &Cx,
    rt: &ResourceType,
    body: Value,
    projection: Projection,
    trace: &mut Trace,
) -> Result<Draft> {
    cx.received(rt, &body);
    let mut parsed = Resource::parse(body, rt, cx.dialect())?;
    passwords::discard(cx, rt, &mut parsed.resource, trace);
    ignored::drop(cx, rt, &mut parsed.resource, trace);
    trace.ignored.append(&mut parsed.ignored);
    Ok(Draft { resource: Arc::new(parsed.resource), members: parsed.members, projection })
}

/// The part inside the writer; a bulk operation enters here.
pub(super) fn insert(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    draft: Draft,
    prepared: &Prepared,
) -> Result<Answer> {
    if let Some(existing) = adoptable(w, cx, trace, rt, &draft.resource)? {
        return adopt(w, cx, trace, rt, existing, draft);
    }
    let has_members = draft.members.is_some();
    let stored = put(w, cx, trace, rt, &draft.resource, prepared, draft.members)?;
    let mut answer = match prepared.view(&stored).filter(|_| !has_members) {
        Some(view) => save::answer_with(w, cx, rt, &view, &draft.projection, 201)?,
        None => save::answer(w, cx, rt, &stored, &draft.projection, 201)?,
    };
    answer.set("location", save::location(cx, rt, &stored.id));
    Ok(answer)
}

/// Stores a new resource with its members and its change rows.
pub(super) fn put(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    resource: &Arc<Resource>,
    prepared: &Prepared,
    members: Option<Vec<MemberRef>>,
) -> Result<Stored> {
    let settings = &cx.tenant.tenant.settings;
    let policy = Policy {
        return_same_id: settings.return_same_id,
        manager_match: &settings.manager_match,
        heard: save::is_heard(cx),
    };
    let stored = w.insert_prepared(cx.tenant.tenant.id, rt, resource, prepared, cx.now, policy)?;
    trace.resource(rt, &stored.id);
    trace.created(resource, rt, &cx.tenant.secrets);
    let members = members.map(|members| vec![MemberOp::Add(members)]).unwrap_or_default();
    let joined = save::apply_members(w, cx, trace, rt, &stored, &members)?;
    save::change(w, cx, rt, &stored.id, store::ChangeKind::Created, object!({"active": stored.is_active()}))?;
    save::change_members(w, cx, rt, &stored.id, &joined)?;
    Ok(stored)
}

/// Somebody new who does not come by SCIM: stored, told and logged as if they did. No account that is there is taken over.
pub(crate) fn join(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    mut resource: Resource,
) -> Result<Stored> {
    passwords::discard(cx, rt, &mut resource, trace);
    let prepared = Prepared::new(&resource, rt, None)?;
    put(w, cx, trace, rt, &Arc::new(resource), &prepared, None)
}

/// An account that was there before provisioning and that the tenant's policy lets this create take over.
pub(super) fn adoptable(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    new: &Resource,
) -> Result<Option<Stored>> {
    let tenant = cx.tenant.tenant.id;
    let (path, by) = match cx.tenant.tenant.settings.adoption {
        Adoption::Refuse => return Ok(None),
        _ if !rt.is_user() => return Ok(None),
        Adoption::ExternalId => ("externalId", "externalId"),
        Adoption::UserName => ("userName", "userName"),
        Adoption::VerifiedEmail => ("emails", "a verified e-mail address"),
    };
    let verified = &cx.tenant.tenant.settings.verified_domains;
    for text in save::texts(new, rt, path) {
        let domain = text.rsplit_once('@').map(|(_, domain)| domain);
        let trusted = path != "emails" || domain.is_some_and(|d| verified.iter().any(|v| v.eq_ignore_ascii_case(d)));
        if !trusted {
            continue;
        }
        let mut found = w.find_by(tenant, rt, path, &text)?;
        if found.len() == 1 {
            trace.step(format!("adopted the existing account with the same {by}"));
            return Ok(found.pop());
        }
        if found.len() > 1 {
            trace.step(format!("not adopted: several accounts have the same {by}"));
        }
    }
    Ok(None)
}

fn adopt(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    existing: Stored,
    draft: Draft,
) -> Result<Answer> {
    unlinked::matched(w, cx, trace, existing.rid)?;
    let stored = lay_over(w, cx, trace, rt, existing, &draft.resource, &[])?;
    let mut answer = save::answer(w, cx, rt, &stored, &draft.projection, 201)?;
    answer.set("location", save::location(cx, rt, &stored.id));
    Ok(answer)
}

/// What is sent is laid over the existing resource; what is not sent stays.
pub(super) fn lay_over(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    existing: Stored,
    sent: &Resource,
    members: &[MemberOp],
) -> Result<Stored> {
    let mut merged = Resource::clone(&existing.resource);
    for (extension, attribute) in rt.attributes() {
        if let Some(value) = sent.value(extension, attribute) {
            merged.set(extension, attribute, Some(value.clone()));
        }
    }
    save::keep_raw_manager(w, cx.tenant.tenant.id, &existing, &mut merged, rt)?;
    merged.check(rt)?;
    Ok(save::save(w, cx, trace, rt, existing, merged, members)?.stored)
}
