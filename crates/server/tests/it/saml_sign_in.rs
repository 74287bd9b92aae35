//! Signing in with SAML, from the request to the person's page and out again.

use crate::browser::Browser;
use crate::desk::{Answer, Desk, SECOND};
use crate::idp_logout::{asked_of_chat_at, chat_says_to, follow, with_chat};
use crate::saml_bad::{form, posted, tenant};
use crate::signer;
use axum::body::Body;
use axum::http::Request;
use saml::authn_request::{Acs, RequestSignature, ServiceProvider};
use saml::binding::{Inbound, Kind};
use saml::logout::{LogoutMessage, LogoutRequest, LogoutResponse, NewLogout, Peer};
use saml::metadata::OurIdentityProvider;
use saml::{
    Attribute, AuthnRequest, EntityId, Keys, Location, Metadata, NameId, binding, fresh_id, issue, name_id_format,
};
use serde_json::{Value, json};
use std::sync::Mutex;
use store::LogQuery;

const AT: &str = "https://sp.example.com";
const IDP: &str = "https://idp.example.com/saml/metadata";
const SSO: &str = "https://idp.example.com/sso";
const SLO: &str = "https://idp.example.com/slo";

/// Metadata of an identity provider with these keys.
pub fn metadata(keys: &[&str]) -> String {
    let certificates: Vec<_> = keys.iter().map(|key| signer::certificate(key)).collect();
    OurIdentityProvider {
        entity_id: &EntityId::parse(IDP).unwrap(),
        sign_on: &Location::parse(SSO).unwrap(),
        logout: Some(&Location::parse(SLO).unwrap()),
        signing: &certificates.iter().collect::<Vec<_>>(),
        wants_signed_requests: false,
        name_id_formats: &[name_id_format::UNSPECIFIED],
    }
    .xml()
    .unwrap()
}

/// A request of a browser.
fn get(path: &str, cookie: &str) -> Request<Body> {
    Request::builder().uri(path).header("host", "sp.example.com").header("cookie", cookie).body(Body::empty()).unwrap()
}

fn cookies(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    all.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}

/// The server with a connection of the default tenant.
struct World {
    desk: Desk,
    _workers: server::Workers,
    /// The last refusal that a browser was shown.
    refused: Mutex<String>,
}

/// A sign-in under way.
struct Started {
    request: String,
    relay: String,
    cookie: String,
}

impl World {
    async fn new(settings: Value) -> Self {
        let desk = Desk::at(AT);
        let world = Self { _workers: server::start_workers(&desk.app), desk, refused: Mutex::default() };
        world.connect("default", settings).await;
        world
    }

    async fn connect(&self, tenant: &str, settings: Value) {
        let mut body = settings;
        body["metadata"] = metadata(&["idp"]).into();
        let path = format!("/api/v1/tenants/{tenant}/saml/connections");
        let made = self.desk.local("POST", &path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }

    async fn set(&self, settings: Value) -> Answer {
        self.desk.local("PATCH", "/api/v1/tenants/default/saml/connections/default", settings).await
    }

    async fn start(&self, root: &str) -> Started {
        let answer = self.desk.send(None, get(&format!("{root}/saml/login"), "")).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let whole = answer.headers["set-cookie"].to_str().unwrap();
        assert!(whole.contains("SameSite=None; Secure") && whole.starts_with("__Host-"), "{whole}");
        let to = answer.headers["location"].to_str().unwrap();
        let query = to.strip_prefix(&format!("{SSO}?")).unwrap();
        let inbound = Inbound::from_query(query).unwrap();
        let app = ServiceProvider {
            entity_id: EntityId::parse(&format!("{AT}{root}/saml/metadata")).unwrap(),
            acs: vec![Acs {
                location: Location::parse(&format!("{AT}{root}/saml/acs")).unwrap(),
                index: 0,
                default: true,
            }],
            signature: RequestSignature::Ignored,
        };
        let sso = Location::parse(SSO).unwrap();
        let request = AuthnRequest::verify(&inbound, &app, &sso, self.desk.clock.now()).unwrap();
        let relay = request.relay_state().unwrap().to_owned();
        Started { request: request.id().to_owned(), relay, cookie: cookies(&answer).remove(0) }
    }

    /// What the identity provider says to this request.
    fn answer(&self, root: &str, name: &str, request: Option<&str>, attributes: &[(&str, &str)], key: &str) -> String {
        let now = self.desk.clock.now();
        let attributes: Vec<Attribute> = attributes
            .iter()
            .map(|(name, value)| Attribute {
                name: (*name).to_owned(),
                values: vec![(*value).to_owned()],
                ..Attribute::default()
            })
            .collect();
        let name_id = NameId { value: name.into(), ..NameId::default() };
        let login = issue::Login {
            name_id: &name_id,
            attributes: &attributes,
            session_index: "session1",
            authenticated_at: now,
            authn_context: issue::authn_context::PASSWORD,
            session_ends_at: None,
        };
        let sp = EntityId::parse(&format!("{AT}{root}/saml/metadata")).unwrap();
        let acs = Location::parse(&format!("{AT}{root}/saml/acs")).unwrap();
        let recipient = issue::Recipient {
            service_provider: &sp,
            acs: &acs,
            in_response_to: request,
            sign: issue::Sign::Both,
            encrypt_to: None,
        };
        let (response, assertion) = (fresh_id().unwrap(), fresh_id().unwrap());
        let ids = issue::Ids { response: &response, assertion: &assertion };
        let issuer = EntityId::parse(IDP).unwrap();
        let xml = issue::response(&issuer, &signer::signing_key(key), &recipient, &login, ids, now).unwrap();
        binding::form_field(&xml)
    }

    async fn post(&self, root: &str, field: &str, started: &Started) -> Answer {
        let fields = [("SAMLResponse", field), ("RelayState", started.relay.as_str())];
        let answer = self.desk.send(None, posted(&format!("{root}/saml/acs"), &started.cookie, &fields)).await;
        self.note(&answer);
        answer
    }

    fn note(&self, answer: &Answer) {
        let id = answer.headers.get("x-request-id").map(|id| id.to_str().unwrap().to_owned());
        *self.refused.lock().unwrap() = id.unwrap_or_default();
    }

    /// A whole sign-in; the cookie, if it came to one.
    async fn sign_in(&self, name: &str, attributes: &[(&str, &str)]) -> Result<String, u16> {
        let started = self.start("").await;
        let field = self.answer("", name, Some(&started.request), attributes, "idp");
        let answer = self.post("", &field, &started).await;
        if answer.status == 303 { Ok(cookies(&answer).remove(0)) } else { Err(answer.status) }
    }

    async fn me(&self, cookie: &str) -> Answer {
        self.desk.send(None, get("/me", cookie)).await
    }

    /// What the log says of the last refusal that was shown, or of the newest sign-in.
    async fn told(&self) -> String {
        let (tenant, id) = (tenant(&self.desk).await, self.refused.lock().unwrap().clone());
        loop {
            let query = LogQuery { limit: 20, want_texts: true, text: Some("/saml/".into()), ..LogQuery::default() };
            let entries = self.desk.app.store().read(move |r| r.log(tenant, &query)).await.unwrap();
            // Refusals are written a moment later.
            if let Some(found) = entries.into_iter().find(|entry| id.is_empty() || entry.request_id == id) {
                return found.steps.unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn scim(&self, method: &str, path: &str, body: Value) -> Answer {
        let answer = self.desk.local(method, &format!("/scim/v2{path}"), body).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer
    }
}

#[tokio::test]
async fn adam_signs_in_and_is_out_the_moment_that_he_is_deactivated() {
    let world = World::new(json!({})).await;
    let body = json!({"userName": "adam@example.com", "displayName": "Adam Ant", "title": "Digger"});
    let adam = world.scim("POST", "/Users", body).await.body["id"].as_str().unwrap().to_owned();
    world.scim("POST", "/Groups", json!({"displayName": "Diggers", "members": [{"value": adam}]})).await;
    assert_eq!(world.me("").await.status, 401);
    let started = world.start("").await;
    let field = world.answer("", "adam@example.com", Some(&started.request), &[], "idp");
    let answer = world.post("", &field, &started).await;
    assert_eq!((answer.status, answer.headers["location"].to_str().unwrap()), (303, "/me"), "{}", answer.text);
    let whole = answer.headers["set-cookie"].to_str().unwrap();
    assert!(whole.contains("HttpOnly; SameSite=Lax") && whole.contains("Secure"), "{whole}");
    let cookie = cookies(&answer).remove(0);
    let page = world.me(&cookie).await;
    assert_eq!(page.status, 200);
    for text in ["Adam Ant", "adam@example.com", "Digger", "Diggers"] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    assert!(world.told().await.contains("signed in"), "{}", world.told().await);
    let again = world.post("", &field, &started).await;
    assert_eq!(again.status, 403, "the request is answered");
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}]});
    world.scim("PATCH", &format!("/Users/{adam}"), patch).await;
    assert_eq!(world.me(&cookie).await.status, 401);
    let late = world.desk.send(None, get("/me/events", &cookie)).await;
    assert!(late.text.contains("event: ended"), "a page whose stream comes too late hears it: {}", late.text);
    assert_eq!(world.sign_in("adam@example.com", &[]).await, Err(403));
    assert!(world.told().await.contains("refused: person_inactive"), "{}", world.told().await);
    world.scim("DELETE", &format!("/Users/{adam}"), Value::Null).await;
    assert_eq!(world.sign_in("adam@example.com", &[]).await, Err(403));
    assert!(world.told().await.contains("refused: person_unknown"));
}

#[tokio::test]
async fn a_request_belongs_to_the_browser_that_made_it() {
    let world = World::new(json!({})).await;
    world.desk.user("adam@example.com").await;
    let started = world.start("").await;
    let field = world.answer("", "adam@example.com", Some(&started.request), &[], "idp");
    let other = world.start("").await;
    let stolen = Started { cookie: other.cookie.clone(), relay: started.relay.clone(), request: String::new() };
    assert_eq!(world.post("", &field, &stolen).await.status, 403);
    assert!(world.told().await.contains("refused: request_unknown"));
    let changed = Started { relay: other.relay, cookie: started.cookie.clone(), request: String::new() };
    assert_eq!(world.post("", &field, &changed).await.status, 403);
    assert!(world.told().await.contains("refused: relay_state_unknown"));
    let late = world.start("").await;
    world.desk.clock.advance(601 * SECOND);
    let field = world.answer("", "adam@example.com", Some(&late.request), &[], "idp");
    assert_eq!(world.post("", &field, &late).await.status, 403);
    assert!(world.told().await.contains("refused: request_expired"));
    let twice = world.desk.send(None, posted("/saml/acs", "", &[("SAMLResponse", "x"), ("SAMLResponse", "y")])).await;
    assert_eq!(twice.status, 403);
    world.note(&twice);
    assert!(world.told().await.contains("refused: malformed_form"));
}

#[tokio::test]
async fn what_the_identity_provider_starts_is_taken_where_that_is_on_and_once() {
    let world = World::new(json!({})).await;
    world.desk.user("adam@example.com").await;
    let nobody = Started { request: String::new(), relay: "https://evil.example/".into(), cookie: String::new() };
    let field = world.answer("", "adam@example.com", None, &[], "idp");
    assert_eq!(world.post("", &field, &nobody).await.status, 403);
    assert!(world.told().await.contains("refused: unsolicited_not_allowed"));
    assert_eq!(world.set(json!({"idpInitiated": true})).await.status, 200);
    let both = tokio::join!(world.post("", &field, &nobody), world.post("", &field, &nobody));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 403], "two at once: exactly one session");
    let (to, refused) = if both.0.status == 303 { (&both.0, &both.1) } else { (&both.1, &both.0) };
    world.note(refused);
    assert!(world.told().await.contains("refused: replayed"));
    assert_eq!(to.headers["location"], "/me", "a foreign RelayState leads nowhere");
    assert_eq!(world.set(json!({"enabled": false})).await.status, 200);
    let field = world.answer("", "adam@example.com", None, &[], "idp");
    assert_eq!(world.post("", &field, &nobody).await.status, 403);
    assert!(world.told().await.contains("refused: connection_disabled"));
    assert_eq!(world.desk.send(None, get("/saml/login", "")).await.status, 404);
    assert_eq!(world.me(&cookies(to)[0]).await.status, 401, "switching it off signs everybody out who came by it");
}

#[tokio::test]
async fn what_is_said_to_one_tenant_means_nothing_to_another() {
    let world = World::new(json!({"idpInitiated": true})).await;
    assert_eq!(world.desk.local("POST", "/api/v1/tenants", json!({"name": "two"})).await.status, 201);
    world.connect("two", json!({"idpInitiated": true})).await;
    for root in ["", "/t/two"] {
        let made = world.desk.local("POST", &format!("{root}/scim/v2/Users"), json!({"userName": "adam"})).await;
        assert_eq!(made.status, 201);
    }
    let nobody = Started { request: String::new(), relay: String::new(), cookie: String::new() };
    let mine = world.answer("", "adam", None, &[], "idp");
    assert_eq!(world.post("/t/two", &mine, &nobody).await.status, 403);
    let answer = world.post("", &mine, &nobody).await;
    let cookie = cookies(&answer).remove(0);
    assert_eq!(world.me(&cookie).await.status, 200);
    let renamed = cookie.replace("person-default", "person-two");
    assert_eq!(world.desk.send(None, get("/t/two/me", &renamed)).await.status, 401, "a session is one tenant's");
    let theirs = world.answer("/t/two", "adam", None, &[], "idp");
    let answer = world.post("/t/two", &theirs, &nobody).await;
    assert_eq!((answer.status, &answer.headers["location"]), (303, &"/t/two/me".parse().unwrap()));
}

#[tokio::test]
async fn somebody_new_is_made_only_where_that_is_on_and_as_the_mapping_says() {
    let world = World::new(json!({})).await;
    let said = [("givenName", "Eve"), ("familyName", "Moss"), ("email", "eve@example.com"), ("active", "false")];
    assert_eq!(world.sign_in("eve@example.com", &said).await, Err(403));
    assert!(world.told().await.contains("refused: person_unknown"));
    assert_eq!(world.set(json!({"autoCreate": true, "domains": ["example.org"]})).await.status, 200);
    assert_eq!(world.sign_in("eve@example.com", &said).await, Err(403));
    assert!(world.told().await.contains("refused: domain_not_allowed"));
    assert_eq!(world.set(json!({"domains": ["@Example.com"]})).await.status, 200);
    let off = json!({"users": {"create": false}});
    assert_eq!(world.desk.local("PATCH", "/api/v1/tenants/default/switches", off).await.status, 200);
    assert_eq!(world.sign_in("eve@example.com", &said).await, Err(403));
    assert!(world.told().await.contains("refused: person_not_created"), "{}", world.told().await);
    let on = json!({"users": {"create": true}});
    world.desk.local("PATCH", "/api/v1/tenants/default/switches", on).await;
    let cookie = world.sign_in("eve@example.com", &said).await.unwrap();
    assert_eq!(world.me(&cookie).await.status, 200);
    let found = world.scim("GET", "/Users?filter=userName%20eq%20%22eve@example.com%22", Value::Null).await.body;
    let eve = &found["Resources"][0];
    assert_eq!((&eve["name"]["givenName"], &eve["name"]["familyName"]), (&json!("Eve"), &json!("Moss")));
    assert_eq!((&eve["emails"][0]["value"], &eve["emails"][0]["type"]), (&json!("eve@example.com"), &json!("work")));
    assert_eq!(eve["active"], true);
    let feed = world.desk.local("GET", "/api/v1/tenants/default/changes", Value::Null).await;
    let last = feed.body["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["actor"], &last["id"]), (&json!("SAML default"), &eve["id"]), "{last}");
    assert!(world.sign_in("eve@example.com", &said).await.is_ok(), "the second time she is there");
    for path in ["active", "password", "id", "groups", "nonsense", "meta.created"] {
        let refused = world.set(json!({"attributes": [{"name": "x", "path": path}]})).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("PRV-2011")), "{path}");
    }
}

#[tokio::test]
async fn people_are_recognised_by_what_was_chosen() {
    let world = World::new(json!({"matchBy": "externalId", "matchAttribute": "uid"})).await;
    for (name, external) in [("adam", "a-1"), ("a-2", "e-1")] {
        world.scim("POST", "/Users", json!({"userName": name, "externalId": external})).await;
    }
    assert!(world.sign_in("whoever", &[("uid", "a-1")]).await.is_ok());
    assert_eq!(world.sign_in("adam", &[]).await, Err(403));
    assert!(world.told().await.contains("refused: name_missing"));
    assert_eq!(world.sign_in("adam", &[("uid", "a-2")]).await, Err(403), "a login is no external id");
    assert!(world.told().await.contains("refused: person_unknown"));
}

#[tokio::test]
async fn the_other_sides_keys_roll_over() {
    let world = World::new(json!({"idpInitiated": true})).await;
    world.desk.user("adam").await;
    let nobody = Started { request: String::new(), relay: String::new(), cookie: String::new() };
    let by = |key: &str| world.answer("", "adam", None, &[], key);
    assert_eq!(world.post("", &by("idp-next"), &nobody).await.status, 403);
    for (keys, now, next) in [(&["idp", "idp-next"][..], 303, 303), (&["idp-next"], 403, 303)] {
        assert_eq!(world.set(json!({"metadata": metadata(keys)})).await.status, 200);
        assert_eq!(world.post("", &by("idp"), &nobody).await.status, now, "{keys:?}");
        assert_eq!(world.post("", &by("idp-next"), &nobody).await.status, next, "{keys:?}");
    }
    for (wrong, reason) in [
        (json!({"certificates": []}), "no_key"),
        (json!({"certificates": ["AAAA"]}), "unreadable_certificate"),
        (json!({"metadata": metadata(&[])}), "no_key"),
        (json!({"signOnUrl": "javascript:alert(1)"}), "location_not_allowed"),
        (json!({"signOnUrl": "http://idp.example.com/"}), "location_not_allowed"),
        (json!({"entityId": ""}), "invalid_entity_id"),
        (json!({"metadata": "<x/>"}), "not_metadata"),
    ] {
        let refused = world.set(wrong.clone()).await;
        let told = refused.body["error"]["message"].as_str().unwrap_or_default();
        assert!(refused.status == 400 && told.contains(reason), "{wrong}: {}", refused.text);
    }
    assert_eq!(world.set(json!({"nonsense": 1})).await.status, 400);
}

#[tokio::test]
async fn our_own_keys_roll_over_and_sign_requests() {
    let world = World::new(json!({"signRequests": true})).await;
    let keys = "/api/v1/tenants/default/saml/keys";
    let published = async || {
        let answer = world.desk.send(None, get("/saml/metadata", "")).await;
        assert_eq!(answer.headers["content-type"], "application/samlmetadata+xml; charset=utf-8");
        let now = world.desk.clock.now();
        let role = Metadata::parse(answer.text.as_bytes(), now).unwrap().service_provider.unwrap();
        assert_eq!(role.acs[0].location.as_str(), "https://sp.example.com/saml/acs");
        assert!(role.signs_requests && role.role.encryption.is_empty());
        role.role.keys().unwrap()
    };
    let signed_with = async || {
        let answer = world.desk.send(None, get("/saml/login", "")).await;
        answer.headers["location"].to_str().unwrap().strip_prefix(&format!("{SSO}?")).unwrap().to_owned()
    };
    let is_good = |query: &str, keys: Keys| {
        let app = ServiceProvider {
            entity_id: EntityId::parse("https://sp.example.com/saml/metadata").unwrap(),
            acs: vec![Acs {
                location: Location::parse("https://sp.example.com/saml/acs").unwrap(),
                index: 0,
                default: true,
            }],
            signature: RequestSignature::Required(keys),
        };
        let inbound = Inbound::from_query(query).unwrap();
        AuthnRequest::verify(&inbound, &app, &Location::parse(SSO).unwrap(), world.desk.clock.now()).is_ok()
    };
    let before = published().await;
    assert!(is_good(&signed_with().await, before.clone()));
    let next = world.desk.local("POST", keys, json!({})).await;
    assert_eq!((next.status, &next.body["state"]), (201, &json!("next")), "{}", next.text);
    assert!(!next.text.contains("PRIVATE"), "the private half is never shown");
    assert_eq!(world.desk.local("POST", keys, json!({})).await.status, 409, "one next key at a time");
    let both = published().await;
    assert!(is_good(&signed_with().await, both.clone()), "still the one before");
    // It is taken back, and another one made.
    let path = format!("/app/saml/keys/{}/remove", next.body["id"].as_str().unwrap());
    let mut owner = Browser::owner(&world.desk).await;
    let page = owner.get("/app/saml").await.text;
    assert!(page.contains(&path) && page.contains("It has signed nothing yet"), "{page}");
    assert_eq!(owner.post(&path, &[]).await.status, 303);
    assert_eq!(published().await, before);
    let next = world.desk.local("POST", keys, json!({})).await;
    let both = published().await;
    let id = next.body["id"].as_str().unwrap();
    assert_eq!(world.desk.local("POST", &format!("{keys}/{id}/promote"), json!({})).await.status, 200);
    let query = signed_with().await;
    assert!(is_good(&query, both) && !is_good(&query, before));
    assert_eq!(world.desk.local("DELETE", &format!("{keys}/{id}"), Value::Null).await.status, 404, "it signs");
    let all = world.desk.local("GET", keys, Value::Null).await.body["data"].clone();
    let old = all.as_array().unwrap().iter().find(|key| key["state"] == "old").unwrap()["id"].clone();
    let path = format!("{keys}/{}", old.as_str().unwrap());
    assert_eq!(world.desk.local("DELETE", &path, Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_form_is_as_large_as_the_limit_says_and_no_larger() {
    let world = World::new(json!({})).await;
    for (bytes, reason) in [
        (server::limits::SAML_FORM_BYTES_MAX, "message_too_large"),
        (server::limits::SAML_FORM_BYTES_MAX + 1, "malformed_form"),
    ] {
        let field = "A".repeat(bytes - "SAMLResponse=".len());
        let answer = world.desk.send(None, posted("/saml/acs", "", &[("SAMLResponse", &field)])).await;
        world.note(&answer);
        assert_eq!(answer.status, 403);
        let told = world.told().await;
        assert!(told.contains(reason), "{bytes}: {told}");
    }
}

#[tokio::test]
async fn logout_from_both_sides() {
    let world = World::new(json!({})).await;
    world.desk.user("adam").await;
    let sp = Location::parse("https://sp.example.com/saml/logout").unwrap();
    let (idp, us) = (EntityId::parse(IDP).unwrap(), EntityId::parse("https://sp.example.com/saml/metadata").unwrap());
    let key = signer::signing_key("idp");
    // Theirs: everything of Adam's ends, and they are told so.
    let cookie = world.sign_in("adam", &[]).await.unwrap();
    let name_id = NameId { value: "adam".into(), ..NameId::default() };
    let now = world.desk.clock.now();
    let message = LogoutMessage::Request { name_id: &name_id, session_index: Some("session1") };
    let request = NewLogout { id: "_l1", issuer: &idp, destination: &sp, message };
    let unsigned = request.redirect_url(Some("theirs"), &signer::signing_key("stranger"), now).unwrap();
    let path = |url: &str| url.strip_prefix(AT).unwrap().to_owned();
    assert_eq!(world.desk.send(None, get(&path(&unsigned), "")).await.status, 403);
    assert_eq!(world.me(&cookie).await.status, 200, "a stranger ends nothing");
    let url = request.redirect_url(Some("theirs"), &key, now).unwrap();
    let answer = world.desk.send(None, get(&path(&url), "")).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(world.me(&cookie).await.status, 401);
    let theirs = world.desk.send(None, get("/saml/metadata", "")).await;
    let keys = Metadata::parse(theirs.text.as_bytes(), now).unwrap().service_provider.unwrap().role.keys().unwrap();
    let peer = Peer { entity_id: us.clone(), keys, our_location: Location::parse(SLO).unwrap() };
    let back = answer.headers["location"].to_str().unwrap().strip_prefix(&format!("{SLO}?")).unwrap().to_owned();
    let inbound = Inbound::from_query(&back).unwrap();
    assert_eq!(inbound.relay_state(), Some("theirs"));
    assert!(LogoutResponse::verify(&inbound, &peer, "_l1", now).unwrap().success());
    // Once: an old message does not end the session that was begun since.
    let cookie = world.sign_in("adam", &[]).await.unwrap();
    let again = world.desk.send(None, get(&path(&url), "")).await;
    world.note(&again);
    assert_eq!((again.status, world.me(&cookie).await.status), (403, 200));
    assert!(world.told().await.contains("replayed"));
    // By a form as well.
    let request = NewLogout { id: "_l1b", ..request };
    let field = request.form_field(&key, now).unwrap();
    let answer = world.desk.send(None, posted("/saml/logout", "", &[("SAMLRequest", &field)])).await;
    assert_eq!((answer.status, world.me(&cookie).await.status), (303, 401), "{}", answer.text);
    // Ours: the person is out here at once, and the identity provider is told by a signed request.
    let cookie = world.sign_in("adam", &[]).await.unwrap();
    let page = world.me(&cookie).await.text;
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let sign_out = |token: &str, cookie: &str| {
        Request::builder()
            .method("POST")
            .uri("/me/sign-out")
            .header("host", "sp.example.com")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(Body::from(form(&[("csrf", token)])))
            .unwrap()
    };
    assert_eq!(world.desk.send(None, sign_out("wrong", &cookie)).await.status, 403);
    let answer = world.desk.send(None, sign_out(&token, &cookie)).await;
    assert_eq!((answer.status, world.me(&cookie).await.status), (200, 401), "{}", answer.text);
    let url = answer.text.split("0;url=").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let inbound = Inbound::from_query(url.strip_prefix(&format!("{SLO}?")).unwrap()).unwrap();
    let asked = LogoutRequest::verify(&inbound, &peer, now).unwrap();
    assert_eq!((asked.name_id().value.as_str(), asked.session_indexes()), ("adam", &["session1".to_owned()][..]));
    assert_eq!(inbound.kind(), Kind::Request);
    let message = LogoutMessage::Response { in_response_to: asked.id(), success: true };
    let done = NewLogout { id: "_l2", issuer: &idp, destination: &sp, message };
    let url = done.redirect_url(inbound.relay_state(), &key, now).unwrap();
    world.connect("default", json!({"id": "other"})).await;
    let elsewhere = Location::parse("https://sp.example.com/saml/logout/other").unwrap();
    let stray = NewLogout { destination: &elsewhere, ..done.clone() };
    let stray = stray.redirect_url(inbound.relay_state(), &key, now).unwrap();
    let answer = world.desk.send(None, get(&path(&stray), "")).await;
    assert_eq!(answer.status, 403, "an answer belongs to the connection that was asked by");
    let answer = world.desk.send(None, get(&path(&url), "")).await;
    assert!(answer.status == 200 && answer.text.contains("You are signed out"), "{}", answer.text);
    assert_eq!(world.desk.send(None, get(&path(&url), "")).await.status, 403, "an answer counts once");
}

/// The identity provider ends the session: the apps that were told of it are asked before it is answered.
#[tokio::test]
async fn the_apps_of_a_session_hear_that_the_identity_provider_ended_it() {
    let world = World::new(json!({})).await;
    let adam = world.desk.user("adam").await;
    with_chat(&world.desk, &adam).await;
    let key = signer::signing_key("idp");
    let (idp, us) = (EntityId::parse(IDP).unwrap(), EntityId::parse("https://sp.example.com/saml/metadata").unwrap());
    let sp = Location::parse("https://sp.example.com/saml/logout").unwrap();
    let now = world.desk.clock.now();
    let theirs = world.desk.send(None, get("/saml/metadata", "")).await;
    let keys = Metadata::parse(theirs.text.as_bytes(), now).unwrap().service_provider.unwrap().role.keys().unwrap();
    let peer = Peer { entity_id: us, keys, our_location: Location::parse(SLO).unwrap() };
    let name_id = NameId { value: "adam".into(), ..NameId::default() };
    let message = LogoutMessage::Request { name_id: &name_id, session_index: Some("session1") };
    for (id, agrees, is_here) in [("_p1", true, true), ("_p2", false, true), ("_p3", true, false)] {
        let cookie = world.sign_in("adam", &[]).await.unwrap();
        let mut browser = Browser::new(&world.desk);
        let (name, value) = cookie.split_once('=').unwrap();
        browser.cookies.insert(name.to_owned(), value.to_owned());
        assert_eq!(browser.get("/idp/chat/sso").await.status, 200);
        let request = NewLogout { id, issuer: &idp, destination: &sp, message: message.clone() };
        let url = request.redirect_url(Some("theirs"), &key, now).unwrap();
        if !is_here {
            browser.cookies.clear();
        }
        let first = browser.get(url.strip_prefix(AT).unwrap()).await;
        assert_eq!(world.me(&cookie).await.status, 401, "ended before anybody is asked");
        let page = follow(&mut browser, first).await;
        let last = if is_here {
            let (asked, relay) = asked_of_chat_at(AT, &world.desk, &page).await;
            let answer = chat_says_to(AT, &mut browser, ("idp", asked.id(), agrees), &relay, false).await;
            follow(&mut browser, answer).await
        } else {
            page
        };
        let back =
            last.location().strip_prefix(&format!("{SLO}?")).unwrap_or_else(|| panic!("{}", last.text)).to_owned();
        let inbound = Inbound::from_query(&back).unwrap();
        assert_eq!(inbound.relay_state(), Some("theirs"));
        let success = LogoutResponse::verify(&inbound, &peer, id, now).unwrap().success();
        assert_eq!(success, agrees && is_here, "{id}");
    }
}

/// Metadata that is asked for before anything is connected shows the key that signs later: whoever reads it then sets
/// single logout up with it. However many ask at once, it is one key.
#[tokio::test]
async fn our_metadata_shows_a_certificate_from_the_first_time_on() {
    let desk = Desk::at(AT);
    let made = desk.local("POST", "/api/v1/tenants", json!({"name": "acme"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (name, path) in [("default", "/saml/metadata"), ("acme", "/t/acme/saml/metadata/okta")] {
        let ask = || desk.send(None, get(path, ""));
        let both = tokio::join!(ask(), ask());
        let keys = format!("/api/v1/tenants/{name}/saml/keys");
        let known = desk.local("GET", &keys, Value::Null).await;
        let known = known.body["data"].as_array().unwrap();
        assert_eq!(known.len(), 1, "{known:?}");
        for answer in [&both.0, &both.1] {
            let read = Metadata::parse(answer.text.as_bytes(), desk.clock.now()).unwrap().service_provider.unwrap();
            assert!(!read.role.logout.is_empty() && read.role.keys().is_ok(), "{}", answer.text);
        }
        assert_eq!(both.0.text, both.1.text);
    }
}
