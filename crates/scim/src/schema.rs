//! Schemas and attributes as data (RFC 7643 §2 and §7), and what a value of each type is.
//!
//! Invariant: `key` is the one meaning of comparison. A filter evaluated in memory and a filter
//! compiled to SQL both compare these texts, so they cannot disagree.

pub mod definition;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use std::sync::LazyLock;

/// URN of the core user schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise extension.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// URN of the service provider's own description.
pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// URN of the description of a resource type.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// URN of the description of a schema.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// Longest string value in bytes where the attribute states no bound of its own.
pub const STRING_MAX_BYTES: usize = 32_768;

/// The data types of RFC 7643 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttrType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// An instant, `xsd:dateTime`.
    DateTime,
    /// Base64.
    Binary,
    /// A URI, or the id of another resource.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

/// Who may write an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// The client, always.
    #[default]
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client, and nobody reads it back.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every answer.
    Always,
    /// In none.
    Never,
    /// Unless the request excludes it.
    #[default]
    Default,
    /// Only when the request names it.
    Request,
}

/// How far a value must be the only one (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Among the resources of that type in the tenant.
    Server,
    /// As `Server`; nobody can check further.
    Global,
}

/// An attribute's definition (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Its name, as it is written; compared without regard to case.
    pub name: String,
    /// Its data type.
    #[serde(rename = "type")]
    pub attr_type: AttrType,
    /// Whether it is a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; not a closed list (RFC 7643 §7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether case matters when values are compared.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is part of an answer.
    #[serde(default)]
    pub returned: Returned,
    /// How far a value must be the only one.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
    /// Fewest characters of a string; ours, not part of discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_min: Option<u32>,
    /// Most characters of a string; ours, not part of discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_max: Option<u32>,
    /// How whoever stores its values keeps them indexed; no part of the definition.
    #[serde(skip)]
    pub indexed: Indexed,
}

/// The index of an attribute's values. When the definition changes how values compare, the index is built again, beside
/// the one that answers meanwhile; each build has a number of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// The build that answers; 0 is the first.
    pub build: u32,
    /// What it was, or will be, with the builds that are kept up beside that one. One that is to come has a higher number.
    pub beside: Vec<Attribute>,
}

impl Attribute {
    /// A single-valued, optional, read-write string: what most attributes are.
    pub fn string(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            attr_type: AttrType::String,
            multi_valued: false,
            description: String::new(),
            required: false,
            canonical_values: Vec::new(),
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
            length_min: None,
            length_max: None,
            indexed: Indexed::default(),
        }
    }

    /// The sub-attribute of that name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Self> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// What it is, and what it was or will be as far as that is kept indexed; and whether it is so no more.
    pub fn states(&self) -> impl Iterator<Item = (&Self, bool)> {
        let beside = self.indexed.beside.iter().map(|state| (state, state.indexed.build < self.indexed.build));
        std::iter::once((self, false)).chain(beside)
    }

    /// Whether it is an object.
    pub fn is_complex(&self) -> bool {
        self.attr_type == AttrType::Complex
    }

    /// Whether text operators (`co`, `sw`, `ew`) make sense.
    pub fn is_text(&self) -> bool {
        matches!(self.attr_type, AttrType::String | AttrType::Reference | AttrType::Binary)
    }

    /// A scalar as the text by which it is compared and indexed, or nothing if it is no value of this
    /// type. Strings fold unless `caseExact`; numbers and instants become texts that sort as they do.
    pub fn key(&self, value: &Value) -> Option<String> {
        match (self.attr_type, value) {
            (AttrType::Complex, _) | (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
            (AttrType::Boolean, Value::Bool(flag)) => Some(flag.to_string()),
            (AttrType::Boolean, Value::String(text)) => parse_boolean(text).map(|flag| flag.to_string()),
            (AttrType::Boolean, Value::Number(_)) => None,
            (AttrType::Integer | AttrType::Decimal, Value::Number(number)) => json_number_key(number),
            (AttrType::Integer | AttrType::Decimal, Value::String(text)) => {
                let text = text.trim();
                let whole = text.parse().ok().map(whole_key);
                whole.or_else(|| text.parse().ok().filter(|n: &f64| n.is_finite()).map(float_key))
            }
            (AttrType::Integer | AttrType::Decimal, Value::Bool(_)) => None,
            (AttrType::DateTime, Value::String(text)) => instant(text).map(instant_key),
            (AttrType::DateTime, _) => None,
            (_, Value::String(text)) => Some(self.text_key(text)),
            (_, other) => Some(self.text_key(&other.to_string())),
        }
    }

    fn text_key(&self, text: &str) -> String {
        if self.case_exact || self.attr_type == AttrType::Binary { text.to_owned() } else { fold(text) }
    }

    /// The definition as discovery shows it: without our own bounds, and without what is empty.
    pub fn to_json(&self) -> Value {
        let mut map = match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        map.retain(|name, value| !matches!(name.as_str(), "lengthMin" | "lengthMax") && value != "");
        if !self.sub_attributes.is_empty() {
            map.insert("subAttributes".into(), self.sub_attributes.iter().map(Self::to_json).collect());
        }
        Value::Object(map)
    }
}

/// Text without case, as every case-insensitive comparison sees it (Unicode case folding).
pub fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { unicase::UniCase::unicode(text).to_folded_case() }
}

/// `true` and `false` in any case, as some identity providers send booleans.
pub fn parse_boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Microseconds since 1970 of an `xsd:dateTime`; one without an offset is UTC.
pub fn instant(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.as_microsecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    text.contains(['T', 't']).then_some(())?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok().map(|timestamp| timestamp.as_microsecond())
}

/// An instant as a text that sorts as instants do.
pub fn instant_key(micros: i64) -> String {
    format!("{:016x}", micros.cast_unsigned() ^ (1 << 63))
}

fn json_number_key(number: &Number) -> Option<String> {
    number.as_i64().map(whole_key).or_else(|| number.as_f64().map(float_key))
}

/// `1e18` is an integer too.
fn float_key(number: f64) -> String {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 64 bits, checked in the same line")]
    if number.fract() == 0.0 && number.abs() < BEYOND { whole_key(number as i64) } else { number_key(number) }
}

/// As `number_key`. Neighbours from 2^53 on are the same floating-point number: there the integer itself stands behind it.
fn whole_key(number: i64) -> String {
    const EXACT_MAX: u64 = 1 << 53;
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest one keeps the order, and what is lost stands behind it"
    )]
    let nearest = number_key(number as f64);
    if number.unsigned_abs() < EXACT_MAX { nearest } else { nearest + &instant_key(number) }
}

/// A number as a text that sorts as numbers do.
fn number_key(number: f64) -> String {
    let bits = (if number == 0.0 { 0.0 } else { number }).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
    format!("{ordered:016x}")
}

/// A schema: a URN and its attributes (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its URN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What a resource may hold.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The attribute of that name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// The schema as discovery shows it, at this address.
    pub fn to_json(&self, location: &str) -> Value {
        let mut document = Map::new();
        document.insert("schemas".into(), json!([SCHEMA]));
        document.insert("id".into(), self.id.as_str().into());
        document.insert("name".into(), self.name.as_str().into());
        if !self.description.is_empty() {
            document.insert("description".into(), self.description.as_str().into());
        }
        document.insert("attributes".into(), self.attributes.iter().map(Attribute::to_json).collect());
        document.insert("meta".into(), json!({"resourceType": "Schema", "location": location}));
        Value::Object(document)
    }
}

fn built_in(text: &str) -> Schema {
    serde_json::from_str(text).unwrap_or_else(|_| Schema {
        id: String::new(),
        name: String::new(),
        description: String::new(),
        attributes: Vec::new(),
    })
}

/// The core user schema.
pub static USER_SCHEMA: LazyLock<Schema> = LazyLock::new(|| built_in(include_str!("schemas/User.json")));
/// The core group schema.
pub static GROUP_SCHEMA: LazyLock<Schema> = LazyLock::new(|| built_in(include_str!("schemas/Group.json")));
/// The enterprise extension.
pub static ENTERPRISE_USER_SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| built_in(include_str!("schemas/EnterpriseUser.json")));
/// The schemas that describe the service itself; every tenant has them.
pub static SERVICE_SCHEMAS: LazyLock<[Schema; 3]> = LazyLock::new(|| {
    [
        built_in(include_str!("schemas/ServiceProviderConfig.json")),
        built_in(include_str!("schemas/ResourceType.json")),
        built_in(include_str!("schemas/Schema.json")),
    ]
});
/// The attributes that every resource has (RFC 7643 §3.1).
pub static COMMON: LazyLock<Schema> = LazyLock::new(|| built_in(include_str!("schemas/Common.json")));

/// Schemas that a tenant can switch on by their name: those of Okta's entitlement management.
pub static OFFERED: LazyLock<[Schema; 2]> = LazyLock::new(|| {
    [built_in(include_str!("schemas/OktaRole.json")), built_in(include_str!("schemas/OktaEntitlement.json"))]
});

/// The offered schema of that name (`Role`) or URN, in any case.
pub fn offered(name: &str) -> Option<&'static Schema> {
    OFFERED.iter().find(|schema| schema.name.eq_ignore_ascii_case(name) || schema.id.eq_ignore_ascii_case(name))
}
