//! Filters of a list that somebody has given a name.

use crate::db::{Reader, Writer};
use crate::{Result, TenantId};

/// A named filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Which list.
    pub page: String,
    /// What it is called.
    pub name: String,
    /// The filter, as it stands in the address.
    pub query: String,
    /// When it was saved.
    pub at: i64,
}

impl Reader {
    /// The views of somebody, by list and name.
    pub fn saved_views(&self, tenant: TenantId, owner: &str) -> Result<Vec<SavedView>> {
        let sql = "select page, name, query, at from saved_view where tenant = ?1 and owner = ?2 order by page, name";
        self.all(sql, (tenant.0, owner), |row| {
            Ok(SavedView { page: row.get(0)?, name: row.get(1)?, query: row.get(2)?, at: row.get(3)? })
        })
    }
}

impl Writer {
    /// Keeps a view; one of that name is replaced.
    pub fn save_view(&mut self, tenant: TenantId, owner: &str, view: &SavedView) -> Result<()> {
        let sql = "insert into saved_view (tenant, owner, page, name, query, at) values (?1, ?2, ?3, ?4, ?5, ?6)
                   on conflict (tenant, owner, page, name) do update set query = excluded.query, at = excluded.at";
        self.execute(sql, (tenant.0, owner, &view.page, &view.name, &view.query, view.at)).map(|_| ())
    }

    /// Takes a view away; whether there was one.
    pub fn forget_view(&mut self, tenant: TenantId, owner: &str, page: &str, name: &str) -> Result<bool> {
        let sql = "delete from saved_view where tenant = ?1 and owner = ?2 and page = ?3 and name = ?4";
        Ok(self.execute(sql, (tenant.0, owner, page, name))? > 0)
    }
}
