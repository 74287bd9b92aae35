//! What signing in with SAML has to remember: connections, our keys, requests under way, assertions that were taken.

use crate::db::{Reader, Row, Writer, params};
use crate::versioned::{Kept, Versioned};
use crate::{Error, Result, TenantId};
use serde::{Deserialize, Serialize};

/// An identity provider that a tenant's people sign in with.
pub type SamlConnection = Versioned<SamlSettings>;

impl Kept for SamlSettings {
    const TABLE: &'static str = "saml_connection";
}

/// What an administrator sets of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SamlSettings {
    /// A name for people.
    pub label: String,
    /// Whether anybody can sign in with it.
    pub enabled: bool,
    /// The identity provider's entity ID.
    pub entity_id: String,
    /// Where it takes requests.
    pub sign_on_url: String,
    /// How it takes them.
    pub sign_on_binding: SamlBinding,
    /// Where it takes logout messages.
    pub logout_url: Option<String>,
    /// How it takes them.
    pub logout_binding: SamlBinding,
    /// Where it takes answers to its own logout requests, if elsewhere.
    pub logout_response_url: Option<String>,
    /// The certificates that it signs with: base64 of DER. At least one.
    pub certificates: Vec<String>,
    /// The `NameID` format to ask for.
    pub name_id_format: Option<String>,
    /// What of a person the `NameID`, or an attribute, is compared with.
    pub match_by: SamlMatch,
    /// The attribute whose value is compared; none means the `NameID`.
    pub match_attribute: Option<String>,
    /// Whether sign-in may start at the identity provider.
    pub idp_initiated: bool,
    /// Whether our requests are signed.
    pub sign_requests: bool,
    /// Whether people have to prove who they are each time.
    pub force_authn: bool,
    /// Whether assertions may come encrypted.
    pub encrypted_assertions: bool,
    /// Whether AES-CBC is taken for that.
    pub allow_cbc: bool,
    /// Auto create user: whether somebody unknown is made at their first sign-in.
    pub auto_create: bool,
    /// Which attributes of an assertion make up somebody new.
    pub attributes: Vec<SamlAttribute>,
    /// The domains of e-mail addresses and login names that may sign in; none means all.
    pub domains: Vec<String>,
    /// How long a session may be, in minutes.
    pub session_minutes: u32,
}

impl Default for SamlSettings {
    fn default() -> Self {
        let attribute = |name: &str, path: &str| SamlAttribute { name: name.into(), path: path.into() };
        Self {
            label: String::new(),
            enabled: true,
            entity_id: String::new(),
            sign_on_url: String::new(),
            sign_on_binding: SamlBinding::Redirect,
            logout_url: None,
            logout_binding: SamlBinding::Redirect,
            logout_response_url: None,
            certificates: Vec::new(),
            name_id_format: None,
            match_by: SamlMatch::UserName,
            match_attribute: None,
            idp_initiated: false,
            sign_requests: false,
            force_authn: false,
            encrypted_assertions: false,
            allow_cbc: false,
            auto_create: false,
            attributes: vec![
                attribute("givenName", "name.givenName"),
                attribute("familyName", "name.familyName"),
                attribute("email", "emails[type eq \"work\"].value"),
            ],
            domains: Vec::new(),
            session_minutes: 480,
        }
    }
}

/// How a message travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SamlBinding {
    /// In the query of a redirect.
    #[default]
    Redirect,
    /// In a form that the browser posts.
    Post,
}

/// What of a person is compared with what the identity provider calls them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SamlMatch {
    /// The login.
    #[default]
    UserName,
    /// The client's id.
    ExternalId,
    /// Any e-mail address.
    Email,
    /// Our id.
    Id,
}

/// An attribute of an assertion, and where its value goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamlAttribute {
    /// Its name in the assertion.
    pub name: String,
    /// The path of the SCIM attribute.
    pub path: String,
}

/// What a key of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamlPurpose {
    /// As a service provider: signs requests and logout, decrypts assertions.
    ServiceProvider,
    /// As an identity provider: signs what we say about people.
    IdentityProvider,
}

impl SamlPurpose {
    /// As it is stored; also what the key is sealed for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceProvider => "sp",
            Self::IdentityProvider => "idp",
        }
    }
}

/// Where a key is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// Published, so that the other side knows it before it is used.
    Next,
    /// Signs.
    #[default]
    Current,
    /// Still published, still decrypts.
    Old,
}

impl KeyState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Old => "old",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "next" => Ok(Self::Next),
            "current" => Ok(Self::Current),
            "old" => Ok(Self::Old),
            _ => Err(Error::broken("a key is in no known state")),
        }
    }
}

/// A key of ours with its certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct SamlKey {
    /// Its id.
    pub id: String,
    /// Where it is on its way.
    pub state: KeyState,
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS #8, sealed by the caller.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
}

impl std::fmt::Debug for SamlKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SamlKey").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A request of ours that was not answered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamlRequest {
    /// Whose.
    pub tenant: TenantId,
    /// The message's ID.
    pub id: String,
    /// To which connection.
    pub connection: String,
    /// What for: `sign_in`, `sign_in_again`, `test`, `logout`.
    pub purpose: String,
    /// SHA-256 of the cookie of the browser that made it.
    pub browser: [u8; 32],
    /// The RelayState that goes with it.
    pub relay: String,
    /// A path of ours to go on to; of a logout, the address of an application that waits for its end.
    pub target: String,
    /// When it was made.
    pub created_at: i64,
    /// From when on no answer is taken.
    pub expires_at: i64,
    /// Where it comes from: what is waiting is counted by that.
    pub network: String,
}

fn key(row: &Row<'_>) -> Result<SamlKey> {
    let state: String = row.get(1)?;
    Ok(SamlKey {
        id: row.get(0)?,
        state: KeyState::parse(&state)?,
        certificate: row.get(2)?,
        sealed: row.get(3)?,
        created_at: row.get(4)?,
    })
}

impl Reader {
    /// A tenant's connections, by their ids.
    pub fn saml_connections(&self, tenant: TenantId) -> Result<Vec<SamlConnection>> {
        self.versioned_all(tenant, "id")
    }

    /// A connection.
    pub fn saml_connection(&self, tenant: TenantId, id: &str) -> Result<Option<SamlConnection>> {
        self.versioned_find(tenant, id)
    }

    /// A tenant's keys for one purpose, the newest first.
    pub fn saml_keys(&self, tenant: TenantId, purpose: SamlPurpose) -> Result<Vec<SamlKey>> {
        let sql = "select id, state, certificate, private_key, created_at from saml_key
                   where tenant = ?1 and purpose = ?2 order by created_at desc, id desc";
        self.all(sql, (tenant.0, purpose.as_str()), key)
    }

    /// A request that was not answered yet, also one that is too old: the caller says so.
    pub fn saml_request(&self, tenant: TenantId, id: &str) -> Result<Option<SamlRequest>> {
        let sql = "select tenant, id, connection, purpose, browser, relay, target, created_at, expires_at, network
                   from saml_request where tenant = ?1 and id = ?2";
        self.first(sql, (tenant.0, id), |row| {
            Ok(SamlRequest {
                tenant: TenantId(row.get(0)?),
                id: row.get(1)?,
                connection: row.get(2)?,
                purpose: row.get(3)?,
                browser: row.get(4)?,
                relay: row.get(5)?,
                target: row.get(6)?,
                created_at: row.get(7)?,
                expires_at: row.get(8)?,
                network: row.get(9)?,
            })
        })
    }

    /// Whether an assertion was taken before.
    pub fn saml_replayed(&self, tenant: TenantId, connection: &str, assertion: &str) -> Result<bool> {
        let sql = "select 1 from saml_replay where tenant = ?1 and connection = ?2 and assertion = ?3";
        Ok(self.first(sql, (tenant.0, connection, assertion), |row| row.get::<i64>(0))?.is_some())
    }
}

impl Writer {
    /// Keeps a new connection; `Conflict` if the id is taken.
    pub fn saml_connection_insert(&mut self, new: &SamlConnection) -> Result<()> {
        self.versioned_insert(new)
    }

    /// Stores the settings of a connection; `Stale` if it changed since it was read, or is gone.
    pub fn saml_connection_update(&mut self, changed: &SamlConnection, now: i64) -> Result<()> {
        self.versioned_update(changed, now)
    }

    /// Takes a connection away, and the requests and sessions of it; whether there was one. Assertions that were taken
    /// stay: another connection may come to have the same id.
    pub fn saml_connection_delete(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        self.execute("delete from saml_request where tenant = ?1 and connection = ?2", (tenant.0, id))?;
        self.person_sessions_of_connection_end(tenant, id)?;
        self.versioned_delete::<SamlSettings>(tenant, id)
    }

    /// Keeps a new key.
    pub fn saml_key_insert(&mut self, tenant: TenantId, purpose: SamlPurpose, new: &SamlKey) -> Result<()> {
        let sql = "insert into saml_key (tenant, purpose, id, state, certificate, private_key, created_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let state = new.state.as_str();
        let key = (tenant.0, purpose.as_str(), &new.id, state, &new.certificate, &new.sealed, new.created_at);
        self.execute(sql, key)?;
        Ok(())
    }

    /// Has the next key sign from now on; the one that did is old. Whether there was a next one of this id.
    pub fn saml_key_promote(&mut self, tenant: TenantId, purpose: SamlPurpose, id: &str) -> Result<bool> {
        let is_next = "select 1 from saml_key where tenant = ?1 and purpose = ?2 and id = ?3 and state = 'next'";
        if self.first(is_next, (tenant.0, purpose.as_str(), id), |row| row.get::<i64>(0))?.is_none() {
            return Ok(false);
        }
        let old = "update saml_key set state = 'old' where tenant = ?1 and purpose = ?2 and state = 'current'";
        self.execute(old, (tenant.0, purpose.as_str()))?;
        let current = "update saml_key set state = 'current' where tenant = ?1 and purpose = ?2 and id = ?3";
        self.execute(current, (tenant.0, purpose.as_str(), id))?;
        Ok(true)
    }

    /// Takes a key away that does not sign; whether there was one.
    pub fn saml_key_delete(&mut self, tenant: TenantId, purpose: SamlPurpose, id: &str) -> Result<bool> {
        let sql = "delete from saml_key where tenant = ?1 and purpose = ?2 and id = ?3 and state <> 'current'";
        Ok(self.execute(sql, (tenant.0, purpose.as_str(), id))? > 0)
    }

    /// Keeps a request that is on its way.
    pub fn saml_request_insert(&mut self, new: &SamlRequest) -> Result<()> {
        let sql = "insert into saml_request
                   (tenant, id, connection, purpose, browser, relay, target, created_at, expires_at, network)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.execute(
            sql,
            params![
                new.tenant.0,
                new.id,
                new.connection,
                new.purpose,
                new.browser.as_slice(),
                new.relay,
                new.target,
                new.created_at,
                new.expires_at,
                new.network
            ],
        )?;
        Ok(())
    }

    /// Takes a request that is answered now; whether it was still there. Nobody takes it a second time.
    pub fn saml_request_take(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        Ok(self.execute("delete from saml_request where tenant = ?1 and id = ?2", (tenant.0, id))? > 0)
    }

    /// Remembers an assertion; whether it is the first time. To be called in the transaction of what it leads to.
    pub fn saml_replay_insert(
        &mut self,
        tenant: TenantId,
        connection: &str,
        assertion: &str,
        expires_at: i64,
    ) -> Result<bool> {
        let sql = "insert into saml_replay (tenant, connection, assertion, expires_at) values (?1, ?2, ?3, ?4)
                   on conflict do nothing";
        Ok(self.execute(sql, (tenant.0, connection, assertion, expires_at))? > 0)
    }

    /// Takes away what a tenant's sign-ins no longer need: requests, assertions and sessions that ran out.
    pub fn sign_ins_prune(&mut self, tenant: TenantId, now: i64) -> Result<()> {
        for table in ["saml_request", "saml_replay", "person_session", "sign_in_request", "oidc_grant", "person_link"] {
            self.execute(&format!("delete from {table} where tenant = ?1 and expires_at <= ?2"), (tenant.0, now))?;
        }
        Ok(())
    }
}
