//! Passkeys (WebAuthn): making one, and signing in with one. The ceremonies are the library's; here is what lies between
//! their halves. Whose key it is know `passkeys/operators.rs` and `person/passkeys.rs`: each binds both halves to itself.
//!
//! A passkey verifies its person (a finger, a PIN), so it stands for both factors. It has to be discoverable: signing in
//! starts without a name, and so tells nobody which accounts there are.

pub(crate) mod operators;

use crate::app::App;
use crate::error::{Error, Result};
use crate::{limits, session};
use scim::Code;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey as Credential, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Most ceremonies between their halves; the oldest gives way.
const CEREMONIES_MAX: usize = 1_000;
/// Most of one person or one address; the oldest of these gives way, so that nobody pushes out everybody else's.
const CEREMONIES_EACH_MAX: usize = 100;

/// The half-done ceremonies, by ticket.
#[derive(Debug, Default)]
pub(crate) struct Ceremonies(Mutex<HashMap<String, Begun>>);

#[derive(Debug)]
struct Begun {
    at: i64,
    /// Who makes a passkey, or from where somebody signs in.
    by: String,
    half: Half,
}

#[derive(Debug)]
enum Half {
    /// Of whoever makes one.
    Making { whose: String, state: Box<PasskeyRegistration> },
    /// At one of the places where people sign in with them.
    SigningIn { at: String, state: Box<DiscoverableAuthentication> },
}

impl Ceremonies {
    fn keep(&self, half: Half, by: &str, now: i64) -> Result<String> {
        let ticket = session::random_text()?;
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.retain(|_, begun| now - begun.at < limits::SIGN_IN_STEP);
        let has_many = halves.values().filter(|begun| begun.by == by).count() >= CEREMONIES_EACH_MAX;
        if has_many || halves.len() >= CEREMONIES_MAX {
            let may_go = halves.iter().filter(|(_, begun)| !has_many || begun.by == by);
            let oldest = may_go.min_by_key(|(_, begun)| begun.at).map(|(ticket, _)| ticket.clone());
            if let Some(oldest) = oldest {
                halves.remove(&oldest);
            }
        }
        halves.insert(ticket.clone(), Begun { at: now, by: by.to_owned(), half });
        Ok(ticket)
    }

    /// Each half is good for one other half.
    fn take(&self, ticket: &str, now: i64) -> Result<Half> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        let fresh = found.filter(|begun| now - begun.at < limits::SIGN_IN_STEP).map(|begun| begun.half);
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

/// Whose a new passkey will be.
#[derive(Debug)]
pub(crate) struct Owner<'o> {
    /// What the passkey remembers of them.
    pub(crate) handle: Uuid,
    /// What they sign in as, and are called.
    pub(crate) login: &'o str,
    pub(crate) name: &'o str,
    /// Binds both halves to them.
    pub(crate) whose: &'o str,
    /// What is kept of the passkeys that they have.
    pub(crate) known: Vec<&'o str>,
}

/// The first half of making one: what the browser needs, and the ticket for the second.
pub(crate) fn begin(app: &App, server_url: &str, owner: &Owner<'_>, now: i64) -> Result<Value> {
    if owner.known.len() >= limits::PASSKEYS_MAX {
        return Err(scim::Error::invalid_value("there are too many passkeys; take one away first").into());
    }
    let known = owner.known.iter().filter_map(|text| credential(text).ok());
    let exclude = known.map(|key| key.cred_id().clone()).collect();
    let (challenge, state) = party(server_url)?
        .start_passkey_registration(owner.handle, owner.login, owner.name, Some(exclude))
        .map_err(|error| refused(&error))?;
    let half = Half::Making { whose: owner.whose.to_owned(), state: Box::new(state) };
    let ticket = app.desks().ceremonies.keep(half, owner.whose, now)?;
    let mut options = json!(challenge.public_key);
    if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".into(), "required".into());
        selection.insert("requireResidentKey".into(), true.into());
    }
    Ok(json!({"ticket": ticket, "publicKey": options}))
}

/// A passkey that was made: its id, its name, and what is kept of it.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) credential: String,
}

/// The second half: the passkey, if whoever began it ends it.
pub(crate) fn finish(
    app: &App,
    server_url: &str,
    whose: &str,
    (ticket, label): (&str, &str),
    made: &RegisterPublicKeyCredential,
    now: i64,
) -> Result<New> {
    let Half::Making { whose: begun, state } = app.desks().ceremonies.take(ticket, now)? else {
        return Err(Error::new(Code::SIGN_IN, "start again"));
    };
    if begun != whose {
        return Err(Error::new(Code::SIGN_IN, "this passkey was begun by somebody else; start again"));
    }
    let credential = party(server_url)?.finish_passkey_registration(made, &state).map_err(|error| refused(&error))?;
    let label = crate::redact::cut(label.trim(), 100).into_owned();
    Ok(New {
        id: text_of(credential.cred_id().as_ref()),
        label: if label.is_empty() { "Passkey".into() } else { label },
        credential: json!(credential).to_string(),
    })
}

/// The first half of signing in, from this network.
pub(crate) fn ask(app: &App, server_url: &str, at: &str, network: &str, now: i64) -> Result<Value> {
    let started = party(server_url)?.start_discoverable_authentication();
    let (challenge, state) = started.map_err(|error| refused(&error))?;
    let half = Half::SigningIn { at: at.to_owned(), state: Box::new(state) };
    Ok(json!({"ticket": app.desks().ceremonies.keep(half, network, now)?, "publicKey": challenge.public_key}))
}

/// The second half of signing in, before the passkey is looked up.
#[derive(Debug)]
pub(crate) struct Given<'g> {
    party: Webauthn,
    state: DiscoverableAuthentication,
    credential: &'g PublicKeyCredential,
    /// What the passkey remembers of its owner.
    pub(crate) handle: Uuid,
    /// Which passkey it says that it is.
    pub(crate) id: String,
}

/// Takes the answer to a question that was asked at this place.
pub(crate) fn given<'g>(
    app: &App,
    server_url: &str,
    at: &str,
    ticket: &str,
    credential: &'g PublicKeyCredential,
    now: i64,
) -> Result<Given<'g>> {
    let Half::SigningIn { at: asked_at, state } = app.desks().ceremonies.take(ticket, now)? else {
        return Err(Error::new(Code::SIGN_IN, "start again"));
    };
    if asked_at != at {
        return Err(Error::new(Code::SIGN_IN, "the sign-in was begun at another page; start again"));
    }
    let party = party(server_url)?;
    let (handle, id) = party.identify_discoverable_authentication(credential).map_err(|error| refused(&error))?;
    let id = text_of(id);
    Ok(Given { party, state: *state, credential, handle, id })
}

/// What is told of a passkey that nobody has.
pub(crate) fn unknown() -> Error {
    Error::new(Code::SIGN_IN, "this passkey is not known here, or not any more")
}

impl Given<'_> {
    /// Whether it was made with this passkey; what is kept of the passkey from now on.
    pub(crate) fn proves(self, kept: &str) -> Result<String> {
        let mut known = credential(kept)?;
        let discoverable = DiscoverableKey::from(&known);
        let result = self
            .party
            .finish_discoverable_authentication_v2(self.credential, self.state, &discoverable)
            .map_err(|error| refused(&error))?;
        known.update_credential(&result);
        Ok(json!(known).to_string())
    }
}

fn credential(kept: &str) -> Result<Credential> {
    serde_json::from_str(kept).map_err(|_| Error::new(Code::INTERNAL, "a passkey cannot be read"))
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
        let half =
            |state: &DiscoverableAuthentication| Half::SigningIn { at: "x".into(), state: Box::new(state.clone()) };
        let ticket = ceremonies.keep(half(&state), "a", 0).unwrap();
        assert!(ceremonies.take(&ticket, 1).is_ok());
        assert!(ceremonies.take(&ticket, 1).is_err());
        let late = ceremonies.keep(half(&state), "a", 0).unwrap();
        assert!(ceremonies.take(&late, limits::SIGN_IN_STEP).is_err());
        // Whoever begins one after the other pushes out their own.
        let others = ceremonies.keep(half(&state), "b", 0).unwrap();
        let own: Vec<_> = (1..150).map(|now| ceremonies.keep(half(&state), "a", now).unwrap()).collect();
        assert!(ceremonies.take(&own[0], 150).is_err() && ceremonies.take(&own[148], 150).is_ok());
        assert!(ceremonies.take(&others, 150).is_ok());
    }
}
