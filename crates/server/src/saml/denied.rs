//! Why somebody was not let in: the message (`saml::Refused`), or what we remember and know about the person.

use crate::error::Error;
use crate::record::Trace;
use ::saml::Refused;
use scim::Code;

/// A reason to refuse a sign-in. Its name is in the log; the browser hears none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The message itself.
    Message(Refused),
    NoConnection,
    ConnectionOff,
    /// The form is not one.
    Form,
    RelayState,
    Replayed,
    NoName,
    PersonUnknown,
    SeveralPersons,
    PersonInactive,
    Domain,
    /// *Auto create user* did not succeed, and why.
    CannotCreate(String),
}

impl From<Refused> for Denied {
    fn from(reason: Refused) -> Self {
        Self::Message(reason)
    }
}

impl Denied {
    /// The stable name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Message(reason) => reason.name(),
            Self::NoConnection => "connection_unknown",
            Self::ConnectionOff => "connection_disabled",
            Self::Form => "malformed_form",
            Self::RelayState => "relay_state_unknown",
            Self::Replayed => "replayed",
            Self::NoName => "name_missing",
            Self::PersonUnknown => "person_unknown",
            Self::SeveralPersons => "several_persons",
            Self::PersonInactive => "person_inactive",
            Self::Domain => "domain_not_allowed",
            Self::CannotCreate(_) => "person_not_created",
        }
    }

    /// One sentence for the operator.
    pub(crate) fn fix(&self) -> String {
        let text = match self {
            Self::Message(reason) => reason.fix(),
            Self::NoConnection => {
                "There is no SAML connection at this address; copy ours again into the identity provider."
            }
            Self::ConnectionOff => "The connection is switched off; switch it on in Single sign-on.",
            Self::Form => "The form does not hold SAMLResponse once, or is larger than 512 KiB.",
            Self::RelayState => {
                "The RelayState is not the one that went with the request; something on the way changed it."
            }
            Self::Replayed => "The assertion was used before; sign in again, and look at who sent it twice.",
            Self::NoName => {
                "The assertion does not hold the attribute that people are recognised by, or several values of it."
            }
            Self::PersonUnknown => {
                "Nobody in the directory is called this; assign the person to the app so that SCIM brings them, or switch Auto create user on."
            }
            Self::SeveralPersons => {
                "Several people in the directory are called this; match by something that is unique."
            }
            Self::PersonInactive => "The person is deactivated; only an active person signs in.",
            Self::Domain => "The person's domain is not among the allowed ones of this connection.",
            Self::CannotCreate(why) => return format!("The person could not be made: {why}."),
        };
        text.to_owned()
    }

    /// Tells it to the log, and ends the sign-in.
    pub(crate) fn refuse(self, trace: &mut Trace) -> Error {
        trace.step(format!("refused: {}", self.name()));
        trace.step(self.fix());
        Error::new(Code::SAML_REFUSED, self.name())
    }
}
