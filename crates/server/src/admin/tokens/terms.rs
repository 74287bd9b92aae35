//! What a token is bound to: how long it lives, and the networks that it may come from.

use crate::egress::Network;
use crate::error::Result;
use crate::limits;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use store::Token;

/// How long a token lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// As long as one does of which nobody says anything.
    #[default]
    Usual,
    /// Until somebody ends it.
    Never,
    /// So many seconds.
    Seconds(u64),
}

impl Life {
    /// As long as this one had, for its successor. One that was itself replaced has an end of another kind.
    pub(super) fn of(token: &Token) -> Self {
        match token.expires_at {
            _ if token.rotated_to.is_some() => Self::Usual,
            None => Self::Never,
            Some(end) => {
                let seconds = u64::try_from(end.saturating_sub(token.created_at) / 1_000_000).unwrap_or(0);
                Self::Seconds(seconds.clamp(1, limits::TOKEN_SECONDS_MAX))
            }
        }
    }

    /// As a form of the console says it: days, or `never`.
    pub(crate) fn of_days(text: &str) -> Result<Self> {
        match (text, text.parse::<u64>()) {
            ("never", _) => Ok(Self::Never),
            ("", _) => Ok(Self::Usual),
            (_, Ok(days)) => Ok(Self::Seconds(days.saturating_mul(86_400))),
            (_, Err(_)) => Err(scim::Error::invalid_value("choose when the token ends").into()),
        }
    }

    /// When it is over.
    pub(crate) fn end(self, now: i64) -> Result<Option<i64>> {
        match self {
            Self::Usual => after(now, limits::TOKEN_SECONDS).map(Some),
            Self::Never => Ok(None),
            Self::Seconds(seconds) => after(now, seconds).map(Some),
        }
    }
}

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (&value, value.as_u64()) {
            (Value::Null, _) => Ok(Self::Usual),
            (Value::String(word), _) if word == "never" => Ok(Self::Never),
            (_, Some(seconds)) => Ok(Self::Seconds(seconds)),
            _ => Err(serde::de::Error::custom("a number of seconds, or never")),
        }
    }
}

/// The instant so many seconds from now.
pub(super) fn after(now: i64, seconds: u64) -> Result<i64> {
    if seconds > limits::TOKEN_SECONDS_MAX {
        let detail = format!(
            "at most {} seconds, which is two years; without an end only where it is said: never",
            limits::TOKEN_SECONDS_MAX
        );
        return Err(scim::Error::invalid_value(detail).into());
    }
    Ok(now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX / 2_000_000).saturating_mul(1_000_000)))
}

/// The networks, each written in the one way in which it is kept, each once.
pub(crate) fn networks(wanted: &[String]) -> Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for text in wanted.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let network: Network = text.parse().map_err(|wrong: String| scim::Error::invalid_value(shortened(&wrong)))?;
        if network.is_mapped() {
            let detail = "an IPv4 network inside IPv6 fits no client; write it as IPv4, such as 10.20.0.0/16";
            return Err(scim::Error::invalid_value(detail).into());
        }
        let text = network.to_string();
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    if kept.len() > limits::TOKEN_NETWORKS_MAX {
        let detail = format!("a token takes at most {} networks; name larger ones", limits::TOKEN_NETWORKS_MAX);
        return Err(scim::Error::invalid_value(detail).into());
    }
    Ok(kept)
}

fn shortened(text: &str) -> String {
    crate::redact::cut(text, 200).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_kept_in_one_form_and_once() {
        let kept = |wanted: &[&str]| networks(&wanted.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            kept(&[" 10.0.0.0/8", "", "10.0.0.0/8", "192.0.2.7", "2001:DB8::/32"]).unwrap(),
            ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]
        );
        for wrong in ["10.0.0.0/33", "okta.com", "::/129", "10.0.0.0/-1", "10.0.0", "::ffff:10.0.0.0/104", "/8"] {
            assert!(kept(&[wrong]).is_err(), "{wrong}");
        }
        let many: Vec<String> = (0..=limits::TOKEN_NETWORKS_MAX).map(|n| format!("10.0.{n}.0/24")).collect();
        assert!(networks(&many).is_err());
        assert!(networks(many.get(1..).unwrap()).is_ok());
    }

    #[test]
    fn a_life_is_a_year_two_at_the_most_or_never_where_that_is_said() {
        let end = |text: &str| serde_json::from_str::<Life>(text).map(|life| life.end(0));
        let (year, most) = (limits::TOKEN_SECONDS, limits::TOKEN_SECONDS_MAX);
        assert_eq!(end("null").unwrap().unwrap(), Some(i64::try_from(year).unwrap() * 1_000_000));
        assert_eq!(end("\"never\"").unwrap().unwrap(), None);
        assert!(end(&most.to_string()).unwrap().is_ok());
        assert!(end(&(most + 1).to_string()).unwrap().is_err());
        for wrong in ["\"year\"", "-1", "1.5", "true", "[]"] {
            assert!(end(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_successor_lives_as_long_as_its_token_was_to() {
        let token = Token { created_at: 5_000_000, expires_at: Some(65_000_000), ..Token::default() };
        assert_eq!(Life::of(&token), Life::Seconds(60));
        assert_eq!(Life::of(&Token { expires_at: None, ..token.clone() }), Life::Never);
        assert_eq!(Life::of(&Token { rotated_to: Some("next".into()), ..token }), Life::Usual);
    }
}
