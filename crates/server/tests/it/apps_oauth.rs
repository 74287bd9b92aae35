//! OAuth 2 as the way in which an app is connected: the form, the test with its step about the token, what is saved, and the
//! same by the API.

use crate::authorization::{Authorization, CLIENT, SECRET, Says};
use crate::browser::{Browser, EMAIL};
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const APP: &str = "/api/v1/tenants/default/apps/portal";
const PLACE: &str = "/app/apps/portal/provisioning/integration";

async fn ok(desk: &Desk, method: &str, path: &str, body: Value) -> Value {
    let answer = desk.local(method, path, body).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    answer.body
}

async fn portal(desk: &Desk) {
    portal_of(desk, "default").await;
}

/// The app in a tenant; where it is asked for.
async fn portal_of(desk: &Desk, tenant: &str) -> String {
    let all = format!("/api/v1/tenants/{tenant}/apps");
    ok(desk, "POST", &all, json!({"name": "portal"})).await;
    let path = format!("{all}/portal");
    ok(desk, "PATCH", &path, json!({"provisioning": true})).await;
    path
}

#[tokio::test]
async fn the_form_asks_for_a_token_before_anything_is_saved() {
    let desk = Desk::that_calls_home();
    let server = Authorization::start().await;
    portal(&desk).await;
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("{PLACE}?edit=1")).await;
    for label in
        ["OAuth 2", "Token URL", "Client ID", "Client secret is sent", "client_secret_post", "Scope", "Audience"]
    {
        assert!(page.text.contains(label), "{label}: {}", page.text);
    }
    let (url, token_url) = (server.scim_url(), server.token_url());
    let fields = |token_url, secret| {
        [
            ("url", url.as_str()),
            ("unique", "userName"),
            ("mode", "oauth2"),
            ("token_url", token_url),
            ("client_id", CLIENT),
            ("client_auth", "basic"),
            ("scope", "  scim   users "),
            ("push_users", "1"),
            ("timeout", "30"),
            ("secret", secret),
        ]
    };
    let with =
        |token_url, secret, act, tested| [&fields(token_url, secret)[..], &[("do", act), ("tested", tested)]].concat();
    for (address, words) in [
        ("", "Give options.oauth.tokenUrl"),
        ("https://user:password@as.example/token", "no name and password in an address"),
        ("ldap://as.example", "only https addresses are called"),
    ] {
        let refused = owner.post(PLACE, &with(address, SECRET, "test", "")).await;
        assert!(refused.status == 422 && refused.text.contains(words), "{address}: {}", refused.text);
    }
    let wrong = owner.post(PLACE, &with(&token_url, "zq9-not-the-secret", "test", "")).await;
    assert!(wrong.text.contains("does not know the client") && wrong.text.contains("(PRV-2040)"), "{}", wrong.text);
    assert!(!wrong.text.contains(">Save<") && !wrong.text.contains("zq9-not"), "{}", wrong.text);
    assert!(!wrong.text.contains("Users can be read with it"), "nothing else is asked without a token");
    server.says(Says(429, Some("9"), ""));
    let busy = owner.post(PLACE, &with(&token_url, SECRET, "test", "")).await;
    assert!(busy.text.contains("asks for fewer requests"), "{}", busy.text);
    server.close(true);
    let closed = owner.post(PLACE, &with(&token_url, SECRET, "test", "")).await;
    assert!(closed.text.contains("the token that its authorization server gave"), "{}", closed.text.to_lowercase());
    server.close(false);
    let tested = owner.post(PLACE, &with(&token_url, SECRET, "test", "")).await;
    assert!(tested.text.contains("Connector configured successfully"), "{}", tested.text);
    assert!(
        tested.text.contains("<strong>Token</strong>") && tested.text.contains("good for 60 min"),
        "{}",
        tested.text
    );
    assert!(!tested.text.contains("zq9-"), "neither secret nor token is shown");
    let kept = tested.between("name=\"tested\" value=\"", "\"");
    let saved = owner.post(PLACE, &with(&token_url, "", "save", &kept)).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let shown = ok(&desk, "GET", APP, Value::Null).await;
    let oauth = json!({"tokenUrl": token_url, "clientId": CLIENT, "clientAuthentication": "basic", "scope": "scim users", "audience": "", "grant": "clientCredentials", "authorizeUrl": "", "revokeUrl": ""});
    assert_eq!((&shown["options"]["authentication"], &shown["options"]["oauth"]), (&json!("oauth2"), &oauth));
    let page = owner.get(PLACE).await;
    for told in ["Authorization server", "OAuth 2", CLIENT, "scim users", "client_secret_basic", ">Set<"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert_eq!(server.asked().last().unwrap()["scope"], "scim users");
    // What was typed for OAuth stays while another mode is tried and not saved.
    let mut other = with("", "", "test", "").to_vec();
    other[2].1 = "none";
    owner.post(PLACE, &other).await;
    assert_eq!(ok(&desk, "GET", APP, Value::Null).await["options"]["oauth"], oauth);
}

#[tokio::test]
async fn the_api_takes_settings_that_fit_and_shows_no_secret() {
    let desk = Desk::that_calls_home();
    let server = Authorization::start().await;
    portal(&desk).await;
    let change = |oauth: Value| json!({"connection": {"baseUrl": server.scim_url()}, "options": {"authentication": "oauth2", "oauth": oauth}});
    for (oauth, words) in [
        (json!({}), "options.oauth.tokenUrl"),
        (json!({"tokenUrl": server.token_url()}), "options.oauth.clientId"),
        (json!({"tokenUrl": server.token_url(), "clientId": CLIENT, "scope": "a\"b"}), "options.oauth.scope"),
        (json!({"tokenUrl": server.token_url(), "clientId": "a\nb"}), "options.oauth.clientId"),
        (json!({"tokenUrl": "http://user@as.example", "clientId": CLIENT}), "options.oauth.tokenUrl"),
        (json!({"revokeUrl": "javascript:alert(1)"}), "options.oauth.revokeUrl"),
        (json!({"revokeUrl": "https://user:zq9-x@as.example/revoke"}), "options.oauth.revokeUrl"),
        (json!({"clientSecret": SECRET}), "no setting options.oauth.clientSecret"),
        (json!({"clientAuthentication": "jwt"}), "clientAuthentication"),
    ] {
        let refused = desk.local("PATCH", APP, change(oauth.clone())).await;
        assert!(refused.status == 400 && !refused.text.contains("zq9-"), "{oauth}: {}", refused.text);
        let detail = refused.text.contains(words) || words == "clientAuthentication" && refused.text.contains("jwt");
        assert!(detail, "{oauth}: {}", refused.text);
    }
    ok(&desk, "PATCH", APP, change(json!({"tokenUrl": server.token_url(), "clientId": CLIENT, "audience": "portal"})))
        .await;
    ok(&desk, "PUT", &format!("{APP}/credential"), json!({"secret": SECRET})).await;
    let tested = desk.local("POST", &format!("{APP}/test"), json!({})).await;
    let steps: Vec<Value> = tested.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let token = steps.iter().find(|step| step["step"] == "token").unwrap();
    assert!(token["fine"] == true && token["said"].as_str().unwrap().contains("60 min"), "{token}");
    assert_eq!(server.asked()[0]["audience"], "portal");
    let config = ok(&desk, "GET", "/api/v1/tenants/default/config", Value::Null).await;
    assert_eq!(config["apps"]["portal"]["options"]["oauth"]["clientId"], CLIENT);
    assert_eq!(config["apps"]["portal"]["credential"], "portal");
    let there = ok(&desk, "POST", "/api/v1/tenants/default/config/diff", json!({"config": config})).await;
    assert_eq!(there["steps"], json!([]), "the document means what is there");
    let copy = ok(&desk, "POST", &format!("{APP}/duplicate"), json!({"name": "portal-two"})).await;
    let left = &copy["options"]["oauth"];
    assert_eq!((&left["tokenUrl"], &left["clientId"], &left["audience"]), (&json!(""), &json!(""), &json!("portal")));
    ok(&desk, "PATCH", "/api/v1/tenants/default/apps/portal-two", json!({"label": "Second"})).await;
    assert!(!format!("{} {config} {there} {copy}", tested.text).contains("zq9-"));
}

/// The form of an app whose tokens somebody has to agree to.
struct Agreed {
    server: Authorization,
    url: String,
    token_url: String,
    authorize_url: String,
}

impl Agreed {
    async fn new() -> Self {
        let server = Authorization::start().await;
        let (url, token_url) = (server.scim_url(), server.token_url());
        let authorize_url = format!("{}/authorize?prompt=consent#top", server.url);
        Self { server, url, token_url, authorize_url }
    }

    fn form<'f>(&'f self, secret: &'f str, act: &'f str, tested: &'f str) -> Vec<(&'f str, &'f str)> {
        vec![
            ("url", self.url.as_str()),
            ("unique", "userName"),
            ("mode", "oauth2"),
            ("grant", "authorizationCode"),
            ("authorize_url", self.authorize_url.as_str()),
            ("token_url", self.token_url.as_str()),
            ("client_id", CLIENT),
            ("client_auth", "post"),
            ("scope", "scim offline_access"),
            ("push_users", "1"),
            ("timeout", "30"),
            ("secret", secret),
            ("do", act),
            ("tested", tested),
        ]
    }

    /// Where a page leads to the authorization server.
    fn address(&self, page: &str) -> String {
        let begin = format!("href=\"{}/authorize", self.server.url);
        let at = page.find(&begin).unwrap_or_else(|| panic!("{page}"));
        page[at..].split('"').nth(1).unwrap().replace("&amp;", "&")
    }

    /// Where the browser comes back to from there.
    fn back(&self, address: &str, agrees: bool) -> String {
        let back = self.server.agree(address, agrees);
        back[back.find("/app/").unwrap()..].to_owned()
    }
}

const STRANGER: &str = "This is not the answer to what was begun here";

#[tokio::test]
async fn somebody_authenticates_in_a_browser_and_it_is_saved_when_it_was_tested() {
    let desk = Desk::that_calls_home();
    let there = Agreed::new().await;
    let server = &there.server;
    portal(&desk).await;
    let mut owner = Browser::owner(&desk).await;
    let form = owner.get(&format!("{PLACE}?edit=1")).await;
    let redirect = form.between("id=\"redirect\" type=\"text\" readonly value=\"", "\"");
    assert!(redirect.ends_with("/app/authorized/default/portal"), "{redirect}");
    assert!(form.text.contains("Copy Redirect URI"), "{}", form.text);
    for (name, value, words) in [
        ("authorize_url", "", "ive options.oauth.authorizeUrl"),
        ("authorize_url", "javascript:alert(1)", "ptions.oauth.authorizeUrl: "),
        ("grant", "password", "password"),
    ] {
        let mut fields = there.form(SECRET, "authenticate", "");
        fields.iter_mut().filter(|field| field.0 == name).for_each(|field| field.1 = value);
        let refused = owner.post(PLACE, &fields).await;
        assert!(refused.status == 422 && refused.text.contains(words), "{value}: {}", refused.text);
        assert!(!refused.text.contains("zq9-"), "{}", refused.text);
    }
    let page = owner.post(PLACE, &there.form(SECRET, "test", "")).await;
    assert!(page.text.contains("nobody has authenticated it there"), "{}", page.text);

    // Not agreed to: the form is as it was, and the secret need not be typed again.
    let asked = owner.post(PLACE, &there.form(SECRET, "authenticate", "")).await;
    assert!(asked.status == 200 && !asked.text.contains("zq9-"), "{}", asked.text);
    let address = there.address(&asked.text);
    assert!(address.contains("?prompt=consent&response_type=code") && !address.contains('#'), "{address}");
    assert!(address.contains(&format!("redirect_uri={}", crate::browser::encoded(&redirect))), "{address}");
    let denied = owner.get(&there.back(&address, false)).await;
    assert_eq!((denied.status, denied.location()), (303, "/app/apps/portal/provisioning/integration?edit=again"));
    let page = owner.get(denied.location()).await;
    assert!(page.text.contains("It was not agreed to (access_denied): “Not today” (PRV-2041)"), "{}", page.text);
    assert!(page.text.contains("offline_access\"") && !page.text.contains("gave a token"), "{}", page.text);

    // A stranger's answer, another session's, the same twice, one that is too late: nothing is taken.
    let asked = owner.post(PLACE, &there.form("", "authenticate", "")).await;
    let good = there.back(&there.address(&asked.text), true);
    let mut other = Browser::invited(&mut owner, "other@example.com", "admin").await;
    let mut auditor = Browser::invited(&mut owner, "eyes@example.com", "auditor").await;
    assert_eq!(auditor.get(&good).await.status, 403);
    owner.get(&good.replace("state=", "state=x")).await;
    other.get(&good).await;
    for browser in [&mut owner, &mut other] {
        assert!(browser.get(PLACE).await.text.contains(STRANGER));
    }
    desk.clock.advance(15 * 60 * SECOND + 1);
    owner.get(&good).await;
    assert!(owner.get(PLACE).await.text.contains(STRANGER), "it is too late");
    assert_eq!(server.asked().len(), 0, "no code was exchanged");
    let asked = owner.post(PLACE, &there.form(SECRET, "authenticate", "")).await;
    let good = there.back(&there.address(&asked.text), true);
    let came = owner.get(&good).await;
    assert_eq!((came.status, came.location()), (303, "/app/apps/portal/provisioning/integration?edit=again"));
    let page = owner.get(came.location()).await;
    assert!(page.text.contains("The authorization server gave a token"), "{}", page.text);
    owner.get(&good).await;
    assert!(owner.get(PLACE).await.text.contains(STRANGER), "it is taken once");
    assert_eq!(
        ok(&desk, "GET", APP, Value::Null).await["granted"],
        Value::Null,
        "nothing is saved before it is tested"
    );

    let tested = owner.post(PLACE, &there.form("", "test", "")).await;
    assert!(tested.text.contains("Connector configured successfully"), "{}", tested.text);
    let kept = tested.between("name=\"tested\" value=\"", "\"");
    assert_eq!(owner.post(PLACE, &there.form("", "save", &kept)).await.status, 303);
    assert_eq!(server.asked().len(), 1, "what was given is used, and nothing else asked for");
    let shown = ok(&desk, "GET", APP, Value::Null).await;
    assert_eq!((&shown["granted"]["by"], &shown["granted"]["lostAt"]), (&json!(EMAIL), &Value::Null));
    assert_eq!(shown["options"]["oauth"]["grant"], "authorizationCode");
    let page = owner.get(PLACE).await;
    assert!(page.text.contains(">Authenticated<") && page.text.contains(EMAIL), "{}", page.text);
    let seen = auditor.get(PLACE).await;
    assert!(seen.text.contains(">Authenticated<"), "{}", seen.text);
    assert!(!seen.text.contains("Authenticate with") && !seen.text.contains("Forget"), "{}", seen.text);
    for act in ["again", "forget", "authenticate"] {
        assert_eq!(auditor.post(PLACE, &[("do", act)]).await.status, 403);
    }
    // Renewed by the refresh token, which is another one each time.
    for number in 2..4 {
        server.revoke();
        let tested = desk.local("POST", &format!("{APP}/test"), json!({})).await;
        assert!(tested.text.lines().last().unwrap().contains("true"), "{}", tested.text);
        assert!(server.refreshes_with(number));
    }
    // A second one was begun between the test and Save: what is saved is what was tested, or nothing.
    let tested = owner.post(PLACE, &there.form(SECRET, "test", "")).await;
    assert!(tested.text.contains("Connector configured successfully"), "a new secret goes with what is there");
    let asked = owner.post(PLACE, &there.form("", "authenticate", "")).await;
    owner.get(&there.back(&there.address(&asked.text), true)).await;
    let tested = owner.post(PLACE, &there.form("", "test", "")).await;
    let kept = tested.between("name=\"tested\" value=\"", "\"");
    owner.post(PLACE, &there.form("", "authenticate", "")).await;
    let late = owner.post(PLACE, &there.form("", "save", &kept)).await;
    assert!(late.status == 422 && late.text.contains("authenticate again"), "{}", late.text);
    let all = [&shown.to_string(), &page.text, &seen.text, &tested.text, &late.text];
    assert!(all.iter().all(|text| !text.contains("zq9-")), "{all:?}");
}

#[tokio::test]
async fn what_is_stored_is_authenticated_again_and_forgotten() {
    let desk = Desk::that_calls_home();
    let there = Agreed::new().await;
    let server = &there.server;
    portal(&desk).await;
    let mut owner = Browser::owner(&desk).await;
    let early = desk.local("POST", &format!("{APP}/grant"), json!({})).await;
    assert!(early.status == 400 && early.text.contains("nobody has to authenticate this app"), "{}", early.text);
    let oauth = json!({"grant": "authorizationCode", "authorizeUrl": there.authorize_url, "tokenUrl": there.token_url, "clientId": CLIENT});
    let change = json!({"connection": {"baseUrl": there.url}, "options": {"authentication": "oauth2", "oauth": oauth}});
    ok(&desk, "PATCH", APP, change).await;
    ok(&desk, "PUT", &format!("{APP}/credential"), json!({"secret": SECRET})).await;
    let page = owner.get(PLACE).await;
    assert!(page.text.contains("Not authenticated") && page.text.contains("Authenticate with portal"), "{}", page.text);
    assert!(!page.text.contains(">Forget<"), "{}", page.text);
    // In the console, and by the API: whoever may change the app brings the answer, at any desk.
    let asked = owner.post(PLACE, &[("do", "again")]).await;
    let came = owner.get(&there.back(&there.address(&asked.text), true)).await;
    assert_eq!((came.status, came.location()), (303, PLACE));
    let begun = ok(&desk, "POST", &format!("{APP}/grant"), json!({})).await;
    assert!(begun["redirectUri"].as_str().unwrap().ends_with("/app/authorized/default/portal"), "{begun}");
    let mut other = Browser::invited(&mut owner, "other@example.com", "admin").await;
    let good = there.back(begun["address"].as_str().unwrap(), true);
    other.get(&good.replace("state=", "state=x")).await;
    assert!(other.get(PLACE).await.text.contains(STRANGER));
    other.get(&good).await;
    let page = other.get(PLACE).await;
    assert!(
        page.text.contains("Authenticated with portal") && page.text.contains("other@example.com"),
        "{}",
        page.text
    );
    assert_eq!(server.asked().len(), 2);
    // It was changed while somebody was away.
    ok(&desk, "PATCH", APP, json!({"options": {"oauth": {"clientId": "another"}}})).await;
    ok(&desk, "PATCH", APP, json!({"options": {"oauth": {"clientId": CLIENT}}})).await;
    let begun = ok(&desk, "POST", &format!("{APP}/grant"), json!({})).await;
    ok(&desk, "PATCH", APP, json!({"options": {"oauth": {"scope": "scim"}}})).await;
    owner.get(&there.back(begun["address"].as_str().unwrap(), true)).await;
    let page = owner.get(PLACE).await;
    assert!(page.text.contains("were changed meanwhile") && page.text.contains("Not authenticated"), "{}", page.text);
    assert_eq!(server.asked().len(), 2, "and no code was exchanged for it");
    let begun = ok(&desk, "POST", &format!("{APP}/grant"), json!({})).await;
    owner.get(&there.back(begun["address"].as_str().unwrap(), true)).await;
    // What the server takes back is to be done again, and said so.
    server.take_back();
    let tested = desk.local("POST", &format!("{APP}/test"), json!({})).await;
    assert!(tested.text.contains("authenticate again") && tested.text.contains("PRV-2041"), "{}", tested.text);
    assert!(owner.get(PLACE).await.text.contains(">Authenticate again<"));
    assert!(ok(&desk, "GET", APP, Value::Null).await["granted"]["lostAt"].is_string());
    // A copy has none of it.
    let copy = ok(&desk, "POST", &format!("{APP}/duplicate"), json!({"name": "portal-two"})).await;
    assert_eq!((&copy["granted"], &copy["options"]["oauth"]["authorizeUrl"]), (&Value::Null, &json!("")));
    let page = owner.get(PLACE).await;
    assert!(page.text.contains("<summary class=\"button\">Forget</summary>"), "{}", page.text);
    assert_eq!(owner.post(PLACE, &[("do", "forget")]).await.status, 303);
    assert_eq!(ok(&desk, "GET", APP, Value::Null).await["granted"], Value::Null);
    assert_eq!(ok(&desk, "DELETE", &format!("{APP}/grant"), Value::Null).await, json!({"forgotten": false}));
    let trail = ok(&desk, "GET", "/api/v1/audit?limit=100", Value::Null).await;
    let lines: Vec<String> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            format!("{} {} {}", line["action"].as_str().unwrap(), line["object"].as_str().unwrap(), line["detail"])
        })
        .collect();
    let object = "default/app/portal";
    for line in [
        format!("grant.keep {object} {{\"clientId\":\"{CLIENT}\"}}"),
        format!("grant.forget {object} {{\"why\":\"changed\"}}"),
        format!("grant.forget {object} {{\"why\":\"asked\"}}"),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("grant.begin")) && !trail.to_string().contains("zq9-"));
}

const FINE: Says = Says(200, None, "");

/// An app that somebody agrees for, again and again.
struct Granted<'d> {
    desk: &'d Desk,
    there: &'d Agreed,
    owner: Browser<'d>,
    /// As the audit trail calls it.
    object: String,
    path: String,
}

impl<'d> Granted<'d> {
    async fn new(desk: &'d Desk, there: &'d Agreed, (tenant, authentication): (&str, &str)) -> Self {
        let path = portal_of(desk, tenant).await;
        let oauth = json!({"grant": "authorizationCode", "authorizeUrl": there.authorize_url, "tokenUrl": there.token_url,
            "clientId": CLIENT, "clientAuthentication": authentication, "revokeUrl": there.server.revoke_url()});
        let options = json!({"authentication": "oauth2", "oauth": oauth});
        ok(desk, "PATCH", &path, json!({"connection": {"baseUrl": there.url}, "options": options})).await;
        ok(desk, "PUT", &format!("{path}/credential"), json!({"secret": SECRET})).await;
        Self { desk, there, owner: Browser::owner(desk).await, object: format!("{tenant}/app/portal"), path }
    }

    async fn change(&self, oauth: Value) -> Value {
        ok(self.desk, "PATCH", &self.path, json!({"options": {"oauth": oauth}})).await
    }

    async fn authenticate(&mut self) {
        let begun = ok(self.desk, "POST", &format!("{}/grant", self.path), json!({})).await;
        self.owner.get(&self.there.back(begun["address"].as_str().unwrap(), true)).await;
        assert!(self.granted().await.is_object());
    }

    async fn granted(&self) -> Value {
        ok(self.desk, "GET", &self.path, Value::Null).await["granted"].clone()
    }

    /// What the audit trail says last of it.
    async fn noted(&self) -> Option<Value> {
        let trail = ok(self.desk, "GET", "/api/v1/audit?limit=20", Value::Null).await;
        let mut all = trail["data"].as_array().unwrap().iter();
        let line = all.find(|line| line["action"] == "grant.revoke" && line["object"] == self.object.as_str());
        line.map(|line| line["detail"].clone())
    }
}

#[tokio::test]
async fn what_is_forgotten_is_revoked_or_said_to_be_good_yet() {
    let desk = Desk::that_calls_home();
    let there = Agreed::new().await;
    let server = &there.server;
    let mut app = Granted::new(&desk, &there, ("default", "basic")).await;
    let dead = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/revoke", listener.local_addr().unwrap())
    };
    let right = server.revoke_url();
    let echo = r#"{"error":"invalid_client","error_description":"not with zq9-client-secret/with:odd&signs, zq9-refresh-token-5"}"#;
    let unsupported = r#"{"error":"unsupported_token_type"}"#;
    let both = &["refresh_token", "access_token"][..];
    let refresh = &both[..1];
    for (url, says, hints, revoked, words) in [
        (&right, &[FINE, FINE][..], both, true, "forgotten here and revoked at the authorization server"),
        (&right, &[FINE, Says(400, None, unsupported)], both, true, "end by itself, in 6"),
        (&right, &[FINE, Says(500, None, "")], both, false, "the access token may be good yet, because"),
        (&right, &[Says(503, Some("7"), "")], refresh, false, "asks to wait (503): revoke it there"),
        (&right, &[Says(401, None, echo)], refresh, false, "(invalid_client, 401): “not with (credential)"),
        (&right, &[Says(404, None, "<html>")], refresh, false, "no revocation endpoint"),
        (&right, &[Says(302, None, "")], refresh, false, "sends elsewhere"),
        (&dead, &[], &[], false, "the authorization server did not answer"),
        (&String::new(), &[], &[], false, "was not told, because there is no revocation URL"),
    ] {
        app.change(json!({"revokeUrl": url})).await;
        app.authenticate().await;
        for one in says {
            server.revokes_not(one.clone());
        }
        let answer = ok(&desk, "DELETE", &format!("{APP}/grant"), Value::Null).await;
        let told = &answer["revocation"];
        assert!(answer["forgotten"] == true && told["revoked"] == revoked, "{answer}");
        let said = told["said"].as_str().unwrap();
        assert!(said.starts_with("forgotten here") && said.contains(words), "{words}: {said}");
        assert_eq!((app.noted().await.as_ref(), app.granted().await), (Some(told), Value::Null));
        assert!(!answer.to_string().contains("zq9-"), "{answer}");
        let asked = server.revoked();
        assert_eq!(asked.iter().map(|(hint, _)| hint.as_str()).collect::<Vec<_>>(), hints, "{words}");
        for (hint, token) in &asked {
            assert!(token.starts_with(&format!("zq9-{}-", hint.replace('_', "-"))), "{hint} {token}");
        }
    }
    assert_eq!(ok(&desk, "DELETE", &format!("{APP}/grant"), Value::Null).await, json!({"forgotten": false}));
    // It is forgotten before the server has answered, and the token that ended by itself is not told.
    app.change(json!({"revokeUrl": right})).await;
    app.authenticate().await;
    desk.clock.advance(3_600 * SECOND);
    let held = server.hold();
    let path = format!("{APP}/grant");
    let (answer, ()) = tokio::join!(ok(&desk, "DELETE", &path, Value::Null), async {
        while app.granted().await != Value::Null {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        held.notify_one();
    });
    assert_eq!(answer["revocation"]["revoked"], true, "{answer}");
    assert_eq!(server.revoked().iter().map(|(hint, _)| hint.as_str()).collect::<Vec<_>>(), refresh);
}

#[tokio::test]
async fn whatever_makes_a_grant_void_has_it_revoked_where_it_was_given() {
    let desk = Desk::that_calls_home();
    let there = Agreed::new().await;
    let server = &there.server;
    let mut app = Granted::new(&desk, &there, ("default", "post")).await;
    let right = json!({"clientId": CLIENT, "tokenUrl": there.token_url, "revokeUrl": server.revoke_url()});
    for (change, is_void) in [
        (json!({"clientId": "another"}), true),
        (json!({"tokenUrl": format!("{}/2", there.token_url), "revokeUrl": "https://else.example/revoke"}), true),
        // Nobody has what is kept sent to a server that was none of this when somebody agreed.
        (json!({"revokeUrl": "https://else.example/revoke"}), true),
        (json!({"revokeUrl": format!("{}/elsewhere", server.url)}), false),
        (json!({"revokeUrl": ""}), false),
        (json!({"scope": "scim"}), false),
    ] {
        app.change(right.clone()).await;
        app.authenticate().await;
        server.revoked();
        let changed = app.change(change.clone()).await;
        let told = if is_void { json!(true) } else { Value::Null };
        assert_eq!((&changed["revocation"]["revoked"], changed["granted"].is_null()), (&told, is_void), "{change}");
        assert_eq!(server.revoked().len(), if is_void { 2 } else { 0 }, "{change}");
    }
    app.change(right.clone()).await;
    // In the console: the button, the form, and the app's end.
    app.authenticate().await;
    let page = app.owner.get(PLACE).await;
    assert!(page.text.contains("Revocation URL") && page.text.contains("asked to revoke it"), "{}", page.text);
    server.revoked();
    server.revokes_not(Says(503, Some("7"), ""));
    app.owner.post(PLACE, &[("do", "forget")]).await;
    let page = app.owner.get(PLACE).await;
    let words = "Forgotten here; the authorization server asks to wait (503): revoke it there";
    assert!(page.text.contains(words) && page.text.contains("Not authenticated"), "{}", page.text);
    app.authenticate().await;
    server.revoked();
    let mut fields = there.form(SECRET, "test", "");
    fields.retain(|(name, _)| !matches!(*name, "grant" | "authorize_url" | "scope"));
    fields.push(("grant", "clientCredentials"));
    let tested = app.owner.post(PLACE, &fields).await;
    let kept = tested.between("name=\"tested\" value=\"", "\"");
    for (name, value) in &mut fields {
        match *name {
            "secret" => *value = "",
            "do" => *value = "save",
            "tested" => *value = &kept,
            _ => {}
        }
    }
    let saved = app.owner.post(PLACE, &fields).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let page = app.owner.get(saved.location()).await;
    assert!(page.text.contains("What was authenticated is forgotten here and revoked"), "{}", page.text);
    assert_eq!(server.revoked().len(), 2);
    let options =
        json!({"grant": "authorizationCode", "authorizeUrl": there.authorize_url, "revokeUrl": server.revoke_url()});
    app.change(options).await;
    app.authenticate().await;
    let gone = ok(&desk, "DELETE", APP, Value::Null).await;
    assert_eq!((&gone["deleted"], &gone["revocation"]["revoked"]), (&json!("portal"), &json!(true)));
    assert_eq!(server.revoked().len(), 2);
}

#[tokio::test]
async fn a_tenants_end_is_told_where_somebody_agreed_for_its_apps() {
    let desk = Desk::that_calls_home();
    let there = Agreed::new().await;
    ok(&desk, "POST", "/api/v1/tenants", json!({"name": "leaving"})).await;
    let mut app = Granted::new(&desk, &there, ("leaving", "basic")).await;
    app.owner.post("/console/tenant", &[("tenant", "leaving")]).await;
    app.authenticate().await;
    // Nobody waits for the servers: the tenant is gone while this one has not answered.
    let held = there.server.hold();
    ok(&desk, "DELETE", "/api/v1/tenants/leaving", Value::Null).await;
    assert_eq!(desk.local("GET", &app.path, Value::Null).await.status, 404);
    assert_eq!(app.noted().await, None);
    there.server.let_go();
    held.notify_one();
    let mut noted = None;
    for _ in 0..1_000 {
        noted = app.noted().await;
        if noted.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(noted.expect("it is told")["revoked"], true);
    let asked = there.server.revoked();
    assert_eq!(asked.iter().map(|(hint, _)| hint.as_str()).collect::<Vec<_>>(), ["refresh_token", "access_token"]);
}
