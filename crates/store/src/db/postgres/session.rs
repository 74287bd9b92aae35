//! One session with the server: statements that are prepared once, and rows on their way in and out.

use super::dialect;
use crate::db::STATEMENTS_MAX;
use crate::db::connection::Asked;
use crate::db::value::{Kept, Kind, Row, Value};
use crate::{Error, Result};
use bytes::BytesMut;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, RowStream, Statement};

/// Executions that are on their way at once.
const PIPELINED_MAX: usize = 256;

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The session is over: nothing that was not committed is there.
    Lost(String),
    /// The server refused the statement; the session goes on.
    Refused(tokio_postgres::Error),
    /// The caller's own error about a row.
    Row(Error),
}

impl Failure {
    pub(super) fn of(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else { return Self::Lost(error.to_string()) };
        // Shutting down, starting up, killed by an administrator or for idling, a standby that was the primary.
        let over = state.code().starts_with("57P")
            || state.code().starts_with("08")
            || *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            || *state == SqlState::READ_ONLY_SQL_TRANSACTION;
        if over { Self::Lost(told(&error)) } else { Self::Refused(error) }
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Lost(_) => Error::Unavailable,
            Self::Row(error) => error,
            Self::Refused(error) => {
                let class = error.code().map(|state| state.code().get(..2).unwrap_or_default().to_owned());
                match class.as_deref() {
                    // Nothing left of something, a conflict between transactions, a wait that was ended.
                    Some("53" | "40" | "55" | "57") => Error::Unavailable,
                    _ => Error::Broken(told(&error).into()),
                }
            }
        }
    }
}

/// The server's words, which the error's own display leaves out.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || match std::error::Error::source(error) {
            Some(source) => super::tls::told(error).unwrap_or_else(|| format!("{error}: {source}")),
            None => error.to_string(),
        },
        |told| format!("{} ({})", told.message(), told.code().code()),
    )
}

/// A statement that is known: its text here, and its plan there.
#[derive(Clone)]
struct Known {
    kinds: Vec<Kind>,
    text: std::sync::Arc<str>,
    statement: Option<Statement>,
}

/// What is sent in front of the next statement, on the same way.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Statements without parameters.
    pub(super) sql: String,
    /// Those with parameters behind them, of which nobody wants to know anything but that they did not fail.
    pub(super) later: Vec<Later>,
}

/// A statement that can wait for the next one.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) sql: Box<str>,
    pub(super) params: Vec<Kept>,
}

/// The same, ready to be sent.
struct Prepared<'a> {
    before: &'a str,
    later: Vec<(Known, Vec<Value<'a>>)>,
}

pub(super) struct Session {
    client: Client,
    named: bool,
    statements: RefCell<HashMap<Box<str>, Known>>,
}

impl Session {
    pub(super) fn new(client: Client, named: bool) -> Self {
        Self { client, named, statements: RefCell::default() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without parameters and rows.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        if sql.is_empty() {
            return Ok(());
        }
        self.client.batch_execute(sql).await.map_err(Failure::of)
    }

    /// The same, behind others on one way there and back.
    pub(super) async fn batch_behind(&self, ahead: &Ahead, sql: &str) -> Result<(), Failure> {
        if ahead.later.is_empty() {
            return self.batch(&format!("{}{sql}", ahead.sql)).await;
        }
        let prepared = self.prepared(ahead).await?;
        let (begun, done) = tokio::join!(biased; self.ahead(&prepared), self.batch(sql));
        begun?;
        done
    }

    async fn prepared<'a>(&self, ahead: &'a Ahead) -> Result<Prepared<'a>, Failure> {
        let (mut before, mut later) = (ahead.sql.as_str(), Vec::with_capacity(ahead.later.len()));
        for one in &ahead.later {
            let params: Vec<Value<'a>> = one.params.iter().map(Kept::lend).collect();
            let (rest, known) = self.known(before, &one.sql, &params).await?;
            before = rest;
            later.push((known, params));
        }
        Ok(Prepared { before, later })
    }

    /// Sends what goes ahead, in its order, and waits for the answers. What is polled behind it is sent behind it.
    async fn ahead(&self, prepared: &Prepared<'_>) -> Result<(), Failure> {
        let later = try_join_all(prepared.later.iter().map(|(known, params)| self.collect(known, params)));
        let (begun, done) = tokio::join!(biased; self.batch(prepared.before), later);
        begun?;
        done.map(|_| ())
    }

    /// Runs a statement behind others, on one way there and back; hands out rows until it is enough. Answers how
    /// many rows it changed.
    pub(super) async fn run(
        &self,
        ahead: &Ahead,
        sql: &str,
        params: &[Value<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<u64, Failure> {
        let mut prepared = self.prepared(ahead).await?;
        let (before, known) = self.known(prepared.before, sql, params).await?;
        prepared.before = before;
        let (begun, stream) = tokio::join!(biased; self.ahead(&prepared), self.start(&known, params));
        begun?;
        let mut stream = pin!(stream?);
        while let Some(found) = stream.try_next().await.map_err(Failure::of)? {
            if !row(&Row::Postgres(&found)).map_err(Failure::Row)? {
                return Ok(0);
            }
        }
        Ok(stream.rows_affected().unwrap_or(0))
    }

    /// Runs one statement once for each set of parameters, many at once on their way; hands out the rows of each, in
    /// their order. Answers how many rows each changed.
    pub(super) async fn many(
        &self,
        ahead: &Ahead,
        sql: &str,
        sets: &[&[Value<'_>]],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>, Failure> {
        let Some(first) = sets.first() else { return Ok(Vec::new()) };
        let mut prepared = self.prepared(ahead).await?;
        let (before, known) = self.known(prepared.before, sql, first).await?;
        prepared.before = before;
        let mut changed = Vec::with_capacity(sets.len());
        for some in sets.chunks(PIPELINED_MAX) {
            let all = try_join_all(some.iter().map(|params| self.collect(&known, params)));
            let (begun, answers) = tokio::join!(biased; self.ahead(&prepared), all);
            begun?;
            prepared = Prepared { before: "", later: Vec::new() };
            for (rows, count) in answers? {
                for found in &rows {
                    row(changed.len(), &Row::Postgres(found)).map_err(Failure::Row)?;
                }
                changed.push(usize::try_from(count).unwrap_or(usize::MAX));
            }
        }
        Ok(changed)
    }

    /// Runs statements that do not need each other's answers, at once on their way; hands out the rows of each, in their
    /// order. Answers how many rows each changed.
    pub(super) async fn several(
        &self,
        ahead: &Ahead,
        asked: &[Asked<'_>],
        row: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<Vec<usize>, Failure> {
        let mut prepared = self.prepared(ahead).await?;
        let mut known = Vec::with_capacity(asked.len());
        for (sql, params) in asked {
            let (before, one) = self.known(prepared.before, sql, params).await?;
            prepared.before = before;
            known.push(one);
        }
        let all = try_join_all(known.iter().zip(asked).map(|(known, (_, params))| self.collect(known, params)));
        let (begun, answers) = tokio::join!(biased; self.ahead(&prepared), all);
        begun?;
        let mut changed = Vec::with_capacity(asked.len());
        for (number, (rows, count)) in answers?.into_iter().enumerate() {
            for found in &rows {
                row(number, &Row::Postgres(found)).map_err(Failure::Row)?;
            }
            changed.push(usize::try_from(count).unwrap_or(usize::MAX));
        }
        Ok(changed)
    }

    /// Adds rows by the statement `copy … from stdin binary`.
    pub(super) async fn load(
        &self,
        before: &str,
        sql: &str,
        kinds: &[Kind],
        rows: &[Vec<Value<'_>>],
    ) -> Result<(), Failure> {
        self.batch(before).await?;
        let types: Vec<Type> = kinds.iter().map(|kind| dialect::kind(*kind)).collect();
        let sink = self.client.copy_in(sql).await.map_err(Failure::of)?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        for row in rows {
            writer
                .as_mut()
                .write_raw(row.iter().map(|value| value as &(dyn ToSql + Sync)))
                .await
                .map_err(Failure::of)?;
        }
        writer.finish().await.map(|_| ()).map_err(Failure::of)
    }

    async fn collect(&self, known: &Known, params: &[Value<'_>]) -> Result<(Vec<tokio_postgres::Row>, u64), Failure> {
        let mut stream = pin!(self.start(known, params).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await.map_err(Failure::of)? {
            rows.push(row);
        }
        Ok((rows, stream.rows_affected().unwrap_or(0)))
    }

    async fn start(&self, known: &Known, params: &[Value<'_>]) -> Result<RowStream, Failure> {
        let stream = match &known.statement {
            Some(statement) => {
                let params = params.iter().map(|value| value as &(dyn ToSql + Sync));
                self.client.query_raw(statement, params).await
            }
            None => {
                let params = params
                    .iter()
                    .zip(&known.kinds)
                    .map(|(value, kind)| (value as &(dyn ToSql + Sync), dialect::kind(*kind)));
                self.client.query_typed_raw(&known.text, params).await
            }
        };
        stream.map_err(Failure::of)
    }

    /// The statement, prepared; what has to run before it goes along when it has to be prepared first, and is
    /// handed back when it has not.
    async fn known<'b>(&self, before: &'b str, sql: &str, params: &[Value<'_>]) -> Result<(&'b str, Known), Failure> {
        let fits = |known: &&Known| {
            known.kinds.len() == params.len()
                && known.kinds.iter().zip(params).all(|(kind, value)| *kind == kind_of(value))
        };
        if let Some(known) = self.statements.borrow().get(sql).filter(fits) {
            return Ok((before, known.clone()));
        }
        let text = dialect::query(sql);
        let kinds: Vec<Kind> = params.iter().map(kind_of).collect();
        let (mut rest, mut statement) = (before, None);
        if self.named {
            let types: Vec<Type> = kinds.iter().map(|kind| dialect::kind(*kind)).collect();
            let (begun, prepared) = tokio::join!(biased; self.batch(before), self.client.prepare_typed(&text, &types));
            begun?;
            rest = "";
            statement = Some(prepared.map_err(Failure::of)?);
        }
        let known = Known { kinds, text: text.into(), statement };
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS_MAX {
            // Shapes of filters, mostly; what is in use comes back.
            statements.clear();
        }
        statements.insert(sql.into(), known.clone());
        Ok((rest, known))
    }
}

fn kind_of(value: &Value<'_>) -> Kind {
    match value {
        Value::Null(kind) => *kind,
        Value::Int(_) => Kind::Int,
        Value::Text(_) => Kind::Text,
        Value::Bytes(_) => Kind::Bytes,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null(_) => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            // The one character that a text of PostgreSQL cannot hold. It is exchanged in what is stored and in what
            // is asked for alike; documents are bytes and keep it.
            Self::Text(text) => {
                let text =
                    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { Cow::Borrowed(*text) };
                text.as_ref().to_sql(ty, out)
            }
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

/// A cell as it comes.
struct Cell<'a>(Value<'a>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Int(bool::from_sql(ty, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::BYTEA => Value::Bytes(raw),
            _ => Value::Text(<&str>::from_sql(ty, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Value::Null(Kind::Text)))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::BOOL | Type::INT4 | Type::INT8 | Type::BYTEA | Type::TEXT | Type::VARCHAR | Type::NAME)
    }
}

pub(in crate::db) fn cell(row: &tokio_postgres::Row, index: usize) -> Result<Value<'_>> {
    row.try_get::<_, Cell<'_>>(index).map(|cell| cell.0).map_err(|error| Error::Broken(Box::new(error)))
}
