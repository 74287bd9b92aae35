//! The attributes of a tenant's resource types, and its custom fields.

use super::{audited, indexes, missing, tenant_of, tenants};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::tenants::TenantState;
use scim::meta::rfc3339;
use scim::resource::full_name;
use scim::{Attribute, Code, Mutability, ResourceType, Schema};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Definitions, ExtensionDef, FieldForm, FieldKind, Job, ResourceTypeDef, Settings, Tenant};

/// Where custom fields go when nobody says otherwise. There is no dot in it, so that an identity provider that
/// splits names at their dots cannot split this one.
pub(crate) fn custom_urn(resource_type: &str) -> String {
    format!("urn:provost:params:scim:schemas:custom:{resource_type}")
}

/// The schemas of the standard and those that it registers are nobody's to change.
fn is_standard(urn: &str) -> bool {
    urn.to_ascii_lowercase().starts_with("urn:ietf:")
}

/// A custom field as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewAttribute {
    /// Of which resource type; `User` if nobody says.
    pub(crate) resource_type: Option<String>,
    /// In which namespace; the tenant's own if nobody says.
    pub(crate) schema: Option<String>,
    /// Its definition (RFC 7643 §7, with bounds of the length).
    pub(crate) attribute: Value,
}

/// One attribute with the texts that an administrator copies: the full value, its namespace, its name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The resource type that has it.
    pub(crate) resource_type: String,
    /// Name with its namespace in front; a core attribute is its name alone.
    pub(crate) value: String,
    /// URN of its schema.
    pub(crate) namespace: String,
    /// Whether the tenant made it.
    pub(crate) custom: bool,
    /// When the tenant made it, if that is known.
    pub(crate) made_at: Option<i64>,
    /// Whether what an identity provider sends of it is taken.
    pub(crate) accepted: bool,
    /// The job that is at work on its index, or takes it away.
    pub(crate) job: Option<i64>,
    /// Its definition.
    pub(crate) attribute: Attribute,
    /// How people fill it in, if its type does not say.
    pub(crate) form: FieldForm,
}

/// What a row of the list has besides the definition.
const OURS: [&str; 9] =
    ["resourceType", "value", "namespace", "custom", "accepted", "madeAt", "lastReceivedAt", "jobId", "job"];

/// A definition as it was sent, without what our list adds to it and without what is null: a row may be sent back.
fn sent_back(definition: &Value) -> Value {
    let mut definition = definition.clone();
    if let Some(map) = definition.as_object_mut() {
        map.retain(|name, value| !OURS.contains(&name.as_str()) && !value.is_null());
    }
    definition
}

impl Named {
    /// As the admin API shows it.
    pub(crate) fn row(&self) -> Value {
        let mut row = self.attribute.to_json();
        if let Some(map) = row.as_object_mut() {
            map.insert("resourceType".into(), self.resource_type.as_str().into());
            map.insert("value".into(), self.value.as_str().into());
            map.insert("namespace".into(), self.namespace.as_str().into());
            map.insert("custom".into(), self.custom.into());
            map.insert("accepted".into(), self.accepted.into());
            map.insert("madeAt".into(), json!(self.made_at.map(rfc3339)));
            map.insert("jobId".into(), json!(self.job));
            map.insert("lengthMin".into(), json!(self.attribute.length_min));
            map.insert("lengthMax".into(), json!(self.attribute.length_max));
            if !self.form.is_plain() {
                map.insert("form".into(), json!(self.form));
            }
        }
        row
    }
}

/// The attributes of all resource types.
pub(crate) fn list(state: &TenantState) -> Vec<Named> {
    let of_type = |rt: &ResourceType| {
        rt.attributes().map(|(extension, attribute)| named(state, rt, extension, attribute)).collect::<Vec<_>>()
    };
    state.types.iter().flat_map(|rt| of_type(rt)).collect()
}

fn named(state: &TenantState, rt: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> Named {
    let own = |schema: &Schema| state.tenant.definitions.schemas.iter().any(|own| own.id == schema.id);
    let value = full_name(extension, attribute);
    Named {
        resource_type: rt.name.clone(),
        job: state.tenant.definitions.index(&value).and_then(|index| index.job),
        made_at: state.tenant.definitions.made.get(&value).copied(),
        accepted: !state.tenant.settings.ignores(&rt.name, &value),
        form: state.tenant.definitions.form(&value, attribute).cloned().unwrap_or_default(),
        value,
        namespace: extension.map_or(&rt.schema.id, |schema| &schema.id).clone(),
        custom: extension.is_some_and(own),
        attribute: attribute.clone(),
    }
}

/// Takes out of a definition how the field is filled in, which is no part of the standard; nothing if it does not say.
fn form_of(definition: &mut Value) -> Result<Option<FieldForm>> {
    let Some(form) = definition.as_object_mut().and_then(|map| map.remove("form")) else { return Ok(None) };
    let form = serde_json::from_value(form).map_err(|error| scim::Error::invalid_value(format!("form: {error}")));
    Ok(Some(form?))
}

/// Refuses a form that does not go with the attribute, or hangs on a field that is not there.
fn check_form(state: &TenantState, value: &str, form: &FieldForm, attribute: &Attribute) -> Result<()> {
    if let Some(why) = form.misfit(attribute) {
        return Err(scim::Error::invalid_value(why).into());
    }
    let hangs = form.kind == FieldKind::Dependent;
    let is_there = |named: &Named| named.custom && named.value == form.depends_on && named.value != value;
    if hangs && !list(state).iter().any(is_there) {
        let detail = "form: the field that it depends on is another custom field, by its full value";
        return Err(scim::Error::invalid_value(detail).into());
    }
    Ok(())
}

/// Makes a custom field.
pub(crate) async fn add(app: &App, actor: &Actor, tenant: &str, wanted: NewAttribute) -> Result<Named> {
    let state = tenant_of(app, tenant)?;
    let type_name = wanted.resource_type.as_deref().unwrap_or("User");
    let rt = state
        .named(type_name)
        .ok_or_else(|| missing("there is no resource type of this name; see: provost type list"))?;
    let urn = wanted.schema.clone().unwrap_or_else(|| custom_urn(&rt.name));
    if is_standard(&urn) || urn.eq_ignore_ascii_case(&rt.schema.id) {
        return Err(scim::Error::invalid_value(
            "the schemas of the standard stay as they are; use a namespace of your own",
        )
        .into());
    }
    let mut definition = wanted.attribute.clone();
    let form = form_of(&mut definition)?.unwrap_or_default();
    let attribute = Attribute::from_json(&definition)?;
    check_form(&state, &format!("{urn}:{}", attribute.name), &form, &attribute)?;
    let mut definitions = state.tenant.definitions.clone();
    let name = attribute.name.clone();
    if definitions.archived(&format!("{urn}:{name}")).is_some() {
        let detail = "a field of this name is archived with its values; restore it, or delete it there";
        return Err(Error::new(Code::NAME_TAKEN, detail));
    }
    place(&mut definitions, &rt.name, &urn, attribute)?;
    definitions.check()?;
    definitions.made.insert(format!("{urn}:{name}"), app.clock().now());
    definitions.form_set(format!("{urn}:{name}"), form);
    let mut settings = state.tenant.settings.clone();
    // One of that name that was there before may have been switched off.
    settings.ignored.retain(|one| !one.eq_ignore_ascii_case(&format!("{}/{urn}:{name}", rt.name)));
    let line = ("attribute.create", format!("{tenant}/attribute/{urn}:{name}"), wanted.attribute.clone());
    tenants::save(app, actor, line, Tenant { definitions, settings, ..state.tenant.clone() }).await?;
    let state = tenant_of(app, tenant)?;
    let found = list(&state).into_iter().find(|row| {
        row.resource_type.eq_ignore_ascii_case(type_name)
            && row.attribute.name == name
            && row.namespace.eq_ignore_ascii_case(&urn)
    });
    found.ok_or_else(|| missing("the attribute is gone"))
}

/// Puts the attribute into its schema, and the schema to its resource type, making both known where they are not.
pub(super) fn place(definitions: &mut Definitions, resource_type: &str, urn: &str, attribute: Attribute) -> Result<()> {
    let found = definitions.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    match found {
        Some(schema) => {
            if schema.attribute(&attribute.name).is_some() {
                let detail = format!("{} already has an attribute of this name", schema.id);
                return Err(Error::new(Code::NAME_TAKEN, detail));
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

/// Why an attribute cannot be ignored, if it cannot.
pub(crate) fn must_come(named: &Named) -> Option<&'static str> {
    let attribute = &named.attribute;
    match named.value.as_str() {
        "schemas" | "id" | "meta" | "groups" => Some("the protocol needs it, or it is this server's own"),
        "members" => Some("a group is its members; switch off Update of groups instead"),
        "active" => Some("whoever leaves is deactivated by it, and would keep their access"),
        "externalId" => Some("the identity provider knows its people by it, and so is told who is managed"),
        _ if attribute.required => Some("it is required: without it nobody could be created"),
        _ => match attribute.mutability {
            Mutability::ReadOnly => Some("nobody sends it: it is this server's own"),
            Mutability::Immutable => Some("it is set once, when somebody is created"),
            Mutability::ReadWrite | Mutability::WriteOnly => None,
        },
    }
}

/// Refuses settings that ignore what has to come, or what there is not.
pub(super) fn check_ignored(state: &TenantState, settings: &Settings) -> Result<()> {
    let all = list(state);
    for one in settings.ignored.iter().filter(|one| !state.tenant.settings.ignored.contains(one)) {
        let (of, value) = one.split_once('/').unwrap_or_default();
        let is_it =
            |named: &&Named| named.resource_type.eq_ignore_ascii_case(of) && named.value.eq_ignore_ascii_case(value);
        let Some(named) = all.iter().find(is_it) else {
            let detail = "ignored names attributes behind their resource type, such as User/title; one is not there";
            return Err(scim::Error::invalid_value(detail).into());
        };
        if let Some(why) = must_come(named) {
            let detail = format!("{} of a {} cannot be ignored: {why}", named.value, named.resource_type);
            return Err(scim::Error::invalid_value(detail).into());
        }
    }
    Ok(())
}

/// Refuses the value of an attribute that no resource type has.
pub(crate) fn known(state: &TenantState, value: &str) -> Result<()> {
    if list(state).iter().any(|named| named.value.eq_ignore_ascii_case(value)) {
        return Ok(());
    }
    Err(missing("there is no attribute of this value; see: provost attribute list"))
}

/// Takes what identity providers send of an attribute from now on, or drops it; what is stored stays.
pub(crate) async fn accept(
    app: &App,
    actor: &Actor,
    tenant: &str,
    resource_type: &str,
    value: &str,
    accepted: bool,
) -> Result<Named> {
    let state = tenant_of(app, tenant)?;
    let find = |state: &TenantState| {
        list(state).into_iter().find(|named| {
            named.resource_type.eq_ignore_ascii_case(resource_type) && named.value.eq_ignore_ascii_case(value)
        })
    };
    let unknown = || missing("there is no attribute of this value; see: provost attribute list");
    let named = find(&state).ok_or_else(unknown)?;
    let name = format!("{}/{}", named.resource_type, named.value);
    let mut settings = state.tenant.settings.clone();
    settings.ignored.retain(|one| !one.eq_ignore_ascii_case(&name));
    if !accepted {
        settings.ignored.push(name.clone());
        settings.ignored.sort();
    }
    check_ignored(&state, &settings)?;
    let line = ("attribute.accept", format!("{tenant}/attribute/{name}"), json!({"accepted": accepted}));
    tenants::save(app, actor, line, Tenant { settings, ..state.tenant.clone() }).await?;
    find(&*tenant_of(app, tenant)?).ok_or_else(unknown)
}

/// Changes the rules of a custom field; its name and type stay. What is there has to fit: a value that turns out to be
/// taken refuses the change. Where values are kept otherwise from then on, a job does it, and what was holds until then.
pub(crate) async fn change(
    app: &App,
    actor: &Actor,
    tenant: &str,
    value: &str,
    definition: &Value,
) -> Result<(Named, Option<Job>)> {
    let state = tenant_of(app, tenant)?;
    let unknown = || missing("there is no custom attribute of this value; see: provost attribute list");
    let (urn, name) = value.rsplit_once(':').ok_or_else(unknown)?;
    let mut definitions = state.tenant.definitions.clone();
    let schema =
        definitions.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn)).ok_or_else(unknown)?;
    let urn = schema.id.clone();
    let held = schema.attributes.iter_mut().find(|held| held.name.eq_ignore_ascii_case(name)).ok_or_else(unknown)?;
    let mut definition = sent_back(definition);
    let form = form_of(&mut definition)?;
    let new = Attribute::from_json(&definition)?;
    if new.name != held.name || new.attr_type != held.attr_type || new.multi_valued != held.multi_valued {
        let detail =
            "name and type of a field stay as they are; archive it and restore it as another type, or make another";
        return Err(scim::Error::invalid_value(detail).into());
    }
    // A definition that is sent back whole names them as they are; nobody is to believe that they have changed.
    let named = |field: &str| definition.get(field).is_some();
    let other_parts = new.to_json().get("subAttributes") != held.to_json().get("subAttributes");
    if (named("mutability") && new.mutability != held.mutability)
        || (named("returned") && new.returned != held.returned)
        || (named("subAttributes") && other_parts)
    {
        let detail =
            "mutability, returned and the parts of a field stay as they are; leave them out, or make another field";
        return Err(scim::Error::invalid_value(detail).into());
    }
    let new = Attribute {
        sub_attributes: held.sub_attributes.clone(),
        reference_types: held.reference_types.clone(),
        mutability: held.mutability,
        returned: held.returned,
        ..new
    };
    let (old, attribute) = (std::mem::replace(held, new.clone()), format!("{urn}:{}", new.name));
    definitions.check()?;
    indexes::is_free(&state.tenant.definitions, &attribute)?;
    let before = match form {
        Some(form) => {
            check_form(&state, &attribute, &form, &new)?;
            definitions.form_set(attribute.clone(), form.clone());
            let mut before = state.tenant.clone();
            before.definitions.form_set(attribute.clone(), form);
            before
        }
        None => state.tenant.clone(),
    };
    let line = ("attribute.change", format!("{tenant}/attribute/{value}"), definition);
    let job = if indexes::concerns(&old, &new) {
        let (by, id) = (indexes::by(app, actor), state.tenant.id);
        let begun = audited(app, actor, line, move |w| Ok(w.index_begin(&before, &attribute, new, &by)?)).await?;
        Some(indexes::begin(app, id, begun).await?)
    } else {
        tenants::save(app, actor, line, Tenant { definitions, ..state.tenant.clone() }).await?;
        None
    };
    app.events().publish(state.tenant.id, Topic::Settings);
    let state = tenant_of(app, tenant)?;
    let found = list(&state).into_iter().find(|row| row.custom && row.value.eq_ignore_ascii_case(value));
    Ok((found.ok_or_else(unknown)?, job))
}

/// The full value, as its schema writes it, of a custom field that may go and with which nothing is under way.
pub(super) fn going(state: &TenantState, value: &str) -> Result<String> {
    let unknown = || missing("there is no custom attribute of this value; see: provost attribute list");
    let (urn, _) = value.rsplit_once(':').ok_or_else(unknown)?;
    let definitions = &state.tenant.definitions;
    let held = definitions.attribute(value).ok_or_else(unknown)?;
    let schema = definitions.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).ok_or_else(unknown)?;
    let attribute = format!("{}:{}", schema.id, held.name);
    may_go(state, &schema.id, &held.name)?;
    indexes::is_free(definitions, &attribute)?;
    Ok(attribute)
}

/// Starts a job on a field that was begun, and tells the pages.
pub(super) async fn begin(app: &App, state: &TenantState, job: i64) -> Result<Job> {
    let job = indexes::begin(app, state.tenant.id, job).await?;
    app.events().publish(state.tenant.id, Topic::Settings);
    Ok(job)
}

/// Removes a custom field by its full value, with every value of it; answers the job that does, or did.
pub(crate) async fn remove(app: &App, actor: &Actor, tenant: &str, value: &str) -> Result<Job> {
    let state = tenant_of(app, tenant)?;
    let attribute = going(&state, value)?;
    let line = ("attribute.remove", format!("{tenant}/attribute/{value}"), json!({}));
    let (by, before) = (indexes::by(app, actor), state.tenant.clone());
    let begun = audited(app, actor, line, move |w| Ok(w.removal_begin(&before, &attribute, &by)?)).await?;
    begin(app, &state, begun).await
}

/// Where a field goes among those of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Way {
    Up,
    Down,
    /// To a place, counted from 0.
    #[serde(skip)]
    To(usize),
}

/// Moves a custom field past its neighbour: so it stands in lists, in forms and at `/Schemas`. At the end it stays.
pub(crate) async fn shift(app: &App, actor: &Actor, tenant: &str, value: &str, way: Way) -> Result<Named> {
    let state = tenant_of(app, tenant)?;
    let unknown = || missing("there is no custom attribute of this value; see: provost attribute list");
    let (urn, name) = value.rsplit_once(':').ok_or_else(unknown)?;
    let mut definitions = state.tenant.definitions.clone();
    let schema = definitions.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    let all = &mut schema.ok_or_else(unknown)?.attributes;
    let at = all.iter().position(|held| held.name.eq_ignore_ascii_case(name)).ok_or_else(unknown)?;
    let to = match way {
        Way::Up => at.checked_sub(1),
        Way::Down => Some(at + 1).filter(|to| *to < all.len()),
        Way::To(to) => Some(to.min(all.len() - 1)).filter(|to| *to != at),
    };
    if let Some(to) = to {
        let moved = all.remove(at);
        all.insert(to, moved);
        let line = ("attribute.move", format!("{tenant}/attribute/{value}"), json!({"to": to}));
        tenants::save(app, actor, line, Tenant { definitions, ..state.tenant.clone() }).await?;
    }
    let all = list(&*tenant_of(app, tenant)?);
    all.into_iter().find(|row| row.custom && row.value.eq_ignore_ascii_case(value)).ok_or_else(unknown)
}

/// Refuses to take away what a resource type cannot be without.
pub(super) fn may_go(state: &TenantState, urn: &str, name: &str) -> Result<()> {
    let is_core = state.types.iter().any(|rt| rt.schema.id.eq_ignore_ascii_case(urn));
    let mut schemas = state.tenant.definitions.schemas.clone();
    let schema = schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    if let Some(schema) = schema.filter(|_| is_core) {
        schema.attributes.retain(|held| !held.name.eq_ignore_ascii_case(name));
        schema.check()?;
        if schema.attributes.is_empty() {
            return Err(scim::Error::invalid_value("the resource type would have no attribute; remove the type").into());
        }
    }
    Ok(())
}
