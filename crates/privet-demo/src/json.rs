//! JSON written by hand, so that fields come in the order in which the real providers send them.

use std::fmt::Write as _;

use serde_json::Value;

/// `value` as a JSON string, with quotes.
pub(crate) fn text(value: &str) -> String {
    Value::from(value).to_string()
}

/// An object of `fields`; each value is JSON already.
pub(crate) fn object(fields: &[(&str, String)]) -> String {
    let inner: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}:{value}", text(name)))
        .collect();
    format!("{{{}}}", inner.join(","))
}

/// An array of `items`; each is JSON already.
pub(crate) fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// The JSON word `null`.
pub(crate) fn null() -> String {
    "null".to_owned()
}

/// Which characters a JSON writer spells as `\uXXXX` without need. All of these occur in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// None, as OpenAI and Anthropic do.
    None,
    /// All above ASCII, as Python's `json.dumps` does.
    NonAscii,
    /// `<`, `>` and `&`, as Go's `encoding/json` does.
    Html,
}

/// The same JSON document, spelt another way.
pub(crate) fn respell(json: &str, escape: Escape) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let spelt = match escape {
            Escape::None => false,
            Escape::NonAscii => !c.is_ascii(),
            Escape::Html => matches!(c, '<' | '>' | '&'),
        };
        if spelt {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_respelt_document_reads_the_same() {
        let json = object(&[
            ("a", text("Grüße 日本 🔒 <X>\"\n")),
            ("b", array(&[null(), "1".to_owned()])),
        ]);
        let value: Value = serde_json::from_str(&json).unwrap();
        for escape in [Escape::None, Escape::NonAscii, Escape::Html] {
            assert_eq!(
                serde_json::from_str::<Value>(&respell(&json, escape)).unwrap(),
                value
            );
        }
        assert!(respell(&json, Escape::NonAscii).contains("\\ud83d\\udd12"));
        assert!(respell(&json, Escape::Html).contains("\\u003cX\\u003e"));
    }
}
