//! What the server keeps about a resource (RFC 7643 §3.1) and the entity tags made of it (RFC 7644 §3.14).

use serde::{Serialize, Serializer};

/// `meta` of a resource, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta<'a> {
    /// Name of the resource type.
    pub resource_type: &'a str,
    /// Microseconds since 1970.
    #[serde(rename = "created", serialize_with = "instant")]
    pub created_at: i64,
    /// Microseconds since 1970.
    #[serde(rename = "lastModified", serialize_with = "instant")]
    pub modified_at: i64,
    /// The resource's address.
    pub location: &'a str,
    /// Counts the states of the resource.
    #[serde(serialize_with = "tag")]
    pub version: i64,
}

fn instant<S: Serializer>(micros: &i64, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&rfc3339(*micros))
}

fn tag<S: Serializer>(version: &i64, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&etag(*version))
}

/// The entity tag of a version. It is weak: two forms of one state (`attributes`) share it.
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// An instant as `2026-11-24T09:30:00.123456Z`, always of the same length; an instant outside the years
/// 0 to 9999 becomes the nearest one inside.
pub fn rfc3339(micros: i64) -> String {
    const FIRST: i64 = -62_167_219_200_000_000;
    let last = jiff::Timestamp::MAX.as_microsecond();
    let timestamp = jiff::Timestamp::from_microsecond(micros.clamp(FIRST, last)).unwrap_or_default();
    format!("{timestamp:.6}")
}

/// The header `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any state at all.
    Any,
    /// One of these; each without its quotes and its mark of weakness.
    List(Vec<String>),
}

impl EntityTags {
    /// Reads the header. What is no entity tag is kept as a text that matches nothing.
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        // A comma inside the quotes cannot occur in a tag of ours, so it may part a foreign one.
        Self::List(header.split(',').map(opaque).filter(|tag| !tag.is_empty()).collect())
    }

    /// Whether the state of this version is among them. The comparison is weak, as SCIM's own examples
    /// send weak tags in `If-Match`.
    pub fn matches(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| *tag == version.to_string()),
        }
    }
}

/// The text inside a tag; quotes are missing in what some clients send.
fn opaque(tag: &str) -> String {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag).to_owned()
}
