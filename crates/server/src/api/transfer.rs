//! Much at once: a backup of everything; the users and groups of a tenant, out and in.

use super::{ApiError, ApiResult, body_of_parts, shown};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::{Actor, Operation, Origin};
use crate::error::Error;
use crate::scim::export::Export;
use crate::scim::import::{self, Batch};
use crate::{admin, limits, pieces, query};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use scim::{Code, Projection};
use serde_json::json;
use std::sync::Arc;
use store::Role;

/// A backup is the key and everybody's data, so it is an owner's to take.
pub(super) async fn backup(State(app): State<App>, Extension(actor): Extension<Arc<Actor>>) -> ApiResult {
    actor.at_least(Role::Owner)?;
    admin::audited(&app, &actor, ("backup.make", "backup".into(), json!({})), |_| Ok(())).await?;
    let (store, now) = (app.store().clone(), app.clock().now());
    let copied = tokio::task::spawn_blocking(move || store.backup(now)).await;
    let mut snapshot = copied.map_err(|_| Error::new(Code::INTERNAL, "the backup was not made"))??;
    let length = snapshot.bytes();
    let (pieces, body) = pieces::channel();
    tokio::task::spawn_blocking(move || {
        while let Some(piece) = snapshot.next_piece().transpose() {
            let broken = piece.is_err();
            if pieces.blocking_send(piece).is_err() || broken {
                return;
            }
        }
    });
    let mut response = streamed(body, "application/octet-stream")?;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Puts a demo's sample data back; a server that is none has no such thing.
pub(super) async fn reset_demo(State(app): State<App>, Extension(actor): Extension<Arc<Actor>>) -> ApiResult {
    admin::demo::reset(&app, &actor).await?;
    shown(200, &json!({"reset": true}))
}

/// Sample people for a directory with nobody in it.
pub(super) async fn samples(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let origin = Origin { address: actor.address.clone(), agent: String::new() };
    let people = admin::samples::create(&app, &actor, &tenant, &origin).await?;
    shown(201, &json!({"people": people, "groups": 1}))
}

/// `?type&attributes&excludedAttributes`; type is `users`, `groups`, `all` or the name of a resource type.
pub(super) async fn export(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let raw = raw.unwrap_or_default();
    let wanted = query::value(&raw, "type").unwrap_or_else(|| "all".to_owned());
    let types: Vec<_> = state
        .types
        .iter()
        .filter(|rt| match wanted.as_str() {
            "all" => true,
            "users" => rt.is_user(),
            "groups" => rt.has_members(),
            name => rt.name.eq_ignore_ascii_case(name),
        })
        .cloned()
        .collect();
    if types.is_empty() {
        return Err(Error::new(Code::INVALID_VALUE, "type has to be users, groups, all or a resource type").into());
    }
    types.iter().try_for_each(|rt| actor.may(&state, rt, Operation::Read))?;
    let (attributes, excluded) = (query::value(&raw, "attributes"), query::value(&raw, "excludedAttributes"));
    let projection = Projection::parse(attributes.as_deref(), excluded.as_deref())?;
    let base = app.base_url(&state, &headers)?;
    let object = format!("{tenant}/directory");
    admin::audited(&app, &actor, ("directory.export", object, json!({"type": wanted})), |_| Ok(())).await?;
    let (pieces, body) = pieces::channel();
    tokio::spawn(crate::scim::export::export(app, Export { tenant: state, types, base, projection }, pieces));
    streamed(body, "application/x-ndjson")
}

/// A batch of users and groups.
pub(super) async fn import(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let batch: Batch = body_of_parts(request, limits::IMPORT_BYTES_MAX).await?;
    let base = app.base_url(&state, &headers)?;
    let imported = import::import(&app, &state, &actor, base, batch).await?;
    shown(200, &serde_json::to_value(imported).unwrap_or_default())
}

fn streamed(body: Body, media_type: &'static str) -> Result<Response<Body>, ApiError> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
