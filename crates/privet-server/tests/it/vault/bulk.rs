use privet_types::{KeyScope, KeyScopes};
use serde_json::json;

use super::{assert_problem, houses, houses_with};

#[tokio::test]
async fn many_subjects_are_made_at_once_and_a_bad_one_keeps_no_other_from_it() {
    for house in houses().await {
        let records = json!({"records": [{"login": "a"}, {"login": "a"}, {"login": "b"}]});
        let made = house.post("/subjects/batch", records).await;
        let made = made.json();
        assert_eq!(made["rows"][0]["version"], 1, "{made}");
        assert_eq!(made["rows"][1]["code"], "taken", "{made}");
        assert_eq!(made["rows"][2]["version"], 1, "{made}");
        house.end().await;
    }
}

#[tokio::test]
async fn lines_are_imported_as_they_come_and_bad_ones_are_told_by_number() {
    for house in houses().await {
        let mut lines = String::new();
        for i in 0..1_200 {
            lines.push_str(&format!("{{\"login\":\"user-{i}\",\"name\":\"N {i}\"}}\n"));
        }
        lines.push_str("{\"login\":\"user-7\"}\nnonsense-hush\n");
        let ask = house.gateway.ask_vault(&house.key, "POST", "/imports", None);
        let ask = ask
            .header("content-type", "application/x-ndjson")
            .body(lines)
            .chunked();
        let reply = ask.send().await;
        let report = reply.json();
        assert_eq!(reply.status, 200, "{report}");
        assert_eq!(
            (&report["created"], &report["refused"]),
            (&json!(1_200), &json!(2)),
            "{report}"
        );
        assert_eq!(report["errors"][0]["line"], 1_201);
        assert_eq!(report["errors"][0]["field"], "login");
        assert!(!reply.text().contains("hush") && !reply.text().contains("user-7"));
        let csv = "login,email\nzoe,zoe@example.com\n";
        let ask = house
            .gateway
            .ask_vault(&house.key, "POST", "/imports?format=csv", None);
        let reply = ask.header("content-type", "text/csv").body(csv).send().await;
        assert_eq!(reply.json()["created"], 1, "{}", reply.text());
        let found = house
            .post(
                "/subjects/lookup",
                json!({"by": "email", "value": "zoe@example.com"}),
            )
            .await;
        assert_eq!(found.json()["record"]["login"], "zoe");
        house.end().await;
    }
}

#[tokio::test]
async fn a_bulk_read_needs_a_second_person_and_a_short_unlock() {
    for house in houses().await {
        house.subject(json!({"login": "ada"})).await;
        let asked = house.post("/bulk-reads", json!({"reason": "migration"})).await;
        assert_eq!(asked.status, 201, "{}", asked.text());
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        let approve = format!("/bulk-reads/{id}/approve");
        assert_problem(&house.post(&approve, json!({})).await, 403, "same_principal", &[]);
        let unlock = format!("/bulk-reads/{id}/unlock");
        assert_problem(&house.post(&unlock, json!({})).await, 403, "not_open", &[]);
        let second = KeyScopes::of(&[KeyScope::VaultApprove]);
        let second = house.gateway.key_for("acme", "second", second).await;
        let approved = house
            .gateway
            .ask_vault(&second, "POST", &approve, None)
            .send()
            .await;
        assert_eq!(approved.json()["state"], "approved", "{}", approved.text());
        let unlocked = house.post(&unlock, json!({})).await;
        let unlocked = unlocked.json()["unlock"].as_str().unwrap().to_owned();
        let page = house
            .post("/bulk-reads/page", json!({ "unlock": unlocked }))
            .await;
        assert_eq!(
            page.json()["rows"][0]["record"]["login"],
            "ada",
            "{}",
            page.text()
        );
        house
            .gateway
            .clock()
            .advance(std::time::Duration::from_secs(3_600));
        let late = house
            .post("/bulk-reads/page", json!({ "unlock": unlocked }))
            .await;
        assert_problem(&late, 403, "not_open", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn records_past_a_limit_are_refused_by_its_name_and_nothing_is_stored() {
    for house in houses_with("bulk_records = 3\nbulk_record = \"1KiB\"\nbulk_depth = 4\n").await {
        let one = json!({"a": 1});
        for (records, limit) in [
            (json!([one, one, one, one]), "bulk_records"),
            (json!([one, {"a": "x".repeat(1024)}]), "bulk_record`"),
            (json!([one, {"a": [[[[]]]]}]), "bulk_depth"),
            (json!([one, {"": 1}]), "number 1"),
            (json!([]), "at least one"),
            (json!([one, 1]), "list of objects"),
            (json!("x"), "at least one"),
        ] {
            let reply = house.post("/subjects/batch", json!({ "records": records })).await;
            assert_problem(&reply, 400, "bad_field", &["xx"]);
            let problem = reply.json();
            assert_eq!(problem["field"], "records");
            assert!(problem["detail"].as_str().unwrap().contains(limit), "{problem}");
        }
        let more = house
            .post("/subjects/batch", json!({"records": [one], "more": 1}))
            .await;
        assert_problem(&more, 400, "bad_field", &[]);
        assert_problem(
            &house.post("/subjects/batch", json!([])).await,
            400,
            "bad_json",
            &[],
        );
        assert_eq!(house.get("/subjects").await.json()["rows"], json!([]));
        let made = house
            .post("/subjects/batch", json!({"records": [one, one, one]}))
            .await;
        assert_eq!(
            made.json()["rows"].as_array().map(Vec::len),
            Some(3),
            "{}",
            made.text()
        );

        let lines = format!(
            "{{\"a\":\"{}\"}}\n{{\"a\":[[[[]]]]}}\n{{\"a\":[[[]]]}}\n",
            "x".repeat(1024)
        );
        let ask = house.gateway.ask_vault(&house.key, "POST", "/imports", None);
        let report = ask.header("content-type", "application/x-ndjson").body(lines);
        let report = report.send().await.json();
        assert_eq!(
            (&report["created"], &report["refused"]),
            (&json!(1), &json!(2)),
            "{report}"
        );
        for (at, limit) in [(0, "bulk_record`"), (1, "bulk_depth")] {
            let why = report["errors"][at]["why"].as_str().unwrap();
            assert!(why.contains(limit), "{report}");
        }
        house.end().await;
    }
}

#[tokio::test]
async fn many_records_are_one_transaction_however_many_batches_they_are() {
    const MANY: usize = 900;
    for house in houses().await {
        let records = |last: &str| {
            let records: Vec<String> = (0..MANY).map(|i| format!("{{\"login\":\"u{i}\"}}")).collect();
            format!("{{\"records\":[{},{last}]}}", records.join(","))
        };
        let post = async |body: Vec<u8>| {
            let ask = house
                .gateway
                .ask_vault(&house.key, "POST", "/subjects/batch", None);
            ask.header("content-type", "application/json")
                .body(body)
                .send()
                .await
        };
        for bad in [
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":01}"#,
            "{\"a\":\"\u{1}\"}",
        ] {
            let reply = post(records(bad).into_bytes()).await;
            assert_problem(&reply, 400, "bad_field", &["u1"]);
            let problem = reply.json();
            assert!(
                problem["detail"].as_str().unwrap().contains("number 900 "),
                "{problem}"
            );
        }
        let mut cut = records("{}").into_bytes();
        cut.truncate(cut.len() - 1);
        assert_problem(&post(cut).await, 400, "bad_json", &[]);
        assert_eq!(house.get("/subjects").await.json()["rows"], json!([]));
        // The first of two has the value, in whichever batches they are.
        let made = post(records(r#"{"login":"u7"}"#).into_bytes()).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let made = made.json();
        let rows = made["rows"].as_array().unwrap();
        assert_eq!(rows.len(), MANY + 1);
        assert!(rows.iter().take(MANY).all(|row| row["version"] == 1));
        assert_eq!(
            (&rows[MANY]["code"], &rows[MANY]["field"]),
            (&json!("taken"), &json!("login"))
        );
        house.end().await;
    }
}
