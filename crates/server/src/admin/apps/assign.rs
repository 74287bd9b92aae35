//! Who is assigned to an app: people and groups, with values of their own; and where people stand in the directory.

use super::{told, with_tenant};
use crate::admin::directory::person_called;
use crate::admin::{audited, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::outbound::inputs::{Around, Through};
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use provision::plan::Lane;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{AppId, AssignmentRow, Change, ChangeKind, Lifecycle, LinkKind, Principal, Reader, TenantId, Writer};

/// Whom to assign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewAssignment {
    /// A person or a group.
    #[serde(default)]
    pub(crate) principal: Principal,
    /// Their id; for a person also the userName, for a group the displayName.
    pub(crate) resource: String,
    /// Of several groups, the one with the lowest number wins.
    #[serde(default)]
    pub(crate) priority: u32,
    /// Values that it gives, by variable name of the app's profile.
    #[serde(default)]
    pub(crate) profile: Map<String, Value>,
    /// Values for somebody who has the app through a group: no reason of its own, and none is taken away.
    #[serde(default)]
    pub(crate) only_values: bool,
}

/// Assigns a person, or a group; an assignment that is there is changed.
pub(crate) async fn assign(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    wanted: NewAssignment,
) -> Result<AssignmentRow> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    if let Some(unknown) = wanted.profile.keys().find(|name| integration.app.profile.attribute(name).is_none()) {
        let detail = format!("the app's profile has no attribute {unknown}; see: provost app show");
        return Err(scim::Error::invalid_value(detail).into());
    }
    if wanted.only_values && wanted.principal == Principal::Group {
        return Err(scim::Error::invalid_value("onlyValues is for people; a group is a reason to have the app").into());
    }
    let (id, now, by, known) = (integration.row.id, app.clock().now(), actor.label.clone(), Arc::clone(&state));
    let object = format!("{tenant}/app/{name}/{}/{}", wanted.principal.as_str(), wanted.resource);
    let made = audited(app, actor, ("app.assign", object, json!({"priority": wanted.priority})), move |w| {
        let resource = resolved(w, &known, wanted.principal, &wanted.resource)?;
        let new = AssignmentRow {
            principal: wanted.principal,
            resource: resource.clone(),
            priority: wanted.priority,
            profile: wanted.profile,
            only_values: wanted.only_values,
            created_at: now,
            created_by: by,
            ..AssignmentRow::default()
        };
        put(w, known.tenant.id, id, &new)?;
        w.assignment(id, new.principal, &resource)?.ok_or_else(|| missing("the assignment is gone"))
    })
    .await?;
    told(app, &state);
    Ok(made)
}

/// Stores an assignment, and has whoever it is about looked at.
pub(super) fn put(w: &mut Writer, tenant: TenantId, app: AppId, new: &AssignmentRow) -> store::Result<()> {
    w.assign(tenant, app, new)?;
    let (resource, now) = (&new.resource, new.created_at);
    match new.principal {
        Principal::User if new.only_values => {
            w.link_nudge_known(app, LinkKind::User, resource, number(Lane::Change), now)
        }
        Principal::User => w.link_nudge(tenant, app, LinkKind::User, resource, number(Lane::Arrival), now),
        Principal::Group => w.fill_insert(tenant, app, resource, number(Lane::Backfill), true),
    }
}

/// Takes an assignment away, and has whoever it was about looked at; whether there was one.
pub(super) fn take(
    w: &mut Writer,
    tenant: TenantId,
    app: AppId,
    (principal, resource): (Principal, &str),
    now: i64,
) -> store::Result<bool> {
    if !w.unassign(app, principal, resource)? {
        return Ok(false);
    }
    match principal {
        Principal::User => {
            w.link_nudge_known(app, LinkKind::User, resource, number(Lane::Leaver), now)?;
        }
        Principal::Group => w.fill_insert(tenant, app, resource, number(Lane::Leaver), false)?,
    }
    Ok(true)
}

/// Takes an assignment away; accounts that nobody else is the reason for are put out of use, as the policy says.
pub(crate) async fn unassign(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    principal: Principal,
    resource: &str,
) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now, resource, known) = (integration.row.id, app.clock().now(), resource.to_owned(), Arc::clone(&state));
    let object = format!("{tenant}/app/{name}/{}/{resource}", principal.as_str());
    audited(app, actor, ("app.unassign", object, json!({})), move |w| {
        // Somebody who is gone can still be unassigned by id.
        let resource = resolved(w, &known, principal, &resource).unwrap_or(resource);
        match take(w, known.tenant.id, id, (principal, &resource), now)? {
            true => Ok(()),
            false => Err(missing("this app has no such assignment; see: provost app assignments")),
        }
    })
    .await?;
    told(app, &state);
    Ok(())
}

/// An app's assignments behind one of them, oldest first.
pub(crate) async fn list(
    app: &App,
    tenant: &str,
    name: &str,
    principal: Principal,
    after: i64,
    limit: u32,
) -> Result<Vec<AssignmentRow>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    app.store()
        .read(move |r| -> store::Result<_> {
            let mut found = r.assignments(integration.row.id, principal, after, limit)?;
            for row in found.iter_mut().filter(|row| row.display.is_none() && row.principal == Principal::User) {
                row.display = person_called(r, &state, &row.resource)?;
            }
            Ok(found)
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// The assignments that these people, or groups, have of their own.
pub(crate) async fn held(
    app: &App,
    integration: &Integration,
    principal: Principal,
    resources: Vec<String>,
) -> Result<Vec<AssignmentRow>> {
    let id = integration.row.id;
    let read = app.store().read(move |r| -> store::Result<Vec<AssignmentRow>> {
        let each = resources.iter().map(|resource| r.assignment(id, principal, resource));
        each.filter_map(store::Result::transpose).collect()
    });
    read.await.map_err(|error: store::Error| error.into())
}

/// Through what each of these people has the app. What is read does not grow with the app.
pub(crate) async fn through(
    app: &App,
    state: &Arc<TenantState>,
    integration: &Integration,
    people: Vec<String>,
) -> Result<Vec<Through>> {
    let (state, integration) = (Arc::clone(state), integration.clone());
    app.store()
        .read(move |r| -> Result<Vec<Through>> {
            let ids: Vec<&str> = people.iter().map(String::as_str).collect();
            let around = Around::read(r, &state, &integration, &ids)?;
            Ok(people.iter().map(|person| around.through(person)).collect())
        })
        .await
}

/// People, or groups, whose name holds a text, for a choice: id and name.
pub(crate) async fn candidates(
    app: &App,
    tenant: &str,
    principal: Principal,
    text: &str,
) -> Result<Vec<(String, String)>> {
    let (id, text) = (tenant_of(app, tenant)?.tenant.id, text.to_owned());
    let kind = match principal {
        Principal::User => LinkKind::User,
        Principal::Group => LinkKind::Group,
    };
    let read = app.store().read(move |r| r.named_like(id, kind, &text, 50)).await;
    read.map_err(|error: store::Error| error.into())
}

/// The id of a person, or group, by id or by name.
pub(crate) fn resolved(r: &Reader, state: &TenantState, principal: Principal, text: &str) -> Result<String> {
    let (kind, path, what) = match principal {
        Principal::User => ("User", "userName", "there is no user of this id or userName; see: provost user list"),
        Principal::Group => ("Group", "displayName", "there is no group of this id or name; see: provost group list"),
    };
    let rt = state.named(kind).ok_or_else(|| missing(what))?;
    if let Some(view) = r.view(state.tenant.id, rt, text, false)? {
        return Ok(view.id);
    }
    let mut found = r.find_by(state.tenant.id, rt, path, text)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one.id),
        (Some(_), false) => Err(scim::Error::invalid_value("several have this name; name the one by its id").into()),
        (None, _) => Err(missing(what)),
    }
}

/// Changes where a person stands besides what `active` says; the apps follow.
pub(crate) async fn set_status(app: &App, actor: &Actor, tenant: &str, person: &str, status: Lifecycle) -> Result<()> {
    let state = tenant_of(app, tenant)?;
    let (word, now, known) = (status.word(), app.clock().now(), Arc::clone(&state));
    let (person, label) = (person.to_owned(), actor.label.clone());
    let line = ("user.status", format!("{tenant}/user/{person}"), json!({"status": word.unwrap_or("active")}));
    audited(app, actor, line, move |w| {
        let id = resolved(w, &known, Principal::User, &person)?;
        w.set_lifecycle(known.tenant.id, &id, word, now)?;
        w.change(&Change {
            tenant: known.tenant.id,
            seq: 0,
            kind: ChangeKind::Updated,
            resource_type: "User".into(),
            id,
            at: now,
            actor: label,
            what: json!({"attributes": ["active"]}),
        })?;
        Ok(())
    })
    .await?;
    told(app, &state);
    Ok(())
}

/// A lane as the store counts them.
pub(crate) fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Leaver => 0,
        Lane::Arrival => 1,
        Lane::Change => 2,
        Lane::Backfill => 3,
    }
}
