//! The examples of RFC 7643, 7644 and 9865, a file for each, named after its section.
//!
//! The data are the RFCs'; where ours differs, the file says so and why. There is no list of exceptions.

use scim::bulk::{BulkLimits, BulkMethod, BulkOperation, BulkPath, BulkRequest, BulkResponse, BulkResult, Part};
use scim::code::CATALOGUE;
use scim::patch_op::{MemberOp, PatchOp};
use scim::resource::MemberRef;
use scim::schema::{self, Mutability, Returned, Uniqueness};
use scim::service_provider_config::{AuthenticationScheme, Pagination, ServiceProviderConfig};
use scim::{Attribute, Dialect, Error, Filter, ListResponse, Resource, ResourceType, Schema, SearchRequest};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rfc")
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn examples() {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            // What the RFCs print needs no leniency.
            let case = read(name);
            let check = case["check"].as_str().unwrap();
            match check {
                "resource" => resource(name, &case),
                "patch" => patch(name, &case),
                "filters" => filters(&case),
                "list" => list(name, &case),
                "search_request" => search_request(name, &case),
                "bulk_request" => bulk_request(name, &case),
                "bulk_response" => bulk_response(name, &case),
                "errors" => errors(name, &case),
                "service_provider_config" => service_provider_config(name, &case),
                "resource_types" => resource_types(name, &case),
                _ => panic!("{name}: there is no check called {check}"),
            }
            seen.insert(check.to_owned());
        }
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

fn resource_type(case: &Value) -> ResourceType {
    match case["type"].as_str() {
        Some("User") => ResourceType::user(),
        Some("Group") => ResourceType::group(),
        other => panic!("{other:?} is no resource type"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn ids(refs: &[MemberRef]) -> Value {
    refs.iter().map(|member| member.value.clone()).collect()
}

/// Takes away what the server writes: `id`, `groups`, `urn:…:User:manager.displayName`.
fn without(mut body: Value, paths: &Value) -> Value {
    for path in paths.as_array().unwrap() {
        let path = text(path);
        match path.strip_prefix("urn:").and_then(|_| path.rsplit_once(':')) {
            None => body.as_object_mut().unwrap().shift_remove(path),
            Some((urn, inner)) => {
                let (attribute, sub) = inner.split_once('.').unwrap();
                body[urn][attribute].as_object_mut().unwrap().shift_remove(sub)
            }
        };
    }
    body
}

/// A resource parses, and is shown again as it was but for what the server writes.
fn resource(name: &str, case: &Value) {
    let resource_type = resource_type(case);
    let parsed = Resource::parse(case["body"].clone(), &resource_type, &Dialect::STRICT)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut shown = parsed.resource.to_document(&resource_type, "id");
    shown.shift_remove("id");
    assert_eq!(Value::Object(shown), without(case["body"].clone(), &case["server"]), "{name}");
    if let Some(members) = case.get("members") {
        assert_eq!(&ids(&parsed.members.unwrap()), members, "{name}");
    }
    // The server's own attributes are known to the schemas too: a filter can name them.
    for path in case["server"].as_array().unwrap() {
        assert!(resource_type.resolve_text(text(path)).is_some(), "{name}: {path}");
    }
}

fn patch(name: &str, case: &Value) {
    let resource_type = resource_type(case);
    let before = Resource { attributes: case["before"].as_object().unwrap().clone() };
    let patched = PatchOp::parse(case["body"].clone(), &Dialect::STRICT)
        .and_then(|patch| patch.apply(&before, &resource_type, &Dialect::STRICT));
    if let Some(expected) = case.get("error") {
        let error = patched.map(|patched| patched.resource).unwrap_err().to_json();
        assert_eq!(
            json!([error["status"], error["scimType"]]),
            json!([expected["status"], expected["scimType"]]),
            "{name}"
        );
        return;
    }
    let patched = patched.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(Value::Object(patched.resource.attributes), case["after"], "{name}");
    let members: Value = patched.members.iter().map(member_op).collect();
    assert_eq!(&members, case.get("members").unwrap_or(&json!([])), "{name}");
}

fn member_op(op: &MemberOp) -> Value {
    match op {
        MemberOp::Add(members) => json!({"add": ids(members)}),
        MemberOp::Remove(members) => json!({"remove": ids(members)}),
        MemberOp::RemoveMatching(filter) => json!({"removeMatching": filter.to_string()}),
        MemberOp::Replace(members) => json!({"replace": ids(members)}),
        MemberOp::RemoveAll => json!({"removeAll": true}),
    }
}

fn filters(case: &Value) {
    let of = read(text(&case["resource"]));
    let (document, user) = (of["body"].as_object().unwrap(), resource_type(&of));
    for figure in case["filters"].as_array().unwrap() {
        let filter = Filter::parse(text(&figure["filter"])).unwrap_or_else(|error| panic!("{figure}: {error}"));
        filter.check(&user).unwrap_or_else(|error| panic!("{figure}: {error}"));
        assert_eq!(filter.matches(document, &user), figure["matches"] == true, "{figure}");
        assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter, "{figure}");
    }
}

/// The lists are told apart from ours by pointers, each with its reason.
fn assert_same(name: &str, ours: &Value, theirs: &Value, differences: &Value) {
    let mut found = BTreeSet::new();
    compare(ours, theirs, "", &mut found);
    let expected: BTreeSet<String> = differences.as_object().unwrap().keys().cloned().collect();
    assert_eq!(found, expected, "{name}: ours is {ours:#}");
}

fn compare(ours: &Value, theirs: &Value, at: &str, found: &mut BTreeSet<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(a, b, &format!("{at}/{key}"), found),
                    _ => drop(found.insert(format!("{at}/{key}"))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(index, (a, b))| compare(a, b, &format!("{at}/{index}"), found));
        }
        _ if ours == theirs => {}
        _ => drop(found.insert(at.to_owned())),
    }
}

fn list(name: &str, case: &Value) {
    let body = &case["body"];
    let cursor = |name: &str| body[name].as_str().map(str::to_owned);
    let resources: Vec<String> = body["Resources"].as_array().unwrap().iter().map(Value::to_string).collect();
    let list = ListResponse {
        total_results: body["totalResults"].as_u64(),
        start_index: body["startIndex"].as_u64(),
        items_per_page: body["itemsPerPage"].as_u64().unwrap_or(resources.len() as u64),
        next_cursor: cursor("nextCursor"),
        previous_cursor: cursor("previousCursor"),
    };
    let ours: Value = serde_json::from_slice(&list.splice(resources.iter())).unwrap();
    assert_same(name, &ours, body, &case["differences"]);
}

fn search_request(name: &str, case: &Value) {
    let request = SearchRequest::from_json(case["body"].clone(), &Dialect::STRICT).unwrap();
    assert_eq!(request.filter.unwrap().to_string(), text(&case["filter"]), "{name}");
    assert_eq!(json!([request.start_index, request.count]), json!([case["start_index"], case["count"]]), "{name}");
    assert_eq!(request.cursor.as_deref(), case.get("cursor").map(text), "{name}");
    for (list, expected) in [("shows", true), ("hides", false)] {
        for path in case[list].as_array().unwrap() {
            assert_eq!(request.projection.shows_name(&ResourceType::user(), text(path)), expected, "{name}: {path}");
        }
    }
}

fn bulk_request(name: &str, case: &Value) {
    let limits = BulkLimits { operations_max: 10, payload_bytes_max: 1_000_000 };
    let request = BulkRequest::parse(case["body"].clone(), &Dialect::STRICT, &limits).unwrap();
    let methods: Value = request.operations.iter().map(|operation| operation.method.as_str()).collect();
    assert_eq!(methods, case["methods"], "{name}");
    assert_eq!(json!(request.fail_on_errors), *case.get("fail_on_errors").unwrap_or(&Value::Null), "{name}");
    let mark = |part| match part {
        Part::Whole => "",
        Part::Start => "<",
        Part::Rest => ">",
    };
    let plan: Vec<String> =
        request.plan().iter().map(|step| format!("{}{}", step.operation, mark(step.part))).collect();
    assert_eq!(plan.join(" "), text(&case["plan"]), "{name}");
    for operation in &request.operations {
        let data = operation.data.clone();
        match operation.method {
            BulkMethod::Patch => drop(PatchOp::parse(data.unwrap(), &Dialect::STRICT).unwrap()),
            BulkMethod::Delete => assert!(data.is_none()),
            _ => {
                let user = ["/Users"].contains(&operation.path.endpoint.as_str());
                let resource_type = if user { ResourceType::user() } else { ResourceType::group() };
                Resource::parse(data.unwrap(), &resource_type, &Dialect::STRICT).unwrap();
            }
        }
    }
}

fn bulk_response(name: &str, case: &Value) {
    let own = |entry: &Value| {
        let field = |name: &str| entry[name].as_str().map(str::to_owned);
        let method = match text(&entry["method"]) {
            "POST" => BulkMethod::Post,
            "PUT" => BulkMethod::Put,
            "PATCH" => BulkMethod::Patch,
            _ => BulkMethod::Delete,
        };
        let path = BulkPath { endpoint: "/Users".into(), id: None };
        let operation = BulkOperation { method, path, bulk_id: field("bulkId"), version: None, data: None };
        match entry.get("response") {
            None => {
                let status = text(&entry["status"]).parse().unwrap();
                BulkResult::done(&operation, status, field("location").unwrap(), field("version"))
            }
            Some(error) => {
                let mut result =
                    BulkResult::failed(&operation, field("location"), &Error::invalid_syntax(text(&error["detail"])));
                let ours = result.response.as_mut().unwrap();
                // Ours goes on with the code of the catalogue.
                assert!(text(&ours["detail"]).starts_with(text(&error["detail"])), "{name}");
                ours["detail"] = error["detail"].clone();
                result
            }
        }
    };
    let results = case["body"]["Operations"].as_array().unwrap().iter().map(own).collect();
    assert_eq!(BulkResponse { results }.to_json(), case["body"], "{name}");
}

/// Every status and keyword of the RFC has its entry in the catalogue, and its body has the RFC's form.
fn errors(name: &str, case: &Value) {
    for body in case["bodies"].as_array().unwrap() {
        let entry = CATALOGUE.iter().find(|entry| {
            entry.status.to_string() == text(&body["status"])
                && entry.scim_type.map(scim::ScimType::as_str) == body["scimType"].as_str()
        });
        let entry = entry.unwrap_or_else(|| panic!("{name}: nothing in the catalogue answers {body}"));
        let mut ours = Error::new(entry.code, text(&body["detail"])).to_json();
        ours["detail"] = body["detail"].clone();
        assert_eq!(ours, *body, "{name}");
    }
}

fn service_provider_config(name: &str, case: &Value) {
    let body = &case["body"];
    let field = |scheme: &Value, name: &str| scheme[name].as_str().map(str::to_owned);
    let scheme = |scheme: &Value| AuthenticationScheme {
        kind: field(scheme, "type").unwrap(),
        name: field(scheme, "name").unwrap(),
        description: field(scheme, "description").unwrap(),
        spec_uri: field(scheme, "specUri"),
        documentation_uri: field(scheme, "documentationUri"),
        primary: scheme["primary"] == true,
    };
    let number = |at: &str| body.pointer(at).and_then(Value::as_u64).unwrap();
    let ours = ServiceProviderConfig {
        documentation_uri: field(body, "documentationUri"),
        patch: true,
        bulk: Some(BulkLimits {
            operations_max: usize::try_from(number("/bulk/maxOperations")).unwrap(),
            payload_bytes_max: usize::try_from(number("/bulk/maxPayloadSize")).unwrap(),
        }),
        change_password: true,
        sort: true,
        etag: true,
        authentication_schemes: body["authenticationSchemes"].as_array().unwrap().iter().map(scheme).collect(),
        pagination: Pagination { page_default: 100, page_max: number("/filter/maxResults"), cursor_seconds: 600 },
    };
    let ours = ours.to_json(text(&body["meta"]["location"]));
    assert_same(name, &ours, body, &case["differences"]);
}

fn resource_types(name: &str, case: &Value) {
    let at = |index: usize| text(&case["body"][index]["meta"]["location"]);
    let ours = json!([ResourceType::user().to_json(at(0)), ResourceType::group().to_json(at(1))]);
    assert_same(name, &ours, &case["body"], &case["differences"]);
}

/// Characteristics as the lines of `7643-8.7-schemas.txt` state them.
fn line(path: &str, attribute: &Attribute) -> String {
    let word = |value: Value| text(&value).to_owned();
    let mut words = vec![path.to_owned(), word(json!(attribute.attr_type))];
    let mut say = |holds: bool, text: String| {
        if holds {
            words.push(text);
        }
    };
    say(attribute.multi_valued, "multiValued".into());
    say(attribute.required, "required".into());
    say(attribute.case_exact, "caseExact".into());
    say(attribute.mutability != Mutability::ReadWrite, word(json!(attribute.mutability)));
    let returned = format!("returned:{}", word(json!(attribute.returned)));
    say(attribute.returned != Returned::Default, returned);
    let uniqueness = format!("uniqueness:{}", word(json!(attribute.uniqueness)));
    say(attribute.uniqueness != Uniqueness::None, uniqueness);
    say(!attribute.reference_types.is_empty(), format!("to:{}", attribute.reference_types.join(",")));
    say(!attribute.canonical_values.is_empty(), format!("canonical:{}", attribute.canonical_values.join(",")));
    words.join(" ")
}

fn lines(attributes: &[Attribute], holder: &str, into: &mut Vec<String>) {
    for attribute in attributes {
        let path = format!("{holder}{}", attribute.name);
        into.push(line(&path, attribute));
        lines(&attribute.sub_attributes, &format!("{path}."), into);
    }
}

#[test]
fn characteristics() {
    let data = std::fs::read_to_string(folder().join("7643-8.7-schemas.txt")).unwrap();
    let mut schemas: Vec<&Schema> = vec![&schema::USER_SCHEMA, &schema::GROUP_SCHEMA, &schema::ENTERPRISE_USER_SCHEMA];
    schemas.extend(schema::SERVICE_SCHEMAS.iter());
    let mut expected: Vec<(&str, Vec<String>)> = Vec::new();
    for text in data.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = text.strip_prefix("== ") {
            expected.push((name, Vec::new()));
        } else if let Some((_, of_schema)) = expected.last_mut() {
            let Some(difference) = text.strip_prefix("! ") else {
                of_schema.push(text.to_owned());
                continue;
            };
            let (ours, why) = difference.split_once(" -- ").unwrap();
            assert!(!why.is_empty(), "{text}");
            let path = |line: &str| line.split(' ').next().unwrap().to_owned();
            if of_schema.last().is_some_and(|theirs| path(theirs) == path(ours)) {
                of_schema.pop();
            }
            of_schema.push(ours.to_owned());
        }
    }
    assert_eq!(expected.len(), schemas.len());
    for (schema, (name, expected)) in schemas.into_iter().zip(expected) {
        let mut ours = Vec::new();
        lines(&schema.attributes, "", &mut ours);
        assert_eq!(schema.name, name);
        assert_eq!(ours, expected, "{name}");
    }
}

/// What discovery shows holds every characteristic that it states in the files, and nothing empty.
#[test]
fn discovery_hides_nothing_and_shows_nothing_empty() {
    fn empty(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty() || list.iter().any(empty),
            Value::Object(map) => map.is_empty() || map.values().any(empty),
            _ => false,
        }
    }
    for schema in [&*schema::USER_SCHEMA, &*schema::GROUP_SCHEMA, &schema::OFFERED[0], &schema::SERVICE_SCHEMAS[2]] {
        let shown = schema.to_json("https://example.com/v2/Schemas/x");
        assert!(!empty(&shown), "{}", schema.name);
        assert_eq!(shown["meta"]["location"], "https://example.com/v2/Schemas/x");
        let again: Schema = serde_json::from_value(shown).unwrap();
        let bare = |attributes: &[Attribute]| {
            let mut all = Vec::new();
            lines(attributes, "", &mut all);
            all
        };
        assert_eq!(bare(&again.attributes), bare(&schema.attributes), "{}", schema.name);
    }
    let bare = Attribute::string("badge").to_json();
    let expected: Map<String, Value> = Map::from_iter([
        ("name".to_owned(), json!("badge")),
        ("type".to_owned(), json!("string")),
        ("multiValued".to_owned(), json!(false)),
        ("required".to_owned(), json!(false)),
        ("caseExact".to_owned(), json!(false)),
        ("mutability".to_owned(), json!("readWrite")),
        ("returned".to_owned(), json!("default")),
        ("uniqueness".to_owned(), json!("none")),
    ]);
    assert_eq!(bare, Value::Object(expected));
}
