//! Opening a PostgreSQL database: schema by its owner, work by a role that owns nothing.

use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Postgres};

use super::database::Scope;
use super::location::{Location, PostgresUrl};
use super::migrate::{self, FOUND, Found, Schema};
use super::tls;
use super::tx::{Backend, Link, Pooled, Tx, Work};
use super::value::Row;
use crate::{Error, values};

/// The role that works: no login, owns nothing, bound by row-level security.
const ROLE: &str = "privet_app";

/// What the server knows connections by.
const PROGRAM: &str = "privet";

/// Connections of a node.
const CONNECTIONS: u32 = 16;

/// Connections to a database that is not ours.
const ATTACHED: u32 = 2;

/// Longest wait for a connection, and for the first answer on one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait of a step of the schema for what others have locked: whoever comes after it waits as long.
const STEP_PATIENCE: &str = "2s";

/// Longest wait for the answer to a step of the schema.
const LONGEST_STEP: Duration = Duration::from_secs(3_600);

/// Held while the schema is brought up to date, so that nodes which start together do it one after the other: a number
/// nobody else uses, "privet" in ASCII.
const MIGRATION_LOCK: i64 = 0x0070_7269_7665_7400;

/// Longest wait for the answer to a statement; the server's own bound (`statement_timeout`) is lower.
const LONGEST_STATEMENT: Duration = Duration::from_secs(65);

/// Longest wait for a server that was down a moment ago.
const PROBE: Duration = Duration::from_secs(1);

/// Attempts to bring the schema up to date beside other databases of the same server that do the same: roles are shared.
const ATTEMPTS: u32 = 8;

/// A database on a server.
pub(super) struct Server {
    pool: PgPool,
    options: PgConnectOptions,
    /// The newest schema that this program knows, and what to call the database; none for one that is not ours.
    known: Option<(i64, String)>,
    /// Since the last connection that failed. Who needs a new one then asks first whether there is a server, instead of
    /// waiting for one to come.
    is_down: AtomicBool,
}

/// The database of `url`, its schema up to date.
pub(super) async fn open(url: &PostgresUrl, schema: &Schema, location: &Location) -> Result<Server, Error> {
    let known = schema.newest(Backend::Postgres);
    // By its name others see which schema it knows.
    let name = format!("{PROGRAM}/{known}");
    let options = options(url.url.expose())?.application_name(&name);
    let owner = url.owner.as_ref().unwrap_or(&url.url);
    let owner = self::options(owner.expose())?.application_name(&name);
    // The pool would try again until its patience ends, and not tell why.
    probe(&owner, PATIENCE).await?.close().await?;
    let migrating = single(owner);
    let worker = options.get_username();
    let mut attempt = 1;
    while let Err(error) = update(&migrating, schema, location, worker).await {
        if attempt == ATTEMPTS || !is_race(&error) {
            migrating.close().await;
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(20) * attempt).await;
        attempt += 1;
    }
    migrating.close().await;

    let mut first = probe(&options, PATIENCE).await?;
    prepare(&mut first).await?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(prepare(connection)))
        .connect_lazy_with(options.clone());
    let server = Server {
        pool,
        options,
        known: Some((known, location.to_string())),
        is_down: AtomicBool::new(false),
    };
    let mut tx = connect(&server.pool).await?;
    migrate::check(&mut tx, schema, location).await?;
    refuse_power(&mut tx, location).await?;
    Ok(server)
}

/// Another try may succeed. Two databases of one server changed the same role at once: duplicate role, unique violation, and "tuple
/// concurrently updated", which has no code of its own; or somebody held a table for longer than a step waits.
fn is_race(error: &Error) -> bool {
    let Error::Database(sqlx::Error::Database(error)) = error else {
        return false;
    };
    matches!(
        error.code().as_deref(),
        Some("42710" | "23505" | "40P01" | "XX000" | "55P03")
    )
}

impl Server {
    /// Opens a transaction that sees the rows of `scope` only. Connections that died in the pool, as all do when the server
    /// restarts, are passed over: nothing was asked of them yet. Where one does not answer, as when the server hangs or the network
    /// loses what is sent, the others are thrown away: each of them would be waited for as long. Boxed, as statements are.
    pub(super) fn begin<'c>(&'c self, scope: &'c Scope, begin: &'static str) -> Work<'c, Tx, Error> {
        Box::pin(async move {
            for _ in 0..CONNECTIONS {
                let Some(connection) = self.pool.try_acquire() else {
                    break;
                };
                match self.begin_on(connection, scope, begin).await {
                    Err(error) if is_silence(&error) => {
                        self.is_down.store(true, Ordering::Relaxed);
                        self.forget_connections();
                        break;
                    }
                    Err(Error::Unreachable(_)) => self.is_down.store(true, Ordering::Relaxed),
                    done => return done,
                }
            }
            if self.is_down.load(Ordering::Relaxed) {
                probe(&self.options, PROBE).await?.close().await?;
                self.is_down.store(false, Ordering::Relaxed);
            }
            let began = match self.pool.acquire().await {
                Ok(connection) => self.begin_on(connection, scope, begin).await,
                Err(error) => Err(error.into()),
            };
            if matches!(began, Err(Error::Unreachable(_))) {
                self.is_down.store(true, Ordering::Relaxed);
            }
            began
        })
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins, if the schema still is one that this program may work on. What the schema is stays so until the end: a step that
    /// shuts this program out waits for that.
    async fn begin_on(
        &self,
        connection: PoolConnection<Postgres>,
        scope: &Scope,
        begin: &'static str,
    ) -> Result<Tx, Error> {
        let mut tx = Tx::new(Link::Postgres(Pooled::new(connection))).within(PATIENCE);
        tx.begin(begin).await?;
        let (name, set) = (
            "SELECT set_config('privet.tenant', $1, true)",
            values![scope.setting()],
        );
        match &self.known {
            None => drop(tx.rows::<Row>(name, set).await?),
            Some((known, location)) => {
                let sql = format!("{name}, found.* FROM ({FOUND}) AS found");
                let (_, version, oldest): (String, i64, i64) = tx.one(sql, set).await?;
                Found { version, oldest }.check(*known, location)?;
            }
        }
        Ok(tx.within(LONGEST_STATEMENT))
    }

    /// Closes the connections that nobody uses, without a word to the server.
    fn forget_connections(&self) {
        for _ in 0..CONNECTIONS {
            match self.pool.try_acquire() {
                Some(connection) => drop(connection.detach()),
                None => return,
            }
        }
    }
}

/// Whether no answer came in time.
fn is_silence(error: &Error) -> bool {
    matches!(error, Error::Unreachable(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

/// A connection of its own, to see whether there is a server.
async fn probe(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, Error> {
    Ok(
        tokio::time::timeout(patience, PgConnection::connect_with(options))
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))?,
    )
}

/// A connection to look at the database of `url`, whoever made it what it is.
pub(super) async fn look(url: &PostgresUrl) -> Result<Tx, Error> {
    // Not a name by which programs at work are counted.
    let options = options(url.url.expose())?.application_name("look at privet");
    // The pool would try again until its patience ends, and not tell why.
    probe(&options, PATIENCE).await?.close().await?;
    Ok(connect(&single(options)).await?.within(PATIENCE))
}

/// A pool of connections to somebody else's database.
pub(super) fn attach(url: &PostgresUrl) -> Result<Server, Error> {
    let options = options(url.url.expose())?;
    let pool = PgPoolOptions::new()
        .max_connections(ATTACHED)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone());
    Ok(Server {
        pool,
        options,
        known: None,
        is_down: AtomicBool::new(false),
    })
}

fn options(url: &str) -> Result<PgConnectOptions, Error> {
    let options = tls::secured(PgConnectOptions::from_str(url).map_err(|_| Error::BadLocation)?);
    tls::check_files(&options)?;
    Ok(options.application_name(PROGRAM).disable_statement_logging())
}

fn single(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options)
}

/// As the owner: makes the role, the tables, and says what the role may do.
async fn update(pool: &PgPool, schema: &Schema, location: &Location, worker: &str) -> Result<(), Error> {
    let mut tx = connect(pool).await?.within(LONGEST_STEP);
    tx.begin("BEGIN").await?;
    tx.rows::<Row>("SELECT pg_advisory_xact_lock($1)::text", values![MIGRATION_LOCK])
        .await?;
    // A step that waits for a table keeps everybody from it who comes after.
    tx.script(format!("SET LOCAL lock_timeout TO '{STEP_PATIENCE}'"))
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
        tx.script(format!(
            "CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        ))
        .await?;
    }
    let found = migrate::migrate(&mut tx, schema, location).await?;
    if found.version > schema.newest(Backend::Postgres) {
        // What a newer program gave and took is its own to know.
        return tx.end("COMMIT").await;
    }
    // Rights of tables that a later step adds are given again, which is no error. A temporary table could stand before a
    // real one; databases made before PostgreSQL 15 let everybody make tables. Who may not revoke gets a warning, and
    // `refuse_power` sees.
    tx.script(format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {ROLE}; \
         DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, {ROLE}', current_database()); \
         END $$; \
         GRANT USAGE ON SCHEMA public TO {ROLE}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}; \
         GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}; \
         REVOKE INSERT, UPDATE, DELETE ON schema_version FROM {ROLE}"
    ))
    .await?;
    // Roles belong to the whole server; not touching them where nothing is to do keeps nodes out of each other's way.
    let members: i64 = tx
        .one(
            "SELECT COUNT(*) FROM pg_auth_members m WHERE m.roleid = $1::text::regrole AND m.member = quote_ident($2)::regrole",
            values![ROLE, worker],
        )
        .await?;
    if members == 0 {
        let worker = worker.replace('"', "\"\"");
        tx.script(format!("GRANT {ROLE} TO \"{worker}\"")).await?;
    }
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
    let may_create: i64 = tx
        .one(
            "SELECT (has_schema_privilege('public', 'CREATE') OR has_database_privilege(current_database(), 'CREATE') \
             OR has_database_privilege(current_database(), 'TEMPORARY'))::int",
            values![],
        )
        .await?;
    if power + owned + may_create > 0 {
        return Err(Error::TooPowerful {
            store: location.to_string(),
        });
    }
    Ok(())
}

async fn connect(pool: &PgPool) -> Result<Tx, Error> {
    Ok(Tx::new(Link::Postgres(Pooled::new(pool.acquire().await?))))
}
