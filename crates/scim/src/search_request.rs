//! What a list is asked for: as a query string (RFC 7644 §3.4.2), as the body of `.search` (§3.4.3), and
//! by cursor (RFC 9865 §2).
//!
//! Not here: how many resources a page may hold. `count` is what the client wants.

use crate::projection::Projection;
use crate::schema::Returned;
use crate::{AttrPath, Dialect, Error, Filter, ResourceType, Result};
use serde_json::{Map, Value};

/// The schema of a search request.
pub const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Longest cursor in bytes.
pub const CURSOR_BYTES_MAX: usize = 2_048;

/// A query, read.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// Which resources.
    pub filter: Option<Filter>,
    /// Which of their attributes.
    pub projection: Projection,
    /// In the order of this attribute.
    pub sort_by: Option<AttrPath>,
    /// The other way round.
    pub descending: bool,
    /// The 1-based position of the first resource.
    pub start_index: u64,
    /// How many at the most; 0 asks for their number alone.
    pub count: Option<u64>,
    /// Where to go on; `Some("")` asks for the first page of a list by cursor.
    pub cursor: Option<String>,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            filter: None,
            projection: Projection::default(),
            sort_by: None,
            descending: false,
            start_index: 1,
            count: None,
            cursor: None,
        }
    }
}

/// The parameters as they were sent, each at most once.
#[derive(Default)]
struct Parameters {
    filter: Option<String>,
    attributes: Vec<String>,
    excluded: Vec<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
}

impl SearchRequest {
    /// Reads the pairs of a query string. Names are taken in any case, and the first of a name counts;
    /// unknown parameters are somebody else's.
    pub fn from_query(pairs: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut sent = Parameters::default();
        for (name, value) in pairs {
            let single = match name.to_ascii_lowercase().as_str() {
                "filter" => &mut sent.filter,
                "sortby" => &mut sent.sort_by,
                "sortorder" => &mut sent.sort_order,
                "startindex" => &mut sent.start_index,
                "count" => &mut sent.count,
                "cursor" => &mut sent.cursor,
                "attributes" => {
                    sent.attributes.extend(value.split(',').map(str::to_owned));
                    continue;
                }
                "excludedattributes" => {
                    sent.excluded.extend(value.split(',').map(str::to_owned));
                    continue;
                }
                _ => continue,
            };
            single.get_or_insert(value);
        }
        sent.read()
    }

    /// Reads the body of a `.search`.
    pub fn from_json(body: Value, dialect: &Dialect) -> Result<Self> {
        let Value::Object(body) = body else {
            return Err(Error::invalid_syntax("the body has to be a JSON object"));
        };
        check_message_schema(&body, SCHEMA, dialect)?;
        let mut sent = Parameters::default();
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "filter" => sent.filter = text("filter", value)?,
                "sortby" => sent.sort_by = text("sortBy", value)?,
                "sortorder" => sent.sort_order = text("sortOrder", value)?,
                "cursor" => sent.cursor = text("cursor", value)?,
                "startindex" => sent.start_index = whole("startIndex", &value, dialect)?,
                "count" => sent.count = whole("count", &value, dialect)?,
                "attributes" => sent.attributes = list("attributes", value, dialect)?,
                "excludedattributes" => sent.excluded = list("excludedAttributes", value, dialect)?,
                _ => {}
            }
        }
        sent.read()
    }
}

impl SearchRequest {
    /// Why `sortBy` puts nothing in an order, if it does not. That is no error: nobody has a value then, and who has none
    /// has a place as well (RFC 7644 §3.4.2.3). Whoever asked will want to know.
    pub fn without_order(&self, resource_type: &ResourceType) -> Option<String> {
        let path = self.sort_by.as_ref()?;
        let why = match resource_type.resolve(path).map(|target| target.leaf()) {
            None => "there is no such attribute",
            Some(None) => "it has parts, and one of them has to be named",
            Some(Some(leaf)) if leaf.returned == Returned::Never => "it is never shown",
            Some(Some(_)) => return None,
        };
        Some(format!("sortBy {path} gives no order: {why}"))
    }
}

impl Parameters {
    fn read(self) -> Result<SearchRequest> {
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let sort_by =
            match filled(self.sort_by) {
                None => None,
                Some(name) => Some(AttrPath::parse(name.trim()).ok_or_else(|| {
                    Error::invalid_value("sortBy is the name of an attribute, such as name.familyName")
                })?),
            };
        let descending = match filled(self.sort_order) {
            None => false,
            Some(order) if order.trim().eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.trim().eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(Error::invalid_value("sortOrder is ascending or descending")),
        };
        if self.cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
            return Err(Error::new(crate::Code::INVALID_CURSOR, "cursor is not one that this server made"));
        }
        let start_index = number("startIndex", filled(self.start_index))?.unwrap_or(1).max(1);
        Ok(SearchRequest {
            filter: self.filter.map(|filter| Filter::parse(&filter)).transpose()?,
            projection: Projection::from_lists(&self.attributes, &self.excluded)?,
            sort_by,
            descending,
            // A cursor says where the page starts, so a position beside it means nothing.
            start_index: if self.cursor.is_some() { 1 } else { start_index },
            count: number("count", filled(self.count))?,
            cursor: self.cursor,
        })
    }
}

/// A whole number; a negative one is 0 (RFC 7644 §3.4.2.4), one beyond all bounds is the greatest.
fn number(name: &str, text: Option<String>) -> Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid_value(format!("{name} is a whole number")));
    }
    Ok(Some(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) }))
}

/// Refuses a message whose `schemas` does not name it, unless the dialect lets that be.
pub(crate) fn check_message_schema(body: &Map<String, Value>, urn: &str, dialect: &Dialect) -> Result<()> {
    let schemas = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let named = schemas
        .and_then(Value::as_array)
        .is_some_and(|urns| urns.iter().filter_map(Value::as_str).any(|text| text.eq_ignore_ascii_case(urn)));
    if named || dialect.message_schema_optional {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!("schemas has to list {urn}")))
}

fn text(name: &str, value: Value) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Error::invalid_syntax(format!("{name} is a string"))),
    }
}

fn whole(name: &str, value: &Value, dialect: &Dialect) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::String(text) if dialect.numbers_for_strings => Ok(Some(text.clone())),
        _ => Err(Error::invalid_value(format!("{name} is a whole number"))),
    }
}

fn list(name: &str, value: Value, dialect: &Dialect) -> Result<Vec<String>> {
    let wrong = || Error::invalid_syntax(format!("{name} is a list of attribute names"));
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(names) => {
            names.into_iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Value::String(names) if dialect.object_for_array => Ok(names.split(',').map(str::to_owned).collect()),
        _ => Err(wrong()),
    }
}
