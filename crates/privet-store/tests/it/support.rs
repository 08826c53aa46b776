//! What the tests share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{ApiKeyRecord, Durability, Error, Location, Spool, SpoolConfig, Store};
use privet_types::{AuditEvent, Change, Entity, Pseudonym, TenantId};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::postgres::TestDatabase;

/// A directory with a spool, a store in it or on PostgreSQL, and the key of both.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) root: Arc<RootKey>,
    pub(crate) store: Store,
    pub(crate) postgres: Option<TestDatabase>,
}

pub(crate) fn root_key() -> Arc<RootKey> {
    Arc::new(RootKey::parse(&format!("privet-root-1:{}", "5".repeat(64))).unwrap())
}

pub(crate) fn config(durability: Durability) -> SpoolConfig {
    SpoolConfig {
        max_bytes: 16 << 20,
        durability,
    }
}

pub(crate) const DURABLE: Durability = Durability::BeforeSend;

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = root_key();
        let store = Store::open(&dir.path().join("privet.sqlite"), &root)
            .await
            .unwrap();
        Self {
            dir,
            root,
            store,
            postgres: None,
        }
    }

    /// One with its store on SQLite, and one with its store on PostgreSQL where there is a server.
    pub(crate) async fn each() -> Vec<Self> {
        let mut houses = vec![Self::new().await];
        if let Some(database) = TestDatabase::new().await {
            let root = root_key();
            houses.push(Self {
                dir: tempfile::tempdir().unwrap(),
                store: Store::open(database.location(), &root).await.unwrap(),
                root,
                postgres: Some(database),
            });
        }
        houses
    }

    /// Where its store is.
    pub(crate) fn location(&self) -> Location {
        let file = Location::Sqlite(self.dir.path().join("privet.sqlite"));
        self.postgres.as_ref().map_or(file, TestDatabase::location)
    }

    /// Its store through connections of its own.
    pub(crate) async fn again(&self) -> Store {
        Store::open(self.location(), &self.root).await.unwrap()
    }

    /// Runs statements past the store, as the owner of its database.
    pub(crate) async fn raw(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.postgres {
            Some(database) => {
                let mut bare = PgConnection::connect(&database.url()).await?;
                bare.execute(sql).await.map(|_| ())
            }
            None => {
                let path = self.dir.path().join("privet.sqlite");
                let mut bare = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
                bare.execute(sql).await.map(|_| ())
            }
        }
    }

    /// Closes the store, and drops its database if that is on a server.
    pub(crate) async fn end(self) {
        self.store.close().await;
        if let Some(database) = self.postgres {
            database.drop().await;
        }
    }

    pub(crate) fn spool_dir(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub(crate) async fn try_spool(&self, config: SpoolConfig) -> Result<Spool, Error> {
        Spool::open(&self.spool_dir(), self.root.clone(), config, &self.store).await
    }

    pub(crate) async fn spool(&self, durability: Durability) -> Spool {
        self.try_spool(config(durability)).await.unwrap()
    }

    /// A spool whose events 1 ..= `count` are durable, each by a write of its own; then closed.
    pub(crate) async fn fill(&self, count: u64) {
        self.fill_more(1..=count).await;
    }

    /// The same for events behind those that are there.
    pub(crate) async fn fill_more(&self, numbers: RangeInclusive<u64>) {
        let spool = self.spool(DURABLE).await;
        for i in numbers {
            assert_eq!(spool.append(&event(i)).await.unwrap(), i);
        }
        spool.close().await.unwrap();
    }

    /// The spool's segments, sorted.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut segments: Vec<_> = std::fs::read_dir(self.spool_dir())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "spool"))
            .collect();
        segments.sort();
        segments
    }
}

/// Hands all durable events on, without a store; returns their numbers.
pub(crate) async fn drain(spool: &Spool) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(batch) = spool.next_batch().await.unwrap() {
        seqs.extend(batch.records().iter().map(privet_store::AuditRecord::seq));
        spool.acknowledge(batch).await.unwrap();
    }
    seqs
}

/// What the log is told of API key `id`, at `second`.
pub(crate) fn change(id: &str, second: i64) -> Change {
    Change {
        at: Timestamp::from_second(second).unwrap(),
        tenant: "default".to_owned(),
        principal: Pseudonym("0123456789abcdef0123456789abcdef".to_owned()),
        by: None,
        object: id.to_owned(),
        expires_at: None,
        scopes: None,
        successor: None,
    }
}

/// An API key of `default` whose hash is told by its id.
pub(crate) fn api_key(id: &str) -> ApiKeyRecord {
    let mut hash = [0; 32];
    hash.iter_mut()
        .zip(id.bytes())
        .for_each(|(hash, byte)| *hash = byte);
    ApiKeyRecord {
        id: id.to_owned(),
        hash,
        principal: "ann".parse().unwrap(),
        tenant: TenantId::default(),
        created_at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        expires_at: None,
        revoked_at: None,
        scopes: privet_types::KeyScopes::default(),
        successor: None,
        grace_until: None,
        line: None,
    }
}

/// An event like the gateway's, told apart by its latency.
pub(crate) fn event(i: u64) -> AuditEvent {
    let mut event: AuditEvent = serde_json::from_value(serde_json::json!({
        "at": "2026-01-01T00:00:00.123456789Z",
        "tenant": "default",
        "principal": "0123456789abcdef0123456789abcdef",
        "request_id": "fedcba9876543210fedcba9876543210",
        "surface": "openai_chat",
        "model": "gpt-5-mini",
        "provider": "openai",
        "decision": {"action": "redact", "reason": "masked", "counts": {}, "latency_us": 0},
        "request_hash": "11".repeat(32),
        "sent_hash": "22".repeat(32),
        "policy": "0011223344556677"
    }))
    .unwrap();
    event.decision.counts.insert(Entity::EMAIL_ADDRESS, 2);
    event.decision.latency_us = i;
    event
}
