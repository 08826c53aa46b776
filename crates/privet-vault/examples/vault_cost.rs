//! What the vault costs at library level: records in bulk, single writes of 64 clients, audited reads.
//!
//! `cargo run --release -p privet-vault --example vault_cost -- [RECORDS [STORE KEYRING]]` (default 20,000 records of
//! 5.5 KB with 3 indexes, two SQLite files in a temporary folder; STORE and KEYRING are paths or PostgreSQL URLs of empty
//! databases). CPU time is of this process (user and system), so it holds on a busy machine too, but leaves out a
//! PostgreSQL server's; wall time does not hold.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{Keyring, KeyringConfig, Location, Store};
use privet_types::{Clock, Pseudonym};
use privet_vault::{
    Actor, Ground, ImportFormat, ImportLimits, ImportOptions, Record, SubjectRef, Vault, VaultConfig,
};
use serde_json::json;

/// Clients of the single writes and reads.
const CLIENTS: u64 = 64;

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "an example is its own rim")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(20_000, |n| n.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let mut place = |name: &str| -> Location {
        arguments.next().map_or_else(
            || Location::Sqlite(temporary.path().join(name)),
            |place| place.parse().unwrap(),
        )
    };
    let (store, keyring) = (place("privet.sqlite"), place("keyring.sqlite"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(records, store, keyring));
}

async fn measure(records: u64, store: Location, keyring: Location) {
    let root = Arc::new(RootKey::generate().unwrap());
    let clock = Arc::new(SystemClock);
    println!("store {store}, keyring {keyring}");
    let store = Store::open(store, &root).await.unwrap();
    let keyring = Keyring::open(keyring, root, KeyringConfig::default(), clock.clone())
        .await
        .unwrap();
    let vault = Vault::open(store.clone(), keyring, clock, VaultConfig::default()).unwrap();
    let actor = Actor {
        tenant: "acme".parse().unwrap(),
        principal: Pseudonym("0123456789abcdef0123456789abcdef".to_owned()),
    };

    let mut text = String::new();
    for number in 0..records {
        let record = person(number).to_string();
        writeln!(text, "{record}").unwrap();
    }
    println!("{} bytes a record as JSON", text.len() as u64 / records);
    let options = ImportOptions {
        format: ImportFormat::JsonLines,
        is_dry_run: false,
        first_line: 1,
        limits: ImportLimits::default(),
    };
    let start = Start::now();
    let report = vault
        .import(&actor, Cursor::new(text), options, |_| {})
        .await
        .unwrap();
    assert_eq!(report.progress.created, records);
    start.tell("bulk import", records);

    let each = (records / 10 / CLIENTS).max(1);
    let start = Start::now();
    run(&vault, &actor, move |vault, actor, client| async move {
        for number in 0..each {
            let record = Record::from_value(person(records + client * each + number)).unwrap();
            vault.create(&actor, record).await.unwrap();
        }
    })
    .await;
    start.tell("new subject, 64 clients", each * CLIENTS);

    let start = Start::now();
    run(&vault, &actor, move |vault, actor, client| async move {
        for number in 0..each {
            let who = by_login(client * each + number);
            let patch = json!({"age": number});
            vault
                .update(&actor, &who, &patch, None, Ground::Ordinary)
                .await
                .unwrap();
        }
    })
    .await;
    start.tell("merge patch, 64 clients", each * CLIENTS);

    let reads = records / CLIENTS;
    let start = Start::now();
    run(&vault, &actor, move |vault, actor, client| async move {
        for number in 0..reads {
            let who = by_login((number * 7919 + client) % records);
            let read = vault.read(&actor, &who, Ground::Ordinary).await.unwrap();
            assert_eq!(read.access.fields, 20);
        }
    })
    .await;
    start.tell("read by login, 64 clients", reads * CLIENTS);

    let start = Start::now();
    run(&vault, &actor, move |vault, actor, client| async move {
        for number in 0..reads {
            let who = by_login((number * 7919 + client) % records);
            vault
                .read_fields(&actor, &who, &["email"], Ground::Ordinary)
                .await
                .unwrap();
        }
    })
    .await;
    start.tell("one field by login, 64 clients", reads * CLIENTS);
    store.close().await;
}

/// Runs `work` for each client at once.
async fn run<F>(vault: &Vault, actor: &Actor, work: impl Fn(Vault, Actor, u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(work(vault.clone(), actor.clone(), client));
    }
    clients.join_all().await;
}

fn by_login(number: u64) -> SubjectRef {
    SubjectRef::parse("login", &format!("user{number}")).unwrap()
}

/// An invented person: 20 fields, 5.5 KB, three of them with an index.
fn person(number: u64) -> serde_json::Value {
    let mut person = serde_json::Map::new();
    person.insert("login".to_owned(), format!("user{number}").into());
    person.insert("email".to_owned(), format!("user{number}@example.org").into());
    person.insert("phone".to_owned(), format!("+999{number:09}").into());
    person.insert("age".to_owned(), (number % 90).into());
    for field in 0..16 {
        let note = format!("{number:08}-").repeat(36);
        person.insert(format!("note{field}"), note.into());
    }
    person.into()
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

    fn tell(&self, what: &str, count: u64) {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        println!(
            "{what:<32} {count:>7}  {:8.1} µs of CPU each, {:.2} s CPU, {:.2} s wall ({:.0} a second)",
            cpu.as_secs_f64() * 1e6 / count as f64,
            cpu.as_secs_f64(),
            wall.as_secs_f64(),
            count as f64 / wall.as_secs_f64(),
        );
    }
}

/// CPU time of this process so far: fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}
