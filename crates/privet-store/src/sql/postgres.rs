//! Opening a PostgreSQL database: schema by its owner, work by a role that owns nothing.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::database::Scope;
use super::location::{Location, PostgresUrl};
use super::migrate::{self, Schema};
use super::tx::{Link, Pooled, Tx};
use super::value::Row;
use crate::{Error, values};

/// The role that works: no login, owns nothing, bound by row-level security.
const ROLE: &str = "privet_app";

/// Connections of a node.
const CONNECTIONS: u32 = 16;

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Held while the schema is brought up to date, so that nodes which start together do it one after the other: a number
/// nobody else uses, "privet" in ASCII.
const MIGRATION_LOCK: i64 = 0x0070_7269_7665_7400;

/// A pool of connections to the database of `url`, its schema up to date.
pub(super) async fn open(url: &PostgresUrl, schema: &Schema, location: &Location) -> Result<PgPool, Error> {
    let owner = url.owner.as_ref().unwrap_or(&url.url);
    let owner = options(owner.expose())?;
    let migrating = single(owner);
    update(&migrating, schema, location, &url.worker()?).await?;
    migrating.close().await;

    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(prepare(connection)))
        .connect_lazy_with(options(url.url.expose())?);
    let mut tx = connect(&pool).await?;
    migrate::check(&mut tx, schema, location).await?;
    refuse_power(&mut tx, location).await?;
    Ok(pool)
}

impl PostgresUrl {
    /// The user that works.
    fn worker(&self) -> Result<String, Error> {
        Ok(options(self.url.expose())?.get_username().to_owned())
    }
}

fn options(url: &str) -> Result<PgConnectOptions, Error> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(|_| Error::BadLocation)?
        .application_name("privet")
        .disable_statement_logging())
}

fn single(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options)
}

/// As the owner: makes the role, the tables, and says what the role may do.
async fn update(pool: &PgPool, schema: &Schema, location: &Location, worker: &str) -> Result<(), Error> {
    let mut tx = connect(pool).await?;
    tx.begin("BEGIN").await?;
    tx.rows::<Row>("SELECT pg_advisory_xact_lock($1)::text", values![MIGRATION_LOCK])
        .await?;
    let version: i64 = tx
        .one("SELECT current_setting('server_version_num')::bigint", values![])
        .await?;
    if version < 150_000 {
        return Err(Error::OldPostgres { version });
    }
    let roles: i64 = tx
        .one("SELECT COUNT(*) FROM pg_roles WHERE rolname = $1", values![ROLE])
        .await?;
    if roles == 0 {
        tx.script(format!("CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS"))
            .await?;
    }
    migrate::migrate(&mut tx, schema, location).await?;
    // Rights of tables that a later step adds are given again, which is no error.
    tx.script(format!(
        "GRANT USAGE ON SCHEMA public TO {ROLE}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}; \
         REVOKE INSERT, UPDATE, DELETE ON schema_version FROM {ROLE}"
    ))
    .await?;
    let worker = worker.replace('"', "\"\"");
    tx.script(format!("GRANT {ROLE} TO \"{worker}\"")).await?;
    tx.end("COMMIT").await
}

/// As the owner: frees what dead rows take. A table that is busy for long is left for the next time.
pub(super) async fn vacuum(url: &PostgresUrl, small: &[&str], large: &[&str]) -> Result<(), Error> {
    let owner = options(url.owner.as_ref().unwrap_or(&url.url).expose())?;
    let mut connection = PgConnection::connect_with(&owner).await?;
    connection
        .execute(sqlx::raw_sql(
            "SET client_min_messages TO error; SET lock_timeout TO '2s'; SET statement_timeout TO '10min'",
        ))
        .await?;
    let statements = small
        .iter()
        .map(|table| format!("VACUUM (FULL) {table}"))
        .chain(large.iter().map(|table| format!("VACUUM {table}")));
    for statement in statements {
        if let Err(error) = connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await {
            tracing::warn!(error = %error, "dead rows could not be freed; the next sweep tries again");
        }
    }
    connection.close().await?;
    Ok(())
}

/// Each connection works as the role that owns nothing.
async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(format!(
            "SET ROLE {ROLE}; SET client_min_messages TO warning; SET statement_timeout TO '60s'; \
             SET lock_timeout TO '5s'; SET idle_in_transaction_session_timeout TO '60s'; \
             SET synchronous_commit TO on"
        ))))
        .await
        .map(|_| ())
}

/// Row-level security binds neither superusers nor roles that may bypass it.
async fn refuse_power(tx: &mut Tx, location: &Location) -> Result<(), Error> {
    let power: i64 = tx
        .one(
            "SELECT COUNT(*) FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)",
            values![],
        )
        .await?;
    let owned: i64 = tx
        .one(
            "SELECT COUNT(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner \
             WHERE c.relnamespace = current_schema()::regnamespace AND r.rolname = current_user",
            values![],
        )
        .await?;
    if power + owned > 0 {
        return Err(Error::TooPowerful {
            store: location.to_string(),
        });
    }
    Ok(())
}

/// Opens a transaction that sees the rows of `scope` only.
pub(super) async fn begin(pool: &PgPool, scope: &Scope, begin: &'static str) -> Result<Tx, Error> {
    let mut tx = connect(pool).await?;
    tx.begin(begin).await?;
    tx.rows::<Row>(
        "SELECT set_config('privet.tenant', $1, true)",
        values![scope.setting()],
    )
    .await?;
    Ok(tx)
}

async fn connect(pool: &PgPool) -> Result<Tx, Error> {
    Ok(Tx::new(Link::Postgres(Pooled::new(pool.acquire().await?))))
}
