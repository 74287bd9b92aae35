//! Metadata of an identity provider, held against what a connection needs of it: each demand by its name, and what became
//! of it. "Invalid metadata" helps nobody.

use crate::limits::PEER_CERTIFICATE_SOON;
use crate::saml::{Check, Verdict};
use ::saml::{Certificate, Metadata, Refused};
use scim::meta::rfc3339;
use store::SamlSettings;

/// The demands that refuse a document, in the order in which they are looked at.
const DEMANDS: [&str; 7] = [
    "It is XML",
    "It is SAML 2.0 metadata of one party",
    "It is valid now",
    "It has an entity ID",
    "It describes an identity provider",
    "It says where people sign in, by https",
    "It has a certificate for signatures",
];

/// At which demand a document fails that is refused so.
fn stage(refused: Refused) -> usize {
    match refused {
        Refused::NotMetadata | Refused::SeveralEntities => 1,
        Refused::MetadataExpired | Refused::MalformedTime => 2,
        Refused::InvalidEntityId | Refused::MissingAttribute => 3,
        Refused::RoleMissing => 4,
        Refused::EndpointMissing | Refused::LocationNotAllowed => 5,
        Refused::NoKey | Refused::WeakKey | Refused::UnsupportedKey | Refused::UnreadableCertificate => 6,
        _ => 0,
    }
}

/// Holds a document against all demands; `held` is the connection that would take it over.
pub(crate) fn checks(bytes: &[u8], now: i64, held: Option<&SamlSettings>) -> Vec<Check> {
    let read = Metadata::parse(bytes, now).and_then(|metadata| {
        metadata.identity_provider()?.role.keys()?;
        Ok(metadata)
    });
    let refused = read.as_ref().err();
    let failed = refused.map(|refused| stage(*refused));
    let told = |verdict| refused.filter(|_| verdict == Verdict::Failed).map(|refused| refused.fix().to_owned());
    let one = |(at, name): (usize, &&'static str)| {
        let verdict = Verdict::at(at, failed);
        Check { name, verdict, told: told(verdict).unwrap_or_default() }
    };
    let mut all: Vec<Check> = DEMANDS.iter().enumerate().map(one).collect();
    let Ok(metadata) = read else { return all };
    if let Ok(role) = metadata.identity_provider() {
        all.push(dates(&role.role.signing, now));
    }
    if let Some(held) = held {
        all.push(same_party(metadata.entity_id.as_str(), &held.entity_id));
    }
    all
}

fn dates(certificates: &[Certificate], now: i64) -> Check {
    let last = certificates.iter().map(Certificate::not_after_at).max().unwrap_or_default();
    let on = rfc3339(last);
    let on = on.get(..10).unwrap_or(&on);
    let (verdict, told) = match last {
        last if last <= now => (
            Verdict::Warned,
            format!(
                "The last one expired on {on}. Its key is taken all the same, since it is pinned; have the identity provider make a new one."
            ),
        ),
        last if last - now < PEER_CERTIFICATE_SOON => {
            (Verdict::Warned, format!("The last one ends on {on}: look for its successor there."))
        }
        _ => (Verdict::Passed, format!("Until {on}.")),
    };
    Check { name: "Its certificate is in date", verdict, told }
}

fn same_party(is: &str, was: &str) -> Check {
    let name = "The entity ID is the one of this connection";
    if is == was {
        return Check { name, verdict: Verdict::Passed, told: String::new() };
    }
    let told = format!(
        "It was {was} and would be {is}: only what that issuer signs is taken then. Is it the file of the right application?"
    );
    Check { name, verdict: Verdict::Warned, told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_and_what_comes_before_it_has_passed() {
        let failed = |xml: &str| {
            let all = checks(xml.as_bytes(), 0, None);
            let at = all.iter().position(|check| check.verdict == Verdict::Failed).unwrap();
            assert!(all[..at].iter().all(|check| check.verdict == Verdict::Passed));
            assert!(all[at + 1..].iter().all(|check| check.verdict == Verdict::NotReached));
            assert!(all[at].told.len() > 20);
            all[at].name
        };
        assert_eq!(failed("hello"), DEMANDS[0]);
        assert_eq!(failed("<html><body>Sign in</body></html>"), DEMANDS[1]);
        let entity = |inner: &str, more: &str| {
            format!(
                "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" {more}>{inner}</EntityDescriptor>"
            )
        };
        assert_eq!(failed(&entity("", "entityID=\"http://idp\" validUntil=\"1969-01-01T00:00:00Z\"")), DEMANDS[2]);
        assert_eq!(failed(&entity("", "")), DEMANDS[3]);
        assert_eq!(failed(&entity("", "entityID=\"http://idp\"")), DEMANDS[4]);
        let role = |inner: &str| {
            let role = "<IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">";
            entity(&format!("{role}{inner}</IDPSSODescriptor>"), "entityID=\"http://idp\"")
        };
        assert_eq!(failed(&role("")), DEMANDS[5]);
        let place = |at: &str| {
            role(&format!(
                "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{at}\"/>"
            ))
        };
        assert_eq!(failed(&place("http://idp.example.com/sso")), DEMANDS[5]);
        assert_eq!(failed(&place("https://idp.example.com/sso")), DEMANDS[6]);
        assert_eq!(same_party("a", "b").verdict, Verdict::Warned);
    }
}
