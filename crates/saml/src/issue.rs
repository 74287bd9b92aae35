//! The issuing side: a response with an assertion about a person, for one app, signed (SAML Profiles §4.1.4.2).
//!
//! How: the XML is written in canonical form in the first place, so what is digested is what is sent, and no
//! canonicaliser stands on the signing path. Every value is escaped by the writer.

use crate::{
    Attribute, EntityId, Location, NameId, Refused, SigningKey, VerifyingKey, encryption,
    error::Result,
    signature,
    time::{self, SECOND_US},
    xml::{self, SAML, SAMLP, Writer},
};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// How long an assertion is valid and may be delivered, in microseconds: five minutes, what other identity providers
/// give.
pub const VALIDITY_US: i64 = 300 * SECOND_US;

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The assertion, which is enough for every service provider that we know.
    Assertion,
    /// The response around it.
    Response,
    /// Both.
    Both,
}

/// Who gets it and how it is protected.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    /// The app's entity ID: the audience.
    pub service_provider: &'a EntityId,
    /// The registered ACS URL: `Destination` and `Recipient`.
    pub acs: &'a Location,
    /// The ID of the request that is answered; none when sign-in starts here.
    pub in_response_to: Option<&'a str>,
    /// What is signed.
    pub sign: Sign,
    /// The app's RSA key, when the assertion is to be encrypted to it. Encryption comes after the assertion's
    /// signature and before the response's.
    pub encrypt_to: Option<&'a VerifyingKey>,
}

/// What is said.
#[derive(Clone, Debug)]
pub struct Login<'a> {
    /// Who signed in.
    pub name_id: &'a NameId,
    /// What is said of them. An attribute without values is left out.
    pub attributes: &'a [Attribute],
    /// Our name of the session, for logout.
    pub session_index: &'a str,
    /// When they signed in, microseconds since 1970.
    pub authenticated_at: i64,
    /// How they signed in, as a URI.
    pub authn_context: &'a str,
    /// When our session ends, microseconds since 1970.
    pub session_ends_at: Option<i64>,
}

/// The IDs of the two messages, each from [`crate::fresh_id`].
#[derive(Clone, Copy, Debug)]
pub struct Ids<'a> {
    /// Of the response.
    pub response: &'a str,
    /// Of the assertion.
    pub assertion: &'a str,
}

/// Ways of signing in (SAML Authentication Context §3.4).
pub mod authn_context {
    /// With a password over TLS.
    pub const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    /// Somehow.
    pub const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
    /// With a key that proves itself, as a passkey does.
    pub const X509: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";
}

/// Writes the XML of a response. Send it by [`crate::binding::form_field`] to the recipient's ACS URL. `now` is
/// microseconds since 1970.
pub fn response(
    issuer: &EntityId,
    key: &SigningKey,
    recipient: &Recipient,
    login: &Login,
    ids: Ids,
    now: i64,
) -> Result<String> {
    let mut assertion = write_assertion(issuer, recipient, login, ids.assertion, "", now)?;
    if recipient.sign != Sign::Response {
        let signature = signature::sign(&assertion, ids.assertion, key)?;
        assertion = write_assertion(issuer, recipient, login, ids.assertion, &signature, now)?;
    }
    if let Some(to) = recipient.encrypt_to {
        assertion = encryption::encrypt(&assertion, to)?;
    }
    let plain = write_response(issuer, recipient, ids.response, "", &[SUCCESS], &assertion, now)?;
    if recipient.sign == Sign::Assertion {
        return Ok(plain);
    }
    let signature = signature::sign(&plain, ids.response, key)?;
    write_response(issuer, recipient, ids.response, &signature, &[SUCCESS], &assertion, now)
}

/// The unsigned assertion, to show what would be said.
pub fn preview(issuer: &EntityId, recipient: &Recipient, login: &Login, id: &str, now: i64) -> Result<String> {
    write_assertion(issuer, recipient, login, id, "", now)
}

/// Why there is no assertion, for the service provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The person may not use the app.
    RequestDenied,
    /// Nothing may be asked of the person, and they are not signed in.
    NoPassive,
    /// A person could not be named in the format that the request asks for.
    InvalidNameIdPolicy,
    /// The ways of signing in that the request asks for are not ours.
    NoAuthnContext,
}

impl Failure {
    fn codes(self) -> [&'static str; 2] {
        let requester = "urn:oasis:names:tc:SAML:2.0:status:Requester";
        let responder = "urn:oasis:names:tc:SAML:2.0:status:Responder";
        match self {
            Self::RequestDenied => [responder, "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"],
            Self::NoPassive => [responder, "urn:oasis:names:tc:SAML:2.0:status:NoPassive"],
            Self::InvalidNameIdPolicy => [requester, "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"],
            Self::NoAuthnContext => [responder, "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"],
        }
    }
}

/// Writes a signed response that says no.
pub fn refusal(
    issuer: &EntityId,
    key: &SigningKey,
    recipient: &Recipient,
    failure: Failure,
    id: &str,
    now: i64,
) -> Result<String> {
    let codes = failure.codes();
    let plain = write_response(issuer, recipient, id, "", &codes, "", now)?;
    let signature = signature::sign(&plain, id, key)?;
    write_response(issuer, recipient, id, &signature, &codes, "", now)
}

fn write_response(
    issuer: &EntityId,
    recipient: &Recipient,
    id: &str,
    signature: &str,
    codes: &[&str],
    assertion: &str,
    now: i64,
) -> Result<String> {
    let mut out = Writer::default();
    out.open(
        "samlp:Response",
        &[
            ("xmlns:samlp", Some(SAMLP)),
            ("Destination", Some(recipient.acs.as_str())),
            ("ID", Some(xml::id(id)?)),
            ("InResponseTo", recipient.in_response_to),
            ("IssueInstant", Some(&time::write(now))),
            ("Version", Some("2.0")),
        ],
    );
    out.leaf("saml:Issuer", &[("xmlns:saml", Some(SAML))], issuer.as_str()).raw(signature).open("samlp:Status", &[]);
    for code in codes {
        out.open("samlp:StatusCode", &[("Value", Some(code))]);
    }
    for _ in codes {
        out.close("samlp:StatusCode");
    }
    out.close("samlp:Status").raw(assertion).close("samlp:Response");
    out.finish()
}

fn write_assertion(
    issuer: &EntityId,
    recipient: &Recipient,
    login: &Login,
    id: &str,
    signature: &str,
    now: i64,
) -> Result<String> {
    let ends = time::write(now.saturating_add(VALIDITY_US));
    let mut out = Writer::default();
    out.open(
        "saml:Assertion",
        &[
            ("xmlns:saml", Some(SAML)),
            ("ID", Some(xml::id(id)?)),
            ("IssueInstant", Some(&time::write(now))),
            ("Version", Some("2.0")),
        ],
    );
    out.leaf("saml:Issuer", &[], issuer.as_str()).raw(signature).open("saml:Subject", &[]);
    check_name_id(login.name_id)?;
    push_name_id(&mut out, login.name_id, None);
    out.open("saml:SubjectConfirmation", &[("Method", Some(BEARER))])
        .leaf(
            "saml:SubjectConfirmationData",
            &[
                ("InResponseTo", recipient.in_response_to),
                ("NotOnOrAfter", Some(&ends)),
                ("Recipient", Some(recipient.acs.as_str())),
            ],
            "",
        )
        .close("saml:SubjectConfirmation")
        .close("saml:Subject")
        .open("saml:Conditions", &[("NotBefore", Some(&time::write(now))), ("NotOnOrAfter", Some(&ends))])
        .open("saml:AudienceRestriction", &[])
        .leaf("saml:Audience", &[], recipient.service_provider.as_str())
        .close("saml:AudienceRestriction")
        .close("saml:Conditions")
        .open(
            "saml:AuthnStatement",
            &[
                ("AuthnInstant", Some(&time::write(login.authenticated_at))),
                ("SessionIndex", Some(login.session_index)),
                ("SessionNotOnOrAfter", login.session_ends_at.map(time::write).as_deref()),
            ],
        )
        .open("saml:AuthnContext", &[])
        .leaf("saml:AuthnContextClassRef", &[], login.authn_context)
        .close("saml:AuthnContext")
        .close("saml:AuthnStatement");
    push_attributes(&mut out, login.attributes);
    out.close("saml:Assertion");
    out.finish()
}

/// What our own reading side would refuse is not written.
fn check_name_id(name_id: &NameId) -> Result<()> {
    let value = name_id.value.as_str();
    if value.trim().is_empty() {
        return Err(Refused::NameIdEmpty);
    }
    if value.trim() != value || value.contains(char::is_control) { Err(Refused::NameIdPadded) } else { Ok(()) }
}

/// An empty statement would break the schema, and so would a nameless attribute.
fn push_attributes(out: &mut Writer, attributes: &[Attribute]) {
    let mut said = attributes.iter().filter(|a| !a.values.is_empty()).peekable();
    if said.peek().is_none() {
        return;
    }
    out.open("saml:AttributeStatement", &[]);
    for attribute in said {
        out.open(
            "saml:Attribute",
            &[
                ("FriendlyName", attribute.friendly_name.as_deref()),
                ("Name", Some(&attribute.name)),
                ("NameFormat", attribute.name_format.as_deref()),
            ],
        );
        for value in &attribute.values {
            out.leaf("saml:AttributeValue", &[], value);
        }
        out.close("saml:Attribute");
    }
    out.close("saml:AttributeStatement");
}

fn push_name_id(out: &mut Writer, name_id: &NameId, namespace: Option<&str>) {
    let attributes = [
        ("xmlns:saml", namespace),
        ("Format", name_id.format.as_deref()),
        ("NameQualifier", name_id.name_qualifier.as_deref()),
        ("SPNameQualifier", name_id.sp_name_qualifier.as_deref()),
    ];
    out.leaf("saml:NameID", &attributes, &name_id.value);
}

/// A `NameID` by itself, with its namespace.
pub(crate) fn write_name_id(name_id: &NameId) -> Result<String> {
    let mut out = Writer::default();
    push_name_id(&mut out, name_id, Some(SAML));
    out.finish()
}
