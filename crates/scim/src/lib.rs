//! SCIM 2.0 as types and functions: RFC 7643 (schema), RFC 7644 (protocol) and RFC 9865 (cursors).
//!
//! Everything here is pure: no clock, no IO, no SQL, no async. What a rule of the standard says is
//! a function that a test can call.

pub mod attr_path;
pub mod bulk;
pub mod code;
pub mod dialect;
pub mod error;
pub mod filter;
pub mod list_response;
pub mod meta;
pub mod patch_op;
pub mod projection;
pub mod resource;
pub mod resource_type;
pub mod schema;
pub mod search_request;
pub mod service_provider_config;

pub use attr_path::AttrPath;
pub use bulk::{BulkLimits, BulkRequest, BulkResponse};
pub use code::Code;
pub use dialect::Dialect;
pub use error::{Error, ScimType};
pub use filter::{CompareOp, Filter};
pub use list_response::ListResponse;
pub use meta::Meta;
pub use patch_op::{MemberOp, PatchOp, Patched};
pub use projection::Projection;
pub use resource::Resource;
pub use resource_type::{ResourceType, Target};
pub use schema::{AttrType, Attribute, Mutability, Returned, Schema, Uniqueness};
pub use search_request::SearchRequest;
pub use service_provider_config::ServiceProviderConfig;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;
