//! The protocol's own error (RFC 7644 §3.12): status, `scimType`, `detail`, and our catalogue code.
//!
//! `detail` says what to do and names the attribute or the character position, never a value:
//! values are personal data, and an error travels into logs on both sides.

use crate::Code;
use serde_json::{Map, Value, json};
use std::fmt;

/// The schema of every error body.
pub const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// `scimType` of RFC 7644 Table 9 and RFC 9865 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScimType {
    /// The filter is not one, or asks what cannot be asked of that attribute.
    InvalidFilter,
    /// The answer would be larger than the server is willing to make.
    TooMany,
    /// A value that has to be unique is taken.
    Uniqueness,
    /// The attribute may not be changed in this way.
    Mutability,
    /// The body is not the message that the endpoint takes.
    InvalidSyntax,
    /// The PATCH path is not one, or names nothing in the schema.
    InvalidPath,
    /// The PATCH path selects nothing.
    NoTarget,
    /// A required value is missing or a value does not fit its attribute.
    InvalidValue,
    /// The protocol version is not served.
    InvalidVers,
    /// The request carries what must not stand in a URL.
    Sensitive,
    /// The cursor is not one of ours, or belongs to another query.
    InvalidCursor,
    /// The cursor was ours and is too old.
    ExpiredCursor,
    /// `count` does not agree with the one that the cursor was made with.
    InvalidCount,
}

impl ScimType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// A refusal in the protocol's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The HTTP status, 4xx or 5xx.
    pub status: u16,
    /// The protocol's keyword, where it has one for this case.
    pub scim_type: Option<ScimType>,
    /// The entry of the catalogue.
    pub code: Code,
    /// What is wrong and what to do, without any value of the request.
    pub detail: String,
}

impl Error {
    /// An error from its catalogue entry; status and `scimType` come from there.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { status: code.status(), scim_type: code.scim_type(), code, detail: detail.into() }
    }

    /// 400 `invalidFilter`.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::new(Code::INVALID_FILTER, detail)
    }

    /// 400 `invalidPath`.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::new(Code::INVALID_PATH, detail)
    }

    /// 400 `invalidValue`.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::new(Code::INVALID_VALUE, detail)
    }

    /// 400 `invalidSyntax`.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::new(Code::INVALID_SYNTAX, detail)
    }

    /// 400 `mutability`.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::new(Code::MUTABILITY, detail)
    }

    /// 400 `noTarget`.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::new(Code::NO_TARGET, detail)
    }

    /// 409 `uniqueness`.
    pub fn uniqueness(attribute: &str) -> Self {
        Self::new(
            Code::UNIQUENESS,
            format!(
                "another resource already has this {attribute}; use another value, or look the resource up and update it"
            ),
        )
    }

    /// 404 for a resource, a schema or an endpoint.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(Code::NOT_FOUND, what)
    }

    /// The detail as it goes out: with the catalogue code behind it.
    pub fn full_detail(&self) -> String {
        format!("{} ({})", self.detail, self.code)
    }

    /// The body of RFC 7644 §3.12; `status` is a string there.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("schemas".into(), json!([SCHEMA]));
        body.insert("status".into(), Value::String(self.status.to_string()));
        if let Some(scim_type) = self.scim_type {
            body.insert("scimType".into(), scim_type.as_str().into());
        }
        body.insert("detail".into(), self.full_detail().into());
        Value::Object(body)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_detail())
    }
}

impl std::error::Error for Error {}
