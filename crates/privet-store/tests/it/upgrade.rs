//! Programs of two versions on one database: who goes on, who is refused, and who brings the schema up to date.

use std::fs;

use privet_store::{
    Backend, Database, Error, Location, Schema, SchemaStatus, Scope, Standing, Store, keyring_status,
    open_keyring_database, open_store_database, store_status, values,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::postgres::TestDatabase;
use crate::support::root_key;

const NOTES: &str =
    "CREATE TABLE notes (name TEXT NOT NULL PRIMARY KEY); CREATE TABLE steps (step BIGINT NOT NULL)";
const SIZE: &str =
    "ALTER TABLE notes ADD COLUMN size BIGINT NOT NULL DEFAULT 7; INSERT INTO steps VALUES (2)";
const LABEL: &str = "ALTER TABLE notes RENAME COLUMN name TO label; INSERT INTO steps VALUES (3)";

const fn schema(steps: &'static [&'static str], shut_out: &'static [(i64, i64)]) -> Schema {
    Schema {
        name: "notebook",
        sqlite: steps,
        postgres: steps,
        shut_out,
        seeded: &[],
    }
}

/// Knows names.
static FIRST: Schema = schema(&[NOTES], &[]);
/// Adds sizes.
static SECOND: Schema = schema(&[NOTES, SIZE], &[]);
/// Calls names otherwise: who does not know that cannot go on.
static THIRD: Schema = schema(&[NOTES, SIZE, LABEL], &[(3, 3)]);

/// A place for a database.
struct Ground {
    dir: tempfile::TempDir,
    postgres: Option<TestDatabase>,
}

impl Ground {
    async fn each() -> Vec<Self> {
        let mut grounds = vec![Self {
            dir: tempfile::tempdir().unwrap(),
            postgres: None,
        }];
        if let Some(database) = TestDatabase::new().await {
            grounds.push(Self {
                dir: tempfile::tempdir().unwrap(),
                postgres: Some(database),
            });
        }
        grounds
    }

    fn location(&self) -> Location {
        let file = Location::Sqlite(self.dir.path().join("notes.sqlite"));
        self.postgres.as_ref().map_or(file, TestDatabase::location)
    }

    async fn open(&self, schema: &'static Schema) -> Result<Database, Error> {
        Database::open(&self.location(), schema).await
    }

    /// Runs statements past the program, as the owner of the database.
    async fn raw(&self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.postgres {
            Some(database) => {
                let mut bare = PgConnection::connect(&database.url()).await.unwrap();
                bare.execute(sql).await.unwrap();
            }
            None => {
                let path = self.dir.path().join("notes.sqlite");
                let mut bare = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
                    .await
                    .unwrap();
                bare.execute(sql).await.unwrap();
            }
        }
    }

    async fn end(self) {
        if let Some(database) = self.postgres {
            database.drop().await;
        }
    }
}

async fn note(database: &Database, name: &str) -> Result<(), Error> {
    let name = name.to_owned();
    database
        .write(&Scope::Installation, |tx| {
            Box::pin(async move {
                tx.execute("INSERT INTO notes (name) VALUES ($1)", values![name])
                    .await?;
                Ok(())
            })
        })
        .await
}

async fn numbers(database: &Database, sql: &'static str) -> Vec<i64> {
    database
        .read::<Vec<(i64,)>, Error, _>(&Scope::Installation, move |tx| Box::pin(tx.rows(sql, values![])))
        .await
        .unwrap()
        .into_iter()
        .map(|(number,)| number)
        .collect()
}

#[tokio::test]
async fn a_program_goes_on_and_starts_again_beside_a_newer_one_that_only_added() {
    for ground in Ground::each().await {
        let old = ground.open(&FIRST).await.unwrap();
        note(&old, "before").await.unwrap();
        let new = ground.open(&SECOND).await.unwrap();
        note(&old, "beside").await.unwrap();
        note(&new, "newer").await.unwrap();
        let again = ground.open(&FIRST).await.unwrap();
        note(&again, "again").await.unwrap();
        assert_eq!(numbers(&new, "SELECT size FROM notes").await, [7; 4]);
        assert_eq!(
            numbers(&new, "SELECT version FROM schema_version ORDER BY version").await,
            [1, 2]
        );
        for database in [old, new, again] {
            database.close().await;
        }
        ground.end().await;
    }
}

#[tokio::test]
async fn a_program_that_is_shut_out_is_told_what_to_do() {
    for ground in Ground::each().await {
        ground.open(&FIRST).await.unwrap().close().await;
        ground.open(&THIRD).await.unwrap().close().await;
        for (schema, known) in [(&FIRST, 1), (&SECOND, 2)] {
            let refused = ground.open(schema).await.unwrap_err();
            assert!(
                matches!(refused, Error::NewerSchema { found: 3, oldest: 3, known: k, .. } if k == known),
                "{refused:?}"
            );
            let said = refused.to_string();
            assert!(
                said.contains("install the newer privet") && said.contains("backup"),
                "{said}"
            );
        }
        ground.open(&THIRD).await.unwrap().close().await;
        ground.end().await;
    }
}

#[tokio::test]
async fn a_step_of_a_program_that_told_nobody_whom_it_shuts_out_shuts_out_all_who_do_not_know_it() {
    for ground in Ground::each().await {
        ground.open(&FIRST).await.unwrap().close().await;
        ground
            .raw("INSERT INTO schema_version (version) VALUES (2)")
            .await;
        let refused = ground.open(&FIRST).await.unwrap_err();
        assert!(
            matches!(
                refused,
                Error::NewerSchema {
                    found: 2,
                    oldest: 2,
                    ..
                }
            ),
            "{refused:?}"
        );
        ground.end().await;
    }
}

#[tokio::test]
async fn a_database_from_before_it_was_written_down_who_is_shut_out_is_brought_up_to_date() {
    for ground in Ground::each().await {
        if ground.postgres.is_none() {
            fs::write(ground.dir.path().join("notes.sqlite"), "").unwrap();
        }
        ground
            .raw(&format!(
                "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY); {NOTES}; \
                 INSERT INTO schema_version (version) VALUES (1)"
            ))
            .await;
        let new = ground.open(&SECOND).await.unwrap();
        note(&new, "new").await.unwrap();
        let old = ground.open(&FIRST).await.unwrap();
        note(&old, "old").await.unwrap();
        old.close().await;
        new.close().await;
        ground.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_start_at_once_do_each_step_once() {
    for ground in Ground::each().await {
        ground.open(&FIRST).await.unwrap().close().await;
        let starts = (0..6).map(|_| {
            let location = ground.location();
            tokio::spawn(async move { Database::open(&location, &SECOND).await })
        });
        let starts: Vec<_> = starts.collect();
        let mut open = Vec::new();
        for start in starts {
            open.push(start.await.unwrap().unwrap());
        }
        assert_eq!(numbers(&open[0], "SELECT step FROM steps").await, [2]);
        assert_eq!(
            numbers(&open[0], "SELECT version FROM schema_version ORDER BY version").await,
            [1, 2]
        );
        for database in open {
            database.close().await;
        }
        ground.end().await;
    }
}

#[tokio::test]
async fn no_step_shuts_out_programs_that_are_connected_and_who_comes_back_after_one_is_refused() {
    for ground in Ground::each().await {
        let Some(database) = &ground.postgres else {
            continue;
        };
        let old = ground.open(&SECOND).await.unwrap();
        note(&old, "before").await.unwrap();
        let refused = ground.open(&THIRD).await.unwrap_err();
        assert!(
            matches!(
                refused,
                Error::OlderNodes {
                    needed: 3,
                    known: 3,
                    ..
                }
            ),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("stop them"), "{refused}");
        note(&old, "nothing has changed").await.unwrap();
        // One that is cut off is not seen.
        let mut bare = PgConnection::connect(&database.url()).await.unwrap();
        bare.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'privet/2' \
                      AND datname = current_database()",
        )
        .await
        .unwrap();
        let gone = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'privet/2' AND datname = current_database()";
        while sqlx::query_scalar::<_, i64>(gone)
            .fetch_one(&mut bare)
            .await
            .unwrap()
            > 0
        {
            tokio::task::yield_now().await;
        }
        let new = ground.open(&THIRD).await.unwrap();
        let late = note(&old, "late").await.unwrap_err();
        assert!(
            matches!(
                late,
                Error::NewerSchema {
                    found: 3,
                    known: 2,
                    ..
                }
            ),
            "{late:?}"
        );
        assert_eq!(numbers(&new, "SELECT COUNT(*) FROM notes").await, [2]);
        old.close().await;
        new.close().await;
        drop(bare);
        ground.end().await;
    }
}

#[tokio::test]
async fn a_step_that_shuts_out_waits_for_what_has_begun() {
    for ground in Ground::each().await {
        let Some(database) = &ground.postgres else {
            continue;
        };
        ground.open(&FIRST).await.unwrap().close().await;
        // As a program that this one cannot tell from others would begin.
        let mut begun = PgConnection::connect(&database.url()).await.unwrap();
        begun
            .execute(sqlx::raw_sql("BEGIN; SELECT * FROM schema_version"))
            .await
            .unwrap();
        let location = ground.location();
        let start = tokio::spawn(async move { Database::open(&location, &THIRD).await });
        let waits = "SELECT COUNT(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                     WHERE NOT l.granted AND a.datname = current_database()";
        let mut bare = PgConnection::connect(&database.url()).await.unwrap();
        while sqlx::query_scalar::<_, i64>(waits)
            .fetch_one(&mut bare)
            .await
            .unwrap()
            == 0
        {
            tokio::task::yield_now().await;
        }
        begun
            .execute(sqlx::raw_sql(
                "INSERT INTO notes (name) VALUES ('in time'); COMMIT",
            ))
            .await
            .unwrap();
        let new = start.await.unwrap().unwrap();
        assert_eq!(
            numbers(&new, "SELECT COUNT(*) FROM notes WHERE label = 'in time'").await,
            [1]
        );
        new.close().await;
        drop((begun, bare));
        ground.end().await;
    }
}

#[tokio::test]
async fn the_status_tells_what_would_happen_and_changes_nothing() {
    let root = root_key();
    for ground in Ground::each().await {
        let location = ground.location();
        let status = store_status(&location).await.unwrap();
        assert_eq!((status.standing(), status.found), (Standing::Absent, None));
        assert_eq!(
            keyring_status(&location).await.unwrap().standing(),
            Standing::Absent
        );
        let store = Store::open(&location, &root).await.unwrap();
        let status = store_status(&location).await.unwrap();
        assert_eq!(status.standing(), Standing::Current);
        let known = status.known;
        let is_connected = status.connected.iter().any(|(knows, _)| *knows == Some(known));
        assert_eq!(is_connected, ground.postgres.is_some(), "{status:?}");
        store.close().await;
        let set = |version: i64, oldest: i64| {
            format!("INSERT INTO schema_version (version, oldest) VALUES ({version}, {oldest})")
        };
        ground.raw(&set(known + 1, known)).await;
        assert_eq!(store_status(&location).await.unwrap().standing(), Standing::Newer);
        Store::open(&location, &root).await.unwrap().close().await;
        ground.raw(&set(known + 2, known + 1)).await;
        let status = store_status(&location).await.unwrap();
        assert_eq!(status.standing(), Standing::TooNew);
        assert_eq!((status.found, status.oldest), (Some(known + 2), Some(known + 1)));
        assert!(Store::open(&location, &root).await.is_err());
        ground
            .raw(&format!("DELETE FROM schema_version WHERE version >= {known}"))
            .await;
        let status = store_status(&location).await.unwrap();
        assert_eq!(status.standing(), Standing::Older);
        assert_eq!(status.found, Some(known - 1), "it was only looked at");
        ground.end().await;
    }
}

#[test]
fn a_step_is_told_to_wait_for_those_whom_it_would_shut_out() {
    let standing = |needed: i64, connected: &[(Option<i64>, i64)]| {
        let status = SchemaStatus {
            name: "store",
            found: Some(5),
            oldest: Some(5),
            known: 7,
            needed,
            connected: connected.to_vec(),
        };
        status.standing()
    };
    assert_eq!(standing(6, &[]), Standing::Older);
    assert_eq!(standing(6, &[(Some(6), 2)]), Standing::Older);
    assert_eq!(standing(6, &[(Some(5), 1), (Some(6), 2)]), Standing::OlderInUse);
    assert_eq!(standing(6, &[(None, 1)]), Standing::OlderInUse);
    assert_eq!(
        standing(5, &[(None, 1), (Some(5), 1)]),
        Standing::Older,
        "it only adds"
    );
}

/// What a statement must not do, unless its step says whom it shuts out.
fn takes_away(statement: &str) -> bool {
    let words = statement.to_uppercase();
    let words: Vec<&str> = words
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|found| found == wanted);
    let adds_what_must_be_said = has(&["ADD", "COLUMN"]) && has(&["NOT", "NULL"]) && !has(&["DEFAULT"]);
    let on_what_is_there = has(&["ALTER", "TABLE"]);
    adds_what_must_be_said
        || has(&["DROP", "TABLE"])
        || has(&["DROP", "COLUMN"])
        || has(&["DROP", "FUNCTION"])
        || has(&["DROP", "TRIGGER"])
        || has(&["RENAME"])
        || has(&["SET", "NOT", "NULL"])
        || (on_what_is_there && (has(&["TYPE"]) || has(&["ADD", "CONSTRAINT"]) || has(&["ADD", "UNIQUE"])))
        || has(&["UPDATE"]) && !has(&["ON", "UPDATE"]) && !has(&["AFTER"]) && !has(&["BEFORE"])
}

#[test]
fn statements_that_take_away_are_told_from_those_that_add() {
    for statement in [
        "DROP TABLE a",
        "ALTER TABLE a RENAME COLUMN b TO c",
        "ALTER TABLE a ADD COLUMN b BIGINT NOT NULL",
        "ALTER TABLE a ALTER COLUMN b SET NOT NULL",
        "alter table a drop column b",
        "UPDATE a SET b = c + 1",
    ] {
        assert!(takes_away(statement), "{statement}");
    }
    for statement in [
        "CREATE TABLE a (b BIGINT NOT NULL)",
        "ALTER TABLE a ADD COLUMN b BIGINT",
        "ALTER TABLE a ADD COLUMN b BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX a_b ON a (b)",
        "CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON a FOR EACH STATEMENT EXECUTE FUNCTION f('a')",
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY",
    ] {
        assert!(!takes_away(statement), "{statement}");
    }
}

/// Steps up to these were released to nobody, and before programs asked whom they shut out.
const UNASKED: [(&str, i64); 2] = [("store", 30), ("keyring", 3)];

#[tokio::test]
async fn a_step_that_takes_away_says_whom_it_shuts_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| Location::Sqlite(dir.path().join(name));
    let store = open_store_database(&at("store")).await.unwrap();
    let keyring = open_keyring_database(&at("keyring")).await.unwrap();
    for (database, (name, unasked)) in [store, keyring].into_iter().zip(UNASKED) {
        let schema = *database.schema();
        assert_eq!(schema.name, name);
        for steps in [schema.sqlite, schema.postgres] {
            for (step, text) in (1_i64..).zip(steps).filter(|(step, _)| *step > unasked) {
                let is_declared = schema.shut_out.iter().any(|(declared, _)| *declared == step);
                let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
                let text: Vec<&str> = lines.collect();
                let takes = text.join(" ").split(';').any(takes_away);
                assert!(
                    is_declared || !takes,
                    "step {step} of the {name} takes something away; say in `shut_out` whom it shuts out"
                );
            }
        }
        for (step, oldest) in schema.shut_out {
            assert!(oldest <= step, "{name}: step {step} cannot need a later one");
        }
        assert!(schema.shut_out.is_sorted(), "{name}: `shut_out` is in order");
        assert_eq!(database.backend(), Backend::Sqlite);
        database.close().await;
    }
}
