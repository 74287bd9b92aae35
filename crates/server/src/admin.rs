//! The use cases of administration: what the admin API, the console and so the command line can do, as plain functions.
//!
//! Input in, output or `Error` out: no HTTP, no HTML. Every change is one transaction; the tenants and tokens in memory
//! are taken in anew behind it, and who did it is told to the server's own log.

pub(crate) mod absent;
pub(crate) mod apps;
pub(crate) mod archived;
pub(crate) mod attributes;
pub(crate) mod conflicts;
pub(crate) mod demo;
pub(crate) mod directory;
pub(crate) mod idp;
pub(crate) mod imports;
pub(crate) mod indexes;
pub(crate) mod jobs;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod oidc;
pub(crate) mod person_passwords;
pub(crate) mod received;
pub(crate) mod report;
pub(crate) mod resource_types;
pub(crate) mod roles;
pub(crate) mod saml;
pub(crate) mod saml_checks;
pub(crate) mod saml_keys;
pub(crate) mod samples;
pub(crate) mod settings_file;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod views;
pub(crate) mod waiting;

use crate::app::App;
use crate::audit;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use scim::Code;
use serde_json::Value;
use std::sync::Arc;
use store::Writer;

/// The tenant of that name.
pub(crate) fn tenant_of(app: &App, name: &str) -> Result<Arc<TenantState>> {
    app.tenants().find(name).ok_or_else(|| missing("there is no tenant of this name; see: provost tenant list"))
}

/// 404 for something of a tenant.
pub(crate) fn missing(what: &str) -> Error {
    Error::new(Code::NOT_FOUND, what)
}

/// Makes a change and its line of the audit trail in one transaction. `action` is `noun.verb`, `object` a path such as
/// `default/token/0190…`; `detail` holds no secret.
pub(crate) async fn audited<T: Send + 'static>(
    app: &App,
    actor: &Actor,
    (action, object, detail): (&str, String, Value),
    work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
) -> Result<T> {
    tracing::info!(actor = actor.label, object, "{action}");
    let line = audit::entry(actor, action, object, detail, app.clock().now());
    app.store()
        .write(move |w| -> Result<T> {
            let done = work(w)?;
            w.audit_add(&line)?;
            Ok(done)
        })
        .await
}
