//! Places for requests at work: so many in all, and fewer for each tenant, so that one of them leaves room for the others.

use crate::error::{Error, Result};
use crate::limits;
use scim::Code;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// All places.
#[derive(Debug)]
pub(crate) struct Gate {
    all: Semaphore,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { all: Semaphore::new(limits::REQUESTS_MAX), tenants: Mutex::default() }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'g> {
    _own: OwnedSemaphorePermit,
    _all: SemaphorePermit<'g>,
}

impl Gate {
    /// A place for a request of this tenant. Waits for one, and not for ever.
    pub(crate) async fn enter(&self, tenant: TenantId) -> Result<Place<'_>> {
        let place = async {
            let own = self.places_of(tenant).acquire_owned().await.ok()?;
            Some(Place { _own: own, _all: self.all.acquire().await.ok()? })
        };
        let entered = tokio::time::timeout(limits::QUEUE_WAIT, place).await.ok().flatten();
        entered.ok_or_else(|| Error::busy(Code::OVERLOADED, "the server is busy; try again in a moment"))
    }

    fn places_of(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let places = tenants.entry(tenant);
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(limits::REQUESTS_OF_TENANT_MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn one_tenant_leaves_room_for_the_others() {
        let gate = Gate::default();
        let soon = Duration::from_millis(20);
        let mut places = Vec::new();
        for _ in 0..limits::REQUESTS_OF_TENANT_MAX {
            places.push(gate.enter(TenantId(1)).await.unwrap());
        }
        assert!(tokio::time::timeout(soon, gate.enter(TenantId(1))).await.is_err(), "it waits");
        let other = gate.enter(TenantId(2)).await.unwrap();
        places.pop();
        gate.enter(TenantId(1)).await.unwrap();
        drop((places, other));
        assert_eq!(gate.all.available_permits(), limits::REQUESTS_MAX);
    }
}
