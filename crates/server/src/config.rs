//! What the server is told at its start. The only place that reads the environment.

use crate::admin::demo::Furnisher;
use crate::checkpoint::Place;
use crate::clock::Clock;
use crate::egress::{Network, Targets};
use crate::tls::TlsFiles;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server keeps its data and where it listens.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// The database, where it is not a file in the data folder.
    pub database: Option<Database>,
    /// The address for HTTP.
    pub listen: SocketAddr,
    /// The files of the certificate, where TLS is spoken.
    pub tls: Option<TlsFiles>,
    /// The address by which clients call it, if a proxy stands in front: `https://scim.example.com`.
    pub public_url: Option<String>,
    /// Proxies on other machines whose word for their client's address is taken; those on this machine are trusted anyway.
    pub proxies: Vec<Network>,
    /// Where checkpoints of the audit trail go.
    pub checkpoints: Vec<Place>,
    /// Where it may send requests itself, besides the internet.
    pub targets: Targets,
    /// Where the time comes from.
    pub clock: Clock,
    /// Who furnishes it, if it is a demo whose sample data can be put back.
    pub demo: Option<Furnisher>,
}

impl Config {
    /// With everything else as a newcomer wants it.
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            database: None,
            listen,
            tls: None,
            public_url: None,
            proxies: Vec::new(),
            checkpoints: Vec::new(),
            targets: Targets::default(),
            clock: Clock::system(),
            demo: None,
        }
    }
}

impl Config {
    /// `https` where this server speaks TLS itself.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The address of this server where nobody says by which one they called it.
    pub(crate) fn url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("{}://{}", self.scheme(), self.listen))
    }

    /// Whether what is said here can be read on the way: no TLS, on an address that others reach, and no word of a proxy.
    fn is_open_to_readers(&self) -> bool {
        self.tls.is_none() && !self.listen.ip().to_canonical().is_loopback() && self.proxies.is_empty()
    }

    /// A word about what can be read on the way.
    pub(crate) fn warn(&self) {
        if self.is_open_to_readers() {
            let listen = self.listen;
            tracing::warn!(
                "{listen} is spoken to without TLS: whoever is on the way reads tokens and passwords. Give --tls-certificate and \
                 --tls-key, or listen on 127.0.0.1 behind a proxy with TLS; --trusted-proxy names one on another machine"
            );
        }
    }
}

/// A database of PostgreSQL.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is and who asks: `postgres://user:password@host/database`.
    pub url: String,
    /// Whether a pooler that hands out connections by the transaction stands in front of it.
    pub pooled: bool,
}

impl std::fmt::Debug for Database {
    /// Without the address: there may be a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("pooled", &self.pooled).finish_non_exhaustive()
    }
}

/// An environment variable's text, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_in_the_open_is_warned() {
        let config = |listen: &str| Config::new("data".into(), listen.parse().unwrap());
        let files = TlsFiles { certificate: "a".into(), key: "b".into() };
        for (config, is_open) in [
            (config("127.0.0.1:80"), false),
            (config("[::1]:80"), false),
            (config("[::ffff:127.0.0.1]:80"), false),
            (config("0.0.0.0:80"), true),
            (config("[::]:80"), true),
            (config("192.0.2.1:80"), true),
            (Config { tls: Some(files), ..config("0.0.0.0:443") }, false),
            (Config { proxies: vec!["10.0.0.5".parse().unwrap()], ..config("0.0.0.0:80") }, false),
        ] {
            assert_eq!(config.is_open_to_readers(), is_open, "{config:?}");
        }
    }
}
