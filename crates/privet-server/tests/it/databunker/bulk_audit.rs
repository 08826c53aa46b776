//! Reads of many records under an unlock, and the log as these interfaces show it.

use std::time::Duration;

use privet_store::{Scope, values};
use privet_types::{KeyScope, KeyScopes};
use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok, assert_refused, bunkers, bunkers_with, who};

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
        let token = bunker.user(json!({"login": "zilpha"})).await;
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
            !all.text().contains(&token) && !all.text().contains("zilpha"),
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
            (&json!("vault_read"), &json!(token))
        );
        let got = call(&bunker, "AuditGetEvent", id(of("UserUpdate"))).await;
        assert_eq!(
            (&got["before"]["city"], &got["after"]["city"]),
            (&json!("Ulm"), &json!("Jena"))
        );
        // The log is told of both versions, of two fields each.
        let who = json!({"mode": "token", "identity": token, "limit": 1});
        let newest = call(&bunker, "AuditListUserEvents", who).await;
        let got = call(&bunker, "AuditGetEvent", id(&newest["rows"][0])).await;
        assert_eq!(got["eventtype"], "AuditGetEvent");
        assert_eq!(got["details"], json!({"fields": 4, "subjects": 1}));
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

/// A UUID that leads to the event `number` where nobody is asked for more than that.
fn bare(number: u64) -> Value {
    let digits = format!("{number:018x}");
    let (high, low) = digits.split_at(6);
    let (first, second) = high.split_at(3);
    json!({ "auditeventuuid": format!("70726976-6574-8{first}-8{second}-{low}") })
}

#[tokio::test]
async fn an_event_is_found_by_what_a_list_called_it_and_by_no_number() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let path = format!("/subjects/{token}");
        let change = json!({"city": "Ulm"});
        let ask = bunker
            .gateway
            .ask_vault(&bunker.key, "PATCH", &path, Some(&change));
        assert_eq!(ask.send().await.status, 200);
        let reader = KeyScopes::of(&[KeyScope::VaultRead]);
        let reader = bunker.gateway.key_for("acme", "reader", reader).await;
        let list = json!({"mode": "token", "identity": token});
        let list = assert_ok(&bunker.v2_by(&reader, "AuditListUserEvents", list).await);
        let row = list["rows"].as_array().unwrap();
        let row = row
            .iter()
            .find(|row| row["eventtype"] == "subject_updated")
            .unwrap();
        let id = json!({ "auditeventuuid": row["auditeventuuid"] });
        let get = async |key: &str, id: &Value| bunker.v2_by(key, "AuditGetEvent", id.clone()).await;
        let got = assert_ok(&get(&reader, &id).await);
        assert_eq!(
            (&got["eventtype"], &got["record"]),
            (&json!("subject_updated"), &json!(token))
        );
        let never = get(&reader, &json!({ "auditeventuuid": NOWHERE })).await;
        assert_refused(&never, 404);
        assert_eq!(get(&bunker.stranger, &id).await.text(), never.text());
        let changed = |at: usize| {
            let mut digits = row["auditeventuuid"].as_str().unwrap().as_bytes().to_vec();
            digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
            json!({ "auditeventuuid": String::from_utf8(digits).unwrap() })
        };
        // The last digit of the number, one of whom it is about, one of the hash.
        for at in [12, 15, 35] {
            assert_eq!(get(&reader, &changed(at)).await.text(), never.text(), "{at}");
        }
        let mut found = 0;
        for number in 1..200 {
            let by_number = bare(number);
            assert_eq!(get(&reader, &by_number).await.text(), never.text());
            assert_eq!(get(&bunker.stranger, &by_number).await.text(), never.text());
            let known = get(&bunker.key, &by_number).await;
            if known.status == 200 {
                found += 1;
                assert_eq!(known.json()["record"], "");
            }
            if found == 3 {
                break;
            }
        }
        // Who may read the whole log finds events so: the two of the vault, and what this test did.
        assert!(found >= 2, "{found}");
        bunker.erase(&token).await;
        assert_eq!(get(&reader, &id).await.text(), never.text());
        bunker.end().await;
    }
}

#[tokio::test]
async fn all_events_of_people_are_listed_whichever_way_they_came() {
    for bunker in bunkers().await {
        let (ada, bo) = (
            bunker.user(json!({"login": "ada"})).await,
            bunker.user(json!({"login": "bo"})).await,
        );
        let native = async |key: &str, method: &str, path: String, body: Option<Value>| {
            let ask = bunker.gateway.ask_vault(key, method, &path, body.as_ref());
            let reply = ask.send().await;
            assert!(reply.status < 300, "{}", reply.text());
        };
        native(&bunker.key, "GET", format!("/subjects/{bo}"), None).await;
        let change = Some(json!({"city": "Ulm"}));
        native(&bunker.key, "PATCH", format!("/subjects/{ada}"), change).await;
        let theirs = json!({"record": {"login": "cy"}});
        native(&bunker.stranger, "POST", "/subjects".to_owned(), Some(theirs)).await;
        // About nobody: in the log, but in no list of these.
        native(&bunker.key, "GET", "/subjects".to_owned(), None).await;
        bunker.erase(&bo).await;
        while bunker.gateway.waiting_events() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let unlock = unlocked(&bunker).await;
        let page = async |offset: usize, limit: usize| {
            let body = json!({"unlockuuid": unlock, "offset": offset, "limit": limit});
            call(&bunker, "BulkListAllAuditEvents", body).await
        };
        let all = page(0, 100).await;
        let rows = all["rows"].as_array().unwrap();
        assert_eq!(all["total"], rows.len());
        let kinds: Vec<&str> = rows
            .iter()
            .map(|row| row["eventtype"].as_str().unwrap())
            .collect();
        let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
        for expected in ["UserCreate", "BulkListUnlock", "subject_updated", "vault_read"] {
            assert!(count(expected) > 0, "{expected}: {kinds:?}");
        }
        // What the calls led to is part of them; the stranger's is theirs; lists are about nobody.
        assert_eq!(
            (count("subject_created"), count("vault_read")),
            (0, 1),
            "{kinds:?}"
        );
        let text = all.to_string();
        assert!(text.contains(&ada) && !text.contains(&bo), "{text}");
        let times: Vec<i64> = rows.iter().map(|row| row["when"].as_i64().unwrap()).collect();
        assert!(times.is_sorted_by(|one, two| one >= two));
        // A page is its part of the whole; the list itself came on top.
        let part = page(2, 2).await;
        assert_eq!(part["total"], rows.len() + 1);
        assert_eq!(part["rows"].as_array().unwrap(), &rows[1..3]);
        let row = rows
            .iter()
            .find(|row| row["eventtype"] == "subject_updated")
            .unwrap();
        let id = json!({ "auditeventuuid": row["auditeventuuid"] });
        let got = call(&bunker, "AuditGetEvent", id.clone()).await;
        assert_eq!(got["eventtype"], "subject_updated");
        assert_refused(&bunker.v2_by(&bunker.stranger, "AuditGetEvent", id).await, 404);
        bunker.end().await;
    }
}

const SESSION: &str = "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a11";

/// What the newest event of this kind shows of what was written.
async fn around(bunker: &Bunker, token: &str, kind: &str) -> [Value; 2] {
    let list = who(token, json!({"limit": 100}));
    let list = call(bunker, "AuditListUserEvents", list).await;
    let rows = list["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["eventtype"] == kind).unwrap();
    let id = json!({ "auditeventuuid": row["auditeventuuid"] });
    let event = call(bunker, "AuditGetEvent", id).await;
    ["before", "after"].map(|part| event.get(part).unwrap_or_else(|| panic!("{event}")).clone())
}

#[tokio::test]
async fn an_event_shows_what_was_written_of_applications_sessions_and_agreements() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let data = |cart: &str| who(&token, json!({"appname": "shop", "appdata": {"cart": cart}}));
        bunker.good("AppdataCreate", data("lamp")).await;
        assert_eq!(
            around(&bunker, &token, "AppdataCreate").await,
            [Value::Null, json!({"cart": "lamp"})]
        );
        bunker.good("AppdataUpdate", data("desk")).await;
        let changed = [json!({"cart": "lamp"}), json!({"cart": "desk"})];
        assert_eq!(around(&bunker, &token, "AppdataUpdate").await, changed);

        let upsert = async |page: &str| {
            let data = json!({"login": "ada", "page": page});
            let body = json!({"sessionuuid": SESSION, "sessiondata": data});
            bunker.good("SessionUpsert", body).await;
            data
        };
        let data = upsert("imprint").await;
        assert_eq!(
            around(&bunker, &token, "SessionUpsert").await,
            [Value::Null, data]
        );
        let list = call(&bunker, "AuditListUserEvents", who(&token, json!({"limit": 100}))).await;
        let rows = list["rows"].as_array().unwrap();
        let first = rows
            .iter()
            .find(|row| row["eventtype"] == "SessionUpsert")
            .unwrap();
        let first = json!({ "auditeventuuid": first["auditeventuuid"] });
        bunker.gateway.clock().advance(Duration::from_secs(1));
        let data = upsert("basket").await;
        assert_eq!(
            around(&bunker, &token, "SessionUpsert").await,
            [Value::Null, data]
        );
        // What took its place is not what the first call wrote.
        assert_eq!(call(&bunker, "AuditGetEvent", first).await["after"], Value::Null);

        let basis = json!({"brief": "newsletter", "basistype": "consent"});
        bunker.good("LegalBasisCreate", basis).await;
        let said = who(&token, json!({"brief": "newsletter", "referencecode": "R7"}));
        bunker.good("AgreementAccept", said.clone()).await;
        let [before, accepted] = around(&bunker, &token, "AgreementAccept").await;
        assert_eq!(before, Value::Null);
        let got = call(&bunker, "AgreementGet", said.clone()).await;
        assert_eq!(accepted, got["agreement"]);
        assert_eq!(
            (&accepted["status"], &accepted["referencecode"]),
            (&json!("yes"), &json!("R7"))
        );
        bunker.good("AgreementCancel", said).await;
        let [before, after] = around(&bunker, &token, "AgreementCancel").await;
        assert_eq!((before, &after["status"]), (accepted, &json!("no")));
        // No value of them is in the log, nor left beside it once the person is erased.
        let database = bunker.gateway.vault().store.database();
        let kept = async |sql: &'static str| {
            let rows = database
                .read::<Vec<String>, privet_store::Error, _>(&Scope::Installation, move |tx| {
                    Box::pin(async move { tx.rows(sql, values![]).await })
                });
            rows.await.unwrap().concat()
        };
        let log = kept("SELECT payload FROM audit_events").await;
        for never in ["lamp", "basket", "R7", SESSION] {
            assert!(!log.contains(never), "{never}: {log}");
        }
        assert!(
            !kept("SELECT wrote FROM vault_calls WHERE wrote IS NOT NULL")
                .await
                .is_empty()
        );
        bunker.erase(&token).await;
        assert_eq!(
            kept("SELECT wrote FROM vault_calls WHERE wrote IS NOT NULL").await,
            ""
        );
        bunker.end().await;
    }
}

/// Of an event of the vault's own interface only a version of the profile is shown.
#[tokio::test]
async fn an_event_of_another_interface_shows_no_version_of_something_else() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada", "city": "Bern"})).await;
        for (method, path, body) in [
            (
                "PUT",
                format!("/subjects/{token}/apps/shop"),
                json!({"data": {"cart": "lamp"}}),
            ),
            ("PATCH", format!("/subjects/{token}"), json!({"city": "Ulm"})),
        ] {
            let ask = bunker.gateway.ask_vault(&bunker.key, method, &path, Some(&body));
            let reply = ask.send().await;
            assert!(reply.status < 300, "{}", reply.text());
        }
        let [before, after] = around(&bunker, &token, "subject_updated").await;
        assert_eq!((&before["city"], &after["city"]), (&json!("Bern"), &json!("Ulm")));
        let list = call(&bunker, "AuditListUserEvents", who(&token, json!({"limit": 100}))).await;
        let rows = list["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["eventtype"] == "app_stored").unwrap();
        let id = json!({ "auditeventuuid": row["auditeventuuid"] });
        let event = call(&bunker, "AuditGetEvent", id).await;
        assert_eq!((event.get("before"), event.get("after")), (None, None), "{event}");
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
