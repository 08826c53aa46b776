//! What people have acknowledged: each wording by itself, told to the log, and to whoever keeps the keys.

use jiff::Timestamp;
use privet_store::{AcknowledgementChange, AcknowledgementRecord};
use privet_types::Pseudonym;

use crate::support::House;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn record(tenant: &str, notice: &str, text_hash: &str, ms: i64) -> AcknowledgementRecord {
    AcknowledgementRecord {
        tenant: tenant.parse().unwrap(),
        principal: "ann".parse().unwrap(),
        notice: notice.to_owned(),
        text_hash: text_hash.to_owned(),
        at: at(ms),
    }
}

fn change(record: &AcknowledgementRecord) -> AcknowledgementChange {
    AcknowledgementChange {
        at: record.at,
        tenant: record.tenant.to_string(),
        principal: Pseudonym("5".repeat(32)),
        notice: record.notice.clone(),
        text_hash: record.text_hash.clone(),
        way: "key",
    }
}

#[tokio::test]
async fn the_latest_time_of_each_wording_counts_and_the_log_is_told_of_each() {
    for house in House::each().await {
        let store = &house.store;
        let leaves = store.audit_count().await.unwrap();
        let version = store.api_keys_version().await.unwrap();
        for (tenant, notice, hash, ms) in [
            ("acme", "rules", "one", 5),
            ("acme", "rules", "two", 6),
            ("acme", "rules", "one", 9),
            // Somebody with a slow clock.
            ("acme", "rules", "one", 7),
            ("other", "rules", "one", 8),
        ] {
            let record = record(tenant, notice, hash, ms);
            store.acknowledge(&record, &change(&record)).await.unwrap();
        }
        assert!(store.api_keys_version().await.unwrap() > version);
        assert_eq!(store.audit_count().await.unwrap(), leaves + 4);
        assert_eq!(
            store.load_people().await.unwrap().acknowledgements,
            [
                record("acme", "rules", "one", 9),
                record("acme", "rules", "two", 6),
                record("other", "rules", "one", 8),
            ]
        );
        house.end().await;
    }
}
