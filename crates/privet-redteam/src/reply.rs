//! Replies of the OpenAI chat dialect, whole and streamed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Error;

/// What the model said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its text; empty if there is none.
    pub text: String,
    /// Its calls of tools.
    pub calls: Vec<Call>,
    /// Whether a filter ended it.
    pub is_filtered: bool,
}

/// A call of a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The id that its result names.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// A JSON object, as the model wrote it.
    pub arguments: String,
}

/// Reads a whole reply: its first choice.
///
/// # Errors
/// [`Error::BadReply`] if it is no reply of the dialect.
pub fn read_json(body: &[u8]) -> Result<Reply, Error> {
    let bad = |what| Error::BadReply { what };
    let value: Value = serde_json::from_slice(body).map_err(|_| bad("it is no JSON"))?;
    let choice = value.pointer("/choices/0").ok_or(bad("it has no choice"))?;
    let message = choice.get("message").ok_or(bad("its choice has no message"))?;
    let mut reply = Reply::default();
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    reply.text.push_str(text("content"));
    reply.text.push_str(text("refusal"));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let string = |at: &str| {
            call.pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        reply.calls.push(Call {
            id: string("/id"),
            name: string("/function/name"),
            arguments: string("/function/arguments"),
        });
    }
    reply.is_filtered = is_filter(choice);
    Ok(reply)
}

/// Reads a streamed reply that was read to its end: its first choice.
///
/// # Errors
/// [`Error::BadReply`] if it holds no event of the dialect, or ends in an error that is no refusal.
pub fn read_stream(body: &[u8]) -> Result<Reply, Error> {
    let text = String::from_utf8_lossy(body)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut reply = Reply::default();
    let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
    let mut has_event = false;
    for data in text.split("\n\n").filter_map(data_of) {
        if data == "[DONE]" {
            continue;
        }
        let value: Value = serde_json::from_str(&data).map_err(|_| Error::BadReply {
            what: "an event is no JSON",
        })?;
        if let Some(error) = value.get("error") {
            // A refusal in the middle of a stream names its reason; without one the target broke.
            if error.get("code").and_then(Value::as_str).is_none() {
                return Err(Error::BadReply {
                    what: "the stream ends in an error",
                });
            }
            reply.is_filtered = true;
            has_event = true;
            continue;
        }
        let choices = value.get("choices").and_then(Value::as_array);
        has_event |= choices.is_some();
        let first = choices
            .into_iter()
            .flatten()
            .filter(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0);
        for choice in first {
            reply.is_filtered |= is_filter(choice);
            let Some(delta) = choice.get("delta") else {
                continue;
            };
            for name in ["content", "refusal"] {
                reply
                    .text
                    .push_str(delta.get(name).and_then(Value::as_str).unwrap_or_default());
            }
            let parts = delta.get("tool_calls").and_then(Value::as_array);
            for part in parts.into_iter().flatten() {
                let index = part.get("index").and_then(Value::as_u64).unwrap_or(0);
                let call = calls.entry(index).or_default();
                let string = |at: &str| part.pointer(at).and_then(Value::as_str).unwrap_or_default();
                call.id.push_str(string("/id"));
                call.name.push_str(string("/function/name"));
                call.arguments.push_str(string("/function/arguments"));
            }
        }
    }
    if !has_event {
        return Err(Error::BadReply {
            what: "the stream holds no event",
        });
    }
    reply.calls = calls.into_values().collect();
    Ok(reply)
}

/// The data of an event, its lines joined; none if it has none.
fn data_of(event: &str) -> Option<String> {
    let lines: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn is_filter(choice: &Value) -> bool {
    choice.get("finish_reason").and_then(Value::as_str) == Some("content_filter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_reads_as_the_whole_does() {
        let whole = r#"{"choices":[{"message":{"content":"Grüße","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}]}"#;
        let stream = concat!(
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Gr\"}}]}\r\n\r\n",
            "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"üße\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: [DONE]\n\n",
        );
        assert_eq!(
            read_json(whole.as_bytes()).unwrap(),
            read_stream(stream.as_bytes()).unwrap()
        );
    }

    #[test]
    fn a_filter_is_told_and_a_broken_stream_is_an_error() {
        let filtered =
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n";
        assert!(read_stream(filtered.as_bytes()).unwrap().is_filtered);
        let refused = "data: {\"error\":{\"message\":\"no\",\"code\":\"guardrail\"}}\n\n";
        assert!(read_stream(refused.as_bytes()).unwrap().is_filtered);
        assert!(read_stream(b"data: {\"error\":{\"message\":\"no\",\"code\":null}}\n\n").is_err());
        assert!(read_stream(b": hello\n\n").is_err());
        assert!(read_json(b"{}").is_err());
    }
}
