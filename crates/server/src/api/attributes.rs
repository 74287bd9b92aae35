//! The attributes of a tenant's resource types, and its custom fields.

use super::{ApiResult, body_of, listed, shown};
use crate::admin::attributes::{self, Named, NewAttribute};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::Actor;
use axum::Extension;
use axum::extract::{Path, Request, State};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    listed(attributes::list(&state).iter().map(Named::row).collect(), None)
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    tenant_of(&app, &tenant)?;
    let wanted: NewAttribute = body_of(request).await?;
    shown(201, &attributes::add(&app, &actor, &tenant, wanted).await?.row())
}

/// The body is the whole definition; name and type have to stay.
pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    tenant_of(&app, &tenant)?;
    let definition: Value = body_of(request).await?;
    shown(200, &attributes::change(&app, &actor, &tenant, &value, &definition).await?.row())
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    attributes::remove(&app, &actor, &tenant, &value).await?;
    shown(200, &json!({"deleted": value}))
}
