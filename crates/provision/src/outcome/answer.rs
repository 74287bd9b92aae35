//! What came back, read with the forgiveness that real servers need.

use crate::link::equal;
use scim::filter::is_value;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What came back, if anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// A response.
    Got(Response),
    /// None.
    Lost(Lost),
    /// Nothing was sent: there is no access token to show.
    Unsent(NoToken),
}

/// Why there is no access token (RFC 6749).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoToken {
    /// The authorization server refuses.
    Refused,
    /// Somebody has to agree to it, for the first time or again.
    NotGranted,
    /// It is not reached, or does not work.
    Unreachable,
    /// It wants fewer requests.
    Busy {
        /// `Retry-After`.
        retry_after: Option<String>,
    },
    /// The app refused the last one, and the next one came too late for what was decided.
    Late,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `Retry-After`.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// `ETag`.
    #[serde(default)]
    pub etag: Option<String>,
    /// `Location`.
    #[serde(default)]
    pub location: Option<String>,
    /// The body.
    pub body: Body,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Value),
    /// Something else: a proxy's page, a login form.
    Other,
}

/// The way in which a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lost {
    /// The name is not known.
    Dns,
    /// Nobody answers the call.
    Connect,
    /// There is no trust.
    Tls,
    /// The address is one that must not be called.
    Refused,
    /// It was sent, and no answer came in time.
    Timeout,
    /// It was sent, at least in part, and the connection broke.
    Reset,
}

impl Lost {
    /// Whether the target may have seen the request.
    pub fn may_have_arrived(self) -> bool {
        matches!(self, Self::Timeout | Self::Reset)
    }
}

/// What a refusal says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The status that counts: the body's, if it says another one than the envelope.
    pub status: u16,
    /// The protocol's keyword.
    pub scim_type: Option<String>,
    /// The target's own words, not longer than 500 characters.
    pub detail: Option<String>,
}

impl Refusal {
    /// Whether it may be done all the same: the target, or something before it, broke on the way.
    pub fn may_be_done(&self) -> bool {
        self.status >= 500 || self.status == 408
    }
}

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn names(map: &Map<String, Value>, urn: &str) -> bool {
    let schemas = map.get("schemas").and_then(Value::as_array);
    schemas.is_some_and(|list| list.iter().filter_map(Value::as_str).any(|known| known.eq_ignore_ascii_case(urn)))
}

impl Response {
    fn object(&self) -> Option<&Map<String, Value>> {
        match &self.body {
            Body::Json(Value::Object(map)) => Some(map),
            _ => None,
        }
    }

    /// Whether it refuses, and how. An error in an envelope that says 200 is an error.
    pub fn refusal(&self) -> Option<Refusal> {
        let error = self.object().filter(|map| names(map, ERROR));
        if (200..300).contains(&self.status) && error.is_none() {
            return None;
        }
        let map = self.object();
        let text =
            |name: &str| map.and_then(|map| map.get(name)).and_then(Value::as_str).filter(|text| !text.is_empty());
        let said = map.and_then(|map| map.get("status")).and_then(number).and_then(|status| u16::try_from(status).ok());
        let status = if (200..300).contains(&self.status) {
            said.filter(|said| *said >= 400).unwrap_or(500)
        } else {
            self.status
        };
        let detail = text("detail").or(text("message")).map(|text| text.chars().take(500).collect());
        Some(Refusal { status, scim_type: text("scimType").map(str::to_owned), detail })
    }

    /// The resource in it: an object that is neither a list nor a message.
    pub fn resource(&self) -> Option<&Map<String, Value>> {
        self.object().filter(|map| {
            !map.is_empty() && ![ERROR, LIST, PATCH].iter().any(|urn| names(map, urn)) && !map.contains_key("Resources")
        })
    }

    /// The id of the resource in it, or at the end of `Location`.
    pub fn id(&self) -> Option<String> {
        let shown = self.resource().and_then(id);
        shown.or_else(|| {
            let path = self.location.as_deref()?.split(['?', '#']).next()?.trim_end_matches('/');
            let (_, last) = path.rsplit_once('/')?;
            (!last.is_empty() && !last.eq_ignore_ascii_case("Users") && !last.eq_ignore_ascii_case("Groups"))
                .then(|| last.to_owned())
        })
    }

    /// Its version: the header, or `meta.version`.
    pub fn version(&self) -> Option<String> {
        let shown = || self.resource()?.get("meta")?.get("version")?.as_str().map(str::to_owned);
        self.etag.clone().or_else(shown)
    }
}

/// A resource's id; some servers send numbers.
pub(super) fn id(map: &Map<String, Value>) -> Option<String> {
    match map.get("id")? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// How many there are in all, as far as the target says.
    pub total: Option<u64>,
    /// The resources on the page.
    pub resources: Vec<Map<String, Value>>,
    /// The next page by RFC 9865.
    pub next_cursor: Option<String>,
    /// Remarks: numbers as texts, lower-case names.
    pub remarks: Vec<String>,
}

/// Reads a list; nothing if it is none.
pub fn page(response: &Response) -> Option<Page> {
    let map = response.object()?;
    let get = |name: &str| {
        map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    };
    let resources: Vec<Map<String, Value>> = match get("Resources") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).cloned().collect(),
        None | Some(Value::Null) if names(map, LIST) || get("totalResults").is_some() => Vec::new(),
        _ => return None,
    };
    let total = get("totalResults");
    let mut remarks = Vec::new();
    if total.is_some_and(Value::is_string) {
        remarks.push("totalResults is a text, not a number".to_owned());
    }
    if !map.contains_key("Resources") && !resources.is_empty() {
        remarks.push("Resources is written in another case".to_owned());
    }
    let next_cursor = get("nextCursor").and_then(Value::as_str).map(str::to_owned);
    Some(Page { total: total.and_then(number), resources, next_cursor, remarks })
}

/// Whether a resource really has this value there; some servers ignore filters.
pub(super) fn fits(resource: &Map<String, Value>, field: &str, value: &str) -> bool {
    let place = crate::place::Place::parse(field, None, crate::place::Pasted::Split);
    let Some(shown) = place.ok().and_then(|place| place.read(resource).cloned()) else { return false };
    let wanted = Value::from(value);
    let folded = |text: &Value| text.as_str().map(scim::schema::fold);
    is_value(&shown) && (equal(&wanted, &shown) || (folded(&shown).is_some() && folded(&shown) == folded(&wanted)))
}

/// An instant as HTTP writes it.
pub fn http_date(text: &str) -> Option<i64> {
    Some(jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?.as_microsecond())
}

/// When to come back, of both forms of `Retry-After`: seconds, or a date.
pub fn retry_after(header: &str, now: i64) -> Option<i64> {
    let header = header.trim();
    let until = match header.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the line above it")]
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => now.saturating_add((seconds * 1e6) as i64),
        Ok(_) => return None,
        Err(_) => http_date(header)?,
    };
    let last = now.saturating_add(super::RETRY_AFTER_MAX_MS * 1_000);
    Some(until.clamp(now.saturating_add(1_000_000), last))
}
