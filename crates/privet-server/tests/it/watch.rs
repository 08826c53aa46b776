//! The watch over real sockets: who is told, who is held, and what becomes of it over a restart.

use std::time::Duration;

use privet_testkit::{ALERT_SECRET, PATIENCE, RawProvider, TestGateway, json_reply};
use privet_types::{Clock, KeyScope, KeyScopes};
use serde_json::{Value, json};

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, messages};

/// Least evidence, so that a test has few requests to send.
const QUICK: &str = "[watch]\nleast_hours = 10\nleast_days = 3\n";

async fn get(gateway: &TestGateway, key: &str, path: &str) -> Value {
    let ask = gateway.ask("GET", path);
    let reply = ask.header("authorization", &format!("Bearer {key}")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn officer(gateway: &TestGateway) -> String {
    gateway.key_for("default", "officer", KeyScopes::all()).await
}

/// Waits until there are alerts.
async fn alerts(gateway: &TestGateway, key: &str) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let all = get(gateway, key, "/api/v1/alerts?open=true").await;
        let all = all["alerts"].as_array().expect("a list").clone();
        if !all.is_empty() {
            return all;
        }
        assert!(begun.elapsed() < PATIENCE, "no alert");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Four days of three requests in each of three hours, with one private value each.
async fn get_known(gateway: &TestGateway) {
    // The clock stands at midnight; four in the morning is as good an hour of work as any.
    for _ in 0..4 {
        for _ in 0..3 {
            for _ in 0..3 {
                let reply = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
            gateway.clock().advance(Duration::from_secs(3600));
        }
        gateway.clock().advance(Duration::from_secs(21 * 3600));
    }
}

/// A prompt with forty addresses.
fn bulk(number: u32) -> String {
    let people: Vec<String> = (0..40)
        .map(|n| format!("person-{number}-{n}@example.org"))
        .collect();
    chat("demo-echo", &people.join(" "))
}

#[tokio::test]
async fn bulk_is_told_the_caller_is_suspended_and_closing_the_alert_ends_that() {
    let policy = format!(
        "{QUICK}[[watch.actions]]\nrule = \"personal_data\"\naction = \"suspend\"\nincident = true\n"
    );
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let officer = officer(&gateway).await;
    get_known(&gateway).await;
    for number in 0..3 {
        gateway.post(CHAT, bulk(number)).send().await;
    }
    let all = alerts(&gateway, &officer).await;
    let alert = all
        .iter()
        .find(|alert| alert["rule"] == "personal_data")
        .expect("it is told");
    assert_eq!(alert["response"], "suspend");
    assert_eq!(alert["finding"]["class_uid"], 2004);
    let text = alert.to_string();
    assert!(!text.contains("person-") && !text.contains("\"ann\""), "{text}");
    // In the shape of either surface.
    let refused = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_refused(&refused, CHAT, 403, "suspended");
    let refused = gateway
        .post(MESSAGES, messages("claude-demo-echo", "hello"))
        .send()
        .await;
    assert_refused(&refused, MESSAGES, 403, "permission_error");
    // Nor does another address serve them.
    let body = json!({ "token": "x", "text": "x" }).to_string();
    let refused = gateway.post("/api/v1/restore", body).send().await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("suspended"), "{}", refused.text());
    // Nobody else is.
    let other = gateway.key_for("default", "bob", KeyScopes::default()).await;
    let ask = gateway
        .post(CHAT, chat("demo-echo", "hello"))
        .without("authorization");
    assert_eq!(ask.header("x-api-key", &other).send().await.status, 200);
    // An incident was opened for it.
    let incidents = get(&gateway, &officer, "/api/v1/incidents").await;
    // One for both alerts of the rule, the second of which is graver.
    assert_eq!(
        incidents["incidents"].as_array().map(Vec::len),
        Some(1),
        "{incidents}"
    );
    let incident = &incidents["incidents"][0];
    assert_eq!(
        (&incident["kind"], &incident["id"]),
        (&json!("exfiltration"), &alert["incident"])
    );
    let id = alert["id"].as_str().expect("an id");
    // Whom it is about may not close it, whatever their key is good for.
    let own = gateway.key_for("default", "ann", KeyScopes::all()).await;
    let close = gateway.ask("POST", &format!("/api/v1/alerts/{id}/close"));
    let refused = close
        .header("authorization", &format!("Bearer {own}"))
        .send()
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("yourself"), "{}", refused.text());
    let close = gateway.ask("POST", &format!("/api/v1/alerts/{id}/close"));
    let closed = close
        .header("authorization", &format!("Bearer {officer}"))
        .send()
        .await;
    assert_eq!(closed.json()["was_open"], true, "{}", closed.text());
    let begun = std::time::Instant::now();
    loop {
        let reply = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
        if reply.status == 200 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let tenant = "default".parse().expect("a tenant");
    let events = gateway
        .store()
        .tenant_events(&tenant, 0, None, 1000)
        .await
        .expect("events");
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    for kind in [
        "alert_raised",
        "caller_suspended",
        "alert_closed",
        "caller_released",
        "incident_opened",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn a_throttled_caller_has_a_few_requests_a_minute_and_is_told_when_there_are_more() {
    let policy = format!("{QUICK}[[watch.actions]]\naction = \"throttle\"\nrequests = 2\nminutes = 30\n");
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let officer = officer(&gateway).await;
    get_known(&gateway).await;
    for number in 0..3 {
        gateway.post(CHAT, bulk(number)).send().await;
    }
    alerts(&gateway, &officer).await;
    let statuses = async |count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(gateway.post(CHAT, chat("demo-echo", "hello")).send().await.status);
        }
        statuses
    };
    gateway.clock().advance(Duration::from_secs(61));
    assert_eq!(statuses(4).await, [200, 200, 429, 429]);
    let refused = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_refused(&refused, CHAT, 429, "throttled");
    assert!(refused.header("retry-after").is_some());
    gateway.clock().advance(Duration::from_secs(60));
    assert_eq!(statuses(2).await, [200, 200]);
    gateway.clock().advance(Duration::from_secs(1800));
    assert_eq!(statuses(4).await, [200; 4]);
}

#[tokio::test]
async fn what_was_learnt_and_who_is_held_outlive_a_restart() {
    let policy = format!("{QUICK}[[watch.actions]]\naction = \"suspend\"\nminutes = 600\n");
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let begun_at = gateway.clock().now();
    get_known(&gateway).await;
    let gone = gateway.clock().now().duration_since(begun_at).unsigned_abs();
    let home = gateway.stop().await.home;
    let gateway = TestGateway::builder().policy(&policy).home(home).start().await;
    gateway.clock().advance(gone);
    let officer = officer(&gateway).await;
    for number in 0..3 {
        gateway.post(CHAT, bulk(number)).send().await;
    }
    alerts(&gateway, &officer).await;
    let home = gateway.stop().await.home;
    let gateway = TestGateway::builder().policy(&policy).home(home).start().await;
    gateway.clock().advance(gone);
    let begun = std::time::Instant::now();
    while gateway.post(CHAT, chat("demo-echo", "hello")).send().await.status != 403 {
        assert!(begun.elapsed() < PATIENCE, "nobody is held");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_key_that_may_only_read_closes_nothing_and_other_tenants_see_nothing() {
    let gateway = TestGateway::builder().start().await;
    let reader = gateway
        .key_for("default", "siem", KeyScopes::of(&[KeyScope::WatchRead]))
        .await;
    let all = get(&gateway, &reader, "/api/v1/alerts").await;
    assert_eq!(all, json!({ "alerts": [] }));
    let ask = gateway.ask("POST", "/api/v1/alerts/1/close");
    let refused = ask
        .header("authorization", &format!("Bearer {reader}"))
        .send()
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let manager = officer(&gateway).await;
    let open = |key: &str, body: &str| {
        let key = format!("Bearer {key}");
        gateway
            .ask("POST", "/api/v1/incidents")
            .header("content-type", "application/json")
            .header("authorization", &key)
            .body(body)
            .send()
    };
    let body = json!({ "kind": "lost_device", "title": "a notebook" }).to_string();
    assert_eq!(open(&reader, &body).await.status, 403);
    let opened = open(&manager, &body).await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    let opened = opened.json();
    assert_eq!(opened["notification"]["remaining"], 72 * 3600);
    let path = format!("/api/v1/incidents/{}", opened["id"].as_str().expect("an id"));
    let foreign = gateway.key_for("other", "officer", KeyScopes::all()).await;
    let ask = gateway.ask("GET", &path);
    let hidden = ask
        .header("authorization", &format!("Bearer {foreign}"))
        .send()
        .await;
    assert_eq!(hidden.status, 404, "{}", hidden.text());
    let step = json!({ "state": { "to": "contained", "why": "wiped" } }).to_string();
    let ask = gateway
        .ask("POST", &path)
        .header("content-type", "application/json")
        .body(step.as_str());
    let stepped = ask
        .header("authorization", &format!("Bearer {manager}"))
        .send()
        .await
        .json();
    assert_eq!(
        (&stepped["state"], stepped["timeline"].as_array().map(Vec::len)),
        (&json!("contained"), Some(2))
    );
    let ask = gateway
        .ask("POST", &path)
        .header("content-type", "application/json")
        .body("{\"state\":{\"to\":\"lost\",\"why\":\"x\"}}");
    let refused = ask
        .header("authorization", &format!("Bearer {manager}"))
        .send()
        .await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let affected = get(&gateway, &manager, &format!("{path}/affected")).await;
    assert!(
        affected["cannot_know"]
            .as_array()
            .is_some_and(|all| all.len() >= 4),
        "{affected}"
    );
}

/// A gateway whose alerts go to `alerts`, after one was raised.
async fn alerting(alerts_to: &str) -> TestGateway {
    let tables = format!("[alerts]\n{alerts_to}\n");
    let gateway = TestGateway::builder()
        .policy(QUICK)
        .providers(&tables)
        .start()
        .await;
    get_known(&gateway).await;
    gateway.post(CHAT, bulk(0)).send().await;
    gateway
}

#[tokio::test]
async fn an_alert_is_posted_signed_and_a_redirect_is_not_followed() {
    let elsewhere = RawProvider::always(json_reply("200 OK", "", "{}")).await;
    let location = format!("location: http://{}/\r\n", elsewhere.address());
    let hook = RawProvider::always(json_reply("307 Temporary Redirect", &location, "")).await;
    let _gateway = alerting(&format!(
        "webhook_url = \"http://{}/hook\"\nwebhook_secret = {{ env = \"READ_BY_NOBODY\" }}",
        hook.address()
    ))
    .await;
    // The second try comes because a redirect is no answer.
    hook.arrived(2).await;
    let sent = hook.requests();
    assert_eq!(
        (sent[0].method.as_str(), sent[0].path.as_str()),
        ("POST", "/hook")
    );
    let header = |name: &str| {
        let found = sent[0]
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).expect("a header")
    };
    let body = String::from_utf8(sent[0].body.to_vec()).expect("UTF-8");
    let signed = format!("{}.{body}", header("x-privet-timestamp"));
    let hash = privet_crypto::hmac_sha256(ALERT_SECRET.as_bytes(), signed.as_bytes());
    let expected = format!("sha256={}", data_encoding::HEXLOWER.encode(&hash));
    assert_eq!(header("x-privet-signature"), expected);
    let finding: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (&finding["class_uid"], &finding["finding_info"]["types"][0]),
        (&json!(2004), &json!("personal_data"))
    );
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn an_alert_reaches_a_syslog_server_with_its_octets_counted() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = server.local_addr().expect("an address").port();
    let _gateway = alerting(&format!("syslog = \"tcp://127.0.0.1:{port}\"")).await;
    let heard = async {
        let (mut stream, _) = server.accept().await.expect("a connection");
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text)
            .await
            .expect("UTF-8");
        text
    };
    let text = tokio::time::timeout(PATIENCE, heard)
        .await
        .expect("an alert in time");
    let (length, message) = text.split_once(' ').expect("a length");
    assert_eq!(length.parse(), Ok(message.len()));
    let (head, finding) = message
        .split_once(" - privet - alert - ")
        .expect("the parts of RFC 5424");
    assert!(head.starts_with("<107>1 2026-01-05T"), "{head}");
    assert!(serde_json::from_str::<Value>(finding).is_ok(), "{finding}");
}
