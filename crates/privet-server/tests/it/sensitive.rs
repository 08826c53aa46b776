//! Prompts that hold certain kinds of data go to a local model, or nowhere.

use privet_testkit::{RawProvider, TestGateway, json_reply};
use privet_types::{Action, Entity};
use serde_json::json;

use crate::support::{CARD, CHAT, EMAIL, IBAN, MESSAGES, assert_refused, chat, messages, said, tag};

const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"from home"}}]}"#;

async fn home() -> RawProvider {
    RawProvider::always(json_reply("200 OK", "", ANSWER)).await
}

/// A gateway with the demo provider for all, and one of its own at `at`; cards go there by `rule`.
async fn gateway(at: std::net::SocketAddr, rule: &str) -> TestGateway {
    let providers =
        format!("[[providers]]\nname = \"home\"\nkind = \"ollama\"\nbase_url = \"http://{at}/v1\"\n");
    let models = "[[models]]\nmatch = \"llama\"\nprovider = \"home\"\nupstream_model = \"llama3.2:3b\"\n";
    let policy = format!("[[routing.sensitive]]\nentities = [\"CREDIT_CARD\"]\n{rule}\n");
    let builder = TestGateway::builder().providers(&providers).models(models);
    builder.policy(&policy).start().await
}

#[tokio::test]
async fn a_prompt_with_sensitive_data_goes_to_the_local_model_alone() {
    let home = home().await;
    let gateway = gateway(home.address(), "action = \"local\"\nto = \"llama\"").await;
    let reply = gateway
        .post(CHAT, chat("demo", &format!("{EMAIL} {CARD}")))
        .send()
        .await;
    assert_eq!(said(&reply), "from home");
    assert_eq!(reply.header("x-privet-masked"), Some("2"));
    assert!(gateway.seen().is_empty(), "the public provider got nothing");
    let [request] = home.requests().try_into().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["model"], "llama3.2:3b");
    assert!(tag(&request.body).starts_with("<EMAIL_ADDRESS_"));
    assert!(!body.to_string().contains(CARD));
    // Anything else goes where it always went.
    gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_eq!((gateway.seen().len(), home.requests().len()), (1, 1));
    let events = gateway.stop().await.home.audit().await;
    let told: Vec<_> = events
        .iter()
        .map(|row| (row.event.provider.as_deref(), row.event.decision.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [(Some("home"), "sensitive_local"), (Some("openai"), "masked")]
    );
    assert_eq!(events[0].event.model.as_deref(), Some("demo"));
}

#[tokio::test]
async fn what_may_go_to_no_provider_is_not_protected_for_one_either() {
    let home = home().await;
    for rule in ["action = \"refuse\"", "action = \"local\"\nto = \"llama\""] {
        let gateway = gateway(home.address(), rule).await;
        let protect = |text: &str| gateway.post("/api/v1/protect", json!({ "text": text }).to_string());
        let refused = protect(CARD).send().await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains("CREDIT_CARD"), "{}", refused.text());
        assert_eq!(protect(EMAIL).send().await.status, 200);
    }
}

#[tokio::test]
async fn what_stays_at_home_may_stay_as_it_is() {
    let home = home().await;
    let rule = "action = \"local\"\nto = \"home\"\nmodel = \"own\"\nmask = false";
    let gateway = gateway(home.address(), rule).await;
    let text = format!("{EMAIL} {CARD}");
    let reply = gateway.post(CHAT, chat("demo", &text)).send().await;
    assert_eq!(said(&reply), "from home");
    assert_eq!(reply.header("x-privet-masked"), Some("0"));
    let [request] = home.requests().try_into().unwrap();
    assert_eq!(
        request.body,
        chat("own", &text).as_bytes(),
        "only the model's name is another one"
    );
    // A prompt under no rule is masked, also for the same caller.
    gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert!(!gateway.seen_text().contains(EMAIL));
    let events = gateway.stop().await.home.audit().await;
    let decision = &events[0].event.decision;
    assert_eq!(
        (decision.action, decision.reason.as_str()),
        (Action::Allow, "sensitive_local")
    );
    assert_eq!(decision.counts.get(&Entity::CREDIT_CARD), Some(&1));
}

#[tokio::test]
async fn a_local_model_that_is_down_is_nobodys_to_stand_in_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    for mask in ["true", "false"] {
        let rule = format!("action = \"local\"\nto = \"llama\"\nmask = {mask}");
        let gateway = gateway(at, &rule).await;
        let reply = gateway.post(CHAT, chat("demo", CARD)).send().await;
        assert_refused(&reply, CHAT, 502, "upstream_unreachable");
        assert!(gateway.seen().is_empty());
    }
}

#[tokio::test]
async fn sensitive_data_that_no_local_model_of_the_dialect_takes_is_refused() {
    let home = home().await;
    let gateway = gateway(home.address(), "action = \"local\"\nto = \"llama\"").await;
    let reply = gateway.post(MESSAGES, messages("claude-demo", CARD)).send().await;
    assert_refused(&reply, MESSAGES, 400, "invalid_request_error");
    assert!(gateway.seen().is_empty() && home.requests().is_empty());
}

#[tokio::test]
async fn a_refusal_names_the_kinds_and_no_value_and_is_recorded() {
    let home = home().await;
    let gateway = gateway(home.address(), "min_count = 2\naction = \"refuse\"").await;
    let one = gateway.post(CHAT, chat("demo", CARD)).send().await;
    assert_eq!(one.status, 200, "one card is not two");
    let text = format!("{EMAIL} {CARD} and 5500 0055 5555 5559");
    let reply = gateway.post(CHAT, chat("demo", &text)).send().await;
    assert_refused(&reply, CHAT, 400, "sensitive_refused");
    let said = reply.text();
    assert!(
        said.contains("CREDIT_CARD") && !said.contains("EMAIL_ADDRESS"),
        "{said}"
    );
    assert!(!said.contains(CARD) && !said.contains(EMAIL), "{said}");
    assert_eq!(gateway.seen().len(), 1);
    let events = gateway.stop().await.home.audit().await;
    let event = &events[1].event;
    assert_eq!(
        (event.decision.action, event.decision.reason.as_str()),
        (Action::Block, "sensitive_refused")
    );
    assert_eq!((event.model.as_deref(), &event.sent_hash), (Some("demo"), &None));
}

#[tokio::test]
async fn a_kind_that_is_blocked_stays_blocked_at_home() {
    let home = home().await;
    let policy = "[pii.entities]\nIBAN_CODE = \"block\"\n[[routing.sensitive]]\nentities = [\"IBAN_CODE\"]\n\
                  action = \"local\"\nto = \"home\"\nmask = false\n";
    let providers = format!(
        "[[providers]]\nname = \"home\"\nkind = \"ollama\"\nbase_url = \"http://{}/v1\"\n",
        home.address()
    );
    let builder = TestGateway::builder().providers(&providers).policy(policy);
    let gateway = builder.start().await;
    let reply = gateway.post(CHAT, chat("demo", IBAN)).send().await;
    assert_refused(&reply, CHAT, 400, "entity_blocked");
    assert!(home.requests().is_empty());
}

/// A chat with a picture after some text, long enough to be remembered.
fn with_picture(text: &str) -> String {
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(20));
    let content = json!([
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": picture}},
    ]);
    json!({"model": "demo", "messages": [{"role": "user", "content": content}]}).to_string()
}

/// The same gateway with `policy` alone.
async fn by_policy(at: std::net::SocketAddr, policy: &str) -> TestGateway {
    let providers =
        format!("[[providers]]\nname = \"home\"\nkind = \"ollama\"\nbase_url = \"http://{at}/v1\"\n");
    let builder = TestGateway::builder().providers(&providers).policy(policy);
    builder.start().await
}

const PICTURES: &str =
    "[[routing.sensitive]]\nparts = [\"image\"]\naction = \"local\"\nto = \"home\"\nmodel = \"llava\"\n";

#[tokio::test]
async fn a_prompt_with_a_picture_goes_to_the_local_model_and_its_text_is_masked() {
    let home = home().await;
    let pass = format!("[parts]\npass = [\"image\"]\n{PICTURES}");
    for policy in [PICTURES, &pass] {
        let gateway = by_policy(home.address(), policy).await;
        let before = home.requests().len();
        // What is known from the turn before is counted again.
        for _ in 0..2 {
            for text in [EMAIL, "what is this?"] {
                let reply = gateway.post(CHAT, with_picture(text)).send().await;
                assert_eq!(said(&reply), "from home");
            }
        }
        assert!(gateway.seen().is_empty(), "the public provider got nothing");
        let requests = home.requests().split_off(before);
        assert_eq!(requests.len(), 4);
        for (request, is_masked) in requests.iter().zip([true, false, true, false]) {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            assert!(
                body.contains("iVBORw0KGgoiVBORw0KGgo") && body.contains("llava"),
                "{body}"
            );
            assert!(!body.contains(EMAIL), "{body}");
            assert_eq!(body.contains("<EMAIL_ADDRESS_"), is_masked, "{body}");
        }
        // Without a picture it goes where it always went.
        gateway.post(CHAT, chat("demo", EMAIL)).send().await;
        assert_eq!(gateway.seen().len(), 1);
        let events = gateway.stop().await.home.audit().await;
        let event = &events[0].event;
        assert_eq!(
            (event.provider.as_deref(), event.decision.reason.as_str()),
            (Some("home"), "sensitive_local")
        );
    }
}

#[tokio::test]
async fn an_attachment_that_no_rule_names_is_refused_also_where_another_rule_leads_home() {
    let home = home().await;
    let cards = "[[routing.sensitive]]\nentities = [\"CREDIT_CARD\"]\naction = \"local\"\nto = \"home\"\n";
    let policy = format!("{cards}{PICTURES}");
    let gateway = by_policy(home.address(), &policy).await;
    // The first rule that fits says nothing of pictures.
    let reply = gateway.post(CHAT, with_picture(CARD)).send().await;
    assert_refused(&reply, CHAT, 400, "content_not_checkable");
    let file = json!([{"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]);
    let file = json!({"model": "demo", "messages": [{"role": "user", "content": file}]});
    let reply = gateway.post(CHAT, file.to_string()).send().await;
    assert_refused(&reply, CHAT, 400, "content_not_checkable");
    // No local model speaks this dialect.
    let source = json!({"type": "base64", "media_type": "image/png", "data": "AAAA"});
    let content = json!([{"type": "image", "source": source}]);
    let body =
        json!({"model": "claude-demo", "max_tokens": 9, "messages": [{"role": "user", "content": content}]});
    let reply = gateway.post(MESSAGES, body.to_string()).send().await;
    assert_refused(&reply, MESSAGES, 400, "invalid_request_error");
    assert!(reply.text().contains("image"), "{}", reply.text());
    assert!(gateway.seen().is_empty() && home.requests().is_empty());
}

#[tokio::test]
async fn a_picture_that_stays_at_home_is_not_protected_for_a_provider() {
    let home = home().await;
    let policy = format!("[parts]\npass = [\"image\"]\n{PICTURES}");
    let gateway = by_policy(home.address(), &policy).await;
    let body: serde_json::Value = serde_json::from_str(&with_picture("hello")).unwrap();
    let ask = json!({"surface": "openai_chat", "body": body});
    let reply = gateway.post("/api/v1/protect", ask.to_string()).send().await;
    assert_refused(&reply, "/api/v1/protect", 400, "content_not_checkable");
}
