//! What pages say: the assistant, the overview, attributes, the profile, the guide, the reference of the API.

use crate::browser::Browser;
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const OPENAPI: &str = include_str!("../../src/api/openapi.json");

/// A script that asks something and then lists the log finds it: what waits to be written is written first.
#[tokio::test]
async fn who_lists_the_log_sees_what_came_before() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    for round in 1..4 {
        assert_eq!(desk.with(&token, "GET", "/scim/v2/Users?count=1", Value::Null).await.status, 200);
        let listed = desk.local("GET", "/api/v1/tenants/default/log?method=GET", Value::Null).await;
        assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(round), "{}", listed.text);
    }
    let mut owner = Browser::owner(&desk).await;
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Groups?count=1", Value::Null).await.status, 200);
    assert!(owner.get("/app/log").await.text.contains("/Groups"));
    // So does whoever looks for what was refused.
    for status in [201, 409] {
        assert_eq!(desk.with(&token, "POST", "/scim/v2/Users", json!({"userName": "adam"})).await.status, status);
    }
    assert!(owner.get("/app/conflicts").await.text.contains("PRV-1007"));
}

#[tokio::test]
async fn the_assistant_ticks_itself_off() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let done = async |owner: &mut Browser<'_>| owner.get("/app/setup/steps").await.between("<strong>", " of 6");
    assert_eq!(done(&mut owner).await, "0");
    let setup = owner.get("/app/setup?idp=entra").await;
    assert!(setup.text.contains("Tenant URL") && setup.text.contains("http://localhost:8080/scim/v2"));
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    assert_eq!(done(&mut owner).await, "1");
    let workers = server::start_workers(&desk.app);
    desk.with(&token[..token.len() - 2], "GET", "/scim/v2/Users?startIndex=1&count=2", Value::Null).await;
    workers.stop().await;
    let steps = owner.get("/app/setup/steps").await;
    assert!(
        steps.text.contains("A request was turned away") && steps.text.contains("cut off or mistyped"),
        "{}",
        steps.text
    );
    desk.clock.advance(SECOND);
    let user = json!({
        "userName": "adam", "externalId": "00u1", "name": {"givenName": "Adam", "familyName": "Kay"},
        "emails": [{"value": "adam@example.com"}],
    });
    assert_eq!(desk.with(&token, "POST", "/scim/v2/Users", user).await.status, 201);
    let steps = owner.get("/app/setup/steps").await;
    assert!(!steps.text.contains("turned away"), "a later success ends the worry: {}", steps.text);
    assert_eq!(done(&mut owner).await, "5");
    assert!(steps.text.contains("Never: <strong>manager"), "{}", steps.text);
    assert!(owner.get("/app").await.text.contains("Set provisioning up"));
    desk.local("POST", "/scim/v2/Groups", json!({"displayName": "By hand"})).await;
    assert_eq!(done(&mut owner).await, "5", "a group that was made by hand is no push");
    desk.with(&token, "POST", "/scim/v2/Groups", json!({"displayName": "All"})).await;
    assert_eq!(done(&mut owner).await, "6");
    assert!(!owner.get("/app").await.text.contains("Set provisioning up"));
}

#[tokio::test]
async fn the_overview_counts_and_says_what_needs_somebody() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let empty = owner.get("/app").await;
    assert!(empty.text.contains("—") && empty.text.contains("no requests in this time"), "{}", empty.text);
    let (token, _) = desk.token("default", json!({"label": "Okta", "expiresIn": 86_400})).await;
    for number in 0..8 {
        desk.with(&token, "POST", "/scim/v2/Users", json!({"userName": format!("u{number}"), "active": number != 0}))
            .await;
    }
    let workers = server::start_workers(&desk.app);
    desk.with(&token, "POST", "/scim/v2/Users", json!({"userName": "u1"})).await;
    workers.stop().await;
    for range in ["1h", "24h", "7d", "30d"] {
        let page = owner.get(&format!("/app?range={range}")).await;
        for told in
            ["<svg class=\"plot\"", "1 deactivated", "The token “Okta” ends", "1 conflict waits", "Show as table"]
        {
            assert!(page.text.contains(told), "{range}: {told}: {}", page.text);
        }
        assert!(page.text.contains(">9<"), "{range}: nine requests");
    }
    let counts = desk.local("GET", "/api/v1/tenants/default/log-counts?step=5", Value::Null).await;
    let total: u64 = counts.body["data"].as_array().unwrap().iter().map(|one| one["answered"].as_u64().unwrap()).sum();
    assert_eq!(total, 8, "{}", counts.text);
}

#[tokio::test]
async fn attributes_are_copied_in_three_forms_and_say_what_arrives() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let field = json!({"attribute": {"name": "costCentre"}});
    desk.local("POST", "/api/v1/tenants/default/attributes", field).await;
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let page = owner.get("/app/scim/attributes").await;
    for copied in [
        manager,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "manager",
        "urn:provost:params:scim:schemas:custom:User:costCentre",
        "urn:provost:params:scim:schemas:custom:User",
        "costCentre",
    ] {
        assert!(page.text.contains(&format!("data-copy=\"{copied}\"")), "{copied}");
    }
    let user = json!({"userName": "a", manager: "boss", "favouriteColour": "blue"});
    desk.local("POST", "/scim/v2/Users", user).await;
    let page = owner.get("/app/scim/attributes").await;
    assert!(
        page.text.contains("Unknown attributes received") && page.text.contains("favouriteColour"),
        "{}",
        page.text
    );
    let never = owner.get("/app/scim/attributes?source=never").await;
    assert!(!never.text.contains("data-copy=\"userName\"") && never.text.contains("data-copy=\"nickName\""));
    assert!(owner.get("/app/scim/attributes?q=zzz").await.text.contains("No attribute fits"));
}

#[tokio::test]
async fn a_profile_says_who_owns_what_and_whom_the_manager_is() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let adam = json!({"userName": "adam", "externalId": "00u1", "displayName": "Adam\u{200b} Kay", enterprise: {"manager": "bea"}});
    let id = desk.with(&token, "POST", "/scim/v2/Users", adam).await.body["id"].as_str().unwrap().to_owned();
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("/app/users/{id}")).await;
    for told in ["nobody matches yet", "U+200B", "Managed", "title=\"Okta\""] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let bea = desk.user("bea").await;
    let page = owner.get(&format!("/app/users/{id}")).await;
    assert!(
        page.text.contains(&format!("href=\"/app/users/{bea}\"")) && page.text.contains("sent as"),
        "{}",
        page.text
    );
    owner.post(&format!("/app/users/{id}/active"), &[("active", "false")]).await;
    let history = owner.get(&format!("/app/users/{id}/history")).await;
    for told in ["POST", "PATCH", "Okta", "ana@example.com", "active"] {
        assert!(history.text.contains(told), "{told}: {}", history.text);
    }
    let raw = owner.get(&format!("/app/users/{id}/raw")).await;
    assert!(raw.text.contains("&quot;userName&quot;") && raw.text.contains("lastModified"), "{}", raw.text);
    let trail = owner.get("/app/settings/audit").await;
    assert!(trail.text.contains("resource.patch"), "{}", trail.text);
}

#[tokio::test]
async fn the_guide_is_open_and_knows_the_reader() {
    let desk = Desk::new();
    let mut stranger = Browser::new(&desk);
    for path in ["/docs", "/docs/connect-okta", "/docs/errors", "/docs/errors/PRV-1007", "/docs/api", "/docs/limits"] {
        let page = stranger.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("href=\"/app"), "{path}: nothing of the console for a stranger");
    }
    assert_eq!(stranger.get("/docs/nothing").await.status, 404);
    assert_eq!(stranger.get("/docs/errors/PRV-0000").await.status, 404);
    assert!(stranger.get("/docs/connect-okta").await.text.contains("https://YOUR-HOST/scim/v2"));
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/docs/connect-okta").await;
    assert!(page.text.contains("http://localhost:8080/scim/v2") && !page.text.contains("YOUR-HOST"), "{}", page.text);
    assert!(owner.get("/docs/errors/PRV-1007").await.text.contains("/app/log?code=PRV-1007"));
}

#[tokio::test]
async fn links_lead_somewhere() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = desk.with(&token, "POST", "/scim/v2/Users", json!({"userName": "adam"})).await.body["id"].clone();
    desk.with(&token, "POST", "/scim/v2/Groups", json!({"displayName": "All", "members": [{"value": id}]})).await;
    desk.local("POST", "/api/v1/tenants/default/attributes", json!({"attribute": {"name": "costCentre"}})).await;
    let mut owner = Browser::owner(&desk).await;
    let (mut seen, mut waiting) = (std::collections::BTreeSet::new(), vec!["/app".to_owned(), "/docs".to_owned()]);
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) || seen.len() > 400 {
            continue;
        }
        let page = owner.get(&path).await;
        // The JSON of an entry is the API's and wants an administrator's token.
        assert!(page.status == 200 || path.starts_with("/api/v1/tenants"), "{path}: {}", page.status);
        for link in page.text.split("href=\"").skip(1) {
            let link = link.split('"').next().unwrap().replace("&amp;", "&");
            let plain = link.split('#').next().unwrap().to_owned();
            if plain.starts_with('/') && !plain.starts_with("/assets") && !plain.contains("since=") {
                waiting.push(plain);
            }
        }
    }
    assert!(seen.len() > 60, "{} pages", seen.len());
}

#[tokio::test]
async fn the_search_finds_people_groups_and_pages() {
    let desk = Desk::new();
    desk.user("adam@example.com").await;
    desk.local("POST", "/scim/v2/Groups", json!({"displayName": "Admins"})).await;
    let mut owner = Browser::owner(&desk).await;
    for (query, told) in [
        ("ad", "adam@example.com"),
        ("ad", "Admins"),
        ("manag", "Attributes"),
        ("PRV-1007", "About PRV-1007"),
        ("42", "Entry 42"),
    ] {
        let page = owner.get(&format!("/app/search?q={query}")).await;
        assert!(page.text.contains(told), "{query}: {told}: {}", page.text);
    }
}

/// `/tenants/{tenant}/log/{seq}` for both, whatever the names.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_description_of_the_api_names_every_route_and_tells_the_truth() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let described: std::collections::BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters").cloned();
            methods.map(|method| format!("{method} {}", shape(path))).collect::<Vec<_>>()
        })
        .collect();
    let source = include_str!("../../src/api.rs");
    let mut routed = std::collections::BTreeSet::new();
    for call in source.split(".route(\"").skip(1) {
        let (path, rest) = call.split_once('"').unwrap();
        let handlers = rest.split(".route(").next().unwrap().split(".fallback").next().unwrap();
        for method in ["get", "post", "patch", "put", "delete"] {
            if handlers.contains(&format!("{method}(")) {
                routed.insert(format!("{method} {}", shape(path)));
            }
        }
    }
    assert_eq!(described, routed);

    let desk = Desk::new();
    desk.token("default", json!({"label": "Okta"})).await;
    desk.user("adam").await;
    desk.local("POST", "/scim/v2/Users", json!({"userName": "adam"})).await;
    desk.local("POST", "/api/v1/tenants/default/setup-links", json!({"label": "x"})).await;
    desk.local("POST", "/api/v1/tenants/default/jobs", json!({"kind": "activate", "ids": ["x"]})).await;
    desk.local("POST", "/api/v1/tenants/default/apps", json!({"name": "1"})).await;
    desk.local("POST", "/api/v1/tenants/default/apps/1/assignments", json!({"resource": "adam"})).await;
    desk.local("POST", "/api/v1/tenants/default/apps/1/runs", json!({"kind": "import"})).await;
    let mut compared = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("get") else { continue };
        let filled = path.replace("{tenant}", "default");
        let filled =
            ["{seq}", "{id}", "{app}", "{link}", "{run}"].iter().fold(filled, |path, name| path.replace(name, "1"));
        let answer = desk.local("GET", &format!("/api/v1{filled}"), Value::Null).await;
        if answer.status == 404 {
            continue;
        }
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        fits(&document, schema, &answer.body, path);
        compared += 1;
    }
    assert!(compared >= 22, "{compared} answers were compared");
}

/// Whether an answer is what its schema says: the required fields, the types, no field that it does not name.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(named) = schema["$ref"].as_str() {
        return fits(document, document.pointer(named.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().for_each(|part| {
            let resolved =
                part["$ref"].as_str().map_or(part, |named| document.pointer(named.trim_start_matches('#')).unwrap());
            for required in resolved["required"].as_array().into_iter().flatten() {
                assert!(value.get(required.as_str().unwrap()).is_some(), "{at}: {required} is missing in {value}");
            }
        });
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&is), "{at}: {is} in the place of {types:?}: {value}");
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{at}: {required} is missing in {value}");
    }
    for element in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], element, at);
    }
    for (name, part) in value.as_object().into_iter().flatten() {
        if let Some(described) = schema["properties"].get(name) {
            fits(document, described, part, &format!("{at}.{name}"));
        }
    }
}

#[tokio::test]
async fn charts_lead_to_what_they_were_drawn_from() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let mut owner = Browser::owner(&desk).await;
    assert!(!owner.get("/app").await.text.contains("<svg class=\"plot\""), "nothing is drawn of nothing");
    for (path, status) in [("/scim/v2/Users", 200), ("/scim/v2/Users/none", 404)] {
        assert_eq!(desk.with(&token, "GET", path, json!(null)).await.status, status);
    }
    desk.local("GET", "/api/v1/tenants/default/log?limit=1", json!(null)).await;
    let page = owner.get("/app?range=1h&scale=log").await;
    assert_eq!(page.text.matches("<svg class=\"plot\"").count(), 4, "{}", page.text);
    for said in ["mark-low", "mark-high", "line-slowest", "heat-4", "/app/now?range=1h&amp;scale=log", "Download CSV"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert!(!page.text.contains("style="), "{}", page.text);
    // The hour of both requests, in the map and in its table.
    let map = page.text.split("Requests by day and hour").nth(1).unwrap();
    let place = map.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let log = owner.get(&place).await;
    assert!(place.starts_with("/app/log?since=") && log.text.contains("/Users/none"), "{place}: {}", log.text);
    for range in ["1h", "week"] {
        let csv = owner.get(&format!("/app/counts.csv?range={range}")).await.text;
        assert!(csv.starts_with("from,answered,refused,failed,halfWithinUs,mostWithinUs,p99Us\r\n"), "{csv}");
        assert_eq!(csv.lines().filter(|line| line.contains(",1,1,0,")).count(), 1, "{csv}");
    }
    assert!(!owner.get("/app").await.text.contains("scale=log\" aria-current"), "linear unless somebody says so");
}
