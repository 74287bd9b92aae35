//! A custom attribute whose definition changes what is stored of it: work on every resource, done in turns beside
//! everything else, as a job. See `index_def` for what holds meanwhile.
//!
//! How it works: `index_begin` and `removal_begin` note in the definitions what is to come, so that every write from then
//! on keeps it up, and make the job. A turn does some resources in the order of rows, and notes in the same transaction
//! how far it is. The end changes the definitions, and leaves a job behind that clears the former index away.
//!
//! Invariant: a turn is one transaction of the tenant's, the end one of everything. Both ask the rows where the work is,
//! never the caller: it goes on after a crash, on whichever node.

use crate::db::{Reader, Writer};
use crate::index::{build_of, builds, rows_to_come};
use crate::index_def::IndexDef;
use crate::jobs::{FAILURES_MAX, Job, JobState};
use crate::render::visible;
use crate::resources::Stored;
use crate::tenants::{Definitions, Tenant};
use crate::{Error, Result, TenantId};
use scim::{Attribute, ResourceType, Schema};
use serde_json::{Value, json};
use std::sync::Arc;

/// Resources of one turn, and rows that one turn clears away; fewer in tests of this crate.
const TURN: usize = if cfg!(test) { 7 } else { 250 };
const CLEARED: i64 = 5_000;
/// Microseconds for which a former index is kept up: longer than any request, and than a node needs to hear of it.
const FORMER: i64 = 60 * 1_000_000;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// There is more to do.
    More,
    /// What is left is `index_end`.
    AtItsEnd,
    /// The job is at its end.
    Over,
}

/// Who does the work, and for how long a job that was just made is theirs.
#[derive(Clone, Debug)]
pub struct Reindex {
    /// Who asked for it.
    pub asked_by: String,
    /// The node.
    pub node: String,
    /// Now.
    pub now: i64,
    /// Until when the new job is the node's.
    pub until: i64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Build,
    Remove,
    Clear,
    Archive,
    Restore,
    Forget,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Build => "index",
            Self::Remove => "remove",
            Self::Clear => "clear",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Forget => "forget",
        }
    }

    fn label(self, attribute: &str) -> String {
        match self {
            Self::Build => format!("Build the index of {attribute}"),
            Self::Remove => format!("Remove {attribute}"),
            Self::Clear => format!("Clear the former index of {attribute} away"),
            Self::Archive => format!("Archive {attribute}"),
            Self::Restore => format!("Restore {attribute}"),
            Self::Forget => format!("Delete the archived {attribute}"),
        }
    }

    fn of(job: &Job) -> Option<Self> {
        let all = [Self::Build, Self::Remove, Self::Clear, Self::Archive, Self::Restore, Self::Forget];
        all.into_iter().find(|kind| kind.as_str() == job.kind)
    }
}

/// A job and what it is about.
pub(crate) struct Work {
    pub(crate) job: Job,
    kind: Kind,
    pub(crate) tenant: Tenant,
    pub(crate) attribute: String,
}

impl Work {
    fn index(&self) -> Option<&IndexDef> {
        let index = self.tenant.definitions.index(&self.attribute)?;
        (index.job == Some(self.job.id) || self.kind == Kind::Clear).then_some(index)
    }

    /// The types whose resources may have a value of it.
    pub(crate) fn types(&self) -> Result<Vec<Arc<ResourceType>>> {
        holders(&self.tenant.definitions, &self.attribute)
    }

    /// Where the values lie that come back, or are forgotten.
    pub(crate) fn archive(&self) -> i64 {
        self.job.input.get("archive").and_then(Value::as_i64).unwrap_or_default()
    }
}

fn holders(definitions: &Definitions, attribute: &str) -> Result<Vec<Arc<ResourceType>>> {
    let urn = attribute.rsplit_once(':').map_or("", |(urn, _)| urn);
    let mut types = definitions.resource_types().map_err(|error| Error::broken(error.to_string()))?;
    types.retain(|rt| rt.schema.id.eq_ignore_ascii_case(urn) || rt.extension(urn).is_some());
    Ok(types)
}

/// The attribute in a type: with its schema, if that is an extension.
pub(crate) fn place<'a>(
    resource_type: &'a ResourceType,
    attribute: &str,
) -> Option<(Option<&'a Schema>, &'a Attribute)> {
    let (urn, name) = attribute.rsplit_once(':')?;
    resource_type.attributes().find(|(extension, held)| {
        let schema = extension.map_or(&resource_type.schema.id, |schema| &schema.id);
        held.name.eq_ignore_ascii_case(name) && schema.eq_ignore_ascii_case(urn)
    })
}

impl Reader {
    /// The rows of the next resources behind a place, over several types, with the type's place in the list.
    fn rids_behind(&self, tenant: TenantId, types: &[Arc<ResourceType>], after: i64) -> Result<Vec<(i64, usize)>> {
        let mut found = Vec::new();
        for (number, resource_type) in types.iter().enumerate() {
            let sql = "select rid from resource where tenant = ?1 and kind = ?2 and rid > ?3 order by rid limit ?4";
            let limit = i64::try_from(TURN).unwrap_or(i64::MAX);
            let of_type = (tenant.0, &resource_type.name, after, limit);
            let rids: Vec<i64> = self.all(sql, of_type, |row| row.get(0))?;
            found.extend(rids.into_iter().map(|rid| (rid, number)));
        }
        found.sort_unstable();
        found.truncate(TURN);
        Ok(found)
    }

    fn index_work(&self, tenant: TenantId, job: i64) -> Result<Option<Work>> {
        let Some(job) = self.job(tenant, job)?.filter(|job| job.state.is_open()) else { return Ok(None) };
        let Some((kind, tenant)) = Kind::of(&job).zip(self.tenant_by(tenant)?) else { return Ok(None) };
        let attribute = job.input.get("attribute").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Some(Work { job, kind, tenant, attribute }))
    }
}

impl Writer {
    /// Begins to change an attribute of a tenant's own to what it will be when its index is there. Answers the job.
    pub fn index_begin(&mut self, tenant: &Tenant, attribute: &str, new: Attribute, by: &Reindex) -> Result<i64> {
        let job = self.index_job(tenant, Kind::Build, attribute, by)?;
        let mut definitions = tenant.definitions.clone();
        definitions.index_begins(attribute, new, job);
        self.tenant_update(&Tenant { definitions, ..tenant.clone() })?;
        Ok(job)
    }

    /// Begins to take an attribute of a tenant's own away, with every value of it. Answers the job.
    pub fn removal_begin(&mut self, tenant: &Tenant, attribute: &str, by: &Reindex) -> Result<i64> {
        self.going_begin(tenant, Kind::Remove, attribute, by)
    }

    pub(crate) fn going_begin(&mut self, tenant: &Tenant, kind: Kind, attribute: &str, by: &Reindex) -> Result<i64> {
        let job = self.index_job(tenant, kind, attribute, by)?;
        let mut definitions = tenant.definitions.clone();
        definitions.removal_begins(attribute, job);
        self.tenant_update(&Tenant { definitions, ..tenant.clone() })?;
        Ok(job)
    }

    fn index_job(&mut self, tenant: &Tenant, kind: Kind, attribute: &str, by: &Reindex) -> Result<i64> {
        let mut total = 0;
        for resource_type in holders(&tenant.definitions, attribute)? {
            total += self.count(tenant.id, &resource_type.name)?;
        }
        self.job_of_kind(tenant.id, kind, attribute, json!({"attribute": attribute}), total, by)
    }

    /// Makes such a job, which is the caller's at once.
    pub(crate) fn job_of_kind(
        &mut self,
        tenant: TenantId,
        kind: Kind,
        attribute: &str,
        input: Value,
        total: u64,
        by: &Reindex,
    ) -> Result<i64> {
        let id = self.job_insert(&Job {
            tenant,
            kind: kind.as_str().to_owned(),
            label: kind.label(attribute),
            input,
            total,
            created_at: by.now,
            created_by: by.asked_by.clone(),
            ..Job::default()
        })?;
        self.job_take(id, &by.node, by.until)?;
        Ok(id)
    }

    /// Does a part of such a job, in the tenant's turn. An error undoes it.
    pub fn index_turn(&mut self, tenant: TenantId, job: i64, node: &str, now: i64) -> Result<Turned> {
        let Some(mut work) = self.index_work(tenant, job)? else { return Ok(Turned::Over) };
        work.job.started_at = work.job.started_at.or(Some(now));
        work.job.state = JobState::Running;
        let failures = work.job.failures.len();
        let turned = match (work.kind, work.index()) {
            (Kind::Clear, Some(index)) if index.former.iter().any(|former| former.until <= Some(now)) => {
                Turned::AtItsEnd
            }
            (Kind::Clear, _) => self.clear_some(&mut work, now)?,
            (Kind::Forget, _) => {
                let gone = self.forget_some(&work)?;
                cleared(&mut work.job, gone, now)
            }
            (_, None) => Turned::AtItsEnd,
            (Kind::Restore, Some(_)) => self.restore_some(&mut work)?,
            (Kind::Build | Kind::Remove | Kind::Archive, Some(_)) => self.do_some(&mut work)?,
        };
        // Cancelled meanwhile, or somebody else's: what was done in this turn is not to be.
        let failed = work.job.failures.get(failures..).unwrap_or_default();
        if turned != Turned::AtItsEnd && !self.job_update(&work.job, node, failed)? {
            return Err(Error::Stale);
        }
        Ok(turned)
    }

    fn do_some(&mut self, work: &mut Work) -> Result<Turned> {
        let types = work.types()?;
        let found = self.rids_behind(work.tenant.id, &types, work.job.position)?;
        if found.is_empty() || work.job.failed > 0 {
            return Ok(Turned::AtItsEnd);
        }
        for (number, resource_type) in types.iter().enumerate() {
            let rids: Vec<i64> = found.iter().filter(|(_, of)| *of == number).map(|(rid, _)| *rid).collect();
            let stored = self.stored_of(resource_type, &rids)?;
            match work.kind {
                Kind::Remove => self.strip_some(work, resource_type, &stored)?,
                Kind::Archive => {
                    if let Some(held) = place(resource_type, &work.attribute) {
                        self.keep_values(work, held, &stored)?;
                    }
                    self.strip_some(work, resource_type, &stored)?;
                }
                _ => self.build_some(work, resource_type, &stored)?,
            }
        }
        work.job.position = found.last().map_or(work.job.position, |(rid, _)| *rid);
        work.job.done += found.len() as u64;
        work.job.total = work.job.total.max(work.job.done);
        Ok(Turned::More)
    }

    fn build_some(&mut self, work: &mut Work, resource_type: &ResourceType, stored: &[Stored]) -> Result<()> {
        let Some((extension, held)) = place(resource_type, &work.attribute) else { return Ok(()) };
        let Some(next) = held.indexed.beside.iter().find(|state| state.indexed.build > held.indexed.build) else {
            return Ok(());
        };
        let mut rows = Vec::new();
        for one in stored {
            let of_one = rows_to_come(&visible(&one.resource, resource_type), extension, next);
            rows.extend(of_one.into_iter().map(|row| (one.rid, row)));
        }
        let taken = self.index_rows_to_come(work.tenant.id, &resource_type.name, &rows)?;
        for one in stored.iter().filter(|one| taken.contains(&one.rid)) {
            work.job.failed += 1;
            if work.job.failures.len() < FAILURES_MAX {
                let why = format!("another resource already has this value of {}", work.attribute);
                work.job.failures.push(json!({"id": one.id, "why": why}));
            }
        }
        Ok(())
    }

    fn strip_some(&mut self, work: &Work, resource_type: &ResourceType, stored: &[Stored]) -> Result<()> {
        let mut without = resource_type.clone();
        let (urn, name) = work.attribute.rsplit_once(':').unwrap_or_default();
        let extensions = without.extensions.iter_mut().map(|extension| &mut extension.schema);
        for schema in extensions.chain([&mut without.schema]).filter(|schema| schema.id.eq_ignore_ascii_case(urn)) {
            Arc::make_mut(schema).attributes.retain(|held| !held.name.eq_ignore_ascii_case(name));
        }
        stored.iter().try_for_each(|one| self.strip(work.tenant.id, resource_type, &without, one))
    }

    /// Takes rows of builds away that nobody keeps up any more.
    fn clear_some(&mut self, work: &mut Work, now: i64) -> Result<Turned> {
        let tenant = work.tenant.id;
        let numbers = self.builds_left(tenant, &work.attribute, &work.tenant.definitions)?;
        for number in numbers {
            let sql = "delete from unique_value where tenant = ?1 and attribute = ?2 and value in (
                           select value from unique_value where tenant = ?1 and attribute = ?2 limit ?3)";
            let mut gone = self.execute(sql, (tenant.0, number, CLEARED))?;
            let sql = "delete from attribute_value where tenant = ?1 and attribute = ?2 and (value, rid, element) in (
                           select value, rid, element from attribute_value where tenant = ?1 and attribute = ?2 limit ?3)";
            gone += self.execute(sql, (tenant.0, number, CLEARED))?;
            if gone > 0 {
                return Ok(cleared(&mut work.job, gone, now));
            }
        }
        Ok(cleared(&mut work.job, 0, now))
    }

    /// Ends a phase of such a job, in everybody's turn: the new definition holds, or the attribute is gone, or neither if
    /// something was in the way.
    pub fn index_end(&mut self, tenant: TenantId, job: i64, by: &Reindex) -> Result<Turned> {
        let Some(mut work) = self.index_work(tenant, job)? else { return Ok(Turned::Over) };
        let mut definitions = work.tenant.definitions.clone();
        if work.kind == Kind::Clear {
            if definitions.index_forgets(&work.attribute, by.now) {
                self.tenant_update(&Tenant { definitions, ..work.tenant })?;
            }
            return Ok(Turned::More);
        }
        if work.index().is_some() {
            let looks_at_all = matches!(work.kind, Kind::Build | Kind::Remove | Kind::Archive);
            if looks_at_all
                && work.job.failed == 0
                && !self.rids_behind(tenant, &work.types()?, work.job.position)?.is_empty()
            {
                return Ok(Turned::More);
            }
            if work.job.failed > 0 && work.kind == Kind::Build {
                definitions.index_withdrawn(&work.attribute);
            } else {
                if work.kind == Kind::Archive {
                    definitions.archive(&work.attribute, work.job.id, (by.now, &work.job.created_by));
                }
                definitions.index_ends(&work.attribute, by.now + FORMER);
            }
            self.tenant_update(&Tenant { definitions, ..work.tenant.clone() })?;
            if work.kind == Kind::Build {
                self.clear_later(&work, by.now)?;
            }
        }
        work.job.state = JobState::Done;
        work.job.started_at = work.job.started_at.or(Some(by.now));
        work.job.finished_at = Some(by.now);
        if !self.job_update(&work.job, &by.node, &[])? {
            return Err(Error::Stale);
        }
        Ok(Turned::Over)
    }

    /// Stops such a job: everything is as before, but for values that are gone already. Nothing if there is no such job;
    /// false if it cannot be stopped: values that lie in two places have to come to one.
    pub fn index_cancel(&mut self, tenant: TenantId, job: i64, now: i64) -> Result<Option<bool>> {
        let Some(work) = self.index_work(tenant, job)? else { return Ok(None) };
        if !matches!(work.kind, Kind::Build | Kind::Remove) {
            return Ok(Some(false));
        }
        let mut definitions = work.tenant.definitions.clone();
        if work.index().is_some() {
            definitions.index_withdrawn(&work.attribute);
            self.tenant_update(&Tenant { definitions, ..work.tenant.clone() })?;
            if work.kind == Kind::Build {
                self.clear_later(&work, now)?;
            }
        }
        self.job_cancel(tenant, job, now).map(Some)
    }

    fn clear_later(&mut self, work: &Work, now: i64) -> Result<()> {
        self.job_insert(&Job {
            tenant: work.tenant.id,
            kind: Kind::Clear.as_str().to_owned(),
            label: Kind::Clear.label(&work.attribute),
            input: json!({"attribute": work.attribute}),
            created_at: now,
            created_by: work.job.created_by.clone(),
            not_before: now + FORMER,
            ..Job::default()
        })?;
        Ok(())
    }
}

/// Notes what a turn cleared away: nothing more, and the job is done.
fn cleared(job: &mut Job, gone: usize, now: i64) -> Turned {
    job.done += gone as u64;
    if gone > 0 {
        job.total = job.total.max(job.done);
        return Turned::More;
    }
    job.state = JobState::Done;
    job.total = job.done;
    job.finished_at = Some(now);
    Turned::Over
}

impl Reader {
    /// Numbers of an attribute's builds that nobody keeps up.
    fn builds_left(&self, tenant: TenantId, attribute: &str, definitions: &Definitions) -> Result<Vec<i64>> {
        let mut kept = Vec::new();
        if let Some(index) = definitions.index(attribute) {
            kept.extend(definitions.attribute(attribute).map(|_| index.build));
            kept.extend(index.next.iter().chain(&index.former).map(|build| build.build));
        }
        let (from, end) = builds(attribute);
        let sql = "select id, path from attribute where tenant = ?1 and path >= ?2 and path < ?3";
        let all: Vec<(i64, String)> = self.all(sql, (tenant.0, from, end), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(all.into_iter().filter(|(_, path)| !kept.contains(&build_of(path).1)).map(|(id, _)| id).collect())
    }

    /// How many rows there are of builds that do not answer, while somebody works on a tenant's indexes.
    pub(crate) fn rows_beside(&self, tenant: TenantId, types: &[impl AsRef<ResourceType>]) -> Result<i64> {
        let sql = "select input from job where tenant = ?1 and finished_at is null and kind in ('index', 'clear')";
        let inputs: Vec<String> = self.all(sql, [tenant.0], |row| row.get(0))?;
        let mut attributes: Vec<String> = inputs
            .iter()
            .filter_map(|input| serde_json::from_str::<Value>(input).ok())
            .filter_map(|input| input.get("attribute")?.as_str().map(str::to_ascii_lowercase))
            .collect();
        attributes.sort_unstable();
        attributes.dedup();
        let mut rows = 0;
        for attribute in attributes {
            let held = types.iter().find_map(|rt| place(rt.as_ref(), &attribute)).map(|(_, held)| held.indexed.build);
            let (from, end) = builds(&attribute);
            let sql = "select id, path from attribute where tenant = ?1 and path >= ?2 and path < ?3";
            let all: Vec<(i64, String)> = self.all(sql, (tenant.0, from, end), |row| Ok((row.get(0)?, row.get(1)?)))?;
            for (number, _) in all.iter().filter(|(_, path)| Some(build_of(path).1) != held) {
                let sql = "select (select count(*) from attribute_value where tenant = ?1 and attribute = ?2)
                           + (select count(*) from unique_value where tenant = ?1 and attribute = ?2)";
                rows += self.first(sql, (tenant.0, *number), |row| row.get::<i64>(0))?.unwrap_or(0);
            }
        }
        Ok(rows)
    }
}
