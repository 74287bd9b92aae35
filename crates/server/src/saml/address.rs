//! The addresses of a connection on our side, for the identity provider to know.

use super::DEFAULT;
use crate::app::App;
use crate::error::Result;
use crate::tenants::TenantState;
use axum::http::HeaderMap;

/// Our side of a connection. The entity ID and the ACS URL are compared character by character by both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Audience, SP entity ID; also where our metadata is.
    pub(crate) entity_id: String,
    /// Single sign on URL.
    pub(crate) acs: String,
    /// Where people start.
    pub(crate) login: String,
    /// Single logout URL.
    pub(crate) logout: String,
}

impl Addresses {
    /// Of a connection, as this client reaches the server. Without a configured address it is what the client calls, and
    /// then a SAML message is taken on this machine only: the crate refuses plain http anywhere else, so that nobody
    /// can have another audience accepted by calling us by another name.
    pub(crate) fn of(app: &App, tenant: &TenantState, headers: &HeaderMap, connection: &str) -> Result<Self> {
        Ok(Self::below(&root(app, tenant, headers)?, connection))
    }

    /// Of a connection, below the address of a tenant.
    pub(crate) fn below(root: &str, connection: &str) -> Self {
        let at = |what: &str| match connection {
            DEFAULT => format!("{root}/saml/{what}"),
            other => format!("{root}/saml/{what}/{other}"),
        };
        Self { entity_id: at("metadata"), acs: at("acs"), login: at("login"), logout: at("logout") }
    }
}

/// The address of a tenant: `https://host` or `https://host/t/name`.
fn root(app: &App, tenant: &TenantState, headers: &HeaderMap) -> Result<String> {
    let base = app.base_url(tenant, headers)?;
    Ok(base.strip_suffix("/scim/v2").unwrap_or(&base).to_owned())
}

/// Whether a connection may be called this: it is a segment of addresses.
pub(crate) fn is_connection_id(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&id.len()) && id.chars().all(fits) && !id.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_the_short_addresses() {
        let one = Addresses::below("https://x.example", DEFAULT);
        assert_eq!(
            (one.acs.as_str(), one.entity_id.as_str()),
            ("https://x.example/saml/acs", "https://x.example/saml/metadata")
        );
        let two = Addresses::below("https://x.example/t/acme", "okta");
        assert_eq!(two.acs, "https://x.example/t/acme/saml/acs/okta");
        assert_eq!(two.entity_id, "https://x.example/t/acme/saml/metadata/okta");
    }

    #[test]
    fn ids_are_segments() {
        assert!(["default", "okta", "a-1"].into_iter().all(is_connection_id));
        assert!(!["", "-a", "A", "a/b", "a.b", "ü", &"a".repeat(33)].into_iter().any(is_connection_id));
    }
}
