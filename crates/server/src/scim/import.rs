//! Many resources in one turn of the writer: the admin API's import. Each is created, or laid over the one that is there,
//! by the functions of POST and PUT; one that is refused undoes nothing but itself. The batch shares a transaction and a
//! log entry.

use super::save::{self, Draft};
use super::{Asked, Cx, create, passwords};
use crate::answer::Answer;
use crate::app::App;
use crate::auth::{Actor, Operation};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use crate::record::{self, Trace};
use crate::tenants::TenantState;
use axum::http::{HeaderMap, Method};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{Code, Projection, Resource, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Prepared, Stored, Writer};

/// By what a resource that is there already is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Match {
    /// A user's userName, a group's displayName.
    #[default]
    UserName,
    /// The externalId.
    ExternalId,
}

impl Match {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UserName => "userName",
            Self::ExternalId => "externalId",
        }
    }

    /// Of this word; by userName if it is another.
    pub(crate) fn parse(text: &str) -> Self {
        if text == Self::ExternalId.as_str() { Self::ExternalId } else { Self::UserName }
    }
}

/// A batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Batch {
    #[serde(default, rename = "match")]
    pub(crate) by: Match,
    /// Only to see what would come of it.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// A new resource gets the id that it comes with.
    #[serde(default)]
    pub(crate) keep_ids: bool,
    pub(crate) records: Vec<Entry>,
}

/// One resource, and the line of the file that it comes from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    #[serde(default)]
    pub(crate) line: u64,
    /// Read by itself, so that one that cannot be read refuses nothing but itself.
    pub(crate) resource: Box<RawValue>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Imported {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) failed: Vec<Value>,
}

/// A resource that is ready for the writer.
struct Ready {
    line: u64,
    rt: Arc<ResourceType>,
    draft: Draft,
    prepared: Prepared,
}

enum Became {
    Created,
    Updated,
    Unchanged,
}

impl Imported {
    fn count(&mut self, became: &Became) {
        match became {
            Became::Created => self.created += 1,
            Became::Updated => self.updated += 1,
            Became::Unchanged => self.unchanged += 1,
        }
    }
}

/// Imports a batch. A resource that is refused undoes nothing but itself.
pub(crate) async fn import(
    app: &App,
    tenant: &Arc<TenantState>,
    actor: &Arc<Actor>,
    base: String,
    batch: Batch,
) -> Result<Imported> {
    if batch.records.len() > limits::IMPORT_RECORDS_MAX {
        let detail = format!("more than {} records in one batch", limits::IMPORT_RECORDS_MAX);
        return Err(Error::new(Code::INVALID_VALUE, detail));
    }
    let (by, keep_ids) = (batch.by, batch.keep_ids);
    let cx = context(app, tenant, actor, base, &batch);
    let mut imported = Imported::default();
    let (mut ready, mut ignored) = (Vec::with_capacity(batch.records.len()), BTreeMap::new());
    for entry in batch.records {
        let line = entry.line;
        match draft(&cx, entry, keep_ids, &mut ignored).await {
            Ok(one) => ready.push(one),
            Err(error) => imported.failed.push(failure(&cx, line, &error)),
        }
    }
    let mut trace = Trace::default();
    let told = Arc::new(std::sync::Mutex::new(imported));
    let result = Arc::clone(&told);
    // The last to have them is not the writer, who would spend a tenth of its time on giving their memory back.
    let ready = Arc::new(ready);
    let mine = Arc::clone(&ready);
    record::write_parts(&cx, &mut trace, move |w, cx, trace| {
        let mut imported = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A savepoint for each would keep a copy of every page that each of them changes, for the few that are refused.
        match w.alone(|w| mine.iter().map(|one| bring(w, cx, by, one)).collect::<Result<Vec<_>>>()) {
            Ok(all) => all.iter().for_each(|became| imported.count(became)),
            Err(_) => {
                record::current(w, cx)?;
                for one in mine.iter() {
                    match w.nested(|w| bring(w, cx, by, one)) {
                        Ok(became) => imported.count(&became),
                        Err(error) => imported.failed.push(failure(cx, one.line, &error)),
                    }
                }
            }
        }
        let counts = (imported.created, imported.updated, imported.unchanged, imported.failed.len());
        trace.step(format!("{} created, {} updated, {} unchanged, {} refused", counts.0, counts.1, counts.2, counts.3));
        for ((path, reason), count) in ignored {
            trace.step(format!("{path} was left out of {count}: {reason}"));
        }
        let answer = json!({"created": counts.0, "updated": counts.1, "unchanged": counts.2, "failed": counts.3});
        Ok(Answer::json(200, &answer))
    })
    .await?;
    drop(ready);
    if trace.written && !cx.rehearsal {
        app.events().publish(tenant.tenant.id, Topic::Log(trace.seq));
    }
    let mut imported = std::mem::take(&mut *result.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    imported.failed.sort_by_key(|failure| failure.get("line").and_then(Value::as_u64));
    Ok(imported)
}

/// The batch as a request of the log: which lines, not what stands in them.
fn context(app: &App, tenant: &Arc<TenantState>, actor: &Arc<Actor>, base: String, batch: &Batch) -> Cx {
    let lines = (batch.records.first().map(|entry| entry.line), batch.records.last().map(|entry| entry.line));
    let told = json!({"records": batch.records.len(), "firstLine": lines.0, "lastLine": lines.1});
    let asked = Asked {
        request_id: crate::app::request_id(),
        method: Method::POST,
        path: "/import".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: told.to_string().into(),
        origin: crate::auth::Origin { address: actor.address.clone(), agent: String::new() },
        started: Stopwatch::start(),
    };
    Cx {
        app: app.clone(),
        tenant: Arc::clone(tenant),
        actor: Arc::clone(actor),
        base: base.into(),
        now: app.clock().now(),
        asked: Arc::new(asked),
        rehearsal: batch.dry_run,
    }
}

fn failure(cx: &Cx, line: u64, error: &Error) -> Value {
    let error = error.to_scim(&cx.asked.request_id);
    json!({"line": line, "code": error.code.to_string(), "status": error.status, "message": error.detail})
}

/// What was left out, and of how many resources.
type LeftOut = BTreeMap<(String, &'static str), u64>;

async fn draft(cx: &Cx, entry: Entry, keep_ids: bool, ignored: &mut LeftOut) -> Result<Ready> {
    let line = entry.line;
    let body = entry.resource.get().as_bytes();
    let mut resource = crate::json::parse(body).map_err(|error| {
        let what = crate::json::wrong(body, &error);
        scim::Error::invalid_syntax(format!("the record cannot be read: {what}: column {}", error.column()))
    })?;
    let rt = type_of(cx, &resource)?;
    let id = resource.get("id").and_then(Value::as_str).filter(|_| keep_ids).map(str::to_ascii_lowercase);
    if id.as_ref().is_some_and(|id| id.is_empty() || !id.chars().all(|c| c.is_ascii_graphic())) {
        return Err(scim::Error::invalid_value("an id is printable ASCII without spaces").into());
    }
    // What our own export shows and only we write.
    if let Some(map) = resource.as_object_mut() {
        map.retain(|name, _| !["id", "meta", "groups"].iter().any(|own| own.eq_ignore_ascii_case(name)));
    }
    passwords::hash(cx, &mut resource).await?;
    let mut trace = Trace::default();
    let draft = create::parse(cx, &rt, resource, Projection::default(), &mut trace)?;
    for left_out in trace.ignored {
        *ignored.entry((left_out.path, left_out.reason)).or_default() += 1;
    }
    let prepared = Prepared::new(&draft.resource, &rt, id.as_deref())?;
    Ok(Ready { line, rt, draft, prepared })
}

/// By `meta.resourceType`, or the schema, or what only one of them has.
fn type_of(cx: &Cx, resource: &Value) -> Result<Arc<ResourceType>> {
    let named = resource.get("meta").and_then(|meta| meta.get("resourceType")).and_then(Value::as_str);
    let urns = resource.get("schemas").and_then(Value::as_array);
    let has =
        |urn: &str| urns.into_iter().flatten().filter_map(Value::as_str).any(|have| have.eq_ignore_ascii_case(urn));
    let types = || cx.tenant.types.iter().filter(|rt| rt.is_user() || rt.has_members());
    let found = match named {
        Some(named) => types().find(|rt| rt.name.eq_ignore_ascii_case(named)),
        None => types().find(|rt| has(&rt.schema.id)).or_else(|| {
            let is_group = resource.get("members").is_some() || resource.get("userName").is_none();
            types().find(|rt| {
                if is_group && resource.get("displayName").is_some() { rt.has_members() } else { rt.is_user() }
            })
        }),
    };
    found.cloned().ok_or_else(|| Error::new(Code::INVALID_VALUE, "an import takes users and groups, and nothing else"))
}

fn bring(w: &mut Writer, cx: &Cx, by: Match, one: &Ready) -> Result<Became> {
    let Ready { rt, draft, prepared, .. } = one;
    let mut trace = Trace { quiet: true, ..Trace::default() };
    let mut members = draft.members.clone();
    if let Some(members) = &mut members {
        name_members(w, cx, members)?;
    }
    if let Some(existing) = existing(w, cx, rt, by, &draft.resource)? {
        cx.may(rt, Operation::Update)?;
        let version = existing.version;
        let members = members.map(|members| vec![MemberOp::Replace(members)]).unwrap_or_default();
        let stored = create::lay_over(w, cx, &mut trace, rt, existing, &draft.resource, &members)?;
        return Ok(if stored.version == version { Became::Unchanged } else { Became::Updated });
    }
    cx.may(rt, Operation::Create)?;
    if let Some(adopted) = create::adoptable(w, cx, &mut trace, rt, &draft.resource)? {
        let version = adopted.version;
        let stored = create::lay_over(w, cx, &mut trace, rt, adopted, &draft.resource, &[])?;
        return Ok(if stored.version == version { Became::Unchanged } else { Became::Updated });
    }
    create::put(w, cx, &mut trace, rt, &draft.resource, prepared, members)?;
    Ok(Became::Created)
}

/// A member that is not there by its id may be meant by its userName.
fn name_members(w: &Writer, cx: &Cx, members: &mut [MemberRef]) -> Result<()> {
    let Some(users) = cx.tenant.types.iter().find(|rt| rt.is_user()) else { return Ok(()) };
    for member in members.iter_mut().filter(|member| uuid::Uuid::try_parse(&member.value).is_err()) {
        if let Some(found) = w.find_unique(cx.tenant.tenant.id, users, "userName", &member.value)? {
            member.value = found.id;
        }
    }
    Ok(())
}

fn existing(w: &Writer, cx: &Cx, rt: &ResourceType, by: Match, new: &Resource) -> Result<Option<Stored>> {
    let path = match by {
        Match::ExternalId => "externalId",
        Match::UserName if rt.is_user() => "userName",
        Match::UserName => "displayName",
    };
    let Some(text) = save::texts(new, rt, path).pop() else {
        return Err(scim::Error::invalid_value(format!("{path} is missing, by which it would be found")).into());
    };
    let mut found = w.find_by(cx.tenant.tenant.id, rt, path, &text)?;
    if found.len() > 1 {
        let detail = format!("several resources have this {path}; none of them was changed");
        return Err(Error::new(Code::UNIQUENESS, detail));
    }
    Ok(found.pop())
}
