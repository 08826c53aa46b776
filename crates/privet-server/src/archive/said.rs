//! What was said, as text that can be searched: without the escapes of JSON, and without the cuts of a stream.

use serde_json::Value;

/// Fields whose text people or models wrote.
const TEXTS: [&str; 8] = [
    "content",
    "text",
    "refusal",
    "reasoning_content",
    "thinking",
    "name",
    "arguments",
    "partial_json",
];

/// Fields that lead to such.
const WAYS: [&str; 9] = [
    "output",
    "summary",
    "choices",
    "delta",
    "message",
    "content",
    "content_block",
    "tool_calls",
    "function",
];

/// Pieces of text by where they belong, in the order in which they first came.
#[derive(Default)]
struct Pieces(Vec<(Vec<usize>, String)>);

/// The prompt `body`: its JSON, written anew so that no letter is escaped that need not be.
pub(super) fn prompt(body: &[u8]) -> String {
    let text = serde_json::from_slice::<Value>(body).map(|value| value.to_string());
    // Numbers can be longer when they are written anew: then it is taken as it came, so that it fits.
    text.ok()
        .filter(|text| text.len() <= body.len())
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// What the reply `body` says: its texts, arguments of tools and refusals, one after the other. A reply of another form is
/// taken as it is.
pub(super) fn reply(body: &[u8], is_stream: bool) -> String {
    let text = String::from_utf8_lossy(body);
    let mut pieces = Pieces::default();
    if is_stream {
        for line in text.lines() {
            let data = line.strip_prefix("data:").map(str::trim_start);
            if let Some(Ok(event)) = data.map(serde_json::from_str::<Value>) {
                let kind = event.get("type").and_then(Value::as_str);
                match kind.and_then(|kind| kind.strip_prefix("response.")) {
                    Some(kind) => pieces.typed(kind, &event),
                    None => pieces.collect(&event, &mut Vec::new()),
                }
            }
        }
    } else if let Ok(whole) = serde_json::from_str::<Value>(&text) {
        pieces.collect(&whole, &mut Vec::new());
    }
    let said: Vec<String> = pieces.0.into_iter().map(|(_, piece)| piece).collect();
    if said.is_empty() {
        return text.into_owned();
    }
    said.join("\n")
}

impl Pieces {
    /// Collects what a typed event of a response adds. Events that say the same once more add nothing.
    fn typed(&mut self, kind: &str, event: &Value) {
        let number = |field: &str| {
            let number = event.get(field).and_then(Value::as_u64)?;
            usize::try_from(number).ok()
        };
        let parts = ["output_index", "content_index", "summary_index"];
        let place: Vec<usize> = parts.into_iter().filter_map(number).collect();
        let text = |name: &str| TEXTS.iter().position(|known| *known == name).unwrap_or_default();
        let (field, said) = match kind.rsplit_once('.') {
            Some(("output_item", "added")) => ("name", event.pointer("/item/name")),
            Some(("audio", _)) => return,
            Some((what, "delta")) if what.contains("_call") => ("arguments", event.get("delta")),
            Some((_, "delta")) => ("text", event.get("delta")),
            _ => return,
        };
        if let Some(said) = said.and_then(Value::as_str).filter(|said| !said.is_empty()) {
            self.add(&place, text(field), said);
        }
    }

    /// Collects the texts in `value`. `place` tells apart what belongs to different answers, blocks and calls.
    fn collect(&mut self, value: &Value, place: &mut Vec<usize>) {
        let Value::Object(object) = value else { return };
        let index = object.get("index").and_then(Value::as_u64);
        let depth = place.len();
        place.extend(index.and_then(|index| usize::try_from(index).ok()));
        for (name, value) in object {
            let text = TEXTS.iter().position(|known| known == name);
            match value {
                Value::String(said) if !said.is_empty() => {
                    if let Some(text) = text {
                        self.add(place, text, said);
                    }
                }
                Value::String(said) if name == "input" => self.add(place, TEXTS.len(), said),
                // The arguments of a tool, where they are no text.
                Value::Object(input) if name == "input" && !input.is_empty() => {
                    self.add(place, TEXTS.len(), &value.to_string());
                }
                Value::Array(items) if WAYS.contains(&name.as_str()) => {
                    for (at, item) in items.iter().enumerate() {
                        let has_index = item.get("index").is_some();
                        place.extend((!has_index).then_some(at));
                        self.collect(item, place);
                        place.truncate(depth + usize::from(index.is_some()));
                    }
                }
                Value::Object(_) if WAYS.contains(&name.as_str()) => self.collect(value, place),
                _ => {}
            }
        }
        place.truncate(depth);
    }

    fn add(&mut self, place: &[usize], text: usize, said: &str) {
        let is_here = |known: &[usize]| known.split_last() == Some((&text, place));
        match self.0.iter_mut().find(|(known, _)| is_here(known)) {
            Some((_, piece)) => piece.push_str(said),
            None => {
                let place = place.iter().copied().chain([text]).collect();
                self.0.push((place, said.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_put_together_across_its_cuts_by_answer_and_call() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grü\"}}]}\n\n\
            data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ezi \\\"A\\\"\"}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"find\",\"arguments\":\"\"}}]}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":\"}}]}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n\
            data: [DONE]\n\n";
        assert_eq!(
            reply(stream.as_bytes(), true),
            "Grüezi \"A\"\nother\nfind\n{\"x\":1}"
        );
    }

    #[test]
    fn a_stream_of_blocks_and_a_whole_reply_say_the_same() {
        let stream = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
            event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Good \"}}\n\n\
            event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"day\"}}\n\n\
            event: content_block_start\ndata: {\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"name\":\"find\",\"input\":{}}}\n\n\
            event: content_block_delta\ndata: {\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"x\\\":1}\"}}\n\n";
        let whole = r#"{"type":"message","content":[{"type":"text","text":"Good day"},{"type":"tool_use","name":"find","input":{"x":1}}]}"#;
        let said = reply(stream.as_bytes(), true);
        assert_eq!(said, "Good day\nfind\n{\"x\":1}");
        let mut lines: Vec<_> = said.lines().collect();
        let whole = reply(whole.as_bytes(), false);
        let mut others: Vec<_> = whole.lines().collect();
        lines.sort_unstable();
        others.sort_unstable();
        assert_eq!(lines, others);
    }

    #[test]
    fn typed_events_and_a_whole_response_say_the_same_once() {
        let stream = "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}}\n\n\
            data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Good \"}\n\n\
            data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"day\"}\n\n\
            data: {\"type\":\"response.output_text.done\",\"output_index\":0,\"content_index\":0,\"text\":\"Good day\"}\n\n\
            data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"name\":\"find\",\"arguments\":\"\"}}\n\n\
            data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{\\\"x\\\":1}\"}\n\n\
            data: {\"type\":\"response.completed\",\"response\":{\"output\":[]}}\n\n";
        let whole = r#"{"object":"response","output":[
            {"type":"message","content":[{"type":"output_text","text":"Good day"}]},
            {"type":"function_call","name":"find","arguments":"{\"x\":1}"}]}"#;
        let sorted = |said: String| {
            let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let said = sorted(reply(stream.as_bytes(), true));
        assert_eq!(said, ["Good day", "find", "{\"x\":1}"]);
        assert_eq!(said, sorted(reply(whole.as_bytes(), false)));
    }

    #[test]
    fn what_is_of_another_form_is_taken_as_it_is() {
        assert_eq!(reply(b"<html>", false), "<html>");
        assert_eq!(
            reply(b"{\"error\":{\"code\":1}}", false),
            "{\"error\":{\"code\":1}}"
        );
        assert_eq!(prompt(b"{\"a\":\"\\u00e9\"}"), "{\"a\":\"\u{e9}\"}");
    }
}
