//! What a value becomes when its attribute gets another type.

use super::normalise;
use crate::Dialect;
use crate::schema::{AttrType, Attribute};
use serde_json::Value;

/// The value under this definition, or nothing where it means nothing there: "12" is a number and "twelve" is none, a list
/// of one is that one, and a list of more is not.
pub fn converted(value: &Value, to: &Attribute) -> Option<Value> {
    let of_one = |one: &Value| element(one, to.attr_type);
    let candidate = match (value, to.multi_valued) {
        (Value::Array(all), true) => Value::Array(all.iter().map(of_one).collect::<Option<_>>()?),
        (Value::Array(all), false) => match all.as_slice() {
            [only] => of_one(only)?,
            _ => return None,
        },
        (one, true) => Value::Array(vec![of_one(one)?]),
        (one, false) => of_one(one)?,
    };
    normalise(to, candidate, &Dialect::default(), &mut Vec::new()).ok().flatten()
}

fn element(value: &Value, to: AttrType) -> Option<Value> {
    Some(match (value, to) {
        (Value::Bool(_) | Value::Number(_), AttrType::String | AttrType::Reference) => value.to_string().into(),
        (Value::Number(number), AttrType::Integer) if number.as_i64().is_none() => whole(number.as_f64()?)?.into(),
        (Value::String(text), AttrType::Integer | AttrType::Decimal) if is_padded(text.trim()) => return None,
        (Value::String(text), AttrType::Integer) => text.trim().parse::<i64>().ok()?.into(),
        (Value::String(text), AttrType::Decimal) => serde_json::Number::from_f64(text.trim().parse().ok()?)?.into(),
        (Value::String(text), AttrType::DateTime | AttrType::Boolean) => text.trim().into(),
        _ => value.clone(),
    })
}

/// Whether digits stand behind a zero in front, as in `0815`: that is a name made of digits, and as a number it would be
/// another one.
fn is_padded(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A number without a fraction, as far as such numbers are exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is within what is exact")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_keep_their_meaning_or_have_none() {
        let cases = [
            (json!("12"), json!({"type": "integer"}), json!(12)),
            (json!(" 12 "), json!({"type": "integer"}), json!(12)),
            (json!(12.0), json!({"type": "integer"}), json!(12)),
            (json!("twelve"), json!({"type": "integer"}), Value::Null),
            (json!("0815"), json!({"type": "integer"}), Value::Null),
            (json!("-007"), json!({"type": "decimal"}), Value::Null),
            (json!("0"), json!({"type": "integer"}), json!(0)),
            (json!("-0.5"), json!({"type": "decimal"}), json!(-0.5)),
            (json!(1.5), json!({"type": "integer"}), Value::Null),
            (json!("1.5"), json!({"type": "decimal"}), json!(1.5)),
            (json!(7), json!({"type": "string"}), json!("7")),
            (json!(true), json!({"type": "string"}), json!("true")),
            (json!("True"), json!({"type": "boolean"}), json!(true)),
            (json!("perhaps"), json!({"type": "boolean"}), Value::Null),
            (json!("2026-01-02T03:04:05Z"), json!({"type": "dateTime"}), json!("2026-01-02T03:04:05Z")),
            (json!("yesterday"), json!({"type": "dateTime"}), Value::Null),
            (json!("a"), json!({"type": "string", "multiValued": true}), json!(["a"])),
            (json!(["a"]), json!({"type": "string"}), json!("a")),
            (json!(["a", "b"]), json!({"type": "string"}), Value::Null),
            (json!(["1", "2"]), json!({"type": "integer", "multiValued": true}), json!([1, 2])),
            (json!("long"), json!({"type": "string", "lengthMax": 3}), Value::Null),
        ];
        for (value, mut definition, due) in cases {
            definition["name"] = "field".into();
            let to = Attribute::from_json(&definition).unwrap();
            assert_eq!(converted(&value, &to).unwrap_or_default(), due, "{value} as {definition}");
        }
    }
}
