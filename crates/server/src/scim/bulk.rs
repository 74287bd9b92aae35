//! `POST /Bulk` (RFC 7644 §3.7): each operation is the use case that it would be alone, in a savepoint of its own.
//!
//! Some operations share one turn of the writer, and so one fsync; between turns others get theirs. A bulk request
//! is not atomic by the RFC: what was done before an error stays.

use super::save::{Condition, Draft};
use super::{Asked, Cx, create, delete, json, passwords, patch, replace};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::{Error, Result};
use crate::limits;
use crate::record::{self, Trace};
use axum::http::{HeaderMap, Method};
use scim::bulk::{
    self, BulkLimits, BulkMethod, BulkOperation, BulkPath, BulkRequest, BulkResponse, BulkResult, Part, Step,
};
use scim::meta::EntityTags;
use scim::{Code, PatchOp, Projection, ResourceType};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use store::{Prepared, Writer};

/// The bounds of a bulk request.
pub(super) const LIMITS: BulkLimits =
    BulkLimits { operations_max: limits::BULK_OPERATIONS_MAX, payload_bytes_max: limits::BULK_BYTES_MAX };

/// What is known so far of a bulk request at work.
struct Work {
    request: BulkRequest,
    steps: Vec<Step>,
    next: usize,
    errors: u64,
    /// The ids of what was created, by bulkId.
    ids: HashMap<String, String>,
    /// What was set aside to break a circle, by operation.
    aside: HashMap<usize, Value>,
    results: Vec<Option<BulkResult>>,
}

pub(super) async fn bulk(cx: &Cx, trace: &mut Trace) -> Result<Answer> {
    let mut body = json(&cx.asked.body)?;
    passwords::hash(cx, &mut body).await?;
    let request = BulkRequest::parse(body, cx.dialect(), &LIMITS)?;
    let steps = request.plan();
    let results = request.operations.iter().map(|_| None).collect();
    let mut work = Work { request, steps, next: 0, errors: 0, ids: HashMap::new(), aside: HashMap::new(), results };
    while work.next < work.steps.len() && work.request.goes_on(work.errors) {
        let cx = cx.clone();
        let store = cx.app.store().clone();
        let tenant = cx.tenant.tenant.id;
        work = store
            .write_parts_in(tenant, move |w| -> Result<Work> {
                crate::record::current(w, &cx)?;
                Ok(turn(w, &cx, work))
            })
            .await?;
    }
    trace.step(format!("{} operations, {} refused", work.results.iter().flatten().count(), work.errors));
    let results = work.results.into_iter().flatten().collect();
    Ok(Answer::json(200, &BulkResponse { results }.to_json()))
}

/// One turn of the writer.
fn turn(w: &mut Writer, cx: &Cx, mut work: Work) -> Work {
    let end = (work.next + limits::BULK_CHUNK).min(work.steps.len());
    while work.next < end && work.request.goes_on(work.errors) {
        let Some(step) = work.steps.get(work.next).copied() else { break };
        work.next += 1;
        let Some(operation) = work.request.operations.get(step.operation).cloned() else { continue };
        let began_badly = work.results.get(step.operation).is_some_and(|r| r.as_ref().is_some_and(|r| r.status >= 400));
        if step.part == Part::Rest && began_badly {
            continue;
        }
        let mut trace = Trace::default();
        let cx = as_alone(cx, &operation);
        let outcome = w.nested(|w| run(w, &cx, &mut trace, step, &operation, &mut work));
        let (answer, result) = match outcome {
            Ok(answer) => {
                let result = done(&cx, &operation, &answer, &work);
                (answer, result)
            }
            Err(error) => {
                work.errors += 1;
                let location = work.results.get(step.operation).and_then(|r| r.as_ref()?.location.clone());
                let refused = error.to_scim(&cx.asked.request_id);
                (
                    error.answer(&cx.asked.request_id),
                    BulkResult::failed(&operation, location.or(address(&cx, &operation, &work)), &refused),
                )
            }
        };
        record::write_now(w, &cx, &mut trace, &answer);
        if let Some(slot) = work.results.get_mut(step.operation) {
            *slot = Some(result);
        }
    }
    work
}

/// The operation as the request that it would be alone: for the log, and for its condition.
fn as_alone(cx: &Cx, operation: &BulkOperation) -> Cx {
    let id = operation.path.id.as_ref().map(|id| format!("/{id}")).unwrap_or_default();
    let method = match operation.method {
        BulkMethod::Post => Method::POST,
        BulkMethod::Put => Method::PUT,
        BulkMethod::Patch => Method::PATCH,
        BulkMethod::Delete => Method::DELETE,
    };
    cx.with_asked(Asked {
        request_id: cx.asked.request_id.clone(),
        method,
        path: format!("{}{id}", operation.path.endpoint),
        query: String::new(),
        headers: HeaderMap::new(),
        body: operation.data.as_ref().map(Value::to_string).unwrap_or_default().into(),
        origin: cx.asked.origin.clone(),
        started: cx.asked.started,
    })
}

fn run(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    step: Step,
    operation: &BulkOperation,
    work: &mut Work,
) -> Result<Answer> {
    let rt = cx.resource_type(operation.path.endpoint.trim_start_matches('/'))?;
    let path = resolve_path(&operation.path, work)?;
    let id = path.id.unwrap_or_default();
    let mut data = operation.data.clone().unwrap_or(Value::Null);
    match step.part {
        Part::Start => {
            if let Some(rest) = bulk::set_aside(&mut data, &work.ids) {
                work.aside.insert(step.operation, rest);
            }
        }
        Part::Rest => return add_rest(w, cx, trace, &rt, step, operation, work),
        Part::Whole => {}
    }
    let unresolved = bulk::resolve(&mut data, &work.ids);
    if !unresolved.is_empty() {
        let detail = "the data names a bulkId that no successful POST of this request has";
        return Err(Error::new(Code::BULK_REFERENCE, detail));
    }
    let condition = Condition { wanted: operation.version.as_deref().map(EntityTags::parse), unwanted: None };
    match operation.method {
        BulkMethod::Post => {
            cx.may(&rt, Operation::Create)?;
            let draft = draft(cx, &rt, data, trace)?;
            let prepared = Prepared::new(&draft.resource, &rt, None)?;
            let answer = create::insert(w, cx, trace, &rt, draft, &prepared)?;
            if let (Some(name), Some((_, id))) = (&operation.bulk_id, &trace.resource) {
                work.ids.insert(name.clone(), id.clone());
            }
            Ok(answer)
        }
        BulkMethod::Put => {
            cx.may(&rt, Operation::Update)?;
            let draft = draft(cx, &rt, data, trace)?;
            replace::overwrite(w, cx, trace, &rt, &id, draft, &condition)
        }
        BulkMethod::Patch => {
            cx.may(&rt, Operation::Update)?;
            cx.received(&rt, &data);
            let patch = PatchOp::parse(data, cx.dialect())?;
            patch::apply(w, cx, trace, &rt, &id, &patch, &condition, &Projection::default())
        }
        BulkMethod::Delete => {
            cx.may(&rt, Operation::Delete)?;
            delete::remove(w, cx, trace, &rt, &id, &condition)
        }
    }
}

fn draft(cx: &Cx, rt: &ResourceType, data: Value, trace: &mut Trace) -> Result<Draft> {
    create::parse(cx, rt, data, Projection::default(), trace)
}

fn resolve_path(path: &BulkPath, work: &Work) -> Result<BulkPath> {
    path.resolve(&work.ids).map_err(|_| {
        Error::new(Code::BULK_REFERENCE, "the path names a bulkId that no successful POST of this request has")
    })
}

/// The second half of a creation that was begun to break a circle.
fn add_rest(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &Arc<ResourceType>,
    step: Step,
    operation: &BulkOperation,
    work: &mut Work,
) -> Result<Answer> {
    let id = operation.bulk_id.as_ref().and_then(|name| work.ids.get(name)).cloned();
    let (Some(mut rest), Some(id)) = (work.aside.remove(&step.operation), id) else {
        return Err(Error::new(Code::BULK_REFERENCE, "the resource that this operation creates was refused before"));
    };
    if !bulk::resolve(&mut rest, &work.ids).is_empty() {
        return Err(Error::new(
            Code::BULK_REFERENCE,
            "the data names a bulkId whose POST was refused; the resource was created without it",
        ));
    }
    let patch = PatchOp::parse(rest, cx.dialect())?;
    let answer = patch::apply(w, cx, trace, rt, &id, &patch, &Condition::default(), &Projection::default())?;
    Ok(Answer { status: 201, ..answer })
}

fn done(cx: &Cx, operation: &BulkOperation, answer: &Answer, work: &Work) -> BulkResult {
    let location = address(cx, operation, work).unwrap_or_default();
    BulkResult::done(operation, answer.status, location, answer.header("etag").map(str::to_owned))
}

/// The address of the resource that an operation is about, once it has one.
fn address(cx: &Cx, operation: &BulkOperation, work: &Work) -> Option<String> {
    let id = match operation.method {
        BulkMethod::Post => work.ids.get(operation.bulk_id.as_ref()?)?.clone(),
        _ => operation.path.resolve(&work.ids).ok()?.id?,
    };
    let rt = cx.resource_type(operation.path.endpoint.trim_start_matches('/')).ok()?;
    Some(format!("{}{}/{id}", cx.base, rt.endpoint))
}
