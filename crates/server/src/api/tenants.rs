//! Tenants, their settings and their operation switches.

use super::{ApiError, ApiResult, body_of, listed, shown, tenant_of, told};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::tenants::{DEFAULT, TenantState};
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::Code;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Definitions, Settings, Tenant};

/// Longest name of a tenant; it is a part of its address.
const NAME_CHARS_MAX: usize = 63;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    name: String,
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    settings: Map<String, Value>,
}

pub(super) async fn list(State(app): State<App>) -> ApiResult {
    listed(app.tenants().all().iter().map(|state| show(state)).collect(), None)
}

pub(super) async fn show_one(app: &App, name: &str, status: u16) -> ApiResult {
    shown(status, &show(&*tenant_of(app, name)?))
}

pub(super) async fn show_tenant(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    show_one(&app, &tenant, 200).await
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: NewTenant = body_of(request).await?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = wanted.name;
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) || name.starts_with('-') {
        let detail = format!(
            "a tenant's name is 1 to {NAME_CHARS_MAX} lower-case letters, digits and hyphens: it is a part of its address"
        );
        return Err(scim::Error::invalid_value(detail).into());
    }
    if app.tenants().find(&name).is_some() {
        return Err(Error::new(Code::NAME_TAKEN, "there is already a tenant of this name").into());
    }
    let settings = merged(&Settings::default(), wanted.settings)?;
    let (now, new) = (app.clock().now(), name.clone());
    app.store()
        .write(move |w| w.tenant_insert(&new, &settings, &Definitions::default(), now).map(|_| ()))
        .await
        .map_err(|error: store::Error| Error::from(error))?;
    app.reload().await?;
    told(&actor, "tenant made", &name);
    show_one(&app, &name, 201).await
}

pub(super) async fn update(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let change: Change = body_of(request).await?;
    let settings = merged(&state.tenant.settings, change.settings)?;
    let (new, users) = (Tenant { settings, ..state.tenant.clone() }, state.named("User").cloned());
    let other_order = new.settings.manager_match != state.tenant.settings.manager_match;
    app.store()
        .write(move |w| -> store::Result<()> {
            w.tenant_update(&new)?;
            match users {
                Some(users) if other_order => w.resolve_managers(new.id, &users, &new.settings.manager_match),
                _ => Ok(()),
            }
        })
        .await
        .map_err(Error::from)?;
    app.reload().await?;
    told(&actor, "settings changed", &tenant);
    show_one(&app, &tenant, 200).await
}

/// Writes a changed tenant, unless somebody else changed it meanwhile, and takes it in.
pub(super) async fn save(app: &App, tenant: Tenant) -> Result<(), ApiError> {
    app.store().write(move |w| w.tenant_update(&tenant)).await.map_err(|error: store::Error| Error::from(error))?;
    Ok(app.reload().await?)
}

pub(super) async fn delete(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    if tenant == DEFAULT {
        return Err(scim::Error::invalid_value("the tenant default serves /scim/v2 and stays").into());
    }
    let id = state.tenant.id;
    app.store().write(move |w| w.tenant_delete(id)).await.map_err(|error: store::Error| Error::from(error))?;
    app.reload().await?;
    told(&actor, "tenant deleted with everything in it", &tenant);
    shown(200, &json!({"deleted": tenant}))
}

pub(super) async fn switches(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    shown(200, &json!(tenant_of(&app, &tenant)?.tenant.settings.switches))
}

pub(super) async fn set_switches(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let change: Map<String, Value> = body_of(request).await?;
    let change = Map::from_iter([("switches".to_owned(), Value::Object(change))]);
    let settings = merged(&state.tenant.settings, change)?;
    save(&app, Tenant { settings, ..state.tenant.clone() }).await?;
    told(&actor, "switches changed", &tenant);
    shown(200, &json!(tenant_of(&app, &tenant)?.tenant.settings.switches))
}

/// The settings with a change laid over them; a name that there is not is an error, not a surprise.
fn merged(settings: &Settings, change: Map<String, Value>) -> Result<Settings, ApiError> {
    let mut whole = json!(settings);
    lay_over(&mut whole, Value::Object(change), "")?;
    let settings: Settings = serde_json::from_value(whole).map_err(|_| {
        scim::Error::invalid_value("a setting has a value of the wrong type; compare with: provost tenant show")
    })?;
    check(&settings)?;
    Ok(settings)
}

fn lay_over(whole: &mut Value, change: Value, path: &str) -> Result<(), ApiError> {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let Some(held) = whole.get_mut(&name) else {
                    return Err(scim::Error::invalid_value(format!(
                        "there is no setting {path}; see: provost tenant show"
                    ))
                    .into());
                };
                lay_over(held, value, &path)?;
            }
        }
        (whole, change) => *whole = change,
    }
    Ok(())
}

fn check(settings: &Settings) -> Result<(), ApiError> {
    let refuse = |what: &str| Err(scim::Error::invalid_value(what).into());
    if settings.page_max == 0
        || settings.page_max > 10_000
        || settings.page_default == 0
        || settings.page_default > settings.page_max
    {
        return refuse("pageMax is between 1 and 10000, and pageDefault between 1 and pageMax");
    }
    if settings.rate_per_second == 0 || settings.rate_burst == 0 {
        return refuse("ratePerSecond and rateBurst are at least 1");
    }
    if settings.cursor_seconds == 0 {
        return refuse("cursorSeconds is at least 1");
    }
    if settings.base_url.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return refuse("baseUrl starts with https:// or http://");
    }
    Ok(())
}

fn show(state: &TenantState) -> Value {
    let tenant = &state.tenant;
    let path = if tenant.name == DEFAULT { "/scim/v2".into() } else { format!("/t/{}/scim/v2", tenant.name) };
    json!({
        "name": tenant.name,
        "path": path,
        "createdAt": rfc3339(tenant.created_at),
        "settings": tenant.settings,
    })
}

/// 404 for something of a tenant.
pub(super) fn missing(what: &str) -> ApiError {
    Error::new(Code::NOT_FOUND, what).into()
}
