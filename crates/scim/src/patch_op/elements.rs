//! Lists of values: what is the same element, who is primary, what a filter says of a new element.

use crate::resource::{Ignored, element, in_order};
use crate::schema::{AttrType, Attribute};
use crate::{CompareOp, Dialect, Error, Filter, Mutability, Result};
use serde_json::{Map, Value};

/// Parts that say nothing without another one beside them.
const QUALIFIERS: [&str; 3] = ["type", "primary", "display"];

/// The value as a list.
pub(super) fn to_list(value: Option<Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    }
}

/// Adds what is not there yet (RFC 7644 §3.5.2.1); an element with the same `value` and `type` is
/// there, and takes over what the new one says beyond them.
pub(super) fn union(attribute: &Attribute, list: &mut Vec<Value>, new: Vec<Value>) -> Result<()> {
    let mut touched = Vec::with_capacity(new.len());
    for element in new {
        match list.iter().position(|old| is_same(attribute, old, &element)) {
            Some(index) => {
                touched.push(index);
                if let (Some(Value::Object(old)), Value::Object(parts)) = (list.get_mut(index), element) {
                    old.extend(parts);
                    reorder(attribute, old);
                }
            }
            None => {
                touched.push(list.len());
                list.push(element);
            }
        }
    }
    settle(attribute, list, &touched)
}

/// Whether two elements are the same one.
fn is_same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    if !attribute.is_complex() {
        return a == b || attribute.key(a).is_some_and(|key| attribute.key(b) == Some(key));
    }
    let Some(sub) = attribute.sub("value") else { return a == b };
    let has_value = key_of(sub, a).is_some();
    let same_type = attribute.sub("type").is_none_or(|sub| key_of(sub, a) == key_of(sub, b));
    if has_value { key_of(sub, a) == key_of(sub, b) && same_type } else { a == b }
}

fn key_of(sub: &Attribute, element: &Value) -> Option<String> {
    sub.key(element.get(&sub.name)?)
}

/// Takes away the elements that are listed: by `value`, and by `type` where one is given; by all parts
/// where there is no `value`.
pub(super) fn subtract(attribute: &Attribute, list: &mut Vec<Value>, listed: &[Value]) {
    list.retain(|element| !listed.iter().any(|named| is_named(attribute, element, named)));
}

fn is_named(attribute: &Attribute, element: &Value, named: &Value) -> bool {
    if !attribute.is_complex() {
        return is_same(attribute, element, named);
    }
    let said = |sub: &&Attribute| named.get(&sub.name).is_some();
    let counts = |sub: &&Attribute| named.get("value").is_none() || matches!(sub.name.as_str(), "value" | "type");
    let mut subs = attribute.sub_attributes.iter().filter(said).filter(counts).peekable();
    subs.peek().is_some() && subs.all(|sub| key_of(sub, element) == key_of(sub, named))
}

/// If one of these elements is primary, the others are not (RFC 7644 §3.5.2).
pub(super) fn settle(attribute: &Attribute, list: &mut [Value], touched: &[usize]) -> Result<()> {
    let is_primary = |element: Option<&Value>| {
        element.and_then(|element| element.get("primary")).is_some_and(|primary| *primary == Value::Bool(true))
    };
    let mut chosen = touched.iter().copied().filter(|&index| is_primary(list.get(index)));
    let Some(primary) = chosen.next() else { return Ok(()) };
    if chosen.any(|other| other != primary) {
        return Err(Error::invalid_value(format!("{} would have two primary values; mark one", attribute.name)));
    }
    for (index, element) in list.iter_mut().enumerate() {
        if index != primary
            && is_primary(Some(element))
            && let Value::Object(parts) = element
        {
            parts.insert("primary".into(), Value::Bool(false));
        }
    }
    Ok(())
}

/// Whether what is left of an element, once this part is gone, says nothing any more.
pub(super) fn is_husk(parts: &Map<String, Value>, gone: &Attribute) -> bool {
    let says_nothing = |name: &str| QUALIFIERS.iter().any(|qualifier| qualifier.eq_ignore_ascii_case(name));
    !says_nothing(&gone.name) && parts.keys().all(|name| says_nothing(name))
}

/// The parts that a filter of plain `eq` terms asks for; nothing if it asks in any other way.
pub(super) fn seed<'a>(
    attribute: &'a Attribute,
    filter: &Filter,
    dialect: &Dialect,
) -> Option<Vec<(&'a Attribute, Value)>> {
    match filter {
        Filter::And(a, b) => {
            let mut seed = seed(attribute, a, dialect)?;
            seed.extend(self::seed(attribute, b, dialect)?);
            Some(seed)
        }
        Filter::Compare(path, CompareOp::Eq, literal) if !literal.is_null() => {
            let sub = part(attribute, &path.name).filter(|sub| sub.mutability != Mutability::ReadOnly)?;
            let mut unnoted: Vec<Ignored> = Vec::new();
            // A filter compares "true" with a boolean whatever the dialect says of bodies.
            let lenient = Dialect { boolean_strings: true, numbers_for_strings: true, ..*dialect };
            let value = element(sub, literal.clone(), &lenient, &mut unnoted).ok()??;
            Some(vec![(sub, value)])
        }
        _ => None,
    }
}

/// The part of that name; an attribute without parts is its own `value`.
pub(super) fn part<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    if attribute.is_complex() {
        return attribute.sub(name);
    }
    (attribute.attr_type != AttrType::Complex && name.eq_ignore_ascii_case("value")).then_some(attribute)
}

/// The first name in a filter that is no part of the attribute.
pub(super) fn unknown_name<'f>(attribute: &Attribute, filter: &'f Filter) -> Option<&'f str> {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => unknown_name(attribute, a).or_else(|| unknown_name(attribute, b)),
        Filter::Not(inner) => unknown_name(attribute, inner),
        Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => {
            part(attribute, &path.name).is_none().then_some(path.name.as_str())
        }
    }
}

/// The ids that a filter of plain `value eq` terms selects, joined by `or`.
pub(super) fn selected_values(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Or(a, b) => {
            let mut values = selected_values(a)?;
            values.extend(selected_values(b)?);
            Some(values)
        }
        Filter::Compare(path, CompareOp::Eq, Value::String(text)) if path.name.eq_ignore_ascii_case("value") => {
            Some(vec![text.clone()])
        }
        _ => None,
    }
}

/// Puts the parts into the order of the schema.
pub(super) fn reorder(attribute: &Attribute, parts: &mut Map<String, Value>) {
    if let Some(Value::Object(ordered)) = in_order(attribute, std::mem::take(parts)) {
        *parts = ordered;
    }
}
