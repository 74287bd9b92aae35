//! The resource types of a tenant: User and Group, those of others that are offered, and its own.

use super::{audited, missing, tenant_of, tenants};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use scim::{Code, ResourceType, Schema, schema};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{ResourceTypeDef, Tenant};

/// Most resource types of a tenant.
const TYPES_MAX: usize = 50;

/// A resource type that is offered by name, or one in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewType {
    /// Name of an offered one.
    pub(crate) offered: Option<String>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Where it is served.
    pub(crate) endpoint: Option<String>,
    /// For people.
    #[serde(default)]
    pub(crate) description: String,
    /// Its core schema.
    pub(crate) schema: Option<Value>,
}

/// Adds a resource type.
pub(crate) async fn add(app: &App, actor: &Actor, tenant: &str, wanted: NewType) -> Result<Arc<ResourceType>> {
    let state = tenant_of(app, tenant)?;
    if state.types.len() >= TYPES_MAX {
        return Err(scim::Error::invalid_value(format!("a tenant takes at most {TYPES_MAX} resource types")).into());
    }
    let (def, new_schema) = definition(wanted)?;
    let taken = |rt: &Arc<ResourceType>| {
        rt.name.eq_ignore_ascii_case(&def.name) || rt.endpoint.eq_ignore_ascii_case(&def.endpoint)
    };
    if state.types.iter().any(taken) {
        return Err(Error::new(Code::NAME_TAKEN, "there is already a resource type with this name or endpoint"));
    }
    let mut definitions = state.tenant.definitions.clone();
    match definitions.schemas.iter().find(|known| known.id.eq_ignore_ascii_case(&new_schema.id)) {
        Some(known) if *known != new_schema => {
            return Err(Error::new(Code::NAME_TAKEN, "there is already another schema with this id"));
        }
        Some(_) => {}
        None => definitions.schemas.push(new_schema),
    }
    let name = def.name.clone();
    definitions.resource_types.push(def);
    definitions.check()?;
    let line = ("type.create", format!("{tenant}/type/{name}"), json!({}));
    tenants::save(app, actor, line, Tenant { definitions, ..state.tenant.clone() }).await?;
    let state = tenant_of(app, tenant)?;
    state.named(&name).cloned().ok_or_else(|| missing("the resource type is gone"))
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

/// Removes a resource type of which there are no resources; answers its name.
pub(crate) async fn remove(app: &App, actor: &Actor, tenant: &str, name: &str) -> Result<String> {
    let state = tenant_of(app, tenant)?;
    let own = |def: &&ResourceTypeDef| def.name.eq_ignore_ascii_case(name) && !def.endpoint.is_empty();
    let def = state.tenant.definitions.resource_types.iter().find(own).cloned();
    let def =
        def.ok_or_else(|| missing("there is no resource type of the tenant's own of this name; User and Group stay"))?;
    let rt = state.named(&def.name).cloned().ok_or_else(|| missing("the resource type is gone"))?;
    let mut definitions = state.tenant.definitions.clone();
    definitions.resource_types.retain(|known| known.name != def.name);
    // Nobody has a value of them: there are no resources of the type.
    definitions.archived.retain(|field| !field.resource_types.iter().all(|name| *name == def.name));
    let in_use = |urn: &str| {
        definitions.resource_types.iter().any(|d| d.schema == urn || d.extensions.iter().any(|e| e.schema == urn))
    };
    let unused: Vec<String> = definitions.schemas.iter().map(|s| s.id.clone()).filter(|urn| !in_use(urn)).collect();
    definitions.schemas.retain(|schema| !unused.contains(&schema.id));
    let new = Tenant { definitions, ..state.tenant.clone() };
    let line = ("type.remove", format!("{tenant}/type/{}", def.name), json!({}));
    audited(app, actor, line, move |w| {
        if w.count(new.id, &rt.name)? > 0 {
            return Err(Error::new(Code::IN_USE, "there are resources of this type; delete them first"));
        }
        w.tenant_update(&new)?;
        Ok(())
    })
    .await?;
    app.reload().await?;
    Ok(def.name)
}
