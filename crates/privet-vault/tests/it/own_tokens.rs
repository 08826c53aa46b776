//! Tokens with which people call for themselves.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privet_store::values;
use privet_types::Clock;
use privet_vault::{Error, ExpiryState, Ground, Hold, NewOwnToken, Retention, STORE_TARGETS, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, by, is_absent, is_damaged, on_both_databases};

on_both_databases! {
    a_token_says_who_calls
    a_token_ends_for_good_and_when_idle
    a_token_lives_a_day_at_most
    what_has_ended_is_swept
    a_token_that_was_edited_is_refused
    only_so_many_are_kept
    no_token_itself_is_stored
    a_subject_whose_time_has_come_is_absent_before_they_are_erased
    a_hold_keeps_a_subject_whose_time_has_come
    a_link_leads_to_its_tenant_until_it_is_used
}

async fn ada(house: &House) -> SubjectRef {
    house
        .subject(json!({"login": "ada", "email": "ada@example.org"}))
        .await
}

async fn token(house: &House, who: &SubjectRef, new: NewOwnToken) -> String {
    let made = house
        .vault
        .create_own_token(&ann(), who, new, Ground::Ordinary)
        .await;
    made.unwrap().token.expose().clone()
}

async fn is_good(house: &House, token: &str) -> bool {
    house.vault.own_caller(token).await.unwrap().is_some()
}

fn after(house: &House, seconds: i64) -> Option<Timestamp> {
    Some(house.clock.now() + SignedDuration::from_secs(seconds))
}

fn retention(house: &House) -> Retention {
    Retention::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        STORE_TARGETS,
    )
}

async fn a_token_says_who_calls(house: &House) {
    let who = ada(house).await;
    let token = token(house, &by("email", "ADA@example.org"), NewOwnToken::default()).await;
    let caller = house.vault.own_caller(&token).await.unwrap().unwrap();
    let SubjectRef::Token(id) = &who else {
        panic!("no token")
    };
    assert_eq!((&caller.subject, caller.actor.tenant.as_str()), (id, "acme"));
    let pseudonym = house.vault.subject_pseudonym(&caller.actor.tenant, id).await;
    assert_eq!(Some(caller.actor.principal), pseudonym.unwrap());
    assert!(!is_good(house, "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11").await);
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    let refused = house
        .vault
        .create_own_token(&ann(), &who, NewOwnToken::default(), Ground::Ordinary)
        .await;
    assert!(matches!(refused, Err(Error::Restricted)));
}

async fn a_token_ends_for_good_and_when_idle(house: &House) {
    let who = ada(house).await;
    let usual = token(house, &who, NewOwnToken::default()).await;
    let short = NewOwnToken {
        ends_at: after(house, 3),
        idle: None,
    };
    let short = token(house, &who, short).await;
    let idle = NewOwnToken {
        ends_at: after(house, 10),
        idle: Some(Duration::from_secs(4)),
    };
    let idle = token(house, &who, idle).await;
    house.pass(3);
    assert!(!is_good(house, &short).await);
    assert!(is_good(house, &idle).await);
    house.pass(3);
    assert!(is_good(house, &idle).await, "its use made it live on");
    house.pass(4);
    assert!(!is_good(house, &idle).await, "it ends for good");
    assert!(is_good(house, &usual).await);
    house.pass(590);
    assert!(!is_good(house, &usual).await, "10 minutes if nobody says");
    let past = NewOwnToken {
        ends_at: after(house, 0),
        idle: None,
    };
    let refused = house
        .vault
        .create_own_token(&ann(), &who, past, Ground::Ordinary)
        .await;
    assert!(matches!(refused, Err(Error::BadField { .. })));
}

async fn a_token_lives_a_day_at_most(house: &House) {
    let who = ada(house).await;
    let long = NewOwnToken {
        ends_at: after(house, 30 * 86_400),
        idle: Some(Duration::from_secs(30 * 86_400)),
    };
    let made = house
        .vault
        .create_own_token(&ann(), &who, long, Ground::Ordinary)
        .await
        .unwrap();
    assert_eq!(Some(made.expires_at), after(house, 86_400));
    house.pass(86_399);
    assert!(is_good(house, made.token.expose()).await);
    house.pass(1);
    assert!(!is_good(house, made.token.expose()).await);
}

async fn what_has_ended_is_swept(house: &House) {
    let who = ada(house).await;
    token(house, &who, NewOwnToken::default()).await;
    house.pass(601);
    let kept = token(house, &who, NewOwnToken::default()).await;
    let swept = house.vault.sweep_ended(&ann().tenant, 10).await.unwrap();
    assert_eq!(swept.own_tokens, 1);
    assert!(is_good(house, &kept).await);
    assert!(house.leaves().await.contains(&"own_tokens_ended".to_owned()));
}

async fn a_token_that_was_edited_is_refused(house: &House) {
    let who = ada(house).await;
    let other = house.create(json!({"login": "bo"})).await;
    let token = token(house, &who, NewOwnToken::default()).await;
    for (there, back) in [
        (
            "UPDATE own_tokens SET expires_at = expires_at + 1000",
            "UPDATE own_tokens SET expires_at = expires_at - 1000",
        ),
        (
            "UPDATE own_tokens SET ends_at = ends_at + 1000",
            "UPDATE own_tokens SET ends_at = ends_at - 1000",
        ),
        (
            "UPDATE own_tokens SET idle_ms = 1000",
            "UPDATE own_tokens SET idle_ms = NULL",
        ),
    ] {
        house.sql(there, values![]).await;
        assert!(is_damaged(&house.vault.own_caller(&token).await), "{there}");
        house.sql(back, values![]).await;
        assert!(is_good(house, &token).await, "{there}");
    }
    house
        .sql("UPDATE own_tokens SET subject = $1", values![other.as_str()])
        .await;
    assert!(is_damaged(&house.vault.own_caller(&token).await));
}

async fn only_so_many_are_kept(house: &House) {
    let who = ada(house).await;
    let first = token(house, &who, NewOwnToken::default()).await;
    for _ in 0..32 {
        house.pass(1);
        token(house, &who, NewOwnToken::default()).await;
    }
    assert!(!is_good(house, &first).await);
    let kept: Vec<i64> = house.rows("SELECT COUNT(*) FROM own_tokens", values![]).await;
    assert_eq!(kept, [32]);
}

async fn no_token_itself_is_stored(house: &House) {
    let who = ada(house).await;
    let token = token(house, &who, NewOwnToken::default()).await;
    let ids: Vec<Vec<u8>> = house.rows("SELECT id FROM own_tokens", values![]).await;
    assert_eq!(ids, [privet_crypto::sha256(token.as_bytes()).to_vec()]);
}

async fn a_subject_whose_time_has_come_is_absent_before_they_are_erased(house: &House) {
    let (who, retention) = (ada(house).await, retention(house));
    let SubjectRef::Token(id) = &who else {
        panic!("no token")
    };
    let token = token(house, &who, NewOwnToken::default()).await;
    retention
        .start_expiry(&ann(), id.as_str(), after(house, 60).unwrap())
        .await
        .unwrap();
    house.pass(59);
    assert!(house.read(&who).await.is_ok());
    house.pass(1);
    assert!(is_absent(&house.read(&who).await));
    assert!(is_absent(&house.read(&by("email", "ada@example.org")).await));
    assert!(!is_good(house, &token).await);
    assert!(is_absent(&retention.expiry(&ann().tenant, id.as_str()).await));
    assert!(is_absent(&retention.cancel_expiry(&ann(), id.as_str()).await));
    let erased = house
        .vault
        .erase_due(&retention, &ann().tenant, 10)
        .await
        .unwrap();
    assert_eq!(erased, 1);
    assert!(is_absent(&house.read(&who).await));
    let left: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM subject_versions", values![])
        .await;
    assert_eq!(left, [0]);
}

async fn a_hold_keeps_a_subject_whose_time_has_come(house: &House) {
    let (who, retention) = (ada(house).await, retention(house));
    let SubjectRef::Token(id) = &who else {
        panic!("no token")
    };
    let hold = Hold {
        subject: Some(id.to_string()),
        category: None,
        until: None,
        reference: "case-1".to_owned(),
        why: "a dispute".to_owned(),
    };
    let hold = retention.hold(&ann(), &hold).await.unwrap();
    retention
        .start_expiry(&ann(), id.as_str(), after(house, 60).unwrap())
        .await
        .unwrap();
    house.pass(61);
    assert!(house.read(&who).await.is_ok());
    let status = retention
        .expiry(&ann().tenant, id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((status.state, status.is_held), (ExpiryState::Wait, true));
    retention.release(&ann(), &hold).await.unwrap();
    assert!(is_absent(&house.read(&who).await));
}

async fn a_link_leads_to_its_tenant_until_it_is_used(house: &House) {
    let (who, retention) = (ada(house).await, retention(house));
    let SubjectRef::Token(id) = &who else {
        panic!("no token")
    };
    let link = retention
        .start_expiry(&ann(), id.as_str(), after(house, 60).unwrap())
        .await
        .unwrap();
    assert_eq!(retention.tenant_of_link(&link).await.unwrap(), ann().tenant);
    assert!(is_absent(&retention.tenant_of_link("none").await));
    retention.retain_by_token(&ann(), &link).await.unwrap();
    assert!(is_absent(&retention.tenant_of_link(&link).await));
    house.pass(61);
    assert!(house.read(&who).await.is_ok());
}
