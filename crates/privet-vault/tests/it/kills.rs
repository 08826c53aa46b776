//! A process that works with the vault is killed at moments of chance: what it acknowledged is there, what it did not is there
//! whole or not at all, and an erasure that was begun is finished by whoever comes next.
//!
//! `PRIVET_KILLS` asks for more kills than the 6 (SQLite) and 4 (PostgreSQL) of CI; `bench/crashes` does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Keyring, KeyringConfig, Location, Store};
use privet_types::{Clock, Secret};
use privet_vault::{
    Consent, ConsentConfig, ErasureReason, Error, EventKind, ForgetOutcome, Ground, LegalBasis, Page,
    SubjectRef, Vault,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::postgres::TestDatabase;
use crate::site::purpose;
use crate::support::{ann, config, is_absent, record};

/// Tasks that write at once.
const WRITERS: u64 = 4;

/// Counts up, so that no two events have one time.
struct Counting(AtomicI64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::SeqCst)).unwrap()
    }
}

/// A vault over the databases of a folder.
struct Open {
    vault: Vault,
    consent: Consent,
    store: Store,
    keyring: Keyring,
}

impl Open {
    /// The databases that the files `store` and `keyring` name, or those in the folder itself.
    async fn here(dir: &Path) -> Self {
        let place = |name: &str| -> Location {
            let named = std::fs::read_to_string(dir.join(name));
            let file = dir.join(format!("{name}.sqlite")).to_str().unwrap().to_owned();
            named.unwrap_or(file).parse().unwrap()
        };
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        // Processes do not begin at one time.
        let start = 1_800_000_000_000 + i64::from(std::process::id()) * 1_000;
        let clock = Arc::new(Counting(AtomicI64::new(start)));
        let store = Store::open(place("store"), &root).await.unwrap();
        let keyring = Keyring::open(
            place("keyring"),
            Arc::new(root),
            KeyringConfig::default(),
            clock.clone(),
        )
        .await
        .unwrap();
        let vault = Vault::open(store.clone(), keyring.clone(), clock.clone(), config()).unwrap();
        let consent = Consent::new(
            store.database().clone(),
            Arc::new(vault.clone()),
            clock,
            ConsentConfig::default(),
        );
        Self {
            vault: vault.with_consent(&consent),
            consent,
            store,
            keyring,
        }
    }

    async fn close(self) {
        self.store.close().await;
        self.keyring.close().await;
    }
}

fn tell(what: &str, name: &str) {
    println!("\n{what} {name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run in a process of its own by the tests below"]
async fn work_here_until_killed() {
    let open = Arc::new(Open::here(Path::new(".")).await);
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let open = open.clone();
        tasks.spawn(async move {
            for number in 0_u64.. {
                let name = format!("{}-{writer}-{number}", std::process::id());
                one_life(&open, &name, number).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// Somebody comes, changes twice, agrees, and every third goes again.
async fn one_life(open: &Open, name: &str, number: u64) -> Result<(), Error> {
    let (vault, by) = (&open.vault, ann());
    let made = vault
        .create(&by, record(json!({"login": name, "note": name, "count": 1})))
        .await?;
    tell("created", name);
    let who = SubjectRef::Token(made.id.clone());
    for count in [2, 3] {
        vault
            .update(&by, &who, &json!({ "count": count }), None, Ground::Ordinary)
            .await?;
        tell(&format!("changed-{count}"), name);
    }
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let said = privet_vault::Statement::new(EventKind::Given, &["support"], at);
    open.consent.record(&by, made.id.as_str(), &said).await?;
    tell("agreed", name);
    if number.is_multiple_of(3) {
        tell("leaving", name);
        let done = vault.forget(&by, &who, ErasureReason::Request).await?;
        assert!(matches!(done, ForgetOutcome::Erased(_)), "{done:?}");
        tell("left", name);
    }
    Ok(())
}

/// What the process told of each name.
type Told = BTreeMap<String, BTreeSet<String>>;

fn process_in(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kills::work_here_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a process work, and kills it after some lines and a moment of chance.
fn work_and_kill(dir: &Path, state: &mut u64, told: &mut Told) {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let mut other = process_in(dir);
    let mut lines = BufReader::new(other.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let first = 20 + usize::try_from(*state >> 58).unwrap();
    let mut heard: Vec<String> = lines.by_ref().take(first).collect();
    // A moment of chance within what happens, not a wait for it.
    std::thread::sleep(Duration::from_micros(*state >> 50));
    other.kill().unwrap();
    other.wait().unwrap();
    heard.extend(lines);
    for line in heard {
        if let Some((what, name)) = line.split_once(' ')
            && name.split('-').count() == 3
        {
            told.entry(name.to_owned()).or_default().insert(what.to_owned());
        }
    }
}

/// Holds the vault against what was told of it.
async fn check(dir: &Path, told: &Told) {
    let open = Open::here(dir).await;
    let by = ann();
    open.vault.resume_erasures().await.unwrap();
    assert_eq!(open.vault.resume_erasures().await.unwrap(), 0);
    for (name, what) in told {
        let who = SubjectRef::Login(Secret::new(name.clone()));
        let read = open.vault.read(&by, &who, Ground::Ordinary).await;
        if what.contains("left") {
            assert!(is_absent(&read), "{name} was erased: {read:?}");
            continue;
        }
        let subject = match read {
            Ok(read) => read.value,
            // Neither of the two was told to be done.
            Err(Error::Absent { .. }) if what.contains("leaving") || !what.contains("created") => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        let least = [("changed-3", 3), ("changed-2", 2), ("created", 1)]
            .into_iter()
            .find_map(|(word, count)| what.contains(word).then_some(count))
            .unwrap_or(1);
        let value = subject.record.into_value();
        assert_eq!(value["note"], **name, "whole, or not at all");
        assert!(value["count"].as_u64().unwrap() >= least, "{name}: {value}");
        assert_eq!(value["count"].as_u64().unwrap(), subject.version);
        let history = open
            .consent
            .history(&by.tenant, subject.id.as_str())
            .await
            .unwrap();
        assert!(history.len() >= usize::from(what.contains("agreed")), "{name}");
    }
    check_rows(&open, told).await;
    open.close().await;
}

/// That all that is stored opens, and that each change has its leaf.
async fn check_rows(open: &Open, told: &Told) {
    let by = ann();
    let mut page = Page {
        after: None,
        limit: 100,
    };
    let mut listed = 0_i64;
    loop {
        let infos = open.vault.list(&by, &page).await.unwrap().value;
        let Some(last) = infos.last() else { break };
        page.after = Some(last.id.clone());
        for info in &infos {
            let who = SubjectRef::Token(info.id.clone());
            let read = open.vault.read(&by, &who, Ground::Ordinary).await.unwrap();
            let value = read.value.record.into_value();
            let name = value["login"].as_str().unwrap();
            assert!(
                told.contains_key(name) || value["count"] == 1,
                "{name}: nobody told of it"
            );
            listed += 1;
        }
    }
    let count = async |sql: &'static str| -> i64 {
        open.store
            .database()
            .read::<_, Error, _>(&privet_store::Scope::Installation, move |tx| {
                Box::pin(async move { Ok(tx.one(sql, Vec::new()).await?) })
            })
            .await
            .unwrap()
    };
    let all = count("SELECT COUNT(*) FROM subjects").await;
    let erased = count("SELECT COUNT(*) FROM subjects WHERE state = 'erased'").await;
    assert_eq!(all - erased, listed);
    assert_eq!(count("SELECT COUNT(*) FROM subject_index").await, listed);
    let leaves = "SELECT COUNT(*) FROM audit_events WHERE kind = 'subject_created'";
    assert_eq!(count(leaves).await, all);
    for sql in [
        "SELECT COUNT(*) FROM audit_events WHERE kind = 'subject_erased'",
        "SELECT COUNT(*) FROM audit_events WHERE kind = 'subject_erasure_begun'",
        "SELECT COUNT(*) FROM audit_events WHERE kind = 'processing_ended'",
        "SELECT COUNT(*) FROM erasures WHERE state = 'done' AND receipt IS NOT NULL",
    ] {
        assert_eq!(count(sql).await, erased, "{sql}");
    }
    let given = count("SELECT COUNT(*) FROM consent_events WHERE kind = 'given'").await;
    let leaves = "SELECT COUNT(*) FROM audit_events WHERE kind = 'consent_given'";
    assert_eq!(count(leaves).await, given);
}

/// Kills as often as `PRIVET_KILLS` says, else `usual` times.
#[expect(clippy::disallowed_methods, reason = "a test that can be run longer by hand")]
fn kills(usual: u64, share: u64) -> u64 {
    std::env::var("PRIVET_KILLS").map_or(usual, |kills| (kills.parse::<u64>().unwrap() / share).max(usual))
}

async fn kill_and_check(dir: &Path, rounds: u64, mut state: u64) {
    let open = Open::here(dir).await;
    open.consent
        .create(&ann(), &crate::site::recipient())
        .await
        .unwrap();
    open.consent
        .create(&ann(), &purpose("support", LegalBasis::Consent))
        .await
        .unwrap();
    open.close().await;
    let mut told = Told::new();
    for _ in 0..rounds {
        work_and_kill(dir, &mut state, &mut told);
        check(dir, &told).await;
    }
    let erased = told.values().filter(|what| what.contains("left")).count();
    assert!(
        told.len() as u64 > 3 * rounds && erased > 0,
        "{} people, {erased} of them erased",
        told.len()
    );
}

#[tokio::test]
async fn a_vault_killed_at_work_loses_nothing_acknowledged_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    kill_and_check(dir.path(), kills(6, 4), 0x7661_756c_u64).await;
}

#[tokio::test]
async fn a_vault_killed_at_work_loses_nothing_acknowledged_on_postgres() {
    let (Some(store), Some(keyring)) = (TestDatabase::new().await, TestDatabase::new().await) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store"), store.url()).unwrap();
    std::fs::write(dir.path().join("keyring"), keyring.url()).unwrap();
    kill_and_check(dir.path(), kills(4, 8), 0x7061_756c_u64).await;
    store.drop().await;
    keyring.drop().await;
}
