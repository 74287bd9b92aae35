//! The addresses of an app's identity provider, for the app to know.

use crate::app::App;
use crate::error::Result;
use crate::tenants::TenantState;
use axum::http::HeaderMap;

/// Our side of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Issuer, IdP entity ID; also where our metadata is.
    pub(crate) entity_id: String,
    /// Where requests go; without one, sign-in starts here.
    pub(crate) sso: String,
    /// Where requests to sign out go.
    pub(crate) slo: String,
}

impl Addresses {
    /// As this client reaches the server.
    pub(crate) fn of(app: &App, tenant: &TenantState, headers: &HeaderMap, name: &str) -> Result<Self> {
        Ok(Self::behind(&app.base_url(tenant, headers)?, name))
    }

    /// Beside the SCIM endpoint.
    pub(crate) fn behind(scim_endpoint: &str, name: &str) -> Self {
        let root = scim_endpoint.strip_suffix("/scim/v2").unwrap_or(scim_endpoint);
        let at = |what: &str| format!("{root}/idp/{name}/{what}");
        Self { entity_id: at("metadata"), sso: at("sso"), slo: at("slo") }
    }
}
