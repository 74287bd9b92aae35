//! What can be decided about an app besides the guide: another one like it, its credential, values of one's own, attributes
//! that are needed, changes that wait.

use crate::browser::Browser;
use crate::desk::{Desk, START};
use serde_json::{Value, json};

const APPS: &str = "/api/v1/tenants/default/apps";
const DESK: &str = "/api/v1/tenants/default/apps/desk";

async fn made(desk: &Desk, change: Value) {
    let made = desk.local("POST", APPS, json!({"name": "desk", "label": "Service Desk"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    ok(desk, "PATCH", DESK, change).await;
}

async fn ok(desk: &Desk, method: &str, path: &str, body: Value) -> Value {
    let answer = desk.local(method, path, body).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    answer.body
}

#[tokio::test]
async fn an_app_is_made_like_another_one() {
    let desk = Desk::new();
    let saml =
        json!({"ssoUrl": "https://desk.example/acs", "audience": "https://desk.example", "groupsAttribute": "groups"});
    let change = json!({"provisioning": true, "connection": {"baseUrl": "https://desk.example/scim/v2", "uniqueField": "userName"},
        "toApp": [{"attribute": "userName", "from": {"direct": "email"}}], "policy": {"actions": {"create": true}},
        "settings": {"saml": saml, "colour": "blue"}, "options": {"reconcileEveryHours": 6}});
    made(&desk, change).await;
    desk.user("adam").await;
    ok(&desk, "PUT", &format!("{DESK}/credential"), json!({"secret": "0123456789abcdef0123456789abcdef"})).await;
    ok(&desk, "POST", &format!("{DESK}/assignments"), json!({"resource": "adam"})).await;
    let copy = ok(&desk, "POST", &format!("{DESK}/duplicate"), json!({"name": "desk-two"})).await;
    assert_eq!((copy["label"].as_str(), copy["hasCredential"].as_bool()), (Some("Copy of Service Desk"), Some(false)));
    assert_eq!(copy["connection"], json!({"baseUrl": "", "uniqueField": "userName"}));
    assert_eq!((&copy["settings"]["colour"], &copy["policy"]["actions"]["create"]), (&json!("blue"), &json!(true)));
    assert_eq!(copy["toApp"][0]["from"], json!({"direct": "email"}));
    let told = &copy["settings"]["saml"];
    assert!(told["groupsAttribute"] == "groups" && told["ssoUrl"].as_str().unwrap_or_default().is_empty(), "{told}");
    assert!(copy["notTaken"].as_str().unwrap().contains("credential"), "{copy}");
    let two = format!("{APPS}/desk-two/assignments");
    assert_eq!(ok(&desk, "GET", &two, Value::Null).await["data"], json!([]));
    assert_eq!(desk.local("POST", &format!("{DESK}/duplicate"), json!({"name": "desk-two"})).await.status, 409);

    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app/apps/desk/duplicate").await;
    assert!(page.text.contains("made without the address and the credential"), "{}", page.text);
    let fields = [("name", "Not A Name"), ("label", "Third")];
    assert_eq!(owner.post("/app/apps/desk/duplicate", &fields).await.status, 422);
    let done = owner.post("/app/apps/desk/duplicate", &[("name", "desk-three"), ("label", "Third")]).await;
    assert_eq!(done.location(), "/app/apps/desk-three");
    assert!(owner.get("/app/apps/desk-three").await.text.contains("Third is there, without the address"));
}

#[tokio::test]
async fn a_credential_shows_how_it_ends_and_since_when() {
    let desk = Desk::new();
    made(&desk, json!({"provisioning": true})).await;
    let mut owner = Browser::owner(&desk).await;
    for (secret, ends) in [
        ("Bearer prv_live_0123456789abcdef9f3c", json!("9f3c")),
        ("short-one-9f3c", Value::Null),
        ("somebody:a-long-password-of-somebody", Value::Null),
        ("Basic c29tZWJvZHk6YS1sb25nLXBhc3N3b3Jk", Value::Null),
    ] {
        ok(&desk, "PUT", &format!("{DESK}/credential"), json!({"secret": secret})).await;
        let shown = ok(&desk, "GET", DESK, Value::Null).await;
        let set_at = scim::meta::rfc3339(START);
        assert_eq!(shown["credential"], json!({"setAt": set_at, "ends": ends}), "{secret}");
        let page = owner.get("/app/apps/desk/provisioning/integration").await;
        assert_eq!(page.text.contains("…9f3c"), !ends.is_null(), "{secret}");
        assert!(!page.text.contains(secret));
    }
    ok(&desk, "PUT", &format!("{DESK}/credential"), json!({"secret": ""})).await;
    assert_eq!(ok(&desk, "GET", DESK, Value::Null).await["credential"], Value::Null);
    let form = [("url", "http://127.0.0.1:9/scim/v2"), ("unique", "userName"), ("mode", "bearer"), ("timeout", "soon")];
    let refused = owner.post("/app/apps/desk/provisioning/integration", &form).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("a whole number of seconds"), "{}", refused.text);
}

async fn adams(desk: &Desk) -> Value {
    ok(desk, "POST", &format!("{DESK}/preview"), json!({"person": "adam"})).await
}

#[tokio::test]
async fn somebody_in_an_assigned_group_has_values_of_their_own() {
    let desk = Desk::new();
    made(&desk, json!({"provisioning": true})).await;
    let adam = desk.user("adam").await;
    let members = json!({"displayName": "Sales", "members": [{"value": adam}]});
    let group = ok(&desk, "POST", "/scim/v2/Groups", members).await["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("{DESK}{rest}");
    let sales = json!({"principal": "group", "resource": "Sales", "profile": {"title": "Seller"}});
    ok(&desk, "POST", &at("/assignments"), sales).await;
    let mut owner = Browser::owner(&desk).await;
    let rows = json!([
        {"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "displayName", "from": {"direct": "nosuch"}},
    ]);
    ok(&desk, "PATCH", DESK, json!({"toApp": rows})).await;
    let page = owner.get("/app/apps/desk/mappings?way=to-app").await;
    let unknown = "There is no attribute <code>user.nosuch</code>";
    assert_eq!(page.text.matches("There is no attribute").count(), 1, "{}", page.text);
    assert!(page.text.contains(unknown), "{}", page.text);
    let place = format!("/app/apps/desk/assign/one?to=people&resource={adam}&values=1");
    let page = owner.get(&place).await;
    assert!(page.text.contains("Now Seller, from the assigned group Sales"), "{}", page.text);
    assert!(page.text.contains("Now adam, from the mapping of userName"), "{}", page.text);
    let wrong = [("to", "groups"), ("resource", &group), ("priority", "first"), ("value.title", "Typed")];
    let refused = owner.post("/app/apps/desk/assign", &wrong).await;
    assert_eq!(refused.status, 422);
    for told in ["priority is a whole number", "value=\"first\"", "value=\"Typed\""] {
        assert!(refused.text.contains(told), "{told}: {}", refused.text);
    }
    let fields = [("to", "people"), ("resource", adam.as_str()), ("only_values", "1"), ("value.title", "Boss")];
    assert_eq!(owner.post("/app/apps/desk/assign", &fields).await.location(), "/app/apps/desk/assignments");
    let held = ok(&desk, "GET", &at("/assignments"), Value::Null).await;
    assert_eq!(
        (&held["data"][0]["onlyValues"], &held["data"][0]["profile"]),
        (&json!(true), &json!({"title": "Boss"}))
    );
    assert!(owner.get(&place).await.text.contains("Now Boss, from their own value"));

    // What is only theirs is no reason: it ends with the group.
    let there = adams(&desk).await;
    assert!(there["map"]["present"].is_object() && there["scope"].to_string().contains("assignedByGroup"), "{there}");
    ok(
        &desk,
        "PATCH",
        &format!("/scim/v2/Groups/{group}"),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "remove", "path": "members"}]}),
    )
    .await;
    let gone = adams(&desk).await;
    assert!(gone["map"]["gone"].is_object(), "{gone}");

    // Assigned as well, the values stay; and only values do not take the assignment away.
    ok(&desk, "POST", &at("/assignments"), json!({"resource": "adam", "profile": {"title": "Boss"}})).await;
    let only = json!({"resource": "adam", "profile": {"title": "Chief"}, "onlyValues": true});
    assert_eq!(ok(&desk, "POST", &at("/assignments"), only).await["onlyValues"], json!(false));
    assert!(adams(&desk).await["map"]["present"].to_string().contains("Chief"));
    let wrong = json!({"principal": "group", "resource": "Sales", "onlyValues": true});
    assert_eq!(desk.local("POST", &at("/assignments"), wrong).await.status, 400);

    // The same as a document.
    let config = ok(&desk, "GET", "/api/v1/tenants/default/config", Value::Null).await;
    assert_eq!(config["apps"]["desk"]["assignments"]["people"][0]["profile"], json!({"title": "Chief"}), "{config}");
}

#[tokio::test]
async fn an_attribute_stays_while_it_is_mapped() {
    let desk = Desk::new();
    made(&desk, json!({"provisioning": true, "toDirectory": [
        {"attribute": "nickName", "from": {"direct": "title"}},
        {"attribute": "title", "from": {"expression": {"text": "String.toUpperCase(appuser.title)", "language": "okta"}}},
    ]})).await;
    let whole = ok(&desk, "GET", DESK, Value::Null).await;
    let others = |name: &str| -> Vec<Value> {
        whole["profile"]["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["variableName"] != name)
            .cloned()
            .collect()
    };
    let to_app: Vec<&Value> =
        whole["toApp"].as_array().unwrap().iter().filter(|row| row["attribute"] != "title").collect();
    let without = json!({"profile": {"attributes": others("title")}, "toApp": to_app});
    let refused = desk.local("PATCH", DESK, without).await;
    let said = "take these mappings away first: nickName (App › Directory), title (App › Directory)";
    assert!(refused.status == 400 && refused.text.contains(said), "{}", refused.text);
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get("/app/apps/desk/profile/edit?variable=title").await;
    assert!(page.text.contains("Take these mappings away first") && page.text.contains("nickName (App › Directory)"));
    ok(&desk, "PATCH", DESK, json!({"toDirectory": [], "toApp": to_app, "profile": {"attributes": others("title")}}))
        .await;

    // *Save and Add Another* comes back to an empty form.
    let fields =
        [("data_type", "string"), ("variable", "floor"), ("external", "floor"), ("length", "none"), ("do", "another")];
    let saved = owner.post("/app/apps/desk/profile", &fields).await;
    assert_eq!((saved.status, saved.location()), (303, "/app/apps/desk/profile/new"), "{}", saved.text);
}

#[tokio::test]
async fn a_change_waits_until_it_is_applied() {
    let desk = Desk::new();
    made(&desk, json!({"provisioning": true})).await;
    let before = ok(&desk, "GET", DESK, Value::Null).await;
    let rows = json!([{"attribute": "userName", "from": {"direct": "userName"}}]);
    let later = ok(&desk, "PATCH", &format!("{DESK}?apply=later"), json!({"toApp": rows})).await;
    assert_eq!((&later["revision"], &later["toApp"][0]["attribute"]), (&before["revision"], &json!("userName")));
    assert!(later["pendingSince"].is_string(), "{later}");
    assert_eq!(desk.local("PATCH", &format!("{DESK}?apply=never"), json!({})).await.status, 400);
    let mut owner = Browser::owner(&desk).await;
    assert!(owner.get("/app/apps/desk").await.text.contains("A change waits to be applied to everybody"));
    owner.post("/app/apps/desk/provisioning/to-app/force", &[]).await;
    let applied = ok(&desk, "GET", DESK, Value::Null).await;
    assert_eq!(
        (&applied["pendingSince"], applied["revision"].as_i64()),
        (&Value::Null, before["revision"].as_i64().map(|n| n + 1))
    );

    let save = [("way", "to-app"), ("do", "save"), ("from.userName", "user.email")];
    let sheet = owner.post("/app/apps/desk/mappings", &save).await;
    assert!(sheet.text.contains("Apply later"), "{}", sheet.text);
    let rows = json!([{"attribute": "userName", "from": {"direct": "email"}}]).to_string();
    owner.post("/app/apps/desk/mappings/apply", &[("way", "to-app"), ("rows", &rows), ("when", "later")]).await;
    assert!(ok(&desk, "GET", DESK, Value::Null).await["pendingSince"].is_string());
    ok(&desk, "POST", &format!("{DESK}/runs"), json!({"kind": "reconcile"})).await;
    assert_eq!(ok(&desk, "GET", DESK, Value::Null).await["pendingSince"], Value::Null);
}

#[tokio::test]
async fn a_default_is_written_in_the_type_of_its_attribute() {
    const PAGE: &str = "/app/apps/desk/mappings";
    let desk = Desk::new();
    let attribute =
        |name: &str, data_type: &str| json!({"variableName": name, "externalName": name, "dataType": data_type});
    let profile = json!({"attributes": [attribute("userName", "string"), attribute("level", "integer"), attribute("tags", "stringArray")]});
    let from = json!({"direct": "title"});
    let rows = json!([{"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "level", "from": from, "empty": {"default": 3}}, {"attribute": "tags", "from": from}]);
    made(&desk, json!({"provisioning": true, "profile": profile, "toApp": rows, "toDirectory": []})).await;
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("{PAGE}?way=to-app")).await;
    assert!(page.text.contains("Use a default") && page.between("id=\"default.level\"", ">").contains("value=\"3\""));
    let mut fields =
        vec![("way", "to-app"), ("do", "save"), ("from.userName", "user.userName"), ("from.level", "user.title")];
    fields.extend([
        ("empty.level", "default"),
        ("from.tags", "user.title"),
        ("empty.tags", "default"),
        ("default.tags", "a, b"),
    ]);
    for (typed, told) in [("many", "a whole number is due"), (" ", "write the default")] {
        let wrong: Vec<_> = fields.iter().copied().chain([("default.level", typed)]).collect();
        let refused = owner.post(PAGE, &wrong).await;
        let kept = refused.between("id=\"empty.level\"", "</p>").to_lowercase();
        assert_eq!(refused.status, 422);
        for told in ["\"default\" selected", &format!("value=\"{typed}\""), "aria-invalid=\"true\"", told] {
            assert!(kept.contains(told), "{told}: {kept}");
        }
        assert!(refused.between("id=\"default.tags\"", ">").contains("value=\"a, b\""));
    }
    fields.push(("default.level", "5"));
    let sheet = owner.post(PAGE, &fields).await;
    let rows = sheet.between("name=\"rows\" value=\"", "\"").replace("&quot;", "\"");
    let rows: Value = serde_json::from_str(&rows).unwrap_or_else(|_| panic!("{}", sheet.text));
    assert_eq!((&rows[1]["empty"], &rows[2]["empty"]), (&json!({"default": 5}), &json!({"default": ["a", "b"]})));
}

#[tokio::test]
async fn what_does_not_fit_is_called_by_the_name_that_was_sent() {
    let desk = Desk::new();
    made(&desk, json!({})).await;
    let tenant = "/api/v1/tenants/default";
    let at = |rest: &str| format!("{tenant}{rest}");
    for (method, path, body, said) in [
        ("PATCH", at(""), json!({"settings": {"nope": 1}}), "there is no setting nope"),
        ("PATCH", at(""), json!({"settings": {"log": {"nope": 1}}}), "there is no setting log.nope"),
        ("PATCH", at(""), json!({"settings": {"log": "x"}}), "log: a value is of the wrong type, expected an object"),
        ("PATCH", at(""), json!({"nope": 1}), "no field `nope`"),
        ("POST", at("/tokens"), json!({"label": "a", "nope": 1}), "no field `nope`"),
        ("POST", at("/tokens"), json!({"label": "a", "pv_0123": 1}), "there is no such field"),
        ("POST", at("/oidc/clients"), json!({"label": "a", "nope": 1}), "no field `nope`"),
        ("PATCH", at("/apps/desk"), json!({"nope": 1}), "nope"),
        ("PATCH", at("/apps/desk"), json!({"options": {"nope": 1}}), "nope"),
        ("PATCH", at("/apps/desk"), json!({"policy": {"actions": {"nope": true}}}), "nope"),
        ("PATCH", at("/apps/desk"), json!({"connection": {"nope": true}}), "nope"),
        ("PATCH", at("/apps/desk/saml"), json!({"nope": 1}), "nope"),
        ("PATCH", at("/apps/dseks"), json!({"label": "x"}), "there is no app dseks"),
        ("PATCH", at("/apps/Pv_Secret"), json!({"label": "x"}), "there is no app of this name"),
    ] {
        let answer = desk.local(method, &path, body.clone()).await;
        let told = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(said), "{method} {path} {body}: {}", answer.text);
        assert!(!answer.text.contains("pv_0123") && !answer.text.contains("Secret"), "{}", answer.text);
    }
}
