use std::time::Duration;

use serde_json::{Value, json};

use super::{NOWHERE, assert_ok, assert_refused, bunkers, who};

fn ada() -> Value {
    json!({
        "login": "Ada", "email": "Ada@example.org", "phone": "+49 30 123456", "custom": 42,
        "n": {"deep": [9_007_199_254_740_991_u64, 0.5, null]}, "gone": null,
    })
}

#[tokio::test]
async fn a_user_is_found_by_each_identity_however_it_is_written() {
    for bunker in bunkers().await {
        let token = bunker.user(ada()).await;
        for (mode, identity) in [
            ("token", token.as_str()),
            ("login", " Ada "),
            ("email", "ADA@EXAMPLE.ORG"),
            ("phone", "+4930123456"),
            ("custom", "42"),
        ] {
            let found = bunker
                .good("UserGet", json!({"mode": mode, "identity": identity}))
                .await;
            assert_eq!(
                (&found["token"], &found["profile"]),
                (&json!(token), &ada()),
                "{mode}"
            );
            assert_eq!(
                (&found["version"], &found["expirationtime"]),
                (&json!(1), &json!(0))
            );
        }
        // No two may have it, but it is not found in another case.
        let other = bunker
            .v2("UserGet", json!({"mode": "login", "identity": "ada"}))
            .await;
        assert_eq!(assert_refused(&other, 404), "The user record was not found");
        let twin = bunker
            .v2("UserCreate", json!({"profile": {"login": "ada"}}))
            .await;
        assert_eq!(assert_refused(&twin, 409), "Duplicate index: login");
        let read = assert_ok(&bunker.get("user/phone/+49%2030%20123456").await);
        assert_eq!(read, json!({"status": "ok", "token": token, "data": ada()}));
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_user_is_changed_by_merge_and_by_patch_whole_or_not_at_all() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "a": {"b": 1, "c": 2}})).await;
        let merged = bunker
            .good("UserUpdate", who(&token, json!({"profile": {"a": {"b": null}}})))
            .await;
        assert_eq!(merged["version"], 2);
        let patch =
            json!([{"op": "move", "from": "/a/c", "path": "/d"}, {"op": "test", "path": "/d", "value": 3}]);
        let refused = bunker.v2("UserPatch", who(&token, json!({"patch": patch}))).await;
        assert!(
            assert_refused(&refused, 400).contains("patch[1]"),
            "{}",
            refused.text()
        );
        assert_ok(
            &bunker
                .put(
                    &format!("user/token/{token}"),
                    json!([{"op": "remove", "path": "/a/c"}]),
                )
                .await,
        );
        let found = bunker.good("UserGet", who(&token, json!({}))).await;
        assert_eq!(
            (&found["profile"], &found["version"]),
            (&json!({"login": "ada", "a": {}}), &json!(3))
        );
        let versions = bunker.good("UserListVersions", who(&token, json!({}))).await;
        let rows = versions["versions"].as_array().unwrap();
        let numbers: Vec<&Value> = rows.iter().map(|row| &row["version"]).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(
            rows.iter().all(|row| row["md5"].as_str().unwrap().len() == 32),
            "{rows:?}"
        );
        let first = bunker.good("UserGet", who(&token, json!({"version": 1}))).await;
        assert_eq!(first["profile"]["a"], json!({"b": 1, "c": 2}));
        assert_refused(
            &bunker.v2("UserGet", who(&token, json!({"version": 4}))).await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_deleted_user_is_erased_and_does_not_come_back_by_an_import() {
    for bunker in bunkers().await {
        let token = bunker.user(ada()).await;
        let app = who(&token, json!({"appname": "shop", "appdata": {"a": 1}}));
        bunker.good("AppdataCreate", app.clone()).await;
        bunker.good("AppdataCreate", app).await;
        let gone = assert_ok(&bunker.delete("user/login/Ada").await);
        assert_eq!(gone["result"], "done");
        assert_refused(&bunker.get(&format!("user/token/{token}")).await, 404);
        let records = json!([{"profile": ada()}, {"profile": {"login": "eve"}}, {"profile": {}}, {"profile": {"login": "eve"}}, {"profile": {"login": "x"}, "rolename": "r"}]);
        let made = bunker.good("UserCreateBulk", json!({"records": records})).await;
        assert_eq!(
            made["summary"],
            json!({"total": 5, "created": 1, "duplicates": 1, "errors": 3})
        );
        assert_eq!(made["errors"][0], json!({"index": 0, "message": "erased"}));
        assert_eq!(
            made["duplicates"][0],
            json!({"index": 3, "message": "Duplicate index: login"})
        );
        assert_ne!(bunker.user(ada()).await, token);
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_user_whose_time_is_over_is_absent_at_once_and_in_nobodys_way() {
    for bunker in bunkers().await {
        let make = json!({"profile": {"login": "ada"}, "finaltime": "1h", "slidingtime": "10min"});
        let token = bunker.good("UserCreate", make).await["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let clock = bunker.gateway.clock();
        for _ in 0..3 {
            clock.advance(Duration::from_secs(500));
            let found = bunker.good("UserGet", who(&token, json!({}))).await;
            assert!(
                found["expirationtime"].as_i64() < found["finaltime"].as_i64(),
                "{found}"
            );
        }
        clock.advance(Duration::from_secs(601));
        assert_refused(&bunker.v2("UserGet", who(&token, json!({}))).await, 404);
        let stats = bunker.good("SystemGetSystemStats", json!({})).await;
        assert_eq!(stats["stats"]["numusers"], 0);
        assert_ne!(bunker.user(json!({"login": "ada"})).await, token);
        bunker.end().await;
    }
}

#[tokio::test]
async fn many_users_are_deleted_and_those_that_cannot_be_are_named() {
    for bunker in bunkers().await {
        let first = bunker.user(json!({"login": "ada"})).await;
        bunker.user(json!({"login": "eve"})).await;
        let users = json!([
            {"mode": "token", "identity": first}, {"mode": "token", "identity": NOWHERE},
            {"mode": "login", "identity": "eve"}, {"mode": "shoe-size", "identity": "44"},
        ]);
        let gone = bunker.good("UserDeleteBulk", json!({"users": users})).await;
        assert_eq!((&gone["deleted"], &gone["total"]), (&json!(2), &json!(4)));
        let indexes: Vec<&Value> = gone["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["index"])
            .collect();
        assert_eq!(indexes, [1, 3]);
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_is_stored_does_not_name_another_user_than_the_path_does() {
    for bunker in bunkers().await {
        let ada = bunker.user(json!({"login": "ada"})).await;
        let other = bunker.user(json!({"login": "4711"})).await;
        let stored = json!({"identity": 4711, "city": "Ulm"});
        assert_ok(&bunker.put("user/login/ada", stored.clone()).await);
        assert_ok(&bunker.post("userapp/login/ada/shop", stored).await);
        let profile = |reply: &Value| reply["profile"].clone();
        assert_eq!(profile(&assert_ok(&bunker.profile(&ada).await))["city"], "Ulm");
        assert_eq!(
            profile(&assert_ok(&bunker.profile(&other).await)),
            json!({"login": "4711"})
        );
        let apps = assert_ok(&bunker.get(&format!("userapp/token/{other}")).await);
        assert_eq!(apps["apps"], json!([]));
        bunker.end().await;
    }
}
