use privet_types::{KeyScope, KeyScopes};
use serde_json::{Value, json};

use super::{ADA, assert_problem, houses};

fn named<'v>(body: &'v Value, metric: &str) -> &'v Value {
    let rows = body["rows"].as_array().unwrap();
    let found = rows.iter().find(|row| row["metric"] == metric);
    found.unwrap_or_else(|| panic!("no {metric}: {body}"))
}

#[tokio::test]
async fn numbers_are_measured_for_who_may_see_the_log_and_for_one_tenant() {
    for house in houses().await {
        house.subject(json!({"login": "ada", "email": ADA})).await;
        let reply = house.get("/measurements").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(!reply.text().contains(ADA));
        let body = reply.json();
        let strength = named(&body, "encryption_strength");
        assert_eq!(
            (&strength["value"], &strength["unit"]),
            (&json!(256.0), &json!("bits"))
        );
        // The log is not sequenced here, and nobody reported what they did.
        for metric in ["auditability", "consent_compliance", "minimisation"] {
            let measured = named(&body, metric);
            assert!(
                measured["value"].is_null() && measured["reason"].is_string(),
                "{measured}"
            );
        }
        let need = json!({"name": "email", "fineness": {"characters": 3}});
        let put = house.put("/needs/email", need).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let body = house.get("/measurements?names=minimisation").await.json();
        assert_eq!(body["rows"].as_array().unwrap().len(), 1);
        let parts = named(&body, "minimisation")["parts"].as_array().unwrap().clone();
        let finer = parts
            .iter()
            .find(|part| part["name"] == "no_finer_than_needed")
            .unwrap();
        assert_eq!(
            (&finer["numerator"], &finer["denominator"]),
            (&json!(0), &json!(1))
        );
        let audit = KeyScopes::of(&[KeyScope::VaultAudit]);
        let other = house.gateway.key_for("other", "officer", audit).await;
        let foreign = house
            .gateway
            .ask_vault(&other, "GET", "/measurements", None)
            .send()
            .await;
        let strength = named(&foreign.json(), "encryption_strength").clone();
        assert!(
            strength["value"].is_null() && strength["sample_size"] == 0,
            "{strength}"
        );
        house.end().await;
    }
}

#[tokio::test]
async fn a_number_that_there_is_not_is_refused() {
    for house in houses().await {
        let reply = house.get("/measurements?names=happiness").await;
        assert_problem(&reply, 400, "bad_field", &["happiness"]);
        let reply = house.get("/measurements?since=yesterday").await;
        assert_problem(&reply, 400, "bad_field", &["yesterday"]);
        house.end().await;
    }
}
