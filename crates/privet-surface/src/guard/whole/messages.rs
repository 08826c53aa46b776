//! A whole message of Anthropic's.

use super::{Answer, Stopped, blank, stopped, texts};
use crate::guard::leaves::{edited, is_thinking, with_fields, with_told};
use crate::guard::watch::{Halt, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;
use crate::splice::Edit;

pub(super) fn answer(root: Value<'_>, watch: &mut Watch<'_>) -> Result<Answer, Halt> {
    let mut edits = Vec::new();
    let mut is_stopped = false;
    for (key, value) in root.entries() {
        let name = key.as_str().unwrap_or_default();
        if name == "content" && value.kind() == Kind::Array {
            if is_stopped {
                edits.push(Edit::beside(value.range(), "[]".to_owned()));
            } else if let Some(content) = content(value, watch, &mut edits)? {
                edits.push(Edit::beside(value.range(), content));
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
    let fields = [("stop_reason", "\"refusal\""), ("stop_sequence", "null")];
    Ok(Answer::Stopped(with_fields(&edited(root, &mut edits), &fields)))
}

/// The blocks in their stead, if they were stopped.
fn content(value: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<Option<String>, Halt> {
    let mut blocks: Vec<String> = Vec::new();
    let mut passed_edits = Vec::new();
    for block in value.items() {
        let kind = block.get_str("type").unwrap_or_default();
        let mut own = Vec::new();
        let mut is_stopped = false;
        let mut is_told = false;
        let is_call = kind.ends_with("tool_use");
        if is_call {
            let name = block.get_str("name").unwrap_or_default();
            let input = block.get("input").map_or("{}", |input| input.raw());
            is_stopped = stopped(watch.call(&name, input))?.is_err();
        }
        if !is_thinking(&kind) {
            for (key, value) in block.entries() {
                let name = key.as_str().unwrap_or_default();
                let is_judged = is_call && matches!(name.as_ref(), "name" | "input");
                if is_stopped {
                    blank(value, &name, &mut own);
                } else if !is_judged
                    && let Some(Stopped { value, passed }) = texts(value, &name, watch, &mut own)?
                {
                    is_stopped = true;
                    if kind == "text" && name == "text" {
                        own.retain(|edit| edit.range != value.range());
                        let told = with_told(&passed, !passed.is_empty(), &watch.told());
                        own.push(Edit::beside(value.range(), quoted(&told)));
                        is_told = true;
                    }
                }
            }
        }
        // What tools were asked, and what they said, goes with the stop.
        let is_of_tool = is_call || kind.ends_with("tool_result");
        if !is_of_tool {
            blocks.push(edited(block, &mut own));
        }
        if is_stopped {
            if !is_told {
                blocks.push(format!(
                    "{{\"type\":\"text\",\"text\":{}}}",
                    quoted(&watch.told())
                ));
            }
            return Ok(Some(format!("[{}]", blocks.join(","))));
        }
        passed_edits.append(&mut own);
    }
    edits.append(&mut passed_edits);
    Ok(None)
}
