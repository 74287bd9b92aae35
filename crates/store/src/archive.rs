//! Custom fields that are put away: nobody defines them any more, their values lie beside the resources, and come back with
//! them. How it goes on is in `reindex`.
//!
//! Invariant: a name that is put away is given to no other field, and nobody changes a value meanwhile. What was unique
//! when it was put away is so when it comes back.

use crate::db::{Reader, Writer};
use crate::index_def::IndexDef;
use crate::jobs::FAILURES_MAX;
use crate::reindex::{Kind, Reindex, Turned, Work};
use crate::tenants::{Definitions, ExtensionDef, ResourceTypeDef, Tenant};
use crate::{Result, TenantId};
use scim::resource::converted;
use scim::{Attribute, Mutability, ResourceType, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Values that one turn puts back; fewer in tests of this crate.
const TURN: u32 = if cfg!(test) { 7 } else { 250 };
/// Values that one turn forgets.
const FORGOTTEN: i64 = 5_000;
/// Values that are read at once where all are looked at.
const LOOKED_AT: u32 = 5_000;

/// A custom field that is put away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archived {
    /// By which its values are found: the number of the job that put them away.
    pub number: i64,
    /// Its schema, without attributes.
    pub schema: Schema,
    /// The types whose resources may have it.
    pub resource_types: Vec<String>,
    /// What it was.
    pub attribute: Attribute,
    /// Since when it is put away.
    pub at: i64,
    /// Who did it.
    pub by: String,
}

/// What a part of the values would be under another definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArchivedFit {
    /// How many fit.
    pub fit: u64,
    /// Those that do not, each with the id of whose it is.
    pub unfit: Vec<(String, Value)>,
    /// The last row that was looked at, if there may be more.
    pub last: Option<i64>,
}

impl Archived {
    /// The URN of its schema and its name.
    pub fn value(&self) -> String {
        format!("{}:{}", self.schema.id, self.attribute.name)
    }
}

impl Definitions {
    /// The field of this URN and name that is put away, also while it comes back.
    pub fn archived(&self, value: &str) -> Option<&Archived> {
        self.archived.iter().find(|field| field.value().eq_ignore_ascii_case(value))
    }

    /// Notes a field that goes, before it is gone.
    pub(crate) fn archive(&mut self, value: &str, number: i64, (at, by): (i64, &str)) {
        let Some(attribute) = self.index(value).and_then(|index| index.going.clone()) else { return };
        let urn = value.rsplit_once(':').map_or("", |(urn, _)| urn);
        let Some(schema) = self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)) else { return };
        let has = |def: &&ResourceTypeDef| {
            def.schema.eq_ignore_ascii_case(urn)
                || def.extensions.iter().any(|extension| extension.schema.eq_ignore_ascii_case(urn))
        };
        let resource_types = self.resource_types.iter().filter(has).map(|def| def.name.clone()).collect();
        let schema = Schema { attributes: Vec::new(), ..schema.clone() };
        self.archived.push(Archived { number, schema, resource_types, attribute, at, by: by.to_owned() });
    }

    /// Defines the field again: read-only, until its values are back.
    fn restoration_begins(&mut self, field: &Archived, definition: Attribute, job: i64) {
        let meanwhile = Attribute { mutability: Mutability::ReadOnly, required: false, ..definition.clone() };
        let urn = &field.schema.id;
        match self.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn)) {
            Some(schema) => schema.attributes.push(meanwhile),
            None => self.schemas.push(Schema { attributes: vec![meanwhile], ..field.schema.clone() }),
        }
        for name in &field.resource_types {
            let extension = ExtensionDef { schema: urn.clone(), required: false };
            match self.resource_types.iter_mut().find(|def| def.name.eq_ignore_ascii_case(name)) {
                Some(def) if def.schema.eq_ignore_ascii_case(urn) => {}
                Some(def) if def.extensions.iter().any(|known| known.schema.eq_ignore_ascii_case(urn)) => {}
                Some(def) => def.extensions.push(extension),
                None => self.resource_types.push(ResourceTypeDef {
                    name: name.clone(),
                    extensions: vec![extension],
                    ..ResourceTypeDef::default()
                }),
            }
        }
        let value = field.value();
        if self.index(&value).is_none() {
            self.indexes.push(IndexDef { attribute: value.clone(), ..IndexDef::default() });
        }
        if let Some(entry) = self.indexes.iter_mut().find(|index| index.attribute.eq_ignore_ascii_case(&value)) {
            entry.returning = Some(definition);
            entry.job = Some(job);
        }
    }
}

impl Reader {
    /// How many resources have a value of a field that is put away.
    pub fn archived_count(&self, tenant: TenantId, archive: i64) -> Result<u64> {
        let sql = "select count(*) from archived_value where tenant = ?1 and archive = ?2";
        let count: Option<i64> = self.first(sql, (tenant.0, archive), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// The values that a resource has of fields that are put away, each with the field's number.
    pub fn archived_of(&self, tenant: TenantId, id: &str) -> Result<Vec<(i64, Value)>> {
        let sql = "select a.archive, a.value from archived_value a join resource r on r.rid = a.rid
                   where r.tenant = ?1 and r.id = ?2 and a.tenant = ?1 order by a.archive";
        let rows: Vec<(i64, String)> = self.all(sql, (tenant.0, id), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.into_iter().map(|(archive, text)| Ok((archive, serde_json::from_str(&text)?))).collect()
    }

    /// What the values behind a row would be under a definition.
    pub fn archived_fit(
        &self,
        tenant: TenantId,
        archive: i64,
        definition: &Attribute,
        after: i64,
    ) -> Result<ArchivedFit> {
        let sql = "select a.rid, r.id, a.value from archived_value a join resource r on r.rid = a.rid
                   where a.tenant = ?1 and a.archive = ?2 and a.rid > ?3 order by a.rid limit ?4";
        let key = (tenant.0, archive, after, LOOKED_AT);
        let rows: Vec<(i64, String, String)> = self.all(sql, key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let last = rows.last().map(|(rid, ..)| *rid).filter(|_| rows.len() == LOOKED_AT as usize);
        let mut found = ArchivedFit { last, ..ArchivedFit::default() };
        for (_, id, text) in rows {
            let value: Value = serde_json::from_str(&text)?;
            match converted(&value, definition) {
                Some(_) => found.fit += 1,
                None => found.unfit.push((id, value)),
            }
        }
        Ok(found)
    }
}

impl Writer {
    /// Begins to put an attribute of a tenant's own away. Answers the job.
    pub fn archive_begin(&mut self, tenant: &Tenant, attribute: &str, by: &Reindex) -> Result<i64> {
        self.going_begin(tenant, Kind::Archive, attribute, by)
    }

    /// Begins to bring a field back, under a definition that may be another one: what does not fit it is left out, and
    /// named by the job. Answers the job.
    pub fn restore_begin(
        &mut self,
        tenant: &Tenant,
        field: &Archived,
        definition: Attribute,
        by: &Reindex,
    ) -> Result<i64> {
        let job = self.archive_job(tenant, Kind::Restore, field, by)?;
        let mut definitions = tenant.definitions.clone();
        definitions.restoration_begins(field, definition, job);
        self.tenant_update(&Tenant { definitions, ..tenant.clone() })?;
        Ok(job)
    }

    /// Begins to forget a field that is put away, with every value of it. Answers the job.
    pub fn forget_begin(&mut self, tenant: &Tenant, field: &Archived, by: &Reindex) -> Result<i64> {
        let job = self.archive_job(tenant, Kind::Forget, field, by)?;
        let mut definitions = tenant.definitions.clone();
        definitions.archived.retain(|held| held.number != field.number);
        self.tenant_update(&Tenant { definitions, ..tenant.clone() })?;
        Ok(job)
    }

    fn archive_job(&mut self, tenant: &Tenant, kind: Kind, field: &Archived, by: &Reindex) -> Result<i64> {
        let total = self.archived_count(tenant.id, field.number)?;
        let input = json!({"attribute": field.value(), "archive": field.number});
        self.job_of_kind(tenant.id, kind, &field.value(), input, total, by)
    }

    /// Keeps the values that these resources have of what goes.
    pub(crate) fn keep_values(
        &mut self,
        work: &Work,
        held: (Option<&Schema>, &Attribute),
        stored: &[crate::Stored],
    ) -> Result<()> {
        let sql = "insert into archived_value (tenant, archive, rid, value) values (?1, ?2, ?3, ?4)
                   on conflict (tenant, archive, rid) do update set value = excluded.value";
        for one in stored {
            if let Some(value) = one.resource.value(held.0, held.1) {
                self.execute(sql, (work.tenant.id.0, work.job.id, one.rid, value.to_string()))?;
            }
        }
        Ok(())
    }

    /// Puts some values back, if there are any left.
    pub(crate) fn restore_some(&mut self, work: &mut Work) -> Result<Turned> {
        let tenant = work.tenant.id;
        let archive = work.archive();
        let sql = "select a.rid, r.kind, a.value from archived_value a join resource r on r.rid = a.rid
                   where a.tenant = ?1 and a.archive = ?2 order by a.rid limit ?3";
        let rows: Vec<(i64, String, String)> =
            self.all(sql, (tenant.0, archive, TURN), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let Some((last, ..)) = rows.last() else { return Ok(Turned::AtItsEnd) };
        for resource_type in work.types()? {
            for (rid, _, text) in rows.iter().filter(|(_, kind, _)| *kind == resource_type.name) {
                let value: Value = serde_json::from_str(text)?;
                self.put_back(work, &resource_type, *rid, &value)?;
            }
        }
        let sql = "delete from archived_value where tenant = ?1 and archive = ?2 and rid <= ?3";
        self.execute(sql, (tenant.0, archive, *last))?;
        work.job.done += rows.len() as u64;
        work.job.total = work.job.total.max(work.job.done);
        Ok(Turned::More)
    }

    fn put_back(&mut self, work: &mut Work, resource_type: &ResourceType, rid: i64, value: &Value) -> Result<()> {
        let Some((extension, held)) = crate::reindex::place(resource_type, &work.attribute) else { return Ok(()) };
        let stored = self.stored(resource_type, rid)?;
        let Some(value) = converted(value, held) else {
            work.job.failed += 1;
            if work.job.failures.len() < FAILURES_MAX {
                let why = format!("its value of {} does not fit the new type and was left out", work.attribute);
                work.job.failures.push(json!({"id": stored.id, "why": why}));
            }
            return Ok(());
        };
        let mut resource = (*stored.resource).clone();
        resource.set(extension, held, Some(value));
        self.redraw(work.tenant.id, (resource_type, resource_type), &stored, &resource)
    }

    /// Forgets some values; how many.
    pub(crate) fn forget_some(&mut self, work: &Work) -> Result<usize> {
        let sql = "delete from archived_value where tenant = ?1 and archive = ?2 and rid in (
                       select rid from archived_value where tenant = ?1 and archive = ?2 order by rid limit ?3)";
        self.execute(sql, (work.tenant.id.0, work.archive(), FORGOTTEN))
    }
}
