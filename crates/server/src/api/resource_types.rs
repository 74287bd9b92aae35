//! The resource types of a tenant.

use super::{ApiResult, listed, shown, tenant_and_body};
use crate::admin::resource_types::{self, NewType};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::Actor;
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::ResourceType;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    listed(state.types.iter().map(|rt| show(rt)).collect(), None)
}

fn show(rt: &ResourceType) -> Value {
    let extensions: Vec<&str> = rt.extensions.iter().map(|extension| extension.schema.id.as_str()).collect();
    json!({
        "name": rt.name,
        "endpoint": rt.endpoint,
        "description": rt.description,
        "schema": rt.schema.id,
        "extensions": extensions,
    })
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, NewType) = tenant_and_body(&app, &tenant, request).await?;
    shown(201, &show(&*resource_types::add(&app, &actor, &tenant, wanted).await?))
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let name = resource_types::remove(&app, &actor, &tenant, &name).await?;
    shown(200, &json!({"deleted": name}))
}
