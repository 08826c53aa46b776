use privet_demo::Cuts;
use privet_demo::columns::extract;
use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::local::{TAG, data_and_names, json as document, provider};

const PATH: &str = "/v1/responses";

#[tokio::test]
async fn a_reply_has_the_shape_of_a_response_and_repeats_what_was_asked() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let ask = json!({"model": "demo-thinking", "input": "Grüße", "instructions": "be kind", "store": false,
        "include": ["reasoning.encrypted_content"]});
    let reply = document(&client.post(PATH, ask.to_string()).await.unwrap());
    assert_eq!(
        (reply["object"].as_str(), reply["status"].as_str()),
        (Some("response"), Some("completed"))
    );
    assert_eq!(
        (&reply["instructions"], &reply["store"]),
        (&json!("be kind"), &json!(false))
    );
    assert_eq!(reply["output"][0]["type"], "reasoning");
    assert!(reply["output"][0]["encrypted_content"].is_string());
    assert!(
        reply["output"][1]["content"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("You wrote: Grüße")
    );
    assert!(reply["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn typed_events_are_named_numbered_and_add_up() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let ask = json!({"model": "demo-thinking", "input": format!("I am {TAG}"), "stream": true}).to_string();
    let reply = client.post(PATH, ask).await.unwrap();
    let (data, names) = data_and_names(&reply);
    let events: Vec<Value> = data
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    for (number, (event, name)) in events.iter().zip(&names).enumerate() {
        assert_eq!(
            (&event["type"], &event["sequence_number"]),
            (&json!(name), &json!(number))
        );
    }
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    let lines = extract(SurfaceKind::OpenaiResponses, &reply.body);
    let whole = extract(
        SurfaceKind::OpenaiResponses,
        last["response"].to_string().as_bytes(),
    );
    assert_eq!(lines, whole);
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn changed_reasoning_results_without_calls_and_what_is_not_kept_are_refused() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let items = [
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAA"}),
        json!({"type": "function_call_output", "call_id": "call_1", "output": "x"}),
        json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{"}),
        json!({"type": "item_reference", "id": "msg_1"}),
    ];
    for item in items {
        let ask = json!({"model": "demo", "input": [item]}).to_string();
        assert_eq!(client.post(PATH, ask).await.unwrap().status, 400, "{item}");
    }
    let ask = json!({"model": "demo", "input": "x", "previous_response_id": "resp_1"}).to_string();
    let reply = document(&client.post(PATH, ask).await.unwrap());
    assert_eq!(reply["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn a_conversation_goes_on_from_a_response_that_is_kept() {
    let (_provider, client) = provider(Cuts::Whole).await;
    let tools = json!([{"type": "function", "name": "send_mail", "parameters": {"type": "object"}}]);
    let call =
        json!({"model": "demo", "input": format!("call send_mail to {TAG}"), "tools": tools}).to_string();
    let called = document(&client.post(PATH, call).await.unwrap());
    let result =
        json!({"type": "function_call_output", "call_id": called["output"][0]["call_id"], "output": "sent"});
    let ask = json!({"model": "demo", "input": [result], "previous_response_id": called["id"]}).to_string();
    let reply = document(&client.post(PATH, ask).await.unwrap());
    assert_eq!(reply["previous_response_id"], called["id"]);
    assert!(
        reply["output"][0].to_string().contains("The tool answered: sent"),
        "{reply}"
    );

    let unkept = json!({"model": "demo", "input": "hi", "store": false}).to_string();
    let unkept = document(&client.post(PATH, unkept).await.unwrap());
    let ask = json!({"model": "demo", "input": "x", "previous_response_id": unkept["id"]}).to_string();
    assert_eq!(client.post(PATH, ask).await.unwrap().status, 400);
}
