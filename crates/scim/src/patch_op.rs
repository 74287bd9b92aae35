//! PATCH (RFC 7644 §3.5.2): operations, and what they make of a resource.
//!
//! All operations work on one copy that comes out only if every one of them succeeds and the result
//! fits its schemas. A group's members are not in the resource: what happens to them comes out as a
//! list of steps, so that adding one member to a large group costs one row.
//!
//! Invariant: what identity providers need beyond the RFC is behind a flag of `Dialect`.

pub(crate) mod edit;
mod elements;

use crate::resource::{Ignored, MemberRef, Resource};
use crate::schema::Mutability;
use crate::{AttrPath, Dialect, Error, Filter, ResourceType, Result, filter};
use edit::{Edit, Origin};
use serde_json::{Map, Value};

/// The URN of the message.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Most operations of one message.
pub const OPERATIONS_MAX: usize = 1_000;

/// A PATCH message.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchOp {
    /// What to do, in this order.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where; the resource itself if there is none.
    pub path: Option<PatchPath>,
    /// With what.
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds to what is there.
    Add,
    /// Puts in the place of what is there.
    Replace,
    /// Takes away.
    Remove,
}

/// Where an operation acts: `attribute`, `attribute.part`, `attribute[filter]`, `attribute[filter].part`.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPath {
    /// The attribute, and the part.
    pub attribute: AttrPath,
    /// Which elements of it.
    pub filter: Option<Filter>,
}

/// What PATCH makes of a resource.
#[derive(Clone, Debug, Default)]
pub struct Patched {
    /// The new state.
    pub resource: Resource,
    /// What happens to a group's members, in order.
    pub members: Vec<MemberOp>,
    /// What was left out.
    pub ignored: Vec<Ignored>,
    /// The attributes that differ, by their full names; none if nothing is to be written.
    pub changed: Vec<String>,
}

/// A step in the membership of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberOp {
    /// These become members, if they are not.
    Add(Vec<MemberRef>),
    /// These are members no longer, if they were.
    Remove(Vec<MemberRef>),
    /// Those who satisfy this are members no longer; its paths are `value`, `type`, `display`, `$ref`.
    RemoveMatching(Filter),
    /// These and no others are members.
    Replace(Vec<MemberRef>),
    /// Nobody is a member.
    RemoveAll,
}

impl PatchOp {
    /// Reads a message.
    pub fn parse(body: Value, dialect: &Dialect) -> Result<Self> {
        let Value::Object(mut body) = body else {
            return Err(Error::invalid_syntax("the body has to be a JSON object"));
        };
        if !dialect.message_schema_optional && !names_message(take(&mut body, "schemas").as_ref()) {
            return Err(Error::invalid_syntax(format!("schemas has to list {PATCH_OP}")));
        }
        let operations = match take(&mut body, "Operations") {
            Some(Value::Array(operations)) => operations,
            Some(one @ Value::Object(_)) if dialect.object_for_array => vec![one],
            _ => {
                return Err(Error::invalid_syntax("Operations is required: a list of objects with op, path and value"));
            }
        };
        if operations.len() > OPERATIONS_MAX {
            return Err(Error::invalid_value(format!("Operations has more than {OPERATIONS_MAX} elements")));
        }
        let several = operations.len() > 1;
        let operations = operations.into_iter().enumerate().map(|(index, operation)| {
            Operation::parse(operation, dialect).map_err(|error| numbered(error, index, several))
        });
        Ok(Self { operations: operations.collect::<Result<_>>()? })
    }

    /// Applies all operations, or none.
    pub fn apply(&self, resource: &Resource, resource_type: &ResourceType, dialect: &Dialect) -> Result<Patched> {
        let mut edit = Edit::new(resource.clone(), resource_type, dialect, Origin::Path);
        let several = self.operations.len() > 1;
        for (index, operation) in self.operations.iter().enumerate() {
            edit.operation(operation).map_err(|error| numbered(error, index, several))?;
        }
        refuse_changed_immutable(resource, &edit.resource, resource_type)?;
        if let Err(error) = edit.resource.check(resource_type) {
            // A definition can have become stricter since this was stored. That must not keep anybody
            // from being deactivated, so only what these operations broke is held against them.
            if resource.check(resource_type).as_ref() != Err(&error) {
                return Err(error);
            }
        }
        let changed = resource.difference(&edit.resource, resource_type);
        Ok(Patched { resource: edit.resource, members: edit.members, ignored: edit.ignored, changed })
    }
}

impl Operation {
    fn parse(operation: Value, dialect: &Dialect) -> Result<Self> {
        let Value::Object(mut operation) = operation else {
            return Err(Error::invalid_syntax("each of Operations has to be an object with op, path and value"));
        };
        let op = match take(&mut operation, "op") {
            Some(Value::String(word)) => Op::parse(&word, dialect),
            _ => None,
        };
        let op = op.ok_or_else(|| Error::invalid_syntax("op has to be add, replace or remove"))?;
        let path = match take(&mut operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(PatchPath::parse(&text)?),
            Some(_) => return Err(Error::invalid_path("path has to be a string")),
        };
        let value = take(&mut operation, "value");
        match (op, &path, &value) {
            (Op::Remove, None, _) => Err(Error::no_target("remove needs a path that says what to take away")),
            (Op::Add | Op::Replace, _, None) => Err(Error::invalid_value(format!("{} needs a value", op.as_str()))),
            (Op::Add | Op::Replace, None, Some(value)) if !value.is_object() => {
                Err(Error::invalid_value(format!("{} without a path needs an object as value", op.as_str())))
            }
            _ => Ok(Self { op, path, value }),
        }
    }
}

impl Op {
    fn parse(word: &str, dialect: &Dialect) -> Option<Self> {
        [Self::Add, Self::Replace, Self::Remove]
            .into_iter()
            .find(|op| word == op.as_str() || (dialect.op_any_case && word.eq_ignore_ascii_case(op.as_str())))
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

impl PatchPath {
    /// Reads a path. Errors name the position as a character count that starts with 1.
    pub fn parse(text: &str) -> Result<Self> {
        filter::path(text).map(|(attribute, filter)| Self { attribute, filter })
    }
}

/// Which of several operations is meant, counted from 1.
fn numbered(error: Error, index: usize, several: bool) -> Error {
    if !several {
        return error;
    }
    Error { detail: format!("operation {}: {}", index + 1, error.detail), ..error }
}

fn take(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
    map.shift_remove(&key)
}

fn names_message(schemas: Option<&Value>) -> bool {
    schemas
        .and_then(Value::as_array)
        .is_some_and(|urns| urns.iter().filter_map(Value::as_str).any(|urn| urn.eq_ignore_ascii_case(PATCH_OP)))
}

/// An immutable attribute, or part of a single object, keeps the value that it has (RFC 7643 §2.2).
pub(crate) fn refuse_changed_immutable(old: &Resource, new: &Resource, resource_type: &ResourceType) -> Result<()> {
    for (extension, attribute) in resource_type.attributes() {
        let Some(before) = old.value(extension, attribute) else { continue };
        let after = new.value(extension, attribute);
        if attribute.mutability == Mutability::Immutable && after != Some(before) {
            return Err(Error::mutability(format!("{} cannot be changed once it is set", attribute.name)));
        }
        let immutable = attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable);
        for sub in immutable {
            let part = before.get(&sub.name);
            if part.is_some() && after.is_some_and(|after| after.is_object() && after.get(&sub.name) != part) {
                return Err(Error::mutability(format!(
                    "{}.{} cannot be changed once it is set",
                    attribute.name, sub.name
                )));
            }
        }
    }
    Ok(())
}
