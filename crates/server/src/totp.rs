//! The second factor: codes of an authenticator app (RFC 6238), each good once, and recovery codes for its loss.

use crate::app::App;
use crate::auth::Origin;
use crate::error::{Error, Result};
use crate::session::{self, SignedIn};
use crate::{audit, token};
use scim::Code;
use serde_json::json;
use store::Operator;
use totp_rs::{Builder, Totp};

/// Seconds of a step, as every authenticator assumes.
const STEP_SECONDS: u64 = 30;
const PURPOSE: &str = "totp";
const RECOVERY_CODES: usize = 10;
/// A secret of 160 bits, as RFC 4226 asks.
const SECRET_BYTES: usize = 20;

/// A new secret, not yet the operator's: in Base32 for typing, as an address for the QR code.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) secret: String,
    pub(crate) url: String,
}

fn broken() -> Error {
    Error::new(Code::INTERNAL, "the second factor cannot be worked with")
}

fn codes(secret: &[u8], account: &str) -> Result<Totp> {
    let account: String = account.chars().filter(|c| *c != ':').collect();
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(account).with_issuer(Some("Provost"));
    builder.build().map_err(|_| broken())
}

/// Offers a secret. It travels in the form, signed, until a code proves that the authenticator has it.
pub(crate) fn offer(app: &App, operator: &Operator) -> Result<(Offer, String)> {
    let mut secret = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| broken())?;
    offer_of(app, operator, &secret)
}

/// The same offer again, after a wrong code.
pub(crate) fn offer_again(app: &App, operator: &Operator, ticket: &str) -> Result<(Offer, String)> {
    offer_of(app, operator, &offered(app, operator, ticket)?)
}

fn offer_of(app: &App, operator: &Operator, secret: &[u8]) -> Result<(Offer, String)> {
    let totp = codes(secret, &operator.email)?;
    let offer = Offer { secret: totp.secret().to_base32(), url: totp.to_url().map_err(|_| broken())? };
    let hex = store::hex(secret);
    Ok((offer, session::signed(app, PURPOSE, &format!("{} {hex}", operator.id))))
}

fn offered(app: &App, operator: &Operator, ticket: &str) -> Result<Vec<u8>> {
    let stale = || scim::Error::invalid_value("the page is too old; start again");
    let text = session::unsigned(app, PURPOSE, ticket).ok_or_else(stale)?;
    let hex = text.strip_prefix(&format!("{} ", operator.id)).ok_or_else(stale)?;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: std::result::Result<Vec<u8>, _> = (0..hex.len()).step_by(2).map(byte).collect();
    Ok(bytes.map_err(|_| stale())?)
}

/// Switches the second factor on; answers the recovery codes, shown once.
pub(crate) async fn enrol(
    app: &App,
    signed: &SignedIn,
    ticket: &str,
    code: &str,
    origin: &Origin,
    now: i64,
) -> Result<Vec<String>> {
    signed.recent(now)?;
    let secret = offered(app, &signed.operator, ticket)?;
    let step = step_of(&codes(&secret, &signed.operator.email)?, code, now).ok_or_else(|| {
        scim::Error::invalid_value("the code does not fit; see that the clock of the device is right")
    })?;
    let sealed = app.store().seal(PURPOSE, &secret)?;
    let mut recovery = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        recovery.push(recovery_code()?);
    }
    let hashes: Vec<String> = recovery.iter().map(|code| recovery_hash(code)).collect();
    change(app, signed, "totp.on", origin, now, move |operator| {
        operator.totp = Some(sealed);
        operator.totp_step = step;
        operator.recovery = hashes;
    })
    .await?;
    Ok(recovery)
}

/// Switches the second factor off.
pub(crate) async fn remove(app: &App, signed: &SignedIn, origin: &Origin, now: i64) -> Result<()> {
    signed.recent(now)?;
    change(app, signed, "totp.off", origin, now, |operator| {
        operator.totp = None;
        operator.recovery.clear();
    })
    .await
}

async fn change(
    app: &App,
    signed: &SignedIn,
    action: &str,
    origin: &Origin,
    now: i64,
    change: impl FnOnce(&mut Operator) + Send + 'static,
) -> Result<()> {
    let object = format!("operator/{}", signed.operator.email);
    let told = audit::entry(&signed.actor(origin), action, object, json!({}), now);
    let id = signed.operator.id.clone();
    app.store()
        .write(move |w| -> store::Result<()> {
            let mut operator = w.operator(&id)?.ok_or(store::Error::Stale)?;
            change(&mut operator);
            w.operator_update(&operator)?;
            w.audit_add(&told).map(|_| ())
        })
        .await?;
    Ok(())
}

/// The step whose code this is, if it is one of now, of the one before or of the one behind.
fn step_of(totp: &Totp, code: &str, now: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(now / 1_000_000).ok()?;
    let at = |seconds: u64| i64::try_from(seconds / STEP_SECONDS).ok();
    [seconds, seconds.saturating_sub(STEP_SECONDS), seconds + STEP_SECONDS]
        .into_iter()
        .find(|seconds| session::same(&totp.generate(*seconds).to_string(), &code))
        .and_then(at)
}

/// Takes a code of the operator, and uses it up; how it was, or nothing if it is wrong.
pub(crate) async fn accept(app: &App, operator: &Operator, code: &str, now: i64) -> Result<Option<&'static str>> {
    let sealed = operator.totp.as_deref().unwrap_or_default();
    let secret = app.store().unseal(PURPOSE, sealed).ok_or_else(broken)?;
    let id = operator.id.clone();
    if let Some(step) = step_of(&codes(&secret, &operator.email)?, code, now) {
        let is_fresh: bool = app.store().write(move |w| w.totp_use(&id, step)).await?;
        return Ok(is_fresh.then_some("password and code"));
    }
    let hash = recovery_hash(code);
    if !operator.recovery.contains(&hash) {
        return Ok(None);
    }
    let used = app
        .store()
        .write(move |w| -> store::Result<bool> {
            let Some(mut operator) = w.operator(&id)? else { return Ok(false) };
            let before = operator.recovery.len();
            operator.recovery.retain(|left| *left != hash);
            w.operator_update(&operator)?;
            Ok(operator.recovery.len() < before)
        })
        .await?;
    Ok(used.then_some("password and recovery code"))
}

/// 80 random bits as four groups of four letters and digits.
fn recovery_code() -> Result<String> {
    let text = session::random_text()?.to_ascii_lowercase();
    let plain: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    Ok(plain.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

fn recovery_hash(code: &str) -> String {
    let plain: String = code.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    store::hex(&token::hash(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_rfc_6238() {
        // Appendix B, SHA-1, the last six digits.
        let totp = codes(b"12345678901234567890", "a@example.com").unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000_i64, "353130")] {
            assert_eq!(step_of(&totp, code, seconds * 1_000_000), Some(seconds / 30), "{code}");
            assert_eq!(step_of(&totp, code, (seconds + 90) * 1_000_000), None);
        }
    }

    #[test]
    fn recovery_codes_are_forgiving_about_how_they_are_typed() {
        let code = recovery_code().unwrap();
        assert_eq!(code.len(), 19);
        assert_eq!(recovery_hash(&code), recovery_hash(&code.replace('-', " ").to_uppercase()));
    }
}
