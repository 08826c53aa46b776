//! Courses that people complete before they may use a model.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use privet_access::{Holder, Signer, Training};
use privet_crypto::SigningKey;
use privet_testkit::{PATIENCE, Reply, TestGateway};
use privet_types::{Clock, KeyScopes, PrincipalKind};

use crate::support::{CHAT, MESSAGES, assert_refused, chat, messages};

const TRAINED: &str = r#"
@id("trained")
@message("complete the course privacy-basics first: https://intranet.example.com/courses")
forbid (principal is Privet::User, action == Privet::Action::"prompt", resource)
unless { context.training.contains("privacy-basics") };
"#;
const SAYS: &str = "complete the course privacy-basics first";

/// A person who may send prompts. Returns its key.
async fn person(gateway: &TestGateway, name: &str) -> String {
    let people = gateway.people("default");
    let principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    let holder = Holder::Principal(principal);
    people
        .set_role(&holder, &"user".parse().unwrap(), true)
        .await
        .unwrap();
    gateway.key_for("default", name, KeyScopes::default()).await
}

/// A record that counts for thirty days.
fn training(principal: &str, course: &str, now: Timestamp) -> Training {
    Training {
        tenant: "default".to_owned(),
        principal: principal.to_owned(),
        course: course.to_owned(),
        trainer: "sam".to_owned(),
        issued_at: now,
        expires_at: now.checked_add(SignedDuration::from_hours(30 * 24)).unwrap(),
    }
}

/// A message of a person, whose programs read French first.
async fn prompt(gateway: &TestGateway, key: &str, path: &str, language: &str) -> Reply {
    let body = match path {
        CHAT => chat("demo-echo", "hello"),
        _ => messages("claude-demo-echo", "hello"),
    };
    let ask = gateway.post(path, body).without("authorization");
    ask.header("x-api-key", key)
        .header("accept-language", language)
        .send()
        .await
}

/// Waits until the node knows of what was put into the store.
async fn is_let_through(gateway: &TestGateway, key: &str) {
    let begun = Instant::now();
    loop {
        let reply = prompt(gateway, key, CHAT, "en").await;
        if reply.status == 200 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_completed_no_course_is_told_which_and_who_did_is_let_through_until_it_ends() {
    let signing = SigningKey::generate().unwrap();
    let gateway = TestGateway::builder()
        .cedar(TRAINED)
        .signer(&Signer::of(&signing).to_string())
        .start()
        .await;
    let (ann, bob) = (person(&gateway, "ann-1").await, person(&gateway, "bob-1").await);
    for (path, kind) in [(CHAT, "not_permitted"), (MESSAGES, "permission_error")] {
        for (language, words) in [
            ("en", "a rule of your organisation stands against it"),
            ("de", "eine Regel Ihrer Organisation"),
            ("fr", "une r\u{e8}gle de votre organisation"),
        ] {
            let reply = prompt(&gateway, &ann, path, language).await;
            assert_refused(&reply, path, 403, kind);
            let error = &reply.json()["error"];
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(words) && message.contains(SAYS), "{message}");
            assert_eq!(error["advice"]["code"], "not_permitted");
            assert_eq!(error["advice"]["language"], language);
        }
    }
    assert!(gateway.seen().is_empty(), "nothing was sent");

    let people = gateway.people("default");
    let signers = [Signer::of(&signing)];
    let now = gateway.clock().now();
    let record = training("ann-1", "privacy-basics", now).sign(&signing).unwrap();
    people.record_training(&record, &signers).await.unwrap();
    is_let_through(&gateway, &ann).await;
    assert_refused(
        &prompt(&gateway, &bob, CHAT, "en").await,
        CHAT,
        403,
        "not_permitted",
    );

    gateway.clock().advance(Duration::from_secs(30 * 24 * 3600 - 1));
    assert_eq!(prompt(&gateway, &ann, CHAT, "en").await.status, 200);
    gateway.clock().advance(Duration::from_secs(1));
    let ended = prompt(&gateway, &ann, CHAT, "en").await;
    assert_refused(&ended, CHAT, 403, "not_permitted");
    assert!(ended.text().contains(SAYS), "{}", ended.text());
    // The course again, and it counts again.
    let now = gateway.clock().now();
    let record = training("ann-1", "privacy-basics", now).sign(&signing).unwrap();
    people.record_training(&record, &signers).await.unwrap();
    is_let_through(&gateway, &ann).await;

    let home = gateway.stop().await.home;
    let events = home.audit().await;
    let refused = events
        .iter()
        .filter(|row| row.event.decision.reason == "not_permitted");
    assert!(refused.count() >= 8);
}

#[tokio::test]
async fn a_record_that_nobody_known_signed_or_of_another_course_lets_nobody_through() {
    let (signing, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let gateway = TestGateway::builder()
        .cedar(TRAINED)
        .signer(&Signer::of(&signing).to_string())
        .start()
        .await;
    let (ann, bob) = (person(&gateway, "ann-1").await, person(&gateway, "bob-1").await);
    let people = gateway.people("default");
    let now = gateway.clock().now();
    // The store holds it, as whoever writes there could bring about; the gateway does not know who signed it.
    let forged = training("ann-1", "privacy-basics", now).sign(&other).unwrap();
    let by_other = [Signer::of(&other)];
    people.record_training(&forged, &by_other).await.unwrap();
    let signers = [Signer::of(&signing)];
    let elsewhere = training("ann-1", "fire-safety", now).sign(&signing).unwrap();
    people.record_training(&elsewhere, &signers).await.unwrap();
    // What came after both in the store is known: so are they.
    let record = training("bob-1", "privacy-basics", now).sign(&signing).unwrap();
    people.record_training(&record, &signers).await.unwrap();
    is_let_through(&gateway, &bob).await;
    assert_refused(
        &prompt(&gateway, &ann, CHAT, "en").await,
        CHAT,
        403,
        "not_permitted",
    );
}
