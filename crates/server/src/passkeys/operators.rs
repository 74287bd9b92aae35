//! Passkeys of operators.

use super::{Owner, given, unknown};
use crate::app::App;
use crate::audit;
use crate::auth::Origin;
use crate::error::{Error, Result};
use crate::session::SignedIn;
use crate::sign_in::{self, Cookies, Visitor};
use scim::Code;
use serde_json::{Value, json};
use store::{Operator, Passkey};
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

/// The console's sign-in.
const AT: &str = "operators";

fn whose(operator: &Operator) -> String {
    format!("operator {}", operator.id)
}

/// The first half of making one: what the browser needs, and the ticket for the second.
pub(crate) async fn begin(app: &App, signed: &SignedIn, server_url: &str, now: i64) -> Result<Value> {
    signed.recent(now)?;
    let operator = &signed.operator;
    let id = operator.id.clone();
    let known: Vec<Passkey> = app.store().read(move |r| r.passkeys(&id)).await?;
    let owner = Owner {
        handle: Uuid::parse_str(&operator.id).map_err(|_| Error::new(Code::INTERNAL, "the operator's id is broken"))?,
        login: &operator.email,
        name: &operator.name,
        whose: &whose(operator),
        known: known.iter().map(|key| key.credential.as_str()).collect(),
    };
    super::begin(app, server_url, &owner, now)
}

/// The second half: keeps the key.
pub(crate) async fn finish(
    app: &App,
    signed: &SignedIn,
    server_url: &str,
    named: (&str, &str),
    made: &RegisterPublicKeyCredential,
    origin: &Origin,
    now: i64,
) -> Result<()> {
    let new = super::finish(app, server_url, &whose(&signed.operator), named, made, now)?;
    let key = Passkey {
        id: new.id,
        operator: signed.operator.id.clone(),
        label: new.label,
        credential: new.credential,
        created_at: now,
        used_at: None,
    };
    let object = format!("operator/{}", signed.operator.email);
    let told = audit::entry(&signed.actor(origin), "passkey.create", object, json!({"label": key.label}), now);
    app.store()
        .write(move |w| -> store::Result<()> {
            w.passkey_put(&key)?;
            w.audit_add(&told).map(|_| ())
        })
        .await?;
    Ok(())
}

/// Takes one of the own keys away.
pub(crate) async fn remove(app: &App, signed: &SignedIn, id: &str, origin: &Origin, now: i64) -> Result<bool> {
    signed.recent(now)?;
    let object = format!("operator/{}", signed.operator.email);
    let told = audit::entry(&signed.actor(origin), "passkey.delete", object, json!({"passkey": id}), now);
    let (operator, id) = (signed.operator.id.clone(), id.to_owned());
    let removed = app.store().write(move |w| -> store::Result<bool> {
        let removed = w.passkey_delete(&operator, &id)?;
        if removed {
            w.audit_add(&told)?;
        }
        Ok(removed)
    });
    Ok(removed.await?)
}

/// The first half of signing in.
pub(crate) fn ask(app: &App, server_url: &str, origin: &Origin, now: i64) -> Result<Value> {
    super::ask(app, server_url, AT, &origin.network(), now)
}

/// The second half: the cookie of the session of whoever's key it is.
pub(crate) async fn answer(
    app: &App,
    server_url: &str,
    ticket: &str,
    credential: &PublicKeyCredential,
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<Cookies> {
    let given = given(app, server_url, AT, ticket, credential, now)?;
    let (user, id) = (given.handle.to_string(), given.id.clone());
    let found = app.store().read(move |r| -> store::Result<_> {
        let Some(key) = r.passkey(&id)?.filter(|key| key.operator == user) else { return Ok(None) };
        Ok(r.operator(&user)?.map(|operator| (key, operator)))
    });
    let found: Option<(Passkey, Operator)> = found.await?;
    let (mut key, operator) = found.filter(|(_, operator)| operator.disabled_at.is_none()).ok_or_else(unknown)?;
    key.credential = given.proves(&key.credential)?;
    key.used_at = Some(now);
    app.store().write(move |w| w.passkey_put(&key)).await.map_err(|error: store::Error| error)?;
    sign_in::begin(app, &operator, "passkey", visitor, now).await
}
