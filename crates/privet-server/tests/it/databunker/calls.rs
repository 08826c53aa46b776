use privet_types::{KeyScope, KeyScopes};
use serde_json::json;

use super::{NOWHERE, assert_ok, assert_refused, bunkers, bunkers_with, who};

#[tokio::test]
async fn nobody_without_a_good_key_of_the_tenant_is_let_in() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let target = format!("/v1/user/token/{token}");
        assert_refused(&bunker.bare("GET", &target).send().await, 401);
        for (key, tenant) in [
            ("not-a-key", "acme"),
            (bunker.key.as_str(), "globex"),
            (bunker.key.as_str(), "none"),
        ] {
            let ask = bunker.bare("GET", &target).header("x-bunker-token", key);
            assert_refused(&ask.header("x-bunker-tenant", tenant).send().await, 401);
        }
        let ask = bunker.bare("GET", &format!("{target}?token={}", bunker.key));
        assert_refused(&ask.send().await, 401);
        let ask = bunker
            .bare("POST", "/v2/UserGet")
            .header("x-bunker-tenant", "acme");
        assert_eq!(assert_refused(&ask.send().await, 403), "Access denied");
        bunker.end().await;
    }
}

#[tokio::test]
async fn another_tenants_user_answers_as_one_that_never_was() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        for id in [token.as_str(), NOWHERE] {
            for (method, path, body) in [
                ("GET", format!("/v1/user/token/{id}"), None),
                ("PUT", format!("/v1/user/token/{id}"), Some(json!({"a": 1}))),
                ("DELETE", format!("/v1/user/token/{id}"), None),
                ("POST", "/v2/UserDelete".to_owned(), Some(who(id, json!({})))),
                (
                    "POST",
                    "/v2/SharedRecordCreate".to_owned(),
                    Some(who(id, json!({}))),
                ),
            ] {
                let reply = bunker.ask(&bunker.stranger, method, &path, body).await;
                assert_eq!(
                    assert_refused(&reply, 404),
                    "The user record was not found",
                    "{method} {path}"
                );
            }
        }
        assert_ok(&bunker.get(&format!("user/token/{token}")).await);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_allow() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let read = KeyScopes::of(&[KeyScope::VaultRead]);
        let reader = bunker.gateway.key_for("acme", "reader", read).await;
        let path = format!("/v1/user/token/{token}");
        assert_ok(&bunker.ask(&reader, "GET", &path, None).await);
        let refused = bunker.ask(&reader, "DELETE", &path, None).await;
        assert_eq!(assert_refused(&refused, 403), "API access denied");
        let refused = bunker.ask(&reader, "PUT", &path, Some(json!({"a": 1}))).await;
        assert_refused(&refused, 403);
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_apart_from_what_is_not_spoken() {
    for bunker in bunkers().await {
        assert_eq!(
            assert_refused(&bunker.v2("Nothing", json!({})).await, 404),
            "The API request was not found"
        );
        assert!(assert_refused(&bunker.v2("GroupCreate", json!({})).await, 501).contains("GroupCreate"));
        assert_refused(&bunker.get("sys/backup").await, 501);
        assert_eq!(assert_refused(&bunker.get("nothing").await, 404), "url not found");
        let wrong = bunker
            .ask(&bunker.key, "PATCH", &format!("/v1/user/token/{NOWHERE}"), None)
            .await;
        assert_refused(&wrong, 405);
        assert!(wrong.header("allow").unwrap().contains("PUT"));
        let missing = bunker.v2("UserUpdate", json!({"identity": "x"})).await;
        assert_eq!(
            assert_refused(&missing, 400),
            "Missing API request parameters: mode, profile"
        );
        // The native interface is on the same address.
        let native = bunker
            .gateway
            .ask_vault(&bunker.key, "GET", "/subjects", None)
            .send()
            .await;
        assert_eq!(native.status, 200, "{}", native.text());
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_body_past_its_limit_is_refused_and_bulk_has_one_of_its_own() {
    for bunker in bunkers_with("request_body = \"16KiB\"\nbulk_body = \"64KiB\"").await {
        let long = "x".repeat(20_000);
        let refused = bunker.v2("UserCreate", json!({"profile": {"a": long}})).await;
        assert!(!assert_refused(&refused, 413).contains("xx"));
        let made = bunker
            .good("UserCreateBulk", json!({"records": [{"profile": {"a": long}}]}))
            .await;
        assert_eq!(made["summary"]["created"], 1);
        bunker.end().await;
    }
}

#[tokio::test]
async fn the_metrics_need_a_key_and_name_nobody() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let status = bunker.bare("GET", "/status").send().await;
        assert_eq!((status.status, status.text().as_str()), (200, "OK"));
        assert_refused(&bunker.bare("GET", "/metrics").send().await, 401);
        let metrics = bunker.ask(&bunker.key, "GET", "/metrics", None).await.text();
        let counted = "privet_vault_databunker_calls_total{interface=\"v2\",outcome=\"ok\"} 1\n";
        assert!(metrics.contains(counted), "{metrics}");
        assert!(
            !metrics.contains(&token) && !metrics.contains("acme"),
            "{metrics}"
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_request_is_approved_by_somebody_else_than_who_asked() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let asked = bunker.good("UserDeleteRequest", who(&token, json!({}))).await;
        let path = format!("/v1/request/{}", asked["requestuuid"].as_str().unwrap());
        assert_refused(&bunker.ask(&bunker.key, "POST", &path, None).await, 403);
        assert_ok(&bunker.get(&format!("user/token/{token}")).await);
        assert_ok(&bunker.ask(&bunker.approver, "POST", &path, None).await);
        assert_refused(&bunker.get(&format!("user/token/{token}")).await, 404);
        bunker.end().await;
    }
}
