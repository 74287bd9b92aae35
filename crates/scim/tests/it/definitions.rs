//! Schemas, attributes and resource types that somebody defines at run time.

use scim::resource_type::Extension;
use scim::{AttrType, Attribute, ResourceType, Returned, Schema, schema};
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
fn a_name_is_enough() {
    assert_eq!(Attribute::from_json(&json!({"name": "badge"})).unwrap(), Attribute::string("badge"));
}

#[test]
fn every_characteristic_can_be_stated() {
    let definition = json!({
        "name": "room", "type": "complex", "multiValued": true, "description": "Where they sit.", "required": true,
        "caseExact": false, "mutability": "immutable", "returned": "request", "uniqueness": "none",
        "subAttributes": [
            {"name": "value", "type": "string", "lengthMin": 2, "lengthMax": 5, "canonicalValues": ["A1", "B2"]},
            {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
            {"name": "since", "type": "dateTime"}, {"name": "size", "type": "decimal"},
            {"name": "floor", "type": "integer"}, {"name": "open", "type": "boolean"},
            {"name": "plan", "type": "binary"}, {"name": "code", "mutability": "writeOnly"},
        ],
    });
    let attribute = Attribute::from_json(&definition).unwrap();
    assert_eq!(attribute.sub("code").unwrap().returned, Returned::Never);
    assert!(attribute.sub("plan").unwrap().case_exact && attribute.sub("$ref").unwrap().case_exact);
    assert_eq!(attribute.sub("value").unwrap().length_max, Some(5));
    let shown = attribute.to_json().to_string();
    assert!(!shown.contains("length") && !shown.contains("null") && !shown.contains("[]"), "{shown}");
    // What discovery shows can be read again, but for our own bounds.
    let again = Attribute::from_json(&attribute.to_json()).unwrap();
    assert_eq!(again.sub("value").unwrap().canonical_values, ["A1", "B2"]);
}

#[test]
fn errors_name_the_field() {
    let long = "x".repeat(1_001);
    for (definition, expected) in [
        (json!("badge"), "attribute: a definition is an object"),
        (json!({}), "name: it is required"),
        (json!({"name": 1}), "name: it is a string"),
        (json!({"name": "1st"}), "name: an attribute's name starts with a letter"),
        (json!({"name": "a.b"}), "name: an attribute's name starts with a letter"),
        (json!({"name": "$ref"}), "name: an attribute's name starts with a letter"),
        (json!({"name": "a", "typ": "string"}), "typ: a definition has no such field; it has name, type"),
        (json!({"name": "a", "type": "text"}), "a: type: it is one of string, boolean"),
        (json!({"name": "a", "multiValued": "yes"}), "a: multiValued: it is true or false"),
        (json!({"name": "a", "mutability": "readonly"}), "a: mutability: it is one of readOnly"),
        (json!({"name": "a", "returned": 1}), "a: returned: it is one of always"),
        (json!({"name": "a", "uniqueness": "all"}), "a: uniqueness: it is one of none"),
        (json!({"name": "a", "description": long}), "a: description: at most 1000 bytes"),
        (json!({"name": "a", "canonicalValues": [1]}), "a: canonicalValues: it is a list of strings"),
        (json!({"name": "a", "canonicalValues": [""]}), "a: canonicalValues: at most 500 strings"),
        (json!({"name": "a", "lengthMax": -1}), "a: lengthMax: it is a whole number"),
        (json!({"name": "a", "lengthMin": 3, "lengthMax": 2}), "a: lengthMin: it is greater than lengthMax"),
        (json!({"name": "a", "type": "integer", "lengthMax": 2}), "a: lengthMax: only a string has bounds"),
        (json!({"name": "a", "type": "integer", "canonicalValues": ["1"]}), "a: canonicalValues: only a string"),
        (json!({"name": "a", "referenceTypes": ["User"]}), "a: referenceTypes: only a reference has them"),
        (json!({"name": "a", "type": "complex"}), "a: subAttributes: a complex attribute has at least one"),
        (json!({"name": "a", "subAttributes": [{"name": "b"}]}), "a: subAttributes: only a complex attribute"),
        (json!({"name": "a", "required": true, "mutability": "readOnly"}), "a: required: a readOnly attribute"),
        (json!({"name": "a", "mutability": "writeOnly", "returned": "always"}), "a: returned: a writeOnly attribute"),
        (json!({"name": "a", "multiValued": true, "uniqueness": "server"}), "a: uniqueness: only a single value"),
    ] {
        let error = Attribute::from_json(&definition).unwrap_err();
        assert!(error.detail.starts_with(expected), "{definition}: {}", error.detail);
    }
    for (sub, expected) in [
        (json!([1]), "a: subAttributes[0]: attribute: a definition is an object"),
        (json!([{"type": "string"}]), "a: subAttributes[0]: name: it is required"),
        (json!([{"name": "b", "type": "complex"}]), "a.b: type: a sub-attribute is not complex itself"),
        (json!([{"name": "b", "subAttributes": []}]), "b: subAttributes: a sub-attribute has none of its own"),
        (json!([{"name": "b"}, {"name": "B"}]), "B: the attribute is there already"),
        (json!([{"name": "b", "uniqueness": "server"}]), "a.b: uniqueness: only a single value"),
        (json!({}), "a: subAttributes: it is a list of attribute definitions"),
    ] {
        let definition = json!({"name": "a", "type": "complex", "subAttributes": sub});
        let error = Attribute::from_json(&definition).unwrap_err();
        assert!(error.detail.starts_with(expected), "{definition}: {}", error.detail);
    }
}

#[test]
fn schemas_need_a_urn_that_works_in_paths() {
    for id in
        ["urn:example:params:scim:schemas:custom:User", "URN:x:y", "urn:x:custom:2.0", "urn:okta:app_1:1.0:user:custom"]
    {
        let schema = Schema::from_json(&json!({"id": id, "attributes": [{"name": "badge"}]})).unwrap();
        assert_eq!(schema.name, id.rsplit(':').next().unwrap());
        let path = scim::AttrPath::parse(&format!("{id}:badge")).unwrap();
        assert_eq!(path.urn.as_deref(), Some(id));
    }
    for id in ["", "custom", "https://example.com/x", "urn:x y", "urn:x:\"y", "urn:x:y]", "urn:x:", "urn:x:1.2.3"] {
        let error = Schema::from_json(&json!({"id": id, "attributes": []})).unwrap_err();
        assert!(error.detail.starts_with("id: "), "{id}: {}", error.detail);
    }
    assert!(Schema::from_json(&json!({"id": "urn:x:y", "attributes": [{"name": "a"}, {"name": "A"}]})).is_err());
    assert!(Schema::from_json(&json!({"id": "urn:x:y", "attributes": {}})).is_err());
    assert!(Schema::from_json(&json!({"id": "urn:x:y", "description": 1})).is_err());
}

fn widget(endpoint: &str, attributes: Value) -> ResourceType {
    let schema = Schema::from_json(&json!({"id": "urn:x:Widget", "attributes": attributes})).unwrap();
    ResourceType {
        name: "Widget".into(),
        endpoint: endpoint.into(),
        description: String::new(),
        schema: Arc::new(schema),
        extensions: Vec::new(),
    }
}

#[test]
fn resource_types_are_checked() {
    assert!(ResourceType::user().check().is_ok() && ResourceType::group().check().is_ok());
    let good = widget("/Widgets", json!([{"name": "size", "type": "integer"}]));
    assert!(good.check().is_ok());
    assert!(!good.to_json("/ResourceTypes/Widget").to_string().contains("schemaExtensions"));
    for endpoint in ["", "/", "Widgets", "/a/b", "/Me", "/schemas", "/.search", "/BULK", "/W idgets"] {
        assert!(widget(endpoint, json!([])).check().is_err(), "{endpoint}");
    }
    for name in ["id", "meta", "externalID", "schemas"] {
        let error = widget("/Widgets", json!([{"name": name}])).check().unwrap_err();
        assert!(error.detail.contains("every resource has this attribute"), "{name}: {}", error.detail);
    }
}

#[test]
fn extensions_do_not_run_into_other_schemas() {
    let with = |ids: &[&str]| {
        let mut user = ResourceType::user();
        for id in ids {
            let schema = Schema::from_json(&json!({"id": id, "attributes": [{"name": "userName"}]})).unwrap();
            user.extensions.push(Extension { schema: Arc::new(schema), required: false });
        }
        user.check()
    };
    assert!(with(&["urn:x:a", "urn:x:b"]).is_ok(), "names of the core may be used again in an extension");
    assert!(with(&["urn:x:a", "URN:X:A"]).is_err());
    assert!(with(&[schema::USER]).is_err());
    assert!(with(&[&format!("{}:emails", schema::USER)]).is_err());
    assert!(with(&["urn:x:a", "urn:x:a:userName"]).is_err());
}

#[test]
fn bare_names_prefer_the_core() {
    let mut user = ResourceType::user();
    let custom = json!({"id": "urn:x:a", "attributes": [{"name": "title", "type": "integer"}, {"name": "badge"}]});
    let custom = Schema::from_json(&custom).unwrap();
    user.extensions.push(Extension { schema: Arc::new(custom), required: false });
    let kind = |name: &str| user.resolve_text(name).and_then(|target| target.leaf()).map(|leaf| leaf.attr_type);
    assert_eq!(kind("title"), Some(AttrType::String));
    assert_eq!(kind("urn:x:a:title"), Some(AttrType::Integer));
    assert_eq!(kind("badge"), Some(AttrType::String));
}

#[test]
fn what_is_offered_can_be_switched_on() {
    for name in ["role", "Entitlement", "urn:okta:scim:schemas:core:1.0:Role"] {
        assert!(schema::offered(name).unwrap().check().is_ok(), "{name}");
    }
    assert_eq!(schema::offered("role").unwrap().attribute("description").unwrap().length_max, Some(1_000));
    assert!(schema::offered("User").is_none());
}
