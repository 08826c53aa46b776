//! Messages of the Model Context Protocol (JSON-RPC 2.0), in either direction.
//!
//! # Source
//! The schemas of MCP 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28, <https://modelcontextprotocol.io/specification>.

use super::{Class, Step};
use crate::PartKind;
use crate::json::{Kind, Value};

/// Fields that are roles, types and the like, wherever they stand. What is no short token in them is looked at.
const STRUCTURAL: &[&str] = &[
    "jsonrpc",
    "method",
    "type",
    "role",
    "mimeType",
    "protocolVersion",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/logLevel",
    "resultType",
    "level",
    "stopReason",
    "action",
    "mode",
    "status",
    "taskId",
];

/// Fields that hold versions of the protocol, which are dates.
const VERSIONS: &[&str] = &[
    "protocolVersion",
    "io.modelcontextprotocol/protocolVersion",
    "supportedVersions",
    "supported",
    "requested",
];

/// Names by which the other side knows its own things: replaced, they would name nothing any more.
const NAMED: &[&str] = &["tools", "prompts"];

fn key<'p>(path: &'p [Step<'_>], index: usize) -> Option<&'p str> {
    match path.get(index) {
        Some(Step::Key(key)) => Some(key.as_ref()),
        _ => None,
    }
}

/// Whether the value at `path` numbers a message or its progress.
fn is_number_of_message(path: &[Step<'_>]) -> bool {
    match path.len() {
        1 => key(path, 0) == Some("id"),
        2 => key(path, 0) == Some("params") && matches!(key(path, 1), Some("progressToken" | "requestId")),
        3 => {
            key(path, 0) == Some("params")
                && key(path, 1) == Some("_meta")
                && matches!(key(path, 2), Some("progressToken"))
        }
        _ => false,
    }
}

/// As [`super::classify`].
pub(super) fn classify(path: &[Step<'_>]) -> Class {
    let Some(last) = path.len().checked_sub(1).and_then(|at| key(path, at)) else {
        return Class::Text;
    };
    if is_number_of_message(path) {
        return Class::Sealed;
    }
    if key(path, 0) == Some("error") && last == "code" && path.len() == 2 {
        return Class::Fixed;
    }
    // `params/name` of a call, and the names in a list of what there is.
    let is_name = last == "name"
        && (path.len() == 2 || (path.len() == 4 && key(path, 1).is_some_and(|list| NAMED.contains(&list))));
    if is_name {
        return Class::Fixed;
    }
    let in_arguments = (0..path.len().saturating_sub(1)).any(|at| {
        matches!(
            key(path, at),
            Some("arguments" | "structuredContent" | "properties")
        )
    });
    if STRUCTURAL.contains(&last) && !in_arguments {
        return Class::Structural;
    }
    Class::Text
}

/// As [`super::classify_part`]: pictures, sound and files, which come as base64.
pub(super) fn classify_part(part: Value<'_>) -> Option<Class> {
    let holds = |field: &str| part.get_str(field).is_some_and(|text| !text.is_empty());
    if part.kind() != Kind::Object {
        return None;
    }
    if holds("blob") {
        let media = part.get_str("mimeType").unwrap_or_default();
        return Some(Class::Opaque(kind_of(&media)));
    }
    if !holds("data") {
        return None;
    }
    match part.get_str("type")?.as_ref() {
        "image" => Some(Class::Opaque(PartKind::Image)),
        "audio" => Some(Class::Opaque(PartKind::Audio)),
        "video" | "file" | "document" => Some(Class::Opaque(PartKind::File)),
        _ => None,
    }
}

fn kind_of(media: &str) -> PartKind {
    if media.starts_with("image/") {
        PartKind::Image
    } else if media.starts_with("audio/") {
        PartKind::Audio
    } else {
        PartKind::File
    }
}

/// Whether the string at `path` means something to its sender alone, and is nothing but base64: where a list goes on, and what
/// a server that keeps nothing wants back.
pub(super) fn is_sealed(path: &[Step<'_>], value: &str) -> bool {
    let is_version = (0..path.len()).any(|at| key(path, at).is_some_and(|key| VERSIONS.contains(&key)))
        && value.len() == 10
        && value.bytes().enumerate().all(|(at, b)| {
            if matches!(at, 4 | 7) {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
    if is_version {
        return true;
    }
    let names_message = is_number_of_message(path) && value.len() <= 256;
    let is_its_own =
        path.len() == 2 && matches!(key(path, 1), Some("nextCursor" | "cursor" | "requestState"));
    let is_base64 = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b':'));
    (names_message || is_its_own) && is_base64 && !super::is_bare_number(value)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn class(text: &'static str) -> Class {
        let step = |p: &'static str| p.parse().map_or(Step::Key(Cow::Borrowed(p)), Step::Item);
        let path: Vec<_> = text.split('/').map(step).collect();
        classify(&path)
    }

    #[test]
    fn what_numbers_a_message_is_left_alone_and_what_is_said_in_it_is_not() {
        assert_eq!(class("id"), Class::Sealed);
        assert_eq!(class("params/_meta/progressToken"), Class::Sealed);
        assert_eq!(class("params/arguments/id"), Class::Text);
        assert_eq!(class("result/structuredContent/id"), Class::Text);
        assert_eq!(class("result/content/0/text"), Class::Text);
        assert_eq!(class("error/message"), Class::Text);
    }

    #[test]
    fn names_of_tools_cannot_be_replaced_and_names_in_arguments_can() {
        assert_eq!(class("params/name"), Class::Fixed);
        assert_eq!(class("result/tools/0/name"), Class::Fixed);
        assert_eq!(class("params/arguments/name"), Class::Text);
        assert_eq!(class("result/content/0/type"), Class::Structural);
        assert_eq!(class("params/arguments/type"), Class::Text);
        assert_eq!(class("result/structuredContent/role"), Class::Text);
    }
}
