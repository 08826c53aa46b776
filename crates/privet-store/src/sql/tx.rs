//! Statements on a connection, the same for both databases.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments, AssertSqlSafe, Column, Connection, Executor, Postgres, Row as _, Sqlite, SqliteConnection,
    TypeInfo, ValueRef,
};

use super::value::{FromRow, Row, Value, ValueKind};
use crate::Error;

/// Most values one statement binds: SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 32_000;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, inside this process.
    Sqlite,
    /// PostgreSQL, by connection.
    Postgres,
}

/// A transaction on either database. Statements use `$1`, `$2`, … for values, which both understand.
///
/// A statement that fails spoils the transaction: those behind it are refused, and nothing is committed. PostgreSQL
/// wants it so (and its `COMMIT` would roll back without a word); SQLite rolls back by itself when its disk is full, and
/// would run what follows without a transaction.
#[derive(Debug)]
pub struct Tx {
    link: Link,
    is_spoilt: bool,
    /// Longest wait for a statement; the server gives up before, unless it is gone.
    deadline: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum Link {
    /// The one connection that writes.
    SqliteWriter(SqliteConnection),
    SqliteReader(Pooled<Sqlite>),
    Postgres(Pooled<Postgres>),
}

/// A connection of a pool. If it is dropped in a transaction, as when its caller gives up, it is closed, so that no open
/// transaction goes back to the pool.
#[derive(Debug)]
pub(super) struct Pooled<D: sqlx::Database> {
    connection: PoolConnection<D>,
    is_open: bool,
}

impl<D: sqlx::Database> Pooled<D> {
    pub(super) const fn new(connection: PoolConnection<D>) -> Self {
        Self {
            connection,
            is_open: false,
        }
    }
}

impl<D: sqlx::Database> Drop for Pooled<D> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

/// What a transaction's work is: `|tx| Box::pin(async move { … })`.
pub type Work<'c, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>;

impl Tx {
    pub(super) const fn new(link: Link) -> Self {
        Self {
            link,
            is_spoilt: false,
            deadline: None,
        }
    }

    /// With a bound on how long a statement may take.
    pub(super) const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Which database this is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self.link {
            Link::SqliteWriter(_) | Link::SqliteReader(_) => Backend::Sqlite,
            Link::Postgres(_) => Backend::Postgres,
        }
    }

    /// Runs a statement. Returns how many rows it changed.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses, [`Error::Spoilt`] if it refused an earlier statement.
    pub async fn execute(&mut self, sql: impl Into<String> + Send, values: Vec<Value>) -> Result<u64, Error> {
        self.change(sql.into(), values).await
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses, [`Error::Spoilt`] if it refused an earlier statement,
    /// [`Error::UnexpectedValue`] if a row is not of `T`'s shape.
    pub async fn rows<T: FromRow>(
        &mut self,
        sql: impl Into<String> + Send,
        values: Vec<Value>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.fetch(sql.into(), values).await?;
        rows.into_iter().map(T::from_row).collect()
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn optional<T: FromRow>(
        &mut self,
        sql: impl Into<String> + Send,
        values: Vec<Value>,
    ) -> Result<Option<T>, Error> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The first row of a query that always has one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); [`Error::NoRow`] if there is none.
    pub async fn one<T: FromRow>(
        &mut self,
        sql: impl Into<String> + Send,
        values: Vec<Value>,
    ) -> Result<T, Error> {
        self.optional(sql, values).await?.ok_or(Error::NoRow)
    }

    /// Inserts `rows` with as few statements as the database allows: `head` is the statement up to `VALUES`, `tail` what
    /// follows. Returns how many rows were changed.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn insert_many(&mut self, head: &str, rows: Vec<Vec<Value>>, tail: &str) -> Result<u64, Error> {
        let width = rows.first().map_or(1, Vec::len).max(1);
        // Few different statements, so that all of them stay prepared.
        let most = (MOST_VALUES / width).clamp(1, 64);
        let mut changed = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<_> = rows.by_ref().take(most).collect();
            let sql = format!(
                "{head} VALUES {} {tail}",
                placeholders(self.backend(), chunk.len(), width)
            );
            changed += self.execute(sql, chunk.into_iter().flatten().collect()).await?;
        }
        Ok(changed)
    }

    /// Runs several statements without values, as those of a migration.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses one, [`Error::Spoilt`] if it refused one before.
    pub async fn script(&mut self, sql: impl Into<String> + Send) -> Result<(), Error> {
        self.several(sql.into()).await
    }

    /// [`execute`](Self::execute), boxed: the driver's future is large, and hundreds of callers would each hold it and
    /// have its code copied into theirs.
    fn change(&mut self, sql: String, values: Vec<Value>) -> Work<'_, u64, Error> {
        Box::pin(async move {
            self.check()?;
            let outcome = patiently(self.deadline, execute(&mut self.link, sql, values)).await;
            self.judge(outcome)
        })
    }

    /// [`rows`](Self::rows) before they are read; boxed for the same reason.
    fn fetch(&mut self, sql: String, values: Vec<Value>) -> Work<'_, Vec<Row>, Error> {
        Box::pin(async move {
            self.check()?;
            let outcome = patiently(self.deadline, fetch(&mut self.link, sql, values)).await;
            self.judge(outcome)
        })
    }

    /// [`script`](Self::script), boxed for the same reason.
    fn several(&mut self, sql: String) -> Work<'_, (), Error> {
        Box::pin(async move {
            self.check()?;
            let outcome = patiently(self.deadline, script(&mut self.link, sql)).await;
            self.judge(outcome)
        })
    }

    /// Whether a statement failed.
    pub(super) const fn is_spoilt(&self) -> bool {
        self.is_spoilt
    }

    /// After what failed was undone.
    pub(super) const fn mend(&mut self) {
        self.is_spoilt = false;
    }

    /// Runs one of the writer's own statements, which stay prepared, whatever failed before.
    pub(super) async fn control(&mut self, sql: &'static str) -> Result<(), Error> {
        execute(&mut self.link, sql.to_owned(), Vec::new())
            .await
            .map(|_| ())
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self, sql: &'static str) -> Result<(), Error> {
        self.mark(true);
        self.script(sql).await
    }

    /// Ends the transaction with `COMMIT` or `ROLLBACK`. Boxed, as [`change`](Self::change) is.
    pub(super) fn end(&mut self, sql: &'static str) -> Work<'_, (), Error> {
        Box::pin(async move {
            patiently(self.deadline, script(&mut self.link, sql.to_owned())).await?;
            self.mark(false);
            Ok(())
        })
    }

    const fn check(&self) -> Result<(), Error> {
        if self.is_spoilt {
            return Err(Error::Spoilt);
        }
        Ok(())
    }

    fn judge<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.is_spoilt = outcome.is_err();
        outcome
    }

    const fn mark(&mut self, is_open: bool) {
        match &mut self.link {
            Link::SqliteWriter(_) => {}
            Link::SqliteReader(link) => link.is_open = is_open,
            Link::Postgres(link) => link.is_open = is_open,
        }
    }

    /// The connection of the writer.
    pub(super) async fn close_writer(self) -> Result<(), sqlx::Error> {
        match self.link {
            Link::SqliteWriter(link) => link.close().await,
            Link::SqliteReader(_) | Link::Postgres(_) => Ok(()),
        }
    }
}

/// A server that is gone without a word does not hold its caller for ever.
async fn patiently<T>(
    deadline: Option<Duration>,
    statement: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    let Some(deadline) = deadline else {
        return statement.await;
    };
    tokio::time::timeout(deadline, statement)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()).into()))
}

async fn execute(link: &mut Link, sql: String, values: Vec<Value>) -> Result<u64, Error> {
    let sql = AssertSqlSafe(sql);
    Ok(match link {
        Link::SqliteWriter(link) => {
            let query = sqlx::query_with(sql, sqlite_arguments(values)?);
            query.execute(link).await?.rows_affected()
        }
        Link::SqliteReader(link) => {
            let query = sqlx::query_with(sql, sqlite_arguments(values)?);
            query.execute(&mut *link.connection).await?.rows_affected()
        }
        Link::Postgres(link) => {
            let query = sqlx::query_with(sql, postgres_arguments(values)?);
            query.execute(&mut *link.connection).await?.rows_affected()
        }
    })
}

async fn fetch(link: &mut Link, sql: String, values: Vec<Value>) -> Result<Vec<Row>, Error> {
    let sql = AssertSqlSafe(sql);
    match link {
        Link::SqliteWriter(link) => {
            let query = sqlx::query_with(sql, sqlite_arguments(values)?);
            query.fetch_all(link).await?.iter().map(read_sqlite).collect()
        }
        Link::SqliteReader(link) => {
            let query = sqlx::query_with(sql, sqlite_arguments(values)?);
            let rows = query.fetch_all(&mut *link.connection).await?;
            rows.iter().map(read_sqlite).collect()
        }
        Link::Postgres(link) => {
            let query = sqlx::query_with(sql, postgres_arguments(values)?);
            let rows = query.fetch_all(&mut *link.connection).await?;
            rows.iter().map(read_postgres).collect()
        }
    }
}

async fn script(link: &mut Link, sql: String) -> Result<(), Error> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    match link {
        Link::SqliteWriter(link) => link.execute(sql).await.map(|_| ())?,
        Link::SqliteReader(link) => link.connection.execute(sql).await.map(|_| ())?,
        Link::Postgres(link) => link.connection.execute(sql).await.map(|_| ())?,
    }
    Ok(())
}

/// `($1,$2),($3,$4)` for two rows of two; `(?,?),(?,?)` for SQLite, which goes through all numbers of a statement whenever it
/// is asked for one.
fn placeholders(backend: Backend, rows: usize, width: usize) -> String {
    let mut sql = String::with_capacity(rows * width * 6);
    let mut number = 0;
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            number += 1;
            if column > 0 {
                sql.push(',');
            }
            match backend {
                Backend::Sqlite => sql.push('?'),
                Backend::Postgres => {
                    sql.push('$');
                    sql.push_str(&number.to_string());
                }
            }
        }
        sql.push(')');
    }
    sql
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Null(_) => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Null(ValueKind::Int) => arguments.add(None::<i64>),
            Value::Null(ValueKind::Real) => arguments.add(None::<f64>),
            Value::Null(ValueKind::Text) => arguments.add(None::<String>),
            Value::Null(ValueKind::Bytes) => arguments.add(None::<Vec<u8>>),
            Value::Int(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// SQLite's columns have no type; its values have.
fn read_sqlite(row: &SqliteRow) -> Result<Row, Error> {
    let read = |index| -> Result<Value, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Value::Null(ValueKind::Int));
        }
        let info = value.type_info().into_owned();
        Ok(match info.name() {
            "INTEGER" | "BOOLEAN" => Value::Int(row.try_get_unchecked(index)?),
            "REAL" => Value::Real(row.try_get_unchecked(index)?),
            "TEXT" => Value::Text(row.try_get_unchecked(index)?),
            _ => Value::Bytes(row.try_get_unchecked(index)?),
        })
    };
    Ok(Row::new((0..row.len()).map(read).collect::<Result<_, _>>()?))
}

fn read_postgres(row: &PgRow) -> Result<Row, Error> {
    let read = |index: usize| -> Result<Value, sqlx::Error> {
        let name = row.column(index).type_info().name();
        Ok(match name {
            "INT8" => row
                .try_get::<Option<i64>, _>(index)?
                .map_or(Value::Null(ValueKind::Int), Value::Int),
            "INT4" => Value::from(row.try_get::<Option<i32>, _>(index)?.map(i64::from)),
            "INT2" => Value::from(row.try_get::<Option<i16>, _>(index)?.map(i64::from)),
            "BOOL" => Value::from(row.try_get::<Option<bool>, _>(index)?.map(i64::from)),
            "FLOAT8" => Value::from(row.try_get::<Option<f64>, _>(index)?),
            "BYTEA" => Value::from(row.try_get::<Option<Vec<u8>>, _>(index)?),
            // TEXT, VARCHAR, NAME; anything else is refused by the driver.
            _ => Value::from(row.try_get::<Option<String>, _>(index)?),
        })
    };
    Ok(Row::new((0..row.len()).map(read).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through_all_rows_where_they_must() {
        assert_eq!(placeholders(Backend::Postgres, 2, 2), "($1,$2),($3,$4)");
        assert_eq!(placeholders(Backend::Postgres, 1, 3), "($1,$2,$3)");
        assert_eq!(placeholders(Backend::Sqlite, 2, 2), "(?,?),(?,?)");
    }
}
