//! Shared records show what was listed, to who holds the token, until they end.

use std::time::Duration;

use privet_store::values;
use privet_types::{Pseudonym, Secret};
use privet_vault::{Error, Ground, NewShare, Shown, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    a_shared_record_shows_its_fields_until_it_ends
    a_shared_record_shows_an_application
    a_shared_record_is_read_as_often_as_it_may
    a_shared_record_is_revoked_by_its_own_tenant_only
    a_shared_record_of_a_restricted_subject_is_absent
    nobody_makes_a_shared_record_show_more_or_longer
}

const ORDINARY: Ground = Ground::Ordinary;

fn holder() -> Pseudonym {
    Pseudonym("holder".to_owned())
}

async fn shared(house: &House, who: &SubjectRef, shown: Shown, most_reads: Option<u32>) -> Secret<String> {
    let new = NewShare {
        shown,
        ttl: Duration::from_secs(60),
        most_reads,
    };
    house
        .vault
        .share(&ann(), who, &new, ORDINARY)
        .await
        .unwrap()
        .token
}

fn fields(names: &[&str]) -> Shown {
    Shown::Fields(names.iter().map(|name| (*name).to_owned()).collect())
}

async fn a_shared_record_shows_its_fields_until_it_ends(house: &House) {
    let who = house
        .subject(json!({"login": "ann", "city": "Rome", "age": 41}))
        .await;
    let token = shared(house, &who, fields(&["city", "none"]), None).await;
    let read = house.vault.shared(token.expose(), &holder()).await.unwrap();
    assert_eq!(read.value.data.into_value(), json!({"city": "Rome"}));
    assert_eq!((read.value.tenant.as_str(), read.access.fields), ("acme", 1));
    house
        .vault
        .update(&ann(), &who, &json!({"city": "Bonn"}), None, ORDINARY)
        .await
        .unwrap();
    let read = house.vault.shared(token.expose(), &holder()).await.unwrap().value;
    assert_eq!((read.data.into_value(), read.reads), (json!({"city": "Bonn"}), 2));
    assert!(is_absent(&house.vault.shared("no such token", &holder()).await));
    house.pass(60);
    assert!(is_absent(&house.vault.shared(token.expose(), &holder()).await));
    assert_eq!(
        house.vault.sweep_ended(&ann().tenant, 10).await.unwrap().shares,
        1
    );
}

async fn a_shared_record_shows_an_application(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    house
        .vault
        .put_app(&ann(), &who, "shop", &record(json!({"cart": 1})), None, ORDINARY)
        .await
        .unwrap();
    let token = shared(house, &who, Shown::App("shop".to_owned()), None).await;
    let read = house.vault.shared(token.expose(), &holder()).await.unwrap().value;
    assert_eq!(read.data.into_value(), json!({"cart": 1}));
    house
        .vault
        .delete_app(&ann(), &who, "shop", ORDINARY)
        .await
        .unwrap();
    assert!(is_absent(&house.vault.shared(token.expose(), &holder()).await));
}

async fn a_shared_record_is_read_as_often_as_it_may(house: &House) {
    let who = house.subject(json!({"city": "Rome"})).await;
    let token = shared(house, &who, fields(&["city"]), Some(2)).await;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (vault, token) = (house.vault.clone(), token.clone());
        readers.spawn(async move { vault.shared(token.expose(), &holder()).await.is_ok() });
    }
    let shown = readers
        .join_all()
        .await
        .into_iter()
        .filter(|is_shown| *is_shown)
        .count();
    assert_eq!(shown, 2);
}

async fn a_shared_record_is_revoked_by_its_own_tenant_only(house: &House) {
    let who = house.subject(json!({"city": "Rome"})).await;
    let token = shared(house, &who, fields(&["city"]), None).await;
    assert!(is_absent(&house.vault.revoke_share(&eve(), token.expose()).await));
    house.vault.revoke_share(&ann(), token.expose()).await.unwrap();
    assert!(is_absent(&house.vault.shared(token.expose(), &holder()).await));
    let none = NewShare {
        shown: fields(&[]),
        ttl: Duration::from_secs(60),
        most_reads: None,
    };
    let refused = house.vault.share(&ann(), &who, &none, ORDINARY).await;
    assert!(matches!(refused, Err(Error::BadField { .. })), "{refused:?}");
}

async fn a_shared_record_of_a_restricted_subject_is_absent(house: &House) {
    let who = house.subject(json!({"city": "Rome"})).await;
    let token = shared(house, &who, fields(&["city"]), None).await;
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    assert!(is_absent(&house.vault.shared(token.expose(), &holder()).await));
    house.vault.restrict(&ann(), &who, false).await.unwrap();
    assert!(house.vault.shared(token.expose(), &holder()).await.is_ok());
}

async fn nobody_makes_a_shared_record_show_more_or_longer(house: &House) {
    let who = house.subject(json!({"city": "Rome", "age": 41})).await;
    let one = shared(house, &who, fields(&["city"]), Some(1)).await;
    shared(house, &who, fields(&["age"]), Some(1)).await;
    let id = privet_crypto::sha256(one.expose().as_bytes());
    let forgeries = [
        "UPDATE subject_shares SET expires_at = expires_at + 1 WHERE id = $1",
        "UPDATE subject_shares SET expires_at = expires_at - 1, most_reads = NULL WHERE id = $1",
        "UPDATE subject_shares SET most_reads = 1, sealed = (SELECT s.sealed FROM subject_shares s WHERE s.id <> $1) \
         WHERE id = $1",
    ];
    for forgery in forgeries {
        assert_eq!(house.sql(forgery, values![id]).await, 1);
        assert!(
            is_damaged(&house.vault.shared(one.expose(), &holder()).await),
            "{forgery}"
        );
    }
}
