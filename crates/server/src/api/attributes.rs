//! The attributes of a tenant's resource types, and its custom fields.

use super::{ApiError, ApiResult, body_of, listed, shown, tenant_of, tenants, told};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::tenants::TenantState;
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::resource::full_name;
use scim::{Attribute, Code, ResourceType, Schema};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Definitions, ExtensionDef, ResourceTypeDef, Tenant};

/// Where custom fields go when nobody says otherwise. There is no dot in it, so that an identity provider that
/// splits names at their dots cannot split this one.
fn custom_urn(resource_type: &str) -> String {
    format!("urn:provost:params:scim:schemas:custom:{resource_type}")
}

/// The schemas of the standard and those that it registers are nobody's to change.
fn is_standard(urn: &str) -> bool {
    urn.to_ascii_lowercase().starts_with("urn:ietf:")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAttribute {
    resource_type: Option<String>,
    schema: Option<String>,
    attribute: Value,
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    listed(state.types.iter().flat_map(|rt| rows(&state, rt)).collect(), None)
}

fn rows(state: &TenantState, rt: &ResourceType) -> Vec<Value> {
    rt.attributes().map(|(extension, attribute)| row(state, rt, extension, attribute)).collect()
}

/// One attribute with the texts that an administrator copies: the full value, its namespace, its name.
fn row(state: &TenantState, rt: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> Value {
    let custom = extension.is_some_and(|schema| state.tenant.definitions.schemas.iter().any(|own| own.id == schema.id));
    let mut row = attribute.to_json();
    if let Some(map) = row.as_object_mut() {
        map.insert("resourceType".into(), rt.name.as_str().into());
        map.insert("value".into(), full_name(extension, attribute).into());
        map.insert("namespace".into(), extension.map_or(&rt.schema.id, |schema| &schema.id).as_str().into());
        map.insert("custom".into(), custom.into());
        map.insert("lengthMin".into(), json!(attribute.length_min));
        map.insert("lengthMax".into(), json!(attribute.length_max));
    }
    row
}

pub(super) async fn add(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let wanted: NewAttribute = body_of(request).await?;
    let type_name = wanted.resource_type.as_deref().unwrap_or("User");
    let rt = state
        .named(type_name)
        .ok_or_else(|| tenants::missing("there is no resource type of this name; see: provost type list"))?;
    let urn = wanted.schema.clone().unwrap_or_else(|| custom_urn(&rt.name));
    if is_standard(&urn) || urn.eq_ignore_ascii_case(&rt.schema.id) {
        return Err(scim::Error::invalid_value(
            "the schemas of the standard stay as they are; use a namespace of your own",
        )
        .into());
    }
    let attribute = Attribute::from_json(&wanted.attribute)?;
    let mut definitions = state.tenant.definitions.clone();
    let name = attribute.name.clone();
    place(&mut definitions, &rt.name, &urn, attribute)?;
    definitions.check()?;
    tenants::save(&app, Tenant { definitions, ..state.tenant.clone() }).await?;
    told(&actor, "attribute added", &tenant);
    let state = tenant_of(&app, &tenant)?;
    let rt = state.named(type_name).ok_or_else(|| tenants::missing("the resource type is gone"))?;
    let found = rt
        .attributes()
        .find(|(extension, a)| a.name == name && extension.is_some_and(|schema| schema.id.eq_ignore_ascii_case(&urn)));
    let (extension, attribute) = found.ok_or_else(|| tenants::missing("the attribute is gone"))?;
    shown(201, &row(&state, rt, extension, attribute))
}

/// Puts the attribute into its schema, and the schema to its resource type, making both known where they are not.
fn place(definitions: &mut Definitions, resource_type: &str, urn: &str, attribute: Attribute) -> Result<(), ApiError> {
    let found = definitions.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    match found {
        Some(schema) => {
            if schema.attribute(&attribute.name).is_some() {
                let detail = format!("{} already has an attribute of this name", schema.id);
                return Err(Error::new(Code::NAME_TAKEN, detail).into());
            }
            schema.attributes.push(attribute);
        }
        None => definitions.schemas.push(Schema {
            id: urn.to_owned(),
            name: format!("Custom {resource_type}"),
            description: format!("Custom attributes of a {resource_type}"),
            attributes: vec![attribute],
        }),
    }
    let extension = ExtensionDef { schema: urn.to_owned(), required: false };
    match definitions.resource_types.iter_mut().find(|def| def.name.eq_ignore_ascii_case(resource_type)) {
        Some(def) if def.extensions.iter().any(|known| known.schema.eq_ignore_ascii_case(urn)) => {}
        Some(def) => def.extensions.push(extension),
        None => definitions.resource_types.push(ResourceTypeDef {
            name: resource_type.to_owned(),
            extensions: vec![extension],
            ..ResourceTypeDef::default()
        }),
    }
    Ok(())
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((tenant, value)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let missing = || tenants::missing("there is no custom attribute of this value; see: provost attribute list");
    let (urn, name) = value.rsplit_once(':').ok_or_else(missing)?;
    let mut definitions = state.tenant.definitions.clone();
    let schema =
        definitions.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn)).ok_or_else(missing)?;
    let urn = schema.id.clone();
    let before = schema.attributes.len();
    schema.attributes.retain(|attribute| !attribute.name.eq_ignore_ascii_case(name));
    if schema.attributes.len() == before {
        return Err(missing());
    }
    if schema.attributes.is_empty() {
        drop_schema(&mut definitions, &urn);
    }
    definitions.check()?;
    let new = TenantState::new(Tenant { definitions, ..state.tenant.clone() }).map_err(Error::from)?;
    app.store()
        .write(move |w| -> store::Result<()> {
            w.tenant_update(&new.tenant)?;
            let holders = state.types.iter().filter(|rt| rt.extension(&urn).is_some());
            let pairs = holders.filter_map(|old| Some((old, new.named(&old.name)?)));
            for (old, new_type) in pairs {
                w.redefine(new.tenant.id, old, new_type)?;
            }
            Ok(())
        })
        .await
        .map_err(Error::from)?;
    app.reload().await?;
    told(&actor, "attribute removed", &tenant);
    shown(200, &json!({"deleted": value}))
}

fn drop_schema(definitions: &mut Definitions, urn: &str) {
    definitions.schemas.retain(|schema| schema.id != urn);
    for def in &mut definitions.resource_types {
        def.extensions.retain(|extension| !extension.schema.eq_ignore_ascii_case(urn));
    }
    definitions.resource_types.retain(|def| !def.endpoint.is_empty() || !def.extensions.is_empty());
}
