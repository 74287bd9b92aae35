//! What an answer of a token endpoint means (RFC 6749 §5): a token, or why there is none, in words.

use crate::limits;
use provision::outcome::NoToken;
use serde_json::{Map, Value};

/// Longest part of a server's own words that is kept.
const WORDS_MAX: usize = 200;

/// What was given.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) access: String,
    /// For how many seconds it is good; nothing if that was not said.
    pub(super) seconds: Option<i64>,
    /// With what it is renewed, where somebody has agreed (RFC 6749 §6).
    pub(super) refresh: Option<String>,
}

/// Why nothing was given: what follows for the engine, and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: NoToken,
    pub(super) said: String,
}

impl Refusal {
    fn new(why: NoToken, said: impl Into<String>) -> Self {
        Self { why, said: said.into() }
    }

    fn refused(said: impl Into<String>) -> Self {
        Self::new(NoToken::Refused, said)
    }
}

/// Reads an answer. Of `secrets` nothing comes back in words: some servers say what they were sent.
pub(super) fn read(status: u16, retry_after: Option<&str>, body: &[u8], secrets: &[String]) -> Result<Given, Refusal> {
    let object: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
    let code = object.as_ref().and_then(|object| text(object, "error"));
    match (status, &object, code) {
        (200..=299, Some(object), None) => given(object, secrets),
        (200..=299, None, _) => {
            Err(Refusal::refused("what it answers is no JSON: check the token URL, it may lead to a page for people"))
        }
        // Some servers refuse with 200.
        (200..=299, _, Some(_)) => Err(refusal(400, retry_after, (object.as_ref(), code), secrets)),
        _ => Err(refusal(status, retry_after, (object.as_ref(), code), secrets)),
    }
}

fn given(object: &Map<String, Value>, secrets: &[String]) -> Result<Given, Refusal> {
    let access = text(object, "access_token")
        .ok_or_else(|| Refusal::refused("there is no access_token in its answer: check the token URL"))?;
    if access.len() > limits::ACCESS_TOKEN_BYTES_MAX || !access.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Refusal::refused("its access_token cannot be sent in a header"));
    }
    // RFC 6749 §7.1: a token whose type is not understood is not used.
    match text(object, "token_type") {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) => {
            let said = format!("its tokens are of the type “{}”, and only Bearer is understood", words(kind, secrets));
            return Err(Refusal::refused(said));
        }
        None => return Err(Refusal::refused("it does not say of which type its token is (token_type)")),
    }
    let refresh = text(object, "refresh_token").map(str::to_owned);
    if refresh.as_ref().is_some_and(|refresh| refresh.len() > limits::ACCESS_TOKEN_BYTES_MAX) {
        return Err(Refusal::refused("its refresh_token is longer than what is kept"));
    }
    Ok(Given { access: access.to_owned(), seconds: seconds(object.get("expires_in")), refresh })
}

/// A number, or one in quotes as some servers write it; nothing, or nonsense, is good until it is refused.
fn seconds(value: Option<&Value>) -> Option<i64> {
    let number = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_i64().or_else(|| other.as_f64().map(|number| number as i64))?,
    };
    (number > 0).then_some(number)
}

fn refusal(
    status: u16,
    retry_after: Option<&str>,
    (object, code): (Option<&Map<String, Value>>, Option<&str>),
    secrets: &[String],
) -> Refusal {
    let retry_after = retry_after.map(str::to_owned);
    let passing = matches!(code, Some("temporarily_unavailable" | "server_error"));
    let (why, what) = match (status, code) {
        (429, _) | (_, Some("slow_down")) => (NoToken::Busy { retry_after }, "it asks for fewer requests"),
        (503, _) if retry_after.is_some() => (NoToken::Busy { retry_after }, "it asks to wait"),
        (408 | 500..=599, _) => (NoToken::Unreachable, "it does not work at the moment"),
        _ if passing => (NoToken::Unreachable, "it does not work at the moment"),
        (300..=399, _) => (NoToken::Refused, "it sends elsewhere: use the token URL that it sends to"),
        (_, Some("invalid_client")) => (
            NoToken::Refused,
            "it does not know the client, or the secret is wrong: check client ID, secret, and how they are sent",
        ),
        (_, Some("invalid_grant")) => {
            (NoToken::NotGranted, "it does not take what somebody has agreed to any more: authenticate again")
        }
        (_, Some("unauthorized_client")) => {
            (NoToken::Refused, "the client may not have a token in this way: allow it this grant there")
        }
        (_, Some("unsupported_grant_type")) => (NoToken::Refused, "it does not know this grant: choose another one"),
        (_, Some("invalid_scope")) => (NoToken::Refused, "it does not give this scope: correct the scope"),
        (_, Some("invalid_request")) => (NoToken::Refused, "something is missing or wrong in what it is asked"),
        (401 | 403, None) => {
            (NoToken::Refused, "it does not let the client in: check client ID, secret, and how they are sent")
        }
        (404 | 405 | 410, None) => {
            (NoToken::Refused, "there is no token endpoint at this address: check the token URL")
        }
        _ => (NoToken::Refused, "it refuses"),
    };
    Refusal::new(why, format!("{what}{}", own_words(status, object, secrets)))
}

/// The server's own words, behind ours: error, status, and what it says about them.
pub(super) fn own_words(status: u16, object: Option<&Map<String, Value>>, secrets: &[String]) -> String {
    let said = |name| object.and_then(|object| text(object, name)).map(|text| words(text, secrets));
    let named = said("error").map(|code| format!("{code}, ")).unwrap_or_default();
    let described = said("error_description").filter(|text| !text.is_empty());
    let described = described.map(|text| format!(": “{text}”")).unwrap_or_default();
    format!(" ({named}{status}){described}")
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Somebody else's words, as far as they can be shown.
fn words(text: &str, secrets: &[String]) -> String {
    let hidden = secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "(credential)"));
    hidden.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, retry_after: Option<&str>, body: &str) -> String {
        match read(status, retry_after, body.as_bytes(), &["zq-secret-qz".to_owned()]) {
            Ok(given) => format!("{} {:?}", given.access, given.seconds),
            Err(Refusal { why, said }) => format!("{why:?}: {said}"),
        }
    }

    #[test]
    fn an_answer_is_a_token_or_a_reason() {
        let none = None;
        let table: &[(u16, Option<&str>, &str, &str)] = &[
            (200, none, r#"{"access_token":"a1","token_type":"Bearer","expires_in":3600}"#, "a1 Some(3600)"),
            (200, none, r#"{"access_token":"a1","token_type":"bearer","expires_in":"300"}"#, "a1 Some(300)"),
            (201, none, r#"{"access_token":"a1","token_type":"BEARER","expires_in":59.9}"#, "a1 Some(59)"),
            (200, none, r#"{"access_token":"a1","token_type":"Bearer"}"#, "a1 None"),
            (200, none, r#"{"access_token":"a1","token_type":"Bearer","expires_in":0}"#, "a1 None"),
            (200, none, r#"{"access_token":"a1","token_type":"Bearer","expires_in":-5}"#, "a1 None"),
            (200, none, r#"{"access_token":"a1","token_type":"Bearer","expires_in":"soon"}"#, "a1 None"),
            (200, none, r#"{"access_token":"a1","token_type":"mac"}"#, "Refused: its tokens are of the type “mac”"),
            (200, none, r#"{"access_token":"a1"}"#, "Refused: it does not say of which type"),
            (200, none, r#"{"token_type":"Bearer"}"#, "Refused: there is no access_token"),
            (200, none, r#"{"access_token":"","token_type":"Bearer"}"#, "Refused: there is no access_token"),
            (200, none, r#"{"access_token":17,"token_type":"Bearer"}"#, "Refused: there is no access_token"),
            (
                200,
                none,
                r#"{"access_token":"a\r\nx","token_type":"Bearer"}"#,
                "Refused: its access_token cannot be sent",
            ),
            (200, none, "<html>Sign in</html>", "Refused: what it answers is no JSON"),
            (200, none, "", "Refused: what it answers is no JSON"),
            (200, none, "[]", "Refused: what it answers is no JSON"),
            (200, none, r#"{"error":"invalid_client"}"#, "Refused: it does not know the client"),
            (401, none, r#"{"error":"invalid_client"}"#, "(invalid_client, 401)"),
            (
                400,
                none,
                r#"{"error":"invalid_client","error_description":"No\nsuch client"}"#,
                "(invalid_client, 400): “Nosuch client”",
            ),
            (
                400,
                none,
                r#"{"error":"invalid_grant"}"#,
                "NotGranted: it does not take what somebody has agreed to any more",
            ),
            (400, none, r#"{"error":"unauthorized_client"}"#, "Refused: the client may not have a token in this way"),
            (400, none, r#"{"error":"unsupported_grant_type"}"#, "Refused: it does not know this grant"),
            (400, none, r#"{"error":"invalid_scope"}"#, "Refused: it does not give this scope"),
            (400, none, r#"{"error":"invalid_request"}"#, "Refused: something is missing or wrong"),
            (400, none, r#"{"error":"odd"}"#, "Refused: it refuses (odd, 400)"),
            (401, none, "no", "Refused: it does not let the client in"),
            (404, none, "", "Refused: there is no token endpoint"),
            (302, none, "", "Refused: it sends elsewhere"),
            (429, Some("7"), "", r#"Busy { retry_after: Some("7") }: it asks for fewer requests"#),
            (429, none, "", "Busy { retry_after: None }"),
            (503, Some("7"), "", r#"Busy { retry_after: Some("7") }: it asks to wait"#),
            (503, none, "", "Unreachable: it does not work"),
            (500, none, r#"{"error":"server_error"}"#, "Unreachable: it does not work"),
            (400, none, r#"{"error":"temporarily_unavailable"}"#, "Unreachable: it does not work"),
        ];
        for (status, retry_after, body, want) in table {
            let is = said(*status, *retry_after, body);
            assert!(is.contains(want), "{status} {body}: {is}");
        }
    }

    #[test]
    fn a_server_that_says_what_it_was_sent_tells_nobody() {
        // Escaped, and where the cut would be.
        for told in ["zq-secret-qz", "\\u007aq-secret-qz", &format!("{}zq-secret-qz", "x".repeat(WORDS_MAX - 4))] {
            let body = format!(r#"{{"error":"invalid_client","error_description":"{told} is wrong"}}"#);
            let is = said(401, None, &body);
            assert!(!is.contains("zq-s") && is.contains("(cre"), "{is}");
        }
    }

    #[test]
    fn what_a_server_says_is_bounded() {
        let long = format!(r#"{{"error":"odd","error_description":"{}"}}"#, "x".repeat(10_000));
        assert!(said(400, None, &long).len() < 2 * WORDS_MAX);
        let token =
            format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, "x".repeat(limits::ACCESS_TOKEN_BYTES_MAX + 1));
        assert!(said(200, None, &token).starts_with("Refused"));
    }
}
