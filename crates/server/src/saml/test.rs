//! Test sign-ins: every check of a message with its outcome, for the operator who tries a connection out.
//!
//! What came is personal data, so it is kept in memory alone, a few at a time, until it is looked at or pushed out.

use super::check::{Check, Verdict};
use super::denied::Denied;
use crate::limits;
use ::saml::{Refused, VerifiedAssertion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use store::{SamlConnection, TenantId};

/// What came of a test.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The request's ID, by which it is found again.
    pub(crate) id: String,
    pub(crate) connection: String,
    pub(crate) at: i64,
    pub(crate) checks: Vec<Check>,
    /// The name of the reason, where it was refused.
    pub(crate) refused: Option<&'static str>,
    /// The verified XML; or what came, of which nothing may be believed.
    pub(crate) xml: String,
    pub(crate) name_id: Option<String>,
    /// The attributes of the assertion, for the mapping.
    pub(crate) attributes: Vec<(String, Vec<String>)>,
}

impl Outcome {
    /// Whether somebody would have been signed in.
    pub(crate) fn passed(&self) -> bool {
        self.refused.is_none()
    }
}

/// The stages of the checks, each with the first reason that is not its own any more.
const STAGES: [(&str, Refused); 9] = [
    ("Readable, and nothing but SAML in it", Refused::NotSigned),
    ("Signed", Refused::NoKey),
    ("Keys and certificates", Refused::NoDecryptionKey),
    ("Decrypted, where it was encrypted", Refused::WrongVersion),
    ("A success, addressed to us, by this identity provider", Refused::MalformedTime),
    ("Valid now, and for us", Refused::NoSubject),
    ("About one person", Refused::NoBearer),
    ("Confirmed for this sign-in", Refused::NoAuthnStatement),
    ("Says when the person signed in", Refused::NotMetadata),
];

/// The stage of a reason, by the order of the reasons.
fn stage(reason: Refused) -> usize {
    let place = |of: Refused| Refused::ALL.iter().position(|one| *one == of).unwrap_or(usize::MAX);
    STAGES.iter().position(|(_, next)| place(reason) < place(*next)).unwrap_or(STAGES.len())
}

/// Every check of a message with its outcome. `judged` is the assertion with what would come of it.
pub(crate) fn checks(
    connection: &SamlConnection,
    id: &str,
    field: &str,
    judged: Result<(VerifiedAssertion, Result<String, Denied>), Denied>,
    now: i64,
) -> Outcome {
    let (failed, why) = match &judged {
        Err(Denied::Message(reason)) => (Some(stage(*reason)), Some(Denied::Message(*reason))),
        Err(other) => (Some(STAGES.len()), Some(other.clone())),
        Ok((_, Err(other))) => (Some(STAGES.len() + 1), Some(other.clone())),
        Ok((_, Ok(_))) => (None, None),
    };
    let welcome = judged.as_ref().ok().and_then(|(_, welcome)| welcome.clone().ok()).unwrap_or_default();
    let names = STAGES.iter().map(|(name, _)| *name).chain(["The RelayState came back", "The person may come in"]);
    let checks = names.enumerate().map(|(index, name)| {
        let verdict = Verdict::at(index, failed);
        let told = match (verdict, &why) {
            (Verdict::Failed, Some(why)) => format!("{}: {}", why.name(), why.fix()),
            (Verdict::Passed, _) if index == STAGES.len() + 1 => welcome.clone(),
            (Verdict::Passed, _) if index == 1 => judged.as_ref().map(|(a, _)| signed(a)).unwrap_or_default(),
            _ => String::new(),
        };
        Check { name, verdict, told }
    });
    let checks = checks.collect();
    let refused = why.map(|why| why.name());
    let assertion = judged.ok().map(|(assertion, _)| assertion);
    let raw = || STANDARD.decode(field.split_whitespace().collect::<String>()).unwrap_or_default();
    let xml = assertion.as_ref().map_or_else(|| String::from_utf8_lossy(&raw()).into_owned(), |a| a.xml().to_owned());
    let attributes =
        assertion.iter().flat_map(|a| a.attributes()).map(|a| (a.name.clone(), a.values.clone())).collect();
    let name_id = assertion.map(|a| a.name_id().value.clone());
    Outcome { id: id.to_owned(), connection: connection.id.clone(), at: now, checks, refused, xml, name_id, attributes }
}

fn signed(assertion: &VerifiedAssertion) -> String {
    match (assertion.response_signed(), assertion.assertion_signed()) {
        (true, true) => "response and assertion".into(),
        (true, false) => "the response".into(),
        _ => "the assertion".into(),
    }
}

/// The last tests of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Tests(Mutex<VecDeque<(TenantId, Outcome)>>);

impl Tests {
    pub(super) fn keep(&self, tenant: TenantId, outcome: Outcome) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(limits::SAML_TESTS_MAX - 1);
        all.push_front((tenant, outcome));
    }

    /// The test of this request.
    pub(crate) fn find(&self, tenant: TenantId, id: &str) -> Option<Outcome> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(of, outcome)| *of == tenant && outcome.id == id).map(|(_, outcome)| outcome.clone())
    }

    /// The last test of a connection.
    pub(crate) fn last(&self, tenant: TenantId, connection: &str) -> Option<Outcome> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(of, one)| *of == tenant && one.connection == connection).map(|(_, outcome)| outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_belongs_to_one_stage() {
        for (reason, at) in [
            (Refused::MessageTooLarge, 0),
            (Refused::Lookalike, 0),
            (Refused::NotSigned, 1),
            (Refused::SignatureMismatch, 1),
            (Refused::WeakKey, 2),
            (Refused::DecryptionFailed, 3),
            (Refused::WrongDestination, 4),
            (Refused::WrongIssuer, 4),
            (Refused::Expired, 5),
            (Refused::WrongAudience, 5),
            (Refused::NoNameId, 6),
            (Refused::WrongRecipient, 7),
            (Refused::RequestUnknown, 7),
            (Refused::SessionOver, 8),
        ] {
            assert_eq!(stage(reason), at, "{reason}");
        }
    }
}
