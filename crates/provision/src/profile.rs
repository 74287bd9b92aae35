//! A target profile: which attributes an account at the app has, and where each stands on the wire.

use crate::place::{Pasted, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most attributes of a profile.
pub const ATTRIBUTES_MAX: usize = 1_000;
/// Longest value of a text without a bound of its own, in characters.
pub const LENGTH_MAX: u32 = 32_768;

/// The data types of an attribute, as the profile editor names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataType {
    /// Text.
    #[default]
    String,
    /// A number with a fraction.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Texts.
    StringArray,
    /// Numbers.
    NumberArray,
    /// Whole numbers.
    IntegerArray,
    /// JSON as it is: complex values such as roles.
    Json,
}

/// Who may set an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Assignments of people and of groups.
    #[default]
    None,
    /// Assignments of people only (*User personal*).
    UserPersonal,
}

/// What becomes of values that several group assignments give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Union {
    /// The group of the highest priority gives it.
    #[default]
    Priority,
    /// All of them together; lists only.
    Combine,
}

/// When an attribute is pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Apply {
    /// When the account is made, and never again.
    Create,
    /// When the account is made and when the value changes.
    #[default]
    CreateAndUpdate,
    /// Never.
    Never,
}

/// An attribute of a target profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attribute {
    /// For people.
    pub display_name: String,
    /// Its name in mappings and expressions.
    pub variable_name: String,
    /// Its name on the wire: `name.givenName`, `emails.^[primary==true].value`, or a whole full name.
    pub external_name: String,
    /// The schema that it belongs to; empty is the core schema.
    pub external_namespace: String,
    /// For people.
    pub description: String,
    /// What its values are.
    pub data_type: DataType,
    /// The values that it may have; empty is any.
    #[serde(rename = "enum")]
    pub values: Vec<Value>,
    /// Fewest characters.
    pub length_min: Option<u32>,
    /// Most characters.
    pub length_max: Option<u32>,
    /// Whether an account without it is not pushed.
    pub required: bool,
    /// Who may set it.
    pub scope: Scope,
    /// What becomes of values that several group assignments give.
    pub union: Union,
    /// When it is pushed. A mapping has a switch of the same name; the stricter one holds.
    pub apply: Apply,
    /// Whether evidence and previews hide its value.
    pub sensitive: bool,
}

/// What an account, or a group, at the app is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Profile {
    /// The attributes, in the order in which they are written.
    pub attributes: Vec<Attribute>,
    /// What becomes of full names pasted into an external name.
    pub pasted: Pasted,
}

impl Profile {
    /// The attribute of that variable name.
    pub fn attribute(&self, variable: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.variable_name.eq_ignore_ascii_case(variable))
    }

    /// What is wrong with the definitions, each with the attribute that it is about.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.attributes.len() > ATTRIBUTES_MAX {
            problems.push(Problem::new("", format!("a profile has at most {ATTRIBUTES_MAX} attributes")));
        }
        let mut seen: Vec<(String, String)> = Vec::new();
        for attribute in &self.attributes {
            let name = attribute.variable_name.as_str();
            problems.extend(attribute.check(self.pasted).into_iter().map(|why| Problem::new(name, why)));
            let path = attribute.place(self.pasted).map_or_else(|_| String::new(), |place| place.path().to_lowercase());
            let folded = name.to_lowercase();
            if seen.iter().any(|(other, _)| *other == folded) {
                problems.push(Problem::new(name, "another attribute has this variable name; case makes no difference"));
            }
            if seen.iter().any(|(_, other)| !path.is_empty() && *other == path) {
                problems.push(Problem::new(name, "another attribute has this external name and namespace"));
            }
            seen.push((folded, path));
        }
        problems
    }
}

impl Attribute {
    /// Where it stands on the wire.
    pub fn place(&self, pasted: Pasted) -> Result<Place, String> {
        Place::parse(&self.external_name, Some(&self.external_namespace), pasted)
    }

    fn check(&self, pasted: Pasted) -> Option<String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.variable_name.is_empty() || !self.variable_name.chars().all(fits) {
            return Some("a variable name is letters, digits, - and _".into());
        }
        if let (Some(min), Some(max)) = (self.length_min, self.length_max)
            && min > max
        {
            return Some("the shortest length is larger than the longest".into());
        }
        if self.union == Union::Combine && !self.data_type.is_list() {
            return Some("only lists can be combined".into());
        }
        self.place(pasted).err()
    }

    /// Whether a value may be sent, and in the type of the attribute: `"5"` becomes `5` where a
    /// number is due.
    pub fn fit(&self, value: Value) -> Result<Value, String> {
        let value = self.data_type.convert(value)?;
        let listed = |item: &Value| self.values.is_empty() || self.values.contains(item);
        let items = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        if !items.iter().all(listed) {
            return Err("the value is not among those that the attribute may have".into());
        }
        for text in items.iter().filter_map(Value::as_str) {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            if length > self.length_max.unwrap_or(LENGTH_MAX) {
                return Err(format!("the value is longer than {} characters", self.length_max.unwrap_or(LENGTH_MAX)));
            }
            if self.length_min.is_some_and(|min| length < min) {
                return Err(format!("the value is shorter than {} characters", self.length_min.unwrap_or(0)));
            }
        }
        Ok(value)
    }
}

impl DataType {
    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        matches!(self, Self::StringArray | Self::NumberArray | Self::IntegerArray)
    }

    fn convert(self, value: Value) -> Result<Value, String> {
        let item = match self {
            Self::Json => return Ok(value),
            Self::StringArray => Self::String,
            Self::NumberArray => Self::Number,
            Self::IntegerArray => Self::Integer,
            single => {
                // A list of one where one is due is that one.
                return match value {
                    Value::Array(list) if list.len() == 1 => single.scalar(list.into_iter().next().unwrap_or_default()),
                    other => single.scalar(other),
                };
            }
        };
        match value {
            Value::Array(list) => list.into_iter().map(|value| item.scalar(value)).collect(),
            other => item.scalar(other).map(|value| Value::Array(vec![value])),
        }
    }

    fn scalar(self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (Self::String, Value::String(text)) => Ok(text.into()),
            (Self::String, value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string().into()),
            (Self::Boolean, Value::Bool(flag)) => Ok(flag.into()),
            (Self::Boolean, Value::String(text)) => {
                scim::schema::parse_boolean(&text).map(Value::from).ok_or_else(|| "a boolean is due".into())
            }
            (Self::Integer, Value::Number(number)) if number.is_i64() => Ok(number.into()),
            (Self::Integer, Value::String(text)) => {
                text.trim().parse::<i64>().map(Value::from).map_err(|_| "a whole number is due".into())
            }
            (Self::Number, Value::Number(number)) => Ok(number.into()),
            (Self::Number, Value::String(text)) => {
                let number = text.trim().parse().ok().and_then(serde_json::Number::from_f64);
                number.map(Value::Number).ok_or_else(|| "a number is due".into())
            }
            (Self::Integer, _) => Err("a whole number is due".into()),
            (Self::Number, _) => Err("a number is due".into()),
            (Self::Boolean, _) => Err("a boolean is due".into()),
            _ => Err("a text is due".into()),
        }
    }
}

/// What keeps an attribute, or a person, from being pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The variable name of the attribute; empty is the whole.
    pub attribute: String,
    /// What is wrong, without any value.
    pub message: String,
}

impl Problem {
    /// A problem of an attribute.
    pub fn new(attribute: &str, message: impl Into<String>) -> Self {
        Self { attribute: attribute.to_owned(), message: message.into() }
    }
}
