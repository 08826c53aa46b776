//! Where surrogates of a reply become values again, and where they stay.

use privet_testkit::TestGateway;
use serde_json::json;

use crate::support::{CHAT, EMAIL, MESSAGES, chat, chat_stream, messages, messages_stream, said};

#[tokio::test]
async fn links_and_images_keep_their_surrogates() {
    let gateway = TestGateway::builder().start().await;
    for (path, body) in [
        (CHAT, chat("demo-link", EMAIL)),
        (CHAT, chat_stream("demo-link", EMAIL)),
        (MESSAGES, messages("claude-demo-link", EMAIL)),
        (MESSAGES, messages_stream("claude-demo-link", EMAIL)),
    ] {
        let reply = gateway.post(path, body.clone()).send().await;
        let said = match (path, body.contains("\"stream\":true")) {
            (CHAT, false) => said(&reply),
            (CHAT, true) => reply.openai_said(0),
            (_, false) => reply.json()["content"][0]["text"].as_str().unwrap().to_owned(),
            (_, true) => reply.anthropic_said(),
        };
        let (text, links) = said.split_once("\n\n").expect("text, then links");
        assert_eq!(text, EMAIL);
        assert!(!links.contains(EMAIL), "{links}");
        assert_eq!(links.matches("EMAIL_ADDRESS_").count(), 2, "{links}");
    }
}

#[tokio::test]
async fn an_allowed_url_gets_its_value_back_and_others_do_not() {
    let policy = "[restore]\nurl_allow = [\"https://crm.example/\"]";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let phone = "+1 202-555-0143";
    for is_stream in [false, true] {
        let body = if is_stream {
            chat_stream("demo-link", EMAIL)
        } else {
            chat("demo-link", EMAIL)
        };
        let reply = gateway.post(CHAT, body).send().await;
        let said = if is_stream {
            reply.openai_said(0)
        } else {
            said(&reply)
        };
        let (_, links) = said.split_once("\n\n").expect("text, then links");
        let (crm, evil) = links.split_once(" !").expect("a link, then an image");
        assert!(crm.contains("ada.lovelace"), "{links}");
        assert!(
            !evil.contains("ada.lovelace") && evil.contains("EMAIL_ADDRESS_"),
            "{links}"
        );
        let reply = gateway.post(CHAT, chat("demo-link", phone)).send().await;
        assert!(!reply.text().contains(&format!("q={phone}")));
    }
}

#[tokio::test]
async fn arguments_of_a_named_tool_keep_their_surrogates() {
    let policy = "[restore.tools]\nweb_search = false";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let parameters = json!({"type": "object", "properties": {"to": {"type": "string"}}});
    let text = format!("please call mail and web_search for {EMAIL}");
    for is_stream in [false, true] {
        let function =
            |name: &str| json!({"type": "function", "function": {"name": name, "parameters": parameters}});
        let body = json!({"model": "demo", "stream": is_stream, "messages": [{"role": "user", "content": text}],
            "tools": [function("mail"), function("web_search")]});
        let chat = gateway.post(CHAT, body.to_string()).send().await;
        let tool = |name: &str| json!({"name": name, "input_schema": parameters});
        let body = json!({"model": "claude-demo", "max_tokens": 9, "stream": is_stream,
            "messages": [{"role": "user", "content": text}], "tools": [tool("mail"), tool("web_search")]});
        let messages = gateway.post(MESSAGES, body.to_string()).send().await;
        for reply in [chat, messages] {
            let [mail, search] = arguments(&reply.text(), is_stream);
            assert_eq!(mail, json!({"to": EMAIL}).to_string());
            assert!(search.starts_with("{\"to\":\"<EMAIL_ADDRESS_"), "{search}");
        }
    }
}

/// The arguments of both tool calls in a reply of either dialect.
fn arguments(reply: &str, is_stream: bool) -> [String; 2] {
    let mut calls = [String::new(), String::new()];
    let documents: Vec<&str> = if is_stream {
        let text = reply.lines().filter_map(|line| line.strip_prefix("data:"));
        text.collect()
    } else {
        vec![reply]
    };
    let parsed = documents
        .into_iter()
        .filter_map(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    for document in parsed {
        let choice = &document["choices"][0];
        for call in [&choice["message"], &choice["delta"]]
            .into_iter()
            .filter_map(|said| said["tool_calls"].as_array())
            .flatten()
            .enumerate()
        {
            let at = call.1["index"]
                .as_u64()
                .map_or(call.0, |index| usize::try_from(index).unwrap());
            calls[at].push_str(call.1["function"]["arguments"].as_str().unwrap_or_default());
        }
        let blocks = document["content"].as_array().into_iter().flatten();
        for (at, block) in blocks.filter(|block| block["type"] == "tool_use").enumerate() {
            calls[at].push_str(&block["input"].to_string());
        }
        if let Some(piece) = document["delta"]["partial_json"].as_str() {
            // Block 0 is text.
            let at = usize::try_from(document["index"].as_u64().unwrap()).unwrap() - 1;
            calls[at].push_str(piece);
        }
    }
    calls
}

#[tokio::test]
async fn text_keeps_its_surrogates_where_the_policy_says_so() {
    let gateway = TestGateway::builder()
        .policy("[restore]\ntext = false")
        .start()
        .await;
    for is_stream in [false, true] {
        let body = if is_stream {
            chat_stream("demo", EMAIL)
        } else {
            chat("demo", EMAIL)
        };
        let reply = gateway.post(CHAT, body).send().await;
        let said = if is_stream {
            reply.openai_said(0)
        } else {
            said(&reply)
        };
        assert!(!said.contains(EMAIL) && said.contains("EMAIL_ADDRESS_"), "{said}");
    }
}

#[tokio::test]
async fn text_that_is_to_be_json_stays_json() {
    let gateway = TestGateway::builder().start().await;
    let text = "say \"hi\" to \"Ada O'Neil\" <ada.lovelace@example.com>";
    for is_stream in [false, true] {
        let body = json!({"model": "demo-json", "stream": is_stream, "response_format": {"type": "json_object"},
            "messages": [{"role": "user", "content": text}]});
        let reply = gateway.post(CHAT, body.to_string()).send().await;
        let said = if is_stream {
            reply.openai_said(0)
        } else {
            said(&reply)
        };
        let document: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(document["you_wrote"], text);
    }
}
