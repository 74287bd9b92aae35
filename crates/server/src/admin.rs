//! The use cases of administration: what the admin API, the console and so the command line can do, as plain functions.
//!
//! Input in, output or `Error` out: no HTTP, no HTML. Every change is one transaction; the tenants and tokens in memory
//! are taken in anew behind it, and who did it is told to the server's own log.

pub(crate) mod attributes;
pub(crate) mod log;
pub(crate) mod resource_types;
pub(crate) mod tenants;
pub(crate) mod tokens;

use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use scim::Code;
use std::sync::Arc;

/// The tenant of that name.
pub(crate) fn tenant_of(app: &App, name: &str) -> Result<Arc<TenantState>> {
    app.tenants().find(name).ok_or_else(|| missing("there is no tenant of this name; see: provost tenant list"))
}

/// 404 for something of a tenant.
pub(crate) fn missing(what: &str) -> Error {
    Error::new(Code::NOT_FOUND, what)
}

/// Who did it, told to the server's own log.
pub(crate) fn told(actor: &Actor, what: &str, tenant: &str) {
    tracing::info!(actor = actor.label, tenant, "{what}");
}
