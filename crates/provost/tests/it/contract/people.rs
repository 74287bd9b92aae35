//! Users: names, identity over time, passwords, what PUT clears and what it never does.

use crate::harness::{ENTERPRISE, Server, USER, id, lay_over};
use serde_json::{Value, json};

#[test]
fn a_user_name_is_one_in_any_case_and_keeps_its_spelling() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("Ada.Löwe@X.test", json!({}));
    assert_eq!(user["userName"], "Ada.Löwe@X.test");
    for again in ["ada.löwe@x.test", "ADA.LÖWE@X.TEST", "Ada.Löwe@X.test"] {
        let error = tenant.post("/Users", &json!({ "schemas": [USER], "userName": again })).expect_error(409);
        assert_eq!(error["scimType"], "uniqueness");
        let found = tenant.find("/Users", &format!("userName eq \"{again}\""));
        assert_eq!(found.len(), 1, "{again}");
        assert_eq!(found[0]["userName"], "Ada.Löwe@X.test");
    }
    let respelt = json!({ "schemas": [USER], "userName": "ada.löwe@x.test" });
    let put = tenant.put(&format!("/Users/{}", id(&user)), &respelt).expect(200).json();
    assert_eq!(put["userName"], "ada.löwe@x.test", "one's own name in another case is no conflict");
}

#[test]
fn delete_is_hard_and_frees_the_name() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("gone@x.test", json!({}));
    let path = format!("/Users/{}", id(&user));
    assert!(tenant.delete(&path).expect(204).body.is_empty());
    for method in ["GET", "DELETE"] {
        tenant.send(&tenant.request(method, &path)).expect_error(404);
    }
    tenant.patch(&path, &json!([{ "op": "replace", "path": "active", "value": true }])).expect_error(404);
    tenant.put(&path, &json!({ "schemas": [USER], "userName": "gone@x.test" })).expect_error(404);
    assert!(tenant.find("/Users", "userName eq \"gone@x.test\"").is_empty());
    let again = tenant.user("gone@x.test", json!({}));
    assert_ne!(again["id"], user["id"], "without an externalId nobody knows that it is the same person");
}

#[test]
fn who_comes_back_gets_the_same_id() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("back@x.test", json!({ "externalId": "00uBack", "title": "Old" }));
    tenant.delete(&format!("/Users/{}", id(&user))).expect(204);
    let back = tenant.user("back.new@x.test", json!({ "externalId": "00uBack" }));
    assert_eq!(back["id"], user["id"]);
    assert!(back.get("title").is_none(), "nothing but the id comes back: {back}");
    assert_eq!(tenant.read(&format!("/Users/{}", id(&user)))["userName"], "back.new@x.test");
    tenant.delete(&format!("/Users/{}", id(&back))).expect(204);
    let other = tenant.user("back.new@x.test", json!({ "externalId": "00uOther" }));
    assert_ne!(other["id"], user["id"], "another externalId is another person");
}

#[test]
fn the_same_id_is_a_policy() {
    let tenant = Server::shared().tenant();
    tenant.settings(json!({ "returnSameId": false }));
    let user = tenant.user("policy@x.test", json!({ "externalId": "00uPolicy" }));
    tenant.delete(&format!("/Users/{}", id(&user))).expect(204);
    let back = tenant.user("policy@x.test", json!({ "externalId": "00uPolicy" }));
    assert_ne!(back["id"], user["id"]);
}

#[test]
fn who_is_inactive_stays_readable_and_findable() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("asleep@x.test", json!({ "active": false, "externalId": "e" }));
    assert_eq!(tenant.read(&format!("/Users/{}", id(&user)))["active"], false);
    for filter in ["userName eq \"asleep@x.test\"", "externalId eq \"e\"", "active eq false", "active eq \"False\""] {
        assert_eq!(tenant.find("/Users", filter).len(), 1, "{filter}");
    }
    assert_eq!(tenant.read("/Users")["totalResults"], 1);
    assert!(tenant.find("/Users", "active eq true").is_empty());
}

#[test]
fn a_password_is_never_seen_again() {
    let tenant = Server::shared().tenant();
    let secret = "Tr0ub4dor-and-3";
    let made = tenant.post("/Users", &json!({ "schemas": [USER], "userName": "pw@x.test", "password": secret }));
    let made = made.expect(201);
    assert!(!made.text().contains(secret) && made.json().get("password").is_none());
    let path = format!("/Users/{}", id(&made.json()));
    for read in [
        path.clone(),
        format!("{path}?attributes=password"),
        "/Users".into(),
        "/Users?attributes=password,userName".into(),
        "/Users?sortBy=password".into(),
    ] {
        let text = tenant.get(&read).text();
        assert!(!text.contains("password") && !text.contains(secret), "{read}: {text}");
    }
    for filter in [format!("password eq \"{secret}\""), "password pr".into(), "password sw \"T\"".into()] {
        let answer = tenant.get(&format!("/Users?filter={}", crate::harness::encode(&filter)));
        assert!(answer.status == 400 || answer.json()["totalResults"] == 0, "{filter}: {}", answer.text());
    }
    let patched = tenant.patch(&path, &json!([{ "op": "replace", "path": "password", "value": secret }])).expect(200);
    assert!(!patched.text().contains(secret));
    let mut echo = tenant.read(&path);
    lay_over(&mut echo, json!({ "title": "T", "password": secret }));
    assert!(!tenant.put(&path, &echo).expect(200).text().contains(secret));
}

#[test]
fn what_only_the_server_writes_is_ignored_in_bodies() {
    let tenant = Server::shared().tenant();
    let body = json!({
        "schemas": [USER, "urn:x:unknown"], "id": "mine", "userName": "ro@x.test", "unknown": 1,
        "meta": { "resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "location": "http://evil.test" },
        "groups": [{ "value": "none" }], "displayName": null
    });
    let user = tenant.post("/Users", &body).expect(201).json();
    assert_ne!(user["id"], "mine");
    assert_eq!(user["meta"]["resourceType"], "User");
    assert_ne!(user["meta"]["created"], "2001-01-01T00:00:00Z");
    assert_eq!(user["schemas"], json!([USER]));
    assert!(user.get("groups").is_none() && user.get("unknown").is_none() && user.get("displayName").is_none());
    let path = format!("/Users/{}", id(&user));
    let put = tenant.put(&path, &body).expect(200).json();
    assert_eq!((&put["id"], &put["meta"]["created"]), (&user["id"], &user["meta"]["created"]));
}

#[test]
fn put_takes_its_own_get_and_replaces_the_rest() {
    let tenant = Server::shared().tenant();
    let user = tenant.user(
        "put@x.test",
        json!({ "title": "T", "externalId": "e", "name": { "givenName": "G", "familyName": "F" },
                "emails": [{ "value": "a@x.test", "type": "work", "primary": true }], ENTERPRISE: { "department": "D" } }),
    );
    let path = format!("/Users/{}", id(&user));
    let same = tenant.put(&path, &user).expect(200).json();
    assert_eq!(same, user, "our own GET body changes nothing, not even the version");
    let less =
        tenant.put(&path, &json!({ "schemas": [USER], "userName": "put@x.test", "title": "U" })).expect(200).json();
    assert_eq!(less["title"], "U");
    for cleared in ["externalId", "name", "emails", ENTERPRISE] {
        assert!(less.get(cleared).is_none(), "{cleared} in {less}");
    }
    assert_ne!(less["meta"]["version"], user["meta"]["version"]);
    for wrong in [json!({ "schemas": [USER], "title": "no name" }), json!({ "schemas": [USER], "userName": "" })] {
        assert_eq!(tenant.put(&path, &wrong).expect_error(400)["scimType"], "invalidValue");
    }
    assert_eq!(tenant.read(&path), less, "a refused PUT changes nothing");
}

#[test]
fn one_primary_at_most() {
    let tenant = Server::shared().tenant();
    let two = json!([{ "value": "a@x.test", "primary": true }, { "value": "b@x.test", "primary": true }]);
    let body = json!({ "schemas": [USER], "userName": "two@x.test", "emails": two });
    assert_eq!(tenant.post("/Users", &body).expect_error(400)["scimType"], "invalidValue");
    let user =
        tenant.user("one@x.test", json!({ "emails": [{ "value": "a@x.test", "type": "work", "primary": true }] }));
    let added = tenant.patch(
        &format!("/Users/{}", id(&user)),
        &json!([{ "op": "add", "path": "emails", "value": [{ "value": "b@x.test", "type": "home", "primary": true }] }]),
    );
    let emails = added.expect(200).json()["emails"].clone();
    let primary: Vec<&Value> = emails.as_array().unwrap().iter().filter(|email| email["primary"] == true).collect();
    assert_eq!(primary.len(), 1, "{emails}");
    assert_eq!(primary[0]["value"], "b@x.test", "the new one");
}

#[test]
fn adoption_is_refused_unless_the_tenant_wants_it() {
    let found = |adoption: Value, body: Value| {
        let tenant = Server::shared().tenant();
        tenant.settings(json!({ "adoption": adoption }));
        let there = tenant.user(
            "there@x.test",
            json!({ "externalId": "ext", "emails": [{ "value": "mail@x.test", "type": "work", "primary": true }] }),
        );
        let mut sent = json!({ "schemas": [USER] });
        lay_over(&mut sent, body);
        let answer = tenant.post("/Users", &sent);
        assert_eq!(
            tenant.read("/Users")["totalResults"].as_u64(),
            Some(if answer.status == 201 && answer.json()["id"] != there["id"] { 2 } else { 1 })
        );
        (answer.status, answer.json()["id"] == there["id"], answer.json())
    };
    let same_name = json!({ "userName": "THERE@x.test", "title": "adopted", "externalId": "ext" });
    assert_eq!(found(json!("refuse"), same_name.clone()).0, 409);
    let (status, same, body) = found(json!("userName"), same_name);
    assert!(matches!(status, 200 | 201) && same, "{status} {body}");
    assert_eq!(body["title"], "adopted");
    let by_external = json!({ "userName": "renamed@x.test", "externalId": "ext" });
    let (status, same, body) = found(json!("externalId"), by_external.clone());
    assert!(matches!(status, 200 | 201) && same, "{status} {body}");
    assert_eq!(body["userName"], "renamed@x.test");
    let (status, same, _) = found(json!("refuse"), by_external);
    assert!(status == 201 && !same, "an externalId alone is no conflict");
}

#[test]
fn an_e_mail_adopts_only_where_its_domain_is_trusted() {
    let tenant = Server::shared().tenant();
    tenant.settings(json!({ "adoption": "verifiedEmail", "verifiedDomains": ["trusted.test"] }));
    let email = |address: &str| json!([{ "value": address, "type": "work", "primary": true }]);
    let there = tenant.user("login", json!({ "emails": email("ada@trusted.test"), "title": "Kept" }));
    let other = tenant.user("other", json!({ "emails": email("bob@elsewhere.test") }));
    let post = |name: &str, address: &str| {
        let body = json!({ "schemas": [USER], "userName": name, "emails": email(address) });
        tenant.post("/Users", &body).expect(201).json()
    };
    let adopted = post("ada@trusted.test", "ADA@Trusted.test");
    assert_eq!(adopted["id"], there["id"]);
    assert_eq!((&adopted["userName"], &adopted["title"]), (&json!("ada@trusted.test"), &json!("Kept")));
    assert_ne!(post("bob@elsewhere.test", "bob@elsewhere.test")["id"], other["id"]);
}
