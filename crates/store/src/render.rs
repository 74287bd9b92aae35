//! A resource as the bytes that are kept, and back.
//!
//! `head` is what a default GET answers, so that reading needs no parser. Attributes that have a part
//! which is returned on request alone are kept whole in `asked` as well, those with a part that is
//! never returned in `hidden`: head, overlaid by asked, overlaid by hidden, is the resource again.

use crate::index::is_manager;
use crate::{Error, Result};
use scim::schema::{self, Attribute, Returned, Schema};
use scim::{Resource, ResourceType};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What stands between the manager and its neighbours in the extension's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comma {
    /// Nothing: it is alone.
    None,
    /// A comma in front of it.
    Before,
    /// A comma behind it.
    After,
}

impl Comma {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Before => 1,
            Self::After => 2,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Before,
            2 => Self::After,
            _ => Self::None,
        }
    }
}

/// A resource in the form that is kept.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) head: Vec<u8>,
    pub(crate) asked: Option<Vec<u8>>,
    pub(crate) hidden: Option<Vec<u8>>,
    /// The manager as it was sent, and where it goes in `head`.
    pub(crate) manager: Option<(String, usize, Comma)>,
}

/// The resource without what is never returned; what is indexed and what a filter sees.
pub(crate) fn visible<'a>(resource: &'a Resource, resource_type: &ResourceType) -> Cow<'a, Resource> {
    without(resource, resource_type, Returned::Never)
}

fn without<'a>(resource: &'a Resource, resource_type: &ResourceType, class: Returned) -> Cow<'a, Resource> {
    let mut pruned = Cow::Borrowed(resource);
    for (extension, attribute) in resource_type.attributes().filter(|(_, attribute)| has(attribute, class)) {
        if let Some(value) = resource.value(extension, attribute) {
            let kept = prune(attribute, value, class);
            pruned.to_mut().set(extension, attribute, kept);
        }
    }
    pruned
}

fn only(resource: &Resource, resource_type: &ResourceType, class: Returned) -> Resource {
    let mut kept = Resource::default();
    for (extension, attribute) in resource_type.attributes().filter(|(_, attribute)| has(attribute, class)) {
        if let Some(value) = resource.value(extension, attribute) {
            kept.set(extension, attribute, Some(value.clone()));
        }
    }
    kept
}

fn has(attribute: &Attribute, class: Returned) -> bool {
    attribute.returned == class || attribute.sub_attributes.iter().any(|sub| sub.returned == class)
}

fn prune(attribute: &Attribute, value: &Value, class: Returned) -> Option<Value> {
    if attribute.returned == class {
        return None;
    }
    match value {
        Value::Array(elements) => {
            let kept: Vec<Value> = elements.iter().filter_map(|element| prune(attribute, element, class)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(parts) => {
            let stays = |name: &str| attribute.sub(name).is_none_or(|sub| sub.returned != class);
            let kept: Map<String, Value> =
                parts.iter().filter(|(name, _)| stays(name)).map(|(name, part)| (name.clone(), part.clone())).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        other => Some(other.clone()),
    }
}

/// The user type's manager attribute with its extension.
pub(crate) fn manager_attribute(resource_type: &ResourceType) -> Option<(&Schema, &Attribute)> {
    let extension = resource_type.extension(schema::ENTERPRISE_USER)?;
    let attribute = extension.attribute("manager")?;
    is_manager(resource_type, extension, attribute).then_some((extension, attribute))
}

/// The manager as it was sent.
pub(crate) fn manager_of(resource: &Resource, resource_type: &ResourceType) -> Option<String> {
    let (extension, attribute) = manager_attribute(resource_type)?;
    let raw = resource.value(Some(extension), attribute)?.get("value")?.as_str()?;
    (!raw.is_empty()).then(|| raw.to_owned())
}

/// Parts a resource into what is kept of it.
pub(crate) fn render(resource: &Resource, resource_type: &ResourceType, id: &str) -> Result<Rendered> {
    let visible = visible(resource, resource_type);
    let hidden = only(resource, resource_type, Returned::Never);
    let asked = only(&visible, resource_type, Returned::Request);
    let mut shown = without(&visible, resource_type, Returned::Request);
    let raw = manager_of(resource, resource_type);
    if let Some((extension, attribute)) = manager_attribute(resource_type) {
        if raw.is_some() {
            // It keeps its place in the document, and the extension stays though it may be alone in it.
            shown.to_mut().set(Some(extension), attribute, Some(Value::Null));
        } else if shown.value(Some(extension), attribute).is_some() {
            shown.to_mut().set(Some(extension), attribute, None);
        }
    }
    let (head, place) = write(&shown, resource_type, id)?;
    Ok(Rendered {
        head,
        asked: bytes(&asked)?,
        hidden: bytes(&hidden)?,
        manager: raw.zip(place).map(|(raw, (at, comma))| (raw, at, comma)),
    })
}

fn bytes(resource: &Resource) -> Result<Option<Vec<u8>>> {
    if resource.attributes.is_empty() { Ok(None) } else { Ok(Some(serde_json::to_vec(&resource.attributes)?)) }
}

type Place = Option<(usize, Comma)>;

/// The document, written out at once: `schemas`, `id`, then the attributes in the order of their schemas.
fn write(shown: &Resource, resource_type: &ResourceType, id: &str) -> Result<(Vec<u8>, Place)> {
    let mut out = Vec::with_capacity(1024);
    let mut place = None;
    out.push(b'{');
    member(&mut out, "schemas", &shown.schemas(resource_type))?;
    out.push(b',');
    member(&mut out, "id", id)?;
    for (_, attribute, value) in shown.values(resource_type).take_while(|(extension, ..)| extension.is_none()) {
        out.push(b',');
        member(&mut out, &attribute.name, value)?;
    }
    for schema in resource_type.extensions.iter().map(|extension| &extension.schema) {
        let Some(Value::Object(parts)) = shown.attributes.get(&schema.id) else { continue };
        if schema.attributes.iter().any(|attribute| parts.contains_key(&attribute.name)) {
            out.push(b',');
            name(&mut out, &schema.id)?;
            place = write_extension(parts, schema, &mut out)?.or(place);
        }
    }
    out.push(b'}');
    Ok((out, place))
}

/// Writes the extension without its manager and answers where that goes.
fn write_extension(parts: &Map<String, Value>, schema: &Schema, out: &mut Vec<u8>) -> Result<Place> {
    let mut place = None;
    let mut is_first = true;
    out.push(b'{');
    for attribute in &schema.attributes {
        let Some(value) = parts.get(&attribute.name) else { continue };
        if value.is_null() && attribute.name == "manager" && schema.id == schema::ENTERPRISE_USER {
            place = Some((out.len(), if is_first { Comma::None } else { Comma::Before }));
            continue;
        }
        if !is_first {
            out.push(b',');
        } else if let Some((_, comma @ Comma::None)) = &mut place {
            *comma = Comma::After;
        }
        is_first = false;
        member(out, &attribute.name, value)?;
    }
    out.push(b'}');
    Ok(place)
}

fn member(out: &mut Vec<u8>, of: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
    name(out, of)?;
    Ok(serde_json::to_writer(out, value)?)
}

fn name(out: &mut Vec<u8>, name: &str) -> Result<()> {
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    Ok(())
}

/// The resource again. Attributes that no schema knows any more are left out.
pub(crate) fn resource(
    head: &[u8],
    asked: Option<&[u8]>,
    hidden: Option<&[u8]>,
    manager: Option<String>,
    resource_type: &ResourceType,
) -> Result<Resource> {
    let mut resource = Resource::from_document(object(head)?, resource_type);
    for overlay in [asked, hidden].into_iter().flatten() {
        resource.join(&Resource { attributes: object(overlay)? }, resource_type);
    }
    if let (Some(raw), Some((extension, attribute))) = (manager, manager_attribute(resource_type)) {
        let value = Map::from_iter([("value".to_owned(), Value::String(raw))]);
        resource.set(Some(extension), attribute, Some(Value::Object(value)));
    }
    Ok(resource)
}

pub(crate) trait Overlay {
    fn join(&mut self, over: &Resource, resource_type: &ResourceType);
}

impl Overlay for Resource {
    fn join(&mut self, over: &Resource, resource_type: &ResourceType) {
        for (extension, attribute) in resource_type.attributes() {
            if let Some(value) = over.value(extension, attribute) {
                self.set(extension, attribute, Some(value.clone()));
            }
        }
    }
}

pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>> {
    match serde_json::from_slice(bytes)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::broken("a stored document is not an object")),
    }
}
