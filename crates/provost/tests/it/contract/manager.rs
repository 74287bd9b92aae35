//! The manager: never an error, resolved when somebody matches, also later, and again when that changes.

use crate::harness::{ENTERPRISE, Server, Tenant, id};
use serde_json::{Value, json};

fn report(tenant: &Tenant<'_>, name: &str, manager: Value) -> String {
    id(&tenant.user(name, json!({ ENTERPRISE: { "manager": manager } }))).to_owned()
}

fn manager(tenant: &Tenant<'_>, user: &str) -> Value {
    tenant.read(&format!("/Users/{user}"))[ENTERPRISE]["manager"].clone()
}

#[track_caller]
fn resolved(tenant: &Tenant<'_>, user: &str, to: &Value) {
    let shown = manager(tenant, user);
    assert_eq!(shown["value"], to["id"], "{shown}");
    assert_eq!(shown["$ref"], to["meta"]["location"], "{shown}");
    assert_eq!(shown.get("displayName"), to.get("displayName"), "{shown}");
}

#[track_caller]
fn raw(tenant: &Tenant<'_>, user: &str, value: &str) {
    assert_eq!(manager(tenant, user), json!({ "value": value }));
}

#[test]
fn by_every_identifier_also_when_the_manager_comes_later() {
    let tenant = Server::shared().tenant();
    let wants = ["boss@x.test", "BOSS@X.TEST", "E-77", "boss.mail@x.test", "4711"];
    let reports: Vec<String> =
        wants.iter().enumerate().map(|(n, want)| report(&tenant, &format!("r{n}@x.test"), json!(want))).collect();
    for (user, want) in reports.iter().zip(wants) {
        raw(&tenant, user, want);
    }
    let boss = tenant.user(
        "Boss@x.test",
        json!({ "displayName": "The Boss", "externalId": "E-77", "emails": [{ "value": "Boss.Mail@x.test" }],
                ENTERPRISE: { "employeeNumber": "4711" } }),
    );
    for user in &reports {
        resolved(&tenant, user, &boss);
    }
    let by_id = report(&tenant, "by-id@x.test", json!({ "value": id(&boss) }));
    resolved(&tenant, &by_id, &boss);
    let listed = tenant.find("/Users", "userName eq \"r0@x.test\"");
    assert_eq!(listed[0][ENTERPRISE]["manager"]["value"], boss["id"], "a list shows the same");
    filters_agree(&tenant, &boss, reports.len() + 1);
    // The manager goes: the raw value is what is left.
    tenant.delete(&format!("/Users/{}", id(&boss))).expect(204);
    for (user, want) in reports.iter().zip(wants) {
        raw(&tenant, user, want);
    }
}

fn filters_agree(tenant: &Tenant<'_>, boss: &Value, count: usize) {
    for path in ["manager", "manager.value", &format!("{ENTERPRISE}:manager.value"), &format!("{ENTERPRISE}:manager")] {
        assert_eq!(tenant.find("/Users", &format!("{path} eq \"{}\"", id(boss))).len(), count, "{path}");
    }
    assert_eq!(tenant.find("/Users", &format!("{ENTERPRISE}:manager.displayName eq \"the boss\"")).len(), count);
    assert_eq!(tenant.find("/Users", "manager eq \"E-77\"").len(), 0, "what is shown is what is matched");
}

#[test]
fn resolved_again_when_identifiers_change() {
    let tenant = Server::shared().tenant();
    let user = report(&tenant, "report@x.test", json!("lead@x.test"));
    let first = tenant.user("lead@x.test", json!({ "displayName": "First" }));
    resolved(&tenant, &user, &first);
    let patch = |who: &Value, value: Value| {
        let operations = json!([{ "op": "replace", "value": value }]);
        tenant.patch(&format!("/Users/{}", id(who)), &operations).expect(200).json()
    };
    let renamed = patch(&first, json!({ "displayName": "First of all" }));
    resolved(&tenant, &user, &renamed);
    patch(&first, json!({ "userName": "former@x.test" }));
    raw(&tenant, &user, "lead@x.test");
    let second = tenant.user("second@x.test", json!({ "displayName": "Second" }));
    raw(&tenant, &user, "lead@x.test");
    let second = patch(&second, json!({ "externalId": "lead@x.test" }));
    resolved(&tenant, &user, &second);
    // userName comes after externalId in the order: the second stays.
    patch(&first, json!({ "userName": "lead@x.test" }));
    resolved(&tenant, &user, &second);
    let body = json!({ "schemas": [], "userName": "second@x.test" });
    tenant.put(&format!("/Users/{}", id(&second)), &body).expect(200);
    resolved(&tenant, &user, &tenant.read(&format!("/Users/{}", id(&first))));
}

#[test]
fn the_order_is_the_administrators() {
    let tenant = Server::shared().tenant();
    let by_name = tenant.user("same", json!({}));
    let by_number = tenant.user("numbered", json!({ ENTERPRISE: { "employeeNumber": "same" } }));
    let user = report(&tenant, "ordered@x.test", json!("same"));
    resolved(&tenant, &user, &by_name);
    tenant.settings(json!({ "managerMatch": ["employeeNumber"] }));
    let other = report(&tenant, "ordered2@x.test", json!("same"));
    resolved(&tenant, &other, &by_number);
    let third = report(&tenant, "ordered3@x.test", json!("numbered"));
    raw(&tenant, &third, "numbered");
}

#[test]
fn in_every_shape_and_never_an_error() {
    let tenant = Server::shared().tenant();
    let boss = tenant.user("shape@x.test", json!({}));
    for (n, shape) in [
        json!("shape@x.test"),
        json!({ "value": "shape@x.test" }),
        json!([{ "value": "shape@x.test" }]),
        json!({ "value": id(&boss), "$ref": "../Users/x", "displayName": "ignored" }),
        json!({ "$ref": format!("https://elsewhere.test/Users/{}", id(&boss)) }),
    ]
    .iter()
    .enumerate()
    {
        let user = report(&tenant, &format!("shape{n}@x.test"), shape.clone());
        resolved(&tenant, &user, &boss);
    }
    for (n, shape) in
        [json!(""), json!(null), json!([]), json!({}), json!({ "displayName": "only" })].iter().enumerate()
    {
        let user = report(&tenant, &format!("none{n}@x.test"), shape.clone());
        assert_eq!(manager(&tenant, &user), Value::Null, "{shape}");
    }
    let user = report(&tenant, "number@x.test", json!(4711));
    raw(&tenant, &user, "4711");
    let own = report(&tenant, "own@x.test", json!("own@x.test"));
    resolved(&tenant, &own, &tenant.read(&format!("/Users/{own}")));
}
