//! People whom an operator took from their identity provider: what it says of them by our id is refused, until it takes
//! them on anew or an operator links them again.
//!
//! It takes them on anew with a create that the tenant's matching lets take the account over, or by looking them up with a
//! filter and then changing them, as identity providers do when somebody is assigned. A push to somebody whom it knows
//! already comes without that look. Whoever refuses silently would leave it in the belief that all is well.

use super::Cx;
use crate::error::{Error, Result};
use crate::limits;
use crate::record::Trace;
use scim::{Code, Resource, ResourceType};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Reader, Stored, TenantId, View, Writer};

/// Refuses a token's change of somebody who was unlinked, unless it has just looked for them. Costs nothing where they have
/// an identity provider's id: whoever is unlinked has none.
pub(super) fn hold(w: &mut Writer, cx: &Cx, trace: &mut Trace, rt: &ResourceType, stored: &Stored) -> Result<()> {
    let is_linked = stored.resource.text(rt, "externalId").is_some_and(|id| !id.is_empty());
    if !rt.is_user() || cx.actor.scope.admin || is_linked {
        return Ok(());
    }
    let rid = stored.rid;
    let Some(unlinked) = w.unlinked(cx.tenant.tenant.id, rid)? else { return Ok(()) };
    let lately = |at: i64| (0..=limits::MATCHED_FOR).contains(&(cx.now - at));
    if unlinked.sought.is_some_and(|(at, by)| by == cx.actor.label && lately(at)) {
        return matched(w, cx, trace, rid);
    }
    let detail = "this person was unlinked from the identity provider here and is a local one now; \
                  assign them there anew, or link them again here";
    Err(Error::new(Code::UNLINKED, detail))
}

/// The identity provider has taken them on anew.
pub(super) fn matched(w: &mut Writer, cx: &Cx, trace: &mut Trace, rid: i64) -> Result<()> {
    if w.unlinked_forget(cx.tenant.tenant.id, rid)? {
        trace.step("was unlinked here, and is matched anew: managed again");
    }
    Ok(())
}

/// An operator who takes the identity provider's id of somebody away unlinks them; who gives them one links them again.
pub(super) fn follow(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    rt: &ResourceType,
    stored: &Stored,
    new: &Resource,
) -> Result<()> {
    if !rt.is_user() || !cx.actor.scope.admin {
        return Ok(());
    }
    let id = |resource: &Resource| resource.text(rt, "externalId").filter(|id| !id.is_empty()).map(str::to_owned);
    match (id(&stored.resource), id(new)) {
        (Some(old), None) => {
            trace.step("unlinked: changes of the identity provider are refused until it matches them anew");
            Ok(w.unlink(cx.tenant.tenant.id, stored.rid, &old, &cx.actor.label, cx.now)?)
        }
        (None, Some(_)) => {
            if w.unlinked_forget(cx.tenant.tenant.id, stored.rid)? {
                trace.step("linked again");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a search has found somebody who is unlinked: their row, 0 for nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct Sought(Arc<AtomicI64>);

impl Sought {
    /// Notes who was found, if they are unlinked.
    pub(super) fn note(&self, r: &Reader, tenant: TenantId, found: &View) -> Result<()> {
        if !found.has_external_id() && r.unlinked(tenant, found.rid)?.is_some() {
            self.0.store(found.rid, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes it down, for the change that may follow.
    pub(super) async fn keep(self, cx: &Cx) -> Result<()> {
        let rid = self.0.load(Ordering::Relaxed);
        if rid == 0 || cx.rehearsal {
            return Ok(());
        }
        let (tenant, by, now) = (cx.tenant.tenant.id, cx.actor.label.clone(), cx.now);
        Ok(cx.app.store().write_in(tenant, move |w| w.unlinked_sought(tenant, rid, &by, now)).await?)
    }
}
