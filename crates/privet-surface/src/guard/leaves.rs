//! The strings of a reply that somebody may read, and edits of its JSON.

use privet_types::Budget;

use super::watch::{Halt, Watch};
use crate::dialect::{is_sealed_name, is_token};
use crate::json::{Document, Kind, Value};
use crate::reply::quoted;
use crate::splice::{Edit, splice};

/// Fields that hold ids, types and the like; what is no short token in them is looked at.
const STRUCTURAL: &[&str] = &[
    "annotation_index",
    "call_id",
    "code",
    "container_id",
    "created",
    "created_at",
    "detail",
    "event_id",
    "expires_at",
    "file_id",
    "finish_reason",
    "format",
    "id",
    "inference_geo",
    "item_id",
    "model",
    "native_finish_reason",
    "obfuscation",
    "object",
    "param",
    "phase",
    "previous_response_id",
    "provider",
    "reason",
    "request_id",
    "response_id",
    "role",
    "service_tier",
    "severity",
    "status",
    "stop_reason",
    "system_fingerprint",
    "tool_call_id",
    "tool_use_id",
    "type",
];

/// Fields of base64: sound, pictures, and what providers sign.
const BASE64: &[&str] = &["data", "partial_image_b64", "signature", "result", "b64_json"];

/// Whether the string `text` in the field `key` is none that somebody reads.
pub(super) fn is_structural(key: &str, text: &str) -> bool {
    let is_base64 = || {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
    };
    if BASE64.contains(&key) || is_sealed_name(key) {
        return is_base64();
    }
    STRUCTURAL.contains(&key) && is_token(text)
}

/// Whether it is a block of thinking, which its provider has signed: one changed byte and it refuses the next turn.
pub(super) fn is_thinking(kind: &str) -> bool {
    matches!(kind, "thinking" | "redacted_thinking")
}

/// Calls `each` with all strings in `value` that somebody may read; `key` is the field that `value` stands in.
pub(super) fn leaves<'d>(
    value: Value<'d>,
    key: &str,
    each: &mut dyn FnMut(Value<'d>, &str) -> Result<(), Halt>,
) -> Result<(), Halt> {
    match value.kind() {
        Kind::Object => value.entries().try_for_each(|(key, value)| {
            let name = key.as_str().unwrap_or_default();
            leaves(value, &name, each)
        }),
        Kind::Array => value.items().try_for_each(|item| leaves(item, key, each)),
        Kind::String => {
            let text = value.as_str().unwrap_or_default();
            if is_structural(key, &text) {
                Ok(())
            } else {
                each(value, &text)
            }
        }
        Kind::Number | Kind::Literal => Ok(()),
    }
}

/// Runs all strings in `value` through the guard, each as a text that has come as a whole.
pub(super) fn wholes(
    value: Value<'_>,
    key: &str,
    watch: &mut Watch<'_>,
    edits: &mut Vec<Edit>,
) -> Result<(), Halt> {
    leaves(value, key, &mut |value, text| {
        let shown = watch.whole(text)?;
        replace(value, text, &shown, edits);
        Ok(())
    })
}

/// The same of an error, which keeps its shape when it is stopped: it then says what the person is told. Whether it was stopped.
pub(super) fn error(value: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<bool, Halt> {
    let mut is_stopped = false;
    leaves(value, "", &mut |value, text| {
        if is_stopped {
            edits.push(Edit::beside(value.range(), "\"\"".to_owned()));
            return Ok(());
        }
        match watch.whole(text) {
            Ok(shown) => replace(value, text, &shown, edits),
            Err(Halt::Stop(place)) => {
                is_stopped = true;
                let shown = with_told(&place.passed, !place.passed.is_empty(), &watch.told());
                edits.push(Edit::beside(value.range(), quoted(&shown)));
            }
            Err(failed) => return Err(failed),
        }
        Ok(())
    })?;
    Ok(is_stopped)
}

/// Puts `shown` in the place of a string that reads `text`.
pub(super) fn replace(value: Value<'_>, text: &str, shown: &str, edits: &mut Vec<Edit>) {
    if shown != text {
        edits.push(Edit::beside(value.range(), quoted(shown)));
    }
}

/// What a person is told behind `passed`; a paragraph of its own if something stands before it.
pub(super) fn with_told(passed: &str, is_behind_text: bool, told: &str) -> String {
    let gap = if is_behind_text { "\n\n" } else { "" };
    format!("{passed}{gap}{told}")
}

/// `value` as it is written once `edits` are made.
pub(super) fn edited(value: Value<'_>, edits: &mut [Edit]) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let range = value.range();
    let inside: Vec<Edit> = edits
        .iter()
        .filter(|edit| range.start <= edit.range.start && edit.range.end <= range.end)
        .map(|edit| {
            let moved = edit.range.start - range.start..edit.range.end - range.start;
            Edit::beside(moved, edit.text.clone())
        })
        .collect();
    if inside.is_empty() {
        return value.raw().to_owned();
    }
    String::from_utf8_lossy(&splice(value.raw().as_bytes(), &inside)).into_owned()
}

/// The object `raw` with these fields, each as JSON; what has them already keeps their place.
pub(super) fn with_fields(raw: &str, fields: &[(&str, &str)]) -> String {
    let Ok(document) = Document::parse_str(raw, &Budget::unlimited()) else {
        return raw.to_owned();
    };
    let root = document.root();
    let mut edits = Vec::new();
    let mut added = String::new();
    for (key, text) in fields {
        match root.get(key) {
            Some(value) => edits.push(Edit::beside(value.range(), (*text).to_owned())),
            None => {
                let is_first = added.is_empty() && root.entries().next().is_none();
                let comma = if is_first { "" } else { "," };
                added.push_str(&format!("{comma}\"{key}\":{text}"));
            }
        }
    }
    if root.kind() == Kind::Object {
        let end = root.range().end.saturating_sub(1);
        edits.push(Edit::beside(end..end, added));
    }
    edits.sort_by_key(|edit| edit.range.start);
    String::from_utf8_lossy(&splice(raw.as_bytes(), &edits)).into_owned()
}

/// A number as it stands in an event; 0 where there is none.
pub(super) fn number(value: Option<Value<'_>>) -> u64 {
    value
        .and_then(|value| value.raw().parse().ok())
        .unwrap_or_default()
}
