//! Rows of `attribute_value` that a transaction of SQLite has changed and not written yet.
//!
//! A resource has some dozens of them, each at another place of one large tree. Those of all resources of a transaction
//! are written together in the order of the tree, many with one statement: neighbours find their page at hand. Whoever
//! looks at the table has them written first.
//!
//! Invariant: `rows[..written]` are in the database. They stay here as long as a savepoint is open, because what it undoes
//! may have written rows of others before it.

use super::value::Value;

/// The table.
pub(super) const TABLE: &str = "attribute_value";

/// Takes a row away.
pub(super) const DELETE: &str =
    "delete from attribute_value where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4 and element = ?5";

/// Most rows that wait; about 4 MB.
pub(super) const ROWS_MAX: usize = 65_536;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueRow<'a> {
    pub(crate) tenant: i64,
    pub(crate) attribute: i64,
    pub(crate) value: &'a str,
    pub(crate) rid: i64,
    pub(crate) element: i64,
}

impl<'a> ValueRow<'a> {
    /// In the order of the columns.
    pub(super) fn params(&self) -> [Value<'a>; 5] {
        let Self { tenant, attribute, value, rid, element } = *self;
        [tenant.into(), attribute.into(), Value::Text(value), rid.into(), element.into()]
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    There,
    Gone,
}

/// What is not written yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The values, one behind the other.
    texts: String,
    rows: Vec<Row>,
    written: usize,
    savepoints: Vec<Mark>,
}

/// The tenant, the attribute, and how the value begins.
type Place = (i64, i64, u64);

#[derive(Clone, Copy, Debug)]
struct Row {
    tenant: i64,
    attribute: i64,
    /// Where the value begins and ends.
    text: (usize, usize),
    rid: i64,
    element: i64,
    becomes: Becomes,
}

/// How much there was when a savepoint began.
#[derive(Clone, Copy, Debug)]
struct Mark {
    texts: usize,
    rows: usize,
    written: usize,
}

impl Held {
    pub(super) fn is_waiting(&self) -> bool {
        self.rows.len() > self.written
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() - self.written >= ROWS_MAX
    }

    pub(super) fn push(&mut self, row: &ValueRow<'_>, becomes: Becomes) {
        let start = self.texts.len();
        self.texts.push_str(row.value);
        let ValueRow { tenant, attribute, rid, element, .. } = *row;
        self.rows.push(Row { tenant, attribute, text: (start, self.texts.len()), rid, element, becomes });
    }

    /// What is to be taken away and what is to be added, each in the order of the table; of several changes of one row
    /// the last.
    pub(super) fn changes(&self) -> (Vec<ValueRow<'_>>, Vec<ValueRow<'_>>) {
        let waiting = self.rows.get(self.written..).unwrap_or_default();
        let mut order: Vec<(Place, usize)> = waiting.iter().map(|row| self.place(row)).zip(0..).collect();
        // The numbers make it a stable order: the last change of a row stands last.
        order.sort_unstable_by(|(a_place, a), (b_place, b)| {
            let whole = |number: &usize| waiting.get(*number).map(|row| self.shown(row));
            a_place.cmp(b_place).then_with(|| whole(a).cmp(&whole(b))).then(a.cmp(b))
        });
        let all = order.iter().filter_map(|(_, number)| waiting.get(*number));
        let mut all = all.map(|row| (self.shown(row), row.becomes)).peekable();
        let (mut gone, mut there) = (Vec::new(), Vec::with_capacity(waiting.len()));
        while let Some((row, becomes)) = all.next() {
            if all.peek().is_none_or(|(next, _)| *next != row) {
                if becomes == Becomes::Gone { gone.push(row) } else { there.push(row) }
            }
        }
        (gone, there)
    }

    /// Where a row stands as far as numbers tell it: most comparisons end with them.
    fn place(&self, row: &Row) -> Place {
        let value = self.shown(row).value.as_bytes();
        let mut beginning = [0; 8];
        beginning.iter_mut().zip(value).for_each(|(byte, of_value)| *byte = *of_value);
        (row.tenant, row.attribute, u64::from_be_bytes(beginning))
    }

    fn shown(&self, row: &Row) -> ValueRow<'_> {
        let Row { tenant, attribute, text, rid, element, .. } = *row;
        ValueRow { tenant, attribute, value: self.texts.get(text.0..text.1).unwrap_or_default(), rid, element }
    }

    /// Everything is written now.
    pub(super) fn are_written(&mut self) {
        self.written = self.rows.len();
        if self.savepoints.is_empty() {
            self.clear();
        }
    }

    pub(super) fn savepoint(&mut self) {
        self.savepoints.push(Mark { texts: self.texts.len(), rows: self.rows.len(), written: self.written });
    }

    /// The last savepoint ends. If it does not stay, what came since is forgotten, and what was written since waits again.
    pub(super) fn release(&mut self, stays: bool) {
        if let Some(mark) = self.savepoints.pop()
            && !stays
        {
            self.texts.truncate(mark.texts);
            self.rows.truncate(mark.rows);
            self.written = mark.written;
        }
    }

    /// The transaction is over.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.rows.clear();
        self.written = 0;
        self.savepoints.clear();
    }
}
