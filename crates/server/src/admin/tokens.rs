//! Tokens: made, listed, rotated with an overlap, revoked. The text of one is in one answer, once.

mod refused;
mod terms;

pub(crate) use refused::first_refused;
pub(crate) use terms::{Life, networks};

use super::{audited, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::tenants::TenantState;
use crate::token;
use scim::Code;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::json;
use store::{Role, Scope, TenantId, Token};

/// How long a rotated token goes on by default: time to put the new one into the identity provider.
pub(crate) const OVERLAP_SECONDS: u64 = 86_400;
/// Longest label.
pub(crate) const LABEL_CHARS_MAX: usize = 100;
/// Of the token with which the console tries the endpoint out.
pub(crate) const TEST_LABEL: &str = "test from the console";

/// What a new token is made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What it is for.
    pub(crate) label: String,
    /// `users:read,users:write,…`; everything if there is none.
    pub(crate) scope: Option<String>,
    /// When it ends by itself.
    #[serde(default)]
    pub(crate) expires_in: Life,
    /// The networks that it may come from; from anywhere if there are none.
    #[serde(default)]
    pub(crate) networks: Vec<String>,
}

/// What an administrator's token is made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is for.
    pub(crate) label: String,
    /// owner, admin or auditor; owner if nobody says.
    pub(crate) role: Option<String>,
    /// When it ends by itself.
    #[serde(default)]
    pub(crate) expires_in: Life,
}

/// A token with its text, which is known this once.
#[derive(Debug)]
pub(crate) struct Made {
    /// The token.
    pub(crate) token: Token,
    /// What the client sends.
    pub(crate) text: String,
    /// When the token that it replaces ends.
    pub(crate) old_ends_at: Option<i64>,
}

/// Where a token is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It opens doors.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
    /// Somebody switched it off; it can be switched on again.
    Disabled,
}

impl State {
    /// Of this token, now.
    pub(crate) fn of(token: &Token, now: i64) -> Self {
        let over = |at: Option<i64>| at.is_some_and(|at| at <= now);
        match token {
            token if over(token.revoked_at) => Self::Revoked,
            token if over(token.expires_at) => Self::Expired,
            token if over(token.disabled_at) => Self::Disabled,
            _ => Self::Active,
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
        }
    }

    /// Whether it has not ended for good.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Disabled)
    }
}

/// A tenant's tokens, or the administrators' for `None`, oldest first.
pub(crate) async fn list(app: &App, tenant: Option<TenantId>) -> Result<Vec<Token>> {
    app.store().read(move |r| r.tokens(tenant)).await.map_err(|error: store::Error| error.into())
}

/// Makes a token for a tenant's SCIM endpoints.
pub(crate) async fn create(app: &App, actor: &Actor, tenant: &str, wanted: NewToken) -> Result<Made> {
    let state = tenant_of(app, tenant)?;
    let scope = match &wanted.scope {
        None => Scope::ALL,
        Some(text) => parse_scope(text)?,
    };
    make(app, actor, Some(&state), wanted, scope, token::PREFIX).await
}

/// Makes an administrator's token.
pub(crate) async fn create_admin(app: &App, actor: &Actor, wanted: NewKey) -> Result<Made> {
    actor.at_least(Role::Owner)?;
    let scope = match wanted.role.as_deref().map(Role::parse) {
        None => Scope::ADMIN,
        Some(Some(role)) => Scope::of(role),
        Some(None) => return Err(scim::Error::invalid_value("role is owner, admin or auditor").into()),
    };
    let wanted = NewToken { label: wanted.label, scope: None, expires_in: wanted.expires_in, networks: Vec::new() };
    make(app, actor, None, wanted, scope, token::ADMIN_PREFIX).await
}

async fn make(
    app: &App,
    actor: &Actor,
    state: Option<&TenantState>,
    wanted: NewToken,
    scope: Scope,
    prefix: &str,
) -> Result<Made> {
    let tenant = state.map(|state| state.tenant.id);
    let label = wanted.label.trim().to_owned();
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        let detail = format!("label takes 1 to {LABEL_CHARS_MAX} characters; say what the token is for, such as Okta");
        return Err(scim::Error::invalid_value(detail).into());
    }
    let now = app.clock().now();
    let (new, row) = new_token(actor, tenant, label, scope, (prefix, now))?;
    let row = Token { expires_at: wanted.expires_in.end(now)?, networks: networks(&wanted.networks)?, ..row };
    let kept = row.clone();
    let detail = json!({
        "label": row.label,
        "scope": scope_text(&row.scope),
        "role": row.scope.role().map(Role::as_str),
        "expiresAt": row.expires_at.map(rfc3339),
        "networks": row.networks,
    });
    let line = ("token.create", object(state.map(|state| state.tenant.name.as_str()), &row.id), detail);
    audited(app, actor, line, move |w| Ok(w.token_insert(&kept)?)).await?;
    changed(app, tenant);
    Ok(Made { token: row, text: new.text, old_ends_at: None })
}

/// A token in the audit trail.
fn object(tenant: Option<&str>, id: &str) -> String {
    tenant.map_or_else(|| format!("key/{id}"), |name| format!("{name}/token/{id}"))
}

/// Requests ask anew who a token is, and pages hear of it.
fn changed(app: &App, tenant: Option<TenantId>) {
    app.tokens().forget();
    if let Some(tenant) = tenant {
        app.events().publish(tenant, Topic::Tokens);
    }
}

fn new_token(
    actor: &Actor,
    tenant: Option<TenantId>,
    label: String,
    scope: Scope,
    (prefix, now): (&str, i64),
) -> Result<(token::NewToken, Token)> {
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
        created_by: Some(actor.label.clone()),
        ..Token::default()
    };
    Ok((new, row))
}

/// Makes a successor that may do the same, from the same networks and for as long; the old one goes on for so many seconds.
pub(crate) async fn rotate(app: &App, actor: &Actor, tenant: &str, id: &str, overlap: Option<u64>) -> Result<Made> {
    let state = tenant_of(app, tenant)?;
    let now = app.clock().now();
    let old = find(app, Some(state.tenant.id), id).await?;
    match State::of(&old, now) {
        State::Active => {}
        State::Disabled => {
            return Err(
                scim::Error::invalid_value("the token is switched off; switch it on before it is rotated").into()
            );
        }
        over @ (State::Expired | State::Revoked) => {
            let detail = format!("the token is {}: that is for good; make a new one", over.as_str());
            return Err(scim::Error::invalid_value(detail).into());
        }
    }
    let end = terms::after(now, overlap.unwrap_or(OVERLAP_SECONDS))?;
    let end = old.expires_at.map_or(end, |at| at.min(end));
    let (new, row) = new_token(actor, old.tenant, old.label.clone(), old.scope, (token::PREFIX, now))?;
    let row = Token { expires_at: Life::of(&old).end(now)?, networks: old.networks.clone(), ..row };
    let kept = row.clone();
    let line = ("token.rotate", object(Some(tenant), id), json!({"to": row.id, "endsAt": rfc3339(end)}));
    audited(app, actor, line, move |w| {
        // A page that is loaded again asks again: of two successors, one would go on that nobody knows of.
        if let Some(next) = successor(&w.tokens(old.tenant)?, &old.id, now) {
            let detail = format!("it was rotated already, {} took its place: rotate that one, or revoke it", next.hint);
            return Err(scim::Error::invalid_value(detail).into());
        }
        w.token_insert(&kept)?;
        Ok(w.token_expire(&old.id, end, Some(&kept.id)).map(|_| ())?)
    })
    .await?;
    changed(app, Some(state.tenant.id));
    Ok(Made { token: row, text: new.text, old_ends_at: Some(end) })
}

/// The token of these that took another one's place, unless it has ended, too.
pub(crate) fn successor<'t>(all: &'t [Token], id: &str, now: i64) -> Option<&'t Token> {
    let to = all.iter().find(|token| token.id == id)?.rotated_to.as_deref()?;
    all.iter().find(|token| token.id == to).filter(|token| State::of(token, now).is_open())
}

/// Ends a tenant's token at once.
pub(crate) async fn revoke(app: &App, actor: &Actor, tenant: &str, id: &str) -> Result<Token> {
    let state = tenant_of(app, tenant)?;
    revoke_of(app, actor, Some(&state), id).await
}

/// Ends an administrator's token at once.
pub(crate) async fn revoke_admin(app: &App, actor: &Actor, id: &str) -> Result<Token> {
    actor.at_least(Role::Owner)?;
    revoke_of(app, actor, None, id).await
}

async fn revoke_of(app: &App, actor: &Actor, state: Option<&TenantState>, id: &str) -> Result<Token> {
    let tenant = state.map(|state| state.tenant.id);
    let token = find(app, tenant, id).await?;
    let now = app.clock().now();
    let object = object(state.map(|state| state.tenant.name.as_str()), id);
    let line = ("token.revoke", object, json!({"label": token.label}));
    audited(app, actor, line, move |w| Ok(w.token_revoke(&token.id, now)?)).await?;
    changed(app, tenant);
    find(app, tenant, id).await
}

/// Switches a tenant's token off, or on again.
pub(crate) async fn disable(app: &App, actor: &Actor, tenant: &str, id: &str, off: bool) -> Result<Token> {
    let state = tenant_of(app, tenant)?;
    disable_of(app, actor, Some(&state), id, off).await
}

/// Switches an administrator's token off, or on again.
pub(crate) async fn disable_admin(app: &App, actor: &Actor, id: &str, off: bool) -> Result<Token> {
    actor.at_least(Role::Owner)?;
    disable_of(app, actor, None, id, off).await
}

async fn disable_of(app: &App, actor: &Actor, state: Option<&TenantState>, id: &str, off: bool) -> Result<Token> {
    let tenant = state.map(|state| state.tenant.id);
    let (token, now) = (find(app, tenant, id).await?, app.clock().now());
    let is_now = State::of(&token, now);
    if !is_now.is_open() {
        let detail = format!("the token is {}: that is for good; make a new one", is_now.as_str());
        return Err(scim::Error::invalid_value(detail).into());
    }
    if off == (is_now == State::Disabled) {
        return Ok(token);
    }
    let action = if off { "token.disable" } else { "token.enable" };
    let object = object(state.map(|state| state.tenant.name.as_str()), id);
    let line = (action, object, json!({"label": token.label}));
    audited(app, actor, line, move |w| Ok(w.token_disable(&token.id, off.then_some(now))?)).await?;
    changed(app, tenant);
    find(app, tenant, id).await
}

/// Says which networks a tenant's token may come from, from now on; from anywhere if there are none.
pub(crate) async fn restrict(app: &App, actor: &Actor, tenant: &str, id: &str, wanted: &[String]) -> Result<Token> {
    let state = tenant_of(app, tenant)?;
    let token = find(app, Some(state.tenant.id), id).await?;
    let is_now = State::of(&token, app.clock().now());
    if !is_now.is_open() {
        let detail = format!("the token is {}: that is for good; make a new one", is_now.as_str());
        return Err(scim::Error::invalid_value(detail).into());
    }
    let kept = networks(wanted)?;
    if kept == token.networks {
        return Ok(token);
    }
    let detail = json!({"label": token.label, "before": token.networks, "after": kept});
    let line = ("token.networks", object(Some(tenant), id), detail);
    audited(app, actor, line, move |w| Ok(w.token_networks(&token.id, &kept)?)).await?;
    changed(app, Some(state.tenant.id));
    find(app, Some(state.tenant.id), id).await
}

/// When a token that was replaced was used behind that; such a use is the sign that somebody still has the old one. Of one
/// that opens nothing any more it says nothing: what comes with it is refused.
pub(crate) fn used_though_rotated(token: &Token, all: &[Token], now: i64) -> Option<i64> {
    let next = token.rotated_to.as_ref().filter(|_| State::of(token, now) == State::Active)?;
    let since = all.iter().find(|token| token.id == *next).map_or(i64::MIN, |next| next.created_at);
    token.last_used_at.filter(|at| *at > since)
}

/// The tenant's token of that id.
pub(crate) async fn find(app: &App, tenant: Option<TenantId>, id: &str) -> Result<Token> {
    let tokens = list(app, tenant).await?;
    let found = tokens.into_iter().find(|token| token.id == id);
    found.ok_or_else(|| missing("there is no token with this id; see: provost token list"))
}

/// A scope as it is written: `users:read,groups:read`.
pub(crate) fn scope_text(scope: &Scope) -> String {
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

fn parse_scope(text: &str) -> Result<Scope> {
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
