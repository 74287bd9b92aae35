//! What an import has done to people because their accounts went, for when these come back.

use super::AppId;
use crate::db::Writer;
use crate::{Result, TenantId};

impl Writer {
    /// Notes what an import does to a person, or that it did nothing.
    pub fn link_ended(&mut self, app: AppId, person: &str, how: Option<&str>) -> Result<()> {
        let sql = "update link set ended_by_import = ?3 where app = ?1 and kind = 'user' and resource = ?2";
        self.execute(sql, (app.0, person, how)).map(|_| ())
    }

    /// Somebody else has changed where a person stands: what imports did is not what keeps them out any more. `by` is the app
    /// whose import it was, if it was one.
    pub fn links_ended_elsewhere(&mut self, tenant: TenantId, person: &str, by: Option<AppId>) -> Result<()> {
        let sql = "update link set ended_by_import = null where tenant = ?1 and resource = ?2 and kind = 'user'
                   and ended_by_import is not null and app <> ?3";
        self.later(sql, (tenant.0, person, by.map_or(-1, |app| app.0)))
    }
}
