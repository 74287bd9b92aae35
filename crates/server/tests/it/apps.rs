//! App integrations by the console's forms and by the API: the guide from the wizard to the account at the application,
//! between two tenants over HTTP.

use crate::browser::{Browser, Shown};
use crate::desk::Desk;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const APP: &str = "/app/apps/serviceops-scim";
const API: &str = "/api/v1/tenants/default/apps/serviceops-scim";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";

/// Posts a form, expects that it is taken.
async fn done(owner: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Shown {
    let shown = owner.post(path, fields).await;
    assert_eq!(shown.status, 303, "{path} {fields:?}: {}", shown.text);
    shown
}

/// Part 1 and the first half of Part 2.
async fn created(owner: &mut Browser<'_>) {
    for step in ["/app/create-app", "/app/create-app/general", "/app/create-app/saml", "/app/create-app/feedback"] {
        let page = owner.get(&format!("{step}?label=ServiceOps%20SCIM&sso=https://x.example/saml/acs")).await;
        assert_eq!(page.status, 200, "{step}: {}", page.text);
        assert!(
            page.text.contains("ServiceOps%20SCIM") || page.text.contains("ServiceOps SCIM"),
            "{step} keeps the name"
        );
    }
    let fields = [
        ("label", "ServiceOps SCIM"),
        ("target", "okta-aiw"),
        ("sso", "https://x.example/saml/acs"),
        ("audience", "https://x.example/saml/metadata"),
    ];
    let made = done(owner, "/app/create-app", &fields).await;
    assert_eq!(made.location(), APP);
    let general = owner.get(APP).await;
    assert!(!general.text.contains(">Provisioning<") && general.text.contains("https://x.example/saml/acs"));
    let fields = [("label", "ServiceOps SCIM"), ("target", "okta-aiw"), ("scim", "1")];
    done(owner, &format!("{APP}/general"), &fields).await;
    let general = owner.get(APP).await;
    assert!(
        general.text.contains("A Provisioning tab was added") && general.text.contains(">Provisioning<"),
        "{}",
        general.text
    );
}

/// The second half of Part 2: nothing is saved that was not tested.
async fn connected(owner: &mut Browser<'_>, url: &str, token: &str) {
    let place = format!("{APP}/provisioning/integration");
    let page = owner.get(&format!("{place}?edit=1")).await;
    for label in [
        "SCIM connector base URL",
        "Unique identifier field for users",
        "Supported provisioning actions",
        "Push New Users",
        "Push Profile Updates",
        "Push Groups",
        "Authentication Mode",
        "HTTP Header",
        "Authorization",
        "Test Connector Configuration",
    ] {
        assert!(page.text.contains(label), "{label}: {}", page.text);
    }
    assert!(!page.text.contains("To Directory"), "comes with the connection");
    let fields = |secret| {
        [
            ("url", url),
            ("unique", "userName"),
            ("mode", "bearer"),
            ("push_users", "1"),
            ("push_updates", "1"),
            ("push_groups", "1"),
            ("import", "1"),
            ("timeout", "30"),
            ("secret", secret),
        ]
    };
    let with = |secret, act, tested| [&fields(secret)[..], &[("do", act), ("tested", tested)]].concat();
    let wrong = owner.post(&place, &with("pv_wrong", "test", "")).await;
    assert!(wrong.text.contains("does not accept the credentials") && !wrong.text.contains(">Save<"), "{}", wrong.text);
    let tested = owner.post(&place, &with(token, "test", "")).await;
    assert_eq!(tested.status, 200, "{}", tested.text);
    assert!(
        tested.text.contains("Connector configured successfully") && tested.text.contains(">Save<"),
        "{}",
        tested.text
    );
    assert!(!tested.text.contains(token), "the secret is not shown");
    let kept = tested.between("name=\"tested\" value=\"", "\"");
    let mut other = with("", "save", &kept);
    other[0].1 = "http://127.0.0.1:9/scim";
    let refused = owner.post(&place, &other).await;
    assert!(
        refused.status != 303 && !refused.text.contains(">Save<"),
        "what was not tested is not saved: {}",
        refused.text
    );
    let saved = done(owner, &place, &with("", "save", &kept)).await;
    assert!(saved.location().ends_with("/to-app"));
    assert!(owner.get(&place).await.text.contains("To Directory"));
}

/// Parts 3 and 4.
async fn mapped(owner: &mut Browser<'_>) {
    let place = format!("{APP}/provisioning/to-app");
    done(owner, &place, &[("create", "1"), ("update", "1"), ("deactivate", "1")]).await;
    let page = owner.get(&place).await;
    for told in [
        "Create Users",
        "Update User Attributes",
        "Deactivate Users",
        "Go to Profile Editor",
        "emails[type eq &quot;work&quot;].value",
    ] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let whole = format!("{CUSTOM}:costCentre");
    for (variable, external, namespace) in [("manager", "manager", ENTERPRISE), ("Custom_Field", whole.as_str(), "")] {
        let fields = [
            ("data_type", "string"),
            ("display", variable),
            ("variable", variable),
            ("external", external),
            ("namespace", namespace),
            ("whole", "split"),
            ("length", "between"),
            ("min", "0"),
            ("max", "255"),
        ];
        let preview = owner.post(&format!("{APP}/profile/preview"), &fields).await;
        assert!(preview.text.contains("The app will receive"), "{}", preview.text);
        done(owner, &format!("{APP}/profile"), &fields).await;
    }
    let twice = owner
        .post(
            &format!("{APP}/profile"),
            &[("data_type", "string"), ("variable", "manager"), ("external", "x"), ("whole", "split")],
        )
        .await;
    assert_eq!(twice.status, 422, "{}", twice.text);
    let profile = owner.get(&format!("{APP}/profile")).await;
    assert!(profile.text.contains(&whole) && profile.text.contains("Not mapped"), "{}", profile.text);
    for (way, attribute, value) in [
        ("to-directory", "managerId", "appuser.manager"),
        ("to-app", "manager", "user.managerId"),
        ("to-directory", "costCentre", "appuser.Custom_Field"),
        ("to-app", "Custom_Field", "user.costCentre"),
    ] {
        map(owner, way, attribute, value).await;
    }
}

/// *Save Mappings*, *Apply Updates*, with every row that is there.
async fn map(owner: &mut Browser<'_>, way: &str, attribute: &str, value: &str) {
    let page = owner.get(&format!("{APP}/mappings?way={way}")).await;
    let rows: Vec<(String, String)> = page
        .text
        .split("<input class=\"mono\" id=\"from.")
        .skip(1)
        .map(|row| {
            let (name, rest) = row.split_once('"').unwrap();
            let value = rest.split_once(" value=\"").unwrap().1.split_once('"').unwrap().0;
            (format!("from.{name}"), value.replace("&quot;", "\""))
        })
        .collect();
    assert!(rows.len() >= 4, "{}", page.text);
    let mut fields: Vec<(&str, &str)> = rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.extend([("way", way), ("add", attribute), ("added", value), ("person", "adam@example.com"), ("do", "save")]);
    let sheet = owner.post(&format!("{APP}/mappings"), &fields).await;
    assert!(sheet.text.contains("Apply Updates") && sheet.text.contains("Nothing is saved yet"), "{}", sheet.text);
    let rows = sheet.between("name=\"rows\" value=\"", "\"").replace("&quot;", "\"").replace("&amp;", "&");
    done(owner, &format!("{APP}/mappings/apply"), &[("way", way), ("rows", &rows)]).await;
}

async fn adam(desk: &Desk) -> Value {
    let found = desk
        .local("GET", "/t/application/scim/v2/Users?filter=userName%20eq%20%22adam@example.com%22", Value::Null)
        .await;
    found.body["Resources"][0].clone()
}

/// Waits for the application to have it so.
async fn until(desk: &Desk, what: &str, fits: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let adam = adam(desk).await;
        if fits(&adam) {
            return;
        }
        if began.elapsed() > Duration::from_secs(60) {
            let log = desk.local("GET", &format!("{API}/exchanges"), Value::Null).await;
            panic!("not in time: {what}: {adam}\n{}", log.text);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_guide_from_the_wizard_to_the_account() {
    let (desk, url) = Desk::over_http().await;
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "application"})).await.status, 201);
    let (token, _) = desk.token("application", json!({"label": "outbound"})).await;
    for tenant in ["default", "application"] {
        let field = json!({"attribute": {"name": "costCentre"}});
        desk.local("POST", &format!("/api/v1/tenants/{tenant}/attributes"), field).await;
    }
    let workers = server::start_workers(&desk.app);
    let person = |name: &str| {
        json!({
            "userName": format!("{name}@example.com"), "name": {"givenName": name, "familyName": "Kay"},
            "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
            ENTERPRISE: {"manager": {"value": "bea@example.com"}}, CUSTOM: {"costCentre": "4711"},
        })
    };
    for name in ["adam", "bea"] {
        let made = desk.local("POST", "/scim/v2/Users", person(name)).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let mut owner = Browser::owner(&desk).await;
    created(&mut owner).await;
    connected(&mut owner, &format!("{url}/t/application/scim/v2"), &token).await;
    mapped(&mut owner).await;

    let choose = owner.get(&format!("{APP}/assign?to=people&q=adam")).await;
    assert!(choose.text.contains("adam@example.com\">Assign<") && choose.text.contains(">Done<"), "{}", choose.text);
    let dry = owner.get(&format!("{APP}/on-demand?person=adam@example.com")).await;
    assert!(dry.text.contains("no assignment is about them"), "{}", dry.text);
    for name in ["adam@example.com", "bea@example.com"] {
        done(&mut owner, &format!("{APP}/assign"), &[("to", "people"), ("resource", name)]).await;
    }
    until(&desk, "Adam is there, with manager and custom field", |adam| {
        adam[ENTERPRISE]["manager"]["$ref"].is_string() && adam[CUSTOM]["costCentre"] == "4711"
    })
    .await;
    // The account is there before it is written down here that it is.
    for _ in 0..500 {
        if owner.get(&format!("{APP}/on-demand?person=adam@example.com")).await.text.contains("Provisioned") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let why = owner.get(&format!("{APP}/on-demand?person=adam@example.com")).await;
    for told in ["they are assigned themselves", "Provisioned", "What was sent for them", "costCentre"] {
        assert!(why.text.contains(told), "{told}: {}", why.text);
    }
    let preview = owner
        .post(
            &format!("{APP}/mappings/preview"),
            &[
                ("way", "to-app"),
                ("person", "adam@example.com"),
                ("from.userName", "String.toUpperCase(user.userName)"),
                ("from.title", "String.("),
            ],
        )
        .await;
    assert!(preview.text.contains("ADAM@EXAMPLE.COM") && preview.text.contains("title"), "{}", preview.text);
    let wrong = [("way", "to-app"), ("from.title", "String.("), ("apply.title", "create"), ("do", "save")];
    let refused = owner.post(&format!("{APP}/mappings"), &wrong).await;
    assert_eq!(refused.status, 422);
    let kept = refused.between("id=\"from.title\"", "</select>");
    for told in ["value=\"String.(\"", "aria-invalid=\"true\"", "class=\"error\"", "value=\"create\" selected"] {
        assert!(kept.contains(told), "{told}: {kept}");
    }

    let id = desk.local("GET", "/scim/v2/Users?filter=userName%20sw%20%22adam%22", Value::Null).await.body["Resources"]
        [0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    done(&mut owner, &format!("/app/users/{id}/active"), &[("active", "false")]).await;
    until(&desk, "Adam is out", |adam| adam["active"] == false).await;
    pages(&mut owner).await;
    workers.stop().await;
}

/// Every page of an app says something.
async fn pages(owner: &mut Browser<'_>) {
    for (path, told) in [
        ("/app/apps", "ServiceOps SCIM"),
        (APP, "SCIM enabled"),
        ("/app/apps/serviceops-scim?edit=1", "Enable SCIM provisioning"),
        ("/app/apps/serviceops-scim/provisioning/integration?edit=1", "It is stored, and not shown"),
        ("/app/apps/serviceops-scim/provisioning/to-app?edit=1", "Exclude Username Updates"),
        ("/app/apps/serviceops-scim/provisioning/to-directory", "Import safeguard"),
        ("/app/apps/serviceops-scim/provisioning/to-directory?edit=1", "Auto-confirm exact matches"),
        ("/app/apps/serviceops-scim/profile/new", "External namespace"),
        ("/app/apps/serviceops-scim/profile/edit?variable=manager", "Take these mappings away first"),
        ("/app/apps/serviceops-scim/mappings?way=to-app&person=bea@example.com", "user.managerId"),
        ("/app/apps/serviceops-scim/mappings?way=to-directory&person=bea@example.com", "appuser.manager"),
        ("/app/apps/serviceops-scim/assignments", "Deactivated"),
        ("/app/apps/serviceops-scim/assignments?of=groups", "No group is assigned"),
        ("/app/apps/serviceops-scim/assign/one?to=people&resource=adam@example.com", "Save and Go Back"),
        ("/app/apps/serviceops-scim/push-groups", "Find groups by rule"),
        ("/app/apps/serviceops-scim/import", "Import Now"),
        ("/app/apps/serviceops-scim/tasks", "No tasks"),
        ("/app/apps/serviceops-scim/log", "POST"),
    ] {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains(told), "{path}: {told}: {}", page.text);
    }
}

#[tokio::test]
async fn the_api_does_what_the_console_does() {
    let desk = Desk::new();
    desk.user("adam").await;
    let group = desk.local("POST", "/scim/v2/Groups", json!({"displayName": "Sales"})).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let made = desk
        .local("POST", "/api/v1/tenants/default/apps", json!({"name": "serviceops-scim", "target": "okta-aiw"}))
        .await;
    assert_eq!((made.status, made.body["hasCredential"].clone()), (201, json!(false)), "{}", made.text);
    let at = |rest: &str| format!("{API}{rest}");
    for (method, path, body, status) in [
        ("POST", "/api/v1/tenants/default/apps".to_owned(), json!({"name": "serviceops-scim"}), 409),
        ("PATCH", at(""), json!({"label": "ServiceOps", "policy": {"actions": {"create": true}}}), 200),
        ("PATCH", at(""), json!({"nothing": 1}), 400),
        ("PATCH", at(""), json!({"connection": {"baseUrl": "http://127.0.0.1:1/scim"}}), 400),
        ("PUT", at("/credential"), json!({"secret": "s3cret-of-the-app"}), 200),
        ("POST", at("/assignments"), json!({"resource": "adam"}), 201),
        ("POST", at("/assignments"), json!({"resource": "nobody"}), 404),
        ("POST", at("/assignments"), json!({"principal": "group", "resource": "Sales", "priority": 3}), 201),
        ("GET", at("/assignments?principal=group"), Value::Null, 200),
        ("POST", at("/preview"), json!({"person": "adam"}), 200),
        (
            "POST",
            at("/effect"),
            json!({"change": {"toApp": [{"attribute": "userName", "from": {"constant": "x"}}]}}),
            200,
        ),
        ("GET", at("/push-groups/Sales"), Value::Null, 200),
        ("GET", at("/push-groups/Nobody"), Value::Null, 404),
        ("POST", at("/push-rules/preview"), json!({"name": ["contains", "al"]}), 200),
        ("POST", at("/push-rules/preview"), json!({}), 400),
        ("POST", at("/push-groups"), json!({"group": "Sales", "name": "Vertrieb"}), 201),
        ("POST", at("/push-rules"), json!({"name": ["startsWith", "Sa"]}), 201),
        ("POST", at("/push-rules"), json!({}), 400),
        ("POST", at("/push-rules"), json!({"description": ["contains", "x"]}), 400),
        ("GET", at("/push-groups"), Value::Null, 200),
        ("GET", at("/links"), Value::Null, 200),
        ("GET", at("/links?standing=odd"), Value::Null, 400),
        ("PUT", "/api/v1/tenants/default/users/adam/status".to_owned(), json!({"status": "suspended"}), 200),
        ("PUT", "/api/v1/tenants/default/users/adam/status".to_owned(), json!({"status": "odd"}), 400),
        ("GET", at("/tasks"), Value::Null, 200),
        ("POST", at("/tasks/ignore"), json!({"cause": "conflict", "note": " "}), 400),
        ("POST", at("/tasks/ignore"), json!({"cause": "conflict", "note": "known"}), 404),
        ("POST", at("/tasks/recall"), json!({"cause": "conflict"}), 404),
        ("GET", at("/exchanges"), Value::Null, 200),
        ("POST", at("/retry"), json!("everything"), 202),
        ("POST", at("/held/approve"), json!({"links": []}), 202),
        ("POST", at("/held/drop"), json!({"links": []}), 200),
        ("POST", at("/provision"), json!({"person": "adam"}), 202),
        ("POST", at("/runs"), json!({"kind": "reconcile"}), 202),
        ("GET", at("/runs"), Value::Null, 200),
        ("GET", at("/runs/1"), Value::Null, 200),
        ("GET", at("/runs/1/items"), Value::Null, 200),
        ("POST", at("/runs/1/resume"), json!({}), 400),
        ("DELETE", at("/runs/1"), Value::Null, 200),
        ("DELETE", at(&format!("/push-groups/{group}?leave=keep")), Value::Null, 200),
        ("DELETE", at("/push-rules/1"), Value::Null, 200),
        ("DELETE", at("/assignments/user/adam"), Value::Null, 200),
        ("GET", at(""), Value::Null, 200),
    ] {
        let answer = desk.local(method, &path, body.clone()).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert!(!answer.text.contains("s3cret"), "{path}: {}", answer.text);
    }
    let test = desk.local("POST", &at("/test"), json!({})).await;
    assert!(test.text.contains("connection.baseUrl"), "{}", test.text);
    assert_eq!(desk.local("DELETE", &at(""), Value::Null).await.status, 200);
    assert_eq!(desk.local("GET", &at(""), Value::Null).await.status, 404);
}
