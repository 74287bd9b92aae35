//! From the text of an address to one that may be called, or the reason why it may not.

use super::address::Targets;
use crate::limits;
use reqwest::Url;
use std::fmt;
use std::net::IpAddr;

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not an absolute address, or too long a one.
    Malformed,
    /// Neither https nor http.
    Scheme,
    /// `user:password@` in front of the host.
    UserInfo,
    /// A port of another service.
    Port(u16),
    /// http to somewhere that the operator did not open.
    Plain,
    /// An address in the URL that must not be called.
    Address(IpAddr),
    /// A name that leads to addresses that must not be called, and to no other. Which ones is not said: a tenant's
    /// administrator is not to learn the names of the network around the server.
    Name(String),
    /// A header that is not the caller's to set, or one that cannot be written.
    Header(String),
}

/// What the operator can do about it.
const OPEN: &str = "if it is meant, start the server with --allow-private-targets or --allow-target";

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("this is not an address; write it like https://app.example.com/scim/v2"),
            Self::Scheme => f.write_str("only https addresses are called; write https:// in front"),
            Self::UserInfo => f.write_str("no name and password in an address; put them into the credentials"),
            Self::Port(port) => write!(f, "port {port} belongs to another service; use 443, 80 or one from 1024 on"),
            Self::Plain => write!(f, "http is spoken to private networks only; use https, or {OPEN}"),
            Self::Address(address) => write!(f, "{address} is not an address of the internet; {OPEN}"),
            Self::Name(name) => write!(f, "{name} does not lead to an address of the internet; {OPEN}"),
            Self::Header(name) => write!(f, "the header {name} cannot be sent; leave it out"),
        }
    }
}

impl std::error::Error for Refused {}

/// An address whose form is good, and whether it is spoken to in the open. A name in it is looked up later, once.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) plain: bool,
}

impl Target {
    /// Reads an address. `Url` understands hosts like browsers do, so `0x7f.1` and `2130706433` are `127.0.0.1` here.
    pub(super) fn parse(text: &str, targets: &Targets) -> Result<Self, Refused> {
        // `Url` drops control characters and turns backslashes around; nobody writes those in good faith.
        if text.len() > limits::OUTBOUND_URL_BYTES_MAX || text.contains(|c: char| c.is_control() || c == '\\') {
            return Err(Refused::Malformed);
        }
        let mut url = Url::parse(text.trim()).map_err(|_| Refused::Malformed)?;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Refused::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        let port = url.port_or_known_default().ok_or(Refused::Malformed)?;
        if !matches!(port, 80 | 443 | 1024..) {
            return Err(Refused::Port(port));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Refused::Malformed)?;
        // The connection is made to a literal without asking the resolver, so it is judged here.
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>()
            && !targets.permits(address, plain)
        {
            return Err(if targets.permits(address, false) { Refused::Plain } else { Refused::Address(address) });
        }
        if plain && !targets.private && targets.networks.is_empty() {
            return Err(Refused::Plain);
        }
        url.set_fragment(None);
        Ok(Self { url, plain })
    }
}
