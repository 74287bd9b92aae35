//! One value made to fit its attribute, or refused: types, leniencies, bounds.

use super::Ignored;
use crate::schema::{AttrType, Attribute, Mutability, STRING_MAX_BYTES, instant, parse_boolean};
use crate::{Dialect, Error, Result};
use serde_json::{Map, Value};

/// Most elements of a multi-valued attribute of a document; a group's members are not kept in one.
pub const ELEMENTS_MAX: usize = 1_000;
/// Up to here every whole number is one of its own as a floating-point number.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// What an integer has to be that is none of ours.
const WITHIN_64_BITS: &str = "a whole number of at most 64 bits, from -9223372036854775808 to 9223372036854775807";

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
        element(attribute, value, dialect, ignored)
    }
}

fn list(attribute: &Attribute, value: Value, dialect: &Dialect, ignored: &mut Vec<Ignored>) -> Result<Option<Value>> {
    let Some(elements) = listed(attribute, value, dialect)? else { return Ok(None) };
    if elements.len() > ELEMENTS_MAX {
        return Err(Error::invalid_value(format!("{} has more than {ELEMENTS_MAX} elements", attribute.name)));
    }
    let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
    for one in elements {
        if let Some(one) = element(attribute, one, dialect, ignored)?
            && !kept.contains(&one)
        {
            kept.push(one);
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

/// The elements that are meant where a list is due; nothing if the list is taken away.
pub(crate) fn listed(attribute: &Attribute, value: Value, dialect: &Dialect) -> Result<Option<Vec<Value>>> {
    match value {
        Value::Null => Ok(None),
        Value::Array(elements) if elements.is_empty() => Ok(None),
        Value::Array(elements) => Ok(Some(elements)),
        Value::String(text) if text.is_empty() && dialect.empty_string_unassigns => Ok(None),
        Value::String(text) if dialect.scalar_for_complex && attribute.is_complex() && text.starts_with('[') => {
            match serde_json::from_str(&text) {
                Ok(Value::Array(elements)) => Ok(Some(elements)),
                _ => Ok(Some(vec![Value::String(text)])),
            }
        }
        one if dialect.object_for_array => Ok(Some(vec![one])),
        _ => Err(Error::invalid_value(format!("{} has to be a list", attribute.name))),
    }
}

/// One element of the attribute, or its only value.
pub(crate) fn element(
    attribute: &Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Option<Value>> {
    let Some(value) = unwrapped(attribute, value, dialect) else { return Ok(None) };
    if !attribute.is_complex() {
        return scalar(attribute, value, dialect).map(Some);
    }
    let mut said = parts(attribute, value, dialect, ignored)?;
    let mut ordered = Map::new();
    for sub in &attribute.sub_attributes {
        // What is said last of a part counts.
        let last = said.iter_mut().rev().find(|(of, _)| std::ptr::eq(*of, sub));
        if let Some(part) = last.and_then(|(_, part)| part.take()) {
            ordered.insert(sub.name.clone(), part);
        }
    }
    Ok((!ordered.is_empty()).then_some(Value::Object(ordered)))
}

/// A value out of a list of one; nothing for what means "no value".
pub(crate) fn unwrapped(attribute: &Attribute, value: Value, dialect: &Dialect) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() && dialect.empty_string_unassigns => None,
        Value::Array(mut elements)
            if !attribute.multi_valued && elements.len() <= 1 && (dialect.array_for_single || elements.is_empty()) =>
        {
            match elements.pop() {
                Some(only @ Value::Array(_)) => Some(only),
                Some(only) => unwrapped(attribute, only, dialect),
                None => None,
            }
        }
        other => Some(other),
    }
}

/// What a value says about the parts of a complex attribute: the new value of each part that it
/// names, or nothing where it takes the part away.
pub(crate) fn parts<'a>(
    attribute: &'a Attribute,
    value: Value,
    dialect: &Dialect,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<(&'a Attribute, Option<Value>)>> {
    let sent = match value {
        Value::Object(sent) if dialect.scalar_for_complex => unpacked(attribute, sent),
        Value::Object(sent) => sent,
        Value::Array(_) => {
            return Err(Error::invalid_value(format!("{} takes objects, not lists in lists", attribute.name)));
        }
        scalar if dialect.scalar_for_complex && attribute.sub("value").is_some() => wrap(scalar),
        _ => return Err(Error::invalid_value(format!("{} has to be an object", attribute.name))),
    };
    let mut said = Vec::with_capacity(sent.len());
    if let Some(id) = reference_tail(attribute, &sent)
        && let Some(sub) = attribute.sub("value")
    {
        said.push((sub, Some(Value::String(id))));
    }
    let referred = !said.is_empty();
    for (name, part) in sent {
        let alias = || if dialect.scalar_for_complex { alias(attribute, &name) } else { None };
        let Some(sub) = attribute.sub(&name).or_else(alias) else {
            let path = format!("{}.{name}", attribute.name);
            if !dialect.unknown_attributes_dropped {
                return Err(Error::invalid_value(format!("{path} is in no schema of this resource type")));
            }
            ignored.push(Ignored { path, reason: "no such sub-attribute" });
            continue;
        };
        // The address of another resource follows from its id; the server writes it when it answers.
        let follows = sub.name == "$ref" && attribute.sub("value").is_some();
        if sub.mutability == Mutability::ReadOnly || follows || (referred && sub.name == "value") {
            continue;
        }
        let part = normalise(sub, part, dialect, ignored).map_err(|error| within(attribute, error))?;
        said.push((sub, part));
    }
    Ok(said)
}

/// An error about a part, told with the attribute that it is a part of.
pub(crate) fn within(attribute: &Attribute, error: Error) -> Error {
    Error { detail: format!("{}.{}", attribute.name, error.detail), ..error }
}

/// The parts in the order of the schema; nothing if there is none.
pub(crate) fn in_order(attribute: &Attribute, mut parts: Map<String, Value>) -> Option<Value> {
    let mut ordered = Map::new();
    for sub in &attribute.sub_attributes {
        if let Some(part) = parts.swap_remove(&sub.name) {
            ordered.insert(sub.name.clone(), part);
        }
    }
    (!ordered.is_empty()).then_some(Value::Object(ordered))
}

/// A scalar where an object with a `value` is due.
fn wrap(scalar: Value) -> Map<String, Value> {
    packed(&scalar).unwrap_or_else(|| Map::from_iter([("value".to_owned(), scalar)]))
}

/// The object that stands as JSON inside a string, as Entra sends app roles
/// (`docs/deviations.toml#scalar_for_complex`). Its `id` serves where it has no `value`.
fn packed(scalar: &Value) -> Option<Map<String, Value>> {
    let text = scalar.as_str().filter(|text| text.trim_start().starts_with('{'))?;
    let Ok(Value::Object(mut inner)) = serde_json::from_str(text) else { return None };
    let id = inner.shift_remove("id");
    if let (false, Some(id)) = (inner.contains_key("value"), id) {
        inner.insert("value".to_owned(), id);
    }
    inner.contains_key("value").then_some(inner)
}

/// As `packed`, where the string is the `value` of an object; what the object says itself comes first.
fn unpacked(attribute: &Attribute, mut sent: Map<String, Value>) -> Map<String, Value> {
    if attribute.sub("value").is_some()
        && let Some(mut inner) = sent.get("value").and_then(packed)
    {
        sent.shift_remove("value");
        inner.extend(sent);
        return inner;
    }
    sent
}

/// Names by which clients call a part: `displayName` for `display`.
fn alias<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    name.eq_ignore_ascii_case("displayName").then(|| attribute.sub("display"))?
}

/// The id at the end of `$ref`, for a reference that names its target only so.
fn reference_tail(attribute: &Attribute, parts: &Map<String, Value>) -> Option<String> {
    attribute.sub("$ref")?;
    let named = |wanted: &str| parts.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, part)| part);
    if named("value").is_some() {
        return None;
    }
    named("$ref")?.as_str()?.trim_end_matches('/').rsplit('/').next().filter(|id| !id.is_empty()).map(str::to_owned)
}

fn scalar(attribute: &Attribute, value: Value, dialect: &Dialect) -> Result<Value> {
    let wrong = |what: &str| Err(Error::invalid_value(format!("{} has to be {what}", attribute.name)));
    match (attribute.attr_type, value) {
        (AttrType::Boolean, Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (AttrType::Boolean, Value::String(text)) if dialect.boolean_strings => {
            parse_boolean(text.trim()).map_or_else(|| wrong("true or false"), |flag| Ok(Value::Bool(flag)))
        }
        (AttrType::Boolean, _) => wrong("true or false"),
        (AttrType::Integer, Value::Number(number)) if number.is_u64() && !number.is_i64() => wrong(WITHIN_64_BITS),
        (AttrType::Integer, value) => {
            integer(&value, dialect).map_or_else(|| wrong("a whole number"), |n| Ok(n.into()))
        }
        (AttrType::Decimal, Value::Number(number)) => Ok(Value::Number(number)),
        (AttrType::Decimal, Value::String(text)) if dialect.numbers_for_strings => {
            let number = text.trim().parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or_else(|| wrong("a number"), |number| Ok(Value::Number(number)))
        }
        (AttrType::Decimal, _) => wrong("a number"),
        (AttrType::DateTime, Value::String(text)) if is_date_time(&text) && instant(&text).is_some() => {
            Ok(Value::String(text))
        }
        (AttrType::DateTime, _) => wrong("a date and time such as 2026-11-24T09:30:00Z"),
        (AttrType::Binary, Value::String(text)) if text.chars().all(is_base64) => Ok(Value::String(text)),
        (AttrType::Binary, _) => wrong("base64"),
        (_, Value::String(text)) => bounded(attribute, text),
        // Two long ids would become one and the same number, and two people one.
        (_, Value::Number(number)) if dialect.numbers_for_strings && is_rounded(&number) => {
            wrong("a string: so long a number is not kept digit by digit, put it in quotation marks")
        }
        (_, number @ (Value::Number(_) | Value::Bool(_))) if dialect.numbers_for_strings => {
            bounded(attribute, number.to_string())
        }
        _ => wrong("a string"),
    }
}

/// RFC 4648 in either alphabet; certificates often come in lines.
fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=') || c.is_ascii_whitespace()
}

/// The form of `xsd:dateTime` (RFC 7643 §2.3.5). `instant` also reads others, such as a space for the `T`, which whoever gets
/// the value back would not.
fn is_date_time(text: &str) -> bool {
    let (date, time) = text.split_once('T').unwrap_or_default();
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = |text: &str, mark: char, lengths: &[usize]| {
        let parts: Vec<&str> = text.split(mark).collect();
        parts.len() == lengths.len() && parts.iter().zip(lengths).all(|(part, length)| digits(part, *length))
    };
    let clock = |time: &str| {
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, "0"));
        parts(seconds, ':', &[2, 2, 2]) && digits(fraction, fraction.len().max(1)) && !seconds.ends_with("60")
    };
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, "00:00"),
        None => time.split_once(['+', '-']).unwrap_or((time, "00:00")),
    };
    parts(date, '-', &[4, 2, 2]) && clock(time) && parts(offset, ':', &[2, 2]) && offset <= "14:00"
}

/// Whether a number has lost digits on its way through JSON: from there on two integers may be one.
fn is_rounded(number: &serde_json::Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|number| number.abs() > EXACT_MAX)
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
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked in the same line")]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

fn bounded(attribute: &Attribute, text: String) -> Result<Value> {
    let name = &attribute.name;
    if text.len() > STRING_MAX_BYTES {
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
