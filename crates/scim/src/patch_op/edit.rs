//! The working copy that operations act on, and what each operation does to it.
//!
//! The body of a POST or PUT is read by the same code, as a `replace` without a path on an empty
//! resource: an attribute means the same wherever it stands.

use super::elements::{self, is_husk, part, seed, selected_values, settle, subtract, to_list, union, unknown_name};
use super::{MemberOp, Op, Operation};
use crate::resource::{
    ELEMENTS_MAX, Ignored, Place, Resource, Said, element, in_order, members, normalise, parts, put, spread,
    spread_extension, unwrapped, within,
};
use crate::schema::{Attribute, Mutability, Schema};
use crate::{Dialect, Error, Filter, ResourceType, Result};
use serde_json::{Map, Value};

/// Longest name of something unknown in a report.
const REPORTED_CHARS_MAX: usize = 255;

/// How a place was named, which decides what becomes of what cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the body of a POST or PUT: RFC 7644 §3.3 has readOnly attributes ignored.
    Body,
    /// As a key of a PATCH value.
    Key,
    /// As the path of an operation.
    Path,
}

/// A working copy.
pub(crate) struct Edit<'a> {
    /// The state so far.
    pub(crate) resource: Resource,
    /// What happens to the members so far.
    pub(crate) members: Vec<MemberOp>,
    /// What was left out so far.
    pub(crate) ignored: Vec<Ignored>,
    resource_type: &'a ResourceType,
    dialect: &'a Dialect,
    origin: Origin,
}

/// An attribute with its extension, and which of its elements are meant.
#[derive(Clone, Copy)]
struct Spot<'p> {
    extension: Option<&'p Schema>,
    attribute: &'p Attribute,
    filter: Option<&'p Filter>,
    sub: Option<&'p Attribute>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(
        resource: Resource,
        resource_type: &'a ResourceType,
        dialect: &'a Dialect,
        origin: Origin,
    ) -> Self {
        Self { resource, members: Vec::new(), ignored: Vec::new(), resource_type, dialect, origin }
    }

    /// One operation of a message.
    pub(super) fn operation(&mut self, operation: &Operation) -> Result<()> {
        let value = operation.value.clone();
        let Some(path) = &operation.path else {
            let Some(Value::Object(body)) = value else { return Ok(()) };
            return self.object(operation.op, body);
        };
        self.origin = Origin::Path;
        match Place::find(&path.attribute, path.filter.clone(), self.resource_type, self.dialect) {
            Some(place) => self.at(operation.op, &place, value),
            None => self.unknown(&path.attribute.to_string()),
        }
    }

    /// An object whose keys are attributes and paths.
    pub(crate) fn object(&mut self, op: Op, body: Map<String, Value>) -> Result<()> {
        if self.origin == Origin::Path {
            self.origin = Origin::Key;
        }
        let said = spread(body, self.resource_type, self.dialect);
        self.each(op, said)
    }

    fn each(&mut self, op: Op, said: Vec<Said<'a>>) -> Result<()> {
        said.into_iter().try_for_each(|Said { key, place, value }| match place {
            Some(place) => self.at(op, &place, Some(value)),
            None => self.unknown(&key),
        })
    }

    fn at(&mut self, op: Op, place: &Place<'a>, value: Option<Value>) -> Result<()> {
        match place {
            Place::Core => match (op, value) {
                (Op::Add | Op::Replace, Some(Value::Object(body))) => self.object(op, body),
                (Op::Remove, _) => Err(Error::no_target("the core schema as a whole cannot be removed")),
                _ => Err(Error::invalid_value("the core schema as a whole takes an object of its attributes")),
            },
            Place::Extension(schema) => self.extension(op, schema, value),
            Place::Attribute { extension, attribute, filter, sub } => {
                let spot = Spot { extension: *extension, attribute, filter: filter.as_ref(), sub: *sub };
                self.attribute(op, spot, value)
            }
        }
    }

    fn extension(&mut self, op: Op, schema: &'a Schema, value: Option<Value>) -> Result<()> {
        let value = value.filter(|_| op != Op::Remove).unwrap_or(Value::Null);
        match value {
            Value::Object(body) => {
                if self.origin == Origin::Path {
                    self.origin = Origin::Key;
                }
                self.each(op, spread_extension(schema, body, self.resource_type, self.dialect))
            }
            Value::Null => self.remove_extension(op, schema),
            Value::String(text) if text.is_empty() && self.dialect.empty_string_unassigns => {
                self.remove_extension(op, schema)
            }
            _ => Err(Error::invalid_value(format!("{} has to be an object of its attributes", schema.id))),
        }
    }

    fn remove_extension(&mut self, op: Op, schema: &Schema) -> Result<()> {
        let required = self.resource_type.extensions.iter().any(|one| one.required && one.schema.id == schema.id);
        if required && op == Op::Remove {
            return Err(Error::mutability(format!("the extension {} is required", schema.id)));
        }
        for attribute in schema.attributes.iter().filter(|attribute| attribute.mutability != Mutability::ReadOnly) {
            self.resource.set(Some(schema), attribute, None);
        }
        Ok(())
    }

    fn attribute(&mut self, op: Op, spot: Spot<'_>, value: Option<Value>) -> Result<()> {
        let Spot { extension, attribute, filter, sub } = spot;
        // `schemas` follows from what is present.
        if extension.is_none() && attribute.name == "schemas" {
            return Ok(());
        }
        if let Some(name) = filter.and_then(|filter| unknown_name(attribute, filter)) {
            return self.unknown(&format!("{}.{name}", attribute.name));
        }
        if extension.is_none() && attribute.name == "members" && self.resource_type.has_members() {
            return self.member_op(op, spot, value);
        }
        if attribute.mutability == Mutability::ReadOnly {
            return self.read_only(&attribute.name);
        }
        if let Some(sub) = sub.filter(|sub| sub.mutability == Mutability::ReadOnly) {
            return self.read_only(&format!("{}.{}", attribute.name, sub.name));
        }
        let old = self.resource.value(extension, attribute).cloned();
        let was_there = old.is_some();
        let new = match (filter, sub) {
            (None, None) => self.changed(attribute, old, op, value)?,
            (None, Some(sub)) if !attribute.multi_valued => self.changed_part(attribute, sub, old, op, value)?,
            (None, Some(sub)) => self.changed_everywhere(attribute, sub, old, op, value)?,
            (Some(filter), _) => self.changed_where(spot, filter, old, op, value)?,
        };
        if op == Op::Remove && was_there && new.is_none() && attribute.required {
            return Err(required(&attribute.name));
        }
        if new.as_ref().and_then(Value::as_array).is_some_and(|list| list.len() > ELEMENTS_MAX) {
            return Err(Error::invalid_value(format!(
                "{} would have more than {ELEMENTS_MAX} elements",
                attribute.name
            )));
        }
        self.resource.set(extension, attribute, new);
        Ok(())
    }

    /// What an operation at the attribute itself, or at a part, makes of its value.
    fn changed(
        &mut self,
        attribute: &Attribute,
        old: Option<Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<Option<Value>> {
        if op == Op::Remove {
            return self.without(attribute, old, value);
        }
        let value = value.unwrap_or(Value::Null);
        if attribute.multi_valued {
            let new = normalise(attribute, value, self.dialect, &mut self.ignored)?;
            if op == Op::Replace {
                return Ok(new);
            }
            let mut list = to_list(old);
            union(attribute, &mut list, to_list(new))?;
            return Ok(from_list(attribute, list));
        }
        if !attribute.is_complex() {
            return normalise(attribute, value, self.dialect, &mut self.ignored);
        }
        // What is not named of a single object stays (RFC 7644 §3.5.2.3).
        let Some(value) = unwrapped(attribute, value, self.dialect) else { return Ok(None) };
        let mut whole = to_object(old);
        for (sub, part) in parts(attribute, value, self.dialect, &mut self.ignored)? {
            put(&mut whole, &sub.name, part);
        }
        Ok(in_order(attribute, whole))
    }

    fn without(&mut self, attribute: &Attribute, old: Option<Value>, value: Option<Value>) -> Result<Option<Value>> {
        let listed = value.filter(|_| self.dialect.remove_listed_values && attribute.multi_valued);
        let listed = match listed {
            Some(listed) if !is_empty(&listed) => listed,
            _ => return Ok(None),
        };
        let listed = normalise(attribute, listed, self.dialect, &mut self.ignored)?;
        let mut list = to_list(old);
        subtract(attribute, &mut list, &to_list(listed));
        Ok(from_list(attribute, list))
    }

    fn changed_part(
        &mut self,
        attribute: &Attribute,
        sub: &Attribute,
        old: Option<Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<Option<Value>> {
        let mut whole = to_object(old);
        self.change_part(attribute, sub, &mut whole, op, value)?;
        Ok(in_order(attribute, whole))
    }

    /// Changes a part of an object; whether it was there and is gone.
    fn change_part(
        &mut self,
        attribute: &Attribute,
        sub: &Attribute,
        whole: &mut Map<String, Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<bool> {
        let old = whole.get(&sub.name).cloned();
        let new = self.changed(sub, old.clone(), op, value).map_err(|error| within(attribute, error))?;
        if op == Op::Remove && sub.required && old.is_some() && new.is_none() {
            return Err(required(&format!("{}.{}", attribute.name, sub.name)));
        }
        if sub.mutability == Mutability::Immutable && old.is_some() && new != old {
            return Err(Error::mutability(format!("{}.{} cannot be changed once it is set", attribute.name, sub.name)));
        }
        let gone = old.is_some() && new.is_none();
        put(whole, &sub.name, new);
        Ok(gone)
    }

    /// `emails.type` without a filter: that part of every element, or a first element.
    fn changed_everywhere(
        &mut self,
        attribute: &Attribute,
        sub: &Attribute,
        old: Option<Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<Option<Value>> {
        let mut list = to_list(old);
        if list.is_empty() && op != Op::Remove {
            list.push(Value::Object(Map::new()));
        }
        let all: Vec<usize> = (0..list.len()).collect();
        self.change_parts_at(attribute, sub, &mut list, &all, op, value)?;
        Ok(from_list(attribute, list))
    }

    fn change_parts_at(
        &mut self,
        attribute: &Attribute,
        sub: &Attribute,
        list: &mut [Value],
        chosen: &[usize],
        op: Op,
        value: Option<Value>,
    ) -> Result<()> {
        for &index in chosen {
            let Some(one) = list.get_mut(index) else { continue };
            if !attribute.is_complex() {
                *one = self.changed(&single(attribute), Some(one.take()), op, value.clone())?.unwrap_or(Value::Null);
                continue;
            }
            let Value::Object(whole) = one else { continue };
            let gone = self.change_part(attribute, sub, whole, op, value.clone())?;
            elements::reorder(attribute, whole);
            // The element was made for the sake of this part, so it goes with it.
            let husk = gone && self.dialect.create_missing_element && attribute.multi_valued && is_husk(whole, sub);
            if whole.is_empty() || husk {
                *one = Value::Null;
            }
        }
        settle(attribute, list, chosen)
    }

    /// `emails[type eq "work"]`, maybe with a part behind it.
    fn changed_where(
        &mut self,
        spot: Spot<'_>,
        filter: &Filter,
        old: Option<Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<Option<Value>> {
        let Spot { attribute, sub, .. } = spot;
        let mut list = to_list(old);
        let holds = |one: &Value| filter.matches_element(attribute, one);
        let chosen: Vec<usize> =
            list.iter().enumerate().filter(|(_, one)| holds(one)).map(|(index, _)| index).collect();
        match (op, sub) {
            (Op::Remove, _) if chosen.is_empty() => {}
            (Op::Remove, None) => list.retain(|one| !holds(one)),
            (Op::Add | Op::Replace, _) if chosen.is_empty() => self.create(spot, filter, &mut list, value)?,
            // The value of a `remove` behind a filter says nothing new.
            (Op::Remove, Some(sub)) => self.change_parts_at(attribute, sub, &mut list, &chosen, op, None)?,
            (_, Some(sub)) => self.change_parts_at(attribute, sub, &mut list, &chosen, op, value)?,
            (_, None) => self.replace_at(attribute, filter, &mut list, &chosen, op, value)?,
        }
        Ok(from_list(attribute, list))
    }

    /// Puts a value in the place of the chosen elements, or adds its parts to them. A replaced element
    /// keeps the parts by which it was chosen: the same operation finds it again.
    fn replace_at(
        &mut self,
        attribute: &Attribute,
        filter: &Filter,
        list: &mut [Value],
        chosen: &[usize],
        op: Op,
        value: Option<Value>,
    ) -> Result<()> {
        let value = unwrapped(&single(attribute), value.unwrap_or(Value::Null), self.dialect);
        let kept = seed(attribute, filter, self.dialect).unwrap_or_default();
        for &index in chosen {
            let Some(one) = list.get_mut(index) else { continue };
            let Some(value) = value.clone() else {
                *one = Value::Null;
                continue;
            };
            if !attribute.is_complex() {
                *one = element(attribute, value, self.dialect, &mut self.ignored)?.unwrap_or(Value::Null);
                continue;
            }
            let mut whole = to_object(Some(one.take()));
            if op == Op::Replace && attribute.multi_valued {
                whole.retain(|name, _| kept.iter().any(|(sub, _)| sub.name == *name));
            }
            for (sub, part) in parts(attribute, value, self.dialect, &mut self.ignored)? {
                put(&mut whole, &sub.name, part);
            }
            *one = in_order(attribute, whole).unwrap_or(Value::Null);
        }
        settle(attribute, list, chosen)
    }

    /// Makes the element that a filter looks for in vain (`docs/deviations.toml#create_missing_element`).
    fn create(&mut self, spot: Spot<'_>, filter: &Filter, list: &mut Vec<Value>, value: Option<Value>) -> Result<()> {
        let Spot { attribute, sub, .. } = spot;
        let value = value.unwrap_or(Value::Null);
        if self.dialect.create_missing_element && unwrapped(&single(attribute), value.clone(), self.dialect).is_none() {
            return Ok(());
        }
        let none = || Error::no_target(format!("no value of {} satisfies the filter in the path", attribute.name));
        let seed = seed(attribute, filter, self.dialect).filter(|_| self.dialect.create_missing_element);
        let Some(seed) = seed.filter(|_| attribute.multi_valued || list.is_empty()) else { return Err(none()) };
        if !attribute.is_complex() {
            let value = unwrapped(&single(attribute), value, self.dialect).unwrap_or_default();
            let new = element(attribute, value, self.dialect, &mut self.ignored)?;
            return union(attribute, list, to_list(new));
        }
        let mut whole: Map<String, Value> = seed.into_iter().map(|(sub, part)| (sub.name.clone(), part)).collect();
        let said = match sub {
            Some(sub) => {
                let part = normalise(sub, value, self.dialect, &mut self.ignored);
                vec![(sub, part.map_err(|error| within(attribute, error))?)]
            }
            None => match unwrapped(&single(attribute), value, self.dialect) {
                Some(value) => parts(attribute, value, self.dialect, &mut self.ignored)?,
                None => Vec::new(),
            },
        };
        if said.iter().all(|(_, part)| part.is_none()) {
            return Ok(());
        }
        for (sub, part) in said {
            put(&mut whole, &sub.name, part);
        }
        let Some(new) = in_order(attribute, whole) else { return Ok(()) };
        // The operation may be one that was applied before and moved the element away from its filter.
        if !filter.matches_element(attribute, &new) {
            if list.iter().any(|old| holds_all(attribute, old, &new)) {
                return Ok(());
            }
            if sub.is_some() {
                return Err(none());
            }
        }
        let index = list.len();
        list.push(new);
        settle(attribute, list, &[index])
    }

    fn member_op(&mut self, op: Op, spot: Spot<'_>, value: Option<Value>) -> Result<()> {
        let Spot { attribute, filter, sub, .. } = spot;
        if let Some(sub) = sub.filter(|sub| filter.is_some() || sub.name != "value") {
            return self.read_only(&format!("members.{}", sub.name));
        }
        if let Some(filter) = filter {
            let step = self.selected_members(op, attribute, filter, value)?;
            self.members.extend(step);
            return Ok(());
        }
        let value = value.unwrap_or(Value::Null);
        if is_empty(&value) || (op == Op::Remove && !self.dialect.remove_listed_values) {
            if op != Op::Add {
                self.members.push(MemberOp::RemoveAll);
            }
            return Ok(());
        }
        let named = members(attribute, value, self.dialect, &mut self.ignored)?;
        if named.is_empty() && op != Op::Add {
            // Not understood is not the same as empty: nobody loses a membership over it.
            return Err(Error::invalid_value("none of the members has a value"));
        }
        self.members.push(match op {
            Op::Add => MemberOp::Add(named),
            Op::Replace => MemberOp::Replace(named),
            Op::Remove => MemberOp::Remove(named),
        });
        Ok(())
    }

    fn selected_members(
        &mut self,
        op: Op,
        attribute: &Attribute,
        filter: &Filter,
        value: Option<Value>,
    ) -> Result<Vec<MemberOp>> {
        let selected = selected_values(filter)
            .map(|values| values.into_iter().map(|value| crate::resource::MemberRef { value }).collect::<Vec<_>>());
        match (op, selected) {
            (Op::Remove, Some(selected)) => Ok(vec![MemberOp::Remove(selected)]),
            (Op::Remove, None) => Ok(vec![MemberOp::RemoveMatching(filter.clone())]),
            (_, Some(selected)) if self.dialect.create_missing_element => {
                let named = members(attribute, value.unwrap_or(Value::Null), self.dialect, &mut self.ignored)?;
                if op == Op::Add || named.is_empty() || named == selected {
                    return Ok(vec![MemberOp::Add(selected)]);
                }
                Ok(vec![MemberOp::Remove(selected), MemberOp::Add(named)])
            }
            _ => Err(Error::no_target("a member is added by add at members without a filter")),
        }
    }

    fn read_only(&self, name: &str) -> Result<()> {
        match self.origin {
            Origin::Body => Ok(()),
            Origin::Key if self.dialect.read_only_ignored => Ok(()),
            Origin::Key | Origin::Path => Err(Error::mutability(format!("{name} is written by the server alone"))),
        }
    }

    fn unknown(&mut self, name: &str) -> Result<()> {
        // A filter inside a key holds values.
        let path: String = name.split('[').next().unwrap_or_default().chars().take(REPORTED_CHARS_MAX).collect();
        if self.dialect.unknown_attributes_dropped {
            self.ignored.push(Ignored { path, reason: "no such attribute" });
            return Ok(());
        }
        let detail = format!("{path} is in no schema of this resource type; see /Schemas");
        Err(if self.origin == Origin::Path { Error::invalid_path(detail) } else { Error::invalid_value(detail) })
    }
}

fn required(name: &str) -> Error {
    Error::mutability(format!("{name} is required and cannot be removed"))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn to_object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// The list without what is gone or stands twice; of a single-valued attribute its only value.
fn from_list(attribute: &Attribute, list: Vec<Value>) -> Option<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(list.len());
    for one in list {
        if !one.is_null() && !kept.contains(&one) {
            kept.push(one);
        }
    }
    match attribute.multi_valued {
        true => (!kept.is_empty()).then_some(Value::Array(kept)),
        false => kept.into_iter().next(),
    }
}

/// Whether an element says all that another one says.
fn holds_all(attribute: &Attribute, old: &Value, new: &Value) -> bool {
    new.as_object().is_some_and(|parts| {
        parts.iter().all(|(name, value)| match part(attribute, name) {
            Some(sub) if !sub.multi_valued => old.get(name).and_then(|old| sub.key(old)) == sub.key(value),
            _ => old.get(name) == Some(value),
        })
    })
}

/// The attribute as one of its elements is defined.
fn single(attribute: &Attribute) -> Attribute {
    Attribute { multi_valued: false, ..attribute.clone() }
}
