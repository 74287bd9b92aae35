//! Operators and the audit trail, as the console has them.

use super::{ApiError, ApiResult, body_of, listed, onwards, shown};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::operators::{self, Change, NewOperator};
use crate::{limits, query};
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use scim::Code;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Operator, Role};

const AUDIT_ROWS: u32 = 100;

fn show(operator: &Operator) -> Value {
    json!({
        "id": operator.id,
        "email": operator.email,
        "name": operator.name,
        "role": operator.role.as_str(),
        "secondFactor": operator.totp.is_some(),
        "createdAt": rfc3339(operator.created_at),
        "disabledAt": operator.disabled_at.map(rfc3339),
        "lastSignInAt": operator.seen_at.map(rfc3339),
    })
}

fn link_url(app: &App, code: &str) -> String {
    let server = app.config().url();
    format!("{}/setup?code={code}", server.trim_end_matches('/'))
}

fn with_link(app: &App, operator: &Operator, code: &str) -> Value {
    let mut body = show(operator);
    if let Some(map) = body.as_object_mut() {
        map.insert("link".into(), link_url(app, code).into());
    }
    body
}

fn role_of(text: &str) -> Result<Role, ApiError> {
    Ok(Role::parse(text).ok_or_else(|| scim::Error::invalid_value("role is owner, admin or auditor"))?)
}

pub(super) async fn list(State(app): State<App>) -> ApiResult {
    let all: Vec<Operator> = app.store().read(|r| r.operators()).await.map_err(|e: store::Error| Error::from(e))?;
    listed(all.iter().map(show).collect(), None)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Invitation {
    email: String,
    name: String,
    role: String,
}

pub(super) async fn invite(
    State(app): State<App>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: Invitation = body_of(request).await?;
    let role = role_of(&wanted.role)?;
    let person = NewOperator { email: wanted.email, name: wanted.name };
    let (made, code) = operators::invite(&app, &actor, person, role, app.clock().now()).await?;
    shown(201, &with_link(&app, &made, &code))
}

/// A link for the first owner, as the first start of `serve` prints one.
pub(super) async fn setup_link(State(app): State<App>, Extension(actor): Extension<Arc<Actor>>) -> ApiResult {
    actor.at_least(Role::Owner)?;
    let has_one = || Error::new(Code::IN_USE, "there is an owner already; owners send links from Settings");
    let code = operators::setup_code(&app).await?.ok_or_else(has_one)?;
    shown(201, &json!({"link": link_url(&app, &code)}))
}

pub(super) async fn link(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let (operator, code) = operators::new_link(&app, &actor, &id, app.clock().now()).await?;
    shown(201, &with_link(&app, &operator, &code))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    role: Option<String>,
    disabled: Option<bool>,
    #[serde(default)]
    reset_factors: bool,
}

pub(super) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: Wanted = body_of(request).await?;
    let mut changes = Vec::new();
    if let Some(role) = &wanted.role {
        changes.push(Change::Role(role_of(role)?));
    }
    changes.extend(wanted.disabled.map(|disabled| if disabled { Change::Disable } else { Change::Enable }));
    changes.extend(wanted.reset_factors.then_some(Change::ResetFactors));
    let mut operator = None;
    for change in changes {
        operator = Some(operators::change(&app, &actor, &id, change, app.clock().now()).await?);
    }
    let nothing = || scim::Error::invalid_value("give role, disabled or resetFactors");
    shown(200, &show(&operator.ok_or_else(nothing)?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let operator = operators::change(&app, &actor, &id, Change::Delete, app.clock().now()).await?;
    shown(200, &show(&operator))
}

/// `?before&text&limit`, newest first.
pub(super) async fn audit(State(app): State<App>, RawQuery(query): RawQuery) -> ApiResult {
    let query = query.unwrap_or_default();
    let number = |name: &str| query::value(&query, name).and_then(|text| text.parse::<i64>().ok());
    let before = number("before").unwrap_or(0);
    let limit =
        number("limit").and_then(|n| u32::try_from(n).ok()).unwrap_or(AUDIT_ROWS).clamp(1, limits::API_PAGE_MAX);
    let text = query::value(&query, "text").unwrap_or_default();
    let rows = app.store().read(move |r| r.audit(before, &text, limit)).await;
    let rows = rows.map_err(|error: store::Error| Error::from(error))?;
    let next = onwards(&rows, limit, |row| row.seq);
    let data = rows.iter().map(|row| {
        let mut body = json!(row);
        if let Some(at) = body.get_mut("at") {
            *at = rfc3339(row.at).into();
        }
        body
    });
    listed(data.collect(), next)
}

/// Follows the whole chain.
pub(super) async fn verify(State(app): State<App>) -> ApiResult {
    let found = app.store().read(|r| -> store::Result<_> { Ok((r.audit_verify()?, r.audit_head()?)) }).await;
    let ((count, broken), (seq, hash)) = found.map_err(Error::from)?;
    shown(
        200,
        &json!({
            "holds": broken.is_none(),
            "rows": count,
            "broken": broken.map(|broken| json!({"seq": broken.seq, "why": broken.why})),
            "head": {"seq": seq, "hash": store::hex(&hash)},
            "checkpointKey": crate::checkpoint::key(&app),
        }),
    )
}
