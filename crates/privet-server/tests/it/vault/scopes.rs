use privet_types::{KeyScope, KeyScopes};
use serde_json::{Value, json};

use super::{assert_problem, houses};
use crate::support::{CHAT, chat};

#[tokio::test]
async fn no_key_and_an_unknown_key_are_401_and_a_key_without_the_scope_is_403() {
    for house in houses().await {
        let gateway = &house.gateway;
        let without = gateway
            .ask_vault("", "GET", "/subjects", None)
            .without("authorization");
        assert_problem(&without.send().await, 401, "invalid_api_key", &[]);
        let unknown = gateway
            .ask_vault("prvt_nonsense", "GET", "/subjects", None)
            .send()
            .await;
        assert_problem(&unknown, 401, "invalid_api_key", &["nonsense"]);
        let ann = gateway
            .ask_vault(gateway.key(), "GET", "/subjects", None)
            .send()
            .await;
        assert_problem(&ann, 403, "out_of_scope", &[]);
        let reads = KeyScopes::of(&[KeyScope::VaultRead]);
        let reader = gateway.key_for("acme", "reader", reads).await;
        assert_eq!(
            gateway
                .ask_vault(&reader, "GET", "/subjects", None)
                .send()
                .await
                .status,
            200
        );
        let body = json!({"record": {"login": "ada"}});
        let written = gateway
            .ask_vault(&reader, "POST", "/subjects", Some(&body))
            .send()
            .await;
        assert_problem(&written, 403, "out_of_scope", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn every_route_refuses_a_key_that_has_all_scopes_but_its_own() {
    let document: Value = serde_json::from_str(&privet_server::openapi()).unwrap();
    for house in houses().await {
        for (path, operations) in document["paths"].as_object().unwrap() {
            if !path.starts_with("/api/v1/vault/") {
                continue;
            }
            for (method, operation) in operations.as_object().unwrap() {
                let Some(scope) = operation["x-privet-scope"].as_str() else {
                    continue;
                };
                let others: Vec<KeyScope> = KeyScope::ALL.into_iter().filter(|s| s.name() != scope).collect();
                let key = house.gateway.key_for("acme", scope, KeyScopes::of(&others)).await;
                let path = path.trim_start_matches("/api/v1/vault");
                let method = method.to_uppercase();
                let refused = house.gateway.ask_vault(&key, &method, path, None).send().await;
                assert_problem(&refused, 403, "out_of_scope", &[]);
            }
        }
        house.end().await;
    }
}

#[tokio::test]
async fn a_key_of_the_vault_sends_no_prompts() {
    for house in houses().await {
        let gateway = &house.gateway;
        let key = gateway
            .key_for("default", "crm", KeyScopes::of(&[KeyScope::VaultRead]))
            .await;
        let ask = gateway.post(CHAT, chat("demo", "hello")).without("authorization");
        let reply = ask.header("authorization", &format!("Bearer {key}")).send().await;
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(gateway.seen().is_empty());
        house.end().await;
    }
}
