//! PostgreSQL: a session for each thread, and transactions whose outcome is always known.
//!
//! Whoever writes holds a *turn*, a lock that ends with the transaction: that of one tenant, beside the turns of other
//! tenants, or that of everything. It is taken before anything is read, so a write sees what it changes as it is, no
//! statement of it can meet a deadlock or a conflict between transactions, and the numbers of the change feed have no
//! gaps. Turns are taken in one order (everything, then the tenant), by all nodes alike.
//!
//! Beginnings, savepoints and their ends are sent along with the next statement, and so are statements whose answer nobody
//! needs: they cost no way there and back.

mod dialect;
mod monitor;
mod session;
mod statistics;
mod tls;

pub(super) use monitor::Monitor;
pub(super) use session::cell;

use super::connection::{Asked, Part};
use super::value::{Kept, Kind, Row, Value};
use crate::tally::{self, Tally};
use crate::{Error, Result, TenantId};
use session::{Ahead, Failure, Later, Session, told};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tls::Tls;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio_postgres::{Client, Config, Connection, Socket};

/// Longest time that connecting may take, unless the address says otherwise.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Longest time that one statement may take, waiting for its turn included.
const STATEMENT_MAX: Duration = Duration::from_secs(60);
/// Longest time that the network may keep quiet about what was sent.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How often, and how many times, the outcome of a commit is asked for when its answer did not arrive.
const OUTCOME_EVERY: Duration = Duration::from_millis(250);
const OUTCOME_TRIES: usize = 60;
/// How long the mark of a writer is kept that has begun then, in seconds: thirty days.
const MARK_SECONDS: u64 = 30 * 86_400;
/// The first half of the keys of our advisory locks; the second is the tenant, or one of the two below.
const LOCKS: i64 = 0x5343_494d;
/// Held by everybody who writes: shared, or alone.
const LOCK_ALL: i64 = -1;
/// Held while tables are made.
const LOCK_TABLES: i64 = -2;
/// Numbers of the log that a transaction takes at once; what it does not use is skipped.
const LOG_NUMBERS: i64 = 1_000;

/// Most statements that wait for the next one.
const LATER_MAX: usize = 28;

/// How a transaction that writes begins. A node that stands still with its turn in its hand loses it.
const BEGIN_WRITE: &str = "begin; set local idle_in_transaction_session_timeout = 15000;";

/// The commit does not wait for the disk; what follows it and does, waits for both.
const NOT_ON_DISK: &str = "set local synchronous_commit = off;";

/// What a writer leaves with each of its commits, to find it again when the answer does not arrive: the number of its
/// transaction alone may be given out again, if a crash came before anything of it was on the disk.
const MARK: &str = "insert into meta (name, value) values (?1, ?2)
    on conflict (name) do update set value = excluded.value";
const MARKED: &str = "select value from meta where name = ?1";
const MARKS: &str = "commit by ";

fn mark(of: uuid::Uuid) -> String {
    format!("{MARKS}{of}")
}

const GENERATION: &str = "select generation from tenant where id = ?1";

/// What all sessions of a store share.
pub(super) struct Shared {
    config: Config,
    tls: Tls,
    /// Whether statements may have names; a pooler that hands out sessions by the transaction may not know them.
    named: bool,
    /// Whether connecting makes sense; the monitor finds out.
    up: AtomicBool,
    /// Wakes the monitor.
    look: Notify,
    /// Ways there and back that somebody waited for.
    pub(super) ways: AtomicU64,
}

impl Shared {
    pub(super) fn new(url: &str, pooled: bool) -> Result<Self> {
        let (url, wanted) = tls::parse(url)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            Error::Database(format!("its address cannot be read: {}", told(&error)))
        })?;
        config.ssl_mode(wanted.mode);
        if config.get_application_name().is_none() {
            config.application_name("provost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        let (tls, up, ways) = (Tls::new(&wanted)?, AtomicBool::new(true), AtomicU64::new(0));
        Ok(Self { config, tls, named: !pooled, up, look: Notify::new(), ways })
    }

    /// By another name than that of a server, by which they are told apart.
    pub(super) fn called(mut self, name: &str) -> Self {
        self.config.application_name(name);
        self
    }

    async fn open(
        &self,
    ) -> std::result::Result<(Client, Connection<Socket, tls::Stream<Socket>>), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }

    async fn connect(&self) -> std::result::Result<Session, tokio_postgres::Error> {
        let (client, connection) = self.open().await?;
        tokio::spawn(async move {
            // Whoever uses the session next is told.
            let _ = connection.await;
        });
        Ok(Session::new(client, self.named))
    }
}

/// What a transaction is given at its beginning.
#[derive(Default)]
pub(super) struct Turn {
    /// What it is known by, should its end be in doubt.
    transaction: String,
    /// The first of its numbers for the log.
    log: i64,
    /// The tenant's generation, where the turn is a tenant's; 0 if there is no such tenant.
    generation: Option<i64>,
    /// Its numbers, which almost every write moves.
    tally: Tally,
}

/// One session, used by one thread, and made again when it breaks.
pub(crate) struct Postgres {
    shared: Arc<Shared>,
    runtime: Runtime,
    session: RefCell<Option<Session>>,
    /// What is sent along with the next statement.
    ahead: RefCell<Ahead>,
    /// Whether the server has taken a statement of this transaction: then it cannot go on in another session.
    begun: Cell<bool>,
    /// Whether a statement has failed since the last savepoint: then nothing but its undoing is possible.
    failed: Cell<bool>,
    turn: RefCell<Turn>,
    /// Whose row its commits are marked in.
    mark: uuid::Uuid,
}

impl Postgres {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| Error::Broken(Box::new(error)))?;
        Ok(Self {
            shared,
            runtime,
            session: RefCell::default(),
            ahead: RefCell::default(),
            begun: Cell::new(false),
            failed: Cell::new(false),
            turn: RefCell::default(),
            mark: uuid::Uuid::now_v7(),
        })
    }

    /// Takes away the marks of writers that began long before this one. One that still writes makes another one.
    pub(in crate::db) fn forget_marks(&self) -> Result<()> {
        let (now, _) = self.mark.get_timestamp().map_or((0, 0), |made| made.to_unix());
        let before = uuid::Timestamp::from_unix(uuid::NoContext, now.saturating_sub(MARK_SECONDS), 0);
        let (first, end) = (MARKS.to_owned(), mark(uuid::Uuid::new_v7(before)));
        let params = [Value::Text(&first), Value::Text(&end)];
        self.execute("delete from meta where name > ?1 and name < ?2", &params).map(|_| ())
    }

    /// Connects for the first time, so that what is wrong with the address is told in words.
    pub(in crate::db) fn start(&self) -> Result<()> {
        let connected = self.runtime.block_on(self.shared.connect());
        let session = connected.map_err(|error| Error::Database(told(&error)))?;
        *self.session.borrow_mut() = Some(session);
        let mut version = 0_i64;
        let sql = "select cast(current_setting('server_version_num') as bigint)";
        self.each(sql, &[], &mut |row| {
            version = row.get(0)?;
            Ok(false)
        })?;
        if version < 150_000 {
            return Err(Error::Database("it is older than PostgreSQL 15".into()));
        }
        self.reset();
        Ok(())
    }

    fn reset(&self) {
        *self.ahead.borrow_mut() = Ahead::default();
        self.begun.set(false);
        self.failed.set(false);
    }

    fn ensure(&self) -> Result<(), Failure> {
        let mut session = self.session.borrow_mut();
        if self.begun.get() {
            return if session.is_some() { Ok(()) } else { Err(Failure::Lost("the session ended before".into())) };
        }
        if session.as_ref().is_some_and(|session| !session.is_closed()) {
            return Ok(());
        }
        *session = None;
        if !self.shared.up.load(Ordering::Relaxed) {
            return Err(Failure::Lost("the database does not answer".into()));
        }
        match self.runtime.block_on(self.shared.connect()) {
            Ok(new) => *session = Some(new),
            Err(error) => {
                self.shared.up.store(false, Ordering::Relaxed);
                self.shared.look.notify_one();
                return Err(Failure::Lost(told(&error)));
            }
        }
        Ok(())
    }

    /// Asks the session for something; once more in a new one, if the old one turned out to be over before the
    /// transaction had begun.
    fn ask<T>(&self, mut work: impl AsyncFnMut(&Session, &Ahead) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut again = true;
        loop {
            self.ensure()?;
            let session = self.session.borrow();
            let Some(open) = session.as_ref() else { return Err(Failure::Lost(String::new())) };
            let ahead = self.ahead.borrow();
            self.shared.ways.fetch_add(1, Ordering::Relaxed);
            let limited = async { tokio::time::timeout(STATEMENT_MAX, work(open, &ahead)).await };
            let outcome = self
                .runtime
                .block_on(limited)
                .unwrap_or_else(|_| Err(Failure::Lost("a statement took too long".into())));
            drop((session, ahead));
            match outcome {
                Err(Failure::Lost(_)) if again && !self.begun.get() => {
                    self.session.borrow_mut().take();
                    again = false;
                }
                Err(Failure::Lost(why)) => {
                    self.session.borrow_mut().take();
                    self.begun.set(true);
                    tracing::warn!(why, "a session with the database ended");
                    return Err(Failure::Lost(why));
                }
                Err(failure) => {
                    *self.ahead.borrow_mut() = Ahead::default();
                    self.begun.set(true);
                    self.failed.set(matches!(failure, Failure::Refused(_)) || self.failed.get());
                    return Err(failure);
                }
                Ok(answer) => {
                    *self.ahead.borrow_mut() = Ahead::default();
                    self.begun.set(true);
                    return Ok(answer);
                }
            }
        }
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize> {
        let changed = self.ask(async |session, ahead| session.run(ahead, sql, params, &mut |_| Ok(true)).await);
        changed.map(|count| usize::try_from(count).unwrap_or(usize::MAX)).map_err(Failure::into_error)
    }

    /// Runs a statement with the next one, or at the end of its part of the transaction: it takes no way of its own.
    pub(super) fn later(&self, sql: &str, params: &[Value<'_>]) -> Result<()> {
        let later = Later { sql: sql.into(), params: params.iter().map(|value| Kept::of(*value)).collect() };
        let waiting = {
            let mut ahead = self.ahead.borrow_mut();
            ahead.later.push(later);
            ahead.later.len()
        };
        if waiting < LATER_MAX { Ok(()) } else { self.flush() }
    }

    /// Runs what waits for the next statement, so that a failure is that of the part that it belongs to.
    pub(super) fn flush(&self) -> Result<()> {
        if self.ahead.borrow().later.is_empty() { Ok(()) } else { self.batch("") }
    }

    pub(super) fn many(
        &self,
        sql: &str,
        sets: &[&[Value<'_>]],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(async |session, ahead| session.many(ahead, sql, sets, row).await).map_err(Failure::into_error)
    }

    pub(super) fn several(
        &self,
        asked: &[Asked<'_>],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>> {
        self.ask(async |session, ahead| session.several(ahead, asked, row).await).map_err(Failure::into_error)
    }

    pub(crate) fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let done = self.ask(async |session, ahead| session.run(ahead, sql, params, row).await);
        done.map(|_| ()).map_err(Failure::into_error)
    }

    /// Statements without parameters and rows.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        let done = self.ask(async |session, ahead| session.batch_behind(ahead, sql).await);
        done.map_err(Failure::into_error)
    }

    /// Adds rows by the statement `copy … from stdin binary`.
    pub(super) fn load(&self, sql: &str, kinds: &[Kind], rows: &[Vec<Value<'_>>]) -> Result<()> {
        self.ask(async |session, ahead| session.load(&ahead.sql, sql, kinds, rows).await).map_err(Failure::into_error)
    }

    pub(super) fn begin_read(&self) {
        self.reset();
        self.ahead.borrow_mut().sql.push_str("begin isolation level repeatable read read only;");
    }

    pub(super) fn end_read(&self) {
        if self.begun.get() && self.session.borrow().is_some() && self.batch("commit").is_err() {
            self.session.borrow_mut().take();
        }
        self.reset();
    }

    /// Begins a transaction and waits for its turn.
    pub(super) fn begin_write(&self, lane: Option<TenantId>, on_disk: bool) -> Result<()> {
        self.reset();
        self.ahead.borrow_mut().sql.push_str(BEGIN_WRITE);
        if !on_disk {
            self.ahead.borrow_mut().sql.push_str(NOT_ON_DISK);
        }
        let lock = match lane {
            Some(_) => {
                "select pg_advisory_xact_lock_shared(cast(?1 as integer), cast(?2 as integer)),
                 pg_advisory_xact_lock(cast(?1 as integer), cast(?3 % 2147483647 as integer))"
            }
            None => "select pg_advisory_xact_lock(cast(?1 as integer), cast(?2 as integer)), ?3",
        };
        let tenant = lane.map_or(0, |tenant| tenant.0);
        let locks = [Value::Int(LOCKS), Value::Int(LOCK_ALL), Value::Int(tenant)];
        // The number is taken behind the lock: numbers follow the turns.
        let sql = format!("select cast(pg_current_xact_id() as text), nextval('log_seq') from ({lock}) as turn");
        // A statement sees what was there when it began: those behind the first begin behind the lock, on the same way.
        let of_tenant = [Value::Int(tenant)];
        let mut asked: Vec<Asked<'_>> = vec![(&sql, &locks)];
        let mut turn = Turn::default();
        if let Some(lane) = lane {
            turn.generation = Some(0);
            turn.tally = Tally::of_tenant(lane);
            asked.extend([GENERATION, tally::FEED, tally::COUNTS].map(|sql| (sql, &of_tenant[..])));
        }
        self.several(&asked, &mut |number, row| {
            match (number, lane) {
                (0, _) => (turn.transaction, turn.log) = (row.get(0)?, row.get(1)?),
                (1, _) => turn.generation = Some(row.get(0)?),
                (2, Some(lane)) => turn.tally.learn_feed(lane, row)?,
                (_, Some(lane)) => turn.tally.learn_count(lane, row)?,
                (_, None) => {}
            }
            Ok(())
        })?;
        *self.turn.borrow_mut() = turn;
        Ok(())
    }

    /// The generation of the tenant whose turn it is.
    pub(super) fn generation(&self) -> Option<i64> {
        self.turn.borrow().generation
    }

    /// What is known of the tenant's numbers since the transaction began.
    pub(super) fn tally(&self) -> Tally {
        std::mem::take(&mut self.turn.borrow_mut().tally)
    }

    /// The numbers of the log that are this transaction's: the first, and the one behind the last.
    pub(super) fn log_numbers(&self) -> (i64, i64) {
        let first = self.turn.borrow().log;
        (first, first + LOG_NUMBERS)
    }

    /// More of them.
    pub(super) fn more_log_numbers(&self) -> Result<(i64, i64)> {
        let mut first = 0;
        self.each("select nextval('log_seq')", &[], &mut |row| {
            first = row.get(0)?;
            Ok(false)
        })?;
        Ok((first, first + LOG_NUMBERS))
    }

    /// Commits. If the answer does not arrive, the outcome is asked for in another session.
    pub(super) fn commit(&self) -> Result<()> {
        if self.failed.get() || self.session.borrow().is_none() {
            return Err(Error::Unavailable);
        }
        let number = self.turn.borrow().log;
        self.later(MARK, &[Value::Text(&mark(self.mark)), Value::Int(number)])?;
        let done = self.ask(async |session, ahead| session.batch_behind(ahead, "commit").await);
        let outcome = match done {
            Ok(()) => Ok(()),
            Err(Failure::Lost(why)) => self.outcome(&why),
            Err(failure) => Err(failure.into_error()),
        };
        if outcome.is_ok() {
            self.reset();
        }
        outcome
    }

    fn outcome(&self, why: &str) -> Result<()> {
        let (transaction, number) = (self.turn.borrow().transaction.clone(), self.turn.borrow().log);
        for _ in 0..OUTCOME_TRIES {
            match self.was_committed(&transaction, number) {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) => return Err(Error::Unavailable),
                // Nobody is there yet, or the old session has not noticed yet.
                Ok(None) | Err(Error::Unavailable) => std::thread::sleep(OUTCOME_EVERY),
                // There is no such number yet: nothing of the transaction has outlived a crash.
                Err(_) => return Err(Error::Unavailable),
            }
        }
        tracing::error!(
            transaction,
            why,
            "what became of a commit is not known: the database did not come back in time"
        );
        Err(Error::Unavailable)
    }

    /// Whether a transaction was committed; nothing while it goes on. The mark is read behind the status, in a statement that
    /// sees whatever was committed by then.
    fn was_committed(&self, transaction: &str, number: i64) -> Result<Option<bool>> {
        self.reset();
        let mut status: Option<String> = None;
        self.each("select pg_xact_status(cast(?1 as xid8))", &[Value::Text(transaction)], &mut |row| {
            status = row.get(0)?;
            Ok(false)
        })?;
        match status.as_deref() {
            Some("committed") => {}
            Some("aborted") => return Ok(Some(false)),
            _ => return Ok(None),
        }
        self.reset();
        let mut marked = None;
        self.each(MARKED, &[Value::Text(&mark(self.mark))], &mut |row| {
            marked = Some(row.get(0)?);
            Ok(false)
        })?;
        Ok(Some(marked == Some(number)))
    }

    pub(super) fn rollback(&self) {
        if self.begun.get() && self.session.borrow().is_some() {
            *self.ahead.borrow_mut() = Ahead::default();
            if self.batch("rollback").is_err() {
                self.session.borrow_mut().take();
            }
        }
        self.reset();
    }

    pub(super) fn savepoint(&self, part: Part) {
        let mut ahead = self.ahead.borrow_mut();
        ahead.sql.push_str(part.begin());
        ahead.sql.push(';');
    }

    pub(super) fn release(&self, part: Part, stays: bool) -> Result<()> {
        if self.session.borrow().is_none() {
            return Err(Error::Unavailable);
        }
        if stays && self.failed.get() {
            return Err(Error::broken("a write went on after a statement of it had failed"));
        }
        self.failed.set(false);
        let mut ahead = self.ahead.borrow_mut();
        // What was not sent has not happened.
        ahead.later.clear();
        for sql in [(!stays).then(|| part.undo()), Some(part.end())].into_iter().flatten() {
            ahead.sql.push_str(sql);
            ahead.sql.push(';');
        }
        Ok(())
    }

    /// Runs `work` in a transaction that no other node's can be beside: for making tables.
    pub(crate) fn alone<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.reset();
        self.batch(&format!("begin; select pg_advisory_xact_lock({LOCKS}, {LOCK_TABLES});"))?;
        let done = work().and_then(|done| self.batch("commit").map(|()| done));
        if done.is_err() {
            self.rollback();
        }
        self.reset();
        done
    }

    /// Within `alone`: waits until nobody writes, and keeps everybody from it until the end.
    pub(crate) fn take_everything(&self) -> Result<()> {
        self.batch(&format!("select pg_advisory_xact_lock({LOCKS}, {LOCK_ALL});"))
    }

    /// Makes tables and indexes from the text that SQLite takes.
    pub(crate) fn define(&self, sql: &str) -> Result<()> {
        self.batch(&dialect::definition(sql))
    }
}
