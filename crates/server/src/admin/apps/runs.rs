//! Scans of an app on demand: reconciliation and import, what they found, and what somebody decides about it.

use super::assign::resolved;
use super::{told, with_tenant};
use crate::admin::directory::person_called;
use crate::admin::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::outbound::import;
use crate::tenants::TenantState;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use store::{Principal, Run, RunItem, RunState};

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
    if integration.options.deactivated {
        let detail = "the app is deactivated and asked nothing; put it back into use first: options.deactivated=false";
        return Err(scim::Error::invalid_value(detail).into());
    }
    let (id, now) = (integration.row.id, app.clock().now());
    let mut new = Run {
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
        if incremental && kind == Kind::Import {
            // What the app changed while it was read the last time is read again.
            let last = w.runs(id, new.kind.as_str(), 50)?.into_iter().find(|run| run.state == RunState::Done);
            let since = last.and_then(|run| run.started_at).map(|at| at.saturating_sub(limits::IMPORT_OVERLAP));
            new.position = json!({"since": since});
        }
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

/// What people and groups are called here, by their ids.
pub(crate) async fn names(app: &App, state: &Arc<TenantState>, ids: Vec<String>) -> Result<HashMap<String, String>> {
    let state = Arc::clone(state);
    app.store()
        .read(move |r| -> store::Result<_> {
            let mut names = HashMap::new();
            for id in ids {
                let known = r.display_of(state.tenant.id, &id)?;
                if let Some(name) = known.map_or_else(|| person_called(r, &state, &id), |name| Ok(Some(name)))? {
                    names.insert(id, name);
                }
            }
            Ok(names)
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// Ends a scan; what it did stays done.
pub(crate) async fn cancel(app: &App, actor: &Actor, tenant: &str, name: &str, run: i64) -> Result<()> {
    let mut found = find(app, tenant, name, run).await?;
    (found.state, found.finished_at) = (RunState::Cancelled, Some(app.clock().now()));
    let line = ("app.runCancel", format!("{tenant}/app/{name}/run/{run}"), json!({}));
    audited(app, actor, line, move |w| Ok(w.run_update(&found, None).map(|_| ())?)).await
}

/// Lets a scan that the safeguard stopped go on, now that somebody has looked.
pub(crate) async fn resume(app: &App, actor: &Actor, tenant: &str, name: &str, run: i64) -> Result<()> {
    let state = with_tenant(app, tenant, name).await?.0;
    let mut found = find(app, tenant, name, run).await?;
    if found.state != RunState::Stopped {
        return Err(scim::Error::invalid_value("this run was not stopped by its safeguard").into());
    }
    (found.state, found.error) = (RunState::Waiting, None);
    if let Some(position) = found.position.as_object_mut() {
        position.insert("agreed".into(), true.into());
    }
    let line = ("app.runResume", format!("{tenant}/app/{name}/run/{run}"), json!({}));
    audited(app, actor, line, move |w| Ok(w.run_update(&found, None).map(|_| ())?)).await?;
    told(app, &state);
    Ok(())
}

/// What to do about a finding of an import.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Decision {
    /// The account is this person's; without one, the person's whom the rules found.
    Confirm {
        /// Their id or userName.
        #[serde(default)]
        person: Option<String>,
    },
    /// The account is nobody's yet: a person is made of it.
    Create,
    /// Nothing; it is asked again in the next run.
    Ignore,
}

/// Decides about a finding of an import; answers whose the account is by then.
pub(crate) async fn decide(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    (run, item): (i64, i64),
    decision: Decision,
) -> Result<Option<String>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let run = find(app, tenant, name, run).await?.id;
    let found: Option<RunItem> = app.store().read(move |r| r.run_item(run, item)).await?;
    let mut found = found.ok_or_else(|| missing("this run has no finding of this number"))?;
    let (word, person) = match decision {
        Decision::Ignore => ("ignored", None),
        Decision::Create => {
            found.resource = None;
            ("confirmed", Some(import::confirm(app, &state, &integration, &found).await?))
        }
        Decision::Confirm { person } => {
            if let Some(person) = person {
                let known = Arc::clone(&state);
                let resolved = app.store().read(move |r| resolved(r, &known, Principal::User, &person)).await?;
                found.resource = Some(resolved);
            }
            if found.resource.is_none() {
                return Err(scim::Error::invalid_value("say whose the account is, or have a person made of it").into());
            }
            ("confirmed", Some(import::confirm(app, &state, &integration, &found).await?))
        }
    };
    let line = ("app.import", format!("{tenant}/app/{name}/run/{run}/{item}"), json!({"decided": word}));
    let kept = person.clone();
    audited(app, actor, line, move |w| Ok(w.run_item_decide(run, item, kept.as_deref(), word)?)).await?;
    told(app, &state);
    Ok(person)
}
