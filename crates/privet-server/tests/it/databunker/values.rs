//! Tokens of single values.

use serde_json::{Value, json};

use super::{Bunker, assert_ok, assert_refused, bunkers};

const CARD: &str = "4532015112830366";

async fn call(bunker: &Bunker, name: &str, body: Value) -> Value {
    assert_ok(&bunker.v2_by(&bunker.key, name, body).await)
}

async fn gone(bunker: &Bunker, name: &Value) {
    let message = assert_refused(
        &bunker
            .v2_by(&bunker.key, "TokenGet", json!({ "token": name }))
            .await,
        404,
    );
    assert_eq!(message, "Token not found");
}

#[tokio::test]
async fn a_value_is_found_by_both_names_of_its_token_until_it_is_deleted() {
    for bunker in bunkers().await {
        let made = call(
            &bunker,
            "TokenCreate",
            json!({"tokentype": "creditcard", "record": CARD}),
        )
        .await;
        let base = made["tokenbase"].as_str().unwrap();
        assert!(base != CARD && base.len() == CARD.len(), "{base}");
        for name in [&made["tokenuuid"], &made["tokenbase"]] {
            let found = call(&bunker, "TokenGet", json!({ "token": name })).await;
            assert_eq!(
                (&found["record"], &found["tokentype"], &found["tokenuuid"]),
                (&json!(CARD), &json!("creditcard"), &made["tokenuuid"])
            );
            let foreign = bunker
                .v2_by(&bunker.stranger, "TokenGet", json!({ "token": name }))
                .await;
            assert_eq!(assert_refused(&foreign, 404), "Token not found");
        }
        call(&bunker, "TokenDelete", json!({"token": made["tokenbase"]})).await;
        gone(&bunker, &made["tokenuuid"]).await;
        gone(&bunker, &made["tokenbase"]).await;
        let text = call(
            &bunker,
            "TokenCreate",
            json!({"tokentype": "string", "record": "a"}),
        )
        .await;
        assert_eq!(text.get("tokenbase"), None);
        let found = call(&bunker, "TokenGet", json!({"token": text["tokenuuid"]})).await;
        assert_eq!(found["tokentype"], "text");
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_is_no_value_of_its_kind_is_refused_without_being_repeated() {
    for bunker in bunkers().await {
        for (kind, record) in [
            ("creditcard", "4532015112830367"),
            ("uint32", "4294967296"),
            ("uint64", "-1"),
            ("text", ""),
        ] {
            let body = json!({"tokentype": kind, "record": record});
            let message = assert_refused(&bunker.v2_by(&bunker.key, "TokenCreate", body).await, 400);
            assert!(
                message.contains("record") && (record.is_empty() || !message.contains(record)),
                "{message}"
            );
        }
        for kind in ["phone", "CREDITCARD", ""] {
            let body = json!({"tokentype": kind, "record": "1"});
            assert_eq!(
                assert_refused(&bunker.v2_by(&bunker.key, "TokenCreate", body).await, 400),
                "Wrong token type"
            );
        }
        let past = json!({"tokentype": "text", "record": "a", "finaltime": "1000000001"});
        assert!(
            assert_refused(&bunker.v2_by(&bunker.key, "TokenCreate", past).await, 400).contains("finaltime")
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn many_values_are_taken_each_by_itself() {
    for bunker in bunkers().await {
        let records = json!([
            {"tokentype": "text", "record": "one"},
            {"tokentype": "creditcard", "record": "12"},
            {"tokentype": "creditcard", "record": CARD},
            {"tokentype": "shoe", "record": "44"},
        ]);
        let body = json!({"records": records, "unique": true, "slidingtime": "30d"});
        let first = call(&bunker, "TokenCreateBulk", body.clone()).await;
        assert_eq!(
            first["summary"],
            json!({"total": 4, "created": 2, "duplicates": 0, "errors": 2})
        );
        assert_eq!(
            (&first["errors"][0]["index"], &first["errors"][1]["message"]),
            (&json!(1), &json!("Wrong token type"))
        );
        let again = call(&bunker, "TokenCreateBulk", body).await;
        assert_eq!(
            (&again["num"], &again["duplicates"]),
            (&json!(2), &first["created"])
        );
        assert_refused(
            &bunker
                .v2_by(&bunker.key, "TokenCreateBulk", json!({"records": []}))
                .await,
            400,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_token_of_a_person_goes_with_the_person() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let body = json!({"tokentype": "creditcard", "record": CARD, "mode": "login", "identity": "ada"});
        let made = call(&bunker, "TokenCreate", body).await;
        let nobody = json!({"tokentype": "text", "record": "a", "mode": "login", "identity": "nobody"});
        assert_refused(&bunker.v2_by(&bunker.key, "TokenCreate", nobody).await, 404);
        bunker.erase(&token).await;
        gone(&bunker, &made["tokenuuid"]).await;
        gone(&bunker, &made["tokenbase"]).await;
        bunker.end().await;
    }
}
