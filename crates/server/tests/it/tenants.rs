//! What belongs to one tenant is nothing to another: each route that names a thing, with each method, asked for the thing
//! of somebody else. The routes are found in the sources; a new kind of thing has to be furnished here.

use crate::browser::Browser;
use crate::desk::Desk;
use crate::routes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// In everything that the other tenant has.
const MARKER: &str = "zq9theirs";

/// A tenant with one of everything, and what each is called: by the segment in front of it in a path.
async fn furnish(desk: &Desk, name: &str) -> BTreeMap<&'static str, String> {
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": name})).await.status, 201);
    let api = format!("/api/v1/tenants/{name}");
    let scim = format!("/t/{name}/scim/v2");
    let made = |path: String, body: Value, what: &'static str| async move {
        let answer = desk.local("POST", &path, body).await;
        assert!(matches!(answer.status, 200..=202), "{path}: {}", answer.text);
        match &answer.body[what] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    };
    let login = format!("{MARKER}@x.test");
    let user = made(format!("{scim}/Users"), json!({"userName": login, "externalId": MARKER}), "id").await;
    let members = json!([{"value": user}]);
    let group = made(format!("{scim}/Groups"), json!({"displayName": MARKER, "members": members}), "id").await;
    let token = made(format!("{api}/tokens"), json!({"label": MARKER}), "id").await;
    let link = made(format!("{api}/setup-links"), json!({"label": MARKER}), "id").await;
    let job = made(format!("{api}/jobs"), json!({"kind": "activate", "ids": [user]}), "id").await;
    let file = crate::imports::upload(desk, name, &format!("userName\n{MARKER}\n")).await;
    let field = json!({"resourceType": "User", "attribute": {"name": MARKER, "type": "string"}});
    let attribute = made(format!("{api}/attributes"), field, "value").await;
    let field = json!({"resourceType": "User", "attribute": {"name": format!("{MARKER}Old"), "type": "string"}});
    let archived = made(format!("{api}/attributes"), field, "value").await;
    let put_away = desk.local("POST", &format!("{api}/attributes/{archived}/archive"), Value::Null).await;
    assert_eq!(put_away.status, 200, "{}", put_away.text);
    let kind = json!({"offered": "okta-role"});
    let kind = made(format!("{api}/resource-types"), kind, "name").await;
    let connection = json!({"id": "theirs", "label": MARKER, "metadata": crate::saml_sign_in::metadata(&["idp"])});
    let connection = made(format!("{api}/saml/connections"), connection, "id").await;
    let keys = desk.local("GET", &format!("{api}/saml/keys"), Value::Null).await;
    let key = keys.body["data"][0]["id"].as_str().unwrap().to_owned();
    let client = json!({"label": MARKER, "redirectUris": ["https://app.example/cb"]});
    let client = made(format!("{api}/oidc/clients"), client, "id").await;
    let signer = made(format!("{api}/oidc/keys"), Value::Null, "id").await;
    let app = made(format!("{api}/apps"), json!({"name": "theirs", "label": MARKER}), "name").await;
    made(format!("{api}/apps/theirs/assignments"), json!({"resource": user}), "id").await;
    made(format!("{api}/apps/theirs/push-groups"), json!({"group": group}), "id").await;
    let rule = made(format!("{api}/apps/theirs/push-rules"), json!({"name": ["equals", MARKER]}), "id").await;
    let run = made(format!("{api}/apps/theirs/runs"), json!({"kind": "import"}), "id").await;
    let config = json!({"apps": {"theirs": {"label": format!("{MARKER} planned")}}});
    let plan = made(format!("{api}/plans"), json!({"title": MARKER, "config": config}), "id").await;
    // A conflict, and an entry of the log.
    let taken = desk.local("POST", &format!("{scim}/Users"), json!({"userName": login})).await;
    assert_eq!(taken.status, 409);
    BTreeMap::from([
        ("users", user.clone()),
        ("groups", group.clone()),
        ("tokens", token),
        ("setup-links", link.clone()),
        ("links", link),
        ("jobs", job),
        ("imports", file),
        ("attributes", attribute),
        ("archived-attributes", archived),
        ("resource-types", kind),
        ("connections", connection),
        ("keys", key.clone()),
        ("tests", key),
        ("apps", "theirs".to_owned()),
        ("authorized", name.to_owned()),
        ("{tenant}", app.clone()),
        ("clients", client.clone()),
        ("oidc", client),
        ("oidc-keys", signer),
        ("apps", app),
        ("assignments", "user".to_owned()),
        ("{principal}", user.clone()),
        ("push-groups", group.clone()),
        ("push-rules", rule),
        ("plans", plan),
        ("runs", run.clone()),
        ("import", run.clone()),
        ("items", run),
        // The newest entry of the whole server, so there is none of that number in a tenant without entries.
        ("log", newest(desk, &api).await),
    ])
}

async fn newest(desk: &Desk, api: &str) -> String {
    let log = desk.local("GET", &format!("{api}/log"), Value::Null).await;
    log.body["data"][0]["seq"].to_string()
}

/// Everything that the API shows of a tenant, but for its log, which takes note of being read.
async fn state(desk: &Desk, tenant: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (method, path) in routes::api() {
        let named = path.matches('{').count();
        let is_log = path.ends_with("/log") || path.ends_with("/log-counts");
        if method != "GET" || !path.starts_with("/tenants/{tenant}") || named != 1 || is_log {
            continue;
        }
        let path = path.replace("{tenant}", tenant);
        let answer = desk.local("GET", &format!("/api/v1{path}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        all.push((path, answer.text));
    }
    assert!(all.len() > 8);
    all
}

/// The path with their things in the place of what varies.
fn theirs(path: &str, things: &BTreeMap<&'static str, String>) -> String {
    let mut out = Vec::new();
    let mut before = "";
    for part in path.split('/') {
        let thing = part.starts_with('{').then(|| match before {
            "tenants" => "one".to_owned(),
            _ => things.get(before).cloned().unwrap_or_else(|| {
                panic!(
                    "{path}: furnish a tenant with one of /{before}/ in tests/it/tenants.rs, and say what it is called"
                )
            }),
        });
        out.push(thing.unwrap_or_else(|| part.to_owned()));
        before = part;
    }
    out.join("/")
}

#[tokio::test]
async fn no_route_of_the_api_reaches_into_another_tenant() {
    let desk = Desk::new();
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "one"})).await.status, 201);
    let things = furnish(&desk, "two").await;
    let before = state(&desk, "two").await;
    let mut tried = 0;
    for (method, path) in routes::api() {
        if !path.starts_with("/tenants/{tenant}/") || path.matches('{').count() < 2 {
            continue;
        }
        let body = match (method, path.contains("/attributes/")) {
            ("PATCH", true) => json!({"name": MARKER, "type": "string"}),
            ("POST", true) => json!({"to": "up"}),
            ("PATCH", _) if path.contains("/tokens/") => json!({"disabled": true}),
            ("GET", _) => Value::Null,
            _ if path.contains("/roles") => json!({"roles": [MARKER]}),
            _ => json!({}),
        };
        let path = format!("/api/v1{}", theirs(&path, &things));
        let answer = desk.local(method, &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        let said = answer.text.replace(path.rsplit('/').next().unwrap(), "");
        assert!(!said.contains(MARKER), "{method} {path}: {}", answer.text);
        tried += 1;
    }
    assert!(tried >= 10, "{tried}");
    for (before, after) in before.iter().zip(state(&desk, "two").await) {
        assert_eq!(*before, after);
    }
}

#[tokio::test]
async fn no_page_of_the_console_shows_or_changes_another_tenants_things() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let things = furnish(&desk, "two").await;
    let before = state(&desk, "two").await;
    let everything = |id: &str| {
        let fields = [
            "active",
            "off",
            "name",
            "to",
            "add",
            "remove",
            "ids",
            "confirm",
            "asked",
            "label",
            "hours",
            "newest",
            "seq",
            "kind",
            "do",
            "redirect_uris",
            "groups",
            "email_verified",
            "enabled",
        ];
        fields.map(|field| match field {
            "active" | "off" | "enabled" => (field, "false".to_owned()),
            "add" | "remove" | "ids" => (field, id.to_owned()),
            "to" => (field, "technician".to_owned()),
            "hours" | "seq" => (field, "1".to_owned()),
            "kind" | "do" => (field, "delete".to_owned()),
            "confirm" => (field, format!("{MARKER}@x.test")),
            _ => (field, MARKER.to_owned()),
        })
    };
    let mut tried = 0;
    for route in routes::console() {
        // Operators, sessions and passkeys belong to the server and not to a tenant.
        if !route.path.contains('{') || !route.path.starts_with("/app/") || route.path.starts_with("/app/settings/") {
            continue;
        }
        if route.path == "/app/{*rest}" {
            continue;
        }
        let path = theirs(&route.path, &things);
        if route.gets {
            let page = owner.get(&path).await;
            assert_eq!(page.status, 404, "GET {path}");
            assert!(!page.text.contains(MARKER), "GET {path}: {}", page.text);
            tried += 1;
        }
        if route.posts {
            let id = path.split('/').nth(3).unwrap().to_owned();
            let fields = everything(&id);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = owner.post(&path, &fields).await;
            // A form may lead back to the page of the thing, which says what went wrong: there is none.
            let status = if page.status == 303 { owner.get(page.location()).await.status } else { page.status };
            assert_eq!(status, 404, "POST {path}: {} {}", page.status, page.location());
            tried += 1;
        }
    }
    // What names its things in the form.
    let conflict = format!("{MARKER}@x.test");
    for (path, id) in [
        ("/app/users/bulk", &things["users"]),
        ("/app/conflicts/dismiss", &conflict),
        ("/app/conflicts/recall", &conflict),
    ] {
        let fields = everything(id);
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("id", id));
        owner.post(path, &fields).await;
    }
    assert!(tried >= 20, "{tried}");
    for (before, after) in before.iter().zip(state(&desk, "two").await) {
        assert_eq!(*before, after);
    }
    for page in [
        "/app",
        "/app/users",
        "/app/groups",
        "/app/log",
        "/app/conflicts",
        "/app/jobs",
        "/app/fields",
        "/app/scim/tokens",
    ] {
        assert!(!owner.get(page).await.text.contains(MARKER), "{page}");
    }
}

/// The number that somebody else uses for a person is no id here, whatever it looks like.
#[tokio::test]
async fn an_external_id_is_never_an_id() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let first = desk.user("adam").await;
    for external in [first.as_str(), "1", "0", "null", "me", "../Users"] {
        let body = json!({"userName": format!("u-{external}"), "externalId": external});
        let made = desk.with(&token, "POST", "/scim/v2/Users", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_ne!(made.body["id"], external);
    }
    let read = desk.with(&token, "GET", &format!("/scim/v2/Users/{first}"), Value::Null).await;
    assert_eq!(read.body["userName"], "adam");
    for id in ["1", "0", "null", "u-1"] {
        assert_eq!(desk.with(&token, "GET", &format!("/scim/v2/Users/{id}"), Value::Null).await.status, 404, "{id}");
    }
}

/// What is no token is nobody, also where something is not set or is set to nothing.
#[tokio::test]
async fn nothing_is_a_token_but_a_token() {
    let desk = Desk::new();
    let owner = Browser::owner(&desk).await;
    let (token, id) = desk.token("default", json!({"label": "Okta"})).await;
    let cookie = owner.cookies.values().next().unwrap().clone();
    let hash = desk.local("GET", "/api/v1/tenants/default/tokens", Value::Null).await.text;
    for value in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        "Bearer null".into(),
        "Bearer undefined".into(),
        "Bearer pv_".into(),
        "Bearer pva_".into(),
        format!("Bearer {id}"),
        format!("Bearer {cookie}"),
        format!("Bearer {}", owner.token),
        format!("Bearer {token}x"),
        format!("Bearer x{token}"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},Bearer {token}"),
        format!("Basic {token}"),
        format!("Bearer {}", hash.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>()),
    ] {
        for path in ["/scim/v2/Users", "/api/v1/status"] {
            let request = axum::http::Request::builder().uri(path).header("authorization", &value);
            let answer = desk.send(None, request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 401, "{value} {path}: {}", answer.text);
        }
    }
    // Nor does a token open the console, or a session the endpoints.
    let request = axum::http::Request::builder().uri("/app").header("authorization", format!("Bearer {token}"));
    assert_eq!(desk.send(None, request.body(axum::body::Body::empty()).unwrap()).await.status, 303);
    for name in owner.cookies.keys() {
        let request = axum::http::Request::builder().uri("/app").header("cookie", format!("{name}={token}"));
        assert_eq!(desk.send(None, request.body(axum::body::Body::empty()).unwrap()).await.status, 303);
    }
    for path in ["/scim/v2/Users", "/api/v1/status"] {
        let request = owner.request("GET", path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(desk.send(None, request).await.status, 401, "{path}");
    }
}
