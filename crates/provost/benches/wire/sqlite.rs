//! The second floor: SQLite alone making the rows of the same operations durable, in transactions of as many
//! operations as there were connections, on the same disk with the same settings.
//!
//! How it works: the rows that Provost wrote for one operation are read from its database and written again, under
//! new keys, into a fresh database with the same tables and indexes. So the floor follows the schema by itself.

use crate::harness::Folder;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The kinds of writing operations.
#[derive(Clone, Copy)]
pub(crate) enum Write {
    Create,
    Patch,
    Member,
}

/// How long the write-ahead log is made beforehand.
const WAL_MIB: usize = 64;
/// Operations that a transaction's entries of the log are taken from; a pack tells fewer than the last of these.
const LOGGED: [i64; 3] = [1, 16, 1_000];
/// People whose rows are written again, and those of one transaction, as `provost import` has them.
const IMPORTED: i64 = 50_000;
const IMPORTED_AT_ONCE: usize = 1_000;
/// Users that updates go to: a PATCH finds somebody else each time, members come to one group after the other.
const fn people(write: Write) -> i64 {
    if matches!(write, Write::Patch) { 100_000 } else { 1_000 }
}
/// Steps over the users that lead to each of them, in no order.
const STRIDE: i64 = 7_919;

/// A row to write again: where, the statement for it, its values, and which of them make it a new one.
struct Row {
    insert: String,
    values: Vec<Value>,
    keys: Vec<(usize, Key)>,
}

#[derive(Clone, Copy)]
enum Key {
    Number,
    Text,
}

/// Entries of the log that lie together, those of as many operations.
struct Pack {
    row: [Row; 1],
    entries: usize,
}

impl Pack {
    /// With about so many.
    fn like(source: &Connection, entries: i64) -> Self {
        let row = rows_of(source, &LOG, entries).swap_remove(0);
        let number = |column: usize| if let Value::Integer(number) = row.values[column] { number } else { 0 };
        let entries = usize::try_from(number(2) - number(1) + 1).expect("an entry");
        Self { row: [row], entries }
    }
}

/// A table, which of its rows, and the columns that have to be new.
type Rows = (&'static str, &'static str, &'static [(&'static str, Key)]);

/// Rows of a created user.
const CREATE: [Rows; 5] = [
    ("resource", "rid = ?1", &[("rid", Key::Number), ("id", Key::Text)]),
    ("document", "rid = ?1", &[("rid", Key::Number)]),
    ("unique_value", "rid = ?1", &[("rid", Key::Number), ("value", Key::Text)]),
    ("attribute_value", "rid = ?1", &[("rid", Key::Number)]),
    CHANGE,
];
const CHANGE: Rows = ("change", "seq = (select max(seq) from change) and ?1 > 0", &[("seq", Key::Number)]);
/// The log's entries of a transaction; of the packs there are, the one with the number of entries that is nearest to `?1`.
const LOG: Rows = (
    "log_pack",
    "first = (select first from log_pack order by abs(last - first + 1 - ?1), first desc limit 1)",
    &[("first", Key::Number)],
);
const MEMBER: Rows =
    ("member", "member_rid = (select max(member_rid) from member) and ?1 > 0", &[("member_rid", Key::Number)]);

/// A fresh database that does nothing but what one kind of operation writes.
pub(crate) struct Floor {
    target: Connection,
    write: Write,
    rows: Vec<Row>,
    indexed: Row,
    log: [Pack; 3],
    operation: i64,
    _folder: Folder,
}

impl Floor {
    /// With the rows that Provost wrote last for such an operation.
    pub(crate) fn new(database: &Path, write: Write) -> Self {
        let source =
            Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("Provost's database");
        let folder = Folder::new();
        let target = fresh(&folder);
        copy_schema(&source, &target);
        let last = "select max(rid) from resource where kind = 'User'";
        let rid: i64 = source.query_row(last, [], |row| row.get(0)).expect("there are users");
        let tables: &[Rows] = match write {
            Write::Create => &CREATE,
            Write::Patch => &[CHANGE],
            Write::Member => &[CHANGE, MEMBER],
        };
        let rows: Vec<Row> = tables.iter().flat_map(|table| rows_of(&source, table, rid)).collect();
        let mut updated: Vec<Row> = CREATE[..4].iter().flat_map(|table| rows_of(&source, table, rid)).collect();
        // What PATCH and membership changes update has to be there first.
        target.execute_batch("begin immediate").expect("a transaction");
        for n in 0..people(write) {
            insert(&target, &updated, n);
        }
        // The log of a database in use has its full length: making a file longer costs a sync more than writing in it.
        for _ in 0..WAL_MIB {
            target.execute("insert into scratch values (zeroblob(1048576))", []).expect("a row");
        }
        target.execute_batch("delete from scratch; commit").expect("durable");
        let indexed =
            updated.iter().position(|row| row.insert.contains(" attribute_value ")).expect("an indexed value");
        let log = LOGGED.map(|entries| Pack::like(&source, entries));
        let indexed = updated.swap_remove(indexed);
        Self { target, write, rows, indexed, log, operation: people(write), _folder: folder }
    }

    /// Operations a second.
    pub(crate) fn rate(&mut self, at_once: usize, lasting: Duration) -> f64 {
        // Checkpoints are not part of it: Provost makes them beside its commits.
        self.target.query_row("pragma wal_checkpoint(restart)", [], |_| Ok(())).expect("a checkpoint");
        // A processor that falls asleep while the disk works takes milliseconds to come back on a virtual machine. Under
        // Provost the load keeps it awake; here a thread does that has nothing else to do.
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
            let rate = scope.spawn(|| self.run(at_once, lasting)).join().expect("it runs to its end");
            done.store(true, Ordering::Relaxed);
            rate
        })
    }

    fn run(&mut self, at_once: usize, lasting: Duration) -> f64 {
        let (before, started) = (self.operation, Instant::now());
        while started.elapsed() < lasting {
            self.target.execute_batch("begin immediate").expect("a transaction");
            for _ in 0..at_once {
                self.operation += 1;
                self.target.execute_batch("savepoint one").expect("a savepoint");
                insert(&self.target, &self.rows, self.operation);
                update(&self.target, self.write, self.operation, &self.indexed);
                self.target.execute_batch("release one").expect("a savepoint");
            }
            let pack = self.log.iter().rfind(|pack| pack.entries <= at_once).unwrap_or(&self.log[0]);
            for n in 0..at_once.div_ceil(pack.entries) {
                insert(&self.target, &pack.row, self.operation - n as i64);
            }
            self.target.execute_batch("commit").expect("durable");
        }
        (self.operation - before) as f64 / started.elapsed().as_secs_f64()
    }
}

/// People a second whose rows SQLite alone writes again as an import does: in transactions of 1 000 people, without
/// savepoints, everybody with their own values.
pub(crate) fn imports_alone(database: &Path) -> f64 {
    let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("Provost's database");
    let folder = Folder::new();
    let target = fresh(&folder);
    copy_schema(&source, &target);
    let tables = ["resource", "document", "unique_value", "attribute_value", "change"];
    let people: i64 = source.query_row("select count(*) from document", [], |row| row.get(0)).expect("a number");
    let people = people.min(IMPORTED);
    let mut lasted = Duration::ZERO;
    for first in (1..=people).step_by(IMPORTED_AT_ONCE) {
        let rows = |table: &&str| {
            let number = if *table == "change" { "seq" } else { "rid" };
            let sql = format!("select * from {table} where {number} >= ?1 and {number} < ?1 + {IMPORTED_AT_ONCE}");
            read(&source, table, &sql, first)
        };
        let rows: Vec<Row> = tables.iter().flat_map(rows).collect();
        let started = Instant::now();
        target.execute_batch("begin immediate").expect("a transaction");
        for row in &rows {
            let mut statement = target.prepare_cached(&row.insert).expect("a statement");
            statement.execute(params_from_iter(&row.values)).expect("a row");
        }
        target.execute_batch("commit").expect("durable");
        lasted += started.elapsed();
    }
    people as f64 / lasted.as_secs_f64()
}

/// A database with Provost's settings, without checkpoints of its own.
fn fresh(folder: &Folder) -> Connection {
    let target = Connection::open(folder.path().join("floor.db")).expect("a new database");
    target
        .execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -131072;
             pragma wal_autocheckpoint = 0; create table scratch (bytes blob);",
        )
        .expect("settings");
    target
}

fn copy_schema(source: &Connection, target: &Connection) {
    let mut statement = source
        .prepare("select sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type desc")
        .expect("the schema");
    let all: Vec<String> =
        statement.query_map([], |row| row.get(0)).expect("rows").map(|sql| sql.expect("text")).collect();
    for sql in all {
        target.execute_batch(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

fn rows_of(source: &Connection, (table, condition, keys): &Rows, rid: i64) -> Vec<Row> {
    let mut rows = read(source, table, &format!("select * from {table} where {condition}"), rid);
    assert!(!rows.is_empty(), "nothing in {table}");
    let columns: Vec<String> = columns(source, table);
    let place = |name: &str| columns.iter().position(|column| column == name);
    let keys: Vec<(usize, Key)> = keys.iter().filter_map(|(name, key)| Some((place(name)?, *key))).collect();
    rows.iter_mut().for_each(|row| row.keys = keys.clone());
    rows
}

fn columns(source: &Connection, table: &str) -> Vec<String> {
    let statement = source.prepare(&format!("select * from {table}")).expect("a table of Provost's");
    statement.column_names().map(str::to_owned).collect()
}

/// Rows of a table, to be written as they are.
fn read(source: &Connection, table: &str, sql: &str, parameter: i64) -> Vec<Row> {
    let mut statement = source.prepare(sql).expect("a table of Provost's");
    let columns = statement.column_count();
    let marks: Vec<String> = (1..=columns).map(|n| format!("?{n}")).collect();
    let insert = format!("insert into {table} values ({})", marks.join(", "));
    let found = statement
        .query_map([parameter], |row| (0..columns).map(|n| row.get::<_, Value>(n)).collect::<Result<Vec<_>, _>>())
        .expect("rows");
    let row = |values: Result<_, _>| Row { insert: insert.clone(), values: values.expect("values"), keys: Vec::new() };
    found.map(row).collect()
}

fn insert(target: &Connection, rows: &[Row], operation: i64) {
    for row in rows {
        let mut values = row.values.clone();
        for (place, key) in &row.keys {
            values[*place] = match (key, &values[*place]) {
                (Key::Number, _) => Value::Integer(1_000_000_000 + operation),
                (Key::Text, Value::Text(text)) => {
                    Value::Text(format!("{operation:08}{}", text.get(8..).unwrap_or_default()))
                }
                (Key::Text, other) => other.clone(),
            };
        }
        target.prepare_cached(&row.insert).expect("a statement").execute(params_from_iter(values)).expect("a row");
    }
}

fn update(target: &Connection, write: Write, operation: i64, indexed: &Row) {
    let people = people(write);
    let rid = 1_000_000_000 + operation % people * STRIDE % people;
    let run = |sql: &str| {
        target.prepare_cached(sql).expect("a statement").execute([rid]).expect("a row");
    };
    match write {
        Write::Create => {}
        Write::Patch => {
            run("update resource set version = version + 1, modified_at = modified_at + 1 where rid = ?1");
            run("update document set head = cast(head as blob) || '' where rid = ?1");
            // The index row of the old value goes, the one of the new value comes: each by its whole key.
            let delete = "delete from attribute_value where tenant = ?1 and attribute = ?2 and value = ?3 and rid = ?4 and element = ?5";
            let value =
                |turn: i64| if turn == 0 { indexed.values[2].clone() } else { Value::Text(format!("value {turn}")) };
            for (sql, turn) in [(delete, operation / people - 1), (&indexed.insert, operation / people)] {
                let mut values = indexed.values.clone();
                values[2] = value(turn);
                values[3] = Value::Integer(rid);
                target.prepare_cached(sql).expect("a statement").execute(params_from_iter(values)).expect("a row");
            }
        }
        Write::Member => {
            run(
                "update resource set version = version + 1, modified_at = modified_at + 1, member_count = member_count + 1 where rid = ?1",
            );
        }
    }
}
