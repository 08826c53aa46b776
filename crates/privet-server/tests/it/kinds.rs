//! What a provider of each kind is sent, to the byte where it counts.

use privet_testkit::demo::Recording;
use privet_testkit::{Answer, RawProvider, Reply, TestGateway, chunk, json_reply, sse_head};
use serde_json::json;

use crate::support::{CHAT, EMAIL, MESSAGES, chat, chat_stream, messages, messages_stream, said, tag};

const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}"#;
const RESPONSES: &str = "/v1/responses";
const EMBEDDINGS: &str = "/v1/embeddings";

/// What a provider of these settings, with `AT` for its address, is sent for a chat with a private value.
async fn sent(lines: &str) -> Recording {
    let provider = RawProvider::always(json_reply("200 OK", "", ANSWER)).await;
    let (reply, request) = asked(&provider, lines, (CHAT, chat("theirs", EMAIL))).await;
    assert_eq!(said(&reply), "fine", "{lines}");
    request
}

/// Asks the model `theirs` of a provider of these settings. Returns its reply, and what the provider was sent.
async fn asked(provider: &RawProvider, lines: &str, (path, body): (&str, String)) -> (Reply, Recording) {
    let at = provider.address().to_string();
    let providers = format!("[[providers]]\nname = \"p\"\n{}\n", lines.replace("AT", &at));
    let models = "[[models]]\nmatch = \"theirs\"\nprovider = \"p\"\nupstream_model = \"a model/1\"\n";
    let gateway = TestGateway::builder().providers(&providers).models(models);
    let gateway = gateway.start().await;
    let reply = gateway.post(path, body).send().await;
    assert_eq!(reply.status, 200, "{lines} {path}: {}", reply.text());
    let [request] = provider.requests().try_into().unwrap();
    (reply, request)
}

/// A provider that answers with a stream: what it was sent as private, cut in two.
async fn streaming(event: fn(&str) -> String, end: &'static str) -> RawProvider {
    RawProvider::start(move |request| {
        let tag = tag(&request.body);
        let (first, second) = tag.split_at(9);
        let mut bytes = sse_head();
        for piece in [event(first), event(second), end.to_owned()] {
            bytes.extend(chunk(piece.as_bytes()));
        }
        bytes.extend(chunk(b""));
        Answer::Bytes(bytes)
    })
    .await
}

fn chat_event(text: &str) -> String {
    let event = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {event}\n\n")
}

fn messages_event(text: &str) -> String {
    let event =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    format!("event: content_block_delta\ndata: {event}\n\n")
}

const KEY: &str = "api_key = { env = \"READ_BY_NOBODY\" }";

/// Each kind in the OpenAI dialect: its settings, what stands before `chat/completions` in its address, and which of responses and
/// embeddings it has.
fn of_openai() -> Vec<(String, &'static str, [bool; 2])> {
    [
        ("openai", "/v1", [true, true]),
        ("azure", "/openai/v1", [true, true]),
        ("gemini", "/v1beta/openai", [false, true]),
        ("bedrock", "/openai/v1", [false, false]),
        ("mistral", "/v1", [false, true]),
        ("vllm", "/v1", [true, true]),
        ("ollama", "/v1", [true, true]),
        ("llamacpp", "/v1", [true, true]),
    ]
    .into_iter()
    .map(|(kind, before, has)| {
        let (base, region) = match kind {
            "azure" => ("", ""),
            "bedrock" => (before, "\nregion = \"eu-central-1\""),
            _ => (before, ""),
        };
        let lines = format!("kind = \"{kind}\"\nbase_url = \"http://AT{base}\"\n{KEY}{region}");
        (lines, before, has)
    })
    .collect()
}

#[tokio::test]
async fn a_stream_of_every_kind_is_restored_across_its_cuts() {
    for (lines, before, _) in of_openai() {
        let provider = streaming(chat_event, "data: [DONE]\n\n").await;
        let (reply, request) = asked(&provider, &lines, (CHAT, chat_stream("theirs", EMAIL))).await;
        assert_eq!(request.path, format!("{before}/chat/completions"));
        let body = chat_stream("a model/1", &tag(&request.body));
        assert_eq!(request.body, body.as_bytes(), "{lines}");
        assert!(reply.is_whole, "{lines}");
        assert_eq!(reply.openai_said(0), EMAIL, "{lines}");
    }
    for kind in ["anthropic", "vllm", "ollama", "llamacpp"] {
        let lines = format!("kind = \"{kind}\"\ndialect = \"anthropic\"\nbase_url = \"http://AT\"\n{KEY}");
        let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let provider = streaming(messages_event, end).await;
        let ask = (MESSAGES, messages_stream("theirs", EMAIL));
        let (reply, request) = asked(&provider, &lines, ask).await;
        assert_eq!(request.path, MESSAGES);
        let body = messages_stream("a model/1", &tag(&request.body));
        assert_eq!(request.body, body.as_bytes(), "{lines}");
        assert_eq!(
            (reply.anthropic_said().as_str(), reply.is_whole),
            (EMAIL, true),
            "{lines}"
        );
    }
}

#[tokio::test]
async fn responses_and_embeddings_go_to_the_address_of_each_kind_that_has_them() {
    let ask = |model: &str, text: &str| json!({"model": model, "input": text}).to_string();
    for (lines, before, [has_responses, has_embeddings]) in of_openai() {
        if has_responses {
            let provider = RawProvider::start(|request| {
                let content = json!([{"type": "output_text", "text": tag(&request.body)}]);
                let output = json!([{"type": "message", "role": "assistant", "content": content}]);
                let reply = json!({"object": "response", "output": output});
                Answer::Bytes(json_reply("200 OK", "", &reply.to_string()))
            })
            .await;
            let (reply, request) = asked(&provider, &lines, (RESPONSES, ask("theirs", EMAIL))).await;
            assert_eq!(request.path, format!("{before}/responses"));
            assert_eq!(
                request.body,
                ask("a model/1", &tag(&request.body)).as_bytes(),
                "{lines}"
            );
            assert_eq!(reply.json()["output"][0]["content"][0]["text"], EMAIL, "{lines}");
        }
        if has_embeddings {
            let vectors = r#"{"data":[{"index":0,"embedding":[0.25,-1.5]}]}"#;
            let provider = RawProvider::always(json_reply("200 OK", "", vectors)).await;
            let (reply, request) = asked(&provider, &lines, (EMBEDDINGS, ask("theirs", EMAIL))).await;
            assert_eq!(request.path, format!("{before}/embeddings"));
            assert_eq!(
                request.body,
                ask("a model/1", &tag(&request.body)).as_bytes(),
                "{lines}"
            );
            assert_eq!(reply.text(), vectors, "{lines}");
        }
    }
    let older = format!("kind = \"azure\"\nbase_url = \"http://AT\"\n{KEY}\napi_version = \"2024-10-21\"");
    let provider = RawProvider::always(json_reply("200 OK", "", r#"{"data":[]}"#)).await;
    let (_, request) = asked(&provider, &older, (EMBEDDINGS, ask("theirs", EMAIL))).await;
    let path = "/openai/deployments/a%20model%2F1/embeddings?api-version=2024-10-21";
    assert_eq!(request.path, path);
}

fn header<'a>(request: &'a Recording, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn every_kind_gets_the_same_masked_body_at_its_own_address_with_its_own_key() {
    const BEARER: (&str, &str) = ("authorization", "Bearer upstream-key-of-p");
    let key = "api_key = { env = \"READ_BY_NOBODY\" }";
    let azure = format!("kind = \"azure\"\nbase_url = \"http://AT\"\n{key}");
    let cases = [
        (
            format!("kind = \"openai\"\nbase_url = \"http://AT/v1\"\n{key}"),
            "/v1/chat/completions",
            BEARER,
        ),
        (
            azure.clone(),
            "/openai/v1/chat/completions",
            ("api-key", "upstream-key-of-p"),
        ),
        (
            format!("{azure}\napi_version = \"2024-10-21\""),
            "/openai/deployments/a%20model%2F1/chat/completions?api-version=2024-10-21",
            ("api-key", "upstream-key-of-p"),
        ),
        (
            format!("kind = \"gemini\"\nbase_url = \"http://AT/v1beta/openai\"\n{key}"),
            "/v1beta/openai/chat/completions",
            BEARER,
        ),
        (
            format!(
                "kind = \"bedrock\"\nregion = \"eu-central-1\"\nbase_url = \"http://AT/openai/v1\"\n{key}"
            ),
            "/openai/v1/chat/completions",
            BEARER,
        ),
        (
            format!("kind = \"mistral\"\nbase_url = \"http://AT/v1\"\n{key}"),
            "/v1/chat/completions",
            BEARER,
        ),
        (
            format!("kind = \"vllm\"\nbase_url = \"http://AT/v1\"\n{key}"),
            "/v1/chat/completions",
            BEARER,
        ),
        (
            format!("kind = \"ollama\"\nbase_url = \"http://AT/v1\"\n{key}"),
            "/v1/chat/completions",
            BEARER,
        ),
        (
            format!("kind = \"llamacpp\"\nbase_url = \"http://AT/v1\"\n{key}"),
            "/v1/chat/completions",
            BEARER,
        ),
    ];
    for (lines, path, (name, value)) in cases {
        let request = sent(&lines).await;
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", path),
            "{lines}"
        );
        assert_eq!(header(&request, name), Some(value), "{lines}");
        let keys = ["authorization", "api-key", "x-api-key"];
        let given = keys.iter().filter(|name| header(&request, name).is_some());
        assert_eq!(given.count(), 1, "{lines}");
        let tag = tag(&request.body);
        assert!(tag.starts_with("<EMAIL_ADDRESS_"), "{tag}");
        let body = chat("a model/1", &tag);
        assert_eq!(request.body, body.as_bytes(), "{lines}");
    }
}

#[tokio::test]
async fn a_signed_request_says_what_was_signed_and_shows_no_secret() {
    let request = sent(
        "kind = \"bedrock\"\nregion = \"eu-central-1\"\nbase_url = \"http://AT/openai/v1\"\n\
         aws = { access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" }, session_token = { env = \"C\" } }",
    )
    .await;
    let authorization = header(&request, "authorization").unwrap();
    let time = header(&request, "x-amz-date").unwrap();
    let (day, _) = time.split_once('T').unwrap();
    let begin = format!(
        "AWS4-HMAC-SHA256 Credential=id-of-p/{day}/eu-central-1/bedrock/aws4_request, \
         SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
    );
    let signature = authorization
        .strip_prefix(&begin)
        .unwrap_or_else(|| panic!("{authorization}"));
    assert_eq!(signature.len(), 64, "{authorization}");
    assert_eq!(header(&request, "x-amz-security-token"), Some("token-of-p"));
    let hash = privet_crypto::sha256(&request.body);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header(&request, "x-amz-content-sha256"), Some(hash.as_str()));
    assert!(!format!("{request:?}").contains("upstream-key-of-p"));
}

#[tokio::test]
async fn a_caller_chooses_neither_the_host_nor_the_way_to_another_server() {
    let other = RawProvider::always(json_reply("200 OK", "", ANSWER)).await;
    let gateway = TestGateway::builder().start().await;
    let at = other.address();
    let absolute = format!("http://{at}/v1/chat/completions");
    let body = || chat("demo", EMAIL);
    let asks = [
        gateway.post(&absolute, body()),
        gateway
            .post(CHAT, body())
            .without("host")
            .header("host", &at.to_string()),
        gateway
            .post(CHAT, body())
            .header("x-forwarded-host", &at.to_string())
            .header("forwarded", &format!("host={at}"))
            .header("x-original-url", &absolute),
        gateway.post(&format!("{CHAT}?base_url=http://{at}/v1"), body()),
        gateway.post(CHAT, chat(&format!("demo@{at}/v1"), EMAIL)),
        gateway.post(MESSAGES, messages("claude-demo/../../x", EMAIL)),
    ];
    for ask in asks {
        ask.send().await;
    }
    assert!(other.requests().is_empty());
    assert!(!gateway.seen().is_empty());
    for seen in gateway.seen() {
        assert!(
            ["/v1/chat/completions", "/v1/messages"]
                .iter()
                .any(|path| seen.path.starts_with(path)),
            "{}",
            seen.path
        );
    }
}
