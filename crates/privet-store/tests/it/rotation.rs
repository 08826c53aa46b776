//! Keys that take the place of others, and when keys were last used.

use jiff::Timestamp;
use privet_store::{ApiKeyRecord, ApiKeyUse};

use crate::support::{House, api_key, change};

const GRACE: i64 = 1_800_000_000;

#[tokio::test]
async fn a_key_is_given_one_successor_and_the_log_hears_of_both() {
    for house in House::each().await {
        let store = &house.store;
        store
            .insert_api_key(&api_key("a"), &change("a", 0))
            .await
            .unwrap();
        let until = Timestamp::from_second(GRACE).unwrap();
        let successor = |id: &str| ApiKeyRecord {
            line: Some("a".to_owned()),
            ..api_key(id)
        };
        let rotate = async |id: &str| {
            store
                .rotate_api_key(&successor(id), until, &change("a", 1), &change(id, 1))
                .await
                .unwrap()
        };
        assert!(rotate("b").await);
        assert!(!rotate("c").await, "it has one");
        assert_eq!(
            store.list_api_keys().await.unwrap(),
            [
                ApiKeyRecord {
                    successor: Some("b".to_owned()),
                    grace_until: Some(until),
                    ..api_key("a")
                },
                successor("b")
            ]
        );
        assert_eq!(store.audit_count().await.unwrap(), 3);
        house.end().await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_given_no_successor() {
    for house in House::each().await {
        let store = &house.store;
        store
            .insert_api_key(&api_key("a"), &change("a", 0))
            .await
            .unwrap();
        store.revoke_api_key(&change("a", 1)).await.unwrap();
        let until = Timestamp::from_second(GRACE).unwrap();
        let is_rotated = store
            .rotate_api_key(&api_key("b"), until, &change("a", 2), &change("b", 2))
            .await
            .unwrap();
        assert!(!is_rotated);
        assert_eq!(store.list_api_keys().await.unwrap().len(), 1);
        house.end().await;
    }
}

#[tokio::test]
async fn the_latest_use_of_a_key_stays_and_counts_as_no_change() {
    let used = |id: &str, second| ApiKeyUse {
        tenant: "default".parse().unwrap(),
        id: id.to_owned(),
        last_used_at: Timestamp::from_second(second).unwrap(),
    };
    for house in House::each().await {
        let store = &house.store;
        let version = store.api_keys_version().await.unwrap();
        store
            .note_api_key_uses(&[used("a", 120), used("b", 60)])
            .await
            .unwrap();
        store
            .note_api_key_uses(&[used("a", 60), used("b", 180)])
            .await
            .unwrap();
        store.note_api_key_uses(&[]).await.unwrap();
        assert_eq!(
            store.list_api_key_uses().await.unwrap(),
            [used("a", 120), used("b", 180)]
        );
        assert_eq!(store.api_keys_version().await.unwrap(), version);
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_write_down_the_same_uses_do_not_wait_for_each_other() {
    let uses = |second: i64| {
        (0..200).map(move |number| ApiKeyUse {
            tenant: "default".parse().unwrap(),
            id: format!("key{number}"),
            last_used_at: Timestamp::from_second(second).unwrap(),
        })
    };
    for house in House::each().await {
        for round in 0..20 {
            let forwards: Vec<_> = uses(60 + round).collect();
            let backwards: Vec<_> = uses(90 + round).rev().collect();
            let (one, other) = tokio::join!(
                house.store.note_api_key_uses(&forwards),
                house.store.note_api_key_uses(&backwards)
            );
            one.unwrap();
            other.unwrap();
        }
        house.end().await;
    }
}
