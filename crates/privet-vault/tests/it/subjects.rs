//! Subjects: made, found, changed, restricted, searched.

use std::collections::BTreeSet;

use privet_store::values;
use privet_vault::{Error, Ground, Page, PermittedUse, Search, SubjectId, SubjectRef, SubjectState};
use serde_json::{Value, json};

use crate::support::{House, ann, by, eve, is_absent, on_both_databases, record};

on_both_databases! {
    a_subject_is_found_by_every_index_and_by_its_id
    one_field_is_read_alone
    a_merge_patch_changes_what_it_names
    a_change_of_an_older_version_is_refused
    changes_at_once_lose_nothing
    versions_are_kept_up_to_the_bound
    a_unique_value_stands_once
    a_value_that_was_given_up_is_free
    another_tenants_ids_answer_as_if_there_were_none
    a_restricted_subject_answers_permitted_purposes_only
    an_erased_subject_is_absent
    each_change_has_its_leaf_and_no_leaf_names_a_person
    a_refused_change_leaves_nothing
    a_search_finds_whole_values_and_prefixes
    lists_go_page_by_page
    many_at_once_are_stored_but_those_that_cannot
    values_that_cannot_be_indexed_are_named
    an_index_that_is_added_later_is_built
    batches_at_once_that_want_the_same_values_all_end
}

const ORDINARY: Ground = Ground::Ordinary;

async fn a_subject_is_found_by_every_index_and_by_its_id(house: &House) {
    let data = json!({"login": "Ann", "email": "Ann@Example.org", "phone": "+49 30 123456", "custom": "A-1", "age": 41});
    let id = house.subject(data.clone()).await;
    for who in [
        id,
        by("login", "ANN"),
        by("email", "ann@example.ORG"),
        by("phone", "0049 (30) 123456"),
        by("custom", "A-1"),
    ] {
        assert_eq!(house.read(&who).await.unwrap(), data, "{who:?}");
    }
    assert!(is_absent(&house.read(&by("custom", "a-1")).await));
    assert!(is_absent(
        &house
            .read(&by("token", "00000000-0000-4000-8000-000000000000"))
            .await
    ));
    let error = house.read(&by("age", "41")).await.unwrap_err();
    assert!(matches!(error, Error::BadField { .. }), "{error}");
}

async fn one_field_is_read_alone(house: &House) {
    let who = house
        .subject(json!({"login": "ann", "age": 41, "city": "Rome"}))
        .await;
    let read = house
        .vault
        .read_fields(&ann(), &who, &["age", "none"], ORDINARY)
        .await
        .unwrap();
    assert_eq!(read.value.record.into_value(), json!({"age": 41}));
    assert_eq!((read.access.fields, read.access.subjects), (1, 1));
}

async fn a_merge_patch_changes_what_it_names(house: &House) {
    let who = house
        .subject(json!({"login": "ann", "name": {"first": "Ann", "last": "Lee"}, "age": 41}))
        .await;
    let patch = json!({"name": {"last": "Roe"}, "age": null, "city": "Rome"});
    let stored = house
        .vault
        .update(&ann(), &who, &patch, Some(1), ORDINARY)
        .await
        .unwrap();
    assert_eq!(stored.version, 2);
    let expected = json!({"login": "ann", "name": {"first": "Ann", "last": "Roe"}, "city": "Rome"});
    assert_eq!(house.read(&who).await.unwrap(), expected);
    house
        .vault
        .replace(&ann(), &who, &record(json!({"login": "ann"})), None, ORDINARY)
        .await
        .unwrap();
    assert_eq!(house.read(&who).await.unwrap(), json!({"login": "ann"}));
}

async fn a_change_of_an_older_version_is_refused(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    house
        .vault
        .update(&ann(), &who, &json!({"age": 1}), Some(1), ORDINARY)
        .await
        .unwrap();
    let late = house
        .vault
        .update(&ann(), &who, &json!({"age": 2}), Some(1), ORDINARY)
        .await;
    assert!(
        matches!(late, Err(Error::VersionConflict { found: 2 })),
        "{late:?}"
    );
    assert_eq!(house.read(&who).await.unwrap(), json!({"login": "ann", "age": 1}));
}

async fn changes_at_once_lose_nothing(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let mut changes = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (vault, who) = (house.vault.clone(), who.clone());
        let patch = json!({format!("field{number}"): number});
        changes.spawn(async move {
            vault
                .update(&ann(), &who, &patch, None, ORDINARY)
                .await
                .unwrap()
                .version
        });
    }
    let versions: BTreeSet<u64> = changes.join_all().await.into_iter().collect();
    assert_eq!(versions, (2..=9).collect());
    assert_eq!(house.read(&who).await.unwrap().as_object().unwrap().len(), 9);
}

async fn versions_are_kept_up_to_the_bound(house: &House) {
    let who = house.subject(json!({"age": 1})).await;
    for age in 2..=5 {
        house.pass(1);
        house
            .vault
            .update(&ann(), &who, &json!({"age": age}), None, ORDINARY)
            .await
            .unwrap();
    }
    let versions = house.vault.versions(&ann(), &who, ORDINARY).await.unwrap().value;
    let numbers: Vec<u64> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [5, 4, 3]);
    let old = house
        .vault
        .read_version(&ann(), &who, 3, ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!((old.version, old.record.into_value()), (3, json!({"age": 3})));
    for gone in [0, 2, 6] {
        assert!(is_absent(
            &house.vault.read_version(&ann(), &who, gone, ORDINARY).await
        ));
    }
}

async fn a_unique_value_stands_once(house: &House) {
    house.subject(json!({"email": "ann@example.org"})).await;
    let who = house.subject(json!({"login": "bob"})).await;
    let again = house
        .vault
        .create(&ann(), record(json!({"email": "ANN@example.org"})))
        .await;
    assert!(
        matches!(&again, Err(Error::Taken { field }) if field == "email"),
        "{again:?}"
    );
    let patch = json!({"email": "ann@example.org"});
    let changed = house.vault.update(&ann(), &who, &patch, None, ORDINARY).await;
    assert!(
        matches!(&changed, Err(Error::Taken { field }) if field == "email"),
        "{changed:?}"
    );
    assert_eq!(house.read(&who).await.unwrap(), json!({"login": "bob"}));
    // Another tenant's space is its own.
    house
        .vault
        .create(&eve(), record(json!({"email": "ann@example.org"})))
        .await
        .unwrap();
}

async fn a_value_that_was_given_up_is_free(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    house
        .vault
        .update(&ann(), &who, &json!({"login": "anna"}), None, ORDINARY)
        .await
        .unwrap();
    assert!(is_absent(&house.read(&by("login", "ann")).await));
    house.subject(json!({"login": "ann"})).await;
    assert_eq!(
        house.read(&by("login", "anna")).await.unwrap(),
        json!({"login": "anna"})
    );
}

async fn another_tenants_ids_answer_as_if_there_were_none(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let stranger = SubjectRef::Token(SubjectId::random().unwrap());
    let vault = &house.vault;
    for id in [&who, &stranger] {
        let answers = [
            vault.read(&eve(), id, ORDINARY).await.map(drop),
            vault
                .read_fields(&eve(), id, &["login"], ORDINARY)
                .await
                .map(drop),
            vault.read_version(&eve(), id, 1, ORDINARY).await.map(drop),
            vault.versions(&eve(), id, ORDINARY).await.map(drop),
            vault
                .update(&eve(), id, &json!({"a": 1}), None, ORDINARY)
                .await
                .map(drop),
            vault
                .replace(&eve(), id, &record(json!({})), None, ORDINARY)
                .await
                .map(drop),
            vault.restrict(&eve(), id, true).await.map(drop),
            vault
                .put_app(&eve(), id, "shop", &record(json!({})), None, ORDINARY)
                .await
                .map(drop),
            vault.read_app(&eve(), id, "shop", ORDINARY).await.map(drop),
            vault.apps(&eve(), id, ORDINARY).await.map(drop),
            vault.sessions(&eve(), id, ORDINARY).await.map(drop),
        ];
        for answer in answers {
            assert!(
                matches!(answer, Err(Error::Absent { what: "subject" })),
                "{answer:?}"
            );
        }
    }
    let page = Page {
        after: None,
        limit: 10,
    };
    assert!(vault.list(&eve(), &page).await.unwrap().value.is_empty());
    assert_eq!(vault.count(&eve()).await.unwrap(), 0);
    assert_eq!(house.read(&who).await.unwrap(), json!({"login": "ann"}));
}

async fn a_restricted_subject_answers_permitted_purposes_only(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    assert!(house.vault.restrict(&ann(), &who, true).await.unwrap());
    assert!(!house.vault.restrict(&ann(), &who, true).await.unwrap());
    let patch = json!({"age": 41});
    for refused in [
        house.vault.read(&ann(), &who, ORDINARY).await.map(drop),
        house
            .vault
            .update(&ann(), &who, &patch, None, ORDINARY)
            .await
            .map(drop),
        house
            .vault
            .put_app(&ann(), &who, "shop", &record(json!({})), None, ORDINARY)
            .await
            .map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Restricted)), "{refused:?}");
    }
    let ground = Ground::Permitted(PermittedUse::LegalClaims);
    let read = house.vault.read(&ann(), &who, ground).await.unwrap();
    assert_eq!(
        (read.value.state, read.access.ground),
        (SubjectState::Restricted, ground)
    );
    house
        .vault
        .update(&ann(), &who, &patch, None, ground)
        .await
        .unwrap();
    assert!(house.vault.restrict(&ann(), &who, false).await.unwrap());
    assert_eq!(
        house.read(&who).await.unwrap(),
        json!({"login": "ann", "age": 41})
    );
}

async fn an_erased_subject_is_absent(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    house.sql("UPDATE subjects SET state = 'erased'", values![]).await;
    assert!(is_absent(&house.read(&who).await));
    assert!(is_absent(&house.read(&by("login", "ann")).await));
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 0);
}

async fn each_change_has_its_leaf_and_no_leaf_names_a_person(house: &House) {
    let id = house
        .create(json!({"login": "ann", "email": "ann@example.org"}))
        .await;
    let who = SubjectRef::Token(id.clone());
    house
        .vault
        .update(&ann(), &who, &json!({"city": "Rome"}), None, ORDINARY)
        .await
        .unwrap();
    house
        .vault
        .put_app(
            &ann(),
            &who,
            "shop",
            &record(json!({"cart": "hat"})),
            None,
            ORDINARY,
        )
        .await
        .unwrap();
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    assert_eq!(
        house.leaves().await,
        [
            "subject_created",
            "subject_updated",
            "app_stored",
            "subject_restricted"
        ]
    );
    let payloads: Vec<String> = house.rows("SELECT payload FROM audit_events", values![]).await;
    for secret in ["example.org", "Rome", "hat", "login", id.as_str()] {
        assert!(
            payloads.iter().all(|payload| !payload.contains(secret)),
            "{secret}"
        );
    }
    // One subject has one pseudonym.
    let pseudonyms: BTreeSet<String> = payloads
        .iter()
        .map(|payload| serde_json::from_str::<Value>(payload).unwrap()["subject"].to_string())
        .collect();
    assert_eq!(pseudonyms.len(), 1);
}

async fn a_refused_change_leaves_nothing(house: &House) {
    house.subject(json!({"email": "ann@example.org"})).await;
    let before = house.leaves().await;
    let taken = json!({"email": "ann@example.org", "login": "new"});
    assert!(house.vault.create(&ann(), record(taken)).await.is_err());
    assert_eq!(house.leaves().await, before);
    for table in ["SELECT id FROM subjects", "SELECT subject FROM subject_versions"] {
        assert_eq!(house.rows::<String>(table, values![]).await.len(), 1);
    }
    // The login of the refused one is free.
    house.subject(json!({"login": "new"})).await;
}

async fn a_search_finds_whole_values_and_prefixes(house: &House) {
    for (login, city) in [
        ("a", "Hamburg"),
        ("b", "Hamm"),
        ("c", "HAMBURG"),
        ("d", "Rome"),
        ("e", "Bonn"),
    ] {
        house.subject(json!({"login": login, "city": city})).await;
    }
    let found = async |value: &str, is_prefix, limit| {
        let search = Search {
            field: "city".to_owned(),
            value: value.to_owned(),
            is_prefix,
        };
        let found = house.vault.search(&ann(), &search, limit, ORDINARY).await?;
        let logins = found
            .value
            .into_iter()
            .map(|subject| subject.record.fields()["login"].to_string());
        Ok::<BTreeSet<String>, Error>(logins.collect())
    };
    let set = |logins: &[&str]| {
        logins
            .iter()
            .map(|login| format!("\"{login}\""))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(found("hamburg", false, 10).await.unwrap(), set(&["a", "c"]));
    assert_eq!(found("ham", true, 10).await.unwrap(), set(&["a", "b", "c"]));
    assert_eq!(found("ham", true, 2).await.unwrap().len(), 2);
    assert_eq!(found("hambx", true, 10).await.unwrap(), set(&[]));
    assert!(matches!(found("h", true, 10).await, Err(Error::BadField { .. })));
    let search = Search {
        field: "login".to_owned(),
        value: "ab".to_owned(),
        is_prefix: true,
    };
    let refused = house.vault.search(&ann(), &search, 10, ORDINARY).await;
    assert!(
        matches!(refused, Err(Error::BadField { .. })),
        "no prefix index was asked for"
    );
}

async fn lists_go_page_by_page(house: &House) {
    let mut ids = BTreeSet::new();
    for number in 0..5 {
        ids.insert(house.create(json!({"age": number})).await);
    }
    let mut seen = Vec::new();
    let mut page = Page {
        after: None,
        limit: 2,
    };
    for _ in 0..4 {
        let listed = house.vault.list(&ann(), &page).await.unwrap().value;
        seen.extend(listed.iter().map(|info| info.id.clone()));
        page.after = seen.last().cloned();
    }
    assert_eq!(seen, ids.into_iter().collect::<Vec<_>>());
}

async fn many_at_once_are_stored_but_those_that_cannot(house: &House) {
    house.subject(json!({"login": "n3"})).await;
    let records: Vec<_> = (0..40)
        .map(|number| record(json!({"login": format!("n{}", number % 39), "city": "Rome"})))
        .collect();
    let outcomes = house.vault.create_many(&ann(), records).await.unwrap();
    let refused: Vec<usize> = (0..40).filter(|number| outcomes[*number].is_err()).collect();
    assert_eq!(refused, [3, 39]);
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 39);
    assert_eq!(house.leaves().await.len(), 39);
}

async fn values_that_cannot_be_indexed_are_named(house: &House) {
    for (value, name) in [
        (json!({"email": "no address"}), "email"),
        (json!({"phone": "call me"}), "phone"),
        (json!({"login": ["a"]}), "login"),
    ] {
        let error = house.vault.create(&ann(), record(value)).await.unwrap_err();
        assert!(
            matches!(&error, Error::BadField { field, .. } if field == name),
            "{error}"
        );
    }
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 0);
}

async fn an_index_that_is_added_later_is_built(house: &House) {
    for (login, badge) in [("a", "1"), ("b", "2"), ("c", "2"), ("d", "3")] {
        house.subject(json!({"login": login, "badge": badge})).await;
    }
    let later = house.with_index("badge");
    let who = by("badge", "1");
    assert!(is_absent(&later.read(&ann(), &who, ORDINARY).await));
    let mut page = Page {
        after: None,
        limit: 3,
    };
    let mut refused = Vec::new();
    for expected in [3, 1, 0] {
        let rebuilt = later.rebuild_indexes(&ann(), &page).await.unwrap();
        assert_eq!(rebuilt.subjects, expected);
        refused.extend(rebuilt.refused.into_iter().map(|(_, field)| field));
        page.after = rebuilt.last;
    }
    assert_eq!(refused, ["badge"], "two have one badge");
    let found = later.read(&ann(), &who, ORDINARY).await.unwrap().value;
    assert_eq!(found.record.into_value(), json!({"login": "a", "badge": "1"}));
    for login in ["a", "b", "c", "d"] {
        assert!(
            later.read(&ann(), &by("login", login), ORDINARY).await.is_ok(),
            "{login}"
        );
    }
}

async fn batches_at_once_that_want_the_same_values_all_end(house: &House) {
    let mut batches = tokio::task::JoinSet::new();
    for batch in 0..4 {
        let vault = house.vault.clone();
        // Each in another order.
        let logins = (0..50).map(move |number| (number * 7 + batch * 13) % 50);
        let records = logins
            .map(|number| record(json!({"login": format!("n{number}")})))
            .collect();
        batches.spawn(async move {
            let outcomes = vault.create_many(&ann(), records).await.unwrap();
            outcomes.iter().filter(|outcome| outcome.is_ok()).count()
        });
    }
    assert_eq!(batches.join_all().await.into_iter().sum::<usize>(), 50);
    assert_eq!(house.vault.count(&ann()).await.unwrap(), 50);
}
