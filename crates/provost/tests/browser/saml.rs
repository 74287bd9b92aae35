//! Signing in with SAML in a real browser, with an identity provider that the test plays.

use crate::harness::Server;
use crate::visit::Visit;
use saml::authn_request::{Acs, RequestSignature, ServiceProvider};
use saml::binding::{self, Inbound};
use saml::metadata::OurIdentityProvider;
use saml::{
    AuthnRequest, Certificate, EntityId, Location, NameId, PrivateKey, SigningKey, fresh_id, issue, name_id_format,
};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

const KEY: &str = include_str!("../../../saml/tests/keys/idp.key.pem");
const CERTIFICATE: &str = include_str!("../../../saml/tests/keys/idp.cert.pem");

fn key() -> SigningKey {
    SigningKey::new(PrivateKey::from_pem(KEY).unwrap(), Certificate::from_text(CERTIFICATE).unwrap()).unwrap()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// An identity provider on this machine, at which Adam is always signed in.
struct Idp {
    url: String,
}

impl Idp {
    fn start(app: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (own, app) = (url.clone(), app.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, app) = (own.clone(), app.clone());
                thread::spawn(move || answer(stream, &own, &app));
            }
        });
        Self { url }
    }

    fn metadata(&self) -> String {
        OurIdentityProvider {
            entity_id: &EntityId::parse(&format!("{}/metadata", self.url)).unwrap(),
            sign_on: &Location::parse(&format!("{}/sso", self.url)).unwrap(),
            logout: None,
            signing: &[key().certificate()],
            wants_signed_requests: false,
            name_id_formats: &[name_id_format::UNSPECIFIED],
        }
        .xml()
        .unwrap()
    }
}

/// One request: a page that posts Adam's assertion on to the app.
fn answer(mut stream: TcpStream, own: &str, app: &str) {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let target = line.split(' ').nth(1).unwrap_or_default();
    let page = target.strip_prefix("/sso?").map(|query| page(query, own, app));
    let status = if page.is_some() { "200 OK" } else { "404 Not Found" };
    let page = page.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(page.as_bytes()));
}

fn page(query: &str, own: &str, app: &str) -> String {
    let (entity_id, acs) = (
        EntityId::parse(&format!("{app}/saml/metadata")).unwrap(),
        Location::parse(&format!("{app}/saml/acs")).unwrap(),
    );
    let known = ServiceProvider {
        entity_id: entity_id.clone(),
        acs: vec![Acs { location: acs.clone(), index: 0, default: true }],
        signature: RequestSignature::Ignored,
    };
    let sso = Location::parse(&format!("{own}/sso")).unwrap();
    let request = AuthnRequest::verify(&Inbound::from_query(query).unwrap(), &known, &sso, now()).unwrap();
    let name_id = NameId { value: "adam@example.com".into(), ..NameId::default() };
    let login = issue::Login {
        name_id: &name_id,
        attributes: &[],
        session_index: "1",
        authenticated_at: now(),
        authn_context: issue::authn_context::PASSWORD,
        session_ends_at: None,
    };
    let recipient = issue::Recipient {
        service_provider: &entity_id,
        acs: request.acs(),
        in_response_to: Some(request.id()),
        sign: issue::Sign::Assertion,
        encrypt_to: None,
    };
    let (response, assertion) = (fresh_id().unwrap(), fresh_id().unwrap());
    let ids = issue::Ids { response: &response, assertion: &assertion };
    let issuer = EntityId::parse(&format!("{own}/metadata")).unwrap();
    let field = binding::form_field(&issue::response(&issuer, &key(), &recipient, &login, ids, now()).unwrap());
    format!(
        "<!doctype html><title>Identity provider</title><form method=post action=\"{acs}\">\
         <input type=hidden name=SAMLResponse value=\"{field}\">\
         <input type=hidden name=RelayState value=\"{}\"></form><script>document.forms[0].submit()</script>",
        request.relay_state().unwrap_or_default()
    )
}

#[test]
fn adam_signs_in_with_saml_and_is_out_when_scim_says_so() {
    let server = Server::start();
    let visit = Visit::owner(&server);
    let idp = Idp::start(&visit.origin);
    let tenant = server.default_tenant();
    let adam = tenant.user("adam@example.com", json!({"displayName": "Adam Ant"}));

    visit.open("/app/saml");
    visit.sees("SSO is off; SCIM works without it.");
    assert_eq!(visit.value("Single sign on URL (ACS)"), format!("{}/saml/acs", visit.origin));
    assert_eq!(visit.value("Audience URI (SP Entity ID)"), format!("{}/saml/metadata", visit.origin));
    visit.follow("link", "Connect an identity provider");
    visit.fill("Name", "Test IdP");
    visit.fill("Metadata XML", &idp.metadata());
    visit.follow("button", "Look at it");
    visit.sees("What the metadata says");
    visit.sees(&format!("{}/sso", idp.url));
    visit.follow("button", "Save");
    visit.sees("Saved. Try it with a test sign-in.");

    // From here on the browser is sent to another site and back.
    visit.no_complaints();
    visit.press("link", "Test sign-in");
    visit.sees("This sign-in would succeed");
    visit.sees("adam@example.com would be signed in");

    visit.open("/me");
    visit.sees("You are not signed in");
    visit.press("link", "Sign in with Test IdP");
    visit.sees("Adam Ant");
    visit.at("/me");
    let path = format!("/Users/{}", adam["id"].as_str().unwrap());
    assert!(tenant.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).status < 300);
    visit.is_put_out();
    visit.press("link", "Sign in with Test IdP");
    visit.sees("Sign-in failed");
    visit.open("/me");
    visit.sees("You are not signed in");
}
