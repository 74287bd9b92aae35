//! Members that a push named and that are nobody here.

use super::{audited, directory};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::tenants::TenantState;
use scim::meta::rfc3339;
use serde_json::{Value, json};
use store::AbsentMember;

/// Members named in vain that are shown of a group.
pub(crate) const TOLD_MAX: u32 = 100;

/// Those of a group.
pub(crate) async fn list(app: &App, state: &TenantState, group: &directory::Found) -> Result<Vec<AbsentMember>> {
    let (tenant, rid) = (state.tenant.id, group.rid);
    Ok(app.store().read(move |r| r.absent_members(tenant, rid, TOLD_MAX + 1)).await?)
}

/// One as the admin API shows it.
pub(crate) fn row(member: &AbsentMember) -> Value {
    let here = member.here.as_ref().map(|(id, kind, display)| json!({"id": id, "type": kind, "display": display}));
    json!({"value": member.value, "lastNamedAt": rfc3339(member.seen_at), "hereNow": here})
}

/// Forgets them: somebody has looked, or put it right at the identity provider.
pub(crate) async fn forget(app: &App, actor: &Actor, state: &TenantState, group: &directory::Found) -> Result<()> {
    let (tenant, rid) = (state.tenant.id, group.rid);
    let line = ("group.absent.forget", format!("{}/Groups/{}", state.tenant.name, group.id), json!({}));
    audited(app, actor, line, move |w| Ok(w.absent_members_forgotten(tenant, rid)?)).await
}
