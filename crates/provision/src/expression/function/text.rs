//! `String.*`, and the older names of the same without a namespace.

use super::{Call, Function, MANY, function, replace_all};
use crate::expression::Error;
use serde_json::Value;

pub(super) const TABLE: &[Function] = &[
    function("String.append", 2, 2, append),
    function("String.join", 1, MANY, join),
    function("String.len", 1, 1, len),
    function("String.removeSpaces", 1, 1, |call| map(call, |text| text.replace(' ', ""))),
    function("String.trim", 1, 1, |call| map(call, |text| text.trim().to_owned())),
    function("String.replace", 3, 3, replace),
    function("String.replaceFirst", 3, 3, replace_first),
    function("String.startsWith", 2, 2, |call| ask(call, |text, part| text.starts_with(part))),
    function("String.endsWith", 2, 2, |call| ask(call, |text, part| text.ends_with(part))),
    function("String.stringContains", 2, 2, |call| ask(call, |text, part| text.contains(part))),
    function("String.stringSwitch", 2, MANY, string_switch),
    function("String.substring", 2, 3, substring),
    function("String.substringAfter", 2, 2, after),
    function("String.substringBefore", 2, 2, before),
    function("String.toUpperCase", 1, 1, |call| map(call, str::to_uppercase)),
    function("String.toLowerCase", 1, 1, |call| map(call, str::to_lowercase)),
    function("substring", 2, 3, substring),
    function("substringAfter", 2, 2, after),
    function("substringBefore", 2, 2, before),
    function("toUpperCase", 1, 1, |call| map(call, str::to_uppercase)),
    function("toLowerCase", 1, 1, |call| map(call, str::to_lowercase)),
];

fn map(call: &mut Call<'_>, change: impl Fn(&str) -> String) -> Result<Value, Error> {
    Ok(call.text(0)?.map_or(Value::Null, |text| change(&text).into()))
}

fn ask(call: &mut Call<'_>, holds: impl Fn(&str, &str) -> bool) -> Result<Value, Error> {
    let (text, part) = (call.text(0)?, call.text(1)?);
    Ok(text.zip(part).is_some_and(|(text, part)| holds(&text, &part)).into())
}

fn append(call: &mut Call<'_>) -> Result<Value, Error> {
    if call.argument(0).is_null() || call.argument(1).is_null() {
        call.warn("an argument is null; it adds nothing");
    }
    Ok((call.text_or_empty(0)? + &call.text_or_empty(1)?).into())
}

fn join(call: &mut Call<'_>) -> Result<Value, Error> {
    let separator = call.text_or_empty(0)?;
    let mut parts = Vec::new();
    for index in 1..call.arguments.len() {
        match call.argument(index) {
            Value::Array(list) => parts.extend(list.iter().map(|item| super::as_text(item).unwrap_or_default())),
            _ => parts.push(call.text_or_empty(index)?),
        }
    }
    Ok(parts.join(&separator).into())
}

fn len(call: &mut Call<'_>) -> Result<Value, Error> {
    Ok(call.text(0)?.map_or(0, |text| text.chars().count()).into())
}

fn replace(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(text) = call.text(0)? else { return Ok(Value::Null) };
    replace_all(call, &text, &call.text_or_empty(1)?, &call.text_or_empty(2)?).map(Value::from)
}

fn replace_first(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(text) = call.text(0)? else { return Ok(Value::Null) };
    let old = call.text_or_empty(1)?;
    if old.is_empty() {
        return Ok(text.into());
    }
    Ok(text.replacen(&old, &call.text_or_empty(2)?, 1).into())
}

/// The first pair, in the order of the arguments, whose key is a part of the text.
fn string_switch(call: &mut Call<'_>) -> Result<Value, Error> {
    let default = call.argument(1).clone();
    let pairs = call.arguments.get(2..).unwrap_or_default();
    if pairs.len() % 2 != 0 {
        return Err(call.error("a key has no value behind it"));
    }
    let Some(text) = call.text(0)? else { return Ok(default) };
    let fits = |pair: &&[Value]| {
        pair.first().and_then(super::as_text).is_some_and(|key| !key.is_empty() && text.contains(&key))
    };
    Ok(pairs.chunks(2).find(fits).and_then(|pair| pair.get(1)).cloned().unwrap_or(default))
}

/// Counted in characters; what lies outside the text is cut off.
fn substring(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(text) = call.text(0)? else { return Ok(Value::Null) };
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let (start, end) = (call.whole(1)?, if call.arguments.len() > 2 { call.whole(2)? } else { length });
    if start < 0 || start > length || end > length || end < start {
        call.warn("the bounds lie outside the text; they are cut off");
    }
    let start = start.clamp(0, length);
    let count = end.clamp(start, length) - start;
    let part = text.chars().skip(usize::try_from(start).unwrap_or(0)).take(usize::try_from(count).unwrap_or(0));
    Ok(part.collect::<String>().into())
}

/// What follows the first occurrence; nothing if there is none.
fn after(call: &mut Call<'_>) -> Result<Value, Error> {
    let (text, mark) = (call.text(0)?, call.text_or_empty(1)?);
    Ok(text.map_or(Value::Null, |text| text.split_once(&mark).map_or("", |(_, after)| after).into()))
}

/// What stands in front of the first occurrence; everything if there is none.
fn before(call: &mut Call<'_>) -> Result<Value, Error> {
    let (text, mark) = (call.text(0)?, call.text_or_empty(1)?);
    Ok(text.map_or(Value::Null, |text| text.split_once(&mark).map_or(&*text, |(before, _)| before).into()))
}
