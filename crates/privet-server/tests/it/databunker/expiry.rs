//! Users who are to be deleted, and the links by which they decide themselves.

use std::time::Duration;

use privet_testkit::{Ask, Reply};
use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok as ok, assert_refused as refused, bunkers, bunkers_with};

async fn start(bunker: &Bunker, who: &str, body: Option<Value>) -> String {
    let started = bunker
        .v1_by(&bunker.key, "POST", &format!("exp/start/{who}"), body)
        .await;
    ok(&started)["exptoken"].as_str().unwrap().to_owned()
}

async fn status(bunker: &Bunker, token: &str) -> Reply {
    bunker
        .v1_by(&bunker.key, "GET", &format!("exp/status/{token}"), None)
        .await
}

/// Follows a link, as somebody without a key does.
async fn follow(bunker: &Bunker, method: &str, what: &str, link: &str, tenant: &str) -> Reply {
    let target = format!("/v1/exp/{what}/{link}");
    let ask = Ask::new(bunker.gateway.vault_address(), method, &target);
    ask.header("x-bunker-tenant", tenant).send().await
}

#[tokio::test]
async fn an_expiration_is_started_seen_and_cancelled() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"email": "ada@example.com"})).await;
        for (who, method) in [(token.as_str(), "POST"), ("email/ada@example.com", "DELETE")] {
            assert_eq!(ok(&status(&bunker, who).await)["expstatus"], "");
            start(&bunker, who, Some(json!({"expiration": "10d"}))).await;
            let body = ok(&status(&bunker, who).await);
            let now = privet_types::Clock::now(bunker.gateway.clock()).as_second();
            assert_eq!(
                (&body["expstatus"], body["exptime"].as_i64()),
                (&json!("wait"), Some(now + 10 * 86_400))
            );
            assert!(body["expiration_date"].is_string());
            ok(&bunker
                .v1_by(&bunker.key, method, &format!("exp/cancel/{who}"), None)
                .await);
            let body = ok(&status(&bunker, who).await);
            assert_eq!(
                body,
                json!({"status": "ok", "expstatus": "", "exptime": 0, "expiration_date": null})
            );
        }
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_person_keeps_their_data_by_a_link_once() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let link = start(&bunker, &token, None).await;
        refused(&follow(&bunker, "GET", "retain", &link, "other").await, 404);
        ok(&follow(&bunker, "GET", "retain", &link, "acme").await);
        let body = ok(&status(&bunker, &token).await);
        assert_eq!(
            (&body["expstatus"], &body["exptime"]),
            (&json!("retain"), &json!(0))
        );
        refused(&follow(&bunker, "GET", "delete", &link, "acme").await, 404);
        bunker.gateway.clock().advance(Duration::from_secs(40 * 86_400));
        ok(&bunker.profile(&token).await);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_person_deletes_their_data_by_a_link_and_looking_at_it_does_not() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let link = start(&bunker, &token, None).await;
        for method in ["HEAD", "OPTIONS", "POST", "DELETE"] {
            let seen = follow(&bunker, method, "delete", &link, "acme").await;
            assert_eq!(seen.status, 405, "{method}");
        }
        ok(&bunker.profile(&token).await);
        ok(&follow(&bunker, "GET", "delete", &link, "acme").await);
        refused(&bunker.profile(&token).await, 404);
        refused(&follow(&bunker, "GET", "retain", &link, "acme").await, 404);
        refused(&status(&bunker, &token).await, 404);
        bunker.end().await;
    }
}

#[tokio::test]
async fn links_that_are_off_lead_nowhere() {
    for bunker in bunkers_with("links = false\n").await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let link = start(&bunker, &token, None).await;
        for what in ["retain", "delete"] {
            let followed = follow(&bunker, "GET", what, &link, "acme").await;
            assert_eq!(refused(&followed, 404), "url not found");
        }
        ok(&bunker.profile(&token).await);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_user_is_absent_at_once_when_their_time_has_come() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        start(&bunker, &token, Some(json!({"expiration": "2s"}))).await;
        bunker.gateway.clock().advance(Duration::from_secs(2));
        refused(&bunker.profile(&token).await, 404);
        refused(&status(&bunker, &token).await, 404);
        refused(
            &bunker.v1_by(&bunker.key, "GET", "user/login/ada", None).await,
            404,
        );
        // The longest is 31 days, whatever is asked for.
        let bo = bunker.user(json!({"login": "bo"})).await;
        start(&bunker, &bo, Some(json!({"expiration": "1y"}))).await;
        bunker.gateway.clock().advance(Duration::from_secs(31 * 86_400));
        refused(&bunker.profile(&bo).await, 404);
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_is_written() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let soon = Some(json!({"expiration": "soon"}));
        let bad = bunker
            .v1_by(&bunker.key, "POST", &format!("exp/start/{token}"), soon)
            .await;
        assert!(refused(&bad, 400).contains("expiration"));
        assert_eq!(ok(&status(&bunker, &token).await)["expstatus"], "");
        refused(&bunker.v1_by(&bunker.key, "POST", "exp/start/x", None).await, 400);
        refused(
            &bunker.v1_by(&bunker.key, "POST", "exp/start/token", None).await,
            400,
        );
        for (method, what) in [("POST", "start"), ("GET", "status"), ("POST", "cancel")] {
            let path = format!("exp/{what}/{NOWHERE}");
            refused(&bunker.v1_by(&bunker.key, method, &path, None).await, 404);
            refused(
                &bunker
                    .v1_by(&bunker.stranger, method, &format!("exp/{what}/{token}"), None)
                    .await,
                404,
            );
        }
        for what in ["retain", "delete"] {
            refused(&follow(&bunker, "GET", what, NOWHERE, "acme").await, 404);
            refused(&follow(&bunker, "GET", what, "x", "acme").await, 400);
        }
        bunker.end().await;
    }
}
