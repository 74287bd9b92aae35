//! XML Encryption in the shapes that identity providers send: AES under a content key, the content key under
//! RSA-OAEP.
//!
//! Encryption hides; it does not prove who wrote. What comes out of here still has to be signed, or to have come out
//! of a signed response. RSA 1.5 is not taken at all, and AES-CBC, which has no integrity of its own, only where the
//! connection allows it and the response around it is already verified: otherwise our answers would tell a stranger
//! how decryption went. SHA-1 within OAEP is not a signature and is what most senders use.

use crate::{
    Refused,
    error::Result,
    keys::{PrivateKey, VerifyingKey},
    signature::base64,
    xml::{self, Children, DS, SAML, Writer, XENC, XENC11},
};
use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
    rand,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
        OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use roxmltree::Node;

const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const OAEP11: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
const GCM_128: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
const GCM_256: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
const CBC_128: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const CBC_256: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const BLOCK: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Gcm { key_bytes: usize },
    Cbc { key_bytes: usize },
}

/// What the connection and the message around allow for AES-CBC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cbc {
    pub(crate) allowed: bool,
    pub(crate) response_signed: bool,
}

/// The text inside a `saml:EncryptedAssertion`. Every key is tried: after a roll-over the sender may still use the
/// old one.
pub(crate) fn decrypt(encrypted: Node, keys: &[PrivateKey], cbc: Cbc) -> Result<String> {
    if keys.is_empty() {
        return Err(Refused::NoDecryptionKey);
    }
    let (data, key) = parts(encrypted)?;
    let content = content_algorithm(data.method)?;
    if matches!(content, Content::Cbc { .. }) {
        match cbc {
            Cbc { allowed: false, .. } => return Err(Refused::CbcNotAllowed),
            Cbc { response_signed: false, .. } => return Err(Refused::CbcNeedsSignedResponse),
            Cbc { .. } => {}
        }
    }
    let oaep = transport_algorithm(key.method)?;
    let opened = keys.iter().find_map(|k| {
        let content_key = unwrap_key(k, oaep, &key.value)?;
        open(content, &content_key, &data.value)
    });
    String::from_utf8(opened.ok_or(Refused::DecryptionFailed)?).map_err(|_| Refused::DecryptionFailed)
}

/// `EncryptedData` and `EncryptedKey` have the same parts.
struct Part<'a, 'i> {
    method: Node<'a, 'i>,
    key_info: Option<Node<'a, 'i>>,
    value: Vec<u8>,
}

/// The data and its key, which stands in the data's `KeyInfo` or beside the data (both are in use).
fn parts<'a, 'i>(encrypted: Node<'a, 'i>) -> Result<(Part<'a, 'i>, Part<'a, 'i>)> {
    let malformed = |_| Refused::MalformedEncryption;
    xml::only_attributes(encrypted, &[])?;
    let mut children = Children::of(encrypted)?;
    let data = children.required(XENC, "EncryptedData").map_err(malformed)?;
    let beside = children.all(XENC, "EncryptedKey");
    children.end().map_err(malformed)?;
    if xml::attribute(data, "Type").is_some_and(|t| t != ELEMENT) {
        return Err(Refused::MalformedEncryption);
    }
    let data = part(data)?;
    let mut keys = beside;
    if let Some(info) = data.key_info {
        keys.extend(xml::elements(info)?.into_iter().filter(|n| xml::is(*n, XENC, "EncryptedKey")));
    }
    match keys.as_slice() {
        [key] => Ok((data, part(*key)?)),
        _ => Err(Refused::MalformedEncryption),
    }
}

fn part<'a, 'i>(node: Node<'a, 'i>) -> Result<Part<'a, 'i>> {
    let malformed = |_| Refused::MalformedEncryption;
    xml::only_attributes(node, &["Id", "Type", "MimeType", "Encoding", "Recipient"])?;
    let mut children = Children::of(node)?;
    let method = children.required(XENC, "EncryptionMethod").map_err(malformed)?;
    let key_info = children.optional(DS, "KeyInfo");
    let cipher = children.required(XENC, "CipherData").map_err(malformed)?;
    // A list of what the key is for; there is one key and one use.
    children.optional(XENC, "ReferenceList");
    children.optional(XENC, "CarriedKeyName");
    children.end().map_err(malformed)?;
    let mut children = Children::of(cipher)?;
    let value = children.required(XENC, "CipherValue").map_err(malformed)?;
    children.end().map_err(malformed)?;
    Ok(Part { method, key_info, value: base64(value).map_err(malformed)? })
}

fn content_algorithm(method: Node) -> Result<Content> {
    xml::only_attributes(method, &["Algorithm"])?;
    match xml::required(method, "Algorithm")? {
        GCM_128 => Ok(Content::Gcm { key_bytes: 16 }),
        GCM_256 => Ok(Content::Gcm { key_bytes: 32 }),
        CBC_128 => Ok(Content::Cbc { key_bytes: 16 }),
        CBC_256 => Ok(Content::Cbc { key_bytes: 32 }),
        _ => Err(Refused::EncryptionNotAllowed),
    }
}

/// RSA-OAEP with one hash for both of its uses. XML Encryption can mix them, and the library cannot.
fn transport_algorithm(method: Node) -> Result<&'static OaepAlgorithm> {
    xml::only_attributes(method, &["Algorithm"])?;
    let name = xml::required(method, "Algorithm")?;
    let mut digest = "http://www.w3.org/2000/09/xmldsig#sha1";
    let mut mask = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
    for child in xml::elements(method)? {
        if xml::is(child, DS, "DigestMethod") {
            digest = xml::required(child, "Algorithm")?;
        } else if xml::is(child, XENC11, "MGF") && name == OAEP11 {
            mask = xml::required(child, "Algorithm")?;
        } else {
            return Err(Refused::KeyTransportNotAllowed);
        }
    }
    let end = |name: &str| name.rsplit('#').next().unwrap_or_default().to_owned();
    match (name, end(digest).as_str(), end(mask).as_str()) {
        (OAEP | OAEP11, "sha1", "mgf1sha1") => Ok(&OAEP_SHA1_MGF1SHA1),
        (OAEP11, "sha256", "mgf1sha256") => Ok(&OAEP_SHA256_MGF1SHA256),
        (OAEP11, "sha384", "mgf1sha384") => Ok(&OAEP_SHA384_MGF1SHA384),
        (OAEP11, "sha512", "mgf1sha512") => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(Refused::KeyTransportNotAllowed),
    }
}

fn unwrap_key(key: &PrivateKey, oaep: &'static OaepAlgorithm, wrapped: &[u8]) -> Option<Vec<u8>> {
    let key = OaepPrivateDecryptingKey::new(key.decrypting().ok()?).ok()?;
    let mut out = vec![0; key.min_output_size()];
    Some(key.decrypt(oaep, wrapped, &mut out, None).ok()?.to_vec())
}

fn open(content: Content, key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    match content {
        Content::Gcm { key_bytes } if key.len() == key_bytes => open_gcm(key, sealed),
        Content::Cbc { key_bytes } if key.len() == key_bytes => open_cbc(key, sealed),
        Content::Gcm { .. } | Content::Cbc { .. } => None,
    }
}

fn gcm(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm: &'static Algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
    Some(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))
}

/// The nonce first, the tag last (XML Encryption 1.1 §5.2.4).
fn open_gcm(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let mut body = body.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    Some(gcm(key)?.open_in_place(nonce, Aad::empty(), &mut body).ok()?.to_vec())
}

/// The initial block first; the last byte says how many bytes are padding, and the others may be anything
/// (XML Encryption 1.1 §5.2.3).
fn open_cbc(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (iv, body) = sealed.split_at_checked(BLOCK)?;
    if body.is_empty() || !body.len().is_multiple_of(BLOCK) {
        return None;
    }
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let cipher = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let mut body = body.to_vec();
    let context = DecryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
    let plain = cipher.decrypt(&mut body, context).ok()?;
    let padding = usize::from(*plain.last()?);
    let length = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    plain.get(..length).map(<[u8]>::to_vec)
}

/// Wraps an assertion into `saml:EncryptedAssertion`: AES-256-GCM under RSA-OAEP, which everybody reads.
pub(crate) fn encrypt(assertion: &str, to: &VerifyingKey) -> Result<String> {
    let failed = |_| Refused::SigningFailed;
    let mut key = [0_u8; 32];
    let mut nonce = [0_u8; NONCE_LEN];
    rand::fill(&mut key).map_err(failed)?;
    rand::fill(&mut nonce).map_err(failed)?;
    let mut body = assertion.as_bytes().to_vec();
    gcm(&key)
        .ok_or(Refused::SigningFailed)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body)
        .map_err(failed)?;
    let sealed = [nonce.as_slice(), body.as_slice()].concat();
    let rsa = OaepPublicEncryptingKey::new(to.encrypting()?).map_err(failed)?;
    let mut wrapped = vec![0; rsa.ciphertext_size()];
    let wrapped = rsa.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped, None).map_err(failed)?;
    let mut out = Writer::default();
    out.open("saml:EncryptedAssertion", &[("xmlns:saml", Some(SAML))])
        .open("xenc:EncryptedData", &[("xmlns:xenc", Some(XENC)), ("Type", Some(ELEMENT))])
        .leaf("xenc:EncryptionMethod", &[("Algorithm", Some(GCM_256))], "")
        .open("ds:KeyInfo", &[("xmlns:ds", Some(DS))])
        .open("xenc:EncryptedKey", &[])
        .leaf("xenc:EncryptionMethod", &[("Algorithm", Some(OAEP))], "")
        .open("xenc:CipherData", &[])
        .leaf("xenc:CipherValue", &[], &STANDARD.encode(wrapped))
        .close("xenc:CipherData")
        .close("xenc:EncryptedKey")
        .close("ds:KeyInfo")
        .open("xenc:CipherData", &[])
        .leaf("xenc:CipherValue", &[], &STANDARD.encode(&sealed))
        .close("xenc:CipherData")
        .close("xenc:EncryptedData")
        .close("saml:EncryptedAssertion");
    out.finish()
}
