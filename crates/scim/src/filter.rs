//! A filter (RFC 7644 §3.4.2.2), kept as the tree it was written as.
//!
//! `emails[type eq "work" and value co "@x"]` (one e-mail satisfies both) and
//! `emails.type eq "work" and emails.value co "@x"` (two e-mails may share the work) are different
//! questions and stay different trees.
//!
//! What a comparison means is `Attribute::key`, here and in SQL. An unknown attribute has no value.
//! `ne` is true of an absent attribute, and of a list in which some value differs; `eq null` means
//! "has no value". Only `""`, `null`, and empty lists and objects are no value.

mod parse;

pub(crate) use parse::path;

use crate::schema::{AttrType, Attribute};
use crate::{AttrPath, Dialect, Error, ResourceType, Result, Target};
use serde_json::{Map, Value};
use std::fmt;

/// Longest filter in bytes.
pub const FILTER_BYTES_MAX: usize = 8192;
/// Deepest nesting of brackets.
pub const FILTER_DEPTH_MAX: usize = 32;
/// Most comparisons in one filter.
pub const FILTER_TERMS_MAX: usize = 100;

/// How an attribute is compared (RFC 7644 Table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal; true of an absent attribute.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl CompareOp {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// Whether it asks for an order.
    pub fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }

    /// Whether it looks for a part of a text.
    pub fn is_part(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }

    /// Whether it holds between two keys.
    pub fn holds(self, have: &str, want: &str) -> bool {
        match self {
            Self::Eq => have == want,
            Self::Ne => have != want,
            Self::Co => have.contains(want),
            Self::Sw => have.starts_with(want),
            Self::Ew => have.ends_with(want),
            Self::Gt => have > want,
            Self::Ge => have >= want,
            Self::Lt => have < want,
            Self::Le => have <= want,
        }
    }
}

/// A filter. `Display` prints it so that parsing it again gives the same tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// At least one.
    Or(Box<Filter>, Box<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// The attribute has a value.
    Present(AttrPath),
    /// A value of the attribute compares with a literal: string, number, boolean or null.
    Compare(AttrPath, CompareOp, Value),
    /// One and the same element satisfies the inner filter, whose paths are names of parts.
    Element(AttrPath, Box<Filter>),
}

impl Filter {
    /// Reads a filter. Errors name the position as a character count that starts with 1.
    pub fn parse(text: &str) -> Result<Self> {
        parse::filter(text)
    }

    /// Whether a resource's full document satisfies it.
    pub fn matches(&self, resource: &Map<String, Value>, resource_type: &ResourceType) -> bool {
        self.holds(Scope::Resource(resource, resource_type))
    }

    /// Whether one element of an attribute satisfies it; paths are names of parts, and `value` is the
    /// element itself where it has no parts.
    pub fn matches_element(&self, attribute: &Attribute, element: &Value) -> bool {
        self.holds(Scope::Element(attribute, element))
    }

    /// Refuses what cannot be asked of an attribute's type: an order of booleans or binaries (RFC 7644 Table 3), or one of
    /// instants or numbers against what is none. Whoever asks for all changes since a day that is no instant would
    /// otherwise be told that there are none.
    pub fn check(&self, resource_type: &ResourceType) -> Result<()> {
        self.each_term(None, &mut |holder, term| {
            let Self::Compare(path, op, literal) = term else { return Ok(()) };
            let leaf = match holder {
                None => resource_type.resolve(path).and_then(|target| target.leaf()),
                Some(element) => leaf_in_element(resource_type, element, path),
            };
            let Some(leaf) = leaf.filter(|_| op.is_order()) else { return Ok(()) };
            let takes = match leaf.attr_type {
                AttrType::Boolean | AttrType::Binary => {
                    return Err(Error::invalid_filter(format!("{path} has no order; use eq or ne instead of {op}")));
                }
                _ if leaf.key(literal).is_some() || literal.is_null() => return Ok(()),
                AttrType::DateTime => "a date and time such as \"2026-11-24T09:30:00Z\"",
                AttrType::Integer | AttrType::Decimal => "a number",
                _ => return Ok(()),
            };
            Err(Error::invalid_filter(format!("{path} {op} takes {takes}")))
        })
    }

    /// Refuses an extension's attribute by its bare name, unless the dialect allows it
    /// (`docs/deviations.toml#bare_extension_names`).
    pub fn check_names(&self, resource_type: &ResourceType, dialect: &Dialect) -> Result<()> {
        if dialect.bare_extension_names {
            return Ok(());
        }
        self.each_term(None, &mut |holder, term| {
            let path = match (holder, term) {
                (Some(element), _) => element,
                (None, Self::Present(path) | Self::Compare(path, ..)) => path,
                (None, _) => return Ok(()),
            };
            match resource_type.resolve(path) {
                Some(Target::Attribute { extension: Some(schema), .. }) if path.urn.is_none() => {
                    Err(Error::invalid_filter(format!("{path} needs its schema in front: {}:{path}", schema.id)))
                }
                _ => Ok(()),
            }
        })
    }

    /// Calls for every `Present` and `Compare`, with the path of the element that it is about.
    fn each_term<'f>(
        &'f self,
        holder: Option<&'f AttrPath>,
        each: &mut impl FnMut(Option<&'f AttrPath>, &'f Self) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::And(a, b) | Self::Or(a, b) => {
                a.each_term(holder, each)?;
                b.each_term(holder, each)
            }
            Self::Not(inner) => inner.each_term(holder, each),
            Self::Element(path, inner) => inner.each_term(Some(path), each),
            Self::Present(_) | Self::Compare(..) => each(holder, self),
        }
    }

    fn holds(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::And(a, b) => a.holds(scope) && b.holds(scope),
            Self::Or(a, b) => a.holds(scope) || b.holds(scope),
            Self::Not(inner) => !inner.holds(scope),
            Self::Present(path) => scope.is_present(path),
            Self::Compare(path, CompareOp::Eq, Value::Null) => !scope.is_present(path),
            Self::Compare(path, CompareOp::Ne, Value::Null) => scope.is_present(path),
            Self::Compare(path, op, literal) => compare(scope, path, *op, literal),
            Self::Element(path, inner) => scope.elements(path).is_some_and(|(attribute, elements)| {
                elements.iter().any(|element| inner.matches_element(attribute, element))
            }),
        }
    }
}

fn compare(scope: Scope<'_>, path: &AttrPath, op: CompareOp, literal: &Value) -> bool {
    let (leaf, values) = match scope.values(path) {
        Some(found) => found,
        None => return op == CompareOp::Ne,
    };
    let values: Vec<&Value> = values.into_iter().filter(|value| is_value(value)).collect();
    if values.is_empty() {
        return op == CompareOp::Ne;
    }
    let Some(want) = leaf.key(literal) else { return op == CompareOp::Ne };
    if (op.is_part() && !leaf.is_text())
        || (op.is_order() && matches!(leaf.attr_type, AttrType::Boolean | AttrType::Binary))
    {
        return false;
    }
    values.iter().any(|value| match leaf.key(value) {
        Some(have) => op.holds(&have, &want),
        None => op == CompareOp::Ne,
    })
}

/// What the paths of a filter are names in.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource(&'a Map<String, Value>, &'a ResourceType),
    Element(&'a Attribute, &'a Value),
}

impl<'a> Scope<'a> {
    fn is_present(self, path: &AttrPath) -> bool {
        match self {
            Self::Resource(resource, resource_type) => match resource_type.resolve(path) {
                None => false,
                Some(Target::Extension(schema)) => resource.get(&schema.id).is_some_and(is_value),
                Some(target @ Target::Attribute { sub: None, .. }) => target.elements(resource).iter().any(is_value),
                Some(target @ Target::Attribute { sub: Some(sub), .. }) => {
                    target.elements(resource).iter().filter_map(|element| element.get(&sub.name)).any(is_value)
                }
            },
            Self::Element(..) => self.values(path).is_some_and(|(_, values)| values.into_iter().any(is_value)),
        }
    }

    /// The definition to compare by, and the scalars of that path.
    fn values(self, path: &AttrPath) -> Option<(&'a Attribute, Vec<&'a Value>)> {
        match self {
            Self::Resource(resource, resource_type) => {
                let target = resource_type.resolve(path)?;
                let leaf = target.leaf()?;
                let Target::Attribute { attribute, .. } = target else { return None };
                let elements = target.elements(resource).iter();
                let held = elements.filter_map(|element| part(attribute, leaf, element));
                Some((leaf, held.flat_map(each).collect()))
            }
            Self::Element(attribute, element) => {
                let leaf = leaf_of(attribute, path)?;
                Some((leaf, part(attribute, leaf, element).into_iter().flat_map(each).collect()))
            }
        }
    }

    fn elements(self, path: &AttrPath) -> Option<(&'a Attribute, &'a [Value])> {
        let Self::Resource(resource, resource_type) = self else { return None };
        let target = resource_type.resolve(path)?;
        match target {
            Target::Attribute { attribute, sub: None, .. } => Some((attribute, target.elements(resource))),
            _ => None,
        }
    }
}

fn part<'v>(attribute: &Attribute, leaf: &Attribute, element: &'v Value) -> Option<&'v Value> {
    if attribute.is_complex() { element.get(&leaf.name) } else { Some(element) }
}

fn each(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// What a name inside the brackets is compared by.
fn leaf_of<'a>(attribute: &'a Attribute, path: &AttrPath) -> Option<&'a Attribute> {
    if path.urn.is_some() || path.sub.is_some() {
        return None;
    }
    if attribute.is_complex() {
        return attribute.sub(&path.name);
    }
    path.name.eq_ignore_ascii_case("value").then_some(attribute)
}

fn leaf_in_element<'a>(resource_type: &'a ResourceType, element: &AttrPath, path: &AttrPath) -> Option<&'a Attribute> {
    match resource_type.resolve(element)? {
        Target::Attribute { attribute, sub: None, .. } => leaf_of(attribute, path),
        _ => None,
    }
}

/// Whether there is anything in it (RFC 7644 Table 3, `pr`).
pub fn is_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => list.iter().any(is_value),
        Value::Object(map) => map.values().any(is_value),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // `and` and `or` lean to the left: what stands on the right as the same is bracketed.
            Self::And(a, b) => {
                bracketed(f, a, matches!(**a, Self::Or(..)))?;
                f.write_str(" and ")?;
                bracketed(f, b, matches!(**b, Self::Or(..) | Self::And(..)))
            }
            Self::Or(a, b) => {
                write!(f, "{a} or ")?;
                bracketed(f, b, matches!(**b, Self::Or(..)))
            }
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Compare(path, op, literal) => write!(f, "{path} {op} {literal}"),
            Self::Element(path, inner) => write!(f, "{path}[{inner}]"),
        }
    }
}

fn bracketed(f: &mut fmt::Formatter<'_>, filter: &Filter, brackets: bool) -> fmt::Result {
    if brackets { write!(f, "({filter})") } else { write!(f, "{filter}") }
}
