//! Definitions that somebody makes at run time: read field by field, so that an error names the field.

use super::{AttrType, Attribute, Indexed, Mutability, Returned, Schema, Uniqueness};
use crate::{AttrPath, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Most attributes of a schema, and most parts of an attribute.
pub const ATTRIBUTES_MAX: usize = 500;
/// Most suggested values of an attribute.
pub const CANONICAL_VALUES_MAX: usize = 500;
/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest description in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1_000;

const FIELDS: [&str; 14] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
    "lengthMin",
    "lengthMax",
];

impl Attribute {
    /// Reads the definition of an attribute (RFC 7643 §7, with `lengthMin` and `lengthMax` of our own), as
    /// an administrator writes it. Only `name` is needed; without a `type` it is a string.
    pub fn from_json(definition: &Value) -> Result<Self> {
        let attribute = read(definition, "", true)?;
        attribute.check("", true)?;
        Ok(attribute)
    }

    fn check(&self, holder: &str, may_nest: bool) -> Result<()> {
        let path = if holder.is_empty() { self.name.clone() } else { format!("{holder}.{}", self.name) };
        let refuse = |field: &str, what: &str| Err(Error::invalid_value(format!("{path}: {field}: {what}")));
        let is_ref = !may_nest && self.name == "$ref" && self.attr_type == AttrType::Reference;
        if !is_ref && !is_name(&self.name) {
            return Err(Error::invalid_value(
                "name: an attribute's name starts with a letter and goes on with letters, digits, - and _ (at most 255)",
            ));
        }
        if self.is_complex() && !may_nest {
            return refuse("type", "a sub-attribute is not complex itself");
        }
        if self.is_complex() && self.sub_attributes.is_empty() {
            return refuse("subAttributes", "a complex attribute has at least one");
        }
        if !self.is_complex() && !self.sub_attributes.is_empty() {
            return refuse("subAttributes", "only a complex attribute has them");
        }
        let is_string = matches!(self.attr_type, AttrType::String | AttrType::Reference);
        if !self.canonical_values.is_empty() && !is_string {
            return refuse("canonicalValues", "only a string has them");
        }
        if (self.length_min.is_some() || self.length_max.is_some()) && !is_string {
            return refuse("lengthMax", "only a string has bounds of its length");
        }
        if self.length_min.unwrap_or(0) > self.length_max.unwrap_or(u32::MAX) {
            return refuse("lengthMin", "it is greater than lengthMax");
        }
        if !self.reference_types.is_empty() && self.attr_type != AttrType::Reference {
            return refuse("referenceTypes", "only a reference has them");
        }
        if self.mutability == Mutability::ReadOnly && self.required {
            return refuse("required", "a readOnly attribute cannot be required of a client");
        }
        if self.mutability == Mutability::WriteOnly && self.returned != Returned::Never {
            return refuse("returned", "a writeOnly attribute is never returned");
        }
        if self.uniqueness != Uniqueness::None && (self.multi_valued || self.is_complex() || !may_nest) {
            return refuse("uniqueness", "only a single value at the top of a schema can be unique");
        }
        check_all(&self.sub_attributes, &path, false)
    }
}

impl Schema {
    /// Reads a schema that somebody defines: `id`, `name`, `description`, `attributes`.
    pub fn from_json(definition: &Value) -> Result<Self> {
        let Value::Object(fields) = definition else {
            return Err(Error::invalid_value("a schema is an object with id, name and attributes"));
        };
        let text = |name: &str| match field(fields, name) {
            None => Ok(String::new()),
            Some(Value::String(text)) if text.len() <= DESCRIPTION_BYTES_MAX => Ok(text.clone()),
            Some(_) => {
                Err(Error::invalid_value(format!("{name}: it is a string of at most {DESCRIPTION_BYTES_MAX} bytes")))
            }
        };
        let attributes = match field(fields, "attributes") {
            None => Vec::new(),
            Some(list) => read_all(list, "attributes", true)?,
        };
        let mut schema = Self { id: text("id")?, name: text("name")?, description: text("description")?, attributes };
        if schema.name.is_empty() {
            schema.name = schema.id.rsplit(':').next().unwrap_or_default().to_owned();
        }
        schema.check()?;
        Ok(schema)
    }

    /// Checks a schema that somebody made at run time: names that can be used in paths and filters,
    /// characteristics that fit each other.
    pub fn check(&self) -> Result<()> {
        let is_urn = self.id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        let fits = is_urn && self.id.len() <= NAME_BYTES_MAX && self.id.chars().all(crate::attr_path::is_path_char);
        if !fits || AttrPath::parse(&self.id).is_none_or(|path| path.to_string() != self.id) {
            return Err(Error::invalid_value(
                "id: a schema's id is a URN such as urn:example:params:scim:schemas:custom:User",
            ));
        }
        check_all(&self.attributes, "", true)
    }
}

fn check_all(attributes: &[Attribute], holder: &str, may_nest: bool) -> Result<()> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(Error::invalid_value(format!("{holder}: at most {ATTRIBUTES_MAX} attributes")));
    }
    for (index, attribute) in attributes.iter().enumerate() {
        attribute.check(holder, may_nest)?;
        let mut earlier = attributes.iter().take(index);
        if earlier.any(|other| other.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(Error::invalid_value(format!("{}: the attribute is there already", attribute.name)));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest) && name.len() <= NAME_BYTES_MAX
}

fn read_all(list: &Value, field: &str, may_nest: bool) -> Result<Vec<Attribute>> {
    let Value::Array(list) = list else {
        return Err(Error::invalid_value(format!("{field}: it is a list of attribute definitions")));
    };
    let read_one = |(index, definition): (usize, &Value)| read(definition, &format!("{field}[{index}]"), may_nest);
    list.iter().take(ATTRIBUTES_MAX + 1).enumerate().map(read_one).collect()
}

fn read(definition: &Value, holder: &str, may_nest: bool) -> Result<Attribute> {
    let Value::Object(fields) = definition else {
        return Err(Error::invalid_value(format!("{}: a definition is an object", at(holder, "attribute"))));
    };
    if let Some(unknown) = fields.keys().find(|key| !FIELDS.iter().any(|field| field.eq_ignore_ascii_case(key))) {
        return Err(Error::invalid_value(format!(
            "{}: a definition has no such field; it has {}",
            at(holder, unknown),
            FIELDS.join(", ")
        )));
    }
    let name: String = one(fields, holder, "name", "a string")?
        .ok_or_else(|| Error::invalid_value(format!("{}: it is required", at(holder, "name"))))?;
    let holder = if is_name(&name) { name.clone() } else { holder.to_owned() };
    let attr_type =
        one(fields, &holder, "type", "one of string, boolean, decimal, integer, dateTime, binary, reference, complex")?
            .unwrap_or(AttrType::String);
    let is_exact = matches!(attr_type, AttrType::Binary | AttrType::Reference);
    let mutability =
        one(fields, &holder, "mutability", "one of readOnly, readWrite, immutable, writeOnly")?.unwrap_or_default();
    let returned = one(fields, &holder, "returned", "one of always, never, default, request")?;
    let unseen = if mutability == Mutability::WriteOnly { Returned::Never } else { Returned::Default };
    let description: String = one(fields, &holder, "description", "a string")?.unwrap_or_default();
    if description.len() > DESCRIPTION_BYTES_MAX {
        let detail = format!("{}: at most {DESCRIPTION_BYTES_MAX} bytes", at(&holder, "description"));
        return Err(Error::invalid_value(detail));
    }
    let sub_attributes = match field(fields, "subAttributes") {
        None => Vec::new(),
        Some(_) if !may_nest => {
            return Err(Error::invalid_value(format!(
                "{}: a sub-attribute has none of its own",
                at(&holder, "subAttributes")
            )));
        }
        Some(list) => read_all(list, &at(&holder, "subAttributes"), false)?,
    };
    let mut reference_types = texts(fields, &holder, "referenceTypes")?;
    if reference_types.is_empty() && attr_type == AttrType::Reference {
        reference_types.push("uri".to_owned());
    }
    Ok(Attribute {
        name,
        attr_type,
        multi_valued: one(fields, &holder, "multiValued", "true or false")?.unwrap_or_default(),
        description,
        required: one(fields, &holder, "required", "true or false")?.unwrap_or_default(),
        canonical_values: texts(fields, &holder, "canonicalValues")?,
        case_exact: one(fields, &holder, "caseExact", "true or false")?.unwrap_or(is_exact),
        mutability,
        returned: returned.unwrap_or(unseen),
        uniqueness: one(fields, &holder, "uniqueness", "one of none, server, global")?.unwrap_or_default(),
        reference_types,
        sub_attributes,
        length_min: one(fields, &holder, "lengthMin", "a whole number")?,
        length_max: one(fields, &holder, "lengthMax", "a whole number")?,
        indexed: Indexed::default(),
    })
}

fn at(holder: &str, field: &str) -> String {
    if holder.is_empty() { field.to_owned() } else { format!("{holder}: {field}") }
}

/// A field in any case; `null` is as good as none.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn one<T: DeserializeOwned>(fields: &Map<String, Value>, holder: &str, name: &str, what: &str) -> Result<Option<T>> {
    let Some(value) = field(fields, name) else { return Ok(None) };
    T::deserialize(value).map(Some).map_err(|_| Error::invalid_value(format!("{}: it is {what}", at(holder, name))))
}

fn texts(fields: &Map<String, Value>, holder: &str, name: &str) -> Result<Vec<String>> {
    let texts: Vec<String> = one(fields, holder, name, "a list of strings")?.unwrap_or_default();
    if texts.len() > CANONICAL_VALUES_MAX
        || texts.iter().any(|text| text.is_empty() || text.len() > DESCRIPTION_BYTES_MAX)
    {
        return Err(Error::invalid_value(format!(
            "{}: at most {CANONICAL_VALUES_MAX} strings, none of them empty",
            at(holder, name)
        )));
    }
    Ok(texts)
}
