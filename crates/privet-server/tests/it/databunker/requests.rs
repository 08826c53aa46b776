//! Users' requests.

use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok as ok, assert_refused as refused, bunkers, bunkers_with};

fn ada() -> Value {
    json!({"login": "ada", "email": "ada@example.com", "first": "Ada"})
}

async fn ask(bunker: &Bunker, key: &str, name: &str, more: Value) -> String {
    let mut body = json!({"mode": "login", "identity": "ada"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let opened = ok(&bunker.v2_by(key, name, body).await);
    opened["requestuuid"].as_str().unwrap().to_owned()
}

async fn approve(bunker: &Bunker, key: &str, id: &str) -> privet_testkit::Reply {
    bunker
        .v2_by(
            key,
            "UserRequestApprove",
            json!({"requestuuid": id, "reason": "checked"}),
        )
        .await
}

#[tokio::test]
async fn an_update_that_is_asked_for_waits_until_somebody_else_approves_it() {
    for bunker in bunkers().await {
        let token = bunker.user(ada()).await;
        let id = ask(
            &bunker,
            &bunker.key,
            "UserUpdateRequest",
            json!({"profile": {"first": "Augusta"}}),
        )
        .await;
        assert_eq!(ok(&bunker.profile(&token).await)["profile"], ada());
        let got = ok(&bunker
            .v2_by(&bunker.key, "UserRequestGet", json!({"requestuuid": id}))
            .await);
        let request = &got["request"];
        assert_eq!(
            (
                &request["requestuuid"],
                &request["requesttype"],
                &request["status"],
                &request["token"]
            ),
            (
                &json!(id),
                &json!("change-profile"),
                &json!("open"),
                &json!(token)
            )
        );
        assert_eq!(
            (
                &request["original"],
                &request["change"],
                &request["more"],
                &request["reason"]
            ),
            (&ada(), &json!({"first": "Augusta"}), &json!(true), &json!(""))
        );
        refused(&approve(&bunker, &bunker.key, &id).await, 403);
        assert_eq!(
            ok(&approve(&bunker, &bunker.approver, &id).await)["result"],
            "done"
        );
        assert_eq!(ok(&bunker.profile(&token).await)["profile"]["first"], "Augusta");
        let got = ok(&bunker
            .v2_by(&bunker.key, "UserRequestGet", json!({"requestuuid": id}))
            .await);
        assert_eq!(
            (&got["request"]["status"], &got["request"]["reason"]),
            (&json!("approved"), &json!("checked"))
        );
        assert_eq!(
            refused(&approve(&bunker, &bunker.approver, &id).await, 409),
            "This user request is closed"
        );
        let cancelled = bunker.v2_by(&bunker.approver, "UserRequestCancel", json!({"requestuuid": id}));
        assert_eq!(refused(&cancelled.await, 409), "This user request is closed");
        bunker.end().await;
    }
}

#[tokio::test]
async fn who_asked_may_approve_where_the_settings_say_so() {
    for bunker in bunkers_with("request_second_approver = false\n").await {
        let token = bunker.user(ada()).await;
        let patch = json!({"patch": [{"op": "remove", "path": "/first"}]});
        let id = ask(&bunker, &bunker.key, "UserPatchRequest", patch).await;
        ok(&approve(&bunker, &bunker.key, &id).await);
        assert_eq!(ok(&bunker.profile(&token).await)["profile"].get("first"), None);
        bunker.end().await;
    }
}

#[tokio::test]
async fn an_erasure_that_is_approved_erases_and_the_list_names_nobody() {
    for bunker in bunkers().await {
        let token = bunker.user(ada()).await;
        let canary = json!({"profile": {"note": "canary-change"}});
        let other = ask(&bunker, &bunker.key, "UserUpdateRequest", canary).await;
        ok(&bunker
            .v1_by(
                &bunker.approver,
                "DELETE",
                &format!("request/{other}"),
                Some(json!({"reason": "canary-why"})),
            )
            .await);
        let open = ask(
            &bunker,
            &bunker.key,
            "UserUpdateRequest",
            json!({"profile": {"first": "Eve"}}),
        )
        .await;
        let id = ask(&bunker, &bunker.key, "UserDeleteRequest", json!({})).await;
        assert_eq!(
            ask(&bunker, &bunker.approver, "UserDeleteRequest", json!({})).await,
            id
        );
        ok(&approve(&bunker, &bunker.approver, &id).await);
        refused(&bunker.profile(&token).await, 404);
        for id in [&other, &open, &id] {
            let get = bunker.v2_by(&bunker.key, "UserRequestGet", json!({"requestuuid": id}));
            refused(&get.await, 404);
            refused(&approve(&bunker, &bunker.approver, id).await, 404);
        }
        let mut rows = Vec::new();
        for status in ["open", "approved", "canceled"] {
            let path = format!("requests?status={status}&limit=100");
            rows.push(ok(&bunker.get(&path).await));
        }
        assert_eq!(
            rows.iter().map(|list| list["total"].clone()).collect::<Vec<_>>(),
            [0, 1, 1]
        );
        let text = json!(rows).to_string();
        assert!(!text.contains(&token) && !text.contains("canary"), "{text}");
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_change_of_app_data_is_asked_for_and_shown_beside_what_is() {
    for bunker in bunkers().await {
        bunker.user(ada()).await;
        let change = json!({"mode": "login", "identity": "ada", "appname": "Billing", "appdata": {"a": 2}});
        refused(
            &bunker
                .v2_by(&bunker.key, "AppdataUpdateRequest", change.clone())
                .await,
            404,
        );
        let bad = json!({"mode": "login", "identity": "ada", "appname": "a b", "appdata": {"a": 2}});
        assert!(
            refused(&bunker.v2_by(&bunker.key, "AppdataUpdateRequest", bad).await, 400).contains("appname")
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn requests_are_listed_newest_first_and_a_page_at_a_time() {
    for bunker in bunkers().await {
        let token = bunker.user(ada()).await;
        let mut made = Vec::new();
        for n in 0..3 {
            let change = json!({"profile": {"n": n}});
            made.insert(0, ask(&bunker, &bunker.key, "UserUpdateRequest", change).await);
        }
        let list = async |offset: u32| {
            let body = json!({"mode": "token", "identity": token, "offset": offset, "limit": 2});
            ok(&bunker
                .v2_by(&bunker.key, "UserRequestListUserRequests", body)
                .await)
        };
        let ids = |list: &Value, name: &str| -> Vec<Value> {
            let rows = list["rows"].as_array().unwrap();
            rows.iter().map(|row| row[name].clone()).collect()
        };
        let (first, rest) = (list(0).await, list(2).await);
        assert_eq!((&first["total"], &rest["total"]), (&json!(3), &json!(3)));
        assert_eq!(
            json!([ids(&first, "requestuuid"), ids(&rest, "requestuuid")].concat()),
            json!(made)
        );
        let all = ok(&bunker.v1_by(&bunker.key, "GET", "requests", None).await);
        assert_eq!(json!(ids(&all, "rtoken")), json!(made));
        assert_eq!(all["rows"][0]["action"], "change-profile");
        let own = ok(&bunker
            .v1_by(&bunker.key, "GET", &format!("requests/token/{token}"), None)
            .await);
        assert_eq!(own["total"], 3);
        for bad in ["requests?status=perhaps", "requests?limit=many"] {
            refused(&bunker.v1_by(&bunker.key, "GET", bad, None).await, 400);
        }
        let locked = json!({"unlockuuid": NOWHERE});
        refused(
            &bunker.v2_by(&bunker.key, "BulkListAllUserRequests", locked).await,
            403,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_request_of_another_tenant_is_as_absent_as_one_that_never_was() {
    for bunker in bunkers().await {
        bunker.user(ada()).await;
        let id = ask(&bunker, &bunker.key, "UserDeleteRequest", json!({})).await;
        for name in ["UserRequestGet", "UserRequestApprove", "UserRequestCancel"] {
            let foreign = bunker
                .v2_by(&bunker.stranger, name, json!({"requestuuid": id}))
                .await;
            let never = bunker
                .v2_by(&bunker.stranger, name, json!({"requestuuid": NOWHERE}))
                .await;
            refused(&foreign, 404);
            assert_eq!(foreign.text(), never.text());
        }
        for method in ["GET", "POST", "DELETE"] {
            let foreign = bunker
                .v1_by(&bunker.stranger, method, &format!("request/{id}"), None)
                .await;
            refused(&foreign, 404);
            let bad = bunker.v1_by(&bunker.key, method, "request/x", None).await;
            refused(&bad, 400);
        }
        let list = bunker.v1_by(&bunker.stranger, "GET", "requests", None).await;
        assert_eq!(ok(&list)["total"], 0);
        bunker.end().await;
    }
}
