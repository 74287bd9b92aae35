//! Long work on many users: a row in the database, done in small turns, so that it survives a restart and can be stopped.
//!
//! Not here: what an import does in its turns (`imports`).

use super::{audited, missing, tenant_of};
use super::{directory, imports, indexes};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use crate::tenants::TenantState;
use axum::http::Method;
use scim::Filter;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{FAILURES_MAX, Job, JobState, JobsOf, Position, TenantId};

/// Users of one turn.
const TURN: usize = 50;
/// Most ids that a selection holds; more go by a filter.
pub(crate) const IDS_MAX: usize = 1_000;

/// What a job does to each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    Activate,
    Deactivate,
    Delete,
    /// They are no identity provider's any more.
    Unlink,
    /// Their userType says so.
    Technician,
    Requester,
}

impl Bulk {
    const ALL: [Self; 6] =
        [Self::Activate, Self::Deactivate, Self::Delete, Self::Unlink, Self::Technician, Self::Requester];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Unlink => "unlink",
            Self::Technician => "technician",
            Self::Requester => "requester",
        }
    }

    /// Of this word.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bulk| bulk.as_str() == text)
    }

    /// As the heading of the job.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Activate => "Activate users",
            Self::Deactivate => "Deactivate users",
            Self::Delete => "Delete users",
            Self::Unlink => "Unlink users",
            Self::Technician => "Convert users to technicians",
            Self::Requester => "Convert users to requesters",
        }
    }

    /// The userType that they have then, if it is about that.
    pub(crate) fn user_type(self) -> Option<&'static str> {
        matches!(self, Self::Technician | Self::Requester).then(|| self.as_str())
    }

    /// Who is like that already, and so stays as they are.
    pub(crate) fn is_so(self) -> Option<String> {
        match self {
            Self::Activate => Some("not (active eq false)".to_owned()),
            Self::Deactivate => Some("active eq false".to_owned()),
            Self::Delete => None,
            Self::Unlink => Some("not (externalId pr)".to_owned()),
            Self::Technician | Self::Requester => Some(format!("userType eq \"{}\"", self.as_str())),
        }
    }

    /// The request that does it to one.
    pub(crate) fn request(self, id: &str) -> (Method, String, Value) {
        let path = format!("/Users/{id}");
        let operation = match self {
            Self::Activate => json!({"op": "replace", "path": "active", "value": true}),
            Self::Deactivate => json!({"op": "replace", "path": "active", "value": false}),
            Self::Unlink => json!({"op": "remove", "path": "externalId"}),
            Self::Technician | Self::Requester => json!({"op": "replace", "path": "userType", "value": self.as_str()}),
            Self::Delete => return (Method::DELETE, path, Value::Null),
        };
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        (Method::PATCH, path, json!({"schemas": schemas, "Operations": [operation]}))
    }
}

/// On whom.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    /// These.
    Ids(Vec<String>),
    /// Everybody whom a filter fits; everybody at all if there is none.
    Filter(Option<Filter>),
}

/// Begins a job; answers its number.
pub(crate) async fn begin(app: &App, actor: &Actor, tenant: &str, bulk: Bulk, chosen: Chosen) -> Result<i64> {
    let state = tenant_of(app, tenant)?;
    // Of more than that the job itself finds out how many: whoever asks for it does not wait until they are counted.
    let total = number(app, &state, &chosen, limits::JOB_COUNT_MAX + 1).await?;
    let input = match chosen {
        Chosen::Ids(ids) => json!({"ids": ids}),
        Chosen::Filter(filter) => json!({"filter": filter.map(|filter| filter.to_string())}),
    };
    let job = Job {
        tenant: state.tenant.id,
        kind: bulk.as_str().to_owned(),
        label: bulk.title().to_owned(),
        input,
        total,
        created_at: app.clock().now(),
        created_by: actor.label.clone(),
        ..Job::default()
    };
    let line = ("job.begin", format!("{tenant}/job"), json!({"kind": job.kind, "total": total}));
    audited(app, actor, line, move |w| Ok(w.job_insert(&job)?)).await
}

/// How many a job would concern, counted up to `most` where they have to be counted; refuses a choice of nobody or of
/// too many.
pub(crate) async fn number(app: &App, state: &Arc<TenantState>, chosen: &Chosen, most: u64) -> Result<u64> {
    match chosen {
        Chosen::Ids(ids) if ids.is_empty() => {
            Err(scim::Error::invalid_value("nobody is selected; tick the users first").into())
        }
        Chosen::Ids(ids) if ids.len() > IDS_MAX => {
            Err(scim::Error::invalid_value(format!("at most {IDS_MAX} at once; use a filter for more")).into())
        }
        Chosen::Ids(ids) => Ok(ids.len() as u64),
        Chosen::Filter(None) => count_all(app, state).await,
        Chosen::Filter(Some(filter)) => count(app, state, filter.clone(), most).await,
    }
}

/// How many of them are like that already.
pub(crate) async fn number_so(app: &App, state: &Arc<TenantState>, bulk: Bulk, chosen: &Chosen) -> Result<Option<u64>> {
    let (Some(so), Chosen::Filter(filter)) = (bulk.is_so(), chosen) else { return Ok(None) };
    let both = filter.as_ref().map_or_else(|| so.clone(), |filter| format!("({filter}) and {so}"));
    count(app, state, Filter::parse(&both)?, limits::JOB_COUNT_MAX + 1).await.map(Some)
}

async fn count_all(app: &App, state: &TenantState) -> Result<u64> {
    let tenant = state.tenant.id;
    app.store().read(move |r| r.count(tenant, "User")).await.map_err(|error: store::Error| error.into())
}

async fn count(app: &App, state: &Arc<TenantState>, filter: Filter, most: u64) -> Result<u64> {
    let state = Arc::clone(state);
    app.store()
        .read(move |r| -> Result<u64> {
            let rt = state.named("User").ok_or_else(|| missing("there is no resource type User"))?;
            Ok(r.count_to(state.tenant.id, rt, &filter, "", most)?)
        })
        .await
}

/// A tenant's newest jobs.
pub(crate) async fn list(app: &App, tenant: TenantId) -> Result<Vec<Job>> {
    app.store().read(move |r| r.jobs(tenant, 50)).await.map_err(|error: store::Error| error.into())
}

/// One job.
pub(crate) async fn find(app: &App, tenant: TenantId, id: i64) -> Result<Job> {
    let found: Option<Job> = app.store().read(move |r| r.job(tenant, id)).await?;
    found.ok_or_else(|| missing("there is no job of this number"))
}

/// What a job could not do, behind a number.
pub(crate) async fn failures(
    app: &App,
    tenant: TenantId,
    id: i64,
    after: i64,
    count: u32,
) -> Result<Vec<(i64, Value)>> {
    let found = app.store().read(move |r| r.job_failures(tenant, id, after, count)).await;
    found.map_err(|error: store::Error| error.into())
}

/// Does again what a job on people could not do, as another job; as many as a selection holds.
pub(crate) async fn retry(app: &App, actor: &Actor, state: &TenantState, id: i64) -> Result<i64> {
    let job = find(app, state.tenant.id, id).await?;
    let Some(bulk) = Bulk::parse(&job.kind).filter(|_| !job.state.is_open()) else {
        let detail = "only a job on people that has ended can be tried again; a file is imported again instead";
        return Err(scim::Error::invalid_value(detail).into());
    };
    let failed = failures(app, state.tenant.id, id, 0, u32::try_from(IDS_MAX).unwrap_or(u32::MAX)).await?;
    let of = |failure: &Value| failure.get("id").and_then(Value::as_str).map(str::to_owned);
    let ids: Vec<String> = failed.iter().filter_map(|(_, failure)| of(failure)).collect();
    if ids.is_empty() {
        return Err(scim::Error::invalid_value("nothing of this job failed, or it is too long ago").into());
    }
    begin(app, actor, &state.tenant.name, bulk, Chosen::Ids(ids)).await
}

/// Stops a job; what it did stays done.
pub(crate) async fn cancel(app: &App, actor: &Actor, state: &TenantState, id: i64) -> Result<bool> {
    let (tenant, now) = (state.tenant.id, app.clock().now());
    let line = ("job.cancel", format!("{}/job/{id}", state.tenant.name), json!({}));
    let stopped = audited(app, actor, line, move |w| {
        if let Some(stopped) = w.index_cancel(tenant, id, now)? {
            return Ok(stopped);
        }
        Ok(w.job_cancel(tenant, id, now)?)
    })
    .await?;
    app.reload().await?;
    app.events().publish(tenant, Topic::Jobs);
    Ok(stopped)
}

/// Does one turn of the oldest open job of each kind; whether there was one.
pub(crate) async fn turn(app: &App) -> Result<bool> {
    Ok(turn_of_people(app).await? | indexes::turn(app).await?)
}

async fn turn_of_people(app: &App) -> Result<bool> {
    let (now, node) = (app.clock().now(), app.node().to_owned());
    let waits: bool = app.store().read(move |r| r.job_waits(JobsOf::Resources, now)).await?;
    if !waits {
        return Ok(false);
    }
    let until = now + limits::JOB_LEASE;
    let next: Option<Job> = app.store().write(move |w| w.job_claim(JobsOf::Resources, &node, now, until)).await?;
    let Some(mut job) = next else { return Ok(false) };
    job.started_at = job.started_at.or(Some(now));
    job.state = JobState::Running;
    let state = app.tenants().all().into_iter().find(|state| state.tenant.id == job.tenant);
    let is_over = |job: &mut Job, state: JobState| {
        job.state = state;
        job.finished_at = Some(now);
    };
    let Some(state) = state else {
        is_over(&mut job, JobState::Cancelled);
        return keep(app, job, Vec::new()).await;
    };
    let failed = match Bulk::parse(&job.kind) {
        Some(bulk) => act_on_users(app, &state, &mut job, bulk).await?,
        None => imports::turn(app, &state, &mut job).await?,
    };
    let Some(failed) = failed else {
        is_over(&mut job, JobState::Done);
        return keep(app, job, Vec::new()).await;
    };
    job.failed += failed.len() as u64;
    let room = FAILURES_MAX.saturating_sub(job.failures.len());
    job.failures.extend(failed.iter().take(room).cloned());
    keep(app, job, failed).await
}

/// The next users of a job: what went wrong, or nothing if there are none left.
async fn act_on_users(app: &App, state: &Arc<TenantState>, job: &mut Job, bulk: Bulk) -> Result<Option<Vec<Value>>> {
    if job.total > limits::JOB_COUNT_MAX
        && job.done == 0
        && let Some(filter) = filter_of(job)?
    {
        job.total = count(app, state, filter, u64::MAX).await?;
    }
    let (ids, position) = chosen(app, state, job).await?;
    if ids.is_empty() {
        return Ok(None);
    }
    let actor = Arc::new(Actor { label: job.created_by.clone(), ..Actor::local() });
    let base = app.base_url(state, &axum::http::HeaderMap::new())?;
    let origin = Origin { address: "job".into(), agent: format!("job {}", job.id) };
    let mut failed = Vec::new();
    for id in &ids {
        let acted = directory::change(app, state, Arc::clone(&actor), &base, &origin, bulk.request(id)).await?;
        job.done += 1;
        failed.extend(directory::refusal(&acted.answer).map(|why| json!({"id": id, "why": why})));
    }
    job.position = position;
    Ok(Some(failed))
}

/// The filter of a job on all whom one fits.
fn filter_of(job: &Job) -> Result<Option<Filter>> {
    Ok(job.input.get("filter").and_then(Value::as_str).map(Filter::parse).transpose()?)
}

/// The users of the next turn, and the place behind them.
async fn chosen(app: &App, state: &Arc<TenantState>, job: &Job) -> Result<(Vec<String>, i64)> {
    if let Some(ids) = job.input.get("ids").and_then(Value::as_array) {
        let start = usize::try_from(job.position).unwrap_or(usize::MAX);
        let turn: Vec<String> =
            ids.iter().skip(start).take(TURN).filter_map(Value::as_str).map(str::to_owned).collect();
        let behind = job.position + i64::try_from(turn.len()).unwrap_or(0);
        return Ok((turn, behind));
    }
    let filter = filter_of(job)?;
    let (state, position) = (Arc::clone(state), job.position);
    let until = job.created_at;
    app.store()
        .read(move |r| -> Result<_> {
            let rt = state.named("User").ok_or_else(|| missing("there is no resource type User"))?;
            let place = Position { rid: position, key: None };
            let query = store::Query {
                filter: filter.as_ref(),
                sort: None,
                start: store::Start::After(&place),
                count: TURN as u64,
                want_total: false,
                want_groups: false,
                base: "",
            };
            let page = r.search(state.tenant.id, rt, &query)?;
            // Who came after the job was asked for was not meant.
            let meant: Vec<_> = page.views.into_iter().filter(|view| view.created_at <= until).collect();
            let behind = meant.last().map_or(position, |view| view.rid);
            Ok((meant.into_iter().map(|view| view.id).collect(), behind))
        })
        .await
}

async fn keep(app: &App, job: Job, failed: Vec<Value>) -> Result<bool> {
    let tenant = job.tenant;
    let node = app.node().to_owned();
    let kept = app.store().write(move |w| w.job_update(&job, &node, &failed)).await;
    kept.map_err(|error: store::Error| Error::from(error))?;
    app.events().publish(tenant, Topic::Jobs);
    Ok(true)
}
