//! The algorithms that exist here. What is not in these enums cannot be used, whatever a message asks for.

use crate::{Refused, error::Result};
use aws_lc_rs::digest;

pub(crate) const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

const SHA1_NAMES: [&str; 4] = [
    "http://www.w3.org/2000/09/xmldsig#sha1",
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
];

/// How a signature is made (RFC 9231). RSA is PKCS #1 version 1.5; ECDSA is the two numbers one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSA with SHA-256, what everybody speaks.
    RsaSha256,
    /// RSA with SHA-384.
    RsaSha384,
    /// RSA with SHA-512.
    RsaSha512,
    /// ECDSA on P-256 with SHA-256.
    EcdsaSha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaSha384,
}

impl SignatureAlgorithm {
    const NAMES: [(&'static str, Self); 5] = [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", Self::RsaSha256),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", Self::RsaSha384),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", Self::RsaSha512),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", Self::EcdsaSha256),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", Self::EcdsaSha384),
    ];

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm);
        found.ok_or(if SHA1_NAMES.contains(&name) { Refused::Sha1 } else { Refused::SignatureAlgorithmNotAllowed })
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }
}

/// How the signed content is digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    const NAMES: [(&'static str, Self); 3] = [
        ("http://www.w3.org/2001/04/xmlenc#sha256", Self::Sha256),
        ("http://www.w3.org/2001/04/xmldsig-more#sha384", Self::Sha384),
        ("http://www.w3.org/2001/04/xmlenc#sha512", Self::Sha512),
    ];

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm);
        found.ok_or(if SHA1_NAMES.contains(&name) { Refused::Sha1 } else { Refused::DigestAlgorithmNotAllowed })
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// The digest of some bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let with = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(with, bytes).as_ref().to_vec()
    }
}
