use serde_json::{Value, json};

use super::{ADA, House, assert_problem, houses};

/// Asks for the erasure of whom `email` leads to.
fn erasure(email: &str, dry_run: bool) -> Value {
    json!({"subject": {"by": "email", "value": email}, "reason": "request", "dry_run": dry_run})
}

async fn text_of(house: &House, path: &str, field: &str) -> String {
    house.get(path).await.json()[field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_is_erased_with_a_receipt_that_verifies_and_is_absent_after() {
    for house in houses().await {
        let subject = house.subject(json!({"login": "ada", "email": ADA})).await;
        let planned = house.post("/erasures", erasure(ADA, true)).await;
        assert_eq!(planned.status, 200, "{}", planned.text());
        assert_eq!(planned.json()["state"], "planned");
        assert_eq!(
            planned.json()["nodes"][0]["outcome"],
            "shredded",
            "{}",
            planned.text()
        );
        assert_eq!(house.get(&format!("/subjects/{subject}")).await.status, 200);

        let done = house.post("/erasures", erasure(ADA, false)).await;
        assert_eq!(done.status, 200, "{}", done.text());
        assert_eq!(done.json()["state"], "done");
        assert!(!done.text().contains(ADA) && !done.text().contains(&subject));
        let gone = house.get(&format!("/subjects/{subject}")).await;
        assert_problem(&gone, 404, "not_found", &[ADA]);
        let again = house.post("/erasures", erasure(ADA, false)).await;
        assert_problem(&again, 404, "not_found", &[ADA]);

        let id = done.json()["erasure"].as_str().unwrap().to_owned();
        let read = house.get(&format!("/erasures/{id}")).await;
        assert_eq!(read.json(), done.json());
        let key = text_of(&house, "/receipts/key", "key").await;
        let key = privet_crypto::VerifyingKey::from_bytes(bytes(&key));
        let receipt: privet_vault::ErasureReceipt =
            serde_json::from_value(read.json()["receipt"].clone()).unwrap();
        assert_eq!(receipt.verify(&key).unwrap().erasure, id);
        house.end().await;
    }
}

fn bytes(hex: &str) -> [u8; 32] {
    let byte = |place: usize| u8::from_str_radix(hex.get(place * 2..place * 2 + 2).unwrap(), 16).unwrap();
    std::array::from_fn(byte)
}

#[tokio::test]
async fn a_hold_keeps_a_person_until_it_is_released() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA})).await;
        let body = json!({"subject": subject, "reference": "case-7", "why": "a claim of ada.lovelace"});
        let placed = house.post("/retention/holds", body).await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let hold = placed.json()["hold"].as_str().unwrap().to_owned();
        let listed = house.get("/retention/holds").await;
        assert_eq!(listed.json()["rows"][0]["hold"], *hold);
        assert!(!listed.text().contains("a claim"), "{}", listed.text());

        let refused = house.post("/erasures", erasure(ADA, false)).await;
        assert_problem(&refused, 409, "held", &[ADA]);
        assert_eq!(refused.json()["holds"], json!(["case-7"]));
        let planned = house.post("/erasures", erasure(ADA, true)).await;
        assert_eq!(planned.json()["holds"], json!(["case-7"]), "{}", planned.text());
        assert_eq!(house.get(&format!("/subjects/{subject}")).await.status, 200);

        let path = format!("/retention/holds/{hold}");
        assert_eq!(house.delete(&path).await.status, 204);
        assert_problem(&house.delete(&path).await, 404, "not_found", &[]);
        let done = house.post("/erasures", erasure(ADA, false)).await;
        assert_eq!(done.json()["state"], "done", "{}", done.text());
        house.end().await;
    }
}

#[tokio::test]
async fn an_outside_store_that_cannot_be_reached_leaves_an_erasure_begun_and_its_id_is_told() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA})).await;
        let path = format!("/subjects/{subject}/lineage");
        let node = json!({"kind": "embeddings", "place": "rag", "node": "c1", "reach": "connector"});
        let made = house.post(&path, node).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let unfounded = json!({"kind": "export", "place": "tax", "node": "1", "reach": "retained"});
        let refused = house.post(&path, unfounded).await;
        assert_problem(&refused, 400, "bad_field", &[]);
        assert_eq!(refused.json()["field"], "basis");
        let listed = house.get(&path).await;
        assert_eq!(listed.json()["rows"], json!([made.json()]));

        let plan = house.post("/erasures", erasure(ADA, true)).await;
        assert_problem(&plan, 502, "connector_failed", &[ADA]);
        let stuck = house.post("/erasures", erasure(ADA, false)).await;
        assert_problem(&stuck, 502, "erasure_unfinished", &[ADA]);
        let id = stuck.json()["erasure"].as_str().unwrap().to_owned();
        let read = house.get(&format!("/erasures/{id}")).await;
        assert_eq!(read.json()["state"], "begun", "{}", read.text());
        let gone = house.get(&format!("/subjects/{subject}")).await;
        assert_problem(&gone, 404, "not_found", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_deletion_is_scheduled_shown_and_cancelled_and_one_in_the_past_is_refused() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA})).await;
        let path = format!("/subjects/{subject}/expiry");
        assert_problem(&house.get(&path).await, 404, "not_found", &[]);
        let past = house
            .post(&path, json!({"expires_at": "2001-01-01T00:00:00Z"}))
            .await;
        assert_problem(&past, 400, "bad_field", &[]);
        let started = house
            .post(&path, json!({"expires_at": "2099-01-01T00:00:00Z"}))
            .await;
        assert_eq!(started.status, 201, "{}", started.text());
        assert!(started.json()["token"].is_string());
        let shown = house.get(&path).await.json();
        assert_eq!(shown["state"], "wait");
        assert_eq!(shown["expires_at"], "2099-01-01T00:00:00Z");
        assert_eq!(shown["is_held"], false);
        assert_eq!(house.delete(&path).await.status, 204);
        assert_problem(&house.delete(&path).await, 404, "not_found", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_person_decides_by_the_token_of_a_link_without_a_key_and_once() {
    for house in houses().await {
        let start = async |subject: &str| {
            let (path, body) = (
                format!("/subjects/{subject}/expiry"),
                json!({"expires_at": "2099-01-01T00:00:00Z"}),
            );
            house.post(&path, body).await.json()["token"].clone()
        };
        let decide = async |what: &str, token: &Value| {
            let body = json!({ "token": token });
            let ask = house
                .gateway
                .ask_vault("", "POST", &format!("/expiries/{what}"), Some(&body));
            ask.without("authorization").send().await
        };
        let subject = house.subject(json!({"email": ADA})).await;
        let kept = start(&subject).await;
        assert_eq!(decide("keep", &kept).await.status, 204);
        let shown = house.get(&format!("/subjects/{subject}/expiry")).await;
        assert_eq!(shown.json()["state"], "retain");
        assert_problem(&decide("delete", &kept).await, 404, "not_found", &[]);

        let token = start(&subject).await;
        let looked = house.gateway.ask_vault("", "GET", "/expiries/delete", None);
        assert_eq!(looked.without("authorization").send().await.status, 405);
        assert_eq!(decide("delete", &token).await.status, 204);
        let gone = house.get(&format!("/subjects/{subject}")).await;
        assert_problem(&gone, 404, "not_found", &[]);
        assert_problem(&decide("keep", &token).await, 404, "not_found", &[]);

        let other = house.subject(json!({"login": "bo"})).await;
        let held = start(&other).await;
        let hold = json!({"subject": other, "reference": "case-7", "why": "a claim"});
        let hold = house.post("/retention/holds", hold).await.json()["hold"].clone();
        assert_problem(&decide("delete", &held).await, 409, "held", &["case-7"]);
        assert_eq!(house.get(&format!("/subjects/{other}")).await.status, 200);
        let hold = format!("/retention/holds/{}", hold.as_str().unwrap());
        assert_eq!(house.delete(&hold).await.status, 204);
        let gone = house.get(&format!("/subjects/{other}")).await;
        assert_problem(&gone, 404, "not_found", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn policies_are_defined_and_the_report_counts_by_them() {
    for house in houses().await {
        let policy = json!({"name": "a-month", "category": "processing", "keep_days": 30});
        let defined = house.put("/retention/policies/a-month", policy).await;
        assert_eq!(defined.status, 200, "{}", defined.text());
        assert_eq!(defined.json()["definition"]["keep_days"], 30);
        let token = json!({"kind": "text", "value": "hush", "ttl_seconds": 600});
        assert_eq!(house.post("/tokens", token).await.status, 201);
        let report = house.get("/retention/report").await;
        assert_eq!(report.status, 200, "{}", report.text());
        let report = report.json();
        let rows = report["rows"].as_array().unwrap();
        let of = |target: &str| rows.iter().find(|row| row["target"] == target).unwrap();
        assert_eq!(of("tokens")["items"], 1);
        assert_eq!(of("processing")["policy"], "a-month");
        assert_eq!(report["compliance"], 1.0);
        house.end().await;
    }
}

#[tokio::test]
async fn a_receipt_of_consent_is_signed_with_the_tenants_key() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA})).await;
        let path = format!("/subjects/{subject}/consent/receipt");
        assert_problem(&house.get(&path).await, 404, "not_found", &[]);
        let purpose = json!({"name": "news", "basis": "consent"});
        assert_eq!(house.put("/purposes/news", purpose).await.status, 200);
        let said = json!({"kind": "given", "purposes": ["news"]});
        let said = house.post(&format!("/subjects/{subject}/consents"), said).await;
        assert_eq!(said.status, 201, "{}", said.text());
        let statement = said.json()["rows"][0]["statement"].as_str().unwrap().to_owned();

        let receipt = house.get(&path).await;
        assert_eq!(receipt.status, 200, "{}", receipt.text());
        let key = text_of(&house, "/receipts/key", "key").await;
        let key = privet_crypto::VerifyingKey::from_bytes(bytes(&key));
        let verified = privet_vault::verify_receipt(receipt.text().as_bytes(), &key).unwrap();
        assert_eq!(verified.record_id, statement);
        assert_eq!(verified.purposes[0].name, "news");
        let named = house.get(&format!("{path}?statement={statement}")).await;
        assert_eq!(
            named.json()["receipt"]["record_id"],
            *statement,
            "{}",
            named.text()
        );
        let unknown = house.get(&format!("{path}?statement=none")).await;
        assert_problem(&unknown, 404, "not_found", &[]);
        house.end().await;
    }
}
