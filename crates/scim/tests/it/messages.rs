//! The smaller messages: search requests, lists, meta and entity tags, what the service offers.

use scim::meta::{EntityTags, Meta, etag, rfc3339};
use scim::service_provider_config::{AuthenticationScheme, Pagination};
use scim::{BulkLimits, Dialect, ListResponse, ScimType, SearchRequest, ServiceProviderConfig};
use serde_json::{Value, json};

fn query(pairs: &[(&str, &str)]) -> scim::Result<SearchRequest> {
    SearchRequest::from_query(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn queries_are_read() {
    let request = query(&[
        ("FILTER", "userName eq \"a\""),
        ("attributes", "userName"),
        ("Attributes", "emails"),
        ("sortby", "name.familyName"),
        ("sortOrder", "DESCENDING"),
        ("startIndex", "3"),
        ("count", "20"),
        ("count", "30"),
        ("unknown", "x"),
    ])
    .unwrap();
    assert_eq!(request.filter.unwrap().to_string(), "userName eq \"a\"");
    assert!(request.projection.shows_name(&scim::ResourceType::user(), "emails"));
    assert_eq!(request.sort_by.unwrap().to_string(), "name.familyName");
    assert_eq!((request.descending, request.start_index, request.count), (true, 3, Some(20)));
    assert_eq!(query(&[]).unwrap(), SearchRequest::default());
    assert_eq!(query(&[("sortBy", ""), ("sortOrder", " "), ("count", "")]).unwrap(), SearchRequest::default());
}

#[test]
fn numbers_are_bent_as_the_rfc_says() {
    for (text, start_index, count) in
        [("-5", 1, 0), ("0", 1, 0), ("+2", 2, 2), (" 7 ", 7, 7), ("99999999999999999999999", u64::MAX, u64::MAX)]
    {
        let request = query(&[("startIndex", text), ("count", text)]).unwrap();
        assert_eq!((request.start_index, request.count), (start_index, Some(count)), "{text}");
    }
    for text in ["x", "1.5", "-", "1e3", "0x1"] {
        assert_eq!(query(&[("count", text)]).unwrap_err().scim_type, Some(ScimType::InvalidValue), "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (name, value, expected) in [
        ("filter", "", ScimType::InvalidFilter),
        ("filter", "userName", ScimType::InvalidFilter),
        ("sortBy", "a b", ScimType::InvalidValue),
        ("sortOrder", "up", ScimType::InvalidValue),
        ("cursor", &"x".repeat(3_000), ScimType::InvalidCursor),
    ] {
        assert_eq!(query(&[(name, value)]).unwrap_err().scim_type, Some(expected), "{name}");
    }
}

/// RFC 9865 §2: an empty cursor asks for the first page.
#[test]
fn a_cursor_wins_over_a_position() {
    let request = query(&[("cursor", ""), ("startIndex", "9")]).unwrap();
    assert_eq!((request.cursor.as_deref(), request.start_index), (Some(""), 1));
    assert_eq!(query(&[("cursor", "abc")]).unwrap().cursor.as_deref(), Some("abc"));
}

#[test]
fn search_bodies_are_read() {
    let body = json!({
        "schemas": [scim::search_request::SCHEMA], "attributes": ["displayName", "userName"], "excludedAttributes": null,
        "filter": "displayName sw \"smith\"", "startIndex": 1, "count": "10", "sortBy": null, "cursor": "c",
    });
    let request = SearchRequest::from_json(body, &Dialect::LENIENT).unwrap();
    assert_eq!((request.count, request.cursor.as_deref()), (Some(10), Some("c")));
    let strict = |body: Value| SearchRequest::from_json(body, &Dialect::STRICT).unwrap_err().scim_type;
    assert_eq!(strict(json!({"count": 1})), Some(ScimType::InvalidSyntax));
    assert_eq!(strict(json!([])), Some(ScimType::InvalidSyntax));
    let urn = scim::search_request::SCHEMA;
    assert_eq!(strict(json!({"schemas": [urn], "attributes": "userName"})), Some(ScimType::InvalidSyntax));
    assert_eq!(strict(json!({"schemas": [urn], "count": "1"})), Some(ScimType::InvalidValue));
    assert_eq!(strict(json!({"schemas": [urn], "count": 1.5})), Some(ScimType::InvalidValue));
    assert_eq!(strict(json!({"schemas": [urn], "filter": 1})), Some(ScimType::InvalidSyntax));
}

#[test]
fn lists_are_put_together() {
    let list =
        ListResponse { total_results: Some(2), start_index: Some(1), items_per_page: 2, ..ListResponse::default() };
    let bytes = list.splice(["{\"id\":\"1\"}", "{\"id\":\"2\"}"].iter());
    let expected = json!({
        "schemas": [scim::list_response::SCHEMA], "totalResults": 2, "startIndex": 1, "itemsPerPage": 2,
        "Resources": [{"id": "1"}, {"id": "2"}],
    });
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
    assert!(bytes.capacity() - bytes.len() <= 1, "a page is allocated once");
    let list =
        ListResponse { next_cursor: Some("a\"b".into()), previous_cursor: Some("c".into()), ..ListResponse::default() };
    let bytes = list.splice(std::iter::empty::<&[u8]>());
    let expected = json!({
        "schemas": [scim::list_response::SCHEMA], "itemsPerPage": 0,
        "nextCursor": "a\"b", "previousCursor": "c", "Resources": [],
    });
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
}

#[test]
fn instants_are_of_one_length() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(rfc3339(1_795_512_600_123_456), "2026-11-24T09:30:00.123456Z");
    assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999Z");
    for micros in [i64::MIN, i64::MAX] {
        assert_eq!(rfc3339(micros).len(), 27, "{}", rfc3339(micros));
    }
    assert_eq!(scim::schema::instant(&rfc3339(1_795_512_600_123_456)), Some(1_795_512_600_123_456));
}

#[test]
fn entity_tags_are_compared_weakly() {
    for (header, matches) in [
        ("*", true),
        ("W/\"3\"", true),
        ("\"3\"", true),
        ("3", true),
        ("\"1\", W/\"2\",W/\"3\"", true),
        ("W/\"33\"", false),
        ("W/\"\"", false),
        ("", false),
        ("a, \"b,c\"", false),
    ] {
        assert_eq!(EntityTags::parse(header).matches(3), matches, "{header}");
    }
    assert!(EntityTags::parse(&etag(7)).matches(7));
    let meta = Meta { resource_type: "User", created_at: 0, modified_at: 1, location: "/Users/1", version: 2 };
    assert_eq!(
        serde_json::to_value(meta).unwrap(),
        json!({
            "resourceType": "User", "created": "1970-01-01T00:00:00.000000Z",
            "lastModified": "1970-01-01T00:00:00.000001Z", "location": "/Users/1", "version": "W/\"2\"",
        })
    );
}

/// The document says nothing that its own schema does not know, and all that the schema requires.
#[test]
fn the_config_fits_its_schema() {
    let config = ServiceProviderConfig {
        documentation_uri: Some("https://example.com/help".into()),
        patch: true,
        bulk: Some(BulkLimits { operations_max: 1_000, payload_bytes_max: 10_485_760 }),
        change_password: false,
        sort: true,
        etag: true,
        authentication_schemes: vec![AuthenticationScheme::bearer()],
        pagination: Pagination { page_default: 100, page_max: 1_000, cursor_seconds: 600 },
    };
    let document = config.to_json("https://example.com/scim/v2/ServiceProviderConfig");
    let schema = &scim::schema::SERVICE_SCHEMAS[0];
    for (name, value) in document.as_object().unwrap() {
        let Some(attribute) = schema.attribute(name) else {
            assert!(["schemas", "meta"].contains(&name.as_str()), "{name}");
            continue;
        };
        for element in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let parts = element.as_object().into_iter().flat_map(|parts| parts.keys());
            parts.for_each(|part| assert!(attribute.sub(part).is_some(), "{name}.{part}"));
            let required = attribute.sub_attributes.iter().filter(|sub| sub.required);
            required.for_each(|sub| assert!(element.get(&sub.name).is_some(), "{name}.{}", sub.name));
        }
    }
    assert!(schema.attributes.iter().filter(|a| a.required).all(|a| document.get(&a.name).is_some()));
    assert_eq!(document["pagination"]["defaultPaginationMethod"], "index");
    assert_eq!(document["meta"]["location"], "https://example.com/scim/v2/ServiceProviderConfig");
}
