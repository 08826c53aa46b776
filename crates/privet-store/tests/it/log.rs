//! The signed log: sequencing, migration, and what becomes of a store that was changed.

use std::path::Path;
use std::time::Duration;

use privet_crypto::SigningKey;
use privet_log::{Checkpoint, Edge, Hash, Leaf, NoteSigner};
use privet_store::{
    AuditRecord, Backend, Error, LogKey, Sequencer, Spool, Store, Successors, log_signer, run_flusher,
    run_sequencer, run_sequencer_through_changes,
};
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::sync::oneshot;

use crate::support::{DURABLE, House, api_key, change, config, event, root_key};

pub(crate) fn signer() -> NoteSigner {
    log_signer(&root_key(), None).unwrap()
}

pub(crate) async fn sequencer(store: &Store) -> Sequencer {
    Sequencer::open(store.clone(), signer()).await.unwrap()
}

fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<AuditRecord> {
    numbers
        .into_iter()
        .map(|i| AuditRecord::new(i, &event(i)).unwrap())
        .collect()
}

/// All leaves, and the head, after holding every leaf and both stored trees against the signed root.
pub(crate) async fn checked(store: &Store) -> (Vec<Vec<u8>>, Option<Checkpoint>) {
    let head = store.log_head(signer().key()).await.unwrap();
    let size = head.as_ref().map_or(0, |head| head.checkpoint.size);
    let mut entries: Vec<Vec<u8>> = Vec::new();
    loop {
        let more = store.log_leaves(entries.len() as u64, 10_000).await.unwrap();
        if more.is_empty() {
            break;
        }
        entries.extend(more.into_iter().map(|leaf| leaf.entry));
    }
    assert_eq!(entries.len() as u64, size);
    let mut edge = Edge::default();
    for entry in &entries {
        edge.push(Hash::of_leaf(entry), &mut |_, _| {});
    }
    let root = head
        .as_ref()
        .map_or(Hash::of_empty_tree(), |head| head.checkpoint.root);
    assert_eq!(edge.root(), root);
    assert_eq!(store.log_edge(size).await.unwrap(), edge);
    (entries, head.map(|head| head.checkpoint))
}

/// The numbers of `node` in the order of the log.
pub(crate) fn numbers(entries: &[Vec<u8>], node: &str) -> Vec<u64> {
    let leaves = entries.iter().map(|entry| Leaf::parse(entry).unwrap());
    leaves
        .filter(|leaf| leaf.node == node)
        .map(|leaf| leaf.seq)
        .collect()
}

#[tokio::test]
async fn every_event_and_change_gets_one_position_under_a_signed_head() {
    for house in House::each().await {
        let mut sequencer = sequencer(&house.store).await;
        assert_eq!(sequencer.run_once().await.unwrap(), 0);
        assert_eq!(checked(&house.store).await, (Vec::new(), None));
        house.store.append_audit("n", &records(1..=300)).await.unwrap();
        let key = api_key("k");
        house.store.insert_api_key(&key, &change("k", 1)).await.unwrap();
        assert_eq!(sequencer.run_once().await.unwrap(), 301);
        // Handed over again, with more behind it.
        house.store.append_audit("n", &records(200..=310)).await.unwrap();
        house.store.revoke_api_key(&change("k", 2)).await.unwrap();
        house.store.revoke_api_key(&change("k", 3)).await.unwrap();
        assert_eq!(sequencer.run_once().await.unwrap(), 11);
        let (entries, head) = checked(&house.store).await;
        assert_eq!(head.unwrap().size, 312);
        assert_eq!(numbers(&entries, "n"), (1..=310).collect::<Vec<_>>());
        assert_eq!(numbers(&entries, "store"), [1, 2]);
        let text = String::from_utf8(entries.concat()).unwrap();
        assert!(
            text.contains("\"kind\":\"api_key_created\"") && text.contains("\"kind\":\"api_key_revoked\"")
        );
        assert!(!text.contains("ann"), "people are pseudonyms");
        house.end().await;
    }
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_leaf_and_a_leaf_that_fails_leaves_no_change() {
    for house in House::each().await {
        let refuse = match house.store.backend() {
            Backend::Sqlite => {
                "CREATE TRIGGER refuse BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no leaf today'); END"
            }
            Backend::Postgres => {
                "CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            }
        };
        house.raw(refuse).await.unwrap();
        let key = api_key("k");
        assert!(house.store.insert_api_key(&key, &change("k", 1)).await.is_err());
        assert!(house.store.list_api_keys().await.unwrap().is_empty());
        let allow = match house.store.backend() {
            Backend::Sqlite => "DROP TRIGGER refuse",
            Backend::Postgres => "DROP TRIGGER refuse ON audit_events",
        };
        house.raw(allow).await.unwrap();
        house.store.insert_api_key(&key, &change("k", 1)).await.unwrap();
        assert!(house.store.insert_api_key(&key, &change("k", 1)).await.is_err());
        sequencer(&house.store).await.run_once().await.unwrap();
        assert_eq!(checked(&house.store).await.0.len(), 1);
        house.end().await;
    }
}

#[tokio::test]
async fn a_store_from_before_the_log_keeps_its_events_and_they_become_leaves() {
    let house = House::new().await;
    let path = house.dir.path().join("old.sqlite");
    let mut old = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
        .await
        .unwrap();
    let schema = include_str!("../../src/schema/sqlite/0001_keys_and_audit.sql");
    sqlx::raw_sql("CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY); INSERT INTO schema_version VALUES (1);")
        .execute(&mut old)
        .await
        .unwrap();
    sqlx::raw_sql(schema).execute(&mut old).await.unwrap();
    for i in 1..=5_i64 {
        sqlx::query(
            "INSERT INTO audit_events (position, node, seq, at, payload) VALUES ($1, 'n', $2, 0, $3)",
        )
        .bind(10 * i)
        .bind(i)
        .bind(serde_json::to_string(&event(i.unsigned_abs())).unwrap())
        .execute(&mut old)
        .await
        .unwrap();
    }
    old.close().await.unwrap();
    let store = Store::open(&path, &root_key()).await.unwrap();
    assert_eq!(store.last_audit_seq("n").await.unwrap(), Some(5));
    assert_eq!(sequencer(&store).await.run_once().await.unwrap(), 5);
    let (entries, _) = checked(&store).await;
    assert_eq!(numbers(&entries, "n"), [1, 2, 3, 4, 5]);
    store.append_audit("n", &records(4..=7)).await.unwrap();
    assert_eq!(sequencer(&store).await.run_once().await.unwrap(), 2);
    assert_eq!(numbers(&checked(&store).await.0, "n"), [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn of_two_sequencers_one_loses_each_race_and_both_go_on() {
    for house in House::each().await {
        let (mut one, mut two) = (sequencer(&house.store).await, sequencer(&house.store).await);
        let mut given = [0, 0];
        for round in 0..20_u64 {
            house
                .store
                .append_audit("n", &records(round * 30 + 1..=round * 30 + 30))
                .await
                .unwrap();
            let (a, b) = tokio::join!(one.run_once(), two.run_once());
            given[0] += a.unwrap();
            given[1] += b.unwrap();
        }
        assert_eq!(given[0] + given[1], 600);
        let (entries, _) = checked(&house.store).await;
        assert_eq!(numbers(&entries, "n"), (1..=600).collect::<Vec<_>>());
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_sequencers_of_several_handles_make_one_log() {
    for house in House::each().await {
        let location = house.location();
        let mut tasks = Vec::new();
        for node in 0..4 {
            let location = location.clone();
            tasks.push(tokio::spawn(async move {
                let store = Store::open(location, &root_key()).await.unwrap();
                let mut sequencer = sequencer(&store).await;
                for batch in 0..25_u64 {
                    let numbers = batch * 10 + 1..=batch * 10 + 10;
                    store
                        .append_audit(&format!("n{node}"), &records(numbers))
                        .await
                        .unwrap();
                    sequencer.run_once().await.unwrap();
                }
                store.close().await;
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        sequencer(&house.store).await.run_once().await.unwrap();
        let (entries, head) = checked(&house.store).await;
        assert_eq!(head.unwrap().size, 1000);
        for node in 0..4 {
            assert_eq!(
                numbers(&entries, &format!("n{node}")),
                (1..=250).collect::<Vec<_>>()
            );
        }
        house.end().await;
    }
}

#[tokio::test]
async fn leaves_that_become_visible_out_of_the_order_of_their_ids_all_get_a_position() {
    for house in House::each()
        .await
        .into_iter()
        .filter(|house| house.postgres.is_some())
    {
        let url = house.postgres.as_ref().unwrap().url();
        let mut sequencer = sequencer(&house.store).await;
        for round in 0..5_u64 {
            // Takes an id, and commits after others have.
            let mut slow = sqlx::PgConnection::connect(&url).await.unwrap();
            let late = records([round * 10 + 1]);
            let payload = serde_json::to_string(&event(round * 10 + 1)).unwrap();
            slow.execute("BEGIN").await.unwrap();
            sqlx::query("INSERT INTO audit_events (node, seq, at, payload) VALUES ('n', $1, 0, $2)")
                .bind(i64::try_from(late[0].seq()).unwrap())
                .bind(payload)
                .execute(&mut slow)
                .await
                .unwrap();
            house
                .store
                .append_audit("n", &records(round * 10 + 2..=round * 10 + 10))
                .await
                .unwrap();
            assert_eq!(sequencer.run_once().await.unwrap(), 9);
            slow.execute("COMMIT").await.unwrap();
            assert_eq!(sequencer.run_once().await.unwrap(), 1);
        }
        let (entries, _) = checked(&house.store).await;
        let mut seen = numbers(&entries, "n");
        seen.sort_unstable();
        assert_eq!(seen, (1..=50).collect::<Vec<_>>());
        house.end().await;
    }
}

#[tokio::test]
async fn a_log_goes_on_with_its_own_key_only() {
    for house in House::each().await {
        sequencer(&house.store).await;
        let other = log_signer(&root_key(), Some(SigningKey::generate().unwrap())).unwrap();
        let refused = Sequencer::open(house.store.clone(), other).await.unwrap_err();
        assert!(matches!(refused, Error::LogKeyChanged { .. }), "{refused:?}");
        house.end().await;
    }
}

#[tokio::test]
async fn a_stored_tree_that_is_not_the_signed_one_is_refused() {
    for change in [
        "UPDATE log_head SET size = size - 1",
        "UPDATE log_head SET checkpoint = replace(checkpoint, '300', '299')",
        "UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND tile = 0) WHERE tile = 1",
        "DELETE FROM log_tiles WHERE level = 1",
    ] {
        for house in House::each().await {
            house.store.append_audit("n", &records(1..=300)).await.unwrap();
            sequencer(&house.store).await.run_once().await.unwrap();
            house.raw(change).await.unwrap();
            let refused = Sequencer::open(house.store.clone(), signer()).await.unwrap_err();
            assert!(
                matches!(refused, Error::LogDamaged { .. }),
                "{change}: {refused:?}"
            );
            house.end().await;
        }
    }
}

#[tokio::test]
async fn positions_cannot_be_changed_or_deleted_by_a_statement() {
    for house in House::each().await {
        house.store.append_audit("n", &records(1..=3)).await.unwrap();
        sequencer(&house.store).await.run_once().await.unwrap();
        for statement in ["UPDATE log_positions SET event = 1", "DELETE FROM log_positions"] {
            let refused = house.raw(statement).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
        house.end().await;
    }
}

#[tokio::test]
async fn an_event_is_under_a_signed_head_soon_after_it_was_appended() {
    for house in House::each().await {
        let spool = house.spool(DURABLE).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let (stop_log, log_stopped) = oneshot::channel::<()>();
        let flusher = tokio::spawn({
            let (spool, store) = (spool.clone(), house.store.clone());
            async move {
                run_flusher(&spool, &store, Duration::from_millis(5), async move {
                    drop(stopped.await);
                })
                .await
            }
        });
        let sequencer = sequencer(&house.store).await;
        let sequencer = tokio::spawn(run_sequencer(sequencer, Duration::from_millis(5), async move {
            drop(log_stopped.await);
        }));
        spool.append(&event(1)).await.unwrap();
        let arrived = tokio::time::timeout(Duration::from_secs(5), async {
            while house.store.log_head(signer().key()).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        });
        assert!(arrived.await.is_ok());
        spool.append(&event(2)).await.unwrap();
        drop(stop);
        flusher.await.unwrap().unwrap();
        drop(stop_log);
        sequencer.await.unwrap().unwrap();
        let (entries, _) = checked(&house.store).await;
        assert_eq!(
            numbers(&entries, spool.node()),
            [1, 2],
            "the last ones are sequenced at shutdown"
        );
        house.end().await;
    }
}

#[tokio::test]
#[ignore = "run in a process of its own by the test below"]
async fn append_and_sequence_here_until_killed() {
    let store = Store::open(Path::new("privet.sqlite"), &root_key())
        .await
        .unwrap();
    let mut sequencer = sequencer(&store).await;
    let first = store.last_audit_seq("n").await.unwrap().unwrap_or(0) + 1;
    for i in first.. {
        store.append_audit("n", &records(i..=i)).await.unwrap();
        println!("\nstored {i}");
        sequencer.run_once().await.unwrap();
        println!("\nsequenced {}", sequencer.size());
    }
}

/// How often the test below kills: 25 times, or as often as `PRIVET_KILLS` says.
#[expect(clippy::disallowed_methods, reason = "a test that can be run longer by hand")]
pub(crate) fn kills() -> u64 {
    std::env::var("PRIVET_KILLS").map_or(25, |kills| kills.parse().unwrap())
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_leaf_and_leaves_one_history() {
    let house = House::new().await;
    let kills = kills();
    let mut heads: Vec<Checkpoint> = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..kills {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let lines_before_kill = 1 + usize::try_from(state >> 58).unwrap();
        let told = crate::processes::killed_after_lines(
            "log::append_and_sequence_here_until_killed",
            house.dir.path(),
            lines_before_kill,
            Duration::from_micros(state >> 52),
        );
        let number = |word: &str| {
            let told = told.iter().rev().find_map(|line| line.strip_prefix(word));
            told.map_or(0, |number| number.parse::<u64>().unwrap())
        };
        let (stored, sequenced) = (number("stored "), number("sequenced "));
        let (entries, head) = checked(&house.store).await;
        let size = head.as_ref().map_or(0, |head| head.size);
        assert!(size >= sequenced, "{sequenced} told, {size} there");
        assert!(house.store.last_audit_seq("n").await.unwrap().unwrap_or(0) >= stored);
        assert_eq!(numbers(&entries, "n"), (1..=size).collect::<Vec<_>>());
        // What was signed before is the beginning of what is there now.
        for earlier in &heads {
            assert_eq!(
                house.store.log_edge(earlier.size).await.unwrap().root(),
                earlier.root
            );
        }
        heads.extend(head);
    }
    sequencer(&house.store).await.run_once().await.unwrap();
    let stored = house.store.last_audit_seq("n").await.unwrap().unwrap();
    assert_eq!(
        numbers(&checked(&house.store).await.0, "n"),
        (1..=stored).collect::<Vec<_>>()
    );
}

#[tokio::test]
#[ignore = "run in a process of its own by the test below"]
async fn spool_store_and_sequence_here_until_killed() {
    let store = Store::open(Path::new("privet.sqlite"), &root_key())
        .await
        .unwrap();
    let spool = Spool::open(Path::new("spool"), root_key(), config(DURABLE), &store)
        .await
        .unwrap();
    let sequencer = sequencer(&store).await;
    let pause = Duration::from_millis(1);
    let flush = run_flusher(&spool, &store, pause, std::future::pending());
    let sequence = run_sequencer(sequencer, pause, std::future::pending());
    let append = async {
        loop {
            let seq = spool.append(&event(1)).await.unwrap();
            println!("\nstored {seq}");
        }
    };
    tokio::select! {
        ended = flush => ended.unwrap(),
        ended = sequence => ended.unwrap(),
        () = append => {}
    }
}

#[tokio::test]
async fn every_event_that_was_answered_for_is_in_the_log_after_any_kill() {
    let house = House::new().await;
    let mut promised = 0;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..kills() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let told = crate::processes::killed_after_lines(
            "log::spool_store_and_sequence_here_until_killed",
            house.dir.path(),
            1 + usize::try_from(state >> 58).unwrap(),
            Duration::from_micros(state >> 52),
        );
        let last = told.iter().rev().find_map(|line| line.strip_prefix("stored "));
        promised = promised.max(last.map_or(0, |last| last.parse().unwrap()));
        // What is signed now is whole, whatever still waits.
        checked(&house.store).await;
    }
    let spool = house.spool(DURABLE).await;
    run_flusher(&spool, &house.store, Duration::from_millis(1), async {})
        .await
        .unwrap();
    sequencer(&house.store).await.run_once().await.unwrap();
    let (entries, _) = checked(&house.store).await;
    let logged = numbers(&entries, spool.node());
    assert!(
        logged.len() as u64 >= promised,
        "{promised} promised, {} logged",
        logged.len()
    );
    assert_eq!(logged, (1..=logged.len() as u64).collect::<Vec<_>>());
}

fn next_signer() -> NoteSigner {
    let key = SigningKey::parse(&format!("privet-signing-1:{}", "a".repeat(64))).unwrap();
    log_signer(&root_key(), Some(key)).unwrap()
}

/// What `keys` sign now, and the sequencer that works with the second.
async fn changed_key(store: &Store) -> (NoteSigner, Sequencer) {
    let at = jiff::Timestamp::from_second(5).unwrap();
    let changed = sequencer(store)
        .await
        .change_key(next_signer(), at)
        .await
        .unwrap();
    (next_signer(), changed)
}

#[tokio::test]
async fn who_has_nothing_to_sequence_hears_of_another_key() {
    for house in House::each().await {
        let idle = sequencer(&house.store).await;
        let (next, mut busy) = changed_key(&house.store).await;
        // The other one takes all there is.
        house.store.append_audit("n", &records(1..=3)).await.unwrap();
        assert_eq!(busy.run_once().await.unwrap(), 3);
        let known = LogKey::from(signer().key().clone());
        let successors = Successors::new(known.clone(), || Some(next_signer()));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(run_sequencer_through_changes(
            idle,
            successors,
            Duration::from_millis(1),
            async { _ = stopped.await },
        ));
        let heard = async {
            while known.get() != *next.key() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard)
            .await
            .expect("it hears of the key");
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
        house.end().await;
    }
}

fn next() -> NoteSigner {
    let key = SigningKey::parse(&format!("privet-signing-1:{}", "a".repeat(64))).unwrap();
    log_signer(&root_key(), Some(key)).unwrap()
}

#[tokio::test]
async fn a_log_changes_its_key_and_both_sign_where_it_does() {
    for house in House::each().await {
        let store = &house.store;
        let mut former = sequencer(store).await;
        store.append_audit("n", &records(1..=300)).await.unwrap();
        former.run_once().await.unwrap();
        // Waits, and is not passed over.
        store.append_audit("n", &records(301..=310)).await.unwrap();
        let (next, mut sequencer) = changed_key(store).await;
        assert_eq!(sequencer.size(), 311);
        store.append_audit("n", &records(311..=320)).await.unwrap();
        // Who has the former key does nothing more, and others go on.
        let refused = former.run_once().await.unwrap_err();
        assert!(matches!(refused, Error::LogKeyChanged { .. }), "{refused:?}");
        let refused = Sequencer::open(store.clone(), signer()).await.unwrap_err();
        assert!(matches!(refused, Error::LogKeyChanged { .. }), "{refused:?}");
        assert_eq!(sequencer.run_once().await.unwrap(), 10);
        let head = store.log_head(next.key()).await.unwrap().unwrap();
        assert_eq!(head.checkpoint.size, 321);

        let keys = store.log_keys(next.key()).await.unwrap();
        assert_eq!(keys.all().count(), 2);
        let kept = store.kept_checkpoints().await.unwrap();
        let both = kept.iter().find(|kept| kept.is_key_change).unwrap();
        assert_eq!(both.size, 311);
        for key in [signer().key(), next.key()] {
            assert_eq!(Checkpoint::open(both.note.as_bytes(), key).unwrap().0.size, 311);
        }
        let leaf = store.log_leaves(310, 1).await.unwrap().remove(0);
        let change = privet_log::KeyChange::read(310, &leaf.entry).unwrap();
        assert_eq!((&change.from, &change.to), (signer().key(), next.key()));
        assert_eq!(Leaf::parse(&leaf.entry).unwrap().node, "store");
        // A key of another log is refused.
        let stranger = NoteSigner::new("x", privet_log::Signer::Log, SigningKey::generate().unwrap());
        let refused = sequencer
            .change_key(stranger.unwrap(), jiff::Timestamp::UNIX_EPOCH)
            .await;
        assert!(matches!(refused, Err(Error::LogKey(_))));
        house.end().await;
    }
}

#[tokio::test]
async fn two_who_change_the_key_at_once_do_not_both_do_it() {
    for house in House::each().await {
        house.store.append_audit("n", &records(1..=3)).await.unwrap();
        let (one, two) = (sequencer(&house.store).await, sequencer(&house.store).await);
        let key = || log_signer(&root_key(), Some(SigningKey::generate().unwrap())).unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let done = tokio::join!(one.change_key(key(), at), two.change_key(key(), at));
        let changed = [done.0, done.1].into_iter().filter(Result::is_ok).count();
        assert_eq!(changed, 1);
        assert_eq!(
            house
                .store
                .kept_checkpoints()
                .await
                .unwrap()
                .iter()
                .filter(|kept| kept.is_key_change)
                .count(),
            1
        );
        house.end().await;
    }
}

#[tokio::test]
async fn a_running_sequencer_tells_of_another_key_only_once_the_log_is_found_to_be_signed_with_it() {
    for house in House::each().await {
        let store = &house.store;
        let key = LogKey::from(signer().key().clone());
        let run = |running: Sequencer| {
            let successors = Successors::new(key.clone(), || Some(next()));
            run_sequencer_through_changes(running, successors, Duration::from_millis(1), async {})
        };
        let mut running = sequencer(store).await;
        store.append_audit("n", &records(1..=3)).await.unwrap();
        running.run_once().await.unwrap();
        store.append_audit("n", &records(4..=5)).await.unwrap();
        // The settings name a key that stands in the row, too; but nobody gave it to the log.
        let put = |key: &NoteSigner| {
            format!(
                "UPDATE settings SET value = '{}' WHERE name = 'log_key'",
                key.key()
            )
        };
        house.raw(&put(&next())).await.unwrap();
        let ended = run(running).await;
        assert!(matches!(ended, Err(Error::LogKeyChanged { .. })), "{ended:?}");
        assert_eq!(&key.get(), signer().key());
        house.raw(&put(&signer())).await.unwrap();

        let running = sequencer(store).await;
        changed_key(store).await;
        store.append_audit("n", &records(6..=7)).await.unwrap();
        run(running).await.unwrap();
        assert_eq!(&key.get(), next().key());
        house.end().await;
    }
}

#[tokio::test]
async fn leaves_and_growth_are_proved_from_the_stored_tiles() {
    for house in House::each().await {
        let store = &house.store;
        let mut sequencer = sequencer(store).await;
        let mut held = Vec::new();
        for upto in [1, 255, 256, 257, 700] {
            let known = store.last_audit_seq("n").await.unwrap().unwrap_or(0);
            store.append_audit("n", &records(known + 1..=upto)).await.unwrap();
            sequencer.run_once().await.unwrap();
            held.push(store.log_head(signer().key()).await.unwrap().unwrap().checkpoint);
        }
        let head = store.log_head(signer().key()).await.unwrap().unwrap();
        for index in (0..700).step_by(37).chain([254, 255, 256, 699]) {
            let proof = store.leaf_proof(index, &head).await.unwrap();
            assert_eq!(proof.check(signer().key()).unwrap().size, 700);
        }
        assert!(store.leaf_proof(700, &head).await.is_err());
        for old in &held {
            let proof = store.growth_proof(old.size, &head).await.unwrap();
            assert_eq!(proof.check(old, signer().key()).unwrap().size, 700);
        }
        let proof = store.growth_proof(300, &head).await.unwrap();
        assert!(proof.check(&held[3], signer().key()).is_err());
        let mut special = event(701);
        special.request_id = "r_1".to_owned();
        let special = AuditRecord::new(701, &special).unwrap();
        store.append_audit("n", &[special]).await.unwrap();
        sequencer.run_once().await.unwrap();
        assert_eq!(store.positions_of_request("r_1").await.unwrap(), [700]);
        for pattern in ["%", "r%", "rx1", "r_"] {
            assert!(
                store.positions_of_request(pattern).await.unwrap().is_empty(),
                "{pattern}"
            );
        }
        house.end().await;
    }
}

#[tokio::test]
async fn checkpoints_are_kept_now_and_then_and_with_what_witnesses_sign() {
    use privet_log::{Note, Signer};
    for house in House::each().await {
        let store = &house.store;
        let mut sequencer = sequencer(store).await;
        for number in 1..=5 {
            store.append_audit("n", &records(number..=number)).await.unwrap();
            sequencer.run_once().await.unwrap();
        }
        // Within an hour one is enough.
        let sizes = |kept: Vec<privet_store::KeptCheckpoint>| {
            kept.into_iter().map(|kept| kept.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(store.kept_checkpoints().await.unwrap()), [1]);
        let witness = NoteSigner::new("w.example", Signer::Witness, SigningKey::generate().unwrap()).unwrap();
        let head = store.log_head(signer().key()).await.unwrap().unwrap();
        let text = Note::parse(head.note.as_bytes()).unwrap().text().to_owned();
        let line = witness.sign(&text, 1_700_000_000);
        let at = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(store.last_cosigned(witness.key()).await.unwrap(), 0);
        for _ in 0..2 {
            store
                .keep_cosignature(&head, at, witness.key(), &line)
                .await
                .unwrap();
        }
        assert_eq!(store.last_cosigned(witness.key()).await.unwrap(), 5);
        assert_eq!(
            store.cosignatures().await.unwrap(),
            [(5, witness.key().clone(), line)]
        );
        let kept = store.kept_checkpoints().await.unwrap();
        let keys = store.log_keys(signer().key()).await.unwrap();
        assert_eq!(kept[1].open(&keys).unwrap(), head.checkpoint);
        assert_eq!(sizes(kept), [1, 5]);
        house.end().await;
    }
}
