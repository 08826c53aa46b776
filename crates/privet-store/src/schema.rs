//! The store's schema, in numbered steps. Own list instead of `sqlx`'s: that one brings its macro crates into the
//! build for what is a loop here.

use std::path::Path;

use sqlx::SqliteConnection;

use crate::Error;

/// Step *n* (from 1) takes the schema from version *n* − 1 to *n*. A released step is never changed.
const STEPS: &[&str] = &[
    include_str!("schema/0001_keys_and_audit.sql"),
    include_str!("schema/0002_log.sql"),
];

/// Brings the schema up to date, all steps in the caller's write transaction.
pub(crate) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), Error> {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)")
        .execute(&mut *connection)
        .await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .fetch_one(&mut *connection)
        .await?;
    if found == 0 {
        let foreign = "SELECT COUNT(*) FROM sqlite_master WHERE tbl_name <> 'schema_version'";
        let foreign: i64 = sqlx::query_scalar(foreign).fetch_one(&mut *connection).await?;
        if foreign > 0 {
            return Err(Error::NotAStore {
                path: path.to_owned(),
            });
        }
    }
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Error::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (version, step) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > found) {
        sqlx::raw_sql(*step).execute(&mut *connection).await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
