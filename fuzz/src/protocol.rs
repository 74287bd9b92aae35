//! SCIM: filters, paths, PATCH, and the messages around them.

use scim::patch_op::PatchPath;
use scim::{AttrPath, BulkLimits, BulkRequest, Dialect, Filter, PatchOp, Resource, ResourceType, SearchRequest};
use serde_json::Value;
use std::sync::LazyLock;

static USER: LazyLock<ResourceType> = LazyLock::new(ResourceType::user);
static GROUP: LazyLock<ResourceType> = LazyLock::new(ResourceType::group);
const BULK: BulkLimits = BulkLimits { operations_max: 1_000, payload_bytes_max: 1 << 20 };
const SAMPLE: &str = include_str!("sample.json");

/// A filter that can be read can be printed and read again, and be asked of a resource.
pub(super) fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(filter) = Filter::parse(text) else { return };
    let printed = filter.to_string();
    match Filter::parse(&printed) {
        Ok(again) => assert_eq!(again, filter, "{printed}"),
        // Printed, a filter may be longer than one may be.
        Err(error) => assert!(printed.len() > text.len(), "{error}: {printed}"),
    }
    static RESOURCE: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SAMPLE).expect("JSON"));
    let resource = RESOURCE.as_object().expect("an object");
    let _ = filter.check_names(&USER, &Dialect::LENIENT);
    if filter.check(&USER).is_ok() {
        // The same twice, and the opposite of its opposite.
        let matches = filter.matches(resource, &USER);
        let not = Filter::Not(Box::new(filter));
        assert_eq!(not.matches(resource, &USER), !matches);
    }
}

/// Paths of attributes and of PATCH, and where a mapping puts a value.
pub(super) fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(path) = AttrPath::parse(text) {
        assert_eq!(AttrPath::parse(&path.to_string()), Some(path));
    }
    let _ = PatchPath::parse(text);
    super::mapping::place(text);
}

/// A resource in the first line, a PATCH in the rest.
pub(super) fn patch(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((body, patch)) = text.split_once('\n') else { return };
    let (Ok(body), Ok(patch)) = (serde_json::from_str::<Value>(body), serde_json::from_str::<Value>(patch)) else {
        return;
    };
    for resource_type in [&USER, &GROUP] {
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            let Ok(parsed) = Resource::parse(body.clone(), resource_type, &dialect) else { continue };
            let Ok(patch) = PatchOp::parse(patch.clone(), &dialect) else { continue };
            let Ok(patched) = patch.apply(&parsed.resource, resource_type, &dialect) else { continue };
            // What breaks the schema cannot come out.
            assert_eq!(patched.resource.check(resource_type), Ok(()));
            let document = patched.resource.to_document(resource_type, "1");
            assert_eq!(Resource::from_document(document, resource_type), patched.resource);
            assert_eq!(parsed.resource.difference(&patched.resource, resource_type), patched.changed);
        }
    }
}

/// Every body that an endpoint takes.
pub(super) fn message(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    for dialect in [Dialect::LENIENT, Dialect::STRICT] {
        let _ = SearchRequest::from_json(body.clone(), &dialect);
        let _ = BulkRequest::parse(body.clone(), &dialect, &BULK);
        let _ = PatchOp::parse(body.clone(), &dialect);
        for resource_type in [&USER, &GROUP] {
            let Ok(parsed) = Resource::parse(body.clone(), resource_type, &dialect) else { continue };
            let document = parsed.resource.to_document(resource_type, "1");
            assert_eq!(Resource::from_document(document.clone(), resource_type), parsed.resource);
            // What is shown can be sent again, and is the same.
            let again = Resource::parse(Value::Object(document), resource_type, &Dialect::LENIENT);
            assert_eq!(again.map(|again| again.resource).as_ref(), Ok(&parsed.resource));
        }
    }
}
