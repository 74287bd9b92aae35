//! Passkeys (WebAuthn): making one, and signing in with one. The ceremonies are the library's; here is what lies between
//! their halves, and whose key it is.
//!
//! A passkey verifies its person (a finger, a PIN), so it stands for both factors. It has to be discoverable: signing in
//! starts without a name, and so tells nobody which accounts there are.

use crate::app::App;
use crate::auth::Origin;
use crate::error::{Error, Result};
use crate::session::{self, SignedIn};
use crate::sign_in::{Cookies, Visitor};
use crate::{audit, limits, sign_in};
use scim::Code;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::{Operator, Passkey};
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey as Credential, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Most ceremonies between their halves; the oldest gives way.
const CEREMONIES_MAX: usize = 1_000;

/// The half-done ceremonies, by ticket.
#[derive(Debug, Default)]
pub(crate) struct Ceremonies(Mutex<HashMap<String, (i64, Half)>>);

#[derive(Debug)]
enum Half {
    Making { operator: String, state: Box<PasskeyRegistration> },
    SigningIn { state: Box<DiscoverableAuthentication> },
}

impl Ceremonies {
    fn keep(&self, half: Half, now: i64) -> Result<String> {
        let ticket = session::random_text()?;
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.retain(|_, (at, _)| now - *at < limits::SIGN_IN_STEP);
        if halves.len() >= CEREMONIES_MAX
            && let Some(oldest) = halves.iter().min_by_key(|(_, (at, _))| *at).map(|(ticket, _)| ticket.clone())
        {
            halves.remove(&oldest);
        }
        halves.insert(ticket.clone(), (now, half));
        Ok(ticket)
    }

    /// Each half is good for one other half.
    fn take(&self, ticket: &str, now: i64) -> Result<Half> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        let fresh = found.filter(|(at, _)| now - at < limits::SIGN_IN_STEP).map(|(_, half)| half);
        fresh.ok_or_else(|| Error::new(Code::SIGN_IN, "it took too long; start again"))
    }
}

/// The other side of the ceremonies as this browser sees it. A passkey belongs to a host name.
fn party(server_url: &str) -> Result<Webauthn> {
    let unfit = || {
        let detail =
            "passkeys need the console at a host name with https, or at localhost; an address of numbers will not do";
        Error::from(scim::Error::invalid_value(detail))
    };
    let url = Url::parse(server_url).map_err(|_| unfit())?;
    let host = url.domain().ok_or_else(unfit)?.to_owned();
    let builder = WebauthnBuilder::new(&host, &url).map_err(|_| unfit())?;
    builder.rp_name("Provost").build().map_err(|_| unfit())
}

fn refused(error: &webauthn_rs::prelude::WebauthnError) -> Error {
    tracing::info!(%error, "a passkey was refused");
    Error::new(Code::SIGN_IN, "the passkey does not fit; try again, or use your password")
}

/// The first half of making one: what the browser needs, and the ticket for the second.
pub(crate) async fn begin(app: &App, signed: &SignedIn, server_url: &str, now: i64) -> Result<Value> {
    signed.recent(now)?;
    let operator = &signed.operator;
    let id = operator.id.clone();
    let known: Vec<Passkey> = app.store().read(move |r| r.passkeys(&id)).await?;
    if known.len() >= limits::PASSKEYS_MAX {
        return Err(scim::Error::invalid_value("there are too many passkeys; take one away first").into());
    }
    let exclude = known.iter().filter_map(|key| credential(key).ok()).map(|key| key.cred_id().clone()).collect();
    let user = Uuid::parse_str(&operator.id).map_err(|_| Error::new(Code::INTERNAL, "the operator's id is broken"))?;
    let party = party(server_url)?;
    let (challenge, state) = party
        .start_passkey_registration(user, &operator.email, &operator.name, Some(exclude))
        .map_err(|error| refused(&error))?;
    let half = Half::Making { operator: operator.id.clone(), state: Box::new(state) };
    let ticket = app.desks().ceremonies.keep(half, now)?;
    let mut options = json!(challenge.public_key);
    if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".into(), "required".into());
        selection.insert("requireResidentKey".into(), true.into());
    }
    Ok(json!({"ticket": ticket, "publicKey": options}))
}

/// The second half: keeps the key.
pub(crate) async fn finish(
    app: &App,
    signed: &SignedIn,
    server_url: &str,
    (ticket, label): (&str, &str),
    made: &RegisterPublicKeyCredential,
    origin: &Origin,
    now: i64,
) -> Result<()> {
    let Half::Making { operator, state } = app.desks().ceremonies.take(ticket, now)? else {
        return Err(Error::new(Code::SIGN_IN, "start again"));
    };
    if operator != signed.operator.id {
        return Err(Error::new(Code::SIGN_IN, "this passkey was begun by somebody else; start again"));
    }
    let credential = party(server_url)?.finish_passkey_registration(made, &state).map_err(|error| refused(&error))?;
    let label = crate::redact::cut(label.trim(), 100).into_owned();
    let key = Passkey {
        id: text_of(credential.cred_id().as_ref()),
        operator: operator.clone(),
        label: if label.is_empty() { "Passkey".into() } else { label },
        credential: json!(credential).to_string(),
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
pub(crate) fn ask(app: &App, server_url: &str, now: i64) -> Result<Value> {
    let started = party(server_url)?.start_discoverable_authentication();
    let (challenge, state) = started.map_err(|error| refused(&error))?;
    let ticket = app.desks().ceremonies.keep(Half::SigningIn { state: Box::new(state) }, now)?;
    Ok(json!({"ticket": ticket, "publicKey": challenge.public_key}))
}

/// The second half: the cookie of the session of whoever's key it is.
pub(crate) async fn answer(
    app: &App,
    server_url: &str,
    ticket: &str,
    given: &PublicKeyCredential,
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<Cookies> {
    let Half::SigningIn { state } = app.desks().ceremonies.take(ticket, now)? else {
        return Err(Error::new(Code::SIGN_IN, "start again"));
    };
    let party = party(server_url)?;
    let (user, id) = party.identify_discoverable_authentication(given).map_err(|error| refused(&error))?;
    let (user, id) = (user.to_string(), text_of(id));
    let found = app.store().read(move |r| -> store::Result<_> {
        let Some(key) = r.passkey(&id)?.filter(|key| key.operator == user) else { return Ok(None) };
        Ok(r.operator(&user)?.map(|operator| (key, operator)))
    });
    let found: Option<(Passkey, Operator)> = found.await?;
    let unknown = || Error::new(Code::SIGN_IN, "this passkey is not known here, or not any more");
    let (mut key, operator) = found.filter(|(_, operator)| operator.disabled_at.is_none()).ok_or_else(unknown)?;
    let mut known = credential(&key)?;
    let discoverable = DiscoverableKey::from(&known);
    let result =
        party.finish_discoverable_authentication_v2(given, *state, &discoverable).map_err(|error| refused(&error))?;
    known.update_credential(&result);
    key.credential = json!(known).to_string();
    key.used_at = Some(now);
    app.store().write(move |w| w.passkey_put(&key)).await.map_err(|error: store::Error| error)?;
    sign_in::begin(app, &operator, "passkey", visitor, now).await
}

fn credential(key: &Passkey) -> Result<Credential> {
    serde_json::from_str(&key.credential).map_err(|_| Error::new(Code::INTERNAL, "a passkey cannot be read"))
}

fn text_of(id: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passkey_needs_a_host_name() {
        assert!(party("https://scim.example.com").is_ok());
        assert!(party("http://localhost:8080").is_ok());
        assert!(party("http://127.0.0.1:8080").is_err());
        assert!(party("http://[::1]:8080").is_err());
    }

    #[test]
    fn a_half_is_good_once_and_not_for_long() {
        let ceremonies = Ceremonies::default();
        let (_, state) = party("http://localhost:8080").unwrap().start_discoverable_authentication().unwrap();
        let half = |state: &DiscoverableAuthentication| Half::SigningIn { state: Box::new(state.clone()) };
        let ticket = ceremonies.keep(half(&state), 0).unwrap();
        assert!(ceremonies.take(&ticket, 1).is_ok());
        assert!(ceremonies.take(&ticket, 1).is_err());
        let late = ceremonies.keep(half(&state), 0).unwrap();
        assert!(ceremonies.take(&late, limits::SIGN_IN_STEP).is_err());
    }
}
