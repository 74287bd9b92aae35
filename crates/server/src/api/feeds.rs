//! The provisioning log and the change feed.

use super::{ApiResult, listed, shown};
use crate::admin::{self, tenant_of};
use crate::app::App;
use crate::worker::settle_log;
use axum::extract::{Path, RawQuery, State};
use scim::meta::rfc3339;
use serde_json::{Value, json};
use store::{Change, LogEntry};

/// `?after&before&limit&resource&type&status&failed&code&method&token&remote&since&until&text&attribute`; newest first, or oldest first behind `after`.
pub(super) async fn log(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    settle_log(&app).await;
    let entries = admin::log::list(&app, tenant, admin::log::asked(&raw.unwrap_or_default())).await?;
    let next = entries.last().map(|entry| entry.seq);
    listed(entries.iter().map(|entry| show_entry(entry, false)).collect(), next)
}

pub(super) async fn log_entry(State(app): State<App>, Path((tenant, seq)): Path<(String, i64)>) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    shown(200, &show_entry(&admin::log::entry(&app, tenant, seq).await?, true))
}

/// `?after&limit`, oldest first.
pub(super) async fn changes(State(app): State<App>, Path(tenant): Path<String>, RawQuery(raw): RawQuery) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    let raw = raw.unwrap_or_default();
    let after = admin::log::number(&raw, "after").unwrap_or(0);
    let changes = admin::log::changes(&app, tenant, after, admin::log::limit(&raw)).await?;
    let next = changes.last().map(|change| change.seq);
    listed(changes.iter().map(show_change).collect(), next)
}

fn show_change(change: &Change) -> Value {
    json!({
        "seq": change.seq,
        "at": rfc3339(change.at),
        "kind": change.kind.as_str(),
        "resourceType": change.resource_type,
        "id": change.id,
        "actor": change.actor,
        "what": change.what,
    })
}

/// Text that is JSON is shown as what it is.
fn json_or_text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

pub(crate) fn show_entry(entry: &LogEntry, whole: bool) -> Value {
    let mut shown = json!({
        "seq": entry.seq,
        "at": rfc3339(entry.at),
        "requestId": entry.request_id,
        "actor": entry.actor,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "code": entry.code,
        "resourceType": entry.resource_type,
        "resourceId": entry.resource_id,
        "tookUs": entry.took_us,
    });
    if let (true, Some(map)) = (whole, shown.as_object_mut()) {
        map.insert("remote".into(), json!(entry.remote));
        map.insert("userAgent".into(), json!(entry.user_agent));
        map.insert("request".into(), json_or_text(entry.body.as_deref()));
        map.insert("answer".into(), json_or_text(entry.answer.as_deref()));
        map.insert("steps".into(), json_or_text(entry.steps.as_deref().or(Some("[]"))));
        map.insert("diff".into(), json_or_text(entry.diff.as_deref().or(Some("[]"))));
    }
    shown
}
