//! Discovery (RFC 7644 §4): what this tenant really serves, its switches and custom attributes included.

use super::{Cx, bulk};
use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::query;
use axum::http::Method;
use scim::list_response::ListResponse;
use scim::service_provider_config::{AuthenticationScheme, Pagination, ServiceProviderConfig};
use scim::{Code, ResourceType, Schema, schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// Discovery is read, and never filtered (RFC 7644 §4).
pub(super) fn only_get(cx: &Cx, show: impl FnOnce(&Cx) -> Result<Answer>) -> Result<Answer> {
    if !matches!(cx.asked.method, Method::GET | Method::HEAD) {
        return Err(Error::Method { allow: "GET" });
    }
    if query::value(&cx.asked.query, "filter").is_some() {
        return Err(Error::new(Code::FILTER_ON_DISCOVERY, "discovery endpoints take no filter; leave it out"));
    }
    show(cx)
}

pub(super) fn config(cx: &Cx) -> Result<Answer> {
    let settings = &cx.tenant.tenant.settings;
    let switches = &settings.switches;
    let updates = switches.users.update || switches.groups.update;
    let writes = [&switches.users, &switches.groups].iter().any(|crud| crud.create || crud.update || crud.delete);
    let config = ServiceProviderConfig {
        documentation_uri: None,
        patch: updates,
        bulk: writes.then_some(bulk::LIMITS),
        change_password: settings.keep_passwords && switches.users.update,
        sort: true,
        etag: true,
        authentication_schemes: vec![AuthenticationScheme::bearer()],
        pagination: Pagination {
            page_default: settings.page_default.into(),
            page_max: settings.page_max.into(),
            cursor_seconds: settings.cursor_seconds.into(),
        },
    };
    Ok(Answer::json(200, &config.to_json(&format!("{}/ServiceProviderConfig", cx.base))))
}

/// A resource type with the operations that are switched off in its description: the schemas of discovery have no
/// place of their own for them, and strict clients refuse what is not in a schema.
fn resource_type(cx: &Cx, rt: &ResourceType) -> Value {
    let mut shown = rt.to_json(&format!("{}/ResourceTypes/{}", cx.base, rt.name));
    let crud = cx.tenant.switches(rt);
    let all = [(crud.create, "create"), (crud.read, "read"), (crud.update, "update"), (crud.delete, "delete")];
    let off: Vec<&str> = all.iter().filter(|(on, _)| !on).map(|(_, name)| *name).collect();
    if let (false, Some(map)) = (off.is_empty(), shown.as_object_mut()) {
        let text = map.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{text} (switched off: {})", off.join(", ")).trim().to_owned();
        map.insert("description".into(), text.into());
    }
    shown
}

pub(super) fn resource_types(cx: &Cx, id: Option<&str>) -> Result<Answer> {
    match id {
        None => list(cx.tenant.types.iter().map(|rt| resource_type(cx, rt)).collect()),
        Some(name) => match cx.tenant.named(name) {
            Some(rt) => Ok(Answer::json(200, &resource_type(cx, rt))),
            None => Err(Error::new(Code::NOT_FOUND, "there is no resource type of this name; see /ResourceTypes")),
        },
    }
}

pub(super) fn schemas(cx: &Cx, urn: Option<&str>) -> Result<Answer> {
    let mut all: BTreeMap<&str, &Schema> = BTreeMap::new();
    for rt in &cx.tenant.types {
        all.insert(&rt.schema.id, &rt.schema);
        all.extend(rt.extensions.iter().map(|extension| (extension.schema.id.as_str(), &*extension.schema)));
    }
    all.extend(schema::SERVICE_SCHEMAS.iter().map(|schema| (schema.id.as_str(), schema)));
    let show = |schema: &Schema| schema.to_json(&format!("{}/Schemas/{}", cx.base, schema.id));
    match urn {
        None => list(all.values().map(|schema| show(schema)).collect()),
        Some(urn) => match all.values().find(|schema| schema.id.eq_ignore_ascii_case(urn)) {
            Some(schema) => Ok(Answer::json(200, &show(schema))),
            None => Err(Error::new(Code::NOT_FOUND, "there is no schema of this URN; see /Schemas")),
        },
    }
}

/// All of it in one page: there are few, and RFC 7644 §4 asks for a list response.
fn list(resources: Vec<Value>) -> Result<Answer> {
    let count = resources.len() as u64;
    let list = ListResponse {
        total_results: Some(count),
        start_index: Some(1),
        items_per_page: count,
        next_cursor: None,
        previous_cursor: None,
    };
    Ok(Answer::bytes(200, list.splice(resources.iter().map(|resource| resource.to_string().into_bytes()))))
}
