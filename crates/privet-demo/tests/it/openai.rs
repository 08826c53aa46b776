use privet_demo::columns::extract;
use privet_demo::{Cuts, Provider, ProviderConfig};
use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::local::{TAG, data_and_names, json as document, provider};

const PATH: &str = "/v1/chat/completions";

fn ask(model: &str, text: &str, more: &Value) -> String {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body.to_string()
}

fn send_mail() -> Value {
    let parameters = json!({"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]});
    json!([{"type": "function", "function": {"name": "send_mail", "parameters": parameters}}])
}

#[tokio::test]
async fn a_reply_has_the_shape_of_a_chat_completion() {
    let (provider, client) = provider(Cuts::Whole).await;
    let reply = client
        .post(PATH, ask("demo-echo", "Grüße 🔒", &json!({"n": 2})))
        .await
        .unwrap();
    let reply = document(&reply);
    assert_eq!(reply["object"], "chat.completion");
    assert_eq!(reply["choices"][1]["index"], 1);
    assert_eq!(reply["choices"][1]["message"]["content"], "Grüße 🔒");
    assert_eq!(reply["choices"][1]["finish_reason"], "stop");
    assert_eq!(reply["choices"][0]["message"]["refusal"], Value::Null);
    assert!(reply["usage"]["total_tokens"].as_u64().unwrap() > 0);
    provider.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_usage_without_choices_and_done() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let reply = client
        .post(PATH, ask("demo-echo", "one two", &more))
        .await
        .unwrap();
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let (data, names) = data_and_names(&reply);
    assert!(names.is_empty());
    let (done, chunks) = data.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let chunks: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect();
    let (usage, chunks) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["completion_tokens"].is_u64());
    assert!(chunks.iter().all(|chunk| chunk["usage"].is_null()));
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks.len(), 4);
}

#[tokio::test]
async fn awkward_streams_of_any_seed_put_together_are_the_text() {
    let text = format!("Grüße {TAG} 日本語 👩‍👧 \"quoted\" \\ {TAG}");
    for seed in 0..40 {
        let (provider, client) = provider(Cuts::Awkward(seed)).await;
        let more = json!({"stream": true, "n": 2});
        let reply = client.post(PATH, ask("demo-echo", &text, &more)).await.unwrap();
        let lines = extract(SurfaceKind::OpenaiChat, &reply.body);
        assert_eq!(
            lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
            [&text, &text],
            "seed {seed}"
        );
        assert_eq!(lines[1].who, "assistant 2");
        assert!(reply.frames.len() > 100, "{}", reply.frames.len());
        assert!(
            reply
                .frames
                .iter()
                .any(|frame| std::str::from_utf8(frame).is_err())
                || seed != 0
        );
        provider.stop().await;
    }
}

#[tokio::test]
async fn a_tool_call_streams_its_arguments_and_its_result_is_quoted() {
    let (_provider, client) = provider(Cuts::Awkward(3)).await;
    let more = json!({"stream": true, "tools": send_mail()});
    let reply = client
        .post(PATH, ask("demo-small", &format!("send it to {TAG}"), &more))
        .await
        .unwrap();
    let lines = extract(SurfaceKind::OpenaiChat, &reply.body);
    assert_eq!(lines[0].who, "tool call send_mail");
    assert_eq!(
        serde_json::from_str::<Value>(&lines[0].text).unwrap(),
        json!({"to": TAG})
    );

    let call = json!({"id": "c1", "type": "function", "function": {"name": "send_mail", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "send it"}, {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": format!("sent to {TAG}")},
    ]);
    let body = json!({"model": "demo-small", "messages": messages, "tools": send_mail()}).to_string();
    let reply = document(&client.post(PATH, body).await.unwrap());
    let said = reply["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        said.starts_with(&format!("The tool answered: sent to {TAG}")),
        "{said}"
    );
}

#[tokio::test]
async fn broken_bodies_are_refused_in_the_shape_of_openai() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let orphan = json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]});
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}});
    let torn = json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]});
    let image = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    let image = json!({"model": "demo-blind", "messages": [{"role": "user", "content": image}]});
    let bodies = [
        "{",
        "{}",
        r#"{"model":"m"}"#,
        &orphan.to_string(),
        &torn.to_string(),
        &image.to_string(),
    ];
    for body in bodies {
        let reply = client.post(PATH, body.to_owned()).await.unwrap();
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(document(&reply)["error"]["type"], "invalid_request_error");
    }
    let lost = client.get("/v1/nothing", &[]).await.unwrap();
    assert_eq!(
        (lost.status, document(&lost)["error"]["message"].as_str()),
        (404, Some("Invalid URL (GET /v1/nothing)"))
    );
}

#[tokio::test]
async fn errors_of_the_provider_carry_their_headers() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let reply = client
        .post(PATH, ask("demo-error-429", "x", &json!({})))
        .await
        .unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    assert_eq!(reply.header("retry-after-ms"), Some("250"));
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(document(&reply)["error"]["code"], "rate_limit_exceeded");
    let reply = client
        .post(PATH, ask("demo-error-500", "x", &json!({"stream": true})))
        .await
        .unwrap();
    assert_eq!(
        (reply.status, document(&reply)["error"]["type"].as_str()),
        (500, Some("server_error"))
    );
    let reply = client
        .post(PATH, ask("demo-error-stream", "x", &json!({"stream": true})))
        .await
        .unwrap();
    assert_eq!((reply.status, reply.is_whole), (200, true));
    assert_eq!(
        extract(SurfaceKind::OpenaiChat, &reply.body).last().unwrap().who,
        "error"
    );
}

#[tokio::test]
async fn the_cut_model_breaks_off_inside_the_value() {
    let (_provider, client) = provider(Cuts::Awkward(5)).await;
    let reply = client
        .post(PATH, ask("demo-cut", TAG, &json!({"stream": true})))
        .await
        .unwrap();
    assert!(!reply.is_whole);
    let lines = extract(SurfaceKind::OpenaiChat, &reply.body);
    assert_eq!(lines[0].text, "You wrote: <EMAIL_ADDRESS");
    let reply = client.post(PATH, ask("demo-cut", TAG, &json!({}))).await.unwrap();
    assert!(!reply.is_whole);
    assert!(!reply.body.is_empty());
}

#[tokio::test]
async fn the_slow_model_says_the_same() {
    let pause = std::time::Duration::from_millis(1);
    let provider = Provider::start(ProviderConfig {
        pause,
        ..ProviderConfig::default()
    })
    .await
    .unwrap();
    let client = privet_demo::client::Client::new(provider.addr(), None);
    let reply = client
        .post(PATH, ask("demo-slow", "one two", &json!({"stream": true})))
        .await
        .unwrap();
    assert_eq!(
        extract(SurfaceKind::OpenaiChat, &reply.body)[0].text,
        "You wrote: one two"
    );
}

#[tokio::test]
async fn a_provider_with_a_key_takes_no_other() {
    let key = Some("right".to_owned());
    let provider = Provider::start(ProviderConfig {
        key,
        ..ProviderConfig::default()
    })
    .await
    .unwrap();
    let status = async |key: &str| {
        let client = privet_demo::client::Client::new(provider.addr(), Some(key.to_owned().into()));
        client.get("/v1/models", &[]).await.unwrap().status
    };
    assert_eq!((status("right").await, status("wrong").await), (200, 401));
}

#[tokio::test]
async fn requests_are_recorded_as_they_came_and_reported_before_the_reply() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let config = ProviderConfig {
        keep: 2,
        on_recording: Some(std::sync::Arc::new(move |recording: &privet_demo::Recording| {
            sender.send(recording.path.clone()).unwrap();
        })),
        ..ProviderConfig::default()
    };
    let provider = Provider::start(config).await.unwrap();
    let client = privet_demo::client::Client::new(provider.addr(), Some("k".to_owned().into()));
    for body in ["{ \"a\": 1 }", "two", "drei ü"] {
        client.post("/v1/chat/completions?x=1", body).await.unwrap();
        assert_eq!(receiver.try_recv().unwrap(), "/v1/chat/completions?x=1");
    }
    let bodies: Vec<_> = provider
        .recordings()
        .into_iter()
        .map(|recording| recording.body)
        .collect();
    assert_eq!(bodies, ["two", "drei ü"]);
    assert!(
        provider.take_recordings()[0]
            .headers
            .contains(&("authorization".to_owned(), "Bearer k".to_owned()))
    );
    assert!(provider.recordings().is_empty());
}
