//! Sign-ins that are under way: an application asks, and hears the answer when the person has signed in. Anybody can
//! begin one, so each address has only so many.

use super::Visit;
use crate::error::{Error, Result};
use crate::session::random_text;
use crate::{limits, token};
use scim::Code;
use store::{SignInRequest, Writer};

/// Keeps what an application asks until the person has signed in; what the browser comes back with.
pub(crate) async fn ask_later(visit: &Visit, purpose: &str, asked: String) -> Result<String> {
    let (handle, waiting) = made(visit, purpose, asked)?;
    let kept = visit.app.store().write_in(waiting.tenant, move |w| -> store::Result<bool> {
        let has_room = has_room(w, &waiting.network, waiting.created_at)?;
        if has_room {
            w.sign_in_request_insert(&waiting)?;
        }
        Ok(has_room)
    });
    if kept.await? { Ok(handle) } else { Err(too_many()) }
}

/// Keeps another question in the place of one that is taken by it; nothing if that was gone already.
pub(crate) async fn ask_on(visit: &Visit, old: [u8; 32], purpose: &str, asked: String) -> Result<Option<String>> {
    let (handle, new) = made(visit, purpose, asked)?;
    let kept = visit.app.store().write_in(new.tenant, move |w| -> store::Result<bool> {
        let was_there = w.sign_in_request_take(new.tenant, &old)?;
        if was_there {
            w.sign_in_request_insert(&new)?;
        }
        Ok(was_there)
    });
    Ok(kept.await?.then_some(handle))
}

fn made(visit: &Visit, purpose: &str, asked: String) -> Result<(String, SignInRequest)> {
    let handle = random_text()?;
    let waiting = SignInRequest {
        hash: token::hash(&handle),
        tenant: visit.tenant.tenant.id,
        purpose: purpose.to_owned(),
        asked,
        created_at: visit.now,
        expires_at: visit.now.saturating_add(limits::SIGN_IN_REQUEST_LIFE),
        network: visit.origin.network(),
    };
    Ok((handle, waiting))
}

/// Whether one more may be begun from there.
pub(crate) fn has_room(w: &Writer, network: &str, now: i64) -> store::Result<bool> {
    Ok(w.waiting_sign_ins(network, now)? < limits::SIGN_INS_WAITING_MAX)
}

/// What whoever begins one more is told.
pub(crate) fn too_many() -> Error {
    let detail = "too many sign-ins from this address are under way; end one, or wait a few minutes".to_owned();
    Error::Later { code: Code::SIGN_IN_RATE, detail, seconds: 60 }
}
