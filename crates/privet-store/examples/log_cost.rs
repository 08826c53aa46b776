//! What the audit log costs: from the spool to the store, from the store to a signed checkpoint, and the check of an
//! export.
//!
//! `cargo run --release -p privet-store --example log_cost -- [EVENTS [DIR]]` (default 100,000). With DIR, store and root
//! key stay there for `privet audit`. CPU time is of the whole process
//! (user and system), so it holds on a busy machine too; wall time does not.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use privet_crypto::RootKey;
use privet_log::{EntryTooLong, Expected, LogFiles, LogPath, Packer, TilePath, verify};
use privet_store::{Durability, Sequencer, Spool, SpoolConfig, Store, log_signer, run_flusher};
use privet_types::{AuditEvent, Budget};

struct Files(BTreeMap<String, Vec<u8>>);

impl LogFiles for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn main() {
    let events: u64 = std::env::args().nth(1).map_or(100_000, |n| n.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(events));
}

async fn measure(events: u64) {
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::args().nth(2).map(PathBuf::from);
    let dir = kept.as_deref().unwrap_or(temporary.path());
    let root = std::sync::Arc::new(RootKey::generate().unwrap());
    if kept.is_some() {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("root.key"), root.to_text().as_bytes()).unwrap();
    }
    let store = Store::open(&dir.join("privet.sqlite"), &root).await.unwrap();
    let config = SpoolConfig {
        max_bytes: 8 << 30,
        durability: Durability::LossWindow(Duration::from_millis(100)),
    };
    let spool = Spool::open(&dir.join("spool"), root.clone(), config, &store)
        .await
        .unwrap();

    let start = Start::now();
    for i in 0..events {
        while spool.append(&event(i)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    spool.sync().await.unwrap();
    start.tell("into the spool", events);

    let start = Start::now();
    run_flusher(&spool, &store, Duration::from_secs(3600), async {})
        .await
        .unwrap();
    start.tell("from the spool into the store", events);

    let signer = log_signer(&root, None).unwrap();
    let key = signer.key().clone();
    let start = Start::now();
    let mut sequencer = Sequencer::open(store.clone(), signer).await.unwrap();
    assert_eq!(sequencer.run_once().await.unwrap(), events);
    start.tell("from the store to the signed checkpoint", events);

    let start = Start::now();
    let mut files = BTreeMap::new();
    let mut packer = Packer::default();
    let mut write = |path: TilePath, bytes: &[u8]| {
        files.insert(path.to_string(), bytes.to_vec());
        Ok::<(), EntryTooLong>(())
    };
    while packer.edge().size() < events {
        for leaf in store.log_leaves(packer.edge().size(), 1024).await.unwrap() {
            packer.push(&leaf.entry, &mut write).unwrap();
        }
    }
    packer.write_unfinished(&mut write).unwrap();
    let head = store.log_head(&key).await.unwrap().unwrap();
    files.insert(
        LogPath::CheckpointOf(events).to_string(),
        head.note.clone().into_bytes(),
    );
    files.insert(LogPath::Checkpoint.to_string(), head.note.into_bytes());
    start.tell("export into memory", events);

    let bytes: usize = files.values().map(Vec::len).sum();
    let expected = Expected {
        key: &key,
        witnesses: &[],
        checkpoints: &[],
        known_gaps: &[],
    };
    let start = Start::now();
    let report = verify(&Files(files), &expected, &Budget::unlimited(), &mut |_, _| {}).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    start.tell("verify", events);
    println!("{} bytes a leaf in the export", bytes as u64 / events);
}

/// A decision like the gateway's.
fn event(i: u64) -> AuditEvent {
    let mut event: AuditEvent = serde_json::from_value(serde_json::json!({
        "at": "2026-01-01T00:00:00.123456789Z",
        "tenant": "default",
        "principal": "0123456789abcdef0123456789abcdef",
        "request_id": format!("{i:032x}"),
        "surface": "openai_chat",
        "model": "gpt-4.1-mini",
        "provider": "openai",
        "decision": {"action": "redact", "reason": "masked", "counts": {"EMAIL_ADDRESS": 2, "PERSON": 1}, "latency_us": 0},
        "request_hash": "11".repeat(32),
        "sent_hash": "22".repeat(32),
        "policy": "0011223344556677"
    }))
    .unwrap();
    event.decision.latency_us = i;
    event
}

struct Start {
    wall: Instant,
    cpu: Duration,
}

impl Start {
    fn now() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu(),
        }
    }

    fn tell(&self, what: &str, events: u64) {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        let micros = cpu.as_secs_f64() * 1e6 / events as f64;
        println!(
            "{what:<42} {micros:6.2} µs of CPU an event, {:.2} s CPU, {:.2} s wall",
            cpu.as_secs_f64(),
            wall.as_secs_f64()
        );
    }
}

/// CPU time of this process so far: fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}
