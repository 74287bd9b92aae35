//! The schemas that are data: that each file parses, and is itself what `check` asks of others.

use scim::schema::{self, Schema};

fn all() -> Vec<&'static Schema> {
    let mut all = vec![&*schema::USER_SCHEMA, &*schema::GROUP_SCHEMA, &*schema::ENTERPRISE_USER_SCHEMA];
    all.extend(schema::SERVICE_SCHEMAS.iter());
    all.extend(schema::OFFERED.iter());
    all
}

/// A file that does not parse would leave an empty schema behind, and nobody would hear of it.
#[test]
fn every_file_parses() {
    let ids: Vec<&str> = all().iter().map(|schema| schema.id.as_str()).collect();
    let expected = [
        schema::USER,
        schema::GROUP,
        schema::ENTERPRISE_USER,
        schema::SERVICE_PROVIDER_CONFIG,
        schema::RESOURCE_TYPE,
        schema::SCHEMA,
        "urn:okta:scim:schemas:core:1.0:Role",
        "urn:okta:scim:schemas:core:1.0:Entitlement",
    ];
    assert_eq!(ids, expected);
    assert_eq!(schema::COMMON.attributes.len(), 4);
    assert!(all().iter().all(|schema| !schema.attributes.is_empty() && !schema.description.is_empty()));
}
