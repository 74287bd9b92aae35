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
/// Users that updates go to.
const PEOPLE: i64 = 1_000;

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

/// A table, which of its rows, and the columns that have to be new.
type Rows = (&'static str, &'static str, &'static [(&'static str, Key)]);

/// Rows of a created user.
const CREATE: [Rows; 6] = [
    ("resource", "rid = ?1", &[("rid", Key::Number), ("id", Key::Text)]),
    ("document", "rid = ?1", &[("rid", Key::Number)]),
    ("unique_value", "rid = ?1", &[("rid", Key::Number), ("value", Key::Text)]),
    ("attribute_value", "rid = ?1", &[("rid", Key::Number)]),
    CHANGE,
    LOG,
];
const CHANGE: Rows = ("change", "seq = (select max(seq) from change) and ?1 > 0", &[("seq", Key::Number)]);
const LOG: Rows =
    ("log", "seq = (select max(seq) from log where packed is not null) and ?1 > 0", &[("seq", Key::Number)]);
const MEMBER: Rows =
    ("member", "member_rid = (select max(member_rid) from member) and ?1 > 0", &[("member_rid", Key::Number)]);

/// A fresh database that does nothing but what one kind of operation writes.
pub(crate) struct Floor {
    target: Connection,
    write: Write,
    rows: Vec<Row>,
    indexed: Row,
    operation: i64,
    _folder: Folder,
}

impl Floor {
    /// With the rows that Provost wrote last for such an operation.
    pub(crate) fn new(database: &Path, write: Write) -> Self {
        let source =
            Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("Provost's database");
        let folder = Folder::new();
        let target = Connection::open(folder.path().join("floor.db")).expect("a new database");
        target
            .execute_batch(
                "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -131072;
                 pragma wal_autocheckpoint = 0; create table scratch (bytes blob);",
            )
            .expect("settings");
        copy_schema(&source, &target);
        let last = "select max(rid) from resource where kind = 'User'";
        let rid: i64 = source.query_row(last, [], |row| row.get(0)).expect("there are users");
        let tables: &[Rows] = match write {
            Write::Create => &CREATE,
            Write::Patch => &[CHANGE, LOG],
            Write::Member => &[CHANGE, LOG, MEMBER],
        };
        let rows: Vec<Row> = tables.iter().flat_map(|table| rows_of(&source, table, rid)).collect();
        let mut updated: Vec<Row> = CREATE[..4].iter().flat_map(|table| rows_of(&source, table, rid)).collect();
        // What PATCH and membership changes update has to be there first.
        target.execute_batch("begin immediate").expect("a transaction");
        for n in 0..PEOPLE {
            insert(&target, &updated, n);
        }
        // The log of a database in use has its full length: making a file longer costs a sync more than writing in it.
        for _ in 0..WAL_MIB {
            target.execute("insert into scratch values (zeroblob(1048576))", []).expect("a row");
        }
        target.execute_batch("delete from scratch; commit").expect("durable");
        let indexed =
            updated.iter().position(|row| row.insert.contains(" attribute_value ")).expect("an indexed value");
        Self { target, write, rows, indexed: updated.swap_remove(indexed), operation: PEOPLE, _folder: folder }
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
            self.target.execute_batch("commit").expect("durable");
        }
        (self.operation - before) as f64 / started.elapsed().as_secs_f64()
    }
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
    let mut statement =
        source.prepare(&format!("select * from {table} where {condition}")).expect("a table of Provost's");
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("insert into {table} values ({})", marks.join(", "));
    let keys: Vec<(usize, Key)> =
        keys.iter().filter_map(|(name, key)| Some((columns.iter().position(|column| column == name)?, *key))).collect();
    let found = statement
        .query_map([rid], |row| (0..columns.len()).map(|n| row.get::<_, Value>(n)).collect::<Result<Vec<_>, _>>())
        .expect("rows");
    let rows: Vec<Row> = found
        .map(|values| Row { insert: insert.clone(), values: values.expect("values"), keys: keys.clone() })
        .collect();
    assert!(!rows.is_empty(), "nothing in {table}");
    rows
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
    let rid = 1_000_000_000 + operation % PEOPLE;
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
            for (sql, turn) in [(delete, operation / PEOPLE - 1), (&indexed.insert, operation / PEOPLE)] {
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
