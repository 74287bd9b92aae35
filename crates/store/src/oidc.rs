//! What the OpenID Connect provider remembers: applications, keys, requests under way, and what persons granted.
//!
//! Invariant: a grant counts as long as the session that it was given in. It is found through the session and the
//! person, so nothing has to be taken back when either ends.

use crate::db::{Reader, Row, Writer, params};
use crate::people::PersonSession;
use crate::resources::Stored;
use crate::saml::KeyState;
use crate::versioned::{Kept, Versioned};
use crate::{Result, TenantId};
use scim::ResourceType;
use serde::{Deserialize, Serialize};

/// An application that signs people in through us.
pub type OidcClient = Versioned<OidcSettings>;

impl Kept for OidcSettings {
    const TABLE: &'static str = "oidc_client";
}

/// What an administrator sets of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OidcSettings {
    /// A name for people.
    pub label: String,
    /// Whether anybody can sign in with it.
    pub enabled: bool,
    /// Whether it can keep no secret: it runs in a browser or on somebody's device.
    pub public: bool,
    /// Where codes are sent; compared character by character.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go on to after signing out; compared character by character.
    pub post_logout_redirect_uris: Vec<String>,
    /// What of a group the claim `groups` holds.
    pub groups: OidcGroups,
    /// Whether to say that e-mail addresses are verified: the directory vouches for them.
    pub email_verified: bool,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            label: String::new(),
            enabled: true,
            public: false,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            groups: OidcGroups::Name,
            email_verified: false,
        }
    }
}

/// What a group is called in a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OidcGroups {
    /// By its display name.
    #[default]
    Name,
    /// By its id.
    Id,
}

/// A secret of a client. Only its hash is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcSecret {
    /// SHA-256.
    pub hash: [u8; 32],
    /// What may be shown of it.
    pub hint: String,
    /// When it was made.
    pub created_at: i64,
    /// When it ends, if another one takes its place.
    pub expires_at: Option<i64>,
}

/// A key of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcKey {
    /// `kid`.
    pub id: String,
    /// Where it is on its way.
    pub state: KeyState,
    /// The public half, as JSON.
    pub public_key: String,
    /// The private half, sealed by the caller.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
}

impl std::fmt::Debug for OidcKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcKey").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// What a person has let a client have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcGrant {
    /// Its id; no secret.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// Which client.
    pub client: String,
    /// Id of the person's session.
    pub session: String,
    /// Id of the person's resource.
    pub person: String,
    /// Where the code went.
    pub redirect_uri: String,
    /// What was asked for, separated by spaces.
    pub scope: String,
    /// The client's own mark of the request.
    pub nonce: Option<String>,
    /// Base64url of the SHA-256 of what only the asking client knows.
    pub challenge: String,
    /// SHA-256 of the code.
    pub code: [u8; 32],
    /// From when on the code is refused.
    pub code_expires_at: i64,
    /// When it was used.
    pub code_used_at: Option<i64>,
    /// From when on the access token is refused.
    pub token_expires_at: Option<i64>,
    /// When it was given.
    pub created_at: i64,
    /// From when on nothing of it counts.
    pub expires_at: i64,
}

/// A grant that counts, the session it was given in, and the person.
pub type LivingGrant = (OidcGrant, PersonSession, Stored);

const GRANT: &str = "id, tenant, client, session, person, redirect_uri, scope, nonce, challenge, code, \
                     code_expires_at, code_used_at, token_expires_at, created_at, expires_at";

fn grant(row: &Row<'_>) -> Result<OidcGrant> {
    Ok(OidcGrant {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        client: row.get(2)?,
        session: row.get(3)?,
        person: row.get(4)?,
        redirect_uri: row.get(5)?,
        scope: row.get(6)?,
        nonce: row.get(7)?,
        challenge: row.get(8)?,
        code: row.get(9)?,
        code_expires_at: row.get(10)?,
        code_used_at: row.get(11)?,
        token_expires_at: row.get(12)?,
        created_at: row.get(13)?,
        expires_at: row.get(14)?,
    })
}

impl Reader {
    /// A tenant's clients, the oldest first.
    pub fn oidc_clients(&self, tenant: TenantId) -> Result<Vec<OidcClient>> {
        self.versioned_all(tenant, "created_at, id")
    }

    /// A client.
    pub fn oidc_client(&self, tenant: TenantId, id: &str) -> Result<Option<OidcClient>> {
        self.versioned_find(tenant, id)
    }

    /// A client's secrets, also those that have ended; the newest first.
    pub fn oidc_secrets(&self, tenant: TenantId, client: &str) -> Result<Vec<OidcSecret>> {
        let sql = "select hash, hint, created_at, expires_at from oidc_secret where tenant = ?1 and client = ?2
                   order by created_at desc, hint";
        self.all(sql, (tenant.0, client), |row| {
            Ok(OidcSecret { hash: row.get(0)?, hint: row.get(1)?, created_at: row.get(2)?, expires_at: row.get(3)? })
        })
    }

    /// A tenant's keys, the newest first.
    pub fn oidc_keys(&self, tenant: TenantId) -> Result<Vec<OidcKey>> {
        let sql = "select id, state, public_key, private_key, created_at from oidc_key
                   where tenant = ?1 order by created_at desc, id desc";
        self.all(sql, [tenant.0], |row| {
            let state: String = row.get(1)?;
            Ok(OidcKey {
                id: row.get(0)?,
                state: KeyState::parse(&state)?,
                public_key: row.get(2)?,
                sealed: row.get(3)?,
                created_at: row.get(4)?,
            })
        })
    }

    /// The grant of a code, also one that was used or is too old: the caller says so.
    pub fn oidc_grant_of_code(&self, tenant: TenantId, code: &[u8; 32]) -> Result<Option<OidcGrant>> {
        let sql = format!("select {GRANT} from oidc_grant where code = ?1 and tenant = ?2");
        self.first(&sql, (code.as_slice(), tenant.0), grant)
    }

    /// What an access token stands for, if it has not run out, the session has not ended, and the person is active.
    pub fn oidc_token(
        &self,
        tenant: TenantId,
        users: &ResourceType,
        token: &[u8; 32],
        now: i64,
    ) -> Result<Option<LivingGrant>> {
        let sql = format!("select {GRANT} from oidc_grant where token = ?1 and tenant = ?2 and token_expires_at > ?3");
        let Some(found) = self.first(&sql, (token.as_slice(), tenant.0, now), grant)? else { return Ok(None) };
        let living = self.person_session_by_id(tenant, users, &found.session, now)?;
        Ok(living.map(|(session, person)| (found, session, person)))
    }
}

impl Writer {
    /// Keeps a new client; `Conflict` if the id is taken.
    pub fn oidc_client_insert(&mut self, new: &OidcClient) -> Result<()> {
        self.versioned_insert(new)
    }

    /// Stores the settings of a client; `Stale` if it changed since it was read, or is gone.
    pub fn oidc_client_update(&mut self, changed: &OidcClient, now: i64) -> Result<()> {
        self.versioned_update(changed, now)
    }

    /// Takes a client away with its secrets and everything that it was let have; whether there was one.
    pub fn oidc_client_delete(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        for table in ["oidc_secret", "oidc_grant"] {
            self.execute(&format!("delete from {table} where tenant = ?1 and client = ?2"), (tenant.0, id))?;
        }
        self.versioned_delete::<OidcSettings>(tenant, id)
    }

    /// Takes back everything that a client was let have.
    pub fn oidc_grants_end(&mut self, tenant: TenantId, client: &str) -> Result<usize> {
        self.execute("delete from oidc_grant where tenant = ?1 and client = ?2", (tenant.0, client))
    }

    /// Keeps a client's new secret; those before it end then, and what ended already goes.
    pub fn oidc_secret_insert(
        &mut self,
        tenant: TenantId,
        client: &str,
        new: &OidcSecret,
        others_end_at: i64,
    ) -> Result<()> {
        let end = "update oidc_secret set expires_at = ?3 where tenant = ?1 and client = ?2
                   and (expires_at is null or expires_at > ?3)";
        self.execute(end, (tenant.0, client, others_end_at))?;
        let gone = "delete from oidc_secret where tenant = ?1 and client = ?2 and expires_at <= ?3";
        self.execute(gone, (tenant.0, client, new.created_at))?;
        let sql = "insert into oidc_secret (hash, tenant, client, hint, created_at) values (?1, ?2, ?3, ?4, ?5)";
        self.execute(sql, (new.hash.as_slice(), tenant.0, client, &new.hint, new.created_at))?;
        Ok(())
    }

    /// Keeps a new key. If it is to sign and another one does already, the other one stays and this is the next.
    pub fn oidc_key_insert(&mut self, tenant: TenantId, new: &OidcKey) -> Result<()> {
        let sql = "insert into oidc_key (tenant, id, state, public_key, private_key, created_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6)";
        let signs = "select 1 from oidc_key where tenant = ?1 and state = 'current'";
        let is_taken = self.first(signs, [tenant.0], |row| row.get::<i64>(0))?.is_some();
        let state = if is_taken { KeyState::Next } else { new.state };
        self.execute(sql, params![tenant.0, new.id, state.as_str(), new.public_key, new.sealed, new.created_at])?;
        Ok(())
    }

    /// Has the next key sign from now on; the one that did is old. Whether there was a next one of this id.
    pub fn oidc_key_promote(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        let is_next = "select 1 from oidc_key where tenant = ?1 and id = ?2 and state = 'next'";
        if self.first(is_next, (tenant.0, id), |row| row.get::<i64>(0))?.is_none() {
            return Ok(false);
        }
        self.execute("update oidc_key set state = 'old' where tenant = ?1 and state = 'current'", [tenant.0])?;
        self.execute("update oidc_key set state = 'current' where tenant = ?1 and id = ?2", (tenant.0, id))?;
        Ok(true)
    }

    /// Takes a key away that does not sign; whether there was one.
    pub fn oidc_key_delete(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        let sql = "delete from oidc_key where tenant = ?1 and id = ?2 and state <> 'current'";
        Ok(self.execute(sql, (tenant.0, id))? > 0)
    }

    /// Keeps a grant with its code; whether the session that it is given in is still there and the person active.
    pub fn oidc_grant_insert(&mut self, users: &ResourceType, new: &OidcGrant) -> Result<bool> {
        if self.person_session_by_id(new.tenant, users, &new.session, new.created_at)?.is_none() {
            return Ok(false);
        }
        let sql = "insert into oidc_grant (id, tenant, client, session, person, redirect_uri, scope, nonce,
                   challenge, code, code_expires_at, created_at, expires_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        self.execute(
            sql,
            params![
                new.id,
                new.tenant.0,
                new.client,
                new.session,
                new.person,
                new.redirect_uri,
                new.scope,
                new.nonce,
                new.challenge,
                new.code.as_slice(),
                new.code_expires_at,
                new.created_at,
                new.expires_at
            ],
        )?;
        Ok(true)
    }

    /// Uses a code up and keeps the access token that it is exchanged for; whether it had not been used.
    pub fn oidc_code_use(&mut self, id: &str, token: &[u8; 32], token_expires_at: i64, now: i64) -> Result<bool> {
        let sql = "update oidc_grant set code_used_at = ?2, token = ?3, token_expires_at = ?4
                   where id = ?1 and code_used_at is null";
        Ok(self.execute(sql, (id, now, token.as_slice(), token_expires_at))? > 0)
    }

    /// Takes back what came of a code: somebody has shown it twice. The code itself stays known as used.
    pub fn oidc_grant_revoke(&mut self, id: &str, now: i64) -> Result<()> {
        let sql = "update oidc_grant set code_used_at = ?2, token = null, token_expires_at = null where id = ?1";
        self.execute(sql, (id, now))?;
        Ok(())
    }
}
