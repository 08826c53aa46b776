//! What keys cost: made in batches of 1,000, given out from memory, wrapped anew. Wall-clock times on the machine at hand.
//!
//! `cargo run --release -p privet-store --example keyring_cost [postgres://…]`

#![expect(clippy::disallowed_methods, reason = "an example reads its clock")]

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Keyring, KeyringConfig, Location};
use privet_types::{Clock, TenantId};

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let location = match std::env::args().nth(1) {
        Some(url) => url.parse()?,
        None => Location::Sqlite(dir.path().join("keyring.sqlite")),
    };
    let root = Arc::new(RootKey::generate()?);
    let keyring = Keyring::open(&location, root, KeyringConfig::default(), Arc::new(Now)).await?;
    let tenant = TenantId::default();

    let since = Instant::now();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.extend(
            keyring
                .create_keys(&tenant, 1000)
                .await?
                .into_iter()
                .map(|(id, _)| id),
        );
    }
    tell("made, 1,000 a batch", ids.len(), since);

    let since = Instant::now();
    for _ in 0..20 {
        for id in &ids {
            keyring.key(&tenant, id).await?;
        }
    }
    tell("given out from memory", ids.len() * 20, since);

    let since = Instant::now();
    for id in &ids {
        keyring.count_seals(&tenant, id, 1).await?;
    }
    tell("seals counted", ids.len(), since);

    let since = Instant::now();
    keyring.rotate_epoch(&tenant, &mut |_| {}).await?;
    tell("wrapped anew", ids.len(), since);

    let since = Instant::now();
    for some in ids.chunks(1000) {
        keyring.shred(&tenant, some).await?;
    }
    tell("shredded, 1,000 a batch", ids.len(), since);
    keyring.close().await;
    Ok(())
}

fn tell(what: &str, count: usize, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "{what}: {count} in {seconds:.3} s, {:.0}/s",
        count as f64 / seconds
    );
}
