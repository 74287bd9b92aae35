//! Sessions of the directory's persons. Only a hash of the cookie is here, so that whoever reads the database is not
//! signed in.
//!
//! Invariant: who is not there or not active has no session. Beginning one looks at the person in its transaction, and
//! what deactivates or deletes a person ends their sessions in its own (`resources`).

use crate::db::{Reader, Row, Writer, params};
use crate::resources::Stored;
use crate::{Result, TenantId};
use scim::ResourceType;

/// One sign-in of a person that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonSession {
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// What it is ended by; no secret.
    pub id: String,
    /// Whose directory.
    pub tenant: TenantId,
    /// Id of the person's resource.
    pub person: String,
    /// When it began.
    pub created_at: i64,
    /// When the person proved who they are, maybe somewhere else and earlier.
    pub authenticated_at: i64,
    /// When it ends by itself.
    pub expires_at: i64,
    /// How they signed in: `saml`, `password`, `passkey`.
    pub method: String,
    /// From where.
    pub address: String,
    /// By which browser.
    pub agent: String,
    /// What a sign-in by SAML leaves for logout.
    pub saml: Option<SamlSession>,
}

/// The other side's names of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamlSession {
    /// Which connection.
    pub connection: String,
    /// What the identity provider calls the person.
    pub name_id: String,
    /// Format and qualifiers of that, as JSON.
    pub name_id_about: String,
    /// What it calls the session.
    pub session_index: Option<String>,
}

/// A request of an application that waits for the person to sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInRequest {
    /// SHA-256 of what the browser comes back with.
    pub hash: [u8; 32],
    /// Whose.
    pub tenant: TenantId,
    /// Who asks: `oidc`, `saml`.
    pub purpose: String,
    /// What, in the words of who asks.
    pub asked: String,
    /// When.
    pub created_at: i64,
    /// From when on it is asked again.
    pub expires_at: i64,
    /// Where it comes from: what is waiting is counted by that.
    pub network: String,
}

const COLUMNS: &str = "hash, id, tenant, person, created_at, authenticated_at, expires_at, method, address, agent, \
                       connection, name_id, session_index, name_id_about";

fn session(row: &Row<'_>) -> Result<PersonSession> {
    let connection: Option<String> = row.get(10)?;
    let name_id: Option<String> = row.get(11)?;
    let session_index = row.get(12)?;
    let name_id_about: Option<String> = row.get(13)?;
    let names = connection.zip(name_id);
    Ok(PersonSession {
        hash: row.get(0)?,
        id: row.get(1)?,
        tenant: TenantId(row.get(2)?),
        person: row.get(3)?,
        created_at: row.get(4)?,
        authenticated_at: row.get(5)?,
        expires_at: row.get(6)?,
        method: row.get(7)?,
        address: row.get(8)?,
        agent: row.get(9)?,
        saml: names.map(|(connection, name_id)| SamlSession {
            connection,
            name_id,
            name_id_about: name_id_about.unwrap_or_default(),
            session_index,
        }),
    })
}

/// What is left of a session that an identity provider has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnded {
    /// Its id.
    pub id: String,
    /// SHA-256 of its cookie.
    pub hash: [u8; 32],
    /// Whose it was.
    pub person: String,
    /// The apps that were told of it, as JSON.
    pub told: Option<String>,
}

impl Reader {
    /// The session of a cookie in this tenant and the person it belongs to, if it has not run out and they may sign in.
    pub fn person_session(
        &self,
        tenant: TenantId,
        users: &ResourceType,
        hash: &[u8; 32],
        now: i64,
    ) -> Result<Option<(PersonSession, Stored)>> {
        let sql = format!("select {COLUMNS} from person_session where hash = ?1 and tenant = ?2 and expires_at > ?3");
        let Some(found) = self.first(&sql, (hash.as_slice(), tenant.0, now), session)? else { return Ok(None) };
        Ok(self.who_may_sign_in(tenant, users, &found.person)?.map(|person| (found, person)))
    }

    /// A person, if they are active, and neither staged nor suspended.
    fn who_may_sign_in(&self, tenant: TenantId, users: &ResourceType, id: &str) -> Result<Option<Stored>> {
        let Some(person) = self.find(tenant, users, id)?.filter(Stored::is_active) else { return Ok(None) };
        Ok(self.lifecycle(tenant, &person.id)?.is_none().then_some(person))
    }

    /// The session of this id, for what was given in it, under the same conditions.
    pub fn person_session_by_id(
        &self,
        tenant: TenantId,
        users: &ResourceType,
        id: &str,
        now: i64,
    ) -> Result<Option<(PersonSession, Stored)>> {
        let sql = format!("select {COLUMNS} from person_session where id = ?1 and tenant = ?2 and expires_at > ?3");
        let Some(found) = self.first(&sql, (id, tenant.0, now), session)? else { return Ok(None) };
        Ok(self.who_may_sign_in(tenant, users, &found.person)?.map(|person| (found, person)))
    }

    /// A request that waits, if it has not run out.
    pub fn sign_in_request(
        &self,
        tenant: TenantId,
        purpose: &str,
        hash: &[u8; 32],
        now: i64,
    ) -> Result<Option<SignInRequest>> {
        let sql = "select hash, tenant, purpose, asked, created_at, expires_at, network from sign_in_request
                   where hash = ?1 and tenant = ?2 and purpose = ?3 and expires_at > ?4";
        self.first(sql, (hash.as_slice(), tenant.0, purpose, now), |row| {
            Ok(SignInRequest {
                hash: row.get(0)?,
                tenant: TenantId(row.get(1)?),
                purpose: row.get(2)?,
                asked: row.get(3)?,
                created_at: row.get(4)?,
                expires_at: row.get(5)?,
                network: row.get(6)?,
            })
        })
    }

    /// What was kept of a session by `person_session_tell`.
    pub fn person_session_told(&self, tenant: TenantId, id: &str) -> Result<Option<String>> {
        let sql = "select told from person_session where tenant = ?1 and id = ?2";
        Ok(self.first(sql, (tenant.0, id), |row| row.get::<Option<String>>(0))?.flatten())
    }

    /// A person's sessions that have not run out, the newest first.
    pub fn person_sessions(&self, tenant: TenantId, person: &str, now: i64) -> Result<Vec<PersonSession>> {
        let sql = format!(
            "select {COLUMNS} from person_session where tenant = ?1 and person = ?2 and expires_at > ?3
             order by created_at desc, id"
        );
        self.all(&sql, (tenant.0, person, now), session)
    }
}

impl Writer {
    /// How many sign-ins from there were begun, in any tenant, and have neither ended nor run out.
    pub fn waiting_sign_ins(&self, network: &str, now: i64) -> Result<usize> {
        let mut all = 0;
        for table in ["saml_request", "sign_in_request"] {
            let sql = format!("select count(*) from {table} where network = ?1 and expires_at > ?2");
            all += self.first(&sql, (network, now), |row| row.get::<i64>(0))?.unwrap_or(0);
        }
        Ok(usize::try_from(all).unwrap_or(usize::MAX))
    }

    /// Keeps a request until the person has signed in.
    pub fn sign_in_request_insert(&mut self, new: &SignInRequest) -> Result<()> {
        let sql = "insert into sign_in_request (hash, tenant, purpose, asked, created_at, expires_at, network)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (hash, times) = (new.hash.as_slice(), (new.created_at, new.expires_at));
        let row = (hash, new.tenant.0, &new.purpose, &new.asked, times.0, times.1, &new.network);
        self.execute(sql, row)?;
        Ok(())
    }

    /// Takes a request that is answered now; whether it was still there.
    pub fn sign_in_request_take(&mut self, tenant: TenantId, hash: &[u8; 32]) -> Result<bool> {
        let sql = "delete from sign_in_request where hash = ?1 and tenant = ?2";
        Ok(self.execute(sql, (hash.as_slice(), tenant.0))? > 0)
    }

    /// Begins a session; whether the person is there, active, and neither staged nor suspended, without which there is none.
    pub fn person_session_insert(&mut self, users: &ResourceType, new: &PersonSession) -> Result<bool> {
        if self.who_may_sign_in(new.tenant, users, &new.person)?.is_none() {
            return Ok(false);
        }
        let sql = format!(
            "insert into person_session ({COLUMNS})
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        );
        let saml = new.saml.as_ref();
        self.execute(
            &sql,
            params![
                new.hash.as_slice(),
                new.id,
                new.tenant.0,
                new.person,
                new.created_at,
                new.authenticated_at,
                new.expires_at,
                new.method,
                new.address,
                new.agent,
                saml.map(|saml| saml.connection.as_str()),
                saml.map(|saml| saml.name_id.as_str()),
                saml.and_then(|saml| saml.session_index.as_deref()),
                saml.map(|saml| saml.name_id_about.as_str())
            ],
        )?;
        Ok(true)
    }

    /// Keeps with a session which apps were told of it, as JSON of the server's; it goes with the session.
    pub fn person_session_tell(&mut self, tenant: TenantId, id: &str, told: &str) -> Result<()> {
        self.execute("update person_session set told = ?3 where tenant = ?1 and id = ?2", (tenant.0, id, told))?;
        Ok(())
    }

    /// Ends one session by its id; whether there was one.
    pub fn person_session_end(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        Ok(self.execute("delete from person_session where tenant = ?1 and id = ?2", (tenant.0, id))? > 0)
    }

    /// Ends all sessions of a person; how many there were.
    pub fn person_sessions_end(&mut self, tenant: TenantId, person: &str) -> Result<usize> {
        self.execute("delete from person_session where tenant = ?1 and person = ?2", (tenant.0, person))
    }

    /// Ends the sessions that the identity provider of a connection names: those of a person with this index, or all
    /// of them.
    pub fn person_sessions_logout(
        &mut self,
        tenant: TenantId,
        connection: &str,
        name_id: &str,
        indexes: &[String],
    ) -> Result<Vec<SessionEnded>> {
        let sql = "delete from person_session where tenant = ?1 and connection = ?2 and name_id = ?3
                   and (?4 is null or session_index = ?4) returning id, hash, person, told";
        let all = [None];
        let some: Vec<Option<&str>> = indexes.iter().map(|index| Some(index.as_str())).collect();
        let wanted = if some.is_empty() { all.as_slice() } else { some.as_slice() };
        let mut ended = Vec::new();
        for index in wanted {
            ended.extend(self.all(sql, (tenant.0, connection, name_id, *index), |row| {
                Ok(SessionEnded { id: row.get(0)?, hash: row.get(1)?, person: row.get(2)?, told: row.get(3)? })
            })?);
        }
        Ok(ended)
    }

    /// Ends the sessions of a connection that is switched off or taken away.
    pub fn person_sessions_of_connection_end(&mut self, tenant: TenantId, connection: &str) -> Result<usize> {
        self.execute("delete from person_session where tenant = ?1 and connection = ?2", (tenant.0, connection))
    }
}
