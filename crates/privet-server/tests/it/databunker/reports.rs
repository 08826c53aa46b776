//! Reports of all that is held of a user.

use privet_types::{KeyScope, KeyScopes, Pseudonym};
use privet_vault::{Actor, SubjectRef};
use serde_json::{Value, json};

use super::{NOWHERE, assert_ok, assert_refused, bunkers, who};

const SESSION: &str = "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a11";
const MARKUP: &str = "<script>alert('x')</script><img src=//e.example/a>";

#[tokio::test]
async fn a_report_shows_all_that_is_held_and_what_was_done() {
    for bunker in bunkers().await {
        let token = bunker
            .user(json!({"login": "ada", "first": "Ada", "about": MARKUP}))
            .await;
        let other = bunker.user(json!({"login": "bo", "first": "Boudica"})).await;
        bunker
            .good(
                "UserUpdate",
                who(&token, json!({"profile": {"first": "Augusta"}})),
            )
            .await;
        bunker
            .good(
                "AppdataCreate",
                who(&token, json!({"appname": "shop", "appdata": {"cart": "lamp"}})),
            )
            .await;
        let session = json!({"sessionuuid": SESSION, "sessiondata": {"login": "ada", "page": "imprint"}});
        bunker.good("SessionUpsert", session).await;
        bunker
            .good(
                "LegalBasisCreate",
                json!({"brief": "newsletter", "basistype": "consent"}),
            )
            .await;
        bunker
            .good("AgreementAccept", who(&token, json!({"brief": "newsletter"})))
            .await;
        bunker
            .good("SharedRecordCreate", who(&token, json!({"partner": "Partner"})))
            .await;
        let patch = json!({"profile": {"first": "Later"}});
        bunker.good("UserUpdateRequest", who(&token, patch)).await;
        let path = format!("/subjects/{token}");
        let read = bunker
            .gateway
            .ask_vault(&bunker.key, "GET", &path, None)
            .send()
            .await;
        assert_eq!(read.status, 200);

        let report = bunker.good("SystemGetUserReport", who(&token, json!({}))).await;
        let report = &report["report"];
        assert_eq!(
            (&report["subject"], &report["tenant"]),
            (&json!(token), &json!("acme"))
        );
        assert_eq!(report["record"]["first"], "Augusta");
        assert_eq!(report["versions"][0]["record"]["first"], "Ada");
        assert_eq!(report["applications"][0]["data"]["cart"], "lamp");
        assert_eq!(report["sessions"][0]["data"]["page"], "imprint");
        assert_eq!(report["consent"][0]["event"], "given", "{report}");
        assert_eq!(report["shares"].as_array().map(Vec::len), Some(1));
        assert_eq!(report["proposals"].as_array().map(Vec::len), Some(1), "{report}");
        let done: Vec<&str> = report["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["what"].as_str().unwrap())
            .collect();
        for expected in [
            "UserCreate",
            "UserUpdate",
            "AppdataCreate",
            "SessionUpsert",
            "SharedRecordCreate",
        ] {
            assert!(done.contains(&expected), "{done:?}");
        }
        assert_eq!(report["events_total"], done.len());
        let text = report.to_string();
        assert!(!text.contains("Boudica") && !text.contains(&other), "{text}");

        let page = bunker
            .good("SystemGetUserHTMLReport", who(&token, json!({})))
            .await;
        let html = page["html"].as_str().unwrap();
        assert!(html.starts_with("<!doctype html>"), "{html}");
        for shown in [
            "Augusta",
            "lamp",
            "imprint",
            "newsletter",
            "UserCreate",
            "Later",
            "&lt;script&gt;",
        ] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        for never in ["<script", "<img", "http:", "https:", "Boudica"] {
            assert!(!html.contains(never), "{never}: {html}");
        }
        // The log is told of both, as of any read.
        let listed = bunker
            .good("AuditListUserEvents", who(&token, json!({"limit": 3})))
            .await;
        let rows = listed["rows"].as_array().unwrap().iter();
        let told: Vec<&Value> = rows
            .map(|row| &row["eventtype"])
            .filter(|kind| kind.as_str().is_some_and(|kind| kind.starts_with("System")))
            .collect();
        assert_eq!(told, ["SystemGetUserHTMLReport", "SystemGetUserReport"]);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_report_is_for_an_officer_and_of_nobody_else() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "first": "Ada"})).await;
        let read = KeyScopes::of(&[KeyScope::VaultRead, KeyScope::VaultBulk]);
        let reader = bunker.gateway.key_for("acme", "reader", read).await;
        for call in ["SystemGetUserReport", "SystemGetUserHTMLReport"] {
            assert_refused(&bunker.v2_by(&reader, call, who(&token, json!({}))).await, 403);
            let foreign = bunker.v2_by(&bunker.stranger, call, who(&token, json!({}))).await;
            assert_refused(&foreign, 404);
            let never = bunker.v2(call, who(NOWHERE, json!({}))).await;
            assert_eq!(foreign.text(), never.text());
            assert_refused(&bunker.v2(call, json!({"mode": "login"})).await, 400);
        }
        // Whose processing is restricted is told all the same what is held.
        let body = json!({"is_restricted": true});
        let path = format!("/subjects/{token}/restriction");
        let restricted = bunker
            .gateway
            .ask_vault(&bunker.key, "PUT", &path, Some(&body))
            .send()
            .await;
        assert!(restricted.status < 300, "{}", restricted.text());
        let report = assert_ok(&bunker.v2("SystemGetUserReport", who(&token, json!({}))).await);
        assert_eq!(report["report"]["record"]["first"], "Ada");
        bunker.erase(&token).await;
        assert_refused(
            &bunker.v2("SystemGetUserReport", who(&token, json!({}))).await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn one_report_is_made_at_a_time_and_the_next_is_told_to_come_again() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "first": "Ada"})).await;
        let actor = Actor {
            tenant: "acme".parse().unwrap(),
            principal: Pseudonym("test".to_owned()),
        };
        let named = SubjectRef::Token(token.parse().unwrap());
        let held = bunker
            .gateway
            .vault()
            .requests
            .report(&actor, &named)
            .await
            .unwrap();
        for call in ["SystemGetUserReport", "SystemGetUserHTMLReport"] {
            let refused = bunker.v2(call, who(&token, json!({}))).await;
            let message = assert_refused(&refused, 503);
            assert!(message.contains("try again"), "{message}");
            assert_eq!(refused.header("retry-after"), Some("1"));
        }
        drop(held);
        bunker.good("SystemGetUserReport", who(&token, json!({}))).await;
        bunker
            .good("SystemGetUserHTMLReport", who(&token, json!({})))
            .await;
        bunker.end().await;
    }
}
