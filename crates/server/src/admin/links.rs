//! Setup links: what the other side's administrator opens without an account here.
//!
//! A link opens one page, until it ends or is revoked, and lets one token be made. Only a hash of its secret is kept.

use super::{audited, missing, tenant_of, tokens};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::token;
use scim::Code;
use serde_json::json;
use store::SetupLink;

/// What the secret of a link starts with.
const PREFIX: &str = "pvl_";
/// Longest life of a link in days.
pub(crate) const DAYS_MAX: u32 = 30;

/// Makes a link; answers it and its secret.
pub(crate) async fn create(
    app: &App,
    actor: &Actor,
    tenant: &str,
    label: &str,
    days: u32,
) -> Result<(SetupLink, String)> {
    let state = tenant_of(app, tenant)?;
    let label = label.trim().to_owned();
    if label.is_empty() || label.chars().count() > tokens::LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        return Err(scim::Error::invalid_value("say for whom the link is, in 1 to 100 characters").into());
    }
    if days == 0 || days > DAYS_MAX {
        return Err(scim::Error::invalid_value(format!("a link lives 1 to {DAYS_MAX} days")).into());
    }
    let now = app.clock().now();
    let new =
        token::make(PREFIX).ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    let link = SetupLink {
        id: crate::app::request_id(),
        tenant: state.tenant.id,
        hash: new.hash,
        label,
        created_at: now,
        created_by: actor.label.clone(),
        expires_at: now + i64::from(days) * 86_400_000_000,
        ..SetupLink::default()
    };
    let kept = link.clone();
    let line = ("link.create", format!("{tenant}/link/{}", link.id), json!({"label": link.label, "days": days}));
    audited(app, actor, line, move |w| Ok(w.setup_link_insert(&kept)?)).await?;
    Ok((link, new.text))
}

/// A tenant's links, newest first.
pub(crate) async fn list(app: &App, tenant: &str) -> Result<Vec<SetupLink>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    app.store().read(move |r| r.setup_links(id)).await.map_err(|error: store::Error| error.into())
}

/// Ends a link at once.
pub(crate) async fn revoke(app: &App, actor: &Actor, tenant: &str, id: &str) -> Result<()> {
    let (tenant_id, id, now) = (tenant_of(app, tenant)?.tenant.id, id.to_owned(), app.clock().now());
    let line = ("link.revoke", format!("{tenant}/link/{id}"), json!({}));
    audited(app, actor, line, move |w| match w.setup_link_revoke(tenant_id, &id, now)? {
        true => Ok(()),
        false => Err(missing("there is no setup link with this id that is still open")),
    })
    .await
}

/// The link of a secret, if it opens the page now.
pub(crate) async fn look(app: &App, secret: &str) -> Result<Option<SetupLink>> {
    let (hash, now) = (token::hash(secret), app.clock().now());
    let found: Option<SetupLink> = app.store().read(move |r| r.setup_link(&hash)).await?;
    Ok(found.filter(|link| link.is_open(now)))
}

/// The link of a secret, if it opens the page now; notes that it was opened.
pub(crate) async fn open(app: &App, secret: &str, from: &str) -> Result<Option<SetupLink>> {
    let (now, from) = (app.clock().now(), crate::redact::cut(from, 64).into_owned());
    let Some(link) = look(app, secret).await? else { return Ok(None) };
    let id = link.id.clone();
    app.store()
        .write(move |w| w.setup_link_opened(&id, now, &from))
        .await
        .map_err(|error: store::Error| Error::from(error))?;
    Ok(Some(link))
}

/// A link that has ended, by its secret: it opens nothing, and is told apart from one that never was.
pub(crate) async fn ended(app: &App, secret: &str) -> Result<Option<SetupLink>> {
    let (hash, now) = (token::hash(secret), app.clock().now());
    let found: Option<SetupLink> = app.store().read(move |r| r.setup_link(&hash)).await?;
    Ok(found.filter(|link| !link.is_open(now)))
}

/// Whoever has a link that has ended asks for a new one: told where the links are. Once is enough for a while.
pub(crate) async fn ask(app: &App, link: &SetupLink) -> Result<()> {
    const AGAIN: i64 = 3_600_000_000;
    let now = app.clock().now();
    if link.asked_at.is_some_and(|at| now - at < AGAIN) {
        return Ok(());
    }
    let id = link.id.clone();
    app.store().write(move |w| w.setup_link_asked(&id, now)).await.map_err(|error: store::Error| Error::from(error))?;
    app.events().publish(link.tenant, Topic::Settings);
    Ok(())
}

/// Whoever has the link is done, and ends it.
pub(crate) async fn close(app: &App, tenant: &str, link: &SetupLink) -> Result<()> {
    revoke(app, &holder(link), tenant, &link.id).await
}

/// Whoever has a link, for the audit trail.
fn holder(link: &SetupLink) -> Actor {
    Actor { label: format!("setup link: {}", link.label), ..Actor::local() }
}

/// Makes the one token of a link; a second one is refused.
pub(crate) async fn token(app: &App, tenant: &str, link: &SetupLink) -> Result<tokens::Made> {
    let taken = || Error::new(Code::NAME_TAKEN, "the token of this link was made already; ask for a new link");
    if link.token.is_some() {
        return Err(taken());
    }
    let actor = holder(link);
    let label = crate::redact::cut(&link.label, tokens::LABEL_CHARS_MAX).into_owned();
    let wanted = tokens::NewToken { label, scope: None, expires_in: tokens::Life::Usual, networks: Vec::new() };
    let made = tokens::create(app, &actor, tenant, wanted).await?;
    let (id, token_id) = (link.id.clone(), made.token.id.clone());
    let first = app.store().write(move |w| w.setup_link_used(&id, &token_id)).await;
    if first.map_err(|error: store::Error| Error::from(error))? {
        return Ok(made);
    }
    tokens::revoke(app, &actor, tenant, &made.token.id).await?;
    Err(taken())
}
