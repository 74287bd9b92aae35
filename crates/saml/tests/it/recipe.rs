//! Cases as recipes: a good message, what is done to it, signed when the recipe says so, and what has to come of it.
//!
//! ```text
//! # a sentence about the case
//! base okta entra           one run for each base: tests/good/<base>.xml or tests/good/<base>/response.xml
//! replace A => B            all of them, at least one; `once` for the first only
//! sign Assertion key=idp    see signer.rs
//! take X Assertion          cuts an element out into X; `copy` leaves it; `strip X Signature` cuts within X
//! in X A => B               replaces within X; `rename X` gives its messages other IDs
//! text X …{Y}…              a text of one's own
//! put X before Status       also after, first, last
//! ```
//!
//! Everything else sets the stage: `now`, `request`, `keys`, `decrypt`, `cbc`, `idp_initiated`, `kind`.

use crate::signer::{self, Options};
use base64::{Engine, engine::general_purpose::STANDARD};
use saml::{
    Attribute, AuthnRequest, Certificate, Connection, EntityId, Keys, Location, Metadata, NameId, Outstanding,
    PrivateKey, Refused, Result, SignatureAlgorithm, VerifiedAssertion,
    authn_request::{Acs, RequestSignature, ServiceProvider},
    binding::{Inbound, Kind},
    issue,
    logout::{LogoutRequest, LogoutResponse, Peer},
    response,
};
use std::{collections::HashMap, io::Write, path::Path};

pub const NOW: i64 = 1_795_512_600_000_000;

/// Somebody who signed in now with a password.
pub fn login<'a>(name_id: &'a NameId, attributes: &'a [Attribute]) -> issue::Login<'a> {
    issue::Login {
        name_id,
        attributes,
        session_index: "s",
        authenticated_at: NOW,
        authn_context: issue::authn_context::PASSWORD,
        session_ends_at: None,
    }
}
pub const SP: &str = "https://sp.example.com/saml/metadata";
pub const ACS: &str = "https://sp.example.com/saml/acs";

pub struct Case {
    pub name: String,
    pub lines: Vec<String>,
}

impl Case {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
        Self { name: path.display().to_string(), lines }
    }

    pub fn bases(&self) -> Vec<String> {
        let base = self.lines.iter().find_map(|l| l.strip_prefix("base "));
        base.map_or_else(|| vec![String::new()], |b| b.split_whitespace().map(str::to_owned).collect())
    }

    pub fn expectations(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|l| l.strip_prefix("expect "))
    }
}

/// What a recipe makes.
pub struct Stage {
    pub doc: String,
    pub issuer: String,
    vars: HashMap<String, String>,
    pub kind: String,
    pub keys: Vec<String>,
    pub decrypt: Vec<String>,
    pub cbc: bool,
    pub idp_initiated: bool,
    pub request: Option<String>,
    pub request_expires_at: i64,
    pub now: i64,
    bytes: Option<Vec<u8>>,
    field: Option<String>,
    required: bool,
    relay_state: Option<String>,
}

pub fn cook(case: &Case, base: &str) -> Stage {
    let mut stage = Stage {
        doc: String::new(),
        issuer: String::new(),
        vars: HashMap::new(),
        kind: "response".into(),
        keys: vec!["idp".into()],
        decrypt: Vec::new(),
        cbc: false,
        idp_initiated: false,
        request: Some("_request1".into()),
        request_expires_at: NOW + 600_000_000,
        now: NOW,
        bytes: None,
        field: None,
        required: false,
        relay_state: None,
    };
    for line in &case.lines {
        stage.step(line, base);
    }
    stage
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0").replace("\\u1", "\u{1}").replace("\\_", " ")
}

fn replace(text: &str, rule: &str, all: bool) -> String {
    let (from, to) = rule.split_once(" =>").unwrap_or_else(|| panic!("no => in {rule}"));
    let (from, to) = (unescape(from), unescape(to.strip_prefix(' ').unwrap_or(to)));
    assert!(text.contains(&from), "nothing to replace: {from} in {text}");
    if all { text.replace(&from, &to) } else { text.replacen(&from, &to, 1) }
}

/// The signature of a selected element, and nothing else, may not be put where it was found.
fn own_tag_end(text: &str) -> usize {
    text.find('>').unwrap() + 1
}

impl Stage {
    fn fill(&self, text: &str) -> String {
        let mut out = unescape(text);
        for (name, value) in &self.vars {
            out = out.replace(&format!("{{{name}}}"), value);
        }
        for name in ["idp", "idp-next", "sp", "stranger", "weak", "p256", "p521"] {
            let from = format!("{{cert:{name}}}");
            if out.contains(&from) {
                let pem = signer::read(&format!("keys/{name}.cert.pem"));
                let body: String = pem.lines().filter(|l| !l.starts_with("---")).collect();
                out = out.replace(&from, &body);
            }
        }
        out
    }

    fn step(&mut self, line: &str, base: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "base" => {
                let name =
                    if base.contains('/') { format!("good/{base}.xml") } else { format!("good/{base}/response.xml") };
                self.doc = self.fill(signer::read(&name).trim_end());
                if let Some(at) = self.doc.find("Issuer") {
                    let text = &self.doc[at + self.doc[at..].find('>').unwrap() + 1..];
                    self.issuer = text[..text.find('<').unwrap()].to_owned();
                }
            }
            "replace" => self.doc = replace(&self.doc, &self.fill(rest), true),
            "once" => self.doc = replace(&self.doc, &self.fill(rest), false),
            "sign" => {
                let options: Options = tail.split_whitespace().map(|o| o.split_once('=').unwrap()).collect();
                self.doc = signer::sign(&self.doc, first, &options);
            }
            "encrypt" => {
                let options: Options = rest.split_whitespace().map(|o| o.split_once('=').unwrap()).collect();
                self.doc = signer::encrypt(&self.doc, &options);
            }
            "take" | "copy" => {
                let range = signer::find(&self.doc, tail);
                self.vars.insert(first.to_owned(), self.doc[range.clone()].to_owned());
                if verb == "take" {
                    self.doc.replace_range(range, "");
                }
            }
            "strip" => {
                let var = self.vars.get_mut(first).unwrap();
                let range = signer::find(var, tail);
                var.replace_range(range, "");
            }
            "in" => {
                let rule = self.fill(tail);
                let var = self.vars.get_mut(first).unwrap();
                *var = replace(var, &rule, true);
            }
            "rename" => {
                let var = self.vars.get_mut(rest).unwrap();
                *var = var.replace("ID=\"", "ID=\"evil-");
            }
            "text" => {
                let text = self.fill(tail);
                self.vars.insert(first.to_owned(), text);
            }
            "repeat" => {
                let (count, text) = tail.split_once(' ').unwrap();
                let text = self.fill(text);
                let many = (0..count.parse().unwrap()).map(|n: usize| text.replace("{n}", &n.to_string())).collect();
                self.vars.insert(first.to_owned(), many);
            }
            "put" => {
                let (place, selector) = tail.split_once(' ').unwrap();
                let range = signer::find(&self.doc, selector);
                let at = match place {
                    "before" => range.start,
                    "after" => range.end,
                    "first" => range.start + own_tag_end(&self.doc[range.clone()]),
                    "last" => range.start + self.doc[range].rfind("</").unwrap(),
                    other => panic!("{other}?"),
                };
                let text = self.vars[first].clone();
                self.doc.insert_str(at, &text);
            }
            "doc" => self.doc = self.fill(rest),
            "bytes" => self.bytes = Some(self.bytes_as(rest)),
            "field" => {
                let encoded = STANDARD.encode(&self.doc);
                self.field = Some(unescape(rest).replace("{field}", &encoded));
            }
            _ => self.stage(verb, rest),
        }
    }

    /// Verbs that set the stage.
    fn stage(&mut self, verb: &str, rest: &str) {
        match verb {
            "deflate" => self.vars.insert("deflated".into(), deflated(&self.doc)).map_or((), |_| ()),
            "sign-query" => self.sign_query(rest),
            "kind" => self.kind = rest.to_owned(),
            "keys" => self.keys = rest.split_whitespace().map(str::to_owned).collect(),
            "decrypt" => self.decrypt = rest.split_whitespace().map(str::to_owned).collect(),
            "cbc" => self.cbc = rest == "on",
            "idp_initiated" => self.idp_initiated = rest == "on",
            "request" => self.request = (rest != "none").then(|| rest.to_owned()),
            "request_age" => self.request_expires_at = self.now - rest.parse::<i64>().unwrap() * 1_000_000,
            "now" => self.now = NOW + rest.parse::<i64>().unwrap() * 1_000_000,
            "issuer" => self.issuer = rest.to_owned(),
            "required" => self.required = true,
            "relay_state" => self.relay_state = Some(self.fill(rest)),
            "expect" => {}
            other => panic!("unknown verb {other}"),
        }
    }

    fn bytes_as(&self, how: &str) -> Vec<u8> {
        match how {
            "latin1" => self.doc.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
            "utf16" => [0xFE, 0xFF].into_iter().chain(self.doc.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
            "overlong" => {
                let at = self.doc.find("adam").unwrap();
                [&self.doc.as_bytes()[..at], b"\xC0\xAF", &self.doc.as_bytes()[at..]].concat()
            }
            other => panic!("{other}?"),
        }
    }

    fn sign_query(&mut self, key: &str) {
        let alg = form(SignatureAlgorithm::RsaSha256.name());
        let octets = format!("{}&SigAlg={alg}", self.doc);
        let key = signer::private_key(key);
        let signature = key.sign(SignatureAlgorithm::RsaSha256, octets.as_bytes()).unwrap();
        self.doc = format!("{octets}&Signature={}", form(&STANDARD.encode(signature)));
    }

    pub fn field(&self) -> String {
        let bytes = self.bytes.clone().unwrap_or_else(|| self.doc.clone().into_bytes());
        self.field.clone().unwrap_or_else(|| STANDARD.encode(bytes))
    }

    fn key_set(&self) -> Result<Keys> {
        Keys::new(self.keys.iter().map(|k| signer::certificate(k).key().clone()).collect())
    }

    pub fn connection(&self) -> Result<Connection> {
        Ok(Connection {
            identity_provider: EntityId::parse(&self.issuer)?,
            keys: self.key_set()?,
            service_provider: EntityId::parse(SP)?,
            acs: Location::parse(ACS)?,
            idp_initiated: self.idp_initiated,
            decryption_keys: self.decrypt.iter().map(|k| signer::private_key(k)).collect(),
            allow_cbc: self.cbc,
        })
    }

    pub fn verify(&self) -> Result<VerifiedAssertion> {
        let request = |id: &String| Outstanding { id: id.clone(), expires_at: self.request_expires_at };
        response::verify(&self.field(), &self.connection()?, self.request.as_ref().map(request).as_ref(), self.now)
    }

    /// Does what the kind says.
    pub fn run(&self) -> Result<()> {
        match self.kind.as_str() {
            "response" => self.verify().map(|_| ()),
            "authn-request" => {
                self.authn_request(Inbound::from_form(Kind::Request, &self.field(), self.relay_state.as_deref())?)
            }
            "authn-query" => self.authn_request(Inbound::from_query(&self.doc)?),
            "logout-request" => {
                LogoutRequest::verify(&Inbound::from_form(Kind::Request, &self.field(), None)?, &self.peer()?, self.now)
                    .map(|_| ())
            }
            "logout-query" => {
                LogoutRequest::verify(&Inbound::from_query(&self.doc)?, &self.peer()?, self.now).map(|_| ())
            }
            "logout-response" => {
                let inbound = Inbound::from_form(Kind::Response, &self.field(), None)?;
                LogoutResponse::verify(&inbound, &self.peer()?, "_logout1", self.now).map(|_| ())
            }
            "idp-metadata" => {
                let bytes = self.bytes.clone().unwrap_or_else(|| self.doc.clone().into_bytes());
                Metadata::parse(&bytes, self.now)?.identity_provider()?.role.keys().map(|_| ())
            }
            "sp-metadata" => Metadata::parse(self.doc.as_bytes(), self.now)?.service_provider().map(|_| ()),
            "certificate" => Certificate::from_text(&self.doc).map(|_| ()),
            "key" => PrivateKey::from_pem(&self.doc).map(|_| ()),
            "entity-id" => EntityId::parse(&self.doc).map(|_| ()),
            "location" => Location::parse(&self.doc).map(|_| ()),
            "issue" => self.issue(),
            "sign-with" => {
                let algorithm = SignatureAlgorithm::parse(&self.doc)?;
                signer::private_key("idp").sign(algorithm, b"x").map(|_| ())
            }
            other => panic!("unknown kind {other}"),
        }
    }

    fn authn_request(&self, inbound: Inbound) -> Result<()> {
        let acs = |text: &str, index| Ok(Acs { location: Location::parse(text)?, index, default: false });
        let keys = Keys::new(vec![signer::certificate("sp").key().clone()])?;
        let app = ServiceProvider {
            entity_id: EntityId::parse(SP)?,
            acs: vec![acs(ACS, 0)?, acs("https://sp.example.com/saml/acs/two", 1)?],
            signature: if self.required { RequestSignature::Required(keys) } else { RequestSignature::Verified(keys) },
        };
        AuthnRequest::verify(&inbound, &app, &Location::parse("https://idp.example.com/saml/sso")?, self.now)
            .map(|_| ())
    }

    fn peer(&self) -> Result<Peer> {
        Ok(Peer {
            entity_id: EntityId::parse("https://idp.example.com/saml/metadata")?,
            keys: self.key_set()?,
            our_location: Location::parse("https://sp.example.com/saml/slo")?,
        })
    }

    fn issue(&self) -> Result<()> {
        let name_id = NameId { value: self.doc.clone(), ..NameId::default() };
        let attributes = [Attribute {
            name: "a".into(),
            values: vec![self.vars.get("value").cloned().unwrap_or_default()],
            ..Attribute::default()
        }];
        let login = login(&name_id, &attributes);
        let (sp, acs) = (EntityId::parse(SP)?, Location::parse(ACS)?);
        let recipient = issue::Recipient {
            service_provider: &sp,
            acs: &acs,
            in_response_to: None,
            sign: issue::Sign::Both,
            encrypt_to: None,
        };
        let ids = issue::Ids { response: "_r", assertion: self.vars.get("id").map_or("_a", String::as_str) };
        let issuer = EntityId::parse("https://idp.example.com/saml/metadata")?;
        issue::response(&issuer, &signer::signing_key("idp"), &recipient, &login, ids, NOW).map(|_| ())
    }
}

fn deflated(text: &str) -> String {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    form(&STANDARD.encode(encoder.finish().unwrap()))
}

fn form(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The cases of a folder, in order of their names.
pub fn cases(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "case"));
    paths.sort();
    paths.iter().map(|p| Case::read(p)).collect()
}

pub fn refused(name: &str) -> Option<Refused> {
    Refused::ALL.iter().copied().find(|r| r.name() == name)
}
