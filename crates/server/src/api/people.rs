//! People with where they stand; those who were unlinked from the identity provider, and the way back.

use super::{ApiResult, shown};
use crate::admin::apps::assign::resolved;
use crate::admin::directory::{self, Found, Listing, Sorting, Status};
use crate::admin::{log, tenant_of};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::query;
use crate::tenants::TenantState;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use scim::Filter;
use scim::meta::rfc3339;
use serde_json::json;
use std::sync::Arc;
use store::Principal;

async fn find(app: &App, tenant: &str, person: &str) -> Result<(Arc<TenantState>, String, Found)> {
    let state = tenant_of(app, tenant)?;
    let base = app.base_url(&state, &HeaderMap::new())?;
    let found = directory::find(app, &state, &base, "User", person).await?;
    Ok((state, base, found))
}

/// `?status&filter&order&after&limit`: people with where they stand, which SCIM has no word for.
pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let asked = |name: &str| query::value(&raw, name).filter(|value| !value.is_empty());
    let state = tenant_of(&app, &tenant)?;
    let base = app.base_url(&state, &HeaderMap::new())?;
    let mut parts: Vec<String> = Vec::new();
    if let Some(filter) = asked("filter") {
        Filter::parse(&filter)?;
        parts.push(format!("({filter})"));
    }
    let mut only = store::Only::default();
    if let Some(word) = asked("status") {
        let known = Status::parse(&word);
        let status =
            known.ok_or_else(|| scim::Error::invalid_value("status is active, staged, suspended or deactivated"))?;
        let (filter, lifecycle) = status.sought();
        parts.push(filter.to_owned());
        only.lifecycle = lifecycle;
    }
    let filter = (!parts.is_empty()).then(|| Filter::parse(&parts.join(" and "))).transpose()?;
    let order = Sorting::parse(&asked("order").unwrap_or_default());
    let (after, count) = (asked("after"), u64::from(log::limit(&raw)));
    let listing = Listing { filter, order, after, count, only, ..Listing::default() };
    let page = directory::list(&app, &state, &base, "User", listing).await?;
    let row = |found: &Found| json!({"status": found.status().as_str(), "user": found.document});
    let data: Vec<_> = page.found.iter().map(row).collect();
    shown(200, &json!({"data": data, "next": page.next}))
}

/// Where one of them stands.
pub(super) async fn status(State(app): State<App>, Path((tenant, person)): Path<(String, String)>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let id = app.store().read(move |r| resolved(r, &state, Principal::User, &person)).await?;
    let (_, _, found) = find(&app, &tenant, &id).await?;
    shown(200, &json!({"user": found.id, "status": found.status().as_str()}))
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
