//! Signing in: password and second factor, and what slows down whoever guesses.
//!
//! An attempt is counted before it is looked at, so attempts at once are as slow as attempts one after the other. Who
//! does not exist costs the same hash as who does.
//!
//! A browser that was signed in before keeps a signed cookie that says so, for this account, and is counted by itself:
//! whoever guesses elsewhere slows down everybody but the people who were here already.

use crate::app::App;
use crate::auth::Origin;
use crate::error::{Error, Result};
use crate::session::{self, SignedIn};
use crate::{audit, limits, totp};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::http::{HeaderMap, HeaderValue};
use scim::Code;
use serde_json::json;
use store::{Audit, Operator, Throttle};
use tokio::sync::Semaphore;

/// Memory of a password hash in KiB, and its passes.
const HASH_KIB: u32 = 65_536;
const HASH_PASSES: u32 = 3;
/// The hash of nobody's password, for accounts that are not there.
const NOBODY: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$ZC5fxwlGWSv8EXS9bMXfSw$Zs2yKRv0cVhVtVbQbmVbdsNEkBnZn6AvVWwUHyRKBxk";
const STEP: &str = "sign-in second step";
/// The cookie of a browser that was signed in before, and how long it is remembered.
const DEVICE: &str = "provost-device";
const DEVICE_SECONDS: i64 = 365 * 86_400;

fn hasher() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(HASH_KIB, HASH_PASSES, 1, None).ok()?))
}

/// Hashes a new password, after it was found good enough.
pub(crate) async fn hash(app: &App, password: &str) -> Result<String> {
    if password.chars().count() < limits::PASSWORD_CHARS_MIN || password.len() > limits::PASSWORD_BYTES_MAX {
        let detail =
            format!("a password takes {} characters or more; several words are good", limits::PASSWORD_CHARS_MIN);
        return Err(scim::Error::invalid_value(detail).into());
    }
    let password = password.to_owned();
    let hashing = &app.desks().hashing;
    hashing
        .slowly(move || Some(hasher()?.hash_password(password.as_bytes()).ok()?.to_string()))
        .await?
        .ok_or_else(|| Error::new(Code::INTERNAL, "the password could not be hashed, so nothing was changed"))
}

/// Whether it is the operator's password; for nobody, that it is not, as slowly.
pub(crate) async fn verify(app: &App, operator: Option<&Operator>, password: &str) -> Result<bool> {
    fits(app, operator.and_then(|operator| operator.password.clone()), password).await
}

/// Whether it is the password of this hash; without one that it is not, as slowly.
pub(crate) async fn fits(app: &App, known: Option<String>, password: &str) -> Result<bool> {
    let is_known = known.is_some();
    let (kept, password) = (known.unwrap_or_else(|| NOBODY.to_owned()), password.to_owned());
    let fits = app.desks().hashing.slowly(move || {
        let parsed = PasswordHash::new(&kept).ok()?;
        hasher()?.verify_password(password.as_bytes(), &parsed).ok()
    });
    Ok(fits.await?.is_some() && is_known)
}

/// Places for password hashes: each takes its memory.
#[derive(Debug)]
pub(crate) struct Hashing(Semaphore);

impl Default for Hashing {
    fn default() -> Self {
        Self(Semaphore::new(limits::HASHES_MAX))
    }
}

impl Hashing {
    /// A few at a time.
    async fn slowly<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::busy(Code::OVERLOADED, "too many sign-ins at once; try again in a moment");
        let _place = tokio::time::timeout(limits::QUEUE_WAIT, self.0.acquire()).await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| busy())
    }
}

/// How long the next attempt has to wait, in microseconds, after so many failures.
fn wait(throttle: Throttle, seconds_max: u32) -> i64 {
    let Some(over) = throttle.failures.checked_sub(limits::SIGN_IN_FREE) else { return 0 };
    i64::from(2_u32.saturating_pow(over.min(20)).min(seconds_max)) * 1_000_000
}

/// Who tries to sign in, as far as that is known before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'v> {
    pub(crate) origin: &'v Origin,
    pub(crate) headers: &'v HeaderMap,
}

/// The names that an attempt is counted against, and the longest wait of each.
pub(crate) fn counted(app: &App, account: &str, visitor: &Visitor<'_>) -> Vec<([u8; 32], u32)> {
    let account = account.to_lowercase();
    let mac = |purpose: &str, text: &str| app.store().mac(purpose, text.as_bytes());
    let device = session::cookie(visitor.headers, DEVICE).and_then(|text| session::unsigned(app, DEVICE, text));
    match device.filter(|device| device.strip_prefix(account.as_str()).is_some_and(|rest| rest.starts_with(' '))) {
        Some(device) => vec![(mac("throttle device", &device), limits::SIGN_IN_ACCOUNT_WAIT_MAX)],
        None => vec![
            (mac("throttle account", &account), limits::SIGN_IN_ACCOUNT_WAIT_MAX),
            (mac("throttle address", &visitor.origin.address), limits::SIGN_IN_ADDRESS_WAIT_MAX),
        ],
    }
}

/// Counts an attempt, or refuses it because others were too shortly before.
pub(crate) async fn attempt(app: &App, account: &str, visitor: &Visitor<'_>, now: i64) -> Result<()> {
    let names = counted(app, account, visitor);
    let left = app
        .store()
        .write(move |w| -> store::Result<i64> {
            let mut left = 0;
            for (name, seconds_max) in &names {
                let throttle = w.throttle(name)?;
                left = left.max(throttle.failed_at + wait(throttle, *seconds_max) - now);
            }
            if left <= 0 {
                for (name, _) in &names {
                    w.throttle_fail(name, now, now - limits::SIGN_IN_FORGOTTEN)?;
                }
            }
            Ok(left)
        })
        .await?;
    if left <= 0 {
        return Ok(());
    }
    let seconds = u64::try_from(left / 1_000_000 + 1).unwrap_or(1);
    let detail = format!("too many attempts to sign in; wait {seconds} s and try once more");
    Err(Error::Later { code: Code::SIGN_IN_RATE, detail, seconds })
}

/// The cookies of a new session, and of a browser that will be known next time.
pub(crate) type Cookies = Vec<HeaderValue>;

/// Where a sign-in stands.
#[derive(Debug)]
pub(crate) enum Step {
    /// Done.
    In(Cookies),
    /// The password was right and a code is wanted; this proves the first half for a few minutes.
    Code(String),
}

fn refused() -> Error {
    Error::new(Code::SIGN_IN, "e-mail and password do not fit together")
}

/// The first half: e-mail and password.
pub(crate) async fn password(app: &App, email: &str, password: &str, visitor: &Visitor<'_>, now: i64) -> Result<Step> {
    let email = email.trim().to_lowercase();
    attempt(app, &email, visitor, now).await?;
    let asked = email.clone();
    let found: Option<Operator> = app.store().read(move |r| r.operator_by_email(&asked)).await?;
    let found = found.filter(|operator| operator.disabled_at.is_none());
    if !verify(app, found.as_ref(), password).await? {
        failed(app, &email, "password", visitor.origin, now).await?;
        return Err(refused());
    }
    let operator = found.ok_or_else(refused)?;
    if operator.totp.is_some() {
        return Ok(Step::Code(session::signed(app, STEP, &format!("{now} {}", operator.id))));
    }
    begin(app, &operator, "password", visitor, now).await.map(Step::In)
}

/// The second half: a code of the authenticator, or one of the recovery codes.
pub(crate) async fn code(app: &App, ticket: &str, code: &str, visitor: &Visitor<'_>, now: i64) -> Result<Cookies> {
    let again = || Error::new(Code::SIGN_IN, "the sign-in took too long; start again with your password");
    let text = session::unsigned(app, STEP, ticket).ok_or_else(again)?;
    let (at, id) = text.split_once(' ').ok_or_else(again)?;
    if at.parse::<i64>().map_or(true, |at| now - at > limits::SIGN_IN_STEP || at > now) {
        return Err(again());
    }
    let id = id.to_owned();
    let found: Option<Operator> = app.store().read(move |r| r.operator(&id)).await?;
    let operator = found.filter(|operator| operator.disabled_at.is_none()).ok_or_else(again)?;
    attempt(app, &operator.email, visitor, now).await?;
    match totp::accept(app, &operator, code, now).await? {
        Some(method) => begin(app, &operator, method, visitor, now).await,
        None => {
            failed(app, &operator.email, "code", visitor.origin, now).await?;
            Err(Error::new(Code::SIGN_IN, "the code does not fit, or was used before; wait for the next one"))
        }
    }
}

/// Starts a session for whoever has proved to be this operator.
pub(crate) async fn begin(
    app: &App,
    operator: &Operator,
    method: &str,
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<Cookies> {
    let origin = visitor.origin;
    let (mut new, cookie) = session::begin(app, &operator.id, method, origin, now)?;
    let names = counted(app, &operator.email, visitor);
    let device = session::signed(app, DEVICE, &format!("{} {}", operator.email, session::random_text()?));
    let device = session::set_cookie(app, DEVICE, &device, Some(DEVICE_SECONDS));
    let mut operator = operator.clone();
    let told = told(&operator.email, "session.begin", origin, json!({"by": method}), now);
    app.store()
        .write(move |w| -> store::Result<()> {
            for (name, _) in &names {
                w.throttle_clear(name)?;
            }
            // Read again: what was looked at before may have changed since, its used codes at least.
            operator = w.operator(&operator.id)?.ok_or(store::Error::Stale)?;
            operator.seen_at = Some(now);
            w.operator_update(&operator)?;
            // Where they looked last is where they go on.
            if let Some(last) = w.sessions(Some(&operator.id))?.first() {
                new.tenant.clone_from(&last.tenant);
            }
            w.sessions_prune(now - limits::SESSION_LIFE, now - limits::SESSION_IDLE)?;
            w.session_insert(&new)?;
            w.audit_add(&told).map(|_| ())
        })
        .await?;
    Ok(std::iter::once(cookie).chain(device).collect())
}

/// Somebody who is signed in proves once more who they are: a new session takes the old one's place.
pub(crate) async fn confirm(
    app: &App,
    signed: &SignedIn,
    password: &str,
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<Cookies> {
    attempt(app, &signed.operator.email, visitor, now).await?;
    if !verify(app, Some(&signed.operator), password).await? {
        failed(app, &signed.operator.email, "password", visitor.origin, now).await?;
        return Err(Error::new(Code::SIGN_IN, "this is not your password"));
    }
    let cookies = begin(app, &signed.operator, &signed.session.method, visitor, now).await?;
    let (operator, id) = (signed.operator.id.clone(), signed.session.id.clone());
    app.store().write(move |w| w.session_end(&operator, &id)).await.map_err(|error: store::Error| error)?;
    Ok(cookies)
}

/// Notes a failed attempt in the audit trail. The name is what somebody typed, perhaps a password: not all of it.
async fn failed(app: &App, email: &str, what: &str, origin: &Origin, now: i64) -> Result<()> {
    let asked = email.to_owned();
    let known = app.store().read(move |r| r.operator_by_email(&asked)).await.map_err(|e: store::Error| e)?.is_some();
    let name = if known { email } else { "unknown" };
    let told = told(name, "session.refuse", origin, json!({"wrong": what}), now);
    Ok(app.store().write(move |w| w.audit_add(&told)).await.map(|_: i64| ())?)
}

fn told(email: &str, action: &str, origin: &Origin, detail: serde_json::Value, now: i64) -> Audit {
    Audit {
        at: now,
        actor: email.to_owned(),
        action: action.to_owned(),
        object: format!("operator/{email}"),
        detail,
        address: origin.address.clone(),
        ..Audit::default()
    }
}

/// Ends the session of this request.
pub(crate) async fn out(app: &App, signed: &SignedIn, origin: &Origin, now: i64) -> Result<()> {
    let (operator, id) = (signed.operator.id.clone(), signed.session.id.clone());
    let told = audit::entry(
        &signed.actor(origin),
        "session.end",
        format!("operator/{}", signed.operator.email),
        json!({}),
        now,
    );
    app.store()
        .write(move |w| -> store::Result<()> {
            w.session_end(&operator, &id)?;
            w.audit_add(&told).map(|_| ())
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn a_few_hashes_are_worked_on_at_a_time() {
        static AT_WORK: AtomicUsize = AtomicUsize::new(0);
        fn one() -> usize {
            let at_once = AT_WORK.fetch_add(1, Ordering::SeqCst) + 1;
            std::thread::sleep(Duration::from_millis(5));
            AT_WORK.fetch_sub(1, Ordering::SeqCst);
            at_once
        }
        let (hashing, mut all) = (Arc::new(Hashing::default()), JoinSet::new());
        for _ in 0..5 * limits::HASHES_MAX {
            let hashing = Arc::clone(&hashing);
            all.spawn(async move { hashing.slowly(one).await.unwrap() });
        }
        let most = all.join_all().await.into_iter().max();
        assert!(most <= Some(limits::HASHES_MAX), "{most:?}");
    }

    #[test]
    fn the_wait_grows_and_ends_at_its_bound() {
        let after = |failures, max| wait(Throttle { failures, failed_at: 0 }, max) / 1_000_000;
        assert_eq!((after(0, 60), after(7, 60), after(8, 60), after(11, 60)), (0, 0, 1, 8));
        assert_eq!((after(60, 60), after(u32::MAX, 900)), (60, 900));
    }

    #[test]
    fn nobody_has_a_hash_of_the_same_cost() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(Params::try_from(&nobody).unwrap().m_cost(), HASH_KIB);
        assert_eq!(Params::try_from(&nobody).unwrap().t_cost(), HASH_PASSES);
    }
}
