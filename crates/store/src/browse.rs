//! What somebody who browses asks: a page of members, counts that stop at a bound.

use crate::db::Reader;
use crate::view::MemberView;
use crate::{Result, TenantId};
use scim::{ResourceType, Target};
use serde_json::Value;

impl Reader {
    /// A page of a group's members behind a row, in the order of `members`, each with its row. Costs the page, however
    /// many members there are.
    pub fn members_page(
        &self,
        tenant: TenantId,
        group_rid: i64,
        after_rid: i64,
        limit: u32,
    ) -> Result<Vec<(i64, MemberView)>> {
        let sql = "select m.member_rid, r.id, r.kind, r.display from member m join resource r on r.rid = m.member_rid
                   where m.tenant = ?1 and m.group_rid = ?2 and m.member_rid > ?3 order by m.member_rid limit ?4";
        self.all(sql, (tenant.0, group_rid, after_rid, limit), |row| {
            Ok((row.get(0)?, MemberView { id: row.get(1)?, kind: row.get(2)?, display: row.get(3)? }))
        })
    }

    /// Of how many an identity provider has said something, among the newest of a type: so many are looked at.
    pub fn heard_among(&self, tenant: TenantId, kind: &str, newest: u32) -> Result<u64> {
        let sql = "select count(x.heard_at) from
                   (select heard_at from resource where tenant = ?1 and kind = ?2 order by rid desc limit ?3) as x";
        let count: Option<i64> = self.first(sql, (tenant.0, kind, newest), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// How many resources have this value of an attribute; counts up to `max` and no further.
    pub fn count_with(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        path: &str,
        value: &Value,
        max: u32,
    ) -> Result<u64> {
        let Some(target @ Target::Attribute { attribute, .. }) = resource_type.resolve_text(path) else { return Ok(0) };
        let Some(key) = target.leaf().and_then(|leaf| leaf.key(value)) else { return Ok(0) };
        let Some(number) = self.attribute(tenant, &resource_type.name, &target.index_path())? else { return Ok(0) };
        let table = if crate::index::is_unique(attribute) { "unique_value" } else { "attribute_value" };
        let sql = format!(
            "select count(*) from (select 1 from {table} where tenant = ?1 and attribute = ?2 and value = ?3 limit ?4) as x"
        );
        let count: Option<i64> = self.first(&sql, (tenant.0, number, key, max), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// How many resources hold a value of this attribute, or of a part of it; counts up to `max` and no further.
    pub fn holders(&self, tenant: TenantId, resource_type: &ResourceType, value: &str, max: u32) -> Result<u64> {
        let Some(Target::Attribute { extension, attribute, .. }) = resource_type.resolve_text(value) else {
            return Ok(0);
        };
        let path = crate::index::path(extension, attribute, None);
        let table = if crate::index::is_unique(attribute) { "unique_value" } else { "attribute_value" };
        // First the numbers, then their rows: joined, the planner might begin with all rows of the tenant.
        let sql = "select id from attribute where tenant = ?1 and kind = ?2
                   and (path = ?3 or (path > ?3 || '.' and path < ?3 || '/'))";
        let numbers: Vec<i64> = self.all(sql, (tenant.0, &resource_type.name, path), |row| row.get(0))?;
        if numbers.is_empty() {
            return Ok(0);
        }
        let list = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "select count(*) from (select distinct rid from {table} where tenant = ?1 and attribute in ({list}) limit ?2) as x"
        );
        let count: Option<i64> = self.first(&sql, (tenant.0, max), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// Whether any resource ever held a value of this attribute, or of a part of it, since its index is kept: the number of
    /// an attribute is given with its first value and stays. One look by key.
    pub fn ever_held(&self, tenant: TenantId, resource_type: &ResourceType, value: &str) -> Result<bool> {
        let Some(Target::Attribute { extension, attribute, .. }) = resource_type.resolve_text(value) else {
            return Ok(false);
        };
        let path = crate::index::path(extension, attribute, None);
        let sql = "select 1 from attribute where tenant = ?1 and kind = ?2
                   and (path = ?3 or (path > ?3 || '.' and path < ?3 || '/')) limit 1";
        Ok(self.first(sql, (tenant.0, &resource_type.name, path), |_| Ok(()))?.is_some())
    }

    /// The row of the newest resource of a type; 0 if there is none.
    pub fn newest_row(&self, tenant: TenantId, kind: &str) -> Result<i64> {
        let sql = "select rid from resource where tenant = ?1 and kind = ?2 order by rid desc limit 1";
        Ok(self.first(sql, (tenant.0, kind), |row| row.get(0))?.unwrap_or(0))
    }

    /// How many resources of a type have come since that row; counts up to `max` and no further.
    pub fn rows_since(&self, tenant: TenantId, kind: &str, row: i64, max: u32) -> Result<u64> {
        let sql = "select count(*) from (
                       select 1 from resource where tenant = ?1 and kind = ?2 and rid > ?3 order by rid limit ?4) as x";
        let count: Option<i64> = self.first(sql, (tenant.0, kind, row, max), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// Whether anybody has a manager.
    pub fn has_managers(&self, tenant: TenantId) -> Result<bool> {
        Ok(self.first("select 1 from manager_link where tenant = ?1 limit 1", [tenant.0], |_| Ok(()))?.is_some())
    }
}
