//! XML Signature in the one shape that SAML allows: enveloped, one reference, to the element that the signature
//! stands in (SAML Core §5.4), over exclusive canonical XML.
//!
//! Invariant: what is believed after verification is [`verify`]'s result, the canonical bytes that were digested,
//! parsed again; never the tree that the signature was found in.
//! Not here: `KeyInfo` is never read. The keys come from the connection.

use crate::{
    Refused,
    algorithm::{DigestAlgorithm, ENVELOPED, EXCLUSIVE_C14N, SignatureAlgorithm},
    c14n,
    error::Result,
    keys::{Keys, SigningKey},
    xml::{self, Children, DS, Writer},
};
use aws_lc_rs::constant_time;
use base64::{Engine, engine::general_purpose::STANDARD};
use roxmltree::Node;

struct Signature<'a, 'i> {
    signed_info: Node<'a, 'i>,
    signed_info_prefixes: Vec<&'a str>,
    algorithm: SignatureAlgorithm,
    digest: DigestAlgorithm,
    digest_value: Vec<u8>,
    prefixes: Vec<&'a str>,
    value: Vec<u8>,
}

/// Verifies the signature that stands in an element, and gives the canonical bytes of that element without it.
pub(crate) fn verify(signature: Node, keys: &Keys) -> Result<String> {
    let parent = signature.parent_element().ok_or(Refused::SignatureElsewhere)?;
    let parsed = parse(signature, xml::required(parent, "ID")?)?;
    // The signature first: until it holds, the digest is only what a stranger says.
    let signed_info = c14n::element(parsed.signed_info, None, &parsed.signed_info_prefixes)?;
    keys.verify(parsed.algorithm, signed_info.as_bytes(), &parsed.value)?;
    let bytes = c14n::element(parent, Some(signature.id()), &parsed.prefixes)?;
    let digest = parsed.digest.digest(bytes.as_bytes());
    constant_time::verify_slices_are_equal(&digest, &parsed.digest_value).map_err(|_| Refused::DigestMismatch)?;
    Ok(bytes)
}

/// Reads a signature that has exactly the parts that it must have.
fn parse<'a, 'i>(signature: Node<'a, 'i>, parent_id: &str) -> Result<Signature<'a, 'i>> {
    xml::only_attributes(signature, &["Id"])?;
    let mut children = Children::of(signature)?;
    let signed_info = required(&mut children, "SignedInfo")?;
    let value = required(&mut children, "SignatureValue")?;
    children.optional(DS, "KeyInfo");
    match children.peek() {
        Some(node) if xml::is(node, DS, "Object") => return Err(Refused::SignatureObject),
        Some(_) => return Err(Refused::MalformedSignature),
        None => {}
    }
    xml::only_attributes(signed_info, &[])?;
    xml::only_attributes(value, &["Id"])?;
    let mut children = Children::of(signed_info)?;
    let canonicalization = required(&mut children, "CanonicalizationMethod")?;
    let method = required(&mut children, "SignatureMethod")?;
    let reference = required(&mut children, "Reference")?;
    match children.peek() {
        Some(node) if xml::is(node, DS, "Reference") => return Err(Refused::SeveralReferences),
        Some(_) => return Err(Refused::MalformedSignature),
        None => {}
    }
    if algorithm(canonicalization)? != EXCLUSIVE_C14N {
        return Err(Refused::CanonicalizationNotAllowed);
    }
    let algorithm = SignatureAlgorithm::parse(leaf_algorithm(method)?)?;
    xml::only_attributes(reference, &["URI"])?;
    if xml::required(reference, "URI")?.strip_prefix('#') != Some(parent_id) {
        return Err(Refused::ReferenceNotParent);
    }
    let mut children = Children::of(reference)?;
    let transforms = required(&mut children, "Transforms")?;
    let digest_method = required(&mut children, "DigestMethod")?;
    let digest_value = required(&mut children, "DigestValue")?;
    children.end().map_err(|_| Refused::MalformedSignature)?;
    xml::only_attributes(digest_value, &[])?;
    Ok(Signature {
        signed_info,
        signed_info_prefixes: inclusive_prefixes(canonicalization)?,
        algorithm,
        digest: DigestAlgorithm::parse(leaf_algorithm(digest_method)?)?,
        digest_value: base64(digest_value)?,
        prefixes: transform_prefixes(transforms)?,
        value: base64(value)?,
    })
}

fn required<'a, 'i>(children: &mut Children<'a, 'i>, name: &str) -> Result<Node<'a, 'i>> {
    children.required(DS, name).map_err(|_| Refused::MalformedSignature)
}

fn algorithm<'a>(node: Node<'a, '_>) -> Result<&'a str> {
    xml::only_attributes(node, &["Algorithm"])?;
    xml::required(node, "Algorithm")
}

/// The algorithm of an element that has no parameters.
fn leaf_algorithm<'a>(node: Node<'a, '_>) -> Result<&'a str> {
    if xml::elements(node)?.is_empty() { algorithm(node) } else { Err(Refused::MalformedSignature) }
}

/// Base64 text, broken into lines as the sender likes.
pub(crate) fn base64(node: Node) -> Result<Vec<u8>> {
    let compact: String = xml::text(node)?.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| Refused::MalformedSignature)
}

/// Exactly enveloped-signature, then exclusive canonicalisation. Its prefix list is given back.
fn transform_prefixes<'a>(transforms: Node<'a, '_>) -> Result<Vec<&'a str>> {
    xml::only_attributes(transforms, &[])?;
    let all = xml::elements(transforms)?;
    let [enveloped, exclusive] = all.as_slice() else { return Err(Refused::TransformNotAllowed) };
    let names = xml::is(*enveloped, DS, "Transform") && xml::is(*exclusive, DS, "Transform");
    let algorithms = algorithm(*enveloped)? == ENVELOPED && algorithm(*exclusive)? == EXCLUSIVE_C14N;
    if names && algorithms && xml::elements(*enveloped)?.is_empty() {
        inclusive_prefixes(*exclusive)
    } else {
        Err(Refused::TransformNotAllowed)
    }
}

/// The `InclusiveNamespaces` child, if there is one and nothing else.
fn inclusive_prefixes<'a>(node: Node<'a, '_>) -> Result<Vec<&'a str>> {
    let children = xml::elements(node)?;
    let list = match children.as_slice() {
        [] => return Ok(Vec::new()),
        [only] if xml::is(*only, EXCLUSIVE_C14N, "InclusiveNamespaces") => *only,
        _ => return Err(Refused::TransformNotAllowed),
    };
    xml::only_attributes(list, &["PrefixList"])?;
    let prefixes: Vec<&str> = xml::required(list, "PrefixList")?.split_ascii_whitespace().collect();
    let is_prefix = |p: &&str| *p == "#default" || xml::id(p).is_ok();
    if prefixes.len() > c14n::PREFIXES_MAX || !prefixes.iter().all(is_prefix) || !xml::elements(list)?.is_empty() {
        return Err(Refused::PrefixListTooLong);
    }
    Ok(prefixes)
}

/// The signature of an element that is in canonical form, to be put in after its `Issuer`.
///
/// Everything written here is canonical too, so what is hashed is what stands there.
pub(crate) fn sign(canonical: &str, id: &str, key: &SigningKey) -> Result<String> {
    let digest = STANDARD.encode(DigestAlgorithm::Sha256.digest(canonical.as_bytes()));
    let algorithm = key.key.algorithm();
    let uri = format!("#{id}");
    let mut info = Writer::default();
    info.leaf("ds:CanonicalizationMethod", &[("Algorithm", Some(EXCLUSIVE_C14N))], "")
        .leaf("ds:SignatureMethod", &[("Algorithm", Some(algorithm.name()))], "")
        .open("ds:Reference", &[("URI", Some(&uri))])
        .open("ds:Transforms", &[])
        .leaf("ds:Transform", &[("Algorithm", Some(ENVELOPED))], "")
        .leaf("ds:Transform", &[("Algorithm", Some(EXCLUSIVE_C14N))], "")
        .close("ds:Transforms")
        .leaf("ds:DigestMethod", &[("Algorithm", Some(DigestAlgorithm::Sha256.name()))], "")
        .leaf("ds:DigestValue", &[], &digest)
        .close("ds:Reference")
        .close("ds:SignedInfo");
    let info = info.finish()?;
    // By itself SignedInfo declares its prefix; inside Signature the declaration is the parent's.
    let alone = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{info}");
    let value = STANDARD.encode(key.key.sign(algorithm, alone.as_bytes())?);
    let mut out = Writer::default();
    out.open("ds:Signature", &[("xmlns:ds", Some(DS))])
        .raw("<ds:SignedInfo>")
        .raw(&info)
        .leaf("ds:SignatureValue", &[], &value)
        .raw(&key_info(key))
        .close("ds:Signature");
    out.finish()
}

/// The certificate as a hint for those who look; we never do.
fn key_info(key: &SigningKey) -> String {
    let certificate = key.certificate.base64();
    format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )
}
