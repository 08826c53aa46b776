//! Stores of every older version, with rows, brought up to date; and both databases with the same tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use privet_store::{Location, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::log::{checked, numbers, sequencer};
use crate::postgres::TestDatabase;
use crate::support::{House, event, root_key};

/// Tables that one database has alone, with the reason.
const ONE_SIDED: &[(&str, &str)] = &[(
    "log_queue",
    "PostgreSQL's ids can become visible out of order; on SQLite the last id is enough",
)];

/// The steps of a dialect, in order.
fn steps(dialect: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/schema")
        .join(dialect);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// The statements that make a store of `version` with rows of that time.
fn old_store(dialect: &str, version: usize) -> Vec<String> {
    let mut statements = vec!["CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)".to_owned()];
    for (step, number) in steps(dialect).into_iter().zip(1..=version) {
        statements.push(step);
        statements.push(format!("INSERT INTO schema_version (version) VALUES ({number})"));
    }
    for seq in 1..=5_u64 {
        let payload = serde_json::to_string(&event(seq)).unwrap();
        // From version 3 on the log numbers what happens in the store.
        let own = if version < 3 {
            seq.to_string()
        } else {
            "NULL".to_owned()
        };
        for (node, seq) in [("n", seq.to_string()), ("store", own)] {
            statements.push(format!(
                "INSERT INTO audit_events (node, seq, at, payload) VALUES ('{node}', {seq}, 0, '{payload}')"
            ));
        }
    }
    let hash = match dialect {
        "sqlite" => format!("X'{}'", "07".repeat(32)),
        _ => format!("'\\x{}'", "07".repeat(32)),
    };
    statements.push(format!(
        "INSERT INTO api_keys (id, hash, principal, tenant, created_at) \
         VALUES ('old', {hash}, 'ann', 'default', 1700000000123)"
    ));
    statements
}

/// Opens the store at `location`, which was old, and looks that all of it is there and goes on.
async fn check(location: Location) {
    let store = Store::open(location, &root_key()).await.unwrap();
    let keys = store.list_api_keys().await.unwrap();
    assert_eq!(
        keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(),
        ["old"]
    );
    assert_eq!(store.last_audit_seq("n").await.unwrap(), Some(5));
    assert_eq!(sequencer(&store).await.run_once().await.unwrap(), 10);
    let change = crate::support::change("new", 1);
    store
        .insert_api_key(&crate::support::api_key("new"), &change)
        .await
        .unwrap();
    assert_eq!(sequencer(&store).await.run_once().await.unwrap(), 1);
    let (entries, _) = checked(&store).await;
    assert_eq!(numbers(&entries, "n"), [1, 2, 3, 4, 5]);
    assert_eq!(
        numbers(&entries, "store"),
        [1, 2, 3, 4, 5, 6],
        "numbers go on behind the old ones"
    );
    store.close().await;
}

#[tokio::test]
async fn a_sqlite_store_of_any_older_version_keeps_its_rows() {
    for version in 1..=steps("sqlite").len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.sqlite");
        let mut old = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
            .await
            .unwrap();
        for statement in old_store("sqlite", version) {
            old.execute(sqlx::raw_sql(AssertSqlSafe(statement)))
                .await
                .unwrap();
        }
        old.close().await.unwrap();
        check(Location::Sqlite(path)).await;
    }
}

#[tokio::test]
async fn a_postgres_store_of_any_older_version_keeps_its_rows() {
    for version in 1..=steps("postgres").len() {
        let Some(database) = TestDatabase::new().await else {
            return;
        };
        let mut old = PgConnection::connect(&database.url()).await.unwrap();
        for statement in old_store("postgres", version) {
            old.execute(sqlx::raw_sql(AssertSqlSafe(statement)))
                .await
                .unwrap();
        }
        old.close().await.unwrap();
        check(database.location()).await;
        database.drop().await;
    }
}

#[test]
fn both_databases_have_the_same_steps() {
    assert_eq!(steps("sqlite").len(), steps("postgres").len());
}

/// Table, column, and what it holds.
type Columns = BTreeMap<(String, String), &'static str>;

async fn columns(house: &House) -> Columns {
    let rows: Vec<(String, String, String)> = match &house.postgres {
        Some(database) => {
            let mut bare = PgConnection::connect(&database.url()).await.unwrap();
            let sql = "SELECT table_name::text, column_name::text, data_type::text \
                       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) \
                       WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
            sqlx::query_as(sql).fetch_all(&mut bare).await.unwrap()
        }
        None => {
            let path = house.dir.path().join("privet.sqlite");
            let mut bare = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
                .await
                .unwrap();
            let sql = "SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_xinfo(m.name) c \
                       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
            sqlx::query_as(sql).fetch_all(&mut bare).await.unwrap()
        }
    };
    let kind = |name: &str| match name.to_lowercase().as_str() {
        "bigint" | "integer" => "integer",
        "text" => "text",
        "bytea" | "blob" => "bytes",
        "double precision" | "real" => "real",
        // `Value` has no such kind.
        _ => "unknown",
    };
    let rows = rows
        .into_iter()
        .filter(|(table, ..)| !ONE_SIDED.iter().any(|(one, _)| one == table));
    rows.map(|(table, column, name)| ((table, column), kind(&name)))
        .collect()
}

#[tokio::test]
async fn both_databases_end_with_the_same_tables_and_columns() {
    let houses = House::each().await;
    let mut found = Vec::new();
    for house in &houses {
        found.push(columns(house).await);
    }
    assert!(found[0].len() > 20);
    assert!(
        found
            .iter()
            .flat_map(BTreeMap::values)
            .all(|kind| *kind != "unknown"),
        "{found:#?}"
    );
    assert!(found.iter().all(|columns| *columns == found[0]), "{found:#?}");
    for house in houses {
        house.end().await;
    }
}
