//! The assertions that a line can make about an answer: `[JSON pointer, what, value]`.

use crate::client::Answer;
use crate::harness::values;
use serde_json::Value;

pub(super) fn check(assertion: &Value, body: &Value, answer: &Answer) -> Result<(), String> {
    let pointer = assertion[0].as_str().ok_or("the first part is a JSON pointer")?;
    let what = assertion[1].as_str().ok_or("the second part says what")?;
    let want = &assertion[2];
    if what == "header" {
        let have = answer.header(want.as_str().unwrap_or_default());
        return truth(have.is_some_and(|value| !value.is_empty()), have);
    }
    let have = body.pointer(pointer);
    match what {
        "absent" => truth(have.is_none_or(Value::is_null), have),
        "present" => truth(have.is_some_and(|have| !have.is_null()), have),
        "not empty" => truth(have.is_some_and(filled), have),
        _ => holds(what, have.ok_or_else(|| format!("nothing at {pointer}"))?, want),
    }
}

fn holds(what: &str, have: &Value, want: &Value) -> Result<(), String> {
    let list = have.as_array().map(Vec::as_slice);
    let length = list.map(<[Value]>::len);
    let ok = match what {
        "is" => have == want,
        "is not" => have != want,
        "integer" => have.is_u64(),
        "boolean" => have.is_boolean(),
        "array" => have.is_array(),
        "object" => have.is_object(),
        "contains" => list.is_some_and(|list| list.contains(want)),
        "mentions" => have.as_str().zip(want.as_str()).is_some_and(|(have, want)| have.contains(want)),
        "length" => length.is_some_and(|length| want == &Value::from(length)),
        "at most" => length.is_some_and(|length| want.as_u64().is_some_and(|most| length as u64 <= most)),
        "each has" => list.is_some_and(|list| {
            let names = || want.as_array().into_iter().flatten().filter_map(Value::as_str);
            list.iter().all(|element| names().all(|name| element.get(name).is_some_and(filled)))
        }),
        "each lacks" => list.is_some_and(|list| {
            let name = want.as_str().unwrap_or_default();
            list.iter().all(|element| element.get(name).is_none())
        }),
        "values" => values(have) == sorted(want),
        "no nulls" => no_nulls(have),
        "camelCase" => camel_case(have),
        _ => return Err(format!("no assertion is called {what}")),
    };
    truth(ok, Some(have))
}

fn truth(ok: bool, have: impl std::fmt::Debug) -> Result<(), String> {
    if ok { Ok(()) } else { Err(format!("found {have:?}")) }
}

/// What Okta's suites call not empty; `false` is a value.
fn filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn sorted(list: &Value) -> Vec<String> {
    let mut texts: Vec<String> =
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    texts.sort();
    texts
}

fn no_nulls(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().all(no_nulls),
        Value::Object(map) => map.values().all(no_nulls),
        _ => true,
    }
}

/// Every member's name, and every attribute's `name`, begins with a small letter; envelopes, URNs and `$ref` aside.
fn camel_case(value: &Value) -> bool {
    let small = |name: &str| !name.starts_with(|first: char| first.is_ascii_uppercase());
    match value {
        Value::Array(list) => list.iter().all(camel_case),
        Value::Object(map) => map.iter().all(|(name, value)| {
            let attribute = map.contains_key("multiValued") && name == "name";
            let envelope = name == "Resources";
            (small(name) || envelope) && (!attribute || value.as_str().is_some_and(small)) && camel_case(value)
        }),
        _ => true,
    }
}
