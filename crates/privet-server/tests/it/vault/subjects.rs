use serde_json::json;

use super::{ADA, assert_problem, houses};

#[tokio::test]
async fn a_subject_is_read_by_its_token_and_by_every_identity() {
    for house in houses().await {
        let record =
            json!({"login": "ada", "email": ADA, "phone": "+44 20 7946 0000", "custom": "c-1", "n": 0.5});
        let token = house.subject(record.clone()).await;
        let read = house.get(&format!("/subjects/{token}")).await;
        assert_eq!(read.json()["record"], record, "{}", read.text());
        assert_eq!(read.header("etag"), Some("\"1\""));
        assert_eq!(read.header("cache-control"), Some("no-store"));
        let upper = ADA.to_uppercase();
        for (by, value) in [
            ("login", "ada"),
            ("email", &upper),
            ("custom", "c-1"),
            ("token", &token),
        ] {
            let found = house
                .post("/subjects/lookup", json!({"by": by, "value": value}))
                .await;
            assert_eq!(found.json()["token"], token, "{by}: {}", found.text());
        }
        let found = house
            .post("/subjects/search", json!({"field": "email", "value": ADA}))
            .await;
        assert_eq!(found.json()["rows"][0]["token"], token, "{}", found.text());
        let fields = house.get(&format!("/subjects/{token}?fields=login,n")).await;
        assert_eq!(fields.json()["record"], json!({"login": "ada", "n": 0.5}));
        let listed = house.get("/subjects?limit=1").await;
        assert_eq!(listed.json()["total"], 1);
        house.end().await;
    }
}

#[tokio::test]
async fn a_record_is_changed_at_the_version_that_was_read_and_at_no_other() {
    for house in houses().await {
        let token = house
            .subject(json!({"login": "ada", "a": {"b": 1, "c": 2}}))
            .await;
        let path = format!("/subjects/{token}");
        let patch = |tag: &str| {
            let body = json!({"a": {"b": null, "d": 3}});
            let ask = house.gateway.ask_vault(&house.key, "PATCH", &path, Some(&body));
            ask.header("if-match", tag)
        };
        let changed = patch("\"1\"").send().await;
        assert_eq!((changed.status, &changed.json()["version"]), (200, &json!(2)));
        assert_problem(&patch("\"1\"").send().await, 412, "version_conflict", &[]);
        assert_problem(&patch("soon").send().await, 400, "bad_field", &["soon"]);
        let read = house.get(&path).await;
        assert_eq!(
            read.json()["record"],
            json!({"login": "ada", "a": {"c": 2, "d": 3}})
        );
        let replaced = house.put(&path, json!({"record": {"login": "countess"}})).await;
        assert_eq!(replaced.json()["version"], 3, "{}", replaced.text());
        let versions = house.get(&format!("{path}/versions")).await;
        assert_eq!(versions.json()["rows"].as_array().unwrap().len(), 3);
        let first = house.get(&format!("{path}/versions/1")).await;
        assert_eq!(first.json()["record"]["a"]["b"], 1, "{}", first.text());
        assert_problem(
            &house.get(&format!("{path}/versions/9")).await,
            404,
            "not_found",
            &[],
        );
        house.end().await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_field_and_without_its_value() {
    for house in houses().await {
        house.subject(json!({"email": ADA})).await;
        let taken = house.post("/subjects", json!({"record": {"email": ADA}})).await;
        assert_problem(&taken, 409, "taken", &[ADA, "lovelace"]);
        assert_eq!(taken.json()["field"], "email");
        let unknown = house
            .post("/subjects", json!({"record": {}, "colour": "hush"}))
            .await;
        assert_problem(&unknown, 400, "bad_field", &["hush"]);
        assert_eq!(unknown.json()["field"], "colour");
        let missing = house.post("/subjects", json!({})).await;
        assert_eq!(missing.json()["field"], "record", "{}", missing.text());
        let wrong = house
            .post("/subjects/lookup", json!({"by": "email", "value": ["hush"]}))
            .await;
        assert_problem(&wrong, 400, "bad_field", &["hush"]);
        assert_eq!(wrong.json()["field"], "value");
        let broken = house.gateway.ask_vault(&house.key, "POST", "/subjects", None);
        let broken = broken
            .header("content-type", "application/json")
            .body("{\"record\" hush")
            .send()
            .await;
        assert_problem(&broken, 400, "bad_json", &["hush"]);
        let deep = format!(
            "{{\"record\":{{\"a\":{}1{}}}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let deep = house
            .gateway
            .ask_vault(&house.key, "POST", "/subjects", None)
            .header("content-type", "application/json")
            .body(deep)
            .send()
            .await;
        assert_problem(&deep, 400, "bad_json", &[]);
        let form = house.gateway.ask_vault(&house.key, "POST", "/subjects", None);
        let form = form.header("content-type", "text/plain").body("{}").send().await;
        assert_problem(&form, 415, "unsupported_media", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    for house in houses().await {
        let ask = house.gateway.ask_vault(&house.key, "POST", "/subjects", None);
        let ask = ask
            .header("content-type", "application/json")
            .header("content-length", "1073741824");
        let refused = ask.open().await;
        assert_eq!(refused.status, 413);
        house.end().await;
    }
}

#[tokio::test]
async fn head_does_not_do_what_get_does() {
    for house in houses().await {
        let token = house.subject(json!({"login": "ada"})).await;
        let path = format!("/subjects/{token}");
        for method in ["HEAD", "OPTIONS", "TRACE"] {
            let reply = house
                .gateway
                .ask_vault(&house.key, method, &path, None)
                .open()
                .await;
            assert_eq!(reply.status, 405, "{method}");
            assert_eq!(reply.header("allow"), Some("GET, PATCH, PUT"));
        }
        house.end().await;
    }
}

#[tokio::test]
async fn app_data_sessions_shares_and_tokens_belong_to_a_subject() {
    for house in houses().await {
        let token = house.subject(json!({"login": "ada", "email": ADA})).await;
        let app = format!("/subjects/{token}/apps/shop");
        let put = house.put(&app, json!({"data": {"cart": [1]}})).await;
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(house.get(&app).await.json()["data"], json!({"cart": [1]}));
        let apps = house.get(&format!("/subjects/{token}/apps")).await;
        assert_eq!(apps.json()["rows"], json!(["shop"]));

        let session = json!({"subject": {"by": "login", "value": "ada"}, "data": {"ip": "192.0.2.1"}, "ttl_seconds": 60});
        let session = house.post("/sessions", session).await;
        assert_eq!(session.status, 201, "{}", session.text());
        let name = session.json()["name"].as_str().unwrap().to_owned();
        let read = house.get(&format!("/sessions/{name}")).await;
        assert_eq!(read.json()["subject"], token, "{}", read.text());
        house.gateway.clock().advance(std::time::Duration::from_secs(61));
        assert_problem(
            &house.get(&format!("/sessions/{name}")).await,
            404,
            "not_found",
            &[&name],
        );

        let share = json!({"fields": ["login"], "ttl_seconds": 60});
        let share = house.post(&format!("/subjects/{token}/shares"), share).await;
        let share = share.json()["share"].as_str().unwrap().to_owned();
        let body = json!({ "share": share });
        let ask = || {
            house
                .gateway
                .ask_vault("", "POST", "/shares/read", Some(&body))
                .without("authorization")
        };
        assert_eq!(ask().send().await.json()["data"], json!({"login": "ada"}));
        assert_eq!(house.post("/shares/revoke", body.clone()).await.status, 204);
        assert_problem(&ask().send().await, 404, "not_found", &[&share]);

        let new = json!({"kind": "text", "value": "hush", "subject": {"by": "token", "value": token}});
        let made = house.post("/tokens", new).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json()["token"].as_str().unwrap().to_owned();
        let resolved = house.post("/tokens/resolve", json!({ "token": made })).await;
        assert_eq!(resolved.json()["value"], "hush", "{}", resolved.text());
        assert_eq!(
            house
                .post("/tokens/delete", json!({ "token": made }))
                .await
                .status,
            204
        );
        let gone = house.post("/tokens/resolve", json!({ "token": made })).await;
        assert_problem(&gone, 404, "not_found", &[&made]);
        house.end().await;
    }
}
