//! Values that go to a database and come back from one, the same for both.

use std::fmt;

use crate::Error;

/// A value of a column. `Debug` shows its kind, never the value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `NULL` where a value of this kind may stand; PostgreSQL wants to know.
    Null(ValueKind),
    /// `BIGINT`.
    Int(i64),
    /// `DOUBLE PRECISION`.
    Real(f64),
    /// `TEXT`.
    Text(String),
    /// `BLOB` of SQLite, `BYTEA` of PostgreSQL.
    Bytes(Vec<u8>),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Real,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Bytes,
}

/// The values of a statement: `values![tenant, id, at]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        ::std::vec![$($crate::Value::from($value)),*]
    };
}

/// A row as it came from the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<Value>);

/// What a column can be read as.
pub trait FromValue: Sized {
    /// What `NULL` is written as.
    const KIND: ValueKind;

    /// The value; `None` if it is of another kind.
    fn from_value(value: Value) -> Option<Self>;
}

/// What a row can be read as: one value, or a tuple of them in the order of the columns.
pub trait FromRow: Sized {
    /// Reads `row`.
    ///
    /// # Errors
    /// [`Error::UnexpectedValue`] if a column is missing or of another kind.
    fn from_row(row: Row) -> Result<Self, Error>;
}

impl Value {
    /// What it is, `NULL` or not.
    #[must_use]
    pub const fn kind(&self) -> ValueKind {
        match self {
            Self::Null(kind) => *kind,
            Self::Int(_) => ValueKind::Int,
            Self::Real(_) => ValueKind::Real,
            Self::Text(_) => ValueKind::Text,
            Self::Bytes(_) => ValueKind::Bytes,
        }
    }
}

impl Row {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// Its values, in the order of the columns.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }
}

impl From<Vec<Value>> for Row {
    fn from(values: Vec<Value>) -> Self {
        Self(values)
    }
}

impl FromRow for Row {
    fn from_row(row: Row) -> Result<Self, Error> {
        Ok(row)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null(_) => f.write_str("NULL"),
            other => write!(f, "{:?}", other.kind()),
        }
    }
}

macro_rules! value_type {
    ($type:ty, $kind:ident) => {
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$kind(value)
            }
        }

        impl FromValue for $type {
            const KIND: ValueKind = ValueKind::$kind;

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$kind(value) => Some(value),
                    _ => None,
                }
            }
        }

        impl FromRow for $type {
            fn from_row(row: Row) -> Result<Self, Error> {
                <($type,)>::from_row(row).map(|(value,)| value)
            }
        }
    };
}

value_type!(i64, Int);
value_type!(f64, Real);
value_type!(String, Text);
value_type!(Vec<u8>, Bytes);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<T: FromValue> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null(T::KIND), Self::from)
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::Null(ValueKind::Text), Self::from)
    }
}

impl FromValue for bool {
    const KIND: ValueKind = ValueKind::Int;

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(value) => Some(value != 0),
            _ => None,
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    const KIND: ValueKind = ValueKind::Bytes;

    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value)?.try_into().ok()
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const KIND: ValueKind = T::KIND;

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null(_) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromRow for Option<T> {
    fn from_row(row: Row) -> Result<Self, Error> {
        <(Self,)>::from_row(row).map(|(value,)| value)
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(row: Row) -> Result<Self, Error> {
                let mut values = row.0.into_iter().zip(0_usize..);
                Ok(($(
                    {
                        let (value, column) = values.next().ok_or(Error::UnexpectedValue { column: usize::MAX })?;
                        $name::from_value(value).ok_or(Error::UnexpectedValue { column })?
                    },
                )+))
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
tuples!(A B C D E F G H I J K L M);
tuples!(A B C D E F G H I J K L M N);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_by_the_order_of_its_columns() {
        let row = Row::new(values![7_i64, "seven", None::<i64>, b"\x07".as_slice()]);
        let (number, text, nothing, bytes): (i64, String, Option<i64>, Vec<u8>) =
            FromRow::from_row(row).unwrap();
        assert_eq!(
            (number, text.as_str(), nothing, bytes),
            (7, "seven", None, vec![7])
        );
    }

    #[test]
    fn a_column_of_another_kind_is_named() {
        let read = <(i64, i64)>::from_row(Row::new(values![1_i64, "one"])).unwrap_err();
        assert!(matches!(read, Error::UnexpectedValue { column: 1 }), "{read}");
        assert!(<(i64, i64)>::from_row(Row::new(values![1_i64])).is_err());
    }

    #[test]
    fn values_do_not_print_themselves() {
        assert_eq!(format!("{:?}", values!["Ann", None::<i64>]), "[Text, NULL]");
    }
}
