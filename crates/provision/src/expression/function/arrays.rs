//! `Arrays.*`. Every list may be given as a comma-separated text.

use super::{Call, Function, MANY, as_list, as_text, function};
use crate::expression::Error;
use serde_json::Value;

pub(super) const TABLE: &[Function] = &[
    function("Arrays.add", 2, 2, |call| {
        let mut list = call.list(0);
        list.push(call.argument(1).clone());
        Ok(list.into())
    }),
    function("Arrays.remove", 2, 2, |call| {
        let gone = call.argument(1).clone();
        Ok(call.list(0).into_iter().filter(|item| !same(item, &gone)).collect())
    }),
    function("Arrays.clear", 1, 1, |_| Ok(Value::Array(Vec::new()))),
    function("Arrays.get", 2, 2, get),
    function("Arrays.flatten", 1, MANY, |call| {
        let mut flat = Vec::new();
        call.arguments.iter().for_each(|argument| flatten(argument, &mut flat));
        Ok(flat.into())
    }),
    function("Arrays.contains", 2, 2, |call| {
        let wanted = call.argument(1);
        Ok(call.list(0).iter().any(|item| same(item, wanted)).into())
    }),
    function("Arrays.size", 1, 1, |call| Ok(call.list(0).len().into())),
    function("Arrays.isEmpty", 1, 1, |call| Ok(call.list(0).is_empty().into())),
    function("Arrays.toCsvString", 1, 1, |call| {
        let list: Vec<String> = call.list(0).iter().map(|item| as_text(item).unwrap_or_default()).collect();
        Ok(list.join(",").into())
    }),
];

/// A list from a text holds texts, so a number equals its text here.
fn same(a: &Value, b: &Value) -> bool {
    a == b || (!a.is_null() && !b.is_null() && as_text(a) == as_text(b))
}

fn get(call: &mut Call<'_>) -> Result<Value, Error> {
    let index = call.whole(1)?;
    let found = usize::try_from(index).ok().and_then(|index| call.list(0).into_iter().nth(index));
    if found.is_none() {
        call.warn("the list has no element with this index; null is taken");
    }
    Ok(found.unwrap_or(Value::Null))
}

fn flatten(value: &Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| flatten(item, flat)),
        other => flat.extend(as_list(other)),
    }
}
