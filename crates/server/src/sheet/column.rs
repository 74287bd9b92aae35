//! A column of a CSV file: the path of an attribute, such as `userName`, `name.givenName`,
//! `emails[type eq "work"].value` or `urn:…:2.0:User:department`, read from a resource and put into one.
//!
//! Invariant: what `get` writes, `put` understands. A cell of a column that names more than one value is JSON.

use scim::filter::{CompareOp, Filter};
use serde_json::{Map, Value};

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As it stands in the header.
    pub path: String,
    /// The extension that the attribute is of; none for the core schema.
    schema: Option<String>,
    name: String,
    /// Which element of a list: those parts have to have those values.
    select: Vec<(String, Value)>,
    sub: Option<String>,
    /// SCIM's name of the type of the value.
    kind: String,
    multi_valued: bool,
    /// Only the server writes it; an import passes it over.
    pub read_only: bool,
}

/// What a column's name has to be one of: a row of the admin API's list of attributes.
pub type Attributes = [Value];

/// Attributes of every resource: name, and whether only the server writes them.
const COMMON: [(&str, bool); 5] =
    [("id", true), ("externalId", false), ("schemas", true), ("meta", true), ("groups", true)];

/// A path taken apart.
struct Parts<'p> {
    schema: Option<&'p str>,
    name: &'p str,
    select: Vec<(String, Value)>,
    sub: Option<&'p str>,
}

impl<'p> Parts<'p> {
    fn parse(path: &'p str) -> Option<Self> {
        let (before, select, after) = match path.split_once('[') {
            Some((before, rest)) => {
                let (filter, after) = rest.rsplit_once(']')?;
                (before, selection(filter)?, after)
            }
            None => (path, Vec::new(), ""),
        };
        let is_urn = before.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        let (schema, rest) = match before.rsplit_once(':') {
            Some((schema, rest)) if is_urn => (Some(schema), rest),
            _ => (None, before),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) if select.is_empty() => (name, Some(sub)),
            Some(_) => return None,
            None => (rest, after.strip_prefix('.')),
        };
        let wrong_sub = sub.map_or(!after.is_empty(), |sub| sub.is_empty() || sub.contains('.'));
        (!name.is_empty() && !wrong_sub).then_some(Self { schema, name, select, sub })
    }
}

impl Column {
    /// Understands a path; the error says what is wrong with it.
    pub fn parse(path: &str, resource_type: &str, attributes: &Attributes) -> Result<Self, String> {
        let path = path.trim();
        let wrong = || format!("{path} is not the path of an attribute");
        let unknown = || format!("{path} is no attribute of {resource_type}; see `provost attribute list`");
        let Parts { schema, name, select, sub } = Parts::parse(path).ok_or_else(wrong)?;
        let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let fits = |row: &&Value| {
            text(row, "resourceType").eq_ignore_ascii_case(resource_type)
                && text(row, "name").eq_ignore_ascii_case(name)
                && match schema {
                    Some(schema) => text(row, "namespace").eq_ignore_ascii_case(schema),
                    None => !text(row, "value").contains(':'),
                }
        };
        let Some(row) = attributes.iter().find(fits) else {
            let common = COMMON.iter().find(|(common, _)| schema.is_none() && common.eq_ignore_ascii_case(name));
            let (name, read_only) = common.ok_or_else(unknown)?;
            return Ok(Self {
                path: path.to_owned(),
                schema: None,
                name: (*name).to_owned(),
                select,
                sub: sub.map(str::to_owned),
                kind: if *name == "meta" { "complex" } else { "string" }.to_owned(),
                multi_valued: *name == "groups" || *name == "schemas",
                read_only: *read_only,
            });
        };
        let parts = row.get("subAttributes").and_then(Value::as_array);
        let wanted = sub.or_else(|| (!select.is_empty()).then_some("value"));
        let part = wanted.map(|wanted| {
            let found = parts.into_iter().flatten().find(|part| text(part, "name").eq_ignore_ascii_case(wanted));
            found.ok_or_else(unknown)
        });
        let part = part.transpose()?;
        let is_true = |row: &Value, key: &str| row.get(key).and_then(Value::as_bool).unwrap_or(false);
        let multi_valued = is_true(row, "multiValued");
        if !select.is_empty() && !multi_valued {
            return Err(wrong());
        }
        Ok(Self {
            path: path.to_owned(),
            schema: text(row, "value").contains(':').then(|| text(row, "namespace")),
            name: text(row, "name"),
            select,
            sub: part.map(|part| text(part, "name")),
            kind: text(part.unwrap_or(row), "type"),
            multi_valued,
            read_only: text(row, "mutability").eq_ignore_ascii_case("readOnly"),
        })
    }

    /// Whether it is this attribute of the core schema.
    pub fn is(&self, name: &str) -> bool {
        self.schema.is_none() && self.sub.is_none() && self.name == name
    }

    /// Whether both stand for the same value, however they are written.
    pub fn same_place(&self, other: &Self) -> bool {
        (&self.schema, &self.name, &self.select, &self.sub) == (&other.schema, &other.name, &other.select, &other.sub)
    }

    /// What stands in the cell for this resource.
    pub fn get(&self, resource: &Value) -> String {
        let root = self.schema.as_ref().map_or(Some(resource), |schema| resource.get(schema));
        let Some(value) = root.and_then(|root| root.get(&self.name)) else { return String::new() };
        let element = match value.as_array() {
            Some(elements) if !self.select.is_empty() => elements.iter().find(|element| self.selects(element)),
            Some(elements) if self.sub.is_some() => {
                let primary = elements.iter().find(|element| element.get("primary") == Some(&Value::Bool(true)));
                primary.or_else(|| elements.first())
            }
            _ => Some(value),
        };
        let found = element.and_then(|element| self.sub.as_ref().map_or(Some(element), |sub| element.get(sub)));
        match found {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Puts what stands in a cell into a resource; an empty cell says nothing.
    pub fn put(&self, cell: &str, resource: &mut Map<String, Value>) {
        if cell.is_empty() || self.read_only && !self.is("id") {
            return;
        }
        let value = self.value(cell);
        let root = match &self.schema {
            Some(schema) => object(resource.entry(schema.as_str()).or_insert_with(|| Map::new().into())),
            None => Some(resource),
        };
        let Some(root) = root else { return };
        let Some(sub) = &self.sub else {
            let value = if self.multi_valued && !value.is_array() {
                let one =
                    if self.kind == "complex" { Map::from_iter([("value".to_owned(), value)]).into() } else { value };
                Value::Array(vec![one])
            } else {
                value
            };
            root.insert(self.name.clone(), value);
            return;
        };
        let at = root.entry(self.name.as_str()).or_insert(Value::Null);
        let element = if self.multi_valued { self.element(at) } else { at };
        if !element.is_object() {
            *element = Map::new().into();
        }
        if let Some(parts) = object(element) {
            parts.insert(sub.clone(), value);
        }
    }

    /// The element that the column is about; it is made if it is not there.
    fn element<'v>(&self, list: &'v mut Value) -> &'v mut Value {
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
        let Value::Array(elements) = list else { return list };
        let found = elements.iter().position(|element| self.selects(element));
        let at = found.unwrap_or_else(|| {
            elements.push(self.select.iter().cloned().collect::<Map<_, _>>().into());
            elements.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found there, or put there")]
        &mut elements[at]
    }

    fn selects(&self, element: &Value) -> bool {
        self.select.iter().all(|(part, wanted)| match (element.get(part), wanted) {
            (Some(Value::String(have)), Value::String(wanted)) => have.eq_ignore_ascii_case(wanted),
            (have, wanted) => have == Some(wanted),
        })
    }

    /// The cell as the attribute's type; what does not fit stays text, and the server says so.
    fn value(&self, cell: &str) -> Value {
        let whole = self.sub.is_none() && (self.multi_valued || self.kind == "complex");
        let typed = match self.kind.as_str() {
            _ if whole && cell.starts_with(['[', '{']) => serde_json::from_str(cell).ok(),
            "boolean" => truth(cell).map(Value::Bool),
            "integer" => cell.trim().parse::<i64>().ok().map(Value::from),
            "decimal" => cell.trim().parse::<f64>().ok().map(Value::from),
            _ => None,
        };
        typed.unwrap_or_else(|| Value::String(cell.to_owned()))
    }
}

/// A boolean, as spreadsheets and other systems write one.
fn truth(cell: &str) -> Option<bool> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Some(true),
        "false" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.as_object_mut()
}

/// `type eq "work" and primary eq true`, as parts and values.
fn selection(text: &str) -> Option<Vec<(String, Value)>> {
    fn collect(filter: &Filter, found: &mut Vec<(String, Value)>) -> Option<()> {
        match filter {
            Filter::And(left, right) => collect(left, found).and_then(|()| collect(right, found)),
            Filter::Compare(path, CompareOp::Eq, value) => {
                found.push((path.to_string(), value.clone()));
                Some(())
            }
            _ => None,
        }
    }
    let mut found = Vec::new();
    collect(&Filter::parse(text).ok()?, &mut found)?;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes() -> Vec<Value> {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let sub = |name: &str, kind: &str| json!({"name": name, "type": kind});
        vec![
            json!({"resourceType": "User", "name": "userName", "value": "userName", "type": "string"}),
            json!({"resourceType": "User", "name": "active", "value": "active", "type": "boolean"}),
            json!({"resourceType": "User", "name": "name", "value": "name", "type": "complex",
                "subAttributes": [sub("givenName", "string")]}),
            json!({"resourceType": "User", "name": "emails", "value": "emails", "type": "complex", "multiValued": true,
                "subAttributes": [sub("value", "string"), sub("type", "string"), sub("primary", "boolean")]}),
            json!({"resourceType": "User", "name": "department", "value": format!("{enterprise}:department"),
                "namespace": enterprise, "type": "string"}),
        ]
    }

    #[test]
    fn a_cell_that_was_written_is_read_back() {
        let user = json!({
            "userName": "a", "active": false, "name": {"givenName": "Ann"}, "externalId": "x",
            "emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "w", "primary": true}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D"},
        });
        let header = [
            ("username", "a"),
            ("active", "false"),
            ("externalId", "x"),
            ("name.givenName", "Ann"),
            ("emails[type eq \"home\"].value", "h"),
            ("emails[type eq \"work\" and primary eq true].value", "w"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "R&D"),
        ];
        let mut again = Map::new();
        for (path, cell) in header {
            let column = Column::parse(path, "User", &attributes()).unwrap();
            assert_eq!(column.get(&user), cell, "{path}");
            column.put(cell, &mut again);
        }
        assert_eq!(Value::Object(again), user);
        let whole = Column::parse("emails", "User", &attributes()).unwrap();
        let mut again = Map::new();
        whole.put(&whole.get(&user), &mut again);
        assert_eq!(again["emails"], user["emails"]);
        assert_eq!(Column::parse("emails.value", "User", &attributes()).unwrap().get(&user), "w");
    }

    #[test]
    fn yes_and_no_are_booleans_where_one_is_due() {
        for (path, cell, expected) in [
            ("active", "TRUE", json!(true)),
            ("active", " Yes", json!(true)),
            ("active", "1", json!(true)),
            ("active", "n", json!(false)),
            ("active", "0", json!(false)),
            ("active", "maybe", json!("maybe")),
            ("userName", "yes", json!("yes")),
        ] {
            let mut made = Map::new();
            Column::parse(path, "User", &attributes()).unwrap().put(cell, &mut made);
            assert_eq!(made[path], expected, "{path} {cell}");
        }
    }

    #[test]
    fn what_is_no_attribute_is_said_to_be_none() {
        for wrong in
            ["", "userNam", "name.x", "emails[type", "name[type eq \"x\"].givenName", "emails.value.x", "[", "urn:x:y"]
        {
            assert!(Column::parse(wrong, "User", &attributes()).is_err(), "{wrong}");
        }
        assert!(Column::parse("userName", "Group", &attributes()).is_err());
    }
}
