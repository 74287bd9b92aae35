//! What waits for somebody: conflicts, jobs, setup links; numbers of the log, and rehearsals of what is in it.

use super::{ApiResult, listed, onwards, shown, tenant_and_body};
use crate::admin::conflicts::{self, Conflict};
use crate::admin::jobs::{self, Bulk, Chosen};
use crate::admin::{self, links, tenant_of};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::worker::settle_log;
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use scim::Filter;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Job, LogCount, SLOT, SetupLink};

/// Most stretches of one answer.
const STRETCHES_MAX: i64 = 1_000;

pub(super) async fn conflicts(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    settle_log(&app).await;
    let (all, _) = conflicts::list(&app, &*tenant_of(&app, &tenant)?).await?;
    listed(all.iter().map(show_conflict).collect(), None)
}

fn show_conflict(conflict: &Conflict) -> Value {
    json!({
        "name": conflict.name,
        "code": conflict.code,
        "status": conflict.last.status,
        "subject": conflict.subject,
        "detail": conflict.detail,
        "count": conflict.count,
        "firstAt": rfc3339(conflict.first_at),
        "lastAt": rfc3339(conflict.last.at),
        "lastSeq": conflict.last.seq,
    })
}

/// A conflict by its name; to dismiss it, also up to which entry of the log it was seen.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    name: String,
    last_seq: Option<i64>,
}

/// Where a request of the API comes from, for what it does as an operator would.
fn origin(actor: &Actor) -> Origin {
    Origin { address: actor.address.clone(), agent: String::new() }
}

pub(super) async fn dismiss(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (state, Named { name, last_seq }) = tenant_and_body(&app, &tenant, request).await?;
    let last_seq = last_seq.ok_or_else(|| scim::Error::invalid_value("lastSeq says up to where it was seen"))?;
    conflicts::dismiss(&app, &actor, &state, &name, last_seq).await?;
    shown(200, &json!({"dismissed": name}))
}

pub(super) async fn link_conflict(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (state, Named { name, .. }) = tenant_and_body(&app, &tenant, request).await?;
    let (base, origin) = (app.base_url(&state, &HeaderMap::new())?, origin(&actor));
    let id = conflicts::link(&app, actor, &state, &base, &origin, &name).await?;
    shown(200, &json!({"linked": name, "id": id}))
}

/// Several conflicts, and what is done with them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManyConflicts {
    #[serde(rename = "do")]
    what: conflicts::Many,
    conflicts: Vec<Named>,
}

/// Dismisses or links several; one that fails stops no other.
pub(super) async fn bulk_conflicts(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (state, wanted): (_, ManyConflicts) = tenant_and_body(&app, &tenant, request).await?;
    let (base, origin) = (app.base_url(&state, &HeaderMap::new())?, origin(&actor));
    let chosen: Vec<(String, i64)> =
        wanted.conflicts.into_iter().map(|one| (one.name, one.last_seq.unwrap_or(i64::MAX))).collect();
    let outcome = conflicts::many(&app, &actor, &state, (&base, &origin), wanted.what, &chosen).await?;
    let failed: Vec<Value> =
        outcome.failed.iter().map(|(subject, why)| json!({"subject": subject, "why": why})).collect();
    shown(200, &json!({"done": outcome.done, "failed": failed}))
}

pub(super) fn show_job(job: &Job) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind,
        "label": job.label,
        "counts": job.counts,
        "state": job.state.as_str(),
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "failures": job.failures,
        "createdAt": rfc3339(job.created_at),
        "createdBy": job.created_by,
        "startedAt": job.started_at.map(rfc3339),
        "finishedAt": job.finished_at.map(rfc3339),
    })
}

pub(super) async fn list_jobs(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    listed(jobs::list(&app, tenant).await?.iter().map(show_job).collect(), None)
}

pub(super) async fn job(State(app): State<App>, Path((tenant, id)): Path<(String, i64)>) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    shown(200, &show_job(&jobs::find(&app, tenant, id).await?))
}

/// `?after&limit`: everything that a job could not do, in its order.
pub(super) async fn job_failures(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, i64)>,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    jobs::find(&app, tenant, id).await?;
    let raw = raw.unwrap_or_default();
    let limit = admin::log::limit(&raw);
    let after = admin::log::number(&raw, "after").unwrap_or(0);
    let found = jobs::failures(&app, tenant, id, after, limit).await?;
    let next = onwards(&found, limit, |(number, _)| *number);
    listed(found.into_iter().map(|(_, failure)| failure).collect(), next)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewJob {
    kind: String,
    ids: Option<Vec<String>>,
    filter: Option<String>,
}

pub(super) async fn begin_job(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (state, wanted): (_, NewJob) = tenant_and_body(&app, &tenant, request).await?;
    let unknown =
        || scim::Error::invalid_value("kind is activate, deactivate, delete, unlink, technician or requester");
    let kind = Bulk::parse(&wanted.kind).ok_or_else(unknown)?;
    let chosen = match (wanted.ids, wanted.filter) {
        (Some(ids), None) => Chosen::Ids(ids),
        (None, Some(filter)) => Chosen::Filter(Some(Filter::parse(&filter)?)),
        _ => return Err(scim::Error::invalid_value("give either ids or a filter").into()),
    };
    let id = jobs::begin(&app, &actor, &tenant, kind, chosen).await?;
    shown(201, &show_job(&jobs::find(&app, state.tenant.id, id).await?))
}

pub(super) async fn cancel_job(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, i64)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    jobs::find(&app, state.tenant.id, id).await?;
    jobs::cancel(&app, &actor, &state, id).await?;
    shown(200, &show_job(&jobs::find(&app, state.tenant.id, id).await?))
}

/// What it could not do is done again by another job, which is answered.
pub(super) async fn retry_job(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, i64)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let begun = jobs::retry(&app, &actor, &state, id).await?;
    shown(201, &show_job(&jobs::find(&app, state.tenant.id, begun).await?))
}

fn show_link(link: &SetupLink, now: i64) -> Value {
    json!({
        "id": link.id,
        "label": link.label,
        "open": link.is_open(now),
        "createdAt": rfc3339(link.created_at),
        "createdBy": link.created_by,
        "expiresAt": rfc3339(link.expires_at),
        "revokedAt": link.revoked_at.map(rfc3339),
        "openedAt": link.opened_at.map(rfc3339),
        "openedFrom": link.opened_from,
        "token": link.token,
    })
}

pub(super) async fn list_links(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let now = app.clock().now();
    listed(links::list(&app, &tenant).await?.iter().map(|link| show_link(link, now)).collect(), None)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewLink {
    label: String,
    days: Option<u32>,
}

pub(super) async fn make_link(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, NewLink) = tenant_and_body(&app, &tenant, request).await?;
    let (link, secret) = links::create(&app, &actor, &tenant, &wanted.label, wanted.days.unwrap_or(7)).await?;
    let mut body = show_link(&link, app.clock().now());
    if let Some(map) = body.as_object_mut() {
        map.insert("path".into(), format!("/share/{secret}").into());
    }
    shown(201, &body)
}

pub(super) async fn revoke_link(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    links::revoke(&app, &actor, &tenant, &id).await?;
    shown(200, &json!({"revoked": id}))
}

/// `?since&step`: requests by stretches of `step` minutes, from `since` (a day ago) until now.
pub(super) async fn counts(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    let (raw, now) = (raw.unwrap_or_default(), app.clock().now());
    let since = crate::query::value(&raw, "since").and_then(|text| scim::schema::instant(&text));
    let minutes = admin::log::number(&raw, "step").unwrap_or(60).clamp(5, 1_440);
    let step = minutes / 5 * SLOT;
    let since = since.unwrap_or(now - 86_400_000_000).max(now - step * STRETCHES_MAX);
    let counts = app.store().read(move |r| r.log_counts(tenant, since, now, step)).await;
    let counts: Vec<LogCount> = counts.map_err(|error: store::Error| crate::error::Error::from(error))?;
    let show = |one: &LogCount| {
        json!({
            "at": rfc3339(one.at),
            "answered": one.good,
            "refused": one.refused,
            "failed": one.broken,
            "halfWithinUs": one.quantile(0.5),
            "mostWithinUs": one.quantile(0.95),
        })
    };
    listed(counts.iter().map(show).collect(), None)
}

/// `?seq`: a report for whoever helps, about one entry of the log if it is named.
pub(super) async fn report(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let seq = admin::log::number(&raw.unwrap_or_default(), "seq");
    shown(200, &admin::report::report(&app, &actor, &state, seq).await?)
}

pub(super) async fn rehearse(
    State(app): State<App>,
    Path((tenant, seq)): Path<(String, i64)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let entry = admin::log::entry(&app, state.tenant.id, seq).await?;
    let (base, origin) = (app.base_url(&state, &HeaderMap::new())?, origin(&actor));
    let acted = admin::log::rehearse(&app, &state, &base, &origin, &entry).await?;
    let let_in = admin::log::is_let_in(&app, state.tenant.id, &entry).await?;
    let answer: Value = serde_json::from_slice(&acted.answer.body).unwrap_or_default();
    shown(
        200,
        &json!({
            "status": acted.answer.status,
            "letIn": let_in,
            "code": acted.answer.code.map(|code| code.to_string()),
            "answer": answer,
            "steps": acted.trace.told(),
            "diff": acted.trace.diff.values(),
        }),
    )
}
