use std::time::Duration;

use serde_json::{Value, json};

use super::{Bunker, assert_ok, assert_refused, bunkers, who};

/// What anybody with the link is shown.
async fn shown(bunker: &Bunker, record: &Value) -> privet_testkit::Reply {
    let target = format!("/v1/get/{}", record.as_str().unwrap());
    bunker
        .bare("GET", &target)
        .header("x-bunker-tenant", "acme")
        .send()
        .await
}

#[tokio::test]
async fn a_shared_record_shows_exactly_what_was_named_as_it_is_now() {
    for bunker in bunkers().await {
        let token = bunker
            .user(json!({"login": "ada", "at": {"city": "Berlin", "zip": "1"}, "a.b": 2}))
            .await;
        let fields = json!({"fields": "at.city, a.b,nothing,token", "partner": "acme-billing"});
        let record = bunker.good("SharedRecordCreate", who(&token, fields)).await["recorduuid"].clone();
        let whole = bunker.good("SharedRecordCreate", who(&token, json!({}))).await["recorduuid"].clone();
        bunker
            .good(
                "UserUpdate",
                who(&token, json!({"profile": {"at": {"city": "Ulm"}}})),
            )
            .await;
        let data = json!({"at.city": "Ulm", "a.b": 2, "nothing": null, "token": token});
        assert_eq!(assert_ok(&shown(&bunker, &record).await)["data"], data);
        assert_eq!(
            assert_ok(&shown(&bunker, &whole).await)["data"]["at"],
            json!({"city": "Ulm", "zip": "1"})
        );
        // Under its own tenant alone.
        let target = format!("/v1/get/{}", record.as_str().unwrap());
        assert_refused(&bunker.bare("GET", &target).send().await, 404);
        let elsewhere = bunker.bare("GET", &target).header("x-bunker-tenant", "globex");
        assert_refused(&elsewhere.send().await, 404);
        bunker.gateway.clock().advance(Duration::from_secs(31 * 86_400));
        assert_refused(&shown(&bunker, &record).await, 404);
        bunker.end().await;
    }
}

#[tokio::test]
async fn application_data_and_sessions_of_the_same_user_are_shared() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        bunker.user(json!({"login": "eve"})).await;
        let path = format!("sharedrecord/token/{token}");
        assert_refused(&bunker.post(&path, json!({"app": "shop"})).await, 404);
        bunker
            .good(
                "AppdataCreate",
                who(
                    &token,
                    json!({"appname": "shop", "appdata": {"city": "Ulm", "no": 1}}),
                ),
            )
            .await;
        let of_app =
            assert_ok(&bunker.post(&path, json!({"app": "shop", "fields": "city"})).await)["record"].clone();
        let seen = assert_ok(&shown(&bunker, &of_app).await);
        assert_eq!(
            seen,
            json!({"status": "ok", "app": "shop", "data": {"city": "Ulm"}})
        );
        let session =
            assert_ok(&bunker.post("session/login/ada", json!({"cookie": "a"})).await)["session"].clone();
        let theirs = bunker
            .post("sharedrecord/login/eve", json!({"session": session}))
            .await;
        assert_refused(&theirs, 404);
        let of_session = assert_ok(&bunker.post(&path, json!({"session": session})).await)["record"].clone();
        assert_eq!(
            assert_ok(&shown(&bunker, &of_session).await)["data"],
            json!({"cookie": "a"})
        );
        bunker.good("UserDelete", who(&token, json!({}))).await;
        for record in [of_app, of_session] {
            assert_refused(&shown(&bunker, &record).await, 404);
        }
        bunker.end().await;
    }
}
