//! The issuing side of single logout: an app ends the session that it was told of, and no other.

use crate::browser::{Browser, Shown};
use crate::desk::Desk;
use crate::idp::{ACS, SP, choose_password, connection, desk, ready};
use crate::saml_bad::tenant;
use crate::signer::signing_key;
use saml::binding::Inbound;
use saml::logout::{LogoutMessage, LogoutRequest, LogoutResponse, NewLogout, Peer};
use saml::metadata::OurServiceProvider;
use saml::{EntityId, Location, Metadata, NameId, SigningKey, response};
use serde_json::{Value, json};
use store::LogQuery;

const AT: &str = "https://id.example";
const SLO: &str = "https://app.example/saml/logout";
const PATH: &str = "/api/v1/tenants/default/apps/wiki/saml";

/// An app that may end sessions, and Adam's directory id.
async fn with_logout(desk: &Desk, binding: &str) -> String {
    let id = ready(desk, true).await;
    let certificate = signing_key("sp").certificate().base64();
    let settings = json!({"requestCertificate": certificate, "logoutUrl": SLO, "logoutBinding": binding});
    let set = desk.local("PATCH", PATH, settings).await;
    assert_eq!(set.status, 200, "{}", set.text);
    id
}

/// What the app was told when somebody signed in to it: the name and the session.
async fn told(browser: &mut Browser<'_>) -> (NameId, String) {
    let field = browser.get("/idp/wiki/sso").await.between("name=\"SAMLResponse\" value=\"", "\"");
    let login = response::verify(&field, &connection(browser.desk).await, None, browser.desk.clock.now()).unwrap();
    (login.name_id().clone(), login.session_index().unwrap().to_owned())
}

/// The app asks, by redirect or by form.
#[derive(Clone, Copy)]
struct Ask<'a> {
    id: &'a str,
    name: &'a NameId,
    index: Option<&'a str>,
    key: &'a SigningKey,
}

impl Ask<'_> {
    async fn by(&self, browser: &mut Browser<'_>, is_form: bool) -> Shown {
        let (issuer, to) = (EntityId::parse(SP).unwrap(), Location::parse(&format!("{AT}/idp/wiki/slo")).unwrap());
        let message = LogoutMessage::Request { name_id: self.name, session_index: self.index };
        let new = NewLogout { id: self.id, issuer: &issuer, destination: &to, message };
        let now = browser.desk.clock.now();
        if is_form {
            let field = new.form_field(self.key, now).unwrap();
            return browser.post_bare("/idp/wiki/slo", &[("SAMLRequest", &field), ("RelayState", "theirs")]).await;
        }
        let url = new.redirect_url(Some("theirs"), self.key, now).unwrap();
        browser.get(url.strip_prefix(AT).unwrap()).await
    }
}

/// Whether the answer that comes by redirect says that the session ended.
async fn success(desk: &Desk, answer: &Shown, id: &str) -> bool {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let query = answer.location().strip_prefix(SLO).unwrap().strip_prefix('?').unwrap();
    let inbound = Inbound::from_query(query).unwrap();
    assert_eq!(inbound.relay_state(), Some("theirs"));
    LogoutResponse::verify(&inbound, &peer(desk).await, id, desk.clock.now()).unwrap().success()
}

/// We, as the app judges our answers.
async fn peer(desk: &Desk) -> Peer {
    let ours = connection(desk).await;
    Peer { entity_id: ours.identity_provider, keys: ours.keys, our_location: Location::parse(SLO).unwrap() }
}

/// What the log says of a request. The workers write what waits before they stop.
async fn reason(desk: &Desk, answer: &Shown) -> String {
    server::start_workers(&desk.app).stop().await;
    let (tenant, id) = (tenant(desk).await, answer.header("x-request-id"));
    let query = LogQuery { limit: 20, want_texts: true, ..LogQuery::default() };
    let entries = desk.app.store().read(move |r| r.log(tenant, &query)).await.unwrap();
    let found = entries.into_iter().find(|entry| entry.request_id == id);
    found.expect("an entry of this request").steps.unwrap_or_default()
}

#[tokio::test]
async fn an_app_ends_the_session_that_it_was_told_of() {
    let desk = desk();
    let id = with_logout(&desk, "redirect").await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let mut elsewhere = Browser::new(&desk);
    sign_in(&mut elsewhere).await;
    let (name, index) = told(&mut browser).await;
    let (key, stranger) = (signing_key("sp"), signing_key("stranger"));
    let ask = Ask { id: "_o1", name: &name, index: Some(&index), key: &key };
    // Nobody but the app, about nobody but the person that the session is of.
    let somebody = NameId { value: "eve@example.com".into(), ..name.clone() };
    for (ask, reason) in
        [(Ask { key: &stranger, ..ask }, "signature"), (Ask { name: &somebody, ..ask }, "somebody_else")]
    {
        for is_form in [false, true] {
            let answer = ask.by(&mut browser, is_form).await;
            assert!(answer.status == 403 && answer.text.contains("You are not signed out"), "{}", answer.text);
            let told = self::reason(&desk, &answer).await;
            assert!(told.contains(reason), "{reason}: {told}");
        }
    }
    assert_eq!(browser.get("/me").await.status, 200);
    // From another site, whose post brings no cookie along, the session ends that is named; the other one lives.
    let mut none = Browser { site: "cross-site", ..Browser::new(&desk) };
    let answer = ask.by(&mut none, true).await;
    assert!(success(&desk, &answer, "_o1").await);
    assert_eq!((browser.get("/me").await.status, elsewhere.get("/me").await.status), (401, 200));
    // Once: the same request again ends nothing, and another one hears that the session has ended.
    let again = ask.by(&mut browser, true).await;
    assert!(again.status == 403 && reason(&desk, &again).await.contains("replayed"), "{}", again.text);
    let answer = Ask { id: "_o2", ..ask }.by(&mut browser, false).await;
    assert!(success(&desk, &answer, "_o2").await);
    // Without a name for the session it is the browser's, and where there is none the app hears that nothing ended.
    let answer = Ask { id: "_o3", index: None, ..ask }.by(&mut none, true).await;
    assert!(!success(&desk, &answer, "_o3").await);
    assert_eq!(elsewhere.get("/me").await.status, 200);
    let answer = Ask { id: "_o4", index: None, ..ask }.by(&mut elsewhere, false).await;
    assert!(success(&desk, &answer, "_o4").await);
    assert_eq!(elsewhere.get("/me").await.status, 401);
}

async fn sign_in(browser: &mut Browser<'_>) {
    let fields = [("name", "adam@example.com"), ("password", crate::idp::PASSWORD)];
    assert!(browser.post_bare("/sign-in", &fields).await.text.contains("You are signed in"));
}

#[tokio::test]
async fn a_session_of_another_tenant_is_none() {
    let desk = desk();
    let id = with_logout(&desk, "redirect").await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let (name, index) = told(&mut browser).await;
    // The same app of another tenant, with the same key, knows the session by hearsay.
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "other"})).await.status, 201);
    let made = desk.local("POST", "/api/v1/tenants/other/apps", json!({"name": "wiki"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let settings = json!({
        "ssoUrl": ACS, "audience": SP, "requestCertificate": signing_key("sp").certificate().base64(), "logoutUrl": SLO,
    });
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/other/apps/wiki/saml", settings).await.status, 200);
    let (issuer, to) = (EntityId::parse(SP).unwrap(), Location::parse(&format!("{AT}/t/other/idp/wiki/slo")).unwrap());
    let message = LogoutMessage::Request { name_id: &name, session_index: Some(&index) };
    let new = NewLogout { id: "_o1", issuer: &issuer, destination: &to, message };
    let url = new.redirect_url(None, &signing_key("sp"), desk.clock.now()).unwrap();
    assert_eq!(browser.get(url.strip_prefix(AT).unwrap()).await.status, 303);
    assert_eq!(browser.get("/me").await.status, 200);
}

#[tokio::test]
async fn logout_is_offered_where_it_is_set_up() {
    let desk = desk();
    ready(&desk, true).await;
    let offered = async |desk: &Desk| {
        let metadata = desk.local("GET", "/idp/wiki/metadata", Value::Null).await.text;
        let read = Metadata::parse(metadata.as_bytes(), desk.clock.now()).unwrap();
        let logout = &read.identity_provider().unwrap().role.logout;
        logout.iter().map(|endpoint| endpoint.location.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(offered(&desk).await.is_empty());
    let mut browser = Browser::new(&desk);
    let key = signing_key("sp");
    let name = NameId { value: "adam@example.com".into(), ..NameId::default() };
    let answer = Ask { id: "_o1", name: &name, index: None, key: &key }.by(&mut browser, false).await;
    assert!(answer.status == 403 && answer.text.contains("is not set up"), "{}", answer.text);
    let without = desk.local("PATCH", PATH, json!({"logoutUrl": SLO})).await;
    assert!(without.status == 400 && without.text.contains("requestCertificate"), "{}", without.text);
    // The app's own metadata sets it up, with where answers go.
    let (entity, acs, slo) =
        (EntityId::parse(SP).unwrap(), Location::parse(ACS).unwrap(), Location::parse(SLO).unwrap());
    let theirs = OurServiceProvider {
        entity_id: &entity,
        acs: &[&acs],
        logout: Some(&slo),
        signing: &[key.certificate()],
        encryption: &[],
        signs_requests: true,
        name_id_formats: &[],
    };
    let xml = theirs.xml().unwrap();
    let read = desk.local("POST", &format!("{PATH}/metadata"), json!({"xml": xml})).await;
    assert_eq!(read.body["settings"]["logoutUrl"], SLO, "{}", read.text);
    assert_eq!(read.body["logoutUrl"], format!("{AT}/idp/wiki/slo"));
    assert_eq!(offered(&desk).await, vec![format!("{AT}/idp/wiki/slo"); 2]);
    // An answer by form goes to the app and nowhere else.
    assert_eq!(desk.local("PATCH", PATH, json!({"logoutBinding": "post"})).await.status, 200);
    let page = Ask { id: "_o2", name: &name, index: Some("gone"), key: &key }.by(&mut browser, true).await;
    assert!(page.header("content-security-policy").contains("form-action https://app.example"), "{}", page.text);
    let field = page.between("name=\"SAMLResponse\" value=\"", "\"");
    let inbound = Inbound::from_form(saml::binding::Kind::Response, &field, None).unwrap();
    assert!(LogoutResponse::verify(&inbound, &peer(&desk).await, "_o2", desk.clock.now()).unwrap().success());
    // In the console as well.
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app/apps/wiki/sign-on").await;
    for there in ["Identity Provider Single Logout URL", &format!("{AT}/idp/wiki/slo"), SLO] {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
    let form = owner.get("/app/apps/wiki/sign-on?edit=1").await;
    assert!(form.text.contains(&format!("name=\"logoutUrl\" type=\"url\" value=\"{SLO}\"")), "{}", form.text);
}

const CHAT: &str = "https://chat.example/saml/metadata";

/// A second app, which is asked at another address than it is answered at.
pub async fn with_chat(desk: &Desk, person: &str) {
    let made = desk.local("POST", "/api/v1/tenants/default/apps", json!({"name": "chat"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = "/api/v1/tenants/default/apps/chat";
    let assigned = desk.local("POST", &format!("{path}/assignments"), json!({"resource": person})).await;
    assert_eq!(assigned.status, 201, "{}", assigned.text);
    let settings = json!({
        "ssoUrl": "https://chat.example/acs", "audience": CHAT, "logoutUrl": "https://chat.example/heard",
        "logoutRequestUrl": "https://chat.example/asked",
        "requestCertificate": signing_key("idp").certificate().base64(),
    });
    let set = desk.local("PATCH", &format!("{path}/saml"), settings).await;
    assert_eq!(set.status, 200, "{}", set.text);
}

/// Follows redirects of our own; the page or the redirect to somebody else that it ends in.
pub async fn follow(browser: &mut Browser<'_>, mut shown: Shown) -> Shown {
    while shown.status == 303 && shown.location().starts_with('/') {
        let to = shown.location().to_owned();
        shown = browser.get(&to).await;
    }
    shown
}

/// What chat is asked by the page that leads there: the request, and the handle to answer with.
async fn asked_of_chat(desk: &Desk, page: &Shown) -> (LogoutRequest, String) {
    asked_of_chat_at(AT, desk, page).await
}

/// The same at a server of another address.
pub async fn asked_of_chat_at(at: &str, desk: &Desk, page: &Shown) -> (LogoutRequest, String) {
    let query = page.between("url=https://chat.example/asked?", "\"").replace("&amp;", "&");
    let inbound = Inbound::from_query(&query).unwrap();
    let metadata = desk.local("GET", "/idp/chat/metadata", Value::Null).await.text;
    let read = Metadata::parse(metadata.as_bytes(), desk.clock.now()).unwrap();
    let keys = read.identity_provider().unwrap().role.keys().unwrap();
    let our_location = Location::parse("https://chat.example/asked").unwrap();
    let peer = Peer { entity_id: EntityId::parse(&format!("{at}/idp/chat/metadata")).unwrap(), keys, our_location };
    (LogoutRequest::verify(&inbound, &peer, desk.clock.now()).unwrap(), inbound.relay_state().unwrap().to_owned())
}

/// Chat answers.
async fn chat_says(browser: &mut Browser<'_>, key: &str, id: &str, success: bool, relay: &str, is_form: bool) -> Shown {
    chat_says_to(AT, browser, (key, id, success), relay, is_form).await
}

/// The same to a server of another address.
pub async fn chat_says_to(
    at: &str,
    browser: &mut Browser<'_>,
    (key, id, success): (&str, &str, bool),
    relay: &str,
    is_form: bool,
) -> Shown {
    let (issuer, to) = (EntityId::parse(CHAT).unwrap(), Location::parse(&format!("{at}/idp/chat/slo")).unwrap());
    let message = LogoutMessage::Response { in_response_to: id, success };
    let new = NewLogout { id: "_c", issuer: &issuer, destination: &to, message };
    let (now, key) = (browser.desk.clock.now(), signing_key(key));
    if is_form {
        let field = new.form_field(&key, now).unwrap();
        return browser.post_bare("/idp/chat/slo", &[("SAMLResponse", &field), ("RelayState", relay)]).await;
    }
    let url = new.redirect_url(Some(relay), &key, now).unwrap();
    browser.get(url.strip_prefix(at).unwrap()).await
}

/// One app ends the session: the other is asked by its own name of the person, and the first hears whether it agreed.
#[tokio::test]
async fn the_other_apps_of_a_session_are_asked_before_the_app_is_answered() {
    let desk = desk();
    let id = with_logout(&desk, "redirect").await;
    with_chat(&desk, &id).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let key = signing_key("sp");
    for (round, (signer, agrees, is_form)) in
        [("idp", true, false), ("idp", false, true), ("stranger", true, false)].into_iter().enumerate()
    {
        if round > 0 {
            sign_in(&mut browser).await;
        }
        let (name, index) = told(&mut browser).await;
        assert_eq!(browser.get("/idp/chat/sso").await.status, 200);
        let request = format!("_o{round}");
        let ask = Ask { id: &request, name: &name, index: Some(&index), key: &key };
        let first = ask.by(&mut browser, is_form).await;
        assert_eq!(browser.get("/me").await.status, 401, "ended before anybody is asked");
        let page = follow(&mut browser, first).await;
        let (asked, relay) = asked_of_chat(&desk, &page).await;
        assert_eq!((asked.name_id().value.as_str(), asked.session_indexes()), ("adam@example.com", &[index][..]));
        let answer = chat_says(&mut browser, signer, asked.id(), agrees, &relay, is_form).await;
        let last = follow(&mut browser, answer).await;
        assert_eq!(success(&desk, &last, &request).await, agrees && signer == "idp", "{round}");
        // Once: the way is gone.
        let again = chat_says(&mut browser, "idp", asked.id(), true, &relay, false).await;
        assert!(again.status == 403 && reason(&desk, &again).await.contains("nobody_asked"), "{}", again.text);
    }
}

/// What an app calls the person is shown to nobody but the browser of the session, and who cannot be asked has not agreed.
#[tokio::test]
async fn apps_that_are_not_asked_make_a_partial_logout() {
    let desk = desk();
    let id = with_logout(&desk, "redirect").await;
    with_chat(&desk, &id).await;
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    let (name, index) = told(&mut browser).await;
    assert_eq!(browser.get("/idp/chat/sso").await.status, 200);
    let key = signing_key("sp");
    let mut none = Browser { site: "cross-site", ..Browser::new(&desk) };
    let first = Ask { id: "_n1", name: &name, index: Some(&index), key: &key }.by(&mut none, true).await;
    let last = follow(&mut none, first).await;
    assert!(!success(&desk, &last, "_n1").await);
    assert_eq!(browser.get("/me").await.status, 401);
    // An app that takes no requests.
    let off = json!({"logoutUrl": null, "logoutRequestUrl": null});
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/default/apps/chat/saml", off).await.status, 200);
    sign_in(&mut browser).await;
    let (name, index) = told(&mut browser).await;
    assert_eq!(browser.get("/idp/chat/sso").await.status, 200);
    let first = Ask { id: "_n2", name: &name, index: Some(&index), key: &key }.by(&mut browser, false).await;
    let last = follow(&mut browser, first).await;
    assert!(!success(&desk, &last, "_n2").await);
}

/// An application of OpenID Connect has somebody sign out: the apps of SAML are asked as well, then it goes on to the application.
#[tokio::test]
async fn an_application_that_signs_out_has_the_apps_asked_as_well() {
    let desk = desk();
    let id = with_logout(&desk, "redirect").await;
    with_chat(&desk, &id).await;
    let body = json!({"label": "Mail", "redirectUris": ["https://mail.example/cb"],
        "postLogoutRedirectUris": ["https://mail.example/bye"]});
    let client = desk.local("POST", "/api/v1/tenants/default/oidc/clients", body).await;
    let client = client.body["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&desk);
    choose_password(&mut browser, &id).await;
    for agrees in [true, false] {
        sign_in(&mut browser).await;
        assert_eq!(browser.get("/idp/chat/sso").await.status, 200);
        let asked = format!("client_id={client}&post_logout_redirect_uri=https%3A%2F%2Fmail.example%2Fbye&state=s");
        let question = browser.get(&format!("/oidc/logout?{asked}")).await;
        let csrf = question.between("name=\"csrf\" value=\"", "\"");
        let back = [("client_id", &*client), ("post_logout_redirect_uri", "https://mail.example/bye"), ("state", "s")];
        let fields: Vec<_> = back.into_iter().chain([("csrf", &*csrf)]).collect();
        let first = browser.post_bare("/oidc/logout", &fields).await;
        assert_eq!(browser.get("/me").await.status, 401, "ended before anybody is asked: {}", first.text);
        let page = follow(&mut browser, first).await;
        let (request, relay) = asked_of_chat(&desk, &page).await;
        let answer = chat_says(&mut browser, "idp", request.id(), agrees, &relay, false).await;
        let last = follow(&mut browser, answer).await;
        assert!(last.text.contains("0;url=https://mail.example/bye?state=s\""), "{}", last.text);
    }
    // Where no app was told, at once.
    sign_in(&mut browser).await;
    let question = browser.get(&format!("/oidc/logout?client_id={client}")).await;
    let csrf = question.between("name=\"csrf\" value=\"", "\"");
    let out = browser.post_bare("/oidc/logout", &[("client_id", &client), ("csrf", &csrf)]).await;
    assert!(out.text.contains("You are signed out") && browser.cookies.is_empty(), "{}", out.text);
}
