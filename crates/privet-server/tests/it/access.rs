//! Who may do what: every role on every address, policies of one's own, and providers that were assessed or not.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privet_access::{
    Account, Ask, Assessment, Authorizer, Holder, Privilege, Probe, PromptFacts, Resource, Signer, Standing,
    effectiveness, list_keys, load_accounts, review,
};
use privet_crypto::SigningKey;
use privet_testkit::{Reply, TestGateway};
use privet_types::{Clock, KeyScopes, PrincipalKind};
use serde_json::Value;

use crate::support::{CHAT, EMAIL, MESSAGES, MODELS, assert_refused, chat, messages, said};

/// A principal for each role, and one without.
const CALLERS: [(&str, PrincipalKind); 8] = [
    ("admin", PrincipalKind::User),
    ("security", PrincipalKind::User),
    ("privacy_officer", PrincipalKind::User),
    ("developer", PrincipalKind::User),
    ("user", PrincipalKind::User),
    ("auditor", PrincipalKind::User),
    ("service", PrincipalKind::Service),
    ("", PrincipalKind::User),
];

/// The gateway's own addresses with what each is for.
const ADDRESSES: [(&str, &str, Privilege); 27] = [
    ("POST", CHAT, Privilege::Prompt),
    ("POST", MESSAGES, Privilege::Prompt),
    ("POST", "/v1/responses", Privilege::Prompt),
    ("POST", "/v1/embeddings", Privilege::Prompt),
    ("POST", "/v1/messages/count_tokens", Privilege::Prompt),
    ("GET", MODELS, Privilege::ListModels),
    ("GET", "/v1/models/demo", Privilege::ListModels),
    ("POST", "/analyze", Privilege::DetectText),
    ("GET", "/recognizers", Privilege::DetectText),
    ("GET", "/supportedentities", Privilege::DetectText),
    ("POST", "/anonymize", Privilege::AnonymizeText),
    ("GET", "/anonymizers", Privilege::AnonymizeText),
    ("POST", "/deanonymize", Privilege::RestoreText),
    ("GET", "/deanonymizers", Privilege::RestoreText),
    ("POST", "/api/v1/pii/detect", Privilege::DetectText),
    ("POST", "/api/v1/pii/anonymize", Privilege::AnonymizeText),
    ("POST", "/api/v1/pii/restore", Privilege::RestoreText),
    ("POST", "/api/v1/protect", Privilege::AnonymizeText),
    ("POST", "/api/v1/restore", Privilege::RestoreText),
    ("GET", "/api/v1/alerts", Privilege::WatchRead),
    ("GET", "/api/v1/incidents", Privilege::WatchRead),
    ("POST", "/api/v1/incidents", Privilege::WatchManage),
    ("GET", "/api/v1/kill-switches", Privilege::KillRead),
    ("POST", "/api/v1/kill-switches", Privilege::KillManage),
    ("POST", "/api/v1/tokens", Privilege::MakeTokens),
    ("GET", "/api/v1/coaching", Privilege::WatchRead),
    ("GET", "/api/v1/me/notices", Privilege::Acknowledge),
];

/// Makes a principal with a role, and a key that is good for everything.
async fn caller(gateway: &TestGateway, tenant: &str, role: &str, kind: PrincipalKind) -> String {
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

fn was_let_in(reply: &Reply) -> bool {
    let text = reply.text();
    assert_ne!(reply.status, 401, "{text}");
    !(reply.status == 403 && (text.contains("not permitted") || text.contains("not_permitted")))
}

/// What the policies say, asked as the gateway asks.
fn is_permitted(authorizer: &Authorizer, account: &Account, privilege: Privilege, at: Timestamp) -> bool {
    let (counts, standing) = (BTreeMap::new(), Standing::absent());
    let is_prompt = privilege == Privilege::Prompt;
    let model = Resource::Model {
        name: "demo",
        provider: "openai",
        is_local: true,
    };
    let ask = Ask {
        privilege,
        resource: if is_prompt { model } else { Resource::Tenant },
        at,
        address: None,
        prompt: is_prompt.then_some(PromptFacts {
            surface: "openai_chat",
            counts: &counts,
            masked: 0,
            purpose: None,
            has_consent: false,
            assessment: &standing,
            acknowledged: &[],
        }),
    };
    authorizer.decide(account, &ask).is_allowed
}

#[tokio::test]
async fn nobody_is_let_in_anywhere_whom_the_policy_does_not_permit() {
    let gateway = TestGateway::builder().vault("").start().await;
    let authorizer = Authorizer::new(&[], jiff::tz::Offset::UTC).unwrap();
    let document: Value = serde_json::from_str(&privet_server::openapi()).unwrap();
    let now = gateway.clock().now();
    let mut probes = Vec::new();
    for (role, kind) in CALLERS {
        let key = caller(&gateway, "default", role, kind).await;
        let accounts = load_accounts(gateway.store(), &[]).await.unwrap();
        let name = format!("p-{role}").parse().unwrap();
        let account = accounts.get(&"default".parse().unwrap(), &name).unwrap();
        let mut probe = |privilege, place: String, reply: &Reply| {
            let probe = Probe {
                privilege,
                is_permitted: is_permitted(&authorizer, account, privilege, now),
                was_let_in: was_let_in(reply),
            };
            assert_eq!(
                probe.is_permitted,
                probe.was_let_in,
                "{role} {place}: {}",
                reply.text()
            );
            probes.push(probe);
        };
        for (method, path, privilege) in ADDRESSES {
            let body = match path {
                CHAT => chat("demo", "hello"),
                MESSAGES | "/v1/messages/count_tokens" => messages("claude-demo", "hello"),
                "/v1/responses" | "/v1/embeddings" => r#"{"model":"demo","input":"hello"}"#.to_owned(),
                _ => "{}".to_owned(),
            };
            let ask = gateway
                .ask(method, path)
                .header("authorization", &format!("Bearer {key}"));
            let ask = ask
                .header("content-type", "application/json")
                .header("anthropic-version", "2023-06-01");
            let reply = if method == "POST" {
                ask.body(body).send().await
            } else {
                ask.send().await
            };
            probe(privilege, format!("{method} {path}"), &reply);
        }
        for (path, operations) in document["paths"].as_object().unwrap() {
            let Some(short) = path.strip_prefix("/api/v1/vault") else {
                continue;
            };
            let short = short.replace("{subject}", "5f0c8f2e-1a2b-4c3d-8e4f-0123456789ab");
            let filled = short.replace(['{', '}'], "");
            for (method, operation) in operations.as_object().unwrap() {
                let Some(scope) = operation["x-privet-scope"].as_str() else {
                    continue;
                };
                let method = method.to_uppercase();
                let reply = gateway.ask_vault(&key, &method, &filled, None).send().await;
                let privilege = Privilege::of_vault(scope.parse().unwrap()).unwrap();
                probe(privilege, format!("{method} {filled}"), &reply);
            }
        }
    }
    assert!(probes.len() > 500, "{}", probes.len());
    let accounts = load_accounts(gateway.store(), &[]).await.unwrap();
    let keys = list_keys(gateway.store()).await.unwrap();
    let rows = review(&authorizer, &accounts, &keys, &[], &[], now).unwrap();
    let measured = effectiveness(&probes, &rows, now, privet_types::LogPosition::default());
    let part = |name: &str| measured.parts.iter().find(|part| part.name == name).unwrap();
    assert_eq!(part("right_refusals").value, Some(1.0));
    assert_eq!(part("right_accepts").value, Some(1.0));
    assert_eq!(measured.metric, "access_control_effectiveness");
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
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "host"] {
        let prompt = gateway
            .post(CHAT, chat("demo", "hello"))
            .header(name, "192.0.2.1");
        assert_eq!(prompt.send().await.status, 200, "{name}");
        let list = gateway.ask("GET", MODELS).header("x-api-key", gateway.key());
        let list = list.header(name, "192.0.2.1").send().await;
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
    let mut status = 200;
    for _ in 0..40 {
        status = ask().send().await.status;
        if status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, 403);
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
