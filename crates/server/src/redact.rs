//! What the provisioning log keeps of a body: everything but secrets.
//!
//! Secrets are the attributes that are never returned (`password` and a tenant's own). A body is parsed only when
//! it might hold one; one that might and cannot be parsed is not kept at all.

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

/// What stands in the log in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The names whose values are secrets, in lower case, and what looks for them in a body.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(Vec<(String, memmem::Finder<'static>)>);

impl Secrets {
    /// From the names of the attributes that are never returned; words that hold secrets everywhere are added.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<String> = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        all.extend(["password", "token", "secret", "authorization"].map(str::to_owned));
        all.sort();
        all.dedup();
        Self(all.into_iter().map(|name| (name.clone(), memmem::Finder::new(&name).into_owned())).collect())
    }

    /// The body as it may be kept, cut to `bytes_max`.
    pub(crate) fn body(&self, body: &[u8], bytes_max: usize) -> String {
        if body.is_empty() {
            return String::new();
        }
        if !self.may_hold(body) {
            return cut_bytes(body, bytes_max);
        }
        match self.without(body) {
            Ok(text) => cut(&text, bytes_max).into_owned(),
            Err(_) => format!("[{} bytes that are not JSON and may hold a secret: not kept]", body.len()),
        }
    }

    /// A body without its secrets. Parts of it that cannot hold one are copied as they are: a password at the top, which
    /// identity providers send with everybody, costs no look into the rest.
    fn without(&self, body: &[u8]) -> serde_json::Result<String> {
        let whole = || serde_json::from_slice::<Value>(body).map(|value| self.cleaned(value).to_string());
        let Ok(Parts(parts)) = serde_json::from_slice(body) else { return whole() };
        // What such a one says is about the parts beside it.
        if parts.iter().any(|(name, _)| ["path", "filter"].iter().any(|other| name.eq_ignore_ascii_case(other))) {
            return whole();
        }
        let mut text = String::with_capacity(body.len());
        for (name, raw) in &parts {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::to_string(name)?);
            text.push(':');
            if self.names(name) && raw.get() != "null" {
                text.push_str(&serde_json::to_string(REDACTED)?);
            } else if self.may_hold(raw.get().as_bytes()) {
                text.push_str(&self.cleaned(serde_json::from_str(raw.get())?).to_string());
            } else {
                text.push_str(raw.get());
            }
        }
        text.push_str(if parts.is_empty() { "{}" } else { "}" });
        Ok(text)
    }

    fn cleaned(&self, mut value: Value) -> Value {
        self.clean(&mut value);
        value
    }

    /// A query string as it may be kept: a filter on a secret is one.
    pub(crate) fn query(&self, query: &str, bytes_max: usize) -> String {
        if self.may_hold(query.as_bytes()) || query.contains('%') && self.may_hold(decode(query).as_bytes()) {
            return REDACTED.to_owned();
        }
        cut(query, bytes_max).into_owned()
    }

    /// Whether an attribute's name, maybe as a path, is one of a secret.
    pub(crate) fn names(&self, path: &str) -> bool {
        let mut words = path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        words.any(|word| self.0.iter().any(|(name, _)| name.eq_ignore_ascii_case(word)))
    }

    /// Takes the secrets out of a value.
    pub(crate) fn clean(&self, value: &mut Value) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.clean(element)),
            Value::Object(map) => {
                let names_secret = |path: &Value| path.as_str().is_some_and(|path| self.names(path));
                let at_secret = map.iter().any(|(key, path)| key.eq_ignore_ascii_case("path") && names_secret(path));
                // A comparison with a secret holds one: a filter, or one in a path.
                let compares = |key: &str, part: &Value| {
                    let in_path =
                        key.eq_ignore_ascii_case("path") && part.as_str().is_some_and(|text| text.contains('['));
                    (in_path || key.eq_ignore_ascii_case("filter")) && names_secret(part)
                };
                for (key, part) in map.iter_mut() {
                    let is_secret = (self.names(key) && !part.is_null()) || compares(key, part);
                    if is_secret || (at_secret && key.eq_ignore_ascii_case("value")) {
                        *part = REDACTED.into();
                    } else {
                        self.clean(part);
                    }
                }
            }
            _ => {}
        }
    }

    /// A `\u` escape may spell any name, so a body with one is looked into.
    fn may_hold(&self, body: &[u8]) -> bool {
        let folded = body.to_ascii_lowercase();
        memmem::find(&folded, b"\\u").is_some() || self.0.iter().any(|(_, finder)| finder.find(&folded).is_some())
    }
}

/// The parts of an object as they were written.
struct Parts<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Parts<'b> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    parts.push((name, map.next_value()?));
                }
                Ok(parts)
            }
        }
        from.deserialize_map(Object).map(Parts)
    }
}

/// A name, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

/// A value as an example: whoever knows it recognises it, nobody else can read it.
pub(crate) fn masked(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(_) => "•••".to_owned(),
        Value::String(text) => masked_text(text),
        Value::Array(all) => all.first().map(masked).unwrap_or_default(),
        Value::Object(parts) => {
            let main = ["value", "display", "formatted", "givenName"].iter().find_map(|name| parts.get(*name));
            main.or_else(|| parts.values().next()).map(masked).unwrap_or_default()
        }
    }
}

fn masked_text(text: &str) -> String {
    /// Of a shorter text the last letter would say too much.
    const CHARS_MIN: usize = 6;
    if text == REDACTED {
        return text.to_owned();
    }
    let (first, length) = (text.chars().next().map(String::from).unwrap_or_default(), text.chars().count());
    let last = text.chars().next_back().filter(|_| length >= CHARS_MIN).map(String::from).unwrap_or_default();
    if text.is_empty() { String::new() } else { format!("{first}•••{last}") }
}

/// A text without tokens of this server, wherever somebody put one by mistake: into an address, a name, a body.
pub(crate) fn without_tokens(text: Cow<'_, str>) -> Cow<'_, str> {
    /// Shorter than any token, longer than any word.
    const CHARS_MIN: usize = 20;
    static BEGINNING: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("pv"));
    if BEGINNING.find(text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("pv") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let prefix = token_prefix(from);
        let length = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(from.len());
        let (word, behind) = from.split_at(length.max("pv".len()));
        match prefix {
            Some(prefix) if word.len() >= CHARS_MIN => out.extend([prefix, REDACTED]),
            _ => out.push_str(word),
        }
        rest = behind;
    }
    (out + rest).into()
}

/// `pv_`, or with a letter that says what kind of token it is.
fn token_prefix(text: &str) -> Option<&str> {
    let kind = text.strip_prefix("pv")?.split('_').next().filter(|kind| kind.len() <= 1)?;
    let is_kind = kind.bytes().all(|letter| letter.is_ascii_lowercase());
    text.get(.."pv_".len() + kind.len()).filter(|prefix| is_kind && prefix.ends_with('_'))
}

fn decode(query: &str) -> String {
    crate::query::decode(query)
}

/// A text of at most so many bytes, saying what was cut.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return text.into();
    }
    let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    format!("{kept}… [{} of {} bytes]", kept.len(), text.len()).into()
}

/// As `cut`, without looking at the bytes that are not kept.
pub(crate) fn cut_bytes(text: &[u8], bytes_max: usize) -> String {
    let Some((kept, _)) = text.split_at_checked(bytes_max) else {
        // Looking for what is broken takes many times as long as seeing that nothing is.
        return std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text).into_owned(), str::to_owned);
    };
    let kept = whole_characters(kept);
    if kept.len() == text.len() {
        kept.to_owned()
    } else {
        format!("{kept}… [{} of {} bytes]", kept.len(), text.len())
    }
}

/// Of what is sent in pieces, of which nobody knows yet how many follow this one.
pub(crate) fn cut_piece(first: &[u8], bytes_max: usize) -> String {
    let kept = whole_characters(first.get(..bytes_max).unwrap_or(first));
    format!("{kept}… [{} of more than {} bytes, sent in pieces]", kept.len(), first.len())
}

/// What a cut leaves of a character is at the end and short.
fn whole_characters(cut: &[u8]) -> &str {
    cut.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(["password".to_owned(), "apiKey".to_owned()])
    }

    #[test]
    fn an_example_is_recognised_and_not_read() {
        use serde_json::json;
        for (value, due) in [
            (json!("Engineer"), "E•••r"),
            (json!("Bo"), "B•••"),
            (json!(""), ""),
            (json!(4711), "•••"),
            (json!(true), "true"),
            (json!([{"value": "adam@example.com", "type": "work"}]), "a•••m"),
            (json!({"givenName": "Adam", "familyName": "Ant"}), "A•••"),
            (json!(REDACTED), REDACTED),
        ] {
            assert_eq!(masked(&value), due, "{value}");
        }
    }

    #[test]
    fn what_is_cut_off_is_counted_as_far_as_it_is_known() {
        assert_eq!(cut_bytes("aä".as_bytes(), 2), "a… [1 of 3 bytes]");
        assert_eq!(cut_piece("aä".as_bytes(), 2), "a… [1 of more than 3 bytes, sent in pieces]");
        assert_eq!(cut_piece(b"ab", 9), "ab… [2 of more than 2 bytes, sent in pieces]");
    }

    #[test]
    fn secrets_are_taken_out_in_every_shape() {
        for body in [
            r#"{"userName":"a","password":"hunter2"}"#,
            r#"{"PassWord":"hunter2"}"#,
            r#"{"p\u0061ssword":"hunter2"}"#,
            r#"{"Operations":[{"op":"replace","path":"password","value":"hunter2"}]}"#,
            r#"{"Operations":[{"op":"replace","Path":"urn:x:2.0:User:apikey","Value":{"deep":["hunter2"]}}]}"#,
            r#"{"Operations":[{"op":"replace","value":{"urn:x:2.0:User":{"apiKey":"hunter2"}}}]}"#,
            r#"{"urn:x:2.0:User:apiKey":"hunter2"}"#,
            r#"{"password":"hunter2""#,
            r#"{"Filter":"userName eq \"a\" and password eq \"hunter2\""}"#,
            r#"{"Operations":[{"op":"remove","path":"apiKey[value eq \"hunter2\"]"}]}"#,
            r#"{"path":"password","value":"hunter2"}"#,
            r#"{"value":"hunter2","p\u0061th":"apiKey"}"#,
            r#"{"password":"x","password":"hunter2","a":{"b":[{"apikey":{"c":"hunter2"}}]}}"#,
            r#"[{"password":"hunter2"}]"#,
            r#"{"password":{"value":"hunter2"} }"#,
        ] {
            let kept = secrets().body(body.as_bytes(), 10_000);
            assert!(!kept.contains("hunter2"), "{kept}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was_written() {
        for (body, kept) in [
            (r#"{"a" : 1.50, "password":"x","b":[ "\\" ]}"#, r#"{"a":1.50,"password":"[redacted]","b":[ "\\" ]}"#),
            (r#"{"password":null,"a":"ä\""}"#, r#"{"password":null,"a":"ä\""}"#),
            (
                r#"{"token":{"deep":1},"n":{"apikey":7,"m":2}}"#,
                r#"{"token":"[redacted]","n":{"apikey":"[redacted]","m":2}}"#,
            ),
            (r#"{"pass\u0077ord":"x"}"#, r#"{"password":"[redacted]"}"#),
        ] {
            assert_eq!(secrets().body(body.as_bytes(), 10_000), kept);
        }
    }

    #[test]
    fn tokens_are_taken_out_wherever_they_stand() {
        for prefix in ["pv_", "pva_", "pvc_", "pvl_", "pvo_", "pvs_", "pvw_"] {
            let token = crate::token::make(prefix).unwrap().text;
            assert_eq!(without_tokens((&*token).into()), format!("{prefix}[redacted]"));
        }
        let token = crate::token::make("pva_").unwrap().text;
        for (text, kept) in [
            (format!("/Users/{token}"), "/Users/pva_[redacted]".to_owned()),
            (token.clone(), "pva_[redacted]".to_owned()),
            (
                format!("{{\"a\":\"{token}\",\"b\":\"{token}"),
                "{\"a\":\"pva_[redacted]\",\"b\":\"pva_[redacted]".to_owned(),
            ),
            (format!("x{}", &token[..30]), "xpva_[redacted]".to_owned()),
            ("pv pv_ pv_short pvé_ pvab_ mpv_x épvé".to_owned(), "pv pv_ pv_short pvé_ pvab_ mpv_x épvé".to_owned()),
            (String::new(), String::new()),
        ] {
            assert_eq!(without_tokens((&*text).into()), kept, "{text}");
        }
    }

    #[test]
    fn the_rest_stays_to_the_letter() {
        let body = r#"{"userName":"a",  "active":true}"#;
        assert_eq!(secrets().body(body.as_bytes(), 10_000), body);
    }

    #[test]
    fn long_bodies_say_what_was_cut() {
        for (bytes_max, kept) in [(4, "abcd… [4 of 6 bytes]"), (5, "abcd… [4 of 6 bytes]"), (6, "abcdé"), (9, "abcdé")]
        {
            assert_eq!(cut("abcdé", bytes_max), kept);
            assert_eq!(cut_bytes("abcdé".as_bytes(), bytes_max), kept);
        }
    }

    #[test]
    fn a_filter_on_a_secret_is_one() {
        assert_eq!(secrets().query("filter=pass%77ord+eq+%22x%22", 100), REDACTED);
        assert_eq!(secrets().query("filter=userName+eq+%22x%22", 100), "filter=userName+eq+%22x%22");
    }
}
