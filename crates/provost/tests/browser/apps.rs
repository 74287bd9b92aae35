//! The pages of apps, furnished: an application with people, a task, held work, scans; in both colours, at every width,
//! and small.

use crate::gates::{judge, judge_all, judge_here, judge_of, small};
use crate::harness::{ENTERPRISE, Server, Tenant, id};
use crate::visit::Visit;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const APP: &str = "/tenants/default/apps/serviceops-scim";
const PLACE: &str = "/app/apps/serviceops-scim";
const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn post(server: &Server, path: &str, body: &Value) -> Value {
    let answer = server.admin("POST", path, Some(body));
    assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
    answer.json()
}

fn until(server: &Server, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let found = server.admin("GET", path, None).json();
        if fits(&found) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{path}: {found}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn rows(found: &Value) -> &[Value] {
    found["data"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn people(directory: &Tenant<'_>) -> Vec<String> {
    let person = |name: &str, centre: &str| {
        let login = format!("{}@example.com", name.to_lowercase());
        let more = json!({
            "name": {"givenName": name, "familyName": "Kay"}, "displayName": format!("{name} Kay"),
            "emails": [{"value": login, "type": "work", "primary": true}],
            ENTERPRISE: {"manager": {"value": "bea@example.com"}}, CUSTOM: {"costCentre": centre},
        });
        id(&directory.user(&login, more)).to_owned()
    };
    [("Bea", "4711"), ("Adam", "4711"), ("Carl", "4711-does-not-fit"), ("Dora", "0815")]
        .map(|(name, centre)| person(name, centre))
        .into()
}

/// The app with its connection, two attributes of its own, and a brake that holds every leaver.
fn app(server: &Server, application: &Tenant<'_>) {
    post(
        server,
        "/tenants/default/apps",
        &json!({"name": "serviceops-scim", "label": "ServiceOps SCIM", "target": "okta-aiw"}),
    );
    server.admin("PUT", &format!("{APP}/credential"), Some(&json!({"secret": application.token}))).expect(200);
    let known = server.admin("GET", APP, None).json();
    let list = |path: &str| known.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut attributes, mut to_app, mut to_directory) =
        (list("/profile/attributes"), list("/toApp"), list("/toDirectory"));
    attributes.push(json!({"variableName": "manager", "displayName": "Manager", "externalName": "manager", "externalNamespace": ENTERPRISE, "lengthMin": 0, "lengthMax": 255}));
    attributes.push(json!({"variableName": "Custom_Field", "displayName": "Cost centre", "externalName": "costCentre", "externalNamespace": CUSTOM, "lengthMin": 0, "lengthMax": 8}));
    for (name, from) in [("displayName", "displayName"), ("manager", "managerId"), ("Custom_Field", "costCentre")] {
        to_app.push(json!({"attribute": name, "from": {"direct": from}}));
    }
    for (name, from) in [("managerId", "manager"), ("costCentre", "Custom_Field")] {
        to_directory.push(json!({"attribute": name, "from": {"direct": from}}));
    }
    let change = json!({
        "connection": {"baseUrl": format!("http://{}{}", server.address, application.prefix)},
        "profile": {"attributes": attributes}, "toApp": to_app, "toDirectory": to_directory, "provisioning": true,
        "policy": {"actions": {"create": true, "update": true, "deactivate": true, "pushGroups": true, "import": true}},
        "brakes": [{"metric": "deactivations", "windowMs": 86_400_000, "countMax": 0}],
    });
    server.admin("PATCH", APP, Some(&change)).expect(200);
}

/// Something of everything; the addresses of the pages.
fn furnished(server: &Server) -> Vec<(&'static str, String)> {
    let (directory, application) = (server.default_tenant(), server.tenant_named("serviceops"));
    for tenant in ["default", "serviceops"] {
        let field = json!({"attribute": {"name": "costCentre", "description": "Who pays"}});
        post(server, &format!("/tenants/{tenant}/attributes"), &field);
    }
    let people = people(&directory);
    let group = id(&directory.group("Sales", &[&people[0], &people[2]])).to_owned();
    app(server, &application);
    post(server, "/tenants/default/apps", &json!({"name": "wiki", "label": "Wiki", "target": "generic"}));
    let direct = |name: &str| json!({"attribute": name, "from": {"direct": name}});
    let mut given = direct("givenName");
    given["empty"] = json!({"default": "Unknown"});
    let wiki =
        json!({"provisioning": true, "toApp": [direct("userName"), given, direct("familyName"), direct("email")]});
    server.admin("PATCH", "/tenants/default/apps/wiki", Some(&wiki)).expect(200);
    // Somebody at the application whom nobody here knows, and somebody whose login fits.
    application.user("zoe@example.com", json!({"displayName": "Zoe Stranger"}));
    application.user("dora@example.com", json!({"displayName": "Dora Kay"}));
    for who in ["adam@example.com", "bea@example.com"] {
        post(server, &format!("{APP}/assignments"), &json!({"resource": who}));
    }
    post(server, &format!("{APP}/assignments"), &json!({"principal": "group", "resource": group}));
    post(server, &format!("{APP}/push-groups"), &json!({"group": group}));
    post(server, &format!("{APP}/push-rules"), &json!({"name": ["startsWith", "Mark"]}));
    let links = format!("{APP}/links");
    until(server, &links, |found| rows(found).iter().filter(|row| row["active"] == true).count() >= 2);
    until(server, &format!("{APP}/tasks"), |found| !rows(found).is_empty());
    server.admin("DELETE", &format!("{APP}/assignments/user/adam@example.com"), None).expect(200);
    until(server, &format!("{APP}/links?standing=held"), |found| !rows(found).is_empty());
    for kind in ["reconcile", "import"] {
        post(server, &format!("{APP}/runs"), &json!({"kind": kind}));
        until(server, &format!("{APP}/runs?kind={kind}"), |found| rows(found)[0]["state"] == "done");
    }
    let run = rows(&server.admin("GET", &format!("{APP}/runs?kind=import"), None).json())[0]["id"].clone();
    let exchange = rows(&server.admin("GET", &format!("{APP}/exchanges"), None).json())[0]["id"].clone();
    let change = json!({"serviceops-scim": {"label": "ServiceOps", "policy": {"actions": {"update": false}},
        "assignments": {"people": [{"name": "dora@example.com"}]}}});
    let wanted = json!({"title": "No more updates", "config": {"apps": change}});
    post(server, "/tenants/default/plans", &wanted);
    let at = |rest: &str| format!("{PLACE}{rest}");
    vec![
        ("dashboard", "/app/dashboard".into()),
        ("tasks-all", "/app/tasks".into()),
        ("profiles", "/app/profiles".into()),
        ("plans", "/app/plans".into()),
        ("plan-new", "/app/plans/new".into()),
        ("plan", "/app/plans/1".into()),
        ("apps", "/app/apps".into()),
        ("app-new", "/app/create-app".into()),
        ("app-new-general", "/app/create-app/general".into()),
        ("app-new-saml", "/app/create-app/saml?label=Wiki".into()),
        ("app-new-saml-preview", format!("/app/create-app/saml?{WIKI}&person=bea@example.com")),
        ("app-new-feedback", "/app/create-app/feedback?label=Wiki".into()),
        ("app-general", at("")),
        ("app-general-edit", at("?edit=1")),
        ("app-integration-new", "/app/apps/wiki/provisioning/integration".into()),
        ("app-integration", at("/provisioning/integration")),
        ("app-integration-edit", at("/provisioning/integration?edit=1")),
        ("app-to-app", at("/provisioning/to-app")),
        ("app-to-app-edit", at("/provisioning/to-app?edit=1")),
        ("app-to-directory", at("/provisioning/to-directory")),
        ("app-to-directory-edit", at("/provisioning/to-directory?edit=1")),
        ("app-profile", at("/profile")),
        ("app-attribute-new", at("/profile/new")),
        ("app-attribute", at("/profile/edit?variable=manager")),
        ("app-mappings", at("/mappings?way=to-app&person=bea@example.com")),
        ("app-mappings-default", "/app/apps/wiki/mappings?way=to-app".into()),
        ("app-mappings-back", at("/mappings?way=to-directory&person=bea@example.com")),
        ("app-assignments", at("/assignments")),
        ("app-assignments-groups", at("/assignments?of=groups")),
        ("app-assign-people", at("/assign?to=people")),
        ("app-assign-groups", at("/assign?to=groups")),
        ("app-assign-one", at("/assign/one?to=people&resource=dora@example.com")),
        ("app-assign-own", at(&format!("/assign/one?to=people&resource={}&values=1", people[2]))),
        ("app-duplicate", at("/duplicate")),
        ("app-push-groups", at("/push-groups")),
        ("app-import", at("/import")),
        ("app-import-run", at(&format!("/import/{run}"))),
        ("app-import-run-new", at(&format!("/import/{run}?verdict=new"))),
        ("app-tasks", at("/tasks")),
        ("app-on-demand", at("/on-demand?person=bea@example.com")),
        ("app-on-demand-error", at("/on-demand?person=carl@example.com")),
        ("app-log", at("/log")),
        ("app-log-open", at(&format!("/log?open={exchange}"))),
        ("user-apps", format!("/app/users/{}/apps", people[0])),
        ("user-edit", format!("/app/users/{}/edit", people[0])),
    ]
}

/// What the wizard was told.
const WIKI: &str = "label=Wiki&sso=https%3A%2F%2Fwiki.example%2Facs&audience=https%3A%2F%2Fwiki.example&attributes=first%3Duser.firstName";

/// What forms are answered with.
fn answers(visit: &Visit<'_>) -> Vec<String> {
    let edit = format!("{PLACE}/provisioning/integration?edit=1");
    visit.open(&edit);
    visit.follow("button", "Test Connector Configuration");
    visit.sees("Connector configured successfully");
    let mut wrong = judge_here(visit, "app-tested");
    visit.open(&edit);
    visit.fill("Authorization", "pv_mistyped");
    visit.follow("button", "Test Connector Configuration");
    visit.sees("does not work yet");
    wrong.extend(judge_here(visit, "app-tested-wrong"));
    visit.open(&format!("{PLACE}/mappings?way=to-app"));
    visit.choose("Attribute", "title");
    visit.fill("Value", "\"Clerk\"");
    visit.follow("button", "Save Mappings");
    visit.sees("Nothing is saved yet");
    wrong.extend(judge_here(visit, "app-mappings-sheet"));
    visit.follow("button", "Apply later");
    visit.sees("A change waits to be applied to everybody");
    wrong.extend(judge_here(visit, "app-pending"));
    visit.open(&format!("{PLACE}/tasks"));
    let marked = visit.tab.eval("[...document.querySelectorAll('main input[name=link]')].map((i) => i.value)");
    let marked: Vec<&str> = marked.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let once: std::collections::BTreeSet<&str> = marked.iter().copied().collect();
    assert!(!marked.is_empty() && once.len() == marked.len(), "everybody is in a task once: {marked:?}");
    visit.press("button", "Ignore it, with a note");
    visit.fill("Why it is left as it is", "The owner of the field knows");
    visit.follow("button", "Ignore");
    visit.sees("Take it up again");
    wrong.extend(judge_here(visit, "app-tasks-ignored"));
    visit.open("/app/plans/new?app=wiki");
    visit.fill("Document", r#"{"apps": {"wiki": {"label": "The wiki"}}}"#);
    visit.follow("button", "Look at the difference");
    visit.sees("~ wiki: label: \"Wiki\" → \"The wiki\"");
    wrong.extend(judge_here(visit, "plan-difference"));
    visit.open(&format!("{PLACE}/assignments"));
    visit.press("button", "Assign");
    wrong.extend(judge_here(visit, "app-assign-menu"));
    wrong
}

/// An authorization server at which everybody agrees at once. It gives this token.
fn agreeable(token: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let given = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3_600, "refresh_token": "again"});
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let given = given.to_string();
            std::thread::spawn(move || {
                let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
                let is_whole = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes).to_lowercase();
                    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                    let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
                    text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length)
                };
                while !is_whole(&bytes) {
                    match stream.read(&mut piece) {
                        Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&bytes).into_owned();
                let asked = head.split(' ').nth(1).unwrap_or_default();
                let of =
                    |name: &str| asked.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)).unwrap_or_default();
                let back = of("redirect_uri=").replace("%3A", ":").replace("%2F", "/");
                let (line, body) = match head.starts_with("POST") {
                    true => ("200 OK\r\ncontent-type: application/json".to_owned(), given.as_str()),
                    false => (format!("302 Found\r\nlocation: {back}?code=c&state={}", of("state=")), ""),
                };
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 {line}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            });
        }
    });
    format!("http://{address}")
}

/// Somebody agrees, at an authorization server, that this server gets its tokens.
fn authenticates(server: &Server, visit: &Visit<'_>) -> Vec<String> {
    let application = server.tenant_named("other");
    let there = agreeable(&application.token);
    let place = "/app/apps/wiki/provisioning/integration";
    visit.tab.size(1280, 800);
    visit.open(&format!("{place}?edit=1"));
    visit.fill("SCIM connector base URL", &format!("http://{}{}", server.address, application.prefix));
    visit.choose("Authentication Mode", "oauth2");
    visit.choose("Grant", "authorizationCode");
    let mut wrong = judge_here(visit, "app-oauth-edit");
    visit.tab.size(1280, 800);
    visit.fill("Authorization URL", &format!("{there}/authorize"));
    visit.fill("Token URL", &format!("{there}/token"));
    visit.fill("Client ID", "provost");
    visit.fill("Authorization", "a secret");
    visit.follow("button", "Authenticate with Wiki");
    visit.sees("somebody who may manage the application's people");
    wrong.extend(judge_here(visit, "app-oauth-go-on"));
    visit.tab.size(1280, 800);
    visit.follow("link", &format!("Go on to {}", there.trim_start_matches("http://")));
    visit.sees("The authorization server gave a token");
    let elsewhere = visit.complaints();
    assert!(elsewhere.iter().all(|request| request.contains(&there)), "nobody else was asked: {elsewhere:?}");
    wrong.extend(judge_here(visit, "app-oauth-back"));
    visit.tab.size(1280, 800);
    visit.follow("button", "Test Connector Configuration");
    visit.sees("Connector configured successfully");
    visit.follow("button", "Save");
    visit.open(place);
    visit.sees("Authenticated");
    wrong.extend(judge_here(visit, "app-oauth"));
    visit.tab.size(1280, 800);
    visit.press("button", "Forget");
    wrong.extend(judge_here(visit, "app-oauth-forget"));
    wrong
}

#[test]
fn every_page_of_apps_for_everybody() {
    let server = Server::start_both_sides();
    let visit = judge_of(&server);
    visit.set_up();
    let mut wrong = Vec::new();
    for (name, path) in [
        ("dashboard-none", "/app/dashboard"),
        ("apps-none", "/app/apps"),
        ("plans-none", "/app/plans"),
        ("tasks-none", "/app/tasks"),
        ("profiles-none", "/app/profiles"),
    ] {
        wrong.extend(judge(&visit, name, path));
    }
    let pages = furnished(&server);
    visit.tab.events();
    wrong.extend(judge_all(&visit, &judge_of(&server), &pages));
    wrong.extend(answers(&visit));
    wrong.extend(authenticates(&server, &visit));
    visit.tab.size(1280, 800);
    small(&visit, &pages);
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
