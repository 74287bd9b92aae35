//! Changes of a custom field that concern what is stored of it: a job that goes on beside everything else. See the store's
//! `reindex` for what holds meanwhile.

use super::jobs;
use crate::app::App;
use crate::auth::Actor;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use scim::{Attribute, Code};
use store::{Definitions, Job, JobState, JobsOf, Reindex, TenantId, Turned};

/// Who does the work here.
pub(crate) fn by(app: &App, actor: &Actor) -> Reindex {
    let now = app.clock().now();
    Reindex { asked_by: actor.label.clone(), node: app.node().to_owned(), now, until: now + limits::JOB_LEASE }
}

/// Whether values are kept otherwise under the new definition.
pub(crate) fn concerns(old: &Attribute, new: &Attribute) -> bool {
    let keys = |attribute: &Attribute| {
        let unique = attribute.uniqueness != scim::Uniqueness::None && !attribute.multi_valued;
        (attribute.case_exact, unique)
    };
    !old.is_complex() && keys(old) != keys(new)
}

/// Refuses what would come in the way of a job on the same attribute.
pub(crate) fn is_free(definitions: &Definitions, attribute: &str) -> Result<()> {
    let Some(job) = definitions.index(attribute).and_then(|index| index.job) else { return Ok(()) };
    let detail = format!("job {job} is at work on this attribute; wait until it is done, or stop it");
    Err(Error::new(Code::IN_USE, detail))
}

/// Does a job that was just made for as long as a request may wait; the worker goes on with what is left. A job that
/// something was in the way of is an error.
pub(crate) async fn begin(app: &App, tenant: TenantId, id: i64) -> Result<Job> {
    app.reload().await?;
    let clock = Stopwatch::start();
    while clock.micros() < limits::JOB_WAITED_FOR && turn_of(app, tenant, id).await? != Turned::Over {}
    let job = jobs::find(app, tenant, id).await?;
    match job.failures.first().and_then(|failure| failure.get("why")?.as_str()) {
        Some(why) if job.state == JobState::Done && job.kind == "index" => Err(Error::new(Code::UNIQUENESS, why)),
        _ => Ok(job),
    }
}

/// Does some turns of the oldest open job of this kind; whether there was one.
pub(crate) async fn turn(app: &App) -> Result<bool> {
    let now = app.clock().now();
    let waits: bool = app.store().read(move |r| r.job_waits(JobsOf::Indexes, now)).await?;
    if !waits {
        return Ok(false);
    }
    let (node, until) = (app.node().to_owned(), now + limits::JOB_LEASE);
    let next: Option<Job> = app.store().write(move |w| w.job_claim(JobsOf::Indexes, &node, now, until)).await?;
    let Some(job) = next else { return Ok(false) };
    let clock = Stopwatch::start();
    while clock.micros() < limits::JOB_TURN && turn_of(app, job.tenant, job.id).await? != Turned::Over {}
    Ok(true)
}

async fn turn_of(app: &App, tenant: TenantId, id: i64) -> Result<Turned> {
    let by = by(app, &Actor::local());
    let (node, now) = (by.node.clone(), by.now);
    let turned: Turned = app.store().write_in(tenant, move |w| w.index_turn(tenant, id, &node, now)).await?;
    let turned = if turned == Turned::AtItsEnd {
        let ended: Turned = app.store().write(move |w| w.index_end(tenant, id, &by)).await?;
        app.reload().await?;
        app.events().publish(tenant, Topic::Settings);
        ended
    } else {
        turned
    };
    app.events().publish(tenant, Topic::Jobs);
    Ok(turned)
}
