//! The pages without a script: each form is a POST and a redirect, and a refused one comes back with what is wrong.

use crate::browser::Browser;
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

const DAY: i64 = 86_400 * SECOND;

#[tokio::test]
async fn a_token_is_made_shown_once_rotated_and_revoked() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let empty = owner
        .post("/app/scim/tokens", &[("label", "  "), ("days", "30"), ("users", "write"), ("groups", "write")])
        .await;
    assert_eq!(empty.status, 422);
    assert!(
        empty.text.contains("aria-invalid=\"true\"") && empty.text.contains("label takes 1 to 100"),
        "{}",
        empty.text
    );
    let fields = [("label", "Okta"), ("days", "30"), ("users", "write"), ("groups", "read")];
    let made = owner.post("/app/scim/tokens", &fields).await;
    assert_eq!((made.status, made.header("cache-control")), (200, "no-store"));
    let first = made.between("value=\"pv_", "\"");
    let first = format!("pv_{first}");
    assert!(made.text.contains("Waiting for the first request"), "{}", made.text);
    assert_eq!(desk.with(&first, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    let group = desk.with(&first, "POST", "/scim/v2/Groups", json!({"displayName": "g"})).await;
    assert_eq!(group.status, 403, "groups were to be read only");
    let list = owner.get("/app/scim/tokens").await;
    assert!(!list.text.contains(&first) && list.text.contains("ends soon") && list.text.contains("Okta"));

    let ids = list.text.split("href=\"/app/scim/tokens/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let id = ids.last().unwrap().to_owned();
    let rotated = owner.post(&format!("/app/scim/tokens/{id}/rotate"), &[("hours", "1")]).await;
    let second = format!("pv_{}", rotated.between("value=\"pv_", "\""));
    let loaded_again = owner.post(&format!("/app/scim/tokens/{id}/rotate"), &[("hours", "1")]).await;
    assert_eq!((loaded_again.status, loaded_again.location()), (303, &*format!("/app/scim/tokens/{id}")));
    for token in [&first, &second] {
        assert_eq!(desk.with(token, "GET", "/scim/v2/Users", Value::Null).await.status, 200, "both work");
    }
    let guide = owner.get(&format!("/app/scim/tokens/{id}")).await;
    assert!(guide.text.contains("Rotation") && guide.text.contains("being replaced"), "{}", guide.text);
    assert!(guide.text.contains("It was rotated already, pv_"), "{}", guide.text);
    let switch = |off| [("off", off)];
    let off = owner.post(&format!("/app/scim/tokens/{id}/switch"), &switch("true")).await;
    assert_eq!(off.status, 303);
    let refused = desk.with(&first, "GET", "/scim/v2/Users", Value::Null).await;
    assert_eq!((refused.status, refused.body["scimType"].clone()), (401, Value::Null));
    assert!(refused.text.contains("PRV-2012") && refused.text.contains("switched off"), "{}", refused.text);
    assert!(owner.get("/app/scim/tokens").await.text.contains("switched off"));
    owner.post(&format!("/app/scim/tokens/{id}/switch"), &switch("false")).await;
    assert_eq!(desk.with(&first, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    let revoked = owner.post(&format!("/app/scim/tokens/{id}/revoke"), &[]).await;
    assert_eq!((revoked.status, revoked.location()), (303, "/app/scim/tokens"));
    assert!(owner.get("/app/scim/tokens").await.text.contains("Token “Okta” revoked"), "the page says it once");
    assert!(!owner.get("/app/scim/tokens").await.text.contains("Token “Okta” revoked"), "and not again");
    assert_eq!(desk.with(&first, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    assert_eq!(desk.with(&second, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    let again = owner.post(&format!("/app/scim/tokens/{id}/switch"), &switch("false")).await;
    assert_eq!(again.status, 400, "what is revoked stays so");
}

#[tokio::test]
async fn switches_say_what_they_mean_and_can_be_undone() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = desk.user("adam").await;
    let page = owner.get("/app/scim").await;
    assert!(page.text.contains("http://localhost:8080/scim/v2") && page.text.contains("cannot reach this address"));
    assert!(page.text.contains("extension:enterprise:2.0:User:manager"));
    let set = owner.post("/app/scim/switches", &[("users.update", "false")]).await;
    assert_eq!((set.status, set.location()), (303, "/app/scim#operations"));
    let page = owner.get("/app/scim").await;
    assert!(page.text.contains("Update users is off") && page.text.contains("Undo"), "{}", page.text);
    assert!(page.text.contains("whoever leaves keeps access"), "{}", page.text);
    let path = format!("/scim/v2/Users/{id}");
    assert_eq!(desk.with(&token, "PUT", &path, json!({"userName": "adam", "active": false})).await.status, 403);
    let off = owner.post(&format!("/app/users/{id}/active"), &[("active", "false")]).await;
    assert_eq!(off.status, 303, "switches bind identity providers, not operators");
    assert_eq!(desk.with(&token, "GET", &path, Value::Null).await.body["active"], false);
    owner.post("/app/scim/switches", &[("users.update", "true")]).await;
    assert_eq!(desk.with(&token, "PUT", &path, json!({"userName": "adam", "active": true})).await.status, 200);
    let refused = owner.post("/app/scim/rules", &[("adoption", "userName"), ("rate", "0"), ("burst", "x")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("value=\"x\""), "what was typed is there again");
}

#[tokio::test]
async fn an_endpoint_is_tested_as_an_identity_provider_would_and_nothing_stays() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let tested = owner.post("/app/scim/test", &[]).await;
    assert!(tested.text.contains("An identity provider can work with this endpoint"), "{}", tested.text);
    assert_eq!(desk.local("GET", "/scim/v2/Users", Value::Null).await.body["totalResults"], 0);
    desk.local("PATCH", "/api/v1/tenants/default/switches", json!({"users": {"delete": false, "read": false}})).await;
    let tested = owner.post("/app/scim/test", &[]).await;
    assert!(tested.text.contains("did not go well") && tested.text.contains("users.read"), "{}", tested.text);
    desk.local("PATCH", "/api/v1/tenants/default/switches", json!({"users": {"delete": true, "read": true}})).await;
    assert_eq!(desk.local("GET", "/scim/v2/Users", Value::Null).await.body["totalResults"], 0, "tidied all the same");
    let tokens = desk.local("GET", "/api/v1/tenants/default/tokens", Value::Null).await;
    assert!(tokens.body["data"].as_array().unwrap().iter().all(|token| token["state"] == "revoked"), "{}", tokens.text);
}

#[tokio::test]
async fn custom_fields_of_every_type() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    for kind in ["string", "boolean", "integer", "decimal", "dateTime", "reference", "binary"] {
        let name = format!("a{kind}");
        let fields = [("name", name.as_str()), ("kind", kind), ("of", "User"), ("max", ""), ("description", "x")];
        let made = owner.post("/app/fields", &fields).await;
        assert_eq!(made.status, 303, "{kind}: {}", made.text);
    }
    let list = owner.get("/app/fields").await;
    assert!(list.text.contains("data-copy=\"urn:provost:params:scim:schemas:custom:User:astring\""), "{}", list.text);
    let preview = owner.get("/app/fields/preview?name=costCentre&of=Group").await;
    assert!(preview.text.contains("urn:provost:params:scim:schemas:custom:Group:costCentre"));
    for (fields, field) in [
        (vec![("name", "9x"), ("kind", "string")], "name"),
        (vec![("name", "ok"), ("kind", "string"), ("max", "many")], "max"),
        (vec![("name", "ok"), ("kind", "string"), ("min", "9"), ("max", "2")], "max"),
        (vec![("name", "astring"), ("kind", "string")], "name"),
        (vec![("name", "ok"), ("kind", "string"), ("namespace", "no urn")], "namespace"),
    ] {
        let refused = owner.post("/app/fields", &fields).await;
        assert_eq!(refused.status, 422, "{fields:?}");
        assert!(refused.text.contains(&format!("id=\"{field}-error\"")), "{fields:?}: {}", refused.text);
    }
    let value = "urn:provost:params:scim:schemas:custom:User:astring";
    let like = owner.get(&format!("/app/fields/new?like={value}")).await;
    assert!(like.text.contains("Create field") && !like.text.contains("value=\"astring\""), "{}", like.text);
    // The first of them goes down, and up as far as it can.
    for (to, before) in [("down", "aboolean"), ("up", ""), ("up", "")] {
        assert_eq!(owner.post("/app/fields/move", &[("value", value), ("to", to)]).await.location(), "/app/fields");
        let list = owner.get("/app/fields").await.text;
        let at = |name: &str| list.find(&format!("custom%3AUser%3A{name}")).unwrap();
        assert_eq!(at("aboolean") < at("astring"), before == "aboolean", "{to}");
    }
    for (login, text) in [("a", "same"), ("b", "same")] {
        let user = json!({"userName": login, "urn:provost:params:scim:schemas:custom:User": {"astring": text}});
        assert_eq!(desk.local("POST", "/scim/v2/Users", user).await.status, 201);
    }
    let change = [("value", value), ("name", "astring"), ("kind", "string"), ("of", "User"), ("unique", "1")];
    let refused = owner.post("/app/fields", &change).await;
    assert_eq!(refused.status, 422, "two have the same value");
    assert!(
        refused.text.contains("id=\"max\"") && refused.text.contains("another resource already has"),
        "{}",
        refused.text
    );
    let change =
        [("value", value), ("name", "astring"), ("kind", "string"), ("of", "User"), ("max", "10"), ("options", "x\ny")];
    assert_eq!(owner.post("/app/fields", &change).await.status, 303);
    let page = owner.get(&format!("/app/fields/edit?value={value}")).await;
    assert!(page.text.contains("2 values") && page.text.contains("value=\"10\""), "{}", page.text);
    let kept = owner.post("/app/fields/remove", &[("value", value), ("confirm", "other")]).await;
    assert!(kept.location().starts_with("/app/fields/edit"));
    assert_eq!(
        owner.post("/app/fields/remove", &[("value", value), ("confirm", "astring")]).await.location(),
        "/app/fields"
    );
    let user = desk.local("GET", "/scim/v2/Users", Value::Null).await;
    assert!(!user.text.contains("astring"), "its values are gone: {}", user.text);
}

#[tokio::test]
async fn people_and_groups_by_hand() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let fields = [("user_name", "eve@example.com"), ("given", "Eve"), ("family", "Diaz"), ("email", "eve@example.com")];
    let made = owner.post("/app/users", &fields).await;
    let user = made.location().to_owned();
    assert!(user.starts_with("/app/users/"), "{}", made.text);
    let taken = owner.post("/app/users", &fields).await;
    assert_eq!(taken.status, 422);
    assert!(taken.text.contains("user_name-error") && taken.text.contains("value=\"Diaz\""), "{}", taken.text);
    let page = owner.get(&user).await;
    assert!(
        page.text.contains("Eve Diaz") && page.text.contains("Local") && page.text.contains("operator"),
        "{}",
        page.text
    );

    let group = owner.post("/app/groups", &[("name", "Night shift")]).await.location().to_owned();
    assert_eq!(owner.post("/app/groups", &[("name", "night SHIFT")]).await.status, 422);
    owner.post(&format!("{group}/members"), &[("add", "nobody")]).await;
    assert!(owner.get(&group).await.text.contains("Nobody here has the login nobody"));
    owner.post(&format!("{group}/members"), &[("add", "eve@example.com")]).await;
    let page = owner.get(&group).await;
    assert!(page.text.contains(&user) && page.text.contains("1 member"), "{}", page.text);
    assert!(owner.get(&format!("{user}/groups")).await.text.contains("Night shift"));
    owner.post(&format!("{group}/name"), &[("name", "Day shift")]).await;
    let id = user.rsplit('/').next().unwrap();
    owner.post(&format!("{group}/members"), &[("remove", id)]).await;
    assert!(owner.get(&group).await.text.contains("Nobody is in this group"));
    let history = owner.get(&format!("{group}/history")).await;
    for told in ["Night shift", "Day shift", "1 member"] {
        assert!(history.text.contains(told), "{told}: {}", history.text);
    }
    assert_eq!(owner.post(&format!("{group}/delete"), &[("confirm", "Night shift")]).await.location(), group);
    assert_eq!(owner.post(&format!("{group}/delete"), &[("confirm", "Day shift")]).await.location(), "/app/groups");
    assert_eq!(owner.post(&format!("{user}/delete"), &[("confirm", "eve@example.com")]).await.location(), "/app/users");
    assert_eq!(owner.get(&user).await.status, 404);
}

#[tokio::test]
async fn settings_by_section() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let url = [("base_url", "https://scim.example.com/scim/v2/")];
    assert_eq!(owner.post("/app/settings/general/address", &url).await.status, 303);
    assert!(owner.get("/app/scim").await.text.contains("https://scim.example.com/scim/v2"));
    for (section, fields, told) in [
        ("address", vec![("base_url", "ftp://x")], "baseUrl"),
        ("log", vec![("level", "all"), ("days", "x"), ("size", "1"), ("body", "1")], "the days"),
        ("sizes", vec![("page_default", "9"), ("page_max", "5"), ("cursor", "60")], "pageDefault"),
    ] {
        let refused = owner.post(&format!("/app/settings/general/{section}"), &fields).await;
        assert_eq!(refused.status, 422, "{section}");
        assert!(refused.text.contains(told), "{section}: {}", refused.text);
    }
    for (domains, status) in [
        (json!(["example.com", "xn--bcher-kva.example", "Bücher.example", "localhost"]), 200),
        (json!([]), 200),
        (json!(["a b"]), 400),
        (json!(["@example.com"]), 400),
        (json!(["example.com, example.org"]), 400),
        (json!([""]), 400),
        (json!([format!("{}.example", "x".repeat(250))]), 400),
    ] {
        let settings = json!({"settings": {"verifiedDomains": domains}});
        let answer = desk.local("PATCH", "/api/v1/tenants/default", settings).await;
        assert_eq!(answer.status, status, "{domains}: {}", answer.text);
        assert_eq!(answer.text.contains("verifiedDomains holds domains"), status == 400, "{}", answer.text);
    }
    let order = [("id", "0"), ("externalId", "0"), ("userName", "2"), ("emails", "1"), ("employeeNumber", "0")];
    assert_eq!(owner.post("/app/settings/general/managers", &order).await.status, 303);
    owner.post("/app/settings/general/dialect", &[("op_any_case", "1")]).await;
    let exported = owner.get("/app/settings/export").await;
    let exported: Value = serde_json::from_str(&exported.text).unwrap();
    assert_eq!(exported["settings"]["managerMatch"], json!(["emails", "userName"]));
    assert_eq!(exported["settings"]["dialect"]["op_any_case"], true);
    assert_eq!(exported["settings"]["dialect"]["boolean_strings"], false);
}

#[tokio::test]
async fn a_setup_link_opens_one_page_makes_one_token_and_ends() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let made = owner.post("/app/setup/links", &[("label", "Okta team"), ("days", "7")]).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let path = format!("/share/{}", made.between("/share/", "\""));
    let mut guest = Browser::new(&desk);
    let page = guest.get(&path).await;
    assert!(
        page.status == 200 && page.text.contains("Okta team") && page.text.contains("Generate token"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("/app/"), "nothing leads into the console");
    assert_eq!(guest.get("/app/users").await.status, 303, "and it opens nothing else");
    let token = guest.post(&format!("{path}/token"), &[]).await;
    let token = format!("pv_{}", token.between("value=\"pv_", "\""));
    assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
    let again = guest.post(&format!("{path}/token"), &[]).await;
    assert!(again.text.contains("was made already") && !again.text.contains("pv_"), "{}", again.text);
    assert!(guest.get(&format!("{path}/steps")).await.text.contains("of 6"));
    let list = owner.get("/app/setup").await;
    assert!(list.text.contains("token made") && !list.text.contains(&path), "{}", list.text);
    let id = list.between("/app/setup/links/", "/revoke");
    owner.post(&format!("/app/setup/links/{id}/revoke"), &[]).await;
    let page = guest.get(&path).await;
    assert!(page.status == 410 && page.text.contains("Ask for a new one"), "{}", page.text);
    assert!(guest.get(&format!("{path}/steps")).await.text.contains("closed"));
    assert!(!owner.get("/app").await.text.contains("a new one was asked for"));
    assert_eq!(guest.post(&format!("{path}/ask"), &[]).await.location(), path);
    assert!(guest.get(&path).await.text.contains("has asked for a new one"));
    assert!(owner.get("/app").await.text.contains("a new one was asked for"));
    assert!(owner.get("/app/setup").await.text.contains("Make a new one"));
    desk.clock.advance(SECOND);
    let made = owner.post("/app/setup/links", &[("label", "Okta team"), ("days", "7")]).await;
    let again = format!("/share/{}", made.between("/share/", "\""));
    assert!(!owner.get("/app").await.text.contains("a new one was asked for"), "it is answered");
    assert!(guest.post(&format!("{again}/done"), &[]).await.text.contains("The link is closed"));
    assert_eq!(guest.get(&again).await.status, 410);
    assert_eq!(guest.get("/share/pvl_nothing").await.status, 404, "there never was such a one");
    // A wrong token is told with its end, where setting up is.
    let wrong = "pv_0123456789012345678901234567890123456789wx9Z";
    assert_eq!(desk.with(wrong, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
    desk.local("GET", "/api/v1/tenants/default/log", Value::Null).await;
    let steps = owner.get("/app/setup/steps").await.text;
    assert!(steps.contains("it ends in <code>…wx9Z</code>") && !steps.contains("0123456"), "{steps}");
    let made = owner.post("/app/setup/links", &[("label", "Later"), ("days", "1")]).await;
    let path = format!("/share/{}", made.between("/share/", "\""));
    desk.clock.advance(DAY + SECOND);
    assert_eq!(guest.get(&path).await.status, 410, "it has ended by itself");
    desk.app.store().close();
}

/// A group gives roles: who gains and who loses is said before, people have them by the groups that they are in, also
/// through others, and a group that is deleted gives nothing when its id is there again.
#[tokio::test]
async fn a_group_gives_roles_and_says_who_gains_and_who_loses() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (adam, bea) = (desk.user("adam").await, desk.user("bea").await);
    let group = async |name: &str, members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let made = desk.local("POST", "/scim/v2/Groups", json!({"displayName": name, "members": members})).await;
        made.body["id"].as_str().unwrap().to_owned()
    };
    let inner = group("Support", &[&adam, &bea]).await;
    let outer = group("Staff", &[&inner, &adam]).await;
    let page = format!("/app/groups/{inner}/roles");
    assert_eq!(
        owner.post(&format!("/app/groups/{outer}/roles"), &[("roles", "reader"), ("do", "save")]).await.status,
        303
    );
    let of = async |user: &str| {
        desk.local("GET", &format!("/api/v1/tenants/default/users/{user}/roles"), Value::Null).await.body["roles"]
            .clone()
    };
    assert_eq!((of(&adam).await, of(&bea).await), (json!(["reader"]), json!(["reader"])));
    // Everybody reads already, by the group around this one; only the other role is new.
    let shown = owner.post(&page, &[("roles", "Support agent\nreader"), ("do", "preview")]).await;
    assert!(
        shown.text.contains("2 people gain Support agent") && !shown.text.contains("gain reader"),
        "{}",
        shown.text
    );
    assert_eq!(of(&bea).await, json!(["reader"]), "a preview changes nothing");
    assert_eq!(owner.post(&page, &[("roles", "Support agent"), ("do", "save")]).await.status, 303);
    assert_eq!(of(&bea).await, json!(["Support agent", "reader"]));
    assert!(owner.get(&format!("/app/users/{bea}/groups")).await.text.contains("Support agent"));
    let path = format!("/api/v1/tenants/default/groups/{inner}/roles");
    let effect = desk.local("POST", &format!("{path}/preview"), json!({"roles": []})).await.body;
    assert_eq!((effect["lose"][0]["people"].as_array().map(Vec::len), &effect["gain"]), (Some(2), &json!([])));
    assert_eq!(owner.post(&page, &[("roles", &"x".repeat(200)), ("do", "save")]).await.status, 422);
    assert_eq!(desk.local("PUT", &path, json!({"roles": ["x\u{1}"]})).await.status, 400);
    assert_eq!(
        desk.local("PUT", "/api/v1/tenants/default/groups/none/roles", json!({"roles": ["x"]})).await.status,
        404
    );
    let all = desk.local("GET", "/api/v1/tenants/default/roles", Value::Null).await.body;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(desk.local("DELETE", &format!("/scim/v2/Groups/{inner}"), Value::Null).await.status, 204);
    assert_eq!((of(&adam).await, of(&bea).await), (json!(["reader"]), json!([])));
}

#[tokio::test]
async fn a_field_is_put_away_and_comes_back_also_as_another_type() {
    const URN: &str = "urn:provost:params:scim:schemas:custom:User";
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let api = "/api/v1/tenants/default";
    let value = format!("{URN}:floor");
    owner.post("/app/fields", &[("name", "floor"), ("kind", "string"), ("of", "User"), ("unique", "1")]).await;
    let mut ids = Vec::new();
    for (login, floor) in [("a", "1"), ("b", "2"), ("c", "attic")] {
        let body = json!({"userName": login, URN: {"floor": floor}});
        ids.push(desk.local("POST", "/scim/v2/Users", body).await.body["id"].as_str().unwrap().to_owned());
    }
    let edit = owner.get(&format!("/app/fields/edit?value={value}")).await;
    assert!(edit.text.contains("Archive field") && edit.text.contains("3 values"), "{}", edit.text);
    let here = owner.post("/app/fields/archive", &[("value", &value)]).await.location().to_owned();
    assert!(here.starts_with("/app/fields/archived"), "{here}");
    // Nobody is offered it, and what is sent for it is unknown.
    let schemas = desk.local("GET", "/scim/v2/Schemas", Value::Null).await;
    assert!(!schemas.text.contains("floor"), "{}", schemas.text);
    let body = json!({"userName": "d", URN: {"floor": "1"}});
    let made = desk.local("POST", "/scim/v2/Users", body).await;
    assert!(made.status == 201 && !made.text.contains("floor"), "{}", made.text);
    let filtered = desk.local("GET", &format!("/scim/v2/Users?filter={URN}:floor%20eq%20%221%22"), Value::Null).await;
    assert_eq!(filtered.body["totalResults"], 0, "{}", filtered.text);
    let taken = owner.post("/app/fields", &[("name", "floor"), ("kind", "string"), ("of", "User")]).await;
    assert!(taken.status == 422 && taken.text.contains("archived with its values"), "{}", taken.text);
    // The values are where people look for them.
    let person = owner.get(&format!("/app/users/{}", ids[2])).await;
    assert!(person.text.contains("Archived fields") && person.text.contains("attic"), "{}", person.text);
    let kept = desk.local("GET", &format!("{api}/users/{}/archived-values", ids[2]), Value::Null).await;
    assert_eq!(kept.body["data"], json!([{"attribute": value, "value": "attic"}]));
    let list = desk.local("GET", &format!("{api}/archived-attributes"), Value::Null).await;
    assert_eq!((&list.body["data"][0]["values"], &list.body["data"][0]["value"]), (&json!(3), &json!(value)));
    assert!(list.body["data"][0]["archivedBy"].as_str().unwrap().contains('@'), "{}", list.text);
    assert!(owner.get("/app/fields").await.text.contains("Archived fields"));
    // Another type is looked at first.
    let would = owner.get(&format!("{here}&kind=integer")).await;
    for part in ["2 values will be converted", "1 value cannot be", "attic", "Restore without these"] {
        assert!(would.text.contains(part), "{part}: {}", would.text);
    }
    let wanted = [("value", value.as_str()), ("kind", "integer")];
    let refused = owner.post("/app/fields/restore", &wanted).await;
    assert!(refused.status == 422 && refused.text.contains("1 of the values does not fit"), "{}", refused.text);
    let unsure = [("value", value.as_str()), ("kind", "integer"), ("leave_out", "1"), ("confirm", "flor")];
    assert_eq!(owner.post("/app/fields/restore", &unsure).await.location(), here);
    // As it was: everybody has what they had, and the index knows it.
    let back = owner.post("/app/fields/restore", &[("value", &value)]).await;
    assert!(back.location().starts_with("/app/fields/edit"), "{}", back.text);
    let found = desk.local("GET", &format!("/scim/v2/Users?filter={URN}:floor%20eq%20%22ATTIC%22"), Value::Null).await;
    assert_eq!(found.body["Resources"][0][URN]["floor"], "attic", "{}", found.text);
    let twice = json!({"userName": "e", URN: {"floor": "attic"}});
    assert_eq!(desk.local("POST", "/scim/v2/Users", twice).await.status, 409);
    // As a number, without the one that is none.
    owner.post("/app/fields/archive", &[("value", &value)]).await;
    let sure = [("value", value.as_str()), ("kind", "integer"), ("leave_out", "1"), ("confirm", "floor")];
    owner.post("/app/fields/restore", &sure).await;
    let users = desk.local("GET", "/scim/v2/Users?sortBy=userName", Value::Null).await;
    let floors: Vec<&Value> =
        users.body["Resources"].as_array().unwrap().iter().map(|user| &user[URN]["floor"]).collect();
    assert_eq!(floors, [&json!(1), &json!(2), &Value::Null, &Value::Null], "{}", users.text);
    // And out of the world.
    owner.post("/app/fields/archive", &[("value", &value)]).await;
    let kept = owner.post("/app/fields/forget", &[("value", &value), ("confirm", "no")]).await;
    assert_eq!(kept.location(), here);
    assert!(owner.get(&here).await.text.contains("The values of 2 people go"));
    assert_eq!(
        owner.post("/app/fields/forget", &[("value", &value), ("confirm", "floor")]).await.location(),
        "/app/fields"
    );
    let list = desk.local("GET", &format!("{api}/archived-attributes"), Value::Null).await;
    assert_eq!(list.body["data"], json!([]));
    assert_eq!(desk.local("GET", "/api/v1/check", Value::Null).await.body["data"], json!([]));
    let trail = desk.local("GET", "/api/v1/audit", Value::Null).await;
    for action in ["attribute.archive", "attribute.restore", "attribute.delete"] {
        assert!(trail.text.contains(action), "{action}: {}", trail.text);
    }
}

#[tokio::test]
async fn a_group_tells_whom_a_push_named_and_who_is_not_here() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let here = desk.local("POST", "/scim/v2/Users", json!({"userName": "ana"})).await.body["id"].clone();
    let gone =
        desk.local("POST", "/scim/v2/Users", json!({"userName": "eve", "externalId": "e"})).await.body["id"].clone();
    let gone = gone.as_str().unwrap().to_owned();
    desk.local("DELETE", &format!("/scim/v2/Users/{gone}"), Value::Null).await;
    let group = json!({"displayName": "Support", "members": [{"value": here}, {"value": gone}, {"value": "nobody"}]});
    let made = desk.local("POST", "/scim/v2/Groups", group).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let (at, api) = (format!("/app/groups/{id}"), format!("/api/v1/tenants/default/groups/{id}/absent-members"));
    let page = owner.get(&at).await.text;
    for part in ["2 members of the push are not provisioned here", "Push now", &gone, "nobody"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // One comes back with the old id: it is told to push again; the other is named no more.
    desk.local("POST", "/scim/v2/Users", json!({"userName": "eve", "externalId": "e"})).await;
    let body = |operation: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
    let path = format!("/scim/v2/Groups/{id}");
    desk.local("PATCH", &path, body(json!({"op": "remove", "path": "members[value eq \"nobody\"]"}))).await;
    desk.local("PATCH", &path, body(json!({"op": "remove", "path": "members", "value": [{"value": "nobody"}]}))).await;
    let all = desk.local("GET", &api, Value::Null).await;
    assert_eq!(all.body["data"].as_array().map(Vec::len), Some(1), "{}", all.text);
    assert_eq!((&all.body["data"][0]["value"], &all.body["data"][0]["hereNow"]["id"]), (&json!(gone), &json!(gone)));
    assert!(owner.get(&at).await.text.contains("push the group again"));
    desk.local("PATCH", &path, body(json!({"op": "add", "path": "members", "value": [{"value": gone}]}))).await;
    assert_eq!(desk.local("GET", &api, Value::Null).await.body["data"], json!([]), "whoever is in it is not absent");
    // A whole new list forgets, and so does whoever has looked.
    desk.local("PATCH", &path, body(json!({"op": "add", "path": "members", "value": [{"value": "x"}]}))).await;
    desk.local("PATCH", &path, body(json!({"op": "replace", "path": "members", "value": [{"value": "y"}]}))).await;
    let all = desk.local("GET", &api, Value::Null).await;
    assert!(all.text.contains("\"y\"") && !all.text.contains("\"x\""), "{}", all.text);
    assert_eq!(owner.post(&format!("{at}/absent"), &[]).await.location(), at);
    assert!(!owner.get(&at).await.text.contains("not provisioned here"));
    desk.local("PATCH", &path, body(json!({"op": "add", "path": "members", "value": [{"value": "z"}]}))).await;
    desk.local("DELETE", &path, Value::Null).await;
    assert_eq!(desk.local("GET", "/api/v1/check", Value::Null).await.body["data"], json!([]));
}

#[tokio::test]
async fn somebody_is_converted_and_unlinked() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let user = json!({"userName": "ana", "externalId": "00u", "userType": "contractor"});
    let id = desk.local("POST", "/scim/v2/Users", user).await.body["id"].as_str().unwrap().to_owned();
    let at = format!("/app/users/{id}");
    let page = owner.get(&at).await.text;
    assert!(page.contains("contractor") && page.contains("Convert to technician"), "{page}");
    for (to, due) in
        [("technician", json!("technician")), ("requester", json!("requester")), ("boss", json!("requester"))]
    {
        assert_eq!(owner.post(&format!("{at}/convert"), &[("to", to)]).await.location(), at);
        let user = desk.local("GET", &format!("/scim/v2/Users/{id}"), Value::Null).await;
        assert_eq!(user.body["userType"], due, "{to}");
    }
    assert!(!owner.get(&at).await.text.contains("Convert to requester"), "they are one");
    assert!(owner.get("/app/users?type=requester").await.text.contains(&at));
    assert!(!owner.get("/app/users?type=technician").await.text.contains(&at));
    assert_eq!(owner.post(&format!("{at}/unlink"), &[("confirm", "eve")]).await.location(), at);
    assert!(owner.get(&at).await.text.contains("Unlink from the identity provider"));
    owner.post(&format!("{at}/unlink"), &[("confirm", "ana")]).await;
    let user = desk.local("GET", &format!("/scim/v2/Users/{id}"), Value::Null).await;
    assert!(user.body.get("externalId").is_none() && user.body["userType"] == "requester", "{}", user.text);
    let page = owner.get(&at).await.text;
    assert!(page.contains("Local") && !page.contains("Unlink from the identity provider"), "{page}");
    assert!(page.contains("Link again") && page.contains("00u"), "{page}");
    assert_eq!(owner.post(&format!("{at}/link"), &[]).await.location(), at);
    assert!(owner.get(&at).await.text.contains("Unlink from the identity provider"));
    // Many at once: who is like that already is told before.
    desk.local("POST", "/scim/v2/Users", json!({"userName": "eve", "externalId": "e"})).await;
    let asked = owner.post("/app/users/bulk", &[("do", "requester"), ("everybody", "1")]).await.text;
    assert!(asked.contains("This concerns 2 users") && asked.contains("1 of them is like that already"), "{asked}");
    let begun = owner.post("/app/users/bulk", &[("do", "unlink"), ("everybody", "1"), ("confirm", "unlink")]).await;
    assert!(begun.location().starts_with("/app/jobs/"), "{}", begun.text);
}

#[tokio::test]
async fn lists_are_files_and_say_who_has_come() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    desk.local("POST", "/scim/v2/Users", json!({"userName": "ana", "title": "=1+1", "externalId": "x"})).await;
    let page = owner.get("/app/users?col=title&col=source").await.text;
    assert!(page.contains("/app/users/export.csv?col=title"), "{page}");
    let file = owner.get("/app/users/export.csv?col=title&col=source").await.text;
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines[0], "\"id\",\"userName\",\"name\",\"externalId\",\"Source\",\"title\"");
    assert!(lines[1].ends_with("\"ana\",\"ana\",\"x\",\"managed\",\"'=1+1\"") && lines.len() == 2, "{file}");
    let file = owner.get("/app/users/export.csv?q=nobody").await.text;
    assert_eq!(file.lines().count(), 1, "{file}");
    let all = owner.get("/app/scim/attributes.csv").await.text;
    assert!(all.contains("\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager\""), "{all}");
    let page = owner.get("/app/users").await.text;
    let at = page.find("/app/users/arrived?behind=").expect("a place for who comes");
    let address = page[at..].split('"').next().unwrap().to_owned();
    assert!(!owner.get(&address).await.text.contains("new"));
    desk.local("POST", "/scim/v2/Users", json!({"userName": "bea"})).await;
    assert!(owner.get(&address).await.text.contains("1 new person"));
    assert!(!owner.get("/app/users?q=ana").await.text.contains("/app/users/arrived"));
}
