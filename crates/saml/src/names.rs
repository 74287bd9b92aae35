//! The nouns that every message shares: who an entity is, who a person is, what is said of them, and where things
//! are sent.

use crate::{Refused, error::Result};
use std::fmt;

/// The longest entity ID (SAML Core §8.3.6), in characters.
const ENTITY_ID_CHARS_MAX: usize = 1024;
/// The longest address.
const LOCATION_BYTES_MAX: usize = 2048;

/// The name of an identity provider or a service provider: compared character by character, never as an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(String);

impl EntityId {
    /// Not empty, at most 1024 characters, no white space or control characters.
    pub fn parse(text: &str) -> Result<Self> {
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if text.is_empty() || text.chars().count() > ENTITY_ID_CHARS_MAX || text.contains(odd) {
            return Err(Refused::InvalidEntityId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address that messages are sent to: `https`, or `http` on this machine so that two instances can be tried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location(String);

impl Location {
    /// Refuses other schemes (`javascript:` above all), user names, fragments and anything that is not plain ASCII.
    pub fn parse(text: &str) -> Result<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&b));
        let rest = text.strip_prefix("https://").map(|rest| (rest, false));
        let rest = rest.or_else(|| text.strip_prefix("http://").map(|rest| (rest, true)));
        let (rest, only_local) = rest.ok_or(Refused::LocationNotAllowed)?;
        let host = host_of(rest.split(['/', '?']).next().unwrap_or_default()).ok_or(Refused::LocationNotAllowed)?;
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let fits = text.len() <= LOCATION_BYTES_MAX && plain && (local || !only_local);
        if fits { Ok(Self(text.to_owned())) } else { Err(Refused::LocationNotAllowed) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host of an authority that is a host and perhaps a port: no user in front, and nothing that would mean something
/// in a policy or a header that names the origin.
fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let is_number = |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    (is_host && port.strip_prefix(':').map_or(port.is_empty(), is_number)).then_some(host)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who the person is (`saml:NameID`, SAML Core §2.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameId {
    /// The name: not empty, without white space around it.
    pub value: String,
    /// What kind of name, as a URI; absent means unspecified.
    pub format: Option<String>,
    /// The name space that the identity provider sets.
    pub name_qualifier: Option<String>,
    /// The name space that the service provider sets.
    pub sp_name_qualifier: Option<String>,
}

/// `NameID` formats (SAML Core §8.3).
pub mod name_id_format {
    /// Whatever both sides agreed on.
    pub const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    /// An e-mail address.
    pub const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    /// An opaque name that stays.
    pub const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    /// An opaque name of one session.
    pub const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
}

/// What is said of a person (`saml:Attribute`, SAML Core §2.7.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// How the name is to be read, as a URI.
    pub name_format: Option<String>,
    /// A name for people; never compared.
    pub friendly_name: Option<String>,
    /// Its values, in order.
    pub values: Vec<String>,
}

/// How a message travels (SAML Bindings §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// In the query of a redirect.
    Redirect,
    /// In a form that the browser posts.
    Post,
}

impl Binding {
    /// The binding of this name, if it is one of the two that we speak.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" => Some(Self::Redirect),
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" => Some(Self::Post),
            _ => None,
        }
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
    }
}

/// A fresh message ID: 160 random bits (SAML Core §1.3.4 asks for 128 at least), an XML name.
pub fn fresh_id() -> Result<String> {
    let mut bytes = [0_u8; 20];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Refused::SigningFailed)?;
    Ok(bytes.iter().fold(String::from("_"), |id, b| format!("{id}{b:02x}")))
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn an_address_names_one_host_and_nothing_else() {
        for good in [
            "https://idp.example/sso?x=1;y=a,b",
            "https://a_b-c.example:8443",
            "https://[2001:db8::1]:443/x",
            "http://localhost:9/",
            "http://127.0.0.1",
            "http://[::1]:9/",
        ] {
            assert!(Location::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "https://a;sandbox/",
            "https://a,default-src/",
            "https://*/",
            "https://a'b/",
            "https://u@a/",
            "https://a:b/",
            "https://a:/",
            "https://a:123456/",
            "https://[::1]x/",
            "https://[x]/",
            "https://[::1/",
            "https:///x",
            "https://?x",
            "http://[::2]/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
        ] {
            assert!(Location::parse(bad).is_err(), "{bad}");
        }
    }
}
