//! A whole response of OpenAI's.

use super::{Answer, Stopped, blank, stopped, texts};
use crate::guard::calls::{DEEDS, call_of};
use crate::guard::leaves::{edited, with_fields, with_told};
use crate::guard::stream::ECHOES;
use crate::guard::watch::{Halt, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;
use crate::splice::Edit;

pub(super) fn answer(root: Value<'_>, watch: &mut Watch<'_>) -> Result<Answer, Halt> {
    let mut edits = Vec::new();
    let mut is_stopped = false;
    for (key, value) in root.entries() {
        let name = key.as_str().unwrap_or_default();
        if name != "output" && ECHOES.contains(&name.as_ref()) {
            continue;
        }
        if name == "output" && value.kind() == Kind::Array {
            if is_stopped {
                edits.push(Edit::beside(value.range(), "[]".to_owned()));
            } else if let Some(output) = output(root, value, watch, &mut edits)? {
                edits.push(Edit::beside(value.range(), output));
                is_stopped = true;
            }
        } else if is_stopped {
            blank(value, &name, &mut edits);
        } else if let Some(Stopped { value, passed }) = texts(value, &name, watch, &mut edits)? {
            edits.retain(|edit| edit.range != value.range());
            let told = with_told(&passed, !passed.is_empty(), &watch.told());
            edits.push(Edit::beside(value.range(), quoted(&told)));
            is_stopped = true;
        }
    }
    if !is_stopped {
        return Ok(Answer::Passed(edits));
    }
    let fields = [
        ("status", "\"incomplete\""),
        ("incomplete_details", "{\"reason\":\"content_filter\"}"),
    ];
    Ok(Answer::Stopped(with_fields(&edited(root, &mut edits), &fields)))
}

/// The items in their stead, if they were stopped.
fn output(
    root: Value<'_>,
    value: Value<'_>,
    watch: &mut Watch<'_>,
    edits: &mut Vec<Edit>,
) -> Result<Option<String>, Halt> {
    let mut items: Vec<String> = Vec::new();
    let mut passed_edits = Vec::new();
    for item in value.items() {
        let call = call_of(item);
        let is_call = call.is_some();
        if let Some((name, arguments)) = call
            && stopped(watch.call(&name, &arguments))?.is_err()
        {
            items.push(told(root, watch));
            return Ok(Some(format!("[{}]", items.join(","))));
        }
        let mut own = Vec::new();
        let at = self::item(item, is_call, watch, &mut own)?;
        let Some(is_told) = at else {
            if !is_call {
                items.push(edited(item, &mut own));
            }
            passed_edits.append(&mut own);
            continue;
        };
        if !is_call {
            items.push(with_fields(
                &edited(item, &mut own),
                &[("status", "\"incomplete\"")],
            ));
        }
        if !is_told {
            items.push(told(root, watch));
        }
        return Ok(Some(format!("[{}]", items.join(","))));
    }
    edits.append(&mut passed_edits);
    Ok(None)
}

/// Whether the item was stopped, and says itself what the person is told.
fn item(
    item: Value<'_>,
    is_call: bool,
    watch: &mut Watch<'_>,
    edits: &mut Vec<Edit>,
) -> Result<Option<bool>, Halt> {
    let mut at = None;
    for (key, value) in item.entries() {
        let name = key.as_str().unwrap_or_default();
        let is_judged =
            matches!(name.as_ref(), "name" | "arguments" | "input") || DEEDS.contains(&name.as_ref());
        if is_call && is_judged {
            continue;
        }
        if at.is_some() {
            blank(value, &name, edits);
        } else if name == "content" && value.kind() == Kind::Array {
            at = content(value, watch, edits)?;
        } else if texts(value, &name, watch, edits)?.is_some() {
            at = Some(false);
        }
    }
    Ok(at)
}

/// Whether a part was stopped, and says itself what the person is told. All later parts go.
fn content(value: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<Option<bool>, Halt> {
    let mut parts: Vec<String> = Vec::new();
    for part in value.items() {
        let mut own = Vec::new();
        let at = texts_of(part, watch, &mut own)?;
        if !own.is_empty()
            && let Some(logprobs) = part.get("logprobs")
        {
            own.push(Edit::beside(logprobs.range(), "[]".to_owned()));
        }
        parts.push(edited(part, &mut own));
        if let Some(is_told) = at {
            edits.retain(|edit| edit.range.end <= value.range().start);
            edits.push(Edit::beside(value.range(), format!("[{}]", parts.join(","))));
            return Ok(Some(is_told));
        }
        edits.append(&mut own);
    }
    Ok(None)
}

fn texts_of(part: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<Option<bool>, Halt> {
    let mut at = None;
    for (key, value) in part.entries() {
        let name = key.as_str().unwrap_or_default();
        if name == "logprobs" {
            continue;
        }
        if at.is_some() {
            blank(value, &name, edits);
        } else if let Some(Stopped { value, passed }) = texts(value, &name, watch, edits)? {
            let is_answer = name == "text" && part.get_str("type").is_some_and(|kind| kind == "output_text");
            if is_answer {
                edits.retain(|edit| edit.range != value.range());
                let told = with_told(&passed, !passed.is_empty(), &watch.told());
                edits.push(Edit::beside(value.range(), quoted(&told)));
            }
            at = Some(is_answer);
        }
    }
    Ok(at)
}

/// A message of our own.
fn told(root: Value<'_>, watch: &Watch<'_>) -> String {
    let id = root.get_str("id").unwrap_or_default();
    let id = quoted(&format!(
        "msg_{}_stopped",
        id.strip_prefix("resp_").unwrap_or(&id)
    ));
    let text = quoted(&watch.told());
    format!(
        "{{\"id\":{id},\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":{text}}}]}}"
    )
}
