//! Passwords of the directory's people, for tenants whose people sign in here: an operator makes a link, the person
//! chooses the password, nobody else ever knows it.

use super::{audited, directory, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::{limits, token};
use scim::Code;
use serde_json::json;
use store::{PersonLink, PersonPasskey, PersonSession, PersonSignIn};

/// What the secret of a link starts with.
const PREFIX: &str = "pvw_";

/// How a person signs in here, and where they are signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) known: PersonSignIn,
    pub(crate) passkeys: Vec<PersonPasskey>,
    pub(crate) sessions: Vec<PersonSession>,
}

/// What there is to say of a person's signing in; no secret is in it.
pub(crate) async fn of(app: &App, tenant: &str, person: &str) -> Result<SignIn> {
    let (id, person, now) = (tenant_of(app, tenant)?.tenant.id, person.to_owned(), app.clock().now());
    let read = app.store().read(move |r| -> store::Result<SignIn> {
        Ok(SignIn {
            known: r.person_sign_in(id, &person, now)?,
            passkeys: r.person_passkeys(id, &person)?,
            sessions: r.person_sessions(id, &person, now)?,
        })
    });
    Ok(read.await?)
}

/// A link that was made: what follows the address of the server, and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) path: String,
    pub(crate) expires_at: i64,
}

fn object(tenant: &str, person: &str) -> String {
    format!("{tenant}/Users/{person}")
}

/// Makes a link by which a person chooses a password, once; an older one ends.
pub(crate) async fn make_link(app: &App, actor: &Actor, tenant: &str, person: &str) -> Result<Made> {
    let (state, now) = (tenant_of(app, tenant)?, app.clock().now());
    let found = directory::find(app, &state, "", "User", person).await?;
    if !found.is_active() {
        return Err(scim::Error::invalid_value("the person is not active; only who is active signs in").into());
    }
    let new = token::make(PREFIX);
    let new = new.ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    let expires_at = now.saturating_add(limits::PERSON_LINK_LIFE);
    let (id, hash) = (state.tenant.id, new.hash);
    let link = PersonLink { hash, tenant: id, person: person.to_owned(), created_at: now, expires_at };
    let line = ("person.link", object(tenant, person), json!({}));
    audited(app, actor, line, move |w| Ok(w.person_link_insert(&link)?)).await?;
    Ok(Made { path: format!("{}/sign-in/link?code={}", state.root(), new.text), expires_at })
}

/// Takes a person's password and passkeys away, and a link that was not used.
pub(crate) async fn forget(app: &App, actor: &Actor, tenant: &str, person: &str) -> Result<()> {
    let (id, named) = (tenant_of(app, tenant)?.tenant.id, person.to_owned());
    let line = ("person.forget", object(tenant, person), json!({}));
    let had = audited(app, actor, line, move |w| {
        w.person_sessions_end(id, &named)?;
        Ok(w.person_password_forget(id, &named)?)
    });
    if had.await? {
        Ok(())
    } else {
        Err(missing("the person has no password and no passkey here, and no link to choose one"))
    }
}
