//! What a provider of each kind is sent, to the byte where it counts.

use privet_testkit::demo::Recording;
use privet_testkit::{RawProvider, TestGateway, json_reply};

use crate::support::{CHAT, EMAIL, MESSAGES, chat, messages, said, tag};

const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}"#;

/// What a provider of these settings, with `AT` for its address, is sent for a chat with a private value.
async fn sent(lines: &str) -> Recording {
    let provider = RawProvider::always(json_reply("200 OK", "", ANSWER)).await;
    let at = provider.address().to_string();
    let providers = format!("[[providers]]\nname = \"p\"\n{}\n", lines.replace("AT", &at));
    let models = "[[models]]\nmatch = \"theirs\"\nprovider = \"p\"\nupstream_model = \"a model/1\"\n";
    let gateway = TestGateway::builder().providers(&providers).models(models);
    let gateway = gateway.start().await;
    let reply = gateway.post(CHAT, chat("theirs", EMAIL)).send().await;
    assert_eq!(said(&reply), "fine", "{lines}");
    let [request] = provider.requests().try_into().unwrap();
    request
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
