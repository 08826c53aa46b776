//! Responses, embeddings, counts of tokens and single models: what leaves, what comes back, and in which shape.

use privet_testkit::{RawProvider, Reply, TestGateway, json_reply};
use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::masking::assert_whole_conversation;
use crate::support::{CARD, EMAIL, IBAN, MESSAGES, MODELS, assert_refused, messages, tag};

const RESPONSES: &str = "/v1/responses";
const EMBEDDINGS: &str = "/v1/embeddings";
const COUNT: &str = "/v1/messages/count_tokens";

fn respond(model: &str, input: &Value) -> String {
    json!({"model": model, "input": input}).to_string()
}

/// What a whole response says.
fn said(reply: &Reply) -> String {
    let reply = reply.json();
    let text = reply.pointer("/output/0/content/0/text").and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("{reply}")).to_owned()
}

/// The data of a stream's events.
fn events(reply: &Reply) -> Vec<Value> {
    let parsed = reply
        .events()
        .into_iter()
        .map(|data| serde_json::from_str(&data).unwrap());
    parsed.collect()
}

#[tokio::test]
async fn a_conversation_of_responses_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::OpenaiResponses, "demo", false).await;
    assert_whole_conversation("realistic", SurfaceKind::OpenaiResponses, "demo", false).await;
}

#[tokio::test]
async fn a_streamed_conversation_of_responses_with_tools_is_masked_and_restored() {
    assert_whole_conversation("tag", SurfaceKind::OpenaiResponses, "demo", true).await;
    assert_whole_conversation("realistic", SurfaceKind::OpenaiResponses, "demo", true).await;
}

#[tokio::test]
pub(crate) async fn neither_the_input_of_a_response_nor_arguments_in_its_history_leave_in_clear() {
    let gateway = TestGateway::builder().start().await;
    let arguments = json!({"iban": IBAN}).to_string();
    let input = json!([
        {"role": "user", "content": [{"type": "input_text", "text": format!("I am {EMAIL}")}]},
        {"type": "function_call", "call_id": "call_1", "name": "pay", "arguments": arguments},
        {"type": "function_call_output", "call_id": "call_1", "output": format!("paid with {CARD}")},
    ]);
    let reply = gateway.post(RESPONSES, respond("demo-echo", &input)).send().await;
    assert_eq!(said(&reply), format!("paid with {CARD}"));
    let seen = gateway.seen_text();
    for value in [EMAIL, CARD, IBAN] {
        assert!(!seen.contains(value), "{value}");
    }
}

#[tokio::test]
async fn typed_events_count_on_by_one_and_say_at_their_end_what_they_said_in_pieces() {
    let gateway = TestGateway::builder().start().await;
    for model in ["demo-thinking", "demo-shout", "demo-markdown"] {
        let body = json!({"model": model, "stream": true, "input": format!("I am {EMAIL}")}).to_string();
        let reply = gateway.post(RESPONSES, body).send().await;
        assert!(reply.is_whole);
        let events = events(&reply);
        let kinds: Vec<&str> = events
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, reply.event_names());
        assert_eq!(
            (kinds[0], *kinds.last().unwrap()),
            ("response.created", "response.completed")
        );
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
        let pieces = |kind: &str| -> String {
            let of_kind = events.iter().filter(|event| event["type"] == kind);
            of_kind.map(|event| event["delta"].as_str().unwrap()).collect()
        };
        let said = pieces("response.output_text.delta");
        assert!(
            said.contains(EMAIL) && !said.to_uppercase().contains("EMAIL_ADDRESS"),
            "{said}"
        );
        let done = events
            .iter()
            .find(|event| event["type"] == "response.output_text.done")
            .unwrap();
        assert_eq!(done["text"], said);
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap();
        assert_eq!(output.last().unwrap()["content"][0]["text"], said);
        if model == "demo-thinking" {
            assert_eq!(
                output[0]["summary"][0]["text"],
                pieces("response.reasoning_summary_text.delta")
            );
        }
    }
}

#[tokio::test]
async fn all_but_masked_values_of_a_response_request_passes_byte_for_byte() {
    let gateway = TestGateway::builder().start().await;
    let body = r#"{ "model":"demo-echo", "store" : false,"input":[{"role":"user","content":"hi \u00e9"}],
        "prompt_cache_key":"019a7c3e-7f2b-7a11","include":["reasoning.encrypted_content"],"new_field":{"x":[1.50]},
        "reasoning":{"effort":"low"},"text":{"verbosity":"low"} }"#;
    let reply = gateway.post(RESPONSES, body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-privet-masked"), Some("0"));
    assert_eq!(gateway.seen()[0].body, body);
}

#[tokio::test]
async fn refusals_of_responses_have_the_shape_of_their_surface_and_send_nothing() {
    let gateway = TestGateway::builder().start().await;
    let image = json!([{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}]);
    let cases = [
        (RESPONSES, respond("demo", &image), "content_not_checkable"),
        (RESPONSES, "{\"input\":\"x\"}".to_owned(), "bad_body"),
        (
            RESPONSES,
            "{\"model\":\"demo\",\"model\":\"demo\"}".to_owned(),
            "bad_body",
        ),
        (RESPONSES, respond("claude-demo", &json!("x")), "wrong_dialect"),
        (
            EMBEDDINGS,
            respond("demo", &json!([1, 2])),
            "content_not_checkable",
        ),
        (
            EMBEDDINGS,
            respond("demo", &json!([[1], [2]])),
            "content_not_checkable",
        ),
        (EMBEDDINGS, respond("claude-demo", &json!("x")), "wrong_dialect"),
    ];
    for (path, body, code) in cases {
        let reply = gateway.post(path, body).send().await;
        assert_refused(&reply, path, 400, code);
    }
    let reply = gateway.post(COUNT, messages("demo", "x")).send().await;
    assert_refused(&reply, COUNT, 400, "invalid_request_error");
    for path in [RESPONSES, EMBEDDINGS] {
        let reply = gateway
            .post(path, respond("demo", &json!("x")))
            .without("authorization")
            .send()
            .await;
        assert_refused(&reply, path, 401, "invalid_api_key");
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn errors_of_the_provider_arrive_as_they_are_on_every_surface() {
    let gateway = TestGateway::builder().calm().start().await;
    for path in [RESPONSES, EMBEDDINGS] {
        let reply = gateway
            .post(path, respond("demo-error-429", &json!("x")))
            .send()
            .await;
        assert_eq!((reply.status, reply.header("retry-after-ms")), (429, Some("250")));
        assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    }
    let body = json!({"model": "demo-error-stream", "stream": true, "input": EMAIL}).to_string();
    let reply = gateway.post(RESPONSES, body).send().await;
    let events = events(&reply);
    assert_eq!(events.last().unwrap()["type"], "error");
    assert!(!reply.text().contains("EMAIL_ADDRESS_"), "{}", reply.text());
}

#[tokio::test]
async fn images_of_a_response_pass_if_the_policy_says_so() {
    let gateway = TestGateway::builder()
        .policy("[parts]\npass = [\"image\"]")
        .start()
        .await;
    let input = json!([{"role": "user", "content": [
        {"type": "input_text", "text": EMAIL},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
    ]}]);
    let reply = gateway.post(RESPONSES, respond("demo-echo", &input)).send().await;
    assert_eq!(said(&reply), format!("{EMAIL}\n[input_image]"));
    let seen = gateway.seen_text();
    assert!(seen.contains("base64,AAAA") && !seen.contains(EMAIL));
}

#[tokio::test]
async fn a_policy_can_forbid_that_providers_keep_anything() {
    let gateway = TestGateway::builder()
        .policy("[responses]\nstore = \"never\"")
        .start()
        .await;
    let reply = gateway
        .post(RESPONSES, respond("demo-echo", &json!(EMAIL)))
        .send()
        .await;
    assert_eq!(said(&reply), EMAIL);
    let sent: Value = serde_json::from_slice(&gateway.seen()[0].body).unwrap();
    assert_eq!(sent["store"], false);
    for needs in [
        json!({"background": true}),
        json!({"conversation": {"id": "conv_1"}}),
    ] {
        let mut body = json!({"model": "demo", "input": "x"});
        body.as_object_mut()
            .unwrap()
            .extend(needs.as_object().unwrap().clone());
        let reply = gateway.post(RESPONSES, body.to_string()).send().await;
        assert_refused(&reply, RESPONSES, 400, "storage_forbidden");
    }
    assert_eq!(gateway.seen().len(), 1);
}

/// A request that introduces somebody, and what a later one that says nothing of it is told.
async fn gone_on(policy: &str, store: Option<bool>, other: bool) -> String {
    let gateway = TestGateway::builder().policy(policy).start().await;
    let first = json!({"model": "demo", "input": format!("I am {EMAIL}"), "store": store});
    let first = gateway.post(RESPONSES, first.to_string()).send().await.json();
    let mut ask = json!({"model": "demo", "input": "What else do you remember?"});
    if let Some(id) = first["id"].as_str().filter(|_| store != Some(false)) {
        ask["previous_response_id"] = json!(id);
    }
    let mut request = gateway.post(RESPONSES, ask.to_string());
    if other {
        let key = gateway.new_key("somebody-else", None).await;
        request = request
            .without("authorization")
            .header("authorization", &format!("Bearer {}", key.key.expose()));
    }
    let reply = request.send().await;
    assert!(!gateway.seen_text().contains(EMAIL));
    said(&reply)
}

#[tokio::test]
async fn a_response_that_goes_on_from_an_earlier_one_is_whole() {
    let said = gone_on("", None, false).await;
    assert!(said.contains(EMAIL), "{said}");
}

#[tokio::test]
async fn a_response_that_names_items_of_an_earlier_one_is_whole() {
    let gateway = TestGateway::builder().start().await;
    let first = json!({"model": "demo-echo", "input": format!("I am {EMAIL}")});
    let first = gateway.post(RESPONSES, first.to_string()).send().await.json();
    let id = first["output"][0]["id"].as_str().unwrap();
    // What the item says stands nowhere in this request.
    let ask = json!({"model": "demo", "input": [{"type": "item_reference", "id": id},
        {"role": "user", "content": "What else do you remember?"}]});
    let reply = gateway.post(RESPONSES, ask.to_string()).send().await;
    assert!(!gateway.seen_text().contains(EMAIL));
    assert!(said(&reply).contains(EMAIL), "{}", reply.text());
}

#[tokio::test]
async fn what_an_earlier_response_held_is_its_callers_alone_and_as_the_policy_says() {
    let forgets = "[responses]\nremember = false";
    for (policy, other) in [("", true), (forgets, false)] {
        let said = gone_on(policy, Some(true), other).await;
        assert!(!said.contains(EMAIL) && said.contains("EMAIL_ADDRESS_"), "{said}");
    }
}

#[tokio::test]
async fn texts_are_embedded_masked_and_vectors_come_back_unchanged() {
    let gateway = TestGateway::builder().start().await;
    let ask = |input: Value, format: &str| {
        let body = json!({"model": "demo", "input": input, "encoding_format": format}).to_string();
        gateway.post(EMBEDDINGS, body)
    };
    for format in ["float", "base64"] {
        let both = ask(json!([format!("I am {EMAIL}"), "hello"]), format)
            .send()
            .await
            .json();
        let alone = ask(json!(format!("I am {EMAIL}")), format).send().await;
        assert_eq!(alone.header("x-privet-masked"), Some("1"));
        // The same text has the same stand-in, and so the same vector, in every request.
        assert_eq!(both["data"][0]["embedding"], alone.json()["data"][0]["embedding"]);
        assert_ne!(both["data"][0]["embedding"], both["data"][1]["embedding"]);
        assert_eq!(both["data"][0]["embedding"].is_string(), format == "base64");
    }
    assert!(!gateway.seen_text().contains(EMAIL));
    let events = gateway.stop().await.home.audit().await;
    assert_eq!(events.len(), 4);
    assert!(
        events
            .iter()
            .all(|row| row.event.surface == SurfaceKind::OpenaiEmbeddings)
    );
}

#[tokio::test]
async fn a_reply_of_vectors_passes_byte_for_byte() {
    let reply = r#"{ "data":[{"embedding":[1.0e-7,-0.50, 4111111111111111],"index":0}],"note":"NOTE" }"#;
    for (path, model) in [(EMBEDDINGS, "demo"), (COUNT, "claude-demo")] {
        let provider = RawProvider::always(json_reply("200 OK", "", reply)).await;
        let gateway = TestGateway::builder()
            .in_front_of(provider.address())
            .start()
            .await;
        let body = json!({"model": model, "input": CARD, "messages": [{"role": "user", "content": CARD}]});
        let answer = gateway.post(path, body.to_string()).send().await;
        assert_eq!(answer.text(), reply);
        assert_eq!(
            answer.header("content-length"),
            Some(reply.len().to_string().as_str())
        );
        assert!(!format!("{:?}", provider.requests()).contains(CARD));
    }
}

#[tokio::test]
async fn the_tokens_of_the_masked_text_are_counted() {
    let gateway = TestGateway::builder().calm().start().await;
    let body =
        json!({"model": "claude-demo", "messages": [{"role": "user", "content": format!("I am {EMAIL}")}]});
    let target = format!("{COUNT}?beta=true");
    let ask = gateway.post(&target, body.to_string());
    let reply = ask
        .header(
            "anthropic-beta",
            "token-counting-2024-11-01,something-new-2031-01-01",
        )
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = gateway.seen();
    let sent = tag(&seen[0].body);
    assert_eq!(
        reply.json()["input_tokens"],
        format!("I am {sent}").len().div_ceil(4) + 3
    );
    assert_eq!(seen[0].path, target);
    let beta = seen[0].headers.iter().find(|(name, _)| name == "anthropic-beta");
    assert_eq!(
        beta.map(|(_, value)| value.as_str()),
        Some("token-counting-2024-11-01,something-new-2031-01-01")
    );
    // The prompt itself has the same stand-ins, so that the count is its own.
    let whole = gateway
        .post(MESSAGES, messages("claude-demo", &format!("I am {EMAIL}")))
        .send()
        .await;
    assert_eq!(
        whole.json()["usage"]["input_tokens"],
        reply.json()["input_tokens"]
    );
    let surfaces: Vec<SurfaceKind> = gateway
        .stop()
        .await
        .home
        .audit()
        .await
        .iter()
        .map(|row| row.event.surface)
        .collect();
    assert_eq!(
        surfaces,
        [SurfaceKind::AnthropicCountTokens, SurfaceKind::AnthropicMessages]
    );
}

#[tokio::test]
async fn a_client_may_ask_first_whether_anybody_is_there() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway.ask("HEAD", "/").send().await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn one_model_is_told_in_the_shape_of_either_dialect() {
    let models =
        "[[models]]\nmatch = \"team/small\"\nprovider = \"openai\"\nupstream_model = \"demo-echo\"\n";
    let gateway = TestGateway::builder().models(models).start().await;
    let ask = |id: &str| {
        let key = format!("Bearer {}", gateway.key());
        gateway
            .ask("GET", &format!("{MODELS}/{id}"))
            .header("authorization", &key)
    };
    let listed = ask("demo-small").send().await.json();
    assert_eq!(
        (listed["id"].as_str(), listed["object"].as_str()),
        (Some("demo-small"), Some("model"))
    );
    for id in ["team/small", "team%2Fsmall"] {
        let named = ask(id).send().await.json();
        assert_eq!(named["id"], "team/small", "{named}");
    }
    let anthropic = ask("claude-demo")
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .json();
    assert_eq!(
        (anthropic["id"].as_str(), anthropic["type"].as_str()),
        (Some("claude-demo"), Some("model"))
    );
    assert!(anthropic["display_name"].is_string());
    for id in ["demo-unknown", "nobody-has-it", "%ff"] {
        let reply = ask(id).send().await;
        assert_refused(&reply, MODELS, 404, "model_not_found");
    }
    let reply = gateway.ask("GET", &format!("{MODELS}/demo-small")).send().await;
    assert_refused(&reply, MODELS, 401, "invalid_api_key");
}

#[tokio::test]
async fn addresses_of_kept_responses_are_not_served() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway.ask("GET", "/v1/responses/resp_1").send().await;
    assert_refused(&reply, RESPONSES, 404, "unknown_url");
}
