//! What SAML asks of an assertion once it is known who wrote it: for whom, when, in answer to what.
//!
//! Pure comparisons, in the order in which a person would ask. Source: SAML Profiles §4.1.4.3, Core §2.5.1.

use super::{
    Connection, Outstanding,
    shape::{Assertion, Confirmation, Envelope},
};
use crate::{Refused, error::Result, time::SKEW_US};

/// Judges, and gives the instant from which on the dates alone refuse the assertion.
pub(super) fn judge(
    assertion: &Assertion,
    envelope: &Envelope,
    connection: &Connection,
    outstanding: Option<&Outstanding>,
    now: i64,
) -> Result<i64> {
    issuers(assertion, envelope, connection)?;
    destination(envelope, connection)?;
    if envelope.issued_at > now + SKEW_US || assertion.issued_at > now + SKEW_US {
        return Err(Refused::IssuedInFuture);
    }
    conditions(assertion, connection, now)?;
    let confirmation = confirmation(assertion, connection, now)?;
    answers(confirmation, assertion, envelope, connection, outstanding, now)?;
    if assertion.authenticated_at > now + SKEW_US {
        return Err(Refused::AuthenticatedInFuture);
    }
    if assertion.session_ends_at.is_some_and(|end| over(end, now)) {
        return Err(Refused::SessionOver);
    }
    let ends = [assertion.not_on_or_after_at, confirmation.not_on_or_after_at];
    Ok(ends.into_iter().flatten().min().unwrap_or(now).saturating_add(SKEW_US))
}

/// `NotOnOrAfter` with the skew: at the very instant it is over.
fn over(not_on_or_after_at: i64, now: i64) -> bool {
    now >= not_on_or_after_at.saturating_add(SKEW_US)
}

/// Both issuers are this connection's. The response's may be absent only where nothing depends on it (§4.1.4.2).
fn issuers(assertion: &Assertion, envelope: &Envelope, connection: &Connection) -> Result<()> {
    let ours = connection.identity_provider.as_str();
    match &envelope.issuer {
        None if envelope.signed || envelope.encrypted => return Err(Refused::IssuerMissing),
        Some(other) if other != ours => return Err(Refused::WrongIssuer),
        _ => {}
    }
    if assertion.issuer == ours { Ok(()) } else { Err(Refused::WrongIssuer) }
}

/// A signed message names its destination (SAML Bindings §3.5.5.2); an unsigned one may.
fn destination(envelope: &Envelope, connection: &Connection) -> Result<()> {
    match &envelope.destination {
        None if envelope.signed => Err(Refused::DestinationMissing),
        Some(other) if other != connection.acs.as_str() => Err(Refused::WrongDestination),
        _ => Ok(()),
    }
}

fn conditions(assertion: &Assertion, connection: &Connection, now: i64) -> Result<()> {
    let (from, until) = (assertion.not_before_at, assertion.not_on_or_after_at);
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(Refused::EmptyWindow);
    }
    if from.is_some_and(|from| from > now + SKEW_US) {
        return Err(Refused::NotYetValid);
    }
    if until.is_some_and(|until| over(until, now)) {
        return Err(Refused::Expired);
    }
    if assertion.audiences.is_empty() {
        return Err(Refused::NoAudience);
    }
    // Restrictions add up: each of them has to let us in.
    let us = connection.service_provider.as_str();
    if assertion.audiences.iter().all(|names| names.iter().any(|name| name == us)) {
        Ok(())
    } else {
        Err(Refused::WrongAudience)
    }
}

/// The first bearer confirmation that holds, or why the first one does not.
fn confirmation<'a>(assertion: &'a Assertion, connection: &Connection, now: i64) -> Result<&'a Confirmation> {
    let mut reasons = Vec::new();
    for confirmation in &assertion.confirmations {
        match confirms(confirmation, connection, now) {
            Ok(()) => return Ok(confirmation),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.first().copied().unwrap_or(Refused::NoBearer))
}

fn confirms(confirmation: &Confirmation, connection: &Connection, now: i64) -> Result<()> {
    let (Some(recipient), Some(until)) = (&confirmation.recipient, confirmation.not_on_or_after_at) else {
        return Err(Refused::ConfirmationIncomplete);
    };
    if confirmation.not_before {
        return Err(Refused::ConfirmationNotBefore);
    }
    if recipient != connection.acs.as_str() {
        return Err(Refused::WrongRecipient);
    }
    if over(until, now) { Err(Refused::ConfirmationExpired) } else { Ok(()) }
}

/// Response and confirmation answer the request that this browser made; or neither answers any and sign-in may start
/// at the identity provider.
fn answers(
    confirmation: &Confirmation,
    assertion: &Assertion,
    envelope: &Envelope,
    connection: &Connection,
    outstanding: Option<&Outstanding>,
    now: i64,
) -> Result<()> {
    let said = (envelope.in_response_to.as_deref(), confirmation.in_response_to.as_deref());
    let request = match said {
        (None, None) if assertion.confirmations.iter().any(|c| c.in_response_to.is_some()) => {
            return Err(Refused::WrongInResponseTo);
        }
        (None, None) if connection.idp_initiated => return Ok(()),
        (None, None) => return Err(Refused::UnsolicitedNotAllowed),
        (Some(outer), Some(inner)) if outer == inner => outer,
        _ => return Err(Refused::WrongInResponseTo),
    };
    match outstanding {
        Some(known) if known.id != request => Err(Refused::RequestUnknown),
        None => Err(Refused::RequestUnknown),
        Some(known) if now >= known.expires_at => Err(Refused::RequestExpired),
        Some(_) => Ok(()),
    }
}
