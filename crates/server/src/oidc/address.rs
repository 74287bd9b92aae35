//! The addresses of a tenant's provider. The issuer is compared character by character by every client.

use crate::app::App;
use crate::error::Result;
use crate::tenants::TenantState;
use axum::http::HeaderMap;

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) issuer: String,
    pub(crate) authorize: String,
    pub(crate) token: String,
    pub(crate) userinfo: String,
    pub(crate) jwks: String,
    pub(crate) logout: String,
    pub(crate) configuration: String,
}

impl Addresses {
    /// As this client reaches the server.
    pub(crate) fn of(app: &App, tenant: &TenantState, headers: &HeaderMap) -> Result<Self> {
        Ok(Self::behind(&app.base_url(tenant, headers)?))
    }

    /// Beside the SCIM endpoint.
    pub(crate) fn behind(scim_endpoint: &str) -> Self {
        let issuer = scim_endpoint.strip_suffix("/scim/v2").unwrap_or(scim_endpoint);
        let at = |what: &str| format!("{issuer}/{what}");
        Self {
            authorize: at("oidc/authorize"),
            token: at("oidc/token"),
            userinfo: at("oidc/userinfo"),
            jwks: at("oidc/jwks"),
            logout: at("oidc/logout"),
            configuration: at(".well-known/openid-configuration"),
            issuer: issuer.to_owned(),
        }
    }
}
