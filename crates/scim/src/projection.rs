//! Which attributes an answer shows: `attributes` and `excludedAttributes` (RFC 7644 §3.9) against each
//! attribute's `returned` (RFC 7643 §7).
//!
//! Invariant: `returned: never` is never shown and `returned: always` is always shown, whatever is named.
//! Where both lists are named, `attributes` decides alone: the two exclude each other in the RFC, and a
//! client that sends both has said what it wants with the first.

use crate::schema::{self, Attribute, Returned, Schema};
use crate::{AttrPath, Error, ResourceType, Result, Target};
use serde_json::{Map, Value};

/// Most names in one list.
pub const NAMES_MAX: usize = 100;
/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 512;

/// What the client wants to see; by default everything that is returned by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Only these, if any list was sent; names that cannot be read select nothing.
    only: Option<Vec<AttrPath>>,
    /// All but these.
    without: Vec<AttrPath>,
}

/// How much of one attribute is shown.
enum Extent<'a> {
    Nothing,
    /// All parts, but for these.
    Whole {
        without: Vec<&'a str>,
        also: Vec<&'a str>,
    },
    /// These parts, and those that are always returned.
    Parts(Vec<&'a str>),
}

/// The names of a projection, looked up in the schemas of one resource type.
struct Resolved<'a> {
    only: Option<Vec<Selected<'a>>>,
    without: Vec<Selected<'a>>,
}

/// What one name selects.
enum Selected<'a> {
    /// All that a schema returns by default; nothing stands for the core schema.
    Schema(Option<&'a Schema>),
    /// An attribute, or a part of it.
    Attribute { extension: Option<&'a Schema>, attribute: &'a Attribute, part: Option<&'a str> },
}

/// What the names of one list say about one attribute.
struct Named<'a> {
    /// By its own name.
    itself: bool,
    /// Through the URN of its schema.
    by_schema: bool,
    /// Its parts.
    parts: Vec<&'a str>,
}

impl Projection {
    /// Reads the two query parameters, names between commas.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self> {
        let split = |text: Option<&str>| text.unwrap_or_default().split(',').map(str::to_owned).collect::<Vec<_>>();
        Self::from_lists(&split(attributes), &split(excluded))
    }

    /// Reads the two lists of a search request. A list without any name is as good as none.
    pub fn from_lists(attributes: &[String], excluded: &[String]) -> Result<Self> {
        let only = names("attributes", attributes)?;
        let without = names("excludedAttributes", excluded)?;
        Ok(match only {
            Some(only) => Self { only: Some(only), without: Vec::new() },
            None => Self { only: None, without: without.unwrap_or_default() },
        })
    }

    /// Whether nothing was named: the answer is what is returned by default.
    pub fn is_default(&self) -> bool {
        self.only.is_none() && self.without.is_empty()
    }

    /// Whether anything of this attribute is shown.
    pub fn shows(&self, resource_type: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> bool {
        !matches!(self.resolved(resource_type).extent(extension, attribute), Extent::Nothing)
    }

    /// Whether anything of the attribute of this name is shown; no, if there is no such attribute.
    pub fn shows_name(&self, resource_type: &ResourceType, name: &str) -> bool {
        match resource_type.resolve_text(name) {
            Some(Target::Attribute { extension, attribute, .. }) => self.shows(resource_type, extension, attribute),
            Some(Target::Extension(schema)) => {
                schema.attributes.iter().any(|attribute| self.shows(resource_type, Some(schema), attribute))
            }
            None => false,
        }
    }

    /// The document cut down to what is shown. `schemas` names an extension only if something of it is there.
    pub fn apply(&self, document: Map<String, Value>, resource_type: &ResourceType) -> Map<String, Value> {
        let resolved = self.resolved(resource_type);
        let mut shown = Map::new();
        for (key, value) in document {
            let kept = match resource_type.extension(&key) {
                Some(schema) => resolved.cut_extension(value, schema),
                None => core(resource_type, &key)
                    .and_then(|attribute| cut(value, attribute, &resolved.extent(None, attribute))),
            };
            if let Some(kept) = kept {
                shown.insert(key, kept);
            }
        }
        trim_schemas(&mut shown, resource_type);
        shown
    }

    fn resolved<'a>(&'a self, resource_type: &'a ResourceType) -> Resolved<'a> {
        let all = |list: &'a [AttrPath]| list.iter().filter_map(|path| selected(path, resource_type)).collect();
        Resolved { only: self.only.as_deref().map(all), without: all(&self.without) }
    }
}

impl<'a> Resolved<'a> {
    fn cut_extension(&self, value: Value, schema: &Schema) -> Option<Value> {
        let Value::Object(held) = value else { return None };
        let keep = |(name, value): (String, Value)| {
            let attribute = schema.attribute(&name)?;
            cut(value, attribute, &self.extent(Some(schema), attribute)).map(|value| (name, value))
        };
        let kept: Map<String, Value> = held.into_iter().filter_map(keep).collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    }

    fn extent(&self, extension: Option<&Schema>, attribute: &Attribute) -> Extent<'a> {
        let named = |list: &[Selected<'a>]| named(list, extension, attribute);
        match (attribute.returned, &self.only) {
            (Returned::Never, _) | (Returned::Request, None) => Extent::Nothing,
            (Returned::Always, Some(only)) => Extent::Whole { without: Vec::new(), also: named(only).parts },
            (Returned::Always, None) => Extent::Whole { without: named(&self.without).parts, also: Vec::new() },
            (returned, Some(only)) => {
                let Named { itself, by_schema, parts } = named(only);
                if itself || (by_schema && returned == Returned::Default) {
                    Extent::Whole { without: Vec::new(), also: parts }
                } else if parts.is_empty() {
                    Extent::Nothing
                } else {
                    Extent::Parts(parts)
                }
            }
            (Returned::Default, None) => {
                let Named { itself, by_schema, parts } = named(&self.without);
                if itself || by_schema { Extent::Nothing } else { Extent::Whole { without: parts, also: Vec::new() } }
            }
        }
    }
}

fn names(list: &str, names: &[String]) -> Result<Option<Vec<AttrPath>>> {
    let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if names.len() > NAMES_MAX {
        return Err(Error::invalid_value(format!("{list} has more than {NAMES_MAX} names")));
    }
    if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
        return Err(Error::invalid_value(format!("{list} has a name longer than {NAME_BYTES_MAX} bytes")));
    }
    Ok((!names.is_empty()).then(|| names.into_iter().filter_map(AttrPath::parse).collect()))
}

/// The core or common attribute that a key of a document names.
fn core<'a>(resource_type: &'a ResourceType, key: &str) -> Option<&'a Attribute> {
    resource_type.schema.attribute(key).or_else(|| schema::COMMON.attribute(key))
}

fn selected<'a>(path: &'a AttrPath, resource_type: &'a ResourceType) -> Option<Selected<'a>> {
    match resource_type.resolve(path) {
        Some(Target::Extension(schema)) => Some(Selected::Schema(Some(schema))),
        Some(Target::Attribute { extension, attribute, sub }) => {
            Some(Selected::Attribute { extension, attribute, part: sub.map(|sub| sub.name.as_str()) })
        }
        None => path.to_string().eq_ignore_ascii_case(&resource_type.schema.id).then_some(Selected::Schema(None)),
    }
}

fn named<'a>(list: &[Selected<'a>], extension: Option<&Schema>, attribute: &Attribute) -> Named<'a> {
    let same_schema = |other: Option<&Schema>| other.map(|other| &other.id) == extension.map(|own| &own.id);
    let mut named = Named { itself: false, by_schema: false, parts: Vec::new() };
    for selected in list {
        match *selected {
            Selected::Schema(schema) => {
                let common = extension.is_none() && schema::COMMON.attribute(&attribute.name).is_some();
                named.by_schema |= same_schema(schema) && !common;
            }
            Selected::Attribute { extension: other, attribute: found, part } => {
                match (found.name == attribute.name && same_schema(other), part) {
                    (true, None) => named.itself = true,
                    (true, Some(part)) => named.parts.push(part),
                    (false, _) => {}
                }
            }
        }
    }
    named
}

fn cut(value: Value, attribute: &Attribute, extent: &Extent<'_>) -> Option<Value> {
    if matches!(extent, Extent::Nothing) {
        return None;
    }
    if !attribute.is_complex() {
        return Some(value);
    }
    match value {
        // A list that was empty before is shown: a group without members says so.
        Value::Array(elements) => {
            let was_empty = elements.is_empty();
            let kept: Vec<Value> =
                elements.into_iter().filter_map(|element| cut_parts(element, attribute, extent)).collect();
            (was_empty || !kept.is_empty()).then_some(Value::Array(kept))
        }
        one => cut_parts(one, attribute, extent),
    }
}

fn cut_parts(value: Value, attribute: &Attribute, extent: &Extent<'_>) -> Option<Value> {
    let Value::Object(parts) = value else { return None };
    let shown = |name: &str| {
        let Some(sub) = attribute.sub(name) else { return false };
        let among = |list: &[&str]| list.iter().any(|named| named.eq_ignore_ascii_case(name));
        match (sub.returned, extent) {
            (Returned::Never, _) | (_, Extent::Nothing) => false,
            (Returned::Always, _) => true,
            (_, Extent::Parts(parts)) => among(parts),
            (Returned::Request, Extent::Whole { also, .. }) => among(also),
            (Returned::Default, Extent::Whole { without, .. }) => !among(without),
        }
    };
    let kept: Map<String, Value> = parts.into_iter().filter(|(name, _)| shown(name)).collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// An extension that is not shown is not named either (RFC 7643 §3: `schemas` tells what is present).
fn trim_schemas(shown: &mut Map<String, Value>, resource_type: &ResourceType) {
    let Some(Value::Array(mut urns)) = shown.get_mut("schemas").map(Value::take) else { return };
    urns.retain(|urn| {
        let extension = urn.as_str().and_then(|urn| resource_type.extension(urn));
        extension.is_none_or(|schema| shown.contains_key(&schema.id))
    });
    shown.insert("schemas".into(), Value::Array(urns));
}
