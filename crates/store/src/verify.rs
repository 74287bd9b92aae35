//! Computes everything that is derived again and compares: the answer to "is this database whole?".

use crate::db::Reader;
use crate::index::{self, IndexRow};
use crate::render::visible;
use crate::tenants::ManagerMatch;
use crate::{Result, TenantId, render};
use scim::ResourceType;
use scim::schema::fold;
use std::sync::Arc;

/// Most problems that are told one by one.
const PROBLEMS_MAX: usize = 1_000;

/// The type as it is asked: of an index that is built again, the build that answers.
fn answering(resource_type: &ResourceType) -> ResourceType {
    let mut settled = resource_type.clone();
    let extensions = settled.extensions.iter_mut().map(|extension| &mut extension.schema);
    for schema in extensions.chain([&mut settled.schema]) {
        if schema.attributes.iter().any(|attribute| !attribute.indexed.beside.is_empty()) {
            Arc::make_mut(schema).attributes.iter_mut().for_each(|attribute| attribute.indexed.beside.clear());
        }
    }
    settled
}

impl Reader {
    /// Checks a tenant: index rows, counters, members, manager links, tombstones and the change feed against
    /// the resources themselves. `types` are all of the tenant's resource types. Answers what is wrong, in
    /// words; nothing if all is well. Reads everything that the tenant has.
    pub fn verify(
        &self,
        tenant: TenantId,
        types: &[impl AsRef<ResourceType>],
        manager_match: &[ManagerMatch],
    ) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut expected = 0;
        for resource_type in types {
            let resource_type = &answering(resource_type.as_ref());
            expected += self.verify_type(tenant, resource_type, manager_match, &mut problems)?;
        }
        let sql = "select (select count(*) from attribute_value where tenant = ?1)
                   + (select count(*) from unique_value where tenant = ?1)";
        let present: Option<i64> = self.first(sql, [tenant.0], |row| row.get(0))?;
        let present = present.unwrap_or(0) - self.rows_beside(tenant, types)?;
        if present != expected {
            problems.push(format!("{present} index rows where {expected} are due"));
        }
        for (what, sql) in CHECKS {
            let count: Option<i64> = self.first(sql, [tenant.0], |row| row.get(0))?;
            if let Some(count) = count.filter(|count| *count != 0) {
                problems.push(format!("{count} {what}"));
            }
        }
        problems.truncate(PROBLEMS_MAX);
        Ok(problems)
    }

    /// Checks the file itself (`pragma integrity_check`). Reads all of it. PostgreSQL has tools of its own for that.
    pub fn verify_file(&self) -> Result<Vec<String>> {
        if !self.is_sqlite() {
            return Ok(Vec::new());
        }
        let lines: Vec<String> = self.all("pragma integrity_check", (), |row| row.get(0))?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Checks the resources of one type; answers how many index rows they should have.
    fn verify_type(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        manager_match: &[ManagerMatch],
        problems: &mut Vec<String>,
    ) -> Result<i64> {
        let kind = resource_type.name.as_str();
        let sql = "select rid from resource where tenant = ?1 and kind = ?2";
        let rids: Vec<i64> = self.all(sql, (tenant.0, kind), |row| row.get(0))?;
        let counted = self.count(tenant, kind)?;
        if counted != rids.len() as u64 {
            problems.push(format!("the counter of {kind} is {counted}, there are {}", rids.len()));
        }
        let mut expected = 0_i64;
        for rid in rids {
            let rows = self.verify_resource(tenant, resource_type, rid, manager_match, problems)?;
            expected = expected.saturating_add(rows);
        }
        Ok(expected)
    }

    fn verify_resource(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rid: i64,
        manager_match: &[ManagerMatch],
        problems: &mut Vec<String>,
    ) -> Result<i64> {
        let stored = self.stored(resource_type, rid)?;
        let id = &stored.id;
        let rows = index::rows(&visible(&stored.resource, resource_type), resource_type);
        for row in &rows {
            if !self.has_row(tenant, resource_type, rid, row)? {
                problems.push(format!("{id} has no index row for {}", row.path));
            }
        }
        let rendered = render::render(&stored.resource, resource_type, id)?;
        let sql = "select d.head = ?2, r.display is not distinct from ?3, r.display_key is not distinct from ?4,
                   r.member_count = (select count(*) from member m where m.tenant = r.tenant and m.group_rid = r.rid)
                   from resource r join document d on d.rid = r.rid where r.rid = ?1";
        let display = index::display(&stored.resource, resource_type);
        let key = display.as_deref().map(fold);
        let same: Option<[bool; 4]> = self.first(sql, (rid, &rendered.head, &display, key), |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })?;
        let names = ["document", "name", "folded name", "member count"];
        for (name, _) in names.iter().zip(same.unwrap_or_default()).filter(|(_, same)| !same) {
            problems.push(format!("{id} has another {name} than is due"));
        }
        if resource_type.is_user() {
            let sql = "select raw, raw_key, manager_rid from manager_link where rid = ?1";
            let link: Option<(String, String, Option<i64>)> =
                self.first(sql, [rid], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            if let Some((raw, key, manager)) = link
                && (key != fold(&raw) || manager != self.resolve_manager(tenant, resource_type, &raw, manager_match)?)
            {
                problems.push(format!("{id} has a manager link that means somebody else"));
            }
        }
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }

    fn has_row(&self, tenant: TenantId, resource_type: &ResourceType, rid: i64, row: &IndexRow) -> Result<bool> {
        let Some(number) = self.attribute(tenant, &resource_type.name, &row.path)? else { return Ok(false) };
        let found = if row.unique {
            let sql = "select 1 from unique_value where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4";
            self.first(sql, (tenant.0, number, &row.value, rid), |_| Ok(()))?
        } else {
            let sql = "select 1 from attribute_value
                       where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4 and element = ?5";
            self.first(sql, (tenant.0, number, &row.value, rid, row.element), |_| Ok(()))?
        };
        Ok(found.is_some())
    }
}

/// Things of which there should be none.
const CHECKS: [(&str, &str); 19] = [
    (
        "unlinked people who are gone",
        "select count(*) from unlinked u where u.tenant = ?1
         and not exists (select 1 from resource r where r.rid = u.rid and r.tenant = ?1)",
    ),
    (
        "absent members of groups that are gone",
        "select count(*) from absent_member a where a.tenant = ?1
         and not exists (select 1 from resource r where r.rid = a.group_rid and r.tenant = ?1)",
    ),
    (
        "values of archived fields whose resource is gone",
        "select count(*) from archived_value a where a.tenant = ?1
         and not exists (select 1 from resource r where r.rid = a.rid and r.tenant = ?1)",
    ),
    (
        "resources without a document",
        "select count(*) from resource r where r.tenant = ?1 and not exists (select 1 from document d where d.rid = r.rid)",
    ),
    (
        "documents without a resource",
        "select count(*) from document d where ?1 is not null and not exists (select 1 from resource r where r.rid = d.rid)",
    ),
    (
        "members whose group is gone",
        "select count(*) from member m where m.tenant = ?1
         and not exists (select 1 from resource r where r.rid = m.group_rid and r.tenant = ?1)",
    ),
    (
        "members that are gone",
        "select count(*) from member m where m.tenant = ?1
         and not exists (select 1 from resource r where r.rid = m.member_rid and r.tenant = ?1)",
    ),
    (
        "manager links of somebody who is gone",
        "select count(*) from manager_link l where l.tenant = ?1
         and not exists (select 1 from resource r where r.rid = l.rid and r.tenant = ?1)",
    ),
    (
        "managers without a place in their document, or places without a manager",
        "select count(*) from resource r join document d on d.rid = r.rid left join manager_link l on l.rid = r.rid
         where r.tenant = ?1 and (d.manager_at is null) <> (l.rid is null)",
    ),
    (
        "tombstones of somebody who is there",
        "select count(*) from tombstone t where t.tenant = ?1
         and exists (select 1 from resource r where r.tenant = ?1 and r.id = t.id)",
    ),
    (
        "blocks of resources counted wrongly",
        "select count(*) from resource_block b where b.tenant = ?1 and b.count <> (
             select count(*) from resource r
             where r.tenant = b.tenant and r.kind = b.kind and r.rid >= b.first_rid and r.rid < b.end_rid)",
    ),
    (
        "open blocks of resources counted wrongly",
        "select count(*) from resource_count c where c.tenant = ?1 and c.open_count <> (
             select count(*) from resource r where r.tenant = c.tenant and r.kind = c.kind and r.rid >= c.open_first)",
    ),
    (
        "types whose blocks leave somebody out",
        "select count(*) from resource_count c where c.tenant = ?1 and c.count <> c.open_count + (
             select coalesce(cast(sum(b.count) as bigint), 0) from resource_block b
             where b.tenant = c.tenant and b.kind = c.kind and b.level = 1)",
    ),
    (
        "numbers missing in the change feed",
        "select (select coalesce(max(last), 0) from change_seq where tenant = ?1)
         - (select count(*) from change where tenant = ?1)",
    ),
    (
        "bytes of the log counted wrongly",
        "select (select coalesce(max(bytes), 0) from log_size where tenant = ?1)
         + (select coalesce(max(count), 0) from log_count where tenant = ?1 and slot = 9223372036854775807)
         - (select coalesce(cast(sum(bytes) as bigint), 0) from log where tenant = ?1)
         - (select coalesce(cast(sum(bytes) as bigint), 0) from log_block where tenant = ?1)
         - (select coalesce(cast(sum(bytes) as bigint), 0) from log_pack where tenant = ?1)",
    ),
    (
        "packs of the log that overlap",
        "select count(*) from (select first, change_first, lag(last) over (order by first) as last,
         lag(change_first) over (order by first) as same, lag(change_last) over (order by first) as change_last
         from (select first, last, change_first, change_last from log_pack where tenant = ?1
               union all select open_first, open_last, open_change_first, open_change_last from change_seq
               where tenant = ?1 and open_first is not null) known) pack
         where pack.first <= pack.last or (pack.change_first <> pack.same and pack.change_first <= pack.change_last)",
    ),
    (
        "apps whose links are counted wrongly",
        "select count(*) from (
             select app, kind, standing, active, count(*) as count from link where tenant = ?1
             group by app, kind, standing, active) is_so
         full join (select * from link_count where tenant = ?1 and count <> 0) said
         on said.app = is_so.app and said.kind = is_so.kind and said.standing = is_so.standing
         and said.active = is_so.active where said.count is distinct from is_so.count",
    ),
    (
        "counts of links of apps that are gone",
        "select count(*) from link_count c where c.tenant = ?1 and not exists (select 1 from app a where a.id = c.app)",
    ),
    (
        "notes of destruction with a wrong sum",
        "select count(*) from (select total - count as before, lag(total) over (partition by app, metric order by at, id)
         as behind from destruction where tenant = ?1) note where note.before <> note.behind",
    ),
];
