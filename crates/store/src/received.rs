//! Which attributes identity providers have sent, and when each last came.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};

/// An attribute that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Whose.
    pub tenant: TenantId,
    /// Of which resource type.
    pub kind: String,
    /// Its full name, in lower case.
    pub name: String,
    /// When it last came.
    pub at: i64,
    /// What came, masked.
    pub example: String,
}

impl Reader {
    /// What has come for a resource type: as many rows as it has attributes, at most.
    pub fn received(&self, tenant: TenantId, kind: &str) -> Result<Vec<Received>> {
        let sql = "select name, at, example from attribute_received where tenant = ?1 and kind = ?2 order by name";
        self.all(sql, (tenant.0, kind), |row| {
            let (name, at, example) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Received { tenant, kind: kind.to_owned(), name, at, example })
        })
    }
}

impl Writer {
    /// Notes what came; what came later stays.
    pub fn received_note(&mut self, all: &[Received]) -> Result<()> {
        let sql = "insert into attribute_received (tenant, kind, name, at, example) values (?1, ?2, ?3, ?4, ?5)
                   on conflict (tenant, kind, name) do update set at = excluded.at, example = excluded.example
                   where attribute_received.at < excluded.at";
        for one in all {
            self.execute(sql, (one.tenant.0, &one.kind, &one.name, one.at, &one.example))?;
        }
        Ok(())
    }
}
