//! What applications keep.

use privet_vault::{Error, Ground};
use serde_json::json;

use crate::support::{House, ann, by, is_absent, on_both_databases, record};

on_both_databases! {
    an_application_keeps_reads_and_deletes_its_data
    an_application_changes_its_data_by_merge_patch
    a_name_that_is_none_is_refused
    what_was_deleted_does_not_come_back_with_a_change_at_the_same_time
}

const ORDINARY: Ground = Ground::Ordinary;

async fn an_application_keeps_reads_and_deletes_its_data(house: &House) {
    house.subject(json!({"login": "ann"})).await;
    let (vault, who) = (&house.vault, by("login", "ann"));
    vault
        .put_app(
            &ann(),
            &who,
            "shop",
            &record(json!({"cart": ["hat"]})),
            None,
            ORDINARY,
        )
        .await
        .unwrap();
    vault
        .put_app(&ann(), &who, "blog", &record(json!({"posts": 3})), None, ORDINARY)
        .await
        .unwrap();
    assert_eq!(
        vault.apps(&ann(), &who, ORDINARY).await.unwrap().value,
        ["blog", "shop"]
    );
    let data = vault
        .read_app(&ann(), &who, "shop", ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!(
        (data.version, data.data.into_value()),
        (1, json!({"cart": ["hat"]}))
    );
    vault.delete_app(&ann(), &who, "shop", ORDINARY).await.unwrap();
    assert!(is_absent(&vault.read_app(&ann(), &who, "shop", ORDINARY).await));
    assert!(is_absent(&vault.delete_app(&ann(), &who, "shop", ORDINARY).await));
    assert_eq!(vault.apps(&ann(), &who, ORDINARY).await.unwrap().value, ["blog"]);
}

async fn an_application_changes_its_data_by_merge_patch(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let vault = &house.vault;
    for (patch, version) in [(json!({"a": 1, "b": 2}), 1), (json!({"a": null, "c": 3}), 2)] {
        let stored = vault
            .update_app(&ann(), &who, "shop", &patch, None, ORDINARY)
            .await
            .unwrap();
        assert_eq!(stored.version, version);
    }
    let data = vault
        .read_app(&ann(), &who, "shop", ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!(data.data.into_value(), json!({"b": 2, "c": 3}));
    let late = vault
        .put_app(&ann(), &who, "shop", &record(json!({})), Some(1), ORDINARY)
        .await;
    assert!(
        matches!(late, Err(Error::VersionConflict { found: 2 })),
        "{late:?}"
    );
}

async fn a_name_that_is_none_is_refused(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    for name in ["", "a/b", "ann@example.org", &"x".repeat(129)] {
        let refused = house
            .vault
            .put_app(&ann(), &who, name, &record(json!({})), None, ORDINARY)
            .await;
        assert!(matches!(refused, Err(Error::BadField { .. })), "{name}");
    }
}

async fn what_was_deleted_does_not_come_back_with_a_change_at_the_same_time(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let vault = &house.vault;
    let old = record(json!({"secret": "old"}));
    for round in 0..20 {
        vault
            .put_app(&ann(), &who, "shop", &old, None, ORDINARY)
            .await
            .unwrap();
        let mut under_way = tokio::task::JoinSet::new();
        for n in 0..3 {
            let (vault, who) = (vault.clone(), who.clone());
            under_way.spawn(async move {
                let patch = json!({"n": n});
                let changed = vault
                    .update_app(&ann(), &who, "shop", &patch, None, ORDINARY)
                    .await;
                changed.map(|_| ())
            });
        }
        vault.delete_app(&ann(), &who, "shop", ORDINARY).await.unwrap();
        for changed in under_way.join_all().await {
            assert!(
                matches!(changed, Ok(()) | Err(Error::VersionConflict { .. })),
                "{changed:?}"
            );
        }
        match vault.read_app(&ann(), &who, "shop", ORDINARY).await {
            Ok(found) => {
                let data = found.value.data.into_value();
                assert!(data.get("secret").is_none(), "round {round}: {data}");
                vault.delete_app(&ann(), &who, "shop", ORDINARY).await.unwrap();
            }
            Err(error) => assert!(matches!(error, Error::Absent { .. }), "{error:?}"),
        }
    }
}
