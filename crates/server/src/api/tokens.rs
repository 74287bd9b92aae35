//! Tokens. The text of one is in one answer, once.

use super::{ApiResult, body_of, listed, shown, tenant_and_body};
use crate::admin::tenant_of;
use crate::admin::tokens::{self, Made, NewKey, NewToken, State as TokenState};
use crate::app::App;
use crate::auth::Actor;
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{TenantId, Token};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    overlap_seconds: Option<u64>,
}

/// What is to be different of a tenant's token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    disabled: Option<bool>,
    networks: Option<Vec<String>>,
}

/// And of an administrator's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedOfKey {
    disabled: bool,
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    list_of(&app, Some(tenant)).await
}

pub(super) async fn list_admin(State(app): State<App>) -> ApiResult {
    list_of(&app, None).await
}

async fn list_of(app: &App, tenant: Option<TenantId>) -> ApiResult {
    let now = app.clock().now();
    listed(tokens::list(app, tenant).await?.iter().map(|token| show(token, now)).collect(), None)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, NewToken) = tenant_and_body(&app, &tenant, request).await?;
    show_made(&app, tokens::create(&app, &actor, &tenant, wanted).await?)
}

pub(super) async fn create_admin(
    State(app): State<App>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: NewKey = body_of(request).await?;
    show_made(&app, tokens::create_admin(&app, &actor, wanted).await?)
}

pub(super) async fn rotate(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    tenant_of(&app, &tenant)?;
    let overlap = body_of::<Rotation>(request).await?.overlap_seconds;
    show_made(&app, tokens::rotate(&app, &actor, &tenant, &id, overlap).await?)
}

pub(super) async fn revoke(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let token = tokens::revoke(&app, &actor, &tenant, &id).await?;
    shown(200, &show(&token, app.clock().now()))
}

pub(super) async fn revoke_admin(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let token = tokens::revoke_admin(&app, &actor, &id).await?;
    shown(200, &show(&token, app.clock().now()))
}

pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, Wanted) = tenant_and_body(&app, &tenant, request).await?;
    if let Some(networks) = &wanted.networks {
        tokens::restrict(&app, &actor, &tenant, &id, networks).await?;
    }
    let token = match wanted.disabled {
        Some(off) => tokens::disable(&app, &actor, &tenant, &id, off).await?,
        None => tokens::find(&app, Some(tenant_of(&app, &tenant)?.tenant.id), &id).await?,
    };
    shown(200, &show(&token, app.clock().now()))
}

pub(super) async fn change_admin(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let off = body_of::<WantedOfKey>(request).await?.disabled;
    let token = tokens::disable_admin(&app, &actor, &id, off).await?;
    shown(200, &show(&token, app.clock().now()))
}

fn show_made(app: &App, made: Made) -> ApiResult {
    let mut body = show(&made.token, app.clock().now());
    if let Some(map) = body.as_object_mut() {
        map.insert("token".into(), made.text.into());
        if let Some(at) = made.old_ends_at {
            map.insert("oldExpiresAt".into(), rfc3339(at).into());
        }
    }
    shown(201, &body)
}

fn show(token: &Token, now: i64) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "hint": token.hint,
        "scope": tokens::scope_text(&token.scope),
        "role": token.scope.role().map(store::Role::as_str),
        "state": TokenState::of(token, now).as_str(),
        "createdAt": rfc3339(token.created_at),
        "createdBy": token.created_by,
        "expiresAt": token.expires_at.map(rfc3339),
        "revokedAt": token.revoked_at.map(rfc3339),
        "disabledAt": token.disabled_at.map(rfc3339),
        "rotatedTo": token.rotated_to,
        "lastUsedAt": token.last_used_at.map(rfc3339),
        "lastUsedFrom": token.last_used_from,
        "lastUsedAgent": token.last_used_agent,
        "networks": token.networks,
    })
}
