//! What the service offers, as clients read it (RFC 7643 §5, RFC 9865 §4).

use crate::bulk::BulkLimits;
use crate::schema;
use serde_json::{Map, Value, json};

/// One way for a client to prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationScheme {
    /// `oauthbearertoken`, `oauth2`, `httpbasic` …
    pub kind: String,
    /// Its name, for people.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Address of its specification.
    pub spec_uri: Option<String>,
    /// Address of its documentation.
    pub documentation_uri: Option<String>,
    /// Whether it is the preferred one.
    pub primary: bool,
}

impl AuthenticationScheme {
    /// A token in the `Authorization` header (RFC 6750).
    pub fn bearer() -> Self {
        Self {
            kind: "oauthbearertoken".into(),
            name: "Bearer token".into(),
            description: "A token in the Authorization header, made for one connection and shown once".into(),
            spec_uri: Some("https://www.rfc-editor.org/info/rfc6750".into()),
            documentation_uri: None,
            primary: true,
        }
    }

    fn to_json(&self) -> Value {
        let mut scheme = Map::new();
        scheme.insert("type".into(), self.kind.as_str().into());
        scheme.insert("name".into(), self.name.as_str().into());
        scheme.insert("description".into(), self.description.as_str().into());
        for (name, uri) in [("specUri", &self.spec_uri), ("documentationUri", &self.documentation_uri)] {
            if let Some(uri) = uri {
                scheme.insert(name.into(), uri.as_str().into());
            }
        }
        scheme.insert("primary".into(), self.primary.into());
        Value::Object(scheme)
    }
}

/// How lists are paged (RFC 9865). Both ways are served, and by index when the request does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pagination {
    /// Resources in a page when the request does not say.
    pub page_default: u64,
    /// Most resources in a page.
    pub page_max: u64,
    /// Seconds for which a cursor can be used.
    pub cursor_seconds: u64,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProviderConfig {
    /// Address of the documentation.
    pub documentation_uri: Option<String>,
    /// PATCH.
    pub patch: bool,
    /// Bulk requests and their limits; nothing if they are not served.
    pub bulk: Option<BulkLimits>,
    /// Changing a password.
    pub change_password: bool,
    /// `sortBy`.
    pub sort: bool,
    /// Entity tags.
    pub etag: bool,
    /// How clients prove who they are; the preferred way first.
    pub authentication_schemes: Vec<AuthenticationScheme>,
    /// Pages; `page_max` is also the most that a filter returns.
    pub pagination: Pagination,
}

impl ServiceProviderConfig {
    /// The document, at this address.
    pub fn to_json(&self, location: &str) -> Value {
        let mut config = Map::new();
        config.insert("schemas".into(), json!([schema::SERVICE_PROVIDER_CONFIG]));
        if let Some(uri) = &self.documentation_uri {
            config.insert("documentationUri".into(), uri.as_str().into());
        }
        let bulk = self.bulk.unwrap_or(BulkLimits { operations_max: 0, payload_bytes_max: 0 });
        let Pagination { page_default, page_max, cursor_seconds } = self.pagination;
        let schemes: Vec<Value> = self.authentication_schemes.iter().map(AuthenticationScheme::to_json).collect();
        let parts = [
            ("patch", json!({"supported": self.patch})),
            (
                "bulk",
                json!({
                    "supported": self.bulk.is_some(),
                    "maxOperations": bulk.operations_max,
                    "maxPayloadSize": bulk.payload_bytes_max,
                }),
            ),
            ("filter", json!({"supported": true, "maxResults": page_max})),
            ("changePassword", json!({"supported": self.change_password})),
            ("sort", json!({"supported": self.sort})),
            ("etag", json!({"supported": self.etag})),
            (
                "pagination",
                json!({
                    "cursor": true,
                    "index": true,
                    "defaultPaginationMethod": "index",
                    "defaultPageSize": page_default,
                    "maxPageSize": page_max,
                    "cursorTimeout": cursor_seconds,
                }),
            ),
            ("authenticationSchemes", schemes.into()),
            ("meta", json!({"resourceType": "ServiceProviderConfig", "location": location})),
        ];
        config.extend(parts.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(config)
    }
}
