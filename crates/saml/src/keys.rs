//! Keys: theirs to verify and encrypt with, ours to sign and decrypt with.
//!
//! The kind of a key fixes the family of its algorithm, so that a message can never choose: RSA keys verify RSA
//! PKCS #1 with SHA-2, P-256 verifies ECDSA with SHA-256 and P-384 ECDSA with SHA-384. There is no HMAC in this crate,
//! and so nothing to confuse a public key with.

use crate::{Certificate, Refused, algorithm::SignatureAlgorithm, error::Result};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeySize, PrivateDecryptingKey, PublicEncryptingKey},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING,
        ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use x509_cert::{
    der::{Decode, asn1::ObjectIdentifier},
    spki::SubjectPublicKeyInfoRef,
};

const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The bounds of an RSA key, in bits: below is breakable, above is a way to waste our time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The most keys of a connection: one in use, one to come, and room for clumsy roll-overs.
pub const KEYS_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
}

/// A public key of the other side.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kind: Kind,
    /// `SubjectPublicKeyInfo` for RSA, the uncompressed point for the curves: what the library verifies with.
    bytes: Vec<u8>,
}

impl VerifyingKey {
    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub fn from_spki(der: &[u8]) -> Result<Self> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Refused::UnreadableCertificate)?;
        if spki.algorithm.oid == RSA_OID {
            let key = PublicEncryptingKey::from_der(der).map_err(|_| Refused::WeakKey)?;
            return if RSA_BITS.contains(&key.key_size_bits()) {
                Ok(Self { kind: Kind::Rsa, bytes: der.to_vec() })
            } else {
                Err(Refused::WeakKey)
            };
        }
        let curve = spki.algorithm.parameters_oid().map_err(|_| Refused::UnsupportedKey)?;
        let kind = match (spki.algorithm.oid, curve) {
            (EC_OID, P256_OID) => Kind::P256,
            (EC_OID, P384_OID) => Kind::P384,
            _ => return Err(Refused::UnsupportedKey),
        };
        let point = spki.subject_public_key.as_bytes().ok_or(Refused::UnreadableCertificate)?;
        Ok(Self { kind, bytes: point.to_vec() })
    }

    /// Whether the signature is this key's, by this algorithm. False as well when the algorithm is not of this kind
    /// of key.
    pub(crate) fn verifies(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let with: &'static dyn VerificationAlgorithm = match (self.kind, algorithm) {
            (Kind::Rsa, SignatureAlgorithm::RsaSha256) => &RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, SignatureAlgorithm::RsaSha384) => &RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, SignatureAlgorithm::RsaSha512) => &RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, SignatureAlgorithm::EcdsaSha256) => &ECDSA_P256_SHA256_FIXED,
            (Kind::P384, SignatureAlgorithm::EcdsaSha384) => &ECDSA_P384_SHA384_FIXED,
            _ => return false,
        };
        UnparsedPublicKey::new(with, &self.bytes).verify(message, signature).is_ok()
    }

    pub(crate) fn fits(&self, algorithm: SignatureAlgorithm) -> bool {
        matches!(
            (self.kind, algorithm),
            (Kind::Rsa, SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::RsaSha512)
                | (Kind::P256, SignatureAlgorithm::EcdsaSha256)
                | (Kind::P384, SignatureAlgorithm::EcdsaSha384)
        )
    }

    /// Whether anything can be encrypted to it: only to RSA keys.
    pub fn encrypts(&self) -> bool {
        self.encrypting().is_ok()
    }

    /// The key to encrypt to, which has to be RSA.
    pub(crate) fn encrypting(&self) -> Result<PublicEncryptingKey> {
        match self.kind {
            Kind::Rsa => PublicEncryptingKey::from_der(&self.bytes).map_err(|_| Refused::UnsupportedKey),
            Kind::P256 | Kind::P384 => Err(Refused::UnsupportedKey),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?})", self.kind)
    }
}

/// The keys that a connection trusts. Invariant: at least one, so that there is no connection that would check
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(Vec<VerifyingKey>);

impl Keys {
    /// Takes one to [`KEYS_MAX`] keys; none is [`Refused::NoKey`].
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self> {
        if keys.is_empty() || keys.len() > KEYS_MAX { Err(Refused::NoKey) } else { Ok(Self(keys)) }
    }

    /// The keys of certificates, each once.
    pub fn of_certificates<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Result<Self> {
        let mut keys: Vec<VerifyingKey> = Vec::new();
        for key in certificates.into_iter().map(Certificate::key) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        Self::new(keys)
    }

    /// Whether one of the keys made the signature.
    pub(crate) fn verify(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        if !self.0.iter().any(|key| key.fits(algorithm)) {
            return Err(Refused::KeyTypeMismatch);
        }
        let made_it = self.0.iter().any(|key| key.verifies(algorithm, message, signature));
        if made_it { Ok(()) } else { Err(Refused::SignatureMismatch) }
    }
}

/// A private key of ours, RSA or on a curve.
pub struct PrivateKey {
    pair: Pair,
    pkcs8: Vec<u8>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl PrivateKey {
    /// Reads PKCS #8 DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_pkcs8(algorithm, der).ok();
        let pair = RsaKeyPair::from_pkcs8(der).ok().map(Pair::Rsa);
        let pair = pair.or_else(|| ec(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::P256));
        let pair = pair.or_else(|| ec(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Pair::P384));
        let pair = pair.ok_or(Refused::UnreadableKey)?;
        if matches!(&pair, Pair::Rsa(pair) if !RSA_BITS.contains(&(pair.public_modulus_len() * 8))) {
            return Err(Refused::WeakKey);
        }
        Ok(Self { pair, pkcs8: der.to_vec() })
    }

    /// Reads a PEM `PRIVATE KEY`.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(Refused::UnreadableKey)?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(Refused::UnreadableKey)?;
        let compact: String = body.split_ascii_whitespace().collect();
        Self::from_pkcs8(&STANDARD.decode(compact).map_err(|_| Refused::UnreadableKey)?)
    }

    /// Makes an RSA key of 3072 bits, which signs for every other side and also decrypts.
    pub fn generate() -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(|_| Refused::SigningFailed)?;
        let der = AsDer::<Pkcs8V1Der>::as_der(&pair).map_err(|_| Refused::SigningFailed)?;
        Self::from_pkcs8(der.as_ref())
    }

    /// The PKCS #8 DER, to be stored sealed.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// What a signature by this key is called.
    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::P256(_) => SignatureAlgorithm::EcdsaSha256,
            Pair::P384(_) => SignatureAlgorithm::EcdsaSha384,
        }
    }

    /// Signs as XML Signature does. The algorithm has to be of this kind of key.
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| Refused::SigningFailed;
        let random = SystemRandom::new();
        match (&self.pair, algorithm) {
            (
                Pair::Rsa(pair),
                SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::RsaSha512,
            ) => {
                let with = match algorithm {
                    SignatureAlgorithm::RsaSha384 => &RSA_PKCS1_SHA384,
                    SignatureAlgorithm::RsaSha512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(with, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            (Pair::P256(pair), SignatureAlgorithm::EcdsaSha256)
            | (Pair::P384(pair), SignatureAlgorithm::EcdsaSha384) => {
                Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec())
            }
            _ => Err(Refused::SigningFailed),
        }
    }

    /// Signs as X.509 does: ECDSA as a DER sequence.
    pub(crate) fn sign_certificate(&self, message: &[u8]) -> Result<Vec<u8>> {
        let with = match self.pair {
            Pair::Rsa(_) => return self.sign(SignatureAlgorithm::RsaSha256, message),
            Pair::P256(_) => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Pair::P384(_) => &ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        let pair = EcdsaKeyPair::from_pkcs8(with, &self.pkcs8).map_err(|_| Refused::SigningFailed)?;
        Ok(pair.sign(&SystemRandom::new(), message).map_err(|_| Refused::SigningFailed)?.as_ref().to_vec())
    }

    pub(crate) fn certificate_oid(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "1.2.840.113549.1.1.11",
            Pair::P256(_) => "1.2.840.10045.4.3.2",
            Pair::P384(_) => "1.2.840.10045.4.3.3",
        }
    }

    /// RSA algorithm identifiers carry an explicit NULL (RFC 4055 §5), ECDSA ones nothing.
    pub(crate) fn certificate_parameters(&self) -> bool {
        matches!(self.pair, Pair::Rsa(_))
    }

    /// The `SubjectPublicKeyInfo` of the public half.
    pub fn spki(&self) -> Result<Vec<u8>> {
        let der = match &self.pair {
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
            Pair::P256(pair) | Pair::P384(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
        };
        Ok(der.map_err(|_| Refused::UnreadableKey)?.as_ref().to_vec())
    }

    /// The same key for decryption, when it is RSA.
    pub(crate) fn decrypting(&self) -> Result<PrivateDecryptingKey> {
        match self.pair {
            Pair::Rsa(_) => PrivateDecryptingKey::from_pkcs8(&self.pkcs8).map_err(|_| Refused::UnreadableKey),
            Pair::P256(_) | Pair::P384(_) => Err(Refused::UnsupportedKey),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A private key with the certificate that the other side knows it by.
#[derive(Debug)]
pub struct SigningKey {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
}

impl SigningKey {
    /// Refuses a certificate of another key: the other side would refuse everything signed with it.
    pub fn new(key: PrivateKey, certificate: Certificate) -> Result<Self> {
        if VerifyingKey::from_spki(&key.spki()?)? == *certificate.key() {
            Ok(Self { key, certificate })
        } else {
            Err(Refused::UnreadableKey)
        }
    }

    /// What to publish in our metadata.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }
}
