use std::time::Duration;

use serde_json::{Value, json};

use super::{NOWHERE, assert_ok, assert_refused, bunkers, who};

const SESSION: &str = "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a11";

#[tokio::test]
async fn a_session_is_of_whom_its_data_name_and_goes_with_them() {
    for bunker in bunkers().await {
        let token = bunker
            .user(json!({"login": "ada", "email": "ada@example.org"}))
            .await;
        let data = json!({"login": "nobody", "email": "ADA@example.org", "cookie": {"a": [1]}});
        bunker
            .good(
                "SessionUpsert",
                json!({"sessionuuid": SESSION, "sessiondata": data}),
            )
            .await;
        let listed = bunker
            .good("SessionListUserSessions", who(&token, json!({})))
            .await;
        assert_eq!(
            (&listed["total"], &listed["rows"][0]["sessionuuid"]),
            (&json!(1), &json!(SESSION))
        );
        let read = assert_ok(&bunker.get(&format!("session/session/{SESSION}")).await);
        assert_eq!(read["data"], data);
        bunker.good("UserDelete", who(&token, json!({}))).await;
        assert_refused(&bunker.get(&format!("session/{SESSION}")).await, 404);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_session_slides_while_it_is_read_and_no_longer_than_its_end() {
    for bunker in bunkers().await {
        let times = json!({"sessionuuid": SESSION, "sessiondata": {"a": 1}, "finaltime": "100s", "slidingtime": "40s"});
        bunker.good("SessionUpsert", times).await;
        let clock = bunker.gateway.clock();
        for _ in 0..3 {
            clock.advance(Duration::from_secs(30));
            let found = bunker.good("SessionGet", json!({"sessionuuid": SESSION})).await;
            assert!(
                found["expirationtime"].as_i64() <= found["finaltime"].as_i64(),
                "{found}"
            );
        }
        clock.advance(Duration::from_secs(11));
        assert_refused(
            &bunker.v2("SessionGet", json!({"sessionuuid": SESSION})).await,
            404,
        );
        bunker
            .good(
                "SessionUpsert",
                json!({"sessionuuid": SESSION, "sessiondata": {}, "slidingtime": "40s"}),
            )
            .await;
        clock.advance(Duration::from_secs(41));
        assert_refused(
            &bunker.v2("SessionDelete", json!({"sessionuuid": SESSION})).await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn sessions_are_listed_a_page_at_a_time_by_creation() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let mut made = Vec::new();
        for n in 0..3 {
            let one = bunker
                .post("session/login/ada", json!({"n": n, "expiration": "3d"}))
                .await;
            made.push(assert_ok(&one)["session"].clone());
            bunker.gateway.clock().advance(Duration::from_secs(1));
        }
        let page = assert_ok(
            &bunker
                .get(&format!("session/token/{token}?offset=1&limit=5"))
                .await,
        );
        assert_eq!(page["total"], 3);
        assert_eq!(page["rows"], page["sessions"]);
        let names: Vec<Value> = page["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["session"].clone())
            .collect();
        assert_eq!(names, made[1..]);
        assert_eq!(page["rows"][0]["data"], json!({"n": 1}));
        assert_refused(&bunker.get("session/token/44").await, 400);
        assert_refused(&bunker.get(&format!("session/token/{NOWHERE}")).await, 404);
        assert_refused(&bunker.get("session/login/ada?limit=many").await, 400);
        bunker.end().await;
    }
}
