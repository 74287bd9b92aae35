//! The index rows of a resource, as a set: what changes is the difference of two sets.
//!
//! Not here: `id` and `meta` (columns), members, groups and a user's manager (tables of their own), and
//! attributes that are never returned: nobody can ask for what nobody is shown.

use scim::filter::is_value;
use scim::schema::{self, Attribute, Returned, Schema, Uniqueness};
use scim::{Resource, ResourceType, Target};
use serde_json::Value;
use std::collections::BTreeSet;

/// One row of `unique_value` or `attribute_value`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexRow {
    /// Which table keeps it: `true` for `unique_value`.
    pub(crate) unique: bool,
    /// Whether somebody else may have it all the same: it is of a former definition.
    pub(crate) lax: bool,
    /// The leaf's `Target::index_path`, or `empty_path`.
    pub(crate) path: String,
    /// `Attribute::key`; empty for a value that has none.
    pub(crate) value: String,
    /// The entry of a list; 0 is the primary one.
    pub(crate) element: i64,
}

/// Which table keeps a value: `true` for `unique_value`.
pub(crate) fn is_unique(attribute: &Attribute) -> bool {
    attribute.uniqueness != Uniqueness::None && !attribute.multi_valued && !attribute.is_complex()
}

/// Under this name stand the elements of an attribute that have no value at all: `""` where a tenant
/// is strict. Without them `emails[not (value pr)]` could not find them.
pub(crate) fn empty_path(extension: Option<&Schema>, attribute: &Attribute) -> String {
    let mut path = path(extension, attribute, None);
    path.push_str("#empty");
    path
}

/// What lists of users and groups are sorted by, as a rule. Who has no value of these has a row that says so: the end of
/// such a list is found through the index too. Whoever is provisioned by an identity provider has most of them, so there
/// are few rows.
const SORTED: [&str; 5] = ["displayName", "externalId", "name.familyName", "name.givenName", "emails.value"];

/// Under this name stand the resources that have no value at this path to be sorted by.
pub(crate) fn absent_path(path: &str) -> String {
    format!("{path}#none")
}

/// The path of an attribute or a part, as `Target::index_path` writes it, but without adding `.value`.
pub(crate) fn path(extension: Option<&Schema>, attribute: &Attribute, sub: Option<&Attribute>) -> String {
    if sub.is_some() || !attribute.is_complex() {
        return Target::Attribute { extension, attribute, sub }.index_path();
    }
    let name = attribute.name.to_ascii_lowercase();
    extension.map_or_else(|| name.clone(), |schema| format!("{}:{name}", schema.id.to_ascii_lowercase()))
}

/// Whether the attribute's values are kept elsewhere than in the two index tables.
pub(crate) fn is_apart(resource_type: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> bool {
    match extension {
        None => match attribute.name.as_str() {
            "schemas" | "id" | "meta" => true,
            "groups" => resource_type.is_user(),
            "members" => resource_type.has_members(),
            _ => false,
        },
        Some(schema) => is_manager(resource_type, schema, attribute),
    }
}

/// Whether it is the manager that the server resolves.
pub(crate) fn is_manager(resource_type: &ResourceType, extension: &Schema, attribute: &Attribute) -> bool {
    resource_type.is_user() && extension.id == schema::ENTERPRISE_USER && attribute.name == "manager"
}

/// The rows of a resource from which what is never returned was taken out.
pub(crate) fn rows(visible: &Resource, resource_type: &ResourceType) -> BTreeSet<IndexRow> {
    rows_of(visible, resource_type, |_, _| true)
}

/// Those of attributes in which two states differ, of each of them: what is in both is in the index and stays there.
pub(crate) fn rows_that_differ([old, new]: [&Resource; 2], resource_type: &ResourceType) -> [BTreeSet<IndexRow>; 2] {
    let differs = |extension: Option<&Schema>, attribute: &Attribute| {
        old.value(extension, attribute) != new.value(extension, attribute)
    };
    [old, new].map(|state| rows_of(state, resource_type, differs))
}

fn rows_of(
    visible: &Resource,
    resource_type: &ResourceType,
    is_asked: impl Fn(Option<&Schema>, &Attribute) -> bool,
) -> BTreeSet<IndexRow> {
    let mut rows = BTreeSet::new();
    for (extension, attribute, value) in visible.values(resource_type) {
        let is_elsewhere = is_apart(resource_type, extension, attribute) || attribute.returned == Returned::Never;
        if is_elsewhere || !is_asked(extension, attribute) {
            continue;
        }
        let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let primary = primary(elements);
        for (index, element) in elements.iter().enumerate() {
            add(&mut rows, extension, attribute, element, number(index, primary));
        }
    }
    if let Some(attribute) = schema::COMMON.attribute("schemas") {
        for (extension, element) in resource_type.extensions.iter().zip(1..) {
            if visible.attributes.contains_key(&extension.schema.id) {
                let value = attribute.key(&Value::String(extension.schema.id.clone())).unwrap_or_default();
                rows.insert(IndexRow { unique: false, lax: false, path: "schemas".into(), value, element });
            }
        }
    }
    for (attribute, path) in sorted(resource_type) {
        if is_asked(None, attribute) && sort_key(&rows, &path).is_none() {
            let path = absent_path(&path);
            rows.insert(IndexRow { unique: false, lax: false, path, value: String::new(), element: 0 });
        }
    }
    rows
}

/// The rows of one attribute's values in a build of its index that answers not yet.
pub(crate) fn rows_to_come(visible: &Resource, extension: Option<&Schema>, next: &Attribute) -> BTreeSet<IndexRow> {
    let mut rows = BTreeSet::new();
    let Some(value) = visible.value(extension, next) else { return rows };
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let primary = primary(elements);
    for (index, element) in elements.iter().enumerate() {
        add_state(&mut rows, extension, next, element, number(index, primary), false);
    }
    rows
}

/// Under these names stand all builds of an attribute's index, and its empty elements: from the first on, before the second.
pub(crate) fn builds(attribute: &str) -> (String, String) {
    let path = attribute.to_ascii_lowercase();
    let end = format!("{path}$");
    (path, end)
}

/// Attribute and number of the build that has this path.
pub(crate) fn build_of(path: &str) -> (&str, u32) {
    let Some((attribute, behind)) = path.split_once('#') else { return (path, 0) };
    let number = behind.split('#').next().and_then(|number| number.parse().ok());
    (attribute, number.unwrap_or(0))
}

/// The index paths of which a type keeps who has no value.
pub(crate) fn sorted_paths(resource_type: &ResourceType) -> impl Iterator<Item = String> {
    sorted(resource_type).map(|(_, path)| path)
}

/// The same with the attributes that they belong to.
fn sorted(resource_type: &ResourceType) -> impl Iterator<Item = (&Attribute, String)> {
    let names: &[&str] = if resource_type.is_user() || resource_type.has_members() { &SORTED } else { &[] };
    names.iter().filter_map(|name| {
        let target = resource_type.resolve_text(name)?;
        let Target::Attribute { extension: None, attribute, .. } = target else { return None };
        // Who lacks what is required is refused.
        (!is_required(attribute)).then(|| (attribute, target.index_path()))
    })
}

/// Whether every resource has a value of it.
pub(crate) fn is_required(attribute: &Attribute) -> bool {
    attribute.required && !attribute.is_complex() && !attribute.multi_valued
}

/// What a resource with these rows is sorted by at a path: the value of the primary element, the least if that has
/// several. Nothing without a value, or with one that compares with nothing.
pub(crate) fn sort_key<'a>(rows: &'a BTreeSet<IndexRow>, path: &str) -> Option<&'a str> {
    let of_path = |row: &&IndexRow| row.path == path && row.element == 0 && !row.value.is_empty();
    rows.iter().filter(of_path).map(|row| row.value.as_str()).min()
}

/// The position of the primary element; the first one if none is marked.
pub(crate) fn primary(elements: &[Value]) -> usize {
    elements.iter().position(|element| element.get("primary") == Some(&Value::Bool(true))).unwrap_or(0)
}

/// The primary and the first element change places, so that all others keep their numbers.
fn number(index: usize, primary: usize) -> i64 {
    let number = if index == primary {
        0
    } else if index == 0 {
        primary
    } else {
        index
    };
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn add(rows: &mut BTreeSet<IndexRow>, extension: Option<&Schema>, attribute: &Attribute, element: &Value, number: i64) {
    for (state, lax) in attribute.states() {
        add_state(rows, extension, state, element, number, lax);
    }
}

/// The rows of an element in one build of the index.
fn add_state(
    rows: &mut BTreeSet<IndexRow>,
    extension: Option<&Schema>,
    attribute: &Attribute,
    element: &Value,
    number: i64,
    lax: bool,
) {
    let before = rows.len();
    if attribute.is_complex() {
        for sub in attribute.sub_attributes.iter().filter(|sub| sub.returned != Returned::Never) {
            let Some(part) = element.get(&sub.name) else { continue };
            let row = IndexRow { unique: false, lax, path: String::new(), value: String::new(), element: number };
            leaves(rows, sub, part, &row, || path(extension, attribute, Some(sub)));
        }
    } else {
        let unique = is_unique(attribute);
        let row = IndexRow { unique, lax, path: String::new(), value: String::new(), element: number };
        leaves(rows, attribute, element, &row, || path(extension, attribute, None));
    }
    if rows.len() == before {
        let path = empty_path(extension, attribute);
        rows.insert(IndexRow { unique: false, lax, path, value: String::new(), element: number });
    }
}

fn leaves(rows: &mut BTreeSet<IndexRow>, leaf: &Attribute, value: &Value, row: &IndexRow, path: impl Fn() -> String) {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for value in values.iter().filter(|value| is_value(value)) {
        rows.insert(IndexRow { path: path(), value: leaf.key(value).unwrap_or_default(), ..row.clone() });
    }
}

/// What members, groups and managers are shown as: the display name, for a user also the formatted name. Not the login
/// name: a client that compares what it wrote with what it reads takes a display name that nobody has for a change.
pub(crate) fn display(resource: &Resource, resource_type: &ResourceType) -> Option<String> {
    let names: &[&str] = if resource_type.is_user() { &["displayName", "name.formatted"] } else { &["displayName"] };
    let text = names.iter().find_map(|name| resource.text(resource_type, name).filter(|text| !text.is_empty()));
    text.map(str::to_owned)
}
