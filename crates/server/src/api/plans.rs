//! Plans and the declarative document over HTTP.

use super::apps::number;
use super::{ApiResult, body_of, listed, onwards, shown};
use crate::admin;
use crate::admin::apps::config::{self, Config};
use crate::admin::apps::plans::{self, NewPlan};
use crate::admin::log;
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::query;
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PlanRow;

fn show_head(row: &PlanRow) -> Value {
    let at = |done: &Option<(i64, String)>| done.as_ref().map(|(at, _)| rfc3339(*at));
    let by = |done: &Option<(i64, String)>| done.as_ref().map(|(_, by)| by.clone());
    json!({
        "id": row.id, "title": row.title, "state": row.state.as_str(), "stepCount": row.step_count,
        "createdAt": rfc3339(row.created_at), "createdBy": row.created_by,
        "decidedAt": at(&row.decided), "decidedBy": by(&row.decided),
        "appliedAt": at(&row.applied), "appliedBy": by(&row.applied),
    })
}

fn show_plan(row: &PlanRow) -> Result<Value, Error> {
    let mut shown = show_head(row);
    if let Some(map) = shown.as_object_mut() {
        map.insert("steps".into(), row.steps.clone());
        map.insert("effect".into(), row.effect.clone());
        map.insert("lines".into(), json!(plans::words(row)?.all()));
    }
    Ok(shown)
}

/// `?app`: one app instead of all.
pub(super) async fn export(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let only = query::value(&raw.unwrap_or_default(), "app").filter(|name| !name.is_empty());
    shown(200, &json!(config::export(&app, &tenant, only).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Compared {
    config: Config,
}

/// What would be done to make it so; nothing is stored.
pub(super) async fn diff(State(app): State<App>, Path(tenant): Path<String>, request: Request) -> ApiResult {
    admin::tenant_of(&app, &tenant)?;
    let wanted: Compared = body_of(request).await?;
    let drawn = plans::draw(&app, &tenant, wanted.config).await?;
    shown(
        200,
        &json!({"steps": drawn.steps, "effect": drawn.effect, "secrets": drawn.secrets, "lines": drawn.words().all()}),
    )
}

/// `?before&limit`.
pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let limit = log::limit(&raw);
    let rows = plans::list(&app, &tenant, log::number(&raw, "before"), limit).await?;
    let next = onwards(&rows, limit, |row| row.id);
    listed(rows.iter().map(show_head).collect(), next)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    admin::tenant_of(&app, &tenant)?;
    let wanted: NewPlan = body_of(request).await?;
    shown(201, &show_plan(&plans::create(&app, &actor, &tenant, wanted).await?)?)
}

pub(super) async fn show(State(app): State<App>, Path((tenant, plan)): Path<(String, String)>) -> ApiResult {
    shown(200, &show_plan(&plans::find(&app, &tenant, number(&plan)?).await?)?)
}

pub(super) async fn approve(
    State(app): State<App>,
    Path((tenant, plan)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(200, &show_plan(&plans::decide(&app, &actor, &tenant, number(&plan)?, true).await?)?)
}

pub(super) async fn discard(
    State(app): State<App>,
    Path((tenant, plan)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(200, &show_plan(&plans::decide(&app, &actor, &tenant, number(&plan)?, false).await?)?)
}

pub(super) async fn apply(
    State(app): State<App>,
    Path((tenant, plan)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(200, &show_plan(&plans::apply(&app, &actor, &tenant, number(&plan)?).await?)?)
}
