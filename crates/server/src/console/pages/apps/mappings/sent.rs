//! The form of the mappings as it was sent, and what of it cannot be read.

use super::super::{assign, tenant};
use super::{Way, read, written};
use crate::admin::apps::preview;
use crate::console::{Desk, Fault};
use crate::outbound::integration::Integration;
use provision::mapping::{Empty, Mapping, Rule};
use provision::profile::{Apply, Attribute, DataType};
use scim::schema::AttrType;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The field of a row that says where its value is from.
pub(super) const FROM: &str = "from";
/// The field of a row that says what it is without one.
pub(super) const DEFAULT: &str = "default";

/// What was written and cannot be read, and why.
pub(super) struct Wrong {
    pub(super) text: String,
    pub(super) why: String,
}

/// By field and attribute.
pub(super) type Wrongs = BTreeMap<(&'static str, String), Wrong>;

/// What was sent: the fields of all rows, and what to do with them.
pub(super) struct Sent {
    pub(super) way: Way,
    pub(super) person: String,
    pub(super) act: String,
    fields: BTreeMap<String, String>,
}

impl Sent {
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        let fields: BTreeMap<String, String> = pairs.into_iter().collect();
        let get = |name: &str| fields.get(name).cloned().unwrap_or_default();
        Self { way: Way::of(&get("way")), person: get("person"), act: get("do"), fields }
    }

    fn field(&self, kind: &str, attribute: &str) -> Option<&str> {
        self.fields.get(&format!("{kind}.{attribute}")).map(String::as_str)
    }

    /// The mappings that were written, empty where one cannot be read.
    pub(super) fn mappings(&self, cx: &Desk, integration: &Integration) -> Result<(Vec<Mapping>, Wrongs), Fault> {
        let before = self.way.rows(integration);
        let (mut rows, mut wrong) = (Vec::new(), Wrongs::new());
        let mut names: Vec<String> =
            self.fields.keys().filter_map(|name| name.strip_prefix("from.")).map(str::to_owned).collect();
        let place = |name: &String| before.iter().position(|row| row.attribute == *name).unwrap_or(usize::MAX);
        names.sort_by_key(place);
        let added = self.fields.get("add").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        for (name, text) in names
            .iter()
            .map(|name| (name.clone(), self.field(FROM, name).unwrap_or_default()))
            .chain(added.map(|name| (name, self.fields.get("added").map_or("", String::as_str))))
        {
            let known = before.iter().find(|row| row.attribute == name);
            let kept = known.filter(|known| written(&known.from, self.way.object()) == text.trim());
            let from = match kept {
                Some(kept) => Ok(kept.from.clone()),
                None if text.trim().is_empty() => continue,
                None => read(text, self.way.object()),
            };
            let from = from.unwrap_or_else(|why| {
                wrong.insert((FROM, name.clone()), Wrong { text: text.to_owned(), why });
                Rule::None
            });
            let attribute = typed_like(cx, integration, self.way, &name)?;
            let empty = self.empty(&name, known, attribute.as_ref()).unwrap_or_else(|unread| {
                wrong.insert((DEFAULT, name.clone()), unread);
                Empty::Omit
            });
            rows.push(Mapping { apply: self.apply(&name, known), empty, attribute: name, from });
        }
        Ok((rows, wrong))
    }

    fn apply(&self, name: &str, known: Option<&Mapping>) -> Apply {
        let chosen = self.field("apply", name).and_then(|word| serde_json::from_value(json!(word)).ok());
        chosen.or(known.map(|known| known.apply)).unwrap_or_default()
    }

    /// What is done without a value. A default that was left as it was shown is kept as it is.
    fn empty(&self, name: &str, known: Option<&Mapping>, attribute: Option<&Attribute>) -> Result<Empty, Wrong> {
        let known = known.map(|known| &known.empty);
        let text = self.field(DEFAULT, name).unwrap_or_default();
        match (self.field("empty", name), known) {
            (None, known) => Ok(known.cloned().unwrap_or_default()),
            (Some("clear"), _) => Ok(Empty::Clear),
            (Some("default"), Some(Empty::Default(value))) if shown(value) == text => Ok(Empty::Default(value.clone())),
            (Some("default"), _) => match default(attribute, text) {
                Ok(value) => Ok(Empty::Default(value)),
                Err(why) => Err(Wrong { text: text.to_owned(), why }),
            },
            (Some(_), _) => Ok(Empty::Omit),
        }
    }
}

/// A default as its field holds it: what is in a list, one after the other.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(|item| preview::line(Some(item))).collect::<Vec<_>>().join(", ")
        }
        other => preview::line(Some(other)),
    }
}

/// What was written as a default, in the type of the attribute.
fn default(attribute: Option<&Attribute>, text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("write the default, or choose what else is done without a value".into());
    }
    match attribute {
        Some(attribute) => attribute.fit(assign::typed(attribute, text.trim())),
        None => Ok(text.trim().into()),
    }
}

/// The attribute that a row writes; one of the directory as a profile would have it.
fn typed_like(cx: &Desk, integration: &Integration, way: Way, name: &str) -> Result<Option<Attribute>, Fault> {
    if way == Way::ToApp {
        return Ok(integration.app.profile.attribute(name).cloned());
    }
    let state = crate::admin::tenant_of(&cx.app, tenant(cx))?;
    let mut all = state.named("User").into_iter().flat_map(|users| users.attributes());
    let found = all.find(|(_, attribute)| attribute.name.eq_ignore_ascii_case(name));
    Ok(found.map(|(_, attribute)| {
        let data_type = match (attribute.attr_type, attribute.multi_valued) {
            (AttrType::Boolean, false) => DataType::Boolean,
            (AttrType::Integer, false) => DataType::Integer,
            (AttrType::Integer, true) => DataType::IntegerArray,
            (AttrType::Decimal, false) => DataType::Number,
            (AttrType::Decimal, true) => DataType::NumberArray,
            (AttrType::Complex, _) | (AttrType::Boolean, true) => DataType::Json,
            (_, false) => DataType::String,
            (_, true) => DataType::StringArray,
        };
        Attribute { variable_name: name.to_owned(), data_type, ..Attribute::default() }
    }))
}
