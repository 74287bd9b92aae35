//! How people fill in a custom field: what its type in the standard does not say.

use scim::{AttrType, Attribute};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a field looks like in a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldKind {
    /// As its type says: a line, a number, yes or no.
    #[default]
    Plain,
    /// Several lines of text.
    TextArea,
    /// One of its options, from a list that opens.
    Dropdown,
    /// One of its options, all in sight.
    Radio,
    /// Any of its options.
    MultiSelect,
    /// One of the options that go with the value of another field.
    Dependent,
}

/// How a field is filled in, and by whom it is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldForm {
    /// What it looks like.
    pub kind: FieldKind,
    /// The full value of the field that it depends on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub depends_on: String,
    /// What can be chosen, by the value of that field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, Vec<String>>,
    /// Whether people see it on their own page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_page: bool,
}

impl FieldForm {
    /// Why it does not go with the attribute, if it does not.
    pub fn misfit(&self, attribute: &Attribute) -> Option<&'static str> {
        let is_text = attribute.attr_type == AttrType::String;
        let (many, has_options) = (attribute.multi_valued, !attribute.canonical_values.is_empty());
        match self.kind {
            FieldKind::Plain => None,
            _ if !is_text => Some("form: only a text is filled in so"),
            FieldKind::TextArea if many => Some("form: a list has no text area"),
            FieldKind::TextArea => None,
            _ if !has_options => Some("canonicalValues: name what can be chosen"),
            FieldKind::MultiSelect if !many => Some("form: only a list of values is filled in so"),
            FieldKind::MultiSelect => None,
            _ if many => Some("form: a list of values is chosen with multiSelect"),
            FieldKind::Dependent if self.depends_on.is_empty() || self.choices.is_empty() => {
                Some("form: say which field it depends on, and what can be chosen for each value of that")
            }
            FieldKind::Dropdown | FieldKind::Radio | FieldKind::Dependent => None,
        }
    }

    /// Whether it says anything at all.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
