//! What the tests share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Durability, Error, Spool, SpoolConfig, Store};
use privet_types::{AuditEvent, Change, Entity, Pseudonym};
use tempfile::TempDir;

/// A directory with a store, and the key of both store and spool.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) root: Arc<RootKey>,
    pub(crate) store: Store,
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
        Self { dir, root, store }
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
        object: id.to_owned(),
        expires_at: None,
        scopes: None,
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
