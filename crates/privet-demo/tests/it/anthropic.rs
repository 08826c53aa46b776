use privet_demo::Cuts;
use privet_demo::columns::extract;
use privet_types::SurfaceKind::AnthropicMessages;
use serde_json::{Value, json};

use crate::local::{TAG, data_and_names, json as document, provider};

const PATH: &str = "/v1/messages";

fn ask(model: &str, text: &str, more: &Value) -> String {
    let mut body = json!({"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body.to_string()
}

fn send_mail() -> Value {
    json!([{"name": "send_mail", "input_schema": {"type": "object", "properties": {"to": {"type": "string"}}}}])
}

#[tokio::test]
async fn a_reply_has_the_shape_of_a_message() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let more = json!({"system": [{"type": "text", "text": "Be kind to <PERSON_1>."}]});
    let reply = document(
        &client
            .post(PATH, ask("claude-demo", "Grüße", &more))
            .await
            .unwrap(),
    );
    assert_eq!(
        (reply["type"].as_str(), reply["role"].as_str()),
        (Some("message"), Some("assistant"))
    );
    let said = "You wrote: Grüße\n\nMy instructions: Be kind to <PERSON_1>.";
    assert_eq!(reply["content"], json!([{"type": "text", "text": said}]));
    assert_eq!(reply["stop_reason"], "end_turn");
}

#[tokio::test]
async fn a_stream_has_its_events_in_order() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let reply = client
        .post(PATH, ask("claude-demo-echo", "one", &json!({"stream": true})))
        .await
        .unwrap();
    let (data, names) = data_and_names(&reply);
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    let types: Vec<Value> = data
        .iter()
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["type"].take())
        .collect();
    assert_eq!(types, expected);
}

#[tokio::test]
async fn a_tool_call_streams_as_partial_json() {
    let (_provider, client) = provider(Cuts::Awkward(8)).await;
    let more = json!({"stream": true, "tools": send_mail(), "tool_choice": {"type": "any"}});
    let reply = client
        .post(PATH, ask("claude-demo", &format!("{TAG} ü日"), &more))
        .await
        .unwrap();
    let lines = extract(AnthropicMessages, &reply.body);
    assert_eq!(
        (lines[0].who.as_str(), lines[1].who.as_str()),
        ("assistant", "tool call send_mail")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&lines[1].text).unwrap(),
        json!({"to": TAG})
    );
    assert!(
        std::str::from_utf8(&reply.body)
            .unwrap()
            .contains(r#""stop_reason":"tool_use""#)
    );
}

#[tokio::test]
async fn thinking_comes_first_and_is_taken_back_only_unchanged() {
    let (_provider, client) = provider(Cuts::Awkward(2)).await;
    let body = ask(
        "claude-demo-thinking",
        &format!("I am {TAG}"),
        &json!({"stream": true}),
    );
    let lines = extract(AnthropicMessages, &client.post(PATH, body).await.unwrap().body);
    assert_eq!(lines[0].text, format!("The user wrote: I am {TAG}"));
    let body = ask("claude-demo-thinking", &format!("I am {TAG}"), &json!({}));
    let mut content = document(&client.post(PATH, body).await.unwrap())["content"].take();
    assert_eq!(content[0]["thinking"], lines[0].text);
    let again = |content: &Value| {
        let messages = json!([
            {"role": "user", "content": "a"}, {"role": "assistant", "content": content}, {"role": "user", "content": "b"},
        ]);
        json!({"model": "claude-demo", "max_tokens": 9, "messages": messages}).to_string()
    };
    assert_eq!(client.post(PATH, again(&content)).await.unwrap().status, 200);
    content[0]["thinking"] = "The user wrote: I am ana@example.com".into();
    assert_eq!(client.post(PATH, again(&content)).await.unwrap().status, 400);
}

#[tokio::test]
async fn errors_have_the_shape_of_anthropic() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let result = json!([{"type": "tool_result", "tool_use_id": "x", "content": "y"}]);
    let orphan = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": result}]});
    for body in [
        "{",
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        &orphan.to_string(),
    ] {
        let reply = client.post(PATH, body.to_owned()).await.unwrap();
        let error = document(&reply);
        assert_eq!(
            (reply.status, error["type"].as_str()),
            (400, Some("error")),
            "{body}"
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    let reply = client
        .post(PATH, ask("claude-demo-error-429", "x", &json!({})))
        .await
        .unwrap();
    assert_eq!(
        (reply.status, document(&reply)["error"]["type"].as_str()),
        (429, Some("rate_limit_error"))
    );
    assert!(reply.header("request-id").is_some());
    let stream = json!({"stream": true});
    let reply = client
        .post(PATH, ask("claude-demo-error-stream", "x", &stream))
        .await
        .unwrap();
    assert_eq!(data_and_names(&reply).1.last().unwrap(), "error");
}

#[tokio::test]
async fn models_and_token_counts_have_the_shape_of_anthropic() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let list = document(
        &client
            .get("/v1/models", &[("anthropic-version", "2023-06-01")])
            .await
            .unwrap(),
    );
    assert_eq!(
        (list["first_id"].as_str(), list["has_more"].as_bool()),
        (Some("demo-small"), Some(false))
    );
    let list = document(&client.get("/v1/models", &[]).await.unwrap());
    assert_eq!(
        (list["object"].as_str(), list["data"][0]["id"].as_str()),
        (Some("list"), Some("demo-small"))
    );
    let count = r#"{"model":"claude-demo","messages":[{"role":"user","content":"12345678"}]}"#;
    let count = document(
        &client
            .post("/v1/messages/count_tokens?beta=true", count)
            .await
            .unwrap(),
    );
    assert_eq!(count["input_tokens"], 5);
}
