//! What leaves holds nothing private, what comes back is whole, and all else stays byte for byte.

use privet_testkit::demo::script::{check, lost, scripted_conversation, stand_ins};
use privet_testkit::{Answer, RawProvider, TestGateway, json_reply};
use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::support::{
    CARD, CHAT, EMAIL, IBAN, MESSAGES, MODELS, chat, chat_stream, messages, messages_stream, said, tag,
};

/// The scripted conversation (three turns, a tool call) leaks nothing and loses nothing.
pub(crate) async fn assert_whole_conversation(
    style: &str,
    surface: SurfaceKind,
    model: &str,
    is_stream: bool,
) {
    let policy = format!("[pii]\nstyle = \"{style}\"");
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let script = scripted_conversation();
    let steps = script
        .run(&gateway.client(), surface, model, is_stream)
        .await
        .expect("the conversation goes on to its end");
    let seen = gateway.seen();
    assert_eq!((steps.len(), seen.len()), (4, 4));
    let leaks = check(&seen, &script.private);
    assert!(leaks.is_empty(), "{leaks:?}");
    let lost = lost(&steps, &script.private);
    assert!(lost.is_empty(), "{lost:?}");
    let left = stand_ins(&steps);
    assert!(left.is_empty(), "{left:?}");
    assert!(!gateway.seen_text().contains(gateway.key()));
}

#[tokio::test]
async fn a_chat_conversation_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::OpenaiChat, "demo", false).await;
}

#[tokio::test]
async fn a_streamed_chat_conversation_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::OpenaiChat, "demo", true).await;
}

#[tokio::test]
async fn a_messages_conversation_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::AnthropicMessages, "claude-demo", false).await;
}

#[tokio::test]
async fn a_streamed_messages_conversation_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::AnthropicMessages, "claude-demo", true).await;
}

#[tokio::test]
async fn realistic_surrogates_are_restored_in_chat() {
    assert_whole_conversation("realistic", SurfaceKind::OpenaiChat, "demo", false).await;
    assert_whole_conversation("realistic", SurfaceKind::OpenaiChat, "demo", true).await;
}

#[tokio::test]
async fn realistic_surrogates_are_restored_in_messages() {
    assert_whole_conversation("realistic", SurfaceKind::AnthropicMessages, "claude-demo", false).await;
    assert_whole_conversation("realistic", SurfaceKind::AnthropicMessages, "claude-demo", true).await;
}

#[tokio::test]
async fn realistic_surrogates_have_the_form_of_what_they_stand_for() {
    let gateway = TestGateway::builder()
        .policy("[pii]\nstyle = \"realistic\"")
        .start()
        .await;
    let text = format!("I am {EMAIL}, card {CARD}");
    let reply = gateway.post(CHAT, chat("demo-echo", &text)).send().await;
    assert_eq!(said(&reply), text);
    let seen: Value = serde_json::from_slice(&gateway.seen()[0].body).unwrap();
    let seen = seen["messages"][0]["content"].as_str().unwrap();
    let (email, card) = seen.strip_prefix("I am ").unwrap().split_once(", card ").unwrap();
    assert!(email.ends_with("@mail.example"), "{seen}");
    assert_eq!(card.len(), CARD.len(), "{seen}");
    assert!(!seen.contains('<'), "{seen}");
}

#[tokio::test]
async fn a_model_may_shout_whisper_or_escape_a_surrogate() {
    let gateway = TestGateway::builder().start().await;
    for style in ["shout", "whisper", "markdown"] {
        for is_stream in [false, true] {
            let (text, model) = (format!("I am {EMAIL}"), format!("demo-{style}"));
            let body = if is_stream {
                chat_stream(&model, &text)
            } else {
                chat(&model, &text)
            };
            let reply = gateway.post(CHAT, body).send().await;
            let said = if is_stream {
                reply.openai_said(0)
            } else {
                said(&reply)
            };
            assert_eq!(said.matches(EMAIL).count(), 2, "{style} {is_stream}: {said}");
        }
    }
}

#[tokio::test]
async fn every_choice_of_several_is_restored() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("I am {EMAIL} and pay with {CARD}");
    for is_stream in [false, true] {
        let body = json!({
            "model": "demo", "n": 3, "stream": is_stream, "messages": [{"role": "user", "content": text}],
        });
        let reply = gateway.post(CHAT, body.to_string()).send().await;
        let choices: Vec<String> = if is_stream {
            (0..3).map(|index| reply.openai_said(index)).collect()
        } else {
            let choices = reply.json()["choices"].clone();
            let contents = choices
                .as_array()
                .unwrap()
                .iter()
                .map(|c| &c["message"]["content"]);
            contents
                .map(|content| content.as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(choices.len(), 3);
        for choice in choices {
            assert!(choice.contains(&text), "{is_stream}: {choice}");
            assert!(!choice.contains("EMAIL_ADDRESS_"), "{is_stream}: {choice}");
        }
    }
}

#[tokio::test]
async fn the_usage_chunk_keeps_its_empty_choices_and_done_ends_the_stream() {
    let gateway = TestGateway::builder().calm().start().await;
    let body = json!({
        "model": "demo", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": format!("I am {EMAIL}")}],
    });
    let reply = gateway.post(CHAT, body.to_string()).send().await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert!(reply.is_whole && reply.event_names().is_empty());
    let events = reply.events();
    assert_eq!(events.last().unwrap(), "[DONE]");
    let usage: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let others = &events[..events.len() - 2];
    let has_null = |data: &String| data.contains("\"usage\":null");
    assert!(
        others.iter().filter(|data| has_null(data)).count() > 3,
        "{others:?}"
    );
}

#[tokio::test]
async fn anthropic_events_keep_their_names_and_order() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("I am {EMAIL}");
    let reply = gateway
        .post(MESSAGES, messages_stream("claude-demo-echo", &text))
        .send()
        .await;
    assert!(reply.is_whole);
    assert_eq!(reply.anthropic_said(), text);
    let names = reply.event_names();
    let mut kinds = names.clone();
    kinds.dedup();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    let types: Vec<String> = reply
        .events()
        .iter()
        .map(|data| {
            serde_json::from_str::<Value>(data).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(types, names, "each name belongs to its own data");
}

#[tokio::test]
async fn signed_thinking_is_never_rewritten() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("I am {EMAIL}");
    let first = gateway
        .post(MESSAGES, messages("claude-demo-thinking", &text))
        .send()
        .await
        .json();
    let thinking = &first["content"][0];
    assert_eq!(thinking["type"], "thinking");
    assert!(thinking["thinking"].as_str().unwrap().contains("<EMAIL_ADDRESS_"));
    // The provider checks the signature against the text.
    let next = json!({"model": "claude-demo-thinking", "max_tokens": 99, "messages": [
        {"role": "user", "content": text},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "go on"},
    ]});
    let reply = gateway.post(MESSAGES, next.to_string()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!gateway.seen_text().contains(EMAIL));
}

#[tokio::test]
async fn a_request_changes_only_where_a_value_is_masked() {
    let gateway = TestGateway::builder().start().await;
    let body = format!(
        "{{ \"zeta\" : [1.0e2 , -0,\t1E5],\r\n  \"model\":\"demo-echo\" ,\"temperature\": 0.70, \"x_unknown\":{{\"b\":\"\\u00fc\\/\",\"a\":null}},\n \
         \"messages\":[ {{\"content\":\"Gr\\u00fc\\u00dfe \\ud83d\\udc4b {EMAIL} \\\"ok\\\"\",\"role\":\"user\" , \"id\":\"msg_01\"}}]  ,\"stream\":false }}\n"
    );
    let reply = gateway.post(CHAT, body.clone()).send().await;
    assert_eq!(said(&reply), format!("Grüße 👋 {EMAIL} \"ok\""));
    let seen = gateway.seen().remove(0).body;
    let surrogate = tag(&seen);
    let undone = String::from_utf8(seen.to_vec())
        .unwrap()
        .replace(&surrogate, EMAIL);
    assert_eq!(undone, body);
}

#[tokio::test]
async fn a_reply_changes_only_where_a_value_is_restored() {
    const REPLY: &str = "{ \"zeta\" : [1.0e2, -0],\n\t\"id\":\"chatcmpl-1\",\"x_unknown\":{\"b\":\"\\u00fc\\/\",\"a\":null},\
                         \"choices\":[{\"message\" : {\"content\":\"\\u00dc TAG \\ud83d\\udc4b\",\"role\":\"assistant\"},\"index\":0}] }\n";
    let provider = RawProvider::start(|request| {
        let body = REPLY.replace("TAG", &tag(&request.body));
        Answer::Bytes(json_reply("200 OK", "x-request-id: req-1\r\n", &body))
    })
    .await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .start()
        .await;
    let reply = gateway
        .post(CHAT, chat("demo", &format!("I am {EMAIL}")))
        .send()
        .await;
    assert_eq!(
        reply.text(),
        REPLY.replace("\\u00dc TAG \\ud83d\\udc4b", &format!("Ü {EMAIL} 👋"))
    );
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str())
    );
    assert_eq!(reply.header("x-privet-masked"), Some("1"));
}

#[tokio::test]
async fn a_clean_exchange_passes_byte_for_byte() {
    const REPLY: &str = "{ \"id\":\"1\",\"choices\":[ ] , \"note\":\"<EMAIL_ADDRESS_0123456789ABC>\"}";
    let provider = RawProvider::always(json_reply("200 OK", "", REPLY)).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .start()
        .await;
    let body = " {\"model\":\"demo\", \"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    let reply = gateway.post(CHAT, body).send().await;
    assert_eq!(reply.text(), REPLY);
    assert_eq!(reply.header("x-privet-masked"), Some("0"));
    assert_eq!(provider.requests()[0].body, body);
}

#[tokio::test]
async fn every_corner_of_a_request_is_looked_at() {
    let gateway = TestGateway::builder().start().await;
    let email = |n: u8| format!("person{n}@example.com");
    let arguments = json!({"to": email(1), "deep": json!({"cc": email(2)}).to_string()}).to_string();
    let body = json!({
        "model": "demo-echo",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": email(3)}]},
            {"role": "user", "content": "hi", "name": "person4@example.com"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "mail", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": email(5)},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {"name": "mail", "description": email(6), "parameters": {
            "type": "object", "properties": {email(7): {"type": "string", "enum": [email(8)]}}}}}],
        "user": email(9), "metadata": {"who": email(10)}, "prediction": {"type": "content", "content": email(11)},
        "x_unknown": [{"y": [email(12)]}], "card": 4_111_111_111_111_111_u64, email(13): 1,
    });
    let reply = gateway.post(CHAT, body.to_string()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = gateway.seen_text();
    assert!(!seen.contains("@example.com"), "{seen}");
    assert!(!seen.contains("4111111111111111"), "{seen}");
}

#[tokio::test]
async fn every_corner_of_a_messages_request_is_looked_at() {
    let gateway = TestGateway::builder().start().await;
    let email = |n: u8| format!("person{n}@example.com");
    let body = json!({
        "model": "claude-demo-echo", "max_tokens": 99,
        "system": [{"type": "text", "text": email(1), "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": email(2)}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {"to": email(3), email(4): [email(5)]}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": email(6)}]}]},
        ],
        "tools": [{"name": "mail", "description": email(7), "input_schema": {"type": "object", "title": email(8)}}],
        "metadata": {"user_id": email(9)}, "x_unknown": {"y": email(10)}, "stop_sequences": [email(11)],
    });
    let reply = gateway.post(MESSAGES, body.to_string()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = gateway.seen_text();
    assert!(!seen.contains("@example.com"), "{seen}");
    assert!(seen.contains("ephemeral"), "{seen}");
}

#[tokio::test]
async fn text_that_looks_like_a_surrogate_comes_back_as_it_was_typed() {
    let gateway = TestGateway::builder().start().await;
    gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    let stolen = tag(&gateway.seen()[0].body);
    let text = format!("what is {stolen}, and <EMAIL_ADDRESS_0123456789ABC>?");
    let reply = gateway.post(CHAT, chat("demo-echo", &text)).send().await;
    assert_eq!(said(&reply), text);
    let seen = String::from_utf8(gateway.seen()[1].body.to_vec()).unwrap();
    assert!(!seen.contains(&stolen), "{seen}");
}

#[tokio::test]
async fn a_tool_call_comes_back_as_valid_json_with_the_original_values() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("please call mail for {EMAIL}, account {IBAN}");
    let parameters = json!({"type": "object", "required": ["to", "account"],
        "properties": {"to": {"type": "string"}, "account": {"type": "string"}}});
    for is_stream in [false, true] {
        let body = json!({"model": "demo", "stream": is_stream, "messages": [{"role": "user", "content": text}],
            "tools": [{"type": "function", "function": {"name": "mail", "parameters": parameters}}]});
        let reply = gateway.post(CHAT, body.to_string()).send().await;
        let arguments: String = if is_stream {
            let events = reply.events();
            let pieces = events
                .iter()
                .filter_map(|data| serde_json::from_str::<Value>(data).ok());
            let piece = |event: Value| {
                let call = &event["choices"][0]["delta"]["tool_calls"][0];
                call["function"]["arguments"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            pieces.map(piece).collect()
        } else {
            let call = &reply.json()["choices"][0]["message"]["tool_calls"][0];
            call["function"]["arguments"].as_str().unwrap().to_owned()
        };
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!(arguments, json!({"to": EMAIL, "account": IBAN}));
    }
}

#[tokio::test]
async fn the_provider_is_asked_for_its_own_name_of_the_model() {
    let models = "[[models]]\nmatch = \"our-model\"\nprovider = \"openai\"\nupstream_model = \"demo-echo\"\n";
    let gateway = TestGateway::builder().models(models).start().await;
    let body = chat("our-model", &format!("I am {EMAIL}"));
    let reply = gateway.post(CHAT, body.clone()).send().await;
    assert_eq!(said(&reply), format!("I am {EMAIL}"));
    let seen = gateway.seen().remove(0).body;
    let undone = String::from_utf8(seen.to_vec())
        .unwrap()
        .replace(&tag(&seen), EMAIL);
    assert_eq!(undone.replace("demo-echo", "our-model"), body);
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_each_dialect() {
    let models = "[[models]]\nmatch = \"our-model\"\nprovider = \"openai\"\nupstream_model = \"demo-echo\"\n";
    let gateway = TestGateway::builder().models(models).start().await;
    let ask = gateway.ask("GET", MODELS).header("x-api-key", gateway.key());
    let openai = ask.clone().send().await.json();
    assert_eq!(openai["object"], "list");
    let ids = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().unwrap().iter();
        data.map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(&openai),
        ["claude-demo", "demo-echo", "demo-small", "our-model"]
    );
    let anthropic = ask.header("anthropic-version", "2023-06-01").send().await.json();
    assert_eq!(ids(&anthropic), ids(&openai));
    assert_eq!(anthropic["has_more"], false);
    assert_eq!(anthropic["data"][3]["type"], "model");
}
