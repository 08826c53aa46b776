//! Whoever has the database's password changes nothing unseen.

use privet_store::values;
use privet_vault::{Ground, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, by, is_damaged, on_both_databases, record};

on_both_databases! {
    every_changed_byte_of_a_stored_record_is_an_error
    records_of_two_subjects_do_not_change_places
    versions_do_not_change_places
    a_row_that_was_edited_is_an_error
    an_index_that_leads_to_another_subject_is_an_error
    data_of_applications_does_not_change_places
}

const ORDINARY: Ground = Ground::Ordinary;

async fn every_changed_byte_of_a_stored_record_is_an_error(house: &House) {
    let who = house.subject(json!({"login": "ann", "age": 41})).await;
    let sealed: Vec<Vec<u8>> = house.rows("SELECT sealed FROM subject_versions", values![]).await;
    for at in 0..sealed[0].len() {
        let mut changed = sealed[0].clone();
        changed[at] ^= 1;
        house
            .sql("UPDATE subject_versions SET sealed = $1", values![changed])
            .await;
        assert!(is_damaged(&house.read(&who).await), "byte {at}");
    }
    house
        .sql(
            "UPDATE subject_versions SET sealed = $1",
            values![sealed[0].clone()],
        )
        .await;
    assert!(house.read(&who).await.is_ok());
}

async fn records_of_two_subjects_do_not_change_places(house: &House) {
    let (a, b) = (
        house.create(json!({"age": 1})).await,
        house.create(json!({"age": 2})).await,
    );
    let (one, two) = (SubjectRef::Token(a.clone()), SubjectRef::Token(b.clone()));
    house
        .sql(
            "UPDATE subject_versions SET subject = CASE WHEN subject = $1 THEN $2 ELSE $1 END, version = version + 1",
            values![a.as_str(), b.as_str()],
        )
        .await;
    house
        .sql("UPDATE subject_versions SET version = 1", values![])
        .await;
    assert!(is_damaged(&house.read(&one).await) && is_damaged(&house.read(&two).await));
}

async fn versions_do_not_change_places(house: &House) {
    let who = house.subject(json!({"age": 1})).await;
    house
        .vault
        .update(&ann(), &who, &json!({"age": 2}), None, ORDINARY)
        .await
        .unwrap();
    house
        .sql(
            "UPDATE subject_versions SET sealed = (SELECT v.sealed FROM subject_versions v WHERE v.version = 1) \
             WHERE version = 2",
            values![],
        )
        .await;
    assert!(
        is_damaged(&house.read(&who).await),
        "an older version in the place of the newest"
    );
    house.sql("UPDATE subjects SET version = 1", values![]).await;
    assert!(
        is_damaged(&house.read(&who).await),
        "an older version as the newest"
    );
}

async fn a_row_that_was_edited_is_an_error(house: &House) {
    let who = house.subject(json!({"age": 1})).await;
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    for edit in [
        "UPDATE subjects SET state = 'active'",
        "UPDATE subjects SET state = 'restricted', created_at = created_at + 1",
        "UPDATE subjects SET created_at = created_at - 1, oldest_version = 0",
    ] {
        house.sql(edit, values![]).await;
        assert!(is_damaged(&house.read(&who).await), "{edit}");
    }
}

async fn an_index_that_leads_to_another_subject_is_an_error(house: &House) {
    house.subject(json!({"login": "ann"})).await;
    let mallory = house.create(json!({"login": "mallory"})).await;
    house
        .sql(
            "DELETE FROM subject_index WHERE subject = $1",
            values![mallory.as_str()],
        )
        .await;
    house
        .sql("UPDATE subject_index SET subject = $1", values![mallory.as_str()])
        .await;
    assert!(is_damaged(&house.read(&by("login", "ann")).await));
}

async fn data_of_applications_does_not_change_places(house: &House) {
    let who = house.subject(json!({"age": 1})).await;
    for app in ["shop", "blog"] {
        let data = record(json!({"app": app}));
        house
            .vault
            .put_app(&ann(), &who, app, &data, None, ORDINARY)
            .await
            .unwrap();
    }
    house
        .sql(
            "UPDATE subject_apps SET sealed = (SELECT a.sealed FROM subject_apps a WHERE a.app = 'blog') \
             WHERE app = 'shop'",
            values![],
        )
        .await;
    assert!(is_damaged(
        &house.vault.read_app(&ann(), &who, "shop", ORDINARY).await
    ));
    assert!(house.vault.read_app(&ann(), &who, "blog", ORDINARY).await.is_ok());
}
