//! Looking before leaping: what would be done for one person and why.

use super::assign::resolved;
use super::{told, with_tenant};
use crate::admin::missing;
use crate::app::App;
use crate::error::Result;
use crate::outbound::integration::Integration;
use crate::outbound::{brakes, inputs, others};
use crate::tenants::TenantState;
use provision::Facts;
use provision::assignment::Reason;
use provision::link::{Kind, Link};
use provision::mapping::{self, Explained};
use provision::plan::{Action, Desired, next};
use provision::wire::{self, Request};
use serde_json::Value;
use std::sync::Arc;
use store::{LinkKind, LinkRow, Principal};

/// What would be done for one person at one app, and why: what the worker would do, without doing it.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// 1. The person as the directory has them, with groups and manager.
    pub(crate) facts: Facts,
    /// 2. and 3. Whether they should be there and why; which values, and where each comes from.
    pub(crate) explained: Explained,
    /// Of somebody whom no assignment is about: what they would get if they were assigned.
    pub(crate) if_assigned: Option<Desired>,
    /// 4. What is known of the account.
    pub(crate) link: Link,
    /// Its row, if there is one.
    pub(crate) row: Option<LinkRow>,
    /// 5. The next thing to do; a brake may hold it.
    pub(crate) action: Action,
    /// 6. The request that would do it, secrets taken out.
    pub(crate) request: Option<Request>,
}

/// Decides about one person, by id or userName, as the worker would right now; nothing is sent or stored.
pub(crate) async fn preview(app: &App, tenant: &str, name: &str, person: &str) -> Result<Preview> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    of(app, state, integration, person).await
}

/// The same with an integration that need not be stored.
pub(crate) async fn of(app: &App, state: Arc<TenantState>, integration: Integration, person: &str) -> Result<Preview> {
    let (now, person) = (app.clock().now(), person.to_owned());
    app.store()
        .read(move |r| -> Result<Preview> {
            let id = resolved(r, &state, Principal::User, &person)?;
            let row = r.link_of(integration.row.id, LinkKind::User, &id)?;
            let stored = match &row {
                Some(row) => r.link_state(row.id)?,
                None => None,
            };
            let mut link: Link = match stored {
                Some(stored) => serde_json::from_str(&stored).map_err(store::Error::from)?,
                None => Link::new(Kind::User, &id),
            };
            let inputs = inputs::person(r, &state, &integration, &id, &link, now)?;
            link.note(&inputs.desired, now);
            let rules = inputs.rules(&integration, LinkKind::User);
            let action = next(&link, &inputs.desired, &rules, now);
            let (number, app) = (row.as_ref().map_or(0, |row| row.id), integration.row.id);
            let action = brakes::apply(r, &integration, action, number, now, || r.population(app))?;
            let request = wire::request(&action, &link, &rules, 0).map(|request| cleaned(request, &state));
            let (Some(standing), Some(facts)) = (inputs.standing.clone(), inputs.facts.clone()) else {
                return Err(missing("there is nothing to say about this person"));
            };
            let explained = Explained { standing, desired: inputs.desired.clone() };
            let unassigned = explained.standing.reasons.first() == Some(&Reason::NotAssigned);
            let if_assigned = unassigned.then(|| mapping::as_if_assigned(&integration.app, &facts, &id, now));
            Ok(Preview { facts, explained, if_assigned, link, row, action, request })
        })
        .await
}

fn cleaned(mut request: Request, state: &TenantState) -> Request {
    request.body.iter_mut().for_each(|body| state.secrets.clean(body));
    request
}

/// *Provision on demand*: the worker looks at this person now, before everything but leavers; answers the link.
pub(crate) async fn provision_now(app: &App, tenant: &str, name: &str, person: &str) -> Result<LinkRow> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (now, person, known) = (app.clock().now(), person.to_owned(), Arc::clone(&state));
    let row = app
        .store()
        .write_in(state.tenant.id, move |w| -> Result<LinkRow> {
            let (tenant, id) = (known.tenant.id, integration.row.id);
            let person = resolved(w, &known, Principal::User, &person)?;
            w.link_nudge(tenant, id, LinkKind::User, &person, 1, now)?;
            let row = w.link_of(id, LinkKind::User, &person)?.ok_or_else(|| missing("the link is gone"))?;
            w.link_retry(row.id, 1, now)?;
            Ok(row)
        })
        .await?;
    told(app, &state);
    Ok(row)
}

/// The names that mappings to an app can read, for a choice: `user.x`.
pub(crate) fn directory_names(app: &App, tenant: &str) -> Result<Vec<String>> {
    let state = crate::admin::tenant_of(app, tenant)?;
    let users = state.named("User").ok_or_else(|| missing("there is no resource type User"))?;
    Ok(crate::outbound::directory::names(users))
}

/// The other apps, and their settings, that expressions of an app can name.
pub(crate) async fn other_names(app: &App, integration: &Integration) -> Result<Vec<String>> {
    let (tenant, id) = (integration.row.tenant, integration.row.id);
    let read = app.store().read(move |r| others::objects(r, tenant, id)).await;
    read.map_err(|error: store::Error| error.into())
}

/// A value of a preview as one line.
pub(crate) fn line(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
