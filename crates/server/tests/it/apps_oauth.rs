//! OAuth 2 as the way in which an app is connected: the form, the test with its step about the token, what is saved, and the
//! same by the API.

use crate::authorization::{Authorization, CLIENT, SECRET, Says};
use crate::browser::Browser;
use crate::desk::Desk;
use serde_json::{Value, json};

const APP: &str = "/api/v1/tenants/default/apps/portal";
const PLACE: &str = "/app/apps/portal/provisioning/integration";

async fn ok(desk: &Desk, method: &str, path: &str, body: Value) -> Value {
    let answer = desk.local(method, path, body).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    answer.body
}

async fn portal(desk: &Desk) {
    ok(desk, "POST", "/api/v1/tenants/default/apps", json!({"name": "portal"})).await;
    ok(desk, "PATCH", APP, json!({"provisioning": true})).await;
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
    let oauth = json!({"tokenUrl": token_url, "clientId": CLIENT, "clientAuthentication": "basic", "scope": "scim users", "audience": ""});
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
