//! The shapes in which one attribute can stand in a body, brought to the one that we keep.
//!
//! A custom field whose whole value was pasted into the identity provider's *External name* arrives as
//! `{urn: {field: v}}`, as `{"urn:field": v}`, or split at the dots of the URN. A PUT that was made
//! by laying mapped values over our own GET body holds the old value in the first form and the new
//! one in another: so the plain form is read first, and the laid-over forms win.

use super::{Ignored, MemberRef, Parsed, normalise};
use crate::schema::{Attribute, Mutability, Schema};
use crate::{AttrPath, Dialect, Error, ResourceType, Result, Target};
use serde_json::{Map, Value};

/// Deepest nesting that is followed when a name was split at its dots.
const SPLIT_DEPTH_MAX: usize = 16;

pub(super) fn read(
    body: Map<String, Value>,
    resource_type: &ResourceType,
    dialect: &Dialect,
    parsed: &mut Parsed,
) -> Result<()> {
    let mut laid_over = Vec::new();
    for (key, value) in body {
        match plain(&key, resource_type) {
            Some(Target::Extension(schema)) => extension(schema, value, dialect, parsed)?,
            Some(target) => assign(target, value, dialect, parsed)?,
            None => laid_over.push((key, value)),
        }
    }
    for (key, value) in laid_over {
        over(key, value, resource_type, dialect, parsed, 0)?;
    }
    Ok(())
}

/// A key that stands where it belongs: an attribute of the core by its own name, or an extension's URN.
fn plain<'a>(key: &str, resource_type: &'a ResourceType) -> Option<Target<'a>> {
    if let Some(schema) = resource_type.extension(key) {
        return Some(Target::Extension(schema));
    }
    let path = AttrPath { urn: None, name: key.to_owned(), sub: None };
    let target = resource_type.resolve(&path)?;
    matches!(target, Target::Attribute { extension: None, .. }).then_some(target)
}

fn extension(schema: &Schema, value: Value, dialect: &Dialect, parsed: &mut Parsed) -> Result<()> {
    match value {
        Value::Null => return Ok(()),
        Value::Object(parts) => {
            for (name, part) in parts {
                match schema.attribute(&name) {
                    Some(attribute) => set(Some(schema), attribute, part, dialect, parsed)?,
                    None => match inner_path(schema, &name) {
                        Some((attribute, sub)) => merge(Some(schema), attribute, sub, part, dialect, parsed)?,
                        None => drop_unknown(format!("{}:{name}", schema.id), dialect, parsed)?,
                    },
                }
            }
        }
        Value::String(text) if text.is_empty() => return Ok(()),
        _ => return Err(Error::invalid_value(format!("{} is an object of its attributes", schema.id))),
    }
    Ok(())
}

/// `manager.value` as a key inside the extension's object.
fn inner_path<'a>(schema: &'a Schema, name: &str) -> Option<(&'a Attribute, &'a Attribute)> {
    let (name, sub) = name.split_once('.')?;
    let attribute = schema.attribute(name)?;
    Some((attribute, attribute.sub(sub)?))
}

/// A key that is a path: dotted, with a URN in front, or such a path split at its dots.
fn over(
    key: String,
    value: Value,
    resource_type: &ResourceType,
    dialect: &Dialect,
    parsed: &mut Parsed,
    depth: usize,
) -> Result<()> {
    if dialect.keys_as_paths {
        if let Some(target) = laid_over_target(&key, resource_type) {
            return assign(target, value, dialect, parsed);
        }
        if let Value::Object(parts) = value
            && depth < SPLIT_DEPTH_MAX
            && is_prefix(&key, resource_type)
        {
            return parts.into_iter().try_for_each(|(part, value)| {
                over(format!("{key}.{part}"), value, resource_type, dialect, parsed, depth + 1)
            });
        }
    }
    drop_unknown(key, dialect, parsed)
}

fn laid_over_target<'a>(key: &str, resource_type: &'a ResourceType) -> Option<Target<'a>> {
    let path = AttrPath::parse(key)?;
    if path.urn.is_none() && path.sub.is_none() {
        return None;
    }
    resource_type.resolve(&path)
}

/// Whether some schema's URN goes on with a dot behind this text.
fn is_prefix(key: &str, resource_type: &ResourceType) -> bool {
    let longer = |id: &str| {
        let head = id.get(..key.len()).is_some_and(|head| head.eq_ignore_ascii_case(key));
        head && id.get(key.len()..).is_some_and(|rest| rest.starts_with('.'))
    };
    longer(&resource_type.schema.id) || resource_type.extensions.iter().any(|extension| longer(&extension.schema.id))
}

fn assign(target: Target<'_>, value: Value, dialect: &Dialect, parsed: &mut Parsed) -> Result<()> {
    match target {
        Target::Extension(schema) => extension(schema, value, dialect, parsed),
        Target::Attribute { extension, attribute, sub: None } => set(extension, attribute, value, dialect, parsed),
        Target::Attribute { extension, attribute, sub: Some(sub) } => {
            merge(extension, attribute, sub, value, dialect, parsed)
        }
    }
}

fn set(
    extension: Option<&Schema>,
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    parsed: &mut Parsed,
) -> Result<()> {
    if extension.is_none() && attribute.name == "members" && attribute.sub("$ref").is_some() {
        parsed.members = Some(members(attribute, value, dialect, &mut parsed.ignored)?);
        return Ok(());
    }
    // Read-only attributes are ignored (RFC 7644 §3.3); `schemas` was looked at before.
    if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" {
        return Ok(());
    }
    let value = normalise(attribute, value, dialect, &mut parsed.ignored)?;
    parsed.resource.set(extension, attribute, value);
    Ok(())
}

fn merge(
    extension: Option<&Schema>,
    attribute: &Attribute,
    sub: &Attribute,
    value: Value,
    dialect: &Dialect,
    parsed: &mut Parsed,
) -> Result<()> {
    if attribute.multi_valued || attribute.mutability == Mutability::ReadOnly || sub.mutability == Mutability::ReadOnly
    {
        parsed
            .ignored
            .push(Ignored { path: format!("{}.{}", attribute.name, sub.name), reason: "cannot be set like this" });
        return Ok(());
    }
    let part = normalise(sub, value, dialect, &mut parsed.ignored)?;
    let mut whole = match parsed.resource.value(extension, attribute) {
        Some(Value::Object(whole)) => whole.clone(),
        _ => Map::new(),
    };
    super::put(&mut whole, &sub.name, part);
    parsed.resource.set(extension, attribute, (!whole.is_empty()).then_some(Value::Object(whole)));
    Ok(())
}

fn drop_unknown(path: String, dialect: &Dialect, parsed: &mut Parsed) -> Result<()> {
    if !dialect.unknown_attributes_dropped {
        return Err(Error::invalid_value(format!("{path} is in no schema of this resource type; see /Schemas")));
    }
    parsed.ignored.push(Ignored { path, reason: "no such attribute" });
    Ok(())
}

/// A group's members as a client lists them. Their number is bounded by the body alone.
pub fn members(
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<MemberRef>> {
    let elements = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(elements) => elements,
        Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        one if dialect.object_for_array => vec![one],
        _ => return Err(Error::invalid_value("members is a list")),
    };
    let one_member = Attribute { multi_valued: false, ..attribute.clone() };
    let mut kept = Vec::with_capacity(elements.len());
    for element in elements {
        let element = normalise(&one_member, element, dialect, &mut Vec::new())?;
        match element.as_ref().and_then(|element| element.get("value")).and_then(Value::as_str) {
            Some(value) => kept.push(MemberRef { value: value.to_owned() }),
            None if element.is_none() => {}
            None => ignored.push(Ignored { path: "members".into(), reason: "a member without a value" }),
        }
    }
    Ok(kept)
}
