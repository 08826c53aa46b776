//! What the tests share: a vault on either database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Keyring, KeyringConfig, Scope, Store, Value};
use privet_types::{Clock, Pseudonym};
use privet_vault::{
    Actor, ArchiveConfig, Error, Ground, IndexConfig, PrefixConfig, Record, SubjectId, SubjectRef, ValueForm,
    Vault, VaultConfig,
};
use sqlx::{Connection, Executor};
use tempfile::TempDir;

use crate::postgres::TestDatabase;

/// A clock that tests set, in milliseconds.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A vault, and all that is under it.
pub(crate) struct House {
    pub(crate) vault: Vault,
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) root: Arc<RootKey>,
    pub(crate) clock: Arc<TestClock>,
    dir: TempDir,
    databases: Vec<TestDatabase>,
}

/// A vault of another process.
pub(crate) struct Reopened {
    pub(crate) vault: Vault,
    pub(crate) keyring: Keyring,
}

/// Fields beside the usual ones: `city` with prefix buckets, `team` that many may share.
pub(crate) fn config() -> VaultConfig {
    let mut config = VaultConfig {
        versions_kept: 3,
        sessions_per_subject: 2,
        archive: ArchiveConfig {
            is_on: true,
            days: 2,
            has_word_index: true,
            ..ArchiveConfig::default()
        },
        ..VaultConfig::default()
    };
    config.indexes.push(IndexConfig {
        field: "city".to_owned(),
        form: ValueForm::Folded,
        unique: false,
        prefix: Some(PrefixConfig { chars: 2, bits: 3 }),
    });
    config.indexes.push(IndexConfig {
        field: "team".to_owned(),
        form: ValueForm::Exact,
        unique: false,
        prefix: None,
    });
    config
}

impl House {
    pub(crate) async fn on_sqlite() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let places = [
            dir.path().join("privet.sqlite"),
            dir.path().join("keyring.sqlite"),
        ];
        Some(Self::open(dir, places.map(|path| (&path).into()), Vec::new()).await)
    }

    pub(crate) async fn on_postgres() -> Option<Self> {
        let (store, keys) = (TestDatabase::new().await?, TestDatabase::new().await?);
        let dir = tempfile::tempdir().unwrap();
        let places = [store.location(), keys.location()];
        Some(Self::open(dir, places, vec![store, keys]).await)
    }

    /// A vault over databases that are there.
    pub(crate) async fn over(dir: TempDir, places: [privet_store::Location; 2], root: Arc<RootKey>) -> Self {
        Self::open_with(dir, places, Vec::new(), root).await
    }

    /// Where its files are.
    pub(crate) fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    async fn open(dir: TempDir, places: [privet_store::Location; 2], databases: Vec<TestDatabase>) -> Self {
        let root = Arc::new(RootKey::generate().unwrap());
        Self::open_with(dir, places, databases, root).await
    }

    async fn open_with(
        dir: TempDir,
        places: [privet_store::Location; 2],
        databases: Vec<TestDatabase>,
        root: Arc<RootKey>,
    ) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let [place, keys] = places;
        let store = Store::open(place, &root).await.unwrap();
        let keyring = Keyring::open(keys, root.clone(), KeyringConfig::default(), clock.clone())
            .await
            .unwrap();
        let vault = Vault::open(store.clone(), keyring.clone(), clock.clone(), config()).unwrap();
        Self {
            vault,
            store,
            keyring,
            root,
            clock,
            dir,
            databases,
        }
    }

    pub(crate) async fn end(self) {
        self.store.close().await;
        self.keyring.close().await;
        for database in self.databases {
            database.drop().await;
        }
        drop(self.dir);
    }

    /// The vault as another process opens it: no key is in its memory.
    pub(crate) async fn reopened(&self) -> Reopened {
        let keys = self.keyring.database().location().clone();
        let keyring = Keyring::open(
            keys,
            self.root.clone(),
            KeyringConfig::default(),
            self.clock.clone(),
        );
        let keyring = keyring.await.unwrap();
        let vault = Vault::open(self.store.clone(), keyring.clone(), self.clock.clone(), config());
        Reopened {
            vault: vault.unwrap(),
            keyring,
        }
    }

    /// Runs statements on the store, or on the keyring, as somebody who owns the database would: nothing is append-only for
    /// them, and no row is hidden.
    pub(crate) async fn damage(&self, in_keyring: bool, sql: &str) {
        if let Some(database) = self.databases.get(usize::from(in_keyring)) {
            let mut owner = sqlx::PgConnection::connect(&database.url()).await.unwrap();
            let sql = format!("SET session_replication_role = replica; {sql}");
            owner.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
            owner.close().await.unwrap();
            return;
        }
        let database = if in_keyring {
            self.keyring.database()
        } else {
            self.store.database()
        };
        let sql = sql.to_owned();
        database
            .write::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    let triggers: Vec<String> = tx
                        .rows(
                            "SELECT name FROM sqlite_master WHERE type = 'trigger'",
                            Vec::new(),
                        )
                        .await?;
                    for trigger in triggers {
                        tx.script(format!("DROP TRIGGER {trigger}")).await?;
                    }
                    tx.script("PRAGMA defer_foreign_keys = ON").await?;
                    Ok(tx.script(sql).await?)
                })
            })
            .await
            .unwrap();
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Runs a statement on the store, as somebody with the database's password would.
    pub(crate) async fn sql(&self, sql: &'static str, values: Vec<Value>) -> u64 {
        self.store
            .database()
            .write::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move { Ok(tx.execute(sql, values).await?) })
            })
            .await
            .unwrap()
    }

    /// Rows of the store.
    pub(crate) async fn rows<T: privet_store::FromRow + Send + 'static>(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Vec<T> {
        self.store
            .database()
            .read::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await
            .unwrap()
    }

    /// The kinds of the leaves that wait for the log, in order.
    pub(crate) async fn leaves(&self) -> Vec<String> {
        self.rows("SELECT kind FROM audit_events ORDER BY id", Vec::new())
            .await
    }

    /// The same vault with a further unique index.
    pub(crate) fn with_index(&self, field: &str) -> Vault {
        let mut config = config();
        config.indexes.push(IndexConfig {
            field: field.to_owned(),
            form: ValueForm::Exact,
            unique: true,
            prefix: None,
        });
        Vault::open(
            self.store.clone(),
            self.keyring.clone(),
            self.clock.clone(),
            config,
        )
        .unwrap()
    }

    /// A subject with `record`.
    pub(crate) async fn subject(&self, record: serde_json::Value) -> SubjectRef {
        SubjectRef::Token(self.create(record).await)
    }

    /// The id of a subject with `record`.
    pub(crate) async fn create(&self, record: serde_json::Value) -> SubjectId {
        self.vault.create(&ann(), self::record(record)).await.unwrap().id
    }

    /// The record of `who`, as `ann` reads it.
    pub(crate) async fn read(&self, who: &SubjectRef) -> Result<serde_json::Value, Error> {
        let read = self.vault.read(&ann(), who, Ground::Ordinary).await?;
        Ok(read.value.record.into_value())
    }
}

pub(crate) fn record(value: serde_json::Value) -> Record {
    Record::from_value(value).unwrap()
}

pub(crate) fn actor(tenant: &str, principal: &str) -> Actor {
    Actor {
        tenant: tenant.parse().unwrap(),
        principal: Pseudonym(principal.to_owned()),
    }
}

/// Of the tenant `acme`.
pub(crate) fn ann() -> Actor {
    actor("acme", "ann")
}

/// Of the tenant `acme`, too.
pub(crate) fn bob() -> Actor {
    actor("acme", "bob")
}

/// Of another tenant.
pub(crate) fn eve() -> Actor {
    actor("other", "eve")
}

pub(crate) fn by(mode: &str, value: &str) -> SubjectRef {
    SubjectRef::parse(mode, value).unwrap()
}

pub(crate) fn is_absent<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Absent { .. }))
}

pub(crate) fn is_damaged<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Damaged { .. }))
}

/// Runs each of the functions on a house of its own, once on SQLite and once on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let house = crate::support::House::on_sqlite().await.unwrap();
                super::$name(&house).await;
                house.end().await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(house) = crate::support::House::on_postgres().await {
                    super::$name(&house).await;
                    house.end().await;
                }
            })*
        }
    };
}

pub(crate) use on_both_databases;
