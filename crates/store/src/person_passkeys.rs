//! Passkeys of the directory's persons. A public key is no secret; whose it is decides who comes in.

use crate::db::{Reader, Row, Writer};
use crate::{Error, Result, TenantId};

/// A passkey of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonPasskey {
    /// Whose directory.
    pub tenant: TenantId,
    /// The credential's id, base64url.
    pub id: String,
    /// Id of the person's resource.
    pub person: String,
    /// What the person calls it.
    pub label: String,
    /// JSON as the library keeps it.
    pub credential: String,
    /// When it was made.
    pub created_at: i64,
    /// When somebody last signed in with it.
    pub used_at: Option<i64>,
}

const COLUMNS: &str = "tenant, id, person, label, credential, created_at, used_at";

fn passkey(row: &Row<'_>) -> Result<PersonPasskey> {
    Ok(PersonPasskey {
        tenant: TenantId(row.get(0)?),
        id: row.get(1)?,
        person: row.get(2)?,
        label: row.get(3)?,
        credential: row.get(4)?,
        created_at: row.get(5)?,
        used_at: row.get(6)?,
    })
}

impl Reader {
    /// A person's passkeys, the oldest first.
    pub fn person_passkeys(&self, tenant: TenantId, person: &str) -> Result<Vec<PersonPasskey>> {
        let sql =
            format!("select {COLUMNS} from person_passkey where tenant = ?1 and person = ?2 order by created_at, id");
        self.all(&sql, (tenant.0, person), passkey)
    }

    /// The passkey of that id in a tenant.
    pub fn person_passkey(&self, tenant: TenantId, id: &str) -> Result<Option<PersonPasskey>> {
        let sql = format!("select {COLUMNS} from person_passkey where tenant = ?1 and id = ?2");
        self.first(&sql, (tenant.0, id), passkey)
    }
}

impl Writer {
    /// Keeps a passkey, or what the library makes of it after it was used. Another person's is not taken over.
    pub fn person_passkey_put(&mut self, key: &PersonPasskey) -> Result<()> {
        let sql = "insert into person_passkey (tenant, id, person, label, credential, created_at, used_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   on conflict (tenant, id) do update set credential = excluded.credential, used_at = excluded.used_at
                   where person_passkey.person = excluded.person";
        let row = (key.tenant.0, &key.id, &key.person, &key.label, &key.credential, key.created_at, key.used_at);
        if self.execute(sql, row)? == 0 { Err(Error::Conflict { attribute: "passkey".into() }) } else { Ok(()) }
    }

    /// Takes a person's passkey away; whether there was one.
    pub fn person_passkey_delete(&mut self, tenant: TenantId, person: &str, id: &str) -> Result<bool> {
        let sql = "delete from person_passkey where tenant = ?1 and person = ?2 and id = ?3";
        Ok(self.execute(sql, (tenant.0, person, id))? > 0)
    }
}
