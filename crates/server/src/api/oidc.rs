//! The OpenID Connect provider: clients, whose secret is in one answer, once; and keys.

use super::{ApiResult, body_of, listed, shown, tenant_and_body};
use crate::admin::oidc::{self, Change, Client, Made};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::Actor;
use crate::oidc::Addresses;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::OidcKey;

fn show(one: &Client) -> Value {
    let Client { client, secrets } = one;
    let settings = &client.settings;
    let hints = secrets.iter().map(|secret| {
        json!({
            "hint": secret.hint,
            "createdAt": rfc3339(secret.created_at),
            "expiresAt": secret.expires_at.map(rfc3339),
        })
    });
    json!({
        "id": client.id,
        "label": settings.label,
        "enabled": settings.enabled,
        "public": settings.public,
        "redirectUris": settings.redirect_uris,
        "postLogoutRedirectUris": settings.post_logout_redirect_uris,
        "groups": settings.groups,
        "emailVerified": settings.email_verified,
        "secrets": hints.collect::<Vec<_>>(),
        "createdAt": rfc3339(client.created_at),
        "modifiedAt": rfc3339(client.modified_at),
    })
}

fn show_made(made: &Made, issuer: String) -> ApiResult {
    let mut shown_client = show(&made.client);
    if let Some(map) = shown_client.as_object_mut() {
        map.insert("issuer".into(), issuer.into());
        map.insert("secret".into(), json!(made.secret));
        map.insert("oldEndsAt".into(), json!(made.old_ends_at.map(rfc3339)));
    }
    shown(201, &shown_client)
}

fn issuer(app: &App, tenant: &str, headers: &HeaderMap) -> Result<String, crate::error::Error> {
    Ok(Addresses::of(app, &*tenant_of(app, tenant)?, headers)?.issuer)
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    listed(oidc::list(&app, &tenant).await?.iter().map(show).collect(), None)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    let issuer = issuer(&app, &tenant, &headers)?;
    let wanted: Change = body_of(request).await?;
    show_made(&oidc::create(&app, &actor, &tenant, wanted).await?, issuer)
}

pub(super) async fn read(State(app): State<App>, Path((tenant, id)): Path<(String, String)>) -> ApiResult {
    shown(200, &show(&oidc::find(&app, &tenant, &id).await?))
}

pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (_, wanted): (_, Change) = tenant_and_body(&app, &tenant, request).await?;
    shown(200, &show(&oidc::change(&app, &actor, &tenant, &id, wanted).await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    oidc::delete(&app, &actor, &tenant, &id).await?;
    shown(200, &json!({"id": id, "deleted": true}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    overlap_seconds: Option<u64>,
}

pub(super) async fn rotate(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    let issuer = issuer(&app, &tenant, &headers)?;
    let overlap = body_of::<Rotation>(request).await?.overlap_seconds;
    show_made(&oidc::rotate(&app, &actor, &tenant, &id, overlap, None).await?, issuer)
}

fn show_key(key: &OidcKey) -> Value {
    json!({"id": key.id, "state": key.state, "createdAt": rfc3339(key.created_at)})
}

pub(super) async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    listed(oidc::keys(&app, &tenant).await?.iter().map(show_key).collect(), None)
}

pub(super) async fn new_key(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(201, &show_key(&oidc::new_key(&app, &actor, &tenant).await?))
}

pub(super) async fn promote_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(200, &show_key(&oidc::promote_key(&app, &actor, &tenant, &id).await?))
}

pub(super) async fn remove_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    oidc::remove_key(&app, &actor, &tenant, &id).await?;
    shown(200, &json!({"id": id, "deleted": true}))
}
