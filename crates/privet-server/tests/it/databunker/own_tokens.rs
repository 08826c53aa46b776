//! Tokens with which people call for themselves.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok as ok, assert_refused as refused, bunkers};

async fn own(bunker: &Bunker, token: &str, more: Value) -> String {
    let mut body = json!({"mode": "token", "identity": token});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let made = ok(&bunker.v2_by(&bunker.key, "XTokenCreateForUser", body).await);
    assert_eq!(made["token"], token);
    made["xtoken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_reads_and_asks_about_themselves_alone() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "first": "Ada"})).await;
        let other = bunker.user(json!({"login": "bo"})).await;
        let key = own(&bunker, &token, json!({})).await;
        let who = |token: &str| json!({"mode": "token", "identity": token});
        assert_eq!(
            ok(&bunker.v2_by(&key, "UserGet", who(&token)).await)["profile"]["first"],
            "Ada"
        );
        let foreign = bunker.v2_by(&key, "UserGet", who(&other)).await;
        assert_eq!(
            foreign.text(),
            bunker.v2_by(&key, "UserGet", who(NOWHERE)).await.text()
        );
        refused(&foreign, 404);
        refused(&bunker.v2_by(&key, "UserDeleteRequest", who(&other)).await, 404);
        for (name, body) in [
            ("UserCreate", json!({"profile": {"login": "eve"}})),
            ("XTokenCreateForUser", who(&token)),
            ("BulkListAllUserRequests", json!({"unlockuuid": NOWHERE})),
            ("UserRequestApprove", json!({"requestuuid": NOWHERE})),
        ] {
            refused(&bunker.v2_by(&key, name, body).await, 403);
        }
        let asked = ok(&bunker.v2_by(&key, "UserDeleteRequest", who(&token)).await);
        let id = json!({"requestuuid": asked["requestuuid"]});
        assert_eq!(
            ok(&bunker.v2_by(&key, "UserRequestGet", id.clone()).await)["request"]["requesttype"],
            "forget-me"
        );
        let others = own(&bunker, &other, json!({})).await;
        for name in ["UserRequestGet", "UserRequestCancel"] {
            refused(&bunker.v2_by(&others, name, id.clone()).await, 404);
        }
        refused(&bunker.v1_by(&key, "GET", "requests", None).await, 403);
        refused(
            &bunker
                .v1_by(&key, "POST", &format!("exp/start/{token}"), None)
                .await,
            403,
        );
        ok(&bunker.v2_by(&key, "UserRequestCancel", id).await);
        let listed = bunker
            .v1_by(&key, "GET", &format!("requests/token/{token}"), None)
            .await;
        assert_eq!(ok(&listed)["rows"][0]["status"], "canceled");
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_token_of_its_own_ends_and_goes_with_the_person() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let who = json!({"mode": "token", "identity": token});
        let short = own(&bunker, &token, json!({"finaltime": "3s"})).await;
        ok(&bunker.v2_by(&short, "UserGet", who.clone()).await);
        bunker.gateway.clock().advance(Duration::from_secs(3));
        let over = bunker.v2_by(&short, "UserGet", who.clone()).await;
        assert_eq!(refused(&over, 403), "Access denied");
        assert_eq!(
            over.text(),
            bunker.v2_by(NOWHERE, "UserGet", who.clone()).await.text()
        );
        let usual = own(&bunker, &token, json!({})).await;
        let bad = json!({"mode": "token", "identity": token, "finaltime": "soon"});
        assert!(
            refused(&bunker.v2_by(&bunker.key, "XTokenCreateForUser", bad).await, 400).contains("finaltime")
        );
        let asked = ok(&bunker.v2_by(&usual, "UserDeleteRequest", who.clone()).await);
        let id = json!({"requestuuid": asked["requestuuid"]});
        ok(&bunker.v2_by(&bunker.approver, "UserRequestApprove", id).await);
        assert_eq!(
            refused(&bunker.v2_by(&usual, "UserGet", who).await, 403),
            "Access denied"
        );
        refused(
            &bunker
                .v1_by(&usual, "GET", &format!("user/token/{token}"), None)
                .await,
            401,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_person_ends_by_no_word_what_is_not_theirs_to_end() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let basis = json!({"brief": "contract", "basistype": "contract"});
        ok(&bunker.v2_by(&bunker.key, "LegalBasisCreate", basis).await);
        let path = format!("agreement/contract/token/{token}");
        ok(&bunker.post(&path, json!({"status": "yes"})).await);
        let key = own(&bunker, &token, json!({})).await;
        let mut results = Vec::new();
        for said in [
            json!({"status": "no"}),
            json!({"status": "pending"}),
            json!({"status": "yes", "expiration": "1min"}),
        ] {
            let answer = ok(&bunker.v1_by(&key, "POST", &path, Some(said)).await);
            results.push(answer["result"].as_str().unwrap().to_owned());
        }
        assert_eq!(results, ["request-created", "request-exists", "request-exists"]);
        assert_eq!(ok(&bunker.get(&path).await)["data"]["status"], "yes");
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_neither_told_nor_used() {
    const SESSION: &str = "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a11";
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        bunker.user(json!({"login": "bo"})).await;
        let key = own(&bunker, &token, json!({})).await;
        let times = json!({"sessionuuid": SESSION, "sessiondata": {"login": "bo"}, "slidingtime": "60s"});
        bunker.good("SessionUpsert", times).await;
        bunker.gateway.clock().advance(Duration::from_secs(50));
        let foreign = bunker
            .v2_by(&key, "SessionGet", json!({"sessionuuid": SESSION}))
            .await;
        refused(&foreign, 404);
        let never = bunker
            .v2_by(&key, "SessionGet", json!({"sessionuuid": NOWHERE}))
            .await;
        assert_eq!(foreign.text(), never.text());
        // It was not used, and so it ends when it would have.
        bunker.gateway.clock().advance(Duration::from_secs(11));
        refused(
            &bunker.v2("SessionGet", json!({"sessionuuid": SESSION})).await,
            404,
        );
        bunker.end().await;
    }
}
