//! Anthropic's models on AWS Bedrock.

use data_encoding::BASE64;
use privet_testkit::{Answer, RawProvider, TestGateway, aws_message, json_reply};
use serde_json::{Value, json};

use crate::support::{EMAIL, MESSAGES, messages, messages_stream, tag};

/// A gateway whose model `claude-aws` leads to Bedrock at `provider`.
async fn in_front_of(provider: &RawProvider) -> TestGateway {
    let providers = format!(
        "[[providers]]\nname = \"aws\"\nkind = \"bedrock\"\ndialect = \"anthropic\"\nregion = \"eu-central-1\"\n\
         base_url = \"http://{}\"\naws = {{ access_key_id = {{ env = \"A\" }}, secret_access_key = {{ env = \"B\" }} }}\n",
        provider.address()
    );
    let models = "[[models]]\nmatch = \"claude-aws\"\nprovider = \"aws\"\nupstream_model = \"eu.anthropic.claude-x-v1:0\"\n";
    let builder = TestGateway::builder().providers(&providers).models(models);
    builder.start().await
}

fn event(event: &Value) -> Vec<u8> {
    let payload = json!({ "bytes": BASE64.encode(event.to_string().as_bytes()) });
    let headers = [
        (":event-type", "chunk"),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    aws_message(&headers, payload.to_string().as_bytes())
}

fn stream_of(events: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\
                      transfer-encoding: chunked\r\n\r\n"
        .to_vec();
    // Cut where nothing ends.
    for piece in events.concat().chunks(50) {
        bytes.extend(privet_testkit::chunk(piece));
    }
    bytes.extend(privet_testkit::chunk(b""));
    bytes
}

fn text(piece: &str) -> Vec<u8> {
    event(&json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}))
}

#[tokio::test]
async fn a_whole_prompt_is_asked_as_bedrock_wants_it_and_its_reply_is_restored() {
    let provider = RawProvider::start(|request| {
        let said = format!("dear {}", tag(&request.body));
        let reply =
            json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": said}]});
        Answer::Bytes(json_reply("200 OK", "", &reply.to_string()))
    })
    .await;
    let gateway = in_front_of(&provider).await;
    let target = format!("{MESSAGES}?beta=true");
    let ask = gateway.post(&target, messages("claude-aws", EMAIL));
    let reply = ask.header("anthropic-beta", "one-1, two-2").send().await;
    assert_eq!(reply.json()["content"][0]["text"], format!("dear {EMAIL}"));
    let [request] = provider.requests().try_into().unwrap();
    assert_eq!(request.path, "/model/eu.anthropic.claude-x-v1%3A0/invoke");
    let tag = tag(&request.body);
    let expected = format!(
        "{{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"one-1\",\"two-2\"],\
         \"max_tokens\":99,\"messages\":[{{\"role\":\"user\",\"content\":\"{tag}\"}}]}}"
    );
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    assert!(
        header("authorization")
            .unwrap()
            .contains("/eu-central-1/bedrock/aws4_request")
    );
    assert_eq!(
        (header("anthropic-beta"), header("anthropic-version")),
        (None, None)
    );
    assert_eq!(
        (header("x-api-key"), header("accept")),
        (None, Some("application/json"))
    );
}

#[tokio::test]
async fn a_stream_comes_as_anthropic_would_send_it_and_is_restored() {
    let provider = RawProvider::start(|request| {
        let tag = tag(&request.body);
        let (first, second) = tag.split_at(9);
        Answer::Bytes(stream_of(&[
            event(&json!({"type": "message_start", "message": {"role": "assistant"}})),
            event(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
            text(&format!("dear {first}")),
            text(second),
            event(&json!({"type": "content_block_stop", "index": 0})),
            event(&json!({"type": "message_stop"})),
        ]))
    })
    .await;
    let gateway = in_front_of(&provider).await;
    for stream_text in [EMAIL, "<EMAIL_ADDRESS_0000000000000>"] {
        let reply = gateway
            .post(MESSAGES, messages_stream("claude-aws", stream_text))
            .send()
            .await;
        assert!(reply.is_whole, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert_eq!(reply.anthropic_said(), format!("dear {stream_text}"));
        let names = reply.event_names();
        assert_eq!(names.first().map(String::as_str), Some("message_start"));
        assert_eq!(names.last().map(String::as_str), Some("message_stop"));
    }
    let request = provider.requests().remove(0);
    assert_eq!(
        request.path,
        "/model/eu.anthropic.claude-x-v1%3A0/invoke-with-response-stream"
    );
    assert!(!String::from_utf8_lossy(&request.body).contains("stream"));
}

#[tokio::test]
async fn tokens_are_counted_by_the_model_behind_a_profile_of_several_regions() {
    let provider = RawProvider::always(json_reply("200 OK", "", r#"{"inputTokens":42}"#)).await;
    let gateway = in_front_of(&provider).await;
    // Nothing to restore, and something: such a reply is read in two ways.
    for text in ["hello", EMAIL] {
        let body = json!({"model": "claude-aws", "messages": [{"role": "user", "content": text}]});
        let reply = gateway
            .post("/v1/messages/count_tokens", body.to_string())
            .header("anthropic-beta", "one-1")
            .send()
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json(), json!({"input_tokens": 42}));
    }
    let [plain, masked] = provider.requests().try_into().unwrap();
    assert_eq!(plain.path, "/model/anthropic.claude-x-v1%3A0/count-tokens");
    let asked = |body: &[u8]| {
        let asked: Value = serde_json::from_slice(body).unwrap();
        let inner = asked["input"]["invokeModel"]["body"].as_str().unwrap();
        serde_json::from_slice::<Value>(&BASE64.decode(inner.as_bytes()).unwrap()).unwrap()
    };
    assert_eq!(
        asked(&plain.body),
        json!({
            "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["one-1"], "max_tokens": 1,
            "messages": [{"role": "user", "content": "hello"}],
        })
    );
    let content = asked(&masked.body)["messages"][0]["content"].clone();
    assert!(
        content.as_str().unwrap().starts_with("<EMAIL_ADDRESS_"),
        "{content}"
    );
}

#[tokio::test]
async fn a_count_that_aws_refuses_stays_its_answer() {
    let refusal = r#"{"message":"The provided model doesn't support counting tokens."}"#;
    let provider = RawProvider::always(json_reply("400 Bad Request", "", refusal)).await;
    let gateway = in_front_of(&provider).await;
    let body = json!({"model": "claude-aws", "messages": [{"role": "user", "content": EMAIL}]});
    let ask = gateway.post("/v1/messages/count_tokens", body.to_string());
    let reply = ask.send().await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("support counting"), "{}", reply.text());
}

#[tokio::test]
async fn an_exception_in_a_stream_is_an_error_of_anthropics_and_bad_framing_ends_it() {
    let throttled = aws_message(
        &[
            (":exception-type", "throttlingException"),
            (":message-type", "exception"),
        ],
        br#"{"message":"slow down"}"#,
    );
    let mut damaged = text("b");
    *damaged.last_mut().unwrap() ^= 1;
    for (last, is_whole) in [
        (throttled, true),
        (damaged, false),
        (text("b")[..20].to_vec(), false),
    ] {
        let bytes = stream_of(&[text("a"), last]);
        let provider = RawProvider::always(bytes).await;
        let gateway = in_front_of(&provider).await;
        let reply = gateway
            .post(MESSAGES, messages_stream("claude-aws", EMAIL))
            .send()
            .await;
        assert_eq!(reply.is_whole, is_whole, "{}", reply.text());
        assert_eq!(reply.anthropic_said(), "a");
        assert_eq!(reply.text().contains("rate_limit_error"), is_whole);
    }
}
