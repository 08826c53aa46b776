//! Reading many records takes two principals and ends soon.

use std::time::Duration;

use privet_store::values;
use privet_vault::{BulkState, Error, Page, Search};
use serde_json::json;

use crate::support::{House, ann, bob, by, eve, is_absent, on_both_databases};

on_both_databases! {
    a_bulk_read_needs_a_second_principal_and_ends_soon
    a_refused_bulk_read_stays_shut
    an_approval_opens_once_and_for_who_asked
    restricted_subjects_are_left_out
    a_request_that_nobody_decides_ends
    an_unlock_is_opened_by_its_approval_for_who_asked
    an_unlock_that_nobody_approves_in_ten_minutes_ends
    without_a_second_person_an_unlock_is_open_and_the_log_says_so
    subjects_are_read_by_name_by_slice_and_by_search
}

async fn a_bulk_read_needs_a_second_principal_and_ends_soon(house: &House) {
    for number in 0..5 {
        house.subject(json!({"age": number})).await;
    }
    let vault = &house.vault;
    let asked = vault.ask_bulk_read(&ann(), "quarterly audit").await.unwrap();
    assert_eq!(asked.state, BulkState::Waiting);
    let early = vault.unlock_bulk_read(&ann(), &asked.id).await;
    assert!(
        matches!(early, Err(Error::NotOpen { state: "waiting" })),
        "{early:?}"
    );
    let own = vault.decide_bulk_read(&ann(), &asked.id, true).await;
    assert!(matches!(own, Err(Error::SamePrincipal)), "{own:?}");
    assert!(is_absent(&vault.decide_bulk_read(&eve(), &asked.id, true).await));
    vault.decide_bulk_read(&bob(), &asked.id, true).await.unwrap();
    let unlock = vault.unlock_bulk_read(&ann(), &asked.id).await.unwrap();
    let mut page = Page {
        after: None,
        limit: 2,
    };
    let mut ages = 0;
    for expected in [2, 2, 1, 0] {
        let read = vault.bulk_page(&ann(), &unlock.id, &page).await.unwrap();
        assert_eq!(
            (read.value.len(), read.access.subjects),
            (expected, u32::try_from(expected).unwrap())
        );
        ages += read
            .value
            .iter()
            .filter_map(|subject| subject.record.fields()["age"].as_i64())
            .sum::<i64>();
        page.after = read.value.last().map(|subject| subject.id.clone()).or(page.after);
    }
    assert_eq!(ages, 10);
    for stranger in [bob(), eve()] {
        assert!(is_absent(&vault.bulk_page(&stranger, &unlock.id, &page).await));
    }
    house.pass(300);
    let late = vault.bulk_page(&ann(), &unlock.id, &page).await;
    assert!(
        matches!(late, Err(Error::NotOpen { state: "closed" })),
        "{late:?}"
    );
    let told = vault.bulk_reads(&ann()).await.unwrap();
    assert_eq!((told[0].state, told[0].records), (BulkState::Closed, 5));
    let leaves = house.leaves().await;
    assert_eq!(
        leaves[5..],
        [
            "bulk_read_asked",
            "bulk_read_approved",
            "bulk_read_opened",
            "bulk_read_page",
            "bulk_read_page",
            "bulk_read_page",
            "bulk_read_page"
        ]
    );
}

async fn a_refused_bulk_read_stays_shut(house: &House) {
    let asked = house.vault.ask_bulk_read(&ann(), "curiosity").await.unwrap();
    house
        .vault
        .decide_bulk_read(&bob(), &asked.id, false)
        .await
        .unwrap();
    let again = house.vault.decide_bulk_read(&bob(), &asked.id, true).await;
    assert!(
        matches!(again, Err(Error::NotOpen { state: "refused" })),
        "{again:?}"
    );
    let opened = house.vault.unlock_bulk_read(&ann(), &asked.id).await;
    assert!(
        matches!(opened, Err(Error::NotOpen { state: "refused" })),
        "{opened:?}"
    );
}

async fn an_approval_opens_once_and_for_who_asked(house: &House) {
    let asked = house.vault.ask_bulk_read(&ann(), "audit").await.unwrap();
    house
        .vault
        .decide_bulk_read(&bob(), &asked.id, true)
        .await
        .unwrap();
    assert!(is_absent(&house.vault.unlock_bulk_read(&bob(), &asked.id).await));
    house.vault.unlock_bulk_read(&ann(), &asked.id).await.unwrap();
    let again = house.vault.unlock_bulk_read(&ann(), &asked.id).await;
    assert!(
        matches!(again, Err(Error::NotOpen { state: "open" })),
        "{again:?}"
    );
}

async fn restricted_subjects_are_left_out(house: &House) {
    house.subject(json!({"age": 1})).await;
    let who = house.subject(json!({"age": 2})).await;
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    let asked = house.vault.ask_bulk_read(&ann(), "audit").await.unwrap();
    house
        .vault
        .decide_bulk_read(&bob(), &asked.id, true)
        .await
        .unwrap();
    let unlock = house.vault.unlock_bulk_read(&ann(), &asked.id).await.unwrap();
    let page = Page {
        after: None,
        limit: 10,
    };
    let read = house
        .vault
        .bulk_page(&ann(), &unlock.id, &page)
        .await
        .unwrap()
        .value;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].record.clone().into_value(), json!({"age": 1}));
}

async fn a_request_that_nobody_decides_ends(house: &House) {
    let asked = house.vault.ask_bulk_read(&ann(), "audit").await.unwrap();
    house.pass(8 * 24 * 3600);
    let late = house.vault.decide_bulk_read(&bob(), &asked.id, true).await;
    assert!(
        matches!(late, Err(Error::NotOpen { state: "closed" })),
        "{late:?}"
    );
    assert_eq!(
        house
            .rows::<i64>("SELECT COUNT(*) FROM bulk_reads WHERE is_approved = 1", values![])
            .await,
        [0]
    );
}

const MINUTE: Duration = Duration::from_secs(60);

async fn an_unlock_is_opened_by_its_approval_for_who_asked(house: &House) {
    let vault = &house.vault;
    let asked = vault.ask_unlock(&ann(), MINUTE, true).await.unwrap();
    assert!(is_absent(&vault.check_unlock(&ann(), &asked.id).await));
    let own = vault.decide_bulk_read(&ann(), &asked.id, true).await;
    assert!(matches!(own, Err(Error::SamePrincipal)), "{own:?}");
    let approved = vault.decide_bulk_read(&bob(), &asked.id, true).await.unwrap();
    assert_eq!(approved.state, BulkState::Open);
    for _ in 0..2 {
        vault.use_unlock(&ann(), &asked.id, 3).await.unwrap();
    }
    for stranger in [bob(), eve()] {
        assert!(is_absent(&vault.use_unlock(&stranger, &asked.id, 1).await));
        assert!(is_absent(&vault.check_unlock(&stranger, &asked.id).await));
    }
    assert_eq!(vault.bulk_reads(&ann()).await.unwrap()[0].records, 6);
    house.pass(60);
    let late = vault.use_unlock(&ann(), &asked.id, 1).await;
    assert!(
        matches!(late, Err(Error::NotOpen { state: "closed" })),
        "{late:?}"
    );
    let refused = vault.ask_unlock(&ann(), MINUTE, true).await.unwrap();
    vault.decide_bulk_read(&bob(), &refused.id, false).await.unwrap();
    assert!(is_absent(&vault.check_unlock(&ann(), &refused.id).await));
}

async fn an_unlock_that_nobody_approves_in_ten_minutes_ends(house: &House) {
    let asked = house.vault.ask_unlock(&ann(), MINUTE, true).await.unwrap();
    house.pass(600);
    let late = house.vault.decide_bulk_read(&bob(), &asked.id, true).await;
    assert!(
        matches!(late, Err(Error::NotOpen { state: "closed" })),
        "{late:?}"
    );
    assert!(is_absent(&house.vault.check_unlock(&ann(), &asked.id).await));
}

async fn without_a_second_person_an_unlock_is_open_and_the_log_says_so(house: &House) {
    let asked = house.vault.ask_unlock(&ann(), MINUTE, false).await.unwrap();
    house.vault.check_unlock(&ann(), &asked.id).await.unwrap();
    assert_eq!(
        house.leaves().await,
        ["bulk_read_asked", "bulk_read_opened_unapproved"]
    );
    house.pass(60);
    assert!(house.vault.check_unlock(&ann(), &asked.id).await.is_err());
}

async fn subjects_are_read_by_name_by_slice_and_by_search(house: &House) {
    let vault = &house.vault;
    let asked = vault.ask_unlock(&ann(), MINUTE, true).await.unwrap();
    let mut ids = Vec::new();
    for login in ["carol", "alice", "bert"] {
        ids.push(house.create(json!({"login": login, "city": "Berlin"})).await);
        house.pass(1);
    }
    house
        .vault
        .create(&eve(), crate::support::record(json!({"login": "alice"})))
        .await
        .unwrap();
    let restricted = house.subject(json!({"login": "dora", "city": "Bern"})).await;
    vault.restrict(&ann(), &restricted, true).await.unwrap();
    let wanted = [
        by("login", "bert"),
        by("login", "nobody"),
        by("email", "no address"),
        by("login", "ALICE"),
        by("login", "carol"),
    ];
    let search = |value: &str, is_prefix| Search {
        field: "city".to_owned(),
        value: value.to_owned(),
        is_prefix,
    };
    assert!(is_absent(&vault.bulk_subjects(&ann(), &asked.id, &wanted).await));
    assert!(is_absent(&vault.bulk_slice(&ann(), &asked.id, 0, 10).await));
    assert!(is_absent(
        &vault
            .bulk_search(&ann(), &asked.id, &[search("Berlin", false)], 10)
            .await
    ));
    vault.decide_bulk_read(&bob(), &asked.id, true).await.unwrap();
    let named = vault
        .bulk_subjects(&ann(), &asked.id, &wanted)
        .await
        .unwrap()
        .value;
    assert_eq!(
        named.iter().map(|one| &one.id).collect::<Vec<_>>(),
        [&ids[2], &ids[0]]
    );
    let (total, rows) = vault.bulk_slice(&ann(), &asked.id, 1, 10).await.unwrap().value;
    assert_eq!(
        (total, rows.iter().map(|one| &one.id).collect::<Vec<_>>()),
        (3, vec![&ids[1], &ids[2]])
    );
    let found = vault
        .bulk_search(
            &ann(),
            &asked.id,
            &[search("ber", true), search("Berlin", false)],
            10,
        )
        .await
        .unwrap();
    assert_eq!(found.value.len(), 3, "each once, none that is restricted");
    assert_eq!(vault.bulk_reads(&ann()).await.unwrap()[0].records, 7);
}
