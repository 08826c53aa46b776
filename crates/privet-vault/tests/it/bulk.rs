//! Reading many records takes two principals and ends soon.

use privet_store::values;
use privet_vault::{BulkState, Error, Page};
use serde_json::json;

use crate::support::{House, ann, bob, eve, is_absent, on_both_databases};

on_both_databases! {
    a_bulk_read_needs_a_second_principal_and_ends_soon
    a_refused_bulk_read_stays_shut
    an_approval_opens_once_and_for_who_asked
    restricted_subjects_are_left_out
    a_request_that_nobody_decides_ends
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
