//! Passwords of the directory's persons, for those who sign in here and not elsewhere; and the links by which they
//! choose one. Only hashes are here.
//!
//! Not here: the attribute `password` of SCIM, which a tenant may keep for its application.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};

/// A link by which a person chooses a password, once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonLink {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Whose.
    pub tenant: TenantId,
    /// Id of the person's resource.
    pub person: String,
    /// When it was made.
    pub created_at: i64,
    /// When it ends by itself.
    pub expires_at: i64,
}

/// How a person signs in here, without what they do it with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonSignIn {
    /// When the password was chosen, if there is one.
    pub password_at: Option<i64>,
    /// When the link to choose one ends, if one is out.
    pub link_until: Option<i64>,
}

impl Reader {
    /// How a person signs in here.
    pub fn person_sign_in(&self, tenant: TenantId, person: &str, now: i64) -> Result<PersonSignIn> {
        let password = "select changed_at from person_password where tenant = ?1 and person = ?2";
        let link = "select expires_at from person_link where tenant = ?1 and person = ?2 and expires_at > ?3";
        Ok(PersonSignIn {
            password_at: self.first(password, (tenant.0, person), |row| row.get(0))?,
            link_until: self.first(link, (tenant.0, person, now), |row| row.get(0))?,
        })
    }

    /// The hash of a person's password, if they have one.
    pub fn person_password(&self, tenant: TenantId, person: &str) -> Result<Option<String>> {
        let sql = "select hash from person_password where tenant = ?1 and person = ?2";
        self.first(sql, (tenant.0, person), |row| row.get(0))
    }

    /// Whether anybody of a tenant signs in with a password, or is about to.
    pub fn has_person_passwords(&self, tenant: TenantId) -> Result<bool> {
        let sql = "select 1 from person_password where tenant = ?1 limit 1";
        Ok(self.first(sql, [tenant.0], |row| row.get::<i64>(0))?.is_some())
    }

    /// The person whose link this is, if it is still good.
    pub fn person_link(&self, tenant: TenantId, hash: &[u8; 32], now: i64) -> Result<Option<String>> {
        let sql = "select person from person_link where hash = ?1 and tenant = ?2 and expires_at > ?3";
        self.first(sql, (hash.as_slice(), tenant.0, now), |row| row.get(0))
    }
}

impl Writer {
    /// Keeps the hash of a person's password. Whoever was signed in with the one before is not any more.
    pub fn person_password_set(&mut self, tenant: TenantId, person: &str, hash: &str, now: i64) -> Result<()> {
        self.person_sessions_end(tenant, person)?;
        let sql = "insert into person_password (tenant, person, hash, changed_at) values (?1, ?2, ?3, ?4)
                   on conflict (tenant, person) do update set hash = excluded.hash, changed_at = excluded.changed_at";
        self.execute(sql, (tenant.0, person, hash, now))?;
        Ok(())
    }

    /// Takes a person's password, passkeys and links away; whether there was one.
    pub fn person_password_forget(&mut self, tenant: TenantId, person: &str) -> Result<bool> {
        let mut gone = 0;
        for sql in [
            "delete from person_link where tenant = ?1 and person = ?2",
            "delete from person_passkey where tenant = ?1 and person = ?2",
            "delete from person_password where tenant = ?1 and person = ?2",
        ] {
            gone += self.execute(sql, (tenant.0, person))?;
        }
        Ok(gone > 0)
    }

    /// Keeps a link; an older one of the same person ends.
    pub fn person_link_insert(&mut self, new: &PersonLink) -> Result<()> {
        let old = "delete from person_link where tenant = ?1 and (person = ?2 or expires_at <= ?3)";
        self.execute(old, (new.tenant.0, &new.person, new.created_at))?;
        let sql = "insert into person_link (hash, tenant, person, created_at, expires_at) values (?1, ?2, ?3, ?4, ?5)";
        self.execute(sql, (new.hash.as_slice(), new.tenant.0, &new.person, new.created_at, new.expires_at))?;
        Ok(())
    }

    /// Uses a link up; the person, if it was good.
    pub fn person_link_use(&mut self, tenant: TenantId, hash: &[u8; 32], now: i64) -> Result<Option<String>> {
        let sql = "delete from person_link where hash = ?1 and tenant = ?2 and expires_at > ?3 returning person";
        self.first(sql, (hash.as_slice(), tenant.0, now), |row| row.get(0))
    }
}
