//! A query string taken apart, the way that identity providers write them: `+` or `%20`, stray `&`, names in any case.

/// The pairs in their order; empty parts (a trailing `&`) are passed over.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(value))
    })
}

/// The values of all parameters of that name, one after the other with commas between them.
pub(crate) fn joined(query: &str, name: &str) -> Option<String> {
    let all: Vec<String> = pairs(query).filter(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// The value of the first parameter of that name.
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    pairs(query).find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Percent-encoded, for a value in a query or a segment of a path.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// An address with those parameters that have a value.
pub(crate) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Percent-decoded; `+` is a space; what is not well-formed stays as it is.
pub(crate) fn decode(text: &str) -> String {
    decode_bytes(text, true)
}

/// As `decode` for a segment of a path, where `+` is a plus.
pub(crate) fn decode_segment(text: &str) -> String {
    decode_bytes(text, false)
}

/// Whether what is percent-encoded in it is UTF-8.
pub(crate) fn is_text(text: &str) -> bool {
    std::str::from_utf8(&bytes_of(text, false)).is_ok()
}

fn decode_bytes(text: &str, plus_is_space: bool) -> String {
    String::from_utf8_lossy(&bytes_of(text, plus_is_space)).into_owned()
}

fn bytes_of(text: &str, plus_is_space: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) if plus_is_space => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high * 16 + low);
                    rest = after;
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_identity_providers() {
        let all: Vec<_> = pairs("filter=userName+eq+%22a%2Bb%40c%22&&count=2&").collect();
        assert_eq!(all, [("filter".into(), "userName eq \"a+b@c\"".into()), ("count".into(), "2".into())]);
        assert_eq!(value("StartIndex=3", "startIndex").as_deref(), Some("3"));
        assert_eq!(joined("a=1&b=2&A=3", "a").as_deref(), Some("1,3"));
        assert_eq!(joined("b=2", "a"), None);
        assert!(is_text("a%C3%A4%zz%") && !is_text("%C3") && !is_text("a%ffb"));
        assert_eq!(decode("100%&%zz"), "100%&%zz");
        assert_eq!(decode_segment("a+b%2Fc"), "a+b/c");
    }
}
