//! What the fields of each surface's requests are: text to look at, structure to leave alone, content nobody can read.

mod mcp;
mod responses;

use std::borrow::Cow;

use privet_types::SurfaceKind;

use crate::PartKind;
use crate::json::{Kind, Value};

/// One step from the body to a value: the key of an object or a place in an array.
#[derive(Debug, Clone)]
pub(crate) enum Step<'d> {
    Key(Cow<'d, str>),
    Item(usize),
}

/// How a value is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Looked at; private values in it are replaced.
    Text,
    /// Looked at; it must keep to letters, digits, `_` and `-`, so a private value in it is replaced as a whole.
    Name,
    /// Looked at; the API allows no other value here, so a private value in it refuses the request.
    Fixed,
    /// A role, type or id: not looked at as long as it is a short token.
    Structural,
    /// Signed or encrypted by the provider: passed as it is.
    Sealed,
    /// Content that cannot be looked into.
    Opaque(PartKind),
}

/// Fields that are passed as they are, if they hold a token. `*` stands for any place in an array.
const OPENAI_STRUCTURAL: &[&str] = &[
    "model",
    "service_tier",
    "reasoning_effort",
    "verbosity",
    "modalities/*",
    "messages/*/role",
    "messages/*/tool_call_id",
    "messages/*/tool_calls/*/id",
    "messages/*/tool_calls/*/type",
    "messages/*/content/*/type",
    "messages/*/audio/id",
    "tools/*/type",
    "tool_choice",
    "tool_choice/type",
    "response_format/type",
    "prediction/type",
    "prediction/content/*/type",
];

/// Names of functions and participants: `^[a-zA-Z0-9_-]{1,64}$` in OpenAI's API reference.
const OPENAI_NAMES: &[&str] = &[
    "messages/*/name",
    "messages/*/tool_calls/*/function/name",
    "messages/*/function_call/name",
    "tools/*/function/name",
    "tool_choice/function/name",
    "functions/*/name",
    "function_call/name",
    "response_format/json_schema/name",
];

/// Parameters whose value the API fixes.
const OPENAI_FIXED: &[&str] = &[
    "temperature",
    "top_p",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "top_logprobs",
    "logit_bias/*",
];

const EMBEDDINGS_STRUCTURAL: &[&str] = &["model", "encoding_format"];
const EMBEDDINGS_FIXED: &[&str] = &["dimensions"];

const ANTHROPIC_STRUCTURAL: &[&str] = &[
    "model",
    "service_tier",
    "speed",
    "container",
    "anthropic_version",
    "cache_control/type",
    "cache_control/ttl",
    "thinking/type",
    "tool_choice/type",
    "messages/*/role",
    "messages/*/content/*/type",
    "messages/*/content/*/id",
    "messages/*/content/*/tool_use_id",
    "messages/*/content/*/cache_control/type",
    "messages/*/content/*/cache_control/ttl",
    "messages/*/content/*/content/*/type",
    "messages/*/content/*/content/*/cache_control/type",
    "messages/*/content/*/source/type",
    "messages/*/content/*/source/media_type",
    "system/*/type",
    "system/*/cache_control/type",
    "system/*/cache_control/ttl",
    "tools/*/type",
    "tools/*/cache_control/type",
    "tools/*/cache_control/ttl",
];

/// `^[a-zA-Z0-9_-]{1,128}$` in Anthropic's API reference.
const ANTHROPIC_NAMES: &[&str] = &["messages/*/content/*/name", "tools/*/name", "tool_choice/name"];

const ANTHROPIC_FIXED: &[&str] = &[
    "max_tokens",
    "temperature",
    "top_k",
    "top_p",
    "thinking/budget_tokens",
];

/// Steps of the longest pattern above.
const DEEPEST_PATTERN: usize = 8;

struct Fields {
    structural: &'static [&'static str],
    names: &'static [&'static str],
    fixed: &'static [&'static str],
}

fn fields(surface: SurfaceKind) -> Fields {
    match surface {
        SurfaceKind::AnthropicMessages => Fields {
            structural: ANTHROPIC_STRUCTURAL,
            names: ANTHROPIC_NAMES,
            fixed: ANTHROPIC_FIXED,
        },
        SurfaceKind::OpenaiResponses => Fields {
            structural: responses::STRUCTURAL,
            names: responses::NAMES,
            fixed: responses::FIXED,
        },
        SurfaceKind::OpenaiEmbeddings => Fields {
            structural: EMBEDDINGS_STRUCTURAL,
            names: &[],
            fixed: EMBEDDINGS_FIXED,
        },
        _ => Fields {
            structural: OPENAI_STRUCTURAL,
            names: OPENAI_NAMES,
            fixed: OPENAI_FIXED,
        },
    }
}

/// The field that holds the turns of the conversation, which grows from request to request; of embeddings, the texts.
pub(crate) const fn conversation(surface: SurfaceKind) -> &'static str {
    match surface {
        SurfaceKind::OpenaiResponses | SurfaceKind::OpenaiEmbeddings => "input",
        _ => "messages",
    }
}

/// How the value at `path` is treated. `path` is at most a few steps deep where it matters.
pub(crate) fn classify(surface: SurfaceKind, path: &[Step<'_>]) -> Class {
    if surface == SurfaceKind::Mcp {
        return mcp::classify(path);
    }
    let Fields {
        structural,
        names,
        fixed,
    } = fields(surface);
    let (Some(Step::Key(first)), Some(last)) = (path.first(), path.last()) else {
        return Class::Text;
    };
    // Most values lie deeper than any pattern, or under a key that ends none: settled without a search.
    if path.len() > DEEPEST_PATTERN {
        return Class::Text;
    }
    let last = match last {
        Step::Key(key) if first != "logit_bias" => key.as_ref(),
        _ => "*",
    };
    if matches!(
        last,
        "content" | "text" | "description" | "arguments" | "properties" | "input"
    ) {
        return Class::Text;
    }
    let could_be = |p: &str| p.ends_with(last) && p.starts_with(first.as_ref());
    let any = |patterns: &[&str]| patterns.iter().any(|p| could_be(p) && matches(p, path));
    if any(structural) {
        Class::Structural
    } else if any(names) {
        Class::Name
    } else if any(fixed) {
        Class::Fixed
    } else {
        Class::Text
    }
}

fn matches(pattern: &str, path: &[Step<'_>]) -> bool {
    let mut steps = path.iter();
    let fits = pattern.split('/').all(|part| match steps.next() {
        Some(Step::Key(key)) => part == key || (part == "*" && pattern.starts_with("logit_bias")),
        Some(Step::Item(_)) => part == "*",
        None => false,
    });
    fits && steps.next().is_none()
}

/// How a content part (an object with a `type`) is treated as a whole; none for parts whose fields are looked at.
pub(crate) fn classify_part(surface: SurfaceKind, path: &[Step<'_>], part: Value<'_>) -> Option<Class> {
    match surface {
        SurfaceKind::OpenaiResponses => return responses::classify_part(path, part),
        SurfaceKind::Mcp => return mcp::classify_part(part),
        _ => {}
    }
    // Where a provider embeds more than texts, these are pictures and the like.
    if surface == SurfaceKind::OpenaiEmbeddings
        && matches!(path, [Step::Key(input), Step::Item(_)] if input == "input")
        && part.kind() == Kind::Object
    {
        return Some(Class::Opaque(PartKind::File));
    }
    let is_part = match path {
        [Step::Key(first), .., Step::Key(list), Step::Item(_)] => first == "messages" && list == "content",
        [Step::Key(system), Step::Item(_)] => system == "system",
        _ => false,
    };
    if !is_part || part.kind() != Kind::Object {
        return None;
    }
    let is_filled = |key: &str| part.get_str(key).is_some_and(|v| !v.is_empty());
    match part.get_str("type")?.as_ref() {
        "thinking" if surface == SurfaceKind::AnthropicMessages && is_filled("signature") => {
            Some(Class::Sealed)
        }
        "redacted_thinking" if surface == SurfaceKind::AnthropicMessages => Some(Class::Sealed),
        // Text documents are looked at like any other text.
        "document"
            if part
                .get("source")
                .and_then(|s| s.get_str("type"))
                .is_some_and(|t| t == "text" || t == "content") =>
        {
            None
        }
        kind => opaque(kind),
    }
}

/// What a content part of this type carries, if it cannot be looked into. Kinds that are not in use yet are told by their
/// names.
fn opaque(kind: &str) -> Option<Class> {
    let carries = |names: &[&str]| names.iter().any(|name| kind.contains(name));
    let part = if carries(&["image", "screenshot"]) {
        PartKind::Image
    } else if carries(&["audio"]) {
        PartKind::Audio
    } else if carries(&["video", "file", "document", "upload"]) {
        PartKind::File
    } else {
        return None;
    };
    Some(Class::Opaque(part))
}

/// Whether the field `key` of such a part is what cannot be looked into.
pub(crate) fn is_opaque_field(surface: SurfaceKind, key: &str) -> bool {
    match key {
        "image_url" | "input_audio" | "file" | "source" | "file_id" => true,
        "file_data" | "file_url" | "result" => surface == SurfaceKind::OpenaiResponses,
        "data" | "blob" => surface == SurfaceKind::Mcp,
        _ => false,
    }
}

/// Encrypted strings inside blocks that are looked at otherwise: by the names providers give them.
pub(crate) fn is_sealed_name(key: &str) -> bool {
    matches!(
        key,
        "encrypted_content" | "encrypted_index" | "encrypted_stdout" | "thought_signature"
    )
}

/// Whether the value at `path` is such a string: inside a content part of a message, or in an item of a response, and
/// nothing but base64.
pub(crate) fn is_sealed_field(surface: SurfaceKind, path: &[Step<'_>], value: &str) -> bool {
    let in_part = match path {
        [Step::Key(first), Step::Item(_), Step::Key(_)] => {
            surface == SurfaceKind::OpenaiResponses && first == "input"
        }
        [
            Step::Key(first),
            Step::Item(_),
            Step::Key(list),
            Step::Item(_),
            ..,
        ] => first == "messages" && list == "content",
        _ => false,
    };
    if surface == SurfaceKind::Mcp {
        return mcp::is_sealed(path, value);
    }
    let is_named = matches!(path.last(), Some(Step::Key(key)) if is_sealed_name(key));
    let is_base64 = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'));
    in_part && is_named && is_base64 && !is_bare_number(value)
}

/// Whether `text` can be a role, a type or an id: nothing but a short token.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
        && !is_bare_number(text)
}

/// Digits and separators only: an id that could be a card or account number is looked at like text.
fn is_bare_number(text: &str) -> bool {
    text.len() > 6
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':' | b'/'))
}

/// The path as a JSON pointer for error messages. Keys the surface does not define could be private: they show as `*`.
pub(crate) fn pointer(path: &[Step<'_>]) -> String {
    const KNOWN: &[&str] = &[
        "messages",
        "content",
        "text",
        "system",
        "tools",
        "tool_calls",
        "function",
        "arguments",
        "input",
        "name",
        "role",
        "model",
        "metadata",
        "user",
        "prediction",
        "description",
        "parameters",
        "properties",
        "input_schema",
        "source",
        "data",
        "image_url",
        "url",
        "input_audio",
        "file",
        "type",
        "id",
        "tool_call_id",
        "tool_use_id",
        "seed",
        "stop",
        "max_tokens",
        "temperature",
        "tool_choice",
        "response_format",
        "json_schema",
        "schema",
        "logit_bias",
        "n",
        "stop_sequences",
        "user_id",
        "refusal",
        "function_call",
        "functions",
        "instructions",
        "output",
        "summary",
        "call_id",
        "prompt",
        "variables",
        "format",
        "file_id",
        "file_data",
        "filename",
        "result",
        "action",
        "previous_response_id",
        "prompt_cache_key",
        "dimensions",
        "params",
        "structuredContent",
        "contents",
        "uri",
        "blob",
        "tools",
        "resources",
        "prompts",
        "inputSchema",
        "outputSchema",
        "error",
        "message",
    ];
    path.iter()
        .map(|step| match step {
            Step::Key(key) if KNOWN.contains(&key.as_ref()) => format!("/{key}"),
            Step::Key(_) => "/*".to_owned(),
            Step::Item(index) => format!("/{index}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &'static str) -> Vec<Step<'static>> {
        text.split('/')
            .map(|p| p.parse().map_or(Step::Key(Cow::Borrowed(p)), Step::Item))
            .collect()
    }

    #[test]
    fn fields_are_classified_by_their_whole_path() {
        let class = |text| classify(SurfaceKind::OpenaiChat, &path(text));
        assert_eq!(class("messages/3/role"), Class::Structural);
        assert_eq!(class("metadata/role"), Class::Text);
        assert_eq!(class("messages/0/tool_calls/1/function/name"), Class::Name);
        assert_eq!(class("messages/0/tool_calls/1/function/arguments"), Class::Text);
        assert_eq!(class("seed"), Class::Fixed);
        assert_eq!(class("messages/0/role/0"), Class::Text);
    }

    #[test]
    fn no_pattern_is_deeper_than_the_deepest() {
        let all = [
            OPENAI_STRUCTURAL,
            OPENAI_NAMES,
            OPENAI_FIXED,
            ANTHROPIC_STRUCTURAL,
            ANTHROPIC_NAMES,
            ANTHROPIC_FIXED,
            EMBEDDINGS_STRUCTURAL,
            EMBEDDINGS_FIXED,
            responses::STRUCTURAL,
            responses::NAMES,
            responses::FIXED,
        ];
        let deepest = all
            .iter()
            .flat_map(|patterns| patterns.iter())
            .map(|p| p.split('/').count())
            .max();
        assert_eq!(deepest, Some(DEEPEST_PATTERN));
    }

    #[test]
    fn a_number_is_no_token() {
        assert!(is_token("call_4111111111111111") && is_token("claude-sonnet-4"));
        assert!(!is_token("4111-1111-1111-1111") && !is_token("ada@example.com") && !is_token("two words"));
    }

    #[test]
    fn error_pointers_do_not_quote_unknown_keys() {
        assert_eq!(
            pointer(&path("messages/2/content/0/ada@example.com")),
            "/messages/2/content/0/*"
        );
    }
}
