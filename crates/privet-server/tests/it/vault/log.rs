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

#[tokio::test]
async fn reading_what_hangs_on_a_person_is_an_event_too() {
    for house in houses().await {
        let token = house.subject(json!({"login": "ada", "email": ADA})).await;
        let purpose = json!({"name": "news", "basis": "consent"});
        assert_eq!(house.put("/purposes/news", purpose).await.status, 200);
        let said = json!({"kind": "given", "purposes": ["news"]});
        house.post(&format!("/subjects/{token}/consents"), said).await;
        let hold = json!({"subject": token, "reference": "case-7", "why": "a claim"});
        let hold = house.post("/retention/holds", hold).await.json()["hold"].clone();
        let ends = json!({"expires_at": "2099-01-01T00:00:00Z"});
        house.post(&format!("/subjects/{token}/expiry"), ends).await;

        let erasure = json!({"subject": {"by": "token", "value": token}, "reason": "request"});
        let mut plan = erasure.clone();
        plan["dry_run"] = true.into();
        let nobody = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11";
        for path in [
            format!("/subjects/{token}/lineage"),
            "/retention/holds".to_owned(),
            format!("/subjects/{token}/expiry"),
            format!("/subjects/{token}/consent/receipt"),
            format!("/subjects/{token}/consents"),
            format!("/subjects/{token}/agreements"),
        ] {
            let read = house.get(&path).await;
            assert_eq!(read.status, 200, "{path}: {}", read.text());
        }
        assert_eq!(
            house.get(&format!("/subjects/{nobody}/lineage")).await.status,
            404
        );
        assert_eq!(house.post("/erasures", plan).await.status, 200);
        let path = format!("/retention/holds/{}", hold.as_str().unwrap());
        assert_eq!(house.delete(&path).await.status, 204);
        let done = house.post("/erasures", erasure).await.json();
        let path = format!("/erasures/{}", done["erasure"].as_str().unwrap());
        assert_eq!(house.get(&path).await.json(), done);

        let rows = events(&house, 9).await;
        let reads = rows.iter().filter(|row| row["kind"] == "vault_read");
        let told: Vec<_> = reads
            .map(|row| {
                let event = &row["event"];
                let word = |name: &str| event[name].as_str().unwrap().to_owned();
                (word("operation"), event["subject"].is_string(), word("result"))
            })
            .collect();
        let of = |name: &str, is_about_somebody, result: &str| {
            (name.to_owned(), is_about_somebody, result.to_owned())
        };
        assert_eq!(
            told,
            [
                of("read_lineage", true, "shown"),
                of("list_holds", false, "shown"),
                of("read_expiry", true, "shown"),
                of("read_receipt", true, "shown"),
                of("read_consent", true, "shown"),
                of("read_consent", true, "shown"),
                of("read_lineage", false, "absent"),
                of("plan_erasure", true, "shown"),
                of("read_erasure", true, "shown"),
            ]
        );
        let text = Value::from(rows).to_string();
        for secret in [ADA, "lovelace", &token, "a claim"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        house.end().await;
    }
}
