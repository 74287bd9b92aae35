//! Whom a manager means: links from the text that was sent to the user it matches, now or later.
//!
//! Invariant: a link means whoever `resolve` finds for its text. It can change only when a user with a
//! fitting identifier arrives, changes or leaves, and then the links are found by the folded text: the
//! cost is the number of links that speak of this user.

use crate::db::{Reader, Value, Writer};
use crate::tenants::ManagerMatch;
use crate::{Result, TenantId};
use scim::schema::fold;
use scim::{Resource, ResourceType};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const EMPLOYEE_NUMBER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";

/// Identifiers that one statement asks for.
const KEYS_MAX: usize = 32;

impl ManagerMatch {
    fn path(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ExternalId => "externalId",
            Self::UserName => "userName",
            Self::Emails => "emails.value",
            Self::EmployeeNumber => EMPLOYEE_NUMBER,
        }
    }
}

/// Everything by which somebody could name this user as a manager, folded.
pub(crate) fn identifiers(resource: &Resource, resource_type: &ResourceType, id: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([fold(id)]);
    for path in [ManagerMatch::ExternalId, ManagerMatch::UserName, ManagerMatch::EmployeeNumber].map(ManagerMatch::path)
    {
        found.extend(resource.text(resource_type, path).map(fold));
    }
    let emails = resource.attributes.get("emails").and_then(serde_json::Value::as_array);
    let values = emails.into_iter().flatten().filter_map(|email| email.get("value")?.as_str());
    found.extend(values.map(fold));
    found.remove("");
    found
}

/// The questions for so many identifiers, from one on.
static QUESTIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    // For a list of keys, and for `distinct`, SQLite makes a table of its own, at several times the cost of looking.
    let one = |number| format!("select raw from manager_link where tenant = ?1 and raw_key = ?{number}");
    (1..=KEYS_MAX).map(|keys| (2..keys + 2).map(one).collect::<Vec<_>>().join(" union all ")).collect()
});

/// Questions for the texts of links that speak of these identifiers; a text may come several times.
pub(crate) fn links_of<'a>(
    tenant: TenantId,
    identifiers: impl IntoIterator<Item = &'a String>,
) -> Vec<(&'static str, Vec<Value<'a>>)> {
    let keys: Vec<&String> = identifiers.into_iter().collect();
    let question = |some: &[&'a String]| {
        let sql = QUESTIONS.get(some.len() - 1)?;
        let keys = some.iter().map(|key| Value::Text(key));
        Some((sql.as_str(), [Value::Int(tenant.0)].into_iter().chain(keys).collect()))
    };
    keys.chunks(KEYS_MAX).filter_map(question).collect()
}

impl Reader {
    /// The user that this text means: the first match in this order; among several, the oldest.
    pub(crate) fn resolve_manager(
        &self,
        tenant: TenantId,
        users: &ResourceType,
        raw: &str,
        order: &[ManagerMatch],
    ) -> Result<Option<i64>> {
        for by in order {
            if let Some(rid) = self.rids_by(tenant, users, by.path(), raw, 1)?.first() {
                return Ok(Some(*rid));
            }
        }
        Ok(None)
    }
}

impl Writer {
    /// Stores, changes or removes a user's own link.
    pub(crate) fn link_manager(
        &mut self,
        tenant: TenantId,
        users: &ResourceType,
        rid: i64,
        raw: Option<&str>,
        order: &[ManagerMatch],
    ) -> Result<()> {
        let Some(raw) = raw else {
            self.execute("delete from manager_link where rid = ?1", [rid])?;
            return Ok(());
        };
        let manager = self.resolve_manager(tenant, users, raw, order)?;
        let sql = "insert into manager_link (rid, tenant, raw, raw_key, manager_rid) values (?1, ?2, ?3, ?4, ?5)
                   on conflict (rid) do update set raw = excluded.raw, raw_key = excluded.raw_key,
                   manager_rid = excluded.manager_rid";
        self.later(sql, (rid, tenant.0, raw, fold(raw), manager))
    }

    /// Looks again at the links that speak of these identifiers.
    pub(crate) fn relink<'a>(
        &mut self,
        tenant: TenantId,
        users: &ResourceType,
        identifiers: impl IntoIterator<Item = &'a String>,
        order: &[ManagerMatch],
    ) -> Result<()> {
        let mut texts = BTreeSet::new();
        for (sql, params) in links_of(tenant, identifiers) {
            texts.extend(self.all(sql, params.as_slice(), |row| row.get::<String>(0))?);
        }
        self.relink_texts(tenant, users, &texts, order)
    }

    /// Looks again at the links that mean this user, who is leaving.
    pub(crate) fn relink_of(
        &mut self,
        tenant: TenantId,
        users: &ResourceType,
        manager: i64,
        order: &[ManagerMatch],
    ) -> Result<()> {
        let sql = "select distinct raw from manager_link where tenant = ?1 and manager_rid = ?2";
        let texts = self.all(sql, (tenant.0, manager), |row| row.get(0))?.into_iter().collect();
        self.relink_texts(tenant, users, &texts, order)
    }

    pub(crate) fn relink_texts(
        &mut self,
        tenant: TenantId,
        users: &ResourceType,
        texts: &BTreeSet<String>,
        order: &[ManagerMatch],
    ) -> Result<()> {
        let sql = "update manager_link set manager_rid = ?4
                   where tenant = ?1 and raw_key = ?2 and raw = ?3 and manager_rid is distinct from ?4 returning rid";
        for raw in texts {
            let manager = self.resolve_manager(tenant, users, raw, order)?;
            let moved = self.all(sql, (tenant.0, fold(raw), raw, manager), |row| row.get::<i64>(0))?;
            self.links_nudge_rows(tenant, &moved)?;
        }
        Ok(())
    }

    /// Looks at every link of a tenant again, after its `manager_match` was changed. Costs one resolution for
    /// each different text.
    pub fn resolve_managers(&mut self, tenant: TenantId, users: &ResourceType, order: &[ManagerMatch]) -> Result<()> {
        let sql = "select distinct raw from manager_link where tenant = ?1";
        let texts = self.all(sql, [tenant.0], |row| row.get(0))?.into_iter().collect();
        self.relink_texts(tenant, users, &texts, order)
    }
}
