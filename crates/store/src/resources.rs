//! Resources: one narrow row, one document, and index rows that follow by difference.

use crate::db::{Asked, Becomes, Kind, Reader, Row, Value as Sent, ValueRow, Writer, params};
use crate::index::{self, IndexRow, is_unique};
use crate::manager::{self, identifiers};
use crate::prepared::Prepared;
use crate::render::{self, Rendered, visible};
use crate::tenants::ManagerMatch;
use crate::{Error, Result, TenantId};
use scim::schema::fold;
use scim::{Attribute, Resource, ResourceType, Schema, Target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A resource as it is changed: with what is never returned, and the manager as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its row.
    pub rid: i64,
    /// Its id.
    pub id: String,
    /// Goes up with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it last changed.
    pub modified_at: i64,
    /// How many members it has; 0 for what is no group.
    pub member_count: u64,
    /// When an identity provider last said something new of it; kept by `update`, `insert` asks the policy.
    pub heard_at: Option<i64>,
    /// All of it but members, groups and meta; the manager as `{"value": …}` as it was sent.
    pub resource: Arc<Resource>,
}

impl Stored {
    /// Whether a user may come in; who says nothing of it is active.
    pub fn is_active(&self) -> bool {
        is_active(&self.resource)
    }
}

fn is_active(resource: &Resource) -> bool {
    resource.attributes.get("active") != Some(&Value::Bool(false))
}

/// How a new resource comes to its id, and how managers are found.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether a resource that was deleted gets its old id back, if type and externalId are the same.
    pub return_same_id: bool,
    /// By what a manager is found, in this order.
    pub manager_match: &'a [ManagerMatch],
    /// Whether it is an identity provider that makes it.
    pub heard: bool,
}

/// What a deletion changed besides the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Ids of the groups that it was a direct member of; their versions went up.
    pub groups: Vec<String>,
}

struct Loaded {
    stored: Stored,
    head: Vec<u8>,
    asked: Option<Vec<u8>>,
    hidden: Option<Vec<u8>>,
    raw: Option<String>,
}

macro_rules! stored {
    ($which:literal) => {
        concat!(
            "select r.rid, r.id, r.version, r.created_at, r.modified_at, r.member_count, d.head, d.asked, d.hidden, l.raw,
             r.heard_at
             from resource r join document d on d.rid = r.rid left join manager_link l on l.rid = r.rid where ",
            $which
        )
    };
}

fn loaded(row: &Row<'_>) -> Result<Loaded> {
    let stored = Stored {
        rid: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        modified_at: row.get(4)?,
        member_count: row.get::<i64>(5)?.cast_unsigned(),
        heard_at: row.get(10)?,
        resource: Arc::default(),
    };
    Ok(Loaded { stored, head: row.get(6)?, asked: row.get(7)?, hidden: row.get(8)?, raw: row.get(9)? })
}

impl Loaded {
    fn into_stored(self, resource_type: &ResourceType) -> Result<Stored> {
        let (asked, hidden) = (self.asked.as_deref(), self.hidden.as_deref());
        let resource = render::resource(&self.head, asked, hidden, self.raw, resource_type)?;
        Ok(Stored { resource: Arc::new(resource), ..self.stored })
    }
}

impl Reader {
    /// The resource of that id and type. One lookup and one parse.
    pub fn find(&self, tenant: TenantId, resource_type: &ResourceType, id: &str) -> Result<Option<Stored>> {
        let sql = stored!("r.tenant = ?1 and r.id = ?2 and r.kind = ?3");
        let found = self.first(sql, (tenant.0, id, &resource_type.name), loaded)?;
        found.map(|found| found.into_stored(resource_type)).transpose()
    }

    /// The resource with this value of an attribute; the oldest if there are several.
    pub fn find_unique(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        path: &str,
        text: &str,
    ) -> Result<Option<Stored>> {
        let rids = self.rids_by(tenant, resource_type, path, text, 1)?;
        rids.first().map(|rid| self.stored(resource_type, *rid)).transpose()
    }

    /// The resources with this value of an attribute, oldest first, two at most: one is a match, two are not.
    pub fn find_by(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        path: &str,
        text: &str,
    ) -> Result<Vec<Stored>> {
        let rids = self.rids_by(tenant, resource_type, path, text, 2)?;
        rids.into_iter().map(|rid| self.stored(resource_type, rid)).collect()
    }

    /// The resources of these rows, in this order.
    pub(crate) fn stored_of(&self, resource_type: &ResourceType, rids: &[i64]) -> Result<Vec<Stored>> {
        let sets: Vec<[Sent<'_>; 1]> = rids.iter().map(|rid| [(*rid).into()]).collect();
        let found = self.first_of(stored!("r.rid = ?1"), &sets, loaded)?;
        let whole = |found: Option<Loaded>| {
            found.ok_or_else(|| Error::broken("an index row without a resource"))?.into_stored(resource_type)
        };
        found.into_iter().map(whole).collect()
    }

    pub(crate) fn stored(&self, resource_type: &ResourceType, rid: i64) -> Result<Stored> {
        let found = self.first(stored!("r.rid = ?1"), [rid], loaded)?;
        found.ok_or_else(|| Error::broken("an index row without a resource"))?.into_stored(resource_type)
    }

    /// Rows of the resources with this value of an attribute, oldest first. One range of an index.
    pub(crate) fn rids_by(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        path: &str,
        text: &str,
        limit: u32,
    ) -> Result<Vec<i64>> {
        let kind = resource_type.name.as_str();
        if path == "id" {
            let sql = "select rid from resource where tenant = ?1 and id = ?2 and kind = ?3";
            return self.all(sql, (tenant.0, text, kind), |row| row.get(0));
        }
        let Some(target @ Target::Attribute { attribute, sub, .. }) = resource_type.resolve_text(path) else {
            return Ok(Vec::new());
        };
        let key = target.leaf().and_then(|leaf| leaf.key(&Value::String(text.to_owned())));
        let Some(key) = key.filter(|key| !key.is_empty()) else { return Ok(Vec::new()) };
        let Some(number) = self.attribute(tenant, kind, &target.index_path())? else { return Ok(Vec::new()) };
        let sql = if sub.is_none() && is_unique(attribute) {
            "select rid from unique_value where tenant = ?1 and attribute = ?2 and value = ?3 limit ?4"
        } else {
            "select distinct rid from attribute_value where tenant = ?1 and attribute = ?2 and value = ?3
             order by rid limit ?4"
        };
        self.all(sql, (tenant.0, number, key, limit), |row| row.get(0))
    }
}

impl Writer {
    /// Makes a resource, with the given id, or with that of a deleted one if the policy says so and the
    /// externalId is the same, or with a new one (UUID version 7). `Conflict` names the attribute whose value
    /// is taken. Members are added with `members_apply`.
    pub fn insert(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        id: Option<&str>,
        resource: &Resource,
        now: i64,
        policy: Policy<'_>,
    ) -> Result<Stored> {
        let prepared = Prepared::new(resource, resource_type, id)?;
        self.insert_prepared(tenant, resource_type, &Arc::new(resource.clone()), &prepared, now, policy)
    }

    /// As `insert`, of a resource for which everything is ready.
    pub fn insert_prepared(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        resource: &Arc<Resource>,
        prepared: &Prepared,
        now: i64,
        policy: Policy<'_>,
    ) -> Result<Stored> {
        let (rid, back) = self.insert_row(tenant, resource_type, prepared, now, policy)?;
        let Some((id, version)) = back else {
            return self.insert_rest(tenant, resource_type, resource, prepared, (rid, 1), now, policy);
        };
        let (sql, version) = ("update resource set id = ?2, version = ?3 where rid = ?1", version + 1);
        self.later(sql, (rid, &id, version))?;
        let again = Prepared::new(resource, resource_type, Some(&id))?;
        self.insert_rest(tenant, resource_type, resource, &again, (rid, version), now, policy)
    }

    /// The row of a new resource; and id and version of somebody who is back, with whose the row has to go on.
    fn insert_row(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        prepared: &Prepared,
        now: i64,
        policy: Policy<'_>,
    ) -> Result<(i64, Option<(String, i64)>)> {
        let (kind, id) = (Sent::Text(&resource_type.name), Sent::Text(&prepared.id));
        let external_id = prepared.external_id.as_deref();
        let of_id = [tenant.0.into(), id];
        let of_external_id = [tenant.0.into(), kind, Sent::Text(external_id.unwrap_or_default())];
        let tombstone: Option<Asked<'_>> = if prepared.given {
            Some(("select id, version from tombstone where tenant = ?1 and id = ?2", &of_id))
        } else if policy.return_same_id && external_id.is_some() {
            let sql = "select id, version from tombstone where tenant = ?1 and kind = ?2 and external_id = ?3
                       order by deleted_at desc limit 1";
            Some((sql, &of_external_id))
        } else {
            None
        };
        let key = prepared.display.as_deref().map(fold);
        let display = prepared.display.as_deref().map_or(Sent::Null(Kind::Text), Sent::Text);
        let display_key = key.as_deref().map_or(Sent::Null(Kind::Text), Sent::Text);
        let heard_at = if policy.heard { now.into() } else { Sent::Null(Kind::Int) };
        let row = [tenant.0.into(), kind, id, 1.into(), now.into(), display, display_key, heard_at];
        let sql = "insert into resource (tenant, kind, id, version, created_at, modified_at, display, display_key,
                   member_count, heard_at) values (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, 0, ?8) on conflict do nothing";
        let mut back: Option<(String, i64)> = None;
        let rid = self.insert_row_behind(tombstone, (sql, &row), "rid", |found| {
            back = Some((found.get(0)?, found.get(1)?));
            Ok(())
        })?;
        if let Some((id, _)) = &back {
            self.later("delete from tombstone where tenant = ?1 and id = ?2", (tenant.0, id))?;
        }
        Ok((rid.ok_or_else(|| Error::Conflict { attribute: "id".into() })?, back))
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of one function")]
    fn insert_rest(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        resource: &Arc<Resource>,
        prepared: &Prepared,
        (rid, version): (i64, i64),
        now: i64,
        policy: Policy<'_>,
    ) -> Result<Stored> {
        let Prepared { id, rendered, .. } = prepared;
        self.store_document(rid, rendered)?;
        let none = BTreeSet::new();
        let names = if resource_type.is_user() { &prepared.identifiers } else { &none };
        let texts = self.index_rows_added(tenant, resource_type, rid, &prepared.rows, names)?;
        self.count_in(tenant, &resource_type.name, rid)?;
        let raw = rendered.manager.as_ref().map(|(raw, ..)| raw.clone());
        if resource_type.is_user() {
            self.relink_texts(tenant, resource_type, &texts, policy.manager_match)?;
            if let Some(raw) = &raw {
                self.link_manager(tenant, resource_type, rid, Some(raw), policy.manager_match)?;
            }
        }
        let (id, heard_at) = (id.clone(), policy.heard.then_some(now));
        let resource = kept(resource, resource_type, raw);
        Ok(Stored { rid, id, version, created_at: now, modified_at: now, member_count: 0, heard_at, resource })
    }

    /// Stores a new state of a resource that was read in this write; the version goes up by one. `Stale` if
    /// it is not the version that is there. Costs the document, and the index rows in which the two states
    /// differ. Whoever is deactivated is signed out. What the old state says of when it was heard of is stored too.
    pub fn update(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        stored: &Stored,
        resource: &Arc<Resource>,
        now: i64,
        manager_match: &[ManagerMatch],
    ) -> Result<Stored> {
        let display = index::display(resource, resource_type);
        let modified_at = now.max(stored.modified_at);
        let sql = "update resource set version = version + 1, modified_at = ?4, display = ?5, display_key = ?6,
                   heard_at = ?7 where rid = ?1 and tenant = ?2 and version = ?3";
        let key = display.as_deref().map(fold);
        if self.execute(sql, (stored.rid, tenant.0, stored.version, modified_at, &display, key, stored.heard_at))? == 0
        {
            return Err(Error::Stale);
        }
        let rendered = render::render(resource, resource_type, &stored.id)?;
        self.store_document(stored.rid, &rendered)?;
        let (was, is) = (visible(&stored.resource, resource_type), visible(resource, resource_type));
        let [old, new] = index::rows_that_differ([&was, &is], resource_type);
        self.index(tenant, resource_type, stored.rid, &old, &new)?;
        let raw = rendered.manager.map(|(raw, ..)| raw);
        if resource_type.is_user() {
            if stored.is_active() && !is_active(resource) {
                self.later("delete from unlinked where tenant = ?1 and rid = ?2", (tenant.0, stored.rid))?;
                self.person_sessions_end(tenant, &stored.id)?;
            }
            let old = identifiers(&stored.resource, resource_type, &stored.id);
            let new = identifiers(resource, resource_type, &stored.id);
            self.relink(tenant, resource_type, old.symmetric_difference(&new), manager_match)?;
            if raw != render::manager_of(&stored.resource, resource_type) {
                self.link_manager(tenant, resource_type, stored.rid, raw.as_deref(), manager_match)?;
            }
        }
        let resource = kept(resource, resource_type, raw);
        Ok(Stored { version: stored.version + 1, modified_at, resource, ..stored.clone() })
    }

    /// An identity provider has spoken of what it was never heard of, and said nothing that is not there: no new version.
    pub fn heard(&mut self, tenant: TenantId, stored: &Stored, now: i64) -> Result<()> {
        let sql = "update resource set heard_at = ?3 where rid = ?1 and tenant = ?2 and heard_at is null";
        self.execute(sql, (stored.rid, tenant.0, now)).map(|_| ())
    }

    /// The version goes up by one because its members changed. `Stale` if it is not the version that is there.
    pub fn touch(&mut self, tenant: TenantId, stored: &Stored, now: i64) -> Result<Stored> {
        let modified_at = now.max(stored.modified_at);
        let sql = "update resource set version = version + 1, modified_at = ?4
                   where rid = ?1 and tenant = ?2 and version = ?3 returning member_count";
        let count: Option<i64> =
            self.first(sql, (stored.rid, tenant.0, stored.version, modified_at), |row| row.get(0))?;
        let member_count = count.ok_or(Error::Stale)?.cast_unsigned();
        Ok(Stored { version: stored.version + 1, modified_at, member_count, ..stored.clone() })
    }

    /// Removes a resource: its rows, its sessions, its memberships in both directions, the links of those whose manager
    /// it was. Its id and externalId stay behind as a tombstone. Costs what it holds and what it is in.
    pub fn delete(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        stored: &Stored,
        now: i64,
        manager_match: &[ManagerMatch],
    ) -> Result<Deleted> {
        let kind = resource_type.name.as_str();
        if resource_type.has_members() {
            self.group_dissolves(tenant, &stored.id)?;
        }
        let sql = "delete from resource where rid = ?1 and tenant = ?2 and version = ?3";
        if self.execute(sql, (stored.rid, tenant.0, stored.version))? == 0 {
            return Err(Error::Stale);
        }
        self.execute("delete from document where rid = ?1", [stored.rid])?;
        self.later("delete from archived_value where rid = ?1", [stored.rid])?;
        let old = index::rows(&visible(&stored.resource, resource_type), resource_type);
        self.index(tenant, resource_type, stored.rid, &old, &BTreeSet::new())?;
        let groups = self.leave_groups(tenant, stored.rid, now)?;
        if resource_type.has_members() {
            self.execute("delete from member where tenant = ?1 and group_rid = ?2", (tenant.0, stored.rid))?;
            self.group_roles_forget(tenant, &stored.id)?;
            self.absent_members_forgotten(tenant, stored.rid)?;
        }
        if resource_type.is_user() {
            self.person_sessions_end(tenant, &stored.id)?;
            // The id may come back, and with it must not come a password that was somebody's, nor where they stood.
            self.person_password_forget(tenant, &stored.id)?;
            self.later("delete from lifecycle where tenant = ?1 and resource = ?2", (tenant.0, &stored.id))?;
            self.execute("delete from manager_link where rid = ?1", [stored.rid])?;
            self.relink_of(tenant, resource_type, stored.rid, manager_match)?;
        }
        self.count_out(tenant, kind, stored.rid)?;
        let sql = "insert into tombstone (tenant, kind, id, external_id, version, deleted_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6)
                   on conflict (tenant, id) do update set kind = excluded.kind, external_id = excluded.external_id,
                   version = excluded.version, deleted_at = excluded.deleted_at";
        let external_id = stored.resource.text(resource_type, "externalId").filter(|text| !text.is_empty());
        self.execute(sql, (tenant.0, kind, &stored.id, external_id, stored.version, now))?;
        Ok(Deleted { groups })
    }

    /// Brings a resource in line with a type from which attributes were taken away: their values go for good.
    pub(crate) fn strip(
        &mut self,
        tenant: TenantId,
        old: &ResourceType,
        new: &ResourceType,
        stored: &Stored,
    ) -> Result<()> {
        let resource = known_parts(&stored.resource, new);
        if resource == *stored.resource {
            return Ok(());
        }
        self.redraw(tenant, (old, new), stored, &resource)
    }

    /// Writes a resource as it is under another definition: document and index rows, and no new version.
    pub(crate) fn redraw(
        &mut self,
        tenant: TenantId,
        (old, new): (&ResourceType, &ResourceType),
        stored: &Stored,
        resource: &Resource,
    ) -> Result<()> {
        let before = index::rows(&visible(&stored.resource, old), old);
        let after = index::rows(&visible(resource, new), new);
        self.store_document(stored.rid, &render::render(resource, new, &stored.id)?)?;
        self.index(tenant, old, stored.rid, &before, &after)
    }

    /// Adds rows to a build of the index that is not complete, where they are not there yet. Answers the values that
    /// only one may have and somebody else has.
    pub(crate) fn index_rows_to_come(
        &mut self,
        tenant: TenantId,
        kind: &str,
        rows: &[(i64, IndexRow)],
    ) -> Result<Vec<i64>> {
        let (mut common, mut unique) = (Vec::new(), Vec::new());
        for (rid, row) in rows {
            let number = self.intern(tenant, kind, &row.path)?;
            let (tenant, number, value, rid) = (tenant.0.into(), number.into(), Sent::Text(&row.value), (*rid).into());
            if row.unique {
                unique.push((row, [tenant, number, value, rid]));
            } else {
                common.push([tenant, number, value, rid, row.element.into()]);
            }
        }
        let sql = "insert into attribute_value (tenant, attribute, value, rid, element) values (?1, ?2, ?3, ?4, ?5)
                   on conflict do nothing";
        self.insert_later(sql, &common)?;
        let sets: Vec<_> = unique.iter().map(|(_, set)| *set).collect();
        let sql = "insert into unique_value (tenant, attribute, value, rid) values (?1, ?2, ?3, ?4)
                   on conflict do nothing";
        let stored = self.execute_many(sql, &sets)?;
        // Who wrote since the build began has brought its own.
        let there: Vec<_> =
            sets.into_iter().zip(stored).filter(|(_, stored)| *stored == 0).map(|(set, _)| set).collect();
        let sql = "select 1 from unique_value where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4";
        let own = self.first_of(sql, &there, |_| Ok(()))?;
        let rid = |[.., rid]: &[Sent<'_>; 4]| if let Sent::Int(rid) = rid { Some(*rid) } else { None };
        Ok(there.iter().zip(own).filter(|(_, own)| own.is_none()).filter_map(|(set, _)| rid(set)).collect())
    }

    fn store_document(&mut self, rid: i64, rendered: &Rendered) -> Result<()> {
        let sql = "insert into document (rid, head, asked, hidden, manager_at, manager_comma)
                   values (?1, ?2, ?3, ?4, ?5, ?6)
                   on conflict (rid) do update set head = excluded.head, asked = excluded.asked,
                   hidden = excluded.hidden, manager_at = excluded.manager_at,
                   manager_comma = excluded.manager_comma";
        let at = rendered.manager.as_ref().and_then(|(_, at, _)| i64::try_from(*at).ok());
        let comma = rendered.manager.as_ref().map(|(.., comma)| comma.number());
        self.later(sql, params![rid, rendered.head, rendered.asked, rendered.hidden, at, comma])
    }

    /// Makes the index rows those of the new state; touches only what differs.
    fn index(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rid: i64,
        old: &BTreeSet<IndexRow>,
        new: &BTreeSet<IndexRow>,
    ) -> Result<()> {
        self.index_rows_removed(tenant, resource_type, rid, old.difference(new))?;
        self.index_rows_added(tenant, resource_type, rid, new.difference(old), &BTreeSet::new()).map(|_| ())
    }

    fn index_rows_removed<'a>(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rid: i64,
        rows: impl IntoIterator<Item = &'a IndexRow>,
    ) -> Result<()> {
        let (mut common, mut unique) = (Vec::new(), Vec::new());
        for row in rows {
            let Some(number) = self.attribute(tenant, &resource_type.name, &row.path)? else { continue };
            if row.unique {
                unique.push([tenant.0.into(), number.into(), Sent::Text(&row.value), rid.into()]);
            } else {
                common.push(value_row(tenant, number, rid, row));
            }
        }
        let sql = "delete from unique_value where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4";
        unique.iter().try_for_each(|row| self.later(sql, &row[..]))?;
        self.values_later(Becomes::Gone, &common)
    }

    /// Adds index rows, and asks on the same way what was sent as somebody's manager and may mean one of these names.
    fn index_rows_added<'a>(
        &mut self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rid: i64,
        rows: impl IntoIterator<Item = &'a IndexRow>,
        names: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>> {
        let (mut common, mut unique, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        let rows: Vec<&IndexRow> = rows.into_iter().collect();
        let numbers = self.intern_all(tenant, &resource_type.name, rows.iter().map(|row| row.path.as_str()))?;
        for (row, number) in rows.into_iter().zip(numbers) {
            if row.unique {
                unique.push([tenant.0.into(), number.into(), Sent::Text(&row.value), rid.into()]);
                paths.push((!row.lax).then_some(&row.path));
            } else {
                common.push(value_row(tenant, number, rid, row));
            }
        }
        let sql = "insert into unique_value (tenant, attribute, value, rid) values (?1, ?2, ?3, ?4)
                   on conflict do nothing";
        let meant = manager::links_of(tenant, names);
        let mut asked: Vec<Asked<'_>> = unique.iter().map(|row| (sql, &row[..])).collect();
        asked.extend(meant.iter().map(|(sql, params)| (*sql, params.as_slice())));
        // Several names may lead to one text.
        let mut texts = BTreeSet::new();
        let stored = if asked.is_empty() {
            Vec::new()
        } else {
            self.several(&asked, |_, row| {
                texts.insert(row.get(0)?);
                Ok(())
            })?
        };
        let mut refused = paths.into_iter().zip(stored).filter(|(_, stored)| *stored == 0);
        if let Some(path) = refused.find_map(|(path, _)| path) {
            return Err(Error::Conflict { attribute: full_name(resource_type, path) });
        }
        self.values_later(Becomes::There, &common)?;
        Ok(texts)
    }
}

fn value_row(tenant: TenantId, attribute: i64, rid: i64, row: &IndexRow) -> ValueRow<'_> {
    ValueRow { tenant: tenant.0, attribute, value: &row.value, rid, element: row.element }
}

/// The full name of the attribute that has this index path.
fn full_name(resource_type: &ResourceType, path: &str) -> String {
    let is_one = |(extension, attribute): &(Option<&Schema>, &Attribute)| {
        attribute.states().any(|(state, _)| index::path(*extension, state, None) == path)
    };
    let named = resource_type.attributes().find(is_one);
    named.map_or_else(|| path.to_owned(), |(extension, attribute)| scim::resource::full_name(extension, attribute))
}

/// The resource as reading it again gives it: the manager is its text alone.
fn kept(resource: &Arc<Resource>, resource_type: &ResourceType, raw: Option<String>) -> Arc<Resource> {
    let mut kept = Arc::clone(resource);
    if let Some((extension, attribute)) = render::manager_attribute(resource_type)
        && kept.value(Some(extension), attribute).is_some()
    {
        let value = raw.map(|raw| serde_json::json!({"value": raw}));
        Arc::make_mut(&mut kept).set(Some(extension), attribute, value);
    }
    kept
}

/// What the schemas know of a resource, down to the parts of complex attributes.
fn known_parts(resource: &Resource, resource_type: &ResourceType) -> Resource {
    let mut known = Resource::from_document(resource.attributes.clone(), resource_type);
    for (extension, attribute) in resource_type.attributes().filter(|(_, attribute)| attribute.is_complex()) {
        let Some(mut value) = known.value(extension, attribute).cloned() else { continue };
        let forget = |element: &mut Value| {
            if let Value::Object(parts) = element {
                parts.retain(|name, _| attribute.sub(name).is_some());
            }
        };
        match &mut value {
            Value::Array(elements) => {
                elements.iter_mut().for_each(forget);
                elements.retain(|element| element.as_object().is_none_or(|parts| !parts.is_empty()));
            }
            one => forget(one),
        }
        let is_empty = match &value {
            Value::Array(elements) => elements.is_empty(),
            Value::Object(parts) => parts.is_empty(),
            _ => false,
        };
        known.set(extension, attribute, (!is_empty).then_some(value));
    }
    known
}
