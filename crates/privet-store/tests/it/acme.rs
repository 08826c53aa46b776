//! Certificates that an authority issues: who obtains the next one, and what all nodes see of it.

use jiff::Timestamp;
use privet_store::{AcmeChallenge, AcmeChange, AcmeState, AcmeTurn, Error, Scope, Store, values};

use crate::support::House;

const CERTIFICATE: &str = "a hash";
const NAME: (AcmeChallenge, &str) = (AcmeChallenge::TlsAlpn01, "gateway.example");

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn change(second: i64) -> AcmeChange {
    AcmeChange {
        at: at(second),
        directory: "https://ca.example/directory".to_owned(),
        domains: vec!["gateway.example".to_owned()],
        certificate: "0".repeat(64),
        expires_at: at(second + 1_000),
        node: "n1".to_owned(),
    }
}

/// A turn of 100 s after the certificate `version`.
async fn take(store: &Store, version: i64, node: &str, second: i64) -> Option<AcmeTurn> {
    let (now, until) = (at(second), at(second + 100));
    let turn = store.take_acme_turn((CERTIFICATE, version), node, now, until);
    turn.await.unwrap()
}

/// How many certificates the log was told of.
async fn told(store: &Store) -> i64 {
    let told = store
        .database()
        .read::<i64, Error, _>(&Scope::Installation, |tx| {
            let sql =
                "SELECT COUNT(*) FROM audit_events WHERE kind = 'certificate_obtained' AND tenant = '*'";
            Box::pin(async move { tx.one(sql, values![]).await })
        });
    told.await.unwrap()
}

#[tokio::test]
async fn one_node_at_a_time_obtains_a_certificate_and_all_of_them_get_it() {
    for house in House::each().await {
        let (store, other) = (&house.store, house.again().await);
        assert_eq!(store.acme_state(CERTIFICATE).await.unwrap(), AcmeState::default());
        let turn = take(store, 0, "n1", 0).await.unwrap();
        assert_eq!(take(&other, 0, "n2", 50).await, None, "it is the other's turn");
        let again = take(store, 0, "n1", 60).await.unwrap();
        assert!(again.fence > turn.fence, "a node that was started again");
        assert!(
            !store
                .put_acme_certificate(&turn, 0, vec![1], at(61), &change(61))
                .await
                .unwrap()
        );
        assert_eq!(other.acme_certificate(CERTIFICATE).await.unwrap(), None);
        assert!(
            store
                .put_acme_certificate(&again, 0, vec![2], at(62), &change(62))
                .await
                .unwrap()
        );
        let kept = other.acme_certificate(CERTIFICATE).await.unwrap();
        assert_eq!(kept, Some((1, vec![2])));
        assert_eq!(take(&other, 0, "n2", 63).await, None, "it was obtained meanwhile");
        assert!(take(&other, 1, "n2", 64).await.is_some(), "the next one");
        assert_eq!(told(store).await, 1);
        other.close().await;
        house.end().await;
    }
}

#[tokio::test]
async fn a_turn_that_is_over_is_anothers_and_writes_nothing_any_more() {
    for house in House::each().await {
        let store = &house.store;
        let lost = take(store, 0, "n1", 0).await.unwrap();
        let turn = take(store, 0, "n2", 100).await.unwrap();
        assert!(
            !store
                .put_acme_certificate(&lost, 0, vec![1], at(101), &change(101))
                .await
                .unwrap()
        );
        store.fail_acme_turn(&lost, at(101), at(9_999)).await.unwrap();
        assert_eq!(store.acme_state(CERTIFICATE).await.unwrap(), AcmeState::default());
        assert!(
            store
                .put_acme_certificate(&turn, 0, vec![2], at(102), &change(102))
                .await
                .unwrap()
        );
        house.end().await;
    }
}

#[tokio::test]
async fn after_a_failure_no_node_tries_before_its_time() {
    for house in House::each().await {
        let store = &house.store;
        for failures in 1..=2 {
            let second = 1_000 * i64::from(failures);
            let turn = take(store, 0, "n1", second).await.unwrap();
            store
                .fail_acme_turn(&turn, at(second), at(second + 60))
                .await
                .unwrap();
            let state = store.acme_state(CERTIFICATE).await.unwrap();
            assert_eq!((state.version, state.failures), (0, failures));
            assert_eq!(
                (state.failed_at, state.retry_at),
                (Some(at(second)), Some(at(second + 60)))
            );
            assert_eq!(take(store, 0, "n2", second + 59).await, None);
        }
        let turn = take(store, 0, "n2", 2_060).await.unwrap();
        assert!(
            store
                .put_acme_certificate(&turn, 0, vec![1], at(2_100), &change(2_061))
                .await
                .unwrap()
        );
        let state = store.acme_state(CERTIFICATE).await.unwrap();
        assert_eq!(
            (state.version, state.failures, state.retry_at),
            (1, 0, Some(at(2_100)))
        );
        assert_eq!(
            take(store, 1, "n1", 2_099).await,
            None,
            "too soon after the last one"
        );
        house.end().await;
    }
}

#[tokio::test]
async fn answers_are_seen_by_every_node_until_they_are_taken_back_or_their_time_is_over() {
    for house in House::each().await {
        let (store, other) = (&house.store, house.again().await);
        store.put_acme_answer(NAME, vec![1], at(0), at(60)).await.unwrap();
        assert_eq!(other.acme_answer(NAME, at(59)).await.unwrap(), Some(vec![1]));
        assert_eq!(other.acme_answer(NAME, at(60)).await.unwrap(), None);
        let token = (AcmeChallenge::Http01, NAME.1);
        assert_eq!(
            other.acme_answer(token, at(1)).await.unwrap(),
            None,
            "of another kind"
        );
        store.put_acme_answer(NAME, vec![2], at(1), at(61)).await.unwrap();
        store.remove_acme_answer(NAME, vec![1]).await.unwrap();
        assert_eq!(other.acme_answer(NAME, at(2)).await.unwrap(), Some(vec![2]));
        store.remove_acme_answer(NAME, vec![2]).await.unwrap();
        assert_eq!(other.acme_answer(NAME, at(2)).await.unwrap(), None);
        other.close().await;
        house.end().await;
    }
}

#[tokio::test]
async fn of_two_accounts_that_are_made_at_once_one_is_kept() {
    for house in House::each().await {
        let store = &house.store;
        let directory = "https://ca.example/directory";
        let put = |sealed: u8| store.put_acme_account(directory, vec![sealed], at(0));
        assert_eq!(put(1).await.unwrap(), [1]);
        assert_eq!(put(2).await.unwrap(), [1]);
        store.remove_acme_account(directory, &[2]).await.unwrap();
        assert_eq!(store.acme_account(directory).await.unwrap(), Some(vec![1]));
        store.remove_acme_account(directory, &[1]).await.unwrap();
        assert_eq!(store.acme_account(directory).await.unwrap(), None);
        house.end().await;
    }
}
