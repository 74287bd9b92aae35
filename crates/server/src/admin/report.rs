//! A report for whoever helps: what this server is and what went wrong lately, without anybody's data.
//!
//! The log keeps no secrets; here every text of a body goes, too, and only its kind and length stay. Names of attributes, codes,
//! statuses and decisions are what a fault is found by.

use super::{audited, conflicts, log, tokens};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::tenants::TenantState;
use scim::meta::rfc3339;
use serde_json::{Map, Value, json};
use store::{LogEntry, LogQuery};

/// Refusals that a report holds.
const REFUSALS: u32 = 50;
/// Requests around the one that a report is about.
const AROUND: u32 = 20;

/// The report of a tenant; about one entry of the log if there is one, with what its token did just before.
pub(crate) async fn report(app: &App, actor: &Actor, state: &TenantState, seq: Option<i64>) -> Result<Value> {
    let (tenant, now) = (state.tenant.id, app.clock().now());
    let asked = match seq {
        Some(seq) => {
            let entry = log::entry(app, tenant, seq).await?;
            LogQuery {
                before: Some(seq + 1),
                limit: AROUND,
                actor: Some(entry.actor),
                want_texts: true,
                ..LogQuery::default()
            }
        }
        None => LogQuery { failed: Some(true), limit: REFUSALS, want_texts: true, ..LogQuery::default() },
    };
    let entries = log::list(app, tenant, asked).await?;
    let (open, dismissed) = conflicts::list(app, state).await?;
    let tokens = tokens::list(app, Some(tenant)).await?;
    let line = ("report.make", format!("{}/report", state.tenant.name), json!({"entry": seq}));
    audited(app, actor, line, |_| Ok(())).await?;
    let mut settings = json!(state.tenant.settings);
    if let Some(map) = settings.as_object_mut() {
        map.remove("baseUrl");
    }
    let counted = app
        .store()
        .read(move |r| -> store::Result<_> { Ok((r.count(tenant, "User")?, r.count(tenant, "Group")?)) })
        .await?;
    Ok(json!({
        "schema": "provost/v1/report",
        "at": rfc3339(now),
        "version": env!("CARGO_PKG_VERSION"),
        "entry": seq,
        "users": counted.0,
        "groups": counted.1,
        "logEntriesDropped": app.log_dropped(),
        "settings": settings,
        "definitions": state.tenant.definitions,
        "tokens": tokens.iter().map(|token| json!({
            "state": tokens::State::of(token, now).as_str(),
            "scope": tokens::scope_text(&token.scope),
            "createdAt": rfc3339(token.created_at),
            "lastUsedAt": token.last_used_at.map(rfc3339),
            "lastUsedAgent": token.last_used_agent,
        })).collect::<Vec<_>>(),
        "conflicts": {
            "open": open.iter().map(|one| json!({"code": one.code, "count": one.count})).collect::<Vec<_>>(),
            "dismissed": dismissed,
        },
        "requests": entries.iter().map(request).collect::<Vec<_>>(),
    }))
}

fn request(entry: &LogEntry) -> Value {
    json!({
        "seq": entry.seq,
        "at": rfc3339(entry.at),
        "tookUs": entry.took_us,
        "method": entry.method,
        "path": path(&entry.path),
        "status": entry.status,
        "code": entry.code,
        "userAgent": entry.user_agent,
        "resourceType": entry.resource_type,
        "body": entry.body.as_deref().map(blank_text),
        "answer": entry.answer.as_deref().map(blank_text),
        "diff": entry.diff.as_deref().map(blank_text),
    })
}

/// What stands in quotes in an address is somebody's value.
fn path(path: &str) -> String {
    let path = crate::query::decode(path);
    let parts = path.split('"').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part.to_owned() } else { format!("\"{}\"", blank(part)) }).collect()
}

fn blank(text: &str) -> String {
    format!("text of {} characters", text.chars().count())
}

/// The same JSON with every text but those of the protocol replaced by its length; what is no JSON says only how long it is.
fn blank_text(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| blank(text).into(), |value| blanked(None, value))
}

/// Texts of these say what was asked and why it was refused, and are nobody's.
const KEPT: [&str; 7] = ["schemas", "op", "path", "scimType", "status", "attribute", "resourceType"];

fn blanked(name: Option<&str>, value: Value) -> Value {
    let is_kept = name.is_some_and(|name| KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)));
    match value {
        Value::String(text) if is_kept => path(&text).into(),
        Value::String(text) => blank(&text).into(),
        Value::Number(_) if !is_kept => "number".into(),
        Value::Array(list) => list.into_iter().map(|one| blanked(name, one)).collect(),
        Value::Object(map) => {
            let pairs = map.into_iter().map(|(name, value)| {
                let value = blanked(Some(&name), value);
                (name, value)
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_holds_nobodys_data() {
        let body = r#"{"schemas":["urn:x"],"userName":"adam@example.com","active":true,"n":7,
            "Operations":[{"op":"add","path":"emails[value eq \"adam@example.com\"]","value":[{"value":"adam"}]}]}"#;
        let told = blank_text(body).to_string();
        assert!(!told.contains("adam") && !told.contains('7'), "{told}");
        for kept in ["urn:x", "userName", "\"op\":\"add\"", "emails[value eq", "true", "text of 16 characters"] {
            assert!(told.contains(kept), "{kept} in {told}");
        }
        assert_eq!(
            path("/Users?filter=userName%20eq%20%22adam%22&count=1"),
            "/Users?filter=userName eq \"text of 4 characters\"&count=1"
        );
        assert_eq!(blank_text("not JSON"), "text of 8 characters");
    }
}
