//! Roles that groups give at the application.

use super::{ApiResult, body_of, listed, shown};
use crate::admin::directory::{self, Found};
use crate::admin::{absent, roles, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::tenants::TenantState;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A group or a person of a tenant.
pub(super) async fn find(
    app: &App,
    headers: &HeaderMap,
    tenant: &str,
    kind: &str,
    id: &str,
) -> Result<(Arc<TenantState>, Found), Error> {
    let state = tenant_of(app, tenant)?;
    let base = app.base_url(&state, headers)?;
    let found = directory::find(app, &state, &base, kind, id).await?;
    Ok((state, found))
}

/// The groups that give a role.
pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let all = roles::list(&app, tenant_of(&app, &tenant)?.tenant.id).await?;
    listed(all.iter().map(|(group, roles)| json!({"group": group, "roles": roles})).collect(), None)
}

/// The roles that a group gives.
pub(super) async fn of_group(
    State(app): State<App>,
    Path((tenant, group)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    let (state, found) = find(&app, &headers, &tenant, "Group", &group).await?;
    shown(200, &json!({"group": found.id, "roles": roles::of_group(&app, state.tenant.id, &found.id).await?}))
}

/// Members that a push named and that are nobody here.
pub(super) async fn absent(
    State(app): State<App>,
    Path((tenant, group)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    let (state, found) = find(&app, &headers, &tenant, "Group", &group).await?;
    let all = absent::list(&app, &state, &found).await?;
    listed(all.iter().take(absent::TOLD_MAX as usize).map(absent::row).collect(), None)
}

/// Somebody has looked at them.
pub(super) async fn forget_absent(
    State(app): State<App>,
    Path((tenant, group)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
) -> ApiResult {
    let (state, found) = find(&app, &headers, &tenant, "Group", &group).await?;
    absent::forget(&app, &actor, &state, &found).await?;
    shown(200, &json!({"group": found.id}))
}

/// The roles that a person has.
pub(super) async fn of_person(
    State(app): State<App>,
    Path((tenant, person)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    let (state, found) = find(&app, &headers, &tenant, "User", &person).await?;
    shown(200, &json!({"user": found.id, "roles": roles::of_person(&app, state.tenant.id, &found).await?}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    roles: Vec<String>,
}

impl Wanted {
    fn parsed(&self) -> Result<BTreeSet<String>, Error> {
        roles::parsed(self.roles.iter().map(String::as_str))
    }
}

/// `{"roles": ["admin"]}`: these and no others.
pub(super) async fn set(
    State(app): State<App>,
    Path((tenant, group)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: Wanted = body_of(request).await?;
    let state = tenant_of(&app, &tenant)?;
    let kept = roles::set(&app, &actor, &state, &group, wanted.parsed()?).await?;
    shown(200, &json!({"group": group, "roles": kept}))
}

/// Who would gain and who would lose a role by that; nothing is changed.
pub(super) async fn preview(
    State(app): State<App>,
    Path((tenant, group)): Path<(String, String)>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    let wanted: Wanted = body_of(request).await?;
    let (state, found) = find(&app, &headers, &tenant, "Group", &group).await?;
    let base = app.base_url(&state, &headers)?;
    shown(200, &roles::effect(&app, &state, &base, &found, &wanted.parsed()?).await?.row())
}
