//! Who may do what: policies of one's own, and providers that were assessed or not.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privet_access::{Assessment, Holder, Signer};
use privet_crypto::SigningKey;
use privet_testkit::TestGateway;
use privet_types::{KeyScopes, PrincipalKind};

use crate::support::{
    CHAT, EMAIL, MESSAGES, MODELS, assert_refused, chat, in_two_looks, messages, of_store, said,
};

/// Makes a principal with a role, and a key that is good for everything.
pub(crate) async fn caller(gateway: &TestGateway, tenant: &str, role: &str, kind: PrincipalKind) -> String {
    let name = format!("p-{role}");
    let people = gateway.people(tenant);
    people.create(&name.parse().unwrap(), kind).await.unwrap();
    if !role.is_empty() {
        let holder = Holder::Principal(name.parse().unwrap());
        people
            .set_role(&holder, &role.parse().unwrap(), true)
            .await
            .unwrap();
    }
    gateway.key_for(tenant, &name, KeyScopes::all()).await
}

#[tokio::test]
async fn a_prompt_that_a_policy_forbids_is_refused_in_its_words_and_recorded_and_nothing_is_sent() {
    let gateway = TestGateway::builder()
        .cedar(
            r#"@message("no mail addresses to this model; write to the service desk")
            forbid (principal, action == Privet::Action::"prompt", resource == Privet::Model::"demo-echo")
            when { context.kinds.contains("EMAIL_ADDRESS") };"#,
        )
        .start()
        .await;
    let refused = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&refused, CHAT, 403, "not_permitted");
    assert!(
        refused.text().contains("write to the service desk"),
        "{}",
        refused.text()
    );
    assert!(gateway.seen().is_empty());
    let other_model = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    let without = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_eq!((other_model.status, without.status), (200, 200));
    let home = gateway.stop().await.home;
    let events = home.audit().await;
    let event = &events
        .iter()
        .find(|row| row.event.decision.reason == "not_permitted")
        .unwrap()
        .event;
    assert_eq!(event.model.as_deref(), Some("demo-echo"));
    assert_eq!(event.provider.as_deref(), Some("openai"));
    assert_eq!(event.sent_hash, None);
}

#[tokio::test]
async fn the_address_that_policies_see_is_that_of_the_connection_whatever_headers_say() {
    let gateway = TestGateway::builder()
        .cedar(
            r#"forbid (principal, action == Privet::Action::"prompt", resource)
            unless { context has address && context.address.isLoopback() };
            forbid (principal, action == Privet::Action::"models.list", resource)
            when { context has address && context.address.isLoopback() };"#,
        )
        .start()
        .await;
    // What a second `Host` comes to stands in `confusion`.
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let prompt = gateway
            .post(CHAT, chat("demo", "hello"))
            .without(name)
            .header(name, "192.0.2.1");
        assert_eq!(prompt.send().await.status, 200, "{name}");
        let list = gateway.ask("GET", MODELS).header("x-api-key", gateway.key());
        let list = list.without(name).header(name, "192.0.2.1").send().await;
        assert_refused(&list, MODELS, 403, "not_permitted");
    }
}

#[tokio::test]
async fn a_principal_that_is_switched_off_is_refused_within_a_second() {
    let gateway = TestGateway::builder().start().await;
    let key = caller(&gateway, "default", "user", PrincipalKind::User).await;
    let ask = || gateway.ask("GET", MODELS).header("x-api-key", &key);
    assert_eq!(ask().send().await.status, 200);
    let name = "p-user".parse().unwrap();
    gateway
        .people("default")
        .switch(&name, PrincipalKind::User, false)
        .await
        .unwrap();
    let reply = in_two_looks(&gateway, of_store, 403, async || ask().send().await).await;
    assert_refused(&reply, MODELS, 403, "key_not_valid_any_more");
}

/// An assessment of the provider `openai` that holds for a day, and its signer.
fn assessment(now: Timestamp) -> (String, String) {
    let key = SigningKey::generate().unwrap();
    let record = Assessment {
        provider: "openai".to_owned(),
        contract: "DPA 7".to_owned(),
        retention_days: 0,
        region: "eu".to_owned(),
        training_opt_out: true,
        evidence_sha256: "0123456789abcdef".repeat(4),
        assessor: "Privacy Office".to_owned(),
        issued_at: now,
        expires_at: now.checked_add(SignedDuration::from_hours(24)).unwrap(),
    };
    (Signer::of(&key).to_string(), record.sign(&key).unwrap())
}

const LETS_PASS: &str = "[pii.entities]\nEMAIL_ADDRESS = \"allow\"\n[access]\nassess_local = true\n";

#[tokio::test]
async fn what_the_policy_lets_pass_goes_to_no_provider_without_an_assessment() {
    let gateway = TestGateway::builder().policy(LETS_PASS).start().await;
    let refused = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&refused, CHAT, 403, "provider_not_assessed");
    assert!(gateway.seen().is_empty());
    let masked = gateway
        .post(CHAT, chat("demo-echo", "my card is 4111 1111 1111 1111"))
        .send()
        .await;
    assert_eq!(masked.status, 200, "{}", masked.text());
}

#[tokio::test]
async fn an_assessment_opens_the_way_until_it_expires() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let (signer, text) = assessment(now);
    let gateway = TestGateway::builder()
        .policy(LETS_PASS)
        .assessment(&signer, &text)
        .start()
        .await;
    let passed = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_eq!(passed.status, 200, "{}", passed.text());
    assert!(gateway.seen_text().contains(EMAIL));
    // Another provider is not meant.
    let other = gateway
        .post(MESSAGES, messages("claude-demo-echo", EMAIL))
        .send()
        .await;
    assert_refused(&other, MESSAGES, 403, "permission_error");
    gateway.clock().advance(Duration::from_secs(86_400));
    let expired = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&expired, CHAT, 403, "provider_not_assessed");
}

#[tokio::test]
async fn an_assessment_that_nobody_known_signed_opens_nothing() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let ((_, text), (other, _)) = (assessment(now), assessment(now));
    let gateway = TestGateway::builder()
        .policy(LETS_PASS)
        .assessment(&other, &text)
        .start()
        .await;
    let refused = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&refused, CHAT, 403, "provider_not_assessed");
}

#[tokio::test]
async fn where_always_is_asked_for_not_even_surrogates_go_to_who_was_not_assessed() {
    let policy = "[access]\nrequire_assessment = \"always\"\nassess_local = true\n";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let refused = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&refused, CHAT, 403, "provider_not_assessed");
    let clean = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_eq!(clean.status, 200);
    // Nor does what the policy does not look for.
    let policy = format!("{policy}[pii.entities]\nEMAIL_ADDRESS = \"allow\"\n");
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let refused = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_refused(&refused, CHAT, 403, "provider_not_assessed");
}

#[tokio::test]
async fn a_provider_on_this_machine_needs_no_assessment_unless_that_is_said() {
    let policy = "[pii.entities]\nEMAIL_ADDRESS = \"allow\"\n";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let passed = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_eq!(said(&passed).matches(EMAIL).count(), 1, "{}", passed.text());
}
