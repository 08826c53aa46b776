//! Streamed responses.

use privet_types::SurfaceKind::OpenaiResponses;
use serde_json::{Value, json};

use super::{events, judged, passes, shown, told_at};

/// Puts events in order: each gets its number.
#[derive(Default)]
pub(super) struct Stream {
    number: u64,
    text: String,
}

impl Stream {
    pub(super) fn event(&mut self, kind: &str, fields: &Value) -> &mut Self {
        let mut event = fields.clone();
        event["type"] = json!(format!("response.{kind}"));
        event["sequence_number"] = json!(self.number);
        self.number += 1;
        self.text
            .push_str(&format!("event: response.{kind}\ndata: {event}\n\n"));
        self
    }

    pub(super) fn begin(&mut self) -> &mut Self {
        let response = response("in_progress", &json!([]));
        self.event("created", &json!({ "response": response }));
        self.event("in_progress", &json!({ "response": response }))
    }

    pub(super) fn begin_message(&mut self, index: u64) -> &mut Self {
        let item = message(index, "in_progress", &json!([]));
        self.event(
            "output_item.added",
            &json!({ "output_index": index, "item": item }),
        );
        self.at("content_part.added", index, &json!({ "part": part("") }))
    }

    pub(super) fn at(&mut self, kind: &str, index: u64, fields: &Value) -> &mut Self {
        let mut fields = fields.clone();
        fields["item_id"] = json!(format!("msg_{index}"));
        fields["output_index"] = json!(index);
        fields["content_index"] = json!(0);
        self.event(kind, &fields)
    }

    pub(super) fn said(&mut self, index: u64, text: &str) -> &mut Self {
        self.at(
            "output_text.delta",
            index,
            &json!({ "delta": text, "logprobs": [], "obfuscation": "aB3" }),
        )
    }

    pub(super) fn end_message(&mut self, index: u64, text: &str) -> &mut Self {
        self.at(
            "output_text.done",
            index,
            &json!({ "text": text, "logprobs": [] }),
        );
        self.at("content_part.done", index, &json!({ "part": part(text) }));
        let item = message(index, "completed", &json!([part(text)]));
        self.event(
            "output_item.done",
            &json!({ "output_index": index, "item": item }),
        )
    }

    fn begin_call(&mut self, index: u64, name: &str) -> &mut Self {
        let item = call(index, name, "");
        self.event(
            "output_item.added",
            &json!({ "output_index": index, "item": item }),
        )
    }

    fn call_piece(&mut self, index: u64, piece: &str) -> &mut Self {
        let fields = json!({ "item_id": format!("fc_{index}"), "output_index": index, "delta": piece });
        self.event("function_call_arguments.delta", &fields)
    }

    fn end_call(&mut self, index: u64, name: &str, arguments: &str) -> &mut Self {
        let fields =
            json!({ "item_id": format!("fc_{index}"), "output_index": index, "arguments": arguments });
        self.event("function_call_arguments.done", &fields);
        let item = call(index, name, arguments);
        self.event(
            "output_item.done",
            &json!({ "output_index": index, "item": item }),
        )
    }

    pub(super) fn end(&mut self, output: &Value) -> String {
        let response = response("completed", output);
        self.event("completed", &json!({ "response": response }));
        self.text.clone()
    }
}

fn response(status: &str, output: &Value) -> Value {
    json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": null, "incomplete_details": null,
        "instructions": "never say STOP or secret", "model": "m", "output": output, "parallel_tool_calls": true,
        "tool_choice": "auto", "tools": [], "text": { "format": { "type": "text" } }, "metadata": { "k": "STOP" },
        "usage": null })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

pub(super) fn message(index: u64, status: &str, content: &Value) -> Value {
    json!({ "id": format!("msg_{index}"), "type": "message", "status": status, "role": "assistant", "content": content })
}

fn call(index: u64, name: &str, arguments: &str) -> Value {
    json!({ "id": format!("fc_{index}"), "type": "function_call", "status": "completed", "call_id": format!("call_{index}"),
        "name": name, "arguments": arguments })
}

/// A reply of one text, in these pieces.
pub(super) fn stream(pieces: &[&str]) -> String {
    let text = pieces.concat();
    let mut stream = Stream::default();
    stream.begin().begin_message(0);
    for piece in pieces {
        stream.said(0, piece);
    }
    stream.end_message(0, &text);
    stream.end(&json!([message(0, "completed", &json!([part(&text)]))]))
}

/// All that a client reads as the text, at each place where it can.
pub(super) fn readings(out: &str) -> Vec<String> {
    let last = events(out).pop().unwrap();
    let text = |event: &str, pointer: &str| {
        let events = events(out).into_iter();
        let of_kind = events.filter(|e| e["type"].as_str() == Some(event));
        of_kind
            .filter_map(|e| Some(e.pointer(pointer)?.as_str()?.to_owned()))
            .collect::<String>()
    };
    vec![
        text("response.output_text.delta", "/delta"),
        text("response.output_text.done", "/text"),
        text("response.content_part.done", "/part/text"),
        text("response.output_item.done", "/item/content/0/text"),
        last["response"]["output"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|item| item["content"][0]["text"].as_str())
            .collect(),
    ]
}

fn numbers_count_on(out: &str) {
    let numbers: Vec<u64> = events(out)
        .iter()
        .map(|e| e["sequence_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
}

fn kinds(out: &str) -> Vec<String> {
    events(out)
        .iter()
        .map(|e| e["type"].as_str().unwrap().replace("response.", ""))
        .collect()
}

#[test]
fn a_stream_in_which_nothing_is_found_passes_byte_for_byte() {
    let mut whole = Stream::default();
    whole
        .begin()
        .begin_message(0)
        .said(0, "Hello ")
        .said(0, "there")
        .end_message(0, "Hello there");
    whole
        .begin_call(1, "look")
        .call_piece(1, "{\"a\":")
        .call_piece(1, "1}")
        .end_call(1, "look", "{\"a\":1}");
    let text = message(0, "completed", &json!([part("Hello there")]));
    let whole = whole.end(&json!([text, call(1, "look", "{\"a\":1}")]));
    passes(OpenaiResponses, &whole);
    assert_eq!(
        judged(OpenaiResponses, &whole),
        [("look".to_owned(), "{\"a\":1}".to_owned())]
    );
}

#[test]
fn a_text_reads_the_same_in_pieces_and_as_a_whole() {
    let (out, is_stopped) = shown(OpenaiResponses, &stream(&["my sec", "ret is", " out of the bag"]));
    assert!(!is_stopped);
    assert_eq!(readings(&out), ["my  is out of the bag"; 5]);
    numbers_count_on(&out);
    assert!(
        out.contains("never say STOP or secret"),
        "what the request said is told again"
    );
}

#[test]
fn a_text_that_never_came_in_pieces_reads_the_same_everywhere() {
    let mut whole = Stream::default();
    whole.begin().begin_message(0).end_message(0, "a secret");
    let whole = whole.end(&json!([message(0, "completed", &json!([part("a secret")]))]));
    let (out, _) = shown(OpenaiResponses, &whole);
    assert_eq!(readings(&out)[1..], ["a "; 4]);
}

#[test]
fn what_is_told_as_a_whole_never_says_more_than_its_pieces() {
    let mut whole = Stream::default();
    whole
        .begin()
        .begin_message(0)
        .said(0, "a")
        .end_message(0, "a STOP secret");
    let (out, _) = shown(
        OpenaiResponses,
        &whole.end(&json!([message(0, "completed", &json!([part("b secret")]))])),
    );
    assert_eq!(readings(&out), ["a"; 5]);
}

#[test]
fn a_stop_ends_part_item_and_response() {
    let (out, is_stopped) = shown(OpenaiResponses, &stream(&["As you wish: ", "STOP", " more"]));
    assert!(is_stopped);
    assert_eq!(readings(&out), ["As you wish: \n\n[stopped]"; 5]);
    numbers_count_on(&out);
    assert_eq!(
        kinds(&out)[5..],
        [
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "incomplete"
        ]
    );
    let last = events(&out).pop().unwrap();
    assert_eq!(last["response"]["status"], "incomplete");
    assert_eq!(
        last["response"]["incomplete_details"],
        json!({ "reason": "content_filter" })
    );
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    assert_eq!(last["response"]["id"], "resp_1");
}

#[test]
fn a_stop_by_a_call_is_told_in_a_message_of_its_own() {
    let mut whole = Stream::default();
    whole
        .begin()
        .begin_message(0)
        .said(0, "I will.")
        .end_message(0, "I will.");
    whole
        .begin_call(1, "forbidden")
        .call_piece(1, "{}")
        .end_call(1, "forbidden", "{}");
    let text = message(0, "completed", &json!([part("I will.")]));
    let whole = whole.end(&json!([text, call(1, "forbidden", "{}")]));
    let (out, is_stopped) = shown(OpenaiResponses, &whole);
    assert!(is_stopped && !out.contains("forbidden"));
    assert_eq!(readings(&out), ["I will.[stopped]"; 5]);
    numbers_count_on(&out);
    let last = events(&out).pop().unwrap();
    assert_eq!(last["response"]["output"][0]["status"], "completed");
    assert_eq!(last["response"]["output"][1]["id"], "msg_1_stopped");
    let added = events(&out)
        .into_iter()
        .rfind(|e| e["type"] == "response.output_item.added")
        .unwrap();
    assert_eq!(added["output_index"], 1);
}

#[test]
fn a_call_that_comes_at_the_very_end_only_is_judged_there() {
    let mut whole = Stream::default();
    let whole = whole.begin().end(&json!([call(0, "forbidden", "{}")]));
    let (out, is_stopped) = shown(OpenaiResponses, &whole);
    assert!(is_stopped && !out.contains("forbidden"));
    assert_eq!(kinds(&out).pop().unwrap(), "incomplete");
}

#[test]
fn calls_whose_pieces_say_something_else_are_judged_by_both() {
    let mut whole = Stream::default();
    whole
        .begin()
        .begin_call(0, "look")
        .call_piece(0, "{\"a\":1}")
        .end_call(0, "look", "{\"a\":2}");
    let whole = whole.end(&json!([call(0, "look", "{\"a\":3}")]));
    let arguments: Vec<String> = judged(OpenaiResponses, &whole)
        .into_iter()
        .map(|(_, a)| a)
        .collect();
    assert_eq!(arguments, ["{\"a\":2}", "{\"a\":1}", "{\"a\":3}"]);
}

#[test]
fn tools_of_the_provider_and_of_the_client_are_judged_by_what_they_are_to_do() {
    let mut whole = Stream::default();
    let item = json!({ "id": "sh", "type": "local_shell_call", "call_id": "c", "status": "completed",
        "action": { "type": "exec", "command": ["ls"] } });
    whole
        .begin()
        .event("output_item.added", &json!({ "output_index": 0, "item": item }));
    whole.event("output_item.done", &json!({ "output_index": 0, "item": item }));
    let custom = json!({ "id": "ct", "type": "custom_tool_call", "call_id": "d", "name": "patch", "input": "a \"b\"" });
    whole.event("output_item.done", &json!({ "output_index": 1, "item": custom }));
    let whole = whole.end(&json!([item, custom]));
    let expected = [
        ("local_shell", "{\"type\":\"exec\",\"command\":[\"ls\"]}"),
        ("patch", "\"a \\\"b\\\"\""),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, a)| ((*n).to_owned(), (*a).to_owned()))
        .collect();
    assert_eq!(judged(OpenaiResponses, &whole), expected);
}

#[test]
fn summaries_of_reasoning_are_looked_at_and_end_where_the_reply_is_stopped() {
    let mut whole = Stream::default();
    let item = |summary: &Value| json!({ "id": "rs_0", "type": "reasoning", "summary": summary, "encrypted_content": "gAAAAABo" });
    let at = |fields: Value| {
        let mut fields = fields;
        fields["item_id"] = json!("rs_0");
        fields["output_index"] = json!(0);
        fields["summary_index"] = json!(0);
        fields
    };
    whole.begin().event(
        "output_item.added",
        &json!({ "output_index": 0, "item": item(&json!([])) }),
    );
    whole.event(
        "reasoning_summary_part.added",
        &at(json!({ "part": { "type": "summary_text", "text": "" } })),
    );
    whole.event(
        "reasoning_summary_text.delta",
        &at(json!({ "delta": "thinking of a secret" })),
    );
    let mut stopping = Stream {
        number: whole.number,
        text: whole.text.clone(),
    };
    whole.event(
        "reasoning_summary_text.done",
        &at(json!({ "text": "thinking of a secret" })),
    );
    let done = json!({ "type": "summary_text", "text": "thinking of a secret" });
    whole.event("reasoning_summary_part.done", &at(json!({ "part": done })));
    whole.event(
        "output_item.done",
        &json!({ "output_index": 0, "item": item(&json!([done])) }),
    );
    let (out, _) = shown(OpenaiResponses, &whole.end(&json!([item(&json!([done]))])));
    let last = events(&out).pop().unwrap();
    assert_eq!(
        last["response"]["output"][0],
        item(&json!([{ "type": "summary_text", "text": "thinking of a " }]))
    );
    assert_eq!(told_at(&out, "/part/text"), "thinking of a ");
    numbers_count_on(&out);

    stopping.event("reasoning_summary_text.delta", &at(json!({ "delta": " STOP" })));
    let (out, _) = shown(OpenaiResponses, &stopping.text);
    numbers_count_on(&out);
    assert_eq!(
        kinds(&out)[5..],
        [
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "incomplete"
        ]
    );
    let last = events(&out).pop().unwrap();
    let output = &last["response"]["output"];
    assert_eq!(output[0]["summary"][0]["text"], "thinking of a  ");
    assert_eq!(output[0]["encrypted_content"], "gAAAAABo");
    assert_eq!(output[1]["content"][0]["text"], "[stopped]");
}

#[test]
fn refusals_are_looked_at() {
    let mut whole = Stream::default();
    let refusal = |text: &str| json!({ "type": "refusal", "refusal": text });
    let added = message(0, "in_progress", &json!([]));
    whole
        .begin()
        .event("output_item.added", &json!({ "output_index": 0, "item": added }));
    whole.at("content_part.added", 0, &json!({ "part": refusal("") }));
    whole.at("refusal.delta", 0, &json!({ "delta": "no secret for you" }));
    whole.at("refusal.done", 0, &json!({ "refusal": "no secret for you" }));
    whole.at(
        "content_part.done",
        0,
        &json!({ "part": refusal("no secret for you") }),
    );
    let done = message(0, "completed", &json!([refusal("no secret for you")]));
    whole.event("output_item.done", &json!({ "output_index": 0, "item": done }));
    let (out, _) = shown(OpenaiResponses, &whole.end(&json!([done])));
    assert_eq!(told_at(&out, "/refusal"), "no  for you");
    assert_eq!(told_at(&out, "/part/refusal"), "no  for you");
    assert_eq!(
        told_at(&out, "/response/output/0/content/0/refusal"),
        "no  for you"
    );
}

#[test]
fn annotations_and_letters_of_a_changed_text_do_not_tell_it() {
    let mut whole = Stream::default();
    let spelt = json!([{ "token": "secret", "logprob": -1, "bytes": [1], "top_logprobs": [] }]);
    whole.begin().begin_message(0);
    whole.at(
        "output_text.delta",
        0,
        &json!({ "delta": "secret", "logprobs": spelt }),
    );
    whole.at("output_text.annotation.added", 0, &json!({ "annotation_index": 0, "annotation": { "type": "url_citation", "title": "secret", "url": "https://e.com" } }));
    whole.at(
        "output_text.done",
        0,
        &json!({ "text": "secret", "logprobs": spelt }),
    );
    let part = json!({ "type": "output_text", "annotations": [{ "type": "url_citation", "title": "secret" }], "logprobs": spelt, "text": "secret" });
    whole.at("content_part.done", 0, &json!({ "part": part }));
    let done = message(0, "completed", &json!([part]));
    whole.event("output_item.done", &json!({ "output_index": 0, "item": done }));
    let (out, _) = shown(OpenaiResponses, &whole.end(&json!([done])));
    let told = out.replace("never say STOP or secret", "");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn parts_that_begin_with_their_text_are_ended_as_well() {
    let mut whole = Stream::default();
    let item = message(0, "in_progress", &json!([]));
    whole
        .begin()
        .event("output_item.added", &json!({ "output_index": 0, "item": item }));
    whole.said(0, "before it, ").said(0, "STOP");
    let (out, _) = shown(OpenaiResponses, &whole.text);
    assert_eq!(readings(&out), ["before it, \n\n[stopped]"; 5]);
}
