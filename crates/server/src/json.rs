//! JSON that comes in: as serde_json reads it, but that no name comes twice in one object. Of two such values one reader
//! takes the first and another the last, and what a gateway in front has judged would not be what is done here.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value in which no name comes twice.
#[derive(Debug)]
pub(crate) struct Unambiguous(pub(crate) Value);

/// Reads a body.
pub(crate) fn parse(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(body).map(|Unambiguous(value)| value)
}

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

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
        let mut all = Vec::new();
        while let Some(Unambiguous(value)) = from.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Unambiguous(value))) = from.next_entry::<String, Unambiguous>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a name comes twice in one object"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
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
}
