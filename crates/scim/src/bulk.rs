//! Several operations in one request (RFC 7644 §3.7), and the order in which they can be done.
//!
//! An operation may name what another one creates (`bulkId:x`), earlier or later in the list, and groups
//! may name each other in a circle. `plan` puts creations in front of their uses; a circle is broken by
//! creating one of its resources without what cannot be resolved yet and adding that afterwards.
//!
//! Not here: running them. What can be wrong with one operation's data is that operation's own error.

mod plan;

pub use plan::{Part, Step};

use crate::patch_op::PATCH_OP;
use crate::search_request::check_message_schema;
use crate::{Dialect, Error, Result};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// The schema of a bulk request.
pub const REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of the answer to one.
pub const RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// Longest `bulkId` in bytes.
pub const BULK_ID_BYTES_MAX: usize = 255;

const PREFIX: &str = "bulkId:";

/// How large a bulk request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLimits {
    /// Most operations.
    pub operations_max: usize,
    /// Largest body in bytes; whoever reads the body enforces it.
    pub payload_bytes_max: usize,
}

/// The method of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkMethod {
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Change a part.
    Patch,
    /// Delete.
    Delete,
}

impl BulkMethod {
    fn parse(text: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Where an operation goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BulkPath {
    /// The endpoint of a resource type, with the slash: `/Users`.
    pub endpoint: String,
    /// The resource, maybe as `bulkId:x`.
    pub id: Option<String>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkOperation {
    /// What to do.
    pub method: BulkMethod,
    /// Where.
    pub path: BulkPath,
    /// The name by which other operations may mean what this one creates; every POST has one.
    pub bulk_id: Option<String>,
    /// The entity tag that the resource has to have, as in `If-Match`.
    pub version: Option<String>,
    /// The body; nothing for a DELETE.
    pub data: Option<Value>,
}

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// How many errors end the work.
    pub fail_on_errors: Option<u64>,
    /// The operations in the order of the request.
    pub operations: Vec<BulkOperation>,
}

impl BulkRequest {
    /// Reads the body. A request in which an operation has no method or no possible path is refused
    /// whole, before anything is done.
    pub fn parse(body: Value, dialect: &Dialect, limits: &BulkLimits) -> Result<Self> {
        let Value::Object(body) = body else {
            return Err(Error::invalid_syntax("the body has to be a JSON object"));
        };
        check_message_schema(&body, REQUEST_SCHEMA, dialect)?;
        let (mut fail_on_errors, mut list) = (None, None);
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "operations" => list = Some(value),
                "failonerrors" if value.is_null() => {}
                "failonerrors" => {
                    let number = value.as_u64().filter(|number| *number > 0);
                    let wrong = || Error::invalid_value("failOnErrors is a whole number of at least 1");
                    fail_on_errors = Some(number.ok_or_else(wrong)?);
                }
                _ => {}
            }
        }
        let Some(Value::Array(list)) = list else {
            return Err(Error::invalid_syntax("Operations is required: a list of operations"));
        };
        if list.len() > limits.operations_max {
            let detail = format!("the request has {} operations; at most {}", list.len(), limits.operations_max);
            return Err(Error::new(crate::Code::BULK_TOO_LARGE, detail));
        }
        let mut operations = Vec::with_capacity(list.len());
        for (index, operation) in list.into_iter().enumerate() {
            let operation = operation_from(operation).and_then(|operation| named(operation, dialect));
            operations.push(operation.map_err(|what| {
                Error::invalid_syntax(format!("operation {} of the bulk request: {what}", index + 1))
            })?);
        }
        name_posts(&mut operations)?;
        Ok(Self { fail_on_errors, operations })
    }

    /// Whether the work goes on after that many errors.
    pub fn goes_on(&self, errors: u64) -> bool {
        self.fail_on_errors.is_none_or(|most| errors < most)
    }

    /// The operations in an order in which every `bulkId` is known when it is needed.
    pub fn plan(&self) -> Vec<Step> {
        plan::plan(&self.operations)
    }

    /// As `plan`, but only the numbers of the operations, each once.
    pub fn order(&self) -> Vec<usize> {
        self.plan().into_iter().filter(|step| step.part != Part::Rest).map(|step| step.operation).collect()
    }
}

fn operation_from(operation: Value) -> std::result::Result<BulkOperation, &'static str> {
    let Value::Object(operation) = operation else { return Err("it has to be an object") };
    let mut fields: HashMap<String, Value> =
        operation.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let mut text = |name: &str, wrong: &'static str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong),
    };
    let method = text("method", "method is a string")?.as_deref().and_then(BulkMethod::parse);
    let method = method.ok_or("method is POST, PUT, PATCH or DELETE")?;
    let path = text("path", "path is a string")?.as_deref().and_then(path_from);
    let path = path.ok_or("path is an endpoint such as /Users, or a resource such as /Users/<id>")?;
    let bulk_id = text("bulkid", "bulkId is a string")?.filter(|id| !id.is_empty());
    let version = text("version", "version is a string")?.filter(|version| !version.is_empty());
    match (method, &path.id) {
        (BulkMethod::Post, Some(_)) => return Err("a POST goes to an endpoint, not to a resource"),
        (BulkMethod::Post, None) | (_, Some(_)) => {}
        (_, None) => return Err("the path has to name the resource: /Users/<id>"),
    }
    if bulk_id.as_ref().is_some_and(|id| id.len() > BULK_ID_BYTES_MAX) {
        return Err("bulkId is longer than 255 bytes");
    }
    let data = fields.remove("data").filter(|data| method != BulkMethod::Delete && !data.is_null());
    let data = match data {
        // RFC 7644 §3.7.3 shows the operations of a PATCH without the message around them.
        Some(Value::Array(list)) if method == BulkMethod::Patch => {
            Some(json!({"schemas": [PATCH_OP], "Operations": list}))
        }
        data => data,
    };
    Ok(BulkOperation { method, path, bulk_id, version, data })
}

/// RFC 7644 §3.7: `bulkId` is required when the method is POST.
fn named(operation: BulkOperation, dialect: &Dialect) -> std::result::Result<BulkOperation, &'static str> {
    let is_nameless = operation.method == BulkMethod::Post && operation.bulk_id.is_none();
    if is_nameless && !dialect.bulk_id_optional { Err("a POST needs a bulkId") } else { Ok(operation) }
}

/// `/Users` or `/Users/<id>`; the slash in front may be missing.
fn path_from(text: &str) -> Option<BulkPath> {
    let text = text.trim().trim_start_matches('/').trim_end_matches('/');
    let (endpoint, id) = match text.split_once('/') {
        Some((endpoint, id)) => (endpoint, Some(id)),
        None => (text, None),
    };
    let fits = |part: &str| !part.is_empty() && !part.contains(['/', '?', '#']);
    (fits(endpoint) && id.is_none_or(fits))
        .then(|| BulkPath { endpoint: format!("/{endpoint}"), id: id.map(str::to_owned) })
}

/// Gives every POST a name, since the answer tells the operations apart by it, and refuses a name that is there twice.
fn name_posts(operations: &mut [BulkOperation]) -> Result<()> {
    let mut taken = HashSet::new();
    for operation in operations.iter().filter(|operation| operation.method == BulkMethod::Post) {
        if let Some(id) = &operation.bulk_id
            && !taken.insert(id.clone())
        {
            return Err(Error::invalid_value("a bulkId stands twice in the request; each POST needs its own"));
        }
    }
    for (index, operation) in operations.iter_mut().enumerate() {
        if operation.method == BulkMethod::Post && operation.bulk_id.is_none() {
            let mut name = format!("operation-{}", index + 1);
            while !taken.insert(name.clone()) {
                name.push('-');
            }
            operation.bulk_id = Some(name);
        }
    }
    Ok(())
}

/// Puts the ids of created resources where `bulkId:x` stands, in any string of the data: alone, or as a
/// part of a path, an address or a filter. Answers with the names that are not known.
pub fn resolve(value: &mut Value, ids: &HashMap<String, String>) -> Vec<String> {
    let mut unresolved = Vec::new();
    walk_mut(value, &mut |text| {
        let (resolved, missing) = resolve_text(text, ids);
        unresolved.extend(missing);
        if let Some(resolved) = resolved {
            *text = resolved;
        }
    });
    unresolved.dedup();
    unresolved
}

impl BulkPath {
    /// As `resolve`, for the path: the id of the resource, or the name that is not known.
    pub fn resolve(&self, ids: &HashMap<String, String>) -> std::result::Result<Self, String> {
        let Some(name) = self.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)) else { return Ok(self.clone()) };
        let id = ids.get(name).ok_or_else(|| name.to_owned())?;
        Ok(Self { endpoint: self.endpoint.clone(), id: Some(id.clone()) })
    }
}

/// Takes out of a POST's data whatever names a resource that is not there yet, and makes of it the PATCH
/// that adds it later; nothing if all is known.
pub fn set_aside(data: &mut Value, ids: &HashMap<String, String>) -> Option<Value> {
    let Value::Object(attributes) = data else { return None };
    let mut later = Vec::new();
    take_unresolved(attributes, "", ids, &mut later);
    let extensions = attributes.iter_mut().filter(|(name, _)| name.to_ascii_lowercase().starts_with("urn:"));
    for (urn, extension) in extensions {
        if let Value::Object(held) = extension {
            take_unresolved(held, &format!("{urn}:"), ids, &mut later);
        }
    }
    (!later.is_empty()).then(|| json!({"schemas": [PATCH_OP], "Operations": later}))
}

fn take_unresolved(
    attributes: &mut Map<String, Value>,
    prefix: &str,
    ids: &HashMap<String, String>,
    later: &mut Vec<Value>,
) {
    let open = |value: &Value| references(value).iter().any(|name| !ids.contains_key(name));
    for (name, value) in attributes.iter_mut().filter(|(name, _)| !name.to_ascii_lowercase().starts_with("urn:")) {
        let taken = match value {
            Value::Array(elements) => Value::Array(elements.extract_if(.., |element| open(element)).collect()),
            other if open(other) => other.take(),
            _ => continue,
        };
        if taken.as_array().is_none_or(|elements| !elements.is_empty()) {
            later.push(json!({"op": "add", "path": format!("{prefix}{name}"), "value": taken}));
        }
    }
    attributes.retain(|_, value| !value.is_null());
}

/// The names that the strings of a value mention as `bulkId:x`.
fn references(value: &Value) -> Vec<String> {
    fn walk(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::String(text) => names.extend(resolve_text(text, &HashMap::new()).1),
            Value::Array(elements) => elements.iter().for_each(|element| walk(element, names)),
            Value::Object(parts) => parts.values().for_each(|part| walk(part, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    walk(value, &mut names);
    names
}

fn walk_mut(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(elements) => elements.iter_mut().for_each(|element| walk_mut(element, change)),
        Value::Object(parts) => parts.values_mut().for_each(|part| walk_mut(part, change)),
        _ => {}
    }
}

/// The text with ids for names, if anything changed, and the names that are not known. A name inside a
/// longer text counts only between slashes or quotes, so that prose is left alone.
fn resolve_text(text: &str, ids: &HashMap<String, String>) -> (Option<String>, Vec<String>) {
    if let Some(name) = text.strip_prefix(PREFIX) {
        return match ids.get(name) {
            Some(id) => (Some(id.clone()), Vec::new()),
            None => (None, vec![name.to_owned()]),
        };
    }
    let (mut out, mut missing, mut rest, mut changed) = (String::new(), Vec::new(), text, false);
    while let Some((before, after)) = rest.split_once(PREFIX) {
        let end = after.find(['/', '"']).unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        out.push_str(before);
        match (before.ends_with(['/', '"']), ids.get(name)) {
            (true, Some(id)) => {
                out.push_str(id);
                changed = true;
                rest = behind;
            }
            (delimited, _) => {
                if delimited && !name.is_empty() {
                    missing.push(name.to_owned());
                }
                out.push_str(PREFIX);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    (changed.then_some(out), missing)
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkResult {
    /// What was to be done.
    pub method: BulkMethod,
    /// The address of the resource; a POST that failed has none.
    pub location: Option<String>,
    /// The operation's name.
    pub bulk_id: Option<String>,
    /// The entity tag of the resource as it is now.
    pub version: Option<String>,
    /// The HTTP status that the operation would have had alone.
    pub status: u16,
    /// The error.
    pub response: Option<Value>,
}

impl BulkResult {
    /// An operation that was done.
    pub fn done(operation: &BulkOperation, status: u16, location: String, version: Option<String>) -> Self {
        let location = Some(location);
        Self { method: operation.method, location, bulk_id: operation.bulk_id.clone(), version, status, response: None }
    }

    /// An operation that failed; nothing of it was done.
    pub fn failed(operation: &BulkOperation, location: Option<String>, error: &Error) -> Self {
        Self {
            method: operation.method,
            location,
            bulk_id: operation.bulk_id.clone(),
            version: None,
            status: error.status,
            response: Some(error.to_json()),
        }
    }

    fn to_json(&self) -> Value {
        let mut entry = Map::new();
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                entry.insert(name.into(), value.into());
            }
        };
        text("location", self.location.as_deref());
        text("method", Some(self.method.as_str()));
        text("bulkId", self.bulk_id.as_deref());
        text("version", self.version.as_deref());
        text("status", Some(&self.status.to_string()));
        if let Some(response) = &self.response {
            entry.insert("response".into(), response.clone());
        }
        Value::Object(entry)
    }
}

/// The answer to a bulk request: the operations that were tried, in the order of the request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkResponse {
    /// One entry for each operation.
    pub results: Vec<BulkResult>,
}

impl BulkResponse {
    /// The body.
    pub fn to_json(&self) -> Value {
        let results: Vec<Value> = self.results.iter().map(BulkResult::to_json).collect();
        json!({"schemas": [RESPONSE_SCHEMA], "Operations": results})
    }
}
