//! One value made to fit its attribute, or refused: types, leniencies, bounds.

use super::Ignored;
use crate::schema::{AttrType, Attribute, Mutability, STRING_MAX_BYTES, instant, parse_boolean};
use crate::{Dialect, Error, Result};
use serde_json::{Map, Value};

/// Most elements of a multi-valued attribute of a document; a group's members are not kept in one.
pub const ELEMENTS_MAX: usize = 1_000;

/// The value as the attribute keeps it; nothing if it takes the attribute away.
pub fn normalise(
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Option<Value>> {
    if attribute.multi_valued {
        list(attribute, value, dialect, ignored)
    } else {
        single(attribute, value, dialect, ignored)
    }
}

fn list(attribute: &Attribute, value: Value, dialect: &Dialect, ignored: &mut Vec<Ignored>) -> Result<Option<Value>> {
    let elements = match value {
        Value::Null => return Ok(None),
        Value::Array(elements) => elements,
        Value::String(text) if text.is_empty() && dialect.empty_string_unassigns => return Ok(None),
        one if dialect.object_for_array => vec![one],
        _ => return Err(Error::invalid_value(format!("{} is a list", attribute.name))),
    };
    if elements.len() > ELEMENTS_MAX {
        return Err(Error::invalid_value(format!("{} has more than {ELEMENTS_MAX} elements", attribute.name)));
    }
    let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if let Some(element) = single(attribute, element, dialect, ignored)?
            && !kept.contains(&element)
        {
            kept.push(element);
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

fn single(attribute: &Attribute, value: Value, dialect: &Dialect, ignored: &mut Vec<Ignored>) -> Result<Option<Value>> {
    let value = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() && dialect.empty_string_unassigns => return Ok(None),
        Value::Array(mut elements)
            if !attribute.multi_valued && elements.len() <= 1 && (dialect.array_for_single || elements.is_empty()) =>
        {
            match elements.pop() {
                None => return Ok(None),
                Some(only) => return single(attribute, only, dialect, ignored),
            }
        }
        other => other,
    };
    if attribute.is_complex() {
        complex(attribute, value, dialect, ignored)
    } else {
        scalar(attribute, value, dialect).map(Some)
    }
}

fn complex(
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Option<Value>> {
    let parts = match value {
        Value::Object(parts) => parts,
        Value::Array(_) => {
            return Err(Error::invalid_value(format!("{} takes objects, not lists in lists", attribute.name)));
        }
        scalar if dialect.scalar_for_complex && attribute.sub("value").is_some() => wrap(scalar),
        _ => return Err(Error::invalid_value(format!("{} is an object", attribute.name))),
    };
    let mut kept = Map::new();
    let from_ref = reference_tail(attribute, &parts);
    for (name, part) in parts {
        let Some(sub) = attribute.sub(&name).or_else(|| alias(attribute, &name)) else {
            let path = format!("{}.{name}", attribute.name);
            if !dialect.unknown_attributes_dropped {
                return Err(Error::invalid_value(format!("{path} is in no schema of this resource type")));
            }
            ignored.push(Ignored { path, reason: "no such sub-attribute" });
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(part) = normalise(sub, part, dialect, ignored)? {
            kept.insert(sub.name.clone(), part);
        }
    }
    if let Some(id) = from_ref {
        kept.entry("value").or_insert(Value::String(id));
    }
    let mut ordered = Map::new();
    for sub in &attribute.sub_attributes {
        if let Some(part) = kept.remove(&sub.name) {
            ordered.insert(sub.name.clone(), part);
        }
    }
    Ok((!ordered.is_empty()).then_some(Value::Object(ordered)))
}

/// A scalar where an object with a `value` is due; a JSON object inside a string is taken apart, as
/// Entra sends app roles (`docs/deviations.toml#scalar_for_complex`).
fn wrap(scalar: Value) -> Map<String, Value> {
    if let Value::String(text) = &scalar
        && text.trim_start().starts_with('{')
        && let Ok(Value::Object(inner)) = serde_json::from_str(text)
        && (inner.contains_key("value") || inner.contains_key("id"))
    {
        return inner;
    }
    Map::from_iter([("value".to_owned(), scalar)])
}

/// Names by which clients call a part: `displayName` for `display`, `id` for nothing of ours.
fn alias<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    name.eq_ignore_ascii_case("displayName").then(|| attribute.sub("display"))?
}

/// The id at the end of `$ref`, for a reference that names its target only so.
fn reference_tail(attribute: &Attribute, parts: &Map<String, Value>) -> Option<String> {
    attribute.sub("$ref")?;
    let named = |wanted: &str| parts.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, part)| part);
    if named("value").is_some_and(|value| !value.is_null()) {
        return None;
    }
    named("$ref")?.as_str()?.trim_end_matches('/').rsplit('/').next().filter(|id| !id.is_empty()).map(str::to_owned)
}

fn scalar(attribute: &Attribute, value: Value, dialect: &Dialect) -> Result<Value> {
    let wrong = |what: &str| Err(Error::invalid_value(format!("{} is {what}", attribute.name)));
    match (attribute.attr_type, value) {
        (AttrType::Boolean, Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (AttrType::Boolean, Value::String(text)) if dialect.boolean_strings => {
            parse_boolean(text.trim()).map_or_else(|| wrong("true or false"), |flag| Ok(Value::Bool(flag)))
        }
        (AttrType::Boolean, _) => wrong("true or false"),
        (AttrType::Integer, value) => {
            integer(&value, dialect).map_or_else(|| wrong("a whole number"), |n| Ok(n.into()))
        }
        (AttrType::Decimal, Value::Number(number)) => Ok(Value::Number(number)),
        (AttrType::Decimal, Value::String(text)) if dialect.numbers_for_strings => {
            let number = text.trim().parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or_else(|| wrong("a number"), |number| Ok(Value::Number(number)))
        }
        (AttrType::Decimal, _) => wrong("a number"),
        (AttrType::DateTime, Value::String(text)) if instant(&text).is_some() => Ok(Value::String(text)),
        (AttrType::DateTime, _) => wrong("a date and time such as 2026-11-24T09:30:00Z"),
        (_, Value::String(text)) => bounded(attribute, text),
        (_, number @ (Value::Number(_) | Value::Bool(_))) if dialect.numbers_for_strings => {
            bounded(attribute, number.to_string())
        }
        _ => wrong("a string"),
    }
}

fn integer(value: &Value, dialect: &Dialect) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) if dialect.numbers_for_strings => text.trim().parse().ok(),
        _ => None,
    }
}

/// `3.0` is an integer too; JSON does not tell the two apart.
fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked in the same line")]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

fn bounded(attribute: &Attribute, text: String) -> Result<Value> {
    let name = &attribute.name;
    if text.len() > STRING_MAX_BYTES && attribute.attr_type != AttrType::Binary {
        return Err(Error::invalid_value(format!("{name} is longer than {STRING_MAX_BYTES} bytes")));
    }
    let (least, most) = (attribute.length_min.unwrap_or(0), attribute.length_max.unwrap_or(u32::MAX));
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if length < least || length > most {
        return Err(Error::invalid_value(match attribute.length_max {
            Some(most) => format!("{name} takes between {least} and {most} characters"),
            None => format!("{name} takes at least {least} characters"),
        }));
    }
    if text.contains('\0') {
        return Err(Error::invalid_value(format!("{name} contains a NUL character")));
    }
    Ok(Value::String(text))
}
