//! A resource, parsed once against its schemas (RFC 7643 §2 and §3).
//!
//! Invariant: a `Resource` holds canonical attribute names, values of the right type, and nothing that
//! only the server writes. `schemas`, `id`, `meta`, a user's `groups` and a group's `members` are not
//! in it: the first three are made when it is shown, the last two are rows of their own.

mod convert;
mod normalise;
mod shapes;

pub use convert::converted;
pub use normalise::{ELEMENTS_MAX, normalise};
pub(crate) use normalise::{element, in_order, parts, unwrapped, within};
pub use shapes::members;
pub(crate) use shapes::{Place, Said, spread, spread_extension};

use crate::patch_op::edit::{Edit, Origin};
use crate::patch_op::{MemberOp, Op, refuse_changed_immutable};
use crate::schema::{Attribute, Mutability, Returned, Schema};
use crate::{Dialect, Error, ResourceType, Result, Target};
use serde_json::{Map, Value};

/// A resource without what the server adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Canonical names and typed values; extensions are objects under their URN.
    pub attributes: Map<String, Value>,
}

/// One member as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRef {
    /// The id of the user or group.
    pub value: String,
}

/// Something of a request that was not taken over, for the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ignored {
    /// The attribute, never its value.
    pub path: String,
    /// Why.
    pub reason: &'static str,
}

/// What a body turned out to hold.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The resource.
    pub resource: Resource,
    /// A group's members, if the body speaks of them.
    pub members: Option<Vec<MemberRef>>,
    /// What was left out.
    pub ignored: Vec<Ignored>,
}

/// An attribute in which two states of a resource differ, with the value before and after.
pub type Difference<'r> = (Option<&'r Schema>, &'r Attribute, [Option<&'r Value>; 2]);

impl Resource {
    /// Reads the body of a POST or PUT. What a tenant's dialect allows is put right and reported;
    /// everything else that does not fit is refused.
    pub fn parse(body: Value, resource_type: &ResourceType, dialect: &Dialect) -> Result<Parsed> {
        let Value::Object(body) = body else {
            return Err(Error::invalid_syntax("the body has to be a JSON object"));
        };
        check_schemas(&body, resource_type, dialect)?;
        let mut edit = Edit::new(Self::default(), resource_type, dialect, Origin::Body);
        edit.object(Op::Replace, body)?;
        edit.resource.check(resource_type)?;
        let members = edit.members.pop().and_then(|last| match last {
            MemberOp::Replace(members) | MemberOp::Add(members) => Some(members),
            MemberOp::RemoveAll => Some(Vec::new()),
            MemberOp::Remove(_) | MemberOp::RemoveMatching(_) => None,
        });
        Ok(Parsed { resource: edit.resource, members, ignored: edit.ignored })
    }

    /// What PUT makes of the old state and the new body (RFC 7644 §3.5.1): the body replaces it, except
    /// what only the server writes and what a GET does not return: nobody can send back what they
    /// were never shown.
    pub fn replaced_by(&self, mut new: Self, resource_type: &ResourceType) -> Result<Self> {
        for (extension, attribute) in resource_type.attributes() {
            let Some(old) = self.value(extension, attribute) else { continue };
            let sent = new.value(extension, attribute);
            let kept = match sent {
                None if stays(attribute) => old.clone(),
                None if attribute.sub_attributes.iter().any(stays) => match unseen_alone(attribute, old) {
                    Some(unseen) => unseen,
                    None => continue,
                },
                Some(sent) if attribute.sub_attributes.iter().any(stays) => with_unseen(attribute, old, sent),
                None | Some(_) => continue,
            };
            new.set(extension, attribute, Some(kept));
        }
        refuse_changed_immutable(self, &new, resource_type)?;
        new.check(resource_type)?;
        Ok(new)
    }

    /// The value of an attribute, if it has one.
    pub fn value(&self, extension: Option<&Schema>, attribute: &Attribute) -> Option<&Value> {
        match extension {
            None => self.attributes.get(&attribute.name),
            Some(schema) => self.attributes.get(&schema.id)?.get(&attribute.name),
        }
    }

    /// The attributes that have a value, in the order of their schemas. An extension that is not there is passed over whole.
    pub fn values<'r>(
        &'r self,
        resource_type: &'r ResourceType,
    ) -> impl Iterator<Item = (Option<&'r Schema>, &'r Attribute, &'r Value)> {
        let core = resource_type.attributes().take_while(|(extension, _)| extension.is_none());
        let core = core.filter_map(|(_, attribute)| Some((None, attribute, self.attributes.get(&attribute.name)?)));
        core.chain(resource_type.extensions.iter().flat_map(|extension| {
            let schema = &*extension.schema;
            let parts = self.attributes.get(&schema.id).and_then(Value::as_object);
            let value = move |attribute: &'r Attribute| Some((Some(schema), attribute, parts?.get(&attribute.name)?));
            parts.map(|_| schema.attributes.iter().filter_map(value)).into_iter().flatten()
        }))
    }

    /// The attributes in which two states differ, in the order of their schemas, with the value before and after. An
    /// extension that is the same in both is passed over whole.
    pub fn differences<'r>(
        [old, new]: [&'r Self; 2],
        resource_type: &'r ResourceType,
    ) -> impl Iterator<Item = Difference<'r>> {
        let both = move |name: &str| [old, new].map(|state| state.attributes.get(name));
        let core = resource_type.attributes().take_while(|(extension, _)| extension.is_none());
        let core = core.map(move |(_, attribute)| (None, attribute, both(&attribute.name)));
        let extended = resource_type.extensions.iter().flat_map(move |extension| {
            let schema = &*extension.schema;
            let values = both(&schema.id);
            let attributes = if values[0] == values[1] { &[] } else { &*schema.attributes };
            let one = move |attribute: &'r Attribute| {
                (Some(schema), attribute, values.map(|value| value.and_then(|value| value.get(&attribute.name))))
            };
            attributes.iter().map(one)
        });
        core.chain(extended).filter(|(.., [before, after])| before != after)
    }

    /// Sets or takes away an attribute; an extension without attributes goes.
    pub fn set(&mut self, extension: Option<&Schema>, attribute: &Attribute, value: Option<Value>) {
        let Some(schema) = extension else {
            put(&mut self.attributes, &attribute.name, value);
            return;
        };
        if value.is_none() && !self.attributes.contains_key(&schema.id) {
            return;
        }
        let held = self.attributes.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(map) = held {
            put(map, &attribute.name, value);
            if map.is_empty() {
                self.attributes.shift_remove(&schema.id);
            }
        }
    }

    /// The text of a single-valued attribute or part, by its name.
    pub fn text(&self, resource_type: &ResourceType, path: &str) -> Option<&str> {
        let Some(Target::Attribute { extension, attribute, sub }) = resource_type.resolve_text(path) else {
            return None;
        };
        let value = self.value(extension, attribute)?;
        sub.map_or(Some(value), |sub| value.get(&sub.name))?.as_str()
    }

    /// Refuses a resource that lacks what its schemas require or names two primaries.
    pub fn check(&self, resource_type: &ResourceType) -> Result<()> {
        for extension in &resource_type.extensions {
            if extension.required && !self.attributes.contains_key(&extension.schema.id) {
                return Err(Error::invalid_value(format!("the extension {} is required", extension.schema.id)));
            }
        }
        for (extension, attribute) in resource_type.attributes() {
            let value = self.value(extension, attribute);
            let asked = extension.is_none_or(|schema| self.attributes.contains_key(&schema.id));
            if attribute.required && asked && attribute.name != "schemas" && value.is_none() {
                return Err(Error::invalid_value(format!("{} is required", attribute.name)));
            }
            if let Some(value) = value {
                check_parts(attribute, value)?;
            }
        }
        Ok(())
    }

    /// The URNs of the schemas whose attributes are present; the core first.
    pub fn schemas(&self, resource_type: &ResourceType) -> Vec<String> {
        let present = resource_type.extensions.iter().map(|extension| &extension.schema.id);
        std::iter::once(&resource_type.schema.id)
            .chain(present.filter(|id| self.attributes.contains_key(*id)))
            .cloned()
            .collect()
    }

    /// Parts it into what answers may show and what they never do (`returned: never`). An attribute of
    /// which only a part is hidden is whole in the second.
    pub fn split_hidden(&self, resource_type: &ResourceType) -> (Self, Self) {
        let (mut shown, mut hidden) = (self.clone(), Self::default());
        for (extension, attribute) in resource_type.attributes() {
            let Some(value) = self.value(extension, attribute) else { continue };
            let rest = match attribute.returned {
                Returned::Never => None,
                _ if attribute.sub_attributes.iter().any(|sub| sub.returned == Returned::Never) => {
                    without_hidden(attribute, value)
                }
                _ => continue,
            };
            hidden.set(extension, attribute, Some(value.clone()));
            shown.set(extension, attribute, rest);
        }
        (shown, hidden)
    }

    /// Puts back what `split_hidden` took apart.
    pub fn join_hidden(&mut self, hidden: Self, resource_type: &ResourceType) {
        for (extension, attribute) in resource_type.attributes() {
            if let Some(value) = hidden.value(extension, attribute) {
                self.set(extension, attribute, Some(value.clone()));
            }
        }
    }

    /// The document: `schemas`, `id`, then the attributes in the order of their schemas.
    pub fn to_document(&self, resource_type: &ResourceType, id: &str) -> Map<String, Value> {
        let mut document = Map::new();
        document.insert("schemas".into(), self.schemas(resource_type).into());
        document.insert("id".into(), id.into());
        for (extension, attribute) in resource_type.attributes() {
            let Some(value) = self.value(extension, attribute) else { continue };
            match extension {
                None => {
                    document.insert(attribute.name.clone(), value.clone());
                }
                Some(schema) => {
                    let held = document.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(map) = held {
                        map.insert(attribute.name.clone(), value.clone());
                    }
                }
            }
        }
        document
    }

    /// The resource in a document of ours. What is no longer in any schema is left out of it.
    pub fn from_document(mut document: Map<String, Value>, resource_type: &ResourceType) -> Self {
        let mut resource = Self::default();
        for (extension, attribute) in resource_type.attributes() {
            let held = match extension {
                None if matches!(attribute.name.as_str(), "schemas" | "id" | "meta") => None,
                None => document.swap_remove(&attribute.name),
                Some(schema) => {
                    let parts = document.get_mut(&schema.id).and_then(Value::as_object_mut);
                    parts.and_then(|parts| parts.swap_remove(&attribute.name))
                }
            };
            if held.is_some() {
                resource.set(extension, attribute, held);
            }
        }
        resource
    }

    /// The names of the attributes in which two states differ.
    pub fn difference(&self, other: &Self, resource_type: &ResourceType) -> Vec<String> {
        let differs = |&(extension, attribute): &(Option<&Schema>, &Attribute)| {
            self.value(extension, attribute) != other.value(extension, attribute)
        };
        resource_type
            .attributes()
            .filter(differs)
            .map(|(extension, attribute)| full_name(extension, attribute))
            .collect()
    }
}

/// An attribute's name with its extension's URN in front.
pub fn full_name(extension: Option<&Schema>, attribute: &Attribute) -> String {
    extension.map_or_else(|| attribute.name.clone(), |schema| format!("{}:{}", schema.id, attribute.name))
}

/// A complex value without the parts that no answer shows.
fn without_hidden(attribute: &Attribute, value: &Value) -> Option<Value> {
    let hidden = |name: &str| attribute.sub(name).is_some_and(|sub| sub.returned == Returned::Never);
    match value {
        Value::Array(list) => {
            let rest: Vec<Value> = list.iter().filter_map(|element| without_hidden(attribute, element)).collect();
            (!rest.is_empty()).then_some(Value::Array(rest))
        }
        Value::Object(parts) => {
            let rest = parts.iter().filter(|(name, _)| !hidden(name));
            let rest: Map<String, Value> = rest.map(|(name, part)| (name.clone(), part.clone())).collect();
            (!rest.is_empty()).then_some(Value::Object(rest))
        }
        other => Some(other.clone()),
    }
}

/// Whether a client cannot know or say what it holds.
fn is_unseen(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly || matches!(attribute.returned, Returned::Never | Returned::Request)
}

/// Whether a PUT that leaves it out leaves it as it is.
fn stays(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::Immutable || is_unseen(attribute)
}

/// The parts of an element that a client can know.
fn seen(attribute: &Attribute, element: &Value) -> Map<String, Value> {
    let parts = element.as_object().into_iter().flatten();
    let seen = parts.filter(|(name, _)| !attribute.sub(name).is_some_and(is_unseen));
    seen.map(|(name, part)| (name.clone(), part.clone())).collect()
}

/// The old value, if a client could know nothing of it: leaving it out then says nothing.
fn unseen_alone(attribute: &Attribute, old: &Value) -> Option<Value> {
    let elements = old.as_array().map_or(std::slice::from_ref(old), Vec::as_slice);
    elements.iter().all(|element| seen(attribute, element).is_empty()).then(|| old.clone())
}

/// What was sent, with the parts that stay taken from the old value; in a list, from the old element
/// that reads the same.
fn with_unseen(attribute: &Attribute, old: &Value, sent: &Value) -> Value {
    match (old, sent) {
        (Value::Array(old), Value::Array(sent)) => {
            let same = |new: &Value| old.iter().find(|old| seen(attribute, old) == seen(attribute, new));
            let complete = |new: &Value| same(new).map_or_else(|| new.clone(), |old| completed(attribute, old, new));
            sent.iter().map(complete).collect()
        }
        _ => completed(attribute, old, sent),
    }
}

fn completed(attribute: &Attribute, old: &Value, sent: &Value) -> Value {
    let (Value::Object(old), Value::Object(sent)) = (old, sent) else { return sent.clone() };
    let mut whole = sent.clone();
    for sub in attribute.sub_attributes.iter().filter(|sub| stays(sub)) {
        if let (Some(part), None) = (old.get(&sub.name), sent.get(&sub.name)) {
            whole.insert(sub.name.clone(), part.clone());
        }
    }
    in_order(attribute, whole).unwrap_or(Value::Null)
}

pub(crate) fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.shift_remove(name),
    };
}

fn check_schemas(body: &Map<String, Value>, resource_type: &ResourceType, dialect: &Dialect) -> Result<()> {
    if dialect.unknown_schemas_ignored {
        return Ok(());
    }
    let named = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let Some(Value::Array(named)) = named else {
        return Err(Error::invalid_syntax("schemas is required: list the URNs of the schemas that the body uses"));
    };
    let texts: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
    if !texts.iter().any(|urn| urn.eq_ignore_ascii_case(&resource_type.schema.id)) {
        return Err(Error::invalid_value(format!("schemas has to list {}", resource_type.schema.id)));
    }
    match texts.iter().all(|urn| resource_type.schema_of(urn).is_some()) {
        true => Ok(()),
        false => {
            Err(Error::invalid_value("schemas lists a URN that this resource type does not have; see /ResourceTypes"))
        }
    }
}

fn check_parts(attribute: &Attribute, value: &Value) -> Result<()> {
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let primaries = elements.iter().filter(|element| element.get("primary") == Some(&Value::Bool(true))).count();
    if primaries > 1 {
        return Err(Error::invalid_value(format!(
            "{} has {primaries} primary values; mark one at the most",
            attribute.name
        )));
    }
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.required) {
        if elements.iter().any(|element| element.get(&sub.name).is_none()) {
            return Err(Error::invalid_value(format!("{}.{} is required", attribute.name, sub.name)));
        }
    }
    Ok(())
}
