//! `emails[type eq "work" and value co "x"]`: one and the same element satisfies the filter.
//!
//! In SQL, `e` is an element: `rid` and `element` of a row of `attribute_value`.

use super::related::Relation;
use super::term::{Place, Scope, Stored, leaf_of, place, rank, wanted};
use super::{BY_KEY, Compiler, Rank, comparison};
use crate::Result;
use crate::index::{empty_path, is_unique};
use scim::filter::CompareOp;
use scim::schema::{Attribute, Schema};
use scim::{AttrPath, Filter};
use serde_json::Value;

/// The attribute whose elements are asked.
type Holder<'a> = (Option<&'a Schema>, &'a Attribute);

impl<'a> Compiler<'a> {
    pub(super) fn element_test(&mut self, scope: Scope<'a>, path: &AttrPath, inner: &'a Filter) -> Result<String> {
        let Some((extension, attribute)) = self.holder(scope, path) else { return Ok("false".into()) };
        if extension.is_none() && attribute.name == "schemas" {
            return self.schemas(|urn| inner.matches_element(attribute, &urn));
        }
        if let Some(relation) = Relation::of(self.resource_type, extension, attribute) {
            return self.related_element(relation, attribute, inner);
        }
        if !attribute.multi_valued {
            let exists = self.element_exists(extension, attribute)?;
            let holds = self.test((Scope::Single(extension, attribute), inner))?;
            return Ok(format!("({exists} and {holds})"));
        }
        let (rows, rest, by_key) = self.elements((extension, attribute), inner)?;
        Ok(if by_key {
            format!("exists (select 1 from {rows} and e.rid = r.rid and {rest} {BY_KEY})")
        } else {
            format!("r.rid in (select e.rid from {rows} and {rest})")
        })
    }

    pub(super) fn element_set(
        &mut self,
        scope: Scope<'a>,
        path: &AttrPath,
        inner: &'a Filter,
    ) -> Result<Option<String>> {
        let Some((extension, attribute)) = self.holder(scope, path) else { return Ok(None) };
        if !attribute.multi_valued {
            let exists = self.element_exists(extension, attribute)?;
            let condition = self.all_of((Scope::Single(extension, attribute), inner), &exists)?;
            return Ok(Some(format!("select r.rid from resource r where {condition}")));
        }
        let (rows, rest, _) = self.elements((extension, attribute), inner)?;
        Ok(Some(format!("select e.rid as rid from {rows} and {rest}")))
    }

    pub(super) fn element_rank(&self, scope: Scope<'a>, path: &AttrPath, inner: &'a Filter) -> Result<Option<Rank>> {
        let Some((extension, attribute)) = self.holder(scope, path) else { return Ok(None) };
        let is_apart = extension.is_none() && matches!(attribute.name.as_str(), "schemas" | "meta");
        if is_apart || Relation::of(self.resource_type, extension, attribute).is_some() {
            return Ok(None);
        }
        if !attribute.multi_valued {
            return self.rank((Scope::Single(extension, attribute), inner));
        }
        let best = self.best_of((extension, attribute), inner)?;
        Ok(Some(best.map_or(Rank::Scan, |(_, rank)| rank)))
    }

    fn holder(&self, scope: Scope<'a>, path: &AttrPath) -> Option<Holder<'a>> {
        match (scope, place(self.resource_type, scope, path)?) {
            (Scope::Resource, Place::Attribute(extension, attribute, None)) => Some((extension, attribute)),
            _ => None,
        }
    }

    /// Whether a single-valued attribute is there at all, be it empty.
    fn element_exists(&mut self, extension: Option<&'a Schema>, attribute: &'a Attribute) -> Result<String> {
        if extension.is_none() && matches!(attribute.name.as_str(), "id" | "meta") {
            return Ok("true".into());
        }
        let values = self.numbers(extension, attribute, None)?;
        let filled = self.any_of(&values, is_unique(attribute));
        let empty: Vec<i64> = self.number_of(&empty_path(extension, attribute))?.into_iter().collect();
        let empty = self.any_of(&empty, false);
        Ok(format!("({filled} or {empty})"))
    }

    fn number_of(&self, path: &str) -> Result<Option<i64>> {
        self.reader.attribute(self.tenant, &self.resource_type.name, path)
    }

    /// Where elements come from (`… e where …`), what else has to hold of them, and whether the first part
    /// finds the elements of one resource by key.
    fn elements(&mut self, holder: Holder<'a>, inner: &'a Filter) -> Result<(String, String, bool)> {
        let (extension, attribute) = holder;
        let mut parts = Vec::new();
        conjuncts(inner, &mut parts);
        if let Some(((chosen, number, op, want), _)) = self.best_of(holder, inner)? {
            let number = self.bind(number);
            let condition = comparison(self, "e.value", op, &want);
            let rows = format!("attribute_value e where e.tenant = ?1 and e.attribute = {number} and {condition}");
            let mut rest = vec!["true".to_owned()];
            for (index, part) in parts.into_iter().enumerate() {
                if index != chosen {
                    rest.push(self.part_test(holder, part)?);
                }
            }
            return Ok((rows, rest.join(" and "), op == CompareOp::Eq));
        }
        let mut numbers = self.numbers(extension, attribute, None)?;
        numbers.extend(self.number_of(&empty_path(extension, attribute))?);
        let rest = self.part_test(holder, inner)?;
        if numbers.is_empty() {
            return Ok(("attribute_value e where false".into(), rest, false));
        }
        let list = self.bind_all(&numbers);
        let rows = format!(
            "(select distinct v.rid, v.element from attribute_value v
             where v.tenant = ?1 and v.attribute in ({list})) e where true"
        );
        Ok((rows, rest, false))
    }

    /// The conjunct with the smallest set: its position, comparison and rank.
    fn best_of(&self, holder: Holder<'a>, inner: &'a Filter) -> Result<Option<(Best, Rank)>> {
        let mut parts = Vec::new();
        conjuncts(inner, &mut parts);
        let mut best: Option<(Best, Rank)> = None;
        for (index, part) in parts.into_iter().enumerate() {
            let Filter::Compare(path, op, literal) = part else { continue };
            if *op == CompareOp::Ne || literal.is_null() {
                continue;
            }
            let Some(Stored { leaf, number: Some(number), .. }) = self.part(holder, path)? else { continue };
            let Some(want) = wanted(leaf, *op, literal).ok().filter(|want| !want.is_empty()) else { continue };
            let rank = rank(leaf, *op);
            if best.as_ref().is_none_or(|(_, least)| rank < *least) {
                best = Some(((index, number, *op, want), rank));
            }
        }
        Ok(best)
    }

    /// The index rows of a part of an element; nothing if there is no such part.
    fn part(&self, (extension, attribute): Holder<'a>, path: &AttrPath) -> Result<Option<Stored<'a>>> {
        let Some(leaf) = leaf_of(attribute, path) else { return Ok(None) };
        let numbers = self.numbers(extension, attribute, attribute.is_complex().then_some(leaf))?;
        let many = attribute.is_complex() && leaf.multi_valued;
        Ok(Some(Stored { unique: false, number: numbers.first().copied(), many, leaf }))
    }

    /// A condition on `e`, never null.
    fn part_test(&mut self, holder: Holder<'a>, filter: &'a Filter) -> Result<String> {
        Ok(match filter {
            Filter::And(a, b) => format!("({} and {})", self.part_test(holder, a)?, self.part_test(holder, b)?),
            Filter::Or(a, b) => format!("({} or {})", self.part_test(holder, a)?, self.part_test(holder, b)?),
            Filter::Not(inner) => format!("not {}", self.part_test(holder, inner)?),
            Filter::Element(..) => "false".into(),
            Filter::Present(path) | Filter::Compare(path, CompareOp::Ne, Value::Null) => {
                self.part_present(holder, path)?
            }
            Filter::Compare(path, CompareOp::Eq, Value::Null) => format!("not {}", self.part_present(holder, path)?),
            Filter::Compare(path, op, literal) => {
                let different = if *op == CompareOp::Ne { "true" } else { "false" };
                let Some(stored) = self.part(holder, path)? else { return Ok(different.into()) };
                match wanted(stored.leaf, *op, literal) {
                    Ok(want) => self.part_compare(stored, *op, &want),
                    Err(answer) => {
                        if answer {
                            "true".into()
                        } else {
                            "false".into()
                        }
                    }
                }
            }
        })
    }

    fn part_present(&mut self, holder: Holder<'a>, path: &AttrPath) -> Result<String> {
        let number = self.part(holder, path)?.and_then(|stored| stored.number);
        let Some(number) = number else { return Ok("false".into()) };
        let number = self.bind(number);
        Ok(in_rows(&number, "true"))
    }

    fn part_compare(&mut self, stored: Stored<'a>, op: CompareOp, want: &str) -> String {
        let different = if op == CompareOp::Ne { "true" } else { "false" };
        let Some(number) = stored.number else { return different.into() };
        if op == CompareOp::Ne && want.is_empty() {
            return different.into();
        }
        let number = self.bind(number);
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) || want.is_empty() {
            let condition = comparison(self, "v.value", op, want);
            return in_rows(&number, &condition);
        }
        let value = self.bind(want.to_owned());
        let equal = format!(
            "exists (select 1 from attribute_value v where v.tenant = ?1 and v.attribute = {number}
             and v.value = {value} and v.rid = e.rid and v.element = e.element {BY_KEY})"
        );
        match op {
            CompareOp::Eq => equal,
            _ if !stored.many => format!("not {equal}"),
            _ => format!("(not {equal} or {})", in_rows(&number, &format!("v.value <> {value}"))),
        }
    }
}

/// Position, number of the attribute, operator and key of a conjunct.
type Best = (usize, i64, CompareOp, String);

fn in_rows(number: &str, condition: &str) -> String {
    format!(
        "(e.rid, e.element) in (select v.rid, v.element from attribute_value v
         where v.tenant = ?1 and v.attribute = {number} and {condition})"
    )
}

fn conjuncts<'a>(filter: &'a Filter, parts: &mut Vec<&'a Filter>) {
    match filter {
        Filter::And(a, b) => {
            conjuncts(a, parts);
            conjuncts(b, parts);
        }
        other => parts.push(other),
    }
}
