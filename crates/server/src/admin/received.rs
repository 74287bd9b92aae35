//! Which attributes came from identity providers, and which that are waited for never did.

use super::attributes::{Named, list};
use crate::tenants::TenantState;
use scim::Mutability;
use std::collections::HashMap;
use store::{Reader, Received};

/// The manager, in full.
pub(crate) const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

/// Attributes of the standard that every guide maps: without them somebody has no name, no address, nobody above them, or
/// is never deactivated. Whoever does without one ignores it, and is not told of it any more.
const EXPECTED: [&str; 4] = ["name", "emails", "active", MANAGER];

/// An attribute that never came, though it is mapped or waited for.
#[derive(Clone, Debug)]
pub(crate) struct Never {
    pub(crate) resource_type: String,
    pub(crate) value: String,
    pub(crate) custom: bool,
    /// Since when there is such a field, if that is known; of the standard's, since when there is a token.
    pub(crate) since: Option<i64>,
}

/// Attributes of which no request has ever carried a value, where people come from an identity provider at all: custom
/// fields, and those that are expected. Not those that are ignored. A look by key for each.
pub(crate) fn never_received(r: &Reader, state: &TenantState) -> store::Result<Vec<Never>> {
    let Some(users) = state.named("User") else { return Ok(Vec::new()) };
    if r.holders(state.tenant.id, users, "externalId", 1)? == 0 {
        return Ok(Vec::new());
    }
    let connected = r.tokens(Some(state.tenant.id))?.iter().map(|token| token.created_at).min();
    let is_waited_for = |named: &Named| {
        let is_expected = named.resource_type == "User" && EXPECTED.contains(&named.value.as_str());
        named.accepted && (named.custom || is_expected) && named.attribute.mutability != Mutability::ReadOnly
    };
    let mut never = Vec::new();
    let came = Came::read(r, state)?;
    for named in list(state).into_iter().filter(is_waited_for) {
        if came.last(&named).is_none() && !came.has_been(r, state, &named)? {
            let Named { resource_type, value, custom, .. } = named;
            let since = if custom { named.made_at } else { connected };
            never.push(Never { resource_type, value, custom, since });
        }
    }
    Ok(never)
}

/// What is noted of attributes that came.
#[derive(Debug, Default)]
pub(crate) struct Came(HashMap<(String, String), Received>);

impl Came {
    /// Of all resource types of a tenant.
    pub(crate) fn read(r: &Reader, state: &TenantState) -> store::Result<Self> {
        let mut all = HashMap::new();
        for rt in &state.types {
            let received = r.received(state.tenant.id, &rt.name)?;
            all.extend(received.into_iter().map(|one| ((one.kind.clone(), one.name.clone()), one)));
        }
        Ok(Self(all))
    }

    /// When one last came, and such as what.
    pub(crate) fn last(&self, named: &Named) -> Option<&Received> {
        self.0.get(&(named.resource_type.clone(), named.value.to_lowercase()))
    }

    /// Whether there ever was a value: what came before it was noted when. One look by key.
    pub(crate) fn has_been(&self, r: &Reader, state: &TenantState, named: &Named) -> store::Result<bool> {
        let Some(rt) = state.named(&named.resource_type) else { return Ok(false) };
        if named.value == MANAGER {
            return r.has_managers(state.tenant.id);
        }
        r.ever_held(state.tenant.id, rt, &named.value)
    }
}
