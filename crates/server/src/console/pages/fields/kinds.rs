//! The types of custom fields as people choose them, and what each is in the standard.

use crate::admin::attributes::Named;
use std::collections::BTreeMap;
use store::{FieldForm, FieldKind};

/// A type to choose.
pub(super) struct Kind {
    /// Its word in the form.
    pub(super) word: &'static str,
    /// What people read.
    pub(super) label: &'static str,
    /// Its type in the standard.
    pub(super) scim: &'static str,
    /// What it looks like in a form.
    pub(super) form: FieldKind,
}

const fn kind(word: &'static str, label: &'static str, scim: &'static str, form: FieldKind) -> Kind {
    Kind { word, label, scim, form }
}

pub(super) const ALL: [Kind; 12] = [
    kind("string", "Text", "string", FieldKind::Plain),
    kind("textArea", "Text area", "string", FieldKind::TextArea),
    kind("integer", "Number, whole", "integer", FieldKind::Plain),
    kind("decimal", "Number with a fraction", "decimal", FieldKind::Plain),
    kind("dateTime", "Date and time", "dateTime", FieldKind::Plain),
    kind("dropdown", "Dropdown", "string", FieldKind::Dropdown),
    kind("multiSelect", "Multi-select dropdown", "string", FieldKind::MultiSelect),
    kind("boolean", "Checkbox", "boolean", FieldKind::Plain),
    kind("radio", "Radio", "string", FieldKind::Radio),
    kind("dependent", "Dependent dropdown", "string", FieldKind::Dependent),
    kind("reference", "Address (URI)", "reference", FieldKind::Plain),
    kind("binary", "Binary (base64)", "binary", FieldKind::Plain),
];

/// The one of that word; text if there is none.
pub(super) fn of_word(word: &str) -> &'static Kind {
    let [text, ..] = &ALL;
    ALL.iter().find(|kind| kind.word == word).unwrap_or(text)
}

/// The one of a field that is there.
pub(super) fn of(scim: &str, form: &FieldForm) -> &'static Kind {
    let fits = ALL.iter().find(|kind| kind.scim == scim && kind.form == form.kind);
    fits.or_else(|| ALL.iter().find(|kind| kind.scim == scim)).unwrap_or_else(|| of_word(""))
}

/// Those that a field can become without its values being converted.
pub(super) fn beside(scim: &str, many: bool) -> Vec<(&'static str, &'static str)> {
    let is_of = |kind: &&Kind| match kind.form {
        FieldKind::Plain => true,
        FieldKind::MultiSelect => many,
        _ => !many,
    };
    ALL.iter().filter(|kind| kind.scim == scim).filter(is_of).map(|kind| (kind.word, kind.label)).collect()
}

/// `Europe: Berlin, Paris`, one a line.
pub(super) fn choices(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut all = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((of, values)) = line.split_once(':') else {
            return Err(format!(
                "“{line}” has no colon: write a value of the other field, a colon, and what can be chosen then"
            ));
        };
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        all.entry(of.trim().to_owned()).or_insert_with(Vec::new).extend(values);
    }
    Ok(all)
}

/// The same back as text.
pub(super) fn choices_text(choices: &BTreeMap<String, Vec<String>>) -> String {
    choices.iter().map(|(of, values)| format!("{of}: {}", values.join(", "))).collect::<Vec<_>>().join("\n")
}

/// Fields that another one can depend on: those with options of which one is chosen.
pub(super) fn parents<'n>(all: &'n [Named], but: &str) -> Vec<(&'n str, &'n str)> {
    let chosen = |named: &&Named| {
        matches!(named.form.kind, FieldKind::Dropdown | FieldKind::Radio | FieldKind::Dependent) && named.value != but
    };
    all.iter()
        .filter(|named| named.custom)
        .filter(chosen)
        .map(|named| (named.value.as_str(), named.attribute.name.as_str()))
        .collect()
}
