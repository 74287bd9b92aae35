//! The exact shapes of a response and an assertion: what may stand where, and nothing else.
//!
//! Reading is by schema order with a closed list of children and attributes, so that an element which no rule looks
//! at cannot be there to be looked at by somebody else.

use crate::{
    Attribute, NameId, Refused,
    error::Result,
    time,
    xml::{self, Children, DS, SAML, SAMLP, XENC, XSI},
};
use roxmltree::Node;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const STATUS_DEPTH_MAX: usize = 8;

/// Walks the whole message once: assertions, messages, signatures and ciphertexts stand where they belong and nowhere
/// else, and nothing is called like them in another namespace.
///
/// `root` is the response (or what was put around a decrypted assertion), `message` the element that signatures may
/// belong to besides the assertions directly below `root`.
pub(crate) fn check_places(root: Node, message: Node) -> Result<()> {
    for node in root.descendants().filter(Node::is_element) {
        let parent = node.parent_element();
        let below_root = parent == Some(root);
        let name = (node.tag_name().namespace().unwrap_or_default(), node.tag_name().name());
        match name {
            (SAML, "Assertion" | "EncryptedAssertion") if !below_root => return Err(Refused::AssertionElsewhere),
            (SAML, "EncryptedID" | "EncryptedAttribute") => return Err(Refused::EncryptedId),
            (SAMLP, "Response" | "AuthnRequest" | "LogoutRequest" | "LogoutResponse" | "ArtifactResponse")
                if node != message =>
            {
                return Err(Refused::MessageElsewhere);
            }
            (DS, "Signature") => {
                let parent = parent.ok_or(Refused::SignatureElsewhere)?;
                let assertion = xml::is(parent, SAML, "Assertion") && parent.parent_element() == Some(root);
                if parent != message && !assertion {
                    return Err(Refused::SignatureElsewhere);
                }
                if parent.children().filter(|n| xml::is(*n, DS, "Signature")).count() > 1 {
                    return Err(Refused::SeveralSignatures);
                }
            }
            _ if looks_alike(name) => return Err(Refused::Lookalike),
            _ => {}
        }
    }
    Ok(())
}

/// Names that mean something to a reader that forgets namespaces or letter case.
fn looks_alike((namespace, name): (&str, &str)) -> bool {
    let own = [
        (SAMLP, "Response"),
        (SAML, "Assertion"),
        (SAML, "EncryptedAssertion"),
        (SAML, "NameID"),
        (DS, "Signature"),
        (DS, "SignedInfo"),
        (DS, "Reference"),
        (XENC, "EncryptedData"),
    ];
    own.iter().any(|(ns, own)| own.eq_ignore_ascii_case(name) && (*ns, *own) != (namespace, name))
}

/// The signature that stands directly in an element.
pub(crate) fn signature_of<'a, 'i>(node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    node.children().find(|n| xml::is(*n, DS, "Signature"))
}

/// What carries the person.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a, 'i> {
    Plain(Node<'a, 'i>),
    Encrypted(Node<'a, 'i>),
}

/// The response without its assertion.
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) issued_at: i64,
    pub(super) destination: Option<String>,
    pub(super) in_response_to: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) encrypted: bool,
    pub(super) signed: bool,
}

/// An envelope, what is in it, and its signature.
type Opened<'a, 'i> = (Envelope, Option<Payload<'a, 'i>>, Option<Node<'a, 'i>>);

impl Envelope {
    /// Reads `samlp:Response` (SAML Core §3.3.3). A status other than success ends it here.
    pub(super) fn read<'a, 'i>(root: Node<'a, 'i>) -> Result<Opened<'a, 'i>> {
        xml::only_attributes(root, &["ID", "Version", "IssueInstant", "Destination", "InResponseTo", "Consent"])?;
        if xml::required(root, "Version")? != "2.0" {
            return Err(Refused::WrongVersion);
        }
        let mut children = Children::of(root)?;
        let issuer = children.optional(SAML, "Issuer").map(issuer).transpose()?;
        let signature = children.optional(DS, "Signature");
        children.optional(SAMLP, "Extensions");
        let status = children.required_or(SAMLP, "Status", Refused::MalformedStatus)?;
        check_status(status)?;
        if children.peek().is_some_and(|n| xml::is(n, SAMLP, "Status")) {
            return Err(Refused::MalformedStatus);
        }
        let mut payloads: Vec<Payload> = Vec::new();
        while children.peek().is_some() {
            payloads.push(match children.optional(SAML, "Assertion") {
                Some(plain) => Payload::Plain(plain),
                None => Payload::Encrypted(children.required(SAML, "EncryptedAssertion")?),
            });
        }
        if payloads.len() > 1 {
            return Err(Refused::SeveralAssertions);
        }
        let payload = payloads.into_iter().next();
        let envelope = Self {
            id: xml::id(xml::required(root, "ID")?)?.to_owned(),
            issued_at: time::parse(xml::required(root, "IssueInstant")?)?,
            destination: xml::attribute(root, "Destination").map(str::to_owned),
            in_response_to: xml::attribute(root, "InResponseTo").map(str::to_owned),
            issuer,
            encrypted: matches!(payload, Some(Payload::Encrypted(_))),
            signed: false,
        };
        Ok((envelope, payload, signature))
    }
}

/// The status codes from the outside in.
pub(crate) fn status_codes(status: Node) -> Result<Vec<String>> {
    let malformed = |_| Refused::MalformedStatus;
    xml::only_attributes(status, &[])?;
    let mut codes = Vec::new();
    let mut children = Children::of(status)?;
    let mut next = Some(children.required(SAMLP, "StatusCode").map_err(malformed)?);
    children.optional(SAMLP, "StatusMessage");
    children.optional(SAMLP, "StatusDetail");
    children.end().map_err(malformed)?;
    while let Some(code) = next {
        xml::only_attributes(code, &["Value"])?;
        codes.push(xml::required(code, "Value").map_err(malformed)?.to_owned());
        if codes.len() > STATUS_DEPTH_MAX {
            return Err(Refused::MalformedStatus);
        }
        let mut inner = Children::of(code)?;
        next = inner.optional(SAMLP, "StatusCode");
        inner.end().map_err(malformed)?;
    }
    Ok(codes)
}

fn check_status(status: Node) -> Result<()> {
    let codes = status_codes(status)?;
    if codes.first().is_some_and(|outer| outer == SUCCESS) { Ok(()) } else { Err(Refused::StatusNotSuccess) }
}

/// `saml:Issuer`: an entity ID, in the entity format if it says one.
pub(crate) fn issuer(node: Node) -> Result<String> {
    xml::only_attributes(node, &["Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"])?;
    let entity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
    let unspecified = crate::names::name_id_format::UNSPECIFIED;
    if xml::attribute(node, "Format").is_some_and(|f| f != entity && f != unspecified) {
        return Err(Refused::WrongIssuer);
    }
    match xml::uri(node)? {
        "" => Err(Refused::IssuerMissing),
        text => Ok(text.to_owned()),
    }
}

/// An assertion as data (SAML Core §2.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    pub(super) id: String,
    pub(super) issued_at: i64,
    pub(super) issuer: String,
    pub(super) name_id: NameId,
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) not_before_at: Option<i64>,
    pub(super) not_on_or_after_at: Option<i64>,
    pub(super) audiences: Vec<Vec<String>>,
    pub(super) authenticated_at: i64,
    pub(super) session_index: Option<String>,
    pub(super) session_ends_at: Option<i64>,
    pub(super) authn_context: Option<String>,
    pub(super) attributes: Vec<Attribute>,
}

/// A bearer confirmation (SAML Profiles §4.1.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Confirmation {
    pub(super) recipient: Option<String>,
    pub(super) not_on_or_after_at: Option<i64>,
    pub(super) not_before: bool,
    pub(super) in_response_to: Option<String>,
}

impl Assertion {
    pub(super) fn read(node: Node) -> Result<Self> {
        xml::only_attributes(node, &["ID", "Version", "IssueInstant"])?;
        if xml::required(node, "Version")? != "2.0" {
            return Err(Refused::WrongVersion);
        }
        let mut children = Children::of(node)?;
        let issuer = issuer(children.required_or(SAML, "Issuer", Refused::IssuerMissing)?)?;
        // In a signed response the assertion may keep a signature of its own, which is verified as well.
        children.optional(DS, "Signature");
        let subject = children.required_or(SAML, "Subject", Refused::NoSubject)?;
        let (name_id, confirmations) = read_subject(subject)?;
        let conditions = children.required_or(SAML, "Conditions", Refused::NoConditions)?;
        if children.peek().is_some_and(|n| xml::is(n, SAML, "Conditions")) {
            return Err(Refused::NoConditions);
        }
        children.optional(SAML, "Advice");
        let mut assertion = Self {
            id: xml::id(xml::required(node, "ID")?)?.to_owned(),
            issued_at: time::parse(xml::required(node, "IssueInstant")?)?,
            issuer,
            name_id,
            confirmations,
            not_before_at: instant(conditions, "NotBefore")?,
            not_on_or_after_at: instant(conditions, "NotOnOrAfter")?,
            audiences: read_conditions(conditions)?,
            authenticated_at: 0,
            session_index: None,
            session_ends_at: None,
            authn_context: None,
            attributes: Vec::new(),
        };
        let mut signed_in = false;
        while children.peek().is_some() {
            if let Some(statement) = children.optional(SAML, "AuthnStatement") {
                assertion.read_authn_statement(statement, signed_in)?;
                signed_in = true;
            } else {
                let statement = children.required(SAML, "AttributeStatement")?;
                xml::only_attributes(statement, &[])?;
                for attribute in xml::elements(statement)? {
                    assertion.attributes.push(read_attribute(attribute)?);
                }
            }
        }
        if signed_in { Ok(assertion) } else { Err(Refused::NoAuthnStatement) }
    }

    /// SAML Core §2.7.2. Of several statements the first one counts, and the earliest end of the session.
    fn read_authn_statement(&mut self, node: Node, again: bool) -> Result<()> {
        xml::only_attributes(node, &["AuthnInstant", "SessionIndex", "SessionNotOnOrAfter"])?;
        let mut children = Children::of(node)?;
        children.optional(SAML, "SubjectLocality");
        let context = children.required(SAML, "AuthnContext")?;
        children.end()?;
        let class = context.children().find(|n| xml::is(*n, SAML, "AuthnContextClassRef"));
        let ends_at = instant(node, "SessionNotOnOrAfter")?;
        let at = time::parse(xml::required(node, "AuthnInstant")?)?;
        self.session_ends_at = [self.session_ends_at, ends_at].into_iter().flatten().min();
        self.authenticated_at = self.authenticated_at.max(at);
        if !again {
            self.session_index = xml::attribute(node, "SessionIndex").map(str::to_owned);
            self.authn_context = class.map(xml::uri).transpose()?.map(str::to_owned);
        }
        Ok(())
    }
}

fn instant(node: Node, name: &str) -> Result<Option<i64>> {
    xml::attribute(node, name).map(time::parse).transpose()
}

/// SAML Core §2.4.1.
fn read_subject(node: Node) -> Result<(NameId, Vec<Confirmation>)> {
    xml::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let name_id = children.required_or(SAML, "NameID", Refused::NoNameId)?;
    if children.peek().is_some_and(|n| xml::is(n, SAML, "NameID")) {
        return Err(Refused::SeveralNameIds);
    }
    let confirmations = children.all(SAML, "SubjectConfirmation");
    if children.peek().is_some_and(|n| xml::is(n, SAML, "NameID")) {
        return Err(Refused::SeveralNameIds);
    }
    children.end()?;
    let bearers: Result<Vec<_>> = confirmations.into_iter().filter_map(|c| read_confirmation(c).transpose()).collect();
    Ok((read_name_id(name_id)?, bearers?))
}

/// Only text, and only text that looks to people like what it is: no space around it, no control characters.
pub(crate) fn read_name_id(node: Node) -> Result<NameId> {
    xml::only_attributes(node, &["Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"])?;
    let value = xml::text(node)?;
    if value.trim().is_empty() {
        return Err(Refused::NameIdEmpty);
    }
    if value.trim() != value || value.contains(char::is_control) {
        return Err(Refused::NameIdPadded);
    }
    let own = |name| xml::attribute(node, name).map(str::to_owned);
    Ok(NameId {
        value: value.to_owned(),
        format: own("Format"),
        name_qualifier: own("NameQualifier"),
        sp_name_qualifier: own("SPNameQualifier"),
    })
}

/// A bearer confirmation, or nothing when it is of another method.
fn read_confirmation(node: Node) -> Result<Option<Confirmation>> {
    xml::only_attributes(node, &["Method"])?;
    if xml::required(node, "Method")? != BEARER {
        return Ok(None);
    }
    let mut children = Children::of(node)?;
    // Somebody other than the subject may confirm by a name of their own; the web profile has no use for it.
    if children.peek().is_some_and(|n| xml::is(n, SAML, "NameID")) {
        return Err(Refused::SeveralNameIds);
    }
    let data = children.optional(SAML, "SubjectConfirmationData");
    children.end()?;
    let Some(data) = data else { return Ok(Some(Confirmation::default())) };
    xml::only_attributes(data, &["NotBefore", "NotOnOrAfter", "Recipient", "InResponseTo", "Address"])?;
    if !xml::elements(data)?.is_empty() {
        return Err(Refused::UnexpectedElement);
    }
    Ok(Some(Confirmation {
        recipient: xml::attribute(data, "Recipient").map(str::to_owned),
        not_on_or_after_at: instant(data, "NotOnOrAfter")?,
        not_before: xml::attribute(data, "NotBefore").is_some(),
        in_response_to: xml::attribute(data, "InResponseTo").map(str::to_owned),
    }))
}

/// The audience restrictions (SAML Core §2.5.1). `OneTimeUse` asks for what is done anyway: every assertion is taken
/// once. `ProxyRestriction` binds those who issue further assertions, which we never do from one.
fn read_conditions(node: Node) -> Result<Vec<Vec<String>>> {
    xml::only_attributes(node, &["NotBefore", "NotOnOrAfter"])?;
    let mut audiences = Vec::new();
    for condition in xml::elements(node)? {
        if xml::is(condition, SAML, "AudienceRestriction") {
            xml::only_attributes(condition, &[])?;
            let mut names = Vec::new();
            for audience in xml::elements(condition)? {
                if !xml::is(audience, SAML, "Audience") {
                    return Err(Refused::UnexpectedElement);
                }
                xml::only_attributes(audience, &[])?;
                names.push(xml::uri(audience)?.to_owned());
            }
            audiences.push(names);
        } else if !xml::is(condition, SAML, "OneTimeUse") && !xml::is(condition, SAML, "ProxyRestriction") {
            return Err(Refused::UnknownCondition);
        }
    }
    Ok(audiences)
}

/// SAML Core §2.7.3.1. A schema may add attributes in namespaces of its own (`x500:Encoding`, `OriginalIssuer`).
fn read_attribute(node: Node) -> Result<Attribute> {
    if !xml::is(node, SAML, "Attribute") {
        return Err(Refused::UnexpectedElement);
    }
    let known = |a: &roxmltree::Attribute| ["Name", "NameFormat", "FriendlyName"].contains(&a.name());
    if !node.attributes().all(|a| a.namespace().is_some() || known(&a)) {
        return Err(Refused::UnexpectedAttribute);
    }
    let own = |name| xml::attribute(node, name).map(str::to_owned);
    let mut values = Vec::new();
    for value in xml::elements(node)? {
        if !xml::is(value, SAML, "AttributeValue") {
            return Err(Refused::UnexpectedElement);
        }
        values.extend(read_value(value)?);
    }
    Ok(Attribute {
        name: xml::required(node, "Name")?.to_owned(),
        name_format: own("NameFormat"),
        friendly_name: own("FriendlyName"),
        values,
    })
}

/// A value is text; or a lone `NameID`, as `eduPersonTargetedID` has it; or `xsi:nil`, which is no value.
fn read_value(node: Node) -> Result<Option<String>> {
    for a in node.attributes() {
        if a.namespace() != Some(XSI) {
            return Err(Refused::UnexpectedAttribute);
        }
    }
    if matches!(node.attribute((XSI, "nil")), Some("true" | "1")) {
        return Ok(None);
    }
    match xml::elements(node).as_deref() {
        Ok([only]) if xml::is(*only, SAML, "NameID") => Ok(Some(read_name_id(*only)?.value)),
        _ => Ok(Some(xml::text(node)?.to_owned())),
    }
}
