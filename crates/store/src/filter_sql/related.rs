//! Attributes that are rows of other resources: a group's members, a user's groups, a user's manager.
//! They are compared with what is shown.

use super::{Compiler, Rank, comparison};
use crate::Result;
use crate::filter_sql::term::leaf_of;
use crate::index::is_manager;
use scim::filter::CompareOp;
use scim::schema::{Attribute, Schema, fold};
use scim::{Filter, ResourceType};
use serde_json::Value;

/// Which rows. In SQL, `x` is the other resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Those in the group; `e` is the member row.
    Members,
    /// Those around the user, direct or not.
    Groups,
    /// The one that the user's link means, if any; `l` is the link.
    Manager,
}

impl Relation {
    /// The relation that an attribute is computed from.
    pub(super) fn of(resource_type: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> Option<Self> {
        match extension {
            None if resource_type.has_members() && attribute.name == "members" => Some(Self::Members),
            None if resource_type.is_user() && attribute.name == "groups" => Some(Self::Groups),
            Some(schema) if is_manager(resource_type, schema, attribute) => Some(Self::Manager),
            _ => None,
        }
    }

    pub(super) fn rank(self, leaf: &Attribute, op: CompareOp) -> Option<Rank> {
        match (self, leaf.name.as_str(), op) {
            (Self::Groups, "type", _) => None,
            (Self::Groups, ..) => Some(Rank::Closure),
            (_, "value", CompareOp::Eq) => Some(Rank::Value),
            _ => Some(Rank::Scan),
        }
    }

    /// Wraps a condition on the other resource into one on `r`.
    fn exists(self, condition: &str) -> String {
        match self {
            Self::Members => format!(
                "exists (select 1 from member e join resource x on x.rid = e.member_rid
                 where e.tenant = ?1 and e.group_rid = r.rid and x.tenant = ?1 and {condition})"
            ),
            Self::Groups => format!(
                "exists (with recursive up(rid) as (
                     select e.group_rid from member e where e.tenant = ?1 and e.member_rid = r.rid
                     union
                     select e.group_rid from up cross join member e on e.tenant = ?1 and e.member_rid = up.rid)
                 select 1 from up cross join resource x on x.rid = up.rid where {condition})"
            ),
            Self::Manager => format!(
                "exists (select 1 from manager_link l left join resource x on x.rid = l.manager_rid
                 where l.rid = r.rid and {condition})"
            ),
        }
    }
}

impl<'a> Compiler<'a> {
    /// What is compared of the other resource; nothing for a part that is never shown. It may be null.
    pub(super) fn related_column(&mut self, relation: Relation, leaf: &Attribute) -> Option<String> {
        let exact = leaf.case_exact;
        let name = if exact { "x.display" } else { "x.display_key" };
        let (users, groups) = (format!("{}/Users/", self.base), format!("{}/Groups/", self.base));
        let mut text = |text: String| self.bind(if exact { text } else { fold(&text) });
        Some(match (relation, leaf.name.as_str()) {
            (Relation::Manager, "value") if exact => "coalesce(x.id, l.raw)".into(),
            (Relation::Manager, "value") => "coalesce(x.id, l.raw_key)".into(),
            (_, "value") => "x.id".into(),
            (Relation::Manager, "displayName") | (Relation::Members | Relation::Groups, "display") => name.into(),
            (Relation::Members, "type") if exact => "x.kind".into(),
            (Relation::Members, "type") => "lower(x.kind)".into(),
            (Relation::Groups, "type") => "(case when exists (select 1 from member d where d.tenant = ?1
                and d.group_rid = x.rid and d.member_rid = r.rid) then 'direct' else 'indirect' end)"
                .into(),
            (Relation::Members, "$ref") => {
                let (users, groups) = (text(users), text(groups));
                format!("((case when x.kind = 'Group' then {groups} else {users} end) || x.id)")
            }
            (Relation::Groups, "$ref") => format!("({} || x.id)", text(groups)),
            (Relation::Manager, "$ref") => format!("({} || x.id)", text(users)),
            _ => return None,
        })
    }

    pub(super) fn related_compare(
        &mut self,
        relation: Relation,
        leaf: &'a Attribute,
        op: CompareOp,
        want: &str,
    ) -> Result<String> {
        let Some(column) = self.related_column(relation, leaf) else {
            return Ok(if op == CompareOp::Ne { "true".into() } else { "false".into() });
        };
        let condition = comparison(self, &column, op, want);
        let holds = relation.exists(&format!("({column} is not null and {condition})"));
        Ok(match op {
            CompareOp::Ne => {
                let any = relation.exists(&format!("{column} is not null"));
                format!("(not {any} or {holds})")
            }
            _ => holds,
        })
    }

    pub(super) fn related_present(&mut self, relation: Relation, sub: Option<&Attribute>) -> String {
        match sub {
            None => relation.exists("true"),
            Some(sub) => match self.related_column(relation, sub) {
                None => "false".into(),
                Some(column) => relation.exists(&format!("{column} is not null")),
            },
        }
    }

    /// The rows of `r` for which a comparison holds.
    pub(super) fn related_set(
        &mut self,
        relation: Relation,
        leaf: &'a Attribute,
        op: CompareOp,
        want: &str,
    ) -> Result<Option<String>> {
        let Some(column) = self.related_column(relation, leaf) else { return Ok(None) };
        if relation == Relation::Manager && leaf.name == "value" && op == CompareOp::Eq {
            let raw = if leaf.case_exact { "l.raw" } else { "l.raw_key" };
            let (key, want) = (self.bind(fold(want)), self.bind(want.to_owned()));
            return Ok(Some(format!(
                "select l.rid as rid from manager_link l
                 where l.tenant = ?1 and l.raw_key = {key} and {raw} = {want} and l.manager_rid is null
                 union all
                 select l.rid from resource x cross join manager_link l on l.tenant = ?1 and l.manager_rid = x.rid
                 where x.tenant = ?1 and x.id = {want}"
            )));
        }
        let condition = comparison(self, &column, op, want);
        Ok(match relation {
            Relation::Members => Some(format!(
                "select e.group_rid as rid from resource x cross join member e on e.tenant = ?1 and e.member_rid = x.rid
                 where x.tenant = ?1 and {column} is not null and {condition}"
            )),
            Relation::Manager => Some(format!(
                "select l.rid as rid from manager_link l left join resource x on x.rid = l.manager_rid
                 where l.tenant = ?1 and {column} is not null and {condition}"
            )),
            // Downwards from the groups that fit: everybody in them is found once.
            Relation::Groups if leaf.name != "type" => Some(format!(
                "with recursive down(rid) as (
                     select x.rid from resource x
                     where x.tenant = ?1 and x.kind = 'Group' and {column} is not null and {condition}
                     union
                     select e.member_rid from down cross join member e on e.tenant = ?1 and e.group_rid = down.rid)
                 select rid from down"
            )),
            Relation::Groups => None,
        })
    }

    /// One and the same other resource satisfies the filter.
    pub(super) fn related_element(
        &mut self,
        relation: Relation,
        attribute: &'a Attribute,
        inner: &'a Filter,
    ) -> Result<String> {
        let condition = self.related_test(relation, attribute, inner)?;
        Ok(relation.exists(&condition))
    }

    /// A condition on the other resource, never null.
    pub(super) fn related_test(
        &mut self,
        relation: Relation,
        attribute: &'a Attribute,
        filter: &'a Filter,
    ) -> Result<String> {
        let both = |this: &mut Self, a, b| -> Result<(String, String)> {
            Ok((this.related_test(relation, attribute, a)?, this.related_test(relation, attribute, b)?))
        };
        Ok(match filter {
            Filter::And(a, b) => {
                let (a, b) = both(self, a, b)?;
                format!("({a} and {b})")
            }
            Filter::Or(a, b) => {
                let (a, b) = both(self, a, b)?;
                format!("({a} or {b})")
            }
            Filter::Not(inner) => format!("not {}", self.related_test(relation, attribute, inner)?),
            Filter::Element(..) => "false".into(),
            Filter::Present(path) | Filter::Compare(path, CompareOp::Ne, Value::Null) => {
                let column = leaf_of(attribute, path).and_then(|leaf| self.related_column(relation, leaf));
                column.map_or_else(|| "false".into(), |column| format!("({column} is not null)"))
            }
            Filter::Compare(path, CompareOp::Eq, Value::Null) => {
                let column = leaf_of(attribute, path).and_then(|leaf| self.related_column(relation, leaf));
                column.map_or_else(|| "true".into(), |column| format!("({column} is null)"))
            }
            Filter::Compare(path, op, literal) => {
                let different = if *op == CompareOp::Ne { "true" } else { "false" };
                let Some(leaf) = leaf_of(attribute, path) else { return Ok(different.into()) };
                let Some(want) = leaf.key(literal) else { return Ok(different.into()) };
                let Some(column) = self.related_column(relation, leaf) else { return Ok(different.into()) };
                let condition = comparison(self, &column, *op, &want);
                if *op == CompareOp::Ne {
                    format!("({column} is null or {condition})")
                } else {
                    format!("({column} is not null and {condition})")
                }
            }
        })
    }
}
