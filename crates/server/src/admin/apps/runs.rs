//! Scans of an app on demand: reconciliation and import, what they found, and what somebody decides about it.

use super::{told, with_tenant};
use crate::admin::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use serde::Deserialize;
use serde_json::json;
use store::{Run, RunItem, RunState};

/// Which scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// Compares what is there with what should be, and repairs by policy.
    Reconcile,
    /// Takes people and groups over into the directory.
    Import,
}

impl Kind {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Import => "import",
        }
    }
}

/// Begins a scan; the one that is under way, if there is one. An incremental import reads only what changed since the
/// last one, where the app can be asked that.
pub(crate) async fn begin(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    kind: Kind,
    incremental: bool,
) -> Result<Run> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now) = (integration.row.id, app.clock().now());
    let new = Run {
        tenant: state.tenant.id,
        app: id,
        kind: kind.as_str().into(),
        mode: if incremental { "incremental" } else { "full" }.into(),
        position: json!({}),
        created_at: now,
        created_by: actor.label.clone(),
        ..Run::default()
    };
    let line = ("app.run", format!("{tenant}/app/{name}"), json!({"kind": new.kind, "mode": new.mode}));
    let run = audited(app, actor, line, move |w| {
        let number = w.run_insert(&new)?;
        w.run(id, number)?.ok_or_else(|| missing("the run is gone"))
    })
    .await?;
    told(app, &state);
    Ok(run)
}

/// An app's scans of a kind, newest first.
pub(crate) async fn list(app: &App, tenant: &str, name: &str, kind: Kind) -> Result<Vec<Run>> {
    let id = with_tenant(app, tenant, name).await?.1.row.id;
    app.store().read(move |r| r.runs(id, kind.as_str(), 50)).await.map_err(|error: store::Error| error.into())
}

/// One scan.
pub(crate) async fn find(app: &App, tenant: &str, name: &str, run: i64) -> Result<Run> {
    let id = with_tenant(app, tenant, name).await?.1.row.id;
    let found: Option<Run> = app.store().read(move |r| r.run(id, run)).await?;
    found.ok_or_else(|| missing("this app has no run of this number"))
}

/// What a scan found, behind one of its findings; of one verdict if it is named.
pub(crate) async fn items(
    app: &App,
    tenant: &str,
    name: &str,
    run: i64,
    verdict: Option<String>,
    after: i64,
    limit: u32,
) -> Result<Vec<RunItem>> {
    let run = find(app, tenant, name, run).await?.id;
    let limit = limit.clamp(1, crate::limits::API_PAGE_MAX);
    let read = app.store().read(move |r| r.run_items(run, verdict.as_deref(), after, limit)).await;
    read.map_err(|error: store::Error| error.into())
}

/// Ends a scan; what it did stays done.
pub(crate) async fn cancel(app: &App, actor: &Actor, tenant: &str, name: &str, run: i64) -> Result<()> {
    let mut found = find(app, tenant, name, run).await?;
    (found.state, found.finished_at) = (RunState::Cancelled, Some(app.clock().now()));
    let line = ("app.runCancel", format!("{tenant}/app/{name}/run/{run}"), json!({}));
    audited(app, actor, line, move |w| Ok(w.run_update(&found, None).map(|_| ())?)).await
}
