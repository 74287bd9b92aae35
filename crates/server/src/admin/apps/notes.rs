//! Tasks that somebody leaves as they are, with a note that says why: they count no longer among what waits.
//!
//! A note is about a cause, and goes with it: when nobody waits for the cause any more, the next one is a task again.

use super::{told, with_tenant};
use crate::admin::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use serde_json::json;
use store::TaskNote;

/// Leaves a task as it is.
pub(crate) async fn ignore(
    app: &App,
    actor: &Actor,
    (tenant, name): (&str, &str),
    cause: &str,
    note: &str,
) -> Result<TaskNote> {
    let note = note.trim();
    if note.is_empty() || note.chars().count() > limits::TASK_NOTE_MAX {
        let detail = format!("say in 1 to {} characters why the task is left as it is", limits::TASK_NOTE_MAX);
        return Err(scim::Error::invalid_value(detail).into());
    }
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let new = TaskNote { note: note.to_owned(), created_at: app.clock().now(), created_by: actor.label.clone() };
    let line = ("app.ignore", format!("{tenant}/app/{name}"), json!({"cause": cause, "note": note}));
    let (id, cause, kept) = (integration.row.id, cause.to_owned(), new.clone());
    audited(app, actor, line, move |w| {
        let is_task = w.task_ignore(state.tenant.id, id, &cause, &kept)?;
        if is_task { Ok(()) } else { Err(missing("nobody waits for this cause; see: provost app tasks")) }
    })
    .await?;
    app.waiting().forget(integration.row.tenant);
    Ok(new)
}

/// Takes a task up again.
pub(crate) async fn recall(app: &App, actor: &Actor, (tenant, name): (&str, &str), cause: &str) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let line = ("app.recall", format!("{tenant}/app/{name}"), json!({"cause": cause}));
    let (tenant, id, cause) = (state.tenant.id, integration.row.id, cause.to_owned());
    audited(app, actor, line, move |w| {
        let was_ignored = w.task_recall(tenant, id, &cause)?;
        if was_ignored { Ok(()) } else { Err(missing("no task of this cause is ignored; see: provost app tasks")) }
    })
    .await?;
    told(app, &state);
    app.waiting().forget(tenant);
    Ok(())
}
