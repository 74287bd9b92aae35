//! Every part of a message, of metadata and of a certificate comes out as it went in, and every second is judged right.

use crate::{
    recipe::{ACS, Case, NOW, SP, cook},
    signer,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use saml::{
    AuthnRequest, Certificate, EntityId, Keys, Location, Metadata, NameId, PrivateKey, Refused, SigningKey,
    authn_request::{Acs, NewAuthnRequest, REQUEST_AGE_MAX_US, RequestSignature, ServiceProvider},
    binding::{Inbound, Kind},
    logout,
    metadata::offered_attributes,
};

const IDP: &str = "https://idp.example.com/saml/metadata";
const SLO: &str = "https://sp.example.com/saml/slo";
const SECOND: i64 = 1_000_000;

fn id(text: &str) -> EntityId {
    EntityId::parse(text).unwrap()
}

fn at(text: &str) -> Location {
    Location::parse(text).unwrap()
}

fn keys(name: &str) -> Keys {
    Keys::new(vec![signer::certificate(name).key().clone()]).unwrap()
}

/// From which second on which verdict holds, of the seconds around those that a request may be under way.
fn verdicts(judge: impl Fn(i64) -> Option<Refused>) -> Vec<(i64, Option<Refused>)> {
    let age = REQUEST_AGE_MAX_US / SECOND;
    let mut verdicts: Vec<(i64, Option<Refused>)> = Vec::new();
    for second in (-70..-50).chain(age + 50..age + 70) {
        let verdict = judge(NOW + second * SECOND);
        if verdicts.last().is_none_or(|(_, last)| *last != verdict) {
            verdicts.push((second, verdict));
        }
    }
    verdicts
}

const WINDOW: [(i64, Option<Refused>); 3] =
    [(-70, Some(Refused::IssuedInFuture)), (-60, None), (661, Some(Refused::RequestTooOld))];

fn app() -> ServiceProvider {
    let acs = |location: &str, index, default| Acs { location: at(location), index, default };
    ServiceProvider {
        entity_id: id(SP),
        acs: vec![acs("https://sp.example.com/saml/acs/one", 0, false), acs(ACS, 1, true)],
        signature: RequestSignature::Verified(keys("sp")),
    }
}

#[test]
fn a_request_says_what_was_asked() {
    let (issuer, sso, acs, app) = (id(SP), at("https://idp.example.com/saml/sso"), at(ACS), app());
    assert_eq!(app.default_acs(), Ok(&acs));
    let signing = signer::signing_key("sp");
    for (force_authn, is_passive, key) in [(true, false, None), (false, true, Some(&signing))] {
        let request = NewAuthnRequest {
            id: "_request1",
            issuer: &issuer,
            destination: &sso,
            acs: &acs,
            name_id_format: None,
            force_authn,
            is_passive,
            authn_contexts: &[],
        };
        let url = request.redirect_url(Some("a+b c"), key, NOW).unwrap();
        assert!(url.contains("&RelayState=a%2Bb%20c"), "{url}");
        let inbound = Inbound::from_query(url.split_once('?').unwrap().1).unwrap();
        let read = |now| AuthnRequest::verify(&inbound, &app, &sso, now);
        assert_eq!(AuthnRequest::peek(&inbound).unwrap().issuer.as_deref(), Some(SP));
        let seen = read(NOW).unwrap();
        assert_eq!((seen.force_authn(), seen.is_passive(), seen.signed()), (force_authn, is_passive, key.is_some()));
        assert_eq!((seen.issued_at(), seen.acs(), seen.relay_state()), (NOW, &acs, Some("a+b c")));
        assert_eq!(verdicts(|now| read(now).err()), WINDOW);
        // Whoever looks finds our certificate beside the signature; we never look for theirs.
        let form = STANDARD.decode(request.form_field(key, NOW).unwrap()).unwrap();
        let hint = format!("<ds:X509Certificate>{}</ds:X509Certificate>", signing.certificate().base64());
        assert_eq!(String::from_utf8(form).unwrap().contains(&hint), key.is_some());
    }
}

#[test]
fn a_request_that_names_no_address_gets_the_default_one() {
    let lines = [
        "kind authn-request",
        "base messages/authn-request",
        &format!("replace AssertionConsumerServiceURL=\"{ACS}\" =>\\_"),
    ];
    let case = Case { name: "no address".into(), lines: lines.iter().map(|line| (*line).to_owned()).collect() };
    let inbound = Inbound::from_form(Kind::Request, &cook(&case, "messages/authn-request").field(), None).unwrap();
    let read = AuthnRequest::verify(&inbound, &app(), &at("https://idp.example.com/saml/sso"), NOW).unwrap();
    assert_eq!((read.acs().as_str(), read.signed()), (ACS, false));
}

#[test]
fn logout_says_whose_and_how_it_ended() {
    let peer = logout::Peer { entity_id: id(IDP), keys: keys("idp"), our_location: at(SLO) };
    let (issuer, destination, key) = (id(IDP), at(SLO), signer::signing_key("idp"));
    let name_id = NameId { value: "adam@example.com".into(), ..NameId::default() };
    let field = |message| {
        let new = logout::NewLogout { id: "_logout1", issuer: &issuer, destination: &destination, message };
        new.form_field(&key, NOW).unwrap()
    };
    let request = field(logout::LogoutMessage::Request { name_id: &name_id, session_index: None });
    let request = Inbound::from_form(Kind::Request, &request, None).unwrap();
    let read = |now| logout::LogoutRequest::verify(&request, &peer, now);
    assert_eq!(read(NOW).unwrap().id(), "_logout1");
    assert_eq!(verdicts(|now| read(now).err()), WINDOW);
    for success in [true, false] {
        let answer = field(logout::LogoutMessage::Response { in_response_to: "_q", success });
        let answer = Inbound::from_form(Kind::Response, &answer, None).unwrap();
        let read = |now| logout::LogoutResponse::verify(&answer, &peer, "_q", now);
        let ends: Vec<_> =
            read(NOW).unwrap().status().iter().map(|s| s.rsplit(':').next().unwrap().to_owned()).collect();
        let expected: &[&str] = if success { &["Success"] } else { &["Responder", "PartialLogout"] };
        assert_eq!(ends, expected);
        assert_eq!(verdicts(|now| read(now).err()), WINDOW);
    }
    // Success on the outside and a part of it on the inside is no success.
    let lines = [
        "kind logout-response",
        "base messages/logout-response",
        "take v StatusCode",
        "text x <samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:PartialLogout\"/></samlp:StatusCode>",
        "put x first Status",
        "sign LogoutResponse",
    ];
    let case = Case { name: "partly".into(), lines: lines.iter().map(|line| (*line).to_owned()).collect() };
    let inbound = Inbound::from_form(Kind::Response, &cook(&case, "messages/logout-response").field(), None).unwrap();
    assert!(!logout::LogoutResponse::verify(&inbound, &peer, "_logout1", NOW).unwrap().success());
}

#[test]
fn metadata_is_read_whole() {
    let descriptor = |use_: &str, name: &str| {
        let certificate = signer::certificate(name).base64();
        format!(
            "<m:KeyDescriptor{use_}><d:KeyInfo xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"><d:X509Data><d:X509Certificate>{certificate}</d:X509Certificate></d:X509Data></d:KeyInfo></m:KeyDescriptor>"
        )
    };
    let keys: String = [
        descriptor(" use=\"signing\"", "idp"),
        descriptor(" use=\"encryption\"", "sp"),
        descriptor("", "idp-next"),
        // Again, as a clumsy roll-over leaves it.
        descriptor("", "idp-next"),
    ]
    .concat();
    let binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    let text = |wants: &str, signs: &str| {
        format!(
            "<m:EntityDescriptor xmlns:m=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\" entityID=\"{IDP}\"><m:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"{wants}>{keys}<m:SingleLogoutService Binding=\"{binding}\" Location=\"https://idp.example.com/slo\" ResponseLocation=\"https://idp.example.com/slo/done\"/><m:SingleSignOnService Binding=\"{binding}\" Location=\"https://idp.example.com/sso\"/><a:Attribute Name=\"mail\"/><a:Attribute Name=\"title\"/></m:IDPSSODescriptor><m:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"{signs}>{keys}<m:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{ACS}\" index=\"7\" isDefault=\"1\"/></m:SPSSODescriptor></m:EntityDescriptor>"
        )
    };
    for (yes, value) in [(true, "true"), (true, "1"), (false, "false"), (false, "0")] {
        let wants = format!(" WantAuthnRequestsSigned=\"{value}\"");
        let signs = format!(" AuthnRequestsSigned=\"{value}\" WantAssertionsSigned=\"{value}\"");
        let text = text(&wants, &signs);
        let read = Metadata::parse(text.as_bytes(), NOW).unwrap();
        let (idp, sp) = (read.identity_provider().unwrap(), read.service_provider().unwrap());
        assert_eq!((idp.wants_signed_requests, sp.signs_requests, sp.wants_signed_assertions), (yes, yes, yes));
        let (signing, encryption) = (["idp", "idp-next"], ["sp", "idp-next"]);
        assert_eq!(idp.role.signing, signing.map(signer::certificate));
        assert_eq!(idp.role.encryption, encryption.map(signer::certificate));
        assert_eq!(idp.role.logout[0].location, at("https://idp.example.com/slo"));
        assert_eq!(idp.role.logout[0].response_location, Some(at("https://idp.example.com/slo/done")));
        assert_eq!(sp.acs, [Acs { location: at(ACS), index: 7, default: true }]);
        assert_eq!(offered_attributes(text.as_bytes()).unwrap(), ["mail", "title"]);
    }
    assert!(!Metadata::parse(text("", "").as_bytes(), NOW).unwrap().identity_provider().unwrap().wants_signed_requests);
}

/// The first element of a DER sequence with its head, and what is behind it.
fn first(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match der[1] {
        short @ 0..=0x7F => (2, usize::from(short)),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    };
    der.split_at(head + length)
}

fn inside(element: &[u8]) -> &[u8] {
    match element[1] {
        0..=0x7F => &element[2..],
        0x81 => &element[3..],
        _ => &element[4..],
    }
}

#[test]
fn our_certificates_are_signed_by_their_own_key() {
    let asn1: [(&str, &'static dyn VerificationAlgorithm, &str); 3] = [
        ("idp", &RSA_PKCS1_2048_8192_SHA256, "RSA"),
        ("p256", &ECDSA_P256_SHA256_ASN1, "EC"),
        ("p384", &ECDSA_P384_SHA384_ASN1, "EC"),
    ];
    for (name, algorithm, kind) in asn1 {
        let key = signer::private_key(name);
        let certificate = Certificate::self_signed(&key, name, NOW, NOW + SECOND).unwrap();
        let (whole, nothing) = first(certificate.der());
        let (tbs, rest) = first(inside(whole));
        let (identifier, rest) = first(rest);
        let (signature, end) = first(rest);
        assert!(nothing.is_empty() && end.is_empty());
        // RFC 4055 §5: an explicit NULL for RSA; RFC 5758 §3.2: nothing for ECDSA.
        assert_eq!(identifier.ends_with(&[5, 0]), kind == "RSA", "{name}");
        let public = key.spki().unwrap();
        // The bit string behind the algorithm: what the library verifies with.
        let (_, bits) = first(inside(&public));
        let public = UnparsedPublicKey::new(algorithm, &inside(bits)[1..]);
        assert!(public.verify(tbs, &inside(signature)[1..]).is_ok(), "{name}");
        assert_eq!(certificate.key().encrypts(), kind == "RSA");
    }
}

/// The serial number and the validity of a certificate, as they stand in it.
fn serial_and_validity(certificate: &Certificate) -> (Vec<u8>, Vec<u8>) {
    let mut rest = inside(first(inside(certificate.der())).0);
    let mut next = || {
        let (element, behind) = first(rest);
        rest = behind;
        inside(element).to_vec()
    };
    let (_version, serial, _algorithm, _issuer, validity) = (next(), next(), next(), next(), next());
    (serial, validity)
}

#[test]
fn a_certificate_has_a_number_of_its_own_and_dates_in_the_form_of_their_century() {
    let key = signer::private_key("p256");
    let year_2050 = 2_524_608_000 * SECOND;
    let made = |from, until| serial_and_validity(&Certificate::self_signed(&key, "x", from, until).unwrap());
    let (serial, _) = made(NOW, NOW + SECOND);
    // RFC 5280 §4.1.2.2: positive, without a zero in front, at most twenty bytes.
    assert_eq!((serial.len(), serial[0] & 0xC0), (16, 0x40));
    assert_eq!(made(NOW, NOW + SECOND).0, serial);
    assert_ne!(made(NOW + SECOND, NOW + 2 * SECOND).0, serial);
    // RFC 5280 §4.1.2.5: UTCTime up to 2049, GeneralizedTime from 2050 on.
    for (until, tag) in [(year_2050 - SECOND, 0x17), (year_2050, 0x18)] {
        let (_, validity) = made(NOW, until);
        assert_eq!(first(first(&validity).1).0[0], tag);
    }
}

#[test]
fn a_private_key_is_never_shown() {
    let key = signer::private_key("sp");
    assert_eq!(format!("{key:?}"), "PrivateKey(…)");
    let (key, certificate) = (PrivateKey::from_pkcs8(key.pkcs8()).unwrap(), signer::certificate("sp"));
    assert_eq!(format!("{:?}", certificate.key()), "VerifyingKey(Rsa)");
    let print = certificate.fingerprint();
    let shown = format!("{:?}", SigningKey::new(key, certificate).unwrap());
    assert!(shown.contains("PrivateKey(…)") && shown.contains(&print) && shown.len() < 200, "{shown}");
}
