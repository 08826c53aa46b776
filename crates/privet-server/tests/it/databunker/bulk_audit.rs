//! Reads of many records under an unlock, and the log as these interfaces show it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok, assert_refused, bunkers, bunkers_with};

const LOCKED: &str = "The unlockuuid value was not found or is not valid";

async fn call(bunker: &Bunker, name: &str, body: Value) -> Value {
    assert_ok(&bunker.v2_by(&bunker.key, name, body).await)
}

async fn asked(bunker: &Bunker) -> String {
    let unlock = call(bunker, "BulkListUnlock", json!({})).await;
    unlock["unlockuuid"].as_str().unwrap().to_owned()
}

/// An unlock that somebody else approved.
async fn unlocked(bunker: &Bunker) -> String {
    let unlock = asked(bunker).await;
    let path = format!("/bulk-reads/{unlock}/approve");
    let own = bunker
        .gateway
        .ask_vault(&bunker.key, "POST", &path, None)
        .send()
        .await;
    assert_eq!(own.status, 403, "{}", own.text());
    let approved = bunker
        .gateway
        .ask_vault(&bunker.approver, "POST", &path, None)
        .send()
        .await;
    assert_eq!(approved.status, 200, "{}", approved.text());
    unlock
}

fn calls(unlock: &str) -> [(&'static str, Value); 6] {
    [
        (
            "BulkListUsers",
            json!({"unlockuuid": unlock, "users": [{"mode": "login", "identity": "ada"}]}),
        ),
        ("BulkListAllUsers", json!({"unlockuuid": unlock})),
        ("BulkListAllAuditEvents", json!({"unlockuuid": unlock})),
        ("BulkListTokens", json!({"unlockuuid": unlock, "tokens": []})),
        ("BulkDeleteTokens", json!({"unlockuuid": unlock, "tokens": []})),
        ("UserSearch", json!({"unlockuuid": unlock, "identity": "ada"})),
    ]
}

#[tokio::test]
async fn an_unlock_opens_for_who_asked_once_somebody_else_approved() {
    for bunker in bunkers().await {
        bunker.user(json!({"login": "ada"})).await;
        for closed in [&asked(&bunker).await, NOWHERE, "x", ""] {
            for (name, body) in calls(closed) {
                assert_eq!(
                    assert_refused(&bunker.v2_by(&bunker.key, name, body).await, 403),
                    LOCKED,
                    "{name}"
                );
            }
        }
        let unlock = unlocked(&bunker).await;
        for (name, body) in calls(&unlock) {
            for other in [&bunker.approver, &bunker.stranger] {
                assert_eq!(
                    assert_refused(&bunker.v2_by(other, name, body.clone()).await, 403),
                    LOCKED,
                    "{name}"
                );
            }
            call(&bunker, name, body).await;
        }
        bunker.end().await;
    }
}

#[tokio::test]
async fn without_a_second_person_an_unlock_is_open_at_once() {
    for bunker in bunkers_with("bulk_second_approver = false\n").await {
        bunker.user(json!({"login": "ada"})).await;
        let unlock = asked(&bunker).await;
        let all = call(&bunker, "BulkListAllUsers", json!({ "unlockuuid": unlock })).await;
        assert_eq!(all["total"], 1);
        bunker.end().await;
    }
}

#[tokio::test]
async fn users_are_read_by_name_and_a_page_at_a_time() {
    for bunker in bunkers().await {
        let mut tokens = Vec::new();
        for login in ["carol", "alice", "bert"] {
            tokens.push(
                bunker
                    .user(json!({"login": login, "email": format!("{login}@example.com")}))
                    .await,
            );
            // Who came later is listed later.
            bunker.gateway.clock().advance(Duration::from_secs(1));
        }
        let unlock = unlocked(&bunker).await;
        let users = json!([
            {"mode": "login", "identity": "bert"},
            {"mode": "email", "identity": "nobody@example.com"},
            {"mode": "email", "identity": "Carol@example.com"},
        ]);
        let named = call(
            &bunker,
            "BulkListUsers",
            json!({"unlockuuid": unlock, "users": users}),
        )
        .await;
        assert_eq!(named["total"], 2);
        assert_eq!(
            (&named["rows"][0]["token"], &named["rows"][1]["token"]),
            (&json!(tokens[2]), &json!(tokens[0]))
        );
        assert_eq!(named["rows"][0]["profile"]["login"], "bert");
        let page = json!({"unlockuuid": unlock, "offset": 1, "limit": 1});
        let page = call(&bunker, "BulkListAllUsers", page).await;
        assert_eq!(
            (&page["total"], page["rows"].as_array().unwrap().len()),
            (&json!(3), 1)
        );
        assert_eq!(page["rows"][0]["token"], json!(tokens[1]));
        let found = call(
            &bunker,
            "UserSearch",
            json!({"unlockuuid": unlock, "identity": "bert@example.com"}),
        )
        .await;
        assert_eq!(found["rows"][0]["token"], json!(tokens[2]));
        let nobody = call(
            &bunker,
            "UserSearch",
            json!({"unlockuuid": unlock, "identity": "zoe"}),
        )
        .await;
        assert_eq!(nobody["rows"], json!([]));
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_was_done_with_a_user_is_listed_newest_first_also_what_was_refused() {
    for bunker in bunkers().await {
        let token = bunker
            .user(json!({"login": "ada", "email": "ada@example.com"}))
            .await;
        let who = json!({"mode": "email", "identity": "ada@example.com"});
        call(&bunker, "UserGet", who.clone()).await;
        assert_refused(
            &bunker
                .v1_by(&bunker.key, "GET", &format!("agreement/none/token/{token}"), None)
                .await,
            404,
        );
        let list = call(&bunker, "AuditListUserEvents", who).await;
        let done: Vec<(&str, &str)> = list["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["eventtype"].as_str().unwrap(),
                    row["status"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            done,
            [("AgreementGet", "error"), ("UserGet", "ok"), ("UserCreate", "ok")]
        );
        assert_eq!(list["total"], 3);
        let row = &list["rows"][1];
        assert_eq!(
            (&row["record"], &row["who"], &row["mode"]),
            (&json!(token), &json!(token), &json!("email"))
        );
        let id = row["auditeventuuid"].as_str().unwrap();
        let event = call(&bunker, "AuditGetEvent", json!({ "auditeventuuid": id })).await;
        assert_eq!(
            (&event["eventtype"], &event["timestamp"]),
            (&row["eventtype"], &row["timestamp"])
        );
        assert!(event["details"].is_object());
        let event = assert_ok(
            &bunker
                .v1_by(&bunker.key, "GET", &format!("audit/get/{id}"), None)
                .await,
        );
        assert_eq!(
            (&event["event"]["atoken"], &event["event"]["status"]),
            (&json!(id), &json!("ok"))
        );
        assert_refused(
            &bunker
                .v1_by(&bunker.stranger, "GET", &format!("audit/get/{id}"), None)
                .await,
            404,
        );
        assert_refused(&bunker.v1_by(&bunker.key, "GET", "audit/admin", None).await, 403);
        bunker.end().await;
    }
}

#[tokio::test]
async fn the_log_of_an_erased_user_names_nobody() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        assert_ok(
            &bunker
                .v1_by(&bunker.key, "GET", &format!("user/token/{token}"), None)
                .await,
        );
        bunker.erase(&token).await;
        let list = assert_ok(
            &bunker
                .v1_by(&bunker.key, "GET", &format!("audit/list/{token}"), None)
                .await,
        );
        assert_eq!((&list["total"], &list["rows"]), (&json!(0), &json!([])));
        let who = json!({"mode": "token", "identity": token});
        assert_refused(&bunker.v2_by(&bunker.key, "AuditListUserEvents", who).await, 404);
        let unlock = unlocked(&bunker).await;
        let all = bunker
            .v2_by(
                &bunker.key,
                "BulkListAllAuditEvents",
                json!({"unlockuuid": unlock, "limit": 100}),
            )
            .await;
        assert!(
            !all.text().contains(&token) && !all.text().contains("ada"),
            "{}",
            all.text()
        );
        let all = assert_ok(&all);
        let done: Vec<&str> = all["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["eventtype"].as_str().unwrap())
            .collect();
        for expected in ["UserGet", "UserCreate", "BulkListUnlock"] {
            assert!(done.contains(&expected), "{done:?}");
        }
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_other_interfaces_did_with_a_user_is_listed_too() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "city": "Bern"})).await;
        let path = format!("/subjects/{token}");
        let native = |method: &'static str, body: Option<Value>| {
            let (gateway, key, path) = (&bunker.gateway, bunker.key.as_str(), path.clone());
            async move { gateway.ask_vault(key, method, &path, body.as_ref()).send().await }
        };
        let read = native("GET", None).await;
        assert_eq!(read.status, 200, "{}", read.text());
        let changed = native("PATCH", Some(json!({"city": "Ulm"}))).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        call(
            &bunker,
            "UserUpdate",
            json!({"mode": "token", "identity": token, "profile": {"city": "Jena"}}),
        )
        .await;
        while bunker.gateway.waiting_events() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let who = json!({"mode": "token", "identity": token, "limit": 100});
        let list = call(&bunker, "AuditListUserEvents", who).await;
        let rows = list["rows"].as_array().unwrap();
        let done: Vec<&str> = rows
            .iter()
            .map(|row| row["eventtype"].as_str().unwrap())
            .collect();
        // What a call of these interfaces led to is not listed a second time. Reads come by the spool.
        assert_eq!(
            done.iter().filter(|kind| kind.starts_with("subject_")).count(),
            1,
            "{done:?}"
        );
        for expected in ["UserCreate", "UserUpdate", "subject_updated", "vault_read"] {
            assert!(done.contains(&expected), "{done:?}");
        }
        assert_eq!(list["total"], done.len());
        let of = |kind: &str| rows.iter().find(|row| row["eventtype"] == kind).unwrap();
        let event = of("vault_read");
        assert_eq!(
            (&event["title"], &event["msg"]),
            (&json!("vault read"), &json!("read_record"))
        );
        assert_eq!(event["record"], json!(token));
        let id = |row: &Value| json!({"auditeventuuid": row["auditeventuuid"]});
        let got = call(&bunker, "AuditGetEvent", id(event)).await;
        assert_eq!(
            (&got["eventtype"], &got["record"]),
            (&json!("vault_read"), &json!(""))
        );
        let got = call(&bunker, "AuditGetEvent", id(of("UserUpdate"))).await;
        assert_eq!(
            (&got["before"]["city"], &got["after"]["city"]),
            (&json!("Ulm"), &json!("Jena"))
        );
        let got = call(&bunker, "AuditGetEvent", id(of("UserCreate"))).await;
        assert_eq!(
            (&got["before"], &got["after"]["city"]),
            (&Value::Null, &json!("Bern"))
        );
        assert_refused(
            &bunker
                .v2_by(&bunker.stranger, "AuditGetEvent", id(of("vault_read")))
                .await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn requests_of_whom_processing_is_restricted_are_in_no_bulk_list() {
    for bunker in bunkers().await {
        let mut tokens = Vec::new();
        for login in ["ada", "bo"] {
            let token = bunker.user(json!({ "login": login })).await;
            let body = json!({"mode": "token", "identity": token, "profile": {"city": "Ulm"}});
            call(&bunker, "UserUpdateRequest", body).await;
            tokens.push(token);
        }
        let body = json!({"is_restricted": true});
        let path = format!("/subjects/{}/restriction", tokens[0]);
        let ask = bunker.gateway.ask_vault(&bunker.key, "PUT", &path, Some(&body));
        assert!(ask.send().await.status < 300);
        let unlock = unlocked(&bunker).await;
        let all = call(
            &bunker,
            "BulkListAllUserRequests",
            json!({ "unlockuuid": unlock }),
        )
        .await;
        assert_eq!(all["total"], 1, "{all}");
        assert_eq!(all["rows"][0]["token"], json!(tokens[1]));
        // Who approves still sees what waits.
        let waiting = assert_ok(&bunker.v1_by(&bunker.key, "GET", "requests", None).await);
        assert_eq!(waiting["total"], 2);
        bunker.end().await;
    }
}
