//! What a `sortBy` path is in the database.

use super::Compiler;
use super::related::Relation;
use super::term::{Column, Scope, Term};
use crate::Result;
use scim::AttrPath;

/// Where sort keys come from.
pub(crate) enum SortBy {
    /// A column of `resource`, which everybody has.
    Column(&'static str),
    /// Rows with `rid` and `value`, one at most for a resource.
    Rows {
        /// As it stands in `from`.
        source: String,
    },
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
                Some(SortBy::Rows { source })
            }
            Term::Related(Relation::Manager, leaf) => {
                let Some(column) = self.related_column(Relation::Manager, leaf) else { return Ok(None) };
                Some(SortBy::Rows {
                    source: format!(
                        "(select l.rid as rid, {column} as value
                         from manager_link l left join resource x on x.rid = l.manager_rid
                         where l.tenant = ?1 and {column} is not null)"
                    ),
                })
            }
            // Several at once have no order.
            Term::Related(Relation::Members | Relation::Groups, _) => None,
        })
    }
}
