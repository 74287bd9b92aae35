//! What an app's people and groups wait for: tasks, held work, exchanges, scans and what they found.

use super::apps::{Place, body_at, number, show_exchange};
use super::{ApiResult, listed, onwards, shown};
use crate::admin::apps::{links, notes, runs};
use crate::admin::log;
use crate::app::App;
use crate::auth::Actor;
use crate::query;
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Run, TaskNote, TaskRow};

/// What somebody has to look at, by cause.
pub(super) async fn tasks(State(app): State<App>, Path((tenant, name)): Place) -> ApiResult {
    listed(links::tasks(&app, &tenant, &name).await?.iter().map(show_task).collect(), None)
}

fn show_task(task: &TaskRow) -> Value {
    json!({
        "cause": task.cause, "count": task.count, "firstAt": rfc3339(task.first_at), "lastAt": rfc3339(task.last_at),
        "detail": task.detail, "example": task.example, "ignored": task.note.as_ref().map(show_note),
    })
}

fn show_note(note: &TaskNote) -> Value {
    json!({"note": note.note, "at": rfc3339(note.created_at), "by": note.created_by})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Left {
    cause: String,
    note: String,
}

/// A task stays as it is, and why.
pub(super) async fn ignore(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let left: Left = body_at(&app, &tenant, &name, request).await?;
    shown(200, &show_note(&notes::ignore(&app, &actor, (&tenant, &name), &left.cause, &left.note).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cause {
    cause: String,
}

/// It is a task again.
pub(super) async fn recall(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let taken: Cause = body_at(&app, &tenant, &name, request).await?;
    notes::recall(&app, &actor, (&tenant, &name), &taken.cause).await?;
    shown(200, &json!({}))
}

/// `{"link": 7}`, `{"cause": "…"}`, `{"forget": 7}` or `"everything"`.
pub(super) async fn retry(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let what: links::Retry = body_at(&app, &tenant, &name, request).await?;
    shown(202, &json!({"links": links::retry(&app, &actor, &tenant, &name, what).await?}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Chosen {
    links: Vec<i64>,
}

/// Held work may go on, for these links and nobody else.
pub(super) async fn approve(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let chosen: Chosen = body_at(&app, &tenant, &name, request).await?;
    let links = chosen.links.into_iter().collect();
    shown(202, &json!({"approved": links::approve(&app, &actor, &tenant, &name, links).await?}))
}

/// Held work is not done.
pub(super) async fn discard(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let chosen: Chosen = body_at(&app, &tenant, &name, request).await?;
    shown(200, &json!({"dropped": links::discard(&app, &actor, &tenant, &name, chosen.links).await?}))
}

/// `?link&before&limit`, newest first.
pub(super) async fn exchanges(
    State(app): State<App>,
    Path((tenant, name)): Place,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let (link, before) = (log::number(&raw, "link"), log::number(&raw, "before"));
    let limit = log::limit(&raw);
    let all = links::exchanges(&app, &tenant, &name, link, before, limit).await?;
    let next = onwards(&all, limit, |one| one.id);
    listed(all.iter().map(show_exchange).collect(), next)
}

fn show_run(run: &Run) -> Value {
    json!({
        "id": run.id, "kind": run.kind, "mode": run.mode, "state": run.state.as_str(), "counts": run.counts,
        "error": run.error, "createdAt": rfc3339(run.created_at), "createdBy": run.created_by,
        "startedAt": run.started_at.map(rfc3339), "finishedAt": run.finished_at.map(rfc3339),
    })
}

/// `?kind`: `reconcile` or `import`; newest first.
pub(super) async fn list_runs(
    State(app): State<App>,
    Path((tenant, name)): Place,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let import = query::value(&raw.unwrap_or_default(), "kind").is_some_and(|kind| kind == "import");
    let kind = if import { runs::Kind::Import } else { runs::Kind::Reconcile };
    listed(runs::list(&app, &tenant, &name, kind).await?.iter().map(show_run).collect(), None)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRun {
    kind: runs::Kind,
    #[serde(default)]
    incremental: bool,
}

pub(super) async fn begin_run(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: NewRun = body_at(&app, &tenant, &name, request).await?;
    let run = runs::begin(&app, &actor, &tenant, &name, wanted.kind, wanted.incremental).await?;
    shown(202, &show_run(&run))
}

/// Tenant, app and run.
type RunPlace = Path<(String, String, String)>;

pub(super) async fn run(State(app): State<App>, Path((tenant, name, run)): RunPlace) -> ApiResult {
    let run = number(&run)?;
    shown(200, &show_run(&runs::find(&app, &tenant, &name, run).await?))
}

/// What somebody does to a run.
enum Steer {
    Cancel,
    /// It goes on, although its safeguard stopped it.
    Resume,
}

/// Does it, and shows how the run stands then.
async fn steered(app: &App, (tenant, name, run): (String, String, String), actor: &Actor, how: Steer) -> ApiResult {
    let run = number(&run)?;
    let status = match how {
        Steer::Cancel => {
            runs::cancel(app, actor, &tenant, &name, run).await?;
            200
        }
        Steer::Resume => {
            runs::resume(app, actor, &tenant, &name, run).await?;
            202
        }
    };
    shown(status, &show_run(&runs::find(app, &tenant, &name, run).await?))
}

pub(super) async fn cancel_run(
    State(app): State<App>,
    Path(place): RunPlace,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    steered(&app, place, &actor, Steer::Cancel).await
}

pub(super) async fn resume_run(
    State(app): State<App>,
    Path(place): RunPlace,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    steered(&app, place, &actor, Steer::Resume).await
}

/// `?verdict&after&limit`.
pub(super) async fn items(
    State(app): State<App>,
    Path((tenant, name, run)): RunPlace,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let run = number(&run)?;
    let raw = raw.unwrap_or_default();
    let verdict = query::value(&raw, "verdict").filter(|word| !word.is_empty());
    let after = log::number(&raw, "after").unwrap_or(0);
    let limit = log::limit(&raw);
    let found = runs::items(&app, &tenant, &name, run, verdict, after, limit).await?;
    let next = onwards(&found, limit, |item| item.id);
    listed(found.iter().map(|item| json!(item)).collect(), next)
}

/// `{"confirm": {"person": "adam"}}`, `"create"` or `"ignore"`.
pub(super) async fn decide(
    State(app): State<App>,
    Path((tenant, name, run, item)): Path<(String, String, String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let (run, item) = (number(&run)?, number(&item)?);
    let decision: runs::Decision = body_at(&app, &tenant, &name, request).await?;
    let person = runs::decide(&app, &actor, &tenant, &name, (run, item), decision).await?;
    shown(200, &json!({"person": person}))
}
