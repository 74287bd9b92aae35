//! A database that is copied from or to: pages of rows, and what is written to it.

use super::MARKED;
use super::merge::{PAGE, Sum};
use super::table::{Cell, Cells, Table};
use crate::db::{Connection, Params, Row, Value, params};
use crate::{Error, Result};

/// What a text of PostgreSQL cannot hold, and what the store has there instead.
const NUL: (char, &str) = ('\0', "\u{FFFD}");

pub(super) struct Side {
    pub(super) connection: Connection,
    /// Whether texts are read as PostgreSQL can hold them.
    pub(super) without_nul: bool,
}

impl Side {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, without_nul: false }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.connection, Connection::Sqlite(_))
    }

    /// From here on everything that is read is of one moment.
    pub(super) fn begin_read(&self) -> Result<()> {
        self.connection.begin_read()
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.connection.begin_write(None, true)
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.connection.commit()?;
        if self.is_sqlite() {
            // Nobody else has the file open: the journal begins anew instead of growing as long as the database.
            self.each("pragma wal_checkpoint(passive)", (), |_| Ok(()))?;
        }
        Ok(())
    }

    /// Lets PostgreSQL count how its values are spread: until it has, it may choose an index that finds everybody.
    pub(super) fn learn(&self) -> Result<()> {
        if self.is_sqlite() {
            return Ok(());
        }
        self.begin()?;
        self.execute("analyze", ())?;
        self.commit()
    }

    /// Runs a statement that changes rows; answers how many.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.connection.execute(sql, params)
    }

    fn each(&self, sql: &str, params: impl Params, mut row: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        self.connection.each(sql, params, |found| row(found).map(|()| true))
    }

    /// The number that a query gives; 0 if it gives none.
    pub(super) fn number(&self, sql: &str, params: impl Params) -> Result<i64> {
        let mut number = 0;
        self.each(sql, params, |row| {
            number = row.get::<Option<i64>>(0)?.unwrap_or(0);
            Ok(())
        })?;
        Ok(number)
    }

    /// The version of the tables.
    pub(super) fn version(&self) -> Result<i64> {
        self.number("select value from meta where name = 'version'", ())
    }

    pub(super) fn is_marked(&self) -> Result<bool> {
        Ok(self.number(MARKED, ())? > 0)
    }

    pub(super) fn count(&self, table: &Table) -> Result<u64> {
        Ok(self.number(&format!("select count(*) from {}", table.name), ())?.cast_unsigned())
    }

    pub(super) fn is_empty(&self, table: &Table) -> Result<bool> {
        Ok(self.number(&format!("select 1 from {} limit 1", table.name), ())? == 0)
    }

    /// Rows behind that one, in the order of the key.
    pub(super) fn page(&self, table: &Table, behind: Option<&Cells>, limit: usize) -> Result<Vec<Cells>> {
        let keys = table.key_names().join(", ");
        let condition = behind.map(|_| format!(" where ({keys}) > ({})", marks(table.key.len()))).unwrap_or_default();
        let sql =
            format!("select {} from {}{condition} order by {keys} limit {limit}", table.column_names(), table.name);
        let key = behind.map(|row| table.key_values(row)).unwrap_or_default();
        let mut rows = Vec::with_capacity(limit);
        self.each(&sql, key.as_slice(), |row| {
            rows.push(self.cells(table, row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The row with the key of that one.
    pub(super) fn again(&self, table: &Table, row: &Cells) -> Result<Option<Cells>> {
        let sql = format!("select {} from {} where {}", table.column_names(), table.name, condition(table));
        let mut found = None;
        self.each(&sql, table.key_values(row).as_slice(), |row| {
            found = Some(self.cells(table, row)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn cells(&self, table: &Table, row: &Row<'_>) -> Result<Cells> {
        let mut cells = (0..table.columns.len()).map(|place| row.get(place)).collect::<Result<Cells>>()?;
        if self.without_nul {
            for cell in &mut cells {
                if let Cell::Text(text) = cell
                    && text.contains(NUL.0)
                {
                    *text = text.replace(NUL.0, NUL.1);
                }
            }
        }
        Ok(cells)
    }

    /// All rows, read again.
    pub(super) fn sum(&self, table: &Table) -> Result<Sum> {
        let (mut sum, mut last) = (Sum::default(), None);
        loop {
            let page = self.page(table, last.as_ref(), PAGE)?;
            page.iter().for_each(|row| sum.add(row));
            if page.len() < PAGE {
                return Ok(sum);
            }
            last = page.last().cloned();
        }
    }

    pub(super) fn load(&self, table: &Table, rows: &[Cells]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let kinds = table.kinds();
        let rows: Vec<Vec<Value<'_>>> =
            rows.iter().map(|row| row.iter().zip(&kinds).map(|(cell, kind)| cell.value(*kind)).collect()).collect();
        self.connection.load(&table.name, &table.column_names(), &kinds, &rows)
    }

    pub(super) fn remove(&self, table: &Table, row: &Cells) -> Result<()> {
        let sql = format!("delete from {} where {}", table.name, condition(table));
        self.execute(&sql, table.key_values(row).as_slice()).map(|_| ())
    }

    pub(super) fn clear(&self, table: &Table) -> Result<()> {
        self.execute(&format!("delete from {}", table.name), ()).map(|_| ())
    }

    /// The last number that was given to a row, whether the row is there or not.
    pub(super) fn last_number(&self, table: &Table) -> Result<i64> {
        if self.is_sqlite() {
            return self.number("select seq from sqlite_sequence where name = ?1", [table.name.as_str()]);
        }
        self.number(&format!("select pg_sequence_last_value({})", SEQUENCE), sequence(table)?)
    }

    pub(super) fn go_on_behind(&self, table: &Table, last: i64) -> Result<()> {
        if !self.is_sqlite() {
            let [name, key] = sequence(table)?;
            return self.number(&format!("select setval({SEQUENCE}, ?3)"), params![name, key, last]).map(|_| ());
        }
        let sql = "update sqlite_sequence set seq = ?2 where name = ?1";
        if self.execute(sql, (table.name.as_str(), last))? == 0 {
            self.execute("insert into sqlite_sequence (name, seq) values (?1, ?2)", (table.name.as_str(), last))?;
        }
        Ok(())
    }

    /// The numbers of the log, which nodes are given by a sequence.
    pub(super) fn log_goes_on(&self) -> Result<()> {
        if self.is_sqlite() {
            return Ok(());
        }
        let sql = "select setval('log_seq', coalesce(max(number), 0) + 1, false)
                   from (select max(seq) as number from log union all select max(last) from log_block
                         union all select max(last) from log_pack
                         union all select max(open_last) from change_seq) as numbers";
        self.number(sql, ()).map(|_| ())
    }
}

/// The sequence behind a table's key.
const SEQUENCE: &str = "cast(pg_get_serial_sequence(?1, ?2) as regclass)";

fn sequence(table: &Table) -> Result<[&str; 2]> {
    let key = table.key_names().first().copied().ok_or_else(|| Error::broken("a numbered table has no key"))?;
    Ok([table.name.as_str(), key])
}

fn marks(count: usize) -> String {
    (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}

fn condition(table: &Table) -> String {
    let parts = table.key_names().into_iter().zip(1..).map(|(name, number)| format!("{name} = ?{number}"));
    parts.collect::<Vec<_>>().join(" and ")
}
