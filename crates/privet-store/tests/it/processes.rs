//! The same files under two processes. The other process is this test binary, told to run one ignored test in the
//! directory at hand.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use privet_store::{Spool, Store};

use crate::support::{DURABLE, House, api_key, change, config, drain, event, root_key};

fn other_process(test: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs an ignored test in a process of its own, and kills it `wait` after it has printed `count` lines in the form that
/// these tests print. Returns all lines it printed.
pub(crate) fn killed_after_lines(test: &str, dir: &Path, count: usize, wait: Duration) -> Vec<String> {
    let mut other = other_process(test, dir);
    let mut lines = BufReader::new(other.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("stored ") || line.starts_with("sequenced "));
    let mut told: Vec<String> = lines.by_ref().take(count).collect();
    // Not a wait for something to happen, but a moment of chance within what happens.
    std::thread::sleep(wait);
    other.kill().unwrap();
    other.wait().unwrap();
    told.extend(lines);
    told
}

#[tokio::test]
#[ignore = "run in a process of its own by the test below"]
async fn revoke_a_key_here() {
    let store = Store::open(Path::new("privet.sqlite"), &root_key())
        .await
        .unwrap();
    for _ in 0..50 {
        store.revoke_api_key(&change("k", 1)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn another_process_can_revoke_a_key_while_events_are_stored() {
    let house = House::new().await;
    let key = api_key("k");
    house.store.insert_api_key(&key, &change("k", 0)).await.unwrap();
    let before = house.store.api_keys_version().await.unwrap();
    let mut other = other_process("processes::revoke_a_key_here", house.dir.path());
    let mut stored = 0;
    while other.try_wait().unwrap().is_none() {
        stored += 1;
        let record = privet_store::AuditRecord::new(stored, &event(stored)).unwrap();
        house.store.append_audit("n", &[record]).await.unwrap();
    }
    assert!(other.wait().unwrap().success());
    assert_eq!(house.store.api_keys_version().await.unwrap(), before + 1);
    assert!(house.store.list_api_keys().await.unwrap()[0].revoked_at.is_some());
    // Making and revoking the key are leaves too; revoking it again changes nothing.
    assert_eq!(house.store.audit_count().await.unwrap(), stored + 2);
}

#[tokio::test]
#[ignore = "run in a process of its own by the test below"]
async fn append_here_until_killed() {
    let store = Store::open(Path::new("privet.sqlite"), &root_key())
        .await
        .unwrap();
    let spool = Spool::open(Path::new("spool"), root_key(), config(DURABLE), &store)
        .await
        .unwrap();
    for i in 1..1000 {
        println!("\nappended {}", spool.append(&event(i)).await.unwrap());
    }
}

#[tokio::test]
async fn every_event_that_was_answered_for_outlives_a_kill() {
    let house = House::new().await;
    let mut other = other_process("processes::append_here_until_killed", house.dir.path());
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let promised = lines
        .filter_map(|line| line.unwrap().strip_prefix("appended ")?.parse::<u64>().ok())
        .nth(40)
        .unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    let spool = house.spool(DURABLE).await;
    let seqs = drain(&spool).await;
    assert!(
        seqs.len() as u64 >= promised,
        "{promised} promised, {} there",
        seqs.len()
    );
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(spool.append(&event(1)).await.unwrap(), seqs.len() as u64 + 1);
}
