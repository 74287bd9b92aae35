//! Tokens: made, listed, rotated with an overlap, revoked. The text of one is in one answer, once.

use super::{ApiError, ApiResult, body_of, listed, shown, tenant_of, told};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::token;
use axum::Extension;
use axum::extract::{Path, Request, State};
use scim::Code;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Scope, TenantId, Token};

/// How long a rotated token goes on by default: time to put the new one into the identity provider.
const OVERLAP_SECONDS: u64 = 86_400;
/// Longest label.
const LABEL_CHARS_MAX: usize = 100;
/// Longest life and overlap, ten years: longer is a typing error.
const SECONDS_MAX: u64 = 10 * 365 * 86_400;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewToken {
    label: String,
    scope: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    overlap_seconds: Option<u64>,
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let tenant = tenant_of(&app, &tenant)?.tenant.id;
    list_of(&app, Some(tenant)).await
}

pub(super) async fn list_admin(State(app): State<App>) -> ApiResult {
    list_of(&app, None).await
}

async fn list_of(app: &App, tenant: Option<TenantId>) -> ApiResult {
    let now = app.clock().now();
    let tokens = app.store().read(move |r| r.tokens(tenant)).await.map_err(Error::from)?;
    listed(tokens.iter().map(|token| show(token, now)).collect(), None)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let wanted: NewToken = body_of(request).await?;
    let scope = match &wanted.scope {
        None => Scope::ALL,
        Some(text) => parse_scope(text)?,
    };
    told(&actor, "token made", &tenant);
    make(&app, Some(state.tenant.id), wanted, scope, token::PREFIX).await
}

pub(super) async fn create_admin(
    State(app): State<App>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: NewToken = body_of(request).await?;
    told(&actor, "administrator's token made", "");
    make(&app, None, wanted, Scope::ADMIN, token::ADMIN_PREFIX).await
}

async fn make(app: &App, tenant: Option<TenantId>, wanted: NewToken, scope: Scope, prefix: &str) -> ApiResult {
    let label = wanted.label.trim().to_owned();
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        let detail = format!("label takes 1 to {LABEL_CHARS_MAX} characters; say what the token is for, such as Okta");
        return Err(scim::Error::invalid_value(detail).into());
    }
    let now = app.clock().now();
    let (new, row) = new_token(tenant, label, scope, prefix, now)?;
    let row = Token { expires_at: wanted.expires_in.map(|s| after(now, s)).transpose()?, ..row };
    let kept = row.clone();
    app.store().write(move |w| w.token_insert(&kept)).await.map_err(|e: store::Error| Error::from(e))?;
    shown(201, &with_text(show(&row, now), new.text))
}

fn new_token(
    tenant: Option<TenantId>,
    label: String,
    scope: Scope,
    prefix: &str,
    now: i64,
) -> Result<(token::NewToken, Token), ApiError> {
    let new =
        token::make(prefix).ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    let row = Token {
        id: crate::app::request_id(),
        tenant,
        label,
        hint: new.hint.clone(),
        scope,
        hash: new.hash,
        created_at: now,
        ..Token::default()
    };
    Ok((new, row))
}

fn after(now: i64, seconds: u64) -> Result<i64, ApiError> {
    if seconds > SECONDS_MAX {
        return Err(scim::Error::invalid_value(format!("at most {SECONDS_MAX} seconds")).into());
    }
    Ok(now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX / 2_000_000).saturating_mul(1_000_000)))
}

pub(super) async fn rotate(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    let overlap = body_of::<Rotation>(request).await?.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    let now = app.clock().now();
    let old = find(&app, Some(state.tenant.id), &id).await?;
    if old.revoked_at.is_some() || old.expires_at.is_some_and(|at| at <= now) {
        return Err(scim::Error::invalid_value("the token is revoked or expired; make a new one instead").into());
    }
    let end = after(now, overlap)?;
    let end = old.expires_at.map_or(end, |at| at.min(end));
    let (new, row) = new_token(old.tenant, old.label.clone(), old.scope, token::PREFIX, now)?;
    let kept = row.clone();
    app.store()
        .write(move |w| -> store::Result<()> {
            w.token_insert(&kept)?;
            w.token_expire(&old.id, end, Some(&kept.id)).map(|_| ())
        })
        .await
        .map_err(Error::from)?;
    app.tokens().forget();
    told(&actor, "token rotated", &tenant);
    let mut body = with_text(show(&row, now), new.text);
    if let Some(map) = body.as_object_mut() {
        map.insert("oldExpiresAt".into(), rfc3339(end).into());
    }
    shown(201, &body)
}

pub(super) async fn revoke(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let state = tenant_of(&app, &tenant)?;
    revoke_of(&app, Some(state.tenant.id), &id, &actor, &tenant).await
}

pub(super) async fn revoke_admin(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    revoke_of(&app, None, &id, &actor, "").await
}

async fn revoke_of(app: &App, tenant: Option<TenantId>, id: &str, actor: &Actor, name: &str) -> ApiResult {
    let token = find(app, tenant, id).await?;
    let now = app.clock().now();
    app.store().write(move |w| w.token_revoke(&token.id, now)).await.map_err(|e: store::Error| Error::from(e))?;
    app.tokens().forget();
    told(actor, "token revoked", name);
    let token = find(app, tenant, id).await?;
    shown(200, &show(&token, now))
}

/// By its id, or by its hint as the list shows it.
async fn find(app: &App, tenant: Option<TenantId>, id: &str) -> Result<Token, ApiError> {
    let tokens = app.store().read(move |r| r.tokens(tenant)).await.map_err(Error::from)?;
    let missing = || Error::new(Code::NOT_FOUND, "there is no token with this id; see: provost token list").into();
    tokens.into_iter().find(|token| token.id == id).ok_or_else(missing)
}

fn with_text(mut shown: Value, text: String) -> Value {
    if let Some(map) = shown.as_object_mut() {
        map.insert("token".into(), text.into());
    }
    shown
}

fn show(token: &Token, now: i64) -> Value {
    let over = |at: Option<i64>| at.is_some_and(|at| at <= now);
    let state = match token {
        token if over(token.revoked_at) => "revoked",
        token if over(token.expires_at) => "expired",
        _ => "active",
    };
    json!({
        "id": token.id,
        "label": token.label,
        "hint": token.hint,
        "scope": scope_text(&token.scope),
        "state": state,
        "createdAt": rfc3339(token.created_at),
        "expiresAt": token.expires_at.map(rfc3339),
        "revokedAt": token.revoked_at.map(rfc3339),
        "rotatedTo": token.rotated_to,
        "lastUsedAt": token.last_used_at.map(rfc3339),
        "lastUsedFrom": token.last_used_from,
        "lastUsedAgent": token.last_used_agent,
    })
}

fn scope_text(scope: &Scope) -> String {
    if scope.admin {
        return "admin".into();
    }
    let parts = [
        ("users:read", scope.users.read),
        ("users:write", scope.users.write),
        ("groups:read", scope.groups.read),
        ("groups:write", scope.groups.write),
    ];
    parts.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

fn parse_scope(text: &str) -> Result<Scope, ApiError> {
    let mut scope = Scope::default();
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        match part {
            "users:read" => scope.users.read = true,
            "users:write" => scope.users.write = true,
            "groups:read" => scope.groups.read = true,
            "groups:write" => scope.groups.write = true,
            _ => {
                let detail = "scope is a list of users:read, users:write, groups:read and groups:write";
                return Err(scim::Error::invalid_value(detail).into());
            }
        }
    }
    if scope == Scope::default() {
        return Err(scim::Error::invalid_value("the scope is empty: such a token could do nothing").into());
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        let text = "users:read,groups:read,groups:write";
        assert_eq!(scope_text(&parse_scope(text).unwrap()), text);
        assert!(parse_scope("users:delete").is_err());
        assert!(parse_scope(" ,").is_err());
    }
}
