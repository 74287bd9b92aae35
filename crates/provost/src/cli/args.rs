//! Arguments with a form of their own, parsed at the edge: spans of time, settings, switches.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// A span of time in seconds, written `90s`, `15m`, `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a time is a number and s, m, h or d, such as 90s, 15m, 24h, 7d".to_owned();
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let within = number.checked_mul(seconds).filter(|total| *total <= 100 * 366 * 86_400);
        within.map(Self).ok_or_else(|| "a time is a hundred years at the most".to_owned())
    }
}

/// How long a token lives: a span of time, or `never` ending by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until somebody ends it.
    Never,
    /// So long.
    For(Span),
}

impl Life {
    /// As the API takes it.
    pub fn json(self) -> Value {
        match self {
            Self::Never => "never".into(),
            Self::For(Span(seconds)) => seconds.into(),
        }
    }
}

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            Ok(Self::Never)
        } else {
            text.parse().map(Self::For).map_err(|why| format!("{why}; or never"))
        }
    }
}

/// `key.sub=value`: the value is JSON if it reads as JSON, and text otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The levels of the key.
    pub key: Vec<String>,
    /// The value.
    pub value: Value,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE, such as log.keepDays=90")?;
        let key: Vec<String> = key.split('.').map(str::to_owned).collect();
        if key.iter().any(String::is_empty) {
            return Err("the key has an empty part".into());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { key, value })
    }
}

/// All settings as one object.
pub fn merged(settings: &[Setting]) -> Value {
    let mut root = Map::new();
    for setting in settings {
        put(&mut root, &setting.key, &setting.value);
    }
    Value::Object(root)
}

fn put(map: &mut Map<String, Value>, key: &[String], value: &Value) {
    match key {
        [] => {}
        [last] => {
            map.insert(last.clone(), value.clone());
        }
        [first, rest @ ..] => {
            let inner = map.entry(first.clone()).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// `users.create=off`
#[derive(Clone, Debug, PartialEq)]
pub struct SwitchSetting(pub Setting);

impl FromStr for SwitchSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            "a switch is users or groups, a dot, create, read, update or delete, then =on or =off: users.delete=off";
        let (key, state) = text.split_once('=').ok_or(wrong)?;
        let (of, operation) = key.split_once('.').ok_or(wrong)?;
        let on = match state {
            "on" | "true" => true,
            "off" | "false" => false,
            _ => return Err(wrong.into()),
        };
        if !matches!(of, "users" | "groups") || !matches!(operation, "create" | "read" | "update" | "delete") {
            return Err(wrong.into());
        }
        Ok(Self(Setting { key: vec![of.to_owned(), operation.to_owned()], value: Value::Bool(on) }))
    }
}

/// The data types of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
pub enum AttributeType {
    /// Text
    String,
    /// true or false
    Boolean,
    /// A whole number
    Integer,
    /// A number with a fraction
    Decimal,
    /// An instant
    DateTime,
    /// Base64
    Binary,
    /// A URI or the id of another resource
    Reference,
    /// An object of parts, given with --sub
    Complex,
}

/// `provost attribute change`
#[derive(Args, Debug)]
pub struct AttributeChange {
    /// The whole value, as `attribute list` shows it
    pub value: String,
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Whether a resource without it is refused
    #[arg(long, value_name = "BOOL")]
    pub required: Option<bool>,
    /// Whether upper and lower case differ
    #[arg(long, value_name = "BOOL")]
    pub case_exact: Option<bool>,
    /// How far it must be the only one
    #[arg(long, value_name = "HOW", value_parser = ["none", "server", "global"])]
    pub uniqueness: Option<String>,
    /// Fewest characters
    #[arg(long, value_name = "N")]
    pub length_min: Option<u32>,
    /// Most characters
    #[arg(long, value_name = "N")]
    pub length_max: Option<u32>,
    /// Do not wait until the new rules hold
    #[arg(long)]
    pub no_wait: bool,
}

/// `provost attribute restore`
#[derive(Args, Debug)]
pub struct AttributeRestore {
    /// The whole value, as `attribute archived` shows it
    pub value: String,
    /// As another type
    #[arg(long = "type", value_enum, value_name = "DATATYPE")]
    pub attr_type: Option<AttributeType>,
    /// As a list, or as none
    #[arg(long, value_name = "BOOL")]
    pub multi_valued: Option<bool>,
    /// Leave values out for good that do not fit the type
    #[arg(long)]
    pub leave_out: bool,
    /// Only say what would become of the values
    #[arg(long)]
    pub preview: bool,
    /// Do not wait until the last value is back
    #[arg(long)]
    pub no_wait: bool,
}

impl AttributeRestore {
    /// As the API takes it.
    pub fn wanted(&self) -> Value {
        let mut map = Map::new();
        if let Some(kind) = self.attr_type {
            map.insert("type".into(), type_name(kind).into());
        }
        if let Some(many) = self.multi_valued {
            map.insert("multiValued".into(), many.into());
        }
        map.insert("leaveOut".into(), self.leave_out.into());
        map.into()
    }
}

/// `provost attribute add`
#[derive(Args, Debug)]
pub struct AttributeAdd {
    /// Its name: a letter, then letters, digits, - and _
    pub name: String,
    /// The resource type that has it
    #[arg(long, value_name = "TYPE", default_value = "User")]
    pub resource: String,
    /// The URN of its schema [default: urn:provost:params:scim:schemas:custom:TYPE]
    #[arg(long, value_name = "URN")]
    pub schema: Option<String>,
    /// Its data type
    #[arg(long = "type", value_enum, default_value_t = AttributeType::String, value_name = "DATATYPE")]
    pub attr_type: AttributeType,
    /// It is a list
    #[arg(long)]
    pub multi_valued: bool,
    /// A resource without it is refused
    #[arg(long)]
    pub required: bool,
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Suggested values, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub canonical_values: Vec<String>,
    /// Upper and lower case differ
    #[arg(long)]
    pub case_exact: bool,
    /// Who may write it
    #[arg(long, value_name = "WHO", value_parser = ["readOnly", "readWrite", "immutable", "writeOnly"])]
    pub mutability: Option<String>,
    /// When it is part of an answer
    #[arg(long, value_name = "WHEN", value_parser = ["always", "never", "default", "request"])]
    pub returned: Option<String>,
    /// How far it must be the only one
    #[arg(long, value_name = "HOW", value_parser = ["none", "server", "global"])]
    pub uniqueness: Option<String>,
    /// Fewest characters
    #[arg(long, value_name = "N")]
    pub length_min: Option<u32>,
    /// Most characters
    #[arg(long, value_name = "N")]
    pub length_max: Option<u32>,
    /// A part of a complex attribute, NAME or NAME:DATATYPE; once for each
    #[arg(long, value_name = "PART")]
    pub sub: Vec<String>,
}

impl AttributeChange {
    /// The whole definition: what the list shows of the attribute, and what is to be otherwise over it.
    pub fn laid_over(&self, mut row: Map<String, Value>) -> Value {
        let changes = [
            ("description", self.description.clone().map(Value::from)),
            ("required", self.required.map(Value::from)),
            ("caseExact", self.case_exact.map(Value::from)),
            ("uniqueness", self.uniqueness.clone().map(Value::from)),
            ("lengthMin", self.length_min.map(Value::from)),
            ("lengthMax", self.length_max.map(Value::from)),
        ];
        row.extend(changes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Value::Object(row)
    }
}

impl AttributeAdd {
    /// The definition as the admin API takes it.
    pub fn definition(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), self.name.clone().into());
        map.insert("type".into(), type_name(self.attr_type).into());
        map.insert("multiValued".into(), self.multi_valued.into());
        map.insert("required".into(), self.required.into());
        map.insert("caseExact".into(), self.case_exact.into());
        let texts = [
            ("description", &self.description),
            ("mutability", &self.mutability),
            ("returned", &self.returned),
            ("uniqueness", &self.uniqueness),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.insert(name.into(), text.clone().into());
            }
        }
        for (name, number) in [("lengthMin", self.length_min), ("lengthMax", self.length_max)] {
            if let Some(number) = number {
                map.insert(name.into(), number.into());
            }
        }
        if !self.canonical_values.is_empty() {
            map.insert("canonicalValues".into(), self.canonical_values.clone().into());
        }
        let subs: Vec<Value> = self.sub.iter().map(|text| part(text)).collect();
        if !subs.is_empty() {
            map.insert("subAttributes".into(), subs.into());
        }
        Value::Object(map)
    }
}

fn part(text: &str) -> Value {
    let (name, data_type) = text.split_once(':').unwrap_or((text, "string"));
    json!({"name": name, "type": data_type})
}

fn type_name(attr_type: AttributeType) -> String {
    attr_type.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Which resources to list.
#[derive(Args, Debug)]
pub struct ListResources {
    /// A SCIM filter (RFC 7644 §3.4.2.2)
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Sort by this attribute
    #[arg(long, value_name = "ATTRIBUTE")]
    pub sort_by: Option<String>,
    /// From the end of the alphabet
    #[arg(long, requires = "sort_by")]
    pub descending: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u64,
    /// Begin with this one
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub start: u64,
    /// All of them, however many
    #[arg(long, conflicts_with_all = ["limit", "start"])]
    pub all: bool,
}

/// Which entries of the log.
#[derive(Args, Clone, Debug)]
pub struct LogFilter {
    /// Only requests that were refused or went wrong
    #[arg(long)]
    pub failed: bool,
    /// Only this method
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Only answers with this status or a higher one
    #[arg(long, value_name = "STATUS")]
    pub status: Option<u16>,
    /// Only what is about the resource with this id
    #[arg(long, value_name = "ID")]
    pub resource: Option<String>,
    /// Only requests with the token of this label
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
    /// Only requests from this address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Only answers with this code
    #[arg(long, value_name = "PRV-NNNN")]
    pub code: Option<String>,
    /// Only what changed this attribute or named it
    #[arg(long, value_name = "ATTRIBUTE")]
    pub attribute: Option<String>,
    /// Only entries that hold this text
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}

/// `provost attribute ignore` and `accept`
#[derive(Args, Debug)]
pub struct AttributeTaken {
    /// The whole value, as `attribute list` shows it
    pub value: String,
    /// Of which resource type
    #[arg(long = "type", value_name = "TYPE", default_value = "User")]
    pub of: String,
}

/// `provost log list`
#[derive(Args, Debug)]
pub struct LogList {
    /// Which.
    #[command(flatten)]
    pub filter: LogFilter,
    /// Only those of the last 15m, 1h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<Span>,
    /// Only those after this number
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!("90d".parse(), Ok(Span(90 * 86_400)));
        assert_eq!("15m".parse(), Ok(Span(900)));
        for wrong in ["", "7", "h", "1w", "-1h", "99999999999999999999d", "999999d", "1é"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn settings_nest_at_the_dots() {
        let settings: Vec<Setting> =
            ["log.keepDays=90", "log.level=writes", "returnSameId=false"].iter().map(|s| s.parse().unwrap()).collect();
        assert_eq!(merged(&settings), json!({"log": {"keepDays": 90, "level": "writes"}, "returnSameId": false}));
        assert!("x".parse::<Setting>().is_err());
        assert!(".x=1".parse::<Setting>().is_err());
    }

    #[test]
    fn switches_name_what_they_switch() {
        let off: SwitchSetting = "users.delete=off".parse().unwrap();
        assert_eq!(merged(&[off.0]), json!({"users": {"delete": false}}));
        assert!("people.delete=off".parse::<SwitchSetting>().is_err());
        assert!("users.delete=maybe".parse::<SwitchSetting>().is_err());
    }
}
