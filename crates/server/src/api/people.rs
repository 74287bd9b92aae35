//! People who were unlinked from the identity provider, and the way back.

use super::{ApiResult, shown};
use crate::admin::directory::{self, Found};
use crate::admin::tenant_of;
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::tenants::TenantState;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use scim::meta::rfc3339;
use serde_json::json;
use std::sync::Arc;

async fn find(app: &App, tenant: &str, person: &str) -> Result<(Arc<TenantState>, String, Found)> {
    let state = tenant_of(app, tenant)?;
    let base = app.base_url(&state, &HeaderMap::new())?;
    let found = directory::find(app, &state, &base, "User", person).await?;
    Ok((state, base, found))
}

/// Whether the identity provider's changes of somebody are taken.
pub(super) async fn unlinked(State(app): State<App>, Path((tenant, person)): Path<(String, String)>) -> ApiResult {
    let (state, _, found) = find(&app, &tenant, &person).await?;
    let unlinked = directory::unlinked(&app, &state, &found).await?;
    let since = unlinked.map(|one| json!({"at": rfc3339(one.at), "by": one.by, "externalId": one.external_id}));
    shown(200, &json!({"user": found.id, "managed": found.is_managed(), "unlinked": since}))
}

/// They are the identity provider's again.
pub(super) async fn link_again(
    State(app): State<App>,
    Path((tenant, person)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let (state, base, found) = find(&app, &tenant, &person).await?;
    let origin = Origin { address: actor.address.clone(), agent: String::new() };
    let acted = directory::link_again(&app, &state, actor, &base, &origin, &found).await?;
    if let Some(said) = directory::refusal(&acted.answer) {
        return Err(scim::Error::invalid_value(said).into());
    }
    shown(200, &json!({"user": found.id, "managed": true, "unlinked": null}))
}
