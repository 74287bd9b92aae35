//! JSON that comes in: as serde_json reads it, but that no name comes twice in one object, and that nothing is nested more
//! deeply than anything that is meant. Of two values of one name one reader takes the first and another the last, and what
//! a gateway in front has judged would not be what is done here.

use crate::limits;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a body.
pub(crate) fn parse(body: &[u8]) -> serde_json::Result<Value> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let value = Reader { levels: limits::JSON_DEPTH_MAX }.deserialize(&mut from)?;
    from.end()?;
    Ok(value)
}

/// What is wrong with a body, without a value of it: the parser quotes nothing that it has found where it cannot read on.
pub(crate) fn wrong(body: &[u8], error: &serde_json::Error) -> String {
    let told = error.to_string();
    let what = told.split(" at line").next().unwrap_or_default();
    if error.is_data() {
        return what.to_owned();
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return "a byte order mark stands in front of it; leave these three bytes out".to_owned();
    }
    match std::str::from_utf8(body) {
        Err(from) => format!("it is not UTF-8 behind byte {}", from.valid_up_to()),
        Ok(_) => format!("it is not JSON, {what}"),
    }
}

/// What was wanted instead. Errors of data name fields and types, but some quote what they found: that is left out.
pub(crate) fn wanted(told: &str) -> String {
    let told = told.rsplit_once(" at line").map_or(told, |(told, _)| told);
    let is_about_fields = ["missing field `", "duplicate field `", "more than ", "a name comes twice"]
        .iter()
        .any(|start| told.starts_with(start));
    if is_about_fields {
        return told.to_owned();
    }
    let expected = told.rsplit_once(", expected ").map(|(_, expected)| match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "a map" => "an object",
        "a sequence" => "an array",
        other if other.starts_with("struct ") => "an object",
        other => other,
    });
    match (told.split('`').next(), expected) {
        (Some("unknown field "), Some(expected)) => match told.split('`').nth(1).filter(|name| is_plain(name)) {
            Some(name) => format!("there is no field `{name}`, expected {expected}"),
            None => format!("there is no such field, expected {expected}"),
        },
        (Some("unknown variant "), Some(expected)) => {
            format!("a value is none of those that there are, expected {expected}")
        }
        (_, Some(expected)) if told.starts_with("invalid ") => {
            format!("a value is of the wrong type, expected {expected}")
        }
        _ => "a field is missing, unknown, twice there, or of the wrong type".to_owned(),
    }
}

/// Whether it is a name such as somebody mistypes: a token, an address or a sentence in its place is not said again.
fn is_plain(name: &str) -> bool {
    const CHARS_MAX: usize = 32;
    let mut chars = name.chars();
    name.len() <= CHARS_MAX
        && chars.next().is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric())
}

/// Reads a value that may have so many levels below it.
#[derive(Clone, Copy)]
struct Reader {
    levels: usize,
}

impl Reader {
    /// For what an array or an object holds.
    fn inner<E: Error>(self) -> Result<Self, E> {
        let deeper = self.levels.checked_sub(1).map(|levels| Self { levels });
        deeper.ok_or_else(|| E::custom(format_args!("more than {} levels are nested", limits::JSON_DEPTH_MAX)))
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let (inner, mut all) = (self.inner()?, Vec::new());
        while let Some(value) = from.next_element_seed(inner)? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let (inner, mut all) = (self.inner()?, Map::new());
        while let Some(name) = from.next_key::<String>()? {
            if all.insert(name, from.next_value_seed(inner)?).is_some() {
                return Err(A::Error::custom("a name comes twice in one object"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, wanted, wrong};
    use crate::limits;
    use serde_json::Value;

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in [
            r#"{"a":[1,-2,3.5,1e300,true,null,"x\u00e4\n"],"b":{"a":{}}}"#,
            "18446744073709551615",
            "-9223372036854775808",
            "[]",
            "\"\"",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn no_name_comes_twice() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"\u0061":3}}]"#] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.is_data() && error.to_string().contains("twice"), "{error}");
        }
        assert!(parse(br#"{"a":{"a":1},"A":2}"#).is_ok());
        assert!(parse(br#"{"a":1} x"#).is_err());
    }

    #[test]
    fn what_is_nested_too_deeply_is_not_read() {
        let nested = |levels: usize| {
            [
                format!("{}1{}", "[".repeat(levels), "]".repeat(levels)),
                "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels),
            ]
        };
        for text in nested(limits::JSON_DEPTH_MAX) {
            assert!(parse(text.as_bytes()).is_ok(), "{text}");
        }
        for text in nested(limits::JSON_DEPTH_MAX + 1) {
            assert_eq!(said(text.as_bytes()), "more than 32 levels are nested");
        }
    }

    fn said(body: &[u8]) -> String {
        wrong(body, &parse(body).unwrap_err())
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        for (body, what) in [
            (&b"["[..], "it is not JSON, EOF while parsing a list"),
            (b"{\"userName\":\"secret\",}", "it is not JSON, trailing comma"),
            (b"{'userName':'secret'}", "it is not JSON, key must be a string"),
            (b"{\"a\":secret}", "it is not JSON, expected value"),
            (b"{\"a\":\"secret\\q\"}", "it is not JSON, invalid escape"),
            (b"{\"a\":1e999}", "it is not JSON, number out of range"),
            (b"{\"a\":\"b\"}secret", "it is not JSON, trailing characters"),
            (b"\xef\xbb\xbf{}", "a byte order mark stands in front of it; leave these three bytes out"),
            (b"{\"a\":\"\xe4\"}", "it is not UTF-8 behind byte 6"),
            (b"\xff\xfe{\0", "it is not UTF-8 behind byte 0"),
        ] {
            assert_eq!(said(body), what);
        }
    }

    #[test]
    fn what_does_not_fit_is_said_without_a_value() {
        for (told, said) in [
            ("missing field `label` at line 1 column 2", "missing field `label`"),
            ("duplicate field `label` at line 1 column 9", "duplicate field `label`"),
            ("a name comes twice in one object at line 1 column 9", "a name comes twice in one object"),
            (
                "unknown field `lable`, expected one of `label`, `scope` at line 1 column 9",
                "there is no field `lable`, expected one of `label`, `scope`",
            ),
            (
                "unknown field `pv_secret`, expected `label` at line 1 column 9",
                "there is no such field, expected `label`",
            ),
            (
                "unknown field `adam@example.com`, expected `label` at line 1 column 9",
                "there is no such field, expected `label`",
            ),
            (
                "unknown field ``, expected `label`, expected `label` at line 1 column 9",
                "there is no such field, expected `label`",
            ),
            (
                "invalid type: string \"secret\", expected struct Dialect at line 1 column 9",
                "a value is of the wrong type, expected an object",
            ),
            (
                "invalid type: map, expected a sequence at line 1 column 9",
                "a value is of the wrong type, expected an array",
            ),
            (
                "invalid type: string \"secret, expected x\", expected a boolean at line 1 column 9",
                "a value is of the wrong type, expected a boolean",
            ),
            (
                "unknown variant `secret`, expected `a` or `b` at line 1 column 9",
                "a value is none of those that there are, expected `a` or `b`",
            ),
            (
                "invalid value: integer `-7`, expected u32 at line 1 column 9",
                "a value is of the wrong type, expected a whole number that is not negative",
            ),
            ("secret at line 1 column 9", "a field is missing, unknown, twice there, or of the wrong type"),
        ] {
            assert_eq!(wanted(told), said);
        }
    }
}
