//! The issuing side: people sign in here, and only those assigned to an app are named to it.

use crate::browser::Browser;
use crate::desk::{Desk, SECOND};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saml::authn_request::NewAuthnRequest;
use saml::{Connection, EntityId, Keys, Location, Metadata, Outstanding, response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

pub const SP: &str = "https://app.example/saml/metadata";
pub const ACS: &str = "https://app.example/saml/acs";
pub const PASSWORD: &str = "purple monkey dishwasher";

/// A desk with an app, Adam with a password, and whether he is assigned.
pub async fn ready(desk: &Desk, assigned: bool) -> String {
    let adam = json!({"userName": "adam@example.com", "name": {"givenName": "Adam"}, "emails": [{"value": "adam@example.com"}]});
    let made = desk.local("POST", "/scim/v2/Users", adam).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let store = desk.app.store();
    let tenant = store.read_blocking(|r| r.tenants()).unwrap()[0].id;
    let person = id.clone();
    store
        .write_blocking(move |w| {
            let app = provision::App::standard();
            let new = store::NewApp { tenant, name: "wiki".into(), settings: json!(app), options: json!({}) };
            let app = w.app_insert(&new, 0)?;
            let assignment = store::AssignmentRow { resource: person, ..store::AssignmentRow::default() };
            if assigned {
                w.assign(tenant, app.id, &assignment)?;
            }
            Ok::<_, store::Error>(())
        })
        .unwrap();
    let settings = json!({
        "ssoUrl": ACS, "audience": SP, "nameIdFormat": "emailAddress", "nameId": {"text": "user.email"}, "relayState": "home",
        "attributes": [{"name": "first", "value": {"text": "user.firstName"}}],
    });
    let changed = desk.local("PATCH", "/api/v1/tenants/default/apps/wiki/saml", settings).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    id
}

/// Adam chooses a password by the link that an operator passes on, and is signed in.
pub async fn choose_password(browser: &mut Browser<'_>, id: &str) {
    let link =
        browser.desk.local("POST", &format!("/api/v1/tenants/default/users/{id}/sign-in-link"), Value::Null).await;
    assert_eq!(link.status, 201, "{}", link.text);
    let link = link.body["link"].as_str().unwrap().to_owned();
    let path = link.split_once("/sign-in").unwrap().1;
    assert!(browser.get(&format!("/sign-in{path}")).await.text.contains("adam@example.com"));
    let code = path.split_once("code=").unwrap().1.to_owned();
    let short = browser.post_bare("/sign-in/link", &[("code", &code), ("password", "short")]).await;
    assert_eq!(short.status, 422);
    let chosen = browser.post_bare("/sign-in/link", &[("code", &code), ("password", PASSWORD)]).await;
    assert!(chosen.text.contains("You are signed in"), "{}", chosen.text);
    assert_eq!(browser.post_bare("/sign-in/link", &[("code", &code), ("password", PASSWORD)]).await.status, 410);
    assert_eq!(browser.get("/me").await.status, 200);
}

/// What strangers say of a response that was posted: nothing, if they agree with it.
fn strangers(metadata: &str, field: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = std::env::var_os("PROVOST_TEST_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    let job = json!({"sp": SP, "acs": ACS, "metadata": metadata, "field": field, "request": "_r1", "name_id": "adam@example.com", "first": "Adam"});
    let mut child = Command::new(venv.join("bin/python"))
        .arg(root.join("tests/saml_strangers/read_ours.py"))
        .arg(root.join("crates/saml/tests/keys"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run ./test once: it makes the Python environment");
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

pub async fn connection(desk: &Desk) -> Connection {
    let metadata = desk.local("GET", "/idp/wiki/metadata", Value::Null).await;
    assert_eq!(metadata.status, 200, "{}", metadata.text);
    let read = Metadata::parse(metadata.text.as_bytes(), desk.clock.now()).unwrap();
    Connection {
        keys: Keys::of_certificates(&read.identity_provider().unwrap().role.signing).unwrap(),
        identity_provider: read.entity_id,
        service_provider: EntityId::parse(SP).unwrap(),
        acs: Location::parse(ACS).unwrap(),
        idp_initiated: true,
        decryption_keys: Vec::new(),
        allow_cbc: false,
    }
}

pub fn desk() -> Desk {
    Desk::at("https://id.example")
}

#[tokio::test]
async fn an_assigned_person_signs_in_to_an_app() {
    let desk = desk();
    // Strangers look at their own clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    desk.clock.advance(i64::try_from(now).unwrap() - desk.clock.now());
    let id = ready(&desk, true).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let connection = connection(&desk).await;
    // Begun here.
    let page = browser.get("/idp/wiki/sso").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.header("content-security-policy").contains("form-action https://app.example"));
    let field = page.between("name=\"SAMLResponse\" value=\"", "\"");
    assert_eq!(page.between("name=\"RelayState\" value=\"", "\""), "home");
    let login = response::verify(&field, &connection, None, desk.clock.now()).unwrap();
    assert_eq!(login.name_id().value, "adam@example.com");
    assert_eq!(login.values("first").collect::<Vec<_>>(), ["Adam"]);
    // Asked for by the app, by somebody who has to sign in first.
    let (issuer, destination, acs) = (
        EntityId::parse(SP).unwrap(),
        Location::parse("https://id.example/idp/wiki/sso").unwrap(),
        Location::parse(ACS).unwrap(),
    );
    let request = NewAuthnRequest {
        id: "_r1",
        issuer: &issuer,
        destination: &destination,
        acs: &acs,
        name_id_format: None,
        force_authn: false,
        is_passive: false,
        authn_contexts: &[],
    };
    let url = request.redirect_url(Some("deep"), None, desk.clock.now()).unwrap();
    let mut fresh = Browser::new(&desk);
    let away = fresh.get(url.strip_prefix("https://id.example").unwrap()).await;
    assert!(away.location().starts_with("/sign-in?next="), "{}", away.location());
    let next =
        away.location().split_once("next=").unwrap().1.replace("%2F", "/").replace("%3F", "?").replace("%3D", "=");
    assert!(fresh.get(away.location()).await.text.contains("Password"));
    let wrong =
        fresh.post_bare("/sign-in", &[("name", "adam@example.com"), ("password", "guess"), ("next", &next)]).await;
    assert_eq!(wrong.status, 401);
    let right =
        fresh.post_bare("/sign-in", &[("name", "ADAM@example.com"), ("password", PASSWORD), ("next", &next)]).await;
    assert!(right.text.contains("You are signed in"), "{}", right.text);
    let page = fresh.get(&next).await;
    let field = page.between("name=\"SAMLResponse\" value=\"", "\"");
    assert_eq!(page.between("name=\"RelayState\" value=\"", "\""), "deep");
    let outstanding = Outstanding { id: "_r1".into(), expires_at: desk.clock.now() + 60 * SECOND };
    response::verify(&field, &connection, Some(&outstanding), desk.clock.now()).unwrap();
    let metadata = desk.local("GET", "/idp/wiki/metadata", Value::Null).await.text;
    let said = strangers(&metadata, &field);
    assert!(said.len() == 4 && said.values().all(String::is_empty), "{said:#?}");
    assert_eq!(fresh.get(&next).await.status, 403, "a request is answered once");
    // Deactivated: out at once, and cannot come back.
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": false}]});
    desk.local("PATCH", &format!("/scim/v2/Users/{id}"), patch).await;
    assert!(browser.get("/idp/wiki/sso").await.location().starts_with("/sign-in"));
    assert_eq!(
        browser.post_bare("/sign-in", &[("name", "adam@example.com"), ("password", PASSWORD)]).await.status,
        401
    );
}

#[tokio::test]
async fn only_who_is_assigned_is_named_to_an_app() {
    let desk = desk();
    let id = ready(&desk, false).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let page = browser.get("/idp/wiki/sso").await;
    assert_eq!(page.status, 403);
    assert!(!page.text.contains("SAMLResponse") && page.text.contains("not assigned"), "{}", page.text);
    assert_eq!(browser.get("/idp/unknown/sso").await.status, 404);
    let preview =
        desk.local("GET", &format!("/api/v1/tenants/default/apps/wiki/saml/preview?person={id}"), Value::Null).await;
    assert_eq!(
        (preview.body["allowed"].as_bool(), preview.body["nameId"].as_str()),
        (Some(false), Some("adam@example.com"))
    );
    assert!(preview.body["assertion"].as_str().unwrap().contains("<saml:AttributeValue>Adam</saml:AttributeValue>"));
    // A request of somebody else, or to somewhere else, is not answered.
    for xml in ["<a/>", "no xml"] {
        let answer = browser.post_bare("/idp/wiki/sso", &[("SAMLRequest", &STANDARD.encode(xml))]).await;
        assert_eq!(answer.status, 403, "{xml}");
    }
}

#[tokio::test]
async fn signing_keys_are_rolled_over() {
    let desk = desk();
    ready(&desk, true).await;
    let count = async |desk: &Desk| {
        desk.local("GET", "/idp/wiki/metadata", Value::Null).await.text.matches("<ds:X509Certificate").count()
    };
    assert_eq!(count(&desk).await, 1);
    let keys = "/api/v1/tenants/default/idp/keys";
    let next = desk.local("POST", keys, Value::Null).await;
    assert_eq!((next.status, next.body["state"].as_str()), (201, Some("next")), "{}", next.text);
    assert_eq!(count(&desk).await, 2);
    let id = next.body["id"].as_str().unwrap();
    assert_eq!(desk.local("POST", &format!("{keys}/{id}/promote"), Value::Null).await.status, 200);
    let all = desk.local("GET", keys, Value::Null).await;
    let states: Vec<_> =
        all.body["data"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["current", "old"]);
}

#[tokio::test]
async fn the_sign_on_page_sets_what_an_app_is_told_and_shows_it_before() {
    let desk = desk();
    let id = ready(&desk, true).await;
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app/apps/wiki/sign-on").await;
    for there in [
        "https://id.example/idp/wiki/metadata",
        "https://id.example/idp/wiki/sso",
        "BEGIN CERTIFICATE",
        "first",
        "user.firstName",
    ] {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
    let pem = owner.get("/app/apps/wiki/sign-on/certificate").await;
    assert!(pem.text.starts_with("-----BEGIN CERTIFICATE-----") && pem.header("content-disposition").contains(".pem"));
    // What the application says of itself fills the form in, and nothing is saved yet.
    let metadata = saml::metadata::OurServiceProvider {
        entity_id: &EntityId::parse("https://other.example/saml/metadata").unwrap(),
        acs: &[&Location::parse("https://other.example/saml/acs").unwrap()],
        logout: None,
        signing: &[],
        encryption: &[],
        signs_requests: false,
        name_id_formats: &[],
    };
    let xml = metadata.xml().unwrap();
    let read = owner.post("/app/apps/wiki/sign-on/metadata", &[("xml", &xml)]).await;
    assert!(read.text.contains("value=\"https://other.example/saml/acs\""), "{}", read.text);
    assert!(read.text.contains("Nothing is saved yet") && !settings(&desk).await.contains("other.example"));
    let none = owner.post("/app/apps/wiki/sign-on/metadata", &[("xml", "<a/>")]).await;
    assert_eq!(none.status, 422, "{}", none.text);
    // Each thing that cannot be kept is marked where it stands.
    let form = |value: &'static str, acs: &'static str, act: &'static str| {
        [
            ("ssoUrl", acs),
            ("audience", SP),
            ("nameIdFormat", "emailAddress"),
            ("nameId", "user.email"),
            ("sign", "assertion"),
            ("groupsAttribute", "groups"),
            ("name.0", "last"),
            ("value.0", value),
            ("format.0", ""),
            ("person", "adam@example.com"),
            ("do", act),
        ]
    };
    let broken = owner.post("/app/apps/wiki/sign-on", &form("user.(", ACS, "save")).await;
    assert!(broken.status == 422 && broken.text.contains("aria-invalid=\"true\""), "{}", broken.text);
    let nowhere = owner.post("/app/apps/wiki/sign-on", &form("user.lastName", "javascript:x", "save")).await;
    assert!(nowhere.status == 422 && nowhere.text.contains("ssoUrl-error"), "{}", nowhere.text);
    // A preview with what stands in the form, which is what would be said.
    let preview = owner.post("/app/apps/wiki/sign-on", &form("'L-' + user.login", ACS, "preview")).await;
    assert!(preview.text.contains("They may sign in") && preview.text.contains("adam@example.com"), "{}", preview.text);
    assert!(!settings(&desk).await.contains("\"groups\""));
    let more = owner.post("/app/apps/wiki/sign-on", &form("user.lastName", ACS, "add")).await;
    assert!(more.text.contains("name.4") && more.text.contains("value=\"user.lastName\""));
    let saved = owner.post("/app/apps/wiki/sign-on", &form("user.login", ACS, "save")).await;
    assert_eq!((saved.status, saved.location()), (303, "/app/apps/wiki/sign-on"), "{}", saved.text);
    let now = settings(&desk).await;
    assert!(now.contains("\"groups\"") && now.contains("user.login") && !now.contains("firstName"), "{now}");
    assert!(now.contains("\"groupsFilter\":null"), "{now}");
    let filtered = |value: &'static str| {
        let more = [("groupsBy", "matches"), ("groupsFilter", value)];
        [form("user.login", ACS, "save").as_slice(), more.as_slice()].concat()
    };
    let broken = owner.post("/app/apps/wiki/sign-on", &filtered("(")).await;
    assert!(broken.status == 422 && broken.text.contains("groupsFilter-error"), "{}", broken.text);
    for name in ["App Users", "all"] {
        let group = json!({"displayName": name, "members": [{"value": id}]});
        assert_eq!(desk.local("POST", "/scim/v2/Groups", group).await.status, 201);
    }
    // Spaces count.
    assert_eq!(owner.post("/app/apps/wiki/sign-on", &filtered("^App ")).await.status, 303);
    assert!(settings(&desk).await.contains("\"value\":\"^App \""));
    assert_eq!(owner.post("/app/apps/wiki/sign-on", &filtered(".")).await.status, 303);
    let told = async |desk: &Desk| {
        let path = format!("/api/v1/tenants/default/apps/wiki/saml/preview?person={id}");
        desk.local("GET", &path, Value::Null).await.body["attributes"][1]["values"].clone()
    };
    assert_eq!(told(&desk).await, json!(["App Users", "all"]));
    assert_eq!(owner.post("/app/apps/wiki/sign-on", &filtered("^App")).await.status, 303);
    assert_eq!(told(&desk).await, json!(["App Users"]));
    assert!(owner.get("/app/apps/wiki/sign-on").await.text.contains("Matches regex <code>^App</code>"));
    let shown = owner.get(&format!("/app/apps/wiki/sign-on?person={id}")).await;
    assert!(
        shown.text.contains("They may sign in") && shown.text.contains("&lt;saml:AttributeValue"),
        "{}",
        shown.text
    );
    assert!(owner.get("/app/apps/wiki/sign-on?person=nobody").await.text.contains("No preview"));
    // A key takes the place of another in three steps.
    assert_eq!(owner.post("/app/apps/wiki/sign-on/keys", &[]).await.status, 303);
    let page = owner.get("/app/apps/wiki/sign-on").await;
    let next = page.between("/app/apps/wiki/sign-on/keys/", "/promote");
    // The next one can be taken back, and another made.
    assert!(page.text.contains(&format!("keys/{next}/remove")) && page.text.contains("Take it back"), "{}", page.text);
    assert_eq!(owner.post(&format!("/app/apps/wiki/sign-on/keys/{next}/remove"), &[]).await.status, 303);
    assert!(!owner.get("/app/apps/wiki/sign-on").await.text.contains(&next));
    assert_eq!(owner.post("/app/apps/wiki/sign-on/keys", &[]).await.status, 303);
    let page = owner.get("/app/apps/wiki/sign-on").await;
    let next = page.between("/app/apps/wiki/sign-on/keys/", "/promote");
    assert_eq!(owner.post(&format!("/app/apps/wiki/sign-on/keys/{next}/promote"), &[]).await.status, 303);
    let page = owner.get("/app/apps/wiki/sign-on").await;
    let old = page.between("/app/apps/wiki/sign-on/keys/", "/remove");
    assert!(old != next && page.text.contains("Old: signs no more"), "{}", page.text);
    assert_eq!(owner.post(&format!("/app/apps/wiki/sign-on/keys/{old}/remove"), &[]).await.status, 303);
}

async fn settings(desk: &Desk) -> String {
    desk.local("GET", "/api/v1/tenants/default/apps/wiki/saml", Value::Null).await.body["settings"].to_string()
}

#[tokio::test]
async fn the_wizard_makes_an_app_that_people_can_sign_in_to() {
    let desk = desk();
    let mut owner = Browser::owner(&desk).await;
    desk.user("adam").await;
    let draft = [("label", "Desk"), ("sso", ACS), ("audience", SP), ("name_id", "emailAddress")];
    let wrong = [draft.as_slice(), &[("attributes", "first user.firstName")]].concat();
    assert_eq!(owner.post("/app/create-app", &wrong).await.status, 422);
    let wrong = owner.get("/app/create-app/feedback?label=Desk&sso=http%3A%2F%2Fapp.example%2Facs&audience=x").await;
    assert!(wrong.status == 422 && wrong.text.contains("That cannot be"), "{}", wrong.text);
    // What somebody would be told of, before anything is stored.
    let typed = "/app/create-app/saml?label=Desk&sso=https%3A%2F%2Fapp.example%2Facs&audience=x&attributes=login%3Duser.userName";
    for (person, told) in [("adam", "Assertion, before it is signed"), ("nobody-here", "No preview")] {
        let page = owner.get(&format!("{typed}&person={person}")).await;
        let kept = format!("value=\"{person}\"");
        assert!(page.status == 200 && page.text.contains(told) && page.text.contains(&kept), "{}", page.text);
        assert!(!page.text.contains("may not sign in"));
    }
    assert_eq!(owner.get("/app/create-app/saml?label=Desk&sso=x&audience=x&person=adam").await.status, 422);
    // What the application says of itself fills the step in, its certificates as well.
    let key = crate::signer::signing_key("sp");
    let metadata = saml::metadata::OurServiceProvider {
        entity_id: &EntityId::parse(SP).unwrap(),
        acs: &[&Location::parse(ACS).unwrap(), &Location::parse("https://app.example/other").unwrap()],
        logout: None,
        signing: &[key.certificate()],
        encryption: &[key.certificate()],
        signs_requests: true,
        name_id_formats: &[],
    };
    let xml = metadata.xml().unwrap();
    let filled = owner.post("/app/create-app/saml", &[("label", "Desk"), ("xml", &xml)]).await;
    assert_eq!(filled.text.matches(&key.certificate().base64()).count(), 4, "in sight and carried: {}", filled.text);
    assert!(
        filled.text.contains("https://app.example/other")
            && filled.text.contains("name=\"signed_requests\" value=\"1\" checked")
    );
    let certificate = key.certificate().base64();
    let advanced = [
        ("attributes", "first = user.firstName\nlast=user.lastName"),
        ("groups", "groups"),
        ("groups_by", "startsWith"),
        ("groups_filter", "App "),
        ("other_acs", "https://app.example/other"),
        ("request_certificate", certificate.as_str()),
        ("signed_requests", "1"),
        ("encryption_certificate", certificate.as_str()),
    ];
    let right = [draft.as_slice(), &advanced].concat();
    let made = owner.post("/app/create-app", &right).await;
    assert_eq!((made.status, made.location()), (303, "/app/apps/desk"), "{}", made.text);
    let page = owner.get("/app/apps/desk/sign-on").await;
    for there in [
        ACS,
        SP,
        "EmailAddress",
        "user.lastName",
        "https://id.example/idp/desk/sso",
        "https://app.example/other",
        "Starts with <code>App </code>",
        "Must be signed",
        ">Encrypted<",
    ] {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
}

#[tokio::test]
async fn an_address_has_only_so_many_sign_ins_under_way() {
    let desk = desk();
    ready(&desk, true).await;
    let connection = json!({"id": "default", "metadata": crate::saml_sign_in::metadata(&["idp"])});
    let made = desk.local("POST", "/api/v1/tenants/default/saml/connections", connection).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut browser = Browser::new(&desk);
    for path in ["/idp/wiki/sso", "/saml/login"] {
        assert_eq!(browser.get(path).await.status, 303, "{path}");
    }
    let store = desk.app.store();
    let tenant = store.read_blocking(|r| r.tenants()).unwrap()[0].id;
    let (now, ends) = (desk.clock.now(), desk.clock.now() + 600 * SECOND);
    let begun = move |number: u16| store::SignInRequest {
        hash: std::array::from_fn(|at| number.to_be_bytes()[at % 2]),
        tenant,
        purpose: "saml".into(),
        created_at: now,
        expires_at: ends,
        network: "192.0.2.1".into(),
        ..store::SignInRequest::default()
    };
    // Two are under way already.
    store.write_blocking(move |w| (2..1_000).try_for_each(|number| w.sign_in_request_insert(&begun(number)))).unwrap();
    for path in ["/idp/wiki/sso", "/saml/login"] {
        let refused = browser.get(path).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "60"), "{path}: {}", refused.text);
        let mut other = Browser { address: [198, 51, 100, 7], ..Browser::new(&desk) };
        assert_eq!(other.get(path).await.status, 303, "somebody elsewhere: {path}");
    }
    desk.clock.advance(601 * SECOND);
    assert_eq!(browser.get("/idp/wiki/sso").await.status, 303, "what was begun has run out");
}

#[tokio::test]
async fn a_person_keeps_passkeys_only_as_long_as_the_password() {
    let desk = Desk::new();
    let id = ready(&desk, true).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let page = browser.get("/me").await;
    assert!(page.text.contains("Add a passkey"), "{}", page.text);
    let csrf = page.between("name=\"csrf\" value=\"", "\"");
    let post = async |browser: &mut Browser<'_>, path: &str, csrf: &str| {
        let request =
            browser.request("POST", path).header("sec-fetch-site", "same-origin").header("x-csrf-token", csrf);
        let request = request.header("content-type", "application/json").body("{}".into()).unwrap();
        browser.send(request).await
    };
    // Without the session's token, and without a session.
    assert_eq!(post(&mut browser, "/me/passkeys/begin", "wrong").await.status, 403);
    assert_eq!(post(&mut Browser::new(&desk), "/me/passkeys/begin", &csrf).await.status, 401);
    let begun = post(&mut browser, "/me/passkeys/begin", &csrf).await;
    assert!(begun.status == 200 && begun.text.contains("\"residentKey\":\"required\""), "{}", begun.text);
    // Who was there a while ago proves once more who they are.
    desk.clock.advance(901 * SECOND);
    assert_eq!(post(&mut browser, "/me/passkeys/begin", &csrf).await.status, 401);
    assert!(browser.get("/me").await.text.contains("Sign in once more"));
    let asked = post(&mut browser, "/sign-in/passkey", "").await;
    assert!(asked.status == 200 && asked.text.contains("challenge"), "{}", asked.text);
    let tenant = desk.app.store().read_blocking(|r| r.tenants()).unwrap()[0].id;
    let person = id.clone();
    let key = store::PersonPasskey { tenant, id: "k".into(), person, label: "my laptop".into(), ..Default::default() };
    desk.app.store().write_blocking(move |w| w.person_passkey_put(&key)).unwrap();
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("/app/users/{id}/sign-in")).await;
    assert!(page.text.contains("my laptop") && page.text.contains("Signs in here"), "{}", page.text);
    assert_eq!(owner.post(&format!("/app/users/{id}/sign-in/forget"), &[]).await.status, 303);
    let left = desk.app.store().read_blocking(move |r| r.person_passkeys(tenant, &id)).unwrap();
    assert!(left.is_empty());
    assert_eq!(browser.get("/me").await.status, 401);
}

/// Values of their own are for who has the app through a group, and end with it.
#[tokio::test]
async fn values_alone_let_nobody_in() {
    let desk = desk();
    let id = ready(&desk, false).await;
    let only = json!({"resource": id, "onlyValues": true, "profile": {"title": "Chief"}});
    let made = desk.local("POST", "/api/v1/tenants/default/apps/wiki/assignments", only).await;
    assert_eq!((made.status, &made.body["onlyValues"]), (201, &json!(true)), "{}", made.text);
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    assert!(!browser.get("/me").await.text.contains("Your applications"));
    let page = browser.get("/idp/wiki/sso").await;
    assert_eq!(page.status, 403, "{}", page.text);
}

#[tokio::test]
async fn people_start_their_apps_from_their_own_page() {
    const TILE: &str = "href=\"/idp/wiki/sso\"";
    let desk = desk();
    let id = ready(&desk, false).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let tile = async |browser: &mut Browser<'_>| browser.get("/me").await.text.contains(TILE);
    assert!(!tile(&mut browser).await, "who is not assigned has no tile");
    let sales = json!({"displayName": "Sales", "members": [{"value": id}]});
    let sales = desk.local("POST", "/scim/v2/Groups", sales).await.body["id"].clone();
    let all = json!({"displayName": "All", "members": [{"value": sales}]});
    let all = desk.local("POST", "/scim/v2/Groups", all).await.body["id"].clone();
    let app = "/api/v1/tenants/default/apps/wiki";
    let change = async |body: Value| {
        let changed = desk.local("PATCH", app, body).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    };
    let through = json!({"principal": "group", "resource": all});
    assert_eq!(desk.local("POST", &format!("{app}/assignments"), through).await.status, 201);
    assert!(tile(&mut browser).await, "a group in a group is enough");
    assert_eq!(browser.get("/idp/wiki/sso").await.status, 200);
    // A picture is for who has the tile.
    assert_eq!(browser.get("/me/apps/wiki/logo").await.status, 404);
    change(json!({"settings": {"logo": STANDARD.encode(b"\x89PNG\r\n\x1a\nrest")}})).await;
    let logo = browser.get("/me/apps/wiki/logo").await;
    assert_eq!((logo.status, logo.header("content-type")), (200, "image/png"));
    assert!(browser.get("/me").await.text.contains("src=\"/me/apps/wiki/logo\""));
    assert_eq!(Browser::new(&desk).get("/me/apps/wiki/logo").await.status, 404);
    // Hidden, it is still signed in to.
    change(json!({"options": {"hidden": true}})).await;
    assert!(!tile(&mut browser).await);
    assert_eq!(browser.get("/me/apps/wiki/logo").await.status, 404);
    assert_eq!(browser.get("/idp/wiki/sso").await.status, 200);
    change(json!({"options": {"hidden": false}})).await;
    assert!(tile(&mut browser).await);
    // Out of use, nobody signs in to it at all.
    change(json!({"options": {"deactivated": true}})).await;
    assert!(!tile(&mut browser).await);
    let refused = browser.get("/idp/wiki/sso").await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("This application is out of use"), "{}", refused.text);
    change(json!({"options": {"deactivated": false}})).await;
    assert!(tile(&mut browser).await);
    // Without an address nothing can be started.
    let unset = desk.local("PATCH", &format!("{app}/saml"), json!({"ssoUrl": ""})).await;
    assert_eq!(unset.status, 200, "{}", unset.text);
    assert!(!tile(&mut browser).await);
}
