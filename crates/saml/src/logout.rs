//! Single logout (SAML Core §3.7), both messages in both directions.
//!
//! Logout ends somebody's session, so a message that anybody could write is not taken: requests and responses have to
//! be signed, in the query or inside.

use crate::{
    EntityId, Keys, Location, NameId, Refused, SigningKey,
    authn_request::{REQUEST_AGE_MAX_US, check_envelope},
    binding::{self, Inbound, Kind},
    error::Result,
    response::{issuer, read_name_id, status_codes},
    signature,
    time::{self, SKEW_US},
    xml::{self, Children, DS, SAML, SAMLP, Writer},
};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

/// The other side of a logout.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its entity ID.
    pub entity_id: EntityId,
    /// Its keys.
    pub keys: Keys,
    /// Our endpoint that the message came to.
    pub our_location: Location,
}

/// A verified request to end sessions. Only [`LogoutRequest::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutRequest {
    id: String,
    name_id: NameId,
    session_indexes: Vec<String>,
}

impl LogoutRequest {
    /// What the answer names as `InResponseTo`.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Whose sessions end.
    pub fn name_id(&self) -> &NameId {
        &self.name_id
    }
    /// Which of them; all, when there is none.
    pub fn session_indexes(&self) -> &[String] {
        &self.session_indexes
    }

    /// Reads a request of this peer. `now` is microseconds since 1970.
    pub fn verify(inbound: &Inbound, peer: &Peer, now: i64) -> Result<Self> {
        let text = vouched(inbound, Kind::Request, "LogoutRequest", peer)?;
        let document = xml::parse(&text)?;
        let root = document.root_element();
        xml::only_attributes(
            root,
            &["ID", "Version", "IssueInstant", "Destination", "Consent", "NotOnOrAfter", "Reason"],
        )?;
        check_envelope(root, true, &peer.our_location)?;
        check_issued(xml::required(root, "IssueInstant")?, now)?;
        let ends_at = xml::attribute(root, "NotOnOrAfter").map(time::parse).transpose()?;
        if ends_at.is_some_and(|end| now >= end.saturating_add(SKEW_US)) {
            return Err(Refused::LogoutExpired);
        }
        let mut children = head(root, peer)?;
        let name_id = read_name_id(children.required_or(SAML, "NameID", Refused::NoNameId)?)?;
        let mut session_indexes = Vec::new();
        for index in children.all(SAMLP, "SessionIndex") {
            session_indexes.push(xml::text(index)?.to_owned());
        }
        children.end()?;
        Ok(Self { id: xml::id(xml::required(root, "ID")?)?.to_owned(), name_id, session_indexes })
    }
}

/// A verified answer to a logout of ours. Only [`LogoutResponse::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutResponse {
    status: Vec<String>,
}

impl LogoutResponse {
    /// Whether every session ended.
    pub fn success(&self) -> bool {
        self.status.first().is_some_and(|s| s == SUCCESS) && !self.status.iter().any(|s| s == PARTIAL)
    }
    /// The status codes from the outside in, as URIs.
    pub fn status(&self) -> &[String] {
        &self.status
    }

    /// Reads the answer to the request with this ID. `now` is microseconds since 1970.
    pub fn verify(inbound: &Inbound, peer: &Peer, request_id: &str, now: i64) -> Result<Self> {
        let text = vouched(inbound, Kind::Response, "LogoutResponse", peer)?;
        let document = xml::parse(&text)?;
        let root = document.root_element();
        xml::only_attributes(root, &["ID", "Version", "IssueInstant", "Destination", "Consent", "InResponseTo"])?;
        check_envelope(root, true, &peer.our_location)?;
        check_issued(xml::required(root, "IssueInstant")?, now)?;
        if xml::required(root, "InResponseTo")? != request_id {
            return Err(Refused::RequestUnknown);
        }
        let mut children = head(root, peer)?;
        let status = children.required_or(SAMLP, "Status", Refused::MalformedStatus)?;
        children.end()?;
        Ok(Self { status: status_codes(status)? })
    }
}

/// The text of a signed logout message of this name.
fn vouched(inbound: &Inbound, kind: Kind, name: &str, peer: &Peer) -> Result<String> {
    if inbound.kind() != kind || inbound.peek_name()?.as_deref() != Some(name) {
        return Err(Refused::NotALogoutMessage);
    }
    let vouched = inbound.vouched(Some(&peer.keys))?;
    if vouched.signed { Ok(vouched.xml) } else { Err(Refused::MessageNotSigned) }
}

/// Issuer, signature and extensions, which every message starts with.
fn head<'a, 'i>(root: roxmltree::Node<'a, 'i>, peer: &Peer) -> Result<Children<'a, 'i>> {
    let mut children = Children::of(root)?;
    if issuer(children.required_or(SAML, "Issuer", Refused::IssuerMissing)?)? != peer.entity_id.as_str() {
        return Err(Refused::WrongIssuer);
    }
    children.optional(DS, "Signature");
    children.optional(SAMLP, "Extensions");
    Ok(children)
}

/// A signed message stays signed for ever; without this an old logout could be sent again and again.
fn check_issued(text: &str, now: i64) -> Result<()> {
    let issued_at = time::parse(text)?;
    if issued_at > now + SKEW_US {
        return Err(Refused::IssuedInFuture);
    }
    if issued_at < now - REQUEST_AGE_MAX_US - SKEW_US { Err(Refused::RequestTooOld) } else { Ok(()) }
}

/// A logout message that we make.
#[derive(Clone, Debug)]
pub struct NewLogout<'a> {
    /// From [`crate::fresh_id`].
    pub id: &'a str,
    /// Our entity ID.
    pub issuer: &'a EntityId,
    /// The other side's endpoint.
    pub destination: &'a Location,
    /// What it says.
    pub message: LogoutMessage<'a>,
}

/// The two messages of logout.
#[derive(Clone, Debug)]
pub enum LogoutMessage<'a> {
    /// End these sessions.
    Request {
        /// Whose.
        name_id: &'a NameId,
        /// Which; all, when there is none.
        session_index: Option<&'a str>,
    },
    /// They are ended, or not all of them.
    Response {
        /// The request's ID.
        in_response_to: &'a str,
        /// Whether every session ended.
        success: bool,
    },
}

impl NewLogout<'_> {
    fn kind(&self) -> Kind {
        match self.message {
            LogoutMessage::Request { .. } => Kind::Request,
            LogoutMessage::Response { .. } => Kind::Response,
        }
    }

    /// The address to send the browser to, signed in the query.
    pub fn redirect_url(&self, relay_state: Option<&str>, key: &SigningKey, now: i64) -> Result<String> {
        binding::redirect_url(self.destination, self.kind(), &self.write("", now)?, relay_state, Some(key))
    }

    /// The form field, signed inside. Its name is that of [`Kind`].
    pub fn form_field(&self, key: &SigningKey, now: i64) -> Result<String> {
        let plain = self.write("", now)?;
        Ok(binding::form_field(&self.write(&signature::sign(&plain, self.id, key)?, now)?))
    }

    fn write(&self, signature: &str, now: i64) -> Result<String> {
        let (name, in_response_to) = match self.message {
            LogoutMessage::Request { .. } => ("samlp:LogoutRequest", None),
            LogoutMessage::Response { in_response_to, .. } => ("samlp:LogoutResponse", Some(in_response_to)),
        };
        let mut out = Writer::default();
        out.open(
            name,
            &[
                ("xmlns:samlp", Some(SAMLP)),
                ("Destination", Some(self.destination.as_str())),
                ("ID", Some(xml::id(self.id)?)),
                ("InResponseTo", in_response_to),
                ("IssueInstant", Some(&time::write(now))),
                ("Version", Some("2.0")),
            ],
        );
        out.leaf("saml:Issuer", &[("xmlns:saml", Some(SAML))], self.issuer.as_str()).raw(signature);
        match self.message {
            LogoutMessage::Request { name_id, session_index } => {
                out.raw(&crate::issue::write_name_id(name_id)?);
                if let Some(index) = session_index {
                    out.leaf("samlp:SessionIndex", &[], index);
                }
            }
            LogoutMessage::Response { success: true, .. } => {
                out.open("samlp:Status", &[])
                    .leaf("samlp:StatusCode", &[("Value", Some(SUCCESS))], "")
                    .close("samlp:Status");
            }
            LogoutMessage::Response { success: false, .. } => {
                out.open("samlp:Status", &[]).open("samlp:StatusCode", &[("Value", Some(RESPONDER))]);
                out.leaf("samlp:StatusCode", &[("Value", Some(PARTIAL))], "");
                out.close("samlp:StatusCode").close("samlp:Status");
            }
        }
        out.close(name);
        out.finish()
    }
}
