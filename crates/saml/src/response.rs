//! The way from a posted form field to a [`VerifiedAssertion`], the only way there is.
//!
//! ```text
//! field → base64 → scan → tree → places of things → envelope → each signature verified
//!       → the digested bytes, parsed again → the assertion's exact shape → the rules
//! ```
//!
//! Invariant: who somebody is, is read from bytes whose digest a key of the connection signed (or from the plain text
//! of a ciphertext that stood in such bytes). Where only the assertion is signed, the response around it is a hint
//! that has to agree.
//! Not here: what needs a memory. The caller keeps each assertion's ID until [`VerifiedAssertion::expires_at`] and
//! refuses it a second time; knows which request which browser made; and knows whether the person may come in.

mod rules;
mod shape;

use crate::{
    Attribute, EntityId, Keys, Location, NameId, PrivateKey, Refused, c14n,
    encryption::{self, Cbc},
    error::Result,
    prescan::{self, Comments},
    signature, xml,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use roxmltree::{Document, Node};
use shape::{Assertion, Envelope, Payload};
use std::fmt::Write as _;

pub(crate) use shape::{check_places, issuer, read_name_id, status_codes};

/// The largest message, in bytes of XML.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What this service provider knows about one identity provider. It cannot be made without a key.
#[derive(Debug)]
pub struct Connection {
    /// The identity provider's entity ID, compared exactly.
    pub identity_provider: EntityId,
    /// The keys that its signatures are verified with.
    pub keys: Keys,
    /// Our entity ID, which every audience restriction has to name.
    pub service_provider: EntityId,
    /// Our ACS URL for this connection: `Destination` and `Recipient`.
    pub acs: Location,
    /// Whether sign-in may start at the identity provider. Off by default, because somebody else's session can then
    /// be put into a browser (login CSRF).
    pub idp_initiated: bool,
    /// Our keys to decrypt with; none means that encrypted assertions are refused.
    pub decryption_keys: Vec<PrivateKey>,
    /// Whether AES-CBC is taken, inside a signed response only.
    pub allow_cbc: bool,
}

/// The request that this browser has made and not yet used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// The `AuthnRequest`'s ID.
    pub id: String,
    /// From when on no answer is taken, microseconds since 1970.
    pub expires_at: i64,
}

/// What a key of the connection vouches for. Fields are private: only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    assertion: Assertion,
    xml: String,
    response_signed: bool,
    assertion_signed: bool,
    encrypted: bool,
    in_response_to: Option<String>,
    expires_at: i64,
}

impl VerifiedAssertion {
    /// The assertion's ID: taken once, remembered until [`Self::expires_at`].
    pub fn id(&self) -> &str {
        &self.assertion.id
    }
    /// Who vouches.
    pub fn issuer(&self) -> &str {
        &self.assertion.issuer
    }
    /// Who signed in.
    pub fn name_id(&self) -> &NameId {
        &self.assertion.name_id
    }
    /// What is said of them, in order of the assertion; a name may stand there more than once.
    pub fn attributes(&self) -> &[Attribute] {
        &self.assertion.attributes
    }
    /// The values of every attribute of this name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().iter().filter(move |a| a.name == name).flat_map(|a| a.values.iter().map(String::as_str))
    }
    /// The identity provider's name for the session, for logout.
    pub fn session_index(&self) -> Option<&str> {
        self.assertion.session_index.as_deref()
    }
    /// When they signed in at the identity provider, microseconds since 1970.
    pub fn authenticated_at(&self) -> i64 {
        self.assertion.authenticated_at
    }
    /// How they signed in, as a URI (`AuthnContextClassRef`).
    pub fn authn_context(&self) -> Option<&str> {
        self.assertion.authn_context.as_deref()
    }
    /// Our session may not outlive this, microseconds since 1970.
    pub fn session_ends_at(&self) -> Option<i64> {
        self.assertion.session_ends_at
    }
    /// The request that is answered; absent when sign-in started at the identity provider.
    pub fn in_response_to(&self) -> Option<&str> {
        self.in_response_to.as_deref()
    }
    /// From when on the assertion is refused by its dates alone, skew included, microseconds since 1970: until then
    /// its ID has to be remembered.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }
    /// Whether the response carried a signature (which then was verified).
    pub fn response_signed(&self) -> bool {
        self.response_signed
    }
    /// Whether the assertion carried a signature of its own (which then was verified).
    pub fn assertion_signed(&self) -> bool {
        self.assertion_signed
    }
    /// Whether the assertion came encrypted.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }
    /// The canonical XML that all of this was read from, to show to an operator who tests the connection. Personal
    /// data: never to be logged.
    pub fn xml(&self) -> &str {
        &self.xml
    }
}

/// What an unverified message says about itself, to choose the connection by and to say why there was no sign-in.
/// Nothing here may be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The issuer of the response, or else of the assertion.
    pub issuer: Option<String>,
    /// The request that it claims to answer.
    pub in_response_to: Option<String>,
    /// The status codes from the outside in, as URIs.
    pub status: Vec<String>,
}

/// The XML of the form field `SAMLResponse` (SAML Bindings §3.5.4): base64, lines allowed, never compressed.
pub(crate) fn decode(field: &str) -> Result<Vec<u8>> {
    // Four characters for three bytes, and room for line ends.
    if field.len() > MESSAGE_BYTES_MAX / 3 * 4 + MESSAGE_BYTES_MAX / 16 {
        return Err(Refused::MessageTooLarge);
    }
    let compact: Vec<u8> = field.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| Refused::NotBase64)?;
    if bytes.len() > MESSAGE_BYTES_MAX { Err(Refused::MessageTooLarge) } else { Ok(bytes) }
}

/// Looks into a response without believing it.
pub fn peek(field: &str) -> Result<Hints> {
    let bytes = decode(field)?;
    let document = xml::parse(xml::utf8(&bytes)?)?;
    let root = document.root_element();
    if !xml::is(root, xml::SAMLP, "Response") {
        return Err(Refused::NotAResponse);
    }
    let issuer_of = |node: Node| {
        let issuer = node.children().find(|n| xml::is(*n, xml::SAML, "Issuer"))?;
        Some(xml::uri(issuer).ok()?.to_owned())
    };
    let inner = || root.children().find(|n| xml::is(*n, xml::SAML, "Assertion")).and_then(issuer_of);
    let status = root.children().find(|n| xml::is(*n, xml::SAMLP, "Status"));
    Ok(Hints {
        issuer: issuer_of(root).or_else(inner),
        in_response_to: xml::attribute(root, "InResponseTo").map(str::to_owned),
        status: status.and_then(|s| status_codes(s).ok()).unwrap_or_default(),
    })
}

/// Takes the form field of a POST to the ACS URL; gives the assertion that this connection's identity provider made
/// for us, for this request and for now, or why there is none.
///
/// `outstanding` is the request of this browser; `now` is microseconds since 1970.
/// Source: SAML Profiles §4.1.4.
pub fn verify(
    field: &str,
    connection: &Connection,
    outstanding: Option<&Outstanding>,
    now: i64,
) -> Result<VerifiedAssertion> {
    let bytes = decode(field)?;
    let found = evidence(xml::utf8(&bytes)?, connection)?;
    let document = xml::parse(&found.xml)?;
    let assertion = Assertion::read(find_assertion(document.root_element())?)?;
    let expires_at = rules::judge(&assertion, &found.envelope, connection, outstanding, now)?;
    Ok(VerifiedAssertion {
        assertion,
        response_signed: found.envelope.signed,
        assertion_signed: found.assertion_signed,
        encrypted: found.encrypted,
        xml: found.xml,
        // Equal to the confirmation's, or the rules would have refused.
        in_response_to: found.envelope.in_response_to,
        expires_at,
    })
}

/// What the signatures leave standing.
struct Evidence {
    envelope: Envelope,
    /// The assertion, in the very characters that a key vouches for.
    xml: String,
    assertion_signed: bool,
    encrypted: bool,
}

/// From the text of the message to text that is vouched for.
fn evidence(text: &str, connection: &Connection) -> Result<Evidence> {
    let document = xml::parse(text)?;
    let root = document.root_element();
    if !xml::is(root, xml::SAMLP, "Response") {
        return Err(Refused::NotAResponse);
    }
    xml::check_ids(&document)?;
    check_places(root, root)?;
    let (mut envelope, payload, signature) = Envelope::read(root)?;
    let Some(payload) = payload else { return Err(Refused::NoAssertion) };
    let signed = signature.map(|s| signature::verify(s, &connection.keys)).transpose()?;
    let Some(signed) = signed else {
        return match payload {
            Payload::Plain(node) => plain(node, None, envelope, connection),
            Payload::Encrypted(node) => encrypted(node, None, envelope, connection),
        };
    };
    // From here on only what was digested.
    let again = xml::parse(&signed)?;
    let (inside, digested, _) = Envelope::read(again.root_element())?;
    envelope = Envelope { signed: true, ..inside };
    match (payload, digested) {
        (Payload::Plain(node), Some(Payload::Plain(vouched))) => plain(node, Some(vouched), envelope, connection),
        (Payload::Encrypted(node), Some(Payload::Encrypted(vouched))) => {
            encrypted(node, Some(vouched), envelope, connection)
        }
        _ => Err(Refused::NoAssertion),
    }
}

/// A plain assertion: its own signature if it has one, and the response's otherwise. Its own signature is verified
/// where it was found, because canonicalising the response may already have dropped namespaces that only a prefix
/// list of the inner signature asks for.
fn plain(found: Node, vouched: Option<Node>, envelope: Envelope, connection: &Connection) -> Result<Evidence> {
    let own = shape::signature_of(found).map(|s| signature::verify(s, &connection.keys)).transpose()?;
    let assertion_signed = own.is_some();
    let xml = match (own, vouched) {
        (Some(own), _) => own,
        (None, Some(vouched)) => c14n::element(vouched, None, &[])?,
        (None, None) => return Err(Refused::NotSigned),
    };
    Ok(Evidence { envelope, xml, assertion_signed, encrypted: false })
}

/// An encrypted assertion. The plain text is parsed where the ciphertext stood, because some senders encrypt it
/// without the namespaces that the response declares. Without a signature of its own, only namespaces that the
/// response's signature covers count.
fn encrypted(found: Node, vouched: Option<Node>, envelope: Envelope, connection: &Connection) -> Result<Evidence> {
    let cbc = Cbc { allowed: connection.allow_cbc, response_signed: envelope.signed };
    let plain_text = encryption::decrypt(vouched.unwrap_or(found), &connection.decryption_keys, cbc)?;
    if plain_text.len() > MESSAGE_BYTES_MAX {
        return Err(Refused::MessageTooLarge);
    }
    // By itself first: it may not close the element around it and open another.
    prescan::scan(plain_text.as_bytes(), Comments::Refuse)?;
    let around = in_place(found, &plain_text)?;
    let document = xml::parse(&around)?;
    let assertion = decrypted_assertion(&document, &envelope)?;
    let own = shape::signature_of(assertion).map(|s| signature::verify(s, &connection.keys)).transpose()?;
    let assertion_signed = own.is_some();
    let xml = match (own, vouched) {
        (Some(own), _) => own,
        (None, Some(vouched)) => {
            let around = in_place(vouched, &plain_text)?;
            let document = xml::parse(&around)?;
            c14n::element(decrypted_assertion(&document, &envelope)?, None, &[])?
        }
        (None, None) => return Err(Refused::NotSigned),
    };
    Ok(Evidence { envelope, xml, assertion_signed, encrypted: true })
}

/// A document with the namespaces of a place, and the text in it.
fn in_place(place: Node, plain_text: &str) -> Result<String> {
    let mut around = String::from("<plain");
    for namespace in place.namespaces() {
        match namespace.name() {
            Some("xml") => continue,
            Some(prefix) => write!(around, " xmlns:{prefix}").map_err(|_| Refused::MalformedXml)?,
            None => around.push_str(" xmlns"),
        }
        around.push_str("=\"");
        xml::push_value(&mut around, namespace.uri());
        around.push('"');
    }
    write!(around, ">{plain_text}</plain>").map_err(|_| Refused::MalformedXml)?;
    Ok(around)
}

/// The one assertion that was encrypted, after the same walk as over a message.
fn decrypted_assertion<'a>(document: &'a Document, envelope: &Envelope) -> Result<Node<'a, 'a>> {
    let root = document.root_element();
    let assertion = match xml::elements(root)?.as_slice() {
        [only] if xml::is(*only, xml::SAML, "Assertion") => *only,
        _ => return Err(Refused::DecryptedNotAssertion),
    };
    xml::check_ids(document)?;
    check_places(root, assertion)?;
    if xml::required(assertion, "ID")? == envelope.id { Err(Refused::DuplicateId) } else { Ok(assertion) }
}

fn find_assertion<'a, 'i>(root: Node<'a, 'i>) -> Result<Node<'a, 'i>> {
    if xml::is(root, xml::SAML, "Assertion") { Ok(root) } else { Err(Refused::NoAssertion) }
}
