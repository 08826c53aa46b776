//! Work in transactions, on both databases.

use std::time::{Duration, Instant};

use privet_store::{Backend, Database, Error, Scope, values};
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::task::JoinSet;

use crate::support::House;

const ALL: Scope = Scope::Installation;

/// Sets `name`; a second time is an error.
async fn set(database: &Database, name: &str) -> Result<(), Error> {
    let name = name.to_owned();
    database
        .write(&ALL, move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO settings (name, value) VALUES ($1, 'x')",
                    values![name],
                )
                .await
                .map(|_| ())
            })
        })
        .await
}

/// How many of the tests' settings there are.
async fn count(database: &Database) -> i64 {
    database
        .read(&ALL, |tx| {
            Box::pin(async move {
                tx.one::<i64>("SELECT COUNT(*) FROM settings WHERE value = 'x'", values![])
                    .await
            })
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_work_that_goes_on_after_a_failed_statement_stores_nothing_and_is_told() {
    for house in House::each().await {
        let database = house.store.database();
        set(database, "taken").await.unwrap();
        let outcome: Result<(), Error> = database
            .write(&ALL, |tx| {
                Box::pin(async move {
                    tx.execute(
                        "INSERT INTO settings (name, value) VALUES ('one', 'x')",
                        values![],
                    )
                    .await?;
                    let taken = "INSERT INTO settings (name, value) VALUES ('taken', 'x')";
                    assert!(tx.execute(taken, values![]).await.is_err());
                    let next = tx.execute(
                        "INSERT INTO settings (name, value) VALUES ('two', 'x')",
                        values![],
                    );
                    assert!(matches!(next.await, Err(Error::Spoilt)));
                    Ok(())
                })
            })
            .await;
        assert!(matches!(outcome, Err(Error::Spoilt)), "{outcome:?}");
        assert_eq!(count(database).await, 1);
        set(database, "next").await.unwrap();
        house.end().await;
    }
}

#[tokio::test]
async fn one_failure_or_panic_among_many_undoes_itself_alone() {
    for house in House::each().await {
        let database = house.store.database().clone();
        set(&database, "taken").await.unwrap();
        let mut tasks = JoinSet::new();
        for i in 0..60 {
            let database = database.clone();
            tasks.spawn(async move {
                match i % 3 {
                    0 => set(&database, &format!("n{i}")).await.is_ok(),
                    1 => set(&database, "taken").await.is_ok(),
                    _ => {
                        let panicked: Result<(), Error> = database
                            .write(&ALL, move |tx| {
                                Box::pin(async move {
                                    let sql =
                                        format!("INSERT INTO settings (name, value) VALUES ('p{i}', 'x')");
                                    tx.execute(sql, values![]).await?;
                                    panic!("for the test")
                                })
                            })
                            .await;
                        assert!(matches!(panicked, Err(Error::Panicked)), "{panicked:?}");
                        false
                    }
                }
            });
        }
        let told = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|is_done| *is_done)
            .count();
        assert_eq!((told, count(&database).await), (20, 21));
        house.end().await;
    }
}

#[tokio::test]
async fn a_read_changes_nothing() {
    for house in House::each().await {
        let database = house.store.database();
        let refused: Result<u64, Error> = database
            .read(&ALL, |tx| {
                Box::pin(async move {
                    tx.execute("INSERT INTO settings (name, value) VALUES ('r', 'x')", values![])
                        .await
                })
            })
            .await;
        assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
        assert_eq!(count(database).await, 0);
        house.end().await;
    }
}

#[tokio::test]
async fn a_read_sees_one_state_however_long_it_takes() {
    for house in House::each().await {
        let database = house.store.database().clone();
        let writer = database.clone();
        let seen: (i64, i64) = database
            .read(&ALL, move |tx| {
                Box::pin(async move {
                    let sql = "SELECT COUNT(*) FROM settings WHERE value = 'x'";
                    let before = tx.one(sql, values![]).await?;
                    set(&writer, "meanwhile").await?;
                    Ok::<_, Error>((before, tx.one(sql, values![]).await?))
                })
            })
            .await
            .unwrap();
        assert_eq!((seen, count(&database).await), ((0, 0), 1));
        house.end().await;
    }
}

#[tokio::test]
async fn who_gives_up_leaves_no_transaction_open() {
    for house in House::each().await {
        let database = house.store.database();
        for i in 0..40_u64 {
            let patience = Duration::from_micros(i * 50);
            let name = format!("given up {i}");
            drop(tokio::time::timeout(patience, set(database, &name)).await);
            drop(tokio::time::timeout(patience, count(database)).await);
            let held: Result<_, _> = tokio::time::timeout(
                patience,
                database.read(&ALL, |tx| {
                    Box::pin(async move {
                        tx.one::<i64>("SELECT COUNT(*) FROM settings", values![]).await?;
                        std::future::pending::<Result<(), Error>>().await
                    })
                }),
            )
            .await;
            assert!(held.is_err());
        }
        set(database, "last").await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while open_transactions(&house).await > 0 {
            assert!(Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        house.end().await;
    }
}

/// Transactions of others that are open. On SQLite: whether one keeps the WAL from being written back.
async fn open_transactions(house: &House) -> i64 {
    let database = house.store.database();
    let sql = match database.backend() {
        Backend::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
        Backend::Postgres => {
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        }
    };
    match &house.postgres {
        Some(server) => {
            let mut bare = sqlx::PgConnection::connect(&server.url()).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut bare).await.unwrap()
        }
        None => {
            let path = house.dir.path().join("privet.sqlite");
            let mut bare = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
                .await
                .unwrap();
            bare.execute("PRAGMA busy_timeout = 0").await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut bare).await.unwrap()
        }
    }
}

#[tokio::test]
async fn a_write_within_a_write_is_refused_instead_of_waiting_for_itself() {
    let house = House::new().await;
    let database = house.store.database().clone();
    let inner = database.clone();
    let outcome = database
        .write(&ALL, move |_| Box::pin(async move { set(&inner, "inner").await }))
        .await;
    assert!(matches!(outcome, Err(Error::Nested)), "{outcome:?}");
    set(&database, "after").await.unwrap();
}

#[tokio::test]
async fn all_that_wait_for_a_locked_file_are_refused_together_and_nothing_of_them_is_stored() {
    let house = House::new().await;
    let database = house.store.database().clone();
    let path = house.dir.path().join("privet.sqlite");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let waited = Instant::now();
    let mut tasks = JoinSet::new();
    for i in 0..50 {
        let database = database.clone();
        tasks.spawn(async move { set(&database, &format!("n{i}")).await });
    }
    for outcome in tasks.join_all().await {
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }) && error.is_transient(),
            "{error:?}"
        );
    }
    assert!(
        waited.elapsed() < Duration::from_secs(15),
        "{:?}",
        waited.elapsed()
    );
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(count(&database).await, 0);
    set(&database, "after").await.unwrap();
}

#[tokio::test]
async fn sessions_that_the_server_ended_are_passed_over() {
    for house in House::each()
        .await
        .into_iter()
        .filter(|house| house.postgres.is_some())
    {
        let database = house.store.database().clone();
        let mut tasks = JoinSet::new();
        for i in 0..16 {
            let database = database.clone();
            tasks.spawn(async move { set(&database, &format!("n{i}")).await });
        }
        assert!(tasks.join_all().await.iter().all(Result::is_ok));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        house.raw(end).await.unwrap();
        for i in 0..16 {
            set(&database, &format!("m{i}")).await.unwrap();
        }
        assert_eq!(count(&database).await, 32);
        house.end().await;
    }
}

#[tokio::test]
async fn works_that_lock_each_other_out_are_told_that_another_try_may_succeed() {
    for house in House::each()
        .await
        .into_iter()
        .filter(|house| house.postgres.is_some())
    {
        let database = house.store.database().clone();
        set(&database, "a").await.unwrap();
        set(&database, "b").await.unwrap();
        let mut tasks = JoinSet::new();
        let meeting = std::sync::Arc::new(tokio::sync::Barrier::new(2));
        for (first, second) in [("a", "b"), ("b", "a")] {
            let (database, meeting) = (database.clone(), meeting.clone());
            tasks.spawn(async move {
                database
                    .write(&ALL, move |tx| {
                        Box::pin(async move {
                            let sql = "UPDATE settings SET value = 'x' WHERE name = $1";
                            tx.execute(sql, values![first]).await?;
                            meeting.wait().await;
                            tx.execute(sql, values![second]).await
                        })
                    })
                    .await
            });
        }
        let mut outcomes: Vec<Result<u64, Error>> = tasks.join_all().await;
        outcomes.sort_by_key(Result::is_ok);
        assert!(outcomes[1].is_ok());
        assert!(outcomes[0].as_ref().unwrap_err().is_transient(), "{outcomes:?}");
        house.end().await;
    }
}

#[tokio::test]
async fn two_databases_of_one_server_can_be_made_at_once() {
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        tasks.spawn(async {
            for house in House::each().await {
                assert_eq!(count(house.store.database()).await, 0);
                house.end().await;
            }
        });
    }
    tasks.join_all().await;
}
