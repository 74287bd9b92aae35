//! Persons of a tenant's directory who are signed in: the cookie, the session, and who a request is.
//!
//! Whatever signs somebody in (SAML, a password, a passkey) ends in `begin`, whose session is kept in the transaction of
//! what led to it (`Writer::person_session_insert`); whatever needs somebody who is signed in takes a `Visit` and asks
//! `find`. A session is one tenant's, and so is the name of its cookie: one browser may be signed in to several.
//!
//! Invariant: a person who is not there or not active is nobody. Deactivating or deleting them takes their sessions
//! along, in the same transaction; `find` looks at the person besides.

mod apps;
mod entry;
mod page;
mod passkeys;
mod waiting;

use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::console::{Fault, Theme, origin_of};
use crate::error::{Error, Result};
use crate::session::{cookie, is_https, random_text, same, set_cookie};
use crate::tenants::{DEFAULT, TenantState};
use crate::{limits, redact, token};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use scim::{Code, ResourceType};
use std::sync::Arc;
use store::{PersonSession, SamlSession, Scope, Stored};

pub(crate) use entry::sign_in_address;
pub(crate) use page::router;
pub(crate) use waiting::{ask_later, ask_on, has_room, too_many};

/// A request of a browser to a tenant's pages for its people, whoever sits there.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) app: App,
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) headers: HeaderMap,
    pub(crate) origin: Origin,
    pub(crate) theme: Theme,
    /// Of the request, behind what names the tenant.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) now: i64,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Fault;

    /// The tenant is the one that the path names: `/t/{tenant}/…`, or else the default.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> std::result::Result<Self, Fault> {
        let path = parts.uri.path();
        let (name, rest) = match path.strip_prefix("/t/") {
            Some(named) => named.split_once('/').unwrap_or((named, "")),
            None => (DEFAULT, path.trim_start_matches('/')),
        };
        let tenant = app.tenants().find(name).ok_or_else(|| Fault::missing("there is no such tenant"))?;
        Ok(Self {
            app: app.clone(),
            tenant,
            headers: parts.headers.clone(),
            origin: origin_of(parts),
            theme: Theme::of(&parts.headers),
            path: format!("/{rest}"),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            now: app.clock().now(),
        })
    }
}

impl Visit {
    /// What the browser's session is known by, whether it has ended or not.
    pub(crate) fn browser(&self) -> Option<[u8; 32]> {
        cookie(&self.headers, &cookie_name(&self.app, &self.tenant)).map(token::hash)
    }

    /// Who is signed in.
    pub(crate) async fn person(&self) -> Result<Option<Person>> {
        find(&self.app, &self.tenant, &self.headers, self.now).await
    }
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// How and when they signed in.
    pub(crate) session: Arc<PersonSession>,
    /// Their resource: `id` is who they are.
    pub(crate) user: Arc<Stored>,
}

impl Person {
    /// Their login, which the log calls them by.
    pub(crate) fn label(&self) -> &str {
        self.user.resource.attributes.get("userName").and_then(|name| name.as_str()).unwrap_or(&self.user.id)
    }

    /// They as whoever does something: nobody who may administer or provision.
    pub(crate) fn actor(&self, origin: &Origin) -> Actor {
        Actor { label: self.label().to_owned(), scope: Scope::default(), address: origin.address.clone() }
    }

    /// The token of their session's forms.
    pub(crate) fn form_token(&self, app: &App) -> String {
        BASE64.encode(app.store().mac("person form", &self.session.hash))
    }

    /// Whether a form carries it.
    pub(crate) fn sent(&self, app: &App, form_token: &str) -> bool {
        same(form_token, &self.form_token(app))
    }
}

/// How somebody has just proved who they are.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// Id of the person's resource.
    pub(crate) person: String,
    /// `saml`, `password`, `passkey`.
    pub(crate) method: &'static str,
    /// When, maybe somewhere else and earlier.
    pub(crate) authenticated_at: i64,
    /// From when on the proof no longer counts.
    pub(crate) ends_at: Option<i64>,
    /// What a sign-in by SAML leaves for logout.
    pub(crate) saml: Option<SamlSession>,
}

/// The type of a tenant's persons.
pub(crate) fn users(tenant: &TenantState) -> Result<&Arc<ResourceType>> {
    tenant.named("User").ok_or_else(|| Error::new(Code::INTERNAL, "the tenant has no users"))
}

/// `__Host-` has the browser refuse the cookie to anything but this host over https.
fn cookie_name(app: &App, tenant: &TenantState) -> String {
    let prefix = if is_https(app) { "__Host-" } else { "" };
    format!("{prefix}provost-person-{}", tenant.tenant.name)
}

/// Who the cookie of a request belongs to, if the session is still good and the person active.
pub(crate) async fn find(
    app: &App,
    tenant: &Arc<TenantState>,
    headers: &HeaderMap,
    now: i64,
) -> Result<Option<Person>> {
    let Some(value) = cookie(headers, &cookie_name(app, tenant)) else { return Ok(None) };
    let (hash, id, rt) = (token::hash(value), tenant.tenant.id, Arc::clone(users(tenant)?));
    let found = app.store().read(move |r| r.person_session(id, &rt, &hash, now)).await?;
    Ok(found.map(|(session, user)| Person { session: Arc::new(session), user: Arc::new(user) }))
}

/// A new session, to be kept by the caller in the transaction of what led to it, and its cookie.
pub(crate) fn begin(
    app: &App,
    tenant: &TenantState,
    proof: Proof,
    origin: &Origin,
    now: i64,
) -> Result<(PersonSession, HeaderValue)> {
    let value = random_text()?;
    let life = now.saturating_add(limits::PERSON_SESSION_LIFE);
    let session = PersonSession {
        hash: token::hash(&value),
        id: crate::app::request_id(),
        tenant: tenant.tenant.id,
        person: proof.person,
        created_at: now,
        authenticated_at: proof.authenticated_at,
        expires_at: proof.ends_at.map_or(life, |ends_at| ends_at.min(life)),
        method: proof.method.to_owned(),
        address: redact::cut(&origin.address, 64).into_owned(),
        agent: redact::cut(&origin.agent, 256).into_owned(),
        saml: proof.saml,
    };
    let seconds = (session.expires_at - now).max(0) / 1_000_000;
    let cookie = set_cookie(app, &cookie_name(app, tenant), &value, Some(seconds))
        .ok_or_else(|| Error::new(Code::INTERNAL, "the cookie cannot be written"))?;
    Ok((session, cookie))
}

/// The cookie that takes the session's away.
pub(crate) fn end_cookie(app: &App, tenant: &TenantState) -> Option<HeaderValue> {
    set_cookie(app, &cookie_name(app, tenant), "", Some(0))
}
