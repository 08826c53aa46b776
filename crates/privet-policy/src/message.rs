//! Turns what the deserialiser says into something a person can act on, with every value of the document left out.

use crate::nearest::nearest;

/// Rewrites a deserialiser's `message`. Messages it does not know pass unchanged: they are this crate's own, or
/// fixed texts, and hold no values.
pub(crate) fn plain(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown("unknown key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        return unknown("unknown choice", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown entity `") {
        return unknown_entity(rest);
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("{name} is missing");
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            return mismatch(rest);
        }
    }
    match message {
        "wanted string or table" => "expected text in quotes".to_owned(),
        own => own.to_owned(),
    }
}

/// `rest`: `written`, expected one of `a`, `b`. What was written is not repeated; it may be a pasted key.
fn unknown(what: &str, rest: &str) -> String {
    let (written, expected) = rest.rsplit_once("`, expected ").unwrap_or((rest, ""));
    // `one of a`, `b` or a lone name: every second piece between backticks is a name.
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    suggest(what, written, &known)
}

fn unknown_entity(rest: &str) -> String {
    let (written, known) = rest.rsplit_once("`; known ones: ").unwrap_or((rest, ""));
    suggest("unknown entity", written, &known.split(", ").collect::<Vec<_>>())
}

pub(crate) fn suggest(what: &str, written: &str, known: &[&str]) -> String {
    let listed = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match nearest(written, known) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("{what}; nothing is known here"),
        None => format!("{what}; known here: {listed}"),
    }
}

/// `rest`: `string "hunter2", expected a map`.
fn mismatch(rest: &str) -> String {
    let (found, expected) = rest
        .rsplit_once(", expected ")
        .unwrap_or((rest, "something else"));
    let found = match found.split([' ', '"', '`']).next().unwrap_or_default() {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "`true` or `false`",
        "sequence" => "an array",
        "map" => "a table",
        _ => "something else",
    };
    let expected = match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number, 0 or more",
        "a boolean" => "`true` or `false`",
        "a sequence" => "an array",
        "a map" => "a table",
        "a string" | "string" => "text in quotes",
        "path string" => "a path in quotes",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    if expected.starts_with(found) {
        format!("expected {expected}")
    } else {
        format!("expected {expected}, found {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_repeated_even_if_it_imitates_the_message() {
        let said = plain("invalid type: string \"sk-1, expected me\", expected a map");
        assert_eq!(said, "expected a table, found text in quotes");
        let said = plain("unknown variant `sk-1`, expected `x`, expected `text` or `json`");
        assert_eq!(said, "unknown choice; known here: `text`, `json`");
    }
}
