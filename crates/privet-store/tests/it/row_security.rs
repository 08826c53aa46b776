//! PostgreSQL shows and lets change a tenant's rows only, whatever the statement says.

use privet_store::{Error, Scope, Tx, values};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::House;

/// Tables with a column `tenant`.
const TABLES: &str = "SELECT c.table_name::text FROM information_schema.columns c \
     JOIN information_schema.tables t USING (table_schema, table_name) \
     WHERE c.table_schema = 'public' AND c.column_name = 'tenant' AND t.table_type = 'BASE TABLE' ORDER BY 1";

/// The house on PostgreSQL, where there is one.
async fn house() -> Option<House> {
    let mut houses = House::each().await;
    houses.remove(0).end().await;
    houses.pop()
}

async fn owner(house: &House) -> PgConnection {
    let url = house.postgres.as_ref().unwrap().url();
    PgConnection::connect(&url).await.unwrap()
}

async fn tables(owner: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(TABLES).fetch_all(owner).await.unwrap()
}

/// A row of `table` for `tenant`, made up by the types of its columns; `number` tells rows apart.
async fn row(owner: &mut PgConnection, table: &str, tenant: &str, number: i64) -> String {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, data_type::text FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name = $1 AND is_identity = 'NO' AND is_generated = 'NEVER' \
         ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(owner)
    .await
    .unwrap();
    let value = |(name, kind): &(String, String)| match (name.as_str(), kind.as_str()) {
        ("tenant", _) => format!("'{tenant}'"),
        (_, "text") => format!("'t{number}'"),
        (_, "bytea") => format!("'\\x{number:064x}'::bytea"),
        _ => number.to_string(),
    };
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<_> = columns.iter().map(value).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        names.join(", "),
        values.join(", ")
    )
}

/// Lets rows be made up: no checks, no references, no triggers that want more than a row. Security stays.
async fn loosen(owner: &mut PgConnection) {
    let constraints: Vec<(String, String)> = sqlx::query_as(
        "SELECT conrelid::regclass::text, conname::text FROM pg_constraint \
         WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    for (table, constraint) in constraints {
        let sql = format!("ALTER TABLE {table} DROP CONSTRAINT \"{constraint}\"");
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

fn scope(tenant: &str) -> Scope {
    Scope::Tenant(tenant.parse().unwrap())
}

async fn count(house: &House, scope: &Scope, sql: String) -> i64 {
    let database = house.store.database();
    let counted = database.read(scope, move |tx: &mut Tx| {
        Box::pin(async move { tx.one::<i64>(sql, values![]).await })
    });
    counted.await.unwrap()
}

async fn change(house: &House, scope: &Scope, sql: String) -> Result<u64, Error> {
    let database = house.store.database();
    let changed = database.write(scope, move |tx| {
        Box::pin(async move { tx.execute(sql, values![]).await })
    });
    changed.await
}

/// Refused by a row-level policy, or for want of a right.
fn is_denied(outcome: &Result<u64, Error>) -> bool {
    matches!(outcome, Err(Error::Database(sqlx::Error::Database(error))) if error.code().as_deref() == Some("42501"))
}

#[tokio::test]
async fn no_statement_of_one_tenant_sees_changes_or_adds_a_row_of_another() {
    let Some(house) = house().await else { return };
    let mut owner = owner(&house).await;
    loosen(&mut owner).await;
    let tables = tables(&mut owner).await;
    assert!(tables.len() >= 2, "{tables:?}");
    for (table, number) in tables.iter().zip(10_i64..) {
        for (tenant, number) in [("acme", number * 10), ("bank", number * 10 + 1)] {
            let sql = row(&mut owner, table, tenant, number).await;
            assert_eq!(change(&house, &scope(tenant), sql).await.unwrap(), 1, "{table}");
        }
        let acme = scope("acme");
        assert_eq!(
            count(
                &house,
                &Scope::Installation,
                format!("SELECT COUNT(*) FROM {table}")
            )
            .await,
            2,
            "{table}"
        );
        assert_eq!(
            count(&house, &acme, format!("SELECT COUNT(*) FROM {table}")).await,
            1,
            "{table}"
        );
        let theirs = format!("SELECT COUNT(*) FROM {table} WHERE tenant <> 'acme'");
        assert_eq!(count(&house, &acme, theirs).await, 0, "{table}");
        let update = format!("UPDATE {table} SET tenant = tenant WHERE tenant = 'bank'");
        assert_eq!(change(&house, &acme, update).await.unwrap(), 0, "{table}");
        let delete = format!("DELETE FROM {table} WHERE tenant = 'bank'");
        assert_eq!(change(&house, &acme, delete).await.unwrap(), 0, "{table}");
        let add = row(&mut owner, table, "bank", number * 10 + 2).await;
        let added = change(&house, &acme, add).await;
        assert!(is_denied(&added), "{table}: {added:?}");
        // An append-only table refuses by its trigger.
        let move_away = change(&house, &acme, format!("UPDATE {table} SET tenant = 'bank'")).await;
        assert!(move_away.is_err(), "{table}: {move_away:?}");
        assert_eq!(
            count(&house, &scope("bank"), format!("SELECT COUNT(*) FROM {table}")).await,
            1,
            "{table}"
        );
    }
    house.end().await;
}

#[tokio::test]
async fn every_table_with_a_tenant_has_forced_row_security_and_a_policy_by_tenant() {
    let Some(house) = house().await else { return };
    let mut owner = owner(&house).await;
    for table in tables(&mut owner).await {
        let bound: (bool, bool, i64, i64) = sqlx::query_as(
            "SELECT c.relrowsecurity, c.relforcerowsecurity, \
             (SELECT COUNT(*) FROM pg_policies p WHERE p.tablename = c.relname AND p.cmd = 'ALL' \
              AND p.qual = 'may_see(tenant)' AND 'public' = ANY (p.roles)), \
             (SELECT COUNT(*) FROM pg_policies p WHERE p.tablename = c.relname) \
             FROM pg_class c WHERE c.relname = $1 AND c.relnamespace = 'public'::regnamespace",
        )
        .bind(&table)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert_eq!(bound, (true, true, 1, 1), "{table}");
    }
    house.end().await;
}

#[tokio::test]
async fn a_transaction_that_names_no_tenant_sees_nothing() {
    let Some(house) = house().await else { return };
    let mut owner = owner(&house).await;
    loosen(&mut owner).await;
    let tables = tables(&mut owner).await;
    for (table, number) in tables.iter().zip(1_i64..) {
        let sql = row(&mut owner, table, "acme", number).await;
        assert_eq!(change(&house, &scope("acme"), sql).await.unwrap(), 1);
    }
    owner.execute("SET ROLE privet_app").await.unwrap();
    for table in &tables {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(sql).fetch_one(&mut owner).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    // Nor does what one transaction named reach the next on the same connection.
    let after = count(
        &house,
        &scope("nobody"),
        "SELECT COUNT(*) FROM audit_events".to_owned(),
    )
    .await;
    assert_eq!(after, 0);
    house.end().await;
}

#[tokio::test]
async fn the_role_that_works_cannot_free_itself_or_make_anything() {
    let Some(house) = house().await else { return };
    for statement in [
        "ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY api_keys_tenant ON api_keys",
        "CREATE POLICY open ON api_keys USING (true)",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_events_append_only ON audit_events",
        "CREATE OR REPLACE FUNCTION may_see(tenant TEXT) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT true'",
        "ALTER TABLE api_keys OWNER TO privet_app",
        "TRUNCATE audit_events",
        "TRUNCATE api_keys",
        "CREATE TABLE mine (x BIGINT)",
        "CREATE TEMPORARY TABLE api_keys (x BIGINT)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS BOOLEAN LANGUAGE sql AS 'SELECT true'",
        "CREATE ROLE mine",
        "ALTER ROLE privet_app BYPASSRLS",
        "SET session_replication_role = replica",
        "DELETE FROM schema_version",
        "INSERT INTO schema_version (version) VALUES (1000)",
    ] {
        let outcome = change(&house, &scope("acme"), statement.to_owned()).await;
        assert!(is_denied(&outcome), "{statement}: {outcome:?}");
    }
    // What it may not give is a warning, and nothing is given.
    drop(
        change(
            &house,
            &scope("acme"),
            "GRANT ALL ON api_keys TO PUBLIC".to_owned(),
        )
        .await,
    );
    let mut owner = owner(&house).await;
    let given: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_schema = 'public'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(given, 0);
    let power: (bool, bool, bool, bool, bool) = sqlx::query_as(
        "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'privet_app'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(power, (false, false, false, false, false));
    let owned: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM pg_class WHERE relowner = 'privet_app'::regrole")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(owned, 0);
    house.end().await;
}

#[tokio::test]
async fn every_connection_works_as_that_role() {
    let Some(house) = house().await else { return };
    let database = house.store.database().clone();
    let meeting = std::sync::Arc::new(tokio::sync::Barrier::new(12));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (database, meeting) = (database.clone(), meeting.clone());
        tasks.spawn(async move {
            database
                .read(&scope("acme"), move |tx| {
                    Box::pin(async move {
                        meeting.wait().await;
                        let sql = "SELECT current_user::text, current_setting('privet.tenant'), \
                                   current_setting('lock_timeout'), current_setting('statement_timeout')";
                        tx.one::<(String, String, String, String)>(sql, values![]).await
                    })
                })
                .await
        });
    }
    for seen in tasks.join_all().await {
        let expected = ["privet_app", "acme", "5s", "1min"].map(str::to_owned);
        assert_eq!(<[String; 4]>::from(seen.unwrap()), expected);
    }
    house.end().await;
}
