//! Bodies with many records: their limits, and how much memory they take.

use std::process::Command;

use serde_json::{Value, json};

use super::{Bunker, assert_ok, assert_refused, bunkers_with};

const LIMITS: &str = "bulk_records = 3\nbulk_record = \"1KiB\"\nbulk_depth = 4\n";
/// Bytes of the body whose memory is measured.
const BODY: usize = 16 << 20;

fn calls() -> [(&'static str, Value); 2] {
    [
        ("UserCreateBulk", json!({"profile": {"a": 1}})),
        ("TokenCreateBulk", json!({"tokentype": "text", "record": "a"})),
    ]
}

#[tokio::test]
async fn records_past_a_limit_are_refused_by_its_name_and_nothing_is_stored() {
    for bunker in bunkers_with(LIMITS).await {
        for (call, record) in calls() {
            let with = |name: &str, value: Value| {
                let mut record = record.clone();
                record[name] = value;
                record
            };
            for (records, limit) in [
                (vec![record.clone(); 4], "bulk_records"),
                (
                    vec![record.clone(), with("more", "x".repeat(1024).into())],
                    "bulk_record`",
                ),
                (vec![record.clone(), with("more", json!([[[[]]]]))], "bulk_depth"),
            ] {
                let refused = bunker.v2(call, json!({ "records": records })).await;
                let message = assert_refused(&refused, 400);
                assert!(
                    message.contains("records") && message.contains(limit),
                    "{message}"
                );
                assert!(!message.contains("xx"), "{message}");
            }
            for records in [json!([]), json!([1]), json!({}), json!("x")] {
                assert_refused(&bunker.v2(call, json!({ "records": records })).await, 400);
            }
            assert_refused(&bunker.v2(call, json!({ "records": null })).await, 400);
        }
        let stats = bunker.good("SystemGetSystemStats", json!({})).await;
        assert_eq!(
            (&stats["stats"]["numusers"], &stats["stats"]["numtokens"]),
            (&json!(0), &json!(0))
        );
        for (call, record) in calls() {
            let made = bunker
                .good(call, json!({ "records": [record, record, record] }))
                .await;
            assert_eq!(made["summary"]["total"], 3, "{made}");
        }
        bunker.end().await;
    }
}

/// What only a parser of whole values refuses, in the last record of several batches.
#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_no_batch_before_it_is_stored() {
    const BEFORE: usize = 1_050;
    for bunker in bunkers_with("").await {
        for (call, record) in calls() {
            let good = record.to_string();
            for bad in [
                br#""\ud800""#.as_slice(),
                br#""\udc00\ud800""#,
                b"1e999",
                b"-1e999",
                b"\"\xff\"",
                b"\"\xed\xa0\x80\"",
                b"\"\x01\"",
                b"01",
                b"nul",
                b"1 2",
            ] {
                let mut body = format!("{{\"records\":[{}", format!("{good},").repeat(BEFORE)).into_bytes();
                body.extend_from_slice(good.trim_end_matches('}').as_bytes());
                if call == "UserCreateBulk" {
                    body.push(b'}');
                }
                body.extend_from_slice(b",\"more\":");
                body.extend_from_slice(bad);
                body.extend_from_slice(b"}]}");
                let path = format!("/v2/{call}");
                let ask = bunker.bare("POST", &path).header("x-bunker-token", &bunker.key);
                let message = assert_refused(&ask.body(body).send().await, 400);
                let number = format!("number {BEFORE} ");
                assert!(
                    message.contains("records") && message.contains(&number),
                    "{message}"
                );
            }
        }
        let stats = bunker.good("SystemGetSystemStats", json!({})).await;
        assert_eq!(
            (&stats["stats"]["numusers"], &stats["stats"]["numtokens"]),
            (&json!(0), &json!(0))
        );
        bunker.end().await;
    }
}

/// The memory of a process of its own is looked at, in which nothing else goes on.
#[test]
fn a_bulk_body_takes_a_few_times_its_size_and_not_that_of_its_values() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "databunker::bulk_bodies::peak_of_a_bulk_body",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let grown: u64 = text
        .lines()
        .find_map(|line| line.split_once("grown by ")?.1.split(' ').next()?.parse().ok())
        .expect("the child says how much");
    // The body and the answer are there twice each: at the server and at the client. As values each byte takes 16 bytes,
    // which is 256 MiB for the body alone.
    assert!(grown < 6 * (BODY as u64), "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test above, in a process of its own"]
async fn peak_of_a_bulk_body() {
    let settings = "listen = \"127.0.0.1:0\"\n[vault.databunker]\nenabled = true\n";
    let gateway = privet_testkit::TestGateway::builder()
        .vault(settings)
        .start()
        .await;
    let bunker = Bunker::of(gateway, Vec::new()).await;
    let small = json!({"records": [{"profile": {"a": [0]}}]});
    assert_ok(&bunker.v2("UserCreateBulk", small).await);
    let record = format!("{{\"profile\":{{\"a\":[{}0]}}}}", "0,".repeat(32 << 10));
    let mut body = String::with_capacity(BODY + record.len() + 32);
    body.push_str("{\"records\":[");
    while body.len() < BODY {
        body.push_str(&record);
        body.push(',');
    }
    body.pop();
    body.push_str("]}");
    let before = memory("VmRSS:");
    let ask = bunker
        .bare("POST", "/v2/UserCreateBulk")
        .header("x-bunker-token", &bunker.key);
    let reply = ask.body(body).send().await;
    let grown = memory("VmHWM:").saturating_sub(before);
    assert_eq!(reply.status, 200);
    let head: String = reply.text().chars().take(200).collect();
    assert!(head.contains("\"errors\":0"), "{head}");
    println!("grown by {grown} bytes");
    bunker.end().await;
}

/// Of this process, in bytes.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<u64>().unwrap() * 1024
}
