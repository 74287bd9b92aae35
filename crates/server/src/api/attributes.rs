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
    listed(attributes::list(&state).iter().map(row).collect(), None)
}

fn row(named: &Named) -> Value {
    let mut row = named.attribute.to_json();
    if let Some(map) = row.as_object_mut() {
        map.insert("resourceType".into(), named.resource_type.as_str().into());
        map.insert("value".into(), named.value.as_str().into());
        map.insert("namespace".into(), named.namespace.as_str().into());
        map.insert("custom".into(), named.custom.into());
        map.insert("lengthMin".into(), json!(named.attribute.length_min));
        map.insert("lengthMax".into(), json!(named.attribute.length_max));
    }
    row
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    tenant_of(&app, &tenant)?;
    let wanted: NewAttribute = body_of(request).await?;
    shown(201, &row(&attributes::add(&app, &actor, &tenant, wanted).await?))
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
    shown(200, &row(&attributes::change(&app, &actor, &tenant, &value, &definition).await?))
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    attributes::remove(&app, &actor, &tenant, &value).await?;
    shown(200, &json!({"deleted": value}))
}
