//! What is refused before a handler is asked is in the log: counted, and not once for each time.

use std::time::{Duration, Instant};

use privet_store::{Scope, values};
use privet_testkit::{Ask, TestGateway};
use privet_types::{KeyScope, KeyScopes};
use serde_json::{Value, json};

use super::{House, houses_with};

const FLOOD: u64 = 30;

/// The leaves about refusals once they count as many as `count`, with tenants and times.
async fn refusals(gateway: &TestGateway, count: u64) -> Vec<(String, Value)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let database = gateway.vault().store.database();
        let rows = database
            .read::<Vec<(String, String)>, privet_store::Error, _>(&Scope::Installation, |tx| {
                Box::pin(async move {
                    let sql =
                        "SELECT tenant, payload FROM audit_events WHERE kind = 'vault_refused' ORDER BY id";
                    tx.rows(sql, values![]).await
                })
            })
            .await
            .unwrap();
        let rows: Vec<(String, Value)> = rows
            .into_iter()
            .map(|(tenant, payload)| (tenant, serde_json::from_str(&payload).unwrap()))
            .collect();
        let told: u64 = rows.iter().map(|(_, leaf)| leaf["count"].as_u64().unwrap()).sum();
        if told >= count {
            return rows;
        }
        assert!(Instant::now() < deadline, "{rows:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn house() -> Vec<House> {
    houses_with("listen = \"127.0.0.1:0\"\nrequest_body = \"16KiB\"\n[vault.databunker]\nenabled = true\nrequest_body = \"16KiB\"\n").await
}

#[tokio::test]
async fn refusals_are_counted_by_who_and_why() {
    for house in house().await {
        let gateway = &house.gateway;
        let reader = KeyScopes::of(&[KeyScope::VaultRead]);
        let reader = gateway.key_for("acme", "reader", reader).await;
        let address = gateway.vault_address();
        let bunker = |key: &str, call: &str, body: Value| {
            let ask = Ask::new(address, "POST", &format!("/v2/{call}"));
            ask.header("x-bunker-token", key).body(body.to_string())
        };
        for _ in 0..FLOOD {
            // By both interfaces, and by none of the keys.
            let reply = gateway
                .ask_vault("prvt_none", "GET", "/subjects", None)
                .send()
                .await;
            assert_eq!(reply.status, 401);
            assert_eq!(bunker("prvt_none", "UserGet", json!({})).send().await.status, 403);
        }
        let long = json!({"record": {"a": "secret".repeat(4096)}});
        let reply = gateway
            .ask_vault(&reader, "POST", "/subjects", Some(&long))
            .send()
            .await;
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(
            bunker(&reader, "UserCreate", long.clone()).send().await.status,
            403
        );
        let reply = gateway
            .ask_vault(&house.key, "POST", "/subjects", Some(&long))
            .send()
            .await;
        assert_eq!(reply.status, 413, "{}", reply.text());
        assert_eq!(bunker(&house.key, "UserCreate", long).send().await.status, 413);
        assert_eq!(
            bunker(&house.key, "UserCreate", json!({})).send().await.status,
            400
        );

        let told = refusals(gateway, 2 * FLOOD + 5).await;
        let of = |reason: &str| {
            let of = told.iter().filter(|(_, leaf)| leaf["reason"] == reason);
            of.cloned().collect::<Vec<_>>()
        };
        let count = |rows: &[(String, Value)]| {
            rows.iter()
                .map(|(_, leaf)| leaf["count"].as_u64().unwrap())
                .sum::<u64>()
        };
        let keyless = of("invalid_api_key");
        assert_eq!(count(&keyless), 2 * FLOOD);
        // One at once, and the others together each second.
        assert!((keyless.len() as u64) < FLOOD, "{keyless:?}");
        assert!(
            keyless
                .iter()
                .all(|(tenant, leaf)| tenant == "*" && leaf["principal"] == "anonymous")
        );
        let (scope, large, bad) = (of("out_of_scope"), of("request_too_large"), of("bad_request"));
        assert_eq!((count(&scope), count(&large), count(&bad)), (2, 2, 1), "{told:?}");
        assert!(
            scope
                .iter()
                .chain(&large)
                .chain(&bad)
                .all(|(tenant, _)| tenant == "acme")
        );
        assert_ne!(scope[0].1["principal"], large[0].1["principal"]);
        assert_eq!(large[0].1["principal"], bad[0].1["principal"]);
        let text = format!("{told:?}");
        for never in ["secret", "prvt_", "reader", "officer"] {
            assert!(!text.contains(never), "{never}: {text}");
        }
        house.end().await;
    }
}

#[tokio::test]
async fn what_was_refused_in_the_last_second_is_in_the_log_behind_a_clean_stop() {
    let gateway = || TestGateway::builder().vault("listen = \"127.0.0.1:0\"\n");
    let first = gateway().start().await;
    for _ in 0..FLOOD {
        let reply = first
            .ask_vault("prvt_none", "GET", "/subjects", None)
            .send()
            .await;
        assert_eq!(reply.status, 401);
    }
    let stopped = first.stop().await;
    let second = gateway().home(stopped.home).start().await;
    let told = refusals(&second, FLOOD).await;
    let counts = told.iter().map(|(_, leaf)| leaf["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), FLOOD, "{told:?}");
    second.stop().await;
}
