//! A filter compiled to a condition in SQL: the whole grammar, with the meaning of `Filter::matches`.
//!
//! A condition is about `r`, a row of `resource`, and is never null. The same question has two forms: a
//! *test* of one row (`exists …`, one lookup by key for `eq`) and a *set* of rows (`select … as rid`). Of
//! conditions joined by `and`, the one whose set should be the smallest is used as a set and the others
//! are tests, so the cost is that of the most selective one.
//!
//! `eq` and `sw` read a range of an index. `co`, `ew`, `gt` … read all values of their attribute, `pr` and
//! `not` as many rows as the attribute or the type has; never a document.
//!
//! Invariant: the text holds nothing of the filter but operators; every value is a bound parameter.

mod element;
mod related;
mod sort;
mod term;

pub(crate) use sort::{SortBy, Unkeyed};

use crate::db::{Reader, Sql};
use crate::{Result, TenantId};
use related::Relation;
use scim::filter::CompareOp;
use scim::{AttrPath, Filter, ResourceType};
use serde_json::Value;
use term::{Scope, Term};

/// How large a set is likely to be; smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// One row at most.
    One,
    /// The rows with one value.
    Value,
    /// The members of a group and those below it.
    Closure,
    /// The values with one beginning.
    Beginning,
    /// The rows with one of few values: a boolean, a type.
    Class,
    /// All values are looked at.
    Scan,
}

/// A part of a filter, and what its paths are names in.
type Part<'a> = (Scope<'a>, &'a Filter);

pub(crate) struct Compiler<'a> {
    reader: &'a Reader,
    tenant: TenantId,
    resource_type: &'a ResourceType,
    base: &'a str,
    values: Vec<Sql>,
}

impl<'a> Compiler<'a> {
    /// `base` is the address of the service, for `meta.location` and `$ref`.
    pub(crate) fn new(reader: &'a Reader, tenant: TenantId, resource_type: &'a ResourceType, base: &'a str) -> Self {
        let values = vec![tenant.0.into(), resource_type.name.clone().into()];
        Self { reader, tenant, resource_type, base, values }
    }

    /// The parameters of everything that was compiled, in their order; `?1` is the tenant, `?2` the type.
    pub(crate) fn into_values(self) -> Vec<Sql> {
        self.values
    }

    /// The parameters so far.
    pub(crate) fn values(&self) -> &[Sql] {
        &self.values
    }

    pub(crate) fn bind(&mut self, value: impl Into<Sql>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// The condition on `r` that holds where the filter matches in this tenant and type.
    pub(crate) fn condition(&mut self, filter: Option<&'a Filter>) -> Result<String> {
        match filter {
            None => Ok("r.tenant = ?1 and r.kind = ?2".into()),
            Some(filter) => self.all_of((Scope::Resource, filter), "true"),
        }
    }

    /// The rows that match, with the column `rid` and some of them twice, where the index alone knows them: the
    /// filter is one comparison with an indexed attribute. Then no row of `resource` has to be looked at.
    pub(crate) fn rows_of(&mut self, filter: &'a Filter) -> Result<Option<String>> {
        let Filter::Compare(path, op, literal) = filter else { return Ok(None) };
        let part = (Scope::Resource, filter);
        if !matches!(self.term(Scope::Resource, path)?, Term::Stored(_)) || self.rank(part)?.is_none() {
            return Ok(None);
        }
        self.compare_set(Scope::Resource, path, *op, literal)
    }

    /// The rows in which matches are found, if an index says that they are few: more than `few` are too many, and so is
    /// a filter that no index knows. They still have to be held against the filter.
    pub(crate) fn candidates(&self, filter: &'a Filter, few: usize) -> Result<Option<Vec<i64>>> {
        let mut rows = self.few_of((Scope::Resource, filter), few)?;
        if let Some(rows) = &mut rows {
            rows.sort_unstable();
            rows.dedup();
        }
        Ok(rows)
    }

    fn few_of(&self, part: Part<'a>, few: usize) -> Result<Option<Vec<i64>>> {
        match part {
            (_, Filter::And(..)) => {
                let mut parts = Vec::new();
                conjuncts(part, &mut parts);
                let mut ranked = Vec::new();
                for part in parts {
                    ranked.extend(self.rank(part)?.map(|rank| (rank, part)));
                }
                ranked.sort_by_key(|(rank, _)| *rank);
                for (_, part) in ranked {
                    if let Some(rows) = self.few_of(part, few)? {
                        return Ok(Some(rows));
                    }
                }
                Ok(None)
            }
            (scope, Filter::Or(a, b)) => {
                let Some(mut rows) = self.few_of((scope, a), few)? else { return Ok(None) };
                let Some(more) = self.few_of((scope, b), few)? else { return Ok(None) };
                rows.extend(more);
                Ok(Some(rows).filter(|rows| rows.len() <= few))
            }
            part => self.few_in_set(part, few),
        }
    }

    fn few_in_set(&self, part: Part<'a>, few: usize) -> Result<Option<Vec<i64>>> {
        let mut fresh = Self::new(self.reader, self.tenant, self.resource_type, self.base);
        let Some(set) = fresh.set(part)? else { return Ok(None) };
        let limit = fresh.bind(i64::try_from(few).unwrap_or(i64::MAX - 1) + 1);
        let sql = format!(
            "select s.rid, case when r.tenant = ?1 and r.kind = ?2 then 1 else 0 end
             from (select rid from ({set}) as x limit {limit}) as s join resource r on r.rid = s.rid"
        );
        let rows: Vec<(i64, i64)> = self.reader.all(&sql, fresh.values(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        if rows.len() > few {
            return Ok(None);
        }
        Ok(Some(rows.into_iter().filter(|(_, ours)| *ours == 1).map(|(rid, _)| rid).collect()))
    }

    /// The rows of the members of a group that the filter matches; its paths are relative to the member.
    /// Nothing if the type has no members.
    pub(crate) fn members_matching(&mut self, filter: &'a Filter, group: i64) -> Result<Option<String>> {
        let path = AttrPath { urn: None, name: "members".into(), sub: None };
        let Some(attribute) = self.resource_type.schema.attribute(&path.name) else { return Ok(None) };
        if !self.resource_type.has_members() {
            return Ok(None);
        }
        let condition = self.related_test(Relation::Members, attribute, filter)?;
        let group = self.bind(group);
        Ok(Some(format!(
            "select x.rid from member e join resource x on x.rid = e.member_rid
             where e.tenant = ?1 and e.group_rid = {group} and x.tenant = ?1 and {condition}"
        )))
    }

    /// The condition that all conjuncts hold in this tenant and type: the best one as a set, the others as tests.
    fn all_of(&mut self, part: Part<'a>, also: &str) -> Result<String> {
        let mut parts = Vec::new();
        conjuncts(part, &mut parts);
        let mut best: Option<(usize, Rank)> = None;
        for (index, part) in parts.iter().enumerate() {
            if let Some(rank) = self.rank(*part)?
                && best.is_none_or(|(_, least)| rank < least)
            {
                best = Some((index, rank));
            }
        }
        let mut set = None;
        if let Some((index, _)) = best {
            let chosen = parts.remove(index);
            set = self.set(chosen)?;
            if set.is_none() {
                parts.insert(index, chosen);
            }
        }
        let mut texts = Vec::with_capacity(parts.len() + 2);
        match set {
            // The sign keeps the planner from starting with an index of the tenant: the set is the way in.
            Some(set) => texts.push(format!("+r.tenant = ?1 and r.kind = ?2 and r.rid in ({set})")),
            None => texts.push("r.tenant = ?1 and r.kind = ?2".to_owned()),
        }
        texts.push(also.to_owned());
        for part in parts {
            texts.push(self.test(part)?);
        }
        Ok(texts.join(" and "))
    }

    /// A condition on `r`, in brackets where it needs them.
    fn test(&mut self, (scope, filter): Part<'a>) -> Result<String> {
        Ok(match filter {
            Filter::And(a, b) => format!("({} and {})", self.test((scope, a))?, self.test((scope, b))?),
            Filter::Or(a, b) => format!("({} or {})", self.test((scope, a))?, self.test((scope, b))?),
            Filter::Not(inner) => format!("not {}", self.test((scope, inner))?),
            Filter::Present(path) | Filter::Compare(path, CompareOp::Ne, Value::Null) => self.present(scope, path)?,
            Filter::Compare(path, CompareOp::Eq, Value::Null) => format!("not {}", self.present(scope, path)?),
            Filter::Compare(path, op, literal) => self.compare(scope, path, *op, literal)?,
            Filter::Element(path, inner) => self.element_test(scope, path, inner)?,
        })
    }

    /// The rows for which it holds, with the column `rid`; it may hold rows of other types too. Nothing if
    /// there is no better way than to look at every resource.
    fn set(&mut self, (scope, filter): Part<'a>) -> Result<Option<String>> {
        if self.rank((scope, filter))?.is_none() {
            return Ok(None);
        }
        match filter {
            Filter::And(..) => {
                let condition = self.all_of((scope, filter), "true")?;
                Ok(Some(format!("select r.rid from resource r where {condition}")))
            }
            Filter::Or(a, b) => {
                let (a, b) = (self.set((scope, a))?, self.set((scope, b))?);
                Ok(a.zip(b).map(|(a, b)| format!("select rid from ({a}) as a union select rid from ({b}) as b")))
            }
            Filter::Not(_) | Filter::Present(_) => Ok(None),
            Filter::Compare(path, op, literal) => self.compare_set(scope, path, *op, literal),
            Filter::Element(path, inner) => self.element_set(scope, path, inner),
        }
    }

    /// How large the set would be; nothing if there is none.
    fn rank(&self, (scope, filter): Part<'a>) -> Result<Option<Rank>> {
        Ok(match filter {
            Filter::And(a, b) => {
                let (a, b) = (self.rank((scope, a))?, self.rank((scope, b))?);
                a.into_iter().chain(b).min()
            }
            Filter::Or(a, b) => self.rank((scope, a))?.zip(self.rank((scope, b))?).map(|(a, b)| a.max(b)),
            Filter::Not(_) | Filter::Present(_) => None,
            Filter::Compare(path, op, literal) => self.compare_rank(scope, path, *op, literal)?,
            Filter::Element(path, inner) => self.element_rank(scope, path, inner)?,
        })
    }

    fn term(&self, scope: Scope<'a>, path: &AttrPath) -> Result<Term<'a>> {
        term::resolve(self.reader, self.tenant, self.resource_type, scope, path)
    }
}

fn conjuncts<'a>((scope, filter): Part<'a>, parts: &mut Vec<Part<'a>>) {
    match filter {
        Filter::And(a, b) => {
            conjuncts((scope, a), parts);
            conjuncts((scope, b), parts);
        }
        other => parts.push((scope, other)),
    }
}

/// Ends a subquery that is to be asked by key for each candidate. PostgreSQL would make a join of it, and read everybody who
/// has the second value of two, when it plans without knowing the values.
const BY_KEY: &str = "limit 1 offset 0";

/// `column op value` where the column is a key as `Attribute::key` makes them and never null. A column
/// value of `''` is a value without a key: it differs from everything and compares with nothing.
fn comparison(compiler: &mut Compiler<'_>, column: &str, op: CompareOp, want: &str) -> String {
    match (op, want.is_empty()) {
        (CompareOp::Eq | CompareOp::Lt | CompareOp::Le, true) => "false".into(),
        (CompareOp::Ne, true) => "true".into(),
        (_, true) => format!("{column} <> ''"),
        (CompareOp::Eq, _) => format!("{column} = {}", compiler.bind(want.to_owned())),
        (CompareOp::Ne, _) => format!("{column} <> {}", compiler.bind(want.to_owned())),
        (CompareOp::Co, _) => format!("instr({column}, {}) > 0", compiler.bind(want.to_owned())),
        (CompareOp::Sw, _) => match after_all_that_start_with(want) {
            Some(end) => {
                let (start, end) = (compiler.bind(want.to_owned()), compiler.bind(end));
                format!("{column} >= {start} and {column} < {end}")
            }
            None => format!("{column} >= {}", compiler.bind(want.to_owned())),
        },
        (CompareOp::Ew, _) => {
            let want = compiler.bind(want.to_owned());
            format!("substr({column}, length({column}) - length({want}) + 1) = {want}")
        }
        (CompareOp::Gt, _) => format!("{column} > {}", compiler.bind(want.to_owned())),
        (CompareOp::Ge, _) => format!("{column} >= {}", compiler.bind(want.to_owned())),
        (CompareOp::Lt, _) => {
            let want = compiler.bind(want.to_owned());
            format!("{column} < {want} and {column} <> ''")
        }
        (CompareOp::Le, _) => {
            let want = compiler.bind(want.to_owned());
            format!("{column} <= {want} and {column} <> ''")
        }
    }
}

/// The least text that is greater than every text with this beginning. UTF-8 sorts as its characters do.
fn after_all_that_start_with(text: &str) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            char::MAX => None,
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_all_that_start_with;

    #[test]
    fn the_end_of_a_beginning() {
        assert_eq!(after_all_that_start_with("ab").as_deref(), Some("ac"));
        assert_eq!(after_all_that_start_with("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(after_all_that_start_with("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_all_that_start_with("\u{10FFFF}"), None);
    }
}
