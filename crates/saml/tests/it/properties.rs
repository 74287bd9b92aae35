//! Chance: what is issued is read back, and a changed byte never changes who somebody is.

use crate::{
    recipe::{ACS, Case, NOW, SP, cook, login},
    signer,
};
use proptest::prelude::*;
use saml::{
    Attribute, AuthnRequest, Certificate, Connection, EntityId, Keys, Location, NameId, Outstanding, PrivateKey,
    Refused, SigningKey,
    authn_request::{Acs, NewAuthnRequest, RequestSignature, ServiceProvider},
    binding::{self, Inbound, Kind},
    issue, logout, response,
};

const IDP: &str = "https://idp.example.com/saml/metadata";

fn id(text: &str) -> EntityId {
    EntityId::parse(text).unwrap()
}

fn at(text: &str) -> Location {
    Location::parse(text).unwrap()
}

fn keys(names: &[&str]) -> Keys {
    Keys::new(names.iter().map(|k| signer::certificate(k).key().clone()).collect()).unwrap()
}

fn connection(names: &[&str]) -> Connection {
    Connection {
        identity_provider: id(IDP),
        keys: keys(names),
        service_provider: id(SP),
        acs: at(ACS),
        idp_initiated: true,
        decryption_keys: vec![signer::private_key("sp")],
        allow_cbc: false,
    }
}

/// A name that may be issued: any text without control characters and without space around it.
fn name() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}]([^\\p{C}\u{2028}\u{2029}]{0,20}[^\\p{C}\\p{Z}])?".prop_filter("XML", |s| !s.contains('\u{FEFF}'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_issued_is_read_back(
        value in name(),
        values in prop::collection::vec("([^\\p{C}]|[\\n\\r\\t<>&\"']){0,20}", 0..4),
        attribute in name(),
        sign in prop::sample::select(vec![issue::Sign::Assertion, issue::Sign::Response, issue::Sign::Both]),
        key in prop::sample::select(vec!["idp", "p256", "p384"]),
        encrypt in any::<bool>(),
        asked in any::<bool>(),
    ) {
        let name_id = NameId { value, ..NameId::default() };
        let attributes = [Attribute { name: attribute, values, ..Attribute::default() }];
        let request = asked.then(|| Outstanding { id: "_request1".into(), expires_at: NOW + 1 });
        let to = signer::certificate("sp");
        let (sp, acs) = (id(SP), at(ACS));
        let recipient = issue::Recipient {
            service_provider: &sp,
            acs: &acs,
            in_response_to: asked.then_some("_request1"),
            sign,
            encrypt_to: encrypt.then(|| to.key()),
        };
        let login = login(&name_id, &attributes);
        let ids = issue::Ids { response: "_r", assertion: "_a" };
        let xml = issue::response(&id(IDP), &signer::signing_key(key), &recipient, &login, ids, NOW).unwrap();
        let field = binding::form_field(&xml);
        let read = response::verify(&field, &connection(&["idp", "p256", "p384"]), request.as_ref(), NOW).unwrap();
        prop_assert_eq!(read.name_id(), &name_id);
        let expected: &[Attribute] = if attributes[0].values.is_empty() { &[] } else { &attributes };
        prop_assert_eq!(read.attributes(), expected);
        prop_assert_eq!(read.encrypted(), encrypt);
        prop_assert_eq!(read.in_response_to().is_some(), asked);
        // The digested text is canonical: canonicalising it again changes nothing.
        let again = saml::c14n::exclusive(read.xml(), None, &[]);
        prop_assert_eq!(again.as_deref(), Ok(read.xml()));
        // What was shown beforehand is what was said.
        let shown = issue::preview(&id(IDP), &recipient, &login, "_a", NOW).unwrap();
        prop_assert_eq!(shown, read.xml());
        // What was written was canonical as it stood.
        let whole = saml::c14n::exclusive(&xml, None, &[]);
        prop_assert_eq!(whole.as_deref(), Ok(xml.as_str()));
        prop_assert!(response::verify(&field, &connection(&["stranger"]), request.as_ref(), NOW).is_err());
    }
}

/// A good message of a base, and what is read from it.
fn good(base: &str, steps: &[&str]) -> (String, Connection, response::VerifiedAssertion) {
    let lines = std::iter::once(format!("base {base}")).chain(steps.iter().map(|s| (*s).to_owned())).collect();
    let stage = cook(&Case { name: base.into(), lines }, base);
    (stage.doc.clone(), stage.connection().unwrap(), stage.verify().unwrap())
}

#[test]
fn a_changed_byte_never_changes_who_somebody_is() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let count = std::env::var("PROVOST_SAML_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let (mut taken, mut refused) = (0, 0);
    for base in ["okta", "entra", "keycloak", "ping"] {
        for steps in [&["sign Assertion"][..], &["sign Response"], &["sign Assertion", "sign Response"]] {
            let (doc, connection, honest) = good(base, steps);
            let request = Outstanding { id: "_request1".into(), expires_at: NOW + 1 };
            for _ in 0..count {
                let mut bytes = doc.clone().into_bytes();
                for _ in 0..=below(2) {
                    let place = below(bytes.len());
                    match below(5) {
                        0 => bytes[place] ^= 1 << below(8),
                        1 => drop(bytes.remove(place)),
                        2 => bytes.insert(place, b" <>&\"'/x\n"[below(9)]),
                        3 => {
                            // A piece of the message again, somewhere else.
                            let from = below(bytes.len());
                            let piece = bytes[from..(from + below(400)).min(bytes.len())].to_vec();
                            bytes.splice(place..place, piece);
                        }
                        _ => drop(bytes.drain(place..(place + below(60)).min(bytes.len()))),
                    }
                }
                let field = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
                match response::verify(&field, &connection, Some(&request), NOW) {
                    Ok(read) => {
                        taken += 1;
                        assert_eq!(read.name_id(), honest.name_id());
                        assert_eq!(read.attributes(), honest.attributes());
                        assert_eq!(read.id(), honest.id());
                        assert_eq!(read.session_index(), honest.session_index());
                        assert_eq!(read.expires_at(), honest.expires_at());
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    println!("{taken} taken unchanged, {refused} refused");
    assert!(refused > taken);
}

#[test]
fn requests_are_read_back_by_both_bindings() {
    let (issuer, sso, acs) = (id(SP), at("https://idp.example.com/saml/sso"), at(ACS));
    let request = NewAuthnRequest {
        id: "_request1",
        issuer: &issuer,
        destination: &sso,
        acs: &acs,
        name_id_format: Some(saml::name_id_format::PERSISTENT),
        force_authn: true,
        is_passive: false,
        authn_contexts: &[issue::authn_context::PASSWORD],
    };
    let app = ServiceProvider {
        entity_id: id(SP),
        acs: vec![Acs { location: at(ACS), index: 0, default: true }],
        signature: RequestSignature::Required(keys(&["sp"])),
    };
    for key in ["sp", "stranger"] {
        let key_pair = signer::signing_key(key);
        let url = request.redirect_url(Some("a b&c"), Some(&key_pair), NOW).unwrap();
        let by_query = Inbound::from_query(url.split_once('?').unwrap().1).unwrap();
        let field = request.form_field(Some(&key_pair), NOW).unwrap();
        let by_form = Inbound::from_form(Kind::Request, &field, Some("a b&c")).unwrap();
        for inbound in [by_query, by_form] {
            assert_eq!(inbound.peek_issuer().unwrap(), SP);
            let read = AuthnRequest::verify(&inbound, &app, &sso, NOW);
            if key == "stranger" {
                assert_eq!(read, Err(Refused::SignatureMismatch));
                continue;
            }
            let read = read.unwrap();
            assert_eq!((read.id(), read.acs(), read.signed(), read.force_authn()), ("_request1", &at(ACS), true, true));
            assert_eq!(read.relay_state(), Some("a b&c"));
            assert_eq!(read.name_id_format(), Some(saml::name_id_format::PERSISTENT));
            assert_eq!(read.authn_contexts(), [issue::authn_context::PASSWORD]);
        }
    }
}

#[test]
fn logout_is_read_back_by_both_bindings() {
    let peer =
        logout::Peer { entity_id: id(IDP), keys: keys(&["idp"]), our_location: at("https://sp.example.com/saml/slo") };
    let name_id = NameId { value: "adam@example.com".into(), ..NameId::default() };
    let key = signer::signing_key("idp");
    let (issuer, destination) = (id(IDP), at("https://sp.example.com/saml/slo"));
    let new = |message| logout::NewLogout { id: "_logout1", issuer: &issuer, destination: &destination, message };
    let request = new(logout::LogoutMessage::Request { name_id: &name_id, session_index: Some("s") });
    let url = request.redirect_url(None, &key, NOW).unwrap();
    let form = request.form_field(&key, NOW).unwrap();
    for inbound in [
        Inbound::from_query(url.split_once('?').unwrap().1).unwrap(),
        Inbound::from_form(Kind::Request, &form, None).unwrap(),
    ] {
        let read = logout::LogoutRequest::verify(&inbound, &peer, NOW).unwrap();
        assert_eq!((read.name_id(), read.session_indexes()), (&name_id, ["s".to_owned()].as_slice()));
    }
    for success in [true, false] {
        let answer = new(logout::LogoutMessage::Response { in_response_to: "_logout1", success });
        let field = answer.form_field(&key, NOW).unwrap();
        let inbound = Inbound::from_form(Kind::Response, &field, None).unwrap();
        assert_eq!(logout::LogoutResponse::verify(&inbound, &peer, "_logout1", NOW).unwrap().success(), success);
    }
}

#[test]
fn a_refusal_is_a_signed_response_that_says_no() {
    let (sp, acs) = (id(SP), at(ACS));
    let recipient = issue::Recipient {
        service_provider: &sp,
        acs: &acs,
        in_response_to: Some("_q"),
        sign: issue::Sign::Both,
        encrypt_to: None,
    };
    let xml =
        issue::refusal(&id(IDP), &signer::signing_key("idp"), &recipient, issue::Failure::RequestDenied, "_r", NOW)
            .unwrap();
    let field = binding::form_field(&xml);
    assert_eq!(response::verify(&field, &connection(&["idp"]), None, NOW), Err(Refused::StatusNotSuccess));
    let hints = response::peek(&field).unwrap();
    assert_eq!((hints.issuer.as_deref(), hints.in_response_to.as_deref()), (Some(IDP), Some("_q")));
    assert!(hints.status[1].ends_with("RequestDenied"));
}

#[test]
fn our_own_certificates_are_read_back() {
    let fresh = PrivateKey::generate().unwrap();
    let read_again = PrivateKey::from_pkcs8(fresh.pkcs8()).unwrap();
    assert_eq!(fresh.spki().unwrap(), read_again.spki().unwrap());
    let year = 365 * 86_400_000_000;
    for key in [fresh, signer::private_key("p256"), signer::private_key("p384")] {
        let certificate = Certificate::self_signed(&key, "Provost, signing: acme", NOW, NOW + 30 * year).unwrap();
        assert_eq!((certificate.not_before_at(), certificate.not_after_at()), (NOW, NOW + 30 * year));
        assert_eq!(certificate.subject(), "CN=Provost signing: acme");
        assert_eq!(Certificate::from_text(&certificate.pem()).unwrap(), certificate);
        assert_eq!(Certificate::from_text(&certificate.base64()).unwrap().fingerprint().len(), 64);
        assert_eq!(
            SigningKey::new(signer::private_key("idp"), certificate.clone()).map(drop),
            Err(Refused::UnreadableKey)
        );
        assert!(SigningKey::new(key, certificate).is_ok());
    }
}

#[test]
fn keys_roll_over() {
    let (doc, _, _) = good("okta", &["sign Assertion key=idp-next", "keys idp idp-next"]);
    let field = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, doc);
    let request = Outstanding { id: "_request1".into(), expires_at: NOW + 1 };
    let read = |names: &[&str]| {
        let connection = Connection { identity_provider: id("http://www.okta.com/exk1a2b3c4"), ..connection(names) };
        response::verify(&field, &connection, Some(&request), NOW).map(drop)
    };
    assert_eq!(read(&["idp"]), Err(Refused::SignatureMismatch));
    assert_eq!(read(&["idp", "idp-next"]), Ok(()));
    assert_eq!(read(&["idp-next"]), Ok(()));
}

#[test]
fn every_second_of_the_window_is_judged_right() {
    // OneLogin's template: valid from 09:27:00 to before 09:33:00, and we are at 09:30:00.
    let (doc, connection, _) = good("onelogin", &["sign Assertion"]);
    let field = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, doc);
    let request = Outstanding { id: "_request1".into(), expires_at: i64::MAX };
    let mut verdicts = Vec::new();
    for second in -400..400_i64 {
        let verdict = response::verify(&field, &connection, Some(&request), NOW + second * 1_000_000).map(drop);
        if verdicts.last().is_none_or(|(_, last)| *last != verdict) {
            verdicts.push((second, verdict));
        }
    }
    assert_eq!(verdicts, [(-400, Err(Refused::IssuedInFuture)), (-60, Ok(())), (240, Err(Refused::Expired)),]);
}

/// The costliest messages that the scan lets through; nobody has to sign anything to send them.
#[test]
fn a_hostile_message_costs_little() {
    let many = |n: usize, what: &dyn Fn(usize) -> String| (0..n).map(what).collect::<String>();
    let samlp = "urn:oasis:names:tc:SAML:2.0:protocol";
    let response = |inside: &str| format!("<p:Response xmlns:p=\"{samlp}\" ID=\"_r\">{inside}</p:Response>");
    let signature = |inside: &str| {
        format!(
            "<d:Signature xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"><d:SignedInfo>{inside}</d:SignedInfo></d:Signature>"
        )
    };
    let namespaces =
        many(8, &|n| format!("<a xmlns:x{n}=\"urn:x\"{}>", many(60, &|m| format!(" xmlns:n{n}x{m}=\"urn:n\""))));
    let messages = [
        response(&many(19_990, &|_| "<x/>".into())),
        response(&many(20_000, &|_| "<x>".into())),
        response(&many(2_000, &|n| format!("<x {}/>", many(10, &|m| format!(" a{m}=\"{n}\""))))),
        response(&(namespaces.clone() + &many(15_000, &|_| "<b/>".into()) + &"</a>".repeat(8))),
        response(&signature(&many(3_000, &|_| "<d:Reference URI=\"#_r\"></d:Reference>".into()))),
        response(&many(3_500, &|_| "<d:Signature xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"/>".into())),
        response(&many(9_000, &|n| format!("<p:x ID=\"_{n}\"/>"))),
        response(&format!("<x>{}</x>", "&amp;".repeat(45_000))),
        response(&format!("<x a=\"{}\"/>", "&#9;".repeat(55_000))),
        "<".repeat(190_000),
    ];
    let mut worst = std::time::Duration::ZERO;
    for (at, message) in messages.iter().enumerate() {
        let field = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, message);
        let begun = std::time::Instant::now();
        assert!(response::verify(&field, &connection(&["idp"]), None, NOW).is_err());
        let took = begun.elapsed();
        println!("message {at}, {} bytes: {took:?}", message.len());
        worst = worst.max(took);
    }
    // Without optimisation and beside other tests; what is quadratic takes many seconds.
    assert!(worst.as_secs() < 3, "{worst:?}");
}
