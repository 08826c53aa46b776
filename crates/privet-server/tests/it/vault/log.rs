use std::time::Duration;

use serde_json::{Value, json};

use super::{ADA, House, houses};

/// All events of the tenant, once `count` reads have come through the spool.
async fn events(house: &House, count: usize) -> Vec<Value> {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let reply = house.get("/audit?limit=100").await;
        let rows = reply.json()["rows"].as_array().unwrap().clone();
        let reads = rows.iter().filter(|row| row["kind"] == "vault_read").count();
        if reads >= count {
            return rows;
        }
        assert!(std::time::Instant::now() < deadline, "{rows:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_read_and_every_change_is_an_event_that_names_nobody() {
    for house in houses().await {
        let token = house.subject(json!({"login": "ada", "email": ADA})).await;
        house.get(&format!("/subjects/{token}")).await;
        house
            .post("/subjects/lookup", json!({"by": "email", "value": ADA}))
            .await;
        house
            .post(
                "/subjects/lookup",
                json!({"by": "email", "value": "nobody@example.com"}),
            )
            .await;
        let rows = events(&house, 3).await;
        let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
        assert!(kinds.contains(&"subject_created"), "{kinds:?}");
        let reads: Vec<_> = rows.iter().filter(|row| row["kind"] == "vault_read").collect();
        assert_eq!(reads[0]["event"]["result"], "shown", "{reads:?}");
        assert_eq!(reads[1]["event"]["subject"], reads[0]["event"]["subject"]);
        assert_eq!(reads[2]["event"]["result"], "absent");
        let text = Value::from(rows).to_string();
        for secret in [ADA, "lovelace", "nobody@", &token, "officer"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        house.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let gateway = privet_testkit::TestGateway::builder()
        .vault("")
        .policy("[audit]\ndurability = \"loss-window\"")
        .store("spool_max_bytes = \"1MiB\"")
        .without_flusher()
        .start()
        .await;
    let house = House::of(gateway, Vec::new()).await;
    let token = house.subject(json!({"login": "ada"})).await;
    let path = format!("/subjects/{token}");
    let mut last = house.get(&path).await;
    for _ in 0..20_000 {
        if last.status != 200 {
            break;
        }
        last = house.get(&path).await;
    }
    super::assert_problem(&last, 503, "not_recorded", &["ada"]);
}
