//! Our keys of SAML, as a service provider and as an identity provider: a next one is published, then it signs, then the
//! old one goes.

use super::{audited, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::limits;
use crate::saml::make_key;
use crate::tenants::TenantState;
use scim::Code;
use serde_json::{Value, json};
use store::{KeyState, SamlKey, SamlPurpose};

/// A line of the audit trail about a key.
fn line(purpose: SamlPurpose, what: &str, tenant: &str, key: &str) -> (String, String, Value) {
    let whose = match purpose {
        SamlPurpose::ServiceProvider => "saml",
        SamlPurpose::IdentityProvider => "idp",
    };
    (format!("{whose}.key.{what}"), format!("{tenant}/{whose}-key/{key}"), json!({}))
}

/// A tenant's keys for a purpose, the newest first.
pub(crate) async fn list(app: &App, tenant: &str, purpose: SamlPurpose) -> Result<Vec<SamlKey>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    Ok(app.store().read(move |r| r.saml_keys(id, purpose)).await?)
}

/// The first key is made when it is needed: also by a stranger who asks for our metadata, so a crowd of them waits for
/// one to be made, and does not make one each.
pub(crate) async fn first(app: &App, state: &TenantState, purpose: SamlPurpose) -> Result<()> {
    let tenant = state.tenant.id;
    let is_there = async || app.store().read(move |r| Ok::<_, Error>(!r.saml_keys(tenant, purpose)?.is_empty())).await;
    if is_there().await? {
        return Ok(());
    }
    let _turn = app.first_keys().lock().await;
    if is_there().await? {
        return Ok(());
    }
    let key = make_key(app, state, purpose, KeyState::Current, app.clock().now()).await?;
    let kept = app.store().write_in(tenant, move |w| -> store::Result<()> {
        // Another process may have been first.
        if w.saml_keys(tenant, purpose)?.is_empty() { w.saml_key_insert(tenant, purpose, &key) } else { Ok(()) }
    });
    Ok(kept.await?)
}

/// Makes a key and publishes it: the first one signs, a later one is the next.
pub(crate) async fn add(app: &App, actor: &Actor, tenant: &str, purpose: SamlPurpose) -> Result<SamlKey> {
    let state = tenant_of(app, tenant)?;
    let mut key = make_key(app, &state, purpose, KeyState::Next, app.clock().now()).await?;
    let (id, (action, object, detail)) = (state.tenant.id, line(purpose, "create", tenant, &key.id));
    audited(app, actor, (&action, object, detail), move |w| {
        let known = w.saml_keys(id, purpose)?;
        if known.len() >= limits::SAML_KEYS_MAX || known.iter().any(|key| key.state == KeyState::Next) {
            return Err(Error::new(
                Code::IN_USE,
                "there is a next key already, or too many old ones; promote or remove one first",
            ));
        }
        if known.is_empty() {
            key.state = KeyState::Current;
        }
        w.saml_key_insert(id, purpose, &key)?;
        Ok(key)
    })
    .await
}

/// Has the next key sign; the one before stays published until it is taken away.
pub(crate) async fn promote(app: &App, actor: &Actor, tenant: &str, purpose: SamlPurpose, key: &str) -> Result<()> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let (action, object, detail) = line(purpose, "promote", tenant, key);
    audited(app, actor, (&action, object, detail), move |w| {
        if w.saml_key_promote(id, purpose, &wanted)? { Ok(()) } else { Err(missing("there is no next key of this id")) }
    })
    .await
}

/// Takes a key away that does not sign.
pub(crate) async fn remove(app: &App, actor: &Actor, tenant: &str, purpose: SamlPurpose, key: &str) -> Result<()> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let (action, object, detail) = line(purpose, "remove", tenant, key);
    audited(app, actor, (&action, object, detail), move |w| {
        let why = "there is no key of this id that could go; the one that signs is replaced first";
        if w.saml_key_delete(id, purpose, &wanted)? { Ok(()) } else { Err(missing(why)) }
    })
    .await
}
