//! Values on their way into a statement and out of a row: the types that both databases have.

use crate::{Error, Result};

/// A type of column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A parameter, or a cell of a row, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Nothing, where there could be something of this kind: PostgreSQL wants to know of which.
    Null(Kind),
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A parameter that outlives whoever gave it.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Null(Kind),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Kept {
    pub(crate) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null(kind) => Self::Null(kind),
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }

    pub(crate) fn lend(&self) -> Value<'_> {
        match self {
            Self::Null(kind) => Value::Null(*kind),
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// A parameter that was made while a statement was put together.
#[derive(Clone, Debug)]
pub(crate) enum Sql {
    Int(i64),
    Text(String),
}

impl From<i64> for Sql {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Sql {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// What can be a parameter.
pub(crate) trait ToValue {
    /// Its kind, also where there is nothing.
    const KIND: Kind;
    /// It as a parameter.
    fn value(&self) -> Value<'_>;
}

/// Numbers that an `i64` holds.
macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl ToValue for $number {
            const KIND: Kind = Kind::Int;
            fn value(&self) -> Value<'_> {
                Value::Int(i64::from(*self))
            }
        }
    )*};
}
numbers!(i64, u32, u16, bool);

impl ToValue for str {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for [u8] {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const KIND: Kind = T::KIND;
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    const KIND: Kind = T::KIND;
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null(T::KIND), T::value)
    }
}

/// The parameters of one execution, `?1` first.
pub(crate) trait Params {
    /// Lends them to what runs the statement.
    fn lend<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T;
}

impl Params for () {
    fn lend<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(&[])
    }
}

impl<V: ToValue, const N: usize> Params for [V; N] {
    fn lend<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(&self.each_ref().map(ToValue::value))
    }
}

impl Params for &[Value<'_>] {
    fn lend<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(self)
    }
}

impl Params for &[Sql] {
    fn lend<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        let values: Vec<Value<'_>> = self
            .iter()
            .map(|value| match value {
                Sql::Int(number) => Value::Int(*number),
                Sql::Text(text) => Value::Text(text),
            })
            .collect();
        run(&values)
    }
}

/// Tuples of parameters of several types.
macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {$(
        impl<$($name: ToValue),+> Params for ($($name,)+) {
            fn lend<Answer>(&self, run: impl FnOnce(&[Value<'_>]) -> Answer) -> Answer {
                run(&[$(self.$index.value()),+])
            }
        }
    )*};
}
tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8)
}

/// Parameters of several types where they are too many for a tuple.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::ToValue::value(&$value)),*][..] };
}
pub(crate) use params;

/// What a cell can be read as.
pub(crate) trait FromValue: Sized {
    /// Nothing if the cell holds something else.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Int(number) = value { Some(number) } else { None }
    }
}

impl FromValue for u16 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u32 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.to_owned()) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes.to_vec()) } else { None }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { bytes.try_into().ok() } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Null(_) = value { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// A row of either database.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// The cell at this place, counted from 0.
    pub(crate) fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        let value = match self {
            Self::Sqlite(row) => super::sqlite::cell(row, index)?,
            Self::Postgres(row) => super::postgres::cell(row, index)?,
        };
        T::from_value(value).ok_or_else(|| Error::broken(format!("column {index} of a row holds another type")))
    }
}
