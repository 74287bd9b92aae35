//! What a path of a filter is in the database, and comparisons with it.

use super::related::Relation;
use super::{BY_KEY, Compiler, Rank, comparison};
use crate::db::Reader;
use crate::index::{self, is_unique};
use crate::{Result, TenantId};
use scim::filter::CompareOp;
use scim::schema::{self, AttrType, Attribute, Returned, Schema, instant};
use scim::{AttrPath, ResourceType, Target};
use serde_json::Value;

/// What a path is a name in.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// The resource.
    Resource,
    /// The one element of a single-valued attribute; its parts are the resource's.
    Single(Option<&'a Schema>, &'a Attribute),
}

/// What a path means in the database.
#[derive(Clone)]
pub(super) enum Term<'a> {
    /// No attribute, or one without anything to compare: it has no value.
    Nothing,
    /// An attribute that every resource has, as a column.
    Column(Column, &'a Attribute),
    /// The URNs of the schemas.
    Schemas(&'a Attribute),
    /// Index rows.
    Stored(Stored<'a>),
    /// Rows of other resources.
    Related(Relation, &'a Attribute),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Created,
    Modified,
    Version,
    Location,
    ResourceType,
}

/// The index rows of one leaf.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) unique: bool,
    /// Nothing if no resource ever had it.
    pub(super) number: Option<i64>,
    /// Whether one resource can have several.
    pub(super) many: bool,
    pub(super) leaf: &'a Attribute,
}

impl Stored<'_> {
    pub(super) fn table(&self) -> &'static str {
        if self.unique { "unique_value" } else { "attribute_value" }
    }
}

/// What an attribute, with or without one of its parts, is.
pub(super) enum Place<'a> {
    Attribute(Option<&'a Schema>, &'a Attribute, Option<&'a Attribute>),
    Extension(&'a Schema),
}

/// Looks a path up in its scope.
pub(super) fn place<'a>(resource_type: &'a ResourceType, scope: Scope<'a>, path: &AttrPath) -> Option<Place<'a>> {
    match scope {
        Scope::Resource => Some(match resource_type.resolve(path)? {
            Target::Extension(schema) => Place::Extension(schema),
            Target::Attribute { extension, attribute, sub } => Place::Attribute(extension, attribute, sub),
        }),
        Scope::Single(extension, attribute) => {
            let leaf = leaf_of(attribute, path)?;
            Some(Place::Attribute(extension, attribute, attribute.is_complex().then_some(leaf)))
        }
    }
}

/// What a name inside brackets is compared by: a part, or `value` for the element itself.
pub(super) fn leaf_of<'a>(attribute: &'a Attribute, path: &AttrPath) -> Option<&'a Attribute> {
    if path.urn.is_some() || path.sub.is_some() {
        return None;
    }
    if attribute.is_complex() {
        return attribute.sub(&path.name);
    }
    path.name.eq_ignore_ascii_case("value").then_some(attribute)
}

pub(super) fn resolve<'a>(
    reader: &Reader,
    tenant: TenantId,
    resource_type: &'a ResourceType,
    scope: Scope<'a>,
    path: &AttrPath,
) -> Result<Term<'a>> {
    let Some(Place::Attribute(extension, attribute, sub)) = place(resource_type, scope, path) else {
        return Ok(Term::Nothing);
    };
    let leaf = Target::Attribute { extension, attribute, sub }.leaf();
    let Some(leaf) = leaf else { return Ok(Term::Nothing) };
    if extension.is_none()
        && let Some(term) = common(attribute, leaf)
    {
        return Ok(term);
    }
    if let Some(relation) = Relation::of(resource_type, extension, attribute) {
        return Ok(Term::Related(relation, leaf));
    }
    if attribute.returned == Returned::Never || leaf.returned == Returned::Never {
        return Ok(Term::Nothing);
    }
    let path = index::path(extension, attribute, attribute.is_complex().then_some(leaf));
    Ok(Term::Stored(Stored {
        unique: is_unique(attribute),
        number: reader.attribute(tenant, &resource_type.name, &path)?,
        many: attribute.multi_valued || leaf.multi_valued,
        leaf,
    }))
}

/// The attributes that every resource has and that are columns.
fn common<'a>(attribute: &'a Attribute, leaf: &'a Attribute) -> Option<Term<'a>> {
    let column = match (attribute.name.as_str(), leaf.name.as_str()) {
        ("schemas", _) => return Some(Term::Schemas(leaf)),
        ("id", _) => Column::Id,
        ("meta", "created") => Column::Created,
        ("meta", "lastModified") => Column::Modified,
        ("meta", "version") => Column::Version,
        ("meta", "location") => Column::Location,
        ("meta", "resourceType") => Column::ResourceType,
        _ => return None,
    };
    Some(Term::Column(column, leaf))
}

/// The literal's key, or the answer whatever the attribute's values are.
pub(super) fn wanted(leaf: &Attribute, op: CompareOp, literal: &Value) -> std::result::Result<String, bool> {
    let Some(want) = leaf.key(literal) else { return Err(op == CompareOp::Ne) };
    let unordered = matches!(leaf.attr_type, AttrType::Boolean | AttrType::Binary);
    if (op.is_part() && !leaf.is_text()) || (op.is_order() && unordered) {
        return Err(false);
    }
    Ok(want)
}

fn constant(answer: bool) -> String {
    if answer { "true".into() } else { "false".into() }
}

impl<'a> Compiler<'a> {
    pub(super) fn compare(
        &mut self,
        scope: Scope<'a>,
        path: &AttrPath,
        op: CompareOp,
        literal: &Value,
    ) -> Result<String> {
        let term = self.term(scope, path)?;
        let leaf = match &term {
            Term::Nothing => return Ok(constant(op == CompareOp::Ne)),
            Term::Column(_, leaf) | Term::Schemas(leaf) | Term::Related(_, leaf) => *leaf,
            Term::Stored(stored) => stored.leaf,
        };
        let want = match wanted(leaf, op, literal) {
            Ok(want) => want,
            Err(answer) => return Ok(constant(answer)),
        };
        match term {
            Term::Nothing => Ok(constant(false)),
            Term::Column(column, _) => Ok(self.column(column, op, &want, literal)),
            Term::Schemas(leaf) => self.schemas(|urn| leaf.key(&urn).is_some_and(|have| op.holds(&have, &want))),
            Term::Stored(stored) => Ok(self.stored_test(stored, op, &want)),
            Term::Related(relation, leaf) => self.related_compare(relation, leaf, op, &want),
        }
    }

    pub(super) fn compare_set(
        &mut self,
        scope: Scope<'a>,
        path: &AttrPath,
        op: CompareOp,
        literal: &Value,
    ) -> Result<Option<String>> {
        Ok(match self.term(scope, path)? {
            Term::Column(column, leaf) => match wanted(leaf, op, literal) {
                Ok(want) => {
                    let condition = self.column(column, op, &want, literal);
                    Some(format!("select r.rid from resource r where r.tenant = ?1 and {condition}"))
                }
                Err(_) => None,
            },
            Term::Stored(stored) => match wanted(stored.leaf, op, literal) {
                Ok(want) => self.stored_set(stored, op, &want),
                Err(_) => None,
            },
            Term::Related(relation, leaf) => match wanted(leaf, op, literal) {
                Ok(want) => self.related_set(relation, leaf, op, &want)?,
                Err(_) => None,
            },
            Term::Nothing | Term::Schemas(_) => None,
        })
    }

    pub(super) fn compare_rank(
        &self,
        scope: Scope<'a>,
        path: &AttrPath,
        op: CompareOp,
        literal: &Value,
    ) -> Result<Option<Rank>> {
        if op == CompareOp::Ne || literal.is_null() {
            return Ok(None);
        }
        let is_answered = |leaf: &Attribute| wanted(leaf, op, literal).is_ok_and(|want| !want.is_empty());
        Ok(match self.term(scope, path)? {
            Term::Column(Column::Id | Column::Location, leaf) => {
                (op == CompareOp::Eq && is_answered(leaf)).then_some(Rank::One)
            }
            Term::Stored(stored) if stored.number.is_some() && is_answered(stored.leaf) => {
                Some(if stored.unique && op == CompareOp::Eq { Rank::One } else { rank(stored.leaf, op) })
            }
            Term::Related(relation, leaf) if is_answered(leaf) => relation.rank(leaf, op),
            _ => None,
        })
    }

    /// Whether there is a value.
    pub(super) fn present(&mut self, scope: Scope<'a>, path: &AttrPath) -> Result<String> {
        let Some(place) = place(self.resource_type, scope, path) else { return Ok(constant(false)) };
        let (extension, attribute, sub) = match place {
            Place::Extension(schema) => return self.extension_present(schema),
            Place::Attribute(extension, attribute, sub) => (extension, attribute, sub),
        };
        if extension.is_none() && matches!(attribute.name.as_str(), "schemas" | "id" | "meta") {
            return Ok(constant(true));
        }
        if let Some(relation) = Relation::of(self.resource_type, extension, attribute) {
            return Ok(self.related_present(relation, sub));
        }
        let numbers = self.numbers(extension, attribute, sub)?;
        Ok(self.any_of(&numbers, is_unique(attribute)))
    }

    fn extension_present(&mut self, schema: &'a Schema) -> Result<String> {
        let (mut common, mut unique, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for attribute in &schema.attributes {
            match Relation::of(self.resource_type, Some(schema), attribute) {
                Some(relation) => texts.push(self.related_present(relation, None)),
                None if is_unique(attribute) => unique.extend(self.numbers(Some(schema), attribute, None)?),
                None => common.extend(self.numbers(Some(schema), attribute, None)?),
            }
        }
        texts.push(self.any_of(&common, false));
        texts.push(self.any_of(&unique, true));
        Ok(format!("({})", texts.join(" or ")))
    }

    /// The numbers of an attribute's leaves, or of one part, as far as any resource ever had them.
    pub(super) fn numbers(
        &self,
        extension: Option<&Schema>,
        attribute: &Attribute,
        sub: Option<&Attribute>,
    ) -> Result<Vec<i64>> {
        let mut numbers = Vec::new();
        let kind = self.resource_type.name.as_str();
        let mut push = |sub: Option<&Attribute>| -> Result<()> {
            if attribute.returned != Returned::Never && sub.is_none_or(|sub| sub.returned != Returned::Never) {
                let path = index::path(extension, attribute, sub);
                numbers.extend(self.reader.attribute(self.tenant, kind, &path)?);
            }
            Ok(())
        };
        match sub {
            Some(sub) => push(Some(sub))?,
            None if attribute.is_complex() => attribute.sub_attributes.iter().try_for_each(|sub| push(Some(sub)))?,
            None => push(None)?,
        }
        Ok(numbers)
    }

    /// Rows that have any of these attributes.
    pub(super) fn any_of(&mut self, numbers: &[i64], unique: bool) -> String {
        if numbers.is_empty() {
            return constant(false);
        }
        let table = if unique { "unique_value" } else { "attribute_value" };
        let list = self.bind_all(numbers);
        format!("r.rid in (select v.rid from {table} v where v.tenant = ?1 and v.attribute in ({list}))")
    }

    pub(super) fn bind_all(&mut self, numbers: &[i64]) -> String {
        let list: Vec<String> = numbers.iter().map(|number| self.bind(*number)).collect();
        list.join(", ")
    }

    /// The URNs of a resource's schemas are its type's own and those of the extensions that it has.
    pub(super) fn schemas(&mut self, fits: impl Fn(Value) -> bool) -> Result<String> {
        if fits(Value::String(self.resource_type.schema.id.clone())) {
            return Ok(constant(true));
        }
        let key = |urn: &str| schema::COMMON.attribute("schemas")?.key(&Value::String(urn.to_owned()));
        let fitting: Vec<String> = self
            .resource_type
            .extensions
            .iter()
            .filter(|extension| fits(Value::String(extension.schema.id.clone())))
            .filter_map(|extension| key(&extension.schema.id))
            .collect();
        let number = self.reader.attribute(self.tenant, &self.resource_type.name, "schemas")?;
        let Some(number) = number.filter(|_| !fitting.is_empty()) else { return Ok(constant(false)) };
        let number = self.bind(number);
        let list: Vec<String> = fitting.into_iter().map(|urn| self.bind(urn)).collect();
        Ok(format!(
            "r.rid in (select v.rid from attribute_value v
             where v.tenant = ?1 and v.attribute = {number} and v.value in ({}))",
            list.join(", ")
        ))
    }

    fn column(&mut self, column: Column, op: CompareOp, want: &str, literal: &Value) -> String {
        match column {
            Column::Created => self.instant("r.created_at", op, literal),
            Column::Modified => self.instant("r.modified_at", op, literal),
            Column::ResourceType => constant(op.holds(&self.resource_type.name, want)),
            Column::Id => format!("({})", comparison(self, "r.id", op, want)),
            Column::Version => {
                format!("({})", comparison(self, "('W/\"' || cast(r.version as text) || '\"')", op, want))
            }
            Column::Location => {
                let start = format!("{}{}/", self.base, self.resource_type.endpoint);
                if op == CompareOp::Eq {
                    let id = want.strip_prefix(&start).unwrap_or_default();
                    return format!("({})", comparison(self, "r.id", op, id));
                }
                if want.is_empty() {
                    return constant(!matches!(op, CompareOp::Lt | CompareOp::Le));
                }
                let column = format!("({} || r.id)", self.bind(start));
                format!("({})", comparison(self, &column, op, want))
            }
        }
    }

    fn instant(&mut self, column: &str, op: CompareOp, literal: &Value) -> String {
        let Some(want) = literal.as_str().and_then(instant) else { return constant(op == CompareOp::Ne) };
        let sign = match op {
            CompareOp::Eq => "=",
            CompareOp::Ne => "<>",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Co | CompareOp::Sw | CompareOp::Ew => return constant(false),
        };
        format!("{column} {sign} {}", self.bind(want))
    }

    fn stored_test(&mut self, stored: Stored<'_>, op: CompareOp, want: &str) -> String {
        let (table, Some(number)) = (stored.table(), stored.number) else { return constant(op == CompareOp::Ne) };
        if matches!(op, CompareOp::Eq | CompareOp::Ne) && !want.is_empty() {
            let (attribute, value) = (self.bind(number), self.bind(want.to_owned()));
            let equal = format!(
                "exists (select 1 from {table} v
                 where v.tenant = ?1 and v.attribute = {attribute} and v.value = {value} and v.rid = r.rid {BY_KEY})"
            );
            return match op {
                CompareOp::Eq => equal,
                _ if !stored.many => format!("not {equal}"),
                _ => format!(
                    "(not {equal} or r.rid in (select v.rid from {table} v
                     where v.tenant = ?1 and v.attribute = {attribute} and v.value <> {value}))"
                ),
            };
        }
        if op == CompareOp::Ne {
            // Nobody's value is "": it differs from all, and there is none where there is no value.
            return constant(true);
        }
        self.stored_set(stored, op, want).map_or_else(|| constant(false), |set| format!("r.rid in ({set})"))
    }

    fn stored_set(&mut self, stored: Stored<'_>, op: CompareOp, want: &str) -> Option<String> {
        let number = stored.number?;
        let attribute = self.bind(number);
        let condition = comparison(self, "v.value", op, want);
        let table = stored.table();
        Some(format!("select v.rid from {table} v where v.tenant = ?1 and v.attribute = {attribute} and {condition}"))
    }
}

/// How large the set of an indexed value is likely to be.
pub(super) fn rank(leaf: &Attribute, op: CompareOp) -> Rank {
    let is_class = leaf.attr_type == AttrType::Boolean || leaf.name == "type" || !leaf.canonical_values.is_empty();
    match op {
        CompareOp::Eq if is_class => Rank::Class,
        CompareOp::Eq => Rank::Value,
        CompareOp::Sw => Rank::Beginning,
        _ => Rank::Scan,
    }
}
