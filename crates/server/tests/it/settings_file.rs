//! The settings as a file, what is masked by choice, and the numbers for Prometheus.

use crate::browser::Browser;
use crate::desk::{Desk, SECOND, request};
use axum::body::Body;
use serde_json::{Value, json};

const FILE: &str = "/api/v1/tenants/default/settings-file";

async fn field(desk: &Desk, tenant: &str, name: &str, kind: &str) {
    let field = json!({"attribute": {"name": name, "type": kind}});
    let made = desk.local("POST", &format!("/api/v1/tenants/{tenant}/attributes"), field).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn a_file_is_compared_first_and_takes_nothing_away() {
    let desk = Desk::new();
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "acme"})).await.status, 201);
    let set = json!({"settings": {"pageMax": 500, "managerMatch": ["userName"], "log": {"keepDays": 7}}});
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/acme", set).await.status, 200);
    for (tenant, name, kind) in [
        ("acme", "desk", "string"),
        ("acme", "floor", "integer"),
        ("default", "floor", "string"),
        ("default", "own", "string"),
    ] {
        field(&desk, tenant, name, kind).await;
    }
    let file = desk.local("GET", "/api/v1/tenants/acme/settings-file", Value::Null).await.body;
    let diff = desk.local("POST", &format!("{FILE}/diff"), json!({"file": file})).await;
    let line = |name: &str| {
        let all = diff.body["lines"].as_array().unwrap().clone();
        all.into_iter()
            .find(|line| line["name"].as_str().unwrap().ends_with(name))
            .unwrap_or_else(|| panic!("{name}: {}", diff.text))
    };
    assert_eq!((line("pageMax")["before"].clone(), line("pageMax")["after"].clone()), (json!(1000), json!(500)));
    assert_eq!(line("log.keepDays")["after"], 7);
    assert!(line(":desk")["before"].is_null() && line(":desk")["stays"].is_null(), "new");
    assert!(line(":floor")["stays"].as_str().unwrap().contains("another here"));
    assert!(line(":own")["stays"].as_str().unwrap().contains("nothing is taken away"));
    let before = desk.local("GET", FILE, Value::Null).await;
    assert_eq!(before.body["settings"]["pageMax"], 1000, "nothing has changed");

    let generation = diff.body["generation"].clone();
    let body = json!({"file": file, "generation": generation});
    assert_eq!(desk.local("PUT", FILE, json!({"file": file})).await.status, 400, "not before it was seen");
    assert_eq!(desk.local("PUT", FILE, body.clone()).await.status, 200);
    assert_eq!(desk.local("PUT", FILE, body).await.status, 412, "the settings have changed since");
    let now = desk.local("GET", FILE, Value::Null).await.body;
    assert_eq!(
        (now["settings"]["pageMax"].clone(), now["settings"]["managerMatch"].clone()),
        (json!(500), json!(["userName"]))
    );
    let again = desk.local("POST", &format!("{FILE}/diff"), json!({"file": file})).await;
    assert_eq!(again.body["changes"], false, "{}", again.text);
    let urn = "urn:provost:params:scim:schemas:custom:User";
    let user = json!({"userName": "ana", urn: {"desk": "4", "own": "x"}});
    assert_eq!(desk.local("POST", "/scim/v2/Users", user).await.status, 201);
    for wrong in [
        json!({"settings": {"nothing": 1}}),
        json!({"settings": {"pageMax": 0}}),
        json!({"settings": {"ignored": ["User/userName"]}}),
    ] {
        assert_eq!(desk.local("POST", &format!("{FILE}/diff"), json!({"file": wrong})).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_console_shows_the_difference_before_it_is_applied() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    assert!(owner.get("/app/settings").await.text.contains("/app/settings/import"));
    let csrf = owner.get("/app/settings/import").await.between("name=\"csrf\" value=\"", "\"");
    let text = json!({"settings": {"pageDefault": 20}}).to_string();
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"settings.json\"\r\nContent-Type: application/json\r\n\r\n{text}\r\n--x--\r\n"
    );
    let upload = owner
        .request("POST", "/app/settings/import")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::from(form))
        .unwrap();
    let shown = owner.send(upload).await;
    assert!(shown.text.contains("pageDefault") && shown.text.contains("Apply the file"), "{}", shown.text);
    let generation = shown.between("name=\"generation\" value=\"", "\"");
    let fields = [("file", text.as_str()), ("generation", generation.as_str())];
    assert_eq!(owner.post("/app/settings/import/apply", &fields).await.location(), "/app/settings");
    assert_eq!(desk.local("GET", FILE, Value::Null).await.body["settings"]["pageDefault"], 20);
    let stale = owner.post("/app/settings/import/apply", &fields).await;
    assert!(stale.status == 422 && stale.text.contains("compare the file again"), "{}", stale.text);
}

#[tokio::test]
async fn what_is_masked_by_choice_stands_nowhere_in_the_log() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let set = |names: Value| desk.local("PATCH", "/api/v1/tenants/default", json!({"settings": {"masked": names}}));
    assert_eq!(set(json!(["nickName", "costCenter"])).await.status, 200);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let user = json!({"userName": "ana", "nickName": "Sonne", "title": "Chief", enterprise: {"costCenter": "K4711"}});
    assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", user).await.status, 201);
    let path = "/scim/v2/Users?filter=nickName%20eq%20%22Sonne%22";
    assert_eq!(desk.with(&okta, "GET", path, Value::Null).await.body["totalResults"], 1, "it is stored as ever");
    let list = desk.local("GET", "/api/v1/tenants/default/log", Value::Null).await;
    for entry in list.body["data"].as_array().unwrap() {
        let whole = desk.local("GET", &format!("/api/v1/tenants/default/log/{}", entry["seq"]), Value::Null).await;
        assert!(!whole.text.contains("Sonne") && !whole.text.contains("K4711"), "{}", whole.text);
    }
    for wrong in [json!(["a b"]), json!([""]), json!(vec!["x"; 51])] {
        assert_eq!(set(wrong.clone()).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn numbers_for_prometheus_hold_nobody_and_take_a_key() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (okta, _) = desk.token("default", json!({"label": "Secret label"})).await;
    let user = json!({"userName": "ana@example.com", "displayName": "Ana"});
    assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", user.clone()).await.status, 201);
    assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", user).await.status, 409);
    assert_eq!(desk.send(None, request("GET", "/metrics", None, &Value::Null)).await.status, 401);
    assert_eq!(desk.with(&okta, "GET", "/metrics", Value::Null).await.status, 403, "a SCIM token is no key");
    let key = desk.local("POST", "/api/v1/tokens/admin", json!({"label": "Prometheus", "role": "auditor"})).await;
    let key = key.body["token"].as_str().unwrap().to_owned();
    desk.local("GET", "/api/v1/tenants/default/log?limit=1", Value::Null).await;
    desk.clock.advance(61 * SECOND);
    let page = desk.with(&key, "GET", "/metrics", Value::Null).await;
    assert_eq!(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "provost_scim_requests_total{tenant=\"default\",outcome=\"answered\"} 1",
        "provost_scim_requests_total{tenant=\"default\",outcome=\"refused\"} 1",
        "provost_scim_request_duration_seconds_count{tenant=\"default\"} 2",
        "provost_resources{tenant=\"default\",type=\"User\"} 1",
        "provost_tokens_active{tenant=\"default\"} 1",
        "provost_conflicts_open{tenant=\"default\"} 1",
        "provost_log_entries_dropped_total 0",
    ] {
        assert!(page.text.lines().any(|have| have == line), "{line}\n{}", page.text);
    }
    for secret in ["ana", "Secret label", "Prometheus", "pv_"] {
        assert!(!page.text.contains(secret), "{secret}");
    }
    // Every family says what it is, once, and every sample belongs to one.
    let families: Vec<&str> = page.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let names: Vec<&str> = families.iter().filter_map(|family| family.split(' ').next()).collect();
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    for sample in page.text.lines().filter(|line| !line.starts_with('#')) {
        assert!(names.iter().any(|name| sample.starts_with(name)), "{sample}");
        assert!(sample.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{sample}");
    }
    assert!(owner.get("/app/settings").await.text.contains("credentials_file"));
    assert!(owner.get("/docs/licences").await.text.contains("Apache-2.0"));
}
