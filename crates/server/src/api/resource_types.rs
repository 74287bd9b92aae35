//! The resource types of a tenant: User and Group, those of others that are offered, and its own.

use super::{ApiResult, body_of, listed, shown, tenant_of, tenants, told};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::{Code, ResourceType, Schema, schema};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{ResourceTypeDef, Tenant};

/// Most resource types of a tenant.
const TYPES_MAX: usize = 50;

/// A resource type that is offered by name, or one in full.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewType {
    offered: Option<String>,
    name: Option<String>,
    endpoint: Option<String>,
    #[serde(default)]
    description: String,
    schema: Option<Value>,
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    listed(state.types.iter().map(|rt| show(rt)).collect(), None)
}

fn show(rt: &ResourceType) -> Value {
    let extensions: Vec<&str> = rt.extensions.iter().map(|extension| extension.schema.id.as_str()).collect();
    json!({
        "name": rt.name,
        "endpoint": rt.endpoint,
        "description": rt.description,
        "schema": rt.schema.id,
        "extensions": extensions,
    })
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    if state.types.len() >= TYPES_MAX {
        return Err(scim::Error::invalid_value(format!("a tenant takes at most {TYPES_MAX} resource types")).into());
    }
    let (def, new_schema) = definition(body_of(request).await?)?;
    let taken = |rt: &Arc<ResourceType>| {
        rt.name.eq_ignore_ascii_case(&def.name) || rt.endpoint.eq_ignore_ascii_case(&def.endpoint)
    };
    if state.types.iter().any(taken) {
        return Err(Error::new(Code::NAME_TAKEN, "there is already a resource type with this name or endpoint").into());
    }
    let mut definitions = state.tenant.definitions.clone();
    match definitions.schemas.iter().find(|known| known.id.eq_ignore_ascii_case(&new_schema.id)) {
        Some(known) if *known != new_schema => {
            return Err(Error::new(Code::NAME_TAKEN, "there is already another schema with this id").into());
        }
        Some(_) => {}
        None => definitions.schemas.push(new_schema),
    }
    let name = def.name.clone();
    definitions.resource_types.push(def);
    definitions.check()?;
    tenants::save(&app, Tenant { definitions, ..state.tenant.clone() }).await?;
    told(&actor, "resource type added", &tenant);
    let state = tenant_of(&app, &tenant)?;
    let rt = state.named(&name).ok_or_else(|| tenants::missing("the resource type is gone"))?;
    shown(201, &show(rt))
}

fn definition(wanted: NewType) -> scim::Result<(ResourceTypeDef, Schema)> {
    let invalid = |what: &str| scim::Error::invalid_value(what);
    if let Some(name) = &wanted.offered {
        let plain = name.strip_prefix("okta-").unwrap_or(name);
        let schema = schema::offered(plain).ok_or_else(|| invalid("offered are okta-role and okta-entitlement"))?;
        let def = ResourceTypeDef {
            name: wanted.name.unwrap_or_else(|| schema.name.clone()),
            endpoint: wanted.endpoint.unwrap_or_else(|| plural(&schema.name)),
            description: schema.description.clone(),
            schema: schema.id.clone(),
            extensions: Vec::new(),
        };
        return Ok((def, schema.clone()));
    }
    let (Some(name), Some(endpoint), Some(body)) = (wanted.name, wanted.endpoint, wanted.schema) else {
        return Err(invalid("give name, endpoint and schema, or the name of an offered type as offered"));
    };
    let schema = Schema::from_json(&body)?;
    let def = ResourceTypeDef {
        name,
        endpoint,
        description: wanted.description,
        schema: schema.id.clone(),
        extensions: Vec::new(),
    };
    Ok((def, schema))
}

fn plural(name: &str) -> String {
    format!("/{name}s")
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let own = |def: &&ResourceTypeDef| def.name.eq_ignore_ascii_case(&name) && !def.endpoint.is_empty();
    let def = state.tenant.definitions.resource_types.iter().find(own).cloned();
    let def = def.ok_or_else(|| {
        tenants::missing("there is no resource type of the tenant's own of this name; User and Group stay")
    })?;
    let rt = state.named(&def.name).cloned().ok_or_else(|| tenants::missing("the resource type is gone"))?;
    let mut definitions = state.tenant.definitions.clone();
    definitions.resource_types.retain(|known| known.name != def.name);
    let in_use = |urn: &str| {
        definitions.resource_types.iter().any(|d| d.schema == urn || d.extensions.iter().any(|e| e.schema == urn))
    };
    let unused: Vec<String> = definitions.schemas.iter().map(|s| s.id.clone()).filter(|urn| !in_use(urn)).collect();
    definitions.schemas.retain(|schema| !unused.contains(&schema.id));
    let new = Tenant { definitions, ..state.tenant.clone() };
    app.store()
        .write(move |w| -> crate::error::Result<()> {
            if w.count(new.id, &rt.name)? > 0 {
                return Err(Error::new(Code::IN_USE, "there are resources of this type; delete them first"));
            }
            w.tenant_update(&new)?;
            Ok(())
        })
        .await?;
    app.reload().await?;
    told(&actor, "resource type removed", &tenant);
    shown(200, &json!({"deleted": def.name}))
}
