//! Which schema a database has, and who works on it: looked at, and nothing changed.

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::location::Location;
use super::migrate::{FOUND, Found, Schema};
use super::postgres;
use super::sqlite::PATIENCE;
use super::tx::{Backend, Link, Pooled, Tx};
use crate::{Error, values};

/// The schema of a database, beside what this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// What the database is, in words.
    pub name: &'static str,
    /// Its version; none where there is no database yet.
    pub found: Option<i64>,
    /// The version that a program must know to work on it.
    pub oldest: Option<i64>,
    /// The newest version this program knows.
    pub known: i64,
    /// The version that a program must know to go on once this one has brought the schema up to date.
    pub needed: i64,
    /// Programs that are connected, by the newest version that each knows, and with how many connections; none for those that do
    /// not say which. Empty on SQLite, which does not know.
    pub connected: Vec<(Option<i64>, i64)>,
}

/// What is to be done about a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is no database yet; whoever opens it first makes it.
    Absent,
    /// It is the one that this program knows.
    Current,
    /// It is older; whoever opens it with this program brings it up to date, and those at work on it go on.
    Older,
    /// It is older, and so are programs at work on it that could not go on.
    OlderInUse,
    /// It is newer, and this program may work on it.
    Newer,
    /// It is newer, and this program may not work on it.
    TooNew,
}

impl SchemaStatus {
    /// What is to be done.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let Some(found) = self.found else {
            return Standing::Absent;
        };
        let oldest = self.oldest.unwrap_or(found);
        if found > self.known {
            return if oldest > self.known {
                Standing::TooNew
            } else {
                Standing::Newer
            };
        }
        if found == self.known {
            return Standing::Current;
        }
        let is_shut_out = |(knows, _): &(Option<i64>, i64)| knows.unwrap_or(0) < self.needed;
        if self.needed > oldest && self.connected.iter().any(is_shut_out) {
            Standing::OlderInUse
        } else {
            Standing::Older
        }
    }
}

/// Looks at the database at `location`, and leaves it as it is.
///
/// # Errors
/// [`Error::Unreachable`] if it does not answer, [`Error::Database`] if it cannot be read.
pub(crate) async fn schema_status(location: &Location, schema: &Schema) -> Result<SchemaStatus, Error> {
    let mut status = SchemaStatus {
        name: schema.name,
        found: None,
        oldest: None,
        known: 0,
        needed: 0,
        connected: Vec::new(),
    };
    let mut tx = match location {
        Location::Sqlite(path) => {
            status.known = schema.newest(Backend::Sqlite);
            status.needed = schema.oldest(status.known);
            if !path.exists() {
                return Ok(status);
            }
            let options = SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(PATIENCE)
                .pragma("query_only", "ON")
                .disable_statement_logging();
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options);
            Tx::new(Link::SqliteReader(Pooled::new(pool.acquire().await?)))
        }
        Location::Postgres(url) => {
            status.known = schema.newest(Backend::Postgres);
            status.needed = schema.oldest(status.known);
            postgres::look(url).await?
        }
    };
    if let Some(found) = found(&mut tx).await? {
        (status.found, status.oldest) = (Some(found.version), Some(found.oldest));
    }
    if tx.backend() == Backend::Postgres {
        status.connected = tx
            .rows(
                "SELECT knows, COUNT(*) FROM (SELECT substring(application_name FROM '^privet/([0-9]{1,9})$')::bigint AS knows \
                 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND application_name LIKE 'privet%') AS programs GROUP BY knows ORDER BY knows NULLS FIRST",
                values![],
            )
            .await?;
    }
    Ok(status)
}

/// What is there, of whatever version it is.
async fn found(tx: &mut Tx) -> Result<Option<Found>, Error> {
    let columns = match tx.backend() {
        Backend::Sqlite => "SELECT name FROM pragma_table_info('schema_version')",
        Backend::Postgres => {
            "SELECT attname::text FROM pg_attribute \
             WHERE attrelid = to_regclass('schema_version') AND attnum > 0 AND NOT attisdropped"
        }
    };
    let columns: Vec<String> = tx.rows(columns, values![]).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let sql = if columns.iter().any(|column| column == "oldest") {
        FOUND
    } else {
        "SELECT version, version FROM schema_version ORDER BY version DESC LIMIT 1"
    };
    let found: Option<(i64, i64)> = tx.optional(sql, values![]).await?;
    Ok(found.map(|(version, oldest)| Found { version, oldest }))
}
