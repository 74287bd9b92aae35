//! Tenants, their settings and their operation switches.

use super::{ApiResult, body_of, listed, shown, tenant_and_body};
use crate::admin::{self, tenant_of, tenants::NewTenant};
use crate::app::App;
use crate::auth::Actor;
use crate::tenants::{DEFAULT, TenantState};
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    settings: Map<String, Value>,
}

pub(super) async fn list(State(app): State<App>) -> ApiResult {
    listed(app.tenants().all().iter().map(|state| show(state)).collect(), None)
}

pub(super) async fn show_tenant(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    shown(200, &show(&*tenant_of(&app, &tenant)?))
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: NewTenant = body_of(request).await?;
    shown(201, &show(&*admin::tenants::create(&app, &actor, wanted).await?))
}

pub(super) async fn update(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, change): (_, Change) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &show(&*admin::tenants::change(&app, &actor, &tenant, change.settings).await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    admin::tenants::delete(&app, &actor, &tenant).await?;
    shown(200, &json!({"deleted": tenant}))
}

pub(super) async fn switches(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    shown(200, &json!(tenant_of(&app, &tenant)?.tenant.settings.switches))
}

pub(super) async fn set_switches(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, change): (_, Map<String, Value>) = tenant_and_body(&app, &tenant, request).await?;
    let state = admin::tenants::switch(&app, &actor, &tenant, change).await?;
    shown(200, &json!(state.tenant.settings.switches))
}

fn show(state: &TenantState) -> Value {
    let tenant = &state.tenant;
    let path = if tenant.name == DEFAULT { "/scim/v2".into() } else { format!("/t/{}/scim/v2", tenant.name) };
    json!({
        "name": tenant.name,
        "path": path,
        "createdAt": rfc3339(tenant.created_at),
        "settings": tenant.settings,
    })
}
