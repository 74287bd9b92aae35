//! SAML: what an identity provider, a service provider or whoever pretends to be one sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use saml::authn_request::{Acs, RequestSignature, ServiceProvider};
use saml::binding::{Inbound, Kind};
use saml::logout::{LogoutRequest, LogoutResponse, Peer};
use saml::{
    AuthnRequest, Certificate, Connection, DigestAlgorithm, EntityId, Keys, Location, Metadata, Outstanding,
    PrivateKey, SignatureAlgorithm, VerifiedAssertion, VerifyingKey, response as login,
};
use std::sync::LazyLock;

/// When the messages of the corpus are good.
const NOW: i64 = 1_795_512_600_000_000;
const SP: &str = "https://sp.example.com/saml/metadata";
const ACS: &str = "https://sp.example.com/saml/acs";

static IDP: LazyLock<VerifyingKey> = LazyLock::new(|| key(include_str!("../../crates/saml/tests/keys/idp.cert.pem")));
static OURS: LazyLock<VerifyingKey> = LazyLock::new(|| key(include_str!("../../crates/saml/tests/keys/p256.cert.pem")));
static SECRET: LazyLock<PrivateKey> = LazyLock::new(|| {
    PrivateKey::from_pem(include_str!("../../crates/saml/tests/keys/p256.key.pem")).expect("a key of the tests")
});

fn key(pem: &str) -> VerifyingKey {
    Certificate::from_text(pem).expect("a certificate of the tests").key().clone()
}

fn at(text: &str) -> Location {
    Location::parse(text).expect("a location")
}

/// What canonicalisation gives is canonical.
pub(super) fn c14n(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for prefixes in [&[][..], &["a", "xs"]] {
        let Ok(once) = saml::c14n::exclusive(text, None, prefixes) else { continue };
        assert!(!once.is_empty());
        let twice = saml::c14n::exclusive(&once, None, prefixes);
        assert_eq!(twice.as_deref(), Ok(once.as_str()));
    }
}

/// A response under these keys, from whoever it says that it is from.
fn verify(xml: &[u8], key: &VerifyingKey) -> Option<VerifiedAssertion> {
    let field = BASE64.encode(xml);
    let issuer = login::peek(&field).ok()?.issuer?;
    let connection = Connection {
        identity_provider: EntityId::parse(&issuer).ok()?,
        keys: Keys::new(vec![key.clone()]).ok()?,
        service_provider: EntityId::parse(SP).ok()?,
        acs: at(ACS),
        idp_initiated: false,
        decryption_keys: Vec::new(),
        allow_cbc: false,
    };
    let request = Outstanding { id: "_request1".to_owned(), expires_at: NOW + 600_000_000 };
    login::verify(&field, &connection, Some(&request), NOW).ok()
}

/// What a signature covers, and what every assertion of the corpus says.
fn holds(read: &VerifiedAssertion) {
    let again = saml::c14n::exclusive(read.xml(), None, &[]);
    assert_eq!(again.as_deref(), Ok(read.xml()));
    assert!(!read.name_id().value.is_empty() && read.expires_at() > NOW - 61_000_000);
}

/// Whatever is done to a signed message: who is signed in is whom the signer meant, or nobody.
pub(super) fn response(bytes: &[u8]) {
    if let Some(read) = verify(bytes, &IDP) {
        holds(&read);
        let name = &read.name_id().value;
        assert!(super::PEOPLE.contains(&name.as_str()), "{name} was signed for by nobody");
    }
}

/// The message is signed by a trusted key whatever it says, so that what comes behind the signature is reached.
pub(super) fn signed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(message) = sign(text) else { return };
    if let Some(read) = verify(message.as_bytes(), &OURS) {
        holds(&read);
    }
}

/// Signs the first assertion of a message and puts the signature behind its issuer.
fn sign(text: &str) -> Option<String> {
    let assertion = text.find("Assertion ")?;
    let id = text.get(assertion..)?.split_once("ID=\"")?.1.split_once('"')?.0;
    let content = saml::c14n::exclusive(text, Some(id), &[]).ok()?;
    let digest = BASE64.encode(DigestAlgorithm::Sha256.digest(content.as_bytes()));
    let info = format!(
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
         <ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    );
    let namespace = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
    let signed = format!("<ds:SignedInfo {namespace}>{info}");
    let value = BASE64.encode(SECRET.sign(SignatureAlgorithm::EcdsaSha256, signed.as_bytes()).ok()?);
    let end = assertion + text.get(assertion..)?.find("Issuer>")? + "Issuer>".len();
    let (before, behind) = text.split_at_checked(end)?;
    // The first `Issuer>` may be a start tag; its end is the next one.
    let (before, behind) = match behind.find("Issuer>") {
        Some(more)
            if !before.ends_with("/saml:Issuer>")
                && !before.ends_with("/saml2:Issuer>")
                && !before.ends_with("</Issuer>") =>
        {
            text.split_at_checked(end + more + "Issuer>".len())?
        }
        _ => (before, behind),
    };
    Some(format!(
        "{before}<ds:Signature {namespace}><ds:SignedInfo>{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>{behind}"
    ))
}

/// Metadata of either side, and what can be made of it.
pub(super) fn metadata(bytes: &[u8]) {
    let _ = saml::metadata::offered_attributes(bytes);
    let Ok(read) = Metadata::parse(bytes, NOW) else { return };
    if let Ok(idp) = read.identity_provider() {
        let _ = idp.role.keys();
    }
    let _ = read.service_provider();
}

/// Requests and logout messages by both bindings: a query with `SAML…=` in it, or the XML of a form.
pub(super) fn binding(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let field = BASE64.encode(text);
    let inbound = [
        Inbound::from_query(text),
        Inbound::from_form(Kind::Request, &field, Some("state")),
        Inbound::from_form(Kind::Response, &field, None),
        Inbound::from_form(Kind::Request, text, None),
    ];
    let keys = Keys::new(vec![IDP.clone()]).expect("a key");
    let acs = vec![Acs { location: at(ACS), index: 0, default: true }];
    let entity_id = EntityId::parse(SP).expect("an id");
    let app = ServiceProvider { entity_id, acs, signature: RequestSignature::Verified(keys.clone()) };
    let entity_id = EntityId::parse("https://idp.example.com/saml/metadata").expect("an id");
    let peer = Peer { entity_id, keys, our_location: at("https://sp.example.com/saml/slo") };
    for inbound in inbound.into_iter().flatten() {
        let _ = (inbound.peek_issuer(), inbound.peek_name(), AuthnRequest::peek(&inbound));
        if let Ok(read) = AuthnRequest::verify(&inbound, &app, &at("https://idp.example.com/saml/sso"), NOW) {
            assert_eq!(read.acs(), &at(ACS), "an answer goes where the registration says");
        }
        let _ = LogoutRequest::verify(&inbound, &peer, NOW);
        let _ = LogoutResponse::verify(&inbound, &peer, "_logout1", NOW);
    }
}
