//! The tenants as requests see them: settings and resource types, kept in memory.
//!
//! Invariant: every change of a tenant goes through `App::reload` before it is acknowledged, so what is kept here is
//! never older than the last change that this process acknowledged. Where other nodes work on the same database, the
//! store says when one of them has changed something (`worker`), and a write that was prepared with what is no longer
//! true is refused (`record::write`).

use crate::redact::Secrets;
use scim::{Mutability, ResourceType, Returned};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::{Crud, Tenant};

/// The tenant of `/scim/v2`.
pub(crate) const DEFAULT: &str = "default";

/// One tenant, ready for use.
#[derive(Debug)]
pub(crate) struct TenantState {
    /// As it is stored.
    pub(crate) tenant: Tenant,
    /// Its resource types, with their schemas; User and Group first.
    pub(crate) types: Vec<Arc<ResourceType>>,
    /// What of its bodies may not be logged.
    pub(crate) secrets: Secrets,
}

impl TenantState {
    /// Builds the resource types from the stored definitions.
    pub(crate) fn new(tenant: Tenant) -> store::Result<Self> {
        let types = tenant.definitions.resource_types().map_err(|error| store::Error::broken(error.to_string()))?;
        let hidden = types.iter().flat_map(|rt| {
            rt.attributes().flat_map(|(_, attribute)| std::iter::once(attribute).chain(&attribute.sub_attributes))
        });
        let hidden = hidden.filter(|a| a.returned == Returned::Never || a.mutability == Mutability::WriteOnly);
        let secrets = Secrets::new(
            hidden.map(|attribute| attribute.name.clone()).chain(tenant.settings.masked.clone()).collect::<Vec<_>>(),
        );
        Ok(Self { tenant, types, secrets })
    }

    /// What its addresses begin with, besides those of its SCIM endpoints: nothing for the default tenant.
    pub(crate) fn root(&self) -> String {
        if self.tenant.name == DEFAULT { String::new() } else { format!("/t/{}", self.tenant.name) }
    }

    /// The same with every operation switched on: the switches say what identity providers may do, not operators.
    pub(crate) fn unlocked(&self) -> store::Result<Self> {
        let mut tenant = self.tenant.clone();
        tenant.settings.switches = store::Switches::default();
        Self::new(tenant)
    }

    /// The resource type served at `/{segment}`.
    pub(crate) fn served_at(&self, segment: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|rt| rt.endpoint.strip_prefix('/').is_some_and(|e| e.eq_ignore_ascii_case(segment)))
    }

    /// The resource type of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|rt| rt.name.eq_ignore_ascii_case(name))
    }

    /// The operation switches that a resource type is under: groups have their own, everything else goes with users.
    pub(crate) fn switches(&self, rt: &ResourceType) -> &Crud {
        let switches = &self.tenant.settings.switches;
        if rt.has_members() { &switches.groups } else { &switches.users }
    }
}

/// All tenants by name.
#[derive(Debug, Default)]
pub(crate) struct Tenants(RwLock<HashMap<String, Arc<TenantState>>>);

impl Tenants {
    /// The tenant of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<TenantState>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<TenantState>> {
        let mut all: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|a, b| a.tenant.name.cmp(&b.tenant.name));
        all
    }

    /// Takes in what the database holds now.
    pub(crate) fn replace(&self, tenants: Vec<Tenant>) -> store::Result<()> {
        let mut map = HashMap::with_capacity(tenants.len());
        for tenant in tenants {
            map.insert(tenant.name.clone(), Arc::new(TenantState::new(tenant)?));
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = map;
        Ok(())
    }
}
