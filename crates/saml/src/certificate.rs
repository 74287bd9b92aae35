//! Certificates: what is read out of theirs (key, dates, subject), and how ours are written.
//!
//! A certificate is only the envelope of a key here. The key is pinned by the connection; chains, revocation and
//! extensions are not judged, and neither are the dates, which the operator is warned about instead: an identity
//! provider whose certificate ran out yesterday still has to let people in today.

use crate::{
    Refused,
    error::Result,
    keys::{PrivateKey, VerifyingKey},
    time::SECOND_US,
};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fmt, str::FromStr, time::Duration};
use x509_cert::{
    TbsCertificate, Version,
    der::{
        Decode, Encode,
        asn1::{BitString, GeneralizedTime, ObjectIdentifier, UtcTime},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

/// The largest certificate that is read, in bytes of DER.
const DER_BYTES_MAX: usize = 16 * 1024;

/// `UTCTime` ends here (RFC 5280 §4.1.2.5), in seconds since 1970.
const YEAR_2050: u64 = 2_524_608_000;

/// A certificate whose key can be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    key: VerifyingKey,
    subject: String,
    not_before_at: i64,
    not_after_at: i64,
}

impl Certificate {
    /// Reads DER. Refuses what cannot be read, and keys that we do not use (RSA below 2048 bits, other curves).
    pub fn from_der(der: &[u8]) -> Result<Self> {
        if der.len() > DER_BYTES_MAX {
            return Err(Refused::UnreadableCertificate);
        }
        let unreadable = |_| Refused::UnreadableCertificate;
        let certificate = x509_cert::Certificate::from_der(der).map_err(unreadable)?;
        let tbs = certificate.tbs_certificate;
        let spki = tbs.subject_public_key_info.to_der().map_err(unreadable)?;
        Ok(Self {
            der: der.to_vec(),
            key: VerifyingKey::from_spki(&spki)?,
            subject: tbs.subject.to_string(),
            not_before_at: micros(tbs.validity.not_before),
            not_after_at: micros(tbs.validity.not_after),
        })
    }

    /// Reads what people paste and what metadata holds: PEM with its armour, or bare base64 with any white space.
    pub fn from_text(text: &str) -> Result<Self> {
        let body = match text.split_once("-----BEGIN CERTIFICATE-----") {
            Some((_, rest)) => rest.split_once("-----END CERTIFICATE-----").ok_or(Refused::UnreadableCertificate)?.0,
            None => text,
        };
        let compact: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(compact).map_err(|_| Refused::UnreadableCertificate)?;
        Self::from_der(&der)
    }

    /// Writes a self-signed certificate for a key of ours, as SAML metadata carries it: nobody judges its chain.
    /// `name` becomes the common name; times are microseconds since 1970.
    pub fn self_signed(key: &PrivateKey, name: &str, not_before_at: i64, not_after_at: i64) -> Result<Self> {
        let unwritable = |_| Refused::UnwritableText;
        let algorithm = AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new_unwrap(key.certificate_oid()),
            parameters: key.certificate_parameters().then(x509_cert::der::Any::null),
        };
        // A comma or a plus sign would start another part of the name.
        let common: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || " .:/_-".contains(*c)).take(64).collect();
        let subject = Name::from_str(&format!("CN={}", common.trim())).map_err(unwritable)?;
        let spki = key.spki()?;
        let tbs = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial(&spki, not_before_at)).map_err(unwritable)?,
            signature: algorithm.clone(),
            issuer: subject.clone(),
            validity: Validity { not_before: x509_time(not_before_at)?, not_after: x509_time(not_after_at)? },
            subject,
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&spki).map_err(unwritable)?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: None,
        };
        let signature = key.sign_certificate(&tbs.to_der().map_err(unwritable)?)?;
        let certificate = x509_cert::Certificate {
            tbs_certificate: tbs,
            signature_algorithm: algorithm,
            signature: BitString::from_bytes(&signature).map_err(unwritable)?,
        };
        Self::from_der(&certificate.to_der().map_err(unwritable)?)
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Base64 on one line, as `ds:X509Certificate` holds it.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// With the armour, in lines of 64.
    pub fn pem(&self) -> String {
        let text = self.base64();
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).filter_map(|at| text.get(at..(at + 64).min(text.len()))).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The subject's name, for people.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// From when it is valid, microseconds since 1970.
    pub fn not_before_at(&self) -> i64 {
        self.not_before_at
    }

    /// Until when it is valid, microseconds since 1970. Past it, sign-in goes on and the operator is warned.
    pub fn not_after_at(&self) -> i64 {
        self.not_after_at
    }

    /// SHA-256 of the DER, lower-case hexadecimal: what people compare by eye.
    pub fn fingerprint(&self) -> String {
        digest::digest(&digest::SHA256, &self.der).as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.subject, self.fingerprint())
    }
}

fn micros(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_micros()).unwrap_or(i64::MAX)
}

fn x509_time(at: i64) -> Result<Time> {
    let seconds = u64::try_from(at / SECOND_US).map_err(|_| Refused::UnwritableText)?;
    let since = Duration::from_secs(seconds);
    let time = if seconds < YEAR_2050 {
        UtcTime::from_unix_duration(since).map(Time::UtcTime)
    } else {
        GeneralizedTime::from_unix_duration(since).map(Time::GeneralTime)
    };
    time.map_err(|_| Refused::UnwritableText)
}

/// A serial number that differs for every key and renewal without asking for randomness.
fn serial(spki: &[u8], at: i64) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(spki);
    context.update(&at.to_be_bytes());
    let mut bytes: Vec<u8> = context.finish().as_ref().iter().copied().take(16).collect();
    if let Some(first) = bytes.first_mut() {
        // Positive and without a leading zero byte (RFC 5280 §4.1.2.2).
        *first = (*first & 0x3f) | 0x40;
    }
    bytes
}
