//! How messages travel: in the query of a redirect, deflated and signed over the raw query (SAML Bindings §3.4), or in
//! a form, base64 and signed inside (§3.5).
//!
//! The signature of a redirect is checked over the very characters that came, never over a query that was decoded and
//! put together again; and each parameter may be there once, under its plain name, so that two readers cannot take two
//! different ones.

use crate::{
    Refused,
    algorithm::SignatureAlgorithm,
    error::Result,
    keys::{Keys, SigningKey},
    names::{Binding, Location},
    prescan::{self, Comments},
    response::{check_places, decode},
    signature, xml,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use std::io::{Read, Write};

/// The most that a redirect may inflate to, in bytes.
pub const INFLATED_BYTES_MAX: usize = 64 * 1024;
/// The longest RelayState, in bytes. SAML says 80; real ones are addresses.
pub const RELAY_STATE_BYTES_MAX: usize = 2048;

/// Whether a message asks or answers: the name of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SAMLRequest`.
    Request,
    /// `SAMLResponse`.
    Response,
}

impl Kind {
    /// The name of the parameter or form field.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message as it came, decoded but not believed.
#[derive(Clone, Debug)]
pub struct Inbound {
    kind: Kind,
    binding: Binding,
    xml: String,
    relay_state: Option<String>,
    query_signature: Option<QuerySignature>,
}

#[derive(Clone, Debug)]
struct QuerySignature {
    octets: String,
    algorithm: String,
    value: Vec<u8>,
}

/// What is left when signatures are settled.
pub(crate) struct Vouched {
    pub(crate) xml: String,
    pub(crate) signed: bool,
}

impl Inbound {
    /// Reads the raw query of a redirect, the part after `?`, exactly as it came. Parameters that are not SAML's are
    /// left alone.
    pub fn from_query(raw: &str) -> Result<Self> {
        let query = Query::read(raw)?;
        let (kind, message) = match (query.request, query.response) {
            (Some(message), None) => (Kind::Request, message),
            (None, Some(message)) => (Kind::Response, message),
            (Some(_), Some(_)) => return Err(Refused::BothMessages),
            (None, None) => return Err(Refused::NoMessage),
        };
        if query
            .encoding
            .is_some_and(|e| unescape(e).as_deref() != Ok("urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"))
        {
            return Err(Refused::UnknownEncoding);
        }
        let relay_state = query.relay_state.map(unescape).transpose()?;
        let query_signature = match (query.algorithm, query.signature) {
            (Some(algorithm), Some(signature)) => {
                let relay = query.relay_state.map(|raw| format!("&RelayState={raw}")).unwrap_or_default();
                Some(QuerySignature {
                    octets: format!("{}={message}{relay}&SigAlg={algorithm}", kind.parameter()),
                    algorithm: unescape(algorithm)?,
                    value: STANDARD.decode(unescape(signature)?).map_err(|_| Refused::NotBase64)?,
                })
            }
            (None, None) => None,
            _ => return Err(Refused::MalformedQuery),
        };
        let xml = inflate(&STANDARD.decode(unescape(message)?).map_err(|_| Refused::NotBase64)?)?;
        Self { kind, binding: Binding::Redirect, xml, relay_state, query_signature }.checked()
    }

    /// Reads a form field. A form is never inflated.
    pub fn from_form(kind: Kind, field: &str, relay_state: Option<&str>) -> Result<Self> {
        let bytes = decode(field)?;
        let xml = prescan::scan(&bytes, Comments::Refuse)?.to_owned();
        let relay_state = relay_state.map(str::to_owned);
        Self { kind, binding: Binding::Post, xml, relay_state, query_signature: None }.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.relay_state.as_ref().is_some_and(|r| r.len() > RELAY_STATE_BYTES_MAX) {
            return Err(Refused::RelayStateTooLong);
        }
        Ok(self)
    }

    /// Whether it asks or answers.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How it came.
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// The sender's state, to be given back unchanged.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// Who it says it is from; to look the sender up by, not to be believed.
    pub fn peek_issuer(&self) -> Result<String> {
        let document = xml::parse(&self.xml)?;
        let issuer = document.root_element().children().find(|n| xml::is(*n, xml::SAML, "Issuer"));
        Ok(xml::uri(issuer.ok_or(Refused::IssuerMissing)?)?.to_owned())
    }

    /// The name of the root element within the protocol's namespace.
    pub fn peek_name(&self) -> Result<Option<String>> {
        let document = xml::parse(&self.xml)?;
        let name = document.root_element().tag_name();
        Ok((name.namespace() == Some(xml::SAMLP)).then(|| name.name().to_owned()))
    }

    /// Verifies whatever signature there is. Without keys nothing can be verified, and the message counts as unsigned.
    pub(crate) fn vouched(&self, keys: Option<&Keys>) -> Result<Vouched> {
        let document = xml::parse(&self.xml)?;
        let root = document.root_element();
        xml::check_ids(&document)?;
        check_places(root, root)?;
        let inside = root.children().find(|n| xml::is(*n, xml::DS, "Signature"));
        let unsigned = || Ok(Vouched { xml: self.xml.clone(), signed: false });
        let Some(keys) = keys else { return unsigned() };
        match (self.binding, inside, &self.query_signature) {
            // A redirect's message may not carry a signature inside (§3.4.4.1).
            (Binding::Redirect, Some(_), _) => Err(Refused::SignatureElsewhere),
            (Binding::Redirect, None, Some(query)) => {
                keys.verify(SignatureAlgorithm::parse(&query.algorithm)?, query.octets.as_bytes(), &query.value)?;
                Ok(Vouched { xml: self.xml.clone(), signed: true })
            }
            (Binding::Post, Some(inside), _) => Ok(Vouched { xml: signature::verify(inside, keys)?, signed: true }),
            (_, None, _) => unsigned(),
        }
    }
}

/// The parameters of a redirect, still escaped.
#[derive(Default)]
struct Query<'a> {
    request: Option<&'a str>,
    response: Option<&'a str>,
    relay_state: Option<&'a str>,
    algorithm: Option<&'a str>,
    signature: Option<&'a str>,
    encoding: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn read(raw: &'a str) -> Result<Self> {
        if raw.len() > INFLATED_BYTES_MAX * 2 {
            return Err(Refused::MessageTooLarge);
        }
        let mut query = Self::default();
        for pair in raw.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "SAMLRequest" => &mut query.request,
                "SAMLResponse" => &mut query.response,
                "RelayState" => &mut query.relay_state,
                "SigAlg" => &mut query.algorithm,
                "Signature" => &mut query.signature,
                "SAMLEncoding" => &mut query.encoding,
                other => {
                    disguised(other)?;
                    continue;
                }
            };
            if slot.replace(value).is_some() {
                return Err(Refused::RepeatedParameter);
            }
        }
        Ok(query)
    }
}

/// `SAMLReques%74` is one of ours to a reader that unescapes names.
fn disguised(name: &str) -> Result<()> {
    const OURS: [&str; 6] = ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"];
    let plain = unescape(name)?;
    if OURS.iter().any(|own| own.eq_ignore_ascii_case(plain.trim())) { Err(Refused::RepeatedParameter) } else { Ok(()) }
}

fn unescape(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => return Err(Refused::MalformedQuery),
            },
            b'+' => b' ',
            _ => b,
        });
    }
    String::from_utf8(bytes).map_err(|_| Refused::MalformedQuery)
}

/// Escapes a query value: everything but the unreserved characters of RFC 3986 §2.3.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// Inflates at most one byte more than is taken, so that a bomb costs no more than a message.
fn inflate(bytes: &[u8]) -> Result<String> {
    let mut out = Vec::new();
    let limit = u64::try_from(INFLATED_BYTES_MAX + 1).unwrap_or(u64::MAX);
    DeflateDecoder::new(bytes).take(limit).read_to_end(&mut out).map_err(|_| Refused::InflateFailed)?;
    if out.len() > INFLATED_BYTES_MAX {
        return Err(Refused::InflatesTooLarge);
    }
    prescan::scan(&out, Comments::Refuse).map(str::to_owned)
}

fn deflate(text: &str) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(|_| Refused::UnwritableText)
}

/// The address to redirect the browser to. With a key, the query is signed.
pub fn redirect_url(
    to: &Location,
    kind: Kind,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&SigningKey>,
) -> Result<String> {
    let mut query = format!("{}={}", kind.parameter(), escape(&STANDARD.encode(deflate(xml)?)));
    if let Some(relay_state) = relay_state {
        query.push_str("&RelayState=");
        query.push_str(&escape(relay_state));
    }
    if let Some(key) = key {
        let algorithm = key.key.algorithm();
        query.push_str("&SigAlg=");
        query.push_str(&escape(algorithm.name()));
        let signature = STANDARD.encode(key.key.sign(algorithm, query.as_bytes())?);
        query.push_str("&Signature=");
        query.push_str(&escape(&signature));
    }
    let joint = if to.as_str().contains('?') { '&' } else { '?' };
    Ok(format!("{to}{joint}{query}"))
}

/// The form field of a message.
pub fn form_field(xml: &str) -> String {
    STANDARD.encode(xml)
}
