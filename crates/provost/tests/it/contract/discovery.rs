//! Discovery tells the truth, per tenant.

use crate::harness::{ENTERPRISE, GROUP, Server, USER};
use serde_json::{Value, json};

#[test]
fn what_is_advertised() {
    let tenant = Server::shared().tenant();
    let config = tenant.read("/ServiceProviderConfig");
    assert_eq!(config["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert_eq!(config["bulk"]["maxOperations"], 1000);
    assert_eq!(config["bulk"]["maxPayloadSize"], 10 * 1024 * 1024);
    assert!(config["filter"]["maxResults"].as_u64().is_some_and(|most| most >= 1000), "{config}");
    assert!(config["changePassword"]["supported"].is_boolean());
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
    let pagination = &config["pagination"];
    assert_eq!((&pagination["cursor"], &pagination["index"]), (&json!(true), &json!(true)), "{pagination}");
    assert_eq!(pagination["defaultPaginationMethod"], "index");
    for number in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        assert!(pagination[number].is_u64(), "{number} in {pagination}");
    }
    assert!(config["meta"]["location"].as_str().is_some_and(|location| location.ends_with("/ServiceProviderConfig")));
}

#[test]
fn types_and_schemas_refer_to_each_other() {
    let tenant = Server::shared().tenant();
    let types = tenant.read("/ResourceTypes");
    let schemas = tenant.read("/Schemas");
    let listed: Vec<&str> =
        schemas["Resources"].as_array().unwrap().iter().filter_map(|schema| schema["id"].as_str()).collect();
    for urn in [USER, GROUP, ENTERPRISE] {
        assert!(listed.contains(&urn), "{urn} in {listed:?}");
    }
    for schema in schemas["Resources"].as_array().unwrap() {
        let one = tenant.read(&format!("/Schemas/{}", schema["id"].as_str().unwrap()));
        assert_eq!(&one, schema);
        assert_eq!(one["meta"]["resourceType"], "Schema");
    }
    for resource_type in types["Resources"].as_array().unwrap() {
        let name = resource_type["id"].as_str().unwrap();
        assert_eq!(&tenant.read(&format!("/ResourceTypes/{name}")), resource_type);
        assert!(listed.contains(&resource_type["schema"].as_str().unwrap()), "{resource_type}");
        tenant.read(resource_type["endpoint"].as_str().unwrap());
    }
    assert_eq!(types["totalResults"], 2);
    let user = tenant.read("/ResourceTypes/User");
    assert_eq!(user["schemaExtensions"], json!([{ "schema": ENTERPRISE, "required": false }]));
}

#[test]
fn characteristics_of_the_standards_attributes() {
    let tenant = Server::shared().tenant();
    let schema = tenant.read(&format!("/Schemas/{USER}"));
    let attribute = |name: &str| {
        let attributes = schema["attributes"].as_array().unwrap();
        attributes.iter().find(|attribute| attribute["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let name = attribute("userName");
    assert_eq!(
        (&name["required"], &name["uniqueness"], &name["caseExact"]),
        (&json!(true), &json!("server"), &json!(false))
    );
    let password = attribute("password");
    assert_eq!((&password["mutability"], &password["returned"]), (&json!("writeOnly"), &json!("never")));
    assert_eq!(attribute("groups")["mutability"], "readOnly");
    for (name, value) in schema.as_object().unwrap() {
        assert!(no_null(value), "{name}");
    }
}

fn no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().all(no_null),
        Value::Object(map) => map.values().all(no_null),
        _ => true,
    }
}

#[test]
fn a_filter_on_discovery_is_forbidden() {
    let tenant = Server::shared().tenant();
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        let error = tenant.get(&format!("{path}?filter=name%20eq%20%22User%22")).expect_error(403);
        assert!(error["detail"].as_str().unwrap().contains("filter"), "{error}");
    }
}
