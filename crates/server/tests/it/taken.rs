//! Attributes that an administrator has switched off, those that never came, and what the log says of attributes.

use crate::browser::{Browser, EMAIL, PASSWORD};
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const FIELD: &str = "urn:provost:params:scim:schemas:custom:User:desk";

async fn accept(desk: &Desk, of: &str, value: &str, accepted: bool) -> crate::desk::Answer {
    let path = format!("/api/v1/tenants/default/attributes/{value}/accepted");
    desk.local("PUT", &path, json!({"accepted": accepted, "resourceType": of})).await
}

#[tokio::test]
async fn what_is_ignored_is_dropped_and_told_and_what_is_stored_stays() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let first = json!({"userName": "ana", "externalId": "1", "title": "Agent", "nickName": "A"});
    let id = desk.with(&okta, "POST", "/scim/v2/Users", first).await.body["id"].as_str().unwrap().to_owned();
    let at = format!("/scim/v2/Users/{id}");
    let off = accept(&desk, "User", "title", false).await;
    assert_eq!((off.status, &off.body["accepted"]), (200, &json!(false)), "{}", off.text);
    let patch = |value: Value| json!({"schemas": [PATCH], "Operations": [value]});
    for (method, path, body) in [
        ("PUT", at.clone(), json!({"userName": "ana", "externalId": "1", "title": "Boss", "nickName": "B"})),
        ("PUT", at.clone(), json!({"userName": "ana", "externalId": "1", "nickName": "B"})),
        ("PATCH", at.clone(), patch(json!({"op": "replace", "path": "title", "value": "Boss"}))),
        ("PATCH", at.clone(), patch(json!({"op": "remove", "path": "title"}))),
    ] {
        let done = desk.with(&okta, method, &path, body).await;
        assert_eq!((done.status, done.body["title"].as_str()), (200, Some("Agent")), "{method}: {}", done.text);
    }
    let made = desk.with(&okta, "POST", "/scim/v2/Users", json!({"userName": "bo", "title": "Chief"})).await;
    assert!(made.status == 201 && made.body["title"].is_null(), "{}", made.text);
    let log = desk.local("GET", "/api/v1/tenants/default/log?method=POST&limit=1", Value::Null).await;
    let entry = format!("/api/v1/tenants/default/log/{}", log.body["data"][0]["seq"]);
    let entry = desk.local("GET", &entry, Value::Null).await;
    assert!(entry.text.contains("title was left out: it is ignored here"), "{}", entry.text);
    let by_hand = patch(json!({"op": "replace", "path": "title", "value": "By hand"}));
    assert_eq!(desk.local("PATCH", &at, by_hand).await.body["title"], "By hand", "operators are not bound");
    assert_eq!(accept(&desk, "User", "title", true).await.status, 200);
    let put = json!({"userName": "ana", "externalId": "1", "title": "Boss"});
    assert_eq!(desk.with(&okta, "PUT", &at, put).await.body["title"], "Boss");

    for (of, value) in [
        ("User", "userName"),
        ("User", "active"),
        ("User", "externalId"),
        ("Group", "displayName"),
        ("Group", "members"),
        ("User", "id"),
    ] {
        let refused = accept(&desk, of, value, false).await;
        assert_eq!(refused.status, 400, "{of} {value}");
        assert!(refused.text.contains("cannot be ignored: "), "{value}: {}", refused.text);
    }
    assert_eq!(accept(&desk, "User", "nothing", false).await.status, 404);
    let settings = json!({"settings": {"ignored": ["User/userName"]}});
    assert_eq!(desk.local("PATCH", "/api/v1/tenants/default", settings).await.status, 400);
}

#[tokio::test]
async fn pages_say_what_came_and_what_never_did() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    for name in ["desk", "floor"] {
        let field = json!({"attribute": {"name": name, "type": "string"}});
        assert_eq!(desk.local("POST", "/api/v1/tenants/default/attributes", field).await.status, 201);
    }
    let user = json!({"userName": "ana@example.com", "externalId": "1", "title": "Engineer", "active": true,
        "name": {"givenName": "Ana"}, "emails": [{"value": "ana@example.com"}]});
    let id = desk.with(&okta, "POST", "/scim/v2/Users", user).await.body["id"].as_str().unwrap().to_owned();
    assert!(!owner.get("/app").await.text.contains("No request has ever carried"), "it is new");
    desk.clock.advance(3_700 * SECOND);
    owner.sign_in(EMAIL, PASSWORD).await;
    owner.get("/account").await;
    let page = owner.get("/app").await.text;
    let told = page.split("No request has ever carried").nth(1).unwrap_or_default().split("</li>").next().unwrap();
    assert!([">desk<", ">floor<", ">manager<"].iter().all(|name| told.contains(name)), "{told}");
    assert!(!told.contains(">emails<") && !told.contains(">title<"), "{told}");
    assert!(owner.get("/app/setup").await.text.contains("Custom fields that no request has carried"));
    let set = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": FIELD, "value": "4.17"}]});
    assert_eq!(desk.with(&okta, "PATCH", &format!("/scim/v2/Users/{id}"), set).await.status, 200);
    let gone = json!({"schemas": [PATCH], "Operations": [{"op": "remove", "path": FIELD}]});
    assert_eq!(desk.with(&okta, "PATCH", &format!("/scim/v2/Users/{id}"), gone).await.status, 200);
    let never = desk.local("GET", "/api/v1/tenants/default/attributes-never-received", Value::Null).await;
    let values = |never: &Value| {
        let all = never["data"].as_array().unwrap().iter();
        all.map(|one| one["value"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&never.body), ["manager", "floor"], "{}", never.text);
    // What is ignored is not waited for.
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_eq!(accept(&desk, "User", manager, false).await.status, 200);
    let never = desk.local("GET", "/api/v1/tenants/default/attributes-never-received", Value::Null).await;
    assert_eq!(values(&never.body), ["floor"], "{}", never.text);

    // The value is an example that nobody can read.
    let page = owner.get("/app/scim/attributes").await.text;
    assert!(page.contains("E•••r") && !page.contains("Engineer"), "{page}");
    let off =
        owner.post("/app/scim/attributes/accept", &[("of", "User"), ("value", "title"), ("accepted", "no")]).await;
    assert_eq!(off.location(), "/app/scim/attributes?type=User");
    let page = owner.get("/app/scim/attributes?type=User&source=ignored").await.text;
    assert!(page.contains("title is ignored") && page.contains("Accept"), "{page}");

    // By attribute, and what that hides.
    let log = format!("/api/v1/tenants/default/log?attribute={FIELD}");
    assert_eq!(desk.local("GET", &log, Value::Null).await.body["data"].as_array().unwrap().len(), 2);
    let short = desk.local("GET", "/api/v1/tenants/default/log?attribute=desk", Value::Null).await;
    assert_eq!(short.body["data"].as_array().unwrap().len(), 2, "{}", short.text);
    let page = owner.get("/app/log?attribute=title").await.text;
    assert!(page.contains("2 requests hidden by filters") && page.contains("Show them"), "{page}");
    assert!(!owner.get("/app/log").await.text.contains("hidden by filters"));
}

#[tokio::test]
async fn the_row_of_a_token_that_has_ended_leads_to_the_first_request_that_it_refused() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta", "expiresIn": 86_400})).await;
    let (other, _) = desk.token("default", json!({"label": "Entra", "expiresIn": 86_400})).await;
    desk.clock.advance(90_000 * SECOND);
    let mut owner = Browser::owner(&desk).await;
    assert!(!owner.get("/app/scim/tokens").await.text.contains("First refused request"));
    for token in [&other, &okta, &okta] {
        assert_eq!(desk.with(token, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    }
    let log = desk.local("GET", "/api/v1/tenants/default/log?failed=true", Value::Null).await;
    let seqs: Vec<i64> = log.body["data"].as_array().unwrap().iter().map(|one| one["seq"].as_i64().unwrap()).collect();
    let page = owner.get("/app/scim/tokens").await.text;
    assert!(page.contains(&format!("/app/log/{}\">First refused", seqs[1])), "{seqs:?} {page}");
    assert!(page.contains(&format!("/app/log/{}\">First refused", seqs[2])), "{seqs:?} {page}");
    assert!(!page.contains(&format!("/app/log/{}\">First refused", seqs[0])), "not the second one");
    // One that was revoked, too.
    let (ping, id) = desk.token("default", json!({"label": "Ping"})).await;
    assert_eq!(desk.local("DELETE", &format!("/api/v1/tenants/default/tokens/{id}"), Value::Null).await.status, 200);
    desk.clock.advance(SECOND);
    assert_eq!(desk.with(&ping, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    assert_eq!(desk.local("GET", "/api/v1/tenants/default/log?limit=1", Value::Null).await.status, 200);
    let page = owner.get(&format!("/app/scim/tokens/{id}")).await.text;
    assert!(page.contains("First refused request"), "{page}");
}

#[tokio::test]
async fn views_are_kept_for_whoever_named_them_and_rows_stand_as_they_were_chosen() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let mut auditor = Browser::invited(&mut owner, "bea@example.com", "auditor").await;
    let page = owner.get("/app/users?active=no").await.text;
    assert!(page.contains("Save this view"), "{page}");
    let fields = [("page", "users"), ("name", "Gone"), ("query", "active=no")];
    assert_eq!(owner.post("/console/views", &fields).await.location(), "/app/users?active=no");
    let page = owner.get("/app/users").await.text;
    assert!(page.contains("href=\"/app/users?active=no\"") && page.contains("Gone"), "{page}");
    assert!(owner.get("/app/users?active=no").await.text.contains("Remove the view “Gone”"));
    assert!(!auditor.get("/app/users").await.text.contains("Saved views"), "they are somebody else's");
    let theirs = [("page", "log"), ("name", "Refused"), ("query", "result=failed")];
    assert_eq!(auditor.post("/console/views", &theirs).await.location(), "/app/log?result=failed");
    assert!(auditor.get("/app/log").await.text.contains("Refused"));
    // What a view of this name held before, and one that was removed, can be had again.
    let other = [("page", "users"), ("name", " Gone"), ("query", "source=local")];
    let said = owner.post("/console/views", &other).await.location().to_owned();
    let page = owner.get(&said).await.text;
    assert!(page.contains("in place of the view that had this name") && page.contains("value=\"active=no\""), "{page}");
    owner.post("/console/views", &fields).await;
    let said = owner.post("/console/views/forget", &[("page", "users"), ("name", "Gone")]).await.location().to_owned();
    let page = owner.get(&said).await.text;
    assert!(page.contains("is removed") && page.contains("value=\"active=no\""), "{page}");
    assert!(!owner.get("/app/users").await.text.contains("Saved views"));
    let api = "/api/v1/tenants/default/views";
    for (body, due) in [
        (json!({"page": "users", "name": "x", "query": "active=no"}), 200),
        (json!({"page": "nowhere", "name": "x", "query": "active=no"}), 400),
        (json!({"page": "users", "name": " ", "query": "active=no"}), 400),
        (json!({"page": "users", "name": "y", "query": ""}), 400),
    ] {
        assert_eq!(desk.local("PUT", api, body.clone()).await.status, due, "{body}");
    }
    assert_eq!(desk.local("GET", api, Value::Null).await.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(desk.local("DELETE", &format!("{api}?page=users&name=x"), Value::Null).await.status, 200);
    assert_eq!(desk.local("DELETE", &format!("{api}?page=users&name=x"), Value::Null).await.status, 404);

    assert!(!owner.get("/app/users").await.text.contains("data-rows"));
    assert_eq!(
        owner.post("/console/rows", &[("density", "compact"), ("next", "/app/users")]).await.location(),
        "/app/users"
    );
    assert!(owner.get("/app/users").await.text.contains("data-rows=\"compact\""));
}

#[tokio::test]
async fn conflicts_are_a_filter_of_people_and_several_are_solved_at_once() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    for name in ["ana", "bo", "cy"] {
        desk.user(name).await;
    }
    assert!(owner.get("/app/users?conflict=yes").await.text.contains("Nobody fits"));
    for name in ["ana", "bo"] {
        let taken = json!({"userName": name, "externalId": format!("00{name}")});
        assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", taken).await.status, 409);
    }
    let list = desk.local("GET", "/api/v1/tenants/default/log?failed=true", Value::Null).await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 2);
    let page = owner.get("/app/users?conflict=yes").await.text;
    assert!(page.contains("Select ana") && page.contains("Select bo") && !page.contains("Select cy"), "{page}");
    let asked =
        owner.post("/app/users/bulk", &[("do", "deactivate"), ("everybody", "1"), ("conflict", "yes")]).await.text;
    assert!(asked.contains("This concerns 2 users"), "{asked}");

    let page = owner.get("/app/conflicts").await.text;
    let boxes: Vec<String> =
        page.split("name=\"one\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(boxes.len(), 2, "{page}");
    let both: Vec<(&str, &str)> = boxes.iter().map(|one| ("one", one.as_str())).chain([("do", "link")]).collect();
    owner.post("/app/conflicts/bulk", &both).await;
    assert!(owner.get("/app/conflicts").await.text.contains("Linked: 2"));
    let people = desk.local("GET", "/scim/v2/Users?filter=externalId%20pr", Value::Null).await;
    assert_eq!(people.body["totalResults"], 2, "{}", people.text);
    // One that is gone stops no other.
    assert_eq!(desk.with(&okta, "POST", "/scim/v2/Users", json!({"userName": "cy"})).await.status, 409);
    desk.local("GET", "/api/v1/tenants/default/log?limit=1", Value::Null).await;
    let list = desk.local("GET", "/api/v1/tenants/default/conflicts", Value::Null).await;
    let name = list.body["data"][0]["name"].as_str().unwrap().to_owned();
    let body = json!({"do": "link", "conflicts": [{"name": "gone"}, {"name": name}]});
    let done = desk.local("POST", "/api/v1/tenants/default/conflicts/bulk", body).await;
    assert_eq!(
        (done.body["done"].as_i64(), done.body["failed"][0]["subject"].as_str()),
        (Some(1), Some("gone")),
        "{}",
        done.text
    );
    let none = json!({"do": "dismiss", "conflicts": []});
    assert_eq!(desk.local("POST", "/api/v1/tenants/default/conflicts/bulk", none).await.status, 400);
}

/// The difference that the log tells of the newest creation.
async fn newest_difference(desk: &Desk) -> Value {
    let log = desk.local("GET", "/api/v1/tenants/default/log?method=POST&limit=1", Value::Null).await;
    let entry = format!("/api/v1/tenants/default/log/{}", log.body["data"][0]["seq"]);
    desk.local("GET", &entry, Value::Null).await.body["diff"].clone()
}

#[tokio::test]
async fn what_a_creation_changed_is_told_whether_the_answer_says_it_or_not() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let long = "x".repeat(3_000);
    let people = [
        (json!({}), ""),
        (json!({"title": "Agent", "nickName": "\"ä\\", "active": false, "name": {"givenName": "Ana"}}), ""),
        (json!({"externalId": "1", "emails": [{"value": "a@x.test", "primary": true}, {"value": "b@x.test"}]}), ""),
        (json!({ENTERPRISE: {"employeeNumber": "0815", "department": "D"}, "locale": "de-DE"}), ""),
        (json!({ENTERPRISE: {"manager": {"value": "nobody"}}}), ""),
        (json!({"password": "Sup3r-S3cret-Pa55", "title": "Agent"}), "Sup3r-S3cret"),
        (json!({"title": long}), ""),
    ];
    for (number, (person, hidden)) in people.into_iter().enumerate() {
        let mut told = Vec::new();
        for (name, query) in [("whole", ""), ("parts", "?excludedAttributes=externalId")] {
            let mut person = person.clone();
            person["userName"] = format!("{name}{number}@x.test").into();
            let made = desk.with(&okta, "POST", &format!("/scim/v2/Users{query}"), person).await;
            assert_eq!(made.status, 201, "{}", made.text);
            let difference = newest_difference(&desk).await.to_string();
            assert!(hidden.is_empty() || !difference.contains(hidden), "{difference}");
            told.push(difference.replace(name, "name"));
        }
        let is_whole = told[0].contains(&long);
        assert!(is_whole || told[0] == told[1], "{number}: {} {}", told[0], told[1]);
        assert_eq!(is_whole, told[0] != told[1], "a long value is cut where the answer does not say it");
        assert!(told[0].contains("userName"), "{}", told[0]);
    }
    for (attribute, found) in [("employeeNumber", 2), ("nickName", 2), ("profileUrl", 0), ("meta", 0)] {
        let query = format!("/api/v1/tenants/default/log?attribute={attribute}");
        let log = desk.local("GET", &query, Value::Null).await;
        assert_eq!(log.body["data"].as_array().map(Vec::len), Some(found), "{attribute}: {}", log.text);
    }
}
