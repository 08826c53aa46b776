//! A whole chat completion.

use super::{Answer, Stopped, blank, has_text, object, stopped, texts};
use crate::guard::leaves::{edited, with_fields, with_told};
use crate::guard::watch::{Halt, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;
use crate::splice::Edit;

pub(super) fn answer(root: Value<'_>, watch: &mut Watch<'_>) -> Result<Answer, Halt> {
    let mut edits = Vec::new();
    let mut is_stopped = false;
    for (key, value) in root.entries() {
        let name = key.as_str().unwrap_or_default();
        if name == "choices" && value.kind() == Kind::Array {
            for choice in value.items() {
                if is_stopped {
                    edits.push(Edit::beside(
                        choice.range(),
                        ended(choice, "{\"role\":\"assistant\",\"content\":\"\"}"),
                    ));
                } else {
                    is_stopped = self::choice(choice, watch, &mut edits)?;
                }
            }
        } else if is_stopped {
            blank(value, &name, &mut edits);
        } else if let Some(Stopped { value, passed }) = texts(value, &name, watch, &mut edits)? {
            tell(value, &passed, watch, &mut edits);
            is_stopped = true;
        }
    }
    if !is_stopped {
        return Ok(Answer::Passed(edits));
    }
    Ok(Answer::Stopped(edited(root, &mut edits)))
}

/// Says in the string that was stopped what the person is told.
fn tell(value: Value<'_>, passed: &str, watch: &Watch<'_>, edits: &mut Vec<Edit>) {
    edits.retain(|edit| edit.range != value.range());
    let told = with_told(passed, !passed.is_empty(), &watch.told());
    edits.push(Edit::beside(value.range(), quoted(&told)));
}

/// Whether the choice was stopped; it is another one then.
fn choice(choice: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<bool, Halt> {
    let mut own = Vec::new();
    let mut message = None;
    for (key, value) in choice.entries() {
        let name = key.as_str().unwrap_or_default();
        match name.as_ref() {
            "index" | "finish_reason" | "logprobs" => {}
            "message" if value.kind() == Kind::Object => {
                message = self::message(value, watch, &mut own)?;
                if message.is_some() {
                    break;
                }
            }
            name => {
                if let Some(Stopped { value, passed }) = texts(value, name, watch, &mut own)? {
                    tell(value, &passed, watch, &mut own);
                    message = Some("{\"role\":\"assistant\",\"content\":\"\"}".to_owned());
                    break;
                }
            }
        }
    }
    if let Some(message) = message {
        edits.push(Edit::beside(choice.range(), ended(choice, &message)));
        return Ok(true);
    }
    // They spell out what is not shown as it came.
    if !own.is_empty()
        && let Some(logprobs) = choice.get("logprobs")
    {
        own.push(Edit::beside(logprobs.range(), "null".to_owned()));
    }
    edits.append(&mut own);
    Ok(false)
}

/// A choice that was stopped: with this message, and no more words of the provider's.
fn ended(choice: Value<'_>, message: &str) -> String {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (key, value) in choice.entries() {
        let name = key.as_str().unwrap_or_default();
        match name.as_ref() {
            "message" | "finish_reason" => {}
            "logprobs" => fields.push((key.raw().to_owned(), "null".to_owned())),
            name if has_text(value, name) => {}
            _ => fields.push((key.raw().to_owned(), value.raw().to_owned())),
        }
    }
    with_fields(
        &object(&fields),
        &[("message", message), ("finish_reason", "\"content_filter\"")],
    )
}

/// The message in its stead, if it was stopped.
fn message(message: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<Option<String>, Halt> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut content = None;
    let mut is_stopped = false;
    for (key, value) in message.entries() {
        let name = key.as_str().unwrap_or_default();
        let is_call = matches!(name.as_ref(), "tool_calls" | "function_call");
        if is_stopped {
            if !is_call && name != "content" && !has_text(value, &name) {
                fields.push((key.raw().to_owned(), value.raw().to_owned()));
            }
            continue;
        }
        if is_call {
            is_stopped = stopped(calls(value, watch))?.is_err();
            continue;
        }
        let mut own = Vec::new();
        is_stopped = texts(value, &name, watch, &mut own)?.is_some();
        let shown = edited(value, &mut own);
        edits.append(&mut own);
        if name == "content" {
            content = Some((value.kind(), shown));
        } else {
            fields.push((key.raw().to_owned(), shown));
        }
    }
    if !is_stopped {
        return Ok(None);
    }
    let told = watch.told();
    let content = match content {
        Some((Kind::String, shown)) => {
            let inner = shown.strip_suffix('"').unwrap_or(&shown);
            let own = quoted(&with_told("", inner.len() > 1, &told));
            format!("{inner}{}", own.strip_prefix('"').unwrap_or(&own))
        }
        Some((Kind::Array, shown)) => {
            let inner = shown.strip_suffix(']').unwrap_or(&shown).trim_end();
            let comma = if inner.ends_with('[') { "" } else { "," };
            format!("{inner}{comma}{{\"type\":\"text\",\"text\":{}}}]", quoted(&told))
        }
        _ => quoted(&told),
    };
    fields.push(("\"content\"".to_owned(), content));
    Ok(Some(object(&fields)))
}

/// Judges the calls of a message.
fn calls(value: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
    match value.kind() {
        Kind::Array => value.items().try_for_each(|call| {
            let function = call.get("function").or_else(|| call.get("custom"));
            function.map_or(Ok(()), |function| self::call(function, watch))
        }),
        Kind::Object => call(value, watch),
        _ => Ok(()),
    }
}

fn call(function: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
    let name = function.get_str("name").unwrap_or_default();
    let arguments = match (function.get("input"), function.get("arguments")) {
        (Some(input), _) => input.raw().into(),
        (None, Some(arguments)) => arguments.as_str().unwrap_or_else(|| arguments.raw().into()),
        (None, None) => "{}".into(),
    };
    watch.call(&name, &arguments)
}
