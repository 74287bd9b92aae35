//! The attributes of a tenant's resource types, and its custom fields.

use super::work::show_job;
use super::{ApiResult, body_of, listed, shown, tenant_and_body};
use crate::admin::archived::{self, As};
use crate::admin::attributes::{self, Named, NewAttribute, Way};
use crate::admin::received::{Came, Never, never_received};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::Actor;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Job;

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let came: Came = {
        let state = Arc::clone(&state);
        app.store().read(move |r| Came::read(r, &state)).await.map_err(|error: store::Error| error)?
    };
    let row = |named: &Named| {
        let (mut row, last) = (named.row(), came.last(named));
        if let Some(map) = row.as_object_mut() {
            map.insert("lastReceivedAt".into(), json!(last.map(|last| rfc3339(last.at))));
        }
        row
    };
    listed(attributes::list(&state).iter().map(row).collect(), None)
}

/// What is waited for and no request has ever carried.
pub(super) async fn never(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let never = app.store().read(move |r| never_received(r, &state)).await;
    let never: Vec<Never> = never.map_err(|error: store::Error| crate::error::Error::from(error))?;
    let row = |one: &Never| {
        let made_at = one.since.filter(|_| one.custom).map(rfc3339);
        json!({"resourceType": one.resource_type, "value": one.value, "custom": one.custom, "madeAt": made_at})
    };
    listed(never.iter().map(row).collect(), None)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Accepted {
    accepted: bool,
    resource_type: Option<String>,
}

/// Whether what identity providers send of it is taken.
pub(super) async fn accept(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    // One that is not there is told before anything about the body.
    attributes::known(&state, &value)?;
    let wanted: Accepted = body_of(request).await?;
    let of = wanted.resource_type.as_deref().unwrap_or("User");
    shown(200, &attributes::accept(&app, &actor, &tenant, of, &value, wanted.accepted).await?.row())
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, NewAttribute) = tenant_and_body(&app, &tenant, request).await?;
    shown(201, &attributes::add(&app, &actor, &tenant, wanted).await?.row())
}

/// What was begun, and the job that goes on with it if it is not done.
fn begun(mut what: Value, job: Option<&Job>) -> ApiResult {
    let status = if job.is_some_and(|job| job.state.is_open()) { 202 } else { 200 };
    if let (Some(map), Some(job)) = (what.as_object_mut(), job) {
        map.insert("job".into(), show_job(job));
    }
    shown(status, &what)
}

/// The body is the whole definition; name and type have to stay.
pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, definition): (_, Value) = tenant_and_body(&app, &tenant, request).await?;
    let (named, job) = attributes::change(&app, &actor, &tenant, &value, &definition).await?;
    begun(named.row(), job.as_ref())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    to: Way,
}

/// Past the neighbour above or below.
pub(super) async fn shift(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, Moved) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &attributes::shift(&app, &actor, &tenant, &value, wanted.to).await?.row())
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let job = attributes::remove(&app, &actor, &tenant, &value).await?;
    begun(json!({"deleted": value}), Some(&job))
}

/// Puts a field away; its values stay.
pub(super) async fn archive(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let job = archived::archive(&app, &actor, &tenant, &value).await?;
    begun(json!({"archived": value}), Some(&job))
}

pub(super) async fn archived(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let mut rows = Vec::new();
    for field in archived::list(&state) {
        rows.push(archived::row(&app, &state, field).await?);
    }
    listed(rows, None)
}

pub(super) async fn preview(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, As) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &archived::preview(&app, &tenant, &value, &wanted).await?.row())
}

pub(super) async fn restore(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, As) = tenant_and_body(&app, &tenant, request).await?;
    let job = archived::restore(&app, &actor, &tenant, &value, &wanted).await?;
    begun(json!({"restored": value}), Some(&job))
}

pub(super) async fn forget(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let job = archived::forget(&app, &actor, &tenant, &value).await?;
    begun(json!({"deleted": value}), Some(&job))
}

/// What somebody has of fields that are put away.
pub(super) async fn archived_values(
    State(app): State<App>,
    Path((tenant, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    let (state, found) = super::roles::find(&app, &headers, &tenant, "User", &user).await?;
    let row = |(field, value): (store::Archived, Value)| json!({"attribute": field.value(), "value": value});
    listed(archived::of_resource(&app, &state, &found.id).await?.into_iter().map(row).collect(), None)
}
