//! The process killed while it rotates, makes and shreds.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use privet_crypto::KeyId;
use privet_store::{Keyring, KeyringConfig, Location};

use super::{Days, places, tenant};
use crate::support::root_key;

/// Killed so often on each database.
const KILLS: u64 = 12;

async fn opened(dir: &Path) -> Keyring {
    let text = std::fs::read_to_string(dir.join("place")).unwrap();
    let location: Location = text.parse().unwrap();
    let location = match location {
        Location::Sqlite(path) => Location::Sqlite(dir.join(path)),
        postgres @ Location::Postgres(_) => postgres,
    };
    Keyring::open(
        &location,
        root_key(),
        KeyringConfig::default(),
        Arc::new(Days::default()),
    )
    .await
    .unwrap()
}

fn hex(id: &str) -> KeyId {
    let bytes: Vec<u8> = (0..16)
        .map(|n| u8::from_str_radix(id.get(2 * n..2 * n + 2).unwrap(), 16).unwrap())
        .collect();
    KeyId::from_bytes(bytes.try_into().unwrap())
}

#[tokio::test]
#[ignore = "run in processes of their own by the test below"]
async fn work_until_killed() {
    let keyring = opened(Path::new(".")).await;
    let root = root_key();
    for round in 0_u64.. {
        let made = keyring.create_keys(&tenant(), 150).await.unwrap();
        for (id, _) in &made {
            println!("made {id}");
        }
        let (id, _) = made[0];
        println!("shredding {id}");
        keyring.shred(&tenant(), &[id]).await.unwrap();
        println!("shredded {id}");
        keyring.rotate_epoch(&tenant(), &mut |_| {}).await.unwrap();
        keyring.rotate_tenant(&tenant(), &mut |_| {}).await.unwrap();
        // Within the grace the key that this process opens with leads to all others. The other process may be first.
        if round % 2 == 0 {
            let other = root.data_key("test", &round.to_le_bytes());
            let text = format!("privet-root-1:{}{}", other.id(), other.id());
            let other = privet_crypto::RootKey::parse(&text).unwrap();
            drop(keyring.rotate_root(&other, &mut |_| {}).await);
        }
        keyring.sweep(&mut |_| {}).await.unwrap();
    }
}

fn worker(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "keyring::crash::work_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn two_processes_killed_while_they_rotate_lose_no_key_and_bring_none_back() {
    for place in places().await {
        place.tell_place();
        place.open().await.close().await;
        let (mut made, mut begun, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for kill in 0..KILLS {
            let mut workers = [worker(place.dir()), worker(place.dir())];
            // Not a wait for something to happen, but a moment of chance within what happens.
            std::thread::sleep(Duration::from_millis(150 + 37 * kill));
            for worker in &mut workers {
                worker.kill().unwrap();
                worker.wait().unwrap();
                let lines = BufReader::new(worker.stdout.take().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    match line.split_once(' ') {
                        Some(("made", id)) if id.len() == 32 => made.push(hex(id)),
                        Some(("shredding", id)) if id.len() == 32 => begun.push(hex(id)),
                        Some(("shredded", id)) if id.len() == 32 => gone.push(hex(id)),
                        _ => {}
                    }
                }
            }
            let keyring = opened(place.dir()).await;
            made.retain(|id| !begun.contains(id));
            let read = keyring.keys(&tenant(), &made).await.unwrap();
            assert_eq!(read.iter().filter(|key| key.is_none()).count(), 0);
            let read = keyring.keys(&tenant(), &gone).await.unwrap();
            assert_eq!(read.iter().filter(|key| key.is_some()).count(), 0);
            keyring.close().await;
        }
        let keyring = opened(place.dir()).await;
        let swept = keyring.sweep(&mut |_| {}).await.unwrap();
        assert!(swept.failures.is_empty(), "{swept:?}");
        assert_eq!(keyring.status().await.unwrap().tenants[0].pending, 0);
        assert!(
            made.len() > 300 && !gone.is_empty(),
            "{} {}",
            made.len(),
            gone.len()
        );
        keyring.close().await;
        place.drop().await;
    }
}
