//! Rows that are settings with an id: one JSON text for each, and a version, so that nobody's change is lost to another's.
//! SAML connections are such rows, and OpenID Connect clients.

use crate::db::{Reader, Row, Writer};
use crate::{Error, Result, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A row of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versioned<S> {
    /// Whose.
    pub tenant: TenantId,
    /// Its name among them: a word of its addresses, a `client_id`.
    pub id: String,
    /// Goes up with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it last changed.
    pub modified_at: i64,
    /// Everything else.
    pub settings: S,
}

/// Settings that are kept like this, and where.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    const TABLE: &'static str;
}

const COLUMNS: &str = "tenant, id, version, created_at, modified_at, settings";

fn versioned<S: Kept>(row: &Row<'_>) -> Result<Versioned<S>> {
    let settings: String = row.get(5)?;
    Ok(Versioned {
        tenant: TenantId(row.get(0)?),
        id: row.get(1)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        modified_at: row.get(4)?,
        settings: serde_json::from_str(&settings)?,
    })
}

impl Reader {
    /// All of a tenant, in this order.
    pub(crate) fn versioned_all<S: Kept>(&self, tenant: TenantId, order: &str) -> Result<Vec<Versioned<S>>> {
        let sql = format!("select {COLUMNS} from {} where tenant = ?1 order by {order}", S::TABLE);
        self.all(&sql, [tenant.0], versioned)
    }

    /// One.
    pub(crate) fn versioned_find<S: Kept>(&self, tenant: TenantId, id: &str) -> Result<Option<Versioned<S>>> {
        let sql = format!("select {COLUMNS} from {} where tenant = ?1 and id = ?2", S::TABLE);
        self.first(&sql, (tenant.0, id), versioned)
    }
}

impl Writer {
    /// Keeps a new one; `Conflict` if the id is taken.
    pub(crate) fn versioned_insert<S: Kept>(&mut self, new: &Versioned<S>) -> Result<()> {
        let sql = format!("insert into {} ({COLUMNS}) values (?1, ?2, 1, ?3, ?3, ?4) on conflict do nothing", S::TABLE);
        let settings = serde_json::to_string(&new.settings)?;
        if self.execute(&sql, (new.tenant.0, &new.id, new.created_at, settings))? == 0 {
            return Err(Error::Conflict { attribute: "id".into() });
        }
        Ok(())
    }

    /// Stores the settings; `Stale` if they changed since they were read, or are gone.
    pub(crate) fn versioned_update<S: Kept>(&mut self, changed: &Versioned<S>, now: i64) -> Result<()> {
        let sql = format!(
            "update {} set settings = ?4, version = version + 1, modified_at = ?5
             where tenant = ?1 and id = ?2 and version = ?3",
            S::TABLE
        );
        let settings = serde_json::to_string(&changed.settings)?;
        let Versioned { tenant, id, version, .. } = changed;
        if self.execute(&sql, (tenant.0, id, *version, settings, now))? == 0 {
            return Err(Error::Stale);
        }
        Ok(())
    }

    /// Takes one away; whether it was there.
    pub(crate) fn versioned_delete<S: Kept>(&mut self, tenant: TenantId, id: &str) -> Result<bool> {
        Ok(self.execute(&format!("delete from {} where tenant = ?1 and id = ?2", S::TABLE), (tenant.0, id))? > 0)
    }
}
