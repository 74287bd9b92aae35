//! The settings of a tenant as a file, over HTTP; and the numbers for Prometheus.

use super::{ApiError, ApiResult, shown, tenant_and_body};
use crate::admin::settings_file::{self, SettingsFile};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::Actor;
use crate::metrics;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::sync::Arc;

/// `GET /metrics`.
pub(super) async fn numbers(State(app): State<App>) -> Result<Response<Body>, ApiError> {
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], metrics::text(&app).await?).into_response())
}

pub(super) async fn export(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    shown(200, &settings_file::export(&*tenant_of(&app, &tenant)?))
}

/// A file, and the state of the tenant that its difference was made from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    file: SettingsFile,
    generation: Option<i64>,
}

/// What it would change; nothing is changed.
pub(super) async fn diff(State(app): State<App>, Path(tenant): Path<String>, request: Request) -> ApiResult {
    let (state, wanted): (_, Wanted) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &settings_file::diff(&app, &state, &wanted.file)?.row())
}

/// `generation` is the one that the difference was answered with.
pub(super) async fn apply(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, Wanted) = tenant_and_body(&app, &tenant, request).await?;
    let seen = || scim::Error::invalid_value("generation says which difference was seen; ask for that first");
    let generation = wanted.generation.ok_or_else(seen)?;
    shown(200, &settings_file::apply(&app, &actor, &tenant, &wanted.file, generation).await?.row())
}
