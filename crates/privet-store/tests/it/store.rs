//! Opening, keys and audit events.

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{ApiKeyRecord, AuditRecord, Error, Store};
use sqlx::{Connection, SqliteConnection};

use crate::support::{House, api_key, change, event, root_key};

fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<AuditRecord> {
    numbers
        .into_iter()
        .map(|i| AuditRecord::new(i, &event(i)).unwrap())
        .collect()
}

async fn bare(house: &House) -> SqliteConnection {
    SqliteConnection::connect(&format!(
        "sqlite:{}",
        house.dir.path().join("privet.sqlite").display()
    ))
    .await
    .unwrap()
}

#[tokio::test]
async fn a_store_opens_again_with_its_root_key_only() {
    for house in House::each().await {
        house.store.append_audit("n", &records([1])).await.unwrap();
        house.store.close().await;
        let other = Store::open(house.location(), &RootKey::generate().unwrap())
            .await
            .unwrap_err();
        assert!(matches!(other, Error::WrongRootKey { .. }), "{other}");
        let again = house.again().await;
        assert_eq!(again.audit_count().await.unwrap(), 1);
        again.close().await;
        house.end().await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "my notes, not a database\n".repeat(100)).unwrap();
    let refused = Store::open(&path, &root_key()).await.unwrap_err();
    assert!(matches!(refused, Error::Open { .. }), "{refused:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("my notes"));
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let house = House::new().await;
    let path = house.dir.path().join("other.sqlite");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
        .await
        .unwrap();
    sqlx::query("CREATE TABLE bookmarks (url TEXT)")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = Store::open(&path, &house.root).await.unwrap_err();
    assert!(matches!(refused, Error::NotAStore { .. }), "{refused:?}");
    let tables = "SELECT group_concat(name) FROM sqlite_master";
    let tables: String = sqlx::query_scalar(tables).fetch_one(&mut other).await.unwrap();
    assert_eq!(tables, "bookmarks");
}

#[tokio::test]
async fn a_store_of_a_newer_privet_is_refused() {
    for house in House::each().await {
        house
            .raw("INSERT INTO schema_version (version) VALUES (999)")
            .await
            .unwrap();
        let refused = Store::open(house.location(), &house.root).await.unwrap_err();
        assert!(
            matches!(refused, Error::NewerSchema { found: 999, .. }),
            "{refused:?}"
        );
        house.end().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/privet.sqlite");
    let store = Store::open(&path, &root_key()).await.unwrap();
    store.append_audit("n", &records([1])).await.unwrap();
    let mode = |path: &str| {
        std::fs::metadata(dir.path().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!([mode("a"), mode("a/b")], [0o700; 2]);
    assert_eq!(
        [
            mode("a/b/privet.sqlite"),
            mode("a/b/privet.sqlite-wal"),
            mode("a/b/privet.sqlite-shm")
        ],
        [0o600; 3]
    );
}

#[tokio::test]
async fn the_database_is_in_wal_mode() {
    let house = House::new().await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut bare(&house).await)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_can_create_one_store_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privet.sqlite");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { Store::open(&path, &root_key()).await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn keys_are_listed_as_they_were_inserted_and_each_change_is_counted() {
    for house in House::each().await {
        let before = house.store.load_api_keys().await.unwrap();
        let second = ApiKeyRecord {
            expires_at: Some(Timestamp::from_millisecond(1_800_000_000_456).unwrap()),
            ..api_key("bb")
        };
        house
            .store
            .insert_api_key(&api_key("a"), &change("a", 0))
            .await
            .unwrap();
        house
            .store
            .insert_api_key(&second, &change("bb", 0))
            .await
            .unwrap();
        let after = house.store.load_api_keys().await.unwrap();
        assert_eq!(after.keys, [api_key("a"), second]);
        assert_eq!(after.version, before.version + 2);
        assert_eq!(house.store.api_keys_version().await.unwrap(), after.version);
        assert_eq!(house.store.list_api_keys().await.unwrap(), after.keys);
        house.end().await;
    }
}

#[tokio::test]
async fn two_keys_cannot_share_an_id_or_a_hash() {
    for house in House::each().await {
        house
            .store
            .insert_api_key(&api_key("a"), &change("a", 0))
            .await
            .unwrap();
        assert!(
            house
                .store
                .insert_api_key(
                    &ApiKeyRecord {
                        hash: [9; 32],
                        ..api_key("a")
                    },
                    &change("a", 1)
                )
                .await
                .is_err()
        );
        assert!(
            house
                .store
                .insert_api_key(
                    &ApiKeyRecord {
                        hash: api_key("a").hash,
                        ..api_key("b")
                    },
                    &change("b", 1)
                )
                .await
                .is_err()
        );
        assert_eq!(house.store.list_api_keys().await.unwrap().len(), 1);
        assert_eq!(
            house.store.audit_count().await.unwrap(),
            1,
            "what was refused is not told"
        );
        house.end().await;
    }
}

#[tokio::test]
async fn a_revocation_is_seen_through_another_handle_and_keeps_its_first_time() {
    for house in House::each().await {
        let other = house.again().await;
        house
            .store
            .insert_api_key(&api_key("a"), &change("a", 0))
            .await
            .unwrap();
        let version = other.api_keys_version().await.unwrap();
        let first = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(
            house
                .store
                .revoke_api_key(&change("a", 1_800_000_000))
                .await
                .unwrap(),
            Some(first)
        );
        assert_eq!(
            house
                .store
                .revoke_api_key(&change("a", 1_900_000_000))
                .await
                .unwrap(),
            Some(first)
        );
        assert_eq!(
            house
                .store
                .revoke_api_key(&change("b", 1_900_000_000))
                .await
                .unwrap(),
            None
        );
        assert_ne!(other.api_keys_version().await.unwrap(), version);
        assert_eq!(other.list_api_keys().await.unwrap()[0].revoked_at, Some(first));
        house.end().await;
    }
}

#[tokio::test]
async fn appending_a_batch_again_changes_nothing() {
    for house in House::each().await {
        house.store.append_audit("n", &records(1..=100)).await.unwrap();
        house.store.append_audit("n", &records(50..=200)).await.unwrap();
        house.store.append_audit("m", &records(1..=1)).await.unwrap();
        assert_eq!(house.store.audit_count().await.unwrap(), 201);
        assert_eq!(house.store.last_audit_seq("n").await.unwrap(), Some(200));
        assert_eq!(house.store.last_audit_seq("m").await.unwrap(), Some(1));
        assert_eq!(house.store.last_audit_seq("x").await.unwrap(), None);
        house.end().await;
    }
}

#[tokio::test]
async fn another_event_under_a_taken_number_is_refused_with_its_batch() {
    for house in House::each().await {
        house.store.append_audit("n", &records(1..=3)).await.unwrap();
        let batch = [
            AuditRecord::new(3, &event(99)).unwrap(),
            AuditRecord::new(4, &event(4)).unwrap(),
        ];
        let refused = house.store.append_audit("n", &batch).await.unwrap_err();
        assert!(
            matches!(refused, Error::AuditConflict { seq: 3, .. }),
            "{refused:?}"
        );
        assert_eq!(house.store.audit_count().await.unwrap(), 3);
        house.end().await;
    }
}

#[tokio::test]
async fn events_come_back_in_order_and_whole() {
    for house in House::each().await {
        house.store.append_audit("n", &records(1..=5)).await.unwrap();
        let first = house.store.audit_events(0, 3).await.unwrap();
        let rest = house.store.audit_events(first[2].id, 100).await.unwrap();
        let all: Vec<_> = first.into_iter().chain(rest).collect();
        assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(
            all.iter()
                .all(|row| row.node == "n" && row.event == event(row.seq))
        );
        house.end().await;
    }
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_or_delete_an_event() {
    for house in House::each().await {
        house.store.append_audit("n", &records([1])).await.unwrap();
        for statement in ["UPDATE audit_events SET payload = ''", "DELETE FROM audit_events"] {
            let refused = house.raw(statement).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
        assert_eq!(house.store.audit_events(0, 9).await.unwrap()[0].event, event(1));
        house.end().await;
    }
}

#[tokio::test]
async fn a_closed_store_says_so_instead_of_hanging() {
    for house in House::each().await {
        house.store.close().await;
        assert!(matches!(house.store.audit_count().await, Err(Error::Closed)));
        assert!(matches!(
            house.store.append_audit("n", &records([1])).await,
            Err(Error::Closed)
        ));
        house.end().await;
    }
}
