//! The fields of OpenAI's responses: those of the request, and those of the items in its `input`.

use crate::PartKind;
use crate::dialect::{Class, Step, opaque};
use crate::json::{Kind, Value};

/// Fields that are passed as they are, if they hold a token.
pub(super) const STRUCTURAL: &[&str] = &[
    "model",
    "service_tier",
    "truncation",
    "conversation",
    "conversation/id",
    "previous_response_id",
    "prompt/id",
    "prompt/version",
    "prompt_cache_retention",
    "include/*",
    "reasoning/effort",
    "reasoning/summary",
    "reasoning/generate_summary",
    "text/verbosity",
    "text/format/type",
    "tool_choice",
    "tool_choice/type",
    "tool_choice/mode",
    "tool_choice/tools/*/type",
    "tools/*/type",
    "tools/*/search_context_size",
    "tools/*/vector_store_ids/*",
    "tools/*/container",
    "tools/*/container/type",
    "tools/*/format/type",
    "tools/*/format/syntax",
    "tools/*/tools/*/type",
    "input/*/type",
    "input/*/id",
    "input/*/role",
    "input/*/status",
    "input/*/phase",
    "input/*/call_id",
    "input/*/container_id",
    "input/*/approval_request_id",
    "input/*/action/type",
    "input/*/content/*/type",
    "input/*/content/*/detail",
    "input/*/content/*/annotations/*/type",
    "input/*/summary/*/type",
    "input/*/output/type",
    "input/*/output/*/type",
    "input/*/output/*/outcome/type",
    "input/*/operation/type",
];

/// Names of functions and tools, and of the groups that they belong to.
pub(super) const NAMES: &[&str] = &[
    "input/*/name",
    "input/*/namespace",
    "tools/*/name",
    "tools/*/tools/*/name",
    "tool_choice/name",
    "tool_choice/tools/*/name",
    "text/format/name",
];

/// Parameters whose value the API fixes.
pub(super) const FIXED: &[&str] = &[
    "temperature",
    "top_p",
    "top_logprobs",
    "max_output_tokens",
    "max_tool_calls",
    "presence_penalty",
    "frequency_penalty",
    "tools/*/max_num_results",
];

/// As [`super::classify_part`], for items of `input`, for parts of what they hold, and for variables of a stored prompt.
pub(super) fn classify_part(path: &[Step<'_>], part: Value<'_>) -> Option<Class> {
    if part.kind() != Kind::Object {
        return None;
    }
    match path {
        [Step::Key(input), Step::Item(_)] if input == "input" => {
            let has_image = || part.get_str("result").is_some_and(|image| !image.is_empty());
            let is_image = part.get_str("type")? == "image_generation_call" && has_image();
            is_image.then_some(Class::Opaque(PartKind::Image))
        }
        // What a tool showed, if it is one object.
        [Step::Key(input), Step::Item(_), Step::Key(output)] if input == "input" && output == "output" => {
            opaque(&part.get_str("type")?)
        }
        [Step::Key(input), Step::Item(_), Step::Key(list), Step::Item(_)]
            if input == "input" && matches!(list.as_ref(), "content" | "output" | "outputs") =>
        {
            opaque(&part.get_str("type")?)
        }
        // A picture to paint on, and files that a tool is to have.
        [Step::Key(tools), Step::Item(_), Step::Key(mask)]
            if tools == "tools" && mask == "input_image_mask" =>
        {
            Some(Class::Opaque(PartKind::Image))
        }
        [Step::Key(tools), .., Step::Key(source)]
            if tools == "tools" && source == "source" && part.get("data").is_some() =>
        {
            Some(Class::Opaque(PartKind::File))
        }
        [Step::Key(prompt), Step::Key(variables), Step::Key(_)]
            if prompt == "prompt" && variables == "variables" =>
        {
            opaque(&part.get_str("type")?)
        }
        _ => None,
    }
}
