//! Much at once: a backup of everything.

use super::{ApiError, ApiResult};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::{admin, pieces};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use scim::Code;
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

fn streamed(body: Body, media_type: &'static str) -> Result<Response<Body>, ApiError> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
