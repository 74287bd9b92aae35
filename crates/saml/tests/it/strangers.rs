//! Others read what we write, and we read what others write: signxml, pysaml2, python3-saml, xmlsec1, libxml2.
//!
//! They run from the Python environment in `PROVOST_TEST_VENV`, or `.venv` at the root of the repository, filled from
//! `tests/saml_strangers/requirements.txt`; and xmlsec1 is a Debian package.

use crate::{
    recipe::{ACS, SP},
    signer,
};
use saml::{
    Attribute, Connection, EntityId, Keys, Location, Metadata, NameId, Outstanding, authn_request::NewAuthnRequest,
    binding, issue, logout, metadata, name_id_format, response,
};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const IDP: &str = "https://idp.example.com/saml/metadata";

fn python() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = std::env::var_os("PROVOST_TEST_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "no {}: run ./test once, or make a virtual environment there and install tests/saml_strangers/requirements.txt into it",
        python.display()
    );
    python
}

/// Runs a script of `tests/strangers/` with some text as its input, and gives its output.
fn stranger(script: &str, input: String) -> String {
    let mut child = Command::new(python())
        .arg(signer::file("strangers").join(script))
        .arg(signer::file("keys"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        output.status.success(),
        "{script} failed; are the packages of tests/saml_strangers/requirements.txt there, and xmlsec1 (a Debian package)?"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// xorshift: the same documents for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const URIS: [&str; 6] =
    ["urn:a", "urn:b", "http://c.example/x?y=1", "urn:oasis:names:tc:SAML:2.0:assertion", "urn:d", "urn:z"];
const PREFIXES: [&str; 5] = ["", "a", "b", "c", "saml"];
const NAMES: [&str; 5] = ["x", "y", "Assertion", "éß", "n-1._"];
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\n  ",
    "text",
    "&amp;",
    "&lt;b&gt;",
    "&#13;",
    "a\r\nb",
    "\t",
    "&quot;&apos;",
    "ü€𝄞",
    "&#x9;&#xA;",
    "]]",
    "a\rb",
    "&#65;",
    "'",
];

/// An element and its children; `scope` is what prefixes mean here.
fn element(r: &mut Random, depth: usize, scope: &[(String, String)], ids: &mut usize, out: &mut String) {
    let mut scope = scope.to_vec();
    let mut declarations: Vec<(String, String)> = Vec::new();
    for _ in 0..r.below(4) {
        let prefix = r.pick(&PREFIXES).to_owned();
        if !declarations.iter().any(|(p, _)| *p == prefix) {
            declarations.push((prefix.clone(), r.pick(&URIS).to_owned()));
        }
    }
    for (prefix, uri) in &declarations {
        scope.retain(|(p, _)| p != prefix);
        scope.push((prefix.clone(), uri.clone()));
    }
    let prefixed = |r: &mut Random, name: &str| match r.below(scope.len() + 1) {
        0 => name.to_owned(),
        n if scope[n - 1].0.is_empty() => name.to_owned(),
        n => format!("{}:{name}", scope[n - 1].0),
    };
    let local = NAMES[r.below(NAMES.len())];
    let name = prefixed(r, local);
    let mut attributes: Vec<String> = declarations
        .iter()
        .map(|(p, u)| if p.is_empty() { format!("xmlns=\"{u}\"") } else { format!("xmlns:{p}='{u}'") })
        .collect();
    let mut seen: Vec<(String, String)> = Vec::new();
    for _ in 0..r.below(4) {
        let local = NAMES[r.below(3)].to_owned();
        let prefix = if r.below(3) == 0 {
            String::new()
        } else {
            scope.get(r.below(6)).map(|s| s.0.clone()).unwrap_or_default()
        };
        let uri = scope.iter().find(|(p, _)| *p == prefix && !p.is_empty()).map(|s| s.1.clone()).unwrap_or_default();
        if !seen.contains(&(uri.clone(), local.clone())) {
            let shown = if prefix.is_empty() { local.clone() } else { format!("{prefix}:{local}") };
            attributes.push(format!("{shown}=\"{}\"", r.pick(&TEXTS).replace('"', "")));
            seen.push((uri, local));
        }
    }
    if r.below(8) == 0 {
        attributes.push(format!("xml:lang=\"{}\"", r.pick(&["en", "de"])));
    }
    if r.below(3) == 0 {
        *ids += 1;
        attributes.push(format!("ID=\"i{ids}\""));
    }
    let start = r.below(attributes.len() + 1).min(attributes.len().saturating_sub(1));
    attributes.rotate_left(start);
    *out += &format!("<{name}");
    for attribute in &attributes {
        *out += r.pick(&[" ", "\n", "  "]);
        *out += attribute;
    }
    let children = if depth == 0 { 0 } else { r.below(4) };
    if children == 0 && r.below(2) == 0 {
        *out += "/>";
        return;
    }
    *out += ">";
    for _ in 0..children {
        *out += r.pick(&TEXTS);
        element(r, depth - 1, &scope, ids, out);
    }
    *out += r.pick(&TEXTS);
    *out += &format!("</{name}>");
}

#[test]
fn canonical_form_equals_libxml2() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let count = number("PROVOST_C14N_DOCUMENTS", 100_000);
    let mut r = Random(number("PROVOST_C14N_SEED", 0x9E37_79B9_7F4A_7C15));
    let mut cases = Vec::new();
    for _ in 0..count {
        let (mut xml, mut ids) = (String::new(), 0);
        let depth = 1 + r.below(4);
        element(&mut r, depth, &[], &mut ids, &mut xml);
        let id = (ids > 0 && r.below(2) == 0).then(|| format!("i{}", 1 + r.below(ids)));
        let mut prefixes: Vec<&str> =
            ["a", "b", "saml", "#default", "nowhere"].into_iter().filter(|_| r.below(3) == 0).collect();
        if r.below(2) == 0 {
            prefixes.clear();
        }
        cases.push((xml, id, prefixes));
    }
    let input: String = cases
        .iter()
        .map(|(xml, id, prefixes)| json!({"xml": xml, "id": id, "prefixes": prefixes}).to_string() + "\n")
        .collect();
    let output = stranger("c14n.py", input);
    let mut compared = 0;
    for ((xml, id, prefixes), line) in cases.iter().zip(output.lines()) {
        let theirs: String = serde_json::from_str(line).unwrap();
        let ours = saml::c14n::exclusive(xml, id.as_deref(), prefixes).unwrap_or_else(|e| panic!("{e}: {xml}"));
        assert_eq!(ours, theirs, "{id:?} {prefixes:?} of {xml}");
        // Once more changes nothing, as long as the prefix list is the same.
        assert_eq!(saml::c14n::exclusive(&ours, None, prefixes).as_ref(), Ok(&ours), "{xml}");
        compared += 1;
    }
    assert_eq!(compared, count);
    println!("{compared} documents, no difference");
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

fn id(text: &str) -> EntityId {
    EntityId::parse(text).unwrap()
}

fn at(text: &str) -> Location {
    Location::parse(text).unwrap()
}

fn connection(keys: &[&str]) -> Connection {
    Connection {
        identity_provider: id(IDP),
        keys: Keys::new(keys.iter().map(|k| signer::certificate(k).key().clone()).collect()).unwrap(),
        service_provider: id(SP),
        acs: at(ACS),
        idp_initiated: false,
        decryption_keys: vec![signer::private_key("sp")],
        allow_cbc: false,
    }
}

#[test]
fn we_read_what_strangers_sign() {
    let job = json!({"sp": SP, "acs": ACS, "idp": IDP, "request": "_request1"});
    let made: Vec<Value> = serde_json::from_str(&stranger("make.py", job.to_string())).unwrap();
    let now = now();
    let request = Outstanding { id: "_request1".into(), expires_at: now + 60_000_000 };
    assert!(made.len() >= 14, "only {}", made.len());
    for message in made {
        let name = message["name"].as_str().unwrap();
        let field = message["field"].as_str().unwrap();
        let login = response::verify(field, &connection(&["idp", "p256", "p384"]), Some(&request), now)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(login.name_id().value, "adam@example.com", "{name}");
        assert_eq!(login.issuer(), IDP, "{name}");
        // Not by anybody's key.
        let other = response::verify(field, &connection(&["stranger"]), Some(&request), now);
        assert!(other.is_err(), "{name}");
    }
}

const ODD_NAME: &str = "al&ice<\"ü'>]]>@example.com";
const ODD_DISPLAY_NAME: &str = "Alice  </saml:NameID> & \"Co\"\u{1F600}";

/// A response of every kind: what is signed, with which key, encrypted or not.
fn our_messages(now: i64) -> Vec<Value> {
    let name_id = NameId { value: ODD_NAME.into(), format: Some(name_id_format::EMAIL.into()), ..NameId::default() };
    let basic = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic";
    let attributes = [Attribute {
        name: "displayName".into(),
        name_format: Some(basic.into()),
        friendly_name: Some("Display <name>".into()),
        values: vec![ODD_DISPLAY_NAME.into()],
    }];
    let (sp, acs) = (id(SP), at(ACS));
    let encrypt = signer::certificate("sp");
    let mut messages = Vec::new();
    for (sign, signed) in [
        (issue::Sign::Assertion, vec!["assertion"]),
        (issue::Sign::Response, vec!["response"]),
        (issue::Sign::Both, vec!["assertion", "response"]),
    ] {
        for encrypted in [false, true] {
            let login = issue::Login {
                name_id: &name_id,
                attributes: &attributes,
                session_index: "s1",
                authenticated_at: now - 5_000_000,
                authn_context: issue::authn_context::PASSWORD,
                session_ends_at: Some(now + 3_600_000_000),
            };
            let recipient = issue::Recipient {
                service_provider: &sp,
                acs: &acs,
                in_response_to: Some("_request1"),
                sign,
                encrypt_to: encrypted.then(|| encrypt.key()),
            };
            let (response_id, assertion_id) = (saml::fresh_id().unwrap(), saml::fresh_id().unwrap());
            let ids = issue::Ids { response: &response_id, assertion: &assertion_id };
            let xml = issue::response(&id(IDP), &signer::signing_key("idp"), &recipient, &login, ids, now).unwrap();
            let request = Outstanding { id: "_request1".into(), expires_at: now + 60_000_000 };
            let read =
                response::verify(&binding::form_field(&xml), &connection(&["idp"]), Some(&request), now).unwrap();
            assert_eq!((read.name_id(), read.attributes()), (&name_id, attributes.as_slice()));
            let name = format!("{sign:?} encrypted={encrypted}");
            messages.push(json!({"name": name, "xml": xml, "signed": signed, "encrypted": encrypted, "rsa": true}));
        }
    }
    messages
}

#[test]
fn strangers_read_what_we_sign() {
    let now = now();
    let (sso, slo, idp_slo) =
        ("https://idp.example.com/saml/sso", "https://sp.example.com/saml/slo", "https://idp.example.com/saml/slo");
    let (idp_certificate, next, sp_certificate) =
        (signer::certificate("idp"), signer::certificate("idp-next"), signer::certificate("sp"));
    let idp_metadata = metadata::OurIdentityProvider {
        entity_id: &id(IDP),
        sign_on: &at(sso),
        logout: Some(&at(idp_slo)),
        signing: &[&idp_certificate, &next],
        wants_signed_requests: true,
        name_id_formats: &[name_id_format::EMAIL],
    }
    .xml()
    .unwrap();
    let sp_metadata = metadata::OurServiceProvider {
        entity_id: &id(SP),
        acs: &[&at(ACS)],
        logout: Some(&at(slo)),
        signing: &[&sp_certificate],
        encryption: &[&sp_certificate],
        signs_requests: true,
        name_id_formats: &[name_id_format::EMAIL],
    }
    .xml()
    .unwrap();
    assert_eq!(
        Metadata::parse(idp_metadata.as_bytes(), now).unwrap().identity_provider().unwrap().role.signing.len(),
        2
    );
    assert_eq!(Metadata::parse(sp_metadata.as_bytes(), now).unwrap().service_provider().unwrap().acs.len(), 1);
    let (issuer, destination, acs) = (id(SP), at(sso), at(ACS));
    let request = NewAuthnRequest {
        id: "_request1",
        issuer: &issuer,
        destination: &destination,
        acs: &acs,
        name_id_format: Some(name_id_format::EMAIL),
        force_authn: true,
        is_passive: false,
        authn_contexts: &[issue::authn_context::PASSWORD],
    };
    let sp_key = signer::signing_key("sp");
    let name_id = NameId { value: "adam@example.com".into(), ..NameId::default() };
    let (idp, our_slo) = (id(IDP), at(slo));
    let logout = |message| {
        logout::NewLogout { id: "_logout1", issuer: &idp, destination: &our_slo, message }
            .redirect_url(Some("state"), &signer::signing_key("idp"), now)
            .unwrap()
    };
    let job = json!({
        "sp": SP, "acs": ACS, "idp": IDP, "sso": sso, "slo": slo, "idp_slo": idp_slo, "request": "_request1",
        "name_id": ODD_NAME, "display_name": ODD_DISPLAY_NAME, "messages": our_messages(now),
        "idp_metadata": idp_metadata, "sp_metadata": sp_metadata,
        "request_field": request.form_field(Some(&sp_key), now).unwrap(),
        "request_url": request.redirect_url(Some("st&te"), Some(&sp_key), now).unwrap(),
        "logout_request_url": logout(logout::LogoutMessage::Request { name_id: &name_id, session_index: Some("s1") }),
        "logout_response_url": logout(logout::LogoutMessage::Response { in_response_to: "_request1", success: true }),
    });
    let said: Vec<Value> = serde_json::from_str(&stranger("verify.py", job.to_string())).unwrap();
    let problems: Vec<String> = said.iter().filter(|s| s["problem"] != "").map(Value::to_string).collect();
    println!("{} questions", said.len());
    assert!(said.len() >= 30 && problems.is_empty(), "{} of {}:\n{}", problems.len(), said.len(), problems.join("\n"));
}
