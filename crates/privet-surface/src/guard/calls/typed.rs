//! Calls among the typed events of OpenAI's responses.

use std::borrow::Cow;

use super::{Call, Calls};
use crate::guard::leaves::number;
use crate::guard::watch::{Halt, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;

/// Fields that say what a tool of the provider's own, or of the client's, is to do.
pub(in crate::guard) const DEEDS: [&str; 5] = ["action", "actions", "operation", "code", "queries"];

/// The name and the arguments of a call, if `item` is one.
pub(in crate::guard) fn call_of(item: Value<'_>) -> Option<(String, String)> {
    let kind = item.get_str("type")?;
    let own = kind.strip_suffix("_call");
    if own.is_none() && kind != "mcp_approval_request" {
        return None;
    }
    let name = item.get_str("name").map(Cow::into_owned);
    let name = name.unwrap_or_else(|| own.unwrap_or(&kind).to_owned());
    let deed = || DEEDS.into_iter().find_map(|field| item.get(field));
    let arguments = match (item.get("arguments"), item.get("input")) {
        (Some(arguments), _) => arguments
            .as_str()
            .map_or_else(|| arguments.raw().to_owned(), Cow::into_owned),
        (None, Some(input)) => input
            .as_str()
            .map_or_else(|| input.raw().to_owned(), |input| quoted(&input)),
        (None, None) => deed().map_or_else(|| "{}".to_owned(), |deed| deed.raw().to_owned()),
    };
    Some((name, arguments))
}

/// Whether a call of this kind comes in pieces that are the same text as its arguments.
fn has_pieces(kind: &str) -> bool {
    matches!(kind, "function_call" | "mcp_call" | "custom_tool_call")
}

/// Pictures are shown as they are painted; the call to paint is judged before.
fn is_painting(kind: &str) -> bool {
    kind == "image_generation_call"
}

impl Calls {
    pub(super) fn typed(&mut self, event: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
        let name = event.get_str("type").unwrap_or_default();
        let name = name.strip_prefix("response.").unwrap_or(&name);
        let index = number(event.get("output_index"));
        match name.rsplit_once('.') {
            Some(("output_item", "added")) => self.begin(index, event, watch),
            Some(("output_item", "done")) => self.whole(index, event, watch),
            Some((kind, "delta")) if let Some((of, _)) = kind.split_once("_call_") => {
                let key = (index, 0, 0);
                let call = self.open(key)?;
                call.is_text = of == "custom_tool";
                if has_pieces(&format!("{of}_call"))
                    && let Some(delta) = event.get_str("delta")
                {
                    call.add(&delta)?;
                }
                Ok(())
            }
            Some((kind, "done")) if kind.contains("_call_") => {
                let key = (index, 0, 0);
                let whole = event
                    .get_str("arguments")
                    .or_else(|| event.get_str("input").map(|input| quoted(&input).into()));
                let call = self.open(key)?;
                call.whole = whole.map(Cow::into_owned).or(call.whole.take());
                Ok(())
            }
            None if matches!(name, "completed" | "failed" | "incomplete" | "cancelled") => {
                let output = event.get("response").and_then(|response| response.get("output"));
                // Those that are under way come here for the last time.
                self.judge(|_| true, watch)?;
                for item in output.into_iter().flat_map(|output| output.items()) {
                    if let Some((name, arguments)) = call_of(item) {
                        watch.repeated_call(&name, &arguments)?;
                    }
                }
                Ok(())
            }
            None if name == "error" => self.end(watch),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, index: u64, event: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
        let Some(item) = event.get("item").filter(|item| item.kind() == Kind::Object) else {
            return Ok(());
        };
        let Some((name, _)) = call_of(item) else {
            return Ok(());
        };
        if item.get_str("type").is_some_and(|kind| is_painting(&kind)) {
            return watch.repeated_call(&name, "{}");
        }
        self.judge(|of| of == index, watch)?;
        let call = self.open((index, 0, 0))?;
        call.name = name;
        Ok(())
    }

    fn whole(&mut self, index: u64, event: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
        let known = self.open.remove(&(index, 0, 0));
        let Some(item) = event.get("item") else {
            return known.map_or(Ok(()), |call| {
                let mut all = call.arguments().into_iter();
                all.try_for_each(|arguments| watch.call_to_repeat(&call.name, &arguments))
            });
        };
        let Some((name, arguments)) = call_of(item) else {
            return Ok(());
        };
        if item.get_str("type").is_some_and(|kind| is_painting(&kind)) {
            return watch.repeated_call(&name, "{}");
        }
        watch.call_to_repeat(&name, &arguments)?;
        // What its pieces said is judged as well, should it be something else.
        let other = known.filter(|call| !call.pieces.is_empty() || call.whole.is_some());
        for other in other.iter().flat_map(Call::arguments) {
            watch.repeated_call(&name, &other)?;
        }
        Ok(())
    }
}
