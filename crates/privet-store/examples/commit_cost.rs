//! What a durable write costs: one small change and its leaf in the log, with 1, 16 and 64 callers at once.
//!
//! `cargo run --release -p privet-store --example commit_cost -- DIR_OR_URL [SECONDS]`. DIR must be on a real disk (`/tmp`
//! often is memory); a `postgres://` URL measures PostgreSQL, in an empty database. CPU time is this process's (user and
//! system) and, for PostgreSQL, without the server's.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Error, Leaf, Location, Scope, Store, append_leaf, values};
use privet_types::TenantId;

fn main() {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let seconds = std::env::args()
        .nth(2)
        .map_or(5, |seconds| seconds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&place, Duration::from_secs(seconds)));
}

async fn measure(place: &str, time: Duration) {
    let dir = if place.contains("://") {
        tempfile::tempdir().unwrap()
    } else {
        tempfile::tempdir_in(place).unwrap()
    };
    let location = match place.parse().unwrap() {
        Location::Sqlite(_) => Location::Sqlite(dir.path().join("privet.sqlite")),
        postgres => postgres,
    };
    let root = RootKey::parse(&format!("privet-root-1:{}", "5".repeat(64))).unwrap();
    let store = Store::open(location, &root).await.unwrap();
    for callers in [1, 16, 64] {
        let written = Arc::new(AtomicU64::new(0));
        let (wall, cpu) = (Instant::now(), cpu());
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let (store, written) = (store.clone(), Arc::clone(&written));
                tokio::spawn(async move {
                    while wall.elapsed() < time {
                        write(&store, &format!("{callers}-{caller}")).await.unwrap();
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), self::cpu() - cpu);
        let written = written.load(Ordering::Relaxed) as f64;
        println!(
            "{callers:3} callers: {:8.0} writes/s, {:6.1} µs of CPU a write",
            written / wall,
            cpu.as_secs_f64() * 1e6 / written
        );
    }
    store.close().await;
}

/// A change of two statements, as one of the vault is at least.
async fn write(store: &Store, name: &str) -> Result<(), Error> {
    let name = name.to_owned();
    let tenant = TenantId::default();
    store
        .database()
        .write(&Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) \
                           ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                tx.execute(sql, values![&name, "x".repeat(200)]).await?;
                let leaf = Leaf {
                    kind: "measured",
                    tenant: tenant.as_str(),
                    at: Timestamp::UNIX_EPOCH,
                    payload: &name,
                };
                append_leaf(tx, leaf).await
            })
        })
        .await
}

/// CPU time of this process so far: fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}
