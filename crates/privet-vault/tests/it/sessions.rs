//! Sessions end by themselves.

use std::time::Duration;

use privet_store::values;
use privet_vault::{Error, Ground, NewSession, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    a_session_is_read_until_it_ends_and_is_swept_then
    a_session_of_nobody_has_a_key_of_its_own
    a_further_session_ends_the_oldest
    a_session_of_one_name_is_replaced
    nobody_makes_a_session_live_longer
}

const ORDINARY: Ground = Ground::Ordinary;

fn session(name: &str, subject: Option<&SubjectRef>, seconds: u64) -> NewSession {
    NewSession {
        name: Some(name.to_owned()),
        subject: subject.cloned(),
        data: record(json!({"page": name})),
        ttl: Some(Duration::from_secs(seconds)),
        ..NewSession::default()
    }
}

async fn a_session_is_read_until_it_ends_and_is_swept_then(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let vault = &house.vault;
    vault
        .put_session(&ann(), session("one", Some(&who), 60), ORDINARY)
        .await
        .unwrap();
    house.pass(59);
    let read = vault.session(&ann(), "one", ORDINARY).await.unwrap();
    assert_eq!(read.value.data.into_value(), json!({"page": "one"}));
    assert!(read.access.subject.is_some());
    assert!(is_absent(&vault.session(&eve(), "one", ORDINARY).await));
    house.pass(1);
    assert!(is_absent(&vault.session(&ann(), "one", ORDINARY).await));
    assert!(
        vault
            .sessions(&ann(), &who, ORDINARY)
            .await
            .unwrap()
            .value
            .is_empty()
    );
    assert!(is_absent(&vault.delete_session(&ann(), "one").await));
    let swept = vault.sweep_ended(&ann().tenant, 100).await.unwrap();
    assert_eq!(swept.sessions, 1);
    assert_eq!(
        house
            .rows::<i64>("SELECT COUNT(*) FROM subject_sessions", values![])
            .await,
        [0]
    );
    assert_eq!(vault.sweep_ended(&ann().tenant, 100).await.unwrap().sessions, 0);
}

async fn a_session_of_nobody_has_a_key_of_its_own(house: &House) {
    let vault = &house.vault;
    vault
        .put_session(&ann(), session("one", None, 60), ORDINARY)
        .await
        .unwrap();
    vault
        .put_session(&ann(), session("two", None, 60), ORDINARY)
        .await
        .unwrap();
    let keys: Vec<Vec<u8>> = house.rows("SELECT key_id FROM subject_sessions", values![]).await;
    assert_ne!(keys[0], keys[1]);
    vault.delete_session(&ann(), "one").await.unwrap();
    assert!(is_absent(&vault.session(&ann(), "one", ORDINARY).await));
    assert!(vault.session(&ann(), "two", ORDINARY).await.is_ok());
}

async fn a_further_session_ends_the_oldest(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    for name in ["one", "two", "three"] {
        house
            .vault
            .put_session(&ann(), session(name, Some(&who), 60), ORDINARY)
            .await
            .unwrap();
        house.pass(1);
    }
    let sessions = house.vault.sessions(&ann(), &who, ORDINARY).await.unwrap().value;
    let pages: Vec<_> = sessions
        .into_iter()
        .map(|session| session.data.into_value())
        .collect();
    assert_eq!(pages, [json!({"page": "three"}), json!({"page": "two"})]);
}

async fn a_session_of_one_name_is_replaced(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let vault = &house.vault;
    vault
        .put_session(&ann(), session("one", None, 60), ORDINARY)
        .await
        .unwrap();
    let mut again = session("one", Some(&who), 60);
    again.data = record(json!({"page": "new"}));
    vault.put_session(&ann(), again, ORDINARY).await.unwrap();
    let read = vault.session(&ann(), "one", ORDINARY).await.unwrap().value;
    assert_eq!(read.data.into_value(), json!({"page": "new"}));
    let forever = vault
        .put_session(&ann(), session("two", None, u64::from(u32::MAX)), ORDINARY)
        .await;
    assert!(matches!(forever, Err(Error::BadField { .. })), "{forever:?}");
}

async fn nobody_makes_a_session_live_longer(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    house
        .vault
        .put_session(&ann(), session("one", Some(&who), 60), ORDINARY)
        .await
        .unwrap();
    house
        .sql(
            "UPDATE subject_sessions SET expires_at = expires_at + 1000000",
            values![],
        )
        .await;
    assert!(is_damaged(&house.vault.session(&ann(), "one", ORDINARY).await));
}
