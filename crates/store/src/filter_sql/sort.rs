//! What a `sortBy` path is in the database.

use super::Compiler;
use super::related::Relation;
use super::term::{Column, Scope, Term};
use crate::Result;
use crate::index::{absent_path, is_required, sorted_paths};
use scim::{AttrPath, ResourceType};

/// Where sort keys come from.
pub(crate) enum SortBy {
    /// A column of `resource`, which everybody has.
    Column(&'static str),
    /// Rows with `rid` and `value`, one at most for a resource.
    Rows {
        /// As it stands in `from`.
        source: String,
        /// The path of the index rows, where that is what they are.
        path: Option<String>,
        /// Who is not among them.
        unkeyed: Unkeyed,
    },
}

/// Who has no sort key.
pub(crate) enum Unkeyed {
    /// Nobody: it is required.
    Nobody,
    /// Those with these rows (`rid`).
    Rows(String),
    /// Everybody who is not in the source.
    Others,
}

impl<'a> Compiler<'a> {
    /// The keys of a path; nothing if there is no such attribute, or if it is the same for all.
    pub(crate) fn sort_by(&mut self, path: &AttrPath) -> Result<Option<SortBy>> {
        Ok(match self.term(Scope::Resource, path)? {
            Term::Nothing | Term::Schemas(_) | Term::Column(Column::ResourceType, _) => None,
            Term::Column(column, _) => Some(SortBy::Column(match column {
                Column::Created => "r.created_at",
                Column::Modified => "r.modified_at",
                Column::Version => "r.version",
                Column::Id | Column::Location | Column::ResourceType => "r.id",
            })),
            Term::Stored(stored) => {
                let Some(number) = stored.number else { return Ok(None) };
                let (table, number) = (stored.table(), self.bind(number));
                // A value without a key sorts as no value.
                let rows = format!(
                    "from {table} v where v.tenant = ?1 and v.attribute = {number} and v.value <> ''{}",
                    if stored.unique { "" } else { " and v.element = 0" }
                );
                let source = if stored.leaf.multi_valued && !stored.unique {
                    format!("(select v.rid, min(v.value) as value {rows} group by v.rid)")
                } else {
                    format!("(select v.rid, v.value {rows})")
                };
                let path = stored_path(self.resource_type, path);
                let unkeyed = self.unkeyed(path.as_deref())?;
                Some(SortBy::Rows { source, path, unkeyed })
            }
            Term::Related(Relation::Manager, leaf) => {
                let Some(column) = self.related_column(Relation::Manager, leaf) else { return Ok(None) };
                Some(SortBy::Rows {
                    source: format!(
                        "(select l.rid as rid, {column} as value
                         from manager_link l left join resource x on x.rid = l.manager_rid
                         where l.tenant = ?1 and {column} is not null)"
                    ),
                    path: None,
                    unkeyed: Unkeyed::Others,
                })
            }
            // Several at once have no order.
            Term::Related(Relation::Members | Relation::Groups, _) => None,
        })
    }

    fn unkeyed(&mut self, path: Option<&str>) -> Result<Unkeyed> {
        let Some(path) = path else { return Ok(Unkeyed::Others) };
        // The two types of the standard; a tenant's own may have been laxer once.
        let is_standard = self.resource_type.is_user() || self.resource_type.has_members();
        if is_standard && self.resource_type.schema.attribute(path).is_some_and(is_required) {
            return Ok(Unkeyed::Nobody);
        }
        if sorted_paths(self.resource_type).all(|sorted| sorted != path) {
            return Ok(Unkeyed::Others);
        }
        let number = self.reader.attribute(self.tenant, &self.resource_type.name, &absent_path(path))?;
        Ok(number.map_or(Unkeyed::Nobody, |number| {
            let number = self.bind(number);
            Unkeyed::Rows(format!(
                "(select v.rid from attribute_value v where v.tenant = ?1 and v.attribute = {number} and v.value = '')"
            ))
        }))
    }
}

fn stored_path(resource_type: &ResourceType, path: &AttrPath) -> Option<String> {
    resource_type.resolve(path).map(|target| target.index_path())
}
