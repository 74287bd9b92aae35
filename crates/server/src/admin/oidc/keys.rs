//! The keys that ID tokens are signed with: a next one is published, then it signs, then the old one goes.

use super::super::{audited, missing, tenant_of};
use super::refuse;
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::oidc::make_key;
use serde_json::json;
use store::{KeyState, OidcKey};

fn object(tenant: &str, id: &str) -> String {
    format!("{tenant}/oidc-key/{id}")
}

/// A tenant's keys, the newest first. There is none until the first ID token.
pub(crate) async fn keys(app: &App, tenant: &str) -> Result<Vec<OidcKey>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    Ok(app.store().read(move |r| r.oidc_keys(id)).await.map_err(|error: store::Error| error)?)
}

/// Makes a key and publishes it: the first one signs, a later one is the next.
pub(crate) async fn new_key(app: &App, actor: &Actor, tenant: &str) -> Result<OidcKey> {
    let (id, now) = (tenant_of(app, tenant)?.tenant.id, app.clock().now());
    let new = make_key(app, KeyState::Current, now).await?;
    let (line, wanted) = (("oidc-key.create", object(tenant, &new.id), json!({})), new.id.clone());
    audited(app, actor, line, move |w| {
        if w.oidc_keys(id)?.len() >= limits::OIDC_KEYS_MAX {
            return Err(refuse(format!("there are {} keys; take an old one away first", limits::OIDC_KEYS_MAX)));
        }
        Ok(w.oidc_key_insert(id, &new)?)
    })
    .await?;
    find(app, tenant, &wanted).await
}

/// Has the next key sign. The old one stays published.
pub(crate) async fn promote_key(app: &App, actor: &Actor, tenant: &str, key: &str) -> Result<OidcKey> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let line = ("oidc-key.promote", object(tenant, key), json!({}));
    audited(app, actor, line, move |w| {
        if w.oidc_key_promote(id, &wanted)? { Ok(()) } else { Err(missing("there is no next key with this id")) }
    })
    .await?;
    find(app, tenant, key).await
}

/// Takes a key away that does not sign: what it signed is no longer believed.
pub(crate) async fn remove_key(app: &App, actor: &Actor, tenant: &str, key: &str) -> Result<()> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let line = ("oidc-key.remove", object(tenant, key), json!({}));
    audited(app, actor, line, move |w| {
        let why = "there is no key with this id that does not sign; to replace the one that does, make another one";
        if w.oidc_key_delete(id, &wanted)? { Ok(()) } else { Err(missing(why)) }
    })
    .await
}

async fn find(app: &App, tenant: &str, id: &str) -> Result<OidcKey> {
    let all = keys(app, tenant).await?;
    all.into_iter().find(|key| key.id == id).ok_or_else(|| missing("there is no key with this id"))
}
