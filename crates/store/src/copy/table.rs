//! The tables that are copied, as the migrations make them: nothing here has to be kept up to date.

use crate::db::{FromValue, Kind, Value};
use crate::{Result, migrate};
use rusqlite::Connection;
use std::cmp::Ordering;

/// A cell, kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl FromValue for Cell {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null(_) => Self::Null,
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

impl Cell {
    pub(super) fn value(&self, kind: Kind) -> Value<'_> {
        match self {
            Self::Null => Value::Null(kind),
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// A row: the cells of all columns.
pub(super) type Cells = Vec<Cell>;

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// Where the columns of its key are, in the key's order.
    pub(super) key: Vec<usize>,
    /// Whether the database gives the numbers of its rows.
    pub(super) numbered: bool,
}

impl Table {
    pub(super) fn key_of<'r>(&'r self, row: &'r Cells) -> impl Iterator<Item = &'r Cell> + 'r {
        self.key.iter().filter_map(|place| row.get(*place))
    }

    /// Text compares as its bytes on both databases, and here.
    pub(super) fn compare(&self, one: &Cells, other: &Cells) -> Ordering {
        self.key_of(one).cmp(self.key_of(other))
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|(_, kind)| *kind).collect()
    }

    pub(super) fn column_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    pub(super) fn key_names(&self) -> Vec<&str> {
        self.key.iter().filter_map(|place| self.columns.get(*place)).map(|(name, _)| name.as_str()).collect()
    }

    /// The key's cells as parameters.
    pub(super) fn key_values<'r>(&'r self, row: &'r Cells) -> Vec<Value<'r>> {
        let kinds = self.key.iter().filter_map(|place| self.columns.get(*place)).map(|(_, kind)| *kind);
        self.key_of(row).zip(kinds).map(|(cell, kind)| cell.value(kind)).collect()
    }
}

/// All tables but `meta`, whose rows are about the database that they are in.
pub(super) fn all() -> Result<Vec<Table>> {
    let schema = Connection::open_in_memory()?;
    migrate::sqlite(&schema)?;
    let mut tables = schema.prepare(
        "select name, sql from sqlite_schema
         where type = 'table' and name not like 'sqlite_%' and name <> 'meta' order by name",
    )?;
    let found = tables.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    found
        .map(|table| {
            let (name, sql) = table?;
            let (columns, key) = columns(&schema, &name)?;
            Ok(Table { name, columns, key, numbered: sql.contains("autoincrement") })
        })
        .collect()
}

type Columns = (Vec<(String, Kind)>, Vec<usize>);

fn columns(schema: &Connection, table: &str) -> Result<Columns> {
    let mut statement = schema.prepare("select name, type, pk from pragma_table_info(?1) order by cid")?;
    let rows = statement
        .query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)))?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for (place, row) in rows.enumerate() {
        let (name, kind, in_key) = row?;
        let kind = match kind.to_ascii_lowercase().as_str() {
            "text" => Kind::Text,
            "blob" => Kind::Bytes,
            _ => Kind::Int,
        };
        columns.push((name, kind));
        if in_key > 0 {
            key.push((in_key, place));
        }
    }
    key.sort_unstable();
    Ok((columns, key.into_iter().map(|(_, place)| place).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_key_and_only_kinds_that_both_databases_have() {
        let tables = all().unwrap();
        assert!(tables.len() > 15 && tables.iter().all(|table| table.name != "meta"));
        for table in &tables {
            assert!(!table.key.is_empty(), "{} has no key, so it has no order", table.name);
        }
        let of = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
        assert!(of("tenant").numbered && of("resource").numbered && !of("document").numbered);
        let index = of("attribute_value");
        assert_eq!(index.key_names(), ["tenant", "attribute", "value", "rid", "element"]);
        assert_eq!(index.columns[2], ("value".to_owned(), Kind::Text));
    }
}
