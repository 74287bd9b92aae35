//! What became of the people and groups of an app: links, what was sent for them, tasks, held work.

use super::{told, with_tenant};
use crate::admin::directory::person_called;
use crate::admin::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Exchange, LinkKind, LinkQuery, LinkRow, TaskRow};

/// A link with what is known of the account, and the last requests.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// The link.
    pub(crate) row: LinkRow,
    /// `provision::Link`: the document as the app showed it, what it makes of values, doubts.
    pub(crate) state: Value,
    /// Newest first.
    pub(crate) exchanges: Vec<Exchange>,
}

/// A page of an app's links.
pub(crate) async fn list(app: &App, tenant: &str, name: &str, mut query: LinkQuery) -> Result<Vec<LinkRow>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    query.limit = query.limit.clamp(1, limits::API_PAGE_MAX);
    app.store()
        .read(move |r| -> store::Result<_> {
            let mut found = r.links(integration.row.id, &query)?;
            for row in found.iter_mut().filter(|row| row.name.is_none() && row.kind == LinkKind::User) {
                row.name = person_called(r, &state, &row.resource)?;
            }
            Ok(found)
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// The link of a person at an app, if there is one.
pub(crate) async fn of_person(app: &App, integration: &Integration, person: &str) -> Result<Option<LinkRow>> {
    let (id, person) = (integration.row.id, person.to_owned());
    let read = app.store().read(move |r| r.link_of(id, LinkKind::User, &person)).await;
    read.map_err(|error: store::Error| error.into())
}

/// The links of these groups at an app, of those that have one.
pub(crate) async fn of_groups(app: &App, integration: &Integration, groups: Vec<String>) -> Result<Vec<LinkRow>> {
    let id = integration.row.id;
    let read = app.store().read(move |r| -> store::Result<Vec<LinkRow>> {
        let each = groups.iter().map(|group| r.link_of(id, LinkKind::Group, group));
        each.filter_map(store::Result::transpose).collect()
    });
    read.await.map_err(|error: store::Error| error.into())
}

/// When something was last sent to each of these, by their numbers.
pub(crate) async fn last_sent(app: &App, links: &[LinkRow]) -> Result<BTreeMap<i64, i64>> {
    let ids: Vec<i64> = links.iter().map(|link| link.id).collect();
    let read = app.store().read(move |r| r.last_sent(&ids)).await;
    read.map_err(|error: store::Error| error.into())
}

/// One link.
pub(crate) async fn find(app: &App, tenant: &str, name: &str, link: i64) -> Result<Whole> {
    let id = with_tenant(app, tenant, name).await?.1.row.id;
    let found: Option<Whole> = app
        .store()
        .read(move |r| -> store::Result<_> {
            let Some(row) = r.link(link)?.filter(|row| row.app == id) else { return Ok(None) };
            let state = r.link_state(link)?.map(|state| serde_json::from_str(&state)).transpose()?.unwrap_or_default();
            let exchanges = r.exchanges(id, Some(link), None, 100)?;
            Ok(Some(Whole { row, state, exchanges }))
        })
        .await?;
    found.ok_or_else(|| missing("this app has no link of this number"))
}

/// What was sent to an app and what it answered, newest first; of one link if it is named.
pub(crate) async fn exchanges(
    app: &App,
    tenant: &str,
    name: &str,
    link: Option<i64>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Exchange>> {
    let id = with_tenant(app, tenant, name).await?.1.row.id;
    let limit = limit.clamp(1, limits::API_PAGE_MAX);
    let read = app.store().read(move |r| r.exchanges(id, link, before, limit)).await;
    read.map_err(|error: store::Error| error.into())
}

/// What somebody has to look at, grouped by cause.
pub(crate) async fn tasks(app: &App, tenant: &str, name: &str) -> Result<Vec<TaskRow>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    tasks_of(app, &state, &integration).await
}

/// The same of an app that is at hand.
pub(super) async fn tasks_of(app: &App, state: &Arc<TenantState>, integration: &Integration) -> Result<Vec<TaskRow>> {
    let (state, id) = (Arc::clone(state), integration.row.id);
    app.store()
        .read(move |r| -> store::Result<_> {
            let mut found = r.tasks(id)?;
            for task in &mut found {
                let unnamed = task.example.as_deref();
                if let Some(name) = unnamed.map(|id| person_called(r, &state, id)).transpose()?.flatten() {
                    task.example = Some(name);
                }
            }
            Ok(found)
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// What to try again.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Retry {
    /// One link.
    Link(i64),
    /// Every link of one task, by the cause's key.
    Cause(String),
    /// One link, and everything that was learned of the app's habits with it is forgotten: *force sync*.
    Forget(i64),
    /// Every link of the app is decided anew.
    Everything,
}

/// Tries again; answers how many links it is about.
pub(crate) async fn retry(app: &App, actor: &Actor, tenant: &str, name: &str, what: Retry) -> Result<u64> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now) = (integration.row.id, app.clock().now());
    let line = ("app.retry", format!("{tenant}/app/{name}"), json!(format!("{what:?}")));
    let count = audited(app, actor, line, move |w| {
        let one = |w: &mut store::Writer, link: i64, how: i64| -> Result<u64> {
            match w.link(link)?.filter(|row| row.app == id) {
                Some(_) => Ok(u64::from(w.link_retry(link, how, now)?)),
                None => Err(missing("this app has no link of this number")),
            }
        };
        match what {
            Retry::Link(link) => one(w, link, 1),
            Retry::Forget(link) => one(w, link, 2),
            Retry::Cause(cause) => Ok(w.links_retry(id, &cause, now)?),
            Retry::Everything => {
                w.app_bump(id)?;
                let kinds = [store::LinkKind::User, store::LinkKind::Group];
                let counts =
                    kinds.into_iter().map(|kind| w.links_count(id, kind)).collect::<store::Result<Vec<_>>>()?;
                Ok(counts.iter().flatten().map(|(.., count)| *count).sum())
            }
        }
    })
    .await?;
    told(app, &state);
    Ok(count)
}

/// Lets held work go on for these links and nobody else; answers how many were held. The approval ends by itself.
pub(crate) async fn approve(app: &App, actor: &Actor, tenant: &str, name: &str, links: BTreeSet<i64>) -> Result<u64> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now) = (integration.row.id, app.clock().now());
    let line = ("app.approve", format!("{tenant}/app/{name}"), json!({"links": links.len()}));
    let until = now.saturating_add(limits::APPROVAL_LIFE);
    let held = audited(app, actor, line, move |w| Ok(w.approve(id, &links, now, until)?)).await?;
    told(app, &state);
    Ok(held)
}

/// Drops held work; it comes back when the person, or the app, changes. Answers how many were held.
pub(crate) async fn discard(app: &App, actor: &Actor, tenant: &str, name: &str, links: Vec<i64>) -> Result<u64> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now) = (integration.row.id, app.clock().now());
    let line = ("app.drop", format!("{tenant}/app/{name}"), json!({"links": links.len()}));
    let dropped = audited(app, actor, line, move |w| Ok(w.links_drop(id, &links, now)?)).await?;
    told(app, &state);
    Ok(dropped)
}
