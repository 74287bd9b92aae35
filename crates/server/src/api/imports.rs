//! Files of people that are imported as a job: brought, given a meaning, begun.

use super::work::show_job;
use super::{ApiError, ApiResult, listed, shown, tenant_and_body};
use crate::admin::imports::{self, Plan};
use crate::admin::{jobs, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::scim::import::Match;
use crate::tenants::TenantState;
use crate::{limits, query};
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::ImportFile;

fn show_file(state: &TenantState, file: &ImportFile) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "columns": file.header,
        "guessed": imports::guessed(state, file),
        "records": file.records,
        "createdAt": rfc3339(file.created_at),
        "createdBy": file.created_by,
    })
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let files = imports::list(&app, state.tenant.id).await?;
    listed(files.iter().map(|file| show_file(&state, file)).collect(), None)
}

/// `?name`: the body is the file itself.
pub(super) async fn take(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let name = query::value(&raw.unwrap_or_default(), "name").unwrap_or_else(|| "users.csv".to_owned());
    let bytes = axum::body::to_bytes(request.into_body(), limits::IMPORT_FILE_BYTES_MAX).await;
    let bytes = bytes.map_err(|_| ApiError::from(crate::console::upload::too_large()))?;
    let file = imports::take(&app, &actor, &state, &name, &bytes).await?;
    shown(201, &show_file(&state, &file))
}

pub(super) async fn show(State(app): State<App>, Path((tenant, id)): Path<(String, String)>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    shown(200, &show_file(&state, &imports::find(&app, state.tenant.id, &id).await?))
}

/// What is to be done with a file; what is not said is guessed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewImport {
    columns: Option<Vec<Option<String>>>,
    #[serde(default, rename = "match")]
    by: Match,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn begin(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (state, wanted): (_, NewImport) = tenant_and_body(&app, &tenant, request).await?;
    let file = imports::find(&app, state.tenant.id, &id).await?;
    let columns = wanted.columns.unwrap_or_else(|| imports::guessed(&state, &file));
    let plan = Plan { columns, by: wanted.by, dry_run: wanted.dry_run };
    let job = imports::begin(&app, &actor, &state, &id, &plan).await?;
    shown(201, &show_job(&jobs::find(&app, state.tenant.id, job).await?))
}

pub(super) async fn forget(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    imports::forget(&app, &actor, &state, &id).await?;
    shown(200, &json!({"deleted": id}))
}
