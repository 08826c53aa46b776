//! What happens to keys is in the log: each event once, in order, whatever is interrupted.

use privet_crypto::DataKey;
use privet_store::{Error, KeyringConfig, Scope, Store, Value, values};

use super::{DAY, by_hand, number, places, sqlite_place, tenant};
use crate::support::{House, root_key};

/// Node, number and kind of all leaves, in their order.
async fn leaves(store: &Store) -> Vec<(String, i64, String)> {
    store
        .database()
        .read(&Scope::Installation, |tx| {
            Box::pin(async {
                tx.rows::<(String, i64, String)>(
                    "SELECT node, seq, kind FROM audit_events ORDER BY node, seq",
                    vec![],
                )
                .await
            })
        })
        .await
        .unwrap()
}

fn kinds(leaves: &[(String, i64, String)]) -> Vec<&str> {
    leaves.iter().map(|(.., kind)| kind.as_str()).collect()
}

#[tokio::test]
async fn every_key_event_becomes_one_leaf_in_the_order_it_happened() {
    let config = KeyringConfig {
        epoch: DAY * 30,
        destroy_after: DAY * 7,
        root_grace: DAY,
        ..KeyringConfig::default()
    };
    for (place, house) in places().await.into_iter().zip(House::each().await) {
        let keyring = place.open_with(root_key(), config).await.unwrap();
        let made = keyring.create_keys(&tenant(), 2).await.unwrap();
        keyring.rotate_tenant(&tenant(), &mut |_| {}).await.unwrap();
        keyring.shred(&tenant(), &[made[0].0]).await.unwrap();
        // Nothing was there to be shredded, so nothing happened.
        keyring.shred(&tenant(), &[made[0].0]).await.unwrap();
        let root = privet_crypto::RootKey::generate().unwrap();
        keyring.rotate_root(&root, &mut |_| {}).await.unwrap();
        place.clock.set(30);
        keyring.sweep(&mut |_| {}).await.unwrap();
        place.clock.set(38);
        keyring.sweep(&mut |_| {}).await.unwrap();
        // Two processes hand over at once.
        let other = place.open_with(std::sync::Arc::new(root), config).await.unwrap();
        let (one, two) = tokio::join!(
            keyring.relay_events(&house.store),
            other.relay_events(&house.store)
        );
        one.unwrap();
        two.unwrap();
        let found = leaves(&house.store).await;
        assert_eq!(
            kinds(&found),
            [
                "tenant_keys_made",
                "tenant_key_rotated",
                "tenant_key_destroyed",
                "subject_keys_shredded",
                "root_key_rotated",
                "root_key_retired",
                "epoch_started",
                "epoch_destroyed",
            ]
        );
        assert!(
            found
                .iter()
                .zip(1..)
                .all(|((_, seq, _), expected)| *seq == expected)
        );
        assert_eq!(
            number(keyring.database(), "SELECT COUNT(*) FROM key_events").await,
            0
        );
        let shredded: String = house
            .store
            .database()
            .read(&Scope::Installation, |tx| {
                Box::pin(async {
                    tx.one::<String>(
                        "SELECT payload FROM audit_events WHERE kind = 'subject_keys_shredded'",
                        vec![],
                    )
                    .await
                })
            })
            .await
            .unwrap();
        let shredded: serde_json::Value = serde_json::from_str(&shredded).unwrap();
        assert_eq!(shredded["keys"][0], made[0].0.to_string());
        assert!(shredded["until"].is_string(), "{shredded}");
        keyring.close().await;
        other.close().await;
        place.drop().await;
        house.end().await;
    }
}

#[tokio::test]
async fn an_event_that_is_handed_over_twice_is_one_leaf() {
    for (place, house) in places().await.into_iter().zip(House::each().await) {
        let keyring = place.open().await;
        keyring.create_keys(&tenant(), 1).await.unwrap();
        keyring.rotate_tenant(&tenant(), &mut |_| {}).await.unwrap();
        let waiting: Vec<(i64, String, String)> = keyring
            .database()
            .read(&Scope::Installation, |tx| {
                Box::pin(async {
                    tx.rows("SELECT number, tenant, event FROM key_events", vec![])
                        .await
                })
            })
            .await
            .unwrap();
        assert_eq!(keyring.relay_events(&house.store).await.unwrap(), 3);
        // As if the process had died before it took them away.
        for (number, tenant, event) in waiting {
            by_hand(
                keyring.database(),
                "INSERT INTO key_events (number, tenant, event) VALUES ($1, $2, $3)",
                values![number, tenant, event],
            )
            .await;
        }
        keyring.relay_events(&house.store).await.unwrap();
        assert_eq!(leaves(&house.store).await.len(), 3);
        keyring.close().await;
        place.drop().await;
        house.end().await;
    }
}

#[tokio::test]
async fn what_waits_while_the_store_is_away_is_not_lost() {
    for (place, house) in places().await.into_iter().zip(House::each().await) {
        let keyring = place.open().await;
        keyring.create_keys(&tenant(), 1).await.unwrap();
        let away = House::new().await;
        away.store.close().await;
        assert!(keyring.relay_events(&away.store).await.is_err());
        keyring.close().await;
        let keyring = place.open().await;
        assert_eq!(keyring.relay_events(&house.store).await.unwrap(), 1);
        assert_eq!(kinds(&leaves(&house.store).await), ["tenant_keys_made"]);
        keyring.close().await;
        place.drop().await;
        house.end().await;
    }
}

#[tokio::test]
async fn a_keyring_that_was_set_back_goes_on_under_another_name() {
    let sealing = DataKey::generate().unwrap();
    let at = jiff::Timestamp::UNIX_EPOCH;
    for (place, house) in places().await.into_iter().zip(House::each().await) {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 3).await.unwrap();
        keyring.shred(&tenant(), &[made[0].0]).await.unwrap();
        let mut backup = Vec::new();
        privet_store::back_up(keyring.database(), &sealing, b"t", at, &mut backup, &mut |_| {})
            .await
            .unwrap();
        keyring.shred(&tenant(), &[made[1].0]).await.unwrap();
        keyring.relay_events(&house.store).await.unwrap();
        assert_eq!(leaves(&house.store).await.len(), 3);
        keyring.close().await;

        // The backup has two events that wait; both are leaves already. Then another one than before happens.
        let target = sqlite_place();
        let database = privet_store::Keyring::open_database(&target.location)
            .await
            .unwrap();
        privet_store::restore(&database, &sealing, b"t", &mut backup.as_slice(), &mut |_| {})
            .await
            .unwrap();
        database.close().await;
        let back = target.open().await;
        back.shred(&tenant(), &[made[2].0]).await.unwrap();
        back.relay_events(&house.store).await.unwrap();
        let found = leaves(&house.store).await;
        assert_eq!(found.len(), 4, "{found:?}");
        let mut nodes: Vec<&str> = found.iter().map(|(node, ..)| node.as_str()).collect();
        nodes.dedup();
        assert_eq!(nodes.len(), 2);
        assert_eq!(found.iter().filter(|(_, seq, _)| *seq == 1).count(), 2);
        back.close().await;
        target.drop().await;
        place.drop().await;
        house.end().await;
    }
}

#[tokio::test]
async fn a_change_that_is_undone_leaves_no_event() {
    for place in places().await {
        let keyring = place.open().await;
        let made = keyring.create_keys(&tenant(), 1).await.unwrap();
        let before = number(keyring.database(), "SELECT last FROM key_event_source").await;
        // The log of shreddings has the row already, so the shredding fails as a whole.
        by_hand(
            keyring.database(),
            "INSERT INTO shredded_keys (version, tenant, id, at) SELECT version + 1, $1, $2, 0 FROM changes \
             WHERE name = 'shred'",
            values![tenant().as_str(), Value::from(*made[0].0.as_bytes())],
        )
        .await;
        let failed = keyring.shred(&tenant(), &[made[0].0]).await;
        assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
        assert_eq!(
            number(keyring.database(), "SELECT last FROM key_event_source").await,
            before
        );
        assert!(keyring.key(&tenant(), &made[0].0).await.is_ok());
        keyring.close().await;
        place.drop().await;
    }
}
