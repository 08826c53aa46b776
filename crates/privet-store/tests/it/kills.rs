//! A process under load is killed at moments of chance, and so is the server it writes to: what it acknowledged is there,
//! what it did not is there whole or not at all, and the log is one history.
//!
//! `PRIVET_KILLS` asks for more kills than the 25 (SQLite) and 12 (PostgreSQL) of CI; `bench/crashes` does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use privet_store::{Error, Location, Spool, Store, run_flusher, run_sequencer};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::log::{kills, sequencer, signer};
use crate::oracle::{Oracle, write};
use crate::processes::other_process;
use crate::support::{DURABLE, House, config, event, root_key};

/// Tasks that write at once.
const WRITERS: u64 = 6;

/// Where the store of this folder is.
fn location_here() -> Location {
    let file = fs::read_to_string("location").unwrap_or_else(|_| "privet.sqlite".to_owned());
    file.parse().unwrap()
}

/// What this process says of a write: its caller's word, on a line of its own.
fn tell(name: &str, outcome: &Result<(), Error>) {
    match outcome {
        Ok(()) => println!("\nacknowledged {name}"),
        Err(Error::Commit { .. }) => println!("\nunknown {name}"),
        Err(_) => println!("\nrefused {name}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run in a process of its own by the tests below"]
async fn work_here_until_killed() {
    let store = Store::open(location_here(), &root_key()).await.unwrap();
    let spool = Spool::open(Path::new("spool"), root_key(), config(DURABLE), &store)
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            for i in 0_u64.. {
                let name = format!("{}-{writer}-{i}", std::process::id());
                let outcome = write(&store, &name, i).await;
                tell(&name, &outcome);
                if outcome.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    tasks.spawn({
        let spool = spool.clone();
        async move {
            loop {
                println!("\nspooled {}", spool.append(&event(1)).await.unwrap());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let pause = Duration::from_millis(2);
    tasks.spawn(run_log(store.clone(), pause));
    run_flusher(&spool, &store, pause, std::future::pending())
        .await
        .unwrap();
}

/// As a server does: a log that cannot be opened now is opened later.
async fn run_log(store: Store, pause: Duration) {
    loop {
        if let Ok(sequencer) = privet_store::Sequencer::open(store.clone(), signer()).await {
            drop(run_sequencer(sequencer, pause, std::future::pending()).await);
        }
        tokio::time::sleep(pause).await;
    }
}

/// What is done to whom.
type Blow<'a> = &'a dyn Fn();

/// Lets a process work in `dir`, strikes `blow` after some lines and a moment of chance, lets it go on for some lines,
/// kills it, and notes what it told. Returns the last number it put into the spool.
fn work_and_kill(dir: &Path, state: &mut u64, oracle: &mut Oracle, blow: Option<Blow<'_>>) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let mut other = other_process("kills::work_here_until_killed", dir);
    let mut lines = BufReader::new(other.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut told: Vec<String> = lines
        .by_ref()
        .take(10 + usize::try_from(*state >> 56).unwrap())
        .collect();
    // A moment of chance within what happens, not a wait for it.
    std::thread::sleep(Duration::from_micros(*state >> 52));
    if let Some(blow) = blow {
        blow();
        // Until it works again.
        let mut again = 0;
        told.extend(lines.by_ref().take_while(|line| {
            again += u32::from(line.starts_with("acknowledged "));
            again < 200
        }));
    }
    other.kill().unwrap();
    other.wait().unwrap();
    told.extend(lines);
    let mut spooled = 0;
    for line in told {
        match line.split_once(' ') {
            Some(("acknowledged", name)) => {
                oracle.acknowledged.insert(name.to_owned());
            }
            Some(("refused", name)) => {
                oracle.refused.insert(name.to_owned());
            }
            Some(("spooled", number)) => spooled = spooled.max(number.parse().unwrap()),
            _ => {}
        }
    }
    spooled
}

/// Opens the store and the spool as after a crash, and holds both against what was told.
async fn check(house: &House, store: &Store, oracle: &mut Oracle, spooled: u64) {
    let head = store.log_head(signer().key()).await.unwrap();
    oracle.heads.extend(head.map(|head| head.checkpoint));
    let spool = Spool::open(&house.spool_dir(), house.root.clone(), config(DURABLE), store)
        .await
        .unwrap();
    run_flusher(&spool, store, Duration::from_millis(1), async {})
        .await
        .unwrap();
    let stored = store.last_audit_seq(spool.node()).await.unwrap().unwrap_or(0);
    assert!(stored >= spooled, "{spooled} spooled, {stored} stored");
    oracle.nodes.insert(spool.node().to_owned(), stored);
    sequencer(store).await.run_once().await.unwrap();
    oracle.check(store).await;
}

#[tokio::test]
async fn a_process_killed_under_load_loses_nothing_acknowledged_on_sqlite() {
    let house = House::new().await;
    let (mut oracle, mut state) = (Oracle::default(), 0x6b69_6c6c_u64);
    for _ in 0..kills() {
        let spooled = work_and_kill(house.dir.path(), &mut state, &mut oracle, None);
        let store = house.again().await;
        check(&house, &store, &mut oracle, spooled).await;
        store.close().await;
    }
    assert!(
        oracle.acknowledged.len() as u64 > 50 * kills(),
        "{}",
        oracle.acknowledged.len()
    );
}

#[tokio::test]
async fn a_process_or_server_killed_under_load_loses_nothing_acknowledged_on_postgres() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let house = House::new().await;
    fs::write(house.dir.path().join("location"), cluster.url()).unwrap();
    let stop = || {
        cluster.stop_immediately();
        cluster.boot();
    };
    let kill = || {
        cluster.kill();
        cluster.boot();
    };
    let kill_a_session = || cluster.kill_a_session();
    let blows: [Option<Blow<'_>>; 4] = [None, Some(&kill_a_session), Some(&stop), Some(&kill)];
    let (mut oracle, mut state) = (Oracle::default(), 0x7067_6b69_u64);
    let rounds = (kills() / 2).max(4);
    for blow in blows.into_iter().cycle().take(usize::try_from(rounds).unwrap()) {
        let spooled = work_and_kill(house.dir.path(), &mut state, &mut oracle, blow);
        let store = Store::open(cluster.location(), &house.root).await.unwrap();
        check(&house, &store, &mut oracle, spooled).await;
        store.close().await;
    }
    assert!(
        oracle.acknowledged.len() as u64 > 50 * rounds,
        "{}",
        oracle.acknowledged.len()
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_told_at_once_and_used_again_when_it_is_back() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = Store::open(cluster.location(), &root_key()).await.unwrap();
    let mut tasks = JoinSet::new();
    for i in 0..16_u64 {
        let store = store.clone();
        tasks.spawn(async move { write(&store, &format!("before-{i}"), i).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    // With its sessions: one of them may serve a write after the server's own end.
    cluster.kill_all();
    let down = std::time::Instant::now();
    let first = write(&store, "down", 0).await.unwrap_err();
    for i in 0..100 {
        let refused = write(&store, "down", i).await.unwrap_err();
        assert!(
            matches!(refused, Error::Unreachable(_) | Error::Commit { .. }),
            "{refused:?}"
        );
    }
    assert!(
        matches!(first, Error::Unreachable(_) | Error::Commit { .. }),
        "{first:?}"
    );
    assert!(down.elapsed() < Duration::from_secs(4), "{:?}", down.elapsed());
    cluster.boot();
    write(&store, "after", 0).await.unwrap();
    // Connections that died in the pool are passed over.
    cluster.stop_immediately();
    cluster.boot();
    write(&store, "after that", 0).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_told_in_time_and_used_again_when_it_goes_on() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = Store::open(cluster.location(), &root_key()).await.unwrap();
    let fill = async |name: &'static str| {
        let mut tasks = JoinSet::new();
        for i in 0..16_u64 {
            let store = store.clone();
            tasks.spawn(async move { write(&store, &format!("{name}-{i}"), i).await });
        }
        tasks.join_all().await
    };
    assert!(fill("before").await.iter().all(Result::is_ok));
    let family = cluster.freeze();
    let hung = std::time::Instant::now();
    for i in 0..5 {
        let refused = write(&store, "hung", i).await.unwrap_err();
        assert!(matches!(refused, Error::Unreachable(_)), "{refused:?}");
    }
    // Less than one statement may take: nobody waits for each of the connections that say nothing.
    assert!(hung.elapsed() < Duration::from_secs(40), "{:?}", hung.elapsed());
    Cluster::thaw(&family);
    while write(&store, "after", 0).await.is_err() {
        assert!(hung.elapsed() < Duration::from_secs(60));
    }
    assert!(fill("later").await.iter().all(Result::is_ok));
    store.close().await;
}
