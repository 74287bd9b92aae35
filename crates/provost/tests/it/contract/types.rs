//! Resource types of a tenant's own.

use crate::harness::{Server, id};
use serde_json::{Value, json};

const DEVICE: &str = "urn:example:params:scim:schemas:Device";

fn device() -> Value {
    json!({
        "id": DEVICE, "name": "Device", "description": "A thing that belongs to somebody",
        "attributes": [
            { "name": "serial", "type": "string", "required": true, "uniqueness": "server", "caseExact": true },
            { "name": "weight", "type": "decimal" },
            { "name": "tags", "type": "string", "multiValued": true }
        ]
    })
}

#[test]
fn a_type_of_ones_own_has_everything_that_users_have() {
    let tenant = Server::shared().tenant();
    let made = tenant.admin(
        "POST",
        "/resource-types",
        json!({ "name": "Device", "endpoint": "/Devices", "description": "Devices", "schema": device() }),
    );
    assert!(matches!(made.status, 200 | 201), "{} {}", made.status, made.text());
    let shown = tenant.read("/ResourceTypes/Device");
    assert_eq!((&shown["endpoint"], &shown["schema"]), (&json!("/Devices"), &json!(DEVICE)));
    assert_eq!(tenant.read(&format!("/Schemas/{DEVICE}"))["name"], "Device");

    let body = json!({ "schemas": [DEVICE], "serial": "S-1", "weight": 1.5, "tags": ["a", "b"], "externalId": "d1" });
    let one = tenant.post("/Devices", &body).expect(201).json();
    assert_eq!(one["meta"]["resourceType"], "Device");
    assert!(one["meta"]["location"].as_str().unwrap().ends_with(&format!("/Devices/{}", id(&one))));
    let path = format!("/Devices/{}", id(&one));
    tenant.post("/Devices", &body).expect_error(409);
    assert_eq!(tenant.post("/Devices", &json!({ "schemas": [DEVICE] })).expect_error(400)["scimType"], "invalidValue");
    assert_eq!(tenant.find("/Devices", "serial eq \"S-1\" and weight gt 1 and tags eq \"b\"").len(), 1);
    let patched = tenant.patch(&path, &json!([{ "op": "add", "path": "tags", "value": ["c"] }]));
    assert!(matches!(patched.status, 200 | 204), "{}", patched.text());
    assert_eq!(tenant.read(&path)["tags"], json!(["a", "b", "c"]));
    let put = tenant.put(&path, &json!({ "schemas": [DEVICE], "serial": "S-2" })).expect(200).json();
    assert!(put.get("tags").is_none() && put["serial"] == "S-2");
    tenant.get(&format!("/Users/{}", id(&one))).expect_error(404);
    let search = tenant.post(
        "/.search",
        &json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "externalId pr" }),
    );
    search.expect(200);
    tenant.delete(&path).expect(204);
    tenant.get(&path).expect_error(404);

    let gone = tenant.admin("DELETE", "/resource-types/Device", Value::Null);
    assert!(matches!(gone.status, 200 | 204), "{} {}", gone.status, gone.text());
    tenant.get("/Devices").expect_error(404);
}

#[test]
fn a_type_stays_within_its_tenant_and_off_the_reserved_names() {
    let (a, b) = (Server::shared().tenant(), Server::shared().tenant());
    let make = |endpoint: &str, name: &str| {
        let body = json!({ "name": name, "endpoint": endpoint, "schema": device() });
        a.admin("POST", "/resource-types", body)
    };
    assert!(make("/Devices", "Device").status < 300);
    b.get("/Devices").expect_error(404);
    for (endpoint, name) in [
        ("/Users", "Person"),
        ("/Bulk", "Crowd"),
        ("/Schemas", "Plan"),
        ("/Me", "Self"),
        ("no-slash/x", "Odd"),
        ("/X", "User"),
    ] {
        let answer = make(endpoint, name);
        assert!(matches!(answer.status, 400 | 409 | 422), "{endpoint} {name}: {} {}", answer.status, answer.text());
    }
}
