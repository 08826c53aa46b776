//! Providers behind TLS, and providers with addresses of their own kind.

use std::time::Duration;

use privet_testkit::{Answer, RawProvider, TestGateway, TlsFront, json_reply};

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, chat_stream, messages, said};

/// `[[providers]]` and `[[models]]` for `safe*`: at `front`, with what else is said of it.
fn safe(front: &TlsFront, more: &str) -> [String; 2] {
    let provider = format!(
        "[[providers]]\nname = \"safe\"\ndialect = \"openai\"\nbase_url = \"https://{}/v1\"\n{more}\n",
        front.address()
    );
    [
        provider,
        "[[models]]\nmatch = \"safe*\"\nprovider = \"safe\"\nupstream_model = \"demo-echo\"\n".to_owned(),
    ]
}

#[tokio::test]
async fn a_provider_behind_tls_is_reached_if_its_authority_is_trusted() {
    let provider = RawProvider::always(json_reply(
        "200 OK",
        "",
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}"#,
    ))
    .await;
    let front = TlsFront::start(provider.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("authority.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let [providers, models] = safe(&front, &format!("ca_file = {:?}", ca.display().to_string()));
    let builder = TestGateway::builder().providers(&providers).models(&models);
    let gateway = builder.start().await;
    let reply = gateway.post(CHAT, chat("safe-1", EMAIL)).send().await;
    assert_eq!(said(&reply), "fine");
    let seen = provider.requests();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/v1/chat/completions"));
    assert!(!format!("{seen:?}").contains(EMAIL));
}

#[tokio::test]
async fn a_provider_whose_authority_is_not_trusted_gets_nothing() {
    let provider = RawProvider::always(json_reply("200 OK", "", "{}")).await;
    let front = TlsFront::start(provider.address()).await;
    let other = TlsFront::start(provider.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("authority.pem");
    std::fs::write(&ca, other.ca_pem()).unwrap();
    let wrong_authority = format!("ca_file = {:?}", ca.display().to_string());
    for more in ["", wrong_authority.as_str()] {
        let [providers, models] = safe(&front, more);
        let builder = TestGateway::builder().providers(&providers).models(&models);
        let gateway = builder.start().await;
        for body in [chat("safe-1", EMAIL), chat_stream("safe-1", "hello")] {
            let reply = gateway.post(CHAT, body).send().await;
            assert_refused(&reply, CHAT, 502, "upstream_unreachable");
        }
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_pinned_provider_is_reached_only_with_the_key_that_was_pinned() {
    let answer = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}"#;
    let provider = RawProvider::always(json_reply("200 OK", "", answer)).await;
    let front = TlsFront::start(provider.address()).await;
    let other = TlsFront::start(provider.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("authority.pem");
    std::fs::write(&ca, front.ca_pem()).unwrap();
    let ask = async |pins: &str| {
        let more = format!("ca_file = {:?}\npins = [{pins}]", ca.display().to_string());
        let [providers, models] = safe(&front, &more);
        let gateway = TestGateway::builder().providers(&providers).models(&models);
        let gateway = gateway.start().await;
        gateway.post(CHAT, chat("safe-1", EMAIL)).send().await
    };
    let (right, wrong) = (
        format!("\"sha256/{}\"", front.pin()),
        format!("\"{}\"", other.pin()),
    );
    assert_eq!(said(&ask(&right).await), "fine");
    assert_eq!(
        said(&ask(&format!("{wrong}, {right}")).await),
        "fine",
        "a spare key"
    );
    assert_eq!(provider.requests().len(), 2);
    // The authority is trusted, and its certificate is good: the key alone is another one.
    assert_refused(&ask(&wrong).await, CHAT, 502, "upstream_unreachable");
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn a_pin_does_not_make_up_for_an_authority_that_is_not_trusted() {
    let provider = RawProvider::always(json_reply("200 OK", "", "{}")).await;
    let front = TlsFront::start(provider.address()).await;
    let [providers, models] = safe(&front, &format!("pins = [\"{}\"]", front.pin()));
    let gateway = TestGateway::builder().providers(&providers).models(&models);
    let gateway = gateway.start().await;
    let reply = gateway.post(CHAT, chat("safe-1", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 502, "upstream_unreachable");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_provider_has_its_own_time_to_begin_its_reply() {
    let provider = RawProvider::start(|_| Answer::Silence).await;
    let providers = format!(
        "[[providers]]\nname = \"slow\"\nkind = \"vllm\"\nbase_url = \"http://{}/v1\"\nfirst_byte_timeout = \"50ms\"\n",
        provider.address()
    );
    let models = "[[models]]\nmatch = \"slow\"\nprovider = \"slow\"\n";
    let gateway = TestGateway::builder().providers(&providers).models(models);
    let gateway = gateway.start().await;
    let reply = gateway.post(CHAT, chat("slow", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 504, "upstream_timeout");
    provider.gone(1).await;
}

#[tokio::test]
async fn an_azure_address_holds_the_model_and_its_key_stands_in_its_own_header() {
    let provider = RawProvider::always(json_reply(
        "200 OK",
        "",
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}"#,
    ))
    .await;
    let providers = format!(
        "[[providers]]\nname = \"azure\"\ndialect = \"openai\"\nauth = \"api-key\"\n\
         base_url = \"http://{}/openai/deployments/{{model}}\"\nquery = \"api-version=2024-10-21\"\n\
         api_key = {{ env = \"READ_BY_NOBODY\" }}\n",
        provider.address()
    );
    let models = "[[models]]\nmatch = \"az-*\"\nprovider = \"azure\"\nupstream_model = \"our gpt/4\"\n";
    let builder = TestGateway::builder().providers(&providers).models(models);
    let gateway = builder.start().await;
    let reply = gateway.post(CHAT, chat("az-4", EMAIL)).send().await;
    assert_eq!(said(&reply), "fine");
    let seen = provider.requests();
    assert_eq!(
        seen[0].path,
        "/openai/deployments/our%20gpt%2F4/chat/completions?api-version=2024-10-21"
    );
    let header = |name: &str| {
        let found = seen[0].headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("api-key"), Some("upstream-key-of-azure"));
    assert_eq!(header("authorization"), None);
    assert!(!format!("{seen:?}").contains(EMAIL));
}

#[tokio::test]
async fn a_store_that_is_down_is_bridged_up_to_the_stated_age_and_then_refuses() {
    let gateway = TestGateway::builder().without_flusher().start().await;
    let ask = || gateway.post(CHAT, chat("demo-echo", EMAIL)).send();
    assert_eq!(ask().await.status, 200, "the key is known from now on");
    gateway.lose_store().await;
    assert_eq!(ask().await.status, 200);

    let gateway = TestGateway::builder()
        .without_flusher()
        .stale_after(Duration::ZERO)
        .start()
        .await;
    gateway.lose_store().await;
    for (path, body) in [
        (CHAT, chat("demo-echo", EMAIL)),
        (MESSAGES, messages("claude-demo", EMAIL)),
    ] {
        let reply = gateway.post(path, body).send().await;
        let kind = if path == CHAT {
            "keys_unavailable"
        } else {
            "api_error"
        };
        assert_refused(&reply, path, 503, kind);
    }
    assert!(gateway.seen().is_empty());
}
