//! Keys made, given out, counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_crypto::{Context, KeyId, RootKey, SealCount};
use privet_store::{Error, KeyringConfig, values};

use super::{by_hand, number, places, tenant};
use crate::support::root_key;

#[tokio::test]
async fn keys_are_the_same_after_a_restart() {
    for place in places().await {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 1000).await.unwrap();
        let context = Context {
            tenant: b"t",
            subject: b"s",
            record: b"r",
            field: b"f",
            schema: 1,
            version: 1,
        };
        let sealed = made[7]
            .1
            .record_key()
            .seal(&SealCount::default(), &context, b"value")
            .unwrap();
        keyring.close().await;
        place.reads_all(root_key(), &made).await;
        let keyring = place.open().await;
        let key = keyring.key(&tenant(), &made[7].0).await.unwrap();
        let opened = key.record_key().open(&context, &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"value");
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn another_root_key_does_not_open_a_keyring() {
    for place in places().await {
        place.open().await.close().await;
        let other = Arc::new(RootKey::generate().unwrap());
        let refused = place
            .open_with(other, KeyringConfig::default())
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::WrongRootKey { .. }), "{refused}");
        place.drop().await;
    }
}

#[tokio::test]
async fn another_tenants_key_is_absent_as_if_it_had_never_been() {
    for place in places().await {
        let keyring = place.open().await;
        let other = "other".parse().unwrap();
        let made = keyring.create_keys(&tenant(), 1).await.unwrap();
        keyring.create_keys(&other, 1).await.unwrap();
        let id = made[0].0;
        let never = KeyId::from_bytes([9; 16]);
        let theirs = keyring.key(&other, &id).await.unwrap_err();
        let nobodys = keyring.key(&other, &never).await.unwrap_err();
        assert_eq!(theirs.to_string(), nobodys.to_string());
        assert_eq!(keyring.keys(&other, &[id]).await.unwrap().len(), 1);
        assert!(keyring.keys(&other, &[id]).await.unwrap()[0].is_none());
        assert_eq!(keyring.shred(&other, &[id]).await.unwrap().shredded, 0);
        assert!(keyring.key(&tenant(), &id).await.is_ok());
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_tenant_that_never_was_is_not_made_by_asking() {
    for place in places().await {
        let keyring = place.open().await;
        let asked = keyring.key(&tenant(), &KeyId::from_bytes([1; 16])).await;
        assert!(matches!(asked, Err(Error::KeyShredded)));
        assert_eq!(
            number(keyring.database(), "SELECT COUNT(*) FROM tenant_keys").await,
            0
        );
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn what_another_process_shreds_is_forgotten_within_a_second() {
    for place in places().await {
        let (one, two) = (place.open().await, place.open().await);
        let made = one.create_keys(&tenant(), 2).await.unwrap();
        for (id, _) in &made {
            two.key(&tenant(), id).await.unwrap();
        }
        let shredding = one.shred(&tenant(), &[made[0].0]).await.unwrap();
        assert_eq!(shredding.shredded, 1);
        let since = Instant::now();
        assert!(matches!(
            one.key(&tenant(), &made[0].0).await,
            Err(Error::KeyShredded)
        ));
        while two.key(&tenant(), &made[0].0).await.is_ok() {
            assert!(since.elapsed() < Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(two.key(&tenant(), &made[1].0).await.is_ok());
        one.close().await;
        two.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_key_leaves_memory_when_it_is_shredded() {
    for place in places().await {
        let keyring = place.open().await;
        let mut made = keyring.create_keys(&tenant(), 1).await.unwrap();
        let (id, key) = made.remove(0);
        let watched = Arc::downgrade(&key);
        drop(key);
        assert!(watched.upgrade().is_some());
        keyring.shred(&tenant(), &[id]).await.unwrap();
        assert!(watched.upgrade().is_none());
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_damaged_or_moved_row_is_named_and_others_are_read() {
    for place in places().await {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 3).await.unwrap();
        let ids: Vec<_> = made.iter().map(|(id, _)| *id).collect();
        by_hand(
            keyring.database(),
            "UPDATE subject_keys SET wrapped = $2 WHERE id = $1",
            values![*ids[0].as_bytes(), vec![1_u8; 57]],
        )
        .await;
        // Another key's wrap under this name.
        by_hand(
            keyring.database(),
            "UPDATE subject_keys SET wrapped = (SELECT s.wrapped FROM subject_keys s WHERE s.id = $2) WHERE id = $1",
            values![*ids[1].as_bytes(), *ids[2].as_bytes()],
        )
        .await;
        keyring.close().await;
        let keyring = place.open().await;
        for id in &ids[..2] {
            let read = keyring.key(&tenant(), id).await;
            assert!(
                matches!(&read, Err(Error::BadRow { row, .. }) if *row == id.to_string()),
                "{read:?}"
            );
        }
        assert!(keyring.key(&tenant(), &ids[2]).await.is_ok());
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn damage_above_subject_keys_is_named() {
    for place in places().await {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 1).await.unwrap();
        keyring.close().await;
        for (sql, table) in [
            ("UPDATE epoch_keys SET secret = $1", "epoch_keys"),
            ("UPDATE epoch_keys SET wrapped = $1", "epoch_keys"),
            ("UPDATE tenant_secrets SET wrapped = $1", "tenant_secrets"),
            ("UPDATE tenant_keys SET wrapped = $1", "tenant_keys"),
        ] {
            let keyring = place.open().await;
            by_hand(keyring.database(), sql, values![vec![1_u8; 57]]).await;
            let read = keyring.key(&tenant(), &made[0].0).await;
            assert!(
                matches!(&read, Err(Error::BadRow { table: found, .. }) if *found == table),
                "{sql}: {read:?}"
            );
            keyring.close().await;
        }
        let keyring = place.open().await;
        by_hand(
            keyring.database(),
            "UPDATE roots SET first = $1",
            values![vec![1_u8; 57]],
        )
        .await;
        keyring.close().await;
        let opened = place.open_with(root_key(), KeyringConfig::default()).await;
        assert!(matches!(opened, Err(Error::BadRow { table: "roots", .. })));
        place.drop().await;
    }
}

#[tokio::test]
async fn two_processes_that_meet_a_tenant_first_agree_on_its_keys() {
    for place in places().await {
        let keyrings = [place.open().await, place.open().await, place.open().await];
        let (a, b, c) = (tenant(), tenant(), tenant());
        let (a, b, c) = tokio::join!(
            keyrings[0].create_keys(&a, 5),
            keyrings[1].create_keys(&b, 5),
            keyrings[2].create_keys(&c, 5)
        );
        let made = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
        place.reads_all(root_key(), &made).await;
        let mut hashes = Vec::new();
        for keyring in &keyrings {
            let key = keyring.tenant_hash_key(&tenant(), "test").await.unwrap();
            hashes.push(key.hash_hex(&[]));
            keyring.close().await;
        }
        hashes.dedup();
        assert_eq!(hashes.len(), 1);
        place.drop().await;
    }
}

#[tokio::test]
async fn seals_are_counted_over_restarts() {
    for place in places().await {
        let keyring = place.open().await;
        let id = keyring.create_keys(&tenant(), 1).await.unwrap()[0].0;
        for _ in 0..3000 {
            keyring.count_seals(&tenant(), &id, 1).await.unwrap();
        }
        let counted = number(keyring.database(), "SELECT seals FROM subject_keys").await;
        let openings = "SELECT version FROM changes WHERE name = 'openings'";
        assert_eq!(number(keyring.database(), openings).await, 1);
        assert!((1976..=3072).contains(&counted), "{counted}");
        keyring.shred(&tenant(), &[id]).await.unwrap();
        let gone = keyring.count_seals(&tenant(), &id, 1).await;
        assert!(matches!(gone, Err(Error::KeyShredded)));
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_key_that_wears_out_gets_another_one_beside_it_and_both_go_together() {
    for place in places().await {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 1).await.unwrap();
        let (id, first) = (made[0].0, made[0].1.id());
        let context = Context {
            tenant: b"t",
            subject: b"s",
            record: b"r",
            field: b"f",
            schema: 1,
            version: 1,
        };
        let sealed = made[0]
            .1
            .record_key()
            .seal(&SealCount::default(), &context, b"old")
            .unwrap();
        // One seal before the place where it is to be replaced.
        by_hand(
            keyring.database(),
            "UPDATE subject_keys SET seals = $1",
            values![(1_i64 << 32) - (1 << 20) - (1 << 24) - 3000],
        )
        .await;
        keyring.close().await;
        let keyring = place.open().await;
        let newest = async |keyring: &privet_store::Keyring| {
            let found = keyring
                .subject_keys(&tenant(), &[id])
                .await
                .unwrap()
                .remove(0)
                .unwrap();
            assert_eq!(found.first().id(), first);
            found.later().last().map(|key| key.id())
        };
        assert_eq!(newest(&keyring).await, None);
        let mut counted = 0;
        // Nothing is refused on the way.
        while newest(&keyring).await.is_none() {
            keyring.count_seals(&tenant(), &id, 100).await.unwrap();
            counted += 100;
            assert!(counted < 10_000);
        }
        let second = newest(&keyring).await.unwrap();
        keyring.count_seals(&tenant(), &id, 5000).await.unwrap();
        let of_second = "SELECT seals FROM subject_keys WHERE generation = 1";
        assert!(number(keyring.database(), of_second).await >= 3976);
        // Another process has both, and what the first one sealed opens, also after rotations.
        keyring.rotate_epoch(&tenant(), &mut |_| {}).await.unwrap();
        let other = place.open().await;
        assert_eq!(newest(&other).await, Some(second));
        let opened = other.key(&tenant(), &id).await.unwrap();
        assert_eq!(
            opened.record_key().open(&context, &sealed).unwrap().as_slice(),
            b"old"
        );
        assert!(other.key(&tenant(), &second).await.is_ok());
        let shredding = keyring.shred(&tenant(), &[id]).await.unwrap();
        assert_eq!(shredding.shredded, 1);
        assert_eq!(
            number(keyring.database(), "SELECT COUNT(*) FROM subject_keys").await,
            0
        );
        let since = Instant::now();
        for id in [id, second] {
            assert!(matches!(
                keyring.key(&tenant(), &id).await,
                Err(Error::KeyShredded)
            ));
            while other.key(&tenant(), &id).await.is_ok() {
                assert!(since.elapsed() < Duration::from_secs(2));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        keyring.close().await;
        other.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_key_at_its_very_end_is_replaced_before_it_is_given_out() {
    for place in places().await {
        let keyring = place.open().await;
        let id = keyring.create_keys(&tenant(), 1).await.unwrap()[0].0;
        by_hand(
            keyring.database(),
            "UPDATE subject_keys SET seals = $1",
            values![1_i64 << 32],
        )
        .await;
        keyring.close().await;
        let keyring = place.open().await;
        keyring.count_seals(&tenant(), &id, 100).await.unwrap();
        let found = keyring
            .subject_keys(&tenant(), &[id])
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        assert_eq!(found.later().len(), 1);
        keyring.close().await;
        place.drop().await;
    }
}

#[tokio::test]
async fn a_postgres_role_sees_only_the_keys_of_the_tenant_of_its_transaction() {
    use privet_store::{Backend, Scope};
    for place in places().await {
        let keyring = place.open().await;
        keyring.create_keys(&tenant(), 3).await.unwrap();
        let seen: i64 = keyring
            .database()
            .read(&Scope::Tenant("other".parse().unwrap()), |tx| {
                Box::pin(async {
                    tx.one::<i64>(
                        "SELECT (SELECT COUNT(*) FROM subject_keys) + (SELECT COUNT(*) FROM tenant_keys) \
                         + (SELECT COUNT(*) FROM epoch_keys) + (SELECT COUNT(*) FROM tenant_secrets) \
                         + (SELECT COUNT(*) FROM epochs)",
                        vec![],
                    )
                    .await
                })
            })
            .await
            .unwrap();
        let expected = [(Backend::Sqlite, 8), (Backend::Postgres, 0)];
        assert!(expected.contains(&(keyring.database().backend(), seen)), "{seen}");
        keyring.close().await;
        place.drop().await;
    }
}
