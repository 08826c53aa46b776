use std::time::Duration;

use data_encoding::BASE64;
use privet_crypto::{VerifyingKey, sha256};
use privet_testkit::demo::Recording;
use privet_testkit::{RawProvider, Reply, TlsFront};
use privet_types::KeyScopes;
use privet_vault::RequestReceipt;
use serde_json::{Value, json};

use super::{ADA, House, assert_problem, houses, houses_with};

pub(super) const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
/// The fields whose values a request's answer may differ in.
const CODE: &str = "\"code\":\"";

pub(super) async fn ask_for(house: &House, kind: &str, email: &str, more: Value) -> Reply {
    let mut body = json!({"subject_request_type": kind,
        "subject_identities": [{"identity_type": "email", "identity_value": email}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    house.post("/requests", body).await
}

/// A new request; its address.
async fn asked(house: &House, kind: &str, email: &str) -> String {
    let made = ask_for(house, kind, email, json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    format!(
        "/requests/{}",
        made.json()["subject_request_id"].as_str().unwrap()
    )
}

async fn vouched(house: &House, request: &str) {
    let reply = house
        .post(&format!("{request}/vouch"), json!({"method": "document"}))
        .await;
    assert_eq!(reply.json()["identity"], "document", "{}", reply.text());
}

pub(super) async fn key(house: &House, name: &str) -> VerifyingKey {
    let hex = house.get("/request-keys").await.json()[name]
        .as_str()
        .unwrap()
        .to_owned();
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    VerifyingKey::from_bytes(bytes.try_into().unwrap())
}

fn header<'a>(message: &'a Recording, name: &str) -> &'a str {
    let found = message.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// The signature of `message`, which came to `url`, holds as RFC 9421 has it.
pub(super) fn is_signed(message: &Recording, url: &str, key: &VerifyingKey) -> bool {
    let digest = format!("sha-256=:{}:", BASE64.encode(&sha256(&message.body)));
    let params = header(message, "signature-input")
        .strip_prefix("privet=")
        .unwrap();
    let base = format!(
        "\"@method\": {}\n\"@target-uri\": {url}\n\"content-type\": {}\n\"content-digest\": {}\n\"@signature-params\": {params}",
        message.method,
        header(message, "content-type"),
        header(message, "content-digest")
    );
    let signature = header(message, "signature").trim_start_matches("privet=");
    let signature = BASE64.decode(signature.trim_matches(':').as_bytes()).unwrap();
    digest == header(message, "content-digest") && key.verify(base.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn a_code_that_was_sent_opens_a_copy_whose_hash_the_receipt_has() {
    let post = RawProvider::always(TAKEN).await;
    let url = format!("http://{}/codes", post.address());
    let mut sent = 0;
    for house in houses_with(&format!("[vault.requests]\ncode_url = \"{url}\"")).await {
        house.subject(json!({"email": ADA, "name": "<b>Ada</b>"})).await;
        let request = asked(&house, "access", ADA).await;
        let early = house.post(&format!("{request}/execute"), json!({})).await;
        assert_problem(&early, 409, "not_ready", &[ADA]);
        let reply = house
            .post(&format!("{request}/code"), json!({"channel": "email"}))
            .await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        sent += 1;
        post.arrived(sent).await;
        let message = post.requests().pop().unwrap();
        assert!(is_signed(&message, &url, &key(&house, "messages").await));
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(
            (&body["address"], &body["type"]),
            (&json!(ADA), &json!("one_time_code"))
        );
        let code = body["code"].as_str().unwrap().to_owned();
        let wrong = if code == "00000000" {
            "00000001"
        } else {
            "00000000"
        };
        let identity = format!("{request}/identity");
        let refused = house.post(&identity, json!({"code": wrong})).await;
        assert_problem(&refused, 403, "wrong_code", &[&code, wrong, ADA]);
        let proven = house.post(&identity, json!({"code": code})).await;
        assert_eq!(proven.json()["identity"], "one_time_code", "{}", proven.text());

        let done = house.post(&format!("{request}/execute"), json!({})).await;
        assert_eq!(
            done.json()["request"]["request_status"],
            "completed",
            "{}",
            done.text()
        );
        let copy = done.json()["copy"].as_str().unwrap().to_owned();
        let receipt: RequestReceipt = serde_json::from_value(done.json()["receipt"].clone()).unwrap();
        let statement = receipt.verify(&key(&house, "receipts").await).unwrap();
        let hash = data_encoding::HEXLOWER.encode(&sha256(copy.as_bytes()));
        assert_eq!(json!(statement.outcome)["sha256"], *hash);
        assert!(copy.contains(ADA));
        let again = house.get(&format!("{request}/copy")).await;
        assert_eq!(again.json()["held"]["record"]["email"], ADA, "{}", again.text());
        let page = house.get(&format!("{request}/copy.html")).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(page.text().contains("&lt;b&gt;Ada") && !page.text().contains("<b>Ada"));
        let steps = house.get(&format!("{request}/steps")).await.json();
        let kinds: Vec<_> = steps["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["kind"].clone())
            .collect();
        assert_eq!(kinds[2], "request_code_refused", "{steps}");
        // Neither code nor address stands in the log, and each look at the copy does.
        let mut reads = 0;
        for _ in 0..200 {
            let events = house.get("/audit?limit=100").await.text();
            assert!(!events.contains(&code) && !events.contains(ADA), "{events}");
            reads = events.matches("\"read_copy\"").count();
            if reads == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(reads, 2);
        house.end().await;
    }
}

#[tokio::test]
async fn who_is_unknown_gets_the_same_answers_as_who_is_known() {
    let post = RawProvider::always(TAKEN).await;
    let url = format!("http://{}/codes", post.address());
    for (round, house) in houses_with(&format!("[vault.requests]\ncode_url = \"{url}\""))
        .await
        .into_iter()
        .enumerate()
    {
        house.subject(json!({"email": ADA})).await;
        let mut answers = Vec::new();
        for email in ["nobody@example.org", ADA] {
            let made = ask_for(&house, "access", email, json!({"note": "please"})).await;
            let id = made.json()["subject_request_id"].as_str().unwrap().to_owned();
            let request = format!("/requests/{id}");
            let mut said = vec![made.text()];
            let channel = json!({"channel": "email"});
            said.push(house.post(&format!("{request}/code"), channel).await.text());
            let wrong = json!({"code": "not a code"});
            said.push(house.post(&format!("{request}/identity"), wrong).await.text());
            said.push(house.get(&request).await.text());
            said.push(house.post(&format!("{request}/execute"), json!({})).await.text());
            let receipt: Value = house.get(&format!("{request}/receipt")).await.json();
            said.push(receipt["statement"].as_str().unwrap().to_owned());
            let blotted = said.into_iter().map(|text| text.replace(&id, "ID"));
            answers.push(blotted.collect::<Vec<_>>());
        }
        assert_eq!(answers[0], answers[1]);
        post.arrived(round + 1).await;
        house.end().await;
    }
    // Only who is known was sent a code.
    let bodies = post.requests();
    assert!(
        bodies
            .iter()
            .all(|message| message.body.windows(CODE.len()).any(|w| w == CODE.as_bytes()))
    );
    assert!(
        bodies
            .iter()
            .all(|message| String::from_utf8_lossy(&message.body).contains(ADA))
    );
}

#[tokio::test]
async fn an_erasure_needs_a_second_person_and_a_scope_of_its_own() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA})).await;
        let request = asked(&house, "erasure", ADA).await;
        let none = house
            .post(&format!("{request}/code"), json!({"channel": "email"}))
            .await;
        assert_problem(&none, 409, "no_code_delivery", &[ADA]);
        vouched(&house, &request).await;
        let own = house.post(&format!("{request}/approve"), json!({})).await;
        assert_problem(&own, 403, "second_principal", &[]);
        let second = house.gateway.key_for("acme", "second", KeyScopes::all()).await;
        let approved = house
            .gateway
            .ask_vault(&second, "POST", &format!("{request}/approve"), None)
            .send()
            .await;
        assert_eq!(approved.json()["is_approved"], true, "{}", approved.text());
        let elsewhere = house.post(&format!("{request}/execute"), json!({})).await;
        assert_problem(&elsewhere, 409, "not_ready", &[]);
        let by_approver = house
            .gateway
            .ask_vault(&second, "POST", &format!("{request}/erase"), None)
            .send()
            .await;
        assert_problem(&by_approver, 403, "second_principal", &[]);
        assert_eq!(house.get(&format!("/subjects/{subject}")).await.status, 200);
        let done = house.post(&format!("{request}/erase"), json!({})).await;
        assert_eq!(
            done.json()["request"]["outcome"]["what"],
            "erased",
            "{}",
            done.text()
        );
        assert!(done.json()["erasure"]["signature"].is_string());
        assert_eq!(house.get(&format!("/subjects/{subject}")).await.status, 404);
        assert!(!house.get("/requests").await.text().contains(ADA));
        house.end().await;
    }
}

#[tokio::test]
async fn what_is_asked_for_is_corrected_and_requests_are_listed_extended_and_refused() {
    for house in houses().await {
        let subject = house.subject(json!({"email": ADA, "name": "Adda"})).await;
        let patch = json!({"patch": {"name": "Ada"}, "note": "one d"});
        let made = ask_for(&house, "rectification", ADA, patch).await.json();
        let request = format!("/requests/{}", made["subject_request_id"].as_str().unwrap());
        assert_eq!(made["article"], 16);
        let shown = house.get(&format!("{request}/asked")).await.json();
        assert_eq!(
            shown,
            json!({"subject": subject, "patch": {"name": "Ada"}, "note": "one d"})
        );
        vouched(&house, &request).await;
        let second = house.gateway.key_for("acme", "second", KeyScopes::all()).await;
        let approve = format!("{request}/approve");
        house
            .gateway
            .ask_vault(&second, "POST", &approve, None)
            .send()
            .await;
        let done = house.post(&format!("{request}/execute"), json!({})).await;
        assert_eq!(done.json()["request"]["outcome"]["version"], 2, "{}", done.text());
        assert_eq!(
            house.get(&format!("/subjects/{subject}")).await.json()["record"]["name"],
            "Ada"
        );

        let other = asked(&house, "objection", ADA).await;
        let extended = house
            .post(&format!("{other}/extend"), json!({"reason": "complexity"}))
            .await;
        assert_eq!(extended.json()["extension"], "complexity", "{}", extended.text());
        let open = house.get("/requests?status=pending&type=objection").await.json();
        assert_eq!(open["rows"].as_array().unwrap().len(), 1, "{open}");
        let bad = house.get("/requests?status=lost").await;
        assert_problem(&bad, 400, "bad_field", &["lost"]);
        let refused = house
            .post(
                &format!("{other}/refuse"),
                json!({"ground": "manifestly_unfounded"}),
            )
            .await;
        assert_eq!(
            refused.json()["request"]["request_status"],
            "cancelled",
            "{}",
            refused.text()
        );
        let third = asked(&house, "access", ADA).await;
        let taken_back = house.post(&format!("{third}/withdraw"), json!({})).await;
        assert_eq!(taken_back.json()["request"]["outcome"]["ground"], "withdrawn");
        let again = house.post(&format!("{third}/withdraw"), json!({})).await;
        assert_problem(&again, 409, "not_ready", &[]);
        for (body, field) in [
            (json!({"patch": {"x": 1}}), "patch"),
            (
                json!({"submitted_time": "2999-01-01T00:00:00Z"}),
                "submitted_time",
            ),
            (json!({"subject_identities": []}), "subject_identities"),
            (
                json!({"status_callback_urls": ["https://evil.example/"]}),
                "status_callback_urls",
            ),
        ] {
            let reply = ask_for(&house, "access", ADA, body).await;
            assert_problem(&reply, 400, "bad_field", &[ADA, "evil"]);
            assert_eq!(reply.json()["field"], field);
        }
        house.end().await;
    }
}

#[tokio::test]
async fn callbacks_go_signed_to_hosts_that_are_allowed_and_again_until_they_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&heard);
    // Every first message of a house is refused.
    let other = RawProvider::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let answer = if number.is_multiple_of(4) { BUSY } else { TAKEN };
        privet_testkit::Answer::Bytes(answer.into())
    })
    .await;
    let front = TlsFront::start(other.address()).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let lines = format!(
        "[vault.requests]\ncallback_hosts = [\"{}\"]\nca_file = \"{}\"",
        front.address(),
        ca.display()
    );
    for house in houses_with(&lines).await {
        house.subject(json!({"email": ADA})).await;
        let url = format!("https://{}/dsr", front.address());
        let callbacks = json!({"status_callback_urls": [url]});
        let made = ask_for(&house, "access", ADA, callbacks).await;
        let request = format!(
            "/requests/{}",
            made.json()["subject_request_id"].as_str().unwrap()
        );
        let before = other.requests().len();
        assert_eq!(house.gateway.tell_callbacks("acme").await, 0);
        assert_eq!(house.gateway.tell_callbacks("acme").await, 0);
        assert_eq!(
            other.requests().len(),
            before + 1,
            "it is not tried again at once"
        );
        house.gateway.clock().advance(Duration::from_secs(61));
        assert_eq!(house.gateway.tell_callbacks("acme").await, 1);
        vouched(&house, &request).await;
        house.post(&format!("{request}/execute"), json!({})).await;
        assert_eq!(house.gateway.tell_callbacks("globex").await, 0);
        assert_eq!(house.gateway.tell_callbacks("acme").await, 2);
        assert_eq!(house.gateway.tell_callbacks("acme").await, 0);
        let key = key(&house, "messages").await;
        let messages = other.requests().split_off(before);
        let mut told = Vec::new();
        for message in &messages {
            assert!(is_signed(message, &url, &key));
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(body["status_callback_url"], *url);
            assert!(!body.to_string().contains(ADA));
            told.push(body["request_status"].as_str().unwrap().to_owned());
        }
        told.sort();
        assert_eq!(told, ["completed", "in_progress", "pending", "pending"]);
        let steps = house.get(&format!("{request}/steps")).await.json();
        assert_eq!(steps["rows"][0]["callback"], "told", "{steps}");
        house.end().await;
    }
}

#[tokio::test]
async fn a_host_that_never_answers_keeps_nobody_else_from_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mute, quick) = (
        RawProvider::start(|_| privet_testkit::Answer::Silence).await,
        RawProvider::always(TAKEN).await,
    );
    let fronts = [
        TlsFront::start(mute.address()).await,
        TlsFront::start(quick.address()).await,
    ];
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, fronts.iter().map(TlsFront::ca_pem).collect::<String>()).unwrap();
    let [mute_url, quick_url] = fronts
        .each_ref()
        .map(|front| format!("https://{}/dsr", front.address()));
    let lines = format!(
        "[vault.requests]\ncallback_hosts = [\"{}\", \"{}\"]\nca_file = \"{}\"",
        fronts[0].address(),
        fronts[1].address(),
        ca.display()
    );
    for (round, house) in houses_with(&lines).await.into_iter().enumerate() {
        house.subject(json!({"email": ADA})).await;
        // More than go to one host at once, and one for both.
        for urls in std::iter::repeat_n(vec![&mute_url], 12).chain([vec![&quick_url]]) {
            let made = ask_for(&house, "access", ADA, json!({"status_callback_urls": urls})).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let vault = house.gateway.vault();
        let tenants = ["acme".parse().unwrap()];
        let telling = vault.outbox.tell_each(&vault.requests, tenants);
        let arrived = async {
            let quickly = tokio::time::timeout(Duration::from_secs(8), quick.arrived(round + 1));
            quickly.await.expect("the other host is told meanwhile");
        };
        // Nobody waits until the mute one is given up.
        tokio::select! {
            () = telling => panic!("the mute host has answered"),
            () = arrived => {}
        }
        house.end().await;
    }
}

#[tokio::test]
async fn the_steps_of_a_request_arrive_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let other = RawProvider::always(TAKEN).await;
    let front = TlsFront::start(other.address()).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let lines = format!(
        "[vault.requests]\ncallback_hosts = [\"{}\"]\nca_file = \"{}\"",
        front.address(),
        ca.display()
    );
    for house in houses_with(&lines).await {
        house.subject(json!({"email": ADA})).await;
        let url = format!("https://{}/dsr", front.address());
        let before = other.requests().len();
        for _ in 0..6 {
            let callbacks = json!({"status_callback_urls": [url]});
            let made = ask_for(&house, "access", ADA, callbacks).await.json();
            let request = format!("/requests/{}", made["subject_request_id"].as_str().unwrap());
            vouched(&house, &request).await;
            house.post(&format!("{request}/execute"), json!({})).await;
        }
        assert_eq!(house.gateway.tell_callbacks("acme").await, 18);
        let mut told = std::collections::BTreeMap::<String, Vec<String>>::new();
        for message in other.requests().split_off(before) {
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            let word = |field: &str| body[field].as_str().unwrap().to_owned();
            let steps = told.entry(word("subject_request_id")).or_default();
            steps.push(word("request_status"));
        }
        assert_eq!(told.len(), 6);
        for steps in told.into_values() {
            assert_eq!(steps, ["pending", "in_progress", "completed"]);
        }
        house.end().await;
    }
}

#[tokio::test]
async fn a_step_that_waits_for_an_earlier_one_uses_up_no_tries() {
    let folder = tempfile::tempdir().unwrap();
    let heard = std::sync::atomic::AtomicUsize::new(0);
    // Twelve tries of the first step and one of the second are refused.
    let other = RawProvider::start(move |_| {
        let number = heard.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 15;
        privet_testkit::Answer::Bytes(if number < 13 { BUSY } else { TAKEN }.into())
    })
    .await;
    let front = TlsFront::start(other.address()).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let lines = format!(
        "[vault.requests]\ncallback_hosts = [\"{}\"]\nca_file = \"{}\"",
        front.address(),
        ca.display()
    );
    for house in houses_with(&lines).await {
        house.subject(json!({"email": ADA})).await;
        let callbacks = json!({"status_callback_urls": [format!("https://{}/dsr", front.address())]});
        let made = ask_for(&house, "access", ADA, callbacks).await.json();
        let request = format!("/requests/{}", made["subject_request_id"].as_str().unwrap());
        vouched(&house, &request).await;
        house.post(&format!("{request}/execute"), json!({})).await;
        for _ in 0..12 {
            assert_eq!(house.gateway.tell_callbacks("acme").await, 0);
            house.gateway.clock().advance(Duration::from_secs(6 * 3600 + 1));
        }
        assert_eq!(house.gateway.tell_callbacks("acme").await, 2);
        house.end().await;
    }
    let statuses = |message: &Recording| {
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        body["request_status"].as_str().unwrap().to_owned()
    };
    let told: Vec<_> = other.requests().iter().take(15).map(statuses).collect();
    assert_eq!(told[11..], ["pending", "in_progress", "in_progress", "completed"]);
}

#[tokio::test]
async fn what_is_not_sent_to_a_host_that_fell_silent_uses_up_no_tries() {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    let folder = tempfile::tempdir().unwrap();
    let is_mute = std::sync::Arc::new(AtomicBool::new(true));
    let mute = std::sync::Arc::clone(&is_mute);
    let other = RawProvider::start(move |_| {
        if mute.load(SeqCst) {
            privet_testkit::Answer::Silence
        } else {
            privet_testkit::Answer::Bytes(TAKEN.into())
        }
    })
    .await;
    let front = TlsFront::start(other.address()).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let lines = format!(
        "[vault.requests]\ncallback_hosts = [\"{}\"]\nca_file = \"{}\"",
        front.address(),
        ca.display()
    );
    for house in houses_with(&lines).await {
        is_mute.store(true, SeqCst);
        house.subject(json!({"email": ADA})).await;
        // More than go to one host at once.
        for _ in 0..12 {
            let callbacks = json!({"status_callback_urls": [format!("https://{}/dsr", front.address())]});
            assert_eq!(ask_for(&house, "access", ADA, callbacks).await.status, 201);
        }
        assert_eq!(house.gateway.tell_callbacks("acme").await, 0);
        is_mute.store(false, SeqCst);
        assert_eq!(
            house.gateway.tell_callbacks("acme").await,
            4,
            "they are still due"
        );
        house.end().await;
    }
}
