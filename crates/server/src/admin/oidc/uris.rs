//! Addresses of an application that a browser may be sent to.

use super::refuse;
use crate::error::Result;
use crate::limits;

/// The addresses, each good and there once.
pub(super) fn checked(field: &str, all: Vec<String>, public: bool) -> Result<Vec<String>> {
    let mut good: Vec<String> = Vec::new();
    for uri in all.into_iter().map(|uri| uri.trim().to_owned()).filter(|uri| !uri.is_empty()) {
        if let Some(why) = wrong(&uri, public) {
            return Err(refuse(format!("{field}: {why}")));
        }
        if !good.contains(&uri) {
            good.push(uri);
        }
    }
    if good.len() > limits::OIDC_URIS_MAX {
        return Err(refuse(format!("{field}: {} addresses at the most", limits::OIDC_URIS_MAX)));
    }
    Ok(good)
}

/// What is wrong with an address; nothing if nothing is.
fn wrong(uri: &str, public: bool) -> Option<&'static str> {
    if uri.len() > 2_048 {
        return Some("an address takes 2048 characters at the most");
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    if !uri.chars().all(plain) {
        return Some("an address is written in plain characters, everything else as %XX");
    }
    if uri.contains('#') {
        return Some("an address has no #fragment");
    }
    if uri.contains('*') {
        return Some("an address is compared character by character; a * stands for nothing, so list each address");
    }
    let Some((scheme, rest)) = uri.split_once(':') else { return Some("an address begins with https://") };
    let host = |rest: &str| {
        let authority = rest.strip_prefix("//")?.split(['/', '?']).next()?;
        let host = if authority.starts_with('[') {
            authority.split_inclusive(']').next()
        } else {
            authority.split(':').next()
        };
        host.filter(|host| !host.is_empty() && !authority.contains('@')).map(str::to_owned)
    };
    match scheme {
        "https" => {
            host(rest).is_none().then_some("an address is https://host/path, without a user in front of the host")
        }
        "http" => {
            let here = host(rest).is_some_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"));
            (!here).then_some("plain http is for localhost and 127.0.0.1 only; take https")
        }
        _ => {
            let own = scheme.contains('.') && scheme.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
            let fits = public && own && rest.starts_with('/') && !scheme.starts_with('.');
            (!fits).then_some("an address begins with https://; a public client may use a scheme of its own with a dot in it, such as com.example.app:/callback")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_may_be_registered() {
        for uri in [
            "https://app.example/cb",
            "https://app.example:8443/cb?a=b",
            "http://localhost:9/cb",
            "http://127.0.0.1/",
            "http://[::1]:80/x",
        ] {
            assert_eq!(wrong(uri, false), None, "{uri}");
        }
        assert_eq!(wrong("com.example.app:/cb", true), None);
        for uri in [
            "http://app.example/cb",
            "https://",
            "https://a@app.example/",
            "https://*.example/cb",
            "https://app.example/#x",
            "javascript:alert(1)",
            "com.example.app:/cb",
            "https://app.example/ü",
            "https://app.example/a b",
            "data:text/html,x",
            "http://localhost@evil.example/",
            "http://localhost.evil.example/",
            "file:///etc/passwd",
            "//evil.example/cb",
            "nonsense",
        ] {
            assert!(wrong(uri, false).is_some(), "{uri}");
        }
        assert!(wrong("javascript:alert(1)", true).is_some());
        assert_eq!(
            checked("x", vec![" https://a.example/ ".into(), "https://a.example/".into(), String::new()], false)
                .unwrap()
                .len(),
            1
        );
    }
}
