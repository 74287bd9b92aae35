//! One table of the source and one of the target, side by side.

use super::side::Side;
use super::table::{Cell, Cells, Table};
use crate::{Error, Result};
use aws_lc_rs::digest::{SHA256, digest};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Rows of one page.
pub(super) const PAGE: usize = 1_000;
/// Pages that are read ahead.
const AHEAD: usize = 8;
/// Rows that are written in one transaction.
const TRANSACTION: u64 = 50_000;
/// Missing rows that are kept until the target has been read; with more of them the source is read twice.
const MISSING: usize = 50_000;

/// How many rows, and their digests added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) digest: [u8; 32],
}

impl Sum {
    pub(super) fn add(&mut self, row: &Cells) {
        let mut bytes = Vec::with_capacity(256);
        for cell in row {
            let (kind, content): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Int(number) => (1, &number.to_be_bytes()),
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(blob) => (3, blob),
            };
            bytes.push(kind);
            bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
            bytes.extend_from_slice(content);
        }
        self.rows += 1;
        let mut carry = 0_u16;
        for (sum, more) in self.digest.iter_mut().zip(digest(&SHA256, &bytes).as_ref()).rev() {
            let [high, low] = (u16::from(*sum) + u16::from(*more) + carry).to_be_bytes();
            (*sum, carry) = (low, u16::from(high));
        }
    }
}

/// What bringing one table to another has come to.
pub(super) struct Merged {
    pub(super) source: Sum,
    pub(super) target: Sum,
    pub(super) written: u64,
    pub(super) removed: u64,
}

/// Writes all rows of the source into an empty table, and reads them back.
pub(super) fn fill(source: &mut Side, target: &Side, table: &Table, step: &mut dyn FnMut(u64)) -> Result<Merged> {
    let mut sum = Sum::default();
    let mut load = Load { target, table, waiting: 0 };
    target.begin()?;
    ahead(source, table, |pages| {
        for page in pages {
            let page = page?;
            page.iter().for_each(|row| sum.add(row));
            load.rows(&page)?;
            step(sum.rows);
        }
        Ok(())
    })?;
    target.commit()?;
    Ok(Merged { written: sum.rows, removed: 0, target: target.sum(table)?, source: sum })
}

/// Writes pages, and commits now and then.
struct Load<'a> {
    target: &'a Side,
    table: &'a Table,
    waiting: u64,
}

impl Load<'_> {
    fn rows(&mut self, rows: &[Cells]) -> Result<()> {
        self.target.load(self.table, rows)?;
        self.waiting += rows.len() as u64;
        if self.waiting >= TRANSACTION {
            self.waiting = 0;
            self.target.commit()?;
            self.target.begin()?;
        }
        Ok(())
    }
}

/// Removes what the source does not have, or has otherwise; then writes what is missing. In this order, because a unique
/// value may have gone from one row to another.
pub(super) fn bring(source: &mut Side, target: &Side, table: &Table, step: &mut dyn FnMut(u64)) -> Result<Merged> {
    target.begin()?;
    let mut first = Compared::default();
    let compared = compare(source, target, table, step, |difference| first.take(target, table, difference));
    match compared {
        // A key that holds what PostgreSQL's texts cannot: its place is another one there.
        Err(Error::Stale) => {
            let removed = target.count(table)?;
            target.clear(table)?;
            target.commit()?;
            return fill(source, target, table, step).map(|filled| Merged { removed, ..filled });
        }
        other => other?,
    }
    if first.too_many {
        let mut load = Load { target, table, waiting: 0 };
        let mut page = Vec::with_capacity(PAGE);
        compare(source, target, table, step, |difference| {
            if let Difference::Missing(row) = difference {
                page.push(row);
            }
            if page.len() == PAGE {
                load.rows(&page)?;
                page.clear();
            }
            Ok(())
        })?;
        load.rows(&page)?;
        target.commit()?;
        first.target = target.sum(table)?;
    } else {
        for page in first.missing.chunks(PAGE) {
            target.load(table, page)?;
        }
        target.commit()?;
        for row in &first.missing {
            if let Some(row) = target.again(table, row)? {
                first.target.add(&row);
            }
        }
    }
    Ok(Merged { source: first.source, target: first.target, written: first.written, removed: first.removed })
}

/// What the first look at both sides finds.
#[derive(Default)]
struct Compared {
    source: Sum,
    target: Sum,
    missing: Vec<Cells>,
    too_many: bool,
    written: u64,
    removed: u64,
}

impl Compared {
    fn take(&mut self, target: &Side, table: &Table, difference: Difference) -> Result<()> {
        match difference {
            Difference::None(row) => {
                self.source.add(&row);
                self.target.add(&row);
            }
            Difference::Missing(row) => {
                self.source.add(&row);
                self.written += 1;
                if self.missing.len() < MISSING {
                    self.missing.push(row);
                } else {
                    self.too_many = true;
                }
            }
            Difference::TooMuch(row) => {
                target.remove(table, &row)?;
                self.removed += 1;
            }
        }
        Ok(())
    }
}

enum Difference {
    None(Cells),
    Missing(Cells),
    TooMuch(Cells),
}

/// Walks through both in the order of keys. `Stale`: the source is not in that order.
fn compare(
    source: &mut Side,
    target: &Side,
    table: &Table,
    step: &mut dyn FnMut(u64),
    mut take: impl FnMut(Difference) -> Result<()>,
) -> Result<()> {
    let (mut read, mut last): (u64, Option<Cells>) = (0, None);
    ahead(source, table, |pages| {
        let mut theirs = Pages { target, table, rows: VecDeque::new(), last: None, end: false };
        for page in pages {
            for row in page? {
                if last.as_ref().is_some_and(|last| table.compare(last, &row) != Ordering::Less) {
                    return Err(Error::Stale);
                }
                last = Some(row.clone());
                read += 1;
                // What the target has before this row is gone from the source.
                let found = loop {
                    match theirs.next()? {
                        None => break None,
                        Some(other) => match table.compare(&other, &row) {
                            Ordering::Less => take(Difference::TooMuch(other))?,
                            Ordering::Equal => break Some(other),
                            Ordering::Greater => {
                                theirs.rows.push_front(other);
                                break None;
                            }
                        },
                    }
                };
                match found {
                    Some(other) if other == row => take(Difference::None(row))?,
                    Some(other) => {
                        take(Difference::TooMuch(other))?;
                        take(Difference::Missing(row))?;
                    }
                    None => take(Difference::Missing(row))?,
                }
            }
            step(read);
        }
        while let Some(other) = theirs.next()? {
            take(Difference::TooMuch(other))?;
        }
        Ok(())
    })
}

/// The target's rows, a page at a time.
struct Pages<'a> {
    target: &'a Side,
    table: &'a Table,
    rows: VecDeque<Cells>,
    last: Option<Cells>,
    end: bool,
}

impl Pages<'_> {
    fn next(&mut self) -> Result<Option<Cells>> {
        if self.rows.is_empty() && !self.end {
            let page = self.target.page(self.table, self.last.as_ref(), PAGE)?;
            self.end = page.len() < PAGE;
            self.last = page.last().cloned();
            self.rows = page.into();
        }
        Ok(self.rows.pop_front())
    }
}

/// Reads a table on a thread of its own, a few pages ahead of whoever uses them.
fn ahead<T>(
    source: &mut Side,
    table: &Table,
    work: impl FnOnce(Receiver<Result<Vec<Cells>>>) -> Result<T>,
) -> Result<T> {
    let (send, receive) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || read(source, table, &send));
        work(receive)
    })
}

fn read(source: &mut Side, table: &Table, send: &SyncSender<Result<Vec<Cells>>>) {
    let mut last = None;
    loop {
        let page = source.page(table, last.as_ref(), PAGE);
        let count = page.as_ref().map_or(0, Vec::len);
        last = page.as_ref().ok().and_then(|page| page.last().cloned());
        if send.send(page).is_err() || count < PAGE {
            return;
        }
    }
}
