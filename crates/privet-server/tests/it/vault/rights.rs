//! Each right of a person over HTTP, from the request to what has changed.

use std::time::Duration;

use privet_crypto::sha256;
use privet_testkit::{RawProvider, Reply, TlsFront};
use privet_types::KeyScopes;
use privet_vault::{IdentityMethod, RequestReceipt, RequestStatement, RequestStatus};
use serde_json::{Value, json};

use super::consent::{consenting_in, say};
use super::requests::{TAKEN, ask_for, is_signed, key};
use super::{House, assert_problem, houses_with};
use crate::support::{CHAT, assert_refused, chat};

/// Who takes codes to people and who wants to be told of changes.
struct Outside {
    codes: RawProvider,
    told: RawProvider,
    front: TlsFront,
    ca: tempfile::TempDir,
}

/// A person of `acme` who consents to `help`, and a key of an application.
struct Person {
    token: String,
    email: String,
    app: String,
}

impl Outside {
    async fn start() -> Self {
        let (codes, told) = (RawProvider::always(TAKEN).await, RawProvider::always(TAKEN).await);
        let front = TlsFront::start(told.address()).await;
        let ca = tempfile::tempdir().unwrap();
        std::fs::write(ca.path().join("ca.pem"), front.ca_pem()).unwrap();
        Self {
            codes,
            told,
            front,
            ca,
        }
    }

    fn settings(&self) -> String {
        format!(
            "[vault.requests]\ncode_url = \"http://{}/codes\"\ncallback_hosts = [\"{}\"]\nca_file = \"{}\"",
            self.codes.address(),
            self.front.address(),
            self.ca.path().join("ca.pem").display()
        )
    }

    fn callback(&self) -> String {
        format!("https://{}/dsr", self.front.address())
    }
}

/// Defines `help` for `acme`; the key of an officer.
async fn officer(house: &House) -> String {
    consenting_in(&house.gateway, "acme", json!({})).await.1
}

async fn person(house: &House, officer: &str, kind: &str) -> Person {
    let gateway = &house.gateway;
    let email = format!("{kind}@mail.example");
    let token = house.subject(json!({"email": email, "name": "Adda"})).await;
    say(gateway, officer, &token, "given").await;
    let app = gateway.key_for("acme", "app", KeyScopes::default()).await;
    gateway.clock().advance(Duration::from_millis(5));
    Person { token, email, app }
}

async fn prompt(house: &House, person: &Person) -> Reply {
    let ask = house.gateway.post(CHAT, chat("demo", "hello"));
    ask.without("authorization")
        .header("authorization", &format!("Bearer {}", person.app))
        .header("x-privet-subject", &person.token)
        .header("x-privet-purpose", "help")
        .send()
        .await
}

/// Asks for `kind` as `person`, proves by the code that was sent that the person asks, has a second officer approve where
/// that is needed, and carries it out. Returns the answer and what its receipt says.
async fn carry_out(
    house: &House,
    outside: &Outside,
    kind: &str,
    person: &Person,
    more: Value,
) -> (Value, RequestStatement) {
    let mut more = more;
    more["status_callback_urls"] = json!([outside.callback()]);
    let made = ask_for(house, kind, &person.email, more).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["subject_request_id"].as_str().unwrap().to_owned();
    let request = format!("/requests/{id}");
    let carry_out = if kind == "erasure" { "erase" } else { "execute" };
    let carry_out = format!("{request}/{carry_out}");
    let early = house.post(&carry_out, json!({})).await;
    assert_problem(&early, 409, "not_ready", &[&person.email]);

    let sent = outside.codes.requests().len();
    let channel = json!({"channel": "email"});
    let asked = house.post(&format!("{request}/code"), channel).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    outside.codes.arrived(sent + 1).await;
    let message = outside.codes.requests().pop().unwrap();
    let url = format!("http://{}/codes", outside.codes.address());
    assert!(is_signed(&message, &url, &key(house, "messages").await));
    let message: Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(
        (&message["subject_request_id"], &message["address"]),
        (&json!(id), &json!(person.email))
    );
    let typed = json!({"code": message["code"]});
    let proven = house.post(&format!("{request}/identity"), typed).await;
    assert_eq!(proven.json()["identity"], "one_time_code", "{}", proven.text());

    if matches!(kind, "rectification" | "erasure") {
        let unapproved = house.post(&carry_out, json!({})).await;
        assert_problem(&unapproved, 409, "not_ready", &[]);
        let second = house.gateway.key_for("acme", "second", KeyScopes::all()).await;
        let approve = format!("{request}/approve");
        let approved = house
            .gateway
            .ask_vault(&second, "POST", &approve, None)
            .send()
            .await;
        assert_eq!(approved.json()["is_approved"], true, "{}", approved.text());
    }
    let done = house.post(&carry_out, json!({})).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.json();
    let receipt: RequestReceipt = serde_json::from_value(done["receipt"].clone()).unwrap();
    let statement = receipt.verify(&key(house, "receipts").await).unwrap();
    assert_eq!(
        (
            statement.request.as_str(),
            statement.kind.name(),
            statement.status
        ),
        (id.as_str(), kind, RequestStatus::Completed)
    );
    let identity = statement.identity.as_ref().unwrap();
    assert_eq!(identity.method, IdentityMethod::OneTimeCode);
    let kept: RequestReceipt =
        serde_json::from_value(house.get(&format!("{request}/receipt")).await.json()).unwrap();
    assert_eq!(kept.hash(), receipt.hash());

    let before = outside.told.requests().len();
    assert_eq!(house.gateway.tell_callbacks("acme").await, 3);
    let messages = outside.told.requests().split_off(before);
    let mut statuses = Vec::new();
    for message in &messages {
        assert!(is_signed(
            message,
            &outside.callback(),
            &key(house, "messages").await
        ));
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["subject_request_id"], *id);
        statuses.push(body["request_status"].as_str().unwrap().to_owned());
    }
    assert_eq!(statuses, ["pending", "in_progress", "completed"]);
    (done, statement)
}

/// Whether the copy that `done` gives is the one that the receipt names.
fn is_of_receipt(done: &Value, statement: &RequestStatement) -> bool {
    let hash = data_encoding::HEXLOWER.encode(&sha256(done["copy"].as_str().unwrap().as_bytes()));
    json!(statement.outcome)["sha256"] == *hash
}

#[tokio::test]
async fn whoever_asks_for_access_gets_a_copy_of_everything() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "access").await;
        let (done, statement) = carry_out(&house, &outside, "access", &ada, json!({})).await;
        assert!(is_of_receipt(&done, &statement));
        let copy: Value = serde_json::from_str(done["copy"].as_str().unwrap()).unwrap();
        assert_eq!(copy["article"], 15);
        assert_eq!(copy["held"]["record"]["email"], ada.email);
        assert_eq!(copy["held"]["consent"][0]["event"], "given", "{copy}");
        assert_eq!(copy["held"]["purposes"][0]["name"], "help");
        assert_eq!(prompt(&house, &ada).await.status, 200);
        house.end().await;
    }
}

#[tokio::test]
async fn whoever_asks_for_portability_gets_what_they_provided_to_read_elsewhere() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "portability").await;
        let (done, statement) = carry_out(&house, &outside, "portability", &ada, json!({})).await;
        assert!(is_of_receipt(&done, &statement));
        let copy: Value = serde_json::from_str(done["copy"].as_str().unwrap()).unwrap();
        assert_eq!(copy["article"], 20);
        // What was exported makes the same person elsewhere.
        let other = house.gateway.key_for("globex", "officer", KeyScopes::all()).await;
        let record = json!({"record": copy["held"]["record"]});
        let made = house
            .gateway
            .ask_vault(&other, "POST", "/subjects", Some(&record))
            .send()
            .await;
        let path = format!("/subjects/{}", made.json()["token"].as_str().unwrap());
        let there = house
            .gateway
            .ask_vault(&other, "GET", &path, None)
            .send()
            .await
            .json();
        let here = house.get(&format!("/subjects/{}", ada.token)).await.json();
        assert_eq!(there["record"], here["record"]);
        house.end().await;
    }
}

#[tokio::test]
async fn whoever_asks_for_rectification_is_corrected() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "rectification").await;
        let patch = json!({"patch": {"name": "Ada"}});
        let (_, statement) = carry_out(&house, &outside, "rectification", &ada, patch).await;
        assert_eq!(json!(statement.outcome)["version"], 2);
        let approval = statement.approval.unwrap();
        assert_ne!(Some(approval.by), statement.identity.map(|proof| proof.by));
        let now = house.get(&format!("/subjects/{}", ada.token)).await.json();
        assert_eq!(now["record"]["name"], "Ada");
        house.end().await;
    }
}

#[tokio::test]
async fn whoever_asks_for_erasure_is_gone_everywhere() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "erasure").await;
        assert_eq!(prompt(&house, &ada).await.status, 200);
        let (done, statement) = carry_out(&house, &outside, "erasure", &ada, json!({})).await;
        let erasure: privet_vault::ErasureReceipt = serde_json::from_value(done["erasure"].clone()).unwrap();
        let erased = erasure.verify(&key(&house, "receipts").await).unwrap();
        assert_eq!(json!(statement.outcome)["sha256"], erasure.hash());
        assert_eq!(json!(statement.outcome)["erasure"], erased.erasure);
        let gone = house.get(&format!("/subjects/{}", ada.token)).await;
        assert_problem(&gone, 404, "not_found", &[&ada.email]);
        let sent = house.gateway.seen().len();
        assert_refused(&prompt(&house, &ada).await, CHAT, 403, "consent_missing");
        assert_eq!(house.gateway.seen().len(), sent, "nothing is sent");
        house.end().await;
    }
}

#[tokio::test]
async fn whoever_asks_for_restriction_is_frozen() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "restriction").await;
        assert_eq!(prompt(&house, &ada).await.status, 200);
        carry_out(&house, &outside, "restriction", &ada, json!({})).await;
        let path = format!("/subjects/{}", ada.token);
        let frozen = house.get(&path).await;
        assert_problem(&frozen, 403, "restricted", &[&ada.email]);
        let patch = json!({"name": "Eve"});
        let change = house.gateway.ask_vault(&house.key, "PATCH", &path, Some(&patch));
        assert_problem(&change.send().await, 403, "restricted", &[&ada.email]);
        let for_claims = house.gateway.ask_vault(&house.key, "GET", &path, None);
        let read = for_claims.header("x-privet-ground", "legal_claims").send().await;
        assert_eq!(read.json()["record"]["name"], "Adda", "{}", read.text());
        let refused = prompt(&house, &ada).await;
        assert_refused(&refused, CHAT, 403, "consent_missing");
        assert!(refused.text().contains("restricted"), "{}", refused.text());
        house.end().await;
    }
}

#[tokio::test]
async fn whoever_objects_is_not_written_about_for_that_purpose() {
    let outside = Outside::start().await;
    for house in houses_with(&outside.settings()).await {
        let officer = officer(&house).await;
        let ada = person(&house, &officer, "objection").await;
        assert_eq!(prompt(&house, &ada).await.status, 200);
        let purposes = json!({"purposes": ["help"]});
        carry_out(&house, &outside, "objection", &ada, purposes).await;
        let refused = prompt(&house, &ada).await;
        assert_refused(&refused, CHAT, 403, "consent_missing");
        assert!(refused.text().contains("objected"), "{}", refused.text());
        // Her data is there, and others are written about.
        assert_eq!(house.get(&format!("/subjects/{}", ada.token)).await.status, 200);
        let bo = person(&house, &officer, "another").await;
        assert_eq!(prompt(&house, &bo).await.status, 200);
        house.end().await;
    }
}
