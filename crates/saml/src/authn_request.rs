//! `samlp:AuthnRequest` (SAML Core §3.4.1): written when we are the service provider, read when we are the identity
//! provider.
//!
//! Invariant of the reading side: the address that an answer goes to comes out of the registration of the app. A
//! request can choose among registered addresses and name no other, signed or not.

use crate::{
    EntityId, Keys, Location, Refused, SigningKey,
    binding::{self, Inbound, Kind},
    error::Result,
    names::Binding,
    response::Hints,
    signature,
    time::{self, SECOND_US, SKEW_US},
    xml::{self, Children, DS, SAML, SAMLP, Writer},
};
use roxmltree::Node;

/// How long a request may be under way, in microseconds.
pub const REQUEST_AGE_MAX_US: i64 = 600 * SECOND_US;

/// A request that we make.
#[derive(Clone, Debug)]
pub struct NewAuthnRequest<'a> {
    /// From [`crate::fresh_id`]; kept as [`crate::Outstanding`].
    pub id: &'a str,
    /// Our entity ID.
    pub issuer: &'a EntityId,
    /// The identity provider's endpoint.
    pub destination: &'a Location,
    /// Where the answer goes.
    pub acs: &'a Location,
    /// The `NameID` format to ask for, as a URI.
    pub name_id_format: Option<&'a str>,
    /// The person has to sign in anew.
    pub force_authn: bool,
    /// Nothing may be asked of the person.
    pub is_passive: bool,
    /// Ways of signing in that would do, as URIs.
    pub authn_contexts: &'a [&'a str],
}

impl NewAuthnRequest<'_> {
    /// The address to send the browser to; signed in the query when there is a key. `now` is microseconds since 1970.
    pub fn redirect_url(&self, relay_state: Option<&str>, key: Option<&SigningKey>, now: i64) -> Result<String> {
        binding::redirect_url(self.destination, Kind::Request, &self.write(None, now)?, relay_state, key)
    }

    /// The form field `SAMLRequest`; signed inside when there is a key.
    pub fn form_field(&self, key: Option<&SigningKey>, now: i64) -> Result<String> {
        let plain = self.write(None, now)?;
        let signed = match key {
            Some(key) => self.write(Some(&signature::sign(&plain, self.id, key)?), now)?,
            None => plain,
        };
        Ok(binding::form_field(&signed))
    }

    fn write(&self, signature: Option<&str>, now: i64) -> Result<String> {
        let yes = |on: bool| on.then_some("true");
        let mut out = Writer::default();
        out.open(
            "samlp:AuthnRequest",
            &[
                ("xmlns:samlp", Some(SAMLP)),
                ("AssertionConsumerServiceURL", Some(self.acs.as_str())),
                ("Destination", Some(self.destination.as_str())),
                ("ForceAuthn", yes(self.force_authn)),
                ("ID", Some(xml::id(self.id)?)),
                ("IsPassive", yes(self.is_passive)),
                ("IssueInstant", Some(&time::write(now))),
                ("ProtocolBinding", Some(Binding::Post.name())),
                ("Version", Some("2.0")),
            ],
        );
        out.leaf("saml:Issuer", &[("xmlns:saml", Some(SAML))], self.issuer.as_str());
        out.raw(signature.unwrap_or_default());
        if let Some(format) = self.name_id_format {
            out.leaf("samlp:NameIDPolicy", &[("AllowCreate", Some("true")), ("Format", Some(format))], "");
        }
        if !self.authn_contexts.is_empty() {
            out.open("samlp:RequestedAuthnContext", &[("Comparison", Some("exact"))]);
            for context in self.authn_contexts {
                out.leaf("saml:AuthnContextClassRef", &[("xmlns:saml", Some(SAML))], context);
            }
            out.close("samlp:RequestedAuthnContext");
        }
        out.close("samlp:AuthnRequest");
        out.finish()
    }
}

/// Whether requests of an app are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestSignature {
    /// We have no key of the app; a signature cannot be verified and changes nothing.
    Ignored,
    /// A signature is verified when there is one.
    Verified(Keys),
    /// Every request has to be signed.
    Required(Keys),
}

impl RequestSignature {
    fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Ignored => None,
            Self::Verified(keys) | Self::Required(keys) => Some(keys),
        }
    }
}

/// An ACS URL that is registered for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acs {
    /// Compared exactly.
    pub location: Location,
    /// Its number, by which a request may choose it.
    pub index: u16,
    /// Taken when a request chooses none. When no address is the default, the first one is.
    pub default: bool,
}

/// An app that we are the identity provider of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProvider {
    /// Its entity ID.
    pub entity_id: EntityId,
    /// Where answers may go; the caller registers at least one.
    pub acs: Vec<Acs>,
    /// Its signatures.
    pub signature: RequestSignature,
}

impl ServiceProvider {
    /// Where an answer goes that no request chose a place for.
    pub fn default_acs(&self) -> Result<&Location> {
        let default = self.acs.iter().find(|acs| acs.default).or(self.acs.first());
        Ok(&default.ok_or(Refused::AcsNotRegistered)?.location)
    }
}

/// A request that came to us and may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthnRequest {
    id: String,
    acs: Location,
    signed: bool,
    issued_at: i64,
    force_authn: bool,
    is_passive: bool,
    name_id_format: Option<String>,
    authn_contexts: Vec<String>,
    relay_state: Option<String>,
}

impl AuthnRequest {
    /// What the answer names as `InResponseTo`.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Where the answer goes, out of the registration.
    pub fn acs(&self) -> &Location {
        &self.acs
    }
    /// Whether a key of the app signed it.
    pub fn signed(&self) -> bool {
        self.signed
    }
    /// When it was made, microseconds since 1970.
    pub fn issued_at(&self) -> i64 {
        self.issued_at
    }
    /// The person has to sign in anew.
    pub fn force_authn(&self) -> bool {
        self.force_authn
    }
    /// Nothing may be asked of the person.
    pub fn is_passive(&self) -> bool {
        self.is_passive
    }
    /// The `NameID` format that is asked for, as a URI.
    pub fn name_id_format(&self) -> Option<&str> {
        self.name_id_format.as_deref()
    }
    /// Ways of signing in that would do, as URIs.
    pub fn authn_contexts(&self) -> &[String] {
        &self.authn_contexts
    }
    /// To be given back unchanged.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// Reads a request of a registered app that came to our endpoint `sso`. `now` is microseconds since 1970.
    pub fn verify(inbound: &Inbound, app: &ServiceProvider, sso: &Location, now: i64) -> Result<Self> {
        if inbound.kind() != Kind::Request || inbound.peek_name()?.as_deref() != Some("AuthnRequest") {
            return Err(Refused::NotAnAuthnRequest);
        }
        let vouched = inbound.vouched(app.signature.keys())?;
        if matches!(app.signature, RequestSignature::Required(_)) && !vouched.signed {
            return Err(Refused::MessageNotSigned);
        }
        let document = xml::parse(&vouched.xml)?;
        let mut request = read(document.root_element(), app)?;
        check_envelope(document.root_element(), vouched.signed, sso)?;
        if request.issued_at > now + SKEW_US {
            return Err(Refused::IssuedInFuture);
        }
        if request.issued_at < now - REQUEST_AGE_MAX_US - SKEW_US {
            return Err(Refused::RequestTooOld);
        }
        request.signed = vouched.signed;
        request.relay_state = inbound.relay_state().map(str::to_owned);
        Ok(request)
    }

    /// What an unverified request says about itself.
    pub fn peek(inbound: &Inbound) -> Result<Hints> {
        Ok(Hints { issuer: Some(inbound.peek_issuer()?), ..Hints::default() })
    }
}

/// Version and destination, of every message to us.
pub(crate) fn check_envelope(root: Node, signed: bool, us: &Location) -> Result<()> {
    if xml::required(root, "Version")? != "2.0" {
        return Err(Refused::WrongVersion);
    }
    match xml::attribute(root, "Destination") {
        None if signed => Err(Refused::DestinationMissing),
        Some(other) if other != us.as_str() => Err(Refused::WrongDestination),
        _ => Ok(()),
    }
}

fn read(root: Node, app: &ServiceProvider) -> Result<AuthnRequest> {
    xml::only_attributes(
        root,
        &[
            "ID",
            "Version",
            "IssueInstant",
            "Destination",
            "Consent",
            "ForceAuthn",
            "IsPassive",
            "ProtocolBinding",
            "AssertionConsumerServiceURL",
            "AssertionConsumerServiceIndex",
            "AttributeConsumingServiceIndex",
            "ProviderName",
        ],
    )?;
    let mut children = Children::of(root)?;
    let issuer = crate::response::issuer(children.required_or(SAML, "Issuer", Refused::IssuerMissing)?)?;
    if issuer != app.entity_id.as_str() {
        return Err(Refused::WrongIssuer);
    }
    children.optional(DS, "Signature");
    children.optional(SAMLP, "Extensions");
    if children.optional(SAML, "Subject").is_some() {
        return Err(Refused::RequestNotSupported);
    }
    let policy = children.optional(SAMLP, "NameIDPolicy");
    if children.optional(SAML, "Conditions").is_some() {
        return Err(Refused::RequestNotSupported);
    }
    let contexts = children.optional(SAMLP, "RequestedAuthnContext");
    // It limits who may pass the request on; we pass none on.
    children.optional(SAMLP, "Scoping");
    children.end()?;
    if xml::attribute(root, "ProtocolBinding").is_some_and(|b| Binding::parse(b) != Some(Binding::Post)) {
        return Err(Refused::BindingNotSupported);
    }
    let mut authn_contexts = Vec::new();
    for context in contexts.map(xml::elements).transpose()?.unwrap_or_default() {
        authn_contexts.push(xml::uri(context)?.to_owned());
    }
    Ok(AuthnRequest {
        id: xml::id(xml::required(root, "ID")?)?.to_owned(),
        acs: registered_acs(root, app)?.clone(),
        signed: false,
        issued_at: time::parse(xml::required(root, "IssueInstant")?)?,
        force_authn: boolean(root, "ForceAuthn")?,
        is_passive: boolean(root, "IsPassive")?,
        name_id_format: policy.and_then(|p| xml::attribute(p, "Format")).map(str::to_owned),
        authn_contexts,
        relay_state: None,
    })
}

/// The address or number that the request names, if it is registered; the default when it names none.
fn registered_acs<'a>(root: Node, app: &'a ServiceProvider) -> Result<&'a Location> {
    let url = xml::attribute(root, "AssertionConsumerServiceURL");
    let index = xml::attribute(root, "AssertionConsumerServiceIndex");
    let chosen = |acs: &&Acs| match (url, index) {
        (Some(url), None) => acs.location.as_str() == url,
        (None, Some(index)) => acs.index.to_string() == index,
        _ => false,
    };
    match (url, index) {
        (None, None) => app.default_acs(),
        (Some(_), Some(_)) => Err(Refused::UnexpectedAttribute),
        _ => Ok(&app.acs.iter().find(chosen).ok_or(Refused::AcsNotRegistered)?.location),
    }
}

fn boolean(node: Node, name: &str) -> Result<bool> {
    match xml::attribute(node, name) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(Refused::UnexpectedAttribute),
    }
}
