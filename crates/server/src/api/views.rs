//! Saved views of whoever asks.

use super::{ApiResult, listed, shown, tenant_and_body};
use crate::admin::views;
use crate::app::App;
use crate::auth::Actor;
use crate::query;
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use scim::meta::rfc3339;
use serde_json::{Value, json};
use std::sync::Arc;
use store::SavedView;

fn row(view: &SavedView) -> Value {
    json!({"page": view.page, "name": view.name, "query": view.query, "savedAt": rfc3339(view.at)})
}

pub(super) async fn list(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    listed(views::list(&app, &actor, &tenant).await?.iter().map(row).collect(), None)
}

pub(super) async fn save(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, views::Wanted) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &row(&views::save(&app, &actor, &tenant, wanted).await?))
}

/// `?page&name`.
pub(super) async fn forget(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let asked = |name: &str| query::value(&raw, name).unwrap_or_default();
    let (page, name) = (asked("page"), asked("name"));
    views::forget(&app, &actor, &tenant, &page, &name).await?;
    shown(200, &json!({"forgotten": name}))
}
