//! The values of a structured document, and how each is written back.

use std::fmt::Write;

/// One value of a document, and all that stands between it and the value before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The document since the end of the leaf before, as it is written.
    pub before: Vec<u8>,
    /// The value as it is written, with its quotes.
    pub raw: Vec<u8>,
    /// The value itself; empty behind the last one.
    pub text: String,
    /// The name that stands for it: key, column.
    pub context: Option<String>,
    /// Where it is.
    pub at: At,
    /// What it is.
    pub kind: Kind,
    /// Line feeds before it.
    pub line: u64,
    /// Code points before it in its line.
    pub column: u64,
}

/// Where a value is in its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A JSON pointer, RFC 6901; of a key, the pointer to its value.
    Pointer {
        /// The pointer.
        pointer: String,
        /// Whether it is the key, not the value.
        is_key: bool,
    },
    /// A cell of a table.
    Cell {
        /// Counted from 1 with the header.
        record: u64,
        /// Counted from 1.
        field: u64,
        /// What the header calls it.
        name: Option<String>,
    },
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string, or a key.
    JsonString,
    /// A number. Becomes a string if it is changed.
    JsonNumber,
    /// A field of a table with this delimiter.
    Cell(u8),
    /// What stands behind the last value.
    End,
}

/// How a value is written where there is more than one way. As a number, for the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writing(pub u8);

impl Writing {
    /// JSON: all but ASCII is escaped.
    const ASCII: u8 = 1;
    /// JSON: `/` is escaped.
    const SLASH: u8 = 2;
    /// JSON: without quotes, a number. CSV: quoted even if it needs not be.
    pub const OTHER: u8 = 4;

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// How the value is written once it is `text`: a number becomes a string, and an empty cell is quoted, since an empty
    /// line would be no record.
    #[must_use]
    pub const fn for_changed(self, kind: Kind, text: &str) -> Self {
        match kind {
            Kind::Cell(_) if text.is_empty() => Self(Self::OTHER),
            Kind::Cell(_) => self,
            _ => Self(self.0 & !Self::OTHER),
        }
    }
}

impl Leaf {
    /// The writing that makes `raw` of `text`; the plain one if none does.
    #[must_use]
    pub fn writing(&self) -> Writing {
        (0..8)
            .map(Writing)
            .find(|writing| write(&self.text, self.kind, *writing).as_bytes() == self.raw)
            .unwrap_or_default()
    }
}

/// `text` as a value of `kind`.
#[must_use]
pub fn write(text: &str, kind: Kind, writing: Writing) -> String {
    match kind {
        Kind::JsonNumber | Kind::JsonString if writing.has(Writing::OTHER) => text.to_owned(),
        Kind::JsonNumber | Kind::JsonString => json_string(text, writing),
        Kind::Cell(delimiter) => cell(text, delimiter, writing.has(Writing::OTHER)),
        Kind::End => String::new(),
    }
}

fn json_string(text: &str, writing: Writing) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if writing.has(Writing::SLASH) => out.push_str("\\/"),
            c if c < ' ' || (writing.has(Writing::ASCII) && !(' '..='~').contains(&c)) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn cell(text: &str, delimiter: u8, is_quoted: bool) -> String {
    let needs_quotes = |c: char| c == '"' || c == '\n' || c == '\r' || c == char::from(delimiter);
    // At the start of a file U+FEFF would be read as a byte order mark.
    if !is_quoted && !text.contains(needs_quotes) && !text.starts_with('\u{feff}') {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_their_document_writes_them() {
        let leaf = |raw: &str, text: &str, kind| Leaf {
            before: Vec::new(),
            raw: raw.as_bytes().to_vec(),
            text: text.to_owned(),
            context: None,
            at: At::Pointer {
                pointer: String::new(),
                is_key: false,
            },
            kind,
            line: 0,
            column: 0,
        };
        for (raw, text, kind) in [
            (r#""é / 😀""#, "é / 😀", Kind::JsonString),
            (r#""\u00e9 / \ud83d\ude00""#, "é / 😀", Kind::JsonString),
            (r#""\u00e9 \/ x""#, "é / x", Kind::JsonString),
            ("4.5", "4.5", Kind::JsonNumber),
            ("a b", "a b", Kind::Cell(b',')),
            ("\"a\"", "a", Kind::Cell(b',')),
            ("\"a;\"\"b\"", "a;\"b", Kind::Cell(b';')),
        ] {
            let leaf = leaf(raw, text, kind);
            assert_eq!(write(text, kind, leaf.writing()), raw);
        }
        assert_eq!(write("a,\"b", Kind::Cell(b','), Writing(0)), "\"a,\"\"b\"");
    }
}
