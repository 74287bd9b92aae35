//! The shapes in which one attribute can stand in an object, and the place that each of them means.
//!
//! A custom field whose whole value was pasted into the identity provider's *External name* arrives as
//! `{urn: {field: v}}`, as `{"urn:field": v}`, or split at the dots of the URN. A PUT that was made
//! by laying mapped values over our own GET body holds the old value in the first form and the new
//! one in another: so the plain form is read first, and the laid-over forms win.

use super::{Ignored, MemberRef, normalise::element, normalise::listed};
use crate::filter::{self, Filter};
use crate::schema::{Attribute, Schema};
use crate::{AttrPath, Dialect, Error, ResourceType, Result, Target};
use serde_json::{Map, Value};

/// Deepest nesting that is followed when a name was split at its dots.
const SPLIT_DEPTH_MAX: usize = 16;

/// Where a value belongs.
#[derive(Clone, Debug)]
pub(crate) enum Place<'a> {
    /// All of the core schema.
    Core,
    /// All of an extension.
    Extension(&'a Schema),
    /// An attribute, or some of it.
    Attribute {
        /// The extension that it is in.
        extension: Option<&'a Schema>,
        /// The attribute.
        attribute: &'a Attribute,
        /// Which of its elements.
        filter: Option<Filter>,
        /// Which part of them.
        sub: Option<&'a Attribute>,
    },
}

impl<'a> Place<'a> {
    /// The place that a path means, or nothing if no schema knows it.
    pub(crate) fn find(
        path: &AttrPath,
        filter: Option<Filter>,
        resource_type: &'a ResourceType,
        dialect: &Dialect,
    ) -> Option<Self> {
        if filter.is_none() && path.to_string().eq_ignore_ascii_case(&resource_type.schema.id) {
            return Some(Self::Core);
        }
        match resource_type.resolve(path) {
            Some(Target::Extension(schema)) if filter.is_none() => Some(Self::Extension(schema)),
            Some(Target::Extension(_)) => None,
            Some(Target::Attribute { extension, attribute, sub }) => {
                let bare = path.urn.is_none() && extension.is_some();
                (dialect.bare_extension_names || !bare).then_some(Self::Attribute { extension, attribute, filter, sub })
            }
            None => dotted(path, filter, resource_type, dialect),
        }
    }
}

/// `urn:…:User.field` with a dot where a colon is due, as Entra's jobs of 2018 send it
/// (`docs/deviations.toml#keys_as_paths`).
fn dotted<'a>(
    path: &AttrPath,
    filter: Option<Filter>,
    resource_type: &'a ResourceType,
    dialect: &Dialect,
) -> Option<Place<'a>> {
    let name = path.sub.as_ref().filter(|_| dialect.keys_as_paths)?;
    let schema = resource_type.extension(&path.parent().to_string())?;
    let attribute = schema.attribute(name)?;
    Some(Place::Attribute { extension: Some(schema), attribute, filter, sub: None })
}

/// One key of an object with the place that it means; no place if it is unknown.
pub(crate) struct Said<'a> {
    /// The key as it was written, with the keys around it.
    pub(crate) key: String,
    /// Where it belongs.
    pub(crate) place: Option<Place<'a>>,
    /// What was sent for it.
    pub(crate) value: Value,
}

/// Takes an object apart: what stands where it belongs first, then what is laid over it.
pub(crate) fn spread<'a>(
    body: Map<String, Value>,
    resource_type: &'a ResourceType,
    dialect: &Dialect,
) -> Vec<Said<'a>> {
    let mut spread = Spread { resource_type, dialect, plain: Vec::with_capacity(body.len()), laid_over: Vec::new() };
    for (key, value) in body {
        spread.top(key, value);
    }
    spread.plain.append(&mut spread.laid_over);
    spread.plain
}

/// As `spread`, for the object of an extension.
pub(crate) fn spread_extension<'a>(
    schema: &'a Schema,
    body: Map<String, Value>,
    resource_type: &'a ResourceType,
    dialect: &Dialect,
) -> Vec<Said<'a>> {
    let mut spread = Spread { resource_type, dialect, plain: Vec::with_capacity(body.len()), laid_over: Vec::new() };
    spread.inside(schema, body);
    spread.plain.append(&mut spread.laid_over);
    spread.plain
}

struct Spread<'a, 'd> {
    resource_type: &'a ResourceType,
    dialect: &'d Dialect,
    plain: Vec<Said<'a>>,
    laid_over: Vec<Said<'a>>,
}

impl<'a> Spread<'a, '_> {
    fn top(&mut self, key: String, value: Value) {
        if let Some(schema) = self.resource_type.extension(&key) {
            match value {
                Value::Object(parts) => self.inside(schema, parts),
                value => self.plain.push(Said { key, place: Some(Place::Extension(schema)), value }),
            }
            return;
        }
        let path = AttrPath { urn: None, name: key, sub: None };
        let core = match self.resource_type.resolve(&path) {
            Some(Target::Attribute { extension: None, attribute, .. }) => Some(attribute),
            _ => None,
        };
        match core {
            Some(attribute) => self.stands(path.name, None, attribute, value),
            None => self.over(path.name, value, 0),
        }
    }

    /// The object of an extension.
    fn inside(&mut self, schema: &'a Schema, parts: Map<String, Value>) {
        for (name, value) in parts {
            match schema.attribute(&name) {
                Some(attribute) => self.stands(name, Some(schema), attribute, value),
                // A whole path inside the object of its extension: namespace and name both have the URN.
                None if name.contains(':') => self.over(name, value, 0),
                None => self.over(format!("{}:{name}", schema.id), value, 0),
            }
        }
    }

    fn stands(&mut self, key: String, extension: Option<&'a Schema>, attribute: &'a Attribute, value: Value) {
        let place = Some(Place::Attribute { extension, attribute, filter: None, sub: None });
        self.plain.push(Said { key, place, value });
    }

    /// A key that is a path: dotted, with a filter, with a URN in front, or split at the dots of its URN.
    fn over(&mut self, key: String, value: Value, depth: usize) {
        if !self.dialect.keys_as_paths {
            self.laid_over.push(Said { key, place: None, value });
            return;
        }
        let path = filter::path(&key).ok();
        let place = path.and_then(|(path, filter)| Place::find(&path, filter, self.resource_type, self.dialect));
        match (place, value) {
            (None, Value::Object(parts)) if depth < SPLIT_DEPTH_MAX && is_prefix(&key, self.resource_type) => {
                for (part, value) in parts {
                    self.over(format!("{key}.{part}"), value, depth + 1);
                }
            }
            (place, value) => self.laid_over.push(Said { key, place, value }),
        }
    }
}

/// Whether some schema's URN goes on with a dot behind this text.
fn is_prefix(key: &str, resource_type: &ResourceType) -> bool {
    let longer = |id: &str| {
        let head = id.get(..key.len()).is_some_and(|head| head.eq_ignore_ascii_case(key));
        head && id.get(key.len()..).is_some_and(|rest| rest.starts_with('.'))
    };
    longer(&resource_type.schema.id) || resource_type.extensions.iter().any(|extension| longer(&extension.schema.id))
}

/// A group's members as a client lists them. Their number is bounded by the body alone.
pub fn members(
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<MemberRef>> {
    let Some(elements) = listed(attribute, value, dialect)? else { return Ok(Vec::new()) };
    let mut kept = Vec::with_capacity(elements.len());
    for one in elements {
        if matches!(one, Value::Array(_)) {
            return Err(Error::invalid_value("members takes objects, not lists in lists"));
        }
        // What else a client says of a member, the server knows better.
        let one = element(attribute, one, dialect, &mut Vec::new())?;
        match one.as_ref().and_then(|one| one.get("value")).and_then(Value::as_str) {
            Some(value) => kept.push(MemberRef { value: value.to_owned() }),
            None => ignored.push(Ignored { path: "members".into(), reason: "a member without a value" }),
        }
    }
    Ok(kept)
}
