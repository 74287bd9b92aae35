//! Operators as use cases: the first owner, invitations, roles, passwords, sessions.

use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::{Error, Result};
use crate::passkeys::Ceremonies;
use crate::session::SignedIn;
use crate::sign_in::{Cookies, Hashing, Visitor};
use crate::{audit, limits, session, sign_in, token};
use scim::Code;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::{EntryLink, Operator, Role, Scope};

/// What signing in and live pages need between requests.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    /// Places for password hashes.
    pub(crate) hashing: Hashing,
    /// Passkeys between the halves of their ceremony.
    pub(crate) ceremonies: Ceremonies,
    /// Live pages by operator.
    streams: Mutex<HashMap<String, usize>>,
}

impl Desks {
    /// One more live page of an operator, if it is not one too many.
    pub(crate) fn stream_open(&self, operator: &str) -> bool {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(operator.to_owned()).or_default();
        let fits = *count < limits::STREAMS_MAX;
        *count += usize::from(fits);
        fits
    }

    /// One less.
    pub(crate) fn stream_close(&self, operator: &str) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(operator) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                streams.remove(operator);
            }
        }
    }
}

impl SignedIn {
    /// The operator as whoever a use case is done by.
    pub(crate) fn actor(&self, origin: &Origin) -> Actor {
        Actor {
            label: self.operator.email.clone(),
            scope: Scope::of(self.operator.role),
            address: origin.address.clone(),
        }
    }
}

/// What a person says about themselves.
#[derive(Debug)]
pub(crate) struct NewOperator {
    pub(crate) email: String,
    pub(crate) name: String,
}

/// What a link is for.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The first owner makes themselves.
    FirstOwner,
    /// This operator chooses a password.
    Choose(Operator),
}

fn used() -> Error {
    Error::new(Code::LINK_USED, "this link was used already, or has ended")
}

fn email_of(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let fits = email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits { Ok(email) } else { Err(scim::Error::invalid_value("this is not an e-mail address").into()) }
}

fn name_of(text: &str) -> Result<String> {
    let name = text.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(scim::Error::invalid_value("a name takes 1 to 100 characters").into());
    }
    Ok(name)
}

fn link(operator: Option<&str>, now: i64, life: i64) -> Result<(String, EntryLink)> {
    let code = session::random_text()?;
    let link = EntryLink {
        hash: token::hash(&code),
        operator: operator.map(str::to_owned),
        created_at: now,
        expires_at: now.saturating_add(life),
    };
    Ok((code, link))
}

/// A code for `/setup` while there is no owner; an earlier one ends. Good until there is an owner.
pub(crate) async fn setup_code(app: &App) -> Result<Option<String>> {
    let now = app.clock().now();
    let (code, link) = link(None, now, i64::MAX - now)?;
    let made = app
        .store()
        .write(move |w| -> store::Result<bool> {
            if w.has_owner()? {
                return Ok(false);
            }
            w.entry_link_insert(&link)?;
            Ok(true)
        })
        .await?;
    Ok(made.then_some(code))
}

/// What a code is good for.
pub(crate) async fn entry(app: &App, code: &str, now: i64) -> Result<Entry> {
    let hash = token::hash(code);
    let found = app
        .store()
        .read(move |r| -> store::Result<_> {
            let Some(link) = r.entry_link(&hash, now)? else { return Ok(None) };
            match link.operator {
                None if r.has_owner()? => Ok(None),
                None => Ok(Some(Entry::FirstOwner)),
                Some(id) => Ok(r.operator(&id)?.filter(|o| o.disabled_at.is_none()).map(Entry::Choose)),
            }
        })
        .await?;
    found.ok_or_else(used)
}

/// Uses a code up: the first owner is made, or an operator has a new password. Signs them in.
pub(crate) async fn enter(
    app: &App,
    code: &str,
    wanted: NewOperator,
    password: &str,
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<Cookies> {
    let (operator, action) = match entry(app, code, now).await? {
        Entry::FirstOwner => {
            let (id, email, name) = (crate::app::request_id(), email_of(&wanted.email)?, name_of(&wanted.name)?);
            let made = Operator { id, email, name, role: Role::Owner, created_at: now, ..Operator::default() };
            (made, "operator.create")
        }
        Entry::Choose(operator) => (operator, "operator.password"),
    };
    let hash = sign_in::hash(app, password).await?;
    let actor = Actor {
        label: operator.email.clone(),
        scope: Scope::of(operator.role),
        address: visitor.origin.address.clone(),
    };
    let told = audit::entry(&actor, action, format!("operator/{}", operator.email), json!({"by": "link"}), now);
    let (code, mut kept) = (token::hash(code), operator.clone());
    kept.password = Some(hash);
    let done = app
        .store()
        .write(move |w| -> Result<()> {
            if !w.entry_link_use(&code, now)? || (action == "operator.create" && w.has_owner()?) {
                return Err(used());
            }
            if action == "operator.create" {
                w.operator_insert(&kept)?;
            } else {
                w.operator_update(&kept)?;
                w.sessions_end(&kept.id, "")?;
            }
            w.audit_add(&told)?;
            Ok(())
        })
        .await;
    done?;
    // A second factor is asked for at the next sign-in: the link itself came by another way than the password.
    sign_in::begin(app, &operator, "setup link", visitor, now).await
}

/// Makes an operator; answers the code of the link by which they choose a password.
pub(crate) async fn invite(
    app: &App,
    actor: &Actor,
    wanted: NewOperator,
    role: Role,
    now: i64,
) -> Result<(Operator, String)> {
    actor.at_least(Role::Owner)?;
    let (id, email, name) = (crate::app::request_id(), email_of(&wanted.email)?, name_of(&wanted.name)?);
    let made = Operator { id, email, name, role, created_at: now, ..Operator::default() };
    let (code, link) = link(Some(&made.id), now, limits::INVITATION)?;
    let told = audit::entry(
        actor,
        "operator.create",
        format!("operator/{}", made.email),
        json!({"name": made.name, "role": role.as_str()}),
        now,
    );
    let kept = made.clone();
    let done = app.store().write(move |w| -> Result<()> {
        if w.operators()?.len() >= limits::OPERATORS_MAX {
            return Err(scim::Error::invalid_value("there are too many operators; remove one first").into());
        }
        w.operator_insert(&kept)?;
        w.entry_link_insert(&link)?;
        w.audit_add(&told)?;
        Ok(())
    });
    done.await.map_err(|error| match error {
        Error::Store(store::Error::Conflict { .. }) => {
            Error::new(Code::NAME_TAKEN, "there is already an operator with this e-mail address")
        }
        other => other,
    })?;
    Ok((made, code))
}

/// The code of a new link for an operator who forgot the password; what they had goes on until it is used.
pub(crate) async fn new_link(app: &App, actor: &Actor, id: &str, now: i64) -> Result<(Operator, String)> {
    actor.at_least(Role::Owner)?;
    let (code, link) = link(Some(id), now, limits::INVITATION)?;
    let (actor, id) = (actor.clone(), id.to_owned());
    let operator = app
        .store()
        .write(move |w| -> Result<Operator> {
            let operator = w.operator(&id)?.ok_or_else(missing)?;
            w.entry_link_insert(&link)?;
            w.audit_add(&audit::entry(
                &actor,
                "operator.link",
                format!("operator/{}", operator.email),
                json!({}),
                now,
            ))?;
            Ok(operator)
        })
        .await?;
    Ok((operator, code))
}

fn missing() -> Error {
    Error::new(Code::NOT_FOUND, "there is no such operator")
}

/// What an owner can change about an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Role(Role),
    /// They may not sign in, and are not signed in any more.
    Disable,
    Enable,
    /// The second factor is lost: it goes, and so do the recovery codes and passkeys.
    ResetFactors,
    Delete,
}

/// Changes an operator. Never leaves the console without an owner.
pub(crate) async fn change(app: &App, actor: &Actor, id: &str, change: Change, now: i64) -> Result<Operator> {
    actor.at_least(Role::Owner)?;
    let (actor, id) = (actor.clone(), id.to_owned());
    let done = app.store().write(move |w| -> Result<Operator> {
        let mut operator = w.operator(&id)?.ok_or_else(missing)?;
        let (action, detail) = match change {
            Change::Role(role) => {
                let detail = json!({"before": operator.role.as_str(), "after": role.as_str()});
                operator.role = role;
                ("operator.role", detail)
            }
            Change::Disable => {
                operator.disabled_at = Some(now);
                w.sessions_end(&id, "")?;
                ("operator.disable", json!({}))
            }
            Change::Enable => {
                operator.disabled_at = None;
                ("operator.enable", json!({}))
            }
            Change::ResetFactors => {
                operator.totp = None;
                operator.recovery.clear();
                for key in w.passkeys(&id)? {
                    w.passkey_delete(&id, &key.id)?;
                }
                ("operator.factors", json!({}))
            }
            Change::Delete => ("operator.delete", json!({})),
        };
        match change {
            Change::Delete => w.operator_delete(&id)?,
            _ => w.operator_update(&operator)?,
        }
        w.audit_add(&audit::entry(&actor, action, format!("operator/{}", operator.email), detail, now))?;
        Ok(operator)
    });
    done.await.map_err(|error| match error {
        Error::Store(store::Error::Stale) => {
            Error::new(Code::IN_USE, "this is the last owner; make somebody else an owner first")
        }
        other => other,
    })
}

/// A new password for who is signed in; every other session of theirs ends.
pub(crate) async fn new_password(
    app: &App,
    signed: &SignedIn,
    (old, new): (&str, &str),
    visitor: &Visitor<'_>,
    now: i64,
) -> Result<()> {
    sign_in::attempt(app, &signed.operator.email, visitor, now).await?;
    if !sign_in::verify(app, Some(&signed.operator), old).await? {
        return Err(scim::Error::invalid_value("the present password is another one").into());
    }
    let hash = sign_in::hash(app, new).await?;
    let object = format!("operator/{}", signed.operator.email);
    let told = audit::entry(&signed.actor(visitor.origin), "operator.password", object, json!({}), now);
    let names = sign_in::counted(app, &signed.operator.email, visitor);
    let (id, keep) = (signed.operator.id.clone(), signed.session.id.clone());
    app.store()
        .write(move |w| -> store::Result<()> {
            let mut operator = w.operator(&id)?.ok_or(store::Error::Stale)?;
            operator.password = Some(hash);
            w.operator_update(&operator)?;
            w.sessions_end(&id, &keep)?;
            for (name, _) in &names {
                w.throttle_clear(name)?;
            }
            w.audit_add(&told).map(|_| ())
        })
        .await?;
    Ok(())
}

/// Ends one of the own sessions, or all others; how many there were.
pub(crate) async fn end_sessions(
    app: &App,
    signed: &SignedIn,
    id: Option<String>,
    origin: &Origin,
    now: i64,
) -> Result<usize> {
    let object = format!("operator/{}", signed.operator.email);
    let told = audit::entry(&signed.actor(origin), "session.revoke", object, json!({"session": id}), now);
    let (operator, keep) = (signed.operator.id.clone(), signed.session.id.clone());
    let count = app.store().write(move |w| -> store::Result<usize> {
        let count = match id {
            Some(id) => usize::from(w.session_end(&operator, &id)?),
            None => w.sessions_end(&operator, &keep)?,
        };
        w.audit_add(&told)?;
        Ok(count)
    });
    Ok(count.await?)
}
