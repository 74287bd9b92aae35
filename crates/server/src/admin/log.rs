//! The provisioning log and the change feed, as they are asked for.

use super::missing;
use super::tokens::State;
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::scim::{Acted, Order, act};
use crate::tenants::TenantState;
use crate::{limits, query};
use axum::http::Method;
use serde_json::Value;
use std::sync::Arc;
use store::{Change, LogEntry, LogQuery, TenantId};

const LIMIT_DEFAULT: u32 = 50;

/// A number among the parameters.
pub(crate) fn number(query: &str, name: &str) -> Option<i64> {
    query::value(query, name)?.trim().parse().ok()
}

/// `limit` among the parameters, within its bounds.
pub(crate) fn limit(query: &str) -> u32 {
    number(query, "limit").and_then(|n| u32::try_from(n).ok()).unwrap_or(LIMIT_DEFAULT).clamp(1, limits::API_PAGE_MAX)
}

/// `?after&before&limit&resource&type&status&failed&code&method&token&remote&since&until&text&attribute`.
pub(crate) fn asked(query: &str) -> LogQuery {
    let text = |name: &str| query::value(query, name).filter(|text| !text.is_empty());
    let at = |name: &str| text(name).and_then(|text| scim::schema::instant(&text));
    LogQuery {
        after: number(query, "after"),
        before: number(query, "before"),
        limit: limit(query),
        resource_id: text("resource"),
        resource_type: text("type"),
        status_min: number(query, "status").and_then(|n| u16::try_from(n).ok()),
        method: text("method").map(|method| method.to_ascii_uppercase()),
        failed: query::value(query, "failed").map(|flag| flag.is_empty() || flag == "true" || flag == "1"),
        code: text("code"),
        actor: text("token"),
        remote: text("remote"),
        since_at: at("since"),
        until_at: at("until"),
        text: text("text"),
        attribute: text("attribute"),
        ..LogQuery::default()
    }
}

/// Entries without their texts; newest first, or oldest first behind `after`.
pub(crate) async fn list(app: &App, tenant: TenantId, asked: LogQuery) -> Result<Vec<LogEntry>> {
    app.store().read(move |r| r.log(tenant, &asked)).await.map_err(|error: store::Error| error.into())
}

/// One entry, whole.
pub(crate) async fn entry(app: &App, tenant: TenantId, seq: i64) -> Result<LogEntry> {
    let entry: Option<LogEntry> = app.store().read(move |r| r.log_entry(tenant, seq)).await?;
    entry.ok_or_else(|| {
        missing("there is no log entry of this number; it may have been taken away by the limits of the log")
    })
}

/// The change feed behind a number.
pub(crate) async fn changes(app: &App, tenant: TenantId, after: i64, limit: u32) -> Result<Vec<Change>> {
    app.store().read(move |r| r.changes(tenant, after, limit)).await.map_err(|error: store::Error| error.into())
}

/// Why an entry cannot be rehearsed.
pub(crate) fn hindrance(entry: &LogEntry) -> Option<&'static str> {
    let body = entry.body.as_deref().unwrap_or_default();
    let takes_body = matches!(entry.method.as_str(), "POST" | "PUT" | "PATCH");
    if entry.path.starts_with("/Bulk") {
        Some("A bulk request is many requests, which see what the ones before them did: it cannot be rehearsed.")
    } else if entry.path.contains("[redacted]") || body.contains("[redacted]") {
        Some("The log keeps no secrets, and this request held one: it cannot be asked again.")
    } else if takes_body && serde_json::from_str::<Value>(body).is_err() {
        Some("The body was not kept whole: the limit for bodies is a setting of the log.")
    } else {
        None
    }
}

/// Whether the token that a request came with would be let in now. Who asked without one, such as an operator, would be.
pub(crate) async fn is_let_in(app: &App, tenant: TenantId, entry: &LogEntry) -> Result<bool> {
    if entry.status == 401 {
        return Ok(false);
    }
    let now = app.clock().now();
    let tokens = super::tokens::list(app, Some(tenant)).await?;
    let mut its = tokens.iter().filter(|token| token.label == entry.actor).peekable();
    Ok(its.peek().is_none() || its.any(|token| State::of(token, now) == State::Active))
}

/// The same request against what is there now, as its token would be let in now; everything is undone at its end.
pub(crate) async fn rehearse(
    app: &App,
    state: &Arc<TenantState>,
    base: &str,
    origin: &Origin,
    entry: &LogEntry,
) -> Result<Acted> {
    if let Some(why) = hindrance(entry) {
        return Err(scim::Error::invalid_value(why).into());
    }
    let tokens = super::tokens::list(app, Some(state.tenant.id)).await?;
    let scope = tokens.iter().rev().find(|token| token.label == entry.actor).map(|token| token.scope);
    let actor = Actor { label: entry.actor.clone(), scope: scope.unwrap_or(store::Scope::ALL), ..Actor::local() };
    let (path, query) = entry.path.split_once('?').unwrap_or((&entry.path, ""));
    let order = Order {
        method: Method::from_bytes(entry.method.as_bytes()).unwrap_or(Method::GET),
        path: path.to_owned(),
        query: query.to_owned(),
        body: entry.body.clone().unwrap_or_default().into(),
        origin: origin.clone(),
        rehearsal: true,
    };
    Ok(act(app, state, Arc::new(actor), base, order).await)
}
